//! One order as bytes, the domain's own order that the bytes stand for, and every write on it as the model believes it to be.
//!
//! What an event does to an order is asked of [`domain::order::decide`]; the model adds what stands in the store's conditions and
//! updates beside that: the reading a write was decided on, `due`, the time limit, the numbers of refunds. A test holds both
//! against the store.

use crate::engine::FastBuild;
use crate::mutants::{Mutant, Mutants};
use domain::order::{Attempt, Due, DueKind, Event, Order, Payment, Refusal, Settled, State, Why, decide};
use domain::refund::{Refund, RefundState, done, returned};
use domain::stock::SlotRun;
use domain::{AccountId, Currency, OrderId, OutTradeNo, ProductId, Txn};
use std::cell::RefCell;
use std::collections::HashMap;

/// No order stands at the id.
pub const ABSENT: u8 = 0;
/// The other values of [`Row::st`]: a state's place in [`State::ALL`], and one.
pub const VOID: u8 = 1;
/// See [`VOID`].
pub const HELD: u8 = 2;
/// See [`VOID`].
pub const REVIEW: u8 = 3;
/// See [`VOID`].
pub const PAID: u8 = 4;
/// See [`VOID`].
pub const DELIVERED: u8 = 5;
/// See [`VOID`].
pub const EXPIRED: u8 = 6;
/// See [`VOID`].
pub const LATE: u8 = 7;
/// See [`VOID`].
pub const REFUND_DUE: u8 = 8;
/// See [`VOID`].
pub const REFUNDED: u8 = 9;

/// Parts in which an order's money can go back.
pub const UNITS: u8 = 2;
/// Minor units of one part.
pub const UNIT_MINOR: i64 = 495;
/// The moment of every model order's events, Unix ms; every hold has lapsed by then, because only the state decides.
pub const NOW: i64 = 1_800_000_000_000;

/// An order's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Row {
    /// [`ABSENT`], or the state.
    pub st: u8,
    /// Generation.
    pub g: u8,
    /// Attempts, 0 to 2.
    pub att: u8,
    /// The trade that settled it, and one; 0 is none.
    pub txn: u8,
    /// To be reviewed.
    pub rv: u8,
    /// Place in [`Why::ALL`], and one; 0 is none.
    pub why: u8,
    /// 0: stands in no list; else the time at which it is to be looked at.
    pub due: u8,
    /// May be forgotten.
    pub ttl: u8,
    /// Refunds by number: 0 none; else 1 started, 2 done, 3 failed, and in the bits from the fourth on its parts, and from the
    /// sixteenth on its request.
    pub rf: [u8; 2],
    /// It was forgotten and made once more: its attempts have other numbers than those that were paid.
    pub again: u8,
}

/// A refund's byte.
pub fn refund(state: RefundState, units: u8, request: u8) -> u8 {
    let state = RefundState::ALL.iter().position(|s| *s == state).unwrap_or_default() as u8 + 1;
    state | units << 2 | request << 4
}

impl Row {
    /// How many refunds there are.
    pub fn refunds(&self) -> u8 {
        self.rf.iter().take_while(|r| **r != 0).count() as u8
    }

    /// How far a refund has come; numbers begin at 1.
    pub fn refund_state(&self, n: u8) -> Option<RefundState> {
        let byte = self.rf.get(usize::from(n.checked_sub(1)?)).copied()?;
        RefundState::ALL.get(usize::from((byte & 3).checked_sub(1)?)).copied()
    }

    /// The state as the domain's.
    pub fn state(&self) -> Option<State> {
        State::ALL.get(usize::from(self.st.checked_sub(1)?)).copied()
    }

    /// Whether it owns slots.
    pub fn is_live(&self) -> bool {
        matches!(self.st, HELD | REVIEW | PAID | DELIVERED)
    }
}

/// The byte of a state.
pub fn code(state: State) -> u8 {
    State::ALL.iter().position(|s| *s == state).unwrap_or_default() as u8 + 1
}

