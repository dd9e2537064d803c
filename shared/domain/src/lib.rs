//! The rules of orders, stock and money.
//!
//! Pure: no runtime, no AWS, no clock, no randomness, no I/O. Time and random bytes are arguments, so that every rule
//! can be run on every state by a test. What must always be true stands in `INVARIANTS.md`
//! beside this package's manifest.

pub mod asking;
mod base32;
pub mod calendar;
pub mod guards;
pub mod ids;
pub mod limits;
pub mod money;
pub mod order;
pub mod product;
pub mod refund;
pub mod routing;
pub mod stock;

pub use ids::{AccountId, Claim, Generation, OrderId, OutTradeNo, ProductId, Txn};
pub use money::{Currency, Money};

/// Milliseconds since 1970-01-01T00:00:00Z. Never read here: the caller passes it in.
pub type Millis = i64;
