//! What no real product can reach yet, drawn by the same renderers from plain data.

use crate::serve::{DRAWN, now};
use crate::{Page, forms};
use app::catalogue::Listed;
use app::settings::{Settings, Texts};
use domain::{AccountId, Currency, Money, ProductId};
use functions::pages;
use functions::pages::view::{
    Access, Env, Extra, Frame, Happened, Lang, Method, MethodKind, OrderView, PaymentView, RefundWhy, Stage as State,
    Trouble,
};
use payments::Created;
use tests::TestShop;

/// A page that was drawn.
pub struct Drawn {
    /// Its status.
    pub status: u16,
    /// Its HTML.
    pub html: String,
    /// The origin its form is posted to besides our own.
    pub posts_to: Option<&'static str>,
}

/// What the drawn pages are made of.
pub struct Stage {
    /// The shop's words.
    pub settings: Settings,
    /// What is on the shelf.
    pub listed: Vec<Listed>,
    /// The texts of the first of them.
    pub texts: Texts,
    /// The time at which everything is looked at.
    pub now: i64,
}

const MINUTE: i64 = 60_000;

/// The codes, as providers write them, by the drawn order's name.
const CODES: [(&str, &str); 3] = [
    ("ALIPAY", "https://qr.example.com/bax08888abcdefghijklm"),
    ("WECHAT", "weixin://wxpay/bizpayurl?pr=AbCdEfG00"),
    ("USDT", "tron:TExampleAddressThatNobodyOwns0001?amount=4.168300"),
];

