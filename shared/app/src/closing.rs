//! The end of a hold: providers are asked first, then the order is closed, then its cards go back, on evidence alone.

use crate::asking::{Asked, Patience};
use crate::hold::{Held, TRIES_PER_STRIP};
use crate::{App, AppError};
use domain::asking::{GRACE_MS, next_after_end};
use domain::guards::holds;
use domain::order::{Due, DueKind, Order, Why};
use domain::stock::{Entry, evidence};
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

    /// Gives back what was claimed for an order and is not the order's, on the evidence of the order as read. Best effort:
    /// what stays behind is found by its evidence later.
    pub(crate) async fn give_back(&self, order: &Order, product: &ProductId, claim: Claim, held: &Held) {
        let hints = self.release_surplus(order, product, claim, held).await;
        self.hint(product, &hints).await;
    }

    /// Releases what the order as read gives evidence for; answers the strips that have room now.
    pub(crate) async fn release_surplus(
        &self,
        order: &Order,
        product: &ProductId,
        claim: Claim,
        held: &Held,
    ) -> Vec<u32> {
        let mut hints = Vec::new();
        // Slots that somebody wrote by hand are evidence of nothing.
        if order.is_live() && !self.slots_are_whole(order) {
            tracing::error!(order = %order.id, "the slots of an order were changed; nothing is released");
            return hints;
        }
        for (&strip, (_, positions)) in &held.strips {
            let surplus: Vec<u8> = positions
                .iter()
                .copied()
                .filter(|&position| evidence::releasable(order, claim.generation, product, strip, position))
                .collect();
            if !surplus.is_empty() && self.release(product, strip, claim, surplus).await {
                hints.push(strip);
            }
        }
        hints
    }

    async fn release(&self, product: &ProductId, strip: u32, claim: Claim, mut positions: Vec<u8>) -> bool {
        for _ in 0..TRIES_PER_STRIP {
            match self.store.release(product, strip, claim, &positions).await {
                Ok(Outcome::Applied(_)) => return true,
                Ok(Outcome::Refused(Some(found))) if !found.sealed => {
                    let still = found.positions_of(Entry::Claim(claim));
                    positions.retain(|p| still.contains(p));
                    if positions.is_empty() {
                        return false;
                    }
                }
                Ok(_) => return false,
                Err(error) => {
                    tracing::warn!(%product, strip, order = %claim.order, %error, "a surplus hold stays behind");
                    return false;
                }
            }
        }
        false
    }
}
