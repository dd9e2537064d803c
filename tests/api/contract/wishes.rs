//! What an order may ask for, field by field.

use super::{granted, product, refused, sell, send, shop_with, shop_with_fields, stock, with, yuan};
use crate::openapi::{create, request};
use http::header::HeaderValue;
use insta::assert_snapshot;
use serde_json::{Value, json};
use store::Table;
use tests::shop::{cards, wish};
use tests::{Buyer, TestShop};

#[tokio::test]
async fn every_field_that_does_not_fit_is_named() {
    let shop = shop_with(518, 5).await;
    let reply = send(&shop, create("a-wish-for-nothing-at-all", &json!({}))).await;
    assert_eq!(
        reply.errors(),
        [("channel", "required"), ("contact", "required"), ("product", "required"), ("quantity", "required")]
    );
    let wrong = json!({
        "product": 7, "quantity": "2", "contact": ["a"], "channel": {}, "fields": [], "coupon": 7,
        "query_password": 123_456, "price_seen": "9.90",
    });
    let reply = send(&shop, create("a-wish-that-is-all-wrong", &wrong)).await;
    assert_eq!(
        reply.errors(),
        [
            ("channel", "not_text"),
            ("contact", "not_text"),
            ("coupon", "malformed"),
            ("fields", "malformed"),
            ("price_seen", "not_money"),
            ("product", "not_text"),
            ("quantity", "not_a_quantity"),
            ("query_password", "length"),
        ]
    );
    assert_snapshot!("invalid", serde_json::to_string_pretty(&reply.body).unwrap());
    let wish = wish("p", 1);
    for (member, value, code) in [
        ("product", json!("Not An Id"), "unknown"),
        ("product", json!(""), "unknown"),
        ("channel", json!("SANDBOX"), "unknown"),
        ("quantity", json!(0), "not_a_quantity"),
        ("quantity", json!(-1), "not_a_quantity"),
        ("quantity", json!(1.5), "not_a_quantity"),
        ("quantity", json!(4_294_967_296_i64), "not_a_quantity"),
        ("quantity", json!(true), "not_a_quantity"),
        ("contact", json!("   "), "required"),
        ("contact", json!("two\nlines"), "malformed"),
        ("coupon", json!("SPRING"), "unknown"),
        ("coupon", json!("x".repeat(255)), "malformed"),
        ("query_password", json!("short"), "length"),
        ("query_password", json!("x".repeat(65)), "length"),
        ("price_seen", json!({"amount_minor": 9.9, "currency": "CNY"}), "not_money"),
        ("price_seen", json!({"amount_minor": 990}), "not_money"),
        ("price_seen", json!({"amount_minor": 990, "currency": "cny"}), "not_money"),
    ] {
        let reply = send(&shop, create("a-wish-with-one-mistake", &with(&wish, member, value.clone()))).await;
        assert_eq!(reply.errors(), [(member, code)], "{value}");
    }
    assert_eq!(stock(&shop).await, (5, 0));
    for (n, password) in ["六位的密码啊", &"x".repeat(64)].iter().enumerate() {
        let fits = with(&wish, "query_password", (*password).into());
        granted(&send(&shop, create(&format!("a-password-that-fits-{n}"), &fits)).await, 201);
    }
}

#[tokio::test]
async fn a_wish_must_fit_its_product() {
    let shop = TestShop::new(519).await;
    let mut few = product("p");
    few["min_quantity"] = 2.into();
    few["max_quantity"] = 4.into();
    granted(&sell(&shop, "POST", "/api/admin/products", &few).await, 201);
    shop.cards("p", &cards("CARD", 60), "").await;
    shop.product("off", 990, &cards("OFF", 1)).await;
    granted(&sell(&shop, "PATCH", "/api/admin/products/off", &json!({"on_sale": false})).await, 200);
    shop.product("gone", 990, &cards("GONE", 1)).await;
    granted(&sell(&shop, "DELETE", "/api/admin/products/gone", &json!({})).await, 200);
    for (body, field, code) in [
        (wish("no-such-product", 1), "product", "unknown"),
        (wish("off", 1), "product", "off_sale"),
        (wish("gone", 1), "product", "off_sale"),
        (wish("p", 1), "quantity", "quantity_range"),
        (wish("p", 5), "quantity", "quantity_range"),
        (wish("p", u32::MAX), "quantity", "quantity_range"),
        (with(&wish("p", 2), "channel", "another".into()), "channel", "not_for_this_product"),
    ] {
        let reply = send(&shop, create("a-wish-that-does-not-fit", &body)).await;
        assert_eq!(reply.errors(), [(field, code)], "{body}");
    }
    assert_eq!(stock(&shop).await, (60, 0));
    for quantity in [2, 4] {
        granted(&send(&shop, create(&format!("a-wish-for-this-many-{quantity}"), &wish("p", quantity))).await, 201);
    }
    // Without limits of its own a product is sold in ones to fifties.
    shop.product("many", 1, &cards("MANY", 101)).await;
    for (quantity, status) in [(1, 201), (50, 201), (51, 422)] {
        granted(
            &send(&shop, create(&format!("one-to-fifty-of-many-{quantity}"), &wish("many", quantity))).await,
            status,
        );
    }
}

