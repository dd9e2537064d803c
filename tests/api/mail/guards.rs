//! What keeps mail to buyers from being sent too often, to the wrong person, or about money that went back.

use super::{BUYER, FROM, HIDDEN, bought, change, count, one, open, queued};
use app::Sender;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::OrderId;
use domain::limits::NOTICE_RECEIVES_MAX;
use http::Method;
use local::poller;
use local::seam::{Call, Fate, Tap};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tests::shop::cards;
use tests::taps::Counter;
use tests::{Buyer, TestShop, Visitor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const MINUTE: i64 = 60_000;

/// Asks on `/lookup` for a contact's links; the status.
async fn ask(shop: &TestShop, contact: &str) -> u16 {
    Visitor::new(shop.front()).post("/lookup", &[("contact", contact), ("mail", "1")]).await.status
}

/// A phone on which an order is open.
async fn phone_of(shop: &TestShop, buyer: &Buyer) -> Visitor {
    let mut phone = Visitor::new(shop.front());
    phone.get(&format!("/o/{}?t={}", buyer.order, buyer.token)).await;
    phone
}

/// Presses the button of an order's page; what the page then says.
async fn press(shop: &TestShop, buyer: &Buyer) -> String {
    let pressed = phone_of(shop, buyer).await.post(&format!("/o/{}/mail", buyer.order), &[]).await;
    pressed.header("location").split("?n=").nth(1).unwrap_or_default().to_owned()
}

/// Takes mail, but nobody ever hears of it.
#[derive(Debug)]
struct Silent;
impl Tap for Silent {
    fn fate(&self, call: &Call) -> Fate {
        if call.target.ends_with(local::mailbox::SEND) { Fate::LoseReply } else { Fate::Pass }
    }
}

#[tokio::test]
async fn a_mail_that_amazon_never_confirms_goes_out_three_times_at_the_most() {
    let shop = open(941, &["delivered"]).await;
    bought(&shop, "a-buyer-whose-mail-is-never-confirmed", |_| {}).await;
    let (_, app) = shop.tapped(Arc::new(Silent));
    for mails in [1, 2, 3, 3, 3] {
        while poller::poll_notices(&shop.world, &app, 0).await.received > 0 {}
        assert_eq!(count(&shop), mails);
        shop.pass(HIDDEN);
    }
    assert_eq!(queued(&shop).len(), 0, "it is given up");
    // A busy Amazon has taken nothing, however often it was asked.
    for _ in 0..5 {
        shop.world.mailbox.plan(429, "TooManyRequestsException");
    }
    bought(&shop, "a-buyer-whose-mail-waits-long", |_| {}).await;
    for mails in [3, 3, 3, 3, 3, 4] {
        shop.tell_all().await;
        assert_eq!(count(&shop), mails);
        shop.pass(HIDDEN);
    }
}

#[tokio::test]
async fn amazon_may_take_its_time_over_a_mail() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let amazon = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut asked, _) = listener.accept().await.unwrap();
        let mut seen = [0; 4_096];
        assert!(asked.read(&mut seen).await.unwrap() > 0);
        // Longer than AWS has for any other call, and than a payment provider has.
        tokio::time::sleep(Duration::from_millis(5_300)).await;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 17\r\nconnection: close\r\n\r\n{\"MessageId\":\"m\"}";
        asked.write_all(answer).await.unwrap();
        asked.shutdown().await.unwrap();
    });
    let shop = TestShop::pushing(942, Some(amazon)).await;
    shop.product("p", 990, &cards("CARD", 9)).await;
    super::mails_on(&shop, &["delivered"]).await;
    bought(&shop, "a-buyer-of-a-slow-day", |_| {}).await;
    shop.tell_all().await;
    let (_, list) = shop.sell(Method::GET, "/api/admin/pushes", &json!({})).await;
    assert_eq!(list["buyer_mail"]["result"], "accepted");
    assert_eq!(queued(&shop).len(), 0);
}

