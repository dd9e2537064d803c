//! WeChat Pay: which requests are notifications. Every check has at least one request that only this check refuses.

use crate::support::{CALL, NUMBER, yuan};
use crate::wechat_support::*;
use domain::{Currency, Money};
use payments::{Notice, Outcome, Paid, Reject};
use serde_json::{Value, json};

/// Every check of `verify`, by the name the cases use.
const CHECKS: [&str; 21] = [
    "method",
    "length",
    "signature missing",
    "header twice",
    "kind of signature",
    "name of the key",
    "time's digits",
    "nonce's characters",
    "signature",
    "object",
    "name twice",
    "event",
    "resource",
    "algorithm",
    "encryption",
    "application",
    "merchant",
    "state",
    "amount",
    "currency",
    "numbers",
];

struct Refused {
    check: &'static str,
    what: String,
    sent: Sent,
    reject: Reject,
}

fn refused(check: &'static str, what: impl Into<String>, sent: Sent, reject: Reject) -> Refused {
    Refused { check, what: what.into(), sent, reject }
}

fn genuine() -> Sent {
    Sent::about(&transaction())
}

fn paid(amount: Money) -> Notice {
    Notice::Paid(Paid {
        out_trade_no: NUMBER.to_owned(),
        provider_number: TRANSACTION.to_owned(),
        amount,
        method: Some("NATIVE".to_owned()),
    })
}

fn of_the_transport() -> Vec<Refused> {
    let body = event(&transaction().to_string()).to_string();
    let long = format!("{body}{}", " ".repeat(65_537 - body.len()));
    let not_post = Reject::Malformed("not a POST");
    let mut cases = vec![
        refused("method", "a GET", Sent { method: "GET", ..genuine() }, not_post),
        refused("method", "small letters", Sent { method: "post", ..genuine() }, not_post),
        refused("length", "64 KiB and a byte", Sent::of(&long), Reject::Malformed("too long")),
    ];
    for name in ["Wechatpay-Serial", "Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Signature"] {
        let without = Sent { headers: drop_header(&genuine().headers, name), ..genuine() };
        cases.push(refused("signature missing", name, without, Reject::BadSignature));
    }
    for at in 0..5 {
        let one = genuine().headers[at].clone();
        let twice = Reject::Ambiguous("a header of the signature sent twice");
        for other in [one.1.as_str(), "other"] {
            let second = (one.0.to_ascii_lowercase(), other.to_owned());
            let headers = [genuine().headers, vec![second]].concat();
            cases.push(refused("header twice", one.0.as_str(), Sent { headers, ..genuine() }, twice));
        }
    }
    cases
}

fn of_the_signature() -> Vec<Refused> {
    let body = event(&transaction().to_string()).to_string();
    let signed_as = |seconds: &str, nonce: &str| Sent {
        headers: headers_of(By::Public, seconds, nonce, body.as_bytes()),
        ..genuine()
    };
    let bad = Reject::BadSignature;
    let kind = "Wechatpay-Signature-Type";
    let name = "Wechatpay-Serial";
    let seconds = SECONDS.to_string();
    let mut cases = vec![
        refused(
            "kind of signature",
            "another kind",
            genuine().with(kind, "WECHATPAY2-SM2-WITH-SM3"),
            Reject::Malformed("signed in another way"),
        ),
        refused("name of the key", "an unknown number", genuine().with(name, "ABCDEF0123456789"), bad),
        refused("name of the key", "an unknown id", genuine().with(name, "PUB_KEY_ID_9"), bad),
        refused("name of the key", "none", genuine().with(name, ""), bad),
        refused("name of the key", "another key's", genuine().with(name, asset("platform_serial")), bad),
        refused("time's digits", "a sign", signed_as(&format!("+{seconds}"), "n"), bad),
        refused("time's digits", "too many", signed_as(&format!("000{seconds}"), "n"), bad),
        refused("nonce's characters", "none", signed_as(&seconds, ""), bad),
        refused("nonce's characters", "a space", signed_as(&seconds, "a b"), bad),
        refused("nonce's characters", "a line end", signed_as(&seconds, "a\nb"), bad),
        refused("nonce's characters", "a letter beyond ASCII", signed_as(&seconds, "月"), bad),
        refused("signature", "somebody else's key", Sent::by(By::Foreign, SECONDS, &body), bad),
        refused("signature", "empty", genuine().with("Wechatpay-Signature", ""), bad),
        refused("signature", "another nonce", genuine().with("Wechatpay-Nonce", "EcvA7mtHxgs3oPIV"), bad),
        refused("signature", "another second", genuine().with("Wechatpay-Timestamp", &(SECONDS + 1).to_string()), bad),
        refused("signature", "a space more", Sent { body: format!("{body} ").into_bytes(), ..genuine() }, bad),
    ];
    for time in ["", "-1", "1e9", "1795305600.0", "now", "٣"] {
        cases.push(refused("time's digits", time, signed_as(time, "n"), bad));
    }
    let signature = genuine().headers[3].1.clone();
    for trial in [format!("WECHATPAY/SIGNTEST/{}", &signature[19..]), format!("WECHATPAY/SIGNTEST/{signature}")] {
        cases.push(refused("signature", "WeChat Pay's own trial", genuine().with("Wechatpay-Signature", &trial), bad));
    }
    cases
}

