//! The catalogue of writes: `claim` (stock), `order` (orders and money), `import` (cards coming in), `shop` (settings).
//!
//! Each write is documented by four lines: *Invariant* (number in `INVARIANTS.md`), *Condition*, *If refused*, *Twice* (why
//! a repetition is harmless). Their expressions are a reviewed snapshot.

mod claim;
mod import;
mod order;
mod shop;

pub use claim::{Claimed, NoStrip};
pub use order::{Found, NewOrder};

use crate::Write;

/// One example of every write, for the reviewed snapshot of expressions.
pub fn catalogue() -> Vec<Write> {
    [claim::examples(), order::examples(), import::examples(), shop::examples()].concat()
}
