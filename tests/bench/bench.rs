//! `.ci/bench`: how long every function takes to start and to answer first, and how large it is, as multiples of the smallest
//! function there is.
//!
//! Every program is started again and again, in turns, so that whatever else the machine does meets all of them alike. A start
//! is measured from before the process exists until it asks for its first event. Real Lambda adds the sandbox, a slower processor
//! and the network: what is compared here is what the code adds.
//!
//! It is no test: numbers of one machine are no promise of another.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark's program")]

mod aws;
mod event;
mod host;
mod http;
mod table;

use host::Sample;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str =
    "usage: bench FOLDER [--times N]\n\nFOLDER holds NAME/bootstrap for every function and for `minimal`.";

/// What is printed goes to whoever watches.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// One function and what was measured of it.
struct Program {
    name: String,
    path: PathBuf,
    samples: Vec<Sample>,
}

/// The functions by their manifest, after the one they are compared with.
fn programs(folder: &Path) -> Vec<Program> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions/Cargo.toml");
    let text = std::fs::read_to_string(manifest).unwrap();
    let named = text.split("[[bin]]").skip(1).filter_map(|bin| bin.split('"').nth(1));
    let names = std::iter::once(table::MINIMAL).chain(named);
    names
        .map(|name| Program { name: name.to_owned(), path: folder.join(name).join("bootstrap"), samples: Vec::new() })
        .collect()
}

fn measure(folder: &Path, times: usize) -> std::io::Result<()> {
    let aws = aws::Aws::start()?;
    let mut programs = programs(folder);
    // The first turn brings the files into memory and is not counted.
    for turn in 0..=times {
        for program in &mut programs {
            let sample = host::run(&program.path, &program.name, &aws)
                .map_err(|error| std::io::Error::other(format!("{} in turn {turn}: {error}", program.name)))?;
            if turn > 0 {
                program.samples.push(sample);
            }
        }
    }
    say(&table::print(&programs, times)?);
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, times) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [folder] => (folder, Some(40)),
        [folder, "--times", times] => (folder, times.parse().ok().filter(|n| *n > 0)),
        _ => ("", None),
    };
    let Some(times) = times else {
        say(HELP);
        return ExitCode::FAILURE;
    };
    match measure(Path::new(folder), times) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}
