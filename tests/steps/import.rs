//! An import that is cut off and sent again: every card once, and the same report.

use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use tests::TestShop;
use tests::shop::cards;
use tests::taps::{Cut, Cutter};

/// Cards in the part: two full strips and a short one.
const CARDS: usize = 100;

#[tokio::test(start_paused = true)]
async fn an_import_cut_anywhere_and_sent_again() {
    let shop = TestShop::new(130).await;
    let body = cards("C", CARDS).join("\n");
    let mut runs = 0;
    for how in Cut::ALL {
        // Every call of the interesting part, and of the long row of uniqueness rows every seventh.
        let mut at = 1;
        loop {
            runs += 1;
            let what = format!("{how:?} call {at}");
            let product = format!("p{runs}");
            shop.product(&product, 100, &[]).await;
            let id = domain::ProductId::parse(&product).unwrap();
            let cutter = Arc::new(Cutter::new(at, how));
            let (_, app) = shop.tapped(cutter.clone());
            let _ = cutter.run(app.import_cards(&id, "upload", 1, body.as_bytes(), false)).await;
            let report = shop.cards(&product, &cards("C", CARDS), "?import_id=upload&part=1").await;
            assert_eq!(
                (report["imported"].as_u64(), report["duplicates"].as_u64(), report["rejected_count"].as_u64()),
                (Some(CARDS as u64), Some(0), Some(0)),
                "{what}: {report}"
            );
            let counts: Value = shop.counts(&product).await;
            assert_eq!((counts["imported"].as_u64(), counts["free"].as_u64()), (Some(100), Some(100)), "{what}");
            let mut sold = HashSet::new();
            for half in 0..2 {
                let key = format!("buys-half-of-{product}-{half}-of-2");
                let buyer = shop.order(&key, &product, 50).await;
                shop.pay(&buyer, &format!("T-{key}")).await;
                shop.deliver_all().await;
                sold.extend(shop.keys(&buyer).await);
            }
            assert_eq!(sold, cards("C", CARDS).into_iter().collect(), "{what}");
            if cutter.calls() < at {
                assert!(at > 100, "an import of a hundred cards makes more than a hundred calls");
                break;
            }
            at += if (12..100).contains(&at) { 7 } else { 1 };
        }
    }
}
