//! What happens on each trigger: one file per trigger, thin as a table of contents.

mod admin;
mod buyer_mail;
mod cards;
mod channels;
mod create_order;
pub mod deliver;
pub mod desk;
pub mod handlers;
pub mod http;
mod keys_page;
mod looks;
mod lookup_page;
mod media;
pub mod notify;
mod order;
mod order_form;
mod order_page;
pub mod pages;
mod payment_webhook;
mod pushes;
pub mod reconcile;
mod reveal;
pub mod routes;
mod settings;
pub mod setup;
mod storefront;
pub mod telemetry;
mod web;

use app::App;
use domain::OrderId;
use handlers::Handler;
use http::Problem;
use lambda_http::http::HeaderValue;
use lambda_http::{Body, Request, RequestExt, Response};
use routes::{Function, Match};
use tracing::Instrument;
use tracing::field::Empty;

/// Answers an HTTP request on behalf of a function that is known at run time: how the local front calls all of them.
pub async fn serve(app: &App, function: Function, request: Request) -> Response<Body> {
    // Boxed: one future for whichever it is, and not the largest of them for each.
    match function {
        Function::Storefront => Box::pin(serve_as::<handlers::Storefront>(app, request)).await,
        Function::CreateOrder => Box::pin(serve_as::<handlers::CreateOrder>(app, request)).await,
        Function::Order => Box::pin(serve_as::<handlers::Order>(app, request)).await,
        Function::Reveal => Box::pin(serve_as::<handlers::Reveal>(app, request)).await,
        Function::PaymentWebhook => Box::pin(serve_as::<handlers::PaymentWebhook>(app, request)).await,
        Function::Admin => Box::pin(serve_as::<handlers::Admin>(app, request)).await,
        Function::Desk => Box::pin(serve_as::<handlers::Desk>(app, request)).await,
        Function::Cards => Box::pin(serve_as::<handlers::Cards>(app, request)).await,
    }
}

/// Answers an HTTP request on behalf of one function. A request for another function's address is not found here, so a
/// wrongly wired deployment shows itself.
async fn serve_as<H: Handler>(app: &App, request: Request) -> Response<Body> {
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
        "request", request_id = %id, trace, function = H::FUNCTION.name(), %method, route, order = Empty, attempt = Empty
    );
    if let Match::Found(_, parameter) = &matched
        && route.contains("/{id}")
        && let Some(order) = OrderId::parse(parameter)
    {
        span.record("order", tracing::field::display(order));
    }
    let answer = async {
        let answer = match matched {
            Match::Found(route, parameter) if route.function == H::FUNCTION => {
                // Boxed: the SDK's futures nest deeply, and every layer above would carry their size.
                Box::pin(H::answer(app, route.path, parameter, &request)).await
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

/// What every function but the setup does before its first event.
async fn ready() -> Result<App, app::config::StartError> {
    telemetry::start();
    let app = App::from_env().await.inspect_err(|error| tracing::error!(%error, "the function cannot start"))?;
    Ok(app)
}

/// Runs one HTTP function on Lambda: what every HTTP bin calls.
pub async fn run_http<H: Handler>() -> Result<(), lambda_http::Error> {
    let app = ready().await?;
    let app = &app;
    lambda_http::run(lambda_http::service_fn(move |request: Request| async move {
        Ok::<_, std::convert::Infallible>(serve_as::<H>(app, request).await)
    }))
    .await
}
