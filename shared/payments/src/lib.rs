//! Payment channel codecs: bytes in, bytes out, no network, no clock, no randomness.
//!
//! A channel answers five questions: what to show the buyer ([`Channel::create`]), whether a notification is true
//! ([`Channel::verify`]), what to tell the provider afterwards ([`Channel::ack`]), what the provider says when asked
//! ([`Channel::query`], [`Channel::query_number`]), and whether money went back ([`Channel::refund`]). Where an answer
//! takes HTTP, the codec returns a [`Step`] and whoever holds the network drives it.
//!
//! **Invariant:** an answer that is not an explicit yes or no is [`QueryState::Unknown`] or [`RefundState::Unknown`], and
//! no caller may change an order because of it. A time-out, a page of HTML and a new error code are all alike.
//!
//! **Invariant:** what a codec accepts is only "this provider says that this much arrived under this number". Whether the
//! number is ours, open, and priced so is for the order to decide.

pub mod canonical;
pub mod epay;
pub mod form;

use domain::{Currency, Money, OutTradeNo};
use std::fmt;

/// A configured account at a provider. Closed: a new provider is a new variant, and the compiler names every place that
/// has to know it.
#[derive(Clone, Debug)]
pub enum Channel {
    /// 易支付 with MD5 signatures.
    EpayV1(epay::Account),
}

impl Channel {
    /// Starts an attempt and says what the buyer is shown. Repeating it with the same view gives the same answer.
    pub fn create(&self, attempt: &AttemptView<'_>) -> Step<Result<Created, CreateError>> {
        match self {
            Channel::EpayV1(account) => Step::Done(account.create(attempt)),
        }
    }

    /// Reads a notification and proves that it came from the provider and is meant for this account.
    pub fn verify(&self, request: &RawRequest<'_>) -> Result<Notice, Reject> {
        match self {
            Channel::EpayV1(account) => account.verify(request),
        }
    }

    /// The provider's own way of hearing what became of its notification.
    pub fn ack(&self, outcome: Outcome) -> Ack {
        match self {
            Channel::EpayV1(_) => epay::ack(outcome),
        }
    }

    /// Asks the provider about one attempt.
    pub fn query(&self, out_trade_no: &OutTradeNo) -> Step<QueryState> {
        match self {
            Channel::EpayV1(account) => account.query(out_trade_no),
        }
    }

    /// Asks the provider about one trade by the provider's own number, which alone tells two payments for one attempt
    /// apart. `None` when this channel cannot ask so.
    pub fn query_number(&self, provider_number: &str) -> Option<Step<QueryState>> {
        match self {
            Channel::EpayV1(account) => Some(account.query_number(provider_number)),
        }
    }

    /// Sends this much of one payment back to who paid it. `None` when this account cannot.
    ///
    /// The call is not safe to repeat by itself: after [`RefundState::Unknown`] the money may be on its way, so the trade
    /// is asked about ([`Channel::query_number`]) before anything is sent again.
    pub fn refund(&self, provider_number: &str, amount: Money) -> Option<Step<RefundState>> {
        match self {
            Channel::EpayV1(account) => account.refund(provider_number, amount),
        }
    }

    /// What this channel can do, for the code that schedules queries and for the seller's console.
    pub fn describe(&self) -> Description {
        match self {
            Channel::EpayV1(_) => epay::DESCRIPTION,
        }
    }

    /// The one currency in which this account is paid. A provider that names no currency in its messages means this one.
    pub fn currency(&self) -> Currency {
        match self {
            Channel::EpayV1(_) => epay::CURRENCY,
        }
    }
}

/// What a kind of channel can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Description {
    /// The stable name of the kind, as it stands in stored configuration.
    pub kind: &'static str,
    /// Whether [`Channel::create`] needs no HTTP: what it made need not be stored, because it can be made again.
    pub create_is_pure: bool,
    /// Whether a trade can be closed at the provider, so that nobody pays it any more.
    pub closes: bool,
    /// Whether this kind of channel has a call that sends money back. Whether one account has it, [`Channel::refund`]
    /// tells.
    pub refunds: bool,
    /// How long after the end of the hold, ms, a trade may still be paid there when nobody closes it. Until then the
    /// provider is asked, and the money expected.
    pub payable_after_ms: i64,
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
}

/// Why no attempt can be made. All of these are faults of configuration or of our own code; none is the buyer's.
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
}

impl CreateError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            CreateError::Currency(_) => "channel_currency",
            CreateError::Amount => "channel_amount",
            CreateError::Address(_) => "channel_address",
            CreateError::Method => "channel_method",
        }
    }

    /// What anybody may read.
    pub fn public_message(&self) -> &'static str {
        match self {
            CreateError::Currency(_) => "This way to pay does not take this currency.",
            CreateError::Amount => "This amount cannot be paid this way.",
            CreateError::Address(_) | CreateError::Method => "This way to pay is not set up correctly.",
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
            CreateError::Method => "the way to pay is not [a-z0-9_]{1,20}".to_owned(),
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
    /// No explicit answer: it may have gone back or not. Changes nothing, ever; why is inside, for the log.
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
    /// The body's bytes, decompressed. Replies beyond [`domain::limits::BODY_MAX`] are not read.
    pub body: Vec<u8>,
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
