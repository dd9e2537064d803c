//! Orders and money: each life is led to the state before its write by the writes that lead there in the shop.

use super::{Case, Step, case, step};
use domain::order::{Attempt, Due, DueKind, Order, Payment, Settled, State, Why};
use domain::refund::{MoneyState, Refund, RefundState};
use domain::stock::SlotRun;
use domain::{AccountId, Currency, Millis, OrderId, OutTradeNo, ProductId, Txn};
use store::writes::{Adopted, NewOrder};
use store::{Alarm, Details, MoneyRow, Store};

/// When everything happens, Unix ms.
pub(crate) const NOW: Millis = 1_795_305_600_000;

const ID: OrderId = OrderId([1; 15]);
const FINGERPRINT: [u8; 16] = [7; 16];
const ASK: Due = Due { kind: DueKind::Ask, at: NOW };
const SLOTS: [SlotRun; 1] = [SlotRun { strip: 3, first: 0, len: 1, width: 48 }];

fn account() -> AccountId {
    AccountId::parse("sandbox").unwrap()
}

fn txn() -> Txn {
    Txn::new(&account(), "first").unwrap()
}

fn attempt(no: u8) -> Attempt {
    Attempt {
        no: OutTradeNo { order: ID, tail: [3, 4], attempt: no },
        account: account(),
        version: 1,
        minor: 990,
        currency: Currency::CNY,
        made_at: NOW,
        mac: [1; 12],
    }
}

/// An order that waits for its money.
pub(crate) fn held(id: OrderId, to_review: bool) -> Order {
    Order {
        id,
        state: State::Held,
        generation: 0,
        product: ProductId::parse("p").unwrap(),
        quantity: 1,
        slots: vec![SlotRun { strip: 0, first: 47, len: 1, width: 48 }],
        slots_mac: [3; 12],
        expires_at: NOW - 1,
        attempts: vec![attempt(1)],
        settled: None,
        fingerprint: FINGERPRINT,
        to_review,
        why: None,
        token_epoch: 0,
        created_at: NOW,
        paid_at: None,
        delivered_at: None,
        viewed_at: None,
        refunds: vec![],
        due: None,
        sent_again_at: None,
        mail_in: None,
    }
}

/// The order as it was read in a state, for writes that are told what was read.
fn read(state: State, to_review: bool) -> Order {
    let settled =
        (!matches!(state, State::Held | State::Expired)).then(|| Settled { txn: txn(), attempt: 1, mac: [2; 12] });
    let generation = if state == State::RefundDue { 2 } else { 0 };
    let due = (state == State::Expired).then_some(ASK);
    Order { state, settled, generation, due, ..held(ID, to_review) }
}

/// What a buyer typed.
pub(crate) fn details() -> Details {
    Details {
        contact: "buyer@example.com".into(),
        contact_hash: [5; 16],
        password_hash: [6; 16],
        fields: r#"{"服":"一"}"#.into(),
    }
}

fn new(to_review: bool) -> NewOrder {
    NewOrder { order: held(ID, to_review), details: details() }
}

fn payment() -> Payment {
    let no = attempt(1).no;
    Payment { txn: txn(), account: account(), no, minor: 990, currency: Currency::CNY, mac: [2; 12] }
}

fn adopted() -> Adopted<'static> {
    Adopted { runs: &SLOTS, mac: [4; 12] }
}

fn refund() -> Refund {
    Refund {
        minor: 990,
        state: RefundState::Started,
        by_hand: false,
        reference: String::new(),
        request: [8; 8],
        at: NOW,
    }
}

fn with_refund() -> Order {
    Order { refunds: vec![refund()], ..read(State::RefundDue, false) }
}

/// A part of what was paid, and another one.
fn part(request: u8) -> Refund {
    Refund { minor: 400, request: [request; 8], ..refund() }
}

fn with_part() -> Order {
    Order { refunds: vec![part(1)], ..read(State::RefundDue, false) }
}

fn row() -> MoneyRow {
    MoneyRow {
        txn: txn(),
        reason: "double".into(),
        account: account(),
        out_trade_no: "K1".into(),
        order: Some(ID),
        minor: 990,
        currency: Currency::CNY,
        state: MoneyState::Open,
        reference: String::new(),
        seen_at: NOW,
        look_at: NOW,
    }
}

fn alarm() -> Alarm {
    Alarm {
        product: ProductId::parse("p").unwrap(),
        what: "lost".into(),
        count: 6,
        confirmed: false,
        is_open: true,
        seen_at: NOW,
    }
}

