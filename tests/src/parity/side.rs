//! One engine among those that are compared: the store as production builds it, a queue client, and a plain way in.

use super::queue;
use app::net::{Aws, Credentials};
use app::{App, Clock, Config, Ids, Secrets, Sender};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use local::engine::{Engine, EngineKind, table_requests};
use local::seam::{Quiet, Tap};
use local::secrets::LocalSecrets;
use local::world::Pushes;
use local::{World, WorldOptions, endpoint};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::{Store, Tables};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What a table's name begins with, for the cases of writes, for the reads, and for the race: apart, so that none meets another.
pub(crate) const PREFIXES: [&str; 3] = ["parity-writes", "parity-reads", "parity-race"];

/// The region of an engine at an address, which may know no others.
const REGION: &str = "us-east-1";

/// What a plain call is signed with: enough for engines that look whether there is a signature. None of them can check one.
fn signature(region: &str) -> String {
    let scope = format!("Credential=local/20261122/{region}/dynamodb/aws4_request");
    format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host;x-amz-date;x-amz-target, Signature=0")
}

/// How often an engine is asked whether a table is ready, and the pause between two times.
const READY_ASKS: usize = 200;
const READY_PAUSE: Duration = Duration::from_millis(50);

/// How often a plain call is tried.
const PLAIN_TRIES: usize = 10;

/// What left through a side's store last, and what came back.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// `PutItem` and the like.
    pub operation: String,
    /// The request's body.
    pub request: Value,
    /// The answer's HTTP status.
    pub status: u16,
    /// The answer's body.
    pub answer: Value,
}

/// The way out of a side's clients, which remembers the last exchange with the tables.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    below: SharedHttpConnector,
    last: Arc<Mutex<Exchange>>,
    half_units: Arc<AtomicU64>,
    repetitions: Arc<AtomicU64>,
}

impl Recorder {
    fn over(below: SharedHttpConnector) -> Recorder {
        let (last, half_units, repetitions) = Default::default();
        Recorder { below, last, half_units, repetitions }
    }
}

impl HttpConnector for Recorder {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let recorder = self.clone();
        // The SDK says of every request which try it is: `attempt=2; max=3`.
        if !request.headers().get("amz-sdk-request").unwrap_or("attempt=1").starts_with("attempt=1") {
            self.repetitions.fetch_add(1, Ordering::Relaxed);
        }
        HttpConnectorFuture::new(async move {
            let response = recorder.below.call(request).await?;
            let status = response.status();
            let headers = response.headers().clone();
            let read = ByteStream::new(response.into_body()).collect().await;
            let answer = read.map_err(|e| ConnectorError::io(e.into()))?.into_bytes();
            if let Some(operation) = target.strip_prefix("DynamoDB_20120810.") {
                let exchange = Exchange {
                    operation: operation.to_owned(),
                    request: serde_json::from_slice(&body).unwrap_or_default(),
                    status: status.as_u16(),
                    answer: serde_json::from_slice(&answer).unwrap_or_default(),
                };
                recorder.half_units.fetch_add(half_units(&exchange.answer["ConsumedCapacity"]), Ordering::Relaxed);
                *recorder.last.lock().unwrap() = exchange;
            }
            let mut whole = HttpResponse::new(status, SdkBody::from(answer));
            *whole.headers_mut() = headers;
            Ok(whole)
        })
    }
}

/// The units that an answer reports, in halves: an answer of many tables reports each.
fn half_units(consumed: &Value) -> u64 {
    match consumed.as_array() {
        Some(tables) => tables.iter().map(half_units).sum(),
        None => (consumed["CapacityUnits"].as_f64().unwrap_or_default() * 2.0) as u64,
    }
}

/// An engine under comparison.
#[derive(Debug)]
pub struct Side {
    /// What it is called in a difference.
    pub name: &'static str,
    endpoint: String,
    region: String,
    http: Recorder,
    server: Option<JoinHandle<()>>,
}

