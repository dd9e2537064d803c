//! The attributes of a queue that its owner sets: names, bounds, defaults.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault::Fault;
use super::message::BYTES_MAX;

/// How every queue address and ARN here begins; the account and the region are those of no real place.
const URL: &str = "http://sqs.local/000000000000/";
const ARN: &str = "arn:aws:sqs:local:000000000000:";

/// Attributes that templates set and that mean nothing without other accounts and without AWS's keys.
const INERT: [&str; 5] =
    ["KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "Policy", "RedriveAllowPolicy", "SqsManagedSseEnabled"];

/// The settings of one queue, as stored. Durations are seconds.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Settings {
    pub(super) visibility_timeout: i64,
    pub(super) delay: i64,
    pub(super) retention: i64,
    pub(super) wait: i64,
    /// The longest message, bytes.
    pub(super) length_max: i64,
    pub(super) redrive: Option<Redrive>,
    /// Attributes kept and shown but without effect here.
    pub(super) inert: BTreeMap<String, String>,
}

/// Where a message goes that was received too often.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Redrive {
    /// The name of the dead-letter queue.
    pub(super) target: String,
    /// How many receives a message gets in the source queue.
    pub(super) receives_max: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            visibility_timeout: 30,
            delay: 0,
            retention: 345_600,
            wait: 0,
            length_max: i64::try_from(BYTES_MAX).unwrap_or(i64::MAX),
            redrive: None,
            inert: BTreeMap::from([("SqsManagedSseEnabled".to_owned(), "true".to_owned())]),
        }
    }
}

impl Settings {
    /// Sets every attribute given, or none: the settings are unusable after an error.
    pub(super) fn apply(&mut self, attributes: &BTreeMap<String, String>) -> Result<(), Fault> {
        for (name, text) in attributes {
            match name.as_str() {
                "VisibilityTimeout" => self.visibility_timeout = whole(name, text, 0, VISIBILITY_SECONDS_MAX)?,
                "DelaySeconds" => self.delay = whole(name, text, 0, DELAY_SECONDS_MAX)?,
                "MessageRetentionPeriod" => self.retention = whole(name, text, 60, 1_209_600)?,
                "ReceiveMessageWaitTimeSeconds" => self.wait = whole(name, text, 0, WAIT_SECONDS_MAX)?,
                "MaximumMessageSize" => {
                    self.length_max = whole(name, text, 1_024, i64::try_from(BYTES_MAX).unwrap_or(i64::MAX))?;
                }
                "RedrivePolicy" => self.redrive = redrive(text)?,
                inert if INERT.contains(&inert) => {
                    if text.is_empty() {
                        self.inert.remove(name);
                    } else {
                        self.inert.insert(name.clone(), text.clone());
                    }
                }
                _ => return Err(Fault::attribute_name(name)),
            }
        }
        Ok(())
    }

    /// Every attribute that is set, in the form in which it is asked for.
    pub(super) fn shown(&self) -> BTreeMap<String, String> {
        let mut shown = self.inert.clone();
        shown.extend([
            ("VisibilityTimeout".to_owned(), self.visibility_timeout.to_string()),
            ("DelaySeconds".to_owned(), self.delay.to_string()),
            ("MessageRetentionPeriod".to_owned(), self.retention.to_string()),
            ("ReceiveMessageWaitTimeSeconds".to_owned(), self.wait.to_string()),
            ("MaximumMessageSize".to_owned(), self.length_max.to_string()),
        ]);
        if let Some(Redrive { target, receives_max }) = &self.redrive {
            let policy = serde_json::json!({ "deadLetterTargetArn": arn(target), "maxReceiveCount": receives_max });
            shown.insert("RedrivePolicy".to_owned(), policy.to_string());
        }
        shown
    }

    /// The first attribute whose value differs between two settings.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        let (ours, theirs) = (self.shown(), other.shown());
        let name = ours.keys().chain(theirs.keys()).find(|name| ours.get(*name) != theirs.get(*name));
        name.cloned()
    }
}

/// True for a name that may be asked for even when the queue has no value for it.
pub(super) fn is_optional(name: &str) -> bool {
    matches!(name, "All" | "RedrivePolicy") || INERT.contains(&name)
}

/// The longest visibility time-out, for a queue, a receive and all changes of one receive together. Seconds.
pub(super) const VISIBILITY_SECONDS_MAX: i64 = 43_200;
/// The longest delay of a queue or a message, seconds.
pub(super) const DELAY_SECONDS_MAX: i64 = 900;
/// The longest wait of a receive, seconds.
pub(super) const WAIT_SECONDS_MAX: i64 = 20;

fn whole(name: &str, text: &str, min: i64, max: i64) -> Result<i64, Fault> {
    match text.parse::<i64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(Fault::attribute_value(name, &format!("it must be a whole number from {min} to {max}"))),
    }
}

fn redrive(text: &str) -> Result<Option<Redrive>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let Ok(Value::Object(policy)) = serde_json::from_str(text) else {
        return Err(Fault::attribute_value("RedrivePolicy", "it is no JSON object"));
    };
    // Templates write the count as a number or as a string, and SQS takes both.
    let receives_max = match policy.get("maxReceiveCount") {
        Some(Value::String(count)) => count.parse::<i64>().ok(),
        Some(count) => count.as_i64(),
        None => None,
    };
    let Some(receives_max) = receives_max.filter(|count| (1..=1_000).contains(count)) else {
        return Err(Fault::parameter("RedrivePolicy", "maxReceiveCount must be a whole number from 1 to 1000"));
    };
    let target = policy.get("deadLetterTargetArn").and_then(Value::as_str).and_then(|arn| arn.strip_prefix(ARN));
    match target {
        Some(target) if is_queue_name(target) => Ok(Some(Redrive { target: target.to_owned(), receives_max })),
        _ => Err(Fault::parameter("RedrivePolicy", "deadLetterTargetArn names no queue of this place")),
    }
}

/// True for 1 to 80 letters, digits, hyphens and underscores. A dot would make it a FIFO queue.
pub(super) fn is_queue_name(name: &str) -> bool {
    (1..=80).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// The address of a queue.
pub(super) fn url(name: &str) -> String {
    format!("{URL}{name}")
}

/// The ARN of a queue.
pub(super) fn arn(name: &str) -> String {
    format!("{ARN}{name}")
}

/// The queue that an address names. Any host will do: a shop reached by another name still means its own queue.
pub(super) fn name_in(url: Option<&str>) -> Result<&str, Fault> {
    let path = url.and_then(|url| url.split_once("://")).and_then(|(_, rest)| rest.split_once('/'));
    let name = path.and_then(|(_, path)| path.strip_prefix("000000000000/"));
    name.filter(|name| is_queue_name(name)).ok_or_else(Fault::no_such_queue)
}
