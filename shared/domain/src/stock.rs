//! A strip of 48 cards and what may be done with it.
//!
//! Position i of a strip's list names the owner of card i. A list has no holes: positions beyond its end belong to cards
//! that were never claimed. A strip with fewer than 48 cards begins with PAD entries, so that its cards lie at the end.

use crate::ids::{Claim, Generation};
use crate::limits::STRIP_CARDS;

/// What a position of a strip holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// Held or sold: this order in this generation owns the card.
    Claim(Claim),
    /// Released: free to be claimed again.
    Free,
    /// Taken out of sale by the seller; for ever.
    Removed,
    /// No card was ever here.
    Pad,
}

impl Entry {
    /// The bytes as stored: sixteen for a claim, one for a marker.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Entry::Claim(claim) => claim.to_bytes().to_vec(),
            Entry::Free => vec![0x00],
            Entry::Removed => vec![0x01],
            Entry::Pad => vec![0x02],
        }
    }

    /// Reads stored bytes; `None` for anything never written by us.
    pub fn from_bytes(bytes: &[u8]) -> Option<Entry> {
        match bytes {
            [0x00] => Some(Entry::Free),
            [0x01] => Some(Entry::Removed),
            [0x02] => Some(Entry::Pad),
            claim => Claim::from_bytes(claim).map(Entry::Claim),
        }
    }
}

/// Neighbouring slots of one strip, as an order keeps them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SlotRun {
    /// The strip.
    pub strip: u32,
    /// The first position.
    pub first: u8,
    /// How many positions, at least 1.
    pub len: u8,
    /// Cards per vault item in this strip: 48, 12 or 1. Kept here so that delivery needs no read of the strip.
    pub width: u8,
}

impl SlotRun {
    /// The positions of the run.
    pub fn positions(&self) -> std::ops::Range<u8> {
        self.first..self.first.saturating_add(self.len)
    }

    /// Runs as stored and as vouched for, seven bytes each: strip (4, big-endian), first position, length, width.
    pub fn to_bytes(runs: &[SlotRun]) -> Vec<u8> {
        let one = |run: &SlotRun| {
            let [s0, s1, s2, s3] = run.strip.to_be_bytes();
            [s0, s1, s2, s3, run.first, run.len, run.width]
        };
        runs.iter().flat_map(one).collect()
    }

    /// Packs sorted positions of one strip into runs.
    pub fn pack(strip: u32, width: u8, positions: &[u8]) -> Vec<SlotRun> {
        let mut runs: Vec<SlotRun> = Vec::new();
        for &position in positions {
            match runs.last_mut() {
                Some(run) if run.positions().end == position => run.len += 1,
                _ => runs.push(SlotRun { strip, first: position, len: 1, width }),
            }
        }
        runs
    }
}

/// How many cards the runs hold in all.
pub fn count(runs: &[SlotRun]) -> u32 {
    runs.iter().map(|r| u32::from(r.len)).sum()
}

/// A strip as read or as found by a refused write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Strip {
    /// Its number.
    pub no: u32,
    /// What the positions hold, as far as the list reaches.
    pub entries: Vec<Entry>,
    /// Cards per vault item: 48, 12 or 1.
    pub width: u8,
    /// Every card is final; nothing in it is ever released or claimed again.
    pub sealed: bool,
    /// Bit i: card i is final. Lags behind the truth and never runs ahead of it; it saves reading the order again.
    pub done: u64,
}

/// What a claimer that needs cards does next with a strip it has just seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Move {
    /// It already holds as many as it needs here.
    Enough,
    /// Append this many claims at the end of a list of `len` entries.
    Append {
        /// How many to append.
        take: u8,
        /// How long the list was.
        len: u8,
    },
    /// Take over these free positions.
    Reuse(Vec<u8>),
    /// No free position and no room.
    Full,
}

impl Strip {
    /// Positions that were never claimed.
    pub fn room(&self) -> u8 {
        STRIP_CARDS.saturating_sub(self.len())
    }

    /// Entries in the list.
    pub fn len(&self) -> u8 {
        u8::try_from(self.entries.len()).unwrap_or(u8::MAX)
    }

    /// Whether the list has no entry yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The positions that hold `entry`, in order.
    pub fn positions_of(&self, entry: Entry) -> Vec<u8> {
        (0u8..).zip(&self.entries).filter(|&(_, e)| *e == entry).map(|(i, _)| i).collect()
    }

