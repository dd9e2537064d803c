//! Alarms of the deployment, as SNS hands them to the function.

use super::{MINUTE, one, open, set_up};
use app::notices::{Change, Heard, change_of};
use functions::notify;
use local::poller;
use local::seam::{Call, Fate, Tap};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tests::TestShop;
use tests::receivers::{Receivers, Taken};
use tests::shop::cards;
use tests::template::{properties, template};

/// The event in which Lambda gets an alarm's change of state from SNS. Source: AWS Lambda Developer Guide, "Invoking Lambda functions
/// with Amazon SNS notifications"; Amazon CloudWatch User Guide, "Notifying users on alarm changes".
fn event(name: &str, state: &str, since: &str) -> Value {
    event_after(name, if state == "OK" { "ALARM" } else { "OK" }, state, since)
}

/// The same for a change from any state.
fn event_after(name: &str, old: &str, state: &str, since: &str) -> Value {
    let alarm = json!({
        "AlarmName": name, "AlarmDescription": "Paid orders wait for delivery.", "AWSAccountId": "000000000000",
        "AlarmConfigurationUpdatedTimestamp": "2026-11-01T00:00:00.000+0000", "NewStateValue": state,
        "NewStateReason": "Threshold Crossed: 1 datapoint [7.0 (22/11/26 00:00:00)] was greater than the threshold (0.0).",
        "StateChangeTime": since, "Region": "Asia Pacific (Tokyo)", "OldStateValue": old, "OKActions": [],
        "AlarmActions": [], "Trigger": {"MetricName": "PaidNotDelivered", "Namespace": "Kamivend"},
    });
    json!({"Records": [{
        "EventVersion": "1.0", "EventSource": "aws:sns", "EventSubscriptionArn": "arn:aws:sns:x:0:kamivend:1",
        "Sns": {"Type": "Notification", "MessageId": since, "Subject": "ALARM", "Message": alarm.to_string()},
    }]})
}

#[tokio::test]
async fn an_alarm_is_told_at_once_at_night_too_and_names_the_runbook() {
    let (shop, receivers) = open(641).await;
    set_up(&shop, &receivers, "ding", "dingtalk", &json!({"quiet": {"from": "00:00", "to": "00:00"}})).await;
    set_up(&shop, &receivers, "phone", "bark", &json!({"language": "en"})).await;
    set_up(&shop, &receivers, "sales", "webhook", &json!({"kinds": ["sale"]})).await;
    let at = "2026-11-22T00:00:00.000+0000";
    let alarm = event("kamivend-prod-PaidNotDelivered", "ALARM", at);
    assert_eq!(notify::handle(&shop.app, alarm.clone()).await, Ok(json!({})));
    let mut taken = receivers.take();
    taken.sort_by_key(|t| t.provider);
    let [phone, ding]: [Taken; 2] = taken.try_into().unwrap();
    assert!(
        ding.title.contains("故障 PaidNotDelivered") && ding.text.contains("infra/runbook/alarms.md, PaidNotDelivered"),
        "{ding:?}"
    );
    assert!(ding.text.contains("Threshold Crossed") && ding.text.contains("Paid orders wait"), "{ding:?}");
    assert!(phone.title.contains("Fault PaidNotDelivered") && phone.body["level"] == "timeSensitive", "{phone:?}");

    // SNS sends it twice; CloudWatch enters the same state again within minutes; then it is over, and then it is not.
    notify::handle(&shop.app, alarm).await.unwrap();
    assert_eq!(receivers.take().len(), 0);
    shop.pass(4 * MINUTE);
    let again = event("kamivend-prod-PaidNotDelivered", "ALARM", "2026-11-22T00:04:00.000+0000");
    notify::handle(&shop.app, again).await.unwrap();
    assert_eq!(receivers.take().len(), 0);
    let over = event("kamivend-prod-PaidNotDelivered", "OK", "2026-11-22T00:04:30.000+0000");
    notify::handle(&shop.app, over).await.unwrap();
    let back = event("kamivend-prod-PaidNotDelivered", "ALARM", "2026-11-22T00:05:00.000+0000");
    notify::handle(&shop.app, back).await.unwrap();
    assert_eq!(receivers.take().len(), 0, "it flaps");
    shop.pass(11 * MINUTE);
    shop.tell_all().await;
    assert_eq!(receivers.take().len(), 0, "it is not over");
    let later = event("kamivend-prod-PaidNotDelivered", "ALARM", "2026-11-22T00:16:00.000+0000");
    notify::handle(&shop.app, later).await.unwrap();
    let taken = receivers.take();
    assert!(taken.len() == 2 && taken.iter().any(|t| t.text.contains("期间又响：2 次")), "{taken:?}");
    let other = event("kamivend-prod-DeadLetters", "ALARM", "2026-11-22T00:16:00.000+0000");
    notify::handle(&shop.app, other).await.unwrap();
    assert_eq!(receivers.take().len(), 2);
}

