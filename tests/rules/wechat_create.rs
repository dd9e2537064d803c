//! WeChat Pay: starting an attempt. Which product the buyer gets, what is asked for, and how each answer is read.

use crate::support::{CALL, NUMBER, drive, yuan};
use crate::wechat_support::*;
use domain::{Currency, Money};
use payments::wechat::KIND;
use payments::{AttemptView, Call, CreateError, Created, Device, HttpReply, Started};
use serde_json::{Value, json};

const HOST: &str = "https://api.mch.weixin.qq.com";
const OPENID: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";

fn made(body: Value) -> Option<HttpReply> {
    Some(reply(200, &body.to_string()))
}

fn code() -> Option<HttpReply> {
    made(json!({ "code_url": "weixin://wxpay/bizpayurl/up?pr=NwY5Mz9&groupid=00" }))
}

/// What was asked for, and what came of this reply.
fn create(
    products: &str,
    attempt: &AttemptView<'_>,
    reply: Option<HttpReply>,
) -> (Value, String, Result<Started, CreateError>) {
    let (request, told) = once(channel_with([("products", products)]).create(attempt, &CALL), reply);
    assert_eq!(request.method, "POST");
    let product = request.url.strip_prefix(&format!("{HOST}/v3/pay/transactions/")).unwrap().to_owned();
    (serde_json::from_slice(&request.body).unwrap(), product, told)
}

/// What is wrong before anything is sent.
fn fault(products: &str, attempt: &AttemptView<'_>) -> CreateError {
    let (sent, told) = drive(channel_with([("products", products)]).create(attempt, &CALL), |_| None);
    assert!(sent.is_empty());
    told.unwrap_err()
}

fn fault_of(attempt: &AttemptView<'_>) -> CreateError {
    fault("native,h5,jsapi", attempt)
}

#[test]
fn a_code_is_asked_for_and_shown() {
    let (body, product, told) = create("native", &order(no()), code());
    assert_eq!(product, "native");
    assert_eq!(
        body,
        json!({
            "appid": APPID, "mchid": MCHID, "description": "月卡 30 days", "out_trade_no": NUMBER,
            "time_expire": "2026-11-22T08:15:00+08:00", "notify_url": NOTIFY,
            "amount": { "total": 990, "currency": "CNY" },
        })
    );
    let text = "weixin://wxpay/bizpayurl/up?pr=NwY5Mz9&groupid=00".to_owned();
    assert_eq!(told, Ok(Started::shown(Created::Qr(text))));
}

#[test]
fn a_request_is_signed_over_what_is_sent() {
    let (request, _) = once(channel().create(&order(no()), &CALL), None);
    let body = std::str::from_utf8(&request.body).unwrap();
    let nonce = "07".repeat(16);
    let signed = format!("POST\n/v3/pay/transactions/native\n{SECONDS}\n{nonce}\n{body}\n");
    let signature = MERCHANT.sign(signed.as_bytes()).unwrap();
    let serial = asset("merchant_serial");
    assert_eq!(
        sent(&request, "authorization"),
        format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"{MCHID}\",nonce_str=\"{nonce}\",signature=\"{signature}\",timestamp=\"{SECONDS}\",serial_no=\"{serial}\""
        )
    );
    for (name, value) in [
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
        ("content-type", "application/json"),
        ("wechatpay-serial", asset("public_key_id")),
    ] {
        assert_eq!(sent(&request, name), value);
    }
    assert!(sent(&request, "user-agent").starts_with("kamivend/"));
    // Without a public key WeChat Pay chooses one of its certificates.
    let certificates = channel_with([("platform_key_id", ""), ("platform_key", "")]);
    let (request, _) = once(certificates.create(&order(no()), &CALL), None);
    assert!(request.headers.iter().all(|(name, _)| name != "wechatpay-serial"));
    // A nonce that holds letters is written in capitals.
    let call = Call { nonce: [0xab; 16], ..CALL };
    let (request, _) = once(channel().create(&order(no()), &call), None);
    assert!(sent(&request, "authorization").contains(&format!("nonce_str=\"{}\"", "AB".repeat(16))));
}

