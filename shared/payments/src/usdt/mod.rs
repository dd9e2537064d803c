//! Gateways that take USDT for an amount of ordinary money: epusdt and its successor GMPay, BEpusdt, and TokenPay.
//!
//! A seller hosts one. It is told an amount in the shop's currency, fixes an amount of coins that no other open order has, and watches
//! the chain for exactly that. What is compared here is the shop's own amount, which the gateway signs in its notification; the coins
//! are shown to the buyer and mean nothing else. Replies are not signed: they count only over TLS (or on this machine) and when they
//! name the trade asked for. There is no way to send coins back.

pub mod bepusdt;
pub mod epusdt;
pub mod number;
pub mod tokenpay;

use crate::canonical::{self, Case, Family, Tail};
use crate::json::{Fields, object};
use crate::{
    Ack, AttemptView, BadSetting, CreateError, Field, HttpReply, HttpRequest, Notice, Outcome, Paid, RawRequest,
    Reject, Secret, Settings, Step, base_url,
};
use domain::limits::{BODY_MAX, PROVIDER_NUMBER_MAX};
use domain::{Currency, Money, money};
use number::Style;
use ring::hmac;
use serde_json::Value;
use subtle::ConstantTimeEq;

/// The one way to pay, whatever coin the account is set up for.
const METHODS: &[&str] = &["usdt"];

/// These gateways end an order by their own clock, ten minutes after it was made unless their owner set another time, and report what
/// was found on the chain until then, and again for some minutes when our answer was lost.
const PAYABLE_AFTER_MS: i64 = 60 * 60_000;

/// The address of the gateway, for every kind.
const BASE_URL: Field = Field {
    name: base_url::FIELD,
    secret: false,
    required: true,
    choices: &[],
    label: ["The gateway's address: https://…", "网关地址：https://…"],
};

/// The currency in which the shop's prices are, for every kind.
const CURRENCY: Field = Field {
    name: "currency",
    secret: false,
    required: false,
    choices: &[],
    label: ["The currency of the shop's prices; empty for CNY", "商品标价币种；留空为 CNY"],
};

/// How a gateway signs the fields of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scheme {
    /// MD5 of the text and the key behind it.
    Md5,
    /// HMAC-SHA256 of the text under the key.
    Hmac,
}

/// What every account at such a gateway has.
#[derive(Clone, Debug)]
struct Gateway {
    base_url: String,
    key: Secret,
    currency: Currency,
    scheme: Scheme,
    style: Style,
    family: Family,
}

/// The names under which a gateway's notification carries what is needed.
struct Names {
    trade: &'static str,
    order: &'static str,
    amount: &'static str,
    status: &'static str,
    /// The one status that means paid.
    paid: &'static str,
    /// The currency of the amount, which older gateways do not send.
    fiat: &'static str,
    /// What it was paid with, informative.
    method: &'static str,
}

