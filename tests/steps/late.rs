//! Money that comes after the hold, its notification cut off anywhere and repeated: delivered where there are cards, owed back
//! where there are none, and either once.

use crate::common::{a_day_later, act, all_keys, everywhere, is_whole, rows};
use tests::shop::{self, cards};
use tests::{Buyer, TestShop};

/// Thirty cards that lie over two strips, held and given up again.
async fn given_up(shop: &TestShop, product: &str, run: usize) -> Buyer {
    let buyer = shop.order(&format!("a-buyer-who-pays-late-{product}-{run}"), product, 30).await;
    assert_eq!(act(shop.front(), &buyer, "cancel").await.0, 200);
    buyer
}

#[tokio::test(start_paused = true)]
async fn late_money_with_stock_cut_anywhere() {
    let shop = TestShop::new(160).await;
    shop.product("p", 100, &[]).await;
    let mut buyers = Vec::new();
    everywhere(9, async |run, what, cutter| {
        shop.cards("p", &cards(&format!("A{run}"), 15), "").await;
        shop.cards("p", &cards(&format!("B{run}"), 15), "").await;
        let buyer = given_up(&shop, "p", run).await;
        let query = shop.notification(&buyer, &format!("T{run}"));
        let (front, _) = shop.tapped(cutter.clone());
        if let Some((200, body)) = cutter.run(shop::notify(&front, &query)).await {
            assert_eq!(body, "success", "{what}");
            let status = shop.read(&buyer).await.1["status"].clone();
            assert!(status == "late" || status == "paid", "{what}: told \"success\" in state {status}");
        }
        for _ in 0..2 {
            assert_eq!(shop.notify(&query).await, (200, "success".to_owned()), "{what}");
        }
        shop.deliver_all().await;
        assert_eq!(shop.keys(&buyer).await.len(), 30, "{what}");
        // Once more, long after.
        assert_eq!(shop.notify(&query).await, (200, "success".to_owned()), "{what}");
        buyers.push(buyer);
    })
    .await;
    let buyers: Vec<&Buyer> = buyers.iter().collect();
    assert_eq!(all_keys(&shop, &buyers).await, 30 * buyers.len());
    assert_eq!(shop.counts("p").await["sold"], 30 * buyers.len());
    assert_eq!(shop.attention().await, []);
    is_whole(&shop, &["p"]).await;
}

#[tokio::test(start_paused = true)]
async fn late_money_without_stock_cut_anywhere() {
    let shop = TestShop::new(161).await;
    shop.product("p", 100, &cards("A", 20)).await;
    shop.cards("p", &cards("B", 20), "").await;
    let mut owed = 0;
    everywhere(9, async |run, what, cutter| {
        let buyer = given_up(&shop, "p", run).await;
        // Somebody takes so many that thirty cannot be had any more; what is claimed on the way has to come back.
        let second = shop.order(&format!("the-other-buyer-{run}"), "p", 15).await;
        // The default instance forgets that it saw thirty cards free.
        shop.pass(1_000);
        let query = shop.notification(&buyer, &format!("T{run}"));
        let (front, _) = shop.tapped(cutter.clone());
        let _ = cutter.run(shop::notify(&front, &query)).await;
        for _ in 0..2 {
            assert_eq!(shop.notify(&query).await, (200, "success".to_owned()), "{what}");
        }
        owed += 1;
        let (_, order) = shop.read(&buyer).await;
        let seen = (order["status"].as_str(), order["status_reason"].as_str());
        assert_eq!(seen, (Some("refund_due"), Some("sold_out_when_paid")), "{what}: {order}");
        // Whoever died between the end and the giving back leaves the rest to the timer.
        if shop.counts("p").await["free"] != 25 {
            shop.tick().await;
        }
        let counts = shop.counts("p").await;
        assert_eq!((counts["free"].as_u64(), counts["held"].as_u64()), (Some(25), Some(15)), "{what}");
        shop.pass(1_000);
        assert_eq!(act(shop.front(), &second, "cancel").await.0, 200);
    })
    .await;
    assert_eq!(shop.counts("p").await["free"], 40);
    a_day_later(&shop).await;
    assert_eq!(rows(&shop, "refund_due").await.len(), owed, "a person sees every one of them");
    is_whole(&shop, &["p"]).await;
}
