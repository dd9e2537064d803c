//! Everything a shop is, in one encrypted file, and back from it.
//!
//! # The file
//!
//! Three layers, each in a module of its own:
//!
//! 1. `chunks`: a header in the clear, then the content in sealed chunks. All numbers are big-endian.
//!
//!    | bytes | what |
//!    |---|---|
//!    | 16 | `KAMIVEND-BACKUP\n` |
//!    | 4 | format version, [`VERSION`] |
//!    | 4 | iterations of PBKDF2-HMAC-SHA256, at least 600,000 |
//!    | 16 | random salt, fresh for each file and so its key |
//!
//!    The passphrase, salt and iterations give the key of 32 bytes. A chunk is 4 bytes of length, whose highest bit marks the last
//!    chunk, and at most 64 KiB sealed with AES-256-GCM, and its tag. The nonce is the chunk's number, from 0, in 12 bytes. The
//!    associated data are SHA-256 of the header, the chunk's number in 8 bytes, and one byte that is 1 for the last. So a chunk opens
//!    only in its own file at its own place, a file that ends early has no last chunk, and nothing may follow the last one.
//!
//! 2. `records`: the content is a row of records, each 4 bytes of length and JSON: the manifest, the shop's secret, what the
//!    exporting place keeps beside the shop, data keys, items, and at the end what was counted, with SHA-256 over all records before.
//!
//! 3. `export` and `import`: which records, from and into which tables.
//!
//! # What is in it
//!
//! Every item of the tables of strips, orders, cards and settings as it stands, attributes of later versions included. Not the
//! table of courtesies: it holds counts of tries, turns and notes that pass by themselves, the stock that pages show is counted anew by
//! the timer, and a note about a run under way would be wrong elsewhere. (The one note that a buyer may miss says that more money came
//! than was due; the row that a person acts on is in the table of orders.) Not the messages of the queue: what they say
//! stands in the orders, and the timer sends it again. Data keys and the shop's secret are in the clear inside the sealed chunks
//! and nowhere else, because the destination has another master key. Cards stay sealed under their data keys all the same.
//!
//! # What is true of it
//!
//! | exported | the file holds | after the import |
//! |---|---|---|
//! | from a stopped shop | one moment | the door is as it was; an audit finds what it would have found there |
//! | from a closed shop | one moment of the cards; money may have come in meanwhile | closed, and its audit goes on |
//! | from an open shop | tables of moments some seconds apart | closed, until the audit after a restore has looked |
//!
//! Whatever the file holds, it knows nothing of what was sold after it was made: see `infra/runbook/restore.md`.

mod chunks;
mod export;
mod import;
mod records;

pub use chunks::{ITERATIONS, Passphrase, VERSION};
pub use export::ExportWish;
pub use import::Imported;
pub use records::{Contents, Counts, Manifest, Source, verify};

use crate::AppError;
use std::fmt;
use std::io;
use store::StoreError;

/// Why there is no export or no import. None of the words holds a secret, a contact or a card.
#[derive(Debug)]
pub enum BackupError {
    /// The file cannot be read or written.
    Io(io::Error),
    /// It does not begin like an export of this shop.
    NotABackup,
    /// It was written in a format this version does not read.
    OtherVersion(u32),
    /// The header asks for a number of iterations that no version wrote.
    Iterations(u32),
    /// Not even the first chunk opens: the passphrase is another one, or the file's beginning was changed.
    DoesNotOpen,
    /// This chunk, from 0, is not what was written there.
    Damaged(u64),
    /// The file ends before its end.
    Truncated,
    /// Something follows the end.
    Trailing,
    /// What opens does not read as what an export holds.
    Content(&'static str),
    /// The shop cannot be exported, or imported into, as it stands; the words are for its owner.
    Refused(String),
    /// The tables or the keys.
    App(AppError),
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackupError::Io(error) => write!(f, "the file cannot be used: {error}"),
            BackupError::NotABackup => f.write_str("this is no export of a shop"),
            BackupError::OtherVersion(version) => {
                write!(f, "the file has format version {version}, and this program reads version {VERSION}")
            }
            BackupError::Iterations(count) => {
                write!(f, "the file's header asks for {count} iterations, which is wrong")
            }
            BackupError::DoesNotOpen => {
                f.write_str("the file does not open: the passphrase is another one, or the file was changed")
            }
            BackupError::Damaged(chunk) => write!(f, "the file was changed: chunk {chunk} does not open"),
            BackupError::Truncated => f.write_str("the file ends before its end"),
            BackupError::Trailing => f.write_str("something stands after the file's end"),
            BackupError::Content(what) => write!(f, "the file opens and does not read: {what}"),
            BackupError::Refused(why) => f.write_str(why),
            BackupError::App(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for BackupError {}

impl From<AppError> for BackupError {
    fn from(error: AppError) -> BackupError {
        BackupError::App(error)
    }
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> BackupError {
        BackupError::App(error.into())
    }
}

impl From<io::Error> for BackupError {
    fn from(error: io::Error) -> BackupError {
        BackupError::Io(error)
    }
}
