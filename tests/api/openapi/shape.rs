//! The document by itself, against the routes and against the problems.

use super::document::{Document, document, list, object};
use super::{PROBLEM, hold_headers, is_for_programs};
use functions::http::{Problem, finish};
use functions::routes::ROUTES;
use serde_json::Value;
use std::collections::BTreeSet;
use tests::text;

#[test]
fn paths_and_methods_are_those_of_the_routes() {
    let documented: BTreeSet<(String, String)> =
        document().operations().iter().map(|(path, method, _)| ((*path).to_owned(), method.to_uppercase())).collect();
    let all: BTreeSet<(String, String)> =
        ROUTES.iter().map(|route| (route.path.to_owned(), route.method.to_string())).collect();
    assert_eq!(all.len(), ROUTES.len(), "a route stands twice");
    let served: BTreeSet<(String, String)> = all.into_iter().filter(|(path, _)| is_for_programs(path)).collect();
    assert_eq!(documented, served);
}

#[test]
fn the_document_is_well_formed() {
    let document = document();
    assert_eq!(document.0["openapi"], "3.1.0");
    assert_eq!(document.0["info"]["version"], env!("CARGO_PKG_VERSION"), "one version for code and contract");
    let components = &document.0["components"];
    let mut used = BTreeSet::new();
    for (at, value) in document.everything() {
        if let Some(reference) = value.get("$ref") {
            document.resolve(value);
            used.insert(reference.as_str().unwrap().to_owned());
        }
        if let Some(choices) = value.get("oneOf")
            && let Some(discriminator) = value.get("discriminator")
        {
            let named: BTreeSet<&str> = list(choices).iter().map(|choice| text(choice, "/$ref")).collect();
            let mapping = object(&discriminator["mapping"]);
            assert_eq!(named, mapping.values().map(|t| t.as_str().unwrap()).collect(), "{at}");
            for (told, target) in mapping {
                let property = text(discriminator, "/propertyName");
                let target = document.target(target.as_str().unwrap());
                assert_eq!(target["properties"][property]["const"], told.as_str(), "{at}");
            }
        }
    }
    for kind in ["parameters", "headers", "examples", "responses", "schemas"] {
        for (name, component) in object(&components[kind]) {
            let told = component.get("description").or(component.get("summary"));
            assert!(told.is_some_and(Value::is_string), "{kind}/{name} has no description");
            let reference = format!("#/components/{kind}/{name}");
            // The one answer that belongs to no operation.
            assert!(used.contains(&reference) || name == "MethodNotAllowed", "{reference} is not used");
        }
    }
    let (mut ids, mut tags) = (BTreeSet::new(), BTreeSet::new());
    for (path, method, operation) in document.operations() {
        let here = format!("{method} {path}");
        assert!(ids.insert(text(operation, "/operationId")), "{here}: operationId stands twice");
        assert!(operation["summary"].is_string(), "{here} has no summary");
        tags.extend(list(&operation["tags"]).iter().map(|tag| tag.as_str().unwrap()));
        for scheme in list(&operation["security"]).iter().flat_map(|choice| object(choice).keys()) {
            assert!(components["securitySchemes"].get(scheme).is_some(), "{here}: {scheme}");
        }
        let parameters: Vec<&Value> =
            operation.get("parameters").map(list).into_iter().flatten().map(|p| document.resolve(p)).collect();
        let in_path: Vec<&str> = parameters.iter().filter(|p| p["in"] == "path").map(|p| text(p, "/name")).collect();
        let in_template: Vec<&str> = path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(in_path, in_template, "{here}");
        assert!(parameters.iter().all(|p| p["description"].is_string() && p["schema"].is_object()), "{here}");
        for (status, response) in document.responses(operation) {
            assert!(response["description"].is_string(), "{here} {status} has no description");
            assert!(!object(&response["content"]).is_empty(), "{here} {status} has no content");
        }
    }
    let named: BTreeSet<&str> = list(&document.0["tags"]).iter().map(|tag| text(tag, "/name")).collect();
    assert_eq!(tags, named);
}

/// An open object would let an undocumented member pass every test.
#[test]
fn objects_in_answers_are_closed_and_described() {
    fn hold(document: &Document, at: &str, schema: &Value, seen: &mut BTreeSet<String>) {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str)
            && !seen.insert(reference.to_owned())
        {
            return;
        }
        let schema = document.resolve(schema);
        if schema["type"] == "object" && at != "openapi 200 application/json" {
            assert_eq!(schema["additionalProperties"], false, "{at} is open");
            let properties = object(&schema["properties"]);
            for required in list(&schema["required"]) {
                assert!(
                    properties.contains_key(required.as_str().unwrap()),
                    "{at}: {required} is required and unknown"
                );
            }
            for (name, property) in properties {
                hold(document, &format!("{at}/{name}"), property, seen);
            }
        }
        for part in schema.get("items").into_iter().chain(schema.get("oneOf").map(list).into_iter().flatten()) {
            hold(document, at, part, seen);
        }
    }
    let document = document();
    let mut seen = BTreeSet::new();
    for (_, _, operation) in document.operations() {
        for (status, response) in document.responses(operation) {
            for (media, content) in object(&response["content"]) {
                let at = format!("{} {status} {media}", text(operation, "/operationId"));
                hold(document, &at, &content["schema"], &mut seen);
            }
        }
    }
    assert!(seen.len() > 20, "the walk reached the schemas: {seen:?}");
}

