//! Whether an order's own attributes bear each other out. Whoever writes into the tables by hand has not the shop's secret.

use crate::App;
use domain::order::{Order, State};

impl App {
    /// Whether the money of an order was proven by somebody who knows the shop's secret, for exactly this attempt.
    pub fn is_proven(&self, order: &Order) -> bool {
        let Some(settled) = &order.settled else { return false };
        let Some(attempt) = order.attempt(settled.attempt) else { return false };
        let expected = self.keys.payment(&attempt.no, &settled.txn, attempt.minor, attempt.currency);
        crate::keys::equal(&settled.mac, &expected) && self.attempts_are_whole(order) && self.slots_are_whole(order)
    }

    /// Whether the slots are those that somebody who knows the shop's secret gave the order in this generation. An order whose
    /// money is owed back keeps the slots of an older one.
    pub(crate) fn slots_are_whole(&self, order: &Order) -> bool {
        let generation = match order.state {
            State::RefundDue | State::Refunded => order.generation.saturating_sub(2),
            _ => order.generation,
        };
        crate::keys::equal(&order.slots_mac, &self.keys.slots(&order.id, generation, &order.slots))
    }

    fn attempts_are_whole(&self, order: &Order) -> bool {
        order.attempts.iter().all(|attempt| {
            let expected = self.keys.attempt(&order.id, &order.product, order.quantity, order.to_review, attempt);
            attempt.no.order == order.id && crate::keys::equal(&attempt.mac, &expected)
        })
    }

    /// What is wrong with an order in itself; `None` when nothing is.
    pub(crate) fn fault_of(&self, order: &Order) -> Option<&'static str> {
        if order.state == State::Void {
            return None;
        }
        let unpaid = matches!(order.state, State::Held | State::Expired);
        let count = domain::stock::count(&order.slots);
        if order.attempts.is_empty() {
            Some("no attempt")
        } else if !self.attempts_are_whole(order) {
            Some("an attempt was changed")
        } else if unpaid && order.settled.is_some() {
            Some("unpaid, and yet with money")
        } else if !unpaid && !self.is_proven(order) {
            Some("paid without a proof")
        } else if !self.slots_are_whole(order) {
            Some("the slots were changed")
        } else if count != order.quantity {
            Some("slots and quantity differ")
        } else if (order.state == State::Delivered) != order.delivered_at.is_some() {
            Some("state and time of delivery differ")
        } else if needs_due(order) && order.due.is_none() {
            Some("unfinished and in no list")
        } else {
            None
        }
    }
}

/// States that own no slot and are not at an end stand in the list of unfinished business.
fn needs_due(order: &Order) -> bool {
    matches!(order.state, State::Late | State::Review | State::RefundDue)
}
