//! Money that comes late, money that a person has to look at, and what becomes of both.

use crate::item::{bytes, number, string};
use crate::order_item::write_slots;
use crate::write::{Outcome, Write};
use crate::writes::close::{SET_DUE, with_due};
use crate::writes::order::{Found, example, moved, order_key, proven_by, with_payment};
use crate::{Store, StoreError, Table, keys};
use domain::Millis;
use domain::guards::{holds, planted};
use domain::order::{Due, DueKind, Order, Payment, State, Why};
use domain::stock::SlotRun;

/// Slots for late money.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Adopted<'a> {
    /// The slots, exactly as many as the order asks for.
    pub runs: &'a [SlotRun],
    /// The keyed hash over order, next generation and slots (see [`Order::slots_mac`]).
    pub mac: [u8; 12],
}

/// The value of `:due` for the order a payment names.
fn due_of(payment: &Payment, kind: DueKind) -> aws_sdk_dynamodb::types::AttributeValue {
    string(keys::due(kind, &payment.no.order.0))
}

fn pay_late(payment: &Payment, at: Millis) -> Write {
    let write = Write::update(
        "W2 pay late",
        Table::Orders,
        order_key(&payment.no.order),
        format!("SET #st = :late, #txn = :txn, #att_paid = :n, #t_paid = :at, #pm = :pm, {SET_DUE} REMOVE #ttl"),
        format!("#st = :expired AND {}", proven_by(payment)),
    )
    .value(":late", string(State::Late.as_str()))
    .value(":expired", string(State::Expired.as_str()))
    .value(":due", due_of(payment, DueKind::Late))
    .value(":due_at", number(at));
    with_payment(write, payment, at)
}

fn pay_for_review(payment: &Payment, at: Millis) -> Write {
    let write = Write::update(
        "V1 pay for review",
        Table::Orders,
        order_key(&payment.no.order),
        format!("SET #st = :review, #txn = :txn, #att_paid = :n, #t_paid = :at, #pm = :pm, {SET_DUE}"),
        format!("#st = :held AND {} AND attribute_exists(#rv)", proven_by(payment)),
    )
    .value(":review", string(State::Review.as_str()))
    .value(":held", string(State::Held.as_str()))
    .value(":due", due_of(payment, DueKind::Review))
    .value(":due_at", number(at));
    with_payment(write, payment, at)
}

/// What an order that is on its way to delivery leaves behind: the asking about its other attempts, or nothing.
fn rest(order: &Order) -> (String, bool) {
    let is_last = holds("V2 L2: no other attempt is to be asked about", order.attempts.len() <= 1);
    if !is_last { (format!(", {SET_DUE}"), true) } else { (" REMOVE #due, #due_at".to_owned(), false) }
}

fn with_rest(write: Write, order: &Order, stays: bool, at: Millis) -> Write {
    if stays { with_due(write, order, Due { kind: DueKind::Ask, at }) } else { write }
}

fn pass_review(order: &Order, at: Millis) -> Write {
    let (rest, stays) = rest(order);
    let update = format!("SET #st = :paid{rest}");
    let write =
        Write::update("V2 pass review", Table::Orders, order_key(&order.id), update, "#st = :review AND #g = :g")
            .value(":paid", string(State::Paid.as_str()))
            .value(":review", string(State::Review.as_str()))
            .value(":g", number(order.generation));
    with_rest(write, order, stays, at)
}

/// The one condition of the three moves that end with money owed back: state and generation as read.
const AS_READ: &str = "#st = :st AND #g = :g";

fn owed_back_update() -> String {
    format!("SET #st = :refund_due, #g = :next, #why = :why, {SET_DUE}")
}

fn with_debt(write: Write, order: &Order, from: State, why: Why, at: Millis) -> Write {
    let write = write
        .value(":refund_due", string(State::RefundDue.as_str()))
        .value(":st", string(from.as_str()))
        .value(":why", string(why.as_str()))
        .value(":g", number(order.generation))
        .value(":next", number(order.generation.saturating_add(2)));
    with_due(write, order, Due { kind: DueKind::Refund, at })
}

fn refuse_review(order: &Order, at: Millis) -> Write {
    let key = order_key(&order.id);
    let write = Write::update("V3 refuse review", Table::Orders, key, owed_back_update(), AS_READ);
    with_debt(write, order, State::Review, Why::Review, at)
}

