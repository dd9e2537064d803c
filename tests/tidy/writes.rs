//! The catalogue of writes: each says what it is for in four lines, and each has a name of its own.

use crate::rust::{code, line};
use crate::tree::Tree;
use std::collections::BTreeMap;

const CATALOGUE: &str = "shared/store/src/writes/";
const LINES: [&str; 4] = ["Invariant", "Condition", "If refused", "Twice"];

/// A write as its documentation tells it.
pub struct Write<'a> {
    /// File and line.
    pub place: String,
    /// The function's name.
    pub name: &'a str,
    /// The comment above it, without its slashes.
    pub about: Vec<&'a str>,
}

impl<'a> Write<'a> {
    /// What follows `* Label:`.
    pub fn told(&self, label: &str) -> Option<&'a str> {
        let rest = |about: &&'a str| about.strip_prefix("* ")?.strip_prefix(label)?.strip_prefix(':').map(str::trim);
        self.about.iter().find_map(rest)
    }

    /// Its code, with which its comment begins: `X1` of `X1. Ends a hold`.
    pub fn code(&self) -> Option<&'a str> {
        self.about.first()?.split_once(". ").map(|(code, _)| code)
    }
}

/// Every function of the catalogue that the shop can call.
pub fn writes(tree: &Tree) -> Vec<Write<'_>> {
    let mut writes = Vec::new();
    for (path, text) in tree.rust().filter(|(path, _)| path.starts_with(CATALOGUE)) {
        let mut above = Vec::new();
        for (index, line) in text.lines().map(str::trim).enumerate() {
            if let Some(comment) = line.strip_prefix("///") {
                above.push(comment.trim());
            } else if let Some(rest) = line.strip_prefix("pub async fn ") {
                let end = rest.find(['(', '<']).unwrap_or(rest.len());
                let place = format!("{path}:{}", index + 1);
                writes.push(Write { place, name: &rest[..end], about: std::mem::take(&mut above) });
            } else if !line.starts_with("#[") {
                above.clear();
            }
        }
    }
    writes
}

fn check_documentation(tree: &Tree) -> Vec<String> {
    let writes = writes(tree);
    if writes.is_empty() {
        return vec![format!("{CATALOGUE}: holds no write")];
    }
    let untold = writes.iter().flat_map(|write| {
        let missing = LINES.iter().filter(|label| write.told(label).is_none_or(str::is_empty));
        missing.map(|label| format!("{}: {} has no line `* {label}:`", write.place, write.name))
    });
    untold.collect()
}

/// A name shared on purpose is a constant; the same words in two calls are an accident.
fn check_names(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let mut names: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (path, text) in tree.rust().filter(|(path, _)| path.starts_with(CATALOGUE)) {
        let code = code(text);
        let calls = ["Write::put(", "Write::update("].map(|call| code.match_indices(call).collect::<Vec<_>>()).concat();
        for (at, call) in calls {
            let place = format!("{path}:{}", line(text, at));
            let from = at + call.len();
            let from = from + code[from..].len() - code[from..].trim_start().len();
            let end = |c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
            match code[from..].strip_prefix('"').and_then(|rest| rest.find('"')) {
                Some(len) => names.entry(&text[from + 1..=from + len]).or_default().push(place),
                None if code[from..].find(end).is_some_and(|n| n > 0 && code[from + n..].starts_with(',')) => {}
                None => found.push(format!("{place}: a write is named in words or by a constant")),
            }
        }
    }
    if names.is_empty() {
        found.push(format!("{CATALOGUE}: names no write"));
    }
    for (name, places) in names.iter().filter(|(_, places)| places.len() > 1) {
        found.push(format!("{}: \"{name}\" names more than one write", places.join(" and ")));
    }
    found
}

#[test]
fn every_write_says_what_it_is_for() {
    Tree::project().holds(check_documentation);
}

#[test]
fn every_write_has_a_name_of_its_own() {
    Tree::project().holds(check_names);
}

const PLANTED: &str = "shared/store/src/writes/planted.rs";

