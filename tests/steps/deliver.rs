//! A delivery that is cut off and comes again: delivered once, with the same cards.

use std::sync::Arc;
use tests::TestShop;
use tests::shop::cards;
use tests::taps::{Cut, Cutter, Unguarded};

async fn paid(shop: &TestShop, key: &str, quantity: u32) -> (tests::Buyer, app::DeliverMessage) {
    let buyer = shop.order(key, "p", quantity).await;
    shop.pay(&buyer, &format!("T-{key}")).await;
    let message = shop.world.sqs.dump(shop.world.queue_name()).unwrap().remove(0);
    (buyer, app::DeliverMessage::from_body(&message.body).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_delivery_cut_anywhere_and_repeated() {
    let shop = TestShop::new(120).await;
    shop.product("p", 990, &cards("C", 400)).await;
    let mut runs = 0;
    for how in Cut::ALL {
        for at in 1.. {
            runs += 1;
            let what = format!("{how:?} call {at}");
            let (buyer, message) = paid(&shop, &format!("a-buyer-with-number-{runs:04}"), 3).await;
            let cutter = Arc::new(Cutter::new(at, how));
            let (_, app) = shop.tapped(cutter.clone());
            let _ = cutter.run(app.deliver(&message)).await;
            // Nothing is shown before it is delivered, and all of it afterwards.
            let before = shop.keys(&buyer).await.len();
            assert!(before == 0 || before == 3, "{what}: {before} keys");
            shop.deliver_all().await;
            let keys = shop.keys(&buyer).await;
            assert_eq!(keys.len(), 3, "{what}");
            // The message once more, long after.
            assert_eq!(shop.app.deliver(&message).await, Ok(app::DeliverAnswer::AlreadyDelivered), "{what}");
            assert_eq!(shop.keys(&buyer).await, keys, "{what}");
            if cutter.calls() < at {
                assert!(at > 2, "delivering makes at least two calls");
                break;
            }
        }
    }
    assert_eq!(shop.counts("p").await["sold"], runs * 3);
}

/// A message of an earlier generation delivers nothing.
#[tokio::test]
async fn a_message_of_another_generation_is_superseded() {
    let shop = TestShop::new(121).await;
    shop.product("p", 990, &cards("C", 3)).await;
    let (buyer, mut message) = paid(&shop, "a-buyer-of-one-single-card", 1).await;
    message.generation = 1;
    assert_eq!(shop.app.deliver(&message).await, Ok(app::DeliverAnswer::Superseded));
    assert_eq!(shop.read(&buyer).await.1["status"], "paid");
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 1);
}

/// Planted: D1 delivers whatever the state. An unpaid order then reads as delivered; that it still shows no key is the doing of
/// another guard, the proof that is looked for before keys are shown.
#[tokio::test]
async fn planted_a_delivery_without_its_state_is_caught() {
    let shop = TestShop::new(122).await;
    shop.product("p", 990, &cards("C", 3)).await;
    let buyer = shop.order("a-buyer-who-never-pays", "p", 1).await;
    let order = shop.app.store.order(&domain::OrderId::parse(&buyer.order).unwrap()).await.unwrap().unwrap();
    let message = app::DeliverMessage::of(&order);
    assert_eq!(shop.app.deliver(&message).await, Ok(app::DeliverAnswer::Superseded));
    assert_eq!(shop.keys(&buyer).await.len(), 0);
    let bug = Arc::new(Unguarded::new("UpdateItem", ":delivered", "#st = :paid"));
    let (_, app) = shop.tapped(bug.clone());
    assert_eq!(app.deliver(&message).await, Ok(app::DeliverAnswer::Delivered));
    let status = shop.read(&buyer).await.1["status"].clone();
    assert_eq!((bug.hits(), status.as_str()), (1, Some("delivered")), "without the guard an unpaid order is delivered");
    assert_eq!(shop.keys_or_none(&buyer).await, 0);
    assert!(shop.audit().await.findings.iter().any(|f| f.what == "order_changed"), "and the audit names it");
}
