//! What both protocols of 易支付 share: addresses, the fields of an order, the transport of notifications, what can be shown.

use crate::{Ack, AttemptView, CreateError, Created, Device, HttpRequest, Outcome, RawRequest, Reject, form};
use domain::Currency;
use domain::limits::{BODY_MAX, PROVIDER_NUMBER_MAX};
use std::net::IpAddr;

/// 易支付 knows yuan only and names no currency in its messages.
pub(crate) const CURRENCY: Currency = Currency::CNY;

/// A gateway's page has no end that a shop could set, and few gateways can close a trade: they themselves drop an unpaid one
/// after about a day, so money may come that long after the order gave its stock back.
pub(crate) const PAYABLE_AFTER_MS: i64 = 24 * 3_600_000;

/// Bytes of a product name. The gateway cuts at 127, and a name cut there and signed here would differ.
const NAME_MAX: usize = 127;

/// What a product is called when nothing of its name survives cleaning.
const NAME_FALLBACK: &str = "product";

/// Bytes of a text that a buyer is shown as a code or is led to. Real ones have less than 300; what is longer makes no code that a
/// phone reads.
const SHOWN_MAX: usize = 1_024;

/// A gateway's address without the slashes at its end, which people paste along. `None` when it is not `https://host[:port][/path]`,
/// nor `http://` on this machine or where `allow_http` says so.
pub(crate) fn gateway(base_url: &str, allow_http: bool) -> Option<String> {
    let base_url = base_url.trim_end_matches('/');
    let loopback = matches!(crate::base_url::host(base_url)?, "127.0.0.1" | "localhost" | "[::1]");
    (base_url.starts_with("https://") || loopback || allow_http).then(|| base_url.to_owned())
}

/// Whether an address is one of the gateway's calls instead of what all of them begin with.
pub(crate) fn is_a_call(base_url: &str) -> bool {
    let base_url = base_url.trim_end_matches('/');
    base_url.ends_with(".php") || base_url.contains("/api/pay")
}

/// Whether a merchant's number is one: `[A-Za-z0-9_-]{1,32}`.
pub(crate) fn is_pid(pid: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=32).contains(&pid.len()) && pid.bytes().all(letter)
}

/// Names and values that are about to be signed and sent.
pub(crate) type Fields = Vec<(&'static str, String)>;

/// What every way of starting an attempt sends, unsigned. Without a method there is no `type`, and the gateway shows its own cashier.
pub(crate) fn order_fields(pid: &str, attempt: &AttemptView<'_>) -> Result<Fields, CreateError> {
    if attempt.amount.currency != CURRENCY {
        return Err(CreateError::Currency(attempt.amount.currency));
    }
    if attempt.amount.minor <= 0 {
        return Err(CreateError::Amount);
    }
    for (field, url) in [("notify_url", attempt.notify_url), ("return_url", attempt.return_url)] {
        crate::base_url::host(url).ok_or(CreateError::Address(field))?;
    }
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let method = attempt.method.unwrap_or_default();
    if method.len() > 20 || !method.bytes().all(word) {
        return Err(CreateError::Method);
    }
    let mut fields = vec![
        ("money", attempt.amount.decimal()),
        ("name", clean_name(attempt.product_name)),
        ("notify_url", attempt.notify_url.to_owned()),
        ("out_trade_no", attempt.out_trade_no.to_string()),
        ("pid", pid.to_owned()),
        ("return_url", attempt.return_url.to_owned()),
    ];
    if !method.is_empty() {
        fields.push(("type", method.to_owned()));
    }
    Ok(fields)
}

/// What a call that makes a trade for this buyer sends besides: the device and the buyer's address. `None` when the gateway would
/// refuse the call, because it insists on a way to pay and on an address that is one.
pub(crate) fn buyer_fields(attempt: &AttemptView<'_>) -> Option<Fields> {
    attempt.method.filter(|method| !method.is_empty())?;
    let ip: IpAddr = attempt.client_ip?.parse().ok()?;
    let device = match attempt.device {
        Device::Desktop => "pc",
        Device::Phone => "mobile",
        Device::InWechat => "wechat",
        Device::InAlipay => "alipay",
    };
    Some(vec![("clientip", ip.to_string()), ("device", device.to_owned())])
}

/// Fields as those who sign and write them want them.
pub(crate) fn borrowed(fields: &Fields) -> impl Iterator<Item = (&str, &str)> + Clone {
    fields.iter().map(|(name, value)| (*name, value.as_str()))
}

/// A form for one of the gateway's calls, whose reply is JSON and is read as it comes.
pub(crate) fn post<'a>(url: String, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> HttpRequest {
    let mut headers = json_headers().to_vec();
    headers.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
    HttpRequest { method: "POST", url, headers, body: form::write(fields).into_bytes() }
}

