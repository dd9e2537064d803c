//! The file's outer layer: a header, and sealed chunks that open only whole, in order, in their own file.

use super::BackupError;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::{digest, pbkdf2};
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::num::NonZeroU32;

/// The version of the format that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// Iterations of PBKDF2-HMAC-SHA256 in the files that are written.
/// Source: OWASP, "Password Storage Cheat Sheet", PBKDF2.
pub const ITERATIONS: u32 = 600_000;

/// More than any version wrote: a header that asks for more wants to keep the reader busy.
const ITERATIONS_MAX: u32 = 10_000_000;

const MAGIC: &[u8; 16] = b"KAMIVEND-BACKUP\n";
const SALT: usize = 16;
const HEADER: usize = MAGIC.len() + 4 + 4 + SALT;

/// Bytes of content in a full chunk.
const CHUNK: usize = 64 * 1_024;

/// The bit of a chunk's length that marks the last one.
const LAST: u32 = 1 << 31;

/// Characters that a passphrase has at least.
const PASSPHRASE_MIN: usize = 12;

/// What the file is sealed under. Never printed.
#[derive(Clone)]
pub struct Passphrase(String);

impl Passphrase {
    /// Takes a passphrase of at least twelve characters, without a line's end. Whoever holds the file can try as often as they like.
    pub fn new(text: &str) -> Option<Passphrase> {
        let text = text.trim_end_matches(['\r', '\n']);
        (text.chars().count() >= PASSPHRASE_MIN).then(|| Passphrase(text.to_owned()))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What seals and opens the chunks of one file. Never printed.
#[derive(Clone)]
pub(super) struct Sealing {
    key: LessSafeKey,
    header_hash: [u8; 32],
    /// The number of the next chunk.
    next: u64,
}

impl Sealing {
    fn new(header: &[u8], passphrase: &Passphrase, salt: &[u8], iterations: u32) -> Result<Sealing, BackupError> {
        let iterations = NonZeroU32::new(iterations).filter(|n| (ITERATIONS..=ITERATIONS_MAX).contains(&n.get()));
        let iterations = iterations.ok_or(BackupError::Content("iterations"))?;
        let mut key = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, passphrase.0.as_bytes(), &mut key);
        let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| BackupError::Content("key"))?;
        let header_hash = digest::digest(&digest::SHA256, header);
        let header_hash = header_hash.as_ref().try_into().map_err(|_| BackupError::Content("hash"))?;
        Ok(Sealing { key: LessSafeKey::new(key), header_hash, next: 0 })
    }

    /// The nonce and associated data of the next chunk.
    fn place(&self, is_last: bool) -> (Nonce, Aad<Vec<u8>>) {
        let mut nonce = [0; 12];
        let number = self.next.to_be_bytes();
        nonce.iter_mut().skip(4).zip(number).for_each(|(to, from)| *to = from);
        let bound = [self.header_hash.as_slice(), &number, &[u8::from(is_last)]].concat();
        (Nonce::assume_unique_for_key(nonce), Aad::from(bound))
    }

    fn seal(&mut self, clear: &[u8], is_last: bool) -> Result<Vec<u8>, BackupError> {
        let (nonce, aad) = self.place(is_last);
        let mut sealed = clear.to_vec();
        self.key
            .seal_in_place_append_tag(nonce, aad, &mut sealed)
            .map_err(|_| BackupError::Content("a chunk cannot be sealed"))?;
        self.next += 1;
        Ok(sealed)
    }

    fn open(&mut self, mut sealed: Vec<u8>, is_last: bool) -> Result<Vec<u8>, BackupError> {
        let (nonce, aad) = self.place(is_last);
        let number = self.next;
        let why = || if number == 0 { BackupError::DoesNotOpen } else { BackupError::Damaged(number) };
        let clear = self.key.open_in_place(nonce, aad, &mut sealed).map_err(|_| why())?.len();
        sealed.truncate(clear);
        self.next += 1;
        Ok(sealed)
    }
}

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Writes content as sealed chunks; holds one of them at a time.
pub(super) struct ChunkWriter<W: Write> {
    out: W,
    sealing: Sealing,
    waiting: Vec<u8>,
}

impl<W: Write> ChunkWriter<W> {
    /// Writes the header. The salt is random and never used again.
    pub(super) fn new(mut out: W, passphrase: &Passphrase, salt: [u8; SALT]) -> Result<ChunkWriter<W>, BackupError> {
        let header = [MAGIC.as_slice(), &VERSION.to_be_bytes(), &ITERATIONS.to_be_bytes(), &salt].concat();
        let sealing = Sealing::new(&header, passphrase, &salt, ITERATIONS)?;
        out.write_all(&header)?;
        Ok(ChunkWriter { out, sealing, waiting: Vec::with_capacity(2 * CHUNK) })
    }

