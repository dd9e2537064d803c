//! Money on its way back to a buyer. What went back is read at the gateway, which keeps its own books.

use super::attention::deeds;
use super::{
    LostAnswers, MINUTE, balance, bought, desk, get, granted, of, paid, product, refused, rows, sell, send, shop_with,
    stands, stock, the_row, yuan,
};
use crate::openapi::{Reply, ask, give_up, request, set_channel_up};
use http::Request;
use local::seam::{Call, Fate, Tap};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tests::shop::cards;
use tests::{Buyer, TestShop, text};

/// A gateway that takes two seconds for the first refund it is asked for.
#[derive(Debug, Default)]
struct SlowAtFirst(AtomicBool);

impl Tap for SlowAtFirst {
    fn fate(&self, call: &Call) -> Fate {
        if call.operation() == "/api.php" && call.method == "POST" && !self.0.swap(true, Ordering::SeqCst) {
            return Fate::Delay(Duration::from_secs(2));
        }
        Fate::Pass
    }
}

/// A refund with a key, or without one.
async fn asked(shop: &TestShop, buyer: &Buyer, key: &str, body: &Value) -> Request<Vec<u8>> {
    let token = shop.sign_in().await;
    let mut asked = request("POST", &desk(buyer, "/refund"), &token, body.to_string());
    if !key.is_empty() {
        asked.headers_mut().insert("idempotency-key", key.parse().unwrap());
    }
    asked
}

async fn refund(shop: &TestShop, buyer: &Buyer, key: &str, body: &Value) -> Reply {
    send(shop, asked(shop, buyer, key, body).await).await
}

/// Number, state and amount of each refund.
fn refunds(order: &Value) -> Vec<(u64, &str, i64)> {
    let all = order["refunds"].as_array().unwrap_or_else(|| panic!("{order}")).iter();
    let told = |r: &'_ Value| (r["number"].as_u64().unwrap(), r["amount"]["amount_minor"].as_i64().unwrap());
    all.map(|r| (told(r).0, text(r, "/state"), told(r).1)).collect()
}

/// What the buyer reads about money that goes back: state, amount, returned.
async fn seen(shop: &TestShop, buyer: &Buyer) -> (String, i64, i64) {
    let refund = &shop.read(buyer).await.1["refund"];
    let minor = |name: &str| refund[name]["amount_minor"].as_i64().unwrap();
    (text(refund, "/state").to_owned(), minor("amount"), minor("returned"))
}

