//! What may happen next among strips and their orders, and what must hold.

use super::{
    ABSENT, ANSWERED, Answer, DELIVERED, EXPIRED, FREE, HELD, HeadItem, HeadWrite, IDLE, LATE, Mutant, NIL, ORDERS,
    OVER, Owner, PAD, PAID, REFUND_DUE, REMOVED, RUNS, Row, SLOTS, STRIPS, Slots, State, StripItem, StripWrite, TRIES,
    WIDE, Write, claim, is_late, owner,
};
use crate::engine::{Step, World};
use crate::order::REVIEW;
use crate::strip::step;

type Next<'a> = &'a mut dyn FnMut(Step, State);

impl Slots {
    fn heads(&self, s: &State, next: Next<'_>) {
        for p in 0..self.products() {
            let head = s.heads[p];
            let mut go = |name, write| {
                let mut n = *s;
                self.write_head(&mut n, p, write);
                next(step(name, p, 0), n);
            };
            go("C0", HeadWrite::MoveCursor);
            if usize::from(head.n) < self.strips_of(p).count() {
                go("A1n", HeadWrite::PutOnSale(head.n, head.n + 1));
            }
            if head.n > 0 {
                go("A1n", HeadWrite::PutOnSale(head.n - 1, head.n));
            }
            for low in 0..=head.low {
                let sealed = self.strips_of(p).any(|b| self.home(b).1 == low && s.strips[b].z == 1);
                if sealed || self.on(Mutant::LowUnsealed) {
                    go("Z2", HeadWrite::RaiseLow(low));
                }
            }
        }
    }

    fn creates(&self, s: &State, o: usize, stopped: bool, next: Next<'_>) {
        for k in 0..self.size.tries {
            let (try_, p) = (s.tries[o][k], self.product_of_try(k));
            let set = |mut n: State, value: u8| {
                n.tries[o][k] = value;
                n
            };
            if try_ == IDLE && (k == 0 || s.tries[o][k - 1] != IDLE) && !stopped {
                next(step("create", o, k), set(*s, RUNS));
            }
            if !(RUNS..ANSWERED).contains(&try_) {
                continue;
            }
            let (have, byte) = (try_ & !RUNS, claim(o as u8, 0));
            for b in self.open_strips(s, p) {
                self.claim_in(s, b, byte, have, &mut |n, have| next(step("C1", o, b), set(n, RUNS | have)));
            }
            if have.count_ones() >= u32::from(self.size.quantity) {
                let mut n = *s;
                let other = s.orders[o].row.st != ABSENT && usize::from(s.orders[o].product) != p;
                let answer = self.write_order(&mut n, o, Write::Place(o == 0 && self.size.review));
                if matches!(answer, Answer::Applied(_)) {
                    n.orders[o].sl = self.first_of(have);
                    n.orders[o].product = p as u8;
                }
                let refused = answer == Answer::Refused || (other && !matches!(answer, Answer::Applied(_)));
                next(step("C2", o, k), set(n, if refused { OVER } else { ANSWERED }));
            } else if have != 0 && self.on(Mutant::ReleaseBeforeTombstone) {
                let mut n = *s;
                (0..self.slots()).filter(|x| have >> x & 1 == 1 && self.byte(s, *x) == byte).for_each(|x| {
                    n.strips[x / self.size.cards].h[x % self.size.cards] = FREE;
                });
                self.write_order(&mut n, o, Write::Void);
                next(step("short", o, k), set(n, OVER));
            }
        }
        let claimed = (0..self.slots()).any(|x| owner(self.byte(s, x)) == Some((o, 0)));
        if s.orders[o].row.st == ABSENT && claimed && !self.on(Mutant::ReleaseAbsent) && s.restored != 1 {
            let mut n = *s;
            self.write_order(&mut n, o, Write::Void);
            next(step("X2", o, 0), n);
        }
    }

    fn money(&self, s: &State, o: usize, next: Next<'_>) {
        let own = s.orders[o];
        if s.tries[o].contains(&ANSWERED) && own.paid == 0 {
            let mut n = *s;
            n.orders[o].paid = 1;
            next(step("paid", o, 0), n);
        }
        if own.paid == 1 {
            for (name, write) in
                [("W1", Write::Pay(o as u8)), ("V1", Write::PayForReview(o as u8)), ("W2", Write::PayLate(o as u8))]
            {
                let mut n = *s;
                self.write_order(&mut n, o, write);
                next(step(name, o, 0), n);
            }
        }
    }

