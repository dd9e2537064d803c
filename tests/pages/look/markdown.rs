//! Sellers' texts as HTML: what they mean stays, what could run does not.

use functions::pages::markdown::{excerpt, to_html};

/// Tags that the texts may become.
const TAGS: [&str; 23] = [
    "p",
    "br",
    "a",
    "b",
    "em",
    "strong",
    "del",
    "code",
    "pre",
    "ul",
    "ol",
    "li",
    "blockquote",
    "hr",
    "h3",
    "h4",
    "h5",
    "h6",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
];

/// What of an HTML text is not inert: a tag or an attribute that our own rendering never writes.
fn alive(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in html.split('<').skip(1) {
        let Some((tag, _)) = part.split_once('>') else {
            found.push(format!("<{part} does not end"));
            continue;
        };
        let tag = tag.trim_start_matches('/').trim_end_matches(" /");
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let is_link = ["https://", "http://", "mailto:"].iter().any(|s| {
            attributes.to_ascii_lowercase().starts_with(&format!("href=\"{s}"))
                && attributes.ends_with("\" rel=\"noopener noreferrer nofollow\"")
                && attributes.matches('"').count() == 4
        });
        let is_plain = attributes.is_empty()
            || (name == "ol" && attributes.starts_with("start=\""))
            || (name == "code" && attributes.starts_with("class=\"language-"));
        if !(TAGS.contains(&name) || name == "td") || !(is_plain || (name == "a" && is_link)) {
            found.push(format!("<{tag}>"));
        }
    }
    found
}

/// Everything a seller, or whoever got hold of a seller's password, may try.
const ATTEMPTS: [&str; 26] = [
    "<script>alert(1)</script>",
    "a <script src=//example.com/a.js></script> b",
    "<img src=x onerror=alert(1)>",
    "<IMG SRC=\"javascript:alert(1)\">",
    "<svg/onload=alert(1)>",
    "<a href=\"javascript:alert(1)\">a</a>",
    "<iframe srcdoc='<script>1</script>'></iframe>",
    "<style>*{display:none}</style>",
    "<div style=\"position:fixed\">a</div>",
    "<!-- a --><b onclick=1>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](java\nscript:alert(1))",
    "[a](&#106;avascript:alert(1))",
    "[a](data:text/html,<script>1</script>)",
    "[a](vbscript:1)",
    "[a](//example.com)",
    "[a](/o/1/keys)",
    "[a](https://example.com/\"onmouseover=\"alert(1))",
    "[a](<https://example.com/' onclick='1>)",
    "[a](https://example.com \"t\" onclick=1)",
    "![<script>](https://example.com/a.png \"<b>\")",
    "<javascript:alert(1)>",
    "```<img onerror=1>\n<script>\n```",
    "| <script> | b |\n|:-:|--:|\n| ![x](javascript:1) | [y](javascript:1) |",
    "# a {onclick=alert(1) style=x}",
];

#[test]
fn nothing_a_seller_writes_can_run() {
    for attempt in ATTEMPTS {
        let html = to_html(attempt);
        assert_eq!(alive(&html), Vec::<String>::new(), "{attempt} became {html}");
        for (before, after) in [("**a** ", " b"), ("- ", ""), ("> ", "\n\nb"), ("", &"\n".repeat(3))] {
            let text = format!("{before}{attempt}{after}");
            assert_eq!(alive(&to_html(&text)), Vec::<String>::new(), "{text}");
        }
    }
}

#[test]
fn what_is_alive_is_caught() {
    for html in [
        "<script>",
        "<p onclick=1>a</p>",
        "<p style=\"a\">",
        "<img>",
        "<a href=\"javascript:1\" rel=\"noopener noreferrer nofollow\">",
        "<a href=\"https://example.com\">",
        "<a href=\"https://example.com\" onclick=\"1\" rel=\"noopener noreferrer nofollow\">",
        "<h1>",
        "<p",
    ] {
        assert_eq!(alive(html).len(), 1, "{html}");
    }
}

#[test]
fn what_a_seller_means_stays() {
    let rel = "rel=\"noopener noreferrer nofollow\"";
    for (text, html) in [
        ("a\nb", "<p>a<br />\nb</p>\n".to_owned()),
        ("# a\n## b\n### c\n###### d", "<h3>a</h3>\n<h4>b</h4>\n<h5>c</h5>\n<h6>d</h6>\n".to_owned()),
        (
            "[a](https://example.com/?a=1&b=2)",
            format!("<p><a href=\"https://example.com/?a=1&amp;b=2\" {rel}>a</a></p>\n"),
        ),
        ("<help@example.com>", format!("<p><a href=\"mailto:help@example.com\" {rel}>help@example.com</a></p>\n")),
        ("[a](ftp://example.com)", "<p>a</p>\n".to_owned()),
        ("![**a** b](https://example.com/a.png)", "<p><strong>a</strong> b</p>\n".to_owned()),
        ("<b>a</b>", "<p>&lt;b&gt;a&lt;/b&gt;</p>\n".to_owned()),
        ("~~a~~ `b`", "<p><del>a</del> <code>b</code></p>\n".to_owned()),
        ("", String::new()),
    ] {
        assert_eq!(to_html(text), html, "{text}");
    }
    let table = to_html("| a |\n|:-:|\n| b |");
    assert!(table.contains("<th>a</th>") && table.contains("<td>b</td>"), "{table}");
}

#[test]
fn a_text_has_a_short_form_without_marks() {
    assert_eq!(excerpt("# a\n\n- **b**\n- [c](https://example.com)", 60), ("a b c".to_owned(), true));
    assert_eq!(excerpt("一二三四五", 3), ("一二三…".to_owned(), false));
    assert_eq!(excerpt("一二三", 3), ("一二三".to_owned(), true));
    assert_eq!(excerpt("", 3), (String::new(), true));
}
