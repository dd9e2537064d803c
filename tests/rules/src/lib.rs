//! Orders and events for whoever tests the rules: in this package alone, and in the package `tests` against the store.

#![allow(clippy::unwrap_used, reason = "test helpers")]

pub mod orders;
