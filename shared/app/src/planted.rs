//! Steps in the wrong order, for the test's program that shows what notices them. Only with the feature `planted`.

use crate::hold::Held;
use crate::{App, AppError, RefundAnswer};
use domain::order::Order;
use domain::refund::Refund;
use domain::{Claim, ProductId};
use payments::RefundState as Said;
use store::Outcome;

impl App {
    /// Gives cards back without asking for evidence.
    pub(crate) async fn release_blindly(&self, product: &ProductId, claim: Claim, held: &Held) {
        let mut hints = Vec::new();
        for (strip, positions) in held.places() {
            if self.store.release(product, strip, claim, positions).await.is_ok() {
                hints.push(strip);
            }
        }
        self.hint(product, &hints).await;
    }

    /// Calls the provider, and writes the refund down when it has answered.
    pub(crate) async fn refund_unwritten(
        &self,
        order: &Order,
        refund: &Refund,
        number: u8,
    ) -> Result<RefundAnswer, AppError> {
        let said = self.call_refund(order, refund).await?;
        match (self.store.start_refund(order, refund).await?, said) {
            (Outcome::Applied(order), Said::Done) => self.end_refund(&order, number, true, "done").await,
            (Outcome::Applied(order), Said::Refused(words)) => self.end_refund(&order, number, false, words).await,
            (Outcome::Applied(order) | Outcome::AlreadyApplied(order), _) => Ok(RefundAnswer::Order(Box::new(order))),
            (Outcome::Refused(Some(found)), _) => Ok(RefundAnswer::WrongState(found.state)),
            (Outcome::Refused(None), _) => Ok(RefundAnswer::NoOrder),
        }
    }
}
