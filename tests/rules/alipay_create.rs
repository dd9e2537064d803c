//! Alipay: starting an attempt. What is signed, which product is used, and what each answer to a code's request comes to.

use crate::alipay_support::*;
use crate::support::{CALL, Fields, NUMBER, drive, number, own, yuan};
use domain::{Currency, Money};
use payments::canonical::{Case, Family, Tail};
use payments::{AttemptView, Call, Channel, CreateError, Created, Device, HttpReply, Started, Step, form};
use serde_json::{Value, json};

const ANSWER: &str = "alipay_trade_precreate_response";

fn page_of(channel: &Channel, attempt: &AttemptView<'_>, call: &Call) -> (String, Fields) {
    let (sent, made) = drive(channel.create(attempt, call), |_| panic!("a page is not asked for"));
    assert!(sent.is_empty());
    let Ok(Started { shown: Created::Redirect(url), provider_ref: None, due: None }) = made else { panic!("{made:?}") };
    let (address, query) = url.split_once('?').unwrap();
    (address.to_owned(), own(form::parse(query.as_bytes()).unwrap().iter()))
}

fn qr(reply: impl FnOnce() -> Option<HttpReply>) -> Result<Started, CreateError> {
    let number = number();
    let mut reply = Some(reply);
    drive(KEYS.create(&attempt_by(&number, Some("qr")), &CALL), |_| reply.take().unwrap()()).1
}

fn told(answer: &Value) -> Result<Started, CreateError> {
    qr(|| Some(reply(ANSWER, &answer.to_string())))
}

fn made() -> Value {
    json!({"code": "10000", "msg": "Success", "out_trade_no": NUMBER, "qr_code": "https://qr.alipay.com/bavh4wjlxf12tper3a"})
}

fn made_with(name: &str, value: Value) -> Value {
    let mut answer = made();
    answer[name] = value;
    answer
}

#[test]
fn published_requests_are_signed_as_they_say() {
    // What the codec signs with, written down a second time; that it does is shown below.
    let family = Family { drop: &["sign"], tail: Tail::None, case: Case::Lower };
    let mut counted = 0;
    for vector in vectors("alipay_request_sign") {
        let params = vector["inputs"]["params"].as_object().unwrap();
        let pairs = params.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        assert_eq!(family.text(pairs.clone()), vector["expected"]["signing_string"].as_str().unwrap());
        assert_eq!(text(&own(pairs), &["sign"]), vector["expected"]["signing_string"].as_str().unwrap());
        counted += 1;
    }
    println!("alipay requests: {counted} published");
    assert!(counted >= 1);
}

#[test]
fn the_request_for_a_code_byte_for_byte() {
    let number = number();
    for (channel, certificates) in [(&*KEYS, false), (&*CERTS, true)] {
        let (sent_requests, _) = drive(channel.create(&attempt_by(&number, Some("qr")), &CALL), |_| None);
        let [request] = sent_requests.as_slice() else { panic!("one request") };
        assert_eq!(
            (request.method, request.url.as_str()),
            ("POST", "https://openapi.alipay.com/gateway.do?charset=utf-8")
        );
        assert_eq!(
            request.headers,
            own([
                ("accept", "application/json"),
                ("accept-encoding", "identity"),
                ("content-type", "application/x-www-form-urlencoded;charset=utf-8"),
            ])
        );
        let fields = sent(request);
        let mut expected = own([
            ("app_id", APP_ID),
            ("method", "alipay.trade.precreate"),
            ("format", "JSON"),
            ("charset", "utf-8"),
            ("sign_type", "RSA2"),
            ("timestamp", "2026-11-22 08:00:00"),
            ("version", "1.0"),
            (
                "biz_content",
                r#"{"out_trade_no":"0123456789ABCDEFGHJKMNPQAZ1","subject":"月卡 30 days","time_expire":"2026-11-22 08:15:00","total_amount":"9.90"}"#,
            ),
        ]);
        if certificates {
            expected
                .extend(own([("app_cert_sn", asset("app_cert_sn")), ("alipay_root_cert_sn", asset("root_cert_sn"))]));
        }
        expected.extend(own([("notify_url", "https://shop.example/webhooks/epay")]));
        // The kind of signature and the certificates' numbers are signed too.
        let sign = APP.sign(text(&expected, &["sign"]).as_bytes()).unwrap();
        expected.extend(own([("sign", sign.as_str())]));
        assert_eq!(fields, expected);
    }
}

