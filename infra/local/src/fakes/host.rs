//! A fake provider on a port of this machine, which misbehaves when it is told to.

use super::{Fake, FakeAnswer, Seal};
use crate::gateway::GatewayRequest;
use app::Clock;
use http::{Request, Response};
use payments::Call;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// What is wrong with one answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It comes this much later, after what was asked for was done.
    Slow(Duration),
    /// It is a server's error, and nothing was done.
    Down,
    /// It is a server's error, after what was asked for was done.
    DownAfter,
    /// It is a page of HTML with status 200, after what was asked for was done.
    Garbage,
    /// It is signed with another key, or tells of another number where nothing is signed.
    WrongSeal,
    /// It says that all went well and is not signed.
    Unsigned,
}

/// A fake that listens.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its address, without a slash at its end.
    pub url: String,
    /// The provider.
    pub fake: Arc<dyn Fake>,
    clock: Clock,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    asked: Arc<AtomicU64>,
}

impl Host {
    /// Begins to listen.
    pub async fn start(fake: Arc<dyn Fake>, clock: Clock) -> io::Result<Host> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
        let host = Host { url, fake, clock, faults: Arc::default(), asked: Arc::default() };
        let answering = host.clone();
        tokio::spawn(crate::server::serve_with(listener, move |request: Request<Vec<u8>>, _| {
            let host = answering.clone();
            async move { host.answer(request).await }
        }));
        Ok(host)
    }

    /// The moment, and numbers that were not used before.
    pub fn call(&self) -> Call {
        let mut nonce = [0; 16];
        let count = self.asked.fetch_add(1, Ordering::SeqCst);
        for (to, from) in nonce.iter_mut().zip(count.to_be_bytes()) {
            *to = from;
        }
        Call { now: self.clock.now(), nonce }
    }

    /// The next answer goes wrong in this way.
    pub fn plan(&self, fault: Fault) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push_back(fault);
    }

    /// How many requests came in, by the shop or by a buyer's browser.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// A buyer's browser goes where it was sent, or posts what it was given.
    pub fn visit(&self, method: &str, url: &str, form: &[(String, String)]) -> Option<FakeAnswer> {
        let rest = url.strip_prefix(&self.url)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let kind = "application/x-www-form-urlencoded".to_owned();
        let headers = vec![("host".to_owned(), self.authority()), ("content-type".to_owned(), kind)];
        let request = GatewayRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: body.into_bytes(),
        };
        Some(self.fake.handle(&request, &self.call(), Seal::Right))
    }

    fn authority(&self) -> String {
        self.url.trim_start_matches("http://").to_owned()
    }

    async fn answer(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        let fault = self.faults.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        if fault == Some(Fault::Down) {
            return plain(503, b"down");
        }
        let (parts, body) = request.into_parts();
        let read = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let asked = GatewayRequest {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers.iter().filter_map(read).collect(),
            body,
        };
        let seal = match fault {
            Some(Fault::WrongSeal) => Seal::Wrong,
            Some(Fault::Unsigned) => Seal::Missing,
            _ => Seal::Right,
        };
        let answer = self.fake.handle(&asked, &self.call(), seal);
        match fault {
            Some(Fault::Slow(by)) => tokio::time::sleep(by).await,
            Some(Fault::DownAfter) => return plain(502, b"bad gateway"),
            Some(Fault::Garbage) => return plain(200, b"<html><body>maintenance</body></html>"),
            _ => {}
        }
        let mut response = plain(answer.status, &answer.body);
        response.headers_mut().clear();
        for (name, value) in &answer.headers {
            if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), http::HeaderValue::try_from(value)) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

fn plain(status: u16, body: &[u8]) -> Response<Vec<u8>> {
    let mut response = Response::new(body.to_vec());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::BAD_GATEWAY);
    let kind = http::HeaderValue::from_static("text/html");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    response
}
