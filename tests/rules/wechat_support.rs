//! A merchant of WeChat Pay, and what WeChat Pay would say to it: signed and encrypted here a second time.

use crate::support::{CALL, NUMBER, attempt, drive, number, yuan};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::OutTradeNo;
use payments::rsa::SigningKey;
use payments::wechat::{Account, KIND};
use payments::{AttemptView, Channel, HttpReply, HttpRequest, Notice, RawRequest, RefundView, Reject, Settings, Step};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::{Value, json};
use std::sync::LazyLock;

pub const APPID: &str = "wxd678efh567hg6787";
pub const MCHID: &str = "1900007291";
pub const API_KEY: &str = "opensNothing0123456789abcdefghij";
pub const TRANSACTION: &str = "4200001234202611221234567890";
pub const REFUND_NO: &str = "R0011223344556677";
pub const NOTIFY: &str = "https://shop.example/webhooks/wechat";

/// When everything here is called, Unix seconds.
pub const SECONDS: i64 = CALL.now / 1_000;

static ASSETS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../infra/local/assets/wechat.json")).unwrap());

/// A test key, certificate or name that opens nothing.
pub fn asset(name: &str) -> &'static str {
    ASSETS[name].as_str().unwrap_or_else(|| panic!("no asset {name}"))
}

pub static MERCHANT: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::read(asset("merchant_key")).unwrap());
static PUBLIC: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::read(asset("public_key_private")).unwrap());
static PLATFORM: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::read(asset("platform_key")).unwrap());
static FOREIGN: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::read(asset("foreign_key")).unwrap());

/// With which of the keys something is signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// WeChat Pay's public key mode.
    Public,
    /// A platform certificate.
    Platform,
    /// Somebody else's.
    Foreign,
}

impl By {
    fn key(self) -> &'static SigningKey {
        match self {
            By::Public => &PUBLIC,
            By::Platform => &PLATFORM,
            By::Foreign => &FOREIGN,
        }
    }

    /// The name it signs under. Somebody else pretends to be the public key.
    fn name(self) -> &'static str {
        match self {
            By::Public | By::Foreign => asset("public_key_id"),
            By::Platform => asset("platform_serial"),
        }
    }
}

pub fn settings() -> Settings {
    [
        ("mchid", MCHID),
        ("appid", APPID),
        ("private_key", asset("merchant_key")),
        ("certificate", asset("merchant_certificate")),
        ("api_v3_key", API_KEY),
        ("platform_key_id", asset("public_key_id")),
        ("platform_key", asset("public_key")),
        ("platform_certificates", asset("platform_certificate")),
        ("products", "native,h5,jsapi"),
    ]
    .into_iter()
    .collect()
}

/// The settings with some of them changed; an empty text takes one away.
pub fn settings_with<'a>(changes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Settings {
    let mut settings = settings();
    for (name, value) in changes {
        settings.set(name, value);
    }
    settings
}

static CHANNEL: LazyLock<Channel> = LazyLock::new(|| (KIND.open)(&settings()).unwrap());

pub fn channel() -> Channel {
    CHANNEL.clone()
}

pub fn channel_with<'a>(changes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Channel {
    Channel::new(Account::new(&settings_with(changes)).unwrap())
}

/// The usual attempt, as the shop gives it to this channel.
pub fn order(number: &OutTradeNo) -> AttemptView<'_> {
    AttemptView { method: None, notify_url: NOTIFY, ..attempt(number) }
}

pub type Headers = Vec<(String, String)>;

/// The five headers of a signature.
pub fn headers(by: By, seconds: i64, nonce: &str, body: &[u8]) -> Headers {
    headers_of(by, &seconds.to_string(), nonce, body)
}