impl Gateway {
    /// Reads the settings that all kinds share. `signature`: the field that carries the signature.
    fn open(settings: &Settings, signature: &'static [&'static str], style: Style) -> Result<Gateway, BadSetting> {
        let base_url = base_url::read(settings, None)?;
        let key = settings.required("key")?;
        if key.contains(char::is_whitespace) || key.contains(char::is_control) {
            return Err(BadSetting { field: "key", why: "The key is one word, without spaces." });
        }
        let currency = Currency::parse(&settings.get("currency").unwrap_or("CNY").to_ascii_uppercase());
        let why = "The currency is three letters, such as CNY.";
        Ok(Gateway {
            base_url,
            key: Secret::new(key.to_owned()),
            currency: currency.ok_or(BadSetting { field: "currency", why })?,
            scheme: Scheme::Md5,
            style,
            family: Family { drop: signature, tail: Tail::Key, case: Case::Lower },
        })
    }

    /// The signature that these pairs deserve.
    fn sign<'a>(&self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        match self.scheme {
            Scheme::Md5 => self.family.md5(pairs, self.key.expose()),
            Scheme::Hmac => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.expose().as_bytes());
                let tag = hmac::sign(&key, self.family.text(pairs).as_bytes());
                tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
            }
        }
    }

    /// A signed JSON request. `numbers` are numbers in the message, and signed as the gateway prints them.
    fn post(&self, path: &str, pairs: &[(&str, &str)], numbers: &[(&str, &str)]) -> HttpRequest {
        let printed = |style| {
            let one = move |(name, text): &(_, &str)| Some((*name, number::canonical(text, style)?));
            numbers.iter().filter_map(one).collect::<Vec<(&str, String)>>()
        };
        let signed = printed(self.signed_style());
        let sign = self.sign(pairs.iter().copied().chain(signed.iter().map(|(name, text)| (*name, text.as_str()))));
        let mut fields: Vec<String> = pairs.iter().map(|(name, value)| member(name, value)).collect();
        // Without an exponent, because not every reader of JSON takes one.
        fields.extend(printed(Style::Plain).iter().map(|(name, text)| format!("\"{name}\":{text}")));
        fields.extend(self.family.drop.iter().map(|name| member(name, &sign)));
        self.json("POST", path, format!("{{{}}}", fields.join(",")))
    }

    /// How a number of ours is signed. A gateway that signs what it was sent prints ours in the shortest form too.
    fn signed_style(&self) -> Style {
        if self.style == Style::Sent { Style::Plain } else { self.style }
    }

    fn json(&self, method: &'static str, path: &str, body: String) -> HttpRequest {
        let mut headers = vec![("accept", "application/json"), ("accept-encoding", "identity")];
        if method == "POST" {
            headers.push(("content-type", "application/json"));
        }
        HttpRequest {
            method,
            url: format!("{}{path}", self.base_url),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: body.into_bytes(),
        }
    }

    /// What is the same in every gateway's order: that it can be asked for at all, and the amount as text.
    fn amount_of(&self, attempt: &AttemptView<'_>) -> Result<String, CreateError> {
        if attempt.amount.currency != self.currency {
            return Err(CreateError::Currency(attempt.amount.currency));
        }
        // Zero is not only nothing: to BEpusdt it is an order that any payment whatever settles.
        if attempt.amount.minor <= 0 {
            return Err(CreateError::Amount);
        }
        // Plain addresses hold nothing that could cut the signed text at another place.
        for (field, url) in [("notify_url", attempt.notify_url), ("return_url", attempt.return_url)] {
            base_url::host(url).ok_or(CreateError::Address(field))?;
        }
        if attempt.method.is_some_and(|method| !METHODS.contains(&method)) {
            return Err(CreateError::Method);
        }
        Ok(attempt.amount.decimal())
    }

    /// An amount in minor units as a gateway wrote it: a number or a text, in any form that means the same.
    fn minor(&self, text: &str) -> Option<i64> {
        minor(text, self.currency)
    }

    /// The pairs of a notification as they are signed, once the signature was found to fit.
    fn signed_pairs(&self, request: &RawRequest<'_>) -> Result<Vec<(String, String)>, Reject> {
        if request.method != "POST" {
            return Err(Reject::Malformed("not a POST"));
        }
        if request.body.len() > BODY_MAX {
            return Err(Reject::Malformed("too long"));
        }
        let fields = object(request.body).and_then(Fields::read);
        // A name sent twice is signed once, and two readers would choose different ones.
        let fields = fields.map_err(|_| Reject::Ambiguous("not a JSON object, or a name sent twice"))?;
        let mut pairs = Vec::new();
        for (name, raw) in fields.iter() {
            let text = raw.get();
            let value = match text.as_bytes().first() {
                Some(b'n') => continue,
                Some(b'"') => fields.string(name),
                Some(b'-' | b'0'..=b'9') => number::canonical(text, self.style),
                // How a gateway would print a list, an object or a yes is not written anywhere.
                _ => None,
            };
            pairs.push((name.to_owned(), value.ok_or(Reject::Ambiguous("a value that is signed nobody knows how"))?));
        }
        let borrowed = || pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        if let Some(why) = canonical::ambiguity(borrowed()) {
            return Err(Reject::Ambiguous(why));
        }
        let named = |(name, _): &(&str, &str)| self.family.drop.contains(name);
        let given = borrowed().find(named).map(|(_, value)| value).unwrap_or_default();
        // Forging takes the key; the comparison tells nothing of how much of a guess was right.
        if !bool::from(self.sign(borrowed()).as_bytes().ct_eq(given.as_bytes())) {
            return Err(Reject::BadSignature);
        }
        Ok(pairs)
    }

    /// Reads a notification: signature first, then whose it is, then whether it is one, then its status, and the money last.
    fn read(&self, request: &RawRequest<'_>, names: &Names, pid: Option<&str>) -> Result<Notice, Reject> {
        let pairs = self.signed_pairs(request)?;
        let filled = |name: &str| {
            let found = pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
            found.filter(|value| !value.is_empty())
        };
        // The key is one merchant's, so the number is a second look; older gateways do not send it.
        if pid.is_some_and(|ours| filled("pid").is_some_and(|pid| pid != ours)) {
            return Err(Reject::OtherMerchant);
        }
        // Our own order is signed with the same key and comes back to whoever asks; it has no status and no trade.
        let needed = |name: &str| filled(name).ok_or(Reject::NotANotice);
        let (trade, order) = (needed(names.trade)?, needed(names.order)?);
        let (amount, status) = (needed(names.amount)?, needed(names.status)?);
        // BEpusdt reports waiting every minute and the end as well, as well signed as a payment.
        if status != names.paid {
            return Ok(Notice::NotPaid);
        }
        let currency = match filled(names.fiat) {
            Some(code) => Currency::parse(&code.to_ascii_uppercase()).ok_or(Reject::Unusable("currency"))?,
            None => self.currency,
        };
        let minor = minor(amount, currency).ok_or(Reject::Unusable("amount"))?;
        Ok(Notice::Paid(Paid {
            out_trade_no: Some(order)
                .filter(|order| is_usable(order))
                .ok_or(Reject::Unusable("order number"))?
                .to_owned(),
            provider_number: Some(trade)
                .filter(|trade| is_usable(trade))
                .ok_or(Reject::Unusable("trade number"))?
                .to_owned(),
            amount: Money { minor, currency },
            method: filled(names.method).map(str::to_owned),
        }))
    }
}

