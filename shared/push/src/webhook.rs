//! A program of the seller's, in the scheme of Standard Webhooks.
//!
//! Source: Standard Webhooks 1.0.0 (standard-webhooks/standard-webhooks, `spec/standard-webhooks.md`): three headers, the signature
//! `v1,` and base64 of HMAC-SHA256 over id, time in seconds and body, joined by dots, under the bytes that stand in base64 behind
//! `whsec_`. Every answer but 2xx means that it was not taken and comes again, except 410: it is wanted no more.

use crate::channel::webhook_key;
use crate::reply::{Refusal, Reply, Verdict};
use crate::sign::hmac_base64;
use crate::{Channel, Message, Request, Signing};
use domain::Millis;
use serde_json::json;

pub(crate) fn request(channel: &Channel, message: &Message, now: Millis) -> Request {
    let event = &message.event;
    let body = json!({"type": event.name, "timestamp": event.at, "data": event.data}).to_string();
    let seconds = now.div_euclid(1_000);
    // A channel without a readable key was never configured: nothing can be read from it that was not checked before.
    let key = webhook_key(channel.field("secret")).unwrap_or_default();
    let sign = hmac_base64(&key, format!("{}.{seconds}.{body}", message.id).as_bytes());
    Request {
        url: channel.field("url").to_owned(),
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("webhook-id", message.id.clone()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", format!("v1,{sign}")),
        ],
        body: body.into_bytes(),
        signing: Signing::Done,
    }
}

pub(crate) fn judge(reply: &Reply) -> Verdict {
    match reply.status {
        200..=299 => Verdict::Accepted,
        410 => Verdict::Refused(Refusal::Gone),
        _ => reply.by_status().unwrap_or(Verdict::Unknown("the receiver did not take it")),
    }
}
