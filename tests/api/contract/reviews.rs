//! Orders that a person looks at before delivery, and money that the owner vouches for.

use super::attention::deeds;
use super::{
    DAY, balance, desk, get, granted, of, product, refused, rows, sell, send, shop_with, stands, stock, the_row, with,
    yuan,
};
use crate::openapi::{Reply, request};
use serde_json::{Value, json};
use tests::shop::cards;
use tests::{Buyer, TestShop, text};

/// A shop whose product `p` is looked at, and an order of it that was paid at the gateway.
async fn shop_with_review(seed: u64) -> (TestShop, Buyer) {
    let shop = TestShop::new(seed).await;
    let risky = with(&product("p"), "review", true.into());
    let made = sell(&shop, "POST", "/api/admin/products", &risky).await;
    granted(&made, 201);
    assert_eq!(made.body["review"], true);
    shop.cards("p", &cards("CARD", 3), "").await;
    let buyer = super::paid(&shop, "an-order-to-be-looked-at", 2).await;
    (shop, buyer)
}

async fn decide(shop: &TestShop, buyer: &Buyer, body: &Value) -> Reply {
    sell(shop, "POST", &desk(buyer, "/review"), body).await
}

async fn attest(shop: &TestShop, buyer: &Buyer, body: &Value) -> Reply {
    sell(shop, "POST", &desk(buyer, "/attest"), body).await
}

#[tokio::test]
async fn an_order_that_passes_is_delivered() {
    let (shop, buyer) = shop_with_review(680).await;
    shop.deliver_all().await;
    assert_eq!(stands(&shop, &buyer).await, ("review".to_owned(), String::new()));
    refused(&get(&shop, &of(&buyer, "keys"), &buyer.token).await, 409, "not_delivered");
    refused(&send(&shop, request("POST", &of(&buyer, "cancel"), &buyer.token, "")).await, 409, "not_waiting");
    let row = the_row(&shop).await;
    assert_eq!(
        row,
        json!({
            "id": buyer.order, "kind": "review", "order": buyer.order, "amount": yuan(1_980), "reason": "to_review",
            "since": "2026-11-22T00:00:00.000Z", "actions": ["pass", "refuse"],
        })
    );
    // Nobody passes it by looking away, however long it lies there.
    shop.minutes(70).await;
    assert_eq!((stands(&shop, &buyer).await.0.as_str(), stock(&shop).await), ("review", (1, 2)));
    refused(&sell(&shop, "POST", &desk(&buyer, "/refund"), &json!({})).await, 409, "conflict");
    for (body, member, code) in [
        (json!({}), "decision", "required"),
        (json!({"decision": "perhaps"}), "decision", "unknown"),
        (json!({"decision": true}), "decision", "not_text"),
        (json!({"decision": "refuse"}), "reference", "required"),
        (json!({"decision": "pass", "reference": "x".repeat(65)}), "reference", "length"),
    ] {
        assert_eq!(decide(&shop, &buyer, &body).await.errors(), [(member, code)], "{body}");
    }
    let reply = decide(&shop, &buyer, &json!({"decision": "pass", "reference": "an old friend"})).await;
    granted(&reply, 200);
    assert_eq!(reply.body["status"], "paid");
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 2);
    assert_eq!(rows(&shop).await, [Value::Null; 0]);
    let deed = ("review_passed".to_owned(), buyer.order.clone(), Some(yuan(1_980)), "an old friend".to_owned());
    assert_eq!(deeds(&shop).await, [deed]);
    for decision in ["pass", "refuse"] {
        let body = json!({"decision": decision, "reference": "once more"});
        refused(&decide(&shop, &buyer, &body).await, 409, "conflict");
    }
}

