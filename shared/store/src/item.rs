//! Items: how the domain's types stand in the tables.

use crate::StoreError;
use crate::write::Item;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::Blob;
use domain::Millis;
use domain::ProductId;
use domain::stock::{Entry, Strip};
use std::collections::{BTreeMap, HashMap};

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn string(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn bytes(value: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(value.into()))
}

/// Reads attributes of one item and remembers which kind of item it is, for the error.
pub(crate) struct Reader<'a> {
    what: &'static str,
    item: &'a HashMap<String, AttributeValue>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(what: &'static str, item: &'a HashMap<String, AttributeValue>) -> Reader<'a> {
        Reader { what, item }
    }

    pub(crate) fn bad(&self, name: &str) -> StoreError {
        StoreError::corrupt(self.what, name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.item.contains_key(name)
    }

    pub(crate) fn text(&self, name: &str) -> Result<&'a str, StoreError> {
        self.item.get(name).and_then(|v| v.as_s().ok()).map(String::as_str).ok_or_else(|| self.bad(name))
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, StoreError> {
        self.item.get(name).and_then(|v| v.as_n().ok()).and_then(|n| n.parse().ok()).ok_or_else(|| self.bad(name))
    }

    pub(crate) fn bytes(&self, name: &str) -> Result<&'a [u8], StoreError> {
        self.item.get(name).and_then(|v| v.as_b().ok()).map(AsRef::as_ref).ok_or_else(|| self.bad(name))
    }

    pub(crate) fn array<const N: usize>(&self, name: &str) -> Result<[u8; N], StoreError> {
        self.bytes(name)?.try_into().map_err(|_| self.bad(name))
    }

    pub(crate) fn list(&self, name: &str) -> Result<&'a [AttributeValue], StoreError> {
        self.item.get(name).and_then(|v| v.as_l().ok()).map(Vec::as_slice).ok_or_else(|| self.bad(name))
    }

    pub(crate) fn map(&self, name: &str) -> Result<&'a HashMap<String, AttributeValue>, StoreError> {
        self.item.get(name).and_then(|v| v.as_m().ok()).ok_or_else(|| self.bad(name))
    }

    pub(crate) fn maybe<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Self, &str) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        if self.has(name) { read(self, name).map(Some) } else { Ok(None) }
    }
}

/// A strip with the import that made it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StripItem {
    /// The claims.
    pub strip: Strip,
    /// The import that put it.
    pub import: String,
    /// SHA-256 over its ciphertexts, by which an audit can name a swapped one without the key.
    pub vault_hash: [u8; 32],
}

impl StripItem {
    pub(crate) fn read(no: u32, item: &Item) -> Result<StripItem, StoreError> {
        let r = Reader::new("strip", item);
        let entries: Option<Vec<Entry>> =
            r.list("h")?.iter().map(|e| e.as_b().ok().and_then(|b| Entry::from_bytes(b.as_ref()))).collect();
        Ok(StripItem {
            strip: Strip {
                no,
                entries: entries.ok_or_else(|| r.bad("h"))?,
                width: r.number("w")?,
                sealed: r.has("z"),
                done: r.maybe("d", Reader::number)?.unwrap_or_default(),
            },
            import: r.text("imp")?.to_owned(),
            vault_hash: r.array("vh")?,
        })
    }

    pub(crate) fn write(&self, product: &ProductId) -> Item {
        let mut item = crate::keys::text("k", crate::keys::strip(product, self.strip.no));
        let entries = self.strip.entries.iter().map(|e| bytes(e.to_bytes())).collect();
        item.insert("h".into(), AttributeValue::L(entries));
        item.insert("w".into(), number(self.strip.width));
        item.insert("imp".into(), string(&self.import));
        item.insert("vh".into(), bytes(self.vault_hash));
        item
    }
}

/// A product's head: where its strips begin, end, and are being filled.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Head {
    /// Strips below it may be claimed from; the next fresh one is number `cursor`.
    pub cursor: u32,
    /// Strips on sale.
    pub on_sale: u32,
    /// Strip numbers given to imports.
    pub reserved: u32,
    /// Every strip below it is sealed.
    pub low: u32,
    /// Strips known to have room again.
    pub hints: Vec<u32>,
    /// Ranges of imports that have not ended: first strip and how many.
    pub ranges: BTreeMap<String, (u32, u32)>,
    /// Since when a reading of every strip that found them all full had begun, Unix ms; `None` when cards came back since, or where
    /// nobody had to read many.
    pub sold_out_at: Option<Millis>,
}

impl Head {
    pub(crate) fn read(item: &Item) -> Result<Head, StoreError> {
        let r = Reader::new("head", item);
        let hints = match item.get("r") {
            None => Vec::new(),
            Some(set) => {
                let numbers = set.as_ns().map_err(|_| r.bad("r"))?;
                numbers.iter().map(|n| n.parse().map_err(|_| r.bad("r"))).collect::<Result<_, _>>()?
            }
        };
        let (first, length) = (Reader::new("head", r.map("ri")?), Reader::new("head", r.map("rk")?));
        let mut ranges = BTreeMap::new();
        for import in first.item.keys() {
            ranges.insert(import.clone(), (first.number(import)?, length.number(import)?));
        }
        Ok(Head {
            cursor: r.number("c")?,
            on_sale: r.number("n")?,
            reserved: r.number("nr")?,
            low: r.number("low")?,
            hints,
            ranges,
            sold_out_at: r.maybe("so", Reader::number)?,
        })
    }

