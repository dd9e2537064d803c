//! Money that came after the hold: new cards where there are any, else the money is owed back.

use crate::hold::{Held, HoldEnd};
use crate::{App, AppError};
use domain::Claim;
use domain::guards::{holds, planted};
use domain::order::{Order, State};
use store::Outcome;
use store::writes::Adopted;

impl App {
    /// Drives an order that is LATE to its end: adopted and on its way to delivery, before a person, or owed back. Cut off
    /// anywhere and driven again, by whomever, it ends the same: the claim of the next generation is always the same claim.
    pub(crate) async fn drive_late(&self, order: &Order) -> Result<(), AppError> {
        if order.state != State::Late || !holds("late: only while the shop is open", !self.is_closed().await?) {
            return Ok(());
        }
        let raised = if planted("late: claims under the old generation") { 0 } else { 1 };
        let claim = Claim { order: order.id, generation: order.generation.saturating_add(raised) };
        // Its own cards first: between the end of the hold and their release they look like somebody else's.
        self.release_closed(order).await;
        let mut held = Held::default();
        // What this instance remembers is good enough for a buyer who can ask again; a refund cannot be asked for again.
        let end = if planted("late: sold out by what was remembered") {
            self.hold(&order.product, claim, order.quantity, &mut held).await?
        } else {
            self.hold_fresh(&order.product, claim, order.quantity, &mut held).await?
        };
        let now = self.clock.now();
        let outcome = match end {
            HoldEnd::Enough => {
                let runs = held.runs(order.quantity);
                let mac = self.keys.slots(&order.id, claim.generation, &runs);
                self.store.adopt(order, &Adopted { runs: &runs, mac }, now).await?
            }
            HoldEnd::SoldOut => self.store.refund_late(order, now).await?,
        };
        self.count_owed_back(&outcome);
        let after = match outcome {
            Outcome::Applied(after) | Outcome::AlreadyApplied(after) | Outcome::Refused(Some(after)) => after,
            Outcome::Refused(None) => return Err(AppError::Unforeseen("a late order that is not there")),
        };
        // Somebody else may have driven it with other cards: what is not the order's goes back, on its own evidence.
        self.give_back(&after, &order.product, claim, &held).await;
        tracing::info!(order = %order.id, state = after.state.as_str(), "late money");
        if after.state == State::RefundDue {
            self.tell_person(&after).await;
        }
        match after.state {
            State::Paid => self.send_to_delivery(&after).await.map(drop),
            _ => Ok(()),
        }
    }
}
