//! Alarms of the deployment, as SNS hands them to the function.

use super::{MINUTE, one, open, set_up};
use functions::notify;
use local::poller;
use local::seam::{Call, Fate, Tap};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tests::receivers::Taken;
use tests::shop::cards;
use tests::template::{properties, template};

/// The event in which Lambda gets an alarm's change of state from SNS. Source: AWS Lambda Developer Guide, "Invoking Lambda functions
/// with Amazon SNS notifications"; Amazon CloudWatch User Guide, "Notifying users on alarm changes".
fn event(name: &str, state: &str, since: &str) -> Value {
    let alarm = json!({
        "AlarmName": name, "AlarmDescription": "Paid orders wait for delivery.", "AWSAccountId": "000000000000",
        "AlarmConfigurationUpdatedTimestamp": "2026-11-01T00:00:00.000+0000", "NewStateValue": state,
        "NewStateReason": "Threshold Crossed: 1 datapoint [7.0 (22/11/26 00:00:00)] was greater than the threshold (0.0).",
        "StateChangeTime": since, "Region": "Asia Pacific (Tokyo)", "OldStateValue": "OK", "OKActions": [],
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
    assert!(receivers.take().iter().any(|t| t.title.contains("已恢复 PaidNotDelivered")));
    let back = event("kamivend-prod-PaidNotDelivered", "ALARM", "2026-11-22T00:05:00.000+0000");
    notify::handle(&shop.app, back).await.unwrap();
    assert_eq!(receivers.take().len(), 2, "what flaps is heard each time it changes");
    shop.pass(11 * MINUTE);
    let later = event("kamivend-prod-PaidNotDelivered", "ALARM", "2026-11-22T00:16:00.000+0000");
    notify::handle(&shop.app, later).await.unwrap();
    assert_eq!(receivers.take().len(), 2);
    let other = event("kamivend-prod-DeadLetters", "ALARM", "2026-11-22T00:16:00.000+0000");
    notify::handle(&shop.app, other).await.unwrap();
    assert_eq!(receivers.take().len(), 2);
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
