//! The end of a hold: providers are asked first, then the order is closed, then its cards go back.

use crate::asking::{Asked, Patience};
use crate::hold::Held;
use crate::{App, AppError};
use domain::asking::{GRACE_MS, next_after_end};
use domain::guards::holds;
use domain::order::{Due, DueKind, Order, Why};
use domain::{Claim, ProductId};
use store::Outcome;

/// How an attempt to end a hold went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum HoldEnding {
    /// The order is closed; its cards may go back.
    Closed(Box<Order>),
    /// Money arrived for it.
    Paid,
    /// A provider gave no answer, and there is still time to ask again.
    Waits,
    /// The order has moved on since it was read, or got another attempt.
    Changed,
}

impl App {
    /// Ends an order's hold. A hold whose time is over waits five minutes for a provider that gives no answer; a buyer who gives
    /// up does not wait. Either way the late path takes care of money that arrives.
    pub(crate) async fn end_hold(&self, order: &Order, why: Why, patience: &Patience) -> Result<HoldEnding, AppError> {
        let asked = self.ask_order(order, patience).await?;
        let now = self.clock.now();
        match asked {
            Asked::Paid => return Ok(HoldEnding::Paid),
            Asked::Unknown
                if why == Why::Expired
                    && !holds("closing: waits for an answer", now >= order.expires_at.saturating_add(GRACE_MS)) =>
            {
                return Ok(HoldEnding::Waits);
            }
            Asked::Unknown | Asked::NotPaid => {}
        }
        let attempts = u8::try_from(order.attempts.len()).unwrap_or(u8::MAX);
        let at = next_after_end(order, now);
        let outcome = if why == Why::Expired {
            self.store.lapse(order, attempts, now, Due { kind: DueKind::Ask, at }).await?
        } else {
            // The buyer may have paid a moment before giving up; that is asked soon, not at the end of the hold's time.
            let due = Due { kind: DueKind::Ask, at: at.min(now.saturating_add(GRACE_MS)) };
            self.store.cancel(order, attempts, why, due).await?
        };
        self.count_closed(&outcome);
        if let Outcome::Applied(closed) = &outcome {
            self.close_at_providers(closed, patience).await?;
        }
        Ok(match outcome {
            Outcome::Applied(closed) | Outcome::AlreadyApplied(closed) => HoldEnding::Closed(Box::new(closed)),
            Outcome::Refused(_) => HoldEnding::Changed,
        })
    }

    /// Gives the cards of a closed order back and says so to whoever looks for cards.
    pub(crate) async fn release_closed(&self, order: &Order) {
        let hints = self.release_slots(order).await;
        self.hint(&order.product, &hints).await;
    }

    /// Gives the cards of a closed order back; answers the strips that have room now.
    pub(crate) async fn release_slots(&self, order: &Order) -> Vec<u32> {
        let claim = Claim { order: order.id, generation: order.generation };
        self.release_surplus(order, &order.product, claim, &Held::of(&order.slots)).await
    }

    /// Remembers strips that have room again. A lost hint costs a sweep, never a card.
    pub(crate) async fn hint(&self, product: &ProductId, strips: &[u32]) {
        if strips.is_empty() {
            return;
        }
        self.stock.refresh(product);
        if let Err(error) = self.store.add_hints(product, strips).await {
            tracing::warn!(%product, %error, "a hint was not kept");
        }
    }
}
