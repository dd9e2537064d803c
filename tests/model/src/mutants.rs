//! Guards that can be taken out, one name each, and the table of what must be seen without them.

use crate::scenes::Scene;

/// A guard that is taken out, or a sentence of an earlier design that was wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "each is described in its line of the table")]
pub enum Mutant {
    PayExpired,
    PayAnyAmount,
    PaySkipsReview,
    LateAnyAmount,
    AmountUnread,
    LateKeepsLimit,
    LateUnlisted,
    LateSkipsReview,
    OwedUnlisted,
    RowPutBlindly,
    RowAnyReading,
    RefundingUnlisted,
    StateBeforeMovement,
    ReviewWithoutRow,
    SuccessBeforeRow,
    ReviewExpires,
    DeliverOwed,
    AnyGeneration,
    RefundBeforeWrite,
    CalledAgain,
    AskedTooEarly,
    UnknownTakenForNo,
    LapseOnOldReading,
    LimitWhileListed,
    AttemptUnlisted,
    RefundUnlisted,
    RefundAnySum,
    WishUnchecked,
    RefundUncounted,
    FinishUncounted,
    FinishUnlists,
    NothingLeftUncounted,
    NothingLeftAnyTime,
    NumberWithoutAccount,
    ReferenceWithoutOrder,
    OpenAfterRestore,
    PutOverTombstone,
    ClaimTwice,
    ClaimBeyondCursor,
    PadIsFree,
    NoTopUp,
    FoundByHintOnly,
    ReleaseHeld,
    ReleaseUnadopted,
    ReleaseAbsent,
    ReleaseBlindly,
    ReleaseBeforeTombstone,
    RefundedIsEvidence,
    OwedAtSameGeneration,
    SwapRaisesGeneration,
    SlotWithoutProduct,
    ForgottenEarly,
    FreeIsFinal,
    TailIsFinal,
    PaidIsFinal,
    ExpiredIsFinal,
    FinalWithoutSlots,
    SealSome,
    SealUnasked,
    LowUnsealed,
    RemoveBlindly,
    RemoveFills,
    PutBackBlindly,
    OnSaleBlindly,
    UniqueBlindly,
    TakenBlindly,
    VaultBlindly,
    StripBlindly,
    VaultOfAnyRun,
    DuplicateByRun,
    OpenIsNobodys,
    OpenIsLeft,
    StripBeforeVault,
    GapsStay,
    PadIsCard,
    OneNameForAll,
}

/// Which guards are taken out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Mutants(u128);

impl Mutants {
    /// These.
    pub fn of(mutants: &[Mutant]) -> Mutants {
        Mutants(mutants.iter().fold(0, |set, mutant| set | 1 << *mutant as u8))
    }

    /// Whether a guard is taken out.
    pub fn has(&self, mutant: Mutant) -> bool {
        self.0 >> mutant as u8 & 1 == 1
    }
}

/// What becomes of a shop without a guard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// In this world a promise is broken; its number in `INVARIANTS.md`, and 0 for what only the model promises.
    Caught(Scene, u8),
    /// Nothing is broken in these worlds, because of this.
    Harmless(&'static [Scene], &'static str),
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// What is wrong, in the protocol's words.
    pub name: &'static str,
    /// The guards that are taken out together.
    pub mutants: &'static [Mutant],
    /// What must come of it.
    pub fate: Fate,
}

const fn caught(name: &'static str, mutants: &'static [Mutant], scene: Scene, promise: u8) -> Line {
    Line { name, mutants, fate: Fate::Caught(scene, promise) }
}

const fn harmless(name: &'static str, mutants: &'static [Mutant], scenes: &'static [Scene], why: &'static str) -> Line {
    Line { name, mutants, fate: Fate::Harmless(scenes, why) }
}

/// Where a guard of money is tried that turns out to be a second one.
const MONEY: &[Scene] =
    &[Scene::WrongAmount, Scene::TwoAttempts, Scene::Forgiving, Scene::Refunds, Scene::RefundsOfTwo];
/// The same of strips.
const STRIPS: &[Scene] =
    &[Scene::Tries, Scene::TwoCards, Scene::TwoStrips, Scene::Marks, Scene::Pad, Scene::StripRestored];
/// The same of imports.
const IMPORTS: &[Scene] = &[Scene::RunsTwice, Scene::TwoImports];

