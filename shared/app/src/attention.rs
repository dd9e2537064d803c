//! What needs a person: each row says what happened, why, since when, and what may be done about it.

use crate::keys::hex;
use crate::{App, AppError};
use domain::order::{DueKind, Order, State, Why};
use domain::refund::{MoneyState, RefundState};
use domain::{Millis, Money, OrderId};
use futures_util::StreamExt;
use store::{DueItem, MoneyRow, StoreError};

/// Rows of each kind and shard that are listed; the oldest first.
const LISTED: i32 = 100;

/// The kinds of unfinished business that a person may have to see. The asking of providers is never one.
const PERSONAL: [DueKind; 6] =
    [DueKind::Late, DueKind::Review, DueKind::Refund, DueKind::Person, DueKind::Money, DueKind::Alarm];

/// Items read side by side.
const READ_AT_ONCE: usize = 16;

/// Milliseconds after which something that machines drive is shown to a person all the same.
const SLOW_MS: i64 = 10 * 60_000;

/// One thing for a person to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Its name in the addresses of its actions: an order's id, or a row's key. `shop` and reports have addresses of their own.
    pub id: String,
    /// What kind of thing, from a closed list.
    pub kind: &'static str,
    /// The order it is about, if there is one.
    pub order: Option<OrderId>,
    /// The money it is about, if there is any.
    pub amount: Option<Money>,
    /// Why, as a word.
    pub reason: String,
    /// What was said about it last, for people.
    pub note: String,
    /// Since when, Unix ms.
    pub since: Millis,
    /// What may be done.
    pub actions: Vec<&'static str>,
}

/// What needs a person now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attention {
    /// The rows, the oldest first.
    pub rows: Vec<Row>,
    /// Whether there may be younger ones of some kind, which are shown once these are done.
    pub more: bool,
}

/// How a row that is no order is called: its key, in hexadecimal.
fn row_name(key: &[u8]) -> String {
    hex(key)
}

/// Why an order's money is owed back, in the word its buyer reads too.
pub(crate) fn owed_because(order: &Order) -> &'static str {
    match order.why {
        Some(Why::SoldOut) => "sold_out_when_paid",
        Some(why) => why.as_str(),
        None => "",
    }
}

pub(crate) fn amount_of(order: &Order) -> Option<Money> {
    let settled = order.settled.as_ref().and_then(|s| order.attempt(s.attempt));
    let attempt = settled.or(order.newest_attempt())?;
    Some(Money { minor: attempt.minor, currency: attempt.currency })
}

impl App {
    /// What needs a person now: of each kind at least the hundred oldest.
    pub async fn attention(&self) -> Result<Attention, AppError> {
        let mut rows = Vec::new();
        let (items, more) = self.store.due(&PERSONAL, Millis::MAX, LISTED).await?;
        let mut work = Vec::with_capacity(items.len());
        for item in &items {
            work.push(self.row_or_fault(item));
        }
        let mut read = futures_util::stream::iter(work).buffered(READ_AT_ONCE);
        while let Some(row) = read.next().await {
            rows.extend(row?);
        }
        if let Some(since) = self.closed_since().await? {
            rows.push(Row {
                id: "shop".to_owned(),
                kind: "shop_closed",
                order: None,
                amount: None,
                reason: "restored".to_owned(),
                note: String::new(),
                since,
                actions: vec!["open"],
            });
        }
        for report in self.audit_reports().await?.into_iter().filter(|r| r.differences > 0) {
            rows.push(Row {
                id: format!("audit-{:?}", report.scope).to_lowercase(),
                kind: "audit",
                order: None,
                amount: None,
                reason: "differences".to_owned(),
                note: report.differences.to_string(),
                since: report.finished_at,
                actions: vec!["read_report"],
            });
        }
        rows.sort_by_key(|row| row.since);
        Ok(Attention { rows, more })
    }

    /// What does not read is a row of its own; it must not hide the others.
    async fn row_or_fault(&self, item: &DueItem) -> Result<Option<Row>, AppError> {
        let is_order = !matches!(item.kind, DueKind::Money | DueKind::Alarm);
        match self.row_of(item).await.inspect_err(|error| tracing::error!(%error, "a row does not read")) {
            Err(AppError::Store(error @ StoreError::Unavailable { .. })) => Err(error.into()),
            Err(_) => Ok(Some(Row {
                id: row_name(&item.key),
                kind: "unreadable",
                order: is_order.then(|| <[u8; 15]>::try_from(item.key.as_slice()).ok().map(OrderId)).flatten(),
                amount: None,
                reason: "does_not_read".to_owned(),
                note: String::new(),
                since: item.at,
                actions: vec!["read_report"],
            })),
            other => other,
        }
    }

