//! What stands before what: a function that dies between two steps leaves the first one behind, and never the second alone.

use crate::common::{MINUTE, Once, balance, messages, post};
use local::seam::{Call, Fate, Tap};
use serde_json::json;
use std::sync::Arc;
use tests::TestShop;
use tests::shop::{self, cards, wish};

/// A tombstone as it leaves.
const VOID: &str = "\"VOID\"";

/// A create that gives up dies before its tombstone: what it held is held on, because a slower try of the same key may have it.
#[tokio::test(start_paused = true)]
async fn no_card_of_a_shortfall_goes_back_before_its_tombstone() {
    let mut shop = TestShop::new(400).await;
    shop.leave_unfinished();
    shop.product("p", 100, &cards("C", 60)).await;
    let death = Once::new("PutItem", VOID, Fate::DieBefore);
    let (front, _) = shop.tapped(death.clone());
    // An instance that remembers an untouched strip claims at once, and learns on the way that there is not enough.
    assert_eq!(shop::create(&front, "the-other-buyer-of-some", &wish("p", 20)).await.0, 201);
    assert!(death.run(shop::create(&front, "asks-for-more-than-there-is", &wish("p", 50))).await.is_none());
    assert_eq!(shop.counts("p").await["held"], 60);
}

/// A pass dies before the tombstone of a claim that nobody owns: the card is held on.
#[tokio::test(start_paused = true)]
async fn no_card_of_an_orphan_goes_back_before_its_tombstone() {
    let mut shop = TestShop::new(401).await;
    shop.leave_unfinished();
    shop.product("p", 100, &cards("C", 1)).await;
    let death = Once::new("PutItem", "\"HELD\"", Fate::DieBefore);
    let (front, _) = shop.tapped(death.clone());
    assert!(death.run(shop::create(&front, "a-create-that-dies-first", &wish("p", 1))).await.is_none());
    shop.tick().await;
    shop.pass(6 * MINUTE);
    let death = Once::new("PutItem", VOID, Fate::DieBefore);
    let app = shop.tapped(death.clone()).1;
    let pass = local::roles::acting_as("reconcile", app.reconcile(i64::MAX));
    assert!(death.run(Box::pin(pass)).await.is_none(), "the tombstone was never written");
    assert_eq!(shop.counts("p").await["held"], 1);
}

/// A refund dies before it is written down: no money has moved.
#[tokio::test(start_paused = true)]
async fn no_money_goes_back_before_it_is_written_down() {
    let mut shop = TestShop::new(402).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("C", 1)).await;
    let buyer = shop.order("a-buyer-of-one-card", "p", 1).await;
    let page = shop.open_pay_page(&buyer).await;
    shop.press(&page, "pay").await;
    shop.deliver_all().await;
    let before = balance(&shop);
    assert!(before >= 990, "{before}");
    let token = shop.sign_in().await;
    let death = Once::new("UpdateItem", "SET #rf = :refund", Fate::DieBefore);
    let (front, _) = shop.tapped(death.clone());
    let path = format!("/api/admin/orders/{}/refund", buyer.order);
    assert!(death.run(post(&front, &path, &token, None, &json!({}))).await.is_none(), "it was never written down");
    assert_eq!(balance(&shop), before);
}

/// Every call of one operation is lost.
#[derive(Debug)]
struct Deaf(&'static str);

impl Tap for Deaf {
    fn fate(&self, call: &Call) -> Fate {
        if call.operation() == self.0 { Fate::LoseRequest } else { Fate::Pass }
    }
}

/// A provider hears "success" when everything is written and sent; else it is to tell us again.
async fn no_success_without(operation: &'static str, seed: u64, money: Option<&str>) {
    let mut shop = TestShop::new(seed).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("C", 1)).await;
    let buyer = shop.order("a-buyer-who-pays", "p", 1).await;
    let query = match money {
        Some(money) => shop.notification_of(&buyer.attempt, "T1", money, "TRADE_SUCCESS"),
        None => shop.notification(&buyer, "T1"),
    };
    let (front, _) = shop.tapped(Arc::new(Deaf(operation)));
    let (status, said) = shop::notify(&front, &query).await;
    assert!(status >= 500, "{status} {said}");
    assert_eq!(shop.notify(&query).await.0, 200, "told again, it is heard");
}

