//! What a deployment decides. Read once, from the environment of a function or from the local shop's options.

use crate::keys::Secret32;
use crate::net::Aws;
use aws_sdk_dynamodb::config::Credentials;
use std::fmt;

/// Settings that are not secret.
#[derive(Clone, Debug)]
pub struct Config {
    /// The shop's name in ciphertexts; never changes.
    pub shop_id: String,
    /// Where buyers and providers reach the shop, without a trailing slash.
    pub public_url: String,
    /// How long stock is held for an unpaid order, ms.
    pub hold_ms: i64,
    /// How long an ownerless claim is watched before it is given up, ms.
    pub orphan_ms: i64,
    /// Unpaid orders one contact may hold open; 0 for no limit.
    pub open_orders_per_contact: u32,
    /// Unpaid orders that may be open from one address; 0 for no limit.
    pub open_orders_per_address: u32,
    /// The administrator's password as a salted slow hash; `None` lets nobody sign in.
    pub admin_password: Option<crate::staff::PasswordHash>,
    /// What every table's name begins with.
    pub table_prefix: String,
    /// The delivery queue.
    pub queue_url: String,
}

/// The default hold: long enough for a buyer who must find a phone, short enough for the next buyer.
pub const HOLD_SECONDS: i64 = 15 * 60;

/// The longest hold: a day. Stock that is held is stock that nobody can buy.
const HOLD_SECONDS_MAX: i64 = 24 * 60 * 60;

/// Unpaid orders one contact may hold open by default: enough for a buyer who changes their mind twice.
pub const OPEN_ORDERS_PER_CONTACT: u32 = 3;

/// Unpaid orders that may be open from one address by default. Phones share addresses by the dozen, so it is generous; it
/// only has to keep one person with many names from holding the whole stock.
pub const OPEN_ORDERS_PER_ADDRESS: u32 = 30;

/// Secrets of one function. A function without the right to cards has no master key.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// From which ids, tokens and hashes are derived.
    pub shop: Secret32,
    /// Which wraps the products' data keys.
    pub master: Option<Secret32>,
}

/// A setting that is missing or does not read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadSetting(pub &'static str);

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is missing or does not read", self.0)
    }
}

impl std::error::Error for BadSetting {}

#[expect(clippy::disallowed_methods, reason = "the one home of a function's environment")]
fn optional(name: &'static str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

fn required(name: &'static str) -> Result<String, BadSetting> {
    optional(name).ok_or(BadSetting(name))
}

/// What shall be logged: the wish of `RUST_LOG`, else Lambda's own setting of the function, `TRACE` to `FATAL`. `None` when
/// neither is set.
/// Source: AWS Lambda Developer Guide, "Defined runtime environment variables" and "Log-level filtering".
pub fn log_level() -> Option<String> {
    optional("RUST_LOG").or_else(|| {
        let level = optional("AWS_LAMBDA_LOG_LEVEL")?.to_ascii_lowercase();
        // Nothing here is worse than an error.
        Some(if level == "fatal" { "error".to_owned() } else { level })
    })
}

/// Reads a function's environment. AWS's own variables are those that Lambda sets; no credential chain is walked, which
/// saves 0.4 ms at start.
pub fn from_env() -> Result<(Config, Secrets, Aws), BadSetting> {
    let secret = |name, text: String| Secret32::from_hex(&text).ok_or(BadSetting(name));
    let hold_seconds = match optional("KAMIVEND_HOLD_SECONDS") {
        None => HOLD_SECONDS,
        Some(text) => {
            let seconds = text.parse().ok().filter(|s| (1..=HOLD_SECONDS_MAX).contains(s));
            seconds.ok_or(BadSetting("KAMIVEND_HOLD_SECONDS"))?
        }
    };
    let count = |name, default| match optional(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| BadSetting(name)),
    };
    let admin_password = match optional("KAMIVEND_ADMIN_PASSWORD_HASH") {
        None => None,
        Some(text) => Some(crate::staff::PasswordHash::parse(&text).ok_or(BadSetting("KAMIVEND_ADMIN_PASSWORD_HASH"))?),
    };
    let config = Config {
        shop_id: required("KAMIVEND_SHOP_ID")?,
        public_url: required("KAMIVEND_PUBLIC_URL")?.trim_end_matches('/').to_owned(),
        hold_ms: hold_seconds * 1_000,
        orphan_ms: domain::limits::ORPHAN_AGE_MS,
        open_orders_per_contact: count("KAMIVEND_OPEN_ORDERS_PER_CONTACT", OPEN_ORDERS_PER_CONTACT)?,
        open_orders_per_address: count("KAMIVEND_OPEN_ORDERS_PER_ADDRESS", OPEN_ORDERS_PER_ADDRESS)?,
        admin_password,
        table_prefix: required("KAMIVEND_TABLE_PREFIX")?,
        queue_url: required("KAMIVEND_QUEUE_URL")?,
    };
    let secrets = Secrets {
        shop: secret("KAMIVEND_SHOP_SECRET", required("KAMIVEND_SHOP_SECRET")?)?,
        master: optional("KAMIVEND_MASTER_KEY").map(|text| secret("KAMIVEND_MASTER_KEY", text)).transpose()?,
    };
    let aws = Aws {
        region: required("AWS_REGION")?,
        credentials: Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            optional("AWS_SESSION_TOKEN"),
            None,
            "lambda",
        ),
        dynamodb_endpoint: optional("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| optional("AWS_ENDPOINT_URL")),
        sqs_endpoint: optional("AWS_ENDPOINT_URL_SQS").or_else(|| optional("AWS_ENDPOINT_URL")),
    };
    Ok((config, secrets, aws))
}
