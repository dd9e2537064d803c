//! The shell around the rules: store, queue, HTTP, clock, ids, keys and configuration in one plain struct, and the use
//! cases behind the handlers.

pub mod accounts;
mod asking;
mod attempts;
mod attention;
mod audit;
mod aws;
pub mod backup;
pub mod catalogue;
mod checks;
pub mod clock;
mod closing;
pub mod config;
mod crowd;
mod delivery;
mod documents;
mod due;
mod error;
mod evidence;
mod hold;
pub mod ids;
mod import;
pub mod keys;
mod late;
mod lookup;
pub mod meter;
pub mod net;
pub mod notices;
mod numbers;
mod ordering;
mod parameters;
mod pictures;
#[cfg(feature = "planted")]
mod planted;
mod proof;
pub mod queue;
mod reconcile;
mod refunds;
mod removal;
mod restore;
mod seal;
pub mod settings;
mod settle;
pub mod shelf;
pub mod showcase;
mod showing;
pub mod staff;
mod tally;
mod trail;

pub use attempts::{AttemptAnswer, AttemptRefusal, CancelAnswer};
pub use attention::Row as AttentionRow;
pub use audit::{Finding, LastSeal, Report, Scope};
pub use checks::CheckAnswer;
pub use clock::Clock;
pub use config::{Config, MasterKey, Secrets, Sender};
pub use delivery::{DeliverAnswer, OpenedCard};
pub use error::AppError;
pub use hold::Stock;
pub use ids::Ids;
pub use import::{ImportReport, NoCardColumn, Rejected};
pub use keys::Keys;
pub use lookup::LookupAnswer;
pub use meter::Meter;
pub use ordering::{CreateAnswer, CreateRefusal, OrderRequest};
pub use queue::{DeliverMessage, Queue};
pub use reconcile::Pass;
pub use refunds::{RefundAnswer, RefundWish, RowAction};
pub use removal::RemovalReport;
pub use settle::SettleAnswer;
pub use showing::{Showing, Viewer};
pub use trail::Entry as TrailEntry;

use crate::net::Aws;
use aws_sdk_dynamodb::config::StalledStreamProtectionConfig;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use std::time::Duration;

/// Everything a function needs. A plain struct: what is replaced in tests lies beneath `http`, `clock` and `ids`.
#[derive(Debug)]
pub struct App {
    /// The tables.
    pub store: store::Store,
    /// The delivery queue, and the one of notices.
    pub queue: Queue,
    /// Where AWS is, and who this function is there.
    pub(crate) aws: Aws,
    /// The way out of the process, shared by AWS and provider calls.
    pub http: SharedHttpConnector,
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
    /// What was counted and not yet written.
    pub meter: Meter,
    /// What this instance remembers of the strips.
    pub stock: Stock,
    /// Whether the shop is closed, as read lately.
    pub(crate) door: restore::Door,
    /// Unpaid orders by address, as far as this instance made them.
    pub(crate) crowd: crowd::Crowd,
    /// What pages showed lately.
    pub(crate) shown_lately: showcase::Shown,
    /// When this instance last counted which product.
    pub(crate) counted: shelf::Counted,
    /// How many deeds this instance has written into the trail.
    pub(crate) deeds_written: std::sync::atomic::AtomicU64,
    pub(crate) known_password: parameters::KnownPassword,
    pub(crate) master_key: Option<MasterKey>,
    /// Who is told what, as read lately.
    pub(crate) receivers: notices::Receivers,
    /// What the receivers' providers said last.
    pub(crate) results: notices::Results,
    pub(crate) data_keys: seal::DataKeys,
}

/// Tries of one AWS call, the first included. With full jitter from 25 ms this spends at most about 0.8 s.
const TRIES: u32 = 6;
const FIRST_BACKOFF: Duration = Duration::from_millis(25);

impl App {
    /// Puts the parts together.
    pub fn build(
        config: Config,
        secrets: Secrets,
        aws: &Aws,
        http: SharedHttpConnector,
        clock: Clock,
        ids: Ids,
    ) -> App {
        let store = store_of(&config, aws, &http);
        let known = (Keys::derive(&secrets.shop), secrets.master);
        App::around(store, config, known, aws, http, clock, ids)
    }

    fn around(
        store: store::Store,
        config: Config,
        (keys, master_key): (Keys, Option<MasterKey>),
        aws: &Aws,
        http: SharedHttpConnector,
        clock: Clock,
        ids: Ids,
    ) -> App {
        let queue = {
            let (aws, http) = (aws.clone(), http.clone());
            let make = move || {
                let mut sqs = aws_sdk_sqs::Config::builder()
                    .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
                    .region(aws.region())
                    .credentials_provider(aws.credentials.clone())
                    .retry_config(patience())
                    .stalled_stream_protection(stalls())
                    .http_client(net::client(&http));
                sqs.set_endpoint_url(aws.endpoint_override.clone());
                aws_sdk_sqs::Client::from_conf(sqs.build())
            };
            Queue::new(make, config.queue_url.clone(), config.notices_queue_url.clone())
        };
        App {
            store,
            queue,
            http,
            clock,
            ids,
            keys,
            catalogue: catalogue::Catalogue::default(),
            meter: Meter::new(meter::Sink::stdout()),
            stock: Stock::default(),
            known_password: parameters::KnownPassword::default(),
            master_key,
            data_keys: seal::DataKeys::default(),
            door: restore::Door::default(),
            crowd: crowd::Crowd::default(),
            shown_lately: showcase::Shown::default(),
            counted: shelf::Counted::default(),
            deeds_written: std::sync::atomic::AtomicU64::new(0),
            receivers: notices::Receivers::default(),
            results: notices::Results::default(),
            aws: aws.clone(),
            config,
        }
    }

