//! 易支付: random damage. Nothing panics, and nothing is accepted that does not mean exactly what was signed.

use crate::generated::Seen;
use crate::support::*;
use payments::epay::{Account, Options};
use payments::{Channel, HttpReply, Notice, RefundState, Reject, Secret};
use std::collections::BTreeMap;

/// Reads a query as leniently as the most lenient reader would, independently of the codec: what is meant, without
/// empties and without the kind of signature.
fn meaning(raw: &[u8]) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut pairs = BTreeMap::new();
    for piece in raw.split(|&b| b == b'&') {
        let at = piece.iter().position(|&b| b == b'=').unwrap_or(piece.len());
        let name = lenient(&piece[..at]);
        let value = lenient(piece.get(at + 1..).unwrap_or_default());
        if value.is_empty() || name == b"sign_type" {
            continue;
        }
        if pairs.insert(name, value).is_some() {
            return None;
        }
    }
    Some(pairs)
}

fn lenient(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < raw.len() {
        let escape = raw.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match (raw[at], escape.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            (other, _) => {
                out.push(other);
                at += 1;
            }
        }
    }
    out
}

fn damage(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    const TELLING: &[u8] = b"&=%+0159afAFsMD \0\x7f\xff";
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..bytes.len());
        match random.u8(..8) {
            0 => bytes[at] ^= 1 << random.u8(..7),
            1 => bytes[at] = random.u8(..),
            2 => bytes[at] = TELLING[random.usize(..TELLING.len())],
            3 => bytes.insert(at, TELLING[random.usize(..TELLING.len())]),
            4 => drop(bytes.remove(at)),
            5 => {
                // The same text said in another way: mostly harmless, and so the interesting half of what is accepted.
                let escape = format!("%{:02x}", bytes[at]);
                bytes.splice(at..=at, escape.into_bytes());
            }
            6 => {
                // A piece moved, repeated or lost.
                let mut pieces: Vec<Vec<u8>> = bytes.split(|&b| b == b'&').map(<[u8]>::to_vec).collect();
                let piece = random.usize(..pieces.len());
                let other = random.usize(..pieces.len());
                match random.u8(..3) {
                    0 => pieces.swap(piece, other),
                    1 => pieces.insert(other, pieces[piece].clone()),
                    _ => drop(pieces.remove(piece)),
                }
                *bytes = pieces.join(&b'&');
            }
            _ => bytes.truncate(at.max(1)),
        }
        if bytes.is_empty() {
            bytes.push(b'a');
        }
    }
}

#[test]
fn random_damage_is_never_accepted_as_something_else() {
    cases(5_000, 20_261_122);
}

/// Asks about so many requests: random bytes, and damaged copies of a genuine notification. Whatever is accepted means what was signed.
pub fn cases(count: u64, seed: u64) -> Seen {
    let genuine = query_of(&signed(&notice())).into_bytes();
    let meant = meaning(&genuine).unwrap();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut seen = Seen::default();
    for case in 0..count {
        let mut bytes = genuine.clone();
        match random.u8(..16) {
            0 => bytes = (0..random.usize(1..200)).map(|_| random.u8(..)).collect(),
            _ => damage(&mut random, &mut bytes),
        }
        // As a body, because a query is text; the codec reads both alike.
        let found = verify("POST", "", Some("application/x-www-form-urlencoded"), &bytes);
        seen.add(&found);
        match &found {
            Ok(notice) => {
                let shown = String::from_utf8_lossy(&bytes);
                assert_eq!(meaning(&bytes).as_ref(), Some(&meant), "case {case}: {shown}");
                assert!(matches!(notice, Notice::Paid(paid) if paid.amount == yuan(990)), "case {case}: {shown}");
            }
            Err(reject) => assert_ne!(reject, &Reject::OtherMerchant, "nobody else's key is in this game"),
        }
        if let Ok(query) = std::str::from_utf8(&bytes) {
            assert_eq!(get(query), found, "case {case}: a query reads as a body does");
        }
    }
    // Both happen often enough for the test to mean something.
    assert!(count < 1_000 || (seen.accepted > count / 45 && seen.refused > count / 2), "{seen:?}");
    seen
}

/// Well-signed nonsense: whatever the gateway may sign, the codec answers, and what it calls paid can be booked.
#[test]
fn random_fields_well_signed_never_panic() {
    const WORDS: [&str; 12] = ["", "0", "1", "1.00", "TRADE_SUCCESS", "1000", "MD5", "-", "月", "a=b", "%", "\u{FFFD}"];
    let mut random = fastrand::Rng::with_seed(3);
    let account = domain::AccountId::parse("epay").unwrap();
    for _ in 0..5_000 {
        let mut fields = notice();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..fields.len());
            match random.u8(..3) {
                0 => fields[at].1 = WORDS[random.usize(..WORDS.len())].to_owned(),
                1 => fields[at].1 = (0..random.usize(..6)).map(|_| random.char(..)).collect(),
                _ => drop(fields.remove(at)),
            }
        }
        if let Ok(Notice::Paid(paid)) = get(&query_of(&signed(&fields))) {
            assert!(domain::Txn::new(&account, &paid.provider_number).is_some());
            assert!(paid.amount.minor >= 0);
        }
    }
}

#[test]
fn random_replies_never_panic() {
    let body = format!(
        r#"{{"code":1,"msg":"ok","trade_no":"T1","out_trade_no":"{NUMBER}","type":"alipay","pid":"{PID}","money":"9.90","status":0}}"#
    );
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..5_000 {
        let mut bytes = body.clone().into_bytes();
        damage(&mut random, &mut bytes);
        let reply = HttpReply::bare(200, bytes);
        drive(channel().query(&asked(&number()), &CALL), |_| Some(reply.clone()));
        drive(channel().query_number("T1", &CALL).unwrap(), |_| Some(reply.clone()));
    }
}

/// Whatever comes back, a refund is done only where the code of success stands in it, and refused only in known words.
#[test]
fn random_replies_to_a_refund_are_never_taken_for_more() {
    let bodies = [
        r#"{"code":0,"msg":"退款成功！退款金额¥9.90"}"#,
        r#"{"code":1,"msg":"退款成功"}"#,
        r#"{"code":-1,"msg":"退款金额大于可退金额"}"#,
        r#"{"code":-2,"msg":"KEY校验失败"}"#,
    ];
    let options = Options { refund: Some(0), ..Options::default() };
    let channel = Channel::new(Account::new(BASE, PID, Secret::new(KEY.to_owned()), options).unwrap());
    let mut random = fastrand::Rng::with_seed(8);
    let mut seen = [0; 3];
    for _ in 0..10_000 {
        let mut bytes = bodies[random.usize(..bodies.len())].as_bytes().to_vec();
        damage(&mut random, &mut bytes);
        let reply = HttpReply::bare(200, bytes.clone());
        let shown = String::from_utf8_lossy(&bytes);
        match drive(channel.refund(&back("T1", yuan(990)), &CALL).unwrap(), |_| Some(reply.clone())).1 {
            RefundState::Done => {
                seen[0] += 1;
                let told: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                assert!(told["code"] == 0 || told["code"] == "0", "{shown}");
            }
            RefundState::Refused(words) => {
                seen[1] += 1;
                assert!(shown.contains(words), "{words}: {shown}");
            }
            RefundState::UnderWay => panic!("it is done at once or not at all"),
            RefundState::Unknown(_) => seen[2] += 1,
        }
    }
    assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
}
