//! SQS: what the seller wants to hear of, and mail to buyers. SNS: an alarm of the deployment changed its state. What is for the
//! seller is told to every receiver that wants it, and each receiver once; a mail goes to its one buyer, once.

use crate::{buyer_mail, telemetry};
use app::notices::{BuyerMail, Heard, Notice, Pushed, Received, change_of};
use app::{App, AppError};
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::StreamExt;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};
use std::pin::Pin;
use tracing::Instrument;

/// Messages of a batch that are told side by side.
const AT_ONCE: usize = 4;

/// Tells what an event holds: a batch of the queue of notices, or what SNS says about alarms. Anything else is a wrongly wired
/// deployment.
pub async fn handle(app: &App, event: Value) -> Result<Value, AppError> {
    let first = event.pointer("/Records/0");
    let source = first.and_then(|record| record.get("eventSource").or_else(|| record.get("EventSource")));
    match source.and_then(Value::as_str) {
        Some("aws:sqs") => {
            let event = serde_json::from_value(event).map_err(|_| AppError::Unforeseen("an SQS event"))?;
            let answer = handle_batch(app, event).await;
            serde_json::to_value(answer).map_err(|_| AppError::Unforeseen("an answer to SQS"))
        }
        Some("aws:sns") => {
            let records = event.get("Records").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            for record in records {
                let message = record.pointer("/Sns/Message").and_then(Value::as_str).unwrap_or_default();
                alarm(app, message).await?;
            }
            Ok(json!({}))
        }
        _ => Err(AppError::Unforeseen("an event that is neither of SQS nor of SNS")),
    }
}

/// Tells a batch of the queue side by side, so that on one machine, which takes ten at a time, a receiver that hangs delays nobody
/// else's message; a deployment takes one at a time. Answers which of its messages must come again. The same notice twice is told one after the other: the second finds it told. So are mails to buyers.
pub async fn handle_batch(app: &App, event: SqsEvent) -> SqsBatchResponse {
    let mut notices: Vec<(Option<Notice>, Vec<SqsMessage>)> = Vec::new();
    for record in event.records {
        let notice = Notice::from_body(record.body.as_deref().unwrap_or_default());
        let is_same = |known: &Option<Notice>| known.as_ref().map(|n| &n.id) == notice.as_ref().map(|n| &n.id);
        match notices.iter_mut().find(|(known, _)| is_same(known)) {
            Some((_, records)) => records.push(record),
            None => notices.push((notice, vec![record])),
        }
    }
    // Boxed: the SDK's futures nest deeply, and every layer above would carry their size.
    let work: Vec<_> = notices.into_iter().map(|(notice, records)| Box::pin(each(app, notice, records))).collect();
    let failures = futures_util::stream::iter(work).buffered(AT_ONCE).collect::<Vec<_>>().await;
    let mut answer = SqsBatchResponse::default();
    answer.batch_item_failures = failures.into_iter().flatten().collect();
    answer
}

/// Tells one notice for each message that brought it.
async fn each(app: &App, notice: Option<Notice>, records: Vec<SqsMessage>) -> Vec<BatchItemFailure> {
    let mut failures = Vec::new();
    for record in records {
        if let Err(error) = one(app, notice.as_ref(), &record).await {
            tracing::warn!(message = record.message_id, %error, "a notice will be told again");
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = record.message_id.unwrap_or_default();
            failures.push(failure);
        }
    }
    failures
}

fn number(record: &SqsMessage, name: &str) -> Option<i64> {
    record.attributes.get(name)?.parse().ok()
}

/// How often a message was received, this time included. One that does not say so has no tries to spare.
fn receives(record: &SqsMessage) -> u32 {
    number(record, "ApproximateReceiveCount").and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX)
}

async fn one(app: &App, notice: Option<&Notice>, record: &SqsMessage) -> Result<(), AppError> {
    if let Some(mail) = BuyerMail::from_body(record.body.as_deref().unwrap_or_default()) {
        return buyer_mail::send(app, &mail, receives(record)).await;
    }
    let notice = notice.ok_or(AppError::Unforeseen("a notice of another format"))?;
    let Some(notice) = app.hear_late(notice).await? else {
        tracing::info!(notice = notice.id, "it has changed since, or nobody knew");
        return Ok(());
    };
    let pushed = tell(app, &notice).await?;
    if pushed.again == 0 {
        return Ok(());
    }
    if let Some(receipt) = record.receipt_handle.as_deref() {
        let sent_at = number(record, "SentTimestamp").unwrap_or(notice.at);
        let received = Received { receipt, receives: receives(record), sent_at };
        app.wait_for(&pushed, &received).await;
    }
    Err(AppError::Unforeseen("a receiver did not take it yet"))
}

async fn tell(app: &App, notice: &Notice) -> Result<Pushed, AppError> {
    let pushed = app.push_to_all(notice).await?;
    let Pushed { told, collected, refused, again, .. } = pushed;
    tracing::info!(notice = notice.id, told, collected, refused, again, "told");
    Ok(pushed)
}

/// An alarm is told at once when it is news, and its end when it has stayed well. What a receiver does not take now goes through the
/// queue, whose patience is longer than that of SNS.
async fn alarm(app: &App, message: &str) -> Result<(), AppError> {
    let Some(change) = change_of(message, app.clock.now()) else {
        tracing::warn!("SNS says something that is no change of an alarm");
        return Ok(());
    };
    let heard = app.hear(&change).await.unwrap_or_else(|error| {
        // Rather told too often than not at all.
        tracing::error!(notice = change.notice.id, %error, "nothing is known about this alarm");
        Heard::Now(change.notice.clone())
    });
    let notice = match heard {
        Heard::Now(notice) => notice,
        Heard::Later(delay) if app.queue.takes_notices() => return app.tell_after(&change.notice, delay).await,
        Heard::Later(_) => change.notice,
        Heard::Counted => {
            tracing::info!(notice = change.notice.id, "it rang again, and is told with the next");
            return Ok(());
        }
    };
    let pushed = match Box::pin(tell(app, &notice)).await {
        Ok(pushed) => Some(pushed),
        Err(error) => {
            tracing::error!(notice = notice.id, %error, "an alarm could not be told at once");
            None
        }
    };
    if pushed.is_some_and(|pushed| pushed.again == 0) {
        return Ok(());
    }
    if !app.queue.takes_notices() {
        return Err(AppError::Unforeseen("a receiver did not take it yet"));
    }
    app.push_later(&notice, pushed).await
}

/// Runs the function on Lambda: what its bin calls.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    let app = crate::ready().await?;
    let app = &app;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let LambdaEvent { payload, context } = event;
        app.begin();
        let span = telemetry::invocation("notify", &context.request_id, Some(&context));
        // Boxed without its type: the SDK's futures nest deeper than the compiler counts.
        let work: Pin<Box<dyn Future<Output = Result<Value, AppError>> + Send + '_>> = Box::pin(handle(app, payload));
        let done = work.instrument(span).await;
        app.flush_meter();
        done.inspect_err(|error| tracing::error!(%error, "an event was not told")).map_err(lambda_runtime::Error::from)
    }))
    .await
}
