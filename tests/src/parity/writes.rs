//! Every write in every state, twice, and what stands there afterwards.

use super::cases::{self, Case};
use super::side::{Exchange, PREFIXES, Side};
use super::states::{around, canonical};
use super::{Line, Report};
use serde_json::{Map, Value, json};
use store::{Store, Table, Tables};

/// How often a state is begun anew when a call had to be repeated by the SDK: on a busy machine an answer may be late, and a
/// repetition is answered as one.
const TRIES: usize = 5;

/// A write with the states it is tried on.
#[derive(Clone, Debug)]
pub struct Plan {
    case: Case,
    table: String,
    key: Value,
    states: Vec<(String, Option<Value>)>,
}

impl Plan {
    /// The name of the write in the catalogue.
    pub fn write(&self) -> &'static str {
        self.case.write
    }

    /// How many states it is tried on.
    pub fn states(&self) -> usize {
        self.states.len()
    }

    /// The same with the states alone whose words hold one of these.
    pub fn only(mut self, words: &[&str]) -> Plan {
        self.states.retain(|(state, _)| words.iter().any(|word| state.contains(word)));
        self
    }
}

fn key_names(table: &str) -> Vec<&'static str> {
    let tables = Tables::with_prefix(PREFIXES[0]);
    let shape = store::shapes().into_iter().find(|shape| tables.name(shape.table) == table).expect("one of our tables");
    [Some(shape.key.0), shape.key.2.map(|(name, _)| name)].into_iter().flatten().collect()
}

fn key_of(exchange: &Exchange) -> (String, Value) {
    let table = exchange.request["TableName"].as_str().expect("a table").to_owned();
    let from = exchange.request.get("Key").or_else(|| exchange.request.get("Item")).expect("a key");
    let key: Map<String, Value> =
        key_names(&table).into_iter().map(|name| (name.to_owned(), from[name].clone())).collect();
    (table, key.into())
}

async fn item(side: &Side, table: &str, key: &Value) -> Option<Value> {
    let ask = json!({"TableName": table, "Key": key, "ConsistentRead": true});
    let (status, answer) = side.plain("GetItem", &ask).await;
    assert_eq!(status, 200, "{}: {answer}", side.name);
    answer.get("Item").filter(|item| !item.is_null()).cloned()
}

/// The expressions of a request as the catalogue prints them. Numbers in them are arguments.
fn expressions(update: Option<&str>, condition: Option<&str>) -> String {
    let text = format!("{} | {}", update.unwrap_or("put"), condition.filter(|c| !c.is_empty()).unwrap_or("–"));
    text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

fn printed(write: &store::Write) -> String {
    let text = write.describe();
    let line = |name: &str| text.lines().find_map(|l| l.trim_start().strip_prefix(name)).map(str::trim);
    expressions(line("update "), line("condition "))
}

/// Works the states out: each case is led to its state on an engine in process, and its write has to be the one it is named after.
pub(super) async fn plan() -> Vec<Plan> {
    let catalogue = store::writes::catalogue();
    let cases = cases::all();
    let names = |list: Vec<&'static str>| {
        let mut list = list;
        list.sort_unstable();
        list
    };
    let (wanted, had) =
        (names(catalogue.iter().map(|w| w.name).collect()), names(cases.iter().map(|c| c.write).collect()));
    assert_eq!(wanted, had, "every write of the catalogue has one case");
    let side = Side::in_process();
    let mut plans = Vec::new();
    for case in cases {
        let write = catalogue.iter().find(|w| w.name == case.write).expect("a write");
        let plan = plan_of(&side, case, &printed(write), write.table).await;
        // Every case is about one item, so that nothing of it is there for the next.
        let gone = side.plain("DeleteItem", &json!({"TableName": plan.table, "Key": plan.key})).await;
        assert_eq!(gone.0, 200, "{}: {gone:?}", case.write);
        plans.push(plan);
    }
    plans
}

