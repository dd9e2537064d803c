//! What needs a person: money that settled no order, alarms, a shop that is closed, and what is done about them.

use super::{
    DAY, LostAnswers, MINUTE, Silent, balance, bought, desk, get, granted, of, paid, post, refused, rows, sell, send,
    shop_with, stands, the_row, yuan,
};
use crate::openapi::{Reply, ask, create, request, set_channel_up};
use app::Scope;
use domain::{OrderId, ProductId};
use local::roles::acting_as;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Alarm, Table};
use tests::shop::{START, wish};
use tests::taps::{CALL, Counter, Cut, Cutter};
use tests::{Buyer, TestShop, text};

/// What was written down: deed, subject, amount where money is concerned, reference.
type Deed = (String, String, Option<Value>, String);

fn deed(entry: &Value) -> Deed {
    let word = |name: &str| entry[name].as_str().unwrap().to_owned();
    (word("what"), word("subject"), entry.get("amount").cloned(), word("reference"))
}

/// The trail of this month.
pub async fn deeds(shop: &TestShop) -> Vec<Deed> {
    let reply = sell(shop, "GET", "/api/admin/trail", &json!({})).await;
    granted(&reply, 200);
    reply.body["entries"].as_array().unwrap().iter().map(deed).collect()
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
    let deed = |what: &str, number: &str, minor, why: &str| {
        (what.to_owned(), number.to_owned(), Some(yuan(minor)), why.to_owned())
    };
    let kept = deed("row_kept", "no number of ours", 100, "a gift");
    assert_eq!(deeds(&shop).await, [kept, deed("row_refunded_by_hand", &buyer.attempt, 989, "transfer 9")]);
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
    assert_eq!(deeds(&shop).await.last().unwrap().0, "row_refund");
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
    assert_eq!((the_row(&shop).await, deeds(&shop).await.len()), (row.clone(), 0));
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
    assert_eq!(deeds(&shop).await, [deed]);
    refused(&decide(&shop, &row, "confirm", "").await, 404, "not_found");
}

#[tokio::test]
async fn only_an_alarm_is_confirmed_and_only_money_is_decided() {
    let shop = shop_with(709, 5).await;
    let (buyer, row) = paid_twice(&shop, "an-order-that-is-no-alarm").await;
    let alarm = Alarm {
        product: ProductId::parse("p").unwrap(),
        what: "ownerless_claims".to_owned(),
        count: 7,
        confirmed: false,
        is_open: true,
        seen_at: START,
    };
    shop.app.store.raise_alarm(&alarm).await.unwrap();
    let listed = rows(&shop).await;
    let alarm = listed.iter().find(|row| row["kind"] == "alarm").unwrap();
    let order: String = OrderId::parse(&buyer.order).unwrap().0.iter().map(|byte| format!("{byte:02x}")).collect();
    let before = shop.tables();
    for id in [text(&row, "/id"), &order, &buyer.order, "41", "417000", "52", "shop", "audit-full", "x"] {
        refused(&decide(&shop, &json!({ "id": id }), "confirm", "looked at").await, 404, "not_found");
    }
    for action in ["refund", "refunded", "not_refunded", "keep"] {
        for id in [text(alarm, "/id"), &order] {
            refused(&decide(&shop, &json!({ "id": id }), action, "looked at").await, 404, "not_found");
        }
    }
    assert_eq!(shop.tables(), before);
    assert_eq!(rows(&shop).await, listed);
    granted(&decide(&shop, alarm, "confirm", "looked at").await, 200);
    assert_eq!(the_row(&shop).await, row);
}

