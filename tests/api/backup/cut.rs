//! An import that is cut off at any call and run again ends as one that was not.

use super::{a_small_shop, elsewhere, export, import, items, open, read};
use std::sync::Arc;
use store::Table;
use tests::shop::cards;
use tests::taps::{Cut, Cutter};

#[tokio::test(start_paused = true)]
async fn an_import_cut_anywhere_and_run_again() {
    let (shop, secrets) = a_small_shop(1_060).await;
    let (file, _) = export(&shop, &secrets, true).await;
    let contents = read(&file);
    let wanted = items(&shop);
    let mut cuts = 0;
    for how in Cut::ALL {
        for at in 1.. {
            let other = elsewhere(1_061, &shop, &secrets);
            let cutter = Arc::new(Cutter::new(at, how));
            let (_, app) = other.tapped(cutter.clone());
            let ended = cutter.run(app.import(file.as_slice(), &contents, &contents.secret)).await;
            if cutter.calls() < at {
                assert!(at > 20, "only {at} calls were made");
                break;
            }
            cuts += 1;
            if let Some(ended) = ended {
                ended.unwrap_or_else(|why| panic!("{how:?} at call {at}: {why}"));
            } else {
                // Whoever opens half a shop finds it closed; before anything was written it is empty.
                let is_begun = !items(&other).is_empty();
                assert!(
                    !is_begun || other.app.is_closed().await.unwrap() || items(&other) == wanted,
                    "{how:?} at {at}"
                );
            }
            other.pass(3_000);
            let done = import(&other, &file, &contents).await;
            assert!(!done.closed, "{how:?} at call {at}");
            assert_eq!(items(&other), wanted, "{how:?} at call {at}");
            assert!(!other.app.import_is_unfinished().await.unwrap());
        }
    }
    assert!(cuts > 100, "{cuts} cuts");
}

/// The door lets money in even while an import is cut off: the order it paid stays paid when the import goes on.
#[tokio::test(start_paused = true)]
async fn money_that_came_between_two_runs_stays() {
    let (mut shop, secrets) = open(1_065).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("CARD", 2)).await;
    let buyer = shop.order("an-order-paid-between-two-runs", "p", 1).await;
    let (file, _) = export(&shop, &secrets, true).await;
    let contents = read(&file);
    let other = elsewhere(1_066, &shop, &secrets);
    // Cut where every item is there, and nothing says so yet.
    for at in 1.. {
        let cutter = Arc::new(Cutter::new(at, Cut::After));
        let (_, app) = other.tapped(cutter.clone());
        let ended = cutter.run(app.import(file.as_slice(), &contents, &contents.secret)).await;
        assert!(ended.is_none(), "it ended without having been cut there");
        if items(&other) == items(&shop) {
            break;
        }
    }
    assert!(other.app.import_is_unfinished().await.unwrap());
    assert_eq!(other.table(Table::Orders), shop.table(Table::Orders));
    assert_eq!(other.notify(&shop.notification(&buyer, "T-between")).await, (200, "success".to_owned()));
    let done = import(&other, &file, &contents).await;
    assert_eq!((done.kept, done.written), (1, 0));
    other.world.set_up().await.unwrap();
    other.pass(3_000);
    assert_eq!(other.read(&buyer).await.1["status"], "paid", "its money is not written over");
    other.minutes(3).await;
    assert_eq!(other.keys(&buyer).await.len(), 1);
    assert_eq!(other.audit().await.differences, 0);
}