    fn moves(&self, s: &State, o: usize, next: Next<'_>) {
        let own = s.orders[o];
        let row = own.row;
        let mut go = |name, write, after: &dyn Fn(&mut State)| {
            let mut n = *s;
            if matches!(self.write_order(&mut n, o, write), Answer::Applied(_)) {
                if self.on(Mutant::OwedAtSameGeneration) && n.orders[o].row.st == REFUND_DUE {
                    n.orders[o].row.g = row.g;
                }
                after(&mut n);
                next(step(name, o, usize::from(row.g)), n);
            }
        };
        go("X1", Write::Lapse(1), &|_| {});
        go("V2", Write::PassReview(row), &|_| {});
        go("V3", Write::RefuseReview(row), &|_| {});
        go("F0", Write::RefundUndelivered(row), &|_| {});
        go("D1", Write::Deliver(row.g), &|n| {
            (0..SLOTS).filter(|x| own.sl >> x & 1 == 1).for_each(|x| n.delivered[x] |= 1 << o);
        });
        if matches!(row.st, REFUND_DUE | DELIVERED) && row.refunds() == 0 && row.txn > 0 {
            go("F1", Write::StartRefund(row, crate::order::UNITS, 0), &|n| {
                self.write_order(n, o, Write::FinishRefund(n.orders[o].row, 1));
            });
        }
        // Nobody pays it any more: nothing is left, and it may be forgotten when nothing that began before still runs.
        if row.st == EXPIRED && own.paid == 0 {
            go("Q3", Write::NeverPaid(row), &|n| n.orders[o].paid = 2);
        }
        let tokens = |x: usize| s.release[x] >> (o * 4) & 15 != 0;
        let quiet = s.tries[o].iter().all(|t| !(RUNS..ANSWERED).contains(t)) && !(0..SLOTS).any(tokens);
        if row.ttl == 1 && (quiet || self.on(Mutant::ForgottenEarly)) {
            let mut n = *s;
            n.orders[o] = Owner::default();
            for t in &mut n.tries[o] {
                *t = if *t == ANSWERED { OVER } else { *t };
            }
            next(step("forgotten", o, 0), n);
        }
        if row.st == DELIVERED && self.on(Mutant::SwapRaisesGeneration) && row.g == 0 {
            let mut n = *s;
            n.orders[o].row.g += 1;
            next(step("swap", o, 0), n);
        }
    }

    fn late_money(&self, s: &State, o: usize, stopped: bool, next: Next<'_>) {
        let own = s.orders[o];
        if is_late(&own.row) && own.was_late == 0 && !stopped {
            let mut n = *s;
            n.orders[o].was_late = 1;
            next(step("seen", o, 0), n);
        }
        if own.was_late == 0 {
            return;
        }
        let byte = claim(o as u8, 1);
        for b in self.open_strips(s, usize::from(own.product)) {
            if is_late(&own.row) {
                // Each worker knows what it claimed itself, of which there may be several.
                let alone = (0..SLOTS).map(|x| own.late & 1 << x).filter(|bit| *bit != 0);
                for have in std::iter::once(0).chain(alone) {
                    self.claim_in(s, b, byte, have, &mut |mut n, have| {
                        n.orders[o].late |= have;
                        next(step("L1", o, b), n);
                    });
                }
            } else if !stopped {
                // One that froze before its claim and thaws when everything is decided.
                self.claim_in(s, b, byte, 0, &mut |n, _| next(step("L1 thawed", o, b), n));
            }
        }
        let read = Row { st: LATE, g: 0, att: 1, txn: own.row.txn, ..Row::default() };
        let mut n = *s;
        if matches!(self.write_order(&mut n, o, Write::RefundLate(read)), Answer::Applied(_)) {
            if self.on(Mutant::OwedAtSameGeneration) {
                n.orders[o].row.g = 0;
            }
            next(step("L3", o, 0), n);
        }
        let mut slots = own.late;
        while slots != 0 {
            if slots.count_ones() == u32::from(self.size.quantity) {
                let mut n = *s;
                if matches!(self.write_order(&mut n, o, Write::Adopt(read)), Answer::Applied(_)) {
                    n.orders[o].sl = slots;
                    next(step("L2", o, usize::from(slots)), n);
                }
            }
            slots = (slots - 1) & own.late;
        }
    }

