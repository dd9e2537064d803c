//! Who is told: setting receivers up, what is refused, what is never told, and tests.

use super::{KINDS, ask, one, open, set_up};
use http::Method;
use serde_json::{Value, json};
use tests::TestShop;
use tests::receivers::{SCTP, TOKEN};

#[tokio::test]
async fn a_receiver_is_set_up_read_changed_and_removed_and_its_secrets_only_go_in() {
    let (shop, receivers) = open(661).await;
    let put = json!({
        "name": "My phone", "quiet": {"from": "23:00", "to": "08:00"}, "digest_over": 10, "muted": ["p"],
        "language": "en", "kinds": ["sale", "fault"],
    });
    let made = set_up(&shop, &receivers, "me", "dingtalk", &put).await;
    let masked = json!({"kind": "dingtalk", "token": "***", "secret": "***", "base": receivers.url});
    assert_eq!(
        made,
        json!({
            "id": "me", "name": "My phone", "channel": masked, "kinds": ["fault", "sale"],
            "quiet": {"from": "23:00", "to": "08:00"}, "digest_over": 10, "muted": ["p"], "language": "en",
            "last_result": null,
        })
    );
    let (status, list) = ask(&shop, Method::GET, "", &Value::Null).await;
    assert_eq!((status, &list), (200, &json!({"receivers": [made], "buyer_mail": null, "version": 1})));
    // What was read is sent back, and the secrets are as they were.
    let mut again = json!({"channel": masked, "kinds": ["sale"], "version": 1});
    assert_eq!(ask(&shop, Method::PUT, "/me", &again).await.0, 200);
    assert_eq!(
        ask(&shop, Method::POST, "/me/test", &Value::Null).await.1,
        json!({"result": "accepted", "reason": null})
    );
    assert!(one(receivers.take()).title.contains("测试消息"));
    assert_eq!(receivers.refusals(), [""; 0]);
    // Somebody who may change the address must know the secrets: otherwise they would be sent to wherever it leads.
    again["channel"]["base"] = "https://evil.example".into();
    again["version"] = Value::Null;
    let (status, answer) = ask(&shop, Method::PUT, "/me", &again).await;
    assert_eq!(status, 422);
    assert_eq!(
        answer["errors"],
        json!([{"field": "channel.token", "code": "required"}, {"field": "channel.secret", "code": "required"}])
    );
    again["version"] = 1.into();
    assert_eq!(ask(&shop, Method::PUT, "/me", &again).await.1["code"], "conflict");
    assert_eq!(ask(&shop, Method::DELETE, "/me", &Value::Null).await.0, 200);
    for (method, path) in [(Method::DELETE, "/me"), (Method::POST, "/me/test"), (Method::POST, "/me/replay")] {
        let body = if path.ends_with("replay") { json!({"order": "000000000000000000000000"}) } else { Value::Null };
        assert_eq!(ask(&shop, method, path, &body).await.0, 404, "{path}");
    }
    let token = shop.sign_in().await;
    let (_, trail) = shop.admin(Method::GET, "/api/admin/trail", &token, String::new()).await;
    let deeds: Vec<&str> = trail["entries"].as_array().unwrap().iter().map(|e| e["what"].as_str().unwrap()).collect();
    assert_eq!(deeds, ["push_set_up", "push_set_up", "push_removed"]);
}

