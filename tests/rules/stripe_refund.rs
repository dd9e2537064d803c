//! Stripe: money on its way back. Nothing is sent twice under one number, however often it is tried.

use crate::stripe_support::*;
use crate::support::{CALL, NUMBER, drive};
use payments::{HttpReply, HttpRequest, RefundState, RefundView, form};
use serde_json::{Value, json};

const REFUND: &str = "R0011223344556677";

fn refund(status: &str) -> Value {
    json!({
        "id": "re_1", "object": "refund", "amount": 990, "currency": "usd", "payment_intent": INTENT, "status": status,
        "metadata": {"refund_no": REFUND, "attempt": NUMBER}
    })
}

fn list(items: Value) -> HttpReply {
    reply(200, &json!({"object": "list", "data": items, "has_more": false}))
}

fn sends(view: &RefundView<'_>, replies: &[Option<HttpReply>]) -> (Vec<HttpRequest>, RefundState) {
    let mut replies = replies.iter().cloned();
    drive(channel().refund(view, &CALL).unwrap(), |_| replies.next().unwrap())
}

fn answer(replies: &[Option<HttpReply>]) -> RefundState {
    sends(&back(INTENT, usd(990)), replies).1
}

fn asked_again(reply: Option<HttpReply>) -> RefundState {
    drive(channel().refund_query(&back(INTENT, usd(990)), &CALL).unwrap(), |_| reply.clone()).1
}

const STATES: [(&str, RefundState); 5] = [
    ("succeeded", RefundState::Done),
    ("pending", RefundState::UnderWay),
    ("requires_action", RefundState::UnderWay),
    ("failed", RefundState::Refused("The card's bank sent the refund back to Stripe.")),
    ("canceled", RefundState::Refused("The refund was cancelled at Stripe.")),
];

