//! What runs by itself: notifications, the queue's pollers, the timer.

use crate::plan::happens;
use crate::sim::{AsyncWork, Env, Sim};
use aws_lambda_events::event::sqs::SqsEvent;
use fastrand::Rng;
use functions::reconcile::Job;
use http::{Method, Request};
use local::poller::record;
use local::roles::acting_as;
use local::sqs::Sqs;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Notifications of one payment that a provider sends before it gives up.
const TELLS: u32 = 8;

/// Tells the shop of a payment as this world's providers do: at once, late, several times, or never.
pub fn tell(sim: &Arc<Sim>, trade_no: String, mut rng: Rng) {
    let rates = sim.plan.providers;
    let trade = sim.town.trade(&trade_no);
    if happens(&mut rng, rates.forged) {
        let (sim, trade, mut rng) = (sim.clone(), trade.clone(), rng.fork());
        tokio::spawn(async move { forge(&sim, &trade, &mut rng).await });
    }
    if happens(&mut rng, rates.silent) && !trade.must_be_told {
        sim.fault("provider tells nobody");
        return;
    }
    let copies = if happens(&mut rng, rates.repeats) { rng.u32(2..=5) } else { 1 };
    for _ in 0..copies {
        let (sim, trade_no, mut rng) = (sim.clone(), trade_no.clone(), rng.fork());
        tokio::spawn(async move {
            let late = happens(&mut rng, sim.plan.providers.late);
            if late {
                sim.fault("late notification");
            }
            let wait = if late { rng.u64(60_000..3_600_000) } else { rng.u64(0..3_000) };
            tokio::time::sleep(Duration::from_millis(wait)).await;
            // It is repeated until the shop says "success"; a gateway that lost it for good is `silent`.
            let mut pause = 5_000;
            for _ in 0..TELLS {
                if notify(&sim, &trade_no, &mut rng).await {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(pause)).await;
                pause *= 3;
            }
        });
    }
    if copies > 1 {
        sim.fault("notification sent several times");
    }
}

/// One notification. Whether the shop said "success".
pub async fn notify(sim: &Arc<Sim>, trade_no: &str, rng: &mut Rng) -> bool {
    let trade = sim.town.trade(trade_no);
    let now = sim.town.key(trade.account);
    // Signed when it was paid, or anew when it is sent.
    let (key, is_rotated) = if trade.key == now || rng.bool() { (&trade.key, trade.key != now) } else { (&now, true) };
    let is_known = sim.town.keys(trade.account).len() == 1 || sim.keys_are_known.load(Ordering::SeqCst);
    let query = sim.town.notification(&trade, key);
    if is_rotated {
        sim.fault("notification after a change of keys");
    }
    let answer = send(sim, trade.account, &query, rng).await;
    sim.note(format_args!("{trade_no} told: {answer:?}"));
    match answer {
        Some((200, body)) if body == "success" => {
            sim.town.acknowledge(trade_no);
            true
        }
        // The key was changed at the provider, and the shop does not know yet.
        Some((400..=499, _)) if !is_known => {
            sim.fault("key that the shop does not know yet");
            false
        }
        // Well-signed money must never be turned away for good.
        Some((status @ 400..=499, body)) => {
            sim.truth().wrong(format!("well-signed money {trade_no} was answered {status} {body}"));
            false
        }
        _ => false,
    }
}

async fn send(sim: &Arc<Sim>, account: &str, query: &str, rng: &mut Rng) -> Option<(u16, String)> {
    let uri = format!("/webhooks/{account}?{query}");
    let request = Request::builder().method(Method::GET).uri(uri).body(Vec::new()).unwrap();
    let (status, body) = sim.send(request, rng).await?;
    Some((status, body.as_str().unwrap_or_default().to_owned()))
}

/// Somebody who is not the provider tells of a payment.
async fn forge(sim: &Arc<Sim>, trade: &crate::provider::Trade, rng: &mut Rng) {
    sim.fault("forged notification");
    let mut other = trade.clone();
    other.trade_no = format!("F{}", trade.trade_no);
    let genuine = sim.town.notification(&other, &sim.town.key(trade.account));
    let query = match rng.u32(..4) {
        // The key of somebody else, an amount changed after signing, no signature at all, the other merchant's signed text.
        0 => sim.town.notification(&other, "a-key-that-is-no-merchants"),
        1 => genuine.replace("money=", "money=9"),
        2 => genuine.replace("sign=", "sing="),
        _ => {
            other.account = if trade.account == "pay-a" { "pay-b" } else { "pay-a" };
            sim.town.notification(&other, &sim.town.key(other.account))
        }
    };
    if let Some((status, body)) = send(sim, trade.account, &query, rng).await
        && (status == 200 || body == "success")
    {
        sim.truth().wrong(format!("a forged notification for {} was answered {status} {body}", trade.out_trade_no));
    }
}

/// A batch of the queue, for an instance of `deliver`.
struct Batch(SqsEvent);

impl AsyncWork<Vec<String>> for Batch {
    async fn run(self, _: &Arc<Sim>, env: &Env) -> Vec<String> {
        let answer = acting_as("deliver", Box::pin(functions::deliver::handle(&env.app, self.0))).await;
        answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }
}

