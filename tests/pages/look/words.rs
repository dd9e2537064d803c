//! The words of the pages: one language on each, and the sentences of the form to the letter.

use super::sample::{LANGS, STAGES, Shop, all, errors};
use functions::pages;
use functions::pages::view::{FormNotice, Lang, LookupNotice, LookupView, ProductView, ShopView, Trouble};

/// Names, units and the sample's own words: they are the same in every language.
const NAMES: [&str; 18] = [
    "help@example.com",
    "name@example.com",
    "https://example.com/help",
    "example.com/help",
    "corner_1",
    "Corner",
    "Example",
    "Steam",
    "Xbox",
    "Netflix",
    "Spotify",
    "iCloud",
    "Zoom",
    "QQ",
    "Telegram",
    "USDT",
    "English",
    "UTC",
];

fn is_han(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

/// What people read of a page: text, and the attributes that are read out or shown.
fn read(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    let body = html.split_once("<title>").map_or(html, |(_, rest)| rest);
    for part in format!("<title>{body}").split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or(("", part));
        found.push(text.trim().to_owned());
        for key in [" aria-label=\"", " placeholder=\"", " title=\"", " alt=\"", " data-"] {
            for value in tag.split(key).skip(1) {
                let value = if key == " data-" { value.split_once("=\"").map_or("", |(_, v)| v) } else { value };
                found.push(value.split('"').next().unwrap_or_default().to_owned());
            }
        }
    }
    found.retain(|text| !text.is_empty());
    found
}

/// Words of a page in the language it is not in.
fn foreign(html: &str, lang: Lang) -> Vec<String> {
    let mut found = Vec::new();
    for text in read(html) {
        let text = NAMES.iter().fold(text.replace("中文", ""), |text, name| text.replace(name, " "));
        match lang {
            Lang::En if text.chars().any(is_han) => found.push(text),
            Lang::En => {}
            Lang::Zh => {
                let words =
                    text.split(|c: char| is_han(c) || c.is_whitespace() || "，。：“”《》·、？（）&;#<>…/".contains(c));
                let strange = words.filter(|word| {
                    // Two letters in a row make a word; numbers, prices and marks do not.
                    let letters = word.chars().filter(char::is_ascii_alphabetic).count();
                    letters > 1
                });
                found.extend(strange.map(str::to_owned));
            }
        }
    }
    found
}

#[test]
fn each_page_is_in_one_language() {
    let shop = Shop::new();
    // What scripts read is no word: kinds of checks.
    let codes = ["any", "email", "qq", "phone"];
    for lang in LANGS {
        for (name, html) in all(&shop, lang) {
            let mut strange = foreign(&html, lang);
            strange.retain(|word| !codes.contains(&word.as_str()));
            assert_eq!(strange, Vec::<String>::new(), "{name}, {lang:?}");
        }
    }
}

#[test]
fn a_word_of_the_other_language_is_caught() {
    for (html, lang) in [
        ("<title>a</title><p>付款 now</p>", Lang::Zh),
        ("<title>a</title><p aria-label=\"Close\">关</p>", Lang::Zh),
        ("<title>a</title><p>Pay 付</p>", Lang::En),
        ("<title>a</title><input placeholder=\"邮箱\">", Lang::En),
        ("<title>a</title><form data-busy=\"正在\">", Lang::En),
    ] {
        assert_eq!(foreign(html, lang).len(), 1, "{html}");
    }
}

#[test]
fn both_languages_say_as_much() {
    let shop = Shop::new();
    let count = |lang| all(&shop, lang).iter().map(|(_, html)| html.matches('<').count()).sum::<usize>();
    assert_eq!(count(Lang::Zh), count(Lang::En));
}

/// Text of a page, tags taken out.
fn text(html: &str) -> String {
    let parts = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    let text = parts.collect::<Vec<_>>().join("");
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("&#60;", "<").replace("&#62;", ">")
}

