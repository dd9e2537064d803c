//! The signed text: published vectors, each also bent, and each option of the family.

use crate::support::{FAMILY, Fields, borrowed, own};
use payments::canonical::{Case, Family, Tail, ambiguity};
use serde_json::Value;

fn vectors() -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../vectors/epay.json")).unwrap();
    all["vectors"].as_array().unwrap().clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The pairs of an MD5 vector, whether it gives them or the text they make.
fn pairs_of(vector: &Value) -> Fields {
    match vector["inputs"]["params"].as_object() {
        Some(params) => own(params.iter().map(|(name, value)| (name.as_str(), text(value)))),
        None => own(text(&vector["inputs"]["canonical"]).split('&').map(|pair| pair.split_once('=').unwrap())),
    }
}

#[test]
fn every_published_vector() {
    let mut md5 = 0;
    let mut filters = 0;
    for vector in vectors() {
        match text(&vector["kind"]) {
            "md5_suffix_key" => {
                let pairs = pairs_of(&vector);
                let canonical = vector["inputs"]["canonical"].as_str().or(vector["expected"]["canonical"].as_str());
                assert_eq!(FAMILY.text(borrowed(&pairs)), canonical.unwrap());
                let key = text(&vector["inputs"]["key"]);
                assert_eq!(FAMILY.md5(borrowed(&pairs), key), text(&vector["expected"]["sign"]));
                assert!(FAMILY.verifies_md5(borrowed(&pairs), key, text(&vector["expected"]["sign"])));
                md5 += 1;
            }
            "canonical_filter" => {
                for case in vector["inputs"]["cases"].as_array().unwrap() {
                    let params = case["params"].as_object().unwrap();
                    let pairs = own(params.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or(""))));
                    // The published function filters and does not sort; ours does both.
                    let mut expected: Vec<&str> = text(&case["out"]).split('&').collect();
                    expected.sort_unstable();
                    assert_eq!(FAMILY.text(borrowed(&pairs)), expected.join("&"));
                    filters += 1;
                }
            }
            other => panic!("a vector of an unknown kind: {other}"),
        }
    }
    assert_eq!((md5, filters), (2, 5));
}

#[test]
fn a_vector_bent_anywhere_does_not_verify() {
    for vector in vectors().iter().filter(|vector| vector["kind"] == "md5_suffix_key") {
        let pairs = pairs_of(vector);
        let key = text(&vector["inputs"]["key"]);
        let sign = text(&vector["expected"]["sign"]);
        let verifies = |pairs: &Fields, key: &str, sign: &str| FAMILY.verifies_md5(borrowed(pairs), key, sign);

        let flipped = |text: &str, at: usize| {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= 1;
            String::from_utf8(bytes).unwrap()
        };
        for index in 0..pairs.len() {
            for at in 0..pairs[index].0.len() {
                let mut bent = pairs.clone();
                bent[index].0 = flipped(&pairs[index].0, at);
                assert!(!verifies(&bent, key, sign), "byte {at} of a name");
            }
            for at in 0..pairs[index].1.len() {
                let mut bent = pairs.clone();
                bent[index].1 = flipped(&pairs[index].1, at);
                assert!(!verifies(&bent, key, sign), "byte {at} of a value");
            }
            let mut bent = pairs.clone();
            bent.remove(index);
            assert!(!verifies(&bent, key, sign), "a pair left out");
        }
        for at in 0..sign.len() {
            assert!(!verifies(&pairs, key, &flipped(sign, at)), "byte {at} of the signature");
        }
        for at in 0..key.len() {
            assert!(!verifies(&pairs, &flipped(key, at), sign), "byte {at} of the key");
        }
        let mut bent = pairs.clone();
        bent.push(("extra".to_owned(), "1".to_owned()));
        assert!(!verifies(&bent, key, sign), "a pair added");
        assert!(!verifies(&pairs, key, &sign.to_uppercase()), "the signature in capitals");
        assert!(!verifies(&pairs, key, &sign[..31]), "a shorter signature");
        assert!(!verifies(&pairs, key, &format!("{sign}0")), "a longer signature");
        assert!(!verifies(&pairs, key, ""), "no signature");
    }
}

