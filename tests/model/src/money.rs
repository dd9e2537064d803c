//! Orders and their money: attempts, a provider's trades, rows, review, the late path, refunds, forgetting, `due`, a restore.
//!
//! Slots are abstract here: late money finds stock or does not. A trade may be paid while its attempt is open at the provider, and
//! told of any number of times, at any time, or never; a payment handler is cut wherever it writes. The timer, the seller and the
//! buyers act on readings that stay usable for ever. One assumption on time is made, the one that the product makes: a person says
//! "nothing went back" of a refund only when whoever was to call the provider cannot call any more.

mod steps;

use crate::engine::{FastBuild, Met};
use crate::mutants::{Mutant, Mutants};
use crate::order::{
    ABSENT, Answer, Asked, By, DELIVERED, EXPIRED, HELD, LATE, PAID, Product, REFUND_DUE, REFUNDED, REVIEW, Row, Trade,
    UNITS, VOID, Write,
};
use domain::order::{Effect, State as Stands};
use domain::refund::RefundState;
use std::cell::RefCell;
use std::collections::HashSet;

/// Trades of one world at the most.
const TRADES: usize = 3;

/// A row of money that settled nothing: how far it came and which of its times it has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct RowItem {
    /// 0: there is none. 1 open, 2 refunding, 3 refunded, 4 kept.
    pub st: u8,
    /// When it is to be looked at; 0 once it is ended.
    pub at: u8,
}

/// A write on a money row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RowWrite {
    /// M0.
    Record,
    /// M2: reading and wanted state.
    Decide(RowItem, u8),
    /// M3.
    End(RowItem, u8),
}

/// A row's write as the store has it. `at` is the time that it sets.
pub fn write_row(row: &RowItem, write: RowWrite, at: u8, mutants: Mutants) -> Answer<RowItem> {
    let as_read = |read: RowItem| row.st != 0 && ((*row == read && row.at != 0) || mutants.has(Mutant::RowAnyReading));
    let (after, already) = match write {
        RowWrite::Record => {
            let free = row.st == 0 || mutants.has(Mutant::RowPutBlindly);
            (free.then_some(RowItem { st: 1, at }), row.st != 0)
        }
        RowWrite::Decide(read, to) => {
            let at = if to == 2 && mutants.has(Mutant::RefundingUnlisted) { 0 } else { at };
            (as_read(read).then_some(RowItem { st: to, at }), row.st == to)
        }
        RowWrite::End(read, to) => (as_read(read).then_some(RowItem { st: to, at: 0 }), row.st == to),
    };
    match after {
        Some(after) => Answer::Applied(after),
        None if already => Answer::Already,
        None => Answer::Refused,
    }
}

/// What processes know that were there when an order stood otherwise. Nothing is ever taken away, but for calls that were made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Known {
    /// Bit n: somebody asked about n + 1 attempts and means to end the hold.
    asked: u8,
    /// Bit g: a delivery message of generation g.
    messages: u8,
    /// Bits: 0 somebody saw it LATE; 1, 2 somebody saw it in review at generation 0, 1; 3, 4 the seller saw it PAID at 0, 1.
    seen: u8,
    /// The last look of the timer that decided to take an order off the list: 2 nothing left, 3 never paid; 0 there was none.
    look: u8,
    /// What it saw: state, time, refunds.
    look_st: u8,
    look_due: u8,
    look_rf: u8,
    /// The last click that wants a refund: its reading and its parts; `click_st` is 0 when there was none.
    click_st: u8,
    click_rf: [u8; 2],
    click_units: u8,
    /// The reading on which the end of a refund is written.
    end_st: u8,
    end_rf: [u8; 2],
    /// Bit n: whoever started refund n + 1 has still to call the provider.
    to_call: u8,
    /// Bit n: the provider carried it out. Bit n + 4: it said no.
    said: u8,
    /// A person let it pass.
    reviewed: u8,
    /// The generation that was delivered, and one.
    delivered: u8,
    /// A refund was started after delivery, as may be.
    returned_later: u8,
}

