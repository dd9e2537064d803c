//! Requests drawn from a seed: what they say is grammar, and seldom sense.

use fastrand::Rng;
use serde_json::{Map, Value, json};

const NAMES: [&str; 6] = ["a", "b", "l", "m", "x", "y"];

fn pick<'a>(rng: &mut Rng, list: &[&'a str]) -> &'a str {
    list[rng.usize(..list.len())]
}

fn some(rng: &mut Rng, list: &[&str]) -> Vec<String> {
    let mut chosen: Vec<String> = list.iter().filter(|_| rng.bool()).map(|&one| one.to_owned()).collect();
    if chosen.is_empty() {
        chosen.push(pick(rng, list).to_owned());
    }
    chosen
}

// Some are also what a number or bytes are written as, which they do not equal.
const TEXTS: [&str; 8] = ["", "a", "b", "ab", "é", "1", "AA==", "\"\\\n"];
const NUMBERS: [&str; 9] = ["-7", "-1", "0", "1", "2", "3", "10", "1200", "99999999999999999999999999999999999"];
const BYTES: [&str; 7] = ["", "AA==", "AQ==", "/w==", "AAE=", "AP8A", "+/8="];

fn scalar(rng: &mut Rng) -> Value {
    match rng.u32(..3) {
        0 => json!({"S": pick(rng, &TEXTS)}),
        1 => json!({"N": pick(rng, &NUMBERS)}),
        _ => json!({"B": pick(rng, &BYTES)}),
    }
}

fn list(rng: &mut Rng, depth: u32) -> Value {
    let members: Vec<Value> = (0..rng.u32(..4)).map(|_| value(rng, depth + 1)).collect();
    json!({ "L": members })
}

fn value(rng: &mut Rng, depth: u32) -> Value {
    match rng.u32(..if depth < 2 { 12 } else { 9 }) {
        0..4 => scalar(rng),
        4 => json!({"BOOL": rng.bool()}),
        5 => json!({"NULL": true}),
        6 => json!({"SS": some(rng, &TEXTS)}),
        7 => json!({"NS": some(rng, &NUMBERS)}),
        8 => json!({"BS": some(rng, &BYTES)}),
        9 | 10 => list(rng, depth),
        _ => {
            let names = ["x", "y", "a"].into_iter().filter(|_| rng.bool()).collect::<Vec<_>>();
            let map: Map<String, Value> = names.into_iter().map(|n| (n.to_owned(), value(rng, depth + 1))).collect();
            json!({ "M": map })
        }
    }
}

/// The key of one of few items.
pub fn key(rng: &mut Rng) -> Value {
    json!({"o": {"B": pick(rng, &["AA==", "AAA=", "AQ==", "Af8=", "+w==", "/w==", "gA=="])}})
}

/// What an index is keyed by: mostly what can be, seldom what cannot.
fn index_part(rng: &mut Rng, name: &str) -> Value {
    match name {
        _ if rng.u32(..40) == 0 => value(rng, 1),
        "t_new" | "due_at" => json!({"N": pick(rng, &["1", "2", "3", "10"])}),
        "ch" => json!({"B": pick(rng, &["AA==", "AQ=="])}),
        _ => json!({"S": pick(rng, &["d1", "d2"])}),
    }
}

fn item(rng: &mut Rng) -> Value {
    let mut item = key(rng);
    for name in NAMES {
        if rng.bool() {
            item[name] = match (name, rng.bool()) {
                ("l", true) => list(rng, 0),
                _ => value(rng, 0),
            };
        }
    }
    for name in ["day", "t_new", "ch", "due", "due_at"] {
        if rng.u32(..3) > 0 {
            item[name] = index_part(rng, name);
        }
    }
    item
}

/// An expression that is being written, with the names and values that it uses.
struct Draft<'r> {
    rng: &'r mut Rng,
    names: Map<String, Value>,
    values: Map<String, Value>,
}

