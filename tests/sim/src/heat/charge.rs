//! What a call touches and what it costs, read from its own words and from its answer's.

#![allow(clippy::float_arithmetic, reason = "units of capacity, as DynamoDB reports them")]

use super::buckets::UNIT;
use serde_json::{Map, Value};

/// Bytes of one write unit and of one read unit (DynamoDB developer guide, "read-write-operations").
const WRITE_BYTES: usize = 1_024;
const READ_BYTES: usize = 4_096;

/// A part of a table or an index that is hot or cold by itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// The table, or the table and its index.
    pub table: String,
    /// The item's key, or the index's partition.
    pub key: String,
}

/// The key attributes of a table of the shop; every other table of the model is keyed by `k`.
fn key_names(table: &str) -> &'static [&'static str] {
    match table.rsplit('-').next().unwrap_or_default() {
        "orders" => &["o"],
        "shop" => &["kind", "id"],
        _ => &["k"],
    }
}

/// The indexes of a table and the attribute that each is partitioned by.
fn indexes(table: &str) -> &'static [(&'static str, &'static str)] {
    if table.ends_with("-orders") { &[("by_day", "day"), ("by_contact", "ch"), ("due", "due")] } else { &[] }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The value of `{"S": value}`, whatever its type.
fn plain(attribute: &Value) -> String {
    attribute.as_object().and_then(|one| one.values().next()).map(text).unwrap_or_default()
}

fn place_of(table: &str, item: &Value) -> Place {
    let key: Vec<String> = key_names(table).iter().map(|name| plain(&item[*name])).collect();
    Place { table: table.to_owned(), key: key.join("/") }
}

fn places_in_indexes(table: &str, item: &Value) -> Vec<Place> {
    let of = |(index, by): &(&str, &str)| {
        let value = item.get(*by)?;
        Some(Place { table: format!("{table}.{index}"), key: plain(value) })
    };
    indexes(table).iter().filter_map(of).collect()
}

/// A call, as far as heat goes.
#[derive(Clone, Debug)]
pub enum Asked {
    /// Items that are read, and what each costs at the least.
    Reads {
        /// The items, or the partition of a query.
        places: Vec<Place>,
        /// Thousandths of a unit for each.
        least: i64,
    },
    /// One item that is written, with the partitions of indexes that are certain to be written too.
    Write {
        /// The item.
        place: Place,
        /// Index partitions.
        beside: Vec<Place>,
    },
    /// Items that are written together.
    Transaction(Vec<Place>),
    /// Something else, such as a message for a queue.
    Other,
}

/// Reads what a call asks for.
pub fn asked(operation: &str, body: &Value) -> Asked {
    let table = body["TableName"].as_str().unwrap_or_default();
    let least = |ask: &Value| if ask["ConsistentRead"] == true { UNIT } else { UNIT / 2 };
    match operation {
        "GetItem" => Asked::Reads { places: vec![place_of(table, &body["Key"])], least: least(body) },
        "Query" => {
            let index = body["IndexName"].as_str();
            let table = index.map_or_else(|| table.to_owned(), |index| format!("{table}.{index}"));
            // The partition is what the first comparison names.
            let condition = body["KeyConditionExpression"].as_str().unwrap_or_default();
            let named = condition.split('=').nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or_default();
            let key = plain(&body["ExpressionAttributeValues"][named]);
            Asked::Reads { places: vec![Place { table, key }], least: least(body) }
        }
        "BatchGetItem" => {
            let mut places = Vec::new();
            let mut cost = UNIT / 2;
            for (table, ask) in body["RequestItems"].as_object().into_iter().flatten() {
                cost = cost.max(least(ask));
                places.extend(ask["Keys"].as_array().into_iter().flatten().map(|key| place_of(table, key)));
            }
            Asked::Reads { places, least: cost }
        }
        "PutItem" => {
            let item = &body["Item"];
            Asked::Write { place: place_of(table, item), beside: places_in_indexes(table, item) }
        }
        "UpdateItem" | "DeleteItem" => Asked::Write { place: place_of(table, &body["Key"]), beside: Vec::new() },
        "TransactWriteItems" => {
            let one = |part: &Value| {
                let (kind, part) = part.as_object()?.iter().next()?;
                let table = part["TableName"].as_str().unwrap_or_default();
                Some(place_of(table, if kind == "Put" { &part["Item"] } else { &part["Key"] }))
            };
            Asked::Transaction(body["TransactItems"].as_array().into_iter().flatten().filter_map(one).collect())
        }
        _ => Asked::Other,
    }
}

