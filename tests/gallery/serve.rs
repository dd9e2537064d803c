//! The real front, with the drawn pages beside it under the same policy.

use crate::drawn::Stage;
use app::App;
use functions::pages::env::detect;
use functions::pages::qr;
use functions::pages::view::Lang;
use http::header::{ACCEPT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HeaderMap, USER_AGENT};
use http::{Request, Response};
use local::Front;
use std::sync::Arc;

/// Where the drawn pages stand.
pub const DRAWN: &str = "/gallery/";

/// What the ids of drawn orders begin with, which no real id can.
pub const DRAWN_ORDER: &str = "/o/GALLERY-";

/// Answers requests.
#[derive(Clone)]
pub struct Handler {
    front: Front,
    /// For orders that looking at would move on: it cannot reach the stock.
    still: Front,
    still_orders: Arc<Vec<String>>,
    stage: Arc<Stage>,
    /// The headers of a real page, so that a drawn one is held to the same policy.
    headers: HeaderMap,
}

impl Handler {
    /// A handler over the shop's own front, and over another one for the orders at these addresses.
    pub async fn new(front: Front, still: Front, still_orders: Vec<String>, stage: Arc<Stage>) -> Handler {
        let request = Request::builder().uri("/lookup").header("accept", "text/html").body(Vec::new()).unwrap();
        let headers = front.handle(request, "127.0.0.1").await.headers().clone();
        assert!(headers.contains_key(CONTENT_SECURITY_POLICY), "a page without a policy");
        Handler { front, still, still_orders: Arc::new(still_orders), stage, headers }
    }

    /// Answers one request.
    pub async fn handle(&self, request: Request<Vec<u8>>, peer: &str) -> Response<Vec<u8>> {
        let path = request.uri().path().to_owned();
        if let Some(name) = path.strip_prefix(DRAWN) {
            return self.drawn(name, &request);
        }
        if let Some(rest) = path.strip_prefix(DRAWN_ORDER) {
            let (name, file) = rest.split_once('/').unwrap_or((rest, ""));
            let text =
                if file == "qr.png" { self.stage.code_of(name) } else { format!("https://shop.example.com{path}") };
            return match qr::png(&text) {
                Some(png) => Response::builder().header(CONTENT_TYPE, "image/png").body(png).unwrap(),
                None => Response::builder().status(404).body(Vec::new()).unwrap(),
            };
        }
        let is_still = self.still_orders.iter().any(|order| path.starts_with(order));
        if is_still { self.still.handle(request, peer).await } else { self.front.handle(request, peer).await }
    }

    fn drawn(&self, name: &str, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        // A drawn page asks whether there is something new: there never is.
        if request.uri().query().is_some_and(|query| query.contains("part=main")) {
            return Response::builder().status(204).body(Vec::new()).unwrap();
        }
        let env = detect(text(request, USER_AGENT.as_str()));
        let Some(drawn) = self.stage.draw(name, lang(request), env) else {
            return Response::builder().status(404).body(b"no such picture".to_vec()).unwrap();
        };
        let mut response = Response::builder().status(drawn.status);
        for (key, value) in &self.headers {
            // Length and packing belong to the page that these came with.
            if key.as_str() != "content-length" && key.as_str() != "content-encoding" {
                response = response.header(key, value);
            }
        }
        let mut response = response.body(drawn.html.into_bytes()).unwrap();
        if let Some(origin) = drawn.posts_to {
            let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
            let policy = policy.replace("form-action 'self'", &format!("form-action 'self' {origin}"));
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy.parse().unwrap());
        }
        response
    }
}

fn text<'a>(request: &'a Request<Vec<u8>>, name: &str) -> &'a str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn lang(request: &Request<Vec<u8>>) -> Lang {
    let is_english = match text(request, COOKIE.as_str()) {
        cookie if cookie.contains("lang=zh") => false,
        cookie if cookie.contains("lang=en") => true,
        _ => text(request, ACCEPT_LANGUAGE.as_str()).starts_with("en"),
    };
    if is_english { Lang::En } else { Lang::Zh }
}

/// The time of a shop.
pub fn now(app: &App) -> i64 {
    app.clock.now()
}
