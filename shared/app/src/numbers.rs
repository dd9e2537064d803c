//! What the use cases tell the meter. A number is counted by whoever's write took effect; a write whose answer was lost and
//! that found its own work done is not counted twice, and sometimes not at all. The tables are the truth; these are for the eye
//! and for alarms.

use crate::meter::Metric;
use crate::{App, AppError};
use domain::Millis;
use domain::order::{Attempt, Order, Payment, State};
use store::Outcome;

/// Milliseconds after its payment from which an undelivered order is counted: a delivery takes less than a second, and its
/// second try half a minute.
const UNDELIVERED_MS: i64 = 60_000;

/// Milliseconds between two countings of what needs a person: each reads every row.
const PEOPLE_EVERY_MS: i64 = 5 * 60_000;

impl App {
    /// Says that a function begins to work: its first time is a cold start.
    pub fn begin(&self) {
        self.meter.begin();
    }

    /// Writes what was counted since the last time, and the write units that the tables reported.
    pub fn flush_meter(&self) {
        let units = self.store.take_write_units();
        if units > 0 {
            self.meter.add(Metric::WriteUnits, i64::try_from(units).unwrap_or(i64::MAX));
        }
        self.meter.flush(&self.config.table_prefix, self.clock.now());
    }

    pub(crate) fn count_created(&self, order: &Order) {
        self.meter.add(Metric::OrdersCreated, 1);
        if let Some(attempt) = order.newest_attempt() {
            self.count_attempt(attempt);
        }
    }

    pub(crate) fn count_attempt(&self, attempt: &Attempt) {
        self.meter.add_for(&attempt.account, Metric::AttemptsMade, 1);
    }

    /// Money that was proven, when this write took it in.
    pub(crate) fn count_proof<F>(&self, payment: &Payment, outcome: &Outcome<Order, F>, now: Millis) {
        let Outcome::Applied(order) = outcome else { return };
        if order.state == State::Late {
            self.meter.add(Metric::OrdersLate, 1);
        } else {
            self.meter.add_for(&payment.account, Metric::OrdersPaid, 1);
        }
        // What the owner vouches for arrives when the owner gets to it.
        if let Some(attempt) = order.attempt(payment.no.attempt).filter(|_| !payment.txn.is_attested()) {
            self.meter.add_for(&payment.account, Metric::TimeToProof, (now - attempt.made_at).max(0));
        }
    }

    pub(crate) fn count_delivered<F>(&self, outcome: &Outcome<Order, F>, now: Millis) {
        let Outcome::Applied(order) = outcome else { return };
        self.meter.add(Metric::OrdersDelivered, 1);
        // An order that a person looked at first waited for that person.
        if let Some(paid_at) = order.paid_at.filter(|_| !order.to_review) {
            self.meter.add(Metric::PaidToDelivered, (now - paid_at).max(0));
        }
    }

    pub(crate) fn count_closed<F>(&self, outcome: &Outcome<Order, F>) {
        if matches!(outcome, Outcome::Applied(_)) {
            self.meter.add(Metric::OrdersClosed, 1);
        }
    }

    pub(crate) fn count_owed_back<F>(&self, outcome: &Outcome<Order, F>) {
        if matches!(outcome, Outcome::Applied(order) if order.state == State::RefundDue) {
            self.meter.add(Metric::OrdersOwedBack, 1);
        }
    }

    /// Whether an order has been paid and undelivered for so long that a healthy shop would have delivered it.
    pub(crate) fn is_undelivered(&self, order: &Order) -> bool {
        order.state == State::Paid && self.clock.now() - order.paid_at.unwrap_or_default() >= UNDELIVERED_MS
    }

    /// What a pass has found.
    pub(crate) fn count_undelivered(&self, undelivered: usize) {
        self.meter.add(Metric::PaidNotDelivered, i64::try_from(undelivered).unwrap_or(i64::MAX));
    }

    /// Counts what needs a person, when it was last done at `last` and its time has come; answers when it was done.
    pub(crate) async fn count_people(&self, last: Millis) -> Result<Millis, AppError> {
        let now = self.clock.now();
        if now - last < PEOPLE_EVERY_MS {
            return Ok(last);
        }
        let rows = self.attention().await?.rows;
        let oldest = rows.iter().map(|row| now - row.since).max().unwrap_or_default();
        self.meter.add(Metric::NeedsPerson, i64::try_from(rows.len()).unwrap_or(i64::MAX));
        self.meter.add(Metric::NeedsPersonOldest, (oldest / 1_000).max(0));
        Ok(now)
    }
}
