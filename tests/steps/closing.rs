//! What a buyer may do with an order that waits for money, cut off anywhere and repeated: giving it up, trying another way to
//! pay, asking whether the money came.

use crate::common::{a_day_later, act, change_product, due, everywhere, is_whole, notify_at, post};
use serde_json::json;
use tests::TestShop;
use tests::shop::{cards, yuan};
use tests::text;

#[tokio::test(start_paused = true)]
async fn a_cancel_cut_anywhere_and_repeated() {
    let shop = TestShop::new(150).await;
    // Two strips of twenty, so that thirty cards always lie over both.
    shop.product("p", 100, &cards("A", 20)).await;
    shop.cards("p", &cards("B", 20), "").await;
    everywhere(6, async |run, what, cutter| {
        let buyer = shop.order(&format!("a-buyer-who-gives-up-{run}"), "p", 30).await;
        let (front, _) = shop.tapped(cutter.clone());
        let first = cutter.run(act(&front, &buyer, "cancel")).await;
        assert!(first.as_ref().is_none_or(|(status, _)| *status == 200), "{what}: {first:?}");
        let (status, order) = act(shop.front(), &buyer, "cancel").await;
        assert_eq!((status, order["status"].as_str()), (200, Some("closed")), "{what}: {order}");
        assert_eq!(order["status_reason"], "cancelled", "{what}");
        // Whoever died between the closing and the giving back leaves the rest to the timer.
        if shop.counts("p").await["held"] != 0 {
            shop.tick().await;
        }
        let counts = shop.counts("p").await;
        assert_eq!((counts["free"].as_u64(), counts["held"].as_u64()), (Some(40), Some(0)), "{what}");
    })
    .await;
    a_day_later(&shop).await;
    assert_eq!(due(&shop), Vec::<String>::new(), "nothing is left to ask");
    is_whole(&shop, &["p"]).await;
}

/// The buyer pays, nobody tells us, and the buyer gives up: whatever is cut, the money finds its order.
#[tokio::test(start_paused = true)]
async fn a_cancel_after_paying_cut_anywhere() {
    let shop = TestShop::new(153).await;
    shop.product("p", 990, &cards("C", 96)).await;
    let mut runs = 0;
    everywhere(5, async |run, what, cutter| {
        runs = run;
        let buyer = shop.order(&format!("a-buyer-who-pays-and-gives-up-{run}"), "p", 1).await;
        let page = shop.open_pay_page(&buyer).await;
        shop.press(&page, "pay_lose_notice").await;
        let (front, _) = shop.tapped(cutter.clone());
        let _ = cutter.run(act(&front, &buyer, "cancel")).await;
        let (status, answer) = act(shop.front(), &buyer, "cancel").await;
        // Closed only if the gateway's answer was lost: then nobody knew.
        assert!([200, 409].contains(&status), "{what}: {answer}");
        shop.pass(11_000);
        shop.read(&buyer).await;
        shop.deliver_all().await;
        if status == 200 {
            assert_eq!(answer["status"], "closed", "{what}");
            // The gateway is asked again within minutes, not at the end of the hold's time.
            shop.pass(5 * 60_000);
            shop.tick().await;
            shop.deliver_all().await;
        }
        assert_eq!(shop.keys(&buyer).await.len(), 1, "{what}");
    })
    .await;
    assert_eq!(shop.counts("p").await["sold"], runs);
    assert_eq!(shop.attention().await, []);
    is_whole(&shop, &["p"]).await;
}

/// A second account at the same gateway, so that an order can be paid in two ways.
async fn second_account(shop: &TestShop) {
    shop.account("second", Some(0)).await;
    change_product(shop, "p", &json!({"channels": ["sandbox", "second"]})).await;
}

#[tokio::test(start_paused = true)]
async fn another_attempt_cut_anywhere_and_repeated() {
    let shop = TestShop::new(151).await;
    shop.product("p", 990, &cards("C", 48)).await;
    second_account(&shop).await;
    let mut paid = 0;
    everywhere(4, async |run, what, cutter| {
        let buyer = shop.order(&format!("a-buyer-who-tries-again-{run}"), "p", 1).await;
        let path = format!("/api/orders/{}/payments", buyer.order);
        let wish = json!({"channel": "second"});
        let (front, _) = shop.tapped(cutter.clone());
        let first = cutter.run(post(&front, &path, &buyer.token, None, &wish)).await;
        let (status, answer) = post(shop.front(), &path, &buyer.token, None, &wish).await;
        assert!([200, 201].contains(&status), "{what}: {answer}");
        let attempt = text(&answer, "/payment/attempt").to_owned();
        assert!(attempt.ends_with('2') && attempt != buyer.attempt, "{what}: {attempt}");
        if let Some((_, first)) = first {
            assert_eq!(text(&first, "/payment/attempt"), attempt, "{what}");
        }
        let order = crate::common::seen_by_seller(&shop, &buyer).await;
        assert_eq!(order["attempts"].as_array().unwrap().len(), 2, "{what}: {order}");
        // The money comes by the second way, or by the first: either pays the order once.
        paid += 1;
        let (account, number) = if run % 2 == 0 { ("second", &attempt) } else { ("sandbox", &buyer.attempt) };
        let query = shop.notification_of(number, &format!("T{run}"), &yuan(buyer.minor), "TRADE_SUCCESS");
        assert_eq!(notify_at(shop.front(), account, &query).await, (200, json!("success")), "{what}");
        shop.deliver_all().await;
        assert_eq!(shop.keys(&buyer).await.len(), 1, "{what}");
    })
    .await;
    // The other attempt is asked about until nobody can pay it any more; then the order leaves the list.
    assert_eq!(due(&shop).len(), paid);
    a_day_later(&shop).await;
    assert_eq!(due(&shop), Vec::<String>::new());
    assert_eq!(shop.counts("p").await["sold"], paid);
    is_whole(&shop, &["p"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_question_cut_anywhere_and_repeated() {
    let shop = TestShop::new(152).await;
    shop.product("p", 990, &cards("C", 96)).await;
    let mut runs = 0;
    everywhere(6, async |run, what, cutter| {
        runs = run;
        let buyer = shop.order(&format!("a-buyer-who-has-paid-{run}"), "p", 1).await;
        let page = shop.open_pay_page(&buyer).await;
        shop.press(&page, "pay_lose_notice").await;
        let (front, _) = shop.tapped(cutter.clone());
        let first = cutter.run(act(&front, &buyer, "check")).await;
        assert!(first.as_ref().is_none_or(|(status, _)| *status == 200), "{what}: {first:?}");
        // At most once in five seconds, also when the first one died with its turn in its hands.
        shop.pass(6_000);
        let (status, order) = act(shop.front(), &buyer, "check").await;
        assert_eq!((status, order["status"].as_str()), (200, Some("paid")), "{what}: {order}");
        // The page goes on reading; that sends again what a death after the payment left unsent.
        shop.pass(2_000);
        shop.read(&buyer).await;
        shop.deliver_all().await;
        assert_eq!(shop.keys(&buyer).await.len(), 1, "{what}");
    })
    .await;
    assert_eq!(shop.counts("p").await["sold"], runs);
    assert_eq!(shop.attention().await, [], "no movement was taken for another");
    is_whole(&shop, &["p"]).await;
}