fn refund_late(order: &Order, at: Millis) -> Write {
    let key = order_key(&order.id);
    let write = Write::update("L3 refund late", Table::Orders, key, owed_back_update(), AS_READ);
    with_debt(write, order, State::Late, Why::SoldOut, at)
}

fn refund_undelivered(order: &Order, at: Millis) -> Write {
    let key = order_key(&order.id);
    let write = Write::update("F0 refund undelivered", Table::Orders, key, owed_back_update(), AS_READ);
    with_debt(write, order, State::Paid, Why::Seller, at)
}

fn adopt(order: &Order, slots: &Adopted<'_>, at: Millis) -> Write {
    let (rest, stays) = rest(order);
    let update = format!("SET #st = :paid, #g = :next, #sl = :sl, #sm = :sm{rest}");
    let condition = "#st = :late AND #g = :g AND attribute_not_exists(#rv)";
    let write = Write::update("L2 adopt", Table::Orders, order_key(&order.id), update, condition)
        .value(":paid", string(State::Paid.as_str()));
    with_rest(with_slots(write, order, slots), order, stays, at)
}

fn adopt_for_review(order: &Order, slots: &Adopted<'_>, at: Millis) -> Write {
    let update = format!("SET #st = :review, #g = :next, #sl = :sl, #sm = :sm, {SET_DUE}");
    let condition = "#st = :late AND #g = :g AND attribute_exists(#rv)";
    let write = Write::update("L2 adopt for review", Table::Orders, order_key(&order.id), update, condition)
        .value(":review", string(State::Review.as_str()));
    with_due(with_slots(write, order, slots), order, Due { kind: DueKind::Review, at })
}

fn with_slots(write: Write, order: &Order, slots: &Adopted<'_>) -> Write {
    write
        .value(":late", string(State::Late.as_str()))
        .value(":g", number(order.generation))
        .value(":next", number(order.generation.saturating_add(1)))
        .value(":sl", write_slots(slots.runs))
        .value(":sm", bytes(slots.mac))
}

fn needs_person(order: &Order, at: Millis) -> Write {
    let update = format!("SET {SET_DUE}");
    let write =
        Write::update("D2 needs a person", Table::Orders, order_key(&order.id), update, "#st = :paid AND #g = :g")
            .value(":paid", string(State::Paid.as_str()))
            .value(":g", number(order.generation));
    with_due(write, order, Due { kind: DueKind::Person, at })
}

pub(super) fn examples() -> Vec<Write> {
    let Some((order, payment)) = example() else { return Vec::new() };
    vec![
        pay_late(&payment, 0),
        pay_for_review(&payment, 0),
        pass_review(&order, 0),
        refuse_review(&order, 0),
        adopt(&order, &Adopted { runs: &[], mac: [0; 12] }, 0),
        adopt_for_review(&order, &Adopted { runs: &[], mac: [0; 12] }, 0),
        refund_late(&order, 0),
        refund_undelivered(&order, 0),
        needs_person(&order, 0),
    ]
}

