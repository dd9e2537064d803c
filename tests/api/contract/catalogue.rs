//! What is on sale, and how much of it.

use super::{get, granted, product, sell, send, with};
use crate::openapi::{Reply, create};
use insta::assert_snapshot;
use serde_json::{Value, json};
use tests::shop::{cards, wish};
use tests::{TestShop, text};

#[tokio::test]
async fn the_catalogue_shows_what_is_on_sale_and_how_much_of_it() {
    let shop = TestShop::new(500).await;
    for (id, count) in [("none", 0), ("one", 1), ("nine", 9), ("ten", 10)] {
        shop.product(id, 990, &cards(id, count)).await;
    }
    let off = with(&product("off"), "on_sale", false.into());
    granted(&sell(&shop, "POST", "/api/admin/products", &off).await, 201);
    shop.product("gone", 990, &cards("GONE", 1)).await;
    granted(&sell(&shop, "DELETE", "/api/admin/products/gone", &json!({})).await, 200);

    let listed = |reply: &Reply| -> Vec<String> {
        let line = |p: &Value| format!("{} {} {}", text(p, "/id"), text(p, "/stock/state"), p["stock"]["count"]);
        let mut lines: Vec<String> = reply.body["products"].as_array().unwrap().iter().map(line).collect();
        lines.sort();
        lines
    };
    let before = listed(&get(&shop, "/api/products", "").await);
    assert_eq!(before, ["nine low 9", "none sold_out 0", "one low 1", "ten in_stock 10"]);
    // What is held is nobody else's to buy, and the list says so at most two seconds later.
    granted(&send(&shop, create("holds-one-of-the-ten", &wish("ten", 1))).await, 201);
    granted(&send(&shop, create("holds-the-only-one", &wish("one", 1))).await, 201);
    shop.pass(2_000);
    let after = listed(&get(&shop, "/api/products", "").await);
    assert_eq!(after, ["nine low 9", "none sold_out 0", "one sold_out 0", "ten low 9"]);
}

#[tokio::test]
async fn a_product_is_listed_as_it_was_made() {
    let shop = TestShop::new(501).await;
    let mut made = product("game-card");
    made["min_quantity"] = 2.into();
    made["max_quantity"] = 7.into();
    made["fields"] = json!([{"id": "account", "label": "游戏账号", "required": true}, {"id": "note", "label": "Note"}]);
    granted(&sell(&shop, "POST", "/api/admin/products", &made).await, 201);
    shop.cards("game-card", &cards("CARD", 12), "").await;
    let reply = get(&shop, "/api/products", "").await;
    assert_snapshot!("catalogue", serde_json::to_string_pretty(&reply.body).unwrap());
}
