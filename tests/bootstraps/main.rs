//! Every bin as a process of its own: its environment, its start, real events through Lambda's runtime interface, and what it does
//! to tables, queue, parameters and keys that it reaches over HTTP, signed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod cloud;

use cloud::{Cloud, form};
use lambda_http::http::Method;
use local::lambda::Answered;
use local::roles::Right;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::roles::roles;
use tests::{shop::yuan, signed_notification, text};

const CARD: &str = "BOOT-STRAP-0001";
const MERCHANT_KEY: &str = "a-merchants-key-of-no-gateway";

/// A deployment's first day: it is set up, the seller signs in, brings in a channel, a product and cards, and a buyer buys.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_sells_its_first_key() {
    let cloud = Cloud::new().await;
    cloud.set_up().await;

    let admin = cloud.start("admin", &[]).await;
    let password = cloud.parameter("admin-password");
    let login = json!({"username": "admin", "password": password}).to_string();
    let (status, session) = cloud.http(&admin, Method::POST, "/api/admin/login", &[], &login).await;
    assert_eq!(status, 200, "{session}");
    let bearer = format!("Bearer {}", text(&session, "/token"));
    let seller = [("authorization", bearer.as_str())];

    let account = json!({"kind": "epay_v1", "base_url": "http://127.0.0.1:9", "pid": "1000", "key": MERCHANT_KEY});
    let (status, answer) =
        cloud.http(&admin, Method::PUT, "/api/admin/channels/epay", &seller, &account.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["notify_url"], "https://shop.example.com/webhooks/epay");
    assert!(!answer.to_string().contains(MERCHANT_KEY), "a key never comes out: {answer}");
    let product = json!({
        "id": "game", "name": "Game", "kind": "single_use_key",
        "price": {"amount_minor": 990, "currency": "CNY"}, "channels": ["epay"],
    });
    let (status, answer) = cloud.http(&admin, Method::POST, "/api/admin/products", &seller, &product.to_string()).await;
    assert_eq!(status, 201, "{answer}");

    let mail = json!({"buyer_mail": {"from": "shop@example.com", "on": ["delivered"]}}).to_string();
    let (status, answer) = cloud.http(&admin, Method::PATCH, "/api/admin/settings", &seller, &mail).await;
    assert_eq!(status, 200, "{answer}");
    let mail = mail.replace("shop@", "boss@");
    let (status, answer) = cloud.http(&admin, Method::PATCH, "/api/admin/settings", &seller, &mail).await;
    assert_eq!((status, &answer["errors"][0]["code"]), (422, &json!("not_mail_from")), "{answer}");

    let cards = cloud.start("cards", &cloud.card_key()).await;
    let path = "/api/admin/products/game/cards";
    let (status, answer) = cloud.http(&cards, Method::POST, path, &seller, CARD).await;
    assert_eq!((status, &answer["imported"]), (200, &json!(1)), "{answer}");
    let keys = cloud.documents("data_key");
    assert!(keys.contains("kms:"), "the data key is wrapped by KMS: {keys}");

    let storefront = cloud.start("storefront", &[]).await;
    let (status, products) = cloud.http(&storefront, Method::GET, "/api/products", &[], "").await;
    assert_eq!((status, &products["products"][0]["id"]), (200, &json!("game")), "{products}");

    let create = cloud.start("create_order", &[]).await;
    let wish = json!({"product": "game", "quantity": 1, "contact": "buyer@example.com", "channel": "epay"}).to_string();
    let headers = [("idempotency-key", "the-first-order-of-this-shop")];
    let (status, created) = cloud.http(&create, Method::POST, "/api/orders", &headers, &wish).await;
    assert_eq!(status, 201, "{created}");
    let (id, token) = (text(&created, "/order/id"), format!("Bearer {}", text(&created, "/order_token")));
    let buyer = [("authorization", token.as_str())];

    let webhook = cloud.start("payment_webhook", &[]).await;
    let fields = [
        ("pid", "1000"),
        ("trade_no", "T1"),
        ("out_trade_no", text(&created, "/payment/attempt")),
        ("type", "alipay"),
        ("name", "product"),
        ("money", &yuan(990)),
        ("trade_status", "TRADE_SUCCESS"),
    ];
    let notification = signed_notification(&fields, MERCHANT_KEY);
    let path = format!("/webhooks/epay?{notification}");
    for _ in 0..2 {
        let (status, answer) = cloud.http(&webhook, Method::GET, &path, &[], "").await;
        assert_eq!((status, &answer), (200, &json!("success")), "a provider may repeat itself");
    }
    // Without the right to the cards' key this function starts all the same, and opens nothing.
    let reveal = cloud.start("reveal", &cloud.card_key()).await;
    let path = format!("/api/orders/{id}/keys");
    let (status, answer) = cloud.http(&reveal, Method::GET, &path, &buyer, "").await;
    assert_eq!((status, &answer["code"]), (409, &json!("not_delivered")), "{answer}");

    let deliver = cloud.start("deliver", &cloud.card_key()).await;
    let batch = cloud.receive().await;
    assert!(!batch["Records"].as_array().unwrap().is_empty(), "the payment reached the queue: {batch}");
    assert_eq!(deliver.invoke(&batch).await, Answered::Done(json!({"batchItemFailures": []})));
    assert_eq!(deliver.invoke(&batch).await, Answered::Done(json!({"batchItemFailures": []})), "and so may a queue");

    let (status, answer) = cloud.http(&reveal, Method::GET, &path, &buyer, "").await;
    assert_eq!((status, &answer["keys"][0]["content"]), (200, &json!(CARD)), "{answer}");
    let order = cloud.start("order", &[]).await;
    let (status, answer) = cloud.http(&order, Method::GET, &format!("/api/orders/{id}"), &buyer, "").await;
    assert_eq!((status, &answer["status"]), (200, &json!("delivered")), "{answer}");
    let page = form(&order, &cloud, &format!("/o/{id}")).await;
    assert!(page.contains("<!doctype html>"), "{page}");

    let desk = cloud.start("desk", &[]).await;
    let (status, answer) = cloud.http(&desk, Method::GET, "/api/admin/attention", &seller, "").await;
    assert_eq!((status, &answer["rows"]), (200, &json!([])), "{answer}");

    let reconcile = cloud.start("reconcile", &[]).await;
    for event in
        [json!({"job": "reconcile"}), json!({"job": "audit_recent"}), json!({"source": "aws.events", "detail": {}})]
    {
        match reconcile.invoke(&event).await {
            Answered::Done(done) => assert_eq!(done["complete"], true, "{event}: {done}"),
            other => panic!("{event}: {other:?}"),
        }
    }

    let notify = cloud.start("notify", &[]).await;
    let alarm = json!({
        "AlarmName": "kamivend-PaidNotDelivered", "NewStateValue": "ALARM", "OldStateValue": "OK", "NewStateReason": "1 > 0",
        "StateChangeTime": "2026-11-22T00:00:00.000+0000", "AlarmDescription": "infra/runbook/alarms.md#paidnotdelivered",
    });
    let event = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": alarm.to_string()}}]});
    assert_eq!(notify.invoke(&event).await, Answered::Done(json!({})));
    match notify.invoke(&json!({"Records": [{"eventSource": "aws:kinesis"}]})).await {
        Answered::Failed(_) => {}
        other => panic!("an event of nobody's: {other:?}"),
    }

    // The buyer is told by mail: signed, to the service's own path, and once although every step before it came twice.
    let batch = cloud.receive_notices().await;
    assert_eq!(batch["Records"].as_array().unwrap().len(), 4, "{batch}");
    assert_eq!(notify.invoke(&batch).await, Answered::Done(json!({"batchItemFailures": []})));
    let mails = cloud.world.mailbox.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!(
        (mails[0].to.as_str(), mails[0].from.as_str()),
        ("buyer@example.com", "\"Kamivend\" <shop@example.com>")
    );
    assert!(mails[0].text.contains(&format!("https://shop.example.com/o/{id}?t={}", text(&created, "/order_token"))));

    // Of the parameters every function reads those it may read, and no others; the tests of the API ask for the other rights.
    let asked = roles().asked();
    for (function, granted) in &roles().granted {
        // `setup` reads and writes its own at the beginning; whoever knows no password reads two.
        let used = asked.get(function).unwrap_or_else(|| panic!("{function} was never started"));
        let of_parameters = |rights: &BTreeSet<Right>| -> BTreeSet<Right> {
            rights.iter().filter(|right| right.action.starts_with("ssm:")).cloned().collect()
        };
        assert_eq!(of_parameters(used), of_parameters(granted), "{function}");
    }

    for (name, environment) in [
        ("create_order", create),
        ("payment_webhook", webhook),
        ("deliver", deliver),
        ("admin", admin),
        ("notify", notify),
    ] {
        let log = environment.end().await;
        assert!(!log.is_empty(), "{name} writes a log");
        for line in log.lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "{name}: a line that is not JSON: {line}");
        }
        for secret in [CARD, MERCHANT_KEY, password.as_str(), "buyer@example.com", text(&created, "/order_token")] {
            assert!(!log.contains(secret), "{name} wrote a secret into its log");
        }
    }
}

