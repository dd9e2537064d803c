//! HTTP in, answers out, on the local world.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::float_arithmetic, clippy::print_stdout, reason = "tests count and print capacity units")]

mod backup;
mod bounds;
mod budget;
mod channels;
mod contract;
mod cost;
mod crowd;
mod evidence;
mod expiry;
mod forgery;
mod formats;
mod mail;
mod money;
mod openapi;
mod pages;
mod providers;
mod pushes;
mod races;
mod roles;
mod secrecy;
mod strips;
mod tampering;
