//! The local shop's secrets: two files of mode 0600 in the data folder. `master.key` opens the cards and can be kept elsewhere
//! than the data; `shop.json` holds the rest.

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
    /// From which ids, tokens and hashes are derived.
    pub shop: Secret32,
    /// Which wraps the products' data keys.
    pub master: Secret32,
    /// The administrator's password.
    pub admin_password: String,
    /// The sandbox merchant's key.
    pub sandbox_key: String,
    /// Whether the password was made just now and has to be shown once.
    pub is_new: bool,
}

#[derive(Serialize, Deserialize)]
struct ShopFile {
    shop_secret: String,
    admin_password: String,
    sandbox_key: String,
}

/// Why the secrets cannot be had.
#[derive(Debug)]
pub enum SecretsError {
    /// The folder or a file cannot be read or written.
    Io(io::Error),
    /// There is data, but the key that opens its cards is gone. A new one would open none of them.
    KeyMissing,
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
            SecretsError::KeyMissing => f.write_str(
                "the data folder holds a shop, but master.key or shop.json is missing; put it back (a new key would open no card)",
            ),
            SecretsError::Malformed(file) => write!(f, "{file} does not read"),
        }
    }
}

impl std::error::Error for SecretsError {}

fn fresh(ids: &Ids) -> LocalSecrets {
    LocalSecrets {
        shop: Secret32(ids.bytes()),
        master: Secret32(ids.bytes()),
        admin_password: hex(&ids.bytes::<10>()),
        sandbox_key: hex(&ids.bytes::<16>()),
        is_new: true,
    }
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
        let (master, shop) = (folder.join("master.key"), folder.join("shop.json"));
        let read = |path: &Path| match fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        match (read(&master)?, read(&shop)?) {
            (Some(master), Some(shop)) => {
                let file: ShopFile = serde_json::from_str(&shop).map_err(|_| SecretsError::Malformed("shop.json"))?;
                Ok(LocalSecrets {
                    shop: Secret32::from_hex(&file.shop_secret).ok_or(SecretsError::Malformed("shop.json"))?,
                    master: Secret32::from_hex(&master).ok_or(SecretsError::Malformed("master.key"))?,
                    admin_password: file.admin_password,
                    sandbox_key: file.sandbox_key,
                    is_new: false,
                })
            }
            _ if folder.join(crate::world::TABLES_FILE).exists() => Err(SecretsError::KeyMissing),
            _ => {
                let secrets = fresh(ids);
                write_private(&master, &secrets.master.to_hex())?;
                let file = ShopFile {
                    shop_secret: secrets.shop.to_hex(),
                    admin_password: secrets.admin_password.clone(),
                    sandbox_key: secrets.sandbox_key.clone(),
                };
                let text = serde_json::to_string_pretty(&file).map_err(|_| SecretsError::Malformed("shop.json"))?;
                write_private(&shop, &text)?;
                Ok(secrets)
            }
        }
    }
}
