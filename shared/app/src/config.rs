//! What a deployment decides. Read once, from the environment of a function or from the local shop's options.

use crate::aws::Caller;
use crate::clock::Clock;
use crate::keys::Secret32;
use crate::net::Aws;
use crate::parameters::{PUBLIC_URL, Parameters, SHOP_SECRET};
use aws_sdk_dynamodb::config::Credentials;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
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
    /// Where a deployment keeps its secrets in Parameter Store, such as `/kamivend/shop`; `None` in the local shop.
    pub parameters: Option<String>,
    /// Whether the sandbox gateway may take payments: in the local shop only, because everybody can pay there.
    pub sandbox: bool,
    /// The administrator's password as a salted slow hash, where no parameter keeps it; `None` lets nobody sign in.
    pub admin_password: Option<crate::staff::PasswordHash>,
    /// What every table's name begins with.
    pub table_prefix: String,
    /// The delivery queue.
    pub queue_url: String,
    /// The queue of notices to the seller; `None` tells nobody anything.
    pub notices_queue_url: Option<String>,
    /// In whose name mail may be sent.
    pub sender: Sender,
    /// The bucket where the evidence of orders is kept; `None` in functions that have nothing to do with it.
    pub evidence_bucket: Option<String>,
}

/// In whose name mail may be sent. A deployment's role allows one address, so any other is refused before it is tried.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Sender {
    /// In nobody's: no mail is sent.
    #[default]
    Nobody,
    /// In that of this address alone.
    Only(String),
    /// In any: in the local shop, whose mail goes no further than its mailbox.
    Anybody,
}

impl Sender {
    /// Whether mail may be sent in the name of an address.
    pub fn allows(&self, address: &str) -> bool {
        match self {
            Sender::Nobody => false,
            Sender::Only(own) => own == address,
            Sender::Anybody => true,
        }
    }

    /// Why an address is refused, as a word of the API: `not_here` where no mail is sent, `not_mail_from` where another address
    /// sends it; `None` when it is allowed.
    pub fn refusal(&self, address: &str) -> Option<&'static str> {
        match self {
            Sender::Nobody => Some("not_here"),
            _ if self.allows(address) => None,
            _ => Some("not_mail_from"),
        }
    }
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
    pub master: Option<MasterKey>,
}

/// The key that wraps the products' data keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MasterKey {
    /// Held by this process: the local shop's key file.
    Held(Secret32),
    /// Held by KMS, by its ARN; it never leaves there.
    Kms(String),
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

/// Why a function cannot start: its environment, or what it reads at its start.
#[derive(Debug)]
pub enum StartError {
    /// A variable or parameter.
    Setting(BadSetting),
    /// Parameter Store.
    Parameters(crate::AppError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Setting(bad) => bad.fmt(f),
            StartError::Parameters(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

impl From<BadSetting> for StartError {
    fn from(bad: BadSetting) -> StartError {
        StartError::Setting(bad)
    }
}

/// Who a function is in AWS. These variables are Lambda's own; no credential chain is walked, which saves 0.4 ms at start.
/// Source: "Defined runtime environment variables", AWS Lambda Developer Guide.
pub(crate) fn aws_from_env() -> Result<Aws, BadSetting> {
    Ok(Aws {
        region: required("AWS_REGION")?,
        signs: true,
        credentials: Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            optional("AWS_SESSION_TOKEN"),
            None,
            "lambda",
        ),
        endpoint_override: optional("AWS_ENDPOINT_URL"),
        mail_endpoint: optional("AWS_ENDPOINT_URL"),
    })
}

/// The path of a deployment's parameters.
pub(crate) fn parameters_from_env() -> Result<String, BadSetting> {
    Ok(required("KAMIVEND_PARAMETERS")?.trim_end_matches('/').to_owned())
}

/// A function's environment. What is secret, and where the shop is reached, it does not say.
pub(crate) struct Deployment {
    /// Without the public address, unless the seller has a domain.
    pub(crate) config: Config,
    /// The key of the cards, where the function may use it.
    pub(crate) master: Option<MasterKey>,
    /// Who the function is.
    pub(crate) aws: Aws,
    path: String,
}

/// Reads a function's environment.
pub(crate) fn environment() -> Result<Deployment, BadSetting> {
    let number = |name, default: i64, range: std::ops::RangeInclusive<i64>| match optional(name) {
        None => Ok(default),
        Some(text) => text.parse().ok().filter(|n| range.contains(n)).ok_or(BadSetting(name)),
    };
    let count = |name, default| match optional(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| BadSetting(name)),
    };
    let path = parameters_from_env()?;
    let config = Config {
        shop_id: required("KAMIVEND_SHOP_ID")?,
        // A domain of the seller's own stands here too: when it changes, every function starts anew and knows.
        public_url: optional("KAMIVEND_PUBLIC_URL").unwrap_or_default(),
        hold_ms: number("KAMIVEND_HOLD_SECONDS", HOLD_SECONDS, 1..=HOLD_SECONDS_MAX)? * 1_000,
        orphan_ms: domain::limits::ORPHAN_AGE_MS,
        open_orders_per_contact: count("KAMIVEND_OPEN_ORDERS_PER_CONTACT", OPEN_ORDERS_PER_CONTACT)?,
        open_orders_per_address: count("KAMIVEND_OPEN_ORDERS_PER_ADDRESS", OPEN_ORDERS_PER_ADDRESS)?,
        parameters: Some(path.clone()),
        sandbox: false,
        admin_password: None,
        table_prefix: required("KAMIVEND_TABLE_PREFIX")?,
        queue_url: required("KAMIVEND_QUEUE_URL")?,
        notices_queue_url: optional("KAMIVEND_NOTICES_QUEUE_URL"),
        sender: optional("KAMIVEND_MAIL_FROM").map_or(Sender::Nobody, Sender::Only),
        evidence_bucket: optional("KAMIVEND_EVIDENCE_BUCKET"),
    };
    let master = optional("KAMIVEND_CARD_KEY").map(MasterKey::Kms);
    Ok(Deployment { config, master, aws: aws_from_env()?, path })
}

impl Deployment {
    /// The two parameters that every function needs, by one call: the shop's secret and its public address.
    pub(crate) async fn read(
        &self,
        http: &SharedHttpConnector,
        clock: &Clock,
    ) -> Result<(Secret32, String), StartError> {
        let parameters = Parameters { caller: Caller { http, aws: &self.aws, clock }, path: &self.path };
        let found = parameters.read(&[SHOP_SECRET, PUBLIC_URL]).await.map_err(StartError::Parameters)?;
        let shop = found.get(SHOP_SECRET).and_then(|text| Secret32::from_hex(text)).ok_or(BadSetting(SHOP_SECRET))?;
        let public_url = match self.config.public_url.as_str() {
            "" => found.get(PUBLIC_URL).ok_or(BadSetting(PUBLIC_URL))?,
            domain => domain,
        };
        Ok((shop, public_url.trim_end_matches('/').to_owned()))
    }
}
