//! Signing in: passwords as slow salted hashes, sessions as signed tokens of one hour (JWT, HS256, RFC 7519).

use crate::{App, AppError, Ids};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Millis;
use ring::pbkdf2;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU32;

/// PBKDF2-HMAC-SHA256 rounds. Source: OWASP Password Storage Cheat Sheet, 2023: 600,000.
const ROUNDS: NonZeroU32 = match NonZeroU32::new(600_000) {
    Some(rounds) => rounds,
    None => NonZeroU32::MIN,
};

/// How long a session lasts, ms.
pub const SESSION_MS: Millis = 60 * 60 * 1_000;

/// Failed sign-ins from one address are counted in windows of a quarter of an hour.
const WINDOW_MS: Millis = 15 * 60 * 1_000;

/// After so many the address waits for the next window: 960 guesses a day against a password that takes a tenth of a second
/// each to check.
const FAILURES_PER_WINDOW: i64 = 10;

/// How a sign-in ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignIn {
    /// Name and password fit.
    Yes,
    /// They do not.
    No,
    /// Not checked: too many failures from this address.
    TooOften {
        /// How long to wait.
        seconds: i64,
    },
}

/// How long a session can be refreshed after its password was given, ms.
const SIGN_IN_MS: Millis = 12 * 60 * 60 * 1_000;

/// The one name that may sign in for now.
pub const ADMIN: &str = "admin";

/// A password as kept: rounds, salt and hash.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    rounds: NonZeroU32,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl PasswordHash {
    /// Hashes a password under a fresh salt. Takes about a tenth of a second, on purpose.
    pub fn of(password: &str, ids: &Ids) -> PasswordHash {
        let salt: [u8; 16] = ids.bytes();
        let mut hash = [0u8; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &salt, password.as_bytes(), &mut hash);
        PasswordHash { rounds: ROUNDS, salt, hash }
    }

    /// Reads `pbkdf2-sha256$<rounds>$<salt>$<hash>`, base64url.
    pub fn parse(text: &str) -> Option<PasswordHash> {
        let mut parts = text.split('$');
        let (scheme, rounds, salt, hash, end) = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next());
        if scheme != Some("pbkdf2-sha256") || end.is_some() {
            return None;
        }
        Some(PasswordHash {
            rounds: rounds?.parse().ok()?,
            salt: URL_SAFE_NO_PAD.decode(salt?).ok()?.try_into().ok()?,
            hash: URL_SAFE_NO_PAD.decode(hash?).ok()?.try_into().ok()?,
        })
    }

    /// The text that [`PasswordHash::parse`] reads.
    pub fn to_text(&self) -> String {
        let (salt, hash) = (URL_SAFE_NO_PAD.encode(self.salt), URL_SAFE_NO_PAD.encode(self.hash));
        format!("pbkdf2-sha256${}${salt}${hash}", self.rounds)
    }

    fn fits(&self, password: &str) -> bool {
        pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, self.rounds, &self.salt, password.as_bytes(), &self.hash).is_ok()
    }
}

#[derive(Serialize, Deserialize)]
struct Session {
    sub: String,
    iat: i64,
    exp: i64,
    jti: String,
    /// When the password was given, in seconds. Carried through every refresh.
    auth_time: i64,
}

/// Base64url of `{"alg":"HS256","typ":"JWT"}`. Compared as text: no other header is ever accepted.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

impl App {
    /// Checks name and password. The work is the same whether or not the name exists.
    pub async fn sign_in(&self, username: &str, password: &str, address: &str) -> Result<SignIn, AppError> {
        let now = self.clock.now();
        let window = now.div_euclid(WINDOW_MS);
        let key = format!("login#{address}#{window}");
        // Counted before the password is looked at, so that many guesses at once are counted as well.
        let until = (window + 1) * WINDOW_MS;
        if self.store.count_try(&key, 1, until).await? > FAILURES_PER_WINDOW {
            let left = (window + 1) * WINDOW_MS - now;
            return Ok(SignIn::TooOften { seconds: left.div_euclid(1_000) + 1 });
        }
        self.know_password().await?;
        let (kept, password) = (self.password_hash(), password.to_owned());
        // The slow hash is slow on purpose; other requests of the process must not wait for it.
        let fits = tokio::task::spawn_blocking(move || kept.is_some_and(|kept| kept.fits(&password))).await;
        let fits = fits.unwrap_or(false) & (username == ADMIN);
        // Whoever knows the password gets in even when the count cannot be taken back.
        if fits && let Err(error) = self.store.count_try(&key, -1, until).await {
            tracing::warn!(%error, "a successful sign-in stays counted");
        }
        Ok(if fits { SignIn::Yes } else { SignIn::No })
    }

    /// A session token and when it ends: in an hour, and twelve hours after the password was given at the latest.
    pub fn open_session(&self, password_given_at: Millis) -> (String, Millis) {
        let now = self.clock.now();
        let ends = (now + SESSION_MS).min(password_given_at + SIGN_IN_MS);
        let jti = self.ids.uuid(now).to_string();
        let auth_time = password_given_at / 1_000;
        // Whole seconds, as RFC 7519 has them; the answer names the very second.
        let ends = ends.div_euclid(1_000) * 1_000;
        let session = Session { sub: ADMIN.to_owned(), iat: now / 1_000, exp: ends / 1_000, jti, auth_time };
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&session).unwrap_or_default());
        let signed = format!("{HEADER}.{payload}");
        let signature = URL_SAFE_NO_PAD.encode(self.session_mac(&signed));
        (format!("{signed}.{signature}"), ends)
    }

    /// The signature of a session. The kept password is part of it, so that a new password ends every session.
    fn session_mac(&self, signed: &str) -> [u8; 32] {
        let password = self.password_hash().as_ref().map(PasswordHash::to_text).unwrap_or_default();
        self.keys.session(&[signed.as_bytes(), password.as_bytes()])
    }

    /// Who a session token speaks for while it lasts, and when the password was given for it. Call [`App::know_password`] first.
    pub fn session(&self, token: &str) -> Option<(String, Millis)> {
        // Without a password there is nobody to speak for.
        self.password_hash()?;
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        if !crate::keys::equal(&signature, &self.session_mac(signed)) {
            return None;
        }
        let payload = signed.strip_prefix(HEADER)?.strip_prefix('.')?;
        let session: Session = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        (self.clock.now() / 1_000 < session.exp).then_some((session.sub, session.auth_time * 1_000))
    }
}
