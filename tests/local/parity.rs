//! Our queue in process against the same over HTTP, in real time; `.ci/parity` holds both against another implementation.

use tests::parity::known::{KNOWN, judge};
use tests::parity::{Side, differences, queue};

#[tokio::test]
async fn the_queue_is_the_same_in_process_and_over_http() {
    let sides = [Side::in_process(), Side::own_front().await];
    let reports = queue::run(&sides).await;
    assert!(reports[0].lines.len() > 100, "{} things were looked at", reports[0].lines.len());
    assert_eq!(judge(&differences(&reports), KNOWN, &[sides[0].name, sides[1].name]), Vec::<String>::new());
}