/// Everything about a world of money.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// The orders.
    pub orders: [Row; 2],
    known: [Known; 2],
    /// Bit 2 × order + attempt − 1: open at its provider.
    open: u8,
    /// Was ever opened there.
    opened: u8,
    /// Bit order: no provider lets it be paid any more.
    over: u8,
    /// Bit trade: paid; answered with "success".
    paid: u8,
    told: u8,
    /// Bit trade: somebody means to write V1, W2, M0 about it.
    review: u8,
    late: u8,
    record: u8,
    /// The row of each movement, at the place of the first trade with its name.
    pub rows: [RowItem; TRADES],
    /// Bit trade: whoever decided to return a row has still to call. Bit trade + 4: a person saw the row open.
    row_to_call: u8,
    row_seen: [RowItem; TRADES],
    /// Parts of each movement that its provider returned.
    calls: [u8; TRADES],
    /// A backup of the table, taken while PAID: generation and one; and whether it was put back.
    backup: u8,
    restored: u8,
    /// A move went backwards.
    backwards: u8,
}

/// A world of one or two orders.
#[derive(Debug)]
pub struct Money {
    product: Product,
    /// How many orders.
    orders: u8,
    /// What stands at first.
    from: Row,
    /// Orders may have to be reviewed.
    reviews: bool,
    /// A closed attempt can still be paid at the provider.
    forgiving: bool,
    /// Refunds in parts, started and ended on old readings.
    refunds: bool,
    /// The table may be put back to an earlier state.
    restores: bool,
    /// Rows are decided on old readings.
    rows: bool,
    /// States from which the timer alone was seen to bring everything to its end.
    ends_well: RefCell<HashSet<State, FastBuild>>,
    /// Pairs of order and write that were met.
    pub met: Met<(Row, u8, Write, u8)>,
    /// Pairs of money row and write that were met.
    pub met_rows: Met<(RowItem, RowWrite, u8)>,
}

/// The trades of a world with one order: both attempts, one wrong amount.
pub fn one_order() -> Vec<Trade> {
    let trade = |attempt, right| Trade { order: 0, attempt, right, by: By::Provider };
    vec![trade(1, true), trade(2, true), trade(1, false)]
}

/// The same attempt paid twice.
pub fn paid_twice() -> Vec<Trade> {
    let trade = |attempt, right| Trade { order: 0, attempt, right, by: By::Provider };
    vec![trade(1, true), trade(1, true), trade(2, true)]
}

/// Two orders that the owner vouches for by one reference.
pub fn one_reference() -> Vec<Trade> {
    let trade = |order, right| Trade { order, attempt: 1, right, by: By::Owner };
    vec![trade(0, true), trade(1, true)]
}

/// Two orders paid through two providers that count alike.
pub fn twins() -> Vec<Trade> {
    vec![
        Trade { order: 0, attempt: 1, right: true, by: By::Provider },
        Trade { order: 1, attempt: 1, right: true, by: By::Twin },
    ]
}

impl Money {
    /// A world of these trades, from the absence of every order.
    pub fn new(trades: Vec<Trade>, mutants: Mutants) -> Money {
        let orders = trades.iter().map(|t| t.order + 1).max().unwrap_or(1);
        Money {
            product: Product::new(trades, mutants),
            orders,
            from: Row::default(),
            reviews: orders == 1,
            forgiving: false,
            refunds: false,
            restores: false,
            rows: false,
            ends_well: RefCell::default(),
            met: Met::nothing(),
            met_rows: Met::nothing(),
        }
    }

    /// The same with providers that let a closed attempt be paid.
    pub fn forgiving(self) -> Money {
        Money { forgiving: true, ..self }
    }

    /// The same with a table that may be put back.
    pub fn restores(self) -> Money {
        Money { restores: true, reviews: false, ..self }
    }

