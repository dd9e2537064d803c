//! What a buyer may do with an order that waits for money, how it is found again, and how many may wait.

use super::tour::Tour;
use super::{create, request, set_channel_up, switch_channel_off};
use serde_json::json;
use tests::shop::{cards, wish};
use tests::{Buyer, TestShop, text};

impl Tour {
    /// An order whose product can be paid in two ways.
    async fn waiting_order(&mut self, key: &str) -> Buyer {
        let made = self.ask(create(key, &wish("w", 1)), 201, "").await;
        Buyer::from(&made.body)
    }

    pub async fn waiting(&mut self, token: &str) {
        set_channel_up(&self.shop, "second").await;
        let product = json!({
            "id": "w", "name": "Product w", "kind": "single_use_key", "channels": ["sandbox", "second"],
            "price": {"amount_minor": 500, "currency": "CNY"},
        });
        self.ask(request("POST", "/api/admin/products", token, product.to_string()), 201, "").await;
        self.shop.cards("w", &cards("WAIT", 5), "").await;
        let buyer = self.waiting_order("an-order-in-two-ways").await;
        let to = |tail: &str| format!("/api/orders/{}/{tail}", buyer.order);
        let channel = |name: &str| json!({ "channel": name }).to_string();

        let pay = to("payments");
        self.ask(request("POST", &pay, &buyer.token, channel("sandbox")), 200, "").await;
        self.ask(request("POST", &pay, &buyer.token, channel("second")), 201, "").await;
        self.ask(request("POST", &pay, "not-the-token", channel("second")), 404, "not_found").await;
        self.ask(request("POST", &pay, &buyer.token, channel("nobody")), 422, "invalid").await;
        self.ask(request("POST", &pay, &buyer.token, "{"), 400, "bad_request").await;
        self.ask(request("POST", &pay, &buyer.token, " ".repeat(65_537)), 413, "too_large").await;

        for (status, code) in [(200, ""), (429, "rate_limited")] {
            self.ask(request("POST", &to("check"), &buyer.token, ""), status, code).await;
            self.shop.pass(1);
        }
        self.ask(request("POST", &to("check"), "not-the-token", ""), 404, "not_found").await;

        self.ask(request("POST", &to("cancel"), "not-the-token", ""), 404, "not_found").await;
        let closed = self.ask(request("POST", &to("cancel"), &buyer.token, ""), 200, "").await;
        assert_eq!(closed.body["status_reason"], "cancelled");
        self.ask(request("POST", &pay, &buyer.token, channel("sandbox")), 409, "not_waiting").await;

        let other = self.waiting_order("an-order-in-one-way").await;
        switch_channel_off(&self.shop, "second");
        let pay = format!("/api/orders/{}/payments", other.order);
        self.ask(request("POST", &pay, &other.token, channel("second")), 503, "channel_down").await;
        self.shop.pay(&other, "W1").await;
        let cancel = format!("/api/orders/{}/cancel", other.order);
        self.ask(request("POST", &cancel, &other.token, ""), 409, "not_waiting").await;
        self.shop.deliver_all().await;

        let crowded = TestShop::limited(801, 1, 0).await;
        crowded.product("p", 990, &cards("CARD", 3)).await;
        for (key, status, code) in [("the-only-open-order", 201, ""), ("one-open-order-more", 429, "too_many_holds")] {
            let reply = self.through(crowded.front(), create(key, &wish("p", 1))).await;
            assert_eq!((reply.status, reply.code()), (status, code), "{}", reply.body);
        }
    }

    pub async fn finding_again(&mut self) {
        let path = "/api/lookup";
        let own = json!({"contact": "finder@example.com", "query_password": "my own password"});
        let mut wish = wish("w", 1);
        for (member, value) in own.as_object().unwrap() {
            wish[member] = value.clone();
        }
        let made = self.ask(create("an-order-to-be-found", &wish), 201, "").await;
        let found = self.ask(request("POST", path, "", own.to_string()), 200, "").await;
        assert_eq!(text(&found.body, "/orders/0/order_url"), text(&made.body, "/order_url"));
        self.ask(request("POST", path, "", "{"), 400, "bad_request").await;
        self.ask(request("POST", path, "", "{}"), 422, "invalid").await;
        self.ask(request("POST", path, "", " ".repeat(65_537)), 413, "too_large").await;
        let guess = json!({"contact": "finder@example.com", "query_password": "a guess"}).to_string();
        // An order that nobody paid is found, and counts as a try all the same.
        for _ in 0..9 {
            self.ask(request("POST", path, "", guess.as_str()), 200, "").await;
        }
        self.ask(request("POST", path, "", own.to_string()), 429, "rate_limited").await;
    }
}
