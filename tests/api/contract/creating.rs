//! One key, one order: what a create answers, and what it answers when it is repeated.

use super::{
    HOUR, MINUTE, get, granted, of, refused, sell, send, shop_with, shop_with_fields, shown, stock, with, yuan,
};
use crate::openapi::{Reply, ask, create, give_up, request, switch_channel_off};
use http::header::HeaderValue;
use insta::assert_snapshot;
use serde_json::json;
use std::collections::BTreeSet;
use tests::shop::{cards, wish};
use tests::{Buyer, TestShop, text};

#[tokio::test]
async fn an_order_is_created_with_everything_its_buyer_needs() {
    let shop = shop_with(510, 4).await;
    let reply = send(&shop, create("a-plain-order-of-two", &wish("p", 2))).await;
    granted(&reply, 201);
    let buyer = Buyer::from(&reply.body);
    assert_snapshot!("created", shown(&reply.body, &buyer));
    assert_eq!(text(&reply.body, "/order_url"), format!("/o/{}?t={}", buyer.order, buyer.token));
    assert!(buyer.attempt.starts_with(&buyer.order), "an attempt's number leads to its order");
    // The provider learns the order's page and never the token that opens it.
    let content = text(&reply.body, "/payment/content");
    assert!(!content.contains(&buyer.token), "{content}");
    assert_eq!(stock(&shop).await, (2, 2));
    // A buyer with a password of their own needs no code; an empty one is none.
    let own = with(&wish("p", 1), "query_password", "a word of my own".into());
    let reply = send(&shop, create("a-buyer-with-a-password", &own)).await;
    granted(&reply, 201);
    assert_eq!(reply.body.get("collection_code"), None);
    let empty = with(&own, "query_password", "".into());
    let reply = send(&shop, create("a-buyer-with-no-password", &empty)).await;
    granted(&reply, 201);
    assert!(reply.body["collection_code"].is_string());
}

#[tokio::test]
async fn a_field_that_says_nothing_is_no_field() {
    let shop = shop_with(511, 1).await;
    let key = "nothing-but-what-is-asked";
    let first = send(&shop, create(key, &wish("p", 1))).await;
    granted(&first, 201);
    for (member, nothing) in [
        ("fields", vec![json!(null), json!({})]),
        ("coupon", vec![json!(null), json!("")]),
        ("query_password", vec![json!(null), json!("")]),
        ("price_seen", vec![json!(null)]),
    ] {
        for value in nothing {
            let mut body = wish("p", 1);
            body[member] = value;
            let again = send(&shop, create(key, &body)).await;
            assert_eq!((again.status, &again.body), (200, &first.body), "{body}");
        }
    }
}

#[tokio::test]
async fn a_repeated_create_is_answered_with_the_same_order() {
    let shop = shop_with(512, 5).await;
    let key = "the-same-key-for-ever";
    let first = send(&shop, create(key, &wish("p", 2))).await;
    granted(&first, 201);
    let again = send(&shop, create(key, &wish("p", 2))).await;
    granted(&again, 200);
    assert_eq!(again.body, first.body);
    // Another instance, which remembers nothing, says the same.
    let elsewhere = ask(&shop.instance(), create(key, &wish("p", 2)), "127.0.0.1").await;
    assert_eq!((elsewhere.status, &elsewhere.body), (200, &first.body));
    assert_eq!(stock(&shop).await, (3, 2), "the order holds its two cards once");
    // Once it is paid there is nothing left to pay, and the token is still told.
    let buyer = Buyer::from(&first.body);
    shop.pay(&buyer, "T1").await;
    let paid = send(&shop, create(key, &wish("p", 2))).await;
    granted(&paid, 200);
    assert_eq!((paid.body["order"]["status"].as_str(), paid.body.get("payment")), (Some("paid"), None));
    assert_eq!(text(&paid.body, "/order_token"), buyer.token);
    shop.deliver_all().await;
    // The product may be off sale by then, dearer, or sold out.
    let off = json!({"on_sale": false, "price": yuan(1_990)});
    granted(&sell(&shop, "PATCH", "/api/admin/products/p", &off).await, 200);
    granted(&send(&shop, create(key, &wish("p", 2))).await, 200);
}

