//! `cargo run --profile proof -p rules --example forge`: requests that want to be taken for a provider's, a million for each verifier.
//!
//! The generators are those of the package's tests. Each chunk of requests has a seed of its own, and what panics is named by it.

#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test's program; it uses a part of what the tests' modules hold"
)]

mod alipay_generated;
mod alipay_support;
mod epay_generated;
mod epay_v2_generated;
mod epay_v2_support;
mod generated;
mod stripe_generated;
mod stripe_support;
mod support;
mod usdt_generated;
mod usdt_support;
mod wechat_generated;
mod wechat_support;

use generated::{GENERATORS, Generator, Seen};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

const HELP: &str = "forge [--cases 1000000] [--seed 1] [--kind alipay]

  --cases N     requests for each verifier
  --seed N      of the first chunk of requests; the next chunk has the next seed
  --kind NAME   this verifier alone";

/// Requests from one seed: enough for each generator to see whether it still generates what it should.
const CHUNK: u64 = 10_000;

/// What is to be done.
struct Asked {
    cases: u64,
    seed: u64,
    kinds: Vec<(&'static str, Generator)>,
}

fn read(args: &[String]) -> Option<Asked> {
    let mut asked = Asked { cases: 1_000_000, seed: 1, kinds: GENERATORS.to_vec() };
    for option in args.chunks(2) {
        let [name, value] = option else { return None };
        match name.as_str() {
            "--cases" => asked.cases = value.parse().ok().filter(|cases| *cases > 0)?,
            "--seed" => asked.seed = value.parse().ok()?,
            "--kind" => asked.kinds.retain(|(kind, _)| kind == value),
            _ => return None,
        }
    }
    (!asked.kinds.is_empty()).then_some(asked)
}

/// Tries one verifier on all cores. `None` when something panicked; what it was is printed then.
fn forge(kind: &str, generate: Generator, cases: u64, seed: u64) -> Option<Seen> {
    let (next, panicked, all) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(Seen::default()));
    let work = || {
        while !panicked.load(Ordering::Relaxed) {
            let chunk = next.fetch_add(1, Ordering::Relaxed);
            let Some(left) = chunk.checked_mul(CHUNK).and_then(|done| cases.checked_sub(done)).filter(|left| *left > 0)
            else {
                return;
            };
            let (count, seed) = (left.min(CHUNK), seed.wrapping_add(chunk));
            match std::panic::catch_unwind(|| generate(count, seed)) {
                Ok(seen) => all.lock().unwrap().join(seen),
                Err(_) => {
                    panicked.store(true, Ordering::Relaxed);
                    eprintln!("{kind}: seed {seed} panicked; again: --kind {kind} --cases {count} --seed {seed}");
                }
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work))));
    (!panicked.into_inner()).then(|| all.into_inner().unwrap())
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(asked) = read(&args) else {
        eprintln!("{HELP}");
        return ExitCode::FAILURE;
    };
    let mut is_good = true;
    println!(
        "{:<10} {:>12} {:>12} {:>12} {:>12} {:>8}",
        "verifier", "cases", "accepted", "of them paid", "refused", "seconds"
    );
    for (kind, generate) in asked.kinds {
        let began = Instant::now();
        let Some(Seen { accepted, paid, refused }) = forge(kind, generate, asked.cases, asked.seed) else {
            is_good = false;
            continue;
        };
        let seconds = began.elapsed().as_secs();
        println!("{kind:<10} {:>12} {accepted:>12} {paid:>12} {refused:>12} {seconds:>8}", accepted + refused);
        // A verifier that says the same to everything was not tried.
        if asked.cases >= CHUNK && (paid == 0 || refused == 0) || accepted + refused != asked.cases {
            eprintln!("{kind}: not every case was tried, or nothing was accepted, or nothing refused");
            is_good = false;
        }
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
