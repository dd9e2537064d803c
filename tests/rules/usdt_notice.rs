//! Gateways that take USDT: which requests are notifications. Every check has at least one request that only this check refuses.

use crate::support::{CALL, NUMBER, drive, number};
use crate::usdt_support::*;
use payments::{Notice, Outcome, Paid, RawRequest, Reject, Settings};
use serde_json::{Value, json};

fn paid(who: Who, minor: i64, currency: &str) -> Notice {
    Notice::Paid(Paid {
        out_trade_no: NUMBER.to_owned(),
        provider_number: TRADE.to_owned(),
        amount: money(minor, currency),
        method: (who == Who::Tokenpay).then(|| "USDT_TRC20".to_owned()),
    })
}

/// The account that knows a vector's key.
fn account_of(id: &str, key: &str) -> payments::Channel {
    let who = match id {
        "epusdt-doc-sign" => Who::Legacy,
        "gmpay-hmac-a" => Who::Gmpay2,
        _ => Who::Tokenpay,
    };
    let mut settings: Settings = who.settings();
    settings.set("key", key);
    opened(who.kind(), &settings)
}

/// The published vectors: what their signature covers is taken for well signed, whatever else it lacks; every damage is noticed.
#[test]
fn published_vectors_and_their_mutations() {
    let data: Value = serde_json::from_str(include_str!("../vectors/usdt.json")).unwrap();
    let (mut vectors, mut mutations) = (0, 0);
    for vector in data["vectors"].as_array().unwrap() {
        let (id, params) = (vector["id"].as_str().unwrap(), &vector["inputs"]["params"]);
        let key = vector["inputs"]["key"].as_str().unwrap();
        let name = if vector["expected"]["Signature"].is_string() { "Signature" } else { "signature" };
        let sign = vector["expected"][name].as_str().unwrap();
        let channel = account_of(id, key);
        let mut body = params.clone();
        body[name] = json!(sign);
        let text = body.to_string();
        let bad = |body: &Value, what: &str| {
            assert_eq!(
                told_by(&channel, body.to_string().as_bytes()),
                Err(Reject::BadSignature),
                "{id}: {what} {body}"
            );
        };
        let found = told_by(&channel, text.as_bytes());
        if id == "tokenpay-notice" {
            let Ok(Notice::Paid(paid)) = found else { panic!("{id}: {found:?}") };
            assert_eq!(paid.amount, money(1_500, "CNY"));
            assert_eq!(paid.out_trade_no, "E6COE6FGZMO5AXSK");
            assert_eq!(paid.provider_number, "63234df7-55bf-93fc-0010-67be493c0c27");
        } else {
            assert_eq!(found, Err(Reject::NotANotice), "{id}");
        }
        vectors += 1;
        // One letter of every value and of the signature, one digit of every number.
        for (field, value) in body.as_object().unwrap() {
            match value {
                Value::String(text) => {
                    for at in 0..text.len() {
                        let mut bytes = text.clone().into_bytes();
                        bytes[at] ^= 1;
                        bad(
                            &with(body.clone(), &format!("/{field}"), json!(String::from_utf8(bytes).unwrap())),
                            "a letter",
                        );
                        mutations += 1;
                    }
                }
                Value::Number(number) => {
                    bad(&with(body.clone(), &format!("/{field}"), json!(number.as_i64().unwrap() + 1)), "one more");
                    mutations += 1;
                }
                _ => panic!("{value}"),
            }
            if !value.as_str().is_some_and(str::is_empty) {
                bad(&without(body.clone(), &format!("/{field}")), "dropped");
                mutations += 1;
            }
            let twice = text.replacen('{', &format!("{{\"{field}\":{value},"), 1);
            assert!(matches!(told_by(&channel, twice.as_bytes()), Err(Reject::Ambiguous(_))), "{id}: {field} twice");
            mutations += 1;
        }
        bad(&with(body.clone(), "/more", json!("x")), "a field more");
        bad(&with(body.clone(), &format!("/{name}"), json!("")), "no signature");
        bad(&with(body.clone(), &format!("/{name}"), json!(sign.to_ascii_uppercase())), "in capitals");
        let other = account_of(id, "another-key");
        assert_eq!(told_by(&other, text.as_bytes()), Err(Reject::BadSignature), "{id}");
        // What is empty or null is not signed.
        let padded = with(with(body.clone(), "/empty", json!("")), "/none", json!(null));
        assert_ne!(told_by(&channel, padded.to_string().as_bytes()), Err(Reject::BadSignature), "{id}");
        mutations += 5;
    }
    println!("{vectors} vectors, {mutations} mutations");
    assert!(vectors >= 6 && mutations >= 900, "{vectors} {mutations}");
}

