//! The only file that turns answers and refusals into HTTP. Problems are RFC 9457 documents with a stable code; the list of
//! codes is closed, and what a reader should do stands beside each.

use app::AppError;
use domain::limits::BODY_MAX;
use lambda_http::http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use lambda_http::{Body, Request, RequestExt, Response};
use serde::Serialize;
use serde_json::{Value, json};

/// A refusal as the outside sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Problem {
    /// 400: the body or a parameter does not read. Mend the request.
    BadRequest(&'static str),
    /// 400: no key, or not 16 to 255 printable characters. Send a fresh random one.
    IdempotencyKeyInvalid,
    /// 401: sign in (again), or name and password do not fit.
    Unauthorized(&'static str),
    /// 404: no such thing, or not yours; the same answer for both.
    NotFound,
    /// 405: the address exists, the method does not; these do.
    MethodNotAllowed(String),
    /// 409: not enough cards. Choose less, or another product.
    SoldOut,
    /// 409: the price is another than the one that was shown. Show it and ask again.
    PriceChanged,
    /// 409: the key's order was given up. Take a new key.
    OrderVoid,
    /// 409: the cards are not there yet. Ask for the order first.
    NotDelivered,
    /// 409: the order does not wait for money. Read it again.
    NotWaiting,
    /// 409: the account cannot send money back. Return it by hand and register it with a reference.
    RefundByHand,
    /// 409: somebody else changed it. Read again.
    Conflict(&'static str),
    /// 413: the body is too large.
    TooLarge,
    /// 415: the body is of a kind this address does not read.
    UnsupportedMedia,
    /// 422: the key was used for other fields. Take a new key.
    IdempotencyKeyReused,
    /// 422: these fields do not fit.
    Invalid(Vec<(String, &'static str)>),
    /// 429: too many unpaid orders are open. Pay or cancel one of them first.
    TooManyHolds,
    /// 429: too fast.
    RateLimited(i64),
    /// 503: the channel takes no payment now. Choose another.
    ChannelDown,
    /// 503: the shop is closed for a while. Nothing is lost; come back later.
    ShopClosed,
    /// 503: we could not finish. Send the same request again; it is never done twice.
    Unavailable,
}

impl Problem {
    /// Status, code and title.
    fn parts(&self) -> (u16, &'static str, &'static str) {
        match self {
            Problem::BadRequest(_) => (400, "bad_request", "The request does not read."),
            Problem::IdempotencyKeyInvalid => {
                (400, "idempotency_key_invalid", "Idempotency-Key must be 16 to 255 printable characters.")
            }
            Problem::Unauthorized(_) => (401, "unauthorized", "Sign in first."),
            Problem::NotFound => (404, "not_found", "There is no such thing here."),
            Problem::MethodNotAllowed(_) => (405, "method_not_allowed", "This address does not take that method."),
            Problem::SoldOut => (409, "sold_out", "It has just sold out. Nothing was charged."),
            Problem::PriceChanged => (409, "price_changed", "The price is another now."),
            Problem::OrderVoid => (409, "order_void", "This order was given up. Take a new key."),
            Problem::NotDelivered => (409, "not_delivered", "The order is not delivered yet."),
            Problem::NotWaiting => (409, "not_waiting", "The order does not wait for money."),
            Problem::RefundByHand => {
                (409, "refund_by_hand", "Return the money by hand and register it with a reference.")
            }
            Problem::Conflict(_) => (409, "conflict", "It was changed meanwhile, or exists already."),
            Problem::TooLarge => (413, "too_large", "The body is too large."),
            Problem::UnsupportedMedia => (415, "unsupported_media", "This address does not read that kind of body."),
            Problem::IdempotencyKeyReused => {
                (422, "idempotency_key_reused", "This key made an order with other fields.")
            }
            Problem::Invalid(_) => (422, "invalid", "Some fields do not fit."),
            Problem::TooManyHolds => {
                (429, "too_many_holds", "Too many unpaid orders. Pay one of them, or come back later.")
            }
            Problem::RateLimited(_) => (429, "rate_limited", "Too fast."),
            Problem::ChannelDown => (503, "channel_down", "This way to pay is not available now."),
            Problem::ShopClosed => (503, "shop_closed", "The shop is closed for a while. Nothing is lost."),
            Problem::Unavailable => {
                (503, "unavailable", "We could not finish. Send the same request again; it is never done twice.")
            }
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.parts().1
    }

    /// One field that does not fit.
    pub fn field(name: &str, code: &'static str) -> Problem {
        Problem::Invalid(vec![(name.to_owned(), code)])
    }

    fn into_response(self) -> Response<Body> {
        let (status, code, title) = self.parts();
        let detail = match &self {
            Problem::BadRequest(detail) | Problem::Conflict(detail) | Problem::Unauthorized(detail) => detail,
            _ => title,
        };
        let mut document = json!({
            "type": format!("urn:kamivend:problem:{code}"), "title": title, "status": status, "detail": detail, "code": code,
        });
        if let (Problem::Invalid(errors), Some(document)) = (&self, document.as_object_mut()) {
            let errors: Vec<Value> = errors.iter().map(|(f, c)| json!({"field": f, "code": c})).collect();
            document.insert("errors".into(), errors.into());
        }
        let mut response = respond(status, "application/problem+json", document.to_string());
        match self {
            Problem::MethodNotAllowed(methods) => set(&mut response, ALLOW, &methods),
            Problem::Unauthorized(_) => set(&mut response, WWW_AUTHENTICATE, "Bearer"),
            Problem::RateLimited(seconds) => set(&mut response, RETRY_AFTER, &seconds.to_string()),
            Problem::TooManyHolds | Problem::ShopClosed => set(&mut response, RETRY_AFTER, "60"),
            Problem::Unavailable => set(&mut response, RETRY_AFTER, "1"),
            _ => {}
        }
        response
    }
}

/// Tells the log what went wrong inside: for a page that says in its own words that nothing was decided.
pub(crate) fn log_failure(error: &AppError) {
    match error {
        AppError::Contended => tracing::warn!(%error, "nothing was decided"),
        _ => tracing::error!(%error, "a use case failed"),
    }
}

impl From<AppError> for Problem {
    /// The outside never hears what went wrong inside; the log does.
    fn from(error: AppError) -> Problem {
        log_failure(&error);
        Problem::Unavailable
    }
}

impl From<store::StoreError> for Problem {
    fn from(error: store::StoreError) -> Problem {
        AppError::from(error).into()
    }
}

/// What a handler answers.
pub type Answer = Result<Response<Body>, Problem>;

/// Turns a handler's answer into a response.
pub fn finish(answer: Answer) -> Response<Body> {
    answer.unwrap_or_else(Problem::into_response)
}

fn set(response: &mut Response<Body>, name: lambda_http::http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// A response with a body; never stored by anything on the way unless the handler says otherwise.
pub fn respond(status: u16, content_type: &str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = lambda_http::http::StatusCode::from_u16(status).unwrap_or_default();
    set(&mut response, CONTENT_TYPE, content_type);
    set(&mut response, CACHE_CONTROL, "no-store");
    set(&mut response, lambda_http::http::header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

/// A JSON response.
pub fn json_response(status: u16, body: &impl Serialize) -> Answer {
    match serde_json::to_string(body) {
        Ok(text) => Ok(respond(status, "application/json", text)),
        Err(error) => {
            tracing::error!(%error, "an answer does not serialise");
            Err(Problem::Unavailable)
        }
    }
}

/// The body as JSON, at most 64 KiB.
pub fn json_body(request: &Request) -> Result<Value, Problem> {
    let body: &[u8] = request.body().as_ref();
    if body.len() > BODY_MAX {
        return Err(Problem::TooLarge);
    }
    serde_json::from_slice(body).map_err(|_| Problem::BadRequest("The body is not JSON."))
}

/// The bearer token, if there is one.
pub fn bearer(request: &Request) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The caller's address as the front saw it.
pub fn source_address(request: &Request) -> String {
    match request.request_context_ref() {
        Some(lambda_http::request::RequestContext::ApiGatewayV2(context)) => {
            context.http.source_ip.clone().unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// Money as the API writes it.
pub fn money(amount: domain::Money) -> Value {
    json!({"amount_minor": amount.minor, "currency": amount.currency.code()})
}

/// Money as the API reads it.
pub fn read_money(value: &Value) -> Option<domain::Money> {
    let currency = domain::Currency::parse(value.get("currency")?.as_str()?)?;
    let minor = value.get("amount_minor")?.as_i64()?;
    Some(domain::Money { minor, currency })
}
