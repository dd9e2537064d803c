//! Providers that take messages to a seller, on a port of this machine: each as strict about what it is sent as its documents are,
//! and each with its own way of saying no. Signatures are computed here by other code than that under test.

use crate::shop::START;
use app::Clock;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// The token, key or number that every receiver here knows.
pub const TOKEN: &str = "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4";
/// The secret that DingTalk and Feishu sign with.
pub const SECRET: &str = "SEC0123456789abcdefSECRET";
/// Telegram's token.
pub const BOT: &str = "123456789:AAE-qSecret_of_the_bot_0123456789abc";
/// The chat that Telegram's bot is in.
pub const CHAT: i64 = -1_001_234_567_890;
/// The key of Server酱 Turbo, and of Server酱³.
pub const TURBO: &str = "SCT12345TsecretKeyOfServerChan";
/// See [`TURBO`].
pub const SCTP: &str = "sctp987tsecretkeyofserverchan3";
/// A webhook's secret: 32 bytes in base64.
pub const WHSEC: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// Every secret, to be looked for where none may be.
pub const SECRETS: [&str; 6] = [TOKEN, SECRET, BOT, TURBO, SCTP, WHSEC];

/// A message that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Which provider took it.
    pub provider: &'static str,
    /// Its title or subject; of a webhook its type.
    pub title: String,
    /// Its text; of a webhook its data.
    pub text: String,
    /// The body.
    pub body: Value,
    /// A webhook's id.
    pub id: String,
}

/// An answer that is given instead of a provider's own.
struct Planned {
    path: String,
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

#[derive(Default)]
struct Inside {
    taken: Vec<Taken>,
    refused: Vec<String>,
    planned: VecDeque<Planned>,
    asked: usize,
    clock: Option<Clock>,
}

/// All of them behind one address.
#[derive(Clone)]
pub struct Receivers {
    /// The address, without a slash at its end.
    pub url: String,
    inside: Arc<Mutex<Inside>>,
}

impl Receivers {
    /// Begins to listen.
    pub async fn start() -> Receivers {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let inside: Arc<Mutex<Inside>> = Arc::default();
        let answering = inside.clone();
        tokio::spawn(local::server::serve_with(listener, move |request: Request<Vec<u8>>, _| {
            let inside = answering.clone();
            async move { inside.lock().unwrap().answer(&request) }
        }));
        Receivers { url, inside }
    }

    /// Goes by this clock from now on.
    pub fn follow(&self, clock: &Clock) {
        self.inside.lock().unwrap().clock = Some(clock.clone());
    }

    /// What was taken since the last time.
    pub fn take(&self) -> Vec<Taken> {
        std::mem::take(&mut self.inside.lock().unwrap().taken)
    }

    /// Why messages were refused, since the last time.
    pub fn refusals(&self) -> Vec<String> {
        std::mem::take(&mut self.inside.lock().unwrap().refused)
    }

    /// How many requests came in all.
    pub fn asked(&self) -> usize {
        self.inside.lock().unwrap().asked
    }

    /// Answers the next request whose path begins so in another way, once.
    pub fn plan(&self, path: &str, status: u16, headers: &[(&'static str, &str)], body: &str) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let planned = Planned { path: path.to_owned(), status, headers, body: body.to_owned() };
        self.inside.lock().unwrap().planned.push_back(planned);
    }

    /// The settings of a channel of this kind, as a seller sends them.
    pub fn channel(&self, kind: &str) -> Value {
        let base = &self.url;
        match kind {
            "dingtalk" => json!({"kind": kind, "token": TOKEN, "secret": SECRET, "base": base}),
            "wecom" => json!({"kind": kind, "key": TOKEN, "base": base}),
            "feishu" | "lark" => json!({"kind": kind, "token": TOKEN, "secret": SECRET, "base": base}),
            "telegram" => json!({"kind": kind, "token": BOT, "chat": CHAT.to_string(), "base": base}),
            "bark" => json!({"kind": kind, "key": TOKEN, "base": base}),
            "serverchan" => json!({"kind": kind, "key": TURBO, "base": base}),
            "email" => json!({"kind": kind, "from": "shop@example.com", "to": "seller@example.com"}),
            "webhook" => json!({"kind": kind, "url": format!("{base}/hook?of=mine"), "secret": WHSEC}),
            other => panic!("no receiver speaks {other}"),
        }
    }
}

/// HMAC-SHA256.
pub fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// What a strict reader says: the message, or its own way of refusing with the reason for the test.
type Read = Result<Taken, (u16, Value, String)>;

fn no<T>(status: u16, body: Value, why: &str) -> Result<T, (u16, Value, String)> {
    Err((status, body, why.to_owned()))
}

/// The members of an object are these and no others.
fn only(value: &Value, names: &[&str]) -> bool {
    value.as_object().is_some_and(|o| o.len() == names.len() && names.iter().all(|n| o.contains_key(*n)))
}

fn query(request: &Request<Vec<u8>>, name: &str) -> String {
    let query = request.uri().query().unwrap_or_default();
    let raw = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
    assert!(!raw.contains('+') && !raw.contains('/'), "{name} is not percent-encoded");
    let mut bytes = raw.bytes();
    let mut out = Vec::new();
    while let Some(b) = bytes.next() {
        let mut digit = || (bytes.next().unwrap() as char).to_digit(16).unwrap() as u8;
        out.push(if b == b'%' { digit() << 4 | digit() } else { b });
    }
    String::from_utf8(out).unwrap()
}

fn header<'a>(request: &'a Request<Vec<u8>>, name: &str) -> &'a str {
    request.headers().get(name).map(|v| v.to_str().unwrap()).unwrap_or_default()
}

impl Inside {
    fn now(&self) -> i64 {
        self.clock.as_ref().map_or(START, Clock::now)
    }

