//! Unpaid orders cannot empty the shop: not from one buyer, and not from many names behind one address.

use serde_json::Value;
use std::sync::Arc;
use tests::shop::{cards, create_from, wish};
use tests::{Buyer, TestShop};
use tokio::task::JoinSet;

const MINUTE: i64 = 60_000;

/// The limits of production.
const PER_CONTACT: u32 = app::config::OPEN_ORDERS_PER_CONTACT;
const PER_ADDRESS: u32 = app::config::OPEN_ORDERS_PER_ADDRESS;

fn wish_of(contact: &str) -> Value {
    let mut wish = wish("p", 1);
    wish["contact"] = contact.into();
    wish
}

async fn free(shop: &TestShop) -> u64 {
    shop.counts("p").await["free"].as_u64().unwrap()
}

#[tokio::test]
async fn one_buyer_cannot_empty_the_shop() {
    let shop = TestShop::limited(60, PER_CONTACT, PER_ADDRESS).await;
    shop.product("p", 990, &cards("C", 500)).await;
    let fronts = [shop.instance(), shop.instance(), shop.instance()];
    let mut made = 0;
    for n in 0..500 {
        // Another address each time, and the contact written in another way: it is the same buyer.
        let contact = if n % 2 == 0 { "Buyer@Example.com" } else { " buyer@example.com" };
        let key = format!("one-buyer-many-orders-{n:04}");
        let address = format!("10.1.{}.{}", n / 250, n % 250);
        let (status, answer) = create_from(&fronts[n % 3], &key, &wish_of(contact), &address).await;
        match status {
            201 => made += 1,
            _ => assert_eq!((status, answer["code"].as_str()), (429, Some("too_many_holds")), "{answer}"),
        }
        if status == 429 {
            // Repeated, it is the same answer, and the cards are where they were.
            let (status, answer) = create_from(&fronts[n % 3], &key, &wish_of(contact), &address).await;
            assert_eq!((status, answer["code"].as_str()), (429, Some("too_many_holds")), "{answer}");
        }
    }
    assert_eq!(made, PER_CONTACT);
    assert_eq!(free(&shop).await, 500 - u64::from(PER_CONTACT), "what was refused holds nothing");
}

#[tokio::test]
async fn many_names_behind_one_address_cannot_empty_the_shop() {
    let shop = TestShop::limited(61, PER_CONTACT, PER_ADDRESS).await;
    shop.product("p", 990, &cards("C", 500)).await;
    // Three instances, none of which sees what the others make but through the tables.
    let fronts = [shop.instance(), shop.instance(), shop.instance()];
    for n in 0..500 {
        let key = format!("many-names-one-address-{n:04}");
        let wish = wish_of(&format!("name-{n}@example.com"));
        let (status, answer) = create_from(&fronts[n % 3], &key, &wish, "203.0.113.7").await;
        assert!(status == 201 || answer["code"] == "too_many_holds", "{status} {answer}");
    }
    let held = 500 - free(&shop).await;
    // Each instance may make two orders more than the others know of.
    let most = u64::from(PER_ADDRESS) + 3 * 2;
    assert!((u64::from(PER_ADDRESS)..=most).contains(&held), "{held} cards are held");
    // Somebody else is not kept from buying.
    let (status, answer) =
        create_from(&fronts[0], "somebody-else-entirely", &wish_of("else@example.com"), "198.51.100.1").await;
    assert_eq!(status, 201, "{answer}");
}

/// Large orders count more, and the many addresses of one household are one.
#[tokio::test]
async fn large_orders_and_one_households_many_addresses_are_bounded() {
    let shop = TestShop::limited(65, PER_CONTACT, PER_ADDRESS).await;
    shop.product("p", 990, &cards("C", 500)).await;
    let fronts = [shop.instance(), shop.instance(), shop.instance()];
    for n in 0..60 {
        let mut wish = wish_of(&format!("name-{n}@example.com"));
        wish["quantity"] = 25.into();
        let address = format!("2001:db8:7:7:{n:x}::1");
        let key = format!("large-orders-one-household-{n:04}");
        let (status, answer) = create_from(&fronts[n % 3], &key, &wish, &address).await;
        assert!(status == 201 || answer["code"] == "too_many_holds", "{status} {answer}");
    }
    let held = 500 - free(&shop).await;
    // Thirty, at five for an order of twenty-five, and what three instances do not know of each other.
    assert!((150..=150 + 3 * 2 * 25).contains(&held), "{held} cards are held");
}

/// Many at once instead of one after the other: the limit is a courtesy and lags behind, but not by a shopful.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_storm_from_one_address_is_bounded_too() {
    let shop = Arc::new(TestShop::limited(62, PER_CONTACT, PER_ADDRESS).await);
    shop.product("p", 990, &cards("C", 500)).await;
    let gate = Arc::new(tokio::sync::Semaphore::new(16));
    let mut storm = JoinSet::new();
    for n in 0..500 {
        let (shop, gate) = (shop.clone(), gate.clone());
        storm.spawn(async move {
            let _turn = gate.acquire().await.unwrap();
            let wish = wish_of(&format!("name-{n}@example.com"));
            create_from(shop.front(), &format!("a-storm-from-one-address-{n}"), &wish, "203.0.113.8").await.0
        });
    }
    let made = storm.join_all().await.into_iter().filter(|status| *status == 201).count() as u64;
    assert!(made <= u64::from(PER_ADDRESS) + 16, "{made} orders");
    assert_eq!(free(&shop).await, 500 - made);
}

/// What is paid, cancelled or lapsed counts no more; a buyer who pays may go on buying.
#[tokio::test]
async fn only_unpaid_orders_count() {
    let shop = TestShop::limited(63, PER_CONTACT, 5).await;
    shop.product("p", 990, &cards("C", 60)).await;
    let order = async |n: usize| {
        create_from(shop.front(), &format!("a-good-customer-{n:06}"), &wish_of("good@example.com"), "192.0.2.1").await
    };
    for n in 0..20 {
        let (status, answer) = order(n).await;
        assert_eq!(status, 201, "order {n}: {answer}");
        shop.pay(&Buyer::from(&answer), &format!("T{n}")).await;
        shop.deliver_all().await;
    }
    let mut open = Vec::new();
    for n in 20..23 {
        let (status, answer) = order(n).await;
        assert_eq!(status, 201, "order {n}: {answer}");
        open.push(Buyer::from(&answer));
    }
    assert_eq!(order(23).await.0, 429);
    // One cancelled: one more.
    let cancel = http::Request::builder()
        .method("POST")
        .uri(format!("/api/orders/{}/cancel", open[0].order))
        .header("authorization", format!("Bearer {}", open[0].token))
        .body(Vec::new())
        .unwrap();
    assert_eq!(tests::shop::send(shop.front(), cancel).await.0, 200);
    assert_eq!(order(24).await.0, 201);
    assert_eq!(order(25).await.0, 429);
    // All lapsed: three more.
    shop.pass(15 * MINUTE + 1);
    shop.tick().await;
    for n in 26..29 {
        assert_eq!(order(n).await.0, 201, "order {n}");
    }
    assert_eq!(order(29).await.0, 429);
}

/// A shop that wants no limit has none.
#[tokio::test]
async fn nought_is_no_limit() {
    let shop = TestShop::limited(64, 0, 0).await;
    shop.product("p", 990, &cards("C", 60)).await;
    for n in 0..60 {
        let (status, answer) =
            create_from(shop.front(), &format!("no-limit-at-all-{n:06}"), &wish_of("one@example.com"), "192.0.2.9")
                .await;
        assert_eq!(status, 201, "{answer}");
    }
}
