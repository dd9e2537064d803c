//! How much stock the pages show, and the showcase from which they are made.

use super::{buy, change, forget};
use http::Method;
use serde_json::json;
use tests::shop::{cards, wish};
use tests::{TestShop, Visitor};

async fn shown(shop: &TestShop) -> String {
    forget(shop);
    let page = Visitor::new(shop.front()).get("/").await.body;
    let words = ["仅剩", "库存", "售罄", "有货"];
    let at = words.iter().filter_map(|word| page.find(word)).min().unwrap_or_else(|| panic!("no stock in {page}"));
    page[at..].split('<').next().unwrap().trim().to_owned()
}

#[tokio::test(start_paused = true)]
async fn the_pages_learn_what_comes_and_goes() {
    let mut shop = TestShop::new(930).await;
    shop.product("p", 990, &[]).await;
    shop.cards("p", &cards("CARD", 60), "").await;
    assert_eq!(shown(&shop).await, "库存 60");
    // A hold is seen by the timer's next pass.
    for n in 0..3 {
        shop.order(&format!("an-order-of-fifteen-{n}"), "p", 15).await;
    }
    shop.tick().await;
    assert_eq!(shown(&shop).await, "库存 15");
    let token = shop.sign_in().await;
    let (_, gone) = shop.admin(Method::DELETE, "/api/admin/products/p/cards", &token, "CARD-00059".into()).await;
    assert_eq!(gone["removed"], 1, "{gone}");
    assert_eq!(shown(&shop).await, "库存 14");
    // The next pass counts no more than there is either.
    shop.tick().await;
    assert_eq!(shown(&shop).await, "库存 14");
    // Whoever finds it sold out says so at once.
    shop.order("all-that-is-left-of-it", "p", 14).await;
    assert_eq!(shop.create("one-more-than-there-is", &wish("p", 1)).await.0, 409);
    assert_eq!(shown(&shop).await, "售罄");
    // Holds lapse, and the pass that ends them shows it.
    shop.minutes(17).await;
    shop.tick().await;
    assert_eq!(shown(&shop).await, "库存 59");
    shop.leave_unfinished();
}

#[tokio::test(start_paused = true)]
async fn the_last_card_that_is_delivered_leaves_a_sold_out_page() {
    let shop = TestShop::new(931).await;
    shop.product("p", 990, &cards("CARD", 1)).await;
    assert_eq!(shown(&shop).await, "仅剩 1");
    let mut buyer = Visitor::new(shop.front());
    buy(&shop, &mut buyer, "p", "ann@example.com").await;
    assert_eq!(shown(&shop).await, "售罄");
    change(&shop, "p", json!({"hide_stock": true})).await;
    shop.cards("p", &cards("NEW", 2), "").await;
    assert_eq!(shown(&shop).await, "有货");
}

/// Whoever was cut off between a change and the showcase leaves it to the timer; a showcase that is gone is made again.
#[tokio::test(start_paused = true)]
async fn the_showcase_mends_itself() {
    let shop = TestShop::new(932).await;
    shop.product("p", 990, &cards("CARD", 1)).await;
    let engine = &shop.world.engine;
    let update = json!({
        "TableName": "kamivend-shop", "Key": {"kind": {"S": "showcase"}, "id": {"S": "all"}},
        "UpdateExpression": "SET doc = :doc ADD v :one",
        "ExpressionAttributeValues": {":doc": {"S": "{\"items\": []}"}, ":one": {"N": "1"}},
    });
    assert_eq!(engine.call("UpdateItem", update.to_string().as_bytes()).0, 200);
    forget(&shop);
    let listed = || async { Visitor::new(&shop.instance()).get("/").await.body.contains("/p/p\"") };
    assert!(!listed().await, "planted: the showcase is behind");
    shop.tick().await;
    assert!(listed().await);
    let gone = json!({"TableName": "kamivend-shop", "Key": {"kind": {"S": "showcase"}, "id": {"S": "all"}}});
    assert_eq!(engine.call("DeleteItem", gone.to_string().as_bytes()).0, 200);
    assert!(listed().await, "the first visitor arranges it");
}

