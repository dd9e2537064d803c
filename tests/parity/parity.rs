//! Holds other engines against ours: `parity --dynamodb URL --sqs URL`, each of them an implementation that listens on this
//! machine and holds nothing yet. The embedded engine and our queue run beside them, in process and over HTTP.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, reason = "a program for the terminal")]

use std::process::ExitCode;
use std::time::Instant;
use tests::parity::known::{KNOWN, OTHER, OTHER_QUEUES, judge};
use tests::parity::{Difference, Report, Side, differences, plan, queue, race, reads, writes};

/// How many differences are printed in full.
const PRINTED: usize = 40;

fn address(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    let url = arguments.nth(1)?;
    assert!(url.starts_with("http://127.0.0.1:"), "{name} takes an address on 127.0.0.1");
    Some(url)
}

fn tell(what: &str, began: Instant, reports: &[Report]) -> Vec<Difference> {
    let found = differences(reports);
    for report in reports {
        let outcomes: Vec<String> = report.outcomes().into_iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        println!("{what} | {:<20} | {} things seen | {}", report.side, report.lines.len(), outcomes.join(", "));
    }
    println!("{what}: {} differences, {:.1?}", found.len(), began.elapsed());
    found
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut sides = vec![Side::in_process(), Side::own_front().await, Side::engines_server().await];
    if let Some(url) = address("--dynamodb") {
        sides.push(Side::at(OTHER, &url).await);
    }
    let names: Vec<&str> = sides.iter().map(|side| side.name).collect();
    let mut faults = Vec::new();

    let began = Instant::now();
    let plan = plan().await;
    println!("planned in {:.1?}", began.elapsed());
    let states: usize = plan.iter().map(|plan| plan.states()).sum();
    println!("{} writes in {states} states, each twice, on {}", plan.len(), names.join(", "));
    let mut found = tell("writes", began, &writes(&plan, &sides).await);
    let began = Instant::now();
    found.extend(tell("reads", began, &reads(&sides).await));

    for side in &sides {
        let race = race::run(side).await;
        println!("race | {:<20} | {race:?}", side.name);
        if race != race::Race::FAIR {
            faults.push(format!("{}: {race:?} instead of {:?}", side.name, race::Race::FAIR));
        }
    }

    let mut queues = vec![Side::in_process(), Side::own_front().await];
    if let Some(url) = address("--sqs") {
        queues.push(Side::queues_at(OTHER_QUEUES, &url));
    }
    let began = Instant::now();
    found.extend(tell("queues", began, &queue::run(&queues).await));
    let names: Vec<&str> = sides.iter().chain(&queues).map(|side| side.name).collect();

    faults.extend(judge(&found, KNOWN, &names));
    for fault in faults.iter().take(PRINTED) {
        println!("\n{fault}");
    }
    if faults.is_empty() {
        for known in KNOWN.iter().filter(|known| names.contains(&known.side)) {
            println!("known | {}: {} | {}", known.side, known.case, known.reason);
        }
        println!("the engines agree; {} differences are known", found.len());
        return ExitCode::SUCCESS;
    }
    println!("\n{} faults", faults.len());
    ExitCode::FAILURE
}
