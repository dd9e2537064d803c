//! What a message may hold, how long it is, its digests, and the handles under which it is received. Pure functions.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use md5::{Digest, Md5};

use super::fault::Fault;
use super::wire::{Attribute, Attributes};

/// The longest message, and the longest batch, in bytes: body and attributes together.
pub(super) const BYTES_MAX: usize = 1_048_576;

const ATTRIBUTES_MAX: usize = 10;
const NAME_BYTES_MAX: usize = 256;

/// True when XML 1.0 allows every character. Rust strings hold no surrogates, so only the rest needs a look.
fn is_text(text: &str) -> bool {
    text.chars().all(|c| match c {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        _ => c >= ' ',
    })
}

/// The body of a send, or why it is refused.
pub(super) fn body(body: Option<String>) -> Result<String, Fault> {
    match body {
        Some(body) if !is_text(&body) => Err(Fault::contents()),
        Some(body) if !body.is_empty() => Ok(body),
        _ => Err(Fault::missing("MessageBody")),
    }
}

/// Refuses attributes that SQS would refuse, and forgets an empty map.
pub(super) fn attributes(attributes: Option<Attributes>) -> Result<Option<Attributes>, Fault> {
    let Some(attributes) = attributes.filter(|map| !map.is_empty()) else { return Ok(None) };
    if attributes.len() > ATTRIBUTES_MAX {
        return Err(Fault::parameter("MessageAttributes", format!("{} are more than 10", attributes.len())));
    }
    for (name, attribute) in &attributes {
        if !is_name(name) {
            return Err(Fault::parameter("a message attribute's name", "it breaks the rules for such names"));
        }
        check(name, attribute)?;
    }
    Ok(Some(attributes))
}

/// The trace header, the only attribute a sender may set for AWS itself.
pub(super) fn trace_header(attributes: Option<Attributes>) -> Result<Option<Attributes>, Fault> {
    let Some(attributes) = attributes.filter(|map| !map.is_empty()) else { return Ok(None) };
    for (name, attribute) in &attributes {
        if name != "AWSTraceHeader" || attribute.data_type.as_deref() != Some("String") {
            return Err(Fault::parameter("MessageSystemAttributes", "only AWSTraceHeader, a String, may be sent"));
        }
        check(name, attribute)?;
    }
    Ok(Some(attributes))
}

fn is_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..")
        && !lower.starts_with("aws.")
        && !lower.starts_with("amazon.")
}

fn check(name: &str, attribute: &Attribute) -> Result<(), Fault> {
    let refuse = |reason: &str| Err(Fault::parameter(&format!("message attribute {name}"), reason));
    if attribute.string_list_values.as_ref().is_some_and(|list| !list.is_empty())
        || attribute.binary_list_values.as_ref().is_some_and(|list| !list.is_empty())
    {
        return Err(Fault::unsupported("A list in a message attribute"));
    }
    let data_type = attribute.data_type.as_deref().unwrap_or_default();
    if data_type.len() > NAME_BYTES_MAX || !is_text(data_type) {
        return refuse("its type is longer than 256 bytes or no text");
    }
    let base = data_type.split('.').next().unwrap_or_default();
    match (base, attribute.string_value.as_deref(), attribute.binary_value.as_deref()) {
        ("String" | "Number", Some(text), None) if !is_text(text) => Err(Fault::contents()),
        ("String", Some(text), None) if !text.is_empty() => Ok(()),
        ("Number", Some(text), None) if is_number(text) => Ok(()),
        ("Binary", None, Some(text)) if STANDARD.decode(text).is_ok_and(|bytes| !bytes.is_empty()) => Ok(()),
        ("String" | "Number" | "Binary", _, _) => refuse("it lacks one non-empty value of its type"),
        _ => refuse("its type is neither String nor Number nor Binary"),
    }
}

/// Decimal notation with at most 38 digits between 10^-128 and 10^126, as SQS documents for `Number`.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()),
        None => (unsigned, Some(0)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let Some(exponent) = exponent else { return false };
    if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
        return false;
    }
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return true;
    }
    // The power of ten of the first digit that is not zero.
    let leading_zeros = digits.len() - significant.len();
    let as_power = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let power =
        as_power(whole.len()).saturating_add(exponent).saturating_sub(as_power(leading_zeros)).saturating_sub(1);
    significant.trim_end_matches('0').len() <= 38 && (-128..=126).contains(&power)
}

/// The value of an attribute as bytes. One that does not decode counts as its text; [`attributes`] refuses it later.
pub(super) fn value(attribute: &Attribute) -> Vec<u8> {
    match (&attribute.string_value, &attribute.binary_value) {
        (Some(text), _) => text.clone().into_bytes(),
        (None, Some(text)) => STANDARD.decode(text).unwrap_or_else(|_| text.clone().into_bytes()),
        (None, None) => Vec::new(),
    }
}

/// The length that limits apply to, in bytes: body, and name, type and value of every attribute.
pub(super) fn length(body: &str, attributes: Option<&Attributes>) -> usize {
    let attributes = attributes.into_iter().flatten().map(|(name, attribute)| {
        name.len() + attribute.data_type.as_ref().map_or(0, String::len) + value(attribute).len()
    });
    attributes.fold(body.len(), usize::saturating_add)
}

/// The MD5 digest in hexadecimal, which is how SQS lets a client check what arrived. It protects nothing.
pub(super) fn md5(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

/// The digest of all attributes: per name in order, the length and bytes of name and type, one byte for how the value
/// travels, then its length and bytes; lengths are four bytes, big end first.
pub(super) fn md5_of_attributes(attributes: &Attributes) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    for (name, attribute) in attributes {
        part(&mut digest, name.as_bytes());
        part(&mut digest, attribute.data_type.as_deref().unwrap_or_default().as_bytes());
        digest.update([if attribute.string_value.is_some() { 1 } else { 2 }]);
        part(&mut digest, &value(attribute));
    }
    Some(hex(&digest.finalize()))
}

fn part(digest: &mut Md5, bytes: &[u8]) {
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a receipt handle says: which row of which queue, and which of its receives.
pub(super) struct Handle {
    pub(super) queue: i64,
    pub(super) row: i64,
    pub(super) receive: [u8; 16],
}

impl Handle {
    /// The handle as its holder sees it. The check bytes only tell a handle of ours from garbage; nobody is kept out.
    pub(super) fn seal(&self) -> String {
        let mut bytes = Vec::with_capacity(40);
        bytes.extend(self.queue.to_be_bytes());
        bytes.extend(self.row.to_be_bytes());
        bytes.extend(self.receive);
        let check = Md5::digest(&bytes);
        bytes.extend(check.iter().take(8));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a handle back; `None` if this engine never made it.
    pub(super) fn open(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (queue, rest) = bytes.split_first_chunk::<8>()?;
        let (row, rest) = rest.split_first_chunk::<8>()?;
        let (receive, _check) = rest.split_first_chunk::<16>()?;
        let handle = Self { queue: i64::from_be_bytes(*queue), row: i64::from_be_bytes(*row), receive: *receive };
        (handle.seal() == text).then_some(handle)
    }
}
