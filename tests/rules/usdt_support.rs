//! Accounts at the gateways that take USDT, and what these would send: written and signed by other code than the codecs'.

use crate::support::{CALL, NUMBER};
use domain::{Currency, Money, OutTradeNo};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use payments::{
    AttemptRef, AttemptView, Channel, Device, HttpReply, HttpRequest, Notice, RawRequest, Reject, Settings, kind,
};
use serde_json::{Value, json};
use sha2::Sha256;

pub const KEY: &str = "a-token-that-opens-nothing";
pub const BASE: &str = "https://gateway.example";
pub const TRADE: &str = "T0aB-c_9";
pub const ADDRESS: &str = "TLUF41C386CMU1Wc8pTSCE4QaiZ2xkhTCb";

/// Every gateway there is, each with all it differs in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    Legacy,
    Gmpay1,
    Gmpay2,
    Bepusdt,
    Tokenpay,
}

pub const ALL: [Who; 5] = [Who::Legacy, Who::Gmpay1, Who::Gmpay2, Who::Bepusdt, Who::Tokenpay];

impl Who {
    pub fn kind(self) -> &'static str {
        match self {
            Who::Legacy | Who::Gmpay1 | Who::Gmpay2 => "epusdt",
            Who::Bepusdt => "bepusdt",
            Who::Tokenpay => "tokenpay",
        }
    }

    pub fn is_gmpay(self) -> bool {
        matches!(self, Who::Gmpay1 | Who::Gmpay2)
    }

    pub fn settings(self) -> Settings {
        let mut settings: Settings = [("base_url", BASE), ("key", KEY)].into_iter().collect();
        match self {
            Who::Legacy => settings.set("flavour", "legacy"),
            Who::Gmpay1 => settings.set("flavour", "gmpay1"),
            Who::Gmpay2 => settings.set("flavour", "gmpay2"),
            _ => {}
        }
        if self.is_gmpay() {
            settings.set("pid", "1000");
        }
        settings
    }

    pub fn channel(self) -> Channel {
        opened(self.kind(), &self.settings())
    }

    pub fn paid_in(self, currency: &str) -> Channel {
        let mut settings = self.settings();
        settings.set("currency", currency);
        opened(self.kind(), &settings)
    }

    pub fn signature(self) -> &'static str {
        if self == Who::Tokenpay { "Signature" } else { "signature" }
    }

    /// What this gateway calls a field of a notification.
    pub fn name(self, field: &'static str) -> &'static str {
        match (self, field) {
            (Who::Tokenpay, "trade_id") => "Id",
            (Who::Tokenpay, "order_id") => "OutOrderId",
            (Who::Tokenpay, "amount") => "ActualAmount",
            (Who::Tokenpay, "status") => "Status",
            (Who::Tokenpay, "currency") => "BaseCurrency",
            (Who::Bepusdt, "currency") => "fiat",
            (_, field) => field,
        }
    }

    /// The signature of a text that was built already.
    pub fn sign_text(self, text: &str) -> String {
        match self {
            Who::Gmpay2 => {
                let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
                mac.update(text.as_bytes());
                hex(&mac.finalize().into_bytes())
            }
            _ => hex(&Md5::digest(format!("{text}{KEY}"))),
        }
    }

    /// The signature of fields, each with the text it is signed as.
    pub fn sign(self, fields: &[(String, String)]) -> String {
        let mut kept: Vec<_> =
            fields.iter().filter(|(name, value)| name != self.signature() && !value.is_empty()).collect();
        kept.sort();
        let lines: Vec<String> = kept.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.sign_text(&lines.join("&"))
    }

    /// A paid notification: names, the JSON text of each value, and the text that is signed for it.
    pub fn notice(self) -> Vec<(String, String, String)> {
        let text = |name: &str, value: &str| (name.to_owned(), format!("\"{value}\""), value.to_owned());
        let number = |name: &str, raw: &str, signed: &str| (name.to_owned(), raw.to_owned(), signed.to_owned());
        match self {
            Who::Tokenpay => vec![
                text("Id", TRADE),
                text("OutOrderId", NUMBER),
                text("OrderUserKey", NUMBER),
                text("ActualAmount", "9.90"),
                text("Amount", "1.3751"),
                text("BaseCurrency", "CNY"),
                text("Currency", "USDT_TRC20"),
                text("PayTime", "2026-11-22 13:06:07"),
                text("ToAddress", ADDRESS),
                number("Status", "1", "1"),
                number("IsDynamicAmount", "0", "0"),
            ],
            _ => {
                let mut fields = vec![
                    text("trade_id", TRADE),
                    text("order_id", NUMBER),
                    number("amount", "9.9", "9.9"),
                    text("token", ADDRESS),
                    text("block_transaction_id", "375859c36dc5"),
                    number("status", "2", "2"),
                ];
                fields.push(if self == Who::Bepusdt {
                    text("actual_amount", "1.3751")
                } else {
                    number("actual_amount", "1.3751", "1.3751")
                });
                if self.is_gmpay() {
                    fields.push(text("pid", "1000"));
                }
                fields
            }
        }
    }

    /// The notice with one field replaced or, when it is new, appended: its JSON and the text that is signed.
    pub fn notice_with(self, name: &'static str, raw: &str, signed: &str) -> Vec<(String, String, String)> {
        let mut fields = self.notice();
        let name = self.name(name);
        fields.retain(|(n, ..)| n != name);
        fields.push((name.to_owned(), raw.to_owned(), signed.to_owned()));
        fields
    }

    pub fn notice_without(self, name: &'static str) -> Vec<(String, String, String)> {
        let mut fields = self.notice();
        fields.retain(|(n, ..)| n != self.name(name));
        fields
    }

    /// The body of a notification with the signature it deserves.
    pub fn body(self, fields: &[(String, String, String)]) -> String {
        let signed: Vec<_> = fields.iter().map(|(name, _, text)| (name.clone(), text.clone())).collect();
        self.body_signed(fields, &self.sign(&signed))
    }

    pub fn body_signed(self, fields: &[(String, String, String)], sign: &str) -> String {
        let mut members: Vec<String> = fields.iter().map(|(name, raw, _)| format!("\"{name}\":{raw}")).collect();
        members.push(format!("\"{}\":\"{sign}\"", self.signature()));
        format!("{{{}}}", members.join(","))
    }

    pub fn told(self, body: &str) -> Result<Notice, Reject> {
        told_by(&self.channel(), body.as_bytes())
    }
}

