//! One world: engine, queue, gateway, time and chance. Everything a shop stands on, in memory or in a folder.

use crate::engine::{Engine, EngineError};
use crate::gateway::{self, Gateway};
use crate::numbers::Numbers;
use crate::seam::{Quiet, Seam, Tap};
use crate::secrets::LocalSecrets;
use crate::sqs::{self, Sqs};
use app::catalogue::EpaySettings;
use app::net::Aws;
use app::staff::PasswordHash;
use app::{App, Clock, Config, Ids, Meter, Secrets};
use domain::AccountId;
use domain::limits::RECEIVES_MAX;
use serde_json::json;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file of the tables; its presence tells that the folder holds a shop.
pub const TABLES_FILE: &str = "tables.db";

/// The delivery queue and where its hopeless messages go.
const QUEUE: &str = "kamivend-deliver";
const DEAD_LETTERS: &str = "kamivend-deliver-dead";

/// Seconds a received message stays hidden: six times what a delivery may take, as AWS advises for event sources.
const VISIBILITY_SECONDS: u32 = 30;

/// What a world is made from.
#[derive(Clone)]
pub struct WorldOptions {
    /// Where it is kept; `None` keeps it in memory.
    pub folder: Option<PathBuf>,
    /// The shop's own address, without a trailing slash.
    pub public_url: String,
    /// How long stock is held, ms.
    pub hold_ms: i64,
    /// How long an ownerless claim is watched before it is given up, ms.
    pub orphan_ms: i64,
    /// Unpaid orders one contact may hold open; 0 for no limit.
    pub open_orders_per_contact: u32,
    /// Unpaid orders that may be open from one address; 0 for no limit.
    pub open_orders_per_address: u32,
    /// The sandbox merchant's number.
    pub sandbox_pid: String,
    /// Time.
    pub clock: Clock,
    /// Chance.
    pub ids: Ids,
    /// Secrets.
    pub secrets: LocalSecrets,
}

