//! Money on its way back, cut off anywhere and asked for again: it goes back at most once, and nobody loses sight of it.

use crate::common::{
    Once, a_day_later, all_keys, balance, change_product, everywhere, is_whole, post, rows, seen_by_seller,
};
use local::seam::Fate;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tests::shop::cards;
use tests::taps::{Cutter, Unguarded};
use tests::{Buyer, TestShop, text};

/// An order paid at the gateway, which tells the shop.
async fn paid_there(shop: &TestShop, key: &str) -> Buyer {
    let buyer = shop.order(key, "p", 1).await;
    let page = shop.open_pay_page(&buyer).await;
    shop.press(&page, "pay").await;
    buyer
}

/// How much of an order is asked back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Back {
    /// All of it: the gateway's state of the trade tells afterwards whether it went.
    All,
    /// Three yuan: only a person can see whether they went.
    Part,
}

impl Back {
    fn wish(self) -> Value {
        match self {
            Back::All => json!({}),
            Back::Part => json!({"amount": {"amount_minor": 300, "currency": "CNY"}}),
        }
    }

    fn minor(self) -> i64 {
        if self == Back::All { 990 } else { 300 }
    }
}

/// Asks the money of an order back, is cut off, and asks again under the same key. Then the money has gone back, or the order is
/// among those that a person sees, and stays there until it is known what became of it. It never goes back twice.
async fn cut_and_ask_again(shop: &TestShop, buyer: &Buyer, back: Back, what: &str, run: usize, cutter: Arc<Cutter>) {
    let before = balance(shop);
    let token = shop.sign_in().await;
    let path = format!("/api/admin/orders/{}/refund", buyer.order);
    let key = format!("the-key-of-refund-{run}");
    let (front, _) = shop.tapped(cutter.clone());
    let first = cutter.run(post(&front, &path, &token, Some(&key), &back.wish())).await;
    assert!(first.as_ref().is_none_or(|(status, _)| *status == 200), "{what}: {first:?}");
    let (status, order) = post(shop.front(), &path, &token, Some(&key), &back.wish()).await;
    assert_eq!((status, order["refunds"].as_array().map(Vec::len)), (200, Some(1)), "{what}: {order}");
    let mut state = text(&order, "/refunds/0/state").to_owned();
    if state == "started" {
        let listed = rows(shop, "refund_unanswered").await;
        assert_eq!((listed.len(), &listed[0]["order"]), (1, &json!(buyer.order)), "{what}: {listed:?}");
        // The timer asks. Of a part, and of what did not move, the gateway tells nothing that would be an answer.
        shop.minutes(1).await;
        let went_back = balance(shop) < before;
        state = text(&seen_by_seller(shop, buyer).await, "/refunds/0/state").to_owned();
        let expected = if went_back && back == Back::All { "done" } else { "started" };
        assert_eq!(state, expected, "{what}");
        if state == "started" {
            assert_eq!(rows(shop, "refund_unanswered").await.len(), 1, "{what}");
            let outcome = if went_back { "done" } else { "failed" };
            let word = json!({"number": 1, "outcome": outcome, "reference": "seen"});
            let (status, order) = post(shop.front(), &path, &token, None, &word).await;
            assert_eq!((status, text(&order, "/refunds/0/state")), (200, outcome), "{what}: {order}");
            state = outcome.to_owned();
        }
        assert_eq!(rows(shop, "refund_unanswered").await, Vec::<Value>::new(), "{what}");
    }
    if state == "failed" {
        assert_eq!(balance(shop), before, "{what}");
        let (status, order) = post(shop.front(), &path, &token, Some(&format!("{key}-again")), &back.wish()).await;
        assert_eq!((status, text(&order, "/refunds/1/state")), (200, "done"), "{what}: {order}");
    }
    assert_eq!(balance(shop), before - back.minor(), "{what}: it went back once");
    // The first key once more, long after: it is the refund that there was.
    let (status, order) = post(shop.front(), &path, &token, Some(&key), &back.wish()).await;
    assert_eq!(status, 200, "{what}: {order}");
    assert_eq!(balance(shop), before - back.minor(), "{what}");
}