#[test]
fn a_page_for_a_phone_leads_back_to_the_shop() {
    let phone = AttemptView { device: Device::Phone, client_ip: Some("203.0.113.7"), ..order(no()) };
    let page = "https://wx.tenpay.example/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx2016&package=1";
    let (body, product, told) = create("native,h5", &phone, made(json!({ "h5_url": page })));
    assert_eq!(product, "h5");
    assert_eq!(body["scene_info"], json!({ "payer_client_ip": "203.0.113.7", "h5_info": { "type": "Wap" } }));
    assert_eq!(body["payer"], Value::Null);
    let back = "redirect_url=https%3A%2F%2Fshop.example%2Fo%2F0123456789ABCDEFGHJKMNPQ";
    assert_eq!(told, Ok(Started::shown(Created::Redirect(format!("{page}&{back}")))));
    let (_, _, told) = create("h5", &phone, made(json!({ "h5_url": "https://wx.tenpay.example/a" })));
    assert_eq!(told, Ok(Started::shown(Created::Redirect(format!("https://wx.tenpay.example/a?{back}")))));
    // The address is written in its shortest form, whatever the transport wrote.
    let six = AttemptView { client_ip: Some("2001:DB8:0:0:0:0:0:1"), ..phone };
    let (body, _, _) = create("h5", &six, None);
    assert_eq!(body["scene_info"]["payer_client_ip"], "2001:db8::1");
}

#[test]
fn a_page_inside_wechat_gets_what_it_hands_over() {
    let inside = AttemptView { device: Device::InWechat, payer: Some(OPENID), ..order(no()) };
    let (body, product, told) =
        create("native,jsapi", &inside, made(json!({ "prepay_id": "wx201410272009395522657a" })));
    assert_eq!((product.as_str(), &body["payer"]), ("jsapi", &json!({ "openid": OPENID })));
    assert_eq!(body["scene_info"], Value::Null);
    let Ok(Started { shown: Created::Jsapi(handed), provider_ref: None, due: None }) = told else { panic!("{told:?}") };
    let nonce = "07".repeat(16);
    let signed = format!("{APPID}\n{SECONDS}\n{nonce}\nprepay_id=wx201410272009395522657a\n");
    assert_eq!(
        serde_json::from_str::<Value>(&handed).unwrap(),
        json!({
            "appId": APPID, "timeStamp": SECONDS.to_string(), "nonceStr": nonce, "signType": "RSA",
            "package": "prepay_id=wx201410272009395522657a", "paySign": MERCHANT.sign(signed.as_bytes()).unwrap(),
        })
    );
}

#[test]
fn the_product_fits_account_device_and_buyer() {
    let ip = Some("203.0.113.7");
    let payer = Some(OPENID);
    let all = "native,h5,jsapi";
    for (products, method, device, client_ip, payer, expected) in [
        (all, None, Device::Desktop, ip, payer, Some("native")),
        (all, Some("wxpay"), Device::Desktop, ip, payer, Some("native")),
        (all, None, Device::Phone, ip, None, Some("h5")),
        (all, Some("wxpay"), Device::Phone, ip, None, Some("h5")),
        (all, None, Device::Phone, None, None, Some("native")),
        (all, None, Device::Phone, Some("no address"), None, Some("native")),
        ("native,jsapi", None, Device::Phone, ip, None, Some("native")),
        (all, None, Device::InWechat, ip, payer, Some("jsapi")),
        (all, None, Device::InWechat, ip, None, Some("native")),
        (all, None, Device::InWechat, ip, Some("no openid"), Some("native")),
        ("native,h5", None, Device::InWechat, ip, payer, Some("native")),
        (all, None, Device::InAlipay, ip, payer, Some("native")),
        (all, Some("native"), Device::Phone, ip, payer, Some("native")),
        (all, Some("h5"), Device::Desktop, ip, None, Some("h5")),
        (all, Some("jsapi"), Device::Desktop, None, payer, Some("jsapi")),
        (all, Some("h5"), Device::Phone, None, None, None),
        (all, Some("h5"), Device::Phone, Some("203.0.113.256"), None, None),
        (all, Some("jsapi"), Device::InWechat, ip, None, None),
        (all, Some("jsapi"), Device::InWechat, ip, Some(""), None),
        ("native", Some("h5"), Device::Phone, ip, None, None),
        ("native", Some("jsapi"), Device::InWechat, ip, payer, None),
        ("h5,jsapi", Some("native"), Device::Desktop, ip, payer, None),
        ("h5,jsapi", None, Device::Desktop, ip, payer, None),
        ("jsapi", None, Device::Phone, ip, payer, None),
        ("h5", None, Device::InWechat, ip, payer, None),
        (all, Some("alipay"), Device::Desktop, ip, payer, None),
        (all, Some("NATIVE"), Device::Desktop, ip, payer, None),
        (all, Some(""), Device::Desktop, ip, payer, None),
    ] {
        let attempt = AttemptView { method, device, client_ip, payer, ..order(no()) };
        match expected {
            Some(product) => assert_eq!(create(products, &attempt, None).1, product, "{products} {attempt:?}"),
            None => assert_eq!(fault(products, &attempt), CreateError::Method, "{products} {attempt:?}"),
        }
    }
    assert_eq!(
        create("native", &AttemptView { device: Device::Phone, client_ip: ip, ..order(no()) }, None).1,
        "native"
    );
    assert_eq!(KIND.methods, ["wxpay"]);
    assert_eq!((KIND.name, KIND.payable_after_ms), ("wechat", 600_000));
    assert!(KIND.asks_to_create && KIND.closes && KIND.refunds && KIND.refund_repeats && channel().refunds());
    assert_eq!((channel().kind().name, channel().currency()), ("wechat", Currency::CNY));
}

