//! Server酱: Turbo, and Server酱³, whose keys begin with `sctp` and the user's number.
//!
//! Source: Server酱 Turbo, "发送消息"; Server酱³, "API": `title` has at most 32 characters and no line feed, `desp` is Markdown of at
//! most 32 KB. An account has a number of messages a day (five without a subscription) and, of Turbo, of calls a minute.

use crate::reply::{Refusal, Reply, Verdict};
use crate::text::{bytes, characters, cut, joined, marked, plain};
use crate::{Channel, Message, Request};
use serde_json::{Value, json};

const TURBO: &str = "https://sctapi.ftqq.com";

/// Characters of the title.
const TITLE_MAX: usize = 32;

/// Bytes of the text.
const TEXT_MAX: usize = 32_000;

/// What an answer says, beside the code of every refusal to let in, when today's messages are used up.
const QUOTA: i64 = 468;

pub(crate) fn request(channel: &Channel, message: &Message) -> Request {
    let key = channel.field("key");
    let number =
        key.strip_prefix("sctp").map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default());
    let number = number.filter(|number| !number.is_empty());
    let url = match number {
        Some(number) => format!("{}/send/{key}.send", channel.base(&format!("https://{number}.push.ft07.com"))),
        None => format!("{}/{key}.send", channel.base(TURBO)),
    };
    let end = message.link.as_ref().map(|link| format!("\n\n[{}]({})", marked(&link.label), link.url));
    let text = joined(&message.lines, marked, "\n\n", &end.unwrap_or_default(), (TEXT_MAX, bytes));
    let title = cut(&plain(&message.title), TITLE_MAX, characters);
    Request::json(url, &json!({"title": title, "desp": text}))
}

pub(crate) fn judge(reply: &Reply) -> Verdict {
    let body = reply.json();
    let number = |name: &str| body.get(name).and_then(Value::as_i64);
    match number("code") {
        Some(0) if reply.status == 200 => Verdict::Accepted,
        Some(40_001) if number("scode") == Some(QUOTA) => Verdict::Refused(Refusal::Quota),
        Some(40_001) => Verdict::Refused(Refusal::Credentials),
        _ => reply.by_status().unwrap_or(match reply.status {
            401 | 403 => Verdict::Refused(Refusal::Credentials),
            404 => Verdict::Refused(Refusal::Request),
            _ => Verdict::Unknown("no code that says yes or no"),
        }),
    }
}