#[tokio::test]
async fn a_delivered_order_is_refunded_in_parts() {
    let shop = shop_with(660, 3).await;
    let buyer = bought(&shop, "an-order-refunded-in-parts", 2).await;
    assert_eq!((shop.read(&buyer).await.1.get("refund"), balance(&shop).await.as_str()), (None, "19.80"));
    // Part of it goes back only under a key, so that two clicks are one.
    refused(&refund(&shop, &buyer, "", &json!({"amount": yuan(500)})).await, 400, "idempotency_key_invalid");
    for key in ["too-short", &"k".repeat(256), "with\ta tabulator in it"] {
        refused(&refund(&shop, &buyer, key, &json!({"amount": yuan(500)})).await, 400, "idempotency_key_invalid");
    }
    assert_eq!(balance(&shop).await, "19.80");
    let first = refund(&shop, &buyer, "the-first-part-goes-back", &json!({"amount": yuan(500)})).await;
    granted(&first, 200);
    assert_eq!(refunds(&first.body), [(1, "done", 500)]);
    assert_eq!((balance(&shop).await.as_str(), seen(&shop, &buyer).await), ("14.80", ("done".to_owned(), 500, 500)));
    for _ in 0..3 {
        let again = refund(&shop, &buyer, "the-first-part-goes-back", &json!({"amount": yuan(500)})).await;
        assert_eq!((again.status, &again.body), (200, &first.body));
    }
    assert_eq!(balance(&shop).await, "14.80");
    // Another key is another refund; more than is left is none.
    shop.pass(1_000);
    let second = refund(&shop, &buyer, "the-second-part-goes-back", &json!({"amount": yuan(500)})).await;
    assert_eq!(refunds(&second.body), [(1, "done", 500), (2, "done", 500)]);
    for (n, minor) in [981, 1_980, i64::MAX, 0, -1].into_iter().enumerate() {
        let reply = refund(&shop, &buyer, &format!("more-than-is-left-{n}"), &json!({"amount": yuan(minor)})).await;
        assert_eq!(reply.errors(), [("amount", "not_what_is_left")], "{minor}");
    }
    let yen = json!({"amount": {"amount_minor": 1, "currency": "JPY"}});
    assert_eq!(refund(&shop, &buyer, "money-of-another-country", &yen).await.errors(), [("amount", "currency")]);
    for wrong in [json!(5), json!("5.00"), json!({"amount_minor": 5.5, "currency": "CNY"}), json!({"currency": "CNY"})]
    {
        let reply = refund(&shop, &buyer, "what-is-not-even-money", &json!({ "amount": wrong })).await;
        assert_eq!(reply.errors(), [("amount", "not_money")], "{wrong}");
    }
    assert_eq!(balance(&shop).await, "9.80");
    shop.pass(1_000);
    // What is left, without saying how much; then nothing is.
    let last = refund(&shop, &buyer, "and-all-that-is-left", &json!({})).await;
    assert_eq!(refunds(&last.body)[2], (3, "done", 980));
    for (key, body) in [
        ("nothing-is-left-of-it", json!({})),
        ("", json!({})),
        ("not-even-one-fen-of-it", json!({"amount": yuan(1)})),
        ("and-not-all-of-it-again", json!({"amount": yuan(1_980)})),
    ] {
        assert_eq!(refund(&shop, &buyer, key, &body).await.errors(), [("amount", "not_what_is_left")], "{key} {body}");
    }
    assert_eq!(sell(&shop, "GET", &desk(&buyer, ""), &json!({})).await.body["refunds"], last.body["refunds"]);
    assert_eq!((balance(&shop).await.as_str(), seen(&shop, &buyer).await), ("0.00", ("done".to_owned(), 1_980, 1_980)));
    // A delivered order stays delivered, and its cards stay the buyer's.
    let order = shop.read(&buyer).await.1;
    assert_eq!(order["status"], "delivered");
    let events: Vec<&str> = order["timeline"].as_array().unwrap().iter().map(|e| text(e, "/event")).collect();
    let expected = ["created", "paid", "delivered", "refund_started", "refund_started", "refund_started"];
    assert_eq!(events, expected);
    assert_eq!(shop.keys(&buyer).await.len(), 2);
    let written: Vec<_> = deeds(&shop).await.into_iter().map(|(what, _, amount, _)| (what, amount)).collect();
    let refund = |minor| ("refund".to_owned(), Some(yuan(minor)));
    assert_eq!(written, [refund(500), refund(500), refund(980)]);
    assert_eq!(rows(&shop).await, [Value::Null; 0]);
    assert_eq!(shop.audit().await.differences, 0);
}

#[tokio::test]
async fn requests_that_come_at_once_send_no_more_back_than_was_paid() {
    let shop = shop_with(661, 9).await;
    let one = bought(&shop, "an-order-and-two-clicks", 1).await;
    let fronts = [shop.instance(), shop.instance(), shop.instance(), shop.instance()];
    let whole = async |n: usize| ask(&fronts[n], asked(&shop, &one, "", &json!({})).await, "127.0.0.1").await;
    let (a, b, c, d) = tokio::join!(whole(0), whole(1), whole(2), whole(3));
    for reply in [&a, &b, &c, &d] {
        granted(reply, 200);
    }
    let read = sell(&shop, "GET", &desk(&one, ""), &json!({})).await;
    assert_eq!((refunds(&read.body), balance(&shop).await.as_str()), (vec![(1, "done", 990)], "0.00"));

    let two = bought(&shop, "an-order-and-four-parts", 1).await;
    let part = async |n: usize| {
        let asked = asked(&shop, &two, &format!("a-part-of-its-own-{n}"), &json!({"amount": yuan(600)})).await;
        ask(&fronts[n], asked, "127.0.0.1").await
    };
    let (a, b, c, d) = tokio::join!(part(0), part(1), part(2), part(3));
    let made = [&a, &b, &c, &d].iter().filter(|reply| reply.status == 200).count();
    for reply in [&a, &b, &c, &d] {
        assert!([200, 409, 422].contains(&reply.status), "{}", reply.body);
    }
    let read = sell(&shop, "GET", &desk(&two, ""), &json!({})).await;
    assert_eq!((made, refunds(&read.body), balance(&shop).await.as_str()), (1, vec![(1, "done", 600)], "3.90"));
}

