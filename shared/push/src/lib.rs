//! Messages to the seller's phone and mail to buyers: a message becomes an HTTP request, and a provider's answer becomes a verdict. No network, no
//! clock, no randomness.
//!
//! **Invariant:** an answer that is not an explicit yes or an explicit no is [`Verdict::Unknown`], and the message comes again.
//!
//! **Invariant:** what a message says in other people's words can neither mention anybody, nor be read as markup or a link, nor
//! break the message; see [`text`].

mod bark;
mod channel;
mod dingtalk;
mod email;
mod feishu;
pub mod mail;
mod reply;
mod serverchan;
mod sign;
mod telegram;
pub mod text;
mod webhook;
mod wecom;

pub use channel::{Channel, Kind, MASK, Wrong};
pub use reply::{OTHER_SENDER, Refusal, Reply, Verdict};

use domain::Millis;
use serde_json::Value;
use std::fmt;

/// Something to tell.
#[derive(Clone, PartialEq, Debug)]
pub struct Message {
    /// Its name: the same for every try to send it.
    pub id: String,
    /// One line.
    pub title: String,
    /// What else there is to say, a line each.
    pub lines: Vec<String>,
    /// Where to look, an address of the shop's own.
    pub link: Option<Link>,
    /// Whether somebody should be woken by it.
    pub urgent: bool,
    /// The same for programs.
    pub event: Event,
}

/// Where to look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// What the reader presses.
    pub label: String,
    /// An address of the shop's own. It is never disarmed, so it never holds anybody else's words.
    pub url: String,
}

/// A message as a program reads it.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Such as `order.delivered`.
    pub name: &'static str,
    /// When it happened, RFC 3339.
    pub at: String,
    /// A JSON object.
    pub data: Value,
}

/// Who makes sure that a request is ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signing {
    /// Whatever is needed stands in the request.
    Done,
    /// Amazon's signature is still to be made, for this service; the address is a path below the service's own.
    Aws(&'static str),
}

/// A request that a channel wants sent. Its debug form hides everything that may hold a key: the address, header values, the body.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The full address. It carries the channel's key with most providers: never write it to a log.
    pub url: String,
    /// Headers to send.
    pub headers: Vec<(&'static str, String)>,
    /// The body's bytes. The method is always POST.
    pub body: Vec<u8>,
    /// Who signs.
    pub signing: Signing,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "POST *** ({} bytes)", self.body.len())
    }
}

impl Request {
    fn json(url: String, body: &Value) -> Request {
        Request {
            url,
            headers: vec![("content-type", "application/json; charset=utf-8".to_owned())],
            body: body.to_string().into_bytes(),
            signing: Signing::Done,
        }
    }
}

impl Channel {
    /// The request that tells a message through this channel at `now`, Unix ms.
    pub fn request(&self, message: &Message, now: Millis) -> Request {
        match self.kind() {
            Kind::Dingtalk => dingtalk::request(self, message, now),
            Kind::Wecom => wecom::request(self, message),
            Kind::Feishu | Kind::Lark => feishu::request(self, message, now),
            Kind::Telegram => telegram::request(self, message),
            Kind::Bark => bark::request(self, message),
            Kind::Serverchan => serverchan::request(self, message),
            Kind::Email => email::request(self, message),
            Kind::Webhook => webhook::request(self, message, now),
        }
    }

    /// What an answer means; `None` is no answer at all.
    pub fn judge(&self, reply: Option<&Reply>) -> Verdict {
        let Some(reply) = reply else { return Verdict::Unknown("no answer") };
        match self.kind() {
            Kind::Dingtalk => dingtalk::judge(reply),
            Kind::Wecom => wecom::judge(reply),
            Kind::Feishu | Kind::Lark => feishu::judge(reply),
            Kind::Telegram => telegram::judge(reply),
            Kind::Bark => bark::judge(reply),
            Kind::Serverchan => serverchan::judge(reply),
            Kind::Email => email::judge(reply),
            Kind::Webhook => webhook::judge(reply),
        }
    }
}