fn why_code(why: Why) -> u8 {
    Why::ALL.iter().position(|w| *w == why).unwrap_or_default() as u8 + 1
}

/// One movement of money that a provider may tell of: which order's which attempt it names, and whether the amount is right.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Trade {
    /// The order, from 0.
    pub order: u8,
    /// The attempt, from 1.
    pub attempt: u8,
    /// Of the amount that was asked for.
    pub right: bool,
    /// Whose number for the movement it is.
    pub by: By,
}

/// Who vouches for a movement, which decides what names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum By {
    /// A provider, with a number that it uses once.
    Provider,
    /// A second provider, which counts as the first one does: its numbers are the same.
    Twin,
    /// The owner, with one reference for all of them.
    Owner,
}

/// The id of a model order.
pub fn order_id(order: u8) -> OrderId {
    OrderId([7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, order])
}

fn account(by: By) -> AccountId {
    AccountId::parse(if by == By::Twin { "twin" } else { "sandbox" }).expect("an account's name")
}

/// The domain's name of a movement. `number` is the provider's.
pub fn txn(trade: &Trade, id: OrderId, number: u8, mutants: Mutants) -> Txn {
    let account = account(if mutants.has(Mutant::NumberWithoutAccount) { By::Provider } else { trade.by });
    match trade.by {
        By::Provider => Txn::new(&account, &format!("T{number}")),
        By::Twin => Txn::new(&account, "T0"),
        By::Owner if mutants.has(Mutant::ReferenceWithoutOrder) => Txn::new(&account, "bank slip"),
        By::Owner => Txn::attested(&id, "bank slip"),
    }
    .expect("a movement's name")
}

/// A fact as a provider, or the owner, vouches for it.
pub fn payment(trade: &Trade, id: OrderId, again: bool, number: u8, mutants: Mutants) -> Payment {
    let tail = if again { [9, 9] } else { [3, 4] };
    let minor = UNIT_MINOR * i64::from(UNITS);
    Payment {
        txn: txn(trade, id, number, mutants),
        account: account(trade.by),
        no: OutTradeNo { order: id, tail, attempt: trade.attempt },
        minor: if trade.right { minor } else { minor - 1 },
        currency: Currency::CNY,
        mac: [2; 12],
    }
}

/// The domain's order number `o` that a row stands for, under an id; `None` for the absence of one.
pub fn order(row: &Row, o: u8, id: OrderId, trades: &[Trade], mutants: Mutants) -> Option<Order> {
    let state = row.state()?;
    let attempt = |n: u8| Attempt {
        no: OutTradeNo { order: id, tail: if row.again == 1 { [1, 1] } else { [3, 4] }, attempt: n },
        account: trades
            .iter()
            .find(|t| t.attempt == n && t.order == o)
            .map_or_else(|| account(By::Provider), |t| account(t.by)),
        version: 1,
        minor: UNIT_MINOR * i64::from(UNITS),
        currency: Currency::CNY,
        made_at: 0,
        mac: [1; 12],
    };
    let settled = row.txn.checked_sub(1).map(|t| {
        let trade = trades[usize::from(t)];
        Settled { txn: txn(&trade, id, t, mutants), attempt: trade.attempt, mac: [2; 12] }
    });
    let refunds = row.rf.iter().zip(1..).take_while(|(byte, _)| **byte != 0).map(|(byte, n)| Refund {
        minor: UNIT_MINOR * i64::from(byte >> 2 & 3),
        state: row.refund_state(n).expect("a refund's state"),
        by_hand: false,
        reference: String::new(),
        request: [byte >> 4; 8],
        at: 1,
    });
    let is_void = state == State::Void;
    Some(Order {
        id,
        state,
        generation: row.g,
        product: ProductId::parse("p").expect("a product's id"),
        quantity: u32::from(!is_void),
        slots: if is_void { vec![] } else { vec![SlotRun { strip: 0, first: 47, len: 1, width: 48 }] },
        slots_mac: if is_void { [0; 12] } else { [3; 12] },
        expires_at: if is_void { 0 } else { NOW - 1 },
        attempts: if is_void { vec![] } else { (1..=row.att).map(attempt).collect() },
        settled,
        fingerprint: if is_void { [0; 16] } else { [7; 16] },
        to_review: row.rv == 1,
        why: row.why.checked_sub(1).and_then(|w| Why::ALL.get(usize::from(w)).copied()),
        token_epoch: 0,
        created_at: 0,
        paid_at: None,
        delivered_at: None,
        viewed_at: None,
        refunds: refunds.collect(),
        due: (row.due > 0).then_some(Due { kind: DueKind::Ask, at: i64::from(row.due) }),
        sent_again_at: None,
        mail_in: None,
    })
}

