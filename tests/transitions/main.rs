//! The text of every write, and every write held against the table of states and events.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod agreement;
mod guards;
mod moves;
mod parity;
mod quick;

/// How many writes there are. A write that is added or lost is a change of this number.
const WRITES: usize = 72;

/// The text of every write: expressions in full, values by type. A change of a condition is a change of this file.
#[test]
fn every_write_is_reviewed_text() {
    let writes = store::writes::catalogue();
    let mut names: Vec<&str> = writes.iter().map(|w| w.name).collect();
    assert_eq!(names.len(), WRITES, "a write was added or lost: {names:?}");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), WRITES, "two writes share a name");
    let text: Vec<String> = writes.iter().map(store::Write::describe).collect();
    insta::assert_snapshot!("writes", text.join("\n"));
}
