//! An import at size: parts out of order, repeated, cut off, two uploads at once into one product, and everything ever sold
//! stays a duplicate.

use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;
use tests::TestShop;
use tests::shop::cards;
use tests::taps::{Cut, Cutter};

/// Lines of the whole upload.
const LINES: usize = 100_000;

/// Lines of one part, as a console cuts a file.
const PART: usize = 10_000;

fn sum(counts: &Value) -> u64 {
    ["free", "held", "sold", "removed"].iter().map(|state| counts[state].as_u64().unwrap()).sum()
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_lines_in_parts_out_of_order_and_repeated() {
    let shop = TestShop::new(150).await;
    shop.product("p", 100, &[]).await;
    let id = domain::ProductId::parse("p").unwrap();
    // Somebody bought before: what was sold is a duplicate for ever.
    shop.cards("p", &cards("CARD", 3), "").await;
    let buyer = shop.order("buys-before-the-upload", "p", 2).await;
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    let all = cards("CARD", LINES);
    let parts: Vec<(u32, String)> = (1..).zip(all.chunks(PART)).map(|(n, part)| (n, part.join("\n"))).collect();
    let started = Instant::now();
    // Backwards; every third is cut off somewhere and sent again, every fourth is sent twice.
    for (n, body) in parts.iter().rev() {
        if n % 3 == 0 {
            let cutter = Arc::new(Cutter::new(2_000 + 1_777 * *n as usize, Cut::After));
            let (_, app) = shop.tapped(cutter.clone());
            let _ = cutter.run(app.import_cards(&id, "upload", *n, body.as_bytes(), false)).await;
        }
        for _ in 0..if n % 4 == 0 { 2 } else { 1 } {
            let report = shop.app.import_cards(&id, "upload", *n, body.as_bytes(), false).await.unwrap().unwrap();
            let before = if *n == 1 { 3 } else { 0 };
            assert_eq!(
                (report.imported, report.duplicates, report.rejected.len(), report.remaining),
                ((PART - before) as u64, before as u64, 0, 0),
                "part {n}"
            );
        }
    }
    println!("{LINES} lines in {:?}", started.elapsed());
    let counts = shop.counts("p").await;
    assert_eq!((counts["imported"].as_u64(), sum(&counts)), (Some(LINES as u64), LINES as u64), "{counts}");
    assert_eq!(counts["sold"], 2);
}

/// Two uploads of overlapping files at once, each through an instance of its own, each cut off now and then: every card once.
#[tokio::test(start_paused = true)]
async fn two_uploads_at_once_cut_anywhere_bring_every_card_in_once() {
    let shop = Arc::new(TestShop::new(151).await);
    let all = cards("C", 90);
    let (left, right) = (all[..60].join("\n"), all[30..].join("\n"));
    // One of them is cut at every call it makes, the other at half of that.
    let mut longest = 0;
    for at in 1..=95 {
        let product = format!("p{at}");
        shop.product(&product, 100, &[]).await;
        let id = domain::ProductId::parse(&product).unwrap();
        let cutters = [Arc::new(Cutter::new(at, Cut::After)), Arc::new(Cutter::new(at / 2 + 1, Cut::Before))];
        let apps = [shop.tapped(cutters[0].clone()).1, shop.tapped(cutters[1].clone()).1];
        let one = cutters[0].run(apps[0].import_cards(&id, "left", 1, left.as_bytes(), false));
        let two = cutters[1].run(apps[1].import_cards(&id, "right", 1, right.as_bytes(), false));
        let _ = tokio::join!(one, two);
        longest = longest.max(cutters[0].calls());
        // Both are sent again until nothing is undecided, as a console does.
        let mut rounds = 0;
        loop {
            rounds += 1;
            let mut undecided = 0;
            for (upload, body) in [("left", &left), ("right", &right)] {
                let report = shop.app.import_cards(&id, upload, 1, body.as_bytes(), false).await.unwrap().unwrap();
                undecided += report.rejected.len();
            }
            if undecided == 0 {
                break;
            }
            assert!(rounds < 5, "cut at {at}: {undecided} lines are undecided for ever");
        }
        let counts = shop.counts(&product).await;
        assert_eq!((counts["imported"].as_u64(), sum(&counts)), (Some(90), 90), "cut at {at}: {counts}");
        let mut sold = HashSet::new();
        for n in 0..2 {
            let buyer = shop.order(&format!("buys-half-of-it-{product}-{n}-of-2"), &product, 45).await;
            shop.pay(&buyer, &format!("T-{product}-{n}")).await;
            shop.deliver_all().await;
            sold.extend(shop.keys(&buyer).await);
        }
        assert_eq!(sold, all.iter().cloned().collect(), "cut at {at}");
    }
    assert!(longest < 95, "an upload makes {longest} calls and was not cut at each");
}

/// A part that is not done in time says how much is left, and goes on when it is sent again.
#[tokio::test(start_paused = true)]
async fn a_part_that_takes_too_long_goes_on_when_it_is_sent_again() {
    let shop = TestShop::new(152).await;
    shop.product("p", 100, &[]).await;
    let id = domain::ProductId::parse("p").unwrap();
    let body = cards("C", 300).join("\n");
    let now = shop.app.clock.now();
    let report = shop.app.import_cards_until(&id, "u", 1, body.as_bytes(), false, now).await.unwrap().unwrap();
    assert_eq!((report.imported, report.remaining), (0, 300), "no time at all");
    assert_eq!(shop.counts("p").await["imported"], 0);
    let report = shop.app.import_cards_until(&id, "u", 1, body.as_bytes(), false, now + 1).await.unwrap().unwrap();
    assert_eq!((report.imported, report.remaining), (300, 0));
    assert_eq!(shop.counts("p").await["free"], 300);
}
