//! The shop's own words on its pages: support everywhere, the time zone, pictures, colour, both languages; and what a buyer is
//! told of money beside the money.

use super::{buy, change, pay, settings};
use http::Method;
use local::seam::{Call, Fate, Tap};
use serde_json::json;
use std::sync::Arc;
use tests::shop::{START, cards};
use tests::{TestShop, Visitor};

/// No call leaves the function.
#[derive(Debug)]
struct CutOff;

impl Tap for CutOff {
    fn fate(&self, _: &Call) -> Fate {
        Fate::LoseRequest
    }
}

const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n a picture of a lime";

#[tokio::test(start_paused = true)]
async fn whom_to_ask_stands_on_every_page_and_every_error() {
    let shop = TestShop::new(940).await;
    shop.product("p", 990, &cards("CARD", 4)).await;
    let words = json!({
        "name": "青柠卡铺", "support": [{"kind": "email", "value": "help@example.com"}, {"kind": "qq", "value": "123456789"}],
        "hours": "9:00–23:00", "purchase_notice": "Read this.", "refund_policy": "Money back.",
        "links": [{"label": "Channel", "url": "https://example.com/channel"}], "filing_number": "示例备 1 号",
        "notice": "Open on *Sunday*.",
    });
    settings(&shop, words).await;
    let mut buyer = Visitor::new(shop.front());
    let waiting = buyer.order("p", "ann@example.com").await;
    let delivered = buy(&shop, &mut buyer, "p", "ann@example.com").await;
    let mut stranger = Visitor::new(shop.front());
    for path in [
        "/".to_owned(),
        "/p/p".to_owned(),
        "/terms".to_owned(),
        "/lookup".to_owned(),
        "/nowhere".to_owned(),
        "/o/nowhere".to_owned(),
        format!("/o/{waiting}"),
        format!("/o/{delivered}"),
        format!("/o/{delivered}/keys"),
    ] {
        for visitor in [&mut buyer, &mut stranger] {
            let mut page = visitor.get(&path).await;
            if page.status == 303 {
                let there = page.header("location").to_owned();
                page = visitor.get(&there).await;
            }
            for word in ["青柠卡铺", "help@example.com", "123456789", "9:00–23:00", "示例备 1 号"] {
                assert!(page.body.contains(word), "no {word} at {path}: {}", page.body);
            }
        }
    }
    let terms = stranger.get("/terms").await.body;
    assert!(terms.contains("Read this.") && terms.contains("Money back."), "{terms}");
    assert!(stranger.get("/").await.body.contains("<em>Sunday</em>"));
    // A product with people of its own.
    change(&shop, "p", json!({"support": [{"kind": "telegram", "value": "lime_keys"}]})).await;
    let page = buyer.get(&format!("/o/{waiting}")).await.body;
    assert!(page.contains("lime_keys"), "{page}");
    // A server that cannot reach its tables says so, with what is safe.
    let (cut_off, _) = shop.tapped(Arc::new(CutOff));
    let failed = Visitor::new(&cut_off).get("/").await;
    assert_eq!(failed.status, 503);
    assert!(failed.body.contains(failed.header("x-request-id")), "{}", failed.body);
}