#[test]
fn every_example_fits_its_schema() {
    let document = document();
    let mut checked = 0;
    for (at, value) in document.everything() {
        // Examples stand beside a schema, or in one.
        let schema = value.get("schema").unwrap_or(value);
        let examples: Vec<&Value> = match value.get("examples") {
            Some(Value::Object(named)) if value.get("schema").is_some() => {
                named.values().map(|example| &document.resolve(example)["value"]).collect()
            }
            Some(Value::Array(plain)) => plain.iter().collect(),
            _ => value.get("example").into_iter().collect(),
        };
        for example in examples {
            let found = document.misfits(schema, example);
            assert!(found.is_empty(), "{at}: {example}\n{}", found.join("\n"));
            checked += 1;
        }
    }
    assert!(checked > 40, "only {checked} examples were found");
}

/// What a reader sees of each body, sent or answered, without having to build it from the schema.
#[test]
fn every_body_has_an_example() {
    fn is_shown(document: &Document, content: &Value) -> bool {
        let schema = document.resolve(&content["schema"]);
        let beside =
            content.get("example").or(content.get("examples")).or(schema.get("examples")).or(schema.get("const"));
        let choices = schema.get("oneOf").map(list);
        beside.is_some() || choices.is_some_and(|all| all.iter().all(|c| document.resolve(c).get("examples").is_some()))
    }
    let document = document();
    for (path, method, operation) in document.operations() {
        let asked = operation.pointer("/requestBody/content").map(object).into_iter().flatten();
        let answered = document.responses(operation).flat_map(|(_, response)| object(&response["content"]));
        for (media, content) in asked.chain(answered) {
            // The document does not hold itself.
            let is_shown = is_shown(document, content) || path == "/api/openapi.json";
            assert!(is_shown, "{method} {path}: {media} has no example");
        }
    }
}

/// The next problem of the list. A variant that is not here does not compile, and one that nothing leads to is not counted.
fn after(problem: &Problem) -> Option<Problem> {
    Some(match problem {
        Problem::BadRequest(_) => Problem::IdempotencyKeyInvalid,
        Problem::IdempotencyKeyInvalid => Problem::Unauthorized("Who?"),
        Problem::Unauthorized(_) => Problem::NotFound,
        Problem::NotFound => Problem::MethodNotAllowed("GET, POST".to_owned()),
        Problem::MethodNotAllowed(_) => Problem::SoldOut,
        Problem::SoldOut => Problem::PriceChanged,
        Problem::PriceChanged => Problem::OrderVoid,
        Problem::OrderVoid => Problem::NotDelivered,
        Problem::NotDelivered => Problem::NotWaiting,
        Problem::NotWaiting => Problem::RefundByHand,
        Problem::RefundByHand => Problem::Conflict("Somebody was quicker."),
        Problem::Conflict(_) => Problem::TooLarge,
        Problem::TooLarge => Problem::UnsupportedMedia,
        Problem::UnsupportedMedia => Problem::IdempotencyKeyReused,
        Problem::IdempotencyKeyReused => Problem::field("name", "required"),
        Problem::Invalid(_) => Problem::TooManyHolds,
        Problem::TooManyHolds => Problem::RateLimited(7),
        Problem::RateLimited(_) => Problem::ChannelDown,
        Problem::ChannelDown => Problem::ShopClosed,
        Problem::ShopClosed => Problem::Unavailable,
        Problem::Unavailable => return None,
    })
}

#[test]
fn the_codes_are_those_of_the_problems() {
    let document = document();
    let problems: Vec<Problem> = std::iter::successors(Some(Problem::BadRequest("No.")), after).collect();
    let answered: BTreeSet<&str> = problems.iter().map(Problem::code).collect();
    assert_eq!(answered.len(), problems.len(), "a code stands for two problems");
    let schemas = object(&document.0["components"]["schemas"]);
    let of_problems = schemas.iter().filter(|(name, _)| name.starts_with("Problem"));
    let documented: BTreeSet<&str> = of_problems.map(|(_, schema)| text(schema, "/properties/code/const")).collect();
    assert_eq!(documented, answered);
    let named: BTreeSet<String> = document.answers().into_iter().map(|(_, _, what)| what).collect();
    for code in answered {
        assert!(named.contains(code) || code == "method_not_allowed", "no operation names {code}");
    }
    for problem in problems {
        let code = problem.code();
        let schema = schemas.values().find(|s| s.pointer("/properties/code/const") == Some(&code.into())).unwrap();
        let expected = match &problem {
            Problem::RateLimited(seconds) => Some(("retry-after", seconds.to_string())),
            Problem::TooManyHolds | Problem::ShopClosed => Some(("retry-after", "60".to_owned())),
            Problem::Unavailable => Some(("retry-after", "1".to_owned())),
            Problem::Unauthorized(_) => Some(("www-authenticate", "Bearer".to_owned())),
            Problem::MethodNotAllowed(methods) => Some(("allow", methods.clone())),
            _ => None,
        };
        let response = finish(Err(problem));
        let body: Value = serde_json::from_slice(response.body().as_ref()).unwrap();
        let found = document.misfits(schema, &body);
        assert!(found.is_empty(), "{body}\n{}", found.join("\n"));
        assert_eq!(response.status().as_u16(), body["status"]);
        assert_eq!(response.headers()["content-type"], PROBLEM);
        hold_headers(response.headers(), response.status().as_u16());
        for name in ["retry-after", "www-authenticate", "allow"] {
            let told = response.headers().get(name).map(|value| value.to_str().unwrap());
            let meant = expected.as_ref().filter(|(n, _)| *n == name).map(|(_, value)| value.as_str());
            assert_eq!(told, meant, "{code}: {name}");
        }
    }
}
