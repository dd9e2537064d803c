//! The rules of the embedded metric format, as the specification states them, and a meter under more than a shop can count.
//! Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format".

use app::Meter;
use app::meter::{Failure, Metric, Sink};
use domain::AccountId;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Bytes of a log event.
const LINE_MAX: usize = 1024 * 1024;

/// CloudWatch's units, as the API reference of `MetricDatum` names them.
const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// Everything in a line that the specification does not allow; nothing when it is well formed.
pub fn faults(line: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut expect = |holds: bool, what: &str| {
        if !holds {
            faults.push(what.to_owned());
        }
    };
    expect(line.len() <= LINE_MAX, "longer than a log event");
    expect(!line.contains('\n'), "more than one line");
    let Ok(Value::Object(root)) = serde_json::from_str::<Value>(line) else {
        return vec!["no JSON object".to_owned()];
    };
    let text = |value: &Value, max: usize| {
        value.as_str().is_some_and(|text| (1..=max).contains(&text.len()) && !text.trim().is_empty() && text.is_ascii())
    };
    let at = root.get("_aws").and_then(|aws| aws.get("Timestamp"));
    expect(at.is_some_and(|at| at.as_i64().is_some_and(|ms| ms > 1_000_000_000_000)), "a timestamp that is no ms");
    let Some(directives) = root.get("_aws").and_then(|aws| aws.get("CloudWatchMetrics")).and_then(Value::as_array)
    else {
        return vec!["no CloudWatchMetrics".to_owned()];
    };
    expect(!directives.is_empty(), "no directive");
    for directive in directives {
        let members: Vec<&String> = directive.as_object().into_iter().flat_map(|d| d.keys()).collect();
        expect(members == ["Dimensions", "Metrics", "Namespace"], "members of a directive");
        expect(text(&directive["Namespace"], 255), "a namespace");
        expect(!directive["Namespace"].as_str().unwrap_or("AWS/").starts_with("AWS/"), "AWS's own namespace");
        let sets = directive["Dimensions"].as_array().cloned().unwrap_or_default();
        expect(!sets.is_empty(), "no set of dimensions");
        for set in &sets {
            let names = set.as_array().cloned().unwrap_or_default();
            expect((1..=30).contains(&names.len()), "1 to 30 dimensions");
            for name in names {
                expect(text(&name, 250), "a dimension's name");
                let value = root.get(name.as_str().unwrap_or_default()).unwrap_or(&Value::Null);
                expect(text(value, 1_024), "a dimension's value");
                expect(!name.as_str().unwrap_or_default().starts_with(':'), "a dimension that begins with a colon");
            }
        }
        let metrics = directive["Metrics"].as_array().cloned().unwrap_or_default();
        expect((1..=100).contains(&metrics.len()), "1 to 100 metrics");
        let mut seen = Vec::new();
        for metric in &metrics {
            expect(text(&metric["Name"], 1_024), "a metric's name");
            expect(!seen.contains(&&metric["Name"]), "a metric twice");
            seen.push(&metric["Name"]);
            expect(metric.get("Unit").is_none_or(|u| UNITS.iter().any(|unit| u == unit)), "a unit");
            expect(metric.get("StorageResolution").is_none_or(|r| r == 1 || r == 60), "a resolution");
            let target = root.get(metric["Name"].as_str().unwrap_or_default()).unwrap_or(&Value::Null);
            let several = target.as_array().cloned().unwrap_or_else(|| vec![target.clone()]);
            expect((1..=100).contains(&several.len()), "1 to 100 numbers");
            expect(several.iter().all(Value::is_number), "a target that is no number");
        }
    }
    faults
}

fn good() -> Value {
    json!({
        "_aws": {"Timestamp": 1_795_305_600_000_i64, "CloudWatchMetrics": [{
            "Namespace": "A", "Dimensions": [["B"]], "Metrics": [{"Name": "C", "Unit": "Count", "StorageResolution": 1}],
        }]},
        "B": "b", "C": [1, 2],
    })
}

#[test]
fn a_line_that_breaks_a_rule_is_caught() {
    assert_eq!(faults(&good().to_string()), Vec::<String>::new());
    let many = |n: usize| Value::from((0..n).map(Value::from).collect::<Vec<_>>());
    let named = |n: usize| Value::from((0..n).map(|n| json!({"Name": format!("C{n}")})).collect::<Vec<_>>());
    for (pointer, value, fault) in [
        ("/_aws/Timestamp", json!("2026"), "a timestamp that is no ms"),
        ("/_aws/Timestamp", json!(1_795_305_600), "a timestamp that is no ms"),
        ("/_aws/CloudWatchMetrics", json!([]), "no directive"),
        ("/_aws/CloudWatchMetrics/0/Namespace", json!(""), "a namespace"),
        ("/_aws/CloudWatchMetrics/0/Namespace", json!("AWS/Lambda"), "AWS's own namespace"),
        ("/_aws/CloudWatchMetrics/0/Dimensions", json!([]), "no set of dimensions"),
        ("/_aws/CloudWatchMetrics/0/Dimensions/0", json!([]), "1 to 30 dimensions"),
        ("/_aws/CloudWatchMetrics/0/Dimensions/0", json!(["Z"]), "a dimension's value"),
        ("/_aws/CloudWatchMetrics/0/Metrics", json!([]), "1 to 100 metrics"),
        ("/_aws/CloudWatchMetrics/0/Metrics", named(101), "1 to 100 metrics"),
        ("/_aws/CloudWatchMetrics/0/Metrics/0/Unit", json!("Pieces"), "a unit"),
        ("/_aws/CloudWatchMetrics/0/Metrics/0/StorageResolution", json!(10), "a resolution"),
        ("/B", json!(1), "a dimension's value"),
        ("/B", json!("b".repeat(1_025)), "a dimension's value"),
        ("/C", json!("1"), "a target that is no number"),
        ("/C", json!([1, "2"]), "a target that is no number"),
        ("/C", many(101), "1 to 100 numbers"),
    ] {
        let mut line = good();
        *line.pointer_mut(pointer).unwrap() = value;
        let found = faults(&line.to_string());
        assert!(found.iter().any(|f| f == fault), "{pointer}: {found:?}");
    }
    assert_eq!(faults("{} trailing"), ["no JSON object"]);
    assert_eq!(faults("{}"), ["no CloudWatchMetrics"]);
}

