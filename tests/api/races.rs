//! Many buyers at once: every card to one order, every accepted order to one card, and the sum over states always the same.

use crate::money::granted;
use http::{Method, Request};
use local::Front;
use local::seam::{Call, Fate, Tap};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tests::shop::{self, cards, wish};
use tests::taps::Unguarded;
use tests::{Buyer, TestShop};
use tokio::task::JoinSet;

/// What came of a storm of buyers.
struct Storm {
    accepted: Vec<Buyer>,
    sold_out: usize,
    acknowledged: usize,
    notified: usize,
}

/// `orders` buyers, 64 at a time, spread over the fronts; each accepted order is notified five times in parallel.
async fn storm(shop: &Arc<TestShop>, fronts: &[Front], product: &'static str, orders: usize) -> Storm {
    let gate = Arc::new(tokio::sync::Semaphore::new(64));
    let mut buyers = JoinSet::new();
    for n in 0..orders {
        let (gate, shop) = (gate.clone(), shop.clone());
        let front = fronts[n % fronts.len()].clone();
        let others = fronts.to_vec();
        buyers.spawn(async move {
            let _turn = gate.acquire().await.unwrap();
            let (status, answer) = shop::create(&front, &format!("storm-buyer-{n:06}"), &wish(product, 1)).await;
            if status == 409 {
                assert_eq!(answer["code"], "sold_out", "{answer}");
                return None;
            }
            assert_eq!(status, 201, "{answer}");
            let buyer = Buyer::from(&answer);
            let query = shop.notification(&buyer, &format!("T{n}"));
            let mut notices = JoinSet::new();
            for k in 0..5 {
                let (front, query) = (others[(n + k) % others.len()].clone(), query.clone());
                notices.spawn(async move { shop::notify(&front, &query).await });
            }
            let answers = notices.join_all().await;
            let good = answers.iter().filter(|a| **a == (200, "success".to_owned())).count();
            Some((buyer, good, answers.len()))
        });
    }
    let mut storm = Storm { accepted: Vec::new(), sold_out: 0, acknowledged: 0, notified: 0 };
    while let Some(result) = buyers.join_next().await {
        match result.unwrap() {
            None => storm.sold_out += 1,
            Some((buyer, good, sent)) => {
                storm.accepted.push(buyer);
                storm.acknowledged += good;
                storm.notified += sent;
            }
        }
    }
    storm
}

fn sum(counts: &Value) -> u64 {
    ["free", "held", "sold", "removed"].iter().map(|state| counts[state].as_u64().unwrap()).sum()
}

/// 500 cards, 600 orders. `instances` function instances with memories of their own.
async fn five_hundred_cards(instances: usize) {
    let shop = Arc::new(TestShop::new(2).await);
    shop.product("p", 990, &cards("CARD", 500)).await;
    let fronts: Vec<Front> = (0..instances).map(|_| shop.instance()).collect();

    let done = Arc::new(AtomicBool::new(false));
    let sampler = {
        let (shop, done) = (shop.clone(), done.clone());
        tokio::spawn(async move {
            let mut samples = 0;
            while !done.load(Ordering::SeqCst) {
                let counts = shop.counts("p").await;
                assert_eq!((sum(&counts), counts["imported"].as_u64()), (500, Some(500)), "{counts}");
                samples += 1;
                // A sample reads every order; without a pause it would be most of what happens.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            samples
        })
    };
    let storm = storm(&shop, &fronts, "p", 600).await;
    shop.deliver_all().await;
    done.store(true, Ordering::SeqCst);
    assert!(sampler.await.unwrap() > 5, "the sampler saw the storm");

    assert_eq!((storm.accepted.len(), storm.sold_out), (500, 100));
    assert_eq!((storm.notified, storm.acknowledged), (2_500, 2_500));
    let mut shown = HashSet::new();
    for buyer in &storm.accepted {
        let keys = shop.keys(buyer).await;
        assert_eq!(keys.len(), 1);
        assert!(shown.insert(keys[0].clone()), "{} was shown to two buyers", keys[0]);
    }
    assert_eq!(shown, cards("CARD", 500).into_iter().collect::<HashSet<_>>());
    let counts = shop.counts("p").await;
    assert_eq!((counts["sold"].as_u64(), sum(&counts)), (Some(500), 500), "{counts}");
}

#[tokio::test]
async fn five_hundred_cards_through_one_instance() {
    five_hundred_cards(1).await;
}

#[tokio::test]
async fn five_hundred_cards_through_eight_instances() {
    five_hundred_cards(8).await;
}

/// The same on real threads, so that nothing rests on one thread taking turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn five_hundred_cards_on_four_threads() {
    five_hundred_cards(8).await;
}

