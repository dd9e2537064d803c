//! The words of a mail to a buyer: a subject without any key, the text, and the same as plain HTML with no picture, no script and
//! nothing that tells whether it was read.

use super::layout::html;
use super::markdown;
use super::view::{Frame, Lang};
use app::notices::MailedOrder;
use app::settings::Contact;
use askama::Template;

/// What a mail tells.
#[derive(Clone, Copy, Debug)]
pub struct MailContent<'a> {
    /// The orders, at least one.
    pub orders: &'a [MailedOrder],
    /// Whether the one order was delivered a moment ago; else somebody asked for links.
    pub tells_of_delivery: bool,
    /// The keys, where the product's mail holds them.
    pub keys: &'a [String],
    /// What to do with them, Markdown; empty for nothing.
    pub instructions: &'a str,
    /// Whom to ask.
    pub support: &'a [Contact],
}

/// A mail in words.
#[derive(Clone, PartialEq, Eq)]
pub struct MailWords {
    /// One line, without a key.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Page<'a> {
    f: &'a Frame<'a>,
    subject: &'a str,
    heading: &'a str,
    orders: &'a [MailedOrder],
    keys: &'a [String],
    instructions: String,
    password_note: &'a str,
    link_note: &'a str,
    support: &'a [Contact],
    why: &'a str,
}

/// The last six signs of an order's number, by which people tell their orders apart.
fn tail(id: &str) -> &str {
    id.get(id.len().saturating_sub(6)..).unwrap_or(id)
}

/// Puts a mail into words, in the frame's language and shop.
pub fn mail(f: &Frame<'_>, content: &MailContent<'_>) -> MailWords {
    let shop = &f.settings.name;
    let one = match content.orders {
        [one] => {
            let id = one.order.id.to_string();
            format!("{} · {}", one.product_name, tail(&id))
        }
        many => f.t("{} 笔", "{} orders").replace("{}", &many.len().to_string()),
    };
    let heading = match (content.tells_of_delivery, content.orders.len()) {
        (true, _) => f.t("你的订单已发货", "Your order is delivered"),
        (false, 1) => f.t("你的订单链接", "The link to your order"),
        (false, _) => f.t("你要的订单链接", "The links you asked for"),
    };
    let subject = match f.lang {
        Lang::Zh => format!("【{shop}】{heading} · {one}"),
        Lang::En => format!("{shop}: {heading} · {one}"),
    };
    let password_note = f.t("打开时需要联系方式和查询密码。", "It opens with your contact and your look-up password.");
    let link_note = match content.orders.iter().all(|order| order.has_password) {
        true => "",
        false => f.t(
            "谁有订单链接，谁就能打开订单。请不要转发这封邮件。",
            "Whoever has an order's link can open it. Please do not pass this mail on.",
        ),
    };
    let why = f.t(
        "你收到这封邮件，是因为在 {} 下单时填了这个邮箱。如果不是你，请忽略。",
        "You get this mail because this address was given with an order at {}. If that was not you, ignore it.",
    );
    let why = why.replace("{}", shop);
    let page = Page {
        f,
        subject: &subject,
        heading,
        orders: content.orders,
        keys: content.keys,
        instructions: markdown::to_html(content.instructions),
        password_note,
        link_note,
        support: content.support,
        why: &why,
    };
    let html = html(&page);
    MailWords { text: text(f, content, &page), html, subject }
}

/// The parts of the text, a blank line between two.
fn text(f: &Frame<'_>, content: &MailContent<'_>, page: &Page<'_>) -> String {
    let mut parts = vec![page.heading.to_owned()];
    for order in content.orders {
        let mut lines = vec![
            format!("{} × {}", order.product_name, order.order.quantity),
            format!("{}{}", f.t("单号：", "Order number: "), order.order.id),
            order.link.clone(),
        ];
        if order.has_password {
            lines.push(page.password_note.to_owned());
        }
        parts.push(lines.join("\n"));
    }
    if !content.keys.is_empty() {
        parts.push(f.t("卡密：", "Your keys:").to_owned());
        parts.extend(content.keys.iter().cloned());
    }
    if !content.instructions.is_empty() {
        parts.push(format!("{}\n{}", f.t("使用说明：", "How to use it:"), content.instructions));
    }
    parts.extend(Some(page.link_note.to_owned()).filter(|note| !note.is_empty()));
    if !content.support.is_empty() {
        let ways = content.support.iter().map(|contact| {
            let way = f.way(contact);
            format!("{} {}", way.label, way.text)
        });
        let ways = ways.collect::<Vec<_>>().join("\n");
        parts.push(format!("{}\n{ways}", f.t("联系店家：", "Contact the shop:")));
    }
    parts.push(page.why.to_owned());
    parts.join("\n\n") + "\n"
}
