//! Mail that a buyer asks for with a button: it goes to the contact of an order that was paid for, and to nobody else, a few times a day.

use super::{BUYER, bought, change, count, link_of, one, open, queued};
use crate::secrecy::watch_this_thread;
use domain::OrderId;
use serde_json::json;
use tests::shop::cards;
use tests::{Buyer, TestShop, Visitor, text};

const DAY: i64 = 24 * 60 * 60_000;

/// An order by a form; not paid yet.
async fn ordered(shop: &TestShop, phone: &mut Visitor, contact: &str) -> Buyer {
    let id = phone.order("p", contact).await;
    let token = shop.app.keys.order_token(&OrderId::parse(&id).unwrap(), 0);
    let (_, read) = tests::shop::get(shop.front(), &format!("/api/orders/{id}"), &token).await;
    Buyer { order: id, token, attempt: text(&read, "/payment/attempt").to_owned(), minor: 990 }
}

const BUTTON: &str = "发到邮箱";

#[tokio::test]
async fn who_has_not_paid_sends_no_mail_to_anybody() {
    let shop = open(921, &["delivered", "asked"]).await;
    let mut phone = Visitor::new(shop.front());
    let buyer = ordered(&shop, &mut phone, "victim@example.com").await;
    let path = format!("/o/{}", buyer.order);
    assert!(!phone.get(&path).await.body.contains(BUTTON));
    let pressed = phone.post(&format!("{path}/mail"), &[]).await;
    assert_eq!(pressed.header("location"), format!("{path}?n=unavailable"));
    assert_eq!(queued(&shop).len(), 0);
    // The look-up does not look; whoever sends the mail does.
    let asked = phone.post("/lookup", &[("contact", "victim@example.com"), ("mail", "1")]).await;
    assert_eq!(asked.status, 200);
    assert_eq!(queued(&shop).len(), 1);
    shop.tell_all().await;
    assert_eq!(count(&shop), 0);
    shop.pass(16 * 60_000);
    shop.tick().await;
    shop.tell_all().await;
    assert_eq!(count(&shop), 0);
}

#[tokio::test]
async fn the_button_sends_the_link_to_the_orders_own_contact() {
    let shop = open(922, &["asked"]).await;
    let mut phone = Visitor::new(shop.front());
    let buyer = ordered(&shop, &mut phone, BUYER).await;
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    shop.tell_all().await;
    assert_eq!(count(&shop), 0, "nobody asked yet");
    let path = format!("/o/{}", buyer.order);
    // A page without scripts goes on to the keys, so the button stands there too.
    for at in [path.clone(), format!("{path}/keys")] {
        let page = phone.get(&at).await;
        let form = format!("method=\"post\" action=\"{path}/mail\"");
        assert!(page.body.contains(&form) && page.body.contains(BUTTON), "{at}: {}", page.body);
    }
    let pressed = phone.post(&format!("{path}/mail"), &[]).await;
    assert_eq!((pressed.status, pressed.header("location")), (303, format!("{path}?n=mailed").as_str()));
    let told = phone.get(&format!("{path}?n=mailed")).await;
    assert!(told.body.contains("链接马上发到你的邮箱。") && told.body.contains("8;url="), "{}", told.body);
    shop.tell_all().await;
    let mail = one(&shop);
    assert_eq!(mail.to, BUYER);
    assert!(!mail.text.contains("CARD-") && mail.subject.contains("你的订单链接"), "{}", mail.text);
    let mut elsewhere = Visitor::new(shop.front());
    elsewhere.get(&link_of(&mail)).await;
    assert!(elsewhere.get(&path).await.body.contains("id=\"save\""));
    // A script gets the part that it swaps in.
    phone.headers.push(("x-part", "main".to_owned()));
    let part = phone.post(&format!("{path}/mail"), &[]).await;
    assert!(part.status == 200 && part.body.contains("链接马上发到你的邮箱。"), "{}", part.body);
    phone.headers.pop();

    // Nobody else may press: no cookie, a form of another site, a shop that does not want it.
    let mut stranger = Visitor::new(shop.front());
    let pressed = stranger.post(&format!("{path}/mail"), &[]).await;
    assert_eq!(pressed.header("location"), path);
    phone.headers.push(("origin", "https://evil.example.com".to_owned()));
    assert_eq!(phone.post(&format!("{path}/mail"), &[]).await.status, 403);
    phone.headers.pop();
    assert_eq!(queued(&shop).len(), 1, "only what the buyer pressed");
    shop.tell_all().await;
    change(&shop, "/api/admin/settings", &json!({"buyer_mail": {"on": []}})).await;
    assert!(!phone.get(&path).await.body.contains(BUTTON));
    let pressed = phone.post(&format!("{path}/mail"), &[]).await;
    assert_eq!(pressed.header("location"), format!("{path}?n=unavailable"));
    assert_eq!(queued(&shop).len(), 0);
}

