//! Gateways for USDT that do not exist: epusdt as assimon wrote it, GMPay before and from version 2 on, BEpusdt and TokenPay.
//!
//! None of them signs a reply, so [`Seal::Wrong`] tells of other numbers than it was asked about and [`Seal::Missing`] changes nothing.
//! They read JSON into floats and sign those as they print them, as the real ones do.

use super::{Fake, FakeAnswer, FakeNotice, Seal, Twist};
use crate::gateway::GatewayRequest;
use domain::money;
use md5::{Digest, Md5};
use payments::{Call, Settings, form};
use ring::hmac;
use serde_json::{Map, Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The key of the account. It opens nothing anywhere.
const KEY: &str = "a-fake-token-that-opens-nothing";

/// Where the coins would go.
const ADDRESS: &str = "TFakeFakeFakeFakeFakeFakeFakeFake1";

/// Milliseconds for which an order is open when nothing else was asked for.
const OPEN_MS: i64 = 600_000;

/// Which gateway it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flavour {
    /// assimon/epusdt.
    Legacy,
    /// GMPay 1.x, signing with MD5.
    Gmpay1,
    /// GMPay from 2.0 on, signing with HMAC.
    Gmpay2,
    /// BEpusdt.
    Bepusdt,
    /// TokenPay.
    Tokenpay,
}

/// A gateway with one merchant, paid in yuan.
#[derive(Debug)]
pub struct Usdt {
    flavour: Flavour,
    orders: Mutex<Vec<Order>>,
}

#[derive(Clone, Debug)]
struct Order {
    trade: String,
    number: String,
    minor: i64,
    coins: String,
    notify_url: String,
    expires_at: i64,
    state: State,
    /// What the shop sent to make it.
    request: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Waiting,
    Paid(i64),
    Expired,
    Cancelled,
}

impl Usdt {
    /// A gateway without orders.
    pub fn new(flavour: Flavour) -> Usdt {
        Usdt { flavour, orders: Mutex::default() }
    }

