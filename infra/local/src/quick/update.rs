//! Updates: read once from their text, and applied to a copy of an item.

use super::path::{Bound, Mentions, Path, no_such_place};
use super::refusal::Refusal;
use super::value::{Attributes, Value, fits};
use super::words::{Word, Words};
use std::sync::Arc;

/// An update with the names and values that it mentions.
#[derive(Debug)]
pub(super) struct Update {
    /// What it mentions.
    pub(super) mentions: Mentions,
    sets: Vec<(Path, Source)>,
    removes: Vec<Path>,
    adds: Vec<(Path, usize)>,
    deletes: Vec<(Path, usize)>,
}

/// Where a new value comes from.
#[derive(Debug)]
enum Source {
    At(Path),
    Value(usize),
    IfMissing(Path, Box<Source>),
    Append(Box<Source>, Box<Source>),
    Sum(Box<Source>, Box<Source>),
    Difference(Box<Source>, Box<Source>),
}

impl Update {
    /// Reads an update.
    pub(super) fn read(text: &str) -> Result<Update, Refusal> {
        let mut words = Words::of(text)?;
        let words = &mut words;
        let mut mentions = Mentions::default();
        let (mut sets, mut removes, mut adds, mut deletes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        loop {
            let clause = |words: &mut Words<'_>, name: &str, is_first: bool| match words.take(Word::Plain(name)) {
                true if !is_first => {
                    Err(Refusal::invalid(format!("{name} can only be used once in an update expression")))
                }
                taken => Ok(taken),
            };
            if clause(words, "SET", sets.is_empty())? {
                sets = listed(words, |words| {
                    let path = Path::read(words, &mut mentions)?;
                    words.must_be("=")?;
                    Ok((path, sum(words, &mut mentions)?))
                })?;
            } else if clause(words, "REMOVE", removes.is_empty())? {
                removes = listed(words, |words| Path::read(words, &mut mentions))?;
            } else if clause(words, "ADD", adds.is_empty())? {
                adds = listed(words, |words| with_value(words, &mut mentions))?;
            } else if clause(words, "DELETE", deletes.is_empty())? {
                deletes = listed(words, |words| with_value(words, &mut mentions))?;
            } else if words.is_over() && sets.len() + removes.len() + adds.len() + deletes.len() > 0 {
                return Ok(Update { mentions, sets, removes, adds, deletes });
            } else {
                return Err(words.wrong());
            }
        }
    }

    fn targets(&self) -> impl Iterator<Item = &Path> {
        let with_values = self.adds.iter().chain(&self.deletes).map(|(path, _)| path);
        self.sets.iter().map(|(path, _)| path).chain(&self.removes).chain(with_values)
    }

    /// Refuses what DynamoDB refuses whatever the item is: two paths of which one leads through the other, a change of the key, and
    /// values that no set or sum can be made with.
    pub(super) fn check(&self, bound: &Bound<'_>, is_key: impl Fn(&str) -> bool) -> Result<(), Refusal> {
        for (n, path) in self.targets().enumerate() {
            let attribute = bound.attribute(path);
            if is_key(attribute) {
                let message = format!("Cannot update attribute {attribute}. This attribute is part of the key");
                return Err(Refusal::invalid(message));
            }
            if self.targets().skip(n + 1).any(|other| bound.overlap(path, other)) {
                return Err(Refusal::invalid("Two document paths overlap with each other"));
            }
        }
        let is_set = |value: &Value| matches!(value, Value::Ss(_) | Value::Ns(_) | Value::Bs(_));
        let is_any = |list: &[(Path, usize)], allowed: &dyn Fn(&Value) -> bool| {
            list.iter().all(|(_, slot)| bound.value(*slot).is_some_and(allowed))
        };
        let fit = is_any(&self.adds, &|v| is_set(v) || matches!(v, Value::N(_)))
            && is_any(&self.deletes, &is_set)
            && self.sets.iter().all(|(_, source)| source.fits(bound));
        if fit { Ok(()) } else { Err(wrong_type()) }
    }

