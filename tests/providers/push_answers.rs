//! What providers answer to a message: an explicit yes, an explicit no, patience, and everything else, which is unknown.

use push::{Channel, Refusal, Reply, Verdict};
use serde_json::{Value, json};

const WHSEC: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

fn channel(kind: &str) -> Channel {
    let token = "0123456789abcdef";
    let settings = match kind {
        "telegram" => json!({"kind": kind, "token": "1:abcdef", "chat": "-100"}),
        "email" => json!({"kind": kind, "from": "a@example.com", "to": "b@example.com"}),
        "webhook" => json!({"kind": kind, "url": "https://hook.example", "secret": WHSEC}),
        "dingtalk" => json!({"kind": kind, "token": token, "secret": "SEC0123"}),
        "feishu" | "lark" => json!({"kind": kind, "token": token}),
        _ => json!({"kind": kind, "key": token}),
    };
    Channel::read(&settings, None, false).unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

fn judge(kind: &str, status: u16, headers: &[(&str, &str)], body: &Value) -> Verdict {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned).into_bytes();
    channel(kind).judge(Some(&Reply { status, headers, body }))
}

const KINDS: [&str; 9] = ["dingtalk", "wecom", "feishu", "lark", "telegram", "bark", "serverchan", "email", "webhook"];

#[test]
fn a_yes_is_a_yes() {
    for (kind, body) in [
        ("dingtalk", json!({"errcode": 0, "errmsg": "ok"})),
        ("wecom", json!({"errcode": 0, "errmsg": "ok"})),
        ("feishu", json!({"code": 0, "msg": "success", "data": {}})),
        ("lark", json!({"StatusCode": 0, "StatusMessage": "success"})),
        ("telegram", json!({"ok": true, "result": {"message_id": 1}})),
        ("bark", json!({"code": 200, "message": "success", "timestamp": 1})),
        ("serverchan", json!({"code": 0, "message": "", "data": {}})),
        ("email", json!({"MessageId": "0100"})),
        ("webhook", json!("anything")),
    ] {
        assert_eq!(judge(kind, 200, &[], &body), Verdict::Accepted, "{kind}");
    }
    assert_eq!(judge("webhook", 204, &[], &json!("")), Verdict::Accepted);
}

#[test]
fn a_no_is_of_a_closed_list() {
    use Refusal::{Content, Credentials, Gone, NotAllowed, Quota, Request, Signature};
    for (kind, status, body, why) in [
        ("dingtalk", 200, json!({"errcode": 300_001}), Credentials),
        ("dingtalk", 200, json!({"errcode": 310_000}), Signature),
        ("dingtalk", 200, json!({"errcode": 400_013}), Gone),
        ("dingtalk", 200, json!({"errcode": 430_102}), Content),
        ("dingtalk", 200, json!({"errcode": 40_035}), Request),
        ("wecom", 200, json!({"errcode": 93_000, "errmsg": "invalid webhook url"}), Credentials),
        ("wecom", 200, json!({"errcode": 40_058}), Request),
        ("feishu", 200, json!({"code": 19_001}), Credentials),
        ("feishu", 200, json!({"code": 19_021}), Signature),
        ("lark", 200, json!({"code": 19_024}), NotAllowed),
        ("feishu", 400, json!({"code": 9_499}), Request),
        ("telegram", 401, json!({"ok": false, "error_code": 401}), Credentials),
        ("telegram", 404, json!({"ok": false, "error_code": 404, "description": "Not Found"}), Credentials),
        ("telegram", 403, json!({"ok": false, "error_code": 403}), Gone),
        ("telegram", 400, json!({"ok": false, "error_code": 400, "description": "Bad Request: chat not found"}), Gone),
        ("telegram", 400, json!({"ok": false, "parameters": {"migrate_to_chat_id": -1}}), Gone),
        ("telegram", 400, json!({"ok": false, "error_code": 400, "description": "Bad Request: text"}), Request),
        ("bark", 400, json!({"code": 400, "message": "failed to get device token: x"}), Credentials),
        ("bark", 400, json!({"code": 400, "message": "request bind failed"}), Request),
        ("bark", 401, json!(""), NotAllowed),
        ("serverchan", 400, json!({"code": 40_001, "message": "[AUTH]", "scode": 461}), Credentials),
        ("serverchan", 400, json!({"code": 40_001, "message": "[AUTH]", "scode": 468}), Quota),
        ("email", 400, json!({"__type": "MessageRejected"}), NotAllowed),
        ("email", 403, json!({"__type": "com.amazon.coral.service#AccessDeniedException"}), Credentials),
        ("webhook", 410, json!(""), Gone),
    ] {
        assert_eq!(judge(kind, status, &[], &body), Verdict::Refused(why), "{kind} {status} {body}");
    }
    let named = [("x-amzn-errortype", "BadRequestException:http://internal.example/")];
    assert_eq!(judge("email", 400, &named, &json!({"message": "x"})), Verdict::Refused(Request));
}

