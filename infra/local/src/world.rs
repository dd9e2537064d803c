//! One world: engine, queue, gateway, time and chance. Everything a shop stands on, in memory or in a folder.

use crate::bucket::Bucket;
use crate::engine::{Engine, EngineError, EngineKind};
use crate::gateway::{self, Gateway};
use crate::kms::Kms;
use crate::mailbox::Mailbox;
use crate::numbers::Numbers;
use crate::own_shop::OwnShop;
use crate::roles::Roles;
use crate::seam::{Outside, Quiet, Seam, Tap};
use crate::secrets::LocalSecrets;
use crate::sqs::{self, Sqs};
use crate::ssm::Ssm;
use app::accounts::{AccountSettings, Unset};
use app::net::Aws;
use app::staff::PasswordHash;
use app::{App, Clock, Config, Ids, MasterKey, Meter, Secrets, Sender};
use domain::AccountId;
use domain::limits::{
    DELIVERY_HIDDEN_SECONDS, NOTICE_HIDDEN_SECONDS, NOTICE_KEPT_SECONDS, NOTICE_RECEIVES_MAX, RECEIVES_MAX,
};
use serde_json::json;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The file of the tables; its presence tells that the folder holds a shop.
pub const TABLES_FILE: &str = "tables.db";

/// The folder of the evidence: beside the tables, and to be copied elsewhere by whoever wants it apart.
pub const EVIDENCE_FOLDER: &str = "evidence";

/// The delivery queue and where its hopeless messages go.
const QUEUE: &str = "kamivend-deliver";
const DEAD_LETTERS: &str = "kamivend-deliver-dead";

/// The queue of notices and where its hopeless messages go.
const NOTICES: &str = "kamivend-notices";
const NOTICES_DEAD: &str = "kamivend-notices-dead";

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
    /// The hash of the administrator's password among them. `None`: it is made at the opening, which takes a tenth of a second.
    pub password_hash: Option<PasswordHash>,
    /// Messages to the seller.
    pub pushes: Pushes,
    /// What holds its tables. The quick one keeps nothing, and a world with a folder is refused it.
    pub engine: EngineKind,
}

/// How messages to the seller leave this world, if they do.
#[derive(Clone, Debug, Default)]
pub struct Pushes {
    /// Whether there is a queue of notices; without one nobody is told anything.
    pub queue: bool,
    /// What answers plain calls to addresses that are not this world's own.
    pub outside: Outside,
    /// The address that stands for Amazon's mail service; `None` is this world's own mailbox.
    pub aws_endpoint: Option<String>,
    /// In whose name mail may be sent.
    pub sender: Sender,
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
    /// The key service of a deployment that is tried here.
    pub kms: Kms,
    /// Its parameters.
    pub parameters: Ssm,
    /// Where its mail goes.
    pub mailbox: Mailbox,
    /// Where the evidence of its orders lies.
    pub evidence: Bucket,
    pub(crate) roles: Option<Arc<dyn Roles>>,
    /// What functions counted.
    pub numbers: Numbers,
    config: Config,
    options: WorldOptions,
    uses_kms: bool,
}

impl World {
    /// Opens a world and sets up what is missing in it: tables, queues, the sandbox channel.
    pub async fn open(options: WorldOptions) -> Result<World, WorldError> {
        let world = World::bare(options)?;
        if world.app().import_is_unfinished().await.map_err(WorldError::App)? {
            let why = "an import into this data folder was cut off; run it again";
            return Err(WorldError::Setting(why.to_owned()));
        }
        world.set_up().await?;
        Ok(world)
    }

    /// Sets up what is missing: the queues and the sandbox channel.
    pub async fn set_up(&self) -> Result<(), WorldError> {
        self.create_queues().await?;
        self.configure_sandbox().await
    }

    /// Opens a world as it stands: its tables are made where they are missing, and nothing is put into them.
    pub fn bare(options: WorldOptions) -> Result<World, WorldError> {
        let file = |name: &str| options.folder.as_ref().map(|f| f.join(name));
        let engine = match (options.engine, &options.folder) {
            (EngineKind::Embedded, _) => Engine::open(file(TABLES_FILE).as_deref()).map_err(WorldError::Engine)?,
            (EngineKind::Quick, None) => Engine::quick(),
            (EngineKind::Quick, Some(_)) => {
                return Err(WorldError::Setting("the quick engine keeps nothing in a folder".to_owned()));
            }
        };
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
        let hash = || PasswordHash::of(&options.secrets.admin_password, &options.ids);
        let config = Config {
            shop_id: options.secrets.shop_id.clone(),
            public_url: options.public_url.clone(),
            hold_ms: options.hold_ms,
            orphan_ms: options.orphan_ms,
            open_orders_per_contact: options.open_orders_per_contact,
            open_orders_per_address: options.open_orders_per_address,
            parameters: None,
            sandbox: true,
            admin_password: Some(options.password_hash.clone().unwrap_or_else(hash)),
            table_prefix: "kamivend".to_owned(),
            queue_url: Sqs::queue_url(QUEUE),
            notices_queue_url: options.pushes.queue.then(|| Sqs::queue_url(NOTICES)),
            sender: options.pushes.sender.clone(),
            evidence_bucket: Some(Bucket::NAME.to_owned()),
        };
        engine.create_tables(&store::Tables::with_prefix(&config.table_prefix)).map_err(WorldError::Engine)?;
        let kms = Kms::new(&options.secrets.master, options.ids.clone())
            .ok_or_else(|| WorldError::Setting("the master key".to_owned()))?;
        Ok(World {
            engine,
            sqs,
            gateway,
            kms,
            parameters: Ssm::default(),
            mailbox: Mailbox::new(&options.clock),
            evidence: Bucket::new(file(EVIDENCE_FOLDER)),
            roles: None,
            numbers: Numbers::default(),
            config,
            options,
            uses_kms: false,
        })
    }

