//! What an order says once and for ever, attribute by attribute, for evidence that it still says so. Read from the item as it
//! stands, so that an order which does not read any more still has what can be held against it.

use crate::item::{Reader, number, string};
use crate::tables::BY_DAY;
use crate::whole::typed;
use crate::write::Item;
use crate::{Store, StoreError, Table, keys};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use domain::order::State;
use domain::{Millis, OrderId};
use std::collections::{BTreeMap, HashMap};

/// Attributes that stand in an order from its first write on and never change, nor come later.
const MADE: [&str; 11] = ["o", "pid", "q", "fp", "ch", "qp", "ct", "t_new", "day", "rv", "ml"];

/// What an attempt never changes.
const ATTEMPT: [&str; 7] = ["no", "acct", "ver", "minor", "cur", "t", "mac"];

/// What the money that settled an order never changes.
const PAID: [&str; 4] = ["txn", "att_paid", "t_paid", "pm"];

/// What the cards of one generation never change.
const CARDS: [&str; 3] = ["g", "sl", "sm"];

/// What a refund never changes from its start on, and from its end on.
const REFUND: [&str; 4] = ["minor", "req", "at", "hand"];
const REFUND_END: [&str; 2] = ["st", "ref"];

/// An order as far as it is one-way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// The key of its item: the order's id, or whatever somebody wrote there.
    pub key: Vec<u8>,
    /// The word of its state; empty when it has none.
    pub state: String,
    /// The generation of its cards; `None` when it does not read.
    pub generation: Option<u8>,
    /// When it was made, Unix ms; `None` when it does not read.
    pub created_at: Option<Millis>,
    /// Whether it stands in the daily list under the day of its making.
    pub is_listed_rightly: bool,
    /// Every fact that is known by now, by name, in the encoding of `infra/formats.md`.
    pub facts: BTreeMap<String, Vec<u8>>,
}

/// Where an order stands in the list of its day.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DayKey {
    /// When it was made, Unix ms.
    pub at: Millis,
    /// The key of its item.
    pub key: Vec<u8>,
}

/// A page of all orders, for whoever looks at nothing but one-way attributes.
#[derive(Clone, Debug, Default)]
pub struct RecordedPage {
    /// The orders; tombstones of orders that never were are none.
    pub orders: Vec<Recorded>,
    /// The key to go on after; `None` at the end.
    pub next: Option<Vec<u8>>,
}

/// Length and bytes, so that no two lists of values have one encoding.
fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(bytes);
}

/// Attributes by name, each with its type's letter and its value; one that is missing has neither.
fn encode(item: &HashMap<String, AttributeValue>, names: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for name in names {
        put(&mut out, name.as_bytes());
        match item.get(*name) {
            None => put(&mut out, b""),
            Some(AttributeValue::S(text)) => put(&mut out, &[b"S", text.as_bytes()].concat()),
            Some(AttributeValue::N(text)) => put(&mut out, &[b"N", text.as_bytes()].concat()),
            Some(AttributeValue::B(bytes)) => put(&mut out, &[b"B", bytes.as_ref()].concat()),
            // Nothing in this version writes another type there: it is told apart, and that is all that matters.
            Some(other) => put(&mut out, &[b"?", typed(other).to_string().as_bytes()].concat()),
        }
    }
    out
}

/// The maps within a map, by name.
fn entries<'a>(
    item: &'a Item,
    name: &str,
) -> impl Iterator<Item = (&'a String, &'a HashMap<String, AttributeValue>)> + use<'a> {
    let map = item.get(name).and_then(|value| value.as_m().ok());
    map.into_iter().flatten().filter_map(|(number, entry)| Some((number, entry.as_m().ok()?)))
}

