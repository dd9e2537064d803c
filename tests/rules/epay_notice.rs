//! 易支付: which requests are notifications. Every check has at least one request that only this check refuses.

use crate::support::*;
use payments::{AttemptView, Channel, CreateError, Notice, Outcome, Paid, RawRequest, Reject};

const FORM: &str = "application/x-www-form-urlencoded";

/// Every check of `verify`, by the name the cases use.
const CHECKS: [&str; 21] = [
    "method",
    "query and body",
    "content type",
    "length",
    "escape",
    "utf-8",
    "name missing",
    "duplicate",
    "sign_type",
    "ampersand in a name",
    "equals sign in a name",
    "control character in a name",
    "ampersand in a value",
    "control character in a value",
    "signature",
    "merchant",
    "complete: trade_no",
    "complete: out_trade_no",
    "complete: money",
    "complete: trade_status",
    "trade number length",
];

struct Refused {
    /// The check that refuses it.
    check: &'static str,
    /// Whether it would be accepted if that check were missing: it is signed as a reader without the check reads it.
    only: bool,
    what: &'static str,
    method: &'static str,
    query: String,
    content_type: Option<&'static str>,
    body: Vec<u8>,
    reject: Reject,
}

fn refused(check: &'static str, only: bool, what: &'static str, query: String, reject: Reject) -> Refused {
    Refused { check, only, what, method: "GET", query, content_type: None, body: Vec::new(), reject }
}

/// The notice, signed as if it also had these pairs, with raw text appended to its query.
fn read_as<'a>(signed_too: impl IntoIterator<Item = (&'a str, &'a str)>, appended: &str) -> String {
    let mut fields = notice();
    let plain = query_of(&fields);
    fields.extend(own(signed_too));
    let sign = FAMILY.md5(borrowed(&fields), KEY);
    format!("{plain}{appended}&sign={sign}&sign_type=MD5")
}

fn paid(money_minor: i64) -> Notice {
    Notice::Paid(Paid {
        out_trade_no: NUMBER.to_owned(),
        provider_number: "2026112205060712345".to_owned(),
        amount: yuan(money_minor),
        method: Some("alipay".to_owned()),
    })
}

fn query(fields: &Fields) -> String {
    query_of(&signed(fields))
}

fn transport() -> Vec<Refused> {
    let genuine = query(&notice());
    let body = genuine.clone().into_bytes();
    let post = |query: &str, content_type, check, what, reject| Refused {
        check,
        only: true,
        what,
        method: "POST",
        query: query.to_owned(),
        content_type,
        body: body.clone(),
        reject,
    };
    let both = Reject::Ambiguous("both a query and a body");
    let not_form = Reject::Malformed("the body is not a form");
    vec![
        Refused {
            method: "HEAD",
            ..refused("method", true, "a HEAD", genuine.clone(), Reject::Malformed("neither GET nor POST"))
        },
        Refused {
            method: "get",
            ..refused("method", true, "small letters", genuine.clone(), Reject::Malformed("neither GET nor POST"))
        },
        Refused { body: b"x".to_vec(), ..refused("query and body", true, "a GET with a body", genuine.clone(), both) },
        post("a=1", Some(FORM), "query and body", "a POST with a query", both),
        post(&genuine, Some(FORM), "query and body", "a POST that says it twice", both),
        post("", None, "content type", "a POST without a type", not_form),
        post("", Some("text/plain"), "content type", "a POST of text", not_form),
        post("", Some("multipart/form-data; boundary=x"), "content type", "a POST in parts", not_form),
        refused(
            "length",
            true,
            "a parameter of 64 KiB",
            query(&notice_with([("param", "x".repeat(65_536).as_str())])),
            Reject::Malformed("too long"),
        ),
    ]
}

fn form_faults() -> Vec<Refused> {
    let escape = Reject::Malformed("a percent sign without two hexadecimal digits");
    let utf8 = Reject::Malformed("not UTF-8 after decoding");
    let twice = Reject::Ambiguous("a name sent twice");
    let genuine = query(&notice());
    let sign = genuine.split("&sign=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    vec![
        refused("escape", true, "read as it stands", read_as([("param", "%zz")], "&param=%zz"), escape),
        refused("escape", true, "half an escape", read_as([("param", "%4")], "&param=%4"), escape),
        refused("escape", true, "passed over", read_as([("param", "zz")], "&param=%zz"), escape),
        refused("utf-8", true, "read with a replacement", read_as([("param", "\u{FFFD}")], "&param=%FF"), utf8),
        refused("utf-8", true, "passed over", read_as([("param", "a")], "&param=a%FF"), utf8),
        refused(
            "name missing",
            true,
            "signed",
            read_as([("", "x")], "&=x"),
            Reject::Malformed("a value without a name"),
        ),
        refused("name missing", true, "passed over", read_as([], "&=x"), Reject::Malformed("a value without a name")),
        refused("duplicate", true, "the same twice, first counts", read_as([], "&money=9.9"), twice),
        refused("duplicate", true, "another money, first counts", read_as([], "&money=0.01"), twice),
        refused("duplicate", true, "both signed", read_as([("money", "0.01")], "&money=0.01"), twice),
        refused("duplicate", true, "hidden in an escape", read_as([], "&mone%79=100"), twice),
        refused("duplicate", true, "two signatures, one good", format!("{genuine}&sign={sign}"), twice),
        refused("duplicate", true, "two signatures, hidden", format!("{genuine}&%73ign=0"), twice),
        refused("duplicate", true, "two kinds of signature", format!("{genuine}&sign_type=RSA"), twice),
        refused("duplicate", true, "the second one empty", read_as([], "&money="), twice),
    ]
}

