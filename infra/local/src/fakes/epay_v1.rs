//! A gateway of 易支付 v1: MD5, and replies that nobody signs.

use super::epay_trades::{
    Pairings, Shelf, Trade, brought, is_heard, json, notice, page, pairs, pay_page, query, raw, signed_text, time,
};
use super::{Fake, FakeAnswer, FakeNotice, Seal, Twist};
use crate::gateway::GatewayRequest;
use domain::money;
use md5::{Digest, Md5};
use payments::{Call, Settings};
use serde_json::{Value, json};
use std::fmt;

const PID: &str = "1000";
const KEY: &str = "a-key-that-opens-nothing-0123456";

/// The gateway. Its one merchant has the number 1000.
#[derive(Default)]
pub struct EpayV1 {
    shelf: Shelf,
}

impl fmt::Debug for EpayV1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpayV1")
    }
}

/// The digest of sorted pairs and a key.
fn sign(pairs: &Pairings, key: &str) -> String {
    let mut digest = Md5::new();
    digest.update(signed_text(pairs));
    digest.update(key);
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failure(code: i64, words: &str) -> Value {
    json!({"code": code, "msg": words})
}

/// Bends what is told about a trade: v1 signs no replies, so a wrong one is about another number, and one that lacks its seal does not
/// say what it is about.
fn sealed(mut told: Value, seal: Seal) -> Value {
    const ABOUT: [&str; 3] = ["pid", "trade_no", "out_trade_no"];
    let Some(members) = told.as_object_mut().filter(|_| seal != Seal::Right) else { return told };
    for name in ABOUT {
        match (seal, members.get_mut(name)) {
            (Seal::Wrong, Some(value)) => *value = json!("1"),
            _ => drop(members.remove(name)),
        }
    }
    // Where there is no number but the code, the code is another fork's.
    if seal == Seal::Wrong && !members.contains_key("out_trade_no") && !members.contains_key("pid") {
        let success = if members.get("code") == Some(&json!(1)) { 0 } else { 1 };
        members.insert("code".to_owned(), json!(success));
    }
    told
}

impl EpayV1 {
    /// Takes an order in after its signature was found right.
    fn order(&self, request: &GatewayRequest, call: &Call) -> Result<Trade, (i64, String)> {
        let refused = |code: i64, words: &str| (code, words.to_owned());
        let fields = brought(request).ok_or(refused(-4, "未传入任何参数"))?;
        if fields.get("pid").map(String::as_str) != Some(PID) {
            return Err(refused(-1, "商户不存在！"));
        }
        if fields.get("sign_type").map(String::as_str) != Some("MD5") || fields.get("sign") != Some(&sign(&fields, KEY))
        {
            return Err(refused(-3, "MD5签名校验失败"));
        }
        self.shelf.open().order(&fields, &raw(request), call.now).map_err(|words| (-1, words))
    }

    /// `mapi.php`: a code for a computer, a page for a phone, an app's address inside WeChat.
    fn made(&self, request: &GatewayRequest, call: &Call) -> Value {
        let fields = pairs(&request.body).unwrap_or_default();
        let filled = |name: &str| fields.get(name).is_some_and(|value| !value.is_empty());
        let trade = match self.order(request, call) {
            Ok(trade) => trade,
            Err((code, words)) => return failure(code, &words),
        };
        if !filled("type") {
            return failure(-1, "支付方式(type)不能为空");
        }
        if !filled("clientip") {
            return failure(-1, "用户IP地址(clientip)不能为空");
        }
        let (name, value) = match fields.get("device").map(String::as_str) {
            None | Some("" | "pc") => ("qrcode", format!("https://qr.example.com/{}", trade.trade_no)),
            Some("wechat") => ("urlscheme", format!("weixin://dl/business/?t={}", trade.trade_no)),
            Some(_) => ("payurl", pay_page(request, &trade)),
        };
        json!({"code": 1, "trade_no": trade.trade_no, name: value})
    }

    fn told(&self, request: &GatewayRequest) -> Value {
        let query = pairs(request.query.as_bytes()).unwrap_or_default();
        let fields = brought(request).unwrap_or_default();
        let act = query.get("act").map(String::as_str);
        if fields.get("pid").map(String::as_str) != Some(PID) {
            return failure(-3, "商户ID不存在");
        }
        if fields.get("key").map(String::as_str) != Some(KEY) {
            return failure(-3, "商户密钥错误");
        }
        match (act, request.method.as_str()) {
            (Some("query"), _) => json!({"code": 1, "pid": 1000, "active": 1, "money": "0.00"}),
            (Some("order"), _) => self.state(&fields),
            (Some("refund"), "POST") => self.refund(&fields),
            _ => failure(-5, "No Act!"),
        }
    }

    fn state(&self, fields: &Pairings) -> Value {
        let books = self.shelf.open();
        let Some(trade) = books.named(fields) else { return failure(-1, "订单号不存在") };
        let payment = trade.payment(fields.get("trade_no"));
        let status = payment.map_or(0, |payment| if payment.returned > 0 { 2 } else { 1 });
        json!({
            "code": 1, "msg": "succ", "out_trade_no": trade.out_trade_no, "type": trade.method, "pid": 1000,
            "trade_no": payment.map_or(&trade.trade_no, |payment| &payment.trade_no),
            "addtime": time(trade.made_at), "name": trade.name, "status": status, "param": null,
            "money": money::decimal(payment.map_or(trade.fen, |payment| payment.fen), 2),
        })
    }

    fn refund(&self, fields: &Pairings) -> Value {
        let text = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        let Ok(fen) = money::parse_minor(text("money"), 2) else { return failure(-1, "金额输入错误") };
        match self.shelf.open().give_back(text("trade_no"), fen) {
            Ok(_) => json!({"code": 0, "msg": format!("退款成功！退款金额￥{}", text("money"))}),
            Err(words) => failure(-1, words),
        }
    }
}

impl Fake for EpayV1 {
    fn kind(&self) -> &'static str {
        "epay_v1"
    }

    fn settings(&self, base_url: &str) -> Settings {
        [("base_url", base_url), ("pid", PID), ("key", KEY), ("refund_code", "0")].into_iter().collect()
    }

    fn handle(&self, request: &GatewayRequest, call: &Call, seal: Seal) -> FakeAnswer {
        match request.path.as_str() {
            "/submit.php" => match self.order(request, call) {
                Ok(trade) => page(&format!("请付款 {} 元", money::decimal(trade.fen, 2))),
                Err((_, words)) => page(&words),
            },
            "/mapi.php" => json(&sealed(self.made(request, call), seal)),
            "/api.php" => json(&sealed(self.told(request), seal)),
            _ => FakeAnswer { status: 404, ..page("404 Not Found") },
        }
    }

    fn attempts(&self) -> Vec<String> {
        self.shelf.open().attempts()
    }

    fn pay(&self, out_trade_no: &str, minor: Option<i64>, call: &Call) -> Option<()> {
        self.shelf.open().pay(out_trade_no, minor, call.now)
    }

    fn notice(&self, out_trade_no: &str, twist: Twist, _: &Call) -> Option<FakeNotice> {
        let trade = self.shelf.open().by_order(out_trade_no)?.clone();
        if twist == Twist::OwnRequest {
            return Some(notice(&trade.notify_url, &trade.sent));
        }
        let payment = trade.payments.last()?;
        let text = |value: &str| value.to_owned();
        // PHP prints a float: 1.00 is 1 and 9.90 is 9.9.
        let money = money::decimal(payment.fen, 2).trim_end_matches('0').trim_end_matches('.').to_owned();
        let mut fields: Pairings = [
            ("pid", text(PID)),
            ("trade_no", payment.trade_no.clone()),
            ("out_trade_no", trade.out_trade_no.clone()),
            ("type", if trade.method.is_empty() { text("alipay") } else { trade.method.clone() }),
            ("name", trade.name.clone()),
            ("money", money),
            ("trade_status", text("TRADE_SUCCESS")),
        ]
        .map(|(name, value)| (text(name), value))
        .into();
        match twist {
            Twist::OtherMerchant => drop(fields.insert(text("pid"), text("1001"))),
            Twist::NotPaid => drop(fields.insert(text("trade_status"), text("WAIT_BUYER_PAY"))),
            // Nothing that v1 signs is a time or a currency.
            Twist::Old | Twist::OtherCurrency => return None,
            _ => {}
        }
        let key = if twist == Twist::WrongKey { "another-key" } else { KEY };
        let signature = sign(&fields, key);
        if twist == Twist::Changed {
            fields.insert(text("money"), money::decimal(payment.fen + 1, 2));
        }
        if twist != Twist::Unsigned {
            fields.insert(text("sign"), signature);
        }
        fields.insert(text("sign_type"), text("MD5"));
        Some(notice(&trade.notify_url, &query(&fields)))
    }

    fn is_acknowledged(&self, _: u16, body: &[u8]) -> bool {
        is_heard(body)
    }

    fn returned(&self, out_trade_no: &str) -> i64 {
        self.shelf.open().returned(out_trade_no)
    }
}
