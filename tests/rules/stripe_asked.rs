//! Stripe: what it says when it is asked about a session or a payment, when a session is to end, and when the settings are tried.

use crate::stripe_support::*;
use crate::support::{CALL, NUMBER, drive, number};
use payments::{CloseState, HttpReply, HttpRequest, Paid, Probe, QueryState};
use serde_json::{Value, json};

fn asked_session(reply: Option<HttpReply>) -> (Vec<HttpRequest>, QueryState) {
    drive(channel().query(&asked(&number(), Some(SESSION)), &CALL), |_| reply.clone())
}

fn said(body: &Value) -> QueryState {
    asked_session(Some(reply(200, body))).1
}

fn paid() -> QueryState {
    QueryState::Paid(Paid {
        out_trade_no: NUMBER.to_owned(),
        provider_number: INTENT.to_owned(),
        amount: usd(990),
        method: Some("card".to_owned()),
    })
}

/// A paid session as it is answered when it is asked for with its payment.
fn whole() -> Value {
    with(session(), "/payment_intent", intent())
}

fn is_unknown(state: &QueryState) -> bool {
    matches!(state, QueryState::Unknown(_))
}

#[test]
fn the_question_about_a_session() {
    let (requests, state) = asked_session(None);
    let [request] = requests.as_slice() else { panic!("one request") };
    assert_eq!(request.method, "GET");
    let url = "https://api.stripe.com/v1/checkout/sessions/cs_test_a1B2c3?expand%5B%5D=payment_intent.latest_charge";
    assert_eq!(request.url, url);
    assert_eq!(sent(request, "authorization"), Some("Bearer sk_test_opens0nothing"));
    assert_eq!(sent(request, "stripe-version"), Some(payments::stripe::VERSION));
    assert!(request.body.is_empty() && sent(request, "idempotency-key").is_none());
    assert_eq!(request.headers.len(), 4);
    assert_eq!(state, QueryState::Unknown("no reply"));
    for bad in ["", "cs_", "pi_1", "cs_a/../b", "cs_a?b"] {
        let state = drive(channel().query(&asked(&number(), Some(bad)), &CALL), |_| panic!("sent")).1;
        assert_eq!(state, QueryState::Unknown("no number to ask by"), "{bad}");
    }
}

#[test]
fn what_a_session_says() {
    assert_eq!(said(&whole()), paid());
    let state = |status: &str, payment: &str| {
        said(&with(with(whole(), "/status", json!(status)), "/payment_status", json!(payment)))
    };
    assert_eq!(state("open", "unpaid"), QueryState::Pending);
    assert_eq!(state("complete", "unpaid"), QueryState::Pending);
    assert_eq!(state("expired", "unpaid"), QueryState::Closed);
    for (status, payment) in
        [("open", "paid"), ("expired", "paid"), ("complete", "no_payment_required"), ("", "unpaid"), ("complete", "")]
    {
        assert!(is_unknown(&state(status, payment)), "{status} {payment}");
    }
    let back = with(whole(), "/payment_intent/latest_charge/refunded", json!(true));
    assert_eq!(said(&back), QueryState::Refunded);
    // A part that went back leaves it paid.
    assert_eq!(said(&with(whole(), "/payment_intent/latest_charge/amount_refunded", json!(100))), paid());
    assert_eq!(asked_session(Some(fault(404, "invalid_request_error", "resource_missing"))).1, QueryState::NotFound);
}