fn ambiguous() -> Vec<Refused> {
    let case = |check, what, name: &str, value: &str, why| {
        refused(check, true, what, query(&notice_with([(name, value)])), Reject::Ambiguous(why))
    };
    // The last field of the signed text is moved into the value before it: the same bytes are signed.
    let moved = {
        let mut fields = without(&without(&notice(), "type"), "trade_status");
        fields.push(("trade_status".to_owned(), "TRADE_SUCCESS&type=alipay".to_owned()));
        fields
    };
    assert_eq!(FAMILY.text(borrowed(&moved)), FAMILY.text(borrowed(&notice())), "the same text is signed");
    vec![
        case("ampersand in a value", "a product name", "name", "x&y=1", "a value holds an ampersand"),
        case("ampersand in a value", "a parameter of a fork", "param", "&", "a value holds an ampersand"),
        refused(
            "ampersand in a value",
            false,
            "an ampersand moved between values",
            query(&moved),
            Reject::Ambiguous("a value holds an ampersand"),
        ),
        case("ampersand in a name", "alone", "a&b", "1", "a name holds an ampersand"),
        case("equals sign in a name", "alone", "a=b", "1", "a name holds an equals sign"),
        case("control character in a name", "a zero byte", "a\u{0}", "1", "a name holds a control character"),
        case("control character in a name", "with no value", "a\n", "", "a name holds a control character"),
        case("control character in a value", "a zero byte", "name", "a\u{0}b", "a value holds a control character"),
        case("control character in a value", "a new line", "param", "a\nb", "a value holds a control character"),
        case("control character in a value", "of C1", "param", "a\u{85}", "a value holds a control character"),
    ]
}

fn signatures() -> Vec<Refused> {
    let case = |what, query: String| refused("signature", true, what, query, Reject::BadSignature);
    let sign = FAMILY.md5(borrowed(&notice()), KEY);
    let plain = query_of(&notice());
    let mut all = vec![
        case("no signature", plain.clone()),
        case("an empty signature", format!("{plain}&sign=")),
        case("in capitals", format!("{plain}&sign={}", sign.to_uppercase())),
        case("cut short", format!("{plain}&sign={}", &sign[..31])),
        case("of another key", format!("{plain}&sign={}", FAMILY.md5(borrowed(&notice()), "another key"))),
        case("of no key", format!("{plain}&sign={}", FAMILY.md5(borrowed(&notice()), ""))),
        case("the key joined otherwise", {
            let family = payments::canonical::Family { tail: payments::canonical::Tail::AndKey, ..FAMILY };
            format!("{plain}&sign={}", family.md5(borrowed(&notice()), KEY))
        }),
        case("an added field", format!("{plain}&param=1&sign={sign}")),
        case("an empty value filled", {
            let fields = signed(&notice_with([("param", "")]));
            query_of(&fields).replace("param=", "param=1")
        }),
        case("zero taken for empty", format!("{plain}&param=0&sign={sign}")),
        case("an amount one fen higher", query(&notice()).replace("money=9.9", "money=9.91")),
        case("an amount one fen lower", query(&notice()).replace("money=9.9", "money=9.89")),
        case("the same amount in other digits", query(&notice()).replace("money=9.9", "money=9.90")),
        case("made paid", {
            query(&notice_with([("trade_status", "WAIT_BUYER_PAY")])).replace("WAIT_BUYER_PAY", "TRADE_SUCCESS")
        }),
        case("another merchant written in", query(&notice()).replace("pid=1000", "pid=1001")),
        case("a plus read as a plus", query(&notice()).replace("%2030", "%2B30")),
        case("encoded twice", query(&notice()).replace("%20", "%2520")),
    ];
    // Every byte of every field, and of the signature, flipped alone.
    let fields = signed(&notice());
    for (index, (name, value)) in fields.iter().enumerate().filter(|(_, (name, _))| name != "sign_type") {
        for at in (0..value.len()).filter(|&at| value.as_bytes()[at].is_ascii()) {
            let mut bent = fields.clone();
            let mut bytes = value.clone().into_bytes();
            bytes[at] ^= 1;
            bent[index].1 = String::from_utf8(bytes).unwrap();
            all.push(case("a flipped bit in a value", query_of(&bent)));
        }
        let dropped = without(&fields, name);
        if name != "sign" {
            all.push(case("a field left out", query_of(&dropped)));
        }
    }
    all
}

