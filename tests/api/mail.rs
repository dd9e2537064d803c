//! Mail to buyers: who gets one, what stands in it and what never does, and that no order waits for it or fails because of it. The
//! mail service is the local shop's own, behind the same call as Amazon's.

mod asked;
mod guards;
mod setting_up;

use crate::secrecy::watch_this_thread;
use domain::OrderId;
use http::Method;
use local::mailbox::Kept;
use local::poller;
use local::seam::{Call, Fate, Tap};
use serde_json::{Value, json};
use std::sync::Arc;
use store::Table;
use tests::shop::{cards, wish};
use tests::taps::Counter;
use tests::{Buyer, TestShop, Visitor};

const MINUTE: i64 = 60_000;

/// After so many ms what was not taken comes again.
const HIDDEN: i64 = domain::limits::NOTICE_HIDDEN_SECONDS as i64 * 1_000 + 1_000;
const FROM: &str = "shop@example.com";
const BUYER: &str = "buyer@example.com";

/// A shop with a queue of notices and a product `p`, which mails on these occasions.
async fn open(seed: u64, on: &[&str]) -> TestShop {
    let shop = TestShop::pushing(seed, None).await;
    shop.product("p", 990, &cards("CARD", 40)).await;
    change(&shop, "/api/admin/settings", &json!({"name": "Lime <b>Keys</b> 钥匙"})).await;
    if !on.is_empty() {
        mails_on(&shop, on).await;
    }
    shop
}

/// What the seller changes, which is taken.
async fn change(shop: &TestShop, path: &str, body: &Value) {
    let (status, answer) = shop.sell(Method::PATCH, path, body).await;
    assert_eq!(status, 200, "{answer}");
    // What pages and forms remember of the shop is forgotten by then.
    shop.pass(3_000);
}

async fn mails_on(shop: &TestShop, on: &[&str]) {
    change(shop, "/api/admin/settings", &json!({"buyer_mail": {"from": FROM, "on": on}})).await;
}

/// An order by the API whose buyer pays; delivered.
async fn bought(shop: &TestShop, key: &str, change: impl FnOnce(&mut Value)) -> Buyer {
    let mut body = wish("p", 1);
    change(&mut body);
    let (status, answer) = shop.create(key, &body).await;
    assert_eq!(status, 201, "{answer}");
    let buyer = Buyer::from(&answer);
    shop.pay(&buyer, &format!("T-{key}")).await;
    shop.deliver_all().await;
    buyer
}

fn queued(shop: &TestShop) -> Vec<String> {
    shop.world.sqs.dump(shop.world.notices_name().unwrap()).unwrap().into_iter().map(|message| message.body).collect()
}

#[track_caller]
fn one(shop: &TestShop) -> Kept {
    let mut mails = shop.world.mailbox.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    mails.remove(0)
}

fn count(shop: &TestShop) -> usize {
    shop.world.mailbox.mails().len()
}

/// The path and query of the one link of an order in a mail.
fn link_of(mail: &Kept) -> String {
    let line = mail.text.lines().find(|line| line.starts_with("http://127.0.0.1:3000/o/")).expect("a link");
    assert!(mail.html.contains(&line.replace('&', "&amp;")), "{}", mail.html);
    line.strip_prefix("http://127.0.0.1:3000").unwrap().to_owned()
}

