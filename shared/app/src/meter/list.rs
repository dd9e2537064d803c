//! Every metric the shop has: name, unit, dimensions, resolution, and what it is for.
//!
//! A custom metric costs up to 0.30 USD a month for each name and each value of its dimensions, counted by the hours in which
//! it is sent at all. So a shop with one channel that sells around the clock pays for 24 of them, about 7 USD, and one that sells
//! little pays little. Whatever AWS counts by itself (invocations, errors, queue depth, throttles) is not here; nor are reasons,
//! which stand beside the numbers in the same log line, where Logs Insights counts them for nothing.
//! Source: the price list of CloudWatch (first tier, us-east-1), read 2026-11.

/// The namespace of all of them.
pub const NAMESPACE: &str = "Kamivend";

/// The dimension that all of them have: the shop's name.
pub const SHOP: &str = "Shop";

/// The second dimension of what is told by channel: the account's name.
pub const CHANNEL: &str = "Channel";

/// What a metric's numbers count, in CloudWatch's own words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Things.
    Count,
    /// Durations of seconds to minutes.
    Milliseconds,
    /// Durations of minutes to days.
    Seconds,
}

impl Unit {
    /// CloudWatch's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Unit::Count => "Count",
            Unit::Milliseconds => "Milliseconds",
            Unit::Seconds => "Seconds",
        }
    }
}

/// By what a metric is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// For the shop as a whole.
    Shop,
    /// For each channel of the shop, and not for the whole.
    Channel,
    /// For the shop as a whole, and for each channel beside it.
    Both,
}

/// How several numbers of one invocation become one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// They are added up.
    Sum,
    /// Each is kept, so that percentiles can be asked for.
    Each,
    /// The last one stands: a state of things, read by the timer. Nought is told too.
    Gauge,
}

/// A metric.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Metric {
    /// Orders written. With `OrdersPaid` how many buyers go through with it.
    OrdersCreated,
    /// Orders whose money was proven in time. By channel it is the numerator of that channel's success.
    OrdersPaid,
    /// Orders whose cards became their buyers'. What it lags behind `OrdersPaid` is owed.
    OrdersDelivered,
    /// Orders that ended unpaid: lapsed or given up.
    OrdersClosed,
    /// Orders whose money came after their hold.
    OrdersLate,
    /// Orders whose money is owed back: late and sold out, refused by a person, given back by the seller.
    OrdersOwedBack,
    /// Attempts to pay made at a channel: the denominator of its success.
    AttemptsMade,
    /// From an attempt made to its money proven: how long buyers and gateway take, notifications that were lost included.
    TimeToProof,
    /// Calls to a provider: questions and refunds. The denominator of the alarm about a channel that fails.
    ProviderCalls,
    /// Calls to a provider without a usable answer, and money that it reported unreadably. Why stands beside it.
    ProviderFailures,
    /// Notifications that were refused: forged, meant for another merchant, not readable. Why stands beside it.
    WebhooksRefused,
    /// From money proven to cards opened: what a buyer waits for.
    PaidToDelivered,
    /// Orders that were paid more than a minute ago and are not delivered, as the timer finds them. Nought in a healthy shop.
    PaidNotDelivered,
    /// Delivery messages that failed, and orders whose cards did not open.
    DeliveriesFailed,
    /// Delivery messages whose last try failed: the queue sets them aside.
    DeadLetters,
    /// Differences that the last audit found.
    AuditDifferences,
    /// Rows that wait for a person.
    NeedsPerson,
    /// For how long the oldest of them has been waiting.
    NeedsPersonOldest,
    /// Function instances that answered for the first time.
    ColdStarts,
    /// Write units of the tables. Divided by `OrdersDelivered` what an order costs.
    WriteUnits,
}

