//! Numbers as the gateways write them into the text they sign: they read JSON into floats and print those again.
//!
//! Here no float is involved. A decimal text is brought into the form in which Go prints the shortest decimal of a float: of any text of
//! up to fifteen digits that is the text itself without what means nothing, and longer ones come from Go in that form already.
//! Source: `strconv.FormatFloat` with precision -1 (<https://pkg.go.dev/strconv#FormatFloat>).

/// How a number is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Never with an exponent: `100`, `100.5`, `1000000`. Go's `FormatFloat(x, 'f', -1, 64)`: epusdt.
    Plain,
    /// With an exponent from a million on and below a ten-thousandth: `1e+06`, `1.2345675e+06`. Go's `%v`: BEpusdt.
    General,
    /// As it was sent: TokenPay, whose decimals keep their zeros.
    Sent,
}

/// The largest exponent that is read. No amount comes near, and a larger one would be printed as so many zeros.
const EXPONENT_MAX: i32 = 40;

/// A JSON number in this style. `None` when it is none, or beyond every amount.
pub fn canonical(raw: &str, style: Style) -> Option<String> {
    let (sign, rest) = raw.strip_prefix('-').map_or(("", raw), |rest| ("-", rest));
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || exponent.abs() > EXPONENT_MAX || raw.len() > 64 {
        return None;
    }
    if style == Style::Sent {
        return Some(raw.to_owned());
    }
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    // The value is 0.DIGITS times ten to the power of `point`.
    let leading = i32::try_from(all.len() - significant.len()).ok()?;
    let point = i32::try_from(whole.len()).ok()? - leading + exponent;
    let significant = significant.trim_end_matches('0');
    if significant.is_empty() {
        return Some(format!("{sign}0"));
    }
    let printed = if style == Style::General && !(-3..=6).contains(&point) {
        let (first, more) = significant.split_at_checked(1)?;
        let dot = if more.is_empty() { "" } else { "." };
        let power = point - 1;
        let direction = if power < 0 { '-' } else { '+' };
        format!("{first}{dot}{more}e{direction}{:02}", power.abs())
    } else {
        plain(significant, point)?
    };
    Some(format!("{sign}{printed}"))
}

/// Digits with the decimal point behind so many of them, and zeros where there are none.
fn plain(digits: &str, point: i32) -> Option<String> {
    if point <= 0 {
        let zeros = "0".repeat(usize::try_from(-point).ok()?);
        return Some(format!("0.{zeros}{digits}"));
    }
    let point = usize::try_from(point).ok()?;
    Some(match digits.split_at_checked(point) {
        Some((whole, fraction)) if !fraction.is_empty() => format!("{whole}.{fraction}"),
        _ => format!("{digits:0<point$}"),
    })
}