impl Draft<'_> {
    fn name(&mut self, name: &str) -> String {
        // An alias may be a digit, as those of attempts are.
        let alias = if name == "y" { "#2".to_owned() } else { format!("#{name}") };
        self.names.insert(alias.clone(), name.into());
        alias
    }

    fn path(&mut self) -> String {
        let first = pick(self.rng, &NAMES);
        let mut path = self.name(first);
        while self.rng.u32(..3) == 0 {
            if self.rng.bool() {
                path += &format!("[{}]", self.rng.u32(..4));
            } else {
                let next = pick(self.rng, &["x", "y", "a"]);
                path = format!("{path}.{}", self.name(next));
            }
        }
        path
    }

    fn value(&mut self, value: Value) -> String {
        let name = format!(":v{}", self.values.len());
        self.values.insert(name.clone(), value);
        name
    }

    fn leaf(&mut self) -> String {
        let path = self.path();
        match self.rng.u32(..7) {
            0 => format!("attribute_exists({path})"),
            1 => format!("attribute_not_exists ( {path} )"),
            2 => {
                let any = value(self.rng, 1);
                format!("contains({path}, {})", self.value(any))
            }
            3 => {
                let length = json!({"N": pick(self.rng, &["0", "1", "2", "3"])});
                let sign = pick(self.rng, &["=", "<>", "<", "<=", ">", ">="]);
                format!("size({path}) {sign} {}", self.value(length))
            }
            4 => {
                let any = value(self.rng, 0);
                format!("{path} {} {}", pick(self.rng, &["=", "<>"]), self.value(any))
            }
            5 => format!("{path} {} {}", pick(self.rng, &["=", "<>", "<", ">="]), self.path()),
            _ => {
                let ordered = scalar(self.rng);
                format!("{path} {} {}", pick(self.rng, &["<", "<=", ">", ">="]), self.value(ordered))
            }
        }
    }

    fn condition(&mut self, depth: u32) -> String {
        match self.rng.u32(..if depth < 3 { 6 } else { 2 }) {
            0..2 => self.leaf(),
            2 => format!("NOT {}", self.leaf()),
            3 => format!("NOT ({} {} {})", self.condition(depth + 1), pick(self.rng, &["AND", "OR"]), self.leaf()),
            4 => format!("{} {} {}", self.leaf(), pick(self.rng, &["AND", "OR", "or"]), self.condition(depth + 1)),
            _ => format!(
                "({} OR {}) {} {}",
                self.leaf(),
                self.leaf(),
                pick(self.rng, &["AND", "OR"]),
                self.condition(depth + 1)
            ),
        }
    }

    fn source(&mut self) -> String {
        let (path, number) = (self.path(), json!({"N": pick(self.rng, &NUMBERS)}));
        match self.rng.u32(..8) {
            0 => path,
            1 => format!("{path} + {}", self.value(number)),
            2 => format!("{} - {path}", self.value(number)),
            3 => {
                let any = value(self.rng, 0);
                format!("if_not_exists({path}, {})", self.value(any))
            }
            4 => {
                // Seldom no list.
                let more = if self.rng.u32(..8) == 0 { value(self.rng, 0) } else { list(self.rng, 0) };
                format!("list_append({path}, {})", self.value(more))
            }
            _ => {
                let any = value(self.rng, 0);
                self.value(any)
            }
        }
    }

    fn update(&mut self) -> String {
        let mut clauses = Vec::new();
        if self.rng.u32(..4) > 0 {
            let sets: Vec<String> =
                (0..self.rng.u32(1..4)).map(|_| format!("{} = {}", self.path(), self.source())).collect();
            clauses.push(format!("SET {}", sets.join(", ")));
        }
        if self.rng.u32(..3) == 0 {
            let paths: Vec<String> = (0..self.rng.u32(1..4)).map(|_| self.path()).collect();
            clauses.push(format!("REMOVE {}", paths.join(", ")));
        }
        for clause in ["ADD", "DELETE"] {
            if self.rng.u32(..4) == 0 {
                let any = match self.rng.u32(..8) {
                    0 => value(self.rng, 0),
                    1 | 2 if clause == "ADD" => json!({"N": pick(self.rng, &NUMBERS)}),
                    3 => json!({"BS": some(self.rng, &BYTES)}),
                    4 => json!({"NS": some(self.rng, &NUMBERS)}),
                    _ => json!({"SS": some(self.rng, &TEXTS)}),
                };
                let path = self.path();
                clauses.push(format!("{clause} {path} {}", self.value(any)));
            }
        }
        if self.rng.u32(..4) == 0 {
            // An item moves within an index, into it, and out of it.
            let name = pick(self.rng, &["day", "due", "due_at", "t_new"]);
            let alias = self.name(name);
            let part = index_part(self.rng, name);
            let removes = clauses.iter().any(|clause| clause.starts_with("REMOVE"));
            match clauses.first_mut().filter(|clause| clause.starts_with("SET")) {
                Some(clause) => *clause += &format!(", {alias} = {}", self.value(part)),
                None if removes => drop(self.names.remove(&alias)),
                None => clauses.push(format!("REMOVE {alias}")),
            }
        }
        self.rng.shuffle(&mut clauses);
        clauses.join(" ")
    }
}