    /// Releases, on what somebody concluded at some time.
    fn releases(&self, s: &State, next: Next<'_>) {
        for x in 0..self.slots() {
            let (b, at) = (x / self.size.cards, x % self.size.cards);
            let byte = self.byte(s, x);
            if owner(byte).is_none() {
                continue;
            }
            let bit = 1u16 << (byte - 4);
            if s.release[x] & bit == 0 && s.restored != 1 && self.judge(s, x).0 {
                let mut n = *s;
                n.release[x] |= bit;
                next(step("judged", x, usize::from(byte - 4)), n);
            }
            for other in (0..12).filter(|other| s.release[x] >> other & 1 == 1) {
                let mut n = *s;
                self.write_strip(&mut n, b, StripWrite::Release(other + 4, 1 << at));
                next(step("X3", x, usize::from(other)), n);
            }
        }
    }

    fn seller(&self, s: &State, next: Next<'_>) {
        if s.removals == 0 {
            return;
        }
        for b in 0..self.size.strips {
            let len = s.strips[b].len(self.size.cards);
            for at in 0..self.size.cards {
                if s.removing[0] == 255 && (at >= len || s.strips[b].h[at] == FREE) {
                    let mut n = State { removing: [len as u8, b as u8, at as u8], ..*s };
                    n.meant |= 1 << (b * self.size.cards + at);
                    next(step("names", b, at), n);
                }
            }
        }
        if s.removing[0] != 255 {
            let [seen, b, at] = s.removing;
            let mut n = *s;
            if let Answer::Applied(_) = self.write_strip(&mut n, usize::from(b), StripWrite::Remove(seen, at)) {
                n.removals -= 1;
                n.removing[0] = 255;
            }
            next(step("A2", usize::from(b), usize::from(at)), n);
        }
    }

    /// Marks and seals.
    fn tidying(&self, s: &State, next: Next<'_>) {
        for b in 0..self.size.strips {
            let (p, no) = self.home(b);
            if no >= s.heads[p].c || s.restored == 1 {
                continue;
            }
            let cards = self.size.cards;
            let finals = (0..cards).filter(|i| self.is_final(s, b * cards + i)).fold(0u8, |bits, i| bits | 1 << i);
            let mut go = |name, write| {
                let mut n = *s;
                self.write_strip(&mut n, b, write);
                next(step(name, b, usize::from(finals)), n);
            };
            if self.size.marks && finals & !s.strips[b].d != 0 {
                go("M1", StripWrite::Mark(s.strips[b].d, finals));
            }
            let all = finals == (1u8 << cards) - 1;
            if all || (self.on(Mutant::SealSome) && finals != 0) {
                go("Z", StripWrite::Seal);
            }
        }
    }

    fn restore(&self, s: &State, next: Next<'_>) {
        if s.copied == 0 {
            let copy = s.strips.map(|strip| strip.h);
            next(step("copied", 0, 0), State { copied: 1, copy, copied_heads: s.heads, ..*s });
        } else if s.restored == 0 {
            let mut n = State { restored: 1, heads: s.copied_heads, ..*s };
            n.strips = s.copy.map(|h| StripItem { h, z: 0, d: 0 });
            n.tries.iter_mut().flatten().filter(|t| (RUNS..ANSWERED).contains(*t)).for_each(|t| *t = OVER);
            n.orders.iter_mut().for_each(|own| (own.late, own.was_late) = (0, 0));
            next(step("restored", 0, 0), n);
        }
        if s.restored != 1 {
            return;
        }
        for (o, own) in s.orders.iter().enumerate().filter(|(_, own)| own.row.is_live()) {
            for x in (0..self.slots()).filter(|x| own.sl >> x & 1 == 1) {
                let (b, at) = (x / self.size.cards, x % self.size.cards);
                let (p, no) = self.home(b);
                let mut n = *s;
                if s.heads[p].c <= no {
                    self.write_head(&mut n, p, HeadWrite::MoveCursor);
                }
                let byte = self.byte(&n, x);
                if matches!(byte, NIL | FREE) || self.on(Mutant::PutBackBlindly) {
                    let len = n.strips[b].len(self.size.cards) as u8;
                    self.write_strip(&mut n, b, StripWrite::PutBack(len, at as u8, claim(o as u8, own.row.g)));
                }
                next(step("X4", o, x), n);
            }
        }
        let below = |b: usize| self.home(b).1 < s.heads[self.home(b).0].c;
        let opened = (0..SLOTS).all(|x| s.orders.iter().all(|own| own.sl >> x & 1 == 0 || below(x / self.size.cards)));
        if (0..ORDERS).all(|o| self.stands(s, o).is_ok()) && opened {
            next(step("opened", 0, 0), State { restored: 2, ..*s });
        }
    }
}

impl World for Slots {
    type State = State;

