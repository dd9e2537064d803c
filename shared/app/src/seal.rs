//! Sealing cards: one AES-256-GCM data key per product, wrapped by the master key, which in a deployment KMS holds. The
//! associated data names shop, product, slot and key, so that a ciphertext moved to another place does not open.

use crate::aws::{CallError, Service};
use crate::{App, AppError, MasterKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Millis, ProductId};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use store::{Outcome, ShopItem};

const NONCE: usize = 12;
pub(crate) const KIND: &str = "data_key";

fn key(bytes: &[u8]) -> Result<LessSafeKey, AppError> {
    UnboundKey::new(&AES_256_GCM, bytes).map(LessSafeKey::new).map_err(|_| AppError::Sealing("key length"))
}

/// Joins parts with their lengths in front, so that no two lists of parts give the same bytes.
fn bind(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}

/// Nonce, ciphertext and tag in one.
pub(crate) fn seal(
    key_bytes: &[u8],
    nonce: [u8; NONCE],
    bound_to: &[&[u8]],
    clear: &[u8],
) -> Result<Vec<u8>, AppError> {
    let mut sealed = clear.to_vec();
    key(key_bytes)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bind(bound_to)), &mut sealed)
        .map_err(|_| AppError::Sealing("seal"))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// The inverse of [`seal`]; fails when key, place or bytes differ.
pub(crate) fn open(key_bytes: &[u8], bound_to: &[&[u8]], sealed: &[u8]) -> Result<Vec<u8>, AppError> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>().ok_or(AppError::Sealing("too short"))?;
    let mut buffer = ciphertext.to_vec();
    let clear = key(key_bytes)?
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(bind(bound_to)), &mut buffer)
        .map_err(|_| AppError::Sealing("does not open"))?;
    Ok(clear.to_vec())
}

/// What stands before a data key that KMS wrapped.
const BY_KMS: &str = "kms:";

/// A product's data keys as stored: wrapped, by kid. A data key that KMS wrapped begins with `kms:`; both are base64.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeyDoc {
    /// The kid that new cards are sealed with.
    pub(crate) current: String,
    /// Each key as [`App::wrap_data_key`] wrote it.
    pub(crate) wrapped: BTreeMap<String, String>,
}

/// A data key in the clear, in memory only.
#[derive(Clone)]
pub struct DataKey {
    /// Its name.
    pub kid: String,
    bytes: Arc<[u8; 32]>,
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({})", self.kid)
    }
}

impl DataKey {
    fn place(&self, app: &App, product: &ProductId, strip: u32, position: u8) -> [Vec<u8>; 5] {
        [
            app.config.shop_id.as_bytes().to_vec(),
            product.as_str().as_bytes().to_vec(),
            strip.to_be_bytes().to_vec(),
            vec![position],
            self.kid.as_bytes().to_vec(),
        ]
    }

    /// Seals a card for its slot.
    pub fn seal(&self, app: &App, product: &ProductId, strip: u32, at: u8, card: &str) -> Result<Vec<u8>, AppError> {
        let place = self.place(app, product, strip, at);
        seal(self.bytes.as_slice(), app.ids.bytes(), &place.each_ref().map(Vec::as_slice), card.as_bytes())
    }

    /// Opens the card of a slot.
    pub fn open(&self, app: &App, product: &ProductId, strip: u32, at: u8, sealed: &[u8]) -> Result<String, AppError> {
        let place = self.place(app, product, strip, at);
        let clear = open(self.bytes.as_slice(), &place.each_ref().map(Vec::as_slice), sealed)?;
        String::from_utf8(clear).map_err(|_| AppError::Sealing("not text"))
    }
}

/// Opened data keys, for at most [`domain::limits::DATA_KEY_AGE_MS`].
#[derive(Default)]
pub struct DataKeys {
    opened: Mutex<HashMap<(ProductId, String), (Millis, DataKey)>>,
    current: Mutex<HashMap<ProductId, (Millis, String)>>,
}

impl fmt::Debug for DataKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKeys(***)")
    }
}

fn fresh(at: Millis, now: Millis) -> bool {
    (0..domain::limits::DATA_KEY_AGE_MS).contains(&(now - at))
}

