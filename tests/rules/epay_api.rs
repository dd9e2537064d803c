//! 易支付 v1: trades made through `mapi.php`, and the settings of an account by name.

use crate::support::*;
use domain::Currency;
use payments::{AttemptView, Channel, CreateError, Created, Device, HttpReply, Probe, Settings, Started, form, kind};
use serde_json::{Value, json};

const TRADE: &str = "2026112205060712345";
const LOST: CreateError = CreateError::Unknown("made, and nothing to pay it with that can be shown");

fn settings() -> Settings {
    [("base_url", BASE), ("pid", PID), ("key", KEY)].into_iter().collect()
}

fn channel_with(changes: &[(&str, &str)]) -> Channel {
    let mut settings = settings();
    for (name, value) in changes {
        settings.set(name, value);
    }
    (kind("epay_v1").unwrap().open)(&settings).unwrap()
}

fn by_api() -> Channel {
    channel_with(&[("create", "api")])
}

/// An attempt of which the gateway can be told everything.
fn known(number: &domain::OutTradeNo) -> AttemptView<'_> {
    AttemptView { client_ip: Some("203.0.113.7"), ..attempt(number) }
}

fn made_on(device: Device, body: &str) -> Result<Started, CreateError> {
    let number = number();
    let reply = HttpReply::bare(200, body.as_bytes().to_vec());
    drive(by_api().create(&AttemptView { device, ..known(&number) }, &CALL), |_| Some(reply.clone())).1
}

fn made(body: &str) -> Result<Started, CreateError> {
    made_on(Device::Desktop, body)
}

fn shown(members: &Value) -> Result<Created, CreateError> {
    made(&members.to_string()).map(|started| started.shown)
}

#[test]
fn a_trade_is_made_by_the_api() {
    let number = number();
    for (device, told) in
        [(Device::Desktop, "pc"), (Device::Phone, "mobile"), (Device::InWechat, "wechat"), (Device::InAlipay, "alipay")]
    {
        let (sent, made) = drive(by_api().create(&AttemptView { device, ..known(&number) }, &CALL), |_| None);
        assert_eq!(made, Err(CreateError::Unknown("no reply")));
        let [request] = sent.as_slice() else { panic!("one request") };
        assert_eq!((request.method, request.url.as_str()), ("POST", "https://gateway.example/mapi.php"));
        assert_eq!(
            request.headers,
            own([
                ("accept", "application/json"),
                ("accept-encoding", "identity"),
                ("content-type", "application/x-www-form-urlencoded"),
            ])
        );
        let unsigned = own([
            ("money", "9.90"),
            ("name", "月卡 30 days"),
            ("notify_url", "https://shop.example/webhooks/epay"),
            ("out_trade_no", NUMBER),
            ("pid", PID),
            ("return_url", "https://shop.example/o/0123456789ABCDEFGHJKMNPQ"),
            ("type", "alipay"),
            ("clientip", "203.0.113.7"),
            ("device", told),
        ]);
        assert_eq!(own(form::parse(&request.body).unwrap().iter()), signed(&unsigned));
    }
}

/// The gateway refuses a call without these, and its own page asks for the one and sees the other.
#[test]
fn a_call_that_would_be_refused_is_a_page() {
    let number = number();
    let attempt = known(&number);
    let page = |channel: &Channel, attempt: &AttemptView<'_>| {
        let made = drive(channel.create(attempt, &CALL), |_| panic!("a page needs no answer")).1;
        matches!(made.unwrap().shown, Created::Redirect(url) if url.starts_with("https://gateway.example/submit.php?"))
    };
    for lacking in [
        AttemptView { method: None, ..attempt },
        AttemptView { method: Some(""), ..attempt },
        AttemptView { client_ip: None, ..attempt },
        AttemptView { client_ip: Some("unknown"), ..attempt },
    ] {
        assert!(page(&by_api(), &lacking));
    }
    for create in ["", "page"] {
        assert!(page(&channel_with(&[("create", create)]), &attempt));
    }
    let usd = domain::Money { minor: 1, currency: Currency::parse("USD").unwrap() };
    let dollars = AttemptView { amount: usd, ..attempt };
    let error = drive(by_api().create(&dollars, &CALL), |_| panic!("sent")).1.unwrap_err();
    assert_eq!(error, CreateError::Currency(usd.currency));
}

