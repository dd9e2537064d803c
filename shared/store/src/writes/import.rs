//! Cards coming in: a range of strip numbers, the uniqueness rows, the ciphertexts, the strip, and last its going on sale.

use crate::item::{Head, StripItem, UniqueCard, VaultItem, number, string};
use crate::write::{Item, Outcome, Raw, Write};
use crate::{Store, StoreError, Table, keys};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::ProductId;
use domain::guards::holds;

fn head_key(product: &ProductId) -> Item {
    keys::text("k", keys::head(product))
}

fn open_head(product: &ProductId) -> Write {
    Write::put("P0 open head", Table::Strips, Head::empty(product), "attribute_not_exists(#k)")
}

fn reserve(product: &ProductId, import: &str, strips: u32) -> Write {
    Write::update(
        "A0 reserve",
        Table::Strips,
        head_key(product),
        "SET #ri.#imp = #nr, #rk.#imp = :k, #nr = #nr + :k",
        "attribute_exists(#k) AND attribute_not_exists(#ri.#imp)",
    )
    .alias("imp", import)
    .value(":k", number(strips))
}

fn put_unique(product: &ProductId, hash: &[u8; 16], at: &UniqueCard) -> Write {
    Write::put("A1u claim uniqueness", Table::Vault, at.write(product, hash), "attribute_not_exists(#k)")
}

fn take_unique(product: &ProductId, hash: &[u8; 16], found: &UniqueCard, at: &UniqueCard) -> Write {
    Write::update(
        "A1u take uniqueness over",
        Table::Vault,
        keys::text("k", keys::unique(product, hash)),
        "SET #b = :b, #i = :i, #imp = :imp",
        "#b = :old_b AND #i = :old_i AND #imp = :old_imp",
    )
    .value(":b", number(at.strip))
    .value(":i", number(at.position))
    .value(":imp", string(&at.import))
    .value(":old_b", number(found.strip))
    .value(":old_i", number(found.position))
    .value(":old_imp", string(&found.import))
}

fn put_vault(product: &ProductId, item: &VaultItem) -> Write {
    Write::put("A1 put vault item", Table::Vault, item.write(product), "attribute_not_exists(#k)")
}

fn put_strip(product: &ProductId, item: &StripItem) -> Write {
    Write::put("A1 put strip", Table::Strips, item.write(product), "attribute_not_exists(#k)")
}

fn put_on_sale(product: &ProductId, from: u32, end: u32) -> Write {
    Write::update("A1n put on sale", Table::Strips, head_key(product), "SET #n = :end", "#n = :from")
        .value(":end", number(end))
        .value(":from", number(from))
}

fn end_range(product: &ProductId, import: &str, first: u32, end: u32) -> Write {
    let condition = "#n >= :end AND #ri.#imp = :first";
    Write::update("A0e end range", Table::Strips, head_key(product), "REMOVE #ri.#imp, #rk.#imp", condition)
        .alias("imp", import)
        .value(":first", number(first))
        .value(":end", number(end))
}

pub(super) fn examples() -> Vec<Write> {
    let Some(product) = ProductId::parse("p") else { return Vec::new() };
    let at = UniqueCard { strip: 7, position: 3, import: "i".into() };
    let vault = VaultItem {
        strip: 7,
        part: 0,
        first: 0,
        sealed: vec![vec![0]],
        hashes: vec![[0; 16]],
        kid: "k".into(),
        import: "i".into(),
    };
    let strip = domain::stock::Strip { no: 7, entries: vec![], width: 48, sealed: false, done: 0 };
    vec![
        open_head(&product),
        reserve(&product, "i", 3),
        put_unique(&product, &[0; 16], &at),
        take_unique(&product, &[0; 16], &at, &at),
        put_vault(&product, &vault),
        put_strip(&product, &StripItem { strip, import: "i".into(), vault_hash: [0; 32] }),
        put_on_sale(&product, 7, 9),
        end_range(&product, "i", 5, 8),
    ]
}

