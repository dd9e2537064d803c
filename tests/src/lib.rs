//! Helpers that every kind of test shares: a shop in memory, buyers, a provider that signs, taps on the seam.
//!
//! Nothing here decides what is right; a helper does what a client outside would do and hands the answer back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "test helpers")]
#![allow(clippy::float_arithmetic, reason = "capacity units come as decimal fractions")]

pub mod cost;
pub mod mutants;
pub mod parity;
pub mod receivers;
pub mod roles;
pub mod shop;
pub mod standing;
pub mod taps;
pub mod template;
pub mod visitor;

pub use rules::orders;
pub use shop::{Buyer, TestShop};
pub use visitor::Visitor;

use serde_json::Value;

/// A folder of one test alone, gone at its end.
pub struct Folder(pub std::path::PathBuf);

impl Folder {
    /// An empty folder whose name no other test and no other process uses.
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("kamivend-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A text's MD5 in lower hexadecimal, by an implementation that shares nothing with the codec under test but the algorithm.
pub fn md5_hex(text: &str) -> String {
    use md5::{Digest, Md5};
    Md5::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

/// Percent-encodes everything but letters, digits and `-_.~`.
pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// An 易支付 v1 notification as a gateway writes it: sorted, joined, signed with the key appended.
pub fn signed_notification(fields: &[(&str, &str)], key: &str) -> String {
    let mut kept: Vec<_> = fields.iter().filter(|(_, v)| !v.is_empty()).collect();
    kept.sort();
    let canonical: Vec<String> = kept.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let sign = md5_hex(&format!("{}{key}", canonical.join("&")));
    let mut query: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={}", encode(v))).collect();
    query.push(format!("sign={sign}"));
    query.push("sign_type=MD5".to_owned());
    query.join("&")
}

/// A member of an answer as text.
pub fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path} is not text in {value}"))
}