impl Drop for Side {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

fn world(engine: EngineKind) -> World {
    let ids = Ids::system();
    let world = World::bare(WorldOptions {
        folder: None,
        public_url: "http://127.0.0.1:3000".to_owned(),
        hold_ms: 900_000,
        orphan_ms: domain::limits::ORPHAN_AGE_MS,
        open_orders_per_contact: 0,
        open_orders_per_address: 0,
        sandbox_pid: "1000".to_owned(),
        clock: Clock::system(),
        secrets: LocalSecrets::in_memory(&ids),
        ids,
        password_hash: Some(crate::shop::HASH.clone()),
        pushes: Pushes::default(),
        engine,
    })
    .expect("a world");
    for prefix in PREFIXES {
        world.engine.create_tables(&Tables::with_prefix(prefix)).expect("tables");
    }
    world
}

impl Side {
    fn new(name: &'static str, endpoint: String, below: SharedHttpConnector, server: Option<JoinHandle<()>>) -> Side {
        // The SDK keeps its allowance of repetitions for each region, for the whole process; no side feels what another one met.
        static SIDES: AtomicU64 = AtomicU64::new(0);
        let region = format!("parity-{}", SIDES.fetch_add(1, Ordering::Relaxed));
        Side { name, endpoint, region, http: Recorder::over(below), server }
    }

    /// The embedded engine and our queue as every test and the local shop reach them: beneath the SDK, in this process.
    pub fn in_process() -> Side {
        Side::tapped("in process", Arc::new(Quiet))
    }

    /// The quick engine, which only tests and the simulator choose, in the embedded one's place.
    pub fn quick() -> Side {
        Side::of(EngineKind::Quick, "quick", Arc::new(Quiet))
    }

    /// The same under a tap, which may be a planted difference.
    pub fn tapped(name: &'static str, tap: Arc<dyn Tap>) -> Side {
        Side::of(EngineKind::Embedded, name, tap)
    }

    fn of(engine: EngineKind, name: &'static str, tap: Arc<dyn Tap>) -> Side {
        Side::new(name, "http://aws.local".to_owned(), world(engine).seam(tap).connector(), None)
    }

    /// The same over HTTP, as functions that are processes reach them.
    pub async fn own_front() -> Side {
        let (listener, endpoint) = listen().await;
        let server = tokio::spawn(endpoint::serve(listener, world(EngineKind::Embedded).seam(Arc::new(Quiet))));
        Side::new("own front", endpoint, app::net::production(), Some(server))
    }

    /// The embedded engine behind its own author's HTTP server, which judges a request as a whole before it runs it. It has no
    /// queue.
    pub async fn engines_server() -> Side {
        let engine = Engine::open(None).expect("an engine");
        for prefix in PREFIXES {
            engine.create_tables(&Tables::with_prefix(prefix)).expect("tables");
        }
        let (listener, endpoint) = listen().await;
        let server = tokio::spawn(engine.serve(listener));
        Side::new("the engine's server", endpoint, app::net::production(), Some(server))
    }

    /// Another implementation at an address on this machine; its tables are made here.
    pub async fn at(name: &'static str, endpoint: &str) -> Side {
        let side = Side::queues_at(name, endpoint);
        for prefix in PREFIXES {
            for request in table_requests(&Tables::with_prefix(prefix)) {
                let (status, answer) = side.plain("CreateTable", &request).await;
                // A repetition finds the table that the first try has made.
                let made =
                    status == 200 || answer["__type"].as_str().is_some_and(|t| t.ends_with("ResourceInUseException"));
                assert!(made, "{name} made no table: {answer}");
                side.until_ready(&request["TableName"]).await;
            }
        }
        side
    }

    /// Another implementation's queues at an address on this machine.
    pub fn queues_at(name: &'static str, endpoint: &str) -> Side {
        let mut side = Side::new(name, endpoint.to_owned(), app::net::production(), None);
        side.region = REGION.to_owned();
        side
    }

