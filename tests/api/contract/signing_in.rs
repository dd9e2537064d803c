//! The seller's password and sessions.

use super::{HOUR, MINUTE, get, granted, refused, send, shop_with, with};
use crate::openapi::{Reply, ask, request};
use functions::routes::ROUTES;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::{TestShop, text};
use tokio::task::JoinSet;

async fn login(shop: &TestShop, body: &Value, peer: &str) -> Reply {
    ask(shop.front(), request("POST", "/api/admin/login", "", body.to_string()), peer).await
}

#[tokio::test]
async fn only_the_right_name_and_password_sign_in() {
    let shop = TestShop::new(550).await;
    let right = json!({"username": "admin", "password": shop.password});
    let reply = login(&shop, &right, "192.0.2.1").await;
    granted(&reply, 200);
    assert_eq!(text(&reply.body, "/expires_at"), "2026-11-22T01:00:00.000Z");
    granted(&get(&shop, "/api/admin/products", text(&reply.body, "/token")).await, 200);
    let mut answers = BTreeSet::new();
    for body in [
        with(&right, "password", "wrong".into()),
        with(&right, "password", format!("{} ", shop.password).into()),
        with(&right, "password", json!(null)),
        with(&right, "password", json!(["x"])),
        with(&right, "username", "root".into()),
        with(&right, "username", "Admin".into()),
        with(&right, "username", json!(null)),
        json!([]),
    ] {
        let reply = login(&shop, &body, "192.0.2.1").await;
        refused(&reply, 401, "unauthorized");
        answers.insert(reply.bytes);
    }
    assert_eq!(answers.len(), 1, "the answer tells a wrong name from a wrong password");
    assert_eq!(login(&shop, &json!({}), "192.0.2.1").await.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test]
async fn ten_failures_shut_an_address_out_for_a_while() {
    let shop = TestShop::new(551).await;
    // Not at the edge of the clock's quarters, so that the wait is shorter than one.
    shop.pass(MINUTE);
    let right = json!({"username": "admin", "password": shop.password});
    let wrong = with(&right, "password", "wrong".into());
    for _ in 0..9 {
        refused(&login(&shop, &wrong, "192.0.2.1").await, 401, "unauthorized");
    }
    // Whoever knows the password is no guesser, however often they come.
    for _ in 0..3 {
        granted(&login(&shop, &right, "192.0.2.1").await, 200);
    }
    refused(&login(&shop, &wrong, "192.0.2.1").await, 401, "unauthorized");
    // From now on not even the right password is looked at.
    refused(&login(&shop, &wrong, "192.0.2.1").await, 429, "rate_limited");
    let reply = login(&shop, &right, "192.0.2.1").await;
    refused(&reply, 429, "rate_limited");
    let wait: i64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=15 * 60).contains(&wait), "{wait} s");
    granted(&login(&shop, &right, "192.0.2.2").await, 200);
    shop.pass((wait - 2) * 1_000);
    refused(&login(&shop, &right, "192.0.2.1").await, 429, "rate_limited");
    shop.pass(2_000);
    granted(&login(&shop, &right, "192.0.2.1").await, 200);
}

/// Nobody who guesses waits for an answer before the next guess.
#[tokio::test]
async fn guesses_that_come_at_once_are_counted_too() {
    let shop = TestShop::new(557).await;
    let mut guesses = JoinSet::new();
    for n in 0..25 {
        let front = shop.front().clone();
        guesses.spawn(async move {
            let guess = json!({"username": "admin", "password": format!("guess-{n}")});
            ask(&front, request("POST", "/api/admin/login", "", guess.to_string()), "192.0.2.1").await.status
        });
    }
    let mut statuses = guesses.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![401; 10], vec![429; 15]].concat());
}

#[tokio::test]
async fn a_session_lasts_an_hour_and_can_be_renewed() {
    let shop = TestShop::new(552).await;
    let path = "/api/admin/products";
    let right = json!({"username": "admin", "password": shop.password});
    let first = text(&login(&shop, &right, "192.0.2.1").await.body, "/token").to_owned();
    shop.pass(HOUR - 1_000);
    granted(&get(&shop, path, &first).await, 200);
    let reply = send(&shop, request("POST", "/api/admin/refresh", &first, "")).await;
    granted(&reply, 200);
    assert_eq!(text(&reply.body, "/expires_at"), "2026-11-22T01:59:59.000Z");
    let second = text(&reply.body, "/token").to_owned();
    assert_ne!(second, first);
    shop.pass(999);
    granted(&get(&shop, path, &first).await, 200);
    shop.pass(1);
    refused(&get(&shop, path, &first).await, 401, "unauthorized");
    refused(&send(&shop, request("POST", "/api/admin/refresh", &first, "")).await, 401, "unauthorized");
    granted(&get(&shop, path, &second).await, 200);
    shop.pass(HOUR - 1_001);
    granted(&get(&shop, path, &second).await, 200);
    shop.pass(1);
    refused(&get(&shop, path, &second).await, 401, "unauthorized");
}