    /// Takes content on. A chunk leaves when more than a full one waits, so that the last one is never empty.
    pub(super) fn write(&mut self, mut content: &[u8]) -> Result<(), BackupError> {
        while !content.is_empty() {
            if self.waiting.len() == CHUNK {
                self.put(false)?;
            }
            let (now, later) = content.split_at(content.len().min(CHUNK - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            content = later;
        }
        Ok(())
    }

    /// Writes the last chunk and gives the output back.
    pub(super) fn finish(mut self) -> Result<W, BackupError> {
        self.put(true)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn put(&mut self, is_last: bool) -> Result<(), BackupError> {
        let sealed = self.sealing.seal(&self.waiting, is_last)?;
        let length = u32::try_from(sealed.len()).map_err(|_| BackupError::Content("a chunk is too long"))?;
        self.out.write_all(&(if is_last { length | LAST } else { length }).to_be_bytes())?;
        self.out.write_all(&sealed)?;
        self.waiting.clear();
        Ok(())
    }
}

/// Reads content from sealed chunks; holds one of them at a time.
pub(super) struct ChunkReader<R: Read> {
    input: R,
    sealing: Sealing,
    clear: Vec<u8>,
    /// How much of `clear` was taken.
    taken: usize,
    ended: bool,
}

/// Fills a buffer. What is missing at the input's end is what a cut-off file misses.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> Result<(), BackupError> {
    input.read_exact(buffer).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => BackupError::Truncated,
        _ => BackupError::Io(error),
    })
}

/// The header's bytes, salt and number of iterations.
fn read_header(input: &mut impl Read) -> Result<(Vec<u8>, [u8; SALT], u32), BackupError> {
    let mut magic = [0; MAGIC.len()];
    match fill(input, &mut magic) {
        Ok(()) if magic == *MAGIC => {}
        Ok(()) | Err(BackupError::Truncated) => return Err(BackupError::NotABackup),
        Err(error) => return Err(error),
    }
    let mut number = [0; 4];
    fill(input, &mut number)?;
    let version = u32::from_be_bytes(number);
    if version != VERSION {
        return Err(BackupError::OtherVersion(version));
    }
    fill(input, &mut number)?;
    let iterations = u32::from_be_bytes(number);
    if !(ITERATIONS..=ITERATIONS_MAX).contains(&iterations) {
        return Err(BackupError::Iterations(iterations));
    }
    let mut salt = [0; SALT];
    fill(input, &mut salt)?;
    let mut header = Vec::with_capacity(HEADER);
    for part in [magic.as_slice(), &version.to_be_bytes(), &iterations.to_be_bytes(), &salt] {
        header.extend_from_slice(part);
    }
    Ok((header, salt, iterations))
}

impl<R: Read> ChunkReader<R> {
    /// Reads the header and derives the key, which takes a good part of a second on purpose.
    pub(super) fn new(mut input: R, passphrase: &Passphrase) -> Result<ChunkReader<R>, BackupError> {
        let (header, salt, iterations) = read_header(&mut input)?;
        let sealing = Sealing::new(&header, passphrase, &salt, iterations)?;
        Ok(ChunkReader { input, sealing, clear: Vec::new(), taken: 0, ended: false })
    }

    /// Reads the same file once more, with the key of the first time.
    pub(super) fn again(mut input: R, sealing: &Sealing) -> Result<ChunkReader<R>, BackupError> {
        let (header, ..) = read_header(&mut input)?;
        if digest::digest(&digest::SHA256, &header).as_ref() != sealing.header_hash {
            return Err(BackupError::Refused("the file was exchanged while it was read".to_owned()));
        }
        let sealing = Sealing { next: 0, ..sealing.clone() };
        Ok(ChunkReader { input, sealing, clear: Vec::new(), taken: 0, ended: false })
    }

    /// What opens this file, for a further reading of it.
    pub(super) fn sealing(&self) -> Sealing {
        self.sealing.clone()
    }

    /// What names this file among all files: a hash over its header with the salt.
    pub(super) fn name(&self) -> [u8; 32] {
        self.sealing.header_hash
    }

    /// The next bytes of content, exactly as many.
    pub(super) fn take(&mut self, count: usize) -> Result<Vec<u8>, BackupError> {
        let mut out = Vec::with_capacity(count.min(CHUNK));
        while out.len() < count {
            let rest = self.clear.get(self.taken..).unwrap_or_default();
            if rest.is_empty() {
                if self.ended {
                    return Err(BackupError::Content("a record ends early"));
                }
                self.next_chunk()?;
                continue;
            }
            let now = rest.get(..rest.len().min(count - out.len())).unwrap_or_default();
            out.extend_from_slice(now);
            self.taken += now.len();
        }
        Ok(out)
    }

    /// Nothing may be left: neither content nor file.
    pub(super) fn end(&mut self) -> Result<(), BackupError> {
        if self.taken < self.clear.len() || !self.ended {
            return Err(BackupError::Content("records after the end"));
        }
        match self.input.read(&mut [0; 1])? {
            0 => Ok(()),
            _ => Err(BackupError::Trailing),
        }
    }

    fn next_chunk(&mut self) -> Result<(), BackupError> {
        let mut prefix = [0; 4];
        fill(&mut self.input, &mut prefix)?;
        let prefix = u32::from_be_bytes(prefix);
        let (length, is_last) = (usize::try_from(prefix & !LAST).unwrap_or(usize::MAX), prefix & LAST != 0);
        if length > CHUNK + AES_256_GCM.tag_len() {
            return Err(BackupError::Damaged(self.sealing.next));
        }
        let mut sealed = vec![0; length];
        fill(&mut self.input, &mut sealed)?;
        self.clear = self.sealing.open(sealed, is_last)?;
        self.taken = 0;
        self.ended = is_last;
        Ok(())
    }
}
