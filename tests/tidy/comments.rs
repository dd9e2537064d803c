//! How much of the code is comment. No number of it is right, so it is printed and not judged.

use crate::rust::code;
use crate::tree::Tree;
use std::io::Write;

/// Lines with nothing but a comment, and lines with anything at all.
fn count(text: &str) -> (usize, usize) {
    let code = code(text);
    let lines = text.lines().zip(code.lines()).filter(|(line, _)| !line.trim().is_empty());
    lines.fold((0, 0), |(comments, all), (_, code)| (comments + usize::from(code.trim().is_empty()), all + 1))
}

#[test]
fn the_share_is_printed() {
    let mut words = String::from("comment lines:");
    for folder in ["functions/", "shared/", "infra/", "tests/"] {
        let counts = Tree::project().rust().filter(|(path, _)| path.starts_with(folder)).map(|(_, text)| count(text));
        let (comments, all) = counts.fold((0, 0), |sum, (comments, all)| (sum.0 + comments, sum.1 + all));
        words += &format!(" {folder} {comments} of {all} ({} %)", 100 * comments / all.max(1));
    }
    // The test runner keeps what is printed by macros to itself unless a test fails.
    writeln!(std::io::stderr(), "{words}").unwrap();
}

#[test]
fn comments_are_told_from_code_and_from_text_in_quotes() {
    let text =
        "//! One.\n\n/// Two.\nfn f() {} // no line of its own\n/* Three,\n\nfour. */\nlet a = \"\n  // text\n\";\n";
    assert_eq!(count(text), (4, 8));
    assert_eq!(count(""), (0, 0));
}
