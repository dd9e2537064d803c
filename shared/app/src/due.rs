//! Unfinished business that owns no slot: what stands in the index `due`. Everything here ends in the write that moves the
//! order on, in a later time to look again, or in the write that says that nothing is left.

use crate::asking::{Asked, Patience};
use crate::{App, AppError};
use domain::asking::{is_over, next_after_end};
use domain::guards::holds;
use domain::limits::UNPAID_KEPT_MS;
use domain::order::{Due, DueKind, Order, State};
use domain::refund::RefundState;
use domain::{Millis, OrderId};
use store::DueItem;
use tracing::Instrument;

/// Milliseconds between two looks at something that only a person can move on.
const PERSON_EVERY_MS: i64 = 60 * 60_000;

/// Milliseconds between two questions about a refund whose answer was lost.
const REFUND_EVERY_MS: i64 = 10 * 60_000;

impl App {
    /// Drives one piece of unfinished business. What only a person can move on is left to the list that a person sees.
    pub(crate) async fn drive_due(&self, item: &DueItem, patience: &Patience) -> Result<(), AppError> {
        match item.kind {
            DueKind::Money | DueKind::Alarm => return Ok(()),
            DueKind::Ask | DueKind::Late | DueKind::Review | DueKind::Refund | DueKind::Person => {}
        }
        let order = match <[u8; 15]>::try_from(item.key.as_slice()) {
            Ok(id) => self.store.order(&OrderId(id)).await?,
            Err(_) => None,
        };
        match order {
            // The index lags behind: what it says is looked up before anything is done.
            Some(order) if order.due.is_some() => {
                let span = tracing::error_span!("order", order = %order.id);
                Box::pin(self.drive_order(&order, patience)).instrument(span).await
            }
            Some(_) => Ok(()),
            None => self.drive_row(&item.key).await,
        }
    }

    async fn drive_order(&self, order: &Order, patience: &Patience) -> Result<(), AppError> {
        let now = self.clock.now();
        match order.state {
            State::Late => self.drive_late(order).await,
            State::Expired => self.ask_after_end(order, patience).await,
            // The sweep over the strips drives it; this is only the label that another attempt has put there.
            State::Held => {
                self.look_again(order, DueKind::Ask, order.expires_at.max(now) + domain::asking::GRACE_MS).await
            }
            State::Void => Ok(()),
            State::Review | State::Paid | State::Delivered | State::RefundDue | State::Refunded => {
                self.finish_paid(order, patience).await
            }
        }
    }

    /// An order that was closed unpaid: asked about on its schedule until no provider lets it be paid any more.
    async fn ask_after_end(&self, order: &Order, patience: &Patience) -> Result<(), AppError> {
        let now = self.clock.now();
        match self.ask_order(order, patience).await? {
            Asked::Paid => Ok(()),
            Asked::NotPaid
                if holds(
                    "due: no provider takes the money any more",
                    is_over(order, self.payable_ms(order).await?, now),
                ) =>
            {
                self.store.never_paid(order, now + UNPAID_KEPT_MS).await?;
                Ok(())
            }
            Asked::NotPaid | Asked::Unknown => self.look_again(order, DueKind::Ask, next_after_end(order, now)).await,
        }
    }

    /// An order with money of its own: its refunds, and the attempts beside the one that was paid.
    async fn finish_paid(&self, order: &Order, patience: &Patience) -> Result<(), AppError> {
        let now = self.clock.now();
        let mut order = order.clone();
        for number in (1..).take(order.refunds.len()) {
            self.drive_refund(&order, number).await?;
        }
        if !order.refunds.is_empty() {
            match self.store.order(&order.id).await? {
                Some(found) if found.due.is_some() => order = found,
                _ => return Ok(()),
            }
        }
        let mut next: Option<Millis> = None;
        let mut sooner = |at| next = Some(next.map_or(at, |earlier: Millis| earlier.min(at)));
        if order.attempts.len() > 1 {
            let asked = self.ask_order(&order, patience).await?;
            if asked != Asked::NotPaid || !is_over(&order, self.payable_ms(&order).await?, now) {
                sooner(next_after_end(&order, now));
            }
        }
        if order.refunds.iter().any(|r| r.state == RefundState::Started) {
            sooner(now + REFUND_EVERY_MS);
        }
        match (order.state, order.due.map(|due| due.kind)) {
            (State::Review, _) => sooner(now + PERSON_EVERY_MS),
            (State::RefundDue, _) => sooner(now + PERSON_EVERY_MS),
            (State::Paid, Some(DueKind::Person)) => sooner(now + PERSON_EVERY_MS),
            _ => {}
        }
        match next {
            Some(at) => self.look_again(&order, label(&order), at).await,
            None => self.store.nothing_left(&order).await.map(drop).map_err(AppError::from),
        }
    }

    async fn look_again(&self, order: &Order, kind: DueKind, at: Millis) -> Result<(), AppError> {
        self.store.ask_later(order, Due { kind, at }).await?;
        Ok(())
    }
}

/// The label people read: what a person has to do comes before what a machine does.
fn label(order: &Order) -> DueKind {
    let under_way = order.refunds.iter().any(|r| r.state == RefundState::Started);
    match order.state {
        State::Review => DueKind::Review,
        State::RefundDue => DueKind::Refund,
        State::Paid if order.due.is_some_and(|due| due.kind == DueKind::Person) => DueKind::Person,
        _ if under_way => DueKind::Refund,
        _ => DueKind::Ask,
    }
}