impl Store {
    /// P0. Opens a product's head, from which its strips are counted.
    ///
    /// * Invariant: 2. A product has one head, and its id is never used again.
    /// * Condition: no head yet.
    /// * If refused: opened before (`AlreadyApplied`).
    /// * Twice: the second finds the head.
    pub async fn open_head(&self, product: &ProductId) -> Result<Outcome<(), ()>, StoreError> {
        Ok(match self.send(open_head(product)).await? {
            Raw::Applied(_) => Outcome::Applied(()),
            Raw::Refused(_) => Outcome::AlreadyApplied(()),
        })
    }

    /// A0. Gives an import a range of strip numbers: `(first, how many)`.
    ///
    /// * Invariant: 2. Two imports never fill the same strip.
    /// * Condition: the product exists and this import has no range yet.
    /// * If refused: the range it was given before (`AlreadyApplied`), or no such product.
    /// * Twice: the second finds its range.
    pub async fn reserve(
        &self,
        product: &ProductId,
        import: &str,
        strips: u32,
    ) -> Result<Outcome<(u32, u32), ()>, StoreError> {
        let range = |item: &Item| -> Result<Option<(u32, u32)>, StoreError> {
            Ok(Head::read(item)?.ranges.get(import).copied())
        };
        match self.send(reserve(product, import, strips)).await? {
            Raw::Applied(item) => {
                range(&item)?.map(Outcome::Applied).ok_or_else(|| StoreError::corrupt("head", "range not kept"))
            }
            Raw::Refused(None) => Ok(Outcome::Refused(())),
            Raw::Refused(Some(item)) => Ok(range(&item)?.map_or(Outcome::Refused(()), Outcome::AlreadyApplied)),
        }
    }

    /// A1u. Claims a card's uniqueness within its product for one slot.
    ///
    /// * Invariant: 1. The same key is never sold from two slots.
    /// * Condition: no row with this keyed hash.
    /// * If refused: the row found; the very same row is `AlreadyApplied`.
    /// * Twice: the second finds its own row.
    pub async fn claim_unique(
        &self,
        product: &ProductId,
        hash: &[u8; 16],
        at: &UniqueCard,
    ) -> Result<Outcome<(), UniqueCard>, StoreError> {
        match self.send(put_unique(product, hash, at)).await? {
            Raw::Applied(_) => Ok(Outcome::Applied(())),
            Raw::Refused(found) => same_row(found, at),
        }
    }

    /// A1u. Points a row elsewhere: one whose strip exists and holds another card at its place, or an import's own, whose card
    /// moves within a strip that does not exist yet.
    ///
    /// * Invariant: 1. The strip is the truth; the row only points to it.
    /// * Condition: the row still says what was read.
    /// * If refused: the row found; the very same row is `AlreadyApplied`.
    /// * Twice: the second finds its own row.
    pub async fn take_unique(
        &self,
        product: &ProductId,
        hash: &[u8; 16],
        found: &UniqueCard,
        at: &UniqueCard,
    ) -> Result<Outcome<(), UniqueCard>, StoreError> {
        match self.send(take_unique(product, hash, found, at)).await? {
            Raw::Applied(_) => Ok(Outcome::Applied(())),
            Raw::Refused(found) => same_row(found, at),
        }
    }

    /// A1. Puts the ciphertexts of neighbouring cards, before their strip.
    ///
    /// * Invariant: 9, 1. Written once: what stands there counts, because a strip may be computed from it already.
    /// * Condition: not there yet.
    /// * If refused: the item found; with this import's name it is `AlreadyApplied`, and its contents count, not ours.
    /// * Twice: the second finds the first (with other nonces), and uses it.
    pub async fn put_vault(
        &self,
        product: &ProductId,
        item: &VaultItem,
    ) -> Result<Outcome<VaultItem, VaultItem>, StoreError> {
        match self.send(put_vault(product, item)).await? {
            Raw::Applied(_) => Ok(Outcome::Applied(item.clone())),
            Raw::Refused(None) => Err(StoreError::corrupt("vault item", "refused without an item")),
            Raw::Refused(Some(found)) => {
                let found = VaultItem::read(item.strip, item.part, &found)?;
                let mine = holds("A1 put vault item: found with this import", found.import == item.import);
                Ok(if mine { Outcome::AlreadyApplied(found) } else { Outcome::Refused(found) })
            }
        }
    }

