//! Every function's role in `template.yaml` allows what the function does and nothing more. Nothing less: every shop of these
//! tests holds its functions to their roles, so whatever they do here they may do. Nothing more: this file brings every function to
//! each of its calls, and a right that was never asked for is one too many.

use app::Scope;
use functions::reconcile::Job;
use http::{Method, Request};
use local::roles::{Right, acting_as};
use local::{Front, poller};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::Table;
use tests::receivers::TOKEN;
use tests::roles::{Rights, TemplateRoles, roles};
use tests::shop::{cards, create, notify, send, wish};
use tests::taps::{Cut, Cutter};
use tests::template::template;
use tests::{Buyer, TestShop, Visitor, signed_notification, text};

/// Rights that Lambda itself uses in a function's name, or that another kind of test asks for.
fn is_elsewhere(right: &Right) -> bool {
    let by_lambda = [
        "logs:",
        "xray:",
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ChangeMessageVisibility",
    ];
    // What is read at a start is for the kind `bootstraps`.
    right.action.starts_with("ssm:") || by_lambda.iter().any(|start| right.action.starts_with(start))
}

/// Rights that a role gives and nobody asked for.
fn unused(granted: &Rights, asked: &Rights) -> Vec<String> {
    let none = BTreeSet::new();
    granted
        .iter()
        .flat_map(|(function, rights)| {
            let used = asked.get(function).unwrap_or(&none);
            rights
                .difference(used)
                .filter(|right| !is_elsewhere(right))
                .map(move |right| format!("{function}: {right}"))
        })
        .collect()
}

/// Everything that every function does, in one life of a shop.
async fn a_life(shop: &TestShop) {
    a_receiver(shop).await;
    mail(shop).await;
    forgotten_showcase(shop).await;
    money_that_fits_nothing(shop).await;
    late_money(shop).await;
    the_sellers_side(shop).await;
    lookups(shop).await;
    evidence(shop).await;
    closed_and_opened().await;
}