pub fn told_by(channel: &Channel, body: &[u8]) -> Result<Notice, Reject> {
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    channel.verify(&RawRequest { method: "POST", query: "", headers: &headers, body }, CALL.now)
}

pub fn opened(name: &str, settings: &Settings) -> Channel {
    (kind(name).unwrap().open)(settings).unwrap()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn money(minor: i64, currency: &str) -> Money {
    Money { minor, currency: Currency::parse(currency).unwrap() }
}

pub fn attempt(number: &OutTradeNo) -> AttemptView<'_> {
    AttemptView {
        out_trade_no: number,
        amount: money(990, "CNY"),
        product_name: "月卡 & = 30 days",
        notify_url: "https://shop.example/webhooks/usdt",
        return_url: "https://shop.example/o/0123456789ABCDEFGHJKMNPQ",
        method: Some("usdt"),
        device: Device::Phone,
        client_ip: None,
        payer: None,
        expires_at: CALL.now + 900_000,
    }
}

pub fn asked<'a>(number: &'a OutTradeNo, trade: Option<&'a str>) -> AttemptRef<'a> {
    AttemptRef { out_trade_no: number, amount: money(990, "CNY"), provider_ref: trade, made_at: CALL.now - 60_000 }
}

/// A good reply to an order.
pub fn made(who: Who) -> Value {
    match who {
        Who::Tokenpay => json!({
            "success": true, "message": "创建订单成功！", "data": format!("{BASE}/Pay?Id={TRADE}"),
            "info": {
                "Id": TRADE, "OutOrderId": NUMBER, "ActualAmount": "9.90", "Amount": "1.3751", "BaseCurrency": "CNY",
                "ToAddress": ADDRESS, "BlockChainName": "TRON", "CurrencyName": "USDT"
            }
        }),
        Who::Bepusdt => json!({
            "status_code": 200, "message": "success", "request_id": "",
            "data": {
                "trade_id": TRADE, "order_id": NUMBER, "amount": "9.9", "actual_amount": "1.3751", "token": ADDRESS,
                "expiration_time": 900, "fiat": "CNY", "status": 1, "payment_url": format!("{BASE}/pay/checkout-counter/{TRADE}")
            }
        }),
        _ => json!({
            "status_code": 200, "message": "success", "request_id": "x",
            "data": {
                "trade_id": TRADE, "order_id": NUMBER, "amount": 9.9, "actual_amount": 1.3751,
                "token": if who == Who::Legacy { ADDRESS } else { "USDT" }, "receive_address": ADDRESS,
                "expiration_time": 1_795_306_500, "payment_url": format!("{BASE}/pay/checkout-counter/{TRADE}")
            }
        }),
    }
}

/// What it answers when it is asked about a trade.
pub fn state(who: Who, status: i64) -> Value {
    match who {
        Who::Tokenpay => json!({
            "success": true, "message": "订单信息获取成功！",
            "data": {
                "id": TRADE, "outOrderId": NUMBER, "actualAmount": 9.9, "amount": 1.3751, "currency": "USDT_TRC20",
                "status": status
            }
        }),
        Who::Bepusdt => json!({
            "status_code": 200, "message": "success",
            "data": {
                "trade_id": TRADE, "order_id": NUMBER, "trade_type": "usdt.trc20", "status": status, "money": "9.90",
                "actual_amount": "1.3751", "token": ADDRESS, "fiat": "CNY"
            }
        }),
        _ => json!({"status_code": 200, "message": "success", "data": {"trade_id": TRADE, "status": status}}),
    }
}

pub fn reply(body: &Value) -> HttpReply {
    HttpReply::bare(200, body.to_string().into_bytes())
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

pub fn body_of(request: &HttpRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}
