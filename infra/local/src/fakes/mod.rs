//! Providers that do not exist, one for each kind of channel: they speak the provider's wire format with real signatures, keep their
//! trades in memory, and misbehave when they are told to.
//!
//! Each is written from the provider's description and shares no code with the codec it is asked by, beyond the reading of forms, JSON
//! and keys: two opinions about a protocol are worth more than one that is asked twice. They take bytes and give bytes. Where they
//! listen, when they answer late or not at all, and when a notification is sent, is its host's business.

pub mod alipay;
mod epay_trades;
pub mod epay_v1;
pub mod epay_v2;
pub mod host;
pub mod stripe;
pub mod usdt;
pub mod wechat;

use crate::gateway::GatewayRequest;
use payments::{Call, Settings};
use std::fmt;

/// What a fake answers.
#[derive(Clone, PartialEq, Eq)]
pub struct FakeAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Headers, `content-length` not among them.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl fmt::Debug for FakeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

/// A notification that a fake sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FakeNotice {
    /// The method in capitals.
    pub method: &'static str,
    /// The full address, with the query where the provider reports in one.
    pub url: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

/// How a reply is signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Seal {
    /// As the provider does.
    #[default]
    Right,
    /// With a key that is not the provider's. Providers that sign no replies answer something else than they know: another number.
    Wrong,
    /// Not at all, though the reply says that all went well.
    Missing,
}

/// What is wrong with a notification.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Twist {
    /// Nothing: it is the provider's own.
    #[default]
    None,
    /// Signed with a key that is not the provider's.
    WrongKey,
    /// Not signed.
    Unsigned,
    /// Well signed with the provider's key, but for another merchant or application.
    OtherMerchant,
    /// Well signed, and one byte of what was signed is another.
    Changed,
    /// What the shop itself sent to make the attempt, sent back to it in the transport of a notification.
    OwnRequest,
    /// Well signed, with a time long past, where the provider signs a time.
    Old,
    /// Well signed, in another currency, where the provider names one.
    OtherCurrency,
    /// Well signed, but it says that nothing is paid yet.
    NotPaid,
}

/// A provider that does not exist.
pub trait Fake: fmt::Debug + Send + Sync {
    /// The name of the kind of channel ([`payments::Kind::name`]) that talks to it.
    fn kind(&self) -> &'static str;

    /// The settings with which an account talks to this provider, when it listens at this address (`http://127.0.0.1:port`).
    fn settings(&self, base_url: &str) -> Settings;

    /// Carries a request out and answers it. What it does happens in any case; `seal` is how the answer is signed.
    fn handle(&self, request: &GatewayRequest, call: &Call, seal: Seal) -> FakeAnswer;

    /// The attempts that were made here, oldest first, by the shop's own numbers.
    fn attempts(&self) -> Vec<String>;

    /// A buyer pays an attempt: what it asks for, or so many minor units. `None` when it is unknown or closed here. Paying it again is
    /// another payment where the provider allows one, and otherwise the same.
    fn pay(&self, out_trade_no: &str, minor: Option<i64>, call: &Call) -> Option<()>;

    /// The notification about an attempt's newest payment, as it is sent first and every time it is repeated. `None` when there is
    /// nothing to tell, or when this provider has no such [`Twist`].
    fn notice(&self, out_trade_no: &str, twist: Twist, call: &Call) -> Option<FakeNotice>;

    /// Whether this answer to a notification ends its repetitions.
    fn is_acknowledged(&self, status: u16, body: &[u8]) -> bool;

    /// How much of an attempt's money has gone back, in minor units.
    fn returned(&self, out_trade_no: &str) -> i64;
}
