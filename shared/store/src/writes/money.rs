//! Money that goes back, money that settles nothing, and what a person has to confirm.

use crate::item::{number, string};
use crate::order_item::write_refund;
use crate::write::{Item, Outcome, Raw, Write};
use crate::writes::close::{SET_DUE, with_due};
use crate::writes::order::{Found, example, moved, order_key};
use crate::{Alarm, MoneyRow, Store, StoreError, Table, keys};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::guards::holds;
use domain::order::{Due, DueKind, Order, State};
use domain::refund::{MoneyState, Refund, RefundState};
use domain::{Millis, Txn};
use std::collections::HashMap;

fn record_money(row: &MoneyRow) -> Write {
    Write::put("M0 record money", Table::Orders, row.write(), "attribute_not_exists(#o)")
}

/// The first refund makes the map.
fn start_first_refund(order: &Order, refund: &Refund) -> Write {
    let entry = AttributeValue::M(HashMap::from([("1".to_owned(), write_refund(refund))]));
    let update = format!("SET #rf = :refund, {SET_DUE}");
    let condition = "#st = :st AND #g = :g AND attribute_not_exists(#rf)";
    let write = Write::update("F1 start refund", Table::Orders, order_key(&order.id), update, condition);
    with_refund(write, order, refund, entry)
}

/// Later ones go into it.
fn start_next_refund(order: &Order, refund: &Refund) -> Write {
    let before = order.refunds.len();
    let n = before.saturating_add(1);
    let update = format!("SET #rf.#{n} = :refund, {SET_DUE}");
    let condition =
        format!("#st = :st AND #g = :g AND attribute_not_exists(#rf.#{n}) AND attribute_exists(#rf.#{before})");
    let write = Write::update("F1 start next refund", Table::Orders, order_key(&order.id), update, condition);
    with_refund(write, order, refund, write_refund(refund))
}

fn with_refund(write: Write, order: &Order, refund: &Refund, entry: AttributeValue) -> Write {
    let write =
        write.value(":refund", entry).value(":st", string(order.state.as_str())).value(":g", number(order.generation));
    with_due(write, order, Due { kind: DueKind::Refund, at: refund.at })
}

/// What the refund with this number leaves behind when it is done.
struct AfterRefund {
    /// All that was paid has gone back.
    ends_order: bool,
    /// Nothing is left to ask and no other refund is on its way.
    nothing_left: bool,
}

fn after_refund(order: &Order, number: u8) -> AfterRefund {
    let place = usize::from(number).saturating_sub(1);
    let others = order.refunds.iter().enumerate().filter(|(n, _)| *n != place).map(|(_, r)| r);
    let under_way = others.filter(|r| r.state == RefundState::Started).count();
    let this = order.refunds.get(place).map_or(0, |r| r.minor);
    let back = domain::refund::done(&order.refunds).saturating_add(this);
    let all_back = holds("F2 finish refund: all of the money is back", back >= order.paid_minor());
    let ends_order = order.state == State::RefundDue && all_back;
    let owes = order.state == State::RefundDue && !ends_order;
    let nothing_left = holds("F2 finish refund: no other refund is under way", under_way == 0)
        && holds("F2 finish refund: nothing is owed any more", !owes)
        && holds("F2 finish refund: no other attempt is to be asked about", order.attempts.len() <= 1);
    AfterRefund { ends_order, nothing_left }
}

fn finish_refund(order: &Order, n: u8, reference: &str) -> Write {
    let after = after_refund(order, n);
    let mut update = format!("SET #rf.#{n}.#st = :done, #rf.#{n}.#ref = :ref");
    if after.ends_order {
        update += ", #st = :refunded";
    }
    if after.nothing_left {
        update += " REMOVE #due, #due_at";
    }
    let next = order.refunds.len().saturating_add(1);
    let condition = format!("#st = :st AND #rf.#{n}.#st = :started AND attribute_not_exists(#rf.#{next})");
    let write = Write::update("F2 finish refund", Table::Orders, order_key(&order.id), update, condition)
        .value(":done", string(RefundState::Done.as_str()))
        .value(":started", string(RefundState::Started.as_str()))
        .value(":st", string(order.state.as_str()))
        .value(":ref", string(reference));
    if after.ends_order { write.value(":refunded", string(State::Refunded.as_str())) } else { write }
}