    fn answer(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.asked += 1;
        let path = request.uri().path().to_owned();
        if let Some(place) = self.planned.iter().position(|planned| path.starts_with(&planned.path)) {
            let planned = self.planned.remove(place).unwrap();
            let mut response = Response::builder().status(planned.status);
            for (name, value) in &planned.headers {
                response = response.header(*name, value);
            }
            return response.body(planned.body.into_bytes()).unwrap();
        }
        let (status, body) = match self.read(&path, request) {
            Ok((taken, answer)) => {
                self.taken.push(taken);
                (200, answer)
            }
            Err((status, answer, why)) => {
                self.refused.push(format!("{path}: {why}"));
                (status, answer)
            }
        };
        let response = Response::builder().status(status).header("content-type", "application/json");
        response.body(body.to_string().into_bytes()).unwrap()
    }

    fn read(&self, path: &str, request: &Request<Vec<u8>>) -> Result<(Taken, Value), (u16, Value, String)> {
        let fits = request.method() == "POST" && header(request, "content-type").starts_with("application/json");
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        if !fits || !body.is_object() {
            return no(400, json!({"errcode": 43_004}), "not JSON");
        }
        let signed = |taken: Read, answer: Value| taken.map(|taken| (taken, answer));
        match path {
            "/robot/send" => signed(self.dingtalk(request, body), json!({"errcode": 0, "errmsg": "ok"})),
            "/cgi-bin/webhook/send" => signed(wecom(request, body), json!({"errcode": 0, "errmsg": "ok"})),
            "/push" => signed(bark(body), json!({"code": 200, "message": "success", "timestamp": 1})),
            "/v2/email/outbound-emails" => signed(self.email(request, body), json!({"MessageId": "0100-of-the-mail"})),
            "/hook" => signed(self.webhook(request, body), json!({})),
            _ if path.starts_with("/open-apis/bot/v2/hook/") => {
                signed(self.feishu(path, body), json!({"code": 0, "msg": "success", "data": {}}))
            }
            _ if path.ends_with("/sendMessage") => {
                signed(telegram(path, body), json!({"ok": true, "result": {"message_id": 7}}))
            }
            _ if path.ends_with(".send") => {
                signed(serverchan(path, body), json!({"code": 0, "message": "", "data": {}}))
            }
            _ => no(404, json!({}), "no such address"),
        }
    }

    fn dingtalk(&self, request: &Request<Vec<u8>>, body: Value) -> Read {
        if query(request, "access_token") != TOKEN {
            return no(200, json!({"errcode": 300_005, "errmsg": "token is not exist"}), "token");
        }
        let time = query(request, "timestamp");
        let sign = STANDARD.encode(hmac(SECRET.as_bytes(), format!("{time}\n{SECRET}").as_bytes()));
        let age = self.now() - time.parse::<i64>().unwrap_or_default();
        if age.abs() > 3_600_000 || time.len() != 13 || query(request, "sign") != sign {
            return no(200, json!({"errcode": 310_000, "errmsg": "sign not match"}), "sign");
        }
        let markdown = &body["markdown"];
        let shaped = only(&body, &["msgtype", "markdown", "at"]) && only(markdown, &["title", "text"]);
        if !shaped || body["msgtype"] != "markdown" || request.body().len() > 20_000 {
            return no(200, json!({"errcode": 40_035, "errmsg": "invalid"}), "shape");
        }
        if body["at"] != json!({"atMobiles": [], "atUserIds": [], "isAtAll": false}) {
            return no(200, json!({"errcode": 40_035, "errmsg": "invalid"}), "somebody is mentioned");
        }
        Ok(taken("dingtalk", &markdown["title"], &markdown["text"], &body))
    }

