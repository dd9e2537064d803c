//! Stock: the cursor, the claims, the releases. Two plain conditional writes hold a card; there is no counter.

use crate::item::{Head, StripItem, bytes, number};
use crate::write::{Item, Outcome, Raw, Write};
use crate::{Store, StoreError, Table, keys};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::guards::holds;
use domain::limits::{HINTS_MAX, STRIP_CARDS};
use domain::stock::{Entry, Strip};
use domain::{Claim, Millis, ProductId};

pub(super) fn strip_key(product: &ProductId, no: u32) -> Item {
    keys::text("k", keys::strip(product, no))
}

pub(super) fn head_key(product: &ProductId) -> Item {
    keys::text("k", keys::head(product))
}

fn claims(claim: Claim, count: u8) -> AttributeValue {
    AttributeValue::L(vec![bytes(claim.to_bytes()); usize::from(count)])
}

fn move_cursor(product: &ProductId) -> Write {
    Write::update("C0 move cursor", Table::Strips, head_key(product), "SET #c = #c + :one", "#c < #n")
        .value(":one", number(1))
}

fn numbers(strips: &[u32]) -> AttributeValue {
    AttributeValue::Ns(strips.iter().map(u32::to_string).collect())
}

fn drop_hints(product: &ProductId, strips: &[u32]) -> Write {
    Write::update("R1 drop hints", Table::Strips, head_key(product), "DELETE #r :strips", "attribute_exists(#k)")
        .value(":strips", numbers(strips))
}

fn add_hints(product: &ProductId, strips: &[u32]) -> Write {
    let condition = "attribute_exists(#k) AND (attribute_not_exists(#r) OR size(#r) < :most)";
    Write::update("R2 add hints", Table::Strips, head_key(product), "ADD #r :strips REMOVE #so", condition)
        .value(":strips", numbers(strips))
        .value(":most", number(HINTS_MAX))
}

fn note_sold_out(product: &ProductId, on_sale: u32, at: Millis) -> Write {
    let condition = "#n = :n AND attribute_not_exists(#r) AND (attribute_not_exists(#so) OR #so < :at)";
    Write::update("R3 note sold out", Table::Strips, head_key(product), "SET #so = :at", condition)
        .value(":n", number(on_sale))
        .value(":at", number(at))
}

fn append_claim(product: &ProductId, strip: u32, claim: Claim, take: u8) -> Write {
    Write::update(
        "C1 claim",
        Table::Strips,
        strip_key(product, strip),
        "SET #h = list_append(#h, :claims)",
        "size(#h) <= :most AND NOT contains(#h, :claim)",
    )
    .value(":claims", claims(claim, take))
    .value(":claim", bytes(claim.to_bytes()))
    .value(":most", number(STRIP_CARDS.saturating_sub(take)))
}

/// `SET h[i] = :to, …` and `h[i] = :from AND …` for the positions.
fn replace(positions: &[u8]) -> (String, String) {
    let join = |f: &dyn Fn(&u8) -> String, by: &str| positions.iter().map(f).collect::<Vec<_>>().join(by);
    (format!("SET {}", join(&|i| format!("#h[{i}] = :to"), ", ")), join(&|i| format!("#h[{i}] = :from"), " AND "))
}

fn reuse_free(product: &ProductId, strip: u32, claim: Claim, positions: &[u8]) -> Write {
    let (set, all_free) = replace(positions);
    let condition = format!("{all_free} AND NOT contains(#h, :to)");
    Write::update("C1' reuse", Table::Strips, strip_key(product, strip), set, condition)
        .value(":to", bytes(claim.to_bytes()))
        .value(":from", bytes(Entry::Free.to_bytes()))
}

fn top_up_free(product: &ProductId, strip: u32, claim: Claim, positions: &[u8]) -> Write {
    let (set, all_free) = replace(positions);
    Write::update("C1\" top up from free", Table::Strips, strip_key(product, strip), set, all_free)
        .value(":to", bytes(claim.to_bytes()))
        .value(":from", bytes(Entry::Free.to_bytes()))
}

fn top_up_tail(product: &ProductId, strip: u32, claim: Claim, take: u8, len: u8) -> Write {
    Write::update(
        "C1\" top up at the tail",
        Table::Strips,
        strip_key(product, strip),
        "SET #h = list_append(#h, :claims)",
        "size(#h) = :len",
    )
    .value(":claims", claims(claim, take))
    .value(":len", number(len))
}

