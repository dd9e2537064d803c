//! The front of this world: what API Gateway is in AWS. A request becomes an API Gateway v2 event and goes through
//! `lambda_http`'s own reader, so raw query, cookies and base64 are Lambda's, not ours.

use crate::gateway::{GatewayRequest, Notification};
use crate::mail_page;
use crate::roles::acting_as;
use crate::world::World;
use app::App;
use app::clock::rfc3339;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use functions::http::{Problem, finish};
use functions::routes::{self, Function, Match};
use http::{Method, Request, Response, header};
use lambda_http::Body;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The largest body let in: an import part. API Gateway's own limit is 10 MB.
pub const BODY_MAX: usize = domain::limits::IMPORT_PART_MAX + 1;

/// The shop and its gateway behind one address.
#[derive(Clone)]
pub struct Front {
    world: World,
    app: Arc<App>,
}

impl Front {
    /// Serves a world through one function instance.
    pub fn new(world: World, app: Arc<App>) -> Front {
        Front { world, app }
    }

    /// Answers one request from `peer`.
    pub async fn handle(&self, request: Request<Vec<u8>>, peer: &str) -> Response<Vec<u8>> {
        if request.uri().path().starts_with("/sandbox/") {
            return self.gateway(request, peer).await;
        }
        if mail_page::is_here(request.uri().path()) {
            return mail_page::handle(&self.world.mailbox, self.world.public_url(), &request);
        }
        self.shop(request, peer).await
    }

    /// Runs the function that a request's address belongs to.
    pub async fn shop(&self, request: Request<Vec<u8>>, peer: &str) -> Response<Vec<u8>> {
        let function = match routes::find(request.method(), request.uri().path()) {
            Match::Found(route, _) => route.function,
            // Somebody has to say that it is not there.
            Match::OtherMethod(_) | Match::None => Function::Storefront,
        };
        let event = match event(&request, peer, self.world.clock().now()) {
            Ok(event) => event,
            Err(problem) => return plain(finish(Err(problem))),
        };
        match lambda_http::request::from_str(&event) {
            Ok(request) => plain(acting_as(function.name(), functions::serve(&self.app, function, request)).await),
            Err(_) => plain(finish(Err(Problem::BadRequest("The request does not read.")))),
        }
    }

    async fn gateway(&self, request: Request<Vec<u8>>, peer: &str) -> Response<Vec<u8>> {
        let text = |v: &header::HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
        let answer = self.world.gateway.handle(&GatewayRequest {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            headers: request.headers().iter().map(|(n, v)| (n.to_string(), text(v))).collect(),
            body: request.into_body(),
        });
        self.notify(answer.notify, answer.parallel, peer).await;
        let mut response = Response::builder().status(answer.status);
        for (name, value) in &answer.headers {
            response = response.header(name, value);
        }
        response.body(answer.body).unwrap_or_default()
    }

    /// Sends the gateway's notifications to the shop: all at once, or one after the other.
    pub async fn notify(&self, notifications: Vec<Notification>, parallel: bool, peer: &str) {
        if parallel {
            let sent: Vec<_> = notifications
                .into_iter()
                .map(|notification| {
                    let (front, peer) = (self.clone(), peer.to_owned());
                    tokio::spawn(async move { front.notify_once(notification, &peer).await })
                })
                .collect();
            for one in sent {
                // A notification that failed is repeated on the gateway's own schedule.
                let _ = one.await;
            }
        } else {
            for notification in notifications {
                self.notify_once(notification, peer).await;
            }
        }
    }

    async fn notify_once(&self, notification: Notification, peer: &str) {
        let own = notification.url.strip_prefix(self.world.public_url());
        let request = own.and_then(|path| Request::builder().uri(path).body(Vec::new()).ok());
        let acknowledged = match request {
            Some(request) => crate::gateway::acknowledges(self.shop(request, peer).await.body()),
            None => {
                tracing::warn!("the sandbox gateway notifies this shop only");
                false
            }
        };
        self.world.gateway.notified(&notification.trade_no, acknowledged);
    }

    /// Repeats the notifications whose time has come.
    pub async fn repeat_due_notifications(&self) {
        self.notify(self.world.gateway.due(), false, "127.0.0.1").await;
    }
}

fn plain(response: Response<Body>) -> Response<Vec<u8>> {
    response.map(|body| body.as_ref().to_vec())
}

/// Whether a body of this kind is handed over as text: what is not UTF-8 in it is lost, whatever it was. Everything else arrives as
/// it was sent, in base64.
/// Source: "Binary media types", HTTP APIs, API Gateway Developer Guide.
fn is_text(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media.starts_with("text/")
        || ["application/json", "application/xml", "application/javascript"].contains(&media.as_str())
}

/// A host that `lambda_http`'s reader can join to a URL. In AWS the domain name is API Gateway's; here a client may send
/// anything.
fn fit_host(host: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    (1..=255).contains(&host.len()) && host.bytes().all(good) && url::Url::parse(&format!("http://{host}/")).is_ok()
}

/// The API Gateway v2 event of a request.
/// Source: "Working with AWS Lambda proxy integrations for HTTP APIs", payload format version 2.0.
pub fn event(request: &Request<Vec<u8>>, peer: &str, now: i64) -> Result<String, Problem> {
    let host = request.headers().get(header::HOST).map_or(Ok("localhost"), header::HeaderValue::to_str);
    let host = host.ok().filter(|h| fit_host(h)).ok_or(Problem::BadRequest("The host name does not read."))?;
    let mut headers = Map::new();
    let mut cookies = Vec::new();
    for (name, value) in request.headers() {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        match name.as_str() {
            "cookie" => cookies.extend(value.split(';').map(|c| Value::from(c.trim()))),
            // Set by the front in AWS; a client's own word about how it came here is not taken.
            "x-forwarded-proto" | "x-forwarded-for" | "x-forwarded-port" => {}
            name => match headers.get_mut(name) {
                Some(Value::String(joined)) => *joined = format!("{joined},{value}"),
                _ => drop(headers.insert(name.to_owned(), value.into())),
            },
        }
    }
    headers.insert("x-forwarded-proto".to_owned(), "http".into());
    let body = request.body();
    let is_base64 = !is_text(headers.get("content-type").and_then(Value::as_str).unwrap_or_default());
    let body = if is_base64 { STANDARD.encode(body) } else { String::from_utf8_lossy(body).into_owned() };
    let path = request.uri().path();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.uri().query().unwrap_or_default(),
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000", "apiId": "local", "domainName": host, "domainPrefix": "local",
            "http": {
                "method": request.method().as_str(), "path": path, "protocol": "HTTP/1.1", "sourceIp": peer,
                "userAgent": headers.get("user-agent").cloned().unwrap_or_default(),
            },
            "requestId": "local", "routeKey": "$default", "stage": "$default",
            "time": rfc3339(now), "timeEpoch": now,
        },
        "isBase64Encoded": is_base64,
    });
    if let Some(fields) = event.as_object_mut() {
        if !cookies.is_empty() {
            fields.insert("cookies".into(), cookies.into());
        }
        if !body.is_empty() || request.method() == Method::POST {
            fields.insert("body".into(), body.into());
        }
    }
    Ok(event.to_string())
}