/// One poisoned message fails alone: the others of its batch are delivered.
#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_message_fails_alone() {
    let cloud = Cloud::new().await;
    cloud.set_up().await;
    let deliver = cloud.start("deliver", &cloud.card_key()).await;
    let record = |id: &str, body: &str| {
        json!({
            "messageId": id, "receiptHandle": id, "body": body, "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs", "awsRegion": "us-east-1",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:kamivend-deliver",
        })
    };
    let batch = json!({"Records": [record("poison", "{\"v\":99}"), record("also", "not even JSON")]});
    let answer = deliver.invoke(&batch).await;
    let failures = json!([{"itemIdentifier": "poison"}, {"itemIdentifier": "also"}]);
    assert_eq!(answer, Answered::Done(json!({ "batchItemFailures": failures })));
}

/// Whoever sets up the same deployment again changes nothing; a new password ends the old one's sessions.
#[tokio::test(flavor = "multi_thread")]
async fn setting_up_twice_keeps_the_secrets() {
    let cloud = Cloud::new().await;
    cloud.set_up().await;
    let (secret, password) = (cloud.parameter("shop-secret"), cloud.parameter("admin-password"));
    cloud.set_up().await;
    assert_eq!((cloud.parameter("shop-secret"), cloud.parameter("admin-password")), (secret.clone(), password.clone()));

    let setup = cloud.start("setup", &[]).await;
    let deleted = cloud.resource_event("Delete");
    assert!(matches!(setup.invoke(&deleted).await, Answered::Done(_)));
    assert_eq!(cloud.parameter("shop-secret"), secret, "a deleted stack takes no secret with it");
    assert_eq!(cloud.told().last().unwrap()["Status"], "SUCCESS");

    let admin = cloud.start("admin", &[]).await;
    let login = |password: &str| json!({"username": "admin", "password": password}).to_string();
    let (status, session) = cloud.http(&admin, Method::POST, "/api/admin/login", &[], &login(&password)).await;
    assert_eq!(status, 200, "{session}");
    assert!(matches!(setup.invoke(&json!({"new_password": true})).await, Answered::Done(_)));
    let new = cloud.parameter("admin-password");
    assert_ne!(new, password);
    // An instance that knew the old one learns within a minute; a new instance knows at once.
    let other = cloud.start("admin", &[]).await;
    let (status, _) = cloud.http(&other, Method::POST, "/api/admin/login", &[], &login(&password)).await;
    assert_eq!(status, 401, "the lost password opens nothing");
    let (status, _) = cloud.http(&other, Method::POST, "/api/admin/login", &[], &login(&new)).await;
    assert_eq!(status, 200);
    let bearer = format!("Bearer {}", text(&session, "/token"));
    let seller = [("authorization", bearer.as_str())];
    let (status, _) = cloud.http(&other, Method::GET, "/api/admin/products", &seller, "").await;
    assert_eq!(status, 401, "nor does a session of before");
}