#[test]
fn an_openid_is_letters_digits_and_two_signs() {
    let longest = "o".repeat(128);
    for payer in ["o", "o-_9Z", &longest] {
        let attempt = AttemptView { method: Some("jsapi"), payer: Some(payer), ..order(no()) };
        assert_eq!(create("jsapi", &attempt, None).0["payer"]["openid"], payer);
    }
    for payer in ["", "a b", "a.b", "a\"", "月", &"o".repeat(129)] {
        let attempt = AttemptView { method: Some("jsapi"), payer: Some(payer), ..order(no()) };
        assert_eq!(fault("jsapi", &attempt), CreateError::Method, "{payer}");
    }
}

#[test]
fn what_cannot_be_asked_for_is_not_sent() {
    let usd = Currency::parse("USD").unwrap();
    let dollars = Money { minor: 990, currency: usd };
    assert_eq!(fault_of(&AttemptView { amount: dollars, ..order(no()) }), CreateError::Currency(usd));
    for minor in [0, -1] {
        assert_eq!(fault_of(&AttemptView { amount: yuan(minor), ..order(no()) }), CreateError::Amount);
    }
    assert_eq!(create("native", &AttemptView { amount: yuan(1), ..order(no()) }, None).0["amount"]["total"], 1);
    for url in [
        "http://shop.example/webhooks/wechat",
        "https://shop.example/webhooks/wechat?a=1",
        "https://shop.example/a b",
        "https://shop.example/a#b",
        "https://a@shop.example/",
        "https://shop.example:/a:b",
        "https://shop.example:99999/",
        "https://shop.example:x/",
        "https:///a",
        "https://",
        "ftp://shop.example/",
        "",
    ] {
        let told = fault_of(&AttemptView { notify_url: url, ..order(no()) });
        assert_eq!(told, CreateError::Address("notify_url"), "{url}");
        let told = fault_of(&AttemptView { return_url: url, ..order(no()) });
        assert_eq!(told, CreateError::Address("return_url"), "{url}");
    }
    for url in [
        "https://shop.example",
        "https://shop.example:8443/a-b._~/c",
        "https://[2001:db8::1]/a",
        "http://127.0.0.1:3000/webhooks/wechat",
        "http://localhost/a",
        "http://[::1]:3000/a",
    ] {
        assert_eq!(create("native", &AttemptView { notify_url: url, ..order(no()) }, None).0["notify_url"], url);
    }
}

#[test]
fn a_trade_ends_with_the_order_but_not_within_five_minutes() {
    for (expires_at, end) in [
        (CALL.now + 900_000, "2026-11-22T08:15:00+08:00"),
        (CALL.now + 900_999, "2026-11-22T08:15:00+08:00"),
        (CALL.now + 901_000, "2026-11-22T08:15:01+08:00"),
        (CALL.now + 301_000, "2026-11-22T08:05:01+08:00"),
        (CALL.now + 302_000, "2026-11-22T08:05:02+08:00"),
        (CALL.now + 1_000, "2026-11-22T08:05:01+08:00"),
        (i64::MIN, "2026-11-22T08:05:01+08:00"),
        (i64::MAX, "9999-12-31T23:59:59+08:00"),
        // The ends of days, months and years in China, of leap years and of others.
        (1_798_732_799_000, "2026-12-31T23:59:59+08:00"),
        (1_798_732_800_000, "2027-01-01T00:00:00+08:00"),
        (1_803_830_399_000, "2027-02-28T23:59:59+08:00"),
        (1_803_830_400_000, "2027-03-01T00:00:00+08:00"),
        (1_835_366_400_000, "2028-02-29T00:00:00+08:00"),
        (1_835_452_800_000, "2028-03-01T00:00:00+08:00"),
        (1_851_263_999_000, "2028-08-30T23:59:59+08:00"),
        (4_107_470_400_000, "2100-02-28T12:00:00+08:00"),
        (4_107_556_800_000, "2100-03-01T12:00:00+08:00"),
        (13_574_577_600_000, "2400-02-29T12:00:00+08:00"),
    ] {
        let body = create("native", &AttemptView { expires_at, ..order(no()) }, None).0;
        assert_eq!(body["time_expire"], end, "{expires_at}");
    }
    // Each month's first and last day of a year.
    let mut at = 1_798_732_800_000;
    for (month, days) in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate() {
        for (day, at) in [(1, at), (days, at + (days - 1) * 86_400_000)] {
            let body = create("native", &AttemptView { expires_at: at, ..order(no()) }, None).0;
            assert_eq!(body["time_expire"], format!("2027-{:02}-{day:02}T00:00:00+08:00", month + 1));
        }
        at += days * 86_400_000;
    }
    // A clock that stands before 1970 is wrong, and is nothing to fall over.
    let call = Call { now: -900_000_000, ..CALL };
    let (request, _) = once(channel().create(&AttemptView { expires_at: 0, ..order(no()) }, &call), None);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["time_expire"], "1970-01-01T08:00:00+08:00");
    let call = Call { now: i64::MIN, ..CALL };
    let (request, _) = once(channel().create(&AttemptView { expires_at: i64::MIN, ..order(no()) }, &call), None);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["time_expire"], "1970-01-01T00:00:00+08:00");
}