    async fn create_queues(&self) -> Result<(), WorldError> {
        let redrive = json!({"deadLetterTargetArn": Sqs::queue_arn(DEAD_LETTERS), "maxReceiveCount": RECEIVES_MAX});
        let delivery =
            json!({"VisibilityTimeout": DELIVERY_HIDDEN_SECONDS.to_string(), "RedrivePolicy": redrive.to_string()});
        let fortnight = json!({"MessageRetentionPeriod": "1209600"});
        let hopeless =
            json!({"deadLetterTargetArn": Sqs::queue_arn(NOTICES_DEAD), "maxReceiveCount": NOTICE_RECEIVES_MAX});
        let notices = json!({
            "VisibilityTimeout": NOTICE_HIDDEN_SECONDS.to_string(),
            "MessageRetentionPeriod": NOTICE_KEPT_SECONDS.to_string(),
            "RedrivePolicy": hopeless.to_string(),
        });
        let mut queues = vec![(DEAD_LETTERS, fortnight.clone()), (QUEUE, delivery)];
        if self.options.pushes.queue {
            queues.extend([(NOTICES_DEAD, fortnight), (NOTICES, notices)]);
        }
        for (name, attributes) in queues {
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
        let base_url = format!("{}/sandbox", self.options.public_url);
        let settings = [
            ("base_url", base_url.as_str()),
            ("pid", &self.options.sandbox_pid),
            ("key", &self.options.secrets.sandbox_key),
            ("refund_code", "0"),
        ];
        let settings = AccountSettings {
            account,
            kind: "epay_v1".to_owned(),
            settings: settings.into_iter().collect(),
            enabled: true,
            sandbox: true,
        };
        self.app().configure_channel(&settings).await.map_err(|unset| match unset {
            Unset::Fault(error) => WorldError::App(error),
            Unset::Kind => WorldError::Setting("the sandbox's kind".to_owned()),
            Unset::Setting(bad) => WorldError::Setting(bad.why.to_owned()),
        })
    }

    /// The same world, which holds every function to its role from now on.
    pub fn with_roles(mut self, roles: Arc<dyn Roles>) -> World {
        self.roles = Some(roles);
        self
    }

    /// The same world, whose functions leave the master key to KMS, as in a deployment.
    pub fn with_kms(mut self) -> World {
        self.uses_kms = true;
        self
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
        // The SDK keeps its allowance of repetitions for each region, for the whole process: every instance has its own, as every Lambda
        // function has, so that no world feels what another one met.
        static INSTANCES: AtomicU64 = AtomicU64::new(0);
        let aws = Aws {
            region: format!("local-{}", INSTANCES.fetch_add(1, Ordering::Relaxed)),
            credentials: credentials(),
            // A tenth of what a call costs, and nobody here looks: the embedded engine's worlds are signed, as production is.
            signs: self.options.engine != EngineKind::Quick,
            endpoint_override: Some("http://aws.local".to_owned()),
            mail_endpoint: Some(
                self.options.pushes.aws_endpoint.clone().unwrap_or_else(|| Mailbox::ENDPOINT.to_owned()),
            ),
        };
        let secrets = Secrets {
            shop: self.options.secrets.shop.clone(),
            master: opens_cards.then(|| match self.uses_kms {
                true => MasterKey::Kms(Kms::KEY.to_owned()),
                false => MasterKey::Held(self.options.secrets.master.clone()),
            }),
        };
        let seam = self.seam(tap);
        let mut app = App::build(self.config.clone(), secrets, &aws, seam.connector(), clock, self.options.ids.clone());
        app.meter = Meter::new(self.numbers.sink());
        app
    }

    /// What answers in this world, under a tap.
    pub fn seam(&self, tap: Arc<dyn Tap>) -> Seam {
        let (engine, sqs, gateway) = (self.engine.clone(), self.sqs.clone(), self.gateway.clone());
        Seam::new(engine, sqs, gateway, &self.config.public_url, tap)
            .with_outside(self.options.pushes.outside.clone())
            .with_shop(OwnShop::connector(self.clone()), self.mailbox.clone().held_to(self.roles.clone()))
            .with_evidence(self.evidence.clone().held_to(self.roles.clone()))
            .deployed(self.kms.clone(), self.parameters.clone(), self.roles.clone())
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

    /// The name of the queue of notices; `None` when there is none.
    pub fn notices_name(&self) -> Option<&'static str> {
        self.options.pushes.queue.then_some(NOTICES)
    }

    /// The name of the queue where hopeless notices end; `None` when there is none.
    pub fn notices_dead_name(&self) -> Option<&'static str> {
        self.options.pushes.queue.then_some(NOTICES_DEAD)
    }

    /// The name of the queue where hopeless messages end.
    pub fn dead_letter_name(&self) -> &'static str {
        DEAD_LETTERS
    }
}

/// Nobody checks a signature in this world, but requests may be signed all the same, because production's are.
fn credentials() -> app::net::Credentials {
    app::net::Credentials::new("local", "local", None, None, "local")
}