    pub(crate) fn empty(product: &ProductId) -> Item {
        let mut item = crate::keys::text("k", crate::keys::head(product));
        for counter in ["c", "n", "nr", "low"] {
            item.insert(counter.into(), number(0));
        }
        for map in ["ri", "rk"] {
            item.insert(map.into(), AttributeValue::M(HashMap::new()));
        }
        item
    }
}

/// Bytes of an item by DynamoDB's rule: names and values in UTF-8 or raw, numbers about half their digits plus one, three
/// bytes for a list or map and one for each of its elements. Rounded up for numbers.
/// Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats".
pub(crate) fn size(item: &Item) -> usize {
    fn value(v: &AttributeValue) -> usize {
        match v {
            AttributeValue::S(s) => s.len(),
            AttributeValue::N(n) => n.len().div_ceil(2) + 1,
            AttributeValue::B(b) => b.as_ref().len(),
            AttributeValue::L(l) => 3 + l.iter().map(|e| 1 + value(e)).sum::<usize>(),
            AttributeValue::M(m) => 3 + m.iter().map(|(k, e)| 1 + k.len() + value(e)).sum::<usize>(),
            AttributeValue::Ns(n) => n.iter().map(|n| n.len().div_ceil(2) + 1).sum(),
            _ => 1,
        }
    }
    item.iter().map(|(k, v)| k.len() + value(v)).sum()
}

/// Ciphertexts of neighbouring cards, with the keyed hash of each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VaultItem {
    /// The strip.
    pub strip: u32,
    /// Which item of the strip: position divided by width.
    pub part: u8,
    /// The position of the first entry.
    pub first: u8,
    /// Nonce, ciphertext and tag of each card.
    pub sealed: Vec<Vec<u8>>,
    /// The keyed hash of each card, which its `U` row points back to.
    pub hashes: Vec<[u8; 16]>,
    /// The data key they are sealed with.
    pub kid: String,
    /// The import that put it.
    pub import: String,
}

impl VaultItem {
    pub(crate) fn read(strip: u32, part: u8, item: &Item) -> Result<VaultItem, StoreError> {
        let r = Reader::new("vault item", item);
        let sealed: Option<Vec<Vec<u8>>> =
            r.list("e")?.iter().map(|e| e.as_b().ok().map(|b| b.as_ref().to_vec())).collect();
        let (hashes, rest) = r.bytes("u")?.as_chunks::<16>();
        let sealed = sealed.filter(|s| s.len() == hashes.len() && rest.is_empty()).ok_or_else(|| r.bad("e"))?;
        Ok(VaultItem {
            strip,
            part,
            first: r.number("f")?,
            sealed,
            hashes: hashes.to_vec(),
            kid: r.text("kid")?.to_owned(),
            import: r.text("imp")?.to_owned(),
        })
    }

    pub(crate) fn write(&self, product: &ProductId) -> Item {
        let mut item = crate::keys::text("k", crate::keys::vault(product, self.strip, self.part));
        item.insert("f".into(), number(self.first));
        item.insert("e".into(), AttributeValue::L(self.sealed.iter().map(|s| bytes(s.clone())).collect()));
        item.insert("u".into(), bytes(self.hashes.concat()));
        item.insert("kid".into(), string(&self.kid));
        item.insert("imp".into(), string(&self.import));
        item
    }

    /// The ciphertext at a position of the strip.
    pub fn sealed_at(&self, position: u8) -> Option<&[u8]> {
        self.sealed.get(usize::from(position.checked_sub(self.first)?)).map(Vec::as_slice)
    }

    /// The keyed hash at a position of the strip.
    pub fn hash_at(&self, position: u8) -> Option<&[u8; 16]> {
        self.hashes.get(usize::from(position.checked_sub(self.first)?))
    }
}

/// Where a card lies, by its keyed hash. The strip is the truth; this row only points to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UniqueCard {
    /// The strip it is meant for.
    pub strip: u32,
    /// The position in it.
    pub position: u8,
    /// The import that wrote the row.
    pub import: String,
}

impl UniqueCard {
    pub(crate) fn read(item: &Item) -> Result<UniqueCard, StoreError> {
        let r = Reader::new("unique row", item);
        Ok(UniqueCard { strip: r.number("b")?, position: r.number("i")?, import: r.text("imp")?.to_owned() })
    }

    pub(crate) fn write(&self, product: &ProductId, hash: &[u8; 16]) -> Item {
        let mut item = crate::keys::text("k", crate::keys::unique(product, hash));
        item.insert("b".into(), number(self.strip));
        item.insert("i".into(), number(self.position));
        item.insert("imp".into(), string(&self.import));
        item
    }
}

/// A document of the `shop` table: a product, a channel, a wrapped data key, a member of staff.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShopItem {
    /// `product`, `channel`, `data_key`.
    pub kind: String,
    /// Its id within the kind.
    pub id: String,
    /// JSON text, read by the kind's owner.
    pub doc: String,
    /// Counts the changes.
    pub version: u32,
}

impl ShopItem {
    pub(crate) fn read(item: &Item) -> Result<ShopItem, StoreError> {
        let r = Reader::new("shop item", item);
        Ok(ShopItem {
            kind: r.text("kind")?.to_owned(),
            id: r.text("id")?.to_owned(),
            doc: r.text("doc")?.to_owned(),
            version: r.number("v")?,
        })
    }

    pub(crate) fn write(&self) -> Item {
        Item::from([
            ("kind".to_owned(), string(&self.kind)),
            ("id".to_owned(), string(&self.id)),
            ("doc".to_owned(), string(&self.doc)),
            ("v".to_owned(), number(self.version)),
        ])
    }
}
