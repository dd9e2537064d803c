//! What must always be true: ten numbered promises, each with a reason, a home and tests that exist.

use crate::rust::{attributes, code, words};
use crate::tree::Tree;
use crate::writes::writes;
use std::collections::BTreeSet;

const PAGE: &str = "shared/domain/INVARIANTS.md";
const PROMISES: usize = 10;
const FIELDS: [&str; 3] = ["Why", "Enforced by", "Checked by"];

/// One `## 1. …` of the page.
struct Promise<'a> {
    heading: &'a str,
    line: usize,
    body: Vec<&'a str>,
}

impl Promise<'_> {
    fn number(&self) -> Option<usize> {
        let (number, sentence) = self.heading.split_once(". ")?;
        number.parse().ok().filter(|_| !sentence.trim().is_empty())
    }

    /// What a field says, to the end of its paragraph or to the next field.
    fn told(&self, field: &str) -> String {
        let label = |line: &str, field: &str| {
            let line = line.trim_start_matches(['*', '-', ' ']);
            line.strip_prefix(field)?.trim_start_matches('*').strip_prefix(':').map(|rest| rest.to_owned())
        };
        let mut lines = self.body.iter().skip_while(|line| label(line, field).is_none());
        let Some(first) = lines.next().and_then(|line| label(line, field)) else { return String::new() };
        let more = lines.take_while(|line| !line.trim().is_empty() && FIELDS.iter().all(|f| label(line, f).is_none()));
        more.fold(first, |told, line| told + " " + line).trim_matches(['*', ' ']).to_owned()
    }
}

fn promises(text: &str) -> Vec<Promise<'_>> {
    let mut promises: Vec<Promise<'_>> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix("## "), promises.last_mut()) {
            (Some(heading), _) => promises.push(Promise { heading, line: index + 1, body: Vec::new() }),
            (None, Some(promise)) => promise.body.push(line),
            (None, None) => {}
        }
    }
    promises
}

fn check_page(tree: &Tree) -> Vec<String> {
    let Some(text) = tree.text(PAGE) else { return vec![format!("{PAGE}: is missing")] };
    let promises = promises(text);
    let mut found = Vec::new();
    if promises.len() != PROMISES {
        found.push(format!("{PAGE}: holds {} promises instead of {PROMISES}", promises.len()));
    }
    for (index, promise) in promises.iter().enumerate() {
        let place = format!("{PAGE}:{}", promise.line);
        if promise.number() != Some(index + 1) {
            found.push(format!("{place}: the heading is not `## {}. …`", index + 1));
        }
        let untold = FIELDS.iter().filter(|field| promise.told(field).is_empty());
        found.extend(untold.map(|field| format!("{place}: has no line `{field}:`")));
        let checks = promise.told("Checked by");
        let named: Vec<&str> = checks.split('`').skip(1).step_by(2).filter(|quoted| quoted.contains("::")).collect();
        if named.is_empty() && !checks.is_empty() {
            found.push(format!("{place}: names no test as `path.rs::test_fn`"));
        }
        let lost = named.iter().filter(|name| !is_test(tree, name));
        found.extend(lost.map(|name| format!("{place}: there is no test `{name}`")));
    }
    found
}

/// Whether `path.rs::test_fn` is a function of that file which the test runner runs.
pub fn is_test(tree: &Tree, name: &str) -> bool {
    let Some((path, function)) = name.split_once("::") else { return false };
    let Some(text) = tree.text(path).filter(|_| path.ends_with(".rs")) else { return false };
    let code = code(text);
    let function = format!("fn {}(", function.rsplit("::").next().unwrap_or_default());
    words(&code, &function).into_iter().any(|at| {
        // Only attributes and the words before `fn` stand between a test's mark and its name.
        let above = code[..at].rfind(['}', ';']).map_or(0, |end| end + 1);
        let is_mark = |mark: &str| mark == "test" || mark.ends_with("::test") || mark.contains("::test(");
        attributes(&code[above..at]).iter().any(|(_, attribute)| is_mark(attribute))
    })
}

fn check_citations(tree: &Tree) -> Vec<String> {
    let page = promises(tree.text(PAGE).unwrap_or_default());
    let known: BTreeSet<usize> = page.iter().filter_map(Promise::number).collect();
    let mut found = Vec::new();
    for write in writes(tree) {
        let Some(told) = write.told("Invariant") else { continue };
        let cited = told.split(['.', ';']).next().unwrap_or_default();
        if cited.split_whitespace().next() == Some("none") {
            continue;
        }
        for number in cited.split(", ") {
            match number.parse::<usize>() {
                Ok(number) if known.contains(&number) => {}
                Ok(number) => found.push(format!("{}: there is no invariant {number} in {PAGE}", write.place)),
                Err(_) => found.push(format!("{}: \"{number}\" is neither a number nor `none`", write.place)),
            }
        }
    }
    found
}

