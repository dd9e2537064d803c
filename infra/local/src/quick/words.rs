//! An expression's text as words. What no expression of this shop says is no word here.

use super::refusal::Refusal;

/// A word of an expression.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word<'a> {
    /// `SET`, `AND`, a function.
    Plain(&'a str),
    /// `#name`, without its mark.
    Name(&'a str),
    /// `:value`, without its mark.
    Value(&'a str),
    /// A place in a list.
    Number(usize),
    /// Brackets, commas, comparisons.
    Sign(&'a str),
}

/// Signs, the longer ones before those that they begin with.
const SIGNS: [&str; 14] = ["<=", ">=", "<>", "=", "<", ">", "(", ")", "[", "]", ",", ".", "+", "-"];

/// The words of an expression, read from the front.
#[derive(Debug)]
pub(super) struct Words<'a> {
    text: &'a str,
    words: Vec<Word<'a>>,
    at: usize,
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

impl<'a> Words<'a> {
    /// Takes a text apart.
    pub(super) fn of(text: &'a str) -> Result<Words<'a>, Refusal> {
        let unreadable = || Refusal::invalid(format!("Syntax error in an expression: {text}"));
        let mut words = Vec::new();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let marked = matches!(first, '#' | ':');
            let body = rest.get(usize::from(marked)..).unwrap_or_default();
            let length = body.find(|letter| !is_letter(letter)).unwrap_or(body.len());
            let after = if length > 0 {
                let (word, left) = body.split_at_checked(length).ok_or_else(unreadable)?;
                words.push(match first {
                    '#' => Word::Name(word),
                    ':' => Word::Value(word),
                    '0'..='9' => Word::Number(word.parse().map_err(|_| unreadable())?),
                    _ => Word::Plain(word),
                });
                left
            } else {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(*sign)).ok_or_else(unreadable)?;
                words.push(Word::Sign(sign));
                rest.strip_prefix(sign).unwrap_or_default()
            };
            rest = after.trim_start();
        }
        Ok(Words { text, words, at: 0 })
    }

    /// The next word, which stays where it is.
    pub(super) fn peek(&self) -> Option<Word<'a>> {
        self.words.get(self.at).copied()
    }

    /// The next word.
    pub(super) fn next(&mut self) -> Option<Word<'a>> {
        let word = self.peek();
        self.at += 1;
        word
    }

    /// Takes the next word if it is this one. Words without a mark are the same in letters of either size, as in DynamoDB.
    pub(super) fn take(&mut self, wanted: Word<'_>) -> bool {
        let is_it = match (self.peek(), wanted) {
            (Some(Word::Plain(word)), Word::Plain(wanted)) => word.eq_ignore_ascii_case(wanted),
            (word, wanted) => word == Some(wanted),
        };
        self.at += usize::from(is_it);
        is_it
    }

    /// Takes the sign that has to come next.
    pub(super) fn must_be(&mut self, sign: &'static str) -> Result<(), Refusal> {
        if self.take(Word::Sign(sign)) { Ok(()) } else { Err(self.wrong()) }
    }

    /// Whether everything was read.
    pub(super) fn is_over(&self) -> bool {
        self.at >= self.words.len()
    }

    /// The refusal of what comes next.
    pub(super) fn wrong(&self) -> Refusal {
        let word = match self.peek() {
            None => "its end".to_owned(),
            Some(Word::Plain(word) | Word::Sign(word)) => word.to_owned(),
            Some(Word::Name(word)) => format!("#{word}"),
            Some(Word::Value(word)) => format!(":{word}"),
            Some(Word::Number(number)) => number.to_string(),
        };
        Refusal::invalid(format!(
            "Syntax error in an expression, or something that this engine has not: {word}: {}",
            self.text
        ))
    }
}