const PLACE: Step = step!(s => s.place_order(&new(false)));
const PLACE_RISK: Step = step!(s => s.place_order(&new(true)));
const PAY: Step = step!(s => s.pay(&payment(), NOW));
const DELIVER: Step = step!(s => s.deliver(&ID, 0, NOW));
const LAPSE: Step = step!(s => s.lapse(&read(State::Held, false), 1, NOW, ASK));
const PAY_LATE: Step = step!(s => s.pay_late(&payment(), NOW));
const PAY_RISK: Step = step!(s => s.pay_for_review(&payment(), NOW));
const OWE: Step = step!(s => s.refund_undelivered(&read(State::Paid, false), NOW));
const START: Step = step!(s => s.start_refund(&read(State::RefundDue, false), &refund()));
const START_PART: Step = step!(s => s.start_refund(&read(State::RefundDue, false), &part(1)));
const ROW: Step = step!(s => s.record_money(&row()));
const ALARM: Step = step!(s => s.raise_alarm(&alarm()));

/// Orders on their way to delivery, and off it.
pub(crate) const ORDERS: &[Case] = &[
    case!("C2d put details", [], s => s.put_details(&ID, &FINGERPRINT, &details())),
    case!("C2 place order", [], s => s.place_order(&new(false))),
    case!("C4 keep shown", [], s => s.keep_shown(&attempt(2).no, "weixin://second", NOW)),
    case!("W1 pay", [PLACE], s => s.pay(&payment(), NOW)),
    case!("D1 deliver", [PLACE, PAY], s => s.deliver(&ID, 0, NOW)),
    case!("D3 note view", [PLACE, PAY, DELIVER], s => s.note_view(&ID, NOW)),
    case!("X2 void", [], s => s.void(&ID, &held(ID, false).product, Why::SoldOut, NOW)),
    case!("C3 add attempt", [PLACE], s => s.add_attempt(&read(State::Held, false), &attempt(2), NOW + 9, ASK)),
    case!("X1 lapse", [PLACE], s => s.lapse(&read(State::Held, false), 1, NOW, ASK)),
    case!("X1 cancel", [PLACE], s => s.cancel(&read(State::Held, false), 1, Why::Cancelled, ASK)),
    case!("Q1 ask later", [PLACE, LAPSE], s => s.ask_later(&read(State::Expired, false), Due { at: NOW + 5, ..ASK })),
    case!("Q2 nothing left", [PLACE, LAPSE], s => s.nothing_left(&read(State::Expired, false))),
    case!("Q3 never paid", [PLACE, LAPSE], s => s.never_paid(&read(State::Expired, false), NOW + 5)),
    case!("S1 lease sending", [PLACE, PAY], s => s.lease_sending(&read(State::Paid, false), NOW + 5, NOW)),
    case!("W2 pay late", [PLACE, LAPSE], s => s.pay_late(&payment(), NOW)),
    case!("V1 pay for review", [PLACE_RISK], s => s.pay_for_review(&payment(), NOW)),
    case!("V2 pass review", [PLACE_RISK, PAY_RISK], s => s.pass_review(&read(State::Review, true), NOW)),
    case!("V3 refuse review", [PLACE_RISK, PAY_RISK], s => s.refuse_review(&read(State::Review, true), NOW)),
    case!("L2 adopt", [PLACE, LAPSE, PAY_LATE], s => s.adopt(&read(State::Late, false), &adopted(), NOW)),
    case!("L2 adopt for review", [PLACE_RISK, LAPSE, PAY_LATE], s => adopt_risk(s)),
    case!("L3 refund late", [PLACE, LAPSE, PAY_LATE], s => s.refund_late(&read(State::Late, false), NOW)),
    case!("F0 refund undelivered", [PLACE, PAY], s => s.refund_undelivered(&read(State::Paid, false), NOW)),
    case!("D2 needs a person", [PLACE, PAY], s => s.needs_person(&read(State::Paid, false), NOW)),
];

async fn adopt_risk(store: &Store) -> Result<store::Outcome<Order, Option<Order>>, store::StoreError> {
    store.adopt(&read(State::Late, true), &adopted(), NOW).await
}

/// Money that has to go back or settles nothing, and alarms.
pub(crate) const MONEY: &[Case] = &[
    case!("M0 record money", [], s => s.record_money(&row())),
    case!("F1 start refund", [PLACE, PAY, OWE], s => s.start_refund(&read(State::RefundDue, false), &refund())),
    case!("F1 start next refund", [PLACE, PAY, OWE, START_PART], s => s.start_refund(&with_part(), &part(2))),
    case!("F2 finish refund", [PLACE, PAY, OWE, START], s => s.finish_refund(&with_refund(), 1, "returned")),
    case!("F3 fail refund", [PLACE, PAY, OWE, START], s => s.fail_refund(&with_refund(), 1, "refused")),
    case!("M2 decide row", [ROW], s => s.decide_row(&row(), MoneyState::Refunding, "soon", NOW + 5)),
    case!("M3 end row", [ROW], s => s.end_row(&row(), MoneyState::Refunded, "returned")),
    case!("O1 raise alarm", [], s => s.raise_alarm(&alarm())),
    case!("O2 confirm alarm", [ALARM], s => s.confirm_alarm(&alarm())),
    case!("O3 end alarm", [ALARM], s => s.end_alarm(&alarm())),
];
