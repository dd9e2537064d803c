//! `/p/{product}`.

use super::view::{Frame, ProductView};

/// A product and its order form.
pub fn product(_frame: &Frame<'_>, _view: &ProductView<'_>) -> String {
    String::new()
}
