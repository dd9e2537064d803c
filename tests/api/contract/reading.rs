//! An order as its buyer reads it, and as nobody else does.

use super::{DAY, MINUTE, get, granted, refused, send, shop_with, shown};
use crate::openapi::{give_up, is_for_programs, request};
use functions::routes::ROUTES;
use insta::assert_snapshot;
use serde_json::json;
use std::collections::BTreeSet;
use tests::text;

#[tokio::test]
async fn an_order_is_read_from_its_first_to_its_last_status() {
    let shop = shop_with(530, 3).await;
    let buyer = shop.order("an-order-to-be-read", "p", 2).await;
    let (order, keys) = (format!("/api/orders/{}", buyer.order), format!("/api/orders/{}/keys", buyer.order));
    let reply = get(&shop, &order, &buyer.token).await;
    assert_snapshot!("awaiting_payment", shown(&reply.body, &buyer));
    refused(&get(&shop, &keys, &buyer.token).await, 409, "not_delivered");
    shop.pass(MINUTE);
    shop.pay(&buyer, "T1").await;
    let reply = get(&shop, &order, &buyer.token).await;
    assert_snapshot!("paid", shown(&reply.body, &buyer));
    refused(&get(&shop, &keys, &buyer.token).await, 409, "not_delivered");
    shop.pass(450);
    shop.deliver_all().await;
    let reply = get(&shop, &order, &buyer.token).await;
    assert_snapshot!("delivered", shown(&reply.body, &buyer));
    let shown_keys = get(&shop, &keys, &buyer.token).await;
    assert_eq!(
        shown_keys.body,
        json!({"keys": [{"index": 1, "content": "CARD-00001"}, {"index": 2, "content": "CARD-00002"}]})
    );
    // Seven days to the millisecond; the keys stay the buyer's.
    for (ms, status) in [(7 * DAY - 1, "delivered"), (1, "completed"), (400 * DAY, "completed")] {
        shop.pass(ms);
        let reply = get(&shop, &order, &buyer.token).await;
        assert_eq!(text(&reply.body, "/status"), status);
        assert_eq!(get(&shop, &keys, &buyer.token).await.body, shown_keys.body);
    }
}

#[tokio::test]
async fn the_clock_of_an_order_is_the_shops() {
    let shop = shop_with(531, 1).await;
    let buyer = shop.order("an-order-by-the-clock", "p", 1).await;
    let mut now = 0;
    for (at, server_time, seconds_left, next_poll_ms) in [
        (0, "2026-11-22T00:00:00.000Z", 900, 2_000),
        (1, "2026-11-22T00:00:00.001Z", 899, 2_000),
        (20_000, "2026-11-22T00:00:20.000Z", 880, 2_000),
        (30_000, "2026-11-22T00:00:30.000Z", 870, 3_000),
        (99_000, "2026-11-22T00:01:39.000Z", 801, 9_900),
        (100_500, "2026-11-22T00:01:40.500Z", 799, 10_000),
        (899_999, "2026-11-22T00:14:59.999Z", 0, 10_000),
        (900_000, "2026-11-22T00:15:00.000Z", 0, 10_000),
        (901_000, "2026-11-22T00:15:01.000Z", 0, 10_000),
    ] {
        shop.pass(at - now);
        now = at;
        let body = get(&shop, &format!("/api/orders/{}", buyer.order), &buyer.token).await.body;
        assert_eq!(text(&body, "/server_time"), server_time);
        assert_eq!(text(&body, "/expires_at"), "2026-11-22T00:15:00.000Z");
        let counted = (body["seconds_left"].as_i64(), body["next_poll_ms"].as_i64());
        assert_eq!(counted, (Some(seconds_left), Some(next_poll_ms)), "{at} ms after the create");
    }
    shop.pay(&buyer, "T1").await;
    let body = get(&shop, &format!("/api/orders/{}", buyer.order), &buyer.token).await.body;
    assert_eq!((body.get("seconds_left"), body["next_poll_ms"].as_i64()), (None, Some(500)));
    shop.deliver_all().await;
}

#[tokio::test]
async fn a_wrong_token_and_an_unknown_id_read_the_same() {
    let shop = shop_with(532, 3).await;
    let (mine, other) =
        (shop.order("an-order-of-my-own", "p", 1).await, shop.order("an-order-of-another", "p", 1).await);
    let void = give_up(&shop, "an-order-that-never-was", "p").await;
    let session = shop.sign_in().await;
    let flipped = format!("{}{}", &mine.token[..27], if mine.token.ends_with('A') { "B" } else { "A" });
    let cases: [(&str, &str); 10] = [
        (&mine.order, ""),
        (&mine.order, "wrong"),
        (&mine.order, &flipped),
        (&mine.order, &other.token),
        (&mine.order, &session),
        ("000000000000000000000000", &mine.token),
        ("0000000000000000000000", &mine.token),
        ("UUUUUUUUUUUUUUUUUUUUUUUU", &mine.token),
        ("%F0%9F%8E%AE", &mine.token),
        (&void, &mine.token),
    ];
    let mut answers = BTreeSet::new();
    for (order, token) in cases {
        for path in [format!("/api/orders/{order}"), format!("/api/orders/{order}/keys")] {
            let reply = get(&shop, &path, token).await;
            refused(&reply, 404, "not_found");
            let mut headers: Vec<String> = reply
                .headers
                .iter()
                .filter(|(name, _)| *name != "x-request-id")
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect();
            headers.sort();
            answers.insert((headers, reply.bytes));
        }
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    // Another scheme is no token, and a scheme's case is nothing.
    for (scheme, status) in [("Bearer", 200), ("bearer", 200), ("BEARER", 200), ("Basic", 404), ("", 404)] {
        let mut asked = request("GET", &format!("/api/orders/{}", mine.order), "", "");
        let value = format!("{scheme} {}", mine.token);
        asked.headers_mut().insert("authorization", value.trim().parse().unwrap());
        granted(&send(&shop, asked).await, status);
    }
}

#[tokio::test]
async fn an_id_in_small_letters_is_the_same_order() {
    let shop = shop_with(533, 1).await;
    let buyer = shop.order("an-order-read-out-aloud", "p", 1).await;
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    let small = buyer.order.to_lowercase();
    assert_ne!(small, buyer.order);
    for tail in ["", "/keys"] {
        let one = get(&shop, &format!("/api/orders/{}{tail}", buyer.order), &buyer.token).await;
        let other = get(&shop, &format!("/api/orders/{small}{tail}"), &buyer.token).await;
        assert_eq!((other.status, other.body), (200, one.body));
    }
}

#[tokio::test]
async fn reading_has_no_effect() {
    let shop = shop_with(534, 3).await;
    let buyer = shop.order("an-order-and-its-readers", "p", 1).await;
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    let token = shop.sign_in().await;
    let before = shop.tables();
    let read = ROUTES
        .iter()
        .filter(|r| *r.method == http::Method::GET && !r.path.starts_with("/webhooks/") && is_for_programs(r.path));
    let mut asked = 0;
    for route in read {
        let id = if route.path.contains("/orders/") { &buyer.order } else { "p" };
        let path = route.path.replace("{id}", id);
        let bearer = if route.path.starts_with("/api/admin") { &token } else { &buyer.token };
        granted(&get(&shop, &path, bearer).await, 200);
        asked += 1;
    }
    assert_eq!(asked, 15, "a new address to read is read here");
    assert_eq!(shop.tables(), before);
}
