//! Gateways that take USDT: settings, numbers as they are signed, the request that makes an order, and every kind of reply.

use crate::support::{CALL, NUMBER, drive, number};
use crate::usdt_support::*;
use domain::Currency;
use payments::usdt::number::{Style, canonical};
use payments::{AttemptView, BadSetting, CreateError, Created, Due, HttpReply, HttpRequest, Started, kind};
use serde_json::{Value, json};

#[test]
fn a_number_is_printed_as_go_prints_it() {
    for (raw, plain, general) in [
        ("0", "0", "0"),
        ("0.00", "0", "0"),
        ("-0", "-0", "-0"),
        ("0e5", "0", "0"),
        ("1", "1", "1"),
        ("100", "100", "100"),
        ("100.00", "100", "100"),
        ("100.50", "100.5", "100.5"),
        ("9.9", "9.9", "9.9"),
        ("-9.90", "-9.9", "-9.9"),
        ("0.1", "0.1", "0.1"),
        ("0.01", "0.01", "0.01"),
        ("0.0001", "0.0001", "0.0001"),
        ("0.00012", "0.00012", "0.00012"),
        ("0.00001", "0.00001", "1e-05"),
        ("0.000012", "0.000012", "1.2e-05"),
        ("1e2", "100", "100"),
        ("1E+2", "100", "100"),
        ("1.5e1", "15", "15"),
        ("990e-2", "9.9", "9.9"),
        ("1e-7", "0.0000001", "1e-07"),
        ("99999", "99999", "99999"),
        ("100000", "100000", "100000"),
        ("100000.5", "100000.5", "100000.5"),
        ("999999", "999999", "999999"),
        ("999999.99", "999999.99", "999999.99"),
        ("1000000", "1000000", "1e+06"),
        ("1234567.5", "1234567.5", "1.2345675e+06"),
        ("-1000000", "-1000000", "-1e+06"),
        ("123456789012.34", "123456789012.34", "1.2345678901234e+11"),
        ("1e40", "10000000000000000000000000000000000000000", "1e+40"),
        ("1e-40", "0.0000000000000000000000000000000000000001", "1e-40"),
    ] {
        assert_eq!(canonical(raw, Style::Plain).as_deref(), Some(plain), "{raw}");
        assert_eq!(canonical(raw, Style::General).as_deref(), Some(general), "{raw}");
        assert_eq!(canonical(raw, Style::Sent).as_deref(), Some(raw));
    }
    let longest = "1".repeat(64);
    assert_eq!(canonical(&longest, Style::Plain).as_deref(), Some(longest.as_str()));
    for bad in [
        "",
        "-",
        ".",
        "1.",
        ".5",
        "+1",
        "1e",
        "1e41",
        "1e-41",
        "e1",
        "1e99999999999",
        "0x1",
        "1_0",
        "١",
        " 1",
        "1 ",
        "--1",
        "1.-1",
        "1e5.0",
        &"1".repeat(65),
    ] {
        for style in [Style::Plain, Style::General, Style::Sent] {
            assert_eq!(canonical(bad, style), None, "{bad}");
        }
    }
}

fn why(who: Who, name: &'static str, value: &str) -> Option<BadSetting> {
    let mut settings = who.settings();
    settings.set(name, value);
    (kind(who.kind()).unwrap().open)(&settings).err()
}

