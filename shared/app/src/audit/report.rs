//! What an audit says.

use domain::{Millis, OrderId, ProductId};
use serde::{Deserialize, Serialize};

/// Findings that are named; all are counted.
const NAMED_MAX: usize = 100;

const MILLION: u64 = 1_000_000;

/// What an audit looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Unsealed strips, and orders of the last two hours.
    Recent,
    /// Everything, the provider's word about the money of two days included.
    Full,
    /// Everything, after claims of live orders that a restore lost were put back, and after every provider was asked.
    Restored,
    /// What was sealed of orders, against what they say now.
    Evidence,
}

/// The newest seal over orders.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LastSeal {
    /// The day it is for, such as `2026-11-22`: it holds what was known of the orders of days before.
    pub day: String,
    /// Its hash, 64 hexadecimal digits. Whoever wrote it down elsewhere can tell another chain from this one.
    pub hash: String,
}

/// Something that is not as it must be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// What, as a word from a closed list.
    pub what: String,
    /// Which product.
    pub product: Option<String>,
    /// Which strip.
    pub strip: Option<u32>,
    /// Which position in it.
    pub position: Option<u8>,
    /// Which order.
    pub order: Option<String>,
    /// More, for people.
    pub detail: String,
}

/// What an audit found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// What it looked at.
    pub scope: Scope,
    /// When it began, Unix ms.
    pub started_at: Millis,
    /// When it ended; 0 while it runs.
    pub finished_at: Millis,
    /// Strips looked at.
    pub strips: u64,
    /// Cards looked at.
    pub cards: u64,
    /// Orders looked at.
    pub orders: u64,
    /// Orders about whose money a provider gave an explicit answer.
    pub confirmed_by_provider: u64,
    /// Orders about whose money a provider gave none.
    pub unanswered: u64,
    /// Paid orders that the local shop's own gateway has never seen, because somebody else stood in for it.
    pub unknown_to_sandbox: u64,
    /// Claims that wait for their release, or may be a create under way. Not differences.
    pub in_motion: u64,
    /// Of an audit after a restore: claims without an order. Their orders may be what was lost, so a person has to look before
    /// the shop opens.
    #[serde(default)]
    pub ownerless: u64,
    /// Of an audit after a restore: since when the shop was closed when it began, Unix ms.
    #[serde(default)]
    pub closed_since: Option<Millis>,
    /// Claims of live orders that were put back.
    pub put_back: u64,
    /// Of an audit of the evidence: the newest seal; `None` before the first.
    #[serde(default)]
    pub last_seal: Option<LastSeal>,
    /// Things that are not as they must be.
    pub differences: u64,
    /// The first hundred of them, and of claims without an order after a restore, which are no differences.
    pub findings: Vec<Finding>,
    /// Whether all of them are named: what is not kept as a document, but read by whoever asked.
    #[serde(skip)]
    pub(crate) names_all: bool,
}

impl Report {
    pub(crate) fn new(scope: Scope, now: Millis, closed_since: Option<Millis>) -> Report {
        Report {
            scope,
            started_at: now,
            finished_at: 0,
            strips: 0,
            cards: 0,
            orders: 0,
            confirmed_by_provider: 0,
            unanswered: 0,
            unknown_to_sandbox: 0,
            in_motion: 0,
            ownerless: 0,
            closed_since,
            put_back: 0,
            last_seal: None,
            names_all: false,
            differences: 0,
            findings: Vec::new(),
        }
    }

    /// Differences in a million cards and orders, rounded up: one difference never reads as none.
    pub fn per_million(&self) -> u64 {
        let looked_at = self.cards.saturating_add(self.orders).max(1);
        self.differences.saturating_mul(MILLION).div_ceil(looked_at)
    }

    pub(crate) fn found(&mut self, finding: Finding) {
        tracing::error!(?finding, "a difference");
        self.differences += 1;
        self.name(finding);
    }

    /// Names something without calling it a difference.
    pub(crate) fn name(&mut self, finding: Finding) {
        if self.names_all || self.findings.len() < NAMED_MAX {
            self.findings.push(finding);
        }
    }
}

/// A finding about a card.
pub(crate) fn at_slot(
    what: &str,
    product: &ProductId,
    strip: u32,
    position: u8,
    order: Option<OrderId>,
    detail: &str,
) -> Finding {
    Finding {
        what: what.to_owned(),
        product: Some(product.to_string()),
        strip: Some(strip),
        position: Some(position),
        order: order.map(|o| o.to_string()),
        detail: detail.to_owned(),
    }
}

/// A finding about a strip.
pub(crate) fn at_strip(what: &str, product: &ProductId, strip: u32, detail: &str) -> Finding {
    Finding {
        what: what.to_owned(),
        product: Some(product.to_string()),
        strip: Some(strip),
        position: None,
        order: None,
        detail: detail.to_owned(),
    }
}

/// A finding about an order.
pub(crate) fn at_order(what: &str, order: &str, detail: &str) -> Finding {
    Finding {
        what: what.to_owned(),
        product: None,
        strip: None,
        position: None,
        order: Some(order.to_owned()),
        detail: detail.to_owned(),
    }
}
