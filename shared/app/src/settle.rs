//! Settling: what becomes of money a provider vouched for. One write on the happy path; the whole money table otherwise.

use crate::{App, AppError, DeliverMessage};
use domain::order::{Effect, Event, MoneyReason, Order, Payment, decide};
use domain::{AccountId, Money, OutTradeNo, Txn};
use store::{MoneyRow, Outcome};

/// What became of the money. Each answer is durable, so each may be acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettleAnswer {
    /// It pays its order, which is on its way to delivery.
    Delivering,
    /// It was known, and there is nothing more to do.
    Known,
    /// It settles no order and stands as a row a person sees.
    Recorded(MoneyReason),
}

impl App {
    /// Settles money that arrived on `account` for the number `out_trade_no`.
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
        let Some(no) = OutTradeNo::parse(out_trade_no) else {
            return self.record(&txn, account, out_trade_no, None, amount, MoneyReason::UnknownOrder).await;
        };
        let payment = Payment { txn, account: account.clone(), no, minor: amount.minor, currency: amount.currency };
        let now = self.clock.now();
        let found = match self.store.pay(&payment, now).await? {
            Outcome::Applied(order) | Outcome::AlreadyApplied(order) => return self.send_to_delivery(&order).await,
            Outcome::Refused(found) => found,
        };
        match decide(found.as_ref(), &Event::MoneyProven(payment.clone()), now) {
            Err(_) => Ok(SettleAnswer::Known),
            Ok(decision) => match (decision.next, decision.effects.first(), found) {
                (None, Some(Effect::Deliver), Some(order)) => self.send_to_delivery(&order).await,
                (None, Some(Effect::RecordMoney(reason)), _) => {
                    self.record(&payment.txn, account, out_trade_no, Some(no), amount, *reason).await
                }
                _ => Err(AppError::Unforeseen("money for an order this version never leaves in such a state")),
            },
        }
    }

    /// Sends a paid order to delivery. Twice is harmless: delivery finds it delivered.
    pub async fn send_to_delivery(&self, order: &Order) -> Result<SettleAnswer, AppError> {
        let id = self.ids.uuid(self.clock.now()).to_string();
        self.queue.send(&DeliverMessage::of(order), &id).await?;
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
            state: "open".to_owned(),
            seen_at: self.clock.now(),
        };
        self.store.record_money(&row).await?;
        Ok(SettleAnswer::Recorded(reason))
    }
}
