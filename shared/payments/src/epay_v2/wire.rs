//! What 易支付 v2 sends: signed pairs in a notification, and JSON whose scalar members are signed pairs in the same way.

use crate::canonical::{self, Case, Family, Tail};
use crate::epay::common::{CURRENCY, Way, is_usable, shown};
use crate::epay::refusals;
use crate::json::{self, object_once_or_twice};
use crate::rsa::VerifyingKey;
use crate::{CloseState, CreateError, HttpReply, Paid, Probe, QueryState, RefundState, RefundView, Started};
use domain::{Millis, Money, money};
use serde_json::value::RawValue;

/// The one value of `trade_status` that means paid.
pub(super) const PAID_STATUS: &str = "TRADE_SUCCESS";

/// How far the gateway's clock and ours may be apart, seconds. The gateway allows the same.
const APART_MAX: i64 = 300;

/// How the signed text is built: as in v1, without a key.
const FAMILY: Family = Family { drop: &["sign", "sign_type"], tail: Tail::None, case: Case::Lower };

/// The member of a reply that is an address or a code, which holds what would be ambiguous anywhere else.
const PAY_INFO: &str = "pay_info";

/// Unix seconds.
pub(super) fn seconds(now: Millis) -> i64 {
    now.div_euclid(1_000)
}

/// The text that is signed of these pairs.
pub(super) fn text<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    FAMILY.text(pairs)
}

/// Whether a value is empty to a gateway, which trims as PHP does: such values are not signed.
fn is_blank(value: &str) -> bool {
    value.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0 | 0x0b))
}

/// The pairs that a signature covers. What it does not cover is not in here, so nothing can be read that nobody signed.
pub(super) struct Signed(Vec<(String, String)>);

impl Signed {
    /// Picks them.
    pub(super) fn of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Signed {
        let covered = pairs.filter(|(name, value)| !FAMILY.drop.contains(name) && !is_blank(value));
        Signed(covered.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of this name, which is never empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// Whether the signature is this key's for these pairs.
    pub(super) fn is_signed_by(&self, key: &VerifyingKey, sign: &str) -> bool {
        key.verifies(text(self.iter()).as_bytes(), sign)
    }

    /// Whether the signed time, ten digits of Unix seconds, is now.
    pub(super) fn is_of_now(&self, now: Millis) -> bool {
        let digits = |text: &&str| text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit());
        let told = self.get("timestamp").filter(digits).and_then(|text| text.parse::<i64>().ok());
        told.is_some_and(|told| (seconds(now) - told).abs() <= APART_MAX)
    }
}

/// The fields without which a request is not a notification. All are filled and signed.
pub(super) struct Told<'a> {
    pub(super) trade_no: &'a str,
    pub(super) out_trade_no: &'a str,
    pub(super) money: &'a str,
    pub(super) trade_status: &'a str,
}

impl<'a> Told<'a> {
    /// Picks the fields. `None` when one is missing or empty, which is the same to the signature.
    pub(super) fn of(signed: &'a Signed) -> Option<Told<'a>> {
        Some(Told {
            trade_no: signed.get("trade_no")?,
            out_trade_no: signed.get("out_trade_no")?,
            money: signed.get("money")?,
            trade_status: signed.get("trade_status")?,
        })
    }
}

/// The number by which a trade is asked about.
pub(super) enum Asked {
    /// Ours, of the attempt.
    OutTradeNo(String),
    /// The gateway's own.
    TradeNo(String),
}

impl Asked {
    /// The field that carries the number, in the question and in the reply, and the number.
    pub(super) fn field(&self) -> (&'static str, &str) {
        match self {
            Asked::OutTradeNo(number) => ("out_trade_no", number),
            Asked::TradeNo(number) => ("trade_no", number),
        }
    }
}

/// The refund that a reply must be about.
pub(super) struct Refund {
    number: String,
    trade_no: String,
    minor: i64,
}

impl Refund {
    /// What the gateway knows of it.
    pub(super) fn of(refund: &RefundView<'_>) -> Refund {
        Refund {
            number: refund.refund_no.to_owned(),
            trade_no: refund.provider_number.to_owned(),
            minor: refund.amount.minor,
        }
    }

