//! What a visit costs: at most one read when nothing is remembered, none when it is, and never a scan. Looking changes nothing.

use super::{buy, change, described};
use std::sync::Arc;
use tests::shop::cards;
use tests::taps::Counter;
use tests::{TestShop, Visitor};

#[tokio::test(start_paused = true)]
async fn a_page_costs_one_read_at_most() {
    let shop = TestShop::new(920).await;
    for n in 0..30 {
        shop.product(&format!("p{n:02}"), 990, &cards(&format!("CARD-{n}"), 2)).await;
    }
    change(&shop, "p07", described()).await;
    let mut buyer = Visitor::new(shop.front());
    let waiting = buyer.order("p07", "ann@example.com").await;
    let delivered = buy(&shop, &mut buyer, "p07", "ann@example.com").await;
    let token = {
        let id = domain::OrderId::parse(&waiting).unwrap();
        shop.app.keys.order_token(&id, 0)
    };
    for (path, warm) in [
        ("/".to_owned(), 0),
        ("/?c=Cards&q=p".to_owned(), 0),
        ("/p/p03".to_owned(), 0),
        ("/terms".to_owned(), 0),
        ("/lookup".to_owned(), 0),
        ("/nowhere".to_owned(), 0),
        (format!("/o/{waiting}"), 1),
        (format!("/o/{waiting}?part=main"), 1),
        (format!("/o/{delivered}"), 1),
        (format!("/o/{waiting}?t={token}"), 1),
        (format!("/o/{waiting}/link.png"), 1),
    ] {
        let counter = Arc::new(Counter::default());
        let (front, _) = shop.tapped(counter.clone());
        for is_known in [false, true] {
            // A stranger and a buyer: the cookies of one lead to more reading than those of the other.
            let mut visitor = if path.starts_with("/o/") { buyer.clone() } else { Visitor::new(&front) };
            visitor.to(&front);
            counter.take();
            let page = visitor.get(&path).await;
            assert!([200, 303, 404].contains(&page.status), "{path}: {} {}", page.status, page.body);
            let calls: Vec<String> = counter.take().into_iter().map(|seen| seen.target).collect();
            let most = if is_known { warm } else { 1 };
            assert!(calls.len() <= most, "{path}, known: {is_known}: {calls:?}");
            assert!(!calls.iter().any(|call| call.ends_with("Scan") || call.ends_with("Query")), "{path}: {calls:?}");
        }
    }
    // A buyer's product page and list look up this device's orders in the same read.
    for path in ["/p/p07", "/lookup"] {
        let counter = Arc::new(Counter::default());
        let (front, _) = shop.tapped(counter.clone());
        let mut visitor = buyer.clone();
        visitor.to(&front);
        assert_eq!(visitor.get(path).await.status, 200);
        assert_eq!(counter.take().len(), 1, "{path}");
    }
}

/// The guard above is worth something only if a second read would be seen.
#[tokio::test(start_paused = true)]
async fn a_second_read_is_seen() {
    let shop = TestShop::new(921).await;
    shop.product("p", 990, &[]).await;
    let counter = Arc::new(Counter::default());
    let (front, app) = shop.tapped(counter.clone());
    Visitor::new(&front).get("/").await;
    app.settings_now().await.unwrap();
    assert_eq!(counter.take().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn looking_changes_nothing() {
    let shop = TestShop::new(922).await;
    shop.product("p", 990, &cards("CARD", 4)).await;
    let mut buyer = Visitor::new(shop.front());
    let waiting = buyer.order("p", "ann@example.com").await;
    let delivered = buy(&shop, &mut buyer, "p", "ann@example.com").await;
    let token = shop.app.keys.order_token(&domain::OrderId::parse(&delivered).unwrap(), 0);
    let before = shop.tables();
    let mut bot = Visitor::new(shop.front());
    for visitor in [&mut buyer, &mut bot] {
        for order in [&waiting, &delivered] {
            for path in ["", "/keys", "/keys.txt", "/qr.png", "/link.png", "/check", "/cancel", "/payments", "/unlock"]
            {
                visitor.get(&format!("/o/{order}{path}")).await;
            }
            visitor.get(&format!("/o/{order}?t={token}")).await;
        }
        for path in ["/", "/p/p", "/lookup", "/terms", "/lang?lang=en", "/?q=x"] {
            visitor.get(path).await;
        }
    }
    assert_eq!(shop.tables(), before, "a preview of a link must do nothing");
}
