//! Bytes as the base64 text in which they come and go. Read once, they are kept as that text: equality is the text's own, and length
//! and order can be told from it. That holds because only the one canonical text of some bytes is let in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::cmp::Ordering;

/// What stands for nothing at the end of a text, and comes before everything: what ends earlier is less.
const PAD: u8 = b'=';

/// A letter's six bits and one, so that the padding can be none of them; `None` for what is no letter of base64.
fn rank(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter - b'A' + 1),
        b'a'..=b'z' => Some(letter - b'a' + 27),
        b'0'..=b'9' => Some(letter - b'0' + 53),
        b'+' => Some(63),
        b'/' => Some(64),
        _ => None,
    }
}

/// Whether this is the text that stands for its bytes, and no other text does: whole groups, padding at the end alone, and no bits
/// in the last letter that belong to no byte.
pub(super) fn is_canonical(text: &str) -> bool {
    let letters = text.trim_end_matches(char::from(PAD));
    let pads = text.len() - letters.len();
    let loose_bits = match pads {
        0 => 0,
        1 => 0b11,
        2 => 0b1111,
        _ => return false,
    };
    let mut last = 0;
    for letter in letters.bytes() {
        let Some(rank) = rank(letter) else { return false };
        last = rank.saturating_sub(1);
    }
    text.len().is_multiple_of(4) && last & loose_bits == 0
}

/// How many bytes a canonical text stands for.
pub(super) fn length(text: &str) -> usize {
    let pads = text.bytes().rev().take_while(|letter| *letter == PAD).count();
    (text.len() / 4 * 3).saturating_sub(pads)
}

/// The order of the bytes that two canonical texts stand for. Letters are six bits each, so the order of the bytes is that of the
/// letters by their ranks, and not by their codes.
pub(super) fn order(left: &str, right: &str) -> Ordering {
    let ranks = |text: &str| -> Vec<u8> { text.bytes().map(|letter| rank(letter).unwrap_or(0)).collect() };
    match left == right {
        true => Ordering::Equal,
        false => ranks(left).cmp(&ranks(right)),
    }
}

/// The bytes themselves. A text that is not base64 stands for none; none gets this far.
pub(super) fn decode(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of every length and pattern that a group of four letters can have.
    fn samples() -> Vec<Vec<u8>> {
        let edges = [0u8, 1, 15, 16, 63, 64, 127, 128, 250, 251, 255];
        let mut samples = vec![Vec::new()];
        for a in edges {
            samples.push(vec![a]);
            for b in edges {
                samples.push(vec![a, b]);
                samples.extend(edges.iter().map(|c| vec![a, b, *c]));
                samples.push(vec![a, b, 0, 0]);
            }
        }
        samples
    }

    #[test]
    fn the_text_tells_length_and_order_of_its_bytes() {
        let samples = samples();
        let texts: Vec<String> = samples.iter().map(|bytes| STANDARD.encode(bytes)).collect();
        for (bytes, text) in samples.iter().zip(&texts) {
            assert!(is_canonical(text), "{text}");
            assert_eq!(length(text), bytes.len(), "{text}");
            assert_eq!(&decode(text), bytes);
            for (others, other) in samples.iter().zip(&texts).step_by(7) {
                assert_eq!(order(text, other), bytes.cmp(others), "{bytes:?} {others:?}");
            }
        }
    }

    #[test]
    fn a_second_text_for_the_same_bytes_is_no_text() {
        for text in ["A", "AA", "AAA", "AB==", "AAB=", "AA=A", "A===", "====", "AA A", "AA-_", "AAAA=", "é==="] {
            assert!(!is_canonical(text), "{text}");
        }
    }
}
