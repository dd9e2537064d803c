//! The little of DER (ITU-T X.690) that keys and certificates need: lengths are read, values are not interpreted.
//!
//! Nothing here proves anything about a certificate. Certificates are settings that a seller pasted, or came in a reply whose
//! signature was proven; they only carry a key, a number and a name.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Tags that are used here.
pub(crate) const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;

/// Cuts one value off: its tag, its bytes, and what follows. Lengths are definite and minimal, as DER has them.
pub(crate) fn take(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        // Three digits are sixteen million bytes, and nothing here is that long.
        let length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
        let is_minimal = length >= 0x80 && digits.first().is_some_and(|digit| *digit != 0) && digits.len() <= 3;
        if !is_minimal {
            return None;
        }
        (length, rest)
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

/// Cuts one value of this tag off: its bytes, and what follows.
pub(crate) fn take_tag(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    take(input).filter(|(found, _, _)| *found == tag).map(|(_, value, rest)| (value, rest))
}

/// The key inside a SubjectPublicKeyInfo (RFC 5280, 4.1): the bytes of its bit string.
pub(crate) fn key_of_spki(spki: &[u8]) -> Option<&[u8]> {
    let (inside, rest) = take_tag(spki, SEQUENCE)?;
    let (_, key) = take_tag(inside, SEQUENCE)?;
    let (bits, end) = take_tag(key, BIT_STRING)?;
    let key = bits.strip_prefix(&[0])?;
    (rest.is_empty() && end.is_empty()).then_some(key)
}

/// What a certificate (RFC 5280, 4.1) says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// Its number, big-endian, without leading zeros.
    pub serial: Vec<u8>,
    /// The algorithm its issuer signed with, as the bytes of its object identifier.
    pub algorithm: Vec<u8>,
    /// Who issued it: attributes in the order in which they stand, each as the bytes of its identifier and its text.
    pub issuer: Vec<(Vec<u8>, String)>,
    /// The RSA key it is about, as PKCS#1 has it.
    pub key: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate's DER.
    pub fn read(der: &[u8]) -> Option<Certificate> {
        let (whole, rest) = take_tag(der, SEQUENCE)?;
        let (told, _) = take_tag(whole, SEQUENCE)?;
        // The first version of certificates has no field for its version.
        let told = take_tag(told, VERSION).map_or(told, |(_, rest)| rest);
        let (serial, told) = take_tag(told, INTEGER)?;
        let (algorithm, told) = take_tag(told, SEQUENCE)?;
        let (issuer, told) = take_tag(told, SEQUENCE)?;
        let (_valid, told) = take_tag(told, SEQUENCE)?;
        let (_subject, told) = take_tag(told, SEQUENCE)?;
        let (_, spki, after) = take(told)?;
        let spki = told.get(..told.len() - after.len()).filter(|_| !spki.is_empty())?;
        let (algorithm, _) = take_tag(algorithm, OID)?;
        let start = serial.iter().position(|byte| *byte != 0).unwrap_or(serial.len());
        Some(Certificate {
            serial: serial.get(start..)?.to_vec(),
            algorithm: algorithm.to_vec(),
            issuer: names(issuer)?,
            key: key_of_spki(spki)?.to_vec(),
        })
        .filter(|_| rest.is_empty())
    }

    /// Its number in upper-case hexadecimal digits, two for each byte.
    pub fn serial_hex(&self) -> String {
        self.serial.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// Its number in decimal digits.
    pub fn serial_decimal(&self) -> String {
        let mut digits = vec![0u8];
        for byte in &self.serial {
            let mut carry = u16::from(*byte);
            for digit in &mut digits {
                carry += u16::from(*digit) * 256;
                *digit = u8::try_from(carry % 10).unwrap_or_default();
                carry /= 10;
            }
            while carry > 0 {
                digits.push(u8::try_from(carry % 10).unwrap_or_default());
                carry /= 10;
            }
        }
        digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
    }
}

/// The attributes of a name: a sequence of sets of pairs.
fn names(mut name: &[u8]) -> Option<Vec<(Vec<u8>, String)>> {
    let mut found = Vec::new();
    while !name.is_empty() {
        let (mut set, rest) = take_tag(name, SET)?;
        while !set.is_empty() {
            let (pair, others) = take_tag(set, SEQUENCE)?;
            let (attribute, value) = take_tag(pair, OID)?;
            let (_, text, _) = take(value)?;
            found.push((attribute.to_vec(), String::from_utf8(text.to_vec()).ok()?));
            set = others;
        }
        name = rest;
    }
    Some(found)
}

/// The DER in a text: PEM with any label, or base64 alone as the back offices of Alipay and 易支付 give it. Of several PEM blocks the
/// first. White space and line ends of any kind are passed over.
pub fn of_text(text: &str) -> Option<Vec<u8>> {
    all_of_text(text).into_iter().next()
}

/// The DER of every PEM block in a text, or of the base64 that is its whole.
pub fn all_of_text(text: &str) -> Vec<Vec<u8>> {
    let decode = |body: &str| {
        let bare: String = body.chars().filter(|c| !c.is_whitespace()).collect();
        STANDARD.decode(bare).ok().filter(|der| !der.is_empty())
    };
    if !text.contains("-----BEGIN ") {
        return decode(text).into_iter().collect();
    }
    let blocks = text.split("-----BEGIN ").skip(1);
    blocks.filter_map(|block| decode(block.split_once("-----")?.1.split_once("-----END ")?.0)).collect()
}
