//! Delivery: read the ciphertexts, open them, and only then say that the order is delivered.

use crate::{App, AppError, DeliverMessage};
use domain::order::Order;
use domain::stock::SlotRun;
use domain::{ProductId, limits::STRIP_CARDS};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use store::Outcome;

/// How a delivery message ended. Each answer means that the message is done with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliverAnswer {
    /// The order is delivered now.
    Delivered,
    /// The order was delivered before.
    AlreadyDelivered,
    /// The order went another way: refunded, or held anew under a later generation.
    Superseded,
}

/// A card in the clear, on its way to its buyer and nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenedCard(pub String);

impl fmt::Debug for OpenedCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl App {
    /// Delivers what a message names. An error leaves the message in the queue, to be tried again and at last to be set
    /// aside where a person sees it; the order stays PAID.
    pub async fn deliver(&self, message: &DeliverMessage) -> Result<DeliverAnswer, AppError> {
        self.open_cards(&message.product, &message.slots).await?;
        match self.store.deliver(&message.order, message.generation, self.clock.now()).await? {
            Outcome::Applied(_) => Ok(DeliverAnswer::Delivered),
            Outcome::AlreadyApplied(_) => Ok(DeliverAnswer::AlreadyDelivered),
            Outcome::Refused(_) => Ok(DeliverAnswer::Superseded),
        }
    }

    /// The cards of a delivered order, in the order of its slots. The caller has checked that it is delivered and that the
    /// asker may see it.
    pub async fn cards_of(&self, order: &Order) -> Result<Vec<OpenedCard>, AppError> {
        self.open_cards(&order.product, &order.slots).await
    }

    async fn open_cards(&self, product: &ProductId, slots: &[SlotRun]) -> Result<Vec<OpenedCard>, AppError> {
        let mut wanted = BTreeSet::new();
        let mut places = Vec::new();
        for run in slots {
            for position in run.positions().filter(|p| *p < STRIP_CARDS) {
                let part = position.checked_div(run.width).ok_or(AppError::Sealing("width of nought"))?;
                wanted.insert((run.strip, part));
                places.push((run.strip, part, position));
            }
        }
        let wanted: Vec<(u32, u8)> = wanted.into_iter().collect();
        let items: HashMap<(u32, u8), _> =
            self.store.vault(product, &wanted).await?.into_iter().map(|item| ((item.strip, item.part), item)).collect();
        let mut cards = Vec::with_capacity(places.len());
        for (strip, part, position) in places {
            let item = items.get(&(strip, part)).ok_or(AppError::Sealing("ciphertext missing"))?;
            let sealed = item.sealed_at(position).ok_or(AppError::Sealing("ciphertext missing"))?;
            let key = self.data_key(product, &item.kid).await?;
            cards.push(OpenedCard(key.open(self, product, strip, position, sealed)?));
        }
        Ok(cards)
    }
}
