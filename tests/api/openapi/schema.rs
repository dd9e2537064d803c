//! As much of JSON Schema as the document uses.

use super::document::{Document, list, object};
use serde_json::{Map, Value, json};
use tests::text;

impl Document {
    /// Why a value does not fit a schema; empty when it does.
    pub fn misfits(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.check(schema, value, "", &mut found);
        found
    }

    /// One keyword after the other. One that is not known here fails, so that none is believed checked and is not.
    fn check(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let schema = object(schema);
        for (keyword, rule) in schema {
            let fits = match keyword.as_str() {
                "$ref" => {
                    self.check(self.target(rule.as_str().unwrap()), value, at, found);
                    true
                }
                "oneOf" => {
                    let choices = self.choices(schema, rule, value);
                    let fitting = choices.iter().filter(|choice| self.misfits(choice, value).is_empty()).count();
                    if let ([only], 0) = (choices.as_slice(), fitting) {
                        self.check(only, value, at, found);
                    }
                    fitting == 1
                }
                "type" => match rule {
                    Value::Array(types) => types.iter().any(|t| is_of(t, value)),
                    one => is_of(one, value),
                },
                "const" => value == rule,
                "enum" => list(rule).contains(value),
                "required" => {
                    let missing = list(rule).iter().filter(|name| value.get(name.as_str().unwrap()).is_none());
                    found.extend(missing.map(|name| format!("{at}: {name} is missing")));
                    true
                }
                "properties" => {
                    for (name, rule) in object(rule) {
                        if let Some(member) = value.get(name) {
                            self.check(rule, member, &format!("{at}/{name}"), found);
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    let named = schema.get("properties").map(object);
                    for (name, member) in value.as_object().into_iter().flatten() {
                        if named.is_some_and(|n| n.contains_key(name)) {
                            continue;
                        }
                        match rule {
                            Value::Bool(false) => found.push(format!("{at}: {name} is not in the document")),
                            rule => self.check(rule, member, &format!("{at}/{name}"), found),
                        }
                    }
                    true
                }
                "items" => {
                    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{at}/{n}"), found);
                    }
                    true
                }
                "minItems" => value.as_array().is_none_or(|v| v.len() >= size(rule)),
                "maxItems" => value.as_array().is_none_or(|v| v.len() <= size(rule)),
                "minLength" => value.as_str().is_none_or(|v| v.chars().count() >= size(rule)),
                "maxLength" => value.as_str().is_none_or(|v| v.chars().count() <= size(rule)),
                "minimum" => value.as_i64().is_none_or(|v| v >= rule.as_i64().unwrap()),
                "maximum" => value.as_i64().is_none_or(|v| v <= rule.as_i64().unwrap()),
                "pattern" => value.as_str().is_none_or(|v| matches(rule.as_str().unwrap(), v)),
                "format" => value.as_str().is_none_or(|v| has_format(rule.as_str().unwrap(), v)),
                "description" | "default" | "examples" | "discriminator" => true,
                unknown => panic!("{unknown} is not known here"),
            };
            if !fits {
                found.push(format!("{at}: {value} against {keyword} {rule}"));
            }
        }
    }

    /// The choices of a `oneOf`: the one its discriminator points to, if it has one, so that a misfit is told in full.
    fn choices<'a>(&'a self, schema: &'a Map<String, Value>, rule: &'a Value, value: &Value) -> Vec<&'a Value> {
        let Some(discriminator) = schema.get("discriminator") else { return list(rule).iter().collect() };
        let told = value.get(text(discriminator, "/propertyName")).and_then(Value::as_str).unwrap_or_default();
        discriminator["mapping"].get(told).map(|target| self.target(target.as_str().unwrap())).into_iter().collect()
    }
}

fn size(rule: &Value) -> usize {
    usize::try_from(rule.as_u64().unwrap()).unwrap()
}

fn is_of(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        unknown => panic!("{unknown} is not a type known here"),
    }
}

fn has_format(name: &str, value: &str) -> bool {
    match name {
        // The pattern beside it says the same more strictly.
        "date-time" => true,
        "uri" => value.starts_with("http://") || value.starts_with("https://"),
        "uuid" => matches("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", value),
        unknown => panic!("{unknown} is not a format known here"),
    }
}