fn meaning() -> Vec<Refused> {
    let missing = |name: &'static str, check| {
        [
            refused(check, true, "left out", query(&without(&notice(), name)), Reject::NotANotice),
            refused(check, true, "empty", query(&notice_with([(name, "")])), Reject::NotANotice),
        ]
    };
    let number = number();
    let form = |method| query_of(&pay_form(&AttemptView { method, ..attempt(&number) }));
    let mut all = vec![
        refused("merchant", true, "another one", query(&notice_with([("pid", "1001")])), Reject::OtherMerchant),
        refused("merchant", true, "none", query(&without(&notice(), "pid")), Reject::OtherMerchant),
        refused("merchant", true, "empty", query(&notice_with([("pid", "")])), Reject::OtherMerchant),
        refused("merchant", true, "a zero before it", query(&notice_with([("pid", "01000")])), Reject::OtherMerchant),
        refused("merchant", true, "a space after it", query(&notice_with([("pid", "1000 ")])), Reject::OtherMerchant),
        refused("complete: trade_no", false, "our own pay form", form(Some("alipay")), Reject::NotANotice),
        refused("complete: trade_no", false, "our own pay form, no method", form(None), Reject::NotANotice),
        refused(
            "sign_type",
            true,
            "RSA",
            query(&notice()).replace("sign_type=MD5", "sign_type=RSA"),
            Reject::Malformed("sign_type is not MD5"),
        ),
        refused(
            "sign_type",
            true,
            "empty",
            query(&notice()).replace("sign_type=MD5", "sign_type="),
            Reject::Malformed("sign_type is not MD5"),
        ),
        refused(
            "trade number length",
            true,
            "129 bytes",
            query(&notice_with([("trade_no", "9".repeat(129).as_str())])),
            Reject::Unusable("trade_no"),
        ),
    ];
    all.extend(missing("trade_no", "complete: trade_no"));
    all.extend(missing("out_trade_no", "complete: out_trade_no"));
    all.extend(missing("money", "complete: money"));
    all.extend(missing("trade_status", "complete: trade_status"));
    all
}

#[test]
fn a_genuine_notification_is_accepted() {
    assert_eq!(get(&query(&notice())), Ok(paid(990)));
    let body = query(&notice()).into_bytes();
    for kind in [FORM, "application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-Urlencoded"] {
        assert_eq!(verify("POST", "", Some(kind), &body), Ok(paid(990)), "{kind}");
    }
}

#[test]
fn what_means_the_same_is_accepted() {
    let genuine = query(&notice());
    for same in [
        genuine.replace("%20", "+"),
        genuine.replace("%E6%9C%88", "%e6%9c%88"),
        genuine.replace("%E6%9C%88%E5%8D%A1", "月卡"),
        genuine.replace("&sign_type=MD5", ""),
        genuine.replace("sign_type=MD5", "sign_type=md5"),
        genuine.replace("pid=", "%70id="),
        format!("{genuine}&empty="),
        format!("&{genuine}&"),
        genuine.split('&').rev().collect::<Vec<_>>().join("&"),
    ] {
        assert_ne!(same, genuine);
        assert_eq!(get(&same), Ok(paid(990)), "{same}");
    }
}

#[test]
fn fields_that_forks_add_are_signed_and_passed_over() {
    let more = notice_with([("param", "a=b"), ("api_trade_no", "20261122"), ("buyer", "someone")]);
    assert_eq!(get(&query(&more)), Ok(paid(990)));
}

#[test]
fn each_refused_request_is_refused_by_its_check() {
    let all: Vec<Refused> =
        [transport(), form_faults(), ambiguous(), signatures(), meaning()].into_iter().flatten().collect();
    for case in &all {
        let found = verify(case.method, &case.query, case.content_type, &case.body);
        assert_eq!(found, Err(case.reject), "{}: {} ({})", case.check, case.what, case.query);
        assert!(CHECKS.contains(&case.check), "{} is not in the list of checks", case.check);
    }
    for check in CHECKS {
        assert!(all.iter().any(|case| case.only && case.check == check), "no request is refused by {check} alone");
    }
}