/// A write on an order's item, with the reading it was decided on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Write {
    /// C2, of an order to be reviewed or not.
    Place(bool),
    /// X2.
    Void,
    /// C3, on a reading.
    AddAttempt(Row),
    /// W1, with a trade.
    Pay(u8),
    /// V1.
    PayForReview(u8),
    /// W2.
    PayLate(u8),
    /// X1, after so many attempts were asked about.
    Lapse(u8),
    /// X1 on a buyer's word.
    Cancel(u8),
    /// V2, on a reading.
    PassReview(Row),
    /// V3.
    RefuseReview(Row),
    /// L2.
    Adopt(Row),
    /// L3.
    RefundLate(Row),
    /// F0.
    RefundUndelivered(Row),
    /// D1, of a generation.
    Deliver(u8),
    /// F1: reading, parts, request.
    StartRefund(Row, u8, u8),
    /// F2: reading, number.
    FinishRefund(Row, u8),
    /// F3: number.
    FailRefund(u8),
    /// Q1.
    AskLater(Row),
    /// Q2.
    NothingLeft(Row),
    /// Q3.
    NeverPaid(Row),
}

/// What a write answers, and what stands there afterwards.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Answer<T> {
    /// It took effect.
    Applied(T),
    /// What it wanted stands there already.
    Already,
    /// Its condition does not hold.
    Refused,
    /// The store sends nothing, because the reading itself forbids it.
    Unsent,
}

/// What became of an event: where the order goes and how far its generation rises, or why it does not move.
pub type Said = Result<(Option<State>, u8, Option<Why>, Option<domain::order::Effect>), Refusal>;

/// The product, asked by the bytes: each question is put to the domain once and its answer kept.
#[derive(Debug)]
pub struct Product {
    /// What providers may tell of.
    pub trades: Vec<Trade>,
    /// Which guards are taken out.
    pub mutants: Mutants,
    /// Of each trade: the first trade whose movement has the same name.
    movements: Vec<u8>,
    said: RefCell<HashMap<(Row, u8, Asked), Said, FastBuild>>,
}

/// An event by its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Asked {
    /// A trade was proven; the second says that it is taken for one of the right amount.
    Money(u8, bool),
    /// The hold lapsed after so many attempts were asked about.
    Lapsed(u8),
    /// The buyer gives up.
    Cancelled(u8),
    /// See [`Event`].
    Passed,
    /// See [`Event`].
    Refused,
    /// See [`Event`].
    Found,
    /// See [`Event`].
    Missing,
    /// The cards of a generation were opened.
    Opened(u8),
    /// See [`Event`].
    Seller,
    /// See [`Event`].
    Done,
    /// See [`Event`].
    Placed,
    /// See [`Event`].
    GivenUp,
}

impl Product {
    /// A product with these movements of money, and these guards taken out.
    pub fn new(trades: Vec<Trade>, mutants: Mutants) -> Product {
        let name = |t: usize| txn(&trades[t], order_id(trades[t].order), t as u8, mutants);
        let first = |t: usize| (0..t).find(|other| name(*other) == name(t)).unwrap_or(t) as u8;
        let movements = (0..trades.len()).map(first).collect();
        Product { trades, mutants, movements, said: RefCell::default() }
    }

    /// The first trade that has the same name as trade `t`: where its row stands.
    pub fn movement(&self, t: usize) -> usize {
        usize::from(self.movements[t])
    }

