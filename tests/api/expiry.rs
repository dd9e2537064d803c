//! The end of a hold, and money that comes at that moment or after it: the order keeps its card or gives it back, never both,
//! and money that arrived ends with a key or is owed back.

use crate::money::{Lost, granted, success};
use crate::openapi::request;
use domain::OrderId;
use domain::order::{Order, State};
use local::Front;
use local::roles::acting_as;
use local::seam::{Call, Fate, Quiet, Tap};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use store::Table;
use tests::shop::{self, cards};
use tests::taps::{Cut, Cutter, Unguarded};
use tests::{Buyer, TestShop, text};
use tokio::task::JoinSet;

const MINUTE: i64 = 60_000;

/// Longer than any hold that nobody lengthened.
pub const HOLD_OVER: i64 = 15 * MINUTE + 1;

/// Words of one write each, as they stand in its request.
const PAYS: &str = "SET #st = :paid, #txn";
const ADOPTS: &str = "SET #st = :paid, #g";
const CLOSES: &str = "SET #st = :expired";
const RELEASES: &str = r#"":to":{"B":"AA=="}"#;

type Other = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Lets something else happen, to its end, before the first call whose text holds a word leaves. The other runs on a thread of
/// its own while this one waits, so no clock decides which of the two is first.
pub struct Meanwhile {
    inner: Arc<dyn Tap>,
    word: &'static str,
    other: Mutex<Option<Other>>,
}

impl Meanwhile {
    /// Runs `other` before the first call with `word`; about the calls themselves `inner` decides.
    pub fn tap(word: &'static str, inner: Arc<dyn Tap>, other: impl Future<Output = ()> + Send + 'static) -> Arc<Self> {
        Arc::new(Meanwhile { inner, word, other: Mutex::new(Some(Box::pin(other))) })
    }
}

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meanwhile({})", self.word)
    }
}

/// What never happened in between proves nothing.
impl Drop for Meanwhile {
    fn drop(&mut self) {
        let has_happened = self.other.lock().unwrap().is_none();
        assert!(has_happened || std::thread::panicking(), "no call with {}", self.word);
    }
}

impl Tap for Meanwhile {
    fn fate(&self, call: &Call) -> Fate {
        let is_met = String::from_utf8_lossy(&call.body).contains(self.word);
        if let Some(other) = is_met.then(|| self.other.lock().unwrap().take()).flatten() {
            let run = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(other);
            std::thread::scope(|scope| scope.spawn(run).join().unwrap());
        }
        self.inner.fate(call)
    }
}

/// A shop with a product of so many cards, which may be paid through either of two accounts at the gateway.
async fn shop_with(seed: u64, count: usize) -> TestShop {
    open(seed, &cards("C", count), false).await
}

async fn open(seed: u64, cards: &[String], is_reviewed: bool) -> TestShop {
    let shop = TestShop::new(seed).await;
    shop.account("second", Some(0)).await;
    let body = json!({
        "id": "p", "name": "Product", "kind": "single_use_key", "channels": ["sandbox", "second"],
        "price": {"amount_minor": 990, "currency": "CNY"}, "review": is_reviewed,
    });
    granted(&shop, "/api/admin/products", &body).await;
    shop.cards("p", cards, "").await;
    shop
}

async fn stored(shop: &TestShop, buyer: &Buyer) -> Order {
    shop.app.store.order(&OrderId::parse(&buyer.order).unwrap()).await.unwrap().unwrap()
}

async fn state(shop: &TestShop, buyer: &Buyer) -> State {
    stored(shop, buyer).await.state
}

/// Time passes until the hold is over, and the timer looks once.
async fn lapse(shop: &TestShop) {
    shop.pass(HOLD_OVER);
    shop.tick().await;
}

/// Something a buyer asks of their order.
async fn ask(front: &Front, buyer: &Buyer, what: &str, body: &Value) -> (u16, Value) {
    let request = request("POST", &format!("/api/orders/{}/{what}", buyer.order), &buyer.token, body.to_string());
    shop::send(front, request).await
}

/// The buyer takes a second way to pay.
async fn add_attempt(front: &Front, buyer: &Buyer) {
    let (status, answer) = ask(front, buyer, "payments", &json!({"channel": "second"})).await;
    assert_eq!(status, 201, "{answer}");
}

