//! Prints the tables as the code creates them, as JSON, for the comparison with `template.yaml` by `.ci/stack`.

use serde_json::{Value, json};
use std::io::Write;
use store::{Key, KeyKind, shapes};

/// A key as a list of names and DynamoDB's letters for their types: the partition key, then the sort key where there is one.
fn key((name, kind, sort): &Key) -> Vec<(&'static str, &'static str)> {
    [Some((*name, *kind)), *sort].into_iter().flatten().map(|(name, kind)| (name, letter(kind))).collect()
}

fn letter(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Text => "S",
        KeyKind::Number => "N",
        KeyKind::Binary => "B",
    }
}

fn main() -> std::io::Result<()> {
    let tables = shapes();
    let tables: serde_json::Map<String, Value> = tables
        .iter()
        .map(|shape| {
            let indexes: serde_json::Map<String, Value> =
                shape.indexes.iter().map(|(name, of)| ((*name).to_owned(), json!(key(of)))).collect();
            (shape.table.as_str().to_owned(), json!({"key": key(&shape.key), "indexes": indexes, "ttl": shape.ttl}))
        })
        .collect();
    writeln!(std::io::stdout(), "{}", Value::Object(tables))
}