#[tokio::test]
async fn the_last_card_goes_to_exactly_one_of_two_buyers() {
    let shop = TestShop::new(3).await;
    shop.product("p", 990, &[]).await;
    let fronts = [shop.instance(), shop.instance()];
    for round in 0..200 {
        shop.cards("p", &[format!("LAST-{round}")], "").await;
        // Two instances notice a new card when their verdict "sold out" is half a second old.
        shop.pass(500);
        let (a, b) = (format!("round-{round:04}-buyer-a"), format!("round-{round:04}-buyer-b"));
        let wish = wish("p", 1);
        let (one, two) = tokio::join!(shop::create(&fronts[0], &a, &wish), shop::create(&fronts[round % 2], &b, &wish));
        let mut statuses = [one.0, two.0];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "round {round}: {} {}", one.1, two.1);
        let winner = if one.0 == 201 { one.1 } else { two.1 };
        let buyer = Buyer::from(&winner);
        shop.pay(&buyer, &format!("T{round}")).await;
        shop.deliver_all().await;
        assert_eq!(shop.keys(&buyer).await, [format!("LAST-{round}")]);
    }
}

#[tokio::test]
async fn replays_of_a_finished_order_never_take_the_last_card_from_a_buyer() {
    for round in 0..20 {
        let shop = Arc::new(TestShop::new(400 + round).await);
        // The finished order lies in a strip of its own, so its claim is not there to be seen beside the last card.
        shop.product("p", 990, &cards("FIRST", 1)).await;
        let finished = shop.order("the-finished-order", "p", 1).await;
        shop.pay(&finished, "T1").await;
        shop.deliver_all().await;
        shop.cards("p", &cards("LAST", 1), "").await;
        let fronts: Vec<Front> = (0..4).map(|_| shop.instance()).collect();
        let mut replays = JoinSet::new();
        for n in 0..50 {
            let front = fronts[n % fronts.len()].clone();
            replays.spawn(async move { shop::create(&front, "the-finished-order", &wish("p", 1)).await });
        }
        let buyer = shop::create(&fronts[0], "the-buyer-of-the-last", &wish("p", 1)).await;
        assert_eq!(buyer.0, 201, "round {round}: {}", buyer.1);
        for (status, answer) in replays.join_all().await {
            assert_eq!((status, answer["order"]["id"].as_str()), (200, Some(finished.order.as_str())), "{answer}");
        }
        let buyer = Buyer::from(&buyer.1);
        shop.pay(&buyer, "T2").await;
        shop.deliver_all().await;
        assert_eq!(shop.keys(&buyer).await, cards("LAST", 1));
    }
}

/// Planted: two claims may be written over each other. The storm must notice.
#[tokio::test]
async fn planted_a_claim_without_its_condition_is_caught() {
    let mut shop = TestShop::new(5).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("CARD", 1)).await;
    // A free position that everybody saw: the reuse write without "still free" gives it to each of them.
    let first = shop.order("first-and-gives-up", "p", 1).await;
    shop.world.engine.call("UpdateItem", free_slot_zero().as_bytes());
    let bug = Arc::new(Unguarded::new("UpdateItem", "SET #h[", "#h[47] = :from"));
    let mut owners = 0;
    let fronts: Vec<Front> = (0..2).map(|_| shop.tapped(bug.clone()).0).collect();
    let wish = wish("p", 1);
    let (one, two) = tokio::join!(
        shop::create(&fronts[0], "planted-buyer-number-one", &wish),
        shop::create(&fronts[1], "planted-buyer-number-two", &wish)
    );
    owners += usize::from(one.0 == 201) + usize::from(two.0 == 201);
    assert!(bug.hits() > 0, "the planted bug never met its write");
    assert_eq!(owners, 2, "without the guard both buyers own the card: {} {} {first:?}", one.1, two.1);
}

