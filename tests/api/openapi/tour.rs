//! Every answer the document names, asked for.

use super::document::document;
use super::{Reply, Saw, TEXT, ask, create, form, give_up, is_for_programs, request, switch_channel_off};
use functions::routes::ROUTES;
use http::Request;
use local::Front;
use local::engine::Engine;
use local::seam::{Call, Fate, Tap};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use tests::shop::{cards, wish};
use tests::{Buyer, TestShop};

/// What a PNG begins with.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

/// A receiver of messages to the seller.
pub const RECEIVER: &str = r#"{"channel": {"kind": "bark", "key": "0123456789abcdef"}, "kinds": ["sale"]}"#;

/// Loses calls on their way out: those whose text holds the word.
#[derive(Debug)]
struct Lost(&'static str);

impl Tap for Lost {
    fn fate(&self, call: &Call) -> Fate {
        if String::from_utf8_lossy(&call.body).contains(self.0) { Fate::LoseRequest } else { Fate::Pass }
    }
}

/// Another editor who is always a moment quicker: raises the version of product `p` before any change of it arrives.
#[derive(Debug)]
struct Quicker(Engine);

impl Tap for Quicker {
    fn fate(&self, call: &Call) -> Fate {
        if call.operation() == "UpdateItem" {
            let raise = json!({
                "TableName": "kamivend-shop", "Key": {"kind": {"S": "product"}, "id": {"S": "p"}},
                "UpdateExpression": "ADD v :one", "ExpressionAttributeValues": {":one": {"N": "1"}},
            });
            assert_eq!(self.0.call("UpdateItem", raise.to_string().as_bytes()).0, 200);
        }
        Fate::Pass
    }
}

/// Every answer that was seen on the way.
pub struct Tour {
    pub shop: TestShop,
    seen: BTreeSet<Saw>,
}

impl Tour {
    pub async fn through(&mut self, front: &Front, request: Request<Vec<u8>>) -> Reply {
        let reply = ask(front, request, "127.0.0.1").await;
        self.seen.extend(reply.saw.clone());
        reply
    }

    /// Asks and expects a status with a code (or none).
    pub async fn ask(&mut self, request: Request<Vec<u8>>, status: u16, code: &str) -> Reply {
        let reply = self.through(&self.shop.front().clone(), request).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{}", reply.body);
        reply
    }

    async fn catalogue(&mut self) {
        self.ask(request("GET", "/healthz", "", ""), 200, "").await;
        let served = self.ask(request("GET", "/api/openapi.json", "", ""), 200, "").await;
        assert_eq!(served.bytes, TEXT.as_bytes(), "what is served is the document");
        self.ask(request("GET", "/api/products", "", ""), 200, "").await;
    }

    async fn seller(&mut self, token: &str) {
        let too_large = " ".repeat(65_537);
        for route in ROUTES.iter().filter(|r| r.path.starts_with("/api/admin/") && r.path != "/api/admin/login") {
            let path = route.path.replace("{id}", "p");
            self.ask(request(route.method.as_str(), &path, "", ""), 401, "unauthorized").await;
        }
        self.ask(request("POST", "/api/admin/refresh", token, ""), 200, "").await;

        let path = "/api/admin/products";
        let product = json!({
            "id": "p", "name": "Product p", "kind": "single_use_key", "channels": ["sandbox"],
            "price": {"amount_minor": 990, "currency": "CNY"},
            "fields": [{"id": "account", "label": "Game account"}],
        });
        self.ask(request("POST", path, token, product.to_string()), 201, "").await;
        let mut other = product.clone();
        other["name"] = "Another".into();
        self.ask(request("POST", path, token, other.to_string()), 409, "conflict").await;
        other["name"] = "".into();
        self.ask(request("POST", path, token, other.to_string()), 422, "invalid").await;
        self.ask(request("POST", path, token, "{"), 400, "bad_request").await;
        self.ask(request("POST", path, token, too_large.as_str()), 413, "too_large").await;
        self.ask(request("GET", path, token, ""), 200, "").await;

        let path = "/api/admin/products/p";
        self.ask(request("GET", path, token, ""), 200, "").await;
        self.ask(request("GET", "/api/admin/products/q", token, ""), 404, "not_found").await;
        self.ask(request("PATCH", path, token, r#"{"name": "New", "version": 1}"#), 200, "").await;
        self.ask(request("PATCH", path, token, r#"{"name": "Newer", "version": 1}"#), 409, "conflict").await;
        self.ask(request("PATCH", path, token, r#"{"name": 1}"#), 422, "invalid").await;
        self.ask(request("PATCH", path, token, "{"), 400, "bad_request").await;
        self.ask(request("PATCH", path, token, too_large.as_str()), 413, "too_large").await;
        self.ask(request("PATCH", "/api/admin/products/q", token, "{}"), 404, "not_found").await;

        let path = "/api/admin/products/p/cards";
        self.ask(request("POST", path, token, "A\nA\nB\u{7}\nC"), 200, "").await;
        self.ask(request("POST", &format!("{path}?part=x"), token, "A"), 400, "bad_request").await;
        for (media, status, code) in [("application/json", 415, "unsupported_media"), ("text/csv", 422, "invalid")] {
            let mut cards = request("POST", path, token, "[1, 2]");
            cards.headers_mut().insert("content-type", media.parse().unwrap());
            self.ask(cards, status, code).await;
        }
        self.ask(request("POST", path, token, vec![b'\n'; 5 * 1_024 * 1_024 + 1]), 413, "too_large").await;
        self.ask(request("DELETE", path, token, "B\nC\nD"), 200, "").await;
        self.ask(request("DELETE", path, token, too_large.as_str()), 413, "too_large").await;
        self.ask(request("GET", path, token, ""), 200, "").await;
        for method in ["GET", "POST", "DELETE"] {
            self.ask(request(method, "/api/admin/products/q/cards", token, "A"), 404, "not_found").await;
        }
    }

    /// The shop's own words, and pictures.
    async fn words(&mut self, token: &str) {
        let path = "/api/admin/settings";
        self.ask(request("GET", path, token, ""), 200, "").await;
        let words = json!({
            "name": "Lime Keys", "support": [{"kind": "qq", "value": "123456789"}], "colour": "#0B6B50",
            "utc_offset": "+05:30", "closed": "stocktaking", "version": 0,
        });
        let changed = self.ask(request("PATCH", path, token, words.to_string()), 200, "").await;
        assert_eq!((&changed.body["colour"], &changed.body["version"]), (&"#0b6b50".into(), &1.into()));
        self.ask(request("PATCH", path, token, words.to_string()), 409, "conflict").await;
        self.ask(request("PATCH", path, token, r#"{"closed": "", "colour": ""}"#), 200, "").await;
        let bent = json!({"colour": "red", "utc_offset": "8", "nmae": "x"});
        let refused = self.ask(request("PATCH", path, token, bent.to_string()), 422, "invalid").await;
        assert_eq!(refused.body["errors"].as_array().unwrap().len(), 3, "{}", refused.body);
        self.no_object(path, token).await;
        self.ask(request("PATCH", path, token, " ".repeat(65_537)), 413, "too_large").await;
        let path = "/api/admin/media";
        self.ask(request("POST", path, token, PICTURE), 201, "").await;
        self.ask(request("POST", path, token, "<svg onload=x>"), 415, "unsupported_media").await;
        self.ask(request("POST", path, token, [PICTURE, &[0; 131_072]].concat()), 413, "too_large").await;
    }

    /// The accounts through which buyers pay.
    async fn channels(&mut self, token: &str) {
        let path = "/api/admin/channels/other";
        let account = json!({"kind": "epay_v1", "base_url": "https://pay.example.com", "pid": "1000", "key": "key-of-a-merchant"});
        let made = self.ask(request("PUT", path, token, account.to_string()), 200, "").await;
        let switched = self.ask(request("PUT", path, token, r#"{"enabled": false, "refund_code": 1}"#), 200, "").await;
        assert_eq!((&made.body["enabled"], &switched.body["enabled"]), (&true.into(), &false.into()));
        assert_eq!(switched.body["settings"][1], json!({"name": "pid", "value": "1000"}), "what is not named stays");
        assert_eq!(switched.body["settings"][2], json!({"name": "refund_code", "value": "1"}));
        assert_eq!(switched.body["secrets"], json!([{"name": "key", "tail": ""}]));
        let bent =
            [r#"{"enabled": 1}"#, r#"{"key": ""}"#, r#"{"base_url": "ftp://pay.example.com"}"#, r#"{"name": "x"}"#];
        for body in bent {
            self.ask(request("PUT", path, token, body), 422, "invalid").await;
        }
        self.ask(request("PUT", "/api/admin/channels/new", token, r#"{"pid": "1"}"#), 422, "invalid").await;
        self.ask(request("PUT", "/api/admin/channels/sandbox", token, account.to_string()), 409, "conflict").await;
        for body in ["{", "[]"] {
            self.ask(request("PUT", path, token, body), 400, "bad_request").await;
        }
        self.ask(request("PUT", path, token, " ".repeat(65_537)), 413, "too_large").await;
        let all = self.ask(request("GET", "/api/admin/channels", token, ""), 200, "").await;
        assert!(!all.body.to_string().contains("key-of-a-merchant"), "a key never comes out: {}", all.body);
    }

    async fn archiving(&mut self, token: &str) {
        let (quicker, _) = self.shop.tapped(Arc::new(Quicker(self.shop.world.engine.clone())));
        let reply = self.through(&quicker, request("DELETE", "/api/admin/products/p", token, "")).await;
        assert_eq!((reply.status, reply.code()), (409, "conflict"), "{}", reply.body);
        self.ask(request("DELETE", "/api/admin/products/p", token, ""), 200, "").await;
        self.ask(request("DELETE", "/api/admin/products/p", token, ""), 404, "not_found").await;
    }

    async fn signing_in(&mut self) {
        let path = "/api/admin/login";
        let right = json!({"username": "admin", "password": self.shop.password}).to_string();
        self.ask(request("POST", path, "", right.as_str()), 200, "").await;
        self.ask(request("POST", path, "", "{"), 400, "bad_request").await;
        self.ask(request("POST", path, "", " ".repeat(65_537)), 413, "too_large").await;
        for _ in 0..10 {
            self.ask(request("POST", path, "", "{}"), 401, "unauthorized").await;
        }
        self.ask(request("POST", path, "", right), 429, "rate_limited").await;
    }

    async fn creating(&mut self) -> Buyer {
        let mut wish = wish("p", 1);
        wish["fields"] = json!({"account": "player-7"});
        let made = self.ask(create("the-first-order-of-all", &wish), 201, "").await;
        self.ask(create("the-first-order-of-all", &wish), 200, "").await;
        self.ask(create("too-short", &wish), 400, "idempotency_key_invalid").await;
        self.ask(create("an-order-without-a-body", &json!([])), 400, "bad_request").await;
        let mut other = wish.clone();
        other["quantity"] = 40.into();
        self.ask(create("the-first-order-of-all", &other), 422, "idempotency_key_reused").await;
        self.ask(create("an-order-of-forty-cards", &other), 409, "sold_out").await;
        other["quantity"] = 51.into();
        self.ask(create("an-order-of-too-many", &other), 422, "invalid").await;
        other["contact"] = "x".repeat(65_536).into();
        self.ask(create("an-order-of-great-length", &other), 413, "too_large").await;
        let mut other = wish.clone();
        other["price_seen"] = json!({"amount_minor": 1, "currency": "CNY"});
        self.ask(create("an-order-at-an-old-price", &other), 409, "price_changed").await;
        give_up(&self.shop, "an-order-that-was-given-up", "p").await;
        self.ask(create("an-order-that-was-given-up", &wish), 409, "order_void").await;
        Buyer::from(&made.body)
    }

    async fn paying(&mut self, buyer: &Buyer) {
        let order = format!("/api/orders/{}", buyer.order);
        let keys = format!("{order}/keys");
        for path in [&order, &keys] {
            self.ask(request("GET", path, "not-the-token", ""), 404, "not_found").await;
        }
        let waiting = self.ask(request("GET", &order, &buyer.token, ""), 200, "").await;
        assert_eq!(waiting.body["status"], "awaiting_payment");
        self.ask(request("GET", &keys, &buyer.token, ""), 409, "not_delivered").await;

        let notice = self.shop.notification(buyer, "T1");
        for webhook in ["/webhooks/sandbox", "/webhooks/nobody"] {
            let (status, code) = if webhook.ends_with("nobody") { (404, "not_found") } else { (400, "") };
            self.ask(request("GET", &format!("{webhook}?{notice}0"), "", ""), status, code).await;
            self.ask(form(webhook, &format!("{notice}0")), status, code).await;
        }
        let (forgetful, _) = self.shop.tapped(Arc::new(Lost("kamivend-orders")));
        for notice in
            [request("GET", &format!("/webhooks/sandbox?{notice}"), "", ""), form("/webhooks/sandbox", &notice)]
        {
            let reply = self.through(&forgetful, notice).await;
            assert_eq!((reply.status, &reply.body), (503, &"fail".into()));
        }
        self.ask(request("GET", &format!("/webhooks/sandbox?{notice}"), "", ""), 200, "").await;
        self.ask(form("/webhooks/sandbox", &notice), 200, "").await;
        let paid = self.ask(request("GET", &order, &buyer.token, ""), 200, "").await;
        assert_eq!(paid.body["status"], "paid");
        self.shop.deliver_all().await;
        let delivered = self.ask(request("GET", &order, &buyer.token, ""), 200, "").await;
        assert_eq!(delivered.body["status"], "delivered");
        self.ask(request("GET", &keys, &buyer.token, ""), 200, "").await;
    }

    /// Every operation that reads a table, while no table answers; and those that read none, which do not notice.
    async fn outage(&mut self, token: &str, buyer: &Buyer) {
        let (cut_off, _) = self.shop.tapped(Arc::new(Lost("kamivend-")));
        let product = json!({
            "name": "Q", "kind": "single_use_key", "price": {"amount_minor": 1, "currency": "CNY"}, "channels": ["sandbox"],
        });
        let said = json!({
            "channel": "sandbox", "contact": "buyer@example.com", "query_password": "12345678", "action": "keep",
            "decision": "pass", "order": buyer.order, "amount": {"amount_minor": 990, "currency": "CNY"}, "reference": "for a test",
        });
        let notice = self.shop.notification(buyer, "T2");
        for route in ROUTES.iter().filter(|route| is_for_programs(route.path)) {
            let id = match route.path {
                path if path.contains("/orders/") => buyer.order.as_str(),
                path if path.contains("/attention/") => "52",
                _ => "p",
            };
            let path = route.path.replace("{id}", id).replace("{channel}", "sandbox");
            let is_seller = path.starts_with("/api/admin");
            let bearer = if is_seller { token } else { buyer.token.as_str() };
            let method = route.method.as_str();
            let asked = match (method, route.path) {
                ("POST", "/api/orders") => create("an-order-in-an-outage", &wish("p", 1)),
                ("POST", "/api/admin/products") => request(method, &path, bearer, product.to_string()),
                ("POST", "/webhooks/{channel}") => form(&path, &notice),
                ("POST", "/api/admin/media") => request(method, &path, bearer, PICTURE),
                ("PATCH", "/api/admin/settings") => request(method, &path, bearer, "{}"),
                ("GET", "/webhooks/{channel}") => request(method, &format!("{path}?{notice}"), "", ""),
                ("PUT", "/api/admin/channels/{id}") => request(method, &path, bearer, r#"{"enabled": true}"#),
                ("PUT", _) => request(method, &path, bearer, RECEIVER),
                // What every operation takes that needs a body, and ignores that needs none.
                ("POST" | "PATCH", _) => request(method, &path, bearer, said.to_string()),
                _ => request(method, &path, bearer, ""),
            };
            let reply = self.through(&cut_off, asked).await;
            let reads_none = ["/healthz", "/api/openapi.json", "/api/admin/refresh"].contains(&route.path);
            let expected = if reads_none { (200, "") } else { (503, "unavailable") };
            assert_eq!((reply.status, reply.code()), expected, "{method} {path}: {}", reply.body);
        }
    }
}

/// The document and the shop agree in both directions: no answer that is not named, and none named that is not given.
#[tokio::test(start_paused = true)]
async fn every_answer_of_the_document_is_given_and_no_other() {
    let mut tour = Tour { shop: TestShop::new(800).await, seen: BTreeSet::new() };
    let token = tour.shop.sign_in().await;
    tour.seller(&token).await;
    tour.catalogue().await;
    tour.words(&token).await;
    tour.channels(&token).await;
    tour.shop.cards("p", &cards("CARD", 3), "").await;
    let buyer = tour.creating().await;
    tour.paying(&buyer).await;
    tour.waiting(&token).await;
    tour.finding_again().await;
    tour.desk(&token, &buyer).await;
    tour.reports(&token).await;
    tour.receivers(&token, &buyer).await;
    tour.outage(&token, &buyer).await;
    tour.archiving(&token).await;
    tour.signing_in().await;
    tour.shop.product("q", 100, &cards("Q", 1)).await;
    switch_channel_off(&tour.shop, "sandbox");
    tour.ask(create("an-order-without-a-channel", &wish("q", 1)), 503, "channel_down").await;
    tour.closing(&token, &buyer).await;

    let named = document().answers();
    let missing: Vec<&Saw> = named.difference(&tour.seen).collect();
    assert!(missing.is_empty(), "named and never given: {missing:#?}");
    assert_eq!(tour.seen, named);
}
