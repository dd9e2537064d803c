//! The contract as a client outside would check it. Every request goes through [`ask`], so every answer is held against the
//! document beside the assertions here.

mod answers;
mod attempts;
mod attention;
mod cards;
mod catalogue;
mod checks;
mod creating;
mod lookup;
mod products;
mod reading;
mod refunds;
mod removal;
mod reviews;
mod signing_in;
mod wishes;

use crate::openapi::{Reply, ask, request};
use http::Request;
use local::seam::{Call, Fate, Tap};
use serde_json::{Value, json};
use tests::shop::{PID, cards};
use tests::{Buyer, TestShop, text};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A gateway that answers nobody.
#[derive(Debug)]
struct Silent;

impl Tap for Silent {
    fn fate(&self, call: &Call) -> Fate {
        if call.operation() == "/api.php" { Fate::LoseRequest } else { Fate::Pass }
    }
}

/// The gateway's answers about refunds are lost on their way back; the refunds are made.
#[derive(Debug)]
struct LostAnswers;

impl Tap for LostAnswers {
    fn fate(&self, call: &Call) -> Fate {
        if call.operation() == "/api.php" && call.method == "POST" { Fate::LoseReply } else { Fate::Pass }
    }
}

/// Asks from the usual address.
async fn send(shop: &TestShop, request: Request<Vec<u8>>) -> Reply {
    ask(shop.front(), request, "127.0.0.1").await
}

async fn get(shop: &TestShop, path: &str, token: &str) -> Reply {
    send(shop, request("GET", path, token, "")).await
}

/// A seller's request in a session that begins now.
async fn sell(shop: &TestShop, method: &str, path: &str, body: &Value) -> Reply {
    let token = shop.sign_in().await;
    send(shop, request(method, path, &token, body.to_string())).await
}

/// Posts with an order's token, or with a session.
async fn post(shop: &TestShop, path: &str, token: &str, body: &Value) -> Reply {
    send(shop, request("POST", path, token, body.to_string())).await
}

/// An address below an order, for its buyer.
fn of(buyer: &Buyer, tail: &str) -> String {
    format!("/api/orders/{}/{tail}", buyer.order)
}

/// An address below an order, for the seller.
fn desk(buyer: &Buyer, tail: &str) -> String {
    format!("/api/admin/orders/{}{tail}", buyer.order)
}

/// An order of `p` that was paid at the gateway.
async fn paid(shop: &TestShop, key: &str, quantity: u32) -> Buyer {
    let buyer = shop.order(key, "p", quantity).await;
    let page = shop.open_pay_page(&buyer).await;
    shop.press(&page, "pay").await;
    buyer
}

/// An order of `p` that was paid at the gateway and delivered.
async fn bought(shop: &TestShop, key: &str, quantity: u32) -> Buyer {
    let buyer = paid(shop, key, quantity).await;
    shop.deliver_all().await;
    buyer
}

/// Status and reason as the buyer reads them.
async fn stands(shop: &TestShop, buyer: &Buyer) -> (String, String) {
    let (_, order) = shop.read(buyer).await;
    (text(&order, "/status").to_owned(), order["status_reason"].as_str().unwrap_or_default().to_owned())
}

/// What the merchant has at the gateway, in yuan: the gateway's own word about what was paid and what went back.
async fn balance(shop: &TestShop) -> String {
    let path = format!("/sandbox/api.php?act=query&pid={PID}&key={}", shop.key);
    let answer = shop.front().handle(request("GET", &path, "", ""), "127.0.0.1").await;
    let answer: Value = serde_json::from_slice(answer.body()).unwrap();
    text(&answer, "/money").to_owned()
}

/// What needs a person.
async fn rows(shop: &TestShop) -> Vec<Value> {
    let reply = sell(shop, "GET", "/api/admin/attention", &json!({})).await;
    reply.body["rows"].as_array().unwrap_or_else(|| panic!("{}", reply.body)).clone()
}

/// The one thing that needs a person.
async fn the_row(shop: &TestShop) -> Value {
    let rows = rows(shop).await;
    assert_eq!(rows.len(), 1, "{rows:#?}");
    rows.into_iter().next().unwrap()
}

/// What was written down: deed, subject, amount in minor units, reference.
async fn trail(shop: &TestShop) -> Vec<(String, String, Option<i64>, String)> {
    let reply = sell(shop, "GET", "/api/admin/trail", &json!({})).await;
    let entries = reply.body["entries"].as_array().unwrap_or_else(|| panic!("{}", reply.body));
    let word = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let told =
        |e: &Value| (word(e, "what"), word(e, "subject"), e["amount"]["amount_minor"].as_i64(), word(e, "reference"));
    entries.iter().map(told).collect()
}

/// Expects a refusal.
#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.code()), (status, code), "{}", reply.body);
}

/// Expects an answer that is no refusal.
#[track_caller]
fn granted(reply: &Reply, status: u16) {
    assert_eq!(reply.status, status, "{}", reply.body);
}

/// The body with one member exchanged; `null` takes it out.
fn with(body: &Value, member: &str, value: Value) -> Value {
    let mut body = body.clone();
    if value.is_null() {
        body.as_object_mut().unwrap().remove(member);
    } else {
        body[member] = value;
    }
    body
}

fn yuan(minor: i64) -> Value {
    json!({"amount_minor": minor, "currency": "CNY"})
}

/// A product as a seller may write it.
fn product(id: &str) -> Value {
    json!({
        "id": id, "name": format!("Product {id}"), "kind": "single_use_key", "channels": ["sandbox"], "price": yuan(990),
    })
}

/// A shop with product `p` at 9.90 and this many cards.
async fn shop_with(seed: u64, count: usize) -> TestShop {
    let shop = TestShop::new(seed).await;
    shop.product("p", 990, &cards("CARD", count)).await;
    shop
}

/// Free and held cards of `p`.
async fn stock(shop: &TestShop) -> (u64, u64) {
    let counts = shop.counts("p").await;
    (counts["free"].as_u64().unwrap(), counts["held"].as_u64().unwrap())
}

/// An answer for a snapshot: what chance gave this order stands there by name, so that the rest can be read.
fn shown(body: &Value, buyer: &Buyer) -> String {
    let mut body = body.clone();
    if let Some(code) = body.get_mut("collection_code") {
        *code = "CODE".into();
    }
    let mut text = serde_json::to_string_pretty(&body).unwrap();
    for (value, name) in [(&buyer.attempt, "ATTEMPT"), (&buyer.order, "ORDER"), (&buyer.token, "TOKEN")] {
        text = text.replace(value.as_str(), name);
    }
    match text.split_once("&sign=") {
        Some((before, after)) => format!("{before}&sign=SIGN{}", &after[32..]),
        None => text,
    }
}

/// A product that asks for an account, and a wish with every field filled.
async fn shop_with_fields(seed: u64) -> (TestShop, Value) {
    let shop = TestShop::new(seed).await;
    let mut asking = product("p");
    asking["fields"] = json!([
        {"id": "account", "label": "Game account", "required": true},
        {"id": "note", "label": "Anything else"},
    ]);
    granted(&sell(&shop, "POST", "/api/admin/products", &asking).await, 201);
    shop.cards("p", &cards("CARD", 20), "").await;
    let wish = json!({
        "product": "p", "quantity": 2, "contact": "buyer@example.com", "channel": "sandbox",
        "fields": {"account": "player-7"}, "query_password": "my password", "price_seen": yuan(990),
    });
    (shop, wish)
}
