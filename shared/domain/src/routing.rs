//! Which payment account an order tries first, and which one after it.
//!
//! A small shop has ten to some hundred orders a day and buyers of whom half never pay: how many pay says little for days. What a
//! provider's answers are says much at once. So the technical results steer, and the rate of payment only decides between equals.
//! Everything here is a value: many instances share nothing but what a store keeps of it, [`Minute`]s that are added to and may be
//! read some seconds late, and a [`Breaker`] and a [`Leader`] for each of which a conditional write on `version` arbitrates.
//!
//! Rates and scores are whole per mille. Why so: `infra/decisions/031-routing.md`.

pub mod breaker;
pub mod choose;
pub mod leader;

pub use breaker::{Breaker, State};
pub use choose::{Candidate, Choice, Reason, Shop, choose};
pub use leader::{Leader, Rival};

use crate::Millis;

/// One, in the unit of rates, scores and weights.
pub const PER_MILLE: u32 = 1_000;

/// Milliseconds of one [`Minute`].
pub const MINUTE_MS: i64 = 60_000;

/// Minutes whose technical results make a score, the one that runs included.
pub const TECHNICAL_MINUTES: i64 = 15;

/// Minutes whose results may open a breaker by their share of failures, the one that runs included.
pub const RECENT_MINUTES: i64 = 2;

/// Minutes whose buyers make the rate of payment: a day, the minute that runs included.
pub const PAID_MINUTES: i64 = 24 * 60;

/// Milliseconds after which an attempt that was shown and is still open counts as not paid.
pub const SETTLED_AFTER_MS: i64 = 15 * 60 * 1_000;

/// Attempts below which the rate of payment is not looked at: of twenty, 22 in a hundred either way are chance.
pub const PAID_SAMPLES_MIN: u32 = 30;

/// What a call of a provider says about its technical health.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It did what was asked.
    Ok,
    /// No answer in time, or no connection. Whether the payment was made is unknown.
    Timeout,
    /// A status of 500 or more, or an answer that is none of the protocol's.
    ServerError,
    /// An answer whose signature is wrong: our copy of its key is, or somebody stands between.
    BadSignature,
    /// The provider does not let the account in: a wrong key, an unknown or disabled merchant.
    Config,
    /// Says nothing about the channel: a buyer who goes away, a declined payment, an amount or a request of ours that is wrong.
    NotCounted,
}

/// One observation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sample {
    /// A call of the provider ended.
    Call {
        /// How.
        outcome: Outcome,
        /// Milliseconds it took.
        took_ms: u32,
    },
    /// An attempt that a buyer had been shown ended, or is [`SETTLED_AFTER_MS`] old. Each attempt is counted once.
    Settled {
        /// Whether it was paid.
        paid: bool,
    },
}

/// What was observed of one account within one minute. Sums only, so that a store can add to it without reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Minute {
    /// Whole minutes since 1970-01-01T00:00:00Z.
    pub minute: i64,
    /// Calls that went well.
    pub ok: u32,
    /// Calls that failed for a technical reason.
    pub fail: u32,
    /// Milliseconds that the calls which went well took together. Failures are left out: a quick refusal is no speed, and a
    /// time-out is counted already.
    pub lat_sum_ms: u64,
    /// Attempts that were shown to a buyer and are settled.
    pub shown: u32,
    /// How many of these were paid.
    pub paid: u32,
}

impl Minute {
    /// The minute of this moment, empty.
    pub fn of(now: Millis) -> Minute {
        Minute { minute: now.div_euclid(MINUTE_MS), ..Minute::default() }
    }

    /// Counts one observation.
    pub fn add(&mut self, sample: Sample) {
        match sample {
            Sample::Call { outcome: Outcome::Ok, took_ms } => {
                self.ok = self.ok.saturating_add(1);
                self.lat_sum_ms = self.lat_sum_ms.saturating_add(u64::from(took_ms));
            }
            Sample::Call { outcome: Outcome::NotCounted, .. } => {}
            Sample::Call { .. } => self.fail = self.fail.saturating_add(1),
            Sample::Settled { paid } => {
                self.shown = self.shown.saturating_add(1);
                self.paid = self.paid.saturating_add(u32::from(paid));
            }
        }
    }
}

