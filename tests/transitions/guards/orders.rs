//! Orders: what is written beside and around the moves that `decide` knows of.

use super::Said::{Already, Applied, Refused};
use super::{change, item, said};
use crate::agreement::lives;
use domain::order::{Attempt, Due, DueKind, Order, State, Why};
use domain::stock::SlotRun;
use domain::{AccountId, OrderId};
use serde_json::{Value, json};
use store::writes::{Adopted, NewOrder};
use store::{Details, Outcome};
use tests::orders::{NOW, account, number, order, payment};
use tests::standing::Bench;

fn key(id: &OrderId) -> Value {
    use base64::Engine;
    json!({"o": {"B": base64::engine::general_purpose::STANDARD.encode(id.0)}})
}

fn details() -> Details {
    Details { contact: "c".into(), contact_hash: [0; 16], password_hash: [0; 16], fields: "{}".into() }
}

/// An order in a state, as it is read back.
async fn stored(bench: &mut Bench, state: State, to_review: bool) -> Order {
    let id = bench.id();
    let wanted = order(id, state, to_review);
    bench.put(&wanted).await;
    wanted
}

/// The same with something due, as it is read back.
async fn listed(bench: &mut Bench, state: State) -> Order {
    let order = stored(bench, state, false).await;
    let names = json!({"#due": "due", "#at": "due_at"});
    let values = json!({":due": {"S": "ask#0"}, ":at": {"N": "500"}});
    change(&bench.shop, "orders", key(&order.id), "SET #due = :due, #at = :at", names, values);
    bench.shop.app.store.order(&order.id).await.unwrap().unwrap()
}

fn attempt(order: &Order, n: u8) -> Attempt {
    Attempt { no: number(order.id, n), ..order.attempts[0].clone() }
}

const DUE: Due = Due { kind: DueKind::Ask, at: NOW };

#[tokio::test]
async fn an_order_is_born_once_with_all_its_slots() {
    let mut bench = Bench::new(320).await;
    let id = bench.id();
    let store = bench.shop.app.store.clone();
    assert_eq!(said(store.put_details(&id, &[1; 16], &details()).await), Applied);
    let other = Details { fields: "{\"a\":1}".into(), ..details() };
    assert_eq!(said(store.put_details(&id, &[1; 16], &other).await), Already);
    let short = Order { quantity: 2, ..order(id, State::Held, false) };
    assert!(store.place_order(&NewOrder { order: short, details: details() }).await.is_err());
    let void = stored(&mut bench, State::Void, false).await;
    let like_it = Order { fingerprint: void.fingerprint, ..order(void.id, State::Held, false) };
    let placed = store.place_order(&NewOrder { order: like_it, details: details() }).await;
    assert_eq!(said(placed), Refused, "a tombstone is nobody's order");
}

#[tokio::test]
async fn what_an_attempt_shows_is_what_was_kept_first() {
    let mut bench = Bench::new(321).await;
    let store = bench.shop.app.store.clone();
    let held = stored(&mut bench, State::Held, false).await;
    let (first, second) = (number(held.id, 1), number(held.id, 2));
    assert_eq!(store.shown(&first).await.unwrap(), None);
    assert_eq!(said(store.keep_shown(&first, "x", 1_000_000).await), Applied);
    assert_eq!(said(store.keep_shown(&first, "x", 2_000_000).await), Already);
    assert_eq!(store.keep_shown(&first, "y", 3_000_000).await.unwrap(), Outcome::Refused("x".to_owned()));
    assert_eq!(store.shown(&first).await.unwrap().as_deref(), Some("x"));
    assert_eq!(store.shown(&second).await.unwrap(), None, "another attempt shows its own");
    assert!(store.keep_shown(&second, &"x".repeat(domain::limits::SHOWN_MAX + 1), 0).await.is_err());
}

