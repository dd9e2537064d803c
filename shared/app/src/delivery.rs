//! Delivery: read the ciphertexts, open them, and only then say that the order is delivered.

use crate::{App, AppError, DeliverMessage};
use domain::guards::{holds, planted};
use domain::order::{Order, State};
use domain::stock::SlotRun;
use domain::{ProductId, limits::STRIP_CARDS};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use store::{Outcome, StoreError};

/// How a delivery message ended. Each answer means that the message is done with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliverAnswer {
    /// The order is delivered now.
    Delivered,
    /// The order was delivered before.
    AlreadyDelivered,
    /// The order went another way: refunded, or held anew under a later generation.
    Superseded,
    /// The cards do not open. The order stays paid and stands before a person; the sweep tries again now and then.
    NeedsPerson,
    /// The shop is closed. The sweep sends the order again when it opens.
    Closed,
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
    /// Delivers what a message names. An error leaves the message in the queue, to be tried again and at last to be set aside;
    /// the order stays PAID, is sent again by the sweep, and after a quarter of an hour stands before a person.
    pub async fn deliver(&self, message: &DeliverMessage) -> Result<DeliverAnswer, AppError> {
        Ok(self.deliver_order(message).await?.0)
    }

    /// What [`App::deliver`] does, with the order where it is delivered: for whoever tells of the sale afterwards.
    pub async fn deliver_order(
        &self,
        message: &DeliverMessage,
    ) -> Result<(DeliverAnswer, Option<Box<Order>>), AppError> {
        if !holds("deliver: only while the shop is open", !self.is_closed().await?) {
            return Ok((DeliverAnswer::Closed, None));
        }
        match self.open_cards(&message.product, &message.slots).await {
            _ if planted("deliver: before its cards were opened") => {}
            Ok(_) => {}
            Err(AppError::Sealing(what) | AppError::Store(StoreError::Corrupt { what, .. })) => {
                return self.does_not_open(message, what).await;
            }
            Err(error) => return Err(error),
        }
        let now = self.clock.now();
        let outcome = self.store.deliver(&message.order, message.generation, now).await?;
        self.count_delivered(&outcome, now);
        match outcome {
            Outcome::Applied(order) => Ok((DeliverAnswer::Delivered, Some(Box::new(order)))),
            Outcome::AlreadyApplied(order) => Ok((DeliverAnswer::AlreadyDelivered, Some(Box::new(order)))),
            Outcome::Refused(_) => Ok((DeliverAnswer::Superseded, None)),
        }
    }

    /// A function without the right to the key is set up wrongly, and its message must come to one that has it. Everything
    /// else about a card that does not open is a person's business.
    async fn does_not_open(
        &self,
        message: &DeliverMessage,
        what: &'static str,
    ) -> Result<(DeliverAnswer, Option<Box<Order>>), AppError> {
        if self.master_key.is_none() {
            return Err(AppError::Sealing(what));
        }
        tracing::error!(order = %message.order, what, "a paid order's cards do not open");
        match self.store.order(&message.order).await? {
            Some(order) if order.generation == message.generation && order.state == State::Paid => {
                self.store.needs_person(&order, self.clock.now()).await?;
                Ok((DeliverAnswer::NeedsPerson, Some(Box::new(order))))
            }
            Some(order) if order.state == State::Delivered => Ok((DeliverAnswer::AlreadyDelivered, None)),
            _ => Ok((DeliverAnswer::Superseded, None)),
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
