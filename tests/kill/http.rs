//! A small HTTP/1.1 client, one connection for each request.
//!
//! Written by hand because the difference that matters here is one that clients like to hide: whether a request never left,
//! or left and was not answered whole. Nothing is repeated, kept alive or smoothed over.

use serde_json::Value;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take. A killed shop breaks the connection at once; only one that hangs is silent for so long.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A request that can be sent any number of times.
#[derive(Clone, Debug)]
pub struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    within: Duration,
    /// Cards that the shop may hold because of one sending of this request.
    pub may_hold: u64,
}

impl Request {
    /// A read.
    pub fn get(path: impl Into<String>) -> Request {
        Request {
            method: "GET",
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
            within: ANSWER_WITHIN,
            may_hold: 0,
        }
    }

    /// A write with a JSON body.
    pub fn post(path: impl Into<String>, body: &Value) -> Request {
        Request { method: "POST", body: body.to_string().into_bytes(), ..Request::get(path) }
            .with("Content-Type", "application/json")
    }

    /// A write with lines of text, which may take as long as it likes.
    pub fn post_text(path: impl Into<String>, text: &str) -> Request {
        let within = Duration::from_secs(600);
        Request { method: "POST", body: text.as_bytes().to_vec(), within, ..Request::get(path) }
            .with("Content-Type", "text/plain")
    }

    /// The request with one header more.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.headers.push((name, value.into()));
        self
    }

    /// The request of somebody who holds this token.
    pub fn bearer(self, token: &str) -> Request {
        self.with("Authorization", format!("Bearer {token}"))
    }

    /// Allows the shop to hold this many cards because of it.
    pub fn holding(mut self, cards: u32) -> Request {
        self.may_hold = u64::from(cards);
        self
    }

    fn bytes(&self, port: u16) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if self.method != "GET" {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        head += "Connection: close\r\n\r\n";
        [head.as_bytes(), &self.body].concat()
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The stable code of a refusal; empty when there is none.
    pub fn code(&self) -> String {
        self.json().get("code").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The answer in a few words, for a report.
    pub fn said(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let words: String = text.chars().take(300).collect();
        format!("{} {}", self.status, words.trim())
    }
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lost {
    /// The request never left: nobody listens.
    Refused(String),
    /// The request left, or may have, and no whole answer came back.
    Cut(String),
    /// The connection stands and nothing comes.
    Silent,
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Lost::Refused(why) => write!(f, "no connection ({why})"),
            Lost::Cut(why) => write!(f, "cut off ({why})"),
            Lost::Silent => write!(f, "silence"),
        }
    }
}

/// Sends a request once, on a connection of its own.
pub async fn send(port: u16, request: &Request) -> Result<Answer, Lost> {
    tokio::time::timeout(request.within, exchange(port, request)).await.unwrap_or(Err(Lost::Silent))
}

async fn exchange(port: u16, request: &Request) -> Result<Answer, Lost> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.map_err(|e| Lost::Refused(e.to_string()))?;
    let cut = |e: std::io::Error| Lost::Cut(e.to_string());
    let _ = stream.set_nodelay(true);
    stream.write_all(&request.bytes(port)).await.map_err(cut)?;
    let mut read = Vec::new();
    loop {
        if let Some(answer) = whole(&read, false)? {
            return Ok(answer);
        }
        if stream.read_buf(&mut read).await.map_err(cut)? == 0 {
            return whole(&read, true)?.ok_or_else(|| Lost::Cut(format!("after {} bytes", read.len())));
        }
    }
}

/// Reads what has arrived so far; `None` while something is missing. Without a length the end of the connection ends the body.
fn whole(read: &[u8], ended: bool) -> Result<Option<Answer>, Lost> {
    let strange = |what: &str| Lost::Cut(format!("an answer that does not read: {what}"));
    let Some(head_end) = read.windows(4).position(|w| w == b"\r\n\r\n") else { return Ok(None) };
    let (head, body) = (&read[..head_end], &read[head_end + 4..]);
    let head = std::str::from_utf8(head).map_err(|_| strange("its head"))?;
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
    let status = status.ok_or_else(|| strange(first))?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: body.to_vec() };
    if answer.header("transfer-encoding").is_some() {
        return Err(strange("it comes in chunks"));
    }
    match answer.header("content-length").map(str::parse::<usize>) {
        None => Ok(ended.then_some(answer)),
        Some(Err(_)) => Err(strange("its length")),
        Some(Ok(length)) if body.len() < length => Ok(None),
        Some(Ok(length)) => {
            answer.body.truncate(length);
            Ok(Some(answer))
        }
    }
}