    /// One order that is paid already, and refunds of it in every way.
    pub fn refunds(attempts: u8, mutants: Mutants) -> Money {
        let from = Row { st: PAID, att: attempts, txn: 1, due: u8::from(attempts > 1), ..Row::default() };
        Money { from, refunds: true, ..Money::new(vec![one_order()[0]], mutants) }
    }

    /// A delivered order that was paid twice: the row of the second payment in every way.
    pub fn row(mutants: Mutants) -> Money {
        let from = Row { st: DELIVERED, att: 1, txn: 1, ..Row::default() };
        Money { from, rows: true, ..Money::new(paid_twice().into_iter().take(2).collect(), mutants) }
    }

    /// The same, noting what is written.
    pub fn noting(self) -> Money {
        Money { met: Met::all(), met_rows: Met::all(), ..self }
    }

    /// The trades.
    pub fn trades(&self) -> &[Trade] {
        &self.product.trades
    }

    fn on(&self, mutant: Mutant) -> bool {
        self.product.mutants.has(mutant)
    }

    fn attempt_bit(&self, t: usize) -> u8 {
        let trade = self.product.trades[t];
        1 << (2 * trade.order + trade.attempt - 1)
    }

    /// The place of a movement's row: that of the first trade with the same name.
    fn place(&self, t: usize) -> usize {
        self.product.movement(t)
    }

    fn write(&self, s: &mut State, o: u8, write: Write) -> Answer<Row> {
        let row = s.orders[usize::from(o)];
        // Times are few, so that what is set anew may look like what was read: the clock proves nothing here.
        let at = if matches!(write, Write::AskLater(_)) { 2 } else { 1 };
        self.met.note(|| (row, o, write, at));
        let answer = self.product.write(&row, o, write, at);
        if let Answer::Applied(after) = answer {
            let rank = |row: &Row| [0, 8, 1, 4, 5, 6, 2, 3, 6, 7][usize::from(row.st)];
            if row.st != ABSENT && (rank(&after) < rank(&row) || after.g < row.g) {
                s.backwards = 1;
            }
            s.orders[usize::from(o)] = after;
        }
        answer
    }

    fn write_row(&self, s: &mut State, t: usize, write: RowWrite) -> Answer<RowItem> {
        let place = self.place(t);
        let at = match write {
            RowWrite::Record => 1,
            RowWrite::Decide(read, _) | RowWrite::End(read, _) => (read.at + 1).min(4),
        };
        self.met_rows.note(|| (s.rows[place], write, at));
        let answer = write_row(&s.rows[place], write, at, self.product.mutants);
        if let Answer::Applied(after) = answer {
            s.rows[place] = after;
        }
        answer
    }

    /// One step of settling trade `t`, up to the next write: 0 begins with W1; 1, 2, 3 go on with V1, W2, M0. `hears` says that a
    /// provider waits for "success".
    fn settle(&self, s: &State, t: usize, stage: u8, hears: bool) -> State {
        let (mut n, bit) = (*s, 1u8 << t);
        let (trade, number) = (self.product.trades[t], t as u8);
        let o = usize::from(trade.order);
        let done = |mut n: State| {
            n.told |= if hears { bit } else { 0 };
            n
        };
        let answer = match stage {
            0 => self.write(&mut n, trade.order, Write::Pay(number)),
            1 => self.write(&mut n, trade.order, Write::PayForReview(number)),
            2 => self.write(&mut n, trade.order, Write::PayLate(number)),
            _ => {
                self.write_row(&mut n, t, RowWrite::Record);
                return done(n);
            }
        };
        let row = n.orders[o];
        if matches!(answer, Answer::Applied(_) | Answer::Already) {
            if row.st == PAID {
                n.known[o].messages |= 1 << row.g;
            }
            return done(n);
        }
        if stage > 0 {
            // It became something else meanwhile: begin again.
            return n;
        }
        let mut found = row;
        if self.on(Mutant::StateBeforeMovement) && matches!(found.st, REVIEW | PAID | LATE | DELIVERED) {
            found.txn = 0;
        }
        let as_right = self.on(Mutant::AmountUnread) && row.st == EXPIRED;
        match self.product.decide(&found, trade.order, Asked::Money(number, as_right)) {
            Ok((Some(Stands::Review), ..)) => n.review |= bit,
            Ok((Some(Stands::Late), ..)) => n.late |= bit,
            Ok((None, .., Some(Effect::RecordMoney(_)))) => {
                if self.on(Mutant::ReviewWithoutRow) && row.st == REVIEW {
                    return done(n);
                }
                if self.on(Mutant::SuccessBeforeRow) && hears {
                    n.told |= bit;
                }
                n.record |= bit;
            }
            Ok((None, .., Some(Effect::Deliver))) => {
                n.known[o].messages |= 1 << row.g;
                return done(n);
            }
            Ok((None, ..)) | Err(_) => return done(n),
            Ok(_) => {}
        }
        n
    }

