//! Orders in every state, as a handler would fill them.

use app::settings::{CardTemplate, Contact, Settings, SupportKind};
use domain::{AccountId, Currency, Money};
use functions::pages::view::{
    Access, Env, Frame, Happened, Inside, KeysView, Lang, Method, MethodKind, OrderView, PaymentView, RefundWhy, Stage,
};
use payments::Created;
use std::sync::LazyLock;

/// 2026-11-22 14:32:00 in China.
pub const NOW: i64 = 1_795_329_120_000;

pub const ID: &str = "01KJ4Q8ZC7M3N9PXV5WTB2RD";

pub const LINK: &str = "https://example.com/o/01KJ4Q8ZC7M3N9PXV5WTB2RD?t=R0FyZGVuLW9mLWZvcmtpbmctcGF0aHM";

pub const LANGS: [Lang; 2] = [Lang::Zh, Lang::En];

pub const DESKTOP: Env = Env { is_phone: false, inside: Inside::Browser };

pub const PHONE: Env = Env { is_phone: true, inside: Inside::Browser };

pub static SETTINGS: LazyLock<Settings> = LazyLock::new(|| Settings {
    name: "Corner".to_owned(),
    support: SUPPORT.clone(),
    hours: "9:00–23:00".to_owned(),
    ..Settings::default()
});

pub static SUPPORT: LazyLock<Vec<Contact>> = LazyLock::new(|| {
    vec![
        Contact { kind: SupportKind::Qq, value: "10001".to_owned() },
        Contact { kind: SupportKind::Email, value: "help@example.com".to_owned() },
    ]
});

pub fn frame(lang: Lang, env: Env) -> Frame<'static> {
    Frame { lang, settings: &SETTINGS, is_sandbox: false, path: "/o/01KJ4Q8ZC7M3N9PXV5WTB2RD", now: NOW, env }
}

pub fn cny(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

pub fn account(id: &str) -> AccountId {
    AccountId::parse(id).unwrap()
}

pub fn method(kind: MethodKind) -> Method {
    let id = match kind {
        MethodKind::Alipay => "alipay-1",
        MethodKind::Wechat => "wechat-1",
        MethodKind::Gateway => "gateway-1",
        MethodKind::Usdt => "usdt-1",
        MethodKind::Card => "card-1",
        MethodKind::Sandbox => "sandbox",
    };
    Method { account: account(id), kind }
}

pub fn qr() -> Created {
    Created::Qr("https://qr.example.com/bax08431kqvqxtpzhb0p7590".to_owned())
}

pub fn redirect() -> Created {
    Created::Redirect("https://pay.example.com/submit.php?pid=1000&sign=0f".to_owned())
}

pub fn form() -> Created {
    Created::Form {
        action: "https://pay.example.com/gateway".to_owned(),
        fields: vec![("sign".to_owned(), "a\"b<c>".to_owned())],
    }
}

/// An order of two cards at ¥29.70, seen on the device that ordered.
pub fn view(stage: Stage) -> OrderView<'static> {
    let mut view = OrderView {
        id: ID.to_owned(),
        access: Access::Open,
        stage,
        version: "v1".to_owned(),
        next_poll_ms: 2_000,
        product_name: "Steam 50",
        product: "steam-50",
        quantity: 2,
        amount: cny(2_970),
        paid: None,
        returned: cny(0),
        created_at: NOW - 28_000,
        expires_at: NOW + 872_000,
        paid_at: None,
        delivered_at: None,
        viewable_until: Some(NOW + 180 * 86_400_000),
        payment: None,
        others: vec![method(MethodKind::Wechat), method(MethodKind::Usdt)],
        method: MethodKind::Alipay,
        extras: Vec::new(),
        notice: None,
        contact: Some("buyer@example.com".to_owned()),
        collection_code: Some("48210375".to_owned()),
        link: Some(LINK.to_owned()),
        can_mail: true,
        support: &SUPPORT,
        timeline: vec![(Happened::Created, NOW - 28_000)],
        warranty_days: 7,
        account: account("alipay-1"),
    };
    let (paid, returned) = match &view.stage {
        Stage::Awaiting { .. } => {
            view.payment = Some(PaymentView { method: method(MethodKind::Alipay), attempt: 1, shown: qr(), due: None });
            (false, 0)
        }
        Stage::NoCode { .. } | Stage::Checking | Stage::Expired | Stage::Cancelled => (false, 0),
        Stage::RefundDue { .. } | Stage::Refunded { .. } => (true, 2_970),
        _ => (true, 0),
    };
    if paid {
        view.paid = Some(cny(2_970));
        view.paid_at = Some(NOW - 10_000);
        view.timeline.push((Happened::Paid, NOW - 10_000));
    }
    view.returned = cny(returned);
    view
}

/// The page to pay on with another method and another thing to pay with.
pub fn paying(kind: MethodKind, shown: Created) -> OrderView<'static> {
    let mut view = view(Stage::Awaiting { seconds_left: 872 });
    view.method = kind;
    view.account = method(kind).account;
    view.payment = Some(PaymentView { method: method(kind), attempt: 1, shown, due: None });
    view.others = [MethodKind::Alipay, MethodKind::Wechat, MethodKind::Usdt]
        .into_iter()
        .filter(|other| *other != kind)
        .map(method)
        .collect();
    view
}

/// The same for whoever has not shown that it is theirs, as a handler fills it.
pub fn locked(mut view: OrderView<'static>) -> OrderView<'static> {
    view.access = Access::Locked;
    view.payment = None;
    view.others = Vec::new();
    view.extras = Vec::new();
    view.contact = None;
    view.collection_code = None;
    view.link = None;
    view
}

pub fn keys(keys: &[&str], template: Option<&'static CardTemplate>) -> KeysView<'static> {
    KeysView {
        id: ID.to_owned(),
        product_name: "Steam 50",
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        template,
        instructions_html: "<p>1</p>".to_owned(),
        viewable_until: Some(NOW + 180 * 86_400_000),
        collection_code: Some("48210375".to_owned()),
        warranty_days: 7,
        can_mail: true,
        support: &SUPPORT,
    }
}

pub static PARTS: LazyLock<CardTemplate> =
    LazyLock::new(|| CardTemplate { separator: "----".to_owned(), labels: vec!["ID".to_owned(), "PIN".to_owned()] });

pub fn sold_out() -> RefundWhy {
    RefundWhy::SoldOutWhenPaid
}
