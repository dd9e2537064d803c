//! Orders and events for whoever tests the rules: in this package alone, and in the package `tests` against the store. And the table of
//! what bent expressions came to.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test helpers")]

pub mod bent;
pub mod orders;
