//! Paths into an item, and what the names and values of an expression stand for in a request.

use super::json::{Pairs, Text};
use super::refusal::Refusal;
use super::value::{Attributes, Value};
use super::words::{Word, Words};
use std::cmp::Ordering;

/// The names and values that an expression mentions, each once. Parts of the expression know them by their number.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    names: Vec<Box<str>>,
    values: Vec<Box<str>>,
}

fn slot(list: &mut Vec<Box<str>>, word: &str) -> usize {
    list.iter().position(|own| **own == *word).unwrap_or_else(|| {
        list.push(word.into());
        list.len() - 1
    })
}

impl Mentions {
    /// The number of a value.
    pub(super) fn value(&mut self, word: &str) -> usize {
        slot(&mut self.values, word)
    }
}

/// A step into an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// To a name, by its number among the expression's.
    Name(usize),
    /// To a place of a list.
    At(usize),
}

/// A path: the first step is a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Path(Vec<Step>);

impl Path {
    /// Reads a path. Names come by their aliases alone, as in every expression of this shop, so that no reserved word has to be
    /// known here.
    pub(super) fn read(words: &mut Words<'_>, mentions: &mut Mentions) -> Result<Path, Refusal> {
        let mut steps = Vec::new();
        loop {
            let Some(Word::Name(name)) = words.peek() else { return Err(words.wrong()) };
            words.next();
            steps.push(Step::Name(slot(&mut mentions.names, name)));
            while words.take(Word::Sign("[")) {
                let Some(Word::Number(at)) = words.peek() else { return Err(words.wrong()) };
                words.next();
                words.must_be("]")?;
                steps.push(Step::At(at));
            }
            if !words.take(Word::Sign(".")) {
                return Ok(Path(steps));
            }
        }
    }
}

/// A step by the name that it means in a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Meant<'r> {
    Name(&'r str),
    At(usize),
}

/// What an expression's names and values stand for in one request.
#[derive(Debug)]
pub(super) struct Bound<'r> {
    names: Vec<&'r str>,
    values: Vec<&'r Value>,
}

/// The names and values of a request.
#[derive(Debug, Default)]
pub(super) struct Given<'a> {
    /// Attributes by alias, with its mark.
    pub(super) names: Pairs<'a, Text<'a>>,
    /// Values by name, with its mark.
    pub(super) values: Pairs<'a, Value>,
}

fn look_up<'r, T>(pairs: &'r Pairs<'_, T>, mark: char, word: &str) -> Result<&'r T, Refusal> {
    let found = pairs.0.iter().find(|(name, _)| name.0.strip_prefix(mark) == Some(word));
    let missing = || Refusal::invalid(format!("An expression uses {mark}{word}, which is not defined"));
    found.map(|(_, value)| value).ok_or_else(missing)
}

impl Given<'_> {
    /// What an expression's names and values stand for. One that the request does not define is refused.
    pub(super) fn bind<'r>(&'r self, mentions: &Mentions) -> Result<Bound<'r>, Refusal> {
        let names: Result<Vec<&str>, Refusal> =
            mentions.names.iter().map(|word| look_up(&self.names, '#', word).map(|text| &*text.0)).collect();
        let values: Result<Vec<&Value>, Refusal> =
            mentions.values.iter().map(|word| look_up(&self.values, ':', word)).collect();
        Ok(Bound { names: names?, values: values? })
    }

    /// Refuses names and values that no expression mentions, as DynamoDB does.
    pub(super) fn all_used(&self, mentions: &[&Mentions]) -> Result<(), Refusal> {
        let is_used = |mark: char, name: &str, list: fn(&Mentions) -> &[Box<str>]| {
            let word = name.strip_prefix(mark);
            word.is_some_and(|word| mentions.iter().any(|m| list(m).iter().any(|own| **own == *word)))
        };
        let name = self.names.0.iter().map(|(name, _)| name).find(|name| !is_used('#', &name.0, |m| &m.names));
        let value = self.values.0.iter().map(|(name, _)| name).find(|name| !is_used(':', &name.0, |m| &m.values));
        match name.or(value) {
            None => Ok(()),
            Some(unused) => Err(Refusal::invalid(format!("Value provided but unused in expressions: {}", unused.0))),
        }
    }
}

