//! Nothing is left half done, silenced without a word, or able to bring a function down.

use crate::rust::{attributes, code, line, words};
use crate::tree::{Tree, whole};

/// Left for later, in any text.
const LATER: [&str; 3] = ["FIX¦ME", "XX¦X", "TO¦DO"];
/// Left for later, or left over, in code.
const MACROS: [&str; 3] = ["to¦do!", "unimpl¦emented!", "d¦bg!"];
/// What ends a function's process. Clippy knows it too; a package that forgets to inherit the lints is seen only here.
const PANICS: [&str; 6] = [".unwrap()", ".expect(", ".unwrap_err()", ".expect_err(", "::unwrap", "::expect"];

fn check_unfinished(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    // Other people's names stand in the lock file and in licences.
    for (path, text) in tree.files().filter(|(path, _)| *path != "Cargo.lock" && !path.starts_with("LICENSE")) {
        let code = if path.ends_with(".rs") { code(text) } else { String::new() };
        for (marks, text) in [(LATER, text), (MACROS, code.as_str())] {
            for mark in marks.map(whole) {
                let places = words(text, &mark).into_iter();
                found.extend(places.map(|at| format!("{path}:{}: {mark} is unfinished", line(text, at))));
            }
        }
    }
    found
}

fn check_reasons(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree.rust() {
        let code = code(text);
        for (at, attribute) in attributes(&code) {
            let said = |what: &str| format!("{path}:{}: {what} without a reason", line(&code, at));
            for silenced in ["allow(", "expect("].iter().filter(|word| !words(attribute, word).is_empty()) {
                if !has_text(attribute, "reason") {
                    found.push(said(silenced.trim_end_matches('(')));
                }
            }
            if !words(attribute, "ignore").is_empty() && !has_text(attribute, "ignore") {
                found.push(said("ignore"));
            }
        }
    }
    found
}

/// Whether the attribute says `key = "…"` with something in it.
fn has_text(attribute: &str, key: &str) -> bool {
    words(attribute, key).into_iter().any(|at| {
        let value = attribute[at + key.len()..].trim_start().strip_prefix('=').map(str::trim_start);
        value.is_some_and(|value| value.starts_with("\"~"))
    })
}

fn check_panics(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree.rust().filter(|(path, _)| !path.starts_with("tests/")) {
        let code = code(text);
        for word in PANICS {
            let places = words(&code, word).into_iter();
            found.extend(places.map(|at| format!("{path}:{}: {word} outside tests", line(&code, at))));
        }
    }
    found
}

#[test]
fn nothing_is_unfinished() {
    Tree::project().holds(check_unfinished);
}

#[test]
fn nothing_is_silenced_without_a_reason() {
    Tree::project().holds(check_reasons);
}

#[test]
fn nothing_panics_in_passing() {
    Tree::project().holds(check_panics);
}

const PLANTED: &str = "functions/src/planted.rs";

#[test]
fn unfinished_work_is_caught() {
    for mark in ["FIX¦ME", "XX¦X", "TO¦DO"] {
        for path in [PLANTED, "README.md", ".ci/run", "functions/templates/planted.html", "tests/tidy/planted.rs"] {
            let said = format!("{path}:2: {mark} is unfinished");
            Tree::default().catches(check_unfinished, &[(path, &format!("\n// {mark}: later"))], &[&said]);
        }
    }
    for mark in ["to¦do!", "unimpl¦emented!", "d¦bg!"] {
        let said = format!("{PLANTED}:2: {mark} is unfinished");
        Tree::default().catches(check_unfinished, &[(PLANTED, &format!("\nfn f() {{ {mark}(a) }}"))], &[&said]);
    }
}

#[test]
fn words_that_only_contain_a_mark_are_spared() {
    let text = "// KM-XX¦XX-XX¦XX, TO¦DOS, autodbg!\nlet a = \"d¦bg!(b) to¦do!()\";";
    Tree::default().spares(check_unfinished, &[(PLANTED, text), ("LICENSE-MIT", "XX¦X"), ("Cargo.lock", "XX¦X")]);
}

#[test]
fn what_is_silenced_without_a_word_is_caught() {
    for (text, what) in [
        ("#[allow(dead_code)]", "allow"),
        ("#![allow(dead_code)]", "allow"),
        ("#[allow(\n    dead_code,\n    unused\n)]", "allow"),
        ("#[expect(dead_code)]", "expect"),
        ("#[expect(dead_code, reason = \"\")]", "expect"),
        ("#[cfg_attr(test, allow(dead_code))]", "allow"),
        ("#[allow(dead_code)] // reason = \"none\"", "allow"),
        ("#[ign¦ore]", "ignore"),
        ("#[ign¦ore = \"\"]", "ignore"),
        ("#[cfg_attr(debug_assertions, ign¦ore)]", "ignore"),
    ] {
        for path in [PLANTED, "tests/planted.rs"] {
            let said = format!("{path}:2: {what} without a reason");
            Tree::default().catches(check_reasons, &[(path, &format!("\n{text}\nfn f() {{}}"))], &[&said]);
        }
    }
}

#[test]
fn what_is_silenced_with_a_reason_is_spared() {
    let text = "#![allow(\n    dead_code,\n    reason = \"planted\"\n)]\n#[expect(unused, reason=\"planted\")]\n\
                #[ign¦ore = \"run by hand\"]\n#[should_panic(expected = \"a\")]\n#[doc = \"allow(a) ignore\"]\nfn f() {}";
    Tree::default().spares(check_reasons, &[(PLANTED, text)]);
}

#[test]
fn a_panic_in_passing_is_caught() {
    for path in [PLANTED, "shared/domain/src/planted.rs", "infra/local/src/planted.rs"] {
        for (text, word) in [
            ("a.unwrap()", ".unwrap()"),
            ("a\n.unwrap()", ".unwrap()"),
            ("a.expect(\"b\")", ".expect("),
            ("a.unwrap_err()", ".unwrap_err()"),
            ("a.expect_err(\"b\")", ".expect_err("),
            ("a.map(Result::unwrap)", "::unwrap"),
            ("Option::expect(a, \"b\")", "::expect"),
        ] {
            let at = text.matches('\n').count() + 1;
            let said = format!("{path}:{at}: {word} outside tests");
            Tree::default().catches(check_panics, &[(path, text)], &[&said]);
        }
    }
}

#[test]
fn defaults_lints_and_tests_are_spared() {
    let text = "// a.unwrap()\n#[expect(unused, reason = \"b\")]\nlet a = (b.unwrap_or(\".unwrap()\"), c.unwrap_or_default());";
    Tree::default().spares(check_panics, &[(PLANTED, text), ("tests/planted.rs", "a.unwrap().expect(\"b\")")]);
}
