//! `/o/{id}`: an order from first code to refund.

use super::view::{Frame, OrderView};

/// The whole page.
pub fn order(_frame: &Frame<'_>, _view: &OrderView<'_>) -> String {
    String::new()
}

/// The inside of `<main>`, for the script that swaps it.
pub fn order_main(_frame: &Frame<'_>, _view: &OrderView<'_>) -> String {
    String::new()
}
