//! How many unpaid orders one contact, or one address, may hold open. A courtesy that keeps one person from emptying the shop:
//! it reads what stands in the tables, lags a moment behind, and never decides who owns a card.

use crate::{App, AppError, OrderRequest};
use domain::limits::HOLD_IN_ALL_MS;
use domain::order::{Order, State};
use domain::{Millis, OrderId};
use std::collections::{BTreeSet, HashMap};
use std::net::Ipv6Addr;
use std::sync::{Mutex, PoisonError};

/// A contact's newest orders that are looked at.
const LOOKED_AT: i32 = 50;

/// Orders of one address that an instance makes before it tells the others. A buyer with one order or two costs no write; who
/// makes many pays a third of a write unit for each.
const TOLD_AFTER: usize = 3;

/// So many times the limit may be ordered and given up: without it, somebody could bury another person's orders under their own.
const GIVEN_UP: usize = 5;

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

/// What an order counts for its address: one, and one more for every five cards beyond the first. Otherwise thirty orders of
/// fifty cards would empty most shops.
fn weight_of(order: &Order) -> usize {
    1 + usize::try_from(order.quantity.saturating_sub(1) / 5).unwrap_or_default()
}

/// What the heaviest order counts.
const HEAVIEST: usize = 10;

/// A household's network: an IPv4 address, or the 64 bits of an IPv6 one that its provider gave it.
pub(crate) fn network_of(address: &str) -> String {
    match address.parse::<Ipv6Addr>() {
        Ok(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => v6.segments().iter().take(4).map(|s| format!("{s:04x}")).collect::<Vec<_>>().join(":"),
        },
        Err(_) => address.to_owned(),
    }
}

impl App {
    /// Whether a create would be one unpaid order too many, for its contact or for its address.
    /// A count that cannot be had is none: a courtesy never costs an order.
    pub(crate) async fn is_one_too_many(&self, request: &OrderRequest) -> bool {
        let (contact, address) = tokio::join!(self.contact_is_full(request), self.address_is_full(request));
        let or_not = |counted: Result<bool, AppError>| {
            counted.unwrap_or_else(|error| {
                tracing::warn!(%error, "open orders could not be counted");
                false
            })
        };
        or_not(contact) || or_not(address)
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
        let looked_at = LOOKED_AT.max(i32::try_from(limit.saturating_mul(GIVEN_UP)).unwrap_or(i32::MAX));
        let mut orders = self.store.orders_of_contact(&hash, self.open_since(), looked_at).await?;
        orders.retain(|id| *id != request.order);
        if orders.len() < limit {
            return Ok(false);
        }
        let found = self.store.orders(&orders).await?;
        let count = |state| found.values().filter(|o| o.state == state).count();
        Ok(count(State::Held) >= limit || count(State::Expired) >= limit.saturating_mul(GIVEN_UP))
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
        // Few orders, of whatever size, are read only when they could be too many.
        if orders.len().saturating_mul(HEAVIEST) < limit {
            return Ok(false);
        }
        let asked: Vec<OrderId> = orders.iter().copied().collect();
        let found = self.store.orders(&asked).await?;
        let weight = |state| found.values().filter(|o| o.state == state).map(weight_of).sum::<usize>();
        // What was paid, or never came to be, counts no more.
        let over: Vec<OrderId> = asked
            .iter()
            .filter(|id| found.get(id).is_none_or(|o| !matches!(o.state, State::Held | State::Expired)))
            .copied()
            .collect();
        if !over.is_empty() {
            self.crowd.forget(&address, &over.iter().copied().collect());
            self.store.forget_open(&name, &over).await?;
        }
        Ok(weight(State::Held) >= limit || weight(State::Expired) >= limit.saturating_mul(GIVEN_UP))
    }

    /// The address's name in memory and in the table.
    fn address_names(&self, address: &str) -> (String, String) {
        let hash = self.keys.address(&network_of(address));
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
