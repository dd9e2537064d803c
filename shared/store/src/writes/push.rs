//! Messages to the seller: who is told what, once. Courtesies with a time to live, beside the truth and never part of it.

use crate::item::{Reader, bytes, number};
use crate::write::{Item, Outcome, Raw, Write};
use crate::{Store, StoreError, Table};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Millis;
use domain::guards::holds;

/// Messages that are kept until they are told together. Each addition is paid for by the size of all of them.
pub const COLLECTED_MAX: usize = 100;

fn key(name: &str) -> Item {
    crate::keys::text("k", name.to_owned())
}

/// Whole seconds, rounded up: DynamoDB's time to live knows no less.
fn ttl(until: Millis) -> AttributeValue {
    number(until.div_euclid(1_000) + 1)
}

fn begin_push(name: &str, by: [u8; 8], now: Millis, until: Millis) -> Write {
    let update = "SET #until = :until, #by = :by, #ttl = :ttl REMOVE #done";
    let condition = "attribute_not_exists(#until) OR #until <= :now";
    Write::update("N1 begin push", Table::Limits, key(name), update, condition)
        .value(":until", number(until))
        .value(":by", bytes(by))
        .value(":now", number(now))
        .value(":ttl", ttl(until))
}

fn end_push(name: &str, by: [u8; 8], until: Millis) -> Write {
    let update = "SET #done = :done, #until = :until, #ttl = :ttl";
    Write::update("N2 end push", Table::Limits, key(name), update, "#by = :by")
        .value(":done", number(1))
        .value(":until", number(until))
        .value(":by", bytes(by))
        .value(":ttl", ttl(until))
}

fn collect(name: &str, entry: &str, at: Millis, until: Millis) -> Write {
    let condition = "attribute_not_exists(#notes) OR size(#notes) < :most";
    let update = "ADD #notes :notes SET #last = :at, #ttl = :ttl";
    Write::update("N3 collect", Table::Limits, key(name), update, condition)
        .value(":notes", AttributeValue::Ss(vec![entry.to_owned()]))
        .value(":most", number(COLLECTED_MAX))
        .value(":at", number(at))
        .value(":ttl", ttl(until))
}

fn count_more(name: &str, at: Millis) -> Write {
    Write::update(
        "N4 count more",
        Table::Limits,
        key(name),
        "ADD #more :one SET #last = :at",
        "attribute_exists(#notes)",
    )
    .value(":one", number(1))
    .value(":at", number(at))
}

fn clear_digest(name: &str, told: &[String]) -> Write {
    let update = "DELETE #notes :told REMOVE #more";
    Write::update("N5 clear digest", Table::Limits, key(name), update, "attribute_exists(#notes)")
        .value(":told", AttributeValue::Ss(told.to_vec()))
}

pub(super) fn examples() -> Vec<Write> {
    vec![
        begin_push("push#r#n", [0; 8], 0, 1),
        end_push("push#r#n", [0; 8], 1),
        collect("digest#r", "{}", 0, 1),
        count_more("digest#r", 0),
        clear_digest("digest#r", &["{}".to_owned()]),
    ]
}

/// How a push stands that somebody else has begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begun {
    /// It has ended, and is not to be made again.
    Done,
    /// Somebody is at it.
    UnderWay,
}

/// Messages of one receiver that wait to be told together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Digest {
    /// The messages, as they were collected, in no order.
    pub notes: Vec<String>,
    /// How many more there were than are kept.
    pub more: u32,
    /// When the last one came, Unix ms.
    pub last: Millis,
}

impl Digest {
    pub(crate) fn read(item: &Item) -> Result<Digest, StoreError> {
        let r = Reader::new("digest", item);
        let notes = item.get("notes").and_then(|v| v.as_ss().ok()).cloned().unwrap_or_default();
        Ok(Digest { notes, more: r.maybe("more", Reader::number)?.unwrap_or_default(), last: r.number("last")? })
    }
}

impl Store {
    /// N1. Begins a push under a random name of its own, until `until`, Unix ms; refused while somebody else's lasts or counts as
    /// done.
    ///
    /// * Invariant: none; a courtesy that keeps the seller from hearing a thing twice.
    /// * Condition: not begun, or begun so long ago that whoever began it must have died, or done so long ago that it may be told
    ///   again.
    /// * If refused: whether it is done or under way; this very push is `AlreadyApplied`.
    /// * Twice: the second finds its own name.
    pub async fn begin_push(
        &self,
        name: &str,
        by: [u8; 8],
        now: Millis,
        until: Millis,
    ) -> Result<Outcome<(), Begun>, StoreError> {
        match self.send(begin_push(name, by, now, until)).await? {
            Raw::Applied(_) => Ok(Outcome::Applied(())),
            Raw::Refused(found) => {
                let found = found.ok_or_else(|| StoreError::corrupt("push", "refused without an item"))?;
                let r = Reader::new("push", &found);
                let mine = holds("N1 begin push: found with this name", r.array("by")? == by);
                Ok(match (r.has("done"), mine) {
                    (true, _) => Outcome::Refused(Begun::Done),
                    (false, true) => Outcome::AlreadyApplied(()),
                    (false, false) => Outcome::Refused(Begun::UnderWay),
                })
            }
        }
    }

    /// N2. Ends a push: told, or refused for good. It is not made again before `until`, Unix ms.
    ///
    /// * Invariant: none; a courtesy.
    /// * Condition: it is still ours.
    /// * If refused: somebody else has begun it again meanwhile, and ends it.
    /// * Twice: the same end.
    pub async fn end_push(&self, name: &str, by: [u8; 8], until: Millis) -> Result<Outcome<(), ()>, StoreError> {
        Ok(match self.send(end_push(name, by, until)).await? {
            Raw::Applied(_) => Outcome::Applied(()),
            Raw::Refused(_) => Outcome::Refused(()),
        })
    }

    /// N3. Puts a message with those that are told together, until `until`, Unix ms, at the latest.
    ///
    /// * Invariant: none; a courtesy that spares the seller a hundred messages.
    /// * Condition: fewer than [`COLLECTED_MAX`] are kept.
    /// * If refused: there are enough; this one is only to be counted (N4).
    /// * Twice: a set with it stays with it.
    pub async fn collect(
        &self,
        name: &str,
        entry: &str,
        at: Millis,
        until: Millis,
    ) -> Result<Outcome<(), ()>, StoreError> {
        Ok(match self.send(collect(name, entry, at, until)).await? {
            Raw::Applied(_) => Outcome::Applied(()),
            Raw::Refused(_) => Outcome::Refused(()),
        })
    }

    /// N4. Counts a message that is not kept.
    ///
    /// * Invariant: none; "and so many more" is said to people.
    /// * Condition: others are kept that it is counted beside.
    /// * If refused: they were told in this moment, and this one goes uncounted.
    /// * Twice: counted twice.
    pub async fn count_more(&self, name: &str, at: Millis) -> Result<(), StoreError> {
        self.send(count_more(name, at)).await.map(drop)
    }

    /// N5. Takes the messages away that were told together.
    ///
    /// * Invariant: none; a courtesy. Only what was told goes; what came meanwhile stays.
    /// * Condition: there are some.
    /// * If refused: somebody else took them away.
    /// * Twice: a set without them stays without them.
    pub async fn clear_digest(&self, name: &str, told: &[String]) -> Result<(), StoreError> {
        self.send(clear_digest(name, told)).await.map(drop)
    }
}
