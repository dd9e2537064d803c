//! Liveness: every process dies, every notice is lost, and the timer drives what it can list: strips below the cursor that are not
//! sealed, and orders that carry `due`.

use super::steps::in_strip;
use super::{
    ABSENT, Answer, DELIVERED, EXPIRED, FREE, HELD, HeadWrite, LATE, Mutant, NIL, ORDERS, OVER, PAID, REFUND_DUE,
    SLOTS, Slots, State, StripWrite, Write, claim, has_ended, owner,
};
use crate::order::{REVIEW, UNITS};

impl Slots {
    pub(super) fn drain(&self, from: &State) -> Result<(), String> {
        let mut s =
            State { tries: [[OVER; 2]; ORDERS], release: [0; SLOTS], removals: 0, removing: [255, 0, 0], ..*from };
        s.orders.iter_mut().for_each(|own| (own.late, own.was_late) = (0, 0));
        if self.ends_well.borrow().contains(&s) {
            return Ok(());
        }
        let first = s;
        for _ in 0..80 {
            let before = s;
            self.pass(&mut s)?;
            if s == before {
                break;
            }
        }
        for (o, own) in s.orders.iter().enumerate() {
            if !has_ended(&own.row) {
                return Err(format!("4: order {o} stays {:?}", own.row.state()));
            }
        }
        for x in 0..self.slots() {
            let (b, at) = (x / self.size.cards, x % self.size.cards);
            let (p, no) = self.home(b);
            if no >= s.heads[p].n {
                continue;
            }
            let byte = self.byte(&s, x);
            if let Some((o, g)) = owner(byte) {
                let own = &s.orders[o];
                if !(own.row.is_live() && own.row.g == g && own.sl >> x & 1 == 1) {
                    return Err(format!("2: card {x} is held by nobody, for ever"));
                }
            } else if matches!(byte, FREE | NIL) {
                let hidden = no < s.heads[p].low || s.strips[b].z == 1 || s.strips[b].d >> at & 1 == 1;
                // A released card is found by reading every strip; a hint that was lost finds nothing.
                let unfound = self.on(Mutant::FoundByHintOnly) && byte == FREE && no < s.heads[p].c;
                if hidden || unfound {
                    return Err(format!("2: card {x} is free and never for sale"));
                }
            }
        }
        self.ends_well.borrow_mut().insert(first);
        Ok(())
    }

    fn pass(&self, s: &mut State) -> Result<(), String> {
        let mut seen = [false; ORDERS];
        for b in 0..self.size.strips {
            let (p, no) = self.home(b);
            if no < s.heads[p].low || no >= s.heads[p].c || s.strips[b].z == 1 {
                continue;
            }
            for at in (0..self.size.cards).filter(|at| s.strips[b].d >> at & 1 == 0).collect::<Vec<_>>() {
                let x = b * self.size.cards + at;
                let byte = self.byte(s, x);
                let Some((o, g)) = owner(byte) else { continue };
                seen[o] = true;
                if s.orders[o].row.st == ABSENT && g == 0 {
                    self.write_order(s, o, Write::Void);
                }
                if self.judge(s, x).0 {
                    self.write_strip(s, b, StripWrite::Release(byte, 1 << at));
                }
            }
        }
        for (o, seen) in seen.into_iter().enumerate().take(self.size.orders) {
            let row = s.orders[o].row;
            if (in_strip(&row) && seen) || (row.st != ABSENT && row.due > 0) {
                self.drive(s, o)?;
            }
        }
        for b in 0..self.size.strips {
            let (p, no) = self.home(b);
            let finals = (b * self.size.cards..(b + 1) * self.size.cards).all(|x| self.is_final(s, x));
            if no < s.heads[p].c && finals {
                self.write_strip(s, b, StripWrite::Seal);
            }
            if no == s.heads[p].low && s.strips[b].z == 1 {
                self.write_head(s, p, HeadWrite::RaiseLow(no));
            }
        }
        Ok(())
    }

    fn drive(&self, s: &mut State, o: usize) -> Result<(), String> {
        let own = s.orders[o];
        let row = own.row;
        match row.st {
            HELD | EXPIRED if own.paid == 1 => {
                for write in [Write::Pay(o as u8), Write::PayForReview(o as u8), Write::PayLate(o as u8)] {
                    self.write_order(s, o, write);
                }
            }
            HELD => drop(self.write_order(s, o, Write::Lapse(1))),
            EXPIRED => drop(self.write_order(s, o, Write::NeverPaid(row))),
            REVIEW => drop(self.write_order(s, o, Write::PassReview(row))),
            PAID => {
                if let Answer::Applied(_) = self.write_order(s, o, Write::Deliver(row.g)) {
                    (0..SLOTS).filter(|x| own.sl >> x & 1 == 1).for_each(|x| s.delivered[x] |= 1 << o);
                }
            }
            REFUND_DUE | DELIVERED => {
                if row.refunds() == 0 && row.st == REFUND_DUE {
                    self.write_order(s, o, Write::StartRefund(row, UNITS, 0));
                }
                self.write_order(s, o, Write::FinishRefund(s.orders[o].row, 1));
                self.write_order(s, o, Write::NothingLeft(s.orders[o].row));
            }
            LATE => self.drive_late(s, o)?,
            _ => {}
        }
        Ok(())
    }

    /// Late money at the hands of one worker that nobody disturbs.
    fn drive_late(&self, s: &mut State, o: usize) -> Result<(), String> {
        let own = s.orders[o];
        let (product, byte) = (usize::from(own.product), claim(o as u8, own.row.g + 1));
        let have = (0..self.size.strips).fold(0, |have, b| have | self.held_in(s, b, byte));
        if have.count_ones() >= u32::from(self.size.quantity) {
            if let Answer::Applied(_) = self.write_order(s, o, Write::Adopt(own.row)) {
                s.orders[o].sl = self.first_of(have);
            }
            return Ok(());
        }
        let mut more = None;
        for b in self.open_strips(s, product) {
            self.claim_in(s, b, byte, have, &mut |n, now| {
                if more.is_none() && now.count_ones() > have.count_ones() {
                    more = Some(n);
                }
            });
        }
        let head = s.heads[product];
        if let Some(more) = more {
            *s = more;
        } else if head.c < head.n {
            self.write_head(s, product, HeadWrite::MoveCursor);
        } else {
            let usable = |x: &usize| {
                let (p, no) = self.home(x / self.size.cards);
                p == product && no < head.n && matches!(self.byte(s, *x), FREE | NIL)
            };
            let free = (0..self.slots()).filter(usable).count() as u32 + have.count_ones();
            if free >= u32::from(self.size.quantity) && !self.on(Mutant::NoTopUp) {
                return Err(format!("4: late order {o} is owed back though there are cards"));
            }
            if free >= u32::from(self.size.quantity) {
                return Err(format!("2: order {o} finds no card though there are enough"));
            }
            self.write_order(s, o, Write::RefundLate(own.row));
            if self.on(Mutant::OwedAtSameGeneration) {
                s.orders[o].row.g = own.row.g;
            }
        }
        Ok(())
    }
}
