//! What needs a person: money that settled no order, alarms, a shop that is closed, and what is done about them.

use super::{
    DAY, MINUTE, balance, bought, desk, granted, post, refused, rows, sell, send, shop_with, stands, the_row, trail,
    yuan,
};
use crate::openapi::{Reply, ask, create, request, set_channel_up};
use local::seam::{Call, Fate, Tap};
use serde_json::{Value, json};
use std::sync::Arc;
use tests::shop::{START, wish};
use tests::taps::{Cut, Cutter};
use tests::{Buyer, TestShop, text};

/// The gateway's answers about refunds are lost on their way back; the refunds are made.
#[derive(Debug)]
struct LostAnswers;

impl Tap for LostAnswers {
    fn fate(&self, call: &Call) -> Fate {
        if call.operation() == "/api.php" && call.method == "POST" { Fate::LoseReply } else { Fate::Pass }
    }
}

/// A decision about a row.
async fn decide(shop: &TestShop, row: &Value, action: &str, reference: &str) -> Reply {
    let path = format!("/api/admin/attention/{}", text(row, "/id"));
    sell(shop, "POST", &path, &json!({"action": action, "reference": reference})).await
}

/// An order that was paid twice at the gateway, and delivered once; the row of the second payment.
async fn paid_twice(shop: &TestShop, key: &str) -> (Buyer, Value) {
    let buyer = shop.order(key, "p", 1).await;
    let page = shop.open_pay_page(&buyer).await;
    shop.press(&page, "pay_twice").await;
    shop.deliver_all().await;
    let row = rows(shop).await.into_iter().find(|row| row["order"] == buyer.order.as_str());
    (buyer, row.unwrap())
}

#[tokio::test]
async fn money_that_settles_nothing_is_a_row_each() {
    let shop = shop_with(700, 5).await;
    let buyer = shop.order("an-order-of-strange-money", "p", 1).await;
    let told = async |attempt: &str, trade_no: &str, money: &str| {
        let notice = shop.notification_of(attempt, trade_no, money, "TRADE_SUCCESS");
        // Told three times, it is one row.
        for _ in 0..3 {
            assert_eq!(shop.notify(&notice).await, (200, "success".to_owned()));
        }
        shop.pass(1_000);
    };
    told("no number of ours", "T1", "1.00").await;
    told(&format!("{}9", &buyer.attempt[..26]), "T2", "9.90").await;
    told(&buyer.attempt, "T3", "9.89").await;
    told(&buyer.attempt, "T4", "9.90").await;
    told(&buyer.attempt, "T5", "9.90").await;
    shop.deliver_all().await;
    assert_eq!(stands(&shop, &buyer).await.0, "delivered");
    let rows = rows(&shop).await;
    let seen: Vec<(&str, i64, &str, bool)> = rows
        .iter()
        .map(|row| {
            let minor = row["amount"]["amount_minor"].as_i64().unwrap();
            (text(row, "/reason"), minor, text(row, "/since"), row["order"] == buyer.order.as_str())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("unknown_order", 100, "2026-11-22T00:00:00.000Z", false),
            ("unknown_order", 990, "2026-11-22T00:00:01.000Z", false),
            ("wrong_amount", 989, "2026-11-22T00:00:02.000Z", true),
            ("double", 990, "2026-11-22T00:00:04.000Z", true),
        ]
    );
    for row in &rows {
        assert_eq!((&row["kind"], &row["actions"]), (&json!("money"), &json!(["refund", "refunded", "keep"])));
    }
    // Kept or returned by hand, with a word about it; each is gone then, and the others are not.
    let kept = decide(&shop, &rows[0], "keep", "a gift").await;
    assert_eq!((kept.status, text(&kept.body, "/state"), text(&kept.body, "/reference")), (200, "kept", "a gift"));
    shop.pass(1_000);
    let returned = decide(&shop, &rows[2], "refunded", "transfer 9").await;
    assert_eq!((returned.status, text(&returned.body, "/state")), (200, "refunded"));
    assert_eq!(shop.attention().await.len(), 2);
    for action in ["keep", "refunded", "not_refunded"] {
        refused(&decide(&shop, &rows[0], action, "once more").await, 409, "conflict");
    }
    let deeds: Vec<(String, Option<i64>, String)> =
        trail(&shop).await.into_iter().map(|(what, _, minor, why)| (what, minor, why)).collect();
    let deed = |what: &str, minor, why: &str| (what.to_owned(), Some(minor), why.to_owned());
    assert_eq!(deeds, [deed("row_kept", 100, "a gift"), deed("row_refunded_by_hand", 989, "transfer 9")]);
    // The same money told again stays decided.
    told("no number of ours", "T1", "1.00").await;
    assert_eq!(shop.attention().await.len(), 2);
}