/// What does not read is shown as such, and what lies beside it as ever.
#[tokio::test]
async fn an_order_that_does_not_read_hides_no_other() {
    let shop = shop_with(710, 5).await;
    granted(&sell(&shop, "PATCH", "/api/admin/products/p", &json!({"review": true})).await, 200);
    let (broken, whole) =
        (paid(&shop, "an-order-to-be-broken", 1).await, paid(&shop, "an-order-beside-a-broken-one", 1).await);
    let nowhere = shop.notification_of("no number of ours", "T1", "1.00", "TRADE_SUCCESS");
    shop.notify(&nowhere).await;
    let listed = rows(&shop).await;
    let (of_broken, others): (Vec<Value>, Vec<Value>) =
        listed.into_iter().partition(|row| row["order"] == broken.order.as_str());
    assert_eq!((of_broken.len(), others.len()), (1, 2));
    let put = |item: &Value| {
        let put = json!({"TableName": "kamivend-orders", "Item": item}).to_string();
        assert_eq!(shop.world.engine.call("PutItem", put.as_bytes()).0, 200);
    };
    let good = shop.table(Table::Orders).into_iter().find(|item| item.contains(&broken.attempt)).unwrap();
    let good: Value = serde_json::from_str(&good).unwrap();
    let mut bad = good.clone();
    bad["st"] = json!({"S": "a state nobody knows"});
    put(&bad);
    let (of_bad, beside): (Vec<Value>, Vec<Value>) =
        rows(&shop).await.into_iter().partition(|row| row["kind"] == "unreadable");
    assert_eq!(beside, others);
    assert_eq!(of_bad.len(), 1, "{of_bad:?}");
    let row = &of_bad[0];
    assert_eq!(
        (&row["order"], &row["reason"], &row["actions"], row.get("amount")),
        (&json!(broken.order), &json!("does_not_read"), &json!(["read_report"]), None)
    );
    assert_eq!(row.get("note"), None, "what stands in the table is not told: {row}");
    // Nobody decides about what nobody can read; what can be read is decided.
    let token = shop.sign_in().await;
    refused(&get(&shop, &desk(&broken, ""), &token).await, 503, "unavailable");
    refused(&decide(&shop, row, "confirm", "looked at").await, 404, "not_found");
    granted(&sell(&shop, "POST", &desk(&whole, "/review"), &json!({"decision": "pass"})).await, 200);
    shop.deliver_all().await;
    assert_eq!(shop.keys(&whole).await.len(), 1);
    put(&good);
    assert!(rows(&shop).await.contains(&of_broken[0]), "it is what it was");
}

/// "All of it" is the body `{}`; what is no object was meant otherwise, and must not be read as if it said nothing.
#[tokio::test]
async fn a_body_that_is_no_object_decides_nothing() {
    let shop = shop_with(711, 5).await;
    let (delivered, row) = paid_twice(&shop, "an-order-that-is-delivered").await;
    let waiting = shop.order("an-order-that-waits", "p", 1).await;
    granted(&sell(&shop, "PATCH", "/api/admin/products/p", &json!({"review": true})).await, 200);
    let in_review = paid(&shop, "an-order-in-review", 1).await;
    let (before, token) = (shop.tables(), shop.sign_in().await);
    for path in [
        desk(&delivered, "/refund"),
        desk(&in_review, "/review"),
        desk(&waiting, "/attest"),
        format!("/api/admin/attention/{}", text(&row, "/id")),
        "/api/admin/restored".to_owned(),
    ] {
        for body in ["[]", "null", "5", "true", "\"all of it\"", "\"{}\"", "[{}]", "", "{}{}", "amount=5"] {
            refused(&send(&shop, request("POST", &path, &token, body)).await, 400, "bad_request");
        }
    }
    // Neither is what is no choice a "no".
    for value in [json!("true"), json!("false"), json!(1), json!(0), json!([]), json!({})] {
        let by_hand = json!({"by_hand": value, "reference": "in cash"});
        let reply = post(&shop, &desk(&delivered, "/refund"), &token, &by_hand).await;
        assert_eq!(reply.errors(), [("by_hand", "not_a_choice")], "{value}");
        let open = json!({"open": value, "reference": "restored to 04:00"});
        let reply = post(&shop, "/api/admin/restored", &token, &open).await;
        assert_eq!(reply.errors(), [("open", "not_a_choice")], "{value}");
    }
    assert_eq!(shop.tables(), before);
    assert_eq!(balance(&shop).await, "29.70");
    // Left out or null, both are "no".
    let said = json!({"by_hand": null, "reference": null});
    granted(&post(&shop, &desk(&delivered, "/refund"), &token, &said).await, 200);
    assert_eq!(balance(&shop).await, "19.80");
    let reply = post(&shop, "/api/admin/restored", &token, &json!({"open": null, "reference": "to 04:00"})).await;
    assert_eq!((reply.status, &reply.body), (200, &json!({"state": "closed"})));
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
        (&json!("shop"), &json!("shop_closed"), &json!("restored"), &json!(["open"]))
    );
    let reply = send(&shop, create("an-order-in-a-closed-shop", &wish("p", 1))).await;
    refused(&reply, 503, "shop_closed");
    assert_eq!(reply.header("retry-after"), Some("60"));
    refused(&sell(&shop, "POST", &desk(&delivered, "/refund"), &json!({})).await, 503, "shop_closed");
    // Nothing that holds or frees a card, and no card comes in or goes out.
    let before = shop.tables();
    for tail in ["payments", "cancel"] {
        let reply = post(&shop, &of(&buyer, tail), &buyer.token, &json!({"channel": "sandbox"})).await;
        refused(&reply, 503, "shop_closed");
    }
    for method in ["POST", "DELETE"] {
        let cards = request(method, "/api/admin/products/p/cards", &token, "CARD-00005\nNEW");
        refused(&send(&shop, cards).await, 503, "shop_closed");
    }
    assert_eq!(shop.tables(), before);
    // Money is heard, and asked for, and waits; whoever has bought before reads on.
    shop.press(&page, "pay_lose_notice").await;
    let reply = post(&shop, &of(&buyer, "check"), &buyer.token, &json!({})).await;
    assert_eq!((reply.status, &reply.body["status"]), (200, &json!("paid")), "{}", reply.body);
    shop.deliver_all().await;
    assert_eq!(stands(&shop, &buyer).await, ("paid".to_owned(), "fetching".to_owned()));
    assert_eq!(shop.keys(&delivered).await.len(), 1);
    assert!(shop.tick().await.closed);
    let open = json!({"open": true, "reference": "nobody looked"});
    refused(&post(&shop, path, &token, &open).await, 409, "conflict");
    // A clean audit of everything opens it.
    let report = acting_as("reconcile", shop.app.audit(Scope::Restored, i64::MAX)).await.unwrap().unwrap();
    assert_eq!((report.differences, report.unanswered), (0, 0), "{report:?}");
    shop.pass(MINUTE);
    shop.tick().await;
    shop.deliver_all().await;
    assert_eq!((rows(&shop).await.len(), shop.keys(&buyer).await.len()), (0, 1));
    granted(&send(&shop, create("an-order-in-an-open-shop", &wish("p", 1))).await, 201);
    let reports = sell(&shop, "GET", "/api/admin/reports/audit", &json!({})).await;
    assert_eq!(text(&reports.body, "/reports/0/scope"), "restored");
    let deed = ("shop_closed_after_restore".to_owned(), "shop".to_owned(), None, "restored to 04:00".to_owned());
    assert_eq!(deeds(&shop).await, [deed]);
}

