//! The scale model: what thousands of orders a second on one product do to tables that take so much and no more.
//!
//! Handlers, SDK and repetitions are production's, in virtual time. Beneath them lies a model of what DynamoDB, SQS and Lambda
//! publish about themselves: how much one item, one table and one index take in a second, how long calls last, how fast functions
//! start. It is a model and no measurement: it knows no splits for heat, no neighbours and no bad days of a region.

pub mod bank;
pub mod buckets;
pub mod calibrate;
pub mod charge;
pub mod fleet;
pub mod latency;
pub mod ledger;
pub mod report;
pub mod rivals;
pub mod sale;
pub mod story;
pub mod wire;
