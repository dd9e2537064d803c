//! Pages that say what went wrong and what is safe.

use super::view::{Frame, Trouble};

/// The page of a trouble.
pub fn trouble(_frame: &Frame<'_>, _trouble: Trouble<'_>) -> String {
    String::new()
}