/// The codes of writes that a text names: a capital, digits, and what tells variants apart. `V1 to V3` names all three.
fn codes(text: &str) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    let mut range: Option<(char, u32)> = None;
    let mut is_range = false;
    for word in text.split(|c: char| c.is_whitespace() || "(),.;".contains(c)).filter(|word| !word.is_empty()) {
        if word == "to" {
            is_range = range.is_some();
            continue;
        }
        let mut letters = word.chars();
        let number = |rest: &str| rest.trim_end_matches(['\'', '"', 'a', 'd', 'e', 'n', 'u']).parse::<u32>().ok();
        let code = letters.next().filter(char::is_ascii_uppercase).zip(number(letters.as_str()));
        match (code, range) {
            (Some((letter, last)), Some((same, first))) if is_range && letter == same => {
                codes.extend((first..=last).map(|n| format!("{letter}{n}")));
            }
            (Some(_), _) => drop(codes.insert(word.to_owned())),
            (None, _) => {}
        }
        (range, is_range) = (code, false);
    }
    codes
}

/// Whatever is promised is kept by some write, which exists; and a promise that writes cite names one of them.
fn check_homes(tree: &Tree) -> Vec<String> {
    let known: BTreeSet<&str> = writes(tree).iter().filter_map(crate::writes::Write::code).collect();
    let mut found = Vec::new();
    for promise in promises(tree.text(PAGE).unwrap_or_default()) {
        let place = format!("{PAGE}:{}", promise.line);
        let named = codes(&promise.told("Enforced by"));
        if named.is_empty() {
            found.push(format!("{place}: `Enforced by:` names no write"));
        }
        let lost = named.iter().filter(|code| !known.contains(code.as_str()));
        found.extend(lost.map(|code| format!("{place}: there is no write {code}")));
    }
    found
}

#[test]
fn every_promise_names_writes_that_exist() {
    Tree::project().holds(check_homes);
}

#[test]
fn a_promise_that_no_write_keeps_is_caught() {
    let writes = "/// W1. Planted.\npub async fn plant() {}\n/// X1. Planted.\npub async fn too() {}\n";
    let text = good().text(PAGE).unwrap().replace("`Store::pay`", "W1 and, in time, X1");
    let good = good().with(&[(PAGE, &text), (WRITE, writes)]);
    good.spares(check_homes, &[]);
    let with = |home: &str| text.replacen("W1 and, in time, X1", home, 1);
    good.catches(check_homes, &[(PAGE, &with("good will"))], &[&format!("{PAGE}:3: `Enforced by:` names no write")]);
    good.catches(check_homes, &[(PAGE, &with("W1, W2"))], &[&format!("{PAGE}:3: there is no write W2")]);
    good.catches(
        check_homes,
        &[(PAGE, &with("W1 to W3"))],
        &["W2", "W3"].map(|code| format!("{PAGE}:3: there is no write {code}")).each_ref().map(String::as_str),
    );
    let renamed = writes.replace("X1.", "X9.");
    let said: Vec<String> = (0..PROMISES).map(|n| format!("{PAGE}:{}: there is no write X1", 3 + 8 * n)).collect();
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    good.catches(check_homes, &[(WRITE, &renamed)], &said);
}

