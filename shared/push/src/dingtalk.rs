//! A custom robot in a DingTalk group (钉钉自定义机器人), secured by a signature.
//!
//! Source: DingTalk Open Platform, "自定义机器人接入" and "自定义机器人安全设置": the signature is HMAC-SHA256 under the secret over
//! the time in ms, a line feed and the secret, in base64 and percent-encoded; the clock may differ by an hour. Twenty messages a
//! minute; a robot that sends more is silenced for ten minutes. A request has at most 20,000 bytes.

use crate::reply::{Refusal, Reply, Verdict};
use crate::sign::{encode, hmac_base64};
use crate::text::{characters, cut, joined, json_bytes, marked};
use crate::{Channel, Message, Request};
use domain::Millis;
use serde_json::{Value, json};

const BASE: &str = "https://oapi.dingtalk.com";

/// Bytes of the text in JSON: the rest of the request's 20,000 is for what stands around it.
const TEXT_MAX: usize = 16_000;

/// Characters of the line that a phone shows before the message is opened.
const TITLE_MAX: usize = 64;

/// Seconds for which a robot is silenced that sent too much.
const SILENCED_S: i64 = 600;

pub(crate) fn request(channel: &Channel, message: &Message, now: Millis) -> Request {
    let secret = channel.field("secret");
    let sign = hmac_base64(secret.as_bytes(), format!("{now}\n{secret}").as_bytes());
    let (base, token) = (channel.base(BASE), encode(channel.field("token")));
    let url = format!("{base}/robot/send?access_token={token}&timestamp={now}&sign={}", encode(&sign));
    let title = cut(&marked(&message.title), TITLE_MAX, characters);
    let end = message.link.as_ref().map(|link| format!("\n\n[{}]({})", marked(&link.label), link.url));
    let text = joined(&message.lines, marked, "\n\n", &end.unwrap_or_default(), (TEXT_MAX, json_bytes));
    let text = format!("### {title}\n\n{text}");
    // Whom it mentions is said here and nowhere else: nobody.
    let at = json!({"atMobiles": [], "atUserIds": [], "isAtAll": false});
    Request::json(url, &json!({"msgtype": "markdown", "markdown": {"title": title, "text": text}, "at": at}))
}

pub(crate) fn judge(reply: &Reply) -> Verdict {
    if let Some(verdict) = reply.by_status() {
        return verdict;
    }
    match reply.json().get("errcode").and_then(Value::as_i64) {
        Some(0) => Verdict::Accepted,
        // Each of these is in the table of error codes of the document above, or is what the service sends in its place.
        Some(300_001 | 300_005 | 400_101) => Verdict::Refused(Refusal::Credentials),
        Some(310_000) => Verdict::Refused(Refusal::Signature),
        Some(400_013 | 400_102 | 400_106) => Verdict::Refused(Refusal::Gone),
        Some(430_101..=430_104) => Verdict::Refused(Refusal::Content),
        Some(40_035 | 43_004 | 400_105) => Verdict::Refused(Refusal::Request),
        Some(130_101 | 410_100) => Verdict::busy(SILENCED_S),
        _ => Verdict::Unknown("no errcode that says yes or no"),
    }
}
