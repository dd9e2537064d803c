//! The guards of a write by name: the parts of its condition, and what it leaves behind. Names hold no positions and no numbers, so
//! that they are the same for every instance of a write.

use crate::write::{Body, Write};

/// The words by which a write puts its item into the list of what is unfinished (see the writes that use them).
const SET_DUE: &str = "#due = :due, #due_at = :due_at";

/// How a part of a write is spoilt.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "planted"),
    allow(dead_code, reason = "read where a write is spoilt, which is not everywhere")
)]
pub(crate) enum Spoilt {
    /// A part of the condition always holds.
    Open(String),
    /// One of the alternatives of a part never holds.
    Without {
        /// The part.
        part: String,
        /// Its alternative.
        alternative: String,
    },
    /// The item does not come into the list of what is unfinished.
    Unlisted,
    /// The generation stays as it is.
    SameGeneration,
    /// The item keeps the time at which it is forgotten.
    KeepsTimeLimit,
}

/// Splits at `by` wherever no parenthesis is open.
fn split<'a>(text: &'a str, by: &str) -> Vec<&'a str> {
    let (mut parts, mut from) = (Vec::new(), 0);
    for (at, _) in text.match_indices(by) {
        let before = text.get(from..at).unwrap_or_default();
        if before.matches('(').count() == before.matches(')').count() {
            parts.push(before);
            from = at.saturating_add(by.len());
        }
    }
    parts.push(text.get(from..).unwrap_or_default());
    parts
}

/// The parts of a condition that must all hold.
fn parts(condition: &str) -> Vec<&str> {
    match condition {
        "" => Vec::new(),
        // Where alternatives stand at the top they are one part: AND binds closer than OR.
        alternatives if split(alternatives, " OR ").len() > 1 => vec![alternatives],
        all => split(all, " AND "),
    }
}

/// The alternatives of a part, if there are more than one.
fn alternatives(part: &str) -> Vec<&str> {
    let inside = part.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(part);
    let all = split(inside, " OR ");
    if all.len() > 1 { all } else { Vec::new() }
}

/// Places of a list and numbered names by one letter: `#h[3]` is `#h[i]`, `#att.#2` is `#att.#n`.
fn unnumbered(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['[', '#']) {
        let (before, from) = rest.split_at(at.saturating_add(1));
        out += before;
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (digits, after) = from.split_at(end);
        if !digits.is_empty() {
            out.push(if before.ends_with('[') { 'i' } else { 'n' });
        }
        rest = after;
    }
    out + rest
}

impl Write {
    /// Every guard with its name.
    pub(crate) fn spoilable(&self) -> Vec<(String, Spoilt)> {
        let mut all: Vec<(String, Spoilt)> = Vec::new();
        let mut add = |what: String, spoilt| {
            let name = format!("{}: {what}", self.name);
            if !all.iter().any(|(known, _)| *known == name) {
                all.push((name, spoilt));
            }
        };
        for part in parts(&self.condition) {
            let part_name = unnumbered(part);
            add(part_name.clone(), Spoilt::Open(part_name.clone()));
            for alternative in alternatives(part).into_iter().map(unnumbered) {
                let spoilt = Spoilt::Without { part: part_name.clone(), alternative: alternative.clone() };
                add(format!("without {alternative}"), spoilt);
            }
        }
        let (update, is_listed) = match &self.body {
            Body::Update(update) => (update.as_str(), update.contains(SET_DUE)),
            Body::Put(item) => ("", item.contains_key("due")),
        };
        if is_listed {
            add("comes into no list".to_owned(), Spoilt::Unlisted);
        }
        if update.contains("#g = :next") {
            add("raises no generation".to_owned(), Spoilt::SameGeneration);
        }
        if update.contains("REMOVE #ttl") {
            add("keeps its time limit".to_owned(), Spoilt::KeepsTimeLimit);
        }
        all
    }

    /// The names of the write's guards: each part of its condition, each alternative of a part, and what the write must leave
    /// behind. Every one of them has a row in the table of planted bugs.
    pub fn guards(&self) -> Vec<String> {
        self.spoilable().into_iter().map(|(name, _)| name).collect()
    }
}

/// Spoiling, which only the test's program has.
#[cfg(feature = "planted")]
mod spoiling {
    use super::{SET_DUE, Spoilt, alternatives, parts, unnumbered};
    use crate::write::{Body, Write};

    impl Write {
        /// The write as it is sent: with the chosen guard taken out, if it is one of this write's.
        pub(crate) fn perhaps_spoilt(mut self) -> Write {
            for (name, spoilt) in self.spoilable() {
                if domain::guards::planted(&name) {
                    self = self.spoilt(&spoilt);
                }
            }
            self
        }

        /// Nothing is left away, so that every name and value of the request stays used.
        fn spoilt(mut self, how: &Spoilt) -> Write {
            match how {
                Spoilt::Open(wanted) => {
                    self.condition = each_part(&self.condition, wanted, |part| {
                        format!("({part} OR attribute_not_exists(#planted))")
                    });
                }
                Spoilt::Without { part, alternative } => {
                    self.condition = each_part(&self.condition, part, |part| {
                        let never = |text: &str| format!("({text} AND attribute_exists(#planted))");
                        let all = alternatives(part).into_iter();
                        let all = all.map(|a| if unnumbered(a) == *alternative { never(a) } else { a.to_owned() });
                        format!("({})", all.collect::<Vec<_>>().join(" OR "))
                    });
                }
                Spoilt::Unlisted => match &mut self.body {
                    Body::Update(update) => *update = update.replace(SET_DUE, "#planted = :due, #planted_at = :due_at"),
                    Body::Put(item) => item.retain(|name, _| name != "due" && name != "due_at"),
                },
                Spoilt::SameGeneration => {
                    if let Some(before) = self.values.get(":g").cloned() {
                        self.values.insert(":next".to_owned(), before);
                    }
                }
                Spoilt::KeepsTimeLimit => {
                    if let Body::Update(update) = &mut self.body {
                        *update = update.replace("REMOVE #ttl", "REMOVE #planted");
                    }
                }
            }
            self
        }
    }

    fn each_part(condition: &str, wanted: &str, change: impl Fn(&str) -> String) -> String {
        let parts = parts(condition).into_iter();
        let changed = parts.map(|part| if unnumbered(part) == wanted { change(part) } else { part.to_owned() });
        changed.collect::<Vec<_>>().join(" AND ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_fall_into_parts_and_alternatives() {
        assert_eq!(parts("a = b AND (c OR d AND e) AND NOT f(g, h)"), ["a = b", "(c OR d AND e)", "NOT f(g, h)"]);
        assert_eq!(parts("a OR b AND c"), ["a OR b AND c"]);
        assert_eq!((parts("").len(), alternatives("a = b").len(), alternatives("f(a)").len()), (0, 0, 0));
        assert_eq!(alternatives("(f(a) OR b)"), ["f(a)", "b"]);
        assert_eq!(alternatives("f(a) OR b"), ["f(a)", "b"]);
    }

    #[test]
    fn names_hold_no_numbers() {
        assert_eq!(unnumbered("#h[47] = :from"), "#h[i] = :from");
        assert_eq!(unnumbered("f(#att.#2) AND #rf.#10.#st = :x2"), "f(#att.#n) AND #rf.#n.#st = :x2");
    }

    #[test]
    fn every_guard_of_the_catalogue_has_a_name_of_its_own() {
        let mut names: Vec<String> = crate::writes::catalogue().iter().flat_map(Write::guards).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(count > 150, "{count}");
    }
}
