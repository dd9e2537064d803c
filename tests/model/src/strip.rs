//! Strips and heads as bytes, the domain's own strip that the bytes stand for, and every write on them as the model believes it.
//!
//! A model strip has few positions. They are the last of a real strip of 48 that begins with PAD, as every short strip does, so
//! nothing is scaled: the store's conditions on lengths are met with their own numbers.

use crate::engine::Step;
use crate::mutants::{Mutant, Mutants};
use crate::order::{Answer, order_id};
use domain::Claim;
use domain::limits::STRIP_CARDS;
use domain::stock::{Entry, Strip};

/// Positions of a model strip at the most.
pub const WIDE: usize = 3;
/// Beyond the end of the list.
pub const NIL: u8 = 0;
/// Released.
pub const FREE: u8 = 1;
/// Taken out of sale.
pub const REMOVED: u8 = 2;
/// No card was ever here.
pub const PAD: u8 = 3;

/// The byte of a claim; every larger byte than [`PAD`] is one.
pub fn claim(o: u8, g: u8) -> u8 {
    4 + o * 4 + g
}

/// Order and generation of a claim's byte.
pub fn owner(byte: u8) -> Option<(usize, u8)> {
    byte.checked_sub(4).map(|rest| (usize::from(rest / 4), rest % 4))
}

/// A strip's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct StripItem {
    /// What its positions hold.
    pub h: [u8; WIDE],
    /// Sealed.
    pub z: u8,
    /// Bit position: known to be final.
    pub d: u8,
}

/// A head's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct HeadItem {
    /// Cursor.
    pub c: u8,
    /// Strips on sale.
    pub n: u8,
    /// Watermark.
    pub low: u8,
}

/// A write on a strip. Positions are bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum StripWrite {
    /// C1: claim, how many.
    Append(u8, u8),
    /// C1': claim, positions.
    Reuse(u8, u8),
    /// C1" from released positions.
    TopUpFree(u8, u8),
    /// C1" at the end: claim, how many, entries that were read.
    TopUpTail(u8, u8, u8),
    /// X3.
    Release(u8, u8),
    /// A2: entries that were read, position.
    Remove(u8, u8),
    /// X4: entries that were read, position, claim.
    PutBack(u8, u8, u8),
    /// M1: marks that were read, marks.
    Mark(u8, u8),
    /// Z.
    Seal,
}

/// A write on a head.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HeadWrite {
    /// C0.
    MoveCursor,
    /// Z2, of a watermark that was read.
    RaiseLow(u8),
    /// A1n: from, end.
    PutOnSale(u8, u8),
}

impl StripItem {
    /// Entries of the model's positions, of which a strip has `cap`.
    pub fn len(&self, cap: usize) -> usize {
        self.h.iter().take(cap).take_while(|entry| **entry != NIL).count()
    }

    /// Whether the list of model positions is empty.
    pub fn is_empty(&self) -> bool {
        self.h[0] == NIL
    }

    /// The positions that hold a byte.
    pub fn holds(&self, byte: u8) -> u8 {
        (0..WIDE).filter(|i| self.h[*i] == byte).fold(0, |bits, i| bits | 1 << i)
    }

    /// The domain's strip.
    pub fn strip(&self, no: u32, cap: usize) -> Strip {
        let entry = |byte: u8| match (byte, owner(byte)) {
            (_, Some((o, generation))) => Entry::Claim(Claim { order: order_id(o as u8), generation }),
            (FREE, _) => Entry::Free,
            (REMOVED, _) => Entry::Removed,
            _ => Entry::Pad,
        };
        let before = usize::from(STRIP_CARDS) - cap;
        let mut entries = vec![Entry::Pad; before];
        entries.extend(self.h.iter().take(self.len(cap)).map(|byte| entry(*byte)));
        Strip { no, entries, width: STRIP_CARDS, sealed: self.z == 1, done: u64::from(self.d) << before }
    }
}

/// The domain's claim of a claim's byte.
pub fn real_claim(byte: u8) -> Claim {
    let (o, generation) = owner(byte).expect("a claim");
    Claim { order: order_id(o as u8), generation }
}

fn set(strip: &StripItem, positions: u8, byte: u8) -> StripItem {
    let mut after = *strip;
    (0..WIDE).filter(|i| positions >> i & 1 == 1).for_each(|i| after.h[i] = byte);
    after
}

fn all(strip: &StripItem, positions: u8, byte: u8) -> bool {
    positions & !strip.holds(byte) == 0
}

