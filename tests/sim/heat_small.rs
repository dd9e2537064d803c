//! The scale model at a size that a test may take. The whole: `cargo run --profile worlds -p sim --bin heat`.

use sim::heat::calibrate::{Size, calibrate};
use sim::heat::report::Report;
use sim::heat::story::{Wish, run};

/// What is known of DynamoDB comes out of the model: a counter saturates, transactions collapse, tables take what they take.
#[test]
fn the_model_is_calibrated() {
    let mut report = Report::default();
    calibrate(Size { rate: 600, seconds: 3, item: 200, fresh: 400, seed: 1 }, &mut report);
    assert!(report.unmet.is_empty(), "{}", report.text());
}

/// A sale of a few hundred orders with its end, its expiry wave and its second wave: nobody is failed, nobody is told "sold out"
/// in vain, nothing is left and nothing is sold twice; and the same seed says the same.
#[test]
fn a_small_sale() {
    let wish = Wish { rate: 40, seconds: 6, stock: None, seed: 1, burst: false, times: false };
    let outcome = run(wish, Report::default());
    assert!(outcome.report.unmet.is_empty(), "{}", outcome.report.text());
    assert!(outcome.rows.iter().all(|row| row.offered > 0), "{}", outcome.report.text());
    let again = run(wish, Report::default());
    assert_eq!(outcome.report.text(), again.report.text());
}
