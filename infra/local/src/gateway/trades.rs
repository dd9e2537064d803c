//! The trades of the gateway, and every SQL statement. A payment is a row before anybody hears of it, so a killed process
//! has forgotten nothing: what was paid is paid, and what was not acknowledged is still due. Money is in fen, times are
//! Unix milliseconds.

use super::Error;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use std::path::Path;
use std::time::Duration;

/// Rises with every change of the table. An older file is refused, not guessed at: it holds test payments.
const SCHEMA: i64 = 1;

// A second payment for one order is a row of its own, because it has a number and a notification of its own.
const TABLES: &str = "
    CREATE TABLE trades (
        trade_no TEXT PRIMARY KEY,
        out_trade_no TEXT NOT NULL,
        second INTEGER NOT NULL,
        method TEXT NOT NULL,
        name TEXT NOT NULL,
        param TEXT NOT NULL,
        notify_url TEXT NOT NULL,
        return_url TEXT NOT NULL,
        asked INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        paid INTEGER,
        paid_at INTEGER,
        refunded INTEGER NOT NULL DEFAULT 0,
        retries INTEGER NOT NULL DEFAULT 0,
        retry_at INTEGER,
        failures INTEGER NOT NULL DEFAULT 0,
        heard_at INTEGER
    ) STRICT;
    CREATE UNIQUE INDEX trades_by_order ON trades (out_trade_no, second);
    CREATE INDEX trades_by_retry ON trades (retry_at) WHERE retry_at IS NOT NULL;
    CREATE INDEX trades_by_payment ON trades (paid_at) WHERE paid_at IS NOT NULL;
";

const COLUMNS: &str = "trade_no, out_trade_no, method, name, param, notify_url, return_url, asked, created_at, paid, \
                       paid_at, refunded, retries, retry_at, failures, heard_at";

/// Opens the file, or memory without one.
pub(super) fn open(file: Option<&Path>) -> Result<Connection, Error> {
    let db = match file {
        Some(path) => Connection::open(path)?,
        None => Connection::open_in_memory()?,
    };
    db.busy_timeout(Duration::from_secs(1))?;
    // One process holds the file: two of them would each send what is due.
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    // A commit is with the kernel before it is answered, which a killed process cannot undo.
    db.pragma_update(None, "synchronous", "NORMAL")?;
    match db.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? {
        0 => db.execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;"))?,
        SCHEMA => {}
        other => return Err(Error::Version(other)),
    }
    Ok(db)
}

/// What the shop asked for.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) out_trade_no: String,
    pub(super) method: String,
    pub(super) name: String,
    pub(super) param: String,
    pub(super) notify_url: String,
    pub(super) return_url: String,
    pub(super) fen: i64,
}

impl Asked {
    /// Whether it is the same order sent again. Only the way to pay may differ, because the buyer may change his mind; the
    /// first one stands.
    pub(super) fn repeats(&self, first: &Asked) -> bool {
        Asked { method: first.method.clone(), ..self.clone() } == *first
    }
}

/// One trade as stored.
#[derive(Clone)]
pub(super) struct Trade {
    pub(super) trade_no: String,
    pub(super) asked: Asked,
    pub(super) created_at: i64,
    /// What arrived, and when.
    pub(super) paid: Option<Paid>,
    /// Fen that went back.
    pub(super) refunded: i64,
    /// How many timed repetitions of the notification were handed out.
    pub(super) retries: usize,
    /// When the notification is to be repeated; `None` when it was heard, given up, or lost on purpose.
    pub(super) retry_at: Option<i64>,
    /// How often the shop did not acknowledge.
    pub(super) failures: i64,
    /// When the shop first acknowledged.
    pub(super) heard_at: Option<i64>,
}

/// Money that arrived.
#[derive(Clone, Copy)]
pub(super) struct Paid {
    pub(super) fen: i64,
    pub(super) at: i64,
}