#[tokio::test]
async fn an_order_that_is_not_delivered_goes_back_whole() {
    let shop = shop_with(662, 3).await;
    let buyer = paid(&shop, "an-order-nobody-delivers", 2).await;
    assert_eq!((stock(&shop).await, balance(&shop).await.as_str()), ((1, 2), "19.80"));
    let reply = refund(&shop, &buyer, "", &json!({})).await;
    granted(&reply, 200);
    assert_eq!((&reply.body["status"], refunds(&reply.body)), (&json!("refunded"), vec![(1, "done", 1_980)]));
    assert_eq!((stock(&shop).await, balance(&shop).await.as_str()), ((3, 0), "0.00"));
    assert_eq!(seen(&shop, &buyer).await, ("done".to_owned(), 1_980, 1_980));
    // The message that was on its way to delivery finds that it is too late.
    shop.deliver_all().await;
    assert_eq!(stands(&shop, &buyer).await.0, "refunded");
    refused(&get(&shop, &of(&buyer, "keys"), &buyer.token).await, 409, "not_delivered");
    // A second click changes nothing.
    let again = refund(&shop, &buyer, "", &json!({})).await;
    assert_eq!((again.status, &again.body), (200, &reply.body));
    assert_eq!(balance(&shop).await, "0.00");
    let deed = |what: &str| (what.to_owned(), buyer.order.clone(), Some(yuan(1_980)), String::new());
    assert_eq!(deeds(&shop).await, [deed("refund_undelivered"), deed("refund")]);
    assert_eq!(shop.audit().await.differences, 0);
}

/// Whoever asks for what cannot be has decided nothing: the order is not owed back, and its buyer gets the goods.
#[tokio::test]
async fn a_refund_that_is_refused_leaves_a_paid_order_paid() {
    let shop = shop_with(667, 5).await;
    let buyer = paid(&shop, "an-order-nobody-may-take-away", 2).await;
    let in_cash = shop.order("an-order-paid-in-cash", "p", 1).await;
    let said = json!({"amount": yuan(990), "reference": "till slip 7"});
    granted(&sell(&shop, "POST", &desk(&in_cash, "/attest"), &said).await, 200);
    let before = shop.tables();
    // A part of it, or more than all of it.
    refused(&refund(&shop, &buyer, "", &json!({"amount": yuan(990)})).await, 400, "idempotency_key_invalid");
    refused(&refund(&shop, &buyer, "too-short", &json!({})).await, 400, "idempotency_key_invalid");
    for minor in [990, 1_979, 1_981, i64::MAX, 0, -1] {
        for by_hand in [false, true] {
            let body = json!({"amount": yuan(minor), "by_hand": by_hand, "reference": "in cash"});
            let reply = refund(&shop, &buyer, "a-part-or-more-than-all", &body).await;
            assert_eq!(reply.errors(), [("amount", "not_what_is_left")], "{body}");
        }
    }
    for (body, member, code) in [
        (json!({"amount": {"amount_minor": 1_980, "currency": "JPY"}}), "amount", "currency"),
        (json!({"amount": "19.80"}), "amount", "not_money"),
        (json!({"by_hand": true}), "reference", "required"),
        (json!({"by_hand": "no"}), "by_hand", "not_a_choice"),
    ] {
        assert_eq!(refund(&shop, &buyer, "", &body).await.errors(), [(member, code)], "{body}");
    }
    // No provider can return what the owner vouched for.
    refused(&refund(&shop, &in_cash, "", &json!({})).await, 409, "refund_by_hand");
    refused(&refund(&shop, &in_cash, "all-of-it-under-a-key", &said).await, 409, "refund_by_hand");
    assert_eq!(shop.tables(), before);
    for buyer in [&buyer, &in_cash] {
        assert_eq!(stands(&shop, buyer).await, ("paid".to_owned(), "fetching".to_owned()));
    }
    shop.deliver_all().await;
    for (buyer, keys) in [(&buyer, 2), (&in_cash, 1)] {
        assert_eq!(shop.keys(buyer).await.len(), keys);
        assert_eq!(shop.read(buyer).await.1.get("refund"), None);
    }
    assert_eq!((balance(&shop).await.as_str(), rows(&shop).await.len()), ("19.80", 0));
    assert_eq!(shop.audit().await.differences, 0);
}

