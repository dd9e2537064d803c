//! Money as text and as whole minor units, exactly or not at all.

use domain::limits::AMOUNT_MAX_MINOR;
use domain::money::{NotMoney, decimal, parse_minor};
use domain::{Currency, Money};

fn yuan(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

#[test]
fn text_is_read_exactly() {
    for (text, exponent, minor) in [
        ("0", 2, 0),
        ("0.00", 2, 0),
        ("1", 2, 100),
        ("1.0", 2, 100),
        ("1.00", 2, 100),
        ("9.9", 2, 990),
        ("9.90", 2, 990),
        ("0.01", 2, 1),
        ("007.5", 2, 750),
        ("990", 0, 990),
        ("1.234", 3, 1_234),
        ("1234567.89", 2, 123_456_789),
    ] {
        assert_eq!(parse_minor(text, exponent), Ok(minor), "{text}");
    }
}

#[test]
fn what_is_no_amount() {
    for text in
        ["", ".", "1.", ".5", "-1", "+1", "1e2", " 1", "1 ", "1,5", "1.2.3", "1.-5", "a", "1.a", "１", "1\0", "/", ":"]
    {
        assert_eq!(parse_minor(text, 2), Err(NotMoney::Malformed), "{text}");
    }
    for (text, exponent) in [("1.234", 2), ("1.000", 2), ("1.0", 0), ("1.2345", 3)] {
        assert_eq!(parse_minor(text, exponent), Err(NotMoney::TooPrecise), "{text}");
    }
}

#[test]
fn the_largest_amount_and_one_more() {
    assert_eq!(parse_minor("100000000000.00", 2), Ok(AMOUNT_MAX_MINOR));
    assert_eq!(parse_minor("10000000000000", 0), Ok(AMOUNT_MAX_MINOR));
    for text in ["100000000000.01", "100000000001", "99999999999999999999999999"] {
        assert_eq!(parse_minor(text, 2), Err(NotMoney::TooLarge), "{text}");
    }
}

#[test]
fn amounts_are_written_with_all_their_digits() {
    for (minor, exponent, text) in [
        (0, 2, "0.00"),
        (1, 2, "0.01"),
        (99, 2, "0.99"),
        (100, 2, "1.00"),
        (990, 2, "9.90"),
        (-990, 2, "-9.90"),
        (-5, 2, "-0.05"),
        (990, 0, "990"),
        (-990, 0, "-990"),
        (0, 0, "0"),
        (1_234, 3, "1.234"),
        (i64::MIN, 2, "-92233720368547758.08"),
    ] {
        assert_eq!(decimal(minor, exponent), text);
    }
}

#[test]
fn what_is_written_reads_the_same() {
    let mut random = fastrand::Rng::with_seed(13);
    for _ in 0..2_000 {
        let (minor, exponent) = (random.i64(0..=AMOUNT_MAX_MINOR) >> random.u8(0..44), random.u8(0..4));
        assert_eq!(parse_minor(&decimal(minor, exponent), exponent), Ok(minor));
    }
}

#[test]
fn currencies_and_their_digits() {
    for (code, exponent) in
        [("CNY", 2), ("USD", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("BHD", 3), ("ZWG", 2), ("AED", 2)]
    {
        let currency = Currency::parse(code).unwrap();
        assert_eq!((currency.code(), currency.exponent()), (code, exponent));
        assert_eq!((currency.to_string(), format!("{currency:?}")), (code.to_owned(), code.to_owned()));
    }
    assert_eq!(Currency::parse("CNY"), Some(Currency::CNY));
    for bad in ["", "CN", "CNYY", "cny", "XTS", "XAU", "D T", "月"] {
        assert_eq!(Currency::parse(bad), None, "{bad}");
    }
}

#[test]
fn so_many_times_a_price() {
    assert_eq!(yuan(990).times(1), Some(yuan(990)));
    assert_eq!(yuan(990).times(50), Some(yuan(49_500)));
    assert_eq!(yuan(990).times(0), Some(yuan(0)));
    assert_eq!(yuan(AMOUNT_MAX_MINOR).times(1), Some(yuan(AMOUNT_MAX_MINOR)));
    assert_eq!(yuan(AMOUNT_MAX_MINOR).times(2), None);
    assert_eq!(yuan(AMOUNT_MAX_MINOR / 2).times(2), Some(yuan(AMOUNT_MAX_MINOR)));
    assert_eq!(yuan(AMOUNT_MAX_MINOR / 2 + 1).times(2), None);
    assert_eq!(yuan(i64::MAX).times(2), None, "no overflow");
}

#[test]
fn money_for_people() {
    assert_eq!((yuan(990).decimal(), yuan(990).to_string()), ("9.90".to_owned(), "9.90 CNY".to_owned()));
    let yen = Money { minor: 990, currency: Currency::parse("JPY").unwrap() };
    assert_eq!((yen.decimal(), yen.to_string()), ("990".to_owned(), "990 JPY".to_owned()));
}
