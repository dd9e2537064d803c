//! Out: the tables page by page into the file.

use super::chunks::{ChunkWriter, Passphrase};
use super::import::{DOOR, RECORD};
use super::records::{Counts, KeysRecord, Manifest, Record, RecordWriter, Source};
use super::{BackupError, VERSION};
use crate::keys::{Secret32, hex};
use crate::restore::DoorDoc;
use crate::seal::{self, KeyDoc};
use crate::{App, AppError};
use domain::ProductId;
use std::collections::BTreeMap;
use std::io::Write;
use store::{ShopItem, StoredItem, Table};

/// Items of one page: what is in memory at a time.
const PAGE: i32 = 250;

/// The tables that are exported, in the order in which they are read. A claim is written before its order, so strips are read
/// before orders: an order made meanwhile may then miss its claim, which the audit after a restore puts back, and a claim made
/// meanwhile never misses its order. The keys of the cards come last: a product whose first cards came in meanwhile has its key in
/// the file by then.
pub(super) const TABLES: [Table; 4] = [Table::Strips, Table::Vault, Table::Orders, Table::Shop];

/// What an export needs to know beside the tables.
#[derive(Clone, Debug)]
pub struct ExportWish<'a> {
    /// What seals the file.
    pub passphrase: &'a Passphrase,
    /// The shop's secret, which the tables do not hold.
    pub secret: &'a Secret32,
    /// Whether nothing else has the tables in hand: no function, no timer, no buyer.
    pub is_stopped: bool,
    /// What this place wants to find again after an import, by name.
    pub beside: BTreeMap<String, String>,
}

impl App {
    /// Writes everything the shop is into a file, and answers what was counted. Memory stays that of a page.
    pub async fn export<W: Write>(&self, out: W, wish: &ExportWish<'_>) -> Result<(W, Counts), BackupError> {
        if self.import_is_unfinished().await? {
            let why = "an import into this shop was cut off; run it again, and export then";
            return Err(BackupError::Refused(why.to_owned()));
        }
        let door = self.store.shop_item(DOOR.0, DOOR.1).await?;
        let source = match &door {
            Some(door) if read_door(door)?.closed => Source::Closed,
            _ if wish.is_stopped => Source::Stopped,
            _ => Source::Open,
        };
        let mut out = RecordWriter::new(ChunkWriter::new(out, wish.passphrase, self.ids.bytes())?);
        out.put(&Record::Manifest(Manifest {
            version: VERSION,
            shop_id: self.config.shop_id.clone(),
            made_at: self.clock.now(),
            source,
            door: door.map(|door| (door.doc, door.version)),
        }))?;
        out.put(&Record::Secret(wish.secret.to_hex()))?;
        out.put(&Record::Beside(wish.beside.clone()))?;
        for table in TABLES {
            let mut after = None;
            loop {
                let page = self.store.scan_whole(table, after.as_ref(), PAGE).await?;
                for item in page.items {
                    self.export_item(&mut out, table, &item).await?;
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            tracing::info!(table = table.as_str(), "exported");
        }
        out.finish()
    }

    async fn export_item<W: Write>(
        &self,
        out: &mut RecordWriter<W>,
        table: Table,
        item: &StoredItem,
    ) -> Result<(), BackupError> {
        let name = (item.text("kind").unwrap_or_default(), item.text("id").unwrap_or_default());
        if table == Table::Shop {
            // The door stands in the manifest, the note of an import is about that import alone, and what was sealed stays where the
            // seals are: another place begins its own.
            if name == DOOR || name == RECORD || name == (crate::evidence::KIND, crate::evidence::ID) {
                return Ok(());
            }
            if name.0 == seal::KIND {
                return out.put(&Record::DataKeys(self.clear_keys(item).await?));
            }
        }
        out.put(&Record::Item { table: table.as_str().to_owned(), item: item.to_json() })
    }

    /// A product's data keys, opened.
    async fn clear_keys(&self, item: &StoredItem) -> Result<KeysRecord, BackupError> {
        let bad = || AppError::Setting("key document");
        let product = item.text("id").and_then(ProductId::parse).ok_or_else(bad)?;
        let item = self.store.shop_item(seal::KIND, product.as_str()).await?.ok_or_else(bad)?;
        let doc: KeyDoc = serde_json::from_str(&item.doc).map_err(|_| bad())?;
        let mut keys = BTreeMap::new();
        for (kid, wrapped) in &doc.wrapped {
            let clear = self.open_any_data_key(&product, kid, wrapped).await?;
            keys.insert(kid.clone(), hex(&clear));
        }
        Ok(KeysRecord { product: product.to_string(), version: item.version, current: doc.current, keys })
    }
}

/// The door's document.
pub(super) fn read_door(item: &ShopItem) -> Result<DoorDoc, AppError> {
    serde_json::from_str(&item.doc).map_err(|_| AppError::Setting("the shop's door"))
}