/// 16:30 UTC is half past midnight in Shanghai: the next day.
#[tokio::test(start_paused = true)]
async fn times_are_those_of_the_shop() {
    let shop = TestShop::new(941).await;
    shop.product("p", 990, &cards("CARD", 2)).await;
    shop.pass(START + 16 * 3_600_000 + 30 * 60_000 - shop.app.clock.now());
    let mut buyer = Visitor::new(shop.front());
    let order = buyer.order("p", "ann@example.com").await;
    let page = buyer.get(&format!("/o/{order}")).await.body;
    assert!(page.contains("00:30") && page.contains("2026-11-23 00:30 UTC+8"), "{page}");
    settings(&shop, json!({"utc_offset": "-05:00"})).await;
    let page = buyer.get(&format!("/o/{order}")).await.body;
    assert!(page.contains("11:30") && !page.contains("00:30"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn pictures_and_colour_are_served_and_kept_for_ever() {
    let shop = TestShop::new(942).await;
    shop.product("p", 990, &cards("CARD", 2)).await;
    let token = shop.sign_in().await;
    let request = http::Request::builder()
        .method(Method::POST)
        .uri("/api/admin/media")
        .header("authorization", format!("Bearer {token}"))
        .body(PICTURE.to_vec())
        .unwrap();
    let (status, kept) = tests::shop::send(shop.front(), request).await;
    assert_eq!(status, 201, "{kept}");
    let id = kept["id"].as_str().unwrap();
    settings(&shop, json!({"logo": id, "colour": "#ffee00"})).await;
    change(&shop, "p", json!({"picture": id})).await;
    let mut visitor = Visitor::new(shop.front());
    let list = visitor.get("/").await.body;
    assert_eq!(list.matches(&format!("/media/{id}")).count(), 2, "logo and product: {list}");
    let picture = visitor.get(&format!("/media/{id}")).await;
    assert_eq!((picture.bytes.as_slice(), picture.header("content-type")), (PICTURE, "image/png"));
    assert!(picture.header("cache-control").contains("immutable"));
    assert_eq!(picture.header("x-content-type-options"), "nosniff");
    for other in [id.replace(".png", ".jpg"), "0".repeat(24) + ".png", "..%2F..%2Fx.png".to_owned(), id.to_uppercase()]
    {
        assert_eq!(visitor.get(&format!("/media/{other}")).await.status, 404, "{other}");
    }
    let sheets: Vec<&str> = list.split("href=\"/assets/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(sheets.iter().any(|name| name.starts_with("theme")), "{sheets:?}");
    for name in sheets {
        let asset = visitor.get(&format!("/assets/{name}")).await;
        assert!(asset.status == 200 && asset.header("cache-control").contains("immutable"), "{name}");
    }
    assert_eq!(visitor.get("/assets/shop-0.css").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn the_buyers_language_is_the_browsers_until_it_is_chosen() {
    let shop = TestShop::new(943).await;
    shop.product("p", 990, &cards("CARD", 2)).await;
    for (wish, lang) in [
        ("", "zh-CN"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en-US,en;q=0.9,zh-CN;q=0.8", "en"),
        ("en;q=0.5, zh;q=0.7", "zh-CN"),
        ("fr-FR,fr;q=0.9", "en"),
        ("*;q=nonsense", "zh-CN"),
    ] {
        let mut visitor = Visitor::new(shop.front());
        visitor.headers.push(("accept-language", wish.to_owned()));
        let page = visitor.get("/").await;
        assert_eq!(page.header("content-language"), lang, "{wish}");
        assert!(page.body.contains(&format!("<html lang=\"{lang}\"")), "{wish}");
        assert!(page.header("vary").contains("Accept-Language") && page.header("vary").contains("Cookie"));
    }
    let mut visitor = Visitor::new(shop.front());
    let chosen = visitor.post("/lang", &[("lang", "en"), ("to", "/p/p")]).await;
    assert_eq!((chosen.status, chosen.header("location")), (303, "/p/p"));
    assert_eq!(visitor.get("/p/p").await.header("content-language"), "en");
    for elsewhere in
        ["https://evil.example.com", "//evil.example.com", "/\\evil.example.com", "javascript:x", "/a\r\nb"]
    {
        let chosen = visitor.post("/lang", &[("lang", "zh"), ("to", elsewhere)]).await;
        assert_eq!(chosen.header("location"), "/", "{elsewhere}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_buyer_is_told_of_money_beside_the_money() {
    let shop = TestShop::new(944).await;
    shop.product("p", 990, &cards("CARD", 4)).await;
    let mut buyer = Visitor::new(shop.front());
    let twice = buyer.order("p", "ann@example.com").await;
    pay(&shop, &mut buyer, &twice, "pay_twice").await;
    shop.deliver_all().await;
    let page = buyer.get(&format!("/o/{twice}")).await.body;
    assert!(page.contains("你多付了一笔 ¥9.90") && page.contains("data-stage=\"delivered\""), "{page}");
    let wrong = buyer.order("p", "ann@example.com").await;
    pay(&shop, &mut buyer, &wrong, "pay_wrong_amount").await;
    let page = buyer.get(&format!("/o/{wrong}")).await.body;
    assert!(page.contains("收到 ¥9.89，应付 ¥9.90"), "{page}");
    // When its time is over too, no page says that nothing was charged.
    shop.minutes(18).await;
    let page = buyer.get(&format!("/o/{wrong}")).await.body;
    assert!(page.contains("data-stage=\"expired\"") && !page.contains("没有扣款"), "{page}");
    let stranger = Visitor::new(shop.front()).get(&format!("/o/{wrong}")).await.body;
    assert!(!stranger.contains("9.89"), "{stranger}");
    // The gateway repeats itself: one banner all the same.
    let page = buyer.get(&format!("/o/{twice}")).await.body;
    assert_eq!(page.matches("你多付了一笔").count(), 1);
}

/// Nothing of one buyer is in what anybody may keep, and everything else is kept by nobody.
#[tokio::test(start_paused = true)]
async fn only_the_list_is_kept_on_the_way() {
    let shop = TestShop::new(945).await;
    shop.product("p", 990, &cards("CARD", 4)).await;
    let mut buyer = Visitor::new(shop.front());
    let order = buyer.order("p", "ann@example.com").await;
    let list = buyer.get("/").await;
    assert_eq!(list.header("cache-control"), "public, max-age=5");
    assert!(!list.headers.contains_key("set-cookie") && !list.body.contains("nonce") && !list.body.contains(&order));
    for path in ["/p/p".to_owned(), "/lookup".to_owned(), format!("/o/{order}"), "/nowhere".to_owned()] {
        assert_eq!(buyer.get(&path).await.header("cache-control"), "no-store", "{path}");
    }
}
