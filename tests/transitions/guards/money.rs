//! Refunds, rows of money, alarms.

use super::Said::{Already, Applied, Refused};
use super::{item, said, shop};
use domain::order::{DueKind, Order, State};
use domain::refund::{MoneyState, Refund, RefundState};
use domain::{Currency, OrderId, ProductId};
use serde_json::json;
use store::{Alarm, MoneyRow, Outcome};
use tests::orders::{NOW, account, order, txn};
use tests::standing::Bench;

fn refund(minor: i64, request: u8) -> Refund {
    let state = RefundState::Started;
    Refund { minor, state, by_hand: false, reference: String::new(), request: [request; 8], at: NOW }
}

async fn delivered(bench: &mut Bench) -> Order {
    let id = bench.id();
    let order = order(id, State::Delivered, false);
    bench.put(&order).await;
    order
}

#[tokio::test]
async fn a_refund_is_started_on_what_was_read() {
    let mut bench = Bench::new(340).await;
    let store = bench.shop.app.store.clone();
    let now = delivered(&mut bench).await;
    let other_state = Order { state: State::RefundDue, ..now.clone() };
    let other_generation = Order { generation: 7, ..now.clone() };
    assert_eq!(said(store.start_refund(&other_state, &refund(100, 1)).await), Refused);
    assert_eq!(said(store.start_refund(&other_generation, &refund(100, 1)).await), Refused);
    assert!(store.start_refund(&now, &refund(991, 1)).await.is_err(), "more than was paid");
    let paid = Order { state: State::Paid, ..now.clone() };
    assert!(store.start_refund(&paid, &refund(100, 1)).await.is_err(), "neither owed back nor delivered");
    let Outcome::Applied(one) = store.start_refund(&now, &refund(100, 1)).await.unwrap() else { panic!() };
    assert_eq!(one.due.map(|due| due.kind), Some(DueKind::Refund));
    assert_eq!(said(store.start_refund(&now, &refund(100, 1)).await), Already);
    assert_eq!(said(store.start_refund(&now, &refund(100, 2)).await), Refused, "another came in between");
    for (state, generation) in [(State::RefundDue, one.generation), (State::Delivered, 7)] {
        let misread = Order { state, generation, ..one.clone() };
        assert_eq!(said(store.start_refund(&misread, &refund(100, 2)).await), Refused);
    }
    let mut gap = one.clone();
    gap.refunds.push(refund(1, 9));
    assert!(
        !matches!(store.start_refund(&gap, &refund(100, 3)).await, Ok(Outcome::Applied(_))),
        "the second is missing"
    );
    let Outcome::Applied(two) = store.start_refund(&one, &refund(100, 2)).await.unwrap() else { panic!() };
    assert!(two.due.is_some());
    assert_eq!(said(store.start_refund(&one, &refund(100, 3)).await), Refused, "the second is there");
}

/// F1 puts the order into the list also where it left the list before.
#[tokio::test]
async fn every_refund_puts_its_order_into_the_list_again() {
    let mut bench = Bench::new(341).await;
    let store = bench.shop.app.store.clone();
    let now = delivered(&mut bench).await;
    let Outcome::Applied(one) = store.start_refund(&now, &refund(100, 1)).await.unwrap() else { panic!() };
    let Outcome::Applied(done) = store.finish_refund(&one, 1, "r").await.unwrap() else { panic!() };
    assert_eq!(done.due, None);
    let Outcome::Applied(two) = store.start_refund(&done, &refund(100, 2)).await.unwrap() else { panic!() };
    assert_eq!(two.due.map(|due| due.kind), Some(DueKind::Refund));
}

#[tokio::test]
async fn a_refund_ends_once_and_on_what_was_read() {
    let mut bench = Bench::new(342).await;
    let store = bench.shop.app.store.clone();
    let now = delivered(&mut bench).await;
    let Outcome::Applied(one) = store.start_refund(&now, &refund(990, 1)).await.unwrap() else { panic!() };
    let misread = Order { state: State::RefundDue, ..one.clone() };
    assert_eq!(said(store.finish_refund(&misread, 1, "r").await), Refused, "another state than was read");
    let Outcome::Applied(failed) = store.fail_refund(&one, 1, "no").await.unwrap() else { panic!() };
    assert_eq!(said(store.fail_refund(&one, 1, "no").await), Already);
    assert_eq!(said(store.finish_refund(&one, 1, "r").await), Refused, "it has failed");
    let Outcome::Applied(two) = store.start_refund(&failed, &refund(400, 2)).await.unwrap() else { panic!() };
    let Outcome::Applied(done) = store.finish_refund(&two, 2, "r").await.unwrap() else { panic!() };
    assert_eq!(said(store.finish_refund(&two, 2, "r").await), Already);
    assert_eq!(said(store.fail_refund(&two, 2, "no").await), Refused, "it is done");
    let Outcome::Applied(three) = store.start_refund(&done, &refund(1, 3)).await.unwrap() else { panic!() };
    assert_eq!(said(store.finish_refund(&two, 2, "r").await), Already);
    let before = Order { refunds: three.refunds[..2].to_vec(), ..three.clone() };
    assert_eq!(said(store.fail_refund(&before, 3, "no").await), Applied);
}

