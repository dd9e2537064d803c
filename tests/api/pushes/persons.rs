//! Whatever comes to stand before a person is told when it first does, and once.

use super::{MINUTE, one, open, sell, set_up};
use functions::reconcile::{self, Job};
use http::{Method, Request};
use local::roles::acting_as;
use local::seam::{Call, Fate, Tap};
use serde_json::{Value, json};
use std::sync::Arc;
use store::Table;
use tests::receivers::Receivers;
use tests::shop::{cards, send};
use tests::{Buyer, TestShop};
use tokio::sync::Notify;

/// What becomes of calls that return money.
#[derive(Debug)]
struct Returning {
    fate: Fate,
    death: Notify,
}

impl Tap for Returning {
    fn fate(&self, call: &Call) -> Fate {
        if call.operation() == "/api.php" && call.method == "POST" { self.fate.clone() } else { Fate::Pass }
    }

    fn died(&self) {
        self.death.notify_one();
    }
}

/// Asks for the return of money through an instance, until it answers or dies.
async fn through(shop: &TestShop, fate: Fate, path: &str, body: Value) {
    let tap = Arc::new(Returning { fate, death: Notify::new() });
    let (front, _) = shop.tapped(tap.clone());
    let token = shop.sign_in().await;
    let request = Request::builder().method(Method::POST).uri(path);
    let request = request
        .header("authorization", format!("Bearer {token}"))
        .header("idempotency-key", "a-wish-of-the-seller-0001")
        .body(body.to_string().into_bytes())
        .unwrap();
    tokio::select! {
        (status, answer) = send(&front, request) => assert_eq!(status, 200, "{answer}"),
        () = tap.death.notified() => {}
    }
}

async fn bought(shop: &TestShop, key: &str) -> Buyer {
    let buyer = shop.order(key, "p", 1).await;
    let page = shop.open_pay_page(&buyer).await;
    shop.press(&page, "pay").await;
    shop.deliver_all().await;
    buyer
}

/// What was told about rows of this kind since the last time.
async fn told(shop: &TestShop, receivers: &Receivers, kind: &str) -> Vec<Value> {
    shop.tell_all().await;
    let taken = receivers.take().into_iter().map(|taken| taken.body["data"].clone());
    taken.filter(|data| data["kind"] == kind).collect()
}

async fn listener(shop: &TestShop, receivers: &Receivers) {
    set_up(shop, receivers, "me", "webhook", &json!({"kinds": ["needs_person"]})).await;
}

#[tokio::test]
async fn a_refund_without_an_answer_is_told_once() {
    let (shop, receivers) = open(631).await;
    shop.product("p", 990, &cards("P", 9)).await;
    listener(&shop, &receivers).await;
    let buyer = bought(&shop, "an-order-whose-refund-is-lost").await;
    let wish = json!({"amount": {"amount_minor": 300, "currency": "CNY"}});
    through(&shop, Fate::LoseReply, &format!("/api/admin/orders/{}/refund", buyer.order), wish.clone()).await;
    let data = told(&shop, &receivers, "refund_unanswered").await;
    assert_eq!(data.len(), 1, "{data:?}");
    assert_eq!((&data[0]["order"], &data[0]["reason"]), (&json!(buyer.order), &json!("no_answer")));
    assert_eq!(data[0]["amount"]["amount_minor"], 300);
    // The timer meets it every ten minutes for an hour; nothing is even sent again.
    shop.minutes(60).await;
    let queue = shop.world.sqs.dump(shop.world.notices_name().unwrap()).unwrap();
    assert_eq!(queue.len(), 0, "{queue:?}");

    // Whoever called dies before the answer: the timer tells of it.
    let buyer = bought(&shop, "an-order-whose-refunder-dies").await;
    through(&shop, Fate::DieAfter, &format!("/api/admin/orders/{}/refund", buyer.order), wish).await;
    assert_eq!(told(&shop, &receivers, "refund_unanswered").await.len(), 0);
    shop.minutes(25).await;
    assert_eq!(told(&shop, &receivers, "refund_unanswered").await.len(), 1);
}

#[tokio::test]
async fn a_returned_row_without_an_answer_is_told_once() {
    let (shop, receivers) = open(632).await;
    shop.product("p", 990, &cards("P", 9)).await;
    listener(&shop, &receivers).await;
    let buyer = bought(&shop, "an-order-with-money-from-afar").await;
    shop.pay(&buyer, "FAR-1").await;
    assert_eq!(told(&shop, &receivers, "money").await.len(), 1);
    let token = shop.sign_in().await;
    let (_, answer) = shop.admin(Method::GET, "/api/admin/attention", &token, String::new()).await;
    let row = answer["rows"][0]["id"].as_str().unwrap();
    through(&shop, Fate::LoseReply, &format!("/api/admin/attention/{row}"), json!({"action": "refund"})).await;
    let data = told(&shop, &receivers, "money_refund_unanswered").await;
    assert_eq!((data.len(), &data[0]["order"]), (1, &json!(buyer.order)), "{data:?}");
    shop.minutes(40).await;
    assert_eq!(told(&shop, &receivers, "money_refund_unanswered").await.len(), 0);
}

async fn timer(shop: &TestShop, job: Job) {
    acting_as("reconcile", reconcile::handle(&shop.app, job)).await.unwrap();
}

/// Takes every ciphertext away by hand: each strip differs from then on.
fn lose_ciphertexts(shop: &TestShop) -> usize {
    let items = shop.table(Table::Vault);
    for item in &items {
        let item: Value = serde_json::from_str(item).unwrap();
        let delete = json!({"TableName": "kamivend-vault", "Key": {"k": item["k"]}});
        assert_eq!(shop.world.engine.call("DeleteItem", delete.to_string().as_bytes()).0, 200);
    }
    items.len()
}