#[tokio::test]
async fn a_delivery_is_told_with_the_way_to_the_key_and_not_with_the_key() {
    let shop = open(901, &["delivered"]).await;
    let more = json!({"instructions": "1. Open **the app**\n2. Redeem <it>", "support": [
        {"kind": "qq", "value": "123456789"}, {"kind": "email", "value": "help@example.com"}]});
    change(&shop, "/api/admin/products/p", &more).await;
    let buyer = bought(&shop, "a-buyer-who-is-told-by-mail", |_| {}).await;
    assert_eq!(count(&shop), 0, "nothing is sent on the way of the order");
    shop.tell_all().await;
    let mail = one(&shop);
    assert_eq!((mail.to.as_str(), mail.reply_to.as_str()), (BUYER, "help@example.com"));
    // A name that is more than letters is written so that no mail program reads anything else in it.
    assert!(mail.from.starts_with("=?UTF-8?B?") && mail.from.ends_with(" <shop@example.com>"), "{}", mail.from);
    assert!(mail.subject.contains("发货") && mail.subject.contains(&buyer.order[18..]), "{}", mail.subject);
    let card = &shop.keys(&buyer).await[0];
    for text in [&mail.subject, &mail.text, &mail.html] {
        assert!(!text.contains(card.as_str()), "{text}");
    }
    for words in ["Product p × 1", buyer.order.as_str(), "1. Open **the app**", "QQ 123456789"] {
        assert!(mail.text.contains(words), "{words}: {}", mail.text);
    }
    assert!(mail.html.contains("<strong>the app</strong>") && mail.html.contains("&lt;it&gt;"), "{}", mail.html);
    assert!(!mail.html.contains("<b>Keys") && !mail.html.contains("<img") && !mail.html.contains("<script"));
    assert!(mail.html.contains("Lime &#60;b&#62;Keys") || mail.html.contains("Lime &lt;b&gt;Keys"), "{}", mail.html);

    // Amazon is asked to leave the link as it is.
    assert!(mail.html.contains("<a ses:no-track href=\"http://127.0.0.1:3000/o/"), "{}", mail.html);

    // The link opens the order on a device that has no cookie, with its keys covered until somebody presses.
    let mut elsewhere = Visitor::new(shop.front());
    let opened = elsewhere.get(&link_of(&mail)).await;
    assert_eq!((opened.status, opened.header("location")), (303, format!("/o/{}", buyer.order).as_str()));
    let page = elsewhere.get(&format!("/o/{}", buyer.order)).await;
    assert!(page.status == 200 && page.body.contains("id=\"save\"") && !page.body.contains(card.as_str()));
    elsewhere.post(&format!("/o/{}/keys", buyer.order), &[]).await;
    assert!(elsewhere.get(&format!("/o/{}/keys", buyer.order)).await.body.contains(card.as_str()));

    // And the owner of this machine reads it at home.
    let list = elsewhere.get("/local/mail").await;
    assert!(list.body.contains("<a href=\"/local/mail/1\">") && !list.body.contains("<b>Keys"), "{}", list.body);
    let page = elsewhere.get("/local/mail/1").await;
    assert!(page.body.contains(&format!("<a href=\"http://127.0.0.1:3000{}\">", link_of(&mail))), "{}", page.body);
    let part = elsewhere.get("/local/mail/1/html").await;
    assert!(part.header("content-security-policy").contains("sandbox allow-popups"));
    assert!(part.body.contains("<base target=\"_blank\">"));
    assert_eq!(elsewhere.get("/local/mail/2").await.status, 404);
    // A page of somebody else's that was made to lead here sees nothing.
    for (host, status) in [("evil.example.com", 404), ("localhost:3000", 200), ("127.0.0.1:3000", 200)] {
        let request = http::Request::builder().uri("/local/mail").header("host", host).body(Vec::new()).unwrap();
        assert_eq!(shop.front().handle(request, "127.0.0.1").await.status(), status, "{host}");
    }
}

