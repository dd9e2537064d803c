//! Stripe: which requests are notifications. Every check has at least one request that only this check refuses.

use crate::stripe_support::*;
use crate::support::{CALL, NUMBER};
use payments::stripe::signature;
use payments::{Notice, Outcome, Paid, RawRequest, Reject, Secret};
use serde_json::{Value, json};

fn paid(minor: i64) -> Notice {
    Notice::Paid(Paid {
        out_trade_no: NUMBER.to_owned(),
        provider_number: INTENT.to_owned(),
        amount: usd(minor),
        method: Some("card".to_owned()),
    })
}

fn secrets(all: &[&str]) -> Vec<Secret> {
    all.iter().map(|text| Secret::new((*text).to_owned())).collect()
}

/// The published vectors as they stand, and each of them damaged in every way that must not pass.
#[test]
fn published_vectors_and_their_mutations() {
    let data: Value = serde_json::from_str(include_str!("../vectors/stripe.json")).unwrap();
    let (mut vectors, mut mutations) = (0, 0);
    for vector in data["vectors"].as_array().unwrap() {
        let inputs = &vector["inputs"];
        let header = inputs["header"].as_str().unwrap();
        if vector["kind"] == "stripe_header_parse" {
            // Its secret is not public: it is read as a header, and fits nothing.
            assert_eq!(
                signature::check(header, b"", &secrets(&["whsec_x"]), 1_492_774_577_000),
                Err(Reject::BadSignature)
            );
            vectors += 1;
            continue;
        }
        let (secret, payload) = (inputs["secret"].as_str().unwrap(), inputs["payload"].as_str().unwrap());
        let keys = secrets(&[secret]);
        for case in inputs["cases"].as_array().unwrap() {
            let body = format!("{payload}{}", case["payload_suffix"].as_str().unwrap_or_default());
            let now = case["now_unix"].as_i64().unwrap() * 1_000;
            let found = signature::check(header, body.as_bytes(), &keys, now);
            assert_eq!(found.is_ok(), case["ok"].as_bool().unwrap(), "{case}");
            vectors += 1;
        }
        let signed_at = 1_533_204_620;
        let check = |header: &str, body: &[u8], now_s: i64| signature::check(header, body, &keys, now_s * 1_000);
        // The window, to the second and on both sides.
        for (off, good) in [(300, true), (301, false), (-300, true), (-301, false), (0, true)] {
            assert_eq!(check(header, payload.as_bytes(), signed_at + off).is_ok(), good, "{off}");
            mutations += 1;
        }
        for at in 0..payload.len() {
            let mut body = payload.as_bytes().to_vec();
            body[at] ^= 1;
            assert_eq!(check(header, &body, signed_at), Err(Reject::BadSignature), "byte {at} of the body");
            mutations += 1;
        }
        // Every digit of the time and of the signature that counts; the fake one after it may say anything.
        let counts = header.find(",v0=").unwrap();
        for at in 0..counts {
            let mut other = header.as_bytes().to_vec();
            other[at] ^= 1;
            let other = String::from_utf8(other).unwrap();
            assert!(check(&other, payload.as_bytes(), signed_at).is_err(), "byte {at} of the header: {other}");
            mutations += 1;
        }
        assert_eq!(check(&header[..counts], payload.as_bytes(), signed_at), Ok(()));
        let fake = header.replace("v1=", "v2=").replace("v0=", "v1=");
        assert_eq!(check(&fake, payload.as_bytes(), signed_at), Err(Reject::BadSignature));
        let other = signature::check(header, payload.as_bytes(), &secrets(&["webhook_secre"]), signed_at * 1_000);
        assert_eq!(other, Err(Reject::BadSignature));
        mutations += 3;
    }
    println!("{vectors} vectors, {mutations} mutations");
    assert!(vectors >= 4 && mutations >= 570, "{vectors} {mutations}");
}

#[test]
fn a_genuine_notification_is_accepted() {
    assert_eq!(told_event(&event(session())), Ok(paid(990)));
    let late = with(event(session()), "/type", json!("checkout.session.async_payment_succeeded"));
    assert_eq!(told_event(&late), Ok(paid(990)));
    // An amount that is not ours is reported as it is; whether it fits the attempt is for the order to decide.
    assert_eq!(told_event(&event(with(session(), "/amount_total", json!(991)))), Ok(paid(991)));
    let Ok(Notice::Paid(other)) = told_event(&event(with(session(), "/currency", json!("eur")))) else { panic!() };
    assert_eq!(other.amount, money(990, "EUR"));
    let pretty = serde_json::to_vec_pretty(&event(session())).unwrap();
    assert_eq!(told(&pretty), Ok(paid(990)));
}

