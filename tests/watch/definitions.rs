//! Alarms, metrics and runbook agree.

use crate::watched::{names, resources};
use app::meter::{By, Metric};
use local::alarms::{Alarms, Definition, Series, Source};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

const RUNBOOK: &str = "infra/runbook/alarms.md";

/// What an entry of the runbook must say, each in a paragraph that begins so.
const PARTS: [&str; 5] =
    ["**What it means.**", "**Money or goods at stake?**", "**Look at.**", "**Do.**", "**It ends by itself"];

fn definitions() -> Vec<Definition> {
    let alarms = Alarms::read(&resources(), &names()).unwrap();
    alarms.all().map(|(definition, _)| definition.clone()).collect()
}

fn short(definition: &Definition) -> &str {
    definition.name.strip_prefix("kamivend-").unwrap()
}

fn series(definition: &Definition) -> Vec<&Series> {
    match &definition.source {
        Source::Metric(series, _) => vec![series],
        Source::Math(metrics, _) => metrics.values().map(|(series, _)| series).collect(),
    }
}

/// The entries of a runbook: name and text.
fn entries(text: &str) -> Vec<(String, String)> {
    let parts = text.split("\n## ").skip(1);
    parts.filter_map(|part| part.split_once('\n')).map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

fn faults(definitions: &[Definition], runbook: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let entries = entries(runbook);
    for definition in definitions {
        let name = short(definition);
        let Some((_, text)) = entries.iter().find(|(entry, _)| entry == name) else {
            faults.push(format!("{name} has no entry"));
            continue;
        };
        faults.extend(PARTS.iter().filter(|part| !text.contains(**part)).map(|part| format!("{name}: no {part}")));
        if !definition.description.ends_with(&format!(" {RUNBOOK}#{}", name.to_lowercase())) {
            faults.push(format!("{name}: its description does not end with its entry"));
        }
        for action in ["AlarmActions", "OKActions"] {
            if definition.properties.get(action) != Some(&json!(["Alerts"])) {
                faults.push(format!("{name}: {action}"));
            }
        }
        // Of silence only that one speaks whose silence is the fault.
        let silence = definition.properties.get("InsufficientDataActions");
        if silence != (name == "TimerSilent").then_some(&json!(["Alerts"])) {
            faults.push(format!("{name}: InsufficientDataActions"));
        }
        if definition.id != format!("{name}Alarm") {
            faults.push(format!("{name}: its logical id is {}", definition.id));
        }
        if !definition.properties.contains_key("TreatMissingData") {
            faults.push(format!("{name}: nothing is decided about missing data"));
        }
        for series in series(definition).into_iter().filter(|series| series.namespace == "Kamivend") {
            let Some(metric) = Metric::ALL.into_iter().find(|metric| metric.name() == series.name) else {
                faults.push(format!("{name}: there is no metric {}", series.name));
                continue;
            };
            if (definition.period < 60) && !metric.is_high_resolution() {
                faults.push(format!("{name}: {} is known by the minute only", series.name));
            }
            let dimensions: Vec<(&str, &str)> =
                series.dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            if dimensions != [("Shop", "kamivend")] || metric.by() == By::Channel {
                faults.push(format!("{name}: {} is not told by {dimensions:?}", series.name));
            }
        }
    }
    for (entry, _) in &entries {
        if !definitions.iter().any(|definition| short(definition) == entry) {
            faults.push(format!("{entry} is no alarm"));
        }
    }
    faults
}

fn runbook() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(RUNBOOK)).unwrap()
}

#[test]
fn every_alarm_has_its_entry_and_its_metric() {
    let definitions = definitions();
    assert_eq!(definitions.len(), 17);
    assert_eq!(faults(&definitions, &runbook()), Vec::<String>::new());
}

#[test]
fn what_does_not_agree_is_caught() {
    let definitions = definitions();
    let runbook = runbook();
    let without = runbook.replace("\n## DeadLetter\n", "\n## Another\n");
    assert_eq!(faults(&definitions, &without), ["DeadLetter has no entry", "Another is no alarm"]);
    let silent = runbook.replacen("**Do.**", "", 1);
    assert_eq!(faults(&definitions, &silent).len(), 1);
    let change = |pointer: &str, value: Value| {
        let mut resources = resources();
        *resources.pointer_mut(&format!("/DeliveryFailingAlarm/Properties/{pointer}")).unwrap() = value;
        let alarms = Alarms::read(&resources, &names()).unwrap();
        let definitions: Vec<Definition> = alarms.all().map(|(definition, _)| definition.clone()).collect();
        faults(&definitions, &runbook)
    };
    for (pointer, value, fault) in [
        ("MetricName", json!("Unheard"), "DeliveryFailing: there is no metric Unheard"),
        ("MetricName", json!("OrdersPaid"), "DeliveryFailing: OrdersPaid is known by the minute only"),
        (
            "Dimensions/0/Name",
            json!("Store"),
            "DeliveryFailing: DeliveriesFailed is not told by [(\"Store\", \"kamivend\")]",
        ),
        ("AlarmActions", json!([]), "DeliveryFailing: AlarmActions"),
        ("OKActions", json!([]), "DeliveryFailing: OKActions"),
        ("AlarmDescription", json!("Why."), "DeliveryFailing: its description does not end with its entry"),
    ] {
        assert_eq!(change(pointer, value), [fault]);
    }
}

#[test]
fn silence_rings_where_it_is_the_fault_and_nowhere_else() {
    let runbook = runbook();
    for (id, name) in [("TimerSilentAlarm", "TimerSilent"), ("DeliveryFailingAlarm", "DeliveryFailing")] {
        let mut resources = resources();
        let properties = resources[id]["Properties"].as_object_mut().unwrap();
        if properties.remove("InsufficientDataActions").is_none() {
            properties.insert("InsufficientDataActions".to_owned(), json!([{"Ref": "Alerts"}]));
        }
        let alarms = Alarms::read(&resources, &names()).unwrap();
        let definitions: Vec<Definition> = alarms.all().map(|(definition, _)| definition.clone()).collect();
        assert_eq!(faults(&definitions, &runbook), [format!("{name}: InsufficientDataActions")]);
    }
}

/// What somebody must know within a quarter of a minute is looked at every ten seconds, and whatever is kept by the second is looked
/// at so: it costs more.
#[test]
fn high_resolution_is_where_an_alarm_needs_it() {
    let definitions = definitions();
    let fast: BTreeSet<&str> = definitions.iter().filter(|d| d.period < 60).map(short).collect();
    assert_eq!(fast, ["ChannelFailing", "DeadLetter", "DeliveryFailing"].into());
    let fast: Vec<&Definition> = definitions.iter().filter(|d| d.period == 10).collect();
    for metric in Metric::ALL.into_iter().filter(|metric| metric.is_high_resolution()) {
        let needed = fast.iter().flat_map(|d| series(d)).any(|series| series.name == metric.name());
        assert!(needed, "{} costs more than it is worth", metric.name());
    }
}