fn of_the_event() -> Vec<Refused> {
    let whole = || event(&transaction().to_string());
    let text = whole().to_string();
    let changed = |path: &[&str], value: Value| Sent::of(&with(whole(), path, value).to_string());
    let twice = Reject::Ambiguous("not one JSON object with each name once");
    let resource = Reject::Unusable("resource");
    let ciphertext = |key, nonce, beside| json!(encrypted(&transaction().to_string(), key, nonce, beside));
    let inside = |text: &str| Sent::of(&event(text).to_string());
    let doubled = transaction().to_string().replacen('{', "{\"trade_state\":\"SUCCESS\",", 1);
    let other_key = "opensNothing0123456789abcdefghiJ";
    vec![
        refused("object", "in a list", Sent::of(&format!("[{text}]")), Reject::NotANotice),
        refused("object", "nothing", Sent::of(""), Reject::NotANotice),
        refused("name twice", "the event", Sent::of(&text.replacen('{', "{\"event_type\":\"X\",", 1)), twice),
        refused("name twice", "said twice alike", Sent::of(&text.replacen('{', "{\"id\":\"1\",", 1)), twice),
        refused("name twice", "two objects", Sent::of(&format!("{text}{text}")), twice),
        refused("event", "none", changed(&["event_type"], Value::Null), Reject::NotANotice),
        refused("event", "a number", changed(&["event_type"], json!(1)), Reject::NotANotice),
        refused("event", "a reply to a question", Sent::of(&transaction().to_string()), Reject::NotANotice),
        refused("resource", "none", changed(&["resource"], Value::Null), resource),
        refused("resource", "not encrypted", changed(&["resource"], transaction()), resource),
        refused("resource", "no text", changed(&["resource", "ciphertext"], Value::Null), resource),
        refused("resource", "no nonce", changed(&["resource", "nonce"], Value::Null), resource),
        refused("algorithm", "another", changed(&["resource", "algorithm"], json!("AEAD_SM4_GCM")), resource),
        refused("algorithm", "none", changed(&["resource", "algorithm"], Value::Null), resource),
        refused("encryption", "another nonce", changed(&["resource", "nonce"], json!("fdasflkja485")), resource),
        refused("encryption", "a short nonce", changed(&["resource", "nonce"], json!("fdasflkja48")), resource),
        refused("encryption", "not base64", changed(&["resource", "ciphertext"], json!("?")), resource),
        refused("encryption", "no tag", changed(&["resource", "ciphertext"], json!("AAAA")), resource),
        refused("encryption", "other words beside", changed(&["resource", "associated_data"], json!("x")), resource),
        refused("encryption", "no words beside", changed(&["resource", "associated_data"], Value::Null), resource),
        refused(
            "encryption",
            "another key",
            changed(&["resource", "ciphertext"], ciphertext(other_key, "fdasflkja484", "transaction")),
            resource,
        ),
        refused("resource", "a name twice inside", inside(&doubled), resource),
        refused("resource", "no object inside", inside("[]"), resource),
    ]
}

