//! Ids as text and as bytes, there and back, and everything that is none.

use domain::limits::{ATTEMPTS_MAX, PROVIDER_NUMBER_MAX};
use domain::{AccountId, Claim, OrderId, OutTradeNo, ProductId, Txn};
use std::collections::BTreeSet;

/// Crockford's alphabet, written down a second time.
const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn order() -> OrderId {
    OrderId([0x00, 0x44, 0x32, 0x14, 0xC7, 0x42, 0x54, 0xB6, 0x35, 0xCF, 0x84, 0x65, 0x3A, 0x56, 0xD7])
}

/// The same number in base 32 as in base 256, computed digit by digit.
fn by_division(bytes: &[u8; 15]) -> String {
    let mut number = bytes.to_vec();
    let mut letters = Vec::new();
    for _ in 0..24 {
        let mut rest = 0u16;
        for byte in &mut number {
            let value = rest << 8 | u16::from(*byte);
            *byte = (value / 32) as u8;
            rest = value % 32;
        }
        letters.push(ALPHABET.as_bytes()[usize::from(rest)]);
    }
    letters.reverse();
    String::from_utf8(letters).unwrap()
}

/// Counting through the alphabet gives bytes that were worked out by hand from the bits 00000 00001 00010 …
#[test]
fn an_order_id_is_twenty_four_letters() {
    assert_eq!(order().to_string(), "0123456789ABCDEFGHJKMNPQ");
    assert_eq!(OrderId([0; 15]).to_string(), "0".repeat(24));
    assert_eq!(OrderId([255; 15]).to_string(), "Z".repeat(24));
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..500 {
        let mut bytes = [0; 15];
        random.fill(&mut bytes);
        let text = OrderId(bytes).to_string();
        assert_eq!(text, by_division(&bytes));
        assert_eq!(OrderId::parse(&text), Some(OrderId(bytes)));
        assert_eq!(OrderId::parse(&text.to_lowercase()), Some(OrderId(bytes)), "typed in small letters");
    }
}

#[test]
fn what_is_no_order_id() {
    let text = order().to_string();
    assert_eq!(OrderId::parse(""), None);
    assert_eq!(OrderId::parse(&text[..23]), None);
    assert_eq!(OrderId::parse(&format!("{text}0")), None);
    for at in 0..24 {
        for wrong in ["I", "L", "O", "U", "i", "-", " ", "@", "["] {
            let mut bent = text.clone();
            bent.replace_range(at..=at, wrong);
            assert_eq!(OrderId::parse(&bent), None, "{bent}");
        }
    }
    assert_eq!(OrderId::parse(&"月".repeat(8)), None, "as many bytes, and no letters");
}

#[test]
fn ids_print_as_what_they_are() {
    let text = order().to_string();
    assert_eq!(format!("{:?}", order()), format!("OrderId({text})"));
    let claim = Claim { order: order(), generation: 7 };
    assert_eq!(format!("{claim:?}"), format!("Claim({text}/7)"));
    let no = OutTradeNo { order: order(), tail: [31, 0], attempt: 5 };
    assert_eq!(format!("{no:?}"), format!("OutTradeNo({text}Z05)"));
    let product = ProductId::parse("my-game").unwrap();
    assert_eq!((format!("{product}"), format!("{product:?}")), ("my-game".to_owned(), "my-game".to_owned()));
    let account = AccountId::parse("epay_2").unwrap();
    assert_eq!((format!("{account}"), format!("{account:?}")), ("epay_2".to_owned(), "epay_2".to_owned()));
    assert_eq!(format!("{:?}", Txn::new(&account, "T1").unwrap()), "Txn(epay_2/T1)");
}

#[test]
fn a_claim_is_the_order_and_then_the_generation() {
    let claim = Claim { order: order(), generation: 200 };
    let bytes = claim.to_bytes();
    assert_eq!(bytes[..15], order().0);
    assert_eq!(bytes[15], 200);
    assert_eq!(Claim::from_bytes(&bytes), Some(claim));
    for wrong in [&bytes[..15], &bytes[..1], &[][..], &[bytes.to_vec(), vec![0]].concat()] {
        assert_eq!(Claim::from_bytes(wrong), None, "{} bytes", wrong.len());
    }
}

