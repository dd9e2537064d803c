//! An account of v2, its gateway's key, and the signed text written down a second time.

use crate::support::{CALL, NUMBER, PID, own};
use payments::rsa::SigningKey;
use payments::{Channel, Notice, RawRequest, Reject, Settings, form, kind};
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

pub use crate::support::{Fields, asked, attempt, back, borrowed, drive, number, query_of, without, yuan};

pub const BASE: &str = "https://gateway.example";
pub const TRADE: &str = "2026112205060712345";
/// The second in which everything here is called.
pub const NOW: i64 = CALL.now / 1_000;
pub const FORM: &str = "application/x-www-form-urlencoded";

/// Keys and vectors.
pub fn file() -> &'static Value {
    static FILE: OnceLock<Value> = OnceLock::new();
    FILE.get_or_init(|| serde_json::from_str(include_str!("../vectors/epay_v2.json")).unwrap())
}

/// The text of a key: `merchant`, `platform` or `other`, `private` or `public`.
pub fn key(whose: &str, which: &str) -> &'static str {
    file()["keys"][whose][which].as_str().unwrap()
}

/// Signs as somebody.
pub fn sign(whose: &'static str, text: &str) -> String {
    static KEYS: OnceLock<[(&str, SigningKey); 3]> = OnceLock::new();
    let read = |whose| (whose, SigningKey::read(key(whose, "private")).unwrap());
    let keys = KEYS.get_or_init(|| ["merchant", "platform", "other"].map(read));
    keys.iter().find(|(name, _)| *name == whose).unwrap().1.sign(text.as_bytes()).unwrap()
}

/// What is signed, by the documents: sorted by the bytes of the names, neither `sign` nor `sign_type`, nothing blank.
pub fn signed_text<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut kept: Vec<(&str, &str)> = fields.into_iter().collect();
    kept.retain(|(name, _)| *name != "sign" && *name != "sign_type");
    kept.retain(|(_, value)| value.bytes().any(|b| !b" \t\n\r\0\x0b".contains(&b)));
    kept.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    kept.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

pub fn settings() -> Settings {
    [
        ("base_url", BASE),
        ("pid", PID),
        ("private_key", key("merchant", "private")),
        ("platform_key", key("platform", "public")),
    ]
    .into_iter()
    .collect()
}

/// An account with some settings replaced.
pub fn channel_with(changes: &[(&str, &str)]) -> Channel {
    let mut settings = settings();
    for (name, value) in changes {
        settings.set(name, value);
    }
    (kind("epay_v2").unwrap().open)(&settings).unwrap()
}

pub fn channel() -> Channel {
    static CHANNEL: OnceLock<Channel> = OnceLock::new();
    CHANNEL.get_or_init(|| channel_with(&[])).clone()
}

/// What the gateway reports of a payment, unsigned.
pub fn notice() -> Fields {
    own([
        ("pid", PID),
        ("trade_no", TRADE),
        ("out_trade_no", NUMBER),
        ("api_trade_no", "4200002345202407238253501450"),
        ("type", "alipay"),
        ("trade_status", "TRADE_SUCCESS"),
        ("addtime", "2026-11-22 05:06:07"),
        ("name", "月卡 30 days"),
        ("money", "9.90"),
        ("timestamp", NOW.to_string().as_str()),
    ])
}

/// The notice with some fields replaced or, when they are new, appended.
pub fn notice_with(changes: &[(&str, &str)]) -> Fields {
    let mut fields = notice();
    for (name, value) in changes {
        match fields.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = (*value).to_owned(),
            None => fields.push(((*name).to_owned(), (*value).to_owned())),
        }
    }
    fields
}

/// The fields with somebody's signature.
pub fn signed_by(whose: &'static str, fields: &Fields) -> Fields {
    let mut all = fields.clone();
    all.push(("sign".to_owned(), sign(whose, &signed_text(borrowed(fields)))));
    all.push(("sign_type".to_owned(), "RSA".to_owned()));
    all
}

/// The query of fields that the gateway signed.
pub fn query(fields: &Fields) -> String {
    query_of(&signed_by("platform", fields))
}

