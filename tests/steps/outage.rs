//! What is lost on the way: a gateway that is down, notifications that never come, messages that vanish from the queue.

use crate::common::{HOUR, MINUTE, Once, a_day_later, act, all_keys, due, is_whole, lose_messages, messages, rows};
use local::seam::Fate;
use tests::shop::{self, cards};
use tests::{Buyer, TestShop};

#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_down_for_an_hour() {
    let shop = TestShop::new(190).await;
    shop.product("p", 990, &cards("C", 5)).await;
    let mut early = Vec::new();
    for n in 0..5 {
        let buyer = shop.order(&format!("pays-before-the-outage-{n}"), "p", 1).await;
        let page = shop.open_pay_page(&buyer).await;
        shop.press(&page, "pay_lose_notice").await;
        early.push(buyer);
    }
    shop.world.gateway.set_down(true);
    let status = async |buyer: &Buyer| shop.read(buyer).await.1["status"].as_str().unwrap().to_owned();
    // Nobody knows whether they paid, so they keep their cards five minutes longer than their hold, and no longer.
    shop.minutes(19).await;
    for buyer in &early {
        assert_eq!(status(buyer).await, "awaiting_payment");
    }
    shop.minutes(2).await;
    for buyer in &early {
        assert_eq!(status(buyer).await, "closed");
    }
    // The cards sell to others, who are heard of although the gateway answers no question.
    let mut others = Vec::new();
    for n in 0..3 {
        let buyer = shop.order(&format!("pays-during-the-outage-{n}"), "p", 1).await;
        shop.pay(&buyer, &format!("N{n}")).await;
        others.push(buyer);
    }
    shop.deliver_all().await;
    let others: Vec<&Buyer> = others.iter().collect();
    assert_eq!(all_keys(&shop, &others).await, 3);
    // The timer asks again and again, hears nothing, and concludes nothing.
    while shop.world.clock().now() < shop::START + HOUR {
        shop.minutes(1).await;
    }
    for buyer in &early {
        assert_eq!(status(buyer).await, "closed");
    }
    shop.world.gateway.set_down(false);
    // One buyer asks, and is delivered at once; the others are found within two hours of their hold's end.
    assert_eq!(act(shop.front(), &early[0], "check").await.0, 200);
    shop.deliver_all().await;
    assert_eq!(shop.keys(&early[0]).await.len(), 1);
    for _ in 0..16 {
        shop.pass(4 * MINUTE);
        shop.minutes(1).await;
    }
    let mut ends = Vec::new();
    for buyer in &early {
        ends.push(status(buyer).await);
    }
    ends.sort();
    assert_eq!(
        ends,
        ["delivered", "delivered", "refund_due", "refund_due", "refund_due"],
        "five paid, two cards were left"
    );
    assert_eq!(rows(&shop, "refund_due").await.len(), 3);
    a_day_later(&shop).await;
    assert!(due(&shop).iter().all(|d| d.starts_with("\"REFUND_DUE\"")), "{:?}", due(&shop));
    is_whole(&shop, &["p"]).await;
}

/// Reads an order fifty times at once, through five instances.
async fn fifty_look(shop: &TestShop, buyer: &Buyer) {
    let mut reads = Vec::new();
    for _ in 0..5 {
        let front = shop.instance();
        for _ in 0..10 {
            let (front, buyer) = (front.clone(), buyer.clone());
            reads.push(tokio::spawn(async move {
                shop::get(&front, &format!("/api/orders/{}", buyer.order), &buyer.token).await
            }));
        }
    }
    for read in reads {
        let (status, order) = read.await.unwrap();
        assert_eq!(status, 200, "{order}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_lost_after_the_payment() {
    let shop = TestShop::new(191).await;
    shop.product("p", 990, &cards("C", 2)).await;
    // Driven again by the timer.
    let first = shop.order("nobody-looks-at-this-one", "p", 1).await;
    shop.pay(&first, "T1").await;
    assert_eq!(lose_messages(&shop).await, 1);
    shop.pass(9_000);
    assert_eq!(shop.tick().await.sent_again, 0, "a message of nine seconds is on its way");
    shop.pass(2_000);
    assert_eq!(shop.tick().await.sent_again, 1);
    shop.deliver_all().await;
    assert_eq!(shop.keys(&first).await.len(), 1);
    // Driven again by whoever looks, once in ten seconds however many look.
    let second = shop.order("fifty-people-look-at-this", "p", 1).await;
    shop.pay(&second, "T2").await;
    assert_eq!(lose_messages(&shop).await, 1);
    shop.pass(1_999);
    fifty_look(&shop, &second).await;
    assert_eq!(messages(&shop), 0, "too early to think that it was lost");
    shop.pass(1);
    fifty_look(&shop, &second).await;
    assert_eq!(messages(&shop), 1);
    assert_eq!(lose_messages(&shop).await, 1);
    for _ in 0..9 {
        shop.pass(1_000);
        fifty_look(&shop, &second).await;
    }
    assert_eq!(messages(&shop), 0);
    shop.pass(1_001);
    fifty_look(&shop, &second).await;
    assert_eq!(messages(&shop), 1);
    shop.deliver_all().await;
    assert_eq!(all_keys(&shop, &[&first, &second]).await, 2);
    is_whole(&shop, &["p"]).await;
}

/// Late money whose driver dies right after it was taken in: the order is LATE and owns nothing.
async fn late_and_left(shop: &TestShop, key: &str, trade_no: &str) -> Buyer {
    let buyer = shop.order(key, "p", 1).await;
    assert_eq!(act(shop.front(), &buyer, "cancel").await.0, 200);
    let death = Once::new("UpdateItem", ":late", Fate::DieAfter);
    let (front, _) = shop.tapped(death.clone());
    let query = shop.notification(&buyer, trade_no);
    assert!(death.run(shop::notify(&front, &query)).await.is_none(), "it takes the money in and dies");
    assert_eq!(shop.read(&buyer).await.1["status"], "late");
    buyer
}

#[tokio::test(start_paused = true)]
async fn a_death_and_a_lost_message_after_late_money() {
    let shop = TestShop::new(192).await;
    shop.product("p", 990, &cards("C", 3)).await;
    // Driven again by the timer: the order stands in the list of unfinished business.
    let first = late_and_left(&shop, "nobody-looks-at-this-one", "T1").await;
    shop.tick().await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&first).await.len(), 1);
    // Driven again by whoever looks.
    let second = late_and_left(&shop, "fifty-people-look-at-this", "T2").await;
    shop.pass(2_000);
    fifty_look(&shop, &second).await;
    assert_eq!(messages(&shop), 1, "driven once");
    // The message of an order that came late can be lost like any other.
    assert_eq!(lose_messages(&shop).await, 1);
    shop.pass(10_001);
    fifty_look(&shop, &second).await;
    assert_eq!(messages(&shop), 1);
    shop.deliver_all().await;
    // And by the timer, once it owns its card.
    let third = late_and_left(&shop, "a-third-one-that-comes-late", "T3").await;
    shop.tick().await;
    assert_eq!(lose_messages(&shop).await, 1);
    shop.pass(11_000);
    shop.tick().await;
    shop.deliver_all().await;
    assert_eq!(all_keys(&shop, &[&first, &second, &third]).await, 3);
    assert_eq!(shop.attention().await, []);
    is_whole(&shop, &["p"]).await;
}
