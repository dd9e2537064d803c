//! SQS: open the cards of paid orders. Messages that fail are reported one by one, so that the rest of the batch is not
//! delivered again for nothing.

use crate::telemetry;
use app::meter::Metric;
use app::{App, AppError, DeliverAnswer, DeliverMessage};
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use domain::ProductId;
use domain::limits::RECEIVES_MAX;
use domain::order::Order;
use lambda_runtime::{Context, LambdaEvent, service_fn};
use std::pin::Pin;
use std::time::Duration;
use tracing::Instrument;

/// How long a batch may take over telling buyers and the seller, once the keys are on their pages.
const TELLING: Duration = Duration::from_secs(2);

/// Delivers a batch and answers which of its messages must come again.
pub async fn handle(app: &App, event: SqsEvent) -> SqsBatchResponse {
    // Where there is no invocation, its first message gives the batch a name.
    let id = event.records.first().and_then(|record| record.message_id.clone()).unwrap_or_default();
    batch(app, event, &id, None).await
}

async fn batch(app: &App, event: SqsEvent, id: &str, context: Option<&Context>) -> SqsBatchResponse {
    app.begin();
    let span = telemetry::invocation("deliver", id, context);
    let answer = run_batch(app, event).instrument(span).await;
    app.flush_meter();
    answer
}

async fn run_batch(app: &App, event: SqsEvent) -> SqsBatchResponse {
    let mut answer = SqsBatchResponse::default();
    let mut delivered: Vec<ProductId> = Vec::new();
    let mut reached: Vec<Box<Order>> = Vec::new();
    for record in event.records {
        let message = DeliverMessage::from_body(record.body.as_deref().unwrap_or_default());
        let order = message.as_ref().map(|message| tracing::field::display(message.order));
        let span = tracing::error_span!("message", message_id = record.message_id.as_deref(), order);
        // Boxed: the SDK's futures nest deeply, and every layer above would carry their size.
        match Box::pin(one(app, &record, message)).instrument(span).await {
            Ok((product, order)) => {
                delivered.extend(product.filter(|product| !delivered.contains(product)));
                reached.extend(order);
            }
            Err(_) => {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = record.message_id.unwrap_or_default();
                answer.batch_item_failures.push(failure);
                // At once: the rest of a batch that fails may take longer than somebody may be left untold.
                app.flush_meter();
            }
        }
    }
    // The keys are with their buyers; what the pages show of the last cards can take its time.
    for product in &delivered {
        app.count_when_low(product).await;
    }
    // Last of all, because their pages have the keys already: one short time for all of them, so that a queue of notices that hangs
    // never makes this invocation end before it has answered for its orders.
    app.flush_meter();
    let telling = async {
        for order in &reached {
            app.tell_buyer(order).await;
            app.tell_delivery(order).await;
        }
    };
    if tokio::time::timeout(TELLING, telling).await.is_err() {
        tracing::warn!(orders = reached.len(), "some of these were told to nobody: it took too long");
    }
    answer
}

/// What a message led to: of which product when this delivered it, and the order when it is delivered or stands before a person.
type Delivery = (Option<ProductId>, Option<Box<Order>>);

/// Delivers one message.
async fn one(app: &App, record: &SqsMessage, message: Option<DeliverMessage>) -> Result<Delivery, AppError> {
    let delivered = match message {
        Some(message) => deliver(app, message).await,
        None => Err(AppError::Unforeseen("a message of another format")),
    };
    delivered.inspect_err(|error| {
        app.meter.add(Metric::DeliveriesFailed, 1);
        let receives = record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse::<u32>().ok());
        if receives.is_some_and(|count| count >= RECEIVES_MAX) {
            app.meter.add(Metric::DeadLetters, 1);
            tracing::error!(%error, receives, "a delivery failed for the last time; its message is set aside");
        } else {
            tracing::error!(%error, receives, "a delivery failed and will be tried again");
        }
    })
}

async fn deliver(app: &App, message: DeliverMessage) -> Result<Delivery, AppError> {
    let (answer, order) = app.deliver_order(&message).await?;
    match answer {
        DeliverAnswer::Delivered => {
            tracing::info!("delivered");
            return Ok((Some(message.product), order));
        }
        // Providers repeat themselves, and so do queues: nothing to read at leisure.
        DeliverAnswer::AlreadyDelivered => tracing::debug!("delivered before"),
        DeliverAnswer::Superseded => tracing::info!(generation = message.generation, "superseded"),
        // Both are driven again from what stands in the tables; the message has nothing more to say.
        DeliverAnswer::NeedsPerson => {
            app.meter.add(Metric::DeliveriesFailed, 1);
            tracing::error!("put before a person");
            app.flush_meter();
        }
        DeliverAnswer::Closed => tracing::warn!("the shop is closed"),
    }
    Ok((None, order))
}

/// Runs the function on Lambda: what its bin calls.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    let app = crate::ready().await?;
    let app = &app;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let LambdaEvent { payload, context } = event;
        // Boxed without its type: the SDK's futures nest deeper than the compiler counts.
        let work: Pin<Box<dyn Future<Output = SqsBatchResponse> + Send + '_>> =
            Box::pin(batch(app, payload, &context.request_id, Some(&context)));
        Ok::<_, std::convert::Infallible>(work.await)
    }))
    .await
}
