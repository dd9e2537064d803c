//! The tap that knows heat: every call of the AWS SDK takes its time, takes effect in the middle of it if item, table and index can
//! take it just then, and is charged what it cost.

use super::buckets::{Bucket, FRESH_READS, FRESH_WRITES, ITEM_READS, ITEM_WRITES, Throughput, UNIT};
use super::charge::{Asked, Place, asked, read_cost, split_batch, write_cost};
use super::latency::{Latencies, whole};
use super::ledger::Ledger;
use fastrand::Rng;
use local::seam::{Call, Carried, Carrying, Fate, Seam, Tap};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

/// The parts of a transaction's time between which its items are locked, in hundredths. An assumption: the window is not published.
const LOCKED: (u64, u64) = (30, 90);

/// A lost reply is a closed connection, which the caller sees at once; one in so many is silence, which it notices after
/// production's read time-out. An assumption.
const SILENT: u32 = 10;
const SILENCE_MS: u64 = 2_000;

/// Seconds of unused capacity that a partition keeps, at the best ("burst-adaptive-capacity").
const BURST_SECONDS: i64 = 300;

/// The function whose writes are an order's.
pub const CREATE: &str = "create_order";

/// The longest poll of a queue.
const LONG_POLL: Duration = Duration::from_secs(20);

/// How the tables stand when a run begins.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Writes a second that every table and index is ready for.
    pub writes: i64,
    /// Reads a second.
    pub reads: i64,
    /// Writes a second that one item takes: [`ITEM_WRITES`], or less where time is short.
    pub item_writes: i64,
    /// Whether partitions have five minutes of unused capacity. It hides a hot item for as long as a short test lasts.
    pub burst: bool,
    /// Replies lost after the effect, in a million.
    pub lost: u32,
}

impl Default for Setting {
    fn default() -> Setting {
        Setting { writes: FRESH_WRITES, reads: FRESH_READS, item_writes: ITEM_WRITES, burst: false, lost: 0 }
    }
}

/// What went over the wire.
#[derive(Clone, Default, Debug)]
pub struct Sums {
    /// Calls.
    pub calls: u64,
    /// Write units, thousandths.
    pub writes: i64,
    /// Of them, those of creates.
    pub creates: i64,
    /// Read units, thousandths.
    pub reads: i64,
    /// Calls, or keys of a batch, that an item refused.
    pub hot_items: u64,
    /// Calls, or keys of a batch, that a table or an index refused.
    pub hot_tables: u64,
    /// Writes that met a transaction.
    pub conflicts: u64,
    /// Replies that were lost.
    pub lost: u64,
    /// The place that was written most within one second, and how much, thousandths.
    pub hottest: (i64, String),
    /// The table or index of which most was read within one second, and how much, thousandths.
    pub most_read: (i64, String),
}

impl Sums {
    /// What was added since an earlier moment; the hottest place is that of this moment.
    pub fn since(&self, before: &Sums) -> Sums {
        Sums {
            calls: self.calls - before.calls,
            writes: self.writes - before.writes,
            creates: self.creates - before.creates,
            reads: self.reads - before.reads,
            hot_items: self.hot_items - before.hot_items,
            hot_tables: self.hot_tables - before.hot_tables,
            conflicts: self.conflicts - before.conflicts,
            lost: self.lost - before.lost,
            hottest: self.hottest.clone(),
            most_read: self.most_read.clone(),
        }
    }
}

/// A bucket and what was taken in the second under way.
struct Gauge {
    bucket: Bucket,
    second: u64,
    used: i64,
}

#[derive(Default)]
struct Tables {
    items: HashMap<(bool, Place), Gauge>,
    tables: BTreeMap<(bool, String), Throughput>,
    read: BTreeMap<String, (u64, i64)>,
    locks: HashMap<Place, Vec<(u64, u64)>>,
}

/// The heat of one world. Every function instance has its own way to the same tables.
pub struct Heat {
    began: Instant,
    setting: Setting,
    latencies: Latencies,
    rng: Mutex<Rng>,
    tables: Mutex<Tables>,
    sums: Mutex<Sums>,
    ledger: Mutex<Option<Ledger>>,
    /// Rings for every message that was sent.
    rings: Notify,
}

/// What a table says to a call that arrives.
enum Entry {
    Taken,
    /// Without these keys of a batch.
    Partly(Vec<Place>),
    /// Refused with this code.
    Refused(&'static str),
}

const TOO_MUCH: &str = "ProvisionedThroughputExceededException";
const CONFLICT: &str = "TransactionConflictException";
const CANCELED: &str = "TransactionCanceledException";

impl Heat {
    /// Cold tables.
    pub fn new(seed: u64, setting: Setting) -> Arc<Heat> {
        Arc::new(Heat {
            began: Instant::now(),
            setting,
            latencies: Latencies::default(),
            rng: Mutex::new(Rng::with_seed(seed)),
            tables: Mutex::default(),
            sums: Mutex::default(),
            ledger: Mutex::default(),
            rings: Notify::new(),
        })
    }

    /// Milliseconds since the world began.
    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// What went over the wire so far.
    pub fn sums(&self) -> Sums {
        self.sums.lock().unwrap().clone()
    }

