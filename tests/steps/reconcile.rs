//! The timer's pass: what nobody came back for is brought to its end, also when the pass itself is cut off anywhere.

use store::Table;
use tests::TestShop;
use tests::shop::cards;

const MINUTE: i64 = 60_000;

#[tokio::test(start_paused = true)]
async fn an_expired_hold_is_released_and_sells_again() {
    let shop = TestShop::new(140).await;
    shop.product("p", 990, &cards("C", 1)).await;
    let first = shop.order("the-first-buyer-of-it", "p", 1).await;
    shop.pass(15 * MINUTE + 1);
    let pass = shop.tick().await;
    assert_eq!((pass.closed_orders, pass.released, pass.complete), (1, 1, true), "{pass:?}");
    let (_, order) = shop.read(&first).await;
    assert_eq!((order["status"].as_str(), order["status_reason"].as_str()), (Some("closed"), Some("expired")));
    let second = shop.order("the-second-buyer-of-it", "p", 1).await;
    shop.pay(&second, "T2").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&second).await.len(), 1);
    // Late money finds no stock: owed back.
    shop.pay(&first, "T1").await;
    let (_, order) = shop.read(&first).await;
    assert_eq!(
        (order["status"].as_str(), order["status_reason"].as_str()),
        (Some("refund_due"), Some("sold_out_when_paid")),
        "{order}"
    );
    assert_eq!(shop.attention().await, [("refund_due".to_owned(), "sold_out".to_owned())]);
    // With stock it is delivered.
    shop.cards("p", &cards("D", 2), "").await;
    shop.pass(1_000);
    let third = shop.order("the-third-buyer-of-it", "p", 1).await;
    shop.pass(15 * MINUTE + 1);
    shop.tick().await;
    shop.pay(&third, "T3").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&third).await.len(), 1);
    let report = shop.audit().await;
    assert_eq!(report.differences, 0, "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_notification_is_found_by_asking() {
    let shop = TestShop::new(141).await;
    shop.product("p", 990, &cards("C", 5)).await;
    let buyer = shop.order("a-buyer-nobody-reports", "p", 1).await;
    let page = shop.open_pay_page(&buyer).await;
    shop.press(&page, "pay_lose_notice").await;
    assert_eq!(shop.read(&buyer).await.1["status"], "awaiting_payment");
    shop.minutes(1).await;
    assert_eq!(shop.keys(&buyer).await.len(), 1);
    let rows = shop.table(Table::Orders).into_iter().filter(|o| o.contains("\"due\"")).count();
    assert_eq!(rows, 0);
    let report = shop.audit().await;
    assert_eq!((report.differences, report.confirmed_by_provider), (0, 1), "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_unpaid_order_is_asked_about_until_nobody_can_pay_it_any_more() {
    let shop = TestShop::new(142).await;
    shop.product("p", 990, &cards("C", 5)).await;
    let buyer = shop.order("a-buyer-who-went-away", "p", 1).await;
    shop.minutes(20).await;
    assert_eq!(shop.read(&buyer).await.1["status"], "closed");
    for _ in 0..25 {
        shop.pass(59 * MINUTE);
        shop.minutes(1).await;
    }
    let rows: Vec<String> = shop.table(Table::Orders);
    assert!(rows.iter().all(|o| !o.contains("\"due\"")) && rows.iter().any(|o| o.contains("\"ttl\"")), "{rows:#?}");
}
