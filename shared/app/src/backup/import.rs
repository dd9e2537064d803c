//! In: a file that was read to its end, written into tables that nobody used.
//!
//! The door is closed before anything else is written and opened after everything is, so nothing is sold out of half a shop.
//! Every write brings an item back that is not there; an import that was cut off is simply run again.

use super::export::TABLES;
use super::records::{Contents, Counts, DATA_KEYS, KeysRecord, Manifest, Record, RecordReader, Source};
use super::{BackupError, export};
use crate::keys::{Secret32, equal, unhex};
use crate::restore::{self, DoorDoc};
use crate::seal::{self, KeyDoc};
use crate::{App, AppError};
use domain::{Millis, ProductId};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read;
use store::{Outcome, ShopItem, StoredItem, Table};

/// The document that says whether the shop is closed.
pub(super) const DOOR: (&str, &str) = (restore::KIND, restore::ID);

/// The document that says which file the shop came from, and whether all of it.
pub(super) const RECORD: (&str, &str) = ("import", "file");

/// Documents that are made anew from others, and that an unused deployment's own timer may have written already.
const DERIVED: [&str; 2] = ["audit", "showcase"];

/// Items that are read ahead, and bytes of their records after which no further one is: an item may have 400 KiB.
const AHEAD: usize = 128;
const AHEAD_BYTES: usize = 2 * 1_024 * 1_024;

/// Writes side by side.
const WRITES_AT_ONCE: usize = 16;

/// What a record brings back, as an import understands it.
pub(super) enum Part {
    /// A product's data keys in the clear.
    Keys { product: ProductId, version: u32, current: String, keys: BTreeMap<String, [u8; 32]> },
    /// An item and its table.
    Item(Table, StoredItem),
}

impl Part {
    /// Reads what stands between a file's first records and its last; the error names what does not read.
    pub(super) fn read(record: Record) -> Result<Part, BackupError> {
        match record {
            Record::DataKeys(KeysRecord { product, version, current, keys }) => {
                let bad = || BackupError::Content("data keys");
                let product = ProductId::parse(&product).ok_or_else(bad)?;
                let clear = |(kid, key): (String, String)| Some((kid, unhex(&key)?.try_into().ok()?));
                let keys = keys.into_iter().map(clear).collect::<Option<_>>().ok_or_else(bad)?;
                Ok(Part::Keys { product, version, current, keys })
            }
            Record::Item { table, item } => {
                let table = TABLES.into_iter().find(|known| known.as_str() == table);
                let table = table.ok_or(BackupError::Content("an unknown table"))?;
                let item = StoredItem::from_json(table, &item).ok_or(BackupError::Content("an item"))?;
                Ok(Part::Item(table, item))
            }
            _ => Err(BackupError::Content("a record out of its place")),
        }
    }
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct RecordDoc {
    /// The file's name, [`Contents::name`].
    file: String,
    /// When the file was made, Unix ms.
    made_at: Millis,
    finished: bool,
}

/// What an import did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Imported {
    /// Items and data keys that were brought back now.
    pub written: u64,
    /// Those that an earlier run of this import had brought back.
    pub there_before: u64,
    /// Orders into which money came between two runs, and derived documents: they stay as they stand.
    pub kept: u64,
    /// The file was imported here before, to its end; nothing was done.
    pub done_before: bool,
    /// Whether the shop is closed until an audit has looked.
    pub closed: bool,
}

/// One write and what became of it.
enum Brought {
    Written,
    ThereBefore,
    Kept,
}

impl App {
    /// Whether an import into this shop was begun and has not come to its end.
    pub async fn import_is_unfinished(&self) -> Result<bool, AppError> {
        Ok(self.import_record().await?.is_some_and(|(doc, _)| !doc.finished))
    }

    async fn import_record(&self) -> Result<Option<(RecordDoc, u32)>, AppError> {
        let Some(item) = self.store.shop_item(RECORD.0, RECORD.1).await? else { return Ok(None) };
        let doc = serde_json::from_str(&item.doc).map_err(|_| AppError::Setting("the note of an import"))?;
        Ok(Some((doc, item.version)))
    }

