//! The parts of the local world itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod gateway;
mod options;
mod parity;
mod sqs;
