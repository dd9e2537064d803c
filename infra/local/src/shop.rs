//! The running local shop: a world, a server on a socket, the delivery poller and the timer.

use crate::options::Options;
use crate::secrets::LocalSecrets;
use crate::world::{World, WorldOptions};
use crate::{Front, poller, sample, server};
use app::{App, Clock, Ids};
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

/// Makes a folder that only its owner can enter: buyers' contacts lie in it.
fn private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
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
        let ids = Ids::system();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let listener = TcpListener::bind(address)
            .await
            .map_err(|e| format!("port {} cannot be used ({e}); choose another with --port", options.port))?;
        let mut secrets = match &options.data {
            None => LocalSecrets::in_memory(&ids),
            Some(folder) => {
                let unusable = |e: &dyn Display| format!("the data folder {}: {e}", folder.display());
                private_folder(folder).map_err(|e| unusable(&e))?;
                LocalSecrets::open(folder, &ids).map_err(|e| unusable(&e))?
            }
        };
        if let Some(password) = options.admin_password {
            secrets.admin_password = password;
            secrets.password_is_unseen = false;
        }
        if let Some(key) = options.sandbox_key {
            secrets.sandbox_key = key;
        }
        let port = listener.local_addr().map_err(|e| e.to_string())?.port();
        let url = format!("http://127.0.0.1:{port}");
        let world = World::open(WorldOptions {
            folder: options.data.clone(),
            public_url: url.clone(),
            hold_ms: options.hold_seconds * 1_000,
            sandbox_pid: options.sandbox_pid.clone(),
            clock: Clock::system(),
            ids,
            secrets: secrets.clone(),
        })
        .await
        .map_err(|e| e.to_string())?;
        let app = Arc::new(world.app());
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
        let tick = self.tick;
        tasks.spawn(async move {
            let mut timer = tokio::time::interval(tick);
            loop {
                timer.tick().await;
                front.repeat_due_notifications().await;
            }
        });
        stop.await;
        tasks.shutdown().await;
        tracing::info!("closed");
    }
}