    /// Whether signed members name this refund, this trade and this amount.
    fn is_in(&self, signed: &Signed) -> bool {
        let money = signed.get("money").and_then(minor);
        signed.get("out_refund_no") == Some(self.number.as_str())
            && signed.get("trade_no") == Some(self.trade_no.as_str())
            && money == Some(self.minor)
    }
}

fn minor(money: &str) -> Option<i64> {
    money::parse_minor(money, CURRENCY.exponent()).ok()
}

/// A reply as far as it can be believed.
pub(super) enum Reply {
    /// Well signed and of now.
    Signed(Signed),
    /// A refusal without a signature, as 彩虹易支付 writes them: its code, which is below zero, and its words.
    Refusal(i64, String),
    /// Signed, and not with the gateway's key.
    Foreign,
    /// Nothing that can be believed, and why.
    Nothing(&'static str),
}

impl Reply {
    /// Reads a reply: it counts when it is well signed, of now, and can be read in one way only.
    pub(super) fn read(reply: &HttpReply, key: &VerifyingKey, now: Millis) -> Reply {
        Reply::of(reply, key, now).unwrap_or_else(Reply::Nothing)
    }

    fn of(reply: &HttpReply, key: &VerifyingKey, now: Millis) -> Result<Reply, &'static str> {
        if reply.status != 200 {
            return Err("the HTTP status is not 200");
        }
        let text = object_once_or_twice(&reply.body)?;
        let fields = json::Fields::read(&text)?;
        let values: Vec<(&str, String)> = fields.iter().map(|(name, raw)| (name, as_php_writes(raw))).collect();
        let pairs = values.iter().map(|(name, value)| (*name, value.as_str()));
        let sign = fields.string("sign").unwrap_or_default();
        if sign.is_empty() {
            let code = fields.scalar("code").and_then(|code| code.parse::<i64>().ok());
            return match code.filter(|code| *code < 0) {
                Some(code) => Ok(Reply::Refusal(code, fields.string("msg").unwrap_or_default())),
                None => Err("the reply is not signed"),
            };
        }
        if fields.string("sign_type").as_deref() != Some("RSA") {
            return Err("the reply is not signed with RSA");
        }
        // An address holds what separates pairs. It is the last thing that is used of a reply, and nothing is booked by it; anywhere else
        // one signed text with two readings could be somebody else's.
        if canonical::ambiguity(pairs.clone().filter(|(name, _)| *name != PAY_INFO)).is_some() {
            return Err("the reply can be read in more than one way");
        }
        let signed = Signed::of(pairs);
        if !signed.is_signed_by(key, &sign) {
            return Ok(Reply::Foreign);
        }
        if !signed.is_of_now(now) {
            return Err("the reply is not of now");
        }
        Ok(Reply::Signed(signed))
    }

    /// Why this is no answer.
    fn nothing(&self) -> &'static str {
        match self {
            Reply::Signed(_) | Reply::Refusal(..) => "the gateway gave another answer",
            Reply::Foreign => "the reply's signature does not fit",
            Reply::Nothing(why) => why,
        }
    }

