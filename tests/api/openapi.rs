//! `functions/assets/openapi.json` held against the table of routes, the list of problems, and what the running shop
//! answers. Every answer that passes [`ask`] is checked, so whatever else asks through it checks the document as well.

mod desk;
mod document;
mod schema;
mod shape;
mod tour;
mod waiting;

use document::{document, list};
use domain::ProductId;
use domain::order::Why;
use http::{HeaderMap, Request};
use local::Front;
use serde_json::{Value, json};
use store::Table;
use tests::{TestShop, text};

const TEXT: &str = include_str!("../../functions/assets/openapi.json");
const PROBLEM: &str = "application/problem+json";

/// An operation's id, a status, and a problem's code or else the media type.
pub type Saw = (String, u16, String);

/// An answer that the document names.
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body to the byte.
    pub bytes: Vec<u8>,
    /// The body as JSON, or as a JSON string when it is none.
    pub body: Value,
    /// Which of the document's answers it is; `None` when no operation was met.
    pub saw: Option<Saw>,
}

impl Reply {
    /// The code of a problem; empty for anything else.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The pairs of field and code that an `invalid` names, sorted.
    #[track_caller]
    pub fn errors(&self) -> Vec<(&str, &str)> {
        assert_eq!((self.status, self.code()), (422, "invalid"), "{}", self.body);
        let mut pairs: Vec<_> =
            list(&self.body["errors"]).iter().map(|e| (text(e, "/field"), text(e, "/code"))).collect();
        pairs.sort_unstable();
        pairs
    }
}

/// Sends a request from `peer` and fails unless the document names the answer: status, media type, headers, every member.
pub async fn ask(front: &Front, request: Request<Vec<u8>>, peer: &str) -> Reply {
    let (method, path, sent) = (request.method().clone(), request.uri().path().to_owned(), request.body().clone());
    let (parts, bytes) = front.shop(request, peer).await.into_parts();
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8(bytes.clone()).unwrap().into());
    let (status, headers) = (parts.status.as_u16(), parts.headers);
    hold_headers(&headers, status);
    assert!(headers.contains_key("x-request-id"), "{status} {body}");
    let saw = document().hold(&method, &path, &sent, status, &headers, &body);
    Reply { status, headers, bytes, body, saw }
}

/// What every answer of the shop has, whatever it is.
fn hold_headers(headers: &HeaderMap, status: u16) {
    let of = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(of("cache-control"), Some("no-store"), "{status}");
    assert_eq!(of("x-content-type-options"), Some("nosniff"), "{status}");
    for name in headers.keys() {
        let name = name.as_str();
        assert!(!name.starts_with("access-control-"), "{name}: other origins have no business here");
        assert!(!["set-cookie", "server", "x-powered-by"].contains(&name), "{name}");
    }
}

/// Whether an address is part of the API. Pages are for people: their words may change any day, and no program relies on them.
pub fn is_for_programs(path: &str) -> bool {
    ["/api/", "/webhooks/", "/healthz"].iter().any(|start| path.starts_with(start))
}

/// A request with a bearer token, where there is one, and a body.
pub fn request(method: &str, path: &str, token: &str, body: impl Into<Vec<u8>>) -> Request<Vec<u8>> {
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(body.into()).unwrap()
}

/// A create with a key.
pub fn create(key: &str, body: &Value) -> Request<Vec<u8>> {
    let mut request = request("POST", "/api/orders", "", body.to_string());
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

/// A notification as a form, as some gateways send it.
fn form(path: &str, fields: &str) -> Request<Vec<u8>> {
    let mut request = request("POST", path, "", fields);
    request.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    request
}

/// Switches a channel off behind the shop's back; no operation does it yet.
pub fn switch_channel_off(shop: &TestShop, channel: &str) {
    let items = shop.table(Table::Shop);
    let is_it = |item: &Value| item["kind"]["S"] == "channel" && item["id"]["S"] == channel;
    let mut item: Value = items.iter().map(|i| serde_json::from_str(i).unwrap()).find(is_it).unwrap();
    let doc = text(&item, "/doc/S").replace("\"enabled\":true", "\"enabled\":false");
    assert_ne!(doc, text(&item, "/doc/S"));
    item["doc"]["S"] = doc.into();
    let put = json!({"TableName": "kamivend-shop", "Item": item});
    assert_eq!(shop.world.engine.call("PutItem", put.to_string().as_bytes()).0, 200);
    // Nobody remembers a channel for longer.
    shop.pass(2_000);
}

/// Sets up a further channel: the same merchant at the same gateway under another name, which cannot send money back.
pub async fn set_channel_up(shop: &TestShop, channel: &str) {
    shop.account(channel, None).await;
}

/// Gives up the order that a key names, as the clean-up of unfinished creates does.
pub async fn give_up(shop: &TestShop, key: &str, product: &str) -> String {
    let (order, product) = (shop.app.keys.order_id(key), ProductId::parse(product).unwrap());
    shop.app.store.void(&order, &product, Why::Abandoned, shop.app.clock.now()).await.unwrap();
    order.to_string()
}
