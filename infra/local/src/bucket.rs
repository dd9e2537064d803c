//! The bucket of the evidence in this world: files beside the tables, each written once and never again. It takes the two calls
//! that the shop makes of Amazon S3, signed and checked as S3 wants them, and knows no call that changes or removes anything.
//!
//! Source: Amazon S3 API Reference, "PutObject", "GetObject", "Error responses".

use crate::roles::{Right, Roles, allowed};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Where files lie.
#[derive(Clone, Debug)]
enum Place {
    Memory(Arc<Mutex<BTreeMap<String, Vec<u8>>>>),
    Folder(PathBuf),
}

/// The bucket. Clones are the same.
#[derive(Clone, Debug)]
pub struct Bucket {
    place: Place,
    roles: Option<Arc<dyn Roles>>,
}

/// What is answered: a status and a body.
type Answered = (u16, Vec<u8>);

fn refused(status: u16, code: &str) -> Answered {
    (status, format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>").into_bytes())
}

/// A name that leads nowhere but into the bucket.
fn is_name(name: &str) -> bool {
    let good = |part: &str| {
        !part.starts_with('.')
            && !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
    };
    name.split('/').all(good)
}

impl Bucket {
    /// Its name.
    pub const NAME: &'static str = "kamivend-evidence";

    /// The beginning of every address in it, where every service of this world is.
    pub const ADDRESS: &'static str = "http://aws.local/kamivend-evidence/";

    /// In memory, or in a folder that is made with the first file.
    pub fn new(folder: Option<PathBuf>) -> Bucket {
        Bucket { place: folder.map_or_else(|| Place::Memory(Arc::default()), Place::Folder), roles: None }
    }

    /// The same bucket, which only functions reach whose role lets them.
    pub(crate) fn held_to(mut self, roles: Option<Arc<dyn Roles>>) -> Bucket {
        self.roles = roles;
        self
    }

    /// The names of all files, sorted.
    pub fn names(&self) -> io::Result<Vec<String>> {
        match &self.place {
            Place::Memory(files) => Ok(files.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()),
            Place::Folder(folder) => {
                let mut names = Vec::new();
                list(folder, "", &mut names)?;
                names.sort();
                Ok(names)
            }
        }
    }

    /// A file as it stands.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match &self.place {
            Place::Memory(files) => Ok(files.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()),
            Place::Folder(folder) => match fs::read(folder.join(name)) {
                Ok(body) => Ok(Some(body)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    /// Somebody's hand: changes or removes a file, which no call of the shop can.
    pub fn tamper(&self, name: &str, body: Option<Vec<u8>>) -> io::Result<()> {
        match (&self.place, body) {
            (Place::Memory(files), body) => {
                let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
                match body {
                    Some(body) => files.insert(name.to_owned(), body),
                    None => files.remove(name),
                };
                Ok(())
            }
            (Place::Folder(folder), None) => fs::remove_file(folder.join(name)),
            (Place::Folder(folder), Some(body)) => {
                fs::remove_file(folder.join(name))?;
                fs::write(folder.join(name), body)
            }
        }
    }

    /// Puts a file where none stands; `false` where one does.
    fn put(&self, name: &str, body: &[u8]) -> io::Result<bool> {
        match &self.place {
            Place::Memory(files) => {
                let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
                let is_free = !files.contains_key(name);
                if is_free {
                    files.insert(name.to_owned(), body.to_vec());
                }
                Ok(is_free)
            }
            Place::Folder(folder) => put_file(folder, name, body),
        }
    }

    fn handle(&self, method: &str, name: &str, header: impl Fn(&str) -> String, body: &[u8]) -> Answered {
        // Whether a signature is right nobody here can know; that it is made for this service, and over this body, can be seen.
        let sha256 = digest::digest(&digest::SHA256, body);
        if !header("authorization").contains("/s3/aws4_request")
            || header("x-amz-content-sha256") != app::keys::hex(sha256.as_ref())
        {
            return refused(403, "SignatureDoesNotMatch");
        }
        let may = |action: &str, resource: &str| {
            let right = Right { action: action.to_owned(), resource: resource.to_owned() };
            self.roles.as_ref().is_none_or(|roles| allowed(&**roles, &right))
        };
        let broken = |error: io::Error| {
            tracing::error!(%error, name, "the evidence cannot be kept");
            refused(500, "InternalError")
        };
        match method {
            _ if !is_name(name) => refused(400, "InvalidURI"),
            "GET" if !may("s3:GetObject", "evidence/*") => refused(403, "AccessDenied"),
            "GET" => match self.read(name).map_err(broken) {
                Ok(Some(body)) => (200, body),
                // Whoever may not list a bucket is not told what is missing in it.
                Ok(None) if may("s3:ListBucket", "evidence") => refused(404, "NoSuchKey"),
                Ok(None) => refused(403, "AccessDenied"),
                Err(answer) => answer,
            },
            "PUT" if !may("s3:PutObject", "evidence/*") => refused(403, "AccessDenied"),
            // Without this header S3 writes over what is there, and without a checksum it takes nothing under a retention.
            "PUT" if header("if-none-match") != "*" => refused(400, "InvalidRequest"),
            "PUT" if header("x-amz-checksum-sha256") != STANDARD.encode(sha256) => refused(400, "BadDigest"),
            "PUT" => match self.put(name, body).map_err(broken) {
                Ok(true) => (200, Vec::new()),
                Ok(false) => refused(412, "PreconditionFailed"),
                Err(answer) => answer,
            },
            _ => refused(405, "MethodNotAllowed"),
        }
    }
}

fn list(folder: &Path, before: &str, names: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let own = entry.file_name().to_string_lossy().into_owned();
        let name = format!("{before}{own}");
        if own.starts_with('.') {
            // What was being written when the machine stopped.
            continue;
        }
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{name}/"), names)?;
        } else {
            names.push(name);
        }
    }
    Ok(())
}

/// The file appears whole or not at all, and a second name is refused where one stands.
fn put_file(folder: &Path, name: &str, body: &[u8]) -> io::Result<bool> {
    let file = folder.join(name);
    let parent = file.parent().unwrap_or(folder);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    if file.exists() {
        return Ok(false);
    }
    // A name of its own for each writer; one that a power cut left behind is nobody's.
    static PARTS: AtomicU64 = AtomicU64::new(0);
    let number = PARTS.fetch_add(1, Ordering::Relaxed);
    let part = parent.join(format!(".{}.{number}.part", std::process::id()));
    let _ = fs::remove_file(&part);
    // Read by its owner and written by nobody: a hand that changes it has to mean it.
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&part)?;
    let written = out.write_all(body).and_then(|()| out.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&part, &file));
    fs::remove_file(&part)?;
    match linked {
        Ok(()) => {
            File::open(parent)?.sync_all()?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

impl HttpConnector for Bucket {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let name = request.uri().strip_prefix(Bucket::ADDRESS).unwrap_or_default().to_owned();
        let header = |name: &str| request.headers().get(name).unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap_or_default();
        let (status, body) = self.handle(request.method(), &name, header, body);
        HttpConnectorFuture::ready(answer(status, body))
    }
}

fn answer(status: u16, body: Vec<u8>) -> Result<HttpResponse, ConnectorError> {
    let bad = |e: Box<dyn std::error::Error + Send + Sync>| ConnectorError::other(e, None);
    Ok(HttpResponse::new(status.try_into().map_err(|e| bad(Box::new(e)))?, SdkBody::from(body)))
}