    /// What [`decide`] says about order number `o`.
    pub fn decide(&self, row: &Row, o: u8, asked: Asked) -> Said {
        if let Some(said) = self.said.borrow().get(&(*row, o, asked)) {
            return *said;
        }
        let id = order_id(o);
        let event = match asked {
            Asked::Money(t, as_right) => {
                let mut trade = self.trades[usize::from(t)];
                trade.right |= as_right;
                // A movement names the order of its own attempts, whoever asks.
                Event::MoneyProven(payment(&trade, order_id(trade.order), false, t, self.mutants))
            }
            Asked::Lapsed(asked) => Event::HoldLapsed { asked },
            Asked::Cancelled(asked) => Event::BuyerCancelled { asked },
            Asked::Passed => Event::ReviewPassed,
            Asked::Refused => Event::ReviewRefused,
            Asked::Found => Event::StockFound,
            Asked::Missing => Event::StockMissing,
            Asked::Opened(generation) => Event::CardsOpened { generation },
            Asked::Seller => Event::SellerRefunds,
            Asked::Done => Event::RefundDone,
            Asked::Placed => Event::Placed { fingerprint: [7; 16] },
            Asked::GivenUp => Event::GivenUp,
        };
        let order = order(row, o, id, &self.trades, self.mutants);
        let said = decide(order.as_ref(), &event, NOW).map(|d| (d.next, d.raise, d.why, d.effects.first().copied()));
        self.said.borrow_mut().insert((*row, o, asked), said);
        said
    }

    /// The row after a move that the domain permits to one of the `wanted` states.
    fn moved(&self, row: &Row, o: u8, asked: Asked, wanted: &[State]) -> Option<Row> {
        match self.decide(row, o, asked) {
            Ok((Some(next), raise, why, _)) if wanted.contains(&next) => {
                let why = why.map_or(row.why, why_code);
                Some(Row { st: code(next), g: row.g + raise, why, ..*row })
            }
            _ => None,
        }
    }

