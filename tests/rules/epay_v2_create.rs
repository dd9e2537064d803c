//! 易支付 v2: the settings of an account, the form of the pay page, and trades made through the API.

use crate::epay_v2_support::*;
use crate::support::{CALL, NUMBER, PID, own};
use domain::Currency;
use payments::{AttemptView, Call, Channel, CreateError, Created, Device, HttpReply, Started, kind};
use serde_json::{Value, json};

fn form(channel: &Channel, attempt: &AttemptView<'_>, call: &Call) -> (String, Fields) {
    let made = drive(channel.create(attempt, call), |_| panic!("a page needs no answer")).1;
    let Ok(Started { shown: Created::Form { action, fields }, provider_ref: None, due: None }) = made else {
        panic!("no form: {made:?}")
    };
    (action, fields)
}

fn by_api() -> Channel {
    channel_with(&[("create", "api")])
}

/// An attempt of which the gateway can be told everything.
fn known(number: &domain::OutTradeNo) -> AttemptView<'_> {
    AttemptView { client_ip: Some("203.0.113.7"), ..attempt(number) }
}

fn made(body: &str) -> Result<Started, CreateError> {
    let number = number();
    let reply = HttpReply::bare(200, body.as_bytes().to_vec());
    drive(by_api().create(&known(&number), &CALL), |_| Some(reply.clone())).1
}

fn trade() -> Value {
    json!({"code": 0, "trade_no": TRADE, "pay_type": "qrcode", "pay_info": "weixin://wxpay/bizpayurl?pr=04IPMKM"})
}

fn paid_by(way: &str, info: &str) -> Result<Created, CreateError> {
    let trade = with(&with(&trade(), "pay_type", Some(json!(way))), "pay_info", Some(json!(info)));
    made(&reply(&trade)).map(|started| started.shown)
}

#[test]
fn what_this_kind_of_channel_can_do() {
    let kind = channel().kind();
    assert_eq!(kind.name, "epay_v2");
    assert!(!kind.asks_to_create && kind.closes && kind.refunds && kind.refund_repeats);
    assert_eq!(kind.payable_after_ms, 24 * 60 * 60 * 1_000);
    assert_eq!(channel().currency(), Currency::CNY);
    assert!(channel().refunds());
    let names: Vec<_> = kind.fields.iter().map(|field| (field.name, field.secret, field.required)).collect();
    assert_eq!(
        names,
        [
            ("base_url", false, true),
            ("pid", false, true),
            ("private_key", true, true),
            ("platform_key", false, true),
            ("create", false, false),
            ("closes", false, false),
        ]
    );
    assert!(kind.fields.iter().all(|field| field.label.iter().all(|label| !label.is_empty())));
}

#[test]
fn the_form_holds_what_was_signed() {
    let number = number();
    let (action, fields) = form(&channel(), &attempt(&number), &CALL);
    assert_eq!(action, "https://gateway.example/api/pay/submit");
    let unsigned = without(&without(&fields, "sign"), "sign_type");
    let second = NOW.to_string();
    assert_eq!(
        unsigned,
        own([
            ("money", "9.90"),
            ("name", "月卡 30 days"),
            ("notify_url", "https://shop.example/webhooks/epay"),
            ("out_trade_no", NUMBER),
            ("pid", PID),
            ("return_url", "https://shop.example/o/0123456789ABCDEFGHJKMNPQ"),
            ("type", "alipay"),
            ("timestamp", second.as_str()),
        ])
    );
    assert_eq!(fields, signed_by("merchant", &unsigned));
    // The same attempt at the same moment has the same form; a moment later it has another time.
    assert_eq!(form(&channel(), &attempt(&number), &Call { nonce: [9; 16], ..CALL }).1, fields);
    let (_, later) = form(&channel(), &attempt(&number), &Call { now: CALL.now + 1_999, ..CALL });
    assert_eq!(value(&later, "timestamp"), (NOW + 1).to_string());
    // Without a way to pay the gateway shows its own cashier.
    let (_, open) = form(&channel(), &AttemptView { method: None, ..attempt(&number) }, &CALL);
    assert!(open.iter().all(|(name, _)| name != "type"));
}