    fn feishu(&self, path: &str, body: Value) -> Read {
        if path.rsplit('/').next() != Some(TOKEN) {
            return no(
                200,
                json!({"code": 19_001, "msg": "param invalid: incoming webhook access token invalid"}),
                "token",
            );
        }
        let time = body["timestamp"].as_str().unwrap_or_default();
        let age = self.now() / 1_000 - time.parse::<i64>().unwrap_or_default();
        let sign = STANDARD.encode(hmac(format!("{time}\n{SECRET}").as_bytes(), b""));
        if age.abs() > 3_600 || body["sign"] != sign.as_str() {
            return no(200, json!({"code": 19_021, "msg": "sign match fail"}), "sign");
        }
        let post = &body["content"]["post"]["zh_cn"];
        let rows = post["content"].as_array().cloned().unwrap_or_default();
        let good = |element: &Value| match element["tag"].as_str() {
            Some("text") => only(element, &["tag", "text"]) && element["text"].as_str().is_some_and(|t| !t.is_empty()),
            Some("a") => only(element, &["tag", "text", "href"]),
            _ => false,
        };
        let elements: Vec<&Value> = rows.iter().flat_map(|row| row.as_array().unwrap()).collect();
        let shaped = only(&body, &["msg_type", "content", "timestamp", "sign"]) && only(post, &["title", "content"]);
        if !shaped || body["msg_type"] != "post" || elements.is_empty() || !elements.iter().all(|e| good(e)) {
            return no(200, json!({"code": 9_499, "msg": "Bad Request"}), "shape");
        }
        let text: Vec<&str> = elements.iter().map(|e| e["text"].as_str().unwrap()).collect();
        Ok(taken("feishu", &post["title"], &text.join("\n").into(), &body))
    }

    /// The signature of AWS, computed again from what arrived.
    fn email(&self, request: &Request<Vec<u8>>, body: Value) -> Read {
        let refused = |why: &str| no(403, json!({"message": "no", "__type": "SignatureDoesNotMatch"}), why);
        let date = header(request, "x-amz-date");
        let authorization = header(request, "authorization");
        let part = |name: &str| {
            let rest = authorization.split(name).nth(1).unwrap_or_default();
            rest.split([',', ' ']).next().unwrap_or_default().to_owned()
        };
        let day = app::clock::rfc3339(self.now()).replace(['-', ':'], "");
        // Every instance of a world is in a region of its own.
        let region = part("Credential=").split('/').nth(2).unwrap_or_default().to_owned();
        let scope = format!("{}/{region}/ses/aws4_request", date.get(..8).unwrap_or_default());
        if !region.starts_with("local-") {
            return refused("region");
        }
        if !authorization.starts_with("AWS4-HMAC-SHA256 ") || part("Credential=") != format!("local/{scope}") {
            return refused("credential");
        }
        if date.get(..13) != day.get(..13) {
            return refused("date");
        }
        let names = part("SignedHeaders=");
        let listed: String =
            names.split(';').map(|name| format!("{name}:{}\n", header(request, name).trim())).collect();
        if !["host", "x-amz-date"].iter().all(|must| names.split(';').any(|name| name == *must)) {
            return refused("signed headers");
        }
        let hash = hex(&Sha256::digest(request.body()));
        let canonical = format!("POST\n{}\n\n{listed}\n{names}\n{hash}", request.uri().path());
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
        let key = [&scope[..8], &region, "ses", "aws4_request"]
            .iter()
            .fold(b"AWS4local".to_vec(), |key, part| hmac(&key, part.as_bytes()));
        if part("Signature=") != hex(&hmac(&key, to_sign.as_bytes())) {
            return refused("signature");
        }
        let simple = &body["Content"]["Simple"];
        let (subject, text) = (&simple["Subject"], &simple["Body"]["Text"]);
        let shaped = only(&body, &["FromEmailAddress", "Destination", "Content"])
            && body["Destination"] == json!({"ToAddresses": ["seller@example.com"]})
            && body["FromEmailAddress"] == "shop@example.com"
            && [subject, text].iter().all(|part| only(part, &["Data", "Charset"]) && part["Charset"] == "UTF-8");
        if !shaped || subject["Data"].as_str().is_none_or(|s| s.contains(['\r', '\n'])) {
            return no(400, json!({"message": "no", "__type": "BadRequestException"}), "shape");
        }
        Ok(taken("email", &subject["Data"], &text["Data"], &body))
    }