    /// The item as the update leaves it. Every path and every source means the item as it was.
    pub(super) fn apply(&self, bound: &Bound<'_>, before: &Attributes) -> Result<Attributes, Refusal> {
        let mut writes: Vec<(&Path, Option<Value>)> = Vec::with_capacity(self.sets.len());
        for (path, source) in &self.sets {
            writes.push((path, Some(source.value(bound, before)?)));
        }
        for (path, slot) in &self.adds {
            let value = bound.value(*slot).ok_or_else(wrong_type)?;
            writes.push((path, Some(added(bound.find(before, path), value)?)));
        }
        for (path, slot) in &self.deletes {
            let value = bound.value(*slot).ok_or_else(wrong_type)?;
            match bound.find(before, path) {
                Some(set) => writes.push((path, without(set, value)?)),
                // Nothing can be taken out of nothing, but where it could stand has to be there.
                None => bound.take_out(&mut before.clone(), path)?,
            }
        }
        // Two places behind the end of one list are filled in their order, whatever the order in which they were written.
        writes.sort_by(|(left, _), (right, _)| bound.order(left, right));
        let mut after = before.clone();
        let mut emptied = Vec::new();
        for (path, value) in writes {
            match value {
                Some(value) => bound.put(&mut after, path, value)?,
                None => emptied.push(path),
            }
        }
        // The last place first, so that nothing moves before it was found.
        emptied.extend(self.removes.iter().filter(|path| bound.find(before, path).is_some()));
        emptied.sort_by(|left, right| bound.order(right, left));
        for path in emptied {
            bound.take_out(&mut after, path)?;
        }
        // What was not there needs no removing, but where it could stand has to be there.
        for path in self.removes.iter().filter(|path| !Bound::is_attribute(path) && bound.find(before, path).is_none())
        {
            bound.take_out(&mut before.clone(), path).map_err(|_| no_such_place())?;
        }
        Ok(after)
    }
}

/// One thing after the other, with commas between them.
fn listed<'a, T>(
    words: &mut Words<'a>,
    mut one: impl FnMut(&mut Words<'a>) -> Result<T, Refusal>,
) -> Result<Vec<T>, Refusal> {
    let mut list = vec![one(words)?];
    while words.take(Word::Sign(",")) {
        list.push(one(words)?);
    }
    Ok(list)
}

fn with_value(words: &mut Words<'_>, mentions: &mut Mentions) -> Result<(Path, usize), Refusal> {
    let path = Path::read(words, mentions)?;
    let Some(Word::Value(value)) = words.peek() else { return Err(words.wrong()) };
    words.next();
    Ok((path, mentions.value(value)))
}

fn sum(words: &mut Words<'_>, mentions: &mut Mentions) -> Result<Source, Refusal> {
    let left = source(words, mentions)?;
    if words.take(Word::Sign("+")) {
        return Ok(Source::Sum(Box::new(left), Box::new(source(words, mentions)?)));
    }
    if words.take(Word::Sign("-")) {
        return Ok(Source::Difference(Box::new(left), Box::new(source(words, mentions)?)));
    }
    Ok(left)
}

fn source(words: &mut Words<'_>, mentions: &mut Mentions) -> Result<Source, Refusal> {
    if let Some(Word::Value(value)) = words.peek() {
        words.next();
        return Ok(Source::Value(mentions.value(value)));
    }
    if words.take(Word::Plain("if_not_exists")) {
        words.must_be("(")?;
        let path = Path::read(words, mentions)?;
        words.must_be(",")?;
        let otherwise = source(words, mentions)?;
        words.must_be(")")?;
        return Ok(Source::IfMissing(path, Box::new(otherwise)));
    }
    if words.take(Word::Plain("list_append")) {
        words.must_be("(")?;
        let first = source(words, mentions)?;
        words.must_be(",")?;
        let second = source(words, mentions)?;
        words.must_be(")")?;
        return Ok(Source::Append(Box::new(first), Box::new(second)));
    }
    Path::read(words, mentions).map(Source::At)
}

fn wrong_type() -> Refusal {
    Refusal::invalid("An operand in the update expression has an incorrect data type")
}