#[tokio::test]
async fn the_keys_stand_in_the_mail_only_when_the_product_says_so() {
    let (log, production_log) = watch_this_thread();
    let shop = open(902, &["delivered"]).await;
    shop.product("q", 500, &["SECRET-<i>-\"KEY\"-1".to_owned(), "SECRET-<i>-\"KEY\"-2".to_owned()]).await;
    change(&shop, "/api/admin/products/q", &json!({"mail_keys": true})).await;
    let contact = "somebody.of.note@example.org";
    let buyer = bought(&shop, "a-buyer-who-gets-the-keys", |body| {
        (body["product"], body["quantity"], body["contact"]) = (json!("q"), json!(2), json!(contact));
    })
    .await;
    let queue = queued(&shop).join("\n");
    assert!(queue.contains(&buyer.order), "{queue}");
    shop.tell_all().await;
    let mail = one(&shop);
    assert_eq!(mail.to, contact);
    for n in ["1", "2"] {
        let card = format!("SECRET-<i>-\"KEY\"-{n}");
        assert!(mail.text.lines().any(|line| line == card), "{}", mail.text);
        assert!(!mail.html.contains(&card) && mail.html.contains(&format!("KEY&#34;-{n}")), "{}", mail.html);
        assert!(!mail.subject.contains("SECRET"));
    }
    // Neither key nor contact nor token is in the message, and none is in a log.
    let written = queue + &String::from_utf8(production_log.text()).unwrap();
    assert!(written.contains("a mail to a buyer"), "the log was watched");
    for secret in ["SECRET-", "somebody.of.note", &buyer.token] {
        assert!(!written.contains(secret), "{secret}");
    }
    // Of what libraries say at their finest level, which production never writes, the key at least is no part.
    assert!(!String::from_utf8(log.text()).unwrap().contains("SECRET-"));
    for table in Table::ALL {
        assert!(!shop.table(table).join("\n").contains("SECRET-"), "{}", table.as_str());
    }
}

#[tokio::test]
async fn without_the_sellers_choice_nothing_is_sent_and_nothing_is_asked() {
    let (quiet, off, on) = (open(903, &[]).await, open(903, &["asked"]).await, open(903, &["delivered"]).await);
    let mut paths = Vec::new();
    for shop in [&quiet, &off, &on] {
        let counter = Arc::new(Counter::default());
        let (front, app) = shop.tapped(counter.clone());
        let calls =
            || counter.take().into_iter().map(|seen| (seen.target, seen.writes.to_string())).collect::<Vec<_>>();
        let (status, answer) = tests::shop::create(&front, "an-order-whose-calls-count", &wish("p", 1)).await;
        assert_eq!(status, 201, "{answer}");
        let buyer = Buyer::from(&answer);
        tests::shop::notify(&front, &shop.notification(&buyer, "T-1")).await;
        let until_paid = calls();
        while poller::poll(&shop.world, &app, 0).await.received > 0 {}
        paths.push((until_paid, calls()));
        shop.tell_all().await;
    }
    assert_eq!(paths[0], paths[1]);
    assert_eq!(paths[0].0, paths[2].0, "up to the money nothing is different");
    // The mail's message is the one thing more, and it comes when the order is delivered.
    let sends = |calls: &[(String, String)]| calls.iter().filter(|(call, _)| call == "AmazonSQS.SendMessage").count();
    assert_eq!((sends(&paths[0].1), sends(&paths[2].1)), (0, 1));
    assert_eq!(paths[2].1.len(), paths[0].1.len() + 1);
    assert_eq!((count(&quiet), count(&off), count(&on)), (0, 0, 1));
    // What was chosen when the order was made counts, and what is chosen when the mail would leave counts too.
    bought(&on, "an-order-made-while-it-was-on", |_| {}).await;
    mails_on(&on, &[]).await;
    on.tell_all().await;
    assert_eq!(count(&on), 1);
}

#[tokio::test]
async fn a_message_that_comes_twice_is_one_mail() {
    let shop = open(904, &["delivered"]).await;
    let buyer = bought(&shop, "a-buyer-who-is-told-once", |_| {}).await;
    let again = async || {
        let order = shop.app.order_now(&OrderId::parse(&buyer.order).unwrap()).await.unwrap().unwrap();
        shop.app.send_to_delivery(&order).await.unwrap();
        shop.deliver_all().await;
    };
    again().await;
    assert_eq!(queued(&shop).len(), 2, "whoever delivered may have died before telling");
    shop.tell_all().await;
    one(&shop);
    again().await;
    shop.tell_all().await;
    one(&shop);
    shop.pass(11 * MINUTE);
    again().await;
    assert_eq!(queued(&shop).len(), 0, "a delivery of long ago is not told");
}

