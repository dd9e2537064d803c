//! One world while it runs: the shop, its function instances, time, chance, and who watches.

use crate::journal::Journal;
use crate::plan::{Plan, happens};
use crate::provider::{Providers, Town};
use crate::tap::Wire;
use crate::truth::Truth;
use app::{App, Clock, Ids};
use fastrand::Rng;
use functions::routes::{self, Match};
use futures_util::future::{Either, select};
use http::{Request, Response};
use local::engine::EngineKind;
use local::seam::Outside;
use local::secrets::LocalSecrets;
use local::world::Pushes;
use local::{Front, World, WorldOptions};
use serde_json::Value;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tests::shop::{HASH, PASSWORD};
use tokio::time::Instant;

/// When every world begins: 2026-11-22T00:00:00Z.
pub const START: i64 = 1_795_305_600_000;

/// The address of the shop.
pub const SHOP: &str = "https://shop.example.com";

/// API Gateway waits so long for a function and no longer.
const GATEWAY_WAITS: Duration = Duration::from_secs(29);

/// Lambda lets no call live longer.
pub const LAMBDA_LIVES: Duration = Duration::from_secs(900);

/// What everything in one world shares.
pub struct Shared {
    journal: Mutex<Journal>,
    calm: AtomicBool,
    began: Instant,
}

impl Shared {
    /// The journal.
    pub fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap()
    }

    /// Whether faults have stopped.
    pub fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst)
    }

    /// Milliseconds since the world began.
    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }
}

/// A function instance: its own memory, its own clock, its own wire.
pub struct Env {
    /// Its number.
    pub no: u32,
    /// The shell.
    pub app: Arc<App>,
    /// The handlers over it.
    pub front: Front,
    wire: Arc<Wire>,
}

/// One world.
pub struct Sim {
    /// What the seed decided.
    pub plan: Plan,
    /// Journal, calm, time.
    pub shared: Arc<Shared>,
    /// Tables and queues.
    pub world: World,
    /// The providers.
    pub town: Arc<Town>,
    /// What is right.
    pub truth: Mutex<Truth>,
    /// Whether the shop has every key that was ever changed, and nobody remembers another.
    pub keys_are_known: AtomicBool,
    pools: Mutex<BTreeMap<&'static str, Vec<Env>>>,
    busy: AtomicU32,
    envs: AtomicU32,
    chance: Mutex<Rng>,
}

impl Sim {
    /// A world with nothing on sale yet.
    pub async fn open(plan: Plan, engine: EngineKind, keeps_lines: bool) -> Arc<Sim> {
        // The SDK draws its pauses from here.
        fastrand::seed(plan.seed);
        let shared = Arc::new(Shared {
            journal: Mutex::new(Journal::new(keeps_lines)),
            calm: AtomicBool::new(true),
            began: Instant::now(),
        });
        let chance = Mutex::new(Rng::with_seed(plan.seed));
        let ids = {
            let rng = Mutex::new(Rng::with_seed(plan.seed.wrapping_add(1)));
            Ids::from_fn(move |out| rng.lock().unwrap().fill(out))
        };
        let town = Arc::new(Town::new(shared.clone(), plan.providers, plan.seed));
        let world = World::open(WorldOptions {
            folder: None,
            public_url: SHOP.to_owned(),
            hold_ms: plan.hold_ms,
            orphan_ms: domain::limits::ORPHAN_AGE_MS,
            open_orders_per_contact: 0,
            open_orders_per_address: 0,
            sandbox_pid: "1000".to_owned(),
            clock: clock(&shared, 0),
            secrets: LocalSecrets { admin_password: PASSWORD.to_owned(), ..LocalSecrets::in_memory(&ids) },
            password_hash: Some(HASH.clone()),
            ids,
            pushes: Pushes { outside: Outside::Everything(Providers::connector(&town)), ..Pushes::default() },
            engine,
        })
        .await
        .unwrap();
        let truth = Mutex::new(Truth::new(town.clone()));
        Arc::new(Sim {
            plan,
            shared,
            world,
            town,
            truth,
            keys_are_known: AtomicBool::new(false),
            pools: Mutex::default(),
            busy: AtomicU32::new(0),
            envs: AtomicU32::new(0),
            chance,
        })
    }

