//! Orders in every state that a real product can reach, brought there as real ones are.
//!
//! The clock ends where the newest order has just been paid, so what lies longest ago is done first, and nothing is delivered
//! after the first order whose delivery is withheld.

use crate::Page;
use crate::goods::LAST;
use http::{Method, Request};
use local::seam::{Call, Fate, Tap};
use serde_json::{Value, json};
use std::sync::Arc;
use tests::shop::notify;
use tests::{Buyer, TestShop};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;

/// Longer than a hold.
const LAPSE: i64 = 15 * MINUTE + 1;

const CONTACT: &str = "buyer@example.com";

/// Loses what asks for stock, so that late money waits for it.
#[derive(Debug)]
pub struct NoStrips;

impl Tap for NoStrips {
    fn fate(&self, call: &Call) -> Fate {
        let is_strip = String::from_utf8_lossy(&call.body).contains("kamivend-strips");
        if is_strip { Fate::LoseRequest } else { Fate::Pass }
    }
}

/// Who looks at an order.
#[derive(Clone, Copy)]
enum Looker {
    /// The device that ordered.
    Own,
    /// The holder of its link.
    Link,
    /// Anybody.
    Stranger,
}

struct Maker<'a> {
    shop: &'a TestShop,
    pages: Vec<Page>,
    made: u32,
}