/// Stripe signs with the old and the new secret while one is rolled, and a shop may know either or both.
#[test]
fn a_secret_is_rolled() {
    let body = event(session()).to_string().into_bytes();
    let mut both = settings();
    both.set("webhook_secret", &format!("{OLD_SECRET},{SECRET}"));
    let old = header(OLD_SECRET, NOW_S, &body);
    let two = format!("{old},v1={}", hmac_hex(SECRET, &[format!("{NOW_S}.").as_bytes(), &body].concat()));
    for (settings, header, good) in [
        (&both, old.clone(), true),
        (&both, header(SECRET, NOW_S, &body), true),
        (&both, header("whsec_third", NOW_S, &body), false),
        (&settings(), two, true),
        (&settings(), old, false),
    ] {
        let headers = [("stripe-signature".to_owned(), header)];
        let request = RawRequest { method: "POST", query: "", headers: &headers, body: &body };
        assert_eq!(opened(settings).verify(&request, CALL.now).is_ok(), good);
    }
    // With an empty secret anybody signs.
    assert_eq!(
        signature::check(&header("", NOW_S, &body), &body, &secrets(&[""]), CALL.now),
        Err(Reject::BadSignature)
    );
    assert_eq!(signature::check(&header("", NOW_S, &body), &body, &[], CALL.now), Err(Reject::BadSignature));
}

#[test]
fn the_header_is_read_in_one_way_only() {
    let body = event(session()).to_string().into_bytes();
    let hex = |time: &str| hmac_hex(SECRET, &[format!("{time}.").as_bytes(), &body].concat());
    let good = hex(&NOW_S.to_string());
    let not_number = Err(Reject::Malformed("the time of the signature is not a number"));
    for (header, expected) in [
        (format!("t={NOW_S},v1={good}"), Ok(paid(990))),
        (format!("t={NOW_S}, v1={good}"), Ok(paid(990))),
        (format!("v1={good},t={NOW_S}"), Ok(paid(990))),
        (format!("t={NOW_S},v9=x,v1={good},v0={}", "0".repeat(64)), Ok(paid(990))),
        (format!("t={NOW_S},v1={},v1={good}", "0".repeat(64)), Ok(paid(990))),
        (format!("t={NOW_S},v1=x,v1={good}"), Ok(paid(990))),
        (format!("t={NOW_S},t={NOW_S},v1={good}"), Err(Reject::Ambiguous("two times in one signature"))),
        (format!("v1={good}"), Err(Reject::Malformed("a signature without its time"))),
        (format!("t={NOW_S}"), Err(Reject::BadSignature)),
        (format!("t={NOW_S},v0={good}"), Err(Reject::BadSignature)),
        (format!("t={NOW_S},v1={}", good.to_uppercase()), Err(Reject::BadSignature)),
        (format!("t={NOW_S},v1={}", &good[..62]), Err(Reject::BadSignature)),
        (format!("t={NOW_S},v1={good}00"), Err(Reject::BadSignature)),
        (format!("t={NOW_S},v1="), Err(Reject::BadSignature)),
        (String::new(), Err(Reject::Malformed("a signature header without names"))),
        (format!("t={NOW_S},{good}"), Err(Reject::Malformed("a signature header without names"))),
        (format!("t=+{NOW_S},v1={}", hex(&format!("+{NOW_S}"))), not_number.clone()),
        (format!("t=-1,v1={}", hex("-1")), not_number.clone()),
        (format!("t=,v1={}", hex("")), not_number.clone()),
        (format!("t=99999999999999999999,v1={}", hex("99999999999999999999")), not_number),
        (
            format!("t=9223372036854775807,v1={}", hex("9223372036854775807")),
            Err(Reject::Malformed("signed more than five minutes from now")),
        ),
    ] {
        assert_eq!(verify(&header, &body), expected, "{header}");
    }
}

#[test]
fn a_copy_is_refused_once_its_time_is_past() {
    let body = event(session()).to_string().into_bytes();
    let old = Err(Reject::Malformed("signed more than five minutes from now"));
    for (off, expected) in [(-301, old.clone()), (-300, Ok(paid(990))), (300, Ok(paid(990))), (301, old)] {
        assert_eq!(verify(&header(SECRET, NOW_S + off, &body), &body), expected, "{off}");
    }
    // Nobody without the secret hears anything about the time.
    assert_eq!(verify(&header(OLD_SECRET, NOW_S + 999, &body), &body), Err(Reject::BadSignature));
}

