//! Limits against what they follow from: other people's services, each other, and times in words.

use domain::limits::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A claim has 16 bytes and its list one of overhead for each; a write unit of DynamoDB 1,024, and some go to the item's names.
#[test]
fn a_full_strip_is_one_write_unit() {
    let claims = usize::from(STRIP_CARDS) * 17;
    assert!(claims < ORDER_BYTES_MAX && claims + 17 * 12 > 1_000, "{claims}");
    assert!(QUANTITY_MAX <= 3 * u32::from(STRIP_CARDS), "an order touches three fresh strips at the most");
}

/// A card larger than this would not fit, with nonce, tag, hash and names, into the item of its width.
#[test]
fn cards_fit_into_their_items() {
    const ITEM: usize = 16 * 1_024;
    assert_eq!(CARD_MAX, 15_360);
    for (width, card) in [(48, CARD_SMALL_MAX), (12, CARD_MIDDLE_MAX), (1, CARD_MAX)] {
        assert!(width * card < ITEM, "{width} cards of {card} bytes");
    }
}

/// API Gateway carries 10 MB and Lambda 6, of which a body in base64 takes four thirds.
#[test]
fn bodies_pass_through_the_gateway() {
    assert_eq!(IMPORT_PART_MAX, 5_242_880);
    assert_eq!(BODY_MAX, 65_536);
    assert_eq!(FIELDS_MAX, 8_192);
    const { assert!(FIELDS_MAX * 3 < BODY_MAX, "fields that are percent-encoded are a body too") };
}

#[test]
fn times_are_what_their_names_say() {
    assert_eq!(TOKEN_REPEAT_MS, HOUR);
    assert_eq!(COMPLETED_AFTER_MS, 7 * DAY);
    assert_eq!(DATA_KEY_AGE_MS, 5 * MINUTE);
    assert_eq!(TOMBSTONE_MS, 30 * DAY);
    assert_eq!(UNPAID_KEPT_MS, TOMBSTONE_MS);
    assert_eq!(HOLD_IN_ALL_MS, 30 * MINUTE);
    assert_eq!(ATTEMPT_NEEDS_MS, 5 * MINUTE);
    assert_eq!(ORPHAN_AGE_MS, 6 * MINUTE);
}

/// A queue hides a message for longer than any try takes, and keeps it for longer than all of them.
#[test]
fn notices_are_kept_until_they_were_tried() {
    assert_eq!(i64::from(NOTICE_KEPT_SECONDS) * 1_000, 4 * DAY);
    assert_eq!(i64::from(NOTICE_RECEIVES_MAX) * i64::from(NOTICE_HIDDEN_SECONDS) * 1_000, 3 * HOUR);
    assert!(i64::from(RECEIVES_MAX) * i64::from(DELIVERY_HIDDEN_SECONDS) * 1_000 <= ORPHAN_AGE_MS);
}

/// Fifty of the dearest cards and every refund of them can be added up.
#[test]
fn sums_of_money_do_not_overflow() {
    let order = AMOUNT_MAX_MINOR.checked_mul(i64::from(QUANTITY_MAX)).unwrap();
    assert!(order.checked_mul(i64::from(REFUNDS_MAX) * i64::from(ATTEMPTS_MAX)).is_some());
}