    /// A1. Puts the strip, after its ciphertexts.
    ///
    /// * Invariant: 2. From here on every card of it is one register.
    /// * Condition: not there yet.
    /// * If refused: the strip found; with this import's name it is `AlreadyApplied`.
    /// * Twice: the second finds the first.
    pub async fn put_strip(
        &self,
        product: &ProductId,
        item: &StripItem,
    ) -> Result<Outcome<StripItem, StripItem>, StoreError> {
        match self.send(put_strip(product, item)).await? {
            Raw::Applied(_) => Ok(Outcome::Applied(item.clone())),
            Raw::Refused(None) => Err(StoreError::corrupt("strip", "refused without an item")),
            Raw::Refused(Some(found)) => {
                let found = StripItem::read(item.strip.no, &found)?;
                let mine = holds("A1 put strip: found with this import", found.import == item.import);
                Ok(if mine { Outcome::AlreadyApplied(found) } else { Outcome::Refused(found) })
            }
        }
    }

    /// A1n. Puts the next strips on sale, from `from` up to before `end`, whoever imported them. The caller has seen that each
    /// of them exists, which never changes again.
    ///
    /// * Invariant: 2. Strips go on sale in order and without a gap.
    /// * Condition: exactly `from` is the next.
    /// * If refused: how many strips are on sale; `end` or more is `AlreadyApplied`.
    /// * Twice: the second finds the strips on sale.
    pub async fn put_on_sale(&self, product: &ProductId, from: u32, end: u32) -> Result<Outcome<u32, u32>, StoreError> {
        match self.send(put_on_sale(product, from, end)).await? {
            Raw::Applied(item) => Ok(Outcome::Applied(Head::read(&item)?.on_sale)),
            Raw::Refused(None) => Ok(Outcome::Refused(0)),
            Raw::Refused(Some(item)) => {
                let on_sale = Head::read(&item)?.on_sale;
                Ok(if holds("A1n put on sale: found on sale", on_sale >= end) {
                    Outcome::AlreadyApplied(on_sale)
                } else {
                    Outcome::Refused(on_sale)
                })
            }
        }
    }

    /// A0e. Forgets a range whose strips are all on sale.
    ///
    /// * Invariant: none; the head stays small.
    /// * Condition: everything below `end` is on sale, and the range is still the one that begins at `first`.
    /// * If refused: an earlier import is still filling its strips, or the range was ended; whoever puts strips on sale next
    ///   ends what is left.
    /// * Twice: removing what is gone changes nothing.
    pub async fn end_range(
        &self,
        product: &ProductId,
        import: &str,
        first: u32,
        end: u32,
    ) -> Result<Outcome<(), ()>, StoreError> {
        Ok(match self.send(end_range(product, import, first, end)).await? {
            Raw::Applied(_) => Outcome::Applied(()),
            Raw::Refused(_) => Outcome::Refused(()),
        })
    }
}

fn same_row(
    found: Option<std::collections::HashMap<String, AttributeValue>>,
    at: &UniqueCard,
) -> Result<Outcome<(), UniqueCard>, StoreError> {
    let found = found.ok_or_else(|| StoreError::corrupt("unique row", "refused without an item"))?;
    let found = UniqueCard::read(&found)?;
    Ok(if holds("A1u: found with this place", found == *at) {
        Outcome::AlreadyApplied(())
    } else {
        Outcome::Refused(found)
    })
}
