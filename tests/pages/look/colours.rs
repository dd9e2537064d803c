//! Whether everything can be read: contrasts computed from the sheet as it is served, and from every theme.

use functions::pages::theme::{self, Rgb, Theme, contrast};
use std::collections::HashMap;

const SHEET: &str = include_str!("../../../functions/assets/base.css");

/// The least contrast of text, of what can be operated, and of lines that only decorate (WCAG 2, AA).
const TEXT: f64 = 4.5;
const CONTROL: f64 = 3.0;

/// What stands on what, and how much contrast it needs. Names are tokens of the sheet.
const PAIRS: [(&str, &[&str], f64); 17] = [
    ("text", &["surface", "bg", "sunken", "key-bg", "info-soft"], TEXT),
    ("text-2", &["surface", "bg", "sunken", "mute-soft"], TEXT),
    ("text-3", &["surface", "bg", "sunken"], TEXT),
    ("accent", &["surface", "bg", "sunken", "accent-soft"], TEXT),
    ("accent-hover", &["surface", "bg"], TEXT),
    ("on-accent", &["accent", "accent-hover"], TEXT),
    ("info", &["info-soft", "surface", "bg"], TEXT),
    ("ok", &["ok-soft", "surface", "bg"], TEXT),
    ("warn", &["warn-soft", "surface", "bg"], TEXT),
    ("bad", &["bad-soft", "surface", "bg"], TEXT),
    ("mute", &["mute-soft", "surface", "bg"], TEXT),
    ("review", &["review-soft", "surface", "bg"], TEXT),
    // Letters of payment tiles and of filled danger buttons: the surface's colour on a state's.
    ("surface", &["info", "ok", "mute", "review", "bad", "text"], TEXT),
    ("key-text", &["key-bg"], TEXT),
    ("line-strong", &["surface", "bg"], CONTROL),
    ("focus", &["surface", "bg"], CONTROL),
    ("accent", &["line"], 1.1),
];

/// The tokens of light, or of dark: what dark does not name it takes from light.
fn tokens(sheet: &str, is_dark: bool) -> HashMap<String, Rgb> {
    let mut found = HashMap::new();
    let blocks = sheet.split(":root{").skip(1);
    for block in blocks.take(if is_dark { 2 } else { 1 }) {
        for rule in block.split('}').next().unwrap().split(';') {
            if let Some((name, value)) = rule.trim().split_once(':')
                && let (Some(name), Some(colour)) = (name.strip_prefix("--"), Rgb::parse(value.trim()))
            {
                found.insert(name.to_owned(), colour);
            }
        }
    }
    found
}

/// What cannot be read, one sentence each.
fn check(sheet: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (scheme, is_dark) in [("light", false), ("dark", true)] {
        let tokens = tokens(sheet, is_dark);
        for (front, backs, least) in PAIRS {
            for back in backs {
                let (Some(&a), Some(&b)) = (tokens.get(front), tokens.get(*back)) else {
                    found.push(format!("{scheme}: {front} or {back} is no colour"));
                    continue;
                };
                let is = contrast(a, b);
                if is < least {
                    found.push(format!("{scheme}: {front} on {back} is {is:.2}, less than {least}"));
                }
            }
        }
    }
    found
}

#[test]
fn everything_on_the_sheet_can_be_read() {
    assert_eq!(check(SHEET), Vec::<String>::new());
}

#[test]
fn a_bad_colour_is_caught_in_light_and_in_dark() {
    let pale = SHEET.replacen("--text-3:#616A75", "--text-3:#A0A7B0", 1);
    let said = check(&pale);
    assert!(said.iter().any(|s| s.starts_with("light: text-3 on surface is 2.")), "{said:?}");
    let dim = SHEET.replacen("--bad:#FF9D95", "--bad:#8A1E18", 1);
    assert!(check(&dim).iter().any(|s| s.starts_with("dark: bad on surface is ")), "{:?}", check(&dim));
    let gone = SHEET.replace("--focus:", "--other:");
    assert!(check(&gone).contains(&"light: focus or surface is no colour".to_owned()));
}