#[tokio::test]
async fn an_attempt_follows_the_one_before_it_and_stays() {
    let mut bench = Bench::new(322).await;
    let store = bench.shop.app.store.clone();
    let held = stored(&mut bench, State::Held, false).await;
    let exp = held.expires_at;
    let gap = store.add_attempt(&held, &attempt(&held, 3), exp, DUE).await;
    assert_eq!(said(gap), Refused, "the second is missing");
    let old = Order { expires_at: exp - 1, ..held.clone() };
    assert_eq!(
        said(store.add_attempt(&old, &attempt(&held, 2), exp, DUE).await),
        Refused,
        "another hold than was read"
    );
    let Outcome::Applied(two) = store.add_attempt(&held, &attempt(&held, 2), exp, DUE).await.unwrap() else { panic!() };
    assert!(two.due.is_some(), "in the list from now on");
    assert_eq!(said(store.add_attempt(&held, &attempt(&held, 2), exp, DUE).await), Already);
    let elsewhere = Attempt { account: AccountId::parse("other").unwrap(), ..attempt(&held, 2) };
    assert_eq!(said(store.add_attempt(&held, &elsewhere, exp, DUE).await), Refused, "on another account");
    let mut other_letters = attempt(&held, 2);
    other_letters.no.tail = [9, 9];
    assert_eq!(said(store.add_attempt(&held, &other_letters, exp, DUE).await), Refused, "under another number");
    let paid = stored(&mut bench, State::Paid, false).await;
    assert_eq!(said(store.add_attempt(&paid, &attempt(&paid, 2), exp, DUE).await), Refused);
}

#[tokio::test]
async fn a_hold_ends_after_its_time_and_comes_into_the_list() {
    let mut bench = Bench::new(323).await;
    let store = bench.shop.app.store.clone();
    let held = stored(&mut bench, State::Held, false).await;
    assert_eq!(said(store.lapse(&held, 1, held.expires_at, DUE).await), Refused, "not over yet");
    let Outcome::Applied(closed) = store.lapse(&held, 1, NOW, DUE).await.unwrap() else { panic!() };
    assert_eq!(closed.due, Some(DUE));
    let held = stored(&mut bench, State::Held, false).await;
    assert_eq!(said(store.cancel(&held, 0, Why::Cancelled, DUE).await), Refused, "nobody asked about its attempt");
    let Outcome::Applied(closed) = store.cancel(&held, 1, Why::Cancelled, DUE).await.unwrap() else { panic!() };
    assert_eq!(closed.due, Some(DUE));
}

#[tokio::test]
async fn unfinished_business_is_moved_by_who_has_seen_it() {
    let mut bench = Bench::new(324).await;
    let store = bench.shop.app.store.clone();
    let later = Due { kind: DueKind::Ask, at: 900 };
    let now = listed(&mut bench, State::Expired).await;
    assert_eq!(now.due.unwrap().at, 500);
    let before = Order { state: State::Held, ..now.clone() };
    let earlier = Order { due: Some(Due { at: 400, ..DUE }), ..now.clone() };
    for read in [&before, &earlier] {
        assert_eq!(said(store.ask_later(read, later).await), Refused, "{read:?}");
        assert_eq!(said(store.nothing_left(read).await), Refused, "{read:?}");
        assert_eq!(said(store.never_paid(read, 900).await), Refused, "{read:?}");
    }
    let names = json!({"#rf": "rf", "#txn": "txn"});
    let refund = json!({"M": {"1": {"M": {
        "minor": {"N": "1"}, "st": {"S": "started"}, "ref": {"S": ""}, "req": {"B": "AQEBAQEBAQE="}, "t": {"N": "1"}}}}});
    let set =
        |update: &str, names: Value, values: Value| change(&bench.shop, "orders", key(&now.id), update, names, values);
    set("SET #rf = :rf", json!({"#rf": "rf"}), json!({":rf": refund}));
    let update = json!({
        "TableName": "kamivend-orders", "Key": key(&now.id), "UpdateExpression": "REMOVE #rf",
        "ExpressionAttributeNames": {"#rf": "rf"},
    });
    for refused in [
        store.ask_later(&now, later).await.is_ok_and(|o| matches!(o, Outcome::Applied(_))),
        store.nothing_left(&now).await.is_ok_and(|o| matches!(o, Outcome::Applied(_))),
        store.never_paid(&now, 900).await.is_ok_and(|o| matches!(o, Outcome::Applied(_))),
    ] {
        assert!(!refused, "a refund came in between");
    }
    assert_eq!(bench.shop.world.engine.call("UpdateItem", update.to_string().as_bytes()).0, 200);
    set("SET #txn = :txn", json!({"#txn": "txn"}), json!({":txn": {"B": "AQ=="}}));
    let paid = store.never_paid(&now, 900).await.is_ok_and(|o| matches!(o, Outcome::Applied(_)));
    assert!(!paid, "what was paid is never forgotten");
    set("REMOVE #txn", json!({"#txn": names["#txn"]}), json!({}));
    let Outcome::Applied(moved) = store.ask_later(&now, later).await.unwrap() else { panic!() };
    assert_eq!(moved.due.unwrap().at, 900);
    let Outcome::Applied(done) = store.never_paid(&moved, 900_000).await.unwrap() else { panic!() };
    assert_eq!(done.due, None);
    assert_eq!(item(&bench.shop, "orders", key(&now.id))["ttl"]["N"], "900");
    let other = listed(&mut bench, State::Delivered).await;
    assert_eq!(said(store.nothing_left(&other).await), Applied);
}

