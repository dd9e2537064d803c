//! Stripe: random notifications. Nothing panics, and nothing is accepted that was not signed, as it stands, with the secret.

use crate::generated::Seen;
use crate::stripe_support::*;
use payments::{HttpReply, Notice, Reject};

/// Damages some bytes, most of them where it tells.
fn damage(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    const TELLING: &[u8] = b"{}[]\",:=tv01 9eE+-.\\u\0\xff";
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

/// So many random notifications from this seed. Panics where one is believed that Stripe did not sign.
pub fn cases(count: u64, seed: u64) -> Seen {
    let mut random = fastrand::Rng::with_seed(seed);
    let genuine = event(session()).to_string().into_bytes();
    let line = header(SECRET, NOW_S, &genuine);
    let mut seen = Seen::default();
    for case in 0..count {
        let (mut head, mut body) = (line.clone().into_bytes(), genuine.clone());
        let mut signed_anew = false;
        match random.u8(..5) {
            0 => damage(&mut random, &mut head),
            1 => damage(&mut random, &mut body),
            2 => {
                // Signed well, over whatever it became: then it may be believed, and must not bring anything down.
                damage(&mut random, &mut body);
                head = header(SECRET, NOW_S + random.i64(-400..=400), &body).into_bytes();
                signed_anew = true;
            }
            3 => {
                body = (0..random.usize(..200)).map(|_| random.u8(..)).collect();
                head = (0..random.usize(..120)).map(|_| random.u8(32..127)).collect();
            }
            _ => {
                head = header(OLD_SECRET, NOW_S, &body).into_bytes();
            }
        }
        // A header comes to the codec as a text, so bytes that are none come as the mark of that.
        let head = String::from_utf8_lossy(&head);
        let found = verify(&head, &body);
        seen.add(&found);
        match found {
            Ok(notice) => {
                assert!(signed_anew || body == genuine, "case {case}: {head} {}", String::from_utf8_lossy(&body));
                if let Notice::Paid(paid) = notice {
                    assert!(paid.amount.minor >= 0 && paid.provider_number.len() <= 128, "case {case}: {paid:?}");
                    let account = domain::AccountId::parse("stripe").unwrap();
                    assert!(domain::Txn::new(&account, &paid.provider_number).is_some(), "case {case}");
                }
            }
            Err(Reject::Unusable(_)) => assert!(signed_anew, "case {case}: {head}"),
            Err(_) => {}
        }
    }
    assert!(count < 1_000 || (seen.accepted > count / 100 && seen.refused > count / 2), "{seen:?}");
    seen
}

#[test]
fn random_notifications_are_believed_only_when_signed() {
    cases(6_000, 20_261_123);
}

/// Whatever a reply says, nothing panics.
#[test]
fn random_replies_never_panic() {
    use crate::support::{CALL, drive, number};
    let bodies = [
        with(session(), "/payment_intent", intent()).to_string(),
        intent().to_string(),
        format!(r#"{{"object":"search_result","data":[{}],"has_more":false}}"#, intent()),
        r#"{"object":"list","data":[{"object":"refund","status":"pending"}],"has_more":false}"#.to_owned(),
        r#"{"error":{"type":"invalid_request_error","code":"resource_missing"}}"#.to_owned(),
    ];
    let (channel, number) = (channel(), number());
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..3_000 {
        let mut bytes = bodies[random.usize(..bodies.len())].clone().into_bytes();
        damage(&mut random, &mut bytes);
        let status = [200, 400, 401, 404, 500][random.usize(..5)];
        let reply = HttpReply::bare(status, bytes);
        let _ = drive(channel.create(&attempt(&number), &CALL), |_| Some(reply.clone()));
        drive(channel.query(&asked(&number, Some(SESSION)), &CALL), |_| Some(reply.clone()));
        drive(channel.query(&asked(&number, None), &CALL), |_| Some(reply.clone()));
        drive(channel.query_number(INTENT, &CALL).unwrap(), |_| Some(reply.clone()));
        drive(channel.close(&asked(&number, Some(SESSION)), &CALL).unwrap(), |_| Some(reply.clone()));
        drive(channel.refund(&back(INTENT, usd(990)), &CALL).unwrap(), |_| Some(reply.clone()));
        drive(channel.refund_query(&back(INTENT, usd(990)), &CALL).unwrap(), |_| Some(reply.clone()));
        drive(channel.probe(&CALL), |_| Some(reply.clone()));
    }
}
