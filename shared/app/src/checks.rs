//! What a buyer who looks at an order sets in motion: a lost message sent again, late money driven on, a provider asked.

use crate::asking::{Asked, Patience};
use crate::{App, AppError};
use domain::limits::{CHECK_EVERY_MS, SEND_AGAIN_AFTER_MS, SEND_AGAIN_LEASE_MS};
use domain::order::{DueKind, Order, State};
use store::Outcome;

/// What came of "I have paid".
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CheckAnswer {
    /// Its providers were asked.
    Asked {
        /// The order as it stands after asking.
        order: Box<Order>,
        /// Whether one of them gave no answer.
        unanswered: bool,
    },
    /// Asked a moment ago; again in so many seconds.
    TooOften {
        /// Seconds.
        seconds: i64,
    },
}

/// Milliseconds after which a buyer who watches is told that the shop knows.
const SLOW_MS: i64 = 2 * 60_000;

impl App {
    /// Asks the providers of an order now, at most once in five seconds.
    pub async fn check_payment(&self, order: &Order) -> Result<CheckAnswer, AppError> {
        let now = self.clock.now();
        let turn =
            self.store.take_turn(&format!("check#{}", order.id), self.ids.bytes(), now, now + CHECK_EVERY_MS).await?;
        if let Outcome::Refused(until) = turn {
            return Ok(CheckAnswer::TooOften { seconds: (until - now + 999).div_euclid(1_000) });
        }
        let mut unanswered = false;
        if matches!(order.state, State::Held | State::Expired) {
            unanswered = self.ask_order(order, &Patience::default()).await? == Asked::Unknown;
        }
        let now_stands = self.store.order(&order.id).await?.unwrap_or_else(|| order.clone());
        Ok(CheckAnswer::Asked { order: Box::new(now_stands), unanswered })
    }

    /// Whether an order has been paid and waiting for so long that its message may be lost.
    pub fn seems_stuck(&self, order: &Order) -> bool {
        let waits = matches!(order.state, State::Paid | State::Late);
        let now = self.clock.now();
        let since = now - order.paid_at.unwrap_or_default();
        // Whoever drove it a moment ago did so for everybody.
        let driven = order.sent_again_at.is_some_and(|at| now - at < SEND_AGAIN_LEASE_MS);
        waits && since >= SEND_AGAIN_AFTER_MS && !driven
    }

    /// Puts a paid order before a person that its buyer has waited for, and watched, for two minutes.
    pub async fn tell_person_when_slow(&self, order: &Order) -> Result<(), AppError> {
        let now = self.clock.now();
        let is_slow = order.state == State::Paid && now - order.paid_at.unwrap_or(now) >= SLOW_MS;
        let is_listed = order.due.is_some_and(|due| due.kind == DueKind::Person);
        if is_slow && !is_listed && !self.is_closed().await? {
            self.store.needs_person(order, now).await?;
            self.tell_person(order).await;
        }
        Ok(())
    }

    /// Drives an order again that was paid and waits, at most once in ten seconds however many people ask.
    pub async fn send_again(&self, order: &Order) -> Result<(), AppError> {
        if self.is_closed().await? {
            return Ok(());
        }
        let now = self.clock.now();
        match self.store.lease_sending(order, now, now - SEND_AGAIN_LEASE_MS).await? {
            Outcome::Refused(()) => return Ok(()),
            Outcome::Applied(()) | Outcome::AlreadyApplied(()) => {}
        }
        tracing::info!(order = %order.id, state = order.state.as_str(), "driven again");
        match order.state {
            State::Late => self.drive_late(order).await,
            State::Paid => self.send_to_delivery(order).await.map(drop),
            _ => Ok(()),
        }
    }
}
