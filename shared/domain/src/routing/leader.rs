//! The account that orders go to while nothing speaks against it.

use super::{Candidate, MINUTE_MS, TECHNICAL_MINUTES, score};
use crate::{AccountId, Millis};
use std::cmp::Reverse;

/// By how much another account must be better, in per mille.
pub const BETTER_BY: u32 = 50;

/// Milliseconds for which it must be better before it leads.
pub const BETTER_FOR_MS: i64 = 60_000;

/// Milliseconds after its breaker closed for which a leader is not measured: what is counted of it begins anew then, and an account
/// that hardly anything is known of looks worse than one that was just busy for two.
pub const NOT_MEASURED_MS: i64 = TECHNICAL_MINUTES * MINUTE_MS;

/// An account that was seen to be better than the leader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rival {
    /// Which.
    pub account: AccountId,
    /// Since when, Unix ms.
    pub since: Millis,
}

/// Who leads among the accounts of one method, as a store keeps it. It is written on the condition that the stored `version`
/// is the one it was made from; who is refused drops it, because somebody else has just looked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Leader {
    /// The account; `None` before anybody looked, or where no account is enabled and closed.
    pub account: Option<AccountId>,
    /// Who may take its place.
    pub rival: Option<Rival>,
    /// Counts the changes.
    pub version: u64,
}

impl Leader {
    /// Looks at the scores of the accounts of one method. `None` when nothing is to be written.
    ///
    /// A leader that was switched off is replaced at once. One whose breaker is not closed stays and nobody is measured against it: the
    /// breaker keeps orders away, and once it is well they return, for [`NOT_MEASURED_MS`] at least. Otherwise an account leads in its place that is better
    /// by [`BETTER_BY`] at two looks at least [`BETTER_FOR_MS`] apart, and at every look between them.
    pub fn evaluate(&self, now: Millis, accounts: &[Candidate]) -> Option<Leader> {
        let scored = |c: &Candidate| score(&c.stats, c.weight);
        let in_service = accounts.iter().filter(|c| c.enabled && c.breaker.is_closed());
        let best = |least: u32| {
            let good = in_service.clone().filter(|c| scored(c) >= least);
            good.min_by_key(|c| (Reverse(scored(c)), c.priority, &c.account)).map(|c| c.account.clone())
        };
        let leader = self.account.as_ref().and_then(|id| accounts.iter().find(|c| c.enabled && c.account == *id));
        let Some(leader) = leader else {
            return self.changed(best(0), None);
        };
        let back_since = leader.breaker.closed_at.map(|at| now.saturating_sub(at));
        if !leader.breaker.is_closed() || back_since.is_some_and(|ms| ms < NOT_MEASURED_MS) {
            return self.changed(self.account.clone(), None);
        }
        let least = scored(leader).saturating_add(BETTER_BY);
        let still = |r: &&Rival| in_service.clone().any(|c| c.account == r.account && scored(c) >= least);
        match self.rival.as_ref().filter(still) {
            Some(rival) if now.saturating_sub(rival.since) >= BETTER_FOR_MS => {
                self.changed(Some(rival.account.clone()), None)
            }
            Some(_) => None,
            None => self.changed(self.account.clone(), best(least).map(|account| Rival { account, since: now })),
        }
    }

    fn changed(&self, account: Option<AccountId>, rival: Option<Rival>) -> Option<Leader> {
        let same = self.account == account && self.rival == rival;
        (!same).then(|| Leader { account, rival, version: self.version.saturating_add(1) })
    }
}