#[test]
fn codes_are_told_from_words() {
    let named = codes("C1, C1', C1\", A1u (2 days), V1 to V3; Paid to X2. SHA256, M0, A, 503 and C2d, L2 to go");
    let expected = ["A1u", "C1", "C1\"", "C1'", "C2d", "L2", "M0", "V1", "V2", "V3", "X2"];
    assert_eq!(named.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn the_page_is_whole_and_its_tests_exist() {
    Tree::project().holds(check_page);
}

#[test]
fn every_write_cites_what_stands_there() {
    Tree::project().holds(check_citations);
}

const TESTS: &str = "tests/planted.rs";
const WRITE: &str = "shared/store/src/writes/planted.rs";

/// A page of ten promises and the file of their tests.
fn good() -> Tree {
    let mut page = String::from("# What must always be true\n\n");
    for number in 1..=PROMISES {
        page += &format!(
            "## {number}. A promise.\n\nWhy: it is\nasked for.\nEnforced by: `Store::pay`.\n\
             * **Checked by:** `{TESTS}::holds_{number}`, and\n  `{TESTS}::inner::holds`, by `cargo test`.\n\n"
        );
    }
    let mut tests = String::from("fn helper() {}\nmod inner {\n    #[test]\n    fn holds() {}\n}\n");
    for number in 1..=PROMISES {
        tests += &format!("#[tokio::test(flavor = \"x\")]\n#[ign¦ore = \"slow\"]\nasync fn holds_{number}() {{}}\n");
    }
    Tree::default().with(&[(PAGE, &page), (TESTS, &tests)])
}

/// What the check says after one piece of the good page is exchanged.
#[track_caller]
fn damaged(from: &str, to: &str, said: &[String]) {
    let good = good();
    let page = good.text(PAGE).unwrap();
    assert!(page.contains(from));
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    good.catches(check_page, &[(PAGE, &page.replacen(from, to, 1))], &said);
}

#[test]
fn a_missing_page_or_promise_is_caught() {
    assert_eq!(check_page(&Tree::default()), [format!("{PAGE}: is missing")]);
    let place = format!("{PAGE}:3");
    damaged("## 1. A", "## 0. A", &[format!("{place}: the heading is not `## 1. …`")]);
    damaged("## 1. A promise.", "## 1. ", &[format!("{place}: the heading is not `## 1. …`")]);
    let mut said = vec![format!("{PAGE}: holds 9 promises instead of 10")];
    said.extend((0..9).map(|n| format!("{PAGE}:{}: the heading is not `## {}. …`", 11 + 8 * n, n + 1)));
    damaged("## 1. A", "1. A", &said);
    damaged("# What", "## What", &{
        let mut said = vec![format!("{PAGE}: holds 11 promises instead of 10")];
        said.push(format!("{PAGE}:1: the heading is not `## 1. …`"));
        said.extend(FIELDS.map(|field| format!("{PAGE}:1: has no line `{field}:`")));
        said.extend((0..10).map(|n| format!("{PAGE}:{}: the heading is not `## {}. …`", 3 + 8 * n, n + 2)));
        said
    });
}

#[test]
fn a_promise_without_reason_home_or_test_is_caught() {
    let place = format!("{PAGE}:3");
    damaged("Why: it", "Because it", &[format!("{place}: has no line `Why:`")]);
    damaged("Why: it is\nasked for.", "Why:", &[format!("{place}: has no line `Why:`")]);
    damaged("Enforced by: `Store::pay`.", "Enforced by:", &[format!("{place}: has no line `Enforced by:`")]);
    damaged("Checked by", "Seen by", &[format!("{place}: has no line `Checked by:`")]);
    let one = format!("`{TESTS}::holds_1`, and\n  `{TESTS}::inner::holds`");
    damaged(&one, "the `cargo test`", &[format!("{place}: names no test as `path.rs::test_fn`")]);
}

#[test]
fn a_test_that_is_not_there_or_is_none_is_caught() {
    for name in ["tests/planted.rs::holds_11", "tests/planted.rs::helper", "tests/lost.rs::holds_1", "planted::holds_1"]
    {
        damaged(&format!("{TESTS}::holds_1`"), &format!("{name}`"), &[format!("{PAGE}:3: there is no test `{name}`")]);
    }
    let good = good();
    let tests = good.text(TESTS).unwrap();
    let said = format!("{PAGE}:3: there is no test `{TESTS}::holds_1`");
    good.catches(check_page, &[(TESTS, &tests.replace("async fn holds_1()", "// fn holds_1()"))], &[&said]);
    good.catches(check_page, &[(TESTS, &tests.replace("holds_1()", "holds_one()"))], &[&said]);
    let mark = tests.find("#[tokio").unwrap();
    let unmarked = format!("{}{}", &tests[..mark], &tests[mark..].replacen("#[tokio::test(flavor = \"x\")]", "", 1));
    good.catches(check_page, &[(TESTS, &unmarked)], &[&said]);
}

#[test]
fn a_whole_page_is_spared() {
    assert_eq!(check_page(&good()), [""; 0]);
}

fn citing(told: &str) -> String {
    format!("/// * Invariant: {told}\npub async fn plant() {{}}\n")
}

#[test]
fn a_number_that_stands_for_nothing_is_caught() {
    let place = format!("{WRITE}:2");
    for (told, said) in [
        ("11. Planted.", format!("{place}: there is no invariant 11 in {PAGE}")),
        ("3, 12. Planted.", format!("{place}: there is no invariant 12 in {PAGE}")),
        ("nonesuch; planted.", format!("{place}: \"nonesuch\" is neither a number nor `none`")),
        ("the first. Planted.", format!("{place}: \"the first\" is neither a number nor `none`")),
    ] {
        good().catches(check_citations, &[(WRITE, &citing(told))], &[&said]);
    }
    let unread = good().with(&[(PAGE, "")]);
    unread.catches(
        check_citations,
        &[(WRITE, &citing("1. Planted."))],
        &[&format!("{place}: there is no invariant 1 in {PAGE}")],
    );
}

#[test]
fn what_stands_there_is_spared() {
    for told in ["1. Planted.", "3, 10. Planted.", "none; planted.", "none of its own; planted."] {
        good().spares(check_citations, &[(WRITE, &citing(told))]);
    }
}