#[test]
fn the_kinds_say_what_they_can_do() {
    for (name, closes) in [("epusdt", false), ("bepusdt", true), ("tokenpay", false)] {
        let kind = kind(name).unwrap();
        assert_eq!((kind.name, kind.methods), (name, ["usdt"].as_slice()));
        assert!(kind.asks_to_create && !kind.refunds && !kind.refund_repeats);
        assert_eq!((kind.closes, kind.payable_after_ms), (closes, 3_600_000), "{name}");
        let secrets: Vec<_> = kind.fields.iter().filter(|field| field.secret).map(|field| field.name).collect();
        assert_eq!(secrets, ["key"], "{name}");
        assert!(kind.fields.iter().all(|field| field.label.iter().all(|label| !label.is_empty())));
    }
    for who in ALL {
        let channel = who.channel();
        assert_eq!((channel.kind().name, channel.currency(), channel.refunds()), (who.kind(), Currency::CNY, false));
        assert_eq!(who.paid_in(if who == Who::Legacy { "cny" } else { "usd" }).kind().name, who.kind());
        assert!(!format!("{channel:?}").contains(KEY));
        let number = number();
        assert_eq!(channel.close(&asked(&number, Some(TRADE)), &CALL).is_some(), channel.kind().closes);
        let back = crate::support::back(TRADE, money(990, "CNY"));
        assert!(channel.refund(&back, &CALL).is_none() && channel.refund_query(&back, &CALL).is_none());
    }
}

#[test]
fn a_wrong_setting_is_named() {
    let address = "The address must be https://host, with nothing after the path.";
    let key = "The key is one word, without spaces.";
    let currency = "The currency is three letters, such as CNY.";
    for who in ALL {
        for (name, value, words) in [
            ("base_url", "", "It is missing."),
            ("base_url", "http://gateway.example", address),
            ("base_url", "https://gateway.example?a", address),
            ("key", "", "It is missing."),
            ("key", "a b", key),
            ("key", "a\u{7}b", key),
            ("currency", "yuan", currency),
        ] {
            assert_eq!(why(who, name, value), Some(BadSetting { field: name, why: words }), "{who:?} {name} {value}");
        }
        assert_eq!(why(who, "base_url", "http://127.0.0.1:8000/"), None);
        assert_eq!(why(who, "base_url", "https://gateway.example/usdt/"), None);
    }
    let word = "It is one word of letters, digits, dots, - and _.";
    let long = "a".repeat(41);
    for (who, name, value, words) in [
        (Who::Legacy, "flavour", "", "It is missing."),
        (Who::Legacy, "flavour", "gmpay3", "It is none of legacy, gmpay1 and gmpay2."),
        (Who::Legacy, "currency", "USD", "The legacy gateway knows CNY only."),
        (Who::Legacy, "pid", "1000", "The legacy gateway has no merchant numbers; with one it is gmpay1 or gmpay2."),
        (Who::Gmpay1, "pid", "", "It is missing."),
        (Who::Gmpay2, "pid", "10 00", word),
        (Who::Gmpay2, "token", "us&dt", word),
        (Who::Gmpay2, "network", &long, word),
        (Who::Bepusdt, "trade_type", "usdt=trc20", word),
        (Who::Bepusdt, "trade_type", "usdt", "It is a coin, a dot and a network, such as usdt.trc20."),
        (Who::Tokenpay, "coin", "USDT TRC20", word),
    ] {
        assert_eq!(why(who, name, value), Some(BadSetting { field: name, why: words }), "{who:?} {name} {value}");
    }
    assert_eq!(why(Who::Gmpay2, "network", &long[..40]), None);
    assert_eq!(why(Who::Gmpay1, "token", "USDC"), None);
}

fn request(channel: &payments::Channel, attempt: &AttemptView<'_>) -> HttpRequest {
    let (sent, found) = drive(channel.create(attempt, &CALL), |_| None);
    assert_eq!(found, Err(CreateError::Unknown("no reply")));
    let [request] = sent.as_slice() else { panic!("one request: {sent:?}") };
    request.clone()
}

fn answer(who: Who, reply: &HttpReply) -> Result<Started, CreateError> {
    drive(who.channel().create(&attempt(&number()), &CALL), |_| Some(reply.clone())).1
}