#[tokio::test]
async fn a_second_payment_goes_back_through_its_account() {
    let shop = shop_with(701, 5).await;
    let (buyer, row) = paid_twice(&shop, "an-order-that-is-paid-twice").await;
    assert_eq!((text(&row, "/reason"), balance(&shop).await.as_str()), ("double", "19.80"));
    let reply = decide(&shop, &row, "refund", "").await;
    assert_eq!(
        (reply.status, &reply.body),
        (
            200,
            &json!({
                "id": row["id"], "state": "refunded", "reason": "double", "amount": yuan(990), "reference": "done",
            })
        )
    );
    assert_eq!((balance(&shop).await.as_str(), rows(&shop).await.len()), ("9.90", 0));
    refused(&decide(&shop, &row, "refund", "").await, 409, "conflict");
    assert_eq!((balance(&shop).await.as_str(), stands(&shop, &buyer).await.0.as_str()), ("9.90", "delivered"));
    assert_eq!(trail(&shop).await.last().unwrap().0, "row_refund");
    // The first payment is the order's own, and it can still go back.
    granted(&sell(&shop, "POST", &desk(&buyer, "/refund"), &json!({})).await, 200);
    assert_eq!(balance(&shop).await, "0.00");
}

#[tokio::test]
async fn two_clicks_on_a_row_are_one() {
    let shop = shop_with(702, 5).await;
    let (_, row) = paid_twice(&shop, "an-order-of-two-clicks").await;
    let (token, path) = (shop.sign_in().await, format!("/api/admin/attention/{}", text(&row, "/id")));
    let fronts = [shop.instance(), shop.instance(), shop.instance()];
    let click = |n: usize| ask(&fronts[n], request("POST", &path, &token, r#"{"action": "refund"}"#), "127.0.0.1");
    let (a, b, c) = tokio::join!(click(0), click(1), click(2));
    for reply in [&a, &b, &c] {
        assert!([200, 409].contains(&reply.status), "{}", reply.body);
    }
    assert_eq!((balance(&shop).await.as_str(), rows(&shop).await.len()), ("9.90", 0));
}

#[tokio::test(start_paused = true)]
async fn a_row_without_an_answer_is_asked_about_and_not_sent_again() {
    let shop = shop_with(703, 5).await;
    let (_, row) = paid_twice(&shop, "an-order-and-a-lost-word").await;
    let (deaf, _) = shop.tapped(Arc::new(LostAnswers));
    let (token, path) = (shop.sign_in().await, format!("/api/admin/attention/{}", text(&row, "/id")));
    let reply = ask(&deaf, request("POST", &path, &token, r#"{"action": "refund"}"#), "127.0.0.1").await;
    assert_eq!((reply.status, text(&reply.body, "/state")), (200, "refunding"), "{}", reply.body);
    let waiting = the_row(&shop).await;
    assert_eq!(
        (&waiting["id"], &waiting["kind"], &waiting["actions"]),
        (&row["id"], &json!("money_refund_unanswered"), &json!(["refunded", "not_refunded"]))
    );
    for action in ["refund", "keep"] {
        refused(&decide(&shop, &row, action, "impatient").await, 409, "conflict");
    }
    // The gateway says that it went back, when it is asked.
    shop.minutes(11).await;
    assert_eq!((rows(&shop).await.len(), balance(&shop).await.as_str()), (0, "9.90"));

    // Of money that the gateway does not know there is no such word; a person looks.
    let buyer = bought(&shop, "an-order-and-money-from-afar", 1).await;
    shop.pay(&buyer, "FAR-1").await;
    let far = the_row(&shop).await;
    let lost = format!("/api/admin/attention/{}", text(&far, "/id"));
    let reply = ask(&deaf, request("POST", &lost, &token, r#"{"action": "refund"}"#), "127.0.0.1").await;
    assert_eq!(text(&reply.body, "/state"), "refunding");
    shop.minutes(30).await;
    assert_eq!(the_row(&shop).await["kind"], "money_refund_unanswered");
    let reply = decide(&shop, &far, "not_refunded", "seen by Li").await;
    assert_eq!((reply.status, text(&reply.body, "/state")), (200, "open"));
    let open = the_row(&shop).await;
    assert_eq!((&open["kind"], &open["note"]), (&json!("money"), &json!("seen by Li")));
    granted(&decide(&shop, &open, "keep", "nobody claims it").await, 200);
}

#[tokio::test]
async fn an_account_that_cannot_send_back_says_so() {
    let shop = shop_with(704, 5).await;
    set_channel_up(&shop, "second").await;
    let notice = shop.notification_of("no number of ours", "T1", "1.00", "TRADE_SUCCESS");
    let reply = send(&shop, request("GET", &format!("/webhooks/second?{notice}"), "", "")).await;
    assert_eq!(reply.status, 200);
    let row = the_row(&shop).await;
    assert_eq!(row["actions"], json!(["refunded", "keep"]));
    refused(&decide(&shop, &row, "refund", "").await, 409, "refund_by_hand");
    assert_eq!((the_row(&shop).await, trail(&shop).await.len()), (row.clone(), 0));
    for (action, reference, member, code) in [
        ("", "x", "action", "required"),
        ("burn", "x", "action", "unknown"),
        ("keep", "", "reference", "required"),
        ("refunded", " ", "reference", "required"),
    ] {
        let reply = decide(&shop, &row, action, reference).await;
        assert_eq!(reply.errors(), [(member, code)], "{action}");
    }
    for id in ["52", "5200", "zz", "x", "000", "414243"] {
        let reply = decide(&shop, &json!({ "id": id }), "keep", "nothing is there").await;
        refused(&reply, 404, "not_found");
    }
    granted(&decide(&shop, &row, "refunded", "transfer 10").await, 200);
}

/// Creates that died between the claim and the order, more of them than a pass gives up by itself.
#[tokio::test(start_paused = true)]
async fn an_alarm_waits_for_a_person() {
    let shop = shop_with(705, 9).await;
    for n in 0..7 {
        // Whichever call it is after which the card is claimed and the order not written.
        for at in 1..20 {
            let cutter = Arc::new(Cutter::new(at, Cut::Before));
            let (front, _) = shop.tapped(cutter.clone());
            let key = format!("a-create-that-died-{n}-{at:02}");
            let died = cutter.run(ask(&front, create(&key, &wish("p", 1)), "127.0.0.1")).await.is_none();
            let counts = shop.counts("p").await;
            if died && counts["held"] == n + 1 {
                break;
            }
            assert!(died, "no call was left to cut");
        }
    }
    assert_eq!(shop.counts("p").await["held"], 7);
    shop.tick().await;
    assert_eq!(rows(&shop).await, [Value::Null; 0]);
    shop.minutes(7).await;
    let row = the_row(&shop).await;
    assert_eq!(
        (&row["kind"], &row["reason"], &row["note"], &row["actions"], row.get("order")),
        (&json!("alarm"), &json!("ownerless_claims"), &json!("p: 7"), &json!(["confirm"]), None)
    );
    shop.minutes(30).await;
    assert_eq!(shop.counts("p").await["held"], 7, "nothing is released before a person has looked");
    let reply = decide(&shop, &row, "confirm", "the gateway was down").await;
    assert_eq!((reply.status, &reply.body), (200, &json!({"id": row["id"], "state": "confirmed"})));
    assert_eq!(rows(&shop).await, [Value::Null; 0]);
    shop.minutes(1).await;
    assert_eq!(shop.counts("p").await["held"], 0);
    let deed = ("alarm_confirmed".to_owned(), "p ownerless_claims".to_owned(), None, "the gateway was down".to_owned());
    assert_eq!(trail(&shop).await, [deed]);
    refused(&decide(&shop, &row, "confirm", "").await, 404, "not_found");
}

#[tokio::test]
async fn a_restored_shop_takes_money_in_and_gives_nothing_out() {
    let shop = shop_with(706, 5).await;
    let buyer = shop.order("an-order-before-the-restore", "p", 1).await;
    let delivered = bought(&shop, "a-delivered-order-before-it", 1).await;
    let page = shop.open_pay_page(&buyer).await;
    let token = shop.sign_in().await;
    let path = "/api/admin/restored";
    for (body, code) in [(json!({}), "required"), (json!({"reference": 1}), "not_text")] {
        assert_eq!(post(&shop, path, &token, &body).await.errors(), [("reference", code)]);
    }
    let closed = post(&shop, path, &token, &json!({"reference": "restored to 04:00"})).await;
    assert_eq!((closed.status, &closed.body), (200, &json!({"state": "closed"})));
    let row = the_row(&shop).await;
    assert_eq!(
        (&row["id"], &row["kind"], &row["reason"], &row["actions"]),
        (&json!("shop"), &json!("shop_closed"), &json!("restored"), &json!(["wait_for_audit"]))
    );
    let reply = send(&shop, create("an-order-in-a-closed-shop", &wish("p", 1))).await;
    refused(&reply, 503, "shop_closed");
    assert_eq!(reply.header("retry-after"), Some("60"));
    refused(&sell(&shop, "POST", &desk(&delivered, "/refund"), &json!({})).await, 503, "shop_closed");
    // Money is heard, and waits; whoever has bought before reads on.
    shop.press(&page, "pay").await;
    shop.deliver_all().await;
    assert_eq!(stands(&shop, &buyer).await, ("paid".to_owned(), "fetching".to_owned()));
    assert_eq!(shop.keys(&delivered).await.len(), 1);
    assert!(shop.tick().await.closed);
    // A clean audit of everything opens it.
    let report = shop.app.audit(app::Scope::Restored, i64::MAX).await.unwrap().unwrap();
    assert_eq!((report.differences, report.unanswered), (0, 0), "{report:?}");
    shop.pass(MINUTE);
    shop.tick().await;
    shop.deliver_all().await;
    assert_eq!((rows(&shop).await.len(), shop.keys(&buyer).await.len()), (0, 1));
    granted(&send(&shop, create("an-order-in-an-open-shop", &wish("p", 1))).await, 201);
    let reports = sell(&shop, "GET", "/api/admin/reports/audit", &json!({})).await;
    assert_eq!(text(&reports.body, "/reports/0/scope"), "restored");
    let deeds = trail(&shop).await;
    let deed = ("shop_closed_after_restore".to_owned(), "shop".to_owned(), None, "restored to 04:00".to_owned());
    assert_eq!(deeds, [deed]);
}

#[tokio::test]
async fn the_trail_is_kept_by_the_month() {
    let shop = shop_with(707, 1).await;
    let removed = async |card: &str| {
        let token = shop.sign_in().await;
        granted(&send(&shop, request("DELETE", "/api/admin/products/p/cards", &token, card)).await, 200);
    };
    removed("CARD-00001").await;
    shop.pass(DAY * 9);
    removed("NO-SUCH-CARD").await;
    let of = async |query: &str| {
        let token = shop.sign_in().await;
        let reply = send(&shop, request("GET", &format!("/api/admin/trail{query}"), &token, "")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["entries"].as_array().unwrap().iter().map(|e| text(e, "/at").to_owned()).collect::<Vec<_>>()
    };
    let (november, december) = ("2026-11-22T00:00:00.000Z", "2026-12-01T00:00:00.000Z");
    assert_eq!(of("").await, [december]);
    assert_eq!(of(&format!("?at={}", START)).await, [november]);
    assert_eq!(of(&format!("?at={}", START + 9 * DAY - 1)).await, [november]);
    assert_eq!(of(&format!("?at={}", START + 9 * DAY)).await, [december]);
    assert_eq!(of("?at=0").await, [""; 0]);
    shop.pass(DAY * 31);
    assert_eq!(of("").await, [""; 0]);
    let token = shop.sign_in().await;
    for at in ["", "-1", "x", "1.5", "253402300800000", "2026-11-22T00:00:00Z"] {
        let reply = send(&shop, request("GET", &format!("/api/admin/trail?at={at}"), &token, "")).await;
        refused(&reply, 400, "bad_request");
    }
}
