//! SQS: what the seller wants to hear of, and mail to buyers. SNS: an alarm of the deployment changed its state. What is for the
//! seller is told to every receiver that wants it, and each receiver once; a mail goes to its one buyer, once.

use crate::{buyer_mail, telemetry};
use app::notices::{BuyerMail, Notice, Pushed, fault_of};
use app::{App, AppError};
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};
use std::pin::Pin;
use tracing::Instrument;

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

/// Tells a batch of the queue, and answers which of its messages must come again.
pub async fn handle_batch(app: &App, event: SqsEvent) -> SqsBatchResponse {
    let mut answer = SqsBatchResponse::default();
    for record in event.records {
        // Boxed: the SDK's futures nest deeply, and every layer above would carry their size.
        if let Err(error) = Box::pin(one(app, &record)).await {
            tracing::warn!(message = record.message_id, %error, "a notice will be told again");
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = record.message_id.unwrap_or_default();
            answer.batch_item_failures.push(failure);
        }
    }
    answer
}

async fn one(app: &App, record: &SqsMessage) -> Result<(), AppError> {
    let body = record.body.as_deref().unwrap_or_default();
    if let Some(mail) = BuyerMail::from_body(body) {
        let receives = record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
        return buyer_mail::send(app, &mail, receives.unwrap_or(1)).await;
    }
    let notice = Notice::from_body(body).ok_or(AppError::Unforeseen("a notice of another format"))?;
    match tell(app, &notice).await?.again {
        0 => Ok(()),
        _ => Err(AppError::Unforeseen("a receiver did not take it yet")),
    }
}

async fn tell(app: &App, notice: &Notice) -> Result<Pushed, AppError> {
    let pushed = app.push_to_all(notice).await?;
    let Pushed { told, collected, refused, again } = pushed;
    tracing::info!(notice = notice.id, told, collected, refused, again, "told");
    Ok(pushed)
}

/// An alarm is told at once. What a receiver does not take now goes through the queue, whose patience is longer than that of SNS.
async fn alarm(app: &App, message: &str) -> Result<(), AppError> {
    let Some(notice) = fault_of(message, app.clock.now()) else {
        tracing::warn!("SNS says something that is no change of an alarm");
        return Ok(());
    };
    let again = match Box::pin(tell(app, &notice)).await {
        Ok(pushed) => pushed.again > 0,
        Err(error) => {
            tracing::error!(notice = notice.id, %error, "an alarm could not be told at once");
            true
        }
    };
    if !again {
        return Ok(());
    }
    if !app.queue.takes_notices() {
        return Err(AppError::Unforeseen("a receiver did not take it yet"));
    }
    app.queue.send_notice(notice.to_body()).await
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