    fn webhook(&self, request: &Request<Vec<u8>>, body: Value) -> Read {
        let (id, time) = (header(request, "webhook-id"), header(request, "webhook-timestamp"));
        let key = STANDARD.decode(WHSEC.strip_prefix("whsec_").unwrap()).unwrap();
        let signed = [id.as_bytes(), b".", time.as_bytes(), b".", request.body()].concat();
        let wanted = format!("v1,{}", STANDARD.encode(hmac(&key, &signed)));
        let age = self.now() / 1_000 - time.parse::<i64>().unwrap_or_default();
        if id.is_empty() || id.contains('.') || age.abs() > 300 || header(request, "webhook-signature") != wanted {
            return no(401, json!({}), "signature");
        }
        if !only(&body, &["type", "timestamp", "data"]) || !body["data"].is_object() {
            return no(400, json!({}), "shape");
        }
        assert_eq!(request.uri().query(), Some("of=mine"));
        let mut taken = taken("webhook", &body["type"], &body["data"].to_string().into(), &body);
        taken.id = id.to_owned();
        Ok(taken)
    }
}

fn taken(provider: &'static str, title: &Value, text: &Value, body: &Value) -> Taken {
    let told = |value: &Value| value.as_str().expect("text").to_owned();
    Taken { provider, title: told(title), text: told(text), body: body.clone(), id: String::new() }
}

fn wecom(request: &Request<Vec<u8>>, body: Value) -> Read {
    if query(request, "key") != TOKEN {
        return no(200, json!({"errcode": 93_000, "errmsg": "invalid webhook url"}), "key");
    }
    let content = &body["markdown"]["content"];
    let shaped = only(&body, &["msgtype", "markdown"]) && only(&body["markdown"], &["content"]);
    if !shaped || body["msgtype"] != "markdown" || content.as_str().is_none_or(|text| text.len() > 4_096) {
        return no(200, json!({"errcode": 40_058, "errmsg": "markdown.content exceed max length 4096"}), "shape");
    }
    let title = content.as_str().unwrap().lines().next().unwrap_or_default().trim_matches('*').to_owned();
    Ok(taken("wecom", &title.into(), content, &body))
}

fn telegram(path: &str, body: Value) -> Read {
    if path != format!("/bot{BOT}/sendMessage") {
        return no(404, json!({"ok": false, "error_code": 404, "description": "Not Found"}), "token");
    }
    if body["chat_id"] != CHAT {
        return no(400, json!({"ok": false, "error_code": 400, "description": "Bad Request: chat not found"}), "chat");
    }
    let text = body["text"].as_str().unwrap_or_default();
    let shaped = only(&body, &["chat_id", "text", "link_preview_options", "disable_notification"]);
    if !shaped || text.is_empty() || text.encode_utf16().count() > 4_096 {
        return no(
            400,
            json!({"ok": false, "error_code": 400, "description": "Bad Request: message is too long"}),
            "text",
        );
    }
    Ok(taken("telegram", &text.lines().next().unwrap().into(), &body["text"], &body))
}

fn bark(body: Value) -> Read {
    if body["device_key"] != TOKEN {
        return no(400, json!({"code": 400, "message": "failed to get device token: failed to get"}), "key");
    }
    let allowed = ["device_key", "title", "body", "group", "level", "url"];
    let known = body.as_object().unwrap().keys().all(|name| allowed.contains(&name.as_str()));
    let level = ["timeSensitive", "active"].iter().any(|level| body["level"] == *level);
    if !known || !level || body.to_string().len() > 4_096 {
        return no(400, json!({"code": 400, "message": "bad request"}), "shape");
    }
    Ok(taken("bark", &body["title"], &body["body"], &body))
}

fn serverchan(path: &str, body: Value) -> Read {
    if ![format!("/{TURBO}.send"), format!("/send/{SCTP}.send")].iter().any(|known| known == path) {
        return no(400, json!({"code": 40_001, "message": "[AUTH]", "scode": 461}), "key");
    }
    let title = body["title"].as_str().unwrap_or_default();
    if !only(&body, &["title", "desp"]) || title.is_empty() || title.chars().count() > 32 || title.contains('\n') {
        return no(400, json!({"code": 40_002, "message": "bad"}), "shape");
    }
    Ok(taken("serverchan", &body["title"], &body["desp"], &body))
}