fn fail_refund(order: &Order, n: u8, reference: &str) -> Write {
    Write::update(
        "F3 fail refund",
        Table::Orders,
        order_key(&order.id),
        format!("SET #rf.#{n}.#st = :failed, #rf.#{n}.#ref = :ref"),
        format!("#rf.#{n}.#st = :started"),
    )
    .value(":failed", string(RefundState::Failed.as_str()))
    .value(":started", string(RefundState::Started.as_str()))
    .value(":ref", string(reference))
}

fn row_key(txn: &Txn) -> Item {
    keys::binary("o", keys::money_row(txn))
}

/// State and time as read: a row that was decided and taken back meanwhile has another time.
const ROW_AS_READ: &str = "#st = :from AND #due_at = :seen";

/// A row on its way back is driven by machines, any other waits for a person; the label says which.
fn decide_row(row: &MoneyRow, to: MoneyState, reference: &str, look_at: Millis) -> Write {
    let kind = if to == MoneyState::Refunding { DueKind::Refund } else { DueKind::Money };
    let update = format!("SET #st = :to, #ref = :ref, {SET_DUE}");
    Write::update("M2 decide row", Table::Orders, row_key(&row.txn), update, ROW_AS_READ)
        .value(":due", string(keys::due(kind, row.txn.as_bytes())))
        .value(":due_at", number(look_at))
        .value(":from", string(row.state.as_str()))
        .value(":seen", number(row.look_at))
        .value(":to", string(to.as_str()))
        .value(":ref", string(reference))
}

fn end_row(row: &MoneyRow, to: MoneyState, reference: &str) -> Write {
    let update = "SET #st = :to, #ref = :ref REMOVE #due, #due_at";
    Write::update("M3 end row", Table::Orders, row_key(&row.txn), update, ROW_AS_READ)
        .value(":from", string(row.state.as_str()))
        .value(":seen", number(row.look_at))
        .value(":to", string(to.as_str()))
        .value(":ref", string(reference))
}

fn raise_alarm(alarm: &Alarm) -> Write {
    Write::put("O1 raise alarm", Table::Orders, alarm.write(), "attribute_not_exists(#due)")
}

fn confirm_alarm(alarm: &Alarm) -> Write {
    let key = keys::binary("o", keys::alarm(&alarm.product, &alarm.what));
    Write::update(
        "O2 confirm alarm",
        Table::Orders,
        key,
        "SET #st = :confirmed",
        "#t_new = :seen AND attribute_exists(#due)",
    )
    .value(":confirmed", string("confirmed"))
    .value(":seen", number(alarm.seen_at))
}

fn end_alarm(alarm: &Alarm) -> Write {
    let key = keys::binary("o", keys::alarm(&alarm.product, &alarm.what));
    Write::update("O3 end alarm", Table::Orders, key, "REMOVE #due, #due_at", "#t_new = :seen")
        .value(":seen", number(alarm.seen_at))
}

pub(super) fn examples() -> Vec<Write> {
    let Some((mut order, payment)) = example() else { return Vec::new() };
    let row = MoneyRow {
        txn: payment.txn.clone(),
        reason: "double".into(),
        account: payment.account.clone(),
        out_trade_no: payment.no.to_string(),
        order: Some(order.id),
        minor: 990,
        currency: payment.currency,
        state: MoneyState::Open,
        reference: String::new(),
        seen_at: 0,
        look_at: 0,
    };
    let refund = Refund {
        minor: 990,
        state: RefundState::Started,
        by_hand: false,
        reference: String::new(),
        request: [0; 8],
        at: 0,
    };
    let alarm = Alarm {
        product: order.product.clone(),
        what: "w".into(),
        count: 6,
        confirmed: false,
        is_open: true,
        seen_at: 0,
    };
    order.state = State::RefundDue;
    let first = start_first_refund(&order, &refund);
    order.refunds.push(refund.clone());
    let next = start_next_refund(&order, &refund);
    vec![
        record_money(&row),
        first,
        next,
        finish_refund(&order, 1, "r"),
        fail_refund(&order, 1, "r"),
        decide_row(&row, MoneyState::Refunding, "", 0),
        end_row(&row, MoneyState::Refunded, "r"),
        raise_alarm(&alarm),
        confirm_alarm(&alarm),
        end_alarm(&alarm),
    ]
}

