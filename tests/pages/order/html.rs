//! Reading pages without a browser: enough of HTML for pages that we write ourselves.

/// Elements without an end.
const EMPTY: [&str; 4] = ["img", "input", "meta", "link"];

/// An opening tag and what stands between it and its end.
#[derive(Clone, Copy)]
pub struct Element<'a> {
    pub tag: &'a str,
    pub inner: &'a str,
}

impl Element<'_> {
    /// An attribute's value, references decoded.
    pub fn attribute(&self, name: &str) -> Option<String> {
        let (_, rest) = self.tag.split_once(&format!(" {name}=\""))?;
        Some(decoded(rest.split_once('"')?.0))
    }

    /// The tag without the values of its attributes.
    pub fn bare(&self) -> String {
        self.tag.split('"').step_by(2).collect()
    }

    /// The characters in it, exactly.
    pub fn exact(&self) -> String {
        decoded(&without_tags(self.inner))
    }

    /// The words in it as they are read: white space is one space, what is hidden or said only without scripts is left out.
    pub fn words(&self) -> String {
        words(self.inner)
    }
}

/// All elements whose opening tag, without its brackets, satisfies the test.
pub fn all<'a>(html: &'a str, test: impl Fn(&str) -> bool) -> Vec<Element<'a>> {
    let mut found = Vec::new();
    for (at, _) in html.match_indices('<') {
        let rest = &html[at + 1..];
        let Some(end) = rest.find('>') else { break };
        let tag = &rest[..end];
        if !tag.starts_with(|c: char| c.is_ascii_alphabetic()) || !test(tag) {
            continue;
        }
        let name = name(tag);
        let inner = if EMPTY.contains(&name) || tag.ends_with('/') {
            ""
        } else {
            &rest[end + 1..][..length(&rest[end + 1..], name)]
        };
        found.push(Element { tag, inner });
    }
    found
}

/// All elements with a class.
pub fn of_class<'a>(html: &'a str, class: &str) -> Vec<Element<'a>> {
    all(html, |tag| {
        let classes = tag.split_once(" class=\"").and_then(|(_, rest)| rest.split_once('"'));
        classes.is_some_and(|(classes, _)| classes.split(' ').any(|c| c == class))
    })
}

/// The element of an id.
pub fn by_id<'a>(html: &'a str, id: &str) -> Option<Element<'a>> {
    all(html, |tag| tag.contains(&format!(" id=\"{id}\""))).first().copied()
}

/// The name of a tag.
pub fn name(tag: &str) -> &str {
    tag.split([' ', '/']).next().unwrap_or_default()
}

/// Where the element that has just begun ends.
fn length(inner: &str, name: &str) -> usize {
    let mut depth = 1;
    for (at, _) in inner.match_indices('<') {
        let rest = &inner[at + 1..];
        let closes = rest.strip_prefix('/');
        let tag = closes.unwrap_or(rest);
        let is_same = tag.strip_prefix(name).is_some_and(|after| after.starts_with([' ', '>']));
        match (is_same, closes.is_some()) {
            (true, true) => depth -= 1,
            (true, false) => depth += 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    panic!("<{name}> has no end");
}

fn without_tags(html: &str) -> String {
    html.split('<').enumerate().map(|(at, part)| if at == 0 { part } else { part.split_once('>').unwrap().1 }).collect()
}

/// Words as they are read.
pub fn words(html: &str) -> String {
    let mut html = html.to_owned();
    for hidden in all(&html.clone(), |tag| tag.ends_with(" hidden") || name(tag) == "noscript") {
        if !hidden.inner.is_empty() {
            html = html.replace(hidden.inner, "");
        }
    }
    decoded(&without_tags(&html)).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text with its references read. Only those that our templates write: any other is a fault worth a failure.
pub fn decoded(text: &str) -> String {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (reference, rest) = part.split_once(';').unwrap_or_else(|| panic!("a bare & before {part:?}"));
        out.push(match reference {
            "#38" => '&',
            "#60" => '<',
            "#62" => '>',
            "#34" => '"',
            "#39" => '\'',
            "#13" => '\r',
            other => panic!("an unknown reference {other}"),
        });
        out.push_str(rest);
    }
    out
}
