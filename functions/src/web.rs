//! What every page needs of HTTP: the buyer's language and cookies, forms, the check that a form is our own, the headers under
//! which nothing foreign runs, and compression.

use crate::http::{Answer, Problem, respond, source_address};
use crate::pages;
use crate::pages::view::{Access, Env, Frame, Inside, Lang, Trouble};
use app::showcase::Showcase;
use app::{App, Viewer};
use domain::order::Order;
use domain::{Millis, OrderId};
use flate2::Compression;
use flate2::write::GzEncoder;
use lambda_http::http::header::{
    ACCEPT_ENCODING, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, COOKIE, HOST,
    HeaderName, HeaderValue, LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE, USER_AGENT, VARY,
};
use lambda_http::{Body, Request, RequestExt, Response};
use payments::Device;
use std::io::Write;
use std::sync::Arc;

/// Bytes of a form.
const FORM_MAX: usize = domain::limits::BODY_MAX;

/// Fields of a form: twenty of the seller's, our own, and some room.
const FORM_FIELDS_MAX: usize = 60;

/// Bytes below which compression costs more than it saves.
const SMALL: usize = 600;

/// Seconds for which a device remembers its orders.
const REMEMBERED_S: i64 = 180 * 24 * 60 * 60;

/// Orders a device remembers.
const RECENT_MAX: usize = 10;

/// Keeps pages of others that opened one of ours, or were opened by it, from getting hold of it.
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// One visit to a page: what its frame is made from.
pub(crate) struct Visit {
    pub(crate) showcase: Arc<Showcase>,
    pub(crate) lang: Lang,
    pub(crate) path: String,
    pub(crate) now: Millis,
    env: Env,
    is_https: bool,
}

impl Visit {
    pub(crate) fn new(app: &App, request: &Request, showcase: Arc<Showcase>) -> Visit {
        let header = |name| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        Visit {
            showcase,
            lang: language(request),
            path: request.raw_http_path().to_owned(),
            now: app.clock.now(),
            env: pages::env::detect(header(USER_AGENT)),
            is_https: app.config.public_url.starts_with("https://"),
        }
    }

    pub(crate) fn frame(&self) -> Frame<'_> {
        Frame {
            lang: self.lang,
            settings: &self.showcase.settings,
            is_sandbox: self.showcase.is_sandbox(),
            path: &self.path,
            now: self.now,
            env: self.env,
        }
    }
}

/// Who looks at a way to pay, as a provider wants to know it.
pub(crate) fn viewer(request: &Request) -> Viewer {
    let agent = request.headers().get(USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let Env { is_phone, inside } = pages::env::detect(agent);
    let device = match inside {
        Inside::Wechat => Device::InWechat,
        Inside::Alipay => Device::InAlipay,
        Inside::Qq | Inside::Browser if is_phone => Device::Phone,
        Inside::Qq | Inside::Browser => Device::Desktop,
    };
    Viewer { device, address: Some(source_address(request)).filter(|address| !address.is_empty()) }
}

/// The buyer's language: as chosen, else as the browser prefers; Chinese when it says nothing.
pub(crate) fn language(request: &Request) -> Lang {
    match cookie(request, "lang").as_deref() {
        Some("zh") => return Lang::Zh,
        Some("en") => return Lang::En,
        _ => {}
    }
    let wishes = request.headers().get(ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    preferred(wishes)
}

/// The better liked of the two languages. Whoever reads neither is served in English, because more people know some.
fn preferred(wishes: &str) -> Lang {
    let (mut best, mut weight) = (Lang::Zh, -1);
    for wish in wishes.split(',') {
        let mut parts = wish.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
        let q = parts.find_map(|part| part.strip_prefix("q=")).map_or(1_000, thousandths);
        let lang = match tag.split('-').next() {
            Some("zh") => Lang::Zh,
            // "Anything" is no wish.
            Some("" | "*") | None => continue,
            _ => Lang::En,
        };
        if q > weight && q > 0 {
            (best, weight) = (lang, q);
        }
    }
    best
}

/// A weight such as `0.9` in thousandths; what does not read weighs nothing.
/// Source: RFC 9110, section 12.4.2: at most three digits after the point.
fn thousandths(text: &str) -> i32 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{rest:0<3}");
    digits.parse().ok().filter(|n| (0..=1_000).contains(n)).unwrap_or(0)
}

/// The value of a cookie.
pub(crate) fn cookie(request: &Request, name: &str) -> Option<String> {
    let all = request.headers().get_all(COOKIE);
    // Pair by pair: one that does not read must not take the others with it.
    let pairs =
        all.iter().flat_map(|v| v.as_bytes().split(|b| *b == b';')).filter_map(|pair| std::str::from_utf8(pair).ok());
    let found = pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(n, _)| *n == name);
    found.map(|(_, value)| value.to_owned())
}

