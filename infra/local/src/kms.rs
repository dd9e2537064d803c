//! A key service for the functions of a deployment that is tried here: wraps and opens small secrets under one key that never leaves
//! it, and only in the context they were wrapped in. The shop that `cargo run` starts keeps its key in a file and does not use it.

use app::keys::Secret32;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::{Value, json};

const NONCE: usize = 12;

/// The service. Clones are the same key.
#[derive(Clone)]
pub struct Kms {
    key: LessSafeKey,
    ids: app::Ids,
}

impl std::fmt::Debug for Kms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kms(***)")
    }
}

impl Kms {
    /// The ARN of the one key.
    pub const KEY: &'static str = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000000";

    /// A service around a secret. `None` is not reached: 32 bytes are always a key.
    pub fn new(secret: &Secret32, ids: app::Ids) -> Option<Kms> {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &secret.0).ok()?);
        Some(Kms { key, ids })
    }

    /// Answers one operation: status and JSON, as KMS does.
    pub fn handle(&self, operation: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        if request.get("KeyId").and_then(Value::as_str) != Some(Kms::KEY) {
            return refused("NotFoundException");
        }
        // Sorted by name, because a JSON object of this library is.
        let context = request.get("EncryptionContext").map(Value::to_string).unwrap_or_default();
        let bytes = |name: &str| STANDARD.decode(request.get(name).and_then(Value::as_str).unwrap_or_default()).ok();
        let answer = match operation {
            "Encrypt" => {
                bytes("Plaintext").and_then(|clear| self.wrap(&clear, &context)).map(|blob| ("CiphertextBlob", blob))
            }
            "Decrypt" => {
                bytes("CiphertextBlob").and_then(|blob| self.open(&blob, &context)).map(|clear| ("Plaintext", clear))
            }
            _ => return refused("UnknownOperationException"),
        };
        match answer {
            Some((name, bytes)) => {
                (200, json!({"KeyId": Kms::KEY, name: STANDARD.encode(bytes)}).to_string().into_bytes())
            }
            None => refused("InvalidCiphertextException"),
        }
    }

    fn wrap(&self, clear: &[u8], context: &str) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE] = self.ids.bytes();
        let mut blob = clear.to_vec();
        let place = Aad::from(context.as_bytes());
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), place, &mut blob).ok()?;
        Some([nonce.as_slice(), &blob].concat())
    }

    fn open(&self, blob: &[u8], context: &str) -> Option<Vec<u8>> {
        let (nonce, sealed) = blob.split_first_chunk::<NONCE>()?;
        let mut sealed = sealed.to_vec();
        let place = Aad::from(context.as_bytes());
        Some(self.key.open_in_place(Nonce::assume_unique_for_key(*nonce), place, &mut sealed).ok()?.to_vec())
    }
}

fn refused(code: &str) -> (u16, Vec<u8>) {
    (400, json!({"__type": code, "message": "refused"}).to_string().into_bytes())
}