/// A domain that the deployment names is the shop's address at once, whatever the parameter still says.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_domain_reaches_functions_with_their_environment() {
    let cloud = Cloud::new().await;
    cloud.set_up().await;
    let login = json!({"username": "admin", "password": cloud.parameter("admin-password")}).to_string();
    for (environment, url) in [
        (vec![], "https://shop.example.com"),
        (vec![("KAMIVEND_PUBLIC_URL", "https://new.example.com/")], "https://new.example.com"),
        (vec![("KAMIVEND_PUBLIC_URL", "")], "https://shop.example.com"),
    ] {
        let admin = cloud.start("admin", &environment).await;
        let (status, session) = cloud.http(&admin, Method::POST, "/api/admin/login", &[], &login).await;
        assert_eq!(status, 200, "{session}");
        let bearer = format!("Bearer {}", text(&session, "/token"));
        let account = json!({"kind": "epay_v1", "base_url": "http://127.0.0.1:9", "pid": "1000", "key": MERCHANT_KEY});
        let seller = [("authorization", bearer.as_str())];
        let path = "/api/admin/channels/epay";
        let (status, answer) = cloud.http(&admin, Method::PUT, path, &seller, &account.to_string()).await;
        assert_eq!((status, &answer["notify_url"]), (200, &json!(format!("{url}/webhooks/epay"))), "{answer}");
    }
}

/// A function that lacks a setting ends at once and says which; one whose parameters are missing does so too.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_not_set_up_does_not_start() {
    let cloud = Cloud::new().await;
    for name in local::endpoint::FUNCTIONS {
        let (answer, said) = cloud.start_bare(name).await;
        assert!(matches!(answer, Answered::Gone | Answered::Failed(_)), "{name}: {answer:?}");
        assert!(said.contains("AWS_REGION") || said.contains("KAMIVEND_"), "{name} says what is missing: {said}");
    }
    // Tables and queue are there, but nobody has made the secrets yet.
    let order = cloud.start("order", &[]).await;
    assert_eq!(order.invoke(&json!({})).await, Answered::Gone);
}