    fn start(&self) -> State {
        let mut state = State {
            strips: [StripItem::default(); STRIPS],
            heads: [HeadItem::default(); 2],
            orders: [Owner::default(); ORDERS],
            tries: [[IDLE; TRIES]; ORDERS],
            release: [0; SLOTS],
            delivered: [0; SLOTS],
            removals: self.size.removals,
            removing: [255, 0, 0],
            meant: 0,
            copied: 0,
            copy: [[0; WIDE]; STRIPS],
            copied_heads: [HeadItem::default(); 2],
            restored: 0,
        };
        for p in 0..self.products() {
            state.heads[p].n = self.size.on_sale;
        }
        for i in 0..self.size.pad {
            state.strips[1].h[i] = PAD;
        }
        state
    }

    fn steps(&self, s: &State, next: Next<'_>) {
        // After a restore nothing runs but the taking in of money and the audit that mends.
        let stopped = s.restored == 1 && !self.on(Mutant::OpenAfterRestore);
        for o in 0..self.size.orders {
            self.money(s, o, next);
        }
        if self.size.restores {
            self.restore(s, next);
        }
        if stopped {
            return;
        }
        self.heads(s, next);
        for o in 0..self.size.orders {
            self.creates(s, o, stopped, next);
            self.moves(s, o, next);
            self.late_money(s, o, stopped, next);
        }
        self.releases(s, next);
        self.seller(s, next);
        self.tidying(s, next);
    }

    fn check(&self, s: &State) -> Result<(), String> {
        let mut of = [ORDERS; SLOTS];
        for (o, own) in s.orders.iter().enumerate().filter(|(_, own)| own.row.is_live()) {
            if own.sl.count_ones() != u32::from(self.size.quantity) {
                return Err(format!("1: order {o} owns another number of cards than it bought"));
            }
            for x in (0..self.slots()).filter(|x| own.sl >> x & 1 == 1) {
                if std::mem::replace(&mut of[x], o) != ORDERS {
                    return Err(format!("1: card {x} belongs to two orders"));
                }
            }
            if s.restored != 1
                && let Err(x) = self.stands(s, o)
            {
                return Err(format!("1: order {o} lost card {x}"));
            }
            if matches!(own.row.st, PAID | REVIEW | DELIVERED) && own.row.txn == 0 {
                return Err(format!("3: order {o} was never paid"));
            }
        }
        for x in 0..self.slots() {
            let (byte, b, at) = (self.byte(s, x), x / self.size.cards, x % self.size.cards);
            if s.delivered[x].count_ones() > 1 {
                return Err(format!("1: card {x} was shown to two buyers"));
            }
            let sold_to = owner(byte).map_or(0, |(o, _)| 1u8 << o);
            if s.restored != 1 && s.delivered[x] & !sold_to != 0 {
                return Err(format!("1: sold card {x} is for sale, removed or somebody else's"));
            }
            if byte == REMOVED && s.meant >> x & 1 == 0 {
                return Err(format!("2: card {x} was removed and another one was meant"));
            }
            if (b == 1 && at < self.size.pad) != (byte == PAD) {
                return Err(format!("2: card {x} came from nowhere or went there"));
            }
            let (p, no) = self.home(b);
            let hidden = s.strips[b].z == 1 || s.strips[b].d >> at & 1 == 1 || no < s.heads[p].low;
            let true_final = match owner(byte) {
                Some((o, g)) => {
                    let own = &s.orders[o];
                    own.row.st == DELIVERED && own.row.g == g && own.sl >> x & 1 == 1
                }
                None => matches!(byte, PAD | REMOVED),
            };
            if hidden && !true_final && s.restored != 1 {
                return Err(format!("2: card {x} is sealed, marked or below the watermark, and not final"));
            }
        }
        for (b, strip) in s.strips.iter().enumerate().take(self.size.strips) {
            if (strip.len(self.size.cards)..self.size.cards).any(|i| strip.h[i] != NIL) {
                return Err(format!("2: strip {b} has a hole"));
            }
            let tally = strip.strip(0, self.size.cards).tally(|_, position| {
                let x = b * self.size.cards + usize::from(position) + self.size.cards - 48;
                s.delivered[x] != 0
            });
            let pad = if b == 1 { self.size.pad } else { 0 };
            if tally.free + tally.held + tally.sold + tally.removed != (self.size.cards - pad) as u64 {
                return Err(format!("2: the cards of strip {b} do not add up"));
            }
        }
        if s.restored == 1 { Ok(()) } else { self.drain(s) }
    }
}

/// States in which the timer finds an order by its strip alone.
pub(super) fn in_strip(row: &Row) -> bool {
    matches!(row.st, HELD | PAID)
}
