//! Notifications that are not what they seem: each breaks exactly one rule, and not a byte of any table changes.

use local::Front;
use serde_json::Value;
use std::sync::Arc;
use store::Table;
use tests::shop::{self, PID, cards, yuan};
use tests::{Buyer, TestShop, encode, md5_hex, signed_notification, text};

async fn shop_with_an_order(seed: u64) -> (TestShop, Buyer) {
    let shop = TestShop::new(seed).await;
    shop.product("p", 990, &cards("C", 3)).await;
    let buyer = shop.order("the-order-under-attack", "p", 1).await;
    (shop, buyer)
}

/// The fields of a good notification, to be bent.
fn fields<'a>(buyer: &'a Buyer, money: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("pid", PID),
        ("trade_no", "T1"),
        ("out_trade_no", &buyer.attempt),
        ("type", "alipay"),
        ("name", "product"),
        ("money", money),
        ("trade_status", "TRADE_SUCCESS"),
    ]
}

fn with<'a>(fields: &[(&'a str, &'a str)], name: &str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    fields.iter().map(|&(n, v)| if n == name { (n, value) } else { (n, v) }).collect()
}

fn without<'a>(fields: &[(&'a str, &'a str)], name: &str) -> Vec<(&'a str, &'a str)> {
    fields.iter().copied().filter(|(n, _)| *n != name).collect()
}

#[tokio::test]
async fn what_is_forged_or_ambiguous_is_refused_and_nothing_is_written() {
    let (shop, buyer) = shop_with_an_order(30).await;
    let money = yuan(buyer.minor);
    let good = fields(&buyer, &money);
    let signed = |fields: &[(&str, &str)]| signed_notification(fields, &shop.key);
    let good_query = signed(&good);
    let sign = good_query.split("sign=").nth(1).unwrap().split('&').next().unwrap().to_owned();

    // Our own pay form, sent back to us: signed with the very same key.
    let (_, answer) = shop.read(&buyer).await;
    let pay_form = text(&answer, "/payment/content").split_once('?').unwrap().1.to_owned();

    let upper = good_query.replace(&sign, &sign.to_uppercase());
    let cases: Vec<(&str, String)> = vec![
        ("one digit of the signature", good_query.replace(&sign, &format!("{}0", &sign[..31]).replace(&sign, "-"))),
        ("another key", signed_notification(&good, "0123456789abcdef0123456789abcdef")),
        ("an empty key", signed_notification(&good, "")),
        ("no signature", good_query.replace(&format!("sign={sign}&"), "")),
        ("an empty signature", good_query.replace(&sign, "")),
        ("the amount raised after signing", good_query.replace(&format!("money={money}"), "money=99.00")),
        ("the attempt changed after signing", good_query.replace(&buyer.attempt, &buyer.attempt.replace('1', "2"))),
        ("another merchant under the same key", signed(&with(&good, "pid", "1001"))),
        ("no merchant", signed(&without(&good, "pid"))),
        ("our own pay form", pay_form.clone()),
        ("our own pay form with a status beside it", format!("{pay_form}&trade_status=TRADE_SUCCESS&trade_no=T1")),
        ("money twice", format!("{good_query}&money=0.01")),
        ("the signature twice", format!("{good_query}&sign={sign}")),
        ("a name written twice in two spellings", format!("{good_query}&mone%79=0.01")),
        ("an ampersand inside a value", signed(&with(&good, "name", "a&money=0.01"))),
        ("a line break inside a value", signed(&with(&good, "name", "a\nb"))),
        ("bytes that are no text", format!("{good_query}&param=%FF")),
        ("half an escape", format!("{good_query}&param=%4")),
        ("another way of signing", good_query.replace("sign_type=MD5", "sign_type=RSA")),
        ("no trade number", signed(&without(&good, "trade_no"))),
        ("no attempt", signed(&without(&good, "out_trade_no"))),
        ("no money", signed(&without(&good, "money"))),
        ("no status", signed(&without(&good, "trade_status"))),
        ("nothing at all", String::new()),
    ];
    let before = shop.tables();
    for (what, query) in &cases {
        assert_ne!(*query, good_query, "{what}: nothing was bent");
        let (status, body) = shop.notify(query).await;
        assert!((400..500).contains(&status), "{what}: {status} {body}");
        assert!(!body.contains("success"), "{what}: {body}");
        assert_eq!(shop.tables(), before, "{what}: something was written");
        assert_eq!(shop.world.sqs.dump(shop.world.queue_name()).unwrap().len(), 0, "{what}: something was sent");
    }
    // A well-signed payment whose amount does not read is never refused for good: the provider is asked to tell it again.
    for money in ["9.900", "99e-1", "+9.90", "NaN", "9,90", " 9.90", "0x9", "-9.90"] {
        let (status, body) = shop.notify(&signed(&with(&good, "money", money))).await;
        assert_eq!((status, body.as_str()), (503, "fail"), "{money}");
        assert_eq!(shop.tables(), before, "{money}: something was written");
    }
    // Unpaid states are well signed: the provider hears "success", nothing changes.
    for status in ["WAIT_BUYER_PAY", "TRADE_CLOSED", "trade_success", "TRADE_SUCCESS ", "1", "PAID"] {
        assert_eq!(
            shop.notify(&signed(&with(&good, "trade_status", status))).await,
            (200, "success".into()),
            "{status}"
        );
        assert_eq!(shop.tables(), before, "{status}");
    }
    // A signature in capitals is another implementation's spelling of the same number or it is not: either way it must not
    // be what decides whether the buyer gets the key.
    let (status, _) = shop.notify(&upper).await;
    assert!(status == 200 || shop.tables() == before);
    // And the good one, in a form as the real gateway sends it (an amount without its last zero), still delivers.
    let (status, body) = shop.notify(&signed(&with(&good, "money", "9.9"))).await;
    assert_eq!((status, body.as_str()), (200, "success"));
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 1);
}

