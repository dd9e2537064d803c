//! `/` and `/terms`.

use super::view::{Frame, ShopView};

/// The products.
pub fn shop(_frame: &Frame<'_>, _view: &ShopView<'_>) -> String {
    String::new()
}

/// What a buyer should know, and when money is returned.
pub fn terms(_frame: &Frame<'_>) -> String {
    String::new()
}
