//! A notification that is cut off and repeated: paid once, delivered once, acknowledged only when durable.

use std::sync::Arc;
use store::Table;
use tests::TestShop;
use tests::shop::{self, cards};
use tests::taps::{Cut, Cutter, Unguarded};

#[tokio::test(start_paused = true)]
async fn a_notification_cut_anywhere_and_repeated() {
    let shop = TestShop::new(110).await;
    shop.product("p", 990, &cards("C", 100)).await;
    let mut runs = 0;
    for how in Cut::ALL {
        for at in 1.. {
            runs += 1;
            let what = format!("{how:?} call {at}");
            let buyer = shop.order(&format!("a-buyer-with-number-{runs:04}"), "p", 1).await;
            let query = shop.notification(&buyer, &format!("T{runs}"));
            let cutter = Arc::new(Cutter::new(at, how));
            let (front, _) = shop.tapped(cutter.clone());
            let first = cutter.run(shop::notify(&front, &query)).await;
            if let Some((200, body)) = first {
                assert_eq!(body, "success", "{what}");
                let paid = shop.read(&buyer).await.1["status"] == "paid";
                assert!(paid, "{what}: told \"success\" before the fact was durable");
            }
            // The provider tells it again, as often as it likes.
            for _ in 0..2 {
                assert_eq!(shop.notify(&query).await, (200, "success".to_owned()), "{what}");
            }
            shop.deliver_all().await;
            assert_eq!(shop.keys(&buyer).await.len(), 1, "{what}");
            assert_eq!(shop.notify(&query).await, (200, "success".to_owned()), "{what}");
            assert_eq!(shop.world.sqs.dump(shop.world.queue_name()).unwrap().len(), 0, "{what}: sent after delivery");
            if cutter.calls() < at {
                assert!(at > 2, "paying makes at least two calls");
                break;
            }
        }
    }
    assert_eq!(shop.counts("p").await["sold"], runs);
    let rows = shop.table(Table::Orders).into_iter().filter(|o| o.contains(r#""due":{"S":"money#"#)).count();
    assert_eq!(rows, 0, "no movement of money was taken for another");
}

#[tokio::test(start_paused = true)]
async fn money_that_fits_nothing_cut_anywhere_is_written_once() {
    let shop = TestShop::new(111).await;
    shop.product("p", 990, &cards("C", 3)).await;
    let buyer = shop.order("a-buyer-who-pays-too-little", "p", 1).await;
    let mut runs = 0;
    for how in Cut::ALL {
        for at in 1.. {
            runs += 1;
            let query = shop.notification_of(&buyer.attempt, &format!("W{runs}"), "0.01", "TRADE_SUCCESS");
            let cutter = Arc::new(Cutter::new(at, how));
            let (front, _) = shop.tapped(cutter.clone());
            let _ = cutter.run(shop::notify(&front, &query)).await;
            assert_eq!(shop.notify(&query).await, (200, "success".to_owned()), "{how:?} call {at}");
            let rows = shop.table(Table::Orders).into_iter().filter(|o| o.contains(r#""due":{"S":"money#"#)).count();
            assert_eq!(rows, runs, "{how:?} call {at}");
            if cutter.calls() < at {
                break;
            }
        }
    }
}

/// Planted: W1 takes any amount. The buyer who pays one fen gets the key.
#[tokio::test]
async fn planted_a_payment_without_its_amount_is_caught() {
    for (guard, wrong) in [("#att.#1.#minor = :minor", "0.01"), ("#st = :held", "9.90")] {
        let shop = TestShop::new(112).await;
        shop.product("p", 990, &cards("C", 3)).await;
        let buyer = shop.order("a-buyer-who-pays-too-little", "p", 1).await;
        if guard == "#st = :held" {
            // Already delivered; a second movement must not pay it again.
            shop.pay(&buyer, "T1").await;
            shop.deliver_all().await;
        }
        let bug = Arc::new(Unguarded::new("UpdateItem", ":no", guard));
        let (front, _) = shop.tapped(bug.clone());
        let query = shop.notification_of(&buyer.attempt, "T2", wrong, "TRADE_SUCCESS");
        assert_eq!(shop::notify(&front, &query).await.0, 200);
        assert_eq!(bug.hits(), 1, "the planted bug never met its write");
        assert_eq!(shop.read(&buyer).await.1["status"], "paid", "without {guard} the order is paid by this money");
        shop.deliver_all().await;
    }
}
