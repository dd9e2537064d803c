//! Orders of many cards over many strips, short strips, released positions, and imports that meet duplicates.

use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use store::Table;
use tests::TestShop;
use tests::shop::{self, cards, wish};
use tests::taps::{Counter, Seen};

fn strips(shop: &TestShop) -> Vec<Value> {
    let mut strips: Vec<Value> = shop
        .table(Table::Strips)
        .iter()
        .map(|s| serde_json::from_str(s).unwrap())
        .filter(|s: &Value| s.get("h").is_some())
        .collect();
    strips.sort_by_key(|s| s["k"]["S"].as_str().unwrap().rsplit('#').next().unwrap().parse::<u32>().unwrap());
    strips
}

fn length(strip: &Value) -> usize {
    strip["h"]["L"].as_array().unwrap().len()
}

async fn buy(shop: &TestShop, key: &str, product: &str, quantity: u32) -> Vec<String> {
    let buyer = shop.order(key, product, quantity).await;
    shop.pay(&buyer, &format!("T-{key}")).await;
    shop.deliver_all().await;
    shop.keys(&buyer).await
}

#[tokio::test]
async fn strips_of_every_length_hold_their_cards_at_the_end() {
    let shop = TestShop::new(20).await;
    for count in [1usize, 47, 48, 49, 96, 500] {
        let product = format!("p{count}");
        shop.product(&product, 100, &cards("C", count)).await;
        let of: Vec<Value> = strips(&shop)
            .into_iter()
            .filter(|s| s["k"]["S"].as_str().unwrap().starts_with(&format!("{product}#")))
            .collect();
        assert_eq!(of.len(), count.div_ceil(48), "strips of {count} cards");
        let padding: usize = of.iter().map(length).sum();
        assert_eq!(of.len() * 48 - padding, count, "PAD counts in no total");
        let counts = shop.counts(&product).await;
        assert_eq!((counts["imported"].as_u64(), counts["free"].as_u64()), (Some(count as u64), Some(count as u64)));
        // Sell it out: each card once, in the order they came in, and then nothing.
        let mut left = count;
        let mut sold = Vec::new();
        while left > 0 {
            let quantity = left.min(50);
            sold.extend(buy(&shop, &format!("sell-out-{product}-{left:04}"), &product, quantity as u32).await);
            left -= quantity;
        }
        assert_eq!(sold, cards("C", count), "{count} cards");
        let (status, answer) = shop.create(&format!("too-late-for-product-{product}"), &wish(&product, 1)).await;
        assert_eq!((status, answer["code"].as_str()), (409, Some("sold_out")));
    }
}

#[tokio::test]
async fn fifty_cards_partly_free_and_partly_fresh() {
    let shop = TestShop::new(21).await;
    shop.product("p", 100, &cards("C", 140)).await;
    // Strip 0: forty claimed, of which the first ten are free again; strip 1 untouched; strip 2 short.
    let first = buy(&shop, "forty-cards-of-strip-0", "p", 40).await;
    assert_eq!(first, cards("C", 40));
    let free = "SET ".to_owned() + &(0..10).map(|i| format!("h[{i}] = :free")).collect::<Vec<_>>().join(", ");
    let update = json!({
        "TableName": "kamivend-strips", "Key": {"k": {"S": "p#0"}}, "UpdateExpression": free,
        "ExpressionAttributeValues": {":free": {"B": "AA=="}},
    });
    assert_eq!(shop.world.engine.call("UpdateItem", update.to_string().as_bytes()).0, 200);
    // The ten cards were released behind the order's back, so nobody can tell from the order that they are free twice; what
    // is bought now is the ten free ones, the eight fresh ones of strip 0, and thirty-two of strip 1.
    let cold = shop.instance();
    let (status, answer) = shop::create(&cold, "fifty-cards-over-strips", &wish("p", 50)).await;
    assert_eq!(status, 201, "{answer}");
    let buyer = tests::Buyer::from(&answer);
    shop.pay(&buyer, "T50").await;
    shop.deliver_all().await;
    let keys = shop.keys(&buyer).await;
    let all = cards("C", 140);
    let expected: HashSet<&String> = all[..10].iter().chain(&all[40..80]).collect();
    assert_eq!(keys.iter().collect::<HashSet<_>>(), expected);
    assert_eq!(keys.len(), 50);
}

