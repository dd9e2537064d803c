//! The shop, the form and the look-up in states that pass quickly or need another shop: drawn by the same renderers.

use crate::drawn::{Stage, method, methods};
use app::settings::Settings;
use domain::{Currency, Money};
use functions::pages;
use functions::pages::view::{
    FormNotice, FormValues, Found, Frame, LookupNotice, LookupView, MethodKind, ProductView, Row, ShopView,
    Stage as State,
};

/// A drawn page: its name, what it shows, and how.
type Form = (&'static str, &'static str, fn(&Stage, &Frame<'_>) -> String);

/// All of them.
pub const FORMS: &[Form] = &[
    ("shop-empty", "shop, nothing on sale", |_, f| {
        let view = ShopView { rows: Vec::new(), listed: 0, categories: Vec::new(), category: "", query: "" };
        pages::shop(f, &view)
    }),
    ("shop-closed", "shop, closed", |stage, f| closed(f, |f| pages::shop(f, &stage.shelf()))),
    ("product-closed", "product, closed shop", |stage, f| {
        closed(f, |f| pages::product(f, &ProductView { notice: Some(FormNotice::Closed), ..stage.product() }))
    }),
    ("product-methods", "product, four ways to pay", |stage, f| {
        pages::product(f, &ProductView { methods: methods(), ..stage.product() })
    }),
    ("product-agree", "product, a tick is demanded", |stage, f| {
        let settings = Settings { must_agree: true, ..f.settings.clone() };
        pages::product(&Frame { settings: &settings, ..f.clone() }, &stage.product())
    }),
    ("product-off-sale", "E-10", |stage, f| told(stage, f, FormNotice::OffSale)),
    ("product-no-method", "product, no way to pay", |stage, f| {
        pages::product(f, &ProductView { methods: Vec::new(), ..stage.product() })
    }),
    ("form-error", "E-5", |stage, f| wrong(stage, f, &[("contact", "contact_kind")])),
    ("form-errors", "E-3, E-5, E-7", |stage, f| {
        wrong(stage, f, &[("quantity", "quantity_range"), ("contact", "required"), ("query_password", "length")])
    }),
    ("form-sold-out", "E-1", |stage, f| told(stage, f, FormNotice::SoldOut)),
    ("form-only-left", "E-2", |stage, f| told(stage, f, FormNotice::OnlyLeft(2))),
    ("form-price", "E-9", |stage, f| told(stage, f, FormNotice::PriceChanged)),
    ("form-channel", "E-11", |stage, f| told(stage, f, FormNotice::ChannelDown)),
    ("form-too-many", "E-13", |stage, f| told(stage, f, FormNotice::TooManyOpen)),
    ("form-too-fast", "E-14", |stage, f| told(stage, f, FormNotice::TooFast(30))),
    ("form-stale", "E-17", |stage, f| told(stage, f, FormNotice::Stale)),
    ("form-unavailable", "form, nothing decided", |stage, f| told(stage, f, FormNotice::Unavailable)),
    ("lookup-none", "E-15", |_, f| lookup(f, LookupNotice::None)),
    ("lookup-locked", "E-16", |_, f| lookup(f, LookupNotice::Locked(5))),
    ("lookup-incomplete", "look-up, a field is empty", |_, f| lookup(f, LookupNotice::Incomplete)),
    ("lookup-unavailable", "look-up, nothing decided", |_, f| lookup(f, LookupNotice::Unavailable)),
    ("lookup-mailed", "look-up, links are sent", |_, f| lookup(f, LookupNotice::Mailed)),
    ("lookup-mailed-enough", "look-up, no more mails today", |_, f| lookup(f, LookupNotice::MailedEnough)),
    ("lookup-no-mail", "look-up, no mail address", |_, f| lookup(f, LookupNotice::NoMail)),
    ("lookup-found", "look-up, found", |stage, f| {
        let found = Some(stage.found());
        pages::lookup(f, &LookupView { found, contact: "buyer@example.com".to_owned(), ..LookupView::default() })
    }),
];

/// Draws the page of this name.
pub fn draw(stage: &Stage, name: &str, f: &Frame<'_>) -> Option<String> {
    FORMS.iter().find(|(known, ..)| *known == name).map(|(_, _, draw)| draw(stage, f))
}

fn closed(f: &Frame<'_>, draw: impl Fn(&Frame<'_>) -> String) -> String {
    let settings = Settings { closed: Some("店主出差，周一恢复".to_owned()), ..f.settings.clone() };
    draw(&Frame { settings: &settings, ..f.clone() })
}

fn told(stage: &Stage, f: &Frame<'_>, notice: FormNotice) -> String {
    pages::product(f, &ProductView { values: values("2", "10001", ""), notice: Some(notice), ..stage.product() })
}

fn wrong(stage: &Stage, f: &Frame<'_>, errors: &[(&str, &'static str)]) -> String {
    let errors: Vec<(String, &'static str)> = errors.iter().map(|(field, code)| ((*field).to_owned(), *code)).collect();
    let values = if errors.len() > 1 { values("99", "", "123") } else { values("3", "buyer#example.com", "") };
    pages::product(f, &ProductView { values, errors, ..stage.mail_product() })
}

fn values(quantity: &str, contact: &str, password: &str) -> FormValues {
    FormValues {
        quantity: quantity.to_owned(),
        contact: contact.to_owned(),
        query_password: password.to_owned(),
        ..FormValues::default()
    }
}

fn lookup(f: &Frame<'_>, notice: LookupNotice) -> String {
    let contact = if notice == LookupNotice::Incomplete { "" } else { "buyer@example.com" };
    pages::lookup(
        f,
        &LookupView { notice: Some(notice), contact: contact.to_owned(), can_mail: true, ..LookupView::default() },
    )
}

impl Stage {
    fn row(&self, at: usize, stock: u64) -> Row<'_> {
        Row { product: &self.listed[at].product, look: &self.listed[at].look, stock: Some(stock) }
    }

    fn shelf(&self) -> ShopView<'_> {
        let rows = (0..self.listed.len()).map(|at| self.row(at, 20)).collect();
        ShopView { rows, listed: self.listed.len(), categories: Vec::new(), category: "", query: "" }
    }

    fn product(&self) -> ProductView<'_> {
        ProductView {
            row: self.row(0, 128),
            texts: &self.texts,
            methods: vec![method(MethodKind::Alipay, "alipay-1")],
            values: FormValues::default(),
            errors: Vec::new(),
            notice: None,
            nonce: "n0123456789abcdef".to_owned(),
            hold_minutes: 15,
            unpaid: None,
            others: Vec::new(),
        }
    }

    /// One that asks for a mail address.
    fn mail_product(&self) -> ProductView<'_> {
        let at = self.listed.iter().position(|listed| listed.product.id.as_str() == "video-season").unwrap_or(0);
        ProductView { row: self.row(at, 40), ..self.product() }
    }

    fn found(&self) -> Vec<Found<'_>> {
        let stages = [State::Awaiting { seconds_left: 60 }, State::Delivered, State::Expired];
        let order = |(at, stage): (i64, State)| Found {
            href: format!("/o/GALLERY-{at}?t=AbCd"),
            product_name: "钱包充值卡 50 元",
            amount: Money { minor: 2_970, currency: Currency::CNY },
            stage,
            created_at: self.now - at * 3_600_000,
        };
        (0..).zip(stages).map(order).collect()
    }
}
