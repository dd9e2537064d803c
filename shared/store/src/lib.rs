//! The only package that knows DynamoDB: keys, items, the catalogue of writes, and reads.
//!
//! Every write is one conditional write on one item, exists once, and is named after the business fact it records. Each
//! asks for the old item when it is refused, and first asks of what it found: "is this already mine?". That question
//! matters because the SDK repeats a write whose answer was lost, and the repetition is refused by our own first write.

mod error;
mod facts;
mod guards;
mod item;
pub mod keys;
mod lists;
mod money_item;
mod order_item;
mod page;
mod reads;
mod tables;
mod whole;
mod write;
pub mod writes;

pub use error::StoreError;
pub use facts::{DayKey, Recorded, RecordedPage};
pub use item::{Head, ShopItem, StripItem, UniqueCard, VaultItem};
pub use lists::{DueItem, Found, OrderPage};
pub use money_item::{Alarm, MoneyRow};
pub use order_item::Details;
pub use page::{PageItems, PageKeys, PageOrder};
pub use tables::{Key, KeyKind, Table, TableShape, Tables, shapes};
pub use whole::{StoredItem, StoredKey, StoredPage};
pub use write::{Outcome, Write};

use aws_sdk_dynamodb::Client;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The shop's tables, reached through the AWS SDK. Tests and the local shop replace the HTTP client beneath it, nothing
/// else, so signing, serialisation, retries and conditions are always the production ones.
#[derive(Clone, Debug)]
pub struct Store {
    db: Client,
    tables: Tables,
    write_units: Arc<AtomicU64>,
}

impl Store {
    /// Wraps a configured client.
    pub fn new(db: Client, tables: Tables) -> Store {
        Store { db, tables, write_units: Arc::default() }
    }

    /// The write units that the tables reported since the last time; a write that was refused reports none, and counts as the
    /// one that it costs at least. Asking for the report costs nothing, and every write asks.
    pub fn take_write_units(&self) -> u64 {
        self.write_units.swap(0, Ordering::Relaxed)
    }

    /// The names of the tables.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }
}