/// A session that leaks is renewed by whoever has it, but not for ever.
#[tokio::test]
async fn a_session_is_renewed_for_twelve_hours_at_most() {
    let shop = TestShop::new(555).await;
    let right = json!({"username": "admin", "password": shop.password});
    let mut session = login(&shop, &right, "192.0.2.1").await.body;
    for _ in 0..13 {
        shop.pass(55 * MINUTE);
        let renewed = send(&shop, request("POST", "/api/admin/refresh", text(&session, "/token"), "")).await;
        granted(&renewed, 200);
        session = renewed.body;
    }
    // 11:55 have passed since the password was given.
    assert_eq!(text(&session, "/expires_at"), "2026-11-22T12:00:00.000Z");
    shop.pass(5 * MINUTE - 1);
    granted(&get(&shop, "/api/admin/products", text(&session, "/token")).await, 200);
    shop.pass(1);
    for (method, path) in [("GET", "/api/admin/products"), ("POST", "/api/admin/refresh")] {
        refused(&send(&shop, request(method, path, text(&session, "/token"), "")).await, 401, "unauthorized");
    }
    granted(&login(&shop, &right, "192.0.2.1").await, 200);
}

#[tokio::test]
async fn a_new_password_ends_every_session() {
    let shop = TestShop::new(556).await;
    let session = shop.sign_in().await;
    // The same seed makes the same secrets, so nothing but the password differs.
    let same = TestShop::open_with(556, None, |_| {}).await;
    granted(&get(&same, "/api/admin/products", &session).await, 200);
    let other = TestShop::open_with(556, None, |secrets| secrets.admin_password.push('!')).await;
    refused(&get(&other, "/api/admin/products", &session).await, 401, "unauthorized");
}

/// `expires_at` is what a client goes by, also when the clock does not stand at a whole second.
#[tokio::test]
async fn a_session_lasts_until_the_moment_it_names() {
    let shop = TestShop::new(553).await;
    shop.pass(700);
    let right = json!({"username": "admin", "password": shop.password});
    let session = login(&shop, &right, "192.0.2.1").await.body;
    let ends = text(&session, "/expires_at").strip_prefix("2026-11-22T01:00:").unwrap().trim_end_matches('Z');
    let (seconds, ms) = ends.split_once('.').unwrap();
    let lasts = HOUR - 700 + seconds.parse::<i64>().unwrap() * 1_000 + ms.parse::<i64>().unwrap();
    shop.pass(lasts - 1);
    granted(&get(&shop, "/api/admin/products", text(&session, "/token")).await, 200);
    shop.pass(1);
    refused(&get(&shop, "/api/admin/products", text(&session, "/token")).await, 401, "unauthorized");
}

#[tokio::test]
async fn nothing_but_a_session_opens_the_sellers_side() {
    let shop = shop_with(554, 1).await;
    let buyer = shop.order("a-buyer-and-no-seller", "p", 1).await;
    let session = shop.sign_in().await;
    let (signed, signature) = session.rsplit_once('.').unwrap();
    let of = |header: &str| format!("{header}.{}.{signature}", signed.split_once('.').unwrap().1);
    let bad = [
        String::new(),
        "x".to_owned(),
        "..".to_owned(),
        buyer.token.clone(),
        shop.password.clone(),
        format!("{signed}."),
        signed.to_owned(),
        format!("{signed}x.{signature}"),
        format!("{session}A"),
        // {"alg":"none","typ":"JWT"}
        of("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"),
    ];
    let seller = ROUTES.iter().filter(|r| r.path.starts_with("/api/admin/") && r.path != "/api/admin/login");
    let mut asked = 0;
    for route in seller {
        for token in &bad {
            let reply =
                send(&shop, request(route.method.as_str(), &route.path.replace("{id}", "p"), token, "{}")).await;
            refused(&reply, 401, "unauthorized");
        }
        asked += 1;
    }
    assert_eq!(asked, 28, "a new address of the seller is tried here");
}
