//! The states a write is tried on: as it wants them, and each thing that its condition looks at changed in every way that matters.

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A step on the way to a value within an item.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Part {
    Name(String),
    At(usize),
}

/// The longest list or set that is built to stand at a limit.
const LONGEST: usize = 200;

/// The paths that a condition names, with the aliases resolved, each once.
fn paths(condition: &str, names: &Map<String, Value>) -> Vec<Vec<Part>> {
    let mut found = BTreeSet::new();
    let mut rest = condition;
    while let Some(at) = rest.find('#') {
        rest = &rest[at..];
        let mut path = Vec::new();
        loop {
            if rest.starts_with('#') {
                let end =
                    rest[1..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(rest.len(), |n| n + 1);
                path.push(Part::Name(names[&rest[..end]].as_str().unwrap().to_owned()));
                rest = &rest[end..];
            } else if let Some((inside, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
                path.push(Part::At(inside.parse().unwrap()));
                rest = after;
            }
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None if rest.starts_with('[') => {}
                None => break,
            }
        }
        found.insert(path);
    }
    found.into_iter().collect()
}

fn look<'a>(item: &'a Value, path: &[Part]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let Part::Name(first) = first else { return None };
    rest.iter().try_fold(item.get(first)?, |value, part| match part {
        Part::Name(name) => value.get("M")?.get(name),
        Part::At(at) => value.get("L")?.get(at),
    })
}

/// The item with another value at a path, or with none; `None` when there is nowhere to put it.
fn with(item: &Value, path: &[Part], new: Option<Value>) -> Option<Value> {
    let mut changed = item.clone();
    let (last, above) = path.split_last()?;
    let mut place = &mut changed;
    for (depth, part) in above.iter().enumerate() {
        place = match part {
            Part::Name(name) if depth == 0 => place.get_mut(name)?,
            Part::Name(name) => place.get_mut("M")?.get_mut(name)?,
            Part::At(at) => place.get_mut("L")?.get_mut(*at)?,
        };
    }
    match last {
        Part::Name(name) => {
            let map = if above.is_empty() { place } else { place.get_mut("M")? }.as_object_mut()?;
            match new {
                Some(new) => drop(map.insert(name.clone(), new)),
                None => drop(map.remove(name)?),
            }
        }
        Part::At(at) => {
            let list = place.get_mut("L")?.as_array_mut()?;
            match new {
                Some(new) if *at < list.len() => list[*at] = new,
                Some(_) => return None,
                None if *at < list.len() => drop(list.remove(*at)),
                None => return None,
            }
        }
    }
    Some(changed)
}

fn typed(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object()?;
    object.iter().next().map(|(letters, value)| (letters.as_str(), value))
}

/// Other values for a place, each with a word for it. `values` are those that the write sends.
fn others(now: Option<&Value>, values: &Map<String, Value>) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let limits: Vec<i64> =
        values.values().filter_map(|v| v.get("N")).filter_map(|n| n.as_str()?.parse().ok()).collect();
    let sent = |letters: &str| -> Vec<(String, Value)> {
        let same = values.iter().filter(|(_, v)| v.get(letters).is_some());
        same.map(|(name, value)| (format!("as {name}"), value.clone())).collect()
    };
    let Some((letters, inner)) = now.and_then(typed) else {
        for letters in ["S", "N", "B", "L", "SS", "NS", "BS", "M"] {
            found.extend(sent(letters).into_iter().take(2));
        }
        return found;
    };
    found.push((
        "of another type".to_owned(),
        if letters == "BOOL" { json!({"S": "x"}) } else { json!({"BOOL": true}) },
    ));
    match letters {
        "N" => {
            let number: i64 = inner.as_str().and_then(|n| n.parse().ok()).unwrap_or_default();
            for near in limits.iter().copied().chain([number]).flat_map(|n| [n - 1, n, n + 1]) {
                found.push((near.to_string(), json!({"N": near.to_string()})));
            }
            found.push(("as text".to_owned(), json!({"S": inner})));
        }
        "S" => {
            found.extend(sent("S"));
            found.push(("longer".to_owned(), json!({"S": format!("{}~", inner.as_str().unwrap_or_default())})));
            found.push(("empty".to_owned(), json!({"S": ""})));
        }
        "B" => {
            found.extend(sent("B"));
            found.push(("other bytes".to_owned(), json!({"B": "/////w=="})));
        }
        "M" => found.push(("empty".to_owned(), json!({"M": {}}))),
        "L" => {
            let list = inner.as_array().cloned().unwrap_or_default();
            found.push(("empty".to_owned(), json!({"L": []})));
            for (name, value) in sent("B") {
                let longer = [list.clone(), vec![value]].concat();
                found.push((format!("with {name} in it"), json!({ "L": longer })));
            }
            let filler = list.first().cloned().unwrap_or_else(|| json!({"B": "Ag=="}));
            let own = i64::try_from(list.len()).unwrap();
            for length in limits.iter().copied().chain([own]).flat_map(|n| [n - 1, n, n + 1]) {
                if let Some(length) = usize::try_from(length).ok().filter(|n| (1..=LONGEST).contains(n)) {
                    let mut longer = list.clone();
                    longer.resize(length, filler.clone());
                    found.push((format!("of {length}"), json!({ "L": longer })));
                }
            }
        }
        "SS" | "NS" => {
            for length in limits.iter().copied().flat_map(|n| [n - 1, n, n + 1]) {
                if let Some(length) = usize::try_from(length).ok().filter(|n| (1..=LONGEST).contains(n)) {
                    let members: Vec<String> = (0..length).map(|n| (1_000 + n).to_string()).collect();
                    found.push((format!("of {length}"), json!({ letters: members })));
                }
            }
            found.extend(sent(letters));
        }
        _ => found.extend(sent(letters)),
    }
    found
}

