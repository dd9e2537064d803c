//! The contract as a client outside would check it. Every request goes through [`ask`], so every answer is held against the
//! document beside the assertions here.

mod answers;
mod cards;
mod catalogue;
mod creating;
mod products;
mod reading;
mod signing_in;
mod wishes;

use crate::openapi::{Reply, ask, request};
use http::Request;
use serde_json::{Value, json};
use tests::shop::cards;
use tests::{Buyer, TestShop};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

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
