//! What happens on each trigger: one file per trigger, thin as a table of contents.

mod admin;
mod cards;
mod create_order;
pub mod deliver;
pub mod desk;
pub mod http;
mod keys_page;
mod looks;
mod lookup_page;
mod media;
mod order;
mod order_form;
mod order_page;
pub mod pages;
mod payment_webhook;
pub mod reconcile;
mod reveal;
pub mod routes;
mod settings;
mod storefront;
pub mod telemetry;
mod web;

use app::App;
use domain::OrderId;
use http::Problem;
use lambda_http::http::HeaderValue;
use lambda_http::{Body, Request, RequestExt, Response};
use routes::{Function, Match};
use tracing::Instrument;
use tracing::field::Empty;

/// Answers an HTTP request on behalf of one function. A request for another function's address is not found here, so a
/// wrongly wired deployment shows itself.
pub async fn serve(app: &App, function: Function, request: Request) -> Response<Body> {
    app.begin();
    let context = request.lambda_context_ref();
    // On Lambda the request has a name already, and the platform's own lines carry it.
    let id = match context.map(|context| context.request_id.as_str()) {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => app.ids.uuid(app.clock.now()).to_string(),
    };
    let trace = context.and_then(|context| context.xray_trace_id.clone());
    let method = request.method().clone();
    let path = request.raw_http_path().to_owned();
    let started = std::time::Instant::now();
    let matched = routes::find(&method, &path);
    // The route, never the path or the query: those may carry a token.
    let route = match &matched {
        Match::Found(route, _) => route.path,
        _ => "–",
    };
    // Of the level ERROR: a span that is filtered out takes its members with it.
    let span = tracing::error_span!(
        "request", request_id = %id, trace, function = function.as_str(), %method, route, order = Empty, attempt = Empty
    );
    if let Match::Found(_, parameter) = &matched
        && route.contains("/{id}")
        && let Some(order) = OrderId::parse(parameter)
    {
        span.record("order", tracing::field::display(order));
    }
    let answer = async {
        let answer = match matched {
            Match::Found(route, parameter) if route.function == function => {
                // Boxed: the SDK's futures nest deeply, and every layer above would carry their size.
                Box::pin(dispatch(app, function, route.path, parameter, &request)).await
            }
            Match::OtherMethod(methods) => Err(Problem::MethodNotAllowed(methods.join(", "))),
            _ => Err(Problem::NotFound),
        };
        let code = answer.as_ref().err().map(Problem::code);
        let response = match &answer {
            // A person reads a page, a program a document.
            Err(problem) if is_page(&path) && web::wants_page(&request) => {
                Box::pin(web::refusal(app, &request, problem, &id)).await
            }
            _ => http::finish(answer),
        };
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(status = response.status().as_u16(), code, ms, "answered");
        response
    };
    let mut response = answer.instrument(span).await;
    app.flush_meter();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// Whether people go there: everything but what programs call.
fn is_page(path: &str) -> bool {
    !["/api/", "/webhooks/", "/assets/", "/media/", "/healthz"].iter().any(|start| path.starts_with(start))
}

async fn dispatch(app: &App, function: Function, path: &str, parameter: &str, request: &Request) -> http::Answer {
    match function {
        Function::Storefront => storefront::handle(app, path, parameter, request).await,
        Function::CreateOrder if path == "/p/{product}" => order_form::handle(app, parameter, request).await,
        Function::CreateOrder => create_order::handle(app, request).await,
        Function::Order => order::handle(app, path, parameter, request).await,
        Function::Reveal => reveal::handle(app, path, parameter, request).await,
        Function::PaymentWebhook => payment_webhook::handle(app, parameter, request).await,
        Function::Admin => admin::handle(app, path, parameter, request).await,
        Function::Desk => desk::handle(app, path, parameter, request).await,
        Function::Cards => cards::handle(app, parameter, request).await,
    }
}

/// Runs one HTTP function on Lambda: what every HTTP bin calls.
pub async fn run_http(function: Function) -> Result<(), lambda_http::Error> {
    telemetry::start();
    let app = App::from_env()?;
    let app = &app;
    lambda_http::run(lambda_http::service_fn(move |request: Request| async move {
        Ok::<_, std::convert::Infallible>(serve(app, function, request).await)
    }))
    .await
}
