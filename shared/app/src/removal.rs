//! Taking cards out of sale: the seller names them by their text, as when a supplier calls some back.

use crate::{App, AppError};
use domain::ProductId;
use domain::limits::STRIP_CARDS;
use std::collections::HashSet;
use store::Outcome;

/// Tries to remove one card while others claim around it.
const TRIES: usize = 60;

/// What became of the cards that were named.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RemovalReport {
    /// Out of sale now, or before.
    pub removed: u64,
    /// Held or sold: not touched.
    pub taken: u64,
    /// Not in this product's stock.
    pub unknown: u64,
}

impl App {
    /// Takes the named cards out of sale, for ever: a later import finds them duplicates. A card that an order holds or was
    /// sold stays where it is.
    pub async fn remove_cards(&self, product: &ProductId, body: &[u8]) -> Result<RemovalReport, AppError> {
        let text = String::from_utf8_lossy(body);
        let lines: HashSet<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let hashes: Vec<[u8; 16]> = lines.into_iter().map(|line| self.keys.card(product, line)).collect();
        let rows = self.store.unique_rows(product, &hashes).await?;
        let mut report = RemovalReport::default();
        for hash in &hashes {
            let Some(row) = rows.get(hash) else {
                report.unknown += 1;
                continue;
            };
            match self.remove_card(product, row.strip, row.position, hash).await? {
                Some(true) => report.removed += 1,
                Some(false) => report.taken += 1,
                None => report.unknown += 1,
            }
        }
        self.stock.refresh(product);
        self.forget_count(product);
        Ok(report)
    }

    /// `None` when the card does not lie there.
    async fn remove_card(
        &self,
        product: &ProductId,
        strip: u32,
        position: u8,
        hash: &[u8; 16],
    ) -> Result<Option<bool>, AppError> {
        let found = self.store.strips(product, &[strip]).await?;
        let Some(item) = found.into_iter().next() else { return Ok(None) };
        // The row only points; the ciphertext that was put with the strip says whether this very card lies there.
        let part = position.checked_div(item.strip.width).unwrap_or_default();
        let vault = self.store.vault(product, &[(strip, part)]).await?;
        let here = vault.first().filter(|v| v.import == item.import).and_then(|v| v.hash_at(position)) == Some(hash);
        if !here || position >= STRIP_CARDS {
            return Ok(None);
        }
        let mut strip = item.strip;
        for _ in 0..TRIES {
            strip = match self.store.remove_card(product, &strip, position).await? {
                Outcome::Applied(_) | Outcome::AlreadyApplied(_) => return Ok(Some(true)),
                Outcome::Refused(None) => return Ok(None),
                Outcome::Refused(Some(found)) => found,
            };
            // Past the end of a list that has grown, or free at last: try again; anything else is somebody's.
            let entry = strip.entries.get(usize::from(position));
            if !matches!(entry, None | Some(domain::stock::Entry::Free)) {
                return Ok(Some(false));
            }
        }
        Err(AppError::Contended)
    }
}