/// Somebody pays an order once, through an instance of its own.
pub fn pays(shop: &TestShop, buyer: &Buyer, trade: &str) -> impl Future<Output = ()> + Send + use<> {
    let (front, query) = (shop.instance(), shop.notification(buyer, trade));
    async move { assert_eq!(shop::notify(&front, &query).await, success()) }
}

/// A day passes, an hour at a time.
async fn a_day_later(shop: &TestShop) {
    for _ in 0..25 {
        shop.pass(59 * MINUTE);
        shop.minutes(1).await;
    }
}

/// The reasons of all rows of money.
fn rows(shop: &TestShop) -> Vec<String> {
    let items = shop.table(Table::Orders).into_iter().map(|item| serde_json::from_str::<Value>(&item).unwrap());
    let due = |item: &Value| item["due"]["S"].as_str().is_some_and(|due| due.starts_with("money#"));
    items.filter(due).map(|item| text(&item, "/why/S").to_owned()).collect()
}

/// Cards that are free, held and sold.
type Counts = (u64, u64, u64);

async fn counts(shop: &TestShop) -> Counts {
    let counts = shop.counts("p").await;
    let of = |kind: &str| counts[kind].as_u64().unwrap();
    assert_eq!(Some(of("free") + of("held") + of("sold") + of("removed")), counts["imported"].as_u64(), "{counts}");
    (of("free"), of("held"), of("sold"))
}

/// How the cards lie, and how many differences an audit of everything finds.
async fn balance(shop: &TestShop) -> (Counts, u64) {
    (counts(shop).await, shop.audit().await.differences)
}

/// How many keys these buyers read, and how many different ones.
async fn keys_of(shop: &TestShop, buyers: &[&Buyer]) -> (usize, usize) {
    let mut keys = Vec::new();
    for buyer in buyers {
        keys.extend(shop.keys(buyer).await);
    }
    (keys.len(), keys.iter().collect::<HashSet<_>>().len())
}

#[tokio::test]
async fn the_earlier_card_sells_to_somebody_else_and_late_money_gets_another() {
    let shop = shop_with(1000, 3).await;
    let late = shop.order("the-buyer-who-pays-late", "p", 1).await;
    let earlier = stored(&shop, &late).await.slots;
    lapse(&shop).await;
    let quick = shop.order("the-buyer-who-is-quick", "p", 1).await;
    shop.pay(&quick, "T1").await;
    shop.pay(&late, "T2").await;
    shop.deliver_all().await;
    let order = stored(&shop, &late).await;
    assert_eq!((order.state, order.generation), (State::Delivered, 1));
    assert_ne!(order.slots, earlier);
    let last = shop.order("the-buyer-of-the-last", "p", 1).await;
    assert_eq!(stored(&shop, &last).await.slots, earlier, "the card that came back is the last");
    shop.pay(&last, "T3").await;
    shop.deliver_all().await;
    assert_eq!(keys_of(&shop, &[&late, &quick, &last]).await, (3, 3));
    assert_eq!(balance(&shop).await, ((0, 0, 3), 0));
}

/// Whoever closes the order has read it as unpaid, and the money is written before it can say so.
async fn money_first(is_cancelled: bool, inner: Arc<dyn Tap>) -> (State, (Counts, u64)) {
    let shop = shop_with(1002, 2).await;
    let buyer = shop.order("the-buyer-of-the-last-minute", "p", 1).await;
    shop.pass(if is_cancelled { MINUTE } else { HOLD_OVER });
    let (front, app) = shop.tapped(Meanwhile::tap(CLOSES, inner, pays(&shop, &buyer, "T1")));
    if is_cancelled {
        ask(&front, &buyer, "cancel", &json!({})).await;
    } else {
        acting_as("reconcile", app.reconcile(i64::MAX)).await.unwrap();
    }
    shop.deliver_all().await;
    shop.minutes(2).await;
    assert_eq!(stored(&shop, &buyer).await.generation, 0);
    (state(&shop, &buyer).await, balance(&shop).await)
}

