//! The catalogue of writes: `claim` and `strip` (stock), `order`, `close`, `late` and `money` (orders and money), `import`
//! (cards coming in), `shop` (settings and courtesies), `push` (messages to the seller), `whole` (items of an export).
//!
//! | code | fact |
//! |---|---|
//! | C0 C1 C1' C1" | open the next fresh strip; claim cards at its end; claim released ones; claim more where some are held |
//! | C2 C2d C3 C4 | write the order; its bulky input before it; another attempt; what its provider gave to be shown |
//! | W1 W2 V1 M0 | settle the order with proven money; late; for review; write down money that settles nothing |
//! | V2 V3 L2 L3 | pass and refuse a review; give late money new slots, or owe it back |
//! | D1 D2 D3 | deliver; put before a person what is not delivered; note the first view |
//! | F0 F1 F2 F3 | owe undelivered money back; start, finish, fail a refund |
//! | M2 M3 O1 O2 O3 | move and end a money row; raise, confirm and end an alarm |
//! | X1 X2 X3 X4 | end a hold; give an id up before its order exists; give cards back; put a lost claim back |
//! | Q1 Q2 Q3 S1 | ask later; nothing left; never paid; take the turn to send again |
//! | M1 Z Z2 A2 | mark final cards; seal a strip; raise the watermark; take a card out of sale |
//! | R1 R2 R3 | forget, remember that strips have room; that none has |
//! | P0 A0 A0e A1 A1u A1n | open a product's head; reserve strips for an import, end the range; put ciphertexts and strip; claim a card's uniqueness; put a strip on sale |
//! | P1 P2 T1 to T7 | create and change a setting; count a try, take a turn, note and forget open orders, keep a note, tell the stock, change a note that was read |
//! | B1 | bring an item of an export back |
//! | N1 to N5 | begin and end a push; collect a message, count one more, clear what was told together |
//!
//! Each write is documented by four lines: *Invariant* (number in `INVARIANTS.md`), *Condition*, *If refused*, *Twice* (why
//! a repetition is harmless). Their expressions are a reviewed snapshot.

mod claim;
mod close;
mod import;
mod late;
mod money;
mod order;
mod push;
mod shop;
mod strip;
mod whole;

pub use late::Adopted;
pub use order::{Found, NewOrder};
pub use push::{Begun, COLLECTED_MAX, Digest};

use crate::Write;

/// One example of every write, for the reviewed snapshot of expressions.
pub fn catalogue() -> Vec<Write> {
    [
        claim::examples(),
        strip::examples(),
        order::examples(),
        close::examples(),
        late::examples(),
        money::examples(),
        import::examples(),
        shop::examples(),
        whole::examples(),
        push::examples(),
    ]
    .concat()
}
