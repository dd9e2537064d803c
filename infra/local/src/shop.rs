//! The running local shop: a world, a server on a socket, the pollers and the timer.

use crate::engine::EngineKind;
use crate::options::Options;
use crate::seam::Outside;
use crate::secrets::LocalSecrets;
use crate::world::{Pushes, TABLES_FILE, World, WorldOptions};
use crate::{Front, poller, sample, server};
use app::meter::Sink;
use app::{App, Clock, Ids, Meter, Scope, Sender};
use functions::desk::describe_report;
use functions::reconcile::{self, Job};
use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Batches that are delivered side by side, Lambda's smallest number of pollers.
const POLLERS: usize = 2;

/// Seconds a poller waits for a message.
const WAIT_SECONDS: u32 = 20;

const HOUR_MS: i64 = 60 * 60_000;

/// Makes a folder that only its owner can enter: buyers' contacts lie in it.
pub(crate) fn private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Opens the data folder: secrets, tables, queue, gateway.
async fn open_world(options: &Options, url: &str) -> Result<(World, LocalSecrets), String> {
    let ids = Ids::system();
    let mut secrets = match &options.data {
        None => LocalSecrets::in_memory(&ids),
        Some(folder) => {
            let unusable = |e: &dyn Display| format!("the data folder {}: {e}", folder.display());
            private_folder(folder).map_err(|e| unusable(&e))?;
            LocalSecrets::open(folder, &ids).map_err(|e| unusable(&e))?
        }
    };
    if let Some(password) = &options.admin_password {
        secrets.admin_password.clone_from(password);
        secrets.password_is_unseen = false;
    }
    if let Some(key) = &options.sandbox_key {
        secrets.sandbox_key.clone_from(key);
    }
    let world = World::open(world_options(options, url, secrets.clone())).await.map_err(|e| e.to_string())?;
    Ok((world, secrets))
}

/// A world as the options say, on this machine's clock and chance.
pub(crate) fn world_options(options: &Options, url: &str, secrets: LocalSecrets) -> WorldOptions {
    WorldOptions {
        folder: options.data.clone(),
        public_url: url.to_owned(),
        hold_ms: options.hold_seconds * 1_000,
        orphan_ms: options.orphan_seconds * 1_000,
        open_orders_per_contact: options.open_orders_per_contact,
        open_orders_per_address: options.open_orders_per_address,
        sandbox_pid: options.sandbox_pid.clone(),
        clock: Clock::system(),
        ids: Ids::system(),
        secrets,
        password_hash: None,
        pushes: Pushes {
            queue: true,
            outside: Outside::Everything(app::net::production()),
            aws_endpoint: None,
            sender: Sender::Anybody,
        },
        // A seller's orders outlive the process.
        engine: EngineKind::Embedded,
    }
}

/// The timer: the gateway repeats its notifications, the reconciler passes, and the audits look, each in its time.
async fn keep_time(app: &App, front: &Front, tick: Duration) {
    let mut timer = tokio::time::interval(tick);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let started = app.clock.now();
    let (mut hourly, mut nightly) = (started + HOUR_MS, started + 24 * HOUR_MS);
    loop {
        timer.tick().await;
        front.repeat_due_notifications().await;
        let now = app.clock.now();
        let mut jobs = vec![Job::Reconcile];
        if now >= hourly {
            hourly = now + HOUR_MS;
            // A shop on a desk is seldom open at night: the evidence is due when half a day has gone by without it.
            jobs.extend([Job::AuditRecent, Job::Evidence]);
        }
        if now >= nightly {
            jobs.push(Job::AuditFull);
        }
        for job in jobs {
            match Box::pin(reconcile::handle(app, job)).await {
                // A night's audit that did not end goes on with the next tick.
                Ok(done) if job == Job::AuditFull && done.complete => nightly = now + 24 * HOUR_MS,
                Ok(_) => {}
                // It has said so itself; the next tick tries again.
                Err(_) => {}
            }
        }
    }
}

/// A shop that is ready, and what its owner should be told.
pub struct Shop {
    /// Its address.
    pub url: String,
    /// The administrator's generated password, when nobody has seen it yet.
    pub unseen_password: Option<String>,
    /// The sandbox merchant's number and key.
    pub sandbox: (String, String),
    /// Where the data are kept; `None` for memory.
    pub data: Option<PathBuf>,
    listener: TcpListener,
    world: World,
    app: Arc<App>,
    tick: Duration,
}