#[test]
fn the_pages_are_signed_addresses() {
    let number = number();
    for (word, method, product) in
        [("page", "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"), ("wap", "alipay.trade.wap.pay", "QUICK_WAP_WAY")]
    {
        for channel in [&*KEYS, &*CERTS] {
            let attempt = attempt_by(&number, Some(word));
            let (address, fields) = page_of(channel, &attempt, &CALL);
            assert_eq!(address, GATEWAY);
            let mut biz = json!({
                "out_trade_no": NUMBER, "subject": "月卡 30 days", "time_expire": "2026-11-22 08:15:00",
                "total_amount": "9.90", "product_code": product,
            });
            if word == "wap" {
                biz["quit_url"] = json!(attempt.return_url);
            }
            assert_eq!(content(&fields), biz);
            assert_eq!(value(&fields, "method"), method);
            assert_eq!(value(&fields, "notify_url"), attempt.notify_url);
            assert_eq!(value(&fields, "return_url"), attempt.return_url);
            assert_eq!(value(&fields, "sign"), APP.sign(text(&fields, &["sign"]).as_bytes()).unwrap());
            assert_eq!(fields.iter().any(|(name, _)| name == "app_cert_sn"), std::ptr::eq(channel, &*CERTS));
            // Asked again, it is the same; the nonce has no part in it.
            assert_eq!(page_of(channel, &attempt, &Call { nonce: [9; 16], ..CALL }).1, fields);
        }
    }
    let sandbox = open(&with(key_settings(), [("base_url", "http://127.0.0.1:3000/gateway.do")]));
    assert_eq!(page_of(&sandbox, &attempt_by(&number, Some("wap")), &CALL).0, "http://127.0.0.1:3000/gateway.do");
}

/// A page's address goes into a header and through chat programs: however long the name, it stays short enough for both.
#[test]
fn a_page_address_has_a_bounded_length() {
    let number = number();
    let name = "月".repeat(5_000);
    let attempt = AttemptView { product_name: &name, ..attempt_by(&number, Some("wap")) };
    let (_, made) = drive(CERTS.create(&attempt, &CALL), |_| None);
    let Ok(Started { shown: Created::Redirect(url), .. }) = made else { panic!("{made:?}") };
    assert!(url.len() < 4_000, "{}", url.len());
}

