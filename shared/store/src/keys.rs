//! The keys of every item, in one place.

use crate::write::Item;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::Blob;
use domain::order::DueKind;
use domain::{Millis, OrderId, OutTradeNo, ProductId, Txn};

/// `<pid>#<b>`: a strip.
pub fn strip(product: &ProductId, no: u32) -> String {
    format!("{product}#{no}")
}

/// `<pid>#H`: a product's head.
pub fn head(product: &ProductId) -> String {
    format!("{product}#H")
}

/// `<pid>#<b>#<j>`: the j-th vault item of a strip.
pub fn vault(product: &ProductId, strip: u32, part: u8) -> String {
    format!("{product}#{strip}#{part}")
}

/// `<pid>#U#<hash>`: the row that makes a card unique within its product.
pub fn unique(product: &ProductId, hash: &[u8; 16]) -> String {
    let hex: String = hash.iter().map(|b| format!("{b:02x}")).collect();
    format!("{product}#U#{hex}")
}

/// `D`, the order id and the request's fingerprint: bulky immutable input of an order. With the fingerprint in the key, an
/// order can only ever find the input of the very request that made it.
pub fn details(order: &OrderId, fingerprint: &[u8; 16]) -> Vec<u8> {
    [b"D".as_slice(), &order.0, fingerprint].concat()
}

/// `S`, the order id and the attempt's number: what its provider gave to be shown.
pub fn shown(no: &OutTradeNo) -> Vec<u8> {
    [b"S".as_slice(), &no.order.0, &[no.attempt]].concat()
}

/// `R` and the movement: money that fits no attempt.
pub fn money_row(txn: &Txn) -> Vec<u8> {
    [b"R".as_slice(), txn.as_bytes()].concat()
}

/// `A`, the product and a word: something that is wrong with a product's strips.
pub fn alarm(product: &ProductId, what: &str) -> Vec<u8> {
    [b"A".as_slice(), product.as_str().as_bytes(), &[0], what.as_bytes()].concat()
}

/// Eight shards a day: 8,000 creates a second before one index partition is full.
pub const DAY_SHARDS: u8 = 8;

/// The partition of the seller's daily list: UTC day number and shard.
pub fn day(at: Millis, order: &OrderId) -> String {
    day_shard(at.div_euclid(86_400_000), order.0.first().copied().unwrap_or_default() % DAY_SHARDS)
}

/// One partition of the daily list.
pub fn day_shard(day: i64, shard: u8) -> String {
    format!("{day}#{shard}")
}

/// Four shards of each kind of unfinished business.
pub const DUE_SHARDS: u8 = 4;

/// The partition of a piece of unfinished business: its kind, and a shard by the last byte of its key.
pub fn due(kind: DueKind, shard_by: &[u8]) -> String {
    due_shard(kind, shard_by.last().copied().unwrap_or_default() % DUE_SHARDS)
}

/// One partition of unfinished business.
pub fn due_shard(kind: DueKind, shard: u8) -> String {
    format!("{}#{shard}", kind.as_str())
}

pub(crate) fn text(name: &str, value: String) -> Item {
    Item::from([(name.to_owned(), AttributeValue::S(value))])
}

pub(crate) fn binary(name: &str, value: Vec<u8>) -> Item {
    Item::from([(name.to_owned(), AttributeValue::B(Blob::new(value)))])
}