#[test]
fn what_cannot_be_paid_this_way_is_not_begun() {
    let number = number();
    let usd = Currency::parse("USD").unwrap();
    let dollars = domain::Money { minor: 990, currency: usd };
    for channel in [channel(), by_api()] {
        let error =
            |attempt: &AttemptView<'_>| drive(channel.create(attempt, &CALL), |_| panic!("sent")).1.unwrap_err();
        let attempt = known(&number);
        assert_eq!(error(&AttemptView { amount: dollars, ..attempt }), CreateError::Currency(usd));
        assert_eq!(error(&AttemptView { amount: yuan(0), ..attempt }), CreateError::Amount);
        assert_eq!(error(&AttemptView { notify_url: "", ..attempt }), CreateError::Address("notify_url"));
        assert_eq!(error(&AttemptView { return_url: "/", ..attempt }), CreateError::Address("return_url"));
        assert_eq!(error(&AttemptView { method: Some("支付宝"), ..attempt }), CreateError::Method);
    }
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
        assert_eq!((request.method, request.url.as_str()), ("POST", "https://gateway.example/api/pay/create"));
        assert_eq!(
            request.headers,
            own([("accept", "application/json"), ("accept-encoding", "identity"), ("content-type", FORM)])
        );
        let fields = body_fields(&request.body);
        let unsigned = without(&without(&fields, "sign"), "sign_type");
        assert_eq!(fields, signed_by("merchant", &unsigned));
        for (name, expected) in [("device", told), ("clientip", "203.0.113.7"), ("method", "web"), ("money", "9.90")] {
            assert_eq!(value(&fields, name), expected);
        }
    }
}

/// The gateway refuses a call without these, and its own page asks for the one and sees the other.
#[test]
fn a_call_that_would_be_refused_is_a_page() {
    let number = number();
    let attempt = known(&number);
    for lacking in [
        AttemptView { method: None, ..attempt },
        AttemptView { method: Some(""), ..attempt },
        AttemptView { client_ip: None, ..attempt },
        AttemptView { client_ip: Some("unknown"), ..attempt },
        AttemptView { client_ip: Some("203.0.113.7, 203.0.113.8"), ..attempt },
    ] {
        form(&by_api(), &lacking, &CALL);
    }
    let v6 = AttemptView { client_ip: Some("2001:db8::1"), ..attempt };
    let (sent, _) = drive(by_api().create(&v6, &CALL), |_| None);
    assert_eq!(value(&body_fields(&sent[0].body), "clientip"), "2001:db8::1");
    form(&channel_with(&[("create", "page")]), &attempt, &CALL);
}

#[test]
fn how_it_is_paid() {
    let started = made(&reply(&trade())).unwrap();
    let code = Created::Qr("weixin://wxpay/bizpayurl?pr=04IPMKM".to_owned());
    assert_eq!(started, Started { shown: code, provider_ref: Some(TRADE.to_owned()), due: None });
    let page = "https://gateway.example/pay/submit/1/?a=1&b=2";
    assert_eq!(paid_by("jump", page), Ok(Created::Redirect(page.to_owned())));
    for app in ["weixin://dl/business/?t=1", "alipays://platformapi/startapp?x=1", "alipay://a", "mqqapi://b"] {
        assert_eq!(paid_by("urlscheme", app), Ok(Created::Qr(app.to_owned())), "{app}");
    }
    // A number that cannot be kept is not kept; the attempt's own number is enough to ask by.
    for number in [json!("9".repeat(129)), json!(null)] {
        let started = made(&reply(&with(&trade(), "trade_no", Some(number)))).unwrap();
        assert_eq!(started.provider_ref, None);
    }
    let longest = format!("https://a/{}", "a".repeat(1_014));
    assert_eq!(paid_by("qrcode", &longest), Ok(Created::Qr(longest.clone())));
}

#[test]
fn what_cannot_be_shown_may_have_been_made_all_the_same() {
    let lost = Err(CreateError::Unknown("made, and nothing to pay it with that can be shown"));
    for (way, info) in [
        ("jump", "http://gateway.example/pay/1"),
        ("jump", "http://127.0.0.1:3000/pay/1"),
        ("jump", "javascript:alert(1)"),
        ("jump", "weixin://dl/business/"),
        ("jump", "//gateway.example/pay/1"),
        ("jump", "https://gateway.example/a b"),
        ("jump", "https://gateway.example/商店"),
        ("jump", ""),
        ("qrcode", " "),
        ("qrcode", "a\u{1}b"),
        ("urlscheme", "javascript:alert(1)"),
        ("urlscheme", "https://gateway.example/"),
        ("urlscheme", "intent://a"),
        ("html", "<form></form>"),
        ("jsapi", "{}"),
        ("app", "x"),
        ("Jump", "https://gateway.example/"),
        ("", "https://gateway.example/"),
    ] {
        assert_eq!(paid_by(way, info), lost, "{way} {info}");
    }
    assert_eq!(paid_by("qrcode", &format!("https://a/{}", "a".repeat(1_015))), lost);
    assert_eq!(made(&reply(&with(&trade(), "pay_info", None))), lost.map(Started::shown));
}

