//! Every guard has its row in the table of planted bugs, every row its guard and a check that is there; and nothing that is deployed
//! has planted bugs.

use crate::invariants::is_test;
use crate::toml;
use crate::tree::Tree;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use tests::mutants::{Check, PAIRS, TABLE, UNSEEN, names_in, of_tables, read_table};

const FEATURE: &str = "planted";
const SOURCES: &str = "shared/";

/// Packages that know the feature: the three whose bugs are planted, and the tests.
const MAY_KNOW: [&str; 5] = ["domain", "store", "app", "tests", "sim"];

fn check_table(tree: &Tree) -> Vec<String> {
    static TABLES: OnceLock<BTreeSet<String>> = OnceLock::new();
    let Some(text) = tree.text(TABLE) else { return vec![format!("{TABLE}: is missing")] };
    let mut names = TABLES.get_or_init(of_tables).clone();
    names.extend(tree.rust().filter(|(path, _)| path.starts_with(SOURCES)).flat_map(|(_, text)| names_in(text)));
    let rows = read_table(text);
    let mut found: Vec<String> = names
        .iter()
        .filter(|name| !rows.contains_key(*name))
        .map(|name| format!("{TABLE}: no row for {name}"))
        .collect();
    for (name, row) in &rows {
        let pair = PAIRS.iter().find(|(one, _)| one == name).map(|(_, behind)| (*behind).to_owned());
        if !names.contains(name) {
            found.push(format!("{TABLE}: there is no guard {name}"));
        } else if row.with != pair {
            found.push(format!("{TABLE}: {name} is not taken out with what stands behind it"));
        } else if let Some((_, why)) = UNSEEN.iter().find(|(unseen, _)| unseen == name) {
            if row.text != format!("– {why}") {
                found.push(format!("{TABLE}: {name} is said to be noticed, and cannot be"));
            }
        } else {
            match &row.check {
                Some(Check::World { .. }) => {}
                Some(check) if is_test(tree, check.to_text().trim_matches('`')) => {}
                Some(check) => {
                    found.push(format!("{TABLE}: {name} is noticed by {}, which is no test", check.to_text()))
                }
                None => found.push(format!("{TABLE}: {name} is noticed by nothing")),
            }
        }
    }
    found
}

fn check_feature(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| path.ends_with("Cargo.toml")) {
        let tables = toml::read(text);
        let package = tables.iter().find(|t| t.header == "package").and_then(|t| t.value("name")).unwrap_or_default();
        for (header, key, value) in
            tables.iter().flat_map(|t| t.entries.iter().map(|(key, value)| (t.header.as_str(), key, value)))
        {
            let is_its_own = header == "features" && toml::bare(key) == FEATURE && MAY_KNOW.contains(&package);
            let is_meant = toml::bare(key) == FEATURE || header != "bin" && in_quotes(value, FEATURE);
            if is_meant && !is_its_own {
                found.push(format!("{path}: {key} in [{header}] plants bugs"));
            }
        }
    }
    found
}

/// Whether a value holds the feature's name, alone or after a package's.
fn in_quotes(value: &str, name: &str) -> bool {
    value.split('"').skip(1).step_by(2).any(|text| text == name || text.ends_with(&format!("/{name}")))
}

#[test]
fn every_guard_has_its_row_and_every_row_its_guard() {
    Tree::project().holds(check_table);
}

#[test]
fn nothing_that_is_deployed_has_planted_bugs() {
    Tree::project().holds(check_feature);
    // A release is built without checks, and refuses the feature by itself.
    let guards = Tree::project().text("shared/domain/src/guards.rs").unwrap();
    assert!(guards.contains("#[cfg(all(feature = \"planted\", not(debug_assertions)))]\ncompile_error!("));
}

const PLANTED: &str = "shared/app/src/bent.rs";

#[test]
fn a_guard_without_a_row_is_caught() {
    let said = format!("{TABLE}: no row for bent: a new guard");
    for call in ["holds(\"bent: a new guard\", a == b)", "planted(\n    \"bent: a new guard\",\n)"] {
        Tree::project().catches(check_table, &[(PLANTED, &format!("if {call} {{}}"))], &[&said]);
    }
    let project = Tree::project();
    let text = project.text(TABLE).unwrap();
    let (name, _) = read_table(text).into_iter().next().unwrap();
    let without: String =
        text.lines().filter(|l| !l.contains(&format!("| `{name}` |"))).map(|l| format!("{l}\n")).collect();
    project.catches(check_table, &[(TABLE, &without)], &[&format!("{TABLE}: no row for {name}")]);
    assert_eq!(check_table(&Tree::default()), [format!("{TABLE}: is missing")]);
}

#[test]
fn a_row_without_a_guard_or_without_a_test_is_caught() {
    let text = Tree::project().text(TABLE).unwrap();
    let row = "| `bent: no such guard` | `tests/steps/pay.rs::no_such` |\n";
    let said = format!("{TABLE}: there is no guard bent: no such guard");
    Tree::project().catches(check_table, &[(TABLE, &format!("{text}{row}"))], &[&said]);
    let (name, row) =
        read_table(text).into_iter().find(|(_, row)| matches!(row.check, Some(Check::Test { .. }))).unwrap();
    let with = row.with.map_or(String::new(), |with| format!("with `{with}`: "));
    for (told, said) in [
        ("`tests/steps/pay.rs::no_such`", "is noticed by `tests/steps/pay.rs::no_such`, which is no test"),
        ("somebody", "is noticed by nothing"),
    ] {
        let bent = text.replace(&format!("| `{name}` | {} |", row.text), &format!("| `{name}` | {with}{told} |"));
        Tree::project().catches(check_table, &[(TABLE, &bent)], &[&format!("{TABLE}: {name} {said}")]);
    }
}

#[test]
fn a_manifest_that_plants_bugs_is_caught() {
    for (path, package, text, said) in [
        (
            "functions/Cargo.toml",
            "functions",
            "[dependencies]\napp = { workspace = true, features = [\"planted\"] }",
            "app in [dependencies]",
        ),
        ("functions/Cargo.toml", "functions", "[features]\nplanted = [\"app/planted\"]", "planted in [features]"),
        ("shared/app/Cargo.toml", "app", "[features]\ndefault = [\"planted\"]", "default in [features]"),
        ("shared/store/Cargo.toml", "store", "[features]\ndefault = [\"domain/planted\"]", "default in [features]"),
    ] {
        let manifest = format!("[package]\nname = \"{package}\"\n{text}\n");
        Tree::project().catches(check_feature, &[(path, &manifest)], &[&format!("{path}: {said} plants bugs")]);
    }
    let app = "[package]\nname = \"app\"\n[features]\nplanted = [\"store/planted\"]\n";
    Tree::project().spares(check_feature, &[("shared/app/Cargo.toml", app)]);
}
