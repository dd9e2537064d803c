//! What one pass of the timer leaves for the next.

use domain::{Claim, Millis};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What one pass leaves for the next.
#[derive(Serialize, Deserialize, Default)]
pub(super) struct Notes {
    /// When each product was last seen whole, Unix ms.
    pub(super) since: BTreeMap<String, Millis>,
    /// Where a pass ran out of time.
    pub(super) stopped_at: Option<Stop>,
    /// Free cards in each product's fresh strips, and between which numbers they lie: counted again when one of both moves.
    #[serde(default)]
    pub(super) fresh: BTreeMap<String, (u32, u32, u64)>,
    /// Products of which there were more cards than few when they were last counted: only those can fall.
    #[serde(default)]
    pub(super) stocked: BTreeSet<String>,
    /// When what needs a person was last counted, Unix ms.
    #[serde(default)]
    pub(super) people_counted_at: Millis,
}

/// Where a pass ran out of time, and when the first look at that product began, Unix ms.
#[derive(Serialize, Deserialize)]
pub(super) struct Stop {
    pub(super) product: String,
    pub(super) strip: u32,
    pub(super) began: Millis,
}

/// An ownerless claim as it was first seen.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sight {
    /// When, Unix ms.
    pub(super) first: Millis,
    /// In which strip, the lowest of them.
    pub(super) strip: u32,
}

/// The ownerless claims of a product, by claim in hexadecimal.
pub(super) type FirstSights = BTreeMap<String, Sight>;

pub(super) fn claim_name(claim: &Claim) -> String {
    crate::keys::hex(&claim.to_bytes())
}

pub(super) const NOTES: &str = "reconcile";
