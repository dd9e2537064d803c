//! `/p/{product}`.

use super::layout::html;
use super::markdown;
use super::shop::{Item, closed, item};
use super::view::{FormNotice, Frame, Inside, Lang, Method, ProductView};
use app::settings::{Contact, ContactKind};
use askama::Template;
use domain::limits;
use domain::product::Field;

/// Characters of a description that fit three lines above the form.
const EXCERPT: usize = 60;

/// What stands in place of the form, when no order can be placed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Instead {
    /// The form stands.
    Form,
    /// Gone from the shop.
    OffSale,
    /// The shop takes no orders.
    Closed,
    /// No cards.
    SoldOut,
    /// No way to pay works in this program.
    NoMethod,
}

/// A field of the seller's, with what the buyer typed.
struct Asked<'a> {
    field: &'a Field,
    /// Its name in the form's list of errors.
    name: String,
    value: &'a str,
}

/// A way to pay, worded.
struct Choice<'a> {
    account: &'a str,
    name: &'static str,
    /// The tile's letter and its class.
    letter: &'static str,
    class: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "product.html", whitespace = "minimize")]
struct Page<'a> {
    f: &'a Frame<'a>,
    v: &'a ProductView<'a>,
    item: Item<'a>,
    others: Vec<Item<'a>>,
    asked: Vec<Asked<'a>>,
    choices: Vec<Choice<'a>>,
    instead: Instead,
    /// The start of the description, and whether that is all of it.
    excerpt: (String, bool),
    /// All of it.
    description: String,
    /// Whom to ask about this product.
    support: &'a [Contact],
    /// Why the shop is closed, without the full stop that the sentence brings; empty for no reason.
    closed: &'a str,
}

/// A product and its order form.
pub fn product(frame: &Frame<'_>, view: &ProductView<'_>) -> String {
    let item_of_page = item(frame, &view.row);
    let asked = view.row.product.fields.iter().map(|field| Asked {
        field,
        name: format!("fields.{}", field.id),
        value: view.values.fields.iter().find(|(id, _)| *id == field.id).map_or("", |(_, value)| value),
    });
    let look = view.row.look;
    html(&Page {
        f: frame,
        v: view,
        instead: instead(frame, view, &item_of_page),
        item: item_of_page,
        others: view.others.iter().map(|row| item(frame, row)).collect(),
        asked: asked.collect(),
        choices: choices(frame, view),
        excerpt: markdown::excerpt(&view.texts.description, EXCERPT),
        description: markdown::to_html(&view.texts.description),
        closed: closed(frame).unwrap_or_default(),
        support: if look.support.is_empty() { &frame.settings.support } else { &look.support },
    })
}

/// The ways to pay; the one that was sent is chosen, else the first.
fn choices<'a>(f: &Frame<'_>, view: &'a ProductView<'_>) -> Vec<Choice<'a>> {
    let sent = view.methods.iter().position(|method| method.account.as_str() == view.values.channel).unwrap_or(0);
    let choice = |(at, method): (usize, &'a Method)| Choice {
        account: method.account.as_str(),
        name: f.method(method.kind),
        letter: f.method_letter(method.kind),
        class: f.method_class(method.kind),
        is_chosen: at == sent,
    };
    view.methods.iter().enumerate().map(choice).collect()
}

fn instead(f: &Frame<'_>, view: &ProductView<'_>, item: &Item<'_>) -> Instead {
    let product = view.row.product;
    let is_gone = !product.on_sale || product.archived || view.notice == Some(FormNotice::OffSale);
    match view.methods.is_empty() {
        _ if is_gone => Instead::OffSale,
        _ if f.settings.closed.is_some() => Instead::Closed,
        _ if item.is_sold_out => Instead::SoldOut,
        true => Instead::NoMethod,
        false => Instead::Form,
    }
}