#[test]
fn the_transport_is_stripes() {
    let body = event(session()).to_string().into_bytes();
    let line = ("STRIPE-SIGNATURE".to_owned(), header(SECRET, NOW_S, &body));
    let ask = |method: &str, headers: &[(String, String)], body: &[u8]| {
        channel().verify(&RawRequest { method, query: "", headers, body }, CALL.now)
    };
    assert_eq!(ask("POST", std::slice::from_ref(&line), &body), Ok(paid(990)));
    for method in ["GET", "PUT", "post"] {
        assert_eq!(ask(method, std::slice::from_ref(&line), &body), Err(Reject::Malformed("not a POST")), "{method}");
    }
    assert_eq!(ask("POST", &[], &body), Err(Reject::Malformed("no signature header")));
    let two = [line.clone(), ("Stripe-Signature".to_owned(), "t=1".to_owned())];
    assert_eq!(ask("POST", &two, &body), Err(Reject::Ambiguous("two signature headers")));
    let max = domain::limits::BODY_MAX;
    let padded = |length: usize| [body.as_slice(), " ".repeat(length - body.len()).as_bytes()].concat();
    assert_eq!(told(&padded(max)), Ok(paid(990)));
    assert_eq!(told(&padded(max + 1)), Err(Reject::Malformed("too long")));
}

