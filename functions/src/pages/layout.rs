//! What stands around every page: head, header, banner, footer.

use super::view::Frame;

/// What the base template needs of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout<'a> {
    /// The frame.
    pub(super) f: &'a Frame<'a>,
}

/// Renders a template. One that fails is a fault of ours: an empty page would hide it, so it is logged.
pub(super) fn html(template: &impl askama::Template) -> String {
    template.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a page does not render");
        String::new()
    })
}
