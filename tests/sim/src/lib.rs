//! The simulator: one seed is one world, with its own product range, its own faults and its own people, in virtual time.
//!
//! The handlers, the AWS SDK and its retries are production's. What lies beneath the seam is the local world with faults drawn from
//! the seed: calls that are lost, slow, refused for load, whose reply is lost, that freeze their function for hours; functions that
//! die at any call; queues that hand out twice; timers that overlap; clocks that differ. Above it are buyers who retry, leave, cancel
//! and pay late, twice or wrong, a seller who imports, removes and refunds, and providers that tell late, often, never, or are
//! imitated.
//!
//! What is right is decided by [`truth::Truth`] from what providers hold and what people were shown, never from a table. It looks at
//! every event; at the end the faults stop, and everything that was paid must be with its buyer or before a person.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's program"
)]

pub mod buyer;
pub mod heat;
pub mod journal;
pub mod machines;
pub mod plan;
pub mod provider;
pub mod run;
pub mod seller;
pub mod sim;
pub mod tap;
pub mod truth;

pub use run::{Outcome, Wish, run};
