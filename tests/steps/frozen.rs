//! Functions that freeze at their worst moment and thaw when the world has moved on; and, for each condition that stops them, the
//! harm that is done without it.
//!
//! A planted bug cannot be frozen for hours as well, because a call has one fate. There the first try of the call is lost, and the
//! SDK's pause before the second is as long as the test likes: virtual time stands still while anybody works.

use crate::common::{Both, MINUTE, Once, act, all_keys, is_whole, lose_messages, post};
use local::Front;
use local::roles::acting_as;
use local::seam::Fate;
use serde_json::json;
use std::sync::Arc;
use tests::shop::{self, cards, wish};
use tests::taps::Unguarded;
use tests::{Buyer, TestShop, text};

/// The write X3 as it leaves.
const RELEASE: &str = "= :from AND attribute_not_exists(#z)";

/// The write X1 of a hold whose time is over.
const LAPSE: &str = "#exp < :now";

/// The write L2 as it leaves.
const ADOPT: &str = "#st = :late AND #g = :g AND attribute_not_exists(#rv)";

/// A shop with a few cards and nothing else.
async fn open(seed: u64, count: usize) -> TestShop {
    let shop = TestShop::new(seed).await;
    shop.product("p", 990, &cards("C", count)).await;
    shop
}

/// Somebody else takes a card, pays and has it.
async fn sells_to_another(shop: &TestShop, key: &str) -> Buyer {
    let buyer = shop.order(key, "p", 1).await;
    shop.pay(&buyer, &format!("T-{key}")).await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 1);
    buyer
}

/// A call that is held up and then carries a planted bug, or none.
fn held_up(operation: &'static str, mark: &'static str, guard: &'static str) -> (Arc<Once>, Arc<Unguarded>, Arc<Both>) {
    let once = Once::new(operation, mark, Fate::LoseRequest);
    let bug = Arc::new(Unguarded::new(operation, mark, guard));
    (once.clone(), bug.clone(), Arc::new(Both(once, bug)))
}

#[tokio::test(start_paused = true)]
async fn a_create_frozen_before_its_order() {
    let shop = open(200, 1).await;
    let ice = Once::frozen("PutItem", "\"HELD\"", 2);
    let (front, _) = shop.tapped(ice.clone());
    let create = tokio::spawn(async move { shop::create(&front, "a-create-that-freezes", &wish("p", 1)).await });
    ice.meets().await;
    assert_eq!(shop.counts("p").await["held"], 1);
    shop.tick().await;
    shop.pass(6 * MINUTE);
    let pass = shop.tick().await;
    assert_eq!((pass.given_up, pass.released), (1, 1), "{pass:?}");
    let other = sells_to_another(&shop, "the-other-buyer-of-it").await;
    let (status, answer) = create.await.unwrap();
    assert_eq!((status, answer["code"].as_str()), (409, Some("order_void")), "{answer}");
    let counts = shop.counts("p").await;
    assert_eq!((counts["sold"].as_u64(), counts["held"].as_u64()), (Some(1), Some(0)), "{counts}");
    assert_eq!(all_keys(&shop, &[&other]).await, 1);
    shop.minutes(1).await;
    is_whole(&shop, &["p"]).await;
}

/// The clock of one timer runs ten minutes ahead of another's: a create under way is given up at once, and fails cleanly.
#[tokio::test(start_paused = true)]
async fn a_create_given_up_too_early_by_a_wrong_clock() {
    let shop = open(201, 1).await;
    let ice = Once::frozen("PutItem", "\"HELD\"", 1);
    let (front, _) = shop.tapped(ice.clone());
    let create = tokio::spawn(async move { shop::create(&front, "a-create-that-is-slow", &wish("p", 1)).await });
    ice.meets().await;
    let quiet = || Arc::new(local::seam::Quiet);
    let (behind, ahead) = (shop.skewed(-5 * MINUTE, quiet()).1, shop.skewed(5 * MINUTE, quiet()).1);
    acting_as("reconcile", behind.reconcile(i64::MAX)).await.unwrap();
    assert_eq!(
        acting_as("reconcile", ahead.reconcile(i64::MAX)).await.unwrap().given_up,
        1,
        "to it, the first sight is ten minutes ago"
    );
    let (status, answer) = create.await.unwrap();
    assert_eq!((status, answer["code"].as_str()), (409, Some("order_void")), "{answer}");
    assert_eq!(shop.counts("p").await["free"], 1);
    // A new key, a new order: the buyer has lost a minute and nothing else.
    let buyer = sells_to_another(&shop, "the-same-buyer-again").await;
    assert_eq!(all_keys(&shop, &[&buyer]).await, 1);
    is_whole(&shop, &["p"]).await;
}

