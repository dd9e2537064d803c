//! What happened, in numbers: counted while a function works and written as one line of CloudWatch's embedded metric format
//! for each set of dimensions when it has answered. CloudWatch reads the line out of the log, so a number costs no call, and
//! a function that cannot reach CloudWatch does not notice.
//! Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format".

mod list;

pub use list::{By, CHANNEL, Failure, Form, Metric, NAMESPACE, SHOP, Unit};

use domain::{AccountId, Millis};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Numbers that one member of a line may hold. Source: the specification, "Target members".
const VALUES_IN_LINE: usize = 100;

/// Numbers of one metric that are kept until they are written; more are left out, so that a function that is never asked to
/// write does not grow.
const VALUES_KEPT: usize = 1_000;

/// Channels that are told apart until the next line. A shop has a handful.
const CHANNELS_KEPT: usize = 50;

/// Where lines go.
#[derive(Clone)]
pub struct Sink(Arc<dyn Fn(&str) + Send + Sync>);

impl Sink {
    /// To standard output, where Lambda takes them up.
    pub fn stdout() -> Sink {
        Sink::from_fn(|line| {
            // A number that cannot be written is not worth failing a purchase for. One call, so that lines do not mix.
            let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
        })
    }

    /// To a function, which gets each line without its end.
    pub fn from_fn(take: impl Fn(&str) + Send + Sync + 'static) -> Sink {
        Sink(Arc::new(take))
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

/// What was counted and not written yet, by channel; `None` is the shop as a whole.
type Counted = BTreeMap<Option<AccountId>, Numbers>;

#[derive(Clone, Default, Debug)]
struct Numbers {
    values: BTreeMap<Metric, Vec<i64>>,
    reasons: BTreeMap<&'static str, i64>,
}

impl Numbers {
    fn add(&mut self, metric: Metric, value: i64) {
        let values = self.values.entry(metric).or_default();
        let is_full = values.len() >= VALUES_KEPT;
        match (metric.form(), values.first_mut()) {
            (Form::Sum, Some(sum)) => *sum = sum.saturating_add(value),
            (Form::Gauge, Some(last)) => *last = value,
            (Form::Each, Some(_)) if is_full => {}
            _ => values.push(value),
        }
    }
}

/// Counts. Every part of an instance shares one; whatever was counted by anybody goes with the next flush.
#[derive(Debug)]
pub struct Meter {
    sink: Sink,
    counted: Mutex<Counted>,
    is_warm: AtomicBool,
}

impl Meter {
    /// A meter that has counted nothing.
    pub fn new(sink: Sink) -> Meter {
        Meter { sink, counted: Mutex::default(), is_warm: AtomicBool::new(false) }
    }

    /// Counts `value` of a metric that is told of the shop as a whole.
    pub fn add(&self, metric: Metric, value: i64) {
        self.with(|counted| counted.entry(None).or_default().add(metric, value));
    }

    /// Counts `value` of a metric that is told by channel, and of the shop where it is told of both.
    pub fn add_for(&self, channel: &AccountId, metric: Metric, value: i64) {
        self.with(|counted| {
            if metric.by() != By::Channel {
                counted.entry(None).or_default().add(metric, value);
            }
            if metric.by() != By::Shop
                && (counted.len() < CHANNELS_KEPT || counted.contains_key(&Some(channel.clone())))
            {
                counted.entry(Some(channel.clone())).or_default().add(metric, value);
            }
        });
    }

    /// Counts a failure of a channel, with its reason.
    pub fn channel_failed(&self, channel: &AccountId, why: Failure) {
        self.add_for(channel, Metric::ProviderFailures, 1);
        self.with(|counted| {
            if let Some(numbers) = counted.get_mut(&Some(channel.clone())) {
                *numbers.reasons.entry(why.as_str()).or_default() += 1;
            }
        });
    }

    /// Counts a notification that was refused, with its reason: the stable code of [`payments::Reject`].
    pub fn webhook_refused(&self, why: &'static str) {
        self.add(Metric::WebhooksRefused, 1);
        self.with(|counted| *counted.entry(None).or_default().reasons.entry(why).or_default() += 1);
    }

    /// Says that an invocation begins; the first of an instance is a cold start.
    pub fn begin(&self) {
        if !self.is_warm.swap(true, Ordering::Relaxed) {
            self.add(Metric::ColdStarts, 1);
        }
    }

    /// Writes what was counted, one line for each set of dimensions, and begins anew. Nothing counted, nothing written.
    pub fn flush(&self, shop: &str, now: Millis) {
        let counted = self.with(std::mem::take);
        for (channel, mut numbers) in counted {
            while let Some(line) = line(shop, channel.as_ref(), &mut numbers, now) {
                (self.sink.0)(&line.to_string());
            }
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Counted) -> T) -> T {
        change(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One line of what is left of `numbers`, which it takes away; `None` when nothing is left.
fn line(shop: &str, channel: Option<&AccountId>, numbers: &mut Numbers, now: Millis) -> Option<Value> {
    let mut root = Map::new();
    let mut metrics = Vec::new();
    for metric in Metric::ALL {
        let Some(values) = numbers.values.get_mut(&metric) else { continue };
        let some: Vec<i64> = values.drain(..values.len().min(VALUES_IN_LINE)).collect();
        let target = match some.as_slice() {
            [] => continue,
            [one] => json!(one),
            several => json!(several),
        };
        root.insert(metric.name().to_owned(), target);
        let mut definition = json!({"Name": metric.name(), "Unit": metric.unit().as_str()});
        if let (true, Some(definition)) = (metric.is_high_resolution(), definition.as_object_mut()) {
            definition.insert("StorageResolution".to_owned(), json!(1));
        }
        metrics.push(definition);
    }
    if metrics.is_empty() {
        return None;
    }
    root.insert(SHOP.to_owned(), json!(shop));
    let mut dimensions = vec![SHOP];
    if let Some(channel) = channel {
        root.insert(CHANNEL.to_owned(), json!(channel.as_str()));
        dimensions.push(CHANNEL);
    }
    let reasons = std::mem::take(&mut numbers.reasons);
    if !reasons.is_empty() {
        root.insert("Reasons".to_owned(), json!(reasons));
    }
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics});
    root.insert("_aws".to_owned(), json!({"Timestamp": now, "CloudWatchMetrics": [directive]}));
    Some(Value::Object(root))
}