    /// The signed members of a reply that says that all went well.
    fn success(&self) -> Result<&Signed, &'static str> {
        match self {
            Reply::Signed(signed) if signed.get("code") == Some("0") => Ok(signed),
            other => Err(other.nothing()),
        }
    }

    /// What became of an attempt, and how it is paid.
    pub(super) fn made(&self, base_url: &str) -> Result<Started, CreateError> {
        if let Reply::Refusal(code, message) = self {
            return Err(refusals::not_made(*code, message));
        }
        let signed = self.success().map_err(CreateError::Unknown)?;
        let way = match signed.get("pay_type") {
            Some("jump") => Some(Way::Page),
            Some("qrcode") => Some(Way::Code),
            Some("urlscheme") => Some(Way::App),
            _ => None,
        };
        // The gateway says that it made one. What it gives to pay it with is a page of HTML, or nothing that a buyer may be shown.
        let lost = CreateError::Unknown("made, and nothing to pay it with that can be shown");
        let info = signed.get(PAY_INFO).unwrap_or_default();
        let shown = way.and_then(|way| shown(way, info, base_url)).ok_or(lost)?;
        let provider_ref = signed.get("trade_no").filter(|number| is_usable(number)).map(str::to_owned);
        Ok(Started { shown, provider_ref, due: None })
    }

    /// What is said about the trade asked for. The error says why nothing is.
    pub(super) fn order_state(&self, pid: &str, asked: &Asked) -> Result<QueryState, &'static str> {
        if let Reply::Refusal(_, message) = self {
            return match refusals::is_no_such_trade(message) {
                true => Ok(QueryState::NotFound),
                false => Err("the gateway refused to answer"),
            };
        }
        let signed = self.success()?;
        // One key signs for all merchants of the gateway.
        if signed.get("pid") != Some(pid) {
            return Err("the reply is about another merchant");
        }
        let (field, number) = asked.field();
        if signed.get(field) != Some(number) {
            return Err("the reply is about another trade");
        }
        match signed.get("status") {
            Some("0") => Ok(QueryState::Pending),
            Some("1") => paid(signed),
            // Also written after a part went back: then the rest of the money is still here. Where the console sent it back, no amount is
            // written down, and it was all of it.
            Some("2") => {
                let returned = match signed.get("refundmoney") {
                    Some(money) => minor(money).ok_or("refunded, with an unclear amount")?,
                    None => 0,
                };
                let asked = signed.get("money").and_then(minor).ok_or("refunded, without an amount")?;
                if returned == 0 || returned >= asked { Ok(QueryState::Refunded) } else { paid(signed) }
            }
            // 3 is frozen and 4 is held and not yet taken: neither is a yes or a no.
            _ => Err("the status is none of 0, 1 and 2"),
        }
    }

    /// Whether nobody can pay the trade any more.
    pub(super) fn close_state(&self) -> CloseState {
        match self.success() {
            Ok(_) => CloseState::Closed,
            Err(why) => CloseState::Unknown(why),
        }
    }

    /// What the order to send money back came to. The error says why nothing is known.
    pub(super) fn refund_state(&self, refund: &Refund) -> Result<RefundState, &'static str> {
        match self {
            Reply::Refusal(code, message) => {
                let words = refusals::no_refunds(*code, message);
                words.map(RefundState::Refused).ok_or("the gateway gave another answer")
            }
            Reply::Signed(signed) if signed.get("code") != Some("0") => {
                let code =
                    signed.get("code").and_then(|code| code.parse::<i64>().ok()).ok_or("the reply has no code")?;
                if code >= 0 {
                    return Err("the code means success in another fork");
                }
                let words = refusals::nothing_sent(signed.get("msg").unwrap_or_default());
                words.map(RefundState::Refused).ok_or("the gateway gave another answer")
            }
            _ if refund.is_in(self.success()?) => Ok(RefundState::Done),
            _ => Err("the reply is about another refund"),
        }
    }

    /// What is said about a refund that was asked for before. The error says why nothing is known: also where the gateway has no row of
    /// it, because it writes one only after the upstream provider has answered.
    pub(super) fn refund_found(&self, refund: &Refund) -> Result<RefundState, &'static str> {
        let signed = self.success()?;
        if !refund.is_in(signed) {
            return Err("the reply is about another refund");
        }
        match signed.get("status") {
            Some("1") => Ok(RefundState::Done),
            Some("0") => Ok(RefundState::Refused("退款失败")),
            _ => Err("the status is none of 0 and 1"),
        }
    }

    /// What is said about the account.
    pub(super) fn merchant(&self, pid: &str) -> Probe {
        match self {
            Reply::Foreign => Probe::ForeignKey,
            Reply::Refusal(code, message) => match refusals::not_let_in(*code, message) {
                Some(words) => Probe::Account(words),
                None => Probe::Unknown("the gateway gave another answer"),
            },
            _ => match self.success() {
                Ok(signed) if signed.get("pid") == Some(pid) => Probe::Works { signed: true },
                Ok(_) => Probe::Unknown("the reply is about another merchant"),
                Err(why) => Probe::Unknown(why),
            },
        }
    }
}

/// A payment out of the reply to a question.
fn paid(signed: &Signed) -> Result<QueryState, &'static str> {
    let money = signed.get("money").ok_or("paid, without an amount")?;
    let minor = minor(money).ok_or("paid, with an unclear amount")?;
    let usable = |name: &str| signed.get(name).filter(|number| is_usable(number)).map(str::to_owned);
    Ok(QueryState::Paid(Paid {
        out_trade_no: usable("out_trade_no").ok_or("paid, without a number of ours that can be used")?,
        provider_number: usable("trade_no").ok_or("paid, without a number that can be used")?,
        amount: Money { minor, currency: CURRENCY },
        method: signed.get("type").map(str::to_owned),
    }))
}

/// A member as PHP joins it into the text that is signed; empty for what it leaves out. Strings and numbers stand as they are, true is
/// 1, and null, false, lists and objects are left out.
fn as_php_writes(raw: &RawValue) -> String {
    match raw.get() {
        "true" => "1".to_owned(),
        _ => json::scalar(Some(raw)).unwrap_or_default(),
    }
}