    /// Forgets which place was hottest, for the next part of a run.
    pub fn cool(&self) {
        let mut sums = self.sums.lock().unwrap();
        (sums.hottest, sums.most_read) = Default::default();
    }

    /// The own count of cards.
    pub fn ledger(&self) -> MutexGuard<'_, Option<Ledger>> {
        self.ledger.lock().unwrap()
    }

    /// Waits as a long poll does: until a message was sent, or for a while.
    pub async fn message(&self) {
        let _ = timeout(LONG_POLL, self.rings.notified()).await;
    }

    /// Something between nothing and `most`, ms.
    pub fn chance(&self, most: u64) -> u64 {
        self.rng.lock().unwrap().u64(..=most)
    }

    /// How long a call of this operation lasts, ms, and whether its reply is lost.
    fn trip(&self, operation: &str) -> (u64, bool) {
        let mut rng = self.rng.lock().unwrap();
        let spread = match operation {
            "PutItem" | "UpdateItem" | "DeleteItem" => &self.latencies.write,
            "TransactWriteItems" => &self.latencies.transaction,
            "SendMessage" | "SendMessageBatch" => &self.latencies.queue,
            _ => &self.latencies.read,
        };
        let ms = spread.draw(&mut rng);
        (whole(&mut rng, ms), self.setting.lost > 0 && rng.u32(..1_000_000) < self.setting.lost)
    }

    fn enter(&self, asked: &Asked, now: u64, until: u64) -> Entry {
        let mut tables = self.tables.lock().unwrap();
        let mut sums = self.sums.lock().unwrap();
        sums.calls += 1;
        match asked {
            Asked::Other => Entry::Taken,
            Asked::Reads { places, least } => {
                let mut refused = Vec::new();
                for place in places {
                    if tables.lets(self.setting, false, place, now, *least, &mut sums) {
                        tables.spend(self.setting, false, place, now, *least, &mut sums);
                    } else {
                        refused.push(place.clone());
                    }
                }
                match refused.len() {
                    0 => Entry::Taken,
                    all if all == places.len() => Entry::Refused(TOO_MUCH),
                    _ => Entry::Partly(refused),
                }
            }
            Asked::Write { place, beside } => {
                if tables.is_locked(place, now) {
                    sums.conflicts += 1;
                    return Entry::Refused(CONFLICT);
                }
                let mut all = std::iter::once(place).chain(beside);
                if !all.all(|place| tables.lets(self.setting, true, place, now, UNIT, &mut sums)) {
                    return Entry::Refused(TOO_MUCH);
                }
                Entry::Taken
            }
            Asked::Transaction(places) => {
                // Twice the units of plain writes, also for one that is cancelled.
                let conflict = places.iter().any(|place| tables.is_locked(place, now));
                if !conflict && !places.iter().all(|p| tables.lets(self.setting, true, p, now, 2 * UNIT, &mut sums)) {
                    return Entry::Refused(TOO_MUCH);
                }
                if conflict {
                    sums.conflicts += 1;
                }
                let writes = sums.writes;
                for place in places {
                    // A cancelled one takes what is there and leaves no debt, as in the reference model.
                    if !conflict || tables.lets(self.setting, true, place, now, 2 * UNIT, &mut Sums::default()) {
                        tables.spend(self.setting, true, place, now, 2 * UNIT, &mut sums);
                    }
                }
                // Only designs that create orders have transactions.
                sums.creates += sums.writes - writes;
                if conflict {
                    return Entry::Refused(CANCELED);
                }
                for place in places {
                    tables.locks.entry(place.clone()).or_default().push((now, until));
                }
                Entry::Taken
            }
        }
    }

    fn charge(&self, costs: Vec<(Place, i64)>, is_write: bool, now: u64) {
        let (mut tables, mut sums) = (self.tables.lock().unwrap(), self.sums.lock().unwrap());
        for (place, cost) in costs {
            tables.spend(self.setting, is_write, &place, now, cost, &mut sums);
        }
    }

    /// Carries a call of a function to the world and back.
    pub async fn carry(&self, seam: &Seam, call: &Call, by: &'static str) -> Carried {
        let operation = call.operation();
        let (length, lost) = self.trip(operation);
        let sent: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let asked = asked(operation, &sent);
        let there = if matches!(asked, Asked::Transaction(_)) { length * LOCKED.0 / 100 } else { length / 2 };
        sleep(Duration::from_millis(there)).await;
        let now = self.now();
        let entry = self.enter(&asked, now, now + length * LOCKED.1 / 100 - there);
        let (status, body, code) = match &entry {
            Entry::Refused(code) => (400, refusal(code, &asked), None),
            Entry::Taken => seam.aws(&call.target, &call.body).await,
            Entry::Partly(refused) => {
                let (asked, left) = split_batch(&sent, refused);
                let (status, body, code) = seam.aws(&call.target, asked.to_string().as_bytes()).await;
                let mut answer: Value = serde_json::from_slice(&body).unwrap_or_default();
                answer["UnprocessedKeys"] = left;
                (status, answer.to_string().into_bytes(), code)
            }
        };
        if !matches!(entry, Entry::Refused(_)) {
            let writes = self.sums.lock().unwrap().writes;
            self.settle(&asked, &sent, status, &body, now);
            let mut sums = self.sums.lock().unwrap();
            sums.creates += if by == CREATE { sums.writes - writes } else { 0 };
        }
        if lost {
            self.sums.lock().unwrap().lost += 1;
            let is_silent = self.chance(u64::from(SILENT) - 1) == 0;
            sleep(Duration::from_millis(if is_silent { SILENCE_MS } else { length - there })).await;
            return Carried::Lost;
        }
        sleep(Duration::from_millis(length - there)).await;
        Carried::Answered(status, body, code)
    }

