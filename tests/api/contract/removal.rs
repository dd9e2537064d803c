//! Cards that the seller takes out of sale.

use super::{bought, get, granted, of, refused, sell, send, shop_with, trail, with};
use crate::openapi::{Reply, ask, create, request};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tests::TestShop;
use tests::shop::{cards, wish};
use tests::taps::{CALL, Counter};
use tokio::task::JoinSet;

const PATH: &str = "/api/admin/products/p/cards";

async fn remove(shop: &TestShop, cards: impl Into<Vec<u8>>) -> Reply {
    let token = shop.sign_in().await;
    send(shop, request("DELETE", PATH, &token, cards)).await
}

/// What a removal answers that was given all the time it needed.
fn report(removed: u64, taken: u64, unknown: u64) -> Value {
    json!({"removed": removed, "taken": taken, "unknown": unknown, "remaining": 0})
}

/// Free, held, sold and removed cards; they always add up to those that came in.
async fn counts(shop: &TestShop) -> [u64; 4] {
    let counts = shop.counts("p").await;
    let all = ["free", "held", "sold", "removed"].map(|state| counts[state].as_u64().unwrap());
    assert_eq!(all.iter().sum::<u64>(), counts["imported"].as_u64().unwrap(), "{counts}");
    all
}

#[tokio::test]
async fn what_is_free_is_removed_and_what_is_taken_stays() {
    let shop = shop_with(720, 6).await;
    let sold = bought(&shop, "an-order-that-is-delivered", 1).await;
    let held = shop.order("an-order-that-waits", "p", 1).await;
    let bought_card = shop.keys(&sold).await.remove(0);
    assert_eq!(counts(&shop).await, [4, 1, 1, 0]);
    let everything = cards("CARD", 6).join("\n");
    let named = format!("{everything}\nNO-SUCH-CARD\n\n  CARD-00003  \r\nCARD-00003\ncard-00001\n");
    let reply = remove(&shop, named.as_str()).await;
    assert_eq!((reply.status, &reply.body), (200, &report(4, 2, 2)));
    assert_eq!(counts(&shop).await, [0, 1, 1, 4]);
    // The same list again is the same answer.
    assert_eq!(remove(&shop, named).await.body, report(4, 2, 2));
    assert_eq!(counts(&shop).await, [0, 1, 1, 4]);
    // Nobody buys what was removed; whoever has a card keeps it, also one that is only held so far.
    refused(&send(&shop, create("an-order-of-removed-cards", &wish("p", 1))).await, 409, "sold_out");
    let listed = get(&shop, "/api/products", "").await;
    assert_eq!(listed.body["products"][0]["stock"], json!({"state": "sold_out", "count": 0}));
    shop.pay(&held, "T1").await;
    shop.deliver_all().await;
    let mine = shop.keys(&held).await;
    assert_eq!((mine.len(), mine[0] == bought_card), (1, false));
    assert_eq!(get(&shop, &of(&sold, "keys"), &sold.token).await.body["keys"][0]["content"], bought_card.as_str());
    assert_eq!(counts(&shop).await, [0, 0, 2, 4]);
    assert_eq!(shop.audit().await.differences, 0);
    let deeds: BTreeSet<(String, String)> = trail(&shop).await.into_iter().map(|(what, of, ..)| (what, of)).collect();
    assert_eq!(deeds, BTreeSet::from([("cards_removed".to_owned(), "p".to_owned())]));
}

#[tokio::test]
async fn a_removed_card_stays_a_duplicate() {
    let shop = shop_with(721, 3).await;
    assert_eq!(remove(&shop, "CARD-00002").await.body, report(1, 0, 0));
    for query in ["", "?import_id=again", "?import_id=again&part=2"] {
        let said = shop.cards("p", &cards("CARD", 4), query).await;
        let (imported, duplicates) = if query.is_empty() { (1, 3) } else { (0, 4) };
        assert_eq!((&said["imported"], &said["duplicates"]), (&json!(imported), &json!(duplicates)), "{query}");
    }
    assert_eq!(counts(&shop).await, [3, 0, 0, 1]);
    // In another product the same text is another card.
    shop.product("q", 990, &["CARD-00002".to_owned()]).await;
    assert_eq!(shop.counts("q").await["free"], 1);
    let buyer = bought(&shop, "an-order-of-what-is-left", 3).await;
    let sold: BTreeSet<String> = shop.keys(&buyer).await.into_iter().collect();
    let expected = ["CARD-00001", "CARD-00003", "CARD-00004"].map(str::to_owned);
    assert_eq!(sold, BTreeSet::from(expected));
}

