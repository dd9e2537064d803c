//! Short worlds, as many as a test may take. Longer ones: `cargo run --profile worlds -p sim -- --help`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod heat_small;

use local::engine::EngineKind;
use sim::{Outcome, Wish, run};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Worlds of a test. Each is one evening of a few buyers.
const WORLDS: u64 = 1_000;

/// How many of them stand on the embedded engine.
const EMBEDDED: u64 = 100;

/// Worlds that are run on both engines, and the orders of the largest.
const SHARED: u64 = 20;
const SHARED_ORDERS: u32 = 20;

/// Runs the seeds on every core, and hands on what came of each.
fn every<T: Send>(seeds: Range<u64>, one: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(seeds.start);
    let run_some = || {
        let mut outcomes = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= seeds.end {
                return outcomes;
            }
            outcomes.push(one(seed));
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
    let small = |engine| move |seed| run(Wish { seed, orders_max: 3, engine, keeps_lines: false });
    let mut outcomes: Vec<Outcome> = every(0..EMBEDDED, small(EngineKind::Embedded));
    outcomes.extend(every(EMBEDDED..WORLDS, small(EngineKind::Quick)));
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
        let wish = Wish { seed, orders_max: 6, engine: EngineKind::Quick, keeps_lines: true };
        let first = same(seed, &wish, &wish);
        assert!(first.events > 100, "seed {seed}: {} lines", first.events);
    }
}

/// Runs a seed in two ways whose journals have to be the same, byte for byte.
fn same(seed: u64, one: &Wish, other: &Wish) -> Outcome {
    let (first, second) = (run(*one), run(*other));
    let parts = first.lines.lines().zip(second.lines.lines()).find(|(a, b)| a != b);
    assert!(first.lines == second.lines, "seed {seed} goes another way: {parts:#?}");
    first
}

/// What stands beneath the shop is no part of the story: the same seeds on both engines, faults and all, in the same journals.
#[test]
fn both_engines_tell_the_same_story() {
    let stories = every(0..SHARED, |seed| {
        let on = |engine| Wish { seed, orders_max: SHARED_ORDERS, engine, keeps_lines: true };
        same(seed, &on(EngineKind::Embedded), &on(EngineKind::Quick))
    });
    let (orders, events) = stories.iter().fold((0, 0), |(o, e), story| (o + story.orders, e + story.events));
    assert!(orders > SHARED * 3 && events > SHARED * 1_000, "{orders} orders, {events} lines");
}

/// Worlds in which something was wrong once. Each line of `seeds.txt` is a seed, the size of its world, and what it found.
#[test]
fn worlds_that_found_something() {
    let mut worlds = 0;
    for line in include_str!("seeds.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).unwrap();
        let (seed, size) = (number(), number());
        let orders_max = u32::try_from(size).unwrap();
        let outcome = run(Wish { seed, orders_max, engine: EngineKind::Quick, keeps_lines: false });
        assert!(outcome.violations.is_empty(), "{line}: {:#?}", outcome.violations);
        worlds += 1;
    }
    assert!(worlds > 0);
}