impl Store {
    /// M0. Writes down money that settles no order, before its provider hears "success".
    ///
    /// * Invariant: 4, 5. Every proven payment ends as delivered, or as a row a person sees.
    /// * Condition: the movement has no row yet; never overwritten, whatever became of the row.
    /// * If refused: recorded before (`AlreadyApplied`).
    /// * Twice: the second finds the row.
    pub async fn record_money(&self, row: &MoneyRow) -> Result<Outcome<(), ()>, StoreError> {
        Ok(match self.send(record_money(row)).await? {
            Raw::Applied(_) => Outcome::Applied(()),
            Raw::Refused(_) => Outcome::AlreadyApplied(()),
        })
    }

    /// F1. Writes a refund down, before any provider is called. Its number is the count of those before it plus one.
    ///
    /// * Invariant: 4, 6. What is on its way back never exceeds what was paid, because the count read is the count found.
    /// * Condition: state, generation and count of refunds as read.
    /// * If refused: the same request's refund (`AlreadyApplied`), or another refund came in between: read again.
    /// * Twice: the second finds its own request.
    pub async fn start_refund(&self, order: &Order, refund: &Refund) -> Result<Outcome<Order, Found>, StoreError> {
        let may_go_back = matches!(order.state, State::RefundDue | State::Delivered);
        if !holds("F1 start refund: owed back or delivered", may_go_back) {
            return Err(StoreError::corrupt("refund", "neither owed back nor delivered"));
        }
        if order.refunds.iter().any(|r| r.request == refund.request) {
            return Ok(Outcome::AlreadyApplied(order.clone()));
        }
        let back = domain::refund::returned(&order.refunds).saturating_add(refund.minor);
        if !holds("F1 start refund: no more than was paid", back <= order.paid_minor()) {
            return Err(StoreError::corrupt("refund", "more than is left"));
        }
        let write =
            if order.refunds.is_empty() { start_first_refund(order, refund) } else { start_next_refund(order, refund) };
        moved(self.send(write).await?, |found| {
            holds("F1 start refund: found with this request", found.refunds.iter().any(|r| r.request == refund.request))
        })
    }