#[test]
fn the_request_to_the_letter() {
    let number = number();
    let urls = "\"notify_url\":\"https://shop.example/webhooks/usdt\",\"redirect_url\":\"https://shop.example/o/0123456789ABCDEFGHJKMNPQ\"";
    let canonical_urls = "notify_url=https://shop.example/webhooks/usdt";
    let redirect = "redirect_url=https://shop.example/o/0123456789ABCDEFGHJKMNPQ";
    for who in ALL {
        let request = request(&who.channel(), &attempt(&number));
        let (path, fields, text) = match who {
            Who::Legacy => (
                "/api/v1/order/create-transaction",
                format!("\"order_id\":\"{NUMBER}\",{urls},\"amount\":9.9"),
                format!("amount=9.9&{canonical_urls}&order_id={NUMBER}&{redirect}"),
            ),
            Who::Gmpay1 | Who::Gmpay2 => (
                "/payments/gmpay/v1/order/create-transaction",
                format!(
                    "\"order_id\":\"{NUMBER}\",{urls},\"pid\":\"1000\",\"currency\":\"cny\",\"token\":\"usdt\",\"network\":\"tron\",\"amount\":9.9"
                ),
                format!(
                    "amount=9.9&currency=cny&network=tron&{canonical_urls}&order_id={NUMBER}&pid=1000&{redirect}&token=usdt"
                ),
            ),
            Who::Bepusdt => (
                "/api/v1/order/create-transaction",
                format!(
                    "\"order_id\":\"{NUMBER}\",{urls},\"fiat\":\"CNY\",\"trade_type\":\"usdt.trc20\",\"amount\":9.9,\"timeout\":900"
                ),
                format!(
                    "amount=9.9&fiat=CNY&{canonical_urls}&order_id={NUMBER}&{redirect}&timeout=900&trade_type=usdt.trc20"
                ),
            ),
            Who::Tokenpay => (
                "/CreateOrder",
                format!(
                    "\"OutOrderId\":\"{NUMBER}\",\"OrderUserKey\":\"{NUMBER}\",\"Currency\":\"USDT_TRC20\",\"NotifyUrl\":\"https://shop.example/webhooks/usdt\",\"RedirectUrl\":\"https://shop.example/o/0123456789ABCDEFGHJKMNPQ\",\"ActualAmount\":9.9"
                ),
                format!(
                    "ActualAmount=9.9&Currency=USDT_TRC20&NotifyUrl=https://shop.example/webhooks/usdt&OrderUserKey={NUMBER}&OutOrderId={NUMBER}&RedirectUrl=https://shop.example/o/0123456789ABCDEFGHJKMNPQ"
                ),
            ),
        };
        let body = format!("{{{fields},\"{}\":\"{}\"}}", who.signature(), who.sign_text(&text));
        assert_eq!(String::from_utf8(request.body.clone()).unwrap(), body, "{who:?}");
        assert_eq!((request.method, request.url.as_str()), ("POST", &*format!("{BASE}{path}")));
        let headers =
            [("accept", "application/json"), ("accept-encoding", "identity"), ("content-type", "application/json")];
        assert_eq!(request.headers, crate::support::own(headers));
    }
}

/// A million is a number like any other in the message, and printed with an exponent by one of them alone.
#[test]
fn large_amounts_are_signed_as_each_gateway_prints_them() {
    let number = number();
    for (who, printed) in [
        (Who::Gmpay1, "1000000.5"),
        (Who::Bepusdt, "1.0000005e+06"),
        (Who::Tokenpay, "1000000.5"),
        (Who::Gmpay2, "1000000.5"),
    ] {
        let request = request(&who.channel(), &AttemptView { amount: money(100_000_050, "CNY"), ..attempt(&number) });
        let text = String::from_utf8(request.body.clone()).unwrap();
        assert!(text.contains(&format!("\"{}\":1000000.5", who.name("amount"))), "{text}");
        let mut fields: Vec<(String, String)> = Vec::new();
        for (name, value) in body_of(&request).as_object().unwrap() {
            let text = if name == who.name("amount") {
                printed.to_owned()
            } else {
                value.as_str().map_or_else(|| value.to_string(), str::to_owned)
            };
            fields.push((name.clone(), text));
        }
        assert_eq!(body_of(&request)[who.signature()], Value::from(who.sign(&fields)), "{who:?}");
    }
}

