//! Alipay: which requests are notifications. Every check has at least one request that only this check refuses.

use crate::alipay_support::*;
use crate::support::{CALL, Fields, NUMBER, borrowed, own, without, yuan};
use domain::{Currency, Money};
use payments::rsa::SigningKey;
use payments::{Channel, Notice, Paid, RawRequest, Reject, form};
use serde_json::Value;

/// Every check of `verify`, by the name the cases use.
const CHECKS: [&str; 19] = [
    "method",
    "query and body",
    "content type",
    "length",
    "escape",
    "duplicate",
    "sign_type",
    "ambiguity",
    "signature",
    "application",
    "seller",
    "complete: notify_type",
    "complete: trade_status",
    "complete: out_trade_no",
    "complete: trade_no",
    "complete: total_amount",
    "money",
    "currency",
    "trade number",
];

/// A request that this check refuses, and that would be accepted without it.
struct Refused {
    check: &'static str,
    what: &'static str,
    method: &'static str,
    query: &'static str,
    content_type: Option<&'static str>,
    body: Vec<u8>,
    reject: Reject,
}

fn refused(check: &'static str, what: &'static str, body: Vec<u8>, reject: Reject) -> Refused {
    Refused { check, what, method: "POST", query: "", content_type: Some(FORM), body, reject }
}

fn verify(case: &Refused) -> Result<Notice, Reject> {
    let kinds: Vec<_> =
        case.content_type.map(|kind| ("content-TYPE".to_owned(), kind.to_owned())).into_iter().collect();
    KEYS.verify(&RawRequest { method: case.method, query: case.query, headers: &kinds, body: &case.body }, CALL.now)
}

fn paid(minor: i64) -> Notice {
    Notice::Paid(Paid {
        out_trade_no: NUMBER.to_owned(),
        provider_number: TRADE.to_owned(),
        amount: yuan(minor),
        method: None,
    })
}

fn genuine() -> Vec<u8> {
    body_of(&signed(&notice()))
}

fn changed(name: &str, value: &str) -> Vec<u8> {
    body_of(&signed(&notice_with([(name, value)])))
}

fn missing(name: &str) -> Vec<u8> {
    body_of(&signed(&without(&notice(), name)))
}

/// The notice signed as if it also had these pairs, with raw text appended to its body.
fn read_as<'a>(signed_too: impl IntoIterator<Item = (&'a str, &'a str)>, appended: &str) -> Vec<u8> {
    let mut fields = notice();
    let plain = form::write(borrowed(&fields));
    fields.extend(own(signed_too));
    let all = signed(&fields);
    let tail = form::write([("sign", value(&all, "sign")), ("sign_type", "RSA2")]);
    format!("{plain}{appended}&{tail}").into_bytes()
}

fn transport() -> Vec<Refused> {
    let not_form = Reject::Malformed("the body is not a form");
    let kind = |what, content_type| Refused { content_type, ..refused("content type", what, genuine(), not_form) };
    let method =
        |what, method| Refused { method, ..refused("method", what, genuine(), Reject::Malformed("not a POST")) };
    vec![
        method("a GET", "GET"),
        method("small letters", "post"),
        method("a PUT", "PUT"),
        Refused {
            query: "a=1",
            ..refused("query and body", "both", genuine(), Reject::Ambiguous("both a query and a body"))
        },
        kind("none", None),
        kind("text", Some("text/plain")),
        kind("in parts", Some("multipart/form-data; boundary=x")),
        refused(
            "length",
            "64 KiB and more",
            changed("passback_params", &"x".repeat(65_536)),
            Reject::Malformed("too long"),
        ),
    ]
}

fn readings() -> Vec<Refused> {
    let escape = Reject::Malformed("a percent sign without two hexadecimal digits");
    let twice = Reject::Ambiguous("a name sent twice");
    let kind = Reject::Malformed("sign_type is not RSA2");
    let body = String::from_utf8(genuine()).unwrap();
    let with = |more: &str| format!("{body}{more}").into_bytes();
    let without_kind = |kind: &str| body.replace("&sign_type=RSA2", kind).into_bytes();
    vec![
        refused("escape", "read as it stands", read_as([("body", "%zz")], "&body=%zz"), escape),
        refused("escape", "passed over", read_as([("body", "zz")], "&body=%zz"), escape),
        refused("duplicate", "the same twice", read_as([], "&total_amount=9.90"), twice),
        refused("duplicate", "another amount", read_as([], "&total_amount=0.01"), twice),
        refused("duplicate", "hidden in an escape", read_as([], "&total%5famount=0.01"), twice),
        refused("duplicate", "the second one empty", read_as([], "&total_amount="), twice),
        refused("duplicate", "another signature", with("&sign=x"), twice),
        refused("sign_type", "the older kind", without_kind("&sign_type=RSA"), kind),
        refused("sign_type", "small letters", without_kind("&sign_type=rsa2"), kind),
        refused("sign_type", "none", without_kind(""), kind),
        refused("ambiguity", "an ampersand", changed("body", "a&b=c"), Reject::Ambiguous("a value holds an ampersand")),
        refused(
            "ambiguity",
            "an equals sign in a name",
            changed("a=b", "c"),
            Reject::Ambiguous("a name holds an equals sign"),
        ),
        refused(
            "ambiguity",
            "a line break",
            changed("body", "a\nb"),
            Reject::Ambiguous("a value holds a control character"),
        ),
    ]
}

