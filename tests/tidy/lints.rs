//! Whoever runs into a lint of this project's own reads there why.

use crate::toml;
use crate::tree::Tree;

const FILE: &str = ".clippy.toml";

fn check(tree: &Tree) -> Vec<String> {
    let tables = toml::read(tree.text(FILE).unwrap_or_default());
    let lists: Vec<_> =
        tables.iter().flat_map(|t| &t.entries).filter(|(key, _)| key.starts_with("disallowed-")).collect();
    let mut found = Vec::new();
    if !lists.iter().any(|(key, value)| key == "disallowed-methods" && !toml::elements(value).is_empty()) {
        found.push(format!("{FILE}: disallows no method"));
    }
    for (list, value) in lists.into_iter().filter(|(list, _)| list != "disallowed-names") {
        for element in toml::elements(value) {
            if toml::field(element, "reason").is_none_or(|reason| reason.trim().is_empty()) {
                let path = toml::field(element, "path").unwrap_or(toml::bare(element));
                found.push(format!("{FILE}: {list} gives no reason for {path}"));
            }
        }
    }
    found
}

#[test]
fn holds() {
    Tree::project().holds(check);
}

/// The project's own list and one more entry in it.
fn with_entry(entry: &str) -> String {
    let own = Tree::project().text(FILE).unwrap();
    own.replacen("disallowed-methods = [", &format!("disallowed-methods = [\n  {entry},"), 1)
}

#[test]
fn an_entry_without_a_reason_is_caught() {
    let said = ".clippy.toml: disallowed-methods gives no reason for a::b";
    for entry in [
        "\"a::b\"",
        "{ path = \"a::b\" }",
        "{ path = \"a::b\", reason = \"\" }",
        "{ path = \"a::b\", reason = \" \" }",
        "{ path = \"a::b\", replacement = \"reason = c\" } # reason = \"d\"",
    ] {
        let text = with_entry(entry).replace("\"d\",", "\"d\"\n,");
        Tree::project().catches(check, &[(FILE, &text)], &[said]);
    }
    let types = format!("disallowed-types = [{{ path = \"a::B\" }}]\n{}", Tree::project().text(FILE).unwrap());
    Tree::project().catches(check, &[(FILE, &types)], &[".clippy.toml: disallowed-types gives no reason for a::B"]);
}

#[test]
fn a_list_that_is_gone_or_empty_is_caught() {
    for text in ["", "disallowed-methods = []\n", "disallowed-types = [{ path = \"a\", reason = \"b\" }]\n"] {
        Tree::project().catches(check, &[(FILE, text)], &[".clippy.toml: disallows no method"]);
    }
}

#[test]
fn an_entry_with_a_reason_is_spared() {
    let entry = "{ path = \"a::b\", reason = \"planted, {for} a [test] # here\", allow-invalid = true }";
    Tree::project().spares(check, &[(FILE, &with_entry(entry))]);
}
