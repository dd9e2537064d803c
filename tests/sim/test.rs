//! Short worlds, as many as a test may take. Longer ones: `cargo run --profile proof -p sim -- --help`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod heat_small;

use sim::{Outcome, Wish, run};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Worlds of a test. Each is one evening of a few buyers.
const WORLDS: u64 = 1_000;

/// Runs the seeds on every core, and hands on what came of each.
fn every(seeds: u64, orders_max: u32) -> Vec<Outcome> {
    let next = AtomicU64::new(0);
    let run_some = || {
        let mut outcomes = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= seeds {
                return outcomes;
            }
            outcomes.push(run(Wish { seed, orders_max, keeps_lines: false }));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run_some)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Small worlds: nothing that must not be, at any event and at the end.
#[test]
fn worlds() {
    let outcomes = every(WORLDS, 3);
    let mut faults: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut payments, mut shown) = (0, 0);
    for outcome in outcomes {
        assert!(outcome.violations.is_empty(), "seed {} of 3: {:#?}", outcome.seed, outcome.violations);
        payments += outcome.payments;
        shown += outcome.delivered;
        for (what, count) in outcome.faults {
            *faults.entry(what).or_default() += count;
        }
    }
    // Worlds in which nothing goes wrong, or nobody buys, prove little.
    assert!(payments > WORLDS && shown > WORLDS / 2, "{payments} payments, {shown} deliveries");
    for fault in [
        "call lost",
        "reply lost",
        "call that arrives after it was given up",
        "throttled",
        "died after a call",
        "frozen function",
    ] {
        assert!(faults.get(fault).is_some_and(|count| *count > 20), "{fault}: {faults:?}");
    }
}

/// One seed is one journal, byte for byte.
#[test]
fn a_seed_tells_the_same_story_twice() {
    for seed in 0..10 {
        let wish = Wish { seed, orders_max: 6, keeps_lines: true };
        let (first, second) = (run(wish), run(wish));
        let at = first.lines.lines().zip(second.lines.lines()).position(|(a, b)| a != b);
        assert!(first.lines == second.lines, "seed {seed} goes another way at line {at:?}");
        assert!(first.events > 100, "seed {seed}: {} lines", first.events);
    }
}

/// Worlds in which something was wrong once. Each line of `seeds.txt` is a seed, the size of its world, and what it found.
#[test]
fn worlds_that_found_something() {
    let mut worlds = 0;
    for line in include_str!("seeds.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).unwrap();
        let (seed, size) = (number(), number());
        let outcome = run(Wish { seed, orders_max: u32::try_from(size).unwrap(), keeps_lines: false });
        assert!(outcome.violations.is_empty(), "{line}: {:#?}", outcome.violations);
        worlds += 1;
    }
    assert!(worlds > 0);
}
