//! The seller's products.

use super::{get, granted, product, refused, sell, shop_with, with, yuan};
use crate::openapi::{ask, request};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::{TestShop, text};

#[tokio::test]
async fn a_product_is_created_with_what_is_not_said_filled_in() {
    let shop = TestShop::new(560).await;
    let least = with(&product("p"), "id", json!(null));
    let (one, other) = (
        sell(&shop, "POST", "/api/admin/products", &least).await,
        sell(&shop, "POST", "/api/admin/products", &least).await,
    );
    granted(&one, 201);
    granted(&other, 201);
    assert_ne!(text(&one.body, "/id"), text(&other.body, "/id"));
    let filled = json!({
        "id": text(&one.body, "/id"), "name": "Product p", "kind": "single_use_key", "price": yuan(990),
        "channels": ["sandbox"], "min_quantity": 1, "max_quantity": 50, "fields": [], "review": false, "on_sale": true,
        "archived": false, "version": 1, "summary": "", "category": "", "picture": null, "contact_kind": "any",
        "card_template": null, "hide_stock": false, "pinned": false, "sort": 0, "hidden": false, "warranty_days": 0,
        "support": [], "mail_keys": false, "description": "", "instructions": "",
    });
    assert_eq!(one.body, filled);
    let read = sell(&shop, "GET", &format!("/api/admin/products/{}", text(&one.body, "/id")), &json!({})).await;
    assert_eq!(read.body, filled);
    let listed = sell(&shop, "GET", "/api/admin/products", &json!({})).await;
    assert_eq!(listed.body["products"].as_array().unwrap().len(), 2);
    // Off sale from the first moment, if the seller says so: the seller sees it and nobody else.
    let quiet = with(&product("quiet"), "on_sale", false.into());
    granted(&sell(&shop, "POST", "/api/admin/products", &quiet).await, 201);
    assert_eq!(get(&shop, "/api/products", "").await.body["products"].as_array().unwrap().len(), 2);
    let listed = sell(&shop, "GET", "/api/admin/products", &json!({})).await;
    assert_eq!(listed.body["products"].as_array().unwrap().len(), 3);
}

/// What does not fit a product, whether it is created or changed: member, value, code.
fn misfits() -> Vec<(&'static str, Value, &'static str)> {
    let field = |id: &str, label: &str| json!([{"id": id, "label": label}]);
    let mut all = vec![
        ("name", json!("x".repeat(201)), "length"),
        ("kind", json!("gift"), "unknown"),
        ("kind", json!(1), "unknown"),
        ("price", json!({"amount_minor": 990, "currency": "USD"}), "currency"),
        ("channels", json!(["nowhere"]), "unknown"),
        ("channels", json!(["sandbox", "nowhere"]), "unknown"),
        ("min_quantity", json!(8), "above_max"),
    ];
    all.extend([json!(""), json!("   "), json!("bell\u{7}"), json!(5)].map(|v| ("name", v, "length")));
    let prices = [
        yuan(0),
        yuan(-990),
        yuan(200_000_000_001),
        yuan(i64::MAX),
        json!({"amount_minor": 9.9, "currency": "CNY"}),
        json!({"amount_minor": "990", "currency": "CNY"}),
        json!({"amount_minor": 990, "currency": "cny"}),
        json!({"amount_minor": 990, "currency": "YEN"}),
        json!({"amount_minor": 990}),
        json!({"currency": "CNY"}),
        json!(990),
        json!("9.90"),
    ];
    all.extend(prices.map(|v| ("price", v, "not_money")));
    let channels = [json!([]), json!(["SANDBOX"]), json!([""]), json!([1]), json!("sandbox"), json!({})];
    all.extend(channels.map(|v| ("channels", v, "malformed")));
    for member in ["min_quantity", "max_quantity"] {
        let quantities = [json!(0), json!(51), json!(-1), json!(1.5), json!("1"), json!(4_294_967_297_i64)];
        all.extend(quantities.map(|v| (member, v, "quantity_range")));
    }
    for member in ["on_sale", "review"] {
        all.extend([json!("yes"), json!(1)].map(|v| (member, v, "not_a_choice")));
    }
    let many: Vec<Value> = (0..21).map(|n| json!({"id": format!("f{n}"), "label": "L"})).collect();
    let fields = [
        json!({}),
        json!([{}]),
        json!(["account"]),
        field("Account", "L"),
        field("", "L"),
        field("a-b", "L"),
        field(&"a".repeat(33), "L"),
        field("a", ""),
        field("a", " "),
        field("a", &"L".repeat(101)),
        json!([{"id": "a"}]),
        json!([{"id": "a", "label": "One"}, {"id": "a", "label": "Another"}]),
        json!([{"label": "L"}]),
        json!(many),
    ];
    all.extend(fields.map(|v| ("fields", v, "malformed")));
    all
}