    /// Brings a file's shop into tables that nobody used. `contents` is what [`super::verify`] answered for the same file, and
    /// `secret` the destination's own.
    pub async fn import<R: Read>(
        &self,
        input: R,
        contents: &Contents,
        secret: &Secret32,
    ) -> Result<Imported, BackupError> {
        let manifest = &contents.manifest;
        if manifest.shop_id != self.config.shop_id {
            let why = format!("the file is shop {:?}, and this is {:?}", manifest.shop_id, self.config.shop_id);
            return Err(BackupError::Refused(why));
        }
        if !equal(&contents.secret.0, &secret.0) {
            let why =
                "the file's shop has another secret, without which no order, link or contact would be found again";
            return Err(BackupError::Refused(why.to_owned()));
        }
        let door = doors(manifest)?;
        if let Some((record, _)) = self.import_record().await? {
            if record.file != contents.name {
                return Err(BackupError::Refused("another file was imported into this shop".to_owned()));
            }
            if record.finished {
                self.open_after_import(&door).await?;
                let closed = self.closed_since().await?.is_some();
                return Ok(Imported { done_before: true, closed, ..Imported::default() });
            }
        } else {
            self.refuse_a_living_shop(&door.first).await?;
        }
        self.put_document(&door.first, "its door was moved").await?;
        self.forget_door();
        let record = self.put_record(contents, false).await?;
        self.put_document(&record, "another import was begun").await?;

        let mut imported = self.bring_all_back(input, contents).await?;
        let record = self.put_record(contents, true).await?;
        match self.store.change_shop_item(&record).await? {
            Outcome::Applied(()) | Outcome::AlreadyApplied(()) => {}
            Outcome::Refused(_) => return Err(AppError::Contended.into()),
        }
        self.open_after_import(&door).await?;
        imported.closed = self.closed_since().await?.is_some();
        Ok(imported)
    }

    async fn put_record(&self, contents: &Contents, finished: bool) -> Result<ShopItem, AppError> {
        let doc = RecordDoc { file: contents.name.clone(), made_at: contents.manifest.made_at, finished };
        document(RECORD, &doc, if finished { 2 } else { 1 })
    }

