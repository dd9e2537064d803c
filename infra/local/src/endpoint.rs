//! The services of AWS on a socket, for functions that run as processes of their own: tables, queues, parameters and keys of one
//! world, told apart by the protocol's own header.

use crate::seam::Seam;
use crate::server::serve_with;
use http::{Request, Response};
use serde_json::json;
use tokio::net::TcpListener;

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
    let (status, body, error_code) = seam.aws(&target, request.body()).await;
    let mut response = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
    if let Some(code) = error_code {
        response = response.header("x-amzn-query-error", code);
    }
    response.body(body).unwrap_or_default()
}
