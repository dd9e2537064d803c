//! Every handler frozen at each of its calls until the hold is over, the timer has gone by and others have bought; then it thaws and
//! does the rest of what it had decided. The calls count themselves, as they do where they are cut.

use crate::common::{HOUR, MINUTE, a_day_later, act, balance, change_product, due, is_whole, lose_messages, post};
use local::seam::{Call, Fate, Tap};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tests::shop::{self, cards, wish, yuan};
use tests::{Buyer, TestShop, text};

/// Freezes a function at its n-th call, from 1. Of a provider nobody waits so long for an answer: those calls are counted by the tests
/// that cut them.
#[derive(Debug)]
struct Ice(usize, AtomicUsize);

impl Ice {
    fn was_met(&self) -> bool {
        self.1.load(Ordering::SeqCst) >= self.0
    }
}

impl Tap for Ice {
    fn fate(&self, call: &Call) -> Fate {
        if call.is_plain() || self.1.fetch_add(1, Ordering::SeqCst) + 1 != self.0 {
            return Fate::Pass;
        }
        Fate::Delay(Duration::from_secs(3 * 3_600))
    }
}

/// Runs a round for every call, until a round makes fewer calls than that.
async fn at_every_call(least: usize, mut round: impl AsyncFnMut(usize, &str, Arc<Ice>)) {
    for at in 1.. {
        let ice = Arc::new(Ice(at, AtomicUsize::new(0)));
        round(at, &format!("frozen at call {at}"), ice.clone()).await;
        if !ice.was_met() {
            assert!(at > least, "at least {least} calls are made; {} were", at - 1);
            break;
        }
    }
}

/// Runs a handler until it freezes (or ends), then the world, and then the handler to its end.
async fn thawed<T: Send + 'static>(
    ice: &Ice,
    handler: impl Future<Output = T> + Send + 'static,
    world: impl AsyncFnOnce(),
) -> T {
    let task = tokio::spawn(handler);
    for _ in 0..5_000 {
        if ice.was_met() || task.is_finished() {
            break;
        }
        tokio::task::yield_now().await;
    }
    world().await;
    task.await.unwrap()
}

/// What the timer does until every hold that stands now is over and its cards are back.
async fn holds_end(shop: &TestShop) {
    shop.tick().await;
    for _ in 0..5 {
        shop.pass(6 * MINUTE);
        shop.tick().await;
    }
}

/// Somebody else takes so many cards and holds them.
async fn holds_all(shop: &TestShop, key: &str, quantity: u32) -> Buyer {
    shop.order(key, "p", quantity).await
}

#[tokio::test(start_paused = true)]
async fn a_create_frozen_at_any_call() {
    let shop = TestShop::new(220).await;
    // Two strips of twenty, so that thirty cards always lie over both.
    shop.product("p", 100, &cards("A", 20)).await;
    shop.cards("p", &cards("B", 20), "").await;
    at_every_call(4, async |run, what, ice| {
        let key = format!("a-create-that-freezes-{run}");
        let (front, _) = shop.tapped(ice.clone());
        let create = {
            let key = key.clone();
            async move { shop::create(&front, &key, &wish("p", 30)).await }
        };
        let mut holder = None;
        let (status, answer) = thawed(&ice, create, async || {
            holds_end(&shop).await;
            holder = Some(holds_all(&shop, &format!("takes-all-of-it-{run}"), 40).await);
        })
        .await;
        // Nobody's cards were taken, whatever the frozen one still did. It may have been sold out, given up, or in time.
        assert!([200, 201, 409, 503].contains(&status), "{what}: {answer}");
        let held = shop.counts("p").await["held"].as_u64();
        assert_eq!(held, Some(40), "{what}: {answer}");
        // The same request again is the same order, or none: it never makes a second one of it.
        let (again, second) = shop.create(&key, &wish("p", 30)).await;
        if status < 300 {
            assert_eq!((again, text(&second, "/order/id")), (200, text(&answer, "/order/id")), "{what}: {second}");
        }
        let holder = holder.unwrap();
        assert_eq!(act(shop.front(), &holder, "cancel").await.0, 200, "{what}");
        holds_end(&shop).await;
        let counts = shop.counts("p").await;
        assert_eq!((counts["free"].as_u64(), counts["held"].as_u64()), (Some(40), Some(0)), "{what}");
    })
    .await;
    a_day_later(&shop).await;
    assert_eq!(due(&shop), Vec::<String>::new());
    is_whole(&shop, &["p"]).await;
}