fn free_slot_zero() -> String {
    serde_json::json!({
        "TableName": "kamivend-strips", "Key": {"k": {"S": "p#0"}}, "UpdateExpression": "SET h[47] = :free",
        "ExpressionAttributeValues": {":free": {"B": "AA=="}},
    })
    .to_string()
}

/// The seller's list of cards needs a session, even in the middle of a storm.
#[tokio::test]
async fn nobody_counts_cards_without_a_session() {
    let shop = TestShop::new(6).await;
    shop.product("p", 990, &cards("CARD", 3)).await;
    for token in ["", "x", "eyJhbGciOiJub25lIn0.e30."] {
        let (status, answer) = shop.admin(Method::GET, "/api/admin/products/p/cards", token, String::new()).await;
        assert_eq!((status, answer["code"].as_str()), (401, Some("unauthorized")));
    }
}

/// One key sent for two products claims the same strip and position of both. What it claimed of the second product is not the
/// first product's order's, so it goes back, and neither product's count hears of the other.
#[tokio::test]
async fn one_key_sent_for_two_products_holds_cards_of_one_only() {
    let shop = TestShop::new(7).await;
    shop.product("one", 100, &cards("A", 60)).await;
    shop.product("two", 100, &cards("B", 60)).await;
    // Both products are warm, so the second create claims before it has read the first's order.
    for product in ["one", "two"] {
        let key = format!("warms-the-product-{product}");
        let buyer = shop.order(&key, product, 1).await;
        shop.pay(&buyer, &format!("T-{product}")).await;
    }
    let buyer = shop.order("one-key-for-two-products", "one", 20).await;
    let (status, answer) = shop.create("one-key-for-two-products", &wish("two", 20)).await;
    assert_eq!((status, answer["code"].as_str()), (422, Some("idempotency_key_reused")));
    let two = shop.counts("two").await;
    assert_eq!((two["held"].as_u64(), two["free"].as_u64()), (Some(1), Some(59)), "{two}");
    shop.pay(&buyer, "T-both").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 20);
    let (one, two) = (shop.counts("one").await, shop.counts("two").await);
    assert_eq!((one["sold"].as_u64(), two["sold"].as_u64()), (Some(21), Some(1)), "{one} {two}");
}

/// Orders reach their table late through this instance.
#[derive(Debug)]
struct LateOrders;

impl Tap for LateOrders {
    fn fate(&self, call: &Call) -> Fate {
        let is_order = call.operation() == "PutItem" && String::from_utf8_lossy(&call.body).contains("kamivend-orders");
        if is_order { Fate::Delay(Duration::from_millis(700)) } else { Fate::Pass }
    }
}

/// A create that was overtaken by its own repetition, and by the buyer's turning to another way to pay, shows the attempt that stands,
/// at the account that expects it: one account's page for another account's number would take money that settles nothing.
#[tokio::test]
async fn an_overtaken_create_shows_the_attempt_that_stands_at_its_own_account() {
    let shop = TestShop::new(8).await;
    shop.account("other", None).await;
    let body = json!({
        "id": "p", "name": "Product", "kind": "single_use_key", "channels": ["sandbox", "other"],
        "price": {"amount_minor": 990, "currency": "CNY"},
    });
    granted(&shop, "/api/admin/products", &body).await;
    shop.cards("p", &cards("A", 60), "").await;
    let (late, _) = shop.tapped(Arc::new(LateOrders));
    const KEY: &str = "one-key-sent-twice-at-once";
    let twin = tokio::spawn(async move { shop::create(&late, KEY, &wish("p", 1)).await });
    tokio::time::sleep(Duration::from_millis(250)).await;
    let (status, first) = shop.create(KEY, &wish("p", 1)).await;
    assert_eq!(status, 201, "{first}");
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("/api/orders/{}/payments", first["order"]["id"].as_str().unwrap()))
        .header("authorization", format!("Bearer {}", first["order_token"].as_str().unwrap()))
        .body(br#"{"channel": "other"}"#.to_vec())
        .unwrap();
    let (status, second) = shop::send(shop.front(), request).await;
    assert!(status < 300, "{second}");
    let (status, answer) = twin.await.unwrap();
    assert_eq!((status, &answer["order"]["id"]), (200, &first["order"]["id"]), "{answer}");
    assert_eq!(answer["payment"], second["payment"]);
    assert!(answer["payment"]["content"].as_str().unwrap().contains("webhooks%2Fother"), "{answer}");
}
