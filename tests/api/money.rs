//! The table of money, cell by cell, through the real webhook: where an order stands, which movement is told, and what about
//! it does not fit. Well-signed money is never refused: it pays its order, or is known already, or becomes one row for a
//! person.

use crate::expiry::{HOLD_OVER, Meanwhile, pays};
use domain::order::{Payment, State};
use domain::{AccountId, Currency, OrderId, OutTradeNo, Txn};
use http::{Method, Request};
use local::Front;
use local::seam::{Call, Fate, Quiet, Tap};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use store::{MoneyRow, Outcome, Table};
use tests::shop::{self, PID, cards, wish, yuan};
use tests::taps::Unguarded;
use tests::{Buyer, TestShop, signed_notification, text};

const PRICE: i64 = 990;

/// A second merchant account of the shop: another gateway, another number, another key.
const SECOND: &str = "second";
const SECOND_PID: &str = "2000";
const SECOND_KEY: &str = "fedcba9876543210fedcba9876543210";

/// Where an order stands when the money is told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Stand {
    Absent,
    Void,
    Held,
    HeldToReview,
    Review,
    Paid,
    Delivered,
    Expired,
    ExpiredToReview,
    Late,
    LateToReview,
    RefundDue,
    Refunded,
}
use Stand::{
    Absent, Delivered, Expired, ExpiredToReview, Held, HeldToReview, Late, LateToReview, RefundDue, Refunded, Review,
    Void,
};

impl Stand {
    fn state(self) -> Option<State> {
        Some(match self {
            Absent => return None,
            Void => State::Void,
            Held | HeldToReview => State::Held,
            Review => State::Review,
            Stand::Paid => State::Paid,
            Delivered => State::Delivered,
            Expired | ExpiredToReview => State::Expired,
            Late | LateToReview => State::Late,
            RefundDue => State::RefundDue,
            Refunded => State::Refunded,
        })
    }

    fn has_money(self) -> bool {
        !matches!(self, Absent | Void | Held | HeldToReview | Expired | ExpiredToReview)
    }

    fn product(self) -> &'static str {
        match self {
            HeldToReview | Review | ExpiredToReview | LateToReview => "risky",
            _ => "plain",
        }
    }
}

/// What is told of the money.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Told {
    Right,
    TooLittle,
    TooMuch,
    /// The number of an attempt that was never made.
    OtherAttempt,
    /// The two letters that only the shop and its buyer know are others.
    OtherLetters,
    /// The same number in small letters, which is no number of ours.
    SmallLetters,
    /// Everything is right, but it arrived on another account of the shop.
    OtherAccount,
}

const TOLD: [Told; 7] = [
    Told::Right,
    Told::TooLittle,
    Told::TooMuch,
    Told::OtherAttempt,
    Told::OtherLetters,
    Told::SmallLetters,
    Told::OtherAccount,
];

/// What must come of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Then {
    /// The order is paid by it and sent to delivery, now and each time it is told.
    Pays,
    /// The order is paid by it, and a person looks first.
    Waits,
    /// It is known, and nothing is written or sent.
    Known,
    /// It stands as a row, once, for this reason.
    Row(&'static str),
    /// It stood as a row already, and stands as it did.
    Stays,
}
use Then::{Known, Pays, Stays, Waits};

const ORDER: Then = Then::Row("unknown_order");
const ATTEMPT: Then = Then::Row("unknown_attempt");
const AMOUNT: Then = Then::Row("wrong_amount");
const DOUBLE: Then = Then::Row("double");

/// A second movement for an order that has its money. Whose attempt it names is asked before what it pays.
const SURPLUS: [Then; 7] = [DOUBLE, DOUBLE, DOUBLE, ATTEMPT, ATTEMPT, ORDER, ATTEMPT];

