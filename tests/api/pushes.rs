//! Messages to the seller: every provider's format over HTTP, each told once, together and later, never at the expense of an order.

mod faults;
mod later;
mod persons;
mod setting_up;
mod waiting;

use crate::secrecy::watch_this_thread;
use domain::OrderId;
use domain::limits::NOTICE_RECEIVES_MAX;
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use store::Table;
use tests::receivers::{Receivers, SECRETS, Taken};
use tests::shop::{cards, wish};
use tests::taps::Counter;
use tests::{Buyer, TestShop};

const MINUTE: i64 = 60_000;

/// Every kind of channel.
const KINDS: [&str; 9] = ["dingtalk", "wecom", "feishu", "lark", "telegram", "bark", "serverchan", "email", "webhook"];

/// A shop whose seller has receivers at these addresses.
async fn open(seed: u64) -> (TestShop, Receivers) {
    let receivers = Receivers::start().await;
    let shop = TestShop::pushing(seed, Some(receivers.url.clone())).await;
    receivers.follow(shop.world.clock());
    (shop, receivers)
}

/// A seller's request about pushes.
async fn ask(shop: &TestShop, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let token = shop.sign_in().await;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    shop.admin(method, &format!("/api/admin/pushes{path}"), &token, body).await
}

/// Sets a receiver up and expects it to be taken.
async fn set_up(shop: &TestShop, receivers: &Receivers, id: &str, kind: &str, more: &Value) -> Value {
    let mut body = json!({"channel": receivers.channel(kind), "kinds": ["sale", "needs_person", "low_stock", "fault"]});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let (status, answer) = ask(shop, Method::PUT, &format!("/{id}"), &body).await;
    assert_eq!(status, 200, "{answer}");
    // Other instances remember for a minute that nobody wants to hear anything; this one forgot at once.
    answer
}

/// Sells one card of a product, to the end.
async fn sell(shop: &TestShop, key: &str, product: &str) -> Buyer {
    let buyer = shop.order(key, product, 1).await;
    shop.pay(&buyer, &format!("T-{key}")).await;
    shop.deliver_all().await;
    buyer
}

async fn deliver_again(shop: &TestShop, buyer: &Buyer) {
    let order = shop.app.order_now(&OrderId::parse(&buyer.order).unwrap()).await.unwrap().unwrap();
    shop.app.send_to_delivery(&order).await.unwrap();
    shop.deliver_all().await;
}

fn one(mut taken: Vec<Taken>) -> Taken {
    assert_eq!(taken.len(), 1, "{taken:#?}");
    taken.remove(0)
}

/// A product with a name that tries everything.
const HOSTILE: &str =
    "Bad @all <at user_id=\"all\"></at> [x](http://evil.example) **b** `c` # ~ | \u{202e}gnp <@u1> & !";

