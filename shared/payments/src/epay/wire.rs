//! What 易支付 v1 sends: the fields of a notification, and the JSON of `api.php?act=order`.

use super::CURRENCY;
use crate::form::Pairs;
use crate::{HttpReply, Paid, QueryState};
use domain::limits::{BODY_MAX, PROVIDER_NUMBER_MAX};
use domain::{Money, money};
use serde::Deserialize;
use serde_json::value::RawValue;

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

/// What the reply says about the trade asked for. The error says why it says nothing.
pub(super) fn order_state(reply: &HttpReply, pid: &str, asked: &str) -> Result<QueryState, &'static str> {
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
    let inner = serde_json::from_str::<String>(text).ok();
    let reply: OrderReply<'_> =
        serde_json::from_str(inner.as_deref().unwrap_or(text)).map_err(|_| "the reply is not the JSON of an order")?;

    if scalar(reply.code).as_deref() != Some("1") {
        let message = scalar(reply.msg).unwrap_or_default();
        let message = message.trim_end_matches(['!', '！', '.', '。']);
        return match scalar(reply.code) {
            Some(_) if NO_SUCH_TRADE.contains(&message) => Ok(QueryState::NotFound),
            _ => Err("the gateway refused to answer"),
        };
    }
    if scalar(reply.pid).as_deref() != Some(pid) {
        return Err("the reply is about another merchant");
    }
    if scalar(reply.out_trade_no).as_deref() != Some(asked) {
        return Err("the reply is about another trade");
    }
    match scalar(reply.status).as_deref() {
        Some("0") => Ok(QueryState::Pending),
        Some("1") => {
            let money = scalar(reply.money).ok_or("paid, without an amount")?;
            let minor = money::parse_minor(&money, CURRENCY.exponent()).map_err(|_| "paid, with an unclear amount")?;
            let number = scalar(reply.trade_no).ok_or("paid, without a number")?;
            if number.is_empty() || number.len() > PROVIDER_NUMBER_MAX || number.contains(char::is_control) {
                return Err("paid, with a number that cannot be used");
            }
            Ok(QueryState::Paid(Paid {
                out_trade_no: asked.to_owned(),
                provider_number: number,
                amount: Money { minor, currency: CURRENCY },
                method: scalar(reply.method).filter(|method| !method.is_empty()),
            }))
        }
        // 2 and above mean refunded or frozen in v2, and what a fork pleases in v1.
        _ => Err("the status is neither 0 nor 1"),
    }
}

/// The text of a JSON string, or of a number as it was written. Anything else is not a scalar of this protocol.
fn scalar(value: Option<&RawValue>) -> Option<String> {
    let raw = value?.get();
    if raw.starts_with('"') {
        return serde_json::from_str(raw).ok();
    }
    raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()).then(|| raw.to_owned())
}
