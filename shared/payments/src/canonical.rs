//! The text that is signed, for every provider that signs sorted `name=value` pairs.
//!
//! Four families of providers differ in three details only: which names stay out, how the key is joined, and the case of
//! the hexadecimal digest. The rest is shared: empty values stay out (`0` is not empty), names are sorted by their bytes,
//! and values stand as they are, not URL-encoded.
//!
//! The text is not escaped, so it can be read in two ways when a value holds `&` or a name holds `=`. Whoever verifies a
//! foreign text refuses those first: see [`ambiguity`].

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

/// How the key is joined to the text before the digest is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tail {
    /// The key follows the last value without a separator: 易支付, epusdt, TokenPay.
    Key,
    /// `&key=` and the key follow: PayJS, WeChat Pay v2, some forks of 易支付.
    AndKey,
    /// No key: the text is signed by other means (RSA, HMAC). A digest of it proves nothing and is never accepted.
    None,
}

/// The case of the hexadecimal digest. Only this case is accepted, because a provider writes only one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// `0-9a-f`.
    Lower,
    /// `0-9A-F`.
    Upper,
}

/// One provider's way of building the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Family {
    /// Names that are not signed, such as the signature itself.
    pub drop: &'static [&'static str],
    /// How the key is joined.
    pub tail: Tail,
    /// The case of the digest.
    pub case: Case,
}

impl Family {
    /// The sorted pairs joined by `&`, without any key. This is also what RSA and HMAC families sign.
    pub fn text<'a>(&self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut kept: Vec<_> =
            pairs.into_iter().filter(|(name, value)| !value.is_empty() && !self.drop.contains(name)).collect();
        kept.sort_unstable();
        let mut text = String::new();
        for (name, value) in kept {
            if !text.is_empty() {
                text.push('&');
            }
            text.push_str(name);
            text.push('=');
            text.push_str(value);
        }
        text
    }

    /// The MD5 digest of the pairs and the key, in hexadecimal digits of this family's case.
    pub fn md5<'a>(&self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>, key: &str) -> String {
        let mut digest = Md5::new();
        digest.update(self.text(pairs));
        match self.tail {
            Tail::Key => digest.update(key),
            Tail::AndKey => {
                digest.update("&key=");
                digest.update(key);
            }
            Tail::None => {}
        }
        let digits: &[u8; 16] = match self.case {
            Case::Lower => b"0123456789abcdef",
            Case::Upper => b"0123456789ABCDEF",
        };
        let digit = |nibble: u8| digits.get(usize::from(nibble)).copied().map_or('?', char::from);
        digest.finalize().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }

    /// Whether `given` is the digest of these pairs under this key, compared in constant time.
    ///
    /// An empty key, and a family without a key, verify nothing: anybody could have computed that digest.
    pub fn verifies_md5<'a>(
        &self,
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
        key: &str,
        given: &str,
    ) -> bool {
        if key.is_empty() || self.tail == Tail::None {
            return false;
        }
        bool::from(self.md5(pairs, key).as_bytes().ct_eq(given.as_bytes()))
    }
}

/// Names the first reason why a text built of these pairs could also be read as other pairs, if there is one.
///
/// With no `&` anywhere and no `=` in a name, the text splits in one way only: at each `&`, then at the first `=`.
/// Control characters are refused too: no gateway sends them, and what a log or a database makes of them is anybody's guess.
///
/// The danger is real: in a shop that put unchecked text into its own signed pay form, the same signed bytes, cut at other
/// places, passed as the provider's notification.
pub fn ambiguity<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<&'static str> {
    pairs.into_iter().find_map(|(name, value)| {
        if name.contains('&') {
            Some("a name holds an ampersand")
        } else if name.contains('=') {
            Some("a name holds an equals sign")
        } else if name.contains(char::is_control) {
            Some("a name holds a control character")
        } else if value.contains('&') {
            Some("a value holds an ampersand")
        } else if value.contains(char::is_control) {
            Some("a value holds a control character")
        } else {
            None
        }
    })
}
