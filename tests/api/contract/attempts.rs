//! Another attempt to pay: one for each channel, five at the most, while there is time.

use super::{MINUTE, get, granted, of, paid, post, product, refused, sell, send, shop_with, stands};
use crate::openapi::{Reply, ask, request, set_channel_up, switch_channel_off};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::shop::cards;
use tests::{Buyer, TestShop, text};

/// A shop with product `p`, which can be paid on `sandbox` and on these channels.
async fn shop_with_channels(seed: u64, more: &[&str]) -> TestShop {
    let shop = TestShop::new(seed).await;
    let mut channels = vec!["sandbox"];
    for channel in more {
        set_channel_up(&shop, channel).await;
        channels.push(channel);
    }
    let mut made = product("p");
    made["channels"] = json!(channels);
    granted(&sell(&shop, "POST", "/api/admin/products", &made).await, 201);
    shop.cards("p", &cards("CARD", 9), "").await;
    shop
}

async fn pay_on(shop: &TestShop, buyer: &Buyer, channel: &str) -> Reply {
    post(shop, &of(buyer, "payments"), &buyer.token, &json!({ "channel": channel })).await
}

/// The gateway reports that an attempt was paid, at the webhook of its channel.
async fn report(shop: &TestShop, channel: &str, attempt: &str, minor: i64, trade_no: &str) {
    let notice = shop.notification_of(attempt, trade_no, &tests::shop::yuan(minor), "TRADE_SUCCESS");
    let reply = send(shop, request("GET", &format!("/webhooks/{channel}?{notice}"), "", "")).await;
    assert_eq!((reply.status, &reply.body), (200, &json!("success")));
}

#[tokio::test]
async fn a_channel_that_has_an_attempt_is_answered_with_it() {
    let shop = shop_with_channels(600, &["second"]).await;
    let buyer = shop.order("an-order-with-one-way", "p", 2).await;
    let first = shop.read(&buyer).await.1;
    for _ in 0..3 {
        let reply = pay_on(&shop, &buyer, "sandbox").await;
        granted(&reply, 200);
        assert_eq!(reply.body["payment"], first["payment"]);
        assert_eq!(text(&reply.body, "/order/id"), buyer.order);
    }
    let made = pay_on(&shop, &buyer, "second").await;
    granted(&made, 201);
    let again = pay_on(&shop, &buyer, "second").await;
    assert_eq!((again.status, &again.body), (200, &made.body));
    // The first way is still there, under its first number.
    let reply = pay_on(&shop, &buyer, "sandbox").await;
    assert_eq!((reply.status, text(&reply.body, "/payment/attempt")), (200, buyer.attempt.as_str()));
}

#[tokio::test]
async fn another_channel_is_another_attempt() {
    let shop = shop_with_channels(601, &["second"]).await;
    let buyer = shop.order("an-order-in-two-ways", "p", 2).await;
    let reply = pay_on(&shop, &buyer, "second").await;
    granted(&reply, 201);
    let number = text(&reply.body, "/payment/attempt");
    assert_eq!(number, format!("{}2", &buyer.attempt[..26]), "one number after the other");
    assert_eq!(text(&reply.body, "/payment/channel"), "second");
    let content = text(&reply.body, "/payment/content");
    assert!(content.contains(number) && content.contains("webhooks%2Fsecond"), "{content}");
    assert!(!content.contains(&buyer.token), "{content}");
    assert_eq!(reply.body["order"]["amount"], json!({"amount_minor": 1_980, "currency": "CNY"}));
    // Whoever reads the order is shown the newest way.
    assert_eq!(shop.read(&buyer).await.1["payment"], reply.body["payment"]);
    // The money comes by the second way: delivered.
    report(&shop, "second", number, 1_980, "T1").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 2);
    assert_eq!(shop.attention().await, []);
    // And by the first as well: a person sees it, and nothing more is delivered.
    shop.pay(&buyer, "T2").await;
    shop.deliver_all().await;
    assert_eq!(shop.attention().await, [("money".to_owned(), "double".to_owned())]);
    assert_eq!(shop.counts("p").await["sold"], 2);
}

#[tokio::test]
async fn an_attempt_is_paid_on_its_own_channel_only() {
    let shop = shop_with_channels(602, &["second"]).await;
    let buyer = shop.order("an-order-for-two-tills", "p", 1).await;
    let reply = pay_on(&shop, &buyer, "second").await;
    let second = text(&reply.body, "/payment/attempt").to_owned();
    report(&shop, "sandbox", &second, 990, "T1").await;
    report(&shop, "second", &buyer.attempt, 990, "T2").await;
    assert_eq!(stands(&shop, &buyer).await.0, "awaiting_payment");
    let unknown = ("money".to_owned(), "unknown_attempt".to_owned());
    assert_eq!(shop.attention().await, [unknown.clone(), unknown]);
}

