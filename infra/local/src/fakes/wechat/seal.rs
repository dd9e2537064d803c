//! Signatures and encryption as WeChat Pay has them, made and checked from its side.

use super::super::{FakeAnswer, Seal};
use super::calls::Said;
use crate::gateway::GatewayRequest;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use payments::Call;
use payments::rsa::{SigningKey, VerifyingKey};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The APIv3 key of the one merchant.
pub(super) const API_KEY: &str = "opensNothing0123456789abcdefghij";

/// How far the time of a request may be from ours, ms.
const WINDOW_MS: u64 = 300_000;

type Headers = Vec<(String, String)>;

/// Who signs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// WeChat Pay with the key that merchants know by an id.
    Public,
    /// WeChat Pay with the key of its certificate.
    Platform,
    /// Nobody that the merchant knows, under the public key's id.
    Foreign,
}

/// The test keys of both sides.
pub(super) struct Keys {
    assets: BTreeMap<String, String>,
    merchant: VerifyingKey,
    public: SigningKey,
    platform: SigningKey,
    foreign: SigningKey,
}

impl Keys {
    /// Reads those that come with the program.
    pub(super) fn read() -> Result<Keys, &'static str> {
        let assets: BTreeMap<String, String> = serde_json::from_str(include_str!("../../../assets/wechat.json"))
            .map_err(|_| "the list of test keys is not JSON")?;
        let key = |name: &str| {
            let text = assets.get(name).ok_or("a test key is missing")?;
            SigningKey::read(text).map_err(|_| "a test key is no key")
        };
        let (merchant, public) = (key("merchant_key")?.public(), key("public_key_private")?);
        let (platform, foreign) = (key("platform_key")?, key("foreign_key")?);
        Ok(Keys { merchant, public, platform, foreign, assets })
    }

    /// The text of this name, or nothing.
    pub(super) fn asset(&self, name: &str) -> &str {
        self.assets.get(name).map_or("", String::as_str)
    }

    /// Whether the merchant signed this request just now.
    pub(super) fn admits(&self, request: &GatewayRequest, mchid: &str, now: i64) -> bool {
        self.signs(request, mchid, now).unwrap_or(false)
    }

    fn signs(&self, request: &GatewayRequest, mchid: &str, now: i64) -> Option<bool> {
        let parts = header(request, "authorization")?.strip_prefix("WECHATPAY2-SHA256-RSA2048 ")?;
        let part = |name: &str| {
            let found = parts.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix("=\""));
            found?.strip_suffix('"')
        };
        let (seconds, nonce) = (part("timestamp")?, part("nonce_str")?);
        let is_now = seconds.parse::<i64>().is_ok_and(|at| now.abs_diff(at.saturating_mul(1_000)) <= WINDOW_MS);
        let is_known = part("mchid")? == mchid && part("serial_no")? == self.asset("merchant_serial");
        let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
        let body = std::str::from_utf8(&request.body).ok()?;
        let signed = format!("{}\n{}{query}\n{seconds}\n{nonce}\n{body}\n", request.method, request.path);
        // Without these WeChat Pay does not even look at a request.
        let is_polite = header(request, "user-agent").is_some_and(|agent| !agent.is_empty())
            && header(request, "accept") == Some("application/json");
        Some(is_now && is_known && is_polite && self.merchant.verifies(signed.as_bytes(), part("signature")?))
    }

    /// The headers of a signature over this body.
    pub(super) fn sign(&self, who: Who, now: i64, body: &[u8], call: &Call) -> Headers {
        let (key, name) = match who {
            Who::Public => (&self.public, self.asset("public_key_id")),
            Who::Platform => (&self.platform, self.asset("platform_serial")),
            Who::Foreign => (&self.foreign, self.asset("public_key_id")),
        };
        let (seconds, nonce) = ((now / 1_000).to_string(), call.nonce_hex());
        let signed = [seconds.as_bytes(), b"\n", nonce.as_bytes(), b"\n", body, b"\n"].concat();
        let signature = key.sign(&signed).unwrap_or_default();
        let mut headers = plain();
        headers.extend(
            [
                ("Wechatpay-Nonce", nonce.as_str()),
                ("Wechatpay-Serial", name),
                ("Wechatpay-Signature", &signature),
                ("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048"),
                ("Wechatpay-Timestamp", &seconds),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        headers
    }

    /// An answer as it goes out.
    pub(super) fn answer(&self, said: &Said, request: &GatewayRequest, call: &Call, seal: Seal) -> FakeAnswer {
        let asked = header(request, "wechatpay-serial");
        let who = match seal {
            Seal::Wrong => Some(Who::Foreign),
            Seal::Missing => None,
            Seal::Right if asked.is_some_and(|asked| asked == self.asset("public_key_id")) => Some(Who::Public),
            Seal::Right => Some(Who::Platform),
        };
        let body = said.body.as_bytes();
        let headers = who.map_or_else(plain, |who| self.sign(who, call.now, body, call));
        FakeAnswer { status: said.status, headers, body: body.to_vec() }
    }

    /// A text encrypted for the merchant.
    pub(super) fn encrypt(&self, text: &str, beside: &str, call: &Call) -> Value {
        let nonce: String = call.nonce_hex().chars().take(12).collect();
        json!({
            "algorithm": "AEAD_AES_256_GCM",
            "associated_data": beside,
            "nonce": nonce,
            "ciphertext": encrypted(text, &nonce, beside).unwrap_or_default(),
        })
    }
}

fn encrypted(text: &str, nonce: &str, beside: &str) -> Option<String> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, API_KEY.as_bytes()).ok()?);
    let nonce = Nonce::try_assume_unique_for_key(nonce.as_bytes()).ok()?;
    let mut bytes = text.as_bytes().to_vec();
    key.seal_in_place_append_tag(nonce, Aad::from(beside.as_bytes()), &mut bytes).ok()?;
    Some(STANDARD.encode(bytes))
}

/// The headers of JSON that nobody signed.
pub(super) fn plain() -> Headers {
    vec![("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned())]
}

/// The headers with which a forger sends back what the shop itself once signed.
pub(super) fn turned_round(asked: &GatewayRequest) -> Headers {
    let authorization = header(asked, "authorization").unwrap_or_default();
    let part = |name: &str| {
        let found = authorization.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split_once('"'));
        found.map_or_else(String::new, |(value, _)| value.to_owned())
    };
    let mut headers = plain();
    headers.extend([
        ("Wechatpay-Nonce".to_owned(), part("nonce_str")),
        ("Wechatpay-Serial".to_owned(), header(asked, "wechatpay-serial").unwrap_or_default().to_owned()),
        ("Wechatpay-Signature".to_owned(), part("signature")),
        ("Wechatpay-Timestamp".to_owned(), part("timestamp")),
    ]);
    headers
}

/// The first header of this name, in any case.
pub(super) fn header<'a>(request: &'a GatewayRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// A time as WeChat Pay writes it, of Unix milliseconds.
pub(super) fn time(now: i64) -> String {
    let china = DateTime::from_secs(now / 1_000 + 8 * 3_600);
    china.fmt(Format::DateTime).unwrap_or_default().replace('Z', "+08:00")
}

/// Unix milliseconds of a time with an offset.
pub(super) fn milliseconds(text: &str) -> Option<i64> {
    DateTime::from_str(text, Format::DateTimeWithOffset).ok()?.to_millis().ok()
}
