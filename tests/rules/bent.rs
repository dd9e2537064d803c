//! `cargo run -p rules --example bent`: makes the committed table of what cargo-mutants found. Started by `.ci/mutants`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test's program")]

use rules::bent::{Outcomes, REASONS, TABLE, root};
use std::process::ExitCode;

const HELP: &str = "bent LIST OUTCOMES...     writes the table, and says what has no reason, or a reason without need
bent --part OUTCOMES...   not all were tried: says what has no reason, and writes no table

  LIST       what `cargo mutants --list --json` prints: every one of these must have been tried
  OUTCOMES   files outcomes.json of runs of the same sources, the last one last: it is right about what it tried again";

/// What became of the bends, and whether these are not all.
fn read(args: &[String]) -> Result<(Outcomes, bool), String> {
    let file = |path: &String| std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let (Some((first, outcomes)), true) = (args.split_first(), args.len() > 1) else { return Err(HELP.to_owned()) };
    let mut all = Outcomes::default();
    for path in outcomes {
        all.add(&file(path)?).map_err(|wrong| format!("{path}: {wrong}"))?;
    }
    let is_part = first == "--part";
    if !is_part {
        all.keep(&file(first)?)?;
    }
    Ok((all, is_part))
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (outcomes, is_part) = match read(&args) {
        Ok(told) => told,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::FAILURE;
        }
    };
    if !is_part {
        std::fs::write(root().join(TABLE), outcomes.table(REASONS)).unwrap();
    }
    let wrong = outcomes.wrong(REASONS, is_part);
    wrong.iter().for_each(|sentence| println!("{sentence}"));
    let all = outcomes.all();
    println!(
        "{} viable: {} caught, {} timed out, {} missed; {} not viable; {} wrong",
        all.viable(),
        all.caught,
        all.timed_out,
        all.missed,
        all.unviable,
        wrong.len()
    );
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
