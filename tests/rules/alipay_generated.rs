//! Alipay: random damage. Nothing panics, and nothing is accepted that was not signed here, by these rules, with Alipay's key.

use crate::alipay_support::*;
use crate::generated::Seen;
use crate::support::{CALL, Fields, NUMBER, asked, back, borrowed, drive, number, own, yuan};
use payments::{CloseState, HttpReply, Notice, QueryState, RefundState, form};
use std::collections::BTreeMap;

/// Tries this many generated notification requests: half of them damage to a genuine one, and the rest noise, made-up fields with the
/// signature of another notice, with another's signature, and with Alipay's own. Few are signed for the purpose, because each signature
/// asks the system for random bytes, and that takes longer than everything else here.
pub fn cases(count: u64, seed: u64) -> Seen {
    let mut random = fastrand::Rng::with_seed(seed);
    let genuine = signed(&notice());
    let body = body_of(&genuine);
    let meant = meaning(&body).unwrap();
    let mut seen = Seen::default();
    for case in 0..count {
        let bytes = match case % 16 {
            0..8 => {
                let mut bytes = body.clone();
                damage(&mut random, &mut bytes);
                bytes
            }
            8 | 9 => (0..random.usize(..300)).map(|_| random.u8(..)).collect(),
            10..13 => {
                let mut fields = made_up(&mut random);
                fields.extend(own([("sign", value(&genuine, "sign")), ("sign_type", "RSA2")]));
                body_of(&fields)
            }
            13 => {
                let key = if random.bool() { &*STRANGER } else { &*APP };
                body_of(&signed_by(key, &made_up(&mut random)))
            }
            _ => body_of(&signed(&made_up(&mut random))),
        };
        let shown = String::from_utf8_lossy(&bytes);
        let found = post(&bytes);
        assert_eq!(post_to(&CERTS, &bytes), found, "case {case}: with certificates as with keys: {shown}");
        seen.add(&found);
        if let Ok(notice) = found {
            if case % 16 < 14 {
                assert_eq!(meaning(&bytes).as_ref(), Some(&meant), "case {case}: {shown}");
            }
            told_as_signed(&notice, &bytes);
        }
    }
    seen
}

/// What is called paid stands so in the fields.
fn told_as_signed(notice: &Notice, bytes: &[u8]) {
    let Notice::Paid(paid) = notice else { return };
    let fields = meaning(bytes).unwrap();
    let text = |name: &str| std::str::from_utf8(&fields[name.as_bytes()]).unwrap().to_owned();
    assert_eq!(text("app_id"), APP_ID);
    assert_eq!(text("seller_id"), SELLER);
    assert_eq!(text("out_trade_no"), paid.out_trade_no);
    assert_eq!(text("trade_no"), paid.provider_number);
    assert!(["TRADE_SUCCESS", "TRADE_FINISHED"].contains(&text("trade_status").as_str()));
    let account = domain::AccountId::parse("alipay").unwrap();
    assert!(domain::Txn::new(&account, &paid.provider_number).is_some() && paid.amount.minor >= 0);
}

/// Reads a form as leniently as the most lenient reader would: what is meant, without empties and without what is not signed.
fn meaning(raw: &[u8]) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut pairs = BTreeMap::new();
    for piece in raw.split(|&b| b == b'&') {
        let at = piece.iter().position(|&b| b == b'=').unwrap_or(piece.len());
        let name = lenient(&piece[..at]);
        let value = lenient(piece.get(at + 1..).unwrap_or_default());
        if !value.is_empty() && name != b"sign_type" && name != b"sign" && pairs.insert(name, value).is_some() {
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
        let (byte, length) = match (raw[at], escape.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => (byte, 3),
            (b'+', _) => (b' ', 1),
            (other, _) => (other, 1),
        };
        out.push(byte);
        at += length;
    }
    out
}

