//! Conditions: read once from their text, and held against an item.

use super::path::{Bound, Mentions, Path};
use super::refusal::Refusal;
use super::value::{Attributes, Value};
use super::words::{Word, Words};
use std::borrow::Cow;
use std::cmp::Ordering;

/// A condition with the names and values that it mentions.
#[derive(Debug)]
pub(super) struct Condition {
    /// What it mentions.
    pub(super) mentions: Mentions,
    whole: Part,
}

#[derive(Debug)]
enum Part {
    Compare(Operand, Comparison, Operand),
    Exists(Path),
    IsMissing(Path),
    Contains(Operand, Operand),
    Both(Box<Part>, Box<Part>),
    Either(Box<Part>, Box<Part>),
    Not(Box<Part>),
}

#[derive(PartialEq, Eq, Debug)]
enum Operand {
    At(Path),
    Value(usize),
    Size(Path),
}

/// A comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// Reads a comparison.
    pub(super) fn read(words: &mut Words<'_>) -> Result<Comparison, Refusal> {
        let comparison = match words.peek() {
            Some(Word::Sign("=")) => Comparison::Equal,
            Some(Word::Sign("<>")) => Comparison::Unequal,
            Some(Word::Sign("<")) => Comparison::Less,
            Some(Word::Sign("<=")) => Comparison::AtMost,
            Some(Word::Sign(">")) => Comparison::More,
            Some(Word::Sign(">=")) => Comparison::AtLeast,
            _ => return Err(words.wrong()),
        };
        words.next();
        Ok(comparison)
    }

    /// Whether two values compare so. Those of different types are unequal and nothing else.
    pub(super) fn holds(self, left: &Value, right: &Value) -> bool {
        let order = match self {
            Comparison::Equal => return left == right,
            Comparison::Unequal => return left != right,
            _ => left.order(right),
        };
        match self {
            Comparison::Less => order == Some(Ordering::Less),
            Comparison::AtMost => order.is_some_and(Ordering::is_le),
            Comparison::More => order == Some(Ordering::Greater),
            _ => order.is_some_and(Ordering::is_ge),
        }
    }

    fn is_of_order(self) -> bool {
        !matches!(self, Comparison::Equal | Comparison::Unequal)
    }
}

impl Condition {
    /// Reads a condition.
    pub(super) fn read(text: &str) -> Result<Condition, Refusal> {
        let mut words = Words::of(text)?;
        let mut mentions = Mentions::default();
        let whole = either(&mut words, &mut mentions)?;
        if words.is_over() { Ok(Condition { mentions, whole }) } else { Err(words.wrong()) }
    }

    /// Whether it holds of an item; where there is none, of one without attributes.
    pub(super) fn holds(&self, bound: &Bound<'_>, item: Option<&Attributes>) -> Result<bool, Refusal> {
        self.whole.check(bound)?;
        let nothing = Attributes::default();
        Ok(self.whole.holds(bound, item.unwrap_or(&nothing)))
    }
}

fn either(words: &mut Words<'_>, mentions: &mut Mentions) -> Result<Part, Refusal> {
    let mut part = both(words, mentions)?;
    while words.take(Word::Plain("OR")) {
        part = Part::Either(Box::new(part), Box::new(both(words, mentions)?));
    }
    Ok(part)
}

fn both(words: &mut Words<'_>, mentions: &mut Mentions) -> Result<Part, Refusal> {
    let mut part = not(words, mentions)?;
    while words.take(Word::Plain("AND")) {
        part = Part::Both(Box::new(part), Box::new(not(words, mentions)?));
    }
    Ok(part)
}