#[tokio::test]
async fn a_key_stands_for_one_refund() {
    let shop = shop_with(668, 5).await;
    let (one, other) = (bought(&shop, "an-order-and-its-key", 2).await, bought(&shop, "another-order-and-it", 1).await);
    let (key, part) = ("a-key-for-one-refund-only", json!({"amount": yuan(500)}));
    let first = refund(&shop, &one, key, &part).await;
    assert_eq!(refunds(&first.body), [(1, "done", 500)]);
    for body in [
        json!({"amount": yuan(501)}),
        json!({"amount": yuan(1_480)}),
        json!({"amount": yuan(1_980)}),
        json!({"amount": yuan(500), "by_hand": true, "reference": "in cash"}),
    ] {
        refused(&refund(&shop, &one, key, &body).await, 422, "idempotency_key_reused");
    }
    let again = refund(&shop, &one, key, &part).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    // Another order's refunds have keys of their own.
    assert_eq!(refunds(&refund(&shop, &other, key, &json!({})).await.body), [(1, "done", 990)]);
    assert_eq!(balance(&shop).await, "14.80");
    // Neither is what was registered by hand sent through the account.
    let by_hand = json!({"amount": yuan(400), "by_hand": true, "reference": "in cash"});
    let key = "a-key-for-one-deed-by-hand";
    assert_eq!(refunds(&refund(&shop, &one, key, &by_hand).await.body)[1], (2, "done", 400));
    refused(&refund(&shop, &one, key, &json!({"amount": yuan(400)})).await, 422, "idempotency_key_reused");
    assert_eq!((balance(&shop).await.as_str(), deeds(&shop).await.len()), ("14.80", 3));
}

#[tokio::test]
async fn all_that_is_left_is_one_refund_however_often_it_is_asked_for() {
    let shop = shop_with(669, 5).await;
    let buyer = bought(&shop, "an-order-and-many-clicks", 2).await;
    granted(&refund(&shop, &buyer, "the-first-part-goes-back", &json!({"amount": yuan(500)})).await, 200);
    let rest = refund(&shop, &buyer, "", &json!({})).await;
    assert_eq!(refunds(&rest.body), [(1, "done", 500), (2, "done", 1_480)]);
    let other = bought(&shop, "an-order-and-the-whole-of-it", 1).await;
    let whole = refund(&shop, &other, "", &json!({"amount": yuan(990)})).await;
    assert_eq!(refunds(&whole.body), [(1, "done", 990)]);
    for minutes in [0, 1, 1_000] {
        shop.pass(minutes * MINUTE);
        shop.tick().await;
        let again = refund(&shop, &buyer, "", &json!({})).await;
        assert_eq!((again.status, &again.body["refunds"]), (200, &rest.body["refunds"]));
        // To name the whole amount, or to leave it out, is the same wish.
        for body in [json!({}), json!({"amount": yuan(990)})] {
            let again = refund(&shop, &other, "", &body).await;
            assert_eq!((again.status, &again.body["refunds"]), (200, &whole.body["refunds"]), "{body}");
        }
    }
    assert_eq!((balance(&shop).await.as_str(), deeds(&shop).await.len()), ("0.00", 3));
}