#[tokio::test]
async fn the_order_of_members_and_white_space_make_no_other_request() {
    let shop = shop_with(513, 3).await;
    let texts = [
        r#"{"product":"p","quantity":1,"contact":"a@example.com","channel":"sandbox","price_seen":{"amount_minor":990,"currency":"CNY"}}"#,
        r#"{"price_seen":{"currency":"CNY","amount_minor":990},"channel":"sandbox","contact":"a@example.com","quantity":1,"product":"p"}"#,
        "{ \"quantity\" : 1,\n\t\"contact\": \"a\\u0040example.com\", \"channel\":\"sandbox\", \"product\":\"p\",\r\n
           \"price_seen\": {\"amount_minor\": 990, \"currency\": \"CNY\"} }",
    ];
    let mut orders = BTreeSet::new();
    for (n, text_of_body) in texts.iter().enumerate() {
        let mut asked = request("POST", "/api/orders", "", *text_of_body);
        asked.headers_mut().insert("idempotency-key", HeaderValue::from_static("one-key-three-writings"));
        let reply = send(&shop, asked).await;
        granted(&reply, if n == 0 { 201 } else { 200 });
        orders.insert(text(&reply.body, "/order/id").to_owned());
    }
    assert_eq!(orders.len(), 1);
}

#[tokio::test]
async fn the_token_is_repeated_for_sixty_minutes_and_then_no_more() {
    let shop = shop_with(514, 1).await;
    let key = "a-key-that-leaks-later";
    let first = send(&shop, create(key, &wish("p", 1))).await;
    granted(&first, 201);
    let buyer = Buyer::from(&first.body);
    shop.pass(HOUR - 1);
    let in_time = send(&shop, create(key, &wish("p", 1))).await;
    granted(&in_time, 200);
    for member in ["order_token", "order_url", "collection_code"] {
        assert_eq!(in_time.body[member], first.body[member], "{member}");
    }
    shop.pass(1);
    let too_late = send(&shop, create(key, &wish("p", 1))).await;
    granted(&too_late, 200);
    assert_eq!(text(&too_late.body, "/order/id"), buyer.order);
    for secret in ["order_token", "order_url", "collection_code"] {
        assert_eq!(too_late.body.get(secret), None, "{secret}");
    }
    assert!(!too_late.body.to_string().contains(&buyer.token));
    // Whoever kept the token keeps the order, and other fields are other fields as before.
    granted(&get(&shop, &format!("/api/orders/{}", buyer.order), &buyer.token).await, 200);
    refused(&send(&shop, create(key, &wish("p", 2))).await, 422, "idempotency_key_reused");
}

#[tokio::test]
async fn a_used_key_takes_no_other_field() {
    let (shop, wish) = shop_with_fields(515).await;
    shop.product("q", 990, &cards("Q", 9)).await;
    let key = "the-key-of-these-fields";
    let first = send(&shop, create(key, &wish)).await;
    granted(&first, 201);
    for (member, value) in [
        ("product", json!("q")),
        ("product", json!("no-such-product")),
        ("quantity", json!(1)),
        ("quantity", json!(3)),
        ("quantity", json!(51)),
        ("contact", json!("other@example.com")),
        ("contact", json!("Buyer@example.com")),
        ("channel", json!("another")),
        ("fields", json!({"account": "player-8"})),
        ("fields", json!({"account": "player-7", "note": "quick"})),
        ("fields", json!({"account": "player-7", "unknown": "x"})),
        ("fields", json!({})),
        ("fields", json!(null)),
        ("query_password", json!("my passwort")),
        ("query_password", json!(null)),
        ("price_seen", yuan(991)),
        ("price_seen", json!({"amount_minor": 990, "currency": "JPY"})),
        ("price_seen", json!(null)),
    ] {
        let reply = send(&shop, create(key, &with(&wish, member, value.clone()))).await;
        assert_eq!((reply.status, reply.code()), (422, "idempotency_key_reused"), "{member}: {value}: {}", reply.body);
    }
    let again = send(&shop, create(key, &wish)).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(stock(&shop).await, (18, 2));
    assert_eq!(shop.counts("q").await["held"], 0);
}

/// A coupon is a field like any other, so it makes another request even where no coupon is right.
#[tokio::test]
async fn a_used_key_takes_no_coupon_either() {
    let shop = shop_with(516, 3).await;
    granted(&send(&shop, create("a-key-without-a-coupon", &wish("p", 1))).await, 201);
    let coupon = with(&wish("p", 1), "coupon", "SPRING".into());
    refused(&send(&shop, create("a-key-without-a-coupon", &coupon)).await, 422, "idempotency_key_reused");
}