/// A movement the shop has not heard of, told of an order that stands so; in the order of [`TOLD`].
const NEW: [(Stand, [Then; 7]); 13] = [
    (Absent, [ORDER; 7]),
    (Void, [ORDER; 7]),
    (Held, [Pays, AMOUNT, AMOUNT, ATTEMPT, ATTEMPT, ORDER, ATTEMPT]),
    (HeldToReview, [Waits, AMOUNT, AMOUNT, ATTEMPT, ATTEMPT, ORDER, ATTEMPT]),
    (Review, SURPLUS),
    (Stand::Paid, SURPLUS),
    (Delivered, SURPLUS),
    (Expired, [Pays, AMOUNT, AMOUNT, ATTEMPT, ATTEMPT, ORDER, ATTEMPT]),
    (ExpiredToReview, [Waits, AMOUNT, AMOUNT, ATTEMPT, ATTEMPT, ORDER, ATTEMPT]),
    (Late, SURPLUS),
    (LateToReview, SURPLUS),
    (RefundDue, SURPLUS),
    (Refunded, SURPLUS),
];

/// A movement the shop knows. Where the order has money it is that money: the movement is asked about first, so nothing else
/// about it matters. The account is part of a movement's name, so the same number on another account is other money. Where
/// the order has none it is a movement that was told before with a wrong amount and stands as a row.
const SAME: [(Stand, [Then; 7]); 13] = [
    (Absent, [Stays; 7]),
    (Void, [Stays; 7]),
    (Held, [Pays, Stays, Stays, Stays, Stays, Stays, Stays]),
    (HeldToReview, [Waits, Stays, Stays, Stays, Stays, Stays, Stays]),
    (Review, [Known, Known, Known, Known, Known, ORDER, ATTEMPT]),
    (Stand::Paid, [Pays, Pays, Pays, Pays, Pays, ORDER, ATTEMPT]),
    (Delivered, [Known, Known, Known, Known, Known, ORDER, ATTEMPT]),
    (Expired, [Pays, Stays, Stays, Stays, Stays, Stays, Stays]),
    (ExpiredToReview, [Waits, Stays, Stays, Stays, Stays, Stays, Stays]),
    (Late, [Pays, Pays, Pays, Pays, Pays, ORDER, ATTEMPT]),
    (LateToReview, [Waits, Waits, Waits, Waits, Waits, ORDER, ATTEMPT]),
    (RefundDue, [Known, Known, Known, Known, Known, ORDER, ATTEMPT]),
    (Refunded, [Known, Known, Known, Known, Known, ORDER, ATTEMPT]),
];

/// Both tables: 13 places to stand, 7 things to tell, of a new movement and of a known one.
const CELLS: usize = 182;

/// Loses every call whose text holds a word.
#[derive(Debug)]
pub struct Lost(pub &'static str);

impl Tap for Lost {
    fn fate(&self, call: &Call) -> Fate {
        if String::from_utf8_lossy(&call.body).contains(self.0) { Fate::LoseRequest } else { Fate::Pass }
    }
}

/// A notification on its way: the account whose webhook it goes to, and what is signed.
struct Notice {
    account: &'static str,
    query: String,
}

impl Notice {
    fn new(shop: &TestShop, account: &'static str, attempt: &str, trade: &str, minor: i64, status: &str) -> Notice {
        let (pid, key) = if account == SECOND { (SECOND_PID, SECOND_KEY) } else { (PID, shop.key.as_str()) };
        let money = yuan(minor);
        let fields = [
            ("pid", pid),
            ("trade_no", trade),
            ("out_trade_no", attempt),
            ("type", "alipay"),
            ("name", "product"),
            ("money", &money),
            ("trade_status", status),
        ];
        Notice { account, query: signed_notification(&fields, key) }
    }

    async fn send(&self, front: &Front) -> (u16, String) {
        let path = format!("/webhooks/{}?{}", self.account, self.query);
        let request = Request::builder().uri(path).body(Vec::new()).unwrap();
        let response = front.shop(request, "127.0.0.1").await;
        (response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned())
    }
}

/// What a provider must hear.
pub fn success() -> (u16, String) {
    (200, "success".to_owned())
}

/// A seller's request that is granted.
pub async fn granted(shop: &TestShop, path: &str, body: &Value) -> Value {
    let token = shop.sign_in().await;
    let (status, answer) = shop.admin(Method::POST, path, &token, body.to_string()).await;
    assert!((200..300).contains(&status), "{path}: {status} {answer}");
    answer
}

/// The notification that tells this of a buyer's money.
fn notice(shop: &TestShop, buyer: &Buyer, told: Told, trade: &str, status: &str) -> Notice {
    let number = &buyer.attempt;
    let attempt = match told {
        Told::OtherAttempt => format!("{}2", &number[..26]),
        Told::OtherLetters => {
            let letter = if number[24..25] == *"0" { "1" } else { "0" };
            format!("{}{letter}{}", &number[..24], &number[25..])
        }
        Told::SmallLetters => number.to_ascii_lowercase(),
        _ => number.clone(),
    };
    Notice::new(shop, account_of(told), &attempt, trade, minor_of(told), status)
}

fn minor_of(told: Told) -> i64 {
    match told {
        Told::TooLittle => PRICE - 1,
        Told::TooMuch => PRICE * 100,
        _ => PRICE,
    }
}

fn account_of(told: Told) -> &'static str {
    if told == Told::OtherAccount { SECOND } else { "sandbox" }
}