/// What the gateway said about one part is written down although another part came in while it was asked.
#[tokio::test(start_paused = true)]
async fn parts_that_overlap_both_end() {
    let shop = shop_with(670, 3).await;
    let buyer = bought(&shop, "an-order-of-two-clerks", 2).await;
    let (slow, _) = shop.tapped(Arc::new(SlowAtFirst::default()));
    let first = asked(&shop, &buyer, "the-part-of-the-first-clerk", &json!({"amount": yuan(500)})).await;
    let second = asked(&shop, &buyer, "the-part-of-the-second-clerk", &json!({"amount": yuan(700)})).await;
    let (first, second) = tokio::join!(ask(&slow, first, "127.0.0.1"), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(seen(&shop, &buyer).await, ("under_way".to_owned(), 500, 0));
        send(&shop, second).await
    });
    granted(&second, 200);
    assert_eq!(refunds(&second.body), [(1, "started", 500), (2, "done", 700)]);
    granted(&first, 200);
    assert_eq!(refunds(&first.body), [(1, "done", 500), (2, "done", 700)]);
    assert_eq!(seen(&shop, &buyer).await, ("done".to_owned(), 1_200, 1_200));
    assert_eq!((balance(&shop).await.as_str(), rows(&shop).await.len()), ("7.80", 0));
    assert_eq!(shop.audit().await.differences, 0);
}

#[tokio::test]
async fn only_paid_orders_are_refunded() {
    let shop = shop_with(663, 3).await;
    // An id that was given up before there was an order.
    let void = give_up(&shop, "an-order-that-never-was", "p").await;
    refused(&sell(&shop, "GET", &format!("/api/admin/orders/{void}"), &json!({})).await, 404, "not_found");
    let waiting = shop.order("an-order-without-money", "p", 1).await;
    refused(&refund(&shop, &waiting, "", &json!({})).await, 409, "conflict");
    granted(&send(&shop, request("POST", &of(&waiting, "cancel"), &waiting.token, "")).await, 200);
    refused(&refund(&shop, &waiting, "", &json!({})).await, 409, "conflict");
    for id in ["000000000000000000000000", "not-an-id"] {
        let path = format!("/api/admin/orders/{id}");
        refused(&sell(&shop, "GET", &path, &json!({})).await, 404, "not_found");
        refused(&sell(&shop, "POST", &format!("{path}/refund"), &json!({})).await, 404, "not_found");
    }
    // Neither is what only an order's token opens.
    for tail in ["", "/refund", "/review", "/attest"] {
        let method = if tail.is_empty() { "GET" } else { "POST" };
        refused(&send(&shop, request(method, &desk(&waiting, tail), &waiting.token, "{}")).await, 401, "unauthorized");
    }
    assert_eq!(deeds(&shop).await.len(), 0);
}