/// Cards lie 48 to a strip, and a strip is opened when somebody buys: what lies deep in an untouched one, and what was freed
/// again, is removed as well.
#[tokio::test]
async fn cards_are_removed_wherever_they_lie() {
    let shop = shop_with(722, 100).await;
    let freed = shop.order("an-order-that-is-given-up", "p", 5).await;
    let kept = shop.order("an-order-that-is-kept", "p", 2).await;
    granted(&send(&shop, request("POST", &of(&freed, "cancel"), &freed.token, "")).await, 200);
    assert_eq!(counts(&shop).await, [98, 2, 0, 0]);
    let all = cards("CARD", 100);
    let odd: Vec<String> = all.iter().step_by(2).cloned().collect();
    let reply = remove(&shop, odd.join("\n")).await;
    let (removed, taken) = (reply.body["removed"].as_u64().unwrap(), reply.body["taken"].as_u64().unwrap());
    assert_eq!((removed + taken, &reply.body["unknown"]), (50, &json!(0)));
    assert_eq!(counts(&shop).await, [98 - removed, 2, 0, removed]);
    // All that is left can be bought, and is what was not removed.
    shop.pay(&kept, "T1").await;
    shop.deliver_all().await;
    let mut sold: BTreeSet<String> = shop.keys(&kept).await.into_iter().collect();
    let left = 98 - removed;
    let rest = bought(&shop, "an-order-of-all-the-rest", u32::try_from(left.min(50)).unwrap()).await;
    sold.extend(shop.keys(&rest).await);
    let even: BTreeSet<String> = all.iter().skip(1).step_by(2).cloned().collect();
    assert_eq!(sold.iter().filter(|card| !even.contains(*card)).count() as u64, taken);
    refused(&send(&shop, create("an-order-of-one-too-many", &wish("p", 50))).await, 409, "sold_out");
    assert_eq!(shop.audit().await.differences, 0);
}

#[tokio::test]
async fn buyers_and_a_removal_at_once_share_no_card() {
    let shop = shop_with(723, 60).await;
    let mut buying = JoinSet::new();
    for n in 0..20 {
        let (front, key) = (shop.instance(), format!("an-order-beside-a-removal-{n:02}"));
        buying.spawn(async move { ask(&front, create(&key, &wish("p", 2)), "127.0.0.1").await });
    }
    let (bought, removed) = tokio::join!(buying.join_all(), remove(&shop, cards("CARD", 60).join("\n")));
    granted(&removed, 200);
    let made = bought.iter().filter(|reply| reply.status == 201).count() as u64;
    for reply in &bought {
        assert!(reply.status == 201 || reply.code() == "sold_out", "{}", reply.body);
    }
    let [free, held, sold, gone] = counts(&shop).await;
    assert_eq!((held, sold, gone), (made * 2, 0, removed.body["removed"].as_u64().unwrap()));
    assert_eq!(free + held + gone, 60);
    assert_eq!(shop.audit().await.differences, 0);
}

/// A long list on a slow day: the answer comes in time and says how much is left to do.
#[tokio::test(start_paused = true)]
async fn what_is_not_reached_in_time_remains() {
    let shop = shop_with(725, 40).await;
    let held = shop.order("an-order-that-waits", "p", 1).await;
    let (slow, _) = shop.tapped(Arc::new(Counter::default()));
    let all = format!("{}\nNO-SUCH-CARD", cards("CARD", 40).join("\n"));
    let token = shop.sign_in().await;
    let asked = request("DELETE", PATH, &token, all.as_str());
    let (first, ()) = tokio::join!(ask(&slow, asked, "127.0.0.1"), async {
        tokio::time::sleep(CALL * 20).await;
        shop.pass(20_000);
    });
    granted(&first, 200);
    let [removed, taken, unknown, remaining] =
        ["removed", "taken", "unknown", "remaining"].map(|name| first.body[name].as_u64().unwrap());
    assert!(removed > 0 && remaining > 0, "{}", first.body);
    assert_eq!((removed + taken + remaining, unknown), (40, 1), "{}", first.body);
    assert_eq!(counts(&shop).await, [39 - removed, 1, 0, removed]);
    // The same list again goes on where it stopped.
    assert_eq!(remove(&shop, all).await.body, report(39, 1, 1));
    assert_eq!(counts(&shop).await, [0, 1, 0, 39]);
    granted(&send(&shop, request("POST", &of(&held, "cancel"), &held.token, "")).await, 200);
    assert_eq!(counts(&shop).await, [1, 0, 0, 39]);
    assert_eq!(shop.audit().await.differences, 0);
}

#[tokio::test]
async fn only_the_seller_removes_and_only_what_there_is() {
    let shop = shop_with(724, 2).await;
    let buyer = shop.order("an-order-of-a-curious-buyer", "p", 1).await;
    for token in ["", buyer.token.as_str()] {
        refused(&send(&shop, request("DELETE", PATH, token, "CARD-00002")).await, 401, "unauthorized");
    }
    let token = shop.sign_in().await;
    for id in ["q", "NOT-AN-ID"] {
        let path = format!("/api/admin/products/{id}/cards");
        refused(&send(&shop, request("DELETE", &path, &token, "CARD-00002")).await, 404, "not_found");
    }
    let text = |size: usize| format!("{}\n", "x".repeat(size - 1));
    refused(&remove(&shop, text(65_537)).await, 413, "too_large");
    assert_eq!(remove(&shop, text(65_536)).await.body, report(0, 0, 1));
    assert_eq!(remove(&shop, "").await.body, report(0, 0, 0));
    assert_eq!(remove(&shop, b"\xff\xff\n\nCARD".to_vec()).await.body, report(0, 0, 2));
    assert_eq!(counts(&shop).await, [1, 1, 0, 0]);
    // What an archived product still has is not sold, and may be taken out all the same.
    granted(&sell(&shop, "DELETE", "/api/admin/products/p", &with(&json!({}), "x", json!(null))).await, 200);
    let reply = remove(&shop, cards("CARD", 2).join("\n")).await;
    assert_eq!((reply.status, &reply.body), (200, &report(1, 1, 0)));
}
