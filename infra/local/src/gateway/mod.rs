//! The sandbox payment gateway: 易支付 v1 as a real gateway speaks it, with buttons for what goes wrong in real life.
//!
//! It is bytes in, bytes out: the host calls [`Gateway::handle`] for every request under `/sandbox/`, sends the
//! notifications of the answer, reports what became of each with [`Gateway::notified`], and asks [`Gateway::due`] from
//! time to time. Trades are kept in SQLite; every payment is durable before its notification is handed out.
//!
//! Like a real gateway it knows nothing of the shop but the merchant number and key. No real money moves here.

mod api;
mod notice;
mod page;
mod pay;
mod submit;
mod time;
mod trades;

pub use notice::acknowledges;

use payments::Secret;
use rusqlite::Connection;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the gateway lives in the local shop.
const PREFIX: &str = "/sandbox/";

/// Gives the time in Unix milliseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Gives sixteen random bytes.
pub type Ids = Arc<dyn Fn() -> [u8; 16] + Send + Sync>;

/// The gateway. A clone is the same gateway.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
    refund_code: i64,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gateway")
    }
}

struct Inner {
    db: Mutex<Connection>,
    merchant: Merchant,
    clock: Clock,
    ids: Ids,
    down: AtomicBool,
}

/// The one account at this gateway.
struct Merchant {
    pid: String,
    key: Secret,
}

/// A request under `/sandbox/`.
#[derive(Clone)]
pub struct GatewayRequest {
    /// The method in capitals.
    pub method: String,
    /// The path, from the first slash to before the `?`.
    pub path: String,
    /// What follows the `?`, undecoded; empty without one.
    pub query: String,
    /// Headers, names in any case.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl GatewayRequest {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What to answer, and what to do besides.
#[derive(Clone, Debug)]
pub struct GatewayAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Headers, `content-length` not among them.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// Notifications to send now, in this order. The payments they report are durable already.
    pub notify: Vec<Notification>,
    /// Whether they are to be sent all at once instead of one after the other.
    pub parallel: bool,
}

/// One notification to send: a GET whose answer is reported back with [`Gateway::notified`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notification {
    /// The gateway's number of the payment.
    pub trade_no: String,
    /// The full address.
    pub url: String,
}

/// Why the gateway could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// SQLite failed.
    Sqlite(rusqlite::Error),
    /// The file was written by another version of the gateway, which gave its table this number.
    Version(i64),
    /// Without a merchant key anybody could sign.
    NoKey,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => write!(f, "the sandbox gateway's file cannot be used: {error}"),
            Self::Version(version) => {
                write!(f, "the sandbox gateway's file has version {version}, which this program cannot read")
            }
            Self::NoKey => f.write_str("the sandbox gateway needs a merchant key"),
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

impl Gateway {
    /// Opens the gateway on a SQLite file whose folder exists, or in memory without one.
    pub fn open(file: Option<&Path>, pid: String, key: String, clock: Clock, ids: Ids) -> Result<Gateway, Error> {
        if key.is_empty() {
            return Err(Error::NoKey);
        }
        let merchant = Merchant { pid, key: Secret::new(key) };
        let db = Mutex::new(trades::open(file)?);
        let inner = Inner { db, merchant, clock, ids, down: AtomicBool::new(false) };
        Ok(Gateway { inner: Arc::new(inner), refund_code: 0 })
    }

    /// For tests of outages; no request can do it. While it is down, every page and call answers 503 with a page of HTML
    /// and changes nothing. Notifications that are due go out all the same: a gateway's timer is another machine.
    pub fn set_down(&self, down: bool) {
        self.inner.down.store(down, Ordering::SeqCst);
    }

    /// The `code` that means a refund succeeded: 0 in 彩虹易支付, 1 in some forks.
    #[must_use]
    pub fn with_refund_code(mut self, code: i64) -> Gateway {
        self.refund_code = code;
        self
    }

    /// Answers one request. The database is the only thing it waits for.
    pub fn handle(&self, request: &GatewayRequest) -> GatewayAnswer {
        if self.inner.down.load(Ordering::SeqCst) {
            return page::refusal(503, "系统维护中，请稍后再试", "The gateway is down; please try again later.");
        }
        let method = request.method.as_str();
        let found = match (method, request.path.strip_prefix(PREFIX)) {
            ("GET", Some("style.css")) => Ok(page::style()),
            ("GET" | "POST", Some("submit.php")) => self.submit(request),
            ("GET" | "POST", Some("api.php")) => self.api(request),
            (_, Some(rest)) => match (method, rest.strip_prefix("pay/")) {
                ("GET", Some(trade_no)) => self.show(trade_no),
                ("POST", Some(trade_no)) => self.press(request, trade_no),
                _ => Ok(page::refusal(404, "没有这个页面", "There is no such page.")),
            },
            _ => Ok(page::refusal(404, "没有这个页面", "There is no such page.")),
        };
        found.unwrap_or_else(|error| {
            tracing::error!(%error, "the sandbox gateway's file failed");
            page::refusal(500, "沙箱出错了，请看程序日志", "The sandbox failed; the program's log says why.")
        })
    }

    /// Records what the shop answered to a notification: whether its body [`acknowledges`]. A failed record only means one
    /// more repetition.
    pub fn notified(&self, trade_no: &str, ok: bool) {
        if let Err(error) = trades::heard(&self.db(), trade_no, ok, self.now()) {
            tracing::error!(%error, "the sandbox gateway could not record an answer");
        }
    }

    /// The repetitions whose time has come. Each is handed out once: its successor is scheduled in the same step, so a host
    /// that dies with one in its hands loses that one only.
    pub fn due(&self) -> Vec<Notification> {
        self.hand_out().unwrap_or_else(|error| {
            tracing::error!(%error, "the sandbox gateway could not read what is due");
            Vec::new()
        })
    }

    fn hand_out(&self) -> rusqlite::Result<Vec<Notification>> {
        let mut db = self.db();
        let now = self.now();
        let step = begin(&mut db)?;
        let due = trades::due(&step, now)?;
        for trade in &due {
            trades::handed_out(&step, &trade.trade_no, notice::retry_after(trade.retries + 1, now))?;
        }
        step.commit()?;
        Ok(due.iter().map(|trade| self.notification(trade)).collect())
    }

    fn notification(&self, trade: &trades::Trade) -> Notification {
        Notification { trade_no: trade.trade_no.clone(), url: notice::notify_url(&self.inner.merchant, trade) }
    }

    fn now(&self) -> i64 {
        (self.inner.clock)()
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere cannot leave a step half done: its transaction was rolled back when it was dropped.
        self.inner.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new number in the gateway's style: fourteen digits of time and ten of chance.
    fn new_number(&self) -> String {
        let chance = u128::from_be_bytes((self.inner.ids)()) % 10_000_000_000;
        format!("{}{chance:010}", time::digits(self.now()))
    }
}

/// Starts a step of several statements that happen together or not at all.
fn begin(db: &mut Connection) -> rusqlite::Result<rusqlite::Transaction<'_>> {
    db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
}