/// The items that a write is tried on, each with a word for it: `None` is no item. `before` is the item as the write wants it, if
/// it wants one; `after` is what it leaves; `request` is what was sent.
pub(super) fn around(
    before: Option<&Value>,
    after: &Value,
    keys: &[&str],
    request: &Value,
) -> Vec<(String, Option<Value>)> {
    let empty = Map::new();
    let names = request["ExpressionAttributeNames"].as_object().unwrap_or(&empty);
    let values = request["ExpressionAttributeValues"].as_object().unwrap_or(&empty);
    let condition = request["ConditionExpression"].as_str().unwrap_or_default();
    let mut found: Vec<(String, Option<Value>)> = vec![("absent".to_owned(), None)];
    let mut seen = BTreeSet::new();
    let mut add = |word: String, item: Value| {
        if seen.insert(canonical(&item).to_string()) {
            found.push((word, Some(item)));
        }
    };
    let bare: Map<String, Value> = after
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(n, _)| keys.contains(&n.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    if let Some(before) = before {
        add("as it wants it".to_owned(), before.clone());
    }
    add("as it leaves it".to_owned(), after.clone());
    add("nothing but a key".to_owned(), bare.into());
    let is_key = |path: &[Part]| matches!(path, [Part::Name(name)] if keys.contains(&name.as_str()));
    let base = before.unwrap_or(after);
    let mut wanted = paths(condition, names);
    // What a put found is held against what it wanted to write, attribute by attribute.
    if before.is_none() {
        wanted.extend(after.as_object().into_iter().flatten().map(|(name, _)| vec![Part::Name(name.clone())]));
    }
    // A thing within a thing may also be missing with all that is around it.
    let around: Vec<Vec<Part>> = wanted.iter().flat_map(|p| (1..p.len()).map(|n| p[..n].to_vec())).collect();
    wanted.extend(around);
    wanted.sort();
    wanted.dedup();
    for path in wanted.iter().filter(|path| !is_key(path)) {
        let word = |what: &str| format!("{} {what}", path_text(path));
        if let Some(item) = with(base, path, None) {
            add(word("removed"), item);
        }
        for (what, value) in others(look(base, path), values) {
            if let Some(item) = with(base, path, Some(value)) {
                add(word(&what), item);
            }
        }
    }
    found
}

fn path_text(path: &[Part]) -> String {
    let texts: Vec<String> = path
        .iter()
        .map(|part| match part {
            Part::Name(name) => name.clone(),
            Part::At(at) => at.to_string(),
        })
        .collect();
    texts.join(".")
}

/// The same JSON with the members of sets in order: DynamoDB promises none.
pub(super) fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let in_order = |(name, value): (&String, &Value)| {
                let mut value = canonical(value);
                if let (true, Some(list)) = (["SS", "NS", "BS"].contains(&name.as_str()), value.as_array_mut()) {
                    list.sort_by_key(Value::to_string);
                }
                (name.clone(), value)
            };
            map.iter().map(in_order).collect::<Map<_, _>>().into()
        }
        Value::Array(list) => list.iter().map(canonical).collect(),
        other => other.clone(),
    }
}
