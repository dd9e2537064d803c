//! What is known of DynamoDB must come out of the model before anything unknown may be read from it.

use super::latency::poisson;
use super::report::{HEAD, Report, Row};
use super::rivals::{Design, Load, run};
use super::story;
use super::wire::{CREATE, Heat, Setting, Wire};
use fastrand::Rng;
use local::engine::EngineKind;
use local::seam::{Call, Carried};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Tables that are large enough for every design, so that what fails is the design.
pub const READY: i64 = 40_000;

/// How large a calibration is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Orders a second on a counter.
    pub rate: u32,
    /// Seconds of each run.
    pub seconds: u64,
    /// Writes a second that an item takes: [`super::buckets::ITEM_WRITES`], or less where time is short.
    pub item: i64,
    /// Writes a second that a new table takes: [`super::buckets::FRESH_WRITES`], or less where time is short.
    pub fresh: i64,
    /// The seed.
    pub seed: u64,
}

/// Every calibration: rows for the reader, demands for the verdict.
pub fn calibrate(size: Size, report: &mut Report) {
    report.line("Calibration: what is known of DynamoDB, as the model says it");
    report.line(HEAD);
    let load = Load { rate: size.rate, seconds: size.seconds, stock: u32::MAX / 2, seed: size.seed };
    let ready = Setting { writes: READY, reads: READY, item_writes: size.item, ..Setting::default() };
    let counter = run(Design::Counter, "B  one counter, then the order", load, ready);
    report.line(&counter);
    let transaction = run(Design::Transaction, "A  counter and order together", load, ready);
    report.line(&transaction);
    let burst = run(Design::Counter, "B  with five minutes of burst", load, Setting { burst: true, ..ready });
    report.line(&burst);
    let taken = tables(size);
    let [fresh, at_once, later, too_much] = taken;
    report.line(format_args!("  writes a second of a table that is offered three times as many: new {fresh}, at once again {at_once}, half an hour later {later}, at once again {too_much}"));
    demands(size, &counter, &transaction, &burst, report);
    let about = |taken: u64, times: u64| {
        let known = u64::try_from(size.fresh).unwrap_or_default() * times;
        (known * 95 / 100..=known * 105 / 100).contains(&taken)
    };
    report.demand(about(fresh, 1), format_args!("a new table takes about {} writes a second: {fresh}", size.fresh));
    report.demand(about(at_once, 1), format_args!("and no more at once: {at_once}"));
    report.demand(about(later, 2), format_args!("twice its peak half an hour later: {later}"));
    report.demand(about(too_much, 2), format_args!("and no more than that: {too_much}"));
}

fn demands(size: Size, counter: &Row, transaction: &Row, burst: &Row, report: &mut Report) {
    let per_second = counter.per_second;
    let known = u64::try_from(size.item).unwrap_or_default();
    // A run begins with a second's worth saved up.
    let most = known + known / size.seconds;
    report.demand(
        (known * 9 / 10..=most * 11 / 10).contains(&per_second),
        format_args!("one counter saturates at about {known} a second: {per_second}"),
    );
    report
        .demand(counter.failed > counter.offered / 10, format_args!("and answers 5xx beyond that: {}", counter.failed));
    let per_second = transaction.per_second;
    report.demand(
        (10..=200).contains(&per_second),
        format_args!("transactions on one item collapse to tens a second: {per_second}"),
    );
    report.demand(
        transaction.sums.conflicts > transaction.accepted,
        format_args!("by cancelling each other: {} times", transaction.sums.conflicts),
    );
    report.demand(
        burst.failed == 0,
        format_args!("burst would hide a single counter from a short test: {} answers 5xx", burst.failed),
    );
}

/// Writes a second that one table takes of different items, each time offered far more: new, ten seconds later, half an hour later,
/// and ten seconds after that.
fn tables(size: Size) -> [u64; 4] {
    story::paused(async move {
        let heat = Heat::new(size.seed, Setting { writes: size.fresh, ..Setting::default() });
        let world = story::world(size.seed, &super::bank::Bank::default(), EngineKind::Embedded).await;
        let seam = world.seam(Arc::new(Wire(heat.clone(), CREATE)));
        let mut rng = Rng::with_seed(size.seed);
        let mut taken = [0; 4];
        let rate = u32::try_from(size.fresh).unwrap_or_default() * 3;
        let times = [(0, rate), (10, rate), (40 * 60, 2 * rate), (40 * 60 + 10, 2 * rate)];
        let world_began = Instant::now();
        for (taken, (at, rate)) in taken.iter_mut().zip(times) {
            let count = Arc::new(AtomicU64::new(0));
            let mut calls = JoinSet::new();
            let began = world_began + Duration::from_secs(at);
            for ms in 0..2_000_u64 {
                sleep_until(began + Duration::from_millis(ms)).await;
                for _ in 0..poisson(&mut rng, super::rivals::per_ms(rate)) {
                    let (heat, seam, count, key) = (heat.clone(), seam.clone(), count.clone(), rng.u64(..));
                    // The first second empties what the bucket had saved up.
                    calls.spawn(async move {
                        let done = heat.carry(&seam, &put(key), CREATE).await;
                        count.fetch_add(
                            u64::from(ms >= 1_000 && matches!(done, Carried::Answered(200, ..))),
                            Ordering::Relaxed,
                        );
                    });
                }
            }
            while calls.join_next().await.is_some() {}
            *taken = count.load(Ordering::Relaxed);
        }
        taken
    })
}

fn put(key: u64) -> Call {
    let body = json!({"TableName": "kamivend-limits", "Item": {"k": {"S": key.to_string()}},
        "ReturnConsumedCapacity": "INDEXES"});
    Call {
        target: "DynamoDB_20120810.PutItem".to_owned(),
        method: "POST".to_owned(),
        query: String::new(),
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
    }
}
