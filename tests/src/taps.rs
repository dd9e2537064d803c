//! Taps on the seam: counting, cutting, and planted bugs.

use local::seam::{Call, Fate, Tap};
use serde_json::Value;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// One call that was answered, with what it cost.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `DynamoDB_20120810.PutItem` and the like.
    pub target: String,
    /// The table, without its prefix, of a DynamoDB call.
    pub table: String,
    /// Write units of the table.
    pub writes: f64,
    /// Write units of its indexes.
    pub index_writes: f64,
    /// Read units.
    pub reads: f64,
    /// The HTTP status.
    pub status: u16,
    /// The request's body.
    pub body: Value,
}

/// Remembers every call and its consumed capacity, as the engine reports it.
#[derive(Debug, Default)]
pub struct Counter(Mutex<Vec<Seen>>);

/// How long a call takes in virtual time, so that elapsed time counts the calls that waited for each other.
pub const CALL: Duration = Duration::from_millis(10);

impl Counter {
    /// What was seen since the last time.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn units(value: &Value, pointer: &str) -> f64 {
    value.pointer(pointer).and_then(Value::as_f64).unwrap_or_default()
}

impl Tap for Counter {
    fn fate(&self, _: &Call) -> Fate {
        Fate::Delay(CALL)
    }

    fn answered(&self, call: &Call, status: u16, body: &[u8]) {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let request: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let is_write = ["PutItem", "UpdateItem", "DeleteItem"].contains(&call.operation());
        let consumed = &answer["ConsumedCapacity"];
        let parts: Vec<&Value> = consumed.as_array().map_or_else(|| vec![consumed], |list| list.iter().collect());
        let table = request["TableName"]
            .as_str()
            .map(str::to_owned)
            .or_else(|| request["RequestItems"].as_object().and_then(|tables| tables.keys().next().cloned()));
        let mut seen = Seen {
            target: call.target.clone(),
            table: table.unwrap_or_default().trim_start_matches("kamivend-").to_owned(),
            writes: 0.0,
            index_writes: 0.0,
            reads: 0.0,
            status,
            body: request,
        };
        for part in parts {
            let total = units(part, "/CapacityUnits");
            if is_write {
                let indexes: f64 = part["GlobalSecondaryIndexes"]
                    .as_object()
                    .map_or(0.0, |all| all.values().map(|i| units(i, "/CapacityUnits")).sum());
                seen.index_writes += indexes;
                seen.writes += total - indexes;
            } else {
                seen.reads += total;
            }
        }
        self.0.lock().unwrap().push(seen);
    }
}

/// How a call is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// The caller dies before the call leaves.
    Before,
    /// The call takes effect and the caller dies before it hears.
    After,
    /// The call takes effect, its reply is lost, and the SDK tries again.
    LostReply,
    /// The call is lost once, and the SDK tries again.
    LostRequest,
    /// The table says "slow down" once.
    Throttled,
}

impl Cut {
    /// All of them.
    pub const ALL: [Cut; 5] = [Cut::Before, Cut::After, Cut::LostReply, Cut::LostRequest, Cut::Throttled];
}

/// Cuts the n-th outgoing call (from 1); the calls count themselves, so a new one is covered without anyone remembering.
#[derive(Debug)]
pub struct Cutter {
    at: usize,
    how: Cut,
    seen: AtomicUsize,
    death: Notify,
    is_over: AtomicBool,
}

impl Cutter {
    /// Cuts call `at` in the given way.
    pub fn new(at: usize, how: Cut) -> Cutter {
        Cutter { at, how, seen: AtomicUsize::new(0), death: Notify::new(), is_over: AtomicBool::new(false) }
    }

    /// How many calls the task made.
    pub fn calls(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    /// Runs a task until it ends or its call is cut; `None` when it died. Whatever the same instance does afterwards is left alone:
    /// it would die where nobody waits for its death.
    pub async fn run<T>(&self, task: impl Future<Output = T>) -> Option<T> {
        let done = tokio::select! {
            done = task => Some(done),
            () = self.death.notified() => None,
        };
        self.is_over.store(true, Ordering::SeqCst);
        done
    }
}

impl Tap for Cutter {
    fn fate(&self, _: &Call) -> Fate {
        if self.is_over.load(Ordering::SeqCst) || self.seen.fetch_add(1, Ordering::SeqCst) + 1 != self.at {
            return Fate::Pass;
        }
        match self.how {
            Cut::Before => Fate::DieBefore,
            Cut::After => Fate::DieAfter,
            Cut::LostReply => Fate::LoseReply,
            Cut::LostRequest => Fate::LoseRequest,
            Cut::Throttled => Fate::Throttle,
        }
    }

    fn died(&self) {
        self.death.notify_one();
    }
}

/// A planted bug: one write whose condition is switched off on its way out. The test that is for that condition must fail.
///
/// The condition is not removed but made true for any item, so that every name and value in the request stays used.
#[derive(Debug)]
pub struct Unguarded {
    operation: &'static str,
    /// A piece of the expression that only this write has.
    mark: &'static str,
    /// The part of the condition that is switched off.
    guard: &'static str,
    hits: AtomicUsize,
}

impl Unguarded {
    /// Switches `guard` off in every request of `operation` whose text holds `mark`.
    pub fn new(operation: &'static str, mark: &'static str, guard: &'static str) -> Unguarded {
        Unguarded { operation, mark, guard, hits: AtomicUsize::new(0) }
    }

    /// How many requests were changed: a planted bug that never met its write proves nothing.
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

impl Tap for Unguarded {
    fn fate(&self, call: &Call) -> Fate {
        let text = String::from_utf8_lossy(&call.body);
        if call.operation() != self.operation || !text.contains(self.mark) {
            return Fate::Pass;
        }
        let mut request: Value = serde_json::from_slice(&call.body).unwrap();
        let condition = request["ConditionExpression"].as_str().unwrap_or_default().to_owned();
        if !condition.contains(self.guard) {
            return Fate::Pass;
        }
        self.hits.fetch_add(1, Ordering::SeqCst);
        let open = format!("({} OR attribute_not_exists(#planted))", self.guard);
        request["ConditionExpression"] = condition.replace(self.guard, &open).into();
        request["ExpressionAttributeNames"]["#planted"] = "no_such_attribute".into();
        Fate::Rewrite(request.to_string().into_bytes())
    }
}
