//! Every bent expression that nothing notices stands in the committed table with its reason, and enough of all are caught.

use crate::tree::Tree;
use rules::bent::{CAUGHT_AT_LEAST, REASONS, TABLE, missed_rows, rate_of_all};

fn check(tree: &Tree) -> Vec<String> {
    let Some(text) = tree.text(TABLE) else { return vec![format!("{TABLE}: is missing")] };
    let rows = missed_rows(text);
    let mut found = Vec::new();
    for (bend, times, why) in &rows {
        let reason = REASONS.iter().find(|reason| reason.bend == bend);
        if reason.is_none_or(|reason| reason.times != *times || reason.why != why || why.is_empty()) {
            found.push(format!("{TABLE}: nothing notices, and why is not among the reasons: {bend}"));
        }
    }
    for reason in REASONS.iter().filter(|reason| rows.iter().all(|(bend, ..)| bend != reason.bend)) {
        found.push(format!("{TABLE}: a reason for what is not there: {}", reason.bend));
    }
    if rate_of_all(text).is_none_or(|rate| rate < CAUGHT_AT_LEAST) {
        found.push(format!("{TABLE}: fewer than {CAUGHT_AT_LEAST} of a thousand are caught"));
    }
    found
}

#[test]
fn what_nothing_notices_has_its_reason_and_no_reason_is_left_over() {
    Tree::project().holds(check);
}

#[test]
fn a_row_without_a_reason_and_a_reason_without_a_row_are_caught() {
    let text = Tree::project().text(TABLE).unwrap();
    let row = "| `shared/domain/src/bent.rs: replace < with > in f` | 1 | nobody knows |\n";
    let said = format!(
        "{TABLE}: nothing notices, and why is not among the reasons: shared/domain/src/bent.rs: replace < with > in f"
    );
    Tree::project().catches(check, &[(TABLE, &format!("{text}{row}"))], &[&said]);
    for reason in REASONS {
        let begins = format!("| `{}` | ", reason.bend.replace('|', "\\|"));
        let without: String = text.lines().filter(|l| !l.starts_with(&begins)).map(|l| format!("{l}\n")).collect();
        let said = format!("{TABLE}: a reason for what is not there: {}", reason.bend);
        Tree::project().catches(check, &[(TABLE, &without)], &[&said]);
        let other = text.replace(&format!("{begins}{} | ", reason.times), &format!("{begins}{} | ", reason.times + 1));
        let said = format!("{TABLE}: nothing notices, and why is not among the reasons: {}", reason.bend);
        Tree::project().catches(check, &[(TABLE, &other)], &[&said]);
    }
}

#[test]
fn a_table_that_is_gone_or_says_that_too_few_are_caught_is_caught() {
    assert_eq!(check(&Tree::default()), [format!("{TABLE}: is missing")]);
    let text = Tree::project().text(TABLE).unwrap();
    let row = text.lines().find(|line| line.starts_with("| **all** |")).unwrap();
    let said = format!("{TABLE}: fewer than {CAUGHT_AT_LEAST} of a thousand are caught");
    let low = "| **all** | 1000 | 0 | 1000 | 949 | 0 | 51 | 94.9 % |";
    for bent in ["", "| **all** | |", low] {
        Tree::project().catches(check, &[(TABLE, &text.replace(row, bent))], &[&said]);
    }
    let good = low.replace("94.9", "95.0");
    Tree::project().spares(check, &[(TABLE, &text.replace(row, &good))]);
}
