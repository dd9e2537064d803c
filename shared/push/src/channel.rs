//! A configured channel: which provider, and what it asks for. One table says for every kind which fields it has, which of them
//! are secret, and what fits.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// What stands in the place of a secret when a channel is read. Sent back, it means "as it was".
pub const MASK: &str = "***";

/// Fields that do not fit, with a code each.
pub type Wrong = Vec<(String, &'static str)>;

/// Bytes of an address.
const ADDRESS_MAX: usize = 500;

/// Bytes that a webhook's secret may have. Source: Standard Webhooks 1.0.0, "Signature scheme".
const WEBHOOK_SECRET: std::ops::RangeInclusive<usize> = 24..=64;

/// A kind of provider.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A custom robot in a DingTalk group (钉钉自定义机器人), with a signature.
    Dingtalk,
    /// A robot in a WeCom group (企业微信群机器人).
    Wecom,
    /// A custom bot in a Feishu group (飞书自定义机器人).
    Feishu,
    /// The same in Lark, Feishu's name outside of China.
    Lark,
    /// A Telegram bot.
    Telegram,
    /// Bark on an iPhone.
    Bark,
    /// Server酱: Turbo, or Server酱³ by its key.
    Serverchan,
    /// Mail through Amazon SES.
    Email,
    /// Any program, in the scheme of Standard Webhooks.
    Webhook,
}

/// One field of a kind.
struct Field {
    name: &'static str,
    secret: bool,
    required: bool,
    fits: fn(&str) -> bool,
}

const fn secret(name: &'static str, fits: fn(&str) -> bool) -> Field {
    Field { name, secret: true, required: true, fits }
}

const fn open(name: &'static str, fits: fn(&str) -> bool) -> Field {
    Field { name, secret: false, required: true, fits }
}

/// The field that names another address than the provider's own.
const BASE: Field = Field { name: "base", secret: false, required: false, fits: is_base };

const DINGTALK: &[Field] = &[secret("token", is_token), secret("secret", is_visible), BASE];
const WECOM: &[Field] = &[secret("key", is_token), BASE];
const FEISHU: &[Field] =
    &[secret("token", is_token), Field { name: "secret", secret: true, required: false, fits: is_visible }, BASE];
const TELEGRAM: &[Field] = &[secret("token", is_bot_token), open("chat", is_chat), BASE];
const KEYED: &[Field] = &[secret("key", is_token), BASE];
const EMAIL: &[Field] = &[open("from", is_mail), open("to", is_mail)];
const WEBHOOK: &[Field] = &[open("url", is_address), secret("secret", is_webhook_secret)];

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 9] = [
        Kind::Dingtalk,
        Kind::Wecom,
        Kind::Feishu,
        Kind::Lark,
        Kind::Telegram,
        Kind::Bark,
        Kind::Serverchan,
        Kind::Email,
        Kind::Webhook,
    ];

    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Dingtalk => "dingtalk",
            Kind::Wecom => "wecom",
            Kind::Feishu => "feishu",
            Kind::Lark => "lark",
            Kind::Telegram => "telegram",
            Kind::Bark => "bark",
            Kind::Serverchan => "serverchan",
            Kind::Email => "email",
            Kind::Webhook => "webhook",
        }
    }

    fn parse(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    fn fields(self) -> &'static [Field] {
        match self {
            Kind::Dingtalk => DINGTALK,
            Kind::Wecom => WECOM,
            Kind::Feishu | Kind::Lark => FEISHU,
            Kind::Telegram => TELEGRAM,
            Kind::Bark | Kind::Serverchan => KEYED,
            Kind::Email => EMAIL,
            Kind::Webhook => WEBHOOK,
        }
    }
}

/// A configured channel. Its debug form names the kind alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Channel {
    kind: Kind,
    fields: BTreeMap<&'static str, String>,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({} ***)", self.kind.as_str())
    }
}

