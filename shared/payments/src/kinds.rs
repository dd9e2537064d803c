//! The closed list of channels. A new one is its codec, a line here, and its gateway in the local shop.

use crate::usdt::{bepusdt, epusdt, tokenpay};
use crate::{Kind, alipay, epay, epay_v2, stripe, wechat};

/// Every kind of channel, in the order in which a seller is offered them.
pub const KINDS: [&Kind; 8] = [
    &epay::KIND,
    &epay_v2::KIND,
    &alipay::KIND,
    &wechat::KIND,
    &stripe::KIND,
    &epusdt::KIND,
    &bepusdt::KIND,
    &tokenpay::KIND,
];

/// The kind of this name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.into_iter().find(|kind| kind.name == name)
}
