//! The catalogue of writes: `claim` (stock), `order` (orders and money), `import` (cards coming in), `shop` (settings).
//!
//! | code | fact |
//! |---|---|
//! | C0 C1 C1' C1" | open the next fresh strip; claim cards at its end; claim released ones; claim more where some are held |
//! | C2 C2d C4 | write the order; its bulky input before it; what its newest attempt shows |
//! | W1 M0 | settle the order with proven money; write down money that settles nothing |
//! | D1 | deliver |
//! | X2 X3 | give an id up before its order exists; give cards back |
//! | R1 R2 | forget, remember that strips have room |
//! | P0 A0 A0e A1 A1u A1n | open a product's head; reserve strips for an import, end the range; put ciphertexts and strip; claim a card's uniqueness; put a strip on sale |
//! | P1 P2 T1 | create and change a setting; count a try |
//!
//! Each write is documented by four lines: *Invariant* (number in `INVARIANTS.md`), *Condition*, *If refused*, *Twice* (why
//! a repetition is harmless). Their expressions are a reviewed snapshot.

mod claim;
mod import;
mod order;
mod shop;

pub use order::{Found, NewOrder};

use crate::Write;

/// One example of every write, for the reviewed snapshot of expressions.
pub fn catalogue() -> Vec<Write> {
    [claim::examples(), order::examples(), import::examples(), shop::examples()].concat()
}