/// Sets a cookie that scripts cannot read and other sites cannot use.
pub(crate) fn set_cookie(app: &App, response: &mut Response<Body>, name: &str, value: &str, path: &str) {
    // On plain HTTP, which only the local shop speaks, a browser would drop a cookie that asks for HTTPS.
    let secure = if app.config.public_url.starts_with("https://") { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path={path}; Max-Age={REMEMBERED_S}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

/// The name of the cookie that opens an order.
pub(crate) fn order_cookie(order: &OrderId) -> String {
    format!("o_{order}")
}

/// Lets a device open an order: with its keys at once on the one that ordered or uncovered them, covered on any other. The level is a
/// courtesy; the token is the proof.
pub(crate) fn open_order(app: &App, response: &mut Response<Body>, order: &Order, access: Access) {
    let level = if access == Access::Open { '1' } else { '2' };
    let value = format!("{level}.{}", app.keys.order_token(&order.id, order.token_epoch));
    set_cookie(app, response, &order_cookie(&order.id), &value, &format!("/o/{}", order.id));
}

/// The orders made on this device, the newest first. A list that somebody else wrote is none.
pub(crate) fn recent_orders(app: &App, request: &Request) -> Vec<OrderId> {
    let Some(value) = cookie(request, "recent") else { return Vec::new() };
    let Some((list, mac)) = value.split_once('~') else { return Vec::new() };
    if !app::keys::equal(mac.as_bytes(), app.keys.page("recent", list).as_bytes()) {
        return Vec::new();
    }
    list.split('.').filter_map(OrderId::parse).take(RECENT_MAX).collect()
}

/// Adds an order to those that this device remembers.
pub(crate) fn remember_order(app: &App, request: &Request, response: &mut Response<Body>, order: &OrderId) {
    let mut orders = recent_orders(app, request);
    orders.retain(|known| known != order);
    orders.insert(0, *order);
    orders.truncate(RECENT_MAX);
    let list = orders.iter().map(OrderId::to_string).collect::<Vec<_>>().join(".");
    let mac = app.keys.page("recent", &list);
    set_cookie(app, response, "recent", &format!("{list}~{mac}"), "/");
}

/// The fields of a form, in order, as a browser encodes them.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the body of a request whose origin is checked here: a form of another site changes nothing. The status to refuse
    /// with stands beside the trouble.
    pub(crate) fn read(app: &App, request: &Request) -> Result<Form, (u16, Trouble<'static>)> {
        if !is_own(app, request) {
            return Err((403, Trouble::ForeignForm));
        }
        let body: &[u8] = request.body().as_ref();
        if body.len() > FORM_MAX {
            return Err((413, Trouble::BadRequest));
        }
        let fields: Vec<(String, String)> = form_urlencoded::parse(body)
            .take(FORM_FIELDS_MAX + 1)
            .map(|(n, v)| (n.into_owned(), v.into_owned()))
            .collect();
        if fields.len() > FORM_FIELDS_MAX { Err((413, Trouble::BadRequest)) } else { Ok(Form(fields)) }
    }

    /// The first value of a field; empty when there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str())
    }

    /// Fields whose names begin so, without that beginning.
    pub(crate) fn beginning<'a>(&'a self, start: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(n, v)| Some((n.strip_prefix(start)?, v.as_str())))
    }
}

/// Whether a form was sent by one of our own pages. A browser says where it comes from, by either of two headers; a program that
/// says nothing carries nobody's cookies.
/// Source: Fetch Metadata Request Headers, `Sec-Fetch-Site`; RFC 6454, section 7, `Origin`.
fn is_own(app: &App, request: &Request) -> bool {
    let header = |name: &str| request.headers().get(name).map(|v| v.to_str().unwrap_or("?"));
    if let Some(site) = header("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = header(ORIGIN.as_str()) else { return true };
    let (scheme, host) = origin.split_once("://").unwrap_or_default();
    let is_here = !host.is_empty() && header(HOST.as_str()) == Some(host);
    origin == app.config.public_url || (is_here && app.config.public_url.split("://").next() == Some(scheme))
}

/// A page under the policy by which only our own files run, and nothing frames it. `gateway` is the one origin to which a form
/// may be posted besides, when a channel needs that.
pub(crate) fn page(
    visit: &Visit,
    request: &Request,
    status: u16,
    html: String,
    gateway: Option<&str>,
) -> Response<Body> {
    under_policy(visit, compressed(request, respond(status, "text/html; charset=utf-8", html)), gateway)
}

/// A year, in which browsers come back by HTTPS only.
const HTTPS_ONLY: &str = "max-age=31536000";

fn under_policy(visit: &Visit, mut response: Response<Body>, gateway: Option<&str>) -> Response<Body> {
    let forms = gateway.map_or(String::new(), |origin| format!(" {origin}"));
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'{forms}; manifest-src 'self'; worker-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    // Some gateways look at the origin a buyer comes from; nothing beyond it leaves.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
    if visit.is_https {
        headers.insert(lambda_http::http::header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HTTPS_ONLY));
    }
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    if let Ok(lang) = HeaderValue::from_str(visit.lang.tag()) {
        headers.insert(lambda_http::http::header::CONTENT_LANGUAGE, lang);
    }
    response
}

