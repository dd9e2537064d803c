//! What a buyer may do with an order that waits for money: try another way to pay, or give it up.

use crate::asking::Patience;
use crate::catalogue::ChannelSetting;
use crate::closing::HoldEnding;
use crate::{App, AppError};
use domain::asking::GRACE_MS;
use domain::limits::{ATTEMPT_NEEDS_MS, ATTEMPTS_MAX, HOLD_IN_ALL_MS};
use domain::order::{Attempt, Due, DueKind, Order, State, Why};
use domain::product::Product;
use domain::{AccountId, OutTradeNo};
use store::Outcome;

/// An attempt that may be paid now.
#[derive(Debug)]
pub struct AttemptAnswer {
    /// The order as it stands.
    pub order: Order,
    /// The attempt's number within it.
    pub number: u8,
    /// The product.
    pub product: Product,
    /// The attempt's channel.
    pub channel: ChannelSetting,
    /// Whether this call made it.
    pub is_new: bool,
}

/// Why there is no such attempt. In order of precedence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AttemptRefusal {
    /// The order does not wait for money.
    NotWaiting,
    /// The channel is not one of the product's.
    Channel,
    /// The channel takes no payment now.
    ChannelDown,
    /// The order has as many attempts as one may have.
    TooMany,
    /// There is no time left to pay in.
    TooLate,
}

/// What came of giving an order up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CancelAnswer {
    /// It is closed, and its cards are free.
    Closed(Box<Order>),
    /// It is not waiting for money: paid meanwhile, or at its end.
    NotWaiting(Box<Order>),
}

/// Readings of an order before giving way to whoever keeps changing it.
const TRIES: usize = 4;

impl App {
    /// Another attempt to pay an order. The same channel with an open attempt answers that attempt. The hold is lengthened
    /// where the buyer would have less than five minutes, to thirty minutes in all.
    pub async fn another_attempt(
        &self,
        order: &Order,
        account: &AccountId,
    ) -> Result<Result<AttemptAnswer, AttemptRefusal>, AppError> {
        let mut order = order.clone();
        for _ in 0..TRIES {
            let now = self.clock.now();
            if order.state != State::Held {
                return Ok(Err(AttemptRefusal::NotWaiting));
            }
            let Some(product) = self.product(&order.product).await? else {
                return Err(AppError::Setting("the product of an order"));
            };
            let channel = self.channel(account).await?;
            let open = order.attempts.iter().rev().find(|a| a.account == *account).map(|a| (a.no.attempt, a.version));
            if let Some((number, version)) = open
                && let Some(channel) = self.channel_of(account, version).await?
            {
                return Ok(Ok(AttemptAnswer { order, number, product, channel, is_new: false }));
            }
            if !product.channels.contains(account) {
                return Ok(Err(AttemptRefusal::Channel));
            }
            let (Some(first), Some(newest)) = (order.attempts.first(), order.newest_attempt()) else {
                return Err(AppError::Unforeseen("an order without an attempt"));
            };
            let Some(channel) = channel.filter(|c| c.enabled && c.channel.currency() == newest.currency) else {
                return Ok(Err(AttemptRefusal::ChannelDown));
            };
            if newest.no.attempt >= ATTEMPTS_MAX {
                return Ok(Err(AttemptRefusal::TooMany));
            }
            let latest = order.created_at.saturating_add(HOLD_IN_ALL_MS);
            let wanted = now.saturating_add(ATTEMPT_NEEDS_MS);
            let expires_at = order.expires_at.max(wanted.min(latest));
            if expires_at < wanted || order.expires_at <= now {
                return Ok(Err(AttemptRefusal::TooLate));
            }
            let number = newest.no.attempt + 1;
            let mut attempt = Attempt {
                no: OutTradeNo { attempt: number, ..first.no },
                account: account.clone(),
                version: channel.version,
                minor: newest.minor,
                currency: newest.currency,
                made_at: now,
                mac: [0; 12],
            };
            attempt.mac = self.keys.attempt(&order.id, &order.product, order.quantity, order.to_review, &attempt);
            let due = Due { kind: DueKind::Ask, at: expires_at.saturating_add(GRACE_MS) };
            order = match self.store.add_attempt(&order, &attempt, expires_at, due).await? {
                Outcome::Applied(order) => {
                    self.count_attempt(&attempt);
                    return Ok(Ok(AttemptAnswer { order, number, product, channel, is_new: true }));
                }
                // Somebody else's attempt of the same number may be another channel's: look again.
                Outcome::AlreadyApplied(found) | Outcome::Refused(Some(found)) => found,
                Outcome::Refused(None) => return Ok(Err(AttemptRefusal::NotWaiting)),
            };
        }
        Err(AppError::Contended)
    }

    /// The buyer gives an unpaid order up. Its providers are asked first; money that arrives all the same takes the late path.
    pub async fn cancel_order(&self, order: &Order) -> Result<CancelAnswer, AppError> {
        let mut order = order.clone();
        for _ in 0..TRIES {
            if order.state == State::Held
                && let HoldEnding::Closed(closed) = self.end_hold(&order, Why::Cancelled, &Patience::default()).await?
            {
                self.release_closed(&closed).await;
                return Ok(CancelAnswer::Closed(closed));
            }
            if order.state == State::Expired {
                return Ok(CancelAnswer::Closed(Box::new(order)));
            }
            if order.state != State::Held {
                return Ok(CancelAnswer::NotWaiting(Box::new(order)));
            }
            let Some(found) = self.store.order(&order.id).await? else {
                return Err(AppError::Unforeseen("an order that is gone"));
            };
            order = found;
        }
        Err(AppError::Contended)
    }
}
