//! Alarms of the deployment: what CloudWatch says through SNS when an alarm changes its state, and what of it is worth hearing. An
//! alarm that flaps is told when it first rings and when it has stayed well for a while; how often it rang in between is counted.
//!
//! Source: Amazon CloudWatch User Guide, "Notifying users on alarm changes"; AWS Lambda Developer Guide, "Invoking Lambda functions
//! with Amazon SNS notifications": the event holds `Records[].Sns.Message`, which is the alarm's JSON as text.

use super::{Fact, Notice};
use crate::{App, AppError};
use domain::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Characters of CloudWatch's reason that are worth reading.
const REASON_MAX: usize = 300;

/// An alarm that was told is over when it has stayed well for so many ms, and until then it is the same fault. No longer than a queue
/// can delay a message.
const CALM_MS: Millis = 10 * 60_000;

/// A fault that goes on flapping is told again after so many ms.
const REMIND_MS: Millis = 60 * 60_000;

/// How long an alarm is remembered, ms.
const REMEMBERED_MS: Millis = 30 * 24 * 60 * 60_000;

/// A word that may stand in a header and between dots.
fn bare(text: &str) -> String {
    text.chars().take(100).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

/// A change of an alarm's state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What there is to tell of it.
    pub notice: Notice,
    /// When it happened in CloudWatch's words, which sort as their times do: SNS may bring the later change first.
    since: String,
}

/// What is to be done about a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// It is told now, as this.
    Now(Notice),
    /// The alarm is well: to be told when it has stayed so, so many ms from now.
    Later(Millis),
    /// It is counted, and told with the next.
    Counted,
}

/// An alarm that was told.
#[derive(Clone, Serialize, Deserialize)]
struct Told {
    id: String,
    at: Millis,
    /// How often it had rung untold before.
    again: u32,
}

/// What is remembered of an alarm.
#[derive(Serialize, Deserialize, Default)]
struct Memory {
    /// The notice of its newest change, when that was by CloudWatch's clock, and when it was heard of, Unix ms.
    newest: String,
    since: String,
    heard_at: Millis,
    /// The fault that was told and whose end was not.
    open: Option<Told>,
    /// The end that was told last.
    ended: Option<String>,
    /// How often it rang untold since it was last told.
    untold: u32,
}

impl App {
    /// Takes note of a change of an alarm, and says whether it is worth hearing now. The same change again is answered in the same
    /// way, so whoever died in the middle of telling goes on.
    pub async fn hear(&self, change: &Change) -> Result<Heard, AppError> {
        let Fact::Fault { alarm, over, .. } = &change.notice.fact else { return Ok(Heard::Now(change.notice.clone())) };
        let (now, id) = (self.clock.now(), &change.notice.id);
        let mut memory = self.alarm_memory(alarm).await?.unwrap_or_default();
        let is_repeated = memory.newest == *id;
        let is_news = change.since >= memory.since;
        let heard = if *over {
            Heard::Later(CALM_MS)
        } else if let Some(told) = memory.open.as_ref().filter(|told| told.id == *id) {
            Heard::Now(change.notice.clone().rang_again(told.again))
        } else if memory.open.as_ref().is_some_and(|told| {
            (0..REMIND_MS).contains(&(now - told.at)) && (0..CALM_MS).contains(&(now - memory.heard_at))
        }) {
            memory.untold += u32::from(!is_repeated);
            Heard::Counted
        } else {
            // What rang untold before an end was told with that end.
            let again = if memory.open.is_some() { memory.untold } else { 0 };
            memory.open = Some(Told { id: id.clone(), at: now, again });
            memory.untold = 0;
            Heard::Now(change.notice.clone().rang_again(again))
        };
        if is_news && !is_repeated {
            memory.newest.clone_from(id);
            memory.since.clone_from(&change.since);
            memory.heard_at = now;
        }
        self.remember_alarm(alarm, &memory).await?;
        Ok(heard)
    }

    /// What is told of an alarm that has been well for long enough; `None` when it has rung again since, or nobody was told that it
    /// rang. Anything that is no end of a fault is told as it is.
    pub async fn hear_end(&self, notice: &Notice) -> Result<Option<Notice>, AppError> {
        let Fact::Fault { alarm, over: true, .. } = &notice.fact else { return Ok(Some(notice.clone())) };
        // A notice of the release before knows no memory.
        let Some(mut memory) = self.alarm_memory(alarm).await? else { return Ok(Some(notice.clone())) };
        if memory.newest != notice.id {
            return Ok(None);
        }
        let told = Some(notice.clone().rang_again(memory.untold));
        if memory.ended.as_ref() == Some(&notice.id) {
            return Ok(told);
        }
        if memory.open.take().is_none() {
            return Ok(None);
        }
        memory.ended = Some(notice.id.clone());
        self.remember_alarm(alarm, &memory).await?;
        Ok(told)
    }

    async fn alarm_memory(&self, alarm: &str) -> Result<Option<Memory>, AppError> {
        let note = self.store.note(&format!("rang#{alarm}")).await?;
        Ok(note.and_then(|text| serde_json::from_str(&text).ok()))
    }

    async fn remember_alarm(&self, alarm: &str, memory: &Memory) -> Result<(), AppError> {
        let text = serde_json::to_string(memory).map_err(|_| AppError::Setting("an alarm that was told"))?;
        let until = self.clock.now() + REMEMBERED_MS;
        Ok(self.store.keep_note(&format!("rang#{alarm}"), &text, until).await?)
    }
}

/// Whether there is anything in a list.
fn is_any(list: &Value) -> bool {
    list.as_array().is_some_and(|list| !list.is_empty())
}

/// The change that one SNS message tells of, at `now`; `None` when it is no alarm, or one that
/// merely knows nothing (`INSUFFICIENT_DATA`).
pub fn fault_of(message: &str, now: Millis) -> Option<Change> {
    let alarm: Value = serde_json::from_str(message).ok()?;
    let text = |name: &str| alarm.get(name).and_then(Value::as_str);
    let name = text("AlarmName").filter(|name| !name.is_empty())?;
    let over = match text("NewStateValue")? {
        "ALARM" => false,
        "OK" => true,
        // Of an alarm that was told to ring when there are no data any more.
        "INSUFFICIENT_DATA" if alarm.get("InsufficientDataActions").is_some_and(is_any) => false,
        _ => return None,
    };
    // `<stack>-PaidNotDelivered`: what comes last is the name of the entry in the runbook.
    let short = name.rsplit('-').next().filter(|short| !short.is_empty()).unwrap_or(name);
    let cut = |text: &str| push::text::cut(text, REASON_MAX, push::text::characters);
    let since = text("StateChangeTime").unwrap_or_default();
    let state = if over { "ok" } else { "alarm" };
    let fact = Fact::Fault {
        alarm: short.to_owned(),
        over,
        reason: cut(text("NewStateReason").unwrap_or_default()),
        description: cut(text("AlarmDescription").unwrap_or_default()),
        again: 0,
    };
    let id = format!("fault-{}-{state}-{}", bare(name), bare(since));
    Some(Change { notice: Notice { id, at: now, fact }, since: since.to_owned() })
}
