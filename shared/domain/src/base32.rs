//! Base 32 in Crockford's alphabet: digits and capitals without I, L, O and U, so that a number read out over the phone
//! or typed from a bill stays unambiguous, and so that it passes every provider's character rule for order numbers.

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The letter for the low five bits of `value`.
pub(crate) fn letter(value: u8) -> char {
    ALPHABET.get(usize::from(value & 31)).copied().map_or('0', char::from)
}

fn value(letter: u8) -> Option<u8> {
    ALPHABET.iter().position(|&a| a == letter).and_then(|p| u8::try_from(p).ok())
}

/// Encodes bytes, most significant bit first. Fifteen bytes give exactly 24 letters; lengths that leave bits over do not compile.
pub(crate) fn encode<const N: usize>(bytes: &[u8; N]) -> String {
    const { assert!(N.is_multiple_of(5), "five bytes are eight letters") };
    let mut out = String::with_capacity(N / 5 * 8);
    let (mut buffer, mut bits) = (0u16, 0u8);
    for &byte in bytes {
        buffer = (buffer << 8) | u16::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(letter((buffer >> bits) as u8));
        }
        buffer &= (1 << bits) - 1;
    }
    out
}

/// Decodes exactly `N` bytes from capitals and digits; anything else is `None`. Lengths that leave bits over do not compile.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    const { assert!(N.is_multiple_of(5), "eight letters are five bytes") };
    if text.len() != N / 5 * 8 {
        return None;
    }
    let mut out = [0u8; N];
    let (mut buffer, mut bits, mut filled) = (0u16, 0u8, 0usize);
    for letter in text.bytes() {
        buffer = (buffer << 5) | u16::from(value(letter)?);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            *out.get_mut(filled)? = (buffer >> bits) as u8;
            filled += 1;
            buffer &= (1 << bits) - 1;
        }
    }
    Some(out)
}