#[tokio::test(start_paused = true)]
async fn no_success_before_the_payment_is_durable() {
    no_success_without("UpdateItem", 403, None).await;
}

#[tokio::test(start_paused = true)]
async fn no_success_before_the_message_is_sent() {
    no_success_without("SendMessage", 404, None).await;
}

#[tokio::test(start_paused = true)]
async fn no_success_before_the_row_is_durable() {
    no_success_without("PutItem", 405, Some("9.89")).await;
}

/// After a restore nothing runs but the taking in of money: no message leaves, none is delivered, late money waits.
#[tokio::test(start_paused = true)]
async fn a_closed_shop_takes_money_in_and_does_nothing_with_it() {
    let mut shop = TestShop::new(406).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("C", 3)).await;
    let sent = shop.order("pays-before-it-closes", "p", 1).await;
    let paid = shop.order("pays-while-it-is-closed", "p", 1).await;
    let late = shop.order("pays-late-and-then", "p", 1).await;
    let token = shop.sign_in().await;
    assert!(!token.is_empty());
    shop.pay(&sent, "T1").await;
    crate::common::act(shop.front(), &late, "cancel").await;
    shop.app.close_shop().await.unwrap();
    shop.pass(3_000);
    assert_eq!(messages(&shop), 1);
    shop.pay(&paid, "T2").await;
    shop.pay(&late, "T3").await;
    assert_eq!(messages(&shop), 1, "nothing is sent");
    assert_eq!(shop.read(&late).await.1["status"], "late", "nothing is sought for it");
    shop.deliver_all().await;
    assert_eq!(shop.read(&sent).await.1["status"], "paid", "what was sent before waits");
    assert!(shop.tick().await.closed);
}

/// A strip is sealed when each of its cards is sold or was taken out, and the watermark passes sealed strips only.
#[tokio::test(start_paused = true)]
async fn no_strip_is_sealed_before_its_last_card_is_final() {
    let mut shop = TestShop::new(407).await;
    shop.leave_unfinished();
    shop.product("p", 100, &cards("C", 96)).await;
    let product = domain::ProductId::parse("p").unwrap();
    let first = shop.order("takes-forty-seven-of-them", "p", 47).await;
    shop.pay(&first, "T1").await;
    shop.deliver_all().await;
    assert_eq!(shop.tick().await.sealed, 0, "a card was never claimed");
    let second = shop.order("takes-the-last-of-them", "p", 2).await;
    assert_eq!(shop.tick().await.sealed, 0, "a card is held");
    crate::common::act(shop.front(), &second, "cancel").await;
    assert_eq!(shop.tick().await.sealed, 0, "a card is free");
    assert_eq!(shop.app.store.head(&product).await.unwrap().unwrap().low, 0);
    let third = shop.order("takes-the-rest-of-them", "p", 49).await;
    shop.pay(&third, "T3").await;
    shop.deliver_all().await;
    assert_eq!(shop.tick().await.sealed, 2);
    assert_eq!(shop.app.store.head(&product).await.unwrap().unwrap().low, 2);
}

/// "Sold out" is a verdict of half a second, and none about an order that holds a card already.
#[tokio::test(start_paused = true)]
async fn sold_out_is_said_of_what_was_just_read() {
    let mut shop = TestShop::new(408).await;
    shop.leave_unfinished();
    shop.product("p", 100, &cards("C", 1)).await;
    let death = Once::new("PutItem", "\"HELD\"", Fate::DieBefore);
    let (front, _) = shop.tapped(death.clone());
    assert!(death.run(shop::create(&front, "a-create-that-dies-first", &wish("p", 1))).await.is_none());
    assert_eq!(shop.create("a-buyer-who-comes-too-late", &wish("p", 1)).await.0, 409);
    let (status, answer) = shop.create("a-create-that-dies-first", &wish("p", 1)).await;
    assert_eq!(status, 201, "its own earlier try holds the card: {answer}");
    assert_eq!(shop.create("another-who-comes-too-late", &wish("p", 1)).await.0, 409);
    let buyer = tests::Buyer::from(&answer);
    crate::common::act(&shop.instance(), &buyer, "cancel").await;
    shop.pass(600);
    assert_eq!(shop.create("a-buyer-a-second-later", &wish("p", 1)).await.0, 201, "another instance freed the card");
}