impl<'r> Bound<'r> {
    fn name(&self, slot: usize) -> &'r str {
        self.names.get(slot).copied().unwrap_or_default()
    }

    /// The value with this number.
    pub(super) fn value(&self, slot: usize) -> Option<&'r Value> {
        self.values.get(slot).copied()
    }

    fn meant(&self, step: Step) -> Meant<'r> {
        match step {
            Step::Name(slot) => Meant::Name(self.name(slot)),
            Step::At(at) => Meant::At(at),
        }
    }

    /// The name of the attribute that a path begins with.
    pub(super) fn attribute(&self, path: &Path) -> &'r str {
        match path.0.first() {
            Some(Step::Name(slot)) => self.name(*slot),
            _ => "",
        }
    }

    /// Whether the path is nothing but an attribute's name.
    pub(super) fn is_attribute(path: &Path) -> bool {
        path.0.len() == 1
    }

    /// The order of two paths, step by step, places as numbers.
    pub(super) fn order(&self, left: &Path, right: &Path) -> Ordering {
        left.0.iter().map(|step| self.meant(*step)).cmp(right.0.iter().map(|step| self.meant(*step)))
    }

    /// Whether one path leads through what the other leads to.
    pub(super) fn overlap(&self, left: &Path, right: &Path) -> bool {
        left.0.iter().zip(&right.0).all(|(left, right)| self.meant(*left) == self.meant(*right))
    }

    /// What stands at a path.
    pub(super) fn find<'i>(&self, item: &'i Attributes, path: &Path) -> Option<&'i Value> {
        let (_, rest) = path.0.split_first()?;
        rest.iter().try_fold(item.get(self.attribute(path))?, |value, step| match (self.meant(*step), value) {
            (Meant::Name(name), Value::M(map)) => map.get(name),
            (Meant::At(at), Value::L(list)) => list.get(at),
            _ => None,
        })
    }

    /// Where a path's last step is to be taken within an item: the map or list around it.
    fn above<'i>(&self, item: &'i mut Attributes, path: &Path) -> Option<(Place<'i>, Meant<'r>)> {
        let (last, before) = path.0.split_last()?;
        let last = self.meant(*last);
        let Some((_, between)) = before.split_first() else { return Some((Place::Map(item), last)) };
        let mut value = item.get_mut(self.attribute(path))?;
        for step in between {
            value = match (self.meant(*step), value) {
                (Meant::Name(name), Value::M(map)) => map.get_mut(name)?,
                (Meant::At(at), Value::L(list)) => list.get_mut(at)?,
                _ => return None,
            };
        }
        match (value, last) {
            (Value::M(map), Meant::Name(_)) => Some((Place::Map(map), last)),
            (Value::L(list), Meant::At(_)) => Some((Place::List(list), last)),
            _ => None,
        }
    }

    /// Puts a value at a path; a place behind the end of a list is its end. What is around it has to be there.
    pub(super) fn put(&self, item: &mut Attributes, path: &Path, value: Value) -> Result<(), Refusal> {
        match self.above(item, path).ok_or_else(no_such_place)? {
            (Place::Map(map), Meant::Name(name)) => map.set(name, value),
            (Place::List(list), Meant::At(at)) => match list.get_mut(at) {
                Some(own) => *own = value,
                None => list.push(value),
            },
            _ => return Err(no_such_place()),
        }
        Ok(())
    }

    /// Takes out what stands at a path, if anything does; members of a list that follow move up. What is around it has to be there.
    pub(super) fn take_out(&self, item: &mut Attributes, path: &Path) -> Result<(), Refusal> {
        match self.above(item, path).ok_or_else(no_such_place)? {
            (Place::Map(map), Meant::Name(name)) => map.remove(name),
            (Place::List(list), Meant::At(at)) if at < list.len() => drop(list.remove(at)),
            (Place::List(_), Meant::At(_)) => {}
            _ => return Err(no_such_place()),
        }
        Ok(())
    }
}

enum Place<'i> {
    Map(&'i mut Attributes),
    List(&'i mut Vec<Value>),
}

/// The refusal of a path whose surroundings are not there.
pub(super) fn no_such_place() -> Refusal {
    Refusal::invalid("The document path provided in the update expression is invalid for update")
}
