//! The queue service of the local shop: standard SQS queues over one SQLite file.
//!
//! The shop's code talks to it through the real SDK, so it answers the JSON protocol of SQS exactly where a client
//! looks: names of errors, digests, receive counts, deadlines. It has what the shop uses, and what would go wrong in
//! production goes wrong here too: messages come again, handles go stale, a message received too often moves aside.
//!
//! Time and randomness are lent by the caller. Every decision is taken at one reading of the clock, inside one
//! transaction; a waiting receive sleeps on tokio's timer, so a paused runtime with a clock derived from it runs whole
//! days of redelivery in milliseconds.
//!
//! Not here: FIFO queues, message move tasks, permissions, tags, the older XML protocol. Encryption and policies are
//! kept and shown and have no effect.

mod engine;
mod fault;
mod message;
mod settings;
mod storage;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use engine::{Look, Turn};
use fault::Fault;

/// Reads the time, Unix milliseconds. Called with the engine locked: it must not call the engine.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Makes sixteen random bytes that never repeat, for message ids and receipt handles. Called with the engine locked:
/// it must not call the engine.
pub type Ids = Arc<dyn Fn() -> [u8; 16] + Send + Sync>;

/// How many messages of one queue may be in flight, as in SQS.
const IN_FLIGHT_MAX: i64 = 120_000;

/// Operations of SQS that are known and left out.
const LEFT_OUT: [&str; 9] = [
    "AddPermission",
    "CancelMessageMoveTask",
    "ListDeadLetterSourceQueues",
    "ListMessageMoveTasks",
    "ListQueueTags",
    "RemovePermission",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
];

/// Where the queues are kept.
#[derive(Clone, Debug)]
pub enum Storage {
    /// In memory, gone with the last clone of the engine.
    Memory,
    /// In this SQLite file, whose folder exists. One engine at a time: the next one opens it when all clones of this
    /// one are dropped or its process has ended, however it ended.
    File(PathBuf),
}

/// Why the engine could not be opened or inspected.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// SQLite failed.
    Sqlite(rusqlite::Error),
    /// The file was written by another version of the engine, which gave its tables this number.
    Version(i64),
    /// There is no queue of this name.
    NoSuchQueue(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => write!(f, "the queue file cannot be used: {error}"),
            Self::Version(version) => write!(f, "the queue file has version {version}, which this program cannot read"),
            Self::NoSuchQueue(name) => write!(f, "there is no queue {name}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Sqlite(error) => Some(error),
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// What to send back over HTTP, as `application/x-amz-json-1.0`.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body.
    pub body: Vec<u8>,
    /// On an error, the whole value of the `x-amzn-query-error` header, `Code;Sender` or `Code;Receiver`. The SDK takes
    /// the kind of error from it.
    pub error_code: Option<String>,
}

/// How many messages a queue holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Depth {
    /// Ready to be received.
    pub visible: u64,
    /// Received, and hidden until deleted or timed out.
    pub in_flight: u64,
    /// Sent with a delay that still runs.
    pub delayed: u64,
}

/// Where a message is in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Ready to be received.
    Visible,
    /// Received, and hidden until deleted or timed out.
    InFlight,
    /// Sent with a delay that still runs.
    Delayed,
}

/// A message attribute as it was sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attribute {
    /// `String`, `Number` or `Binary`, perhaps with a label behind a dot.
    pub data_type: String,
    /// The value; the UTF-8 bytes of a text.
    pub value: Vec<u8>,
}

/// A message as it lies in its queue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredMessage {
    /// The id the sender was given, a UUID.
    pub message_id: String,
    /// The body.
    pub body: String,
    /// The message attributes by name.
    pub attributes: BTreeMap<String, Attribute>,
    /// When it was sent, Unix milliseconds.
    pub sent_at_ms: i64,
    /// When it became or becomes visible, Unix milliseconds.
    pub visible_at_ms: i64,
    /// How often it was received, in this queue and in those it came from.
    pub receive_count: i64,
    /// Where it is in its life, by the clock.
    pub state: State,
    /// The name of the queue that a redrive policy moved it from.
    pub moved_from: Option<String>,
}

/// The engine. Clones share one store.
#[derive(Clone)]
pub struct Sqs {
    shared: Arc<Shared>,
}

struct Shared {
    /// SQLite writes one at a time, so one connection and one lock lose nothing. Never held across an await.
    store: Mutex<Connection>,
    /// One bell per queue that anybody ever waited on, by name.
    bells: Mutex<HashMap<String, Arc<Notify>>>,
    clock: Clock,
    ids: Ids,
    in_flight_max: AtomicI64,
}