    /// Charges what a call that was let in has cost, and notes what it did to the cards.
    fn settle(&self, asked: &Asked, sent: &Value, status: u16, body: &[u8], now: u64) {
        match asked {
            Asked::Write { place, .. } => {
                let answer: Value = serde_json::from_slice(body).unwrap_or_default();
                self.charge(write_cost(place, sent, status, &answer), true, now);
                if status == 200
                    && let Some(ledger) = self.ledger().as_mut()
                {
                    ledger.saw(now, &place.table, &answer["Attributes"]);
                }
            }
            Asked::Reads { places, least } => {
                let answer: Value = serde_json::from_slice(body).unwrap_or_default();
                self.charge(read_cost(places, *least, &answer), false, now);
            }
            Asked::Transaction(_) => {}
            Asked::Other => self.rings.notify_one(),
        }
    }
}

fn refusal(code: &str, asked: &Asked) -> Vec<u8> {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
    let mut body = json!({"__type": kind, "message": "too much at once"});
    if let (CANCELED, Asked::Transaction(places)) = (code, asked) {
        body["CancellationReasons"] = places.iter().map(|_| json!({"Code": "TransactionConflict"})).collect();
    }
    body.to_string().into_bytes()
}

impl Tables {
    fn gauge(&mut self, setting: Setting, is_write: bool, place: &Place, now: u64) -> &mut Gauge {
        let rate = if is_write { setting.item_writes } else { ITEM_READS };
        let seconds = if setting.burst { BURST_SECONDS } else { 1 };
        let fresh = || Gauge { bucket: Bucket::full(rate, seconds, now), second: now / 1_000, used: 0 };
        self.items.entry((is_write, place.clone())).or_insert_with(fresh)
    }

    fn table(&mut self, setting: Setting, is_write: bool, place: &Place, now: u64) -> &mut Throughput {
        let warm = if is_write { setting.writes } else { setting.reads };
        let fresh = || Throughput::ready_for(warm, now);
        self.tables.entry((is_write, place.table.clone())).or_insert_with(fresh)
    }

    fn lets(&mut self, setting: Setting, is_write: bool, place: &Place, now: u64, cost: i64, sums: &mut Sums) -> bool {
        if !self.gauge(setting, is_write, place, now).bucket.lets(now, cost) {
            sums.hot_items += 1;
            return false;
        }
        if !self.table(setting, is_write, place, now).lets(now, cost) {
            sums.hot_tables += 1;
            return false;
        }
        true
    }

    fn spend(&mut self, setting: Setting, is_write: bool, place: &Place, now: u64, cost: i64, sums: &mut Sums) {
        self.table(setting, is_write, place, now).spend(cost);
        let gauge = self.gauge(setting, is_write, place, now);
        gauge.bucket.spend(cost);
        if gauge.second != now / 1_000 {
            (gauge.second, gauge.used) = (now / 1_000, 0);
        }
        gauge.used += cost;
        let used = gauge.used;
        if is_write {
            sums.writes += cost;
            if used > sums.hottest.0 {
                sums.hottest = (used, format!("{} {}", place.table, place.key));
            }
            return;
        }
        sums.reads += cost;
        let read = self.read.entry(place.table.clone()).or_default();
        if read.0 != now / 1_000 {
            *read = (now / 1_000, 0);
        }
        read.1 += cost;
        if read.1 > sums.most_read.0 {
            sums.most_read = (read.1, place.table.clone());
        }
    }

    fn is_locked(&mut self, place: &Place, now: u64) -> bool {
        let Some(locks) = self.locks.get_mut(place) else { return false };
        locks.retain(|(_, until)| *until > now);
        if locks.is_empty() {
            self.locks.remove(place);
            return false;
        }
        true
    }
}

/// The way of one function's instance to the tables.
#[derive(Clone)]
pub struct Wire(pub Arc<Heat>, pub &'static str);

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Tap for Wire {
    fn carry<'a>(&'a self, seam: &'a Seam, call: &'a Call) -> Option<Carrying<'a>> {
        Some(Box::pin(self.0.carry(seam, call, self.1)))
    }

    /// What is no call of the SDK asks a provider.
    fn fate(&self, _: &Call) -> Fate {
        let mut rng = self.0.rng.lock().unwrap();
        let ms = self.0.latencies.provider.draw(&mut rng);
        Fate::Delay(Duration::from_millis(whole(&mut rng, ms)))
    }
}