#[test]
fn it_is_looked_for_and_then_sent_once() {
    let (requests, state) =
        sends(&back(INTENT, usd(990)), &[Some(list(json!([]))), Some(reply(200, &refund("succeeded")))]);
    assert_eq!(state, RefundState::Done);
    let [ask, post] = requests.as_slice() else { panic!("two requests: {requests:?}") };
    assert_eq!(
        (ask.method, ask.url.as_str()),
        ("GET", &*format!("{API}/v1/refunds?payment_intent={INTENT}&limit=100"))
    );
    assert_eq!((post.method, post.url.as_str()), ("POST", &*format!("{API}/v1/refunds")));
    assert_eq!(sent(post, "idempotency-key"), Some(REFUND));
    let fields = form::parse(&post.body).unwrap();
    let expected =
        [("payment_intent", INTENT), ("amount", "990"), ("metadata[refund_no]", REFUND), ("metadata[attempt]", NUMBER)];
    assert_eq!(fields.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn every_state_of_a_refund() {
    for (status, expected) in STATES {
        let made = reply(200, &refund(status));
        assert_eq!(answer(&[Some(list(json!([]))), Some(made)]), expected, "{status}");
        // One that is there already is told of, and nothing is sent.
        assert_eq!(answer(&[Some(list(json!([refund(status)])))]), expected, "{status}");
        assert_eq!(asked_again(Some(list(json!([refund(status)])))), expected, "{status}");
    }
    let other = with(with(refund("succeeded"), "/metadata/refund_no", json!("R9")), "/id", json!("re_2"));
    let by_hand = without(refund("succeeded"), "/metadata");
    let both = json!([other.clone(), by_hand.clone(), refund("pending")]);
    assert_eq!(asked_again(Some(list(both))), RefundState::UnderWay);
    let requests = sends(&back(INTENT, usd(990)), &[Some(list(json!([other, by_hand]))), None]);
    assert_eq!((requests.0.len(), requests.1), (2, RefundState::Unknown("no reply")));
}

#[test]
fn a_refund_that_is_not_listed_may_be_on_its_way() {
    let unknown = RefundState::Unknown("Stripe has no refund of this number so far");
    assert_eq!(asked_again(Some(list(json!([])))), unknown);
    assert_eq!(asked_again(None), RefundState::Unknown("no reply"));
}

/// Whatever cannot be read on the way to sending sends nothing.
#[test]
fn an_unclear_list_sends_nothing() {
    let mine = refund("succeeded");
    let more = |value: Value| reply(200, &json!({"object": "list", "data": [], "has_more": value}));
    for (what, first) in [
        ("no reply", None),
        ("another page", Some(more(json!(true)))),
        ("perhaps another page", Some(more(json!(null)))),
        ("not a list", Some(reply(200, &json!({"object": "page", "data": [], "has_more": false})))),
        ("no items", Some(reply(200, &json!({"object": "list", "has_more": false})))),
        ("items of another kind", Some(list(json!(["re_1"])))),
        ("another amount", Some(list(json!([with(mine.clone(), "/amount", json!(989))])))),
        ("an amount as a text", Some(list(json!([with(mine.clone(), "/amount", json!("990"))])))),
        ("another currency", Some(list(json!([with(mine.clone(), "/currency", json!("eur"))])))),
        ("another payment", Some(list(json!([with(mine.clone(), "/payment_intent", json!("pi_4"))])))),
        ("another object", Some(list(json!([with(mine.clone(), "/object", json!("charge"))])))),
        ("another state", Some(list(json!([with(mine, "/status", json!("done"))])))),
        ("an outage", Some(fault(500, "api_error", ""))),
        ("too many questions", Some(fault(429, "invalid_request_error", "rate_limit"))),
        ("a page", Some(HttpReply::bare(200, b"<html>".to_vec()))),
    ] {
        let (requests, state) = sends(&back(INTENT, usd(990)), std::slice::from_ref(&first));
        assert!(requests.len() == 1 && matches!(state, RefundState::Unknown(_)), "{what}: {state:?}");
        assert!(matches!(asked_again(first), RefundState::Unknown(_)), "{what}");
    }
}

#[test]
fn what_stripe_refuses_to_send_back() {
    let invalid = "invalid_request_error";
    for (reply, expected) in [
        (fault(400, invalid, "charge_already_refunded"), "All of this payment has gone back already."),
        (fault(400, invalid, "charge_disputed"), "The buyer has disputed this payment at the bank."),
        (fault(400, invalid, "balance_insufficient"), "There is not enough money in the Stripe balance."),
        (fault(402, invalid, "insufficient_funds"), "There is not enough money in the Stripe balance."),
        (fault(400, invalid, "amount_too_large"), "Stripe refused to send this money back."),
        (fault(401, invalid, ""), "Stripe does not let this key send money back."),
        (fault(403, invalid, ""), "Stripe does not let this key send money back."),
        (fault(404, invalid, "resource_missing"), "Stripe does not know this payment."),
    ] {
        assert_eq!(answer(&[Some(list(json!([]))), Some(reply.clone())]), RefundState::Refused(expected));
        assert_eq!(answer(&[Some(reply)]), RefundState::Refused(expected));
    }
    let made = refund("succeeded");
    for reply in [
        fault(400, "idempotency_error", ""),
        fault(429, invalid, "rate_limit"),
        fault(500, invalid, ""),
        reply(200, &with(made.clone(), "/amount", json!(991))),
        reply(200, &with(made.clone(), "/metadata/refund_no", json!("R9"))),
        reply(200, &with(made.clone(), "/payment_intent", json!("pi_4"))),
        reply(200, &with(made, "/status", json!("other"))),
        HttpReply::bare(200, b"[]".to_vec()),
    ] {
        let state = answer(&[Some(list(json!([]))), Some(reply.clone())]);
        assert!(matches!(state, RefundState::Unknown(_)), "{reply:?}: {state:?}");
    }
}

#[test]
fn what_stripe_could_not_be_asked_to_send() {
    let amount = RefundState::Refused("This amount cannot be sent back this way.");
    let number = RefundState::Refused("There is no number of a payment to send money back for.");
    for (intent, money, expected) in [
        (INTENT, usd(0), amount),
        (INTENT, usd(-1), amount),
        (INTENT, money(990, "EUR"), amount),
        ("", usd(990), number),
        ("ch_1", usd(990), number),
        ("pi_a/b", usd(990), number),
    ] {
        let view = back(intent, money);
        let (requests, state) = drive(channel().refund(&view, &CALL).unwrap(), |_| panic!("sent"));
        assert_eq!((requests.len(), state), (0, expected), "{intent}");
        assert_eq!(drive(channel().refund_query(&view, &CALL).unwrap(), |_| panic!("sent")).1, expected);
    }
    let view = RefundView { paid: money(5, "ISK"), ..back(INTENT, money(5, "ISK")) };
    let mut replies = [Some(list(json!([]))), None].into_iter();
    let (requests, _) = drive(paid_in("ISK").refund(&view, &CALL).unwrap(), |_| replies.next().unwrap());
    assert_eq!(form::parse(&requests[1].body).unwrap().get("amount"), Some("500"));
}
