//! What stands around every page, and what all templates ask of the frame: addresses of files, ways to reach the shop, the
//! words of states and of methods.

use super::view::{Frame, Lang, MethodKind, Stage};
use super::{assets, theme};
use app::settings::{Contact, SupportKind};

/// Renders a template. One that fails is a fault of ours: an empty page would hide it, so it is logged.
pub(super) fn html(template: &impl askama::Template) -> String {
    template.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a page does not render");
        String::new()
    })
}

/// A way to reach the shop, worded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Way {
    /// What kind of address it is.
    pub(super) label: &'static str,
    /// The address as people read it.
    pub(super) text: String,
    /// Where a tap leads; empty when no address opens it everywhere.
    pub(super) href: String,
    /// Whether that is another site.
    pub(super) leads_out: bool,
}

/// A state as icon, word and tone: `warn` the buyer acts, `info` we work, `ok` done, `review` a person works, `mute` over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Badge {
    /// The class behind `g-`.
    pub(super) tone: &'static str,
    /// The icon's name.
    pub(super) icon: &'static str,
    /// The word, the same wherever the state is named.
    pub(super) word: &'static str,
}

/// Whether an address that a seller gave may be a link: our own pages never lead to a script or into the clear.
pub(super) fn is_link(url: &str) -> bool {
    url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

impl Frame<'_> {
    /// The address of one of our files, such as `shop.css`.
    pub(super) fn asset(&self, file: &str) -> &'static str {
        assets::href(file)
    }

    /// The sheet with the seller's colour.
    pub(super) fn theme_href(&self) -> Option<String> {
        let name = theme::name(self.settings.colour.as_deref()?)?;
        Some(format!("/assets/{name}"))
    }

    /// The first letter of a name, for a tile where there is no picture.
    pub(super) fn letter(&self, name: &str) -> String {
        name.chars().find(|c| c.is_alphanumeric()).map(|first| first.to_uppercase().collect()).unwrap_or_default()
    }

    /// The language the switch changes to.
    pub(super) fn other_lang(&self) -> &'static str {
        self.t("en", "zh")
    }

    /// Whether there is a page of terms.
    pub(super) fn has_terms(&self) -> bool {
        !self.settings.purchase_notice.is_empty() || !self.settings.refund_policy.is_empty()
    }

    /// Its name.
    pub(super) fn terms_name(&self) -> &'static str {
        match (self.settings.purchase_notice.is_empty(), self.lang) {
            (false, Lang::Zh) => "购买须知",
            (false, Lang::En) => "Before you buy",
            (true, Lang::Zh) => "退款政策",
            (true, Lang::En) => "Refund policy",
        }
    }

    /// A way to reach the shop, worded.
    pub(super) fn way(&self, contact: &Contact) -> Way {
        let value = contact.value.trim();
        let inside = |label, href: String| Way { label, text: value.to_owned(), href, leads_out: false };
        match contact.kind {
            SupportKind::Email => inside(self.t("邮箱", "E-mail"), format!("mailto:{value}")),
            SupportKind::Qq => inside("QQ", String::new()),
            SupportKind::Wechat => inside(self.t("微信", "WeChat"), String::new()),
            SupportKind::Phone => {
                let number: String = value.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
                inside(self.t("电话", "Phone"), format!("tel:{number}"))
            }
            SupportKind::Telegram => {
                let name = value.trim_start_matches('@');
                let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                let href = if is_name { format!("https://t.me/{name}") } else { String::new() };
                Way { label: "Telegram", text: format!("@{name}"), href, leads_out: true }
            }
            SupportKind::Link => {
                let href = if is_link(value) { value.to_owned() } else { String::new() };
                let text = value.get(8..).filter(|_| is_link(value)).unwrap_or(value).trim_end_matches('/');
                Way { label: self.t("网页", "Web"), text: text.to_owned(), href, leads_out: true }
            }
        }
    }

    /// Whether a link of the footer may be one.
    pub(super) fn is_link(&self, url: &str) -> bool {
        is_link(url)
    }

    /// The name of a way to pay.
    pub(super) fn method(&self, kind: MethodKind) -> &'static str {
        match kind {
            MethodKind::Alipay => self.t("支付宝", "Alipay"),
            MethodKind::Wechat => self.t("微信支付", "WeChat Pay"),
            MethodKind::Gateway => self.t("在线支付", "Online payment"),
            MethodKind::Usdt => "USDT",
            MethodKind::Card => self.t("银行卡", "Bank card"),
            MethodKind::Sandbox => self.t("测试支付", "Test payment"),
        }
    }

    /// Its first letter, for a tile: no logo of anybody.
    pub(super) fn method_letter(&self, kind: MethodKind) -> &'static str {
        match kind {
            MethodKind::Alipay => self.t("支", "A"),
            MethodKind::Wechat => self.t("微", "W"),
            MethodKind::Gateway => self.t("付", "O"),
            MethodKind::Usdt => "₮",
            MethodKind::Card => self.t("卡", "C"),
            MethodKind::Sandbox => self.t("测", "T"),
        }
    }

    /// The class of that tile: `m-alipay` and so on.
    pub(super) fn method_class(&self, kind: MethodKind) -> &'static str {
        match kind {
            MethodKind::Alipay => "m-alipay",
            MethodKind::Wechat => "m-wechat",
            MethodKind::Usdt => "m-usdt",
            MethodKind::Sandbox => "m-sandbox",
            MethodKind::Gateway | MethodKind::Card => "m-card",
        }
    }

    /// The badge of a state.
    pub(super) fn badge(&self, stage: &Stage) -> Badge {
        let badge = |tone, icon, zh, en| Badge { tone, icon, word: self.t(zh, en) };
        match stage {
            Stage::Awaiting { .. } | Stage::NoCode { .. } => badge("warn", "clock", "待付款", "Awaiting payment"),
            Stage::Checking => badge("info", "arrows", "确认中", "Checking"),
            Stage::Paid { .. } => badge("info", "arrows", "已付款", "Paid"),
            Stage::Manual => badge("info", "hourglass", "待发货", "To be delivered"),
            Stage::Queued { .. } => badge("info", "hourglass", "排队中", "Queued"),
            Stage::Delivered => badge("ok", "check", "已发货", "Delivered"),
            Stage::Completed => badge("done", "check", "已完成", "Completed"),
            Stage::Expired | Stage::Cancelled => badge("mute", "minus", "已关闭", "Closed"),
            Stage::Late => badge("info", "arrows", "处理中", "In progress"),
            Stage::RefundDue { .. } => badge("warn", "undo", "待退款", "Refund due"),
            Stage::Refunded { .. } => badge("mute", "undo", "已退款", "Refunded"),
            Stage::Review => badge("review", "ring", "核对中", "In review"),
        }
    }
}
