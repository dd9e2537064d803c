//! What one claim holds.

use domain::Claim;
use domain::stock::{Entry, SlotRun, Strip};
use std::collections::BTreeMap;

/// Cards claimed for one order, by strip.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Held {
    pub(crate) strips: BTreeMap<u32, (u8, Vec<u8>)>,
}

impl Held {
    /// How many cards.
    pub(crate) fn count(&self) -> usize {
        self.strips.values().map(|(_, positions)| positions.len()).sum()
    }

    /// The cards that an order's slots name.
    pub(crate) fn of(slots: &[SlotRun]) -> Held {
        let mut held = Held::default();
        for run in slots {
            let (_, positions) = held.strips.entry(run.strip).or_insert_with(|| (run.width, Vec::new()));
            positions.extend(run.positions());
        }
        held
    }

    /// Every card of it, by strip.
    #[cfg(feature = "planted")]
    pub(crate) fn places(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.strips.iter().map(|(strip, (_, positions))| (*strip, positions.as_slice()))
    }

    /// The lowest strip with a card of it.
    pub(crate) fn lowest_strip(&self) -> u32 {
        self.strips.first_key_value().map_or(0, |(strip, _)| *strip)
    }

    /// Notes one card.
    pub(crate) fn add(&mut self, strip: u32, position: u8) {
        self.strips.entry(strip).or_default().1.push(position);
    }

    /// Whether nothing was claimed.
    pub(crate) fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Notes what this claim holds in a strip, as just read.
    pub(super) fn saw(&mut self, strip: &Strip, claim: Claim) {
        let ours = strip.positions_of(Entry::Claim(claim));
        if !ours.is_empty() {
            self.strips.insert(strip.no, (strip.width, ours));
        }
    }

    /// The first `quantity` cards as runs; whatever was claimed beyond them is surplus.
    pub(crate) fn runs(&self, quantity: u32) -> Vec<SlotRun> {
        let mut left = usize::try_from(quantity).unwrap_or(usize::MAX);
        let mut runs = Vec::new();
        for (&strip, (width, positions)) in &self.strips {
            let taken: Vec<u8> = positions.iter().copied().take(left).collect();
            left -= taken.len();
            runs.extend(SlotRun::pack(strip, *width, &taken));
        }
        runs
    }
}