/// A claim of a later generation whose order is gone is nothing that a cut-off create leaves: it stays, and a person is asked.
#[tokio::test(start_paused = true)]
async fn an_orphan_of_a_later_generation_stays() {
    let mut shop = TestShop::new(409).await;
    shop.leave_unfinished();
    shop.product("p", 100, &cards("C", 1)).await;
    let product = domain::ProductId::parse("p").unwrap();
    shop.app.store.move_cursor(&product).await.unwrap();
    let claim = domain::Claim { order: domain::OrderId([9; 15]), generation: 1 };
    shop.app.store.append_claim(&product, 0, claim, 1).await.unwrap();
    for _ in 0..3 {
        let pass = shop.tick().await;
        assert_eq!((pass.given_up, pass.released), (0, 0), "{pass:?}");
        shop.pass(7 * MINUTE);
    }
    assert_eq!(shop.counts("p").await["held"], 1);
}

/// An order that does not read is there all the same: nothing is written in its place, and its card stays.
#[tokio::test(start_paused = true)]
async fn an_order_that_does_not_read_keeps_its_card() {
    let mut shop = TestShop::new(410).await;
    shop.leave_unfinished();
    shop.product("p", 100, &cards("C", 1)).await;
    shop.order("a-buyer-of-one-card", "p", 1).await;
    let held = |item: &String| item.contains("\"HELD\"");
    let item = shop.table(store::Table::Orders).into_iter().find(held).unwrap();
    let broken = item.replace("\"HELD\"", "\"TORN\"");
    let put = format!(r#"{{"TableName": "kamivend-orders", "Item": {broken}}}"#);
    assert_eq!(shop.world.engine.call("PutItem", put.as_bytes()).0, 200);
    for _ in 0..3 {
        shop.tick().await;
        shop.pass(7 * MINUTE);
    }
    let product = domain::ProductId::parse("p").unwrap();
    let strip = shop.app.store.strips(&product, &[0]).await.unwrap().remove(0).strip;
    assert!(!strip.has_room(), "{strip:?}");
    assert!(shop.table(store::Table::Orders).iter().any(|item| item.contains("\"TORN\"")));
}

/// A card that came back without a word is found by reading every strip, and only then is it "sold out".
#[tokio::test(start_paused = true)]
async fn sold_out_is_said_when_every_strip_was_read_full() {
    let mut shop = TestShop::new(411).await;
    shop.leave_unfinished();
    shop.product("p", 100, &cards("C", 1)).await;
    let product = domain::ProductId::parse("p").unwrap();
    let store = &shop.app.store;
    store.move_cursor(&product).await.unwrap();
    let claim = domain::Claim { order: domain::OrderId([9; 15]), generation: 0 };
    store.append_claim(&product, 0, claim, 1).await.unwrap();
    assert_eq!(shop.create("a-buyer-who-comes-too-late", &wish("p", 1)).await.0, 409);
    store.release(&product, 0, claim, &[47]).await.unwrap();
    shop.pass(600);
    assert_eq!(shop.create("a-buyer-a-second-later", &wish("p", 1)).await.0, 201);
}

/// Only who knows that it wrote a refund down calls the provider. One that finds it written may be the second of two: the money would
/// go back twice, so it is left to the asking and to a person.
#[tokio::test(start_paused = true)]
async fn who_finds_a_refund_written_down_sends_no_money() {
    let mut shop = TestShop::new(412).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("C", 1)).await;
    let buyer = shop.order("a-buyer-of-one-card", "p", 1).await;
    let page = shop.open_pay_page(&buyer).await;
    shop.press(&page, "pay").await;
    shop.deliver_all().await;
    let before = balance(&shop);
    let token = shop.sign_in().await;
    let lost = Once::new("UpdateItem", "SET #rf = :refund", Fate::LoseReply);
    let (front, _) = shop.tapped(lost.clone());
    let path = format!("/api/admin/orders/{}/refund", buyer.order);
    let part = json!({"amount": {"amount_minor": 300, "currency": "CNY"}});
    let (status, order) = post(&front, &path, &token, Some("the-key-of-this-refund"), &part).await;
    assert!(lost.was_met());
    assert_eq!((status, order["refunds"][0]["state"].as_str()), (200, Some("started")), "{order}");
    assert_eq!(balance(&shop), before);
}
