//! Style and architecture as tests.
//!
//! A check is a pure function from files to sentences about what is wrong with them. The same function reads the project
//! and files made up for the purpose, so each check is shown three ways: it holds for the project, it catches what is
//! planted, and it spares what only looks alike. A rule without a planted violation is not known to be a rule.
//!
//! These files are checked too, and hold what they forbid. A broken bar cuts such a word in two (`fi¦x me`) and is taken
//! out before the word is looked for or planted; no file is exempt for being a test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod bent;
mod comments;
mod homes;
mod imports;
mod invariants;
mod leaks;
mod lints;
mod marks;
mod mutants;
mod papers;
mod rust;
mod shape;
mod toml;
mod top_level;
mod tree;
mod writes;