impl Store {
    /// W2. Takes money that proves an order whose hold has ended.
    ///
    /// * Invariant: 3, 4, 5, 7. The same four comparisons as W1: a wrong amount never becomes late money.
    /// * Condition: closed unpaid, and the attempt fits in number, account, amount and currency.
    /// * If refused: the order as found; the same movement found in LATE is `AlreadyApplied`.
    /// * Twice: the second finds LATE with its own movement.
    pub async fn pay_late(&self, payment: &Payment, at: Millis) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(pay_late(payment, at)).await?, |found| settled_by(found, State::Late, payment))
    }

    /// V1. Takes money for an order that a person looks at before delivery.
    ///
    /// * Invariant: 3, 5, 7. The same four comparisons as W1.
    /// * Condition: the order waits, the attempt fits, and the order is to be reviewed.
    /// * If refused: the order as found; the same movement found in REVIEW is `AlreadyApplied`.
    /// * Twice: the second finds REVIEW with its own movement.
    pub async fn pay_for_review(&self, payment: &Payment, at: Millis) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(pay_for_review(payment, at)).await?, |found| settled_by(found, State::Review, payment))
    }

    /// V2. A person lets a risk order pass.
    ///
    /// * Invariant: 7. Only what is in review is decided.
    /// * Condition: in review, in the generation the person saw.
    /// * If refused: passed before (`AlreadyApplied`), or decided otherwise.
    /// * Twice: the second finds PAID or DELIVERED.
    pub async fn pass_review(&self, order: &Order, at: Millis) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(pass_review(order, at)).await?, |found| {
            let passed = matches!(found.state, State::Paid | State::Delivered);
            found.to_review && holds("V2 pass review: found passed", passed)
        })
    }

    /// V3. A person refuses a risk order: its money is owed back.
    ///
    /// * Invariant: 4, 7. Two generations up, so that its slots become release evidence.
    /// * Condition: in review, in the generation the person saw.
    /// * If refused: refused before (`AlreadyApplied`), or decided otherwise.
    /// * Twice: the second finds REFUND_DUE with the same reason.
    pub async fn refuse_review(&self, order: &Order, at: Millis) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(refuse_review(order, at)).await?, |found| is_owed_back(found, Why::Review))
    }

    /// L2. Gives late money the slots that were claimed for it under the next generation.
    ///
    /// * Invariant: 1, 7. The claims of that generation cannot be released before this write, and afterwards they are owned.
    /// * Condition: late, in the generation that was read.
    /// * If refused: adopted before, with whatever slots (`AlreadyApplied`), or decided otherwise.
    /// * Twice: the second finds the next generation; its claims beyond the order's slots go back by evidence.
    pub async fn adopt(
        &self,
        order: &Order,
        slots: &Adopted<'_>,
        at: Millis,
    ) -> Result<Outcome<Order, Found>, StoreError> {
        let fits = domain::stock::count(slots.runs) == order.quantity;
        if !holds("L2 adopt: as many slots as asked for", fits) {
            return Err(StoreError::corrupt("late order", "slots and quantity differ"));
        }
        let waits = order.to_review && !planted("L2 adopt: as if no person were to look first");
        let write = if waits { adopt_for_review(order, slots, at) } else { adopt(order, slots, at) };
        let next = order.generation.saturating_add(1);
        moved(self.send(write).await?, |found| {
            holds("L2 adopt: found in the next generation", found.generation == next)
                && holds("L2 adopt: found alive", found.is_live())
        })
    }

    /// L3. Late money finds no stock: it is owed back.
    ///
    /// * Invariant: 4, 7. Two generations up, so that whatever was claimed for it becomes release evidence.
    /// * Condition: late, in the generation that was read.
    /// * If refused: owed back before (`AlreadyApplied`), or adopted meanwhile.
    /// * Twice: the second finds REFUND_DUE.
    pub async fn refund_late(&self, order: &Order, at: Millis) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(refund_late(order, at)).await?, |found| is_owed_back(found, Why::SoldOut))
    }

    /// F0. The seller gives the money of an undelivered order back.
    ///
    /// * Invariant: 4, 7. Delivery of the older generation is refused from here on.
    /// * Condition: paid and not delivered, in the generation the seller saw.
    /// * If refused: owed back before (`AlreadyApplied`), or delivered meanwhile.
    /// * Twice: the second finds REFUND_DUE.
    pub async fn refund_undelivered(&self, order: &Order, at: Millis) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(refund_undelivered(order, at)).await?, |found| is_owed_back(found, Why::Seller))
    }

    /// D2. A paid order whose cards do not open, or that is not delivered within a quarter of an hour, is put before a person. It
    /// stays paid.
    ///
    /// * Invariant: 4. What cannot be delivered is seen.
    /// * Condition: paid, in the generation that was not delivered.
    /// * If refused: it has moved on.
    /// * Twice: the same label again.
    pub async fn needs_person(&self, order: &Order, at: Millis) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(needs_person(order, at)).await?, |_| false)
    }
}

fn settled_by(found: &Order, state: State, payment: &Payment) -> bool {
    holds("W2 V1: found in the wanted state", found.state == state)
        && found.settled.as_ref().is_some_and(|s| holds("W2 V1: found with this movement", s.txn == payment.txn))
}

fn is_owed_back(found: &Order, why: Why) -> bool {
    holds("V3 L3 F0: found owed back", matches!(found.state, State::RefundDue | State::Refunded))
        && holds("V3 L3 F0: found with this reason", found.why == Some(why))
}
