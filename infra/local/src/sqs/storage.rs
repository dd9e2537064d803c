//! The two tables behind the queues, and every SQL statement.
//!
//! Nothing about a message lives in memory: what a receive or a delay decides is a row before it is an answer, so a
//! restart finds receive counts and deadlines as they were. All times are Unix milliseconds.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::settings::Settings;
use super::wire::Attributes;
use super::{Depth, Error, State, Storage};

/// Rises with every change of the tables. An older file is refused, not guessed at: it holds a developer's test orders.
const SCHEMA: i64 = 1;

// A message is visible when its time has come, else in flight if it was handed out, else delayed. `handed_out` stands
// in the index so that counting the three never touches a body, and the body stands last so that reading the rest of a
// row never follows its overflow pages.
const TABLES: &str = "
    CREATE TABLE queues (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        settings TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        modified_at INTEGER NOT NULL,
        purged_at INTEGER
    ) STRICT;
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        queue INTEGER NOT NULL,
        sent_at INTEGER NOT NULL,
        visible_at INTEGER NOT NULL,
        handed_out INTEGER NOT NULL DEFAULT 0,
        receive_count INTEGER NOT NULL DEFAULT 0,
        first_received_at INTEGER,
        received_at INTEGER,
        receipt BLOB,
        source TEXT,
        message_id TEXT NOT NULL,
        body_md5 TEXT NOT NULL,
        group_id TEXT,
        trace TEXT,
        attributes TEXT,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX messages_due ON messages (queue, visible_at, handed_out);
    CREATE INDEX messages_age ON messages (queue, sent_at);
";

/// Opens the file or memory, and makes the tables on first use.
pub(super) fn open(storage: &Storage) -> Result<Connection, Error> {
    let connection = match storage {
        Storage::Memory => Connection::open_in_memory()?,
        Storage::File(path) => Connection::open(path)?,
    };
    connection.set_prepared_statement_cache_capacity(64);
    // One second is enough for a predecessor to die. After that a second shop on the same file is a mistake, and it
    // would never hear the bells that this process rings in memory.
    connection.busy_timeout(Duration::from_secs(1))?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // NORMAL: a commit is with the kernel before it is answered, so a killed process loses nothing, and only a power
    // cut can cost the last moments, which the shop's own sweep repairs; FULL would put an fsync into every send.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    match connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? {
        0 => connection.execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;"))?,
        SCHEMA => {}
        other => return Err(Error::Version(other)),
    }
    Ok(connection)
}

/// One queue as stored.
pub(super) struct Queue {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) settings: Settings,
    pub(super) created_at: i64,
    pub(super) modified_at: i64,
    pub(super) purged_at: Option<i64>,
}

pub(super) fn queue(db: &Connection, name: &str) -> rusqlite::Result<Option<Queue>> {
    db.prepare_cached("SELECT id, name, settings, created_at, modified_at, purged_at FROM queues WHERE name = ?1")?
        .query_row([name], |row| {
            Ok(Queue {
                id: row.get(0)?,
                name: row.get(1)?,
                settings: json(row, 2)?,
                created_at: row.get(3)?,
                modified_at: row.get(4)?,
                purged_at: row.get(5)?,
            })
        })
        .optional()
}

pub(super) fn add_queue(db: &Connection, name: &str, settings: &str, now: i64) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO queues (name, settings, created_at, modified_at) VALUES (?1, ?2, ?3, ?3)")?
        .execute(params![name, settings, now])?;
    Ok(())
}

pub(super) fn set_queue(db: &Connection, queue: i64, settings: &str, now: i64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE queues SET settings = ?2, modified_at = ?3 WHERE id = ?1")?
        .execute(params![queue, settings, now])?;
    Ok(())
}

pub(super) fn remove_queue(db: &Connection, queue: i64) -> rusqlite::Result<()> {
    remove_messages(db, queue)?;
    db.prepare_cached("DELETE FROM queues WHERE id = ?1")?.execute([queue])?;
    Ok(())
}

pub(super) fn purge(db: &Connection, queue: i64, now: i64) -> rusqlite::Result<()> {
    remove_messages(db, queue)?;
    db.prepare_cached("UPDATE queues SET purged_at = ?2 WHERE id = ?1")?.execute([queue, now])?;
    Ok(())
}