/// The list is left with the last there is to do, and not before: another attempt, another refund, money still owed.
#[tokio::test]
async fn the_list_is_left_with_the_last_of_it() {
    let mut bench = Bench::new(343).await;
    let store = bench.shop.app.store.clone();
    let id = bench.id();
    let owed = order(id, State::RefundDue, false);
    bench.put(&owed).await;
    let Outcome::Applied(part) = store.start_refund(&owed, &refund(400, 1)).await.unwrap() else { panic!() };
    let Outcome::Applied(part) = store.finish_refund(&part, 1, "r").await.unwrap() else { panic!() };
    assert_eq!((part.state, part.due.is_some()), (State::RefundDue, true), "590 are owed");
    let id = bench.id();
    let one = order(id, State::Delivered, false);
    let mut second = one.attempts[0].clone();
    second.no.attempt = 2;
    let two = Order { attempts: vec![one.attempts[0].clone(), second], ..one };
    bench.put(&two).await;
    let Outcome::Applied(all) = store.start_refund(&two, &refund(990, 1)).await.unwrap() else { panic!() };
    let Outcome::Applied(all) = store.finish_refund(&all, 1, "r").await.unwrap() else { panic!() };
    assert!(all.due.is_some(), "its other attempt is still asked about");
    let now = delivered(&mut bench).await;
    let Outcome::Applied(first) = store.start_refund(&now, &refund(100, 1)).await.unwrap() else { panic!() };
    let Outcome::Applied(both) = store.start_refund(&first, &refund(100, 2)).await.unwrap() else { panic!() };
    let on_an_old_reading = store.finish_refund(&first, 1, "r").await;
    assert_eq!(said(on_an_old_reading), Refused, "another refund came in between");
    let Outcome::Applied(left) = store.finish_refund(&both, 1, "r").await.unwrap() else { panic!() };
    assert!(left.due.is_some(), "the second is under way");
}

fn row(number: &str) -> MoneyRow {
    MoneyRow {
        txn: txn(number),
        reason: "double".into(),
        account: account(),
        out_trade_no: "n".into(),
        order: Some(OrderId([1; 15])),
        minor: 990,
        currency: Currency::CNY,
        state: MoneyState::Open,
        reference: String::new(),
        seen_at: 100,
        look_at: 100,
    }
}

#[tokio::test]
async fn a_row_is_written_once_and_decided_by_who_read_it() {
    let shop = shop(344).await;
    let store = &shop.app.store;
    let open = row("guard");
    assert_eq!(said(store.record_money(&open).await), Applied);
    let (listed, more) = store.due(&[DueKind::Money], 1_000, 10).await.unwrap();
    assert!(!more);
    assert_eq!(listed.len(), 1, "in the list that a person reads");
    let other = MoneyRow { reason: "wrong_amount".into(), ..open.clone() };
    assert_eq!(said(store.record_money(&other).await), Already);
    assert_eq!(store.money_row(&open.txn).await.unwrap(), Some(open.clone()), "never written over");
    let (to, kept) = (MoneyState::Refunding, MoneyState::Kept);
    let other_state = MoneyRow { state: MoneyState::Refunded, ..open.clone() };
    let other_time = MoneyRow { look_at: 50, ..open.clone() };
    for read in [&other_state, &other_time] {
        assert_eq!(said(store.decide_row(read, to, "r", 200).await), Refused, "{read:?}");
        assert_eq!(said(store.end_row(read, kept, "r").await), Refused, "{read:?}");
    }
    let Outcome::Applied(now) = store.decide_row(&open, to, "r", 200).await.unwrap() else { panic!() };
    assert_eq!((now.state, now.look_at), (to, 200));
    assert_eq!(said(store.decide_row(&open, to, "r", 200).await), Already);
    let Outcome::Applied(done) = store.end_row(&now, MoneyState::Refunded, "r").await.unwrap() else { panic!() };
    assert_eq!((done.state, done.look_at), (MoneyState::Refunded, 0));
    assert_eq!(said(store.end_row(&now, MoneyState::Refunded, "r").await), Already);
    assert_eq!(said(store.end_row(&now, kept, "r").await), Refused);
}

#[tokio::test]
async fn an_alarm_is_confirmed_as_it_was_seen() {
    let shop = shop(345).await;
    let store = &shop.app.store;
    let product = ProductId::parse("guard-a").unwrap();
    let what = "w".to_owned();
    let alarm = Alarm { product, what, count: 6, confirmed: false, is_open: true, seen_at: 100 };
    let key = store::keys::alarm(&alarm.product, &alarm.what);
    assert_eq!(said(store.confirm_alarm(&alarm).await), Refused, "there is none");
    assert_eq!(said(store.raise_alarm(&alarm).await), Applied);
    assert_eq!(store.due(&[DueKind::Alarm], 1_000, 10).await.unwrap().0.len(), 1, "in the list that a person reads");
    let newer = Alarm { seen_at: 200, count: 9, ..alarm.clone() };
    assert_eq!(said(store.raise_alarm(&newer).await), Refused, "one stands open");
    assert_eq!(store.alarm_at(&key).await.unwrap(), Some(alarm.clone()));
    assert_eq!(said(store.confirm_alarm(&newer).await), Refused, "another than was seen");
    assert_eq!(said(store.end_alarm(&newer).await), Refused, "another than was seen");
    assert_eq!(said(store.confirm_alarm(&alarm).await), Applied);
    assert_eq!(said(store.end_alarm(&alarm).await), Applied);
    assert_eq!(said(store.confirm_alarm(&alarm).await), Refused, "it is over");
    assert_eq!(said(store.raise_alarm(&newer).await), Applied, "it comes again");
    assert!(item(&shop, "limits", json!({"k": {"S": "w"}})).is_null());
}