    fn orders(&self, now: i64) -> MutexGuard<'_, Vec<Order>> {
        // Nothing here panics half way through a change.
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        for order in orders.iter_mut().filter(|order| order.state == State::Waiting && order.expires_at <= now) {
            order.state = State::Expired;
        }
        orders
    }

    fn is_gmpay(&self) -> bool {
        matches!(self.flavour, Flavour::Gmpay1 | Flavour::Gmpay2)
    }

    fn signature_name(&self) -> &'static str {
        if self.flavour == Flavour::Tokenpay { "Signature" } else { "signature" }
    }

    /// The signature of a message under a key: lines sorted as wholes, as Go sorts them.
    fn sign(&self, message: &Map<String, Value>, key: &str) -> String {
        let mut lines = Vec::new();
        for (name, value) in message.iter().filter(|(name, _)| *name != self.signature_name()) {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) if self.flavour == Flavour::Tokenpay => number.to_string(),
                Value::Number(number) => self.printed(number.as_f64().unwrap_or_default()),
                _ => continue,
            };
            if !text.is_empty() {
                lines.push(format!("{name}={text}"));
            }
        }
        lines.sort();
        let text = lines.join("&");
        match self.flavour {
            Flavour::Gmpay2 => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
                hex(hmac::sign(&key, text.as_bytes()).as_ref())
            }
            _ => hex(&Md5::digest(format!("{text}{key}"))),
        }
    }

    /// A float as the gateway prints it: its shortest decimal, which BEpusdt writes with an exponent from a million on.
    fn printed(&self, number: f64) -> String {
        let exponent = format!("{number:e}");
        let Some((digits, power)) = exponent.split_once('e') else { return number.to_string() };
        match power.parse::<i32>() {
            Ok(power) if self.flavour == Flavour::Bepusdt && number != 0.0 && !(-4..6).contains(&power) => {
                format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
            }
            _ => number.to_string(),
        }
    }

    fn is_signed(&self, message: &Map<String, Value>) -> bool {
        text(message, self.signature_name()) == self.sign(message, KEY)
    }

    fn answer(&self, request: &GatewayRequest, call: &Call) -> FakeAnswer {
        let path = request.path.as_str();
        let message = || match serde_json::from_slice(&request.body) {
            Ok(Value::Object(message)) => message,
            _ => Map::new(),
        };
        let (create, epusdt) = match self.flavour {
            Flavour::Tokenpay => ("/CreateOrder", false),
            Flavour::Gmpay1 | Flavour::Gmpay2 => ("/payments/gmpay/v1/order/create-transaction", true),
            Flavour::Legacy => ("/api/v1/order/create-transaction", true),
            Flavour::Bepusdt => ("/api/v1/order/create-transaction", false),
        };
        match (request.method.as_str(), self.flavour) {
            ("POST", _) if path == create => self.create(request, &message(), call),
            ("POST", Flavour::Bepusdt) if path == "/api/v1/order/cancel-transaction" => self.cancel(&message(), call),
            ("POST", Flavour::Bepusdt) if path == "/api/v1/pay/info" => self.tell(&text(&message(), "trade_id"), call),
            ("GET", Flavour::Tokenpay) if path == "/Query" => {
                let Ok(fields) = form::parse(request.query.as_bytes()) else { return self.refuse(401) };
                let message = fields.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
                if self.is_signed(&message) { self.tell(&text(&message, "Id"), call) } else { self.refuse(401) }
            }
            ("GET", _) if epusdt && path.starts_with("/pay/check-status/") => {
                self.tell(path.trim_start_matches("/pay/check-status/"), call)
            }
            _ => FakeAnswer { status: 404, headers: Vec::new(), body: b"404 page not found".to_vec() },
        }
    }

    fn create(&self, request: &GatewayRequest, message: &Map<String, Value>, call: &Call) -> FakeAnswer {
        if !self.is_signed(message) || (self.is_gmpay() && text(message, "pid") != "1000") {
            return self.refuse(401);
        }
        let token = self.flavour == Flavour::Tokenpay;
        let names =
            if token { ["OutOrderId", "ActualAmount", "NotifyUrl"] } else { ["order_id", "amount", "notify_url"] };
        let [number, amount, notify_url] = names.map(|name| match message.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        });
        let minor = money::parse_minor(&amount, 2).unwrap_or_default();
        let least = if matches!(self.flavour, Flavour::Bepusdt | Flavour::Tokenpay) { 1 } else { 2 };
        if minor < least {
            return self.refuse(10_004);
        }
        if number.is_empty() || number.len() > 32 || notify_url.is_empty() {
            return self.refuse(10_009);
        }
        let mut orders = self.orders(call.now);
        let known = orders.iter().position(|order| order.number == number && order.state == State::Waiting);
        let order = match known.and_then(|at| orders.get(at)) {
            // TokenPay shows the order that is open, BEpusdt builds it anew under its own number, the others refuse.
            Some(order) if token || self.flavour == Flavour::Bepusdt => order.clone(),
            Some(_) => return self.refuse(10_002),
            None => {
                let at = i64::try_from(orders.len()).unwrap_or_default();
                let wait = message.get("timeout").and_then(Value::as_i64).map_or(OPEN_MS, |seconds| seconds * 1_000);
                let order = Order {
                    trade: format!("fake-trade-{}", at + 1),
                    number,
                    minor,
                    // A rate of 7.2, and one ten-thousandth more for every order, so that no two are alike.
                    coins: money::decimal(minor * 1_000 / 72 + at, 4),
                    notify_url,
                    expires_at: call.now + wait,
                    state: State::Waiting,
                    request: request.body.clone(),
                };
                orders.push(order.clone());
                order
            }
        };
        let host = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        let host = host.map_or("127.0.0.1", |(_, host)| host.as_str());
        ok(&self.shown(&order, host, call.now))
    }

    /// What is told of an order when it is made.
    fn shown(&self, order: &Order, host: &str, now: i64) -> Value {
        let (trade, coins) = (&order.trade, &order.coins);
        let amount = money::decimal(order.minor, 2);
        let page = format!("http://{host}/pay/checkout-counter/{trade}");
        match self.flavour {
            Flavour::Tokenpay => json!({
                "success": true, "message": "创建订单成功！", "data": format!("http://{host}/Pay?Id={trade}"),
                "info": {
                    "Id": trade, "OutOrderId": order.number, "OrderUserKey": order.number, "ActualAmount": amount,
                    "Amount": coins, "BaseCurrency": "CNY", "BlockChainName": "TRON", "CurrencyName": "USDT",
                    "ToAddress": ADDRESS
                }
            }),
            Flavour::Bepusdt => good(&json!({
                "trade_id": trade, "order_id": order.number, "fiat": "CNY", "trade_type": "usdt.trc20", "status": 1,
                "amount": amount, "actual_amount": coins, "token": ADDRESS, "payment_url": page,
                "expiration_time": (order.expires_at - now) / 1_000
            })),
            _ => good(&json!({
                "trade_id": trade, "order_id": order.number, "amount": float(&amount), "actual_amount": float(coins),
                "token": if self.is_gmpay() { "USDT" } else { ADDRESS }, "receive_address": ADDRESS,
                "expiration_time": order.expires_at / 1_000, "payment_url": page
            })),
        }
    }

    fn tell(&self, trade: &str, call: &Call) -> FakeAnswer {
        let orders = self.orders(call.now);
        let Some(order) = orders.iter().find(|order| order.trade == trade) else { return self.refuse(10_008) };
        let status = self.status(order.state);
        let minor = if let State::Paid(minor) = order.state { minor } else { order.minor };
        let amount = money::decimal(minor, 2);
        ok(&match self.flavour {
            Flavour::Tokenpay => json!({
                "success": true, "message": "订单信息获取成功！",
                "data": {
                    "id": trade, "outOrderId": order.number, "actualAmount": float(&amount), "amount": float(&order.coins),
                    "currency": "USDT_TRC20", "status": status
                }
            }),
            Flavour::Bepusdt => good(&json!({
                "trade_id": trade, "order_id": order.number, "trade_type": "usdt.trc20", "status": status,
                "money": amount, "actual_amount": order.coins, "token": ADDRESS, "fiat": "CNY"
            })),
            _ => good(&json!({"trade_id": trade, "status": status})),
        })
    }

    fn cancel(&self, message: &Map<String, Value>, call: &Call) -> FakeAnswer {
        if !self.is_signed(message) {
            return self.refuse(401);
        }
        let trade = text(message, "trade_id");
        let mut orders = self.orders(call.now);
        match orders.iter_mut().find(|order| order.trade == trade) {
            None => self.refuse(10_008),
            Some(order) if order.state == State::Waiting => {
                order.state = State::Cancelled;
                ok(&good(&json!({"trade_id": trade})))
            }
            Some(_) => ok(&json!({"status_code": 400, "message": format!("当前订单({trade})状态不允许取消")})),
        }
    }

    fn status(&self, state: State) -> i64 {
        let token = self.flavour == Flavour::Tokenpay;
        match state {
            State::Waiting => i64::from(!token),
            State::Paid(_) => 2 - i64::from(token),
            State::Expired => 3 - i64::from(token),
            State::Cancelled => 4,
        }
    }

    /// A refusal, by epusdt's number for it, in the words of whichever gateway it is.
    fn refuse(&self, code: i64) -> FakeAnswer {
        let words = |bepusdt: &'static str, tokenpay: &'static str| match self.flavour {
            Flavour::Tokenpay => json!({"success": false, "message": tokenpay}),
            Flavour::Bepusdt => json!({"status_code": 400, "message": bepusdt}),
            _ => json!({"status_code": code, "message": "refused", "data": null, "request_id": ""}),
        };
        ok(&match code {
            401 => words("签名错误", "签名验证失败！"),
            10_004 => words("订单创建失败：金额错误", "金额有误！"),
            10_008 => words("订单不存在", "订单不存在！"),
            _ => words("请求参数错误：", "The OutOrderId field is required."),
        })
    }

    /// A notification about an order, unsigned.
    fn message(&self, order: &Order, minor: i64) -> Map<String, Value> {
        let amount = money::decimal(minor, 2);
        let value = match self.flavour {
            Flavour::Tokenpay => json!({
                "Id": order.trade, "OutOrderId": order.number, "OrderUserKey": order.number, "ActualAmount": amount,
                "Amount": order.coins, "BaseCurrency": "CNY", "BlockChainName": "TRON", "Currency": "USDT_TRC20",
                "CurrencyName": "USDT", "PayTime": "2026-11-22 13:06:07", "ToAddress": ADDRESS, "Status": 1,
                "IsDynamicAmount": 0, "BlockTransactionId": "375859c36dc5"
            }),
            _ => json!({
                "trade_id": order.trade, "order_id": order.number, "amount": float(&amount), "token": ADDRESS,
                "actual_amount": if self.flavour == Flavour::Bepusdt { json!(order.coins) } else { float(&order.coins) },
                "block_transaction_id": "375859c36dc5", "status": 2
            }),
        };
        let mut message = value.as_object().cloned().unwrap_or_default();
        if self.is_gmpay() {
            message.insert("pid".to_owned(), json!("1000"));
        }
        message
    }
}

