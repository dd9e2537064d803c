//! The evidence of a day, cut at every call and made again: the same files, and nothing is named.

use crate::common::everywhere;
use app::Scope;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use store::Table;
use tests::TestShop;
use tests::shop::cards;

const DAY: i64 = 24 * 60 * 60_000;

/// A shop with one order of each of two days, in the night after the second.
async fn two_days(seed: u64) -> TestShop {
    let mut shop = TestShop::new(seed).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("C", 5)).await;
    for n in 0..2 {
        let buyer = shop.order(&format!("a-buyer-of-some-day-{n:04}"), "p", 1).await;
        shop.pay(&buyer, &format!("T{n}")).await;
        shop.deliver_all().await;
        shop.pass(DAY);
    }
    shop.pass(DAY / 4);
    shop
}

fn files(shop: &TestShop) -> BTreeMap<String, Vec<u8>> {
    let names = shop.world.evidence.names().unwrap();
    names.into_iter().map(|name| (name.clone(), shop.world.evidence.read(&name).unwrap().unwrap())).collect()
}

/// The same shop before its first night: a new one takes longer than a night.
fn forget(shop: &TestShop) {
    for name in shop.world.evidence.names().unwrap() {
        shop.world.evidence.tamper(&name, None).unwrap();
    }
    for (table, keys) in [(Table::Shop, ["kind", "id"].as_slice()), (Table::Limits, &["k"])] {
        for item in shop.table(table).iter().filter(|item| item.contains("evidence")) {
            let item: Value = serde_json::from_str(item).unwrap();
            let key: Value = keys.iter().map(|key| ((*key).to_owned(), item[*key].clone())).collect();
            let request = json!({"TableName": format!("kamivend-{}", table.as_str()), "Key": key}).to_string();
            assert_eq!(shop.world.engine.call("DeleteItem", request.as_bytes()).0, 200);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_night_cut_anywhere_and_begun_again_seals_the_same() {
    let shop = two_days(190).await;
    let report = shop.app.audit(Scope::Evidence, i64::MAX).await.unwrap().unwrap();
    assert_eq!((report.differences, report.last_seal.unwrap().day.as_str()), (0, "2026-11-24"));
    let whole = files(&shop);
    assert_eq!(whole.len(), 5, "the first day, two lists, two seals: {:?}", whole.keys());
    everywhere(15, async |_, what, cutter| {
        forget(&shop);
        let (_, app) = shop.tapped(cutter.clone());
        let _ = cutter.run(app.audit(Scope::Evidence, i64::MAX)).await;
        // Another instance goes on where that one stopped, and the night after looks at all of it.
        for _ in 0..2 {
            let report = shop.world.app().audit(Scope::Evidence, i64::MAX).await.unwrap().unwrap();
            assert_eq!(report.differences, 0, "{what}: {report:#?}");
        }
        assert_eq!(files(&shop), whole, "{what}");
        assert_eq!(shop.app.check_evidence().await.unwrap().differences, 0, "{what}");
    })
    .await;
}

/// With no more time than a step each call, by another instance each time.
#[tokio::test(start_paused = true)]
async fn a_night_in_small_pieces_seals_the_same() {
    let whole = two_days(190).await;
    whole.app.audit(Scope::Evidence, i64::MAX).await.unwrap().unwrap();
    let shop = two_days(190).await;
    let mut calls = 1;
    while shop.world.app().audit(Scope::Evidence, 0).await.unwrap().is_none() {
        calls += 1;
        assert!(calls < 100, "it comes to an end");
    }
    assert!(calls > 5, "{calls} calls");
    assert_eq!(files(&shop), files(&whole));
}
