//! Payment channel codecs: bytes in, bytes out, no network, no clock, no randomness.
//!
//! A channel ([`Codec`]) answers: what to show the buyer ([`Codec::create`]), whether a notification is true ([`Codec::verify`]), what
//! to tell the provider afterwards ([`Codec::ack`]), what the provider says when asked ([`Codec::query`], [`Codec::query_number`]),
//! whether nobody can pay any more ([`Codec::close`]), whether money went back ([`Codec::refund`], [`Codec::refund_query`]), and whether
//! its settings work at all ([`Codec::probe`]). Where an answer takes HTTP, the codec returns a [`Step`] and whoever holds the network
//! drives it. Time and chance are arguments ([`Call`]).
//!
//! **Invariant:** an answer that is not an explicit yes or no is [`QueryState::Unknown`] or [`RefundState::Unknown`], and
//! no caller may change an order because of it. A time-out, a page of HTML and a new error code are all alike.
//!
//! **Invariant:** what a codec accepts is only "this provider says that this much arrived under this number". Whether the
//! number is ours, open, and priced so is for the order to decide.

pub mod alipay;
mod base_url;
pub mod canonical;
mod china;
mod codec;
pub mod der;
pub mod epay;
pub mod epay_v2;
pub mod form;
pub mod json;
mod kinds;
pub mod rsa;
pub mod stripe;
pub mod usdt;
pub mod wechat;

pub use codec::{BadSetting, Channel, Codec, Field, Kind, Settings};
pub use kinds::{KINDS, kind};

use domain::{Currency, Millis, Money, OutTradeNo};
use std::fmt;

/// The moment and the chance of one call: codecs are given both and take neither.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call {
    /// Unix milliseconds.
    pub now: Millis,
    /// Bytes that nobody could foretell, fresh for every call: the nonce of providers that want one.
    pub nonce: [u8; 16],
}

impl Call {
    /// The nonce as 32 lower-case hexadecimal digits.
    pub fn nonce_hex(&self) -> String {
        self.nonce.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// One attempt to pay, as the provider is told of it.
#[derive(Clone, Copy, Debug)]
pub struct AttemptView<'a> {
    /// The number the provider will report the payment under.
    pub out_trade_no: &'a OutTradeNo,
    /// What is to be paid.
    pub amount: Money,
    /// What is bought, in the seller's words. A codec may shorten it and replace characters.
    pub product_name: &'a str,
    /// Where the provider reports: a full address built from configuration, never from a request's `Host`.
    pub notify_url: &'a str,
    /// Where the buyer's browser goes after paying.
    pub return_url: &'a str,
    /// The way to pay in the provider's own word (`alipay`, `wxpay` …); `None` leaves the choice to the provider's page.
    pub method: Option<&'a str>,
    /// With what the buyer is looking at the shop.
    pub device: Device,
    /// The buyer's address, if it is known: some providers insist on one.
    pub client_ip: Option<&'a str>,
    /// Who the buyer is to the provider, where a way to pay needs it (WeChat's openid).
    pub payer: Option<&'a str>,
    /// Until when the shop waits for the money, Unix milliseconds: the provider is asked to take none after it.
    pub expires_at: Millis,
}

/// With what a buyer is looking at the shop, because a code on the phone's own screen cannot be scanned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Device {
    /// A screen that a phone can be held in front of.
    #[default]
    Desktop,
    /// A phone's own browser.
    Phone,
    /// The browser inside WeChat, which shows no other payment app.
    InWechat,
    /// The browser inside Alipay.
    InAlipay,
}

/// An attempt that was made before, as the provider is asked about it.
#[derive(Clone, Copy, Debug)]
pub struct AttemptRef<'a> {
    /// The number the provider knows it by.
    pub out_trade_no: &'a OutTradeNo,
    /// What is to be paid.
    pub amount: Money,
    /// What the provider called it when it was made ([`Started::provider_ref`]); `None` when that answer was lost.
    pub provider_ref: Option<&'a str>,
    /// When it was made, Unix milliseconds.
    pub made_at: Millis,
}

