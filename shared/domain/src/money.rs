//! Money as whole minor units. No floating point anywhere: text goes to an integer and back, exactly or not at all.

use std::fmt;

/// Active ISO 4217 codes, with those whose minor unit is not a hundredth marked by their exponent.
/// Source: ISO 4217 list one; precious metals, testing codes and bond units are left out because nobody pays in them.
const TWO: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF \
    CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS \
    INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN \
    NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN \
    SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWG";
const ZERO: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
const THREE: &str = "BHD IQD JOD KWD LYD OMR TND";

/// An ISO 4217 currency. Only codes of the list above can be built.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Renminbi, the only currency 易支付 knows.
    pub const CNY: Currency = Currency(*b"CNY");

    /// Reads a code in capitals, such as `CNY`.
    pub fn parse(code: &str) -> Option<Currency> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        [TWO, ZERO, THREE]
            .iter()
            .any(|list| list.split_ascii_whitespace().any(|c| c == code))
            .then_some(Currency(bytes))
    }

    /// The code in capitals.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// How many decimal digits the minor unit has: 2 for CNY, 0 for JPY, 3 for KWD.
    pub fn exponent(&self) -> u8 {
        let is = |list: &str| list.split_ascii_whitespace().any(|c| c == self.code());
        if is(ZERO) {
            0
        } else if is(THREE) {
            3
        } else {
            2
        }
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount in the minor unit of its currency: 990 CNY is 9.90 yuan.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Money {
    /// Whole minor units. Never negative in an order or a payment.
    pub minor: i64,
    /// The currency whose minor unit is counted.
    pub currency: Currency,
}

impl Money {
    /// `quantity` times this amount, or `None` on overflow or beyond [`crate::limits::AMOUNT_MAX_MINOR`].
    pub fn times(&self, quantity: u32) -> Option<Money> {
        let minor = self.minor.checked_mul(i64::from(quantity))?;
        (minor <= crate::limits::AMOUNT_MAX_MINOR).then_some(Money { minor, currency: self.currency })
    }

    /// The exact decimal text with all digits of the minor unit: `9.90`, and `990` for JPY.
    pub fn decimal(&self) -> String {
        decimal(self.minor, self.currency.exponent())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

/// Why a decimal text is not an amount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotMoney {
    /// Not `digits` or `digits.digits`: a sign, an exponent, white space, a bare point, letters, or nothing at all.
    Malformed,
    /// More digits after the point than the currency has.
    TooPrecise,
    /// Beyond [`crate::limits::AMOUNT_MAX_MINOR`].
    TooLarge,
}

/// Reads a decimal text into minor units: with exponent 2, `1`, `1.0` and `1.00` are all 100.
///
/// Digits beyond the exponent are refused even when they are zero, because a provider that sends them is not
/// the provider we know.
pub fn parse_minor(text: &str, exponent: u8) -> Result<i64, NotMoney> {
    let (whole, fraction) = match text.split_once('.') {
        Some((w, f)) if !f.is_empty() => (w, f),
        Some(_) => return Err(NotMoney::Malformed),
        None => (text, ""),
    };
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return Err(NotMoney::Malformed);
    }
    if fraction.len() > usize::from(exponent) {
        return Err(NotMoney::TooPrecise);
    }
    let padding = std::iter::repeat_n(b'0', usize::from(exponent) - fraction.len());
    let mut minor = 0i64;
    for digit in whole.bytes().chain(fraction.bytes()).chain(padding) {
        minor = minor
            .checked_mul(10)
            .and_then(|m| m.checked_add(i64::from(digit - b'0')))
            .filter(|&m| m <= crate::limits::AMOUNT_MAX_MINOR)
            .ok_or(NotMoney::TooLarge)?;
    }
    Ok(minor)
}

/// The exact decimal text of minor units. The inverse of [`parse_minor`].
pub fn decimal(minor: i64, exponent: u8) -> String {
    let digits = usize::from(exponent);
    let text = format!("{:0>width$}", minor.unsigned_abs(), width = digits + 1);
    let sign = if minor < 0 { "-" } else { "" };
    if digits == 0 {
        return format!("{sign}{text}");
    }
    let (whole, fraction) = text.split_at(text.len() - digits);
    format!("{sign}{whole}.{fraction}")
}
