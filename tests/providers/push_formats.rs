//! Messages to the seller as requests: signatures that were computed elsewhere, limits of length, and words that try to be more.

use push::text::{bytes, characters, cut, marked, plain, units};
use push::{Channel, Event, Kind, Link, Message, Request, Signing};
use serde_json::{Value, json};

/// 2026-11-22T00:00:00Z in ms.
const NOW: i64 = 1_795_305_600_000;

/// The secret of the vectors below.
const SECRET: &str = "SEC0123456789abcdefSECRET";

/// Made with Python: `quote_plus(b64encode(hmac.new(SECRET, f"{NOW}\n{SECRET}", sha256).digest()))`.
const DINGTALK_SIGN: &str = "qH43clsL%2BjJ%2BN2Gd7ILjHJJ6UrOaTl2duQNoHWXLGd0%3D";

/// Made with Python: `b64encode(hmac.new(f"{NOW // 1000}\n{SECRET}", b"", sha256).digest())`.
const FEISHU_SIGN: &str = "TESHHjKhldc9rIZ4vo4L1mz28fqLnt4UbFbY3+H4VIY=";

/// The bytes 0 to f twice, in ASCII.
const WEBHOOK_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Made with Python over `sale-O1.1795305600.` and [`WEBHOOK_BODY`], under the bytes behind `whsec_`. The same lines of Python give
/// the signature that the libraries of Standard Webhooks test with: `g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=`.
const WEBHOOK_SIGN: &str = "v1,Ku+9sxgLXRczJ9uHWbSorQsHg9ftkZ9QQ7zZqsQEhZc=";
const WEBHOOK_BODY: &str = r#"{"data":{"order":"O1"},"timestamp":"2026-11-22T00:00:00.000Z","type":"order.delivered"}"#;

fn channel(settings: Value) -> Channel {
    Channel::read(&settings, None, false).unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

fn every_channel() -> Vec<Channel> {
    let token = "0123456789abcdef";
    vec![
        channel(json!({"kind": "dingtalk", "token": token, "secret": SECRET})),
        channel(json!({"kind": "wecom", "key": token})),
        channel(json!({"kind": "feishu", "token": token, "secret": SECRET})),
        channel(json!({"kind": "lark", "token": token})),
        channel(json!({"kind": "telegram", "token": "1:abcdef", "chat": "@a_channel"})),
        channel(json!({"kind": "bark", "key": token})),
        channel(json!({"kind": "serverchan", "key": "SCT1T0123"})),
        channel(json!({"kind": "serverchan", "key": "sctp987tkey"})),
        channel(json!({"kind": "email", "from": "a@example.com", "to": "b@example.com"})),
        channel(json!({"kind": "webhook", "url": "https://hook.example/x?y=z", "secret": WEBHOOK_SECRET})),
    ]
}

fn message(title: &str, lines: &[&str]) -> Message {
    Message {
        id: "sale-O1".to_owned(),
        title: title.to_owned(),
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        link: Some(Link { label: "Open".to_owned(), url: "https://shop.example/o/O1".to_owned() }),
        urgent: false,
        event: Event {
            name: "order.delivered",
            at: "2026-11-22T00:00:00.000Z".to_owned(),
            data: json!({"order": "O1"}),
        },
    }
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value)
}

#[test]
fn requests_go_where_the_documents_say() {
    let urls: Vec<String> = every_channel().iter().map(|c| c.request(&message("T", &["a"]), NOW).url).collect();
    let dingtalk = format!(
        "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef&timestamp={NOW}&sign={DINGTALK_SIGN}"
    );
    assert_eq!(
        urls,
        [
            dingtalk.as_str(),
            "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=0123456789abcdef",
            "https://open.feishu.cn/open-apis/bot/v2/hook/0123456789abcdef",
            "https://open.larksuite.com/open-apis/bot/v2/hook/0123456789abcdef",
            "https://api.telegram.org/bot1:abcdef/sendMessage",
            "https://api.day.app/push",
            "https://sctapi.ftqq.com/SCT1T0123.send",
            "https://987.push.ft07.com/send/sctp987tkey.send",
            "/v2/email/outbound-emails",
            "https://hook.example/x?y=z",
        ]
    );
}

