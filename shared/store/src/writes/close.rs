//! An order that waits for money: another attempt, the end of its hold, and the asking afterwards.

use crate::item::{number, string};
use crate::order_item::write_attempt;
use crate::write::{Outcome, Raw, Write};
use crate::writes::order::{Found, example, moved, order_key};
use crate::{Store, StoreError, Table, keys};
use domain::Millis;
use domain::guards::holds;
use domain::order::{Attempt, Due, DueKind, Order, State, Why};

/// Sets what is left to do; every write that leaves something behind uses these words.
pub(super) const SET_DUE: &str = "#due = :due, #due_at = :due_at";

/// The values of [`SET_DUE`].
pub(super) fn with_due(write: Write, order: &Order, due: Due) -> Write {
    write.value(":due", string(keys::due(due.kind, &order.id.0))).value(":due_at", number(due.at))
}

fn add_attempt(order: &Order, attempt: &Attempt, expires_at: Millis, due: Due) -> Write {
    let n = attempt.no.attempt;
    let before = n.saturating_sub(1);
    let write = Write::update(
        "C3 add attempt",
        Table::Orders,
        order_key(&order.id),
        format!("SET #att.#{n} = :attempt, #exp = :exp, {SET_DUE}"),
        format!(
            "#st = :held AND #exp = :seen AND attribute_exists(#att.#{before}) AND attribute_not_exists(#att.#{n})"
        ),
    )
    .value(":attempt", write_attempt(attempt))
    .value(":exp", number(expires_at))
    .value(":seen", number(order.expires_at))
    .value(":held", string(State::Held.as_str()));
    with_due(write, order, due)
}

/// The first attempt that was not asked about.
fn unasked(asked: u8) -> String {
    format!("attribute_not_exists(#att.#{})", asked.saturating_add(1))
}

fn lapse(order: &Order, asked: u8, now: Millis, due: Due) -> Write {
    let update = format!("SET #st = :expired, #why = :why, {SET_DUE}");
    let condition = format!("#st = :held AND #exp < :now AND {}", unasked(asked));
    let write = Write::update("X1 lapse", Table::Orders, order_key(&order.id), update, condition)
        .value(":expired", string(State::Expired.as_str()))
        .value(":held", string(State::Held.as_str()))
        .value(":why", string(Why::Expired.as_str()))
        .value(":now", number(now));
    with_due(write, order, due)
}

fn cancel(order: &Order, asked: u8, why: Why, due: Due) -> Write {
    let update = format!("SET #st = :expired, #why = :why, {SET_DUE}");
    let condition = format!("#st = :held AND {}", unasked(asked));
    let write = Write::update("X1 cancel", Table::Orders, order_key(&order.id), update, condition)
        .value(":expired", string(State::Expired.as_str()))
        .value(":held", string(State::Held.as_str()))
        .value(":why", string(why.as_str()));
    with_due(write, order, due)
}

/// What a driver of unfinished business saw, as a condition: the state, the time, and that no refund came in between.
fn as_seen(write: Write, order: &Order) -> Write {
    write.value(":st", string(order.state.as_str())).value(":seen", number(order.due.map_or(0, |due| due.at)))
}

fn seen_condition(order: &Order) -> String {
    let next_refund = order.refunds.len().saturating_add(1);
    format!("#st = :st AND #due_at = :seen AND attribute_not_exists(#rf.#{next_refund})")
}

fn ask_later(order: &Order, due: Due) -> Write {
    let update = format!("SET {SET_DUE}");
    let write = Write::update("Q1 ask later", Table::Orders, order_key(&order.id), update, seen_condition(order));
    with_due(as_seen(write, order), order, due)
}

fn nothing_left(order: &Order) -> Write {
    let condition = seen_condition(order);
    let write =
        Write::update("Q2 nothing left", Table::Orders, order_key(&order.id), "REMOVE #due, #due_at", condition);
    as_seen(write, order)
}

fn never_paid(order: &Order, forget_at: Millis) -> Write {
    let condition = format!("{} AND attribute_not_exists(#txn)", seen_condition(order));
    let update = "SET #ttl = :ttl REMOVE #due, #due_at";
    let write = Write::update("Q3 never paid", Table::Orders, order_key(&order.id), update, condition)
        .value(":ttl", number(forget_at.div_euclid(1_000)));
    as_seen(write, order)
}

fn lease_sending(order: &Order, now: Millis, before: Millis) -> Write {
    let condition = "#st = :st AND #g = :g AND (attribute_not_exists(#rs) OR #rs < :before)";
    Write::update("S1 lease sending", Table::Orders, order_key(&order.id), "SET #rs = :now", condition)
        .value(":st", string(order.state.as_str()))
        .value(":g", number(order.generation))
        .value(":now", number(now))
        .value(":before", number(before))
}

