//! Orders in every state, and every event, for the table and for the agreement.

use domain::order::{Attempt, Event, Order, Payment, Settled, State, Why};
use domain::stock::SlotRun;
use domain::{AccountId, Currency, Millis, OrderId, OutTradeNo, ProductId, Txn};

/// When it is.
pub const NOW: Millis = 1_000_000;

/// The fingerprint of the request that made every order here.
pub const FINGERPRINT: [u8; 16] = [7; 16];

/// The channel account of every attempt here.
pub fn account() -> AccountId {
    AccountId::parse("sandbox").unwrap()
}

/// A movement of money by its provider's number.
pub fn txn(number: &str) -> Txn {
    Txn::new(&account(), number).unwrap()
}

/// The number of an attempt of the order.
pub fn number(id: OrderId, attempt: u8) -> OutTradeNo {
    OutTradeNo { order: id, tail: [3, 4], attempt }
}

/// An order in a state, with one attempt of 990 fen, as a life that led there would leave it.
pub fn order(id: OrderId, state: State, to_review: bool) -> Order {
    let attempt = Attempt {
        no: number(id, 1),
        account: account(),
        version: 1,
        minor: 990,
        currency: Currency::CNY,
        made_at: 0,
        mac: [1; 12],
    };
    let settled = match state {
        State::Void | State::Held | State::Expired => None,
        _ => Some(Settled { txn: txn("first"), attempt: 1, mac: [2; 12] }),
    };
    let why = match state {
        State::Void => Some(Why::SoldOut),
        State::Expired | State::Late => Some(Why::Expired),
        State::RefundDue | State::Refunded => Some(Why::Seller),
        _ => None,
    };
    let order = Order {
        id,
        state,
        generation: if matches!(state, State::RefundDue | State::Refunded) { 2 } else { 0 },
        product: ProductId::parse("p").unwrap(),
        quantity: 1,
        slots: vec![SlotRun { strip: 0, first: 47, len: 1, width: 48 }],
        slots_mac: [3; 12],
        expires_at: NOW - 1,
        attempts: vec![attempt],
        settled,
        fingerprint: FINGERPRINT,
        to_review,
        why,
        token_epoch: 0,
        created_at: 0,
        paid_at: None,
        delivered_at: None,
        viewed_at: None,
        refunds: vec![],
        due: None,
        sent_again_at: None,
        mail_in: None,
    };
    if state != State::Void {
        return order;
    }
    // A tombstone keeps its id, product, reason and time, and nothing of a request.
    Order {
        quantity: 0,
        slots: vec![],
        slots_mac: [0; 12],
        attempts: vec![],
        fingerprint: [0; 16],
        expires_at: 0,
        ..order
    }
}

/// A payment of the order's first attempt, exactly as asked for.
pub fn payment(id: OrderId, number_of_txn: &str) -> Payment {
    let no = number(id, 1);
    Payment { txn: txn(number_of_txn), account: account(), no, minor: 990, currency: Currency::CNY, mac: [2; 12] }
}

/// Payments that differ from the right one in one thing each.
pub fn payments(id: OrderId) -> Vec<(&'static str, Payment)> {
    let right = payment(id, "first");
    let other_tail = OutTradeNo { tail: [9, 9], ..right.no };
    vec![
        ("money: right", right.clone()),
        ("money: another movement", payment(id, "second")),
        ("money: amount", Payment { minor: 989, txn: txn("second"), ..right.clone() }),
        ("money: currency", Payment { currency: Currency::parse("USD").unwrap(), txn: txn("second"), ..right.clone() }),
        ("money: other attempt", Payment { no: number(id, 2), txn: txn("second"), ..right.clone() }),
        ("money: other letters", Payment { no: other_tail, txn: txn("second"), ..right.clone() }),
        ("money: other account", Payment { account: AccountId::parse("x").unwrap(), txn: txn("second"), ..right }),
    ]
}

/// Every event worth a row.
pub fn events(id: OrderId) -> Vec<(&'static str, Event)> {
    let mut all = vec![
        ("placed: same request", Event::Placed { fingerprint: FINGERPRINT }),
        ("placed: other request", Event::Placed { fingerprint: [8; 16] }),
        ("given up", Event::GivenUp),
    ];
    all.extend(payments(id).into_iter().map(|(name, p)| (name, Event::MoneyProven(p))));
    all.extend([
        ("hold lapsed, 1 asked", Event::HoldLapsed { asked: 1 }),
        ("hold lapsed, 0 asked", Event::HoldLapsed { asked: 0 }),
        ("buyer cancelled", Event::BuyerCancelled { asked: 1 }),
        ("channel failed", Event::ChannelFailed { asked: 1 }),
        ("review passed", Event::ReviewPassed),
        ("review refused", Event::ReviewRefused),
        ("stock found", Event::StockFound),
        ("stock missing", Event::StockMissing),
        ("cards opened, g 0", Event::CardsOpened { generation: 0 }),
        ("cards opened, g 1", Event::CardsOpened { generation: 1 }),
        ("seller refunds", Event::SellerRefunds),
        ("refund done", Event::RefundDone),
    ]);
    all
}
