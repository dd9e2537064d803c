//! Script in every field that a buyer or a seller can write: on no page is it anything but text.

use super::{buy, change, settings};
use serde_json::json;
use tests::shop::cards;
use tests::visitor::Page;
use tests::{TestShop, Visitor};

/// What would run if it were not text, in an element, in an attribute, in a link, in a script.
const EVIL: &str =
    "\"'><script>alert(1)</script><img src=x onerror=alert(2)>javascript:alert(3)</title></textarea>{{7*7}}";

/// The policy lets nothing foreign run, and the page gives it nothing to run.
#[track_caller]
fn is_inert(page: &Page, at: &str) {
    let policy = page.header("content-security-policy");
    for rule in
        ["default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(rule), "{at}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{at}: {policy}");
    assert_eq!(page.header("referrer-policy"), "strict-origin", "{at}");
    assert_eq!(page.header("cross-origin-opener-policy"), "same-origin", "{at}");
    assert_eq!(runs(&page.body), Vec::<String>::new(), "{at}: {}", page.body);
}

/// Everything in a page that would run: scripts and handlers in the page, addresses that are code, pictures of others.
fn runs(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for tag in page.split('<').skip(1) {
        let inside = tag.split('>').next().unwrap_or_default();
        let name: String = inside.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
        // Quoted values are taken out, so that what is left are names of attributes.
        let outside: String = inside.split('"').step_by(2).collect::<Vec<_>>().join("\"");
        let handler =
            outside.split_whitespace().skip(1).any(|a| a.to_lowercase().starts_with("on") || a.starts_with("style"));
        let values: Vec<&str> = inside.split('"').skip(1).step_by(2).collect();
        let is_code = values.iter().any(|value| {
            let value = value.trim_start().to_lowercase();
            value.starts_with("javascript:") || value.starts_with("data:") || value.starts_with("vbscript:")
        });
        let own_script = name == "script" && inside.contains("src=\"/assets/");
        if handler || (is_code && !inside.contains("value=")) || (name == "script" && !own_script) || name == "style" {
            found.push(inside.to_owned());
        }
        if name == "img" && !inside.contains("src=\"/") {
            found.push(inside.to_owned());
        }
    }
    found
}

#[test]
fn what_runs_is_found() {
    for evil in [
        "<script>x</script>",
        "<script src=\"https://evil.example.com/x.js\"></script>",
        "<p onclick=\"x\">",
        "<p style=\"x\">",
        "<a href=\"javascript:x\">",
        "<img src=x>",
        "<style>x</style>",
    ] {
        assert_eq!(runs(evil).len(), 1, "{evil}");
    }
    assert!(runs("<script type=\"module\" src=\"/assets/x.js\"></script><p title=\"onclick=x\">").is_empty());
}

#[tokio::test(start_paused = true)]
async fn script_in_any_field_is_text() {
    let shop = TestShop::new(950).await;
    let evil_cards: Vec<String> = (0..4).map(|n| format!("CARD{n}{EVIL}")).collect();
    shop.product("p", 990, &evil_cards).await;
    shop.product("q", 990, &cards("CARD", 1)).await;
    let short: String = EVIL.chars().take(60).collect();
    let label: String = EVIL.chars().take(20).collect();
    change(&shop, "p", json!({
        "name": EVIL, "summary": short, "category": EVIL.chars().take(30).collect::<String>(),
        "description": EVIL, "instructions": format!("{EVIL}\n\n[x](javascript:alert(4)) ![y](https://evil.example.com/y.png)"),
        "fields": [{"id": "role", "label": EVIL.chars().take(100).collect::<String>(), "required": false}],
        "card_template": {"separator": "<", "labels": [label, "b", "c", "d", "e", "f"]},
    })).await;
    settings(
        &shop,
        json!({
            "name": short, "notice": EVIL, "purchase_notice": EVIL, "refund_policy": EVIL, "hours": short,
            "filing_number": short, "refund_takes": short.chars().take(40).collect::<String>(),
            "links": [{"label": EVIL.chars().take(40).collect::<String>(), "url": "https://example.com/x"}],
            "closed": "",
        }),
    )
    .await;
    let mut buyer = Visitor::new(shop.front());
    let nonce = buyer.get("/p/p").await.input("nonce");
    let fields = [
        ("nonce", nonce.as_str()),
        ("price_seen", "990 CNY"),
        ("contact", EVIL),
        ("f.role", EVIL),
        ("quantity", "1"),
        ("query_password", "open sesame"),
    ];
    let made = buyer.post("/p/p", &fields).await;
    assert_eq!(made.status, 303, "{}", made.body);
    let waiting = made.header("location").to_owned();
    let delivered = format!("/o/{}", buy(&shop, &mut buyer, "p", EVIL).await);
    buyer.post(&format!("{delivered}/keys"), &[]).await;
    let encoded = "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%3Cimg%20src%3Dx%20onerror%3Dalert(2)%3E";
    let mut pages = 0;
    for lang in ["zh", "en"] {
        buyer.set_cookie("/", "lang", lang);
        for path in [
            "/".to_owned(),
            format!("/?q={encoded}"),
            format!("/?c={encoded}"),
            "/p/p".to_owned(),
            "/p/q".to_owned(),
            "/terms".to_owned(),
            "/lookup".to_owned(),
            format!("/{encoded}"),
            format!("/o/{encoded}"),
            waiting.clone(),
            format!("{waiting}?n={encoded}"),
            format!("{waiting}?part=main"),
            delivered.clone(),
            format!("{delivered}/keys"),
        ] {
            let page = buyer.get(&path).await;
            assert!(page.body.contains('<') && page.status != 303, "{path}: {page:?}");
            is_inert(&page, &path);
            pages += 1;
        }
        for (path, fields) in [
            ("/lookup", vec![("contact", EVIL), ("number", EVIL), ("query_password", EVIL)]),
            (
                "/p/p",
                vec![
                    ("nonce", EVIL),
                    ("contact", EVIL),
                    ("quantity", EVIL),
                    ("channel", EVIL),
                    ("coupon", EVIL),
                    ("f.role", EVIL),
                    ("query_password", EVIL),
                ],
            ),
            (
                "/p/p",
                vec![
                    ("nonce", "jAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
                    ("contact", EVIL),
                    ("quantity", EVIL),
                    ("coupon", EVIL),
                    ("f.role", EVIL),
                    ("f.<script>", EVIL),
                ],
            ),
        ] {
            let page = buyer.post(path, &fields).await;
            is_inert(&page, path);
            pages += 1;
        }
        let mut stranger = Visitor::new(shop.front());
        is_inert(&stranger.get(&waiting).await, "locked");
        let mut evil = buyer.clone();
        evil.headers.push(("origin", "https://evil.example.com".to_owned()));
        is_inert(&evil.post("/lookup", &[]).await, "foreign");
    }
    assert_eq!(pages, 34);
    // The very keys, to the letter: escaped in the page, plain in the file.
    let page = buyer.get(&format!("{delivered}/keys")).await.body;
    assert!(!page.contains("<script>alert"), "{page}");
    let file = buyer.get(&format!("{delivered}/keys.txt")).await.body;
    assert!(evil_cards.iter().any(|card| file.contains(card.as_str())), "{file}");
    for place in ["javascript:alert(4)", "evil.example.com/y.png\""] {
        assert!(!page.contains(&format!("\"{place}")), "{place}: {page}");
    }
}
