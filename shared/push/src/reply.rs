//! What a provider answers, and what it means.

use domain::limits::BODY_MAX;
use serde_json::Value;

/// An HTTP answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HTTP {} ({} bytes)", self.status, self.body.len())
    }
}

impl Reply {
    /// The first header of this name, in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null when it is none, or too long.
    pub(crate) fn json(&self) -> Value {
        if self.body.len() > BODY_MAX {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What follows from the status alone, whatever the provider: too fast, or its own fault.
    pub(crate) fn by_status(&self) -> Option<Verdict> {
        match self.status {
            429 => Some(self.busy()),
            // With a time to come back it asks for patience; without one nobody knows what it did.
            503 if self.header("retry-after").is_some() => Some(self.busy()),
            500.. => Some(Verdict::Unknown("the provider has a fault of its own")),
            _ => None,
        }
    }

    /// Too fast: to be tried again when the answer says, or in a minute.
    pub(crate) fn busy(&self) -> Verdict {
        let seconds = self.header("retry-after").and_then(|value| value.trim().parse::<i64>().ok());
        Verdict::busy(seconds.unwrap_or(60))
    }
}

/// Why nothing was sent: mail may not leave in this sender's name here. No provider was asked, and a sender that is allowed later sends it.
pub const OTHER_SENDER: &str = "mail may not be sent in this name here";

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The provider says that it took it.
    Accepted,
    /// The provider says that it will not, and the same message will not be taken later either.
    Refused(Refusal),
    /// Not now.
    Busy {
        /// When to try again, in ms from now.
        retry_after_ms: i64,
    },
    /// No explicit answer; why is inside, for the log.
    Unknown(&'static str),
}

impl Verdict {
    /// Not now, but in so many seconds: between one second and an hour.
    pub(crate) fn busy(seconds: i64) -> Verdict {
        Verdict::Busy { retry_after_ms: seconds.clamp(1, 3_600) * 1_000 }
    }

    /// The stable word: `accepted`, `refused`, `busy`, `unknown`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Verdict::Accepted => "accepted",
            Verdict::Refused(_) => "refused",
            Verdict::Busy { .. } => "busy",
            Verdict::Unknown(_) => "unknown",
        }
    }

    /// Whether the message is done with: taken, or refused for good.
    pub fn is_final(&self) -> bool {
        matches!(self, Verdict::Accepted | Verdict::Refused(_))
    }

    /// Why, as a stable word; none for what needs no reason.
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Verdict::Refused(refusal) => Some(refusal.as_str()),
            // The seller is to see what is to be mended, although nobody has refused anything.
            Verdict::Unknown(OTHER_SENDER) => Some(Refusal::NotAllowed.as_str()),
            _ => None,
        }
    }
}

/// Why a provider refuses for good: a closed list, so that nothing a provider writes gets any further.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The token, key or credentials are not (or no longer) valid.
    Credentials,
    /// The signature does not fit: a wrong secret, or a clock that is wrong by an hour.
    Signature,
    /// The provider's own settings keep it out: a keyword that is missing, an address that is not on the list.
    NotAllowed,
    /// The group, chat or device is gone, or it has put the sender out.
    Gone,
    /// The provider does not like what it says.
    Content,
    /// The provider does not understand the request: most likely the address is another service's.
    Request,
    /// No more messages today.
    Quota,
}

impl Refusal {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::Credentials => "credentials",
            Refusal::Signature => "signature",
            Refusal::NotAllowed => "not_allowed",
            Refusal::Gone => "gone",
            Refusal::Content => "content",
            Refusal::Request => "request",
            Refusal::Quota => "quota",
        }
    }
}
