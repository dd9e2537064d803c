//! What WeChat Pay encrypts with the merchant's APIv3 key: AES-256-GCM, the tag behind the text, all in base64.

use crate::Secret;
use crate::json::Fields;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// How long the key is, bytes: its characters themselves, neither hexadecimal digits nor base64.
pub const KEY_LEN: usize = 32;

/// The one algorithm there is.
const ALGORITHM: &str = "AEAD_AES_256_GCM";

/// The text inside `resource` or `encrypt_certificate`. `None` when a field is missing, when it was encrypted in another way or with
/// another key, and when anything of it was changed.
pub fn open(fields: &Fields<'_>, key: &Secret) -> Option<String> {
    if fields.string("algorithm")? != ALGORITHM {
        return None;
    }
    let nonce = Nonce::try_assume_unique_for_key(fields.string("nonce")?.as_bytes()).ok()?;
    // It may be missing, which is the same as empty.
    let beside = fields.string("associated_data").unwrap_or_default();
    let mut text = STANDARD.decode(fields.string("ciphertext")?).ok()?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose().as_bytes()).ok()?);
    let plain = key.open_in_place(nonce, Aad::from(beside.as_bytes()), &mut text).ok()?;
    String::from_utf8(plain.to_vec()).ok()
}