impl Channel {
    /// Reads a channel that somebody configures, and names every field that does not fit. `known` is what stood there before: a
    /// secret that is left out, or masked, stays as it was, as long as everything that says where it is sent stays too. Otherwise
    /// whoever may change an address could have the secret sent there.
    ///
    /// Addresses must be `https://`; with `own_machine` those of this machine may be `http://`.
    pub fn read(value: &Value, known: Option<&Channel>, own_machine: bool) -> Result<Channel, Wrong> {
        let Some(given) = value.as_object() else { return Err(vec![("channel".to_owned(), "malformed")]) };
        let kind = given.get("kind").and_then(Value::as_str).and_then(Kind::parse);
        let Some(kind) = kind else { return Err(vec![("channel.kind".to_owned(), "unknown")]) };
        let mut wrong = Wrong::new();
        let mut fields = BTreeMap::new();
        let text = |name: &str| match given.get(name) {
            None | Some(Value::Null) => Some(""),
            Some(value) => value.as_str().map(str::trim),
        };
        let same_place = |known: &&Channel| {
            let is_same = |f: &Field| f.secret || text(f.name) == Some(known.field(f.name));
            known.kind == kind && kind.fields().iter().all(is_same)
        };
        let known = known.filter(same_place);
        for field in kind.fields() {
            let value = match text(field.name) {
                Some("" | MASK) if field.secret => known.map_or("", |known| known.field(field.name)),
                Some(value) => value,
                None => {
                    wrong.push((format!("channel.{}", field.name), "not_text"));
                    continue;
                }
            };
            let plain_http = value.starts_with("http://") && !own_machine;
            match value {
                "" if field.required => wrong.push((format!("channel.{}", field.name), "required")),
                "" => {}
                value if !(field.fits)(value) || plain_http => {
                    wrong.push((format!("channel.{}", field.name), "malformed"));
                }
                value => drop(fields.insert(field.name, value.to_owned())),
            }
        }
        let has = |name: &String| name == "kind" || kind.fields().iter().any(|f| f.name == name);
        wrong.extend(given.keys().filter(|name| !has(name)).map(|name| (format!("channel.{name}"), "unknown")));
        if wrong.is_empty() { Ok(Channel { kind, fields }) } else { Err(wrong) }
    }

    /// The kind of provider.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The address a mail comes from; `None` for every other kind.
    pub fn sender(&self) -> Option<&str> {
        (self.kind == Kind::Email).then(|| self.field("from"))
    }

    /// A field's value; empty when it has none.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The address in place of the provider's own, or the provider's own.
    pub(crate) fn base(&self, own: &str) -> String {
        let base = self.field("base").trim_end_matches('/');
        if base.is_empty() { own.to_owned() } else { base.to_owned() }
    }

    /// Everything, secrets too: to be sealed and for nothing else. [`Channel::read`] reads it.
    pub fn to_sealed_value(&self) -> Value {
        self.value(|_, value| value.to_owned())
    }

    /// What may be shown: secrets are masked.
    pub fn to_shown_value(&self) -> Value {
        self.value(|field, value| if field.secret { MASK.to_owned() } else { value.to_owned() })
    }

    fn value(&self, shown: impl Fn(&Field, &str) -> String) -> Value {
        let mut out = Map::from_iter([("kind".to_owned(), Value::from(self.kind.as_str()))]);
        for field in self.kind.fields() {
            if let Some(value) = self.fields.get(field.name) {
                out.insert(field.name.to_owned(), shown(field, value).into());
            }
        }
        Value::Object(out)
    }
}

/// A token that can stand in an address as it is.
fn is_token(text: &str) -> bool {
    (4..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn is_visible(text: &str) -> bool {
    (4..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// `123456:ABC-DEF1234ghIkl`. Source: Telegram Bot API, "Authorizing your bot".
fn is_bot_token(text: &str) -> bool {
    text.split_once(':').is_some_and(|(number, rest)| {
        (1..=20).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()) && is_token(rest)
    })
}

/// A chat's number, or a public channel's name with its `@`.
fn is_chat(text: &str) -> bool {
    let name =
        |name: &str| (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    text.parse::<i64>().is_ok() || text.strip_prefix('@').is_some_and(name)
}

pub(crate) fn is_mail(text: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || "<>,;\"()[]\\".contains(c);
    let host = |host: &str| host.contains('.') && !host.contains('@') && host.split('.').all(|part| !part.is_empty());
    text.len() <= 254
        && !text.contains(bad)
        && text.split_once('@').is_some_and(|(user, at)| !user.is_empty() && host(at))
}

fn is_base(text: &str) -> bool {
    is_address(text) && !text.contains('?')
}

/// `https://host…`, or `http://` on this machine; without a user's name, which would hide where it leads, and without a fragment.
fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest.filter(|_| text.len() <= ADDRESS_MAX) else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_own = matches!(name, "127.0.0.1" | "localhost");
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    let port = host.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_ok());
    let graphic = text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'#' | b'<' | b'>' | b'\\'));
    !name.is_empty() && name.bytes().all(good) && port && graphic && (text.starts_with("https://") || is_own)
}

fn is_webhook_secret(text: &str) -> bool {
    webhook_key(text).is_some()
}

/// The bytes of `whsec_` and base64.
pub(crate) fn webhook_key(text: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(text.strip_prefix("whsec_")?).ok()?;
    WEBHOOK_SECRET.contains(&key.len()).then_some(key)
}
