//! SQS: open the cards of paid orders. Messages that fail are reported one by one, so that the rest of the batch is not
//! delivered again for nothing.

use app::{App, AppError, DeliverAnswer, DeliverMessage};
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use domain::ProductId;
use domain::order::Order;
use lambda_runtime::{LambdaEvent, service_fn};

/// Delivers a batch and answers which of its messages must come again.
pub async fn handle(app: &App, event: SqsEvent) -> SqsBatchResponse {
    let mut answer = SqsBatchResponse::default();
    let mut delivered: Vec<ProductId> = Vec::new();
    let mut sold: Vec<Box<Order>> = Vec::new();
    for record in event.records {
        // Boxed: the SDK's futures nest deeply, and every layer above would carry their size.
        match Box::pin(one(app, &record)).await {
            Ok((product, order)) => {
                delivered.extend(product.filter(|product| !delivered.contains(product)));
                sold.extend(order);
            }
            Err(error) => {
                tracing::error!(message = record.message_id, %error, "a delivery failed and will be tried again");
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = record.message_id.unwrap_or_default();
                answer.batch_item_failures.push(failure);
            }
        }
    }
    // The keys are with their buyers; what the pages show of the last cards can take its time.
    for product in &delivered {
        app.count_when_low(product).await;
    }
    // Last of all, because it is for the seller; it never fails.
    for order in &sold {
        app.tell_sale(order).await;
    }
    answer
}

/// Delivers one message. Answers of which product when this delivered it, and the order when it is delivered.
async fn one(app: &App, record: &SqsMessage) -> Result<(Option<ProductId>, Option<Box<Order>>), AppError> {
    let body = record.body.as_deref().unwrap_or_default();
    let message = DeliverMessage::from_body(body).ok_or(AppError::Unforeseen("a message of another format"))?;
    let (answer, order) = app.deliver_order(&message).await?;
    match answer {
        DeliverAnswer::Delivered => {
            tracing::info!(order = %message.order, "delivered");
            return Ok((Some(message.product), order));
        }
        // Providers repeat themselves, and so do queues: nothing to read at leisure.
        DeliverAnswer::AlreadyDelivered => tracing::debug!(order = %message.order, "delivered before"),
        DeliverAnswer::Superseded => {
            tracing::info!(order = %message.order, generation = message.generation, "superseded");
        }
        // Both are driven again from what stands in the tables; the message has nothing more to say.
        DeliverAnswer::NeedsPerson => tracing::error!(order = %message.order, "put before a person"),
        DeliverAnswer::Closed => tracing::warn!(order = %message.order, "the shop is closed"),
    }
    Ok((None, order))
}

/// Runs the function on Lambda: what its bin calls.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    let app = crate::ready().await?;
    let app = &app;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, std::convert::Infallible>(handle(app, event.payload).await)
    }))
    .await
}