fn signatures() -> Vec<Refused> {
    let by = |key: &SigningKey| body_of(&signed_by(key, &notice()));
    let unsigned = |sign: &[(&str, &str)]| {
        let mut fields = notice();
        fields.extend(own(sign.iter().copied()));
        fields.extend(own([("sign_type", "RSA2")]));
        body_of(&fields)
    };
    // The reading of messages that are not about trades: their signature covers its own kind.
    let mut kept = notice();
    kept.extend(own([("sign_type", "RSA2")]));
    let sign = PLATFORM.sign(text(&kept, &["sign"]).as_bytes()).unwrap();
    kept.extend(own([("sign", sign.as_str())]));
    let spaced = format!("{} ", value(&signed(&notice()), "sign"));
    [
        ("a stranger's", by(&STRANGER)),
        ("our own", by(&APP)),
        ("none", unsigned(&[])),
        ("empty", unsigned(&[("sign", "")])),
        ("no base64", unsigned(&[("sign", "!")])),
        ("with a space", unsigned(&[("sign", spaced.as_str())])),
        ("over its own kind too", body_of(&kept)),
    ]
    .into_iter()
    .map(|(what, body)| refused("signature", what, body, Reject::BadSignature))
    .collect()
}

fn contents() -> Vec<Refused> {
    let other = Reject::OtherMerchant;
    let incomplete = |check, name| {
        [("missing", missing(name)), ("empty", changed(name, ""))]
            .map(|(what, body)| refused(check, what, body, Reject::NotANotice))
    };
    let mut all = vec![
        refused("application", "another", changed("app_id", "2021000122600002"), other),
        refused("application", "none", missing("app_id"), other),
        refused("application", "with a space", changed("app_id", "2021000122600001 "), other),
        refused("seller", "another", changed("seller_id", "2088721003890001"), other),
        refused("seller", "none", missing("seller_id"), other),
    ];
    all.extend(incomplete("complete: notify_type", "notify_type"));
    all.extend(incomplete("complete: trade_status", "trade_status"));
    all.extend(incomplete("complete: out_trade_no", "out_trade_no"));
    all.extend(incomplete("complete: trade_no", "trade_no"));
    all.extend(incomplete("complete: total_amount", "total_amount"));
    for bad in ["9.900", "-9.90", "+9.90", "9,90", "1e1", "9.", ".9", " 9.90", "NaN", "９.９0", "100000000000.01"] {
        all.push(refused("money", bad, changed("total_amount", bad), Reject::Unusable("total_amount")));
    }
    for bad in ["ZZZ", "cny", "RMB", "CNYY"] {
        all.push(refused("currency", bad, changed("trans_currency", bad), Reject::Unusable("total_amount")));
    }
    all.push(refused("trade number", "too long", changed("trade_no", &"9".repeat(129)), Reject::Unusable("trade_no")));
    all
}

fn all() -> Vec<Refused> {
    [transport(), readings(), signatures(), contents()].into_iter().flatten().collect()
}

#[test]
fn a_genuine_notice_is_accepted() {
    assert_eq!(post(&genuine()), Ok(paid(990)));
    assert_eq!(post_to(&CERTS, &genuine()), Ok(paid(990)));
    // The older of two statuses, other ways to write the amount, and a longest number.
    assert_eq!(post(&changed("trade_status", "TRADE_FINISHED")), Ok(paid(990)));
    for (text, minor) in [("9.9", 990), ("9", 900), ("0.01", 1), ("9.91", 991), ("0.00", 0)] {
        assert_eq!(post(&changed("total_amount", text)), Ok(paid(minor)), "{text}");
    }
    let long = "9".repeat(128);
    let Ok(Notice::Paid(told)) = post(&changed("trade_no", &long)) else { panic!("refused") };
    assert_eq!(told.provider_number, long);
    // The body may be just as long as bodies may be.
    let bare = body_of(&signed(&notice_with([("passback_params", "")]))).len();
    let full = changed("passback_params", &"x".repeat(65_536 - bare - 8));
    assert!((65_400..=65_536).contains(&full.len()), "{}", full.len());
    assert_eq!(post(&full), Ok(paid(990)));
    // A plus sign in a value is escaped by Alipay and is no space.
    assert_eq!(post(&changed("subject", "a+b c")), Ok(paid(990)));
}