impl Trade {
    /// The amount that counts: what arrived, and before that what was asked.
    pub(super) fn fen(&self) -> i64 {
        self.paid.map_or(self.asked.fen, |paid| paid.fen)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Trade> {
    let paid: Option<i64> = row.get("paid")?;
    let paid_at: Option<i64> = row.get("paid_at")?;
    Ok(Trade {
        trade_no: row.get("trade_no")?,
        asked: Asked {
            out_trade_no: row.get("out_trade_no")?,
            method: row.get("method")?,
            name: row.get("name")?,
            param: row.get("param")?,
            notify_url: row.get("notify_url")?,
            return_url: row.get("return_url")?,
            fen: row.get("asked")?,
        },
        created_at: row.get("created_at")?,
        paid: paid.zip(paid_at).map(|(fen, at)| Paid { fen, at }),
        refunded: row.get("refunded")?,
        retries: row.get("retries")?,
        retry_at: row.get("retry_at")?,
        failures: row.get("failures")?,
        heard_at: row.get("heard_at")?,
    })
}

/// The trade of this number of the gateway.
pub(super) fn by_number(db: &Connection, trade_no: &str) -> rusqlite::Result<Option<Trade>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM trades WHERE trade_no = ?1"))?
        .query_row([trade_no], read)
        .optional()
}

/// The trades of this number of the shop: none, one, or two when it was paid twice. The first comes first.
pub(super) fn by_order(db: &Connection, out_trade_no: &str) -> rusqlite::Result<Vec<Trade>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM trades WHERE out_trade_no = ?1 ORDER BY second"))?
        .query_map([out_trade_no], read)?
        .collect()
}

/// Writes a new trade that nobody paid yet. The number and the pair (order, second) must be free.
pub(super) fn insert(db: &Connection, trade_no: &str, asked: &Asked, second: bool, now: i64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO trades (trade_no, out_trade_no, second, method, name, param, notify_url, return_url, asked, \
         created_at) VALUES (:trade_no, :out_trade_no, :second, :method, :name, :param, :notify_url, :return_url, \
         :asked, :now)",
    )?
    .execute(named_params! {
        ":trade_no": trade_no,
        ":out_trade_no": asked.out_trade_no,
        ":second": second,
        ":method": asked.method,
        ":name": asked.name,
        ":param": asked.param,
        ":notify_url": asked.notify_url,
        ":return_url": asked.return_url,
        ":asked": asked.fen,
        ":now": now,
    })?;
    Ok(())
}

/// Books a payment and when its notification is to be repeated first. `false` when it was paid before: a trade is paid once.
pub(super) fn pay(db: &Connection, trade_no: &str, paid: Paid, retry_at: Option<i64>) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE trades SET paid = ?2, paid_at = ?3, retry_at = ?4 WHERE trade_no = ?1 AND paid IS NULL",
        )?
        .execute(params![trade_no, paid.fen, paid.at, retry_at])?;
    Ok(changed == 1)
}

/// Sends fen back. `false` when not so much is left of what arrived.
pub(super) fn refund(db: &Connection, trade_no: &str, fen: i64) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached("UPDATE trades SET refunded = refunded + ?2 WHERE trade_no = ?1 AND refunded + ?2 <= paid")?
        .execute(params![trade_no, fen])?;
    Ok(changed == 1)
}

/// Records what the shop answered. An acknowledgement ends the repetitions for good, also when a refusal comes after it.
pub(super) fn heard(db: &Connection, trade_no: &str, ok: bool, now: i64) -> rusqlite::Result<()> {
    if ok {
        db.prepare_cached("UPDATE trades SET heard_at = coalesce(heard_at, ?2), retry_at = NULL WHERE trade_no = ?1")?
            .execute(params![trade_no, now])?;
    } else {
        db.prepare_cached("UPDATE trades SET failures = failures + 1 WHERE trade_no = ?1")?.execute([trade_no])?;
    }
    Ok(())
}

/// The trades whose repetition is due, the oldest first, at most 100 of them.
pub(super) fn due(db: &Connection, now: i64) -> rusqlite::Result<Vec<Trade>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM trades WHERE retry_at <= ?1 ORDER BY retry_at, trade_no LIMIT 100"
    ))?
    .query_map([now], read)?
    .collect()
}

/// Notes that a repetition was handed out, and when the next one is due, if ever.
pub(super) fn handed_out(db: &Connection, trade_no: &str, next: Option<i64>) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE trades SET retries = retries + 1, retry_at = ?2 WHERE trade_no = ?1")?
        .execute(params![trade_no, next])?;
    Ok(())
}

/// What the merchant's account shows.
pub(super) struct Balance {
    /// Fen that arrived and did not go back.
    pub(super) fen: i64,
    /// Trades of all time.
    pub(super) trades: i64,
}

/// Adds up the account.
pub(super) fn balance(db: &Connection) -> rusqlite::Result<Balance> {
    db.query_row("SELECT coalesce(sum(paid - refunded), 0) AS fen, count(*) AS trades FROM trades", [], |row| {
        Ok(Balance { fen: row.get("fen")?, trades: row.get("trades")? })
    })
}

/// How many trades were paid from one time to before another.
pub(super) fn paid_between(db: &Connection, from: i64, to: i64) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT count(*) FROM trades WHERE paid_at >= ?1 AND paid_at < ?2")?
        .query_row([from, to], |row| row.get(0))
}