#[tokio::test(start_paused = true)]
async fn what_is_hidden_opens_by_its_link_only() {
    let shop = TestShop::new(933).await;
    shop.product("shown", 990, &cards("A", 1)).await;
    shop.product("hidden", 990, &cards("B", 1)).await;
    shop.product("gone", 990, &cards("C", 1)).await;
    change(&shop, "hidden", json!({"hidden": true})).await;
    let token = shop.sign_in().await;
    shop.admin(Method::DELETE, "/api/admin/products/gone", &token, String::new()).await;
    forget(&shop);
    let mut visitor = Visitor::new(shop.front());
    let list = visitor.get("/").await.body;
    let api = visitor.get("/api/products").await.body;
    for (id, is_listed, status) in [("shown", true, 200), ("hidden", false, 200), ("gone", false, 404)] {
        assert_eq!(list.contains(&format!("/p/{id}")), is_listed, "{id}");
        assert_eq!(api.contains(&format!("\"{id}\"")), is_listed, "{id}");
        assert_eq!(visitor.get(&format!("/p/{id}")).await.status, status, "{id}");
    }
}

/// A file from a Chinese Windows, one with the mark of "Unicode", and one that is neither.
#[tokio::test(start_paused = true)]
async fn files_of_windows_come_in_right() {
    let shop = TestShop::new(934).await;
    shop.product("p", 990, &[]).await;
    let token = shop.sign_in().await;
    let bring_as = |media: &'static str, body: Vec<u8>| {
        let (shop, token) = (&shop, token.clone());
        async move {
            let request = http::Request::builder()
                .method("POST")
                .uri("/api/admin/products/p/cards")
                .header("authorization", format!("Bearer {token}"))
                .header("content-type", media)
                .body(body)
                .unwrap();
            tests::shop::send(shop.front(), request).await.1
        }
    };
    let bring = |body: Vec<u8>| bring_as("application/octet-stream", body);
    // 账号----密码 in GBK, by the published table: 账 D5CB, 号 BAC5, 密 C3DC, 码 C2EB.
    let gbk = [b"\xD5\xCB\xBA\xC5----\xC3\xDC\xC2\xEB1\r\n".as_slice(), b"\xD5\xCB\xBA\xC5----\xC3\xDC\xC2\xEB2\r\n"]
        .concat();
    let report = bring(gbk).await;
    assert_eq!((&report["imported"], &report["decoded_from"]), (&json!(2), &json!("gbk")), "{report}");
    // Called a text, it has lost its characters on the way through the front, and none of its lines is sold.
    let report = bring_as("text/plain", b"\xD5\xCB\xBA\xC5----9\r\nPLAIN-1\r\n".to_vec()).await;
    assert_eq!((&report["imported"], &report["rejected"][0]["reason"]), (&json!(1), &json!("not_utf8")), "{report}");
    let utf16: Vec<u8> = "\u{feff}账号----密码3\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(bring(utf16).await["imported"], 1);
    // One broken line does not turn a good file into another kind of file.
    let broken =
        [b"\xE8\xB4\xA6\xE5\x8F\xB7----A\n".as_slice(), b"\xE8\xB4\xA6\xE5\x8F\xB7----B\n", b"\xD5\xCB\n"].concat();
    let report = bring(broken).await;
    assert_eq!((&report["imported"], &report["rejected"][0]["reason"]), (&json!(2), &json!("not_utf8")), "{report}");
    // What only looks foreign is never guessed at: a bad byte, Latin-1, Big5, a mixed file.
    for (text, imported) in [
        (b"AAAA-1\nBBBB-\xE9AB2\nCCCC-3\n".as_slice(), 2),
        (b"M\xfcller-KEY\n".as_slice(), 0),
        (b"\xB1b\xB8\xB9-KEY\n".as_slice(), 0),
        (b"\xE8\xB4\xA6-U8\n\xD5\xCB-G1\n\xD5\xCB-G2\n".as_slice(), 1),
    ] {
        let report = bring(text.to_vec()).await;
        assert_eq!(report["imported"], imported, "{report}");
        assert!(report.get("decoded_from").is_none() && report["rejected_count"] != 0, "{report}");
    }
    // What came in so goes out so.
    let gone = b"\xD5\xCB\xBA\xC5----\xC3\xDC\xC2\xEB2\r\n".to_vec();
    let request = http::Request::builder()
        .method("DELETE")
        .uri("/api/admin/products/p/cards")
        .header("authorization", format!("Bearer {token}"))
        .body(gone)
        .unwrap();
    assert_eq!(tests::shop::send(shop.front(), request).await.1["removed"], 1);
    change(&shop, "p", json!({"card_template": {"separator": "----", "labels": ["账号", "密码"]}})).await;
    let mut buyer = Visitor::new(shop.front());
    let order = buy(&shop, &mut buyer, "p", "ann@example.com").await;
    let keys = buyer.get(&format!("/o/{order}/keys")).await.body;
    assert!(keys.contains(">账号<") && keys.contains("密码1"), "{keys}");
}