    /// What is right.
    pub fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap()
    }

    /// A source of chance for one actor.
    pub fn fork(&self) -> Rng {
        self.chance.lock().unwrap().fork()
    }

    /// Faults begin or end.
    pub fn set_calm(&self, calm: bool) {
        self.shared.calm.store(calm, Ordering::SeqCst);
        if calm {
            // From now on everybody works on machines that are well.
            self.pools.lock().unwrap().clear();
        }
    }

    /// Whether no instance is at work, not even a frozen one.
    pub fn idle(&self) -> bool {
        self.busy.load(Ordering::SeqCst) == 0
    }

    /// Writes a line.
    pub fn note(&self, text: std::fmt::Arguments<'_>) {
        self.shared.journal().line(self.shared.elapsed_ms(), text);
    }

    /// Counts a fault.
    pub fn fault(&self, what: &'static str) {
        self.shared.journal().fault(what);
    }

    /// Unix milliseconds.
    pub fn now(&self) -> i64 {
        START + i64::try_from(self.shared.elapsed_ms()).unwrap()
    }

    fn env(&self, function: &'static str, rng: &mut Rng) -> Env {
        let mut pools = self.pools.lock().unwrap();
        let idle = pools.entry(function).or_default();
        if !idle.is_empty() {
            // Mostly the one that worked last, as Lambda does.
            let at = if rng.u32(..4) == 0 { rng.usize(..idle.len()) } else { idle.len() - 1 };
            return idle.remove(at);
        }
        drop(pools);
        let no = self.envs.fetch_add(1, Ordering::SeqCst);
        let calm = self.shared.is_calm();
        let skew = if calm || self.plan.skew_ms == 0 { 0 } else { rng.i64(-self.plan.skew_ms..=self.plan.skew_ms) };
        let wire = Wire::new(self.shared.clone(), no, rng.u64(..), self.plan.calls, self.plan.latency_ms);
        let wire = Arc::new(wire);
        let app = Arc::new(self.world.app_at(clock(&self.shared, skew), wire.clone(), true));
        let front = Front::new(self.world.clone(), app.clone());
        self.note(format_args!("f{no} starts as {function}, {skew} ms off"));
        Env { no, app, front, wire }
    }

    fn put_back(&self, function: &'static str, env: Env) {
        self.pools.lock().unwrap().entry(function).or_default().push(env);
    }

    /// Runs work in an instance of a function. `None`: whoever waited heard nothing, because the instance died, was taken away, or
    /// has not answered in time; in the last case it goes on by itself.
    pub async fn invoke<T: Send + 'static>(
        self: &Arc<Sim>,
        function: &'static str,
        rng: &mut Rng,
        work: impl AsyncWork<T>,
    ) -> Option<T> {
        self.invoke_for(GATEWAY_WAITS, function, rng, work).await
    }

    /// As [`Sim::invoke`], with so much patience.
    pub async fn invoke_for<T: Send + 'static>(
        self: &Arc<Sim>,
        waits: Duration,
        function: &'static str,
        rng: &mut Rng,
        work: impl AsyncWork<T>,
    ) -> Option<T> {
        let env = self.env(function, rng);
        let cut = !self.shared.is_calm() && happens(rng, self.plan.cut);
        let cut_after = Duration::from_millis(if cut { rng.u64(..400) } else { 0 });
        let sim = self.clone();
        let at_work = AtWork::new(&sim);
        let task = tokio::spawn(async move {
            let _at_work = at_work;
            let wire = env.wire.clone();
            let result = {
                let work = pin!(work.run(&sim, &env));
                let death = pin!(wire.death.notified());
                match select(work, death).await {
                    Either::Left((result, _)) => Some(result),
                    Either::Right(_) => None,
                }
            };
            if result.is_some() && !env.wire.dead.load(Ordering::SeqCst) {
                sim.put_back(function, env);
            } else {
                sim.note(format_args!("f{} is gone", env.no));
            }
            result
        });
        if cut {
            let (abort, sim) = (task.abort_handle(), self.clone());
            tokio::spawn(async move {
                tokio::time::sleep(cut_after).await;
                if !abort.is_finished() {
                    sim.fault("function taken away");
                    sim.note(format_args!("a function is taken away"));
                    abort.abort();
                }
            });
        }
        match tokio::time::timeout(waits, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(gone)) if gone.is_cancelled() => None,
            Ok(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
            Err(_) => None,
        }
    }

    /// Sends a request to the shop: status and body, or nothing.
    pub async fn send(self: &Arc<Sim>, request: Request<Vec<u8>>, rng: &mut Rng) -> Option<(u16, Value)> {
        let function = match routes::find(request.method(), request.uri().path()) {
            Match::Found(route, _) => route.function.name(),
            _ => "storefront",
        };
        let answer = self.invoke(function, rng, Http(request)).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body();
        let body = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        Some((status, body))
    }
}

/// Counts an instance at work, until it is dropped, whatever the reason.
struct AtWork(Arc<Sim>);

impl AtWork {
    fn new(sim: &Arc<Sim>) -> AtWork {
        sim.busy.fetch_add(1, Ordering::SeqCst);
        AtWork(sim.clone())
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Work inside an instance.
pub trait AsyncWork<T>: Send + 'static {
    /// Does it.
    fn run(self, sim: &Arc<Sim>, env: &Env) -> impl Future<Output = T> + Send;
}

/// A request to the shop's address.
struct Http(Request<Vec<u8>>);

impl AsyncWork<Response<Vec<u8>>> for Http {
    async fn run(self, _: &Arc<Sim>, env: &Env) -> Response<Vec<u8>> {
        // Boxed: the SDK's futures nest deeply.
        Box::pin(env.front.shop(self.0, "192.0.2.1")).await
    }
}

/// A clock that is so far off.
fn clock(shared: &Arc<Shared>, skew_ms: i64) -> Clock {
    let shared = shared.clone();
    Clock::from_fn(move || START + skew_ms + i64::try_from(shared.elapsed_ms()).unwrap_or_default())
}
