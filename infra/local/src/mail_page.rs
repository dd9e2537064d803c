//! `/local/mail`: what the shop of this machine would have mailed. It exists in the local front only; no function answers it. Mails
//! hold links that open orders, so nobody but this machine itself is shown them.

use crate::mailbox::{Kept, Mailbox};
use crate::markup::escaped;
use app::clock::rfc3339;
use http::{Method, Request, Response, header};

/// Where the mailbox is.
pub const PATH: &str = "/local/mail";

/// Nothing but the page itself: no script, no picture, nothing from anywhere. Only `frame-src` lets the HTML part stand in its frame.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'";

/// The HTML part is somebody else's words as far as this page knows: nothing in it runs, and links open beside it.
const PART_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; \
                           sandbox allow-popups allow-popups-to-escape-sandbox";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}\
                     td,th{text-align:left;padding:.4rem .8rem .4rem 0;vertical-align:top}pre{white-space:pre-wrap;overflow-wrap:anywhere;\
                     border:1px solid #888;padding:1rem}iframe{width:100%;height:28rem;border:1px solid #888;background:#fff}";

/// Whether an address belongs to the mailbox.
pub(crate) fn is_here(path: &str) -> bool {
    path == PATH || path.strip_prefix(PATH).is_some_and(|rest| rest.starts_with('/'))
}

/// The text part, with the shop's own addresses as links.
fn linked(text: &str, shop: &str) -> String {
    let mut out = String::new();
    for (n, line) in text.lines().enumerate() {
        if n > 0 {
            out.push('\n');
        }
        let line_is_link = line.strip_prefix(shop).is_some_and(|rest| rest.starts_with('/')) && !line.contains(' ');
        match line_is_link {
            true => out.push_str(&format!("<a href=\"{0}\">{0}</a>", escaped(line))),
            false => out.push_str(&escaped(line)),
        }
    }
    out
}

fn page(status: u16, title: &str, body: &str) -> Response<Vec<u8>> {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><h1>{title}</h1>{body}</body></html>"
    );
    answer(status, html, POLICY)
}

fn answer(status: u16, html: String, policy: &str) -> Response<Vec<u8>> {
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, policy)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::REFERRER_POLICY, "no-referrer");
    response.body(html.into_bytes()).unwrap_or_default()
}

/// Whether a request names this machine as its host. A page of somebody else's whose name was made to point here does not.
fn names_this_machine(request: &Request<Vec<u8>>) -> bool {
    let Some(host) = request.headers().get(header::HOST) else { return true };
    let host = host.to_str().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "127.0.0.1" | "localhost")
}

/// Answers a request for the mailbox of a shop at `shop`, its address without a trailing slash.
pub(crate) fn handle(mailbox: &Mailbox, shop: &str, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let rest = request.uri().path().strip_prefix(PATH).unwrap_or_default();
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let known = |number: &&str| number.parse().ok().and_then(|number| mailbox.mail(number));
    if request.method() != Method::GET || !names_this_machine(request) {
        return page(404, "Nothing here", "");
    }
    match parts.as_slice() {
        [] => list(&mailbox.mails()),
        [number] if let Some(mail) = known(number) => one(&mail, shop),
        [number, "html"] if let Some(mail) = known(number) => {
            // A link leaves the frame instead of being swallowed by it.
            answer(200, mail.html.replacen("<head>", "<head><base target=\"_blank\">", 1), PART_POLICY)
        }
        _ => page(404, "No such mail", &format!("<p><a href=\"{PATH}\">All mails</a></p>")),
    }
}

fn list(mails: &[Kept]) -> Response<Vec<u8>> {
    let row = |mail: &Kept| {
        format!(
            "<tr><td>{}</td><td>{}</td><td><a href=\"{PATH}/{}\">{}</a></td></tr>",
            rfc3339(mail.at),
            escaped(&mail.to),
            mail.number,
            escaped(&mail.subject),
        )
    };
    let rows: String = mails.iter().map(row).collect();
    let body = match mails.is_empty() {
        true => {
            "<p>No mail yet. This shop sends none until its settings say so (<code>buyer_mail</code>).</p>".to_owned()
        }
        false => format!("<table><tr><th>When</th><th>To</th><th>Subject</th></tr>{rows}</table>"),
    };
    page(200, "Mailbox of this machine", &format!("<p>Nothing here was sent anywhere.</p>{body}"))
}

fn one(mail: &Kept, shop: &str) -> Response<Vec<u8>> {
    let reply_to = if mail.reply_to.is_empty() { &mail.from } else { &mail.reply_to };
    let facts = [("From", mail.from.as_str()), ("To", &mail.to), ("Reply to", reply_to), ("Subject", &mail.subject)];
    let facts: String =
        facts.iter().map(|(name, value)| format!("<tr><th>{name}</th><td>{}</td></tr>", escaped(value))).collect();
    let html = match mail.html.is_empty() {
        true => String::new(),
        false => format!(
            "<h2>HTML</h2><iframe title=\"HTML\" sandbox=\"allow-popups allow-popups-to-escape-sandbox\" \
             src=\"{PATH}/{}/html\"></iframe>",
            mail.number
        ),
    };
    let body = format!(
        "<p><a href=\"{PATH}\">All mails</a></p><table>{facts}</table><h2>Text</h2><pre>{}</pre>{html}",
        linked(&mail.text, shop)
    );
    page(200, &format!("Mail {}", mail.number), &body)
}
