//! What the seller is told as it happens. A notice is a fact that is durable already: it is put into a queue of its own after that,
//! and whatever becomes of it, no order waits for it and none fails because of it. Without anybody who wants to hear of it nothing is
//! sent at all.

mod alarms;
mod buyers;
mod persons;
mod receivers;
mod sending;
mod telling;
mod words;

pub use alarms::{Change, Heard, change_of};
pub use buyers::{AskedAnswer, Begin, BuyerMail, Letter, MailedOrder};
pub(crate) use receivers::Receivers;
pub use receivers::{Lang, Quiet, RECEIVERS_MAX, Receiver};
pub(crate) use telling::Results;
pub use telling::{LastResult, Pushed, Received};

use crate::attention::{amount_of, owed_because};
use crate::{App, AppError};
use domain::order::{DueKind, Order, State};
use domain::{Millis, Money, ProductId};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long telling may take at the most. It comes after everything else, but what runs it may be waited for.
const TELLING: Duration = Duration::from_secs(2);

/// A repeated delivery message tells of a sale only when the sale is no older, ms: whoever delivered it may have died before telling.
const RETOLD_MS: i64 = 10 * 60_000;

/// How long it is remembered that a lasting fact was told, ms.
const TOLD_ONCE_MS: i64 = 30 * 24 * 60 * 60_000;

/// Two falls of one product's stock within so many ms are one.
const FALL_MS: i64 = 10 * 60_000;

/// A kind of notice, which a receiver wants or not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// An alarm of the deployment changed its state.
    Fault,
    /// Something stands before a person.
    NeedsPerson,
    /// An order was delivered.
    Sale,
    /// Few cards of a product are left.
    LowStock,
    /// A person wants to see whether it works.
    Test,
}

impl NoticeKind {
    /// Every kind.
    pub const ALL: [NoticeKind; 5] =
        [NoticeKind::Fault, NoticeKind::NeedsPerson, NoticeKind::Sale, NoticeKind::LowStock, NoticeKind::Test];

    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            NoticeKind::Fault => "fault",
            NoticeKind::NeedsPerson => "needs_person",
            NoticeKind::Sale => "sale",
            NoticeKind::LowStock => "low_stock",
            NoticeKind::Test => "test",
        }
    }

    /// Reads the stable word.
    pub fn parse(word: &str) -> Option<NoticeKind> {
        NoticeKind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What happened. No card, no contact and no secret is in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// An alarm of the deployment changed its state.
    Fault {
        /// Its name without the deployment's, which is the name of its entry in the runbook.
        alarm: String,
        /// Whether it is over.
        over: bool,
        /// Why, in CloudWatch's words.
        reason: String,
        /// What the alarm is for, in the deployment's words.
        description: String,
        /// How often it rang since it was last told, and was not told.
        #[serde(default)]
        again: u32,
        /// When it changed, in CloudWatch's words, which sort as their times do: SNS may bring the later change first. Empty where
        /// a release before wrote it.
        #[serde(default)]
        since: String,
    },
    /// Something stands before a person.
    NeedsPerson {
        /// The kind of row in `/api/admin/attention`.
        what: String,
        /// Why, as a word.
        reason: String,
        /// The order, if it is about one.
        order: Option<String>,
        /// The product, if it is about one.
        product: Option<String>,
        /// Minor units and currency, if it is about money.
        amount: Option<(i64, String)>,
        /// How many, if it is about several things at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<u64>,
    },
    /// An order was delivered.
    Sale {
        /// The order.
        order: String,
        /// The product.
        product: String,
        /// How many.
        quantity: u32,
        /// Minor units and currency.
        amount: Option<(i64, String)>,
    },
    /// Few cards of a product are left.
    LowStock {
        /// The product.
        product: String,
        /// How many can still be bought.
        free: u64,
        /// The number that was meant to be few.
        threshold: u32,
    },
    /// A person wants to see whether it works.
    Test,
}

/// Something to tell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Notice {
    /// Its name. The same fact has the same name, however often it is told.
    pub id: String,
    /// When it happened, Unix ms.
    pub at: Millis,
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    /// Format version: a consumer that does not know it leaves the message for one that does.
    v: u8,
    #[serde(flatten)]
    notice: Notice,
}

fn money(amount: Option<Money>) -> Option<(i64, String)> {
    amount.map(|money| (money.minor, money.currency.code().to_owned()))
}

impl Notice {
    /// The body as sent.
    pub fn to_body(&self) -> String {
        serde_json::to_string(&Wire { v: 1, notice: self.clone() }).unwrap_or_default()
    }

    /// Reads a body; `None` for anything this version does not know.
    pub fn from_body(body: &str) -> Option<Notice> {
        let wire: Wire = serde_json::from_str(body).ok()?;
        (wire.v == 1).then_some(wire.notice)
    }

    /// The kind.
    pub fn kind(&self) -> NoticeKind {
        match self.fact {
            Fact::Fault { .. } => NoticeKind::Fault,
            Fact::NeedsPerson { .. } => NoticeKind::NeedsPerson,
            Fact::Sale { .. } => NoticeKind::Sale,
            Fact::LowStock { .. } => NoticeKind::LowStock,
            Fact::Test => NoticeKind::Test,
        }
    }

    /// The product that it is about.
    pub fn product(&self) -> Option<&str> {
        match &self.fact {
            Fact::NeedsPerson { product, .. } => product.as_deref(),
            Fact::Sale { product, .. } | Fact::LowStock { product, .. } => Some(product),
            Fact::Fault { .. } | Fact::Test => None,
        }
    }

