//! Messages to the seller and mail to buyers: what each provider is sent, and what its answers mean.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says no by panicking, its helpers too"
)]

mod push_answers;
mod push_formats;
