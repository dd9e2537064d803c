//! What 易支付 v1 sends: the fields of a notification, and the JSON of `api.php` for `act=order` and `act=refund`.

use super::CURRENCY;
use crate::form::Pairs;
use crate::{HttpReply, Paid, QueryState, RefundState};
use domain::limits::{BODY_MAX, PROVIDER_NUMBER_MAX};
use domain::{Money, money};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The one value of `trade_status` that means paid.
pub(super) const PAID_STATUS: &str = "TRADE_SUCCESS";

/// Messages that mean, to the letter, that the gateway has no such trade: 彩虹易支付 writes the first, forks the second.
/// Every other refusal (a wrong key, an unknown merchant, "try later") is no answer about the trade.
const NO_SUCH_TRADE: [&str; 2] = ["订单号不存在", "订单不存在"];

/// The fields without which a request is not a notification. All are filled.
pub(super) struct Notice<'a> {
    pub(super) trade_no: &'a str,
    pub(super) out_trade_no: &'a str,
    pub(super) money: &'a str,
    pub(super) trade_status: &'a str,
}

impl<'a> Notice<'a> {
    /// Picks the fields. `None` when one is missing or empty, which is the same to the signature.
    pub(super) fn of(pairs: &'a Pairs) -> Option<Notice<'a>> {
        Some(Notice {
            trade_no: pairs.filled("trade_no")?,
            out_trade_no: pairs.filled("out_trade_no")?,
            money: pairs.filled("money")?,
            trade_status: pairs.filled("trade_status")?,
        })
    }
}

/// The reply to `act=order`. Each field keeps the text that was sent, because gateways write numbers as numbers or as
/// strings as they please, and a price must not pass through a float. A field sent twice makes the reply unreadable.
#[derive(Deserialize)]
struct OrderReply<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    msg: Option<&'a RawValue>,
    #[serde(borrow)]
    pid: Option<&'a RawValue>,
    #[serde(borrow)]
    out_trade_no: Option<&'a RawValue>,
    #[serde(borrow)]
    trade_no: Option<&'a RawValue>,
    #[serde(borrow)]
    money: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    method: Option<&'a RawValue>,
}

/// The number by which a trade is asked about.
pub(super) enum Asked {
    /// Ours, of the attempt.
    OutTradeNo(String),
    /// The gateway's own.
    TradeNo(String),
}

impl Asked {
    /// The field of the question that carries the number, and the number.
    pub(super) fn field(&self) -> (&'static str, &str) {
        match self {
            Asked::OutTradeNo(number) => ("out_trade_no", number),
            Asked::TradeNo(number) => ("trade_no", number),
        }
    }
}

/// What the reply says about the trade asked for. The error says why it says nothing.
pub(super) fn order_state(reply: &HttpReply, pid: &str, asked: &Asked) -> Result<QueryState, &'static str> {
    let text = object(reply)?;
    let reply: OrderReply<'_> = serde_json::from_str(&text).map_err(|_| "the reply is not the JSON of an order")?;

    if scalar(reply.code).as_deref() != Some("1") {
        let message = scalar(reply.msg).unwrap_or_default();
        return match scalar(reply.code) {
            Some(_) if NO_SUCH_TRADE.contains(&bare(&message)) => Ok(QueryState::NotFound),
            _ => Err("the gateway refused to answer"),
        };
    }
    if scalar(reply.pid).as_deref() != Some(pid) {
        return Err("the reply is about another merchant");
    }
    let (out_trade_no, trade_no) = (scalar(reply.out_trade_no), scalar(reply.trade_no));
    let is_ours = match asked {
        Asked::OutTradeNo(number) => out_trade_no.as_ref() == Some(number),
        Asked::TradeNo(number) => trade_no.as_ref() == Some(number),
    };
    if !is_ours {
        return Err("the reply is about another trade");
    }
    match scalar(reply.status).as_deref() {
        Some("0") => Ok(QueryState::Pending),
        Some("1") => {
            let money = scalar(reply.money).ok_or("paid, without an amount")?;
            let minor = money::parse_minor(&money, CURRENCY.exponent()).map_err(|_| "paid, with an unclear amount")?;
            let usable = |number: Option<String>| number.filter(|number| is_usable(number));
            Ok(QueryState::Paid(Paid {
                out_trade_no: usable(out_trade_no).ok_or("paid, without a number of ours that can be used")?,
                provider_number: usable(trade_no).ok_or("paid, without a number that can be used")?,
                amount: Money { minor, currency: CURRENCY },
                method: scalar(reply.method).filter(|method| !method.is_empty()),
            }))
        }
        // The reply does not say how much went back, and older gateways write 2 after a part as well. A shop that sends
        // whole amounts back may read it as all.
        Some("2") => Ok(QueryState::Refunded),
        // 3 and above mean frozen in v2, and what a fork pleases in v1.
        _ => Err("the status is none of 0, 1 and 2"),
    }
}

