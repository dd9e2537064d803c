//! A browser without a window: it keeps cookies by their paths, sends forms as browsers do, and follows nothing by itself.

use http::{HeaderMap, Method, Request};
use local::Front;
use std::collections::BTreeMap;

/// A device with its cookies.
#[derive(Clone)]
pub struct Visitor {
    front: Front,
    /// By path and name.
    cookies: BTreeMap<(String, String), String>,
    /// Further headers of every request.
    pub headers: Vec<(&'static str, String)>,
}

/// An answer to a visitor.
#[derive(Debug)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as text where it is text.
    pub body: String,
    /// The body's bytes.
    pub bytes: Vec<u8>,
}

impl Page {
    /// A header as text; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The value of a hidden or visible input.
    #[track_caller]
    pub fn input(&self, name: &str) -> String {
        let at = self.body.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no {name} in {}", self.body));
        let tag = self.body[..at].rfind('<').unwrap();
        let end = tag + self.body[tag..].find('>').unwrap();
        let value = self.body[tag..end].split("value=\"").nth(1).and_then(|v| v.split('"').next());
        value.unwrap_or_default().to_owned()
    }
}

impl Visitor {
    /// A device without any cookie.
    pub fn new(front: &Front) -> Visitor {
        Visitor { front: front.clone(), cookies: BTreeMap::new(), headers: Vec::new() }
    }

    /// Goes on at another instance, with the cookies it has.
    pub fn to(&mut self, front: &Front) {
        self.front = front.clone();
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|((_, n), _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Sets a cookie by hand, as somebody who makes one up.
    pub fn set_cookie(&mut self, path: &str, name: &str, value: &str) {
        self.cookies.insert((path.to_owned(), name.to_owned()), value.to_owned());
    }

    /// Opens an address.
    pub async fn get(&mut self, path: &str) -> Page {
        self.send(Method::GET, path, "").await
    }

    /// Sends a form from one of the shop's own pages.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = fields.iter().map(|(n, v)| format!("{}={}", encoded(n), encoded(v))).collect::<Vec<_>>().join("&");
        self.send(Method::POST, path, &body).await
    }

    /// Orders one piece by a product's page, as a browser without scripts does. Answers the order's id.
    pub async fn order(&mut self, product: &str, contact: &str) -> String {
        let page = self.get(&format!("/p/{product}")).await;
        let nonce = page.input("nonce");
        let seen = page.input("price_seen");
        let made = self
            .post(
                &format!("/p/{product}"),
                &[("nonce", &nonce), ("price_seen", &seen), ("quantity", "1"), ("contact", contact)],
            )
            .await;
        assert_eq!(made.status, 303, "{}", made.body);
        made.header("location").strip_prefix("/o/").unwrap().to_owned()
    }

    async fn send(&mut self, method: Method, path: &str, body: &str) -> Page {
        let mut request = Request::builder().method(method.clone()).uri(path).header("host", "127.0.0.1:3000");
        let at = path.split('?').next().unwrap_or_default();
        let fits = |under: &str| at == under || under == "/" || at.starts_with(&format!("{under}/"));
        let sent: Vec<String> =
            self.cookies.iter().filter(|((p, _), _)| fits(p)).map(|((_, n), v)| format!("{n}={v}")).collect();
        if !sent.is_empty() {
            request = request.header("cookie", sent.join("; "));
        }
        if !self.headers.iter().any(|(name, _)| *name == "accept") {
            request = request.header("accept", "text/html");
        }
        if method == Method::POST {
            request = request.header("content-type", "application/x-www-form-urlencoded");
            if !self.headers.iter().any(|(name, _)| matches!(*name, "origin" | "sec-fetch-site")) {
                request = request.header("origin", "http://127.0.0.1:3000").header("sec-fetch-site", "same-origin");
            }
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let request = request.body(body.as_bytes().to_vec()).unwrap();
        let (parts, bytes) = self.front.handle(request, "127.0.0.1").await.into_parts();
        for cookie in parts.headers.get_all("set-cookie") {
            self.take(cookie.to_str().unwrap());
        }
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Page { status: parts.status.as_u16(), headers: parts.headers, body, bytes }
    }

    fn take(&mut self, cookie: &str) {
        let mut parts = cookie.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let path = parts.find_map(|part| part.strip_prefix("Path=")).unwrap_or("/");
        self.set_cookie(path, name, value);
    }
}

fn encoded(text: &str) -> String {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if letter(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