#[test]
fn times_are_those_of_china() {
    let number = number();
    for (at, text) in [
        (0, "1970-01-01 08:00:00"),
        (-1, "1970-01-01 07:59:59"),
        (951_753_599_999, "2000-02-28 23:59:59"),
        (951_753_600_000, "2000-02-29 00:00:00"),
        (951_839_999_000, "2000-02-29 23:59:59"),
        (951_840_000_000, "2000-03-01 00:00:00"),
        (978_278_399_000, "2000-12-31 23:59:59"),
        (1_706_745_599_000, "2024-02-01 07:59:59"),
        (1_709_222_400_000, "2024-03-01 00:00:00"),
        (1_795_323_967_999, "2026-11-22 13:06:07"),
        (1_798_732_799_999, "2026-12-31 23:59:59"),
        (1_798_732_800_000, "2027-01-01 00:00:00"),
        (4_107_484_800_000, "2100-02-28 16:00:00"),
        (4_107_571_200_000, "2100-03-01 16:00:00"),
        (13_574_563_200_000, "2400-02-29 08:00:00"),
        (13_601_059_200_000, "2401-01-01 00:00:00"),
        (-11_676_124_800_000, "1600-01-01 00:00:00"),
    ] {
        let attempt = AttemptView { expires_at: at + 1_000, ..attempt_by(&number, Some("page")) };
        let (_, fields) = page_of(&KEYS, &attempt, &Call { now: at, ..CALL });
        assert_eq!(value(&fields, "timestamp"), text, "{at}");
    }
    // Every month's first and last day, by adding days up.
    let mut day = 1_704_038_400_000; // 2024-01-01 in China
    for year in 2024..2032 {
        let leap = if year % 4 == 0 { 29 } else { 28 };
        for (month, days) in [31, leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate() {
            for date in 1..=days {
                let attempt = AttemptView { expires_at: day, ..attempt_by(&number, Some("page")) };
                if date == 1 || date == days {
                    let (_, fields) = page_of(&KEYS, &attempt, &Call { now: day - 1, ..CALL });
                    assert_eq!(content(&fields)["time_expire"], format!("{year}-{:02}-{date:02} 00:00:00", month + 1));
                }
                day += 86_400_000;
            }
        }
    }
}

#[test]
fn the_product_is_the_named_one_or_the_device_s() {
    let number = number();
    let used = |products: &str, method: Option<&str>, device: Device| {
        let channel = open(&with(key_settings(), [("products", products)]));
        match channel.create(&AttemptView { device, ..attempt_by(&number, method) }, &CALL) {
            Step::Send(request, _) => content(&sent(&request)).get("product_code").map_or("qr", |_| "?"),
            Step::Done(Ok(Started { shown: Created::Redirect(url), .. })) if url.contains(".page.pay") => "page",
            Step::Done(Ok(Started { shown: Created::Redirect(url), .. })) if url.contains(".wap.pay") => "wap",
            Step::Done(Err(CreateError::Method)) => "none",
            Step::Done(other) => panic!("{other:?}"),
        }
    };
    for word in ["qr", "page", "wap"] {
        for device in [Device::Desktop, Device::Phone, Device::InWechat, Device::InAlipay] {
            assert_eq!(used("qr,page,wap", Some(word), device), word);
            assert_eq!(used(word, None, device), word, "the only one, whatever it is looked at with");
        }
    }
    for (device, all, first_missing) in [
        (Device::Desktop, "qr", ("page,wap", "page")),
        (Device::Phone, "wap", ("qr,page", "qr")),
        (Device::InAlipay, "wap", ("qr,page", "qr")),
        (Device::InWechat, "qr", ("page,wap", "wap")),
    ] {
        for method in [None, Some("alipay")] {
            assert_eq!(used("qr,page,wap", method, device), all);
            assert_eq!(used(first_missing.0, method, device), first_missing.1);
        }
    }
    for (products, word) in [("qr", "wap"), ("wap", "page"), ("page", "qr"), ("qr,page,wap", "wxpay"), ("qr", "")] {
        assert_eq!(used(products, Some(word), Device::Desktop), "none", "{products} {word}");
    }
}

#[test]
fn what_cannot_be_started_is_not_asked_for() {
    let number = number();
    for word in ["qr", "page", "wap"] {
        let refused = |attempt: AttemptView<'_>| {
            drive(KEYS.create(&attempt, &CALL), |_| panic!("nothing is sent")).1.unwrap_err()
        };
        let plain = attempt_by(&number, Some(word));
        let usd = Currency::parse("USD").unwrap();
        let amount = |minor| AttemptView { amount: yuan(minor), ..plain };
        assert_eq!(
            refused(AttemptView { amount: Money { minor: 990, currency: usd }, ..plain }),
            CreateError::Currency(usd)
        );
        for minor in [0, -1, 10_000_000_001] {
            assert_eq!(refused(amount(minor)), CreateError::Amount);
        }
        for minor in [1, 10_000_000_000] {
            let (_, made) = drive(KEYS.create(&amount(minor), &CALL), |_| None);
            assert!(!matches!(made, Err(CreateError::Amount)), "{minor}");
        }
        for bad in ["https://shop.example/a?b=c", "https://shop.example/a#b", "javascript:x", "https://a&b/", ""] {
            assert_eq!(refused(AttemptView { notify_url: bad, ..plain }), CreateError::Address("notify_url"), "{bad}");
            assert_eq!(refused(AttemptView { return_url: bad, ..plain }), CreateError::Address("return_url"), "{bad}");
        }
        let over = CreateError::Refused("the time to pay is over");
        assert_eq!(refused(AttemptView { expires_at: CALL.now, ..plain }), over);
        assert_eq!(refused(AttemptView { expires_at: CALL.now - 1, ..plain }), over);
        let (_, made) = drive(KEYS.create(&AttemptView { expires_at: CALL.now + 1, ..plain }, &CALL), |_| None);
        assert!(!matches!(made, Err(CreateError::Refused(_))));
    }
}

