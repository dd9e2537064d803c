//! 易支付 v2: random damage and random fields. Nothing panics, and nothing is accepted that the gateway did not sign.

use crate::epay_v2_support::*;
use crate::generated::Seen;
use crate::support::{CALL, PID};
use payments::{HttpReply, Notice, QueryState, RefundState};
use std::collections::{BTreeMap, BTreeSet};

/// What a query means to the most lenient reader: pairs without blanks, signature and its kind. `None` when a name stands twice.
fn meaning(raw: &[u8]) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut pairs = BTreeMap::new();
    for piece in raw.split(|&b| b == b'&') {
        let at = piece.iter().position(|&b| b == b'=').unwrap_or(piece.len());
        let (name, value) = (decoded(&piece[..at]), decoded(piece.get(at + 1..).unwrap_or_default()));
        if value.iter().all(|b| b" \t\n\r\0\x0b".contains(b)) || name == b"sign_type" || name == b"sign" {
            continue;
        }
        if pairs.insert(name, value).is_some() {
            return None;
        }
    }
    Some(pairs)
}

fn decoded(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < raw.len() {
        let two = raw.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match (raw[at], two.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (other, _) => out.push(other),
        }
        at += 1;
    }
    out
}

fn damage(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    const TELLING: &[u8] = b"&=%+0159afAF/ \0\x7f\xff";
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..bytes.len());
        match random.u8(..7) {
            0 => bytes[at] ^= 1 << random.u8(..8),
            1 => bytes[at] = TELLING[random.usize(..TELLING.len())],
            2 => bytes.insert(at, TELLING[random.usize(..TELLING.len())]),
            3 => drop(bytes.remove(at)),
            4 => {
                let escape = format!("%{:02x}", bytes[at]);
                bytes.splice(at..=at, escape.into_bytes());
            }
            5 => {
                let mut pieces: Vec<Vec<u8>> = bytes.split(|&b| b == b'&').map(<[u8]>::to_vec).collect();
                let (one, other) = (random.usize(..pieces.len()), random.usize(..pieces.len()));
                match random.u8(..4) {
                    0 => pieces.swap(one, other),
                    1 => pieces.insert(other, pieces[one].clone()),
                    2 => pieces.insert(other, b"blank=+".to_vec()),
                    _ => drop(pieces.remove(one)),
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

/// Random fields of a notification, some of them those of a genuine one.
fn fields(random: &mut fastrand::Rng) -> Fields {
    const WORDS: [&str; 12] = ["", " ", "0", "1", "1.00", "TRADE_SUCCESS", PID, "1001", "-", "月", "a=b", "%"];
    let mut fields = notice();
    for _ in 0..random.usize(..4) {
        let at = random.usize(..fields.len());
        match random.u8(..5) {
            0 => fields[at].1 = WORDS[random.usize(..WORDS.len())].to_owned(),
            1 => fields[at].1 = (0..random.usize(..6)).map(|_| random.char(..)).collect(),
            2 => fields.push((random.alphabetic().to_string(), random.alphanumeric().to_string())),
            3 if fields.len() > 1 => drop(fields.remove(at)),
            _ => {
                let second = NOW + random.i64(-400..400);
                fields.retain(|(name, _)| name != "timestamp");
                fields.push(("timestamp".to_owned(), second.to_string()));
            }
        }
    }
    fields
}

/// Asks about so many requests. Each is built of fields that this generator signs or does not sign by itself, or of random bytes;
/// whatever is accepted means exactly what was signed with the gateway's key for our merchant, and its time is ours.
pub fn cases(count: u64, seed: u64) -> Seen {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut signed = BTreeSet::new();
    let (mut seen, mut to_ask) = (Seen::default(), 0u64);
    let mut genuine = query(&notice()).into_bytes();
    for case in 0..count {
        // A signature takes a while, so every eighth request is signed anew and the others are its damaged copies.
        if case % 8 == 0 {
            let fields = fields(&mut random);
            let whose = ["platform", "platform", "platform", "other", "merchant"][random.usize(..5)];
            genuine = query_of(&signed_by(whose, &fields)).into_bytes();
            if whose == "platform" {
                signed.extend(meaning(&genuine));
            }
        }
        let mut bytes = genuine.clone();
        match random.u8(..12) {
            0 => bytes = (0..random.usize(1..200)).map(|_| random.u8(..)).collect(),
            1 | 2 => {}
            _ => damage(&mut random, &mut bytes),
        }
        // As a body, because a query is text; the codec reads both alike.
        let found = verify("POST", "", Some(FORM), &bytes);
        let shown = String::from_utf8_lossy(&bytes);
        seen.add(&found);
        if let Ok(notice) = &found {
            let meant = meaning(&bytes).filter(|meant| signed.contains(meant));
            let meant = meant.unwrap_or_else(|| panic!("case {case} of {seed}: nobody signed {shown}"));
            let is = |name: &str| meant.get(name.as_bytes()).map(|value| String::from_utf8(value.clone()).unwrap());
            assert_eq!(is("pid").as_deref(), Some(PID), "case {case} of {seed}: {shown}");
            let at = is("timestamp").and_then(|text| text.parse::<i64>().ok());
            match notice {
                Notice::Paid(paid) => {
                    assert!(at.is_some_and(|at| (NOW - 300..=NOW + 300).contains(&at)), "case {case}: {shown}");
                    assert_eq!(is("trade_status").as_deref(), Some("TRADE_SUCCESS"), "case {case}: {shown}");
                    assert_eq!(is("out_trade_no").as_deref(), Some(paid.out_trade_no.as_str()), "case {case}: {shown}");
                    let account = domain::AccountId::parse("epay").unwrap();
                    assert!(domain::Txn::new(&account, &paid.provider_number).is_some());
                }
                Notice::Ask(number) => {
                    to_ask += 1;
                    assert_eq!(is("out_trade_no").as_deref(), Some(number.as_str()), "case {case}: {shown}");
                    assert!(at.is_none_or(|at| !(NOW - 300..=NOW + 300).contains(&at)), "case {case}: {shown}");
                }
                Notice::NotPaid => assert_ne!(is("trade_status").as_deref(), Some("TRADE_SUCCESS")),
            }
        }
        if let Ok(query) = std::str::from_utf8(&bytes) {
            assert_eq!(get(query), found, "case {case} of {seed}: a query reads as a body does");
        }
    }
    // Each happens often enough for the rest to mean something.
    let enough = seen.paid > count / 40 && to_ask > 0 && seen.refused > count / 2;
    assert!(count < 1_000 || enough, "{seen:?}, {to_ask} to be asked about");
    seen
}

#[test]
fn generated_requests() {
    cases(1_500, 20_261_123);
}

/// Whatever comes back, only what the gateway signed is a yes.
#[test]
fn random_replies_are_never_taken_for_more() {
    let order = serde_json::json!({
        "code": 0, "trade_no": TRADE, "out_trade_no": crate::support::NUMBER, "pid": 1000, "money": "9.90", "status": 1
    });
    let refund = serde_json::json!({
        "code": 0, "out_refund_no": "R0011223344556677", "trade_no": TRADE, "money": "9.90", "pay_type": "qrcode", "pay_info": "x"
    });
    let bodies = [reply(&order), reply(&refund)];
    let api = channel_with(&[("create", "api"), ("closes", "true")]);
    let number = number();
    let attempt = payments::AttemptView { client_ip: Some("203.0.113.7"), ..attempt(&number) };
    let mut random = fastrand::Rng::with_seed(9);
    let mut yes = 0;
    for _ in 0..150 {
        let mut bytes = bodies[random.usize(..bodies.len())].clone().into_bytes();
        if random.u8(..8) > 0 {
            damage(&mut random, &mut bytes);
        }
        // Damage that JSON does not see, such as white space, leaves the same members.
        let members = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
        let is_genuine = bodies.iter().any(|body| members(body.as_bytes()) == members(&bytes));
        let reply = HttpReply::bare(200, bytes);
        let state = drive(api.query(&asked(&number), &CALL), |_| Some(reply.clone())).1;
        let refund = drive(api.refund(&back(TRADE, yuan(990)), &CALL).unwrap(), |_| Some(reply.clone())).1;
        drive(api.refund_query(&back(TRADE, yuan(990)), &CALL).unwrap(), |_| Some(reply.clone()));
        drive(api.close(&asked(&number), &CALL).unwrap(), |_| Some(reply.clone()));
        drive(api.create(&attempt, &CALL), |_| Some(reply.clone())).1.ok();
        drive(api.probe(&CALL), |_| Some(reply.clone()));
        if matches!(state, QueryState::Paid(_)) || refund == RefundState::Done {
            yes += 1;
            assert!(is_genuine, "{}", String::from_utf8_lossy(&reply.body));
        }
    }
    assert!(yes > 10, "{yes}");
}
