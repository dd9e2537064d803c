//! Values from JSON and into JSON, each octet touched once.

use super::bytes;
use super::value::{Attributes, Value, number};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A text of a request, where it stands.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// The members of an object, in the order in which they came.
#[derive(Debug)]
pub(super) struct Pairs<'a, T>(pub(super) Vec<(Text<'a>, T)>);

impl<T> Default for Pairs<'_, T> {
    fn default() -> Self {
        Pairs(Vec::new())
    }
}

struct PairsVisitor<'a, T>(PhantomData<(&'a (), T)>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for PairsVisitor<'a, T> {
    type Value = Pairs<'a, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Pairs<'a, T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(PairsVisitor(PhantomData))
    }
}

/// The letters of a value's type. Others are an error that names them.
#[derive(Deserialize)]
enum Kind {
    S,
    N,
    B,
    L,
    M,
    #[serde(rename = "BOOL")]
    Bool,
    #[serde(rename = "NULL")]
    Null,
    #[serde(rename = "SS")]
    Ss,
    #[serde(rename = "NS")]
    Ns,
    #[serde(rename = "BS")]
    Bs,
}

fn whole<E: Error>(text: &Text<'_>) -> Result<i128, E> {
    number(&text.0).ok_or_else(|| E::custom(format!("{} is no whole number of at most 38 digits", text.0)))
}

fn canonical<E: Error>(text: &Text<'_>) -> Result<Arc<str>, E> {
    if bytes::is_canonical(&text.0) {
        return Ok(Arc::from(&*text.0));
    }
    Err(E::custom("bytes are not the base64 text that stands for them"))
}

/// A set's members in order. Neither an empty one nor one with a member twice is a set.
fn set<T, E: Error>(mut members: Vec<T>, order: impl Fn(&T, &T) -> std::cmp::Ordering) -> Result<Vec<T>, E> {
    members.sort_unstable_by(&order);
    let twice = members.windows(2).any(|two| matches!(two, [left, right] if order(left, right).is_eq()));
    if members.is_empty() || twice {
        return Err(E::custom("One or more parameter values were invalid: a set is empty or has a member twice"));
    }
    Ok(members)
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with its type")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let Some(kind) = map.next_key()? else { return Err(A::Error::custom("a value without a type")) };
        let value = match kind {
            Kind::S => Value::S(Arc::from(&*map.next_value::<Text<'de>>()?.0)),
            Kind::N => Value::N(whole(&map.next_value()?)?),
            Kind::B => Value::B(canonical(&map.next_value()?)?),
            Kind::Bool => Value::Bool(map.next_value()?),
            Kind::Null => match map.next_value()? {
                true => Value::Null,
                false => return Err(A::Error::custom("NULL is true or not there")),
            },
            Kind::L => Value::L(map.next_value()?),
            Kind::M => Value::M(map.next_value()?),
            Kind::Ss => {
                let texts: Vec<Text<'de>> = map.next_value()?;
                Value::Ss(set(texts.iter().map(|text| Arc::from(&*text.0)).collect(), Arc::cmp)?)
            }
            Kind::Ns => {
                let texts: Vec<Text<'de>> = map.next_value()?;
                let numbers: Result<Vec<i128>, A::Error> = texts.iter().map(whole).collect();
                Value::Ns(set(numbers?, i128::cmp)?)
            }
            Kind::Bs => {
                let texts: Vec<Text<'de>> = map.next_value()?;
                let texts: Result<Vec<Arc<str>>, A::Error> = texts.iter().map(canonical).collect();
                Value::Bs(set(texts?, |left, right| bytes::order(left, right))?)
            }
        };
        match map.next_key::<Kind>()? {
            None => Ok(value),
            Some(_) => Err(A::Error::custom("a value of two types")),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Value, D::Error> {
        from.deserialize_map(ValueVisitor)
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Attributes, D::Error> {
        let Pairs::<'de, Value>(pairs) = Pairs::deserialize(from)?;
        let pairs = pairs.into_iter().map(|(name, value)| (Arc::from(&*name.0), value)).collect();
        Attributes::from_pairs(pairs).map_err(|name| D::Error::custom(format!("{name} is there twice")))
    }
}

/// JSON as it is written.
#[derive(Debug, Default)]
pub(super) struct Out(Vec<u8>);

impl Out {
    /// An answer of about this many octets.
    pub(super) fn with_capacity(octets: usize) -> Out {
        Out(Vec::with_capacity(octets))
    }

    /// What was written.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// JSON as it stands here.
    pub(super) fn raw(&mut self, json: &str) {
        self.0.extend_from_slice(json.as_bytes());
    }

    /// A text, in quotes.
    pub(super) fn text(&mut self, text: &str) {
        if text.bytes().all(|octet| octet >= b' ' && octet != b'"' && octet != b'\\') {
            self.plain(text);
        } else {
            // Seldom: keys and numbers have nothing that must be masked.
            self.raw(&serde_json::Value::from(text).to_string());
        }
    }

    /// A text that has nothing to be masked, in quotes.
    fn plain(&mut self, text: &str) {
        self.0.push(b'"');
        self.raw(text);
        self.0.push(b'"');
    }

    fn number(&mut self, number: i128) {
        // A number of 64 bits is divided ten times as fast.
        match i64::try_from(number) {
            Ok(small) => self.plain(&small.to_string()),
            Err(_) => self.plain(&number.to_string()),
        }
    }

    /// Members in brackets, with commas between them.
    pub(super) fn list<T>(&mut self, members: impl IntoIterator<Item = T>, one: impl Fn(&mut Out, T)) {
        self.0.push(b'[');
        for (n, member) in members.into_iter().enumerate() {
            if n > 0 {
                self.0.push(b',');
            }
            one(self, member);
        }
        self.0.push(b']');
    }

    /// An object of named values.
    pub(super) fn object<'v>(&mut self, members: impl IntoIterator<Item = (&'v str, &'v Value)>) {
        self.0.push(b'{');
        for (n, (name, value)) in members.into_iter().enumerate() {
            if n > 0 {
                self.0.push(b',');
            }
            self.text(name);
            self.0.push(b':');
            self.value(value);
        }
        self.0.push(b'}');
    }

    /// An item, or a map within one.
    pub(super) fn attributes(&mut self, attributes: &Attributes) {
        self.object(attributes.iter().map(|(name, value)| (&**name, value)));
    }

    fn value(&mut self, value: &Value) {
        self.raw("{\"");
        self.raw(value.kind());
        self.raw("\":");
        match value {
            Value::S(text) => self.text(text),
            Value::N(number) => self.number(*number),
            Value::B(text) => self.plain(text),
            Value::Bool(yes) => self.raw(if *yes { "true" } else { "false" }),
            Value::Null => self.raw("true"),
            Value::L(list) => self.list(list, Out::value),
            Value::M(map) => self.attributes(map),
            Value::Ss(set) => self.list(set, |out, text| out.text(text)),
            Value::Ns(set) => self.list(set, |out, number| out.number(*number)),
            Value::Bs(set) => self.list(set, |out, text| out.plain(text)),
        }
        self.0.push(b'}');
    }
}
