//! A custom bot in a Feishu group (飞书自定义机器人), and the same in Lark.
//!
//! Source: Feishu Open Platform, "自定义机器人使用指南": the signature is HMAC-SHA256 over nothing, under the time in seconds, a line
//! feed and the secret as its key, in base64; the clock may differ by an hour. A hundred messages a minute and five a second; a
//! request has at most 20 KB. In a rich text (`post`) a `text` element is text: a mention would be an element of its own.

use crate::reply::{Refusal, Reply, Verdict};
use crate::sign::{encode, hmac_base64};
use crate::text::{characters, cut, json_bytes, plain};
use crate::{Channel, Kind, Message, Request};
use domain::Millis;
use serde_json::{Value, json};

const FEISHU: &str = "https://open.feishu.cn";
const LARK: &str = "https://open.larksuite.com";

/// Bytes of the text in JSON: the rest of the request's 20 KB is for what stands around it.
const TEXT_MAX: usize = 14_000;

/// Characters of the title.
const TITLE_MAX: usize = 128;

pub(crate) fn request(channel: &Channel, message: &Message, now: Millis) -> Request {
    let own = if channel.kind() == Kind::Lark { LARK } else { FEISHU };
    let url = format!("{}/open-apis/bot/v2/hook/{}", channel.base(own), encode(channel.field("token")));
    let text = message.lines.iter().map(|line| plain(line)).collect::<Vec<_>>().join("\n");
    let mut rows: Vec<Value> = cut(&text, TEXT_MAX, json_bytes)
        .lines()
        // An empty element is refused.
        .filter(|line| !line.trim().is_empty())
        .map(|line| json!([{"tag": "text", "text": line}]))
        .collect();
    if let Some(link) = &message.link {
        rows.push(json!([{"tag": "a", "text": plain(&link.label), "href": link.url}]));
    }
    let title = cut(&plain(&message.title), TITLE_MAX, characters);
    if rows.is_empty() {
        rows.push(json!([{"tag": "text", "text": title}]));
    }
    let post = json!({"zh_cn": {"title": title, "content": rows}});
    let mut body = json!({"msg_type": "post", "content": {"post": post}});
    let secret = channel.field("secret");
    if let (false, Some(body)) = (secret.is_empty(), body.as_object_mut()) {
        let seconds = now.div_euclid(1_000);
        body.insert("timestamp".to_owned(), seconds.to_string().into());
        body.insert("sign".to_owned(), hmac_base64(format!("{seconds}\n{secret}").as_bytes(), b"").into());
    }
    Request::json(url, &body)
}

pub(crate) fn judge(reply: &Reply) -> Verdict {
    if let Some(verdict) = reply.by_status() {
        return verdict;
    }
    let body = reply.json();
    // Older answers say it under another name, and some say both.
    let code = body.get("code").or_else(|| body.get("StatusCode")).and_then(Value::as_i64);
    match code {
        Some(0) => Verdict::Accepted,
        Some(19_001) => Verdict::Refused(Refusal::Credentials),
        Some(19_021) => Verdict::Refused(Refusal::Signature),
        Some(19_022 | 19_024) => Verdict::Refused(Refusal::NotAllowed),
        Some(9_499 | 19_002) => Verdict::Refused(Refusal::Request),
        Some(11_232) => Verdict::busy(60),
        _ => Verdict::Unknown("no code that says yes or no"),
    }
}