#[tokio::test]
async fn only_the_channels_of_the_product_are_taken() {
    let shop = shop_with_channels(603, &[]).await;
    // Set up, and not for this product.
    set_channel_up(&shop, "second").await;
    let buyer = shop.order("an-order-and-its-channels", "p", 1).await;
    let cases: [(Value, &str); 7] = [
        (json!({"channel": "second"}), "not_for_this_product"),
        (json!({"channel": "nobody"}), "not_for_this_product"),
        (json!({"channel": "NOT A CHANNEL"}), "unknown"),
        (json!({"channel": ""}), "unknown"),
        (json!({"channel": 1}), "not_text"),
        (json!({}), "required"),
        (json!(["channel"]), "required"),
    ];
    for (body, code) in cases {
        let reply = post(&shop, &of(&buyer, "payments"), &buyer.token, &body).await;
        assert_eq!(reply.errors(), [("channel", code)], "{body}");
    }
    let before = shop.tables();
    refused(&send(&shop, request("POST", &of(&buyer, "payments"), &buyer.token, "{")).await, 400, "bad_request");
    for token in ["", "wrong", "AX0nq3bVQmWcJ5r1sK9dUe7Ty2Lh"] {
        let reply = post(&shop, &of(&buyer, "payments"), token, &json!({"channel": "sandbox"})).await;
        refused(&reply, 404, "not_found");
    }
    assert_eq!(shop.tables(), before);
}

#[tokio::test]
async fn an_order_that_does_not_wait_gets_no_attempt() {
    let shop = shop_with_channels(604, &["second"]).await;
    let waiting = shop.order("an-order-left-to-expire", "p", 1).await;
    let cancelled = shop.order("an-order-that-is-given-up", "p", 1).await;
    granted(&post(&shop, &of(&cancelled, "cancel"), &cancelled.token, &json!({})).await, 200);
    let paid = paid(&shop, "an-order-that-is-paid", 1).await;
    for (buyer, status) in [(&cancelled, "closed"), (&paid, "paid")] {
        assert_eq!(stands(&shop, buyer).await.0, status);
        for channel in ["sandbox", "second"] {
            refused(&pay_on(&shop, buyer, channel).await, 409, "not_waiting");
        }
    }
    shop.deliver_all().await;
    refused(&pay_on(&shop, &paid, "second").await, 409, "not_waiting");
    // The hold's time is over, whether or not anybody has closed it yet.
    shop.pass(15 * MINUTE + 1);
    refused(&pay_on(&shop, &waiting, "second").await, 409, "not_waiting");
    shop.tick().await;
    refused(&pay_on(&shop, &waiting, "second").await, 409, "not_waiting");
}

#[tokio::test]
async fn an_order_has_five_attempts_at_the_most() {
    let shop = shop_with_channels(605, &["two", "three", "four", "five", "six"]).await;
    let buyer = shop.order("an-order-in-five-ways", "p", 1).await;
    let mut numbers = BTreeSet::from([buyer.attempt.clone()]);
    for channel in ["two", "three", "four", "five"] {
        let reply = pay_on(&shop, &buyer, channel).await;
        granted(&reply, 201);
        numbers.insert(text(&reply.body, "/payment/attempt").to_owned());
    }
    let expected: BTreeSet<String> = (1..=5).map(|n| format!("{}{n}", &buyer.attempt[..26])).collect();
    assert_eq!(numbers, expected);
    assert_eq!(pay_on(&shop, &buyer, "six").await.errors(), [("channel", "too_many_attempts")]);
    // The five stay what they are, and each can be paid.
    for channel in ["sandbox", "three", "five"] {
        granted(&pay_on(&shop, &buyer, channel).await, 200);
    }
    let third = format!("{}3", &buyer.attempt[..26]);
    report(&shop, "three", &third, 990, "T1").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 1);
}

#[tokio::test]
async fn a_channel_that_is_off_gets_no_new_attempt_and_keeps_its_old_one() {
    let shop = shop_with_channels(606, &["second", "third"]).await;
    let buyer = shop.order("an-order-and-its-outage", "p", 1).await;
    let made = pay_on(&shop, &buyer, "second").await;
    granted(&made, 201);
    switch_channel_off(&shop, "second");
    switch_channel_off(&shop, "third");
    refused(&pay_on(&shop, &buyer, "third").await, 503, "channel_down");
    granted(&pay_on(&shop, &buyer, "second").await, 200);
    report(&shop, "second", text(&made.body, "/payment/attempt"), 990, "T1").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 1);
}