#[test]
fn a_description_is_what_wechat_pay_takes() {
    let long = "月".repeat(128);
    let cut = "月".repeat(127);
    let spaced = format!("{} 月", "月".repeat(126));
    for (name, expected) in [
        ("Steam 充值卡 & \"100\"", "Steam 充值卡 & \"100\""),
        ("  a \t b\u{0}c  ", "a b c"),
        ("卡🎮密", "卡 密"),
        ("\u{FFFF}\u{10000}", "\u{FFFF}"),
        ("🎮", "product"),
        ("", "product"),
        (&long, &cut),
        (&spaced, &"月".repeat(126)),
    ] {
        let body = create("native", &AttemptView { product_name: name, ..order(no()) }, None).0;
        assert_eq!(body["description"], expected, "{name}");
    }
}

#[test]
fn each_reply_is_read_for_what_it_is() {
    let attempt = order(no());
    let told = |reply| create("native", &attempt, reply).2.unwrap_err();
    assert_eq!(told(None), CreateError::Unknown("no reply"));
    let nothing = CreateError::Unknown("the reply holds nothing to pay with");
    for body in [
        json!({}),
        json!({ "code_url": "" }),
        json!({ "code_url": 1 }),
        json!({ "code_url": "https://wx.tenpay.example/" }),
        json!({ "code_url": "weixin://a b" }),
        json!({ "code_url": format!("weixin://{}", "a".repeat(504)) }),
        json!({ "prepay_id": "wx1" }),
        json!({ "h5_url": "https://wx.tenpay.example/" }),
    ] {
        assert_eq!(told(made(body.clone())), nothing, "{body}");
    }
    let longest = format!("weixin://{}", "a".repeat(503));
    let shown = create("native", &attempt, made(json!({ "code_url": longest }))).2;
    assert_eq!(shown, Ok(Started::shown(Created::Qr(longest))));
    for (body, why) in [
        ("", "the reply is not a JSON object"),
        ("[]", "the reply is not a JSON object"),
        ("{", "not a JSON object, or a name sent twice"),
        (r#"{"code_url":"weixin://a","code_url":"weixin://b"}"#, "not a JSON object, or a name sent twice"),
    ] {
        assert_eq!(told(Some(reply(200, body))), CreateError::Unknown(why), "{body}");
    }
    for status in [201, 202, 204, 301, 400, 404, 500, 502] {
        let unclear = CreateError::Unknown("the HTTP status is not 200");
        assert_eq!(told(Some(reply(status, r#"{"code_url":"weixin://a"}"#))), unclear, "{status}");
        assert_eq!(told(Some(reply(status, "<html>"))), unclear, "{status}");
    }
    // A code of error in a success is none, and without an error of its own the code counts for nothing.
    let both = json!({ "code": "NO_AUTH", "code_url": "weixin://a" }).to_string();
    assert!(create("native", &attempt, Some(reply(200, &both))).2.is_ok());
}

#[test]
fn pages_and_bridges_are_checked_too() {
    let nothing = Err(CreateError::Unknown("the reply holds nothing to pay with"));
    let phone = AttemptView { method: Some("h5"), client_ip: Some("203.0.113.7"), ..order(no()) };
    for url in [
        "",
        "http://wx.tenpay.example/",
        "weixin://a",
        "javascript:alert(1)",
        "https://wx.tenpay.example/a b",
        "https://wx.tenpay.example/#a",
        &format!("https://{}", "a".repeat(505)),
    ] {
        assert_eq!(create("h5", &phone, made(json!({ "h5_url": url }))).2, nothing, "{url}");
    }
    let longest = format!("https://{}", "a".repeat(504));
    assert!(create("h5", &phone, made(json!({ "h5_url": longest }))).2.is_ok());
    // A provider on this machine shows its own page without TLS, and nobody else's.
    let here = channel_with([("base_url", "http://127.0.0.1:3000")]);
    for (url, is_shown) in [
        ("http://127.0.0.1:3000/pay", true),
        ("http://127.0.0.1:30001/pay", false),
        ("http://127.0.0.1:3000.example/pay", false),
        ("http://wx.tenpay.example/pay", false),
    ] {
        let told = once(here.create(&phone, &CALL), made(json!({ "h5_url": url }))).1;
        assert_eq!(told.is_ok(), is_shown, "{url}");
    }
    let inside = AttemptView { method: Some("jsapi"), payer: Some(OPENID), ..order(no()) };
    for id in ["", "a b", "a\nb", "月", &"a".repeat(129)] {
        assert_eq!(create("jsapi", &inside, made(json!({ "prepay_id": id }))).2, nothing, "{id}");
    }
    assert!(create("jsapi", &inside, made(json!({ "prepay_id": "a".repeat(128) }))).2.is_ok());
}

#[test]
fn refusals_are_told_from_what_nobody_knows() {
    let attempt = order(no());
    let told = |reply| create("native", &attempt, Some(reply)).2.unwrap_err();
    let unclear = CreateError::Unknown("the HTTP status is not 200");
    let sign = "The merchant's key or the number of its certificate is not the one WeChat Pay knows.";
    let auth = "The merchant is not signed for this product.";
    for (status, code, expected) in [
        (401, "SIGN_ERROR", CreateError::Account(sign)),
        (403, "NO_AUTH", CreateError::Account(auth)),
        (403, "NOAUTH", CreateError::Account(auth)),
        (400, "MCH_NOT_EXISTS", CreateError::Account("There is no such merchant number.")),
        (400, "APPID_MCHID_NOT_MATCH", CreateError::Account("The AppID is not bound to the merchant number.")),
        (400, "APPID_NOT_EXIST", CreateError::Account("There is no such AppID.")),
        (400, "PARAM_ERROR", CreateError::Refused("WeChat Pay does not take a field of the request.")),
        (429, "FREQUENCY_LIMITED", CreateError::Refused("WeChat Pay is asked too often.")),
        (500, "OPENID_MISMATCH", CreateError::Refused("The buyer is not known to this AppID.")),
        (403, "OUT_TRADE_NO_USED", unclear),
        (400, "INVALID_REQUEST", unclear),
        (400, "ORDERPAID", unclear),
        (500, "SYSTEM_ERROR", unclear),
        (403, "SOMETHING_NEW", unclear),
        (403, "no_auth", unclear),
        (202, "USERPAYING", unclear),
    ] {
        assert_eq!(told(error(status, code)), expected, "{status} {code}");
    }
    // Whoever is not recognised is answered without a signature, and with nothing else.
    let bare = |status, code: &str| HttpReply::bare(status, json!({ "code": code }).to_string().into_bytes());
    assert_eq!(told(bare(401, "SIGN_ERROR")), CreateError::Account(sign));
    let unsigned = CreateError::Unknown("the reply is not signed");
    assert_eq!(told(bare(403, "SIGN_ERROR")), unsigned);
    assert_eq!(told(bare(401, "NO_AUTH")), unsigned);
    assert_eq!(told(bare(403, "NO_AUTH")), unsigned);
    assert_eq!(told(bare(400, "PARAM_ERROR")), unsigned);
    assert_eq!(told(HttpReply::bare(401, b"SIGN_ERROR".to_vec())), unsigned);
    let forged = HttpReply { body: br#"{"code":"SIGN_ERROR"}"#.to_vec(), ..error(401, "SIGN_ERROR") };
    assert_eq!(told(forged), CreateError::Unknown("the reply's signature does not fit"));
    for genuine in [code().unwrap(), error(403, "NO_AUTH"), error(400, "PARAM_ERROR")] {
        for (why, reply) in not_its_own(&genuine) {
            assert_eq!(told(reply), CreateError::Unknown(why));
        }
    }
}
