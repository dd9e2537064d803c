//! The buyer's pages over HTTP: who sees what, what a form does, what a visit costs.

mod access;
mod cost;
mod forms;
mod hostile;
mod shelf;
mod words;

use http::Method;
use serde_json::{Value, json};
use tests::TestShop;

/// Changes a product, as its seller does.
async fn change(shop: &TestShop, product: &str, change: Value) -> Value {
    let token = shop.sign_in().await;
    let path = format!("/api/admin/products/{product}");
    let (status, answer) = shop.admin(Method::PATCH, &path, &token, change.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    forget(shop);
    answer
}

/// Changes the shop's words, as its seller does.
async fn settings(shop: &TestShop, change: Value) {
    let token = shop.sign_in().await;
    let (status, answer) = shop.admin(Method::PATCH, "/api/admin/settings", &token, change.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    forget(shop);
}

/// Lets what instances remember grow old.
fn forget(shop: &TestShop) {
    shop.pass(2_001);
}

/// Pays an order at the gateway as its buyer, with or without the gateway's word to the shop.
async fn pay(shop: &TestShop, visitor: &mut tests::Visitor, order: &str, button: &str) {
    let page = visitor.get(&format!("/o/{order}")).await;
    let at = page.body.find("id=\"pay\"").unwrap_or_else(|| panic!("nothing to pay by in {}", page.body));
    let tag = page.body[..at].rfind('<').unwrap();
    let address = page.body[tag..].split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let address = address.replace("&#38;", "&").replace("&amp;", "&");
    let path = address.strip_prefix("http://127.0.0.1:3000").unwrap_or_else(|| panic!("{address}"));
    let checkout = visitor.get(path).await.body;
    let form = checkout.split("action=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    shop.press(&form, button).await;
}

/// Pays at the gateway, and lets the key arrive.
async fn buy(shop: &TestShop, visitor: &mut tests::Visitor, product: &str, contact: &str) -> String {
    let order = visitor.order(product, contact).await;
    pay(shop, visitor, &order, "pay").await;
    shop.deliver_all().await;
    order
}

/// A product with fields that pages show.
fn described() -> Value {
    json!({
        "summary": "Delivered at once", "description": "**What** it is.", "instructions": "Paste it under *Redeem*.",
        "warranty_days": 7, "category": "Cards",
    })
}
