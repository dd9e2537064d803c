//! Every handler cut at every outgoing call and run again: the end is the same. The calls count themselves, so a new call is
//! covered without anyone remembering it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod closing;
mod common;
mod create;
mod deliver;
mod evidence;
mod frozen;
mod import;
mod import_size;
mod late;
mod notices;
mod outage;
mod passes;
mod pay;
mod reconcile;
mod refund;
mod sequence;
mod thaw;
