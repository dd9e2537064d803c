//! The payment-to-delivery queue, and the one of notices to the seller.

use crate::AppError;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use domain::order::Order;
use domain::stock::SlotRun;
use domain::{Generation, Millis, OrderId, ProductId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// "This order is paid: open its cards." Carries the slots, which are fixed for a given generation, so that delivery needs
/// no read of the order. No card, contact or secret is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliverMessage {
    /// The order.
    pub order: OrderId,
    /// The generation whose slots these are.
    pub generation: Generation,
    /// The product.
    pub product: ProductId,
    /// The slots.
    pub slots: Vec<SlotRun>,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    /// Format version: a consumer that does not know it leaves the message for one that does.
    v: u8,
    id: String,
    order: String,
    generation: u8,
    product: String,
    slots: Vec<(u32, u8, u8, u8)>,
}

impl DeliverMessage {
    /// The message of a paid order.
    pub fn of(order: &Order) -> DeliverMessage {
        DeliverMessage {
            order: order.id,
            generation: order.generation,
            product: order.product.clone(),
            slots: order.slots.clone(),
        }
    }

    /// The body as sent.
    pub fn to_body(&self, message_id: &str) -> String {
        let wire = Wire {
            v: 1,
            id: message_id.to_owned(),
            order: self.order.to_string(),
            generation: self.generation,
            product: self.product.to_string(),
            slots: self.slots.iter().map(|s| (s.strip, s.first, s.len, s.width)).collect(),
        };
        serde_json::to_string(&wire).unwrap_or_default()
    }

    /// Reads a body; `None` for anything this version does not know.
    pub fn from_body(body: &str) -> Option<DeliverMessage> {
        let wire: Wire = serde_json::from_str(body).ok()?;
        let slots = wire.slots.into_iter().map(|(strip, first, len, width)| SlotRun { strip, first, len, width });
        (wire.v == 1).then_some(DeliverMessage {
            order: OrderId::parse(&wire.order)?,
            generation: wire.generation,
            product: ProductId::parse(&wire.product)?,
            slots: slots.collect(),
        })
    }
}

/// The longest delay of a message, ms.
/// Source: Amazon SQS API reference, "SendMessage", `DelaySeconds`.
pub(crate) const DELAY_MAX_MS: Millis = 15 * 60_000;

/// Whole seconds, rounded up: nothing comes before its time.
fn seconds(ms: Millis) -> i32 {
    i32::try_from(ms.max(0).saturating_add(999).div_euclid(1_000)).unwrap_or(i32::MAX)
}

/// The queues, reached through the AWS SDK.
#[derive(Clone)]
pub struct Queue {
    make: Arc<dyn Fn() -> Client + Send + Sync>,
    sqs: OnceLock<Client>,
    url: String,
    /// The queue of notices; none when nobody is told.
    notices_url: Option<String>,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("url", &self.url).field("notices_url", &self.notices_url).finish_non_exhaustive()
    }
}

impl Queue {
    /// Takes what makes a configured client, the delivery queue's URL, and that of the queue of notices, if there is one. The client
    /// is made by the first message: most functions send none, and its making is a good part of a start.
    pub fn new(make: impl Fn() -> Client + Send + Sync + 'static, url: String, notices_url: Option<String>) -> Queue {
        Queue { make: Arc::new(make), sqs: OnceLock::new(), url, notices_url }
    }

    fn sqs(&self) -> &Client {
        self.sqs.get_or_init(|| (self.make)())
    }

    /// Whether there is a queue of notices.
    pub fn takes_notices(&self) -> bool {
        self.notices_url.is_some()
    }

    /// Puts a notice into its queue. An error means that nobody knows whether it was taken; consumers bear it twice.
    pub async fn send_notice(&self, body: String) -> Result<(), AppError> {
        self.send_notice_after(body, 0).await
    }

    /// The same, to be told so many ms later; no longer than [`DELAY_MAX_MS`], which is as long as a queue can wait.
    pub(crate) async fn send_notice_after(&self, body: String, delay: Millis) -> Result<(), AppError> {
        let Some(url) = &self.notices_url else { return Ok(()) };
        self.put(url, body, seconds(delay.min(DELAY_MAX_MS))).await
    }

    /// Lets a notice that was received, and that could not be told, come again in so many ms from now, sooner or later than by
    /// itself. `receipt` is the handle by which it was received.
    pub(crate) async fn hide_notice(&self, receipt: &str, ms: Millis) -> Result<(), AppError> {
        let Some(url) = &self.notices_url else { return Ok(()) };
        let hidden = self.sqs().change_message_visibility().queue_url(url).receipt_handle(receipt);
        match hidden.visibility_timeout(seconds(ms)).send().await {
            Ok(_) => Ok(()),
            Err(e) => Err(AppError::Queue(e.code().unwrap_or("no answer").to_owned())),
        }
    }

    /// Sends one message. An error means that nobody knows whether it was taken; consumers bear it twice.
    pub async fn send(&self, message: &DeliverMessage, message_id: &str) -> Result<(), AppError> {
        self.put(&self.url, message.to_body(message_id), 0).await
    }

    async fn put(&self, url: &str, body: String, delay_seconds: i32) -> Result<(), AppError> {
        let delay = (delay_seconds > 0).then_some(delay_seconds);
        match self.sqs().send_message().queue_url(url).message_body(body).set_delay_seconds(delay).send().await {
            Ok(_) => Ok(()),
            // The debug form would hold the reply; its code says enough.
            Err(e) => Err(AppError::Queue(e.code().unwrap_or("no answer").to_owned())),
        }
    }
}
