//! Raw bytes to pairs and back, strictly.

use crate::support::own;
use payments::form::{NotForm, parse, write};

fn read(raw: &str) -> Vec<(String, String)> {
    own(parse(raw.as_bytes()).unwrap().iter())
}

#[test]
fn decoded_once_in_the_order_sent() {
    assert_eq!(read("b=1&a=2"), own([("b", "1"), ("a", "2")]));
    assert_eq!(read("a=%E6%9C%88+x%20y%2B"), own([("a", "月 x y+")]));
    assert_eq!(read("a=%2525"), own([("a", "%25")]));
    assert_eq!(read("a=b=c"), own([("a", "b=c")]));
    assert_eq!(read("a%3Db=1"), own([("a=b", "1")]));
    assert_eq!(read("a&b="), own([("a", ""), ("b", "")]));
    assert_eq!(read(""), own([]));
    assert_eq!(read("&a=1&&b=2&"), own([("a", "1"), ("b", "2")]));
    assert_eq!(read("a=月"), own([("a", "月")]));
}

#[test]
fn what_others_mend_or_choose_between_is_refused() {
    for (raw, fault) in [
        ("a=%", NotForm::Escape),
        ("a=%4", NotForm::Escape),
        ("a=%zz", NotForm::Escape),
        ("a=%+1", NotForm::Escape),
        ("%=a", NotForm::Escape),
        ("a=%FF", NotForm::Utf8),
        ("a=%C0%80", NotForm::Utf8),
        ("a=%ED%A0%80", NotForm::Utf8),
        ("%E6%9C=1", NotForm::Utf8),
        ("=1", NotForm::NoName),
        ("a=1&=", NotForm::NoName),
        ("a=1&a=1", NotForm::Duplicate),
        ("a=1&b=2&%61=3", NotForm::Duplicate),
        ("a+b=1&a%20b=2", NotForm::Duplicate),
    ] {
        assert_eq!(parse(raw.as_bytes()), Err(fault), "{raw}");
    }
    assert_eq!(parse(b"a=\xff"), Err(NotForm::Utf8));
}

#[test]
fn get_and_filled() {
    let pairs = parse(b"a=1&b=").unwrap();
    assert_eq!((pairs.get("a"), pairs.get("b"), pairs.get("c")), (Some("1"), Some(""), None));
    assert_eq!((pairs.filled("a"), pairs.filled("b"), pairs.filled("c")), (Some("1"), None, None));
}

#[test]
fn what_is_written_reads_the_same_everywhere() {
    assert_eq!(write([("a b", "月&=+%\n~-._")]), "a%20b=%E6%9C%88%26%3D%2B%25%0A~-._");
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..2_000 {
        let mut word = || -> String { (0..random.usize(1..9)).map(|_| random.char(..)).collect() };
        let pairs = own([(word().as_str(), word().as_str())]);
        let written = write(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        assert!(written.is_ascii());
        assert_eq!(read(&written), pairs);
    }
}
