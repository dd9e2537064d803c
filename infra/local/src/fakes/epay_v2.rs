//! A gateway of 易支付 v2: RSA in both directions, one key for all its merchants, and refusals that nobody signs.

use super::epay_trades::{
    Pairings, Refund, Shelf, Trade, brought, is_heard, json, notice, page, pay_page, query, raw, signed_text, time,
};
use super::{Fake, FakeAnswer, FakeNotice, Seal, Twist};
use crate::gateway::GatewayRequest;
use domain::money;
use payments::rsa::{BadKey, SigningKey, VerifyingKey};
use payments::{Call, Settings};
use serde_json::{Map, Value, json};
use std::fmt;

const PID: &str = "1000";

/// Keys that open nothing: the merchant's, the gateway's, and one of nobody here.
const KEYS: &str = include_str!("../../assets/epay_v2_keys.json");

/// The gateway. Its merchants have the numbers 1000, which is the shop, and 1001.
pub struct EpayV2 {
    shelf: Shelf,
    merchant_private: String,
    platform_public: String,
    merchant: VerifyingKey,
    platform: SigningKey,
    nobody: SigningKey,
}

impl fmt::Debug for EpayV2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpayV2")
    }
}

/// Why a call is not carried out: its code, and what the gateway says.
type Refused = (i64, String);

fn refused<T>(code: i64, words: &str) -> Result<T, Refused> {
    Err((code, words.to_owned()))
}

/// A member as PHP joins it into what is signed.
fn php(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(true) => "1".to_owned(),
        _ => String::new(),
    }
}

impl EpayV2 {
    /// A gateway without trades. The error is that its own keys cannot be read.
    pub fn new() -> Result<EpayV2, BadKey> {
        let keys: Value = serde_json::from_str(KEYS).unwrap_or_default();
        let text = |place: &str| keys.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(EpayV2 {
            shelf: Shelf::default(),
            merchant_private: text("/merchant/private"),
            platform_public: text("/platform/public"),
            merchant: VerifyingKey::read(&text("/merchant/public"))?,
            platform: SigningKey::read(&text("/platform/private"))?,
            nobody: SigningKey::read(&text("/other/private"))?,
        })
    }

    /// Looks at merchant, kind of signature, time and signature, in the gateway's order.
    fn let_in(&self, request: &GatewayRequest, call: &Call) -> Result<Pairings, Refused> {
        let Some(fields) = brought(request).filter(|_| request.method == "POST") else {
            return refused(-4, "未传入任何参数");
        };
        let text = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        if text("pid") != PID {
            return refused(-1, "商户不存在！");
        }
        if text("sign_type") != "RSA" {
            return refused(-3, "该商户只能使用RSA签名类型");
        }
        let told = text("timestamp").parse::<i64>().unwrap_or_default();
        if (call.now.div_euclid(1_000) - told).abs() > 300 {
            return refused(-3, "时间戳字段不正确，请检查服务器时间");
        }
        if !self.merchant.verifies(signed_text(&fields).as_bytes(), text("sign")) {
            return refused(-3, "RSA签名校验失败");
        }
        Ok(fields)
    }

    fn sign(&self, text: &str, is_ours: bool) -> String {
        let key = if is_ours { &self.platform } else { &self.nobody };
        key.sign(text.as_bytes()).unwrap_or_default()
    }

    /// A reply with its time and its signature, members in the order in which PHP had them.
    fn sealed(&self, told: Value, call: &Call, seal: Seal) -> Value {
        let Value::Object(mut members) = told else { return told };
        members.insert("timestamp".to_owned(), json!(call.now.div_euclid(1_000).to_string()));
        let pairs: Pairings = members.iter().map(|(name, value)| (name.clone(), php(value))).collect();
        if seal != Seal::Missing {
            members.insert("sign".to_owned(), json!(self.sign(&signed_text(&pairs), seal == Seal::Right)));
            members.insert("sign_type".to_owned(), json!("RSA"));
        }
        Value::Object(members)
    }