    /// Settles what a question found, to its end.
    fn settle_all(&self, s: &State, t: usize) -> State {
        let mut s = State { review: 0, late: 0, record: 0, ..*s };
        for _ in 0..4 {
            let before = s;
            s = self.settle(&s, t, 0, false);
            for (stage, bits) in [(1, s.review), (2, s.late), (3, s.record)] {
                if bits >> t & 1 == 1 {
                    s = self.settle(&s, t, stage, false);
                }
            }
            if s == before {
                break;
            }
        }
        State { review: 0, late: 0, record: 0, ..s }
    }

    /// The trades a question about an order's attempts brings to light: all but those of the attempt that was paid.
    fn found_by_asking<'a>(&'a self, s: &'a State, o: usize) -> impl Iterator<Item = usize> + 'a {
        let row = s.orders[o];
        let settled = row.txn.checked_sub(1).map(|t| self.product.trades[usize::from(t)].attempt);
        (0..self.product.trades.len()).filter(move |&t| {
            let trade = self.product.trades[t];
            let asked = usize::from(trade.order) == o && trade.attempt <= row.att && Some(trade.attempt) != settled;
            asked && s.paid >> t & 1 == 1 && row.again == 0
        })
    }

    /// Whether every provider says "not paid" of what is left to ask, and means it for ever.
    fn nothing_comes(&self, s: &State, o: usize) -> bool {
        let over = s.over >> o & 1 == 1 || self.on(Mutant::AskedTooEarly);
        // An answer "paid" settles; one that is none is taken for neither.
        let unsettled = |t: usize| s.rows[self.place(t)].st == 0;
        over && (!self.found_by_asking(s, o).any(unsettled) || self.on(Mutant::UnknownTakenForNo))
    }

