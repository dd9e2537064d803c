//! Strips when nobody buys: what is finished is marked, what the seller takes out is removed, what a restore lost is put back.

use crate::item::{Head, StripItem, bytes, number};
use crate::write::{Outcome, Raw, Write};
use crate::writes::claim::{head_key, strip_key};
use crate::{Store, StoreError, Table};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::guards::{holds, planted};
use domain::limits::STRIP_CARDS;
use domain::stock::{Entry, Strip};
use domain::{Claim, OrderId, ProductId};

fn mark_done(product: &ProductId, strip: u32, done: u64, seen: u64) -> Write {
    let condition = "(attribute_not_exists(#d) OR #d = :seen) AND attribute_not_exists(#z)";
    Write::update("M1 mark done", Table::Strips, strip_key(product, strip), "SET #d = :d", condition)
        .value(":d", number(done))
        .value(":seen", number(seen))
}

fn seal(product: &ProductId, strip: u32) -> Write {
    let condition = "size(#h) = :all AND NOT contains(#h, :free) AND attribute_not_exists(#z)";
    Write::update("Z seal", Table::Strips, strip_key(product, strip), "SET #z = :one, #d = :d", condition)
        .value(":all", number(STRIP_CARDS))
        .value(":free", bytes(Entry::Free.to_bytes()))
        .value(":d", number((1u64 << STRIP_CARDS) - 1))
        .value(":one", number(1))
}

fn raise_low(product: &ProductId, low: u32) -> Write {
    Write::update("Z2 raise low", Table::Strips, head_key(product), "SET #low = :next", "#low = :low AND #c > :low")
        .value(":low", number(low))
        .value(":next", number(u64::from(low) + 1))
}

/// Free entries up to a position past the end, and then the entry itself: a list has no holes.
fn tail(len: u8, position: u8, entry: Entry) -> AttributeValue {
    let gap = usize::from(position.saturating_sub(len));
    let between =
        if planted("A2 X4 at the tail: nobody can have the cards between") { Entry::Removed } else { Entry::Free };
    let mut entries = vec![bytes(between.to_bytes()); gap];
    entries.push(bytes(entry.to_bytes()));
    AttributeValue::L(entries)
}

fn fill_free(write: Write, entry: Entry) -> Write {
    write.value(":to", bytes(entry.to_bytes())).value(":free", bytes(Entry::Free.to_bytes()))
}

fn fill_tail(write: Write, strip: &Strip, position: u8, entry: Entry) -> Write {
    write.value(":tail", tail(strip.len(), position, entry)).value(":len", number(strip.len()))
}

const GROW: &str = "SET #h = list_append(#h, :tail)";
const AS_LONG: &str = "size(#h) = :len";

/// Sets a position that is free, and asks that it is.
fn free_at(position: u8) -> (String, String) {
    (format!("SET #h[{position}] = :to"), format!("#h[{position}] = :free"))
}

fn remove_card(product: &ProductId, strip: &Strip, position: u8) -> Write {
    let key = strip_key(product, strip.no);
    if position < strip.len() {
        let (update, condition) = free_at(position);
        return fill_free(Write::update("A2 remove", Table::Strips, key, update, condition), Entry::Removed);
    }
    let write = Write::update("A2 remove at the tail", Table::Strips, key, GROW, AS_LONG);
    fill_tail(write, strip, position, Entry::Removed)
}

fn put_back(product: &ProductId, strip: &Strip, position: u8, claim: Claim) -> Write {
    let (key, entry) = (strip_key(product, strip.no), Entry::Claim(claim));
    if position < strip.len() {
        let (update, condition) = free_at(position);
        return fill_free(Write::update("X4 put back", Table::Strips, key, update, condition), entry);
    }
    fill_tail(Write::update("X4 put back at the tail", Table::Strips, key, GROW, AS_LONG), strip, position, entry)
}

pub(super) fn examples() -> Vec<Write> {
    let Some(product) = ProductId::parse("p") else { return Vec::new() };
    let claim = Claim { order: OrderId([1; 15]), generation: 0 };
    let strip = Strip { no: 7, entries: vec![Entry::Free; 4], width: STRIP_CARDS, sealed: false, done: 0 };
    vec![
        mark_done(&product, 7, 3, 1),
        seal(&product, 7),
        raise_low(&product, 7),
        remove_card(&product, &strip, 3),
        remove_card(&product, &strip, 9),
        put_back(&product, &strip, 3, claim),
        put_back(&product, &strip, 9, claim),
    ]
}

