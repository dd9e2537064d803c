//! An order, its states, and the one function that says what may happen to it.

use crate::Millis;
use crate::ids::{AccountId, Generation, OrderId, OutTradeNo, ProductId, Txn};
use crate::money::Currency;
use crate::refund::Refund;
use crate::stock::SlotRun;

mod decide;
pub use decide::{Decision, Effect, Event, MoneyReason, Refusal, decide};

/// The stored states. Moves go forward only, along the table of `decide`; from `Delivered` on neither state, generation
/// nor slots ever change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// A tombstone: the id was given up before an order existed. A late create finds it and fails.
    Void,
    /// Stock is held, money is awaited.
    Held,
    /// Paid, and a person looks at it before delivery.
    Review,
    /// Money proven, cards owed.
    Paid,
    /// The cards were opened and are the buyer's.
    Delivered,
    /// Closed unpaid: the hold lapsed, the buyer gave up, or the channel failed.
    Expired,
    /// Money arrived after expiry; stock is being sought.
    Late,
    /// The money goes back.
    RefundDue,
    /// The money went back.
    Refunded,
}

impl State {
    /// All states, in the order of a life.
    pub const ALL: [State; 9] = [
        State::Void,
        State::Held,
        State::Review,
        State::Paid,
        State::Delivered,
        State::Expired,
        State::Late,
        State::RefundDue,
        State::Refunded,
    ];

    /// The word in the tables.
    pub fn as_str(&self) -> &'static str {
        match self {
            State::Void => "VOID",
            State::Held => "HELD",
            State::Review => "REVIEW",
            State::Paid => "PAID",
            State::Delivered => "DELIVERED",
            State::Expired => "EXPIRED",
            State::Late => "LATE",
            State::RefundDue => "REFUND_DUE",
            State::Refunded => "REFUNDED",
        }
    }

    /// Reads that word.
    pub fn parse(text: &str) -> Option<State> {
        State::ALL.into_iter().find(|s| s.as_str() == text)
    }

    /// Whether an order that stood here may stand in `later` some time after, whatever happened in between. Every move of
    /// `decide` is one of these; not every one of these is a single move.
    pub fn may_become(self, later: State) -> bool {
        let rank = |state: State| match state {
            State::Void | State::Held => 0,
            State::Expired => 1,
            State::Late => 2,
            State::Review => 3,
            State::Paid => 4,
            State::Delivered | State::RefundDue => 5,
            State::Refunded => 6,
        };
        let is_end = matches!(self, State::Void | State::Delivered | State::Refunded);
        self == later || (!is_end && later != State::Void && rank(later) > rank(self))
    }
}

/// Why an order ended without money, or why a paid one is owed back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Why {
    /// The hold lapsed.
    Expired,
    /// The buyer gave up.
    Cancelled,
    /// The channel could not take the payment.
    Failed,
    /// There were not enough cards (of a tombstone: at creation; of a refund: when late money came).
    SoldOut,
    /// The create was never finished and nobody came back for it.
    Abandoned,
    /// The seller gave the money back before delivery.
    Seller,
    /// A person looked at it and refused.
    Review,
    /// Of a tombstone: too many unpaid orders of this contact, or from this address, were open.
    TooMany,
}

impl Why {
    /// All reasons.
    pub const ALL: [Why; 8] = [
        Why::Expired,
        Why::Cancelled,
        Why::Failed,
        Why::SoldOut,
        Why::Abandoned,
        Why::Seller,
        Why::Review,
        Why::TooMany,
    ];

    /// The word in the tables and, where buyers see it, in the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            Why::Expired => "expired",
            Why::Cancelled => "cancelled",
            Why::Failed => "failed",
            Why::SoldOut => "sold_out",
            Why::Abandoned => "abandoned",
            Why::Seller => "seller",
            Why::Review => "review",
            Why::TooMany => "too_many_holds",
        }
    }

    /// Reads that word.
    pub fn parse(text: &str) -> Option<Why> {
        Why::ALL.into_iter().find(|w| w.as_str() == text)
    }
}

/// One try to pay: an entry of the order, which alone arbitrates money. It stays verifiable after its channel was switched
/// off or its key rotated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// The number the provider knows it by.
    pub no: OutTradeNo,
    /// The channel account.
    pub account: AccountId,
    /// The version of the account's settings it was made with.
    pub version: u32,
    /// What must arrive, in minor units.
    pub minor: i64,
    /// In which currency.
    pub currency: Currency,
    /// When it was made, Unix ms.
    pub made_at: Millis,
    /// A keyed hash over what nobody may change about it: order, product, quantity, number, account, amount, currency,
    /// review. By it an audit names an order that was changed by hand.
    pub mac: [u8; 12],
}

