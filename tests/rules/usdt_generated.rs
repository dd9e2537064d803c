//! Gateways that take USDT: random notifications. Nothing panics, and nothing is accepted that was not signed by the code of the tests.

use crate::generated::Seen;
use crate::support::{CALL, drive, number};
use crate::usdt_support::*;
use payments::{HttpReply, Notice, Reject};

fn damage(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    const TELLING: &[u8] = b"{}[]\",:&= 0129.eE+-\\un\0\xff";
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..bytes.len());
        match random.u8(..6) {
            0 => bytes[at] ^= 1 << random.u8(..8),
            1 => bytes[at] = TELLING[random.usize(..TELLING.len())],
            2 => bytes.insert(at, TELLING[random.usize(..TELLING.len())]),
            3 => drop(bytes.remove(at)),
            4 => bytes.truncate(at.max(1)),
            _ => {
                let piece = bytes[at..(at + random.usize(1..20)).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
        if bytes.is_empty() {
            bytes.push(b' ');
        }
    }
}

/// Whether a body says the same as another to a reader that knows nothing of signatures, numbers compared by their value.
fn same(one: &[u8], other: &[u8]) -> bool {
    let read = |bytes: &[u8]| -> Option<std::collections::BTreeMap<String, serde_json::Value>> {
        let text = std::str::from_utf8(bytes).ok()?.trim_start_matches('\u{FEFF}');
        let mut map: std::collections::BTreeMap<String, serde_json::Value> = serde_json::from_str(text).ok()?;
        map.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
        // A number that is signed as its text may as well be the text.
        for value in map.values_mut() {
            if let Some(text) = value.as_str().and_then(|text| text.parse::<f64>().ok()) {
                *value = serde_json::json!(text);
            } else if let Some(number) = value.as_f64() {
                *value = serde_json::json!(number);
            }
        }
        Some(map)
    };
    read(one).is_some() && read(one) == read(other)
}

/// So many random notifications to these gateways from this seed. Panics where one is believed that no gateway signed.
pub fn cases(gateways: &[Who], count: u64, seed: u64) -> Seen {
    const WORDS: [&str; 10] = ["0", "1", "2", "9.90", "1e2", "\"\"", "\"x\"", "null", "true", "\"a=b\""];
    let mut random = fastrand::Rng::with_seed(seed);
    let mut seen = Seen::default();
    for case in 0..count {
        let who = gateways[random.usize(..gateways.len())];
        let genuine = who.body(&who.notice()).into_bytes();
        let mut body = genuine.clone();
        let mut signed_anew = false;
        match random.u8(..4) {
            0 | 1 => damage(&mut random, &mut body),
            2 => {
                // Well-signed nonsense: whatever a gateway may sign, what is called paid can be booked.
                let mut fields = who.notice();
                for _ in 0..random.usize(1..4) {
                    let at = random.usize(..fields.len());
                    let raw = WORDS[random.usize(..WORDS.len())];
                    fields[at].1 = raw.to_owned();
                    fields[at].2 = raw
                        .trim_matches('"')
                        .replace("null", "")
                        .replace("9.90", if who == Who::Tokenpay { "9.90" } else { "9.9" });
                }
                body = who.body(&fields).into_bytes();
                signed_anew = true;
            }
            _ => body = (0..random.usize(..200)).map(|_| random.u8(..)).collect(),
        }
        let found = told_by(&who.channel(), &body);
        seen.add(&found);
        match found {
            Ok(notice) => {
                assert!(signed_anew || same(&body, &genuine), "case {case}: {}", String::from_utf8_lossy(&body));
                if let Notice::Paid(paid) = notice {
                    assert!(paid.amount.minor >= 0, "case {case}");
                    let account = domain::AccountId::parse("usdt").unwrap();
                    assert!(domain::Txn::new(&account, &paid.provider_number).is_some(), "case {case}");
                }
            }
            Err(Reject::Unusable(_)) => assert!(signed_anew, "case {case}: {}", String::from_utf8_lossy(&body)),
            Err(_) => {}
        }
    }
    assert!(count < 1_000 || (seen.accepted > count / 100 && seen.refused > count / 2), "{seen:?}");
    seen
}

#[test]
fn random_notifications_are_believed_only_when_signed() {
    cases(&ALL, 8_000, 20_261_123);
}

/// Whatever a reply says, nothing panics.
#[test]
fn random_replies_never_panic() {
    let number = number();
    let mut random = fastrand::Rng::with_seed(9);
    for case in 0..3_000 {
        let who = ALL[case % ALL.len()];
        let body = if random.bool() { made(who) } else { state(who, random.i64(0..7)) };
        let mut bytes = body.to_string().into_bytes();
        damage(&mut random, &mut bytes);
        let reply = HttpReply::bare([200, 200, 400, 401, 500][random.usize(..5)], bytes);
        let channel = who.channel();
        let _ = drive(channel.create(&attempt(&number), &CALL), |_| Some(reply.clone()));
        drive(channel.query(&asked(&number, Some(TRADE)), &CALL), |_| Some(reply.clone()));
        drive(channel.probe(&CALL), |_| Some(reply.clone()));
        if let Some(step) = channel.query_number(TRADE, &CALL) {
            drive(step, |_| Some(reply.clone()));
        }
        if let Some(step) = channel.close(&asked(&number, Some(TRADE)), &CALL) {
            drive(step, |_| Some(reply.clone()));
        }
    }
}
