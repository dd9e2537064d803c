//! The document, and an answer held against it.

use super::{PROBLEM, Saw, TEXT};
use functions::routes::{self, Match};
use http::{HeaderMap, Method};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::OnceLock;
use tests::text;

/// An OpenAPI document, and as much of JSON Schema as it uses.
pub struct Document(pub Value);

/// The shop's document.
pub fn document() -> &'static Document {
    static DOCUMENT: OnceLock<Document> = OnceLock::new();
    DOCUMENT.get_or_init(|| Document(serde_json::from_str(TEXT).unwrap()))
}

pub fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("not an object: {value}"))
}

pub fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

impl Document {
    pub fn target(&self, reference: &str) -> &Value {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads out of the document"));
        self.0.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }

    /// What a value stands for: itself, or what it refers to.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        value.get("$ref").map_or(value, |reference| self.target(reference.as_str().unwrap()))
    }

    /// Path, method and operation of each.
    pub fn operations(&self) -> Vec<(&str, &str, &Value)> {
        let mut all = Vec::new();
        for (path, item) in object(&self.0["paths"]) {
            all.extend(object(item).iter().map(|(method, operation)| (path.as_str(), method.as_str(), operation)));
        }
        all
    }

    /// Every status and response of an operation.
    pub fn responses<'a>(&'a self, operation: &'a Value) -> impl Iterator<Item = (u16, &'a Value)> {
        object(&operation["responses"]).iter().map(|(status, r)| (status.parse().unwrap(), self.resolve(r)))
    }

    /// The codes that a schema of problems allows.
    fn codes_of<'a>(&'a self, schema: &'a Value) -> Vec<&'a str> {
        let schema = self.resolve(schema);
        match schema.get("oneOf") {
            Some(choices) => list(choices).iter().flat_map(|choice| self.codes_of(choice)).collect(),
            None => vec![text(schema, "/properties/code/const")],
        }
    }

    /// Every answer the document names.
    pub fn answers(&self) -> BTreeSet<Saw> {
        let mut all = BTreeSet::new();
        for (_, _, operation) in self.operations() {
            let id = text(operation, "/operationId");
            for (status, response) in self.responses(operation) {
                for (media, content) in object(&response["content"]) {
                    let whats = if media == PROBLEM { self.codes_of(&content["schema"]) } else { vec![media.as_str()] };
                    all.extend(whats.into_iter().map(|what| (id.to_owned(), status, what.to_owned())));
                }
            }
        }
        all
    }

    /// Holds an answer against the operation that was asked, and an accepted body against what the document asks for.
    pub fn hold(
        &self,
        method: &Method,
        path: &str,
        sent: &[u8],
        status: u16,
        headers: &HeaderMap,
        body: &Value,
    ) -> Option<Saw> {
        let media = headers["content-type"].to_str().unwrap();
        let route = match routes::find(method, path) {
            Match::Found(route, _) => route,
            Match::OtherMethod(_) => {
                self.hold_problem("MethodNotAllowed", status, media, body);
                return None;
            }
            Match::None => {
                self.hold_problem("NotFound", status, media, body);
                return None;
            }
        };
        let operation = &self.0["paths"][route.path][method.as_str().to_lowercase()];
        let id = text(operation, "/operationId");
        let answer = format!("{id} answered {status} {media} {body}");
        let response = operation["responses"].get(status.to_string()).unwrap_or_else(|| panic!("unnamed: {answer}"));
        let response = self.resolve(response);
        let content = response["content"].get(media).unwrap_or_else(|| panic!("unnamed media type: {answer}"));
        let found = self.misfits(&content["schema"], body);
        assert!(found.is_empty(), "{answer}\n{}", found.join("\n"));
        for (name, header) in object(&response["headers"]) {
            let header = self.resolve(header);
            match headers.get(name) {
                None => assert_ne!(header["required"], true, "no {name}: {answer}"),
                Some(value) => {
                    let value = value.to_str().unwrap();
                    let value = value.parse::<i64>().map_or_else(|_| Value::from(value), Value::from);
                    let found = self.misfits(&header["schema"], &value);
                    assert!(found.is_empty(), "{name}: {found:?}");
                }
            }
        }
        if let (200..300, Some(asked)) = (status, operation.pointer("/requestBody/content/application~1json/schema")) {
            let sent: Value = serde_json::from_slice(sent).unwrap();
            let found = self.misfits(asked, &sent);
            assert!(found.is_empty(), "{id} accepted {sent}\n{}", found.join("\n"));
        }
        let what = if media == PROBLEM { text(body, "/code") } else { media };
        Some((id.to_owned(), status, what.to_owned()))
    }

    fn hold_problem(&self, name: &str, status: u16, media: &str, body: &Value) {
        assert_eq!(media, PROBLEM, "{body}");
        assert_eq!(body["status"], status, "{body}");
        let found = self.misfits(&self.0["components"]["schemas"][format!("Problem{name}")], body);
        assert!(found.is_empty(), "{body}\n{}", found.join("\n"));
    }

    /// Every value within the document, with where it stands.
    fn walk<'a>(value: &'a Value, at: String, visit: &mut dyn FnMut(&str, &'a Value)) {
        visit(&at, value);
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    Document::walk(member, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), visit);
                }
            }
            Value::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    Document::walk(item, format!("{at}/{n}"), visit);
                }
            }
            _ => {}
        }
    }

    pub fn everything(&self) -> Vec<(String, &Value)> {
        let mut all = Vec::new();
        Document::walk(&self.0, String::new(), &mut |at, value| all.push((at.to_owned(), value)));
        all
    }
}