fn not(words: &mut Words<'_>, mentions: &mut Mentions) -> Result<Part, Refusal> {
    if words.take(Word::Plain("NOT")) {
        return Ok(Part::Not(Box::new(not(words, mentions)?)));
    }
    if words.take(Word::Sign("(")) {
        let part = either(words, mentions)?;
        words.must_be(")")?;
        return Ok(part);
    }
    for (function, part) in
        [("attribute_exists", Part::Exists as fn(Path) -> Part), ("attribute_not_exists", Part::IsMissing)]
    {
        if words.take(Word::Plain(function)) {
            words.must_be("(")?;
            let path = Path::read(words, mentions)?;
            words.must_be(")")?;
            return Ok(part(path));
        }
    }
    if words.take(Word::Plain("contains")) {
        words.must_be("(")?;
        let whole = operand(words, mentions)?;
        words.must_be(",")?;
        let part = operand(words, mentions)?;
        words.must_be(")")?;
        return Ok(Part::Contains(whole, part));
    }
    let left = operand(words, mentions)?;
    let comparison = Comparison::read(words)?;
    Ok(Part::Compare(left, comparison, operand(words, mentions)?))
}

fn operand(words: &mut Words<'_>, mentions: &mut Mentions) -> Result<Operand, Refusal> {
    if let Some(Word::Value(value)) = words.peek() {
        words.next();
        return Ok(Operand::Value(mentions.value(value)));
    }
    if words.take(Word::Plain("size")) {
        words.must_be("(")?;
        let path = Path::read(words, mentions)?;
        words.must_be(")")?;
        return Ok(Operand::Size(path));
    }
    Path::read(words, mentions).map(Operand::At)
}

impl Operand {
    fn value<'i>(&self, bound: &Bound<'i>, item: &'i Attributes) -> Option<Cow<'i, Value>> {
        match self {
            Operand::At(path) => bound.find(item, path).map(Cow::Borrowed),
            Operand::Value(slot) => bound.value(*slot).map(Cow::Borrowed),
            Operand::Size(path) => {
                let length = i128::try_from(bound.find(item, path)?.length()?).ok()?;
                Some(Cow::Owned(Value::N(length)))
            }
        }
    }
}

impl Part {
    /// Refuses what DynamoDB refuses whatever the item is: an order of what has none, and a thing that contains itself.
    fn check(&self, bound: &Bound<'_>) -> Result<(), Refusal> {
        match self {
            Part::Compare(left, comparison, right) if comparison.is_of_order() => {
                for operand in [left, right] {
                    let Operand::Value(slot) = operand else { continue };
                    let value = bound.value(*slot);
                    if let Some(value) = value.filter(|v| !matches!(v, Value::S(_) | Value::N(_) | Value::B(_))) {
                        let kind = value.kind();
                        let message = format!("Incorrect operand type for operator or function; operand type: {kind}");
                        return Err(Refusal::invalid(message));
                    }
                }
                Ok(())
            }
            Part::Contains(whole, part) if whole == part => Err(Refusal::invalid(
                "The first operand must be distinct from the remaining operands; operator: contains",
            )),
            Part::Compare(..) | Part::Contains(..) | Part::Exists(_) | Part::IsMissing(_) => Ok(()),
            Part::Both(left, right) | Part::Either(left, right) => {
                left.check(bound)?;
                right.check(bound)
            }
            Part::Not(part) => part.check(bound),
        }
    }

    fn holds(&self, bound: &Bound<'_>, item: &Attributes) -> bool {
        match self {
            Part::Compare(left, comparison, right) => match (left.value(bound, item), right.value(bound, item)) {
                (Some(left), Some(right)) => comparison.holds(&left, &right),
                // What is not there is unequal to everything, and that is all that is true of it.
                _ => *comparison == Comparison::Unequal,
            },
            Part::Exists(path) => bound.find(item, path).is_some(),
            Part::IsMissing(path) => bound.find(item, path).is_none(),
            Part::Contains(whole, part) => match (whole.value(bound, item), part.value(bound, item)) {
                (Some(whole), Some(part)) => whole.contains(&part),
                _ => false,
            },
            Part::Both(left, right) => left.holds(bound, item) && right.holds(bound, item),
            Part::Either(left, right) => left.holds(bound, item) || right.holds(bound, item),
            Part::Not(part) => !part.holds(bound, item),
        }
    }
}
