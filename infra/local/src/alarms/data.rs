//! Numbers by metric, as CloudWatch keeps them: from log lines of the embedded metric format, or put in by hand for the metrics
//! that AWS counts by itself.

use domain::Millis;
use serde_json::Value;
use std::collections::BTreeMap;

/// Milliseconds to which a number of ordinary resolution is known.
const MINUTE: Millis = 60_000;

/// Milliseconds to which one of high resolution is known.
const SECOND: Millis = 1_000;

/// A metric: namespace, name, and the value of each of its dimensions. Another dimension is another metric.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Series {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// Dimensions by name.
    pub dimensions: BTreeMap<String, String>,
}

/// All numbers of all metrics, with the time at which CloudWatch knows them.
#[derive(Clone, Debug, Default)]
pub struct Data(BTreeMap<Series, Vec<(Millis, f64)>>);

/// A line that says that it holds metrics and cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadLine(pub &'static str);

impl Data {
    /// Puts a number in, at Unix ms. One of ordinary resolution is known by its minute only.
    pub fn put(&mut self, series: Series, at: Millis, value: f64, is_high_resolution: bool) {
        let grain = if is_high_resolution { SECOND } else { MINUTE };
        self.0.entry(series).or_default().push((at.div_euclid(grain) * grain, value));
    }

    /// Reads one log line. A line without metrics is none of ours and changes nothing.
    pub fn read(&mut self, line: &str) -> Result<(), BadLine> {
        let Ok(root) = serde_json::from_str::<Value>(line) else { return Ok(()) };
        let Some(metadata) = root.get("_aws") else { return Ok(()) };
        let at = metadata.get("Timestamp").and_then(Value::as_i64).ok_or(BadLine("Timestamp"))?;
        let directives = metadata.get("CloudWatchMetrics").and_then(Value::as_array);
        for directive in directives.ok_or(BadLine("CloudWatchMetrics"))? {
            let list = |name| directive.get(name).and_then(Value::as_array).map(Vec::as_slice);
            let namespace = directive.get("Namespace").and_then(Value::as_str).ok_or(BadLine("Namespace"))?;
            for set in list("Dimensions").ok_or(BadLine("Dimensions"))? {
                let dimensions = dimensions(&root, set)?;
                for metric in list("Metrics").ok_or(BadLine("Metrics"))? {
                    let name = metric.get("Name").and_then(Value::as_str).ok_or(BadLine("Name"))?;
                    let series = Series {
                        namespace: namespace.to_owned(),
                        name: name.to_owned(),
                        dimensions: dimensions.clone(),
                    };
                    let is_high = metric.get("StorageResolution").and_then(Value::as_i64) == Some(1);
                    for value in targets(&root, name)? {
                        self.put(series.clone(), at, value, is_high);
                    }
                }
            }
        }
        Ok(())
    }

    /// The numbers of a metric from `from` on and before `until`.
    pub fn between(&self, series: &Series, from: Millis, until: Millis) -> Vec<f64> {
        let points = self.0.get(series).map(Vec::as_slice).unwrap_or_default();
        points.iter().filter(|(at, _)| (from..until).contains(at)).map(|(_, value)| *value).collect()
    }

    /// The metrics of which a number is known.
    pub fn series(&self) -> impl Iterator<Item = &Series> {
        self.0.keys()
    }
}

fn dimensions(root: &Value, set: &Value) -> Result<BTreeMap<String, String>, BadLine> {
    let names = set.as_array().ok_or(BadLine("DimensionSet"))?;
    let one = |name: &Value| {
        let name = name.as_str().ok_or(BadLine("DimensionSet"))?;
        let value = root.get(name).and_then(Value::as_str).ok_or(BadLine("a dimension without a value"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    names.iter().map(one).collect()
}

fn targets(root: &Value, name: &str) -> Result<Vec<f64>, BadLine> {
    let bad = BadLine("a metric without numbers");
    match root.get(name) {
        Some(Value::Array(several)) => several.iter().map(|n| n.as_f64().ok_or_else(|| bad.clone())).collect(),
        Some(one) => Ok(vec![one.as_f64().ok_or(bad)?]),
        None => Err(bad),
    }
}
