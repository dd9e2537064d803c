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

mod alipay_create;
mod alipay_generated;
mod alipay_notice;
mod alipay_replies;
mod alipay_settings;
mod alipay_support;
mod asking;
mod canonical;
mod channel;
mod epay_api;
mod epay_create;
mod epay_generated;
mod epay_notice;
mod epay_query;
mod epay_refund;
mod epay_v2_create;
mod epay_v2_generated;
mod epay_v2_notice;
mod epay_v2_query;
mod epay_v2_refund;
mod epay_v2_support;
mod epay_v2_vectors;
mod evidence;
mod form;
mod generated;
mod ids;
mod limits;
mod money;
mod orders;
mod outcomes;
mod product;
mod routing;
mod routing_worlds;
mod stock;
mod stripe_asked;
mod stripe_create;
mod stripe_generated;
mod stripe_notice;
mod stripe_refund;
mod stripe_settings;
mod stripe_support;
mod support;
mod table;
mod usdt_asked;
mod usdt_create;
mod usdt_generated;
mod usdt_notice;
mod usdt_support;
mod wechat_calls;
mod wechat_create;
mod wechat_generated;
mod wechat_notice;
mod wechat_refund;
mod wechat_settings;
mod wechat_support;
mod wechat_vectors;
mod words;
mod worlds;