#[tokio::test]
async fn a_shortfall_holds_nothing_and_stays_answered() {
    let shop = TestShop::new(22).await;
    shop.product("p", 100, &cards("C", 5)).await;
    let (status, answer) = shop.create("ten-when-there-are-five", &wish("p", 10)).await;
    assert_eq!((status, answer["code"].as_str()), (409, Some("sold_out")));
    let counts = shop.counts("p").await;
    assert_eq!((counts["free"].as_u64(), counts["held"].as_u64()), (Some(5), Some(0)), "{counts}");
    // The replay hears the same, even when there would be enough now: the id was given up.
    shop.cards("p", &cards("D", 20), "").await;
    let (status, answer) = shop.create("ten-when-there-are-five", &wish("p", 10)).await;
    assert_eq!((status, answer["code"].as_str()), (409, Some("sold_out")));
    assert_eq!(buy(&shop, "another-key-gets-them-all", "p", 25).await.len(), 25);
}

#[tokio::test]
async fn cards_of_every_size_arrive_whole() {
    let shop = TestShop::new(23).await;
    // 100, 1,024 and 15,360 bytes are the last sizes of their vault width.
    for (product, size) in
        [("small", 100), ("small-plus", 101), ("middle", 1_024), ("middle-plus", 1_025), ("large", 15_360)]
    {
        let lines: Vec<String> = (0..14).map(|n| format!("{n:02}{}", "x".repeat(size - 2))).collect();
        shop.product(product, 100, &lines).await;
        assert_eq!(buy(&shop, &format!("buys-of-size-{product}"), product, 14).await, lines);
    }
    let answer = shop.cards("small", &["y".repeat(15_361)], "").await;
    assert_eq!((answer["imported"].as_u64(), answer["rejected"][0]["reason"].as_str()), (Some(0), Some("too_long")));
    // Chinese, an emoji and inner spaces are bytes like any other.
    let text = vec!["账号 甲----密码 乙".to_owned(), "🎮 A B  C".to_owned()];
    shop.product("text", 100, &text).await;
    assert_eq!(buy(&shop, "buys-two-lines-of-text", "text", 2).await, text);
    for item in shop.table(Table::Vault) {
        assert!(item.len() < 26_000, "a vault item of {} characters of base64", item.len());
    }
}

#[tokio::test]
async fn duplicates_are_named_and_never_sold_twice() {
    let shop = TestShop::new(24).await;
    shop.product("p", 100, &cards("C", 60)).await;
    let again = shop.cards("p", &cards("C", 60), "").await;
    assert_eq!((again["imported"].as_u64(), again["duplicates"].as_u64()), (Some(0), Some(60)));
    // Half old, half new, one twice in the text, blank lines and line endings of Windows.
    let mut mixed = cards("C", 30);
    mixed.extend(cards("N", 30));
    mixed.push("N-00001".to_owned());
    mixed.push("  N-00002  \r".to_owned());
    mixed.push(String::new());
    let answer = shop.cards("p", &mixed, "").await;
    assert_eq!((answer["imported"].as_u64(), answer["duplicates"].as_u64()), (Some(30), Some(32)), "{answer}");
    assert_eq!(buy(&shop, "the-first-fifty-of-them", "p", 50).await.len(), 50);
    // Sold cards stay duplicates.
    let answer = shop.cards("p", &cards("C", 60), "").await;
    assert_eq!(answer["duplicates"].as_u64(), Some(60));
    // The same upload and part once more: the same report, nothing new.
    let first = shop.cards("p", &cards("U", 70), "?import_id=u1&part=1").await;
    let second = shop.cards("p", &cards("U", 70), "?import_id=u1&part=1").await;
    assert_eq!(first, second);
    assert_eq!(shop.counts("p").await["imported"].as_u64(), Some(160));
}