/// The provider is told "success" only for what is durable, and repeats itself otherwise; the buyer gets one key.
#[tokio::test(start_paused = true)]
async fn a_notification_frozen_at_any_call() {
    let shop = TestShop::new(221).await;
    shop.product("p", 990, &cards("C", 96)).await;
    let mut runs = 0;
    at_every_call(2, async |run, what, ice| {
        runs = run;
        let buyer = shop.order(&format!("a-buyer-whose-notice-freezes-{run}"), "p", 1).await;
        let query = shop.notification(&buyer, &format!("T{run}"));
        let (front, _) = shop.tapped(ice.clone());
        let notify = {
            let query = query.clone();
            async move { shop::notify(&front, &query).await }
        };
        let (status, body) = thawed(&ice, notify, async || holds_end(&shop).await).await;
        if status == 200 {
            assert_eq!(body, "success", "{what}");
            let read = shop.read(&buyer).await.1["status"].clone();
            assert!(
                ["paid", "delivered"].contains(&read.as_str().unwrap()),
                "{what}: told \"success\" of a {read} order"
            );
        }
        assert_eq!(shop.notify(&query).await, (200, "success".to_owned()), "{what}");
        shop.minutes(1).await;
        shop.deliver_all().await;
        assert_eq!(shop.keys(&buyer).await.len(), 1, "{what}");
    })
    .await;
    a_day_later(&shop).await;
    assert_eq!(shop.counts("p").await["sold"], runs);
    assert_eq!(shop.attention().await, [], "no movement was taken for another");
    is_whole(&shop, &["p"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_delivery_frozen_at_any_call() {
    let shop = TestShop::new(222).await;
    shop.product("p", 990, &cards("C", 96)).await;
    let mut runs = 0;
    at_every_call(2, async |run, what, ice| {
        runs = run;
        let buyer = shop.order(&format!("a-buyer-whose-key-freezes-{run}"), "p", 1).await;
        shop.pay(&buyer, &format!("T{run}")).await;
        let message = shop.world.sqs.dump(shop.world.queue_name()).unwrap().remove(0);
        let message = app::DeliverMessage::from_body(&message.body).unwrap();
        assert_eq!(lose_messages(&shop).await, 1);
        let (_, app) = shop.tapped(ice.clone());
        let delivery = async move { app.deliver(&message).await };
        let done = thawed(&ice, delivery, async || {
            // The timer finds it paid and not delivered, and sends it again; that one is quicker.
            holds_end(&shop).await;
            shop.deliver_all().await;
            assert_eq!(shop.keys(&buyer).await.len(), 1, "{what}");
        })
        .await;
        assert!(done.is_ok(), "{what}: {done:?}");
        shop.deliver_all().await;
        assert_eq!(shop.keys(&buyer).await.len(), 1, "{what}");
    })
    .await;
    assert_eq!(shop.counts("p").await["sold"], runs);
    is_whole(&shop, &["p"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_cancel_frozen_at_any_call() {
    let shop = TestShop::new(223).await;
    shop.product("p", 100, &cards("A", 20)).await;
    shop.cards("p", &cards("B", 20), "").await;
    at_every_call(4, async |run, what, ice| {
        let buyer = shop.order(&format!("a-buyer-who-gives-up-{run}"), "p", 30).await;
        let (front, _) = shop.tapped(ice.clone());
        let cancel = {
            let buyer = buyer.clone();
            async move { act(&front, &buyer, "cancel").await }
        };
        let mut holder = None;
        let (status, answer) = thawed(&ice, cancel, async || {
            holds_end(&shop).await;
            holder = Some(holds_all(&shop, &format!("takes-all-of-it-{run}"), 40).await);
        })
        .await;
        assert!([200, 409, 503].contains(&status), "{what}: {answer}");
        assert_eq!(shop.counts("p").await["held"], 40, "{what}: something was taken from its holder");
        assert_eq!(shop.read(&buyer).await.1["status"], "closed", "{what}");
        assert_eq!(act(shop.front(), &holder.unwrap(), "cancel").await.0, 200, "{what}");
        shop.tick().await;
        assert_eq!(shop.counts("p").await["free"], 40, "{what}");
    })
    .await;
    a_day_later(&shop).await;
    assert_eq!(due(&shop), Vec::<String>::new());
    is_whole(&shop, &["p"]).await;
}

/// A number that was shown can be paid, whenever it was shown: its money finds its order, and the order its cards.
#[tokio::test(start_paused = true)]
async fn another_attempt_frozen_at_any_call() {
    let shop = TestShop::new(224).await;
    shop.product("p", 990, &cards("C", 96)).await;
    shop.account("second", Some(0)).await;
    change_product(&shop, "p", &json!({"channels": ["sandbox", "second"]})).await;
    let mut paid = 0;
    at_every_call(3, async |run, what, ice| {
        let buyer = shop.order(&format!("a-buyer-who-tries-again-{run}"), "p", 1).await;
        let (front, _) = shop.tapped(ice.clone());
        let ask = {
            let (path, token) = (format!("/api/orders/{}/payments", buyer.order), buyer.token.clone());
            async move { post(&front, &path, &token, None, &json!({"channel": "second"})).await }
        };
        let (status, answer) = thawed(&ice, ask, async || holds_end(&shop).await).await;
        assert!([200, 201, 409, 410, 503].contains(&status), "{what}: {answer}");
        // When the order was closed meanwhile nothing is shown, and nobody can pay.
        if status < 300 {
            let attempt = text(&answer, "/payment/attempt").to_owned();
            let query = shop.notification_of(&attempt, &format!("T{run}"), &yuan(buyer.minor), "TRADE_SUCCESS");
            let told = crate::common::notify_at(shop.front(), "second", &query).await;
            assert_eq!(told, (200, json!("success")), "{what}");
            shop.minutes(1).await;
            shop.deliver_all().await;
            assert_eq!(shop.keys(&buyer).await.len(), 1, "{what}: paid by a number that was shown");
            paid += 1;
        }
    })
    .await;
    assert!(paid > 0, "no attempt was shown by any of them");
    a_day_later(&shop).await;
    assert_eq!(due(&shop), Vec::<String>::new());
    assert_eq!(shop.counts("p").await["sold"], paid);
    assert_eq!(shop.attention().await, []);
    is_whole(&shop, &["p"]).await;
}

/// "I have paid", frozen: the timer asks meanwhile, and the money counts once.
#[tokio::test(start_paused = true)]
async fn a_question_frozen_at_any_call() {
    let shop = TestShop::new(225).await;
    shop.product("p", 990, &cards("C", 96)).await;
    let mut runs = 0;
    at_every_call(4, async |run, what, ice| {
        runs = run;
        let buyer = shop.order(&format!("a-buyer-who-has-paid-{run}"), "p", 1).await;
        let page = shop.open_pay_page(&buyer).await;
        shop.press(&page, "pay_lose_notice").await;
        let (front, _) = shop.tapped(ice.clone());
        let check = {
            let buyer = buyer.clone();
            async move { act(&front, &buyer, "check").await }
        };
        let (status, answer) = thawed(&ice, check, async || holds_end(&shop).await).await;
        assert!([200, 429, 503].contains(&status), "{what}: {answer}");
        shop.minutes(1).await;
        shop.deliver_all().await;
        assert_eq!(shop.keys(&buyer).await.len(), 1, "{what}");
    })
    .await;
    assert_eq!(shop.counts("p").await["sold"], runs);
    assert_eq!(shop.attention().await, [], "no movement was taken for another");
    is_whole(&shop, &["p"]).await;
}

/// A refund, frozen: another request under the same key comes meanwhile, and a person says what became of it if nobody knows. The
/// money goes back once.
#[tokio::test(start_paused = true)]
async fn a_refund_frozen_at_any_call() {
    let shop = TestShop::new(226).await;
    shop.product("p", 990, &cards("C", 96)).await;
    at_every_call(4, async |run, what, ice| {
        let buyer = shop.order(&format!("a-buyer-who-complains-{run}"), "p", 1).await;
        let page = shop.open_pay_page(&buyer).await;
        shop.press(&page, "pay").await;
        shop.deliver_all().await;
        let before = balance(&shop);
        let token = shop.sign_in().await;
        let (path, key) = (format!("/api/admin/orders/{}/refund", buyer.order), format!("the-key-of-refund-{run}"));
        let (front, _) = shop.tapped(ice.clone());
        let refund = {
            let (path, key, token) = (path.clone(), key.clone(), token.clone());
            async move { post(&front, &path, &token, Some(&key), &json!({})).await }
        };
        let mut second = (0, Value::Null);
        let first = thawed(&ice, refund, async || {
            second = post(shop.front(), &path, &token, Some(&key), &json!({})).await;
            shop.minutes(2).await;
        })
        .await;
        assert_eq!(second.0, 200, "{what}: {}", second.1);
        // The frozen one's session may have ended meanwhile.
        assert!([200, 401, 409, 503].contains(&first.0), "{what}: {}", first.1);
        shop.minutes(2).await;
        let order = crate::common::seen_by_seller(&shop, &buyer).await;
        assert_eq!(order["refunds"].as_array().map(Vec::len), Some(1), "{what}: {order}");
        assert_eq!(text(&order, "/refunds/0/state"), "done", "{what}: {order}");
        assert_eq!(balance(&shop), before - 990, "{what}: it went back once");
    })
    .await;
    shop.pass(25 * HOUR);
    shop.minutes(1).await;
    assert_eq!(shop.attention().await, []);
    is_whole(&shop, &["p"]).await;
}
