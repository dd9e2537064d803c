//! RSA with PKCS#1 v1.5 and SHA-256, as Alipay (RSA2), WeChat Pay v3 and 易支付 v2 sign.

use crate::der::{self, Certificate};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{self, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use std::fmt;
use std::sync::Arc;

/// Why a text is no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadKey {
    /// Neither PEM nor base64.
    Text,
    /// It holds a key of the other kind: a public one where a private one belongs, or the other way round.
    OtherKind,
    /// Not an RSA key of 2048 to 8192 bits (4096 for a private one), or one whose numbers do not fit together.
    Key,
}

impl BadKey {
    /// What the seller may read.
    pub fn why(self) -> &'static str {
        match self {
            BadKey::Text => "It is neither PEM nor base64.",
            BadKey::OtherKind => "It is a key of the other kind: public and private are swapped.",
            BadKey::Key => "It is not an RSA key of at least 2048 bits.",
        }
    }
}

/// A private key. Its debug form holds nothing of it.
#[derive(Clone)]
pub struct SigningKey(Arc<signature::RsaKeyPair>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

impl SigningKey {
    /// Reads PKCS#8 or PKCS#1, as PEM or as bare base64: back offices give out either.
    pub fn read(text: &str) -> Result<SigningKey, BadKey> {
        let der = der::of_text(text).ok_or(BadKey::Text)?;
        let pair = signature::RsaKeyPair::from_pkcs8(&der).or_else(|_| signature::RsaKeyPair::from_der(&der));
        match pair {
            Ok(pair) => Ok(SigningKey(Arc::new(pair))),
            Err(_) if VerifyingKey::read(text).is_ok() => Err(BadKey::OtherKind),
            Err(_) => Err(BadKey::Key),
        }
    }

    /// The signature in base64. `None` when the system gives no random bytes, which hide from the machine's neighbours how the key is
    /// used and are no part of the signature: the same text has the same signature.
    #[expect(clippy::disallowed_methods, reason = "it blinds the arithmetic and is no part of the signature")]
    pub fn sign(&self, message: &[u8]) -> Option<String> {
        let mut bytes = vec![0; self.0.public().modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut bytes).ok()?;
        Some(STANDARD.encode(bytes))
    }

    /// The public half.
    pub fn public(&self) -> VerifyingKey {
        use ring::signature::KeyPair;
        VerifyingKey(self.0.public_key().as_ref().to_vec())
    }
}

/// A public key, as PKCS#1 has it: that is the form ring verifies with, and it takes any other silently for a wrong key.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey(Vec<u8>);

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({} bytes)", self.0.len())
    }
}

impl VerifyingKey {
    /// Reads SubjectPublicKeyInfo, PKCS#1 or a certificate, as PEM or as bare base64.
    pub fn read(text: &str) -> Result<VerifyingKey, BadKey> {
        let der = der::of_text(text).ok_or(BadKey::Text)?;
        let certificate = Certificate::read(&der).map(|certificate| certificate.key);
        let key = certificate.or_else(|| der::key_of_spki(&der).map(<[u8]>::to_vec)).unwrap_or_else(|| der.clone());
        match VerifyingKey::of_pkcs1(key) {
            Some(key) => Ok(key),
            None if signature::RsaKeyPair::from_pkcs8(&der).is_ok()
                || signature::RsaKeyPair::from_der(&der).is_ok() =>
            {
                Err(BadKey::OtherKind)
            }
            None => Err(BadKey::Key),
        }
    }

    /// A key that is known to be PKCS#1 already, such as a certificate's. `None` when it is not, or is shorter than 2048 bits: ring
    /// would take it for one that verifies nothing.
    pub fn of_pkcs1(der: Vec<u8>) -> Option<VerifyingKey> {
        let (inside, rest) = der::take_tag(&der, 0x30)?;
        let (modulus, exponent) = der::take_tag(inside, der::INTEGER)?;
        let (exponent, end) = der::take_tag(exponent, der::INTEGER)?;
        let length = modulus.strip_prefix(&[0]).unwrap_or(modulus).len();
        let fits = (256..=1024).contains(&length) && !exponent.is_empty() && rest.is_empty() && end.is_empty();
        fits.then_some(VerifyingKey(der))
    }

    /// Whether `signature`, in base64, is this key's for the message.
    pub fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.0).verify(message, &signature).is_ok()
    }
}
