//! CloudWatch's alarms, in virtual time: definitions as the template writes them, numbers as functions log them, and the state
//! changes that CloudWatch would have sent. So a test can plant a fault and see who is told, and when.
//!
//! How it is judged follows the Amazon CloudWatch User Guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing
//! data"; the delay between a log line and its numbers, which AWS does not promise, is none here.

#![expect(clippy::float_arithmetic, reason = "metrics are decimal fractions; no money is counted here")]

mod data;
mod definition;
mod math;
mod sns;

pub use data::{BadLine, Data, Series};
pub use definition::{BadAlarm, Comparison, Definition, Missing, Names, Source, Statistic};
pub use math::Expression;
pub use sns::sns_event;

use domain::Millis;
use serde_json::Value;

const SECOND: Millis = 1_000;

/// Alarms with periods below a minute are judged every ten seconds, all others every minute.
const FAST_MS: Millis = 10 * SECOND;
const SLOW_MS: Millis = 60 * SECOND;

/// Periods that CloudWatch looks at beyond those it was told to, so that data which are late still count. The guide's example
/// of three periods shows five; for other numbers it gives none.
const EXTRA_PERIODS: usize = 2;

/// Where an alarm stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Within its threshold.
    Ok,
    /// Beyond it.
    Alarm,
    /// Nothing to judge by. Every alarm begins so.
    InsufficientData,
}

impl State {
    /// CloudWatch's word.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Ok => "OK",
            State::Alarm => "ALARM",
            State::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

/// An alarm that went from one state to another.
#[derive(Clone, PartialEq, Debug)]
pub struct StateChange {
    /// Which alarm.
    pub definition: Definition,
    /// When, Unix ms.
    pub at: Millis,
    /// From what.
    pub old: State,
    /// To what.
    pub new: State,
    /// Why, for people.
    pub reason: String,
}

/// Alarms with their states.
#[derive(Clone, Debug)]
pub struct Alarms(Vec<(Definition, State)>);

impl Alarms {
    /// The alarms of a template's `Resources` (as JSON), each in `INSUFFICIENT_DATA`.
    pub fn read(resources: &Value, names: &Names) -> Result<Alarms, BadAlarm> {
        let definitions = definition::read(resources, names)?;
        Ok(Alarms(definitions.into_iter().map(|definition| (definition, State::InsufficientData)).collect()))
    }

    /// What they are, and where each stands.
    pub fn all(&self) -> impl Iterator<Item = (&Definition, State)> {
        self.0.iter().map(|(definition, state)| (definition, *state))
    }

    /// Lets time pass from just after `from` until `until`, and answers with every change of state, in time's order.
    pub fn watch(&mut self, data: &Data, from: Millis, until: Millis) -> Vec<StateChange> {
        let mut changes = Vec::new();
        let mut now = (from.div_euclid(FAST_MS) + 1) * FAST_MS;
        while now <= until {
            for (definition, state) in &mut self.0 {
                let every = if definition.period < 60 { FAST_MS } else { SLOW_MS };
                if now.rem_euclid(every) != 0 {
                    continue;
                }
                let (new, reason) = judge(definition, *state, data, now);
                if new != *state {
                    changes.push(StateChange { definition: definition.clone(), at: now, old: *state, new, reason });
                    *state = new;
                }
            }
            now += FAST_MS;
        }
        changes
    }
}

/// The state of an alarm at the end of a period, and why.
fn judge(definition: &Definition, state: State, data: &Data, now: Millis) -> (State, String) {
    let wanted = definition.evaluation_periods;
    // The newest first.
    let points: Vec<Option<f64>> = (0..wanted + EXTRA_PERIODS).map(|back| point(definition, data, now, back)).collect();
    let real: Vec<f64> = points.iter().flatten().copied().collect();
    let breaching = |values: &[f64]| values.iter().filter(|value| breaches(definition, **value)).count();
    let is_alarm = |count| if count >= definition.datapoints_to_alarm { State::Alarm } else { State::Ok };
    // With enough data nothing needs to be supposed, though some of them lie farther back.
    if let Some(enough) = real.get(..wanted) {
        let count = breaching(enough);
        return (is_alarm(count), reason(definition, enough, count));
    }
    let count = breaching(&real);
    let absent = wanted - real.len();
    let new = match missing(definition) {
        Missing::Breaching => is_alarm(count + absent),
        Missing::NotBreaching => is_alarm(count),
        Missing::Ignore if count >= definition.datapoints_to_alarm => State::Alarm,
        Missing::Ignore if count == 0 && !real.is_empty() => State::Ok,
        Missing::Ignore => state,
        Missing::Missing if real.is_empty() => State::InsufficientData,
        Missing::Missing if count == 0 => State::Ok,
        // Too few to count, but all of them breach, and the first of them long enough ago.
        Missing::Missing => {
            let oldest = points.iter().rposition(Option::is_some).unwrap_or_default();
            let is_old = oldest + 1 >= definition.datapoints_to_alarm;
            if count == real.len() && is_old { State::Alarm } else { state }
        }
    };
    (new, reason(definition, &real, count))
}

/// The kinds of treatment are the definition's own, but for DynamoDB's metrics, whose missing data CloudWatch always ignores.
fn missing(definition: &Definition) -> Missing {
    match &definition.source {
        Source::Metric(series, _) if series.namespace == "AWS/DynamoDB" => Missing::Ignore,
        _ => definition.missing,
    }
}

fn breaches(definition: &Definition, value: f64) -> bool {
    match definition.comparison {
        Comparison::AtLeast => value >= definition.threshold,
        Comparison::Above => value > definition.threshold,
        Comparison::Below => value < definition.threshold,
        Comparison::AtMost => value <= definition.threshold,
    }
}

/// The data point of the period that ended `back` periods before `now`; `None` when there is none.
fn point(definition: &Definition, data: &Data, now: Millis, back: usize) -> Option<f64> {
    let period = definition.period.saturating_mul(SECOND);
    let until = now - period.saturating_mul(i64::try_from(back).ok()?);
    let of = |series: &Series, statistic: Statistic| combine(&data.between(series, until - period, until), statistic);
    match &definition.source {
        Source::Metric(series, statistic) => of(series, *statistic),
        Source::Math(metrics, expression) => {
            let values = metrics.iter().map(|(id, (series, statistic))| (id.clone(), of(series, *statistic))).collect();
            expression.value(&values)
        }
    }
}

fn combine(values: &[f64], statistic: Statistic) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let sum: f64 = values.iter().sum();
    let count = values.len() as f64;
    Some(match statistic {
        Statistic::Sum => sum,
        Statistic::Average => sum / count,
        Statistic::SampleCount => count,
        Statistic::Minimum => values.iter().copied().fold(f64::INFINITY, f64::min),
        Statistic::Maximum => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    })
}

fn reason(definition: &Definition, values: &[f64], breaching: usize) -> String {
    let wanted = definition.evaluation_periods;
    let (threshold, needed) = (definition.threshold, definition.datapoints_to_alarm);
    format!(
        "Threshold Crossed: {breaching} of the last {wanted} data points {values:?} breach {threshold}; {needed} are needed."
    )
}