pub fn headers_of(by: By, seconds: &str, nonce: &str, body: &[u8]) -> Headers {
    let signed = [seconds.as_bytes(), b"\n", nonce.as_bytes(), b"\n", body, b"\n"].concat();
    [
        ("Wechatpay-Serial", by.name()),
        ("Wechatpay-Timestamp", seconds),
        ("Wechatpay-Nonce", nonce),
        ("Wechatpay-Signature", by.key().sign(&signed).unwrap().as_str()),
        ("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

pub fn replace(headers: &Headers, name: &str, value: &str) -> Headers {
    let value_of = |n: &str, old: &str| if n == name { value.to_owned() } else { old.to_owned() };
    headers.iter().map(|(n, old)| (n.clone(), value_of(n, old))).collect()
}

pub fn drop_header(headers: &Headers, name: &str) -> Headers {
    headers.iter().filter(|(n, _)| n != name).cloned().collect()
}

/// A well-signed reply.
pub fn reply(status: u16, body: &str) -> HttpReply {
    reply_by(By::Public, status, body)
}

pub fn reply_by(by: By, status: u16, body: &str) -> HttpReply {
    HttpReply { status, headers: headers(by, SECONDS, "n0nce", body.as_bytes()), body: body.as_bytes().to_vec() }
}

/// A well-signed error.
pub fn error(status: u16, code: &str) -> HttpReply {
    reply(status, &json!({ "code": code, "message": "as WeChat Pay words it" }).to_string())
}

/// Every way in which a reply can fail to be WeChat Pay's own.
pub fn not_its_own(genuine: &HttpReply) -> Vec<(&'static str, HttpReply)> {
    let with = |headers: Headers| HttpReply { headers, ..genuine.clone() };
    let by = |by, seconds| with(headers(by, seconds, "n0nce", &genuine.body));
    let all = &genuine.headers;
    vec![
        ("the reply is not signed", HttpReply { headers: Vec::new(), ..genuine.clone() }),
        ("the reply is not signed", with(drop_header(all, "Wechatpay-Signature"))),
        ("the reply is not signed", with(drop_header(all, "Wechatpay-Serial"))),
        ("the reply is not signed", with(drop_header(all, "Wechatpay-Timestamp"))),
        ("the reply is not signed", with(drop_header(all, "Wechatpay-Nonce"))),
        ("a header of the signature was sent twice", with([all.clone(), all[3..4].to_vec()].concat())),
        (
            "the reply is signed in another way",
            with(replace(all, "Wechatpay-Signature-Type", "WECHATPAY2-SM2-WITH-SM3")),
        ),
        (
            "the reply is signed under a name that no key is held for",
            with(replace(all, "Wechatpay-Serial", "ABCDEF01")),
        ),
        ("the reply's signature does not fit", by(By::Foreign, SECONDS)),
        ("the reply's signature does not fit", with(replace(all, "Wechatpay-Nonce", "other"))),
        ("the reply's signature does not fit", with(replace(all, "Wechatpay-Serial", asset("platform_serial")))),
        (
            "the reply's signature does not fit",
            HttpReply { body: [&genuine.body[..], b" "].concat(), ..genuine.clone() },
        ),
        ("the time of the reply is not within five minutes of ours", by(By::Public, SECONDS - 301)),
        ("the time of the reply is not within five minutes of ours", by(By::Public, SECONDS + 301)),
    ]
}

/// Asks with one reply, and gives the request with the answer.
pub fn once<T>(step: Step<T>, reply: Option<HttpReply>) -> (HttpRequest, T) {
    let (mut sent, answer) = drive(step, |_| reply.clone());
    assert_eq!(sent.len(), 1);
    (sent.remove(0), answer)
}

/// The value of a request's header.
pub fn sent<'a>(request: &'a HttpRequest, name: &str) -> &'a str {
    let found: Vec<_> = request.headers.iter().filter(|(n, _)| n == name).collect();
    assert_eq!(found.len(), 1, "{name}");
    &found[0].1
}

/// A transaction as WeChat Pay reports one.
pub fn transaction() -> Value {
    json!({
        "appid": APPID, "mchid": MCHID, "out_trade_no": NUMBER, "transaction_id": TRANSACTION,
        "trade_type": "NATIVE", "trade_state": "SUCCESS", "trade_state_desc": "支付成功", "bank_type": "OTHERS",
        "attach": "", "success_time": "2026-11-22T13:06:07+08:00", "payer": { "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" },
        "amount": { "total": 990, "payer_total": 890, "currency": "CNY", "payer_currency": "CNY" },
    })
}

/// The transaction with one field replaced, by the names on the way to it; `null` takes it away.
pub fn transaction_with(path: &[&str], value: Value) -> Value {
    with(transaction(), path, value)
}

pub fn with(mut whole: Value, path: &[&str], value: Value) -> Value {
    let (last, way) = path.split_last().unwrap();
    let place = way.iter().fold(&mut whole, |place, name| &mut place[*name]).as_object_mut().unwrap();
    match value {
        Value::Null => drop(place.remove(*last)),
        value => drop(place.insert((*last).to_owned(), value)),
    }
    whole
}

/// A text as WeChat Pay encrypts it.
pub fn encrypted(text: &str, key: &str, nonce: &str, beside: &str) -> String {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).unwrap());
    let mut bytes = text.as_bytes().to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce.as_bytes()).unwrap();
    key.seal_in_place_append_tag(nonce, Aad::from(beside.as_bytes()), &mut bytes).unwrap();
    STANDARD.encode(bytes)
}

/// The body of a notification about this text.
pub fn event(text: &str) -> Value {
    json!({
        "id": "EV-2018022511223320873", "create_time": "2026-11-22T13:06:07+08:00", "event_type": "TRANSACTION.SUCCESS",
        "resource_type": "encrypt-resource", "summary": "支付成功",
        "resource": {
            "original_type": "transaction", "algorithm": "AEAD_AES_256_GCM", "associated_data": "transaction",
            "nonce": "fdasflkja484", "ciphertext": encrypted(text, API_KEY, "fdasflkja484", "transaction"),
        },
    })
}

/// A request as WeChat Pay sends it, well signed.
#[derive(Clone, Debug)]
pub struct Sent {
    pub method: &'static str,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Sent {
    pub fn of(body: &str) -> Sent {
        Sent::by(By::Public, SECONDS, body)
    }

    pub fn by(by: By, seconds: i64, body: &str) -> Sent {
        let headers = headers(by, seconds, "EcvA7mtHxgs3oPIU", body.as_bytes());
        Sent { method: "POST", headers, body: body.as_bytes().to_vec() }
    }

    /// About this transaction.
    pub fn about(transaction: &Value) -> Sent {
        Sent::of(&event(&transaction.to_string()).to_string())
    }

    pub fn with(&self, name: &str, value: &str) -> Sent {
        Sent { headers: replace(&self.headers, name, value), ..self.clone() }
    }

    pub fn verify(&self) -> Result<Notice, Reject> {
        let request = RawRequest { method: self.method, query: "", headers: &self.headers, body: &self.body };
        channel().verify(&request, CALL.now)
    }
}

/// A refund of part of the usual payment.
pub fn refund(minor: i64) -> RefundView<'static> {
    RefundView {
        out_trade_no: NUMBER,
        provider_number: TRANSACTION,
        paid: yuan(990),
        amount: yuan(minor),
        refund_no: REFUND_NO,
    }
}

/// The usual number, for ever: what is asked about borrows it.
pub fn no() -> &'static OutTradeNo {
    static NO: LazyLock<OutTradeNo> = LazyLock::new(number);
    &NO
}
