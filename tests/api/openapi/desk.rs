//! The seller's desk: what needs a person, what a person may do, and what is written down about it.

use super::tour::{RECEIVER, Tour};
use super::{create, request};
use crate::openapi::document::list;
use domain::ProductId;
use serde_json::{Value, json};
use store::Alarm;
use tests::shop::{START, cards, wish};
use tests::{Buyer, text};

fn yuan(minor: i64) -> Value {
    json!({"amount_minor": minor, "currency": "CNY"})
}

/// A request with the key that makes two clicks one refund.
fn keyed(path: &str, token: &str, body: &Value) -> http::Request<Vec<u8>> {
    let mut asked = request("POST", path, token, body.to_string());
    asked.headers_mut().insert("idempotency-key", "a-refund-of-one-part".parse().unwrap());
    asked
}

impl Tour {
    /// What every operation of the desk answers to a body that is none, that is too large, and that says nothing.
    async fn bodies(&mut self, path: &str, token: &str) {
        self.no_object(path, token).await;
        self.ask(request("POST", path, token, " ".repeat(65_537)), 413, "too_large").await;
        self.ask(request("POST", path, token, "{}"), 422, "invalid").await;
    }

    /// A body that is no object must not be taken for one that leaves everything out.
    pub(super) async fn no_object(&mut self, path: &str, token: &str) {
        for body in ["{", "[]"] {
            self.ask(
                request(if path.ends_with("settings") { "PATCH" } else { "POST" }, path, token, body),
                400,
                "bad_request",
            )
            .await;
        }
    }

    async fn new_order(&mut self, key: &str, product: &str) -> Buyer {
        let made = self.ask(create(key, &wish(product, 1)), 201, "").await;
        Buyer::from(&made.body)
    }

    pub async fn desk(&mut self, token: &str, buyer: &Buyer) {
        self.rows(token, buyer).await;
        self.refunding(token, buyer).await;
        self.reviewing(token).await;
        self.attesting(token).await;
    }

    /// Money that settled nothing, on an account that can send it back and on one that cannot, and an alarm.
    async fn rows(&mut self, token: &str, buyer: &Buyer) {
        let list_path = "/api/admin/attention";
        let nowhere = self.shop.notification_of("NOT-OURS", "NOWHERE-1", "1.00", "TRADE_SUCCESS");
        self.ask(request("GET", &format!("/webhooks/second?{nowhere}"), "", ""), 200, "").await;
        let double = self.shop.notification(buyer, "DOUBLE-1");
        self.ask(request("GET", &format!("/webhooks/sandbox?{double}"), "", ""), 200, "").await;
        let alarm = Alarm {
            product: ProductId::parse("p").unwrap(),
            what: "ownerless_claims".to_owned(),
            count: 7,
            confirmed: false,
            is_open: true,
            seen_at: START,
        };
        self.shop.app.store.raise_alarm(&alarm).await.unwrap();
        let listed = self.ask(request("GET", list_path, token, ""), 200, "").await;
        let row = |reason: &str| {
            let found = list(&listed.body["rows"]).iter().find(|row| row["reason"] == reason);
            format!("{list_path}/{}", text(found.unwrap_or_else(|| panic!("{}", listed.body)), "/id"))
        };
        let (nowhere, double, alarm) = (row("unknown_order"), row("double"), row("ownerless_claims"));
        let said = |action: &str| json!({"action": action, "reference": "seen by a person"}).to_string();
        self.bodies(&double, token).await;
        self.ask(request("POST", "/api/admin/attention/x", token, said("keep")), 404, "not_found").await;
        self.ask(request("POST", &nowhere, token, said("refund")), 409, "refund_by_hand").await;
        self.ask(request("POST", &double, token, said("not_refunded")), 409, "conflict").await;
        // This gateway never heard of that money.
        let refused = self.ask(request("POST", &double, token, said("refund")), 200, "").await;
        assert_eq!(refused.body["state"], "open");
        self.ask(request("POST", &alarm, token, said("confirm")), 200, "").await;
    }