/// A strip's write as the store has it; `cap` is how many positions the model's strips have.
pub fn write_strip(strip: &StripItem, cap: usize, write: StripWrite, mutants: Mutants) -> Answer<StripItem> {
    let on = |mutant| mutants.has(mutant);
    let len = strip.len(cap);
    let mine = |byte: u8| strip.holds(byte) != 0;
    let run = |from: usize, count: u8| (from..from + usize::from(count)).fold(0u8, |bits, i| bits | 1 << i);
    let holds_none = |byte: u8| !mine(byte) || on(Mutant::ClaimTwice);
    let (after, already) = match write {
        StripWrite::Append(byte, take) => {
            let fits = len + usize::from(take) <= cap && holds_none(byte);
            (fits.then(|| set(strip, run(len, take), byte)), mine(byte))
        }
        StripWrite::Reuse(byte, positions) => {
            let free = all(strip, positions, FREE)
                || (on(Mutant::PadIsFree) && positions & !strip.holds(FREE) & !strip.holds(PAD) == 0);
            ((free && holds_none(byte)).then(|| set(strip, positions, byte)), mine(byte))
        }
        StripWrite::TopUpFree(byte, positions) => {
            (all(strip, positions, FREE).then(|| set(strip, positions, byte)), false)
        }
        StripWrite::TopUpTail(byte, take, seen) => {
            let fits = len == usize::from(seen) && len + usize::from(take) <= cap;
            (fits.then(|| set(strip, run(len, take), byte)), false)
        }
        StripWrite::Release(byte, positions) => {
            let named = (all(strip, positions, byte) || on(Mutant::ReleaseBlindly)) && strip.z == 0;
            (named.then(|| set(strip, positions, FREE)), !mine(byte))
        }
        StripWrite::Remove(seen, position) => fill(strip, len, seen, position, REMOVED, mutants),
        StripWrite::PutBack(seen, position, byte) => fill(strip, len, seen, position, byte, mutants),
        StripWrite::Mark(seen, marks) => {
            // A strip without marks was read as one whose marks are nought.
            let fits = (strip.d == 0 || strip.d == seen) && strip.z == 0;
            (fits.then_some(StripItem { d: marks | seen, ..*strip }), false)
        }
        StripWrite::Seal => {
            let whole = len == cap && strip.holds(FREE) == 0;
            let all = (1u8 << cap) - 1;
            let fits = (whole || on(Mutant::SealUnasked)) && strip.z == 0;
            (fits.then_some(StripItem { z: 1, d: all, ..*strip }), false)
        }
    };
    match after {
        Some(after) => Answer::Applied(after),
        None if already => Answer::Already,
        None => Answer::Refused,
    }
}

fn fill(
    strip: &StripItem,
    len: usize,
    seen: u8,
    position: u8,
    byte: u8,
    mutants: Mutants,
) -> (Option<StripItem>, bool) {
    let at = usize::from(position);
    let already = strip.h[at] == byte;
    if position < seen {
        let free = strip.h[at] == FREE || (mutants.has(Mutant::PutBackBlindly) && owner(byte).is_some());
        return (free.then(|| set(strip, 1 << at, byte)), already);
    }
    let blind = mutants.has(Mutant::RemoveBlindly) && byte == REMOVED;
    if len != usize::from(seen) && !blind {
        return (None, already);
    }
    // What stands between the end and the position stays claimable.
    let between = if mutants.has(Mutant::RemoveFills) { REMOVED } else { FREE };
    let mut after = *strip;
    let put = len + at - usize::from(seen);
    if put >= WIDE {
        return (None, already);
    }
    (len..put).for_each(|i| after.h[i] = between);
    after.h[put] = byte;
    (Some(after), already)
}

/// A head's write as the store has it.
pub fn write_head(head: &HeadItem, write: HeadWrite) -> Answer<HeadItem> {
    let (after, already) = match write {
        HeadWrite::MoveCursor => ((head.c < head.n).then_some(HeadItem { c: head.c + 1, ..*head }), false),
        HeadWrite::RaiseLow(low) => {
            let fits = head.low == low && head.c > low;
            (fits.then_some(HeadItem { low: low + 1, ..*head }), head.low > low)
        }
        HeadWrite::PutOnSale(from, end) => ((head.n == from).then_some(HeadItem { n: end, ..*head }), head.n >= end),
    };
    match after {
        Some(after) => Answer::Applied(after),
        None if already => Answer::Already,
        None => Answer::Refused,
    }
}

/// A step's name and what it is about.
pub fn step(name: &'static str, who: usize, what: usize) -> Step {
    Step { name, who: who as u8, what: what as u8 }
}