    fn made(&self, request: &GatewayRequest, call: &Call) -> Result<Value, Refused> {
        let fields = self.let_in(request, call)?;
        let text = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        for (name, words) in [("type", "支付方式(type)不能为空"), ("clientip", "用户IP地址(clientip)不能为空")]
        {
            if text(name).is_empty() {
                return refused(-1, words);
            }
        }
        let order = self.shelf.open().order(&fields, &raw(request), call.now);
        let trade = order.map_err(|words| (-1, words))?;
        let (way, info) = match (text("method"), text("device")) {
            ("web", "" | "pc") => ("qrcode", format!("https://qr.example.com/pay?no={}&a=b", trade.trade_no)),
            ("web", "wechat") => ("urlscheme", format!("weixin://dl/business/?t={}", trade.trade_no)),
            ("web" | "jump", _) => ("jump", pay_page(request, &trade)),
            _ => return refused(-2, "不支持的接口类型"),
        };
        Ok(json!({"code": 0, "trade_no": trade.trade_no, "pay_type": way, "pay_info": info}))
    }

    fn state(&self, fields: &Pairings) -> Result<Value, Refused> {
        let books = self.shelf.open();
        let Some(trade) = books.named(fields) else { return refused(-1, "订单号不存在") };
        let payment = trade.payment(fields.get("trade_no"));
        let status = payment.map_or(0, |payment| if payment.returned > 0 { 2 } else { 1 });
        let fen = payment.map_or(trade.fen, |payment| payment.fen);
        let mut told = json!({
            "code": 0, "out_trade_no": trade.out_trade_no, "type": trade.method, "pid": 1000, "name": trade.name,
            "trade_no": payment.map_or(&trade.trade_no, |payment| &payment.trade_no), "param": null,
            "addtime": time(trade.made_at), "money": money::decimal(fen, 2), "status": status,
        });
        if let (Some(payment), Some(told)) = (payment.filter(|payment| payment.returned > 0), told.as_object_mut()) {
            told.insert("refundmoney".to_owned(), json!(money::decimal(payment.returned, 2)));
        }
        Ok(told)
    }

    /// Sends money back once under each number of the shop's. What it refuses after it has listened is signed.
    fn refund(&self, fields: &Pairings, call: &Call) -> Result<Value, Refused> {
        let text = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        let Ok(fen) = money::parse_minor(text("money"), 2) else { return refused(-1, "金额输入错误") };
        let mut books = self.shelf.open();
        let number = text("out_refund_no");
        let told = |refund: &Refund, words: &str| {
            json!({
                "code": 0, "refund_no": refund.refund_no, "out_refund_no": refund.out_refund_no, "uid": 1000,
                "trade_no": refund.trade_no, "out_trade_no": refund.out_trade_no, "money": refund.money,
                "reducemoney": refund.money, "msg": format!("{words}！退款金额¥{}", refund.money),
            })
        };
        if let Some(old) = books.refunds.iter().find(|refund| refund.out_refund_no == number) {
            return Ok(told(old, "已存在相同退款单号"));
        }
        let out_trade_no = match books.give_back(text("trade_no"), fen) {
            Ok(trade) => trade.out_trade_no.clone(),
            Err(words) => return Ok(json!({"code": -1, "msg": words})),
        };
        let refund = Refund {
            refund_no: books.number(call.now),
            out_refund_no: number.to_owned(),
            trade_no: text("trade_no").to_owned(),
            out_trade_no,
            money: money::decimal(fen, 2),
        };
        books.refunds.push(refund.clone());
        Ok(told(&refund, "退款成功"))
    }

    fn refund_found(&self, fields: &Pairings) -> Result<Value, Refused> {
        let books = self.shelf.open();
        let number = fields.get("out_refund_no");
        let found = books.refunds.iter().find(|refund| Some(&refund.out_refund_no) == number);
        let Some(refund) = found else { return refused(-1, "退款记录不存在") };
        Ok(json!({
            "code": 0, "refund_no": refund.refund_no, "out_refund_no": refund.out_refund_no, "uid": 1000, "status": 1,
            "trade_no": refund.trade_no, "out_trade_no": refund.out_trade_no, "money": refund.money,
            "reducemoney": refund.money,
        }))
    }

    fn close(&self, fields: &Pairings) -> Result<Value, Refused> {
        let number = fields.get("out_trade_no").map(String::as_str).unwrap_or_default();
        let mut books = self.shelf.open();
        let Some(trade) = books.by_order(number) else { return refused(-1, "订单号不存在") };
        if !trade.payments.is_empty() {
            return refused(-1, "订单已支付");
        }
        trade.is_closed = true;
        Ok(json!({"code": 0, "msg": "succ"}))
    }

