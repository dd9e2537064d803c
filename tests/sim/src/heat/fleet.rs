//! Function instances as Lambda keeps them: the one that worked last works next, cold ones take their time, so many start in ten
//! seconds, so many run at once, and any of them may be taken away.

use super::buckets::{Bucket, UNIT};
use super::wire::{Heat, Wire};
use app::App;
use aws_lambda_events::event::sqs::SqsEvent;
use functions::reconcile::Job;
use functions::routes::{self, Match};
use http::{Request, Response};
use local::roles::acting_as;
use local::{Front, World};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Milliseconds from nothing to a function's first event: its own start, and the SDK's (maxday/lambda-perf; shinyaz.com).
pub const COLD_MS: u64 = 14 + 110;

/// Environments of one function that may start in ten seconds ("scaling-behavior").
const STARTS: i64 = 1_000;

/// Environments of an account that may work at once (the default quota).
const AT_ONCE: u32 = 1_000;

/// One in so many events is an environment's last, for no reason that it could know.
const TAKEN_AWAY: u64 = 5_000;

/// One environment: its memory, and the handlers over it.
#[derive(Clone)]
struct Env {
    app: Arc<App>,
    front: Arc<Front>,
}

#[derive(Default)]
struct Pools {
    idle: BTreeMap<&'static str, Vec<Env>>,
    starts: BTreeMap<&'static str, Bucket>,
    busy: u32,
    most: u32,
    started: u64,
}

/// Every function of one deployment.
pub struct Fleet {
    world: World,
    heat: Arc<Heat>,
    pools: Mutex<Pools>,
}

/// What came back from an invocation.
pub enum Came<T> {
    /// The function's answer, and how long it worked without its start, ms.
    Answer(T, u64),
    /// The environment died under it.
    Died,
    /// There was none to be had: the front answers 503.
    None,
}

/// Gives the place at work back, whatever becomes of the work.
struct AtWork<'a>(&'a Fleet);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.pools.lock().unwrap().busy -= 1;
    }
}

impl Fleet {
    /// No function runs yet.
    pub fn new(world: World, heat: Arc<Heat>) -> Arc<Fleet> {
        Arc::new(Fleet { world, heat, pools: Mutex::default() })
    }

    /// The most environments that worked at once, and how many were started in all.
    pub fn sizes(&self) -> (u32, u64) {
        let pools = self.pools.lock().unwrap();
        (pools.most, pools.started)
    }

    async fn env(&self, function: &'static str) -> Option<(Env, AtWork<'_>)> {
        {
            let mut pools = self.pools.lock().unwrap();
            if pools.busy >= AT_ONCE {
                return None;
            }
            let known = pools.idle.get_mut(function).and_then(Vec::pop);
            if known.is_none() {
                let now = self.heat.now();
                let starts = pools.starts.entry(function).or_insert_with(|| Bucket::full(STARTS / 10, 10, now));
                if !starts.lets(now, UNIT) {
                    return None;
                }
                starts.spend(UNIT);
                pools.started += 1;
            }
            pools.busy += 1;
            pools.most = pools.most.max(pools.busy);
            if let Some(env) = known {
                return Some((env, AtWork(self)));
            }
        }
        let at_work = AtWork(self);
        sleep(Duration::from_millis(COLD_MS)).await;
        let app = Arc::new(self.world.app_with(Arc::new(Wire(self.heat.clone(), function)), true));
        let front = Arc::new(Front::new(self.world.clone(), app.clone()));
        Some((Env { app, front }, at_work))
    }

    fn put_back(&self, function: &'static str, env: Env) {
        if self.heat.chance(TAKEN_AWAY) > 0 {
            self.pools.lock().unwrap().idle.entry(function).or_default().push(env);
        }
    }

    /// Does some work in an environment of a function. With `dies_after` the environment is gone after so many milliseconds.
    async fn invoke<T, W: Future<Output = T> + Send>(
        &self,
        function: &'static str,
        dies_after: Option<u64>,
        work: impl FnOnce(Env) -> W,
    ) -> Came<T> {
        let Some((env, _at_work)) = self.env(function).await else { return Came::None };
        let began = Instant::now();
        // Boxed: the SDK's futures nest deeply.
        let work = Box::pin(work(env.clone()));
        let done = match dies_after {
            None => Some(work.await),
            Some(ms) => timeout(Duration::from_millis(ms), work).await.ok(),
        };
        match done {
            Some(answer) => {
                self.put_back(function, env);
                Came::Answer(answer, u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX))
            }
            None => Came::Died,
        }
    }

    /// A request to the shop from an address.
    pub async fn send(&self, request: Request<Vec<u8>>, peer: &str, dies_after: Option<u64>) -> Came<(u16, Value)> {
        let function = match routes::find(request.method(), request.uri().path()) {
            Match::Found(route, _) => route.function.name(),
            _ => "storefront",
        };
        let peer = peer.to_owned();
        let came = self.invoke(function, dies_after, |env| async move { env.front.shop(request, &peer).await }).await;
        let read = |answer: Response<Vec<u8>>| {
            let (status, body) = (answer.status().as_u16(), answer.into_body());
            let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
            (status, serde_json::from_slice(&body).unwrap_or_else(|_| text()))
        };
        match came {
            Came::Answer(answer, ms) => Came::Answer(read(answer), ms),
            Came::Died => Came::Died,
            Came::None => Came::None,
        }
    }

    /// A batch of paid orders. Answers the messages that must come again; all of them when there was nobody to do it.
    pub async fn deliver(&self, event: SqsEvent) -> Option<Vec<String>> {
        let came = self
            .invoke("deliver", None, |env| async move {
                acting_as("deliver", Box::pin(functions::deliver::handle(&env.app, event))).await
            })
            .await;
        let Came::Answer(answer, _) = came else { return None };
        Some(answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect())
    }

    /// One pass of the timer. Whether it saw everything.
    pub async fn tick(&self) -> bool {
        let came = self
            .invoke("reconcile", None, |env| async move {
                acting_as("reconcile", Box::pin(functions::reconcile::handle(&env.app, Job::Reconcile))).await
            })
            .await;
        matches!(came, Came::Answer(Ok(done), _) if done.complete)
    }

    /// An app without heat beneath it, for what comes before and after a run.
    pub fn aside(&self) -> (Arc<App>, Front) {
        let app = Arc::new(self.world.app());
        (app.clone(), Front::new(self.world.clone(), app))
    }

    /// The world beneath.
    pub fn world(&self) -> &World {
        &self.world
    }
}
