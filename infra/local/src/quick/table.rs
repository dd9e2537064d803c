//! Tables: items by key, and indexes that hold nothing but keys.

use super::bytes;
use super::refusal::Refusal;
use super::value::{Attributes, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{Key, KeyKind, TableShape};

/// DynamoDB's limits, in bytes. Source: Amazon DynamoDB Developer Guide, "Quotas in Amazon DynamoDB".
const ITEM_BYTES: usize = 400 * 1024;
const HASH_BYTES: usize = 2_048;
const RANGE_BYTES: usize = 1_024;
const DEPTH: usize = 32;

/// A part of a key, in the order in which DynamoDB sorts: texts and bytes octet by octet, numbers by value. `Least` and `Most` are no
/// keys; they stand below and above all of them. A key without a second part has `Least` for it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum KeyPart {
    /// Below every key.
    Least,
    /// Text.
    Text(Arc<str>),
    /// A number.
    Number(i128),
    /// Bytes.
    Bytes(Box<[u8]>),
    /// Above every key.
    Most,
}

/// The key of an item.
pub(super) type ItemKey = (KeyPart, KeyPart);

/// The place of an item in an index: the index's own key, and the item's, by which those of equal keys are in order.
pub(super) type Entry = (KeyPart, KeyPart, ItemKey);

/// An item as it stands, with the bytes that it counts for.
#[derive(Debug)]
pub(super) struct Item {
    /// What it holds.
    pub(super) attributes: Attributes,
    /// Bytes.
    pub(super) size: usize,
}

/// An index of keys alone.
#[derive(Debug)]
pub(super) struct Index {
    /// Its name.
    pub(super) name: &'static str,
    /// What it is keyed by.
    pub(super) key: Key,
    /// What is in it.
    pub(super) entries: BTreeSet<Entry>,
}

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    /// What it is keyed by.
    pub(super) key: Key,
    /// Its items.
    pub(super) items: BTreeMap<ItemKey, Item>,
    /// Its indexes.
    pub(super) indexes: Vec<Index>,
}

/// The units that a write took, in halves, as all units are counted here.
#[derive(Debug)]
pub(super) struct Taken {
    /// By the table.
    pub(super) table: usize,
    /// By those indexes that changed.
    pub(super) indexes: Vec<(&'static str, usize)>,
}

/// Half units of a write of an item of so many bytes: a unit for each KiB. Source: the same guide, "Read and write operations".
fn write_units(bytes: usize) -> usize {
    2 * bytes.div_ceil(1_024).max(1)
}

fn mismatch() -> Refusal {
    Refusal::invalid("The provided key element does not match the schema")
}

/// A value as a part of a key; `None` when it is of another type, or empty.
pub(super) fn key_part(kind: KeyKind, value: &Value) -> Option<KeyPart> {
    match (kind, value) {
        (KeyKind::Text, Value::S(text)) if !text.is_empty() => Some(KeyPart::Text(text.clone())),
        (KeyKind::Number, Value::N(number)) => Some(KeyPart::Number(*number)),
        (KeyKind::Binary, Value::B(text)) if !text.is_empty() => Some(KeyPart::Bytes(bytes::decode(text).into())),
        _ => None,
    }
}

/// The names of a key's parts.
pub(super) fn names(key: &Key) -> impl Iterator<Item = &'static str> + use<> {
    [Some(key.0), key.2.map(|(name, _)| name)].into_iter().flatten()
}

/// The two parts of a key, as an item has them; `None` when it lacks one, or one is of another type.
pub(super) fn parts(key: &Key, item: &Attributes) -> Option<ItemKey> {
    let (hash, kind, range) = key;
    let first = key_part(*kind, item.get(hash)?)?;
    let second = match range {
        None => KeyPart::Least,
        Some((range, kind)) => key_part(*kind, item.get(range)?)?,
    };
    Some((first, second))
}