const GOOD: &str = "\
impl Store {
    /// Z9. Plants.
    ///
    /// * Invariant: none; a plant.
    /// * Condition: none.
    /// * If refused: never,
    ///   not even so.
    /// * Twice: no.
    #[must_use]
    pub async fn plant(&self) -> u8 {
        self.send(Write::put(\"Z9 plant\", Table::Shop)).await
    }
}
";

#[test]
fn a_missing_or_empty_line_is_caught() {
    for label in LINES {
        let said = format!("{PLANTED}:10: plant has no line `* {label}:`");
        let (line, other) = (format!("* {label}:"), format!("* {label}"));
        Tree::project().catches(check_documentation, &[(PLANTED, &GOOD.replace(&line, &other))], &[&said]);
        let emptied: Vec<&str> =
            GOOD.lines().map(|l| if l.contains(&line) { &l[..l.find(':').unwrap() + 1] } else { l }).collect();
        Tree::project().catches(check_documentation, &[(PLANTED, &emptied.join("\n"))], &[&said]);
    }
    let apart = GOOD.replace("    #[must_use]", "    fn other() {}");
    let found = LINES.map(|label| format!("{PLANTED}:10: plant has no line `* {label}:`"));
    let said: Vec<&str> = found.iter().map(String::as_str).collect();
    Tree::project().catches(check_documentation, &[(PLANTED, &apart)], &said);
}

/// The planted file above would be seen in a folder that the project has long left.
#[test]
fn a_line_taken_from_the_projects_own_writes_is_caught() {
    for (path, text) in
        Tree::project().rust().filter(|(path, text)| path.starts_with(CATALOGUE) && text.contains("* Twice:"))
    {
        let damaged = text.replacen("* Twice:", "* Thrice:", 1);
        let found = check_documentation(&Tree::project().with(&[(path, &damaged)]));
        assert!(
            found.iter().any(|f| f.starts_with(path) && f.ends_with("has no line `* Twice:`")),
            "{path}: {found:?}"
        );
    }
    assert_eq!(check_documentation(&Tree::default()), [format!("{CATALOGUE}: holds no write")]);
}

#[test]
fn a_name_used_twice_or_made_up_at_run_time_is_caught() {
    let call = |name: &str| format!("fn f() {{\n    Write::update(\n        {name}, Table::Shop)\n}}\n");
    Tree::project().catches(
        check_names,
        &[(PLANTED, &format!("{}{}", call("\"Z9 \\\"plant\\\"\""), call("\"Z9 \\\"plant\\\"\"")))],
        &[&format!("{PLANTED}:2 and {PLANTED}:6: \"Z9 \\\"plant\\\"\" names more than one write")],
    );
    for named in ["&name", "name", "format!(\"Z9\")"] {
        let said = format!("{PLANTED}:2: a write is named in words or by a constant");
        Tree::project().catches(check_names, &[(PLANTED, &call(named))], &[&said]);
    }
    let project = Tree::project();
    let (path, text) =
        project.rust().find(|(path, text)| path.starts_with(CATALOGUE) && text.contains("Write::put(\"")).unwrap();
    let name = text.split("Write::put(\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let found = check_names(&project.with(&[(PLANTED, &call(&format!("\"{name}\"")))]));
    assert!(found.iter().any(|f| f.contains(path) && f.contains(PLANTED)), "{found:?}");
    assert_eq!(check_names(&Tree::default()), [format!("{CATALOGUE}: names no write")]);
}

#[test]
fn a_documented_write_and_a_name_shared_on_purpose_are_spared() {
    Tree::project().spares(check_documentation, &[(PLANTED, GOOD)]);
    Tree::project().spares(check_names, &[(PLANTED, GOOD)]);
    let shared =
        "const Z9: &str = \"Z9 plant\";\n// Write::put(\"Z9 plant\")\nWrite::put(Z9, a); Write::update(Z9, b);";
    Tree::project().spares(check_names, &[(PLANTED, shared)]);
    let private = "async fn sent() {}\npub fn catalogue() {}\n/// pub async fn said() {}\nfn f() {}\n";
    Tree::project().spares(check_documentation, &[(PLANTED, private)]);
}