#[tokio::test]
async fn keys_have_sixteen_to_255_printable_characters() {
    let shop = shop_with(517, 5).await;
    let body = wish("p", 1).to_string();
    let asked = |key: Option<&[u8]>| {
        let mut asked = request("POST", "/api/orders", "", body.as_str());
        if let Some(key) = key {
            asked.headers_mut().insert("idempotency-key", HeaderValue::from_bytes(key).unwrap());
        }
        asked
    };
    refused(&send(&shop, asked(None)).await, 400, "idempotency_key_invalid");
    let long = "k".repeat(256);
    let bad: [&[u8]; 8] = [
        b"",
        b"k",
        b"fifteen-letters",
        b"with\ta tabulator in it",
        "sechzehn Zeichen für jeden".as_bytes(),
        "一二三四五六七八九十一二三四五六".as_bytes(),
        b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\xfe",
        long.as_bytes(),
    ];
    for key in bad {
        let reply = send(&shop, asked(Some(key))).await;
        let named = String::from_utf8_lossy(key);
        assert_eq!((reply.status, reply.code()), (400, "idempotency_key_invalid"), "{named}: {}", reply.body);
    }
    assert_eq!(stock(&shop).await, (5, 0));
    for key in ["sixteen-letters!", &long[..255], "a key with spaces and ~ \" \\ in it"] {
        granted(&send(&shop, asked(Some(key.as_bytes()))).await, 201);
    }
    assert_eq!(stock(&shop).await, (2, 3));
}

#[tokio::test]
async fn what_is_sold_out_says_so_and_holds_nothing() {
    let shop = shop_with(525, 2).await;
    refused(&send(&shop, create("three-where-two-are-left", &wish("p", 3))).await, 409, "sold_out");
    refused(&send(&shop, create("three-where-two-are-left", &wish("p", 3))).await, 409, "sold_out");
    assert_eq!(stock(&shop).await, (2, 0));
    granted(&send(&shop, create("two-where-two-are-left", &wish("p", 2))).await, 201);
    refused(&send(&shop, create("one-where-none-is-left", &wish("p", 1))).await, 409, "sold_out");
}

/// Who orders and gives up again and again holds little and still buries what else was ordered under the same contact.
#[tokio::test]
async fn whoever_gives_up_again_and_again_has_to_wait() {
    let shop = TestShop::limited(528, 3, 0).await;
    shop.product("p", 990, &cards("CARD", 9)).await;
    let ordered = async |n: usize, contact: &str| -> Reply {
        let wish = with(&wish("p", 1), "contact", contact.into());
        send(&shop, create(&format!("an-order-to-be-given-up-{n:02}"), &wish)).await
    };
    // Five times as many as may be open at once, whether they were cancelled or, as the last one, left to lapse.
    for n in 0..15 {
        let reply = ordered(n, "fickle@example.com").await;
        granted(&reply, 201);
        let buyer = Buyer::from(&reply.body);
        if n < 14 {
            granted(&send(&shop, request("POST", &of(&buyer, "cancel"), &buyer.token, "")).await, 200);
        }
    }
    shop.pass(16 * MINUTE);
    shop.tick().await;
    assert_eq!(stock(&shop).await, (9, 0));
    let reply = ordered(15, " Fickle@Example.com").await;
    refused(&reply, 429, "too_many_holds");
    assert_eq!((reply.header("retry-after"), stock(&shop).await), (Some("60"), (9, 0)));
    // It is nobody else's fault, and not for ever.
    granted(&ordered(16, "steady@example.com").await, 201);
    shop.pass(20 * MINUTE);
    granted(&ordered(17, "fickle@example.com").await, 201);
}

#[tokio::test]
async fn a_key_that_was_given_up_is_not_taken_again() {
    let shop = shop_with(526, 2).await;
    let key = "a-create-nobody-finished";
    let order = give_up(&shop, key, "p").await;
    refused(&send(&shop, create(key, &wish("p", 1))).await, 409, "order_void");
    assert_eq!(stock(&shop).await, (2, 0));
    // To its own token as to anybody, there is no such order.
    let token = shop.app.keys.order_token(&domain::OrderId::parse(&order).unwrap(), 0);
    refused(&get(&shop, &format!("/api/orders/{order}"), &token).await, 404, "not_found");
    refused(&get(&shop, &format!("/api/orders/{order}/keys"), &token).await, 404, "not_found");
}

#[tokio::test]
async fn a_channel_that_is_off_takes_no_new_orders_and_hears_of_old_ones() {
    let shop = shop_with(527, 2).await;
    let reply = send(&shop, create("an-order-while-it-is-on", &wish("p", 1))).await;
    granted(&reply, 201);
    let buyer = Buyer::from(&reply.body);
    switch_channel_off(&shop, "sandbox");
    refused(&send(&shop, create("an-order-while-it-is-off", &wish("p", 1))).await, 503, "channel_down");
    assert_eq!(stock(&shop).await, (1, 1));
    let again = send(&shop, create("an-order-while-it-is-on", &wish("p", 1))).await;
    assert_eq!((again.status, &again.body), (200, &reply.body));
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 1);
}