    async fn refunding(&mut self, token: &str, buyer: &Buyer) {
        let order = format!("/api/admin/orders/{}", buyer.order);
        self.ask(request("GET", &order, token, ""), 200, "").await;
        let unknown = "/api/admin/orders/000000000000000000000000";
        self.ask(request("GET", unknown, token, ""), 404, "not_found").await;
        let refund = format!("{order}/refund");
        let part = json!({"amount": yuan(100)});
        self.ask(request("POST", &refund, token, part.to_string()), 400, "idempotency_key_invalid").await;
        self.ask(keyed(&refund, token, &json!({"amount": yuan(991)})), 422, "invalid").await;
        self.no_object(&refund, token).await;
        self.ask(request("POST", &refund, token, " ".repeat(65_537)), 413, "too_large").await;
        self.ask(request("POST", &format!("{unknown}/refund"), token, "{}"), 404, "not_found").await;
        let by_hand = json!({"amount": yuan(100), "by_hand": true, "reference": "in cash"});
        let done = self.ask(keyed(&refund, token, &by_hand), 200, "").await;
        assert_eq!(done.body["refunds"][0]["state"], "done");
        self.ask(keyed(&refund, token, &json!({"amount": yuan(100)})), 422, "idempotency_key_reused").await;
        let read = request("GET", &format!("/api/orders/{}", buyer.order), &buyer.token, "");
        let read = self.ask(read, 200, "").await;
        assert_eq!(read.body["refund"]["returned"], yuan(100));
    }

    async fn reviewing(&mut self, token: &str) {
        let product = json!({
            "id": "risky", "name": "Product r", "kind": "single_use_key", "channels": ["sandbox"], "price": yuan(700),
            "review": true,
        });
        self.ask(request("POST", "/api/admin/products", token, product.to_string()), 201, "").await;
        self.shop.cards("risky", &cards("RISK", 1), "").await;
        let buyer = self.new_order("an-order-to-be-looked-at", "risky").await;
        let refund = format!("/api/admin/orders/{}/refund", buyer.order);
        self.ask(request("POST", &refund, token, "{}"), 409, "conflict").await;
        self.shop.pay(&buyer, "R1").await;
        self.ask(request("GET", "/api/admin/attention", token, ""), 200, "").await;
        let review = format!("/api/admin/orders/{}/review", buyer.order);
        self.bodies(&review, token).await;
        let pass = json!({"decision": "pass"}).to_string();
        let unknown = "/api/admin/orders/000000000000000000000000/review";
        self.ask(request("POST", unknown, token, pass.as_str()), 404, "not_found").await;
        self.ask(request("POST", &review, token, pass.as_str()), 200, "").await;
        self.ask(request("POST", &review, token, pass), 409, "conflict").await;
        self.shop.deliver_all().await;
    }

    async fn attesting(&mut self, token: &str) {
        let buyer = self.new_order("an-order-paid-in-cash", "w").await;
        let attest = format!("/api/admin/orders/{}/attest", buyer.order);
        self.bodies(&attest, token).await;
        let said = json!({"amount": yuan(500), "reference": "in cash"}).to_string();
        let unknown = "/api/admin/orders/000000000000000000000000/attest";
        self.ask(request("POST", unknown, token, said.as_str()), 404, "not_found").await;
        let attested = self.ask(request("POST", &attest, token, said.as_str()), 200, "").await;
        assert_eq!(attested.body["attested"], true);
        self.ask(request("POST", &attest, token, said), 409, "conflict").await;
        self.shop.deliver_all().await;
        let refund = format!("/api/admin/orders/{}/refund", buyer.order);
        self.ask(request("POST", &refund, token, "{}"), 409, "refund_by_hand").await;
    }

