//! Codecs of payments and of messages to the seller: published vectors, every check with a request that only this check
//! refuses, and random bytes.
//!
//! Each refused request names the check it is for, and each check has a case in which nothing else is wrong: take the
//! check out of the codec, and that case fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says no by panicking, its helpers too"
)]

mod canonical;
mod epay_create;
mod epay_generated;
mod epay_notice;
mod epay_query;
mod epay_refund;
mod form;
mod push_answers;
mod push_formats;
mod support;