fn txn(account: &str, trade: &str) -> Txn {
    Txn::new(&AccountId::parse(account).unwrap(), trade).unwrap()
}

async fn row(shop: &TestShop, txn: &Txn) -> Option<MoneyRow> {
    shop.app.store.money_row(txn).await.unwrap()
}

/// How many rows of money there are in all.
fn rows(shop: &TestShop) -> usize {
    shop.table(Table::Orders).into_iter().filter(|item| item.contains(r#""due":{"S":"money#"#)).count()
}

fn queued(shop: &TestShop) -> usize {
    shop.world.sqs.dump(shop.world.queue_name()).unwrap().len()
}

async fn state(shop: &TestShop, buyer: &Buyer) -> Option<State> {
    shop.app.store.order(&OrderId::parse(&buyer.order).unwrap()).await.unwrap().map(|order| order.state)
}

/// A shop with two accounts and one product. The second account's gateway is out of reach; its word is taken all the same.
async fn open_shop(seed: u64, product: &str, count: usize) -> TestShop {
    let shop = TestShop::new(seed).await;
    let account =
        json!({"kind": "epay_v1", "base_url": "https://second.example", "pid": SECOND_PID, "key": SECOND_KEY})
            .to_string();
    let path = format!("/api/admin/channels/{SECOND}");
    let (status, answer) = shop.admin(Method::PUT, &path, &shop.sign_in().await, account).await;
    assert_eq!(status, 200, "{answer}");
    let body = json!({
        "id": product, "name": "Product", "kind": "single_use_key", "channels": ["sandbox", SECOND],
        "price": {"amount_minor": PRICE, "currency": "CNY"}, "review": product == "risky",
    });
    granted(&shop, "/api/admin/products", &body).await;
    shop.cards(product, &cards("C", count), "").await;
    shop
}

fn key(n: usize) -> String {
    format!("the-buyer-with-number-{n:03}")
}

fn paid_by(n: usize) -> String {
    format!("PAID{n:03}")
}

/// An order that was never written, as somebody might name it.
fn nobody(shop: &TestShop, n: usize) -> Buyer {
    let order = shop.app.keys.order_id(&key(n));
    let attempt = OutTradeNo { order, tail: [3, 4], attempt: 1 }.to_string();
    Buyer { order: order.to_string(), token: String::new(), attempt, minor: PRICE }
}

/// As many orders as there are cards, brought to where they stand the way real ones come there.
async fn arrange(shop: &TestShop, stand: Stand, count: usize) -> Vec<Buyer> {
    let product = stand.product();
    let mut buyers = Vec::new();
    for n in 0..count {
        buyers.push(match stand {
            Absent => nobody(shop, n),
            Void => {
                // A create that finds too few cards gives its id up.
                shop.pass(1_000);
                let too_many = u32::try_from(count + 1).unwrap();
                let (status, answer) = shop.create(&key(n), &wish(product, too_many)).await;
                assert_eq!((status, answer["code"].as_str()), (409, Some("sold_out")), "{answer}");
                nobody(shop, n)
            }
            _ => shop.order(&key(n), product, 1).await,
        });
    }
    if matches!(stand, Expired | ExpiredToReview | Late | LateToReview | RefundDue | Refunded) {
        shop.pass(HOLD_OVER);
        shop.tick().await;
    }
    if matches!(stand, RefundDue | Refunded) {
        let all = shop.order("the-buyer-who-takes-them-all", product, u32::try_from(count).unwrap()).await;
        shop.pay(&all, "ALL").await;
        shop.deliver_all().await;
    }
    let away = matches!(stand, Late | LateToReview);
    // Without strips late money is durable, and its stock cannot be sought.
    let (front, _) =
        shop.tapped(if away { Arc::new(Lost("kamivend-strips")) as Arc<dyn Tap> } else { Arc::new(Quiet) });
    for (n, buyer) in buyers.iter().enumerate().filter(|_| stand.has_money()) {
        let paid = notice(shop, buyer, Told::Right, &paid_by(n), "TRADE_SUCCESS");
        assert_eq!(paid.send(&front).await, success(), "{stand:?}");
        if away {
            // While stock cannot be sought the same word again is "success" again, and changes nothing.
            let before = shop.tables();
            assert_eq!(paid.send(&front).await, success(), "{stand:?}");
            assert_eq!((shop.tables() == before, queued(shop)), (true, 0), "{stand:?}");
        }
        if stand == Refunded {
            let by_hand = json!({"by_hand": true, "reference": "cash"});
            granted(shop, &format!("/api/admin/orders/{}/refund", buyer.order), &by_hand).await;
        }
    }
    if stand == Delivered {
        shop.deliver_all().await;
    }
    buyers
}

/// One cell: the money is told, and told again. Answers its movement, and the row that stands for it.
async fn cell(
    shop: &TestShop,
    stand: Stand,
    (is_known, told, then): (bool, Told, Then),
    n: usize,
    buyer: &Buyer,
) -> (Txn, Option<MoneyRow>) {
    let name = format!("{stand:?}, {told:?}, {} movement", if is_known { "a known" } else { "a new" });
    assert_eq!(state(shop, buyer).await, stand.state(), "{name}: where it stands");
    let trade = if is_known && stand.has_money() { paid_by(n) } else { format!("NEW{n:03}") };
    if is_known && !stand.has_money() {
        let first = Notice::new(shop, account_of(told), &buyer.attempt, &trade, 1, "TRADE_SUCCESS");
        assert_eq!(first.send(shop.front()).await, success(), "{name}: told before");
    }
    let movement = txn(account_of(told), &trade);
    let known_row = row(shop, &movement).await;
    let (tables, sent, written) = (shop.tables(), queued(shop), rows(shop));
    for status in ["WAIT_BUYER_PAY", "TRADE_CLOSED", "TRADE_FINISHED"] {
        let unpaid = notice(shop, buyer, told, &trade, status);
        assert_eq!(unpaid.send(shop.front()).await, success(), "{name}: {status}");
        assert_eq!((shop.tables() == tables, queued(shop)), (true, sent), "{name}: {status} wrote or sent something");
    }

    let notice = notice(shop, buyer, told, &trade, "TRADE_SUCCESS");
    assert_eq!(notice.send(shop.front()).await, success(), "{name}");
    let (after, sent_each_time, reason) = match then {
        Pays => (Some(State::Paid), 1, None),
        Waits => (Some(State::Review), 0, None),
        Known | Stays => (stand.state(), 0, None),
        Then::Row(reason) => (stand.state(), 0, Some(reason)),
    };
    assert_eq!(state(shop, buyer).await, after, "{name}: the state afterwards");
    assert_eq!(queued(shop), sent + sent_each_time, "{name}: messages");
    assert_eq!(rows(shop), written + usize::from(reason.is_some()), "{name}: rows in all");
    let found = row(shop, &movement).await;
    match reason {
        Some(reason) => {
            let found = found.clone().unwrap_or_else(|| panic!("{name}: no row"));
            assert_eq!((found.reason.as_str(), found.minor), (reason, minor_of(told)), "{name}");
            assert_eq!(found.account.as_str(), account_of(told), "{name}");
        }
        None => assert_eq!(found, known_row, "{name}: the row that stood before"),
    }

    let tables = shop.tables();
    assert_eq!(notice.send(shop.front()).await, success(), "{name}: again");
    assert_eq!(shop.tables(), tables, "{name}: told again, it changed something");
    assert_eq!(queued(shop), sent + 2 * sent_each_time, "{name}: messages, told again");

    (movement, found)
}

fn expected_end(stand: Stand) -> Option<State> {
    match stand {
        Absent | Void | RefundDue | Refunded => stand.state(),
        _ => Some(State::Delivered),
    }
}

/// The right money is told, a person lets pass what waits for one, and the queue is worked off.
async fn finish(shop: &TestShop, stand: Stand, n: usize, buyer: &Buyer) -> Option<State> {
    let trade = if stand.has_money() { paid_by(n) } else { format!("END{n:03}") };
    if matches!(state(shop, buyer).await, Some(State::Held | State::Expired)) || stand.has_money() {
        let paid = notice(shop, buyer, Told::Right, &trade, "TRADE_SUCCESS");
        assert_eq!(paid.send(shop.front()).await, success());
    }
    if state(shop, buyer).await == Some(State::Review) {
        granted(shop, &format!("/api/admin/orders/{}/review", buyer.order), &json!({"decision": "pass"})).await;
    }
    shop.deliver_all().await;
    state(shop, buyer).await
}

/// Every cell of one place to stand, each with an order of its own; answers how many.
async fn cells_of(seed: u64, stand: Stand, new: [Then; 7], same: [Then; 7]) -> usize {
    let mut wanted = Vec::new();
    for (is_known, thens) in [(false, new), (true, same)] {
        wanted.extend(TOLD.into_iter().zip(thens).map(|(told, then)| (is_known, told, then)));
    }
    let shop = open_shop(seed, stand.product(), wanted.len()).await;
    let buyers = arrange(&shop, stand, wanted.len()).await;
    let mut told = Vec::new();
    for (n, (cell_of, buyer)) in wanted.iter().zip(&buyers).enumerate() {
        told.push(cell(&shop, stand, *cell_of, n, buyer).await);
    }

    // Whatever was told, the right money comes to its end, and what was written down stays written down.
    let mut shown = HashSet::new();
    for (n, ((movement, found), buyer)) in told.iter().zip(&buyers).enumerate() {
        let name = format!("{stand:?}, {:?}", wanted[n]);
        let end = finish(&shop, stand, n, buyer).await;
        assert_eq!(end, expected_end(stand), "{name}: the end");
        assert_eq!(row(&shop, movement).await, *found, "{name}: the row at the end");
        if end == Some(State::Delivered) {
            let keys = shop.keys(buyer).await;
            assert_eq!(keys.len(), 1, "{name}");
            assert!(shown.insert(keys[0].clone()), "{name}: {} was shown to two buyers", keys[0]);
        }
    }
    let seen = shop.attention().await.into_iter().filter(|(kind, _)| kind == "money").count();
    assert_eq!(seen, rows(&shop), "{stand:?}: a person sees every row");
    let counts = shop.counts(stand.product()).await;
    let sum: u64 = ["free", "held", "sold", "removed"].iter().map(|kind| counts[kind].as_u64().unwrap()).sum();
    assert_eq!(Some(sum), counts["imported"].as_u64(), "{stand:?}: {counts}");
    let report = shop.audit().await;
    assert_eq!(report.differences, 0, "{stand:?}: {report:#?}");
    told.len()
}

#[tokio::test(start_paused = true)]
async fn every_cell_of_the_table_of_money() {
    let mut visited = 0;
    for (seed, ((stand, new), (other, same))) in (900..).zip(NEW.into_iter().zip(SAME)) {
        assert_eq!(stand, other, "both tables name the same places");
        visited += cells_of(seed, stand, new, same).await;
    }
    assert_eq!(visited, CELLS);
    let places: HashSet<Stand> = NEW.into_iter().map(|(stand, _)| stand).collect();
    assert_eq!(places.len() * HashSet::from(TOLD).len() * 2, CELLS, "no place and no thing to tell is named twice");
    let states: HashSet<_> = places.into_iter().filter_map(Stand::state).collect();
    assert_eq!(states.len(), State::ALL.len(), "a state nobody thought of");
}

/// Somebody vouches for this much money of an order's first attempt, whoever it is.
fn payment(shop: &TestShop, buyer: &Buyer, trade: &str, minor: i64) -> Payment {
    let (no, txn) = (OutTradeNo::parse(&buyer.attempt).unwrap(), txn("sandbox", trade));
    let mac = shop.app.keys.payment(&no, &txn, minor, Currency::CNY);
    Payment { txn, account: AccountId::parse("sandbox").unwrap(), no, minor, currency: Currency::CNY, mac }
}

/// The planted bug, or nothing: each test shows that what is caught is right without it.
fn perhaps(bug: &Arc<Unguarded>, is_planted: bool) -> Arc<dyn Tap> {
    if is_planted { bug.clone() } else { Arc::new(Quiet) }
}

/// Planted: W2 takes any amount. `decide` asks before it is sent, so the write is sent here by itself: its own condition is
/// what a handler of an older version, or a wrong `decide`, would run into.
#[tokio::test(start_paused = true)]
async fn planted_late_money_without_its_amount_is_caught() {
    let mut shop = open_shop(920, "plain", 2).await;
    shop.leave_unfinished();
    let buyer = shop.order("a-buyer-who-pays-one-fen-late", "plain", 1).await;
    shop.pass(HOLD_OVER);
    shop.tick().await;
    let one_fen = payment(&shop, &buyer, "T1", 1);
    let refused = shop.app.store.pay_late(&one_fen, shop.app.clock.now()).await.unwrap();
    assert!(matches!(refused, Outcome::Refused(Some(order)) if order.state == State::Expired));

    let bug = Arc::new(Unguarded::new("UpdateItem", "SET #st = :late", "#att.#1.#minor = :minor"));
    let (_, app) = shop.tapped(bug.clone());
    app.store.pay_late(&one_fen, app.clock.now()).await.unwrap();
    assert_eq!(bug.hits(), 1, "the planted bug never met its write");
    assert_eq!(state(&shop, &buyer).await, Some(State::Late));
    shop.tick().await;
    shop.deliver_all().await;
    assert_eq!(shop.counts("plain").await["sold"], 1, "without the guard a card is sold for one fen");
}

/// Planted: W2 takes money in any state. Another movement has paid the order after this one read that it is closed.
#[tokio::test(start_paused = true)]
async fn planted_late_money_without_its_state_is_caught() {
    for is_planted in [false, true] {
        let mut shop = open_shop(921, "plain", 4).await;
        shop.leave_unfinished();
        let buyer = shop.order("a-buyer-who-pays-late-twice", "plain", 1).await;
        shop.pass(HOLD_OVER);
        shop.tick().await;
        let bug = Arc::new(Unguarded::new("UpdateItem", "SET #st = :late", "#st = :expired"));
        let meanwhile = Meanwhile::tap("SET #st = :late", perhaps(&bug, is_planted), pays(&shop, &buyer, "OTHER"));
        let (front, _) = shop.tapped(meanwhile);
        assert_eq!(shop::notify(&front, &shop.notification(&buyer, "THIS")).await, success());
        assert_eq!(bug.hits(), usize::from(is_planted));

        let order = shop.app.store.order(&OrderId::parse(&buyer.order).unwrap()).await.unwrap().unwrap();
        let paid_with = order.settled.unwrap().txn.provider_number();
        let double = row(&shop, &txn("sandbox", "THIS")).await;
        let free = shop.counts("plain").await["free"].as_u64().unwrap();
        if is_planted {
            let lost = row(&shop, &txn("sandbox", "OTHER")).await.is_none();
            assert_eq!((paid_with.as_str(), lost), ("THIS", true), "without the guard the other money is nowhere");
        } else {
            assert_eq!((paid_with.as_str(), double.unwrap().reason.as_str(), free), ("OTHER", "double", 3));
        }
        shop.deliver_all().await;
    }
}

/// Planted: V1 takes any order. Also sent by itself, because `decide` asks first.
#[tokio::test]
async fn planted_a_review_of_any_order_is_caught() {
    let mut shop = open_shop(922, "plain", 1).await;
    shop.leave_unfinished();
    let buyer = shop.order("a-buyer-nobody-has-to-look-at", "plain", 1).await;
    let paid = payment(&shop, &buyer, "T1", PRICE);
    let refused = shop.app.store.pay_for_review(&paid, shop.app.clock.now()).await.unwrap();
    assert!(matches!(refused, Outcome::Refused(Some(order)) if order.state == State::Held));

    let bug = Arc::new(Unguarded::new("UpdateItem", "SET #st = :review, #txn", "attribute_exists(#rv)"));
    let (_, app) = shop.tapped(bug.clone());
    app.store.pay_for_review(&paid, app.clock.now()).await.unwrap();
    assert_eq!(bug.hits(), 1, "the planted bug never met its write");
    assert_eq!(shop.notify(&shop.notification(&buyer, "T1")).await, success());
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 0, "without the guard an ordinary buyer waits for a person");
    assert_eq!(shop.read(&buyer).await.1["status"], "review");
}

/// Planted: W1 pays orders that a person is to look at first.
#[tokio::test]
async fn planted_a_payment_past_the_review_is_caught() {
    for is_planted in [false, true] {
        let mut shop = open_shop(923, "risky", 1).await;
        shop.leave_unfinished();
        let buyer = shop.order("a-buyer-whom-nobody-knows", "risky", 1).await;
        let bug = Arc::new(Unguarded::new("UpdateItem", "SET #st = :paid, #txn", "attribute_not_exists(#rv)"));
        let (front, _) = shop.tapped(perhaps(&bug, is_planted));
        assert_eq!(shop::notify(&front, &shop.notification(&buyer, "T1")).await, success());
        shop.deliver_all().await;
        assert_eq!(bug.hits(), usize::from(is_planted), "the planted bug never met its write");
        let got = shop.keys(&buyer).await.len();
        assert_eq!(got, usize::from(is_planted), "with the guard nobody gets a key that no person has let pass");
    }
}

/// Planted: M0 writes over what stands there. A row that a person has dealt with must not come back to be paid again.
#[tokio::test]
async fn planted_a_row_written_over_another_is_caught() {
    for is_planted in [false, true] {
        let shop = open_shop(924, "plain", 1).await;
        let buyer = shop.order("a-buyer-who-pays-too-little", "plain", 1).await;
        let told = notice(&shop, &buyer, Told::TooLittle, "T1", "TRADE_SUCCESS");
        assert_eq!(told.send(shop.front()).await, success());
        let token = shop.sign_in().await;
        let (_, list) = shop.admin(Method::GET, "/api/admin/attention", &token, String::new()).await;
        let path = format!("/api/admin/attention/{}", text(&list, "/rows/0/id"));
        granted(&shop, &path, &json!({"action": "refunded", "reference": "cash"})).await;

        let bug = Arc::new(Unguarded::new("PutItem", r#""why":{"S":"wrong_amount"}"#, "attribute_not_exists(#o)"));
        let (front, _) = shop.tapped(perhaps(&bug, is_planted));
        assert_eq!(told.send(&front).await, success());
        assert_eq!(bug.hits(), usize::from(is_planted), "the planted bug never met its write");
        let open = shop.attention().await.len();
        assert_eq!(open, usize::from(is_planted), "without the guard the money is asked to be returned a second time");
    }
}
