//! Settings: documents with a version each (products, channels, wrapped data keys, the shop's door, audit reports, the trail). And
//! courtesies with a time to live: counts, turns, open orders, notes; and the counts of stock that pages show.

use crate::item::{ShopItem, bytes, number, string};
use crate::page::{ON_SHELF, SHELF};
use crate::write::{Item, Outcome, Raw, Write};
use crate::{Store, StoreError, Table};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::Blob;
use domain::guards::holds;
use domain::{Millis, OrderId, ProductId};

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

/// A name in the table of courtesies.
fn limits_key(key: &str) -> Item {
    crate::keys::text("k", key.to_owned())
}

fn take_turn(key: &str, by: [u8; 8], now: Millis, until: Millis) -> Write {
    let condition = "attribute_not_exists(#until) OR #until <= :now";
    let update = "SET #until = :until, #by = :by, #ttl = :ttl";
    Write::update("T2 take turn", Table::Limits, limits_key(key), update, condition)
        .value(":until", number(until))
        .value(":by", bytes(by))
        .value(":now", number(now))
        .value(":ttl", number(until.div_euclid(1_000) + 1))
}

fn note_open(key: &str, orders: &[OrderId], until: Millis) -> Write {
    Write::update("T3 note open", Table::Limits, limits_key(key), "ADD #open :orders SET #ttl = :ttl", "")
        .value(":orders", order_set(orders))
        .value(":ttl", number(until.div_euclid(1_000) + 1))
}

fn forget_open(key: &str, orders: &[OrderId]) -> Write {
    Write::update("T4 forget open", Table::Limits, limits_key(key), "DELETE #open :orders", "attribute_exists(#k)")
        .value(":orders", order_set(orders))
}

fn keep_note(key: &str, note: &str, until: Millis) -> Write {
    let update = "SET #note = :note, #ttl = :ttl";
    Write::update("T5 keep note", Table::Limits, limits_key(key), update, "")
        .value(":note", string(note))
        .value(":ttl", number(until.div_euclid(1_000) + 1))
}

fn change_note(key: &str, seen: Option<&str>, note: &str, until: Millis) -> Write {
    let update = "SET #note = :note, #ttl = :ttl";
    let condition = "attribute_not_exists(#note) OR #note = :seen";
    Write::update("T7 change note", Table::Limits, limits_key(key), update, condition)
        // No note that is kept under such a condition is empty.
        .value(":seen", string(seen.unwrap_or_default()))
        .value(":note", string(note))
        .value(":ttl", number(until.div_euclid(1_000) + 1))
}

fn tell_stock(product: &ProductId, free: u64) -> Write {
    Write::update("T6 tell stock", Table::Limits, limits_key(SHELF), "SET #p = :free", "")
        .alias("p", &format!("{ON_SHELF}{product}"))
        .value(":free", number(free))
}

fn order_set(orders: &[OrderId]) -> AttributeValue {
    AttributeValue::Bs(orders.iter().map(|o| Blob::new(o.0.to_vec())).collect())
}

