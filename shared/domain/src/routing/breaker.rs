//! The breaker of one account: whether orders are sent to it at all.

use super::{Outcome, Stats};
use crate::Millis;

/// Technical failures in a row that open a breaker.
pub const FAILURES_IN_A_ROW: u32 = 5;

/// Calls in the recent minutes from which on their share of failures counts; a half opens.
pub const SHARE_CALLS_MIN: u32 = 10;

/// Milliseconds of the first cool-down. Each probe that fails doubles it.
pub const COOLDOWN_MS: i64 = 30_000;

/// Milliseconds of the longest cool-down, and of the one after a wrong configuration, which no waiting repairs.
pub const COOLDOWN_MAX_MS: i64 = 10 * 60 * 1_000;

/// Milliseconds a probe may take. After these, another one may be taken: its function was frozen or ended.
pub const PROBE_LEASE_MS: i64 = 15_000;

/// Probes in a row that must go well before orders come again.
pub const PROBES_TO_CLOSE: u32 = 2;

/// Where a breaker stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Orders may be sent.
    Closed {
        /// Technical failures since the last call that went well.
        failures: u32,
    },
    /// No orders, while another account is closed.
    Open {
        /// When it opened, Unix ms.
        opened_at: Millis,
        /// Milliseconds of this cool-down before chance lengthened or shortened it.
        cooldown_ms: i64,
        /// From when on a probe may be taken, Unix ms.
        probe_at: Millis,
        /// Whether a wrong configuration opened it, of which a person must hear.
        config: bool,
    },
    /// One call at a time finds out whether it is well again.
    HalfOpen {
        /// Until when the probe that runs has the right alone, Unix ms.
        lease_until: Millis,
        /// Probes that went well so far.
        successes: u32,
        /// Milliseconds of the cool-down before it; a probe that fails doubles them.
        cooldown_ms: i64,
    },
}

/// The breaker of one account, as a store keeps it.
///
/// Every transition answers the next value, or `None` when nothing is to be written. A value is written on the condition that the
/// stored `version` is the one it was made from; who is refused makes the transition again from what was found. So one of many who
/// take the same probe has it, and no failure in a row is lost by two that are counted at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Breaker {
    /// Where it stands.
    pub state: State,
    /// When a technical failure or a wrong configuration was last noted, Unix ms.
    pub last_failed_at: Option<Millis>,
    /// When it last closed after having been open, Unix ms.
    pub closed_at: Option<Millis>,
    /// Counts the transitions. A probe is known by the version that taking it made.
    pub version: u64,
}

impl Default for Breaker {
    /// Of an account that nothing is known about: closed.
    fn default() -> Breaker {
        Breaker { state: State::Closed { failures: 0 }, last_failed_at: None, closed_at: None, version: 0 }
    }
}

impl Breaker {
    /// Whether orders may be sent without a probe.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// What a call's outcome makes of it. `stats` are the account's sums without this call, `probe` the version of the probe
    /// that this call was, and `jitter` any byte.
    ///
    /// A wrong signature is a wrong configuration: no waiting repairs it, and nothing the channel says can be believed.
    pub fn after(
        &self,
        outcome: Outcome,
        now: Millis,
        stats: &Stats,
        probe: Option<u64>,
        jitter: u8,
    ) -> Option<Breaker> {
        match outcome {
            Outcome::Ok => self.on_ok(now, probe),
            Outcome::Timeout | Outcome::ServerError => self.on_technical_failure(now, stats, probe, jitter),
            Outcome::BadSignature | Outcome::Config => self.on_config_error(now),
            Outcome::NotCounted => None,
        }
    }

    /// A call went well. Ends a row of failures; half open, it counts only as the probe that runs, and the second one closes.
    /// A call that began before the breaker opened says nothing any more.
    pub fn on_ok(&self, now: Millis, probe: Option<u64>) -> Option<Breaker> {
        match self.state {
            State::Closed { failures: 0 } | State::Open { .. } => None,
            State::Closed { .. } => Some(self.moved(State::Closed { failures: 0 })),
            State::HalfOpen { .. } if probe != Some(self.version) => None,
            State::HalfOpen { successes, cooldown_ms, .. } => {
                let successes = successes.saturating_add(1);
                if successes < PROBES_TO_CLOSE {
                    // The lease ends with its probe, so that the next one need not wait.
                    return Some(self.moved(State::HalfOpen { lease_until: now, successes, cooldown_ms }));
                }
                Some(Breaker { closed_at: Some(now), ..self.moved(State::Closed { failures: 0 }) })
            }
        }
    }

