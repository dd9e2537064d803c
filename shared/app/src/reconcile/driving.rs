//! Which orders a pass drives, and which claims it looks at.

use super::STUCK_EVERY_MS;
use domain::asking::is_due;
use domain::limits::{SEND_AGAIN_LEASE_MS, STRIP_CARDS};
use domain::order::{DueKind, Order, State};
use domain::stock::{Entry, Strip};
use domain::{Claim, Millis};

/// Whether an order that owns slots has something to do at `now`.
pub(super) fn wants_driving(order: &Order, since: Millis, now: Millis) -> bool {
    match order.state {
        State::Held if order.expires_at < now => true,
        State::Held => order.attempts.iter().any(|a| is_due(a.made_at, since, now)),
        State::Paid => {
            let is_listed = order.due.is_some_and(|due| due.kind == DueKind::Person);
            let every = if is_listed { STUCK_EVERY_MS } else { SEND_AGAIN_LEASE_MS };
            let last = order.sent_again_at.unwrap_or_default().max(order.paid_at.unwrap_or_default());
            now - last >= every
        }
        _ => false,
    }
}

/// The claims of a strip that are not known to be final, with their positions.
pub(super) fn open_claims(strip: &Strip) -> impl Iterator<Item = (u8, Claim)> + '_ {
    (0..STRIP_CARDS).zip(&strip.entries).filter_map(|(position, entry)| match entry {
        Entry::Claim(claim) if !strip.is_done(position) => Some((position, *claim)),
        _ => None,
    })
}
