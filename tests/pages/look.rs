//! Colours, sheets, assets, Markdown, the shop and its form.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::float_arithmetic, reason = "contrast is a ratio")]

mod colours;
mod form;
mod markdown;
mod pages;
mod sample;
mod weight;
mod words;
