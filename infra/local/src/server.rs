//! HTTP on a socket.

use crate::front::{BODY_MAX, Front};
use bytes::Bytes;
use functions::http::{Problem, finish};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long a client may take over its headers, so that idle connections do not pile up.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take over its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// Serves connections until the task is dropped.
pub async fn serve(listener: TcpListener, front: Front) {
    serve_with(listener, move |request: Request<Vec<u8>>, peer: String| {
        let front = front.clone();
        async move { front.handle(request, &peer).await }
    })
    .await;
}

/// Serves connections with whatever answers a request from an address, until the task is dropped.
pub async fn serve_with<H, A>(listener: TcpListener, handle: H)
where
    H: Fn(Request<Vec<u8>>, String) -> A + Clone + Send + 'static,
    A: Future<Output = Response<Vec<u8>>> + Send + 'static,
{
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file handles, most likely: wait for some to close instead of spinning.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let handle = handle.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(handle.clone(), request, peer));
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                // A client that has sent all it wants to send may still wait for the answer.
                .half_close(true)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
}

fn refused(problem: Problem) -> Response<Vec<u8>> {
    finish(Err(problem)).map(|body| body.as_ref().to_vec())
}

async fn answer<H, A>(
    handle: H,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response<Full<Bytes>>, Infallible>
where
    H: Fn(Request<Vec<u8>>, String) -> A,
    A: Future<Output = Response<Vec<u8>>> + Send + 'static,
{
    let (parts, body) = request.into_parts();
    let read = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_MAX).collect()).await;
    let response = match read {
        Ok(Ok(body)) => {
            let request = Request::from_parts(parts, body.to_bytes().to_vec());
            // In a task of its own: what was begun is finished, as in Lambda, also when the client is gone.
            let work = tokio::spawn(handle(request, peer.ip().to_string()));
            work.await.unwrap_or_else(|_| refused(Problem::Unavailable))
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => refused(Problem::TooLarge),
        _ => refused(Problem::BadRequest("The body did not arrive whole.")),
    };
    Ok(response.map(|body| Full::new(Bytes::from(body))))
}