/// Where the gateway itself is on this machine, so may its page be; nowhere else.
#[test]
fn a_page_without_tls_is_the_very_gateways() {
    let local = channel_with(&[("create", "api"), ("base_url", "http://127.0.0.1:3000/epay")]);
    let number = number();
    let led = |page: &str| {
        let trade = with(&with(&trade(), "pay_type", Some(json!("jump"))), "pay_info", Some(json!(page)));
        let reply = HttpReply::bare(200, reply(&trade).into_bytes());
        drive(local.create(&known(&number), &CALL), |_| Some(reply.clone())).1.is_ok()
    };
    assert!(led("http://127.0.0.1:3000/pay/1") && led("http://127.0.0.1:3000") && led("https://a.example/"));
    assert!(!led("http://127.0.0.1:3001/pay/1") && !led("http://gateway.example/") && !led("http://127.0.0.1:30000/"));
}

#[test]
fn a_reply_that_cannot_be_believed_says_nothing() {
    for (what, body) in unbelievable(&trade()) {
        let error = made(&body).unwrap_err();
        assert!(matches!(error, CreateError::Unknown(_)), "{what}: {error:?}");
    }
    for status in [201, 301, 400, 403, 500, 503] {
        let reply = HttpReply::bare(status, reply(&trade()).into_bytes());
        let number = number();
        let error = drive(by_api().create(&known(&number), &CALL), |_| Some(reply.clone())).1.unwrap_err();
        assert_eq!(error, CreateError::Unknown("the HTTP status is not 200"), "{status}");
    }
    for code in [json!(1), json!("00"), json!(-1), json!(null), json!("")] {
        let error = made(&reply(&with(&trade(), "code", Some(code.clone())))).unwrap_err();
        assert!(matches!(error, CreateError::Unknown(_)), "{code}: {error:?}");
    }
}

fn refused(code: i64, msg: &str) -> CreateError {
    made(&json!({"code": code, "msg": msg}).to_string()).unwrap_err()
}

#[test]
fn refusals_are_said_to_the_letter() {
    for (code, msg) in [
        (-1, "商户不存在"),
        (-1, "商户已被封禁"),
        (-3, "RSA签名校验失败"),
        (-3, "签名校验失败，商户公钥错误"),
        (-3, "时间戳字段不正确，请检查服务器时间"),
        (-5, "接口方法不存在"),
    ] {
        for mark in ["", "！", "!", "。", "."] {
            assert_eq!(refused(code, &format!("{msg}{mark}")), CreateError::Account(msg), "{code} {msg}{mark}");
        }
        for code in [-2, -4, -1_000] {
            assert_eq!(refused(code, msg), CreateError::Unknown("the gateway gave another answer"), "{code} {msg}");
        }
    }
    for msg in [
        "商户已被封禁，无法支付",
        "商户未通过审核，无法支付",
        "当前商户未完成实名认证，无法收款",
        "当前商户未填写联系QQ，无法收款",
        "该域名不可发起支付，原因：域名没过白，请前往支付平台授权支付域名",
        "商户保证金不足，请前往支付平台充值保证金后再发起支付",
    ] {
        assert_eq!(refused(-1, msg), CreateError::Account(msg));
        assert_eq!(refused(-2, msg), CreateError::Account(msg));
    }
    for msg in [
        "金额不合法",
        "用户IP地址(clientip)不能为空",
        "该商品禁止出售",
        "你今天已无法再发起支付，请明天再试",
        "本次支付需要安全验证，请使用跳转支付接口发起支付",
        "创建订单失败，请返回重试",
    ] {
        assert_eq!(refused(-1, &format!("{msg}！")), CreateError::Refused(msg));
    }
    for (msg, told) in [
        ("最大支付金额是100元", "the amount is above what this gateway takes"),
        ("最大支付金额是0.5元", "the amount is above what this gateway takes"),
        ("最小支付金额是1.00元", "the amount is below what this gateway takes"),
    ] {
        assert_eq!(refused(-1, msg), CreateError::Refused(told));
    }
    for (code, msg) in [
        (-1, ""),
        (-1, "系统异常无法完成付款"),
        (-1, "最大支付金额是元"),
        (-1, "最大支付金额是1元，请稍后再试"),
        (-1, "最大支付金额是一元"),
        (-1, "当前支付方式单笔最大限额为100元，请选择其他支付方式！"),
        (-1, "该订单(1)已完成支付，请勿重复发起支付"),
        (-1, "该订单(1)支付参数有变化，请更换订单号重新发起支付"),
        (-2, "通道维护"),
        (-1, "商户不存在或金额不合法"),
    ] {
        assert_eq!(refused(code, msg), CreateError::Unknown("the gateway gave another answer"), "{msg}");
    }
    // From another fork such a code may mean that all is well.
    for code in [0, 1, 200] {
        assert_eq!(refused(code, "金额不合法"), CreateError::Unknown("the reply is not signed"), "{code}");
    }
    // With a signature, a refusal has to be the gateway's as everything has.
    let signed = json!({"code": -1, "msg": "金额不合法"});
    assert_eq!(made(&reply_of("other", &signed)), Err(CreateError::Unknown("the reply's signature does not fit")));
}

