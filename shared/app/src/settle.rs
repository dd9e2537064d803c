//! Settling: what becomes of money a provider vouched for. One write on the happy path; the whole money table otherwise.

use crate::showcase::ExtraMoney;
use crate::{App, AppError, DeliverMessage};
use domain::guards::{holds, planted};
use domain::order::{Attempt, Effect, Event, MoneyReason, Order, Payment, State, decide};
use domain::refund::MoneyState;
use domain::{AccountId, Money, OutTradeNo, Txn};
use store::{MoneyRow, Outcome};

/// What became of the money. Each answer is durable, so each may be acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettleAnswer {
    /// It pays its order, which is on its way to delivery.
    Delivering,
    /// It came after the hold; the order seeks stock anew, or has ended with its money owed back.
    Late,
    /// It pays an order that a person looks at first.
    InReview,
    /// It pays its order, and waits until the shop is open again.
    Waiting,
    /// It was known, and there is nothing more to do.
    Known,
    /// It settles no order and stands as a row a person sees.
    Recorded(MoneyReason),
}

/// Readings of an order that moves while it is being paid. Each one is a step forward along its states, of which there are few.
const TRIES: usize = 6;

impl App {
    /// Settles money that a provider vouches for: it arrived on `account` for the number `out_trade_no`.
    ///
    /// An error means that nothing may be acknowledged: the provider must tell us again.
    pub async fn settle(
        &self,
        account: &AccountId,
        out_trade_no: &str,
        provider_number: &str,
        amount: Money,
    ) -> Result<SettleAnswer, AppError> {
        let txn = Txn::new(account, provider_number).ok_or(AppError::Unforeseen("provider number"))?;
        self.settle_movement(txn, account, out_trade_no, amount).await
    }

    /// Settles money that the owner vouches for: a kind of proof of its own, by its own reference.
    pub(crate) async fn settle_attested(&self, attempt: &Attempt, reference: &str) -> Result<SettleAnswer, AppError> {
        let txn = Txn::attested(&attempt.no.order, reference).ok_or(AppError::Unforeseen("reference"))?;
        let amount = Money { minor: attempt.minor, currency: attempt.currency };
        self.settle_movement(txn, &attempt.account, &attempt.no.to_string(), amount).await
    }

    async fn settle_movement(
        &self,
        txn: Txn,
        account: &AccountId,
        out_trade_no: &str,
        amount: Money,
    ) -> Result<SettleAnswer, AppError> {
        let Some(no) = OutTradeNo::parse(out_trade_no) else {
            return self.record(&txn, account, out_trade_no, None, amount, MoneyReason::UnknownOrder).await;
        };
        let mac = self.keys.payment(&no, &txn, amount.minor, amount.currency);
        let payment =
            Payment { txn, account: account.clone(), no, minor: amount.minor, currency: amount.currency, mac };
        for _ in 0..TRIES {
            let now = self.clock.now();
            let paid = match self.store.pay(&payment, now).await {
                Err(_) if planted("settle: success before the payment is durable") => return Ok(SettleAnswer::Known),
                paid => paid?,
            };
            self.count_proof(&payment, &paid, now);
            let found = match paid {
                Outcome::Applied(order) | Outcome::AlreadyApplied(order) => return self.send_to_delivery(&order).await,
                Outcome::Refused(found) => found,
            };
            let Ok(decision) = decide(found.as_ref(), &Event::MoneyProven(payment.clone()), now) else {
                return Ok(SettleAnswer::Known);
            };
            match (decision.next, decision.effects.first(), found) {
                (Some(State::Review), ..) => {
                    let paid = self.store.pay_for_review(&payment, now).await?;
                    self.count_proof(&payment, &paid, now);
                    match paid {
                        Outcome::Applied(order) | Outcome::AlreadyApplied(order) => {
                            self.tell_person(&order).await;
                            return Ok(SettleAnswer::InReview);
                        }
                        Outcome::Refused(_) => {}
                    }
                }
                (Some(State::Late), ..) => {
                    let paid = self.store.pay_late(&payment, now).await?;
                    self.count_proof(&payment, &paid, now);
                    match paid {
                        Outcome::Applied(order) | Outcome::AlreadyApplied(order) => {
                            return Ok(self.came_late(&order).await);
                        }
                        Outcome::Refused(_) => {}
                    }
                }
                (None, Some(Effect::Deliver), Some(order)) => return self.send_to_delivery(&order).await,
                (None, Some(Effect::SeekStock), Some(order)) => return Ok(self.came_late(&order).await),
                (None, Some(Effect::RecordMoney(reason)), _) => {
                    return self.record(&payment.txn, account, out_trade_no, Some(no), amount, *reason).await;
                }
                // It has become acceptable meanwhile: begin again.
                _ => {}
            }
        }
        Err(AppError::Contended)
    }

    /// Late money is durable and listed; seeking its stock may fail now and is driven again.
    async fn came_late(&self, order: &Order) -> SettleAnswer {
        // Boxed: seeking stock nests deeply, and every caller of settling would carry its size.
        if let Err(error) = Box::pin(self.drive_late(order)).await {
            tracing::warn!(order = %order.id, %error, "late money is driven again later");
        }
        SettleAnswer::Late
    }

    /// Sends a paid order to delivery. Twice is harmless: delivery finds it delivered. While the shop is closed nothing is
    /// sent; the sweep finds the order when it opens.
    pub async fn send_to_delivery(&self, order: &Order) -> Result<SettleAnswer, AppError> {
        if !holds("settle: sent only while the shop is open", !self.is_closed().await?) {
            return Ok(SettleAnswer::Waiting);
        }
        let id = self.ids.uuid(self.clock.now()).to_string();
        let sent = self.queue.send(&DeliverMessage::of(order), &id).await;
        if !planted("settle: success before the message is sent") {
            sent?;
        }
        Ok(SettleAnswer::Delivering)
    }

    async fn record(
        &self,
        txn: &Txn,
        account: &AccountId,
        out_trade_no: &str,
        no: Option<OutTradeNo>,
        amount: Money,
        reason: MoneyReason,
    ) -> Result<SettleAnswer, AppError> {
        let row = MoneyRow {
            txn: txn.clone(),
            reason: reason.as_str().to_owned(),
            account: account.clone(),
            out_trade_no: out_trade_no.to_owned(),
            order: no.map(|n| n.order),
            minor: amount.minor,
            currency: amount.currency,
            state: MoneyState::Open,
            reference: String::new(),
            seen_at: self.clock.now(),
            look_at: self.clock.now(),
        };
        let recorded = self.store.record_money(&row).await;
        if !planted("settle: success before the row is durable") {
            recorded?;
        }
        if let (Some(no), MoneyReason::Double | MoneyReason::WrongAmount) = (no, reason) {
            let extra = ExtraMoney {
                reason: reason.as_str().to_owned(),
                account: account.to_string(),
                minor: amount.minor,
                currency: amount.currency.to_string(),
                at: row.seen_at,
            };
            self.note_extra(&no.order, extra).await;
        }
        self.tell_money(&row).await;
        Ok(SettleAnswer::Recorded(reason))
    }
}
