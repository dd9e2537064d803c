//! Query strings and `application/x-www-form-urlencoded` bodies, from raw bytes and back.
//!
//! Strict on purpose. A signature covers the decoded pairs, so two readers who decode differently would verify different
//! things: what other decoders mend (a bad escape, bytes that are not UTF-8) or choose between (a name sent twice) is
//! refused here.

/// Why bytes are not a form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotForm {
    /// A `%` without two hexadecimal digits after it.
    Escape,
    /// The decoded bytes are not UTF-8.
    Utf8,
    /// A value without a name, as in `=x`.
    NoName,
    /// The same name twice, compared after decoding.
    Duplicate,
}

impl NotForm {
    /// The reason in words, for the log.
    pub fn reason(self) -> &'static str {
        match self {
            NotForm::Escape => "a percent sign without two hexadecimal digits",
            NotForm::Utf8 => "not UTF-8 after decoding",
            NotForm::NoName => "a value without a name",
            NotForm::Duplicate => "a name sent twice",
        }
    }
}

/// Decoded pairs in the order they were sent. No two have the same name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// The value sent under this name. A name without `=` has the empty value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// The value sent under this name, unless it is empty.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// All pairs, in the order they were sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Reads raw bytes: cut at `&`, then at the first `=`, then decoded once (`+` is a space). Empty pieces, as in `a=1&&b=2`
/// or after a last `&`, carry nothing and are passed over.
pub fn parse(raw: &[u8]) -> Result<Pairs, NotForm> {
    let mut pairs = Vec::new();
    let mut names = std::collections::HashSet::new();
    for piece in raw.split(|&b| b == b'&').filter(|piece| !piece.is_empty()) {
        let mut halves = piece.splitn(2, |&b| b == b'=');
        let name = decode(halves.next().unwrap_or_default())?;
        let value = decode(halves.next().unwrap_or_default())?;
        if name.is_empty() {
            return Err(NotForm::NoName);
        }
        if !names.insert(name.clone()) {
            return Err(NotForm::Duplicate);
        }
        pairs.push((name, value));
    }
    Ok(Pairs(pairs))
}

fn decode(raw: &[u8]) -> Result<String, NotForm> {
    let digit = |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (digit(rest.next()), digit(rest.next())) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(NotForm::Escape),
            },
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| NotForm::Utf8)
}

/// Writes pairs so that every decoder reads the same: all but RFC 3986's unreserved characters are escaped, a space as
/// `%20`, because `+` is a space to some readers only.
pub fn write<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        encode(name, &mut out);
        out.push('=');
        encode(value, &mut out);
    }
    out
}

fn encode(text: &str, out: &mut String) {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).map_or('?', |d| d.to_ascii_uppercase());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}