fn bad(changes: &[(&str, &str)]) -> (&'static str, &'static str) {
    let mut settings = settings();
    for (name, value) in changes {
        settings.set(name, value);
    }
    let bad = (kind("epay_v2").unwrap().open)(&settings).unwrap_err();
    (bad.field, bad.why)
}

#[test]
fn every_setting_is_checked_and_named() {
    for field in ["base_url", "pid", "private_key", "platform_key"] {
        assert_eq!(bad(&[(field, "")]), (field, "It is missing."));
    }
    let host = "The gateway's address must be https://host, with nothing after the path.";
    for url in ["http://gateway.example", "gateway.example", "https://gateway.example/?a=1", "ftp://gateway.example"] {
        assert_eq!(bad(&[("base_url", url)]), ("base_url", host), "{url}");
    }
    for url in ["https://g.example/submit.php", "https://g.example/mapi.php/", "https://g.example/api/pay/create"] {
        let (field, why) = bad(&[("base_url", url)]);
        assert!(field == "base_url" && why.contains("one of the gateway's calls"), "{url}: {why}");
    }
    let merchant = "The merchant number must be 1 to 32 letters, digits, - or _.";
    for pid in ["1 000", "1&a", "123456789012345678901234567890123"] {
        assert_eq!(bad(&[("pid", pid)]), ("pid", merchant), "{pid}");
    }
    let v1 = ("private_key", "This is a key of v1 (MD5): v2 needs the merchant's private RSA key.");
    assert_eq!(bad(&[("private_key", "0123456789abcdef0123456789abcdef")]), v1);
    assert_eq!(bad(&[("private_key", &"a".repeat(64))]), v1);
    let no_key = "It is not an RSA key of at least 2048 bits.";
    assert_eq!(bad(&[("private_key", &"a".repeat(65))]).1, "It is neither PEM nor base64.");
    assert_eq!(bad(&[("private_key", &"a".repeat(68))]), ("private_key", no_key));
    let swapped = "It is a key of the other kind: public and private are swapped.";
    assert_eq!(bad(&[("private_key", key("merchant", "public"))]), ("private_key", swapped));
    assert_eq!(bad(&[("platform_key", key("platform", "private"))]), ("platform_key", swapped));
    assert_eq!(bad(&[("platform_key", "0123456789abcdef")]), ("platform_key", no_key));
    let (field, why) = bad(&[("platform_key", key("merchant", "public"))]);
    assert!(field == "platform_key" && why.contains("the merchant's own key"), "{why}");
    assert_eq!(bad(&[("create", "both")]), ("create", "It is neither page nor api."));
    assert_eq!(bad(&[("closes", "yes")]), ("closes", "It is neither true nor false."));
    // Line ends and labels that people paste along are no fault, and neither is a slash.
    let pem = format!("-----BEGIN PUBLIC KEY-----\r\n{}\r\n-----END PUBLIC KEY-----", key("platform", "public"));
    let channel = channel_with(&[("platform_key", &pem), ("base_url", "https://gateway.example/epay//")]);
    let number = number();
    assert_eq!(form(&channel, &attempt(&number), &CALL).0, "https://gateway.example/epay/api/pay/submit");
}

#[test]
fn nothing_prints_the_key() {
    let printed = format!("{:?}", channel());
    assert!(
        printed.contains("SigningKey(***)") && !printed.contains(&key("merchant", "private")[60..100]),
        "{printed}"
    );
}