#[test]
fn bodies_are_these() {
    let bodies: Vec<Value> =
        every_channel().iter().map(|c| body(&c.request(&message("T", &["a", "b"]), NOW))).collect();
    let link = "https://shop.example/o/O1";
    let rows = json!([
        [{"tag": "text", "text": "a"}], [{"tag": "text", "text": "b"}], [{"tag": "a", "text": "Open", "href": link}],
    ]);
    let post = json!({"post": {"zh_cn": {"title": "T", "content": rows}}});
    assert_eq!(
        bodies,
        [
            json!({
                "msgtype": "markdown", "at": {"atMobiles": [], "atUserIds": [], "isAtAll": false},
                "markdown": {"title": "T", "text": format!("### T\n\na\n\nb\n\n[Open]({link})")},
            }),
            json!({"msgtype": "markdown", "markdown": {"content": format!("**T**\na\nb\n[Open]({link})")}}),
            json!({"msg_type": "post", "content": post, "timestamp": "1795305600", "sign": FEISHU_SIGN}),
            json!({"msg_type": "post", "content": post}),
            json!({
                "chat_id": "@a_channel", "text": format!("T\na\nb\n{link}"), "disable_notification": false,
                "link_preview_options": {"is_disabled": true},
            }),
            json!({
                "device_key": "0123456789abcdef", "title": "T", "body": "a\nb", "group": "Kamivend",
                "level": "active", "url": link,
            }),
            json!({"title": "T", "desp": format!("a\n\nb\n\n[Open]({link})")}),
            json!({"title": "T", "desp": format!("a\n\nb\n\n[Open]({link})")}),
            json!({
                "FromEmailAddress": "a@example.com", "Destination": {"ToAddresses": ["b@example.com"]},
                "Content": {"Simple": {
                    "Subject": {"Data": "T", "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": format!("a\nb\n\nOpen\n{link}\n"), "Charset": "UTF-8"}},
                }},
            }),
            serde_json::from_str(WEBHOOK_BODY).unwrap(),
        ]
    );
}

#[test]
fn a_webhook_is_signed_over_the_very_bytes() {
    let hook = every_channel().pop().unwrap();
    let request = hook.request(&message("T", &[]), NOW);
    assert_eq!(String::from_utf8(request.body.clone()).unwrap(), WEBHOOK_BODY);
    assert_eq!(header(&request, "webhook-id"), "sale-O1");
    assert_eq!(header(&request, "webhook-timestamp"), "1795305600");
    assert_eq!(header(&request, "webhook-signature"), WEBHOOK_SIGN);
}

#[test]
fn only_mail_waits_for_a_signature_of_amazon() {
    for channel in every_channel() {
        let request = channel.request(&message("T", &[]), NOW);
        let wanted = if channel.kind() == Kind::Email { Signing::Aws("ses") } else { Signing::Done };
        assert_eq!(request.signing, wanted);
        assert!(header(&request, "content-type").starts_with("application/json"));
    }
}

/// The largest text of a message, by the provider's own measure.
fn size(kind: Kind, request: &Request) -> (usize, usize) {
    let all = request.body.len();
    let body = body(request);
    match kind {
        Kind::Dingtalk => (all, 20_000),
        Kind::Wecom => (body["markdown"]["content"].as_str().unwrap().len(), 4_096),
        Kind::Feishu | Kind::Lark => (all, 20 * 1_024),
        Kind::Telegram => (body["text"].as_str().unwrap().encode_utf16().count(), 4_096),
        Kind::Bark => (all, 4_096),
        Kind::Serverchan => (body["desp"].as_str().unwrap().len(), 32 * 1_024),
        Kind::Email => (all, 256 * 1_024),
        Kind::Webhook => (all, 1_024),
    }
}

