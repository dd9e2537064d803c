//! The parts of the local world itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod fakes_alipay;
mod fakes_epay;
mod fakes_stripe;
mod fakes_usdt;
mod fakes_wechat;
mod gateway;
mod options;
mod parity;
mod sqs;
