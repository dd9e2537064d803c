//! Receives, hidden times, deletes, and messages that move aside.

use super::{Case, Seen, bodies, handle, now, queue, receive, receives, send, until, verdict, with_dead_letters};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName,
    QueueAttributeName,
};
use std::time::{Duration, Instant};

pub(super) const CASES: &[(&str, Case)] = &[
    ("hidden for a time", |c, name| Box::pin(hidden(c, name))),
    ("hidden for another time", |c, name| Box::pin(changed(c, name))),
    ("changed in a batch", |c, name| Box::pin(changed_in_a_batch(c, name))),
    ("a receive's limits", |c, name| Box::pin(receive_limits(c, name))),
    ("a wait for nothing", |c, name| Box::pin(wait_for_nothing(c, name))),
    ("a wait for something", |c, name| Box::pin(wait_for_something(c, name))),
    ("deleted", |c, name| Box::pin(deleted(c, name))),
    ("deleted in part", |c, name| Box::pin(deleted_in_part(c, name))),
    ("moved aside", |c, name| Box::pin(moved_aside(c, name))),
    ("moved aside, and nothing else", |c, name| Box::pin(poison_alone(c, name))),
    ("policies", |c, name| Box::pin(policies(c, name))),
];

/// Receives for this many seconds.
async fn take(client: &Client, url: &str, hidden: i32) -> Vec<Message> {
    let got = receive(client, url).visibility_timeout(hidden).wait_time_seconds(1).send().await.expect("an answer");
    got.messages.unwrap_or_default()
}

async fn hidden(client: &Client, name: &str) -> Seen {
    let url = queue(client, name, &[(QueueAttributeName::VisibilityTimeout, "3")]).await;
    send(client, &url, "m").await;
    let first = until(client, &url, 1).await;
    let began = Instant::now();
    let meanwhile = now(client, &url).await;
    let second = until(client, &url, 1).await;
    let early = began.elapsed() < Duration::from_millis(2_500);
    vec![
        ("at first", first.first().map(receives).unwrap_or_default()),
        ("meanwhile", meanwhile.len().to_string()),
        ("afterwards", second.first().map(receives).unwrap_or_default()),
        ("too early", early.to_string()),
        ("one id", (first[0].message_id() == second[0].message_id()).to_string()),
        ("another handle", (handle(&first[0]) != handle(&second[0])).to_string()),
    ]
}

async fn changed(client: &Client, name: &str) -> Seen {
    let url = queue(client, name, &[]).await;
    send(client, &url, "m").await;
    let change = |handle: &str, seconds: i32| {
        client.change_message_visibility().queue_url(&url).receipt_handle(handle).visibility_timeout(seconds).send()
    };
    let first = take(client, &url, 60).await.remove(0);
    let at_once = verdict(change(handle(&first), 0).await);
    let second = until(client, &url, 1).await.remove(0);
    let longer = verdict(change(handle(&second), 600).await);
    let hidden = now(client, &url).await.len();
    let too_long = verdict(change(handle(&second), 43_201).await);
    let nonsense = verdict(change("nonsense", 1).await);
    client.delete_message().queue_url(&url).receipt_handle(handle(&second)).send().await.unwrap();
    vec![
        ("shown at once", at_once),
        ("received again", receives(&second)),
        ("hidden for longer", longer),
        ("hidden", hidden.to_string()),
        ("for too long", too_long),
        ("by a handle that is none", nonsense),
        ("of what is deleted", verdict(change(handle(&second), 1).await)),
    ]
}

