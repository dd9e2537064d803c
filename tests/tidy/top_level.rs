//! A listing of the repository shows what the project is made of and nothing else.

use crate::tree::Tree;

const FOLDERS: [&str; 4] = ["functions", "infra", "shared", "tests"];
const FILES: [&str; 5] = ["Cargo.lock", "Cargo.toml", "README.md", "README.zh-CN.md", "template.yaml"];

fn check(tree: &Tree) -> Vec<String> {
    let mut strangers: Vec<&str> = tree
        .files()
        .filter_map(|(path, _)| {
            let (name, is_folder) = path.split_once('/').map_or((path, false), |(folder, _)| (folder, true));
            let known = if is_folder { FOLDERS.contains(&name) } else { FILES.contains(&name) || is_licence(name) };
            (!known && !name.starts_with('.')).then_some(name)
        })
        .collect();
    strangers.dedup();
    strangers.into_iter().map(|name| format!("{name}: does not belong at the top level")).collect()
}

fn is_licence(name: &str) -> bool {
    name.starts_with("LICENSE")
}

#[test]
fn holds() {
    Tree::project().holds(check);
}

#[test]
fn strangers_are_caught() {
    let tree = Tree::project();
    tree.catches(check, &[("notes.md", "")], &["notes.md: does not belong at the top level"]);
    tree.catches(check, &[("scripts/a.sh", ""), ("scripts/b.sh", "")], &["scripts: does not belong at the top level"]);
    tree.catches(check, &[("template.yaml/a", "")], &["template.yaml: does not belong at the top level"]);
    tree.catches(check, &[("LICENSES/MIT", "")], &["LICENSES: does not belong at the top level"]);
}

#[test]
fn what_belongs_there_is_spared() {
    let files = ["template.yaml", "README.zh-CN.md", "LICENSE-MIT", ".ci/run", ".editorconfig", "infra/runbook.md"];
    Tree::project().spares(check, &files.map(|path| (path, "")));
}
