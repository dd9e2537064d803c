//! 易支付 v2: which requests are notifications. Every check has at least one request that only this check refuses.

use crate::epay_v2_support::*;
use crate::support::{CALL, NUMBER, own};
use payments::{AttemptView, Created, Notice, Outcome, Paid, Reject};

/// Every check of `verify`, by the name the cases use.
const CHECKS: [&str; 20] = [
    "method",
    "query and body",
    "content type",
    "length",
    "escape",
    "utf-8",
    "name missing",
    "duplicate",
    "sign_type",
    "ambiguous name",
    "ambiguous value",
    "control character",
    "signature",
    "merchant",
    "complete: trade_no",
    "complete: out_trade_no",
    "complete: money",
    "complete: trade_status",
    "money",
    "trade number",
];

struct Refused {
    check: &'static str,
    what: &'static str,
    method: &'static str,
    query: String,
    content_type: Option<&'static str>,
    body: Vec<u8>,
    reject: Reject,
}

fn refused(check: &'static str, what: &'static str, query: String, reject: Reject) -> Refused {
    Refused { check, what, method: "GET", query, content_type: None, body: Vec::new(), reject }
}

/// The notice, signed as if it also had these pairs, with raw text appended to its query.
fn read_as(signed_too: &[(&str, &str)], appended: &str) -> String {
    let mut fields = notice();
    let plain = query_of(&fields);
    fields.extend(own(signed_too.iter().copied()));
    let sign = sign("platform", &signed_text(borrowed(&fields)));
    format!("{plain}{appended}&{}", query_of(&own([("sign", sign.as_str()), ("sign_type", "RSA")])))
}

fn paid(minor: i64) -> Notice {
    Notice::Paid(Paid {
        out_trade_no: NUMBER.to_owned(),
        provider_number: TRADE.to_owned(),
        amount: yuan(minor),
        method: Some("alipay".to_owned()),
    })
}

fn transport() -> Vec<Refused> {
    let genuine = query(&notice());
    let body = genuine.clone().into_bytes();
    let both = Reject::Ambiguous("both a query and a body");
    let not_form = Reject::Malformed("the body is not a form");
    let method = Reject::Malformed("neither GET nor POST");
    let long = query(&notice_with(&[("param", "x".repeat(65_536).as_str())]));
    vec![
        Refused { method: "PUT", ..refused("method", "a PUT", genuine.clone(), method) },
        Refused { body: b"x".to_vec(), ..refused("query and body", "a GET with a body", genuine.clone(), both) },
        Refused {
            method: "POST",
            content_type: Some("text/plain"),
            body,
            ..refused("content type", "a POST of text", String::new(), not_form)
        },
        refused("length", "a parameter of 64 KiB", long, Reject::Malformed("too long")),
    ]
}

fn form_faults() -> Vec<Refused> {
    let escape = Reject::Malformed("a percent sign without two hexadecimal digits");
    let utf8 = Reject::Malformed("not UTF-8 after decoding");
    let twice = Reject::Ambiguous("a name sent twice");
    let no_name = Reject::Malformed("a value without a name");
    let kind = Reject::Malformed("sign_type is not RSA");
    let genuine = query(&notice());
    let ambiguous = |name: &str, value: &str, check, why| {
        refused(check, "signed", query(&notice_with(&[(name, value)])), Reject::Ambiguous(why))
    };
    vec![
        refused("escape", "read as it stands", read_as(&[("param", "%zz")], "&param=%zz"), escape),
        refused("utf-8", "read with a replacement", read_as(&[("param", "\u{FFFD}")], "&param=%FF"), utf8),
        refused("name missing", "signed", read_as(&[("", "x")], "&=x"), no_name),
        refused("duplicate", "another money, the first counts", read_as(&[], "&money=0.01"), twice),
        refused("duplicate", "hidden in an escape", read_as(&[], "&mone%79=0.01"), twice),
        refused("duplicate", "two signatures", format!("{genuine}&sign=x"), twice),
        refused("sign_type", "MD5", genuine.replace("sign_type=RSA", "sign_type=MD5"), kind),
        refused("sign_type", "small letters", genuine.replace("sign_type=RSA", "sign_type=rsa"), kind),
        refused("sign_type", "none", genuine.replace("&sign_type=RSA", ""), kind),
        ambiguous("name", "x&pid=1001", "ambiguous value", "a value holds an ampersand"),
        ambiguous("a&b", "1", "ambiguous name", "a name holds an ampersand"),
        ambiguous("a=b", "1", "ambiguous name", "a name holds an equals sign"),
        ambiguous("param", "a\nb", "control character", "a value holds a control character"),
        ambiguous("a\u{0}", "1", "control character", "a name holds a control character"),
    ]
}

