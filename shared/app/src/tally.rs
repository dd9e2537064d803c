//! Counting cards: from the strips alone, because there is no counter.

use crate::{App, AppError};
use domain::order::State;
use domain::stock::{Entry, Strip, Tally, evidence};
use domain::{Claim, OrderId, ProductId};
use std::collections::BTreeSet;

/// Strips read at a time: one BatchGetItem.
const PAGE: usize = 100;

impl App {
    /// Cards of a product by state. Every card is counted once, from the register that says whose it is, so the states add
    /// up to `imported` in every answer.
    pub async fn tally(&self, product: &ProductId) -> Result<Tally, AppError> {
        let mut total = Tally::default();
        let head = self.store.head(product).await?.unwrap_or_default();
        let all: Vec<u32> = (0..head.on_sale).collect();
        for page in all.chunks(PAGE) {
            let strips: Vec<Strip> = self.store.strips(product, page).await?.into_iter().map(|s| s.strip).collect();
            let owners: BTreeSet<OrderId> = strips
                .iter()
                .flat_map(|s| &s.entries)
                .filter_map(|e| if let Entry::Claim(claim) = e { Some(claim.order) } else { None })
                .collect();
            let orders = self.store.orders(&owners.into_iter().collect::<Vec<_>>()).await?;
            for strip in &strips {
                total += strip.tally(|claim: &Claim, position| {
                    orders.get(&claim.order).is_some_and(|o| {
                        o.state == State::Delivered
                            && o.generation == claim.generation
                            && evidence::owns(o, product, strip.no, position)
                    })
                });
            }
        }
        Ok(total)
    }

    /// Cards of a product that anybody could claim now.
    pub async fn free_cards(&self, product: &ProductId) -> Result<u64, AppError> {
        let head = self.store.head(product).await?.unwrap_or_default();
        let mut free = 0;
        let unsealed: Vec<u32> = (head.low..head.on_sale).collect();
        for page in unsealed.chunks(PAGE) {
            for item in self.store.strips(product, page).await? {
                free += item.strip.tally(|_, _| false).free;
            }
        }
        Ok(free)
    }
}
