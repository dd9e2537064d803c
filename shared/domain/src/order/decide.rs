//! `decide(order, event, now)`: the whole table of states and events, pure.
//!
//! The store's writes carry the same guards as conditions; the test `transitions` runs both on the same states and holds
//! them against each other, so neither can change alone.

use super::{Order, Payment, State, Why};
use crate::Millis;
use crate::guards::{holds, met, planted};
use crate::ids::Generation;

/// Something that happened to an order, or that somebody asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A create reached the point of writing the order.
    Placed {
        /// The fingerprint of its request.
        fingerprint: [u8; 16],
    },
    /// A create, or the reconciler, gives the id up because no order exists.
    GivenUp,
    /// A provider vouched for money.
    MoneyProven(Payment),
    /// The hold's time is over, and the providers of the first `asked` attempts were asked and named no payment.
    HoldLapsed {
        /// How many attempts were asked.
        asked: u8,
    },
    /// The buyer gives up; providers were asked as above.
    BuyerCancelled {
        /// How many attempts were asked.
        asked: u8,
    },
    /// No channel could take the payment; providers were asked as above.
    ChannelFailed {
        /// How many attempts were asked.
        asked: u8,
    },
    /// A person looked at a risk order and lets it pass.
    ReviewPassed,
    /// A person looked at a risk order and refuses it.
    ReviewRefused,
    /// Late money found new slots, claimed under the next generation.
    StockFound,
    /// Late money found none.
    StockMissing,
    /// The cards of this generation were read and opened.
    CardsOpened {
        /// The generation the delivery message named.
        generation: Generation,
    },
    /// The seller returns the money before delivery.
    SellerRefunds,
    /// The refund of a refund-due order was confirmed.
    RefundDone,
}

/// What must follow once the move is durable. Each may be done twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Effect {
    /// Send the order to delivery.
    Deliver,
    /// Look for new slots for late money.
    SeekStock,
    /// Give the slots of the older generation back.
    Release,
    /// Close the order's other open attempts at their providers, where their channel can; ask about them where it cannot.
    CloseOtherAttempts,
    /// Write the money down as a row a person sees, and only then tell the provider "success".
    RecordMoney(MoneyReason),
    /// Put the money before a person, who returns it.
    Refund,
}

/// Why proven money did not settle an order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MoneyReason {
    /// No order has that number, or it was voided.
    UnknownOrder,
    /// The order has no such attempt on that account.
    UnknownAttempt,
    /// The attempt asked for another amount or currency.
    WrongAmount,
    /// The order had been paid already by another movement.
    Double,
}

impl MoneyReason {
    /// The word in the tables.
    pub fn as_str(&self) -> &'static str {
        match self {
            MoneyReason::UnknownOrder => "unknown_order",
            MoneyReason::UnknownAttempt => "unknown_attempt",
            MoneyReason::WrongAmount => "wrong_amount",
            MoneyReason::Double => "double",
        }
    }
}

/// A permitted move.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The state after it; `None` when the order itself does not change.
    pub next: Option<State>,
    /// How much the generation rises.
    pub raise: Generation,
    /// Why, where the state keeps a reason.
    pub why: Option<Why>,
    /// What must follow.
    pub effects: Vec<Effect>,
}

/// Why a move is not permitted. In order of precedence: of all that apply, the first is the answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Refusal {
    /// It happened before. A refusal that means success.
    AlreadyDone,
    /// There is no order.
    NoOrder,
    /// The id was given up; take a new idempotency key.
    Voided,
    /// The id belongs to an order made from other fields.
    OtherRequest,
    /// The event speaks of another generation of the hold.
    Superseded,
    /// An attempt was added since the providers were asked: read again, ask again.
    AttemptAdded,
    /// The hold has not lapsed yet.
    NotLapsed,
    /// The state does not allow it.
    WrongState,
}

fn to(next: State, effects: &[Effect]) -> Result<Decision, Refusal> {
    Ok(Decision { next: Some(next), raise: 0, why: None, effects: effects.to_vec() })
}

fn stay(effects: &[Effect]) -> Result<Decision, Refusal> {
    Ok(Decision { next: None, raise: 0, why: None, effects: effects.to_vec() })
}

/// To REFUND_DUE, two generations up: from then on the old claims are release evidence whatever else happens.
fn refund_due(why: Why) -> Result<Decision, Refusal> {
    Ok(Decision {
        next: Some(State::RefundDue),
        raise: 2,
        why: Some(why),
        effects: vec![Effect::Release, Effect::Refund],
    })
}

