//! A healthy shop rings nobody.

use crate::watched::{SECOND, Watched};
use functions::reconcile::Job;
use tests::shop::cards;

#[tokio::test(start_paused = true)]
async fn fifty_orders_ring_nothing() {
    let mut watched = Watched::new(910).await;
    watched.shop.product("p", 990, &cards("C", 60)).await;
    watched.minutes(2).await;
    for n in 0..50 {
        let buyer = watched.shop.order(&format!("a-buyer-in-health-{n:03}"), "p", 1).await;
        watched.pass(7 * SECOND);
        // Every fifth gives up, every seventh's notification is lost and found by asking.
        if n % 5 == 4 {
            continue;
        }
        if n % 7 == 6 {
            let page = watched.shop.open_pay_page(&buyer).await;
            watched.shop.press(&page, "pay_lose_notice").await;
        } else {
            watched.shop.pay(&buyer, &format!("T{n}")).await;
            watched.shop.deliver_all().await;
        }
        if n % 6 == 5 {
            watched.minutes(1).await;
        }
    }
    watched.timer(Job::AuditRecent).await;
    watched.timer(Job::AuditFull).await;
    watched.minutes(20).await;
    assert_eq!(watched.rang(), Vec::<String>::new());
    assert!(watched.lines.len() > 100, "{} lines", watched.lines.len());
    let report = watched.shop.audit().await;
    assert_eq!((report.differences, report.orders), (0, 50), "{report:#?}");
}