#[tokio::test]
async fn an_attempt_leaves_five_minutes_to_pay_and_thirty_in_all() {
    let shop = shop_with_channels(607, &["two", "three", "four", "five"]).await;
    let buyer = shop.order("an-order-of-half-an-hour", "p", 1).await;
    let mut now = 0;
    // When it is asked for, in minutes after the create, and until when the hold lasts then.
    for (channel, at, until) in
        [("two", 5, "00:15:00.000Z"), ("three", 12, "00:17:00.000Z"), ("four", 16, "00:21:00.000Z")]
    {
        shop.pass((at - now) * MINUTE);
        now = at;
        let reply = pay_on(&shop, &buyer, channel).await;
        granted(&reply, 201);
        assert_eq!(text(&reply.body, "/order/expires_at"), format!("2026-11-22T{until}"), "{channel}");
    }
    shop.pass(4 * MINUTE + 59_000);
    let reply = pay_on(&shop, &buyer, "five").await;
    granted(&reply, 201);
    assert_eq!(text(&reply.body, "/order/expires_at"), "2026-11-22T00:25:59.000Z");
    let read = get(&shop, &format!("/api/orders/{}", buyer.order), &buyer.token).await;
    assert_eq!(read.body["seconds_left"], 300);
    // The hold is the longer one to the timer as well.
    shop.tick().await;
    assert_eq!(stands(&shop, &buyer).await.0, "awaiting_payment");
    shop.pass(5 * MINUTE + 1);
    shop.tick().await;
    assert_eq!(stands(&shop, &buyer).await, ("closed".to_owned(), "expired".to_owned()));

    let slow = shop.order("an-order-of-a-slow-buyer", "p", 1).await;
    for (channel, wait) in [("two", 14), ("three", 4), ("four", 4)] {
        shop.pass(wait * MINUTE);
        granted(&pay_on(&shop, &slow, channel).await, 201);
    }
    // 26 minutes after the create there are not five left of thirty.
    shop.pass(4 * MINUTE);
    refused(&pay_on(&shop, &slow, "five").await, 409, "not_waiting");
    assert_eq!(stands(&shop, &slow).await.0, "awaiting_payment");
}

#[tokio::test]
async fn attempts_that_are_made_at_once_are_told_apart() {
    let shop = shop_with_channels(608, &["two", "three"]).await;
    let buyer = shop.order("an-order-of-many-clicks", "p", 1).await;
    let fronts = [shop.instance(), shop.instance(), shop.instance(), shop.instance()];
    let asked = |n: usize| {
        let channel = if n.is_multiple_of(2) { "two" } else { "three" };
        let body = json!({ "channel": channel }).to_string();
        ask(&fronts[n], request("POST", &of(&buyer, "payments"), &buyer.token, body), "127.0.0.1")
    };
    let (a, b, c, d) = tokio::join!(asked(0), asked(1), asked(2), asked(3));
    let mut answers: Vec<(String, String)> = Vec::new();
    let mut made = 0;
    for reply in [&a, &b, &c, &d] {
        assert!([200, 201].contains(&reply.status), "{}", reply.body);
        made += usize::from(reply.status == 201);
        let told = |at: &str| text(&reply.body, at).to_owned();
        answers.push((told("/payment/channel"), told("/payment/attempt")));
    }
    answers.sort();
    answers.dedup();
    assert_eq!((answers.len(), made), (2, 2), "one attempt for each channel: {answers:?}");
    let numbers: BTreeSet<&str> = answers.iter().map(|(_, number)| &number[26..]).collect();
    assert_eq!(numbers, BTreeSet::from(["2", "3"]));
}

#[tokio::test]
async fn nobody_elses_order_gets_an_attempt() {
    let shop = shop_with(609, 2).await;
    let (mine, other) = (shop.order("an-order-of-mine", "p", 1).await, shop.order("an-order-of-theirs", "p", 1).await);
    for tail in ["payments", "check", "cancel"] {
        let body = json!({"channel": "sandbox"});
        let wrong = post(&shop, &of(&other, tail), &mine.token, &body).await;
        refused(&wrong, 404, "not_found");
        let unknown = post(&shop, &format!("/api/orders/000000000000000000000000/{tail}"), &mine.token, &body).await;
        refused(&unknown, 404, "not_found");
        assert_eq!(wrong.bytes, unknown.bytes);
    }
    assert_eq!(stands(&shop, &other).await.0, "awaiting_payment");
}