#[tokio::test]
async fn lines_that_are_no_cards_are_named() {
    let shop = TestShop::new(25).await;
    shop.product("p", 100, &[]).await;
    let token = shop.sign_in().await;
    let body = b"\xEF\xBB\xBFgood-1\n\xff\xfe\ngood-2\nbad\x07bell\n\n".to_vec();
    let request = http::Request::builder()
        .method("POST")
        .uri("/api/admin/products/p/cards")
        .header("authorization", format!("Bearer {token}"))
        .body(body)
        .unwrap();
    let (status, answer) = shop::send(shop.front(), request).await;
    assert_eq!(status, 200);
    assert_eq!((answer["imported"].as_u64(), answer["rejected_count"].as_u64()), (Some(2), Some(2)), "{answer}");
    assert_eq!(
        answer["rejected"],
        json!([{"line": 2, "reason": "not_utf8"}, {"line": 4, "reason": "control_character"}])
    );
    // CSV: a named column, quotes, a card over two lines.
    let csv = "note,card\nx,\"A,1\"\ny,\"two\nlines\"\nz,\n".as_bytes().to_vec();
    let request = http::Request::builder()
        .method("POST")
        .uri("/api/admin/products/p/cards")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "text/csv; charset=utf-8")
        .body(csv)
        .unwrap();
    let (status, answer) = shop::send(shop.front(), request).await;
    assert_eq!((status, answer["imported"].as_u64()), (200, Some(2)), "{answer}");
    let keys = buy(&shop, "buys-all-four-of-them", "p", 4).await;
    assert_eq!(keys, ["good-1", "good-2", "A,1", "two\nlines"]);
}

#[tokio::test]
async fn two_imports_at_once_lose_and_double_nothing() {
    let shop = TestShop::new(26).await;
    shop.product("p", 100, &[]).await;
    // They share fifty cards; every card comes in once, whichever import was quicker.
    let mut left = cards("SHARED", 50);
    left.extend(cards("LEFT", 75));
    let mut right = cards("RIGHT", 75);
    right.extend(cards("SHARED", 50));
    let (one, two) = tokio::join!(shop.cards("p", &left, ""), shop.cards("p", &right, ""));
    let said = |answer: &Value, field: &str| answer[field].as_u64().unwrap();
    let accounted = |a: &Value| said(a, "imported") + said(a, "duplicates") + said(a, "rejected_count");
    assert_eq!((accounted(&one), accounted(&two)), (125, 125), "{one} {two}");
    // A line the other import was just bringing in may be sent again; then it is a duplicate.
    shop.cards("p", &left, "").await;
    shop.cards("p", &right, "").await;
    let counts = shop.counts("p").await;
    assert_eq!((counts["imported"].as_u64(), counts["free"].as_u64()), (Some(200), Some(200)), "{counts}");
    let mut sold = HashSet::new();
    for n in 0..4 {
        sold.extend(buy(&shop, &format!("buys-fifty-number-{n}"), "p", 50).await);
    }
    assert_eq!(sold.len(), 200);
}

/// Frees a position behind everybody's back and leaves hints to it in the head, as the sweep of expired orders does.
fn free_with_hints(shop: &TestShop, strip: u32, position: u8, hints: &[u32]) {
    let free = json!({
        "TableName": "kamivend-strips", "Key": {"k": {"S": format!("p#{strip}")}},
        "UpdateExpression": format!("SET h[{position}] = :free"),
        "ExpressionAttributeValues": {":free": {"B": "AA=="}},
    });
    let hint = json!({
        "TableName": "kamivend-strips", "Key": {"k": {"S": "p#H"}}, "UpdateExpression": "ADD r :hints",
        "ExpressionAttributeValues": {":hints": {"NS": hints.iter().map(u32::to_string).collect::<Vec<_>>()}},
    });
    for update in [free, hint] {
        assert_eq!(shop.world.engine.call("UpdateItem", update.to_string().as_bytes()).0, 200);
    }
}

#[tokio::test]
async fn hints_lead_to_released_cards_and_stale_ones_are_forgotten() {
    let shop = TestShop::new(27).await;
    shop.product("p", 100, &cards("C", 192)).await;
    for n in 0..4 {
        buy(&shop, &format!("buys-forty-eight-nr-{n}"), "p", 48).await;
    }
    // A hundred hints, of which one is true, and most name strips that do not exist: the limit of a head.
    let hints: Vec<u32> = (0..100).collect();
    // In the oldest strip, where a cold instance does not look by itself.
    free_with_hints(&shop, 0, 7, &hints);
    let calls = Arc::new(Counter::default());
    let (front, _) = shop.tapped(calls.clone());
    let (status, answer) = shop::create(&front, "follows-the-true-hint", &wish("p", 1)).await;
    assert_eq!(status, 201, "{answer}");
    let claims = calls.take().iter().filter(|c| c.body.to_string().contains("#h")).count();
    assert!(claims <= 2, "one try at the hinted strip, one reuse; not {claims}");
    shop.pay(&tests::Buyer::from(&answer), "T-hint").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&tests::Buyer::from(&answer)).await, ["C-00008"]);
    let head = shop.table(Table::Strips).into_iter().find(|s| s.contains("p#H")).unwrap();
    let head: Value = serde_json::from_str(&head).unwrap();
    assert_eq!(head["r"]["NS"], json!(["0"]), "only the hint that was true is left: {head}");
    let (status, _) = shop.create("nothing-is-left-for-this", &wish("p", 1)).await;
    assert_eq!(status, 409);
}

