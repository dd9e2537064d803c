//! Files stay small enough to be one thing; the functions' binaries hold nothing; no target is forgotten.

use crate::toml::{self, Table};
use crate::tree::Tree;

const LINES: usize = 600;
const BIN_LINES: std::ops::RangeInclusive<usize> = 5..=14;
const SOURCES: [&str; 6] = [".rs", ".css", ".html", ".js", ".py", ".sh"];

fn check_length(tree: &Tree) -> Vec<String> {
    let sources = tree.files().filter(|(path, _)| SOURCES.iter().any(|kind| path.ends_with(kind)));
    let lengths = sources.map(|(path, text)| (path, text.lines().count())).filter(|(_, lines)| *lines > LINES);
    lengths.map(|(path, lines)| format!("{path}: {lines} lines are more than one thing")).collect()
}

/// Nothing is found by cargo itself: a file that no manifest names is never built, and a test in it never fails.
fn check_targets(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let targets = |manifest: &str, kind: &str| -> Vec<Table> {
        toml::read(tree.text(manifest).unwrap_or_default()).into_iter().filter(|t| t.header == kind).collect()
    };
    let bins = targets("functions/Cargo.toml", "bin");
    for bin in &bins {
        let (name, path) = (bin.value("name").unwrap_or_default(), bin.value("path").unwrap_or_default());
        if bin.value("test") != Some("false") {
            found.push(format!("functions/Cargo.toml: {name} has no `test = false`"));
        }
        if tree.text(&format!("functions/{path}")).is_none() {
            found.push(format!("functions/Cargo.toml: {name} has no file at `{path}`"));
        }
    }
    let named = |targets: &[Table], path: &str| targets.iter().any(|target| target.value("path") == Some(path));
    for (path, text) in tree.rust().filter(|(path, _)| path.starts_with("functions/src/bin/")) {
        let lines = text.lines().count();
        if !BIN_LINES.contains(&lines) {
            found.push(format!("{path}: {lines} lines instead of {} to {}", BIN_LINES.start(), BIN_LINES.end()));
        }
        if !named(&bins, path.trim_start_matches("functions/")) {
            found.push(format!("{path}: has no [[bin]] in functions/Cargo.toml"));
        }
    }
    let tests = targets("tests/Cargo.toml", "test");
    // Cargo shows a package's bins to its own tests only.
    let of_bins = targets("functions/Cargo.toml", "test");
    for path in tree.rust().filter_map(|(path, _)| path.strip_prefix("tests/").filter(|p| p.ends_with("/main.rs"))) {
        if !named(&tests, path) && !named(&of_bins, &format!("../tests/{path}")) {
            found.push(format!("tests/{path}: has no [[test]] in tests/Cargo.toml"));
        }
    }
    if bins.is_empty() {
        found.push("functions/Cargo.toml: has no [[bin]]".to_owned());
    }
    found
}

#[test]
fn no_file_is_too_long() {
    Tree::project().holds(check_length);
}

#[test]
fn every_target_is_named_and_every_function_is_thin() {
    Tree::project().holds(check_targets);
}

#[test]
fn a_long_file_is_caught_and_one_line_less_is_spared() {
    for kind in [".rs", ".css", ".html", ".js", ".py", ".sh"] {
        let path = format!("functions/src/planted{kind}");
        let said = format!("{path}: 601 lines are more than one thing");
        Tree::project().catches(check_length, &[(&path, &"a\n".repeat(601))], &[&said]);
        Tree::project().spares(check_length, &[(&path, &"a\n".repeat(600))]);
    }
    Tree::project().spares(check_length, &[("tests/vectors/planted.json", &"a\n".repeat(601))]);
}

const MANIFEST: &str = "functions/Cargo.toml";
const PLANTED: &str = "functions/src/bin/planted.rs";

/// The project's own manifest and one more function in it.
fn with_bin(lines: &str) -> String {
    format!("{}\n[[bin]]\nname = \"planted\"\n{lines}\n", Tree::project().text(MANIFEST).unwrap())
}

#[test]
fn a_thick_function_is_caught_and_a_thin_one_spared() {
    let manifest = with_bin("path = \"src/bin/planted.rs\"\ntest = false");
    for lines in [4, 15] {
        let said = format!("{PLANTED}: {lines} lines instead of 5 to 14");
        let planted = [(MANIFEST, manifest.as_str()), (PLANTED, &"a\n".repeat(lines))];
        Tree::project().catches(check_targets, &planted, &[&said]);
    }
    for lines in [5, 14] {
        Tree::project().spares(check_targets, &[(MANIFEST, &manifest), (PLANTED, &"a\n".repeat(lines))]);
    }
}

#[test]
fn a_forgotten_target_is_caught() {
    let body = "a\n".repeat(6);
    Tree::project().catches(
        check_targets,
        &[(PLANTED, &body)],
        &[&format!("{PLANTED}: has no [[bin]] in functions/Cargo.toml")],
    );
    Tree::project().catches(
        check_targets,
        &[("tests/planted/main.rs", "")],
        &["tests/planted/main.rs: has no [[test]] in tests/Cargo.toml"],
    );
    let found = check_targets(&Tree::project().with(&[("tests/Cargo.toml", "")]));
    assert!(found.contains(&"tests/tidy/main.rs: has no [[test]] in tests/Cargo.toml".to_owned()), "{found:?}");
    assert_eq!(check_targets(&Tree::default()), ["functions/Cargo.toml: has no [[bin]]"]);
}

#[test]
fn a_target_that_is_tested_or_has_no_file_is_caught() {
    for switch in ["", "test = true"] {
        let manifest = with_bin(&format!("path = \"src/bin/planted.rs\"\n{switch}"));
        let said = "functions/Cargo.toml: planted has no `test = false`";
        Tree::project().catches(check_targets, &[(MANIFEST, &manifest), (PLANTED, &"a\n".repeat(6))], &[said]);
    }
    let said = "functions/Cargo.toml: planted has no file at `src/bin/planted.rs`";
    let manifest = with_bin("path = \"src/bin/planted.rs\"\ntest = false");
    Tree::project().catches(check_targets, &[(MANIFEST, &manifest)], &[said]);
}