impl Maker<'_> {
    async fn order(&mut self, product: &str, quantity: u32, channel: &str) -> Buyer {
        self.made += 1;
        let wish = json!({"product": product, "quantity": quantity, "contact": CONTACT, "channel": channel});
        let (status, answer) = self.shop.create(&format!("an-order-of-the-gallery-{:03}", self.made), &wish).await;
        assert_eq!(status, 201, "{product} × {quantity}: {answer}");
        Buyer::from(&answer)
    }

    fn show(&mut self, name: &str, buyer: &Buyer, looker: Looker, stage: &'static str, row: &'static str) {
        let cookie = match looker {
            Looker::Own => Some(format!("o_{}=1.{}", buyer.order, buyer.token)),
            Looker::Link => Some(format!("o_{}=2.{}", buyer.order, buyer.token)),
            Looker::Stranger => None,
        };
        self.pages.push(Page {
            name: name.to_owned(),
            url: format!("/o/{}", buyer.order),
            cookie,
            row,
            stage: Some(stage),
            inside: None,
        });
    }

    /// The buyer pays at the sandbox gateway, which then knows the trade.
    async fn press(&self, buyer: &Buyer, button: &str) {
        let page = self.shop.open_pay_page(buyer).await;
        self.shop.press(&page, button).await;
    }

    async fn sell(&self, path: &str, key: &str, body: &Value) {
        let token = self.shop.sign_in().await;
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("idempotency-key", key)
            .body(body.to_string().into_bytes())
            .unwrap();
        let (status, answer) = tests::shop::send(self.shop.front(), request).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
    }

    async fn refund(&self, buyer: &Buyer, key: &str, body: &Value) {
        self.sell(&format!("/api/admin/orders/{}/refund", buyer.order), key, body).await;
    }

    /// Orders that were delivered, however many keys they hold.
    async fn delivered(&mut self) {
        let goods = [
            ("delivered", "one-key", 1, "delivered, one key"),
            ("delivered-5", "one-key", 5, "delivered, five keys"),
            ("delivered-50", "one-key", 50, "delivered, fifty keys"),
            ("delivered-lines", "lines", 1, "delivered, forty lines"),
            ("delivered-long", "long-key", 1, "delivered, three kilobytes"),
            ("delivered-account", "account", 1, "delivered, an account in parts"),
            ("delivered-accounts", "account", 3, "delivered, accounts in parts"),
        ];
        for (name, product, quantity, row) in goods {
            let buyer = self.order(product, quantity, "sandbox").await;
            self.press(&buyer, "pay").await;
            self.shop.deliver_all().await;
            self.show(name, &buyer, Looker::Own, "delivered", row);
            if name == "delivered" {
                self.show("delivered-covered", &buyer, Looker::Link, "delivered", "delivered, covered");
                self.show("locked-delivered", &buyer, Looker::Stranger, "delivered", "locked, delivered");
            }
            let keys = format!("/o/{}/keys", buyer.order);
            let cookie = Some(format!("o_{}=1.{}", buyer.order, buyer.token));
            self.pages.push(Page { cookie, ..Page::plain(&name.replace("delivered", "keys"), &keys, "keys page") });
            if name == "delivered" {
                let cookie = Some(format!("o_{}=2.{}", buyer.order, buyer.token));
                self.pages.push(Page { cookie, ..Page::plain("cover", &keys, "cover") });
            }
        }
        let double = self.order("two-ways", 1, "sandbox").await;
        self.press(&double, "pay_twice").await;
        self.shop.deliver_all().await;
        self.show("surplus", &double, Looker::Own, "delivered", "surplus");
    }

    async fn refunded(&mut self) {
        let full = self.order("one-key", 1, "sandbox").await;
        self.press(&full, "pay").await;
        self.shop.deliver_all().await;
        self.refund(&full, "the-whole-goes-back", &json!({})).await;
        self.show("delivered-refunded", &full, Looker::Own, "refunded", "delivered, and refunded in full");
        let part = self.order("one-key", 2, "sandbox").await;
        self.press(&part, "pay").await;
        self.shop.deliver_all().await;
        let half = json!({"amount": {"amount_minor": 2_970, "currency": "CNY"}});
        self.refund(&part, "a-part-goes-back", &half).await;
        self.show("delivered-refunded-part", &part, Looker::Own, "delivered", "delivered, and refunded in part");
    }

    /// Holds that ran out, and money that came after.
    async fn lapsed(&mut self) {
        let expired = self.order("one-key", 1, "sandbox").await;
        let late = self.order("one-key", 1, "sandbox").await;
        let mut late_ones = Vec::new();
        for (product, account) in LAST {
            let buyer = self.order(product, 1, account).await;
            let page = self.shop.open_pay_page(&buyer).await;
            late_ones.push((buyer, page));
        }
        self.shop.pass(LAPSE);
        self.shop.tick().await;
        for (product, account) in LAST {
            let quick = self.order(product, 1, account).await;
            self.press(&quick, "pay").await;
        }
        self.shop.deliver_all().await;
        for (_, page) in &late_ones {
            self.shop.press(page, "pay").await;
        }
        let [due, due_by_hand, refunded, returned] = [0, 1, 2, 3].map(|at| late_ones[at].0.clone());
        self.refund(&refunded, "the-late-money-goes-back", &json!({})).await;
        let said = json!({"by_hand": true, "reference": "转账 20261130-7"});
        self.refund(&returned, "sent-back-by-a-person", &said).await;
        self.show("refunded", &refunded, Looker::Own, "refunded", "refunded, full");
        self.show("refunded-by-hand", &returned, Looker::Own, "refunded", "refunded, by hand");
        let (front, _) = self.shop.tapped(Arc::new(NoStrips));
        let told = notify(&front, &self.shop.notification(&late, "LATE")).await;
        assert_eq!(told.1, "success");
        self.show("expired", &expired, Looker::Own, "expired", "expired");
        self.show("late", &late, Looker::Own, "late", "late");
        self.show("refund-due", &due, Looker::Own, "refund_due", "refund due");
        self.show("refund-due-by-hand", &due_by_hand, Looker::Own, "refund_due", "refund due, by hand");
        self.show("locked-refund-due", &due, Looker::Stranger, "refund_due", "locked, refund due");

        let given_up = self.order("one-key", 1, "sandbox").await;
        let path = format!("/api/orders/{}/cancel", given_up.order);
        let request = Request::builder().method(Method::POST).uri(path);
        let request = request.header("authorization", format!("Bearer {}", given_up.token));
        let (status, answer) = tests::shop::send(self.shop.front(), request.body(b"{}".to_vec()).unwrap()).await;
        assert_eq!(status, 200, "{answer}");
        self.show("cancelled", &given_up, Looker::Own, "cancelled", "cancelled");
        let review = self.order("review", 1, "sandbox").await;
        self.press(&review, "pay").await;
        self.show("review", &review, Looker::Own, "review", "review");
        self.show("locked-review", &review, Looker::Stranger, "review", "locked, review");
    }

    /// The last fifteen minutes: what waits, and what was paid and is not delivered.
    async fn open(&mut self) {
        let shop = self.shop;
        let checking = self.order("one-key", 1, "sandbox").await;
        shop.pass(MINUTE);
        let hurry = self.order("one-key", 2, "sandbox").await;
        let wrong = self.order("two-ways", 1, "sandbox").await;
        self.press(&wrong, "pay_wrong_amount").await;
        shop.pass(5 * MINUTE);
        let locked = self.order("two-ways", 1, "pay").await;
        shop.pass(6 * MINUTE + 2 * SECOND);
        let slow = self.order("one-key", 1, "sandbox").await;
        self.press(&slow, "pay").await;
        shop.pass(3 * MINUTE - 20 * SECOND);
        let waiting = self.order("one-key", 1, "sandbox").await;
        self.press(&waiting, "pay").await;
        shop.pass(15 * SECOND);
        let fresh = self.order("one-key", 1, "sandbox").await;
        self.press(&fresh, "pay").await;
        let awaiting = self.order("one-key", 1, "sandbox").await;
        let two_ways = self.order("two-ways", 1, "pay").await;
        shop.pass(5 * SECOND);
        let own = Looker::Own;
        self.show("awaiting", &awaiting, own, "awaiting", "awaiting, gateway");
        self.show("awaiting-two-ways", &two_ways, own, "awaiting", "awaiting, gateway, other ways");
        self.show("awaiting-hurry", &hurry, own, "awaiting", "awaiting, less than two minutes");
        self.show("awaiting-link", &awaiting, Looker::Link, "awaiting", "awaiting, by link");
        self.show("wrong-amount", &wrong, own, "awaiting", "wrong amount");
        self.show("locked", &locked, Looker::Stranger, "awaiting", "locked");
        self.show("checking", &checking, own, "checking", "awaiting at 0:00");
        self.show("paid", &fresh, own, "paid", "paid");
        self.show("paid-slow", &waiting, own, "paid", "paid, more than 15 s");
        self.show("paid-alerted", &slow, own, "paid", "paid, more than 2 min");
        for (name, url, row) in [
            ("check-not-yet", "n=not_yet", "C-2"),
            ("check-no-answer", "n=no_answer", "C-3"),
            ("check-too-soon", "n=wait-4", "C-4"),
        ] {
            self.show(name, &awaiting, own, "awaiting", row);
            let page = self.pages.last_mut().unwrap();
            page.url = format!("{}?{url}", page.url);
        }
        self.show("unlock-none", &locked, Looker::Stranger, "awaiting", "E-15, locked");
        let page = self.pages.last_mut().unwrap();
        page.url = format!("{}?n=none", page.url);
        self.device().await;
    }

    /// A device that ordered by the form: its cookies, and the pages that know them.
    async fn device(&mut self) {
        let mut cookies: Vec<String> = Vec::new();
        for (n, product) in ["wallet-50", "video-month"].into_iter().enumerate() {
            let form = tests::Visitor::new(self.shop.front()).get(&format!("/p/{product}")).await;
            let (nonce, seen) = ("k".repeat(30 + n), form.input("price_seen").replace(' ', "+"));
            let body = format!("nonce=j{nonce}&price_seen={seen}&quantity=1&contact=10001&channel=sandbox");
            let request = Request::builder()
                .method(Method::POST)
                .uri(format!("/p/{product}"))
                .header("cookie", cookies.join("; "))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body.into_bytes())
                .unwrap();
            let answer = self.shop.front().handle(request, "127.0.0.1").await;
            assert_eq!(answer.status(), 303, "{}", String::from_utf8_lossy(answer.body()));
            for value in answer.headers().get_all("set-cookie") {
                let pair = value.to_str().unwrap().split(';').next().unwrap().to_owned();
                let name = pair.split('=').next().unwrap().to_owned();
                cookies.retain(|known| !known.starts_with(&format!("{name}=")));
                cookies.push(pair);
            }
        }
        let cookie = Some(cookies.join("; "));
        for (name, url, row) in [
            ("lookup-recent", "/lookup", "look-up, orders of this device"),
            ("product-unpaid", "/p/wallet-50", "product, an unpaid order of this device"),
        ] {
            self.pages.push(Page { cookie: cookie.clone(), ..Page::plain(name, url, row) });
        }
    }
}

/// Makes every order, and leaves the clock where all of them are to be seen.
pub async fn bring_about(shop: &TestShop) -> Vec<Page> {
    let mut maker = Maker { shop, pages: Vec::new(), made: 0 };
    let old = maker.order("one-key", 1, "sandbox").await;
    maker.press(&old, "pay").await;
    shop.deliver_all().await;
    maker.show("completed", &old, Looker::Own, "completed", "completed");
    shop.pass(8 * DAY + 5 * 60 * MINUTE);
    maker.refunded().await;
    maker.delivered().await;
    maker.lapsed().await;
    maker.open().await;
    maker.pages
}
