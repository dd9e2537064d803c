//! The rules of orders, stock and money, and the payment codecs: pure functions, asked directly.
//!
//! Codecs are tried on published vectors, on every check with a request that only this check refuses, and on random bytes. Each refused
//! request names the check it is for, and each check has a case in which nothing else is wrong: take the check out of the codec, and
//! that case fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says no by panicking, its helpers too"
)]

mod asking;
mod canonical;
mod channel;
mod epay_create;
mod epay_generated;
mod epay_notice;
mod epay_query;
mod epay_refund;
mod evidence;
mod form;
mod ids;
mod limits;
mod money;
mod orders;
mod outcomes;
mod product;
mod stock;
mod support;
mod table;
mod words;
mod worlds;
