//! A WeChat Pay that does not exist: API v3 with real signatures and encryption, for one merchant whose keys open nothing.
//!
//! Written from the documents at pay.weixin.qq.com. It checks every request's signature before anything else, as WeChat Pay does, and
//! answers whom it does not recognise without a signature of its own. It answers with the public key when the request names that key, and
//! else with its platform certificate.

mod calls;
mod seal;
mod trades;

use super::{Fake, FakeAnswer, FakeNotice, Seal, Twist};
use crate::gateway::GatewayRequest;
use payments::{Call, Settings};
use seal::Keys;
use serde_json::{Value, json};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use trades::{State, Trade};

const MCHID: &str = "1900007291";
const APPID: &str = "wxd678efh567hg6787";

/// Another merchant of the same owner, whose notifications WeChat Pay would sign with the same key.
const OTHER_MCHID: &str = "1900007292";

/// The provider. Its trades live as long as it.
pub struct Wechat {
    keys: Keys,
    state: Mutex<State>,
}

impl fmt::Debug for Wechat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wechat")
    }
}

impl Wechat {
    /// One without trades. The error says which of its own test keys cannot be read, and never comes with the keys it was built with.
    pub fn new() -> Result<Wechat, &'static str> {
        Ok(Wechat { keys: Keys::read()?, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment or one push, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body of a notification about a transaction.
    fn event(&self, transaction: &Value, call: &Call) -> String {
        let sealed = self.keys.encrypt(&transaction.to_string(), "transaction", call);
        json!({
            "id": format!("EV-{}", call.nonce_hex()),
            "create_time": seal::time(call.now),
            "event_type": "TRANSACTION.SUCCESS",
            "resource_type": "encrypt-resource",
            "summary": "支付成功",
            "resource": with(sealed, "original_type", json!("transaction")),
        })
        .to_string()
    }
}

impl Fake for Wechat {
    fn kind(&self) -> &'static str {
        "wechat"
    }

    fn settings(&self, base_url: &str) -> Settings {
        [
            ("base_url", base_url),
            ("mchid", MCHID),
            ("appid", APPID),
            ("private_key", self.keys.asset("merchant_key")),
            ("certificate", self.keys.asset("merchant_certificate")),
            ("api_v3_key", seal::API_KEY),
            ("platform_key_id", self.keys.asset("public_key_id")),
            ("platform_key", self.keys.asset("public_key")),
            ("platform_certificates", self.keys.asset("platform_certificate")),
            ("products", "native,h5,jsapi"),
        ]
        .into_iter()
        .collect()
    }

    fn handle(&self, request: &GatewayRequest, call: &Call, seal: Seal) -> FakeAnswer {
        if let Some(page) = calls::page(request) {
            return page;
        }
        let nobody = || calls::Said::error(401, "SIGN_ERROR", "错误的签名，验签失败");
        if !self.keys.admits(request, MCHID, call.now) {
            return self.keys.answer(&nobody(), request, call, Seal::Missing);
        }
        let said = calls::carry_out(&mut self.state(), &self.keys, request, call);
        self.keys.answer(&said, request, call, seal)
    }

    fn attempts(&self) -> Vec<String> {
        self.state().trades.iter().map(|trade| trade.number.clone()).collect()
    }

    fn pay(&self, out_trade_no: &str, minor: Option<i64>, call: &Call) -> Option<()> {
        self.state().pay(out_trade_no, minor, call.now)
    }

    fn notice(&self, out_trade_no: &str, twist: Twist, call: &Call) -> Option<FakeNotice> {
        let state = self.state();
        let trade = state.trade(out_trade_no)?;
        let url = trade.notify_url.clone();
        let send = |headers, body: String| {
            Some(FakeNotice { method: "POST", url: url.clone(), headers, body: body.into_bytes() })
        };
        if twist == Twist::OwnRequest {
            return send(seal::turned_round(&trade.asked), String::from_utf8(trade.asked.body.clone()).ok()?);
        }
        trade.payment.as_ref()?;
        let told = told(trade, twist, call.now);
        let body = self.event(&told, call);
        let sign = |time: i64| self.keys.sign(seal::Who::Public, time, body.as_bytes(), call);
        match twist {
            Twist::WrongKey => send(self.keys.sign(seal::Who::Foreign, call.now, body.as_bytes(), call), body.clone()),
            Twist::Unsigned => send(seal::plain(), body.clone()),
            Twist::Changed => send(sign(call.now), body.replacen("EV-", "EW-", 1)),
            Twist::Old => send(sign(call.now - 24 * 3_600_000), body.clone()),
            _ => send(sign(call.now), body.clone()),
        }
    }

    fn is_acknowledged(&self, status: u16, _: &[u8]) -> bool {
        matches!(status, 200 | 204)
    }

    fn returned(&self, out_trade_no: &str) -> i64 {
        self.state().trade(out_trade_no).map_or(0, Trade::returned)
    }
}

/// What a notification says. Those of WeChat Pay about refunds have other events, so it says what was true when the buyer paid.
fn told(trade: &Trade, twist: Twist, now: i64) -> Value {
    let told = with(trade.as_json(APPID, MCHID, now), "trade_state", json!("SUCCESS"));
    match twist {
        Twist::OtherMerchant => with(told, "mchid", json!(OTHER_MCHID)),
        Twist::OtherCurrency => {
            let amount = with(told.get("amount").cloned().unwrap_or_default(), "currency", json!("USD"));
            with(told, "amount", amount)
        }
        Twist::NotPaid => with(told, "trade_state", json!("NOTPAY")),
        _ => told,
    }
}

/// An object with one field more, or with another value in it.
fn with(mut object: Value, name: &str, value: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
    object
}
