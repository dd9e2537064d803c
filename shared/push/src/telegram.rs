//! A Telegram bot.
//!
//! Source: Telegram Bot API, "sendMessage" and "ResponseParameters": at most 4,096 characters, which are units of UTF-16; without a
//! `parse_mode` the text is text, but a name after an `@` is still a mention. "Bots FAQ": about one message a second to one chat,
//! twenty a minute to one group; whoever sends more hears 429 and when to come back.

use crate::reply::{Refusal, Reply, Verdict};
use crate::text::{cut, joined, plain, units};
use crate::{Channel, Message, Request};
use serde_json::{Value, json};

const BASE: &str = "https://api.telegram.org";

/// Units of UTF-16 in a message.
const TEXT_MAX: usize = 4_096;

/// Units of UTF-16 in the title.
const TITLE_MAX: usize = 256;

pub(crate) fn request(channel: &Channel, message: &Message) -> Request {
    // The token stands in the path as it is given out, with its colon.
    let url = format!("{}/bot{}/sendMessage", channel.base(BASE), channel.field("token"));
    let head = cut(&plain(&message.title), TITLE_MAX, units) + "\n";
    let end = message.link.as_ref().map(|link| format!("\n{}", link.url)).unwrap_or_default();
    let room = TEXT_MAX - head.chars().map(units).sum::<usize>().min(TEXT_MAX);
    let text = head + &joined(&message.lines, plain, "\n", &end, (room, units));
    let chat = channel.field("chat");
    let chat = chat.parse::<i64>().map_or_else(|_| Value::from(chat), Value::from);
    Request::json(
        url,
        &json!({
            "chat_id": chat, "text": text, "link_preview_options": {"is_disabled": true},
            "disable_notification": false,
        }),
    )
}

pub(crate) fn judge(reply: &Reply) -> Verdict {
    let body = reply.json();
    if body.get("ok").and_then(Value::as_bool) == Some(true) {
        return Verdict::Accepted;
    }
    let code = body.get("error_code").and_then(Value::as_i64).unwrap_or_else(|| reply.status.into());
    let said = body.get("description").and_then(Value::as_str).unwrap_or_default();
    match code {
        429 => match body.pointer("/parameters/retry_after").and_then(Value::as_i64) {
            Some(seconds) => Verdict::busy(seconds),
            None => reply.busy(),
        },
        // A token that is none is no path that Telegram knows.
        401 | 404 => Verdict::Refused(Refusal::Credentials),
        403 => Verdict::Refused(Refusal::Gone),
        400 if body.pointer("/parameters/migrate_to_chat_id").is_some() || said.contains("chat not found") => {
            Verdict::Refused(Refusal::Gone)
        }
        400 => Verdict::Refused(Refusal::Request),
        _ => Verdict::Unknown("neither ok nor an error that means no"),
    }
}
