//! Alarms as CloudFormation writes them, read into what can be evaluated.

use super::data::Series;
use super::math::Expression;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// The kind of resource that an alarm is.
const TYPE: &str = "AWS::CloudWatch::Alarm";

/// How several numbers of a period become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Statistic {
    /// Their sum.
    Sum,
    /// Their mean.
    Average,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
    /// How many there are.
    SampleCount,
}

impl Statistic {
    fn read(text: &str) -> Option<Statistic> {
        Some(match text {
            "Sum" => Statistic::Sum,
            "Average" => Statistic::Average,
            "Minimum" => Statistic::Minimum,
            "Maximum" => Statistic::Maximum,
            "SampleCount" => Statistic::SampleCount,
            _ => return None,
        })
    }
}

/// When a value breaches a threshold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// `GreaterThanOrEqualToThreshold`.
    AtLeast,
    /// `GreaterThanThreshold`.
    Above,
    /// `LessThanThreshold`.
    Below,
    /// `LessThanOrEqualToThreshold`.
    AtMost,
}

/// What a period without data is taken for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// A breach.
    Breaching,
    /// No breach.
    NotBreaching,
    /// Nothing: the state stays.
    Ignore,
    /// Data that are not there: an alarm without any has none to judge by.
    Missing,
}

/// What an alarm looks at.
#[derive(Clone, PartialEq, Debug)]
pub enum Source {
    /// A metric.
    Metric(Series, Statistic),
    /// Metrics by the names of their queries, and the expression over them that is looked at.
    Math(BTreeMap<String, (Series, Statistic)>, Expression),
}

/// An alarm, as it is written.
#[derive(Clone, PartialEq, Debug)]
pub struct Definition {
    /// The logical id of its resource.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// What it looks at.
    pub source: Source,
    /// Seconds of a period.
    pub period: i64,
    /// Periods that are looked at.
    pub evaluation_periods: usize,
    /// How many of them must breach.
    pub datapoints_to_alarm: usize,
    /// The threshold.
    pub threshold: f64,
    /// When a value breaches it.
    pub comparison: Comparison,
    /// What a period without data is taken for.
    pub missing: Missing,
    /// Its properties with every name in them resolved, for the message.
    pub properties: Map<String, Value>,
}

/// A definition that does not read, or says something that is not understood here. Nothing is guessed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadAlarm {
    /// The logical id.
    pub id: String,
    /// Which property.
    pub what: String,
}

impl fmt::Display for BadAlarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.what)
    }
}

impl std::error::Error for BadAlarm {}

/// What `Ref`, `Fn::GetAtt` and `Fn::Sub` stand for: parameters and pseudo-parameters by name, attributes as `Queue.QueueName`.
/// A name that is not here stands for itself.
pub type Names = BTreeMap<String, String>;

/// Reads every alarm of a template's `Resources`.
pub fn read(resources: &Value, names: &Names) -> Result<Vec<Definition>, BadAlarm> {
    let resources = resources.as_object().into_iter().flatten();
    let alarms = resources.filter(|(_, resource)| resource.get("Type").and_then(Value::as_str) == Some(TYPE));
    alarms.map(|(id, resource)| one(id, resource, names)).collect()
}

fn one(id: &str, resource: &Value, names: &Names) -> Result<Definition, BadAlarm> {
    let bad = |what: &str| BadAlarm { id: id.to_owned(), what: what.to_owned() };
    let properties = resolve(resource.get("Properties").unwrap_or(&Value::Null), names);
    let Value::Object(properties) = properties else { return Err(bad("Properties")) };
    let text = |name: &str| properties.get(name).and_then(Value::as_str);
    let number = |name: &str| properties.get(name).and_then(Value::as_i64);
    let evaluation_periods = number("EvaluationPeriods").ok_or_else(|| bad("EvaluationPeriods"))?;
    let datapoints = number("DatapointsToAlarm").unwrap_or(evaluation_periods);
    let count = |n: i64, what| usize::try_from(n).ok().filter(|n| *n > 0).ok_or_else(|| bad(what));
    let (source, period) = match properties.get("Metrics") {
        Some(queries) => math(queries).map_err(|what| bad(&what))?,
        None => metric(&properties).map_err(|what| bad(&what))?,
    };
    let definition = Definition {
        id: id.to_owned(),
        name: text("AlarmName").ok_or_else(|| bad("AlarmName"))?.to_owned(),
        description: text("AlarmDescription").unwrap_or_default().to_owned(),
        source,
        period,
        evaluation_periods: count(evaluation_periods, "EvaluationPeriods")?,
        datapoints_to_alarm: count(datapoints, "DatapointsToAlarm")?,
        threshold: properties.get("Threshold").and_then(Value::as_f64).ok_or_else(|| bad("Threshold"))?,
        comparison: match text("ComparisonOperator") {
            Some("GreaterThanOrEqualToThreshold") => Comparison::AtLeast,
            Some("GreaterThanThreshold") => Comparison::Above,
            Some("LessThanThreshold") => Comparison::Below,
            Some("LessThanOrEqualToThreshold") => Comparison::AtMost,
            _ => return Err(bad("ComparisonOperator")),
        },
        missing: match text("TreatMissingData") {
            Some("breaching") => Missing::Breaching,
            Some("notBreaching") => Missing::NotBreaching,
            Some("ignore") => Missing::Ignore,
            Some("missing") | None => Missing::Missing,
            Some(_) => return Err(bad("TreatMissingData")),
        },
        properties,
    };
    // 10, 20, 30 or whole minutes. Source: API reference of CloudWatch, PutMetricAlarm, Period.
    if !matches!(definition.period, 10 | 20 | 30) && (definition.period < 60 || definition.period % 60 != 0) {
        return Err(bad("Period"));
    }
    if definition.datapoints_to_alarm > definition.evaluation_periods {
        return Err(bad("DatapointsToAlarm"));
    }
    Ok(definition)
}

