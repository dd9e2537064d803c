//! Amazon's mail service of this world, which sends nothing anywhere: every mail is kept in a mailbox that the owner of the machine
//! reads at `/local/mail`. It takes the call `SendEmail` and nothing else, and is as strict about it as the service.
//!
//! Source: Amazon SES API v2 Reference, "SendEmail".

use crate::roles::{Right, Roles, allowed};
use app::Clock;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use domain::Millis;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Mails that are kept; the oldest makes room.
const KEPT_MAX: usize = 100;

/// The path of the one call.
pub const SEND: &str = "/v2/email/outbound-emails";

/// A mail as it was taken.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its number, from 1.
    pub number: u64,
    /// When it was taken, Unix ms.
    pub at: Millis,
    /// Whom it is from, with the name before the address.
    pub from: String,
    /// Whom it is for.
    pub to: String,
    /// Where answers go; empty for back to the sender.
    pub reply_to: String,
    /// One line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as HTML; empty when it has no such part.
    pub html: String,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mail {}", self.number)
    }
}

#[derive(Default)]
struct Inside {
    taken: u64,
    mails: VecDeque<Kept>,
    /// Answers that are given instead: status and the name of an error.
    planned: VecDeque<(u16, &'static str)>,
}

/// The mailbox. Clones are the same.
#[derive(Clone)]
pub struct Mailbox {
    inside: Arc<Mutex<Inside>>,
    clock: Clock,
    roles: Option<Arc<dyn Roles>>,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox")
    }
}

/// What the service refuses with.
type No = (u16, &'static str);

impl Mailbox {
    /// The address of the service in this world, which is nowhere else.
    pub const ENDPOINT: &'static str = "http://mail.local";

    /// An empty one.
    pub fn new(clock: &Clock) -> Mailbox {
        Mailbox { inside: Arc::default(), clock: clock.clone(), roles: None }
    }

    /// The same mailbox, which takes mail only from functions whose role lets them send it.
    pub(crate) fn held_to(mut self, roles: Option<Arc<dyn Roles>>) -> Mailbox {
        self.roles = roles;
        self
    }

    /// Every mail that is kept, the newest first.
    pub fn mails(&self) -> Vec<Kept> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).mails.iter().rev().cloned().collect()
    }

    /// One mail.
    pub fn mail(&self, number: u64) -> Option<Kept> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).mails.iter().find(|m| m.number == number).cloned()
    }

    /// Answers the next call with this status and error instead, once.
    pub fn plan(&self, status: u16, error: &'static str) {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).planned.push_back((status, error));
    }

    /// Answers one call: status, the name of the error for the header `x-amzn-errortype`, and the body.
    pub fn handle(
        &self,
        path: &str,
        authorization: &str,
        content_type: &str,
        body: &[u8],
    ) -> (u16, Option<&'static str>, Vec<u8>) {
        match self.take(path, authorization, content_type, body) {
            Ok(id) => (200, None, json!({ "MessageId": id }).to_string().into_bytes()),
            Err((status, error)) => (status, Some(error), json!({"message": "refused"}).to_string().into_bytes()),
        }
    }

    fn take(&self, path: &str, authorization: &str, content_type: &str, body: &[u8]) -> Result<String, No> {
        // Whether a signature is right nobody here can know; that it is made for this service, and is one at all, can be seen.
        let scope =
            authorization.strip_prefix("AWS4-HMAC-SHA256 ").and_then(|rest| rest.split_once("/ses/aws4_request"));
        if scope.is_none() {
            return Err((403, "MissingAuthenticationTokenException"));
        }
        if path != SEND || !content_type.starts_with("application/json") {
            return Err((404, "NotFoundException"));
        }
        let body: Value = serde_json::from_slice(body).map_err(|_| (400, "BadRequestException"))?;
        let mut mail = read(&body).ok_or((400, "BadRequestException"))?;
        let address = mail.from.rsplit('<').next().unwrap_or_default().trim_end_matches('>').to_owned();
        let right = Right { action: "ses:SendEmail".to_owned(), resource: "mail".to_owned() };
        if !self.roles.as_ref().is_none_or(|roles| allowed(&**roles, &right)) {
            tracing::warn!(from = address, "a function sends mail that its role does not let it send");
            return Err((403, "AccessDeniedException"));
        }
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((status, error)) = inside.planned.pop_front() {
            return Err((status, error));
        }
        inside.taken += 1;
        (mail.number, mail.at) = (inside.taken, self.clock.now());
        let id = format!("local-mail-{}", mail.number);
        inside.mails.push_back(mail);
        if inside.mails.len() > KEPT_MAX {
            inside.mails.pop_front();
        }
        Ok(id)
    }
}