fn signatures() -> Vec<Refused> {
    let case = |what, query: String| refused("signature", what, query, Reject::BadSignature);
    let of = |whose, fields: &Fields| query_of(&signed_by(whose, fields));
    let plain = query_of(&notice());
    let md5 = crate::support::FAMILY.md5(borrowed(&notice()), "");
    let number = number();
    let form = drive(channel().create(&attempt(&number), &CALL), |_| None).1.unwrap().shown;
    let Created::Form { fields: own_form, .. } = form else { panic!("no form") };
    vec![
        case("of another gateway", of("other", &notice())),
        case("of ourselves", of("merchant", &notice())),
        case("our own pay form", query_of(&own_form)),
        case("none", format!("{plain}&sign_type=RSA")),
        case("empty", format!("{plain}&sign=&sign_type=RSA")),
        case("a digest", format!("{plain}&sign={md5}&sign_type=RSA")),
        case("an added field", format!("{}&more=1", query(&notice()))),
        case("an empty field filled", query(&notice_with(&[("param", "")])).replace("param=", "param=1")),
        case("zero taken for blank", format!("{}&more=0", query(&notice()))),
        case("a space of other alphabets taken for blank", format!("{}&more=%E3%80%80", query(&notice()))),
        case("one fen more", query(&notice()).replace("money=9.90", "money=9.91")),
        case("the same amount in other digits", query(&notice()).replace("money=9.90", "money=9.9")),
        case("a fresh time", query(&notice()).replace(&NOW.to_string(), &(NOW + 1).to_string())),
        case("made paid", {
            query(&notice_with(&[("trade_status", "TRADE_CLOSED")])).replace("TRADE_CLOSED", "TRADE_SUCCESS")
        }),
    ]
}

fn meaning() -> Vec<Refused> {
    let other =
        |what, changes: &[(&str, &str)]| refused("merchant", what, query(&notice_with(changes)), Reject::OtherMerchant);
    let mut all = vec![
        other("another one", &[("pid", "1001")]),
        other("blank", &[("pid", " ")]),
        other("a zero before it", &[("pid", "01000")]),
        other("a space after it", &[("pid", "1000 ")]),
        refused("merchant", "none", query(&without(&notice(), "pid")), Reject::OtherMerchant),
        refused(
            "trade number",
            "129 bytes",
            query(&notice_with(&[("trade_no", "9".repeat(129).as_str())])),
            Reject::Unusable("trade_no"),
        ),
    ];
    for (name, check) in [
        ("trade_no", "complete: trade_no"),
        ("out_trade_no", "complete: out_trade_no"),
        ("money", "complete: money"),
        ("trade_status", "complete: trade_status"),
    ] {
        all.push(refused(check, "left out", query(&without(&notice(), name)), Reject::NotANotice));
        all.push(refused(check, "empty", query(&notice_with(&[(name, "")])), Reject::NotANotice));
        // A blank value is not signed, so anybody could have added it.
        all.push(refused(check, "blank", query(&notice_with(&[(name, " ")])), Reject::NotANotice));
    }
    for text in ["9.900", "9.901", "+9.9", "-9.9", "9,9", "9.", ".9", "9.9e0", "NaN", "９.９", "9 "] {
        all.push(refused("money", "signed", query(&notice_with(&[("money", text)])), Reject::Unusable("money")));
    }
    all
}

#[test]
fn a_genuine_notification_is_accepted() {
    let genuine = query(&notice());
    assert_eq!(get(&genuine), Ok(paid(990)));
    for kind in [FORM, "application/x-www-form-urlencoded; charset=UTF-8"] {
        assert_eq!(verify("POST", "", Some(kind), genuine.as_bytes()), Ok(paid(990)), "{kind}");
    }
    for same in [
        genuine.replace("%20", "+"),
        format!("{genuine}&empty="),
        format!("{genuine}&blank=+%09").replace("%09", "+"),
        genuine.split('&').rev().collect::<Vec<_>>().join("&"),
    ] {
        assert_ne!(same, genuine);
        assert_eq!(get(&same), Ok(paid(990)), "{same}");
    }
    assert_eq!(get(&query(&notice_with(&[("buyer", "someone"), ("of_a_fork", "a=b")]))), Ok(paid(990)));
    let Ok(Notice::Paid(paid)) = get(&query(&without(&notice(), "type"))) else { panic!("not paid") };
    assert_eq!(paid.method, None);
    // A way to pay that nobody signed is none either.
    let Ok(Notice::Paid(paid)) = get(&format!("{}&type=+", query(&without(&notice(), "type")))) else { panic!("no") };
    assert_eq!(paid.method, None);
}

#[test]
fn each_refused_request_is_refused_by_its_check() {
    let all: Vec<Refused> = [transport(), form_faults(), signatures(), meaning()].into_iter().flatten().collect();
    for case in &all {
        let found = verify(case.method, &case.query, case.content_type, &case.body);
        assert_eq!(found, Err(case.reject), "{}: {} ({})", case.check, case.what, case.query);
        assert!(CHECKS.contains(&case.check), "{} is not in the list of checks", case.check);
    }
    for check in CHECKS {
        assert!(all.iter().any(|case| case.check == check), "no request is refused by {check}");
    }
}