/// A world could not be opened.
#[derive(Debug)]
pub enum WorldError {
    /// The tables.
    Engine(EngineError),
    /// The queue.
    Queue(sqs::Error),
    /// The gateway.
    Gateway(gateway::Error),
    /// The shop.
    App(app::AppError),
    /// A queue could not be made, or a setting does not fit.
    Setting(String),
}

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorldError::Engine(error) => write!(f, "tables: {}", error.0),
            WorldError::Queue(error) => write!(f, "queue: {error}"),
            WorldError::Gateway(error) => write!(f, "gateway: {error}"),
            WorldError::App(error) => write!(f, "shop: {error}"),
            WorldError::Setting(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for WorldError {}

/// A world. Clones are the same world.
#[derive(Clone)]
pub struct World {
    /// The tables.
    pub engine: Engine,
    /// The queues.
    pub sqs: Sqs,
    /// The sandbox gateway.
    pub gateway: Gateway,
    /// What functions counted.
    pub numbers: Numbers,
    config: Config,
    options: WorldOptions,
}

impl World {
    /// Opens a world and sets up what is missing in it: tables, queues, the sandbox channel.
    pub async fn open(options: WorldOptions) -> Result<World, WorldError> {
        let file = |name: &str| options.folder.as_ref().map(|f| f.join(name));
        let engine = Engine::open(file(TABLES_FILE).as_deref()).map_err(WorldError::Engine)?;
        let now = {
            let clock = options.clock.clone();
            Arc::new(move || clock.now())
        };
        let chance = {
            let ids = options.ids.clone();
            Arc::new(move || ids.bytes::<16>())
        };
        let storage = file("queue.db").map_or(sqs::Storage::Memory, sqs::Storage::File);
        let sqs = Sqs::open(storage, now.clone(), chance.clone()).map_err(WorldError::Queue)?;
        let gateway_file = file("gateway.db");
        let (pid, key) = (options.sandbox_pid.clone(), options.secrets.sandbox_key.clone());
        let gateway = Gateway::open(gateway_file.as_deref().map(Path::new), pid, key, now, chance)
            .map_err(WorldError::Gateway)?;
        let config = Config {
            shop_id: "shop".to_owned(),
            public_url: options.public_url.clone(),
            hold_ms: options.hold_ms,
            orphan_ms: options.orphan_ms,
            open_orders_per_contact: options.open_orders_per_contact,
            open_orders_per_address: options.open_orders_per_address,
            admin_password: Some(PasswordHash::of(&options.secrets.admin_password, &options.ids)),
            table_prefix: "kamivend".to_owned(),
            queue_url: Sqs::queue_url(QUEUE),
        };
        engine.create_tables(&store::Tables::with_prefix(&config.table_prefix)).map_err(WorldError::Engine)?;
        let world = World { engine, sqs, gateway, numbers: Numbers::default(), config, options };
        world.create_queues().await?;
        world.configure_sandbox().await?;
        Ok(world)
    }

    async fn create_queues(&self) -> Result<(), WorldError> {
        let redrive = json!({"deadLetterTargetArn": Sqs::queue_arn(DEAD_LETTERS), "maxReceiveCount": RECEIVES_MAX});
        let delivery =
            json!({"VisibilityTimeout": VISIBILITY_SECONDS.to_string(), "RedrivePolicy": redrive.to_string()});
        let fortnight = json!({"MessageRetentionPeriod": "1209600"});
        for (name, attributes) in [(DEAD_LETTERS, fortnight), (QUEUE, delivery)] {
            // Made plain and then set, because a queue of an older folder may have had other settings.
            self.queue_call("CreateQueue", &json!({ "QueueName": name })).await?;
            self.queue_call("SetQueueAttributes", &json!({"QueueUrl": Sqs::queue_url(name), "Attributes": attributes}))
                .await?;
        }
        Ok(())
    }

    async fn queue_call(&self, operation: &str, body: &serde_json::Value) -> Result<(), WorldError> {
        let answer = self.sqs.handle(&format!("AmazonSQS.{operation}"), body.to_string().as_bytes()).await;
        if answer.status == 200 {
            return Ok(());
        }
        Err(WorldError::Setting(String::from_utf8_lossy(&answer.body).into_owned()))
    }

    async fn configure_sandbox(&self) -> Result<(), WorldError> {
        let account = AccountId::parse("sandbox").ok_or_else(|| WorldError::Setting("sandbox".to_owned()))?;
        let settings = EpaySettings {
            account,
            base_url: format!("{}/sandbox", self.options.public_url),
            pid: self.options.sandbox_pid.clone(),
            key: payments::Secret::new(self.options.secrets.sandbox_key.clone()),
            refund: Some(0),
        };
        self.app().configure_epay(&settings).await.map_err(WorldError::App)
    }

    /// A fresh function instance: its own memory, the same world.
    pub fn app(&self) -> App {
        self.app_with(Arc::new(Quiet), true)
    }

    /// A fresh function instance whose calls pass a tap, with or without the right to the cards.
    pub fn app_with(&self, tap: Arc<dyn Tap>, opens_cards: bool) -> App {
        self.app_at(self.options.clock.clone(), tap, opens_cards)
    }

    /// A fresh function instance on a machine whose clock is not the world's.
    pub fn app_at(&self, clock: Clock, tap: Arc<dyn Tap>, opens_cards: bool) -> App {
        let aws = Aws {
            region: "local".to_owned(),
            credentials: credentials(),
            dynamodb_endpoint: Some("http://dynamodb.local".to_owned()),
            sqs_endpoint: Some("http://sqs.local".to_owned()),
        };
        let secrets = Secrets {
            shop: self.options.secrets.shop.clone(),
            master: opens_cards.then(|| self.options.secrets.master.clone()),
        };
        let (engine, sqs, gateway) = (self.engine.clone(), self.sqs.clone(), self.gateway.clone());
        let seam = Seam::new(engine, sqs, gateway, &self.config.public_url, tap);
        let mut app = App::build(self.config.clone(), secrets, &aws, seam.connector(), clock, self.options.ids.clone());
        app.meter = Meter::new(self.numbers.sink());
        app
    }

    /// The clock of the world.
    pub fn clock(&self) -> &Clock {
        &self.options.clock
    }

    /// The shop's own address.
    pub fn public_url(&self) -> &str {
        &self.config.public_url
    }

    /// The delivery queue's name.
    pub fn queue_name(&self) -> &'static str {
        QUEUE
    }

    /// The name of the queue where hopeless messages end.
    pub fn dead_letter_name(&self) -> &'static str {
        DEAD_LETTERS
    }
}

/// Nobody checks a signature in this world, but requests are signed all the same, because production's are.
fn credentials() -> app::net::Credentials {
    app::net::Credentials::new("local", "local", None, None, "local")
}
