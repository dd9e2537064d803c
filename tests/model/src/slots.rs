//! Strips, claims and the orders that own them: cursor, top-ups, releases, removal, marks, seals, watermark, late money, a second
//! product, a restore.
//!
//! Every action is one conditional write. What a reader of an order concluded about a claim is kept for ever and may be acted upon at
//! any time. Two assumptions on time are made, both the product's own: an order or a tombstone is forgotten only when nothing that
//! began before still runs, and a restore takes longer than a request lives.

mod drain;
mod steps;

use crate::engine::{FastBuild, Met};
use crate::mutants::{Mutant, Mutants};
use crate::order::{
    ABSENT, Answer, By, DELIVERED, EXPIRED, HELD, LATE, PAID, Product, REFUND_DUE, REFUNDED, Row, Trade, VOID, Write,
    order, order_id,
};
use crate::strip::{
    FREE, HeadItem, HeadWrite, NIL, PAD, REMOVED, StripItem, StripWrite, WIDE, claim, owner, real_claim, write_head,
    write_strip,
};
use domain::ProductId;
use domain::stock::{Move, SlotRun, evidence};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// Strips of one world at the most.
const STRIPS: usize = 2;
/// Slots of one world at the most; a slot is a place in all strips together.
const SLOTS: usize = STRIPS * WIDE;
/// Orders at the most.
const ORDERS: usize = 3;
/// Tries of one create at the most.
const TRIES: usize = 2;

/// A try that has not begun.
const IDLE: u8 = 0;
/// A try under way; its low bits are the slots it knows to hold.
const RUNS: u8 = 64;
/// A try that was answered with its order.
const ANSWERED: u8 = 128;
/// A try that is over.
const OVER: u8 = 129;

/// An order with its slots.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Owner {
    /// Its item.
    row: Row,
    /// The slots it names.
    sl: u8,
    /// Its product.
    product: u8,
    /// 1: its buyer paid. 2: it can never be paid any more.
    paid: u8,
    /// Slots that some worker of late money knows to have claimed for the next generation.
    late: u8,
    /// Somebody saw it LATE.
    was_late: u8,
}

/// Everything about a world of slots.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// The strips.
    pub strips: [StripItem; STRIPS],
    /// The head of each product.
    pub heads: [HeadItem; 2],
    orders: [Owner; ORDERS],
    tries: [[u8; TRIES]; ORDERS],
    /// By slot: bit of a claim's byte less 4, that somebody means to release it.
    release: [u16; SLOTS],
    /// By slot: orders that were delivered it.
    delivered: [u8; SLOTS],
    /// Removals that are left, and the card that one of them means: entries that were read, strip, position; 255 is none.
    removals: u8,
    removing: [u8; 3],
    /// Cards that somebody meant to remove.
    meant: u8,
    /// A copy of strips and heads, and whether it was put back: 1 closed since then, 2 open again.
    copied: u8,
    copy: [[u8; WIDE]; STRIPS],
    copied_heads: [HeadItem; 2],
    restored: u8,
}

/// How large a world of slots is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    /// Strips in all.
    pub strips: usize,
    /// Cards of a strip.
    pub cards: usize,
    /// PAD at the beginning of the second strip.
    pub pad: usize,
    /// Strips that are on sale at first.
    pub on_sale: u8,
    /// Orders.
    pub orders: usize,
    /// Tries of each create.
    pub tries: usize,
    /// Cards of each order.
    pub quantity: u8,
    /// Cards that the seller may remove.
    pub removals: u8,
    /// The first order has to be reviewed.
    pub review: bool,
    /// Final cards are marked.
    pub marks: bool,
    /// The second strip is another product's, and every create's second try is for it.
    pub two_products: bool,
    /// The table of strips may be put back.
    pub restores: bool,
}

/// One strip of two cards and two orders of one.
pub const SMALLEST: Size = Size {
    strips: 1,
    cards: 2,
    pad: 0,
    on_sale: 1,
    orders: 2,
    tries: 1,
    quantity: 1,
    removals: 0,
    review: false,
    marks: false,
    two_products: false,
    restores: false,
};

/// What is asked of the domain about a claim, by its bytes: order, its slots, its product, the claim's generation, the slot.
type Question = (Row, u8, u8, u8, u8);

/// A world of slots.
#[derive(Debug)]
pub struct Slots {
    size: Size,
    product: Product,
    mutants: Mutants,
    evidence: RefCell<HashMap<Question, (bool, bool), FastBuild>>,
    ends_well: RefCell<HashSet<State, FastBuild>>,
    /// Pairs of strip and write that were met.
    pub met: Met<(StripItem, StripWrite)>,
    /// Pairs of head and write that were met.
    pub met_heads: Met<(HeadItem, HeadWrite)>,
}