fn recorded(item: &Item) -> Result<Recorded, StoreError> {
    let r = Reader::new("order", item);
    let key = r.bytes("o")?.to_vec();
    let state = r.text("st").unwrap_or_default().to_owned();
    let generation: Option<u8> = r.number("g").ok();
    let created_at: Option<Millis> = r.number("t_new").ok();
    let mut facts = BTreeMap::from([("made".to_owned(), encode(item, &MADE))]);
    for (number, attempt) in entries(item, "att") {
        facts.insert(format!("attempt-{number}"), encode(attempt, &ATTEMPT));
    }
    if let Some(generation) = generation {
        facts.insert(format!("cards-{generation}"), encode(item, &CARDS));
    }
    if r.has("txn") {
        facts.insert("paid".to_owned(), encode(item, &PAID));
    }
    if r.has("t_dlv") {
        facts.insert("delivered".to_owned(), encode(item, &["t_dlv"]));
    }
    if r.has("t_view") {
        facts.insert("viewed".to_owned(), encode(item, &["t_view"]));
    }
    // Until then a hold that lapsed has a reason too, which a refund of late money replaces.
    if [State::RefundDue.as_str(), State::Refunded.as_str()].contains(&state.as_str()) {
        facts.insert("owed-back".to_owned(), encode(item, &["why"]));
    }
    for (number, refund) in entries(item, "rf") {
        facts.insert(format!("refund-{number}"), encode(refund, &REFUND));
        let state = refund.get("st").and_then(|value| value.as_s().ok()).map(String::as_str);
        if matches!(state, Some("done" | "failed")) {
            facts.insert(format!("refund-{number}-end"), encode(refund, &REFUND_END));
        }
    }
    let list = <[u8; 15]>::try_from(key.as_slice()).ok().zip(created_at).map(|(id, at)| keys::day(at, &OrderId(id)));
    let is_listed_rightly = list.is_some_and(|list| r.text("day").is_ok_and(|day| day == list));
    Ok(Recorded { key, state, generation, created_at, is_listed_rightly, facts })
}

/// Whatever has a product is an order, and a tombstone has nothing that anybody could hold against it.
fn is_order(item: &Item) -> bool {
    let state = item.get("st").and_then(|value| value.as_s().ok()).map(String::as_str);
    (item.contains_key("pid") || item.contains_key("fp")) && state != Some(State::Void.as_str())
}

impl Store {
    /// Orders by their keys, as far as they are one-way, in any order. Keys without an order are absent.
    pub async fn recorded(&self, keys: &[Vec<u8>], consistent: bool) -> Result<Vec<Recorded>, StoreError> {
        let keys = keys.iter().map(|key| keys::binary("o", key.clone())).collect();
        let items = self.batch("read recorded orders", Table::Orders, keys, consistent).await?;
        items.iter().filter(|item| is_order(item)).map(recorded).collect()
    }

    /// A page of one shard of a day's list, the oldest first, and whether there is more: orders that were made after `since`, Unix
    /// ms, and that follow the entry with which the page before ended.
    pub async fn day_page(
        &self,
        day: i64,
        shard: u8,
        since: Millis,
        after: Option<&DayKey>,
        limit: i32,
    ) -> Result<(Vec<DayKey>, bool), StoreError> {
        let partition = string(keys::day_shard(day, shard));
        let after = after.map(|after| {
            let mut key = keys::binary("o", after.key.clone());
            key.insert("day".to_owned(), partition.clone());
            key.insert("t_new".to_owned(), number(after.at));
            key
        });
        let page = self
            .db
            .query()
            .table_name(self.tables.name(Table::Orders))
            .index_name(BY_DAY)
            .key_condition_expression("#p = :p AND #s > :s")
            .expression_attribute_names("#p", "day")
            .expression_attribute_names("#s", "t_new")
            .expression_attribute_values(":p", partition)
            .expression_attribute_values(":s", number(since))
            .set_exclusive_start_key(after)
            .limit(limit)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|e| StoreError::sdk("read a page of a day", e))?;
        let more = page.last_evaluated_key.is_some_and(|key| !key.is_empty());
        let read = |item: &Item| -> Result<DayKey, StoreError> {
            let r = Reader::new("day's order", item);
            Ok(DayKey { at: r.number("t_new")?, key: r.bytes("o")?.to_vec() })
        };
        let entries: Result<Vec<DayKey>, StoreError> = page.items.unwrap_or_default().iter().map(read).collect();
        Ok((entries?, more))
    }

    /// A page of all orders as far as they are one-way, after the key of the page before.
    pub async fn scan_recorded(&self, after: Option<&[u8]>, limit: i32) -> Result<RecordedPage, StoreError> {
        let page = self
            .db
            .scan()
            .table_name(self.tables.name(Table::Orders))
            .set_exclusive_start_key(after.map(|key| keys::binary("o", key.to_vec())))
            .limit(limit)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|e| StoreError::sdk("scan recorded orders", e))?;
        let items = page.items.unwrap_or_default();
        let orders: Result<Vec<Recorded>, StoreError> =
            items.iter().filter(|item| is_order(item)).map(recorded).collect();
        let next = match page.last_evaluated_key.filter(|key| !key.is_empty()) {
            None => None,
            Some(key) => Some(Reader::new("order", &key).bytes("o")?.to_vec()),
        };
        Ok(RecordedPage { orders: orders?, next })
    }
}
