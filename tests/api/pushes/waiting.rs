//! Nobody waits for a receiver that hangs, and a receiver that asks for patience gets it.

use super::{MINUTE, one, open, sell, set_up};
use app::notices::{Pushed, Received};
use domain::limits::{
    DELIVERY_HIDDEN_SECONDS, NOTICE_HIDDEN_SECONDS, NOTICE_KEPT_SECONDS, NOTICE_RECEIVES_MAX, RECEIVES_MAX,
};
use local::poller;
use local::seam::{Call, Fate, Tap};
use local::sqs::StoredMessage;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tests::TestShop;
use tests::shop::cards;
use tests::template::{properties, template};

const SECOND: i64 = 1_000;

/// Providers that take their time; how many are asked at the same moment is counted.
#[derive(Debug, Default)]
struct Slow {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Tap for Slow {
    fn fate(&self, call: &Call) -> Fate {
        if !call.is_plain() {
            return Fate::Pass;
        }
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        Fate::Delay(Duration::from_millis(300))
    }

    fn answered(&self, call: &Call, _: u16, _: &[u8]) {
        if call.is_plain() {
            self.now.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

#[tokio::test]
async fn receivers_are_told_side_by_side() {
    let (shop, receivers) = open(651).await;
    shop.product("p", 990, &cards("P", 60)).await;
    for n in 0..12 {
        let more = json!({"quiet": {"from": "08:00", "to": "08:20"}});
        set_up(&shop, &receivers, &format!("phone-{n}"), "bark", &more).await;
    }
    sell(&shop, "a-sale-in-the-early-morning", "p").await;
    shop.tell_all().await;
    shop.pass(21 * MINUTE);
    // What was collected, by the timer.
    let slow = Arc::new(Slow::default());
    let (_, app) = shop.tapped(slow.clone());
    assert_eq!(app.push_collected().await, 12);
    let most = slow.most.load(Ordering::SeqCst);
    assert!((2..=8).contains(&most), "{most} at once");
    assert_eq!(receivers.take().len(), 12);
}

#[tokio::test]
async fn messages_of_one_batch_are_told_side_by_side() {
    let (shop, receivers) = open(652).await;
    shop.product("p", 990, &cards("P", 60)).await;
    set_up(&shop, &receivers, "phone", "bark", &json!({})).await;
    for n in 0..6 {
        sell(&shop, &format!("one-of-some-sales-at-once-{n}"), "p").await;
    }
    let slow = Arc::new(Slow::default());
    let (_, app) = shop.tapped(slow.clone());
    let polled = poller::poll_notices(&shop.world, &app, 0).await;
    assert_eq!((polled.received, polled.failed), (6, 0));
    let most = slow.most.load(Ordering::SeqCst);
    assert!((2..=4).contains(&most), "{most} at once");
    assert_eq!(receivers.take().len(), 6);
}

fn queue(shop: &TestShop) -> Vec<StoredMessage> {
    shop.world.sqs.dump(shop.world.notices_name().unwrap()).unwrap()
}

/// In how many seconds the only message of the queue comes again.
fn comes_in(shop: &TestShop) -> i64 {
    let queue = queue(shop);
    assert_eq!(queue.len(), 1, "{queue:?}");
    (queue[0].visible_at_ms - shop.app.clock.now()) / SECOND
}

#[tokio::test]
async fn a_provider_that_asks_for_patience_gets_it() {
    let (shop, receivers) = open(653).await;
    shop.product("p", 990, &cards("P", 60)).await;
    set_up(&shop, &receivers, "ding", "dingtalk", &json!({})).await;
    receivers.plan("/robot/send", 429, &[("retry-after", "900")], "");
    sell(&shop, "a-sale-that-comes-too-fast", "p").await;
    shop.tell_all().await;
    assert_eq!(comes_in(&shop), 900);
    // Meanwhile it is asked nothing more about anything.
    shop.pass(5 * MINUTE);
    let asked = receivers.asked();
    sell(&shop, "a-sale-while-it-wants-rest", "p").await;
    shop.tell_all().await;
    assert_eq!(receivers.asked(), asked);
    shop.pass(10 * MINUTE);
    shop.tell_all().await;
    assert_eq!(receivers.take().len(), 2, "{:?}", queue(&shop));
}

#[tokio::test]
async fn a_moment_s_patience_spends_no_tries_for_ever() {
    let (mut shop, receivers) = open(654).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("P", 60)).await;
    set_up(&shop, &receivers, "bot", "telegram", &json!({})).await;
    sell(&shop, "a-sale-that-is-too-fast-often", "p").await;
    let by_itself = i64::from(NOTICE_HIDDEN_SECONDS);
    for n in 1..=12 {
        receivers.plan("/bot", 429, &[], r#"{"ok":false,"error_code":429,"parameters":{"retry_after":7}}"#);
        shop.tell_all().await;
        // No sooner than its begun push counts as given up; and after ten tries as everybody else.
        let wanted = if n <= 10 { 21 } else { by_itself };
        assert_eq!(comes_in(&shop), wanted, "try {n}");
        shop.pass(wanted * SECOND);
    }
    shop.tell_all().await;
    assert_eq!(one(receivers.take()).provider, "telegram");
}

#[tokio::test]
async fn one_that_wants_rest_delays_no_other_and_nothing_outlives_the_queue() {
    let (shop, receivers) = open(655).await;
    shop.product("p", 990, &cards("P", 60)).await;
    set_up(&shop, &receivers, "ding", "dingtalk", &json!({})).await;
    set_up(&shop, &receivers, "phone", "bark", &json!({})).await;
    receivers.plan("/robot/send", 429, &[("retry-after", "3600")], "");
    receivers.plan("/push", 500, &[], "");
    sell(&shop, "a-sale-that-both-did-not-take", "p").await;
    shop.tell_all().await;
    assert_eq!(comes_in(&shop), i64::from(NOTICE_HIDDEN_SECONDS), "one of them has named no time");
    shop.pass(6 * MINUTE);
    shop.tell_all().await;
    assert_eq!(one(receivers.take()).provider, "bark");
    assert_eq!(comes_in(&shop), 3_600 - 360);
    // A message that the queue throws away before its provider wants it is tried while it is there.
    let hidden = queue(&shop)[0].visible_at_ms;
    let kept = i64::from(NOTICE_KEPT_SECONDS) * SECOND;
    let pushed = Pushed { again: 1, wait_ms: Some(3_600 * SECOND), ..Pushed::default() };
    let received = Received { receipt: "unasked", receives: 1, sent_at: shop.app.clock.now() - kept + 600 * SECOND };
    shop.app.wait_for(&pushed, &received).await;
    assert_eq!(queue(&shop)[0].visible_at_ms, hidden);
    shop.pass(60 * MINUTE);
    shop.tell_all().await;
    assert_eq!(one(receivers.take()).provider, "dingtalk");
}

/// The queues of the deployment and those of this machine are the same queues.
#[test]
fn the_queues_numbers_are_the_template_s() {
    let number = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    let notices = properties(template(), "NoticesQueue");
    assert_eq!(number(&notices["VisibilityTimeout"]), NOTICE_HIDDEN_SECONDS);
    assert_eq!(number(&notices["MessageRetentionPeriod"]), NOTICE_KEPT_SECONDS);
    assert_eq!(number(&notices["RedrivePolicy"]["maxReceiveCount"]), NOTICE_RECEIVES_MAX);
    let delivery = properties(template(), "DeliverQueue");
    assert_eq!(number(&delivery["VisibilityTimeout"]), DELIVERY_HIDDEN_SECONDS);
    assert_eq!(number(&delivery["RedrivePolicy"]["maxReceiveCount"]), RECEIVES_MAX);
    // Whatever a provider may ask for, an hour at the most, a message is set aside before it is thrown away.
    const { assert!(NOTICE_RECEIVES_MAX * 3_600 < NOTICE_KEPT_SECONDS) };
    assert!(6 * number(&properties(template(), "NotifyFunction")["Timeout"]) <= NOTICE_HIDDEN_SECONDS);
    assert!(6 * number(&properties(template(), "DeliverFunction")["Timeout"]) <= DELIVERY_HIDDEN_SECONDS);
}

/// What this machine's queues were set up with.
#[tokio::test]
async fn this_machine_s_queues_are_set_up_so() {
    let (shop, _) = open(656).await;
    for (name, hidden, receives) in [
        (shop.world.notices_name().unwrap(), NOTICE_HIDDEN_SECONDS, NOTICE_RECEIVES_MAX),
        (shop.world.queue_name(), DELIVERY_HIDDEN_SECONDS, RECEIVES_MAX),
    ] {
        let ask = json!({"QueueUrl": local::sqs::Sqs::queue_url(name), "AttributeNames": ["All"]});
        let answer = shop.world.sqs.handle("AmazonSQS.GetQueueAttributes", ask.to_string().as_bytes()).await;
        let found: Value = serde_json::from_slice(&answer.body).unwrap();
        let found = &found["Attributes"];
        assert_eq!(found["VisibilityTimeout"], hidden.to_string(), "{name}");
        let redrive: Value = serde_json::from_str(found["RedrivePolicy"].as_str().unwrap()).unwrap();
        assert_eq!(redrive["maxReceiveCount"], receives, "{name}");
        if hidden == NOTICE_HIDDEN_SECONDS {
            assert_eq!(found["MessageRetentionPeriod"], NOTICE_KEPT_SECONDS.to_string());
        }
    }
}
