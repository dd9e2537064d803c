//! Whole tables: every item as it stands, with all its attributes and without a meaning. What leaves the shop in an export
//! and comes back in an import is exactly what stood there, attributes of later versions included.

use crate::tables::{Table, shapes};
use crate::write::Item;
use crate::{Store, StoreError};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use aws_smithy_types::{Blob, base64};
use serde_json::{Map, Value};
use std::fmt;

/// Levels of lists and maps within one item. DynamoDB bears 32.
/// Source: Amazon DynamoDB Developer Guide, "Quotas in Amazon DynamoDB".
const DEPTH: usize = 32;

/// An item of any kind, as it stands in its table.
#[derive(Clone)]
pub struct StoredItem(pub(crate) Item);

/// Never prints what is in it: contacts and ciphertexts.
impl fmt::Debug for StoredItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredItem({} attributes)", self.0.len())
    }
}

/// Two items are equal when they hold the same, in whatever order a set came.
impl PartialEq for StoredItem {
    fn eq(&self, other: &StoredItem) -> bool {
        self.to_json() == other.to_json()
    }
}

/// The key after which a scan goes on.
#[derive(Clone, Debug)]
pub struct StoredKey(StoredItem);

/// A page of a table.
#[derive(Clone, Debug)]
pub struct StoredPage {
    /// Its items.
    pub items: Vec<StoredItem>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<StoredKey>,
}

/// The names of a table's key attributes: the partition key, and the sort key where there is one.
pub(crate) fn key_names(table: Table) -> (&'static str, Option<&'static str>) {
    let shape = shapes().into_iter().find(|shape| shape.table == table);
    shape.map_or(("", None), |shape| (shape.key.0, shape.key.2.map(|(name, _)| name)))
}

impl StoredItem {
    /// The item as DynamoDB JSON, the members of sets and the names of attributes sorted.
    pub fn to_json(&self) -> Value {
        object(&self.0)
    }

    /// Reads DynamoDB JSON as an item of a table; `None` when it is none, or has no key.
    pub fn from_json(table: Table, json: &Value) -> Option<StoredItem> {
        let item = attributes(json, DEPTH)?;
        let (hash, range) = key_names(table);
        let whole = item.contains_key(hash) && range.is_none_or(|range| item.contains_key(range));
        whole.then_some(StoredItem(item))
    }

    /// The item's key in words for a person: what is text as text, what is bytes in hexadecimal digits.
    pub fn key_text(&self, table: Table) -> String {
        let (hash, range) = key_names(table);
        let part = |name: &str| match self.0.get(name) {
            Some(AttributeValue::S(text)) => text.clone(),
            Some(AttributeValue::N(number)) => number.clone(),
            Some(AttributeValue::B(bytes)) => bytes.as_ref().iter().map(|b| format!("{b:02x}")).collect(),
            _ => String::new(),
        };
        range.map_or_else(|| part(hash), |range| format!("{} {}", part(hash), part(range)))
    }

    /// A text attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }
}

fn object(item: &Item) -> Value {
    let mut pairs: Vec<(&String, &AttributeValue)> = item.iter().collect();
    pairs.sort_by_key(|(name, _)| *name);
    Value::Object(pairs.into_iter().map(|(name, value)| (name.clone(), typed(value))).collect())
}

/// One attribute: its type's letters and its value.
pub(crate) fn typed(value: &AttributeValue) -> Value {
    let texts = |list: &[String]| {
        let mut sorted = list.to_vec();
        sorted.sort();
        Value::from(sorted)
    };
    let (letters, value) = match value {
        AttributeValue::S(text) => ("S", Value::from(text.as_str())),
        AttributeValue::N(number) => ("N", Value::from(number.as_str())),
        AttributeValue::B(bytes) => ("B", Value::from(base64::encode(bytes.as_ref()))),
        AttributeValue::Bool(yes) => ("BOOL", Value::from(*yes)),
        AttributeValue::Null(yes) => ("NULL", Value::from(*yes)),
        AttributeValue::Ss(list) => ("SS", texts(list)),
        AttributeValue::Ns(list) => ("NS", texts(list)),
        AttributeValue::Bs(list) => {
            ("BS", texts(&list.iter().map(|b| base64::encode(b.as_ref())).collect::<Vec<String>>()))
        }
        AttributeValue::L(list) => ("L", list.iter().map(typed).collect()),
        AttributeValue::M(map) => ("M", object(map)),
        // A type that DynamoDB did not have when this was written: reading it back refuses it by name.
        _ => ("?", Value::Null),
    };
    Value::Object(Map::from_iter([(letters.to_owned(), value)]))
}

fn attributes(json: &Value, depth: usize) -> Option<Item> {
    json.as_object()?.iter().map(|(name, value)| Some((name.clone(), untyped(value, depth)?))).collect()
}

fn untyped(json: &Value, depth: usize) -> Option<AttributeValue> {
    let depth = depth.checked_sub(1)?;
    let typed = json.as_object().filter(|object| object.len() == 1)?;
    let (letters, value) = typed.iter().next()?;
    let bytes = |value: &Value| base64::decode(value.as_str()?).ok().map(Blob::new);
    let texts = || value.as_array()?.iter().map(|v| v.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>();
    Some(match letters.as_str() {
        "S" => AttributeValue::S(value.as_str()?.to_owned()),
        "N" => AttributeValue::N(value.as_str()?.to_owned()),
        "B" => AttributeValue::B(bytes(value)?),
        "BOOL" => AttributeValue::Bool(value.as_bool()?),
        "NULL" => AttributeValue::Null(value.as_bool()?),
        "SS" => AttributeValue::Ss(texts()?),
        "NS" => AttributeValue::Ns(texts()?),
        "BS" => AttributeValue::Bs(value.as_array()?.iter().map(bytes).collect::<Option<_>>()?),
        "L" => AttributeValue::L(value.as_array()?.iter().map(|v| untyped(v, depth)).collect::<Option<_>>()?),
        "M" => AttributeValue::M(attributes(value, depth)?),
        _ => return None,
    })
}

impl Store {
    /// A page of a table, consistently, after the key of the page before. Pages of one table are read one after the other, so
    /// what is written meanwhile may or may not be in them: only a shop that stands still gives one moment.
    pub async fn scan_whole(
        &self,
        table: Table,
        after: Option<&StoredKey>,
        limit: i32,
    ) -> Result<StoredPage, StoreError> {
        let page = self
            .db
            .scan()
            .table_name(self.tables.name(table))
            .set_exclusive_start_key(after.map(|key| key.0.0.clone()))
            .limit(limit)
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|e| StoreError::sdk("scan table", e))?;
        let next = page.last_evaluated_key.filter(|key| !key.is_empty());
        Ok(StoredPage {
            items: page.items.unwrap_or_default().into_iter().map(StoredItem).collect(),
            next: next.map(|key| StoredKey(StoredItem(key))),
        })
    }
}