/// The query of the published vector is asked for to the letter.
#[test]
fn the_published_query() {
    let mut settings = Who::Tokenpay.settings();
    settings.set("key", "666");
    let channel = opened("tokenpay", &settings);
    let step = channel.query_number("66f9d5a8-d9c7-0224-004f-a16a1c068e08", &CALL).unwrap();
    let sent = drive(step, |_| None).0;
    let query = "Id=66f9d5a8-d9c7-0224-004f-a16a1c068e08&Signature=baa261cc6af3f5efbed15e17a285f653";
    assert_eq!(sent[0].url, format!("{BASE}/Query?{query}"));
}

#[test]
fn a_genuine_notification_is_accepted() {
    for who in ALL {
        assert_eq!(who.told(&who.body(&who.notice())), Ok(paid(who, 990, "CNY")), "{who:?}");
        // An amount that is not ours is reported as it is; whether it fits the attempt is for the order to decide.
        let more = who.notice_with("amount", "9.91", "9.91");
        assert_eq!(who.told(&who.body(&more)), Ok(paid(who, 991, "CNY")), "{who:?}");
        // Fields that newer gateways add are signed and passed over.
        let newer = who.notice_with("remark", "\"x=y\"", "x=y");
        assert_eq!(who.told(&who.body(&newer)), Ok(paid(who, 990, "CNY")));
        let fields = who.notice();
        let spaced = who.body(&fields).replace(",\"", " ,\n \"");
        assert_eq!(who.told(&spaced), Ok(paid(who, 990, "CNY")));
        let reversed: Vec<_> = fields.iter().rev().cloned().collect();
        assert_eq!(who.told(&who.body(&reversed)), Ok(paid(who, 990, "CNY")));
    }
}

/// The signature covers a number as the gateway prints it, not as it stands in the message.
#[test]
fn a_number_is_verified_as_its_gateway_prints_it() {
    for (raw, plain, general, minor) in [
        ("100", "100", "100", 10_000),
        ("100.00", "100", "100", 10_000),
        ("100.50", "100.5", "100.5", 10_050),
        ("1e2", "100", "100", 10_000),
        ("0.10", "0.1", "0.1", 10),
        ("1000000", "1000000", "1e+06", 100_000_000),
        ("1234567.8", "1234567.8", "1.2345678e+06", 123_456_780),
        ("0", "0", "0", 0),
    ] {
        for who in ALL {
            let signed = match who {
                Who::Bepusdt => general,
                Who::Tokenpay => raw,
                _ => plain,
            };
            let body = who.body(&who.notice_with("amount", raw, signed));
            assert_eq!(who.told(&body), Ok(paid(who, minor, "CNY")), "{who:?} {raw}");
            for other in [plain, general, raw] {
                let body = who.body(&who.notice_with("amount", raw, other));
                assert_eq!(who.told(&body).is_ok(), other == signed, "{who:?} {raw} signed as {other}");
            }
        }
    }
}

#[test]
fn money_is_exact_or_unusable() {
    for who in ALL {
        for text in ["9.901", "-9.9", "1e13", "0.001"] {
            let fields = who.notice_with("amount", &format!("\"{text}\""), text);
            assert_eq!(who.told(&who.body(&fields)), Err(Reject::Unusable("amount")), "{who:?} {text}");
        }
        for text in ["nine", "+9.9", "9,9", "9.", ".9", " 9.9", "NaN", "0x9"] {
            let fields = who.notice_with("amount", &format!("\"{text}\""), text);
            assert_eq!(who.told(&who.body(&fields)), Err(Reject::Unusable("amount")), "{who:?} {text}");
        }
        // As a text the amount is signed as it stands.
        for text in ["9.9", "9.90", "9.9000", "99e-1"] {
            let fields = who.notice_with("amount", &format!("\"{text}\""), text);
            assert_eq!(who.told(&who.body(&fields)), Ok(paid(who, 990, "CNY")), "{who:?} {text}");
        }
        for (field, told) in [("order_id", "order number"), ("trade_id", "trade number")] {
            let long = "9".repeat(129);
            let fields = who.notice_with(field, &format!("\"{long}\""), &long);
            assert_eq!(who.told(&who.body(&fields)), Err(Reject::Unusable(told)), "{who:?}");
            let fields = who.notice_with(field, &format!("\"{}\"", &long[..128]), &long[..128]);
            assert!(matches!(who.told(&who.body(&fields)), Ok(Notice::Paid(_))), "{who:?}");
        }
        assert_eq!(Reject::Unusable("amount").outcome(), Outcome::TryAgain);
    }
}

