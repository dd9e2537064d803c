//! Which accounts one order tries, in which order.

use super::{Breaker, Stats, score};
use crate::{AccountId, Currency, Millis, Money, OrderId};
use std::cmp::Reverse;

/// Accounts that one order tries at the most, before anything was shown to its buyer.
pub const TRIES_MAX: usize = 2;

/// Orders a day below which scores say too little and the seller's own list decides.
pub const ORDERS_MIN: u32 = 20;

/// Of a thousand orders, how many try another account than the leader.
pub const EXPLORE: u64 = 50;

/// Of a thousand orders, how many do while an account has fewer than [`SAMPLES_MIN`] calls.
pub const EXPLORE_MORE: u64 = 100;

/// Calls within a day below which an account is hardly known.
pub const SAMPLES_MIN: u32 = 10;

/// One account, with what is known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Its id.
    pub account: AccountId,
    /// Whether the seller lets orders be paid through it.
    pub enabled: bool,
    /// The names of the methods it offers, such as `alipay`.
    pub methods: Vec<String>,
    /// What it is paid in.
    pub currency: Currency,
    /// The smallest amount it takes, in minor units.
    pub min_minor: i64,
    /// The largest amount it takes, in minor units.
    pub max_minor: i64,
    /// What is left of its daily limit, in minor units; `None` without a limit.
    pub left_today_minor: Option<i64>,
    /// The seller's preference in per mille: 1,000 is none.
    pub weight: u32,
    /// Its place in the seller's list; smaller is earlier, the id decides between equals.
    pub priority: u32,
    /// Whether there is an old attempt that the provider can be asked about, so that no order need be the probe.
    pub probed_by_query: bool,
    /// What its last minutes come to; some seconds old is good enough.
    pub stats: Stats,
    /// Its breaker.
    pub breaker: Breaker,
}

impl Candidate {
    /// Whether it may take this amount, whatever its health.
    fn takes(&self, amount: Money) -> bool {
        self.enabled
            && self.currency == amount.currency
            && (self.min_minor..=self.max_minor).contains(&amount.minor)
            && self.left_today_minor.is_none_or(|left| amount.minor <= left)
    }
}

/// What a choice needs to know beside the accounts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shop {
    /// Orders of the last 24 hours.
    pub orders_24h: u32,
    /// Only orders of less than this amount explore; an order in another currency does not.
    pub explore_below: Money,
    /// The account that leads; see [`super::Leader`].
    pub leader: Option<AccountId>,
}

/// Why an account is tried first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It leads, or is the best of those whose breaker is closed.
    Leader,
    /// A small share of orders finds out how the others are.
    Explore,
    /// Its cool-down is over. Only who wins [`Breaker::take_probe`] may send to it; who does not goes on with the next.
    Probe,
    /// Too few orders for scores: the seller's list.
    Priority,
    /// No breaker is closed: the one that failed least recently.
    AllOpen,
}

impl Reason {
    /// The word in the log.
    pub fn as_str(&self) -> &'static str {
        match self {
            Reason::Leader => "leader",
            Reason::Explore => "explore",
            Reason::Probe => "probe",
            Reason::Priority => "priority",
            Reason::AllOpen => "all_open",
        }
    }
}

/// What one order tries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// One account or [`TRIES_MAX`]; the next one is tried when the one before failed and nothing was shown.
    pub order: Vec<AccountId>,
    /// Why the first.
    pub reason: Reason,
    /// The scores of all accounts that could take the order, as they were given, for the log.
    pub scores: Vec<(AccountId, u32)>,
}

/// Chooses the accounts for one order; `None` when none may take it, whatever its health.
///
/// `wish` is the id of an account, which is then the only one, or else the name of a method. The same order with the same accounts is
/// always answered the same, so that a page loaded again leads to the same channel.
pub fn choose(
    now: Millis,
    order: &OrderId,
    amount: Money,
    wish: &str,
    shop: &Shop,
    accounts: &[Candidate],
) -> Option<Choice> {
    let named = accounts.iter().any(|c| c.account.as_str() == wish);
    let wished = |c: &&Candidate| if named { c.account.as_str() == wish } else { c.methods.iter().any(|m| m == wish) };
    let eligible: Vec<&Candidate> = accounts.iter().filter(wished).filter(|c| c.takes(amount)).collect();
    if eligible.is_empty() {
        return None;
    }
    let scores = eligible.iter().map(|c| (c.account.clone(), score(&c.stats, c.weight))).collect();
    let (reason, line) = line(now, order, amount, shop, &eligible);
    let order = line.into_iter().take(TRIES_MAX).map(|c| c.account.clone()).collect();
    Some(Choice { order, reason, scores })
}

/// All that may be tried, best first, and why the first.
fn line<'a>(
    now: Millis,
    order: &OrderId,
    amount: Money,
    shop: &Shop,
    eligible: &[&'a Candidate],
) -> (Reason, Vec<&'a Candidate>) {
    let (mut closed, mut open): (Vec<_>, Vec<_>) = eligible.iter().copied().partition(|c| c.breaker.is_closed());
    open.sort_by_key(|c| (c.breaker.last_failed_at, c.priority, &c.account));
    // Where every breaker is open nothing better can be done with an order than to let it find out.
    let probe = open.iter().position(|c| c.breaker.may_probe(now) && (closed.is_empty() || !c.probed_by_query));
    let by_scores = shop.orders_24h >= ORDERS_MIN;
    closed.sort_by_key(|c| {
        let leads = by_scores && shop.leader.as_ref() == Some(&c.account);
        let score = if by_scores { score(&c.stats, c.weight) } else { 0 };
        (Reverse(leads), Reverse(score), c.priority, &c.account)
    });
    if let Some(at) = probe {
        let first = open.remove(at);
        return (Reason::Probe, std::iter::once(first).chain(closed).chain(open).collect());
    }
    if closed.is_empty() {
        return (Reason::AllOpen, open);
    }
    if !by_scores {
        return (Reason::Priority, closed);
    }
    if let Some(at) = explored(order, amount, shop, &closed) {
        let first = closed.remove(at);
        closed.insert(0, first);
        return (Reason::Explore, closed);
    }
    (Reason::Leader, closed)
}

/// Which of the accounts behind the first this order is to find out about, if any.
fn explored(order: &OrderId, amount: Money, shop: &Shop, closed: &[&Candidate]) -> Option<usize> {
    let others = u64::try_from(closed.len()).ok()?.checked_sub(1)?;
    let small = amount.currency == shop.explore_below.currency && amount.minor < shop.explore_below.minor;
    let hardly_known = closed.iter().any(|c| c.stats.samples24 < SAMPLES_MIN);
    let share = if hardly_known { EXPLORE_MORE } else { EXPLORE };
    let hash = fnv1a(&order.0);
    // Two figures of one hash: what is below a thousand says whether, what is above says which.
    let drawn = small && hash % 1_000 < share;
    let which = (hash / 1_000).checked_rem(others)?;
    usize::try_from(which + 1).ok().filter(|_| drawn)
}

/// FNV-1a with 64 bits: even enough for shares, and the same for ever. Nobody gains by choosing their order's id.
/// Source of the two numbers: draft-eastlake-fnv, for 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}