fn of_the_transaction() -> Vec<Refused> {
    let case = |check, path: &[&str], value: Value, reject| {
        refused(check, format!("{path:?} {value}"), Sent::about(&transaction_with(path, value)), reject)
    };
    let mut cases = vec![
        case("application", &["appid"], json!("wxd678efh567hg6788"), Reject::OtherMerchant),
        case("application", &["appid"], Value::Null, Reject::OtherMerchant),
        case("merchant", &["mchid"], json!("1900007292"), Reject::OtherMerchant),
        case("merchant", &["mchid"], json!(1_900_007_291), Reject::OtherMerchant),
        case("merchant", &["mchid"], Value::Null, Reject::OtherMerchant),
        case("state", &["trade_state"], Value::Null, Reject::NotANotice),
        case("amount", &["amount"], Value::Null, Reject::Unusable("amount")),
        case("amount", &["amount"], json!(990), Reject::Unusable("amount")),
        case("currency", &["amount", "currency"], json!("CNX"), Reject::Unusable("amount.currency")),
        case("currency", &["amount", "currency"], json!("cny"), Reject::Unusable("amount.currency")),
        case("currency", &["amount", "currency"], json!(156), Reject::Unusable("amount.currency")),
    ];
    for total in [json!("990"), json!(9.9), json!(-990), json!(true), Value::Null, json!(1e20), json!([990])] {
        cases.push(case("amount", &["amount", "total"], total, Reject::Unusable("amount.total")));
    }
    for name in ["out_trade_no", "transaction_id"] {
        for value in [Value::Null, json!(""), json!(7), json!("a\u{0}"), json!("7".repeat(129))] {
            cases.push(case("numbers", &[name], value, Reject::Unusable(name)));
        }
    }
    cases
}

#[test]
fn each_check_refuses_what_only_it_refuses() {
    assert_eq!(genuine().verify(), Ok(paid(yuan(990))), "the notification that every case is a change of");
    let cases = [of_the_transport(), of_the_signature(), of_the_event(), of_the_transaction()].into_iter().flatten();
    let mut count = 0;
    let mut left = CHECKS.to_vec();
    for case in cases {
        assert!(CHECKS.contains(&case.check), "{}", case.check);
        assert_eq!(case.sent.verify(), Err(case.reject), "{}: {}", case.check, case.what);
        left.retain(|check| *check != case.check);
        count += 1;
    }
    println!("WeChat Pay: {count} requests, each refused by one check");
    assert!(left.is_empty() && count >= 90, "{count} cases, none for {left:?}");
}

#[test]
fn what_is_paid_is_read_to_the_letter() {
    for (path, value, amount) in [
        (&["amount", "total"][..], json!(1), yuan(1)),
        (&["amount", "total"], json!(0), yuan(0)),
        (&["amount", "payer_total"], json!(1), yuan(990)),
        (&["amount", "currency"], Value::Null, yuan(990)),
        // That it is not the order's own currency is for the order to see: money arrived.
        (&["amount", "currency"], json!("USD"), Money { minor: 990, currency: Currency::parse("USD").unwrap() }),
    ] {
        assert_eq!(Sent::about(&transaction_with(path, value.clone())).verify(), Ok(paid(amount)), "{path:?} {value}");
    }
    let Ok(Notice::Paid(found)) = Sent::about(&transaction_with(&["trade_type"], Value::Null)).verify() else {
        panic!("paid, whatever way");
    };
    assert_eq!(found.method, None);
    let longest = "7".repeat(128);
    let Ok(Notice::Paid(found)) = Sent::about(&transaction_with(&["transaction_id"], json!(longest))).verify() else {
        panic!("a number of 128 bytes can be kept");
    };
    assert_eq!(found.provider_number, longest);
}

#[test]
fn anything_but_a_payment_changes_nothing() {
    for state in ["NOTPAY", "CLOSED", "REFUND", "REVOKED", "USERPAYING", "PAYERROR", "ACCEPT", "success", "SUCCESS "] {
        let told = Sent::about(&transaction_with(&["trade_state"], json!(state))).verify();
        assert_eq!(told, Ok(Notice::NotPaid), "{state}");
    }
    for kind in
        ["REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED", "TRANSACTION.SUCCESS ", "transaction.success", ""]
    {
        let body = with(event(&transaction().to_string()), &["event_type"], json!(kind));
        assert_eq!(Sent::of(&body.to_string()).verify(), Ok(Notice::NotPaid), "{kind}");
    }
}