async fn plan_of(side: &Side, case: Case, printed: &str, in_table: Table) -> Plan {
    let store = side.store(PREFIXES[0]);
    let mut before = None;
    let mut keys = Vec::new();
    for step in case.before {
        let told = step(&store).await;
        let (table, key) = key_of(&side.last());
        before = item(side, &table, &key).await;
        assert!(side.last().status == 200 && before.is_some(), "{}: not led to its state: {told}", case.write);
        keys.push(key);
    }
    let told = (case.act)(&store).await;
    let sent = side.last();
    let (table, key) = key_of(&sent);
    assert_eq!(sent.status, 200, "{}: does not apply to its own state: {told}", case.write);
    assert!(keys.iter().all(|before| *before == key), "{}: another item stands before it", case.write);
    assert_eq!(table, Tables::with_prefix(PREFIXES[0]).name(in_table), "{}: another table", case.write);
    let text = |name: &str| sent.request[name].as_str();
    let really = expressions(text("UpdateExpression"), text("ConditionExpression"));
    assert_eq!(really, printed, "{}: another write was sent", case.write);
    let after = item(side, &table, &key).await.expect("what was written");
    let states = around(before.as_ref(), &after, &key_names(&table), &sent.request);
    Plan { case, table, key, states }
}

/// Runs the plan on one engine.
pub(super) async fn play(side: &Side, plans: &[Plan]) -> Report {
    let store = side.store(PREFIXES[0]);
    let mut lines = Vec::new();
    for plan in plans {
        for (state, stands) in &plan.states {
            let mut seen = Vec::new();
            for _ in 0..TRIES {
                let repeated;
                (seen, repeated) = try_state(side, &store, plan, state, stands.as_ref()).await;
                if !repeated {
                    break;
                }
            }
            lines.extend(seen);
        }
    }
    Report { side: side.name, lines }
}

/// One state: what was seen, and whether any call was repeated by the SDK.
async fn try_state(side: &Side, store: &Store, plan: &Plan, state: &str, stands: Option<&Value>) -> (Vec<Line>, bool) {
    let line = |time: &str, aspect: &'static str, told: String| Line {
        case: plan.case.write.to_owned(),
        state: format!("{state}{time}"),
        aspect,
        told,
    };
    let (operation, body) = match stands {
        Some(item) => ("PutItem", json!({"TableName": plan.table, "Item": item})),
        None => ("DeleteItem", json!({"TableName": plan.table, "Key": plan.key})),
    };
    let (status, answer) = side.plain(operation, &body).await;
    let mut lines = vec![line("", "placed", verdict(status, &answer))];
    let placed = status == 200;
    let before = side.repetitions();
    for time in [", once", ", twice"] {
        let outcome = if placed { (plan.case.act)(store).await } else { String::new() };
        let last = if placed { side.last() } else { Exchange::default() };
        let now = if placed { item(side, &plan.table, &plan.key).await } else { None };
        // Whatever could not be placed says nothing, but on every engine in the same number of lines.
        lines.push(line(time, "outcome", outcome));
        lines.push(line(time, "answer", verdict(last.status, &last.answer)));
        lines.push(line(time, "units", last.answer["ConsumedCapacity"]["CapacityUnits"].to_string()));
        lines.push(line(time, "item", now.map_or("none".to_owned(), |item| canonical(&item).to_string())));
    }
    let repeated = side.repetitions() != before;
    (lines, repeated)
}

/// An answer as engines may be held to it: status, code, and the item in it.
fn verdict(status: u16, answer: &Value) -> String {
    let code = answer["__type"].as_str().and_then(|code| code.rsplit('#').next()).unwrap_or_default();
    let within = answer.get("Attributes").or_else(|| answer.get("Item")).filter(|item| !item.is_null());
    let item = within.map(|item| canonical(item).to_string()).unwrap_or_default();
    format!("{status} {code} {item}").trim().to_owned()
}