/// Whoever asks for more than there is holds nothing while it is counted, and makes nobody believe that nothing is left.
#[tokio::test(start_paused = true)]
async fn too_large_an_order_takes_nothing_from_others() {
    let shop = TestShop::new(935).await;
    shop.product("p", 990, &cards("CARD", 40)).await;
    assert_eq!(shown(&shop).await, "库存 40");
    let strips = shop.table(store::Table::Strips);
    for n in 0..3 {
        assert_eq!(shop.create(&format!("an-order-of-too-many-{n}"), &wish("p", 50)).await.0, 409);
        assert_eq!(shown(&shop).await, "库存 40");
    }
    // The first of them opened the strip that it looked at; no claim was ever written into one.
    let claimless = |rows: &[String]| rows.iter().filter(|row| row.contains("\"h\"")).cloned().collect::<Vec<_>>();
    assert_eq!(claimless(&shop.table(store::Table::Strips)), claimless(&strips), "nothing was claimed for them");
    // Beside it, others buy what there is.
    let greedy = async {
        for n in 0..20 {
            shop.create(&format!("an-order-of-too-many-again-{n}"), &wish("p", 50)).await;
        }
    };
    let honest = async {
        for n in 0..40 {
            assert_eq!(shop.create(&format!("an-honest-order-of-one-{n}"), &wish("p", 1)).await.0, 201, "{n}");
        }
    };
    tokio::join!(greedy, honest);
    let mut shop = shop;
    shop.leave_unfinished();
}

/// What no page could show is refused before it is made, and closing the shop never depends on what pages show.
#[tokio::test(start_paused = true)]
async fn a_shop_that_is_full_says_so() {
    let shop = TestShop::new(936).await;
    shop.product("p", 990, &cards("CARD", 2)).await;
    let token = shop.sign_in().await;
    let label = "长".repeat(100);
    let fields: Vec<_> = (0..20).map(|n| json!({"id": format!("f{n}"), "label": label})).collect();
    let mut made = 0;
    let refused = loop {
        let product = json!({
            "id": format!("large-{made:03}"), "name": "Large", "kind": "single_use_key", "channels": ["sandbox"],
            "price": {"amount_minor": 990, "currency": "CNY"}, "fields": fields,
        });
        let (status, answer) = shop.admin(Method::POST, "/api/admin/products", &token, product.to_string()).await;
        if status != 201 {
            break (status, answer["code"].clone());
        }
        made += 1;
        assert!(made < 100, "it is never full");
    };
    assert_eq!(refused, (409, json!("conflict")));
    assert!(made > 20, "{made}");
    forget(&shop);
    let mut visitor = Visitor::new(shop.front());
    assert!(visitor.get("/").await.body.contains(&format!("/p/large-{:03}", made - 1)), "all that was made is shown");
    change(&shop, "p", json!({"price": {"amount_minor": 1_990, "currency": "CNY"}})).await;
    assert!(visitor.get("/p/p").await.body.contains("19.90"));
    let (status, _) = shop.admin(Method::DELETE, "/api/admin/products/large-000", &token, String::new()).await;
    assert_eq!(status, 200, "archiving makes room");
}