impl Slots {
    /// A world of this size.
    pub fn new(size: Size, mutants: Mutants) -> Slots {
        let trade = |order| Trade { order, attempt: 1, right: true, by: By::Provider };
        Slots {
            size,
            product: Product::new((0..size.orders as u8).map(trade).collect(), mutants),
            mutants,
            evidence: RefCell::default(),
            ends_well: RefCell::default(),
            met: Met::nothing(),
            met_heads: Met::nothing(),
        }
    }

    /// The same, noting what is written.
    pub fn noting(self) -> Slots {
        Slots { met: Met::all(), met_heads: Met::all(), ..self }
    }

    fn on(&self, mutant: Mutant) -> bool {
        self.mutants.has(mutant)
    }

    /// The slots of a strip as bits.
    fn of_strip(&self, b: usize) -> u8 {
        ((1 << self.size.cards) - 1) << (b * self.size.cards)
    }

    fn slots(&self) -> usize {
        self.size.strips * self.size.cards
    }

    /// The product that a strip belongs to, and its number there.
    fn home(&self, b: usize) -> (usize, u8) {
        if self.size.two_products { (b, 0) } else { (0, b as u8) }
    }

    fn products(&self) -> usize {
        1 + usize::from(self.size.two_products)
    }

    /// The product that a try is for.
    fn product_of_try(&self, k: usize) -> usize {
        if self.size.two_products { k } else { 0 }
    }

