//! What may happen next among orders and money, and what must hold.

use super::{Known, Money, RowItem, RowWrite, State, TRADES};
use crate::engine::{Step, World};
use crate::mutants::Mutant;
use crate::order::{
    ABSENT, Answer, DELIVERED, EXPIRED, HELD, LATE, PAID, REFUND_DUE, REFUNDED, REVIEW, Row, UNITS, VOID, Write, refund,
};
use domain::refund::RefundState;

type Next<'a> = &'a mut dyn FnMut(Step, State);

fn step(name: &'static str, who: usize, what: usize) -> Step {
    Step { name, who: who as u8, what: what as u8 }
}

impl Money {
    /// A write on an order as a step of its own; `after` is what its writer then does.
    fn go(&self, s: &State, o: usize, at: Step, write: Write, next: Next<'_>, after: impl Fn(&mut State, Answer<Row>)) {
        let mut n = *s;
        let answer = self.write(&mut n, o as u8, write);
        after(&mut n, answer);
        next(at, n);
    }

    fn births(&self, s: &State, o: usize, next: Next<'_>) {
        let row = s.orders[o];
        for review in [false, true].into_iter().take(1 + usize::from(self.reviews)) {
            let first = Step { name: "C2", who: o as u8, what: u8::from(review) };
            self.go(s, o, first, Write::Place(review), next, |n, answer| {
                if matches!(answer, Answer::Applied(_)) && row.again == 0 {
                    n.open |= 1 << (2 * o);
                    n.opened |= 1 << (2 * o);
                }
            });
        }
        if row.again == 0 {
            self.go(s, o, step("X2", o, 0), Write::Void, next, |_, _| {});
        }
        let second = 1 << (2 * o + 1);
        if row.again == 0 && self.product.trades.iter().any(|t| usize::from(t.order) == o && t.attempt == 2) {
            self.go(
                s,
                o,
                step("C3", o, 2),
                Write::AddAttempt(Row { st: HELD, att: 1, ..Row::default() }),
                next,
                |_, _| {},
            );
            // Its writer goes to the provider afterwards, perhaps much later, whatever became of the order.
            if row.att == 2 && s.opened & second == 0 && s.over >> o & 1 == 0 {
                next(step("open", o, 2), State { open: s.open | second, opened: s.opened | second, ..*s });
            }
        }
        // The table forgets whatever carries a time limit. Nothing that began thirty days ago still runs.
        if row.ttl == 1 {
            let mut n = *s;
            n.orders[o] = Row { again: 1, ..Row::default() };
            n.known[o] = Known { delivered: s.known[o].delivered, ..Known::default() };
            next(step("forgotten", o, 0), n);
        }
    }

    fn outside(&self, s: &State, next: Next<'_>) {
        for t in 0..self.product.trades.len() {
            let bit = self.attempt_bit(t);
            if (s.open & bit != 0 || (self.forgiving && s.opened & bit != 0)) && s.paid >> t & 1 == 0 {
                next(step("paid", t, 0), State { paid: s.paid | 1 << t, ..*s });
            }
        }
        for o in 0..usize::from(self.orders) {
            if s.over >> o & 1 == 0 && s.opened >> (2 * o) & 3 != 0 {
                next(step("over", o, 0), State { over: s.over | 1 << o, open: s.open & !(3 << (2 * o)), ..*s });
            }
        }
    }

    fn notices(&self, s: &State, next: Next<'_>) {
        for t in 0..self.product.trades.len() {
            if s.paid >> t & 1 == 1 {
                next(step("W1", t, 0), self.settle(s, t, 0, true));
            }
            for (name, stage, bits) in [("V1", 1, s.review), ("W2", 2, s.late), ("M0", 3, s.record)] {
                if bits >> t & 1 == 1 {
                    next(step(name, t, 0), self.settle(s, t, stage, true));
                }
            }
        }
    }

    fn ends(&self, s: &State, o: usize, next: Next<'_>) {
        let (row, known) = (s.orders[o], s.known[o]);
        if row.st == HELD && row.att > 0 {
            let mut n = *s;
            n.known[o].asked |= 1 << (row.att - 1);
            next(step("asked", o, usize::from(row.att)), n);
        }
        for seen in 1..=2u8 {
            if known.asked >> (seen - 1) & 1 == 1 {
                self.go(s, o, step("X1", o, usize::from(seen)), Write::Lapse(seen), next, |_, _| {});
            }
        }
    }

