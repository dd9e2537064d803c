//! Bark on an iPhone, through its public server or one of the seller's own.
//!
//! Source: the repository of bark-server, `docs/API_V2.md`. What is pushed becomes one notification of Apple's, which has at most
//! 4,096 bytes ("Generating a remote notification"). The public server names no limit for what it takes, and shuts out for a day
//! an address with a thousand failed requests in five minutes.

use crate::reply::{Refusal, Reply, Verdict};
use crate::text::{cut, joined, json_bytes, plain};
use crate::{Channel, Message, Request};
use serde_json::{Value, json};

const BASE: &str = "https://api.day.app";

/// Bytes of the text in JSON. What is left of the notification is for the title and the address.
const TEXT_MAX: usize = 2_000;

/// Bytes of the title in JSON.
const TITLE_MAX: usize = 200;

pub(crate) fn request(channel: &Channel, message: &Message) -> Request {
    let mut body = json!({
        "device_key": channel.field("key"),
        "title": cut(&plain(&message.title), TITLE_MAX, json_bytes),
        "body": joined(&message.lines, plain, "\n", "", (TEXT_MAX, json_bytes)),
        "group": "Kamivend",
        "level": if message.urgent { "timeSensitive" } else { "active" },
    });
    if let (Some(link), Some(body)) = (&message.link, body.as_object_mut()) {
        body.insert("url".to_owned(), link.url.clone().into());
    }
    Request::json(format!("{}/push", channel.base(BASE)), &body)
}

pub(crate) fn judge(reply: &Reply) -> Verdict {
    let body = reply.json();
    let said = body.get("message").and_then(Value::as_str).unwrap_or_default();
    match body.get("code").and_then(Value::as_i64) {
        Some(200) if reply.status == 200 => Verdict::Accepted,
        Some(400) if said.contains("device token") || said.contains("device key") => {
            Verdict::Refused(Refusal::Credentials)
        }
        Some(400) => Verdict::Refused(Refusal::Request),
        // A server of one's own may ask for a name and a password, which this channel has not.
        _ if matches!(reply.status, 401 | 403 | 418) => Verdict::Refused(Refusal::NotAllowed),
        _ if reply.status == 404 => Verdict::Refused(Refusal::Request),
        _ => reply.by_status().unwrap_or(Verdict::Unknown("no code that says yes or no")),
    }
}
