//! An import that is cut off at any call and run again ends as one that was not.

use super::{a_small_shop, elsewhere, export, import, items, read};
use std::sync::Arc;
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
