//! A robot in a WeCom group (企业微信群机器人), whose key stands in its address.
//!
//! Source: WeCom developer centre, "群机器人配置说明" (path 91770): twenty messages a minute; a Markdown message has at most 4,096
//! bytes of UTF-8, and mentions whoever stands in it as `<@userid>`. Codes: "全局错误码" (path 90313).

use crate::reply::{Refusal, Reply, Verdict};
use crate::sign::encode;
use crate::text::{bytes, characters, cut, joined, marked};
use crate::{Channel, Message, Request};
use serde_json::{Value, json};

const BASE: &str = "https://qyapi.weixin.qq.com";

/// Bytes of a message.
const TEXT_MAX: usize = 4_096;

/// Characters of the title.
const TITLE_MAX: usize = 128;

pub(crate) fn request(channel: &Channel, message: &Message) -> Request {
    let url = format!("{}/cgi-bin/webhook/send?key={}", channel.base(BASE), encode(channel.field("key")));
    let head = format!("**{}**\n", cut(&marked(&message.title), TITLE_MAX, characters));
    let end = message.link.as_ref().map(|link| format!("\n[{}]({})", marked(&link.label), link.url));
    let room = TEXT_MAX - head.len().min(TEXT_MAX);
    let content = head + &joined(&message.lines, marked, "\n", &end.unwrap_or_default(), (room, bytes));
    Request::json(url, &json!({"msgtype": "markdown", "markdown": {"content": content}}))
}

pub(crate) fn judge(reply: &Reply) -> Verdict {
    if let Some(verdict) = reply.by_status() {
        return verdict;
    }
    match reply.json().get("errcode").and_then(Value::as_i64) {
        Some(0) => Verdict::Accepted,
        // "invalid webhook url": no robot has this key, or no longer.
        Some(93_000) => Verdict::Refused(Refusal::Credentials),
        Some(93_004 | 93_008) => Verdict::Refused(Refusal::Gone),
        Some(40_008 | 40_058 | 44_004 | 47_001) => Verdict::Refused(Refusal::Request),
        Some(45_009) => Verdict::busy(60),
        _ => Verdict::Unknown("no errcode that says yes or no"),
    }
}
