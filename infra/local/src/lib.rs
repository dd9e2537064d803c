//! The whole world in one process: what `cargo run` starts, and what tests stand on. Never a production dependency.

pub mod alarms;
pub mod backup;
pub mod bucket;
pub mod endpoint;
pub mod engine;
pub mod fakes;
pub mod front;
pub mod gateway;
pub mod kms;
pub mod lambda;
pub mod mail_page;
pub mod mailbox;
mod markup;
pub mod numbers;
pub mod options;
mod own_shop;
pub mod poller;
mod quick;
pub mod roles;
pub mod sample;
pub mod seam;
pub mod secrets;
pub mod server;
pub mod shop;
pub mod sqs;
pub mod ssm;
pub mod world;

pub use front::Front;
pub use world::{World, WorldOptions};
