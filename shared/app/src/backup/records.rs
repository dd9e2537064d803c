//! What a file says, record by record, and the pass that reads it to its end before anything is believed.

use super::chunks::{ChunkReader, ChunkWriter, Passphrase, Sealing};
use super::{BackupError, import};
use crate::keys::{Secret32, equal, hex};
use domain::Millis;
use ring::digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};

/// Bytes of one record. An item has at most 400 KiB, which base64 and names make no more than this.
const RECORD_MAX: usize = 4 * 1_024 * 1_024;

/// How many items of each table, and data keys, there are, by name.
pub type Counts = BTreeMap<String, u64>;

/// In which state a shop was when it was exported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Nothing ran: the file is one moment.
    Stopped,
    /// Its door was closed: nothing but money came in meanwhile.
    Closed,
    /// Buyers were served meanwhile.
    Open,
}

/// What a file is, in its first record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the records, [`super::VERSION`].
    pub version: u32,
    /// The shop's name in ciphertexts.
    pub shop_id: String,
    /// When the export began, Unix ms.
    pub made_at: Millis,
    /// In which state the shop was.
    pub source: Source,
    /// The shop's door as it stood: its document and the document's version. `None` when it was never moved.
    pub door: Option<(String, u32)>,
}

/// A product's data keys in the clear.
#[derive(Serialize, Deserialize)]
pub(super) struct KeysRecord {
    pub(super) product: String,
    /// The version of their document.
    pub(super) version: u32,
    pub(super) current: String,
    /// By kid, 64 hexadecimal digits each.
    pub(super) keys: BTreeMap<String, String>,
}

/// One record. Deliberately without `Debug`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Record {
    /// The first.
    Manifest(Manifest),
    /// The second: the shop's secret, 64 hexadecimal digits.
    Secret(String),
    /// The third: what the exporting place keeps beside the shop, by name.
    Beside(BTreeMap<String, String>),
    /// A product's data keys.
    DataKeys(KeysRecord),
    /// An item of a table as DynamoDB JSON.
    Item { table: String, item: Value },
    /// The last.
    End { counts: Counts, sha256: String },
}

/// Writes records, counts them and hashes them.
pub(super) struct RecordWriter<W: Write> {
    out: ChunkWriter<W>,
    hash: digest::Context,
    counts: Counts,
}

/// The name under which data keys are counted.
pub(super) const DATA_KEYS: &str = "data_keys";

fn count(counts: &mut Counts, record: &Record) {
    let name = match record {
        Record::DataKeys(_) => DATA_KEYS,
        Record::Item { table, .. } => table,
        _ => return,
    };
    *counts.entry(name.to_owned()).or_default() += 1;
}

impl<W: Write> RecordWriter<W> {
    pub(super) fn new(out: ChunkWriter<W>) -> RecordWriter<W> {
        RecordWriter { out, hash: digest::Context::new(&digest::SHA256), counts: Counts::new() }
    }

    pub(super) fn put(&mut self, record: &Record) -> Result<(), BackupError> {
        count(&mut self.counts, record);
        let text = serde_json::to_vec(record).map_err(|_| BackupError::Content("a record cannot be written"))?;
        if text.len() > RECORD_MAX {
            return Err(BackupError::Content("a record is too long"));
        }
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes();
        self.hash.update(&length);
        self.hash.update(&text);
        self.out.write(&length)?;
        self.out.write(&text)
    }

    /// Writes the last record and the last chunk.
    pub(super) fn finish(mut self) -> Result<(W, Counts), BackupError> {
        let sha256 = hex(self.hash.clone().finish().as_ref());
        let counts = self.counts.clone();
        self.put(&Record::End { counts: counts.clone(), sha256 })?;
        Ok((self.out.finish()?, counts))
    }
}

/// Reads records, counts them and hashes them.
pub(super) struct RecordReader<R: Read> {
    input: ChunkReader<R>,
    hash: digest::Context,
    counts: Counts,
    bytes: usize,
}

