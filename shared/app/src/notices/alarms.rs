//! Alarms of the deployment: what CloudWatch says through SNS when an alarm changes its state.
//!
//! Source: Amazon CloudWatch User Guide, "Notifying users on alarm changes"; AWS Lambda Developer Guide, "Invoking Lambda functions
//! with Amazon SNS notifications": the event holds `Records[].Sns.Message`, which is the alarm's JSON as text.

use super::{Fact, Notice};
use domain::Millis;
use serde_json::Value;

/// Characters of CloudWatch's reason that are worth reading.
const REASON_MAX: usize = 300;

/// A word that may stand in a header and between dots.
fn bare(text: &str) -> String {
    text.chars().take(100).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

/// The notice of one SNS message at `now`; `None` when it is no alarm, or one that knows nothing (`INSUFFICIENT_DATA`).
pub fn fault_of(message: &str, now: Millis) -> Option<Notice> {
    let alarm: Value = serde_json::from_str(message).ok()?;
    let text = |name: &str| alarm.get(name).and_then(Value::as_str);
    let name = text("AlarmName").filter(|name| !name.is_empty())?;
    let over = match text("NewStateValue")? {
        "ALARM" => false,
        "OK" => true,
        _ => return None,
    };
    // `<stack>-PaidNotDelivered`: what comes last is the name of the entry in the runbook.
    let short = name.rsplit('-').next().filter(|short| !short.is_empty()).unwrap_or(name);
    let cut = |text: &str| push::text::cut(text, REASON_MAX, push::text::characters);
    let since = text("StateChangeTime").unwrap_or_default();
    let state = if over { "ok" } else { "alarm" };
    Some(Notice {
        id: format!("fault-{}-{state}-{}", bare(name), bare(since)),
        at: now,
        fact: Fact::Fault {
            alarm: short.to_owned(),
            over,
            reason: cut(text("NewStateReason").unwrap_or_default()),
            description: cut(text("AlarmDescription").unwrap_or_default()),
        },
    })
}
