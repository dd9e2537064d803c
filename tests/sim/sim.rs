//! `cargo run --profile worlds -p sim -- --orders 3000000 --size 1500`: worlds until so many orders were made, over all cores, and a verdict.

#![allow(clippy::unwrap_used, clippy::float_arithmetic, clippy::print_stdout, reason = "a test's program")]

use local::engine::EngineKind;
use sim::{Outcome, Wish, run};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Instant;

/// Two threads that make a hundred small things for each call of the SDK spend an eighth of their time in the system's allocator.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELP: &str = "Runs seeded worlds and judges them.

  --orders N    run worlds until buyers set out to make N orders (default 20000)
  --seeds A..B  run these seeds instead
  --size N      orders of a world at the most (default 400)
  --log SEED    run one seed and print its journal
  --twice       run every seed twice and compare the journals
  --engine E    what holds the tables: quick (default) or embedded, which tell the same story
  --threads N   worlds at a time (default: as many as there are cores)
";

struct Options {
    orders: u64,
    seeds: Option<(u64, u64)>,
    size: u32,
    log: Option<u64>,
    twice: bool,
    threads: usize,
    engine: EngineKind,
}

fn options() -> Result<Option<Options>, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let engine = EngineKind::Quick;
    let mut options = Options { orders: 20_000, seeds: None, size: 400, log: None, twice: false, threads, engine };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let mut value = || args.next().ok_or(format!("{name} needs a value"));
        let number = |text: String| text.replace('_', "").parse::<u64>().map_err(|_| format!("{text} is no number"));
        match name.as_str() {
            "--help" | "-h" => return Ok(None),
            "--orders" => options.orders = number(value()?)?,
            "--size" => options.size = u32::try_from(number(value()?)?).map_err(|_| "--size is too large")?,
            "--threads" => {
                options.threads = usize::try_from(number(value()?)?).map_err(|_| "--threads is too large")?
            }
            "--log" => options.log = Some(number(value()?)?),
            "--twice" => options.twice = true,
            "--engine" => {
                options.engine = match value()?.as_str() {
                    "quick" => EngineKind::Quick,
                    "embedded" => EngineKind::Embedded,
                    other => return Err(format!("{other} is no engine; --help names them")),
                }
            }
            "--seeds" => {
                let text = value()?;
                let (from, to) = text.split_once("..").ok_or("--seeds is A..B")?;
                options.seeds = Some((number(from.to_owned())?, number(to.to_owned())?));
            }
            other => return Err(format!("{other} is no option; --help names them all")),
        }
    }
    if options.size == 0 || options.threads == 0 {
        return Err("--size and --threads are at least 1".to_owned());
    }
    Ok(Some(options))
}

#[derive(Default)]
struct Sums {
    worlds: u64,
    wanted: u64,
    orders: u64,
    delivered: u64,
    payments: u64,
    by_hand: u64,
    events: u64,
    virtual_ms: u64,
    faults: BTreeMap<&'static str, u64>,
    failed: Vec<(u64, Vec<String>)>,
}

impl Sums {
    fn add(&mut self, outcome: Outcome) {
        self.worlds += 1;
        self.wanted += outcome.wanted;
        self.orders += outcome.orders;
        self.delivered += outcome.delivered;
        self.payments += outcome.payments;
        self.by_hand += outcome.by_hand;
        self.events += outcome.events;
        self.virtual_ms += outcome.virtual_ms;
        for (what, count) in outcome.faults {
            *self.faults.entry(what).or_default() += count;
        }
        if !outcome.violations.is_empty() {
            self.failed.push((outcome.seed, outcome.violations));
        }
    }
}

/// The commit that this was built from, as far as git says.
fn commit() -> String {
    let output = std::process::Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    output.ok().and_then(|o| String::from_utf8(o.stdout).ok()).map_or_else(String::new, |text| text.trim().to_owned())
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
    if let Some(seed) = options.log {
        let outcome = run(Wish { seed, orders_max: options.size, engine: options.engine, keeps_lines: true });
        println!("{}{:?}", outcome.lines, outcome.violations);
        return if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let began = Instant::now();
    let (first, last) = options.seeds.unwrap_or((0, u64::MAX));
    let next = Arc::new(AtomicU64::new(first));
    let wanted = Arc::new(AtomicU64::new(0));
    let (send, receive) = mpsc::channel();
    let threads: Vec<_> = (0..options.threads)
        .map(|_| {
            let (next, wanted, send) = (next.clone(), wanted.clone(), send.clone());
            let (orders, size, twice, by_seed) = (options.orders, options.size, options.twice, options.seeds.is_some());
            let engine = options.engine;
            std::thread::spawn(move || {
                while by_seed || wanted.load(Ordering::SeqCst) < orders {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= last {
                        return;
                    }
                    let wish = Wish { seed, orders_max: size, engine, keeps_lines: twice };
                    let mut outcome = run(wish);
                    if twice {
                        let again = run(wish);
                        if (again.sum, &again.lines) != (outcome.sum, &outcome.lines) {
                            outcome.violations.push("the second run is another one".to_owned());
                        }
                    }
                    wanted.fetch_add(outcome.wanted, Ordering::SeqCst);
                    if send.send(outcome).is_err() {
                        return;
                    }
                }
            })
        })
        .collect();
    drop(send);
    let sums = Mutex::new(Sums::default());
    let mut told = Instant::now();
    for outcome in receive {
        let mut sums = sums.lock().unwrap();
        for wrong in &outcome.violations {
            println!("seed {} --size {} at {}: {wrong}", outcome.seed, options.size, commit());
        }
        sums.add(outcome);
        if told.elapsed().as_secs() >= 60 {
            told = Instant::now();
            println!("  {} orders in {} worlds, {} s", sums.wanted, sums.worlds, began.elapsed().as_secs());
        }
    }
    let panicked = threads.into_iter().filter_map(|thread| thread.join().err()).count();
    let sums = sums.into_inner().unwrap();
    println!(
        "seeds {first}..{}, {} worlds of at most {} orders, {:?} engine, commit {}",
        next.load(Ordering::SeqCst).min(last),
        sums.worlds,
        options.size,
        options.engine,
        commit()
    );
    println!("orders set out for {}, made {}, delivered {}", sums.wanted, sums.orders, sums.delivered);
    println!("payments {}, of which a person decided or sent back {}", sums.payments, sums.by_hand);
    println!("events {}, virtual hours {}", sums.events, sums.virtual_ms / 3_600_000);
    for (what, count) in &sums.faults {
        println!("  {count:>10} {what}");
    }
    if panicked > 0 {
        println!("a world panicked");
    }
    let failed = sums.failed.len() as u64;
    // With none in n, three in n is the bound that holds in nineteen of twenty cases.
    let bound = if failed == 0 { 3.0 / sums.payments.max(1) as f64 } else { f64::NAN };
    println!(
        "worlds with differences {failed}; difference rate {}; 95 % bound {bound:.2e} of a payment",
        if failed == 0 { "0".to_owned() } else { format!("at least {failed} in {}", sums.payments) }
    );
    println!("{} s", began.elapsed().as_secs());
    if failed == 0 && panicked == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