#[tokio::test]
async fn what_was_returned_by_hand_is_registered() {
    let shop = TestShop::new(664).await;
    set_channel_up(&shop, "second").await;
    let mut made = product("p");
    made["channels"] = json!(["second"]);
    granted(&sell(&shop, "POST", "/api/admin/products", &made).await, 201);
    shop.cards("p", &cards("CARD", 3), "").await;
    let mut wish = tests::shop::wish("p", 1);
    wish["channel"] = "second".into();
    let (status, answer) = shop.create("an-order-on-the-second-way", &wish).await;
    assert_eq!(status, 201, "{answer}");
    let buyer = Buyer::from(&answer);
    let page = shop.open_pay_page(&buyer).await;
    shop.press(&page, "pay").await;
    shop.deliver_all().await;
    // This account cannot send money back, and says so without a trace.
    let before = shop.tables();
    refused(&refund(&shop, &buyer, "", &json!({})).await, 409, "refund_by_hand");
    for (reference, code) in [
        (json!(null), "required"),
        (json!("   "), "required"),
        (json!("x".repeat(65)), "length"),
        (json!("二".repeat(22)), "length"),
        (json!("two\nlines"), "malformed"),
        (json!(7), "not_text"),
    ] {
        let body = json!({"by_hand": true, "reference": reference});
        assert_eq!(refund(&shop, &buyer, "", &body).await.errors(), [("reference", code)], "{reference}");
    }
    assert_eq!(shop.tables(), before);
    let said = json!({"amount": yuan(400), "by_hand": true, "reference": " bank transfer 7 "});
    let reply = refund(&shop, &buyer, "the-part-that-was-returned", &said).await;
    granted(&reply, 200);
    assert_eq!(refunds(&reply.body), [(1, "done", 400)]);
    let entry = &reply.body["refunds"][0];
    assert_eq!((&entry["by_hand"], &entry["reference"]), (&json!(true), &json!("bank transfer 7")));
    let again = refund(&shop, &buyer, "the-part-that-was-returned", &said).await;
    assert_eq!(again.body, reply.body);
    let deed = ("refund_by_hand".to_owned(), buyer.order.clone(), Some(yuan(400)), "bank transfer 7".to_owned());
    assert_eq!(deeds(&shop).await, [deed]);
    assert_eq!(seen(&shop, &buyer).await, ("done".to_owned(), 400, 400));
    assert_eq!(balance(&shop).await, "9.90", "nothing was sent back at the gateway");
}

#[tokio::test(start_paused = true)]
async fn a_refund_without_an_answer_is_never_sent_again() {
    let shop = shop_with(665, 3).await;
    let buyer = bought(&shop, "an-order-and-a-lost-answer", 1).await;
    let (deaf, _) = shop.tapped(Arc::new(LostAnswers));
    let part = json!({"amount": yuan(300)});
    let sent = asked(&shop, &buyer, "a-part-without-an-answer", &part).await;
    let reply = ask(&deaf, sent, "127.0.0.1").await;
    granted(&reply, 200);
    assert_eq!((refunds(&reply.body), balance(&shop).await.as_str()), (vec![(1, "started", 300)], "6.90"));
    assert_eq!(seen(&shop, &buyer).await, ("under_way".to_owned(), 300, 0));
    // The same click again, and an hour of the timer: it is not sent a second time.
    let again = refund(&shop, &buyer, "a-part-without-an-answer", &part).await;
    assert_eq!((again.status, &again.body), (200, &reply.body));
    shop.minutes(60).await;
    assert_eq!(balance(&shop).await, "6.90");
    // What is under way counts as gone when more is asked for.
    let reply = refund(&shop, &buyer, "more-than-is-surely-left", &json!({"amount": yuan(700)})).await;
    assert_eq!(reply.errors(), [("amount", "not_what_is_left")]);
    let row = the_row(&shop).await;
    assert_eq!(
        (&row["kind"], &row["amount"], &row["note"], &row["actions"]),
        (&json!("refund_unanswered"), &yuan(300), &json!("1"), &json!(["refund_done", "refund_failed"]))
    );
    // A person has looked at the gateway's own pages.
    for (member, value, code) in [
        ("outcome", json!(null), "required"),
        ("outcome", json!("perhaps"), "unknown"),
        ("number", json!("1"), "unknown"),
        ("number", json!(256), "unknown"),
        ("reference", json!(null), "required"),
    ] {
        let said = json!({"number": 1, "outcome": "done", "reference": "seen by Li"});
        let reply = refund(&shop, &buyer, "", &super::with(&said, member, value.clone())).await;
        assert_eq!(reply.errors(), [(member, code)], "{value}");
    }
    for number in [0, 2] {
        let said = json!({"number": number, "outcome": "done", "reference": "seen by Li"});
        refused(&refund(&shop, &buyer, "", &said).await, 409, "conflict");
    }
    let said = json!({"number": 1, "outcome": "done", "reference": "seen by Li"});
    let reply = refund(&shop, &buyer, "", &said).await;
    assert_eq!(
        (refunds(&reply.body), &reply.body["refunds"][0]["reference"]),
        (vec![(1, "done", 300)], &json!("seen by Li"))
    );
    assert_eq!(rows(&shop).await, [Value::Null; 0]);
    assert_eq!(deeds(&shop).await.last().unwrap().0, "refund_seen_done");
    assert_eq!(seen(&shop, &buyer).await, ("done".to_owned(), 300, 300));
}

