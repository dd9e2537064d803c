//! What kind of program asks, and which ways to pay work in it.

use super::view::{Env, Inside, MethodKind};
use payments::Created;

/// Words that only phones and tablets say. An iPad that asks for desktop sites says none of them, and is treated as a desktop:
/// nothing it is shown is wrong, it is only less convenient.
const PHONES: [&str; 6] = ["iPhone", "iPad", "iPod", "Android", "OpenHarmony", "Mobile"];

/// Reads a `User-Agent`.
pub fn detect(user_agent: &str) -> Env {
    // QQ's browser of its own says `MQQBrowser/`, and QQ itself ` QQ/`: only the second shows pages inside QQ.
    let is_qq = user_agent.starts_with("QQ/") || user_agent.contains(" QQ/");
    let inside = if user_agent.contains("MicroMessenger/") {
        Inside::Wechat
    } else if user_agent.contains("AlipayClient/") {
        Inside::Alipay
    } else if is_qq {
        Inside::Qq
    } else {
        Inside::Browser
    };
    Env { is_phone: PHONES.iter().any(|word| user_agent.contains(word)), inside }
}

/// What stands first on the page on which a buyer pays.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Lead {
    /// The code: another device's app reads it.
    Scan,
    /// A button that opens the payment app on this device; the code under it can be saved as a picture.
    OpenApp,
    /// The code cannot be paid from the device that shows it: other methods first, then this page on another device.
    OtherDevice,
    /// This program lets no such payment through: how to open the page in a browser.
    OpenBrowser,
    /// A button that leads to the provider's page.
    Go,
    /// A button that posts a form to the provider.
    Post,
    /// Address and amount to copy.
    Copy,
}

/// What leads, by what the provider made, the method, and where the page is open.
pub fn leads(shown: &Created, method: MethodKind, env: Env) -> Lead {
    match shown {
        Created::Redirect(_) if walled(method, env.inside) => Lead::OpenBrowser,
        Created::Form { .. } if walled(method, env.inside) => Lead::OpenBrowser,
        Created::Redirect(_) => Lead::Go,
        // Only WeChat's own browser can hand it on; anywhere else it is opened there.
        Created::Jsapi(_) => Lead::OpenBrowser,
        Created::Form { .. } => Lead::Post,
        Created::Qr(text) => match method {
            MethodKind::Usdt => Lead::Copy,
            _ if !env.is_phone => Lead::Scan,
            // Neither a long press nor the album takes a code of WeChat's on the phone that shows it.
            MethodKind::Wechat => Lead::OtherDevice,
            MethodKind::Alipay if walled(method, env.inside) => Lead::OpenBrowser,
            MethodKind::Alipay if opens_app(text) => Lead::OpenApp,
            MethodKind::Alipay => Lead::Scan,
            MethodKind::Gateway | MethodKind::Card | MethodKind::Sandbox if is_web(text) => Lead::Go,
            MethodKind::Gateway | MethodKind::Card | MethodKind::Sandbox => Lead::OtherDevice,
        },
    }
}

/// Whether an app's browser blocks the way to its rival.
fn walled(method: MethodKind, inside: Inside) -> bool {
    matches!(
        (method, inside),
        (MethodKind::Alipay, Inside::Wechat | Inside::Qq) | (MethodKind::Wechat, Inside::Alipay | Inside::Qq)
    )
}

/// Whether a provider's text is an address of the web. Everything else, `javascript:` first of all, is never made a link.
pub(super) fn is_web(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// Whether the text of an Alipay code opens its app: a web address that the app takes over, or the app's own scheme.
pub(super) fn opens_app(text: &str) -> bool {
    is_web(text) || text.starts_with("alipays://") || text.starts_with("alipay://")
}
