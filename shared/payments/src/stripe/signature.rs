//! The header `Stripe-Signature`: `t=1492774577,v1=5257…,v1=…,v0=…`.
//!
//! Signed is the time, a dot and the body to the byte, with HMAC-SHA256 under the whole text of the webhook's secret, `whsec_` included.
//! Source: <https://docs.stripe.com/webhooks#verify-manually>.

use crate::{Reject, Secret};
use domain::Millis;
use ring::hmac;

/// How far the time of a notification may be from ours, in seconds and both ways. Stripe signs anew whenever it repeats one, so only a
/// copy is older.
const TOLERANCE_S: i64 = 300;

/// The one scheme that counts. `v0` is a fake that Stripe adds in test mode, and whoever accepted an unknown one would let the sender
/// choose how he is checked.
const SCHEME: &str = "v1";

/// Proves that a body was signed with one of the secrets, close to `now` (Unix milliseconds).
///
/// Several signatures and several secrets are one secret being rolled: any pair that fits is enough. The time is looked at after the
/// signature, so that nobody without a secret finds out anything about our clock.
pub fn check(header: &str, body: &[u8], secrets: &[Secret], now: Millis) -> Result<(), Reject> {
    let mut time = None;
    let mut given = Vec::new();
    for item in header.split(',') {
        let (name, value) = item.split_once('=').ok_or(Reject::Malformed("a signature header without names"))?;
        match name.trim_start() {
            // The time is part of what is signed, and a second one would leave open which.
            "t" if time.replace(value).is_some() => return Err(Reject::Ambiguous("two times in one signature")),
            SCHEME => given.extend(digest(value)),
            _ => {}
        }
    }
    let text = time.ok_or(Reject::Malformed("a signature without its time"))?;
    let seconds: i64 = match text.parse() {
        Ok(seconds) if text.bytes().all(|b| b.is_ascii_digit()) => seconds,
        _ => return Err(Reject::Malformed("the time of the signature is not a number")),
    };
    let message = [text.as_bytes(), b".", body].concat();
    let fits = |secret: &Secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        // ring compares in constant time.
        given.iter().any(|tag| hmac::verify(&key, &message, tag).is_ok())
    };
    // With an empty secret anybody signs.
    if !secrets.iter().filter(|secret| !secret.expose().is_empty()).any(fits) {
        return Err(Reject::BadSignature);
    }
    if seconds.abs_diff(now.div_euclid(1_000)) > TOLERANCE_S.unsigned_abs() {
        return Err(Reject::Malformed("signed more than five minutes from now"));
    }
    Ok(())
}

/// The bytes of 64 lower-case hexadecimal digits, as Stripe writes them.
fn digest(text: &str) -> Option<[u8; 32]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    if text.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}
