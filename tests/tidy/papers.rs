//! The papers a newcomer reads: how to run and test the shop, and why it is as it is.

use crate::tree::Tree;

const README: &str = "README.md";
const COMMANDS: [&str; 2] = ["cargo run", "cargo test"];
const DECISIONS: &str = "infra/decisions/";
const HEADINGS: [&str; 2] = ["## Chosen", "## Refused"];
const LINES: usize = 60;

fn check_readme(tree: &Tree) -> Vec<String> {
    let Some(text) = tree.text(README) else { return vec![format!("{README}: is missing")] };
    let unnamed = COMMANDS.iter().filter(|command| !text.contains(**command));
    unnamed.map(|command| format!("{README}: does not name `{command}`")).collect()
}

fn check_decisions(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = 1;
    for (path, text) in tree.files().filter(|(path, _)| path.starts_with(DECISIONS)) {
        match number(&path[DECISIONS.len()..]) {
            None => found.push(format!("{path}: is not named like 001-two-tables.md")),
            // The order of paths is the order of numbers, so the one before is the last that was seen.
            Some(number) => {
                if number != next {
                    found.push(format!("{path}: {next:03} was to come next"));
                }
                next = number + 1;
            }
        }
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > LINES {
            found.push(format!("{path}: {} lines instead of at most {LINES}", lines.len()));
        }
        for heading in HEADINGS {
            let below = lines.iter().skip_while(|line| line.trim_end() != heading).skip(1);
            if below.take_while(|line| !line.starts_with("## ")).all(|line| line.trim().is_empty()) {
                found.push(format!("{path}: says nothing under `{heading}`"));
            }
        }
    }
    if next == 1 {
        found.push(format!("{DECISIONS}: holds no decision"));
    }
    found
}

fn number(name: &str) -> Option<usize> {
    let (number, title) = name.strip_suffix(".md")?.split_at_checked(3)?;
    let title = title.strip_prefix('-')?;
    let is_title = !title.is_empty() && title.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    number.parse().ok().filter(|_| is_title && number.chars().all(|c| c.is_ascii_digit()))
}

#[test]
fn the_readme_says_how_to_begin() {
    Tree::project().holds(check_readme);
}

#[test]
fn decisions_are_numbered_short_and_two_sided() {
    Tree::project().holds(check_decisions);
}

#[test]
fn a_readme_without_its_commands_is_caught() {
    assert_eq!(check_readme(&Tree::default()), ["README.md: is missing"]);
    for (text, command) in [("Run `cargo run`.", "cargo test"), ("Try `cargo test`.", "cargo run")] {
        Tree::default().with(&[(README, "`cargo run`, `cargo test`")]).catches(
            check_readme,
            &[(README, text)],
            &[&format!("README.md: does not name `{command}`")],
        );
    }
}

const GOOD: &str = "# Why\n\n## Chosen\nThis.\n\n## Refused\nThat.\n";

fn decided() -> Tree {
    Tree::default().with(&[("infra/decisions/001-first.md", GOOD), ("infra/decisions/002-second-2.md", GOOD)])
}

#[test]
fn a_gap_a_duplicate_or_another_name_is_caught() {
    assert_eq!(check_decisions(&Tree::default()), ["infra/decisions/: holds no decision"]);
    for (name, said) in [
        ("004-gap.md", "003 was to come next"),
        ("002-again.md", "003 was to come next"),
        ("000-zero.md", "001 was to come next"),
        ("3-short.md", "is not named like 001-two-tables.md"),
        ("003.md", "is not named like 001-two-tables.md"),
        ("003-.md", "is not named like 001-two-tables.md"),
        ("+03-sign.md", "is not named like 001-two-tables.md"),
        ("003-Title.md", "is not named like 001-two-tables.md"),
        ("003-title.txt", "is not named like 001-two-tables.md"),
        ("more/003-title.md", "is not named like 001-two-tables.md"),
    ] {
        let path = format!("{DECISIONS}{name}");
        // A duplicate is said of the one that comes second.
        let about = if name == "002-again.md" { "infra/decisions/002-second-2.md" } else { &path };
        decided().catches(check_decisions, &[(&path, GOOD)], &[&format!("{about}: {said}")]);
    }
}

#[test]
fn a_long_or_one_sided_decision_is_caught() {
    let path = "infra/decisions/003-third.md";
    for heading in HEADINGS {
        let said = format!("{path}: says nothing under `{heading}`");
        decided().catches(check_decisions, &[(path, &GOOD.replace(heading, "## Other"))], &[&said]);
        decided().catches(check_decisions, &[(path, &GOOD.replace(heading, &heading[1..]))], &[&said]);
    }
    let said = format!("{path}: says nothing under `## Chosen`");
    decided().catches(check_decisions, &[(path, &GOOD.replace("This.", ""))], &[&said]);
    let said = format!("{path}: 61 lines instead of at most 60");
    decided().catches(check_decisions, &[(path, &format!("{GOOD}{}", "more\n".repeat(54)))], &[&said]);
}

#[test]
fn a_good_decision_and_a_good_readme_are_spared() {
    assert_eq!(check_decisions(&decided()), [""; 0]);
    decided().spares(check_decisions, &[("infra/decisions/003-third.md", &format!("{GOOD}{}", "more\n".repeat(53)))]);
    assert_eq!(check_readme(&Tree::default().with(&[(README, "`cargo run`, then `cargo test`")])), [""; 0]);
}