#[test]
fn how_it_is_paid() {
    let qr = || Created::Qr("weixin://wxpay/bizpayurl?pr=04IPMKM".to_owned());
    let page = || Created::Redirect("https://gateway.example/pay/1?a=1&b=2".to_owned());
    let app = || Created::Qr("alipays://platformapi/startapp?a=1".to_owned());
    let code = ("qrcode", "weixin://wxpay/bizpayurl?pr=04IPMKM");
    let url = ("payurl", "https://gateway.example/pay/1?a=1&b=2");
    let scheme = ("urlscheme", "alipays://platformapi/startapp?a=1");
    let told = |ways: &[(&str, &str)], device| {
        let mut all = json!({"code": 1, "trade_no": TRADE});
        for (name, value) in ways {
            all[*name] = json!(value);
        }
        made_on(device, &all.to_string()).unwrap().shown
    };
    for device in [Device::Desktop, Device::Phone, Device::InWechat, Device::InAlipay] {
        assert_eq!(told(&[code], device), qr());
        assert_eq!(told(&[url], device), page());
        assert_eq!(told(&[scheme], device), app());
        assert_eq!(told(&[code, ("payurl", "")], device), qr());
    }
    // Forks that give several: a phone cannot read its own screen.
    assert_eq!(told(&[scheme, url, code], Device::Desktop), qr());
    assert_eq!(told(&[scheme, url], Device::Desktop), page());
    assert_eq!(told(&[scheme, url, code], Device::Phone), page());
    assert_eq!(told(&[scheme, code], Device::InAlipay), app());

    let trade = json!({"code": "1", "trade_no": TRADE, "payurl": "https://gateway.example/pay/1"});
    assert_eq!(made(&trade.to_string()).unwrap().provider_ref.as_deref(), Some(TRADE));
    assert_eq!(made(&Value::String(trade.to_string()).to_string()).unwrap().provider_ref.as_deref(), Some(TRADE));
    for number in [json!(""), json!(null), json!("9".repeat(129)), json!("1\n2")] {
        let mut trade = trade.clone();
        trade["trade_no"] = number;
        assert_eq!(made(&trade.to_string()).unwrap().provider_ref, None);
    }
}

/// Nothing in the reply is signed, so nothing of it is shown but a page with TLS, or the text of a code.
#[test]
fn what_cannot_be_shown_may_have_been_made_all_the_same() {
    for (name, text) in [
        ("payurl", "http://gateway.example/pay/1"),
        ("payurl", "javascript:alert(1)"),
        ("payurl", "https://gateway.example/a\"b c"),
        ("qrcode", "a b"),
        ("qrcode", "码"),
        ("urlscheme", "https://gateway.example/"),
        ("urlscheme", "javascript:alert(1)"),
        ("html", "<form></form>"),
        ("PayUrl", "https://gateway.example/"),
    ] {
        assert_eq!(shown(&json!({"code": 1, name: text})), Err(LOST), "{name} {text}");
    }
    assert_eq!(shown(&json!({"code": 1, "payurl": 1})), Err(LOST));
    assert_eq!(shown(&json!({"code": 1})), Err(LOST));
}

#[test]
fn a_reply_that_is_none_says_nothing() {
    let good = json!({"code": 1, "trade_no": TRADE, "qrcode": "x"}).to_string();
    for body in [
        String::new(),
        "<html>502 Bad Gateway</html>".to_owned(),
        format!("[{good}]"),
        good[..good.len() - 1].to_owned(),
        format!("{good}{good}"),
        good.replacen('{', "{\"code\":1,", 1),
        good.replacen('{', "{\"qrcode\":\"y\",", 1),
        good.replace("\"code\":1", "\"code\":true"),
        good.replace("\"code\":1", "\"code\":1.0"),
        good.replace("\"code\":1", "\"code\":0"),
        good.replace("\"code\":1", "\"code\":2"),
        good.replace("\"code\":1", "\"code\":\"+1\""),
        good.replace("\"code\":1", "\"code\":\"01\""),
        good.replace("\"code\":1", "\"cod\":1"),
        format!("{good}{}", " ".repeat(65_536)),
    ] {
        let error = made(&body).unwrap_err();
        assert!(matches!(error, CreateError::Unknown(_)), "{body:.60}: {error:?}");
    }
    let number = number();
    for status in [201, 302, 400, 500, 503] {
        let reply = HttpReply::bare(status, good.clone().into_bytes());
        let error = drive(by_api().create(&known(&number), &CALL), |_| Some(reply.clone())).1.unwrap_err();
        assert_eq!(error, CreateError::Unknown("the HTTP status is not 200"), "{status}");
    }
}