#[test]
fn a_currency_that_is_named_is_believed() {
    for who in ALL {
        let fields = who.notice_with("currency", "\"usd\"", "usd");
        let expected = paid(who, 990, "USD");
        assert_eq!(who.told(&who.body(&fields)), Ok(expected), "{who:?}");
        let fields = who.notice_with("currency", "\"coins\"", "coins");
        assert_eq!(who.told(&who.body(&fields)), Err(Reject::Unusable("currency")), "{who:?}");
        let none = who.notice_with("currency", "\"\"", "");
        assert_eq!(who.told(&who.body(&none)), Ok(paid(who, 990, "CNY")));
    }
    // Nine point nine yen are none.
    let fields = Who::Gmpay2.notice_with("currency", "\"JPY\"", "JPY");
    assert_eq!(Who::Gmpay2.told(&Who::Gmpay2.body(&fields)), Err(Reject::Unusable("amount")));
    let yen = Who::Gmpay2.paid_in("JPY");
    let body = Who::Gmpay2.body(&Who::Gmpay2.notice_with("amount", "990", "990"));
    assert_eq!(told_by(&yen, body.as_bytes()), Ok(paid(Who::Gmpay2, 990, "JPY")));
}

/// BEpusdt signs "still waiting" every minute and "expired" at the end exactly as it signs a payment.
#[test]
fn only_one_status_means_paid() {
    for who in ALL {
        let paid = if who == Who::Tokenpay { "1" } else { "2" };
        for status in ["0", "1", "2", "3", "4", "5", "6", "12", "-2"] {
            let found = who.told(&who.body(&who.notice_with("status", status, status)));
            assert_eq!(matches!(found, Ok(Notice::Paid(_))), status == paid, "{who:?} {status}: {found:?}");
            assert_eq!(found == Ok(Notice::NotPaid), status != paid, "{who:?} {status}: {found:?}");
        }
        // What is not paid needs no readable money.
        let mut unpaid = who.notice_with("status", "3", "3");
        unpaid.retain(|(name, ..)| name != who.name("amount"));
        unpaid.push((who.name("amount").to_owned(), "\"-\"".to_owned(), "-".to_owned()));
        assert_eq!(who.told(&who.body(&unpaid)), Ok(Notice::NotPaid));
        let ack = who.channel().ack(Outcome::Accepted);
        assert_eq!((ack.status, ack.content_type, ack.body), (200, "text/plain", "ok"));
        let ack = who.channel().ack(Outcome::Rejected);
        assert_eq!((ack.status, ack.content_type, ack.body), (400, "text/plain", "fail"));
        let ack = who.channel().ack(Outcome::TryAgain);
        assert_eq!((ack.status, ack.content_type, ack.body), (503, "text/plain", "fail"));
    }
}

