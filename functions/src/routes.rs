//! Which address belongs to which function. The local front dispatches by this table.

use lambda_http::http::Method;

/// A Lambda function with an HTTP trigger.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Function {
    /// The public catalogue, the files that pages are made of, and the choice of a language.
    Storefront,
    /// Creating orders, by the API and by a product's page.
    CreateOrder,
    /// A buyer's order, by the API and by its page: reading it, other attempts, checking, cancelling, looking it up.
    Order,
    /// Showing keys; has the right to open cards.
    Reveal,
    /// Providers' notifications.
    PaymentWebhook,
    /// The seller: signing in, products, the shop's words and pictures.
    Admin,
    /// The seller: what needs a person, refunds, reviews, reports, and who is told of it.
    Desk,
    /// The seller: cards; has the right to seal them.
    Cards,
}

impl Function {
    /// The name of its bin.
    pub fn name(self) -> &'static str {
        match self {
            Function::Storefront => "storefront",
            Function::CreateOrder => "create_order",
            Function::Order => "order",
            Function::Reveal => "reveal",
            Function::PaymentWebhook => "payment_webhook",
            Function::Admin => "admin",
            Function::Desk => "desk",
            Function::Cards => "cards",
        }
    }
}

/// One address.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method.
    pub method: &'static Method,
    /// The path; `{name}` stands for one segment.
    pub path: &'static str,
    /// Who answers.
    pub function: Function,
}

const fn route(method: &'static Method, path: &'static str, function: Function) -> Route {
    Route { method, path, function }
}

/// Every address of the shop.
pub const ROUTES: &[Route] = &[
    route(&Method::GET, "/healthz", Function::Storefront),
    route(&Method::GET, "/api/openapi.json", Function::Storefront),
    route(&Method::GET, "/", Function::Storefront),
    route(&Method::GET, "/terms", Function::Storefront),
    route(&Method::POST, "/lang", Function::Storefront),
    route(&Method::GET, "/favicon.ico", Function::Storefront),
    route(&Method::GET, "/assets/{name}", Function::Storefront),
    route(&Method::GET, "/media/{id}", Function::Storefront),
    route(&Method::GET, "/p/{product}", Function::CreateOrder),
    route(&Method::POST, "/p/{product}", Function::CreateOrder),
    route(&Method::GET, "/o/{id}", Function::Order),
    route(&Method::GET, "/o/{id}/qr.png", Function::Order),
    route(&Method::GET, "/o/{id}/link.png", Function::Order),
    route(&Method::POST, "/o/{id}/check", Function::Order),
    route(&Method::POST, "/o/{id}/cancel", Function::Order),
    route(&Method::POST, "/o/{id}/payments", Function::Order),
    route(&Method::POST, "/o/{id}/unlock", Function::Order),
    route(&Method::POST, "/o/{id}/mail", Function::Order),
    route(&Method::GET, "/o/{id}/keys", Function::Reveal),
    route(&Method::POST, "/o/{id}/keys", Function::Reveal),
    route(&Method::GET, "/o/{id}/keys.txt", Function::Reveal),
    route(&Method::GET, "/lookup", Function::Order),
    route(&Method::POST, "/lookup", Function::Order),
    route(&Method::GET, "/api/products", Function::Storefront),
    route(&Method::POST, "/api/orders", Function::CreateOrder),
    route(&Method::GET, "/api/orders/{id}", Function::Order),
    route(&Method::POST, "/api/orders/{id}/payments", Function::Order),
    route(&Method::POST, "/api/orders/{id}/check", Function::Order),
    route(&Method::POST, "/api/orders/{id}/cancel", Function::Order),
    route(&Method::GET, "/api/orders/{id}/keys", Function::Reveal),
    route(&Method::POST, "/api/lookup", Function::Order),
    route(&Method::GET, "/webhooks/{channel}", Function::PaymentWebhook),
    route(&Method::POST, "/webhooks/{channel}", Function::PaymentWebhook),
    route(&Method::POST, "/api/admin/login", Function::Admin),
    route(&Method::POST, "/api/admin/refresh", Function::Admin),
    route(&Method::GET, "/api/admin/settings", Function::Admin),
    route(&Method::PATCH, "/api/admin/settings", Function::Admin),
    route(&Method::POST, "/api/admin/media", Function::Admin),
    route(&Method::GET, "/api/admin/channels", Function::Admin),
    route(&Method::PUT, "/api/admin/channels/{id}", Function::Admin),
    route(&Method::GET, "/api/admin/products", Function::Admin),
    route(&Method::POST, "/api/admin/products", Function::Admin),
    route(&Method::GET, "/api/admin/products/{id}", Function::Admin),
    route(&Method::PATCH, "/api/admin/products/{id}", Function::Admin),
    route(&Method::DELETE, "/api/admin/products/{id}", Function::Admin),
    route(&Method::GET, "/api/admin/products/{id}/cards", Function::Cards),
    route(&Method::POST, "/api/admin/products/{id}/cards", Function::Cards),
    route(&Method::DELETE, "/api/admin/products/{id}/cards", Function::Cards),
    route(&Method::GET, "/api/admin/attention", Function::Desk),
    route(&Method::POST, "/api/admin/attention/{id}", Function::Desk),
    route(&Method::GET, "/api/admin/orders/{id}", Function::Desk),
    route(&Method::POST, "/api/admin/orders/{id}/refund", Function::Desk),
    route(&Method::POST, "/api/admin/orders/{id}/review", Function::Desk),
    route(&Method::POST, "/api/admin/orders/{id}/attest", Function::Desk),
    route(&Method::GET, "/api/admin/pushes", Function::Desk),
    route(&Method::PUT, "/api/admin/pushes/{id}", Function::Desk),
    route(&Method::DELETE, "/api/admin/pushes/{id}", Function::Desk),
    route(&Method::POST, "/api/admin/pushes/{id}/test", Function::Desk),
    route(&Method::POST, "/api/admin/pushes/{id}/replay", Function::Desk),
    route(&Method::GET, "/api/admin/reports/audit", Function::Desk),
    route(&Method::GET, "/api/admin/trail", Function::Desk),
    route(&Method::POST, "/api/admin/restored", Function::Desk),
];

/// How a path was matched.
#[derive(Clone, Debug)]
pub enum Match<'a> {
    /// A route, and what stands for its one parameter (empty when it has none).
    Found(&'static Route, &'a str),
    /// The path exists, with these methods only.
    OtherMethod(Vec<&'static str>),
    /// No such path.
    None,
}

fn parameter<'a>(template: &str, path: &'a str) -> Option<&'a str> {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    let mut found = "";
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(found),
            (Some(name), Some(value)) if name.starts_with('{') && !value.is_empty() => found = value,
            (Some(name), Some(value)) if name == value => {}
            _ => return None,
        }
    }
}

/// Finds the route of a request. HEAD is a GET whose body nobody wants, where GET changes nothing: on everything but a provider's
/// notification.
pub fn find<'a>(method: &Method, path: &'a str) -> Match<'a> {
    let is_head = *method == Method::HEAD && !path.starts_with("/webhooks/");
    let method = if is_head { &Method::GET } else { method };
    let mut methods = Vec::new();
    for route in ROUTES {
        if let Some(found) = parameter(route.path, path) {
            if route.method == method {
                return Match::Found(route, found);
            }
            methods.push(route.method.as_str());
        }
    }
    if methods.is_empty() { Match::None } else { Match::OtherMethod(methods) }
}
