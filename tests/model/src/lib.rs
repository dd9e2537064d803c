//! Every order of events of small shops, searched to the end.
//!
//! A small world (one or two orders, a few cards, three payments, four executions of an import) is searched breadth first through
//! every order in which its writes can happen, with processes that die between any two of them, messages that come late, often or
//! never, and decisions made on readings that were true a while ago. In every state the promises of `INVARIANTS.md` are looked at;
//! from every state all processes die, every provider's own expiry passes, every notice is lost, and the timer alone, driving only what
//! it can list, has to bring everything to an end.
//!
//! `engine` searches; `money` and `slots` and `import` are the worlds, `scenes` their sizes; `order` and `strip` are items as bytes
//! and the writes on them; `mutants` is the table of guards that are taken out and of what is then seen.
//!
//! # How it is tied to the product
//!
//! What an event does to an order is asked of [`domain::order::decide`], what a reader may conclude about a claim of
//! [`domain::stock::evidence`], what a claimer does next of [`domain::stock::Strip`], what names a movement of money of
//! [`domain::Txn`]: bytes are turned into the domain's values and the domain answers. The conditions of the store's writes are
//! expressions and cannot be asked; the model says them once more, and the package's test puts what the search met into the
//! engine, sends the store's own write, and compares answer and item.
//!
//! # What it does not know
//!
//! Time: that an order is forgotten only when nothing older runs, that a person says "nothing went back" only when the call can no
//! longer be made, and that a restore takes longer than a request lives, are assumptions here, as they are in the product. One driver at
//! a time keeps an old reading of `due`, of a refund and of a row. A provider that tells one movement for two orders is not modelled.
//! Leases, hints and the verdict "sold out" are left out: nothing rests on them. An order of amount 0 does not exist: a product is
//! free for nobody, and no coupon is known; the test asks the shop for one.

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
