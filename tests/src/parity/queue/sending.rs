//! Queues, sends, and their limits.

use super::{Case, Seen, attribute, bodies, now, queue, receive, receives, send, until, verdict};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A message may have a mebibyte, and a batch no more.
/// Source: Amazon SQS Developer Guide, "Amazon SQS message quotas".
const MESSAGE_MAX: usize = 1_048_576;

pub(super) const CASES: &[(&str, Case)] = &[
    ("a message", |c, name| Box::pin(message(c, name))),
    ("a batch", |c, name| Box::pin(batch(c, name))),
    ("a batch's limits", |c, name| Box::pin(batch_limits(c, name))),
    ("a batch that is taken in part", |c, name| Box::pin(batch_in_part(c, name))),
    ("a message's limits", |c, name| Box::pin(message_limits(c, name))),
    ("a delay", |c, name| Box::pin(delay(c, name))),
    ("a queue's delay", |c, name| Box::pin(queues_delay(c, name))),
    ("a queue's attributes", |c, name| Box::pin(attributes(c, name))),
    ("a queue that is made again", |c, name| Box::pin(made_again(c, name))),
    ("no queue", |c, name| Box::pin(no_queue(c, name))),
];

fn text(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap()
}

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
}

async fn message(client: &Client, name: &str) -> Seen {
    let url = queue(client, name, &[]).await;
    let body = r#"{"order":"订单","n":1}"#;
    let sent = client.send_message().queue_url(&url).message_body(body);
    let sent = sent.message_attributes("kind", text("sale")).message_attributes("at", text("二")).send().await.unwrap();
    let got: Message = until(client, &url, 1).await.remove(0);
    let mut attributes: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in got.attributes().into_iter().flatten() {
        attributes.insert(name.as_str(), value.clone());
    }
    let names: Vec<&str> = attributes.keys().copied().collect();
    let mut own: Vec<String> = got
        .message_attributes()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}: {} {:?}", value.data_type(), value.string_value()))
        .collect();
    own.sort();
    let numbers = ["SentTimestamp", "ApproximateFirstReceiveTimestamp"];
    let in_ms = |name: &&str| attributes.get(*name).is_some_and(|at| at.len() == 13 && at.parse::<u64>().is_ok());
    vec![
        ("the body", got.body().unwrap_or_default().to_owned()),
        ("its sum when sent", sent.md5_of_message_body().unwrap_or_default().to_owned()),
        ("its sum when received", got.md5_of_body().unwrap_or_default().to_owned()),
        ("its attributes", own.join(", ")),
        ("their sum when sent", sent.md5_of_message_attributes().unwrap_or_default().to_owned()),
        ("their sum when received", got.md5_of_message_attributes().unwrap_or_default().to_owned()),
        ("one id", (sent.message_id() == got.message_id()).to_string()),
        ("what the queue tells", names.join(" ")),
        ("times in milliseconds", numbers.iter().all(in_ms).to_string()),
        ("receives", receives(&got)),
    ]
}

async fn batch(client: &Client, name: &str) -> Seen {
    let url = queue(client, name, &[]).await;
    let entries = (0..10).map(|n| entry(&format!("id-{n}"), &format!("m{n}"))).collect();
    let sent = client.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await.unwrap();
    let mut ids: Vec<&str> = sent.successful().iter().map(|s| s.id()).collect();
    ids.sort_unstable();
    let got = until(client, &url, 10).await;
    vec![
        ("taken", ids.join(" ")),
        ("refused", sent.failed().len().to_string()),
        ("received", bodies(&got)),
        ("nothing is left", now(client, &url).await.len().to_string()),
    ]
}

async fn batch_limits(client: &Client, name: &str) -> Seen {
    let url = queue(client, name, &[]).await;
    let send = |entries: Vec<SendMessageBatchRequestEntry>| {
        client.send_message_batch().queue_url(&url).set_entries(Some(entries)).send()
    };
    let eleven = (0..11).map(|n| entry(&format!("id-{n}"), "m")).collect();
    let half = "h".repeat(MESSAGE_MAX / 2 + 1);
    vec![
        ("none", verdict(send(vec![]).await)),
        ("eleven", verdict(send(eleven).await)),
        ("two of one id", verdict(send(vec![entry("a", "m"), entry("a", "n")]).await)),
        ("an id with a space", verdict(send(vec![entry("a b", "m")]).await)),
        ("an id of eighty-one letters", verdict(send(vec![entry(&"a".repeat(81), "m")]).await)),
        ("more than may be sent in all", verdict(send(vec![entry("a", &half), entry("b", &half)]).await)),
        ("nothing came", now(client, &url).await.len().to_string()),
    ]
}

async fn batch_in_part(client: &Client, name: &str) -> Seen {
    let url = queue(client, name, &[]).await;
    let entries = vec![entry("good", "good"), entry("bad", "bad \u{1}"), entry("late", "late")];
    let sent = client.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await;
    let Ok(sent) = sent else {
        return vec![("taken", verdict(sent)), ("refused", String::new()), ("came", String::new())];
    };
    let taken: Vec<&str> = sent.successful().iter().map(|s| s.id()).collect();
    let refused: Vec<String> =
        sent.failed().iter().map(|f| format!("{} {} {}", f.id(), f.code(), f.sender_fault())).collect();
    let got = until(client, &url, taken.len()).await;
    vec![("taken", taken.join(" ")), ("refused", refused.join(", ")), ("came", bodies(&got))]
}

