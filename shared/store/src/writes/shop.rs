//! Settings: products, channels, wrapped data keys, staff. Documents with a version each.

use crate::item::{ShopItem, number, string};
use crate::write::{Item, Outcome, Raw, Write};
use crate::{Store, StoreError, Table};
use domain::Millis;

fn shop_key(item: &ShopItem) -> Item {
    Item::from([("kind".to_owned(), string(&item.kind)), ("id".to_owned(), string(&item.id))])
}

fn create(item: &ShopItem) -> Write {
    Write::put("P1 create", Table::Shop, item.write(), "attribute_not_exists(#id)")
}

fn change(item: &ShopItem) -> Write {
    Write::update("P2 change", Table::Shop, shop_key(item), "SET #doc = :doc, #v = :next", "#v = :seen")
        .value(":doc", string(&item.doc))
        .value(":next", number(item.version))
        .value(":seen", number(item.version.saturating_sub(1)))
}

fn count_try(key: &str, by: i64, until: Millis) -> Write {
    let key = crate::keys::text("k", key.to_owned());
    Write::update("T1 count try", Table::Limits, key, "ADD #n :by SET #ttl = if_not_exists(#ttl, :until)", "")
        .value(":by", number(by))
        // Whole seconds, rounded up: DynamoDB's time to live knows no less.
        .value(":until", number(until.div_euclid(1_000) + 1))
}

pub(super) fn examples() -> Vec<Write> {
    let item = ShopItem { kind: "product".into(), id: "p".into(), doc: "{}".into(), version: 2 };
    vec![create(&item), change(&item), count_try("login#address#0", 1, 0)]
}

impl Store {
    /// P1. Creates a document.
    ///
    /// * Invariant: none; an id is taken once.
    /// * Condition: no document with this id.
    /// * If refused: the document found; the very same one is `AlreadyApplied`.
    /// * Twice: the second finds its own document.
    pub async fn create_shop_item(&self, item: &ShopItem) -> Result<Outcome<(), ShopItem>, StoreError> {
        answer(self.send(create(item)).await?, item)
    }

    /// P2. Changes a document whose version was read; `item.version` is the one after it.
    ///
    /// * Invariant: none; nobody overwrites what they have not seen.
    /// * Condition: the version is still the one that was read.
    /// * If refused: the document found; the very same one is `AlreadyApplied`.
    /// * Twice: the second finds its own document.
    pub async fn change_shop_item(&self, item: &ShopItem) -> Result<Outcome<(), ShopItem>, StoreError> {
        answer(self.send(change(item)).await?, item)
    }
}

impl Store {
    /// T1. Counts a try in a window of time, or takes one back (`by` is 1 or −1), and answers how many there are.
    ///
    /// * Invariant: none; a courtesy that slows guessing down, never truth.
    /// * Condition: none.
    /// * If refused: it is not.
    /// * Twice: counted twice, which errs on the safe side.
    pub async fn count_try(&self, key: &str, by: i64, until: Millis) -> Result<i64, StoreError> {
        match self.send(count_try(key, by, until)).await? {
            Raw::Applied(item) => crate::item::Reader::new("counter", &item).number("n"),
            Raw::Refused(_) => Err(StoreError::corrupt("counter", "refused without a condition")),
        }
    }
}

fn answer(raw: Raw, item: &ShopItem) -> Result<Outcome<(), ShopItem>, StoreError> {
    match raw {
        Raw::Applied(_) => Ok(Outcome::Applied(())),
        Raw::Refused(None) => Err(StoreError::corrupt("shop item", "no such document")),
        Raw::Refused(Some(found)) => {
            let found = ShopItem::read(&found)?;
            Ok(if found == *item { Outcome::AlreadyApplied(()) } else { Outcome::Refused(found) })
        }
    }
}