/// A page that shows keys: never compressed, so that its length tells nothing of them.
pub(crate) fn page_of_secrets(visit: &Visit, html: String) -> Response<Body> {
    under_policy(visit, respond(200, "text/html; charset=utf-8", html), None)
}

/// Lets anybody keep an answer for so many seconds. It must hold nothing of one buyer.
pub(crate) fn keep_for(response: &mut Response<Body>, seconds: u32) {
    let text = format!("public, max-age={seconds}");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(CACHE_CONTROL, value);
    }
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding, Accept-Language, Cookie"));
}

/// Sends the browser on after a POST.
pub(crate) fn see_other(to: &str) -> Response<Body> {
    let mut response = respond(303, "text/plain; charset=utf-8", "");
    if let Ok(value) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, value);
    }
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// The page of a trouble.
pub(crate) fn trouble(visit: &Visit, request: &Request, status: u16, trouble: Trouble<'_>) -> Response<Body> {
    page(visit, request, status, pages::trouble(&visit.frame(), trouble), None)
}

/// The page of a refusal that no page of its own words.
pub(crate) async fn refusal(app: &App, request: &Request, problem: &Problem, id: &str) -> Response<Body> {
    // A shop whose words cannot be read still says what happened.
    let showcase = app.showcase().await.unwrap_or_default();
    let visit = Visit::new(app, request, showcase);
    let (status, words) = match problem {
        Problem::NotFound if visit.path.starts_with("/o/") => (404, Trouble::NoOrder),
        Problem::NotFound | Problem::MethodNotAllowed(_) => (404, Trouble::NoPage),
        Problem::BadRequest(_) | Problem::TooLarge | Problem::UnsupportedMedia => (400, Trouble::BadRequest),
        Problem::ShopClosed => (503, Trouble::Closed),
        _ => (503, Trouble::Failed(id)),
    };
    trouble(&visit, request, status, words)
}

/// Whether a browser asks, which wants to read a page.
pub(crate) fn wants_page(request: &Request) -> bool {
    let accept = request.headers().get("accept").and_then(|v| v.to_str().ok()).unwrap_or_default();
    accept.contains("text/html")
}

/// A value of the query.
pub(crate) fn query(request: &Request, name: &str) -> String {
    request.query_string_parameters_ref().and_then(|query| query.first(name)).unwrap_or_default().to_owned()
}

fn takes_gzip(request: &Request) -> bool {
    let accept = request.headers().get(ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|way| way.trim().split(';').next() == Some("gzip"))
}

fn compressed(request: &Request, response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let plain: &[u8] = body.as_ref();
    if plain.len() < SMALL || !takes_gzip(request) {
        return Response::from_parts(parts, body);
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 3), Compression::default());
    let packed = encoder.write_all(plain).and_then(|()| encoder.finish());
    match packed {
        Ok(packed) => {
            parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            parts.headers.insert(VARY, HeaderValue::from_static("Accept-Encoding, Accept-Language, Cookie"));
            Response::from_parts(parts, Body::Binary(packed))
        }
        Err(_) => Response::from_parts(parts, body),
    }
}

/// A file of ours whose name carries a hash of its content.
pub(crate) fn asset(request: &Request, name: &str) -> Answer {
    let forever = |mut response: Response<Body>| {
        let value = HeaderValue::from_static("public, max-age=31536000, immutable");
        response.headers_mut().insert(CACHE_CONTROL, value);
        response.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        response
    };
    if let Some(asset) = pages::assets::find(name) {
        let is_packed = takes_gzip(request);
        let bytes = if is_packed { &asset.gzip } else { &asset.raw };
        let mut response = respond(200, asset.content_type, Body::Binary(bytes.to_vec()));
        if is_packed {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        return Ok(forever(response));
    }
    match pages::theme::css(name) {
        Some(css) => Ok(forever(respond(200, "text/css; charset=utf-8", css))),
        None => Err(Problem::NotFound),
    }
}
