//! Amounts as Stripe counts them. It goes by its own table, which is not everywhere that of ISO 4217.
//!
//! Source: <https://docs.stripe.com/currencies>, "zero-decimal currencies", "three-decimal currencies" and "special cases".

use domain::limits::AMOUNT_MAX_MINOR;
use domain::{Currency, Money};

/// Without a minor unit at ISO, yet sent with two digits that must be zeros: they had one when Stripe's interface was made.
const PADDED: [&str; 2] = ["ISK", "UGX"];

/// With a minor unit at ISO that Stripe does not count.
const WHOLE: &str = "MGA";

/// With three digits at ISO, of which Stripe's partners can settle two: the last one must be zero.
const TENS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

/// Stripe's table says nothing of these, so nobody knows in what it would count them.
const UNKNOWN: [&str; 2] = ["IQD", "LYD"];

/// Whether it is known in what Stripe counts this currency.
pub(super) fn is_known(currency: Currency) -> bool {
    !UNKNOWN.contains(&currency.code())
}

/// An amount as Stripe counts it. `None` when it has more digits than Stripe can carry, or when it is not above zero.
pub(super) fn to_stripe(money: Money) -> Option<i64> {
    let code = money.currency.code();
    let whole = |step: i64| (money.minor % step == 0).then_some(money.minor);
    let units = if PADDED.contains(&code) {
        money.minor.checked_mul(100)
    } else if code == WHOLE {
        whole(100).map(|minor| minor / 100)
    } else if TENS.contains(&code) {
        whole(10)
    } else {
        Some(money.minor)
    };
    units.filter(|units| *units > 0 && is_known(money.currency))
}

/// What Stripe counted, in our minor units. `None` when it is no amount of this currency.
pub(super) fn from_stripe(units: i64, currency: Currency) -> Option<Money> {
    let code = currency.code();
    let minor = if PADDED.contains(&code) {
        (units % 100 == 0).then_some(units / 100)
    } else if code == WHOLE {
        units.checked_mul(100)
    } else {
        Some(units)
    };
    let minor = minor.filter(|minor| (0..=AMOUNT_MAX_MINOR).contains(minor) && is_known(currency))?;
    Some(Money { minor, currency })
}
