//! Items: how the domain's types stand in the tables.

use crate::StoreError;
use crate::write::Item;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::Blob;
use domain::order::{Attempt, Order, Settled, State, Why};
use domain::stock::{Entry, SlotRun, Strip};
use domain::{AccountId, Currency, Millis, OrderId, OutTradeNo, ProductId, Txn};
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

    fn has(&self, name: &str) -> bool {
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

    fn maybe<T>(
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
            strip: Strip { no, entries: entries.ok_or_else(|| r.bad("h"))?, width: r.number("w")?, sealed: r.has("z") },
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

fn read_slots(r: &Reader<'_>) -> Result<Vec<SlotRun>, StoreError> {
    let packed = r.bytes("sl")?;
    if packed.len() % 7 != 0 {
        return Err(r.bad("sl"));
    }
    let run = |c: &[u8]| match c {
        [s0, s1, s2, s3, first, len, width] => {
            Some(SlotRun { strip: u32::from_be_bytes([*s0, *s1, *s2, *s3]), first: *first, len: *len, width: *width })
        }
        _ => None,
    };
    packed.chunks(7).map(|c| run(c).ok_or_else(|| r.bad("sl"))).collect()
}

/// Seven bytes a run: strip (4, big-endian), first position, length, width. Fifty scattered cards stay below 360 bytes.
pub(crate) fn write_slots(slots: &[SlotRun]) -> AttributeValue {
    let mut packed = Vec::with_capacity(slots.len() * 7);
    for run in slots {
        packed.extend_from_slice(&run.strip.to_be_bytes());
        packed.extend_from_slice(&[run.first, run.len, run.width]);
    }
    bytes(packed)
}

fn read_attempt(map: &HashMap<String, AttributeValue>) -> Result<Attempt, StoreError> {
    let r = Reader::new("attempt", map);
    Ok(Attempt {
        no: OutTradeNo::parse(r.text("no")?).ok_or_else(|| r.bad("no"))?,
        account: AccountId::parse(r.text("acct")?).ok_or_else(|| r.bad("acct"))?,
        version: r.number("ver")?,
        minor: r.number("minor")?,
        currency: Currency::parse(r.text("cur")?).ok_or_else(|| r.bad("cur"))?,
        content: r.maybe("content", |r, n| r.text(n).map(str::to_owned))?,
    })
}

pub(crate) fn write_attempt(attempt: &Attempt) -> AttributeValue {
    let mut map = HashMap::from([
        ("no".to_owned(), string(attempt.no.to_string())),
        ("acct".to_owned(), string(attempt.account.as_str())),
        ("ver".to_owned(), number(attempt.version)),
        ("minor".to_owned(), number(attempt.minor)),
        ("cur".to_owned(), string(attempt.currency.code())),
    ]);
    if let Some(content) = &attempt.content {
        map.insert("content".into(), string(content));
    }
    AttributeValue::M(map)
}

/// What stands beside an order's own fields in its item: how it is found again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Details {
    /// The buyer's contact as typed; in the details item when it is longer than
    /// [`domain::limits::CONTACT_INLINE_MAX`].
    pub contact: String,
    /// A keyed hash of the contact, for the buyer's look-up and the open-order limit.
    pub contact_hash: [u8; 16],
    /// A peppered hash of the look-up password, bound to the order.
    pub password_hash: [u8; 16],
    /// The seller's own fields as JSON text; empty when there are none.
    pub fields: String,
}

impl Details {
    /// Whether a details item must be written before the order.
    pub fn is_bulky(&self) -> bool {
        !self.fields.is_empty() || self.contact.len() > domain::limits::CONTACT_INLINE_MAX
    }
}

pub(crate) fn read_order(item: &Item) -> Result<Order, StoreError> {
    let r = Reader::new("order", item);
    let state = State::parse(r.text("st")?).ok_or_else(|| r.bad("st"))?;
    let id = OrderId(r.array("o")?);
    let why = r.maybe("why", |r, n| Why::parse(r.text(n)?).ok_or_else(|| r.bad(n)))?;
    if state == State::Void {
        let product = ProductId::parse(r.text("pid")?).ok_or_else(|| r.bad("pid"))?;
        return Ok(void_order(id, product, why, r.number("t_new")?));
    }
    let map = r.map("att")?;
    let mut attempts = Vec::with_capacity(map.len());
    for n in 1..=map.len() {
        let entry = map.get(&n.to_string()).and_then(|v| v.as_m().ok()).ok_or_else(|| r.bad("att"))?;
        attempts.push(read_attempt(entry)?);
    }
    let settled = match r.maybe("txn", Reader::bytes)? {
        None => None,
        Some(txn) => Some(Settled { txn: Txn::from_stored(txn.to_vec()), attempt: r.number("att_paid")? }),
    };
    Ok(Order {
        id,
        state,
        generation: r.number("g")?,
        product: ProductId::parse(r.text("pid")?).ok_or_else(|| r.bad("pid"))?,
        quantity: r.number("q")?,
        slots: read_slots(&r)?,
        expires_at: r.number("exp")?,
        attempts,
        settled,
        fingerprint: r.array("fp")?,
        to_review: r.has("rv"),
        why,
        token_epoch: r.number("te")?,
        created_at: r.number("t_new")?,
        paid_at: r.maybe("t_paid", Reader::number)?,
        delivered_at: r.maybe("t_dlv", Reader::number)?,
    })
}

/// A tombstone carries nothing but its id, its product, its reason and its time.
pub(crate) fn void_order(id: OrderId, product: ProductId, why: Option<Why>, at: Millis) -> Order {
    Order {
        id,
        state: State::Void,
        generation: 0,
        product,
        quantity: 0,
        slots: Vec::new(),
        expires_at: at,
        attempts: Vec::new(),
        settled: None,
        fingerprint: [0; 16],
        to_review: false,
        why,
        token_epoch: 0,
        created_at: at,
        paid_at: None,
        delivered_at: None,
    }
}

pub(crate) fn write_order(order: &Order, details: &Details) -> Item {
    let mut item = crate::keys::binary("o", order.id.0.to_vec());
    let attempts = (1..).zip(&order.attempts).map(|(n, a): (u8, _)| (n.to_string(), write_attempt(a))).collect();
    let fields = [
        ("st", string(order.state.as_str())),
        ("g", number(order.generation)),
        ("pid", string(order.product.as_str())),
        ("q", number(order.quantity)),
        ("sl", write_slots(&order.slots)),
        ("exp", number(order.expires_at)),
        ("att", AttributeValue::M(attempts)),
        ("fp", bytes(order.fingerprint)),
        ("ch", bytes(details.contact_hash)),
        ("qp", bytes(details.password_hash)),
        ("te", number(order.token_epoch)),
        ("t_new", number(order.created_at)),
        ("day", string(crate::keys::day(order.created_at, &order.id))),
    ];
    item.extend(fields.map(|(k, v)| (k.to_owned(), v)));
    if details.contact.len() <= domain::limits::CONTACT_INLINE_MAX {
        item.insert("ct".into(), string(&details.contact));
    }
    if order.to_review {
        item.insert("rv".into(), number(1));
    }
    item
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

/// Money that arrived and settled no order: a row a person sees. It never expires.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MoneyRow {
    /// The movement.
    pub txn: Txn,
    /// Why it settled nothing: a word of [`domain::order::MoneyReason`].
    pub reason: String,
    /// The account it arrived on.
    pub account: AccountId,
    /// The number it named, as the provider wrote it.
    pub out_trade_no: String,
    /// The order that number leads to, if it is one of ours.
    pub order: Option<OrderId>,
    /// How much, in minor units.
    pub minor: i64,
    /// In which currency.
    pub currency: Currency,
    /// `open`, then `refunding`, then `refunded` or `kept`.
    pub state: String,
    /// When it was first seen, Unix ms.
    pub seen_at: Millis,
}

impl MoneyRow {
    pub(crate) fn write(&self) -> Item {
        let mut item = crate::keys::binary("o", crate::keys::money_row(&self.txn));
        let fields = [
            ("txn", bytes(self.txn.as_bytes())),
            ("why", string(&self.reason)),
            ("acct", string(self.account.as_str())),
            ("no", string(&self.out_trade_no)),
            ("minor", number(self.minor)),
            ("cur", string(self.currency.code())),
            ("st", string(&self.state)),
            ("t_new", number(self.seen_at)),
            ("due", string(crate::keys::due("money", self.txn.as_bytes()))),
            ("due_at", number(self.seen_at)),
        ];
        item.extend(fields.map(|(k, v)| (k.to_owned(), v)));
        if let Some(order) = self.order {
            item.insert("ord".into(), bytes(order.0));
        }
        item
    }
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