impl<'a> AttemptRef<'a> {
    /// An attempt of which nothing but its own number is known.
    pub fn by_number(out_trade_no: &'a OutTradeNo, amount: Money) -> AttemptRef<'a> {
        AttemptRef { out_trade_no, amount, provider_ref: None, made_at: 0 }
    }
}

/// Money that is to go back to who paid it.
#[derive(Clone, Copy, Debug)]
pub struct RefundView<'a> {
    /// The attempt it was paid for, as the provider knows it.
    pub out_trade_no: &'a str,
    /// The provider's own number of the payment.
    pub provider_number: &'a str,
    /// All that was paid; in the channel's currency.
    pub paid: Money,
    /// What goes back now.
    pub amount: Money,
    /// The number of this refund, `[0-9A-Za-z]{8,32}`, the same whenever it is tried again.
    pub refund_no: &'a str,
}

/// An attempt as it stands at the provider once it was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Started {
    /// What the buyer is shown.
    pub shown: Created,
    /// What the provider calls it, where it has to be asked by that.
    pub provider_ref: Option<String>,
    /// What is to be paid where it is not the order's own amount, such as `13.8889 USDT`: locked by the provider when it was made.
    pub due: Option<Due>,
}

impl Started {
    /// One of which there is nothing more to know.
    pub fn shown(shown: Created) -> Started {
        Started { shown, provider_ref: None, due: None }
    }
}

/// An amount of something that the order is not priced in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Due {
    /// A decimal number, to the letter: who pays another one is not recognised.
    pub amount: String,
    /// Of what, such as `USDT-TRC20`.
    pub unit: String,
    /// Where it is sent, if the provider says.
    pub address: Option<String>,
}

/// What the buyer is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Created {
    /// A page of the provider.
    Redirect(String),
    /// The text of a code to scan.
    Qr(String),
    /// A form that the buyer's browser posts to the provider.
    Form {
        /// Where it is posted.
        action: String,
        /// Its hidden fields.
        fields: Vec<(String, String)>,
    },
    /// What a page inside WeChat hands to `WeixinJSBridge` (`getBrandWCPayRequest`): a JSON object.
    Jsapi(String),
}

/// Why no attempt was made, or why nobody knows whether one was. None is the buyer's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CreateError {
    /// The account is not paid in this currency.
    Currency(Currency),
    /// Nothing to pay, or less.
    Amount,
    /// An address that the provider's signature could not carry unambiguously. The name of the field is inside.
    Address(&'static str),
    /// A way to pay that is not written as the provider writes them.
    Method,
    /// The provider does not let this account in, or this account may not do this: wrong key, unknown merchant, product not signed
    /// for. Nothing was made. Why is inside, from the codec's own closed list.
    Account(&'static str),
    /// The provider says, to the letter, that it made nothing, for another reason.
    Refused(&'static str),
    /// No explicit answer, for the reason inside: a time-out, a server error, a reply whose signature does not fit. It may have been
    /// made, so money may come for it, and the same number is not used for anything else.
    Unknown(&'static str),
}

impl CreateError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            CreateError::Currency(_) => "channel_currency",
            CreateError::Amount => "channel_amount",
            CreateError::Address(_) => "channel_address",
            CreateError::Method => "channel_method",
            CreateError::Account(_) => "channel_account",
            CreateError::Refused(_) => "channel_refused",
            CreateError::Unknown(_) => "channel_unknown",
        }
    }

    /// What anybody may read.
    pub fn public_message(&self) -> &'static str {
        match self {
            CreateError::Currency(_) => "This way to pay does not take this currency.",
            CreateError::Amount => "This amount cannot be paid this way.",
            CreateError::Address(_) | CreateError::Method | CreateError::Account(_) => {
                "This way to pay is not set up correctly."
            }
            CreateError::Refused(_) | CreateError::Unknown(_) => "This way to pay gives no answer at the moment.",
        }
    }

    /// What the log needs.
    pub fn log_message(&self) -> String {
        match self {
            CreateError::Currency(asked) => format!("the account is not paid in {asked}"),
            CreateError::Amount => "the amount is not above zero".to_owned(),
            CreateError::Address(field) => {
                format!("{field} is not a plain http(s) address without query and escapes")
            }
            CreateError::Method => "the way to pay is not one that this channel has".to_owned(),
            CreateError::Account(why) => format!("the provider does not let the account do this: {why}"),
            CreateError::Refused(why) => format!("the provider made nothing: {why}"),
            CreateError::Unknown(why) => format!("no explicit answer: {why}"),
        }
    }
}

