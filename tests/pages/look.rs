//! Colours, sheets, assets, Markdown, the shop and its form.