    async fn row_of(&self, item: &DueItem) -> Result<Option<Row>, AppError> {
        if item.kind == DueKind::Alarm {
            return self.alarm_row(&item.key).await;
        }
        if item.kind != DueKind::Money
            && let Ok(id) = <[u8; 15]>::try_from(item.key.as_slice())
            && let Some(order) = self.store.order(&OrderId(id)).await?
        {
            return self.order_row(&order).await;
        }
        match self.store.row_at(&item.key).await? {
            Some(row) => Ok(Some(self.money_row(&item.key, &row).await?)),
            None => Ok(None),
        }
    }

    async fn order_row(&self, order: &Order) -> Result<Option<Row>, AppError> {
        let now = self.clock.now();
        let since = order.paid_at.unwrap_or(order.created_at);
        let row = |kind, reason: &str, actions| Row {
            id: order.id.to_string(),
            kind,
            order: Some(order.id),
            amount: amount_of(order),
            reason: reason.to_owned(),
            note: order.refunds.last().map(|r| r.reference.clone()).unwrap_or_default(),
            since,
            actions,
        };
        let unanswered = order.refunds.iter().rposition(|r| r.state == RefundState::Started && !r.by_hand);
        if let Some(place) = unanswered {
            let mut row = row("refund_unanswered", "no_answer", vec!["refund_done", "refund_failed"]);
            row.amount = amount_of(order)
                .zip(order.refunds.get(place))
                .map(|(whole, refund)| Money { minor: refund.minor, ..whole });
            row.note = (place + 1).to_string();
            return Ok(Some(row));
        }
        Ok(match order.state {
            State::Review => Some(row("review", "to_review", vec!["pass", "refuse"])),
            State::RefundDue => {
                let actions = if self.can_refund(order).await? {
                    vec!["refund", "refund_by_hand"]
                } else {
                    vec!["refund_by_hand"]
                };
                Some(row("refund_due", owed_because(order), actions))
            }
            State::Paid if order.due.is_some_and(|due| due.kind == DueKind::Person) => {
                Some(row("undeliverable", "not_delivered", vec!["refund", "refund_by_hand"]))
            }
            State::Late if now - since >= SLOW_MS => Some(row("late", "seeking_stock", vec![])),
            _ => None,
        })
    }

    async fn money_row(&self, key: &[u8], row: &MoneyRow) -> Result<Row, AppError> {
        let actions = match row.state {
            MoneyState::Refunding => vec!["refunded", "not_refunded"],
            _ if self.row_can_refund(row).await? => vec!["refund", "refunded", "keep"],
            _ => vec!["refunded", "keep"],
        };
        Ok(Row {
            id: row_name(key),
            kind: if row.state == MoneyState::Refunding { "money_refund_unanswered" } else { "money" },
            order: row.order,
            amount: Some(Money { minor: row.minor, currency: row.currency }),
            reason: row.reason.clone(),
            note: row.reference.clone(),
            since: row.seen_at,
            actions,
        })
    }

    async fn alarm_row(&self, key: &[u8]) -> Result<Option<Row>, AppError> {
        let alarm = self.store.alarm_at(key).await?.filter(|alarm| alarm.is_open && !alarm.confirmed);
        Ok(alarm.map(|alarm| Row {
            id: row_name(key),
            kind: "alarm",
            order: None,
            amount: None,
            reason: alarm.what.clone(),
            note: format!("{}: {}", alarm.product, alarm.count),
            since: alarm.seen_at,
            actions: vec!["confirm"],
        }))
    }

    /// The key that a row's name stands for.
    pub fn row_key(name: &str) -> Option<Vec<u8>> {
        crate::keys::unhex(name).filter(|key| !key.is_empty())
    }

    /// A person has looked at an alarm. Ownerless claims are given up by the next pass; of claims that no cut-off create can
    /// leave nothing is ever released by itself. `None`: there is no such alarm.
    pub async fn confirm_alarm(&self, key: &[u8], who: &str, reference: &str) -> Result<Option<()>, AppError> {
        let Some(alarm) = self.store.alarm_at(key).await?.filter(|alarm| alarm.is_open) else { return Ok(None) };
        self.note_deed(who, "alarm_confirmed", &format!("{} {}", alarm.product, alarm.what), None, reference).await?;
        if alarm.what == crate::reconcile::OWNERLESS {
            self.store.confirm_alarm(&alarm).await?;
        } else {
            self.store.end_alarm(&alarm).await?;
        }
        Ok(Some(()))
    }
}