/// A drawn order: its name, its row, what `data-stage` says, the app whose browser looks, and what was made to pay it.
type Order = (&'static str, &'static str, &'static str, Option<&'static str>, fn(&mut OrderView<'_>));

const ORDERS: &[Order] = &[
    ("alipay", "awaiting, Alipay code", "awaiting", None, |v| pay(v, MethodKind::Alipay, "ALIPAY")),
    ("alipay-second", "awaiting, second code", "awaiting", None, |v| {
        pay(v, MethodKind::Alipay, "ALIPAY");
        v.payment.iter_mut().for_each(|payment| payment.attempt = 2);
    }),
    ("wechat", "awaiting, WeChat code", "awaiting", None, |v| pay(v, MethodKind::Wechat, "WECHAT")),
    ("usdt", "awaiting, USDT", "awaiting", None, |v| pay(v, MethodKind::Usdt, "USDT")),
    ("form", "awaiting, form kind", "awaiting", None, |v| {
        pay(v, MethodKind::Card, "");
        v.payment.iter_mut().for_each(|payment| {
            payment.shown = Created::Form {
                action: format!("{FORM_ORIGIN}/pay"),
                fields: vec![("merchant".to_owned(), "2000".to_owned())],
            }
        });
    }),
    ("inside-wechat-alipay", "awaiting, Alipay inside WeChat", "awaiting", Some("wechat"), |v| {
        pay(v, MethodKind::Alipay, "ALIPAY");
        v.others.retain(|other| other.kind != MethodKind::Alipay);
    }),
    ("inside-wechat", "awaiting, WeChat code inside WeChat", "awaiting", Some("wechat"), |v| {
        pay(v, MethodKind::Wechat, "WECHAT");
        v.others.retain(|other| other.kind != MethodKind::Alipay);
    }),
    ("inside-alipay", "awaiting, Alipay inside Alipay", "awaiting", Some("alipay"), |v| {
        pay(v, MethodKind::Alipay, "ALIPAY");
        v.others.retain(|other| other.kind != MethodKind::Wechat);
    }),
    ("no-code", "awaiting, code not made", "no_code", None, |v| {
        pay(v, MethodKind::Alipay, "ALIPAY");
        v.payment = None;
        v.stage = State::NoCode { seconds_left: 600 };
    }),
    ("manual", "paid, manual goods", "manual", None, |v| paid(v, State::Manual)),
    ("queued", "paid, waiting for stock", "queued", None, |v| paid(v, State::Queued { place: 3 })),
    ("refund-due-seller", "refund due, the seller's", "refund_due", None, |v| {
        paid(v, State::RefundDue { why: RefundWhy::Seller, by_hand: false });
        v.returned = v.amount;
    }),
    ("refund-due-review", "refund due, refused", "refund_due", None, |v| {
        paid(v, State::RefundDue { why: RefundWhy::Review, by_hand: false });
        v.returned = v.amount;
    }),
    ("refunded-partly", "refunded, in part", "refunded", None, |v| {
        let at = v.created_at;
        paid(v, State::Refunded { at, reference: "2026113022001".to_owned() });
        v.returned = yuan(1_485);
    }),
    ("wrong-amount-drawn", "wrong amount", "expired", None, |v| {
        v.stage = State::Expired;
        v.extras = vec![Extra::WrongAmount { got: yuan(2_969) }];
    }),
];

/// Where the drawn form goes.
const FORM_ORIGIN: &str = "https://pay.example.com";

fn yuan(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

/// A way to pay.
pub fn method(kind: MethodKind, account: &str) -> Method {
    Method { account: AccountId::parse(account).unwrap(), kind }
}

/// All ways to pay.
pub fn methods() -> Vec<Method> {
    vec![
        method(MethodKind::Alipay, "alipay-1"),
        method(MethodKind::Wechat, "wechat-1"),
        method(MethodKind::Usdt, "usdt-1"),
        method(MethodKind::Card, "card-1"),
    ]
}

fn code(name: &str) -> &'static str {
    CODES.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text)
}

fn pay(v: &mut OrderView<'_>, kind: MethodKind, name: &str) {
    let chosen = methods().into_iter().find(|method| method.kind == kind).unwrap();
    v.others.retain(|other| other.kind != kind);
    v.method = kind;
    v.payment = Some(PaymentView { method: chosen, attempt: 1, shown: Created::Qr(code(name).to_owned()), due: None });
}

fn paid(v: &mut OrderView<'_>, stage: State) {
    v.stage = stage;
    v.paid = Some(v.amount);
    v.paid_at = Some(v.created_at + MINUTE);
    v.timeline.push((Happened::Paid, v.created_at + MINUTE));
    v.others.clear();
}

const TROUBLES: [(&str, u16, &str, Trouble<'_>); 5] = [
    ("failed", 503, "E-20", Trouble::Failed("01JD8F3KQZ")),
    ("key-unavailable", 503, "E-23", Trouble::KeyUnavailable),
    ("foreign-form", 403, "a form of another site", Trouble::ForeignForm),
    ("bad-request", 400, "what does not read", Trouble::BadRequest),
    ("maintenance", 503, "closed after a restore", Trouble::Closed),
];

impl Stage {
    /// The words and goods of a shop.
    pub async fn of(shop: &TestShop) -> Stage {
        let listed = shop.app.products().await.expect("products").to_vec();
        let mut listed: Vec<Listed> = listed.into_iter().filter(|listed| !listed.look.hidden).collect();
        listed.sort_by_key(|listed| listed.look.sort);
        let texts = shop.app.texts(&ProductId::parse("wallet-50").unwrap()).await.expect("texts");
        let settings = shop.app.settings_now().await.expect("settings").0;
        Stage { settings, listed, texts: Texts::clone(&texts), now: now(&shop.app) }
    }

    /// Every drawn page.
    pub fn pages(&self) -> Vec<Page> {
        let url = |name: &str| format!("{DRAWN}{name}");
        let orders = ORDERS.iter().map(|(name, row, stage, inside, _)| Page {
            stage: Some(stage),
            inside: *inside,
            ..Page::plain(name, &url(name), row)
        });
        let troubles = TROUBLES.iter().map(|(name, _, row, _)| Page::plain(name, &url(name), row));
        let forms = forms::FORMS.iter().map(|(name, row, ..)| Page::plain(name, &url(name), row));
        orders.chain(troubles).chain(forms).collect()
    }

    /// The text of a drawn order's code.
    pub fn code_of(&self, name: &str) -> String {
        let name = name.to_ascii_uppercase();
        let method = ["WECHAT", "USDT"].into_iter().find(|method| name.starts_with(method) || name == "INSIDE-WECHAT");
        code(method.unwrap_or("ALIPAY")).to_owned()
    }

    /// Draws the page of this name.
    pub fn draw(&self, name: &str, lang: Lang, env: Env) -> Option<Drawn> {
        let path = format!("{DRAWN}{name}");
        let f = Frame { lang, settings: &self.settings, is_sandbox: false, path: &path, now: self.now, env };
        if let Some((_, _, _, _, change)) = ORDERS.iter().find(|(known, ..)| *known == name) {
            let view = self.order(name, *change);
            let posts_to = (name == "form").then_some(FORM_ORIGIN);
            return Some(Drawn { status: 200, html: pages::order(&f, &view), posts_to });
        }
        if let Some((_, status, _, trouble)) = TROUBLES.iter().find(|(known, ..)| *known == name) {
            return Some(Drawn { status: *status, html: pages::trouble(&f, *trouble), posts_to: None });
        }
        let html = forms::draw(self, name, &f)?;
        Some(Drawn { status: 200, html, posts_to: None })
    }

    fn order(&self, name: &str, change: fn(&mut OrderView<'_>)) -> OrderView<'_> {
        let id = format!("GALLERY-{}", name.to_ascii_uppercase());
        let created_at = self.now - 2 * MINUTE;
        let mut view = OrderView {
            link: Some(format!("https://shop.example.com/o/{id}?t=AbCdEfGhIjKlMnOpQrStUvWxYz0123456789")),
            id,
            access: Access::Open,
            stage: State::Awaiting { seconds_left: 780 },
            version: "drawn".to_owned(),
            next_poll_ms: 10_000,
            product_name: "钱包充值卡 50 元",
            product: "wallet-50",
            quantity: 1,
            amount: yuan(2_970),
            paid: None,
            returned: yuan(0),
            created_at,
            expires_at: self.now + 13 * MINUTE,
            paid_at: None,
            delivered_at: None,
            viewable_until: None,
            can_mail: true,
            payment: None,
            others: methods(),
            method: MethodKind::Alipay,
            extras: Vec::new(),
            notice: None,
            contact: Some("buyer@example.com".to_owned()),
            collection_code: Some("48213977".to_owned()),
            support: &self.settings.support,
            timeline: vec![(Happened::Created, created_at)],
            warranty_days: 7,
            account: AccountId::parse("alipay-1").unwrap(),
        };
        change(&mut view);
        view
    }
}
