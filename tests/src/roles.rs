//! The roles of `template.yaml`, as the local world asks about them. What was asked is remembered, so that a test can find rights
//! that nobody uses.

use crate::template::{of_type, properties, sub, target, template};
use local::roles::{Right, Roles};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

/// The rights of every function by its bin's name.
pub type Rights = BTreeMap<String, BTreeSet<Right>>;

/// The roles of a template, and what was asked of them.
#[derive(Debug)]
pub struct TemplateRoles {
    /// What each function may do.
    pub granted: Rights,
    asked: Mutex<Rights>,
}

impl TemplateRoles {
    /// Those of a template.
    pub fn of(template: &Value) -> TemplateRoles {
        let rights = of_type(template, "AWS::Serverless::Function").into_iter().map(|id| {
            let bin = template["Resources"][id]["Metadata"]["BuildProperties"]["Binary"].as_str().expect("a bin");
            (bin.to_owned(), rights_of(template, target(&properties(template, id)["Role"])))
        });
        TemplateRoles { granted: rights.collect(), asked: Mutex::default() }
    }

    /// What was asked for so far.
    pub fn asked(&self) -> Rights {
        self.asked.lock().unwrap().clone()
    }
}

impl Roles for TemplateRoles {
    fn allows(&self, function: &str, right: &Right) -> bool {
        self.asked.lock().unwrap().entry(function.to_owned()).or_default().insert(right.clone());
        self.granted.get(function).is_some_and(|rights| rights.contains(right))
    }
}

/// The roles of `template.yaml`, one for the whole test program.
pub fn roles() -> Arc<TemplateRoles> {
    static ROLES: OnceLock<Arc<TemplateRoles>> = OnceLock::new();
    ROLES.get_or_init(|| Arc::new(TemplateRoles::of(template()))).clone()
}

fn list(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |items| items.iter().collect())
}

fn rights_of(template: &Value, role: &str) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    let own = list(&properties(template, role)["Policies"]);
    // Policies that stand apart, because whether they exist is a choice.
    let apart = of_type(template, "AWS::IAM::Policy").into_iter().map(|id| properties(template, id));
    let apart = apart.filter(|policy| list(&policy["Roles"]).iter().any(|of| target(of) == role));
    for policy in own.into_iter().chain(apart) {
        for statement in list(&policy["PolicyDocument"]["Statement"]) {
            assert_eq!(statement["Effect"], "Allow", "{role} only allows");
            for action in list(&statement["Action"]) {
                for resource in list(&statement["Resource"]) {
                    rights.insert(Right {
                        action: action.as_str().expect("an action").to_owned(),
                        resource: name_of(template, resource),
                    });
                }
            }
        }
    }
    rights
}

/// A resource as the local world names it, for a deployment whose stack is called `kamivend`.
fn name_of(template: &Value, resource: &Value) -> String {
    let stack = |text: &str| text.replace("${AWS::StackName}", "kamivend");
    let named = |id: &str| match template["Resources"][id]["Type"].as_str() {
        Some("AWS::DynamoDB::Table") => format!("table/{}", stack(sub(&properties(template, id)["TableName"]))),
        Some("AWS::SQS::Queue") => format!("queue/{}", stack(sub(&properties(template, id)["QueueName"]))),
        Some("AWS::KMS::Key") => "key/cards".to_owned(),
        Some("AWS::S3::Bucket") => "evidence".to_owned(),
        Some("AWS::Logs::LogGroup") => format!("log/{id}"),
        other => panic!("{id} is a {other:?}: what would its name be here?"),
    };
    if resource.as_str() == Some("*") {
        return "*".to_owned();
    }
    // The local world is deployed with every parameter left out; tests/template asks about the others.
    if let Some(branches) = resource["Fn::If"].as_array() {
        let known = ["MakesCardKey", "MakesEvidenceBucket"].iter().any(|condition| branches[0] == *condition);
        assert!(known, "{}: which branch is it by default?", branches[0]);
        return name_of(template, &branches[1]);
    }
    let with_variables = &resource["Fn::Sub"][0];
    if let Some(text) = resource["Fn::Sub"].as_str().or_else(|| with_variables.as_str()) {
        if text.contains(":ses:") {
            return "mail".to_owned();
        }
        if let Some((_, name)) = text.split_once(":parameter/") {
            return format!("parameter/{}", stack(name));
        }
        let (id, rest) = text.trim_start_matches("${").split_once(".Arn}").unwrap_or_else(|| panic!("{text}"));
        return format!("{}{rest}", named(id));
    }
    named(target(resource))
}