#[tokio::test]
async fn a_notification_for_another_channel_is_not_found() {
    let (shop, buyer) = shop_with_an_order(31).await;
    let query = shop.notification(&buyer, "T1");
    let before = shop.tables();
    for path in ["/webhooks/alipay", "/webhooks/SANDBOX", "/webhooks/", "/webhooks/sandbox/x"] {
        let request = http::Request::builder().uri(format!("{path}?{query}")).body(Vec::new()).unwrap();
        let (status, answer) = shop::send(shop.front(), request).await;
        assert_eq!((status, answer["code"].as_str()), (404, Some("not_found")), "{path}");
        assert_eq!(shop.tables(), before);
    }
}

/// Well-signed money is never refused: what fits no attempt becomes a row a person sees, once, however often it is told.
/// A deployment has no sandbox, even when its settings came in with a local shop's: it sells nothing, and a notification in its name
/// that is signed well is for nobody.
#[tokio::test]
async fn in_a_deployment_the_sandbox_sells_nothing_and_is_heard_by_nobody() {
    let (shop, buyer) = shop_with_an_order(37).await;
    let deployed = || {
        let mut app = shop.world.app();
        app.config.sandbox = false;
        Front::new(shop.world.clone(), Arc::new(app))
    };
    let (status, answer) = shop::create(&deployed(), "an-order-by-the-sandbox-0", &shop::wish("p", 1)).await;
    assert_eq!((status, &answer["code"]), (503, &"channel_down".into()), "{answer}");
    let notification = shop.notification(&buyer, "T1");
    assert_eq!(shop::notify(&deployed(), &notification).await.0, 404);
    assert_eq!(shop.read(&buyer).await.1["status"], "awaiting_payment");
    // In the local shop the same order and the same notification are good.
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 1);
}