fn text(message: &Map<String, Value>, name: &str) -> String {
    message.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A decimal text as the float that these gateways keep it as.
fn float(decimal: &str) -> Value {
    decimal.parse::<f64>().map_or(Value::Null, |number| json!(number))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn good(data: &Value) -> Value {
    json!({"status_code": 200, "message": "success", "data": data, "request_id": ""})
}

fn ok(body: &Value) -> FakeAnswer {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    FakeAnswer { status: 200, headers, body: body.to_string().into_bytes() }
}

impl Fake for Usdt {
    fn kind(&self) -> &'static str {
        match self.flavour {
            Flavour::Bepusdt => "bepusdt",
            Flavour::Tokenpay => "tokenpay",
            _ => "epusdt",
        }
    }

    fn settings(&self, base_url: &str) -> Settings {
        let mut settings: Settings = [("base_url", base_url), ("key", KEY)].into_iter().collect();
        match self.flavour {
            Flavour::Legacy => settings.set("flavour", "legacy"),
            Flavour::Gmpay1 => settings.set("flavour", "gmpay1"),
            Flavour::Gmpay2 => settings.set("flavour", "gmpay2"),
            Flavour::Bepusdt | Flavour::Tokenpay => {}
        }
        if self.is_gmpay() {
            settings.set("pid", "1000");
        }
        settings
    }

    fn handle(&self, request: &GatewayRequest, call: &Call, seal: Seal) -> FakeAnswer {
        let mut answer = self.answer(request, call);
        if seal == Seal::Wrong {
            let mut text = String::from_utf8_lossy(&answer.body).into_owned();
            for order in self.orders(call.now).iter() {
                text = text.replace(&order.number, "another-order");
            }
            answer.body = text.replace("fake-trade", "other-trade").into_bytes();
        }
        answer
    }

    fn attempts(&self) -> Vec<String> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.iter().map(|order| order.number.clone()).collect()
    }

    /// The coins of an order are asked for once; the same coins again would be nobody's.
    fn pay(&self, out_trade_no: &str, minor: Option<i64>, call: &Call) -> Option<()> {
        let mut orders = self.orders(call.now);
        let order = orders.iter_mut().rev().find(|order| order.number == out_trade_no)?;
        match order.state {
            State::Waiting => order.state = State::Paid(minor.unwrap_or(order.minor)),
            State::Paid(_) => {}
            State::Expired | State::Cancelled => return None,
        }
        Some(())
    }

    fn notice(&self, out_trade_no: &str, twist: Twist, call: &Call) -> Option<FakeNotice> {
        let orders = self.orders(call.now);
        let order = orders.iter().rev().find(|order| order.number == out_trade_no)?;
        let State::Paid(minor) = order.state else { return None };
        let token = self.flavour == Flavour::Tokenpay;
        let mut message = self.message(order, minor);
        let mut change = |name: &str, value: Value| message.insert(name.to_owned(), value);
        match twist {
            Twist::OtherMerchant if self.is_gmpay() => change("pid", json!("1001")),
            Twist::OtherCurrency if token => change("BaseCurrency", json!("USD")),
            Twist::NotPaid if token => change("Status", json!(0)),
            Twist::NotPaid => change("status", json!(1)),
            // No time is signed, and no currency or merchant beyond these.
            Twist::OtherMerchant | Twist::OtherCurrency | Twist::Old => return None,
            Twist::None | Twist::WrongKey | Twist::Unsigned | Twist::Changed | Twist::OwnRequest => None,
        };
        let key = if twist == Twist::WrongKey { "another-token" } else { KEY };
        let sign = self.sign(&message, key);
        if twist == Twist::Changed {
            let more = money::decimal(minor + 1, 2);
            let (name, value) = if token { ("ActualAmount", json!(more)) } else { ("amount", float(&more)) };
            message.insert(name.to_owned(), value);
        }
        if twist != Twist::Unsigned {
            message.insert(self.signature_name().to_owned(), json!(sign));
        }
        let own = twist == Twist::OwnRequest;
        let body = if own { order.request.clone() } else { Value::Object(message).to_string().into_bytes() };
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Some(FakeNotice { method: "POST", url: order.notify_url.clone(), headers, body })
    }

    fn is_acknowledged(&self, status: u16, body: &[u8]) -> bool {
        let text = String::from_utf8_lossy(body);
        match self.flavour {
            Flavour::Legacy => text == "ok",
            Flavour::Tokenpay => status == 200 && text == "ok",
            Flavour::Bepusdt => status == 200,
            Flavour::Gmpay1 | Flavour::Gmpay2 => {
                status == 200 && matches!(text.trim().to_ascii_lowercase().as_str(), "ok" | "success")
            }
        }
    }

    fn returned(&self, _: &str) -> i64 {
        0
    }
}