/// A BatchGetItem without some of its keys, and those keys as its answer names them.
pub fn split_batch(body: &Value, refused: &[Place]) -> (Value, Value) {
    let (mut asked, mut left) = (body.clone(), Map::new());
    if let Some(tables) = asked["RequestItems"].as_object_mut() {
        for (table, ask) in tables.iter_mut() {
            let keys = ask["Keys"].as_array().cloned().unwrap_or_default();
            let (no, yes): (Vec<Value>, Vec<Value>) =
                keys.into_iter().partition(|key| refused.contains(&place_of(table, key)));
            if !no.is_empty() {
                let mut again = ask.clone();
                again["Keys"] = no.into();
                left.insert(table.clone(), again);
            }
            ask["Keys"] = yes.into();
        }
        tables.retain(|_, ask| ask["Keys"].as_array().is_some_and(|keys| !keys.is_empty()));
    }
    (asked, Value::Object(left))
}

/// The bytes of one attribute's value (DynamoDB developer guide, "CapacityUnitCalculations").
fn value_bytes(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|one| one.iter().next()) else { return 1 };
    let binary = |v: &Value| {
        let text = v.as_str().unwrap_or_default();
        text.len() / 4 * 3 - text.bytes().rev().take_while(|b| *b == b'=').count()
    };
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => text.len(),
        ("N", Value::String(text)) => text.len().div_ceil(2) + 1,
        ("B", value) => binary(value),
        ("L", Value::Array(list)) => 3 + list.iter().map(|v| 1 + value_bytes(v)).sum::<usize>(),
        ("M", Value::Object(map)) => 3 + map.iter().map(|(k, v)| 1 + k.len() + value_bytes(v)).sum::<usize>(),
        ("BS", Value::Array(list)) => list.iter().map(binary).sum(),
        (_, Value::Array(list)) => list.iter().map(|v| v.as_str().map_or(1, str::len)).sum(),
        _ => 1,
    }
}

/// The bytes of an item: names and values.
pub fn item_bytes(item: &Value) -> usize {
    item.as_object().into_iter().flatten().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn units(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(UNIT)
}

fn thousandths(reported: &Value) -> Option<i64> {
    // Reported units are halves and wholes, so nothing is lost.
    reported.as_f64().map(|units| (units * 1_000.0).round() as i64)
}

/// What a write of one item cost, by place: the item itself first, then its index partitions.
pub fn write_cost(place: &Place, sent: &Value, status: u16, answer: &Value) -> Vec<(Place, i64)> {
    if status != 200 {
        // A condition that did not hold costs what the item weighs; what else is refused costs nothing.
        let failed = answer["__type"].as_str().is_some_and(|kind| kind.ends_with("ConditionalCheckFailedException"));
        let weight = units(item_bytes(&answer["Item"]).div_ceil(WRITE_BYTES).max(1));
        return if failed { vec![(place.clone(), weight)] } else { Vec::new() };
    }
    let consumed = &answer["ConsumedCapacity"];
    let own = thousandths(&consumed["Table"]["CapacityUnits"]).or_else(|| thousandths(&consumed["CapacityUnits"]));
    let mut costs = vec![(place.clone(), own.unwrap_or(UNIT))];
    let item = if answer["Attributes"].is_object() { &answer["Attributes"] } else { &sent["Item"] };
    for (index, detail) in consumed["GlobalSecondaryIndexes"].as_object().into_iter().flatten() {
        let by = indexes(&place.table).iter().find(|(name, _)| name == index).map_or("", |(_, by)| *by);
        // A write that takes an item out of an index no longer names the partition that it left.
        let key = item.get(by).map_or_else(|| "left".to_owned(), plain);
        let table = format!("{}.{index}", place.table);
        costs.push((Place { table, key }, thousandths(&detail["CapacityUnits"]).unwrap_or(UNIT)));
    }
    costs
}

/// What reads cost beyond the least of each, by place.
pub fn read_cost(places: &[Place], least: i64, answer: &Value) -> Vec<(Place, i64)> {
    let beyond = |bytes: usize| units(bytes.div_ceil(READ_BYTES).max(1)) * least / UNIT - least;
    match places {
        [place] if answer.get("Responses").is_none() => {
            let consumed = thousandths(&answer["ConsumedCapacity"]["CapacityUnits"]);
            let more = consumed.map_or_else(|| beyond(item_bytes(&answer["Item"])), |cost| cost - least);
            vec![(place.clone(), more.max(0))]
        }
        _ => {
            let tables = answer["Responses"].as_object().into_iter().flatten();
            let items =
                tables.flat_map(|(table, items)| items.as_array().into_iter().flatten().map(move |i| (table, i)));
            items
                .map(|(table, item)| (place_of(table, item), beyond(item_bytes(item))))
                .filter(|(_, m)| *m > 0)
                .collect()
        }
    }
}
