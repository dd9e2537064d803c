//! What is told later, and once: nights, too much of it, and stock that falls.

use super::{MINUTE, ask, one, open, sell, set_up};
use http::Method;
use serde_json::{Value, json};
use tests::shop::cards;

#[tokio::test]
async fn at_night_everything_but_faults_waits_for_the_morning() {
    let (shop, receivers) = open(621).await;
    shop.product("p", 990, &cards("P", 60)).await;
    // Every test begins at 08:00 by the shop's clock.
    set_up(&shop, &receivers, "me", "bark", &json!({"quiet": {"from": "23:30", "to": "08:10"}})).await;
    set_up(&shop, &receivers, "hook", "webhook", &json!({"kinds": ["sale"]})).await;
    sell(&shop, "a-sale-in-the-night-1", "p").await;
    sell(&shop, "a-sale-in-the-night-2", "p").await;
    shop.tell_all().await;
    let taken = receivers.take();
    assert!(taken.len() == 2 && taken.iter().all(|t| t.provider == "webhook"), "programs do not sleep: {taken:?}");
    for _ in 0..9 {
        shop.pass(MINUTE);
        assert_eq!(shop.app.push_collected().await, 0);
    }
    assert_eq!(receivers.take().len(), 0);
    shop.pass(MINUTE);
    assert_eq!(shop.app.push_collected().await, 1);
    let taken = one(receivers.take());
    assert!(taken.title.contains("2 条消息"), "{taken:?}");
    assert!(taken.text.contains("Product p ×2，2 单，共 19.80 CNY"), "{taken:?}");
    shop.pass(MINUTE);
    assert_eq!(shop.app.push_collected().await, 0, "told once");
    // By day one message is one message again; at 23:30 it is night.
    sell(&shop, "a-sale-by-daylight", "p").await;
    shop.tell_all().await;
    assert!(receivers.take().iter().any(|t| t.provider == "bark" && t.title.contains("售出 Product p ×1")));
    shop.pass(15 * 60 * MINUTE + 19 * MINUTE);
    sell(&shop, "a-sale-in-the-evening", "p").await;
    shop.tell_all().await;
    assert!(receivers.take().iter().all(|t| t.provider == "webhook"));
    shop.pass(8 * 60 * MINUTE + 45 * MINUTE);
    shop.tick().await;
    shop.app.push_collected().await;
    assert!(one(receivers.take()).title.contains("售出"), "a digest of one is that one");
}

#[tokio::test]
async fn more_than_so_many_a_minute_are_told_together() {
    let (shop, receivers) = open(622).await;
    shop.product("p", 990, &cards("P", 60)).await;
    set_up(&shop, &receivers, "me", "bark", &json!({"digest_over": 2, "language": "en"})).await;
    for n in 0..5 {
        sell(&shop, &format!("one-sale-of-a-busy-minute-{n}"), "p").await;
    }
    shop.tell_all().await;
    assert_eq!(receivers.take().len(), 2);
    assert_eq!(shop.app.push_collected().await, 0, "the minute is not over");
    // What the provider does not take stays for the next pass.
    shop.pass(MINUTE);
    receivers.plan("/push", 500, &[], "");
    assert_eq!(shop.app.push_collected().await, 0);
    shop.pass(MINUTE);
    assert_eq!(shop.app.push_collected().await, 1);
    let taken = one(receivers.take());
    assert!(taken.title.contains("3 messages") && taken.text.contains("×3 in 3 orders, 29.70 CNY"), "{taken:?}");
    sell(&shop, "a-sale-of-a-quiet-minute", "p").await;
    shop.tell_all().await;
    assert!(one(receivers.take()).title.contains("Sold Product p ×1"));
}

#[tokio::test]
async fn a_digest_keeps_a_hundred_and_counts_the_rest() {
    let (shop, receivers) = open(623).await;
    set_up(&shop, &receivers, "me", "bark", &json!({"quiet": {"from": "08:00", "to": "08:30"}, "language": "en"}))
        .await;
    for n in 0..103 {
        let body = json!({
            "v": 1, "id": format!("sale-{n}"), "at": shop.app.clock.now(), "kind": "sale", "order": format!("O{n}"),
            "product": "p", "quantity": 1, "amount": [100, "CNY"],
        });
        let notice = app::notices::Notice::from_body(&body.to_string()).unwrap();
        let pushed = shop.app.push_to_all(&notice).await.unwrap();
        assert_eq!(pushed.collected, 1);
    }
    shop.pass(31 * MINUTE);
    assert_eq!(shop.app.push_collected().await, 1);
    let taken = one(receivers.take());
    assert!(taken.title.contains("103 messages"), "{taken:?}");
    assert!(taken.text.contains("Sold p ×100 in 100 orders, 100.00 CNY\nand 3 more"), "{taken:?}");
}