    /// Who is told what; in this world nobody answers.
    pub async fn receivers(&mut self, token: &str, buyer: &Buyer) {
        let path = "/api/admin/pushes";
        self.ask(request("PUT", &format!("{path}/me"), token, RECEIVER), 200, "").await;
        self.ask(request("GET", path, token, ""), 200, "").await;
        let me = format!("{path}/me");
        for (body, status, code) in [("{", 400, "bad_request"), ("[]", 400, "bad_request"), ("{}", 422, "invalid")] {
            self.ask(request("PUT", &me, token, body), status, code).await;
        }
        self.ask(request("PUT", &format!("{path}/Not-an-id"), token, RECEIVER), 422, "invalid").await;
        self.ask(request("PUT", &me, token, " ".repeat(65_537)), 413, "too_large").await;
        let old = RECEIVER.replacen('{', r#"{"version": 0, "#, 1);
        self.ask(request("PUT", &me, token, old), 409, "conflict").await;
        let test = self.ask(request("POST", &format!("{me}/test"), token, ""), 200, "").await;
        assert_eq!(test.body, json!({"result": "unknown", "reason": null}));
        let listed = self.ask(request("GET", path, token, ""), 200, "").await;
        assert_eq!(listed.body["receivers"][0]["last_result"]["result"], "unknown");
        self.ask(request("POST", &format!("{path}/nobody/test"), token, ""), 404, "not_found").await;
        let replay = format!("{me}/replay");
        self.bodies(&replay, token).await;
        let told = json!({"order": buyer.order}).to_string();
        self.ask(request("POST", &replay, token, told.as_str()), 200, "").await;
        self.ask(request("POST", &format!("{path}/nobody/replay"), token, told), 404, "not_found").await;
        let unpaid = self.new_order("an-order-that-has-nothing-to-tell", "w").await;
        let nothing = json!({"order": unpaid.order}).to_string();
        self.ask(request("POST", &replay, token, nothing), 409, "conflict").await;
        self.ask(request("DELETE", &me, token, ""), 200, "").await;
        self.ask(request("DELETE", &me, token, ""), 404, "not_found").await;
    }

    pub async fn reports(&mut self, token: &str) {
        // The gateway knows of this trade, and not of the money that was reported for it.
        let buyer = self.new_order("an-order-nobody-paid-there", "w").await;
        self.shop.open_pay_page(&buyer).await;
        self.shop.pay(&buyer, "ELSEWHERE-1").await;
        self.shop.deliver_all().await;
        let report = self.shop.audit().await;
        assert_eq!(report.differences, 1, "{report:?}");
        let reports = self.ask(request("GET", "/api/admin/reports/audit", token, ""), 200, "").await;
        assert_eq!(reports.body["reports"][0]["differences"], report.differences);
        self.ask(request("GET", "/api/admin/attention", token, ""), 200, "").await;
        let trail = self.ask(request("GET", "/api/admin/trail", token, ""), 200, "").await;
        assert_ne!(list(&trail.body["entries"]).len(), 0);
        let month = self.ask(request("GET", "/api/admin/trail?month=2026-11", token, ""), 200, "").await;
        assert_eq!(month.body, trail.body, "the month that every test begins in");
        self.ask(request("GET", "/api/admin/trail?month=november", token, ""), 400, "bad_request").await;
    }

    /// After a restore: no order is made, no money is moved and no card. Last of all, because the shop stays closed.
    pub async fn closing(&mut self, token: &str, buyer: &Buyer) {
        self.bodies("/api/admin/restored", token).await;
        let why = json!({"reference": "restored to this morning"}).to_string();
        self.ask(request("POST", "/api/admin/restored", token, why), 200, "").await;
        let open = json!({"open": true, "reference": "without an audit"}).to_string();
        self.ask(request("POST", "/api/admin/restored", token, open), 409, "conflict").await;
        self.ask(create("an-order-in-a-closed-shop", &wish("q", 1)), 503, "shop_closed").await;
        let said = json!({"action": "keep", "decision": "pass", "reference": "seen by a person"}).to_string();
        for (method, path) in [
            ("POST", format!("/api/admin/orders/{}/refund", buyer.order)),
            ("POST", format!("/api/admin/orders/{}/review", buyer.order)),
            ("POST", "/api/admin/attention/52".to_owned()),
            ("POST", "/api/admin/products/q/cards".to_owned()),
            ("DELETE", "/api/admin/products/q/cards".to_owned()),
        ] {
            self.ask(request(method, &path, token, said.as_str()), 503, "shop_closed").await;
        }
        for tail in ["payments", "cancel"] {
            let path = format!("/api/orders/{}/{tail}", buyer.order);
            self.ask(request("POST", &path, &buyer.token, said.as_str()), 503, "shop_closed").await;
        }
        let check = format!("/api/orders/{}/check", buyer.order);
        self.ask(request("POST", &check, &buyer.token, ""), 200, "").await;
        self.ask(request("GET", "/api/admin/attention", token, ""), 200, "").await;
    }
}