#[test]
fn nothing_is_longer_than_its_provider_takes_and_the_link_is_never_cut() {
    for piece in ["字", "a", "😀", "\"", "é\u{301}"] {
        let long = message(&piece.repeat(5_000), &[&piece.repeat(40_000), &piece.repeat(40_000)]);
        for channel in every_channel() {
            let kind = channel.kind();
            let request = channel.request(&long, NOW);
            let (size, most) = size(kind, &request);
            assert!(size <= most, "{kind:?} of {piece}: {size} of {most}");
            let text = String::from_utf8(request.body.clone()).unwrap();
            assert!(text.contains("https://shop.example/o/O1") || kind == Kind::Webhook, "{kind:?} lost its link");
            assert!(text.contains('…') || kind == Kind::Webhook, "{kind:?} does not say that it was cut");
        }
    }
    let chan = every_channel().into_iter().find(|c| c.kind() == Kind::Serverchan).unwrap();
    let title = body(&chan.request(&message(&"题".repeat(40), &[]), NOW))["title"].as_str().unwrap().to_owned();
    assert_eq!((title.chars().count(), title.chars().last()), (32, Some('…')));
}

#[test]
fn text_is_cut_at_the_end_of_a_character() {
    assert_eq!(cut("abc", 3, bytes), "abc");
    assert_eq!(cut("abcd", 3, characters), "ab…");
    assert_eq!(cut("字字字", 9, bytes), "字字字");
    assert_eq!(cut("字字字字", 9, bytes), "字字…");
    assert_eq!(cut("字字字字", 8, bytes), "字…");
    assert_eq!(cut("😀😀", 3, units), "😀…");
    assert_eq!(cut("😀😀", 4, units), "😀😀");
    assert_eq!(cut("", 0, bytes), "");
}

#[test]
fn words_are_only_words() {
    assert_eq!(plain("a@b <at id=\"all\"> \u{202e}x\u{200b}y\n\r\tz\u{2028}"), "a＠b ＜at id=\"all\"＞ xy   z ");
    assert_eq!(
        marked("**b** _i_ `c` [x](https://e.example) #1 ~s~ | \\ & !"),
        "＊＊b＊＊ ＿i＿ ｀c｀ ［x］(https：//e.example) ＃1 ～s～ ｜ ＼ ＆ ！"
    );
    for c in ('\0'..='\u{7f}').chain(['\u{ad}', '\u{200f}', '\u{2066}', '\u{feff}', '\u{e0041}']) {
        let text = marked(&format!("a{c}b"));
        let bad = |c: char| c.is_control() || "@<>*_`[]#~|\\&!".contains(c) || ('\u{2000}'..='\u{206f}').contains(&c);
        assert!(!text.contains(bad), "{c:?} is left");
    }
    let mut hostile = message("@all\nsecond line", &["<at user_id=\"all\"></at>", "[x](http://evil.example)\n# big"]);
    hostile.link = None;
    for channel in every_channel().into_iter().filter(|c| !matches!(c.kind(), Kind::Webhook | Kind::Email)) {
        let text = String::from_utf8(channel.request(&hostile, NOW).body).unwrap();
        assert!(!text.contains("@all") && !text.contains("<at "), "{channel:?}: {text}");
        assert!(!text.contains("all\\nsecond"), "{channel:?} breaks the title: {text}");
        let takes_marks = matches!(channel.kind(), Kind::Dingtalk | Kind::Wecom | Kind::Serverchan);
        assert!(!(takes_marks && (text.contains("[x]") || text.contains("\\n# big"))), "{channel:?}: {text}");
    }
}

#[test]
fn nothing_prints_a_secret() {
    for channel in every_channel() {
        let request = channel.request(&message("T", &[]), NOW);
        let printed = format!("{channel:?} {request:?} {}", channel.to_shown_value());
        for secret in ["0123456789abcdef", SECRET, "1:abcdef", "SCT1T0123", "sctp987tkey", WEBHOOK_SECRET] {
            assert!(!printed.contains(secret), "{printed}");
        }
        let sealed = channel.to_sealed_value();
        assert_eq!(Channel::read(&sealed, None, false), Ok(channel), "what is sealed is everything");
    }
}