/// A write, most often with a condition: its operation and its request.
pub fn write(rng: &mut Rng) -> (&'static str, Value) {
    let puts = rng.u32(..3) == 0;
    let mut request =
        json!({"TableName": "t-orders", "ReturnConsumedCapacity": pick(rng, &["INDEXES", "TOTAL", "NONE"])});
    if puts {
        request["Item"] = item(rng);
    } else {
        request["Key"] = key(rng);
        request["ReturnValues"] = pick(rng, &["ALL_NEW", "NONE"]).into();
    }
    if rng.u32(..3) > 0 {
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD".into();
    }
    let conditional = rng.u32(..4) > 0;
    let mut draft = Draft { rng, names: Map::new(), values: Map::new() };
    if !puts {
        // A draft that came out empty does nothing but what any update does.
        let update = Some(draft.update()).filter(|update| !update.is_empty());
        request["UpdateExpression"] = update.unwrap_or_else(|| format!("REMOVE {}", draft.name("a"))).into();
    }
    if conditional {
        request["ConditionExpression"] = draft.condition(0).into();
    }
    let (names, values) = (draft.names, draft.values);
    if !names.is_empty() {
        request["ExpressionAttributeNames"] = names.into();
    }
    if !values.is_empty() {
        request["ExpressionAttributeValues"] = values.into();
    }
    (if puts { "PutItem" } else { "UpdateItem" }, request)
}

/// A query of an index.
pub fn query(rng: &mut Rng) -> Value {
    let (index, hash, range) =
        [("by_day", "day", "t_new"), ("by_contact", "ch", "t_new"), ("due", "due", "due_at")][rng.usize(..3)];
    let mut request = json!({
        "TableName": "t-orders",
        "IndexName": index,
        "KeyConditionExpression": "#p = :p",
        "ExpressionAttributeNames": {"#p": hash},
        "ExpressionAttributeValues": {":p": if hash == "ch" { json!({"B": "AA=="}) } else { json!({"S": "d1"}) }},
        "ReturnConsumedCapacity": "TOTAL",
        "ScanIndexForward": rng.bool(),
    });
    if rng.u32(..3) > 0 {
        let sign = pick(rng, &["=", "<", "<=", ">", ">="]);
        request["KeyConditionExpression"] = format!("#p = :p AND #s {sign} :s").into();
        request["ExpressionAttributeNames"]["#s"] = range.into();
        request["ExpressionAttributeValues"][":s"] = json!({"N": pick(rng, &["1", "2", "3", "10"])});
    }
    if rng.u32(..4) > 0 {
        request["Limit"] = rng.u32(1..4).into();
    }
    request
}
