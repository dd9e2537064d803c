//! A parameter store for the functions of a deployment that is tried here, in memory.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The store. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Ssm(Arc<Mutex<BTreeMap<String, (String, String)>>>);

impl Ssm {
    /// A parameter's type and value.
    pub fn get(&self, name: &str) -> Option<(String, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Sets a plain parameter, as a deployment does.
    pub fn set(&self, name: &str, value: &str) {
        let entry = ("String".to_owned(), value.to_owned());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), entry);
    }

    /// Answers one operation: status and JSON, as Systems Manager does.
    pub fn handle(&self, operation: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let answer = match operation {
            "GetParameters" => {
                let names = request.get("Names").and_then(Value::as_array).cloned().unwrap_or_default();
                let (mut found, mut missing) = (Vec::new(), Vec::new());
                for name in names.iter().filter_map(Value::as_str) {
                    match kept.get(name) {
                        Some((kind, value)) => found.push(json!({"Name": name, "Type": kind, "Value": value})),
                        None => missing.push(name.to_owned()),
                    }
                }
                json!({"Parameters": found, "InvalidParameters": missing})
            }
            "PutParameter" => {
                let name = text("Name");
                if kept.contains_key(&name) && request.get("Overwrite") != Some(&Value::Bool(true)) {
                    return refused("ParameterAlreadyExists");
                }
                kept.insert(name, (text("Type"), text("Value")));
                json!({"Tier": "Standard", "Version": 1})
            }
            _ => return refused("UnknownOperationException"),
        };
        (200, answer.to_string().into_bytes())
    }
}

fn refused(code: &str) -> (u16, Vec<u8>) {
    (400, json!({"__type": code, "message": "refused"}).to_string().into_bytes())
}