/// Regular expressions as the document uses them: from `^` to `$`, characters and classes, each with an optional count. A
/// count takes all it can and gives nothing back, so what follows a count that varies must not fit the same class.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pattern = pattern.strip_prefix('^').unwrap().strip_suffix('$').unwrap();
    let mut rest = text;
    while let Some(first) = pattern.chars().next() {
        pattern = &pattern[first.len_utf8()..];
        let class = match first {
            '[' => {
                let (class, after) = pattern.split_once(']').unwrap();
                pattern = after;
                class
            }
            '\\' => {
                let (literal, after) = pattern.split_at(1);
                pattern = after;
                literal
            }
            '(' | ')' | '|' | '*' | '+' | '?' | '.' => panic!("{first} is not known here"),
            _ => &first.to_string(),
        };
        let (mut least, mut most) = (1, 1);
        if let Some(counted) = pattern.strip_prefix('{') {
            let (count, after) = counted.split_once('}').unwrap();
            let (low, high) = count.split_once(',').unwrap_or((count, count));
            (least, most, pattern) = (low.parse().unwrap(), high.parse().unwrap(), after);
        }
        let taken = rest.chars().take(most).take_while(|c| is_in(class, *c)).count();
        if taken < least {
            return false;
        }
        rest = &rest[rest.char_indices().nth(taken).map_or(rest.len(), |(at, _)| at)..];
    }
    rest.is_empty()
}

/// Whether a class without its brackets, such as `a-z_`, holds a character.
fn is_in(class: &str, c: char) -> bool {
    let letters: Vec<char> = class.chars().collect();
    let mut at = 0;
    while at < letters.len() {
        if at + 2 < letters.len() && letters[at + 1] == '-' {
            if (letters[at]..=letters[at + 2]).contains(&c) {
                return true;
            }
            at += 3;
        } else {
            if letters[at] == c {
                return true;
            }
            at += 1;
        }
    }
    false
}

/// A checker that finds nothing would pass every answer.
#[test]
fn the_checker_finds_what_does_not_fit() {
    let document = Document(json!({"word": {"type": "string", "maxLength": 3}}));
    let thing = json!({
        "type": "object", "required": ["n"], "additionalProperties": false,
        "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": 9},
            "word": {"$ref": "#/word"},
            "kind": {"enum": ["a", "b"]},
            "one": {"const": 1},
            "list": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": ["boolean", "null"]}},
            "either": {"oneOf": [{"type": "string"}, {"type": "string", "minLength": 2}, {"type": "integer"}]},
            "code": {"type": "string", "pattern": "^[A-C0]{2}-\\.$"},
            "link": {"type": "string", "format": "uri"},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    });
    let good = json!({
        "n": 9, "word": "äöü", "kind": "b", "one": 1, "list": [true, null], "either": 1, "code": "C0-.", "link": "https://x",
        "map": {"a": "b"},
    });
    assert_eq!(document.misfits(&thing, &good), [""; 0]);
    for (member, bad) in [
        ("n", json!(0)),
        ("n", json!(10)),
        ("n", json!(1.5)),
        ("n", json!("1")),
        ("word", json!("four")),
        ("word", json!(null)),
        ("kind", json!("c")),
        ("one", json!(2)),
        ("list", json!([])),
        ("list", json!([true, true, true])),
        ("list", json!([0])),
        ("either", json!(true)),
        ("either", json!("two fit")),
        ("code", json!("D0-.")),
        ("code", json!("C0-.x")),
        ("code", json!("C0-x")),
        ("code", json!("C-.")),
        ("link", json!("/here")),
        ("map", json!({"a": 1})),
        ("other", json!(1)),
    ] {
        let mut value = good.clone();
        value[member] = bad.clone();
        assert_eq!(document.misfits(&thing, &value).len(), 1, "{member}: {bad}");
    }
    assert_eq!(document.misfits(&thing, &json!({})), [r#": "n" is missing"#]);
    assert!(matches("^[a-z0-9_-]{1,3}$", "a_-") && !matches("^[a-z0-9_-]{1,3}$", "a_-b"));
    assert!(matches("^[ -~]{2,4}$", " ~") && !matches("^[ -~]{2,4}$", "ä~"));
}
