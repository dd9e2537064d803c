//! As much of CloudWatch's metric math as alarms here are written in: numbers, names of other queries, `+ - * /`, comparisons,
//! `AND`, `OR`, `IF(condition, then, else)` and `FILL(query, number)`. What is missing stays missing through all of it but `FILL`.
//! Source: Amazon CloudWatch User Guide, "Using math expressions with CloudWatch metrics".

#![expect(clippy::float_arithmetic, reason = "metrics are decimal fractions; no money is counted here")]

use std::collections::BTreeMap;

/// An expression, read.
#[derive(Clone, PartialEq, Debug)]
pub enum Expression {
    /// A number.
    Number(f64),
    /// The query of this name.
    Name(String),
    /// An operation on two values.
    Both(&'static str, Box<Expression>, Box<Expression>),
    /// The second where the first is not nought, else the third.
    If(Box<Expression>, Box<Expression>, Box<Expression>),
    /// The first, and where it is missing the second.
    Fill(Box<Expression>, Box<Expression>),
}

/// Operators, those that bind least first.
const LEVELS: [&[&str]; 5] =
    [&["||", "OR"], &["&&", "AND"], &[">=", "<=", "==", "!=", ">", "<"], &["+", "-"], &["*", "/"]];

impl Expression {
    /// Reads an expression; `None` when it is none, or one that alarms here are not written in.
    pub fn read(text: &str) -> Option<Expression> {
        let mut rest = words(text)?;
        rest.reverse();
        let read = level(&mut rest, 0)?;
        rest.is_empty().then_some(read)
    }

    /// Its value where the queries have these values; `None` is missing.
    pub fn value(&self, of: &BTreeMap<String, Option<f64>>) -> Option<f64> {
        match self {
            Expression::Number(number) => Some(*number),
            Expression::Name(name) => of.get(name).copied().flatten(),
            Expression::Fill(first, otherwise) => first.value(of).or_else(|| otherwise.value(of)),
            Expression::If(condition, then, otherwise) => {
                if condition.value(of)? != 0.0 {
                    then.value(of)
                } else {
                    otherwise.value(of)
                }
            }
            Expression::Both(operator, left, right) => {
                let (left, right) = (left.value(of)?, right.value(of)?);
                let truth = |is: bool| Some(if is { 1.0 } else { 0.0 });
                match *operator {
                    "+" => Some(left + right),
                    "-" => Some(left - right),
                    "*" => Some(left * right),
                    // A division by nought is no number, and what is no number is missing.
                    "/" => (right != 0.0).then(|| left / right),
                    ">=" => truth(left >= right),
                    "<=" => truth(left <= right),
                    "==" => truth(left == right),
                    "!=" => truth(left != right),
                    ">" => truth(left > right),
                    "<" => truth(left < right),
                    "&&" | "AND" => truth(left != 0.0 && right != 0.0),
                    _ => truth(left != 0.0 || right != 0.0),
                }
            }
        }
    }

    /// The queries it names.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Expression::Number(_) => Vec::new(),
            Expression::Name(name) => vec![name],
            Expression::Both(_, a, b) | Expression::Fill(a, b) => [a.names(), b.names()].concat(),
            Expression::If(a, b, c) => [a.names(), b.names(), c.names()].concat(),
        }
    }
}

/// The words of an expression: names, numbers, operators, brackets, commas.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let in_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let len = if in_word(first) {
            rest.find(|c| !in_word(c)).unwrap_or(rest.len())
        } else if ["||", "&&", ">=", "<=", "==", "!="].iter().any(|two| rest.starts_with(two)) {
            2
        } else if "()+-*/<>,".contains(first) {
            1
        } else {
            return None;
        };
        let (word, after) = rest.split_at_checked(len)?;
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Some(words)
}

/// Reads operators of a level and of those that bind more. The next word is the last of `rest`.
fn level(rest: &mut Vec<String>, at: usize) -> Option<Expression> {
    let Some(operators) = LEVELS.get(at) else { return single(rest) };
    let mut left = level(rest, at + 1)?;
    while let Some(operator) = rest.last().and_then(|word| operators.iter().find(|o| *o == word)) {
        rest.pop();
        left = Expression::Both(operator, Box::new(left), Box::new(level(rest, at + 1)?));
    }
    Some(left)
}

fn single(rest: &mut Vec<String>) -> Option<Expression> {
    let word = rest.pop()?;
    match word.as_str() {
        "(" => {
            let inside = level(rest, 0)?;
            expect(rest, ")")?;
            Some(inside)
        }
        "IF" => {
            let [condition, then, otherwise] = arguments(rest)?;
            Some(Expression::If(condition, then, otherwise))
        }
        "FILL" => {
            let [first, otherwise] = arguments(rest)?;
            Some(Expression::Fill(first, otherwise))
        }
        number if number.starts_with(|c: char| c.is_ascii_digit()) => number.parse().ok().map(Expression::Number),
        // Names of queries begin with a small letter; what begins with a large one is a function that is not known here.
        name if name.starts_with(|c: char| c.is_ascii_lowercase()) => Some(Expression::Name(word)),
        _ => None,
    }
}

fn arguments<const N: usize>(rest: &mut Vec<String>) -> Option<[Box<Expression>; N]> {
    expect(rest, "(")?;
    let mut found = Vec::with_capacity(N);
    for n in 0..N {
        if n > 0 {
            expect(rest, ",")?;
        }
        found.push(Box::new(level(rest, 0)?));
    }
    expect(rest, ")")?;
    found.try_into().ok()
}

fn expect(rest: &mut Vec<String>, word: &str) -> Option<()> {
    (rest.pop()? == word).then_some(())
}
