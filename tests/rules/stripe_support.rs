//! An account at Stripe, and what Stripe would send it: signed and written by other code than the codec's.

use crate::support::{CALL, NUMBER};
use domain::{Currency, Money, OutTradeNo};
use hmac::{Hmac, KeyInit, Mac};
use payments::{
    AttemptRef, AttemptView, Channel, Device, HttpReply, HttpRequest, Notice, RawRequest, RefundView, Reject, Settings,
    kind,
};
use serde_json::{Value, json};
use sha2::Sha256;

pub const KEY: &str = "sk_test_opens0nothing";
pub const SECRET: &str = "whsec_test0opens0nothing";
pub const OLD_SECRET: &str = "whsec_test0the0old0one";
pub const API: &str = "https://api.stripe.com";
pub const SESSION: &str = "cs_test_a1B2c3";
pub const INTENT: &str = "pi_3Abc";
pub const PAGE: &str = "https://checkout.stripe.com/c/pay/cs_test_a1B2c3#fid";
pub const NOW_S: i64 = CALL.now / 1_000;

pub fn settings() -> Settings {
    [("secret_key", KEY), ("webhook_secret", SECRET), ("currency", "USD")].into_iter().collect()
}

pub fn opened(settings: &Settings) -> Channel {
    (kind("stripe").unwrap().open)(settings).unwrap()
}

pub fn channel() -> Channel {
    opened(&settings())
}

pub fn paid_in(currency: &str) -> Channel {
    let mut settings = settings();
    settings.set("currency", currency);
    opened(&settings)
}

pub fn money(minor: i64, currency: &str) -> Money {
    Money { minor, currency: Currency::parse(currency).unwrap() }
}

pub fn usd(minor: i64) -> Money {
    money(minor, "USD")
}

pub fn attempt(number: &OutTradeNo) -> AttemptView<'_> {
    AttemptView {
        out_trade_no: number,
        amount: usd(990),
        product_name: "月卡 30 days",
        notify_url: "https://shop.example/webhooks/stripe",
        return_url: "https://shop.example/o/0123456789ABCDEFGHJKMNPQ",
        method: Some("card"),
        device: Device::Desktop,
        client_ip: None,
        payer: None,
        expires_at: CALL.now + 3_600_000,
    }
}

pub fn asked<'a>(number: &'a OutTradeNo, session: Option<&'a str>) -> AttemptRef<'a> {
    AttemptRef { out_trade_no: number, amount: usd(990), provider_ref: session, made_at: CALL.now - 60_000 }
}

pub fn back(intent: &str, amount: Money) -> RefundView<'_> {
    RefundView { out_trade_no: NUMBER, provider_number: intent, paid: usd(990), amount, refund_no: "R0011223344556677" }
}

/// A paid session as an event carries it.
pub fn session() -> Value {
    json!({
        "id": SESSION, "object": "checkout.session", "mode": "payment", "livemode": false, "status": "complete",
        "payment_status": "paid", "client_reference_id": NUMBER, "metadata": {"attempt": NUMBER},
        "amount_total": 990, "currency": "usd", "payment_intent": INTENT, "url": null
    })
}

/// A PaymentIntent with its charge, as it is answered when it was asked for.
pub fn intent() -> Value {
    json!({
        "id": INTENT, "object": "payment_intent", "livemode": false, "status": "succeeded", "amount": 990,
        "amount_received": 990, "currency": "usd", "metadata": {"attempt": NUMBER},
        "latest_charge": {"id": "ch_3Abc", "object": "charge", "refunded": false, "amount_refunded": 0}
    })
}

pub fn event(session: Value) -> Value {
    json!({
        "id": "evt_1", "object": "event", "api_version": "2025-03-31.basil", "created": NOW_S, "livemode": false,
        "type": "checkout.session.completed", "data": {"object": session}
    })
}

/// A value with one member replaced; `/` leads inwards.
pub fn with(mut value: Value, path: &str, new: Value) -> Value {
    let (parent, name) = path.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap()[name] = new;
    value
}

/// A value without one member.
pub fn without(mut value: Value, path: &str) -> Value {
    let (parent, name) = path.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    value
}

pub fn hmac_hex(secret: &str, message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The header for a body signed at a time, Unix seconds.
pub fn header(secret: &str, at: i64, body: &[u8]) -> String {
    format!("t={at},v1={}", hmac_hex(secret, &[format!("{at}.").as_bytes(), body].concat()))
}

pub fn verify(header: &str, body: &[u8]) -> Result<Notice, Reject> {
    let headers = [("Stripe-Signature".to_owned(), header.to_owned())];
    channel().verify(&RawRequest { method: "POST", query: "", headers: &headers, body }, CALL.now)
}

/// What the codec makes of a body that Stripe signed just now.
pub fn told(body: &[u8]) -> Result<Notice, Reject> {
    verify(&header(SECRET, NOW_S, body), body)
}

pub fn told_event(event: &Value) -> Result<Notice, Reject> {
    told(event.to_string().as_bytes())
}

pub fn reply(status: u16, body: &Value) -> HttpReply {
    HttpReply::bare(status, body.to_string().into_bytes())
}

pub fn fault(status: u16, kind: &str, code: &str) -> HttpReply {
    reply(status, &json!({"error": {"type": kind, "code": code, "message": "words for a developer"}}))
}

/// A header of a request.
pub fn sent<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}
