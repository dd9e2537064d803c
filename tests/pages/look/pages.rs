//! Every page in both languages: nothing runs in it, nothing comes from elsewhere, everything has a name.

use super::sample::{LANGS, Shop, all};
use functions::pages;
use functions::pages::assets;
use functions::pages::view::{Lang, ShopView};

/// Addresses of the sample seller: only these may lead out, and only as links.
const SELLERS: [&str; 5] = [
    "https://example.com/news",
    "https://example.com/help",
    "https://example.org/",
    "https://t.me/corner_1",
    "http://www.w3.org/",
];

/// What of a page breaks its own rules: the policy would block it, or it would tell somebody who reads it.
fn check(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = html;
    let mut ids = Vec::new();
    while let Some((_, tail)) = rest.split_once('<') {
        let Some((tag, tail)) = tail.split_once('>') else {
            found.push("a tag does not end".to_owned());
            break;
        };
        rest = tail;
        for (name, value) in attributes(tag) {
            let is_handler = name.starts_with("on");
            if name == "style" || is_handler {
                found.push(format!("{name} in <{tag}>"));
            }
            let is_address = ["href", "src", "action", "formaction", "content", "poster"].contains(&name);
            if is_address && ["javascript:", "data:", "//"].iter().any(|s| value.to_ascii_lowercase().starts_with(s)) {
                found.push(format!("{value} in <{tag}>"));
            }
            if value.contains("://") && !SELLERS.contains(&value) {
                found.push(format!("{value} is another site's"));
            }
            if value.contains("://") && !(tag.starts_with("a ") && tag.contains("rel=\"noopener noreferrer nofollow\""))
            {
                found.push(format!("{value} is fetched, or told where its reader comes from"));
            }
            if name == "id" {
                if ids.contains(&value) {
                    found.push(format!("two #{value}"));
                }
                ids.push(value);
            }
        }
        if tag.starts_with("script") && (!tag.contains(" src=\"/assets/") || !rest.starts_with("</script>")) {
            found.push(format!("an inline script: <{tag}>"));
        }
        if tag.starts_with("style") {
            found.push("an inline sheet".to_owned());
        }
    }
    for name in labels(html) {
        if !ids.contains(&name) {
            found.push(format!("#{name} is pointed at and is not there"));
        }
    }
    if html.matches("<h1").count() != 1 {
        found.push(format!("{} main headings", html.matches("<h1").count()));
    }
    found
}

/// Names and values of a tag's attributes; ours are always in double quotes.
fn attributes(tag: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = tag.split_once(' ').map_or("", |(_, rest)| rest).trim();
    while !rest.is_empty() {
        let end = rest.find([' ', '=']).unwrap_or(rest.len());
        let (name, tail) = rest.split_at(end);
        let (value, tail) = match tail.strip_prefix("=\"") {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => ("", tail.trim_start_matches('=')),
        };
        found.push((name, value));
        rest = tail.trim_start();
    }
    found
}

/// The ids that labels, descriptions and links within the page point at.
fn labels(html: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (key, end) in
        [(" for=\"", '"'), (" aria-describedby=\"", '"'), (" aria-labelledby=\"", '"'), (" href=\"#", '"')]
    {
        for part in html.split(key).skip(1) {
            found.extend(part.split(end).next().unwrap_or_default().split(' '));
        }
    }
    found
}

#[test]
fn every_page_keeps_the_policy() {
    let shop = Shop::new();
    for lang in LANGS {
        for (name, html) in all(&shop, lang) {
            assert_eq!(check(&html), Vec::<String>::new(), "{name}, {lang:?}");
            assert!(html.starts_with("<!doctype html>\n<html lang=\""), "{name}");
            assert!(html.contains("#main") && html.contains(" id=\"main\""), "{name}");
        }
    }
}

#[test]
fn what_breaks_the_policy_is_caught() {
    let page = |inside: &str| format!("<h1>a</h1>{inside}");
    assert_eq!(check(&page("<a href=\"/o/1\">b</a>")), Vec::<String>::new());
    for inside in [
        "<p style=\"color:red\">",
        "<p onclick=\"a()\">",
        "<script>a()</script>",
        "<script src=\"/assets/a.js\">a()</script>",
        "<script src=\"https://example.com/a.js\"></script>",
        "<img src=\"https://example.com/help\">",
        "<a href=\"https://example.com/help\">",
        "<a href=\"https://example.net/\" rel=\"noopener noreferrer nofollow\">",
        "<a href=\"javascript:a()\">",
        "<a href=\"//example.com\">",
        "<img src=\"data:image/png;base64,AA\">",
        "<style>a{}</style>",
        "<label for=\"nobody\">",
        "<p id=\"a\"></p><p id=\"a\">",
        "<h1>",
    ] {
        assert!(!check(&page(inside)).is_empty(), "{inside}");
    }
}

/// A seller's or a buyer's words that would run if they were not escaped.
const LIVE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1) style=\"a\">";