/// A moment of the story, in CloudWatch's words.
fn moment(seconds: u32) -> String {
    format!("2026-11-22T{:02}:{:02}:{:02}.000+0000", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Changes an alarm so many times, one each quarter of a minute, and answers what was told until then.
async fn flap(shop: &TestShop, receivers: &Receivers, from: u32, times: u32) -> Vec<String> {
    for n in from..from + times {
        let state = if n % 2 == 0 { "ALARM" } else { "OK" };
        notify::handle(&shop.app, event("kamivend-ChannelFailing", state, &moment(n * 15))).await.unwrap();
        shop.pass(15_000);
        shop.tell_all().await;
    }
    receivers.take().into_iter().map(|taken| format!("{} {}", taken.title, taken.text)).collect()
}

#[tokio::test]
async fn an_alarm_that_flaps_is_told_once_and_its_end_when_it_has_stayed_well() {
    let (shop, receivers) = open(644).await;
    set_up(&shop, &receivers, "phone", "bark", &json!({"language": "en"})).await;
    // Twenty changes in five minutes.
    let told = flap(&shop, &receivers, 0, 20).await;
    assert!(told.len() == 1 && told[0].contains("Fault ChannelFailing"), "{told:?}");
    // The last of them was to the good, and it stays so.
    shop.pass(9 * MINUTE);
    shop.tell_all().await;
    assert_eq!(receivers.take().len(), 0, "not yet");
    shop.pass(MINUTE);
    shop.tell_all().await;
    let over = one(receivers.take());
    assert!(over.title.contains("Over ChannelFailing") && over.text.contains("Rang again meanwhile: 9"), "{over:?}");
    // Whatever rings from then on is another fault, told at once.
    let told = flap(&shop, &receivers, 200, 1).await;
    assert!(told.len() == 1 && !told[0].contains("Rang again"), "{told:?}");
    // A fault that goes on flapping is told again once an hour, with how often.
    let told = flap(&shop, &receivers, 201, 244).await;
    assert!(told.len() == 1 && told[0].contains("Fault") && told[0].contains("Rang again meanwhile: 119"), "{told:?}");
    shop.pass(60 * MINUTE);
    shop.tell_all().await;
    assert_eq!(receivers.take().len(), 0, "the last of them was to the bad, so nothing is over");
    assert_eq!(flap(&shop, &receivers, 445, 1).await, [""; 0]);
    shop.pass(10 * MINUTE);
    shop.tell_all().await;
    assert!(one(receivers.take()).title.contains("Over ChannelFailing"));
}

/// The change that an event tells of.
fn change(shop: &TestShop, event: &Value) -> Change {
    let message = event["Records"][0]["Sns"]["Message"].as_str().unwrap();
    change_of(message, shop.app.clock.now()).unwrap()
}

/// Whoever writes down an alarm is a second late: what it had read is old by then.
#[derive(Debug)]
struct Late;

impl Tap for Late {
    fn fate(&self, call: &Call) -> Fate {
        let is_memory = call.operation() == "UpdateItem" && String::from_utf8_lossy(&call.body).contains("rang#");
        if is_memory { Fate::Delay(Duration::from_secs(1)) } else { Fate::Pass }
    }
}

/// It rings again in the very moment in which its end is told. Either it has been over, and rings anew; or it has not.
#[tokio::test(start_paused = true)]
async fn an_alarm_is_never_told_to_be_over_while_it_is_only_counted() {
    for is_end_late in [true, false] {
        let shop = TestShop::pushing(646, None).await;
        shop.app.hear(&change(&shop, &event("kamivend-QueueAge", "ALARM", &moment(0)))).await.unwrap();
        let end = change(&shop, &event("kamivend-QueueAge", "OK", &moment(10)));
        assert!(matches!(shop.app.hear(&end).await, Ok(Heard::Later(_))));
        shop.pass(10 * MINUTE - 1);
        let back = change(&shop, &event("kamivend-QueueAge", "ALARM", &moment(609)));
        let (_, late) = shop.tapped(Arc::new(Late));
        let soon = tokio::time::sleep(Duration::from_millis(100));
        let (told, heard) = if is_end_late {
            tokio::join!(Box::pin(late.hear_late(&end.notice)), async {
                soon.await;
                Box::pin(shop.app.hear(&back)).await
            })
        } else {
            let (heard, told) = tokio::join!(Box::pin(late.hear(&back)), async {
                soon.await;
                Box::pin(shop.app.hear_late(&end.notice)).await
            });
            (told, heard)
        };
        let (told, heard) = (told.unwrap(), heard.unwrap());
        if is_end_late {
            assert_eq!((told, heard), (None, Heard::Counted));
        } else {
            assert_eq!((told, heard), (Some(end.notice), Heard::Now(back.notice)));
        }
    }
}

#[tokio::test]
async fn a_fault_of_which_nothing_is_remembered_has_an_end_all_the_same() {
    let (shop, receivers) = open(647).await;
    set_up(&shop, &receivers, "phone", "bark", &json!({"language": "en"})).await;
    // Another release told that it rang, or it rang for longer than alarms are remembered.
    notify::handle(&shop.app, event("kamivend-QueueAge", "OK", &moment(600))).await.unwrap();
    shop.pass(10 * MINUTE);
    shop.tell_all().await;
    assert!(one(receivers.take()).title.contains("Over QueueAge"));
    // It is the first time, and SNS brings the end before the fault.
    notify::handle(&shop.app, event("kamivend-ApiErrors", "OK", &moment(700))).await.unwrap();
    notify::handle(&shop.app, event("kamivend-ApiErrors", "ALARM", &moment(690))).await.unwrap();
    assert!(one(receivers.take()).title.contains("Fault ApiErrors"));
    shop.pass(10 * MINUTE);
    shop.tell_all().await;
    assert!(one(receivers.take()).title.contains("Over ApiErrors"));
    // What is remembered reads in another release, which knows less of it or more.
    let note = r#"{"newest":"", "open":{"id":"x"}, "later":1}"#;
    shop.app.store.keep_note("rang#TimerLate", note, shop.app.clock.now() + 60 * MINUTE).await.unwrap();
    notify::handle(&shop.app, event_after("kamivend-TimerLate", "INSUFFICIENT_DATA", "OK", &moment(800)))
        .await
        .unwrap();
    shop.pass(10 * MINUTE);
    shop.tell_all().await;
    assert!(one(receivers.take()).title.contains("Over TimerLate"));
}

#[tokio::test]
async fn whoever_was_told_the_end_does_not_hear_of_the_fault_after_it() {
    let (shop, receivers) = open(648).await;
    set_up(&shop, &receivers, "phone", "bark", &json!({"language": "en"})).await;
    for _ in 0..3 {
        receivers.plan("/push", 500, &[], "");
    }
    notify::handle(&shop.app, event("kamivend-QueueAge", "ALARM", &moment(0))).await.unwrap();
    shop.pass(MINUTE);
    shop.tell_all().await;
    notify::handle(&shop.app, event("kamivend-QueueAge", "OK", &moment(60))).await.unwrap();
    shop.pass(6 * MINUTE);
    shop.tell_all().await;
    assert_eq!(receivers.take().len(), 0, "it is down");
    shop.pass(4 * MINUTE);
    shop.tell_all().await;
    assert!(one(receivers.take()).title.contains("Over QueueAge"));
    shop.pass(10 * MINUTE);
    shop.tell_all().await;
    assert_eq!(receivers.take().len(), 0, "it is over");
    assert_eq!(shop.world.sqs.dump(shop.world.notices_name().unwrap()).unwrap().len(), 0);
    // The next fault is none of that.
    receivers.plan("/push", 500, &[], "");
    notify::handle(&shop.app, event("kamivend-QueueAge", "ALARM", &moment(1_300))).await.unwrap();
    shop.pass(MINUTE);
    shop.tell_all().await;
    assert!(one(receivers.take()).title.contains("Fault QueueAge"));
}

#[tokio::test]
async fn an_end_of_what_nobody_heard_of_is_told_to_nobody_and_a_fault_never_gets_lost() {
    let (shop, receivers) = open(645).await;
    set_up(&shop, &receivers, "phone", "bark", &json!({"language": "en"})).await;
    // A new stack: every alarm goes well for the first time.
    let first = event_after("kamivend-QueueAge", "INSUFFICIENT_DATA", "OK", &moment(0));
    notify::handle(&shop.app, first).await.unwrap();
    shop.pass(11 * MINUTE);
    shop.tell_all().await;
    assert_eq!(receivers.take().len(), 0);
    // SNS brings the end before the fault.
    notify::handle(&shop.app, event("kamivend-QueueAge", "OK", &moment(700))).await.unwrap();
    notify::handle(&shop.app, event("kamivend-QueueAge", "ALARM", &moment(690))).await.unwrap();
    assert!(one(receivers.take()).title.contains("Fault QueueAge"));
    shop.pass(10 * MINUTE);
    shop.tell_all().await;
    assert!(one(receivers.take()).title.contains("Over QueueAge"));
    // Whoever heard of it dies before telling: SNS comes again.
    let alarm = event("kamivend-QueueAge", "ALARM", &moment(2_000));
    let change = change(&shop, &alarm);
    for _ in 0..2 {
        assert_eq!(shop.app.hear(&change).await.unwrap(), Heard::Now(change.notice.clone()));
    }
    notify::handle(&shop.app, alarm).await.unwrap();
    assert!(one(receivers.take()).title.contains("Fault QueueAge"));
    // An end that not everybody took at once is told to the rest.
    notify::handle(&shop.app, event("kamivend-QueueAge", "OK", &moment(2_010))).await.unwrap();
    shop.pass(10 * MINUTE);
    receivers.plan("/push", 500, &[], "");
    shop.tell_all().await;
    assert_eq!(receivers.take().len(), 0);
    shop.pass(6 * MINUTE);
    shop.tell_all().await;
    assert!(one(receivers.take()).title.contains("Over QueueAge"));
}

#[tokio::test]
async fn an_alarm_that_is_not_taken_goes_through_the_queue() {
    let (shop, receivers) = open(642).await;
    set_up(&shop, &receivers, "ding", "dingtalk", &json!({})).await;
    set_up(&shop, &receivers, "phone", "bark", &json!({})).await;
    receivers.plan("/robot/send", 500, &[], "");
    let alarm = event("kamivend-PaidNotDelivered", "ALARM", "2026-11-22T00:00:00.000+0000");
    assert_eq!(notify::handle(&shop.app, alarm).await, Ok(json!({})));
    assert_eq!(one(receivers.take()).provider, "bark");
    shop.pass(MINUTE);
    shop.tell_all().await;
    assert_eq!(one(receivers.take()).provider, "dingtalk");
}

#[tokio::test]
async fn what_is_no_alarm_and_no_batch_is_told_to_nobody() {
    let (shop, receivers) = open(643).await;
    set_up(&shop, &receivers, "phone", "bark", &json!({})).await;
    let unknown = event("kamivend-PaidNotDelivered", "INSUFFICIENT_DATA", "2026-11-22T00:00:00.000+0000");
    assert_eq!(notify::handle(&shop.app, unknown).await, Ok(json!({})));
    let mut text = event("a", "ALARM", "b");
    text["Records"][0]["Sns"]["Message"] = "hello".into();
    assert_eq!(notify::handle(&shop.app, text).await, Ok(json!({})));
    assert!(notify::handle(&shop.app, json!({"job": "reconcile"})).await.is_err(), "wired to the wrong thing");
    let batch = json!({"Records": [
        {"messageId": "m1", "eventSource": "aws:sqs", "body": "not ours", "attributes": {}, "messageAttributes": {}},
        {"messageId": "m2", "eventSource": "aws:sqs", "body": r#"{"v":1,"id":"test-1","at":0,"kind":"test"}"#,
         "attributes": {}, "messageAttributes": {}},
    ]});
    let answer = notify::handle(&shop.app, batch).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "m1"}]}));
    assert_eq!(receivers.asked(), 0);
}

