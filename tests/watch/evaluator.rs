//! The evaluator against what AWS documents.

use local::alarms::{Alarms, Data, Expression, Names, Series, State, StateChange, sns_event};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Midnight of a day: the beginning of a period of any length.
const T: i64 = 1_795_305_600_000;
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60_000;

fn alarm(properties: &Value) -> Value {
    let mut all = json!({
        "AlarmName": {"Fn::Sub": "${AWS::StackName}-A"}, "Namespace": "N", "MetricName": "M",
        "Dimensions": [{"Name": "D", "Value": {"Ref": "P"}}], "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
        "Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    });
    for (name, value) in properties.as_object().unwrap() {
        all[name] = value.clone();
    }
    json!({"One": {"Type": "AWS::CloudWatch::Alarm", "Properties": all}})
}

fn names() -> Names {
    [("AWS::StackName", "stack"), ("P", "d")].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn series(name: &str) -> Series {
    let dimensions = [("D".to_owned(), "d".to_owned())].into();
    Series { namespace: "N".to_owned(), name: name.to_owned(), dimensions }
}

fn states(changes: &[StateChange]) -> Vec<(i64, State)> {
    changes.iter().map(|c| ((c.at - T) / SECOND, c.new)).collect()
}

fn watch(properties: &Value, points: &[(i64, f64)], until: i64) -> Vec<(i64, State)> {
    let mut data = Data::default();
    for (at, value) in points {
        data.put(series("M"), T + at * SECOND, *value, true);
    }
    let mut alarms = Alarms::read(&alarm(properties), &names()).unwrap();
    states(&alarms.watch(&data, T, T + until * SECOND))
}

/// The guide's tables: three of three, and two of three, with five periods looked at. `X` breaches, `0` does not, `-` is missing; the
/// newest stands last. The results are for missing, ignore (from a state of its own), breaching, notBreaching.
#[test]
fn missing_data_is_taken_for_what_the_guide_says() {
    use State::{Alarm, InsufficientData, Ok};
    const KEPT: State = InsufficientData;
    for (points, needed, expected) in [
        ("0-X-X", 3, [Ok, Ok, Ok, Ok]),
        ("0----", 3, [Ok, Ok, Ok, Ok]),
        ("-----", 3, [InsufficientData, KEPT, Alarm, Ok]),
        ("0XX-X", 3, [Alarm, Alarm, Alarm, Alarm]),
        ("--X--", 3, [Alarm, KEPT, Alarm, Ok]),
        ("0-X-X", 2, [Alarm, Alarm, Alarm, Alarm]),
        ("00X-X", 2, [Alarm, Alarm, Alarm, Alarm]),
        ("0-X--", 2, [Ok, Ok, Alarm, Ok]),
    ] {
        for (treatment, expected) in ["missing", "ignore", "breaching", "notBreaching"].iter().zip(expected) {
            let mut data = Data::default();
            for (n, point) in (0i64..).zip(points.chars()).filter(|(_, point)| *point != '-') {
                data.put(series("M"), T + n * MINUTE, if point == 'X' { 1.0 } else { 0.0 }, false);
            }
            let properties =
                json!({"EvaluationPeriods": 3, "DatapointsToAlarm": needed, "TreatMissingData": treatment});
            let mut alarms = Alarms::read(&alarm(&properties), &names()).unwrap();
            alarms.watch(&data, T + 5 * MINUTE - 1, T + 5 * MINUTE);
            let (_, state) = alarms.all().next().unwrap();
            // The guide gives "0-X--" no result where the state is kept; one breach of two that are needed is none.
            let is_open = points == "0-X--" && matches!(*treatment, "missing" | "ignore");
            assert!(state == expected || is_open, "{points} {needed} {treatment}: {state:?}");
        }
    }
}

#[test]
fn ten_second_periods_are_judged_every_ten_seconds_and_others_every_minute() {
    let fast = json!({"Period": 10, "TreatMissingData": "notBreaching"});
    assert_eq!(watch(&fast, &[(33, 1.0)], 60), [(10, State::Ok), (40, State::Alarm)]);
    let slow = json!({"Period": 60, "TreatMissingData": "notBreaching"});
    assert_eq!(watch(&slow, &[(63, 1.0)], 180), [(60, State::Ok), (120, State::Alarm)]);
    // Five minutes slide by the minute: what happened in the second minute is known at its end.
    let long = json!({"Period": 300, "TreatMissingData": "notBreaching"});
    assert_eq!(watch(&long, &[(63, 1.0)], 180), [(60, State::Ok), (120, State::Alarm)]);
}

#[test]
fn a_number_of_ordinary_resolution_is_known_by_its_minute() {
    let mut data = Data::default();
    data.put(series("M"), T + 45 * SECOND, 1.0, false);
    data.put(series("M"), T + 45 * SECOND, 2.0, true);
    assert_eq!(data.between(&series("M"), T, T + 10 * SECOND), [1.0]);
    assert_eq!(data.between(&series("M"), T + 40 * SECOND, T + 50 * SECOND), [2.0]);
}

#[test]
fn an_alarm_ends_when_a_breach_is_no_longer_looked_at() {
    let fast = json!({"Period": 10, "TreatMissingData": "notBreaching"});
    let changes = watch(&fast, &[(33, 1.0)], 120);
    assert_eq!(changes, [(10, State::Ok), (40, State::Alarm), (70, State::Ok)]);
    // Real data end it at once.
    let changes = watch(&fast, &[(33, 1.0), (43, 0.0)], 120);
    assert_eq!(changes, [(10, State::Ok), (40, State::Alarm), (50, State::Ok)]);
}

#[test]
fn every_statistic_and_comparison_is_what_it_says() {
    let points = [(1, 1.0), (2, 2.0), (3, 6.0)];
    for (statistic, value) in [("Sum", 9.0), ("Average", 3.0), ("Minimum", 1.0), ("Maximum", 6.0), ("SampleCount", 3.0)]
    {
        for (comparison, breaching) in [
            ("GreaterThanOrEqualToThreshold", [false, true, true]),
            ("GreaterThanThreshold", [false, false, true]),
            ("LessThanThreshold", [true, false, false]),
            ("LessThanOrEqualToThreshold", [true, true, false]),
        ] {
            for (threshold, breaches) in [value + 0.5, value, value - 0.5].into_iter().zip(breaching) {
                let properties =
                    json!({"Statistic": statistic, "ComparisonOperator": comparison, "Threshold": threshold});
                let state = watch(&properties, &points, 60).last().unwrap().1;
                assert_eq!(state == State::Alarm, breaches, "{statistic} {comparison} {threshold}");
            }
        }
    }
}

#[test]
fn expressions_are_read_and_worked_out() {
    let of: BTreeMap<String, Option<f64>> = [("a", Some(6.0)), ("b", Some(2.0)), ("none", None), ("nought", Some(0.0))]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
    for (text, value) in [
        ("1 + 2 * 3", Some(7.0)),
        ("(1 + 2) * 3", Some(9.0)),
        ("a / b - 1", Some(2.0)),
        ("a - b - 1", Some(3.0)),
        ("a / nought", None),
        ("a + none", None),
        ("FILL(none, 4) + a", Some(10.0)),
        ("FILL(a, 4)", Some(6.0)),
        ("a > b", Some(1.0)),
        ("a <= b", Some(0.0)),
        ("a >= 6 AND b >= 3", Some(0.0)),
        ("a >= 6 AND b >= 3 OR b == 2", Some(1.0)),
        ("a >= 6 && b != 3", Some(1.0)),
        ("a < 1 || b < 1", Some(0.0)),
        ("IF(a > b, a, b)", Some(6.0)),
        ("IF(nought, a, b)", Some(2.0)),
        ("IF(none, a, b)", None),
        ("IF(FILL(none, 0) >= 3 AND FILL(none, 0) / a >= 0.5, 1, 0)", Some(0.0)),
        ("0.5 * b", Some(1.0)),
    ] {
        let expression = Expression::read(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(expression.value(&of), value, "{text}");
    }
    for text in ["", "1 +", "RATE(a)", "a b", "IF(a, b)", "FILL(a)", "(a", "a)", "a ? b", "SEARCH('x', 'Sum')"] {
        assert_eq!(Expression::read(text), None, "{text}");
    }
}

#[test]
fn metric_math_is_judged_period_by_period() {
    let query = |id: &str, name: &str| {
        json!({"Id": id, "ReturnData": false, "MetricStat": {"Period": 10, "Stat": "Sum", "Metric":
            {"Namespace": "N", "MetricName": name, "Dimensions": [{"Name": "D", "Value": "d"}]}}})
    };
    let mut resources = alarm(&json!({
        "TreatMissingData": "notBreaching",
        "Metrics": [{"Id": "e", "Expression": "bad / all", "ReturnData": true}, query("bad", "B"), query("all", "A")],
        "Threshold": 0.5,
    }));
    let properties = resources["One"]["Properties"].as_object_mut().unwrap();
    for name in ["Namespace", "MetricName", "Dimensions", "Statistic", "Period"] {
        properties.remove(name);
    }
    let mut data = Data::default();
    for (at, bad, all) in [(5, 1.0, 4.0), (15, 2.0, 4.0), (25, 0.0, 9.0)] {
        data.put(series("B"), T + at * SECOND, bad, true);
        data.put(series("A"), T + at * SECOND, all, true);
    }
    let mut alarms = Alarms::read(&resources, &names()).unwrap();
    let changes = alarms.watch(&data, T, T + 60 * SECOND);
    assert_eq!(states(&changes), [(10, State::Ok), (20, State::Alarm), (30, State::Ok)]);
    let message = changes[1].message();
    assert_eq!(message.pointer("/Trigger/Metrics/0/Expression"), Some(&json!("bad / all")));
    assert_eq!(message.pointer("/Trigger/Metrics/1/MetricStat/Metric/Dimensions/0/name"), Some(&json!("D")));
    assert_eq!(message.pointer("/Trigger/Period"), Some(&json!(10)));
}

/// DynamoDB's own metrics keep an alarm as it is while they are missing, whatever it says.
#[test]
fn missing_data_of_dynamodb_are_ignored() {
    let properties = json!({"Namespace": "AWS/DynamoDB", "TreatMissingData": "breaching"});
    let mut alarms = Alarms::read(&alarm(&properties), &names()).unwrap();
    assert_eq!(alarms.watch(&Data::default(), T, T + 60 * MINUTE), Vec::new());
}

#[test]
fn a_definition_that_is_not_understood_is_refused() {
    for (properties, what) in [
        (json!({"Period": 15}), "Period"),
        (json!({"Period": 90}), "Period"),
        (json!({"Statistic": "p99"}), "Statistic"),
        (json!({"ComparisonOperator": "LessThanLowerThreshold"}), "ComparisonOperator"),
        (json!({"TreatMissingData": "forget"}), "TreatMissingData"),
        (json!({"EvaluationPeriods": 0}), "EvaluationPeriods"),
        (json!({"EvaluationPeriods": 2, "DatapointsToAlarm": 3}), "DatapointsToAlarm"),
        (json!({"Threshold": "1"}), "Threshold"),
        (json!({"Metrics": [{"Id": "e", "Expression": "a"}]}), "Expression of a, which is no metric"),
        (json!({"Metrics": [{"Id": "e", "Expression": "RATE(a)"}]}), "Expression RATE(a)"),
        (json!({"Metrics": []}), "ReturnData of not exactly one"),
    ] {
        let refused = Alarms::read(&alarm(&properties), &names()).unwrap_err();
        assert_eq!((refused.id.as_str(), refused.what.as_str()), ("One", what));
    }
    // What is no alarm is none of its business.
    assert_eq!(Alarms::read(&json!({"T": {"Type": "AWS::SNS::Topic"}}), &names()).unwrap().all().count(), 0);
}

#[test]
fn a_change_is_told_as_cloudwatch_tells_it() {
    let properties = json!({
        "Period": 10, "TreatMissingData": "notBreaching", "AlarmDescription": "Why.", "AlarmActions": [{"Ref": "P"}],
    });
    let mut data = Data::default();
    data.put(series("M"), T + 33 * SECOND, 2.0, true);
    let mut alarms = Alarms::read(&alarm(&properties), &names()).unwrap();
    let changes = alarms.watch(&data, T, T + 40 * SECOND);
    let event = sns_event(&changes[1]);
    let record = &event["Records"][0];
    assert_eq!(record["EventSource"], "aws:sns");
    assert_eq!(record["Sns"]["Type"], "Notification");
    assert_eq!(record["Sns"]["Subject"], "ALARM: \"stack-A\" in local");
    assert_eq!(record["Sns"]["Timestamp"], "2026-11-22T00:00:40.000Z");
    let message: Value = serde_json::from_str(record["Sns"]["Message"].as_str().unwrap()).unwrap();
    assert_eq!(message["AlarmName"], "stack-A");
    assert_eq!(message["AlarmDescription"], "Why.");
    assert_eq!((&message["OldStateValue"], &message["NewStateValue"]), (&json!("OK"), &json!("ALARM")));
    assert_eq!(message["StateChangeTime"], "2026-11-22T00:00:40.000+0000");
    assert_eq!(message["AlarmActions"], json!(["d"]));
    assert_eq!(message["Trigger"]["MetricName"], "M");
    assert_eq!(message["Trigger"]["Statistic"], "SUM");
    assert_eq!(message["Trigger"]["Dimensions"], json!([{"name": "D", "value": "d"}]));
    assert_eq!(message["Trigger"]["Threshold"], 1);
    // `lambda` reads it with AWS's own types.
    assert!(serde_json::to_string(&event).unwrap().contains("EventSubscriptionArn"));
}

#[test]
fn a_line_that_cannot_be_read_is_said_to_be() {
    let mut data = Data::default();
    assert!(data.read("no JSON").is_ok() && data.read("{\"level\":\"INFO\"}").is_ok());
    for line in [
        json!({"_aws": {}}),
        json!({"_aws": {"Timestamp": 1}}),
        json!({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{"Namespace": "N", "Dimensions": [["D"]],
            "Metrics": [{"Name": "M"}]}]}, "M": 1}),
        json!({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{"Namespace": "N", "Dimensions": [["D"]],
            "Metrics": [{"Name": "M"}]}]}, "D": "d"}),
    ] {
        assert!(data.read(&line.to_string()).is_err(), "{line}");
    }
    assert_eq!(data.series().count(), 0);
}