#[tokio::test]
async fn what_amazon_does_not_take_now_comes_later_and_what_it_refuses_never() {
    let shop = open(905, &["delivered"]).await;
    shop.world.mailbox.plan(429, "TooManyRequestsException");
    shop.world.mailbox.plan(500, "InternalFailure");
    bought(&shop, "a-buyer-whose-mail-is-late", |_| {}).await;
    for mails in [0, 0, 1, 1] {
        shop.tell_all().await;
        assert_eq!(count(&shop), mails);
        shop.pass(HIDDEN);
    }
    shop.world.mailbox.plan(400, "com.amazonaws.ses#MessageRejected");
    bought(&shop, "a-buyer-whose-mail-is-refused", |_| {}).await;
    for _ in 0..3 {
        shop.tell_all().await;
        shop.pass(HIDDEN);
    }
    assert_eq!(count(&shop), 1);
    // The seller sees what Amazon said last.
    let (status, list) = shop.sell(Method::GET, "/api/admin/pushes", &json!({})).await;
    assert_eq!((status, &list["buyer_mail"]["result"]), (200, &json!("refused")));
    assert_eq!(list["buyer_mail"]["reason"], "not_allowed");
}

/// Loses whatever goes into the queue of notices.
#[derive(Debug)]
struct NoNotices;
impl Tap for NoNotices {
    fn fate(&self, call: &Call) -> Fate {
        let about = String::from_utf8_lossy(&call.body).contains("kamivend-notices");
        if about { Fate::LoseRequest } else { Fate::Pass }
    }
}

#[tokio::test(start_paused = true)]
async fn mail_that_cannot_be_sent_delays_and_fails_no_order() {
    let shop = open(906, &["delivered", "asked"]).await;
    let (front, app) = shop.tapped(Arc::new(NoNotices));
    let buyer = shop.order("an-order-nobody-is-mailed-of", "p", 1).await;
    shop.pay(&buyer, "T1").await;
    let polled = poller::poll(&shop.world, &app, 0).await;
    assert_eq!((polled.received, polled.failed), (1, 0));
    assert_eq!(shop.keys(&buyer).await.len(), 1);
    // The button says that nothing came of it.
    let mut phone = Visitor::new(&front);
    phone.get(&format!("/o/{}?t={}", buyer.order, buyer.token)).await;
    let pressed = phone.post(&format!("/o/{}/mail", buyer.order), &[]).await;
    assert_eq!(pressed.header("location"), format!("/o/{}?n=unavailable", buyer.order));
    shop.tell_all().await;
    assert_eq!(count(&shop), 0);
}

#[tokio::test]
async fn a_mail_tells_what_is_still_true_when_it_is_sent() {
    let shop = open(907, &["delivered"]).await;
    let buyer = bought(&shop, "a-buyer-who-gets-it-back-first", |_| {}).await;
    let path = format!("/api/admin/orders/{}/refund", buyer.order);
    let (status, answer) = shop.sell(Method::POST, &path, &json!({"by_hand": true, "reference": "R-1"})).await;
    assert_eq!(status, 200, "{answer}");
    shop.tell_all().await;
    assert_eq!(count(&shop), 0, "the money is back");
    // Tables that were put back to before the delivery know nothing of it, and no order of another name is there.
    let buyer = bought(&shop, "a-buyer-of-a-day-that-is-gone", |_| {}).await;
    let delivered = queued(&shop).pop().unwrap();
    shop.tell_all().await;
    assert_eq!(count(&shop), 1);
    let other = shop.order("an-order-that-waits-for-money", "p", 1).await;
    for order in [other.order.as_str(), "7ZZZZZZZZZZZZZZZZZZZZZZZ", "no order at all"] {
        let body = delivered.replace(&buyer.order, order);
        let put =
            json!({"QueueUrl": local::sqs::Sqs::queue_url(shop.world.notices_name().unwrap()), "MessageBody": body});
        let answer = shop.world.sqs.handle("AmazonSQS.SendMessage", put.to_string().as_bytes()).await;
        assert_eq!(answer.status, 200);
        shop.tell_all().await;
    }
    assert_eq!(count(&shop), 1);
    let mut shop = shop;
    // A message about no order at all stays for a version that reads it.
    assert_eq!(queued(&shop).len(), 1);
    shop.leave_unfinished();
}

