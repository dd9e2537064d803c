//! The numbers by which Alipay names certificates in certificate mode.
//!
//! A number says which certificate is meant and proves nothing: certificates are settings that the seller pasted.
//! Source: the certificate helpers of Alipay's own kits, and the published numbers of their test certificates.

use crate::der::{self, Certificate};
use md5::{Digest, Md5};

/// What the identifiers of RSA signature algorithms begin with: 1.2.840.113549.1.1 (RFC 8017, appendix C).
const RSA: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];

/// The short names of an issuer's attributes (RFC 4514, section 3), by the last bytes of 2.5.4.
const NAMES: [(u8, &str); 6] = [(3, "CN"), (6, "C"), (7, "L"), (8, "ST"), (10, "O"), (11, "OU")];

/// The number of one certificate: 32 lower-case hexadecimal digits. `None` when its issuer holds an attribute without a short name,
/// because Alipay would write that one in a way that nobody has published.
pub fn serial(certificate: &Certificate) -> Option<String> {
    let mut text = String::new();
    for (attribute, value) in certificate.issuer.iter().rev() {
        let [0x55, 0x04, last] = attribute.as_slice() else { return None };
        let (_, name) = NAMES.into_iter().find(|(known, _)| known == last)?;
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
    text.push_str(&certificate.serial_decimal());
    Some(Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The number of a bundle of roots: those of its certificates that are signed with RSA, joined by `_`. Alipay's bundle holds two that
/// are signed with SM2, and leaves them out. `None` when there is none, or one that cannot be read: a number that lacks a part is
/// another bundle's.
pub fn root_serial(bundle: &str) -> Option<String> {
    let mut serials = Vec::new();
    for der in der::all_of_text(bundle) {
        let certificate = Certificate::read(&der)?;
        if certificate.algorithm.starts_with(&RSA) {
            serials.push(serial(&certificate)?);
        }
    }
    (!serials.is_empty()).then(|| serials.join("_"))
}