/// Every guard and every wrong sentence, each in the smallest world that shows it.
pub const TABLE: &[Line] = &[
    caught("pay accepts EXPIRED", &[Mutant::PayExpired], Scene::WrongAmount, 3),
    caught("W1 without amount", &[Mutant::PayAnyAmount], Scene::WrongAmount, 3),
    caught("W1 without rv: review skipped", &[Mutant::PaySkipsReview], Scene::WrongAmount, 3),
    harmless(
        "W2 without amount",
        &[Mutant::LateAnyAmount],
        MONEY,
        "whoever writes W2 has asked decide with the order that W1 found, and attempts never change",
    ),
    caught(
        "W2 without amount, and nobody asked",
        &[Mutant::LateAnyAmount, Mutant::AmountUnread],
        Scene::WrongAmount,
        3,
    ),
    caught("W2 leaves the time limit", &[Mutant::LateKeepsLimit], Scene::Forgiving, 5),
    caught("LATE missing from due", &[Mutant::LateUnlisted], Scene::WrongAmount, 4),
    caught("review skipped by paying late", &[Mutant::LateSkipsReview], Scene::WrongAmount, 3),
    caught("REFUND_DUE missing from due", &[Mutant::OwedUnlisted], Scene::WrongAmount, 4),
    caught("money row put blindly", &[Mutant::RowPutBlindly], Scene::Row, 4),
    caught("money row decided on any reading", &[Mutant::RowAnyReading], Scene::Row, 4),
    caught("refunding row missing from due", &[Mutant::RefundingUnlisted], Scene::Row, 4),
    caught("state compared before the movement", &[Mutant::StateBeforeMovement], Scene::Row, 4),
    caught("money for an order in review without a row", &[Mutant::ReviewWithoutRow], Scene::WrongAmount, 5),
    caught("success before the row is durable", &[Mutant::SuccessBeforeRow], Scene::Row, 5),
    caught("REVIEW expires", &[Mutant::ReviewExpires], Scene::WrongAmount, 7),
    caught("D1 accepts REFUND_DUE", &[Mutant::DeliverOwed], Scene::Refunds, 7),
    harmless(
        "D1, V2, V3, L2, L3, F0 without generation",
        &[Mutant::AnyGeneration],
        MONEY,
        "PAID, REVIEW and LATE come once in a life, so the state already says which generation it is",
    ),
    caught("provider called before the refund is written", &[Mutant::RefundBeforeWrite], Scene::Refunds, 4),
    caught("refund called again on a lost answer", &[Mutant::CalledAgain], Scene::Row, 4),
    caught("not found taken for closed", &[Mutant::AskedTooEarly], Scene::WrongAmount, 4),
    caught("unknown taken for no", &[Mutant::UnknownTakenForNo], Scene::WrongAmount, 4),
    harmless(
        "X1 on an old reading of the attempts",
        &[Mutant::LapseOnOldReading],
        MONEY,
        "X1 leaves due behind whatever was asked, so the attempt that was added is asked about all the same",
    ),
    caught("TTL while there is something to ask", &[Mutant::LimitWhileListed], Scene::WrongAmount, 4),
    caught(
        "C3 without due: open attempts of a paid order asked by nobody",
        &[Mutant::AttemptUnlisted],
        Scene::TwoAttempts,
        4,
    ),
    caught("rf missing from due", &[Mutant::RefundUnlisted], Scene::Row, 4),
    harmless(
        "F1 without the sum",
        &[Mutant::RefundAnySum],
        MONEY,
        "the wish was compared with the same reading before",
    ),
    harmless("a wish that nobody compares with what is left", &[Mutant::WishUnchecked], MONEY, "F1 compares it"),
    caught("no sum of refunds at all", &[Mutant::RefundAnySum, Mutant::WishUnchecked], Scene::Refunds, 4),
    caught("F1 without the count of refunds", &[Mutant::RefundUncounted], Scene::Refunds, 4),
    caught("F2 without the count of refunds", &[Mutant::FinishUncounted], Scene::Refunds, 4),
    caught("F2 clears due though attempts are open", &[Mutant::FinishUnlists], Scene::Refunds, 4),
    caught("Q2 without the count of refunds", &[Mutant::NothingLeftUncounted], Scene::Refunds, 4),
    harmless(
        "Q2 and Q3 without the time that was read",
        &[Mutant::NothingLeftAnyTime],
        MONEY,
        "whatever gives an order something to do changes its state or its refunds too",
    ),
    caught("a movement named without its account", &[Mutant::NumberWithoutAccount], Scene::Twins, 4),
    caught("an owner's reference without its order", &[Mutant::ReferenceWithoutOrder], Scene::OneReference, 4),
    caught("working while a restore is unaudited", &[Mutant::OpenAfterRestore], Scene::MoneyRestored, 4),
    caught("C2 overwrites VOID", &[Mutant::PutOverTombstone], Scene::Tries, 1),
    harmless(
        "C1 without contains",
        &[Mutant::ClaimTwice],
        STRIPS,
        "what a repeated create claims beyond its order goes back on evidence; the guard keeps it from taking the last card for a moment",
    ),
    caught("claim beyond the cursor", &[Mutant::ClaimBeyondCursor], Scene::TwoCards, 2),
    caught("PAD claimed like a free card", &[Mutant::PadIsFree], Scene::Pad, 2),
    caught("no top-up where some are held", &[Mutant::NoTopUp], Scene::TwoCards, 2),
    caught("released cards found by their hint only", &[Mutant::FoundByHintOnly], Scene::TwoCards, 2),
    caught("release while HELD", &[Mutant::ReleaseHeld], Scene::Tries, 4),
    caught("release of what late money has not adopted yet", &[Mutant::ReleaseUnadopted], Scene::Tries, 4),
    caught("orphan released without tombstone", &[Mutant::ReleaseAbsent], Scene::Tries, 1),
    caught("release without h[i] = claim", &[Mutant::ReleaseBlindly], Scene::Tries, 1),
    caught("shortfall released before the tombstone", &[Mutant::ReleaseBeforeTombstone], Scene::TwoStrips, 1),
    caught("refund after delivery taken as evidence", &[Mutant::RefundedIsEvidence], Scene::Tries, 1),
    caught("refund at the same generation", &[Mutant::OwedAtSameGeneration], Scene::Tries, 2),
    caught("swap by raising g", &[Mutant::SwapRaisesGeneration], Scene::Tries, 1),
    caught("a slot named without its product", &[Mutant::SlotWithoutProduct], Scene::Products, 2),
    caught("forgotten while something that began before still runs", &[Mutant::ForgottenEarly], Scene::Tries, 1),
    caught("a free card marked as final", &[Mutant::FreeIsFinal], Scene::Pad, 2),
    caught("an unclaimed card marked as final", &[Mutant::TailIsFinal], Scene::Pad, 2),
    caught("a paid card taken for final", &[Mutant::PaidIsFinal], Scene::Products, 4),
    caught("an expired claim taken for final", &[Mutant::ExpiredIsFinal], Scene::Products, 2),
    caught("final without the order's slots", &[Mutant::FinalWithoutSlots], Scene::Products, 2),
    caught("seal past an unreleased slot", &[Mutant::SealSome], Scene::Pad, 2),
    harmless(
        "Z without its condition",
        &[Mutant::SealUnasked],
        STRIPS,
        "whoever seals has seen every card to be final, which stays so",
    ),
    caught("low past an unsealed strip", &[Mutant::LowUnsealed], Scene::TwoCards, 2),
    caught("A2 at the end of a list of any length", &[Mutant::RemoveBlindly], Scene::Removal, 2),
    caught("removal that fills with REMOVED", &[Mutant::RemoveFills], Scene::Removal, 2),
    harmless(
        "X4 over whatever stands there",
        &[Mutant::PutBackBlindly],
        STRIPS,
        "orders are newer than strips that were put back, so what stands in a live order's place is a claim that is over",
    ),
    caught("selling while a restore is unaudited", &[Mutant::OpenAfterRestore], Scene::StripRestored, 1),
    caught("n moved without looking", &[Mutant::OnSaleBlindly], Scene::TwoImports, 2),
    caught("U row put without condition", &[Mutant::UniqueBlindly], Scene::TwoImports, 1),
    caught("U row taken over on any reading", &[Mutant::TakenBlindly], Scene::ThreeRuns, 1),
    harmless(
        "vault put without condition",
        &[Mutant::VaultBlindly],
        IMPORTS,
        "a run writes only into the strips that it reserved itself",
    ),
    caught("strip put without condition", &[Mutant::StripBlindly], Scene::RunsTwice, 1),
    harmless("ciphertexts of any run", &[Mutant::VaultOfAnyRun], IMPORTS, "a closed strip holds PAD, which is no card"),
    harmless(
        "PAD taken for a card",
        &[Mutant::PadIsCard],
        IMPORTS,
        "the ciphertexts under it are another run's than the strip",
    ),
    caught("neither run nor PAD looked at", &[Mutant::VaultOfAnyRun, Mutant::PadIsCard], Scene::RunsTwice, 2),
    harmless(
        "duplicate by the name of the run alone",
        &[Mutant::DuplicateByRun],
        IMPORTS,
        "no two executions share a name",
    ),
    caught("a place whose strip is missing taken over", &[Mutant::OpenIsNobodys], Scene::TwoImports, 1),
    harmless(
        "an earlier execution's places left open",
        &[Mutant::OpenIsLeft],
        IMPORTS,
        "whoever puts strips on sale closes them",
    ),
    caught("strip put before its ciphertexts", &[Mutant::StripBeforeVault], Scene::TwoImports, 9),
    caught("on sale past a missing strip", &[Mutant::GapsStay], Scene::TwoImports, 2),
    caught("one name for all executions of a part", &[Mutant::OneNameForAll], Scene::ThreeRuns, 1),
];
