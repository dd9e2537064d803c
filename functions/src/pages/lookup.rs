//! `/lookup`.

use super::view::{Frame, LookupView};

/// Finding orders again.
pub fn lookup(_frame: &Frame<'_>, _view: &LookupView<'_>) -> String {
    String::new()
}
