//! Who may use whom, read from the manifests. Dev-dependencies are exempt: tests see everything.

use crate::toml::{self, Table};
use crate::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};

/// Every package, lower layers first, and the packages of the workspace that it may use. `tests` is not under anybody.
const MAY_USE: [(&str, &[&str]); 12] = [
    ("domain", &[]),
    ("payments", &["domain"]),
    ("push", &["domain"]),
    ("store", &["domain"]),
    ("app", &["domain", "payments", "push", "store"]),
    ("functions", &["domain", "payments", "push", "store", "app"]),
    ("local", &["domain", "payments", "store", "app", "functions"]),
    ("rules", &["domain"]),
    ("tests", &["domain", "payments", "push", "store", "app", "functions", "local", "rules"]),
    ("sim", &["domain", "payments", "app", "functions", "local", "tests"]),
    ("model", &["domain"]),
    // Measures programs from outside.
    ("bench", &[]),
];

/// Packages from outside that only some may name.
const OWNERS: [(&str, &[&str]); 3] =
    [("aws-sdk-dynamodb", &["store", "app"]), ("dynoxide-rs", &["local"]), ("rusqlite", &["local"])];

/// The embedded engine's name, the folder it is hosted in, and the one file there that may say it.
const ENGINE: (&str, &str, &str) = ("dynoxide", "infra/local/src/", "infra/local/src/engine.rs");

fn check(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let root = toml::read(tree.text("Cargo.toml").unwrap_or_default());
    let mut seen = BTreeSet::new();
    for (path, text) in tree.files().filter(|(path, _)| path.ends_with("Cargo.toml")) {
        let tables = toml::read(text);
        let Some(name) = tables.iter().find(|t| t.header == "package").and_then(|t| t.value("name")) else { continue };
        let Some((_, may_use)) = MAY_USE.iter().find(|(package, _)| *package == name) else {
            found.push(format!("{path}: {name} has no place in the order of packages"));
            continue;
        };
        seen.insert(name.to_owned());
        for used in used(&tables, &renamed(&root)) {
            let inside = MAY_USE.iter().any(|(package, _)| *package == used);
            let owners = OWNERS.iter().find(|(package, _)| *package == used).map(|(_, owners)| *owners);
            if inside && !may_use.contains(&used.as_str()) {
                found.push(format!("{path}: {name} may not use {used}"));
            } else if !inside && name == "domain" {
                found.push(format!("{path}: {name} rests on the standard library alone, not on {used}"));
            } else if owners.is_some_and(|owners| !owners.contains(&name)) {
                found.push(format!("{path}: {used} is named by {} alone", owners.unwrap_or_default().join(" and ")));
            }
        }
    }
    for (package, _) in MAY_USE.iter().filter(|(package, _)| !seen.contains(*package)) {
        found.push(format!("{package}: has no manifest among the project's files"));
    }
    let (word, folder, home) = ENGINE;
    for (path, text) in tree.files().filter(|(path, _)| path.starts_with(folder)) {
        if text.contains(word) != (path == home) {
            found.push(format!("{path}: {word} is named in {home} alone"));
        }
    }
    found
}

/// Packages that the workspace knows by another name: name in the manifests, name of the package.
fn renamed(root: &[Table]) -> BTreeMap<&str, &str> {
    let shared = root.iter().filter(|t| t.header == "workspace.dependencies").flat_map(|t| &t.entries);
    shared.filter_map(|(key, value)| Some((toml::bare(key), toml::field(value, "package")?))).collect()
}

/// The packages that a manifest needs in order to build what others use: dependencies of every target and of the build.
fn used(tables: &[Table], renamed: &BTreeMap<&str, &str>) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for table in tables {
        let mut parts = table.header.rsplit('.');
        let (last, before) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if is_needed(last) {
            used.extend(table.entries.iter().map(|(key, value)| {
                let name = toml::bare(key.split('.').next().unwrap_or_default());
                toml::field(value, "package").unwrap_or(renamed.get(name).copied().unwrap_or(name)).to_owned()
            }));
        } else if is_needed(before) {
            let name = toml::bare(last);
            used.insert(table.value("package").unwrap_or(renamed.get(name).copied().unwrap_or(name)).to_owned());
        }
    }
    used
}

fn is_needed(header: &str) -> bool {
    header == "dependencies" || header == "build-dependencies"
}

#[test]
fn holds() {
    Tree::project().holds(check);
}

fn manifest(package: &str, rest: &str) -> String {
    format!("[package]\nname = \"{package}\"\n{rest}\n")
}