#[tokio::test]
async fn three_mails_a_day_for_an_order_and_five_for_a_contact() {
    let shop = open(923, &["asked"]).await;
    let mut phone = Visitor::new(shop.front());
    let mut orders = Vec::new();
    for n in 0..2 {
        let buyer = ordered(&shop, &mut phone, BUYER).await;
        shop.pay(&buyer, &format!("T{n}")).await;
        shop.deliver_all().await;
        orders.push(format!("/o/{}", buyer.order));
    }
    let press = async |phone: &mut Visitor, path: &str| {
        let pressed = phone.post(&format!("{path}/mail"), &[]).await;
        shop.tell_all().await;
        pressed.header("location").split("?n=").nth(1).unwrap().to_owned()
    };
    for said in ["mailed", "mailed", "mailed", "mailed_enough"] {
        assert_eq!(press(&mut phone, &orders[0]).await, said);
    }
    for said in ["mailed", "mailed", "mailed_enough"] {
        assert_eq!(press(&mut phone, &orders[1]).await, said);
    }
    assert_eq!(count(&shop), 5);
    let page = phone.get(&format!("{}?n=mailed_enough", orders[1])).await;
    assert!(page.body.contains("今天的发送次数已用完"), "{}", page.body);
    // The look-up counts apart, and the same contact however it is written.
    for status in [200, 200, 200, 200, 200, 429] {
        let asked = phone.post("/lookup", &[("contact", " Buyer@Example.com "), ("mail", "1")]).await;
        assert_eq!(asked.status, status);
    }
    shop.tell_all().await;
    assert_eq!(count(&shop), 10);
    shop.pass(DAY);
    assert_eq!(press(&mut phone, &orders[0]).await, "mailed");
    assert_eq!(count(&shop), 11);
}

#[tokio::test]
async fn links_are_sent_and_nobody_learns_whether_there_were_any() {
    let (_, production_log) = watch_this_thread();
    let shop = open(924, &["asked"]).await;
    shop.product("q", 500, &cards("Q", 9)).await;
    let mine = bought(&shop, "the-first-order-of-a-buyer", |_| {}).await;
    shop.pass(1_000);
    let newer = bought(&shop, "the-second-order-of-a-buyer", |body| body["product"] = json!("q")).await;
    let hidden = bought(&shop, "an-order-with-a-password", |body| body["query_password"] = json!("sesame 123")).await;
    let unpaid = shop.order("an-order-that-waits-for-money", "p", 1).await;
    shop.pass(3_000);
    let mut phone = Visitor::new(shop.front());
    let page = phone.get("/lookup").await;
    assert!(page.body.contains("把链接发到这个邮箱"), "{}", page.body);
    let mut said = Vec::new();
    for contact in [BUYER, "stranger@example.com"] {
        let page = phone.post("/lookup", &[("contact", contact), ("mail", "1")]).await;
        said.push((page.status, page.body.replace(contact, "***")));
    }
    assert_eq!(said[0], said[1]);
    assert!(said[0].0 == 200 && said[0].1.contains("链接很快就会发到") && !said[0].1.contains("/o/"), "{}", said[0].1);
    let messages = queued(&shop).join("\n");
    assert!(!messages.contains('@') && messages.matches("\"links\"").count() == 2, "{messages}");
    shop.tell_all().await;
    let mail = one(&shop);
    assert_eq!(mail.to, BUYER);
    let links: Vec<&str> = mail.text.lines().filter_map(|line| line.strip_prefix("http://127.0.0.1:3000/o/")).collect();
    assert!(mail.subject.contains("你要的订单链接"), "{}", mail.subject);
    assert_eq!(links, [&newer, &mine].map(|buyer| format!("{}?t={}", buyer.order, buyer.token)), "the newest first");
    for other in [&hidden, &unpaid] {
        assert!(!mail.text.contains(&other.order) && !mail.html.contains(&other.order));
    }
    // What is no address is told so, and an empty one too.
    for contact in ["123456789", "a,b@example.com", "", "a@b@example.com"] {
        let page = phone.post("/lookup", &[("contact", contact), ("mail", "1")]).await;
        assert_eq!(page.status, 422, "{contact}");
    }
    // One network asks twenty times a day and no more, for whomever.
    for n in 0..18 {
        let page = phone.post("/lookup", &[("contact", &format!("stranger{n}@example.com")), ("mail", "1")]).await;
        assert_eq!(page.status, 200);
    }
    assert_eq!(phone.post("/lookup", &[("contact", "one.more@example.com"), ("mail", "1")]).await.status, 429);
    shop.tell_all().await;
    assert_eq!(count(&shop), 1);
    let log = String::from_utf8(production_log.text()).unwrap();
    assert!(log.contains("a mail to a buyer"), "the log was watched");
    assert!(!log.contains("example.com") && !log.contains(&mine.token), "no contact and no token in a log");
    // A shop that does not want it looks orders up as before.
    change(&shop, "/api/admin/settings", &json!({"buyer_mail": {"on": ["delivered"]}})).await;
    assert!(!phone.get("/lookup").await.body.contains("把链接发到这个邮箱"));
    assert_eq!(phone.post("/lookup", &[("contact", BUYER), ("mail", "1")]).await.status, 422);
    assert_eq!(queued(&shop).len(), 0);
    shop.minutes(16).await;
}