fn remove_messages(db: &Connection, queue: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM messages WHERE queue = ?1")?.execute([queue])?;
    Ok(())
}

/// The names after `after` that begin with `prefix`, in order.
pub(super) fn names(db: &Connection, prefix: &str, after: &str, count: i64) -> rusqlite::Result<Vec<String>> {
    db.prepare_cached(
        "SELECT name FROM queues WHERE substr(name, 1, length(?1)) = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
    )?
    .query_map(params![prefix, after, count], |row| row.get(0))?
    .collect()
}

/// A message about to be stored.
pub(super) struct New<'a> {
    pub(super) queue: i64,
    pub(super) sent_at: i64,
    pub(super) visible_at: i64,
    pub(super) message_id: &'a str,
    pub(super) body_md5: &'a str,
    pub(super) group_id: Option<&'a str>,
    pub(super) trace: Option<&'a str>,
    pub(super) attributes: Option<&'a str>,
    pub(super) body: &'a str,
}

pub(super) fn add(db: &Connection, new: &New<'_>) -> rusqlite::Result<()> {
    // By position: binding by name searches the statement for every value, which was half the cost of a send.
    db.prepare_cached(
        "INSERT INTO messages (queue, sent_at, visible_at, message_id, body_md5, group_id, trace, attributes, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        new.queue,
        new.sent_at,
        new.visible_at,
        new.message_id,
        new.body_md5,
        new.group_id,
        new.trace,
        new.attributes,
        new.body,
    ])?;
    Ok(())
}

/// Forgets what was sent at or before `until`, whatever its state.
pub(super) fn expire(db: &Connection, queue: i64, until: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM messages WHERE queue = ?1 AND sent_at <= ?2")?.execute([queue, until])?;
    Ok(())
}

/// The rows a receive may take and the rows it must move away, in order of becoming visible.
pub(super) struct Due {
    pub(super) take: Vec<i64>,
    pub(super) exhausted: Vec<i64>,
}

/// Looks for up to `count` visible messages; those received `receives_max` times are set apart and not counted.
pub(super) fn due(
    db: &Connection,
    queue: i64,
    now: i64,
    count: usize,
    receives_max: Option<i64>,
) -> rusqlite::Result<Due> {
    let mut due = Due { take: Vec::new(), exhausted: Vec::new() };
    let mut statement = db.prepare_cached(
        "SELECT id, receive_count FROM messages WHERE queue = ?1 AND visible_at <= ?2
         ORDER BY visible_at, handed_out, id",
    )?;
    let mut rows = statement.query([queue, now])?;
    while due.take.len() < count {
        let Some(row) = rows.next()? else { break };
        let (id, receive_count): (i64, i64) = (row.get(0)?, row.get(1)?);
        if receives_max.is_some_and(|max| receive_count >= max) {
            due.exhausted.push(id);
        } else {
            due.take.push(id);
        }
    }
    Ok(due)
}

/// A message at the moment of its receive.
pub(super) struct Taken {
    pub(super) message_id: String,
    pub(super) body: String,
    pub(super) body_md5: String,
    pub(super) attributes: Option<Attributes>,
    pub(super) trace: Option<Attributes>,
    pub(super) group_id: Option<String>,
    pub(super) sent_at: i64,
    pub(super) first_received_at: i64,
    pub(super) receive_count: i64,
    pub(super) source: Option<String>,
}

pub(super) fn take(db: &Connection, row: i64, now: i64, visible_at: i64, receipt: [u8; 16]) -> rusqlite::Result<Taken> {
    db.prepare_cached(
        "UPDATE messages SET visible_at = ?3, handed_out = 1, receive_count = receive_count + 1, received_at = ?2,
             first_received_at = coalesce(first_received_at, ?2), receipt = ?4
         WHERE id = ?1
         RETURNING message_id, body, body_md5, attributes, trace, group_id, sent_at, first_received_at, receive_count,
             source",
    )?
    .query_row(params![row, now, visible_at, receipt], |row| {
        Ok(Taken {
            message_id: row.get(0)?,
            body: row.get(1)?,
            body_md5: row.get(2)?,
            attributes: optional_json(row, 3)?,
            trace: optional_json(row, 4)?,
            group_id: row.get(5)?,
            sent_at: row.get(6)?,
            first_received_at: row.get(7)?,
            receive_count: row.get(8)?,
            source: row.get(9)?,
        })
    })
}

