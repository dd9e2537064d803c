//! The local shop's secrets: two files of mode 0600 in the data folder. `master.key` opens the cards; `shop.json` holds the
//! rest, and a check value by which a wrong `master.key` is noticed before anything is sold under it.

use app::Ids;
use app::keys::{Secret32, hex};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What the local shop keeps secret.
#[derive(Clone)]
pub struct LocalSecrets {
    /// The shop's name in ciphertexts. No secret, but lost with them: an imported shop keeps the one it had.
    pub shop_id: String,
    /// From which ids, tokens and hashes are derived.
    pub shop: Secret32,
    /// Which wraps the products' data keys.
    pub master: Secret32,
    /// The administrator's password.
    pub admin_password: String,
    /// The sandbox merchant's key.
    pub sandbox_key: String,
    /// Whether the generated password was not shown to anybody yet.
    pub password_is_unseen: bool,
}

#[derive(Serialize, Deserialize)]
struct ShopFile {
    /// Absent in folders of older versions, whose shops all had one name.
    #[serde(default = "own_name")]
    shop_id: String,
    shop_secret: String,
    master_check: String,
    admin_password: String,
    password_is_unseen: bool,
    sandbox_key: String,
}

/// Why the secrets cannot be had.
#[derive(Debug)]
pub enum SecretsError {
    /// The folder or a file cannot be read or written.
    Io(io::Error),
    /// This file is missing while the rest of a shop is there. A new one would open no card and know no order.
    Missing(&'static str),
    /// `master.key` is the key of another shop.
    WrongKey,
    /// A file does not read.
    Malformed(&'static str),
}

impl From<io::Error> for SecretsError {
    fn from(error: io::Error) -> SecretsError {
        SecretsError::Io(error)
    }
}

impl std::fmt::Display for SecretsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SecretsError::Io(error) => write!(f, "the data folder cannot be used: {error}"),
            SecretsError::Missing(file) => {
                write!(
                    f,
                    "the data folder holds a shop, but {file} is missing; put it back (a new one would open no card)"
                )
            }
            SecretsError::WrongKey => f.write_str("master.key is not the key of this shop; put the right one back"),
            SecretsError::Malformed(file) => write!(f, "{file} does not read"),
        }
    }
}

impl std::error::Error for SecretsError {}

/// The name of a shop that began here.
fn own_name() -> String {
    "shop".to_owned()
}

fn fresh(ids: &Ids) -> LocalSecrets {
    LocalSecrets {
        shop_id: own_name(),
        shop: Secret32(ids.bytes()),
        master: Secret32(ids.bytes()),
        admin_password: hex(&ids.bytes::<10>()),
        sandbox_key: hex(&ids.bytes::<16>()),
        password_is_unseen: true,
    }
}

/// A value that only this master key gives, and that tells nothing about it.
fn check_of(master: &Secret32) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &master.0);
    hex(ring::hmac::sign(&key, b"kamivend master key check").as_ref())
}

/// Writes a file that only its owner can read, complete or not at all.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

impl LocalSecrets {
    /// Secrets that live as long as the process.
    pub fn in_memory(ids: &Ids) -> LocalSecrets {
        fresh(ids)
    }

    /// Reads the secrets of a data folder, or makes them for a new one.
    pub fn open(folder: &Path, ids: &Ids) -> Result<LocalSecrets, SecretsError> {
        LocalSecrets::open_or_keep(folder, || fresh(ids))
    }

    /// Reads the secrets of a data folder, or keeps the given ones in a new one.
    pub fn open_or_keep(folder: &Path, otherwise: impl FnOnce() -> LocalSecrets) -> Result<LocalSecrets, SecretsError> {
        let (master, shop) = (folder.join("master.key"), folder.join("shop.json"));
        let read = |path: &Path| match fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        let has_tables = folder.join(crate::world::TABLES_FILE).exists();
        match (read(&master)?, read(&shop)?) {
            (Some(master), Some(shop)) => LocalSecrets::read(&master, &shop),
            (None, _) if has_tables => Err(SecretsError::Missing("master.key")),
            (Some(_), None) => Err(SecretsError::Missing("shop.json")),
            // No tables and no key: there is nothing yet that could be lost.
            (None, _) => {
                let secrets = otherwise();
                // The key last: a first start that is cut off between the two files begins again.
                secrets.keep(folder)?;
                write_private(&master, &secrets.master.to_hex())?;
                Ok(secrets)
            }
        }
    }

    fn read(master: &str, shop: &str) -> Result<LocalSecrets, SecretsError> {
        let file: ShopFile = serde_json::from_str(shop).map_err(|_| SecretsError::Malformed("shop.json"))?;
        let master = Secret32::from_hex(master).ok_or(SecretsError::Malformed("master.key"))?;
        if check_of(&master) != file.master_check {
            return Err(SecretsError::WrongKey);
        }
        Ok(LocalSecrets {
            shop_id: file.shop_id,
            shop: Secret32::from_hex(&file.shop_secret).ok_or(SecretsError::Malformed("shop.json"))?,
            master,
            admin_password: file.admin_password,
            sandbox_key: file.sandbox_key,
            password_is_unseen: file.password_is_unseen,
        })
    }

    /// Writes `shop.json`.
    fn keep(&self, folder: &Path) -> Result<(), SecretsError> {
        let file = ShopFile {
            shop_id: self.shop_id.clone(),
            shop_secret: self.shop.to_hex(),
            master_check: check_of(&self.master),
            admin_password: self.admin_password.clone(),
            password_is_unseen: self.password_is_unseen,
            sandbox_key: self.sandbox_key.clone(),
        };
        let text = serde_json::to_string_pretty(&file).map_err(|_| SecretsError::Malformed("shop.json"))?;
        Ok(write_private(&folder.join("shop.json"), &text)?)
    }

    /// Remembers that the generated password was shown.
    pub fn password_was_seen(folder: &Path, ids: &Ids) -> Result<(), SecretsError> {
        let mut secrets = LocalSecrets::open(folder, ids)?;
        secrets.password_is_unseen = false;
        secrets.keep(folder)
    }
}