/// A provider that says nothing keeps the shop closed until a person has asked.
#[tokio::test(start_paused = true)]
async fn a_shop_is_opened_by_hand_when_only_a_provider_is_silent() {
    let shop = shop_with(708, 3).await;
    let buyer = bought(&shop, "an-order-nobody-answers-for", 1).await;
    let token = shop.sign_in().await;
    let path = "/api/admin/restored";
    granted(&post(&shop, path, &token, &json!({"reference": "restored to 04:00"})).await, 200);
    let (_, deaf) = shop.tapped(Arc::new(Silent));
    let report = acting_as("reconcile", deaf.audit(Scope::Restored, i64::MAX)).await.unwrap().unwrap();
    assert_eq!((report.differences, report.unanswered), (0, 1), "{report:?}");
    assert_eq!(the_row(&shop).await["kind"], "shop_closed");
    refused(&send(&shop, create("an-order-in-a-closed-shop", &wish("p", 1))).await, 503, "shop_closed");
    assert_eq!(post(&shop, path, &token, &json!({"open": true})).await.errors(), [("reference", "required")]);
    let open = json!({"open": true, "reference": "asked by telephone"});
    let reply = post(&shop, path, &token, &open).await;
    assert_eq!((reply.status, &reply.body), (200, &json!({"state": "open"})));
    granted(&send(&shop, create("an-order-in-an-open-shop", &wish("p", 1))).await, 201);
    assert_eq!((rows(&shop).await.len(), shop.keys(&buyer).await.len()), (0, 1));
    let written: Vec<String> = deeds(&shop).await.into_iter().map(|(what, ..)| what).collect();
    assert_eq!(written, ["shop_closed_after_restore", "shop_opened_by_hand"]);
}