#[test]
fn only_one_status_means_paid() {
    for status in ["TRADE_FINISHED", "trade_success", "TRADE_SUCCESS ", "WAIT_BUYER_PAY", "TRADE_CLOSED", "1", "0"] {
        assert_eq!(get(&query(&notice_with([("trade_status", status)]))), Ok(Notice::NotPaid), "{status}");
    }
    // What is not paid needs no readable money.
    let unpaid = notice_with([("trade_status", "TRADE_CLOSED"), ("money", "-")]);
    assert_eq!(get(&query(&unpaid)), Ok(Notice::NotPaid));
}

#[test]
fn money_is_exact_or_unusable() {
    for (text, minor) in [("1", 100), ("1.0", 100), ("1.00", 100), ("0.01", 1), ("0", 0), ("0012.5", 1250)] {
        assert_eq!(get(&query(&notice_with([("money", text)]))), Ok(paid(minor)), "{text}");
    }
    for text in
        ["9.900", "9.901", "+9.9", "-9.9", "9,9", "9.", ".9", " 9.9", "9.9 ", "9.9e0", "9e1", "NaN", "inf", "９.９"]
    {
        assert_eq!(get(&query(&notice_with([("money", text)]))), Err(Reject::Unusable("money")), "{text}");
    }
    let huge = "9".repeat(30);
    assert_eq!(get(&query(&notice_with([("money", huge.as_str())]))), Err(Reject::Unusable("money")));
}

#[test]
fn the_longest_number_is_usable() {
    let number = "9".repeat(128);
    let Ok(Notice::Paid(paid)) = get(&query(&notice_with([("trade_no", number.as_str())]))) else { panic!("not paid") };
    let account = domain::AccountId::parse("epay").unwrap();
    assert!(domain::Txn::new(&account, &paid.provider_number).is_some());
}

#[test]
fn the_method_is_optional() {
    let Ok(Notice::Paid(paid)) = get(&query(&without(&notice(), "type"))) else { panic!("not paid") };
    assert_eq!(paid.method, None);
}

/// How another shop was paid with its own pay form: an address that closes its own field and adds those of a
/// notification. The very bytes we sign, cut elsewhere, are then a notification of a payment that nobody made. No reader
/// can tell afterwards, so the address must never be signed.
#[test]
fn an_address_cannot_turn_our_signature_into_a_notification() {
    let number = number();
    let evil = "https://shop.example/o/1&trade_no=1&trade_status=TRADE_SUCCESS";
    let signs = channel().create(&AttemptView { return_url: evil, ..attempt(&number) }, &CALL);
    assert_eq!(drive(signs, |_| None).1, Err(CreateError::Address("return_url")));

    let form = without(&without(&pay_form(&attempt(&number)), "sign"), "sign_type");
    let with = |changes: &[(&str, &str)]| {
        let mut fields = without(&form, "return_url");
        fields.extend(own(changes.iter().copied()));
        fields
    };
    let ours = with(&[("return_url", evil)]);
    let recut =
        with(&[("return_url", "https://shop.example/o/1"), ("trade_no", "1"), ("trade_status", "TRADE_SUCCESS")]);
    assert_eq!(FAMILY.text(borrowed(&ours)), FAMILY.text(borrowed(&recut)));
    assert!(matches!(get(&query(&recut)), Ok(Notice::Paid(_))), "had we signed it, it would have been money");
}

#[test]
fn only_unusable_money_is_asked_for_again() {
    let all = [
        Reject::BadSignature,
        Reject::OtherMerchant,
        Reject::Ambiguous("why"),
        Reject::NotANotice,
        Reject::Malformed("why"),
        Reject::Unusable("money"),
    ];
    let codes: Vec<_> = all.iter().map(Reject::code).collect();
    let expected = [
        "notice_signature",
        "notice_merchant",
        "notice_ambiguous",
        "notice_incomplete",
        "notice_malformed",
        "notice_unusable",
    ];
    assert_eq!(codes, expected);
    for reject in all {
        let again = matches!(reject, Reject::Unusable(_));
        assert_eq!(reject.outcome(), if again { Outcome::TryAgain } else { Outcome::Rejected });
        assert!(!reject.public_message().is_empty() && !reject.log_message().is_empty());
    }
    assert_eq!(Reject::BadSignature.public_message(), Reject::OtherMerchant.public_message());
}

/// Each key verifies only what it signed: an account whose key was rotated is another account.
#[test]
fn a_rotated_key_verifies_nothing_of_the_old_one() {
    let rotated = payments::Secret::new("another-key".to_owned());
    let account = payments::epay::Account::new(BASE, PID, rotated, payments::epay::Options::default()).unwrap();
    let query = query(&notice());
    let request = RawRequest { method: "GET", query: &query, headers: &[], body: b"" };
    assert_eq!(Channel::new(account).verify(&request, CALL.now), Err(Reject::BadSignature));
}