/// The queue of notices answers nobody.
#[derive(Debug)]
struct Hanging;

impl Tap for Hanging {
    fn fate(&self, call: &Call) -> Fate {
        let is_notice = call.operation() == "SendMessage" && String::from_utf8_lossy(&call.body).contains("notices");
        if is_notice { Fate::Delay(Duration::from_secs(3_600)) } else { Fate::Pass }
    }
}

/// Ten orders are delivered and answered for within the time that Lambda gives the function, although nobody can be told of them.
#[tokio::test(start_paused = true)]
async fn a_queue_of_notices_that_hangs_ends_no_delivery() {
    let (shop, receivers) = open(949).await;
    shop.product("p", 990, &cards("CARD", 10)).await;
    let mut buyers = Vec::new();
    for n in 0..10 {
        let buyer = shop.order(&format!("a-buyer-nobody-hears-of-{n}"), "p", 1).await;
        shop.pay(&buyer, &format!("T{n}")).await;
        buyers.push(buyer);
    }
    set_up(&shop, &receivers, "me", "bark", &json!({})).await;
    let (_, app) = shop.tapped(Arc::new(Hanging));
    let started = tokio::time::Instant::now();
    let polled = poller::poll(&shop.world, &app, 0).await;
    assert_eq!((polled.received, polled.failed), (10, 0));
    let limit = properties(template(), "DeliverFunction")["Timeout"].as_u64().unwrap();
    assert!(started.elapsed() < Duration::from_secs(limit / 2), "{:?} of {limit} s", started.elapsed());
    for buyer in &buyers {
        assert_eq!(shop.keys(buyer).await.len(), 1);
    }
}