#[test]
fn refusals_are_said_to_the_letter() {
    let refused = |code: i64, msg: &str| made(&json!({"code": code, "msg": msg}).to_string()).unwrap_err();
    assert_eq!(refused(-3, "MD5签名校验失败"), CreateError::Account("MD5签名校验失败"));
    assert_eq!(refused(-3, "该商户只能使用RSA签名类型"), CreateError::Account("该商户只能使用RSA签名类型"));
    assert_eq!(refused(-1, "签名校验失败，请返回重试！"), CreateError::Account("签名校验失败，请返回重试"));
    assert_eq!(refused(-1, "PID不存在"), CreateError::Account("PID不存在"));
    assert_eq!(refused(-1, "金额不合法"), CreateError::Refused("金额不合法"));
    for code in [0, 2, 200] {
        let error = refused(code, "金额不合法");
        assert_eq!(error, CreateError::Unknown("the code means success in another fork"), "{code}");
    }
    assert_eq!(refused(-2, "上游繁忙"), CreateError::Unknown("the gateway gave another answer"));
    assert_eq!(made(r#"{"code":-1}"#).unwrap_err(), CreateError::Unknown("the gateway gave another answer"));
    assert_eq!(made(r#"{"code":-1,"msg":1}"#).unwrap_err(), CreateError::Unknown("the gateway gave another answer"));
}

#[test]
fn what_the_account_hears_of_itself() {
    let probe = |body: Value| {
        let reply = HttpReply::bare(200, body.to_string().into_bytes());
        drive(channel().probe(&CALL), |_| Some(reply.clone())).1
    };
    assert_eq!(probe(json!({"code": 1, "pid": 1000, "active": 1})), Probe::Works { signed: false });
    assert_eq!(probe(json!({"code": "1", "pid": "1000"})), Probe::Works { signed: false });
    for words in ["商户ID不存在", "商户密钥错误", "该商户只能使用RSA签名类型"] {
        assert_eq!(probe(json!({"code": -3, "msg": words})), Probe::Account(words));
    }
    for other in [
        json!({"code": 1, "pid": 1001}),
        json!({"code": 1}),
        json!({"code": 0, "pid": 1000}),
        json!({"code": -2, "msg": "商户密钥错误"}),
        json!({"pid": 1000}),
    ] {
        assert!(matches!(probe(other.clone()), Probe::Unknown(_)), "{other}");
    }
    let (sent, found) = drive(channel().probe(&CALL), |_| None);
    assert_eq!(found, Probe::Unknown("no reply"));
    assert_eq!((sent.len(), sent[0].method), (1, "GET"));
    assert_eq!(sent[0].url, format!("{BASE}/api.php?act=query&pid={PID}&key={KEY}"));
}

fn bad(changes: &[(&str, &str)]) -> (&'static str, &'static str) {
    let mut settings = settings();
    for (name, value) in changes {
        settings.set(name, value);
    }
    let bad = (kind("epay_v1").unwrap().open)(&settings).unwrap_err();
    (bad.field, bad.why)
}

#[test]
fn every_setting_is_checked_and_named() {
    for field in ["base_url", "pid", "key"] {
        assert_eq!(bad(&[(field, "")]), (field, "It is missing."));
    }
    let host = "The gateway's address must be https://host, with nothing after the path.";
    for url in ["http://gateway.example", "https://gateway.example?a=1"] {
        assert_eq!(bad(&[("base_url", url)]), ("base_url", host), "{url}");
    }
    for url in ["https://g.example/submit.php", "https://g.example/mapi.php/", "https://g.example/api/pay/submit"] {
        let (field, why) = bad(&[("base_url", url)]);
        assert!(field == "base_url" && why.contains("one of the gateway's calls"), "{url}: {why}");
    }
    assert_eq!(bad(&[("pid", "1 0")]).0, "pid");
    assert_eq!(bad(&[("key", "one two")]), ("key", "The merchant key holds white space."));
    let (field, why) = bad(&[("key", &"a".repeat(129))]);
    assert!(field == "key" && why.contains("epay_v2"), "{why}");
    let (field, why) = bad(&[("key", &format!("{}\n{}", "a".repeat(64), "b".repeat(64)))]);
    assert!(field == "key" && why.contains("epay_v2"), "{why}");
    channel_with(&[("key", &"a".repeat(128))]);
    assert_eq!(bad(&[("refund_code", "-1")]).0, "refund_code");
    assert_eq!(bad(&[("refund_code", "no")]).0, "refund_code");
    assert_eq!(bad(&[("key_separator", "yes")]), ("key_separator", "It is neither true nor false."));
    assert_eq!(bad(&[("create", "both")]), ("create", "It is neither page nor api."));
    assert!(channel_with(&[("refund_code", "1")]).refunds() && !channel_with(&[]).refunds());
}