impl App {
    fn wrap_place<'a>(&'a self, product: &'a ProductId, kid: &'a str) -> [&'a [u8]; 4] {
        [b"data key", self.config.shop_id.as_bytes(), product.as_str().as_bytes(), kid.as_bytes()]
    }

    fn master(&self) -> Result<&MasterKey, AppError> {
        self.master_key.as_ref().ok_or(AppError::Sealing("this function has no right to the key"))
    }

    /// What KMS binds a data key to: it is a condition of opening it, and stands in the account's own audit trail.
    fn kms_context(&self, product: &ProductId, kid: &str) -> Value {
        json!({"shop": self.config.shop_id, "product": product.as_str(), "kid": kid})
    }

    /// Wraps a data key under this deployment's master key.
    pub(crate) async fn wrap_data_key(
        &self,
        product: &ProductId,
        kid: &str,
        clear: &[u8; 32],
    ) -> Result<String, AppError> {
        match self.master()? {
            MasterKey::Held(master) => {
                let wrapped = seal(&master.0, self.ids.bytes(), &self.wrap_place(product, kid), clear)?;
                Ok(STANDARD.encode(wrapped))
            }
            MasterKey::Kms(key) => {
                let context = self.kms_context(product, kid);
                let body = json!({"KeyId": key, "Plaintext": STANDARD.encode(clear), "EncryptionContext": context});
                let answer =
                    self.caller().call(Service::Kms, "Encrypt", &body).await.map_err(|e| e.of(Service::Kms))?;
                let wrapped = answer.get("CiphertextBlob").and_then(Value::as_str);
                Ok(format!("{BY_KMS}{}", wrapped.ok_or(AppError::Sealing("KMS answered without a key"))?))
            }
        }
    }

    /// Opens a wrapped data key, as a document holds it.
    pub(crate) async fn open_any_data_key(
        &self,
        product: &ProductId,
        kid: &str,
        wrapped: &str,
    ) -> Result<[u8; 32], AppError> {
        let clear = match (self.master()?, wrapped.strip_prefix(BY_KMS)) {
            (MasterKey::Held(master), None) => {
                let wrapped = STANDARD.decode(wrapped).map_err(|_| AppError::Sealing("key document"))?;
                open(&master.0, &self.wrap_place(product, kid), &wrapped)?
            }
            (MasterKey::Kms(key), Some(wrapped)) => {
                let context = self.kms_context(product, kid);
                let body = json!({"KeyId": key, "CiphertextBlob": wrapped, "EncryptionContext": context});
                let answer = self.caller().call(Service::Kms, "Decrypt", &body).await.map_err(|error| match error {
                    // What stands in the table is not what was wrapped: no later try will open it.
                    CallError::Refused(code) if code == "InvalidCiphertextException" => {
                        AppError::Sealing("the data key does not open")
                    }
                    error => error.of(Service::Kms),
                })?;
                let clear = answer.get("Plaintext").and_then(Value::as_str);
                STANDARD
                    .decode(clear.unwrap_or_default())
                    .map_err(|_| AppError::Sealing("KMS answered without a key"))?
            }
            _ => return Err(AppError::Sealing("the data key was wrapped by another master key")),
        };
        clear.try_into().map_err(|_| AppError::Sealing("key length"))
    }

    /// The data key of this name, from memory or from the shop's table.
    pub async fn data_key(&self, product: &ProductId, kid: &str) -> Result<DataKey, AppError> {
        let now = self.clock.now();
        let id = (product.clone(), kid.to_owned());
        let known = self.data_keys.opened.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if let Some((at, key)) = known
            && fresh(at, now)
        {
            return Ok(key);
        }
        let item = self.store.shop_item(KIND, product.as_str()).await?.ok_or(AppError::Sealing("no data key"))?;
        let doc: KeyDoc = serde_json::from_str(&item.doc).map_err(|_| AppError::Sealing("key document"))?;
        self.open_data_key(product, kid, &doc).await
    }

    async fn open_data_key(&self, product: &ProductId, kid: &str, doc: &KeyDoc) -> Result<DataKey, AppError> {
        let wrapped = doc.wrapped.get(kid).ok_or(AppError::Sealing("unknown kid"))?;
        let bytes = self.open_any_data_key(product, kid, wrapped).await?;
        let key = DataKey { kid: kid.to_owned(), bytes: Arc::new(bytes) };
        let id = (product.clone(), kid.to_owned());
        let mut opened = self.data_keys.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.insert(id, (self.clock.now(), key.clone()));
        Ok(key)
    }

    /// The data key new cards are sealed with; made on a product's first import.
    pub async fn current_data_key(&self, product: &ProductId) -> Result<DataKey, AppError> {
        let now = self.clock.now();
        let known = self.data_keys.current.lock().unwrap_or_else(PoisonError::into_inner).get(product).cloned();
        if let Some((at, kid)) = known
            && fresh(at, now)
        {
            return self.data_key(product, &kid).await;
        }
        let item = match self.store.shop_item(KIND, product.as_str()).await? {
            Some(item) => item,
            None => self.first_data_key(product).await?,
        };
        let doc: KeyDoc = serde_json::from_str(&item.doc).map_err(|_| AppError::Sealing("key document"))?;
        let key = self.open_data_key(product, &doc.current, &doc).await?;
        let mut current = self.data_keys.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.insert(product.clone(), (now, key.kid.clone()));
        Ok(key)
    }

    /// Makes a product's first data key. Two importers at once: one creates the document, both use what stands there.
    async fn first_data_key(&self, product: &ProductId) -> Result<ShopItem, AppError> {
        let kid = "k1".to_owned();
        let clear: [u8; 32] = self.ids.bytes();
        let wrapped = BTreeMap::from([(kid.clone(), self.wrap_data_key(product, &kid, &clear).await?)]);
        let doc =
            serde_json::to_string(&KeyDoc { current: kid, wrapped }).map_err(|_| AppError::Sealing("key document"))?;
        let item = ShopItem { kind: KIND.into(), id: product.to_string(), doc, version: 1 };
        match self.store.create_shop_item(&item).await? {
            Outcome::Applied(()) | Outcome::AlreadyApplied(()) => Ok(item),
            Outcome::Refused(found) => Ok(found),
        }
    }
}
