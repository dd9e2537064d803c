//! Reads of items by their keys.

use super::json::{Out, Text};
use super::refusal::Refusal;
use super::request::{Asked, BatchGetItem, GetItem, Report, consumed, end};
use super::table::{Item, ItemKey, Taken};
use super::tables::Tables;
use super::value::Attributes;
use std::collections::BTreeSet;

/// DynamoDB's limits for one `BatchGetItem`: keys, and bytes of what is answered. Source: API reference, BatchGetItem.
const BATCH_KEYS: usize = 100;
const BATCH_BYTES: usize = 16 * 1024 * 1024;

/// Half units of a read of so many bytes: a unit for each 4 KiB if it is consistent, and half of one if not.
/// Source: Amazon DynamoDB Developer Guide, "Read and write operations".
pub(super) fn read_units(bytes: usize, consistent: bool) -> usize {
    bytes.div_ceil(4_096).max(1) * if consistent { 2 } else { 1 }
}

/// `GetItem`.
pub(super) fn get(tables: &mut Tables, request: &GetItem<'_>) -> Result<Vec<u8>, Refusal> {
    let table = tables.table(&request.table_name.0)?;
    let item = table.items.get(&table.key_alone(&request.key)?);
    let size = item.map_or(0, |item| item.size);
    let mut out = Out::with_capacity(256 + 2 * size);
    out.raw("{");
    if let Some(item) = item {
        out.raw("\"Item\":");
        out.attributes(&item.attributes);
    }
    let taken = Taken { table: read_units(size, request.consistent_read), indexes: Vec::new() };
    end(&mut out, item.is_none(), request.return_consumed_capacity, &request.table_name.0, &taken);
    Ok(out.into_bytes())
}

/// What a batch found in one table, what it took, and which keys are left for another call.
struct Found<'t> {
    name: &'t str,
    items: Vec<&'t Item>,
    halves: usize,
    left: Vec<&'t Attributes>,
    consistent: bool,
}

/// `BatchGetItem`. Items come in the order of their keys; DynamoDB promises none.
pub(super) fn batch_get(tables: &Tables, request: &BatchGetItem<'_>) -> Result<Vec<u8>, Refusal> {
    let keys: usize = request.request_items.0.iter().map(|(_, asked)| asked.keys.len()).sum();
    if !(1..=BATCH_KEYS).contains(&keys) || request.request_items.0.iter().any(|(_, asked)| asked.keys.is_empty()) {
        return Err(Refusal::invalid("Too few or too many items requested for the BatchGetItem call"));
    }
    let mut bytes = 0;
    let found: Result<Vec<Found<'_>>, Refusal> =
        request.request_items.0.iter().map(|(name, asked)| find(tables, name, asked, &mut bytes)).collect();
    let found = found?;
    let mut out = Out::with_capacity(512 + 2 * bytes);
    let objects = |out: &mut Out, found: &[&Found<'_>], one: &dyn Fn(&mut Out, &Found<'_>)| {
        out.raw("{");
        for (n, found) in found.iter().enumerate() {
            out.raw(if n > 0 { "," } else { "" });
            out.text(found.name);
            out.raw(":");
            one(out, found);
        }
        out.raw("}");
    };
    out.raw("{\"Responses\":");
    objects(&mut out, &found.iter().collect::<Vec<_>>(), &|out, found| {
        out.list(&found.items, |out, item| out.attributes(&item.attributes));
    });
    out.raw(",\"UnprocessedKeys\":");
    let left: Vec<&Found<'_>> = found.iter().filter(|found| !found.left.is_empty()).collect();
    objects(&mut out, &left, &|out, found| {
        out.raw("{\"Keys\":");
        out.list(&found.left, |out, key| out.attributes(key));
        out.raw(if found.consistent { ",\"ConsistentRead\":true}" } else { "}" });
    });
    if request.return_consumed_capacity != Report::None {
        out.raw(",\"ConsumedCapacity\":");
        out.list(&found, |out, found| {
            let taken = Taken { table: found.halves, indexes: Vec::new() };
            consumed(out, request.return_consumed_capacity, found.name, &taken);
        });
    }
    out.raw("}");
    Ok(out.into_bytes())
}

fn find<'t>(tables: &'t Tables, name: &'t Text<'_>, asked: &'t Asked, bytes: &mut usize) -> Result<Found<'t>, Refusal> {
    let table = tables.table_to_read(&name.0)?;
    let consistent = asked.consistent_read;
    let mut found =
        Found { name: &name.0, items: Vec::with_capacity(asked.keys.len()), halves: 0, left: Vec::new(), consistent };
    let mut seen: BTreeSet<ItemKey> = BTreeSet::new();
    for names in &asked.keys {
        let key = table.key_alone(names)?;
        let item = table.items.get(&key);
        if !seen.insert(key) {
            return Err(Refusal::invalid("Provided list of item keys contains duplicates"));
        }
        let size = item.map_or(0, |item| item.size);
        // From the first item on that does not fit any more, nothing is read.
        if !found.left.is_empty() || *bytes + size > BATCH_BYTES {
            found.left.push(names);
            continue;
        }
        *bytes += size;
        found.halves += read_units(size, consistent);
        found.items.extend(item);
    }
    Ok(found)
}
