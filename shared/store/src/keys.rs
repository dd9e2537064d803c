//! The keys of every item, in one place.

use crate::write::Item;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::Blob;
use domain::{Millis, OrderId, ProductId, Txn};

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

/// `R` and the movement: money that fits no attempt.
pub fn money_row(txn: &Txn) -> Vec<u8> {
    [b"R".as_slice(), txn.as_bytes()].concat()
}

/// Eight shards a day: 8,000 creates a second before one index partition is full.
pub const DAY_SHARDS: u8 = 8;

/// The partition of the seller's daily list: UTC day number and shard.
pub fn day(at: Millis, order: &OrderId) -> String {
    format!("{}#{}", at.div_euclid(86_400_000), order.0.first().copied().unwrap_or_default() % DAY_SHARDS)
}

/// Four shards of each kind of unfinished business.
pub fn due(kind: &str, shard_by: &[u8]) -> String {
    format!("{kind}#{}", shard_by.last().copied().unwrap_or_default() % 4)
}

pub(crate) fn text(name: &str, value: String) -> Item {
    Item::from([(name.to_owned(), AttributeValue::S(value))])
}

pub(crate) fn binary(name: &str, value: Vec<u8>) -> Item {
    Item::from([(name.to_owned(), AttributeValue::B(Blob::new(value)))])
}
