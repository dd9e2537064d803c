//! When a provider is asked about an attempt that nobody heard of. Pure: times come in, times go out.

use crate::Millis;
use crate::order::Order;

/// Milliseconds after an attempt was made at which its provider is asked, while the hold lasts. The first is for the buyer
/// whose notification was lost while they look at the page.
pub const AFTER_ATTEMPT_MS: [i64; 7] = [5_000, 30_000, 60_000, 180_000, 300_000, 600_000, 1_800_000];

/// Milliseconds for which a hold that has lapsed waits for a provider that gives no answer. Then the hold ends all the same:
/// the late path takes care of money that arrived.
pub const GRACE_MS: i64 = 5 * 60 * 1_000;

/// Milliseconds after the hold's end at which a provider is asked about an order that was closed unpaid.
pub const AFTER_END_MS: [i64; 4] = [GRACE_MS, 30 * 60_000, 2 * 3_600_000, 24 * 3_600_000];

/// Milliseconds between questions once all of the times above are over and there was still no answer.
const THEN_EVERY_MS: i64 = 24 * 3_600_000;

/// Whether one of the times at which an open attempt is asked about lies after `since` and not after `now`. Whoever looks
/// once a minute passes the time it looked last; a first look passes `Millis::MIN` and asks about everything once.
pub fn is_due(made_at: Millis, since: Millis, now: Millis) -> bool {
    AFTER_ATTEMPT_MS.iter().any(|after| {
        let at = made_at.saturating_add(*after);
        since < at && at <= now
    })
}

/// When to ask next about an order whose hold has ended, Unix ms, always after `now`.
pub fn next_after_end(order: &Order, now: Millis) -> Millis {
    let times = AFTER_END_MS.iter().map(|after| order.expires_at.saturating_add(*after));
    times.into_iter().find(|at| *at > now).unwrap_or_else(|| now.saturating_add(THEN_EVERY_MS))
}

/// Whether an answer "not paid" of this moment ends the asking: no provider lets a trade be paid so long after the hold.
/// `payable_ms` is how long the slowest of the order's channels does.
pub fn is_over(order: &Order, payable_ms: i64, now: Millis) -> bool {
    now >= order.expires_at.saturating_add(payable_ms)
}