    /// A write on order number `o`. `at` is the time that a write which sets `due` sets.
    pub fn write(&self, row: &Row, o: u8, write: Write, at: u8) -> Answer<Row> {
        use Mutant as M;
        let on = |mutant| self.mutants.has(mutant);
        let listed = |row: Row| Row { due: at, ..row };
        let (after, already) = match write {
            Write::Place(rv) => {
                let stands = Row { st: HELD, rv: u8::from(rv), att: 1, again: row.again, ..Row::default() };
                let free = row.st == ABSENT || (on(M::PutOverTombstone) && row.st == VOID);
                (free.then_some(stands), row.st != VOID)
            }
            Write::Void => {
                let stands = Row { st: VOID, why: why_code(Why::SoldOut), ttl: 1, again: row.again, ..Row::default() };
                ((row.st == ABSENT).then_some(stands), row.st == VOID)
            }
            Write::AddAttempt(read) => {
                let fits = row.st == HELD && row.att == read.att && read.att < 2;
                let due = if on(M::AttemptUnlisted) { row.due } else { at };
                (fits.then_some(Row { att: read.att + 1, due, ..*row }), row.att > read.att)
            }
            Write::Pay(t) => {
                let asked = Asked::Money(t, on(M::PayAnyAmount));
                let mut after = self.moved(row, o, asked, &[State::Paid]);
                if on(M::PayExpired) && row.st == EXPIRED {
                    after = after.or_else(|| self.moved(row, o, asked, &[State::Late])).map(|r| Row {
                        st: PAID,
                        ttl: 0,
                        due: 0,
                        ..r
                    });
                }
                if on(M::PaySkipsReview) {
                    after =
                        after.or_else(|| self.moved(row, o, asked, &[State::Review])).map(|r| Row { st: PAID, ..r });
                }
                (after.map(|r| Row { txn: t + 1, ..r }), row.st == PAID && self.is_own(row, t))
            }
            Write::PayForReview(t) => {
                let after = self.moved(row, o, Asked::Money(t, false), &[State::Review]);
                (after.map(|r| listed(Row { txn: t + 1, ..r })), row.st == REVIEW && self.is_own(row, t))
            }
            Write::PayLate(t) => {
                let after = self.moved(row, o, Asked::Money(t, on(M::LateAnyAmount)), &[State::Late]);
                let ttl = if on(M::LateKeepsLimit) { row.ttl } else { 0 };
                let due = if on(M::LateUnlisted) { 0 } else { at };
                (after.map(|r| Row { txn: t + 1, ttl, due, ..r }), row.st == LATE && self.is_own(row, t))
            }
            Write::Lapse(seen) | Write::Cancel(seen) => {
                let seen = if on(M::LapseOnOldReading) { row.att } else { seen };
                let asked = if matches!(write, Write::Lapse(_)) { Asked::Lapsed(seen) } else { Asked::Cancelled(seen) };
                let mut after = self.moved(row, o, asked, &[State::Expired]);
                if on(M::ReviewExpires) && row.st == REVIEW {
                    after = Some(Row { st: EXPIRED, ..*row });
                }
                let ttl = u8::from(on(M::LimitWhileListed));
                (after.map(|r| listed(Row { ttl, ..r })), row.st == EXPIRED)
            }
            Write::PassReview(read) => {
                let after = self
                    .moved(row, o, Asked::Passed, &[State::Paid])
                    .filter(|_| row.g == read.g || on(M::AnyGeneration));
                let due = if read.att > 1 { at } else { 0 };
                (after.map(|r| Row { due, ..r }), row.rv == 1 && matches!(row.st, PAID | DELIVERED))
            }
            Write::RefuseReview(read) => {
                let after = self
                    .moved(row, o, Asked::Refused, &[State::RefundDue])
                    .filter(|_| row.g == read.g || on(M::AnyGeneration));
                (after.map(listed), is_owed(row, Why::Review))
            }
            Write::Adopt(read) => {
                let mut after = self
                    .moved(row, o, Asked::Found, &[State::Paid, State::Review])
                    .filter(|_| row.g == read.g || on(M::AnyGeneration));
                if on(M::LateSkipsReview) {
                    after = after.map(|r| Row { st: PAID, ..r });
                }
                let due = if read.att > 1 || row.rv == 1 { at } else { 0 };
                (after.map(|r| Row { due, ..r }), row.g == read.g + 1 && row.is_live())
            }
            Write::RefundLate(read) => {
                let after = self
                    .moved(row, o, Asked::Missing, &[State::RefundDue])
                    .filter(|_| row.g == read.g || on(M::AnyGeneration));
                let due = if on(M::OwedUnlisted) { 0 } else { at };
                (after.map(|r| Row { due, ..r }), is_owed(row, Why::SoldOut))
            }
            Write::RefundUndelivered(read) => {
                let after = self
                    .moved(row, o, Asked::Seller, &[State::RefundDue])
                    .filter(|_| row.g == read.g || on(M::AnyGeneration));
                (after.map(listed), is_owed(row, Why::Seller))
            }
            Write::Deliver(g) => {
                let g = if on(M::AnyGeneration) { row.g } else { g };
                let mut after = self.moved(row, o, Asked::Opened(g), &[State::Delivered]);
                if on(M::DeliverOwed) && row.st == REFUND_DUE {
                    after = Some(Row { st: DELIVERED, ..*row });
                }
                (after, row.st == DELIVERED)
            }
            Write::StartRefund(read, units, request) => return self.start_refund(row, o, &read, (units, request), at),
            Write::FinishRefund(read, n) => {
                let place = usize::from(n - 1);
                let counted = row.refunds() == read.refunds() || on(M::FinishUncounted);
                let fits = row.st == read.st && row.refund_state(n) == Some(RefundState::Started) && counted;
                let after = fits.then(|| self.finished(row, o, &read, n));
                (after, row.rf[place] & 3 == 2)
            }
            Write::FailRefund(n) => {
                let place = usize::from(n - 1);
                let mut after = *row;
                after.rf[place] |= 3;
                (
                    (row.refund_state(n) == Some(RefundState::Started)).then_some(after),
                    row.refund_state(n) == Some(RefundState::Failed),
                )
            }
            Write::AskLater(read) => (self.as_seen(row, &read).then(|| listed(*row)), false),
            Write::NothingLeft(read) => (self.as_seen(row, &read).then_some(Row { due: 0, ..*row }), row.due == 0),
            Write::NeverPaid(read) => {
                let fits = self.as_seen(row, &read) && row.txn == 0;
                (fits.then_some(Row { due: 0, ttl: 1, ..*row }), row.due == 0)
            }
        };
        // An item that does not stand there is nobody's work.
        match after {
            Some(after) => Answer::Applied(after),
            None if already && row.st != ABSENT => Answer::Already,
            None => Answer::Refused,
        }
    }