#[test]
fn names_and_amounts_as_alipay_takes_them() {
    let number = number();
    let fields_of = |name: &str, minor| {
        let attempt = AttemptView { product_name: name, amount: yuan(minor), ..attempt_by(&number, Some("page")) };
        content(&page_of(&KEYS, &attempt, &CALL).1)
    };
    let long = "ab ".repeat(100);
    for (name, subject) in [
        ("月卡 30 days", "月卡 30 days"),
        (" a/b&c=d+e%f'g\"h\\i<j>k`l ", "a b c d e f g h i j k l"),
        ("a\u{0}\n\tb\u{1F600}c", "a b c"),
        ("&", "product"),
        ("", "product"),
        ("\u{FFFF}", "\u{FFFF}"),
    ] {
        assert_eq!(fields_of(name, 990)["subject"], subject, "{name:?}");
    }
    // Cut at 128 characters, and no space is left at the end.
    assert_eq!(fields_of(&long, 990)["subject"].as_str().unwrap().chars().count(), 128);
    assert_eq!(fields_of(&format!("{} b", "月".repeat(127)), 990)["subject"], "月".repeat(127));
    for (minor, amount) in [(1, "0.01"), (10, "0.10"), (100, "1.00"), (10_000_000_000, "100000000.00")] {
        assert_eq!(fields_of("a", minor)["total_amount"], amount);
    }
}

#[test]
fn a_signed_answer_with_a_code_is_shown() {
    let shown = |code: &str| Ok(Started::shown(Created::Qr(code.to_owned())));
    assert_eq!(told(&made()), shown("https://qr.alipay.com/bavh4wjlxf12tper3a"));
    // Escaped slashes are signed as they stand, and read as what they mean.
    let escaped = made().to_string().replace('/', "\\/");
    assert_eq!(qr(|| Some(reply(ANSWER, &escaped))), shown("https://qr.alipay.com/bavh4wjlxf12tper3a"));
    let longest = format!("https://{}", "a".repeat(292));
    assert_eq!(told(&made_with("qr_code", json!(longest))), shown(&longest));
}

#[test]
fn every_other_answer_makes_nothing_known() {
    let unknown = |made: Result<Started, CreateError>, what: &str| {
        assert!(matches!(made, Err(CreateError::Unknown(_))), "{what}: {made:?}");
    };
    let text = made().to_string();
    unknown(qr(|| None), "no reply");
    unknown(qr(|| Some(unsigned(ANSWER, &text))), "not signed");
    unknown(qr(|| Some(reply_by(&STRANGER, ANSWER, &text))), "signed by a stranger");
    unknown(qr(|| Some(reply_by(&APP, ANSWER, &text))), "signed with our own key");
    unknown(qr(|| Some(reply("alipay_trade_query_response", &text))), "an answer to another question");
    unknown(qr(|| Some(HttpReply { status: 500, ..reply(ANSWER, &text) })), "a server error");
    unknown(qr(|| Some(HttpReply::bare(200, b"<html>".to_vec()))), "a page");
    for code in [
        json!("http://qr.alipay.com/x"),
        json!("javascript:alert(1)"),
        json!(""),
        json!(null),
        json!(7),
        json!("https://qr.alipay.com/a b"),
        json!("https://qr.alipay.com/\u{0}"),
        json!("https://qr.alipay.com/月"),
        json!(format!("https://{}", "a".repeat(293))),
    ] {
        unknown(told(&made_with("qr_code", code.clone())), &code.to_string());
    }
    unknown(told(&made_with("out_trade_no", json!("0123456789ABCDEFGHJKMNPQAZ2"))), "another attempt's");
    unknown(told(&made_with("out_trade_no", json!(""))), "nobody's");
    for code in [json!("10003"), json!("20000"), json!(10000), json!(null)] {
        unknown(told(&made_with("code", code.clone())), &code.to_string());
    }
    // There may be a trade after each of these.
    for sub_code in
        ["ACQ.SYSTEM_ERROR", "ACQ.TRADE_HAS_SUCCESS", "ACQ.CONTEXT_INCONSISTENT", "isp.unknow-error", "", "x"]
    {
        unknown(told(&no(sub_code)), sub_code);
    }
    unknown(told(&json!({"code": "40004"})), "no sub code");
}

