//! Orders in themselves, against the strips, and against their providers.

use super::report::{Report, Scope, at_order, at_slot};
use crate::asking::{Asked, Patience};
use crate::{App, AppError};
use domain::Claim;
use domain::order::{Order, State};
use domain::stock::{Entry, Strip};
use payments::QueryState;
use std::collections::{BTreeSet, HashMap};

/// Milliseconds that a full audit asks providers about paid orders.
const BILLS_MS: i64 = 48 * 60 * 60_000;

impl App {
    /// Orders in themselves, against the strips, and against their providers.
    pub(super) async fn audit_orders(&self, orders: &[Order], report: &mut Report) -> Result<(), AppError> {
        let now = self.clock.now();
        let patience = Patience::default();
        for order in orders {
            report.orders += 1;
            let id = order.id.to_string();
            if let Some(fault) = self.fault_of(order) {
                report.found(at_order("order_changed", &id, fault));
            }
            if order.is_live() {
                self.audit_slots(order, report).await?;
            }
            let recently = order.paid_at.is_some_and(|at| now - at < BILLS_MS);
            if report.scope != Scope::Recent && recently {
                self.audit_money(order, &patience, report).await?;
            }
            if report.scope == Scope::Restored && matches!(order.state, State::Held | State::Expired) {
                // What came in and was forgotten by the restore is found by asking; settling is what a closed shop does.
                if self.ask_order(order, &patience).await? == Asked::Unknown {
                    report.unanswered += 1;
                }
            }
        }
        Ok(())
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
    async fn audit_money(&self, order: &Order, patience: &Patience, report: &mut Report) -> Result<(), AppError> {
        let Some(settled) = order.settled.as_ref().filter(|s| !s.txn.is_attested()) else { return Ok(()) };
        let Some(attempt) = order.attempt(settled.attempt) else { return Ok(()) };
        let disagrees = match self.ask(attempt, patience).await? {
            QueryState::Unknown(_) => {
                report.unanswered += 1;
                return Ok(());
            }
            QueryState::Paid(paid) if paid.amount.minor != attempt.minor => Some("another amount"),
            QueryState::Paid(paid) if paid.provider_number != settled.txn.provider_number() => {
                // Paid twice: the provider names one of the two. Both are ours if the other one stands as a row.
                let other = domain::Txn::new(&attempt.account, &paid.provider_number);
                let row = match other {
                    Some(txn) => self.store.money_row(&txn).await?,
                    None => None,
                };
                if row.is_some() { None } else { Some("another movement, which is in no row") }
            }
            QueryState::Paid(_) => None,
            QueryState::Refunded if !order.refunds.is_empty() => None,
            QueryState::Refunded => Some("refunded there, not here"),
            QueryState::NotFound if self.channel(&attempt.account).await?.is_some_and(|c| c.is_sandbox) => {
                report.unknown_to_sandbox += 1;
                return Ok(());
            }
            QueryState::Pending | QueryState::NotFound | QueryState::Closed => Some("not paid there"),
        };
        report.confirmed_by_provider += 1;
        if let Some(what) = disagrees {
            report.found(at_order("provider_disagrees", &order.id.to_string(), what));
        }
        Ok(())
    }
}
