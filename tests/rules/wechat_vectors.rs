//! WeChat Pay: every published vector, and each bent in every place.

use crate::support::drive;
use crate::wechat_support::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use payments::der::{self, Certificate};
use payments::json::Fields;
use payments::rsa::{SigningKey, VerifyingKey};
use payments::wechat::resource;
use payments::{Call, Secret};
use serde_json::{Value, json};

fn vectors() -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../vectors/wechat.json")).unwrap();
    all["vectors"].as_array().unwrap().clone()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}"))
}

/// How many bent copies of a signed message were refused. All of them, or this fails.
fn bends(key: &VerifyingKey, message: &[u8], signature: &str) -> usize {
    let mut count = 0;
    let mut refuses = |message: &[u8], signature: &str, what: &str| {
        assert!(!key.verifies(message, signature), "{what}");
        count += 1;
    };
    for at in 0..message.len() {
        let mut bent = message.to_vec();
        bent[at] ^= 1;
        refuses(&bent, signature, "a byte of the message");
    }
    let bytes = STANDARD.decode(signature).unwrap();
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        refuses(message, &STANDARD.encode(bent), "a byte of the signature");
    }
    refuses(message, "", "no signature");
    refuses(message, &signature[..signature.len() - 4], "a shorter signature");
    refuses(message, &format!("{signature}\n"), "a line end after it");
    refuses(&message[1..], signature, "a shorter message");
    refuses(&[message, b"\n"].concat(), signature, "a longer message");
    count
}

fn read(nonce: &str, beside: &str, ciphertext: &[u8], key: &str) -> Option<String> {
    let sealed = json!({
        "algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "associated_data": beside, "ciphertext": STANDARD.encode(ciphertext),
    })
    .to_string();
    resource::open(&Fields::read(&sealed).unwrap(), &Secret::new(key.to_owned()))
}

fn flipped(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] ^= 1;
    String::from_utf8(bytes).unwrap()
}

#[test]
fn every_published_vector_and_its_bends() {
    let (mut count, mut bent) = (0, 0);
    for vector in vectors() {
        let (given, expected) = (&vector["inputs"], &vector["expected"]);
        match text(&vector, "kind") {
            "rsa_sha256_sign" => {
                let key = SigningKey::read(text(given, "private_key_pkcs8_der_base64")).unwrap();
                let message = text(given, "message_utf8").as_bytes();
                let signature = text(expected, "signature_base64");
                assert_eq!(key.sign(message).unwrap(), signature);
                assert!(key.public().verifies(message, signature));
                bent += bends(&key.public(), message, signature);
            }
            "rsa_sha256_verify" => {
                let pem = text(given, "certificate_pem");
                let certificate = Certificate::read(&der::of_text(pem).unwrap()).unwrap();
                assert_eq!(certificate.serial_hex(), text(given, "certificate_serial"));
                let key = VerifyingKey::read(pem).unwrap();
                let other = VerifyingKey::read(text(given, "other_public_key_pem")).unwrap();
                let (message, signature) = (text(given, "message").as_bytes(), text(given, "signature_base64"));
                assert!(key.verifies(message, signature));
                assert!(!other.verifies(message, signature));
                bent += 1 + bends(&key, message, signature);
            }
            "aes_256_gcm" => {
                let (key, nonce) = (text(given, "apiv3_key"), text(given, "nonce"));
                let beside = text(given, "associated_data");
                let sealed = STANDARD.decode(text(given, "ciphertext_base64")).unwrap();
                assert_eq!(read(nonce, beside, &sealed, key).as_deref(), Some(text(expected, "plaintext")));
                assert_eq!(read(nonce, "bad-associatedData", &sealed, key), None);
                assert_eq!(read("bad-4a9R25RW", beside, &sealed, key), None);
                assert_eq!(read(nonce, beside, &[0; 128], key), None);
                bent += 3;
                for at in 0..sealed.len() {
                    let mut other = sealed.clone();
                    other[at] ^= 1;
                    assert_eq!(read(nonce, beside, &other, key), None, "byte {at}");
                    bent += 1;
                }
                for (length, bend) in [(nonce.len(), 0), (beside.len(), 1), (key.len(), 2)] {
                    for at in 0..length {
                        let part = |which, text| if which == bend { flipped(text, at) } else { str::to_owned(text) };
                        assert_eq!(read(&part(0, nonce), &part(1, beside), &sealed, &part(2, key)), None);
                        bent += 1;
                    }
                }
            }
            "canonical_string" => {
                // The codec's nonce is another, so the signature is checked over the published text with ours.
                let (_, number) = text(given, "url").rsplit_once('/').unwrap();
                let channel = channel_with([("mchid", "1230000109")]);
                let call = Call { now: given["timestamp"].as_i64().unwrap() * 1_000, nonce: [7; 16] };
                let step = channel.query_number(number.split('?').next().unwrap(), &call).unwrap();
                let (request, _) = once(step, None);
                assert_eq!((request.method, request.url.as_str()), (text(given, "method"), text(given, "url")));
                let signed = text(expected, "signing_string").replace(text(given, "nonce"), &"07".repeat(16));
                let signature = MERCHANT.sign(signed.as_bytes()).unwrap();
                assert!(sent(&request, "authorization").contains(&format!("signature=\"{signature}\"")));
                bent += bends(&MERCHANT.public(), signed.as_bytes(), &signature);
            }
            "wechat_request_signature" => {
                let key = SigningKey::read(text(given, "private_key_pkcs1_der_base64")).unwrap();
                let (method, path, body) = (text(given, "method"), text(given, "canonical_url"), text(given, "body"));
                let (seconds, nonce) = (text(given, "timestamp"), text(given, "nonce_str"));
                let message = format!("{method}\n{path}\n{seconds}\n{nonce}\n{body}\n");
                let signature = text(expected, "signature_base64");
                assert_eq!(key.sign(message.as_bytes()).unwrap(), signature);
                bent += bends(&key.public(), message.as_bytes(), signature);
                if let Some(authorization) = expected["authorization"].as_str() {
                    assert_eq!(message, text(expected, "signing_string"));
                    assert_eq!(asked_as_published(given, path), authorization);
                }
            }
            other => panic!("a vector of an unknown kind: {other}"),
        }
        count += 1;
    }
    println!("WeChat Pay: {count} published vectors, {bent} bends of them refused");
    assert!(count >= 7 && bent >= 2_000, "{count} vectors, {bent} bends");
}

/// The header that the codec writes for the documents' own example, a question about a refund.
fn asked_as_published(given: &Value, path: &str) -> String {
    let channel = channel_with([
        ("mchid", text(given, "mchid")),
        ("serial_no", text(given, "serial_no")),
        ("certificate", ""),
        ("private_key", text(given, "private_key_pkcs1_der_base64")),
    ]);
    let mut nonce = [0; 16];
    for (at, byte) in nonce.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text(given, "nonce_str")[2 * at..2 * at + 2], 16).unwrap();
    }
    let call = Call { now: text(given, "timestamp").parse::<i64>().unwrap() * 1_000, nonce };
    let number = path.rsplit('/').next().unwrap().to_owned();
    let refund = payments::RefundView { refund_no: &number, ..refund(1) };
    let (requests, _) = drive(channel.refund_query(&refund, &call).unwrap(), |_| None);
    assert_eq!(requests[0].url, format!("https://api.mch.weixin.qq.com{path}"));
    sent(&requests[0], "authorization").to_owned()
}