    /// The timer looks at what stands in the list, and writes on what it saw.
    fn looks(&self, s: &State, o: usize, next: Next<'_>) {
        let (row, known) = (s.orders[o], s.known[o]);
        if row.due > 0 && !matches!(row.st, ABSENT | VOID | LATE) {
            let comes = row.att > 1 && !self.nothing_comes(s, o);
            let busy = matches!(row.st, REVIEW | REFUND_DUE) || row.rf.iter().any(|byte| byte & 3 == 1);
            let look = match row.st {
                HELD => 1,
                EXPIRED => 1 + 2 * u8::from(self.nothing_comes(s, o)),
                _ => 1 + u8::from(!comes && !busy),
            };
            if look == 1 {
                // A later time, written late, is refused like any other old reading and changes nothing but when.
                self.go(s, o, step("Q1", o, 0), Write::AskLater(row), next, |_, _| {});
            } else {
                let mut n = *s;
                (n.known[o].look, n.known[o].look_st) = (look, row.st);
                (n.known[o].look_due, n.known[o].look_rf) = (row.due, row.refunds());
                next(step("looked", o, usize::from(look)), n);
            }
        }
        let mut read = Row { st: known.look_st, due: known.look_due, att: row.att, ..Row::default() };
        for place in 0..usize::from(known.look_rf) {
            read.rf[place] = refund(RefundState::Started, 1, place as u8);
        }
        let (name, write) = match known.look {
            2 => ("Q2", Write::NothingLeft(read)),
            3 => ("Q3", Write::NeverPaid(read)),
            _ => return,
        };
        self.go(s, o, step(name, o, 0), write, next, |_, _| {});
    }

    /// Late money, reviews and the seller's wish to return what is not delivered: each seen once and decided at any time.
    fn decisions(&self, s: &State, o: usize, next: Next<'_>) {
        let (row, known) = (s.orders[o], s.known[o]);
        let bit = match (row.st, row.g) {
            (LATE, _) => 0,
            (REVIEW, g) => 1 + usize::from(g),
            (PAID, g) => 3 + usize::from(g),
            _ => 7,
        };
        if bit < 7 {
            let mut n = *s;
            n.known[o].seen |= 1 << bit;
            if row.st == PAID {
                n.known[o].messages |= 1 << row.g;
            }
            next(step("seen", o, bit), n);
        }
        let read = |st: u8, g: u8| Row { st, g, att: row.att, txn: row.txn, rv: row.rv, ..Row::default() };
        let sends = |n: &mut State, answer: Answer<Row>| {
            if let (Answer::Applied(after), true) = (answer, n.orders[o].st == PAID) {
                n.known[o].messages |= 1 << after.g;
            }
        };
        if known.seen & 1 == 1 {
            self.go(s, o, step("L2", o, 1), Write::Adopt(read(LATE, 0)), next, sends);
            self.go(s, o, step("L3", o, 2), Write::RefundLate(read(LATE, 0)), next, |_, _| {});
        }
        for g in 0..2u8 {
            if known.seen >> (1 + g) & 1 == 1 {
                let passes = |n: &mut State, answer: Answer<Row>| {
                    if matches!(answer, Answer::Applied(_)) {
                        n.known[o].reviewed = 1;
                        sends(n, answer);
                    }
                };
                self.go(s, o, step("V2", o, usize::from(g)), Write::PassReview(read(REVIEW, g)), next, passes);
                self.go(s, o, step("V3", o, usize::from(g)), Write::RefuseReview(read(REVIEW, g)), next, |_, _| {});
            }
            if known.seen >> (3 + g) & 1 == 1 {
                let write = Write::RefundUndelivered(read(PAID, g));
                self.go(s, o, step("F0", o, usize::from(g)), write, next, |_, _| {});
            }
        }
        for g in 0..8u8 {
            if known.messages >> g & 1 == 1 {
                self.go(s, o, step("D1", o, usize::from(g)), Write::Deliver(g), next, |n, answer| {
                    if matches!(answer, Answer::Applied(_)) {
                        n.known[o].delivered = g + 1;
                    }
                });
            }
        }
        if row.st == PAID && self.on(Mutant::RefundBeforeWrite) && row.txn > 0 {
            let mut n = *s;
            n.calls[self.place(usize::from(row.txn - 1))] = UNITS;
            next(step("call", o, 0), n);
        }
    }