#[test]
fn a_package_that_reaches_up_or_sideways_is_caught() {
    for (path, package, used) in [
        ("shared/domain/Cargo.toml", "domain", "store"),
        ("shared/payments/Cargo.toml", "payments", "store"),
        ("shared/payments/Cargo.toml", "payments", "app"),
        ("shared/store/Cargo.toml", "store", "payments"),
        ("shared/app/Cargo.toml", "app", "functions"),
        ("functions/Cargo.toml", "functions", "local"),
        ("functions/Cargo.toml", "functions", "tests"),
        ("infra/local/Cargo.toml", "local", "tests"),
        ("tests/Cargo.toml", "tests", "tests"),
    ] {
        for rest in [
            format!("[dependencies]\n{used} = {{ workspace = true }}"),
            format!("[dependencies]\n{used}.workspace = true"),
            format!("[dependencies]\n\"{used}\" = {{ path = \"..\" }}"),
            format!("[dependencies]\nother = {{ package = \"{used}\", path = \"..\" }}"),
            format!("[dependencies.{used}]\nworkspace = true"),
            format!("[dependencies.other]\npackage = \"{used}\""),
            format!("[build-dependencies]\n{used} = {{ workspace = true }}"),
            format!("[target.'cfg(unix)'.dependencies]\n{used} = {{ workspace = true }}"),
        ] {
            let said = format!("{path}: {package} may not use {used}");
            Tree::project().catches(check, &[(path, &manifest(package, &rest))], &[&said]);
        }
    }
}

#[test]
fn a_name_given_by_the_workspace_hides_nobody() {
    let root = "[workspace.dependencies]\nengine = { package = \"dynoxide-rs\", version = \"3\" }\n";
    let store = manifest("store", "[dependencies]\nengine = { workspace = true }");
    Tree::project().catches(
        check,
        &[("Cargo.toml", root), ("shared/store/Cargo.toml", &store)],
        &["shared/store/Cargo.toml: dynoxide-rs is named by local alone"],
    );
}

#[test]
fn a_foreign_package_in_the_wrong_hands_is_caught() {
    for (path, package, used, said) in [
        ("functions/Cargo.toml", "functions", "aws-sdk-dynamodb", "aws-sdk-dynamodb is named by store and app alone"),
        ("infra/local/Cargo.toml", "local", "aws-sdk-dynamodb", "aws-sdk-dynamodb is named by store and app alone"),
        ("tests/Cargo.toml", "tests", "dynoxide-rs", "dynoxide-rs is named by local alone"),
        ("shared/app/Cargo.toml", "app", "rusqlite", "rusqlite is named by local alone"),
        ("shared/domain/Cargo.toml", "domain", "serde", "domain rests on the standard library alone, not on serde"),
    ] {
        let text = manifest(package, &format!("[dependencies]\n{used} = \"1\""));
        Tree::project().catches(check, &[(path, &text)], &[&format!("{path}: {said}")]);
    }
}

#[test]
fn a_package_without_a_place_or_a_manifest_is_caught() {
    let planted = manifest("planted", "");
    Tree::project().catches(
        check,
        &[("shared/planted/Cargo.toml", &planted)],
        &["shared/planted/Cargo.toml: planted has no place in the order of packages"],
    );
    Tree::project().catches(
        check,
        &[("infra/local/Cargo.toml", "")],
        &["local: has no manifest among the project's files"],
    );
}

#[test]
fn the_engine_named_elsewhere_or_no_longer_named_at_home_is_caught() {
    let (_, _, home) = ENGINE;
    let said = |path| format!("{path}: dynoxide is named in {home} alone");
    let planted = "infra/local/src/planted.rs";
    Tree::project().catches(check, &[(planted, "use dynoxide::Database;")], &[&said(planted)]);
    Tree::project().catches(check, &[(home, "")], &[&said(home)]);
}

#[test]
fn what_is_below_and_what_only_tests_need_is_spared() {
    let app = manifest("app", "[dependencies]\nstore = { workspace = true }\naws-sdk-dynamodb = \"1\"\nserde = \"1\"");
    let domain = manifest("domain", "[dev-dependencies]\nstore = \"1\"\nserde = \"1\"\n[dev-dependencies.rusqlite]\n");
    let virtual_root = "[workspace.dependencies]\nlocal = { path = \"infra/local\" }\nrusqlite = \"1\"\n";
    let planted =
        [("shared/app/Cargo.toml", app.as_str()), ("shared/domain/Cargo.toml", &domain), ("Cargo.toml", virtual_root)];
    Tree::project().spares(check, &planted);
}
