//! What CloudWatch sends to a topic when an alarm changes its state, and what Lambda hands to a function that the topic calls.
//! Source: the shape of the message in the Amazon CloudWatch User Guide, "Using Amazon CloudWatch alarms", and of the event in the
//! AWS Lambda Developer Guide, "Invoking Lambda functions with Amazon SNS notifications".

use super::{Definition, Source, StateChange};
use app::clock::rfc3339;
use domain::Millis;
use serde_json::{Map, Value, json};

/// This world's account, region and topic, which are nobody's.
const ACCOUNT: &str = "000000000000";
const REGION: &str = "local";
const TOPIC: &str = "arn:aws:sns:local:000000000000:alerts";

impl StateChange {
    /// The message as CloudWatch writes it: a document, sent as text.
    pub fn message(&self) -> Value {
        let definition = &self.definition;
        let actions = |name: &str| definition.properties.get(name).cloned().unwrap_or_else(|| json!([]));
        json!({
            "AlarmName": definition.name,
            "AlarmDescription": definition.description,
            "AWSAccountId": ACCOUNT,
            "AlarmConfigurationUpdatedTimestamp": zoned(self.at),
            "NewStateValue": self.new.as_str(),
            "NewStateReason": self.reason,
            "StateChangeTime": zoned(self.at),
            "Region": REGION,
            "AlarmArn": format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{}", definition.name),
            "OldStateValue": self.old.as_str(),
            "OKActions": actions("OKActions"),
            "AlarmActions": actions("AlarmActions"),
            "InsufficientDataActions": actions("InsufficientDataActions"),
            "Trigger": trigger(definition),
        })
    }
}

/// CloudWatch writes the zone as `+0000`.
fn zoned(at: Millis) -> String {
    rfc3339(at).replace('Z', "+0000")
}

/// What the alarm looks at. The names inside begin with small letters here and with large ones in the definition.
fn trigger(definition: &Definition) -> Value {
    let mut trigger = Map::new();
    for name in ["ComparisonOperator", "DatapointsToAlarm", "EvaluationPeriods", "Threshold", "TreatMissingData"] {
        trigger.insert(name.to_owned(), definition.properties.get(name).cloned().unwrap_or_default());
    }
    trigger.insert("Period".to_owned(), json!(definition.period));
    let dimensions = |of: &Value| -> Value {
        let all = of.get("Dimensions").and_then(Value::as_array).into_iter().flatten();
        all.map(|d| json!({"name": d.get("Name"), "value": d.get("Value")})).collect()
    };
    match &definition.source {
        Source::Metric(series, _) => {
            let statistic = definition.properties.get("Statistic").and_then(Value::as_str).unwrap_or_default();
            trigger.insert("MetricName".to_owned(), json!(series.name));
            trigger.insert("Namespace".to_owned(), json!(series.namespace));
            trigger.insert("StatisticType".to_owned(), json!("Statistic"));
            trigger.insert("Statistic".to_owned(), json!(statistic.to_uppercase()));
            trigger.insert("Unit".to_owned(), Value::Null);
            trigger.insert("Dimensions".to_owned(), dimensions(&Value::Object(definition.properties.clone())));
        }
        Source::Math(..) => {
            let mut queries = definition.properties.get("Metrics").cloned().unwrap_or_default();
            for query in queries.as_array_mut().into_iter().flatten() {
                if let Some(metric) = query.pointer_mut("/MetricStat/Metric") {
                    let small = dimensions(metric);
                    if let Some(metric) = metric.as_object_mut() {
                        metric.insert("Dimensions".to_owned(), small);
                    }
                }
            }
            trigger.insert("Metrics".to_owned(), queries);
        }
    }
    Value::Object(trigger)
}

/// The event of a function that the alarm's topic calls.
pub fn sns_event(change: &StateChange) -> Value {
    let name = &change.definition.name;
    json!({"Records": [{
        "EventVersion": "1.0",
        "EventSource": "aws:sns",
        "EventSubscriptionArn": format!("{TOPIC}:00000000-0000-0000-0000-000000000000"),
        "Sns": {
            "Type": "Notification",
            "MessageId": format!("00000000-0000-0000-0000-{:012x}", change.at.rem_euclid(1 << 48)),
            "TopicArn": TOPIC,
            "Subject": format!("{}: \"{name}\" in {REGION}", change.new.as_str()),
            "Message": change.message().to_string(),
            "Timestamp": rfc3339(change.at),
            "SignatureVersion": "1",
            "Signature": "",
            "SigningCertUrl": "",
            "UnsubscribeUrl": "",
            "MessageAttributes": {},
        },
    }]})
}