fn release(product: &ProductId, strip: u32, claim: Claim, positions: &[u8]) -> Write {
    let (set, all_ours) = replace(positions);
    let condition = format!("{all_ours} AND attribute_not_exists(#z)");
    Write::update("X3 release", Table::Strips, strip_key(product, strip), set, condition)
        .value(":to", bytes(Entry::Free.to_bytes()))
        .value(":from", bytes(claim.to_bytes()))
}

pub(super) fn examples() -> Vec<Write> {
    let Some(product) = ProductId::parse("p") else { return Vec::new() };
    let claim = Claim { order: domain::OrderId([1; 15]), generation: 0 };
    vec![
        move_cursor(&product),
        drop_hints(&product, &[7]),
        add_hints(&product, &[7, 8]),
        note_sold_out(&product, 3, 0),
        append_claim(&product, 7, claim, 2),
        reuse_free(&product, 7, claim, &[3, 5]),
        top_up_free(&product, 7, claim, &[3, 5]),
        top_up_tail(&product, 7, claim, 2, 40),
        release(&product, 7, claim, &[3, 5]),
    ]
}

impl Store {
    /// C0. Opens the next fresh strip and answers the head after it: the strip is number `cursor − 1`.
    ///
    /// * Invariant: 2. Claims are written only to strips below the cursor, so a reader of [low, c) sees every claim.
    /// * Condition: a strip on sale lies above the cursor.
    /// * If refused: the end of the stock as found; use hints, then read every strip.
    /// * Twice: another strip is opened and the first stays half used; it is found again by its hint or by the sweep.
    pub async fn move_cursor(&self, product: &ProductId) -> Result<Outcome<Head, Option<Head>>, StoreError> {
        match self.send(move_cursor(product)).await? {
            Raw::Applied(item) => Ok(Outcome::Applied(Head::read(&item)?)),
            Raw::Refused(found) => Ok(Outcome::Refused(found.as_ref().map(Head::read).transpose()?)),
        }
    }

    /// R1. Forgets that strips have room.
    ///
    /// * Invariant: none; a hint is a courtesy.
    /// * Condition: the product exists.
    /// * If refused: there is no product; nothing to forget.
    /// * Twice: a set without the strips stays without them.
    pub async fn drop_hints(&self, product: &ProductId, strips: &[u32]) -> Result<Outcome<(), ()>, StoreError> {
        Ok(plain(self.send(drop_hints(product, strips)).await?))
    }

    /// R2. Remembers that strips have room again.
    ///
    /// * Invariant: none; a lost hint costs a sweep, never a card.
    /// * Condition: the product exists, and there are fewer hints than a head may hold.
    /// * If refused: there is no product, or its head is full of hints and the sweep finds the strips.
    /// * Twice: a set with the strips stays with them.
    pub async fn add_hints(&self, product: &ProductId, strips: &[u32]) -> Result<Outcome<(), ()>, StoreError> {
        Ok(plain(self.send(add_hints(product, strips)).await?))
    }

    /// R3. Tells other instances that every strip of a large stock was read full by somebody whose reading began at `at`, so that not each
    /// of hundreds reads hundreds of strips for the same answer.
    ///
    /// * Invariant: none; a verdict is believed for half a second, and R2 takes it back.
    /// * Condition: no strip went on sale since, none is said to have room again, and no later verdict stands there.
    /// * If refused: the head as found, which says what there is to try, or that somebody has looked later.
    /// * Twice: the second finds its own time.
    pub async fn note_sold_out(
        &self,
        product: &ProductId,
        on_sale: u32,
        at: Millis,
    ) -> Result<Outcome<(), Option<Head>>, StoreError> {
        Ok(match self.send(note_sold_out(product, on_sale, at)).await? {
            Raw::Applied(_) => Outcome::Applied(()),
            Raw::Refused(found) => Outcome::Refused(found.as_ref().map(Head::read).transpose()?),
        })
    }

    /// C1. Claims `take` fresh positions at the end of a strip.
    ///
    /// * Invariant: 1. A position is written once while it is past the end; afterwards only by a write that names its owner.
    /// * Condition: that many positions are past the end, and this claim holds none here yet.
    /// * If refused: the claim stands here already (`AlreadyApplied`), or the strip as found, or no such strip.
    /// * Twice: the second finds the claim and counts what is its own.
    pub async fn append_claim(
        &self,
        product: &ProductId,
        strip: u32,
        claim: Claim,
        take: u8,
    ) -> Result<Outcome<Strip, Option<Strip>>, StoreError> {
        claimed(strip, claim, true, self.send(append_claim(product, strip, claim, take)).await?)
    }