#[tokio::test]
async fn what_does_not_fit_is_named_field_by_field() {
    let (shop, receivers) = open(662).await;
    let good = json!({"channel": receivers.channel("bark"), "kinds": ["sale"]});
    for (field, value, code) in [
        ("kinds", Value::Null, "required"),
        ("kinds", json!(["everything"]), "unknown"),
        ("kinds", json!(["test"]), "unknown"),
        ("name", json!(""), "length"),
        ("quiet", json!({"from": "23:00"}), "malformed"),
        ("quiet", json!({"from": "24:00", "to": "08:00"}), "malformed"),
        ("digest_over", json!(0), "malformed"),
        ("muted", json!("p"), "malformed"),
        ("language", json!("fr"), "unknown"),
        ("noise", json!(1), "unknown"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let (status, answer) = ask(&shop, Method::PUT, "/me", &body).await;
        assert_eq!((status, &answer["errors"]), (422, &json!([{"field": field, "code": code}])), "{body}");
    }
    let own = receivers.url.as_str();
    for (kind, field, value, code) in [
        ("bark", "key", "", "required"),
        ("bark", "key", "with space", "malformed"),
        ("bark", "base", "http://example.com", "malformed"),
        ("bark", "base", "https://example.com@evil.example", "malformed"),
        ("bark", "base", "https://example.com/?a=b", "malformed"),
        ("bark", "extra", "x", "unknown"),
        ("telegram", "chat", "not a chat", "malformed"),
        ("telegram", "token", "no-colon-in-it", "malformed"),
        ("webhook", "url", "https://", "malformed"),
        ("webhook", "url", "ftp://example.com", "malformed"),
        ("webhook", "secret", "whsec_c2hvcnQ=", "malformed"),
        ("email", "to", "seller", "malformed"),
        ("email", "to", "a@example.com, b@example.com", "malformed"),
    ] {
        let mut body = json!({"channel": receivers.channel(kind), "kinds": ["sale"]});
        body["channel"][field] = value.into();
        let (status, answer) = ask(&shop, Method::PUT, "/me", &body).await;
        let wrong = json!([{"field": format!("channel.{field}"), "code": code}]);
        assert_eq!((status, &answer["errors"]), (422, &wrong), "{kind} {field} {value} {own}");
    }
    // A program is told everything as it comes; whoever asks for nights and digests would wait for them in vain.
    let mut hook = json!({"channel": receivers.channel("webhook"), "kinds": ["sale"], "digest_over": 3});
    hook["quiet"] = json!({"from": "23:00", "to": "08:00"});
    let (_, answer) = ask(&shop, Method::PUT, "/me", &hook).await;
    assert_eq!(answer["errors"].as_array().unwrap().len(), 2, "{answer}");
    assert_eq!(ask(&shop, Method::GET, "", &Value::Null).await.1["receivers"], json!([]));
    // Mail needs an address in whose name it is sent.
    let plain = TestShop::new(663).await;
    let mail = json!({"channel": receivers.channel("email"), "kinds": ["sale"]});
    let (_, answer) = ask(&plain, Method::PUT, "/me", &mail).await;
    assert_eq!(answer["errors"], json!([{"field": "channel.kind", "code": "not_here"}]));
}

#[tokio::test]
async fn a_test_goes_through_every_channel_and_says_what_its_provider_says() {
    let (shop, receivers) = open(664).await;
    for kind in KINDS {
        set_up(&shop, &receivers, kind, kind, &json!({"kinds": []})).await;
        let (status, answer) = ask(&shop, Method::POST, &format!("/{kind}/test"), &Value::Null).await;
        assert_eq!((status, &answer["result"]), (200, &json!("accepted")), "{kind}: {:?}", receivers.refusals());
        let taken = one(receivers.take());
        assert!(kind == "webhook" || taken.title.contains("测试消息"), "{taken:?}");
        // The same with a key that nobody knows: each provider refuses in its own way, and all of them mean the same.
        let mut other = receivers.channel(kind);
        for (field, value) in [("token", "0000000000000000"), ("key", "SCT00000000000000"), ("secret", "wrong-secret")]
        {
            if other.get(field).is_some() {
                other[field] = value.into();
            }
        }
        match kind {
            "telegram" => other["token"] = "1:0000000000000000".into(),
            "webhook" => other["secret"] = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".into(),
            "email" => continue,
            _ => {}
        }
        let body = json!({"channel": other, "kinds": []});
        assert_eq!(ask(&shop, Method::PUT, &format!("/{kind}"), &body).await.0, 200, "{kind}");
        let (_, answer) = ask(&shop, Method::POST, &format!("/{kind}/test"), &Value::Null).await;
        let wanted = match kind {
            // Every answer of a webhook but 2xx and 410 may change.
            "webhook" => json!({"result": "unknown", "reason": null}),
            _ => json!({"result": "refused", "reason": "credentials"}),
        };
        assert_eq!(answer, wanted, "{kind}: {:?}", receivers.refusals());
        receivers.refusals();
    }
    // Telegram says when to come back.
    receivers.plan("/bot", 429, &[], r#"{"ok":false,"error_code":429,"parameters":{"retry_after":7}}"#);
    set_up(&shop, &receivers, "telegram", "telegram", &json!({})).await;
    let (_, answer) = ask(&shop, Method::POST, "/telegram/test", &Value::Null).await;
    assert_eq!(answer, json!({"result": "busy", "reason": null, "retry_after_seconds": 7}));
    // Server酱³ is reached by its own address, which its key tells.
    let sctp = json!({"channel": {"kind": "serverchan", "key": SCTP, "base": receivers.url}, "kinds": ["sale"]});
    assert_eq!(ask(&shop, Method::PUT, "/new-chan", &sctp).await.0, 200);
    assert_eq!(ask(&shop, Method::POST, "/new-chan/test", &Value::Null).await.1["result"], "accepted");
    assert_eq!(one(receivers.take()).provider, "serverchan");
    assert!(!TOKEN.is_empty());
}
