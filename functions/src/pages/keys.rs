//! `/o/{id}/keys`: what was bought.

use super::view::{Frame, KeysView};

/// The whole page.
pub fn keys(_frame: &Frame<'_>, _view: &KeysView<'_>) -> String {
    String::new()
}

/// The part that the order's page puts into itself.
pub fn keys_part(_frame: &Frame<'_>, _view: &KeysView<'_>) -> String {
    String::new()
}

/// The page of covered keys: a button uncovers them.
pub fn cover(_frame: &Frame<'_>, _order: &str, _product_name: &str) -> String {
    String::new()
}

/// The file of keys: UTF-8 with a byte order mark, CRLF, nothing but keys; those of several lines are parted by an empty one.
pub fn keys_txt(_keys: &[String]) -> Vec<u8> {
    Vec::new()
}