#[tokio::test]
async fn mail_in_a_name_that_is_not_allowed_ends_where_it_rings() {
    let mut shop = open(943, &["delivered"]).await;
    change(&shop, "/api/admin/products/p", &json!({"mail_keys": true})).await;
    let receiver = json!({"kinds": ["sale"], "channel": {"kind": "email", "from": FROM, "to": "me@example.com"}});
    assert_eq!(shop.sell(Method::PUT, "/api/admin/pushes/me", &receiver).await.0, 200);
    bought(&shop, "an-order-after-an-upgrade", |_| {}).await;
    assert_eq!(queued(&shop).len(), 2);
    for sender in [Sender::Nobody, Sender::Only("other@example.com".to_owned())] {
        let counter = Arc::new(Counter::default());
        let mut app = shop.world.app_with(counter.clone(), true);
        app.config.sender = sender;
        for _ in 0..NOTICE_RECEIVES_MAX / 2 - 1 {
            while poller::poll_notices(&shop.world, &app, 0).await.received > 0 {}
            shop.pass(HIDDEN);
        }
        let asked = counter.take().into_iter().any(|seen| seen.target.contains("/keys"));
        assert!(!asked, "keys are not opened for a mail that cannot leave");
    }
    let (_, list) = shop.sell(Method::GET, "/api/admin/pushes", &json!({})).await;
    for last in [&list["buyer_mail"], &list["receivers"][0]["last_result"]] {
        assert_eq!((&last["result"], &last["reason"]), (&json!("unknown"), &json!("not_allowed")));
    }
    assert_eq!((count(&shop), queued(&shop).len()), (0, 2), "until then a sender that is allowed sends them");
    let mut app = shop.world.app_with(Arc::new(Counter::default()), true);
    app.config.sender = Sender::Nobody;
    for _ in 0..4 {
        while poller::poll_notices(&shop.world, &app, 0).await.received > 0 {}
        shop.pass(HIDDEN);
    }
    assert_eq!(shop.world.sqs.dump(shop.world.notices_dead_name().unwrap()).unwrap().len(), 2);
    assert_eq!(count(&shop), 0);
    shop.leave_unfinished();
}

#[tokio::test]
async fn strangers_use_up_no_buyers_button() {
    let shop = open(944, &["asked"]).await;
    let buyer = bought(&shop, "a-buyer-whom-somebody-pesters", |_| {}).await;
    for status in [200, 200, 200, 200, 200, 429] {
        assert_eq!(ask(&shop, BUYER).await, status);
    }
    assert_eq!(press(&shop, &buyer).await, "mailed");
    shop.tell_all().await;
    assert_eq!(count(&shop), 6);
}

#[tokio::test]
async fn unpaid_orders_of_strangers_push_no_paid_one_out() {
    let shop = open(945, &["asked"]).await;
    let buyer = bought(&shop, "a-buyer-whom-somebody-buries", |_| {}).await;
    for n in 0..32 {
        shop.pass(1_000);
        shop.order(&format!("an-order-that-nobody-pays-{n}"), "p", 1).await;
    }
    assert_eq!(ask(&shop, BUYER).await, 200);
    shop.tell_all().await;
    let mail = one(&shop);
    assert!(mail.text.contains(&buyer.order) && mail.text.matches("/o/").count() == 1, "{}", mail.text);
    assert!(mail.subject.contains("你的订单链接") && mail.text.contains(&format!("单号：{}\n", buyer.order)));
    shop.minutes(16).await;
}