impl fmt::Debug for Sqs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqs").finish_non_exhaustive()
    }
}

impl Sqs {
    /// Opens the store and makes its tables on first use.
    ///
    /// # Errors
    /// [`Error::Sqlite`] if the file cannot be opened, is no SQLite file, or is still open elsewhere after one second;
    /// [`Error::Version`] if another version of the engine wrote it.
    pub fn open(storage: Storage, clock: Clock, ids: Ids) -> Result<Self, Error> {
        let shared = Shared {
            store: Mutex::new(storage::open(&storage)?),
            bells: Mutex::default(),
            clock,
            ids,
            in_flight_max: AtomicI64::new(IN_FLIGHT_MAX),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The address of the queue of this name, existing or not.
    pub fn queue_url(name: &str) -> String {
        settings::url(name)
    }

    /// The ARN of the queue of this name, existing or not.
    pub fn queue_arn(name: &str) -> String {
        settings::arn(name)
    }

    /// Lowers the number of messages of a queue that may be in flight, 120,000 as in SQS, so that a test reaches it.
    pub fn set_in_flight_max(&self, messages: u32) {
        self.shared.in_flight_max.store(i64::from(messages), Ordering::Relaxed);
    }

    /// Lets every waiting receive look again. For a clock that is set by hand: a receive sleeps as long as the clock
    /// said it must, and cannot see that the clock has jumped since.
    pub fn clock_moved(&self) {
        for bell in self.shared.bells.lock().unwrap_or_else(PoisonError::into_inner).values() {
            bell.notify_waiters();
        }
    }

    /// How many messages the queue of this name holds.
    ///
    /// # Errors
    /// [`Error::NoSuchQueue`], or [`Error::Sqlite`] if the store fails.
    pub fn depth(&self, queue: &str) -> Result<Depth, Error> {
        self.inspect(queue, storage::depth)
    }

    /// Every message in the queue of this name, in the order in which they become visible.
    ///
    /// # Errors
    /// [`Error::NoSuchQueue`], or [`Error::Sqlite`] if the store fails.
    pub fn dump(&self, queue: &str) -> Result<Vec<StoredMessage>, Error> {
        let lying = self.inspect(queue, storage::all)?;
        Ok(lying.into_iter().map(stored).collect())
    }

    /// Answers one request. `target` is the `x-amz-target` header, such as `AmazonSQS.SendMessage`. A receive may take
    /// the 20 seconds it asks to wait; everything else answers at once. Dropping the future of a receive loses nothing:
    /// a message it had already taken comes back when its visibility time-out ends.
    pub async fn handle(&self, target: &str, body: &[u8]) -> Answer {
        // SQLite is called on the runtime's own thread: a call takes microseconds, and a thread beside it would stop a
        // paused clock from moving on.
        let answer = match target.strip_prefix("AmazonSQS.").unwrap_or_default() {
            "CreateQueue" => self.at_once(body, engine::create_queue),
            "GetQueueUrl" => self.at_once(body, engine::get_queue_url),
            "ListQueues" => self.at_once(body, engine::list_queues),
            "DeleteQueue" => self.at_once(body, engine::delete_queue),
            "PurgeQueue" => self.at_once(body, engine::purge_queue),
            "GetQueueAttributes" => self.at_once(body, engine::get_queue_attributes),
            "SetQueueAttributes" => self.at_once(body, engine::set_queue_attributes),
            "SendMessage" => self.at_once(body, engine::send_message),
            "SendMessageBatch" => self.at_once(body, engine::send_message_batch),
            "ReceiveMessage" => self.receive(body).await,
            "DeleteMessage" => self.at_once(body, engine::delete_message),
            "DeleteMessageBatch" => self.at_once(body, engine::delete_message_batch),
            "ChangeMessageVisibility" => self.at_once(body, engine::change_message_visibility),
            "ChangeMessageVisibilityBatch" => self.at_once(body, engine::change_message_visibility_batch),
            other if LEFT_OUT.contains(&other) => Err(Fault::unsupported(other)),
            _ => Err(Fault::unknown_operation()),
        };
        match answer {
            Ok(body) => Answer { status: 200, body, error_code: None },
            Err(fault) => Answer { status: fault.status, body: fault.body(), error_code: Some(fault.header()) },
        }
    }

    fn at_once<R: DeserializeOwned, A: Serialize>(
        &self,
        body: &[u8],
        operation: impl FnOnce(&mut Turn<'_>, R) -> Result<A, Fault>,
    ) -> Result<Vec<u8>, Fault> {
        let request = parse(body)?;
        let answer = self.turn(|turn| operation(turn, request))?;
        Ok(serde_json::to_vec(&answer)?)
    }

    async fn receive(&self, body: &[u8]) -> Result<Vec<u8>, Fault> {
        let look = Look::new(parse(body)?)?;
        let mut found = self.turn(|turn| engine::look(turn, &look))?;
        if found.received.messages.is_empty() && found.wait > 0 {
            // The end is measured on tokio's timer and not on the lent clock, which need not move by itself.
            let wait = Duration::from_secs(u64::try_from(found.wait).unwrap_or_default());
            let end = Instant::now() + wait;
            let bell = self.bell(&look.queue);
            loop {
                // Listening begins here and not at the await, so that a send between the look and the sleep is heard.
                let rung = bell.notified();
                found = self.turn(|turn| engine::look(turn, &look))?;
                if !found.received.messages.is_empty() || Instant::now() >= end {
                    break;
                }
                let due = found.next_visible_at.map(|at| Instant::now() + self.until(at));
                // Why the sleep ended does not matter; the next look finds out.
                let _ = timeout_at(due.map_or(end, |due| due.min(end)), rung).await;
            }
        }
        Ok(serde_json::to_vec(&found.received)?)
    }

    /// How long to sleep until an instant of the lent clock: at least a millisecond, lest a clock that stands still
    /// make a waiting receive spin.
    fn until(&self, at_ms: i64) -> Duration {
        let ms = at_ms.saturating_sub((self.shared.clock)());
        Duration::from_millis(u64::try_from(ms).unwrap_or_default().max(1))
    }

    fn bell(&self, queue: &str) -> Arc<Notify> {
        let mut bells = self.shared.bells.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(bells.entry(queue.to_owned()).or_default())
    }

    /// Runs one operation in one transaction: done whole and on disk before its answer, or not at all.
    fn turn<T>(&self, operation: impl FnOnce(&mut Turn<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let (done, rung) = {
            // A panic elsewhere rolled its transaction back while it unwound, so a poisoned lock guards a sound store.
            let mut store = self.shared.store.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = store.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut turn = Turn {
                db: &transaction,
                // Read under the lock, so that what is stored later is never dated earlier.
                now: (self.shared.clock)(),
                ids: self.shared.ids.as_ref(),
                in_flight_max: self.shared.in_flight_max.load(Ordering::Relaxed),
                rung: Vec::new(),
            };
            let done = operation(&mut turn)?;
            let rung = turn.rung;
            transaction.commit()?;
            (done, rung)
        };
        if !rung.is_empty() {
            let bells = self.shared.bells.lock().unwrap_or_else(PoisonError::into_inner);
            for bell in rung.iter().filter_map(|queue| bells.get(queue)) {
                bell.notify_waiters();
            }
        }
        Ok(done)
    }

    fn inspect<T>(
        &self,
        queue: &str,
        read: impl FnOnce(&Connection, i64, i64) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let mut store = self.shared.store.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = store.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now = (self.shared.clock)();
        let found = storage::queue(&transaction, queue)?.ok_or_else(|| Error::NoSuchQueue(queue.to_owned()))?;
        storage::expire(&transaction, found.id, now.saturating_sub(found.settings.retention * 1_000))?;
        let seen = read(&transaction, found.id, now)?;
        transaction.commit()?;
        Ok(seen)
    }
}

/// Reads a request. What the sender wrote stays out of the answer, because it may be logged.
fn parse<R: DeserializeOwned>(body: &[u8]) -> Result<R, Fault> {
    // Some clients send nothing at all for a request without parameters.
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        Fault::malformed(format!(
            "The request is no such JSON object (line {}, column {}).",
            error.line(),
            error.column()
        ))
    })
}

fn stored(lying: storage::Lying) -> StoredMessage {
    let attributes = lying.attributes.unwrap_or_default().into_iter().map(|(name, attribute)| {
        let value = message::value(&attribute);
        (name, Attribute { data_type: attribute.data_type.unwrap_or_default(), value })
    });
    StoredMessage {
        message_id: lying.message_id,
        body: lying.body,
        attributes: attributes.collect(),
        sent_at_ms: lying.sent_at,
        visible_at_ms: lying.visible_at,
        receive_count: lying.receive_count,
        state: lying.state,
        moved_from: lying.source,
    }
}
