//! The order form: the same order by the same rules as the API, told in the words of a page.

use super::{buy, change, forget, pay, settings};
use serde_json::json;
use tests::shop::cards;
use tests::{TestShop, Visitor};

async fn shop(seed: u64, count: usize) -> TestShop {
    let shop = TestShop::new(seed).await;
    shop.product("p", 990, &cards("CARD", count)).await;
    forget(&shop);
    shop
}

async fn held(shop: &TestShop) -> u64 {
    shop.counts("p").await["held"].as_u64().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_form_sent_twice_is_one_order_and_the_next_form_is_another() {
    let shop = shop(910, 5).await;
    let mut buyer = Visitor::new(shop.front());
    let nonce = buyer.get("/p/p").await.input("nonce");
    let fields =
        [("nonce", nonce.as_str()), ("price_seen", "990 CNY"), ("contact", "ann@example.com"), ("quantity", "1")];
    let first = buyer.post("/p/p", &fields).await;
    let second = buyer.post("/p/p", &fields).await;
    assert_eq!((first.status, second.status), (303, 303));
    assert_eq!(first.header("location"), second.header("location"));
    assert_eq!(held(&shop).await, 1);
    // Back, and order again: the page is read anew, and has a key of its own.
    let again = buyer.order("p", "ann@example.com").await;
    assert_ne!(format!("/o/{again}"), first.header("location"));
    assert_eq!(held(&shop).await, 2);
    // The old form with another quantity is neither the old order nor a new one.
    let bent =
        [("nonce", nonce.as_str()), ("price_seen", "990 CNY"), ("contact", "ann@example.com"), ("quantity", "2")];
    let stale = buyer.post("/p/p", &bent).await;
    assert_eq!((stale.status, stale.input("quantity").as_str()), (409, "2"), "{}", stale.body);
    assert!(stale.body.contains("没有重复下单") && stale.input("nonce") != nonce, "{}", stale.body);
    assert_eq!(held(&shop).await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_was_left_open_is_refreshed_and_loses_nothing() {
    let shop = shop(911, 5).await;
    let mut buyer = Visitor::new(shop.front());
    let nonce = buyer.get("/p/p").await.input("nonce");
    let mut bent = nonce.clone();
    bent.replace_range(3..4, if &bent[3..4] == "0" { "1" } else { "0" });
    for (wait, nonce) in [(0, bent.as_str()), (0, ""), (0, "jshort"), (2 * 60 * 60_000 + 1, nonce.as_str())] {
        shop.pass(wait);
        let fields = [("nonce", nonce), ("price_seen", "990 CNY"), ("contact", "ann@example.com"), ("quantity", "3")];
        let page = buyer.post("/p/p", &fields).await;
        assert_eq!(page.status, 409, "{nonce}: {}", page.body);
        assert_eq!((page.input("contact").as_str(), page.input("quantity").as_str()), ("ann@example.com", "3"));
        assert_eq!(held(&shop).await, 0);
        // The very form that came back is good.
        if wait > 0 {
            let fields = [
                ("nonce", &*page.input("nonce")),
                ("price_seen", &*page.input("price_seen")),
                ("contact", "ann@example.com"),
                ("quantity", "3"),
            ];
            assert_eq!(buyer.post("/p/p", &fields).await.status, 303);
        }
    }
    // A key that the page's script made.
    let made = format!("j{}", "A-z_09".repeat(6));
    let fields =
        [("nonce", made.as_str()), ("price_seen", "990 CNY"), ("contact", "ann@example.com"), ("quantity", "1")];
    buyer.headers.push(("x-part", "form".to_owned()));
    let told = buyer.post("/p/p", &fields).await;
    assert_eq!(told.status, 201, "{}", told.body);
    assert!(told.header("location").starts_with("/o/"));
}

#[tokio::test(start_paused = true)]
async fn a_form_of_another_site_changes_nothing() {
    let shop = shop(912, 5).await;
    let mut buyer = Visitor::new(shop.front());
    let order = buyer.order("p", "ann@example.com").await;
    let paid = buy(&shop, &mut buyer, "p", "ann@example.com").await;
    let nonce = buyer.get("/p/p").await.input("nonce");
    let before = shop.tables();
    for (name, value) in [
        ("origin", "https://evil.example.com"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1:3001"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
    ] {
        let mut evil = buyer.clone();
        evil.headers.push((name, value.to_owned()));
        for (path, fields) in [
            (
                "/p/p".to_owned(),
                vec![("nonce", nonce.as_str()), ("price_seen", "990 CNY"), ("contact", "ann@example.com")],
            ),
            (format!("/o/{order}/cancel"), vec![]),
            (format!("/o/{order}/check"), vec![]),
            (format!("/o/{order}/payments"), vec![("channel", "sandbox")]),
            (format!("/o/{order}/unlock"), vec![("contact", "ann@example.com"), ("query_password", "12345678")]),
            (format!("/o/{paid}/keys"), vec![]),
            ("/lookup".to_owned(), vec![("contact", "ann@example.com"), ("query_password", "12345678")]),
            ("/lang".to_owned(), vec![("lang", "en")]),
        ] {
            let page = evil.post(&path, &fields).await;
            assert_eq!(page.status, 403, "{name} {value} {path}");
            assert!(!page.headers.contains_key("set-cookie") && !page.body.contains("CARD"), "{path}");
        }
    }
    assert_eq!(shop.tables(), before);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_said_beside_its_field_and_nothing_is_lost() {
    let shop = shop(913, 5).await;
    change(&shop, "p", json!({
        "contact_kind": "email", "max_quantity": 3, "fields": [{"id": "role", "label": "Character", "required": true}],
    })).await;
    settings(&shop, json!({"purchase_notice": "Read this.", "must_agree": true})).await;
    let mut buyer = Visitor::new(shop.front());
    let nonce = buyer.get("/p/p").await.input("nonce");
    let good = [
        ("nonce", nonce.as_str()),
        ("price_seen", "990 CNY"),
        ("contact", "ann@example.com"),
        ("quantity", "2"),
        ("f.role", "Ranger"),
        ("agree", "1"),
        ("query_password", "open sesame"),
    ];
    for (name, value, words) in [
        ("contact", "", "请填写"),
        ("contact", "12345", "格式不对"),
        ("quantity", "4", "每单"),
        ("quantity", "0", "每单"),
        ("f.role", "", "请填写“Character”"),
        ("query_password", "short", "至少 6 位"),
        ("coupon", "FREE", "没有这个优惠码"),
        ("agree", "", ""),
    ] {
        let mut fields: Vec<(&str, &str)> = good.iter().copied().filter(|(n, _)| *n != name).collect();
        if !value.is_empty() {
            fields.push((name, value));
        }
        let page = buyer.post("/p/p", &fields).await;
        assert_eq!(page.status, 422, "{name}={value}: {}", page.body);
        assert!(page.body.contains(words) && page.body.contains("aria-invalid"), "{name}={value}: {}", page.body);
        if name != "contact" {
            assert_eq!(page.input("contact"), "ann@example.com");
        }
        assert_eq!(held(&shop).await, 0);
    }
    assert_eq!(buyer.post("/p/p", &good).await.status, 303);
    let wish =
        json!({"product": "p", "quantity": 1, "contact": "12345", "channel": "sandbox", "fields": {"role": "x"}});
    let (status, answer) = shop.create("the-api-asks-the-same", &wish).await;
    assert_eq!((status, &answer["errors"][0]["code"]), (422, &json!("contact_kind")), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_price_that_changed_and_stock_that_went_are_told_before_anything_is_charged() {
    let shop = shop(914, 3).await;
    let mut buyer = Visitor::new(shop.front());
    let page = buyer.get("/p/p").await;
    let (nonce, seen) = (page.input("nonce"), page.input("price_seen"));
    change(&shop, "p", json!({"price": {"amount_minor": 1_090, "currency": "CNY"}})).await;
    let fields = [("nonce", &*nonce), ("price_seen", &*seen), ("contact", "ann@example.com"), ("quantity", "1")];
    let page = buyer.post("/p/p", &fields).await;
    assert_eq!((page.status, page.body.contains("价格已变为 ¥10.90")), (409, true), "{}", page.body);
    assert_eq!(page.input("price_seen"), "1090 CNY", "the next press is at the new price");

    let fields = [
        ("nonce", &*page.input("nonce")),
        ("price_seen", &*page.input("price_seen")),
        ("contact", "ann@example.com"),
        ("quantity", "5"),
    ];
    let page = buyer.post("/p/p", &fields).await;
    assert_eq!((page.status, page.input("quantity").as_str()), (409, "3"), "{}", page.body);
    assert!(page.body.contains("只剩 3 件"), "{}", page.body);
    let fields = [
        ("nonce", &*page.input("nonce")),
        ("price_seen", &*page.input("price_seen")),
        ("contact", "ann@example.com"),
        ("quantity", "3"),
    ];
    assert_eq!(buyer.post("/p/p", &fields).await.status, 303);

    let mut late = Visitor::new(shop.front());
    let nonce = late.get("/p/p").await;
    let nonce =
        if nonce.body.contains("name=\"nonce\"") { nonce.input("nonce") } else { format!("j{}", "A".repeat(32)) };
    let fields = [("nonce", &*nonce), ("price_seen", "1090 CNY"), ("contact", "bob@example.com"), ("quantity", "1")];
    let page = late.post("/p/p", &fields).await;
    assert_eq!(page.status, 409, "{}", page.body);
    assert!(page.body.contains("刚刚售罄，没有扣款"), "{}", page.body);
}

#[tokio::test(start_paused = true)]
async fn a_closed_shop_takes_no_order_and_delivers_what_was_paid() {
    let shop = shop(915, 5).await;
    let mut buyer = Visitor::new(shop.front());
    let order = buyer.order("p", "ann@example.com").await;
    let nonce = buyer.get("/p/p").await.input("nonce");
    settings(&shop, json!({"closed": "Stocktaking until noon"})).await;
    let page =
        buyer.post("/p/p", &[("nonce", &*nonce), ("price_seen", "990 CNY"), ("contact", "ann@example.com")]).await;
    assert_eq!((page.status, page.body.contains("Stocktaking until noon")), (503, true), "{}", page.body);
    assert!(buyer.get("/").await.body.contains("Stocktaking until noon"));
    let (status, answer) = shop.create("an-order-in-a-closed-shop", &tests::shop::wish("p", 1)).await;
    assert_eq!((status, &answer["code"]), (503, &json!("shop_closed")), "{answer}");
    pay(&shop, &mut buyer, &order, "pay").await;
    shop.deliver_all().await;
    assert!(buyer.get(&format!("/o/{order}/keys")).await.body.contains("CARD"));
    settings(&shop, json!({"closed": ""})).await;
    buyer.order("p", "ann@example.com").await;
}

/// A buyer who has not paid yet is led back to that order instead of holding stock twice, and can give it up.
#[tokio::test(start_paused = true)]
async fn an_unpaid_order_is_offered_again_and_can_be_given_up() {
    let shop = shop(916, 5).await;
    let mut buyer = Visitor::new(shop.front());
    let order = buyer.order("p", "ann@example.com").await;
    assert!(buyer.get("/p/p").await.body.contains(&format!("/o/{order}")), "the way back to it");
    assert!(!Visitor::new(shop.front()).get("/p/p").await.body.contains(&order), "on this device only");
    let given_up = buyer.post(&format!("/o/{order}/cancel"), &[]).await;
    assert_eq!(given_up.status, 303);
    let page = buyer.get(&format!("/o/{order}")).await.body;
    assert!(page.contains("data-stage=\"cancelled\""), "{page}");
    assert_eq!(held(&shop).await, 0);
    assert!(!buyer.get("/p/p").await.body.contains(&format!("/o/{order}\"")));
}

#[tokio::test(start_paused = true)]
async fn i_have_paid_asks_the_gateway_and_says_what_it_heard() {
    let shop = shop(917, 5).await;
    let mut buyer = Visitor::new(shop.front());
    let order = buyer.order("p", "ann@example.com").await;
    let check = format!("/o/{order}/check");
    let told = |page: &tests::visitor::Page| page.header("location").split("?n=").nth(1).unwrap_or("").to_owned();
    let first = buyer.post(&check, &[]).await;
    assert_eq!(told(&first), "not_yet");
    assert!(buyer.get(first.header("location")).await.body.contains("请勿重复付款"));
    assert!(told(&buyer.post(&check, &[]).await).starts_with("wait-"));
    shop.pass(5_001);
    shop.world.gateway.set_down(true);
    assert_eq!(told(&buyer.post(&check, &[]).await), "no_answer");
    shop.world.gateway.set_down(false);
    pay(&shop, &mut buyer, &order, "pay_lose_notice").await;
    shop.pass(5_001);
    buyer.headers.push(("x-part", "main".to_owned()));
    let found = buyer.post(&check, &[]).await;
    assert_eq!(found.status, 200);
    assert!(found.body.contains("已核实到账") && found.body.contains("data-stage=\"paid\""), "{}", found.body);
    shop.deliver_all().await;
    assert!(buyer.get(&format!("/o/{order}/keys")).await.body.contains("CARD"));
}