#[tokio::test]
async fn the_turn_to_send_is_taken_by_one() {
    let mut bench = Bench::new(325).await;
    let store = bench.shop.app.store.clone();
    let paid = stored(&mut bench, State::Paid, false).await;
    let other_state = Order { state: State::Late, ..paid.clone() };
    let other_generation = Order { generation: 1, ..paid.clone() };
    assert_eq!(said(store.lease_sending(&other_state, 100, 90).await), Refused);
    assert_eq!(said(store.lease_sending(&other_generation, 100, 90).await), Refused);
    assert_eq!(said(store.lease_sending(&paid, 100, 90).await), Applied, "the first");
    assert_eq!(said(store.lease_sending(&paid, 105, 95).await), Refused, "a moment ago");
    assert_eq!(said(store.lease_sending(&paid, 120, 110).await), Applied, "long ago");
}

#[tokio::test]
async fn the_first_view_is_noted_of_what_is_delivered() {
    let mut bench = Bench::new(326).await;
    let store = bench.shop.app.store.clone();
    let paid = stored(&mut bench, State::Paid, false).await;
    assert_eq!(said(store.note_view(&paid.id, 1).await), Refused);
    let delivered = stored(&mut bench, State::Delivered, false).await;
    assert_eq!(said(store.note_view(&delivered.id, 1).await), Applied);
    assert_eq!(said(store.note_view(&delivered.id, 2).await), Already);
}

#[tokio::test]
async fn money_is_taken_once_and_takes_the_time_limit_away() {
    let mut bench = Bench::new(327).await;
    let store = bench.shop.app.store.clone();
    let expired = stored(&mut bench, State::Expired, false).await;
    change(
        &bench.shop,
        "orders",
        key(&expired.id),
        "SET #ttl = :ttl",
        json!({"#ttl": "ttl"}),
        json!({":ttl": {"N": "9"}}),
    );
    assert_eq!(said(store.pay_late(&payment(expired.id, "first"), NOW).await), Applied);
    let now = item(&bench.shop, "orders", key(&expired.id));
    assert_eq!(now["ttl"], Value::Null, "what was paid is never forgotten");
    assert!(now["due"]["S"].is_string(), "in the list");
    assert_eq!(said(store.pay_late(&payment(expired.id, "first"), NOW).await), Already);
    assert_eq!(said(store.pay_late(&payment(expired.id, "second"), NOW).await), Refused, "another movement");
    let paid = stored(&mut bench, State::Paid, false).await;
    assert_eq!(said(store.pay(&payment(paid.id, "first"), NOW).await), Already);
    assert_eq!(said(store.pay(&payment(paid.id, "second"), NOW).await), Refused, "another movement");
    let risky = stored(&mut bench, State::Held, true).await;
    let Outcome::Applied(review) = store.pay_for_review(&payment(risky.id, "first"), NOW).await.unwrap() else {
        panic!()
    };
    assert!(review.due.is_some(), "in the list");
    let paid = store.pay_for_review(&payment(risky.id, "second"), NOW).await;
    assert_eq!(said(paid), Refused, "another movement");
}

/// Each move that was read in one generation and meets another.
#[tokio::test]
async fn what_was_read_in_another_generation_moves_nothing() {
    let mut bench = Bench::new(328).await;
    let store = bench.shop.app.store.clone();
    let runs = [SlotRun { strip: 3, first: 0, len: 1, width: 48 }];
    let slots = Adopted { runs: &runs, mac: [4; 12] };
    let old = |order: &Order| Order { generation: 7, ..order.clone() };
    let review = stored(&mut bench, State::Review, true).await;
    assert_eq!(said(store.pass_review(&old(&review), NOW).await), Refused);
    assert_eq!(said(store.refuse_review(&old(&review), NOW).await), Refused);
    let late = stored(&mut bench, State::Late, false).await;
    assert_eq!(said(store.adopt(&old(&late), &slots, NOW).await), Refused);
    assert_eq!(said(store.refund_late(&old(&late), NOW).await), Refused);
    let risky = stored(&mut bench, State::Late, true).await;
    assert_eq!(said(store.adopt(&old(&risky), &slots, NOW).await), Refused);
    let paid = stored(&mut bench, State::Paid, false).await;
    assert_eq!(said(store.refund_undelivered(&old(&paid), NOW).await), Refused);
    assert_eq!(said(store.needs_person(&old(&paid), NOW).await), Refused);
    let Outcome::Applied(listed) = store.needs_person(&paid, NOW).await.unwrap() else { panic!() };
    assert_eq!(listed.due.map(|due| due.kind), Some(DueKind::Person));
    let delivered = stored(&mut bench, State::Delivered, false).await;
    assert_eq!(said(store.needs_person(&delivered, NOW).await), Refused);
}

