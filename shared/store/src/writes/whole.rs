//! Items that come back whole from an export.

use crate::whole::{StoredItem, key_names};
use crate::write::{Outcome, Raw, Write};
use crate::{Store, StoreError, Table};
use domain::guards::holds;

fn bring_back(table: Table, item: &StoredItem) -> Write {
    let (hash, _) = key_names(table);
    Write::put("B1 bring back", table, item.0.clone(), "attribute_not_exists(#hash)").alias("hash", hash)
}

pub(super) fn examples() -> Vec<Write> {
    let item = crate::keys::binary("o", vec![1; 15]);
    vec![bring_back(Table::Orders, &StoredItem(item))]
}

impl Store {
    /// B1. Brings an item of an export back as it stood, into a shop whose door is closed.
    ///
    /// * Invariant: 1, 2, 4. What stands is never written over: neither a claim, nor an order, nor money, nor a setting.
    /// * Condition: no item with this key.
    /// * If refused: the item found; one that holds the very same is `AlreadyApplied`.
    /// * Twice: the second finds its own item.
    pub async fn bring_back(&self, table: Table, item: &StoredItem) -> Result<Outcome<(), StoredItem>, StoreError> {
        Ok(match self.send(bring_back(table, item)).await? {
            Raw::Applied(_) => Outcome::Applied(()),
            Raw::Refused(None) => return Err(StoreError::corrupt("item", "refused without an item")),
            Raw::Refused(Some(found)) => {
                let found = StoredItem(found);
                if holds("B1 bring back: found the very same", found == *item) {
                    Outcome::AlreadyApplied(())
                } else {
                    Outcome::Refused(found)
                }
            }
        })
    }
}