#[test]
fn words_of_sellers_and_buyers_are_inert() {
    let mut shop = Shop::new();
    let live = || LIVE.to_owned();
    for text in [
        &mut shop.settings.name,
        &mut shop.settings.notice,
        &mut shop.settings.purchase_notice,
        &mut shop.settings.refund_policy,
        &mut shop.settings.filing_number,
        &mut shop.settings.hours,
        &mut shop.settings.links[0].label,
        &mut shop.texts.description,
        &mut shop.products[0].name,
        &mut shop.looks[0].summary,
    ] {
        *text = live();
    }
    shop.settings.links[0].url = live();
    shop.products[0].fields[0].label = live();
    for contact in &mut shop.settings.support {
        contact.value = live();
    }
    shop.settings.closed = None;
    shop.settings.logo = Some(live());
    shop.settings.colour = Some(live());
    shop.looks[0].picture = Some(live());
    for lang in LANGS {
        let frame = shop.frame(lang, "/");
        let mut view = shop.product_view();
        view.values.contact = live();
        view.values.quantity = live();
        view.values.fields = vec![("account".to_owned(), live())];
        view.values.query_password = live();
        view.values.coupon = live();
        view.unpaid = Some("0A".to_owned());
        view.errors = vec![("fields.account".to_owned(), "required"), ("contact".to_owned(), "required")];
        let list = ShopView { query: LIVE, category: LIVE, categories: vec![LIVE], ..shop.view() };
        for html in [
            pages::product(&frame, &view),
            pages::shop(&frame, &list),
            pages::shop(&frame, &ShopView { rows: vec![], ..list.clone() }),
            pages::terms(&frame),
        ] {
            assert_eq!(check(&html), Vec::<String>::new(), "{html}");
            for alive in ["<script>alert", "<img src=x"] {
                assert!(!html.contains(alive), "{html}");
            }
        }
    }
}

#[test]
fn an_address_of_the_seller_that_is_no_address_is_text() {
    let mut shop = Shop::new();
    shop.settings.links[0].url = "javascript:alert(1)".to_owned();
    for contact in &mut shop.settings.support {
        contact.value = "javascript:alert(1)".to_owned();
    }
    let html = pages::shop(&shop.frame(Lang::Zh, "/"), &shop.view());
    assert!(!html.contains("href=\"javascript"), "{html}");
    assert!(html.contains("href=\"mailto:javascript:alert(1)\"") && html.contains("href=\"tel:1\""), "{html}");
}

#[test]
fn support_stands_on_every_page_and_leads_where_it_says() {
    let shop = Shop::new();
    for lang in LANGS {
        for (name, html) in all(&shop, lang) {
            for said in [
                "href=\"mailto:help@example.com\"",
                "href=\"tel:+8613800138000\"",
                "href=\"https://t.me/corner_1\"",
                "href=\"https://example.com/help\"",
                "<span class=\"pick\">10001</span>",
                "9:00–23:00",
                "2026000001",
                "href=\"/terms\"",
                "href=\"/lookup\"",
            ] {
                assert!(html.contains(said), "{name}, {lang:?}: no {said}");
            }
        }
    }
}

#[test]
fn the_name_of_the_shop_is_the_first_text_and_the_language_is_one_press_away() {
    let shop = Shop::new();
    for (lang, other) in [(Lang::Zh, "en"), (Lang::En, "zh")] {
        let html = pages::shop(&shop.frame(lang, "/p/p0"), &shop.view());
        let body = html.split_once("<header").unwrap().1;
        let first = body.split('>').skip(1).map(|part| part.split('<').next().unwrap().trim());
        let texts: Vec<&str> = first.filter(|text| !text.is_empty()).take(2).collect();
        // The letter stands for a missing logo and is hidden from those who listen.
        assert_eq!(texts, ["C", "Corner"]);
        assert!(html.contains("action=\"/lang\"") && html.contains(&format!("name=\"lang\" value=\"{other}\"")));
        assert!(html.contains("name=\"to\" value=\"/p/p0\""));
    }
}

#[test]
fn the_sandbox_says_so_on_every_page() {
    let shop = Shop::new();
    for (name, html) in all(&shop, Lang::Zh) {
        assert!(html.contains("测试模式：不会真的收款"), "{name}");
    }
    let mut frame = shop.frame(Lang::Zh, "/");
    frame.is_sandbox = false;
    assert!(!pages::shop(&frame, &shop.view()).contains("测试模式"));
}

#[test]
fn every_file_a_page_asks_for_is_served() {
    let shop = Shop::new();
    for (name, html) in all(&shop, Lang::Zh) {
        for part in html.split("\"/assets/").skip(1) {
            let file = part.split('"').next().unwrap();
            let is_theme = pages::theme::css(file).is_some();
            assert!(is_theme || assets::find(file).is_some(), "{name}: {file}");
        }
        assert!(html.contains("\"/assets/theme-0055aa.css\""), "{name}");
    }
    assert!(assets::find("shop.css").is_none(), "a name without a hash would be kept for ever");
    assert_eq!(assets::href("nothing.js"), "");
}