    /// Nobody's claims, orders, cards or settings may be there: they would be mixed with the file's.
    async fn refuse_a_living_shop(&self, door: &ShopItem) -> Result<(), BackupError> {
        for table in TABLES {
            let mut after = None;
            loop {
                let page = self.store.scan_whole(table, after.as_ref(), 100).await?;
                let is_own = |item: &&StoredItem| {
                    let kind = item.text("kind").unwrap_or_default();
                    let is_door = (kind, item.text("id").unwrap_or_default()) == DOOR;
                    table != Table::Shop || !(DERIVED.contains(&kind) || is_door)
                };
                if let Some(item) = page.items.iter().find(is_own) {
                    return Err(BackupError::Refused(format!(
                        "there is a shop already: {} holds {}; import into an empty one",
                        table.as_str(),
                        item.key_text(table)
                    )));
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        match self.store.shop_item(DOOR.0, DOOR.1).await? {
            Some(found) if found != *door => Err(BackupError::Refused(
                "there is a shop already: its door was moved; import into an empty one".into(),
            )),
            _ => Ok(()),
        }
    }

    /// Puts a document that an earlier run may have put.
    async fn put_document(&self, item: &ShopItem, otherwise: &str) -> Result<(), BackupError> {
        match self.store.create_shop_item(item).await? {
            Outcome::Applied(()) | Outcome::AlreadyApplied(()) => Ok(()),
            Outcome::Refused(_) => Err(BackupError::Refused(format!("this shop is used meanwhile: {otherwise}"))),
        }
    }

    /// Opens the door of a shop that was stopped in order; twice is harmless.
    async fn open_after_import(&self, door: &Doors) -> Result<(), BackupError> {
        if let Some(last) = &door.last
            && self.store.shop_item(DOOR.0, DOOR.1).await?.as_ref() == Some(&door.first)
        {
            // Refused: somebody has closed it meanwhile, and so it stays.
            self.store.change_shop_item(last).await?;
        }
        self.forget_door();
        Ok(())
    }

    /// The second pass over the file: writes what the first pass found whole.
    async fn bring_all_back<R: Read>(&self, input: R, contents: &Contents) -> Result<Imported, BackupError> {
        let mut records = RecordReader::again(input, contents)?;
        records.beginning()?;
        let mut imported = Imported::default();
        let mut counts = Counts::new();
        let mut done = false;
        while !done {
            let mut ahead = Vec::with_capacity(AHEAD);
            let began = records.bytes();
            while ahead.len() < AHEAD && records.bytes() - began < AHEAD_BYTES {
                match records.next()? {
                    Some(record) => ahead.push(Part::read(record)?),
                    None => {
                        done = true;
                        break;
                    }
                }
            }
            let mut writes = futures_util::stream::iter(ahead.iter().map(|part| self.bring_back(part)))
                .buffer_unordered(WRITES_AT_ONCE);
            while let Some(brought) = writes.next().await {
                let (table, brought) = brought?;
                *counts.entry(table).or_default() += 1;
                *match brought {
                    Brought::Written => &mut imported.written,
                    Brought::ThereBefore => &mut imported.there_before,
                    Brought::Kept => &mut imported.kept,
                } += 1;
            }
        }
        if counts != contents.counts {
            return Err(BackupError::Content("other counts than at the first reading"));
        }
        tracing::info!(written = imported.written, there_before = imported.there_before, "imported");
        Ok(imported)
    }

    async fn bring_back(&self, part: &Part) -> Result<(String, Brought), BackupError> {
        match part {
            Part::Keys { product, version, current, keys } => {
                Ok((DATA_KEYS.to_owned(), self.bring_keys_back(product, *version, current, keys).await?))
            }
            Part::Item(table, item) => Ok((table.as_str().to_owned(), self.bring_item_back(*table, item).await?)),
        }
    }

    async fn bring_item_back(&self, table: Table, item: &StoredItem) -> Result<Brought, BackupError> {
        match self.store.bring_back(table, item).await? {
            Outcome::Applied(()) => Ok(Brought::Written),
            Outcome::AlreadyApplied(()) => Ok(Brought::ThereBefore),
            // Money that came in between two runs has moved its order on, and nothing else can have: the door was closed.
            Outcome::Refused(_) if table == Table::Orders => Ok(Brought::Kept),
            Outcome::Refused(_) if table == Table::Shop && DERIVED.contains(&item.text("kind").unwrap_or_default()) => {
                Ok(Brought::Kept)
            }
            Outcome::Refused(_) => Err(BackupError::Refused(format!(
                "something else stands in {} under {}; nothing is written over",
                table.as_str(),
                item.key_text(table)
            ))),
        }
    }

    /// Wraps a product's data keys for this shop's master key.
    async fn bring_keys_back(
        &self,
        product: &ProductId,
        version: u32,
        current: &str,
        keys: &BTreeMap<String, [u8; 32]>,
    ) -> Result<Brought, BackupError> {
        let mut wrapped = BTreeMap::new();
        for (kid, key) in keys {
            wrapped.insert(kid.clone(), self.wrap_data_key(product, kid, key).await?);
        }
        let doc = KeyDoc { current: current.to_owned(), wrapped };
        let item = document((seal::KIND, product.as_str()), &doc, version)?;
        let found = match self.store.create_shop_item(&item).await? {
            Outcome::Applied(()) => return Ok(Brought::Written),
            Outcome::AlreadyApplied(()) => return Ok(Brought::ThereBefore),
            Outcome::Refused(found) => found,
        };
        // Wrapped twice, the same key looks different: what counts is what it opens to.
        let found: KeyDoc = serde_json::from_str(&found.doc).map_err(|_| AppError::Setting("key document"))?;
        let mut same = found.current == current && found.wrapped.len() == keys.len();
        for (kid, key) in keys {
            same = same
                && match found.wrapped.get(kid) {
                    Some(wrapped) => equal(&self.open_any_data_key(product, kid, wrapped).await?, key),
                    None => false,
                };
        }
        if same {
            return Ok(Brought::ThereBefore);
        }
        Err(BackupError::Refused(format!("product {product} has other data keys here; nothing is written over")))
    }
}

fn document(name: (&str, &str), doc: &impl Serialize, version: u32) -> Result<ShopItem, AppError> {
    let doc = serde_json::to_string(doc).map_err(|_| AppError::Setting("a document"))?;
    Ok(ShopItem { kind: name.0.to_owned(), id: name.1.to_owned(), doc, version })
}

/// How the door stands while an import runs, and how at its end.
pub(super) struct Doors {
    first: ShopItem,
    /// `None` when it stays as it is at first.
    last: Option<ShopItem>,
}

/// Derived from the file alone, so that every run of its import writes the same.
pub(super) fn doors(manifest: &Manifest) -> Result<Doors, AppError> {
    let item =
        |doc: &str, version| ShopItem { kind: DOOR.0.to_owned(), id: DOOR.1.to_owned(), doc: doc.to_owned(), version };
    let written = |closed| document(DOOR, &DoorDoc { closed, since: manifest.made_at }, 1);
    let stood = match &manifest.door {
        Some((doc, version)) => {
            let stood = item(doc, *version);
            export::read_door(&stood)?;
            Some(stood)
        }
        None => None,
    };
    let version = stood.as_ref().map_or(0, |door| door.version);
    Ok(match (manifest.source, stood) {
        (Source::Closed, Some(stood)) => Doors { first: stood, last: None },
        (Source::Closed, None) | (Source::Open, _) => {
            Doors { first: ShopItem { version: version.saturating_add(1), ..written(true)? }, last: None }
        }
        (Source::Stopped, stood) => {
            let last = match stood {
                Some(stood) => stood,
                None => written(false)?,
            };
            let last = ShopItem { version: version.max(2), ..last };
            let first = ShopItem { version: last.version.saturating_sub(1), ..written(true)? };
            Doors { first, last: Some(last) }
        }
    })
}
