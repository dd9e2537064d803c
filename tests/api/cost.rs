//! The READMEs say what is counted.

use tests::cost::{MARKS, count, page};

#[tokio::test(start_paused = true)]
async fn the_cost_pages_are_what_is_counted() {
    let bill = Box::pin(count()).await;
    for (file, chinese) in [(include_str!("../../README.md"), false), (include_str!("../../README.zh-CN.md"), true)] {
        let there = file.split_once(MARKS.0).and_then(|(_, rest)| rest.split_once(MARKS.1)).expect("two marks").0;
        let why = "cargo run -p tests --bin cost -- --write";
        assert_eq!(there, page(&bill, chinese), "{why}");
    }
    // The owner's promise: a thousand orders of programs for less than two cents.
    assert!(page(&bill, false).contains("**0.01"), "{}", page(&bill, false));
}
