//! An import that is cut off and sent again: every card once, and the same report.

use local::seam::{Call, Fate, Tap};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
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
        // A death at every call; of the lost and throttled ones, in the long row of uniqueness rows, every seventeenth.
        let is_death = matches!(how, Cut::Before | Cut::After);
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
            at += if !is_death && (6..100).contains(&at) { 17 } else { 1 };
        }
    }
}

/// Two executions of one part and a third import beside them, each slow at the worst places: a run moves only its own rows, so
/// no card gets two places.
#[tokio::test(start_paused = true)]
async fn two_runs_of_one_part_never_give_a_card_two_places() {
    let shop = TestShop::new(131).await;
    shop.product("p", 100, &[]).await;
    let id = domain::ProductId::parse("p").unwrap();
    let lines = ["V-1", "V-2", "W"].map(str::to_owned);
    let body = lines.join("\n");
    let (_, first) =
        shop.tapped(Arc::new(Slow { put_row: |i| if i == "45" { 20 } else { 5 }, move_row: 20, put_vault: 0 }));
    let (_, second) = shop.tapped(Arc::new(Slow { put_row: |_| 20, move_row: 0, put_vault: 60 }));
    let (text, product) = (body.clone(), id.clone());
    let one = tokio::spawn(async move { first.import_cards(&product, "u", 1, text.as_bytes(), false).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    shop.app.import_cards(&id, "x", 1, b"W", false).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(7)).await;
    let two = tokio::spawn(async move { second.import_cards(&id, "u", 1, body.as_bytes(), false).await });
    one.await.unwrap().unwrap().unwrap();
    two.await.unwrap().unwrap().unwrap();
    // The seller sends the same file once more, long after: by now all three are in stock, once.
    shop.cards("p", &lines, "").await;
    let again = shop.cards("p", &lines, "").await;
    assert_eq!((again["imported"].as_u64(), again["duplicates"].as_u64()), (Some(0), Some(3)), "{again}");
    assert_eq!(shop.counts("p").await["imported"], 3);
    let buyer = shop.order("buys-all-three-of-them", "p", 3).await;
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.into_iter().collect::<HashSet<_>>(), lines.into_iter().collect());
}

/// Delays rows and ciphertexts on their way to the vault.
#[derive(Debug)]
struct Slow {
    put_row: fn(&str) -> u64,
    move_row: u64,
    put_vault: u64,
}

impl Tap for Slow {
    fn fate(&self, call: &Call) -> Fate {
        let request: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        if request["TableName"] != "kamivend-vault" {
            return Fate::Pass;
        }
        let seconds = match (call.operation(), request["Item"]["i"]["N"].as_str()) {
            ("UpdateItem", _) => self.move_row,
            ("PutItem", Some(position)) => (self.put_row)(position),
            ("PutItem", None) => self.put_vault,
            _ => 0,
        };
        if seconds == 0 { Fate::Pass } else { Fate::Delay(Duration::from_secs(seconds)) }
    }
}

/// An import that died never keeps another from selling: cut anywhere, then another upload (not the same one) goes on sale; and
/// the same file under a new name brings the rest in.
#[tokio::test(start_paused = true)]
async fn a_dead_import_blocks_nobody() {
    let shop = TestShop::new(132).await;
    let lines = cards("C", 60);
    for at in [1, 2, 3, 4, 5, 20, 40, 55, 56, 57, 58, 59, 60, 70, 75, 76, 77, 78, 79, 80, 81, 82, 83] {
        let product = format!("p{at}");
        shop.product(&product, 100, &[]).await;
        let id = domain::ProductId::parse(&product).unwrap();
        let cutter = Arc::new(Cutter::new(at, Cut::After));
        let (_, app) = shop.tapped(cutter.clone());
        let _ = cutter.run(app.import_cards(&id, "dies", 1, lines.join("\n").as_bytes(), false)).await;
        let other = shop.cards(&product, &cards("OTHER", 5), "").await;
        assert_eq!(other["imported"], 5, "call {at}: {other}");
        let free = shop.counts(&product).await["free"].as_u64().unwrap();
        assert!(free >= 5, "call {at}: what was reported as imported is on sale, not {free}");
        // The same file as an upload of its own. What the dead one had reserved and not filled is taken over now.
        let rest = shop.cards(&product, &lines, "").await;
        assert_eq!(rest["rejected_count"], 0, "call {at}: {rest}");
        let counts = shop.counts(&product).await;
        assert_eq!((counts["imported"].as_u64(), counts["free"].as_u64()), (Some(65), Some(65)), "call {at}: {counts}");

        // And with nothing in between: lines that another upload seems to be bringing in are decided by the second sending.
        let product = format!("q{at}");
        shop.product(&product, 100, &[]).await;
        let id = domain::ProductId::parse(&product).unwrap();
        let cutter = Arc::new(Cutter::new(at, Cut::After));
        let (_, app) = shop.tapped(cutter.clone());
        let _ = cutter.run(app.import_cards(&id, "dies", 1, lines.join("\n").as_bytes(), false)).await;
        shop.cards(&product, &lines, "").await;
        let second = shop.cards(&product, &lines, "").await;
        assert_eq!(second["rejected_count"], 0, "call {at}: {second}");
        let counts = shop.counts(&product).await;
        assert_eq!((counts["imported"].as_u64(), counts["free"].as_u64()), (Some(60), Some(60)), "call {at}: {counts}");
    }
}