#[test]
fn bepusdt_is_told_how_long_and_never_nothing() {
    let number = number();
    for (wait, seconds) in [
        (900_000, 900),
        (120_000, 120),
        (119_999, 120),
        (0, 120),
        (-5, 120),
        (86_400_000, 86_400),
        (99_999_999_000, 86_400),
        (900_999, 900),
    ] {
        let request =
            request(&Who::Bepusdt.channel(), &AttemptView { expires_at: CALL.now + wait, ..attempt(&number) });
        assert_eq!(body_of(&request)["timeout"], json!(seconds), "{wait}");
    }
    for who in ALL {
        for minor in [0, -1] {
            let view = AttemptView { amount: money(minor, "CNY"), ..attempt(&number) };
            assert_eq!(drive(who.channel().create(&view, &CALL), |_| panic!("sent")).1, Err(CreateError::Amount));
        }
    }
}

/// epusdt wants more than a hundredth; the others say themselves what is too little.
#[test]
fn the_smallest_amounts() {
    let number = number();
    let made = |channel: &payments::Channel, minor: i64, currency: &str| {
        let view = AttemptView { amount: money(minor, currency), ..attempt(&number) };
        drive(channel.create(&view, &CALL), |_| None).1 != Err(CreateError::Amount)
    };
    for (who, currency, minor, good) in [
        (Who::Legacy, "CNY", 1, false),
        (Who::Legacy, "CNY", 2, true),
        (Who::Gmpay2, "JPY", 1, true),
        (Who::Gmpay2, "KWD", 10, false),
        (Who::Gmpay2, "KWD", 11, true),
        (Who::Bepusdt, "CNY", 1, true),
        (Who::Tokenpay, "CNY", 1, true),
    ] {
        assert_eq!(made(&who.paid_in(currency), minor, currency), good, "{who:?} {currency} {minor}");
    }
}

#[test]
fn what_a_gateway_could_not_be_asked_for() {
    let number = number();
    for who in ALL {
        let refused =
            |view: AttemptView<'_>| drive(who.channel().create(&view, &CALL), |_| panic!("sent")).1.unwrap_err();
        let attempt = attempt(&number);
        let usd = money(990, "USD");
        assert_eq!(refused(AttemptView { amount: usd, ..attempt }), CreateError::Currency(usd.currency));
        assert_eq!(refused(AttemptView { method: Some("alipay"), ..attempt }), CreateError::Method);
        let cut = "https://shop.example/&status=2";
        assert_eq!(refused(AttemptView { notify_url: cut, ..attempt }), CreateError::Address("notify_url"));
        assert_eq!(refused(AttemptView { return_url: cut, ..attempt }), CreateError::Address("return_url"));
        request(&who.channel(), &AttemptView { method: None, ..attempt });
    }
}

#[test]
fn an_order_that_was_made() {
    for who in ALL {
        let page = made(who).pointer(if who == Who::Tokenpay { "/data" } else { "/data/payment_url" }).unwrap().clone();
        let unit = if who.is_gmpay() { "USDT-TRON" } else { "USDT-TRC20" };
        let expected = Started {
            shown: Created::Redirect(page.as_str().unwrap().to_owned()),
            provider_ref: Some(TRADE.to_owned()),
            due: Some(Due { amount: "1.3751".to_owned(), unit: unit.to_owned(), address: Some(ADDRESS.to_owned()) }),
        };
        assert_eq!(answer(who, &reply(&made(who))), Ok(expected), "{who:?}");
    }
    // A coin of another name is shown as such, in capitals or as TokenPay has it.
    for (who, name, value, unit) in [
        (Who::Gmpay1, "network", "Ethereum", "USDT-ETHEREUM"),
        (Who::Gmpay1, "token", "USDC", "USDC-TRON"),
        (Who::Bepusdt, "trade_type", "Usdt.Polygon", "USDT-POLYGON"),
        (Who::Tokenpay, "coin", "EVM_BSC_USDT_BEP20", "EVM-BSC-USDT-BEP20"),
    ] {
        let mut settings = who.settings();
        settings.set(name, value);
        let step = opened(who.kind(), &settings).create(&attempt(&number()), &CALL);
        let (sent, started) = drive(step, |_| Some(reply(&made(who))));
        assert_eq!(started.unwrap().due.unwrap().unit, unit);
        let asked = if who == Who::Tokenpay { value.to_owned() } else { value.to_ascii_lowercase() };
        assert_eq!(body_of(&sent[0])[if who == Who::Tokenpay { "Currency" } else { name }], json!(asked));
    }
}