#[tokio::test]
async fn an_order_whose_money_goes_back_is_not_mailed_about() {
    let shop = open(946, &["delivered", "asked"]).await;
    let buyer = bought(&shop, "a-buyer-who-gets-all-of-it-back", |_| {}).await;
    shop.tell_all().await;
    assert_eq!(count(&shop), 1);
    assert_eq!(press(&shop, &buyer).await, "mailed");
    let path = format!("/api/admin/orders/{}/refund", buyer.order);
    let (status, answer) = shop.sell(Method::POST, &path, &json!({"by_hand": true, "reference": "R-1"})).await;
    assert_eq!(status, 200, "{answer}");
    shop.tell_all().await;
    assert_eq!(count(&shop), 1, "asked for before, and nothing to say now");
    assert!(!phone_of(&shop, &buyer).await.get(&format!("/o/{}", buyer.order)).await.body.contains("发到邮箱"));
    assert_eq!(press(&shop, &buyer).await, "unavailable");
    assert_eq!(ask(&shop, BUYER).await, 200);
    shop.tell_all().await;
    assert_eq!(count(&shop), 1);

    // One whose money came late, when nothing was left for it.
    shop.product("last", 990, &cards("LAST", 1)).await;
    let late = shop.order("an-order-that-is-paid-too-late", "last", 1).await;
    shop.minutes(17).await;
    let other = |body: &mut Value| (body["product"], body["contact"]) = (json!("last"), json!("fast@example.com"));
    bought(&shop, "an-order-that-takes-the-last", other).await;
    shop.pay(&late, "T-late").await;
    shop.deliver_all().await;
    shop.minutes(2).await;
    let (_, read) = tests::shop::get(shop.front(), &format!("/api/orders/{}", late.order), &late.token).await;
    assert_eq!(read["status"], "refund_due", "{read}");
    shop.tell_all().await;
    let before = count(&shop);
    assert_eq!(press(&shop, &late).await, "unavailable");
    assert_eq!(ask(&shop, BUYER).await, 200);
    shop.tell_all().await;
    assert_eq!(count(&shop), before);
    let path = format!("/api/admin/orders/{}/refund", late.order);
    let (status, answer) = shop.sell(Method::POST, &path, &json!({"by_hand": true, "reference": "R-2"})).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn links_go_to_the_spelling_that_was_given_and_to_no_other() {
    let shop = open(947, &["asked"]).await;
    let first = bought(&shop, "a-buyer-in-small-letters", |_| {}).await;
    shop.pass(1_000);
    let spelt = "Buyer@example.com";
    let newer = bought(&shop, "a-buyer-with-a-capital", |body| body["contact"] = json!(spelt)).await;
    assert_eq!(ask(&shop, BUYER).await, 200);
    shop.tell_all().await;
    let mail = one(&shop);
    assert_eq!(mail.to, spelt, "that of the newest");
    assert!(mail.text.contains(&newer.order) && !mail.text.contains(&first.order), "{}", mail.text);
}

/// Whoever can write into an order does not turn its buyer's mail to themselves.
#[tokio::test]
async fn no_mail_of_any_kind_goes_to_a_contact_that_was_changed_by_hand() {
    let shop = open(948, &["delivered", "asked"]).await;
    let buyer = bought(&shop, "an-order-that-is-turned-aside", |_| {}).await;
    assert_eq!(press(&shop, &buyer).await, "mailed");
    assert_eq!(ask(&shop, BUYER).await, 200);
    assert_eq!(queued(&shop).len(), 3, "one of each kind");
    let id = OrderId::parse(&buyer.order).unwrap();
    let turn = json!({
        "TableName": "kamivend-orders", "Key": {"o": {"B": STANDARD.encode(id.0)}}, "UpdateExpression": "SET #ct = :ct",
        "ExpressionAttributeNames": {"#ct": "ct"}, "ExpressionAttributeValues": {":ct": {"S": "thief@example.com"}},
    });
    assert_eq!(shop.world.engine.call("UpdateItem", turn.to_string().as_bytes()).0, 200);
    shop.tell_all().await;
    assert_eq!((count(&shop), queued(&shop).len()), (0, 0));
}

#[tokio::test]
async fn a_button_stands_only_where_mail_can_leave() {
    let shop = open(949, &["asked"]).await;
    let buyer = bought(&shop, "a-buyer-after-the-address-moved", |_| {}).await;
    let (path, link) = (format!("/o/{}", buyer.order), format!("/o/{}?t={}", buyer.order, buyer.token));
    for (sender, offers) in [(Sender::Only(FROM.to_owned()), true), (Sender::Nobody, false)] {
        let mut app = shop.world.app_with(Arc::new(Counter::default()), true);
        app.config.sender = sender;
        let front = local::Front::new(shop.world.clone(), Arc::new(app));
        let mut phone = Visitor::new(&front);
        phone.get(&link).await;
        assert_eq!(phone.get(&path).await.body.contains("发到邮箱"), offers);
        assert_eq!(phone.get("/lookup").await.body.contains("把链接发到这个邮箱"), offers);
    }
}

#[tokio::test]
async fn the_day_of_the_count_is_the_shops() {
    let shop = open(950, &["asked"]).await;
    change(&shop, "/api/admin/settings", &json!({"utc_offset": "-05:00"})).await;
    let buyer = bought(&shop, "a-buyer-at-midnight", |_| {}).await;
    let day = 24 * 60 * MINUTE;
    // To an hour before midnight there, which is four in the morning of UTC.
    let here = (shop.app.clock.now() - 5 * 60 * MINUTE).rem_euclid(day);
    shop.pass(day + 23 * 60 * MINUTE - here);
    for said in ["mailed", "mailed", "mailed", "mailed_enough"] {
        assert_eq!(press(&shop, &buyer).await, said);
    }
    shop.pass(61 * MINUTE);
    assert_eq!(press(&shop, &buyer).await, "mailed");
    shop.tell_all().await;
}

/// A queue that does not say how often a message has come is not asked for keys without end.
#[tokio::test]
async fn keys_are_asked_three_times_whatever_the_queue_says() {
    let mut shop = open(951, &["delivered"]).await;
    change(&shop, "/api/admin/products/p", &json!({"mail_keys": true})).await;
    bought(&shop, "a-buyer-whose-keys-hide-for-long", |_| {}).await;
    for item in shop.table(store::Table::Vault) {
        let item: Value = serde_json::from_str(&item).unwrap();
        let ask = json!({"TableName": "kamivend-vault", "Key": {"k": item["k"]}});
        assert_eq!(shop.world.engine.call("DeleteItem", ask.to_string().as_bytes()).0, 200);
    }
    let body = queued(&shop).pop().unwrap();
    for mails in [0, 0, 1] {
        let event = json!({"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": body, "attributes": {}}]});
        functions::notify::handle(&shop.app, event).await.unwrap();
        assert_eq!(count(&shop), mails);
        shop.pass(HIDDEN);
    }
    shop.tell_all().await;
    shop.leave_unfinished();
}