#[tokio::test]
async fn an_audit_with_many_differences_is_one_notice_with_their_number() {
    let (mut shop, receivers) = open(633).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("P", 480)).await;
    listener(&shop, &receivers).await;
    timer(&shop, Job::AuditFull).await;
    assert_eq!(told(&shop, &receivers, "audit").await.len(), 0, "nothing differs");
    assert!(lose_ciphertexts(&shop) >= 10);
    shop.pass(60 * MINUTE);
    timer(&shop, Job::AuditFull).await;
    let data = told(&shop, &receivers, "audit").await;
    assert_eq!(data.len(), 1, "{data:?}");
    assert_eq!((&data[0]["reason"], &data[0]["count"]), (&json!("differences"), &json!(10)));
    // The same differences are no news; more of them are, and so are any after a clean audit.
    for _ in 0..3 {
        shop.pass(60 * MINUTE);
        timer(&shop, Job::AuditFull).await;
    }
    assert_eq!(told(&shop, &receivers, "audit").await.len(), 0);
    shop.product("q", 990, &cards("Q", 48)).await;
    lose_ciphertexts(&shop);
    shop.pass(60 * MINUTE);
    timer(&shop, Job::AuditFull).await;
    let data = told(&shop, &receivers, "audit").await;
    assert_eq!((data.len(), &data[0]["count"]), (1, &json!(11)), "{data:?}");
}

#[tokio::test]
async fn a_shop_that_stays_closed_is_told_once_however_much_money_waits() {
    let (mut shop, receivers) = open(634).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("P", 48)).await;
    listener(&shop, &receivers).await;
    let waiting = shop.order("an-order-paid-behind-the-door", "p", 1).await;
    // A restore whose audit is clean opens the shop within its first pass: there is nothing to tell.
    shop.app.close_shop().await.unwrap();
    timer(&shop, Job::Reconcile).await;
    assert_eq!(told(&shop, &receivers, "shop_closed").await.len(), 0);
    shop.pass(MINUTE);
    lose_ciphertexts(&shop);
    shop.app.close_shop().await.unwrap();
    shop.pass(3_000);
    shop.pay(&waiting, "T-behind-the-door").await;
    for _ in 0..5 {
        timer(&shop, Job::Reconcile).await;
        shop.pass(MINUTE);
    }
    shop.tell_all().await;
    let taken = receivers.take();
    let kinds: Vec<&Value> = taken.iter().map(|taken| &taken.body["data"]["kind"]).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    assert!(kinds.contains(&&json!("shop_closed")) && kinds.contains(&&json!("audit")), "{kinds:?}");
    assert!(shop.attention().await.iter().any(|(kind, _)| kind == "shop_closed"));
}

/// Every kind of row has words of its own in both languages: what is told is never a bare word of the code.
#[tokio::test]
async fn a_person_reads_words() {
    let (mut shop, receivers) = open(635).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("P", 48)).await;
    set_up(&shop, &receivers, "zh", "bark", &json!({"kinds": ["needs_person"]})).await;
    set_up(&shop, &receivers, "en", "dingtalk", &json!({"kinds": ["needs_person"], "language": "en"})).await;
    lose_ciphertexts(&shop);
    timer(&shop, Job::AuditFull).await;
    shop.tell_all().await;
    let mut taken = receivers.take();
    taken.sort_by_key(|taken| taken.provider);
    assert!(taken[0].title.contains("核对发现差异") && taken[0].text.contains("数量：1"), "{taken:?}");
    assert!(taken[1].title.contains("An audit found differences"), "{taken:?}");
    assert!(taken[1].text.contains("How many: 1"), "{taken:?}");
}

/// A paid order of a product that a person looks at first is told when its money comes, whoever was told of another before.
#[tokio::test]
async fn an_order_that_waits_for_a_person_is_told_when_it_is_paid() {
    let (shop, receivers) = open(636).await;
    shop.product("p", 990, &cards("P", 9)).await;
    let token = shop.sign_in().await;
    let review = json!({"review": true}).to_string();
    assert_eq!(shop.admin(Method::PATCH, "/api/admin/products/p", &token, review).await.0, 200);
    listener(&shop, &receivers).await;
    for n in 0..2 {
        let buyer = shop.order(&format!("an-order-that-is-looked-at-{n}"), "p", 1).await;
        assert_eq!(told(&shop, &receivers, "review").await.len(), 0, "it is not paid");
        // The gateway repeats itself.
        shop.pay(&buyer, &format!("R{n}")).await;
        shop.pay(&buyer, &format!("R{n}")).await;
        let data = told(&shop, &receivers, "review").await;
        assert_eq!((data.len(), &data[0]["order"]), (1, &json!(buyer.order)), "{data:?}");
    }
    // And one whose notification is lost: the timer asks and tells.
    let lost = shop.order("an-order-whose-notice-is-lost", "p", 1).await;
    let page = shop.open_pay_page(&lost).await;
    shop.press(&page, "pay_lose_notice").await;
    shop.minutes(3).await;
    let data = told(&shop, &receivers, "review").await;
    assert_eq!((data.len(), &data[0]["order"]), (1, &json!(lost.order)), "{data:?}");
    shop.minutes(130).await;
    assert_eq!(told(&shop, &receivers, "review").await.len(), 0);
    // A product without review is told as a sale and stands before nobody.
    shop.product("plain", 990, &cards("PLAIN", 3)).await;
    set_up(&shop, &receivers, "me", "webhook", &json!({"kinds": ["needs_person", "sale"]})).await;
    sell(&shop, "an-order-of-no-review", "plain").await;
    shop.tell_all().await;
    assert_eq!(one(receivers.take()).title, "order.delivered");
}