/// Late money of a risk order waits for a person, whatever was read of it.
#[tokio::test]
async fn late_money_is_adopted_as_the_order_says() {
    let mut bench = Bench::new(329).await;
    let store = bench.shop.app.store.clone();
    let runs = [SlotRun { strip: 3, first: 0, len: 1, width: 48 }];
    let slots = Adopted { runs: &runs, mac: [4; 12] };
    for to_review in [false, true] {
        let late = stored(&mut bench, State::Late, to_review).await;
        let misread = Order { to_review: !to_review, ..late.clone() };
        assert_eq!(said(store.adopt(&misread, &slots, NOW).await), Refused);
        assert!(store.adopt(&late, &Adopted { runs: &[], mac: [4; 12] }, NOW).await.is_err(), "no slots for one card");
        let Outcome::Applied(after) = store.adopt(&late, &slots, NOW).await.unwrap() else { panic!() };
        assert_eq!((after.generation, after.due.is_some()), (late.generation + 1, to_review));
        assert_eq!(said(store.adopt(&late, &slots, NOW).await), Already);
        let owed = stored(&mut bench, State::RefundDue, false).await;
        let raised = Order { generation: owed.generation - 1, state: State::Late, to_review, ..owed.clone() };
        assert_eq!(said(store.adopt(&raised, &slots, NOW).await), Refused, "that generation, and not alive");
    }
    // A live order of another generation than the one that was to be adopted is nobody's success.
    for life in lives(bench.id()).into_iter().flatten().filter(|o| o.state == State::Paid) {
        let id = bench.id();
        let paid = Order { id, attempts: vec![attempt(&order(id, State::Held, false), 1)], ..life };
        bench.put(&paid).await;
        let read = Order { state: State::Late, ..paid.clone() };
        assert_eq!(said(store.adopt(&read, &slots, NOW).await), Refused);
    }
}

/// An order with another attempt stays in the list until nobody can pay that any more, whatever becomes of the order.
#[tokio::test]
async fn another_attempt_keeps_an_order_in_the_list() {
    let mut bench = Bench::new(330).await;
    let store = bench.shop.app.store.clone();
    let runs = [SlotRun { strip: 3, first: 0, len: 1, width: 48 }];
    let slots = Adopted { runs: &runs, mac: [4; 12] };
    for (state, to_review) in [(State::Review, true), (State::Late, false)] {
        let id = bench.id();
        let one = order(id, state, to_review);
        let two = Order { attempts: vec![attempt(&one, 1), attempt(&one, 2)], ..one };
        bench.put(&two).await;
        let after = match state {
            State::Review => store.pass_review(&two, NOW).await,
            _ => store.adopt(&two, &slots, NOW).await,
        };
        let Outcome::Applied(after) = after.unwrap() else { panic!() };
        assert_eq!(after.due.map(|due| due.kind), Some(DueKind::Ask));
    }
}

#[tokio::test]
async fn money_is_owed_back_for_one_reason() {
    let mut bench = Bench::new(331).await;
    let store = bench.shop.app.store.clone();
    let review = stored(&mut bench, State::Review, true).await;
    let Outcome::Applied(after) = store.refuse_review(&review, NOW).await.unwrap() else { panic!() };
    assert_eq!((after.state, after.generation, after.due.is_some()), (State::RefundDue, review.generation + 2, true));
    assert_eq!(said(store.refuse_review(&review, NOW).await), Already);
    assert_eq!(said(store.refund_late(&review, NOW).await), Refused, "for another reason");
    let passed = stored(&mut bench, State::Paid, true).await;
    assert_eq!(said(store.refuse_review(&passed, NOW).await), Refused);
    let void = stored(&mut bench, State::Void, false).await;
    let read = Order { state: State::Late, ..void };
    assert_eq!(said(store.refund_late(&read, NOW).await), Refused, "sold out, and nothing owed");
    let again = Order { state: State::Review, ..after };
    assert_eq!(said(store.pass_review(&again, NOW).await), Refused, "refused, not passed");
    assert_eq!(account(), passed.attempts[0].account);
}