const ACCOUNT: [&str; 9] = [
    "isv.invalid-app-id",
    "isv.invalid-signature",
    "isv.missing-signature-key",
    "isv.missing-signature-config",
    "isv.insufficient-isv-permissions",
    "isv.insufficient-user-permissions",
    "ACQ.ACCESS_FORBIDDEN",
    "ACQ.PARTNER_ERROR",
    "ACQ.SELLER_BEEN_BLOCKED",
];

#[test]
fn refusals_of_the_account_count_unsigned_too() {
    for sub_code in ACCOUNT {
        let answer = no(sub_code).to_string();
        for reply in [
            reply(ANSWER, &answer),
            unsigned(ANSWER, &answer),
            unsigned("error_response", &answer),
            reply("error_response", &answer),
        ] {
            let made = qr(|| Some(reply));
            assert!(matches!(made, Err(CreateError::Account(why)) if !why.is_empty()), "{sub_code}: {made:?}");
        }
        // Whoever signs with another key is not Alipay, and may say what he likes.
        let made = qr(|| Some(reply_by(&STRANGER, ANSWER, &answer)));
        assert!(matches!(made, Err(CreateError::Unknown(_))), "{sub_code}: {made:?}");
        // A yes that carries a refusal's word contradicts itself.
        let yes = made_with("sub_code", json!(sub_code)).to_string();
        let made = qr(|| Some(unsigned(ANSWER, &yes)));
        assert_eq!(made, Err(CreateError::Unknown("the reply is not signed")));
    }
}

#[test]
fn refusals_of_the_trade_count_signed_alone() {
    for sub_code in [
        "isv.invalid-timestamp",
        "isv.invalid-parameter",
        "ACQ.INVALID_PARAMETER",
        "ACQ.TOTAL_FEE_EXCEED",
        "ACQ.EXIST_FORBIDDEN_WORD",
        "ACQ.TRADE_HAS_CLOSE",
    ] {
        let made = told(&no(sub_code));
        assert!(matches!(made, Err(CreateError::Refused(why)) if !why.is_empty()), "{sub_code}: {made:?}");
        let made = qr(|| Some(unsigned(ANSWER, &no(sub_code).to_string())));
        assert_eq!(made, Err(CreateError::Unknown("the reply is not signed")), "{sub_code}");
    }
}

/// With certificates the answer names the one it is signed with, and only ours can be judged.
#[test]
fn an_answer_with_another_certificate_is_none() {
    let number = number();
    let told =
        |reply: HttpReply| drive(CERTS.create(&attempt_by(&number, Some("qr")), &CALL), |_| Some(reply.clone())).1;
    let content = made().to_string();
    assert!(told(reply(ANSWER, &content)).is_ok());
    let why = Err(CreateError::Unknown("the reply is signed with another certificate of Alipay's than the given one"));
    assert_eq!(told(reply_by(&PLATFORM, ANSWER, &content)), why, "none named");
    let renamed = |sn: &str| {
        let body = String::from_utf8(reply(ANSWER, &content).body).unwrap();
        HttpReply::bare(200, body.replace(asset("platform_cert_sn"), sn).into_bytes())
    };
    for sn in [asset("stranger_cert_sn"), asset("app_cert_sn"), "", &asset("platform_cert_sn").to_uppercase()] {
        assert_eq!(told(renamed(sn)), why, "{sn}");
    }
    // Without certificates the number says nothing, and the key alone decides.
    assert!(qr(|| Some(renamed("x"))).is_ok());
    assert!(
        told(unsigned("error_response", &no("isv.invalid-app-id").to_string()))
            .is_err_and(|e| matches!(e, CreateError::Account(_)))
    );
}
