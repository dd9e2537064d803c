//! What watches the shop: numbers, log lines, alarms. Production's own handlers run in a shop in memory, faults are planted, and an
//! evaluator says which alarm CloudWatch would have raised, and when.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::float_arithmetic, reason = "metrics are decimal fractions")]

mod counted;
mod definitions;
mod emf;
mod evaluator;
mod faults;
mod follow;
mod healthy;
mod log;
mod told;
mod watched;
