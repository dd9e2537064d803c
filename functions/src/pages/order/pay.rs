//! The page on which a buyer pays: what leads, what stands on the button, what to do in three lines.

use super::words;
use crate::pages::env::{Lead, is_web, leads, opens_app};
use crate::pages::qr;
use crate::pages::view::{Frame, Lang, MethodKind, PaymentView};
use domain::Money;
use payments::Created;

/// What there is to pay with, worded.
pub(super) struct Pay {
    pub(super) lead: Lead,
    /// The attempt's number.
    pub(super) attempt: u8,
    /// Where the button leads; empty when there is none.
    pub(super) href: String,
    /// What stands on it.
    pub(super) button: String,
    /// Where a form is posted, and its fields.
    pub(super) form: Option<(String, Vec<(String, String)>)>,
    /// The text of the code; empty when there is none.
    pub(super) code: String,
    /// How wide the code is shown, CSS pixels.
    pub(super) side: u32,
    /// What the code's picture says to those who do not see it.
    pub(super) alt: String,
    /// What stands under it.
    pub(super) caption: String,
    /// What is to be paid where it is not the order's own amount, such as `13.8889 USDT-TRC20`; empty where it is.
    pub(super) due: String,
    /// Address and amount of a transfer.
    pub(super) transfer: Option<(String, String)>,
    /// What to do, in three lines.
    pub(super) steps: [String; 3],
    /// Who takes the money; empty where nobody does, or nobody in particular.
    pub(super) taker: &'static str,
    pub(super) is_phone: bool,
}

/// Width of a picture of so many modules: whole pixels a module, four of them at least, 208 in all at least.
pub(super) fn side(modules: u32) -> u32 {
    let scale = 208u32.div_ceil(modules.max(1)).max(4);
    modules.saturating_mul(scale)
}

impl Pay {
    pub(super) fn new(f: &Frame<'_>, payment: &PaymentView, amount: Money) -> Pay {
        let kind = payment.method.kind;
        let lead = leads(&payment.shown, kind, f.env);
        let name = f.method(kind);
        let (text, form) = match &payment.shown {
            Created::Redirect(url) => (url.as_str(), None),
            Created::Qr(text) => (text.as_str(), None),
            Created::Jsapi(_) => ("", None),
            Created::Form { action, fields } => {
                let is_open = lead == Lead::Post && is_web(action);
                ("", is_open.then(|| (action.clone(), fields.clone())))
            }
        };
        let is_code = matches!(&payment.shown, Created::Qr(_));
        let (href, button) = match lead {
            Lead::OpenApp if opens_app(text) => (text, f.t("打开{}付款", "Open {} to pay").replace("{}", name)),
            Lead::Go if is_web(text) => (text, f.t("去付款", "Go to payment").to_owned()),
            Lead::Post => ("", f.t("去付款", "Go to payment").to_owned()),
            _ => ("", String::new()),
        };
        let sum = match (f.lang, amount.currency.code()) {
            (Lang::Zh, "CNY") => format!("{} 元", amount.decimal()),
            _ => f.money(amount),
        };
        let due = payment.due.as_ref().map(|due| format!("{} {}", due.amount, due.unit)).unwrap_or_default();
        let to_pay = if due.is_empty() { f.money(amount) } else { due.clone() };
        Pay {
            lead,
            attempt: payment.attempt,
            href: href.to_owned(),
            button,
            form,
            code: if is_code { text.to_owned() } else { String::new() },
            side: if is_code { qr::modules(text).map_or(0, side) } else { 0 },
            alt: match f.lang {
                Lang::Zh => format!("{name}付款二维码，金额 {sum}"),
                Lang::En => format!("{name} payment code, amount {sum}"),
            },
            caption: caption(f, lead, kind),
            due,
            transfer: (lead == Lead::Copy).then(|| transfer(text, amount)),
            steps: steps(f, lead, kind, &to_pay),
            taker: match kind {
                MethodKind::Alipay | MethodKind::Wechat => name,
                _ => "",
            },
            is_phone: f.env.is_phone,
        }
    }

    /// Whether the page has a button that leads to where money is paid.
    pub(super) fn has_button(&self) -> bool {
        !self.href.is_empty() || self.form.is_some()
    }

    /// Whether it can only be paid from another device, so that other methods come first.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.lead == Lead::OtherDevice
    }

    /// Whether the code is shown openly.
    pub(super) fn shows_code(&self) -> bool {
        self.side > 0 && matches!(self.lead, Lead::Scan | Lead::OpenApp | Lead::Copy)
    }
}

fn caption(f: &Frame<'_>, lead: Lead, kind: MethodKind) -> String {
    match lead {
        Lead::Copy => f.t("收款地址", "Address to pay to").to_owned(),
        Lead::OpenApp => {
            f.t("或用另一台手机的{}扫一扫", "Or scan with {} on another phone").replace("{}", words::app(f, kind))
        }
        _ => f.t("用{}扫一扫", "Scan with {}").replace("{}", words::app(f, kind)),
    }
}

/// Address and amount of a transfer, out of a bare address or a payment address such as `tron:T…?amount=4.2`.
fn transfer(text: &str, amount: Money) -> (String, String) {
    let (address, query) = text.split_once('?').unwrap_or((text, ""));
    let address = address.split_once(':').map_or(address, |(_, address)| address);
    let exact = query.split('&').find_map(|pair| pair.strip_prefix("amount="));
    (address.to_owned(), exact.map_or_else(|| amount.decimal(), str::to_owned))
}

fn steps(f: &Frame<'_>, lead: Lead, kind: MethodKind, sum: &str) -> [String; 3] {
    let name = words::app(f, kind);
    let last = ("付完回到本页，卡密自动出现", "Come back here: the key appears by itself");
    let lines = match lead {
        Lead::Scan => [
            ("打开{app}，点“扫一扫”", "Open {app} and tap Scan"),
            ("扫上面的码，核对金额 {sum}", "Scan the code above and check the amount {sum}"),
            last,
        ],
        Lead::OpenApp => [
            ("点“打开{app}付款”，没反应就保存二维码", "Press “Open {app} to pay”. Nothing happens? Save the code"),
            (
                "在{app}里付款，或从“扫一扫”的相册选二维码；核对金额 {sum}",
                "Pay in {app}, or pick the picture in its scanner; check {sum}",
            ),
            last,
        ],
        Lead::Go | Lead::Post => [
            ("点“去付款”", "Press “Go to payment”"),
            ("在付款页核对金额 {sum} 并付款", "Check the amount {sum} there and pay"),
            last,
        ],
        Lead::OtherDevice => [
            ("最快：换一种方式付款", "Quickest: choose another method"),
            ("或用电脑、另一台手机扫码打开本页", "Or open this page on a computer or another phone"),
            (
                "再用这台手机的{app}扫那边的付款码，金额 {sum}",
                "Then scan the code there with {app} on this phone, {sum}",
            ),
        ],
        Lead::OpenBrowser => [
            ("点右上角 ···", "Tap ··· at the top right"),
            ("选“在浏览器打开”", "Choose “Open in browser”"),
            ("在浏览器里付款 {sum}，卡密自动出现", "Pay {sum} there: the key appears by itself"),
        ],
        Lead::Copy => [
            ("在钱包里选转账", "Choose Send in your wallet"),
            ("填上面的地址和金额，必须完全一致", "Enter address and amount from above, exactly"),
            ("链上确认后，卡密自动出现", "Once the chain confirms, the key appears by itself"),
        ],
    };
    lines.map(|(zh, en)| f.t(zh, en).replace("{app}", name).replace("{sum}", sum))
}