/// An amount in minor units, out of any text that means it: gateways print the same amount with more zeros or fewer.
fn minor(text: &str, currency: Currency) -> Option<i64> {
    money::parse_minor(&number::canonical(text, Style::Plain)?, currency.exponent()).ok()
}

/// One member of a JSON object.
fn member(name: &str, value: &str) -> String {
    format!("\"{name}\":{}", Value::from(value))
}

/// Whether a gateway's number can be kept.
fn is_usable(number: &str) -> bool {
    (1..=PROVIDER_NUMBER_MAX).contains(&number.len()) && !number.contains(char::is_control)
}

/// Whether a gateway's number can stand in an address without escapes: they are words or UUIDs.
fn is_plain(number: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=64).contains(&number.len()) && number.bytes().all(plain)
}

/// A word of settings that goes into the signed text.
fn word<'a>(settings: &'a Settings, name: &'static str, default: &'a str) -> Result<&'a str, BadSetting> {
    let word = settings.get(name).unwrap_or(default);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if word.len() > 40 || !word.bytes().all(plain) {
        return Err(BadSetting { field: name, why: "It is one word of letters, digits, dots, - and _." });
    }
    Ok(word)
}

/// All of these gateways look for these two letters; TokenPay for nothing else.
fn ack(outcome: Outcome) -> Ack {
    let (status, body) = match outcome {
        Outcome::Accepted => (200, "ok"),
        Outcome::Rejected => (400, "fail"),
        Outcome::TryAgain => (503, "fail"),
    };
    Ack { status, content_type: "text/plain", body }
}

/// The object in a reply, and its `status_code`, as epusdt and BEpusdt answer: with the HTTP status saying the same or nothing.
fn coded(reply: &HttpReply) -> Result<(String, Fields<'_>), &'static str> {
    if !matches!(reply.status, 200 | 400 | 401) {
        return Err("the HTTP status is none of 200, 400 and 401");
    }
    let fields = Fields::read(object(&reply.body)?)?;
    let code = fields.scalar("status_code").ok_or("the reply has no status_code")?;
    // A good answer under a bad status came from something between, or is none.
    if code == "200" && reply.status != 200 {
        return Err("the reply contradicts its HTTP status");
    }
    Ok((code, fields))
}

/// Sends a request and reads its reply; without one, the answer is `lost`.
fn then<T: Send + 'static>(
    request: HttpRequest,
    lost: T,
    read: impl FnOnce(HttpReply) -> T + Send + 'static,
) -> Step<T> {
    Step::Send(request, Box::new(move |reply| Step::Done(reply.map_or(lost, read))))
}
