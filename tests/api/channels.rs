//! Accounts whose settings change while buyers are under way.

use crate::money::{granted, success};
use http::{Method, Request};
use serde_json::{Value, json};
use tests::shop::{cards, wish};
use tests::{Buyer, TestShop, signed_notification};

const ACCOUNT: &str = "gateway";
const FIRST: &str = "the-first-key-0123456789abcdef";
const SECOND: &str = "the-second-key-0123456789abcde";

async fn put(shop: &TestShop, body: &Value) -> Value {
    let path = format!("/api/admin/channels/{ACCOUNT}");
    let (status, answer) = shop.admin(Method::PUT, &path, &shop.sign_in().await, body.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn open(seed: u64) -> TestShop {
    let shop = TestShop::new(seed).await;
    put(&shop, &json!({"kind": "epay_v1", "base_url": "https://gateway.example", "pid": "77", "key": FIRST})).await;
    let body = json!({
        "id": "p", "name": "Product", "kind": "single_use_key", "channels": [ACCOUNT],
        "price": {"amount_minor": 990, "currency": "CNY"},
    });
    granted(&shop, "/api/admin/products", &body).await;
    shop.cards("p", &cards("A", 60), "").await;
    shop
}

async fn order(shop: &TestShop, n: usize) -> Buyer {
    let mut wish = wish("p", 1);
    wish["channel"] = json!(ACCOUNT);
    let (status, answer) = shop.create(&format!("buyer-of-this-shop-{n:04}"), &wish).await;
    assert_eq!(status, 201, "{answer}");
    Buyer::from(&answer)
}

/// What the gateway reports of an order, under this merchant and key.
async fn notify(shop: &TestShop, buyer: &Buyer, trade: &str, pid: &str, key: &str) -> (u16, String) {
    let fields = [
        ("pid", pid),
        ("trade_no", trade),
        ("out_trade_no", buyer.attempt.as_str()),
        ("type", "alipay"),
        ("name", "product"),
        ("money", "9.9"),
        ("trade_status", "TRADE_SUCCESS"),
    ];
    let path = format!("/webhooks/{ACCOUNT}?{}", signed_notification(&fields, key));
    let request = Request::builder().uri(path).body(Vec::new()).unwrap();
    let response = shop.front().shop(request, "127.0.0.1").await;
    (response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned())
}

/// The key is changed at the provider and in the shop, and then the account is switched off, while twenty buyers are under way: half are
/// reported with the old key, half with the new one, and all of them get what they paid for.
#[tokio::test]
async fn twenty_open_attempts_outlive_their_key_and_their_channel() {
    let shop = open(61).await;
    let mut buyers = Vec::new();
    for n in 0..20 {
        buyers.push(order(&shop, n).await);
    }
    put(&shop, &json!({"key": SECOND})).await;
    put(&shop, &json!({"enabled": false})).await;
    let (status, answer) = shop
        .create(
            "one-more-buyer-of-this-shop",
            &json!({
                "product": "p", "quantity": 1, "contact": "buyer@example.com", "channel": ACCOUNT,
            }),
        )
        .await;
    assert_eq!(status, 503, "switched off, it takes nobody new: {answer}");
    for (n, buyer) in buyers.iter().enumerate() {
        let key = if n % 2 == 0 { FIRST } else { SECOND };
        assert_eq!(notify(&shop, buyer, &format!("T{n}"), "77", key).await, success(), "{n}");
        // Repeated with the other one it is the same movement.
        let other = if n % 2 == 0 { SECOND } else { FIRST };
        assert_eq!(notify(&shop, buyer, &format!("T{n}"), "77", other).await, success(), "{n}");
    }
    shop.deliver_all().await;
    for buyer in &buyers {
        assert_eq!(shop.keys(buyer).await.len(), 1);
    }
}

/// A key that was changed, perhaps because somebody stole it, pays for nothing that was ordered since; nor does another merchant's.
#[tokio::test]
async fn an_earlier_key_speaks_for_earlier_attempts_alone() {
    let shop = open(62).await;
    let before = order(&shop, 1).await;
    put(&shop, &json!({"key": SECOND})).await;
    let after = order(&shop, 2).await;
    let refused = (400, "fail".to_owned());
    assert_eq!(notify(&shop, &after, "T2", "77", FIRST).await, refused);
    assert_eq!(notify(&shop, &after, "T2", "78", SECOND).await, refused, "another merchant");
    assert_eq!(notify(&shop, &before, "T1", "77", "a-key-that-never-was-one-of-ours").await, refused);
    assert_eq!(notify(&shop, &before, "T1", "77", FIRST).await, success());
    assert_eq!(notify(&shop, &after, "T2", "77", SECOND).await, success());
    shop.deliver_all().await;
    for buyer in [&before, &after] {
        assert_eq!(shop.keys(buyer).await.len(), 1);
    }
}

/// Secrets go in and never come out, and what is not named stays as it was.
#[tokio::test]
async fn settings_are_changed_by_name_and_secrets_stay_inside() {
    let shop = open(63).await;
    let changed = put(&shop, &json!({"refund_code": 0})).await;
    assert_eq!(changed["settings"][2], json!({"name": "refund_code", "value": "0"}));
    assert_eq!(changed["secrets"], json!([{"name": "key", "tail": "cdef"}]));
    let taken_back = put(&shop, &json!({"refund_code": null, "key": null})).await;
    assert_eq!(
        taken_back["settings"][2],
        json!({"name": "refund_code", "value": null}),
        "what is optional is taken away"
    );
    assert_eq!(taken_back["secrets"], changed["secrets"], "what is required stays");
    let token = shop.sign_in().await;
    let (_, all) = shop.admin(Method::GET, "/api/admin/channels", &token, String::new()).await;
    assert!(!all.to_string().contains(FIRST), "{all}");
    assert_eq!(all["kinds"].as_array().map(Vec::len), Some(payments::KINDS.len()));
    for item in shop.table(store::Table::Shop) {
        assert!(!item.contains(FIRST), "{item}");
    }
}

/// However often an account is switched off and on, the key before is as near as it was.
#[tokio::test]
async fn switching_pushes_no_earlier_key_away() {
    let shop = open(64).await;
    let before = order(&shop, 1).await;
    put(&shop, &json!({"key": SECOND})).await;
    for enabled in [false, true].repeat(12) {
        put(&shop, &json!({ "enabled": enabled })).await;
    }
    let after = order(&shop, 2).await;
    assert_eq!(notify(&shop, &after, "T2", "77", FIRST).await, (400, "fail".to_owned()));
    assert_eq!(notify(&shop, &before, "T1", "77", FIRST).await, success());
    assert_eq!(notify(&shop, &after, "T2", "77", SECOND).await, success());
    shop.deliver_all().await;
    for buyer in [&before, &after] {
        assert_eq!(shop.keys(buyer).await.len(), 1);
    }
}
