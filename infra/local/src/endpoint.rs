//! The services of AWS on a socket, for functions that run as processes of their own: tables, queues, parameters and keys of one
//! world, told apart by the protocol's own header.

use crate::mailbox::Mailbox;
use crate::roles::acting_as;
use crate::seam::Seam;
use crate::server::serve_with;
use http::{Request, Response};
use serde_json::json;
use tokio::net::TcpListener;

/// Every function, by its bin.
pub const FUNCTIONS: [&str; 12] = [
    "storefront",
    "create_order",
    "order",
    "reveal",
    "payment_webhook",
    "deliver",
    "admin",
    "cards",
    "desk",
    "reconcile",
    "setup",
    "notify",
];

/// Serves the seam's services until the task is dropped.
pub async fn serve(listener: TcpListener, seam: Seam) {
    serve_with(listener, move |request: Request<Vec<u8>>, _peer: String| {
        let seam = seam.clone();
        async move { answer(&seam, request).await }
    })
    .await;
}

async fn answer(seam: &Seam, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Whether a signature is right nobody here can know, but a request without one would not pass in AWS either.
    if !header("authorization").starts_with("AWS4-HMAC-SHA256 ") {
        let body = json!({"__type": "MissingAuthenticationTokenException", "message": "not signed"});
        return Response::builder().status(400).body(body.to_string().into_bytes()).unwrap_or_default();
    }
    let target = header("x-amz-target").to_owned();
    // A function's access key is its name here, so that its role can be looked up.
    let key = header("authorization").split_once("Credential=").and_then(|(_, rest)| rest.split('/').next());
    let function = FUNCTIONS.into_iter().find(|name| Some(*name) == key);
    if request.uri().path() == crate::mailbox::SEND
        && let Some(mailbox) = seam.mailbox()
    {
        let taken = async { mail(mailbox, &request) };
        return match function {
            Some(function) => acting_as(function, taken).await,
            None => taken.await,
        };
    }
    let call = seam.aws(&target, request.body());
    let (status, body, error_code) = match function {
        Some(function) => acting_as(function, call).await,
        None => call.await,
    };
    let mut response = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
    if let Some(code) = error_code {
        response = response.header("x-amzn-query-error", code);
    }
    response.body(body).unwrap_or_default()
}

/// The one service that is told by its path.
fn mail(mailbox: &Mailbox, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (authorization, content_type) = (header("authorization"), header("content-type"));
    let (status, error, body) = mailbox.handle(request.uri().path(), authorization, content_type, request.body());
    let mut response = Response::builder().status(status).header("content-type", "application/json");
    if let Some(error) = error {
        response = response.header("x-amzn-errortype", error);
    }
    response.body(body).unwrap_or_default()
}