async fn refund_of_delivered(seed: u64, back: Back) {
    let shop = TestShop::new(seed).await;
    shop.product("p", 990, &cards("C", 96)).await;
    let mut buyers = Vec::new();
    everywhere(6, async |run, what, cutter| {
        let buyer = paid_there(&shop, &format!("a-buyer-who-complains-{run}")).await;
        shop.deliver_all().await;
        cut_and_ask_again(&shop, &buyer, back, what, run, cutter).await;
        buyers.push(buyer);
    })
    .await;
    a_day_later(&shop).await;
    let buyers: Vec<&Buyer> = buyers.iter().collect();
    assert_eq!(all_keys(&shop, &buyers).await, buyers.len(), "a delivered card stays its buyer's");
    assert_eq!(shop.counts("p").await["sold"], buyers.len());
    assert_eq!(shop.attention().await, []);
    is_whole(&shop, &["p"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_whole_refund_of_a_delivered_order_cut_anywhere() {
    refund_of_delivered(170, Back::All).await;
}

#[tokio::test(start_paused = true)]
async fn a_part_refund_of_a_delivered_order_cut_anywhere() {
    refund_of_delivered(171, Back::Part).await;
}

#[tokio::test(start_paused = true)]
async fn a_refund_before_delivery_cut_anywhere() {
    let shop = TestShop::new(172).await;
    // One card is enough for everybody, as each one's comes back.
    shop.product("p", 990, &cards("C", 1)).await;
    everywhere(9, async |run, what, cutter| {
        let buyer = paid_there(&shop, &format!("a-buyer-who-waits-{run}")).await;
        cut_and_ask_again(&shop, &buyer, Back::All, what, run, cutter).await;
        assert_eq!(shop.read(&buyer).await.1["status"], "refunded", "{what}");
        // The message of before comes all the same, and shows nothing.
        shop.deliver_all().await;
        assert_eq!(shop.keys(&buyer).await.len(), 0, "{what}");
        // Whoever died before giving the card back leaves that to the timer.
        if shop.counts("p").await["free"] != 1 {
            shop.tick().await;
        }
        assert_eq!(shop.counts("p").await["free"], 1, "{what}");
        shop.pass(1_000);
    })
    .await;
    a_day_later(&shop).await;
    assert_eq!(shop.attention().await, []);
    is_whole(&shop, &["p"]).await;
}

async fn review_cut_anywhere(seed: u64, decision: &str) {
    let shop = TestShop::new(seed).await;
    shop.product("p", 990, &cards("C", 48)).await;
    change_product(&shop, "p", &json!({"review": true})).await;
    let token = shop.sign_in().await;
    let wish = json!({"decision": decision, "reference": "looked at it"});
    everywhere(4, async |run, what, cutter| {
        let buyer = shop.order(&format!("a-buyer-who-is-looked-at-{run}"), "p", 1).await;
        shop.pay(&buyer, &format!("T{run}")).await;
        assert_eq!(shop.read(&buyer).await.1["status"], "review", "{what}");
        let path = format!("/api/admin/orders/{}/review", buyer.order);
        let (front, _) = shop.tapped(cutter.clone());
        let first = cutter.run(post(&front, &path, &token, None, &wish)).await;
        assert!(first.as_ref().is_none_or(|(status, _)| *status == 200), "{what}: {first:?}");
        let (status, answer) = post(shop.front(), &path, &token, None, &wish).await;
        // A refused one that was refused before is in another state; passing is answered as before while it is paid.
        assert!([200, 409].contains(&status), "{what}: {answer}");
        shop.pass(11_000);
        shop.read(&buyer).await;
        shop.deliver_all().await;
        let (_, order) = shop.read(&buyer).await;
        if decision == "pass" {
            assert_eq!(order["status"], "delivered", "{what}: {order}");
            assert_eq!(shop.keys(&buyer).await.len(), 1, "{what}");
        } else {
            assert_eq!((&order["status"], &order["status_reason"]), (&json!("refund_due"), &json!("review")), "{what}");
            assert_eq!(shop.keys(&buyer).await.len(), 0, "{what}");
            let by_hand = json!({"by_hand": true, "reference": "cash"});
            let path = format!("/api/admin/orders/{}/refund", buyer.order);
            let (status, order) = post(shop.front(), &path, &token, None, &by_hand).await;
            assert_eq!((status, &order["status"]), (200, &json!("refunded")), "{what}: {order}");
        }
    })
    .await;
    shop.minutes(1).await;
    let counts = shop.counts("p").await;
    if decision == "refuse" {
        assert_eq!(counts["free"], 48, "{counts}");
    } else {
        assert_eq!(counts["held"], 0, "{counts}");
    }
    assert_eq!(shop.attention().await, []);
    is_whole(&shop, &["p"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_review_passed_cut_anywhere() {
    review_cut_anywhere(173, "pass").await;
}

#[tokio::test(start_paused = true)]
async fn a_review_refused_cut_anywhere() {
    review_cut_anywhere(174, "refuse").await;
}

/// An order that was paid twice: the second payment stands as a row. Answers the row's name.
async fn paid_twice(shop: &TestShop, key: &str) -> String {
    let buyer = shop.order(key, "p", 1).await;
    let page = shop.open_pay_page(&buyer).await;
    shop.press(&page, "pay_twice").await;
    shop.deliver_all().await;
    let listed = rows(shop, "money").await;
    assert_eq!((listed.len(), &listed[0]["reason"]), (1, &json!("double")), "{listed:?}");
    text(&listed[0], "/id").to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_row_returned_cut_anywhere() {
    let shop = TestShop::new(175).await;
    shop.product("p", 990, &cards("C", 48)).await;
    everywhere(5, async |run, what, cutter| {
        let token = shop.sign_in().await;
        let row = paid_twice(&shop, &format!("a-buyer-who-pays-twice-{run}")).await;
        let before = balance(&shop);
        let path = format!("/api/admin/attention/{row}");
        let wish = json!({"action": "refund"});
        let (front, _) = shop.tapped(cutter.clone());
        let first = cutter.run(post(&front, &path, &token, None, &wish)).await;
        assert!(first.as_ref().is_none_or(|(status, _)| *status == 200), "{what}: {first:?}");
        let (status, answer) = post(shop.front(), &path, &token, None, &wish).await;
        assert!([200, 409].contains(&status), "{what}: {answer}");
        // The timer asks about one without an answer.
        shop.pass(10 * 60_000);
        shop.minutes(1).await;
        if let [listed] = rows(&shop, "money_refund_unanswered").await.as_slice() {
            assert_eq!(
                (&listed["id"], balance(&shop)),
                (&json!(row), before),
                "{what}: it went back and stands as unknown"
            );
            let (status, answer) =
                post(shop.front(), &path, &token, None, &json!({"action": "not_refunded", "reference": "seen"})).await;
            assert_eq!((status, &answer["state"]), (200, &json!("open")), "{what}: {answer}");
            let (status, answer) = post(shop.front(), &path, &token, None, &wish).await;
            assert_eq!((status, &answer["state"]), (200, &json!("refunded")), "{what}: {answer}");
        }
        assert_eq!(balance(&shop), before - 990, "{what}: it went back once");
        assert_eq!(shop.attention().await, [], "{what}");
    })
    .await;
    is_whole(&shop, &["p"]).await;
}

/// 易支付 v1 answers a question about an attempt with the first of its payments. When the second one settled the order and the first
/// went back, that answer is not about the order's money.
#[tokio::test(start_paused = true)]
async fn the_surplus_that_went_back_is_no_difference_of_the_order() {
    let shop = TestShop::new(178).await;
    shop.product("p", 990, &cards("C", 48)).await;
    let buyer = shop.order("a-buyer-whose-first-payment-is-told-late", "p", 1).await;
    let page = shop.open_pay_page(&buyer).await;
    shop.press(&page, "pay_lose_notice").await;
    shop.press(&page, "pay_twice").await;
    shop.deliver_all().await;
    let first = page.rsplit('/').next().unwrap();
    shop.pay(&buyer, first).await;
    let listed = rows(&shop, "money").await;
    assert_eq!((listed.len(), &listed[0]["reason"]), (1, &json!("double")), "{listed:?}");
    let path = format!("/api/admin/attention/{}", text(&listed[0], "/id"));
    let (status, answer) = post(shop.front(), &path, &shop.sign_in().await, None, &json!({"action": "refund"})).await;
    assert_eq!((status, &answer["state"]), (200, &json!("refunded")), "{answer}");
    let report = shop.audit().await;
    assert_eq!((report.confirmed_by_provider, report.differences), (1, 0), "{report:?}");
}

/// Nor is the first payment's amount, when it was a wrong one and stands as a row.
#[tokio::test(start_paused = true)]
async fn a_wrong_amount_that_stands_as_a_row_is_no_difference_of_the_order() {
    let shop = TestShop::new(179).await;
    shop.product("p", 990, &cards("C", 48)).await;
    let buyer = shop.order("a-buyer-who-first-pays-too-little", "p", 1).await;
    let page = shop.open_pay_page(&buyer).await;
    shop.press(&page, "pay_wrong_amount").await;
    shop.press(&page, "pay_twice").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 1);
    let report = shop.audit().await;
    assert_eq!((report.confirmed_by_provider, report.differences), (1, 0), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_row_kept_cut_anywhere() {
    let shop = TestShop::new(176).await;
    shop.product("p", 990, &cards("C", 48)).await;
    let token = shop.sign_in().await;
    everywhere(2, async |run, what, cutter| {
        let row = paid_twice(&shop, &format!("a-buyer-who-pays-twice-{run}")).await;
        let before = balance(&shop);
        let path = format!("/api/admin/attention/{row}");
        let wish = json!({"action": "keep", "reference": "a tip"});
        let (front, _) = shop.tapped(cutter.clone());
        let first = cutter.run(post(&front, &path, &token, None, &wish)).await;
        assert!(first.as_ref().is_none_or(|(status, _)| *status == 200), "{what}: {first:?}");
        let (status, answer) = post(shop.front(), &path, &token, None, &wish).await;
        assert!([200, 409].contains(&status), "{what}: {answer}");
        assert_eq!((shop.attention().await, balance(&shop)), (vec![], before), "{what}");
        // The same money, told once more, is the row that there was.
        let (status, _) = post(shop.front(), &path, &token, None, &json!({"action": "refund"})).await;
        assert_eq!((status, balance(&shop)), (409, before), "{what}: what is kept is not returned");
    })
    .await;
    is_whole(&shop, &["p"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_removal_of_cards_cut_anywhere() {
    let shop = TestShop::new(177).await;
    let token = shop.sign_in().await;
    let mut names = Vec::new();
    everywhere(6, async |run, what, cutter| {
        let product = format!("p{run}");
        shop.product(&product, 100, &cards("C", 5)).await;
        let buyer = shop.order(&format!("a-buyer-of-the-first-{run}"), &product, 1).await;
        shop.pay(&buyer, &format!("T{run}")).await;
        shop.deliver_all().await;
        // The first is sold, the second lies at the end of the list, the fourth beyond it, the sixth never was.
        let lines = ["C-00001", "C-00002", "C-00004", "C-00006"].join("\n");
        let remove = |lines: &str| {
            let request = http::Request::builder()
                .method("DELETE")
                .uri(format!("/api/admin/products/{product}/cards"))
                .header("authorization", format!("Bearer {token}"));
            request.body(lines.as_bytes().to_vec()).unwrap()
        };
        let (front, _) = shop.tapped(cutter.clone());
        let told = |(status, report): (u16, Value)| {
            (status, ["removed", "taken", "unknown"].map(|name| report[name].as_u64().unwrap_or_default()))
        };
        if let Some(first) = cutter.run(tests::shop::send(&front, remove(&lines))).await {
            assert_eq!(told(first), (200, [2, 1, 1]), "{what}");
        }
        assert_eq!(told(tests::shop::send(shop.front(), remove(&lines)).await), (200, [2, 1, 1]), "{what}");
        let counts = shop.counts(&product).await;
        let numbers = ["imported", "free", "held", "sold", "removed"].map(|name| counts[name].as_u64().unwrap());
        assert_eq!(numbers, [5, 2, 0, 1, 2], "{what}: {counts}");
        names.push(product);
    })
    .await;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    is_whole(&shop, &names).await;
}

/// Two refunds of one order, the first of which the gateway takes its time over: both answers are kept, none waits for a person.
#[tokio::test(start_paused = true)]
async fn two_part_refunds_at_once_are_both_known() {
    let shop = TestShop::new(179).await;
    shop.product("p", 990, &cards("C", 1)).await;
    let buyer = paid_there(&shop, "a-buyer-of-two-minds").await;
    shop.deliver_all().await;
    let before = balance(&shop);
    let path = format!("/api/admin/orders/{}/refund", buyer.order);
    let token = shop.sign_in().await;
    let slow = Once::new("/api.php", "money=3.00", Fate::Delay(Duration::from_secs(3)));
    let (front, _) = shop.tapped(slow.clone());
    let one = {
        let (path, token) = (path.clone(), token.clone());
        tokio::spawn(async move { post(&front, &path, &token, Some("one-of-two-refunds"), &Back::Part.wish()).await })
    };
    slow.meets().await;
    let two = post(shop.front(), &path, &token, Some("two-of-two-refunds"), &Back::Part.wish()).await;
    let one = one.await.unwrap();
    assert_eq!((one.0, two.0), (200, 200), "{one:?} {two:?}");
    let order = seen_by_seller(&shop, &buyer).await;
    let states = ["/refunds/0/state", "/refunds/1/state"].map(|path| text(&order, path));
    assert_eq!((states, balance(&shop)), (["done", "done"], before - 600), "{order}");
    shop.minutes(1).await;
    assert_eq!(shop.attention().await, []);
    is_whole(&shop, &["p"]).await;
}

/// A refund that is refused changes nothing: the order is delivered as if nobody had asked.
#[tokio::test(start_paused = true)]
async fn a_refused_refund_keeps_nobody_from_the_key() {
    let shop = TestShop::new(169).await;
    shop.product("p", 990, &cards("C", 1)).await;
    let buyer = paid_there(&shop, "a-buyer-who-gets-the-key").await;
    let token = shop.sign_in().await;
    let path = format!("/api/admin/orders/{}/refund", buyer.order);
    let (status, answer) = post(shop.front(), &path, &token, Some("part-of-an-undelivered"), &Back::Part.wish()).await;
    assert_eq!(status, 422, "{answer}");
    assert_eq!(shop.read(&buyer).await.1["status"], "paid");
    shop.deliver_all().await;
    assert_eq!(all_keys(&shop, &[&buyer]).await, 1);
    is_whole(&shop, &["p"]).await;
}

/// Planted: a refund is written down whatever stood there before. Of two at once one vanishes from the order, though the money of
/// both has gone.
#[tokio::test(start_paused = true)]
async fn planted_a_refund_written_over_another_is_caught() {
    let mut sums = Vec::new();
    for guard in ["attribute_not_exists(#rf)", "no such guard"] {
        let shop = TestShop::new(178).await;
        shop.product("p", 990, &cards("C", 1)).await;
        let buyer = paid_there(&shop, "a-buyer-of-two-minds").await;
        shop.deliver_all().await;
        let token = shop.sign_in().await;
        let path = format!("/api/admin/orders/{}/refund", buyer.order);
        let bug = Arc::new(Unguarded::new("UpdateItem", "SET #rf = :refund", guard));
        let (front, _) = shop.tapped(bug.clone());
        let before = balance(&shop);
        let wish = Back::Part.wish();
        let (one, two) = tokio::join!(
            post(&front, &path, &token, Some("one-of-two-refunds"), &wish),
            post(&front, &path, &token, Some("two-of-two-refunds"), &wish),
        );
        assert!(one.0 == 200 || two.0 == 200, "{one:?} {two:?}");
        let order = seen_by_seller(&shop, &buyer).await;
        let known: i64 =
            order["refunds"].as_array().unwrap().iter().map(|r| r["amount"]["amount_minor"].as_i64().unwrap()).sum();
        sums.push((bug.hits() > 0, before - balance(&shop), known));
        is_whole(&shop, &["p"]).await;
    }
    assert_eq!(sums[0], (true, 600, 300), "without the guard the money of one goes back and no order knows");
    assert_eq!(sums[1], (false, 300, 300), "with the guard the second is told to look again");
}
