//! Documents of the shop as two versions of it write them in turn: what one does not know it leaves as it found it.

use crate::{App, AppError};
use serde_json::Value;
use store::{Outcome, ShopItem};

/// The new text, with what stood in the old one under names that the new one does not say. Every document says all the names its
/// version knows, so what it does not say is a later version's. Lists are replaced whole.
fn keep_unknown(old: Value, new: &mut Value) {
    if let (Value::Object(old), Value::Object(new)) = (old, new) {
        for (name, value) in old {
            match new.get_mut(&name) {
                Some(known) => keep_unknown(value, known),
                None => drop(new.insert(name, value)),
            }
        }
    }
}

impl App {
    /// Changes a document that was read in version `item.version − 1`, and keeps in it what this version does not know: during a
    /// deployment, or after one was taken back, a later one has written there.
    pub(crate) async fn change_document(&self, item: &ShopItem) -> Result<Outcome<(), ShopItem>, AppError> {
        let mut item = item.clone();
        let stands = self.store.shop_item(&item.kind, &item.id).await?;
        let is_before =
            |stands: &ShopItem| stands.version == item.version || stands.version.saturating_add(1) == item.version;
        if let Some(stands) = stands.filter(is_before)
            && let (Ok(old), Ok(said)) = (serde_json::from_str(&stands.doc), serde_json::from_str::<Value>(&item.doc))
        {
            let mut new = said.clone();
            keep_unknown(old, &mut new);
            // Written anew only when something was kept: the order of names is the writer's own.
            if new != said {
                item.doc = new.to_string();
            }
        }
        Ok(self.store.change_shop_item(&item).await?)
    }
}
