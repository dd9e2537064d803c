//! The event-source mappings of this world: receive batches, run `deliver` or `notify`, delete what did not fail. What failed stays
//! hidden until its time-out and comes again, at last in the dead-letter queue, exactly as under Lambda.

use crate::roles::acting_as;
use crate::sqs::Sqs;
use crate::world::World;
use app::App;
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsEvent};
use serde_json::{Value, json};
use std::time::Duration;

/// Messages in one batch, Lambda's default for SQS.
const BATCH: u32 = 10;

/// The pause after the queue failed, so that a poller does not spin.
const PAUSE: Duration = Duration::from_secs(1);

/// What one round of polling did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Polled {
    /// Messages received.
    pub received: usize,
    /// Messages that will come again.
    pub failed: usize,
}

/// Receives one batch of paid orders, waiting up to `wait_seconds` for it, and delivers it.
pub async fn poll(world: &World, app: &App, wait_seconds: u32) -> Polled {
    poll_queue(world, world.queue_name(), wait_seconds, async |event| {
        // Boxed: the SDK's futures nest deeply, and the compiler gives up on those of all layers in one.
        acting_as("deliver", Box::pin(functions::deliver::handle(app, event))).await.batch_item_failures
    })
    .await
}

/// Receives one batch of notices, waiting up to `wait_seconds` for it, and tells it. In a world without such a queue there is none.
pub async fn poll_notices(world: &World, app: &App, wait_seconds: u32) -> Polled {
    let Some(queue) = world.notices_name() else { return Polled::default() };
    poll_queue(world, queue, wait_seconds, async |event| {
        acting_as("notify", Box::pin(functions::notify::handle_batch(app, event))).await.batch_item_failures
    })
    .await
}

async fn poll_queue(
    world: &World,
    queue: &str,
    wait_seconds: u32,
    handle: impl AsyncFnOnce(SqsEvent) -> Vec<BatchItemFailure>,
) -> Polled {
    let url = Sqs::queue_url(queue);
    let receive = json!({
        "QueueUrl": url, "MaxNumberOfMessages": BATCH, "WaitTimeSeconds": wait_seconds,
        "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"],
    });
    let answer = world.sqs.handle("AmazonSQS.ReceiveMessage", receive.to_string().as_bytes()).await;
    if answer.status != 200 {
        tracing::error!(status = answer.status, "the queue does not answer");
        tokio::time::sleep(PAUSE).await;
        return Polled::default();
    }
    let received: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let messages = received.get("Messages").and_then(Value::as_array).cloned().unwrap_or_default();
    if messages.is_empty() {
        return Polled::default();
    }
    let records: Vec<Value> = messages.iter().map(|m| record(queue, m)).collect();
    let Ok(event) = serde_json::from_value::<SqsEvent>(json!({ "Records": records })) else {
        tracing::error!("a batch does not read as an SQS event");
        return Polled { received: messages.len(), failed: messages.len() };
    };
    let failures = handle(event).await;
    let failed = |m: &Value| failures.iter().any(|f| Some(f.item_identifier.as_str()) == m["MessageId"].as_str());
    let done: Vec<Value> = messages
        .iter()
        .enumerate()
        .filter(|(_, m)| !failed(m))
        .map(|(n, m)| json!({"Id": n.to_string(), "ReceiptHandle": m["ReceiptHandle"]}))
        .collect();
    if !done.is_empty() {
        let delete = json!({"QueueUrl": url, "Entries": done});
        world.sqs.handle("AmazonSQS.DeleteMessageBatch", delete.to_string().as_bytes()).await;
    }
    Polled { received: messages.len(), failed: failures.len() }
}

/// A message of a queue as Lambda hands it to a function.
pub fn record(queue: &str, message: &Value) -> Value {
    json!({
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "md5OfBody": message["MD5OfBody"],
        "attributes": message.get("Attributes").cloned().unwrap_or_else(|| json!({})),
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": Sqs::queue_arn(queue),
        "awsRegion": "local",
    })
}