/// What the last minutes of one account come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Calls of the last [`TECHNICAL_MINUTES`] that went well.
    pub ok: u32,
    /// Calls of these minutes that failed.
    pub fail: u32,
    /// Milliseconds that those which went well took together.
    pub lat_sum_ms: u64,
    /// Calls of the last [`RECENT_MINUTES`] that went well.
    pub recent_ok: u32,
    /// Calls of these minutes that failed.
    pub recent_fail: u32,
    /// Calls of the last [`PAID_MINUTES`], whatever their result.
    pub samples24: u32,
    /// Attempts of the last [`PAID_MINUTES`] that were shown and are settled.
    pub shown24: u32,
    /// How many of these were paid.
    pub paid24: u32,
}

impl Stats {
    /// Adds up the minutes of one account; their order does not matter, and older ones may be among them. A minute that another
    /// instance's clock has begun already counts.
    ///
    /// `closed_at` is the account's [`Breaker::closed_at`]: technical results up to and with that minute are left out of the score and
    /// of the breaker's share. An outage was answered by the breaker; a channel that is well again is not punished twice.
    pub fn of(minutes: &[Minute], closed_at: Option<Millis>, now: Millis) -> Stats {
        let current = now.div_euclid(MINUTE_MS);
        let mut sum = Stats::default();
        for m in minutes {
            let within = |window: i64| m.minute > current.saturating_sub(window);
            let after_outage = closed_at.is_none_or(|at| m.minute > at.div_euclid(MINUTE_MS));
            if within(PAID_MINUTES) {
                sum.samples24 = sum.samples24.saturating_add(m.ok).saturating_add(m.fail);
                sum.shown24 = sum.shown24.saturating_add(m.shown);
                sum.paid24 = sum.paid24.saturating_add(m.paid);
            }
            if within(TECHNICAL_MINUTES) && after_outage {
                sum.ok = sum.ok.saturating_add(m.ok);
                sum.fail = sum.fail.saturating_add(m.fail);
                sum.lat_sum_ms = sum.lat_sum_ms.saturating_add(m.lat_sum_ms);
            }
            if within(RECENT_MINUTES) && after_outage {
                sum.recent_ok = sum.recent_ok.saturating_add(m.ok);
                sum.recent_fail = sum.recent_fail.saturating_add(m.fail);
            }
        }
        sum
    }
}

/// How good an account is, in per mille of a perfect one with the weight [`PER_MILLE`]; never more than `weight`, which is the
/// seller's preference and may hold the channel's fee.
///
/// The product of four factors, each rounded down: calls that went well (nine of ten before anything is known), latency (the
/// average beyond 800 ms takes 1 per mille for each 4 ms, at the most 300), and seven tenths that everybody has with three tenths for
/// the rate of payment (a half before anything is known, and below [`PAID_SAMPLES_MIN`] attempts).
pub fn score(stats: &Stats, weight: u32) -> u32 {
    let one = u64::from(PER_MILLE);
    let (ok, fail) = (u64::from(stats.ok), u64::from(stats.fail));
    let tech = (ok + 9) * one / (ok + fail + 10);
    let average = stats.lat_sum_ms.checked_div(ok).unwrap_or_default();
    let lat = one - (average.saturating_sub(800) / 4).min(300);
    let (paid, shown) = match stats.shown24 {
        few if few < PAID_SAMPLES_MIN => (0, 0),
        shown => (u64::from(stats.paid24.min(shown)), u64::from(shown)),
    };
    let paid = 700 + 300 * (paid + 15) / (shown + 30);
    // Each of the three is at most one, so nothing here overflows and the whole is at most the weight.
    u32::try_from(tech * lat * paid * u64::from(weight) / (one * one * one)).unwrap_or(weight)
}
