//! The designs that claim strips were weighed against, as small drivers over the same wire: one counter behind a condition, and one
//! counter in a transaction with the order.

use super::latency::{percentile, poisson, whole};
use super::report::Row;
use super::wire::{CREATE, Heat, Setting, Wire};
use fastrand::Rng;
use local::World;
use local::engine::EngineKind;
use local::seam::{Call, Carried, Seam};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Tries of a call and the pause before the second, as production's SDK is set up.
const TRIES: u32 = 6;
const PAUSE_MS: f64 = 25.0;

/// Where counters and orders of these designs lie: a table that is keyed by `k`.
const TABLE: &str = "kamivend-limits";

/// A design.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Design {
    /// `SET left = left - 1 IF left > 0` on one item, then the order.
    Counter,
    /// Both in one transaction.
    Transaction,
}

/// How it is driven.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Orders a second.
    pub rate: u32,
    /// Seconds.
    pub seconds: u64,
    /// Cards.
    pub stock: u32,
    /// The seed.
    pub seed: u64,
}

#[derive(Default)]
struct Seen {
    accepted: u64,
    sold_out: u64,
    failed: u64,
    times: Vec<u64>,
}

/// What a call came to, after all its tries.
enum End {
    Done,
    /// The condition did not hold.
    No,
    /// Refused for load until patience was over.
    Failed,
}

/// Sends a call as the SDK does: six times at the most, with a random pause that may be twice as long every time.
pub async fn send(heat: &Heat, seam: &Seam, rng: &mut Rng, operation: &str, body: &Value) -> (u16, Value) {
    let call = Call {
        target: format!("DynamoDB_20120810.{operation}"),
        method: "POST".to_owned(),
        query: String::new(),
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
    };
    let mut last = (0, Value::Null);
    for attempt in 0..TRIES {
        if attempt > 0 {
            sleep(Duration::from_millis(pause(rng, attempt))).await;
        }
        if let Carried::Answered(status, body, _) = heat.carry(seam, &call, CREATE).await {
            last = (status, serde_json::from_slice(&body).unwrap_or_default());
            let kind = last.1["__type"].as_str().unwrap_or_default();
            let again = kind.contains("Throughput") || kind.contains("Conflict") || is_conflict(&last.1);
            if !again {
                break;
            }
        }
    }
    last
}

#[allow(clippy::float_arithmetic, reason = "a model of time")]
fn pause(rng: &mut Rng, attempt: u32) -> u64 {
    let ms = rng.f64() * PAUSE_MS * f64::from(1_u32 << (attempt - 1));
    whole(rng, ms)
}

fn is_conflict(answer: &Value) -> bool {
    answer["CancellationReasons"].as_array().into_iter().flatten().any(|r| r["Code"] == "TransactionConflict")
}

fn end(answer: (u16, Value)) -> End {
    let kind = answer.1["__type"].as_str().unwrap_or_default();
    let not_met = answer.1["CancellationReasons"].as_array().into_iter().flatten();
    match answer.0 {
        200 => End::Done,
        _ if kind.ends_with("ConditionalCheckFailedException") => End::No,
        _ if not_met.into_iter().any(|r| r["Code"] == "ConditionalCheckFailed") => End::No,
        _ => End::Failed,
    }
}

fn take_one() -> Value {
    json!({"TableName": TABLE, "Key": {"k": {"S": "counter"}}, "UpdateExpression": "SET #n = #n - :one",
        "ConditionExpression": "#n > :none", "ExpressionAttributeNames": {"#n": "n"},
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":none": {"N": "0"}}})
}

fn put(key: &str) -> Value {
    json!({"TableName": TABLE, "Item": {"k": {"S": key}, "st": {"S": "HELD"}}})
}

fn counting(mut body: Value) -> Value {
    body["ReturnConsumedCapacity"] = "INDEXES".into();
    body
}

async fn create(design: Design, heat: &Heat, seam: &Seam, rng: &mut Rng, no: u64) -> End {
    let order = put(&format!("order-{no}"));
    match design {
        Design::Counter => match end(send(heat, seam, rng, "UpdateItem", &counting(take_one())).await) {
            End::Done => end(send(heat, seam, rng, "PutItem", &counting(order)).await),
            other => other,
        },
        Design::Transaction => {
            let body = json!({"TransactItems": [{"Update": take_one()}, {"Put": order}]});
            end(send(heat, seam, rng, "TransactWriteItems", &body).await)
        }
    }
}

/// Drives a design with as many orders as are wanted, in a runtime of its own.
pub fn run(design: Design, name: &'static str, load: Load, setting: Setting) -> Row {
    super::story::paused(async move {
        let heat = Heat::new(load.seed, setting);
        let world: World = super::story::world(load.seed, &super::bank::Bank::default(), EngineKind::Embedded).await;
        let seam = world.seam(Arc::new(Wire(heat.clone(), CREATE)));
        let stock = json!({"TableName": TABLE, "Item": {"k": {"S": "counter"}, "n": {"N": load.stock.to_string()}}});
        let (status, _, _) = seam.aws("DynamoDB_20120810.PutItem", stock.to_string().as_bytes()).await;
        assert_eq!(status, 200, "the counter was not set up");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut orders = JoinSet::new();
        let mut rng = Rng::with_seed(load.seed);
        let (began, mut offered) = (Instant::now(), 0_u64);
        for ms in 0..load.seconds * 1_000 {
            tokio::time::sleep_until(began + Duration::from_millis(ms)).await;
            for _ in 0..poisson(&mut rng, per_ms(load.rate)) {
                offered += 1;
                let (heat, seam, seen, mut rng, no) = (heat.clone(), seam.clone(), seen.clone(), rng.fork(), offered);
                orders.spawn(async move {
                    let began = Instant::now();
                    let end = create(design, &heat, &seam, &mut rng, no).await;
                    let mut seen = seen.lock().unwrap();
                    match end {
                        End::Done => {
                            seen.accepted += 1;
                            seen.times.push(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
                        }
                        End::No => seen.sold_out += 1,
                        End::Failed => seen.failed += 1,
                    }
                });
            }
        }
        // What is accepted while orders come in is the rate; what the queue of repetitions still brings comes after.
        let accepted_in_time = seen.lock().unwrap().accepted;
        while orders.join_next().await.is_some() {}
        let mut seen = Arc::into_inner(seen).unwrap().into_inner().unwrap();
        Row {
            name,
            offered,
            accepted: seen.accepted,
            per_second: accepted_in_time / load.seconds,
            p50: percentile(&mut seen.times, 50),
            p99: percentile(&mut seen.times, 99),
            sums: heat.sums(),
            failed: seen.failed,
            sold_out: seen.sold_out,
            falsely: None,
            unsold: u64::from(load.stock).saturating_sub(seen.accepted),
        }
    })
}

/// Arrivals in a millisecond, of so many a second.
#[allow(clippy::float_arithmetic, reason = "a rate of arrivals")]
pub fn per_ms(rate: u32) -> f64 {
    f64::from(rate) / 1_000.0
}
