//! "I have paid", and "I give it up".

use super::{MINUTE, Silent, get, granted, of, paid, post, refused, send, shop_with, stands, stock};
use crate::openapi::{Reply, ask, request};
use local::seam::{Call, Fate, Tap};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tests::shop::cards;
use tests::{Buyer, TestShop};

/// The reply to the first turn that is taken gets lost; the turn is taken, and the SDK asks for it once more.
#[derive(Debug, Default)]
struct LostTurn(AtomicBool);

impl Tap for LostTurn {
    fn fate(&self, call: &Call) -> Fate {
        let takes_turn = String::from_utf8_lossy(&call.body).contains("check#");
        if takes_turn && !self.0.swap(true, Ordering::SeqCst) { Fate::LoseReply } else { Fate::Pass }
    }
}

async fn check(shop: &TestShop, buyer: &Buyer) -> Reply {
    send(shop, request("POST", &of(buyer, "check"), &buyer.token, "")).await
}

async fn cancel(shop: &TestShop, buyer: &Buyer) -> Reply {
    send(shop, request("POST", &of(buyer, "cancel"), &buyer.token, "")).await
}

fn pair(status: &str, reason: &str) -> (String, String) {
    (status.to_owned(), reason.to_owned())
}

#[tokio::test]
async fn a_payment_that_nobody_reported_is_found() {
    let shop = shop_with(620, 3).await;
    let buyer = shop.order("an-order-whose-notice-is-lost", "p", 2).await;
    let page = shop.open_pay_page(&buyer).await;
    shop.press(&page, "pay_lose_notice").await;
    assert_eq!(stands(&shop, &buyer).await.0, "awaiting_payment");
    let reply = check(&shop, &buyer).await;
    granted(&reply, 200);
    assert_eq!((&reply.body["status"], &reply.body["status_reason"]), (&json!("paid"), &json!("fetching")));
    assert_eq!(reply.body["next_poll_ms"], 500);
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 2);
}

#[tokio::test]
async fn the_provider_is_asked_once_in_five_seconds() {
    let shop = shop_with(621, 3).await;
    let buyer = shop.order("an-order-of-an-eager-buyer", "p", 1).await;
    let reply = check(&shop, &buyer).await;
    granted(&reply, 200);
    assert_eq!(reply.body, get(&shop, &format!("/api/orders/{}", buyer.order), &buyer.token).await.body);
    // Whole seconds, rounded up: whoever waits for so long is never a moment too early, and never waits for a sixth.
    for (wait, seconds) in [(1, "5"), (998, "5"), (1, "4"), (1_500, "3"), (2_499, "1")] {
        shop.pass(wait);
        let reply = check(&shop, &buyer).await;
        refused(&reply, 429, "rate_limited");
        assert_eq!(reply.header("retry-after"), Some(seconds));
    }
    // The turn is the order's own, and strangers do not take it.
    let other = shop.order("an-order-of-another-buyer", "p", 1).await;
    granted(&check(&shop, &other).await, 200);
    shop.pass(1);
    for token in ["", "wrong", other.token.as_str()] {
        refused(&post(&shop, &of(&buyer, "check"), token, &json!({})).await, 404, "not_found");
    }
    granted(&check(&shop, &buyer).await, 200);
    shop.pass(1);
    refused(&check(&shop, &buyer).await, 429, "rate_limited");
}

/// However close together they come: a turn that somebody else took is not one's own.
#[tokio::test]
async fn of_two_checks_in_one_millisecond_one_asks() {
    let shop = shop_with(628, 1).await;
    let buyer = shop.order("an-order-of-a-double-click", "p", 1).await;
    granted(&check(&shop, &buyer).await, 200);
    let reply = check(&shop, &buyer).await;
    refused(&reply, 429, "rate_limited");
    assert_eq!(reply.header("retry-after"), Some("5"));
}

#[tokio::test(start_paused = true)]
async fn a_turn_whose_reply_is_lost_is_a_turn() {
    let shop = shop_with(629, 1).await;
    let buyer = shop.order("an-order-and-a-lost-turn", "p", 1).await;
    let page = shop.open_pay_page(&buyer).await;
    shop.press(&page, "pay_lose_notice").await;
    let tap = Arc::new(LostTurn::default());
    let (front, _) = shop.tapped(tap.clone());
    let reply = ask(&front, request("POST", &of(&buyer, "check"), &buyer.token, ""), "127.0.0.1").await;
    assert!(tap.0.load(Ordering::SeqCst), "a check takes a turn");
    assert_eq!((reply.status, &reply.body["status"]), (200, &json!("paid")), "{}", reply.body);
    shop.pass(1);
    refused(&check(&shop, &buyer).await, 429, "rate_limited");
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 1);
}

#[tokio::test]
async fn an_order_that_is_not_paid_stays_as_it_is() {
    let shop = shop_with(622, 3).await;
    let buyer = shop.order("an-order-that-is-not-paid", "p", 1).await;
    // The gateway does not know of it; then it knows and has no money; then it says nothing at all.
    granted(&check(&shop, &buyer).await, 200);
    shop.open_pay_page(&buyer).await;
    shop.pass(5_000);
    assert_eq!(check(&shop, &buyer).await.body["status"], "awaiting_payment");
    shop.pass(5_000);
    let (deaf, _) = shop.tapped(Arc::new(Silent));
    let reply = ask(&deaf, request("POST", &of(&buyer, "check"), &buyer.token, ""), "127.0.0.1").await;
    assert_eq!((reply.status, &reply.body["status"]), (200, &json!("awaiting_payment")));
    assert_eq!(stock(&shop).await, (2, 1));
}

