//! A shop with everything in it, and every page of it that is not an order's.

use app::settings::{Contact, ContactKind, Link, Presentation, Settings, SupportKind, Texts};
use domain::product::{Field, Kind, Product};
use domain::{AccountId, Currency, Money, ProductId};
use functions::pages;
use functions::pages::view::{
    Env, FormNotice, FormValues, Found, Frame, Inside, Lang, LookupNotice, LookupView, Method, MethodKind, ProductView,
    RefundWhy, Row, ShopView, Stage, Trouble,
};

/// 2026-11-22 14:05 in China.
pub const NOW: i64 = 1_795_327_500_000;

pub const LANGS: [Lang; 2] = [Lang::Zh, Lang::En];

fn contact(kind: SupportKind, value: &str) -> Contact {
    Contact { kind, value: value.to_owned() }
}

pub fn settings() -> Settings {
    Settings {
        name: "Corner".to_owned(),
        notice: "**2026**: [1](https://example.com/news)\n\n1. 2\n2. 3".to_owned(),
        purchase_notice: "# 1\n\n- 2\n- 3".to_owned(),
        must_agree: true,
        refund_policy: "7".to_owned(),
        links: vec![Link { label: "Example".to_owned(), url: "https://example.org/".to_owned() }],
        filing_number: "2026000001".to_owned(),
        support: vec![
            contact(SupportKind::Email, "help@example.com"),
            contact(SupportKind::Qq, "10001"),
            contact(SupportKind::Wechat, "corner_1"),
            contact(SupportKind::Telegram, "@corner_1"),
            contact(SupportKind::Phone, "+86 138 0013 8000"),
            contact(SupportKind::Link, "https://example.com/help"),
        ],
        hours: "9:00–23:00".to_owned(),
        colour: Some("#0055AA".to_owned()),
        ..Settings::default()
    }
}

pub fn product(id: &str, name: &str, minor: i64) -> Product {
    Product {
        id: ProductId::parse(id).unwrap(),
        name: name.to_owned(),
        kind: Kind::SingleUseKey,
        price: Money { minor, currency: Currency::CNY },
        channels: vec![AccountId::parse("sandbox").unwrap()],
        min_quantity: 1,
        max_quantity: 5,
        fields: vec![
            Field { id: "account".to_owned(), label: "Steam".to_owned(), required: true },
            Field { id: "note".to_owned(), label: "Xbox".to_owned(), required: false },
        ],
        review: false,
        on_sale: true,
        archived: false,
        version: 1,
    }
}

pub fn look() -> Presentation {
    Presentation { category: "Steam".to_owned(), warranty_days: 7, ..Presentation::default() }
}

/// What pages are made of: everything that is the seller's is in letters of neither language's sentences.
pub struct Shop {
    pub settings: Settings,
    pub products: Vec<Product>,
    pub looks: Vec<Presentation>,
    pub texts: Texts,
}

impl Shop {
    pub fn new() -> Shop {
        let names = ["Steam 50", "Xbox", "Netflix", "Spotify", "iCloud", "Zoom"];
        let products: Vec<Product> = names
            .iter()
            .enumerate()
            .map(|(at, name)| product(&format!("p{at}"), name, 990 + 1_000 * at as i64))
            .collect();
        let mut looks = vec![look(); products.len()];
        looks[1].hide_stock = true;
        looks[2].contact_kind = ContactKind::Email;
        let description = "Steam ".repeat(40) + "\n\n| 1 | 2 |\n|:-:|--:|\n| 3 | 4 |";
        Shop { settings: settings(), products, looks, texts: Texts { description, instructions: String::new() } }
    }

    pub fn frame(&self, lang: Lang, path: &'static str) -> Frame<'_> {
        Frame { lang, settings: &self.settings, is_sandbox: true, path, now: NOW, env: Env::default() }
    }

    pub fn row(&self, at: usize, stock: Option<u64>) -> Row<'_> {
        Row { product: &self.products[at], look: &self.looks[at], stock }
    }

    /// The products: many, few, none, unknown, hidden numbers.
    pub fn view(&self) -> ShopView<'_> {
        let stocks = [Some(128), Some(40), Some(3), None, Some(20), Some(0)];
        ShopView {
            rows: stocks.into_iter().enumerate().map(|(at, stock)| self.row(at, stock)).collect(),
            listed: 13,
            categories: vec!["Steam", "Xbox"],
            category: "",
            query: "",
        }
    }

    pub fn product_view(&self) -> ProductView<'_> {
        let method = |kind, account: &str| Method { account: AccountId::parse(account).unwrap(), kind };
        ProductView {
            row: self.row(0, Some(128)),
            texts: &self.texts,
            methods: vec![
                method(MethodKind::Alipay, "alipay-1"),
                method(MethodKind::Wechat, "wechat-1"),
                method(MethodKind::Usdt, "usdt-1"),
            ],
            values: FormValues::default(),
            errors: Vec::new(),
            notice: None,
            nonce: "n0123456789abcdef".to_owned(),
            hold_minutes: 15,
            unpaid: None,
            others: vec![self.row(1, Some(40)), self.row(2, Some(3))],
        }
    }
}

