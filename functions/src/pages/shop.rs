//! `/` and `/terms`.

use super::layout::html;
use super::markdown;
use super::view::{Frame, Row, ShopView};
use askama::Template;

/// Cards below which the shop says "only a few left".
const LOW: u64 = 10;

/// Products above which searching is quicker than looking.
const SEARCHED: usize = 12;

/// Characters of a notice that fit the one line it has.
const NOTICE: usize = 60;

/// What stands for a missing picture: a letter on one of so many soft grounds.
const TONES: u32 = 4;

/// A product in a list, worded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Item<'a> {
    /// Its id.
    pub(super) id: &'a str,
    /// Its name.
    pub(super) name: &'a str,
    /// The short line; empty for none.
    pub(super) summary: &'a str,
    /// Its picture.
    pub(super) picture: Option<&'a str>,
    /// The letter that stands for a missing one, and its ground.
    pub(super) letter: String,
    /// See [`TONES`].
    pub(super) tone: u32,
    /// The price of one.
    pub(super) price: String,
    /// How it is delivered.
    pub(super) delivery: &'static str,
    /// Whether a program delivers it, without a person in between.
    pub(super) is_automatic: bool,
    /// How many there are; empty when nobody knows.
    pub(super) stock: String,
    /// Whether the number is small.
    pub(super) is_low: bool,
    /// Whether no order can be placed.
    pub(super) is_sold_out: bool,
}

/// Words a product for a list.
pub(super) fn item<'a>(f: &Frame<'_>, row: &Row<'a>) -> Item<'a> {
    let product = row.product;
    // Fewer cards than the smallest order takes are none for a buyer.
    let is_sold_out = row.stock.is_some_and(|stock| stock < u64::from(product.min_quantity.max(1)));
    let is_low = !is_sold_out && !row.look.hide_stock && row.stock.is_some_and(|stock| stock < LOW);
    let stock = match row.stock {
        _ if is_sold_out => f.t("售罄", "Sold out").to_owned(),
        None => String::new(),
        Some(_) if row.look.hide_stock => f.t("有货", "In stock").to_owned(),
        Some(stock) if is_low => match f.t("zh", "en") {
            "zh" => format!("仅剩 {stock}"),
            _ => format!("Only {stock} left"),
        },
        Some(stock) => match f.t("zh", "en") {
            "zh" => format!("库存 {stock}"),
            _ => format!("{stock} in stock"),
        },
    };
    let delivery = match product.review {
        true => f.t("人工核对后发货", "Checked, then delivered"),
        false => f.t("自动发货", "Instant delivery"),
    };
    Item {
        id: product.id.as_str(),
        name: &product.name,
        summary: &row.look.summary,
        picture: row.look.picture.as_deref(),
        letter: f.letter(&product.name),
        tone: product.id.as_str().bytes().map(u32::from).sum::<u32>() % TONES,
        price: f.money(product.price),
        delivery,
        is_automatic: !product.review,
        stock,
        is_low,
        is_sold_out,
    }
}

/// A category as a link.
struct Chip {
    href: String,
    word: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "shop.html", whitespace = "minimize")]
struct Page<'a> {
    f: &'a Frame<'a>,
    v: &'a ShopView<'a>,
    items: Vec<Item<'a>>,
    chips: Vec<Chip>,
    notice: Option<Notice>,
    /// Why the shop is closed, without the full stop that the sentence brings.
    closed: Option<&'a str>,
}

/// The notice above the products: a line, and all of it when that is more.
struct Notice {
    line: String,
    html: String,
    is_short: bool,
}

/// The products.
pub fn shop(frame: &Frame<'_>, view: &ShopView<'_>) -> String {
    html(&Page {
        f: frame,
        v: view,
        items: view.rows.iter().map(|row| item(frame, row)).collect(),
        chips: chips(frame, view),
        notice: notice(&frame.settings.notice),
        closed: closed(frame),
    })
}

/// Why the shop is closed, as the middle of a sentence.
pub(super) fn closed<'a>(f: &Frame<'a>) -> Option<&'a str> {
    f.settings.closed.as_deref().map(|reason| reason.trim().trim_end_matches(['。', '.', '！', '!']))
}

fn notice(text: &str) -> Option<Notice> {
    let (line, is_all) = markdown::excerpt(text, NOTICE);
    let html = markdown::to_html(text);
    // One paragraph that fits is read where it stands; anything else opens.
    let is_paragraph = html.rfind("<p>") == Some(0) && html.trim_end().ends_with("</p>") && !html.contains("<br");
    (!line.is_empty()).then_some(Notice { line, html, is_short: is_all && is_paragraph })
}

fn chips(f: &Frame<'_>, view: &ShopView<'_>) -> Vec<Chip> {
    if view.categories.is_empty() {
        return Vec::new();
    }
    let all = Chip {
        href: address("", view.query),
        word: f.t("全部", "All").to_owned(),
        is_chosen: view.category.is_empty(),
    };
    let each = view.categories.iter().map(|&category| Chip {
        href: address(category, view.query),
        word: category.to_owned(),
        is_chosen: category == view.category,
    });
    std::iter::once(all).chain(each).collect()
}

fn address(category: &str, query: &str) -> String {
    let given = [("c", category), ("q", query)].into_iter().filter(|(_, value)| !value.is_empty());
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
    if query.is_empty() { "/".to_owned() } else { format!("/?{query}") }
}

impl Page<'_> {
    fn has_search(&self) -> bool {
        self.v.listed > SEARCHED || !self.v.query.is_empty()
    }
}

#[derive(Template)]
#[template(path = "terms.html", whitespace = "minimize")]
struct Terms<'a> {
    f: &'a Frame<'a>,
    purchase_notice: String,
    refund_policy: String,
}

/// What a buyer should know, and when money is returned.
pub fn terms(frame: &Frame<'_>) -> String {
    html(&Terms {
        f: frame,
        purchase_notice: markdown::to_html(&frame.settings.purchase_notice),
        refund_policy: markdown::to_html(&frame.settings.refund_policy),
    })
}
