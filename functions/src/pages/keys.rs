//! `/o/{id}/keys`: what was bought.

use super::layout::html;
use super::order::words;
use super::view::{Frame, KeysView};
use askama::Template;

/// How many keys are shown before the rest is folded.
const OPEN: usize = 10;

/// How many lines of a key are shown before it scrolls.
const HIGH: usize = 12;

/// How many bytes of a key are read and copied at ease; a longer one says its size, and is better saved as a file.
const LONG: usize = 1024;

/// One key as it is shown.
struct Key<'a> {
    number: usize,
    /// The text between carriage returns: HTML reads a bare one as a line feed, so the template writes them as references.
    pieces: Vec<&'a str>,
    /// Its named parts; empty when it is one piece.
    parts: Vec<(&'a str, &'a str)>,
    lines: usize,
    /// 「2.1 KB」; empty for a short one.
    size: String,
}

impl<'a> Key<'a> {
    fn new(view: &'a KeysView<'_>, index: usize, key: &'a str) -> Key<'a> {
        Key {
            number: index.saturating_add(1),
            pieces: key.split('\r').collect(),
            parts: view.template.and_then(|template| template.split(key)).unwrap_or_default(),
            lines: key.lines().count(),
            size: size(key),
        }
    }

    fn is_high(&self) -> bool {
        self.lines > HIGH || (!self.size.is_empty() && self.lines <= 1)
    }
}

/// The size of a long key in kilobytes, rounded down to a tenth; empty for a short one.
fn size(key: &str) -> String {
    let tenths = key.len().saturating_mul(10) / 1024;
    if key.len() > LONG { format!("{}.{} KB", tenths / 10, tenths % 10) } else { String::new() }
}

/// What the templates show beside the view itself.
struct Goods<'a> {
    open: Vec<Key<'a>>,
    rest: Vec<Key<'a>>,
    /// Whether the file is what to take: many keys, or long ones.
    file_leads: bool,
    until: String,
}

impl<'a> Goods<'a> {
    fn new(f: &Frame<'_>, v: &'a KeysView<'_>) -> Goods<'a> {
        let mut open: Vec<Key<'_>> = v.keys.iter().enumerate().map(|(i, key)| Key::new(v, i, key)).collect();
        let file_leads = open.len() > OPEN || open.iter().any(|key| !key.size.is_empty());
        let rest = open.split_off(open.len().min(OPEN));
        Goods { open, rest, file_leads, until: words::viewable(f, v.viewable_until) }
    }

    fn count(&self) -> usize {
        self.open.len().saturating_add(self.rest.len())
    }

    fn is_one(&self) -> bool {
        self.count() == 1
    }

    /// Whether it is one key in several named parts, each with a button of its own.
    fn in_parts(&self) -> bool {
        self.is_one() && self.open.iter().any(|key| !key.parts.is_empty())
    }
}

#[derive(Template)]
#[template(path = "keys.html")]
struct Whole<'a> {
    f: &'a Frame<'a>,
    v: &'a KeysView<'a>,
    g: Goods<'a>,
}

#[derive(Template)]
#[template(path = "keys_part.html")]
struct Part<'a> {
    f: &'a Frame<'a>,
    v: &'a KeysView<'a>,
    g: Goods<'a>,
}

#[derive(Template)]
#[template(path = "cover.html")]
struct Cover<'a> {
    f: &'a Frame<'a>,
    order: &'a str,
    product_name: &'a str,
}

/// The whole page.
pub fn keys(frame: &Frame<'_>, view: &KeysView<'_>) -> String {
    html(&Whole { f: frame, v: view, g: Goods::new(frame, view) })
}

/// The part that the order's page puts into itself.
pub fn keys_part(frame: &Frame<'_>, view: &KeysView<'_>) -> String {
    html(&Part { f: frame, v: view, g: Goods::new(frame, view) })
}

/// The page of covered keys: a button uncovers them.
pub fn cover(frame: &Frame<'_>, order: &str, product_name: &str) -> String {
    html(&Cover { f: frame, order, product_name })
}

/// The file of keys: UTF-8 with a byte order mark, CRLF, nothing but keys; those of several lines are parted by an empty one.
pub fn keys_txt(keys: &[String]) -> Vec<u8> {
    let keys: Vec<String> = keys.iter().map(|key| key.replace("\r\n", "\n").replace('\r', "\n")).collect();
    let between = if keys.iter().any(|key| key.contains('\n')) { "\n\n" } else { "\n" };
    let text = keys.join(between) + "\n";
    format!("\u{feff}{}", text.replace('\n', "\r\n")).into_bytes()
}
