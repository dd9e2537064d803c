//! Every limit, named, with its unit and its reason. A limit that nobody can name is a limit that nobody checks.

/// Cards in one strip. 48 claims of 16 bytes make an item of about 841 bytes, below DynamoDB's write unit of 1,024.
pub const STRIP_CARDS: u8 = 48;

/// Cards in one order. Fifty cards touch at most three strips when they come from fresh ones.
pub const QUANTITY_MAX: u32 = 50;

/// Payment attempts in one order: a digit in the attempt's number, and room in the order's item.
pub const ATTEMPTS_MAX: u8 = 5;

/// Bytes of one order item: one write unit for each of its states.
pub const ORDER_BYTES_MAX: usize = 1_024;

/// Bytes of a contact that stay in the order item; a longer one goes to the details item beside it.
pub const CONTACT_INLINE_MAX: usize = 64;

/// Bytes of a contact: the longest e-mail address (RFC 5321, section 4.5.3.1).
pub const CONTACT_MAX: usize = 254;

/// Bytes of all custom fields of an order together. They ride in an item of their own, written once.
pub const FIELDS_MAX: usize = 8 * 1_024;

/// Bytes of what an attempt's provider gave to be shown, beside the order: a page's address of some hundred characters, or a form.
pub const SHOWN_MAX: usize = 8 * 1_024;

/// Milliseconds for which it is kept: longer than any provider is asked about an attempt, and than an unpaid order is kept.
pub const SHOWN_KEPT_MS: i64 = 2 * UNPAID_KEPT_MS;

/// Bytes of a provider's own number. 64 is the longest documented; the rest is room for forks.
pub const PROVIDER_NUMBER_MAX: usize = 128;

/// The largest amount, in minor units: 10^13 keeps fifty of the dearest cards far away from overflow.
pub const AMOUNT_MAX_MINOR: i64 = 10_000_000_000_000;

/// Bytes of one card. With nonce, tag, hash and names one such card fills a vault item of 16 KiB.
pub const CARD_MAX: usize = 15 * 1_024;

/// Bytes of a card up to which a vault item holds 48 of them.
pub const CARD_SMALL_MAX: usize = 100;

/// Bytes of a card up to which a vault item holds 12 of them.
pub const CARD_MIDDLE_MAX: usize = 1_024;

/// Bytes of one part of an import (API Gateway carries at most 10 MB, Lambda 6 MB).
pub const IMPORT_PART_MAX: usize = 5 * 1_024 * 1_024;

/// Bytes of every other request body.
pub const BODY_MAX: usize = 64 * 1_024;

/// Rejected lines named in one import answer.
pub const REJECTED_LINES_MAX: usize = 1_000;

/// Strips named as "known to have room" in a product's head.
pub const HINTS_MAX: usize = 100;

/// Characters of an idempotency key, at the least and at the most.
pub const IDEMPOTENCY_KEY: std::ops::RangeInclusive<usize> = 16..=255;

/// Characters of a look-up password, at the least and at the most.
pub const QUERY_PASSWORD: std::ops::RangeInclusive<usize> = 6..=64;

/// Milliseconds for which a repeated create repeats the order token.
pub const TOKEN_REPEAT_MS: i64 = 60 * 60 * 1_000;

/// Milliseconds after delivery from which an order reads as completed. Derived when read, never stored.
pub const COMPLETED_AFTER_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Milliseconds for which a product or a channel read earlier may be used again without a read.
pub const CATALOGUE_AGE_MS: i64 = 2_000;

/// Milliseconds for which an instance may repeat its own verdict "sold out" without reading the strips again.
pub const SOLD_OUT_AGE_MS: i64 = 500;

/// Milliseconds for which an opened data key stays in memory.
pub const DATA_KEY_AGE_MS: i64 = 5 * 60 * 1_000;

/// Milliseconds a voided order's tombstone lives: a frozen function may thaw and send its write that much later.
pub const TOMBSTONE_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// Milliseconds an order that was never paid is kept once nothing is left to ask about it: as long as a tombstone, for the
/// same reason.
pub const UNPAID_KEPT_MS: i64 = TOMBSTONE_MS;

/// Milliseconds a hold may last in all, however many attempts lengthen it.
pub const HOLD_IN_ALL_MS: i64 = 30 * 60 * 1_000;

/// Milliseconds a new attempt needs: a buyer must have time to pay it.
pub const ATTEMPT_NEEDS_MS: i64 = 5 * 60 * 1_000;

/// Milliseconds after which an order that is paid, or paid late, and not delivered is driven again by whoever reads it.
pub const SEND_AGAIN_AFTER_MS: i64 = 2_000;

/// Milliseconds between two sendings of one order, however many people ask for it.
pub const SEND_AGAIN_LEASE_MS: i64 = 10_000;

/// Milliseconds between two "I have paid" of one order.
pub const CHECK_EVERY_MS: i64 = 5_000;

/// Refunds of one order: room in its item.
pub const REFUNDS_MAX: u8 = 9;

/// Bytes of the reference of a payment or refund made by hand.
pub const REFERENCE_MAX: usize = 64;

/// Receives of a delivery message before its queue sets it aside: the queue is set up with this number, and delivery tells a
/// last failure by it.
pub const RECEIVES_MAX: u32 = 5;

/// Seconds for which the queue hides a delivery message that somebody is at: six times what a delivery may take, as AWS asks of event
/// sources.
pub const DELIVERY_HIDDEN_SECONDS: u32 = 60;

/// Seconds for which the queue hides a notice that somebody is at: six times what telling it may take, as AWS asks of event sources.
pub const NOTICE_HIDDEN_SECONDS: u32 = 360;

/// Receives of a notice before its queue sets it aside. Thirty tries are three hours: receivers are deployed badly for an hour and
/// then well.
pub const NOTICE_RECEIVES_MAX: u32 = 30;

/// Seconds for which the queue keeps a notice at the most: four days.
pub const NOTICE_KEPT_SECONDS: u32 = 345_600;

/// Ownerless claims that one pass gives up by itself; more than these at once are a person's business.
pub const ORPHANS_MAX: usize = 5;

/// Milliseconds between the first sight of an ownerless claim and its being given up: six times the longest a create may
/// run, so that a slow one is not given up under its buyer's hands.
pub const ORPHAN_AGE_MS: i64 = 6 * 60 * 1_000;
