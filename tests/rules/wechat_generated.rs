//! WeChat Pay: random damage to requests and replies. Nothing panics, and nothing is accepted that was not signed and encrypted here.

use crate::generated::Seen;
use crate::support::CALL;
use crate::wechat_support::*;
use payments::{HttpReply, Notice, QueryState, RawRequest, RefundState};
use serde_json::{Value, json};

/// Changes some bytes of a text; the result may be no text at all.
fn damage(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    const TELLING: &[u8] = b"{}[]\",:\\0159-+.eE \n\0\x7f\xffaZ/=";
    for _ in 0..random.usize(1..4) {
        if bytes.is_empty() {
            bytes.push(random.u8(..));
        }
        let at = random.usize(..bytes.len());
        match random.u8(..7) {
            0 => bytes[at] ^= 1 << random.u8(..8),
            1 => bytes[at] = random.u8(..),
            2 => bytes[at] = TELLING[random.usize(..TELLING.len())],
            3 => bytes.insert(at, TELLING[random.usize(..TELLING.len())]),
            4 => drop(bytes.remove(at)),
            5 => {
                let piece = bytes[at..(at + random.usize(..20)).min(bytes.len())].to_vec();
                let to = random.usize(..bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => bytes.truncate(at),
        }
    }
}

fn damaged(random: &mut fastrand::Rng, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    damage(random, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A transaction of which some fields hold nonsense, to be signed and encrypted well.
fn nonsense(random: &mut fastrand::Rng) -> Value {
    const WORDS: [&str; 10] =
        ["", "0", "SUCCESS", "NOTPAY", "CNY", "USD", "月", "\u{0}", "1900007291", "wxd678efh567hg6787"];
    const PLACES: [&[&str]; 8] = [
        &["appid"],
        &["mchid"],
        &["trade_state"],
        &["out_trade_no"],
        &["transaction_id"],
        &["amount", "total"],
        &["amount", "currency"],
        &["amount"],
    ];
    let value = match random.u8(..6) {
        0 => Value::Null,
        1 => json!(random.i64(..)),
        2 => json!(random.u16(..)),
        3 => json!([]),
        4 => json!({ "total": random.u8(..) }),
        _ => json!(WORDS[random.usize(..WORDS.len())]),
    };
    transaction_with(PLACES[random.usize(..PLACES.len())], value)
}

/// Tries so many requests, of which each depends on the seed and its place alone. Panics when one is accepted that WeChat Pay never
/// signed, or read as something else than was signed.
pub fn cases(count: u64, seed: u64) -> Seen {
    let account = domain::AccountId::parse("wechat").unwrap();
    let channel = channel();
    let mut random = fastrand::Rng::with_seed(seed);
    let genuine = Sent::about(&transaction());
    let told = genuine.verify();
    let mut seen = Seen::default();
    for case in 0..count {
        let mut sent = genuine.clone();
        // Whether what is sent was signed as it stands, and what it says.
        let mut says = None;
        match random.u8(..8) {
            0 => {
                let transaction = nonsense(&mut random);
                sent = Sent::about(&transaction);
                says = Some(transaction);
            }
            1 => sent.body = (0..random.usize(..200)).map(|_| random.u8(..)).collect(),
            2 | 3 => damage(&mut random, &mut sent.body),
            4..=6 => {
                let at = random.usize(..sent.headers.len());
                sent.headers[at].1 = damaged(&mut random, &sent.headers[at].1);
            }
            _ => {
                let (at, from) = (random.usize(..5), random.usize(..5));
                sent.headers[at].1 = sent.headers[from].1.clone();
            }
        }
        let request = RawRequest { method: "POST", query: "", headers: &sent.headers, body: &sent.body };
        let found = channel.verify(&request, CALL.now);
        seen.add(&found);
        if let Ok(notice) = found {
            match says {
                // Nothing was signed but the one notification, so what is accepted is that one to the letter.
                None => {
                    assert_eq!(Ok(&notice), told.as_ref(), "case {case} of seed {seed}");
                    assert_eq!(sent.body, genuine.body, "case {case} of seed {seed}");
                    for name in ["Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Signature"] {
                        let of = |headers: &Headers| headers.iter().find(|(n, _)| n == name).cloned();
                        assert_eq!(of(&sent.headers), of(&genuine.headers), "case {case} of seed {seed}");
                    }
                }
                Some(says) => {
                    if let Notice::Paid(paid) = notice {
                        assert_eq!((&says["appid"], &says["mchid"]), (&json!(APPID), &json!(MCHID)));
                        assert_eq!(says["trade_state"], "SUCCESS");
                        assert_eq!(says["amount"]["total"], json!(paid.amount.minor));
                        assert_eq!(says["out_trade_no"], json!(paid.out_trade_no));
                        assert!(domain::Txn::new(&account, &paid.provider_number).is_some());
                    }
                }
            }
        }
    }
    // Both happen often enough for this to mean something.
    assert!(count < 500 || seen.accepted > count / 50 && seen.refused > count / 2, "{seen:?}");
    seen
}

#[test]
fn random_requests_are_never_accepted_as_something_else() {
    cases(4_000, 20_261_122);
}

/// Well-signed nonsense instead of an answer: whatever WeChat Pay may say, nothing panics, and no money is read out of it that is not there.
#[test]
fn random_replies_never_panic() {
    let mut random = fastrand::Rng::with_seed(5);
    let back = json!({
        "refund_id": "5", "out_refund_no": REFUND_NO, "transaction_id": TRANSACTION, "status": "SUCCESS",
        "amount": { "refund": 990, "total": 990, "currency": "CNY" },
    });
    for _ in 0..120 {
        let body = damaged(&mut random, &transaction().to_string());
        let asked = crate::support::asked(no());
        let told = once(channel().query(&asked, &CALL), Some(reply(200, &body))).1;
        if let QueryState::Paid(paid) = told {
            let said: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(said["amount"]["total"], json!(paid.amount.minor));
            assert_eq!(said["trade_state"], "SUCCESS");
        }
        let body = damaged(&mut random, &back.to_string());
        let told = once(channel().refund(&refund(990), &CALL).unwrap(), Some(reply(200, &body))).1;
        if told == RefundState::Done {
            let said: Value = serde_json::from_str(&body).unwrap();
            assert_eq!((&said["status"], &said["amount"]["refund"]), (&json!("SUCCESS"), &json!(990)));
        }
        // Damage after signing is nobody's answer.
        let mut genuine = reply(200, &back.to_string());
        let signed = genuine.body.clone();
        damage(&mut random, &mut genuine.body);
        if genuine.body != signed {
            let told = once(channel().refund(&refund(990), &CALL).unwrap(), Some(genuine)).1;
            assert_eq!(told, RefundState::Unknown("the reply's signature does not fit"));
        }
        let bytes = HttpReply::bare(random.u16(..), (0..random.usize(..99)).map(|_| random.u8(..)).collect());
        assert!(matches!(once(channel().query(&asked, &CALL), Some(bytes)).1, QueryState::Unknown(_)));
    }
}
