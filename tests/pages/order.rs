//! An order in every state, its codes, its keys.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod goods;
mod html;
mod paying;
mod rows;
mod sample;
mod secrets;