    /// Whether the trade is the movement that settled the order.
    pub fn is_own(&self, row: &Row, t: u8) -> bool {
        let movement = |t: u8| self.movements.get(usize::from(t)).copied();
        row.txn.checked_sub(1).is_some_and(|settled| movement(settled) == movement(t))
    }

    /// State, time and refunds are as read.
    fn as_seen(&self, row: &Row, read: &Row) -> bool {
        let refunds = row.refunds() <= read.refunds() || self.mutants.has(Mutant::NothingLeftUncounted);
        // A reading without a time compares with one that nothing has.
        let time = row.due > 0 && (row.due == read.due || self.mutants.has(Mutant::NothingLeftAnyTime));
        row.st == read.st && time && refunds
    }

    fn start_refund(&self, row: &Row, o: u8, read: &Row, wish: (u8, u8), at: u8) -> Answer<Row> {
        let (units, request) = wish;
        let Some(seen) = order(read, o, order_id(o), &self.trades, self.mutants) else { return Answer::Unsent };
        if !matches!(seen.state, State::RefundDue | State::Delivered) {
            return Answer::Unsent;
        }
        let is_this = |row: &Row| row.rf.iter().any(|byte| *byte != 0 && byte >> 4 == request);
        if is_this(read) {
            return Answer::Already;
        }
        let minor = UNIT_MINOR * i64::from(units);
        if returned(&seen.refunds) + minor > seen.paid_minor() && !self.mutants.has(Mutant::RefundAnySum) {
            return Answer::Unsent;
        }
        let n = usize::from(read.refunds());
        let counted = row.refunds() == read.refunds() || self.mutants.has(Mutant::RefundUncounted);
        if row.st == read.st && row.g == read.g && counted && n < row.rf.len() {
            let mut after = *row;
            after.rf[n] = refund(RefundState::Started, units, request);
            after.due = if self.mutants.has(Mutant::RefundUnlisted) { row.due } else { at };
            return Answer::Applied(after);
        }
        if is_this(row) { Answer::Already } else { Answer::Refused }
    }

    /// F2's update is computed from the reading: what was under way then, and what had gone back.
    fn finished(&self, row: &Row, o: u8, read: &Row, n: u8) -> Row {
        let place = usize::from(n - 1);
        let mut after = *row;
        after.rf[place] = (row.rf[place] & !3) | 2;
        let Some(seen) = order(read, o, order_id(o), &self.trades, self.mutants) else { return after };
        let others = seen.refunds.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, r)| r);
        let under_way = others.filter(|r| r.state == RefundState::Started).count();
        let back = done(&seen.refunds) + seen.refunds.get(place).map_or(0, |r| r.minor);
        let all = back >= seen.paid_minor();
        let ends = seen.state == State::RefundDue && all;
        if ends && let Some(moved) = self.moved(&after, o, Asked::Done, &[State::Refunded]) {
            after = moved;
        }
        let owes = seen.state == State::RefundDue && !all;
        if (under_way == 0 && !owes && read.att <= 1) || self.mutants.has(Mutant::FinishUnlists) {
            after.due = 0;
        }
        after
    }
}

fn is_owed(row: &Row, why: Why) -> bool {
    matches!(row.st, REFUND_DUE | REFUNDED) && row.why == why_code(why)
}