impl Table {
    /// A table with nothing in it.
    pub(super) fn new(shape: &TableShape) -> Table {
        let index = |(name, key): &(&'static str, Key)| Index { name, key: *key, entries: BTreeSet::new() };
        Table { key: shape.key, items: BTreeMap::new(), indexes: shape.indexes.iter().map(index).collect() }
    }

    /// Whether an attribute is a part of the table's key.
    pub(super) fn is_key(&self, name: &str) -> bool {
        names(&self.key).any(|own| own == name)
    }

    /// The key of an item that is to be written.
    pub(super) fn key_of_item(&self, item: &Attributes) -> Result<ItemKey, Refusal> {
        let sizes = names(&self.key).zip([HASH_BYTES, RANGE_BYTES]);
        for (name, most) in sizes {
            let value =
                item.get(name).ok_or_else(|| Refusal::invalid(format!("Missing the key {name} in the item")))?;
            if value.size() > most {
                return Err(Refusal::invalid(format!("The key {name} is longer than {most} bytes")));
            }
        }
        parts(&self.key, item).ok_or_else(mismatch)
    }

    /// The key that a request names: these attributes and no others.
    pub(super) fn key_alone(&self, key: &Attributes) -> Result<ItemKey, Refusal> {
        match key.len() == names(&self.key).count() {
            true => self.key_of_item(key),
            false => Err(mismatch()),
        }
    }

    /// What an item may be: not too large, not too deep, and with nothing in an index's place that cannot be its key. What stood
    /// there before is not judged again.
    pub(super) fn judge(&self, attributes: &Attributes, before: Option<&Attributes>) -> Result<(), Refusal> {
        if attributes.size() > ITEM_BYTES {
            return Err(Refusal::invalid("Item size has exceeded the maximum allowed size"));
        }
        if attributes.depth() > DEPTH {
            return Err(Refusal::invalid("Nesting Levels have exceeded supported limits"));
        }
        for index in &self.indexes {
            let (hash, kind, range) = index.key;
            for (name, kind) in [Some((hash, kind)), range].into_iter().flatten() {
                let Some(value) = attributes.get(name) else { continue };
                let stood = before.and_then(|before| before.get(name)) == Some(value);
                if !stood && key_part(kind, value).is_none() {
                    let message = format!("Type mismatch for Index Key {name} IndexName: {}", index.name);
                    return Err(Refusal::invalid(message));
                }
            }
        }
        Ok(())
    }

    /// Puts an item that may be one where its key says, and tells what that took.
    pub(super) fn put(&mut self, key: ItemKey, attributes: Attributes) -> Taken {
        let item = Item { size: attributes.size(), attributes };
        let new = write_units(item.size);
        // The larger of what stood there and what stands there is paid.
        let old = self.items.get(&key).map_or(new, |old| write_units(old.size));
        let indexes = self.move_entries(&key, Some(&item.attributes));
        self.items.insert(key, item);
        Taken { table: new.max(old), indexes }
    }

    /// Takes an item out.
    pub(super) fn delete(&mut self, key: &ItemKey) -> Taken {
        let table = self.items.get(key).map_or(write_units(0), |old| write_units(old.size));
        let indexes = self.move_entries(key, None);
        self.items.remove(key);
        Taken { table, indexes }
    }

    /// Moves an item's entries to where they belong once it holds these attributes, and tells what that took. An entry that stays where
    /// it is takes nothing: there is nothing in it but where it is.
    fn move_entries(&mut self, key: &ItemKey, new: Option<&Attributes>) -> Vec<(&'static str, usize)> {
        let old = self.items.get(key).map(|old| &old.attributes);
        let mut taken = Vec::new();
        for index in &mut self.indexes {
            let value = |item: Option<&Attributes>, name: &str| item.and_then(|item| item.get(name)).cloned();
            if names(&index.key).all(|name| value(old, name) == value(new, name)) {
                continue;
            }
            let entry = |item: &Attributes| {
                let (hash, range) = parts(&index.key, item)?;
                let all = names(&index.key).chain(names(&self.key));
                let size: usize = all.filter_map(|name| Some(name.len() + item.get(name)?.size())).sum();
                Some(((hash, range, key.clone()), write_units(size)))
            };
            let (from, to) = (old.and_then(entry), new.and_then(entry));
            let units = from.as_ref().map_or(0, |(_, units)| *units) + to.as_ref().map_or(0, |(_, units)| *units);
            if let Some((from, _)) = from {
                index.entries.remove(&from);
            }
            if let Some((to, _)) = to {
                index.entries.insert(to);
            }
            if units > 0 {
                taken.push((index.name, units));
            }
        }
        taken
    }
}