fn damage(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    const TELLING: &[u8] = b"&=%+0159afAFsRS \0\x7f\xff";
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..bytes.len());
        match random.u8(..8) {
            0 => bytes[at] ^= 1 << random.u8(..7),
            1 => bytes[at] = random.u8(..),
            2 => bytes.insert(at, TELLING[random.usize(..TELLING.len())]),
            3 => drop(bytes.remove(at)),
            4 | 5 => {
                // The same text said in another way, unless it stands in an escape.
                let escape = format!("%{:02x}", bytes[at]);
                bytes.splice(at..=at, escape.into_bytes());
            }
            6 => {
                let mut pieces: Vec<Vec<u8>> = bytes.split(|&b| b == b'&').map(<[u8]>::to_vec).collect();
                let (piece, other) = (random.usize(..pieces.len()), random.usize(..pieces.len()));
                match random.u8(..4) {
                    0 | 1 => pieces.swap(piece, other),
                    2 => pieces.insert(other, pieces[piece].clone()),
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

/// The notice with some fields lost, renamed or filled with what is likely to hurt.
fn made_up(random: &mut fastrand::Rng) -> Fields {
    const WORDS: [&str; 14] = [
        "",
        "0",
        "1",
        "1.00",
        "9.999",
        "TRADE_SUCCESS",
        "TRADE_FINISHED",
        "TRADE_CLOSED",
        APP_ID,
        SELLER,
        "RSA2",
        "月",
        "a=b",
        "%",
    ];
    let mut fields = notice();
    for _ in 0..random.usize(..4) {
        let at = random.usize(..fields.len());
        match random.u8(..4) {
            0 => fields[at].1 = WORDS[random.usize(..WORDS.len())].to_owned(),
            1 => fields[at].1 = (0..random.usize(..6)).map(|_| random.char(..)).collect(),
            2 => fields.extend(own([(["refund_fee", "gmt_refund", "trans_currency"][random.usize(..3)], "1.00")])),
            _ => drop(fields.remove(at)),
        }
    }
    fields
}

#[test]
fn generated_requests_are_never_accepted_as_something_else() {
    let seen = cases(1_000, 20_261_123);
    println!("alipay generated: {seen:?}");
    // Both happen often enough for the test to mean something.
    assert!(seen.accepted > 100 && seen.refused > 500, "{seen:?}");
}

/// Whatever comes back, nothing is said that the signed answer does not say.
#[test]
fn random_answers_are_never_taken_for_more() {
    let paid = format!(
        r#"{{"code":"10000","msg":"Success","out_trade_no":"{NUMBER}","trade_no":"{TRADE}","total_amount":"9.90","trade_status":"TRADE_SUCCESS"}}"#
    );
    let genuine = reply("alipay_trade_query_response", &paid);
    let expected = drive(KEYS.query(&asked(&number()), &CALL), |_| Some(genuine.clone())).1;
    assert!(matches!(expected, QueryState::Paid(_)));
    let mut random = fastrand::Rng::with_seed(11);
    let mut same = 0;
    for _ in 0..400 {
        let mut bytes = genuine.body.clone();
        damage(&mut random, &mut bytes);
        let reply = HttpReply::bare(200, bytes);
        match drive(KEYS.query(&asked(&number()), &CALL), |_| Some(reply.clone())).1 {
            QueryState::Unknown(_) => {}
            state => {
                same += 1;
                assert_eq!(state, expected, "{}", String::from_utf8_lossy(&reply.body));
            }
        }
    }
    // To any other question it is no answer at all.
    let reply = Some(genuine);
    let closed = drive(KEYS.close(&asked(&number()), &CALL).unwrap(), |_| reply.clone()).1;
    assert!(matches!(closed, CloseState::Unknown(_)));
    let sent = drive(KEYS.refund(&back(TRADE, yuan(1)), &CALL).unwrap(), |_| reply.clone()).1;
    assert!(matches!(sent, RefundState::Unknown(_)));
    // Damage to the certificate's number, which key mode does not read.
    assert!(same > 5, "{same}");
}

#[test]
fn the_generator_s_own_reading_agrees_with_the_strict_one() {
    let body = body_of(&signed(&notice()));
    let strict = form::parse(&body).unwrap();
    let lenient = meaning(&body).unwrap();
    assert_eq!(lenient.len(), notice().len());
    for (name, value) in strict.iter().filter(|(name, _)| !name.starts_with("sign")) {
        assert_eq!(lenient[name.as_bytes()], value.as_bytes());
    }
    assert!(borrowed(&notice()).all(|(_, value)| !value.is_empty()));
}