impl Metric {
    /// All of them, in the order in which a line names them.
    pub const ALL: [Metric; 20] = [
        Metric::OrdersCreated,
        Metric::OrdersPaid,
        Metric::OrdersDelivered,
        Metric::OrdersClosed,
        Metric::OrdersLate,
        Metric::OrdersOwedBack,
        Metric::AttemptsMade,
        Metric::TimeToProof,
        Metric::ProviderCalls,
        Metric::ProviderFailures,
        Metric::WebhooksRefused,
        Metric::PaidToDelivered,
        Metric::PaidNotDelivered,
        Metric::DeliveriesFailed,
        Metric::DeadLetters,
        Metric::AuditDifferences,
        Metric::NeedsPerson,
        Metric::NeedsPersonOldest,
        Metric::ColdStarts,
        Metric::WriteUnits,
    ];

    /// The name in CloudWatch.
    pub fn name(self) -> &'static str {
        match self {
            Metric::OrdersCreated => "OrdersCreated",
            Metric::OrdersPaid => "OrdersPaid",
            Metric::OrdersDelivered => "OrdersDelivered",
            Metric::OrdersClosed => "OrdersClosed",
            Metric::OrdersLate => "OrdersLate",
            Metric::OrdersOwedBack => "OrdersOwedBack",
            Metric::AttemptsMade => "AttemptsMade",
            Metric::TimeToProof => "TimeToProof",
            Metric::ProviderCalls => "ProviderCalls",
            Metric::ProviderFailures => "ProviderFailures",
            Metric::WebhooksRefused => "WebhooksRefused",
            Metric::PaidToDelivered => "PaidToDelivered",
            Metric::PaidNotDelivered => "PaidNotDelivered",
            Metric::DeliveriesFailed => "DeliveriesFailed",
            Metric::DeadLetters => "DeadLetters",
            Metric::AuditDifferences => "AuditDifferences",
            Metric::NeedsPerson => "NeedsPerson",
            Metric::NeedsPersonOldest => "NeedsPersonOldest",
            Metric::ColdStarts => "ColdStarts",
            Metric::WriteUnits => "WriteUnits",
        }
    }

    /// Its unit.
    pub fn unit(self) -> Unit {
        match self {
            Metric::TimeToProof | Metric::PaidToDelivered => Unit::Milliseconds,
            Metric::NeedsPersonOldest => Unit::Seconds,
            _ => Unit::Count,
        }
    }

    /// By what it is told.
    pub fn by(self) -> By {
        match self {
            Metric::AttemptsMade | Metric::TimeToProof => By::Channel,
            Metric::OrdersPaid | Metric::ProviderCalls | Metric::ProviderFailures => By::Both,
            _ => By::Shop,
        }
    }

    /// How several of its numbers become one line.
    pub fn form(self) -> Form {
        match self {
            Metric::TimeToProof | Metric::PaidToDelivered => Form::Each,
            Metric::PaidNotDelivered | Metric::AuditDifferences | Metric::NeedsPerson | Metric::NeedsPersonOldest => {
                Form::Gauge
            }
            _ => Form::Sum,
        }
    }

    /// Whether it is kept by the second. Only where somebody must be told within a quarter of a minute: an alarm that looks
    /// every ten seconds needs data of that kind.
    pub fn is_high_resolution(self) -> bool {
        matches!(
            self,
            Metric::ProviderCalls | Metric::ProviderFailures | Metric::DeliveriesFailed | Metric::DeadLetters
        )
    }
}

/// Why a call to a provider, or what it reported, counts as failed. Closed; the words stand in the log line as `Reasons`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Failure {
    /// A question about an attempt had no explicit answer.
    QueryUnanswered,
    /// Sending money back had no explicit answer.
    RefundUnanswered,
    /// The provider said that it sends nothing back.
    RefundRefused,
    /// What the buyer pays with could not be made.
    NotCreated,
    /// Money was reported, rightly signed, in a way that cannot be booked.
    MoneyUnreadable,
}

impl Failure {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Failure::QueryUnanswered => "query_unanswered",
            Failure::RefundUnanswered => "refund_unanswered",
            Failure::RefundRefused => "refund_refused",
            Failure::NotCreated => "not_created",
            Failure::MoneyUnreadable => "money_unreadable",
        }
    }
}