/// What follows from `event` for `order` (or for the absence of one) at `now`.
///
/// `now` matters to one cell only, the lapse of a hold, where it makes things early or late and never wrong: the state
/// arbitrates between expiry and payment.
pub fn decide(order: Option<&Order>, event: &Event, now: Millis) -> Result<Decision, Refusal> {
    use State::{Delivered, Held, Late, Paid, RefundDue, Refunded, Review, Void};
    let order = met(order, event);
    let Some(order) = order.as_deref() else {
        return match event {
            Event::Placed { .. } => to(Held, &[]),
            Event::GivenUp => to(Void, &[Effect::Release]),
            Event::MoneyProven(_) => stay(&[Effect::RecordMoney(MoneyReason::UnknownOrder)]),
            _ => Err(Refusal::NoOrder),
        };
    };
    match event {
        Event::Placed { fingerprint } => Err(match order.state {
            Void => Refusal::Voided,
            _ if holds("Placed: the same request", order.fingerprint == *fingerprint) => Refusal::AlreadyDone,
            _ => Refusal::OtherRequest,
        }),
        Event::GivenUp => Err(if order.state == Void { Refusal::AlreadyDone } else { Refusal::WrongState }),
        Event::MoneyProven(payment) => money_proven(order, payment),
        Event::HoldLapsed { asked } => {
            close(order, *asked, Why::Expired, holds("HoldLapsed: its time is over", order.expires_at < now))
        }
        Event::BuyerCancelled { asked } => close(order, *asked, Why::Cancelled, true),
        Event::ChannelFailed { asked } => close(order, *asked, Why::Failed, true),
        Event::ReviewPassed => match order.state {
            Review => to(Paid, &[Effect::Deliver]),
            Paid | Delivered if holds("ReviewPassed: it was to be reviewed", order.to_review) => {
                Err(Refusal::AlreadyDone)
            }
            _ => Err(Refusal::WrongState),
        },
        Event::ReviewRefused => match order.state {
            Review => refund_due(Why::Review),
            RefundDue | Refunded if holds("ReviewRefused: for this reason", order.why == Some(Why::Review)) => {
                Err(Refusal::AlreadyDone)
            }
            _ => Err(Refusal::WrongState),
        },
        Event::StockFound => match order.state {
            // Money that comes late must not slip past the person who was to look at it.
            Late if order.to_review && !planted("StockFound: late money passes a review") => {
                Ok(Decision { next: Some(Review), raise: 1, why: None, effects: vec![] })
            }
            Late => Ok(Decision { next: Some(Paid), raise: 1, why: None, effects: vec![Effect::Deliver] }),
            _ => Err(Refusal::WrongState),
        },
        Event::StockMissing => match order.state {
            Late => refund_due(Why::SoldOut),
            _ => Err(Refusal::WrongState),
        },
        Event::CardsOpened { generation } => match order.state {
            Delivered => Err(Refusal::AlreadyDone),
            _ if !holds("CardsOpened: the same generation", order.generation == *generation) => {
                Err(Refusal::Superseded)
            }
            Paid => to(Delivered, &[]),
            _ => Err(Refusal::WrongState),
        },
        Event::SellerRefunds => match order.state {
            Paid => refund_due(Why::Seller),
            RefundDue | Refunded => Err(Refusal::AlreadyDone),
            _ => Err(Refusal::WrongState),
        },
        Event::RefundDone => match order.state {
            RefundDue => to(Refunded, &[]),
            Refunded => Err(Refusal::AlreadyDone),
            _ => Err(Refusal::WrongState),
        },
    }
}

/// Closing a hold without money. Refused while an attempt exists that nobody asked about: the buyer may have just paid it.
fn close(order: &Order, asked: u8, why: Why, lapsed: bool) -> Result<Decision, Refusal> {
    let all_asked = holds("close: every attempt was asked about", order.attempts.len() <= usize::from(asked));
    match order.state {
        State::Expired => Err(Refusal::AlreadyDone),
        State::Held if !all_asked => Err(Refusal::AttemptAdded),
        State::Held if !lapsed => Err(Refusal::NotLapsed),
        State::Held => {
            Ok(Decision { next: Some(State::Expired), raise: 0, why: Some(why), effects: vec![Effect::Release] })
        }
        _ => Err(Refusal::WrongState),
    }
}

/// The money table: first the movement, then the state, then the attempt. Nothing in it says "error": money that arrived
/// is either this order's, or known already, or a row a person sees.
fn money_proven(order: &Order, payment: &Payment) -> Result<Decision, Refusal> {
    use State::{Delivered, Expired, Held, Late, Paid, RefundDue, Refunded, Review, Void};
    let row = |reason| stay(&[Effect::RecordMoney(reason)]);
    if order.state == Void {
        return row(MoneyReason::UnknownOrder);
    }
    let is_settled = |txn| holds("MoneyProven: the same movement", txn == &payment.txn);
    let state_first = planted("MoneyProven: the state before the movement");
    if !state_first && order.settled.as_ref().is_some_and(|s| is_settled(&s.txn)) {
        return match order.state {
            Paid => stay(&[Effect::Deliver]),
            Late => stay(&[Effect::SeekStock]),
            _ => Err(Refusal::AlreadyDone),
        };
    }
    let attempt = order.attempt(payment.no.attempt).filter(|a| {
        holds("MoneyProven: the attempt's number", a.no == payment.no)
            && holds("MoneyProven: the attempt's account", a.account == payment.account)
    });
    let Some(attempt) = attempt else {
        return row(MoneyReason::UnknownAttempt);
    };
    let amount_fits = holds("MoneyProven: the amount", attempt.minor == payment.minor)
        && holds("MoneyProven: the currency", attempt.currency == payment.currency);
    match order.state {
        Held | Expired if !amount_fits => row(MoneyReason::WrongAmount),
        Held if order.to_review && !planted("MoneyProven: money passes a review") => {
            to(Review, &[Effect::CloseOtherAttempts])
        }
        Held => to(Paid, &[Effect::Deliver, Effect::CloseOtherAttempts]),
        Expired => to(Late, &[Effect::SeekStock]),
        Review | Paid | Delivered | Late | RefundDue | Refunded => row(MoneyReason::Double),
        Void => row(MoneyReason::UnknownOrder),
    }
}