async fn message_limits(client: &Client, name: &str) -> Seen {
    let url = queue(client, name, &[]).await;
    let send = |body: String| client.send_message().queue_url(&url).message_body(body).send();
    let delayed = |seconds: i32| client.send_message().queue_url(&url).message_body("d").delay_seconds(seconds).send();
    vec![
        ("a byte too long", verdict(send("x".repeat(MESSAGE_MAX + 1)).await)),
        ("as long as may be", verdict(send("x".repeat(MESSAGE_MAX)).await)),
        ("nothing in it", verdict(send(String::new()).await)),
        ("a letter that is none", verdict(send("a\u{1}b".to_owned()).await)),
        ("a letter beyond the first plane", verdict(send("😀".to_owned()).await)),
        ("tab, newline, return", verdict(send("\t\n\r".to_owned()).await)),
        ("delayed for 901 s", verdict(delayed(901).await)),
        ("delayed for less than nothing", verdict(delayed(-1).await)),
        ("came", until(client, &url, 3).await.len().to_string()),
    ]
}

async fn delay(client: &Client, name: &str) -> Seen {
    let url = queue(client, name, &[]).await;
    let began = Instant::now();
    client.send_message().queue_url(&url).message_body("later").delay_seconds(3).send().await.unwrap();
    send(client, &url, "now").await;
    let first = until(client, &url, 1).await;
    let second = until(client, &url, 1).await;
    vec![
        ("at first", bodies(&first)),
        ("afterwards", bodies(&second)),
        ("not before its time", (began.elapsed() >= Duration::from_millis(2_900)).to_string()),
        ("receives", second.first().map(receives).unwrap_or_default()),
    ]
}

async fn queues_delay(client: &Client, name: &str) -> Seen {
    let url = queue(client, name, &[(QueueAttributeName::DelaySeconds, "900")]).await;
    send(client, &url, "later").await;
    client.send_message().queue_url(&url).message_body("now").delay_seconds(0).send().await.unwrap();
    let delayed = attribute(client, &url, QueueAttributeName::ApproximateNumberOfMessagesDelayed).await;
    vec![("what is there", bodies(&until(client, &url, 1).await)), ("delayed", format!("{delayed:?}"))]
}

async fn attributes(client: &Client, name: &str) -> Seen {
    let wanted = [
        (QueueAttributeName::VisibilityTimeout, "77"),
        (QueueAttributeName::MessageRetentionPeriod, "1209600"),
        (QueueAttributeName::ReceiveMessageWaitTimeSeconds, "0"),
    ];
    let url = queue(client, name, &wanted).await;
    for body in ["a", "b", "c"] {
        send(client, &url, body).await;
    }
    let one = receive(client, &url).max_number_of_messages(1).send().await.unwrap().messages.unwrap_or_default();
    let mut seen = vec![("received", one.len().to_string())];
    for (words, name) in [
        ("hidden for", QueueAttributeName::VisibilityTimeout),
        ("kept for", QueueAttributeName::MessageRetentionPeriod),
        ("waits for", QueueAttributeName::ReceiveMessageWaitTimeSeconds),
        ("delays for", QueueAttributeName::DelaySeconds),
        ("bytes", QueueAttributeName::MaximumMessageSize),
        ("visible", QueueAttributeName::ApproximateNumberOfMessages),
        ("in flight", QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
        ("delayed", QueueAttributeName::ApproximateNumberOfMessagesDelayed),
        ("without a policy", QueueAttributeName::RedrivePolicy),
    ] {
        seen.push((words, format!("{:?}", attribute(client, &url, name).await)));
    }
    let set = |name: QueueAttributeName, value: &str| {
        client.set_queue_attributes().queue_url(&url).attributes(name, value).send()
    };
    seen.push(("another time-out", verdict(set(QueueAttributeName::VisibilityTimeout, "5").await)));
    seen.push(("is kept", format!("{:?}", attribute(client, &url, QueueAttributeName::VisibilityTimeout).await)));
    seen.push(("a time-out too long", verdict(set(QueueAttributeName::VisibilityTimeout, "43201").await)));
    seen.push(("a retention too short", verdict(set(QueueAttributeName::MessageRetentionPeriod, "59").await)));
    seen
}

async fn made_again(client: &Client, name: &str) -> Seen {
    let attributes = [(QueueAttributeName::VisibilityTimeout, "9")];
    let url = queue(client, name, &attributes).await;
    send(client, &url, "m").await;
    let same = queue(client, name, &attributes).await;
    let other =
        client.create_queue().queue_name(name).attributes(QueueAttributeName::VisibilityTimeout, "8").send().await;
    let named = client.get_queue_url().queue_name(name).send().await.unwrap();
    vec![
        ("the same again", (same == url).to_string()),
        ("otherwise", verdict(other)),
        ("by its name", (named.queue_url() == Some(url.as_str())).to_string()),
        ("its messages stay", bodies(&until(client, &url, 1).await)),
    ]
}

async fn no_queue(client: &Client, name: &str) -> Seen {
    let url = queue(client, name, &[]).await;
    let gone = client.delete_queue().queue_url(&url).send().await;
    let wait = MessageSystemAttributeName::All;
    vec![
        ("deleted", verdict(gone)),
        ("a send", verdict(client.send_message().queue_url(&url).message_body("m").send().await)),
        (
            "a receive",
            verdict(client.receive_message().queue_url(&url).message_system_attribute_names(wait).send().await),
        ),
        ("by its name", verdict(client.get_queue_url().queue_name(name).send().await)),
        ("its attributes", verdict(client.get_queue_attributes().queue_url(&url).send().await)),
    ]
}