    fn drain(&self, from: &State) -> Result<(), String> {
        // Every process has died, every provider's own expiry has passed, every notice is lost. A person does what a list asks for.
        let mut s = State { open: 0, over: 3, review: 0, late: 0, record: 0, row_to_call: 0, ..*from };
        for known in &mut s.known {
            *known = Known {
                said: known.said,
                reviewed: known.reviewed,
                delivered: known.delivered,
                returned_later: known.returned_later,
                ..Known::default()
            };
        }
        // Many states differ only in what the dead knew, and end alike.
        if self.ends_well.borrow().contains(&s) {
            return Ok(());
        }
        let first = s;
        for _ in 0..24 {
            let before = s;
            for o in 0..self.orders {
                self.drain_order(&mut s, o);
            }
            for t in 0..self.product.trades.len() {
                // A row is shown by `due`; a person sees what is written there.
                let row = s.rows[self.place(t)];
                if row.st == 1 && row.at != 0 && s.calls[self.place(t)] == 0 {
                    s.calls[self.place(t)] = UNITS;
                }
                if matches!(row.st, 1 | 2) && row.at != 0 {
                    self.write_row(&mut s, t, RowWrite::End(row, 3));
                }
            }
            if s == before {
                break;
            }
        }
        for o in 0..usize::from(self.orders) {
            let row = s.orders[o];
            if !matches!(row.st, ABSENT | VOID | EXPIRED | DELIVERED | REFUNDED) {
                return Err(format!("4: order {o} stays {:?}", row.state()));
            }
            if row.st != ABSENT && row.rf.iter().any(|byte| byte & 3 == 1) {
                return Err(format!("4: a refund of order {o} was started and is in no list"));
            }
        }
        for t in 0..self.product.trades.len() {
            let row = s.rows[self.place(t)];
            if matches!(row.st, 1 | 2) {
                return Err(format!("4: the row of trade {t} is in no list"));
            }
            let order = s.orders[usize::from(self.product.trades[t].order)];
            let own = self.product.is_own(&order, t as u8);
            // Of two payments of one attempt a provider names the first to whoever asks; the other one is found in its bill.
            let hidden = order.txn > 0
                && self.product.trades[usize::from(order.txn - 1)].attempt == self.product.trades[t].attempt;
            if s.paid >> t & 1 == 1 && !own && row.st == 0 && !hidden && !self.forgiving {
                return Err(format!("4: trade {t} was paid and nobody asks about it"));
            }
        }
        self.ends_well.borrow_mut().insert(first);
        Ok(())
    }

    /// What the timer, and whoever reads its lists, does for one order.
    fn drain_order(&self, s: &mut State, o: u8) {
        let at = usize::from(o);
        let row = s.orders[at];
        let in_strip = matches!(row.st, HELD | PAID);
        if row.st == ABSENT || (!in_strip && row.due == 0) {
            return;
        }
        if row.st == HELD || (row.due > 0 && row.att > 1) || row.st == EXPIRED {
            for t in self.found_by_asking(s, at).collect::<Vec<_>>() {
                *s = self.settle_all(s, t);
            }
        }
        let row = s.orders[at];
        match row.st {
            HELD => drop(self.write(s, o, Write::Lapse(row.att))),
            EXPIRED => drop(self.write(s, o, Write::NeverPaid(row))),
            REVIEW => {
                let passed = self.write(s, o, Write::PassReview(row)) != Answer::Refused;
                s.known[at].reviewed |= u8::from(passed);
            }
            LATE => drop(self.write(s, o, Write::Adopt(row))),
            PAID => {
                self.write(s, o, Write::Deliver(row.g));
                if s.orders[at].st == DELIVERED {
                    s.known[at].delivered = row.g + 1;
                }
            }
            REFUND_DUE | DELIVERED | REFUNDED if row.due > 0 => self.drain_refunds(s, o),
            _ => {}
        }
    }

    fn drain_refunds(&self, s: &mut State, o: u8) {
        let at = usize::from(o);
        let row = s.orders[at];
        for n in 1..=2 {
            if row.refund_state(n) == Some(RefundState::Started) {
                // The caller is dead: the provider's pages say what it did.
                let went_back = s.known[at].said >> (n - 1) & 1 == 1;
                let write = if went_back { Write::FinishRefund(row, n) } else { Write::FailRefund(n) };
                self.write(s, o, write);
                return;
            }
        }
        if row.st == REFUND_DUE {
            // Two refunds that came to nothing leave the third to a person, who returns the money elsewhere.
            if row.refunds() == 2 {
                s.orders[at] = Row { st: REFUNDED, due: 0, ..row };
                return;
            }
            if matches!(self.write(s, o, Write::StartRefund(row, UNITS, row.refunds())), Answer::Applied(_)) {
                let started = s.orders[at];
                s.calls[usize::from(row.txn - 1)] += UNITS;
                s.known[at].said |= 1 << row.refunds();
                self.write(s, o, Write::FinishRefund(started, row.refunds() + 1));
            }
            return;
        }
        self.write(s, o, Write::NothingLeft(row));
    }
}
