//! When a provider is asked about an attempt that nobody heard of.

use domain::Millis;
use domain::OrderId;
use domain::asking::{AFTER_END_MS, is_due, is_over, next_after_end};
use domain::order::{Order, State};
use rules::orders::order;

#[test]
fn a_question_is_due_once_for_each_of_its_times() {
    assert!(!is_due(0, 0, 4_999));
    assert!(is_due(0, 0, 5_000) && is_due(0, 4_999, 5_000));
    assert!(!is_due(0, 5_000, 29_999));
    assert!(is_due(0, 5_000, 600_000));
    assert!(!is_due(0, 600_000, 1_799_999) && is_due(0, 600_000, 1_800_000));
    assert!(!is_due(0, 1_800_000, Millis::MAX));
    assert!(is_due(0, Millis::MIN, 5_000), "a first look asks");
    assert!(is_due(Millis::MAX, 0, Millis::MAX), "no overflow");
}

fn expired_at(expires_at: Millis) -> Order {
    Order { expires_at, ..order(OrderId([1; 15]), State::Expired, false) }
}

/// Five and thirty minutes, two hours and a day after the hold's end; then daily from whenever it is.
#[test]
fn after_the_hold_the_questions_grow_rare_and_never_end() {
    const MINUTE: Millis = 60_000;
    const DAY: Millis = 24 * 60 * MINUTE;
    assert_eq!(AFTER_END_MS, [5 * MINUTE, 30 * MINUTE, 120 * MINUTE, DAY]);
    let order = expired_at(1_000);
    for (now, next) in [
        (0, 5 * MINUTE),
        (1_000, 5 * MINUTE),
        (999 + 5 * MINUTE, 5 * MINUTE),
        (1_000 + 5 * MINUTE, 30 * MINUTE),
        (1_000 + 30 * MINUTE, 120 * MINUTE),
        (999 + 120 * MINUTE, 120 * MINUTE),
        (1_000 + 120 * MINUTE, DAY),
        (1_000 + DAY, 2 * DAY),
        (1_000 + 9 * DAY, 10 * DAY),
    ] {
        assert_eq!(next_after_end(&order, now), 1_000 + next, "at {now}");
    }
    assert_eq!(next_after_end(&expired_at(Millis::MAX), 7), Millis::MAX, "no overflow");
}

#[test]
fn asking_is_over_when_no_provider_takes_the_money_any_more() {
    let order = expired_at(1_000);
    assert!(!is_over(&order, 500, 1_499));
    assert!(is_over(&order, 500, 1_500) && is_over(&order, 500, 9_999));
    assert!(is_over(&order, 0, 1_000) && !is_over(&order, 0, 999));
    assert!(!is_over(&expired_at(Millis::MAX), 1, Millis::MAX - 1), "no overflow");
}