#[test]
fn everything_else_about_a_session_is_unknown() {
    for (what, body) in [
        ("another session", with(whole(), "/id", json!("cs_test_b"))),
        ("no id", without(whole(), "/id")),
        ("another attempt", with(whole(), "/client_reference_id", json!("X"))),
        ("another attempt in the metadata", with(whole(), "/metadata/attempt", json!("X"))),
        ("live", with(whole(), "/livemode", json!(true))),
        ("another object", with(whole(), "/object", json!("payment_intent"))),
        ("no payment", without(whole(), "/payment_intent")),
        ("a payment that was not shown", session()),
        ("a live payment", with(whole(), "/payment_intent/livemode", json!(true))),
        ("not a payment", with(whole(), "/payment_intent/object", json!("charge"))),
        ("a payment without a number", without(whole(), "/payment_intent/id")),
        ("another kind of number", with(whole(), "/payment_intent/id", json!("ch_1"))),
        ("no charge", without(whole(), "/payment_intent/latest_charge")),
        ("a charge that was not shown", with(whole(), "/payment_intent/latest_charge", json!("ch_1"))),
        ("unclear whether it went back", with(whole(), "/payment_intent/latest_charge/refunded", json!(null))),
        ("no amount", without(whole(), "/amount_total")),
        ("no currency", without(whole(), "/currency")),
        ("an amount as a text", with(whole(), "/amount_total", json!("990"))),
        ("nothing", json!({})),
        ("a list", json!([])),
    ] {
        assert!(is_unknown(&said(&body)), "{what}: {:?}", said(&body));
    }
    let twice = whole().to_string().replacen('{', r#"{"status":"open","#, 1);
    assert!(is_unknown(&asked_session(Some(HttpReply::bare(200, twice.into_bytes()))).1));
    for status in [201, 302, 400, 401, 403, 404, 429, 500] {
        assert!(is_unknown(&asked_session(Some(reply(status, &whole()))).1), "{status}");
        assert!(is_unknown(&asked_session(Some(fault(status, "api_error", "resource_missing"))).1), "{status}");
    }
}

fn by_number(reply: Option<HttpReply>) -> (Vec<HttpRequest>, QueryState) {
    drive(channel().query_number(INTENT, &CALL).unwrap(), |_| reply.clone())
}

#[test]
fn a_payment_by_its_own_number() {
    let (requests, state) = by_number(None);
    assert_eq!(requests[0].url, "https://api.stripe.com/v1/payment_intents/pi_3Abc?expand%5B%5D=latest_charge");
    assert_eq!(state, QueryState::Unknown("no reply"));
    for bad in ["", "pi_", "cs_1", "pi_a/b"] {
        let state = drive(channel().query_number(bad, &CALL).unwrap(), |_| panic!("sent")).1;
        assert_eq!(state, QueryState::Unknown("no number to ask by"), "{bad}");
    }
    let said = |body: &Value| by_number(Some(reply(200, body))).1;
    assert_eq!(said(&intent()), paid());
    assert_eq!(said(&with(intent(), "/latest_charge/refunded", json!(true))), QueryState::Refunded);
    let Some(QueryState::Paid(part)) = Some(said(&with(intent(), "/amount_received", json!(989)))) else { panic!() };
    assert_eq!(part.amount, usd(989));
    for status in
        ["requires_payment_method", "requires_confirmation", "requires_action", "requires_capture", "processing"]
    {
        assert_eq!(said(&with(intent(), "/status", json!(status))), QueryState::Pending, "{status}");
    }
    assert_eq!(said(&with(intent(), "/status", json!("canceled"))), QueryState::Closed);
    assert_eq!(by_number(Some(fault(404, "invalid_request_error", "resource_missing"))).1, QueryState::NotFound);
    for (what, body) in [
        ("another payment", with(intent(), "/id", json!("pi_4"))),
        ("live", with(intent(), "/livemode", json!(true))),
        ("another object", with(intent(), "/object", json!("charge"))),
        ("an unknown status", with(intent(), "/status", json!("paid"))),
        ("no number of ours", with(intent(), "/metadata", json!({}))),
        ("an empty number of ours", with(intent(), "/metadata/attempt", json!(""))),
        ("a long number of ours", with(intent(), "/metadata/attempt", json!("a".repeat(129)))),
        ("no amount", without(intent(), "/amount_received")),
        ("no charge", without(intent(), "/latest_charge")),
    ] {
        assert!(is_unknown(&said(&body)), "{what}");
    }
    assert!(matches!(said(&with(intent(), "/metadata/attempt", json!("a".repeat(128)))), QueryState::Paid(_)));
}

#[test]
fn a_session_whose_id_was_lost_is_searched_for() {
    let search = |reply: Option<HttpReply>| drive(channel().query(&asked(&number(), None), &CALL), |_| reply.clone());
    let found = |items: Value| json!({"object": "search_result", "data": items, "has_more": false});
    let (requests, state) = search(None);
    let query = "query=metadata%5B%27attempt%27%5D%3A%270123456789ABCDEFGHJKMNPQAZ1%27&limit=100&expand%5B%5D=data.latest_charge";
    assert_eq!(requests[0].url, format!("{API}/v1/payment_intents/search?{query}"));
    assert_eq!((requests[0].method, state), ("GET", QueryState::Unknown("no reply")));
    let said = |items: Value| search(Some(reply(200, &found(items)))).1;
    let waiting = with(intent(), "/status", json!("processing"));
    let ended = with(intent(), "/status", json!("canceled"));
    assert_eq!(said(json!([intent()])), paid());
    assert_eq!(said(json!([waiting.clone(), intent()])), paid());
    assert_eq!(said(json!([ended.clone(), intent()])), paid());
    assert_eq!(said(json!([with(intent(), "/latest_charge/refunded", json!(true))])), QueryState::Refunded);
    assert_eq!(said(json!([ended.clone(), waiting.clone()])), QueryState::Pending);
    // Found nothing: the search may lag behind, and an open session has no payment yet.
    assert_eq!(said(json!([])), QueryState::Pending);
    assert_eq!(said(json!([ended])), QueryState::Pending);
    for items in [
        json!([with(intent(), "/metadata/attempt", json!("X")), intent()]),
        json!([with(intent(), "/livemode", json!(true))]),
        json!([with(intent(), "/status", json!("paid")), intent()]),
        json!(["pi_3Abc"]),
        json!({}),
        json!(null),
    ] {
        assert!(is_unknown(&said(items.clone())), "{items}");
    }
    let list = json!({"object": "list", "data": [intent()], "has_more": false});
    assert!(is_unknown(&search(Some(reply(200, &list))).1));
    assert!(is_unknown(&search(Some(reply(200, &json!({"object": "search_result"})))).1));
    assert!(is_unknown(&search(Some(reply(500, &found(json!([intent()]))))).1));
    assert!(is_unknown(&search(Some(fault(404, "invalid_request_error", "resource_missing"))).1));
}

fn close(replies: &[Option<HttpReply>]) -> (Vec<HttpRequest>, CloseState) {
    let mut replies = replies.iter().cloned();
    drive(channel().close(&asked(&number(), Some(SESSION)), &CALL).unwrap(), |_| replies.next().unwrap())
}

#[test]
fn ending_a_session() {
    let expired = with(with(whole(), "/status", json!("expired")), "/payment_status", json!("unpaid"));
    let open = with(with(whole(), "/status", json!("open")), "/payment_status", json!("unpaid"));
    let back = with(whole(), "/payment_intent/latest_charge/refunded", json!(true));
    let over = Some(fault(400, "invalid_request_error", ""));
    let good = |body: &Value| Some(reply(200, body));
    let (requests, state) = close(&[good(&expired)]);
    assert_eq!(state, CloseState::Closed);
    let [request] = requests.as_slice() else { panic!("one request") };
    assert_eq!(
        (request.method, request.url.as_str()),
        ("POST", &*format!("{API}/v1/checkout/sessions/{SESSION}/expire"))
    );
    // Under a key Stripe would repeat a passing failure.
    assert!(request.body.is_empty() && sent(request, "idempotency-key").is_none());
    // One that is over cannot be ended, so it is asked how it ended.
    let (requests, state) = close(&[over.clone(), good(&whole())]);
    assert_eq!(state, CloseState::Paid);
    assert!(requests[1].method == "GET" && requests[1].url.contains("/cs_test_a1B2c3?expand"));
    assert_eq!(close(&[over.clone(), good(&back)]).1, CloseState::Paid);
    assert_eq!(close(&[over.clone(), good(&expired)]).1, CloseState::Closed);
    assert_eq!(close(&[over.clone(), good(&open)]).1, CloseState::Unknown("the session is still open"));
    assert_eq!(close(&[over.clone(), None]).1, CloseState::Unknown("no reply"));
    assert_eq!(close(&[None]).1, CloseState::Unknown("no reply"));
    let other = with(expired.clone(), "/id", json!("cs_test_b"));
    for replies in [
        vec![good(&other)],
        vec![over, good(&other)],
        vec![Some(fault(404, "invalid_request_error", "resource_missing"))],
        vec![Some(fault(401, "invalid_request_error", ""))],
        vec![Some(reply(500, &expired))],
        vec![good(&json!({}))],
    ] {
        let state = close(&replies).1;
        assert!(matches!(state, CloseState::Unknown(_)), "{replies:?}: {state:?}");
    }
    for lost in [None, Some(""), Some("pi_1")] {
        let state = drive(channel().close(&asked(&number(), lost), &CALL).unwrap(), |_| panic!("sent")).1;
        assert_eq!(state, CloseState::Unknown("no session to close"));
    }
}

#[test]
fn trying_the_settings() {
    let probe = |reply: Option<HttpReply>| drive(channel().probe(&CALL), |_| reply.clone());
    let (requests, state) = probe(None);
    assert_eq!(
        (requests[0].method, requests[0].url.as_str()),
        ("GET", "https://api.stripe.com/v1/checkout/sessions?limit=1")
    );
    assert_eq!(state, Probe::Unknown("no reply"));
    assert_eq!(probe(Some(reply(200, &json!({"object": "list", "data": []})))).1, Probe::Works { signed: false });
    let refused = probe(Some(fault(401, "invalid_request_error", ""))).1;
    assert_eq!(refused, Probe::Account("Stripe does not know the secret key"));
    let refused = probe(Some(fault(403, "invalid_request_error", ""))).1;
    assert_eq!(refused, Probe::Account("the secret key may not do this"));
    for other in [
        reply(200, &json!({"object": "page"})),
        reply(200, &json!({})),
        HttpReply::bare(200, b"<html>".to_vec()),
        HttpReply::bare(401, b"<html>".to_vec()),
        fault(500, "api_error", ""),
        fault(400, "invalid_request_error", ""),
    ] {
        let state = probe(Some(other.clone())).1;
        assert!(matches!(state, Probe::Unknown(_)), "{other:?}: {state:?}");
    }
}