    /// C1'. Claims positions that were released.
    ///
    /// * Invariant: 1. Only a free position changes hands.
    /// * Condition: each position is free, and this claim holds none here yet.
    /// * If refused: the claim stands here already (`AlreadyApplied`), or the strip as found.
    /// * Twice: the second finds the claim and counts what is its own.
    pub async fn reuse_free(
        &self,
        product: &ProductId,
        strip: u32,
        claim: Claim,
        positions: &[u8],
    ) -> Result<Outcome<Strip, Option<Strip>>, StoreError> {
        claimed(strip, claim, true, self.send(reuse_free(product, strip, claim, positions)).await?)
    }

    /// C1". Claims more positions where this claim holds some already: released ones.
    ///
    /// * Invariant: 1. Only a free position changes hands.
    /// * Condition: each position is free. Not "holds none here", which would block it.
    /// * If refused: the strip as found; count again.
    /// * Twice: the positions are no longer free; count again.
    pub async fn top_up_free(
        &self,
        product: &ProductId,
        strip: u32,
        claim: Claim,
        positions: &[u8],
    ) -> Result<Outcome<Strip, Option<Strip>>, StoreError> {
        claimed(strip, claim, false, self.send(top_up_free(product, strip, claim, positions)).await?)
    }

    /// C1". Claims more positions where this claim holds some already: fresh ones.
    ///
    /// * Invariant: 1. The list is exactly as long as it was read, so nobody else's position is written.
    /// * Condition: the list has the length that was read.
    /// * If refused: the strip as found; count again.
    /// * Twice: the list is longer than it was read; count again.
    pub async fn top_up_tail(
        &self,
        product: &ProductId,
        strip: u32,
        claim: Claim,
        take: u8,
        len: u8,
    ) -> Result<Outcome<Strip, Option<Strip>>, StoreError> {
        claimed(strip, claim, false, self.send(top_up_tail(product, strip, claim, take, len)).await?)
    }

    /// X3. Gives positions back. Only with evidence read from the order: see [`domain::stock::evidence`].
    ///
    /// * Invariant: 1. A claim (o, g) is never issued to another holder, so a late release cannot hit somebody else's.
    /// * Condition: each position still holds exactly this claim, and the strip is not sealed.
    /// * If refused: the strip as found; release what is still ours.
    /// * Twice: the positions no longer hold the claim, so nothing changes.
    pub async fn release(
        &self,
        product: &ProductId,
        strip: u32,
        claim: Claim,
        positions: &[u8],
    ) -> Result<Outcome<Strip, Option<Strip>>, StoreError> {
        match self.send(release(product, strip, claim, positions)).await? {
            Raw::Applied(item) => Ok(Outcome::Applied(StripItem::read(strip, &item)?.strip)),
            Raw::Refused(None) => Ok(Outcome::Refused(None)),
            Raw::Refused(Some(item)) => {
                let found = StripItem::read(strip, &item)?.strip;
                let gone = found.positions_of(Entry::Claim(claim)).is_empty();
                if holds("X3 release: found released", gone) {
                    return Ok(Outcome::AlreadyApplied(found));
                }
                Ok(Outcome::Refused(Some(found)))
            }
        }
    }
}

fn plain(raw: Raw) -> Outcome<(), ()> {
    match raw {
        Raw::Applied(_) => Outcome::Applied(()),
        Raw::Refused(_) => Outcome::Refused(()),
    }
}

fn claimed(no: u32, claim: Claim, held_none: bool, raw: Raw) -> Result<Outcome<Strip, Option<Strip>>, StoreError> {
    match raw {
        Raw::Applied(item) => Ok(Outcome::Applied(StripItem::read(no, &item)?.strip)),
        Raw::Refused(None) => Ok(Outcome::Refused(None)),
        Raw::Refused(Some(item)) => {
            let strip = StripItem::read(no, &item)?.strip;
            let mine = held_none && !strip.positions_of(Entry::Claim(claim)).is_empty();
            Ok(if mine { Outcome::AlreadyApplied(strip) } else { Outcome::Refused(Some(strip)) })
        }
    }
}
