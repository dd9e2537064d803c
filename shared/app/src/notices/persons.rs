//! What stands before a person, told when it first does: one notice for each row of the list, however often it is met.

use super::{Fact, Notice, NoticeKind, money};
use crate::attention::amount_of;
use crate::{App, AppError, Report};
use domain::order::{Order, State};
use domain::{Money, OrderId};
use store::{Alarm, MoneyRow};

/// A row of the list as a fact that is about nothing in particular.
fn row(what: &str, reason: &str) -> Fact {
    let (what, reason) = (what.to_owned(), reason.to_owned());
    Fact::NeedsPerson { what, reason, order: None, product: None, amount: None, count: None }
}

impl App {
    /// Tells that an order stands before a person: paid and not delivered, in review, or with its money owed back.
    pub(crate) async fn tell_person(&self, order: &Order) {
        let now = self.clock.now();
        let notice = match order.state {
            // It is being put on the list in this moment, and was read before.
            State::Paid => Some(Notice::order_needs_person(order, "undeliverable", "not_delivered", now)),
            _ => Notice::of_order(order, now).filter(|notice| notice.kind() == NoticeKind::NeedsPerson),
        };
        if let Some(notice) = notice {
            self.tell(&notice).await;
        }
    }

    /// Tells of money that settled no order.
    pub(crate) async fn tell_money(&self, row: &MoneyRow) {
        self.tell(&about_row(row, "money", &row.reason, row.seen_at)).await;
    }

    /// Tells that nobody knows how the return of money that settled no order ended.
    pub(crate) async fn tell_row_unanswered(&self, row: &MoneyRow) {
        self.tell_once(&about_row(row, "money_refund_unanswered", "no_answer", self.clock.now())).await;
    }

    /// Tells that nobody knows how this refund of an order ended; `number` counts from 1.
    pub(crate) async fn tell_refund_unanswered(&self, order: &Order, number: u8) {
        let refund = number.checked_sub(1).and_then(|place| order.refunds.get(usize::from(place)));
        let amount = amount_of(order).zip(refund).map(|(whole, refund)| Money { minor: refund.minor, ..whole });
        let fact = Fact::NeedsPerson {
            what: "refund_unanswered".to_owned(),
            reason: "no_answer".to_owned(),
            order: Some(order.id.to_string()),
            product: Some(order.product.to_string()),
            amount: money(amount),
            count: None,
        };
        let id = format!("person-refund_unanswered-{}-{number}", order.id);
        self.tell_once(&Notice { id, at: self.clock.now(), fact }).await;
    }

    /// Tells of an alarm about a product's strips.
    pub(crate) async fn tell_strips(&self, alarm: &Alarm) {
        let fact = Fact::NeedsPerson {
            what: "alarm".to_owned(),
            reason: alarm.what.clone(),
            order: None,
            product: Some(alarm.product.to_string()),
            amount: None,
            count: Some(u64::from(alarm.count)),
        };
        let id = format!("person-alarm-{}-{}-{}", alarm.product, alarm.what, alarm.seen_at);
        self.tell(&Notice { id, at: alarm.seen_at, fact }).await;
    }

    /// Tells that the shop is closed, if it is: money that comes waits, and nothing is sold or delivered until a person or a clean
    /// audit opens it. One notice for all that waits behind the door.
    pub async fn tell_if_closed(&self) -> Result<(), AppError> {
        if let Some(since) = self.closed_since().await? {
            let id = format!("person-shop_closed-{since}");
            self.tell_once(&Notice { id, at: since, fact: row("shop_closed", "restored") }).await;
        }
        Ok(())
    }

    /// Tells that an audit found differences, all of them in one notice. `before` is the report of the same scope that this one took
    /// the place of: what it named already is no news. The same report again is told again under its own name, because whoever kept
    /// it may have died before telling.
    pub(crate) async fn tell_differences(&self, report: &Report, before: Option<&Report>) {
        let is_known = before.is_some_and(|b| b.started_at != report.started_at && b.differences >= report.differences);
        if report.differences == 0 || is_known {
            return;
        }
        let scope = format!("{:?}", report.scope).to_lowercase();
        let mut fact = row("audit", "differences");
        if let Fact::NeedsPerson { count, .. } = &mut fact {
            *count = Some(report.differences);
        }
        let id = format!("person-audit-{scope}-{}", report.started_at);
        self.tell(&Notice { id, at: report.finished_at, fact }).await;
    }
}

/// Something about money that settled no order, at `at`, Unix ms.
fn about_row(row: &MoneyRow, what: &str, reason: &str, at: domain::Millis) -> Notice {
    let name = crate::keys::hex(&store::keys::money_row(&row.txn));
    let fact = Fact::NeedsPerson {
        what: what.to_owned(),
        reason: reason.to_owned(),
        order: row.order.as_ref().map(OrderId::to_string),
        product: None,
        amount: money(Some(Money { minor: row.minor, currency: row.currency })),
        count: None,
    };
    Notice { id: format!("person-{what}-{name}"), at, fact }
}