/// An incoming request before anybody decoded it: a signature is checked against what was sent, not what was understood.
#[derive(Clone, Copy)]
pub struct RawRequest<'a> {
    /// The method in capitals.
    pub method: &'a str,
    /// Everything after the `?`, undecoded; empty without one.
    pub query: &'a str,
    /// Headers, names in any case.
    pub headers: &'a [(String, String)],
    /// The body's bytes, after base64 of the transport and before anything else.
    pub body: &'a [u8],
}

impl RawRequest<'_> {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// A payment as the provider reports it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Paid {
    /// The attempt's number as the provider wrote it; not yet known to be ours.
    pub out_trade_no: String,
    /// The provider's own number of this movement of money, fit for [`domain::Txn::new`].
    pub provider_number: String,
    /// What arrived.
    pub amount: Money,
    /// The way it was paid in the provider's word. Informative: nothing may depend on it.
    pub method: Option<String>,
}

/// A notification that came from the provider and is meant for this account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// Money arrived.
    Paid(Paid),
    /// Anything else. It is acknowledged and changes nothing.
    NotPaid,
    /// Well signed, but not to be believed as it stands (a repetition whose time has passed): the provider is to be asked about this
    /// attempt, whose number is as the provider wrote it.
    Ask(String),
}

/// Why a request is not a notification to act on. Nothing is written because of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reject {
    /// Not signed with this account's key.
    BadSignature,
    /// Signed, but for another merchant.
    OtherMerchant,
    /// The signed text could be read in more than one way.
    Ambiguous(&'static str),
    /// Signed, but without the fields of a notification, as our own pay form is.
    NotANotice,
    /// The transport is not what the provider uses.
    Malformed(&'static str),
    /// Signed, for this merchant, and paid, but a field that we need cannot be used. **Money has arrived that nobody
    /// books**: raise an alarm. The provider is asked to repeat, and the query settles the attempt meanwhile.
    Unusable(&'static str),
}

impl Reject {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Reject::BadSignature => "notice_signature",
            Reject::OtherMerchant => "notice_merchant",
            Reject::Ambiguous(_) => "notice_ambiguous",
            Reject::NotANotice => "notice_incomplete",
            Reject::Malformed(_) => "notice_malformed",
            Reject::Unusable(_) => "notice_unusable",
        }
    }

    /// What anybody may read. It does not help a forger to find out how far he came: a signature that does not fit and
    /// one that fits another merchant read the same.
    pub fn public_message(&self) -> &'static str {
        match self {
            Reject::BadSignature | Reject::OtherMerchant => "The notification could not be verified.",
            Reject::Ambiguous(_) | Reject::NotANotice | Reject::Malformed(_) => "This is not a notification.",
            Reject::Unusable(_) => "The notification could not be processed.",
        }
    }

    /// What the log needs. It holds no value that was sent.
    pub fn log_message(&self) -> String {
        match self {
            Reject::BadSignature => "the signature does not fit".to_owned(),
            Reject::OtherMerchant => "well signed for another merchant".to_owned(),
            Reject::Ambiguous(why) => format!("ambiguous: {why}"),
            Reject::NotANotice => "well signed, but a field of a notification is missing".to_owned(),
            Reject::Malformed(why) => format!("malformed: {why}"),
            Reject::Unusable(what) => format!("well signed and paid, but unusable: {what}"),
        }
    }

    /// What the provider is told: only a well-signed payment is worth repeating.
    pub fn outcome(&self) -> Outcome {
        match self {
            Reject::Unusable(_) => Outcome::TryAgain,
            _ => Outcome::Rejected,
        }
    }
}

/// What became of a notification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The fact is durable, or there is nothing to keep.
    Accepted,
    /// Refused; sending it again changes nothing.
    Rejected,
    /// Our own fault; the provider shall repeat it.
    TryAgain,
}