#[tokio::test]
async fn a_price_that_was_seen_must_be_the_price() {
    let shop = shop_with(520, 5).await;
    for seen in [yuan(989), yuan(991), yuan(0), json!({"amount_minor": 990, "currency": "USD"})] {
        let body = with(&wish("p", 2), "price_seen", seen);
        refused(&send(&shop, create("an-order-at-another-price", &body)).await, 409, "price_changed");
    }
    assert_eq!(stock(&shop).await, (5, 0));
    // It is the price of one card, whatever the quantity.
    let body = with(&wish("p", 2), "price_seen", yuan(990));
    let reply = send(&shop, create("an-order-at-the-right-price", &body)).await;
    granted(&reply, 201);
    assert_eq!(reply.body["order"]["amount"], yuan(1_980));
    granted(&sell(&shop, "PATCH", "/api/admin/products/p", &json!({"price": yuan(1_090)})).await, 200);
    refused(&send(&shop, create("an-order-after-the-change", &body)).await, 409, "price_changed");
}

#[tokio::test]
async fn what_is_not_a_json_object_is_refused() {
    let shop = shop_with(521, 1).await;
    let good = wish("p", 1).to_string();
    let bad: [Vec<u8>; 9] = [
        b"".to_vec(),
        b" ".to_vec(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"\"text\"".to_vec(),
        b"product=p&quantity=1".to_vec(),
        format!("{good}{good}").into_bytes(),
        good.replace("buyer", "b\u{e9}").chars().map(|c| c as u8).collect(),
    ];
    for body in bad {
        let mut asked = request("POST", "/api/orders", "", body.clone());
        asked.headers_mut().insert("idempotency-key", HeaderValue::from_static("a-body-that-does-not-read"));
        let reply = send(&shop, asked).await;
        assert_eq!((reply.status, reply.code()), (400, "bad_request"), "{}", String::from_utf8_lossy(&body));
    }
    assert_eq!(stock(&shop).await, (1, 0));
}

#[tokio::test]
async fn contacts_have_up_to_254_bytes() {
    let shop = shop_with(523, 10).await;
    let contact = |bytes: usize| format!("{}@example.com", "x".repeat(bytes - 12));
    let chinese = "客".repeat(85);
    for contact in [contact(255), chinese] {
        let body = with(&wish("p", 1), "contact", contact.into());
        let reply = send(&shop, create("a-contact-that-is-too-long", &body)).await;
        assert_eq!(reply.errors(), [("contact", "malformed")]);
    }
    assert_eq!(stock(&shop).await, (10, 0));
    for bytes in [13, 64, 65, 254] {
        let contact = contact(bytes);
        let body = with(&wish("p", 1), "contact", format!("  {contact} ").into());
        let key = format!("a-contact-of-length-{bytes}");
        let reply = send(&shop, create(&key, &body)).await;
        granted(&reply, 201);
        granted(&send(&shop, create(&key, &body)).await, 200);
        // A long contact lies beside its order, so that the order stays one write unit; a short one rides in it.
        let items = shop.table(Table::Orders);
        let holding: Vec<&String> = items.iter().filter(|item| item.contains(&format!("\"{contact}\""))).collect();
        assert_eq!(holding.len(), 1, "the contact of {bytes} bytes is kept once");
        let is_order = holding[0].contains("\"HELD\"");
        assert_eq!(is_order, bytes <= 64, "where {bytes} bytes are kept");
        let buyer = Buyer::from(&reply.body);
        shop.pay(&buyer, &format!("T{bytes}")).await;
        shop.deliver_all().await;
        assert_eq!(shop.keys(&buyer).await.len(), 1);
    }
}

#[tokio::test]
async fn the_sellers_own_fields_are_asked_and_kept() {
    let (shop, wish) = shop_with_fields(524).await;
    for (fields, errors) in [
        (json!(null), vec![("fields.account", "required")]),
        (json!({}), vec![("fields.account", "required")]),
        (json!({"account": ""}), vec![("fields.account", "required")]),
        (json!({"account": "a", "colour": "red"}), vec![("fields.colour", "unknown")]),
        (json!({"colour": "red"}), vec![("fields.account", "required"), ("fields.colour", "unknown")]),
        (json!({"account": 7, "note": null}), vec![("fields.account", "malformed"), ("fields.note", "malformed")]),
        (json!({"account": "x".repeat(8_193)}), vec![("fields.account", "malformed")]),
        (json!({"account": "x".repeat(8_185), "note": "y"}), vec![("fields", "too_long")]),
        (json!("account"), vec![("fields", "malformed")]),
    ] {
        let reply = send(&shop, create("answers-that-do-not-fit", &with(&wish, "fields", fields.clone()))).await;
        assert_eq!(reply.errors(), errors, "{fields}");
    }
    assert_eq!(stock(&shop).await, (20, 0));
    let most = "x".repeat(8_192 - "account".len() - "note".len() - 2);
    for (n, fields) in [
        json!({"account": "玩家 \"七\""}),
        json!({"account": "b", "note": "c"}),
        json!({"account": most, "note": "yy"}),
    ]
    .into_iter()
    .enumerate()
    {
        let reply =
            send(&shop, create(&format!("answers-that-do-fit-{n}"), &with(&wish, "fields", fields.clone()))).await;
        granted(&reply, 201);
        // No answer of the shop shows them; they are the seller's, and wait beside the order.
        let account = Value::from(fields.to_string()).to_string();
        assert_eq!(shop.table(Table::Orders).iter().filter(|item| item.contains(&account)).count(), 1, "{account:.80}");
        let buyer = Buyer::from(&reply.body);
        shop.pay(&buyer, &format!("T{n}")).await;
        shop.deliver_all().await;
        assert_eq!(shop.keys(&buyer).await.len(), 2);
    }
    // A product that asks nothing takes no answers.
    shop.product("q", 990, &cards("Q", 1)).await;
    let reply = send(&shop, create("answers-nobody-asked-for", &with(&wish, "product", "q".into()))).await;
    assert_eq!(reply.errors(), [("fields.account", "unknown")]);
}
