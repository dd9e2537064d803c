//! The audit trail: what people did with money, orders and cards. An entry is written before the deed, so that a deed without
//! an entry cannot happen; one without its deed can, and says "wanted".

use crate::clock::civil;
use crate::{App, AppError};
use domain::Millis;
use serde::{Deserialize, Serialize};
use store::ShopItem;

/// One deed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// When, Unix ms.
    pub at: Millis,
    /// Who.
    pub who: String,
    /// What, as a word such as `refund_by_hand`.
    pub what: String,
    /// To which order, row or product.
    pub subject: String,
    /// How much, in minor units, where money is concerned.
    pub minor: Option<i64>,
    /// The person's own reference or reason.
    pub reference: String,
}

/// One list a month, so that none grows without end.
fn kind(at: Millis) -> String {
    let (year, month, _) = civil(at.div_euclid(86_400_000));
    format!("trail#{year:04}-{month:02}")
}

impl App {
    /// Writes a deed down.
    pub async fn note_deed(
        &self,
        who: &str,
        what: &str,
        subject: &str,
        minor: Option<i64>,
        reference: &str,
    ) -> Result<(), AppError> {
        let at = self.clock.now();
        let entry = Entry {
            at,
            who: who.to_owned(),
            what: what.to_owned(),
            subject: subject.to_owned(),
            minor,
            reference: reference.to_owned(),
        };
        let doc = serde_json::to_string(&entry).map_err(|_| AppError::Setting("trail entry"))?;
        let item = ShopItem { kind: kind(at), id: self.ids.uuid(at).to_string(), doc, version: 1 };
        self.store.create_shop_item(&item).await?;
        tracing::info!(who, what, subject, "a deed");
        Ok(())
    }

    /// The deeds of the month that holds `at`, the oldest first.
    pub async fn deeds(&self, at: Millis) -> Result<Vec<Entry>, AppError> {
        let items = self.store.shop_items(&kind(at)).await?;
        items.iter().map(|i| serde_json::from_str(&i.doc).map_err(|_| AppError::Setting("trail entry"))).collect()
    }
}
