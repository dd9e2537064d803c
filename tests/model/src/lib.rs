//! Model.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's program"
)]
pub mod engine;
pub mod import;
pub mod money;
pub mod mutants;
pub mod order;
pub mod scenes;
pub mod slots;
pub mod strip;