    /// Whether card `position` is known to be final.
    pub fn is_done(&self, position: u8) -> bool {
        self.done.checked_shr(u32::from(position)).is_some_and(|bits| bits & 1 == 1)
    }

    /// Whether anybody could claim a card here now.
    pub fn has_room(&self) -> bool {
        !self.sealed && (self.room() > 0 || self.entries.contains(&Entry::Free))
    }

    /// The next write for an order that needs `need` cards in all and holds some of them here already.
    ///
    /// Free positions come before fresh ones, so that released cards do not lie in old strips for ever.
    pub fn next_move(&self, claim: Claim, need: u8) -> Move {
        let ours = u8::try_from(self.positions_of(Entry::Claim(claim)).len()).unwrap_or(u8::MAX);
        let missing = need.saturating_sub(ours);
        if missing == 0 {
            return Move::Enough;
        }
        let free: Vec<u8> = self.positions_of(Entry::Free).into_iter().take(usize::from(missing)).collect();
        if self.sealed {
            Move::Full
        } else if !free.is_empty() {
            Move::Reuse(free)
        } else if self.room() > 0 {
            Move::Append { take: missing.min(self.room()), len: self.len() }
        } else {
            Move::Full
        }
    }

    /// Counts the cards of this strip. `sold` says whether a claim belongs to a delivered order.
    pub fn tally(&self, sold: impl Fn(&Claim, u8) -> bool) -> Tally {
        let mut tally = Tally { free: u64::from(self.room()), ..Tally::default() };
        for (position, entry) in (0u8..).zip(&self.entries) {
            match entry {
                Entry::Claim(claim) if sold(claim, position) => tally.sold += 1,
                Entry::Claim(_) => tally.held += 1,
                Entry::Free => tally.free += 1,
                Entry::Removed => tally.removed += 1,
                Entry::Pad => {}
            }
        }
        tally.imported = 48u64.saturating_sub(u64::try_from(self.positions_of(Entry::Pad).len()).unwrap_or(48));
        tally
    }
}

/// Cards by state. Every card is one register with one value, so the four always add up to `imported`: no counter exists
/// that could drift.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Cards that ever came in.
    pub imported: u64,
    /// Cards anybody may claim.
    pub free: u64,
    /// Cards claimed by an order that is not delivered.
    pub held: u64,
    /// Cards delivered.
    pub sold: u64,
    /// Cards the seller took out.
    pub removed: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.imported += other.imported;
        self.free += other.free;
        self.held += other.held;
        self.sold += other.sold;
        self.removed += other.removed;
    }
}

/// What a reader of an order may conclude about a claim on a slot. Each answer of `true` stays true for ever, which is why
/// a stale reader is harmless.
pub mod evidence {
    use super::{Generation, SlotRun};
    use crate::guards::{holds, seen_by};
    use crate::ids::ProductId;
    use crate::order::{Order, State};

    /// Whether a claim of `generation` on (`product`, `strip`, `position`) may be released, given the order as read.
    ///
    /// REFUND_DUE and REFUNDED at the same generation are not evidence: before delivery they raise the generation by
    /// two, after delivery the card is the buyer's.
    pub fn releasable(order: &Order, generation: Generation, product: &ProductId, strip: u32, position: u8) -> bool {
        if holds("evidence: a later generation", order.generation > generation) {
            return true;
        }
        if !holds("evidence: not an earlier generation", order.generation == generation) {
            return false;
        }
        match seen_by("evidence", order.state) {
            State::Void => holds("evidence: of generation 0", generation == 0),
            State::Expired | State::Late => true,
            State::Held | State::Paid | State::Review | State::Delivered => !owns(order, product, strip, position),
            State::RefundDue | State::Refunded => false,
        }
    }

    /// Whether a claim of `generation` on the slot will never change again: delivered, in this generation, and the order's.
    pub fn is_final(order: &Order, generation: Generation, product: &ProductId, strip: u32, position: u8) -> bool {
        seen_by("final", order.state) == State::Delivered
            && holds("final: the same generation", order.generation == generation)
            && holds("final: its own slot", owns(order, product, strip, position))
    }

    /// Whether a slot is one of the order's. A slot is always product, strip and position: one key that was sent for two
    /// products may have claims at the same strip and position of both.
    pub fn owns(order: &Order, product: &ProductId, strip: u32, position: u8) -> bool {
        let is_in = |run: &SlotRun| {
            holds("owns: the strip", run.strip == strip)
                && holds("owns: the position", run.positions().contains(&position))
        };
        holds("owns: the product", order.product == *product) && order.slots.iter().any(is_in)
    }
}