/// A notification that was kept and is sent again says what was true once.
#[test]
fn beyond_five_minutes_it_is_asked_and_not_believed() {
    let body = event(&transaction().to_string()).to_string();
    let ask = Ok(Notice::Ask(NUMBER.to_owned()));
    for (ahead, told) in [
        (0, Ok(paid(yuan(990)))),
        (-300, Ok(paid(yuan(990)))),
        (300, Ok(paid(yuan(990)))),
        (-301, ask.clone()),
        (301, ask.clone()),
        (-86_400, ask.clone()),
        (86_400, ask.clone()),
    ] {
        assert_eq!(Sent::by(By::Public, SECONDS + ahead, &body).verify(), told, "{ahead} s");
    }
    // The second is exact, ours is not: 300.001 s are beyond.
    let sent = Sent::by(By::Public, SECONDS - 300, &body);
    let request = payments::RawRequest { method: "POST", query: "", headers: &sent.headers, body: &sent.body };
    assert_eq!(channel().verify(&request, CALL.now + 1), ask);
    assert_eq!(channel().verify(&request, i64::MIN), ask);
    // Nothing of another merchant or state is asked about, however old it is.
    let about =
        |transaction: Value| Sent::by(By::Public, SECONDS - 301, &event(&transaction.to_string()).to_string()).verify();
    assert_eq!(about(transaction_with(&["trade_state"], json!("NOTPAY"))), Ok(Notice::NotPaid));
    assert_eq!(about(transaction_with(&["mchid"], json!("1900007292"))), Err(Reject::OtherMerchant));
    assert_eq!(about(transaction_with(&["appid"], json!("wx2"))), Err(Reject::OtherMerchant));
}

#[test]
fn every_key_that_is_held_may_sign() {
    let body = event(&transaction().to_string()).to_string();
    assert_eq!(Sent::by(By::Platform, SECONDS, &body).verify(), Ok(paid(yuan(990))));
    // Numbers in small letters and with zeros before them are the same numbers.
    for name in [asset("platform_serial").to_ascii_lowercase(), format!("00{}", asset("platform_serial"))] {
        let sent = Sent::by(By::Platform, SECONDS, &body).with("Wechatpay-Serial", &name);
        assert_eq!(sent.verify(), Ok(paid(yuan(990))), "{name}");
    }
    // Older notifications do not say how they are signed, and names of headers come in any case.
    let plain = Sent { headers: drop_header(&genuine().headers, "Wechatpay-Signature-Type"), ..genuine() };
    assert_eq!(plain.verify(), Ok(paid(yuan(990))));
    let small = genuine().headers.iter().map(|(name, value)| (name.to_ascii_uppercase(), value.clone())).collect();
    assert_eq!(Sent { headers: small, ..genuine() }.verify(), Ok(paid(yuan(990))));
    // 64 KiB are just read, whatever white space there is.
    let longest = format!("{body}{}", " ".repeat(65_536 - body.len()));
    assert_eq!(Sent::of(&longest).verify(), Ok(paid(yuan(990))));
}

#[test]
fn words_beside_may_be_missing() {
    let nothing = json!(encrypted(&transaction().to_string(), API_KEY, "fdasflkja484", ""));
    for beside in [Value::Null, json!("")] {
        let body = with(event(""), &["resource", "ciphertext"], nothing.clone());
        let body = with(body, &["resource", "associated_data"], beside);
        assert_eq!(Sent::of(&body.to_string()).verify(), Ok(paid(yuan(990))));
    }
}

#[test]
fn what_wechat_pay_hears() {
    for (outcome, status, kind, body) in [
        (Outcome::Accepted, 204, "text/plain", ""),
        (Outcome::Rejected, 400, "application/json", r#"{"code":"FAIL","message":"rejected"}"#),
        (Outcome::TryAgain, 503, "application/json", r#"{"code":"FAIL","message":"try again"}"#),
    ] {
        let ack = channel().ack(outcome);
        assert_eq!((ack.status, ack.content_type, ack.body), (status, kind, body));
    }
}