#[test]
fn empty_values_and_dropped_names_stay_out_and_zero_stays_in() {
    let pairs = [("b", "0"), ("a", ""), ("sign", "x"), ("sign_type", "MD5"), ("c", " ")];
    assert_eq!(FAMILY.text(pairs), "b=0&c= ");
    let keeps_type = Family { drop: &["sign"], ..FAMILY };
    assert_eq!(keeps_type.text(pairs), "b=0&c= &sign_type=MD5");
    assert_eq!(FAMILY.text([("sign", "x"), ("a", "")]), "");
}

#[test]
fn names_are_sorted_by_bytes_not_by_letters() {
    assert_eq!(FAMILY.text([("remark", "1"), ("re_openid", "2"), ("Z", "3")]), "Z=3&re_openid=2&remark=1");
    // A name that is the beginning of another comes first, although the joined texts would sort the other way round.
    assert_eq!(FAMILY.text([("a-b", "1"), ("a", "2")]), "a=2&a-b=1");
}

#[test]
fn values_stand_as_they_are() {
    assert_eq!(FAMILY.text([("name", "月卡 30 +%=&")]), "name=月卡 30 +%=&");
}

/// The digests of `a=1K` and `a=1&key=K`, computed with md5sum.
#[test]
fn each_tail_and_each_case() {
    let with = |tail, case| Family { drop: &[], tail, case };
    let pairs = [("a", "1")];
    let direct = "5ab4ef22e4b769c9b0aca5099e296f92";
    let separated = "ea3d702e18c9adbb80db27c87fbd612c";
    assert_eq!(with(Tail::Key, Case::Lower).md5(pairs, "K"), direct);
    assert_eq!(with(Tail::Key, Case::Upper).md5(pairs, "K"), direct.to_uppercase());
    assert_eq!(with(Tail::AndKey, Case::Lower).md5(pairs, "K"), separated);
    assert_eq!(with(Tail::AndKey, Case::Upper).md5(pairs, "K"), separated.to_uppercase());
    assert!(with(Tail::AndKey, Case::Upper).verifies_md5(pairs, "K", &separated.to_uppercase()));
    assert!(!with(Tail::AndKey, Case::Upper).verifies_md5(pairs, "K", separated));
    assert!(!with(Tail::Key, Case::Lower).verifies_md5(pairs, "K", separated));
}

/// Both digests are right; nobody needed a secret to make them.
#[test]
fn what_anybody_can_sign_verifies_nothing() {
    let pairs = [("a", "1")];
    for tail in [Tail::Key, Tail::AndKey] {
        let family = Family { tail, ..FAMILY };
        assert!(!family.verifies_md5(pairs, "", &family.md5(pairs, "")), "an empty key");
    }
    let family = Family { tail: Tail::None, ..FAMILY };
    assert!(!family.verifies_md5(pairs, "K", &family.md5(pairs, "K")), "a family without a key");
}

#[test]
fn every_way_to_be_ambiguous_has_its_name() {
    assert_eq!(ambiguity([("a", "b=c"), ("d", "月卡 +%")]), None);
    assert_eq!(ambiguity([("a&b", "1")]), Some("a name holds an ampersand"));
    assert_eq!(ambiguity([("a=b", "1")]), Some("a name holds an equals sign"));
    assert_eq!(ambiguity([("a\u{0}", "1")]), Some("a name holds a control character"));
    assert_eq!(ambiguity([("ok", "1"), ("a", "1&b=2")]), Some("a value holds an ampersand"));
    assert_eq!(ambiguity([("a", "1\u{85}")]), Some("a value holds a control character"));
}