#[tokio::test]
async fn a_password_keeps_everybody_out_who_has_only_the_mail() {
    let shop = open(908, &["delivered"]).await;
    change(&shop, "/api/admin/products/p", &json!({"mail_keys": true})).await;
    let buyer = bought(&shop, "a-buyer-with-a-password", |body| body["query_password"] = json!("open sesame")).await;
    shop.tell_all().await;
    let mail = one(&shop);
    assert_eq!(link_of(&mail), format!("/o/{}", buyer.order), "the way, without the key to it");
    assert!(!mail.text.contains("CARD-") && !mail.html.contains("CARD-"), "{}", mail.text);
    assert!(mail.text.contains("查询密码"), "{}", mail.text);
}

#[tokio::test]
async fn keys_that_cannot_be_had_hold_no_mail_back_for_long() {
    let mut shop = open(909, &["delivered"]).await;
    change(&shop, "/api/admin/products/p", &json!({"mail_keys": true})).await;
    bought(&shop, "a-buyer-whose-keys-hide", |_| {}).await;
    for item in shop.table(Table::Vault) {
        let item: Value = serde_json::from_str(&item).unwrap();
        let ask = json!({"TableName": "kamivend-vault", "Key": {"k": item["k"]}});
        assert_eq!(shop.world.engine.call("DeleteItem", ask.to_string().as_bytes()).0, 200);
    }
    for mails in [0, 0, 1] {
        shop.tell_all().await;
        assert_eq!(count(&shop), mails);
        shop.pass(HIDDEN);
    }
    assert!(!one(&shop).text.contains("CARD-"));
    shop.leave_unfinished();
}

#[tokio::test]
async fn a_mail_is_written_in_the_language_of_the_order() {
    let shop = open(910, &["delivered"]).await;
    let mut phone = Visitor::new(shop.front());
    phone.headers.push(("accept-language", "en-GB,en;q=0.9".to_owned()));
    // An address that does not stand in the order itself.
    let long = format!("{}@example.com", "a".repeat(60));
    let id = phone.order("p", &long).await;
    let token = shop.app.keys.order_token(&OrderId::parse(&id).unwrap(), 0);
    let (_, read) = tests::shop::get(shop.front(), &format!("/api/orders/{id}"), &token).await;
    let buyer = Buyer { order: id, token, attempt: tests::text(&read, "/payment/attempt").to_owned(), minor: 990 };
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    shop.tell_all().await;
    let mail = one(&shop);
    assert_eq!(mail.to, long);
    assert!(mail.subject.contains("Your order is delivered"), "{}", mail.subject);
    assert!(!mail.text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c) && !"钥匙".contains(c)), "{}", mail.text);
    // What is no address gets no mail: several at once, a name before one, a number.
    for (n, contact) in ["a,b@example.com", "Ann <ann@example.com>", "123456789", "ünn@example.com"].iter().enumerate()
    {
        bought(&shop, &format!("a-buyer-without-a-mailbox-{n}"), |body| body["contact"] = json!(contact)).await;
    }
    change(&shop, "/api/admin/products/p", &json!({"contact_kind": "qq"})).await;
    bought(&shop, "a-buyer-with-a-number-of-qq", |body| body["contact"] = json!("123456789")).await;
    assert_eq!(queued(&shop).len(), 0);
}