/// What a question was answered with is signed by the same key for the same merchant, and is no notification.
#[test]
fn a_reply_is_no_notification() {
    let fields = own([
        ("code", "0"),
        ("trade_no", TRADE),
        ("out_trade_no", NUMBER),
        ("pid", crate::support::PID),
        ("money", "9.90"),
        ("status", "1"),
        ("timestamp", NOW.to_string().as_str()),
    ]);
    assert_eq!(get(&query(&fields)), Err(Reject::NotANotice));
}

/// Another merchant of the same gateway has his own notifications signed with the key that signs ours. Whatever he calls his goods, he
/// cannot make one of them read as ours.
#[test]
fn another_merchants_notification_cannot_be_cut_into_ours() {
    let evil = "x&out_trade_no=0123456789ABCDEFGHJKMNPQAZ1&pid=1000";
    let theirs = notice_with(&[("pid", "1001"), ("out_trade_no", "THEIRS"), ("name", evil)]);
    let text = signed_text(borrowed(&theirs));
    let mut recut = without(&without(&theirs, "name"), "out_trade_no");
    recut = without(&recut, "pid");
    // What was a number and a merchant of his is pushed into the value before.
    recut.extend(own([("name", "x"), ("out_trade_no", NUMBER), ("pid", "1000&out_trade_no=THEIRS&pid=1001")]));
    assert_eq!(signed_text(borrowed(&recut)), text, "the same bytes are signed");
    let ambiguous = Err(Reject::Ambiguous("a value holds an ampersand"));
    assert_eq!(get(&query(&recut)), ambiguous);
    assert_eq!(get(&query(&theirs)), ambiguous);
}

#[test]
fn only_one_status_means_paid() {
    for status in ["TRADE_FINISHED", "trade_success", "TRADE_SUCCESS ", "TRADE_CLOSED", "1", "0"] {
        let fields = notice_with(&[("trade_status", status)]);
        assert_eq!(get(&query(&fields)), Ok(Notice::NotPaid), "{status}");
        // What is not paid needs neither a time nor money that can be read.
        let fields = notice_with(&[("trade_status", status), ("timestamp", "0"), ("money", "-")]);
        assert_eq!(get(&query(&fields)), Ok(Notice::NotPaid), "{status}");
    }
}

/// A well-signed notification of another time is neither believed nor thrown away.
#[test]
fn another_time_gives_cause_to_ask() {
    for second in [NOW, NOW - 300, NOW + 300] {
        assert_eq!(get(&query(&notice_with(&[("timestamp", &second.to_string())]))), Ok(paid(990)), "{second}");
    }
    let ask = Ok(Notice::Ask(NUMBER.to_owned()));
    for second in [NOW - 301, NOW + 301, NOW - 86_400, 1_000_000_000] {
        assert_eq!(get(&query(&notice_with(&[("timestamp", &second.to_string())]))), ask, "{second}");
    }
    for text in
        ["", " ", "now", "-1", "179530560", "01795305600", "+179530560", "1.79530560", "17953056００", "1795305600000"]
    {
        assert_eq!(get(&query(&notice_with(&[("timestamp", text)]))), ask, "{text:?}");
    }
    assert_eq!(get(&query(&without(&notice(), "timestamp"))), ask);
    // And nobody who cannot sign makes us ask.
    let old = notice_with(&[("timestamp", "1000000000")]);
    assert_eq!(get(&query_of(&signed_by("other", &old))), Err(Reject::BadSignature));
    assert_eq!(get(&query(&notice_with(&[("timestamp", "1000000000"), ("pid", "1")]))), Err(Reject::OtherMerchant));
}

#[test]
fn money_is_exact() {
    for (text, minor) in [("1", 100), ("1.0", 100), ("1.00", 100), ("0.01", 1), ("0", 0), ("9.9", 990)] {
        assert_eq!(get(&query(&notice_with(&[("money", text)]))), Ok(paid(minor)), "{text}");
    }
}

#[test]
fn what_the_gateway_hears() {
    let hears = |outcome| {
        let ack = channel().ack(outcome);
        (ack.status, ack.content_type, ack.body)
    };
    assert_eq!(hears(Outcome::Accepted), (200, "text/plain", "success"));
    assert_eq!(hears(Outcome::Rejected), (400, "text/plain", "fail"));
    assert_eq!(hears(Outcome::TryAgain), (503, "text/plain", "fail"));
}

/// Each key verifies only what it signed: an account whose gateway's key was changed is another account.
#[test]
fn a_changed_key_verifies_nothing_of_the_old_one() {
    let other = channel_with(&[("platform_key", key("other", "public"))]);
    let query = query(&notice());
    let request = payments::RawRequest { method: "GET", query: &query, headers: &[], body: b"" };
    assert_eq!(other.verify(&request, CALL.now), Err(Reject::BadSignature));
}

/// Our own signature is good for the gateway and for nothing else, whatever we are made to sign.
#[test]
fn an_address_cannot_turn_our_signature_into_anything() {
    let number = number();
    let evil = "https://shop.example/o/1&trade_no=1&trade_status=TRADE_SUCCESS";
    let signs = channel().create(&AttemptView { return_url: evil, ..attempt(&number) }, &CALL);
    assert_eq!(drive(signs, |_| None).1, Err(payments::CreateError::Address("return_url")));
}