#[tokio::test]
async fn stock_that_falls_is_told_once_for_each_fall() {
    let (shop, receivers) = open(624).await;
    shop.product("p", 990, &cards("P", 7)).await;
    // Never more than few: nothing has fallen.
    shop.product("rare", 990, &cards("RARE", 2)).await;
    set_up(&shop, &receivers, "me", "bark", &json!({"kinds": ["low_stock"]})).await;
    set_up(&shop, &receivers, "muted", "webhook", &json!({"kinds": ["low_stock"], "muted": ["p"]})).await;
    shop.minutes(1).await;
    for n in 0..2 {
        sell(&shop, &format!("a-sale-that-lowers-stock-{n}"), "p").await;
    }
    shop.minutes(2).await;
    shop.tell_all().await;
    let taken = one(receivers.take());
    assert!(taken.title.contains("库存不足 Product p") && taken.text.contains("剩余：5"), "{taken:?}");
    sell(&shop, "a-sale-that-lowers-it-further", "p").await;
    shop.minutes(2).await;
    shop.tell_all().await;
    assert_eq!(receivers.take().len(), 0, "it has not risen in between");
    // Cards come in, and go again below another line.
    shop.cards("p", &cards("Q", 6), "").await;
    let token = shop.sign_in().await;
    let (status, settings) =
        shop.admin(Method::PATCH, "/api/admin/settings", &token, json!({"low_stock_at": 9}).to_string()).await;
    assert_eq!((status, &settings["low_stock_at"]), (200, &json!(9)));
    shop.minutes(10).await;
    sell(&shop, "a-sale-that-lowers-it-again", "p").await;
    shop.minutes(1).await;
    shop.tell_all().await;
    let taken = one(receivers.take());
    assert!(taken.text.contains("剩余：9") && taken.text.contains("提醒线：9"), "{taken:?}");
}

#[tokio::test]
async fn a_person_is_told_of_money_that_fits_nothing_and_of_an_order_to_review() {
    let (shop, receivers) = open(625).await;
    shop.product("p", 990, &cards("P", 9)).await;
    let token = shop.sign_in().await;
    let review = json!({"review": true}).to_string();
    assert_eq!(shop.admin(Method::PATCH, "/api/admin/products/p", &token, review).await.0, 200);
    set_up(&shop, &receivers, "me", "webhook", &json!({"kinds": ["needs_person"]})).await;
    shop.notify(&shop.notification_of("NOT-OURS", "N1", "1.00", "TRADE_SUCCESS")).await;
    shop.notify(&shop.notification_of("NOT-OURS", "N1", "1.00", "TRADE_SUCCESS")).await;
    shop.tell_all().await;
    let taken = one(receivers.take());
    let data = &taken.body["data"];
    assert_eq!(taken.title, "order.needs_person");
    assert_eq!(
        (&data["kind"], &data["reason"], &data["order"]),
        (&json!("money"), &json!("unknown_order"), &Value::Null)
    );
    assert_eq!(data["amount"], json!({"amount_minor": 100, "currency": "CNY"}));

    let buyer = shop.order("an-order-that-is-looked-at", "p", 1).await;
    shop.pay(&buyer, "R1").await;
    shop.tell_all().await;
    let data = one(receivers.take()).body["data"].clone();
    assert_eq!((&data["kind"], &data["order"]), (&json!("review"), &json!(buyer.order)));
    // What an order has to tell can be told again, as it stands.
    let replay = json!({"order": buyer.order});
    assert_eq!(ask(&shop, Method::POST, "/me/replay", &replay).await.1["result"], "accepted");
    assert_eq!(one(receivers.take()).body["data"]["kind"], "review");
    let pass = json!({"decision": "pass"}).to_string();
    let path = format!("/api/admin/orders/{}/review", buyer.order);
    assert_eq!(shop.admin(Method::POST, &path, &token, pass).await.0, 200);
    shop.deliver_all().await;
    assert_eq!(ask(&shop, Method::POST, "/me/replay", &replay).await.1["result"], "accepted");
    let taken = one(receivers.take());
    assert_eq!((taken.title.as_str(), taken.id), ("order.delivered", format!("sale-{}", buyer.order)));
    assert_eq!(taken.body["data"]["quantity"], 1);
}

#[tokio::test]
async fn a_person_is_told_of_late_money_without_stock_and_of_an_order_that_is_stuck() {
    let (mut shop, receivers) = open(626).await;
    shop.product("p", 990, &cards("P", 1)).await;
    set_up(&shop, &receivers, "me", "webhook", &json!({"kinds": ["needs_person"]})).await;
    let late = shop.order("an-order-whose-money-is-late", "p", 1).await;
    shop.minutes(25).await;
    sell(&shop, "the-order-that-took-its-card", "p").await;
    shop.pay(&late, "LATE-1").await;
    shop.tell_all().await;
    let data = one(receivers.take()).body["data"].clone();
    assert_eq!((&data["kind"], &data["reason"]), (&json!("refund_due"), &json!("sold_out_when_paid")));

    shop.cards("p", &cards("Q", 1), "").await;
    let stuck = shop.order("an-order-that-gets-stuck", "p", 1).await;
    shop.pay(&stuck, "STUCK-1").await;
    for _ in 0..18 {
        shop.pass(MINUTE);
        shop.tick().await;
    }
    shop.tell_all().await;
    let data = one(receivers.take()).body["data"].clone();
    assert_eq!((&data["kind"], &data["order"]), (&json!("undeliverable"), &json!(stuck.order)));
    shop.deliver_all().await;
    shop.leave_unfinished();
}
