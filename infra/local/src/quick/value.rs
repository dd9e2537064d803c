//! Values and items: what a table holds.

use super::bytes;
use std::cmp::Ordering;
use std::sync::Arc;

/// DynamoDB's limit for a number's digits. Source: Amazon DynamoDB Developer Guide, "Data types".
const DIGITS: usize = 38;

/// A value. Texts are shared, so that an item is copied before it is changed at little cost. Sets are in order and have no member
/// twice, so that equal values are equal member by member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Value {
    /// Text.
    S(Arc<str>),
    /// A whole number.
    N(i128),
    /// Bytes as canonical base64 text.
    B(Arc<str>),
    /// Yes or no.
    Bool(bool),
    /// Known to be nothing.
    Null,
    /// A list.
    L(Vec<Value>),
    /// A map.
    M(Attributes),
    /// A set of texts.
    Ss(Vec<Arc<str>>),
    /// A set of numbers.
    Ns(Vec<i128>),
    /// A set of bytes.
    Bs(Vec<Arc<str>>),
}

/// Values by name, in the order of the names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Attributes(Vec<(Arc<str>, Value)>);

/// A whole number of at most 38 digits in the one way DynamoDB writes it; `None` for anything else, fractions and exponents
/// included, which this shop never writes.
pub(super) fn number(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_whole = (1..=DIGITS).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    if is_whole { text.parse().ok() } else { None }
}

/// Whether a computed number is one that DynamoDB keeps.
pub(super) fn fits(number: i128) -> bool {
    // One digit more would be 10 to the 38th, which an `i128` can still hold.
    number.unsigned_abs() < 10u128.pow(38)
}

/// The bytes that a number counts for: half its digits without the zeros at the end, one more, and one for a sign.
/// Source: measured by the embedded engine's author; the developer guide says "approximately".
fn number_size(number: i128) -> usize {
    // Numbers of this shop fit into 64 bits, which are divided ten times as fast.
    let digits = match u64::try_from(number.unsigned_abs()) {
        Ok(small) => significant(small, |n| n.is_multiple_of(10), |n| n / 10),
        Err(_) => significant(number.unsigned_abs(), |n| n.is_multiple_of(10), |n| n / 10),
    };
    digits.div_ceil(2) + 1 + usize::from(number < 0)
}

fn significant<T: Copy + PartialEq + Default>(mut rest: T, ends_in_zero: fn(T) -> bool, tenth: fn(T) -> T) -> usize {
    let nothing = T::default();
    while rest != nothing && ends_in_zero(rest) {
        rest = tenth(rest);
    }
    let mut digits = 0;
    while rest != nothing {
        rest = tenth(rest);
        digits += 1;
    }
    digits
}

impl Value {
    /// The letters of its type.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::S(_) => "S",
            Value::N(_) => "N",
            Value::B(_) => "B",
            Value::Bool(_) => "BOOL",
            Value::Null => "NULL",
            Value::L(_) => "L",
            Value::M(_) => "M",
            Value::Ss(_) => "SS",
            Value::Ns(_) => "NS",
            Value::Bs(_) => "BS",
        }
    }

    /// The bytes it counts for. Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats".
    pub(super) fn size(&self) -> usize {
        match self {
            Value::S(text) => text.len(),
            Value::N(number) => number_size(*number),
            Value::B(text) => bytes::length(text),
            Value::Bool(_) | Value::Null => 1,
            Value::L(list) => 3 + list.iter().map(|value| 1 + value.size()).sum::<usize>(),
            Value::M(map) => 3 + map.iter().map(|(name, value)| 1 + name.len() + value.size()).sum::<usize>(),
            Value::Ss(set) => set.iter().map(|text| text.len()).sum(),
            Value::Ns(set) => set.iter().map(|number| number_size(*number)).sum(),
            Value::Bs(set) => set.iter().map(|text| bytes::length(text)).sum(),
        }
    }

    /// What `size()` of an expression says; `None` for what has no size.
    pub(super) fn length(&self) -> Option<usize> {
        match self {
            // Source: the same guide says "length"; the embedded engine's author measured letters of UTF-16.
            Value::S(text) => Some(text.encode_utf16().count()),
            Value::B(text) => Some(bytes::length(text)),
            Value::L(list) => Some(list.len()),
            Value::M(map) => Some(map.0.len()),
            Value::Ss(set) | Value::Bs(set) => Some(set.len()),
            Value::Ns(set) => Some(set.len()),
            Value::N(_) | Value::Bool(_) | Value::Null => None,
        }
    }

    /// The order of two values; `None` for different types, and for types that have none.
    pub(super) fn order(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::S(left), Value::S(right)) => Some(left.cmp(right)),
            (Value::N(left), Value::N(right)) => Some(left.cmp(right)),
            (Value::B(left), Value::B(right)) => Some(bytes::order(left, right)),
            _ => None,
        }
    }

    /// Whether another value is a part of it: a member of a list or of a set, a piece of a text or of bytes.
    pub(super) fn contains(&self, part: &Value) -> bool {
        match (self, part) {
            (Value::L(list), part) => list.contains(part),
            (Value::S(text), Value::S(part)) => text.contains(&**part),
            (Value::Ss(set), Value::S(part)) | (Value::Bs(set), Value::B(part)) => set.contains(part),
            (Value::Ns(set), Value::N(part)) => set.contains(part),
            (Value::B(text), Value::B(part)) => {
                let (whole, part) = (bytes::decode(text), bytes::decode(part));
                part.is_empty() || whole.windows(part.len()).any(|piece| piece == part)
            }
            _ => false,
        }
    }

    /// How many lists and maps stand within each other.
    pub(super) fn depth(&self) -> usize {
        match self {
            Value::L(list) => 1 + list.iter().map(Value::depth).max().unwrap_or(0),
            Value::M(map) => 1 + map.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }
}

impl Attributes {
    /// Brings named values into order; `Err` is a name that is there twice.
    pub(super) fn from_pairs(mut pairs: Vec<(Arc<str>, Value)>) -> Result<Attributes, Arc<str>> {
        pairs.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        let twice = pairs.windows(2).find_map(|two| match two {
            [(left, _), (right, _)] if left == right => Some(left.clone()),
            _ => None,
        });
        twice.map_or(Ok(Attributes(pairs)), Err)
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| (**own).cmp(name))
    }

    /// The value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(self.place(name).ok()?).map(|(_, value)| value)
    }

    /// The value of a name, to be changed.
    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        let at = self.place(name).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// Gives a name a value.
    pub(super) fn set(&mut self, name: &str, value: Value) {
        match self.place(name) {
            Ok(at) => {
                if let Some((_, own)) = self.0.get_mut(at) {
                    *own = value;
                }
            }
            Err(at) => self.0.insert(at, (name.into(), value)),
        }
    }

    /// Takes a name and its value out.
    pub(super) fn remove(&mut self, name: &str) {
        if let Ok(at) = self.place(name) {
            self.0.remove(at);
        }
    }

    /// Every name with its value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes they count for.
    pub(super) fn size(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + value.size()).sum()
    }

    /// How many lists and maps stand within each other.
    pub(super) fn depth(&self) -> usize {
        self.iter().map(|(_, value)| value.depth()).max().unwrap_or(0)
    }
}