pub fn verify(method: &str, query: &str, content_type: Option<&str>, body: &[u8]) -> Result<Notice, Reject> {
    let headers: Vec<_> = content_type.map(|kind| ("Content-Type".to_owned(), kind.to_owned())).into_iter().collect();
    channel().verify(&RawRequest { method, query, headers: &headers, body }, CALL.now)
}

pub fn get(query: &str) -> Result<Notice, Reject> {
    verify("GET", query, None, b"")
}

/// A member as PHP joins it into the signed text.
pub fn php(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(true) => "1".to_owned(),
        _ => String::new(),
    }
}

/// A reply that somebody signed, as JSON.
pub fn reply_of(whose: &'static str, members: &Value) -> String {
    let mut all: Map<String, Value> = members.as_object().unwrap().clone();
    all.entry("timestamp").or_insert(json!(NOW.to_string()));
    let texts: Vec<(String, String)> = all.iter().map(|(name, value)| (name.clone(), php(value))).collect();
    let text = signed_text(texts.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    all.insert("sign".to_owned(), json!(sign(whose, &text)));
    all.insert("sign_type".to_owned(), json!("RSA"));
    Value::Object(all).to_string()
}

/// A reply of the gateway's.
pub fn reply(members: &Value) -> String {
    reply_of("platform", members)
}

/// Members with one of them replaced, or taken out when there is no value.
pub fn with(members: &Value, name: &str, value: Option<Value>) -> Value {
    let mut members = members.clone();
    match value {
        Some(value) => members[name] = value,
        None => drop(members.as_object_mut().unwrap().remove(name)),
    }
    members
}

/// The fields of a request's body.
pub fn body_fields(body: &[u8]) -> Fields {
    own(form::parse(body).unwrap().iter())
}

pub fn value<'a>(fields: &'a Fields, name: &str) -> &'a str {
    &fields.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no {name}")).1
}

/// Every way in which a reply that says something is not the gateway's word, or not of now.
pub fn unbelievable(members: &Value) -> Vec<(&'static str, String)> {
    let good = reply(members);
    let changed = |name: &str, value: Value| {
        let mut all: Value = serde_json::from_str(&good).unwrap();
        all[name] = value;
        all.to_string()
    };
    let at = |second: i64| reply(&with(members, "timestamp", Some(json!(second.to_string()))));
    let mut all = vec![
        ("signed by somebody else", reply_of("other", members)),
        ("signed by ourselves", reply_of("merchant", members)),
        ("the signature empty", changed("sign", json!(""))),
        ("the signature null", changed("sign", Value::Null)),
        ("the signature a list", changed("sign", json!(["x"]))),
        ("the signature no base64", changed("sign", json!("*"))),
        ("another kind of signature", changed("sign_type", json!("MD5"))),
        ("no kind of signature", changed("sign_type", Value::Null)),
        ("an added member", changed("more", json!("1"))),
        ("five minutes and a second old", at(NOW - 301)),
        ("five minutes and a second early", at(NOW + 301)),
        ("no time", reply(&with(members, "timestamp", Some(Value::Null)))),
        ("a time that is none", reply(&with(members, "timestamp", Some(json!("now"))))),
        ("a time of eleven digits", reply(&with(members, "timestamp", Some(json!(format!("0{NOW}")))))),
        ("a time with a sign", reply(&with(members, "timestamp", Some(json!(format!("+{}", NOW / 10)))))),
        ("cut off", good[..good.len() - 1].to_owned()),
        ("followed by more", format!("{good}{good}")),
        ("a member twice", good.replacen('{', "{\"code\":0,", 1)),
        ("a member with two readings", reply(&with(members, "name", Some(json!("a&b=c"))))),
        ("a member with a control character", reply(&with(members, "name", Some(json!("a\u{1}b"))))),
        ("a name with two readings", reply(&with(members, "a=b", Some(json!("c"))))),
        ("too long", format!("{good}{}", " ".repeat(65_536))),
        ("nothing", String::new()),
        ("a page", "<html>502 Bad Gateway</html>".to_owned()),
        ("a list", format!("[{good}]")),
    ];
    let mut unsigned: Value = serde_json::from_str(&good).unwrap();
    unsigned.as_object_mut().unwrap().remove("sign");
    all.push(("not signed", unsigned.to_string()));
    all
}