#[test]
fn a_body_of_the_longest_length_is_read_and_one_byte_more_is_not() {
    // Empty pieces carry nothing, so the length alone differs.
    let body = genuine();
    for (length, is_read) in [(65_536, true), (65_537, false)] {
        let mut padded = body.clone();
        padded.resize(length, b'&');
        assert_eq!(post(&padded).is_ok(), is_read, "{length}");
    }
}

#[test]
fn the_type_of_the_body_may_be_written_in_many_ways() {
    for kind in ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded ; charset=UTF-8", FORM] {
        let headers = own([("content-type", kind)]);
        let body = genuine();
        let request = RawRequest { method: "POST", query: "", headers: &headers, body: &body };
        assert_eq!(KEYS.verify(&request, CALL.now), Ok(paid(990)), "{kind}");
    }
}

#[test]
fn every_check_refuses_what_nothing_else_would() {
    let cases = all();
    for case in &cases {
        assert_eq!(verify(case), Err(case.reject), "{}: {}", case.check, case.what);
    }
    for check in CHECKS {
        assert!(cases.iter().any(|case| case.check == check), "{check} has no case");
    }
    assert!(cases.iter().all(|case| CHECKS.contains(&case.check)));
    println!("alipay notices: {} refused requests for {} checks", cases.len(), CHECKS.len());
    assert!(cases.len() >= 55, "{}", cases.len());
}

/// Without the setting nobody is asked who the seller is; the application still is.
#[test]
fn the_seller_is_checked_where_one_is_set() {
    let open_seller = open(&with(key_settings(), [("seller_id", "")]));
    assert_eq!(post_to(&open_seller, &changed("seller_id", "2088721003890001")), Ok(paid(990)));
    assert_eq!(post_to(&open_seller, &missing("seller_id")), Ok(paid(990)));
    assert_eq!(post_to(&open_seller, &changed("app_id", "1")), Err(Reject::OtherMerchant));
}

#[test]
fn what_is_not_a_payment_is_acknowledged_and_changes_nothing() {
    for status in ["WAIT_BUYER_PAY", "TRADE_CLOSED", "TRADE_PENDING", "trade_success", "TRADE_SUCCESS "] {
        assert_eq!(post(&changed("trade_status", status)), Ok(Notice::NotPaid), "{status}");
    }
    for kind in ["servicemarket_order_notify", "trade_status", "batch_refund_notify"] {
        assert_eq!(post(&changed("notify_type", kind)), Ok(Notice::NotPaid), "{kind}");
    }
    // After a part went back Alipay says "paid" once more, about what was paid before.
    for changes in [
        vec![("refund_fee", "1.00"), ("gmt_refund", "2026-11-23 10:00:00.123"), ("out_biz_no", REFUND)],
        vec![("refund_fee", "0.01")],
        vec![("refund_fee", "-1")],
        vec![("gmt_refund", "2026-11-23 10:00:00.123")],
    ] {
        assert_eq!(post(&body_of(&signed(&notice_with(changes.clone())))), Ok(Notice::NotPaid), "{changes:?}");
    }
    // Nothing went back.
    for changes in [[("refund_fee", "0.00"), ("gmt_refund", "")], [("refund_fee", "0"), ("out_biz_no", "1")]] {
        assert_eq!(post(&body_of(&signed(&notice_with(changes)))), Ok(paid(990)), "{changes:?}");
    }
}

/// Another currency is told as such: it is the order that refuses it, with the money booked.
#[test]
fn a_named_currency_counts() {
    let told = |currency: &str, total: &str| {
        let fields = notice_with([("trans_currency", currency), ("total_amount", total)]);
        match post(&body_of(&signed(&fields))) {
            Ok(Notice::Paid(paid)) => paid.amount,
            other => panic!("{other:?}"),
        }
    };
    let money = |minor, code: &str| Money { minor, currency: Currency::parse(code).unwrap() };
    assert_eq!(told("CNY", "9.90"), yuan(990));
    assert_eq!(told("", "9.90"), yuan(990));
    assert_eq!(told("USD", "9.90"), money(990, "USD"));
    assert_eq!(told("JPY", "990"), money(990, "JPY"));
    assert_eq!(told("KWD", "9.900"), money(9_900, "KWD"));
}

/// The address that the buyer's browser comes back with is signed by Alipay too, and carried by the buyer.
#[test]
fn what_the_browser_brings_back_is_no_notice() {
    let back = own([
        ("charset", "utf-8"),
        ("out_trade_no", NUMBER),
        ("method", "alipay.trade.page.pay.return"),
        ("total_amount", "9.90"),
        ("trade_no", TRADE),
        ("auth_app_id", APP_ID),
        ("version", "1.0"),
        ("app_id", APP_ID),
        ("seller_id", SELLER),
        ("timestamp", "2026-11-22 13:06:07"),
    ]);
    assert_eq!(post(&body_of(&signed(&back))), Err(Reject::NotANotice));
}

