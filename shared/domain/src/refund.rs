//! Money on its way back to a buyer.

use crate::Millis;

/// How far a refund has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RefundState {
    /// Written down before the provider was called. Until an explicit answer nobody knows whether the money moved.
    Started,
    /// The money went back.
    Done,
    /// The provider said no, or a person found that nothing had moved.
    Failed,
}

impl RefundState {
    /// All states.
    pub const ALL: [RefundState; 3] = [RefundState::Started, RefundState::Done, RefundState::Failed];

    /// The word in the tables and in the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            RefundState::Started => "started",
            RefundState::Done => "done",
            RefundState::Failed => "failed",
        }
    }

    /// Reads that word.
    pub fn parse(text: &str) -> Option<RefundState> {
        RefundState::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// One refund of an order. Its number is derived (the count of those before it, plus one), never drawn twice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refund {
    /// How much, in minor units of the order's currency.
    pub minor: i64,
    /// How far it has come.
    pub state: RefundState,
    /// Whether a person returned the money outside of the shop and only told it so.
    pub by_hand: bool,
    /// The person's reference, or what the provider said.
    pub reference: String,
    /// A keyed hash of the request that started it, so that two clicks are one refund.
    pub request: [u8; 8],
    /// When it was started, Unix ms.
    pub at: Millis,
}

/// What is on its way back or gone back, in minor units.
pub fn returned(refunds: &[Refund]) -> i64 {
    refunds.iter().filter(|r| r.state != RefundState::Failed).map(|r| r.minor).sum()
}

/// What has certainly gone back, in minor units.
pub fn done(refunds: &[Refund]) -> i64 {
    refunds.iter().filter(|r| r.state == RefundState::Done).map(|r| r.minor).sum()
}

/// How far a row of money that settled no order has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MoneyState {
    /// Nobody has decided about it.
    Open,
    /// Its return was written down before the provider was called.
    Refunding,
    /// It went back.
    Refunded,
    /// A person decided that it stays, and why.
    Kept,
}

impl MoneyState {
    /// All states.
    pub const ALL: [MoneyState; 4] = [MoneyState::Open, MoneyState::Refunding, MoneyState::Refunded, MoneyState::Kept];

    /// The word in the tables and in the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            MoneyState::Open => "open",
            MoneyState::Refunding => "refunding",
            MoneyState::Refunded => "refunded",
            MoneyState::Kept => "kept",
        }
    }

    /// Reads that word.
    pub fn parse(text: &str) -> Option<MoneyState> {
        MoneyState::ALL.into_iter().find(|s| s.as_str() == text)
    }
}
