//! 易支付 v2: every vector, and each bent in every place.

use crate::epay_v2_support::*;
use crate::support::{CALL, own};
use payments::rsa::VerifyingKey;
use payments::{HttpReply, Notice, QueryState, RefundState};
use serde_json::Value;

fn vectors(kind: &str) -> Vec<&'static Value> {
    file()["vectors"].as_array().unwrap().iter().filter(|vector| vector["kind"] == kind).collect()
}

fn fields_of(members: &Value) -> Fields {
    own(members.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Each vector is what we sign and what we accept, to the letter.
#[test]
fn every_vector() {
    let mut count = 0;
    for vector in vectors("notify") {
        let mut fields = fields_of(&vector["fields"]);
        assert_eq!(signed_text(borrowed(&fields)), text(&vector["text"]));
        assert_eq!(sign("platform", text(&vector["text"])), text(&vector["sign"]), "openssl signs the same");
        fields.extend(own([("sign", text(&vector["sign"])), ("sign_type", "RSA")]));
        let Ok(Notice::Paid(paid)) = get(&query_of(&fields)) else { panic!("{}", vector["id"]) };
        assert_eq!((paid.provider_number.as_str(), paid.amount), (TRADE, yuan(990)));
        count += 1;
    }
    for vector in vectors("reply") {
        let reply = HttpReply::bare(200, text(&vector["body"]).as_bytes().to_vec());
        let told = match text(&vector["id"]) {
            "reply-query" => {
                let state = drive(channel().query(&asked(&number()), &CALL), |_| Some(reply.clone())).1;
                matches!(state, QueryState::Paid(paid) if paid.amount == yuan(990))
            }
            "reply-create" => {
                let number = number();
                let attempt = payments::AttemptView { client_ip: Some("203.0.113.7"), ..attempt(&number) };
                let api = channel_with(&[("create", "api")]);
                let made = drive(api.create(&attempt, &CALL), |_| Some(reply.clone())).1.unwrap();
                made.shown == payments::Created::Qr("https://qr.example.com/pay?a=1&b=2".to_owned())
            }
            _ => {
                let step = channel().refund(&back(TRADE, yuan(990)), &CALL).unwrap();
                drive(step, |_| Some(reply.clone())).1 == RefundState::Done
            }
        };
        assert!(told, "{}", vector["id"]);
        count += 1;
    }
    let number = number();
    for vector in vectors("request") {
        let attempt = payments::AttemptView { client_ip: Some("203.0.113.7"), ..attempt(&number) };
        let sent = match text(&vector["id"]) {
            "request-submit" => {
                let shown = drive(channel().create(&attempt, &CALL), |_| None).1.unwrap().shown;
                let payments::Created::Form { fields, .. } = shown else { panic!("no form") };
                fields
            }
            _ => {
                let api = channel_with(&[("create", "api")]);
                body_fields(&drive(api.create(&attempt, &CALL), |_| None).0[0].body)
            }
        };
        let mut expected = fields_of(&vector["fields"]);
        expected.extend(own([("sign", text(&vector["sign"])), ("sign_type", "RSA")]));
        let sorted = |mut fields: Fields| {
            fields.sort();
            fields
        };
        assert_eq!(sorted(sent), sorted(expected), "{}", vector["id"]);
        count += 1;
    }
    // The rule for the text is that of another provider's notifications, which has published vectors.
    for vector in vectors("alipay_notify") {
        let inputs = &vector["inputs"];
        let fields = fields_of(&inputs["form_fields"]);
        let key = VerifyingKey::read(text(&inputs["alipay_public_key_pem"])).unwrap();
        let expected = &vector["expected"];
        let valid = expected["valid"].as_bool().or(expected["valid_with_sign_type_removed"].as_bool()).unwrap();
        if let Some(text) = expected["signing_string"].as_str() {
            assert_eq!(signed_text(borrowed(&fields)), text);
        }
        let found = key.verifies(signed_text(borrowed(&fields)).as_bytes(), value(&fields, "sign"));
        assert_eq!(found, valid, "{}", vector["id"]);
        count += 1;
    }
    println!("{count} vectors");
    assert!(count >= 10);
}

/// One bit of every byte of every field and of the signature, each field dropped, each doubled.
#[test]
fn a_vector_bent_anywhere_is_refused() {
    let mut count = 0;
    for vector in vectors("notify") {
        let mut fields = fields_of(&vector["fields"]);
        fields.extend(own([("sign", text(&vector["sign"])), ("sign_type", "RSA")]));
        let mut refused = |bent: &Fields, what: &str| {
            let found = get(&query_of(bent));
            assert!(found.is_err(), "{}: {what}: {found:?}", vector["id"]);
            count += 1;
        };
        for (index, (name, value)) in fields.iter().enumerate() {
            if value.bytes().all(|b| b" \t".contains(&b)) {
                continue;
            }
            for at in (0..value.len()).filter(|&at| value.as_bytes()[at].is_ascii()) {
                let mut bent = fields.clone();
                let mut bytes = value.clone().into_bytes();
                bytes[at] ^= 1;
                bent[index].1 = String::from_utf8(bytes).unwrap();
                refused(&bent, name);
            }
            refused(&without(&fields, name), "dropped");
            let mut doubled = fields.clone();
            doubled.push((name.clone(), value.clone()));
            refused(&doubled, "doubled");
        }
        for (name, value) in [("pid", "1001"), ("money", "9.91"), ("param", "1"), ("more", "1")] {
            let mut bent = without(&fields, name);
            bent.push((name.to_owned(), value.to_owned()));
            refused(&bent, name);
        }
    }
    println!("{count} mutations");
    assert!(count >= 1_000, "{count}");
}