fn meter() -> (Meter, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let to = lines.clone();
    (Meter::new(Sink::from_fn(move |line| to.lock().unwrap().push(line.to_owned()))), lines)
}

const NOW: i64 = 1_795_305_600_000;

#[test]
fn a_meter_stays_within_the_rules_whatever_is_counted() {
    let (meter, lines) = meter();
    for n in 0..5_000 {
        meter.add(Metric::PaidToDelivered, n);
        meter.add(Metric::OrdersDelivered, 1);
        let channel = AccountId::parse(&format!("channel{}", n % 80)).unwrap();
        meter.add_for(&channel, Metric::TimeToProof, n);
        meter.channel_failed(&channel, Failure::QueryUnanswered);
    }
    meter.flush("shop", NOW);
    let lines = std::mem::take(&mut *lines.lock().unwrap());
    let mut delivered = 0;
    for line in &lines {
        assert_eq!(faults(line), Vec::<String>::new(), "{line}");
        let line: Value = serde_json::from_str(line).unwrap();
        delivered += line["OrdersDelivered"].as_i64().unwrap_or_default();
    }
    assert_eq!(delivered, 5_000, "a sum is told once");
    // Ten lines of a hundred durations, and one line for each of the channels that are told apart.
    assert!((50..=60).contains(&lines.len()), "{} lines", lines.len());
    assert!(lines.iter().all(|line| line.len() < 10_000));
    meter.flush("shop", NOW);
    assert!(lines.len() < 100);
}

#[test]
fn a_sum_is_added_up_a_gauge_is_the_last_and_durations_are_kept() {
    let (meter, lines) = meter();
    for n in [3, 1, 2] {
        meter.add(Metric::OrdersCreated, n);
        meter.add(Metric::NeedsPerson, n);
        meter.add(Metric::PaidToDelivered, n);
    }
    meter.add(Metric::PaidNotDelivered, 0);
    meter.flush("shop", NOW);
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 1);
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["OrdersCreated"], 6);
    assert_eq!(line["NeedsPerson"], 2);
    assert_eq!(line["PaidToDelivered"], json!([3, 1, 2]));
    assert_eq!(line["PaidNotDelivered"], 0, "a gauge tells nought");
    assert_eq!(line["Shop"], "shop");
    let resolution = |name: &str| {
        let metrics = line.pointer("/_aws/CloudWatchMetrics/0/Metrics").unwrap().as_array().unwrap();
        metrics.iter().find(|m| m["Name"] == name).and_then(|m| m.get("StorageResolution")).cloned()
    };
    assert_eq!(resolution("OrdersCreated"), None);
}

#[test]
fn what_is_told_by_channel_and_of_the_shop_is_told_of_both() {
    let (meter, lines) = meter();
    let (a, b) = (AccountId::parse("a").unwrap(), AccountId::parse("b").unwrap());
    for channel in [&a, &a, &b] {
        meter.add_for(channel, Metric::ProviderCalls, 1);
        meter.add_for(channel, Metric::AttemptsMade, 1);
    }
    meter.channel_failed(&b, Failure::MoneyUnreadable);
    meter.flush("shop", NOW);
    let lines: Vec<Value> = lines.lock().unwrap().iter().map(|l| serde_json::from_str(l).unwrap()).collect();
    let told: Vec<(Option<&str>, i64, Option<i64>)> = lines
        .iter()
        .map(|l| (l["Channel"].as_str(), l["ProviderCalls"].as_i64().unwrap(), l["AttemptsMade"].as_i64()))
        .collect();
    assert_eq!(told, [(None, 3, None), (Some("a"), 2, Some(2)), (Some("b"), 1, Some(1))]);
    assert_eq!(lines[2]["Reasons"], json!({"money_unreadable": 1}));
    assert_eq!(lines[0]["ProviderFailures"], 1);
    assert_eq!(lines[0].pointer("/_aws/CloudWatchMetrics/0/Metrics/0/StorageResolution"), Some(&json!(1)));
}

#[test]
fn names_are_told_apart() {
    for (n, metric) in Metric::ALL.iter().enumerate() {
        assert!(Metric::ALL[..n].iter().all(|other| other.name() != metric.name()), "{}", metric.name());
    }
}