/// What every call sends: the reply is JSON, and is read as it comes.
pub(crate) fn json_headers() -> [(String, String); 2] {
    [("accept", "application/json"), ("accept-encoding", "identity")].map(|(n, v)| (n.to_owned(), v.to_owned()))
}

/// In which of its forms a gateway says how a trade is paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// A page to go to.
    Page,
    /// The text of a code.
    Code,
    /// The address of an app on the buyer's device.
    App,
}

/// What a buyer is shown of a gateway's answer. `None` for what must not be shown or cannot be: a page without TLS (unless the
/// gateway itself is on this machine), an address that is none, a scheme that is not an app's.
pub(crate) fn shown(way: Way, text: &str, base_url: &str) -> Option<Created> {
    // A link or a code is plain text: what is not could leave the place that a page or a code gives it.
    let is_plain =
        |text: &str| !text.is_empty() && text.len() <= SHOWN_MAX && text.bytes().all(|b| b.is_ascii_graphic());
    if !is_plain(text) {
        return None;
    }
    match way {
        Way::Page => {
            let is_safe = text.starts_with("https://") || is_beside(text, base_url);
            is_safe.then(|| Created::Redirect(text.to_owned()))
        }
        Way::Code => Some(Created::Qr(text.to_owned())),
        // As a code, because no page of the shop links to anything but the web: a page opens the apps that it knows by their codes.
        Way::App => {
            let schemes = ["weixin://", "alipays://", "alipay://", "mqqapi://"];
            schemes.iter().any(|scheme| text.starts_with(scheme)).then(|| Created::Qr(text.to_owned()))
        }
    }
}

/// Whether a page without TLS is on the very host of a gateway that is spoken to without TLS, which only one on this machine is.
fn is_beside(page: &str, base_url: &str) -> bool {
    plain_authority(page).is_some_and(|page| plain_authority(base_url) == Some(page))
}

/// Host and port of an address without TLS.
fn plain_authority(url: &str) -> Option<&str> {
    url.strip_prefix("http://")?.split('/').next()
}

/// The gateway looks for the word in the body and ignores the rest; the status is for everybody else.
pub(crate) fn ack(outcome: Outcome) -> Ack {
    let (status, body) = match outcome {
        Outcome::Accepted => (200, "success"),
        Outcome::Rejected => (400, "fail"),
        Outcome::TryAgain => (503, "fail"),
    };
    Ack { status, content_type: "text/plain", body }
}

/// The bytes that hold the fields: the query of a GET, or the body of a form POST as some forks send it. A request that
/// has both is refused, because two readers could disagree on which counts.
pub(crate) fn fields_of<'a>(request: &RawRequest<'a>) -> Result<&'a [u8], Reject> {
    let (fields, other) = match request.method {
        "GET" => (request.query.as_bytes(), request.body),
        "POST" => (request.body, request.query.as_bytes()),
        _ => return Err(Reject::Malformed("neither GET nor POST")),
    };
    if !other.is_empty() {
        return Err(Reject::Ambiguous("both a query and a body"));
    }
    let is_form = |kind: &str| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    };
    if request.method == "POST" && !request.header("content-type").is_some_and(is_form) {
        return Err(Reject::Malformed("the body is not a form"));
    }
    if fields.len() > BODY_MAX {
        return Err(Reject::Malformed("too long"));
    }
    Ok(fields)
}

/// Whether a number of a trade can be kept and sent.
pub(crate) fn is_usable(number: &str) -> bool {
    (1..=PROVIDER_NUMBER_MAX).contains(&number.len()) && !number.contains(char::is_control)
}

/// A product name that survives every gateway unchanged, so that what was signed is what is verified.
///
/// Replaced by a space: `&` and `=`, which could cut the signed text; `+` and `%`, which a second decoding would change;
/// quotes, backslashes and angle brackets, which PHP gateways escape or strip before they verify; control characters;
/// and characters beyond the basic plane, which three-byte UTF-8 columns of MySQL refuse.
fn clean_name(name: &str) -> String {
    let spoils = |c: char| c.is_control() || "&=+%'\"\\<>`".contains(c) || c > '\u{FFFF}';
    let spaced: String = name.chars().map(|c| if spoils(c) { ' ' } else { c }).collect();
    let mut clean = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    while clean.len() > NAME_MAX {
        clean.pop();
    }
    clean.truncate(clean.trim_end().len());
    if clean.is_empty() { NAME_FALLBACK.to_owned() } else { clean }
}