async fn queue_call(sim: &Sim, operation: &str, body: Value) -> Value {
    let answer = sim.world.sqs.handle(&format!("AmazonSQS.{operation}"), body.to_string().as_bytes()).await;
    assert_eq!(answer.status, 200, "{operation}: {}", String::from_utf8_lossy(&answer.body));
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// Receives one batch, if there is one by then, and has it delivered. How many messages there were.
pub async fn poll(sim: &Arc<Sim>, rng: &mut Rng, wait_seconds: u64) -> usize {
    let queue = sim.world.queue_name();
    let url = Sqs::queue_url(queue);
    let count = if sim.shared.is_calm() { 10 } else { rng.u32(1..=10) };
    let receive = json!({"QueueUrl": url, "MaxNumberOfMessages": count, "WaitTimeSeconds": wait_seconds, "MessageSystemAttributeNames": ["All"]});
    let received = queue_call(sim, "ReceiveMessage", receive).await;
    let messages = received["Messages"].as_array().cloned().unwrap_or_default();
    if messages.is_empty() {
        return 0;
    }
    let records: Vec<Value> = messages.iter().map(|m| record(queue, m)).collect();
    let event: SqsEvent = serde_json::from_value(json!({ "Records": records })).unwrap();
    let troubled = !sim.shared.is_calm();
    if troubled && happens(rng, sim.plan.late_batch) {
        sim.fault("batch worked on late");
        // Longer than it stays hidden, so that somebody else gets it as well.
        tokio::time::sleep(Duration::from_millis(rng.u64(20_000..90_000))).await;
    }
    if troubled && happens(rng, sim.plan.twice) {
        sim.fault("batch handed out twice");
        let (sim, event, mut rng) = (sim.clone(), event.clone(), rng.fork());
        tokio::spawn(async move { sim.invoke("deliver", &mut rng, Batch(event)).await });
    }
    let failed = sim.invoke("deliver", rng, Batch(event)).await;
    sim.note(format_args!("batch of {}: {:?} failed", messages.len(), failed.as_ref().map(Vec::len)));
    let Some(failed) = failed else { return messages.len() };
    if troubled && happens(rng, sim.plan.undeleted) {
        sim.fault("deletion of a batch lost");
        return messages.len();
    }
    let done: Vec<Value> = messages
        .iter()
        .enumerate()
        .filter(|(_, m)| !failed.iter().any(|id| m["MessageId"] == id.as_str()))
        .map(|(n, m)| json!({"Id": n.to_string(), "ReceiptHandle": m["ReceiptHandle"]}))
        .collect();
    if !done.is_empty() {
        // A handle that is too old is refused, entry by entry, and the message comes again.
        queue_call(sim, "DeleteMessageBatch", json!({"QueueUrl": url, "Entries": done})).await;
    }
    messages.len()
}

/// Puts what was given up into the queue again, as a person does by hand. How many messages there were.
pub async fn redrive(sim: &Arc<Sim>) -> usize {
    let (dead, url) = (Sqs::queue_url(sim.world.dead_letter_name()), Sqs::queue_url(sim.world.queue_name()));
    let mut moved = 0;
    loop {
        let received = queue_call(sim, "ReceiveMessage", json!({"QueueUrl": dead, "MaxNumberOfMessages": 10})).await;
        let messages = received["Messages"].as_array().cloned().unwrap_or_default();
        for message in &messages {
            queue_call(sim, "SendMessage", json!({"QueueUrl": url, "MessageBody": message["Body"]})).await;
            queue_call(sim, "DeleteMessage", json!({"QueueUrl": dead, "ReceiptHandle": message["ReceiptHandle"]}))
                .await;
            moved += 1;
        }
        if messages.is_empty() {
            return moved;
        }
        sim.fault("dead letter put back");
    }
}

/// Polls until faults stop, as Lambda does: a question stays open until something is there.
pub async fn deliver(sim: Arc<Sim>, mut rng: Rng) {
    while !sim.shared.is_calm() {
        if poll(&sim, &mut rng, 20).await > 0 {
            tokio::time::sleep(Duration::from_millis(rng.u64(..1_000))).await;
        }
    }
}

/// One job of the timer.
pub struct Tick(pub Job);

impl AsyncWork<Option<bool>> for Tick {
    async fn run(self, _: &Arc<Sim>, env: &Env) -> Option<bool> {
        let done = acting_as("reconcile", Box::pin(functions::reconcile::handle(&env.app, self.0))).await;
        done.ok().map(|done| done.complete)
    }
}

/// The timer, until faults stop: every minute, now and then twice at once.
pub async fn timer(sim: Arc<Sim>, mut rng: Rng) {
    loop {
        tokio::time::sleep(Duration::from_millis(rng.u64(50_000..70_000))).await;
        if sim.shared.is_calm() {
            return;
        }
        let copies = if happens(&mut rng, sim.plan.overlap) { 2 } else { 1 };
        for _ in 0..copies {
            let (sim, mut rng) = (sim.clone(), rng.fork());
            let job = if rng.u32(..40) == 0 { Job::AuditRecent } else { Job::Reconcile };
            tokio::spawn(async move {
                let done = sim.invoke("reconcile", &mut rng, Tick(job)).await;
                sim.note(format_args!("timer {job:?}: {done:?}"));
            });
        }
        if copies > 1 {
            sim.fault("two timers at once");
        }
    }
}