#[test]
fn the_form_says_its_sentences_to_the_letter() {
    let mut shop = Shop::new();
    shop.looks[0].contact_kind = app::settings::ContactKind::Email;
    let said = |notice: FormNotice| {
        LANGS.map(|lang| {
            let view = ProductView { notice: Some(notice.clone()), ..shop.product_view() };
            text(&pages::product(&shop.frame(lang, "/p/p0"), &view))
        })
    };
    for (notice, zh, en) in [
        (FormNotice::SoldOut, "刚刚售罄，没有扣款。", "It has just sold out. Nothing was charged."),
        (FormNotice::OnlyLeft(2), "只剩 2 件，已改为 2，请再次提交。", "Only 2 left. Quantity changed; submit again."),
        (FormNotice::PriceChanged, "价格已变为 ¥9.90，请确认后再提交。", "The price is now CN¥9.90. Please confirm."),
        (FormNotice::OffSale, "商品已下架。", "No longer on sale."),
        (
            FormNotice::ChannelDown,
            "这种付款方式暂时不可用，请选其他方式。",
            "This method is unavailable. Choose another method.",
        ),
        (
            FormNotice::TooManyOpen,
            "你有未付款的订单，先付款或取消再下单。",
            "You have unpaid orders. Pay or cancel one first.",
        ),
        (FormNotice::TooFast(9), "操作太快，请 9 秒后再试。", "Too fast. Try again in 9 s."),
        (
            FormNotice::Stale,
            "页面放久了，已为你刷新，请再次提交。没有重复下单。",
            "The page was old and has been refreshed. Submit again; nothing was ordered twice.",
        ),
    ] {
        let [is_zh, is_en] = said(notice);
        assert!(is_zh.contains(zh), "{zh}");
        assert!(is_en.contains(en), "{en}");
    }
    for (code, zh, en) in [
        ("required", "请填写邮箱。", "Enter your e-mail."),
        ("malformed", "邮箱格式不对，例如 name@example.com。", "Check the e-mail, for example name@example.com."),
        ("quantity_range", "每单 1–5 件。", "1 to 5 per order."),
        ("required", "请填写“Steam”。", "Enter “Steam”."),
        ("length", "查询密码至少 6 位，也可以不填。", "At least 6 characters, or leave it empty."),
        ("unknown", "没有这个优惠码。", "Unknown code."),
    ] {
        let errors = errors().into_iter().find(|errors| errors[0].1 == code).unwrap();
        for (lang, words) in [(Lang::Zh, zh), (Lang::En, en)] {
            let view = ProductView { errors: errors.clone(), ..shop.product_view() };
            assert!(text(&pages::product(&shop.frame(lang, "/p/p0"), &view)).contains(words), "{words}");
        }
    }
}

#[test]
fn troubles_say_what_is_safe_and_what_to_do() {
    let shop = Shop::new();
    for (trouble, zh, en) in [
        (Trouble::NoPage, "页面不存在", "No such page"),
        (
            Trouble::NoOrder,
            "没有这个订单，或链接不完整 请完整复制链接，或用联系方式查询。",
            "No such order, or the link is cut off Copy the whole link",
        ),
        (
            Trouble::Failed("0f"),
            "出了点问题 已记录（编号 0f）。已付的款不会丢，请稍后刷新。",
            "Something failed It is recorded (ref 0f). Money paid is safe. Please refresh shortly.",
        ),
        (
            Trouble::KeyUnavailable,
            "卡密暂时无法显示 已记录，不影响你的订单。请 1 分钟后刷新。",
            "The key can’t be shown right now Your order is safe. Refresh in a minute.",
        ),
    ] {
        for (lang, words) in [(Lang::Zh, zh), (Lang::En, en)] {
            let html = pages::trouble(&shop.frame(lang, "/x"), trouble);
            assert!(text(&html).contains(words), "{words}");
            assert_eq!(html.matches("class=\"b b-1\"").count(), 1, "one next step: {trouble:?}");
        }
    }
}

