//! What holds for every address: ids, methods, sizes, other origins.

use super::{granted, product, refused, send, shop_with, stock};
use crate::openapi::{create, is_for_programs, request};
use functions::routes::ROUTES;
use http::Request;
use http::header::HeaderValue;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::shop::{PID, START, wish};
use tests::{TestShop, signed_notification};

#[tokio::test]
async fn bodies_end_at_64_kib() {
    let shop = shop_with(522, 3).await;
    let token = shop.sign_in().await;
    let padded = |body: &Value, size: usize| {
        let text = body.to_string();
        format!("{text}{}", " ".repeat(size - text.len()))
    };
    let order = |size: usize| {
        let mut asked = request("POST", "/api/orders", "", padded(&wish("p", 1), size));
        asked.headers_mut().insert("idempotency-key", HeaderValue::from_static("an-order-of-some-size"));
        asked
    };
    refused(&send(&shop, order(65_537)).await, 413, "too_large");
    assert_eq!(stock(&shop).await, (3, 0));
    granted(&send(&shop, order(65_536)).await, 201);
    for (method, path, body, status) in [
        ("POST", "/api/admin/login", json!({"username": "admin", "password": shop.password}), 200),
        ("POST", "/api/admin/products", product("q"), 201),
        ("PATCH", "/api/admin/products/q", json!({"name": "Q"}), 200),
    ] {
        refused(&send(&shop, request(method, path, &token, padded(&body, 65_537))).await, 413, "too_large");
        granted(&send(&shop, request(method, path, &token, padded(&body, 65_536))).await, status);
    }
    // A notification is never that long; nothing is booked for one that is signed all the same.
    let buyer = shop.order("an-order-and-a-long-notice", "p", 1).await;
    let notice = |filler: usize| {
        let filler = "x".repeat(filler);
        let money = tests::shop::yuan(buyer.minor);
        let fields = [
            ("pid", PID),
            ("trade_no", "T1"),
            ("out_trade_no", buyer.attempt.as_str()),
            ("money", money.as_str()),
            ("trade_status", "TRADE_SUCCESS"),
            ("param", filler.as_str()),
        ];
        signed_notification(&fields, &shop.key)
    };
    let form = |body: String| {
        let mut form = request("POST", "/webhooks/sandbox", "", body);
        form.headers_mut().insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
        form
    };
    let room = 65_536 - notice(0).len();
    let reply = send(&shop, form(notice(room + 1))).await;
    assert_eq!((reply.status, &reply.body), (400, &json!("fail")));
    assert_eq!(shop.read(&buyer).await.1["status"], "awaiting_payment");
    let reply = send(&shop, form(notice(room))).await;
    assert_eq!((reply.status, &reply.body), (200, &json!("success")));
    shop.deliver_all().await;
    // Parts of imports are larger, and end as well.
    let part = |size: usize| request("POST", "/api/admin/products/q/cards", &token, vec![b'\n'; size]);
    refused(&send(&shop, part(5 * 1_024 * 1_024 + 1)).await, 413, "too_large");
    let reply = send(&shop, part(5 * 1_024 * 1_024)).await;
    assert_eq!((reply.status, reply.body["imported"].as_u64()), (200, Some(0)), "{}", reply.body);
}

#[tokio::test]
async fn every_request_has_an_id_that_sorts_by_time() {
    let shop = TestShop::new(540).await;
    let mut seen = BTreeSet::new();
    for route in ROUTES.iter().filter(|route| is_for_programs(route.path)) {
        let path = route.path.replace("{id}", "x").replace("{channel}", "x");
        let reply = send(&shop, request(route.method.as_str(), &path, "", "")).await;
        let id = reply.header("x-request-id").unwrap().to_owned();
        assert_eq!((id.as_bytes()[14], b"89ab".contains(&id.as_bytes()[19])), (b'7', true), "{id}");
        assert_eq!(i64::from_str_radix(&id[..13].replace('-', ""), 16).unwrap(), START, "{id}");
        assert!(seen.insert(id), "two requests have one id");
    }
}

#[tokio::test]
async fn other_methods_and_other_paths_have_their_answers() {
    let shop = TestShop::new(541).await;
    let token = shop.sign_in().await;
    let mut refusals = 0;
    for path in ROUTES.iter().map(|route| route.path).collect::<BTreeSet<_>>() {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            if ROUTES.iter().any(|route| route.path == path && route.method.as_str() == method) {
                continue;
            }
            let asked = request(method, &path.replace("{id}", "p").replace("{channel}", "sandbox"), &token, "");
            let reply = send(&shop, asked).await;
            refused(&reply, 405, "method_not_allowed");
            let taken: BTreeSet<&str> =
                ROUTES.iter().filter(|route| route.path == path).map(|route| route.method.as_str()).collect();
            assert_eq!(reply.header("allow").unwrap().split(", ").collect::<BTreeSet<_>>(), taken, "{path}");
            refusals += 1;
        }
    }
    assert!(refusals > 50, "{refusals}");
    for path in [
        "/api",
        "/api/",
        "/api/product",
        "/api/products/",
        "/api/Products",
        "//api/products",
        "/api/orders/",
        "/api/orders/x/",
        "/api/orders/x/keys/1",
        "/api/orders//keys",
        "/api/admin",
        "/api/admin/",
        "/api/admin/products/p/cards/1",
        "/webhooks",
        "/webhooks/",
        "/webhooks/sandbox/x",
        "/healthz/",
    ] {
        for method in ["GET", "POST"] {
            refused(&send(&shop, request(method, path, &token, "")).await, 404, "not_found");
        }
    }
}

/// What a browser on another page would send; [`ask`] sees that no answer lets it in.
#[tokio::test]
async fn other_origins_are_given_nothing() {
    let shop = shop_with(542, 1).await;
    let from_elsewhere = |mut asked: Request<Vec<u8>>| {
        asked.headers_mut().insert("origin", HeaderValue::from_static("https://elsewhere.example"));
        asked
    };
    granted(&send(&shop, from_elsewhere(request("GET", "/api/products", "", ""))).await, 200);
    granted(&send(&shop, from_elsewhere(create("an-order-from-elsewhere", &wish("p", 1)))).await, 201);
    let mut preflight = from_elsewhere(request("OPTIONS", "/api/orders", "", ""));
    preflight.headers_mut().insert("access-control-request-method", HeaderValue::from_static("POST"));
    refused(&send(&shop, preflight).await, 405, "method_not_allowed");
}