    fn refund_steps(&self, s: &State, o: usize, next: Next<'_>) {
        let (row, known) = (s.orders[o], s.known[o]);
        if row.txn == 0 || row.st == ABSENT {
            return;
        }
        let movement = self.place(usize::from(row.txn - 1));
        let parts = |rf: &[u8; 2]| rf.iter().filter(|b| **b & 3 != 3).map(|b| b >> 2 & 3).sum::<u8>();
        let left = UNITS.saturating_sub(parts(&row.rf));
        // A click is about what its page showed. All of it is one wish however often it is clicked; parts have a key each.
        let clicks = matches!(row.st, REFUND_DUE | DELIVERED) && row.refunds() < 1 + u8::from(self.refunds) && left > 0;
        let start = |s: &State, read: Row, units: u8, next: Next<'_>| {
            let whole = units == UNITS.saturating_sub(parts(&read.rf));
            let failed = read.rf.iter().filter(|b| **b & 3 == 3).count() as u8;
            let request = if whole { failed } else { 4 + read.refunds() };
            let write = Write::StartRefund(read, units, request);
            self.go(s, o, step("F1", o, usize::from(units)), write, next, |n, answer| {
                if matches!(answer, Answer::Applied(_)) {
                    n.known[o].to_call |= 1 << read.refunds();
                    n.known[o].said &= !(17 << read.refunds());
                    n.known[o].returned_later |= u8::from(row.st == DELIVERED);
                }
            });
        };
        if clicks {
            let most = if self.on(Mutant::WishUnchecked) { UNITS } else { left };
            for units in 1..=most {
                let fits = units == left || row.st == DELIVERED;
                if fits && self.refunds {
                    let mut n = *s;
                    (n.known[o].click_st, n.known[o].click_rf, n.known[o].click_units) = (row.st, row.rf, units);
                    next(step("click", o, usize::from(units)), n);
                } else if units == left {
                    start(s, row, units, next);
                }
            }
        }
        if known.click_st > 0 {
            let read = Row { st: known.click_st, rf: known.click_rf, ..row };
            start(s, read, known.click_units, next);
        }
        for n in 0..2usize {
            let units = row.rf[n] >> 2 & 3;
            if known.to_call >> n & 1 == 1 {
                let mut called = *s;
                called.known[o].to_call &= !(1 << n);
                let mut refused = called;
                called.calls[movement] += units;
                called.known[o].said |= 1 << n;
                next(step("call", o, n + 1), called);
                if self.refunds {
                    // An explicit no; or nothing was called, and a person saw that nothing had moved.
                    refused.known[o].said |= 16 << n;
                    next(step("no", o, n + 1), refused);
                }
            }
            let lost = row.rf[n] & 3 == 1 && known.said >> n & 1 == 1;
            if lost && self.on(Mutant::CalledAgain) && s.calls[movement] < 2 * UNITS {
                let mut again = *s;
                again.calls[movement] += units;
                next(step("call again", o, n + 1), again);
            }
        }
        if row.refunds() > 0 && self.refunds && known.said != 0 {
            let mut n = *s;
            (n.known[o].end_st, n.known[o].end_rf) = (row.st, row.rf);
            next(step("read", o, 0), n);
        }
        let read = if self.refunds { Row { st: known.end_st, rf: known.end_rf, ..row } } else { row };
        for n in 1..=2u8 {
            if known.said >> (n - 1) & 1 == 1 && read.st != 0 && read.rf[usize::from(n - 1)] != 0 {
                self.go(s, o, step("F2", o, usize::from(n)), Write::FinishRefund(read, n), next, |_, _| {});
            }
            if known.said >> (n + 3) & 1 == 1 {
                self.go(s, o, step("F3", o, usize::from(n)), Write::FailRefund(n), next, |_, _| {});
            }
        }
    }

    fn row_steps(&self, s: &State, t: usize, next: Next<'_>) {
        let row = s.rows[t];
        if row.st == 0 {
            return;
        }
        let read = if self.rows { s.row_seen[t] } else { row };
        if self.rows && read != row {
            let mut n = *s;
            n.row_seen[t] = row;
            next(step("row seen", t, usize::from(row.st)), n);
        }
        let pending = s.row_to_call >> t & 1 == 1;
        if pending {
            let mut n = State { row_to_call: s.row_to_call & !(1 << t), ..*s };
            if self.rows {
                next(step("no", t, 0), n);
            }
            n.calls[t] += UNITS;
            next(step("call", t, 0), n);
        }
        let mut go = |name, write: RowWrite, calls: bool| {
            let mut n = *s;
            let answer = self.write_row(&mut n, t, write);
            if calls && matches!(answer, Answer::Applied(_)) {
                n.row_to_call |= 1 << t;
            }
            next(step(name, t, 0), n);
        };
        match read.st {
            1 => {
                go("M2 return", RowWrite::Decide(read, 2), true);
                if self.rows {
                    go("M3 keep", RowWrite::End(read, 4), false);
                }
            }
            2 => {
                if self.rows && read.at < 3 {
                    go("M2 later", RowWrite::Decide(read, 2), false);
                }
                if s.calls[t] > 0 {
                    go("M3 returned", RowWrite::End(read, 3), false);
                } else if self.rows && !pending && read.at < 4 {
                    go("M2 open", RowWrite::Decide(read, 1), false);
                }
            }
            _ => {}
        }
    }

    fn restore_steps(&self, s: &State, next: Next<'_>) {
        let row = s.orders[0];
        if row.st == PAID && s.backup == 0 {
            next(step("backup", 0, 0), State { backup: row.g + 1, ..*s });
        }
        if s.backup > 0 && s.restored == 0 && row.st != ABSENT {
            let mut n = State { restored: 1, ..*s };
            n.orders[0] = Row { st: PAID, g: s.backup - 1, rf: [0; 2], due: u8::from(row.att > 1), why: 0, ..row };
            next(step("restored", 0, 0), n);
        }
    }
}

