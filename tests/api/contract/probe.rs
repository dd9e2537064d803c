use super::*;
use crate::openapi::create;
use std::sync::Arc;
use tests::shop::wish;
use tests::taps::Counter;

fn say(what: &str, reply: &Reply) { println!("PROBE {what}: {} {}", reply.status, reply.body); }
async fn keyed(shop: &TestShop, buyer: &Buyer, key: &str, body: &str) -> Reply {
    let token = shop.sign_in().await;
    let mut asked = request("POST", &desk(buyer, "/refund"), &token, body.to_owned());
    if !key.is_empty() { asked.headers_mut().insert("idempotency-key", key.parse().unwrap()); }
    send(shop, asked).await
}
#[tokio::test]
async fn p06_too_many_key() {
    let shop = TestShop::limited(905, 1, 0).await;
    shop.product("p", 990, &cards("C", 500)).await;
    let b = shop.order("the-only-open-order-now", "p", 1).await;
    let r = send(&shop, create("a-key-that-came-too-soon", &wish("p", 1))).await;
    say("second", &r);
    granted(&post(&shop, &of(&b, "cancel"), &b.token, &json!({})).await, 200);
    shop.pass(60_000);
    let r = send(&shop, create("a-key-that-came-too-soon", &wish("p", 1))).await;
    say("same key after Retry-After", &r);
    let r = send(&shop, create("a-new-key-for-the-order", &wish("p", 1))).await;
    println!("PROBE new key: {}", r.status);
    let id = shop.app.keys.order_id("a-key-that-came-too-soon").to_string();
    let r = sell(&shop, "GET", &format!("/api/admin/orders/{id}"), &json!({})).await;
    say("void order at the desk", &r);
}
#[tokio::test]
async fn p20_by_hand_only_on_paid() {
    let shop = shop_with(920, 9).await;
    let b = shop.order("an-order-attested-undelivered", "p", 1).await;
    granted(&sell(&shop, "POST", &desk(&b, "/attest"), &json!({"amount": yuan(990), "reference": "x"})).await, 200);
    let r = keyed(&shop, &b, "", "{}").await;
    say("refund of an attested PAID order", &r);
    println!("PROBE now {:?}", stands(&shop, &b).await);
    shop.deliver_all().await;
    let c = shop.order("an-order-attested-the-same", "p", 1).await;
    let r = sell(&shop, "POST", &desk(&c, "/attest"), &json!({"amount": yuan(990), "reference": "x"})).await;
    println!("PROBE same reference for another order: {}", r.status);
    shop.deliver_all().await;
}
#[tokio::test]
async fn p21_key_reused() {
    let shop = shop_with(921, 9).await;
    let b = bought(&shop, "an-order-and-a-reused-key", 1).await;
    let r = keyed(&shop, &b, "one-key-for-two-amounts", r#"{"amount": {"amount_minor": 100, "currency": "CNY"}}"#).await;
    println!("PROBE {} {}", r.status, r.body["refunds"]);
    let r = keyed(&shop, &b, "one-key-for-two-amounts", r#"{"amount": {"amount_minor": 500, "currency": "CNY"}}"#).await;
    println!("PROBE {} {}", r.status, r.body["refunds"]);
    let r = keyed(&shop, &b, "one-key-for-two-amounts", r#"{"by_hand": true, "reference": "in cash"}"#).await;
    println!("PROBE {} {}", r.status, r.body["refunds"]);
}
#[tokio::test(start_paused = true)]
async fn p22_calls_of_a_removal() {
    let shop = shop_with(922, 1000).await;
    let counter = Arc::new(Counter::default());
    let (front, _) = shop.tapped(counter.clone());
    let token = shop.sign_in().await;
    let began = tokio::time::Instant::now();
    let r = ask(&front, request("DELETE", "/api/admin/products/p/cards", &token, cards("CARD", 1000).join("\n")), "127.0.0.1").await;
    println!("PROBE {} calls {} time {:?}", r.body, counter.take().len(), began.elapsed());
}
