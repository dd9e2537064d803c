//! The seller's colour, made readable: from one colour four, for light and for dark, each dark or light enough for the text
//! and the buttons that wear it (WCAG 2, level AA).

use std::fmt;

/// The least contrast of text.
pub const TEXT: f64 = 4.5;

/// A colour of the screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// Reads `#rrggbb`.
    pub fn parse(text: &str) -> Option<Rgb> {
        let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let [_, red, green, blue] = u32::from_str_radix(hex, 16).ok()?.to_be_bytes();
        Some(Rgb(red, green, blue))
    }

    /// This colour with so many percent of another in it.
    fn with(self, other: Rgb, percent: u16) -> Rgb {
        let mix = |a: u8, b: u8| {
            let sum = u16::from(a) * (100 - percent.min(100)) + u16::from(b) * percent.min(100);
            u8::try_from((sum + 50) / 100).unwrap_or(u8::MAX)
        };
        Rgb(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02X}{:02X}{:02X}", self.0, self.1, self.2)
    }
}

#[expect(clippy::float_arithmetic, reason = "the standard defines luminance by a power; nothing here is money")]
fn luminance(colour: Rgb) -> f64 {
    let linear = |channel: u8| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(colour.0) + 0.7152 * linear(colour.1) + 0.0722 * linear(colour.2)
}

/// The contrast of two colours, 1 to 21.
#[expect(clippy::float_arithmetic, reason = "the standard defines contrast as a ratio; nothing here is money")]
pub fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

const BLACK: Rgb = Rgb(0, 0, 0);
const WHITE: Rgb = Rgb(255, 255, 255);

/// The colours that follow from the seller's, in one of the two schemes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Theme {
    /// Links and filled buttons.
    pub accent: Rgb,
    /// The same under the pointer.
    pub accent_hover: Rgb,
    /// The ground of what is chosen.
    pub accent_soft: Rgb,
    /// Words on filled buttons.
    pub on_accent: Rgb,
}

/// What text in the accent stands on, besides its own soft ground: surface, page and sunken of the sheet.
const LIGHT: [Rgb; 3] = [WHITE, Rgb(0xF6, 0xF7, 0xF9), Rgb(0xEE, 0xF0, 0xF3)];
const DARK: [Rgb; 3] = [Rgb(0x17, 0x1B, 0x20), Rgb(0x0F, 0x12, 0x15), Rgb(0x0B, 0x0D, 0x10)];

/// Takes a colour towards another in steps of 4 % until it can be read on all grounds and on a soft ground of its own. The end
/// of that road, black or white, can always be read.
fn readable(seed: Rgb, towards: Rgb, grounds: [Rgb; 3], soft: fn(Rgb) -> Rgb) -> Rgb {
    let fits = |colour: Rgb| grounds.iter().chain([&soft(colour)]).all(|&ground| contrast(colour, ground) >= TEXT);
    (0..=25).map(|step| seed.with(towards, step * 4)).find(|&colour| fits(colour)).unwrap_or(towards)
}

/// The colours for light.
pub fn light(seed: Rgb) -> Theme {
    let soft = |colour: Rgb| colour.with(WHITE, 90);
    let accent = readable(seed, BLACK, LIGHT, soft);
    // A colour that is nearly black cannot show the pointer by getting darker.
    let hover = if contrast(accent, BLACK) < 1.6 { accent.with(WHITE, 20) } else { accent.with(BLACK, 20) };
    Theme { accent, accent_hover: hover, accent_soft: soft(accent), on_accent: WHITE }
}

/// The colours for dark.
pub fn dark(seed: Rgb) -> Theme {
    let soft = |colour: Rgb| DARK[0].with(colour, 16);
    let accent = readable(seed, WHITE, DARK, soft);
    let hover = if contrast(accent, WHITE) < 1.3 { accent.with(BLACK, 20) } else { accent.with(WHITE, 25) };
    Theme { accent, accent_hover: hover, accent_soft: soft(accent), on_accent: accent.with(BLACK, 88) }
}

/// The file of a colour, `theme-0b6b50.css` for `#0B6B50`; `None` for what is no colour.
pub fn name(colour: &str) -> Option<String> {
    let Rgb(red, green, blue) = Rgb::parse(colour)?;
    Some(format!("theme-{red:02x}{green:02x}{blue:02x}.css"))
}

/// The sheet of such a name.
pub fn css(name: &str) -> Option<String> {
    let hex = name.strip_prefix("theme-")?.strip_suffix(".css")?;
    let seed = Rgb::parse(&format!("#{hex}"))?;
    let rules = |theme: Theme| {
        let Theme { accent, accent_hover, accent_soft, on_accent } = theme;
        format!(
            ":root{{--accent:{accent};--accent-hover:{accent_hover};--accent-soft:{accent_soft};--on-accent:{on_accent}}}"
        )
    };
    Some(format!("{}\n@media (prefers-color-scheme:dark){{{}}}\n", rules(light(seed)), rules(dark(seed))))
}
