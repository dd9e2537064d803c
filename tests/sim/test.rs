//! Short worlds, as many as a test may take. Longer ones: `cargo run --profile proof -p sim -- --help`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod heat_small;

use sim::{Wish, run};

/// Small worlds: nothing that must not be, at any event and at the end.
#[test]
fn worlds() {
    let mut payments = 0;
    for seed in 0..24 {
        let outcome = run(Wish { seed, orders_max: 8, keeps_lines: false });
        assert!(outcome.violations.is_empty(), "seed {seed}: {:#?}", outcome.violations);
        payments += outcome.payments;
    }
    assert!(payments > 50, "{payments} payments prove little");
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