#[tokio::test]
async fn bulky_input_is_kept_with_its_order_and_with_no_other() {
    let shop = TestShop::new(28).await;
    let token = shop.sign_in().await;
    let product = json!({
        "id": "p", "name": "With a field", "kind": "single_use_key", "price": {"amount_minor": 100, "currency": "CNY"},
        "channels": ["sandbox"], "fields": [{"id": "account", "label": "游戏账号", "required": true}],
    });
    let (status, answer) = shop.admin(http::Method::POST, "/api/admin/products", &token, product.to_string()).await;
    assert_eq!(status, 201, "{answer}");
    let contact = format!("{}@example.com", "a".repeat(200));
    let mut wish = wish("p", 1);
    wish["contact"] = contact.clone().into();
    wish["fields"] = json!({"account": "first"});
    // Sold out the first time, so its input stands there without an order; then other fields under the same key.
    assert_eq!(shop.create("the-key-of-bulky-input", &wish).await.0, 409);
    shop.cards("p", &cards("C", 3), "").await;
    shop.pass(500);
    wish["fields"] = json!({"account": "second"});
    let (status, answer) = shop.create("the-key-of-bulky-input", &wish).await;
    assert_eq!(status, 201, "{answer}");
    let id = domain::OrderId::parse(answer["order"]["id"].as_str().unwrap()).unwrap();
    let order = shop.app.store.order(&id).await.unwrap().unwrap();
    let input = shop.app.store.bulky_input(&order).await.unwrap();
    assert_eq!(input, Some((contact, r#"{"account":"second"}"#.to_owned())));
    // A short contact without fields needs no item of its own.
    shop.product("plain", 100, &cards("C", 1)).await;
    let items = shop.table(Table::Orders).len();
    shop.order("an-order-without-any-bulk", "plain", 1).await;
    assert_eq!(shop.table(Table::Orders).len(), items + 1);
}

/// Strips that a create's calls asked for.
fn strips_read(counter: &Counter) -> usize {
    let asked = |seen: &Seen| {
        seen.body.pointer("/RequestItems").map_or(0, |tables| {
            let keys = |table: &Value| table["Keys"].as_array().map_or(0, Vec::len);
            tables
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(name, _)| name.ends_with("strips"))
                .map(|(_, t)| keys(t))
                .sum()
        })
    };
    counter.take().iter().map(asked).sum()
}

/// Whoever has read every strip of a large stock spares it the others; and what comes back is for sale at once.
#[tokio::test]
async fn instances_tell_each_other_that_a_large_stock_is_at_its_end() {
    let mut shop = TestShop::new(29).await;
    shop.leave_unfinished();
    shop.product("p", 100, &cards("C", 4_850)).await;
    let mut last = None;
    for n in 0..97 {
        last = Some(shop.order(&format!("holds-fifty-of-them-{n:03}"), "p", 50).await);
    }
    let mut read = Vec::new();
    for n in 0..3 {
        let counter = Arc::new(Counter::default());
        let (front, _) = shop.tapped(counter.clone());
        let (status, answer) = shop::create(&front, &format!("comes-when-all-is-held-{n}"), &wish("p", 1)).await;
        assert_eq!((status, &answer["code"]), (409, &json!("sold_out")), "{answer}");
        read.push(strips_read(&counter));
    }
    assert!(read[0] >= 102, "the first reads all of them: {read:?}");
    assert!(read[1..].iter().all(|n| *n <= 6), "and the others none but the newest: {read:?}");

    let last = last.unwrap();
    let request = http::Request::builder().method("POST").uri(format!("/api/orders/{}/cancel", last.order));
    let request = request.header("authorization", format!("Bearer {}", last.token)).body(Vec::new()).unwrap();
    assert_eq!(shop::send(shop.front(), request).await.0, 200);
    let counter = Arc::new(Counter::default());
    let (front, _) = shop.tapped(counter.clone());
    let (status, answer) = shop::create(&front, "comes-when-some-are-back", &wish("p", 1)).await;
    assert_eq!(status, 201, "no time has passed, and it is for sale again: {answer}");
    assert!(strips_read(&counter) <= 10, "where it is was said");
}
