//! `template.yaml` as CloudFormation means it: short forms such as `!Ref` written out, so that tests can ask it what is deployed.

use serde_json::{Map, Value, json};
use serde_norway::Value as Yaml;
use std::sync::OnceLock;

const TEXT: &str = include_str!("../../template.yaml");

/// The template with every intrinsic function in its long form, such as `{"Fn::Sub": …}`.
pub fn template() -> &'static Value {
    static TEMPLATE: OnceLock<Value> = OnceLock::new();
    TEMPLATE.get_or_init(|| read(TEXT))
}

/// Reads a template's text.
pub fn read(text: &str) -> Value {
    long(serde_norway::from_str(text).expect("template.yaml reads as YAML"))
}

fn long(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Tagged(tagged) => {
            let name = tagged.tag.to_string();
            let name = name.trim_start_matches('!');
            let name = if matches!(name, "Ref" | "Condition") { name.to_owned() } else { format!("Fn::{name}") };
            let value = match (name.as_str(), long(tagged.value)) {
                ("Fn::GetAtt", Value::String(path)) => {
                    let (resource, attribute) = path.split_once('.').expect("a resource and its attribute");
                    json!([resource, attribute])
                }
                (_, value) => value,
            };
            json!({ name: value })
        }
        Yaml::Sequence(items) => items.into_iter().map(long).collect(),
        Yaml::Mapping(pairs) => {
            let key = |key: Yaml| key.as_str().expect("keys are text").to_owned();
            Value::Object(pairs.into_iter().map(|(name, value)| (key(name), long(value))).collect::<Map<_, _>>())
        }
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => value.into(),
        Yaml::Number(number) => number.as_i64().map_or_else(|| json!(number.as_f64()), Value::from),
        Yaml::String(text) => text.into(),
    }
}

/// A resource's properties.
pub fn properties<'a>(template: &'a Value, resource: &str) -> &'a Value {
    let found = &template["Resources"][resource]["Properties"];
    assert!(!found.is_null(), "the template has no {resource}");
    found
}

/// The logical ids of every resource of a type.
pub fn of_type<'a>(template: &'a Value, kind: &str) -> Vec<&'a str> {
    let resources = template["Resources"].as_object().expect("resources");
    resources.iter().filter(|(_, r)| r["Type"] == kind).map(|(id, _)| id.as_str()).collect()
}

/// What a `Fn::Sub` says, or a plain text.
pub fn sub(value: &Value) -> &str {
    value.as_str().or_else(|| value["Fn::Sub"].as_str()).unwrap_or_else(|| panic!("{value} is no text"))
}

/// The resource that a value points to by `Ref` or `Fn::GetAtt`.
pub fn target(value: &Value) -> &str {
    value["Ref"]
        .as_str()
        .or_else(|| value["Fn::GetAtt"][0].as_str())
        .unwrap_or_else(|| panic!("{value} points nowhere"))
}