    /// Strips of a product.
    fn strips_of(&self, product: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.size.strips).filter(move |b| self.home(*b).0 == product)
    }

    fn byte(&self, s: &State, x: usize) -> u8 {
        s.strips[x / self.size.cards].h[x % self.size.cards]
    }

    fn write_order(&self, s: &mut State, o: usize, write: Write) -> Answer<Row> {
        let answer = self.product.write(&s.orders[o].row, o as u8, write, 1);
        if let Answer::Applied(after) = answer {
            s.orders[o].row = after;
        }
        answer
    }

    fn write_strip(&self, s: &mut State, b: usize, write: StripWrite) -> Answer<StripItem> {
        self.met.note(|| (s.strips[b], write));
        let answer = write_strip(&s.strips[b], self.size.cards, write, self.mutants);
        if let Answer::Applied(after) = answer {
            s.strips[b] = after;
        }
        answer
    }

    fn write_head(&self, s: &mut State, product: usize, write: HeadWrite) -> Answer<HeadItem> {
        self.met_heads.note(|| (s.heads[product], write));
        let answer = write_head(&s.heads[product], write);
        if let Answer::Applied(after) = answer {
            s.heads[product] = after;
        }
        answer
    }

    /// What [`evidence`] says of the claim on a slot: releasable, final.
    fn judge(&self, s: &State, x: usize) -> (bool, bool) {
        let Some((o, g)) = owner(self.byte(s, x)) else { return (false, false) };
        let own = &s.orders[o];
        let question = (own.row, own.sl, own.product, g, x as u8);
        if let Some(known) = self.evidence.borrow().get(&question) {
            return *known;
        }
        let judged = self.ask_domain(own, o, g, x);
        self.evidence.borrow_mut().insert(question, judged);
        judged
    }

    fn ask_domain(&self, own: &Owner, o: usize, g: u8, x: usize) -> (bool, bool) {
        let name = |product: usize| ProductId::parse(["a", "b"][product]).expect("a product's id");
        let (product, no) = self.home(x / self.size.cards);
        let before = 48 - self.size.cards;
        let position = (before + x % self.size.cards) as u8;
        let Some(mut real) = order(&own.row, o as u8, order_id(o as u8), &self.product.trades, self.mutants) else {
            return (self.on(Mutant::ReleaseAbsent) && g == 0, false);
        };
        let run = |x: usize| SlotRun {
            strip: u32::from(self.home(x / self.size.cards).1),
            first: (before + x % self.size.cards) as u8,
            len: 1,
            width: 48,
        };
        real.slots = (0..self.slots()).filter(|x| own.sl >> x & 1 == 1).map(run).collect();
        real.product = name(usize::from(own.product));
        let asked = if self.on(Mutant::SlotWithoutProduct) { real.product.clone() } else { name(product) };
        let same = own.row.g == g;
        let mut releasable = evidence::releasable(&real, g, &asked, u32::from(no), position)
            || (self.on(Mutant::ReleaseHeld) && own.row.st == HELD)
            || (self.on(Mutant::ReleaseUnadopted) && own.row.g < g)
            || (self.on(Mutant::RefundedIsEvidence) && own.row.st == DELIVERED && own.row.refunds() > 0 && same);
        if self.on(Mutant::OwedAtSameGeneration) && matches!(own.row.st, REFUND_DUE | REFUNDED) && same {
            releasable = false;
        }
        let is_final = evidence::is_final(&real, g, &asked, u32::from(no), position)
            || (self.on(Mutant::PaidIsFinal) && own.row.st == PAID && same)
            || (self.on(Mutant::ExpiredIsFinal) && own.row.st == EXPIRED)
            || (self.on(Mutant::FinalWithoutSlots) && own.row.st == DELIVERED);
        (releasable, is_final)
    }

    /// Whether a slot never changes again.
    fn is_final(&self, s: &State, x: usize) -> bool {
        match self.byte(s, x) {
            PAD | REMOVED => true,
            FREE => self.on(Mutant::FreeIsFinal),
            NIL => self.on(Mutant::TailIsFinal),
            _ => self.judge(s, x).1,
        }
    }

    /// The strips from which a claimer may take.
    fn open_strips(&self, s: &State, product: usize) -> Vec<usize> {
        let head = s.heads[product];
        let end = if self.on(Mutant::ClaimBeyondCursor) { head.n } else { head.c };
        self.strips_of(product).filter(|b| self.home(*b).1 < end).collect()
    }

    /// The slots in a strip that hold a claim.
    fn held_in(&self, s: &State, b: usize, byte: u8) -> u8 {
        s.strips[b].holds(byte) << (b * self.size.cards)
    }

    /// What a claimer that knows it holds `have` may do next in a strip: it looks at it and writes what [`domain::stock::Strip`]
    /// says, or it appends without having looked. `then` is given the state and what the claimer knows afterwards.
    fn claim_in(&self, s: &State, b: usize, byte: u8, have: u8, then: &mut dyn FnMut(State, u8)) {
        let here = have & self.of_strip(b);
        let elsewhere = (have & !here).count_ones() as u8;
        let need = self.size.quantity.saturating_sub(elsewhere);
        if need == 0 || have.count_ones() >= u32::from(self.size.quantity) {
            return;
        }
        let ours = self.held_in(s, b, byte);
        if here == 0 {
            let room = (self.size.cards - s.strips[b].len(self.size.cards)).max(1) as u8;
            self.claim_by(s, b, byte, have, StripWrite::Append(byte, need.min(room)), then);
        }
        if ours & !have != 0 {
            return then(*s, have | ours);
        }
        if here != 0 && self.on(Mutant::NoTopUp) {
            return;
        }
        let strip = s.strips[b].strip(u32::from(self.home(b).1), self.size.cards);
        let first = self.size.cards as u8;
        let write = match strip.next_move(real_claim(byte), need) {
            Move::Enough => return,
            Move::Full if self.on(Mutant::PadIsFree) && s.strips[b].holds(PAD) != 0 => {
                StripWrite::Reuse(byte, s.strips[b].holds(PAD) & 1)
            }
            Move::Full => return,
            Move::Append { take, .. } if here == 0 => StripWrite::Append(byte, take),
            Move::Append { take, len } => StripWrite::TopUpTail(byte, take, len - (48 - first)),
            Move::Reuse(free) => {
                let bits = free.iter().fold(0u8, |bits, at| bits | 1 << (at - (48 - first)));
                if here == 0 { StripWrite::Reuse(byte, bits) } else { StripWrite::TopUpFree(byte, bits) }
            }
        };
        self.claim_by(s, b, byte, have, write, then);
    }

    fn claim_by(&self, s: &State, b: usize, byte: u8, have: u8, write: StripWrite, then: &mut dyn FnMut(State, u8)) {
        let mut n = *s;
        self.write_strip(&mut n, b, write);
        // Whatever the answer, it shows the strip, and what is ours in it is counted again.
        let ours = self.held_in(&n, b, byte);
        then(n, (have & !self.of_strip(b)) | ours);
    }

    /// The first slots of those a claimer holds, as many as an order has.
    fn first_of(&self, have: u8) -> u8 {
        let mut kept = have;
        while kept.count_ones() > u32::from(self.size.quantity) {
            kept &= !(1 << (7 - kept.leading_zeros()));
        }
        kept
    }

    /// Whether an order still stands on what it names: for an audit and for what must hold.
    fn stands(&self, s: &State, o: usize) -> Result<(), usize> {
        let own = &s.orders[o];
        if !own.row.is_live() {
            return Ok(());
        }
        let lost = (0..self.slots()).find(|x| own.sl >> x & 1 == 1 && self.byte(s, *x) != claim(o as u8, own.row.g));
        lost.map_or(Ok(()), Err)
    }
}

/// Ends of a life.
fn has_ended(row: &Row) -> bool {
    matches!(row.st, ABSENT | VOID | EXPIRED | DELIVERED | REFUNDED)
}

/// Whether late money is on its way.
fn is_late(row: &Row) -> bool {
    row.st == LATE
}
