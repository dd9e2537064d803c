//! Who sees what of an order: the device that ordered, another with its link or its password, and everybody else.

use super::{buy, change, described, pay};
use http::Method;
use serde_json::json;
use tests::shop::cards;
use tests::{TestShop, Visitor, text};

fn link_of(page: &str) -> String {
    let at = page.find("?t=").expect("the link stands on the page");
    let start = page[..at].rfind("/o/").unwrap();
    page[start..].split(['"', '<', ' ']).next().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn the_device_that_ordered_sees_its_key_and_no_other_does() {
    let shop = TestShop::new(900).await;
    shop.product("p", 990, &cards("CARD", 3)).await;
    let mut buyer = Visitor::new(shop.front());
    let order = buyer.order("p", "buyer@example.com").await;
    let waiting = buyer.get(&format!("/o/{order}")).await;
    assert!(waiting.body.contains("data-stage=\"awaiting\""), "{}", waiting.body);
    let link = link_of(&waiting.body);
    pay(&shop, &mut buyer, &order, "pay").await;
    shop.deliver_all().await;

    let delivered = buyer.get(&format!("/o/{order}")).await;
    assert!(delivered.body.contains("data-stage=\"delivered\""), "{}", delivered.body);
    assert!(!delivered.body.contains("CARD"), "only the function with the right to cards shows one");
    let keys = buyer.get(&format!("/o/{order}/keys")).await;
    assert!(keys.body.contains("CARD"), "{}", keys.body);
    assert_eq!((keys.header("cache-control"), keys.header("content-encoding")), ("no-store", ""));

    // Another device by the link: the token leaves the address at once, and the keys are covered.
    let mut friend = Visitor::new(shop.front());
    let opened = friend.get(&link).await;
    assert_eq!((opened.status, opened.header("location")), (303, format!("/o/{order}").as_str()));
    let cookie = opened.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Lax", &format!("Path=/o/{order};")] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "a browser on plain loopback would drop it");
    for path in [format!("/o/{order}"), format!("/o/{order}/keys")] {
        let covered = friend.get(&path).await;
        assert!(covered.status == 200 && !covered.body.contains("CARD"), "{}", covered.body);
    }
    assert_eq!(friend.get(&format!("/o/{order}/keys.txt")).await.status, 303, "covered means covered");
    let uncovered = friend.post(&format!("/o/{order}/keys"), &[]).await;
    assert_eq!(uncovered.status, 303);
    assert!(friend.get(&format!("/o/{order}/keys")).await.body.contains("CARD"));
    // The link once more does not cover what is open.
    friend.get(&link).await;
    assert!(friend.get(&format!("/o/{order}/keys")).await.body.contains("CARD"));
    // A link that somebody bent takes nothing away.
    friend.get(&format!("/o/{order}?t=bent")).await;
    assert!(friend.get(&format!("/o/{order}/keys")).await.body.contains("CARD"));
    let file = friend.get(&format!("/o/{order}/keys.txt")).await;
    assert!(file.bytes.starts_with(b"\xEF\xBB\xBFCARD"), "{:?}", file.body);
    assert!(file.header("content-disposition").starts_with("attachment; filename="));

    // Everybody else: state and amount, and how to show that it is theirs.
    let mut stranger = Visitor::new(shop.front());
    let locked = stranger.get(&format!("/o/{order}")).await;
    assert!(locked.status == 200 && locked.body.contains("/unlock"), "{}", locked.body);
    let secret = link.split("?t=").nth(1).unwrap();
    for hidden in ["CARD", "buyer@example.com", secret, "link.png"] {
        assert!(!locked.body.contains(hidden), "{hidden} in {}", locked.body);
    }
    for path in ["keys", "keys.txt", "link.png", "qr.png"] {
        let refused = stranger.get(&format!("/o/{order}/{path}")).await;
        assert!([303, 404].contains(&refused.status) && !refused.body.contains("CARD"), "{path}: {}", refused.body);
    }
    for path in ["keys", "check", "cancel", "payments"] {
        let refused = stranger.post(&format!("/o/{order}/{path}"), &[("channel", "sandbox")]).await;
        assert_eq!((refused.status, refused.header("location")), (303, format!("/o/{order}").as_str()), "{path}");
    }
    assert!(!stranger.get(&format!("/o/{order}")).await.body.contains("CARD"));
    // A cookie that somebody made up opens nothing.
    for made_up in ["1.x", "1.", "1", &format!("1.{}", &secret[1..])] {
        stranger.set_cookie(&format!("/o/{order}"), &format!("o_{order}"), made_up);
        assert!(stranger.get(&format!("/o/{order}")).await.body.contains("/unlock"), "{made_up}");
        assert!(!stranger.get(&format!("/o/{order}/keys")).await.body.contains("CARD"), "{made_up}");
    }
}

#[tokio::test(start_paused = true)]
async fn contact_and_password_unlock_and_guesses_do_not() {
    let shop = TestShop::new(901).await;
    shop.product("p", 990, &cards("CARD", 3)).await;
    let mut buyer = Visitor::new(shop.front());
    let nonce = buyer.get("/p/p").await.input("nonce");
    let fields = [
        ("nonce", nonce.as_str()),
        ("price_seen", "990 CNY"),
        ("contact", "Ann@example.com"),
        ("query_password", "open sesame"),
    ];
    let own = buyer.post("/p/p", &fields).await.header("location").to_owned();
    let coded = buyer.order("p", "bob@example.com").await;
    let page = buyer.get(&format!("/o/{coded}")).await.body;
    let code = shop.app.keys.collection_code(&domain::OrderId::parse(&coded).unwrap());
    assert!(page.contains(&code), "an order without a password shows its code");
    assert!(
        !buyer
            .get(&own)
            .await
            .body
            .contains(&shop.app.keys.collection_code(&domain::OrderId::parse(&own[3..]).unwrap()))
    );

    let mut other = Visitor::new(shop.front());
    for (path, contact, password, opens) in [
        (own.clone(), "ann@example.com", "open sesame", true),
        (format!("/o/{coded}"), "bob@example.com", code.as_str(), true),
        (own.clone(), "ann@example.com", "open sesam", false),
        (own.clone(), "bob@example.com", code.as_str(), false),
        (own.clone(), "", "", false),
    ] {
        let mut other = other.clone();
        let answer = other.post(&format!("{path}/unlock"), &[("contact", contact), ("query_password", password)]).await;
        assert_eq!(answer.status, 303);
        let page = other.get(answer.header("location")).await;
        assert_eq!(!page.body.contains("/unlock"), opens, "{contact} {password}: {}", page.body);
    }
    for _ in 0..12 {
        other.post(&format!("{own}/unlock"), &[("contact", "ann@example.com"), ("query_password", "guess")]).await;
    }
    let right = [("contact", "ann@example.com"), ("query_password", "open sesame")];
    let shut = other.post(&format!("{own}/unlock"), &right).await;
    assert!(shut.header("location").contains("?n=shut-"), "{shut:?}");
}

#[tokio::test(start_paused = true)]
async fn orders_are_found_again_in_three_ways() {
    let shop = TestShop::new(902).await;
    shop.product("p", 990, &cards("CARD", 5)).await;
    let mut buyer = Visitor::new(shop.front());
    let coded = buyer.order("p", "ann@example.com").await;
    let nonce = buyer.get("/p/p").await.input("nonce");
    let fields = [
        ("nonce", nonce.as_str()),
        ("price_seen", "990 CNY"),
        ("contact", "ann@example.com"),
        ("query_password", "open sesame"),
    ];
    let own = buyer.post("/p/p", &fields).await.header("location")[3..].to_owned();

    // This device remembers; another does not, and a list that somebody made up is none.
    let page = buyer.get("/lookup").await.body;
    assert!(page.contains(&format!("/o/{coded}\"")) && page.contains(&format!("/o/{own}\"")), "{page}");
    let mut other = Visitor::new(shop.front());
    assert!(!other.get("/lookup").await.body.contains(&coded));
    let (list, mac) = buyer.cookie("recent").unwrap().split_once('~').unwrap();
    let forged = format!("{}~{mac}", list.split('.').next().unwrap());
    other.set_cookie("/", "recent", &forged);
    assert!(!other.get("/lookup").await.body.contains(&own));

    let found = |body: &str, order: &str| body.contains(&format!("/o/{order}?t="));
    let attempt = {
        let order = shop.app.store.order(&domain::OrderId::parse(&coded).unwrap()).await.unwrap().unwrap();
        order.attempts[0].no.to_string()
    };
    let code = shop.app.keys.collection_code(&domain::OrderId::parse(&coded).unwrap());
    for (contact, password, number, finds) in [
        ("ann@example.com", "open sesame", "", vec![&own]),
        ("ann@example.com", code.as_str(), "", vec![&coded]),
        ("ann@example.com", "", coded.as_str(), vec![&coded]),
        ("ann@example.com", "", attempt.as_str(), vec![&coded]),
        // Whoever set a password means that nobody comes in without it.
        ("ann@example.com", "", own.as_str(), vec![]),
        ("bob@example.com", "", coded.as_str(), vec![]),
        ("ann@example.com", "wrong password", coded.as_str(), vec![]),
        ("ann@example.com", "", "no number", vec![]),
    ] {
        let fields = [("contact", contact), ("query_password", password), ("number", number)];
        let page = Visitor::new(shop.front()).post("/lookup", &fields).await;
        assert_eq!(page.status, 200);
        for order in [&coded, &own] {
            assert_eq!(
                found(&page.body, order),
                finds.contains(&order),
                "{contact} {password} {number}: {}",
                page.body
            );
        }
        assert!(!page.body.contains("CARD"), "keys never stand in the list");
    }
    let empty = Visitor::new(shop.front()).post("/lookup", &[("contact", "ann@example.com")]).await;
    assert_eq!(empty.status, 422, "{}", empty.body);
}

#[tokio::test(start_paused = true)]
async fn the_first_view_is_noted_once_and_by_a_press_only() {
    let shop = TestShop::new(903).await;
    shop.product("p", 990, &cards("CARD", 1)).await;
    let mut buyer = Visitor::new(shop.front());
    let order = buy(&shop, &mut buyer, "p", "ann@example.com").await;
    let token = shop.sign_in().await;
    let seen = || async {
        let path = format!("/api/admin/orders/{order}");
        shop.admin(Method::GET, &path, &token, String::new()).await.1["first_viewed_at"].clone()
    };
    for path in [format!("/o/{order}"), format!("/o/{order}/keys"), format!("/o/{order}/keys.txt")] {
        buyer.get(&path).await;
        assert_eq!(seen().await, json!(null), "{path}: to look is no deed");
    }
    buyer.headers.push(("x-part", "keys".to_owned()));
    let part = buyer.post(&format!("/o/{order}/keys"), &[]).await;
    assert!(part.status == 200 && part.body.contains("CARD") && !part.body.contains("<html"), "{}", part.body);
    let first = seen().await;
    assert!(first.is_string(), "{first}");
    shop.pass(60_000);
    buyer.post(&format!("/o/{order}/keys"), &[]).await;
    assert_eq!(seen().await, first);
    // Nor by somebody who read the order before the first view was noted.
    let id = domain::OrderId::parse(&order).unwrap();
    let late = shop.app.store.note_view(&id, shop.app.clock.now()).await.unwrap();
    assert!(matches!(late, store::Outcome::AlreadyApplied(_)), "{late:?}");
    assert_eq!(seen().await, first);
}

/// Instructions are for those who bought: on the page and in the API, after delivery and not before.
#[tokio::test(start_paused = true)]
async fn instructions_appear_with_the_key() {
    let shop = TestShop::new(904).await;
    shop.product("p", 990, &cards("CARD", 3)).await;
    change(&shop, "p", described()).await;
    let mut buyer = Visitor::new(shop.front());
    let order = buyer.order("p", "ann@example.com").await;
    let told = |body: &str| body.contains("Paste it under <em>Redeem</em>");
    for path in ["/p/p".to_owned(), "/".to_owned(), format!("/o/{order}")] {
        let page = buyer.get(&path).await.body;
        assert!(!told(&page) && !page.contains("Redeem"), "{path}: {page}");
    }
    assert!(!buyer.get("/api/products").await.body.contains("Redeem"));
    pay(&shop, &mut buyer, &order, "pay").await;
    shop.deliver_all().await;
    assert!(told(&buyer.get(&format!("/o/{order}/keys")).await.body));

    let by_api = shop.order("an-order-by-the-api", "p", 1).await;
    let path = format!("/api/orders/{}/keys", by_api.order);
    let before = tests::shop::get(shop.front(), &path, &by_api.token).await;
    assert!(before.0 == 409 && !before.1.to_string().contains("Redeem"), "{before:?}");
    shop.pay(&by_api, "T2").await;
    shop.deliver_all().await;
    let (_, after) = tests::shop::get(shop.front(), &path, &by_api.token).await;
    assert_eq!(text(&after, "/instructions_html").trim(), "<p>Paste it under <em>Redeem</em>.</p>");
}

/// Where a gateway sends its buyer back to, and whatever else it is told, holds no token: gateways write logs too.
#[tokio::test(start_paused = true)]
async fn no_gateway_learns_a_token() {
    let shop = TestShop::new(905).await;
    shop.product("p", 990, &cards("CARD", 1)).await;
    let mut buyer = Visitor::new(shop.front());
    let order = buyer.order("p", "ann@example.com").await;
    let page = buyer.get(&format!("/o/{order}")).await;
    let token = link_of(&page.body).split("?t=").nth(1).unwrap().to_owned();
    let at = page.body.find("id=\"pay\"").unwrap();
    let tag = page.body[page.body[..at].rfind('<').unwrap()..].split('>').next().unwrap().to_owned();
    assert!(tag.contains("return_url=") && tag.contains(&order), "{tag}");
    assert!(!tag.contains(&token) && !tag.contains("ann"), "{tag}");
    assert_eq!(page.header("referrer-policy"), "strict-origin", "where the buyer comes from, and no more");
    // The return itself marks nothing paid, whatever its address says.
    let back = buyer.get(&format!("/o/{order}?trade_status=TRADE_SUCCESS&out_trade_no=x&sign=y")).await;
    assert!(back.body.contains("data-stage=\"awaiting\""), "{}", back.body);
    // A payment app's own browser comes back without the cookie: state and amount, and the way to unlock.
    let app = Visitor::new(shop.front()).get(&format!("/o/{order}")).await.body;
    assert!(app.contains("9.90") && app.contains("/unlock") && !app.contains(&token), "{app}");
}

/// The page that waits asks often and is answered shortly: nothing while nothing changed, everything once when it did.
#[tokio::test(start_paused = true)]
async fn a_waiting_page_is_told_of_changes_and_of_nothing_else() {
    let shop = TestShop::new(906).await;
    shop.product("p", 990, &cards("CARD", 2)).await;
    let mut buyer = Visitor::new(shop.front());
    let order = buyer.order("p", "ann@example.com").await;
    let state_of = |body: &str| body.split("data-state=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let poll = format!("/o/{order}?part=main");
    let mut known = state_of(&buyer.get(&format!("/o/{order}")).await.body);
    let mut seen = vec![known.clone()];
    for (what, wait, changes) in
        [("nothing", 3_000, false), ("payment", 0, true), ("nothing", 1_000, false), ("key", 0, true)]
    {
        shop.pass(wait);
        match what {
            "payment" => pay(&shop, &mut buyer, &order, "pay").await,
            "key" => shop.deliver_all().await,
            _ => {}
        }
        let mut page = buyer.clone();
        page.headers.push(("x-state", known.clone()));
        let answer = page.get(&poll).await;
        assert_eq!(answer.status, if changes { 200 } else { 204 }, "{what}: {}", answer.body);
        assert_eq!(answer.body.is_empty(), !changes);
        if changes {
            assert!(!answer.body.contains("<html"), "the inside of the page alone");
            known = state_of(&answer.body);
            assert!(!seen.contains(&known), "{known} again");
            seen.push(known.clone());
        } else {
            assert!(answer.header("x-poll-ms").parse::<u32>().unwrap() >= 300);
        }
    }
    // A minute old, a tenth of it: rarely, and ever more rarely.
    let other = buyer.order("p", "ann@example.com").await;
    let poll_ms =
        |body: &str| body.split("data-poll-ms=\"").nth(1).unwrap().split('"').next().unwrap().parse::<u32>().unwrap();
    for (wait, expected) in [(0, 2_000), (60_000, 6_000), (120_000, 10_000)] {
        shop.pass(wait);
        assert_eq!(poll_ms(&buyer.get(&format!("/o/{other}")).await.body), expected);
    }
}

/// What the page says of an order that is paid and not delivered changes with its patience, and so does its version: an open page
/// hears of it. After two minutes it says that the shop has been told, and the shop has.
#[tokio::test(start_paused = true)]
async fn a_page_that_waits_for_its_key_hears_what_is_done_about_it() {
    let mut shop = TestShop::new(907).await;
    shop.product("p", 990, &cards("CARD", 1)).await;
    let mut buyer = Visitor::new(shop.front());
    let order = buyer.order("p", "ann@example.com").await;
    pay(&shop, &mut buyer, &order, "pay").await;
    let mut seen: Vec<(String, String)> = Vec::new();
    for (wait, words) in [
        (0, "正在取卡"),
        (15_000, "正在取卡"),
        (1_000, "比平时慢一点"),
        (104_000, "比平时慢一点"),
        (1_000, "已提醒店家处理"),
    ] {
        shop.pass(wait);
        let page = buyer.get(&format!("/o/{order}")).await.body;
        assert!(page.contains(words), "{words}: {page}");
        let state = page.split("data-state=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        seen.push((words.to_owned(), state));
    }
    for pair in seen.windows(2) {
        assert_eq!(pair[0].0 == pair[1].0, pair[0].1 == pair[1].1, "{seen:?}");
    }
    assert_eq!(shop.attention().await, [("undeliverable".to_owned(), "not_delivered".to_owned())]);
    shop.leave_unfinished();
}