impl Shop {
    /// Binds the port, opens the data folder, and fills a new shop with samples. The error is for the owner to read.
    pub async fn open(options: Options) -> Result<Shop, String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let listener = TcpListener::bind(address)
            .await
            .map_err(|e| format!("port {} cannot be used ({e}); choose another with --port", options.port))?;
        let port = listener.local_addr().map_err(|e| e.to_string())?.port();
        let url = format!("http://127.0.0.1:{port}");
        let (world, secrets) = open_world(&options, &url).await?;
        let mut app = world.app();
        // In a deployment what was counted stands in the log. Whoever sits before a terminal wants to read what happened.
        app.meter = Meter::new(if options.numbers { Sink::stdout() } else { Sink::from_fn(|_| {}) });
        let app = Arc::new(app);
        sample::fill(&app).await.map_err(|e| e.to_string())?;
        Ok(Shop {
            url,
            unseen_password: secrets.password_is_unseen.then_some(secrets.admin_password),
            sandbox: (options.sandbox_pid, secrets.sandbox_key),
            data: options.data,
            listener,
            world,
            app,
            tick: Duration::from_secs(options.tick_seconds),
        })
    }

    /// Looks at everything in a data folder that no shop has open. `after_restore` closes the shop first, and a clean audit opens
    /// it. The report is JSON; `true` when nothing differs.
    pub async fn audit(options: Options, after_restore: bool) -> Result<(String, bool), String> {
        let (world, _) = Shop::folder(&options).await?;
        let app = world.app();
        let told = |e: app::AppError| e.to_string();
        if after_restore {
            app.close_shop().await.map_err(told)?;
        }
        let closed = app.is_closed().await.map_err(told)?;
        let scope = if closed { Scope::Restored } else { Scope::Full };
        let report = app.audit(scope, i64::MAX).await.map_err(told)?.ok_or("the audit did not end")?;
        let text = serde_json::to_string_pretty(&describe_report(&report)).map_err(|e| e.to_string())?;
        let is_open = app.closed_since().await.map_err(told)?.is_none();
        Ok((text, report.differences == 0 && is_open))
    }

    /// Holds the evidence of a data folder that no shop has open against its orders, or with `is_deployed` that of the deployment
    /// whose function's environment this is. The report is JSON and names everything; `true` when nothing differs.
    pub async fn evidence(options: Options, is_deployed: bool) -> Result<(String, bool), String> {
        let told = |e: app::AppError| e.to_string();
        let report = if is_deployed {
            let (app, _) = App::deployed().await.map_err(|e| e.to_string())?;
            Box::pin(app.check_evidence()).await.map_err(told)?
        } else {
            let (world, _) = Shop::folder(&options).await?;
            Box::pin(world.app().check_evidence()).await.map_err(told)?
        };
        let text = serde_json::to_string_pretty(&describe_report(&report)).map_err(|e| e.to_string())?;
        Ok((text, report.differences == 0))
    }

    /// A data folder that no shop has open.
    async fn folder(options: &Options) -> Result<(World, LocalSecrets), String> {
        if options.data.as_ref().is_none_or(|folder| !folder.join(TABLES_FILE).exists()) {
            return Err("there is no data folder to audit; name it with --data".to_owned());
        }
        open_world(options, &format!("http://127.0.0.1:{}", options.port)).await
    }

    /// Remembers that the owner has seen the generated password.
    pub fn password_was_seen(&self) {
        if let Some(folder) = &self.data
            && let Err(error) = LocalSecrets::password_was_seen(folder, &self.app.ids)
        {
            tracing::warn!(%error, "the password will be shown again");
        }
    }

    /// Serves until `stop` is done. Whatever was answered before survives the end of the process, so nothing needs to be
    /// finished first.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        tracing::info!(url = self.url, "open");
        let front = Front::new(self.world.clone(), self.app.clone());
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(server::serve(self.listener, front.clone()));
        for _ in 0..POLLERS {
            let (world, app) = (self.world.clone(), self.app.clone());
            tasks.spawn(async move {
                loop {
                    poller::poll(&world, &app, WAIT_SECONDS).await;
                }
            });
        }
        let (world, app) = (self.world.clone(), self.app.clone());
        tasks.spawn(async move {
            loop {
                poller::poll_notices(&world, &app, WAIT_SECONDS).await;
            }
        });
        let tick = self.tick;
        let app = self.app.clone();
        tasks.spawn(async move { keep_time(&app, &front, tick).await });
        stop.await;
        tasks.shutdown().await;
        tracing::info!("closed");
    }
}
