//! Orders in themselves, against the strips, and against their providers.

use super::report::{Report, Scope, at_order, at_slot};
use crate::asking::{Asked, Patience};
use crate::{App, AppError};
use domain::Claim;
use domain::order::{Order, State};
use domain::refund::{done, returned};
use domain::stock::{Entry, Strip};
use futures_util::StreamExt;
use payments::QueryState;
use std::collections::{BTreeSet, HashMap};

/// Milliseconds that a full audit asks providers about paid orders.
const BILLS_MS: i64 = 48 * 60 * 60_000;

/// Providers asked side by side.
const ASKED_AT_ONCE: usize = 8;

/// What a provider says of an order's money, held against ours.
enum Said {
    /// It was not asked, or what it said was settled.
    Nothing,
    Unanswered,
    UnknownToSandbox,
    TheSame,
    Otherwise(&'static str),
}

impl App {
    /// Orders in themselves, against the strips, and against their providers.
    pub(super) async fn audit_orders(&self, orders: &[Order], report: &mut Report) -> Result<(), AppError> {
        let patience = Patience::default();
        for order in orders {
            report.orders += 1;
            if let Some(fault) = self.fault_of(order) {
                report.found(at_order("order_changed", &order.id.to_string(), fault));
            }
            if order.is_live() {
                self.audit_slots(order, report).await?;
            }
        }
        if report.scope == Scope::Recent {
            return Ok(());
        }
        let scope = report.scope;
        let mut questions = Vec::with_capacity(orders.len());
        for order in orders {
            // Boxed: asking and settling nest deeply.
            let patience = &patience;
            questions.push(Box::pin(async move { (order, self.provider_of(order, scope, patience).await) }));
        }
        let mut answers = futures_util::stream::iter(questions).buffered(ASKED_AT_ONCE);
        while let Some((order, answer)) = answers.next().await {
            match answer? {
                Said::Nothing => {}
                Said::Unanswered => report.unanswered += 1,
                Said::UnknownToSandbox => report.unknown_to_sandbox += 1,
                Said::TheSame => report.confirmed_by_provider += 1,
                Said::Otherwise(what) => {
                    report.confirmed_by_provider += 1;
                    report.found(at_order("provider_disagrees", &order.id.to_string(), what));
                }
            }
        }
        Ok(())
    }

    /// What an order's provider says, as far as it is asked.
    async fn provider_of(&self, order: &Order, scope: Scope, patience: &Patience) -> Result<Said, AppError> {
        let is_open = order.state == State::Held || (order.state == State::Expired && order.due.is_some());
        if scope == Scope::Restored && is_open {
            // What came in and was forgotten by the restore is found by asking; settling is what a closed shop does.
            let asked = self.ask_order(order, patience).await?;
            return Ok(if asked == Asked::Unknown { Said::Unanswered } else { Said::Nothing });
        }
        let recently = order.paid_at.is_some_and(|at| self.clock.now() - at < BILLS_MS);
        // After a restore every refund is asked about, however old its order.
        let refunded = !order.refunds.is_empty() || order.state == State::RefundDue;
        if recently || (scope == Scope::Restored && refunded) {
            return self.audit_money(order, patience).await;
        }
        Ok(Said::Nothing)
    }

    /// Whether every slot of a live order holds its claim.
    async fn audit_slots(&self, order: &Order, report: &mut Report) -> Result<(), AppError> {
        let numbers: BTreeSet<u32> = order.slots.iter().map(|run| run.strip).collect();
        let numbers: Vec<u32> = numbers.into_iter().collect();
        let (strips, _) = self.store.strips_with_faults(&order.product, &numbers).await?;
        let strips: HashMap<u32, &Strip> = strips.iter().map(|s| (s.strip.no, &s.strip)).collect();
        let claim = Entry::Claim(Claim { order: order.id, generation: order.generation });
        for run in &order.slots {
            for position in run.positions() {
                let entry = strips.get(&run.strip).and_then(|s| s.entries.get(usize::from(position)));
                if entry != Some(&claim) {
                    let holds = match entry {
                        None => "nobody".to_owned(),
                        Some(Entry::Claim(other)) => format!("{other:?}"),
                        Some(other) => format!("{other:?}"),
                    };
                    let finding = at_slot("slot_lost", &order.product, run.strip, position, Some(order.id), &holds);
                    // The order may have moved on since it was read: then its slots are another matter.
                    let again = self.store.order(&order.id).await?;
                    if again.is_some_and(|o| o.is_live() && o.generation == order.generation) {
                        report.found(finding);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the provider tells the same of an order's money.
    async fn audit_money(&self, order: &Order, patience: &Patience) -> Result<Said, AppError> {
        let Some(settled) = order.settled.as_ref().filter(|s| !s.txn.is_attested()) else { return Ok(Said::Nothing) };
        let Some(attempt) = order.attempt(settled.attempt) else { return Ok(Said::Nothing) };
        let by_channel: Vec<_> = order.refunds.iter().filter(|r| !r.by_hand).cloned().collect();
        let disagrees = match self.ask(attempt, patience).await? {
            QueryState::Unknown(_) => return Ok(Said::Unanswered),
            QueryState::Paid(paid) if paid.provider_number != settled.txn.provider_number() => {
                // Paid twice: the provider names one of the two, whatever its amount. Both are ours if the other one stands as a row.
                let other = domain::Txn::new(&attempt.account, &paid.provider_number);
                let row = match other {
                    Some(txn) => self.store.money_row(&txn).await?,
                    None => None,
                };
                if row.is_some() { None } else { Some("another movement, which is in no row") }
            }
            QueryState::Paid(paid) if paid.amount.minor != attempt.minor => Some("another amount"),
            QueryState::Paid(_) if done(&by_channel) >= attempt.minor => Some("refunded here, not there"),
            QueryState::Paid(_) => None,
            QueryState::Refunded if returned(&order.refunds) > 0 => None,
            // Paid twice, the attempt's number may mean the other payment, whose money went back as that of a row: asked again by the
            // number of the payment that counts.
            QueryState::Refunded => match self.ask_number(&attempt.account, &settled.txn.provider_number()).await? {
                Some(QueryState::Paid(_)) => None,
                Some(QueryState::Unknown(_)) => return Ok(Said::Unanswered),
                _ => Some("refunded there, not here"),
            },
            QueryState::NotFound if self.channel(&attempt.account).await?.is_some_and(|c| c.is_sandbox) => {
                return Ok(Said::UnknownToSandbox);
            }
            QueryState::Pending | QueryState::NotFound | QueryState::Closed => Some("not paid there"),
        };
        Ok(disagrees.map_or(Said::TheSame, Said::Otherwise))
    }
}