/// Moves a message to another queue, where it is visible at once. It keeps its age and its receive count, as in SQS,
/// and no handle of the old queue reaches it any more.
pub(super) fn move_to(db: &Connection, row: i64, queue: i64, source: &str, now: i64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE messages SET queue = ?2, source = ?3, visible_at = ?4, handed_out = 0, receipt = NULL WHERE id = ?1",
    )?
    .execute(params![row, queue, source, now])?;
    Ok(())
}

/// Removes a message if this receive was its latest.
pub(super) fn remove(db: &Connection, queue: i64, row: i64, receipt: [u8; 16]) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM messages WHERE id = ?1 AND queue = ?2 AND receipt = ?3")?
        .execute(params![row, queue, receipt])?;
    Ok(())
}

/// When the message was received, if this receive was its latest.
pub(super) fn received_at(db: &Connection, queue: i64, row: i64, receipt: [u8; 16]) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT received_at FROM messages WHERE id = ?1 AND queue = ?2 AND receipt = ?3")?
        .query_row(params![row, queue, receipt], |row| row.get(0))
        .optional()
}

pub(super) fn set_visible_at(db: &Connection, row: i64, visible_at: i64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE messages SET visible_at = ?2 WHERE id = ?1")?.execute([row, visible_at])?;
    Ok(())
}

/// How many messages are in flight, counted no further than `limit`.
pub(super) fn in_flight(db: &Connection, queue: i64, now: i64, limit: i64) -> rusqlite::Result<i64> {
    db.prepare_cached(
        "SELECT count(*) FROM (
             SELECT 1 FROM messages WHERE queue = ?1 AND visible_at > ?2 AND handed_out = 1 LIMIT ?3)",
    )?
    .query_row([queue, now, limit], |row| row.get(0))
}

/// When the next message becomes visible.
pub(super) fn next_visible_at(db: &Connection, queue: i64, now: i64) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT min(visible_at) FROM messages WHERE queue = ?1 AND visible_at > ?2")?
        .query_row([queue, now], |row| row.get(0))
}

pub(super) fn depth(db: &Connection, queue: i64, now: i64) -> rusqlite::Result<Depth> {
    db.prepare_cached(
        "SELECT count(*) FILTER (WHERE visible_at <= ?2),
                count(*) FILTER (WHERE visible_at > ?2 AND handed_out = 1),
                count(*) FILTER (WHERE visible_at > ?2 AND handed_out = 0)
         FROM messages WHERE queue = ?1",
    )?
    .query_row([queue, now], |row| Ok(Depth { visible: row.get(0)?, in_flight: row.get(1)?, delayed: row.get(2)? }))
}

/// A message as it lies in its queue.
pub(super) struct Lying {
    pub(super) message_id: String,
    pub(super) body: String,
    pub(super) attributes: Option<Attributes>,
    pub(super) sent_at: i64,
    pub(super) visible_at: i64,
    pub(super) receive_count: i64,
    pub(super) source: Option<String>,
    pub(super) state: State,
}

pub(super) fn all(db: &Connection, queue: i64, now: i64) -> rusqlite::Result<Vec<Lying>> {
    db.prepare_cached(
        "SELECT message_id, body, attributes, sent_at, visible_at, receive_count, source, handed_out
         FROM messages WHERE queue = ?1 ORDER BY visible_at, handed_out, id",
    )?
    .query_map([queue], |row| {
        let visible_at: i64 = row.get(4)?;
        let state = match (visible_at <= now, row.get(7)?) {
            (true, _) => State::Visible,
            (false, true) => State::InFlight,
            (false, false) => State::Delayed,
        };
        Ok(Lying {
            message_id: row.get(0)?,
            body: row.get(1)?,
            attributes: optional_json(row, 2)?,
            sent_at: row.get(3)?,
            visible_at,
            receive_count: row.get(5)?,
            source: row.get(6)?,
            state,
        })
    })?
    .collect()
}

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, index: usize) -> rusqlite::Result<T> {
    parse(row.get_ref(index)?.as_str()?, index)
}

fn optional_json(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Attributes>> {
    row.get_ref(index)?.as_str_or_null()?.map(|text| parse::<BTreeMap<_, _>>(text, index)).transpose()
}

fn parse<T: serde::de::DeserializeOwned>(text: &str, index: usize) -> rusqlite::Result<T> {
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, Box::new(error)))
}
