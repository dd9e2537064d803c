//! JSON of providers, kept as the text that was sent: a price must not pass through a float, and what is signed is what was written.

use crate::HttpReply;
use domain::limits::BODY_MAX;
use serde::Deserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The JSON object in a body, still as text. The error says why there is none.
///
/// A byte order mark before it is dropped, because PHP files saved with one send it before everything else.
pub fn object(body: &[u8]) -> Result<&str, &'static str> {
    if body.len() > BODY_MAX {
        return Err("the reply is too long");
    }
    let text = std::str::from_utf8(body).map_err(|_| "the reply is not UTF-8")?;
    let text = text.trim_start_matches('\u{FEFF}');
    // serde would read a list as well, its items as our fields in the order in which we happen to write them.
    if !text.trim_start().starts_with('{') {
        return Err("the reply is not a JSON object");
    }
    Ok(text)
}

/// As [`object`], for gateways that encode twice and send a JSON string that holds the JSON.
pub fn object_once_or_twice(body: &[u8]) -> Result<Cow<'_, str>, &'static str> {
    if body.len() > BODY_MAX {
        return Err("the reply is too long");
    }
    let text = std::str::from_utf8(body).map_err(|_| "the reply is not UTF-8")?;
    match serde_json::from_str::<String>(text.trim_start_matches('\u{FEFF}')) {
        Ok(text) => object(text.as_bytes()).map(|text| Cow::Owned(text.to_owned())),
        Err(_) => object(body).map(Cow::Borrowed),
    }
}

/// The JSON object in a reply with status 200, still as text.
pub fn object_of(reply: &HttpReply) -> Result<&str, &'static str> {
    if reply.status != 200 {
        return Err("the HTTP status is not 200");
    }
    object(&reply.body)
}

/// The text of a JSON string, or of a number as it was written. Anything else is not a scalar.
pub fn scalar(value: Option<&RawValue>) -> Option<String> {
    let raw = value?.get();
    if raw.starts_with('"') {
        return serde_json::from_str(raw).ok();
    }
    raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()).then(|| raw.to_owned())
}

/// The fields of one JSON object in the order they were sent, each value still as text. No two have the same name.
pub struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads an object's text. A name sent twice, compared after decoding, makes it unreadable.
    pub fn read(text: &'a str) -> Result<Fields<'a>, &'static str> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let fields = reader.deserialize_map(ReadFields).map_err(|_| "not a JSON object, or a name sent twice")?;
        reader.end().map_err(|_| "something follows the JSON object")?;
        Ok(fields)
    }

    /// The raw value of this name.
    pub fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| *value)
    }

    /// The text of a string or number of this name.
    pub fn scalar(&self, name: &str) -> Option<String> {
        scalar(self.raw(name))
    }

    /// The text of a string of this name; a number is none.
    pub fn string(&self, name: &str) -> Option<String> {
        self.raw(name).and_then(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// The object of this name.
    pub fn object(&self, name: &str) -> Option<Fields<'a>> {
        Fields::read(self.raw(name)?.get()).ok()
    }

    /// All fields.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

struct ReadFields;

impl<'de> Visitor<'de> for ReadFields {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields: Vec<(String, &RawValue)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("a name sent twice"));
            }
            fields.push((name, value));
        }
        Ok(Fields(fields))
    }
}
