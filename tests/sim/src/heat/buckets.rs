//! How much one item and one table take in a second.
//!
//! Units are thousandths of a capacity unit, because an eventual read costs half a one; a rate in units a second is then the same
//! number of thousandths a millisecond.

use std::collections::VecDeque;

/// One capacity unit in thousandths.
pub const UNIT: i64 = 1_000;

/// Writes a second on one partition, and so on one item (DynamoDB developer guide, "bp-partition-key-design").
pub const ITEM_WRITES: i64 = 1_000;

/// Reads a second on one item (the same).
pub const ITEM_READS: i64 = 3_000;

/// Writes a second that a new on-demand table takes ("pre-warming-on-demand-capacity-mode").
pub const FRESH_WRITES: i64 = 4_000;

/// Reads a second that a new on-demand table takes (the same).
pub const FRESH_READS: i64 = 12_000;

/// The default quota of an on-demand table, in reads and in writes.
pub const QUOTA: i64 = 40_000;

/// Seconds after which a table's peak counts for its doubling ("beyond twice the peak within 30 minutes can throttle").
const PEAK_COUNTS_AFTER: u64 = 30 * 60;

/// A token bucket that may go into debt: a call is let in while there is anything, and costs what it costs.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: i64,
    depth: i64,
    level: i64,
    at: u64,
}

impl Bucket {
    /// A full bucket of `rate` units a second and `seconds` of it at the most.
    pub fn full(rate: i64, seconds: i64, now: u64) -> Bucket {
        let depth = rate * UNIT * seconds;
        Bucket { rate, depth, level: depth, at: now }
    }

    /// Whether a call of `cost` may go in at `now`, ms.
    pub fn lets(&mut self, now: u64, cost: i64) -> bool {
        let passed = i64::try_from(now.saturating_sub(self.at)).unwrap_or(i64::MAX);
        self.level = self.level.saturating_add(passed.saturating_mul(self.rate)).min(self.depth);
        self.at = now;
        self.level >= cost
    }

    /// Takes out what a call cost.
    pub fn spend(&mut self, cost: i64) {
        self.level -= cost;
    }
}

/// What a table or an index takes: as much as it was made ready for, or twice what it once took.
#[derive(Clone, Debug)]
pub struct Throughput {
    warm: i64,
    bucket: Bucket,
    second: u64,
    used: i64,
    /// Rising peaks with the second in which each was reached, thousandths.
    peaks: VecDeque<(u64, i64)>,
    counted: i64,
}

impl Throughput {
    /// A table that is ready for `warm` units a second.
    pub fn ready_for(warm: i64, now: u64) -> Throughput {
        let bucket = Bucket::full(warm, 1, now);
        Throughput { warm, bucket, second: now / 1_000, used: 0, peaks: VecDeque::new(), counted: 0 }
    }

    fn tick(&mut self, now: u64) {
        let second = now / 1_000;
        if second == self.second {
            return;
        }
        // What the bucket had saved up is no peak.
        let used = self.used.min(self.bucket.rate * UNIT);
        if used > self.peaks.back().map_or(0, |(_, peak)| *peak) {
            self.peaks.push_back((self.second, used));
        }
        (self.second, self.used) = (second, 0);
        while self.peaks.front().is_some_and(|(at, _)| at + PEAK_COUNTS_AFTER <= second) {
            self.counted = self.peaks.pop_front().map_or(self.counted, |(_, peak)| peak.max(self.counted));
        }
        let rate = self.warm.max(2 * self.counted / UNIT);
        if rate != self.bucket.rate {
            self.bucket.rate = rate;
            self.bucket.depth = rate * UNIT;
        }
    }

    /// Whether a call of `cost` may go in at `now`, ms.
    pub fn lets(&mut self, now: u64, cost: i64) -> bool {
        self.tick(now);
        self.bucket.lets(now, cost)
    }

    /// Takes out what a call cost.
    pub fn spend(&mut self, cost: i64) {
        self.used += cost;
        self.bucket.spend(cost);
    }
}