#[test]
fn each_refused_request_is_refused_by_its_check() {
    for who in ALL {
        let genuine = who.body(&who.notice());
        let ask = |method: &str, body: &[u8]| {
            who.channel().verify(&RawRequest { method, query: "", headers: &[], body }, CALL.now)
        };
        assert!(ask("POST", genuine.as_bytes()).is_ok());
        for method in ["GET", "PUT", "post"] {
            assert_eq!(ask(method, genuine.as_bytes()), Err(Reject::Malformed("not a POST")), "{who:?}");
        }
        let max = domain::limits::BODY_MAX;
        let padded = |length: usize| format!("{genuine}{}", " ".repeat(length - genuine.len()));
        assert!(ask("POST", padded(max).as_bytes()).is_ok());
        assert_eq!(ask("POST", padded(max + 1).as_bytes()), Err(Reject::Malformed("too long")));
        let not_one = Err(Reject::Ambiguous("not a JSON object, or a name sent twice"));
        for body in ["", "[]", "null", "{", "x=1", "{}{}"] {
            assert_eq!(who.told(body), not_one, "{who:?} {body}");
        }
        // Signed as a reader that takes the last one would, or the first.
        let amount = who.name("amount");
        for changed in [
            format!("{{\"{amount}\":990,"),
            format!("{{\"\\u{:04x}{}\":990,", u32::from(amount.as_bytes()[0]), &amount[1..]),
        ] {
            assert_eq!(who.told(&genuine.replacen('{', &changed, 1)), not_one, "{who:?} {changed}");
        }
        let odd = Err(Reject::Ambiguous("a value that is signed nobody knows how"));
        for (raw, signed) in
            [("true", "true"), ("false", "False"), ("[1]", "[1]"), ("{\"a\":1}", "x"), ("[]", ""), ("1e99", "1e+99")]
        {
            let fields = who.notice_with("odd", raw, signed);
            assert_eq!(who.told(&who.body(&fields)), odd, "{who:?} {raw}");
        }
        // Signed as one text, read as two fields.
        for (name, raw, signed, told) in [
            ("odd", "\"x&status=2\"", "x&status=2", "a value holds an ampersand"),
            ("odd", "\"x\\u0000\"", "x\u{0}", "a value holds a control character"),
            ("a&b", "\"x\"", "x", "a name holds an ampersand"),
            ("a=b", "\"x\"", "x", "a name holds an equals sign"),
        ] {
            let fields = who.notice_with(name, raw, signed);
            assert_eq!(who.told(&who.body(&fields)), Err(Reject::Ambiguous(told)), "{who:?} {name}");
        }
        for field in ["trade_id", "order_id", "amount", "status"] {
            assert_eq!(who.told(&who.body(&who.notice_without(field))), Err(Reject::NotANotice), "{who:?} {field}");
            let empty = who.notice_with(field, "\"\"", "");
            assert_eq!(who.told(&who.body(&empty)), Err(Reject::NotANotice), "{who:?} {field}");
            let null = who.notice_with(field, "null", "");
            assert_eq!(who.told(&who.body(&null)), Err(Reject::NotANotice), "{who:?} {field}");
        }
        let fields = who.notice();
        let sign = who.sign(&fields.iter().map(|(name, _, text)| (name.clone(), text.clone())).collect::<Vec<_>>());
        for bad in ["", "0", &sign[1..], &format!("{sign}0"), &sign.to_uppercase(), &"0".repeat(sign.len())] {
            assert_eq!(who.told(&who.body_signed(&fields, bad)), Err(Reject::BadSignature), "{who:?} {bad}");
        }
        let unsigned = genuine.replace(&format!(",\"{}\":\"{sign}\"", who.signature()), "");
        assert_eq!(who.told(&unsigned), Err(Reject::BadSignature));
    }
}

/// The two generations of GMPay share everything but this.
#[test]
fn md5_is_not_taken_for_hmac_and_back() {
    for (signer, reader) in [(Who::Gmpay1, Who::Gmpay2), (Who::Gmpay2, Who::Gmpay1)] {
        let body = signer.body(&signer.notice());
        assert!(signer.told(&body).is_ok());
        assert_eq!(reader.told(&body), Err(Reject::BadSignature));
    }
}

#[test]
fn another_merchant_of_the_same_gateway_is_refused() {
    for who in [Who::Gmpay1, Who::Gmpay2] {
        for (raw, signed) in [("\"1001\"", "1001"), ("1001", "1001"), ("\"01000\"", "01000")] {
            let fields = who.notice_with("pid", raw, signed);
            assert_eq!(who.told(&who.body(&fields)), Err(Reject::OtherMerchant), "{who:?} {raw}");
        }
        // Older versions name no merchant, and some name it as a number.
        assert!(who.told(&who.body(&who.notice_without("pid"))).is_ok());
        assert!(who.told(&who.body(&who.notice_with("pid", "1000", "1000"))).is_ok());
    }
    let fields = Who::Legacy.notice_with("pid", "\"7\"", "7");
    assert!(Who::Legacy.told(&Who::Legacy.body(&fields)).is_ok());
}

/// Our own order is signed with the same key, and is no payment when it comes back.
#[test]
fn our_own_request_is_no_notification() {
    for who in ALL {
        let sent = drive(who.channel().create(&attempt(&number()), &CALL), |_| None).0;
        assert_eq!(told_by(&who.channel(), &sent[0].body), Err(Reject::NotANotice), "{who:?}");
    }
}