#[tokio::test]
async fn an_order_that_is_refused_is_owed_back() {
    let (shop, buyer) = shop_with_review(681).await;
    let reply = decide(&shop, &buyer, &json!({"decision": "refuse", "reference": "report 4711"})).await;
    granted(&reply, 200);
    assert_eq!((&reply.body["status"], &reply.body["status_reason"]), (&json!("refund_due"), &json!("review")));
    assert_eq!(stands(&shop, &buyer).await, ("refund_due".to_owned(), "review".to_owned()));
    let refund = &shop.read(&buyer).await.1["refund"];
    assert_eq!(refund, &json!({"state": "due", "amount": yuan(1_980), "returned": yuan(0)}));
    assert_eq!((stock(&shop).await, balance(&shop).await.as_str()), ((3, 0), "19.80"));
    let row = the_row(&shop).await;
    assert_eq!(
        (&row["kind"], &row["reason"], &row["actions"]),
        (&json!("refund_due"), &json!("review"), &json!(["refund", "refund_by_hand"]))
    );
    // It stays in the list until the money is back.
    shop.minutes(130).await;
    assert_eq!(the_row(&shop).await, row);
    let reply = sell(&shop, "POST", &desk(&buyer, "/refund"), &json!({})).await;
    assert_eq!((reply.status, &reply.body["status"]), (200, &json!("refunded")), "{}", reply.body);
    assert_eq!((rows(&shop).await.len(), balance(&shop).await.as_str()), (0, "0.00"));
    let deed = |what: &str, why: &str| (what.to_owned(), buyer.order.clone(), Some(yuan(1_980)), why.to_owned());
    assert_eq!(deeds(&shop).await, [deed("review_refused", "report 4711"), deed("refund", "")]);
    refused(&get(&shop, &of(&buyer, "keys"), &buyer.token).await, 409, "not_delivered");
    assert_eq!(shop.audit().await.differences, 0);
}

#[tokio::test]
async fn an_order_keeps_the_review_it_was_made_under() {
    let shop = shop_with(682, 3).await;
    let before = shop.order("an-order-before-the-change", "p", 1).await;
    granted(&sell(&shop, "PATCH", "/api/admin/products/p", &json!({"review": true})).await, 200);
    let after = shop.order("an-order-after-the-change", "p", 1).await;
    granted(&sell(&shop, "PATCH", "/api/admin/products/p", &json!({"review": false})).await, 200);
    shop.pay(&before, "T1").await;
    shop.pay(&after, "T2").await;
    shop.deliver_all().await;
    assert_eq!(stands(&shop, &before).await.0, "delivered");
    assert_eq!(stands(&shop, &after).await.0, "review");
    refused(&decide(&shop, &before, &json!({"decision": "pass"})).await, 409, "conflict");
}

#[tokio::test]
async fn money_that_the_owner_vouches_for_delivers() {
    let shop = shop_with(683, 3).await;
    let buyer = shop.order("an-order-paid-in-the-shop", "p", 2).await;
    let good = json!({"amount": yuan(1_980), "reference": "till slip 42"});
    let before = shop.tables();
    for (member, value, field, code) in [
        ("amount", yuan(1_979), "amount", "not_what_is_left"),
        ("amount", yuan(1_981), "amount", "not_what_is_left"),
        ("amount", yuan(990), "amount", "not_what_is_left"),
        ("amount", yuan(-1_980), "amount", "not_what_is_left"),
        ("amount", json!({"amount_minor": 1_980, "currency": "JPY"}), "amount", "currency"),
        ("amount", json!({"amount_minor": 1_980, "currency": "YEN"}), "amount", "not_money"),
        ("amount", json!(1_980), "amount", "not_money"),
        ("amount", json!(null), "amount", "not_money"),
        ("reference", json!(null), "reference", "required"),
        ("reference", json!(" "), "reference", "required"),
        ("reference", json!("x".repeat(65)), "reference", "length"),
        ("reference", json!("bell\u{7}"), "reference", "malformed"),
    ] {
        let reply = attest(&shop, &buyer, &with(&good, member, value.clone())).await;
        assert_eq!(reply.errors(), [(field, code)], "{value}");
    }
    assert_eq!(shop.tables(), before);
    let reply = attest(&shop, &buyer, &good).await;
    granted(&reply, 200);
    assert_eq!((text(&reply.body, "/status"), &reply.body["attested"]), ("paid", &json!(true)));
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 2);
    let deed = ("payment_attested".to_owned(), buyer.order.clone(), Some(yuan(1_980)), "till slip 42".to_owned());
    assert_eq!(deeds(&shop).await, [deed]);
    refused(&attest(&shop, &buyer, &good).await, 409, "conflict");
    // No provider has it, so none can send it back.
    let refund = desk(&buyer, "/refund");
    refused(&sell(&shop, "POST", &refund, &json!({})).await, 409, "refund_by_hand");
    let reply = sell(&shop, "POST", &refund, &json!({"by_hand": true, "reference": "in cash"})).await;
    assert_eq!((reply.status, &reply.body["refunds"][0]["state"]), (200, &json!("done")), "{}", reply.body);
    // The provider's money for the same order is another movement, whatever it calls it.
    shop.pay(&buyer, "till slip 42").await;
    assert_eq!(shop.attention().await, [("money".to_owned(), "double".to_owned())]);
    assert_eq!(shop.audit().await.differences, 0);
}