pub const STAGES: [fn() -> Stage; 14] = [
    || Stage::Awaiting { seconds_left: 60 },
    || Stage::NoCode { seconds_left: 60 },
    || Stage::Checking,
    || Stage::Paid { since: 1 },
    || Stage::Manual,
    || Stage::Queued { place: 1 },
    || Stage::Delivered,
    || Stage::Completed,
    || Stage::Expired,
    || Stage::Cancelled,
    || Stage::Late,
    || Stage::RefundDue { why: RefundWhy::Seller, by_hand: false },
    || Stage::Refunded { at: NOW, reference: String::new() },
    || Stage::Review,
];

/// One order in each state.
pub fn found() -> Vec<Found<'static>> {
    let order = |(at, stage): (i64, &fn() -> Stage)| Found {
        href: format!("/o/{at}"),
        product_name: "Steam 50",
        amount: Money { minor: 2_970, currency: Currency::CNY },
        stage: stage(),
        created_at: NOW - at * 3_600_000,
    };
    (0..).zip(&STAGES).map(order).collect()
}

/// Errors of every field with every code that a form can answer.
pub fn errors() -> Vec<Vec<(String, &'static str)>> {
    let fields = ["quantity", "contact", "channel", "fields.account", "query_password", "coupon", "agree"];
    let codes = ["required", "malformed", "quantity_range", "length", "unknown", "contact_kind"];
    codes.iter().map(|code| fields.iter().map(|field| ((*field).to_owned(), *code)).collect()).collect()
}

/// Everything a form may be told.
pub fn notices() -> Vec<FormNotice> {
    vec![
        FormNotice::SoldOut,
        FormNotice::OnlyLeft(2),
        FormNotice::PriceChanged,
        FormNotice::OffSale,
        FormNotice::ChannelDown,
        FormNotice::TooManyOpen,
        FormNotice::TooFast(30),
        FormNotice::Stale,
        FormNotice::Closed,
        FormNotice::Unavailable,
    ]
}

/// Every page of a shop but the orders', in every shape it has, with a name for each.
pub fn all(shop: &Shop, lang: Lang) -> Vec<(String, String)> {
    let mut pages = vec![("terms".to_owned(), pages::terms(&shop.frame(lang, "/terms")))];
    let mut add = |name: String, html: String| pages.push((name, html));
    let at = |path| shop.frame(lang, path);

    add("shop".to_owned(), pages::shop(&at("/"), &shop.view()));
    add("shop found".to_owned(), pages::shop(&at("/"), &ShopView { query: "Steam", category: "Xbox", ..shop.view() }));
    add(
        "shop nothing found".to_owned(),
        pages::shop(&at("/"), &ShopView { rows: vec![], query: "<q>", ..shop.view() }),
    );
    add(
        "shop empty category".to_owned(),
        pages::shop(&at("/"), &ShopView { rows: vec![], category: "X", ..shop.view() }),
    );
    add("shop empty".to_owned(), pages::shop(&at("/"), &ShopView { rows: vec![], ..shop.view() }));

    let product = |name: &str, view: &ProductView<'_>| (format!("product {name}"), pages::product(&at("/p/p0"), view));
    let view = || shop.product_view();
    let mut products = vec![
        product("plain", &view()),
        product("unpaid", &ProductView { unpaid: Some("0A".to_owned()), ..view() }),
        product("sold out", &ProductView { row: shop.row(0, Some(0)), ..view() }),
        product("mail", &ProductView { row: shop.row(2, None), ..view() }),
        product("no method", &ProductView { methods: vec![], ..view() }),
        product("one method", &ProductView { methods: view().methods[..1].to_vec(), ..view() }),
    ];
    products.extend(errors().into_iter().map(|errors| product("errors", &ProductView { errors, ..view() })));
    products
        .extend(notices().into_iter().map(|notice| product("notice", &ProductView { notice: Some(notice), ..view() })));
    for (name, html) in products {
        add(name, html);
    }
    let wechat = Env { is_phone: true, inside: Inside::Wechat };
    let inside = Frame { env: wechat, ..at("/p/p0") };
    add("product inside".to_owned(), pages::product(&inside, &ProductView { methods: vec![], ..view() }));

    let lookup = |view: LookupView<'_>| pages::lookup(&at("/lookup"), &view);
    add("lookup".to_owned(), lookup(LookupView::default()));
    add(
        "lookup found".to_owned(),
        lookup(LookupView { recent: found(), found: Some(found()), ..LookupView::default() }),
    );
    let told = [
        LookupNotice::Incomplete,
        LookupNotice::None,
        LookupNotice::Locked(5),
        LookupNotice::Unavailable,
        LookupNotice::NoMail,
        LookupNotice::Mailed,
        LookupNotice::MailedEnough,
    ];
    for notice in told {
        for contact in ["", "10001"] {
            let view = LookupView {
                notice: Some(notice),
                contact: contact.to_owned(),
                can_mail: true,
                ..LookupView::default()
            };
            add(format!("lookup {notice:?} {contact}"), lookup(view));
        }
    }
    let troubles = [
        Trouble::NoPage,
        Trouble::NoOrder,
        Trouble::Failed("0f"),
        Trouble::KeyUnavailable,
        Trouble::ForeignForm,
        Trouble::BadRequest,
        Trouble::Closed,
    ];
    for trouble in troubles {
        add(format!("{trouble:?}"), pages::trouble(&at("/x"), trouble));
    }
    pages
}
