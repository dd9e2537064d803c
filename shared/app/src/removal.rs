//! Taking cards out of sale: the seller names them by their text, as when a supplier calls some back.

use crate::{App, AppError};
use domain::limits::STRIP_CARDS;
use domain::stock::{Entry, Strip};
use domain::{Millis, ProductId};
use futures_util::StreamExt;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use store::{Outcome, StripItem, VaultItem};

/// Tries to remove one card while others claim around it.
const TRIES: usize = 60;

/// Strips worked on side by side.
const STRIPS_AT_ONCE: usize = 16;

/// What became of the cards that were named.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RemovalReport {
    /// Out of sale now, or before.
    pub removed: u64,
    /// Held or sold: not touched.
    pub taken: u64,
    /// Not in this product's stock.
    pub unknown: u64,
    /// Not reached in time: the same list sent again goes on with them.
    pub remaining: u64,
}

impl App {
    /// Takes the named cards out of sale, for ever: a later import finds them duplicates. A card that an order holds or was
    /// sold stays where it is. What is not done at `deadline`, Unix ms, is counted as remaining.
    pub async fn remove_cards(
        &self,
        product: &ProductId,
        body: &[u8],
        deadline: Millis,
    ) -> Result<RemovalReport, AppError> {
        let text = String::from_utf8_lossy(body);
        let lines: HashSet<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let hashes: Vec<[u8; 16]> = lines.into_iter().map(|line| self.keys.card(product, line)).collect();
        let places = self.places_of(product, &hashes).await?;
        let found: usize = places.values().map(|(_, positions)| positions.len()).sum();
        let mut report = RemovalReport {
            unknown: u64::try_from(hashes.len().saturating_sub(found)).unwrap_or_default(),
            ..RemovalReport::default()
        };
        let mut work = Vec::with_capacity(places.len());
        for (strip, positions) in places.into_values() {
            work.push(self.remove_of_strip(product, strip, positions, deadline));
        }
        let mut done = futures_util::stream::iter(work).buffer_unordered(STRIPS_AT_ONCE);
        while let Some(part) = done.next().await {
            let part = part?;
            report.removed += part.removed;
            report.taken += part.taken;
            report.remaining += part.remaining;
        }
        drop(done);
        self.stock.refresh(product);
        self.forget_count(product);
        Ok(report)
    }

    /// Where cards lie, strip by strip. The uniqueness row only points; the ciphertext that was put with the strip says whether
    /// this very card lies there.
    async fn places_of(
        &self,
        product: &ProductId,
        hashes: &[[u8; 16]],
    ) -> Result<BTreeMap<u32, (Strip, BTreeSet<u8>)>, AppError> {
        let rows = self.store.unique_rows(product, hashes).await?;
        let numbers: BTreeSet<u32> = rows.values().map(|row| row.strip).collect();
        let numbers: Vec<u32> = numbers.into_iter().collect();
        let strips: HashMap<u32, StripItem> =
            self.store.strips(product, &numbers).await?.into_iter().map(|s| (s.strip.no, s)).collect();
        let part_of = |strip: u32, position: u8| {
            strips.get(&strip).and_then(|s| position.checked_div(s.strip.width)).map(|part| (strip, part))
        };
        let parts: BTreeSet<(u32, u8)> = rows.values().filter_map(|row| part_of(row.strip, row.position)).collect();
        let parts: Vec<(u32, u8)> = parts.into_iter().collect();
        let vault: HashMap<(u32, u8), VaultItem> =
            self.store.vault(product, &parts).await?.into_iter().map(|v| ((v.strip, v.part), v)).collect();
        let mut places: BTreeMap<u32, (Strip, BTreeSet<u8>)> = BTreeMap::new();
        for (hash, row) in &rows {
            let Some(item) = strips.get(&row.strip) else { continue };
            let vault = part_of(row.strip, row.position).and_then(|part| vault.get(&part));
            let here = vault.filter(|v| v.import == item.import).and_then(|v| v.hash_at(row.position)) == Some(hash);
            if here && row.position < STRIP_CARDS {
                places.entry(row.strip).or_insert_with(|| (item.strip.clone(), BTreeSet::new())).1.insert(row.position);
            }
        }
        Ok(places)
    }

    async fn remove_of_strip(
        &self,
        product: &ProductId,
        mut strip: Strip,
        positions: BTreeSet<u8>,
        deadline: Millis,
    ) -> Result<RemovalReport, AppError> {
        let mut report = RemovalReport::default();
        for position in positions {
            if self.clock.now() >= deadline {
                report.remaining += 1;
                continue;
            }
            match self.remove_card(product, &mut strip, position).await? {
                true => report.removed += 1,
                false => report.taken += 1,
            }
        }
        Ok(report)
    }

    /// `false` when somebody holds the card, or was sold it.
    async fn remove_card(&self, product: &ProductId, strip: &mut Strip, position: u8) -> Result<bool, AppError> {
        for _ in 0..TRIES {
            match strip.entries.get(usize::from(position)) {
                None | Some(Entry::Free) => {}
                Some(entry) => return Ok(*entry == Entry::Removed),
            }
            *strip = match self.store.remove_card(product, strip, position).await? {
                Outcome::Applied(now) | Outcome::AlreadyApplied(now) | Outcome::Refused(Some(now)) => now,
                Outcome::Refused(None) => return Ok(false),
            };
        }
        Err(AppError::Contended)
    }
}