/// An account with the key of a published vector.
fn account_of(vector: &Value) -> Channel {
    let (inputs, fields) = (&vector["inputs"], &vector["inputs"]["form_fields"]);
    let text = |name: &str| fields[name].as_str().unwrap_or_default();
    let seller = text("seller_id");
    match inputs["alipay_public_cert_pem"].as_str() {
        Some(certificate) => open(&with(
            cert_settings(),
            [("app_id", text("app_id")), ("seller_id", seller), ("alipay_cert", certificate)],
        )),
        None => open(&with(
            key_settings(),
            [
                ("app_id", text("app_id")),
                ("seller_id", seller),
                ("alipay_public_key", inputs["alipay_public_key_pem"].as_str().unwrap()),
            ],
        )),
    }
}

fn fields_of(vector: &Value) -> Fields {
    let fields = vector["inputs"]["form_fields"].as_object().unwrap();
    own(fields.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())))
}

#[test]
fn published_notices_verify_as_published_and_in_no_other_way() {
    let (mut counted, mut mutated) = (0, 0);
    for vector in vectors("alipay_notify") {
        let channel = account_of(vector);
        let fields = fields_of(vector);
        counted += 1;
        if vector["expected"]["valid"] != true {
            // Another key's, and a message that is not about a trade, signed in the other way.
            assert_eq!(post_to(&channel, &body_of(&fields)), Err(Reject::BadSignature), "{}", vector["id"]);
            continue;
        }
        let expected = &vector["expected"];
        let paid = Notice::Paid(Paid {
            out_trade_no: expected["out_trade_no"].as_str().unwrap().to_owned(),
            provider_number: value(&fields, "trade_no").to_owned(),
            amount: yuan(1),
            method: None,
        });
        assert_eq!(text(&fields, &["sign", "sign_type"]), expected["signing_string"].as_str().unwrap());
        assert_eq!(post_to(&channel, &body_of(&fields)), Ok(paid.clone()));
        let body = vector["inputs"]["form_body_urlencoded"].as_str().unwrap();
        assert_eq!(post_to(&channel, body.as_bytes()), Ok(paid));
        mutated += mutate(&channel, &fields, body);
        // The same notice, for another application or seller.
        for (name, other) in [("app_id", "9021000122682883"), ("seller_id", "2088721003899150")] {
            let mine = with(
                cert_settings(),
                [
                    ("app_id", value(&fields, "app_id")),
                    ("seller_id", value(&fields, "seller_id")),
                    ("alipay_cert", vector["inputs"]["alipay_public_cert_pem"].as_str().unwrap()),
                ],
            );
            assert_eq!(post_to(&open(&with(mine, [(name, other)])), body.as_bytes()), Err(Reject::OtherMerchant));
            mutated += 1;
        }
        assert_eq!(post(body.as_bytes()), Err(Reject::BadSignature), "another key");
    }
    println!("alipay notices: {counted} published, {mutated} mutated");
    assert!(counted >= 3 && mutated >= 750, "{counted} {mutated}");
}

/// Every way to change the notice a little; none is accepted. How many there were.
fn mutate(channel: &Channel, fields: &Fields, body: &str) -> usize {
    let mut bodies = Vec::new();
    for (at, (name, text)) in fields.iter().enumerate() {
        let put = |value: &str| {
            let mut changed = fields.clone();
            changed[at].1 = value.to_owned();
            body_of(&changed)
        };
        for cut in 0..text.chars().count() {
            let bent: String = text.chars().enumerate().map(|(n, c)| if n == cut { flipped(c) } else { c }).collect();
            bodies.push(put(&bent));
        }
        bodies.push(put(""));
        bodies.push(put(&format!("{text}0")));
        bodies.push(body_of(&without(fields, name)));
        // Named twice, with the same value and with another one.
        let pair = form::write([(name.as_str(), text.as_str())]);
        bodies.push(format!("{body}&{pair}").into_bytes());
        bodies.push(format!("{pair}0&{body}").into_bytes());
    }
    bodies.push(format!("{body}&body=x").into_bytes());
    // Decoded twice, what was a plus sign is a space.
    bodies.push(body.replace("%2B", "+").into_bytes());
    for bent in &bodies {
        let found = post_to(channel, bent);
        assert!(found.is_err(), "{found:?}: {}", String::from_utf8_lossy(bent));
    }
    bodies.len()
}

fn flipped(c: char) -> char {
    if c == '0' { '1' } else { '0' }
}