/// Where the parts of a good reply stand.
fn places(who: Who) -> [(&'static str, &'static str); 5] {
    if who == Who::Tokenpay {
        [
            ("order", "/info/OutOrderId"),
            ("amount", "/info/ActualAmount"),
            ("trade", "/info/Id"),
            ("page", "/data"),
            ("coins", "/info/Amount"),
        ]
    } else {
        [
            ("order", "/data/order_id"),
            ("amount", "/data/amount"),
            ("trade", "/data/trade_id"),
            ("page", "/data/payment_url"),
            ("coins", "/data/actual_amount"),
        ]
    }
}

#[test]
fn a_reply_that_is_not_about_our_order_leaves_it_open() {
    for who in ALL {
        for (what, path) in places(who) {
            let bad = match what {
                "order" => vec![json!("X"), json!(null)],
                "amount" => vec![json!("9.91"), json!(9.89), json!("9.901"), json!("ten"), json!(null)],
                "trade" => vec![json!(""), json!("a/b"), json!("a b"), json!("9".repeat(65)), json!(null)],
                "page" => {
                    vec![json!("http://gateway.example/x"), json!("javascript:1"), json!("https://a b"), json!(null)]
                }
                _ => vec![json!("many"), json!(null), json!("")],
            };
            for value in bad {
                let found = answer(who, &reply(&with(made(who), path, value.clone())));
                assert!(matches!(found, Err(CreateError::Unknown(_))), "{who:?} {what} {value}: {found:?}");
            }
            assert!(
                matches!(answer(who, &reply(&without(made(who), path))), Err(CreateError::Unknown(_))),
                "{who:?} {what}"
            );
        }
        let trade = places(who)[2].1;
        assert!(answer(who, &reply(&with(made(who), trade, json!("9".repeat(64))))).is_ok());
        // The same amount in another form is the same amount.
        for same in [json!("9.9"), json!("9.90"), json!("9.9000"), json!(9.9)] {
            assert!(answer(who, &reply(&with(made(who), places(who)[1].1, same))).is_ok());
        }
        // An address that is none is not shown; the page shows it.
        let address = match who {
            Who::Tokenpay => "/info/ToAddress",
            Who::Legacy | Who::Bepusdt => "/data/token",
            _ => "/data/receive_address",
        };
        let shown = answer(who, &reply(&with(made(who), address, json!("<b>")))).unwrap();
        assert_eq!(shown.due.unwrap().address, None, "{who:?}");
        let twice = made(who).to_string().replacen('{', r#"{"message":"x","#, 1);
        for body in ["", "<html>", "[]", "{}", &twice] {
            let found = answer(who, &HttpReply::bare(200, body.as_bytes().to_vec()));
            assert!(matches!(found, Err(CreateError::Unknown(_))), "{who:?} {body}: {found:?}");
        }
        for status in [201, 302, 400, 401, 403, 404, 500, 502] {
            let found = answer(who, &HttpReply::bare(status, made(who).to_string().into_bytes()));
            assert!(matches!(found, Err(CreateError::Unknown(_))), "{who:?} {status}: {found:?}");
        }
        let part = if who == Who::Tokenpay { "/info" } else { "/data" };
        let found = answer(who, &reply(&without(made(who), part)));
        assert!(matches!(found, Err(CreateError::Unknown(_))), "{who:?}: {found:?}");
    }
}

#[test]
fn what_epusdt_answers_when_it_makes_none() {
    for who in [Who::Legacy, Who::Gmpay1, Who::Gmpay2] {
        for (code, expected) in [
            (401, CreateError::Account("the gateway does not know the key")),
            (10_003, CreateError::Refused("the gateway has no address left to be paid at")),
            (10_004, CreateError::Amount),
            (10_005, CreateError::Refused("the gateway has no amount of coins left to tell orders apart by")),
            (10_006, CreateError::Refused("the gateway has no rate of exchange")),
            (10_009, CreateError::Refused("the gateway does not read our request")),
            (10_014, CreateError::Account("the gateway does not take this coin on this network")),
            (10_016, CreateError::Account("the gateway does not take this coin on this network")),
            (10_041, CreateError::Address("notify_url")),
            (10_002, CreateError::Unknown("the gateway gave another answer")),
            (400, CreateError::Unknown("the gateway gave another answer")),
            (201, CreateError::Unknown("the gateway gave another answer")),
        ] {
            let body =
                json!({"status_code": code, "message": "words", "data": made(who)["data"]}).to_string().into_bytes();
            for status in [200, 400, 401] {
                assert_eq!(answer(who, &HttpReply::bare(status, body.clone())), Err(expected), "{who:?} {code}");
            }
            let found = answer(who, &HttpReply::bare(500, body));
            assert!(matches!(found, Err(CreateError::Unknown(_))), "{code}");
        }
        assert!(matches!(answer(who, &reply(&json!({"message": "words"}))), Err(CreateError::Unknown(_))));
    }
}

#[test]
fn what_the_others_answer_when_they_make_none() {
    let account = CreateError::Account("the gateway does not know the key");
    let refused = CreateError::Refused("the gateway could not make the order");
    for (message, expected) in [
        ("签名错误", account),
        ("签名丢失", account),
        ("请求参数错误：x", refused),
        ("订单创建失败：x", refused),
        ("json 数据读取错误 x", CreateError::Unknown("the gateway gave another answer")),
        ("", CreateError::Unknown("the gateway gave another answer")),
    ] {
        let body = json!({"status_code": 400, "message": message});
        assert_eq!(answer(Who::Bepusdt, &reply(&body)), Err(expected), "{message}");
    }
    for (message, expected) in [
        ("签名验证失败！", account),
        ("不支持的币种【X】！\n当前支持的币种参数有：TRX", CreateError::Account("the gateway does not take this coin")),
        ("金额有误！", CreateError::Amount),
        ("此订单金额过低！", CreateError::Amount),
        ("汇率有误！", refused),
        ("", refused),
    ] {
        let body = json!({"success": false, "message": message});
        assert_eq!(answer(Who::Tokenpay, &reply(&body)), Err(expected), "{message}");
    }
    for success in [json!("false"), json!(0), json!(null)] {
        let found = answer(Who::Tokenpay, &reply(&json!({"success": success, "message": "金额有误！"})));
        assert!(matches!(found, Err(CreateError::Unknown(_))), "{success}");
    }
    let other = with(made(Who::Tokenpay), "/info/BaseCurrency", json!("USD"));
    let words = "the gateway counts in another currency (BaseCurrency)";
    assert_eq!(answer(Who::Tokenpay, &reply(&other)), Err(CreateError::Account(words)));
    assert!(answer(Who::Tokenpay, &reply(&without(made(Who::Tokenpay), "/info/BaseCurrency"))).is_ok());
    assert!(answer(Who::Tokenpay, &reply(&with(made(Who::Tokenpay), "/info/BaseCurrency", json!("cny")))).is_ok());
    // Written both ways, nobody knows which counts.
    let both = with(made(Who::Tokenpay), "/info/outOrderId", json!("X"));
    assert!(matches!(answer(Who::Tokenpay, &reply(&both)), Err(CreateError::Unknown(_))));
}
