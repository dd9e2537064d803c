//! Stripe: the request that makes a session, amounts as Stripe counts them, and every kind of reply.

use crate::stripe_support::*;
use crate::support::{CALL, NUMBER, drive, number};
use domain::Currency;
use payments::{AttemptView, Call, CreateError, Created, HttpReply, HttpRequest, Started, form};
use serde_json::{Value, json};

/// The only request of a create.
fn request(channel: &payments::Channel, attempt: &AttemptView<'_>, call: &Call) -> HttpRequest {
    let (sent, _) = drive(channel.create(attempt, call), |_| None);
    let [request] = sent.as_slice() else { panic!("one request: {sent:?}") };
    request.clone()
}

fn field(request: &HttpRequest, name: &str) -> String {
    form::parse(&request.body).unwrap().get(name).unwrap().to_owned()
}

fn answer(reply: Option<HttpReply>) -> Result<Started, CreateError> {
    drive(channel().create(&attempt(&number()), &CALL), |_| reply.clone()).1
}

fn open_session() -> Value {
    let session = with(with(session(), "/status", json!("open")), "/payment_status", json!("unpaid"));
    with(with(session, "/payment_intent", json!(null)), "/url", json!(PAGE))
}

#[test]
fn the_request_to_the_letter() {
    let number = number();
    let request = request(&channel(), &attempt(&number), &CALL);
    assert_eq!((request.method, request.url.as_str()), ("POST", "https://api.stripe.com/v1/checkout/sessions"));
    for (name, value) in [
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
        ("authorization", "Bearer sk_test_opens0nothing"),
        ("stripe-version", "2025-03-31.basil"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("idempotency-key", NUMBER),
    ] {
        assert_eq!(sent(&request, name), Some(value));
    }
    assert_eq!(request.headers.len(), 6);
    let fields = form::parse(&request.body).unwrap();
    let until = (NOW_S + 3_600).to_string();
    let expected = [
        ("mode", "payment"),
        ("payment_method_types[0]", "card"),
        ("adaptive_pricing[enabled]", "false"),
        ("line_items[0][price_data][currency]", "usd"),
        ("line_items[0][price_data][unit_amount]", "990"),
        ("line_items[0][price_data][product_data][name]", "月卡 30 days"),
        ("line_items[0][quantity]", "1"),
        ("success_url", "https://shop.example/o/0123456789ABCDEFGHJKMNPQ"),
        ("cancel_url", "https://shop.example/o/0123456789ABCDEFGHJKMNPQ"),
        ("client_reference_id", NUMBER),
        ("metadata[attempt]", NUMBER),
        ("payment_intent_data[metadata][attempt]", NUMBER),
        ("expires_at", &until),
    ];
    assert_eq!(fields.iter().collect::<Vec<_>>(), expected);
    assert!(!format!("{request:?}").contains(KEY));
}

#[test]
fn a_session_lives_as_long_as_the_shop_waits_and_as_stripe_allows() {
    let number = number();
    let until = |wanted: i64, now: i64| {
        let call = Call { now, ..CALL };
        let request = request(&channel(), &AttemptView { expires_at: wanted, ..attempt(&number) }, &call);
        field(&request, "expires_at").parse::<i64>().unwrap()
    };
    // 1,795,305,600 is a full minute.
    assert_eq!(NOW_S % 60, 0);
    let now = CALL.now;
    assert_eq!(until(now + 15 * 60_000, now), NOW_S + 31 * 60);
    assert_eq!(until(now + 31 * 60_000, now), NOW_S + 31 * 60);
    assert_eq!(until(now + 31 * 60_000 + 1_000, now), NOW_S + 31 * 60 + 1);
    assert_eq!(until(now + 15 * 60_000, now + 1_000), NOW_S + 32 * 60);
    assert_eq!(until(now + 15 * 60_000, now + 59_999), NOW_S + 32 * 60);
    assert_eq!(until(now + 15 * 60_000, now + 60_000), NOW_S + 32 * 60);
    assert_eq!(until(now + 48 * 3_600_000, now), NOW_S + 24 * 3_600 - 60);
    let longest = 32 * 60_000;
    assert!(payments::kind("stripe").unwrap().payable_after_ms > longest);
}

#[test]
fn amounts_as_stripe_counts_them() {
    let number = number();
    for (currency, minor, units) in [
        ("USD", 1, 1),
        ("JPY", 500, 500),
        ("KRW", 1_000, 1_000),
        ("ISK", 5, 500),
        ("UGX", 7, 700),
        ("MGA", 500, 5),
        ("KWD", 5_120, 5_120),
        ("BHD", 10, 10),
        ("JOD", 10, 10),
        ("OMR", 10, 10),
        ("TND", 10, 10),
    ] {
        let channel = paid_in(currency);
        let amount = money(minor, currency);
        let asked = request(&channel, &AttemptView { amount, ..attempt(&number) }, &CALL);
        assert_eq!(field(&asked, "line_items[0][price_data][unit_amount]"), units.to_string(), "{currency}");
        assert_eq!(field(&asked, "line_items[0][price_data][currency]"), currency.to_ascii_lowercase());
        // And back: what is counted so at Stripe is our amount again.
        let said = with(with(session(), "/amount_total", json!(units)), "/currency", json!(currency.to_lowercase()));
        let Ok(payments::Notice::Paid(paid)) = told_event(&event(said)) else { panic!("{currency}") };
        assert_eq!(paid.amount, amount);
    }
    for (currency, minor) in
        [("USD", 0), ("USD", -1), ("KWD", 5_124), ("BHD", 1), ("MGA", 550), ("MGA", 0), ("ISK", 0), ("UGX", i64::MAX)]
    {
        let step = paid_in(currency).create(&AttemptView { amount: money(minor, currency), ..attempt(&number) }, &CALL);
        assert_eq!(drive(step, |_| panic!("nothing is sent")).1, Err(CreateError::Amount), "{currency} {minor}");
    }
}

#[test]
fn what_stripe_could_not_be_asked_for() {
    let number = number();
    let refused =
        |attempt: &AttemptView<'_>| drive(channel().create(attempt, &CALL), |_| panic!("sent")).1.unwrap_err();
    let attempt = attempt(&number);
    assert_eq!(
        refused(&AttemptView { amount: money(990, "EUR"), ..attempt }),
        CreateError::Currency(Currency::parse("EUR").unwrap())
    );
    assert_eq!(refused(&AttemptView { method: Some("alipay"), ..attempt }), CreateError::Method);
    assert_eq!(refused(&AttemptView { return_url: "javascript:1", ..attempt }), CreateError::Address("return_url"));
    let plain = request(&channel(), &AttemptView { method: None, ..attempt }, &CALL);
    assert_eq!(field(&plain, "payment_method_types[0]"), "card");
}

#[test]
fn a_name_is_one_line() {
    let number = number();
    for (name, sent) in [
        ("a\n b\u{0}c", "a b c".to_owned()),
        ("  ", "product".to_owned()),
        ("\u{7}", "product".to_owned()),
        ("é🎮 & = % +", "é🎮 & = % +".to_owned()),
        (&"月".repeat(250), "月".repeat(250)),
        (&"月".repeat(251), "月".repeat(250)),
        (&format!("{} b", "a".repeat(249)), "a".repeat(249)),
    ] {
        let request = request(&channel(), &AttemptView { product_name: name, ..attempt(&number) }, &CALL);
        assert_eq!(field(&request, "line_items[0][price_data][product_data][name]"), sent);
    }
}

#[test]
fn a_session_that_was_made() {
    let expected =
        Started { shown: Created::Redirect(PAGE.to_owned()), provider_ref: Some(SESSION.to_owned()), due: None };
    assert_eq!(answer(Some(reply(200, &open_session()))), Ok(expected));
}

#[test]
fn a_reply_that_is_not_about_our_session_leaves_it_open() {
    let good = open_session();
    let long = format!("cs_{}", "a".repeat(126));
    for (what, body) in [
        ("another attempt", with(good.clone(), "/client_reference_id", json!("X"))),
        ("no reference", without(good.clone(), "/client_reference_id")),
        ("another attempt in the metadata", with(good.clone(), "/metadata/attempt", json!("X"))),
        ("no metadata", without(good.clone(), "/metadata")),
        ("live", with(good.clone(), "/livemode", json!(true))),
        ("no mode", without(good.clone(), "/livemode")),
        ("mode as a text", with(good.clone(), "/livemode", json!("false"))),
        ("another object", with(good.clone(), "/object", json!("payment_intent"))),
        ("no id", without(good.clone(), "/id")),
        ("another kind of id", with(good.clone(), "/id", json!("pi_1"))),
        ("an empty id", with(good.clone(), "/id", json!("cs_"))),
        ("an id with a path", with(good.clone(), "/id", json!("cs_../x"))),
        ("a long id", with(good.clone(), "/id", json!(long))),
        ("no page", with(good.clone(), "/url", json!(null))),
        ("a page without TLS", with(good.clone(), "/url", json!("http://checkout.stripe.com/c"))),
        ("a script", with(good.clone(), "/url", json!("javascript:alert(1)"))),
        ("a page with a space", with(good.clone(), "/url", json!("https://checkout.stripe.com/c d"))),
        ("nothing", json!({})),
        ("a list", json!([good.clone()])),
    ] {
        let found = answer(Some(reply(200, &body)));
        assert!(matches!(found, Err(CreateError::Unknown(_))), "{what}: {found:?}");
    }
    let twice = good.to_string().replacen('{', r#"{"id":"cs_other","#, 1);
    assert!(matches!(answer(Some(HttpReply::bare(200, twice.into_bytes()))), Err(CreateError::Unknown(_))));
    assert_eq!(answer(None), Err(CreateError::Unknown("no reply")));
    let longest = with(good, "/id", json!(long[..128]));
    assert!(answer(Some(reply(200, &longest))).is_ok());
}

/// A page of this machine is only shown where the provider is one of this machine.
#[test]
fn a_page_without_tls_is_for_a_provider_of_this_machine() {
    let mut settings = settings();
    settings.set("base_url", "http://127.0.0.1:3000");
    let answer = |channel: payments::Channel, url: &str| {
        let body = reply(200, &with(open_session(), "/url", json!(url)));
        drive(channel.create(&attempt(&number()), &CALL), |_| Some(body.clone())).1.is_ok()
    };
    assert!(answer(opened(&settings), "http://127.0.0.1:3000/c/1"));
    assert!(answer(opened(&settings), "https://checkout.stripe.com/c/1"));
    assert!(!answer(opened(&settings), "http://evil.example/c/1"));
    settings.set("base_url", "https://stripe.example");
    assert!(!answer(opened(&settings), "http://stripe.example/c/1"));
}

#[test]
fn what_stripe_answers_when_it_makes_none() {
    let invalid = "invalid_request_error";
    for (reply, expected) in [
        (fault(401, invalid, ""), CreateError::Account("Stripe does not know the secret key")),
        (fault(403, invalid, ""), CreateError::Account("the secret key may not do this")),
        (fault(400, invalid, "testmode_charges_only"), CreateError::Account("the Stripe account is not activated yet")),
        (
            fault(400, invalid, "payment_method_unactivated"),
            CreateError::Account("cards are not switched on at Stripe"),
        ),
        (fault(400, invalid, "api_key_expired"), CreateError::Account("the secret key has expired")),
        (fault(400, invalid, "platform_api_key_expired"), CreateError::Account("the secret key has expired")),
        (fault(400, invalid, "amount_too_small"), CreateError::Amount),
        (fault(400, invalid, "amount_too_large"), CreateError::Amount),
        (fault(400, invalid, "parameter_unknown"), CreateError::Refused("Stripe refused the request")),
        (fault(402, invalid, ""), CreateError::Refused("Stripe refused the request")),
        (fault(429, invalid, "rate_limit"), CreateError::Refused("Stripe takes no requests at the moment")),
        (fault(404, invalid, "resource_missing"), CreateError::Unknown("Stripe does not know its own address")),
        (fault(400, "idempotency_error", ""), CreateError::Unknown("the number was used before with other fields")),
        (fault(429, invalid, "lock_timeout"), CreateError::Unknown("Stripe gave another answer")),
        (fault(404, invalid, "url_invalid"), CreateError::Unknown("Stripe gave another answer")),
        (fault(404, "api_error", "resource_missing"), CreateError::Unknown("Stripe gave another answer")),
        (fault(400, "api_error", ""), CreateError::Unknown("Stripe gave another answer")),
        (fault(402, "card_error", ""), CreateError::Unknown("Stripe gave another answer")),
        (fault(401, "api_error", ""), CreateError::Unknown("Stripe gave another answer")),
        (fault(403, "api_error", ""), CreateError::Unknown("Stripe gave another answer")),
        (fault(409, "idempotency_error", ""), CreateError::Unknown("Stripe gave another answer")),
        (fault(500, invalid, ""), CreateError::Unknown("Stripe gave another answer")),
        (fault(503, "api_error", ""), CreateError::Unknown("Stripe gave another answer")),
        (HttpReply::bare(401, Vec::new()), CreateError::Unknown("the reply is not the JSON of an error")),
        (HttpReply::bare(403, b"<html>".to_vec()), CreateError::Unknown("the reply is not the JSON of an error")),
        (reply(400, &json!({"error": "no"})), CreateError::Unknown("the reply is not the JSON of an error")),
        (reply(201, &open_session()), CreateError::Unknown("the reply is not the JSON of an error")),
    ] {
        assert_eq!(answer(Some(reply.clone())), Err(expected), "{reply:?}");
    }
}
