//! `cargo run -p tests --bin planted`: takes every guard out in turn, looks what notices it, and writes the table.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test's program"
)]

mod programs;

use programs::{Programs, Search};
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tests::mutants::{Check, PAIRS, Row, TABLE, UNSEEN, all, choice, read_table, root, row_text};

const HELP: &str = "Takes every guard out in turn and looks what notices it.

  (nothing)      every guard: what noticed it last time first, then everything that might; writes the table
  --only TEXT    only guards whose name holds this; the other rows stay as they are
  --missing      only guards without a row; the other rows stay as they are
  --again        does not begin with what noticed a guard last time, so that a better check can be found
  --quick        only what noticed it last time, the tests of tables and those of single writes
  --every N      checks every N-th row of the table as it stands, and writes nothing
  --from K       with --every: beginning with row K (default 0; taken modulo N, so that it may be a count of commits)
  --jobs N       processes at a time (default: as many as there are cores)
  --list         prints the names of all guards
";

#[derive(Default)]
struct Options {
    only: Option<String>,
    missing: bool,
    again: bool,
    quick: bool,
    every: Option<usize>,
    from: usize,
    jobs: usize,
    list: bool,
}

fn options() -> Result<Option<Options>, String> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut options = Options { jobs, ..Options::default() };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let mut value = || args.next().ok_or(format!("{name} needs a value"));
        let number = |text: String| text.parse::<usize>().map_err(|_| format!("{text} is no number"));
        match name.as_str() {
            "--help" | "-h" => return Ok(None),
            "--only" => options.only = Some(value()?),
            "--missing" => options.missing = true,
            "--again" => options.again = true,
            "--quick" => options.quick = true,
            "--every" => options.every = Some(number(value()?)?.max(1)),
            "--from" => options.from = number(value()?)?,
            "--jobs" => options.jobs = number(value()?)?.max(1),
            "--list" => options.list = true,
            other => return Err(format!("{other} is no option; --help names them all")),
        }
    }
    Ok(Some(options))
}

/// Which guards are looked at, in the order of their names.
fn wanted(options: &Options, before: &BTreeMap<String, Row>) -> Vec<String> {
    let unseen: BTreeSet<&str> = UNSEEN.iter().map(|(name, _)| *name).collect();
    let seen = all().into_iter().filter(|name| !unseen.contains(name.as_str()));
    let seen = seen.filter(|name| !options.missing || !before.contains_key(name));
    let named: Vec<String> =
        seen.filter(|name| options.only.as_ref().is_none_or(|text| name.contains(text.as_str()))).collect();
    match options.every {
        Some(n) => named.into_iter().skip(options.from % n).step_by(n).collect(),
        None => named,
    }
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::FAILURE;
        }
    };
    if options.list {
        all().iter().for_each(|name| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    let began = Instant::now();
    let before = read_table(&std::fs::read_to_string(root().join(TABLE)).unwrap_or_default());
    let names = wanted(&options, &before);
    println!("building, with planted bugs");
    let programs = Programs::build();
    println!("{} of {} guards, {} s", names.len(), all().len(), began.elapsed().as_secs());
    let found = search(&programs, &names, &before, &options);
    let missed: Vec<&String> = names.iter().filter(|name| !found.contains_key(*name)).collect();
    missed.iter().for_each(|name| println!("NOTHING NOTICES {name}"));
    // A check that fails without any bug proves nothing about the bugs.
    let checks: BTreeSet<Check> = found.values().cloned().collect();
    let sick = programs.sick(&checks);
    sick.iter().for_each(|check| println!("FAILS WITHOUT ANY BUG: {}", check.to_text()));
    if options.every.is_none() {
        std::fs::write(root().join(TABLE), table(&before, &found, &missed)).unwrap();
    }
    println!("{} noticed, {} not, {} s", found.len(), missed.len(), began.elapsed().as_secs());
    if missed.is_empty() && sick.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn search(
    programs: &Programs,
    names: &[String],
    before: &BTreeMap<String, Row>,
    options: &Options,
) -> BTreeMap<String, Check> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let known = before.get(name).and_then(|row| row.check.as_ref()).filter(|_| !options.again);
                    // What stands in the table must hold by itself; the whole search is for whoever writes it.
                    let search = Search { known, further: options.every.is_none(), is_quick: options.quick };
                    let check = programs.what_notices(name, &choice(name), &search);
                    println!("{name}: {}", check.as_ref().map_or("–".to_owned(), Check::to_text));
                    if let Some(check) = check {
                        found.lock().unwrap().insert(name.clone(), check);
                    }
                }
            });
        }
    });
    found.into_inner().unwrap()
}

const HEAD: &str = "# Planted bugs and what notices them

Written by `cargo run -p tests --bin planted`, never by hand. Each row is one guard that is taken out, or one step that goes wrong, and
the check that fails then and without it does not.

| planted bug | noticed by |
|---|---|
";

fn table(before: &BTreeMap<String, Row>, found: &BTreeMap<String, Check>, missed: &[&String]) -> String {
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    for name in all() {
        let why = UNSEEN.iter().find(|(unseen, _)| *unseen == name).map(|(_, why)| format!("– {why}"));
        let row = match (why, found.get(&name), before.get(&name)) {
            (Some(why), ..) => Some(why),
            (_, Some(check), _) => Some(row_text(&name, check)),
            (_, None, Some(row)) if !missed.contains(&&name) => Some(row.text.clone()),
            _ => None,
        };
        if let Some(row) = row {
            rows.insert(name, row);
        }
    }
    assert!(PAIRS.iter().all(|(name, _)| all().contains(*name)), "a pair of a guard that is not there");
    let lines: Vec<String> = rows.iter().map(|(name, row)| format!("| `{name}` | {row} |\n")).collect();
    format!("{HEAD}{}", lines.concat())
}