/// An order as stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// Where it stands.
    pub state: State,
    /// How often the hold was renewed or given up.
    pub generation: Generation,
    /// What was bought.
    pub product: ProductId,
    /// How many.
    pub quantity: u32,
    /// The cards it owns: exactly `quantity` while the order lives; fixed for a given generation.
    pub slots: Vec<SlotRun>,
    /// A keyed hash over order, generation and slots, made by whoever gave it the slots. Slots written by hand have none: they
    /// show nobody a card, and are no evidence that another slot may go.
    pub slots_mac: [u8; 12],
    /// When the hold lapses, Unix ms. It makes things early or late, never right or wrong.
    pub expires_at: Millis,
    /// The attempts, number n at place n − 1; at most [`crate::limits::ATTEMPTS_MAX`].
    pub attempts: Vec<Attempt>,
    /// The money that settled it: whose movement, through which attempt.
    pub settled: Option<Settled>,
    /// A keyed hash over all fields of the request that made it.
    pub fingerprint: [u8; 16],
    /// A risk order: paid money waits for a person. Fixed when the order is written.
    pub to_review: bool,
    /// Why it was closed, voided or is owed back.
    pub why: Option<Why>,
    /// Counts revocations of the order token.
    pub token_epoch: u32,
    /// When it was written, Unix ms.
    pub created_at: Millis,
    /// When its money was proven, Unix ms.
    pub paid_at: Option<Millis>,
    /// When its cards were opened for the buyer, Unix ms.
    pub delivered_at: Option<Millis>,
    /// When its buyer first uncovered the keys on a page, Unix ms. A reading without a press, or by the API, leaves it empty.
    pub viewed_at: Option<Millis>,
    /// Money on its way back, number n at place n − 1.
    pub refunds: Vec<Refund>,
    /// What is left to do for it although it owns no slot, and when to look again.
    pub due: Option<Due>,
    /// When it was last sent to delivery again, Unix ms.
    pub sent_again_at: Option<Millis>,
    /// In which language its buyer is told by mail that it is delivered; `None` tells nothing. Fixed when the order is written, so
    /// that delivery needs no further read to know it.
    pub mail_in: Option<Lang>,
}

/// A language that a buyer reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Lang {
    /// Chinese.
    #[default]
    Zh,
    /// English.
    En,
}

impl Lang {
    /// The word in the tables and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Lang::Zh => "zh",
            Lang::En => "en",
        }
    }

    /// Reads that word; `None` for any other.
    pub fn parse(word: &str) -> Option<Lang> {
        [Lang::Zh, Lang::En].into_iter().find(|lang| lang.as_str() == word)
    }
}

/// Unfinished business of an order. Set and removed in the same write as the state, removed only by the write that leaves
/// nothing to ask and nothing to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Due {
    /// A label for people; whoever drives it looks at the whole order.
    pub kind: DueKind,
    /// When to look again, Unix ms.
    pub at: Millis,
}

/// Kinds of unfinished business.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DueKind {
    /// Providers still have to be asked about attempts.
    Ask,
    /// Late money seeks stock.
    Late,
    /// A person has to look at a risk order.
    Review,
    /// Money has to go back.
    Refund,
    /// A person has to look: a paid order is not delivered.
    Person,
    /// Money that settles no order.
    Money,
    /// Something is wrong with a product's strips.
    Alarm,
}

impl DueKind {
    /// All kinds.
    pub const ALL: [DueKind; 7] = [
        DueKind::Ask,
        DueKind::Late,
        DueKind::Review,
        DueKind::Refund,
        DueKind::Person,
        DueKind::Money,
        DueKind::Alarm,
    ];

    /// The word in the tables.
    pub fn as_str(&self) -> &'static str {
        match self {
            DueKind::Ask => "ask",
            DueKind::Late => "late",
            DueKind::Review => "review",
            DueKind::Refund => "refund",
            DueKind::Person => "person",
            DueKind::Money => "money",
            DueKind::Alarm => "alarm",
        }
    }

    /// Reads that word.
    pub fn parse(text: &str) -> Option<DueKind> {
        DueKind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Money that settled an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    /// The movement.
    pub txn: Txn,
    /// The attempt it paid.
    pub attempt: u8,
    /// A keyed hash over order, movement, attempt and amount, made by whoever saw the proof. State PAID written by hand has
    /// none, and shows nobody a card.
    pub mac: [u8; 12],
}

impl Order {
    /// The attempt with this number, 1-based.
    pub fn attempt(&self, number: u8) -> Option<&Attempt> {
        self.attempts.get(usize::from(number.checked_sub(1)?))
    }

    /// The newest attempt.
    pub fn newest_attempt(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// The attempts that money could still arrive for unseen: all but the one that was paid.
    pub fn unpaid_attempts(&self) -> impl Iterator<Item = &Attempt> {
        let paid = self.settled.as_ref().map(|s| s.attempt);
        self.attempts.iter().filter(move |attempt| Some(attempt.no.attempt) != paid)
    }

    /// What arrived for it, in minor units; 0 before.
    pub fn paid_minor(&self) -> i64 {
        self.settled.as_ref().and_then(|s| self.attempt(s.attempt)).map_or(0, |attempt| attempt.minor)
    }

    /// Whether the order is between birth and end with stock of its own.
    pub fn is_live(&self) -> bool {
        matches!(self.state, State::Held | State::Review | State::Paid | State::Delivered)
    }
}

/// A fact a provider vouched for, from a notification or from a query: this much money arrived for this attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payment {
    /// The movement of money.
    pub txn: Txn,
    /// The account it arrived on.
    pub account: AccountId,
    /// Which attempt it names.
    pub no: OutTradeNo,
    /// How much, in minor units.
    pub minor: i64,
    /// In which currency.
    pub currency: Currency,
    /// Whoever saw the proof vouches for it with this keyed hash (see [`Settled::mac`]).
    pub mac: [u8; 12],
}
