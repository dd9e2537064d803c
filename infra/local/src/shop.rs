//! The running local shop: a world, a server on a socket, the delivery poller and the timer.

use crate::options::Options;
use crate::secrets::LocalSecrets;
use crate::world::{World, WorldOptions};
use crate::{Front, poller, sample, server};
use app::{App, Clock, Ids};
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Batches that are delivered side by side, Lambda's smallest number of pollers.
const POLLERS: usize = 2;

/// Seconds a poller waits for a message.
const WAIT_SECONDS: u32 = 20;

/// A shop that is ready, and what its owner should be told.
pub struct Shop {
    /// Its address.
    pub url: String,
    /// The administrator's password; to be shown when it was just made.
    pub admin_password: String,
    /// Whether it was just made.
    pub is_new: bool,
    /// The sandbox merchant's number and key.
    pub sandbox: (String, String),
    /// Where the data are kept.
    pub data: String,
    listener: TcpListener,
    world: World,
    app: Arc<App>,
    tick: Duration,
}

impl Shop {
    /// Opens the data folder, binds the port and fills a new shop with samples.
    pub async fn open(options: Options) -> Result<Shop, Box<dyn Error + Send + Sync>> {
        let ids = Ids::system();
        if let Some(folder) = &options.data {
            std::fs::create_dir_all(folder)?;
        }
        let mut secrets = match &options.data {
            Some(folder) => LocalSecrets::open(folder, &ids)?,
            None => LocalSecrets::in_memory(&ids),
        };
        if let Some(password) = options.admin_password {
            secrets.admin_password = password;
            secrets.is_new = false;
        }
        if let Some(key) = options.sandbox_key {
            secrets.sandbox_key = key;
        }
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port))).await?;
        let url = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
        let world = World::open(WorldOptions {
            folder: options.data.clone(),
            public_url: url.clone(),
            hold_ms: options.hold_seconds * 1_000,
            sandbox_pid: options.sandbox_pid.clone(),
            clock: Clock::system(),
            ids,
            secrets: secrets.clone(),
        })
        .await?;
        let app = Arc::new(world.app());
        sample::fill(&app).await?;
        Ok(Shop {
            url,
            admin_password: secrets.admin_password,
            is_new: secrets.is_new,
            sandbox: (options.sandbox_pid, secrets.sandbox_key),
            data: options.data.map_or_else(|| "memory".to_owned(), |f| f.display().to_string()),
            listener,
            world,
            app,
            tick: Duration::from_secs(options.tick_seconds),
        })
    }

    /// Serves until `stop` is done. Whatever was answered before is on disk, so nothing needs to be finished first.
    pub async fn run(self, stop: impl Future<Output = ()>) {
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
    }
}
