//! What goes wrong with the calls of one function instance.

use crate::plan::{CallFaults, happens};
use crate::sim::Shared;
use fastrand::Rng;
use local::seam::{Call, Fate, Tap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// The wire of one function instance.
pub struct Wire {
    shared: Arc<Shared>,
    env: u32,
    rng: Mutex<Rng>,
    faults: CallFaults,
    latency_ms: u64,
    /// Whether the instance is dead.
    pub dead: AtomicBool,
    /// Rings at its death.
    pub death: Notify,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("env", &self.env).finish_non_exhaustive()
    }
}

impl Wire {
    /// A wire with these faults.
    pub fn new(shared: Arc<Shared>, env: u32, seed: u64, faults: CallFaults, latency_ms: u64) -> Wire {
        let rng = Mutex::new(Rng::with_seed(seed));
        Wire { shared, env, rng, faults, latency_ms, dead: AtomicBool::new(false), death: Notify::new() }
    }

    fn draw(&self, call: &Call) -> (&'static str, Fate) {
        let mut rng = self.rng.lock().unwrap();
        let rng = &mut *rng;
        let latency = if self.latency_ms == 0 { 0 } else { rng.u64(..=self.latency_ms) };
        let usual = if latency == 0 { Fate::Pass } else { Fate::Delay(Duration::from_millis(latency)) };
        if self.shared.is_calm() {
            return ("", usual);
        }
        let f = &self.faults;
        if happens(rng, f.lost) {
            ("call lost", Fate::LoseRequest)
        } else if happens(rng, f.reply_lost) {
            ("reply lost", Fate::LoseReply)
        } else if happens(rng, f.ghost) {
            let most = [200, 5_000, 120_000][rng.usize(..3)];
            ("call that arrives after it was given up", Fate::Ghost(Duration::from_millis(rng.u64(..most))))
        } else if happens(rng, f.throttled) {
            ("throttled", Fate::Throttle)
        } else if happens(rng, f.dies_before) {
            ("died before a call", Fate::DieBefore)
        } else if happens(rng, f.dies_after) {
            ("died after a call", Fate::DieAfter)
        } else if happens(rng, f.slow) {
            ("slow call", Fate::Delay(Duration::from_millis(rng.u64(100..2_000))))
        } else if happens(rng, f.frozen) {
            let seconds = [20, 120, 900, 3_600, 4 * 3_600][rng.usize(..5)];
            ("frozen function", Fate::Delay(Duration::from_secs(rng.u64(seconds / 2..=seconds))))
        } else if is_eventual(call) && happens(rng, f.stale) {
            ("stale read", Fate::DelayReply(Duration::from_millis(rng.u64(20..1_000))))
        } else {
            ("", usual)
        }
    }
}

/// Whether a read may answer what stood there a moment ago.
fn is_eventual(call: &Call) -> bool {
    matches!(call.operation(), "GetItem" | "BatchGetItem" | "Query" | "Scan")
        && !call.body.windows(21).any(|w| w == br#""ConsistentRead":true"#)
}

impl Tap for Wire {
    fn fate(&self, call: &Call) -> Fate {
        let (what, fate) = self.draw(call);
        let mut journal = self.shared.journal();
        if !what.is_empty() {
            journal.fault(what);
        }
        let place = if call.is_plain() { "provider" } else { call.operation() };
        journal.line(
            self.shared.elapsed_ms(),
            format_args!("f{} {place} {}", self.env, if what.is_empty() { "." } else { what }),
        );
        fate
    }

    fn answered(&self, call: &Call, status: u16, _: &[u8]) {
        if status != 200 {
            let place = if call.is_plain() { "provider" } else { call.operation() };
            self.shared.journal().line(self.shared.elapsed_ms(), format_args!("f{} {place} {status}", self.env));
        }
    }

    fn died(&self) {
        self.dead.store(true, Ordering::SeqCst);
        self.death.notify_one();
    }
}
