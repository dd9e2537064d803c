//! `/lookup`.

use super::layout::{Badge, html};
use super::view::{Found, Frame, Lang, LookupNotice, LookupView};
use askama::Template;

#[derive(Template)]
#[template(path = "lookup.html", whitespace = "minimize")]
struct Page<'a> {
    f: &'a Frame<'a>,
    v: &'a LookupView<'a>,
    found: Vec<Line<'a>>,
    recent: Vec<Line<'a>>,
}

/// One order in a list, worded.
struct Line<'a> {
    href: &'a str,
    name: &'a str,
    badge: Badge,
    /// When it was made.
    moment: String,
    /// The same in full.
    full: String,
    amount: String,
}

fn lines<'a>(f: &Frame<'_>, orders: &'a [Found<'a>]) -> Vec<Line<'a>> {
    let line = |order: &'a Found<'a>| Line {
        href: &order.href,
        name: order.product_name,
        badge: f.badge(&order.stage),
        moment: f.moment(order.created_at),
        full: f.full_moment(order.created_at),
        amount: f.money(order.amount),
    };
    orders.iter().map(line).collect()
}

/// Finding orders again.
pub fn lookup(frame: &Frame<'_>, view: &LookupView<'_>) -> String {
    let found = lines(frame, view.found.as_deref().unwrap_or_default());
    html(&Page { f: frame, v: view, found, recent: lines(frame, &view.recent) })
}

impl Page<'_> {
    /// How much was found.
    fn count(&self) -> String {
        match (self.f.lang, self.found.len()) {
            (Lang::Zh, n) => format!("找到 {n} 笔订单"),
            (Lang::En, 1) => "1 order found".to_owned(),
            (Lang::En, n) => format!("{n} orders found"),
        }
    }

    /// Whether what there is to tell is no complaint.
    fn is_good(&self) -> bool {
        self.v.notice == Some(LookupNotice::Mailed)
    }

    /// Whether a field is missing.
    fn is_incomplete(&self) -> bool {
        self.v.notice == Some(LookupNotice::Incomplete)
    }

    /// Whether the missing field is the contact; else it is both of the others.
    fn lacks_contact(&self) -> bool {
        self.v.notice == Some(LookupNotice::NoMail) || self.is_incomplete() && self.v.contact.trim().is_empty()
    }

    /// What there is to tell; empty for nothing.
    fn notice(&self) -> String {
        let (zh, en) = match self.v.notice {
            None => return String::new(),
            Some(LookupNotice::Incomplete) if self.v.contact.trim().is_empty() => {
                ("请填写联系方式。".to_owned(), "Enter your contact.".to_owned())
            }
            Some(LookupNotice::Incomplete) => (
                "请填写查询密码或取单码，或者任意一个单号。".to_owned(),
                "Enter the password or code, or any number of the order.".to_owned(),
            ),
            Some(LookupNotice::None) => (
                "没有找到。请核对联系方式和密码，或用付款账单里的“商户单号”查。".to_owned(),
                "Not found. Check both fields, or use the merchant order number from your payment bill.".to_owned(),
            ),
            Some(LookupNotice::Locked(minutes)) => (
                format!("尝试次数过多，请 {minutes} 分钟后再试，或联系店家。"),
                format!("Too many tries. Wait {minutes} min or contact the shop."),
            ),
            Some(LookupNotice::Unavailable) => (
                "暂时没有查成，请稍后再试。你的订单不受影响。".to_owned(),
                "The look-up did not go through. Please try again shortly. Your orders are not affected.".to_owned(),
            ),
            Some(LookupNotice::NoMail) => (
                "只能发到邮箱：请填写下单时用的邮箱地址。".to_owned(),
                "Links go to mail addresses only. Enter the one you ordered with.".to_owned(),
            ),
            Some(LookupNotice::Mailed) => (
                "如果这个邮箱在本店有已付款的订单，链接很快就会发到。设了查询密码的订单不在其中。".to_owned(),
                "If this address has paid orders here, their links are on the way. Orders with a password are not among them."
                    .to_owned(),
            ),
            Some(LookupNotice::MailedEnough) => (
                "今天的发送次数已用完，请看看垃圾邮件箱，或明天再试。".to_owned(),
                "No more mails can be sent today. Check your spam folder, or try again tomorrow.".to_owned(),
            ),
        };
        match self.f.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }
}
