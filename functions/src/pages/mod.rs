//! The buyer's pages: plain data in ([`view`]), HTML out. One renderer for the whole page and for the part that a script swaps
//! in, so that both say the same; every page is complete without a script.

pub mod assets;
pub mod env;
mod keys;
mod lang;
mod layout;
mod lookup;
mod mail;
pub mod markdown;
mod order;
mod product;
pub mod qr;
mod shop;
pub mod theme;
mod trouble;
pub mod view;

pub use keys::{cover, keys, keys_part, keys_txt};
pub use lookup::lookup;
pub use mail::{MailContent, MailWords, mail};
pub use order::{order, order_main, patience};
pub use product::product;
pub use shop::{shop, terms};
pub use trouble::trouble;