    async fn until_ready(&self, table: &Value) {
        for _ in 0..READY_ASKS {
            let (_, answer) = self.plain("DescribeTable", &json!({ "TableName": table })).await;
            let indexes = answer["Table"]["GlobalSecondaryIndexes"].as_array().cloned().unwrap_or_default();
            let ready = |status: &Value| status == "ACTIVE";
            if ready(&answer["Table"]["TableStatus"]) && indexes.iter().all(|index| ready(&index["IndexStatus"])) {
                return;
            }
            tokio::time::sleep(READY_PAUSE).await;
        }
        panic!("{}: {table} did not become ready", self.name);
    }

    /// The production store over this engine.
    pub fn store(&self, prefix: &str) -> Store {
        let config = Config {
            shop_id: "parity".to_owned(),
            public_url: String::new(),
            hold_ms: 0,
            orphan_ms: 0,
            open_orders_per_contact: 0,
            open_orders_per_address: 0,
            parameters: None,
            sandbox: false,
            admin_password: None,
            table_prefix: prefix.to_owned(),
            queue_url: String::new(),
            notices_queue_url: None,
            evidence_bucket: None,
            sender: Sender::Nobody,
        };
        let aws = Aws {
            region: self.region.clone(),
            signs: true,
            credentials: Credentials::new("local", "local", None, None, "local"),
            endpoint_override: Some(self.endpoint.clone()),
            mail_endpoint: None,
        };
        let ids = Ids::system();
        let secrets = Secrets { shop: LocalSecrets::in_memory(&ids).shop, master: None };
        App::build(config, secrets, &aws, SharedHttpConnector::new(self.http.clone()), Clock::system(), ids).store
    }

    /// The SDK's queue client over this engine, and how many requests it has repeated.
    pub(crate) fn queues(&self) -> (aws_sdk_sqs::Client, Arc<AtomicU64>) {
        let http = Recorder::over(self.http.below.clone());
        let repetitions = http.repetitions.clone();
        (queue::client(&self.endpoint, &self.region, SharedHttpConnector::new(http)), repetitions)
    }

    /// The last exchange of a store of this side.
    pub fn last(&self) -> Exchange {
        self.http.last.lock().unwrap().clone()
    }

    /// How many requests the stores of this side have repeated.
    pub(crate) fn repetitions(&self) -> u64 {
        self.http.repetitions.load(Ordering::Relaxed)
    }

    /// The half units that this side has reported since the last time.
    pub fn take_half_units(&self) -> u64 {
        self.http.half_units.swap(0, Ordering::Relaxed)
    }

    /// A call past the store: how a case is set and looked at. Status and answer. It is repeated when no answer comes, which changes
    /// nothing of what it sets or sees.
    pub async fn plain(&self, operation: &str, body: &Value) -> (u16, Value) {
        let mut last = String::new();
        for _ in 0..PLAIN_TRIES {
            match self.plain_once(operation, body).await {
                Ok(answer) => return answer,
                Err(error) => last = error,
            }
        }
        panic!("{}: no answer to {operation}: {last}", self.name)
    }

    async fn plain_once(&self, operation: &str, body: &Value) -> Result<(u16, Value), String> {
        let mut request = HttpRequest::new(SdkBody::from(body.to_string()));
        request.set_method("POST").unwrap();
        request.set_uri(format!("{}/", self.endpoint)).unwrap();
        let headers = request.headers_mut();
        headers.insert("content-type", "application/x-amz-json-1.0");
        headers.insert("x-amz-target", format!("DynamoDB_20120810.{operation}"));
        headers.insert("x-amz-date", "20261122T000000Z");
        headers.insert("authorization", signature(&self.region));
        let response = self.http.below.call(request).await.map_err(|e| e.to_string())?;
        let status = response.status().as_u16();
        let body = ByteStream::new(response.into_body()).collect().await.map_err(|e| e.to_string())?.into_bytes();
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    (listener, endpoint)
}