#[tokio::test]
async fn money_that_is_written_before_the_order_is_closed_keeps_its_card() {
    for is_cancelled in [false, true] {
        let end = money_first(is_cancelled, Arc::new(Quiet)).await;
        assert_eq!(end, (State::Delivered, ((1, 0, 1), 0)), "cancelled: {is_cancelled}");
        // Planted: X1 closes in any state. The money is taken, and its card is for sale again.
        let bug = Arc::new(Unguarded::new("UpdateItem", CLOSES, "#st = :held"));
        let end = money_first(is_cancelled, bug.clone()).await;
        assert_eq!((bug.hits(), end), (1, (State::Expired, ((2, 0, 0), 1))), "cancelled: {is_cancelled}");
    }
}

/// The notification found the order waiting, and the timer closes it before the money can be written. The card it gave back is
/// its own again, unless somebody else has bought it in the same moment.
#[tokio::test]
async fn money_that_is_written_after_the_lapse_gets_one_card_or_goes_back() {
    for (stock, is_bought, end) in
        [(1, false, State::Delivered), (2, false, State::Delivered), (1, true, State::RefundDue)]
    {
        let shop = Arc::new(shop_with(1003, stock).await);
        let buyer = shop.order("the-buyer-of-the-last-minute", "p", 1).await;
        shop.pass(HOLD_OVER);
        let other = shop.clone();
        let meanwhile = Meanwhile::tap(PAYS, Arc::new(Quiet), async move {
            let pass = other.tick().await;
            assert_eq!((pass.closed_orders, pass.released), (1, 1), "{pass:?}");
            if is_bought {
                let quick = other.order("the-buyer-who-is-quick", "p", 1).await;
                other.pay(&quick, "T2").await;
            }
        });
        let (front, _) = shop.tapped(meanwhile);
        assert_eq!(shop::notify(&front, &shop.notification(&buyer, "T1")).await, success());
        shop.deliver_all().await;
        let (order, keys) = (stored(&shop, &buyer).await, shop.keys(&buyer).await.len());
        assert_eq!((order.state, keys), (end, usize::from(!is_bought)), "{stock} cards, bought: {is_bought}");
        assert_eq!(order.generation, if is_bought { 2 } else { 1 });
        let free = u64::try_from(stock).unwrap() - 1;
        assert_eq!(balance(&shop).await, ((free, 0, 1), 0));
    }
}

/// The order is closed and its card is not back yet when the money comes. The card is freed once, whatever the money finds.
#[tokio::test]
async fn money_between_the_lapse_and_the_release_ends_and_loses_no_card() {
    for stock in [1, 2] {
        let shop = shop_with(1005, stock).await;
        let buyer = shop.order("the-buyer-of-the-last-minute", "p", 1).await;
        shop.pass(HOLD_OVER);
        let (_, app) = shop.tapped(Meanwhile::tap(RELEASES, Arc::new(Quiet), pays(&shop, &buyer, "T1")));
        acting_as("reconcile", app.reconcile(i64::MAX)).await.unwrap();
        shop.deliver_all().await;
        shop.minutes(1).await;
        let (end, keys) = (state(&shop, &buyer).await, shop.keys(&buyer).await.len());
        let (free, held, sold) = counts(&shop).await;
        // Its own card, not yet released, is not somebody else's: also with a stock of one it is delivered.
        assert_eq!((end, keys, sold), (State::Delivered, 1, 1), "stock {stock}");
        assert_eq!((free + sold, held), (u64::try_from(stock).unwrap(), 0));
        assert_eq!(shop.audit().await.differences, 0);
    }
}

/// A release that was held back for long, while the card was freed by the next pass and sold.
async fn late_release(inner: Arc<dyn Tap>) -> (Counts, u64) {
    let shop = Arc::new(shop_with(1006, 1).await);
    shop.order("the-buyer-who-goes-away", "p", 1).await;
    shop.pass(HOLD_OVER);
    let other = shop.clone();
    let sells = async move {
        other.minutes(1).await;
        let quick = other.order("the-buyer-who-is-quick", "p", 1).await;
        other.pay(&quick, "T2").await;
        other.deliver_all().await;
    };
    let (_, app) = shop.tapped(Meanwhile::tap(RELEASES, inner, sells));
    acting_as("reconcile", app.reconcile(i64::MAX)).await.unwrap();
    balance(&shop).await
}

