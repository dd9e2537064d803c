//! The trades of the two fake gateways of 易支付: what was asked, what was paid, what went back. They differ in how they sign and in
//! what they are asked; a trade is the same in both.

use super::{FakeAnswer, FakeNotice};
use crate::gateway::GatewayRequest;
use domain::money;
use payments::form::{self, Pairs};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Pairs of a form or of a query, sorted by name.
pub(super) type Pairings = BTreeMap<String, String>;

/// One payment of an attempt. Money is in fen.
#[derive(Clone)]
pub(super) struct Payment {
    pub(super) trade_no: String,
    pub(super) fen: i64,
    pub(super) returned: i64,
}

/// One attempt of the shop's.
#[derive(Clone)]
pub(super) struct Trade {
    /// The gateway's number: that of the first payment.
    pub(super) trade_no: String,
    pub(super) out_trade_no: String,
    pub(super) name: String,
    pub(super) method: String,
    pub(super) notify_url: String,
    pub(super) fen: i64,
    pub(super) made_at: i64,
    pub(super) is_closed: bool,
    pub(super) payments: Vec<Payment>,
    /// The form that made it, as it was sent.
    pub(super) sent: String,
}

/// One refund.
#[derive(Clone)]
pub(super) struct Refund {
    pub(super) refund_no: String,
    pub(super) out_refund_no: String,
    pub(super) trade_no: String,
    pub(super) out_trade_no: String,
    pub(super) money: String,
}

/// Everything a gateway remembers.
#[derive(Default)]
pub(super) struct Books {
    pub(super) trades: Vec<Trade>,
    pub(super) refunds: Vec<Refund>,
    numbers: i64,
}

/// What a gateway remembers, shared.
#[derive(Default)]
pub(super) struct Shelf(Mutex<Books>);

impl Shelf {
    pub(super) fn open(&self) -> MutexGuard<'_, Books> {
        // A panic elsewhere leaves a step half done, which a test that goes on after it has to live with.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// A number that was not given out before, in the gateway's style.
    pub(super) fn number(&mut self, now: i64) -> String {
        self.numbers += 1;
        format!("{}{:05}", digits(&time(now)), self.numbers)
    }

    /// The attempt that a form names, by the gateway's number or by the shop's.
    pub(super) fn named(&self, fields: &Pairings) -> Option<&Trade> {
        let filled = |name: &str| fields.get(name).filter(|value| !value.is_empty());
        match (filled("trade_no"), filled("out_trade_no")) {
            (Some(number), _) => self.trades.iter().find(|trade| trade.has(number)),
            (None, Some(number)) => self.trades.iter().find(|trade| trade.out_trade_no == *number),
            (None, None) => None,
        }
    }

    /// The attempt of this number of the shop's.
    pub(super) fn by_order(&mut self, out_trade_no: &str) -> Option<&mut Trade> {
        self.trades.iter_mut().find(|trade| trade.out_trade_no == out_trade_no)
    }

    /// Takes an order in, or finds the one that was taken in before. The error is what the gateway says.
    pub(super) fn order(&mut self, fields: &Pairings, sent: &str, now: i64) -> Result<Trade, String> {
        let text = |name: &str| fields.get(name).cloned().unwrap_or_default();
        for (name, words) in [
            ("out_trade_no", "订单号(out_trade_no)不能为空"),
            ("notify_url", "通知地址(notify_url)不能为空"),
            ("return_url", "回调地址(return_url)不能为空"),
            ("name", "商品名称(name)不能为空"),
            ("money", "金额(money)不能为空"),
        ] {
            if text(name).is_empty() {
                return Err(words.to_owned());
            }
        }
        let fen = money::parse_minor(&text("money"), 2).ok().filter(|fen| *fen > 0).ok_or("金额不合法")?;
        let number = text("out_trade_no");
        if !number.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-|".contains(&b)) {
            return Err("订单号(out_trade_no)格式不正确".to_owned());
        }
        if let Some(old) = self.by_order(&number) {
            if !old.payments.is_empty() || old.is_closed {
                return Err(format!("该订单({number})已完成支付，请勿重复发起支付"));
            }
            if (old.fen, &old.name, &old.notify_url) != (fen, &text("name"), &text("notify_url")) {
                return Err(format!("该订单({number})支付参数有变化，请更换订单号重新发起支付"));
            }
            return Ok(old.clone());
        }
        let trade = Trade {
            trade_no: self.number(now),
            out_trade_no: number,
            name: text("name"),
            method: text("type"),
            notify_url: text("notify_url"),
            fen,
            made_at: now,
            is_closed: false,
            payments: Vec::new(),
            sent: sent.to_owned(),
        };
        self.trades.push(trade.clone());
        Ok(trade)
    }

    /// Books a payment; a further one of the same attempt has a number of its own.
    pub(super) fn pay(&mut self, out_trade_no: &str, minor: Option<i64>, now: i64) -> Option<()> {
        let other = self.number(now);
        let trade = self.by_order(out_trade_no).filter(|trade| !trade.is_closed)?;
        let trade_no = if trade.payments.is_empty() { trade.trade_no.clone() } else { other };
        trade.payments.push(Payment { trade_no, fen: minor.unwrap_or(trade.fen), returned: 0 });
        Some(())
    }

    /// Sends money of one payment back. The error is what the gateway says.
    pub(super) fn give_back(&mut self, trade_no: &str, fen: i64) -> Result<&Trade, &'static str> {
        let trade = self.trades.iter_mut().find(|trade| trade.has(trade_no)).ok_or("当前订单不存在！")?;
        let payment = trade.payments.iter_mut().find(|payment| payment.trade_no == trade_no);
        let payment = payment.ok_or("该订单状态不支持退款！")?;
        if fen > payment.fen {
            return Err("退款金额不能大于订单金额");
        }
        if payment.returned >= payment.fen {
            return Err("该订单已全额退款！");
        }
        if fen > payment.fen - payment.returned {
            return Err("退款金额不能超过该订单剩余可退款金额！");
        }
        payment.returned += fen;
        Ok(trade)
    }

    /// The attempts, oldest first, by the shop's numbers.
    pub(super) fn attempts(&self) -> Vec<String> {
        self.trades.iter().map(|trade| trade.out_trade_no.clone()).collect()
    }

    /// Fen that went back of an attempt.
    pub(super) fn returned(&self, out_trade_no: &str) -> i64 {
        let trades = self.trades.iter().filter(|trade| trade.out_trade_no == out_trade_no);
        trades.flat_map(|trade| &trade.payments).map(|payment| payment.returned).sum()
    }
}