pub(super) fn examples() -> Vec<Write> {
    let item = ShopItem { kind: "product".into(), id: "p".into(), doc: "{}".into(), version: 2 };
    vec![
        create(&item),
        change(&item),
        count_try("login#address#0", 1, 0),
        take_turn("t", [0; 8], 0, 1),
        note_open("o", &[OrderId([1; 15])], 0),
        forget_open("o", &[OrderId([1; 15])]),
        keep_note("n", "{}", 0),
        change_note("n", Some("{}"), "{}", 0),
    ]
    .into_iter()
    .chain(ProductId::parse("p").map(|product| tell_stock(&product, 1)))
    .collect()
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

impl Store {
    /// T2. Takes a turn that lasts until `until`, Unix ms, under a random name of its own; refused while somebody else's lasts.
    ///
    /// * Invariant: none; a courtesy that slows repetition down, never truth.
    /// * Condition: no turn, or one that is over.
    /// * If refused: when the present turn ends; this very turn is `AlreadyApplied`.
    /// * Twice: the second finds its own turn.
    pub async fn take_turn(
        &self,
        key: &str,
        by: [u8; 8],
        now: Millis,
        until: Millis,
    ) -> Result<Outcome<(), Millis>, StoreError> {
        match self.send(take_turn(key, by, now, until)).await? {
            Raw::Applied(_) => Ok(Outcome::Applied(())),
            Raw::Refused(found) => {
                let found = found.ok_or_else(|| StoreError::corrupt("turn", "refused without an item"))?;
                let r = crate::item::Reader::new("turn", &found);
                let mine = holds("T2 take turn: found with this name", r.array("by")? == by);
                Ok(if mine { Outcome::AlreadyApplied(()) } else { Outcome::Refused(r.number("until")?) })
            }
        }
    }

    /// T3. Notes orders as open under a name, until `until`, Unix ms.
    ///
    /// * Invariant: none; a courtesy that keeps one address from holding the whole stock.
    /// * Condition: none.
    /// * If refused: it is not.
    /// * Twice: a set with them stays with them.
    pub async fn note_open(&self, key: &str, orders: &[OrderId], until: Millis) -> Result<(), StoreError> {
        self.send(note_open(key, orders, until)).await.map(drop)
    }

    /// T4. Forgets orders that are open no more.
    ///
    /// * Invariant: none; a courtesy.
    /// * Condition: something is noted under the name.
    /// * If refused: nothing to forget.
    /// * Twice: a set without them stays without them.
    pub async fn forget_open(&self, key: &str, orders: &[OrderId]) -> Result<(), StoreError> {
        self.send(forget_open(key, orders)).await.map(drop)
    }

    /// T5. Keeps a note for the next pass, until `until`, Unix ms.
    ///
    /// * Invariant: none; a pass without its note does a little more work.
    /// * Condition: none.
    /// * If refused: it is not.
    /// * Twice: the same note.
    pub async fn keep_note(&self, key: &str, note: &str, until: Millis) -> Result<(), StoreError> {
        self.send(keep_note(key, note, until)).await.map(drop)
    }
}

impl Store {
    /// T6. Tells the pages how many cards of a product can be held, as counted a moment ago.
    ///
    /// * Invariant: none; what pages show. The strips decide who gets a card.
    /// * Condition: none.
    /// * If refused: it is not.
    /// * Twice: the same count.
    pub async fn tell_stock(&self, product: &ProductId, free: u64) -> Result<(), StoreError> {
        self.send(tell_stock(product, free)).await.map(drop)
    }
}

impl Store {
    /// T7. Changes a note that was read as `seen` (`None`: there was none), until `until`, Unix ms.
    ///
    /// * Invariant: none; two who decide by one note never decide apart.
    /// * Condition: the note is still the text that was read, or there is none.
    /// * If refused: the note found; the very same text is `AlreadyApplied`.
    /// * Twice: the second finds its own note.
    pub async fn change_note(
        &self,
        key: &str,
        seen: Option<&str>,
        note: &str,
        until: Millis,
    ) -> Result<Outcome<(), Option<String>>, StoreError> {
        match self.send(change_note(key, seen, note, until)).await? {
            Raw::Applied(_) => Ok(Outcome::Applied(())),
            Raw::Refused(found) => {
                let found = found.as_ref().and_then(crate::lists::note_of);
                let is_mine = found.as_deref() == Some(note);
                Ok(if is_mine { Outcome::AlreadyApplied(()) } else { Outcome::Refused(found) })
            }
        }
    }
}

fn answer(raw: Raw, item: &ShopItem) -> Result<Outcome<(), ShopItem>, StoreError> {
    match raw {
        Raw::Applied(_) => Ok(Outcome::Applied(())),
        Raw::Refused(None) => Err(StoreError::corrupt("shop item", "no such document")),
        Raw::Refused(Some(found)) => {
            let found = ShopItem::read(&found)?;
            Ok(if holds("P1 P2: found as wanted", found == *item) {
                Outcome::AlreadyApplied(())
            } else {
                Outcome::Refused(found)
            })
        }
    }
}
