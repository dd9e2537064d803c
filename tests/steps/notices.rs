//! Telling the seller and mailing a buyer, cut off anywhere and repeated: everybody is told, and nobody more than once without need.

use crate::common::everywhere;
use app::notices::Notice;
use http::Method;
use local::poller;
use serde_json::json;
use tests::receivers::Receivers;
use tests::shop::cards;
use tests::{Buyer, TestShop};

/// After so many ms the queue hands a message over again.
const HIDDEN: i64 = domain::limits::NOTICE_HIDDEN_SECONDS as i64 * 1_000 + 1_000;

#[tokio::test]
async fn a_notice_cut_anywhere_and_repeated_is_told_to_everybody() {
    let receivers = Receivers::start().await;
    let shop = TestShop::pushing(160, None).await;
    receivers.follow(shop.world.clock());
    let token = shop.sign_in().await;
    for kind in ["bark", "dingtalk"] {
        let body = json!({"channel": receivers.channel(kind), "kinds": ["sale"]}).to_string();
        let path = format!("/api/admin/pushes/{kind}");
        let (status, answer) = shop.admin(Method::PUT, &path, &token, body).await;
        assert_eq!(status, 200, "{answer}");
    }
    everywhere(8, async |runs, what, cutter| {
        let body = json!({
            "v": 1, "id": format!("sale-{runs}"), "at": shop.app.clock.now(), "kind": "sale",
            "order": format!("O{runs}"), "product": "p", "quantity": 1, "amount": [990, "CNY"],
        });
        let notice = Notice::from_body(&body.to_string()).unwrap();
        let (_, app) = shop.tapped(cutter.clone());
        let first = cutter.run(app.push_to_all(&notice)).await;
        // The queue hides a message for longer than anybody may be at work on it.
        shop.pass(120_000);
        let then = shop.app.push_to_all(&notice).await.unwrap();
        assert_eq!((then.again, then.refused), (0, 0), "{what}");
        let taken = receivers.take();
        for provider in ["bark", "dingtalk"] {
            let told = taken.iter().filter(|t| t.provider == provider).count();
            let died = first.is_none() || first.as_ref().is_some_and(|end| !matches!(end, Ok(p) if p.again == 0));
            assert!(told == 1 || (died && told == 2), "{what}: {provider} was told {told} times");
        }
        shop.pass(120_000);
        assert_eq!(shop.app.push_to_all(&notice).await.unwrap().told, 0, "{what}");
        assert_eq!(receivers.take().len(), 0, "{what}");
    })
    .await;
}

#[tokio::test]
async fn a_mail_cut_anywhere_and_repeated_reaches_its_buyer() {
    let shop = TestShop::pushing(161, None).await;
    shop.product("p", 990, &cards("CARD", 90)).await;
    let settings = json!({"buyer_mail": {"from": "shop@example.com", "on": ["delivered"]}});
    assert_eq!(shop.sell(Method::PATCH, "/api/admin/settings", &settings).await.0, 200);
    assert_eq!(shop.sell(Method::PATCH, "/api/admin/products/p", &json!({"mail_keys": true})).await.0, 200);
    shop.pass(3_000);
    everywhere(6, async |runs, what, cutter| {
        let to = format!("buyer{runs}@example.com");
        let wish = json!({"product": "p", "quantity": 1, "contact": to, "channel": "sandbox"});
        let (status, answer) = shop.create(&format!("an-order-mailed-in-run-{runs}"), &wish).await;
        assert_eq!(status, 201, "{answer}");
        let buyer = Buyer::from(&answer);
        shop.pay(&buyer, &format!("T{runs}")).await;
        shop.deliver_all().await;
        let (_, app) = shop.tapped(cutter.clone());
        let first = cutter.run(poller::poll_notices(&shop.world, &app, 0)).await;
        let sent = || shop.world.mailbox.mails().iter().filter(|mail| mail.to == to).count();
        let before = sent();
        // The queue hides a message for longer than anybody may be at work on it.
        for _ in 0..3 {
            shop.pass(HIDDEN);
            shop.tell_all().await;
        }
        let is_whole = first.is_some_and(|polled| polled.received == 1 && polled.failed == 0);
        assert!(before <= 1, "{what}");
        // Twice only when Amazon had it and nobody could write that down.
        assert!(sent() == 1 || (before == 1 && !is_whole && sent() == 2), "{what}: sent {} times", sent());
        let mails = shop.world.mailbox.mails();
        assert!(mails.iter().any(|mail| mail.to == to && mail.text.contains("CARD-")), "{what}");
    })
    .await;
}
