//! Finding orders again by contact and password, or by a number and the contact. Unknown contact and wrong password take the same reads and the same hashes,
//! and give the same empty answer.

use crate::crowd::network_of;
use crate::{App, AppError};
use domain::order::{Order, State};
use domain::{Millis, OrderId};

/// Orders of one contact that are looked through, the newest.
const LOOKED_THROUGH: usize = 100;

/// A window in which failures are counted, ms.
const WINDOW_MS: i64 = 15 * 60_000;

/// Failures of one contact, or from one address, in a window.
const PER_CONTACT: i64 = 10;
const PER_ADDRESS: i64 = 30;

/// What came of a look-up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LookupAnswer {
    /// The orders that this contact and this password open; maybe none.
    Orders(Vec<Order>),
    /// Too many failures; again in so many seconds.
    TooOften {
        /// Seconds.
        seconds: i64,
    },
}

/// Where a try was counted, and until when, Unix ms.
struct Counters {
    names: [String; 2],
    until: Millis,
}

impl App {
    /// The orders of a contact that a password opens, the newest first.
    pub async fn look_up(&self, contact: &str, password: &str, address: &str) -> Result<LookupAnswer, AppError> {
        let hash = self.keys.contact(contact);
        let names = match self.count_look_up(&hash, address).await? {
            Ok(names) => names,
            Err(seconds) => return Ok(LookupAnswer::TooOften { seconds }),
        };
        let limit = i32::try_from(LOOKED_THROUGH).unwrap_or(i32::MAX);
        let known = self.store.orders_of_contact(&hash, 0, limit).await?;
        // As many reads and hashes for a stranger as for a buyer of a hundred orders: nobody learns who has bought here.
        let mut asked = known.clone();
        for n in asked.len()..LOOKED_THROUGH {
            asked.push(self.keys.nobody(&hash, n));
        }
        let found = self.store.orders_with_passwords(&asked).await?;
        let mut orders: Vec<Order> = Vec::new();
        for (n, id) in asked.iter().enumerate() {
            let wanted = self.keys.password(id, password);
            let stored = found.iter().find(|f| f.order.id == *id);
            let kept = stored.map_or([0; 16], |f| f.password_hash);
            if let (true, Some(stored)) = (crate::keys::equal(&wanted, &kept), stored)
                && n < known.len()
                && stored.order.state != State::Void
            {
                orders.push(stored.order.clone());
            }
        }
        orders.sort_by_key(|o| std::cmp::Reverse((o.created_at, o.id)));
        self.take_back(&names, &orders).await;
        Ok(LookupAnswer::Orders(orders))
    }

    /// The order of a number that stands in a bill, if it was made with this contact and its buyer set no password of their own:
    /// who set one means that nobody comes in without it. `None` stands for a number of no order.
    pub async fn look_up_number(
        &self,
        contact: &str,
        order: Option<&OrderId>,
        address: &str,
    ) -> Result<LookupAnswer, AppError> {
        let hash = self.keys.contact(contact);
        let names = match self.count_look_up(&hash, address).await? {
            Ok(names) => names,
            Err(seconds) => return Ok(LookupAnswer::TooOften { seconds }),
        };
        let Some(order) = order else { return Ok(LookupAnswer::Orders(Vec::new())) };
        let found = self.store.orders_with_passwords(&[*order]).await?;
        let code = self.keys.password(order, &self.keys.collection_code(order));
        let fits = |f: &&store::Found| {
            crate::keys::equal(&f.contact_hash, &hash)
                && crate::keys::equal(&f.password_hash, &code)
                && f.order.state != State::Void
        };
        let orders: Vec<Order> = found.iter().filter(fits).map(|f| f.order.clone()).collect();
        self.take_back(&names, &orders).await;
        Ok(LookupAnswer::Orders(orders))
    }

    /// Counts a try before anything is looked at, so that many guesses at once are counted as well. Answers the counters, or for
    /// how many seconds nobody may try.
    async fn count_look_up(&self, contact: &[u8; 16], address: &str) -> Result<Result<Counters, i64>, AppError> {
        let now = self.clock.now();
        let window = now.div_euclid(WINDOW_MS);
        let until = (window + 1) * WINDOW_MS;
        // The address first: one that is shut cannot go on and shut other people's contacts.
        let names = [
            (format!("lookup#address#{}#{window}", self.keys.address(&network_of(address))), PER_ADDRESS),
            (format!("lookup#contact#{}#{window}", crate::keys::hex(contact)), PER_CONTACT),
        ];
        for (name, most) in &names {
            if self.store.count_try(name, 1, until).await? > *most {
                return Ok(Err((until - now + 999).div_euclid(1_000)));
            }
        }
        Ok(Ok(Counters { names: names.map(|(name, _)| name), until }))
    }

    /// A look-up that found something paid was no guess. An unpaid order proves nothing: anybody makes one under anybody's contact,
    /// with the very password that is being tried on the others.
    async fn take_back(&self, counters: &Counters, found: &[Order]) {
        if found.iter().all(|order| order.settled.is_none()) {
            return;
        }
        for name in &counters.names {
            if let Err(error) = self.store.count_try(name, -1, counters.until).await {
                tracing::warn!(%error, "a successful look-up stays counted");
            }
        }
    }

    /// The order an id names as it stands, for whoever may see it without its token.
    pub async fn order_now(&self, id: &OrderId) -> Result<Option<Order>, AppError> {
        Ok(self.store.order(id).await?)
    }
}