impl<R: Read> RecordReader<R> {
    pub(super) fn new(input: ChunkReader<R>) -> RecordReader<R> {
        RecordReader { input, hash: digest::Context::new(&digest::SHA256), counts: Counts::new(), bytes: 0 }
    }

    /// Bytes of all records that were read so far.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The next record; `None` after the last, when counts and hash agree and nothing follows.
    pub(super) fn next(&mut self) -> Result<Option<Record>, BackupError> {
        let length: [u8; 4] =
            self.input.take(4)?.try_into().map_err(|_| BackupError::Content("a record has no length"))?;
        let wanted = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if wanted > RECORD_MAX {
            return Err(BackupError::Content("a record is too long"));
        }
        let text = self.input.take(wanted)?;
        self.bytes = self.bytes.saturating_add(wanted);
        let record: Record = serde_json::from_slice(&text).map_err(|_| BackupError::Content("an unknown record"))?;
        let Record::End { counts, sha256 } = &record else {
            self.hash.update(&length);
            self.hash.update(&text);
            count(&mut self.counts, &record);
            return Ok(Some(record));
        };
        let own = hex(self.hash.clone().finish().as_ref());
        if *counts != self.counts || !equal(own.as_bytes(), sha256.as_bytes()) {
            return Err(BackupError::Content("the counts at its end"));
        }
        self.input.end()?;
        Ok(None)
    }

    /// The three records at the beginning.
    pub(super) fn beginning(&mut self) -> Result<(Manifest, Secret32, BTreeMap<String, String>), BackupError> {
        let bad = || BackupError::Content("its first records");
        let Some(Record::Manifest(manifest)) = self.next()? else { return Err(bad()) };
        if manifest.version != super::VERSION {
            return Err(BackupError::OtherVersion(manifest.version));
        }
        let Some(Record::Secret(secret)) = self.next()? else { return Err(bad()) };
        let secret = Secret32::from_hex(&secret).ok_or_else(bad)?;
        let Some(Record::Beside(beside)) = self.next()? else { return Err(bad()) };
        Ok((manifest, secret, beside))
    }

    /// Reads a file once more that was read to its end.
    pub(super) fn again(input: R, contents: &Contents) -> Result<RecordReader<R>, BackupError> {
        Ok(RecordReader::new(ChunkReader::again(input, &contents.sealing)?))
    }
}

/// What a whole file holds. Somebody has read it to its end.
#[derive(Clone, Debug)]
pub struct Contents {
    /// What names this file among all files: 64 hexadecimal digits, no secret.
    pub name: String,
    /// What it is.
    pub manifest: Manifest,
    /// The shop's secret.
    pub secret: Secret32,
    /// What the exporting place kept beside the shop, by name; it may be secret, and only that place knows what it means.
    pub(super) beside: Beside,
    /// How many items of each table and data keys.
    pub counts: Counts,
    /// What opens it.
    sealing: Sealing,
}

/// Never printed.
#[derive(Clone)]
pub(super) struct Beside(BTreeMap<String, String>);

impl std::fmt::Debug for Beside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Contents {
    /// Something the exporting place kept beside the shop.
    pub fn beside(&self, name: &str) -> Option<&str> {
        self.beside.0.get(name).map(String::as_str)
    }
}

/// Reads a file to its end and writes nothing: header, every chunk, every record, each item and key as an import would read it, counts
/// and hash.
pub fn verify(input: impl Read, passphrase: &Passphrase) -> Result<Contents, BackupError> {
    let mut records = RecordReader::new(ChunkReader::new(input, passphrase)?);
    let (manifest, secret, beside) = records.beginning()?;
    import::doors(&manifest).map_err(|_| BackupError::Content("its door"))?;
    while let Some(record) = records.next()? {
        import::Part::read(record)?;
    }
    let (name, sealing) = (hex(&records.input.name()), records.input.sealing());
    Ok(Contents { name, manifest, secret, beside: Beside(beside), counts: records.counts, sealing })
}