#[tokio::test]
async fn a_release_that_comes_much_later_frees_nobodys_card() {
    assert_eq!(late_release(Arc::new(Quiet)).await, ((0, 0, 1), 0));
    // Planted: X3 frees whatever it finds. A card that was sold is for sale again, and the audit says so.
    let bug = Arc::new(Unguarded::new("UpdateItem", RELEASES, "#h[47] = :from"));
    let (counts, differences) = late_release(bug.clone()).await;
    assert_eq!((bug.hits(), counts.0), (1, 1));
    assert!(differences > 0);
}

/// The timer and the provider at once on real threads, over and over; `spare` is stock beside the order's own card. Answers how
/// often the money was first, how often it came after the lapse and got a card, and how often it was owed back.
async fn race(spare: usize) -> [usize; 3] {
    let shop = shop_with(1007, spare).await;
    let (mut ends, mut shown) = ([0; 3], HashSet::new());
    for round in 0..50 {
        if counts(&shop).await.0 <= u64::try_from(spare).unwrap() {
            shop.cards("p", &[format!("ROUND-{round}")], "").await;
        }
        shop.pass(2_000);
        let buyer = shop.order(&format!("the-buyer-of-round-{round:03}"), "p", 1).await;
        shop.pass(HOLD_OVER);
        // Cuts nothing, and counts: each round the money sets out when the timer has made one call more.
        let calls = Arc::new(Cutter::new(usize::MAX, Cut::Before));
        let (_, timer) = shop.tapped(calls.clone());
        let look = tokio::spawn(async move { acting_as("reconcile", timer.reconcile(i64::MAX)).await.unwrap() });
        let mut tell = JoinSet::new();
        for _ in 0..2 {
            let (front, query) = (shop.instance(), shop.notification(&buyer, &format!("T{round}")));
            let (calls, look) = (calls.clone(), look.abort_handle());
            tell.spawn(async move {
                while calls.calls() < round && !look.is_finished() {
                    tokio::task::yield_now().await;
                }
                shop::notify(&front, &query).await
            });
        }
        assert_eq!(look.await.unwrap().failed, 0, "round {round}");
        assert_eq!(tell.join_all().await, [success(), success()], "round {round}");
        shop.deliver_all().await;
        shop.tick().await;
        let (order, keys) = (stored(&shop, &buyer).await, shop.keys(&buyer).await);
        match (order.state, keys.as_slice()) {
            (State::Delivered, [key]) => {
                ends[usize::from(order.generation)] += 1;
                assert!(shown.insert(key.clone()), "round {round}: {key} was sold before");
            }
            (State::RefundDue, []) if spare == 0 => ends[2] += 1,
            end => panic!("round {round}: {end:?}"),
        }
        assert_eq!(counts(&shop).await.1, 0, "round {round}: nothing stays held");
    }
    assert_eq!(counts(&shop).await.2, u64::try_from(shown.len()).unwrap());
    assert_eq!((rows(&shop).len(), shop.audit().await.differences), (0, 0));
    ends
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_lapse_and_the_money_at_once() {
    for spare in [0, 1] {
        let [before, after, owed_back] = race(spare).await;
        assert!(before > 0 && after > 0, "with {spare} to spare: {before}, {after}, {owed_back}");
    }
}

/// One of two buyers who gave up and paid all the same gets the card that is left; the other's money is owed back for good.
#[tokio::test]
async fn late_money_on_a_cancelled_order() {
    let shop = shop_with(1009, 2).await;
    let first = shop.order("a-buyer-who-gives-up", "p", 1).await;
    let second = shop.order("another-who-gives-up", "p", 1).await;
    for buyer in [&first, &second] {
        let (status, answer) = ask(shop.front(), buyer, "cancel", &json!({})).await;
        assert_eq!((status, answer["status_reason"].as_str()), (200, Some("cancelled")), "{answer}");
    }
    assert_eq!(counts(&shop).await, (2, 0, 0), "the cards are back at once");
    let quick = shop.order("the-buyer-who-is-quick", "p", 1).await;
    for (buyer, trade) in [(&quick, "T1"), (&first, "T2"), (&second, "T3")] {
        shop.pay(buyer, trade).await;
    }
    assert_eq!(shop.attention().await, [("refund_due".to_owned(), "sold_out_when_paid".to_owned())]);
    // Cards that come in afterwards are not this order's any more.
    shop.cards("p", &cards("D", 1), "").await;
    shop.pay(&second, "T3").await;
    shop.minutes(2).await;
    assert_eq!((state(&shop, &first).await, state(&shop, &second).await), (State::Delivered, State::RefundDue));
    assert_eq!(keys_of(&shop, &[&first, &second, &quick]).await, (2, 2));
    for buyer in [&first, &second] {
        assert_eq!(ask(shop.front(), buyer, "cancel", &json!({})).await.0, 409, "what is paid cannot be given up");
    }
    assert_eq!(balance(&shop).await, ((1, 0, 2), 0));
}

#[tokio::test]
async fn the_wrong_amount_comes_late_and_delivers_nothing() {
    let shop = shop_with(1010, 2).await;
    let buyer = shop.order("a-buyer-who-pays-too-little", "p", 1).await;
    lapse(&shop).await;
    for (trade, money) in [("T1", "9.89"), ("T2", "990.00")] {
        let query = shop.notification_of(&buyer.attempt, trade, money, "TRADE_SUCCESS");
        assert_eq!(shop.notify(&query).await, success());
    }
    shop.minutes(40).await;
    assert_eq!((state(&shop, &buyer).await, counts(&shop).await), (State::Expired, (2, 0, 0)));
    assert_eq!(rows(&shop), ["wrong_amount", "wrong_amount"]);
    shop.pay(&buyer, "T3").await;
    shop.deliver_all().await;
    assert_eq!((shop.keys(&buyer).await.len(), rows(&shop).len()), (1, 2));
    assert_eq!(balance(&shop).await, ((1, 0, 1), 0));
}

/// Two movements for one order, one after the other and both at once: one of them is surplus.
#[tokio::test]
async fn double_late_money() {
    let shop = shop_with(1011, 4).await;
    let first = shop.order("a-buyer-who-pays-twice", "p", 1).await;
    let second = shop.order("a-buyer-who-pays-twice-at-once", "p", 1).await;
    lapse(&shop).await;
    shop.pay(&first, "T1").await;
    shop.pay(&first, "T2").await;
    tokio::join!(pays(&shop, &second, "T3"), pays(&shop, &second, "T4"));
    shop.minutes(1).await;
    assert_eq!((rows(&shop), keys_of(&shop, &[&first, &second]).await), (vec!["double".to_owned(); 2], (2, 2)));
    assert_eq!(balance(&shop).await, ((2, 0, 2), 0));
}

/// An order with two ways to pay is closed; then it is paid the first way, and at last the second way too, and nobody reports
/// that. The asking finds it on its schedule.
#[tokio::test]
async fn the_other_attempt_is_paid_as_well_and_nobody_reports_it() {
    let shop = shop_with(1012, 2).await;
    let buyer = shop.order("a-buyer-with-two-ways-to-pay", "p", 1).await;
    let first_page = shop.open_pay_page(&buyer).await;
    add_attempt(shop.front(), &buyer).await;
    let second_page = shop.open_pay_page(&buyer).await;
    lapse(&shop).await;
    assert_eq!((state(&shop, &buyer).await, counts(&shop).await), (State::Expired, (2, 0, 0)));
    shop.press(&first_page, "pay").await;
    shop.deliver_all().await;
    assert_eq!((state(&shop, &buyer).await, shop.keys(&buyer).await.len()), (State::Delivered, 1));

    // Nine minutes after the hold's end the first question of the schedule is over; the next comes thirty minutes after it.
    shop.minutes(9).await;
    shop.press(&second_page, "pay_lose_notice").await;
    let mut minutes = 9;
    while rows(&shop).is_empty() {
        shop.minutes(1).await;
        minutes += 1;
        assert!(minutes <= 31, "the schedule was missed");
    }
    assert!(minutes >= 29, "asked before its time, after {minutes} minutes");
    assert_eq!(shop.attention().await, [("money".to_owned(), "double".to_owned())]);
    // A day later the gateway takes no more money, and nothing of the order is left to ask.
    a_day_later(&shop).await;
    let order = stored(&shop, &buyer).await;
    assert_eq!((order.state, order.due), (State::Delivered, None));
    assert_eq!((rows(&shop).len(), shop.keys(&buyer).await.len()), (1, 1));
    assert_eq!(balance(&shop).await, ((1, 0, 1), 0));
}

/// A day after its end nothing is left to ask about an order, and it may be forgotten. Money takes that back.
#[tokio::test]
async fn money_for_an_order_that_is_about_to_be_forgotten() {
    let shop = shop_with(1017, 1).await;
    let buyer = shop.order("a-buyer-who-pays-days-later", "p", 1).await;
    let is_forgotten = || shop.table(Table::Orders).iter().any(|item| item.contains("\"ttl\""));
    lapse(&shop).await;
    a_day_later(&shop).await;
    assert_eq!((is_forgotten(), stored(&shop, &buyer).await.due), (true, None));
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    assert_eq!((is_forgotten(), shop.keys(&buyer).await.len()), (false, 1));
    assert_eq!(balance(&shop).await, ((0, 0, 1), 0));
}

/// New cards are claimed for late money, and the write that gives them to the order is lost. Driven again, by the provider or
/// by the timer, it gets the very cards that wait for it, although nothing else is left.
#[tokio::test(start_paused = true)]
async fn cards_that_were_claimed_for_late_money_wait_for_it() {
    for is_told_again in [false, true] {
        let shop = open(1018, &[], false).await;
        for part in ["C", "D"] {
            shop.cards("p", &cards(part, 2), "").await;
        }
        let late = shop.order("a-buyer-of-three-cards", "p", 3).await;
        lapse(&shop).await;
        let (front, _) = shop.tapped(Arc::new(Lost(ADOPTS)));
        assert_eq!(shop::notify(&front, &shop.notification(&late, "T1")).await, success());
        assert_eq!((state(&shop, &late).await, counts(&shop).await.0), (State::Late, 1));
        let quick = shop.order("the-buyer-who-is-quick", "p", 1).await;
        shop.pay(&quick, "T2").await;
        if is_told_again {
            shop.pay(&late, "T1").await;
        }
        shop.minutes(1).await;
        assert_eq!(keys_of(&shop, &[&late, &quick]).await, (4, 4), "told again: {is_told_again}");
        assert_eq!(balance(&shop).await, ((0, 0, 4), 0));
    }
}

/// The order is closed by somebody who read it before another attempt was added: refused, read again, asked again.
#[tokio::test]
async fn an_attempt_added_while_the_order_is_being_closed() {
    for is_paid in [false, true] {
        let shop = Arc::new(shop_with(1013, 2).await);
        let buyer = shop.order("a-buyer-in-two-windows", "p", 1).await;
        let (other, who, page) = (shop.clone(), buyer.clone(), Arc::new(Mutex::new(String::new())));
        let opened = page.clone();
        let meanwhile = Meanwhile::tap(CLOSES, Arc::new(Quiet), async move {
            add_attempt(&other.instance(), &who).await;
            let page = other.open_pay_page(&who).await;
            if is_paid {
                other.press(&page, "pay_lose_notice").await;
            }
            *opened.lock().unwrap() = page;
        });
        let (front, _) = shop.tapped(meanwhile);
        let (status, answer) = ask(&front, &buyer, "cancel", &json!({})).await;
        if is_paid {
            assert_eq!((status, answer["code"].as_str()), (409, Some("not_waiting")), "{answer}");
        } else {
            assert_eq!((status, state(&shop, &buyer).await), (200, State::Expired), "{answer}");
            // Now the second attempt is paid, late.
            let page = page.lock().unwrap().clone();
            shop.press(&page, "pay").await;
        }
        shop.deliver_all().await;
        let order = stored(&shop, &buyer).await;
        assert_eq!((order.state, order.settled.map(|s| s.attempt)), (State::Delivered, Some(2)));
        assert_eq!((shop.keys(&buyer).await.len(), rows(&shop).len()), (1, 0));
        assert_eq!(balance(&shop).await, ((1, 0, 1), 0));
    }
}

/// A machine whose clock is behind adds an attempt to an order that the timer, whose clock is right, is closing. Answers the
/// order after that, and after another look.
async fn attempt_added(inner: Arc<dyn Tap>) -> (State, State) {
    let shop = Arc::new(shop_with(1014, 1).await);
    let buyer = shop.order("a-buyer-in-two-windows", "p", 1).await;
    shop.pass(HOLD_OVER);
    let (other, who) = (shop.clone(), buyer.clone());
    let adds = async move {
        other.pass(-10 * MINUTE);
        add_attempt(&other.instance(), &who).await;
        other.pass(10 * MINUTE);
    };
    let (_, app) = shop.tapped(Meanwhile::tap(CLOSES, inner, adds));
    acting_as("reconcile", app.reconcile(i64::MAX)).await.unwrap();
    let order = stored(&shop, &buyer).await;
    assert_eq!(order.attempts.len(), 2);
    shop.tick().await;
    assert_eq!(balance(&shop).await, ((1, 0, 0), 0));
    (order.state, state(&shop, &buyer).await)
}

#[tokio::test]
async fn an_order_is_closed_only_when_every_attempt_was_asked_about() {
    assert_eq!(attempt_added(Arc::new(Quiet)).await, (State::Held, State::Expired));
    // Planted: X1 closes although an attempt was added. Nobody has asked whether that one was paid.
    let bug = Arc::new(Unguarded::new("UpdateItem", CLOSES, "attribute_not_exists(#att.#2)"));
    assert_eq!(attempt_added(bug.clone()).await, (State::Expired, State::Expired));
    assert_eq!(bug.hits(), 1);
}

/// Late money for more cards than there are is owed back whole, and keeps none of those it found on the way.
#[tokio::test]
async fn three_late_cards_of_two() {
    for parts in [vec![3], vec![2, 1], vec![1, 1, 1]] {
        let shop = shop_with(1015, 0).await;
        for (n, part) in parts.iter().enumerate() {
            shop.cards("p", &cards(&format!("PART-{n}"), *part), "").await;
        }
        let late = shop.order("a-buyer-of-three-cards", "p", 3).await;
        lapse(&shop).await;
        let quick = shop.order("the-buyer-who-is-quick", "p", 1).await;
        shop.pay(&quick, "T1").await;
        shop.pay(&late, "T2").await;
        let order = stored(&shop, &late).await;
        assert_eq!((order.state, order.generation), (State::RefundDue, 2), "{parts:?}");
        shop.deliver_all().await;
        assert_eq!(counts(&shop).await, (2, 0, 1), "{parts:?}: not one card is kept");
        shop.pass(1_000);
        let rest = shop.order("the-buyer-of-the-rest", "p", 2).await;
        shop.pay(&rest, "T3").await;
        shop.deliver_all().await;
        assert_eq!(keys_of(&shop, &[&late, &quick, &rest]).await, (3, 3), "{parts:?}");
        assert_eq!(balance(&shop).await, ((0, 0, 3), 0), "{parts:?}");
    }
}

/// Paying late does not lead past the person who is to look first.
#[tokio::test]
async fn late_money_of_a_risk_order_waits_for_a_person() {
    for decision in ["pass", "refuse"] {
        let shop = open(1016, &cards("C", 1), true).await;
        let buyer = shop.order("a-buyer-whom-nobody-knows", "p", 1).await;
        lapse(&shop).await;
        shop.pay(&buyer, "T1").await;
        shop.minutes(30).await;
        assert_eq!((state(&shop, &buyer).await, shop.keys(&buyer).await.len()), (State::Review, 0));
        assert_eq!(shop.attention().await, [("review".to_owned(), "to_review".to_owned())]);
        assert_eq!(counts(&shop).await, (0, 1, 0), "its card is kept for it");
        let decided = json!({"decision": decision, "reference": "known to us"});
        granted(&shop, &format!("/api/admin/orders/{}/review", buyer.order), &decided).await;
        shop.deliver_all().await;
        let ends = (state(&shop, &buyer).await, shop.keys(&buyer).await.len(), counts(&shop).await);
        let is_passed = decision == "pass";
        assert_eq!(ends, if is_passed { (State::Delivered, 1, (0, 0, 1)) } else { (State::RefundDue, 0, (1, 0, 0)) });
        assert_eq!(shop.audit().await.differences, 0);
    }
}