/// Tables that were put back once more are others than those that were looked at.
#[tokio::test(start_paused = true)]
async fn a_second_restore_is_audited_from_its_start() {
    let shop = shop_with(712, 3).await;
    let buyer = bought(&shop, "an-order-before-two-restores", 1).await;
    let (token, path) = (shop.sign_in().await, "/api/admin/restored");
    let close = json!({"reference": "restored to 04:00"});
    let open = json!({"open": true, "reference": "asked by telephone"});
    granted(&post(&shop, path, &token, &close).await, 200);
    // A page is looked at while time runs out; the rest of it would find nothing wrong and open the shop.
    let (_, slow) = shop.tapped(Arc::new(Counter::default()));
    let (page, ()) = tokio::join!(acting_as("reconcile", slow.audit(Scope::Restored, 1_000)), async {
        tokio::time::sleep(CALL * 4).await;
        shop.pass(1_000);
    });
    assert_eq!(page.unwrap(), None);
    shop.pass(MINUTE);
    granted(&post(&shop, path, &token, &close).await, 200);
    assert_eq!(the_row(&shop).await["since"], "2026-11-22T00:01:01.000Z");
    refused(&post(&shop, path, &token, &open).await, 409, "conflict");
    let (_, deaf) = shop.tapped(Arc::new(Silent));
    let audited = async || {
        // As the timer does: for a while, from where the last page stopped.
        let report = acting_as("reconcile", deaf.audit(Scope::Restored, MINUTE)).await.unwrap().unwrap();
        assert_eq!((report.differences, report.unanswered), (0, 1), "{report:?}");
        let reports = sell(&shop, "GET", "/api/admin/reports/audit", &json!({})).await;
        text(&reports.body, "/reports/0/started_at").to_owned()
    };
    assert_eq!(audited().await, "2026-11-22T00:01:01.000Z", "not where the page before it stopped");
    // Neither does an audit count that ended before the tables were put back.
    shop.pass(MINUTE);
    granted(&post(&shop, path, &token, &close).await, 200);
    refused(&post(&shop, path, &token, &open).await, 409, "conflict");
    assert_eq!(the_row(&shop).await["kind"], "shop_closed");
    assert_eq!(audited().await, "2026-11-22T00:02:01.000Z");
    granted(&post(&shop, path, &token, &open).await, 200);
    assert_eq!((rows(&shop).await.len(), shop.keys(&buyer).await.len()), (0, 1));
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
        let reply = sell(&shop, "GET", &format!("/api/admin/trail{query}"), &json!({})).await;
        granted(&reply, 200);
        reply.body["entries"].as_array().unwrap().iter().map(|e| text(e, "/at").to_owned()).collect::<Vec<_>>()
    };
    let (november, december) = ("2026-11-22T00:00:00.000Z", "2026-12-01T00:00:00.000Z");
    assert_eq!(of("").await, [december]);
    assert_eq!(of("?month=2026-11").await, [november]);
    assert_eq!(of("?month=2026-12").await, [december]);
    for month in ["2026-10", "2027-11", "1970-01", "9999-12"] {
        assert_eq!(of(&format!("?month={month}")).await, [""; 0]);
    }
    shop.pass(DAY * 31);
    assert_eq!(of("").await, [""; 0]);
    assert_eq!(of("?month=2026-12").await, [december]);
    let wide = "%EF%BC%92%EF%BC%90%EF%BC%92%EF%BC%96-%EF%BC%91%EF%BC%91";
    for month in [
        "",
        "-",
        "2026",
        "2026-",
        "-11",
        "2026-1",
        "26-11",
        "2026-011",
        "2026-11-22",
        "2026/11",
        "202611",
        "november",
        "+026-11",
        "2026-11%20",
        "2026-11%23",
        START.to_string().as_str(),
        wide,
    ] {
        let reply = sell(&shop, "GET", &format!("/api/admin/trail?month={month}"), &json!({})).await;
        refused(&reply, 400, "bad_request");
    }
}

/// Deeds of one request are told in the order in which they were done, all of them in the same millisecond, and only those
/// about money name an amount.
#[tokio::test]
async fn the_trail_tells_deeds_in_their_order() {
    let shop = shop_with(713, 12).await;
    let mut expected = Vec::new();
    for n in 0..6 {
        let buyer = paid(&shop, &format!("an-order-nobody-delivers-{n}"), 1).await;
        let token = shop.sign_in().await;
        let removal = request("DELETE", "/api/admin/products/p/cards", &token, "NO-SUCH-CARD");
        granted(&send(&shop, removal).await, 200);
        granted(&sell(&shop, "POST", &desk(&buyer, "/refund"), &json!({})).await, 200);
        expected.push(("cards_removed".to_owned(), "p".to_owned(), None, String::new()));
        for what in ["refund_undelivered", "refund"] {
            expected.push((what.to_owned(), buyer.order.clone(), Some(yuan(990)), String::new()));
        }
    }
    shop.deliver_all().await;
    assert_eq!(deeds(&shop).await, expected);
}