    /// A call failed for a technical reason. The fifth in a row opens, and so does a half of ten or more in the recent
    /// minutes; the probe that runs opens again for twice as long. Open, only the time of the failure is noted.
    pub fn on_technical_failure(&self, now: Millis, stats: &Stats, probe: Option<u64>, jitter: u8) -> Option<Breaker> {
        match self.state {
            State::Closed { failures } => {
                let failures = failures.saturating_add(1);
                let fail = stats.recent_fail.saturating_add(1);
                let calls = stats.recent_ok.saturating_add(fail);
                let by_share = calls >= SHARE_CALLS_MIN && fail >= calls.div_ceil(2);
                if failures >= FAILURES_IN_A_ROW || by_share {
                    return Some(self.opened(now, COOLDOWN_MS, jitter));
                }
                Some(self.failed(now, State::Closed { failures }))
            }
            State::Open { .. } => Some(self.failed(now, self.state)),
            State::HalfOpen { .. } if probe != Some(self.version) => None,
            State::HalfOpen { cooldown_ms, .. } => {
                Some(self.opened(now, cooldown_ms.saturating_mul(2).min(COOLDOWN_MAX_MS), jitter))
            }
        }
    }

    /// The provider does not let the account in. Opens at once, whoever called, and no probe is taken for ten minutes; open for this
    /// reason already, only the time is noted, so that orders which try all the same do not put the probe off for ever.
    pub fn on_config_error(&self, now: Millis) -> Option<Breaker> {
        if matches!(self.state, State::Open { config: true, .. }) {
            return Some(self.failed(now, self.state));
        }
        let probe_at = now.saturating_add(COOLDOWN_MAX_MS);
        Some(self.failed(now, State::Open { opened_at: now, cooldown_ms: COOLDOWN_MAX_MS, probe_at, config: true }))
    }

    /// Whether a probe may be taken: its cool-down is over, or the probe before it went well or was never heard of again.
    pub fn may_probe(&self, now: Millis) -> bool {
        match self.state {
            State::Closed { .. } => false,
            State::Open { probe_at, .. } => now >= probe_at,
            State::HalfOpen { lease_until, .. } => now >= lease_until,
        }
    }

    /// Takes the probe, if one may be taken. The probe belongs to the caller once this value is written, and its result is told with
    /// this value's `version`; before that, nothing may be sent.
    pub fn take_probe(&self, now: Millis) -> Option<Breaker> {
        let (successes, cooldown_ms) = match self.state {
            State::Closed { .. } => return None,
            State::Open { cooldown_ms, .. } => (0, cooldown_ms),
            State::HalfOpen { successes, cooldown_ms, .. } => (successes, cooldown_ms),
        };
        let lease_until = now.saturating_add(PROBE_LEASE_MS);
        self.may_probe(now).then(|| self.moved(State::HalfOpen { lease_until, successes, cooldown_ms }))
    }

    fn moved(&self, state: State) -> Breaker {
        Breaker { state, version: self.version.saturating_add(1), ..*self }
    }

    fn failed(&self, now: Millis, state: State) -> Breaker {
        Breaker { last_failed_at: Some(now), ..self.moved(state) }
    }

    fn opened(&self, now: Millis, cooldown_ms: i64, jitter: u8) -> Breaker {
        let probe_at = now.saturating_add(jittered(cooldown_ms, jitter));
        self.failed(now, State::Open { opened_at: now, cooldown_ms, probe_at, config: false })
    }
}

/// A fifth less with 0, a fifth more with 255, evenly between: accounts that failed together are not probed together.
fn jittered(cooldown_ms: i64, byte: u8) -> i64 {
    let per_mille = 800 + 400 * i64::from(byte) / 255;
    cooldown_ms.saturating_mul(per_mille) / 1_000
}