#[test]
fn names_of_products_and_accounts() {
    let long = "a".repeat(32);
    for good in ["a", "0", "-", "my-game-2", &long] {
        assert_eq!(ProductId::parse(good).unwrap().as_str(), good);
        assert_eq!(AccountId::parse(good).unwrap().as_str(), good);
    }
    let longer = "a".repeat(33);
    for bad in ["", &longer, "A", "a b", "a.b", "a/b", "é", "!owner", "a\0"] {
        assert_eq!(ProductId::parse(bad), None, "{bad}");
        assert_eq!(AccountId::parse(bad), None, "{bad}");
    }
    // An underscore is an account's alone.
    assert_eq!(ProductId::parse("a_b"), None);
    assert_eq!(AccountId::parse("a_b").unwrap().as_str(), "a_b");
}

#[test]
fn the_number_of_an_attempt_there_and_back() {
    let mut seen = BTreeSet::new();
    for first in 0..32 {
        for attempt in 1..=ATTEMPTS_MAX {
            let no = OutTradeNo { order: order(), tail: [first, 31 - first], attempt };
            let text = no.to_string();
            assert_eq!(text.len(), OutTradeNo::LEN);
            assert!(text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()), "{text}");
            assert_eq!(OutTradeNo::parse(&text), Some(no));
            assert!(seen.insert(text));
        }
    }
    // Only the low five bits of a letter count.
    let wide = OutTradeNo { order: order(), tail: [0xE3, 0x24], attempt: 1 };
    assert_eq!(OutTradeNo::parse(&wide.to_string()), Some(OutTradeNo { tail: [3, 4], ..wide }));
}

#[test]
fn what_is_no_number_of_an_attempt() {
    let text = OutTradeNo { order: order(), tail: [3, 4], attempt: 1 }.to_string();
    assert_eq!(text, "0123456789ABCDEFGHJKMNPQ341");
    let with = |at: usize, letter: &str| {
        let mut bent = text.clone();
        bent.replace_range(at..=at, letter);
        bent
    };
    for bent in [
        String::new(),
        text[..26].to_owned(),
        format!("{text}1"),
        text.to_lowercase(),
        with(0, "U"),
        with(23, "q"),
        with(24, "I"),
        with(25, "u"),
        with(26, "0"),
        with(26, "6"),
        with(26, "A"),
        with(26, "/"),
        "月".repeat(9),
        // Cut inside a character.
        format!("{}月1", &text[..23]),
    ] {
        assert_eq!(OutTradeNo::parse(&bent), None, "{bent}");
    }
}

#[test]
fn a_movement_of_money_is_account_and_number() {
    let account = AccountId::parse("epay").unwrap();
    let txn = Txn::new(&account, "2026 1122").unwrap();
    assert_eq!(txn.as_bytes(), b"epay\x002026 1122");
    assert_eq!(txn.provider_number(), "2026 1122", "a space in a provider's number is the provider's");
    assert!(!txn.is_attested());
    assert_eq!(Txn::from_stored(txn.as_bytes().to_vec()), txn);
    // The zero byte keeps accounts and numbers apart.
    let other = AccountId::parse("epay2").unwrap();
    assert_ne!(Txn::new(&account, "21").unwrap(), Txn::new(&other, "1").unwrap());
    assert_eq!(Txn::new(&account, &"9".repeat(PROVIDER_NUMBER_MAX)).unwrap().provider_number().len(), 128);
    for bad in ["", &"9".repeat(PROVIDER_NUMBER_MAX + 1), "a\0b", "a\nb", "a\u{85}"] {
        assert_eq!(Txn::new(&account, bad), None, "{bad:?}");
    }
}

#[test]
fn money_that_the_owner_vouches_for_is_the_orders_alone() {
    let txn = Txn::attested(&order(), "bank slip 7").unwrap();
    assert!(txn.is_attested());
    assert_eq!(txn.provider_number(), "bank slip 7");
    assert_eq!(Txn::from_stored(txn.as_bytes().to_vec()), txn);
    assert_ne!(Txn::attested(&OrderId([9; 15]), "bank slip 7").unwrap(), txn, "one slip for two orders");
    // 24 letters and a space stand before the reference.
    assert!(Txn::attested(&order(), &"r".repeat(PROVIDER_NUMBER_MAX - 25)).is_some());
    for bad in ["", &"r".repeat(PROVIDER_NUMBER_MAX - 24), "a\0b", "a\tb"] {
        assert_eq!(Txn::attested(&order(), bad), None, "{bad:?}");
    }
    // No channel account can be written like this, so no provider's number is ever taken for the owner's word.
    let account = AccountId::parse("owner").unwrap();
    assert!(!Txn::new(&account, "x y").unwrap().is_attested());
    assert_eq!(Txn::from_stored(b"no zero byte".to_vec()).provider_number(), "");
}