#[tokio::test]
async fn a_product_is_checked_field_by_field() {
    let shop = TestShop::new(561).await;
    let good = with(&product("p"), "max_quantity", 7.into());
    for (member, value, code) in misfits() {
        let reply = sell(&shop, "POST", "/api/admin/products", &with(&good, member, value.clone())).await;
        let errors = reply.errors();
        assert_eq!(errors, [(member, code)], "{member}: {value}");
    }
    for id in
        [json!("With Space"), json!("UPPER"), json!(""), json!("x".repeat(33)), json!("ä"), json!(7), json!("a/b")]
    {
        let reply = sell(&shop, "POST", "/api/admin/products", &with(&good, "id", id.clone())).await;
        assert_eq!(reply.errors(), [("id", "malformed")], "{id}");
    }
    for member in ["name", "kind", "price", "channels"] {
        let reply = sell(&shop, "POST", "/api/admin/products", &with(&good, member, json!(null))).await;
        assert_eq!(reply.errors(), [(member, "required")]);
    }
    let reply = sell(&shop, "POST", "/api/admin/products", &json!({"on_sale": "yes", "name": null})).await;
    let missing = ["channels", "kind", "name", "on_sale", "price"];
    assert_eq!(reply.errors().iter().map(|(field, _)| *field).collect::<Vec<_>>(), missing);
    for body in [json!([]), json!("p"), json!(null)] {
        refused(&sell(&shop, "POST", "/api/admin/products", &body).await, 400, "bad_request");
    }
    let wrong = json!({
        "id": "p", "name": "", "kind": "gift", "price": 1, "channels": [], "min_quantity": 0, "max_quantity": 51,
        "fields": {}, "on_sale": 1, "review": 0,
    });
    let reply = sell(&shop, "POST", "/api/admin/products", &wrong).await;
    let named: BTreeSet<&str> = reply.errors().into_iter().map(|(field, _)| field).collect();
    assert_eq!(named, wrong.as_object().unwrap().keys().map(String::as_str).filter(|m| *m != "id").collect());
    assert_eq!(sell(&shop, "GET", "/api/admin/products", &json!({})).await.body, json!({"products": []}));

    // Everything at its limit fits.
    let fields: Vec<Value> =
        (0..20).map(|n| json!({"id": format!("{n:_>32}"), "label": "签".repeat(100), "required": n == 0})).collect();
    let most = json!({
        "id": "x".repeat(32), "name": "名".repeat(200), "kind": "single_use_key", "price": yuan(200_000_000_000),
        "channels": ["sandbox"], "min_quantity": 50, "max_quantity": 50, "fields": fields,
    });
    let reply = sell(&shop, "POST", "/api/admin/products", &most).await;
    granted(&reply, 201);
    assert_eq!(reply.body["fields"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn a_change_is_checked_as_a_creation_is() {
    let shop = TestShop::new(562).await;
    let good = with(&product("p"), "max_quantity", 7.into());
    granted(&sell(&shop, "POST", "/api/admin/products", &good).await, 201);
    for (member, value, code) in misfits() {
        let reply = sell(&shop, "PATCH", "/api/admin/products/p", &with(&json!({}), member, value.clone())).await;
        assert_eq!(reply.errors(), [(member, code)], "{member}: {value}");
    }
    // Nobody who means to guard their change is left unguarded for the look of a number.
    for version in [json!("1"), json!(1.0), json!(-1), json!([1])] {
        let body = json!({"name": "Other", "version": version});
        assert_eq!(sell(&shop, "PATCH", "/api/admin/products/p", &body).await.errors(), [("version", "malformed")]);
    }
    for id in [json!("q"), json!(1)] {
        let reply = sell(&shop, "PATCH", "/api/admin/products/p", &json!({"id": id})).await;
        assert_eq!(reply.errors(), [("id", "fixed")]);
    }
    for body in [json!([]), json!("name"), json!(null), json!([{"name": "Other"}])] {
        refused(&sell(&shop, "PATCH", "/api/admin/products/p", &body).await, 400, "bad_request");
    }
    let read = sell(&shop, "GET", "/api/admin/products/p", &json!({})).await;
    assert_eq!((&read.body["version"], &read.body["name"]), (&json!(1), &json!("Product p")));
}

#[tokio::test]
async fn an_id_is_taken_once() {
    let shop = TestShop::new(563).await;
    let made = sell(&shop, "POST", "/api/admin/products", &product("p")).await;
    granted(&made, 201);
    let other = with(&product("p"), "name", "Another".into());
    refused(&sell(&shop, "POST", "/api/admin/products", &other).await, 409, "conflict");
    let read = sell(&shop, "GET", "/api/admin/products/p", &json!({})).await;
    assert_eq!(read.body, made.body, "the first is as it was");
    // An answer that was lost may be asked for again.
    let again = sell(&shop, "POST", "/api/admin/products", &product("p")).await;
    assert_eq!((again.status, &again.body), (201, &made.body));
}

#[tokio::test]
async fn a_product_is_changed_by_those_who_saw_it() {
    let shop = TestShop::new(564).await;
    granted(&sell(&shop, "POST", "/api/admin/products", &product("p")).await, 201);
    let path = "/api/admin/products/p";
    let changed = sell(&shop, "PATCH", path, &json!({"name": "  New name ", "price": yuan(1_290), "version": 1})).await;
    granted(&changed, 200);
    let mut expected = sell(&shop, "GET", path, &json!({})).await.body;
    assert_eq!(changed.body, expected);
    assert_eq!(
        (&expected["name"], &expected["price"], &expected["version"], &expected["max_quantity"]),
        (&json!("New name"), &yuan(1_290), &json!(2), &json!(50))
    );
    // The list shows it at once, where it was changed.
    assert_eq!(get(&shop, "/api/products", "").await.body["products"][0]["name"], "New name");
    for stale in [1, 3, 99] {
        let reply = sell(&shop, "PATCH", path, &json!({"name": "Mine", "version": stale})).await;
        refused(&reply, 409, "conflict");
    }
    assert_eq!(sell(&shop, "GET", path, &json!({})).await.body, expected);
    // Without a version the last word counts; the product's own id may stand there; null changes nothing.
    let reply = sell(&shop, "PATCH", path, &json!({"id": "p", "max_quantity": 3, "name": null, "version": null})).await;
    expected["max_quantity"] = 3.into();
    expected["version"] = 3.into();
    assert_eq!((reply.status, &reply.body), (200, &expected));
    refused(&sell(&shop, "PATCH", "/api/admin/products/q", &json!({"name": "Q"})).await, 404, "not_found");
    refused(&sell(&shop, "PATCH", "/api/admin/products/not%20an%20id", &json!({})).await, 404, "not_found");
    // Off sale and on again.
    granted(&sell(&shop, "PATCH", path, &json!({"on_sale": false})).await, 200);
    assert_eq!(get(&shop, "/api/products", "").await.body, json!({"products": []}));
    granted(&sell(&shop, "PATCH", path, &json!({"on_sale": true})).await, 200);
    assert_eq!(get(&shop, "/api/products", "").await.body["products"].as_array().unwrap().len(), 1);
}

/// An instance that remembers an older version for its two seconds must not take the right one for wrong.
#[tokio::test]
async fn the_right_version_is_right_on_every_instance() {
    let shop = TestShop::new(565).await;
    granted(&sell(&shop, "POST", "/api/admin/products", &product("p")).await, 201);
    let (elsewhere, token) = (shop.instance(), shop.sign_in().await);
    let path = "/api/admin/products/p";
    granted(&ask(&elsewhere, request("GET", path, &token, ""), "127.0.0.1").await, 200);
    granted(&sell(&shop, "PATCH", path, &json!({"name": "Second", "version": 1})).await, 200);
    let stale = request("PATCH", path, &token, json!({"name": "Third", "version": 1}).to_string());
    refused(&ask(&elsewhere, stale, "127.0.0.1").await, 409, "conflict");
    granted(&sell(&shop, "PATCH", path, &json!({"name": "Third", "version": 2})).await, 200);
    let read = ask(&elsewhere, request("GET", path, &token, ""), "127.0.0.1").await;
    assert_eq!((&read.body["name"], &read.body["version"]), (&json!("Third"), &json!(3)), "the seller reads what is");
    granted(&sell(&shop, "PATCH", path, &json!({"name": "Fourth", "version": 3})).await, 200);
    let right = request("PATCH", path, &token, json!({"name": "Fifth", "version": 4}).to_string());
    let reply = ask(&elsewhere, right, "127.0.0.1").await;
    assert_eq!((reply.status, &reply.body["version"]), (200, &json!(5)), "{}", reply.body);
}

#[tokio::test]
async fn an_archived_product_is_gone_and_its_id_with_it() {
    let shop = shop_with(566, 3).await;
    let buyer = shop.order("an-order-before-the-end", "p", 1).await;
    let path = "/api/admin/products/p";
    let before = sell(&shop, "GET", path, &json!({})).await.body;
    let reply = sell(&shop, "DELETE", path, &json!({})).await;
    let mut expected = before;
    expected["archived"] = true.into();
    expected["on_sale"] = false.into();
    expected["version"] = 2.into();
    assert_eq!((reply.status, &reply.body), (200, &expected));
    for list in ["/api/products", "/api/admin/products"] {
        assert_eq!(sell(&shop, "GET", list, &json!({})).await.body, json!({"products": []}), "{list}");
    }
    // One may still be asked for by its id, because its orders name it.
    assert_eq!(sell(&shop, "GET", path, &json!({})).await.body, expected);
    for (method, path) in [
        ("PATCH", "/api/admin/products/p"),
        ("DELETE", "/api/admin/products/p"),
        ("POST", "/api/admin/products/p/cards"),
    ] {
        refused(&sell(&shop, method, path, &json!({"archived": false, "on_sale": true})).await, 404, "not_found");
    }
    // What became of its cards can still be counted.
    assert_eq!(shop.counts("p").await, json!({"imported": 3, "free": 2, "held": 1, "sold": 0, "removed": 0}));
    // Neither other fields nor the very same take the id again.
    for name in ["Product p", "Another"] {
        let again = with(&product("p"), "name", name.into());
        refused(&sell(&shop, "POST", "/api/admin/products", &again).await, 409, "conflict");
    }
    // Whoever ordered before is served.
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await, ["CARD-00001"]);
    assert_eq!(text(&shop.read(&buyer).await.1, "/product_name"), "Product p");
}

/// Archived is for good, whatever an instance remembers.
#[tokio::test]
async fn an_archived_product_stays_archived_on_every_instance() {
    let shop = TestShop::new(567).await;
    granted(&sell(&shop, "POST", "/api/admin/products", &product("p")).await, 201);
    let (elsewhere, token) = (shop.instance(), shop.sign_in().await);
    let path = "/api/admin/products/p";
    granted(&ask(&elsewhere, request("GET", path, &token, ""), "127.0.0.1").await, 200);
    granted(&sell(&shop, "DELETE", path, &json!({})).await, 200);
    let back = request("PATCH", path, &token, json!({"archived": false, "on_sale": true}).to_string());
    refused(&ask(&elsewhere, back, "127.0.0.1").await, 404, "not_found");
    shop.pass(2_000);
    assert_eq!(get(&shop, "/api/products", "").await.body, json!({"products": []}));
}