    /// F2. The money of a refund went back; the last of it ends an order that was owed back.
    ///
    /// * Invariant: 4, 7. `due` goes only with the last thing there is to do.
    /// * Condition: the refund is under way, the state and the count of refunds as read.
    /// * If refused: done before (`AlreadyApplied`), or the order as found.
    /// * Twice: the second finds it done.
    pub async fn finish_refund(
        &self,
        order: &Order,
        number: u8,
        reference: &str,
    ) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(finish_refund(order, number, reference)).await?, |found| {
            holds("F2 finish refund: found done", refund_state(found, number) == Some(RefundState::Done))
        })
    }

    /// F3. Nothing of a refund moved: its provider said so, or a person found it so. What is owed stays owed.
    ///
    /// * Invariant: 4, 10. Only an explicit no comes here; no answer is no answer.
    /// * Condition: the refund is under way.
    /// * If refused: failed before (`AlreadyApplied`), or done.
    /// * Twice: the second finds it failed.
    pub async fn fail_refund(
        &self,
        order: &Order,
        number: u8,
        reference: &str,
    ) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(fail_refund(order, number, reference)).await?, |found| {
            holds("F3 fail refund: found failed", refund_state(found, number) == Some(RefundState::Failed))
        })
    }

    /// M2. Moves a money row on while it still needs somebody, to be looked at again at `look_at`, Unix ms: its return is
    /// written down before the provider is called, and taken back when the provider says an explicit no.
    ///
    /// * Invariant: 4. A row stays listed until its money went back or a person keeps it.
    /// * Condition: the row is in the state, and to be looked at at the time, that were read.
    /// * If refused: the row as found; in the wanted state it is `AlreadyApplied`.
    /// * Twice: the second finds the state it wanted.
    pub async fn decide_row(
        &self,
        row: &MoneyRow,
        to: MoneyState,
        reference: &str,
        look_at: Millis,
    ) -> Result<Outcome<MoneyRow, Option<MoneyRow>>, StoreError> {
        row_answer(self.send(decide_row(row, to, reference, look_at)).await?, to)
    }

    /// M3. Ends a money row: its money went back, or a person keeps it.
    ///
    /// * Invariant: 4. Only an end that a person or an explicit answer vouches for takes a row off the list.
    /// * Condition: the row is in the state, and to be looked at at the time, that were read.
    /// * If refused: the row as found; in the wanted state it is `AlreadyApplied`.
    /// * Twice: the second finds the state it wanted.
    pub async fn end_row(
        &self,
        row: &MoneyRow,
        to: MoneyState,
        reference: &str,
    ) -> Result<Outcome<MoneyRow, Option<MoneyRow>>, StoreError> {
        row_answer(self.send(end_row(row, to, reference)).await?, to)
    }

    /// O1. Puts something wrong with a product's strips before a person.
    ///
    /// * Invariant: 1. What cannot be explained is not released.
    /// * Condition: no such alarm is open.
    /// * If refused: the alarm as found.
    /// * Twice: the second finds the first.
    pub async fn raise_alarm(&self, alarm: &Alarm) -> Result<Outcome<(), Alarm>, StoreError> {
        match self.send(raise_alarm(alarm)).await? {
            Raw::Applied(_) => Ok(Outcome::Applied(())),
            Raw::Refused(found) => {
                let found = found.ok_or_else(|| StoreError::corrupt("alarm", "refused without an item"))?;
                Ok(Outcome::Refused(Alarm::read(&found)?))
            }
        }
    }

    /// O2. A person has looked: what the alarm holds back may go on.
    ///
    /// * Invariant: 1. Only the alarm that was seen is confirmed.
    /// * Condition: the alarm is open and the one that was seen.
    /// * If refused: there is none, or another one.
    /// * Twice: confirmed again.
    pub async fn confirm_alarm(&self, alarm: &Alarm) -> Result<Outcome<(), ()>, StoreError> {
        Ok(match self.send(confirm_alarm(alarm)).await? {
            Raw::Applied(_) => Outcome::Applied(()),
            Raw::Refused(_) => Outcome::Refused(()),
        })
    }

    /// O3. What an alarm was about is over.
    ///
    /// * Invariant: none; a list for people.
    /// * Condition: the alarm is the one that was seen.
    /// * If refused: another one was raised meanwhile.
    /// * Twice: nothing is left to remove.
    pub async fn end_alarm(&self, alarm: &Alarm) -> Result<Outcome<(), ()>, StoreError> {
        Ok(match self.send(end_alarm(alarm)).await? {
            Raw::Applied(_) => Outcome::Applied(()),
            Raw::Refused(_) => Outcome::Refused(()),
        })
    }
}

fn refund_state(order: &Order, number: u8) -> Option<RefundState> {
    order.refunds.get(usize::from(number.checked_sub(1)?)).map(|r| r.state)
}

fn row_answer(raw: Raw, wanted: MoneyState) -> Result<Outcome<MoneyRow, Option<MoneyRow>>, StoreError> {
    match raw {
        Raw::Applied(item) => Ok(Outcome::Applied(MoneyRow::read(&item)?)),
        Raw::Refused(None) => Ok(Outcome::Refused(None)),
        Raw::Refused(Some(item)) => {
            let found = MoneyRow::read(&item)?;
            let is_there = holds("M2 M3 row: found in the wanted state", found.state == wanted);
            Ok(if is_there { Outcome::AlreadyApplied(found) } else { Outcome::Refused(Some(found)) })
        }
    }
}