#[test]
fn looking_up_says_what_to_try_next() {
    let shop = Shop::new();
    for (notice, zh, en) in [
        (
            LookupNotice::None,
            "没有找到。请核对联系方式和密码，或用付款账单里的“商户单号”查。",
            "Not found. Check both fields, or use the merchant order number from your payment bill.",
        ),
        (
            LookupNotice::Locked(5),
            "尝试次数过多，请 5 分钟后再试，或联系店家。",
            "Too many tries. Wait 5 min or contact the shop.",
        ),
        (
            LookupNotice::NoMail,
            "只能发到邮箱：请填写下单时用的邮箱地址。",
            "Links go to mail addresses only. Enter the one you ordered with.",
        ),
        (
            LookupNotice::Mailed,
            "如果这个邮箱在本店有已付款的订单，链接很快就会发到。",
            "If this address has paid orders here, their links are on the way.",
        ),
        (
            LookupNotice::MailedEnough,
            "今天的发送次数已用完，请看看垃圾邮件箱，或明天再试。",
            "No more mails can be sent today.",
        ),
    ] {
        for (lang, words) in [(Lang::Zh, zh), (Lang::En, en)] {
            let view = LookupView { notice: Some(notice), ..LookupView::default() };
            let html = pages::lookup(&shop.frame(lang, "/lookup"), &view);
            assert!(text(&html).contains(words), "{words}");
            // Good news has the tick, and all else the mark of alarm; no other part of this page has either.
            let (tick, alarm) = (html.contains("M6.5 10.2l"), html.contains("M10 6v5"));
            let is_good = notice == LookupNotice::Mailed;
            assert_eq!((tick, alarm), (is_good, !is_good), "{words}");
        }
    }
}

#[test]
fn stock_and_states_are_in_words() {
    let shop = Shop::new();
    let zh = text(&pages::shop(&shop.frame(Lang::Zh, "/"), &shop.view()));
    for words in ["自动发货", "库存 128", "有货", "仅剩 3", "售罄", "¥9.90"] {
        assert!(zh.contains(words), "{words}");
    }
    let en = text(&pages::shop(&shop.frame(Lang::En, "/"), &shop.view()));
    for words in ["Instant delivery", "128 in stock", "In stock", "Only 3 left", "Sold out", "CN¥9.90"] {
        assert!(en.contains(words), "{words}");
    }
    let view = LookupView { recent: super::sample::found(), ..LookupView::default() };
    let zh = pages::lookup(&shop.frame(Lang::Zh, "/lookup"), &view);
    // Icon and word in each: a state is never told by colour alone.
    assert_eq!(zh.matches("<span class=\"g g-").count(), STAGES.len());
    assert_eq!(
        zh.split("<span class=\"g g-").skip(1).filter(|part| part[..30].contains("<svg class=\"i\"")).count(),
        14
    );
    for words in [
        "待付款",
        "确认中",
        "已付款",
        "待发货",
        "排队中",
        "已发货",
        "已完成",
        "已关闭",
        "处理中",
        "待退款",
        "已退款",
        "核对中",
    ] {
        assert!(zh.contains(words), "{words}");
    }
}

#[test]
fn empty_lists_say_so() {
    let shop = Shop::new();
    let empty = |query, lang| {
        let view = ShopView { rows: vec![], query, ..shop.view() };
        text(&pages::shop(&shop.frame(lang, "/"), &view))
    };
    assert!(empty("", Lang::Zh).contains("店里还没有商品，稍后再来看看。"));
    assert!(empty("", Lang::En).contains("Nothing on sale yet."));
    assert!(empty("<q>", Lang::Zh).contains("没有找到“<q>”。"));
}

#[test]
fn a_closed_shop_says_why_and_what_goes_on() {
    let mut shop = Shop::new();
    shop.settings.closed = Some("1。".to_owned());
    for html in [
        pages::shop(&shop.frame(Lang::Zh, "/"), &shop.view()),
        pages::product(&shop.frame(Lang::Zh, "/p/p0"), &shop.product_view()),
    ] {
        assert!(text(&html).contains("暂时打烊：1。已付款的订单照常发货，可在“查订单”查看。"));
        assert!(!html.contains("id=\"order-form\""));
    }
    let en = text(&pages::shop(&shop.frame(Lang::En, "/"), &shop.view()));
    assert!(en.contains("Closed for now: 1. Paid orders are still delivered."), "{en}");
}
