//! How many unpaid orders one contact, or one address, may hold open. A courtesy that keeps one person from emptying the shop:
//! it reads what stands in the tables, lags a moment behind, and never decides who owns a card.

use crate::{App, AppError, OrderRequest};
use domain::limits::HOLD_IN_ALL_MS;
use domain::order::State;
use domain::{Millis, OrderId};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

/// A contact's newest orders that are looked at.
const LOOKED_AT: i32 = 50;

/// Orders of one address that an instance makes before it tells the others. A buyer with one order or two costs no write; who
/// makes many pays a third of a write unit for each.
const TOLD_AFTER: usize = 3;

/// Addresses one instance remembers.
const ADDRESSES_MAX: usize = 10_000;

/// Orders of each address that this instance made lately.
#[derive(Debug, Default)]
pub(crate) struct Crowd(Mutex<HashMap<String, Vec<Made>>>);

#[derive(Clone, Copy, Debug)]
struct Made {
    order: OrderId,
    at: Millis,
    told: bool,
}

impl Crowd {
    fn with<T>(&self, change: impl FnOnce(&mut HashMap<String, Vec<Made>>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn of(&self, address: &str, since: Millis) -> Vec<OrderId> {
        self.with(|all| {
            let Some(made) = all.get_mut(address) else { return Vec::new() };
            made.retain(|m| m.at >= since);
            made.iter().map(|m| m.order).collect()
        })
    }

    /// Notes an order; answers those that the others should be told of now.
    fn note(&self, address: &str, order: OrderId, at: Millis) -> Vec<OrderId> {
        self.with(|all| {
            if all.len() >= ADDRESSES_MAX && !all.contains_key(address) {
                all.clear();
            }
            let made = all.entry(address.to_owned()).or_default();
            made.push(Made { order, at, told: false });
            if made.iter().filter(|m| !m.told).count() < TOLD_AFTER {
                return Vec::new();
            }
            let news = made.iter().filter(|m| !m.told).map(|m| m.order).collect();
            made.iter_mut().for_each(|m| m.told = true);
            news
        })
    }

    fn forget(&self, address: &str, orders: &BTreeSet<OrderId>) {
        self.with(|all| {
            if let Some(made) = all.get_mut(address) {
                made.retain(|m| !orders.contains(&m.order));
            }
        });
    }
}

impl App {
    /// Whether a create would be one unpaid order too many, for its contact or for its address.
    pub(crate) async fn is_one_too_many(&self, request: &OrderRequest) -> Result<bool, AppError> {
        let (contact, address) = tokio::join!(self.contact_is_full(request), self.address_is_full(request));
        Ok(contact? || address?)
    }

    /// Since when an order can still be open, Unix ms.
    fn open_since(&self) -> Millis {
        self.clock.now() - self.config.hold_ms.max(HOLD_IN_ALL_MS) - domain::asking::GRACE_MS
    }

    async fn contact_is_full(&self, request: &OrderRequest) -> Result<bool, AppError> {
        let limit = usize::try_from(self.config.open_orders_per_contact).unwrap_or(usize::MAX);
        if limit == 0 {
            return Ok(false);
        }
        let hash = self.keys.contact(&request.contact);
        let looked_at = LOOKED_AT.max(i32::try_from(limit).unwrap_or(i32::MAX));
        let mut orders = self.store.orders_of_contact(&hash, self.open_since(), looked_at).await?;
        orders.retain(|id| *id != request.order);
        if orders.len() < limit {
            return Ok(false);
        }
        Ok(self.open_among(&orders).await?.len() >= limit)
    }

    async fn address_is_full(&self, request: &OrderRequest) -> Result<bool, AppError> {
        let limit = usize::try_from(self.config.open_orders_per_address).unwrap_or(usize::MAX);
        if limit == 0 || request.address.is_empty() {
            return Ok(false);
        }
        let (address, name) = self.address_names(&request.address);
        let mut orders: BTreeSet<OrderId> = self.store.noted_open(&name).await?.into_iter().collect();
        orders.extend(self.crowd.of(&address, self.open_since()));
        orders.remove(&request.order);
        if orders.len() < limit {
            return Ok(false);
        }
        let asked: Vec<OrderId> = orders.iter().copied().collect();
        let open = self.open_among(&asked).await?;
        let over: BTreeSet<OrderId> = orders.difference(&open).copied().collect();
        if !over.is_empty() {
            self.crowd.forget(&address, &over);
            let over: Vec<OrderId> = over.into_iter().collect();
            self.store.forget_open(&name, &over).await?;
        }
        Ok(open.len() >= limit)
    }

    async fn open_among(&self, orders: &[OrderId]) -> Result<BTreeSet<OrderId>, AppError> {
        let found = self.store.orders(orders).await?;
        Ok(found.into_values().filter(|o| o.state == State::Held).map(|o| o.id).collect())
    }

    /// The address's name in memory and in the table.
    fn address_names(&self, address: &str) -> (String, String) {
        let hash = self.keys.address(address);
        let name = format!("open#{hash}");
        (hash, name)
    }

    /// Notes that an order was made from an address. Best effort: an order is never lost for it.
    pub(crate) async fn note_made(&self, request: &OrderRequest) {
        if self.config.open_orders_per_address == 0 || request.address.is_empty() {
            return;
        }
        let (address, name) = self.address_names(&request.address);
        let now = self.clock.now();
        let news = self.crowd.note(&address, request.order, now);
        let until = now + self.config.hold_ms.max(HOLD_IN_ALL_MS);
        if !news.is_empty()
            && let Err(error) = self.store.note_open(&name, &news, until).await
        {
            tracing::warn!(%error, "an address's open orders were not noted");
        }
    }
}