impl Store {
    /// M1. Marks cards as final, so that their orders need not be read again.
    ///
    /// * Invariant: 1. A card is final when its order is delivered and owns it, which never changes again.
    /// * Condition: the marks are those that were read, and the strip is not sealed.
    /// * If refused: somebody else marked; what is missing is found again.
    /// * Twice: the same marks.
    pub async fn mark_done(
        &self,
        product: &ProductId,
        strip: &Strip,
        done: u64,
    ) -> Result<Outcome<(), ()>, StoreError> {
        Ok(plain(self.send(mark_done(product, strip.no, done | strip.done, strip.done)).await?))
    }

    /// Z. Seals a strip all of whose cards are final.
    ///
    /// * Invariant: 1, 2. Nothing in a sealed strip is ever claimed, released or removed again.
    /// * Condition: the list is whole and holds no free card; the caller has seen every claim to be final.
    /// * If refused: sealed before, or not whole.
    /// * Twice: the second finds the seal.
    pub async fn seal(&self, product: &ProductId, strip: u32) -> Result<Outcome<(), ()>, StoreError> {
        Ok(plain(self.send(seal(product, strip)).await?))
    }

    /// Z2. Raises the watermark over a sealed strip, so that nobody reads it any more but the full audit.
    ///
    /// * Invariant: 2. Every strip below the watermark is sealed.
    /// * Condition: exactly this strip is the lowest, and the cursor is past it; the caller has seen its seal.
    /// * If refused: the watermark as found.
    /// * Twice: the second finds it raised.
    pub async fn raise_low(&self, product: &ProductId, low: u32) -> Result<Outcome<(), ()>, StoreError> {
        Ok(match self.send(raise_low(product, low)).await? {
            Raw::Applied(_) => Outcome::Applied(()),
            Raw::Refused(Some(item)) if holds("Z2 raise low: found raised", Head::read(&item)?.low > low) => {
                Outcome::AlreadyApplied(())
            }
            Raw::Refused(_) => Outcome::Refused(()),
        })
    }

    /// A2. Takes a free card out of sale, for ever. It stays a duplicate for every later import.
    ///
    /// * Invariant: 1, 2. Only a card that nobody holds is removed.
    /// * Condition: the position is free, or past the end of a list as long as it was read.
    /// * If refused: removed before (`AlreadyApplied`), or the strip as found.
    /// * Twice: the second finds it removed.
    pub async fn remove_card(
        &self,
        product: &ProductId,
        strip: &Strip,
        position: u8,
    ) -> Result<Outcome<Strip, Option<Strip>>, StoreError> {
        filled(strip.no, position, Entry::Removed, self.send(remove_card(product, strip, position)).await?)
    }

    /// X4. Puts the claim of a live order back that a restore has lost. Only while the shop is closed.
    ///
    /// * Invariant: 1. Only a card that nobody holds is given, and only to the order whose slots name it.
    /// * Condition: the position is free, or past the end of a list as long as it was read.
    /// * If refused: the claim is there (`AlreadyApplied`), or the strip as found: a person's business.
    /// * Twice: the second finds the claim.
    pub async fn put_back(
        &self,
        product: &ProductId,
        strip: &Strip,
        position: u8,
        claim: Claim,
    ) -> Result<Outcome<Strip, Option<Strip>>, StoreError> {
        let write = put_back(product, strip, position, claim);
        filled(strip.no, position, Entry::Claim(claim), self.send(write).await?)
    }
}

fn plain(raw: Raw) -> Outcome<(), ()> {
    match raw {
        Raw::Applied(_) => Outcome::Applied(()),
        Raw::Refused(_) => Outcome::Refused(()),
    }
}

fn filled(no: u32, position: u8, entry: Entry, raw: Raw) -> Result<Outcome<Strip, Option<Strip>>, StoreError> {
    match raw {
        Raw::Applied(item) => Ok(Outcome::Applied(StripItem::read(no, &item)?.strip)),
        Raw::Refused(None) => Ok(Outcome::Refused(None)),
        Raw::Refused(Some(item)) => {
            let strip = StripItem::read(no, &item)?.strip;
            let is_there = strip.entries.get(usize::from(position)) == Some(&entry);
            let mine = holds("A2 X4: found in its place", is_there);
            Ok(if mine { Outcome::AlreadyApplied(strip) } else { Outcome::Refused(Some(strip)) })
        }
    }
}