/// How a refund ended is said once; said again it is the same, and said otherwise it is refused.
#[tokio::test]
async fn a_refund_that_has_ended_stays_ended() {
    let shop = shop_with(671, 5).await;
    let done = bought(&shop, "an-order-whose-money-went-back", 1).await;
    // The gateway knows nothing of this money, so it refuses.
    let failed = shop.order("an-order-of-unknown-money", "p", 1).await;
    shop.pay(&failed, "ELSEWHERE-1").await;
    shop.deliver_all().await;
    let (deaf, _) = shop.tapped(Arc::new(LostAnswers));
    let seen_to_fail = bought(&shop, "an-order-and-a-lost-answer", 1).await;
    let lost = asked(&shop, &seen_to_fail, "a-part-without-an-answer", &json!({"amount": yuan(300)})).await;
    assert_eq!(refunds(&ask(&deaf, lost, "127.0.0.1").await.body), [(1, "started", 300)]);
    let said = |outcome: &str| json!({"number": 1, "outcome": outcome, "reference": "seen by Li"});
    granted(&refund(&shop, &seen_to_fail, "", &said("failed")).await, 200);
    for buyer in [&done, &failed] {
        granted(&refund(&shop, buyer, "", &json!({})).await, 200);
    }
    let before = shop.tables();
    for (buyer, ended, otherwise) in
        [(&done, "done", "failed"), (&failed, "failed", "done"), (&seen_to_fail, "failed", "done")]
    {
        let stands = sell(&shop, "GET", &desk(buyer, ""), &json!({})).await;
        assert_eq!(stands.body["refunds"][0]["state"], ended);
        let reply = refund(&shop, buyer, "", &said(ended)).await;
        assert_eq!((reply.status, &reply.body), (200, &stands.body));
        refused(&refund(&shop, buyer, "", &said(otherwise)).await, 409, "conflict");
    }
    assert_eq!(shop.tables(), before, "not even in the trail");
}

#[tokio::test(start_paused = true)]
async fn a_refund_that_failed_may_be_tried_again() {
    let shop = shop_with(666, 3).await;
    // The gateway knows nothing of this money, so it refuses.
    let buyer = shop.order("an-order-of-unknown-money", "p", 1).await;
    shop.pay(&buyer, "ELSEWHERE-1").await;
    shop.deliver_all().await;
    let reply = refund(&shop, &buyer, "", &json!({})).await;
    granted(&reply, 200);
    assert_eq!(refunds(&reply.body), [(1, "failed", 990)]);
    assert_eq!(seen(&shop, &buyer).await, ("none".to_owned(), 0, 0));
    let said = json!({"by_hand": true, "reference": "in cash"});
    let reply = refund(&shop, &buyer, "", &said).await;
    assert_eq!(refunds(&reply.body), [(1, "failed", 990), (2, "done", 990)]);
    assert_eq!(seen(&shop, &buyer).await, ("done".to_owned(), 990, 990));
    // A whole refund whose answer was lost is found at the gateway by the timer.
    let other = bought(&shop, "an-order-found-at-the-gateway", 1).await;
    let (deaf, _) = shop.tapped(Arc::new(LostAnswers));
    let reply = ask(&deaf, asked(&shop, &other, "", &json!({})).await, "127.0.0.1").await;
    assert_eq!(refunds(&reply.body), [(1, "started", 990)]);
    shop.minutes(11).await;
    let read = sell(&shop, "GET", &desk(&other, ""), &json!({})).await;
    assert_eq!(refunds(&read.body), [(1, "done", 990)]);
    assert_eq!(rows(&shop).await, [Value::Null; 0]);
}