pub(super) fn examples() -> Vec<Write> {
    let Some((order, _)) = example() else { return Vec::new() };
    let due = Due { kind: DueKind::Ask, at: 0 };
    let mut second = order.attempts.clone();
    second.iter_mut().for_each(|attempt| attempt.no.attempt = 2);
    let mut writes: Vec<Write> = second.iter().map(|attempt| add_attempt(&order, attempt, 0, due)).collect();
    writes.extend([
        lapse(&order, 1, 0, due),
        cancel(&order, 1, Why::Cancelled, due),
        ask_later(&order, due),
        nothing_left(&order),
        never_paid(&order, 0),
        lease_sending(&order, 0, 0),
    ]);
    writes
}

impl Store {
    /// C3. Adds an attempt to an order that waits for money, and lengthens its hold where the buyer would have no time. Its
    /// provider is asked about until it cannot be paid any more, so `due` is set here and stays, whatever pays the order.
    ///
    /// * Invariant: 3, 4. An attempt stands in the order before anybody can pay it.
    /// * Condition: the order waits, its hold is the one that was read, the attempt before exists and this number is free.
    /// * If refused: this very attempt (`AlreadyApplied`: same number and account), or the order as found.
    /// * Twice: the second finds the attempt; a loser with another account never calls its provider.
    pub async fn add_attempt(
        &self,
        order: &Order,
        attempt: &Attempt,
        expires_at: Millis,
        due: Due,
    ) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(add_attempt(order, attempt, expires_at, due)).await?, |found| {
            let there = found.attempt(attempt.no.attempt);
            there.is_some_and(|a| {
                holds("C3 add attempt: found with this number", a.no == attempt.no)
                    && holds("C3 add attempt: found on this account", a.account == attempt.account)
            })
        })
    }

    /// X1. Ends a hold whose time is over, after the providers of the first `asked` attempts were asked. Leaves `due` behind,
    /// because money may still be on its way.
    ///
    /// * Invariant: 4, 7, 8. The state decides between money and expiry; the clock only says "too early".
    /// * Condition: the order waits, its hold has lapsed, and no attempt was added since the providers were asked.
    /// * If refused: closed before (`AlreadyApplied`), paid, or with another attempt: read again.
    /// * Twice: the second finds EXPIRED.
    pub async fn lapse(
        &self,
        order: &Order,
        asked: u8,
        now: Millis,
        due: Due,
    ) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(lapse(order, asked, now, due)).await?, |found| {
            holds("X1 lapse: found closed", found.state == State::Expired)
        })
    }

    /// X1. Ends a hold because its buyer gives up (or its channel could not take the money), after the providers of the first `asked` attempts were
    /// asked.
    ///
    /// * Invariant: 4, 7. Money that arrives all the same takes the late path.
    /// * Condition: the order waits, and no attempt was added since the providers were asked.
    /// * If refused: closed before (`AlreadyApplied`), paid, or with another attempt: read again.
    /// * Twice: the second finds EXPIRED.
    pub async fn cancel(
        &self,
        order: &Order,
        asked: u8,
        why: Why,
        due: Due,
    ) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(cancel(order, asked, why, due)).await?, |found| {
            holds("X1 cancel: found closed", found.state == State::Expired)
        })
    }

    /// Q1. Moves unfinished business to a later time.
    ///
    /// * Invariant: 4. What is unfinished stays reachable.
    /// * Condition: state, time and refunds are as read.
    /// * If refused: somebody else has driven it; nothing to do.
    /// * Twice: the second finds another time.
    pub async fn ask_later(&self, order: &Order, due: Due) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(ask_later(order, due)).await?, |_| false)
    }

    /// Q2. Nothing is left to ask and nothing to do.
    ///
    /// * Invariant: 4. Removed only by whoever has just seen that nothing is left.
    /// * Condition: state, time and refunds are as read.
    /// * If refused: something came in between; it is still there to be driven.
    /// * Twice: the second finds nothing.
    pub async fn nothing_left(&self, order: &Order) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(nothing_left(order)).await?, |found| found.due.is_none())
    }

    /// Q3. Nothing is left to ask about an order that was never paid: it may be forgotten at `forget_at`, Unix ms.
    ///
    /// * Invariant: 4. Only what was never paid is ever forgotten, and money that arrives takes the time limit away again.
    /// * Condition: EXPIRED as read, without any money.
    /// * If refused: money came in between.
    /// * Twice: the second finds nothing left.
    pub async fn never_paid(&self, order: &Order, forget_at: Millis) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(never_paid(order, forget_at)).await?, |found| found.due.is_none())
    }

    /// S1. Takes the turn to drive an order again that is paid, or paid late, and waits. `Refused` when somebody had it a moment ago.
    ///
    /// * Invariant: none; it keeps polling buyers from making a storm.
    /// * Condition: state and generation as read, and nobody sent it since `before`.
    /// * If refused: it was sent, or has moved on.
    /// * Twice: refused the second time.
    pub async fn lease_sending(
        &self,
        order: &Order,
        now: Millis,
        before: Millis,
    ) -> Result<Outcome<(), ()>, StoreError> {
        Ok(match self.send(lease_sending(order, now, before)).await? {
            Raw::Applied(_) => Outcome::Applied(()),
            Raw::Refused(_) => Outcome::Refused(()),
        })
    }
}