    fn told(&self, request: &GatewayRequest, call: &Call) -> Result<Value, Refused> {
        if request.path == "/api/pay/create" {
            return self.made(request, call);
        }
        let fields = self.let_in(request, call)?;
        match request.path.as_str() {
            "/api/pay/query" => self.state(&fields),
            "/api/pay/refund" => self.refund(&fields, call),
            "/api/pay/refundquery" => self.refund_found(&fields),
            "/api/pay/close" => self.close(&fields),
            "/api/merchant/info" => Ok(json!({"code": 0, "pid": 1000, "status": 1, "money": "0.00", "pay_status": 1})),
            _ => refused(-5, "接口方法不存在"),
        }
    }

    fn submitted(&self, request: &GatewayRequest, call: &Call) -> Result<Trade, Refused> {
        let fields = self.let_in(request, call)?;
        self.shelf.open().order(&fields, &raw(request), call.now).map_err(|words| (-1, words))
    }
}

impl Fake for EpayV2 {
    fn kind(&self) -> &'static str {
        "epay_v2"
    }

    fn settings(&self, base_url: &str) -> Settings {
        [
            ("base_url", base_url),
            ("pid", PID),
            ("private_key", &self.merchant_private),
            ("platform_key", &self.platform_public),
            ("closes", "true"),
        ]
        .into_iter()
        .collect()
    }

    fn handle(&self, request: &GatewayRequest, call: &Call, seal: Seal) -> FakeAnswer {
        if request.path == "/api/pay/submit" {
            return match self.submitted(request, call) {
                Ok(trade) => page(&format!("请付款 {} 元", money::decimal(trade.fen, 2))),
                Err((_, words)) => page(&words),
            };
        }
        match self.told(request, call) {
            Ok(told) => json(&self.sealed(told, call, seal)),
            Err((code, words)) => {
                let refusal = Map::from_iter([("code".to_owned(), json!(code)), ("msg".to_owned(), json!(words))]);
                json(&Value::Object(refusal))
            }
        }
    }

    fn attempts(&self) -> Vec<String> {
        self.shelf.open().attempts()
    }

    fn pay(&self, out_trade_no: &str, minor: Option<i64>, call: &Call) -> Option<()> {
        self.shelf.open().pay(out_trade_no, minor, call.now)
    }

    fn notice(&self, out_trade_no: &str, twist: Twist, call: &Call) -> Option<FakeNotice> {
        let trade = self.shelf.open().by_order(out_trade_no)?.clone();
        if twist == Twist::OwnRequest {
            return Some(notice(&trade.notify_url, &trade.sent));
        }
        let payment = trade.payments.last()?;
        let text = |value: &str| value.to_owned();
        let second = call.now.div_euclid(1_000);
        let mut fields: Pairings = [
            ("pid", text(PID)),
            ("trade_no", payment.trade_no.clone()),
            ("out_trade_no", trade.out_trade_no.clone()),
            ("api_trade_no", format!("42{}", payment.trade_no)),
            ("type", if trade.method.is_empty() { text("alipay") } else { trade.method.clone() }),
            ("trade_status", text("TRADE_SUCCESS")),
            ("addtime", time(trade.made_at)),
            ("endtime", time(call.now)),
            ("name", trade.name.clone()),
            ("money", money::decimal(payment.fen, 2)),
            ("param", String::new()),
            ("buyer", text("o9uAcc6VlZxhcujpKIqQuWWoDQc")),
            ("timestamp", second.to_string()),
        ]
        .map(|(name, value)| (text(name), value))
        .into();
        match twist {
            Twist::OtherMerchant => drop(fields.insert(text("pid"), text("1001"))),
            Twist::NotPaid => drop(fields.insert(text("trade_status"), text("WAIT_BUYER_PAY"))),
            Twist::Old => drop(fields.insert(text("timestamp"), (second - 86_400).to_string())),
            Twist::OtherCurrency => return None,
            _ => {}
        }
        let signature = self.sign(&signed_text(&fields), twist != Twist::WrongKey);
        if twist == Twist::Changed {
            fields.insert(text("money"), money::decimal(payment.fen + 1, 2));
        }
        if twist != Twist::Unsigned {
            fields.insert(text("sign"), signature);
        }
        fields.insert(text("sign_type"), text("RSA"));
        Some(notice(&trade.notify_url, &query(&fields)))
    }

    fn is_acknowledged(&self, _: u16, body: &[u8]) -> bool {
        is_heard(body)
    }

    fn returned(&self, out_trade_no: &str) -> i64 {
        self.shelf.open().returned(out_trade_no)
    }
}
