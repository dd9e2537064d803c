//! What the timer reads stays bounded: the watermark follows the sales, and what is abandoned is sold again instead of lying in
//! ever more open strips.

use local::roles::acting_as;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use store::Table;
use tests::shop::{self, cards, wish};
use tests::taps::Counter;
use tests::{Buyer, TestShop};

/// Orders of a day.
const ORDERS: usize = 10_000;

/// Orders a minute: a busy shop.
const A_MINUTE: usize = 100;

const MINUTE: i64 = 60_000;

fn strips(shop: &TestShop) -> (Value, Vec<Value>) {
    let all: Vec<Value> = shop.table(Table::Strips).iter().map(|s| serde_json::from_str(s).unwrap()).collect();
    let head = all.iter().find(|s| s["k"]["S"] == "p#H").unwrap().clone();
    (head, all.into_iter().filter(|s| s.get("h").is_some()).collect())
}

fn number(value: &Value) -> usize {
    value["N"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn after_ten_thousand_orders_few_strips_are_open() {
    let shop = TestShop::new(770).await;
    shop.product("p", 990, &[]).await;
    for (part, lines) in cards("C", 12_000).chunks(4_000).enumerate() {
        shop.cards("p", lines, &format!("?import_id=all&part={}", part + 1)).await;
    }
    let counter = Arc::new(Counter::default());
    let (_, timer) = shop.tapped(counter.clone());
    let mut chance = fastrand::Rng::with_seed(770);
    let mut open: HashMap<usize, Buyer> = HashMap::new();
    let mut most_reads = 0.0f64;
    let (mut made, mut abandoned) = (0, 0);
    for minute in 0..ORDERS / A_MINUTE {
        for n in 0..A_MINUTE {
            let number = minute * A_MINUTE + n;
            let (status, answer) =
                shop::create(shop.front(), &format!("order-number-{number:08}"), &wish("p", 1)).await;
            assert_eq!(status, 201, "order {number}: {answer}");
            made += 1;
            let buyer = Buyer::from(&answer);
            if chance.u8(..100) < 30 {
                abandoned += 1;
                open.insert(number, buyer);
            } else {
                shop.pay(&buyer, &format!("T{number}")).await;
            }
        }
        shop.deliver_all().await;
        shop.pass(MINUTE);
        counter.take();
        acting_as("reconcile", timer.reconcile(i64::MAX)).await.unwrap();
        let reads: f64 = counter.take().iter().map(|call| call.reads).sum();
        most_reads = most_reads.max(reads);
        shop.deliver_all().await;
    }
    assert_eq!(made, ORDERS);
    assert!((ORDERS * 28 / 100..ORDERS * 32 / 100).contains(&abandoned), "{abandoned} were abandoned");
    // The last holds lapse.
    for _ in 0..20 {
        shop.pass(MINUTE);
        acting_as("reconcile", timer.reconcile(i64::MAX)).await.unwrap();
    }
    let (head, strips) = strips(&shop);
    let (low, cursor) = (number(&head["low"]), number(&head["c"]));
    let unsealed = strips
        .iter()
        .filter(|s| s.get("z").is_none())
        .filter(|s| s["k"]["S"].as_str().unwrap().rsplit('#').next().unwrap().parse::<usize>().unwrap() < cursor)
        .count();
    let counts = shop.counts("p").await;
    let open_orders = counts["held"].as_u64().unwrap() as usize;
    println!(
        "{ORDERS} orders, {abandoned} abandoned: low {low}, cursor {cursor}, {unsealed} unsealed, \
         at most {most_reads} read units in one pass"
    );
    assert_eq!(open_orders, 0);
    assert!(unsealed <= open_orders / 48 + 100, "{unsealed} strips are unsealed");
    // A card that is abandoned sells again after a quarter of an hour, three times out of ten to be abandoned again: strips of
    // the last two hours are still open here and there, those before them never.
    let two_hours = 120 * A_MINUTE / 48;
    assert!(cursor - low <= two_hours, "the pass reads {} strips", cursor - low);
    // Every open order once, every strip once, the list of what is due: not a table.
    assert!(most_reads <= 1_500.0, "a pass reads {most_reads} units");
    assert_eq!(counts["sold"].as_u64().unwrap() as usize, ORDERS - abandoned);
}