/// The answer to a notification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ack {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body, to the letter.
    pub body: &'static str,
}

/// What the provider says about an attempt when it is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum QueryState {
    /// Money arrived. It goes through the same checks as a notification.
    Paid(Paid),
    /// Known there and not paid yet.
    Pending,
    /// Not known there. **Not** a failure: with some providers a trade exists only once the buyer opened it.
    NotFound,
    /// Closed there without money.
    Closed,
    /// Paid, and the money went back.
    Refunded,
    /// No explicit answer. Changes nothing, ever; why is inside, for the log.
    Unknown(&'static str),
}

/// What the provider says when it is to send money back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefundState {
    /// It says that it did.
    Done,
    /// It says, to the letter, that **this call** sent nothing back; its words are inside, for the seller. They come from
    /// the codec's own closed list, so nothing else that a provider writes gets through.
    ///
    /// An earlier call whose reply was lost may have sent it: "more than is left" is what such a trade answers next. Ask
    /// about the trade before anybody is told that the buyer has not got the money.
    Refused(&'static str),
    /// It has taken the refund on and will carry it out; whether it did, [`Codec::refund_query`] tells later.
    UnderWay,
    /// No explicit answer: it may have gone back or not. Changes nothing, ever; why is inside, for the log.
    Unknown(&'static str),
}

/// What the provider says when it is to take no more money for an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CloseState {
    /// Nobody can pay it any more.
    Closed,
    /// It has been paid, or is being paid at this moment: ask.
    Paid,
    /// No explicit answer. Changes nothing, ever; why is inside, for the log.
    Unknown(&'static str),
}

/// What came of trying an account's settings without moving money.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Probe {
    /// The provider was reached and let the account in. `signed`: and its reply proved to be the provider's own, so that both keys are
    /// right; `false` where this provider signs no replies.
    Works {
        /// Whether the reply carried a signature that fits.
        signed: bool,
    },
    /// The provider was reached and does not let the account in; why is inside, from the codec's own closed list.
    Account(&'static str),
    /// The provider was reached, but its reply is not signed with the key that we were given for it.
    ForeignKey,
    /// The provider was not reached, or its answer was none.
    Unknown(&'static str),
}

/// A request that a codec wants sent. Its debug form hides what may hold a key: the query, header values and the body.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method in capitals.
    pub method: &'static str,
    /// The full address. It may carry the merchant's key: never write it to a log.
    pub url: String,
    /// Headers to send.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, query) = self.url.split_once('?').map_or((self.url.as_str(), ""), |(a, _)| (a, "?***"));
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        write!(f, "{} {address}{query} {names:?} ({} bytes)", self.method, self.body.len())
    }
}

/// The provider's reply to an [`HttpRequest`].
#[derive(Clone, PartialEq, Eq)]
pub struct HttpReply {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in any case; those that are not text are left out.
    pub headers: Vec<(String, String)>,
    /// The body's bytes, decompressed. Replies beyond [`domain::limits::BODY_MAX`] are not read.
    pub body: Vec<u8>,
}

impl HttpReply {
    /// A reply of whose headers nothing is known.
    pub fn bare(status: u16, body: Vec<u8>) -> HttpReply {
        HttpReply { status, headers: Vec::new(), body }
    }

    /// The only header of this name, in any case; one that was sent twice counts as none, because readers could choose.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let (_, value) = found.next()?;
        found.next().is_none().then_some(value.as_str())
    }
}

impl fmt::Debug for HttpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {} ({} bytes)", self.status, self.body.len())
    }
}

/// Takes the reply, or `None` when there was none (a time-out, a lost connection), and says what comes next.
pub type Next<T> = Box<dyn FnOnce(Option<HttpReply>) -> Step<T> + Send>;

/// What a codec needs before it can answer. It never does I/O itself.
pub enum Step<T> {
    /// Send this, then ask again with the reply.
    Send(HttpRequest, Next<T>),
    /// The answer.
    Done(T),
}

/// A key, password or token. Its debug form is `***`, so that it cannot reach a log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The secret itself. The name makes every use easy to find.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