impl Page<'_> {
    /// The code of a field's error; empty when it fits.
    fn code(&self, name: &str) -> &str {
        self.v.errors.iter().find(|(field, _)| field == name).map_or("", |(_, code)| code)
    }

    /// Whether a field does not fit.
    fn is_wrong(&self, name: &str) -> bool {
        !self.code(name).is_empty()
    }

    /// What the buyer's contact is called.
    fn contact_word(&self) -> &'static str {
        match self.v.row.look.contact_kind {
            ContactKind::Any => self.f.t("联系方式", "contact"),
            ContactKind::Email => self.f.t("邮箱", "e-mail"),
            ContactKind::Qq => self.f.t("QQ 号", "QQ number"),
            ContactKind::Phone => self.f.t("手机号", "phone number"),
        }
    }

    /// The same as a label.
    fn contact_label(&self) -> &'static str {
        match self.v.row.look.contact_kind {
            ContactKind::Any => self.f.t("联系方式", "Contact"),
            ContactKind::Email => self.f.t("邮箱", "E-mail"),
            ContactKind::Qq => self.f.t("QQ 号", "QQ number"),
            ContactKind::Phone => self.f.t("手机号", "Phone number"),
        }
    }

    /// An example of it.
    fn contact_example(&self) -> &'static str {
        match self.v.row.look.contact_kind {
            ContactKind::Any => self.f.t("邮箱、QQ 或手机号", "E-mail, phone or any name you use"),
            ContactKind::Email => "name@example.com",
            ContactKind::Qq => "10001",
            ContactKind::Phone => "13800138000",
        }
    }

    /// How its input behaves: type, keyboard, what browsers may fill in, the name of its check.
    fn contact_input(&self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self.v.row.look.contact_kind {
            ContactKind::Any => ("text", "text", "email", "any"),
            ContactKind::Email => ("email", "email", "email", "email"),
            ContactKind::Qq => ("text", "numeric", "off", "qq"),
            ContactKind::Phone => ("tel", "tel", "tel", "phone"),
        }
    }

    /// When nothing was typed.
    fn contact_required(&self) -> String {
        match self.f.lang {
            Lang::Zh => format!("请填写{}。", self.contact_word()),
            Lang::En => format!("Enter your {}.", self.contact_word()),
        }
    }

    /// When something else was typed.
    fn contact_malformed(&self) -> String {
        let (word, example) = (self.contact_word(), self.contact_example());
        match (self.f.lang, self.v.row.look.contact_kind) {
            (Lang::Zh, ContactKind::Any) => format!("{word}格式不对，请检查。"),
            (Lang::Zh, _) => format!("{word}格式不对，例如 {example}。"),
            (Lang::En, ContactKind::Any) => format!("Check the {word}."),
            (Lang::En, _) => format!("Check the {word}, for example {example}."),
        }
    }

    /// How many one order may have.
    fn quantity_range(&self) -> String {
        let (min, max) = self.range();
        match self.f.lang {
            Lang::Zh => format!("每单 {min}–{max} 件。"),
            Lang::En => format!("{min} to {max} per order."),
        }
    }

    /// The smallest and the largest quantity of an order.
    fn range(&self) -> (u32, u32) {
        let product = self.v.row.product;
        let max = product.max_quantity.min(limits::QUANTITY_MAX);
        (product.min_quantity.min(max), max)
    }

    /// When a field of the seller's was left empty.
    fn field_required(&self, label: &str) -> String {
        match self.f.lang {
            Lang::Zh => format!("请填写“{label}”。"),
            Lang::En => format!("Enter “{label}”."),
        }
    }

    /// What is wrong with one of the seller's fields; empty when it fits.
    fn field_error(&self, asked: &Asked<'_>) -> String {
        let label = &asked.field.label;
        match (self.code(&asked.name), self.f.lang) {
            ("", _) => String::new(),
            ("required", _) => self.field_required(label),
            ("length" | "too_long", Lang::Zh) => format!("“{label}”太长了。"),
            ("length" | "too_long", Lang::En) => format!("“{label}” is too long."),
            (_, Lang::Zh) => format!("“{label}”格式不对，请检查。"),
            (_, Lang::En) => format!("Check “{label}”."),
        }
    }

    /// What is wrong with one of our own fields; empty when it fits.
    fn error(&self, name: &str) -> String {
        let f = self.f;
        match (name, self.code(name)) {
            (_, "") => String::new(),
            ("quantity", _) => self.quantity_range(),
            ("contact", "required") => self.contact_required(),
            ("contact", "length" | "too_long") => f.t("太长了，请缩短。", "Too long.").to_owned(),
            ("contact", _) => self.contact_malformed(),
            ("channel", _) => f.t("请选择付款方式。", "Choose how to pay.").to_owned(),
            ("query_password", _) => self.password_short().to_owned(),
            ("coupon", _) => f.t("没有这个优惠码。", "Unknown code.").to_owned(),
            ("agree", _) => f.t("请先阅读并勾选。", "Please read it and tick the box.").to_owned(),
            _ => f.t("请检查这一项。", "Please check this.").to_owned(),
        }
    }

    /// How long a password must be.
    fn password_short(&self) -> &'static str {
        self.f.t("查询密码至少 6 位，也可以不填。", "At least 6 characters, or leave it empty.")
    }

    /// The sum, where it is certain without a script: when only one quantity can be ordered.
    fn sum(&self) -> Option<String> {
        let (min, max) = self.range();
        (min == max).then(|| self.v.row.product.price.times(min).map(|sum| self.f.money(sum))).flatten()
    }

    /// The button's words, with the sum where there is one.
    fn button(&self) -> String {
        let words = self.f.t("提交订单", "Place order");
        self.sum().map_or_else(|| words.to_owned(), |sum| format!("{words} · {sum}"))
    }

    /// The quantity that the form begins with.
    fn quantity(&self) -> String {
        match self.v.values.quantity.is_empty() {
            true => self.range().0.to_string(),
            false => self.v.values.quantity.clone(),
        }
    }

    /// Whether the buyer must tick the notice.
    fn must_agree(&self) -> bool {
        self.f.settings.must_agree && self.f.has_terms()
    }

    /// Whether a program shows the page that lets few ways to pay through.
    fn is_inside(&self) -> bool {
        self.f.env.inside != Inside::Browser
    }

    /// What stands under the button.
    fn promise(&self) -> String {
        let (minutes, days) = (self.v.hold_minutes, self.v.row.look.warranty_days);
        match (self.f.lang, days) {
            (Lang::Zh, 0) => format!("下单即为你保留库存 {minutes} 分钟"),
            (Lang::Zh, _) => format!("下单即为你保留库存 {minutes} 分钟 · 售后 {days} 天"),
            (Lang::En, 0) => format!("Your stock is held for {minutes} minutes"),
            (Lang::En, _) => format!("Your stock is held for {minutes} minutes · {days}-day warranty"),
        }
    }

    /// What else there is to tell; empty for nothing.
    fn notice(&self) -> String {
        let f = self.f;
        let Some(notice) = &self.v.notice else { return String::new() };
        let channel = self.v.methods.iter().find(|m| m.account.as_str() == self.v.values.channel);
        let channel = channel.map_or(f.t("这种付款方式", "This method"), |method| f.method(method.kind));
        let price = &self.item.price;
        let reason = closed(f).unwrap_or_default();
        let (zh, en) = match notice {
            FormNotice::SoldOut => {
                ("刚刚售罄，没有扣款。".to_owned(), "It has just sold out. Nothing was charged.".to_owned())
            }
            FormNotice::OnlyLeft(n) => (
                format!("只剩 {n} 件，已改为 {n}，请再次提交。"),
                format!("Only {n} left. Quantity changed; submit again."),
            ),
            FormNotice::PriceChanged => {
                (format!("价格已变为 {price}，请确认后再提交。"), format!("The price is now {price}. Please confirm."))
            }
            FormNotice::OffSale => ("商品已下架。".to_owned(), "No longer on sale.".to_owned()),
            FormNotice::ChannelDown => (
                format!("{channel}暂时不可用，请选其他方式。"),
                format!("{channel} is unavailable. Choose another method."),
            ),
            FormNotice::TooManyOpen => (
                "你有未付款的订单，先付款或取消再下单。".to_owned(),
                "You have unpaid orders. Pay or cancel one first.".to_owned(),
            ),
            FormNotice::TooFast(n) => {
                (format!("操作太快，请 {n} 秒后再试。"), format!("Too fast. Try again in {n} s."))
            }
            FormNotice::Stale => (
                "页面放久了，已为你刷新，请再次提交。没有重复下单。".to_owned(),
                "The page was old and has been refreshed. Submit again; nothing was ordered twice.".to_owned(),
            ),
            FormNotice::Closed if reason.is_empty() => ("暂时打烊。".to_owned(), "Closed for now.".to_owned()),
            FormNotice::Closed => (format!("暂时打烊：{reason}。"), format!("Closed for now: {reason}.")),
            FormNotice::Unavailable => (
                "暂时没有办成，没有扣款。你的填写都还在，请再次提交。".to_owned(),
                "That did not go through and nothing was charged. Nothing you typed is lost; submit again.".to_owned(),
            ),
        };
        match f.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// Fields that do not fit, for the summary above the form: the id of each and its words.
    fn wrong(&self) -> Vec<(String, String)> {
        let own = ["quantity", "contact", "channel", "query_password", "coupon", "agree"];
        let all = own.iter().map(|name| ((*name).to_owned(), self.error(name)));
        let asked = self.asked.iter().map(|asked| (format!("f-{}", asked.field.id), self.field_error(asked)));
        all.chain(asked).filter(|(_, words)| !words.is_empty()).collect()
    }
}