impl World for Money {
    type State = State;

    fn start(&self) -> State {
        let mut state = State {
            orders: [Row::default(); 2],
            known: [Known::default(); 2],
            open: 0,
            opened: 0,
            over: 0,
            paid: 0,
            told: 0,
            review: 0,
            late: 0,
            record: 0,
            rows: [RowItem::default(); TRADES],
            row_to_call: 0,
            row_seen: [RowItem::default(); TRADES],
            calls: [0; TRADES],
            backup: 0,
            restored: 0,
            backwards: 0,
        };
        state.orders[0] = self.from;
        if self.from.st != ABSENT {
            let all = (1 << self.from.att) - 1;
            (state.open, state.opened, state.paid) = (all, all, 1);
            state.known[0].messages = u8::from(self.from.st == PAID);
            state.known[0].delivered = u8::from(self.from.st == DELIVERED);
        }
        state
    }

    fn steps(&self, s: &State, next: Next<'_>) {
        self.outside(s, next);
        self.notices(s, next);
        if self.restores {
            self.restore_steps(s, next);
            // Nothing runs but the taking in of money until the audit is clean.
            if s.restored == 1 && !self.on(Mutant::OpenAfterRestore) {
                return;
            }
        }
        for o in 0..usize::from(self.orders) {
            self.births(s, o, next);
            self.ends(s, o, next);
            self.looks(s, o, next);
            self.decisions(s, o, next);
            self.refund_steps(s, o, next);
        }
        for t in 0..self.product.trades.len() {
            self.row_steps(s, t, next);
        }
    }

    fn check(&self, s: &State) -> Result<(), String> {
        if s.backwards == 1 {
            return Err("7: an order moved backwards".to_owned());
        }
        for (t, trade) in self.product.trades.iter().enumerate() {
            let row = s.rows[self.place(t)];
            let order = s.orders[usize::from(trade.order)];
            let own = self.product.is_own(&order, t as u8);
            // A row stands for one movement; another one that only has the same name is not written down by it.
            let recorded =
                row.st > 0 && (0..t).all(|other| self.place(other) != self.place(t) || s.told >> other & 1 == 0);
            if s.told >> t & 1 == 1 && !own && !recorded {
                return Err(format!("5: trade {t} was answered with success and stands nowhere"));
            }
            if own && row.st > 0 && self.place(t) == t {
                return Err(format!("4: trade {t} pays its order and stands as a row"));
            }
            if row.st == 1 && s.calls[self.place(t)] > 0 {
                return Err(format!("4: the row of trade {t} is open although its money went back"));
            }
            if s.calls[t] > UNITS {
                return Err(format!("4: more of trade {t} went back than came"));
            }
        }
        for o in 0..usize::from(self.orders) {
            let (row, known) = (s.orders[o], s.known[o]);
            if let Some(trade) = row.txn.checked_sub(1).map(|t| self.product.trades[usize::from(t)])
                && !trade.right
            {
                return Err(format!("3: order {o} was paid with a wrong amount"));
            }
            if known.delivered > 0 && row.st != ABSENT {
                let went_back = row.txn > 0 && s.calls[self.place(usize::from(row.txn - 1))] > 0;
                if went_back && known.returned_later == 0 {
                    return Err(format!("4: order {o} was delivered and its money went back"));
                }
                if row.txn == 0 {
                    return Err(format!("3: order {o} was delivered without money"));
                }
                if row.rv == 1 && known.reviewed == 0 {
                    return Err(format!("3: order {o} was delivered before anybody looked"));
                }
                if s.restored == 0 && (known.delivered != row.g + 1 || matches!(row.st, REFUND_DUE | REFUNDED)) {
                    return Err(format!("7: order {o} was delivered and goes on"));
                }
            }
        }
        if s.restored == 1 { Ok(()) } else { self.drain(s) }
    }
}