    /// The alarm that it is about.
    fn alarm(&self) -> Option<&str> {
        match &self.fact {
            Fact::Fault { alarm, .. } => Some(alarm),
            _ => None,
        }
    }

    /// An order was delivered.
    pub fn sale(order: &Order) -> Notice {
        let fact = Fact::Sale {
            order: order.id.to_string(),
            product: order.product.to_string(),
            quantity: order.quantity,
            amount: money(amount_of(order)),
        };
        Notice { id: format!("sale-{}", order.id), at: order.delivered_at.unwrap_or(order.created_at), fact }
    }

    /// An order stands before a person; `what` is the kind of its row there.
    fn order_needs_person(order: &Order, what: &'static str, reason: &str, at: Millis) -> Notice {
        let fact = Fact::NeedsPerson {
            what: what.to_owned(),
            reason: reason.to_owned(),
            order: Some(order.id.to_string()),
            product: Some(order.product.to_string()),
            amount: money(amount_of(order)),
            count: None,
        };
        Notice { id: format!("person-{what}-{}", order.id), at, fact }
    }

    /// What an order's state has to tell, if it has anything.
    pub fn of_order(order: &Order, at: Millis) -> Option<Notice> {
        let person = |what, reason: &str| Some(Notice::order_needs_person(order, what, reason, at));
        match order.state {
            State::Delivered => Some(Notice::sale(order)),
            State::Review => person("review", "to_review"),
            State::RefundDue => person("refund_due", owed_because(order)),
            State::Late => person("late", "seeking_stock"),
            State::Paid if order.due.is_some_and(|due| due.kind == DueKind::Person) => {
                person("undeliverable", "not_delivered")
            }
            _ => None,
        }
    }

    /// A fault that rang so often before, untold.
    fn rang_again(mut self, times: u32) -> Notice {
        if let Fact::Fault { again, .. } = &mut self.fact {
            *again = times;
        }
        self
    }

    /// A test, at `at`.
    pub fn test(at: Millis) -> Notice {
        Notice { id: format!("test-{at}"), at, fact: Fact::Test }
    }
}

impl App {
    /// Tells whoever wants to hear of it, if anybody does. Never fails and never takes long: what goes wrong is logged and dropped,
    /// because the fact itself stands in the tables.
    pub async fn tell(&self, notice: &Notice) {
        self.tell_within(notice, false).await;
    }

    /// The same for a fact that is met again and again as long as it lasts: once it is in the queue, it is not sent again for a month.
    pub(crate) async fn tell_once(&self, notice: &Notice) {
        self.tell_within(notice, true).await;
    }

    async fn tell_within(&self, notice: &Notice, once: bool) {
        if !self.queue.takes_notices() {
            return;
        }
        // Boxed: the SDK's futures nest deeply, and use cases would carry their size for something that hardly ever runs.
        let told: std::pin::Pin<Box<dyn Future<Output = Result<(), AppError>> + Send + '_>> = Box::pin(async {
            if !self.wants(notice.kind()).await? {
                return Ok(());
            }
            let name = format!("told#{}", notice.id);
            if once && self.store.note(&name).await?.is_some() {
                return Ok(());
            }
            self.queue.send_notice(notice.to_body()).await?;
            if once {
                // Only now: rather told twice, which receivers never see, than not at all.
                self.store.keep_note(&name, "", self.clock.now() + TOLD_ONCE_MS).await?;
            }
            Ok(())
        });
        match tokio::time::timeout(TELLING, told).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(notice = notice.id, %error, "nobody was told"),
            Err(_) => tracing::warn!(notice = notice.id, "nobody was told: it took too long"),
        }
    }

    /// Whether some receiver wants to hear of this kind, as read within the last minute.
    async fn wants(&self, kind: NoticeKind) -> Result<bool, AppError> {
        Ok(self.receivers_lately().await?.iter().any(|receiver| receiver.kinds.contains(&kind)))
    }

    /// Tells of a sale: one of this moment, or one of a moment ago whose deliverer may have died before telling.
    pub async fn tell_sale(&self, order: &Order) {
        let age = self.clock.now() - order.delivered_at.unwrap_or_default();
        if (0..RETOLD_MS).contains(&age) {
            self.tell(&Notice::sale(order)).await;
        }
    }

    /// Tells what a delivery came to: a sale, or an order that a person must look at.
    pub async fn tell_delivery(&self, order: &Order) {
        match order.state {
            State::Delivered => self.tell_sale(order).await,
            _ => self.tell_person(order).await,
        }
    }

    /// The number of cards that is few, when somebody wants to hear of it.
    pub(crate) async fn low_stock_at(&self) -> Option<u32> {
        if !self.queue.takes_notices() {
            return None;
        }
        let found = async {
            let wanted = self.wants(NoticeKind::LowStock).await?;
            Ok::<_, AppError>(if wanted { Some(self.showcase().await?.settings.low_stock_at) } else { None })
        };
        found.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "stock is not watched in this pass");
            None
        })
    }

    /// Tells that few cards of a product are left, once for each fall.
    pub(crate) async fn tell_low_stock(&self, product: &ProductId, free: u64, threshold: u32) {
        let now = self.clock.now();
        let id = format!("low-{product}-{}", now.div_euclid(FALL_MS));
        self.tell(&Notice { id, at: now, fact: Fact::LowStock { product: product.to_string(), free, threshold } })
            .await;
    }
}