/// The members of an object are these and no others.
fn only(value: &Value, names: &[&str]) -> bool {
    value.as_object().is_some_and(|fields| fields.keys().all(|name| names.contains(&name.as_str())))
}

/// The text of a part.
fn part(value: Option<&Value>) -> Option<String> {
    let value = value?;
    let fits = only(value, &["Data", "Charset"]) && value.get("Charset").and_then(Value::as_str) == Some("UTF-8");
    value.get("Data")?.as_str().filter(|_| fits).map(str::to_owned)
}

/// The one entry of a list of addresses.
fn address(list: Option<&Value>) -> Option<String> {
    let [one] = list?.as_array()?.as_slice() else { return None };
    let one = one.as_str()?;
    let good = |b: u8| b.is_ascii_graphic() && !b",;<>".contains(&b);
    (one.split('@').count() == 2 && one.bytes().all(good)).then(|| one.to_owned())
}

fn read(body: &Value) -> Option<Kept> {
    let known = ["FromEmailAddress", "Destination", "ReplyToAddresses", "Content"];
    let (content, simple) = (body.get("Content")?, body.pointer("/Content/Simple")?);
    let parts = simple.get("Body")?;
    let fits = only(body, &known)
        && only(body.get("Destination")?, &["ToAddresses"])
        && only(content, &["Simple"])
        && only(simple, &["Subject", "Body"])
        && only(parts, &["Text", "Html"]);
    // The service reads seven-bit signs only, so a name in others stands there encoded.
    let from = body.get("FromEmailAddress")?.as_str().filter(|from| fits && from.is_ascii() && from.contains('@'))?;
    let subject = part(simple.get("Subject")).filter(|s| !s.is_empty() && !s.contains(['\r', '\n']))?;
    let (text, html) = (part(parts.get("Text")), part(parts.get("Html")));
    if text.is_none() && html.is_none() {
        return None;
    }
    let reply_to = match body.get("ReplyToAddresses") {
        None => String::new(),
        list => address(list)?,
    };
    Some(Kept {
        number: 0,
        at: 0,
        from: from.to_owned(),
        to: address(body.pointer("/Destination/ToAddresses"))?,
        reply_to,
        subject,
        text: text.unwrap_or_default(),
        html: html.unwrap_or_default(),
    })
}

impl HttpConnector for Mailbox {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |name: &str| request.headers().get(name).unwrap_or_default().to_owned();
        let path = request.uri().strip_prefix(Mailbox::ENDPOINT).unwrap_or_default();
        let body = request.body().bytes().unwrap_or_default();
        let (status, error, body) = self.handle(path, &header("authorization"), &header("content-type"), body);
        HttpConnectorFuture::ready(answer(status, error, body))
    }
}

fn answer(status: u16, error: Option<&'static str>, body: Vec<u8>) -> Result<HttpResponse, ConnectorError> {
    let bad = |e: Box<dyn std::error::Error + Send + Sync>| ConnectorError::other(e, None);
    let mut response = HttpResponse::new(status.try_into().map_err(|e| bad(Box::new(e)))?, SdkBody::from(body));
    if let Some(error) = error {
        response.headers_mut().insert("x-amzn-errortype", error);
    }
    Ok(response)
}