async fn changed_in_a_batch(client: &Client, name: &str) -> Seen {
    let url = queue(client, name, &[]).await;
    for body in ["a", "b"] {
        send(client, &url, body).await;
    }
    let got = until(client, &url, 2).await;
    let entry = |id: &str, handle: &str, seconds: i32| {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id).receipt_handle(handle);
        entry.visibility_timeout(seconds).build().unwrap()
    };
    let body = |message: &Message| message.body().unwrap_or_default().to_owned();
    let a = got.iter().find(|m| body(m) == "a").expect("a");
    let b = got.iter().find(|m| body(m) == "b").expect("b");
    let batch = client.change_message_visibility_batch().queue_url(&url);
    let batch =
        batch.entries(entry("a", handle(a), 0)).entries(entry("b", handle(b), 600)).entries(entry("c", "none", 1));
    let done = batch.send().await.unwrap();
    let mut taken: Vec<&str> = done.successful().iter().map(|s| s.id()).collect();
    taken.sort_unstable();
    let refused: Vec<String> = done.failed().iter().map(|f| format!("{} {}", f.id(), f.code())).collect();
    vec![
        ("taken", taken.join(" ")),
        ("refused", refused.join(", ")),
        ("shown at once", bodies(&until(client, &url, 1).await)),
    ]
}

async fn receive_limits(client: &Client, name: &str) -> Seen {
    let url = queue(client, name, &[]).await;
    // Whoever takes a wait that is too long has something to answer at once.
    for body in ["a", "b", "c", "d"] {
        send(client, &url, body).await;
    }
    let ask = || client.receive_message().queue_url(&url);
    vec![
        ("no messages", verdict(ask().max_number_of_messages(0).send().await)),
        ("eleven messages", verdict(ask().max_number_of_messages(11).send().await)),
        ("a wait of 21 s", verdict(ask().wait_time_seconds(21).send().await)),
        ("a wait of less than nothing", verdict(ask().wait_time_seconds(-1).send().await)),
        ("hidden for 43201 s", verdict(ask().visibility_timeout(43_201).send().await)),
        ("hidden for less than nothing", verdict(ask().visibility_timeout(-1).send().await)),
    ]
}

async fn wait_for_nothing(client: &Client, name: &str) -> Seen {
    let url = queue(client, name, &[]).await;
    let began = Instant::now();
    let got = receive(client, &url).wait_time_seconds(1).send().await.unwrap().messages.unwrap_or_default();
    let waited = began.elapsed() >= Duration::from_millis(900);
    vec![("came", got.len().to_string()), ("waited", waited.to_string())]
}

async fn wait_for_something(client: &Client, name: &str) -> Seen {
    let url = queue(client, name, &[]).await;
    let waiting = until(client, &url, 1);
    let sending = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        send(client, &url, "m").await;
    };
    let (got, ()) = tokio::join!(waiting, sending);
    vec![("came", bodies(&got)), ("receives", receives(&got[0]))]
}

async fn deleted(client: &Client, name: &str) -> Seen {
    let url = queue(client, name, &[(QueueAttributeName::VisibilityTimeout, "1")]).await;
    send(client, &url, "m").await;
    let got = until(client, &url, 1).await.remove(0);
    let delete = |handle: &str| client.delete_message().queue_url(&url).receipt_handle(handle).send();
    let once = verdict(delete(handle(&got)).await);
    let twice = verdict(delete(handle(&got)).await);
    let nonsense = verdict(delete("nonsense").await);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    vec![
        ("once", once),
        ("twice", twice),
        ("by a handle that is none", nonsense),
        ("comes back", now(client, &url).await.len().to_string()),
    ]
}

/// What a function does that reports the failures of its batch: the others are deleted and these come again.
async fn deleted_in_part(client: &Client, name: &str) -> Seen {
    let url = queue(client, name, &[]).await;
    for body in ["a", "b", "c", "d"] {
        send(client, &url, body).await;
    }
    let got = until(client, &url, 4).await;
    let mut batch = client.delete_message_batch().queue_url(&url);
    for message in got.iter().filter(|m| m.body() != Some("c")) {
        let entry =
            DeleteMessageBatchRequestEntry::builder().id(message.body().unwrap()).receipt_handle(handle(message));
        batch = batch.entries(entry.build().unwrap());
    }
    let nonsense = DeleteMessageBatchRequestEntry::builder().id("none").receipt_handle("nonsense").build().unwrap();
    let done = batch.entries(nonsense).send().await.unwrap();
    let mut taken: Vec<&str> = done.successful().iter().map(|s| s.id()).collect();
    taken.sort_unstable();
    let refused: Vec<String> = done.failed().iter().map(|f| format!("{} {}", f.id(), f.code())).collect();
    let kept = got.iter().find(|m| m.body() == Some("c")).expect("c");
    let show = client.change_message_visibility().queue_url(&url).receipt_handle(handle(kept)).visibility_timeout(0);
    show.send().await.unwrap();
    let again = until(client, &url, 1).await;
    vec![
        ("taken", taken.join(" ")),
        ("refused", refused.join(", ")),
        ("comes again", bodies(&again)),
        ("receives", again.first().map(receives).unwrap_or_default()),
        ("nothing else", now(client, &url).await.len().to_string()),
    ]
}