#[tokio::test]
async fn money_that_fits_nothing_is_written_down_once() {
    let (shop, buyer) = shop_with_an_order(32).await;
    let unknown = "0123456789ABCDEFGHJKMNPQ001";
    let second_attempt = format!("{}2", &buyer.attempt[..26]);
    let cases = [
        ("wrong_amount", shop.notification_of(&buyer.attempt, "W1", "9.89", "TRADE_SUCCESS")),
        ("wrong_amount", shop.notification_of(&buyer.attempt, "W2", "990.00", "TRADE_SUCCESS")),
        ("unknown_order", shop.notification_of(unknown, "W3", "9.90", "TRADE_SUCCESS")),
        ("unknown_order", shop.notification_of("somebody-elses-number", "W4", "9.90", "TRADE_SUCCESS")),
        ("unknown_attempt", shop.notification_of(&second_attempt, "W5", "9.90", "TRADE_SUCCESS")),
    ];
    let mut rows = 0;
    for (reason, query) in &cases {
        for _ in 0..3 {
            assert_eq!(shop.notify(query).await, (200, "success".to_owned()), "{reason}");
        }
        rows += 1;
        let written: Vec<String> =
            shop.table(Table::Orders).into_iter().filter(|o| o.contains(r#""due":{"S":"money#"#)).collect();
        assert_eq!(written.len(), rows, "{reason}: one row for each movement");
        assert!(written.iter().any(|row| row.contains(&format!(r#""why":{{"S":"{reason}"}}"#))), "{reason}");
    }
    assert_eq!(shop.read(&buyer).await.1["status"], "awaiting_payment");
    // The right money still delivers; a second movement for the same attempt is surplus.
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 1);
    shop.pay(&buyer, "T2").await;
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    let doubles = shop.table(Table::Orders).into_iter().filter(|o| o.contains(r#""why":{"S":"double"}"#)).count();
    assert_eq!(doubles, 1);
    assert_eq!(shop.counts("p").await["sold"], 1);
}

/// While the tables do not answer, a provider hears neither "success" nor a refusal.
#[tokio::test(start_paused = true)]
async fn a_notification_during_an_outage_is_asked_for_again() {
    #[derive(Debug)]
    struct Outage(&'static str);
    impl local::seam::Tap for Outage {
        fn fate(&self, call: &local::seam::Call) -> local::seam::Fate {
            if call.operation() == self.0 { local::seam::Fate::LoseRequest } else { local::seam::Fate::Pass }
        }
    }
    let (shop, buyer) = shop_with_an_order(33).await;
    let query = shop.notification(&buyer, "T1");
    for operation in ["UpdateItem", "SendMessage"] {
        let (front, _) = shop.tapped(Arc::new(Outage(operation)));
        let (status, body) = shop::notify(&front, &query).await;
        assert_eq!((status, body.as_str()), (503, "fail"), "while {operation} is out");
    }
    // The write got through before the send failed: the repetition finds it and sends.
    assert_eq!(shop.read(&buyer).await.1["status"], "paid");
    assert_eq!(shop.notify(&query).await, (200, "success".to_owned()));
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 1);
}

/// The helper that signs in these tests is checked against a published vector, so that "well signed" means something.
#[test]
fn the_test_signer_agrees_with_a_published_vector() {
    let vectors: Value = serde_json::from_str(include_str!("../vectors/epay.json")).unwrap();
    let vector = vectors["vectors"].as_array().unwrap().iter().find(|v| v["id"] == "epay-like-alipay-md5-a").unwrap();
    let key = text(vector, "/inputs/key");
    let canonical = text(vector, "/expected/canonical");
    assert_eq!(md5_hex(&format!("{canonical}{key}")), text(vector, "/expected/sign"));
    let query = signed_notification(&[("service", "test"), ("partner", "123")], key);
    assert!(query.contains(&format!("sign={}", text(vector, "/expected/sign"))), "{query}");
    assert_eq!(encode("a b&c=乙"), "a%20b%26c%3D%E4%B9%99");
}
