//! What proves that WeChat Pay said something: its keys, each with the name it signs under.

use super::wire::Said;
use crate::HttpReply;
use crate::rsa::VerifyingKey;
use domain::Millis;
use std::sync::Arc;

/// How far the time that was signed may be from ours, ms: five minutes, as WeChat Pay's documents have it.
const WINDOW_MS: u64 = 300_000;

/// The one kind of signature that is made with RSA. The other, of 国密 merchants, is made with keys that are not held here.
const RSA: &str = "WECHATPAY2-SHA256-RSA2048";

/// Why bytes are not WeChat Pay's own words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unproven {
    /// The request could not be signed and was not sent.
    NotSent,
    /// There was no reply.
    NoReply,
    /// An unsigned 401 `SIGN_ERROR`: the merchant was not recognised.
    NotLetIn,
    /// There is no signature.
    Unsigned,
    /// A header of the signature was sent twice, and readers could choose.
    Twice,
    /// Signed in a way that is not RSA's.
    Kind,
    /// Signed under a name that no key is held for.
    Key,
    /// The signature does not fit.
    Signature,
    /// The signature fits, but its time is not ours.
    Time,
}

impl Unproven {
    /// Why there is no answer, for the log.
    pub(super) fn why(self) -> &'static str {
        match self {
            Unproven::NotSent => "the request could not be signed",
            Unproven::NoReply => "no reply",
            Unproven::NotLetIn => "WeChat Pay did not recognise the merchant",
            Unproven::Unsigned => "the reply is not signed",
            Unproven::Twice => "a header of the signature was sent twice",
            Unproven::Kind => "the reply is signed in another way",
            Unproven::Key => "the reply is signed under a name that no key is held for",
            Unproven::Signature => "the reply's signature does not fit",
            Unproven::Time => "the time of the reply is not within five minutes of ours",
        }
    }
}

/// WeChat Pay's keys: while an account changes from certificates to a public key both occur. A clone shares them.
#[derive(Clone, Debug)]
pub(super) struct Platform {
    keys: Arc<[(String, VerifyingKey)]>,
    preferred: Option<Arc<str>>,
}

impl Platform {
    /// Of keys by their names: `PUB_KEY_ID_…`, or the number of a certificate in hexadecimal digits. `preferred` names the key that replies
    /// are asked to be signed with.
    pub(super) fn of(keys: Vec<(String, VerifyingKey)>, preferred: Option<&str>) -> Platform {
        let keys = keys.into_iter().map(|(name, key)| (plain(&name), key)).collect();
        Platform { keys, preferred: preferred.map(Arc::from) }
    }

    /// The name of the public key to ask for.
    pub(super) fn preferred(&self) -> Option<&str> {
        self.preferred.as_deref()
    }

    /// Whether these headers sign this body with a key of WeChat Pay. The time is judged last: [`Unproven::Time`] means that all else is
    /// right.
    pub(super) fn check(&self, headers: &[(String, String)], body: &[u8], now: Millis) -> Result<(), Unproven> {
        let signature = only(headers, "wechatpay-signature")?.ok_or(Unproven::Unsigned)?;
        let kind = only(headers, "wechatpay-signature-type")?.unwrap_or(RSA);
        let name = only(headers, "wechatpay-serial")?.ok_or(Unproven::Unsigned)?;
        let time = only(headers, "wechatpay-timestamp")?.ok_or(Unproven::Unsigned)?;
        let nonce = only(headers, "wechatpay-nonce")?.ok_or(Unproven::Unsigned)?;
        if kind != RSA {
            return Err(Unproven::Kind);
        }
        let name = plain(name);
        let (_, key) = self.keys.iter().find(|(known, _)| *known == name).ok_or(Unproven::Key)?;
        // A line end within time or nonce would move the border between them and the body: the same signed bytes, another body.
        let seconds = seconds(time).ok_or(Unproven::Signature)?;
        if nonce.is_empty() || !nonce.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Unproven::Signature);
        }
        let signed = [time.as_bytes(), b"\n", nonce.as_bytes(), b"\n", body, b"\n"].concat();
        // What begins with WECHATPAY/SIGNTEST/ is sent now and then by WeChat Pay itself to find shops that do not check. It fails here as
        // any other signature does that does not fit.
        if !key.verifies(&signed, signature) {
            return Err(Unproven::Signature);
        }
        if now.abs_diff(seconds * 1_000) > WINDOW_MS { Err(Unproven::Time) } else { Ok(()) }
    }

    /// What a reply says, if WeChat Pay says it.
    pub(super) fn hear<'a>(&self, reply: &'a HttpReply, now: Millis) -> Result<Said<'a>, Unproven> {
        let said = Said { status: reply.status, body: &reply.body };
        match self.check(&reply.headers, &reply.body, now) {
            Ok(()) => Ok(said),
            Err(Unproven::Unsigned) if reply.status == 401 && said.code().as_deref() == Some("SIGN_ERROR") => {
                Err(Unproven::NotLetIn)
            }
            Err(fault) => Err(fault),
        }
    }
}

/// A key's name as it is compared: WeChat Pay writes numbers of certificates in capitals, other programs not all of their zeros.
fn plain(name: &str) -> String {
    name.trim_start_matches('0').to_ascii_uppercase()
}

/// Unix seconds: digits alone, as many as a time within the next thousands of years has at most.
fn seconds(text: &str) -> Option<i64> {
    let fits = (1..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| fits)
}

/// The header of this name, in any case. One that was sent twice is none that anybody could rely on.
fn only<'a>(headers: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, Unproven> {
    let mut found = headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(Unproven::Twice),
        (value, None) => Ok(value),
    }
}