    /// For the services that have no client here.
    pub(crate) fn caller(&self) -> aws::Caller<'_> {
        aws::Caller { http: &self.http, aws: &self.aws, clock: &self.clock }
    }

    /// The app of a Lambda function: from its environment, and from the two parameters that it reads.
    pub async fn from_env() -> Result<App, config::StartError> {
        Ok(App::deployed().await?.0)
    }

    /// The same with the shop's secret, for whoever exports a deployment or imports into one.
    ///
    /// While the parameters are read the tables are asked whether the shop is closed: every event needs to know, and the
    /// connection is open from then on. What goes wrong with that is for the event to meet.
    pub async fn deployed() -> Result<(App, keys::Secret32), config::StartError> {
        let (http, clock) = (net::production(), Clock::system());
        let deployment = config::environment()?;
        let parameters = async {
            let (secret, public_url) = deployment.read(&http, &clock).await?;
            // Here and not below, because the tables have not answered yet.
            let keys = Keys::derive(&secret);
            Ok::<_, config::StartError>((keys, secret, public_url))
        };
        let tables = async {
            // The question about the parameters goes out first: putting the client of the tables together is most of a start's own
            // work, and the answer is on its way meanwhile.
            for _ in 0..TURNS_TO_ASK {
                tokio::task::yield_now().await;
            }
            let store = store_of(&deployment.config, &deployment.aws, &http);
            let door = restore::door_of(&store).await;
            (store, door)
        };
        let (read, (store, door)) = tokio::join!(parameters, tables);
        let (keys, secret, public_url) = read?;
        let config = Config { public_url, ..deployment.config };
        let known = (keys, deployment.master);
        let app = App::around(store, config, known, &deployment.aws, http, clock, Ids::system());
        match door {
            Ok((doc, _)) => app.remember_door(&doc),
            Err(error) => tracing::warn!(%error, "the tables did not answer at the start"),
        }
        Ok((app, secret))
    }
}

/// How often a start lets its first question go on before it does something else: until it is connected, if that is at once, and
/// until its words are sent. It is no promise; with fewer turns a start takes longer and nothing else changes.
const TURNS_TO_ASK: usize = 3;

/// How a call to AWS is repeated.
fn patience() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(TRIES).with_initial_backoff(FIRST_BACKOFF)
}

/// An answer that stops in the middle is given up. A request is not watched: the longest has some hundred kilobytes and is one piece in
/// memory, the connector bears no call for longer than [`net`] says, and the SDK would measure by the machine's clock, which a
/// simulation does not have.
fn stalls() -> StalledStreamProtectionConfig {
    StalledStreamProtectionConfig::enabled().upload_enabled(false).build()
}

fn store_of(config: &Config, aws: &Aws, http: &SharedHttpConnector) -> store::Store {
    let mut dynamodb = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws.region())
        .credentials_provider(aws.credentials.clone())
        .retry_config(patience())
        .stalled_stream_protection(stalls())
        .http_client(net::client(http));
    if !aws.signs {
        dynamodb = dynamodb
            .allow_no_auth()
            .auth_scheme_preference([aws_smithy_runtime_api::client::auth::AuthSchemeId::from("no_auth")]);
    }
    dynamodb.set_endpoint_url(aws.endpoint_override.clone());
    let tables = store::Tables::with_prefix(&config.table_prefix);
    store::Store::new(aws_sdk_dynamodb::Client::from_conf(dynamodb.build()), tables)
}

/// Makes the secrets of the deployment that the environment names, where they are missing. With `new_password` the
/// administrator's is made anew. Neither needs a shop that is set up.
pub async fn set_up_from_env(new_password: bool) -> Result<(), config::StartError> {
    let (http, clock, ids) = (net::production(), Clock::system(), Ids::system());
    let (aws, path) = (config::aws_from_env()?, config::parameters_from_env()?);
    let parameters =
        parameters::Parameters { caller: aws::Caller { http: &http, aws: &aws, clock: &clock }, path: &path };
    let mut last = None;
    for attempt in 0..SET_UP_TRIES {
        if attempt > 0 {
            tokio::time::sleep(SET_UP_PAUSE).await;
        }
        let done = async {
            parameters::set_up(&parameters, &ids).await?;
            if new_password { parameters::new_password(&parameters, &ids).await } else { Ok(()) }
        };
        match done.await {
            Ok(()) => return Ok(()),
            // A role that was made a moment ago is not known everywhere yet.
            Err(AppError::Aws(service, code)) if code.contains("AccessDenied") => {
                last = Some(AppError::Aws(service, code))
            }
            Err(error) => return Err(config::StartError::Parameters(error)),
        }
    }
    Err(config::StartError::Parameters(last.unwrap_or(AppError::Setting("the shop's secrets"))))
}

/// Tries to set up, and the pause between two: a minute at the function's most.
const SET_UP_TRIES: u32 = 8;
const SET_UP_PAUSE: Duration = Duration::from_secs(4);