#[test]
fn contrast_is_the_one_of_the_standard() {
    let of = |a: &str, b: &str| contrast(Rgb::parse(a).unwrap(), Rgb::parse(b).unwrap());
    for (a, b, is) in [("#000000", "#FFFFFF", 21.0), ("#777777", "#777777", 1.0), ("#767676", "#FFFFFF", 4.54)] {
        assert!((of(a, b) - is).abs() < 0.005, "{a} on {b}: {}", of(a, b));
        assert!((of(a, b) - of(b, a)).abs() < f64::EPSILON);
    }
}

/// Colours that sellers may pick: their own, loud ones, ones that nobody can read.
const SEEDS: [&str; 20] = [
    "#FFFF00", "#FFFFFF", "#000000", "#FF0000", "#00FF00", "#0000FF", "#00FFFF", "#FF00FF", "#FFD400", "#C2185B",
    "#0055AA", "#0B6B50", "#808080", "#F5F5DC", "#123456", "#FFA500", "#7FFFD4", "#4B0082", "#FFC0CB", "#010101",
];

/// What of a theme cannot be read.
fn unreadable(theme: Theme, surface: Rgb, ground: Rgb) -> Vec<String> {
    let Theme { accent, accent_hover, accent_soft, on_accent } = theme;
    let pairs = [
        (accent, surface),
        (accent, ground),
        (accent, accent_soft),
        (on_accent, accent),
        (on_accent, accent_hover),
        (accent_hover, surface),
    ];
    pairs.iter().filter(|(a, b)| contrast(*a, *b) < TEXT).map(|(a, b)| format!("{a} on {b}")).collect()
}

#[test]
fn every_colour_a_seller_picks_can_be_read() {
    let (light, dark) = (tokens(SHEET, false), tokens(SHEET, true));
    for seed in SEEDS {
        let colour = Rgb::parse(seed).unwrap();
        let none = Vec::<String>::new();
        assert_eq!(unreadable(theme::light(colour), light["surface"], light["bg"]), none, "{seed}, light");
        assert_eq!(unreadable(theme::dark(colour), dark["surface"], dark["bg"]), none, "{seed}, dark");
        for theme in [theme::light(colour), theme::dark(colour)] {
            assert_ne!(theme.accent, theme.accent_hover, "{seed}: the pointer changes nothing");
        }
    }
    // Not every colour would do as it is.
    let yellow = Rgb::parse("#FFFF00").unwrap();
    let as_it_is = Theme { accent: yellow, ..theme::light(yellow) };
    assert!(!unreadable(as_it_is, light["surface"], light["bg"]).is_empty());
}

#[test]
fn a_colour_that_can_be_read_stays_as_it_is() {
    let green = Rgb::parse("#0B6B50").unwrap();
    assert_eq!(theme::light(green).accent, green);
}

#[test]
fn a_theme_is_a_sheet_with_a_name() {
    assert_eq!(theme::name("#0B6B50").as_deref(), Some("theme-0b6b50.css"));
    for nothing in ["", "0B6B50", "#0B6B5", "#0B6B500", "#GGGGGG", "red", "#+12345", "#０00000"] {
        assert_eq!(theme::name(nothing), None, "{nothing}");
    }
    let css = theme::css("theme-0b6b50.css").unwrap();
    assert!(css.starts_with(":root{--accent:#0B6B50;--accent-hover:#"), "{css}");
    assert!(css.contains("@media (prefers-color-scheme:dark){:root{--accent:#"), "{css}");
    for nothing in ["theme-.css", "theme-0b6b5.css", "theme-0b6b50.js", "0b6b50.css", "theme-zzzzzz.css", "shop.css"] {
        assert_eq!(theme::css(nothing), None, "{nothing}");
    }
}
