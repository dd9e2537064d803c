//! An application at Alipay, and what Alipay would send for it: signed here by its rules, written down a second time.

use crate::support::{CALL, Fields, NUMBER, attempt, borrowed, drive, own, without};
use payments::rsa::SigningKey;
use payments::{AttemptView, Channel, HttpReply, HttpRequest, Notice, RawRequest, Reject, Settings, Step, form};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

pub const APP_ID: &str = "2021000122600001";
pub const SELLER: &str = "2088721003890000";
pub const TRADE: &str = "2026112222001499160501589436";
pub const REFUND: &str = "R0011223344556677";
pub const GATEWAY: &str = "https://openapi.alipay.com/gateway.do";
pub const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Test keys and certificates that open nothing.
pub static ASSETS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../infra/local/assets/alipay.json")).unwrap());

/// The published vectors.
pub static VECTORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../vectors/alipay.json")).unwrap());

/// Alipay's key, the application's, and one that is neither's.
pub static PLATFORM: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::read(asset("platform_private")).unwrap());
pub static APP: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::read(asset("app_private")).unwrap());
pub static STRANGER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::read(asset("stranger_private")).unwrap());

pub fn asset(name: &str) -> &'static str {
    ASSETS[name].as_str().unwrap()
}

pub fn vectors(kind: &str) -> Vec<&'static Value> {
    let all = VECTORS["vectors"].as_array().unwrap();
    all.iter().filter(|vector| vector["kind"] == kind).collect()
}

pub fn key_settings() -> Settings {
    Settings::from_iter([
        ("app_id", APP_ID),
        ("app_private_key", asset("app_private")),
        ("alipay_public_key", asset("platform_public")),
        ("products", "qr,page,wap"),
        ("seller_id", SELLER),
    ])
}

pub fn cert_settings() -> Settings {
    let mut settings = key_settings();
    settings.set("alipay_public_key", "");
    settings.set("app_cert", asset("app_cert"));
    settings.set("alipay_cert", asset("platform_cert"));
    settings.set("alipay_root_cert", asset("root_certs"));
    settings
}

pub fn with<'a>(mut settings: Settings, changes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Settings {
    for (name, value) in changes {
        settings.set(name, value);
    }
    settings
}

pub fn open(settings: &Settings) -> Channel {
    (payments::kind("alipay").unwrap().open)(settings).unwrap()
}

pub static KEYS: LazyLock<Channel> = LazyLock::new(|| open(&key_settings()));
pub static CERTS: LazyLock<Channel> = LazyLock::new(|| open(&cert_settings()));

/// `name=value` of all that is filled, sorted by bytes, without these names.
pub fn text(fields: &Fields, without: &[&str]) -> String {
    let kept = fields.iter().filter(|(name, value)| !value.is_empty() && !without.contains(&name.as_str()));
    let sorted: BTreeMap<&String, &String> = kept.map(|(name, value)| (name, value)).collect();
    sorted.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// What Alipay reports of a payment, unsigned.
pub fn notice() -> Fields {
    own([
        ("gmt_create", "2026-11-22 13:05:32"),
        ("charset", "utf-8"),
        ("gmt_payment", "2026-11-22 13:05:43"),
        ("notify_time", "2026-11-22 13:05:45"),
        ("subject", "月卡 30 days"),
        ("buyer_id", "2088722003890001"),
        ("invoice_amount", "9.90"),
        ("version", "1.0"),
        ("notify_id", "2026112201222130545199160501632046"),
        ("fund_bill_list", r#"[{"amount":"9.90","fundChannel":"ALIPAYACCOUNT"}]"#),
        ("notify_type", "trade_status_sync"),
        ("out_trade_no", NUMBER),
        ("total_amount", "9.90"),
        ("trade_status", "TRADE_SUCCESS"),
        ("trade_no", TRADE),
        ("auth_app_id", APP_ID),
        ("receipt_amount", "9.00"),
        ("point_amount", "0.00"),
        ("app_id", APP_ID),
        ("buyer_pay_amount", "9.00"),
        ("seller_id", SELLER),
    ])
}

pub fn notice_with<'a>(changes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Fields {
    let mut fields = notice();
    for (name, value) in changes {
        fields = without(&fields, name);
        fields.push((name.to_owned(), value.to_owned()));
    }
    fields
}

/// The fields with the signature that this key gives them as a notification.
pub fn signed_by(key: &SigningKey, fields: &Fields) -> Fields {
    let mut all = fields.clone();
    let sign = key.sign(text(fields, &["sign", "sign_type"]).as_bytes()).unwrap();
    all.extend(own([("sign", sign.as_str()), ("sign_type", "RSA2")]));
    all
}

pub fn signed(fields: &Fields) -> Fields {
    signed_by(&PLATFORM, fields)
}

pub fn body_of(fields: &Fields) -> Vec<u8> {
    form::write(borrowed(fields)).into_bytes()
}

pub fn post_to(channel: &Channel, body: &[u8]) -> Result<Notice, Reject> {
    let headers = own([("Content-Type", FORM)]);
    channel.verify(&RawRequest { method: "POST", query: "", headers: &headers, body }, CALL.now)
}

pub fn post(body: &[u8]) -> Result<Notice, Reject> {
    post_to(&KEYS, body)
}

/// The fields of a request's body.
pub fn sent(request: &HttpRequest) -> Fields {
    own(form::parse(&request.body).unwrap().iter())
}

pub fn value<'a>(fields: &'a Fields, name: &str) -> &'a str {
    &fields.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no {name}")).1
}

pub fn content(fields: &Fields) -> Value {
    serde_json::from_str(value(fields, "biz_content")).unwrap()
}

/// The name of the answer to a request.
pub fn answer_name(request: &HttpRequest) -> String {
    value(&sent(request), "method").replace('.', "_") + "_response"
}

/// A reply whose answer has exactly this text, signed by this key.
pub fn reply_by(key: &SigningKey, name: &str, content: &str) -> HttpReply {
    let sign = key.sign(content.as_bytes()).unwrap();
    HttpReply::bare(200, format!(r#"{{"{name}":{content},"sign":"{sign}"}}"#).into_bytes())
}

/// As [`reply_by`], with Alipay's key and certificate.
pub fn reply(name: &str, content: &str) -> HttpReply {
    let sign = PLATFORM.sign(content.as_bytes()).unwrap();
    let sn = asset("platform_cert_sn");
    HttpReply::bare(200, format!(r#"{{"{name}":{content},"alipay_cert_sn":"{sn}","sign":"{sign}"}}"#).into_bytes())
}

pub fn unsigned(name: &str, content: &str) -> HttpReply {
    HttpReply::bare(200, format!(r#"{{"{name}":{content}}}"#).into_bytes())
}

/// Drives a step with these answers, one for each request, each well signed.
pub fn answered<T>(step: Step<T>, answers: &[Value]) -> (Vec<HttpRequest>, T) {
    let mut left = answers.iter();
    drive(step, |request| left.next().map(|answer| reply(&answer_name(request), &answer.to_string())))
}

pub fn no(sub_code: &str) -> Value {
    json!({"code": "40004", "msg": "Business Failed", "sub_code": sub_code, "sub_msg": "x"})
}

/// An attempt by this product, `None` for the device's own choice.
pub fn attempt_by<'a>(number: &'a domain::OutTradeNo, method: Option<&'a str>) -> AttemptView<'a> {
    AttemptView { method, ..attempt(number) }
}
