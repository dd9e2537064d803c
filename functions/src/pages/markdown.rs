//! Sellers' Markdown as HTML in which nothing can run.

use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};

/// What links may begin with.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

/// HTML of a text: no raw HTML, no pictures, links to `https://`, `http://` and `mailto:` only.
pub fn to_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    // Whether each link around the text at hand is shown as one: the end of a link does not say where it led.
    let mut links: Vec<bool> = Vec::new();
    html::push_html(&mut out, events(text).filter_map(|event| tame(event, &mut links)));
    out
}

fn events(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH)
}

/// One step of a text, made harmless; `None` for what is left out.
fn tame<'a>(event: Event<'a>, links: &mut Vec<bool>) -> Option<Event<'a>> {
    Some(match event {
        // HTML is shown as it was typed.
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        // What a picture shows in words follows as text.
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => return None,
        Event::Start(Tag::Link { link_type, dest_url, .. }) => {
            // `<name@host>` is given without its scheme.
            let dest_url = match link_type {
                LinkType::Email => CowStr::from(format!("mailto:{dest_url}")),
                _ => dest_url,
            };
            let is_allowed = is_allowed(&dest_url);
            links.push(is_allowed);
            if !is_allowed {
                return None;
            }
            Event::Html(opening(&dest_url))
        }
        Event::End(TagEnd::Link) => {
            if links.pop() != Some(true) {
                return None;
            }
            Event::Html(CowStr::Borrowed("</a>"))
        }
        // The page and its sections own the first two levels. Nothing of a heading but its level is kept.
        Event::Start(Tag::Heading { level, .. }) => {
            Event::Start(Tag::Heading { level: shifted(level), id: None, classes: Vec::new(), attrs: Vec::new() })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(shifted(level))),
        // Aligned columns would be written with a style attribute, which the pages' policy refuses.
        Event::Start(Tag::Table(columns)) => {
            Event::Start(Tag::Table(vec![pulldown_cmark::Alignment::None; columns.len()]))
        }
        // A seller who presses return means a new line.
        Event::SoftBreak => Event::HardBreak,
        other => other,
    })
}

fn is_allowed(url: &str) -> bool {
    SCHEMES.iter().any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

fn opening<'a>(url: &str) -> CowStr<'a> {
    let mut tag = String::from("<a href=\"");
    for c in url.chars() {
        match c {
            '&' => tag.push_str("&amp;"),
            '"' => tag.push_str("&quot;"),
            '\'' => tag.push_str("&#39;"),
            '<' => tag.push_str("&lt;"),
            '>' => tag.push_str("&gt;"),
            _ => tag.push(c),
        }
    }
    tag.push_str("\" rel=\"noopener noreferrer nofollow\">");
    CowStr::from(tag)
}

fn shifted(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}

/// The words of a text without its marks, in one line of at most so many characters, and whether that is all of it.
pub fn excerpt(text: &str, characters: usize) -> (String, bool) {
    let mut words = String::new();
    for event in events(text) {
        match event {
            Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text) => {
                words.push_str(&text);
            }
            Event::SoftBreak | Event::HardBreak | Event::Rule | Event::End(TagEnd::Paragraph | TagEnd::Heading(_)) => {
                words.push(' ');
            }
            Event::End(TagEnd::Item | TagEnd::TableCell | TagEnd::CodeBlock) => words.push(' '),
            _ => {}
        }
    }
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(characters) {
        None => (line, true),
        Some((end, _)) => (line.get(..end).map(|start| format!("{}…", start.trim_end())).unwrap_or_default(), false),
    }
}