#[test]
fn patience_is_told_from_refusal() {
    for kind in KINDS {
        let wanted = if kind == "telegram" { json!({"ok": false, "error_code": 429}) } else { json!("slow down") };
        assert_eq!(judge(kind, 429, &[], &wanted), Verdict::Busy { retry_after_ms: 60_000 }, "{kind}");
        let after = judge(kind, 429, &[("retry-after", "7")], &wanted);
        assert_eq!(after, Verdict::Busy { retry_after_ms: 7_000 }, "{kind}");
        // Nobody waits for a year, and nobody comes back at once.
        let long = judge(kind, 429, &[("retry-after", "99999999")], &wanted);
        assert_eq!(long, Verdict::Busy { retry_after_ms: 3_600_000 }, "{kind}");
        let none = judge(kind, 429, &[("retry-after", "-1")], &wanted);
        assert_eq!(none, Verdict::Busy { retry_after_ms: 1_000 }, "{kind}");
    }
    let telegram = json!({"ok": false, "error_code": 429, "parameters": {"retry_after": 12}});
    assert_eq!(judge("telegram", 429, &[], &telegram), Verdict::Busy { retry_after_ms: 12_000 });
    assert_eq!(judge("dingtalk", 200, &[], &json!({"errcode": 410_100})), Verdict::Busy { retry_after_ms: 600_000 });
    assert_eq!(judge("wecom", 200, &[], &json!({"errcode": 45_009})), Verdict::Busy { retry_after_ms: 60_000 });
    assert_eq!(judge("feishu", 200, &[], &json!({"code": 11_232})), Verdict::Busy { retry_after_ms: 60_000 });
    let throttled = judge("email", 429, &[], &json!({"__type": "TooManyRequestsException"}));
    assert_eq!(throttled, Verdict::Busy { retry_after_ms: 1_000 });
    assert!(matches!(judge("webhook", 503, &[("retry-after", "30")], &json!("")), Verdict::Busy { .. }));
}

#[test]
fn everything_else_is_unknown() {
    for kind in KINDS {
        assert!(matches!(channel(kind).judge(None), Verdict::Unknown(_)), "{kind} without an answer");
        for (status, body) in [(500, json!("oops")), (502, json!("<html>")), (503, json!("")), (302, json!("moved"))] {
            let verdict = judge(kind, status, &[], &body);
            assert!(matches!(verdict, Verdict::Unknown(_)), "{kind} {status}: {verdict:?}");
        }
        if kind != "webhook" {
            for body in [json!("<html>all is well</html>"), json!({}), json!({"errcode": "0", "code": "0"}), json!([0])]
            {
                let verdict = judge(kind, 200, &[], &body);
                assert!(matches!(verdict, Verdict::Unknown(_)), "{kind} {body}: {verdict:?}");
            }
            let huge = json!({"errcode": 0, "code": 0, "ok": true, "MessageId": "x".repeat(70_000)});
            assert!(matches!(judge(kind, 200, &[], &huge), Verdict::Unknown(_)), "{kind} does not read without end");
        }
    }
    // A program that was deployed badly may be deployed well in a minute.
    for status in [400, 401, 403, 404, 422] {
        assert!(matches!(judge("webhook", status, &[], &json!("")), Verdict::Unknown(_)), "{status}");
    }
    for code in [1, -1, 99_999, 130_102] {
        assert!(matches!(judge("dingtalk", 200, &[], &json!({"errcode": code})), Verdict::Unknown(_)), "{code}");
    }
}
