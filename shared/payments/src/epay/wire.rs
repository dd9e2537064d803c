//! What 易支付 v1 sends: the fields of a notification, and the JSON of `mapi.php` and of `api.php` for `act=order`, `act=refund` and
//! `act=query`.

use super::common::{CURRENCY, Way, is_usable, shown};
use super::refusals;
use crate::form::Pairs;
use crate::json::{Fields, object_once_or_twice, scalar};
use crate::{CreateError, HttpReply, Paid, Probe, QueryState, RefundState, Started};
use domain::{Money, money};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The one value of `trade_status` that means paid.
pub(super) const PAID_STATUS: &str = "TRADE_SUCCESS";

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
            Some(_) if refusals::is_no_such_trade(&message) => Ok(QueryState::NotFound),
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
    let told = refusals::nothing_sent(&message).or_else(|| refusals::no_refunds(number, &message));
    told.map(RefundState::Refused).ok_or("the gateway gave another answer")
}

/// What the reply to `act=query` says about the account. The error says why it says nothing.
pub(super) fn merchant(reply: &HttpReply, pid: &str) -> Result<Probe, &'static str> {
    let text = object(reply)?;
    let fields = Fields::read(&text).map_err(|_| "the reply is not the JSON of a merchant")?;
    let code = fields.scalar("code").and_then(|code| code.parse::<i64>().ok()).ok_or("the reply has no code")?;
    if code == 1 && fields.scalar("pid").as_deref() == Some(pid) {
        return Ok(Probe::Works { signed: false });
    }
    let message = fields.scalar("msg").unwrap_or_default();
    refusals::not_let_in(code, &message).map(Probe::Account).ok_or("the gateway gave another answer")
}

/// What the reply to `mapi.php` says about the attempt, and how it is paid. `on_screen`: the buyer can hold a phone in front of the
/// page, so that a code is better than a page of the gateway's.
pub(super) fn made(reply: &HttpReply, base_url: &str, on_screen: bool) -> Result<Started, CreateError> {
    let text = object(reply).map_err(CreateError::Unknown)?;
    let unclear = CreateError::Unknown("the reply is not the JSON of an order");
    let fields = Fields::read(&text).map_err(|_| unclear)?;
    let code = fields.scalar("code").ok_or(unclear)?;
    if code != "1" {
        let number = code.parse().map_err(|_| unclear)?;
        return Err(refusals::not_made(number, &fields.string("msg").unwrap_or_default()));
    }
    let mut ways = [("qrcode", Way::Code), ("payurl", Way::Page), ("urlscheme", Way::App)];
    if !on_screen {
        // A phone cannot read its own screen, so there the code comes last.
        ways.rotate_left(1);
    }
    let filled = |name: &str| fields.string(name).filter(|text| !text.is_empty());
    let found = ways.into_iter().find_map(|(name, way)| filled(name).map(|text| (way, text)));
    // The gateway says that it made one. What it gives to pay it with is a page of HTML, or nothing that a buyer may be shown.
    let lost = CreateError::Unknown("made, and nothing to pay it with that can be shown");
    let (way, text) = found.ok_or(lost)?;
    let shown = shown(way, &text, base_url).ok_or(lost)?;
    let provider_ref = fields.scalar("trade_no").filter(|number| is_usable(number));
    Ok(Started { shown, provider_ref, due: None })
}

/// The JSON object in a reply, still as text. The error says why there is none.
fn object(reply: &HttpReply) -> Result<Cow<'_, str>, &'static str> {
    if reply.status != 200 {
        return Err("the HTTP status is not 200");
    }
    object_once_or_twice(&reply.body)
}
