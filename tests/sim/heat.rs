//! `cargo run --profile worlds -p sim --bin heat`: a sale of thousands of orders a second on one product, as the model says it.

#![allow(clippy::print_stdout, reason = "a program")]

use sim::heat::buckets::{FRESH_WRITES, ITEM_WRITES};
use sim::heat::calibrate::{Size, calibrate};
use sim::heat::report::Report;
use sim::heat::story::{Wish, run};
use std::process::ExitCode;

const HELP: &str = "Runs a sale on one product through a model of DynamoDB's limits and says what the model says.

  --rate N      orders a second (default 3000)
  --seconds N   how long the sale lasts, a quarter of it ramp (default 12)
  --stock N     cards, rounded up to whole strips of 48 (default: two thirds of what the buyers want)
  --seed N      (default 1)
  --sale        the sale alone: quicker, and without calibration no verdict
  --burst       partitions have five minutes of unused capacity: the best case, which is no verdict
";

/// What is to be run, and whether without calibration.
fn wish() -> Result<Option<(Wish, bool)>, String> {
    let mut is_alone = false;
    let mut wish = Wish { rate: 3_000, seconds: 12, stock: None, seed: 1, burst: false, times: true };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        if name == "--help" || name == "-h" {
            return Ok(None);
        }
        match name.as_str() {
            "--burst" => wish.burst = true,
            "--sale" => is_alone = true,
            _ => {}
        }
        if name == "--burst" || name == "--sale" {
            continue;
        }
        let text = args.next().ok_or(format!("{name} needs a value"))?;
        let number = text.replace('_', "").parse::<u64>().map_err(|_| format!("{text} is no number"))?;
        let small = || u32::try_from(number).map_err(|_| format!("{name} is too large"));
        match name.as_str() {
            "--rate" => wish.rate = small()?,
            "--seconds" => wish.seconds = number,
            "--stock" => wish.stock = Some(small()?),
            "--seed" => wish.seed = number,
            other => return Err(format!("{other} is no option; --help names them all")),
        }
    }
    if wish.rate < 20 || wish.seconds < 4 {
        return Err("--rate is at least 20 and --seconds at least 4".to_owned());
    }
    Ok(Some((wish, is_alone)))
}

fn main() -> ExitCode {
    let (wish, is_alone) = match wish() {
        Ok(Some(wished)) => wished,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::FAILURE;
        }
    };
    if is_alone {
        print!("{}", run(wish, Report::default()).report.text());
        println!("Not calibrated, so no verdict.");
        return ExitCode::FAILURE;
    }
    let mut report = Report::default();
    calibrate(Size { rate: 3_000, seconds: 6, item: ITEM_WRITES, fresh: FRESH_WRITES, seed: wish.seed }, &mut report);
    print!("{}", report.text());
    if !report.unmet.is_empty() {
        println!("The model is not calibrated, so it says nothing.");
        return ExitCode::FAILURE;
    }
    let outcome = run(wish, Report::default());
    print!("{}", outcome.report.text());
    if outcome.report.unmet.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