async fn moved_aside(client: &Client, name: &str) -> Seen {
    let (url, dead) = with_dead_letters(client, name, 2, "30").await;
    send(client, &url, "poison").await;
    let mut counts = Vec::new();
    for _ in 0..2 {
        counts.extend(take(client, &url, 0).await.iter().map(receives));
    }
    let not_yet = now(client, &dead).await.len();
    let third = now(client, &url).await.len();
    let moved = until(client, &dead, 1).await;
    let source = |message: &Message| {
        let arn = message.attributes()?.get(&MessageSystemAttributeName::DeadLetterQueueSourceArn)?;
        arn.rsplit(':').next().map(str::to_owned)
    };
    vec![
        ("received", counts.join(" ")),
        ("not before the receive after the last", not_yet.to_string()),
        ("the receive after the last", third.to_string()),
        ("moved", bodies(&moved)),
        ("receives", moved.first().map(receives).unwrap_or_default()),
        ("from", format!("{:?}", moved.first().and_then(source).map(|from| from == name))),
    ]
}

async fn poison_alone(client: &Client, name: &str) -> Seen {
    let (url, dead) = with_dead_letters(client, name, 1, "30").await;
    for body in ["poison", "good"] {
        send(client, &url, body).await;
    }
    let got = until(client, &url, 2).await;
    for message in &got {
        if message.body() == Some("good") {
            client.delete_message().queue_url(&url).receipt_handle(handle(message)).send().await.unwrap();
        } else {
            let show = client.change_message_visibility().queue_url(&url).receipt_handle(handle(message));
            show.visibility_timeout(0).send().await.unwrap();
        }
    }
    let again = now(client, &url).await.len();
    let moved = until(client, &dead, 1).await;
    // A handle of the queue it came from no longer reaches it.
    let old = got.iter().find(|m| m.body() == Some("poison")).expect("the poison");
    let late = verdict(client.delete_message().queue_url(&url).receipt_handle(handle(old)).send().await);
    let show = client.change_message_visibility().queue_url(&dead).receipt_handle(handle(&moved[0]));
    show.visibility_timeout(0).send().await.unwrap();
    vec![
        ("received", bodies(&got)),
        ("again", again.to_string()),
        ("moved", bodies(&moved)),
        ("a late delete", late),
        ("is still there", bodies(&until(client, &dead, 1).await)),
    ]
}

async fn policies(client: &Client, name: &str) -> Seen {
    let (url, _) = with_dead_letters(client, name, 5, "30").await;
    let shown = super::attribute(client, &url, QueueAttributeName::RedrivePolicy).await.unwrap_or_default();
    let policy: serde_json::Value = serde_json::from_str(&shown).unwrap_or_default();
    let arn = policy["deadLetterTargetArn"].as_str().unwrap_or_default();
    let set = |policy: String| {
        client.set_queue_attributes().queue_url(&url).attributes(QueueAttributeName::RedrivePolicy, policy).send()
    };
    let to = |arn: &str, receives: &str| format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{receives}}}"#);
    vec![
        ("receives", policy["maxReceiveCount"].to_string()),
        ("to its dead letters", arn.ends_with("-dead").to_string()),
        ("a count in quotes", verdict(set(to(arn, r#""3""#)).await)),
        ("no receives", verdict(set(to(arn, "0")).await)),
        ("too many receives", verdict(set(to(arn, "1001")).await)),
        ("to a queue that is none", verdict(set(to(&format!("{arn}-none"), "3")).await)),
        ("none any more", verdict(set(String::new()).await)),
        ("gone", format!("{:?}", super::attribute(client, &url, QueueAttributeName::RedrivePolicy).await)),
    ]
}