fn counted(sum: Option<i128>) -> Result<Value, Refusal> {
    let sum = sum.filter(|sum| fits(*sum));
    sum.map(Value::N).ok_or_else(|| Refusal::invalid("Number overflow. A number has at most 38 digits"))
}

impl Source {
    /// Whether the values that the request gives can be what a list or a sum is made of. What stands in the item is seen later.
    fn fits(&self, bound: &Bound<'_>) -> bool {
        let is = |source: &Source, kind: &str| match source {
            Source::Value(slot) => bound.value(*slot).is_some_and(|value| value.kind() == kind),
            other => other.fits(bound),
        };
        match self {
            Source::At(_) | Source::Value(_) => true,
            Source::IfMissing(_, otherwise) => otherwise.fits(bound),
            Source::Append(first, second) => is(first, "L") && is(second, "L"),
            Source::Sum(left, right) | Source::Difference(left, right) => is(left, "N") && is(right, "N"),
        }
    }

    fn value(&self, bound: &Bound<'_>, item: &Attributes) -> Result<Value, Refusal> {
        let missing =
            || Refusal::invalid("The provided expression refers to an attribute that does not exist in the item");
        match self {
            Source::At(path) => bound.find(item, path).cloned().ok_or_else(missing),
            Source::Value(slot) => bound.value(*slot).cloned().ok_or_else(missing),
            Source::IfMissing(path, otherwise) => match bound.find(item, path) {
                Some(own) => Ok(own.clone()),
                None => otherwise.value(bound, item),
            },
            Source::Append(first, second) => match (first.value(bound, item)?, second.value(bound, item)?) {
                (Value::L(mut first), Value::L(second)) => {
                    first.extend(second);
                    Ok(Value::L(first))
                }
                _ => Err(wrong_type()),
            },
            Source::Sum(left, right) => match (left.value(bound, item)?, right.value(bound, item)?) {
                (Value::N(left), Value::N(right)) => counted(left.checked_add(right)),
                _ => Err(wrong_type()),
            },
            Source::Difference(left, right) => match (left.value(bound, item)?, right.value(bound, item)?) {
                (Value::N(left), Value::N(right)) => counted(left.checked_sub(right)),
                _ => Err(wrong_type()),
            },
        }
    }
}

/// What an `ADD` leaves: a sum, or a set of what is in either.
fn added(own: Option<&Value>, value: &Value) -> Result<Value, Refusal> {
    fn union<T: Clone + PartialEq>(own: &[T], more: &[T], order: impl Fn(&T, &T) -> std::cmp::Ordering) -> Vec<T> {
        let mut all = own.to_vec();
        all.extend(more.iter().filter(|member| !own.contains(member)).cloned());
        all.sort_unstable_by(order);
        all
    }
    match (own, value) {
        (None, value) => Ok(value.clone()),
        (Some(Value::N(own)), Value::N(more)) => counted(own.checked_add(*more)),
        (Some(Value::Ss(own)), Value::Ss(more)) => Ok(Value::Ss(union(own, more, Arc::cmp))),
        (Some(Value::Ns(own)), Value::Ns(more)) => Ok(Value::Ns(union(own, more, i128::cmp))),
        (Some(Value::Bs(own)), Value::Bs(more)) => {
            Ok(Value::Bs(union(own, more, |left, right| super::bytes::order(left, right))))
        }
        _ => Err(wrong_type()),
    }
}

/// What a `DELETE` leaves; `None` when nothing is left, for there is no empty set.
fn without(own: &Value, value: &Value) -> Result<Option<Value>, Refusal> {
    fn rest<T: Clone + PartialEq>(own: &[T], gone: &[T]) -> Vec<T> {
        own.iter().filter(|member| !gone.contains(member)).cloned().collect()
    }
    let left = match (own, value) {
        (Value::Ss(own), Value::Ss(gone)) => Value::Ss(rest(own, gone)),
        (Value::Ns(own), Value::Ns(gone)) => Value::Ns(rest(own, gone)),
        (Value::Bs(own), Value::Bs(gone)) => Value::Bs(rest(own, gone)),
        _ => return Err(wrong_type()),
    };
    Ok(Some(left).filter(|left| left.length() != Some(0)))
}
