//! The shell around the rules: store, queue, HTTP, clock, ids, keys and configuration in one plain struct, and the use
//! cases behind the handlers.

pub mod catalogue;
pub mod clock;
pub mod config;
mod delivery;
mod error;
mod hold;
pub mod ids;
mod import;
pub mod keys;
pub mod net;
mod ordering;
pub mod queue;
mod seal;
mod settle;
pub mod staff;
mod tally;

pub use clock::Clock;
pub use config::{Config, Secrets};
pub use delivery::{DeliverAnswer, OpenedCard};
pub use error::AppError;
pub use hold::Stock;
pub use ids::Ids;
pub use import::{ImportReport, NoCardColumn, Rejected};
pub use keys::Keys;
pub use ordering::{CreateAnswer, CreateRefusal, OrderRequest};
pub use queue::{DeliverMessage, Queue};
pub use settle::SettleAnswer;

use crate::net::Aws;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use std::time::Duration;

/// Everything a function needs. A plain struct: what is replaced in tests lies beneath `http`, `clock` and `ids`.
#[derive(Debug)]
pub struct App {
    /// The tables.
    pub store: store::Store,
    /// The delivery queue.
    pub queue: Queue,
    /// The way out of the process, shared by AWS and provider calls.
    pub http: SharedHttpClient,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub ids: Ids,
    /// What the deployment decided.
    pub config: Config,
    /// Keys derived from the shop's secret.
    pub keys: Keys,
    /// Products and channels read lately.
    pub catalogue: catalogue::Catalogue,
    /// What this instance remembers of the strips.
    pub stock: Stock,
    pub(crate) master_key: Option<keys::Secret32>,
    pub(crate) data_keys: seal::DataKeys,
}

/// Tries of one AWS call, the first included. With full jitter from 25 ms this spends at most about 0.8 s.
const TRIES: u32 = 6;
const FIRST_BACKOFF: Duration = Duration::from_millis(25);

impl App {
    /// Puts the parts together.
    pub fn build(config: Config, secrets: Secrets, aws: &Aws, http: SharedHttpClient, clock: Clock, ids: Ids) -> App {
        let retry = RetryConfig::standard().with_max_attempts(TRIES).with_initial_backoff(FIRST_BACKOFF);
        let mut dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(aws.region())
            .credentials_provider(aws.credentials.clone())
            .retry_config(retry.clone())
            .http_client(http.clone());
        dynamodb.set_endpoint_url(aws.dynamodb_endpoint.clone());
        let mut sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
            .region(aws.region())
            .credentials_provider(aws.credentials.clone())
            .retry_config(retry)
            .http_client(http.clone());
        sqs.set_endpoint_url(aws.sqs_endpoint.clone());
        let tables = store::Tables::with_prefix(&config.table_prefix);
        App {
            store: store::Store::new(aws_sdk_dynamodb::Client::from_conf(dynamodb.build()), tables),
            queue: Queue::new(aws_sdk_sqs::Client::from_conf(sqs.build()), config.queue_url.clone()),
            http,
            clock,
            ids,
            keys: Keys::derive(&secrets.shop),
            catalogue: catalogue::Catalogue::default(),
            stock: Stock::default(),
            master_key: secrets.master,
            data_keys: seal::DataKeys::default(),
            config,
        }
    }

    /// The app of a Lambda function, from its environment.
    pub fn from_env() -> Result<App, config::BadSetting> {
        let (config, secrets, aws) = config::from_env()?;
        Ok(App::build(config, secrets, &aws, net::production(), Clock::system(), Ids::system()))
    }
}