/// Somebody who wants to hear of everything, where nobody listens: every notice is sent, and comes again.
async fn a_receiver(shop: &TestShop) {
    let token = shop.sign_in().await;
    let receiver = json!({
        "name": "books", "kinds": ["sale", "needs_person", "low_stock", "fault"],
        "channel": {"kind": "webhook", "url": "http://127.0.0.1:9/", "secret": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
    });
    let phone = json!({"kinds": ["sale"], "channel": {"kind": "bark", "key": TOKEN, "base": "http://127.0.0.1:9"}});
    // A program that is told in data, and a phone that is told in words.
    for (id, body) in [("books", &receiver), ("phone", &phone)] {
        let (status, answer) =
            shop.admin(Method::PUT, &format!("/api/admin/pushes/{id}"), &token, body.to_string()).await;
        assert_eq!(status, 200, "{answer}");
    }
    shop.pass(61_000);
}

/// A buyer and the seller are told by mail: of a delivery, of links, of what collected over night, and by a test.
async fn mail(shop: &TestShop) {
    let settings = json!({"buyer_mail": {"from": "shop@example.com", "on": ["delivered", "asked"]}});
    assert_eq!(shop.sell(Method::PATCH, "/api/admin/settings", &settings).await.0, 200);
    let channel = json!({"kind": "email", "from": "shop@example.com", "to": "seller@example.com"});
    // The shop's clock says eight in the morning.
    let receiver = json!({"kinds": ["sale"], "channel": channel, "quiet": {"from": "07:00", "to": "08:30"}});
    assert_eq!(shop.sell(Method::PUT, "/api/admin/pushes/mail", &receiver).await.0, 200);
    assert_eq!(shop.sell(Method::POST, "/api/admin/pushes/mail/test", &json!({})).await.1["result"], "accepted");
    shop.product("m", 990, &cards("M", 3)).await;
    let product = json!({"mail_keys": true, "instructions": "Redeem it"});
    assert_eq!(shop.sell(Method::PATCH, "/api/admin/products/m", &product).await.0, 200);
    shop.pass(61_000);
    // A contact that does not stand in the order itself.
    let contact = format!("{}@example.com", "a".repeat(60));
    let mut body = wish("m", 1);
    body["contact"] = json!(contact);
    let (_, answer) = shop.create("an-order-told-by-mail-000", &body).await;
    let buyer = Buyer::from(&answer);
    shop.pay(&buyer, "MAIL-1").await;
    shop.deliver_all().await;
    let mut phone = Visitor::new(shop.front());
    assert_eq!(phone.post("/lookup", &[("contact", &contact), ("mail", "1")]).await.status, 200);
    let instance = Arc::new(shop.world.app());
    while poller::poll_notices(&shop.world, &instance, 0).await.received > 0 {}
    let mails = shop.world.mailbox.mails();
    assert!(mails.iter().any(|mail| mail.to == contact && mail.text.contains("M-00001")), "{mails:?}");
    shop.pass(31 * 60_000);
    acting_as("reconcile", functions::reconcile::handle(&shop.app, Job::Reconcile)).await.unwrap();
    let told = shop.world.mailbox.mails().iter().filter(|mail| mail.to == "seller@example.com").count();
    assert_eq!(told, 2, "the test, and what was collected");
    assert_eq!(shop.sell(Method::DELETE, "/api/admin/pushes/mail", &json!({})).await.0, 200);
}

/// Nothing was put up yet, and a page of each function is the first.
async fn forgotten_showcase(shop: &TestShop) {
    shop.product("p", 990, &cards("CARD", 3)).await;
    let mut phone = Visitor::new(shop.front());
    let id = phone.order("p", "ann@example.com").await;
    let ask = json!({
        "TableName": "kamivend-shop", "Key": {"kind": {"S": "showcase"}, "id": {"S": "all"}},
    });
    for path in ["/".to_owned(), "/p/p".to_owned(), format!("/o/{id}"), format!("/o/{id}/keys"), "/nowhere".to_owned()]
    {
        assert_eq!(shop.world.engine.call("DeleteItem", ask.to_string().as_bytes()).0, 200);
        let mut phone = phone.clone();
        phone.to(&shop.instance());
        let page = phone.get(&path).await;
        assert!(page.status < 500, "{path}: {} {}", page.status, page.body);
    }
    shop.tick().await;
}

/// Found by asking, told by the gateway, and vouched for by the seller: a row for a person each.
async fn money_that_fits_nothing(shop: &TestShop) {
    shop.product("w", 990, &cards("W", 60)).await;
    let buyer = shop.order("a-wrong-amount-00000000000", "w", 1).await;
    let page = shop.open_pay_page(&buyer).await;
    // Pressed, it is told; asked about, it is found; and the timer finds it as well.
    shop.press(&page, "pay_wrong_amount").await;
    shop.pass(10_000);
    check(shop, &buyer).await;
    shop.minutes(2).await;
    let buyer = shop.order("a-lost-notice-000000000000", "w", 1).await;
    let page = shop.open_pay_page(&buyer).await;
    shop.press(&page, "pay_lose_notice").await;
    check(shop, &buyer).await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 1);
    let mut phone = Visitor::new(shop.front());
    let id = phone.order("w", "bea@example.com").await;
    let token = shop.app.keys.order_token(&domain::OrderId::parse(&id).unwrap(), 0);
    let (_, read) = tests::shop::get(shop.front(), &format!("/api/orders/{id}"), &token).await;
    let buyer = Buyer { order: id.clone(), token, attempt: text(&read, "/payment/attempt").to_owned(), minor: 990 };
    shop.pay(&buyer, "PHONE-1").await;
    shop.deliver_all().await;
    // An instance that has opened nothing yet.
    phone.to(&shop.instance());
    assert_eq!(phone.post(&format!("/o/{id}/keys"), &[]).await.status, 303);
    let page = phone.get(&format!("/o/{id}/keys")).await;
    assert!(page.body.contains("W-0000"), "{}", page.body);
    // Cards that do not open are put before a person.
    let buyer = shop.order("an-order-of-a-lost-card-00", "w", 1).await;
    shop.pay(&buyer, "LOST-1").await;
    let of_w = |item: &&Value| item["k"]["S"].as_str().is_some_and(|k| k.starts_with("w#0#"));
    let items: Vec<Value> = shop.table(Table::Vault).iter().map(|i| serde_json::from_str(i).unwrap()).collect();
    let kept: Vec<&Value> = items.iter().filter(of_w).collect();
    for item in &kept {
        let ask = json!({"TableName": "kamivend-vault", "Key": {"k": item["k"]}});
        assert_eq!(shop.world.engine.call("DeleteItem", ask.to_string().as_bytes()).0, 200);
    }
    assert!(!kept.is_empty());
    shop.deliver_all().await;
    for item in kept {
        let ask = json!({"TableName": "kamivend-vault", "Item": item});
        assert_eq!(shop.world.engine.call("PutItem", ask.to_string().as_bytes()).0, 200);
    }
}