#[tokio::test]
async fn every_provider_takes_a_sale_and_a_hostile_name_is_only_a_name() {
    let (shop, receivers) = open(601).await;
    shop.product("p", 990, &cards("P", 9)).await;
    let token = shop.sign_in().await;
    let name = json!({"name": HOSTILE}).to_string();
    let (status, answer) = shop.admin(Method::PATCH, "/api/admin/products/p", &token, name).await;
    assert_eq!(status, 200, "{answer}");
    for (n, kind) in KINDS.into_iter().enumerate() {
        set_up(&shop, &receivers, kind, kind, &json!({"language": "en"})).await;
        let buyer = sell(&shop, &format!("a-sale-told-by-{kind}-{n}"), "p").await;
        shop.tell_all().await;
        assert_eq!(receivers.refusals(), [""; 0], "{kind}");
        let taken = one(receivers.take());
        let text = taken.body.to_string();
        assert!(text.contains(&buyer.order), "{kind}: {text}");
        assert!(text.contains("9.90 CNY") || (kind == "webhook" && text.contains(r#""amount_minor":990"#)), "{text}");
        assert!(!text.contains('\u{202e}') || kind == "webhook", "{kind} turns its text around: {text}");
        match kind {
            "webhook" => {
                assert_eq!(taken.body["type"], "order.delivered");
                assert_eq!(taken.id, format!("sale-{}", buyer.order));
                // A program reads the name as it is.
                assert_eq!(taken.body["data"]["product_name"], HOSTILE);
            }
            "email" => assert!(taken.title.contains("[x](http://evil.example)"), "a mail is text: {}", taken.title),
            "telegram" | "bark" | "feishu" | "lark" => {
                assert!(!text.contains("<at ") && !text.contains("@all"), "{kind}: {text}");
            }
            _ => {
                for bad in ["@all", "<at ", "<@", "http://evil", "**b**", "`c`", "[x]("] {
                    assert!(!text.contains(bad), "{kind} reads {bad}: {text}");
                }
            }
        }
        let (status, answer) = ask(&shop, Method::DELETE, &format!("/{kind}"), &Value::Null).await;
        assert_eq!((status, &answer["state"]), (200, &json!("removed")));
    }
}

#[tokio::test]
async fn a_notice_that_comes_twice_is_one_message() {
    let (shop, receivers) = open(602).await;
    shop.product("p", 990, &cards("P", 3)).await;
    set_up(&shop, &receivers, "me", "bark", &json!({})).await;
    let buyer = sell(&shop, "a-sale-that-is-told-once", "p").await;
    // The delivery message comes again, as queues do, and tells of the sale again: whoever delivered may have died before telling.
    deliver_again(&shop, &buyer).await;
    let queue = shop.world.sqs.dump(shop.world.notices_name().unwrap()).unwrap();
    assert_eq!(queue.len(), 2, "{queue:?}");
    shop.tell_all().await;
    one(receivers.take());
    deliver_again(&shop, &buyer).await;
    shop.tell_all().await;
    assert_eq!(receivers.take().len(), 0);
    // Of an old sale nothing is even sent.
    shop.pass(20 * MINUTE);
    deliver_again(&shop, &buyer).await;
    let queue = shop.world.sqs.dump(shop.world.notices_name().unwrap()).unwrap();
    assert_eq!(queue.len(), 0, "{queue:?}");
    assert_eq!(receivers.take().len(), 0);
}

#[tokio::test]
async fn what_one_receiver_does_not_take_is_told_to_no_other_again() {
    let (mut shop, receivers) = open(603).await;
    shop.product("p", 990, &cards("P", 9)).await;
    set_up(&shop, &receivers, "ding", "dingtalk", &json!({})).await;
    set_up(&shop, &receivers, "phone", "bark", &json!({})).await;
    receivers.plan("/robot/send", 500, &[], "oops");
    receivers.plan("/robot/send", 200, &[], r#"{"errcode":410100,"errmsg":"too fast"}"#);
    sell(&shop, "a-sale-that-one-did-not-hear", "p").await;
    shop.tell_all().await;
    assert_eq!(one(receivers.take()).provider, "bark");
    let (_, list) = ask(&shop, Method::GET, "", &Value::Null).await;
    assert_eq!(list["receivers"][0]["last_result"]["result"], "unknown");
    assert_eq!(list["receivers"][1]["last_result"]["result"], "accepted");
    shop.pass(6 * MINUTE);
    shop.tell_all().await;
    assert_eq!(receivers.take().len(), 0);
    // Too fast, it says, and then it hears nobody for ten minutes.
    shop.pass(10 * MINUTE);
    shop.tell_all().await;
    assert_eq!(one(receivers.take()).provider, "dingtalk");
    shop.pass(6 * MINUTE);
    shop.tell_all().await;
    assert_eq!(receivers.take().len(), 0);
    let (_, list) = ask(&shop, Method::GET, "", &Value::Null).await;
    assert_eq!(list["receivers"][0]["last_result"]["result"], "accepted");

    // A wrong token is refused for good: not tried again, and the seller sees why.
    receivers.plan("/robot/send", 200, &[], r#"{"errcode":300001,"errmsg":"token is not exist"}"#);
    sell(&shop, "a-sale-that-one-refuses-to-hear", "p").await;
    shop.tell_all().await;
    shop.pass(6 * MINUTE);
    shop.tell_all().await;
    assert_eq!(one(receivers.take()).provider, "bark");
    let (_, list) = ask(&shop, Method::GET, "", &Value::Null).await;
    let last = &list["receivers"][0]["last_result"];
    assert_eq!((&last["result"], &last["reason"]), (&json!("refused"), &json!("credentials")));

    // Whoever never answers has the message set aside in the end.
    for _ in 0..NOTICE_RECEIVES_MAX {
        receivers.plan("/robot/send", 502, &[], "");
    }
    sell(&shop, "a-sale-that-one-never-hears", "p").await;
    for _ in 0..NOTICE_RECEIVES_MAX + 2 {
        shop.tell_all().await;
        shop.pass(6 * MINUTE);
    }
    assert_eq!(one(receivers.take()).provider, "bark");
    assert_eq!(shop.world.sqs.dump(shop.world.notices_dead_name().unwrap()).unwrap().len(), 1);
    shop.leave_unfinished();
}

/// What an order does, call by call, and how long it takes when each call takes as long as any other.
async fn order_path(shop: &TestShop, key: &str) -> (Vec<String>, Vec<String>) {
    let counter = Arc::new(Counter::default());
    let (front, app) = shop.tapped(counter.clone());
    let calls = |counter: &Counter| counter.take().into_iter().map(|seen| seen.target).collect::<Vec<_>>();
    let (status, answer) = tests::shop::create(&front, key, &wish("p", 1)).await;
    assert_eq!(status, 201, "{answer}");
    let buyer = Buyer::from(&answer);
    let (status, _) = tests::shop::notify(&front, &shop.notification(&buyer, &format!("T-{key}"))).await;
    assert_eq!(status, 200);
    let before = calls(&counter);
    while local::poller::poll(&shop.world, &app, 0).await.received > 0 {}
    assert_eq!(shop.keys(&buyer).await.len(), 1);
    (before, calls(&counter))
}

#[tokio::test]
async fn a_receiver_that_fails_costs_an_order_nothing() {
    let receivers = Receivers::start().await;
    let silent = TestShop::new(604).await;
    let (shop, deaf) = open(604).await;
    for shop in [&silent, &shop] {
        shop.product("p", 990, &cards("P", 200)).await;
    }
    let (until_paid, delivering) = order_path(&silent, "an-order-without-receivers").await;
    let (then_paid, then_delivering) = order_path(&silent, "an-order-with-a-deaf-receiver").await;
    // A queue of notices and nobody who listens: known after one read, which holds for a minute.
    let (paid, delivered) = order_path(&shop, "an-order-without-receivers").await;
    assert_eq!(paid, until_paid);
    assert_eq!(delivered.len(), delivering.len() + 1);
    assert_eq!(delivered.last().unwrap(), "DynamoDB_20120810.GetItem");

    set_up(&shop, &deaf, "ding", "dingtalk", &json!({})).await;
    deaf.plan("/robot/send", 500, &[], "");
    let asked = deaf.asked();
    let (paid, delivered) = order_path(&shop, "an-order-with-a-deaf-receiver").await;
    assert_eq!(paid, then_paid, "up to the money nothing is different");
    let added = delivered[then_delivering.len()..].to_vec();
    assert_eq!(
        delivered[..then_delivering.len()],
        then_delivering,
        "and the keys are the buyer's before anybody is told"
    );
    assert_eq!(added, ["DynamoDB_20120810.GetItem", "AmazonSQS.SendMessage"]);
    assert_eq!(deaf.asked(), asked, "no provider is asked on an order's way");
    shop.tell_all().await;
    shop.pass(6 * MINUTE);
    shop.tell_all().await;
    assert_eq!(one(deaf.take()).provider, "dingtalk");
    assert_eq!(receivers.asked(), 0);
}

#[tokio::test]
async fn telling_that_fails_fails_no_order() {
    let (shop, receivers) = open(605).await;
    shop.product("p", 990, &cards("P", 200)).await;
    set_up(&shop, &receivers, "me", "bark", &json!({})).await;
    /// Loses whatever is about notices.
    #[derive(Debug)]
    struct NoNotices;
    impl local::seam::Tap for NoNotices {
        fn fate(&self, call: &local::seam::Call) -> local::seam::Fate {
            let text = String::from_utf8_lossy(&call.body);
            let about = text.contains("kamivend-notices") || text.contains(r#""pushes""#);
            if about { local::seam::Fate::LoseRequest } else { local::seam::Fate::Pass }
        }
    }
    let (_, app) = shop.tapped(Arc::new(NoNotices));
    let buyer = shop.order("an-order-nobody-is-told-of", "p", 1).await;
    shop.pay(&buyer, "T1").await;
    let polled = local::poller::poll(&shop.world, &app, 0).await;
    assert_eq!((polled.received, polled.failed), (1, 0));
    assert_eq!(shop.keys(&buyer).await.len(), 1);
    shop.tell_all().await;
    assert_eq!(receivers.take().len(), 0);
}

#[tokio::test]
async fn secrets_are_in_no_answer_no_log_and_no_table() {
    let (log, _) = watch_this_thread();
    let (shop, receivers) = open(606).await;
    shop.product("p", 990, &cards("P", 3)).await;
    let mut seen = Vec::new();
    for kind in KINDS {
        seen.push(set_up(&shop, &receivers, kind, kind, &json!({})).await.to_string());
        // Refused, unanswered and taken: each is logged in its own way.
        for answer in ["", r#"{"errcode":300001,"code":40001,"ok":false,"error_code":401}"#] {
            receivers.plan("/", 401, &[], answer);
            seen.push(ask(&shop, Method::POST, &format!("/{kind}/test"), &Value::Null).await.1.to_string());
        }
    }
    sell(&shop, "a-sale-in-a-shop-with-secrets", "p").await;
    shop.tell_all().await;
    assert_eq!(receivers.take().len(), KINDS.len());
    seen.push(ask(&shop, Method::GET, "", &Value::Null).await.1.to_string());
    for table in Table::ALL {
        seen.extend(shop.table(table));
    }
    seen.push(format!("{:?}", shop.app));
    seen.push(String::from_utf8(log.text()).unwrap());
    let seen = seen.join("\n");
    assert!(seen.contains("the provider refuses what it is sent"), "the log was watched");
    for secret in SECRETS {
        assert!(!seen.contains(secret), "{secret} was seen");
    }
}