/// A bank statement has many lines: one reference may stand for several orders.
#[tokio::test]
async fn one_reference_may_vouch_for_two_orders() {
    let shop = shop_with(686, 3).await;
    let buyers = [shop.order("an-order-on-a-statement", "p", 1).await, shop.order("another-order-on-it", "p", 2).await];
    for buyer in &buyers {
        let reply = attest(&shop, buyer, &json!({"amount": yuan(buyer.minor), "reference": "statement 9"})).await;
        assert_eq!((reply.status, &reply.body["status"]), (200, &json!("paid")), "{}", reply.body);
    }
    shop.deliver_all().await;
    assert_eq!((shop.keys(&buyers[0]).await.len(), shop.keys(&buyers[1]).await.len()), (1, 2));
    assert_eq!(rows(&shop).await, [Value::Null; 0]);
    assert_eq!(shop.audit().await.differences, 0);
}

/// The seller finds the number on the till slip or on the statement, so it stands there as it was given.
#[tokio::test]
async fn the_number_of_an_attested_payment_is_its_reference() {
    let shop = shop_with(687, 1).await;
    let buyer = shop.order("an-order-on-a-till-slip", "p", 1).await;
    let reply = attest(&shop, &buyer, &json!({"amount": yuan(990), "reference": "till slip 44"})).await;
    shop.deliver_all().await;
    assert_eq!(text(&reply.body, "/provider_number"), "till slip 44");
}

#[tokio::test]
async fn a_closed_order_may_be_vouched_for_as_well() {
    let shop = shop_with(684, 1).await;
    let buyer = shop.order("an-order-paid-next-day", "p", 1).await;
    granted(&send(&shop, request("POST", &of(&buyer, "cancel"), &buyer.token, "")).await, 200);
    shop.pass(DAY);
    let said = json!({"amount": yuan(990), "reference": "bank statement 7"});
    let reply = attest(&shop, &buyer, &said).await;
    assert_eq!((reply.status, &reply.body["status"]), (200, &json!("paid")), "{}", reply.body);
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await, ["CARD-00001"]);
    // Without cards it is owed back, and only by hand.
    shop.cards("p", &cards("MORE", 1), "").await;
    let late = shop.order("an-order-paid-too-late", "p", 1).await;
    granted(&send(&shop, request("POST", &of(&late, "cancel"), &late.token, "")).await, 200);
    let next = super::bought(&shop, "an-order-that-took-the-card", 1).await;
    assert_eq!(shop.keys(&next).await, ["MORE-00001"]);
    let reply = attest(&shop, &late, &said).await;
    assert_eq!((reply.status, &reply.body["status_reason"]), (200, &json!("sold_out_when_paid")), "{}", reply.body);
    let row = the_row(&shop).await;
    assert_eq!((&row["kind"], &row["actions"]), (&json!("refund_due"), &json!(["refund_by_hand"])));
    let refund = desk(&late, "/refund");
    refused(&sell(&shop, "POST", &refund, &json!({})).await, 409, "refund_by_hand");
    let reply = sell(&shop, "POST", &refund, &json!({"by_hand": true, "reference": "transfer 8"})).await;
    assert_eq!((reply.status, &reply.body["status"]), (200, &json!("refunded")), "{}", reply.body);
    assert_eq!(rows(&shop).await, [Value::Null; 0]);
}

#[tokio::test]
async fn an_attested_risk_order_waits_for_its_review() {
    let shop = shop_with(685, 3).await;
    granted(&sell(&shop, "PATCH", "/api/admin/products/p", &json!({"review": true})).await, 200);
    let buyer = shop.order("an-order-of-much-risk", "p", 1).await;
    let reply = attest(&shop, &buyer, &json!({"amount": yuan(990), "reference": "till slip 43"})).await;
    assert_eq!((reply.status, &reply.body["status"]), (200, &json!("review")), "{}", reply.body);
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await, [""; 0]);
    granted(&decide(&shop, &buyer, &json!({"decision": "pass"})).await, 200);
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await, ["CARD-00001"]);
}