/// Messages that mean, to the letter, that this call sent nothing back: no such trade, not paid, more than is left, no
/// amount. Any other refusal may have come from further up, after the money was on its way.
const NOTHING_SENT: [&str; 5] =
    ["订单号不存在", "订单不存在", "该订单未支付，不能退款", "退款金额大于可退金额", "退款金额不正确"];

/// Refusals to listen at all, each with its code: the gateway knows neither us nor the trade.
const NOT_LET_IN: [(i64, &str); 2] = [(-3, "PID不存在"), (-2, "KEY校验失败")];

/// The reply to `act=refund`, read as [`OrderReply`] is.
#[derive(Deserialize)]
struct RefundReply<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    msg: Option<&'a RawValue>,
}

/// What the reply says about the refund. The error says why it says nothing.
pub(super) fn refund_state(reply: &HttpReply, success: &str) -> Result<RefundState, &'static str> {
    let text = object(reply)?;
    let reply: RefundReply<'_> = serde_json::from_str(&text).map_err(|_| "the reply is not the JSON of a refund")?;
    let code = scalar(reply.code).ok_or("the reply has no code")?;
    if code == success {
        return Ok(RefundState::Done);
    }
    let number = code.parse::<i64>().map_err(|_| "the code is not a whole number")?;
    // Each of these means success somewhere; from a gateway that we are wrong about, neither is a refusal.
    if matches!(number, 0 | 1) {
        return Err("the code means success in another fork");
    }
    let message = scalar(reply.msg).unwrap_or_default();
    let message = bare(&message);
    let closed = NOTHING_SENT.into_iter().find(|known| *known == message);
    let told = closed.or_else(|| NOT_LET_IN.into_iter().find(|known| *known == (number, message)).map(|(_, m)| m));
    told.map(RefundState::Refused).ok_or("the gateway gave another answer")
}

/// The JSON object in a reply, still as text. The error says why there is none.
fn object(reply: &HttpReply) -> Result<Cow<'_, str>, &'static str> {
    if reply.status != 200 {
        return Err("the HTTP status is not 200");
    }
    if reply.body.len() > BODY_MAX {
        return Err("the reply is too long");
    }
    let text = std::str::from_utf8(&reply.body).map_err(|_| "the reply is not UTF-8")?;
    // PHP files saved with a byte order mark send it before everything else.
    let text = text.trim_start_matches('\u{FEFF}');
    // Some gateways encode twice and send a JSON string that holds the JSON.
    let text = serde_json::from_str::<String>(text).map_or(Cow::Borrowed(text), Cow::Owned);
    // serde would read a list as well, its items as our fields in the order in which we happen to write them.
    if !text.trim_start().starts_with('{') {
        return Err("the reply is not a JSON object");
    }
    Ok(text)
}

/// A message without the marks that one gateway sets at its end and another does not.
fn bare(message: &str) -> &str {
    message.trim_end_matches(['!', '！', '.', '。'])
}

/// Whether a number of a trade can be kept and sent.
pub(super) fn is_usable(number: &str) -> bool {
    (1..=PROVIDER_NUMBER_MAX).contains(&number.len()) && !number.contains(char::is_control)
}

/// The text of a JSON string, or of a number as it was written. Anything else is not a scalar of this protocol.
fn scalar(value: Option<&RawValue>) -> Option<String> {
    let raw = value?.get();
    if raw.starts_with('"') {
        return serde_json::from_str(raw).ok();
    }
    raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()).then(|| raw.to_owned())
}
