//! Who may call what: in AWS every function has a role, and this world can hold its functions to theirs. A call that its caller's
//! role does not allow is refused as AWS refuses it.

use crate::kms::Kms;
use serde_json::Value;
use std::fmt;

tokio::task_local! {
    static CALLER: &'static str;
}

/// Does some work as a function: every call it makes is judged by that function's role. Work outside of any function, such as a
/// test's own look at the tables, is judged by nobody.
pub async fn acting_as<F: Future>(function: &'static str, work: F) -> F::Output {
    CALLER.scope(function, work).await
}

/// One right that a call needs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Right {
    /// As policies write it, such as `dynamodb:GetItem`.
    pub action: String,
    /// What it is done to: `table/kamivend-orders`, `table/kamivend-orders/index/due`, `queue/kamivend-deliver`, `key/…`,
    /// `parameter/…`, `mail`, or `evidence` and `evidence/*` for the bucket and what is in it.
    pub resource: String,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.action, self.resource)
    }
}

/// Judges calls.
pub trait Roles: Send + Sync + fmt::Debug {
    /// Whether a function's role gives it a right.
    fn allows(&self, function: &str, right: &Right) -> bool;
}

/// Whether the function in whose name this task works has a right. Work outside of any function may do anything.
pub(crate) fn allowed(roles: &dyn Roles, right: &Right) -> bool {
    CALLER.try_with(|function| roles.allows(function, right)).unwrap_or(true)
}

/// The function in whose name this task works, and the first right that its role does not give it for a call.
pub(crate) fn refusal(roles: &dyn Roles, target: &str, body: &[u8]) -> Option<(&'static str, Right)> {
    let function = CALLER.try_with(|function| *function).ok()?;
    // Every right is asked for, also after one was refused, so that whoever keeps count sees them all.
    let refused: Vec<Right> = rights(target, body).into_iter().filter(|right| !roles.allows(function, right)).collect();
    refused.into_iter().next().map(|right| (function, right))
}

/// The rights that a call needs.
/// Source: "Actions, resources, and condition keys" of each service, Service Authorization Reference.
fn rights(target: &str, body: &[u8]) -> Vec<Right> {
    let (service, operation) = target.split_once('.').unwrap_or((target, ""));
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let on = |prefix: &str, resource: String| Right { action: format!("{prefix}:{operation}"), resource };
    match service {
        "DynamoDB_20120810" => match request.get("RequestItems").and_then(Value::as_object) {
            Some(tables) => tables.keys().map(|table| on("dynamodb", format!("table/{table}"))).collect(),
            None => match request.get("IndexName").and_then(Value::as_str) {
                // The right to an index is one of its own; it does not need the table's.
                Some(index) => vec![on("dynamodb", format!("table/{}/index/{index}", text("TableName")))],
                None => vec![on("dynamodb", format!("table/{}", text("TableName")))],
            },
        },
        "AmazonSQS" => {
            let url = text("QueueUrl");
            vec![on("sqs", format!("queue/{}", url.rsplit('/').next().unwrap_or_default()))]
        }
        "TrentService" => {
            let key = if text("KeyId") == Kms::KEY { "cards".to_owned() } else { text("KeyId") };
            vec![on("kms", format!("key/{key}"))]
        }
        "AmazonSSM" => {
            let names = request.get("Names").and_then(Value::as_array).cloned().unwrap_or_default();
            let mut names: Vec<String> = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            if names.is_empty() {
                names.push(text("Name"));
            }
            names.into_iter().map(|name| on("ssm", format!("parameter{name}"))).collect()
        }
        _ => Vec::new(),
    }
}