#[test]
fn a_text_that_reads_in_two_ways_is_refused() {
    let text = event(session()).to_string();
    let twice = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        told(changed.as_bytes())
    };
    let ambiguous = Err(Reject::Ambiguous("not a JSON object, or a name sent twice"));
    assert_eq!(twice("{", r#"{"livemode":false,"#), ambiguous);
    assert_eq!(twice("{", r#"{"livemod\u0065":false,"#), ambiguous);
    assert_eq!(twice(r#""data":{"#, r#""data":{"object":{},"#), Err(Reject::NotANotice));
    assert_eq!(twice(r#""amount_total":990"#, r#""amount_total":990,"amount_total":991"#), Err(Reject::NotANotice));
    // Metadata that cannot be read holds no number of ours, as another program's.
    assert_eq!(twice(r#""metadata":{"#, r#""metadata":{"attempt":"x","#), Ok(Notice::NotPaid));
    for body in ["", "[]", "null", "{", "\"x\"", "{}{}"] {
        assert_eq!(told(body.as_bytes()), ambiguous, "{body}");
    }
    assert_eq!(told(b"{\"a\":\"\xff\"}"), ambiguous);
}

#[test]
fn another_mode_or_account_is_another_merchant() {
    let event = event(session());
    for other in [
        with(event.clone(), "/livemode", json!(true)),
        with(event.clone(), "/livemode", json!("false")),
        without(event.clone(), "/livemode"),
        with(event.clone(), "/account", json!("acct_1")),
        with(event.clone(), "/account", json!(null)),
    ] {
        assert_eq!(told_event(&other), Err(Reject::OtherMerchant), "{other}");
    }
    let inside = with(event.clone(), "/data/object/livemode", json!(true));
    assert_eq!(told_event(&inside), Err(Reject::NotANotice));
    // A live key believes live payments alone.
    let mut live = settings();
    live.set("secret_key", "rk_live_opens0nothing");
    let ask = |event: &Value| {
        let body = event.to_string().into_bytes();
        let headers = [("stripe-signature".to_owned(), header(SECRET, NOW_S, &body))];
        let request = RawRequest { method: "POST", query: "", headers: &headers, body: &body };
        opened(&live).verify(&request, CALL.now)
    };
    assert_eq!(ask(&event), Err(Reject::OtherMerchant));
    assert_eq!(ask(&with(inside, "/livemode", json!(true))), Ok(paid(990)));
}

/// Stripe sends every event of an account to every address, so what is not ours is heard and passed over.
#[test]
fn what_is_no_payment_of_ours_changes_nothing() {
    let event = event(session());
    for kind in [
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
        "charge.refunded",
        "charge.dispute.created",
        "payment_intent.succeeded",
        "customer.created",
        "checkout.session.completed ",
    ] {
        // Not even who it is for is looked at.
        let other = with(with(event.clone(), "/type", json!(kind)), "/livemode", json!(true));
        assert_eq!(told_event(&other), Ok(Notice::NotPaid), "{kind}");
    }
    for (what, other) in [
        ("no type", without(event.clone(), "/type")),
        ("no event", with(event.clone(), "/object", json!("v2.core.event"))),
        ("no event at all", without(event.clone(), "/object")),
        ("a subscription", with(event.clone(), "/data/object/mode", json!("subscription"))),
        ("no mode", without(event.clone(), "/data/object/mode")),
        ("not yet paid", with(event.clone(), "/data/object/payment_status", json!("unpaid"))),
        ("nothing to pay", with(event.clone(), "/data/object/payment_status", json!("no_payment_required"))),
        ("in capitals", with(event.clone(), "/data/object/payment_status", json!("PAID"))),
        ("no state", without(event.clone(), "/data/object/payment_status")),
        ("another program's", with(event.clone(), "/data/object/metadata", json!({}))),
        ("another program's, bare", without(event.clone(), "/data/object/metadata")),
        // A payment link of the account takes the reference from its address, where a buyer writes what he likes.
        ("a payment link", with(event.clone(), "/data/object/metadata", json!({"order": NUMBER}))),
    ] {
        assert_eq!(told_event(&other), Ok(Notice::NotPaid), "{what}");
    }
    for (what, other) in [
        ("no data", without(event.clone(), "/data")),
        ("no object", with(event.clone(), "/data", json!({}))),
        ("another object", with(event.clone(), "/data/object/object", json!("charge"))),
        ("a text", with(event.clone(), "/data/object", json!("cs_1"))),
    ] {
        assert_eq!(told_event(&other), Err(Reject::NotANotice), "{what}");
    }
}

#[test]
fn money_that_cannot_be_booked_is_asked_for_again() {
    let event = event(session());
    let at = |name: &str, value: Value| told_event(&with(event.clone(), &format!("/data/object/{name}"), value));
    for other in [json!("X"), json!(null), json!(27)] {
        assert_eq!(at("client_reference_id", other), Err(Reject::Unusable("client_reference_id")));
    }
    let long = format!("pi_{}", "a".repeat(126));
    for other in
        [json!(null), json!(""), json!("pi_"), json!("ch_1"), json!("pi_a/b"), json!(long), json!({"id": INTENT})]
    {
        assert_eq!(at("payment_intent", other.clone()), Err(Reject::Unusable("payment_intent")), "{other}");
    }
    assert!(at("payment_intent", json!(long[..128])).is_ok());
    for other in [json!("990"), json!(9.9), json!(-1), json!(null), json!(true), json!(10_000_000_000_001_i64)] {
        assert_eq!(at("amount_total", other.clone()), Err(Reject::Unusable("amount_total")), "{other}");
    }
    for text in ["990.0", "99e1", "9.9e2"] {
        let body = event.to_string().replace("\"amount_total\":990", &format!("\"amount_total\":{text}"));
        assert_eq!(told(body.as_bytes()), Err(Reject::Unusable("amount_total")), "{text}");
    }
    for other in [json!("us"), json!("usdt"), json!(null), json!("iqd")] {
        assert_eq!(at("currency", other.clone()), Err(Reject::Unusable("amount_total")), "{other}");
    }
    // Stripe pads these two with zeros; other digits would be part of a unit that does not exist.
    assert_eq!(at("currency", json!("isk")), Err(Reject::Unusable("amount_total")));
    let largest = domain::limits::AMOUNT_MAX_MINOR;
    assert_eq!(at("amount_total", json!(largest)), Ok(paid(largest)));
    assert_eq!(at("amount_total", json!(0)), Ok(paid(0)));
    let ariary = with(with(session(), "/currency", json!("mga")), "/amount_total", json!(largest));
    assert_eq!(told_event(&super::stripe_support::event(ariary)), Err(Reject::Unusable("amount_total")));
}

#[test]
fn stripe_reads_the_status_of_an_answer() {
    let channel = channel();
    let shown = |outcome| {
        let ack = channel.ack(outcome);
        (ack.status, ack.content_type, ack.body)
    };
    assert_eq!(shown(Outcome::Accepted), (200, "text/plain", "ok"));
    assert_eq!(shown(Outcome::Rejected), (400, "text/plain", "refused"));
    assert_eq!(shown(Outcome::TryAgain), (503, "text/plain", "try again"));
}
