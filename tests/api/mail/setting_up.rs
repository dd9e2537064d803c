//! Whose name mail is sent in: the seller chooses, and a deployment allows one address.

use super::{FROM, HIDDEN, bought, change, count, mails_on};
use app::Sender;
use http::Method;
use local::seam::Outside;
use local::world::Pushes;
use serde_json::{Value, json};
use tests::TestShop;
use tests::shop::cards;

async fn patch(shop: &TestShop, mail: Value) -> (u16, Value) {
    shop.sell(Method::PATCH, "/api/admin/settings", &json!({ "buyer_mail": mail })).await
}

#[tokio::test]
async fn the_choice_is_read_back_and_what_does_not_fit_is_named() {
    let shop = TestShop::pushing(931, None).await;
    let (_, settings) = shop.sell(Method::GET, "/api/admin/settings", &json!({})).await;
    assert_eq!(settings["buyer_mail"], json!({"from": "", "on": []}));
    let malformed = [
        json!("on"),
        json!({"from": "no address"}),
        json!({"from": "a,b@example.com"}),
        json!({"from": FROM, "on": ["placed"]}),
        json!({"from": FROM, "on": "delivered"}),
        json!({"from": FROM, "in": []}),
    ];
    for mail in malformed {
        let (status, answer) = patch(&shop, mail.clone()).await;
        assert_eq!(status, 422, "{mail}");
        assert_eq!(answer["errors"], json!([{"field": "buyer_mail", "code": "malformed"}]), "{mail}");
    }
    let (status, answer) = patch(&shop, json!({"on": ["delivered"]})).await;
    assert_eq!((status, &answer["errors"]), (422, &json!([{"field": "buyer_mail.from", "code": "required"}])));
    let (status, answer) = patch(&shop, json!({"from": FROM, "on": ["delivered", "asked", "asked"]})).await;
    assert_eq!((status, &answer["buyer_mail"]), (200, &json!({"from": FROM, "on": ["delivered", "asked"]})));
    // What is left out stays.
    let (_, answer) = patch(&shop, json!({"on": ["asked"]})).await;
    assert_eq!(answer["buyer_mail"], json!({"from": FROM, "on": ["asked"]}));
    let (_, answer) = shop.sell(Method::PATCH, "/api/admin/settings", &json!({"name": "Another"})).await;
    assert_eq!(answer["buyer_mail"], json!({"from": FROM, "on": ["asked"]}));
    let (status, answer) = patch(&shop, json!({"from": "", "on": []})).await;
    assert_eq!((status, &answer["buyer_mail"]), (200, &json!({"from": "", "on": []})));
}

#[tokio::test]
async fn a_deployment_sends_in_the_name_of_its_own_address_only() {
    let pushes = |from: &str| Pushes {
        queue: true,
        outside: Outside::OwnMachine(app::net::production()),
        aws_endpoint: None,
        sender: Sender::Only(from.to_owned()),
    };
    // Without an address there is no mail.
    let silent = TestShop::with_pushes(934, Pushes { sender: Sender::Nobody, ..pushes("") }).await;
    let (status, answer) = patch(&silent, json!({"from": FROM, "on": ["delivered"]})).await;
    assert_eq!((status, &answer["errors"]), (422, &json!([{"field": "buyer_mail.from", "code": "not_here"}])));
    let shop = TestShop::with_pushes(932, pushes(FROM)).await;
    shop.product("p", 990, &cards("CARD", 9)).await;
    let (status, answer) = patch(&shop, json!({"from": "boss@example.com", "on": ["delivered"]})).await;
    assert_eq!((status, &answer["errors"]), (422, &json!([{"field": "buyer_mail.from", "code": "not_mail_from"}])));
    let receiver =
        |from: &str| json!({"kinds": ["sale"], "channel": {"kind": "email", "from": from, "to": "me@example.com"}});
    let (status, answer) = shop.sell(Method::PUT, "/api/admin/pushes/me", &receiver("boss@example.com")).await;
    assert_eq!((status, &answer["errors"]), (422, &json!([{"field": "channel.from", "code": "not_mail_from"}])));
    let (status, answer) = shop.sell(Method::PUT, "/api/admin/pushes/me", &receiver(FROM)).await;
    assert_eq!(status, 200, "{answer}");
    mails_on(&shop, &["delivered"]).await;
    bought(&shop, "an-order-in-a-deployment", |_| {}).await;
    shop.tell_all().await;
    let mails = shop.world.mailbox.mails();
    let to: Vec<&str> = mails.iter().map(|mail| mail.to.as_str()).collect();
    assert!(to.contains(&"buyer@example.com") && to.contains(&"me@example.com"), "{to:?}");

    // The address of the deployment changed, and the settings still name the one before: nothing is even tried.
    let moved = TestShop::with_pushes(933, pushes("new@example.com")).await;
    moved.product("p", 990, &cards("CARD", 9)).await;
    let doc = |from: &str| json!({"name": "Moved", "buyer_mail": {"from": from, "on": ["delivered"]}}).to_string();
    let item = json!({"TableName": "kamivend-shop", "Item": {"kind": {"S": "settings"}, "id": {"S": "shop"},
        "v": {"N": "1"}, "doc": {"S": doc(FROM)}}});
    assert_eq!(moved.world.engine.call("PutItem", item.to_string().as_bytes()).0, 200);
    moved.tick().await;
    moved.pass(3_000);
    bought(&moved, "an-order-after-the-move", |_| {}).await;
    moved.tell_all().await;
    assert_eq!(count(&moved), 0);
    let (_, list) = moved.sell(Method::GET, "/api/admin/pushes", &json!({})).await;
    assert_eq!(list["buyer_mail"]["reason"], "not_allowed");
    change(&moved, "/api/admin/settings", &json!({"buyer_mail": {"from": "new@example.com"}})).await;
    bought(&moved, "an-order-after-the-change", |_| {}).await;
    moved.tell_all().await;
    assert_eq!(count(&moved), 1);
    // What waited for the seller is sent now.
    moved.pass(HIDDEN);
    moved.tell_all().await;
    assert_eq!(count(&moved), 2);
}