/// Planted: a create is given up although its order came into being meanwhile.
#[tokio::test(start_paused = true)]
async fn planted_a_tombstone_over_an_order_is_caught() {
    for (guard, harm) in [("attribute_not_exists(#o)", true), ("no such guard", false)] {
        let mut shop = open(202, 1).await;
        let death = Once::new("PutItem", "\"HELD\"", Fate::DieBefore);
        let (front, _) = shop.tapped(death.clone());
        assert!(death.run(shop::create(&front, "a-create-that-dies-first", &wish("p", 1))).await.is_none());
        shop.tick().await;
        shop.pass(6 * MINUTE);
        let (held, bug, tap) = held_up("PutItem", "\"VOID\"", guard);
        let app = shop.tapped(tap).1;
        let pass = tokio::spawn(async move { acting_as("reconcile", app.reconcile(i64::MAX)).await });
        held.meets().await;
        // The buyer comes back in this very moment, and pays.
        let buyer = sells_to_another(&shop, "a-create-that-dies-first").await;
        let pass = pass.await.unwrap().unwrap();
        assert_eq!(bug.hits() > 0, harm, "the planted bug must meet its write");
        let (status, _) = shop.read(&buyer).await;
        if harm {
            shop.leave_unfinished();
            assert_eq!(
                (status, pass.released),
                (404, 1),
                "without the guard a delivered order is gone and its card on sale"
            );
            let next = sells_to_another(&shop, "buys-what-was-sold-before").await;
            assert_eq!(shop.keys(&next).await.len(), 1);
        } else {
            assert_eq!((status, pass.given_up, pass.released), (200, 0, 0));
            assert_eq!(all_keys(&shop, &[&buyer]).await, 1);
            is_whole(&shop, &["p"]).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_frozen_until_another_holds_the_card() {
    let shop = open(203, 1).await;
    let first = shop.order("the-first-buyer-of-it", "p", 1).await;
    shop.pass(15 * MINUTE + 1);
    let ice = Once::frozen("UpdateItem", RELEASE, 2);
    let app = shop.tapped(ice.clone()).1;
    let pass = tokio::spawn(async move { acting_as("reconcile", app.reconcile(i64::MAX)).await });
    ice.meets().await;
    assert_eq!(shop.tick().await.released, 1, "another pass gives it back meanwhile");
    let second = shop.order("the-second-buyer-of-it", "p", 1).await;
    assert_eq!(pass.await.unwrap().unwrap().released, 0, "nothing is taken from the second");
    assert_eq!(shop.counts("p").await["held"], 1);
    shop.pay(&second, "T2").await;
    shop.deliver_all().await;
    assert_eq!(all_keys(&shop, &[&first, &second]).await, 1);
    shop.pass(30 * MINUTE);
    shop.minutes(1).await;
    is_whole(&shop, &["p"]).await;
}

/// Planted: a release that does not look at whose the card is.
#[tokio::test(start_paused = true)]
async fn planted_a_release_of_anybody_s_card_is_caught() {
    for (guard, harm) in [("#h[47] = :from", true), ("no such guard", false)] {
        let mut shop = open(204, 1).await;
        shop.order("the-first-buyer-of-it", "p", 1).await;
        shop.pass(15 * MINUTE + 1);
        let (held, bug, tap) = held_up("UpdateItem", RELEASE, guard);
        let app = shop.tapped(tap).1;
        let pass = tokio::spawn(async move { acting_as("reconcile", app.reconcile(i64::MAX)).await });
        held.meets().await;
        shop.tick().await;
        let second = sells_to_another(&shop, "the-second-buyer-of-it").await;
        pass.await.unwrap().unwrap();
        assert_eq!(bug.hits() > 0, harm, "the planted bug must meet its write");
        shop.pass(1_000);
        if harm {
            shop.leave_unfinished();
            let third = sells_to_another(&shop, "the-third-buyer-of-it").await;
            assert_eq!(shop.keys(&second).await, shop.keys(&third).await, "without the guard one key is sold to two");
            assert_ne!(shop.audit().await.differences, 0, "and the audit says so");
        } else {
            let (status, answer) = shop.create("the-third-buyer-of-it", &wish("p", 1)).await;
            assert_eq!((status, answer["code"].as_str()), (409, Some("sold_out")), "{answer}");
            is_whole(&shop, &["p"]).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lapse_frozen_until_the_money_has_come() {
    let shop = open(205, 1).await;
    let buyer = shop.order("pays-in-the-last-moment", "p", 1).await;
    shop.pass(15 * MINUTE + 1);
    let ice = Once::frozen("UpdateItem", LAPSE, 2);
    let app = shop.tapped(ice.clone()).1;
    let pass = tokio::spawn(async move { acting_as("reconcile", app.reconcile(i64::MAX)).await });
    ice.meets().await;
    shop.pay(&buyer, "T1").await;
    let pass = pass.await.unwrap().unwrap();
    assert_eq!((pass.closed_orders, pass.released), (0, 0), "{pass:?}");
    assert_eq!(shop.read(&buyer).await.1["status"], "paid", "paid stays paid");
    shop.deliver_all().await;
    assert_eq!(all_keys(&shop, &[&buyer]).await, 1);
    is_whole(&shop, &["p"]).await;
}

/// Planted: a hold is ended whatever the order's state.
#[tokio::test(start_paused = true)]
async fn planted_a_lapse_of_a_paid_order_is_caught() {
    for (guard, harm) in [("#st = :held", true), ("no such guard", false)] {
        let mut shop = open(206, 1).await;
        let buyer = shop.order("pays-in-the-last-moment", "p", 1).await;
        shop.pass(15 * MINUTE + 1);
        let (held, bug, tap) = held_up("UpdateItem", LAPSE, guard);
        let app = shop.tapped(tap).1;
        let pass = tokio::spawn(async move { acting_as("reconcile", app.reconcile(i64::MAX)).await });
        held.meets().await;
        shop.pay(&buyer, "T1").await;
        shop.deliver_all().await;
        let key = shop.keys(&buyer).await;
        pass.await.unwrap().unwrap();
        assert_eq!(bug.hits() > 0, harm, "the planted bug must meet its write");
        if harm {
            shop.leave_unfinished();
            let next = sells_to_another(&shop, "buys-what-was-sold-before").await;
            assert_eq!(shop.keys(&next).await, key, "without the guard a delivered card is sold again");
            assert_eq!(shop.keys(&buyer).await.len(), 0, "and its buyer has lost it");
        } else {
            assert_eq!(all_keys(&shop, &[&buyer]).await, 1);
            is_whole(&shop, &["p"]).await;
        }
    }
}

/// Returns the money of an order outside of the shop.
async fn returned_by_hand(shop: &TestShop, buyer: &Buyer) {
    let token = shop.sign_in().await;
    let path = format!("/api/admin/orders/{}/refund", buyer.order);
    let by_hand = json!({"by_hand": true, "reference": "cash"});
    let (status, order) = post(shop.front(), &path, &token, None, &by_hand).await;
    assert_eq!((status, text(&order, "/status")), (200, "refunded"), "{order}");
}

/// The message of an order that was just paid, taken out of the queue.
async fn message(shop: &TestShop) -> app::DeliverMessage {
    let message = shop.world.sqs.dump(shop.world.queue_name()).unwrap().remove(0);
    assert_eq!(lose_messages(shop).await, 1);
    app::DeliverMessage::from_body(&message.body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_delivery_frozen_until_the_money_went_back() {
    let shop = open(207, 1).await;
    let buyer = shop.order("wants-the-money-back", "p", 1).await;
    shop.pay(&buyer, "T1").await;
    let message = message(&shop).await;
    let ice = Once::frozen("UpdateItem", ":delivered", 2);
    let app = shop.tapped(ice.clone()).1;
    let delivery = tokio::spawn(async move { app.deliver(&message).await });
    ice.meets().await;
    returned_by_hand(&shop, &buyer).await;
    let other = sells_to_another(&shop, "the-other-buyer-of-it").await;
    assert_eq!(delivery.await.unwrap(), Ok(app::DeliverAnswer::Superseded));
    assert_eq!(shop.read(&buyer).await.1["status"], "refunded");
    assert_eq!(
        (shop.keys(&buyer).await.len(), shop.keys(&other).await.len()),
        (0, 1),
        "no key is shown for returned money"
    );
    is_whole(&shop, &["p"]).await;
}

/// Planted: a delivery that does not look at what became of the order meanwhile.
#[tokio::test(start_paused = true)]
async fn planted_a_delivery_of_returned_money_is_caught() {
    for (guard, harm) in [("#st = :paid AND #g = :g", true), ("no such guard", false)] {
        let mut shop = open(208, 1).await;
        let buyer = shop.order("wants-the-money-back", "p", 1).await;
        shop.pay(&buyer, "T1").await;
        let message = message(&shop).await;
        let (held, bug, tap) = held_up("UpdateItem", ":delivered", guard);
        let app = shop.tapped(tap).1;
        let delivery = tokio::spawn(async move { app.deliver(&message).await });
        held.meets().await;
        returned_by_hand(&shop, &buyer).await;
        let other = sells_to_another(&shop, "the-other-buyer-of-it").await;
        let end = delivery.await.unwrap();
        assert_eq!(bug.hits() > 0, harm, "the planted bug must meet its write");
        if harm {
            shop.leave_unfinished();
            assert_eq!(end, Ok(app::DeliverAnswer::Delivered));
            // The key itself is kept back by the second line of defence: slots of an older generation prove nothing.
            assert_eq!(
                shop.read(&buyer).await.1["status"],
                "delivered",
                "without the guard returned money reads as delivered"
            );
            assert_ne!(shop.audit().await.differences, 0, "and the audit says so");
            assert_eq!(all_keys(&shop, &[&other]).await, 1);
        } else {
            assert_eq!((end, shop.keys(&buyer).await.len()), (Ok(app::DeliverAnswer::Superseded), 0));
            is_whole(&shop, &["p"]).await;
        }
    }
}

/// Planted: a delivery without its generation. No order is ever paid in two generations, so no message of this shop can meet the
/// missing condition; one that names cards of another generation shows what it would do: the order counts as delivered though
/// nobody ever opened its own card.
#[tokio::test(start_paused = true)]
async fn planted_a_delivery_of_another_generation_is_caught() {
    for (guard, harm) in [("#g = :g", true), ("no such guard", false)] {
        let shop = open(209, 2).await;
        let other = sells_to_another(&shop, "whose-card-can-be-opened").await;
        let buyer = shop.order("whose-card-was-not-opened", "p", 1).await;
        shop.pay(&buyer, "T1").await;
        let mut wrong = message(&shop).await;
        let other = shop.app.store.order(&domain::OrderId::parse(&other.order).unwrap()).await.unwrap().unwrap();
        wrong.generation = 1;
        wrong.slots = other.slots;
        let bug = Arc::new(Unguarded::new("UpdateItem", ":delivered", guard));
        let app = shop.tapped(bug.clone()).1;
        let end = app.deliver(&wrong).await;
        assert_eq!(bug.hits() > 0, harm, "the planted bug must meet its write");
        let expected = if harm { app::DeliverAnswer::Delivered } else { app::DeliverAnswer::Superseded };
        assert_eq!(end, Ok(expected));
        let status = if harm { "delivered" } else { "paid" };
        assert_eq!(shop.read(&buyer).await.1["status"], status);
        // The right message comes in the end, and the strips are as they should be: the harm is that nobody opened the card first.
        shop.pass(11_000);
        shop.tick().await;
        shop.deliver_all().await;
        is_whole(&shop, &["p"]).await;
    }
}

/// An order that was paid late, driven by nobody yet.
async fn late(shop: &TestShop) -> Buyer {
    let buyer = shop.order("pays-after-giving-it-up", "p", 1).await;
    assert_eq!(act(shop.front(), &buyer, "cancel").await.0, 200);
    let taken = shop.order("takes-the-only-card-of-it", "p", 1).await;
    let death = Once::new("UpdateItem", ":late", Fate::DieAfter);
    let (front, _) = shop.tapped(death.clone());
    assert!(death.run(shop::notify(&front, &shop.notification(&buyer, "T1"))).await.is_none());
    shop.pay(&taken, "T2").await;
    shop.deliver_all().await;
    buyer
}

fn repeats(shop: &TestShop, front: Front, buyer: &Buyer) -> tokio::task::JoinHandle<(u16, String)> {
    let query = shop.notification(buyer, "T1");
    tokio::spawn(async move { shop::notify(&front, &query).await })
}

/// One pass finds no stock and another, a moment later, finds some: the adoption freezes, the refund is first, and the cards that
/// were claimed for the order come back.
#[tokio::test(start_paused = true)]
async fn an_adoption_frozen_until_the_money_is_owed_back() {
    let shop = open(210, 1).await;
    let buyer = late(&shop).await;
    let shorter = Once::frozen("UpdateItem", ":refund_due", 1);
    let refunds = repeats(&shop, shop.tapped(shorter.clone()).0, &buyer);
    shorter.meets().await;
    shop.cards("p", &cards("D", 1), "").await;
    let longer = Once::frozen("UpdateItem", ADOPT, 2);
    let adopts = repeats(&shop, shop.tapped(longer.clone()).0, &buyer);
    longer.meets().await;
    assert_eq!(shop.counts("p").await["held"], 1, "claimed for the order that is late");
    assert_eq!(refunds.await.unwrap(), (200, "success".to_owned()));
    assert_eq!(shop.read(&buyer).await.1["status"], "refund_due");
    assert_eq!(adopts.await.unwrap(), (200, "success".to_owned()));
    assert_eq!(shop.read(&buyer).await.1["status"], "refund_due", "what is owed back stays owed back");
    assert_eq!(shop.counts("p").await["free"], 1, "the claim went back");
    sells_to_another(&shop, "the-other-buyer-of-it").await;
    shop.minutes(1).await;
    is_whole(&shop, &["p"]).await;
}

/// Planted: an adoption that does not look at what became of the order. Its generation alone may be missing: no order is late
/// twice, so the state stops it.
#[tokio::test(start_paused = true)]
async fn planted_an_adoption_of_money_owed_back_is_caught() {
    for (guard, harm) in [("#st = :late AND #g = :g", true), ("#g = :g", false)] {
        let mut shop = open(211, 1).await;
        let buyer = late(&shop).await;
        shop.cards("p", &cards("D", 1), "").await;
        let (held, bug, tap) = held_up("UpdateItem", ADOPT, guard);
        let adopts = repeats(&shop, shop.tapped(tap).0, &buyer);
        held.meets().await;
        // What a pass writes that had looked before the card came in.
        let order = shop.app.store.order(&domain::OrderId::parse(&buyer.order).unwrap()).await.unwrap().unwrap();
        shop.app.store.refund_late(&order, shop.world.clock().now()).await.unwrap();
        shop.tick().await;
        let other = sells_to_another(&shop, "the-other-buyer-of-it").await;
        adopts.await.unwrap();
        assert!(bug.hits() > 0, "the planted bug never met its write");
        shop.deliver_all().await;
        if harm {
            shop.leave_unfinished();
            assert_eq!(shop.keys(&buyer).await, shop.keys(&other).await, "without the guard one key is sold to two");
        } else {
            assert_eq!(shop.read(&buyer).await.1["status"], "refund_due");
            assert_eq!((shop.keys(&buyer).await.len(), shop.keys(&other).await.len()), (0, 1));
            is_whole(&shop, &["p"]).await;
        }
    }
}
