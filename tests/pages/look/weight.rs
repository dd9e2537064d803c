//! What pages weigh on the wire.

use super::sample::{LANGS, Shop, all};
use functions::pages::assets::{find, gzip, href};

fn weight(file: &str) -> usize {
    find(href(file).trim_start_matches("/assets/")).unwrap().gzip.len()
}

/// What weighs too much: files and pages with their limits, bytes of gzip.
fn check(weights: &[(String, usize, usize)]) -> Vec<String> {
    let heavy = weights.iter().filter(|(_, is, limit)| is > limit || *is == 0);
    heavy.map(|(name, is, limit)| format!("{name} weighs {is}, more than {limit} or nothing")).collect()
}

#[test]
fn pages_and_files_stay_light() {
    let sheet = weight("shop.css");
    let scripts = weight("form.js").max(weight("status.js") + weight("copy.js"));
    let mut weights = vec![
        ("shop.css".to_owned(), sheet, 10_240),
        ("form.js".to_owned(), weight("form.js"), 3_072),
        ("the scripts of a page".to_owned(), scripts, 7_168),
        ("icon.svg".to_owned(), weight("icon.svg"), 512),
    ];
    let shop = Shop::new();
    for lang in LANGS {
        let pages = all(&shop, lang).into_iter();
        weights.extend(pages.map(|(name, html)| (format!("{name}, {lang:?}"), gzip(html.as_bytes()).len(), 7_168)));
    }
    assert_eq!(check(&weights), Vec::<String>::new());
    assert_eq!(check(&[("a".to_owned(), 2, 1), ("b".to_owned(), 0, 1), ("c".to_owned(), 1, 1)]).len(), 2);
}

/// Addresses that a file names, which must be our own and exist.
fn dangling(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for key in ["from \"", "import(\"", "import \"", "url("] {
        for part in text.split(key).skip(1) {
            let address = part.split(['"', ')']).next().unwrap_or_default();
            let file = address.strip_prefix("/assets/").unwrap_or_default();
            if find(file).is_none() {
                found.push(address.to_owned());
            }
        }
    }
    for scheme in ["http://", "https://", "@import", "data:"] {
        found.extend(text.match_indices(scheme).map(|(at, _)| text[at..].chars().take(40).collect()));
    }
    found
}

#[test]
fn files_ask_for_nothing_that_is_not_there() {
    for file in ["shop.css", "form.js", "status.js", "copy.js"] {
        let asset = find(href(file).trim_start_matches("/assets/")).unwrap();
        let text = String::from_utf8(asset.raw.clone()).unwrap();
        assert_eq!(dangling(&text), Vec::<String>::new(), "{file}");
    }
    assert_eq!(dangling("import a from \"./copy.js\""), ["./copy.js"]);
    assert_eq!(dangling("a{background:url(https://example.com/a.png)}").len(), 2);
}

#[test]
fn a_file_is_what_its_name_says() {
    for (file, kind) in [("shop.css", "text/css"), ("form.js", "text/javascript"), ("icon.svg", "image/svg+xml")] {
        let name = href(file).strip_prefix("/assets/").unwrap();
        let asset = find(name).unwrap();
        assert_eq!(asset.name, name);
        assert!(asset.content_type.starts_with(kind));
        assert_eq!(gzip(&asset.raw), asset.gzip);
        let hash = name.split(['-', '.']).nth(1).unwrap();
        assert!(hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
    }
    assert_eq!(href("form.js").matches('/').count(), 2);
}

/// Lengths that are not on the scale: space between things comes only in its eight steps.
fn off_scale(sheet: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rule in sheet.split([';', '{', '}']) {
        let Some((name, value)) = rule.trim().split_once(':') else { continue };
        let is_space =
            name == "gap" || name.ends_with("-gap") || name.starts_with("margin") || name.starts_with("padding");
        let lengths = value.split([' ', '(', ')', '+', '*', ',']).filter(|word| {
            // Two pixels set an icon on the line of its text, and keep a focus ring inside of a scroller.
            (word.ends_with("px") || word.ends_with("em")) && !["2px", "-2px"].contains(word)
        });
        if is_space {
            found.extend(lengths.map(|word| format!("{name}:{value} has {word}")));
        }
    }
    found
}

#[test]
fn space_comes_in_steps() {
    let sheet = String::from_utf8(find(href("shop.css").trim_start_matches("/assets/")).unwrap().raw.clone()).unwrap();
    assert_eq!(off_scale(&sheet), Vec::<String>::new());
    assert_eq!(off_scale("a{margin:0 7px;gap:var(--s1)}b{padding-left:1em}").len(), 2);
    for step in ["--s1:4px", "--s2:8px", "--s3:12px", "--s4:16px", "--s5:24px", "--s6:32px", "--s7:48px", "--s8:64px"] {
        assert!(sheet.contains(step), "{step}");
    }
}