async fn check(shop: &TestShop, buyer: &Buyer) -> Value {
    let path = format!("/api/orders/{}/check", buyer.order);
    let (status, answer) = shop.admin(Method::POST, &path, &buyer.token, String::new()).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// Money after the hold has ended, with cards left and without.
async fn late_money(shop: &TestShop) {
    shop.product("l", 990, &cards("L", 100)).await;
    for (n, by) in ["webhook", "check", "pass"].into_iter().enumerate() {
        let buyer = shop.order(&format!("a-late-payer-by-{by}-00000"), "l", 1).await;
        let page = shop.open_pay_page(&buyer).await;
        shop.minutes(17).await;
        match by {
            "webhook" => shop.pay(&buyer, &format!("LATE-{n}")).await,
            "check" => {
                shop.press(&page, "pay_lose_notice").await;
                check(shop, &buyer).await;
            }
            _ => shop.press(&page, "pay_lose_notice").await,
        }
        shop.minutes(3).await;
    }
    for scope in [Scope::Recent, Scope::Full, Scope::Full] {
        acting_as("reconcile", shop.app.audit(scope, i64::MAX)).await.unwrap().expect("its end");
    }
}

/// What the desk and the cards' function do.
async fn the_sellers_side(shop: &TestShop) {
    let token = shop.sign_in().await;
    let seller = |method: Method, path: String, body: Value| {
        let token = token.clone();
        async move { shop.admin(method, &path, &token, body.to_string()).await }
    };
    let login = json!({"username": "admin", "password": shop.password});
    assert_eq!(seller(Method::POST, "/api/admin/login".to_owned(), login).await.0, 200);
    // Two clicks at once on one order, and one on an order whose time is over.
    let buyer = shop.order("an-order-that-is-attested-0", "l", 1).await;
    let attest = |buyer: &Buyer, reference: &str| {
        let body = json!({"amount": {"amount_minor": 990, "currency": "CNY"}, "reference": reference});
        seller(Method::POST, format!("/api/admin/orders/{}/attest", buyer.order), body)
    };
    let (one, other) = tokio::join!(attest(&buyer, "seen in the app"), attest(&buyer, "seen in the bank"));
    assert!(one.0 == 200 || other.0 == 200, "{one:?} {other:?}");
    let buyer = shop.order("an-order-attested-too-late", "l", 1).await;
    shop.minutes(17).await;
    assert_eq!(attest(&buyer, "seen in the bill").await.0, 200);
    shop.deliver_all().await;
    assert_eq!(seller(Method::GET, "/api/admin/products/l/cards".to_owned(), json!({})).await.0, 200);
    an_import_in_two_runs(shop, &token).await;
    let (status, _) =
        shop.admin(Method::DELETE, "/api/admin/products/l/cards", &token, "L-00090\nL-00091".to_owned()).await;
    assert_eq!(status, 200);
    let (status, rows) = seller(Method::GET, "/api/admin/attention".to_owned(), json!({})).await;
    assert_eq!(status, 200, "{rows}");
    let row = text(&rows, "/rows/0/id").to_owned();
    seller(Method::POST, format!("/api/admin/attention/{row}"), json!({"action": "keep", "reference": "agreed"})).await;
    for path in ["/api/admin/trail", "/api/admin/reports/audit"] {
        assert_eq!(seller(Method::GET, path.to_owned(), json!({})).await.0, 200);
    }
    seller(Method::PATCH, "/api/admin/settings".to_owned(), json!({"name": "Lime Keys"})).await;
    // A key is changed, and a gateway still signs with the old one.
    for key in ["the-first-key-of-the-gateway", "the-second-key-of-the-gateway"] {
        let account = json!({"kind": "epay_v1", "base_url": "https://gateway.example", "pid": "77", "key": key});
        assert_eq!(seller(Method::PUT, "/api/admin/channels/gateway".to_owned(), account).await.0, 200);
    }
    let fields = [
        ("pid", "77"),
        ("trade_no", "OLD-1"),
        ("out_trade_no", buyer.attempt.as_str()),
        ("money", "9.9"),
        ("trade_status", "TRADE_SUCCESS"),
    ];
    let query = signed_notification(&fields, "the-first-key-of-the-gateway");
    let request = Request::builder().uri(format!("/webhooks/gateway?{query}")).body(Vec::new()).unwrap();
    assert_eq!(shop.front().shop(request, "127.0.0.1").await.status(), 400, "another account's attempt");
}

/// The first run dies on the way; the second takes over what it left.
async fn an_import_in_two_runs(shop: &TestShop, token: &str) {
    shop.product("i", 990, &[]).await;
    let path = "/api/admin/products/i/cards?import_id=upload&part=1";
    let body = cards("I", 60).join("\n");
    let cutter = Arc::new(Cutter::new(40, Cut::After));
    let (front, _) = shop.tapped(cutter.clone());
    let request = crate::openapi::request("POST", path, token, body.as_str());
    let died = cutter.run(send(&front, request)).await;
    assert!(died.is_none(), "the first run dies: {died:?} after {} calls", cutter.calls());
    let (status, answer) = shop.admin(Method::POST, path, token, body).await;
    assert_eq!((status, &answer["imported"]), (200, &json!(60)), "{answer}");
    let (status, answer) = create(&shop.instance(), "an-order-of-fifty-cards-00", &wish("i", 50)).await;
    assert_eq!(status, 201, "{answer}");
    let (status, answer) = tests::shop::get(&shop.instance(), "/api/products", "").await;
    assert_eq!(status, 200, "{answer}");
}

/// A shop in which nothing differs is closed by its seller and opened by the timer, twice.
async fn closed_and_opened() {
    let shop = TestShop::new(78).await.on_kms();
    let token = shop.sign_in().await;
    for _ in 0..2 {
        let why = json!({"reference": "restored to this morning"}).to_string();
        let (status, answer) = shop.admin(Method::POST, "/api/admin/restored", &token, why).await;
        assert_eq!(status, 200, "{answer}");
        shop.pass(3_000);
        let done = acting_as("reconcile", functions::reconcile::handle(&shop.app, Job::Reconcile)).await.unwrap();
        assert!(done.report.is_some());
        shop.pass(3_000);
        assert!(!shop.app.is_closed().await.unwrap());
    }
}

/// The day is over, and what is known of its orders is sealed and looked at.
async fn evidence(shop: &TestShop) {
    shop.pass(26 * 60 * 60_000);
    for _ in 0..2 {
        let done = acting_as("reconcile", functions::reconcile::handle(&shop.app, Job::Evidence)).await.unwrap();
        assert!(done.report.is_some_and(|report| report.last_seal.is_some()));
        shop.pass(13 * 60 * 60_000);
    }
}

async fn lookups(shop: &TestShop) {
    let body = json!({"contact": "buyer@example.com", "query_password": "12345678"}).to_string();
    let (status, answer) = shop.admin(Method::POST, "/api/lookup", "", body).await;
    assert!(status < 500, "{answer}");
    let (status, answer) = shop.create("an-order-for-the-limits-000", &wish("l", 1)).await;
    assert_eq!(status, 201, "{answer}");
    shop.minutes(20).await;
    told(shop).await;
}

/// What was to be told meanwhile, and an alarm, which goes through the queue because nobody takes it.
async fn told(shop: &TestShop) {
    let instance = Arc::new(shop.world.app());
    while poller::poll_notices(&shop.world, &instance, 0).await.received > 0 {}
    let alarm = json!({
        "AlarmName": "kamivend-PaidNotDelivered", "NewStateValue": "ALARM", "OldStateValue": "OK", "NewStateReason": "1 > 0",
        "StateChangeTime": "2026-11-22T00:00:00.000+0000", "AlarmDescription": "infra/runbook/alarms.md#paidnotdelivered",
    });
    let event = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": alarm.to_string()}}]});
    acting_as("notify", functions::notify::handle(&instance, event)).await.unwrap();
    let token = shop.sign_in().await;
    shop.product("t", 990, &cards("T", 1)).await;
    let buyer = shop.order("an-order-that-is-told-again", "t", 1).await;
    shop.pay(&buyer, "TOLD-1").await;
    shop.deliver_all().await;
    let order = json!({"order": buyer.order}).to_string();
    // What pages remembered of the shop is forgotten by then.
    shop.pass(3_000);
    for (method, path) in [(Method::GET, ""), (Method::POST, "/phone/test"), (Method::POST, "/phone/replay")] {
        let (status, answer) = shop.admin(method, &format!("/api/admin/pushes{path}"), &token, order.clone()).await;
        assert_eq!(status, 200, "{answer}");
    }
}

#[tokio::test]
async fn no_function_may_do_more_than_it_does() {
    let mut shop = TestShop::deployed(77).await;
    shop.leave_unfinished();
    a_life(&shop).await;
    let (granted, asked) = (roles().granted.clone(), roles().asked());
    assert_eq!(unused(&granted, &asked), Vec::<String>::new());
    // Planted: one right too many, of each function.
    for function in granted.keys() {
        let mut granted = granted.clone();
        let right = Right { action: "dynamodb:DeleteItem".to_owned(), resource: "table/kamivend-orders".to_owned() };
        granted.get_mut(function).unwrap().insert(right);
        assert_eq!(unused(&granted, &asked), [format!("{function}: dynamodb:DeleteItem on table/kamivend-orders")]);
    }
}

/// Planted: one right too few. What needs it fails, and says nothing of success.
#[tokio::test(start_paused = true)]
async fn planted_a_missing_right_is_caught() {
    for (function, action, resource) in [
        ("create_order", "dynamodb:UpdateItem", "table/kamivend-strips"),
        ("payment_webhook", "dynamodb:UpdateItem", "table/kamivend-orders"),
        ("payment_webhook", "sqs:SendMessage", "queue/kamivend-deliver"),
        ("deliver", "dynamodb:BatchGetItem", "table/kamivend-vault"),
        ("deliver", "kms:Decrypt", "key/cards"),
        ("deliver", "dynamodb:UpdateItem", "table/kamivend-orders"),
    ] {
        let mut shop = TestShop::new(79).await.on_kms();
        shop.product("p", 990, &cards("CARD", 2)).await;
        shop.leave_unfinished();
        let mut fewer = TemplateRoles::of(template());
        let right = Right { action: action.to_owned(), resource: resource.to_owned() };
        assert!(fewer.granted.get_mut(function).unwrap().remove(&right), "{function} has no {right}");
        let world = shop.world.clone().with_roles(Arc::new(fewer));
        let app = Arc::new(world.app());
        let front = Front::new(world.clone(), app.clone());
        let (status, created) = create(&front, "an-order-with-a-right-less", &wish("p", 1)).await;
        let mut keys = 0;
        if status == 201 {
            let buyer = Buyer::from(&created);
            let (status, said) = notify(&front, &shop.notification(&buyer, "T1")).await;
            assert_eq!(status == 200, function != "payment_webhook", "{function} without {right}: {said}");
            poller::poll(&world, &app, 0).await;
            keys = shop.keys_or_none(&buyer).await;
        }
        assert_eq!((status == 201, keys), (function != "create_order", 0), "{function} without {right}");
    }
}
