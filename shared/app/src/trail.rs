//! The audit trail: what people did with money, orders and cards. An entry is written before the deed, so that a deed without
//! an entry cannot happen; one without its deed can.

use crate::clock::civil;
use crate::{App, AppError};
use domain::{Millis, Money};
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering;
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
    /// How much, in minor units and of which currency, where money is concerned.
    pub amount: Option<(i64, String)>,
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
        amount: Option<Money>,
        reference: &str,
    ) -> Result<(), AppError> {
        let at = self.clock.now();
        let entry = Entry {
            at,
            who: who.to_owned(),
            what: what.to_owned(),
            subject: subject.to_owned(),
            amount: amount.map(|money| (money.minor, money.currency.code().to_owned())),
            reference: reference.to_owned(),
        };
        let doc = serde_json::to_string(&entry).map_err(|_| AppError::Setting("trail entry"))?;
        let item = ShopItem { kind: kind(at), id: self.deed_id(at), doc, version: 1 };
        self.store.create_shop_item(&item).await?;
        tracing::info!(who, what, subject, "a deed");
        Ok(())
    }

    /// Deeds of one millisecond keep their order within an instance; a random end keeps two instances apart.
    fn deed_id(&self, at: Millis) -> String {
        let count = self.deeds_written.fetch_add(1, Ordering::Relaxed);
        format!("{at:015}-{count:010}-{}", crate::keys::hex(&self.ids.bytes::<4>()))
    }

    /// The deeds of a month (`2026-11`), the oldest first. `None` when it is no month.
    pub async fn deeds(&self, month: Option<&str>) -> Result<Option<Vec<Entry>>, AppError> {
        let list = match month {
            None => kind(self.clock.now()),
            Some(month) if is_month(month) => format!("trail#{month}"),
            Some(_) => return Ok(None),
        };
        let items = self.store.shop_items(&list).await?;
        let deeds: Result<Vec<Entry>, AppError> =
            items.iter().map(|i| serde_json::from_str(&i.doc).map_err(|_| AppError::Setting("trail entry"))).collect();
        deeds.map(Some)
    }
}

fn is_month(text: &str) -> bool {
    let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
    let is_one = |month: &str| digits(month, 2) && ("01"..="12").contains(&month);
    text.split_once('-').is_some_and(|(year, month)| digits(year, 4) && is_one(month))
}