#[tokio::test]
async fn a_payment_of_a_closed_order_is_found_as_well() {
    let shop = shop_with(623, 1).await;
    let buyer = shop.order("an-order-paid-too-late", "p", 1).await;
    let page = shop.open_pay_page(&buyer).await;
    shop.pass(15 * MINUTE + 1);
    shop.tick().await;
    assert_eq!(stands(&shop, &buyer).await, pair("closed", "expired"));
    shop.press(&page, "pay_lose_notice").await;
    let reply = check(&shop, &buyer).await;
    assert_eq!((reply.status, &reply.body["status"]), (200, &json!("paid")), "{}", reply.body);
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await, ["CARD-00001"]);
}

#[tokio::test]
async fn whoever_gives_up_frees_the_cards_at_once() {
    let shop = shop_with(624, 3).await;
    let buyer = shop.order("an-order-that-is-given-up", "p", 3).await;
    assert_eq!(stock(&shop).await, (0, 3));
    let reply = cancel(&shop, &buyer).await;
    granted(&reply, 200);
    assert_eq!(
        (
            &reply.body["status"],
            &reply.body["status_reason"],
            reply.body.get("payment"),
            reply.body.get("seconds_left")
        ),
        (&json!("closed"), &json!("cancelled"), None, None)
    );
    assert_eq!(stock(&shop).await, (3, 0));
    // Once more is the same answer, and nobody else's cards are freed by it.
    let next = shop.order("an-order-of-the-next-buyer", "p", 3).await;
    let again = cancel(&shop, &buyer).await;
    assert_eq!((again.status, &again.body), (200, &reply.body));
    assert_eq!(stock(&shop).await, (0, 3));
    shop.pay(&next, "T1").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&next).await.len(), 3);
    refused(&get(&shop, &of(&buyer, "keys"), &buyer.token).await, 409, "not_delivered");
}

#[tokio::test]
async fn what_is_paid_is_not_given_up() {
    let shop = shop_with(625, 3).await;
    let buyer = paid(&shop, "an-order-that-is-paid", 1).await;
    refused(&cancel(&shop, &buyer).await, 409, "not_waiting");
    shop.deliver_all().await;
    refused(&cancel(&shop, &buyer).await, 409, "not_waiting");
    assert_eq!(shop.keys(&buyer).await.len(), 1);
    // Neither is what was paid and not reported: the provider is asked first.
    let unheard = shop.order("an-order-paid-a-moment-ago", "p", 1).await;
    let page = shop.open_pay_page(&unheard).await;
    shop.press(&page, "pay_lose_notice").await;
    refused(&cancel(&shop, &unheard).await, 409, "not_waiting");
    shop.deliver_all().await;
    assert_eq!(shop.keys(&unheard).await.len(), 1);
}

#[tokio::test]
async fn an_expired_order_is_answered_as_it_is() {
    let shop = shop_with(626, 1).await;
    let buyer = shop.order("an-order-that-has-expired", "p", 1).await;
    shop.pass(15 * MINUTE + 1);
    shop.tick().await;
    let reply = cancel(&shop, &buyer).await;
    assert_eq!((reply.status, &reply.body["status_reason"]), (200, &json!("expired")));
    refused(&post(&shop, &of(&buyer, "cancel"), "wrong", &json!({})).await, 404, "not_found");
}

#[tokio::test]
async fn a_silent_provider_keeps_nobody_from_giving_up() {
    let shop = shop_with(627, 1).await;
    let buyer = shop.order("an-order-and-a-silent-gateway", "p", 1).await;
    let page = shop.open_pay_page(&buyer).await;
    let (deaf, _) = shop.tapped(Arc::new(Silent));
    let reply = ask(&deaf, request("POST", &of(&buyer, "cancel"), &buyer.token, ""), "127.0.0.1").await;
    assert_eq!((reply.status, &reply.body["status_reason"]), (200, &json!("cancelled")));
    assert_eq!(stock(&shop).await, (1, 0));
    // Money that comes all the same finds cards while there are any …
    shop.press(&page, "pay").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await, ["CARD-00001"]);
    // … and is owed back when there are none.
    shop.cards("p", &cards("MORE", 1), "").await;
    let late = shop.order("an-order-given-up-and-paid", "p", 1).await;
    let page = shop.open_pay_page(&late).await;
    granted(&cancel(&shop, &late).await, 200);
    let next = shop.order("an-order-that-took-the-card", "p", 1).await;
    shop.press(&page, "pay").await;
    assert_eq!(stands(&shop, &late).await, pair("refund_due", "sold_out_when_paid"));
    assert_eq!(shop.attention().await, [("refund_due".to_owned(), "sold_out_when_paid".to_owned())]);
    shop.pay(&next, "T9").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&next).await, ["MORE-00001"]);
}