impl Trade {
    fn has(&self, trade_no: &str) -> bool {
        self.trade_no == trade_no || self.payments.iter().any(|payment| payment.trade_no == trade_no)
    }

    /// The payment that a question means: that of the gateway's number, and otherwise the first.
    pub(super) fn payment(&self, trade_no: Option<&String>) -> Option<&Payment> {
        match trade_no.filter(|number| !number.is_empty()) {
            Some(number) => self.payments.iter().find(|payment| payment.trade_no == *number),
            None => self.payments.first(),
        }
    }
}

/// The pairs of a form. `None` when it is none.
pub(super) fn pairs(raw: &[u8]) -> Option<Pairings> {
    let read: Pairs = form::parse(raw).ok()?;
    Some(read.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// What a request brings: its query, or its body where that has a merchant's number.
pub(super) fn brought(request: &GatewayRequest) -> Option<Pairings> {
    let body = pairs(&request.body)?;
    if body.contains_key("pid") { Some(body) } else { pairs(request.query.as_bytes()) }
}

/// What was sent, as text that can be sent again.
pub(super) fn raw(request: &GatewayRequest) -> String {
    let body = String::from_utf8_lossy(&request.body).into_owned();
    if body.is_empty() { request.query.clone() } else { body }
}

/// Sorted, without signature and its kind, without what is blank to PHP.
pub(super) fn signed_text(pairs: &Pairings) -> String {
    let is_kept = |name: &str, value: &str| {
        name != "sign" && name != "sign_type" && !value.trim_matches([' ', '\t', '\n', '\r', '\0', '\u{b}']).is_empty()
    };
    let kept = pairs.iter().filter(|(name, value)| is_kept(name, value));
    kept.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// A notification to an attempt's address, with the fields in its query.
pub(super) fn notice(notify_url: &str, query: &str) -> FakeNotice {
    let joint = if notify_url.contains('?') { '&' } else { '?' };
    FakeNotice { method: "GET", url: format!("{notify_url}{joint}{query}"), headers: Vec::new(), body: Vec::new() }
}

/// Fields as PHP's `http_build_query` writes them, in which a space is a plus sign.
pub(super) fn query(pairs: &Pairings) -> String {
    form::write(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))).replace("%20", "+")
}

/// Whether a shop's answer ends the repetitions: the gateway looks for the word in it and for nothing else.
pub(super) fn is_heard(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    ["success", "SUCCESS", "Success"].iter().any(|word| text.contains(word))
}

/// JSON, as every call is answered, whatever it says: with status 200.
pub(super) fn json(value: &Value) -> FakeAnswer {
    let kind = ("content-type".to_owned(), "application/json; charset=UTF-8".to_owned());
    FakeAnswer { status: 200, headers: vec![kind], body: value.to_string().into_bytes() }
}

/// A page that says one thing.
pub(super) fn page(words: &str) -> FakeAnswer {
    let kind = ("content-type".to_owned(), "text/html; charset=UTF-8".to_owned());
    let body = format!("<!doctype html><title>收银台</title><p>{}</p>", crate::markup::escaped(words));
    FakeAnswer { status: 200, headers: vec![kind], body: body.into_bytes() }
}

/// The address of the page on which a trade is paid, beside the call that was made.
pub(super) fn pay_page(request: &GatewayRequest, trade: &Trade) -> String {
    let host = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    match host {
        Some((_, host)) => format!("http://{host}/pay/submit/{}/", trade.trade_no),
        None => format!("https://gateway.example.com/pay/submit/{}/", trade.trade_no),
    }
}

/// A time as a gateway in China writes it: `2026-11-22 13:06:07`.
pub(super) fn time(ms: i64) -> String {
    let second = ms.div_euclid(1_000) + 8 * 3_600;
    let (year, month, day) = app::clock::civil(second.div_euclid(86_400));
    let of_day = second.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}
