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
use store::Outcome;

/// Characters of CloudWatch's reason that are worth reading.
const REASON_MAX: usize = 300;

/// An alarm that was told is over when it has stayed well for so many ms, and until then it is the same fault. No longer than a queue
/// can delay a message.
const CALM_MS: Millis = 10 * 60_000;

/// A fault that goes on flapping is told again after so many ms.
const REMIND_MS: Millis = 60 * 60_000;

/// How long an alarm is remembered, ms.
const REMEMBERED_MS: Millis = 30 * 24 * 60 * 60_000;

/// Tries to write what was decided before somebody else has written; more of them than this mean that something is wrong.
const TRIES: u32 = 8;

/// The name under which an alarm is remembered.
fn memory_name(alarm: &str) -> String {
    format!("rang#{alarm}")
}

/// A word that may stand in a header and between dots.
fn bare(text: &str) -> String {
    text.chars().take(100).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

/// A change of an alarm's state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What there is to tell of it.
    pub notice: Notice,
    /// Whether the alarm rang until then.
    rang: bool,
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

/// An alarm that was told. Empty, and of no time that anybody knows, for one that another release told or that has been forgotten.
#[derive(Clone, Serialize, Deserialize, Default)]
#[serde(default)]
struct Told {
    id: String,
    at: Millis,
    /// How often it had rung untold before.
    again: u32,
}

/// What is remembered of an alarm. Every member has a default, so that a release reads what another one wrote.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Memory {
    /// The notice of its newest change, when that was by CloudWatch's clock, and when it was heard of, Unix ms.
    newest: String,
    since: String,
    heard_at: Millis,
    /// The fault that was told and whose end was not.
    open: Option<Told>,
    /// The end that was told last, and when that was by CloudWatch's clock.
    ended: Option<String>,
    ended_since: String,
    /// How often it rang untold since it was last told.
    untold: u32,
}

/// What is remembered of an alarm, and the text that says so: nobody writes it anew who has not read what stands there.
struct Remembered {
    text: Option<String>,
    memory: Option<Memory>,
}

impl Remembered {
    fn read(text: Option<String>) -> Remembered {
        let memory = text.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Remembered { text, memory }
    }
}

/// What an alarm's memory becomes with a change, and what is to be done about the change.
fn heard(remembered: Option<Memory>, change: &Change, now: Millis) -> (Memory, Heard) {
    let id = &change.notice.id;
    let Fact::Fault { over, since, .. } = &change.notice.fact else {
        return (remembered.unwrap_or_default(), Heard::Now(change.notice.clone()));
    };
    let is_forgotten = remembered.is_none();
    let mut memory = remembered.unwrap_or_default();
    let is_repeated = memory.newest == *id;
    let is_news = *since >= memory.since;
    let heard = if *over {
        if is_forgotten && change.rang {
            // Somebody was told that it rang, by another release or longer ago than alarms are remembered. Since nobody knows when,
            // whatever of it comes yet is told.
            memory.open = Some(Told::default());
        }
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
        memory.since.clone_from(since);
        memory.heard_at = now;
    }
    (memory, heard)
}

/// What is told of a notice that has waited in the queue, and what the alarm's memory becomes by that, if it changes.
fn waited(mut memory: Memory, notice: &Notice) -> (Option<Memory>, Option<Notice>) {
    let Fact::Fault { over, since, .. } = &notice.fact else { return (None, Some(notice.clone())) };
    if !over {
        // Whoever takes it only now has been told its end already, or never will be. A release that wrote no time is believed.
        let is_over = !since.is_empty() && *since < memory.ended_since;
        return (None, (!is_over).then(|| notice.clone()));
    }
    if memory.newest != notice.id {
        return (None, None);
    }
    let told = Some(notice.clone().rang_again(memory.untold));
    if memory.ended.as_ref() == Some(&notice.id) {
        return (None, told);
    }
    if memory.open.take().is_none() {
        return (None, None);
    }
    memory.ended = Some(notice.id.clone());
    memory.ended_since.clone_from(&memory.since);
    (Some(memory), told)
}

impl App {
    /// Takes note of a change of an alarm, and says whether it is worth hearing now. The same change again is answered in the same
    /// way, so whoever died in the middle of telling goes on.
    pub async fn hear(&self, change: &Change) -> Result<Heard, AppError> {
        let Some(alarm) = change.notice.alarm() else { return Ok(Heard::Now(change.notice.clone())) };
        let mut remembered = self.alarm_memory(alarm).await?;
        for _ in 0..TRIES {
            let (memory, heard) = heard(remembered.memory, change, self.clock.now());
            match self.remember_alarm(alarm, remembered.text.as_deref(), &memory).await? {
                None => return Ok(heard),
                Some(found) => remembered = found,
            }
        }
        Err(AppError::Unforeseen("an alarm that everybody hears at once"))
    }

    /// What is told of a notice that has waited in the queue. An end is told when the alarm has not rung since, and somebody was
    /// told that it rang; a fault, unless its end was told meanwhile. `None`: nothing is told any more. What is no fault is told as
    /// it is.
    pub async fn hear_late(&self, notice: &Notice) -> Result<Option<Notice>, AppError> {
        let Some(alarm) = notice.alarm() else { return Ok(Some(notice.clone())) };
        let mut remembered = self.alarm_memory(alarm).await?;
        for _ in 0..TRIES {
            // A notice of the release before knows no memory.
            let Some(memory) = remembered.memory else { return Ok(Some(notice.clone())) };
            let (memory, told) = waited(memory, notice);
            let Some(memory) = memory else { return Ok(told) };
            match self.remember_alarm(alarm, remembered.text.as_deref(), &memory).await? {
                None => return Ok(told),
                Some(found) => remembered = found,
            }
        }
        Err(AppError::Unforeseen("an alarm that everybody hears at once"))
    }

    async fn alarm_memory(&self, alarm: &str) -> Result<Remembered, AppError> {
        Ok(Remembered::read(self.store.note(&memory_name(alarm)).await?))
    }

    /// Remembers an alarm in place of what was read; answers what stands there now when somebody else has changed it meanwhile.
    async fn remember_alarm(
        &self,
        alarm: &str,
        seen: Option<&str>,
        memory: &Memory,
    ) -> Result<Option<Remembered>, AppError> {
        let text = serde_json::to_string(memory).map_err(|_| AppError::Setting("an alarm that was told"))?;
        let until = self.clock.now() + REMEMBERED_MS;
        Ok(match self.store.change_note(&memory_name(alarm), seen, &text, until).await? {
            Outcome::Applied(()) | Outcome::AlreadyApplied(()) => None,
            Outcome::Refused(found) => Some(Remembered::read(found)),
        })
    }
}

/// Whether there is anything in a list.
fn is_any(list: &Value) -> bool {
    list.as_array().is_some_and(|list| !list.is_empty())
}

/// The change that one SNS message tells of, at `now`; `None` when it is no alarm, or one that
/// merely knows nothing (`INSUFFICIENT_DATA`).
pub fn change_of(message: &str, now: Millis) -> Option<Change> {
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
        since: since.to_owned(),
    };
    let id = format!("fault-{}-{state}-{}", bare(name), bare(since));
    let rang = text("OldStateValue") == Some("ALARM");
    Some(Change { notice: Notice { id, at: now, fact }, rang })
}
