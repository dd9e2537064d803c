//! What every channel is: its settings, its kind, and the questions it answers.

use crate::{
    Ack, AttemptRef, AttemptView, Call, CloseState, CreateError, Notice, Outcome, Probe, QueryState, RawRequest,
    RefundState, RefundView, Reject, Started, Step,
};
use domain::{Currency, Millis};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// An account at a provider, ready to speak its protocol. Pure: the same arguments give the same answer.
pub trait Codec: fmt::Debug + Send + Sync {
    /// What kind of channel this is.
    fn kind(&self) -> &'static Kind;

    /// The one currency in which this account is paid. A provider that names no currency in its messages means this one.
    fn currency(&self) -> Currency;

    /// Starts an attempt and says what the buyer is shown. [`Step::Done`] at once means that no HTTP was needed: then it may be asked
    /// again whenever the buyer comes back, and nothing of the answer needs to be kept.
    fn create(&self, attempt: &AttemptView<'_>, call: &Call) -> Step<Result<Started, CreateError>>;

    /// Reads a notification and proves that it came from the provider and is meant for this account. `now`: Unix milliseconds.
    fn verify(&self, request: &RawRequest<'_>, now: Millis) -> Result<Notice, Reject>;

    /// The provider's own way of hearing what became of its notification.
    fn ack(&self, outcome: Outcome) -> Ack;

    /// Asks the provider about one attempt.
    fn query(&self, attempt: &AttemptRef<'_>, call: &Call) -> Step<QueryState>;

    /// Asks the provider about one trade by the provider's own number, which alone tells two payments for one attempt
    /// apart. `None` when this channel cannot ask so.
    fn query_number(&self, _provider_number: &str, _call: &Call) -> Option<Step<QueryState>> {
        None
    }

    /// Asks the provider to take no money for an attempt any more. `None` when this channel cannot.
    fn close(&self, _attempt: &AttemptRef<'_>, _call: &Call) -> Option<Step<CloseState>> {
        None
    }

    /// Whether this account can send money back; its kind may have the call and this account not.
    fn refunds(&self) -> bool {
        false
    }

    /// Sends this much of one payment back to who paid it. `None` when this account cannot.
    ///
    /// Where the kind's [`Kind::refund_repeats`] is false the call is not safe to repeat: after [`RefundState::Unknown`] the money may
    /// be on its way, so the trade is asked about before anything is sent again. Where it is true, the same refund number again sends
    /// nothing more.
    fn refund(&self, _refund: &RefundView<'_>, _call: &Call) -> Option<Step<RefundState>> {
        None
    }

    /// Asks what became of a refund. `None` when this channel cannot say.
    fn refund_query(&self, _refund: &RefundView<'_>, _call: &Call) -> Option<Step<RefundState>> {
        None
    }

    /// Tries the settings without moving money.
    fn probe(&self, call: &Call) -> Step<Probe>;
}

/// A configured account. A clone is the same account.
#[derive(Clone, Debug)]
pub struct Channel(Arc<dyn Codec>);

impl Channel {
    /// An account of any kind.
    pub fn new(codec: impl Codec + 'static) -> Channel {
        Channel(Arc::new(codec))
    }
}

impl Deref for Channel {
    type Target = dyn Codec;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

/// What a kind of channel is and can do. The closed list of them is [`crate::KINDS`].
#[derive(Debug)]
pub struct Kind {
    /// Its stable name, as it stands in stored settings and in the API.
    pub name: &'static str,
    /// The ways to pay that a buyer may ask for by name (`alipay`, `wxpay`, `card`, `usdt` …), across kinds.
    pub methods: &'static [&'static str],
    /// Whether an attempt always needs a question to the provider before anything can be shown.
    pub asks_to_create: bool,
    /// Whether a trade can be closed at the provider, so that nobody pays it any more.
    pub closes: bool,
    /// Whether this kind of channel has a call that sends money back.
    pub refunds: bool,
    /// Whether a refund may be sent again under its number without sending more money.
    pub refund_repeats: bool,
    /// How long after the end of the hold, ms, a trade may still be paid there when nobody closes it. Until then the
    /// provider is asked, and the money expected.
    pub payable_after_ms: i64,
    /// The settings of an account, in the order in which a seller is asked for them.
    pub fields: &'static [Field],
    /// Makes an account of settings.
    pub open: fn(&Settings) -> Result<Channel, BadSetting>,
}

impl Kind {
    /// The setting of this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// One setting of an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name in the API and in stored settings: `[a-z0-9_]{1,30}`.
    pub name: &'static str,
    /// Whether it is never shown again once it was saved.
    pub secret: bool,
    /// Whether an account needs it.
    pub required: bool,
    /// The values it may have; empty when it is free text.
    pub choices: &'static [&'static str],
    /// What the seller is asked for, and where to find it.
    pub label: [&'static str; 2],
}

/// The settings of an account by name, as the seller gave them. The debug form holds names alone.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// No settings yet.
    pub fn new() -> Settings {
        Settings::default()
    }

    /// Sets one; surrounding white space, which people paste along, is dropped. An empty text takes it away.
    pub fn set(&mut self, name: &str, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }

    /// The value, if one was given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value, or why there is no account without it.
    pub fn required(&self, name: &'static str) -> Result<&str, BadSetting> {
        self.get(name).ok_or(BadSetting { field: name, why: "It is missing." })
    }

    /// Whether a switch is on: `true`. Anything but `true` and `false` is refused.
    pub fn flag(&self, name: &'static str) -> Result<bool, BadSetting> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(BadSetting { field: name, why: "It is neither true nor false." }),
        }
    }

    /// All of them, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Settings {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(pairs: T) -> Settings {
        let mut settings = Settings::new();
        for (name, value) in pairs {
            settings.set(name, value);
        }
        settings
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why settings make no account. It never holds a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadSetting {
    /// Which of them.
    pub field: &'static str,
    /// Why, in a sentence for the seller.
    pub why: &'static str,
}
