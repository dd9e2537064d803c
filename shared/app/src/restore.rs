//! Closing the shop. After a restore nothing runs but the taking in of money, until an audit of everything is clean.

use crate::{App, AppError};
use domain::Millis;
use domain::limits::CATALOGUE_AGE_MS;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};
use store::{Outcome, ShopItem};

pub(crate) const KIND: &str = "shop";
pub(crate) const ID: &str = "door";

/// What an instance remembers of the shop's door, for two seconds.
#[derive(Debug, Default)]
pub(crate) struct Door(Mutex<Option<(Millis, bool)>>);

#[derive(Serialize, Deserialize, Clone, Copy, Default)]
pub(crate) struct DoorDoc {
    pub(crate) closed: bool,
    /// When it was last closed or opened, Unix ms.
    pub(crate) since: Millis,
}

/// The door as it stands in the table, and its version; 0 before it was ever moved.
pub(crate) async fn door_of(store: &store::Store) -> Result<(DoorDoc, u32), AppError> {
    match store.shop_item(KIND, ID).await? {
        None => Ok((DoorDoc::default(), 0)),
        Some(item) => {
            let doc = serde_json::from_str(&item.doc).map_err(|_| AppError::Setting("the shop's door"))?;
            Ok((doc, item.version))
        }
    }
}

impl App {
    /// Whether the shop is closed, from memory no older than two seconds.
    pub async fn is_closed(&self) -> Result<bool, AppError> {
        let now = self.clock.now();
        let known = *self.door.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, closed)) = known
            && (0..CATALOGUE_AGE_MS).contains(&(now - at))
        {
            return Ok(closed);
        }
        let (doc, _) = self.read_door().await?;
        self.remember_door(&doc);
        Ok(doc.closed)
    }

    /// Remembers what was read of the door just now.
    pub(crate) fn remember_door(&self, doc: &DoorDoc) {
        *self.door.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.clock.now(), doc.closed));
    }

    /// Since when the shop is closed, Unix ms, as it stands in the table; `None` while it is open.
    pub async fn closed_since(&self) -> Result<Option<Millis>, AppError> {
        let (doc, _) = self.read_door().await?;
        Ok(doc.closed.then_some(doc.since))
    }

    async fn read_door(&self) -> Result<(DoorDoc, u32), AppError> {
        door_of(&self.store).await
    }

    /// Closes the shop because its tables were restored. Money is taken in as before and waits.
    pub async fn close_shop(&self) -> Result<(), AppError> {
        // Closed once more, because tables were put back once more: whatever was looked at before counts no longer.
        let (_, version) = self.read_door().await?;
        if self.write_door(true, version).await? { Ok(()) } else { Err(AppError::Contended) }
    }

    /// Opens the shop that was closed at `since`, Unix ms. The caller has seen a clean audit of everything since then. `false`
    /// when it was closed once more, or opened, meanwhile, and while an import has not come to its end.
    pub async fn open_shop(&self, since: Millis) -> Result<bool, AppError> {
        let (doc, version) = self.read_door().await?;
        if !doc.closed || doc.since != since || self.import_is_unfinished().await? {
            return Ok(false);
        }
        self.write_door(false, version).await
    }

    /// `false` when the door was moved since that version was read.
    async fn write_door(&self, closed: bool, version: u32) -> Result<bool, AppError> {
        let doc = DoorDoc { closed, since: self.clock.now() };
        let doc = serde_json::to_string(&doc).map_err(|_| AppError::Setting("the shop's door"))?;
        let item = ShopItem { kind: KIND.into(), id: ID.into(), doc, version: version + 1 };
        let written = match version {
            0 => self.store.create_shop_item(&item).await?,
            _ => self.change_document(&item).await?,
        };
        self.forget_door();
        Ok(!matches!(written, Outcome::Refused(_)))
    }

    /// The next question about the door is asked of the table.
    pub(crate) fn forget_door(&self) {
        *self.door.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