fn metric(properties: &Map<String, Value>) -> Result<(Source, i64), String> {
    let period = properties.get("Period").and_then(Value::as_i64).ok_or("Period")?;
    let statistic = properties.get("Statistic").and_then(Value::as_str).and_then(Statistic::read);
    Ok((Source::Metric(series(properties)?, statistic.ok_or("Statistic")?), period))
}

fn math(queries: &Value) -> Result<(Source, i64), String> {
    let mut metrics = BTreeMap::new();
    let mut expressions = BTreeMap::new();
    let (mut shown, mut period) = (Vec::new(), None);
    for query in queries.as_array().ok_or("Metrics")? {
        let id = query.get("Id").and_then(Value::as_str).ok_or("Metrics without an Id")?;
        // What is not said to be hidden is shown, and exactly one must be.
        if query.get("ReturnData").and_then(Value::as_bool).unwrap_or(true) {
            shown.push(id.to_owned());
        }
        if let Some(text) = query.get("Expression").and_then(Value::as_str) {
            expressions.insert(id.to_owned(), Expression::read(text).ok_or_else(|| format!("Expression {text}"))?);
            continue;
        }
        let stat = query.get("MetricStat").ok_or_else(|| format!("Metrics {id}"))?;
        let metric = stat.get("Metric").and_then(Value::as_object).ok_or_else(|| format!("Metric of {id}"))?;
        let own = stat.get("Period").and_then(Value::as_i64).ok_or_else(|| format!("Period of {id}"))?;
        if *period.get_or_insert(own) != own {
            return Err("Metrics of two periods".to_owned());
        }
        let statistic = stat.get("Stat").and_then(Value::as_str).and_then(Statistic::read);
        metrics.insert(id.to_owned(), (series(metric)?, statistic.ok_or_else(|| format!("Stat of {id}"))?));
    }
    let [shown] = shown.as_slice() else { return Err("ReturnData of not exactly one".to_owned()) };
    let expression = expressions.remove(shown).unwrap_or_else(|| Expression::Name(shown.clone()));
    if let Some(unknown) = expression.names().into_iter().find(|name| !metrics.contains_key(*name)) {
        return Err(format!("Expression of {unknown}, which is no metric"));
    }
    Ok((Source::Math(metrics, expression), period.ok_or("Metrics without a Period")?))
}

fn series(properties: &Map<String, Value>) -> Result<Series, String> {
    let text = |name: &str| properties.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(name.to_owned());
    let mut dimensions = BTreeMap::new();
    for dimension in properties.get("Dimensions").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| dimension.get(name).and_then(Value::as_str).map(str::to_owned).ok_or("Dimensions");
        dimensions.insert(part("Name")?, part("Value")?);
    }
    Ok(Series { namespace: text("Namespace")?, name: text("MetricName")?, dimensions })
}

/// A value with the names in it replaced by what they stand for.
fn resolve(value: &Value, names: &Names) -> Value {
    let known = |name: &str| names.get(name).cloned().unwrap_or_else(|| name.to_owned());
    match value {
        Value::Array(list) => list.iter().map(|one| resolve(one, names)).collect(),
        Value::Object(object) if object.len() == 1 => {
            let (name, inside) = object.iter().next().map_or(("", value), |(name, inside)| (name.as_str(), inside));
            match (name, inside) {
                ("Ref", Value::String(name)) => known(name).into(),
                ("Fn::GetAtt", Value::String(path)) => known(path).into(),
                ("Fn::GetAtt", Value::Array(path)) => {
                    let path: Vec<&str> = path.iter().filter_map(Value::as_str).collect();
                    known(&path.join(".")).into()
                }
                ("Fn::Sub", Value::String(text)) => substitute(text, &known).into(),
                _ => Value::Object([(name.to_owned(), resolve(inside, names))].into_iter().collect()),
            }
        }
        Value::Object(object) => {
            Value::Object(object.iter().map(|(name, inside)| (name.clone(), resolve(inside, names))).collect())
        }
        other => other.clone(),
    }
}

fn substitute(text: &str, known: &dyn Fn(&str) -> String) -> String {
    let mut parts = text.split("${");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}') {
            Some((name, after)) => out += &format!("{}{after}", known(name)),
            None => out += &format!("${{{part}"),
        }
    }
    out
}
