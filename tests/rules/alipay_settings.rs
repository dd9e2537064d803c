//! Alipay: the settings of an account, the numbers of certificates, and what is said of both.

use crate::alipay_support::*;
use crate::support::{CALL, asked, drive, number};
use payments::alipay::cert;
use payments::der::{self, Certificate};
use payments::{BadSetting, Outcome, Settings};

fn fault(settings: &Settings) -> Option<BadSetting> {
    (payments::kind("alipay").unwrap().open)(settings).err()
}

fn why(settings: Settings) -> (&'static str, &'static str) {
    let bad = fault(&settings).unwrap();
    (bad.field, bad.why)
}

fn sn(pem: &str) -> Option<String> {
    cert::serial(&Certificate::read(&der::of_text(pem)?)?)
}

#[test]
fn the_kind_says_what_it_can() {
    let kind = payments::kind("alipay").unwrap();
    assert_eq!((kind.name, kind.methods), ("alipay", ["alipay"].as_slice()));
    assert!(!kind.asks_to_create && kind.closes && kind.refunds && kind.refund_repeats);
    assert_eq!(kind.payable_after_ms, 300_000);
    let names: Vec<_> = kind.fields.iter().map(|field| (field.name, field.secret, field.required)).collect();
    assert_eq!(
        names,
        [
            ("app_id", false, true),
            ("app_private_key", true, true),
            ("alipay_public_key", false, false),
            ("app_cert", false, false),
            ("alipay_cert", false, false),
            ("alipay_root_cert", false, false),
            ("products", false, true),
            ("seller_id", false, false),
            ("base_url", false, false),
        ]
    );
    assert!(kind.fields.iter().all(|field| field.label.iter().all(|label| !label.is_empty())));
    assert!(KEYS.refunds());
    assert_eq!((KEYS.kind().name, KEYS.currency().code()), ("alipay", "CNY"));
    assert_eq!(fault(&key_settings()), None);
    assert_eq!(fault(&cert_settings()), None);
}

#[test]
fn what_is_missing_is_named() {
    for name in ["app_id", "app_private_key", "alipay_public_key", "products"] {
        assert_eq!(why(with(key_settings(), [(name, "")])), (name, "It is missing."));
    }
    for name in ["app_cert", "alipay_cert", "alipay_root_cert"] {
        assert_eq!(why(with(cert_settings(), [(name, "")])), (name, "It is missing."));
        // One of the three is certificate mode already, however sensible the public key beside it.
        let one = with(key_settings(), [(name, cert_settings().get(name).unwrap())]);
        assert_eq!(why(one), ("alipay_public_key", "Certificates are given too: leave it empty in certificate mode."));
    }
    assert_eq!(fault(&with(key_settings(), [("seller_id", "")])), None);
}

#[test]
fn numbers_products_and_addresses_are_checked() {
    let with = |name, value| fault(&with(key_settings(), [(name, value)])).map(|bad| bad.field);
    let (longest, too_long) = ("1".repeat(32), "1".repeat(33));
    for good in ["1", "9021000122682882", longest.as_str()] {
        assert_eq!(with("app_id", good), None, "{good}");
    }
    for bad in ["wx1234", "2021 0001", "２０２１", "-1", too_long.as_str()] {
        assert_eq!(with("app_id", bad), Some("app_id"), "{bad}");
    }
    for bad in ["seller@example.com", "208872100389000", "20887210038900000", "2089721003890000", "208872100389000a"] {
        assert_eq!(with("seller_id", bad), Some("seller_id"), "{bad}");
    }
    for good in ["qr", "page", "wap", "wap, qr", "qr,page,wap", "qr,qr"] {
        assert_eq!(with("products", good), None, "{good}");
    }
    for bad in ["QR", "qr;wap", "qr,", ",", "alipay", "qr wap"] {
        assert_eq!(with("products", bad), Some("products"), "{bad}");
    }
    for good in [
        "https://openapi-sandbox.dl.alipaydev.com/gateway.do",
        "https://pay.example:8443/gateway.do",
        "http://127.0.0.1:3000/gateway.do",
        "http://localhost/gateway.do",
        "http://[::1]:1/gateway.do",
    ] {
        assert_eq!(with("base_url", good), None, "{good}");
    }
    for bad in [
        "http://pay.example/gateway.do",
        "http://127.0.0.1.pay.example/",
        "http://localhost:80pay.example/",
        "http://[::1]pay.example/",
        "http://127.0.0.1@pay.example/",
        "https://pay.example/gateway.do?charset=utf-8",
        "https://pay.example/#",
        "https://pay.example:65536/",
        "https:///gateway.do",
        "openapi.alipay.com/gateway.do",
        "ftp://pay.example",
    ] {
        assert_eq!(with("base_url", bad), Some("base_url"), "{bad}");
    }
}

#[test]
fn right_keys_in_wrong_fields_are_named() {
    let other = "It is a key of the other kind: public and private are swapped.";
    let keys = |changes: &[(&str, &str)]| why(with(key_settings(), changes.iter().copied()));
    assert_eq!(keys(&[("app_private_key", asset("app_public"))]), ("app_private_key", other));
    assert_eq!(keys(&[("alipay_public_key", asset("platform_private"))]), ("alipay_public_key", other));
    assert_eq!(keys(&[("app_private_key", "hello!")]), ("app_private_key", "It is neither PEM nor base64."));
    assert_eq!(keys(&[("alipay_public_key", "hello!")]), ("alipay_public_key", "It is neither PEM nor base64."));
    assert_eq!(
        keys(&[("alipay_public_key", asset("app_public"))]),
        ("alipay_public_key", "It is the application's own public key; Alipay shows its own one beside it.")
    );
    assert_eq!(
        keys(&[("alipay_public_key", asset("platform_cert"))]),
        ("alipay_public_key", "It is a certificate: fill the fields of certificate mode instead.")
    );
    // Back offices break lines and people paste spaces.
    let spaced: String = asset("platform_public").chars().flat_map(|c| [c, ' ']).collect();
    assert_eq!(fault(&with(key_settings(), [("alipay_public_key", spaced.as_str())])), None);
}

#[test]
fn right_certificates_in_wrong_fields_are_named() {
    let certs = |changes: &[(&str, &str)]| why(with(cert_settings(), changes.iter().copied()));
    let (app, alipay) = (asset("app_cert"), asset("platform_cert"));
    assert_eq!(
        certs(&[("app_cert", alipay), ("alipay_cert", app)]),
        ("app_cert", "It is another certificate than the application's: it and Alipay's are swapped.")
    );
    assert_eq!(
        certs(&[("app_cert", asset("stranger_cert"))]),
        ("app_cert", "It is not the certificate of this private key.")
    );
    assert_eq!(
        certs(&[("alipay_cert", app)]),
        ("alipay_cert", "It is the application's certificate; Alipay's is alipayCertPublicKey_RSA2.crt.")
    );
    let unread = "It is not the text of a certificate (-----BEGIN CERTIFICATE-----).";
    assert_eq!(certs(&[("app_cert", asset("app_public"))]), ("app_cert", unread));
    assert_eq!(certs(&[("alipay_cert", asset("platform_public"))]), ("alipay_cert", unread));
    let roots = "It is not a bundle of certificates with at least one signed with RSA.";
    for bad in [asset("root_without_rsa"), asset("platform_public"), "hello!"] {
        assert_eq!(certs(&[("alipay_root_cert", bad)]), ("alipay_root_cert", roots));
    }
    // A key too short to verify with, and one that is not RSA at all.
    let short = vectors("alipay_cert_sn")[1]["inputs"]["app_cert_pem"].as_str().unwrap();
    for bad in [short, asset("root_without_rsa")] {
        assert_eq!(certs(&[("alipay_cert", bad)]), ("alipay_cert", "Its key is not an RSA key of at least 2048 bits."));
    }
    // Alipay's file goes on with its issuer's certificate.
    let bundle = format!("{alipay}{}", asset("root_certs"));
    assert_eq!(fault(&with(cert_settings(), [("alipay_cert", bundle.as_str())])), None);
}

#[test]
fn published_numbers_of_certificates() {
    let mut counted = 0;
    for vector in vectors("alipay_cert_sn") {
        let (inputs, expected) = (&vector["inputs"], &vector["expected"]);
        for (pem, number) in [("app_cert_pem", "app_cert_sn"), ("alipay_cert_pem", "alipay_cert_sn")] {
            if let Some(pem) = inputs[pem].as_str() {
                assert_eq!(sn(pem).as_deref(), expected[number].as_str(), "{}", vector["id"]);
                counted += 1;
            }
        }
        if let Some(bundle) = inputs["root_bundle_pem"].as_str() {
            assert_eq!(cert::root_serial(bundle).as_deref(), expected["alipay_root_cert_sn"].as_str());
            counted += 1;
        }
    }
    println!("alipay certificates: {counted} published numbers");
    assert!(counted >= 4, "{counted}");
}

/// The root that is signed with another algorithm than RSA has no part in the bundle's number.
#[test]
fn numbers_of_our_own_certificates() {
    for name in ["app", "platform", "stranger"] {
        assert_eq!(sn(asset(&format!("{name}_cert"))).as_deref(), Some(asset(&format!("{name}_cert_sn"))));
    }
    assert_eq!(cert::root_serial(asset("root_certs")).as_deref(), Some(asset("root_cert_sn")));
    assert_eq!(cert::root_serial(asset("root_without_rsa")), None);
    // A bundle with a part that cannot be read has no number: it would be another bundle's.
    let torn = format!("{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", asset("root_certs"));
    assert_eq!(cert::root_serial(&torn), None);
    assert_eq!(cert::root_serial(""), None);
}

#[test]
fn the_issuer_is_told_backwards_by_short_names() {
    let read = Certificate::read(&der::of_text(asset("app_cert")).unwrap()).unwrap();
    let named = |last: u8, text: &str| (vec![0x55, 0x04, last], text.to_owned());
    let all = [named(6, "CN"), named(8, "A"), named(7, "B"), named(10, "C"), named(11, "D"), named(3, "E")];
    let certificate = Certificate { serial: vec![1, 0], issuer: all.to_vec(), ..read.clone() };
    // md5("CN=E,OU=D,O=C,L=B,ST=A,C=CN256")
    assert_eq!(cert::serial(&certificate).as_deref(), Some("6b2c60bbd945fd85d3c280abc7c88f55"));
    for strange in [vec![0x55, 0x04, 5], vec![0x55, 0x05, 3], vec![0x56, 0x04, 3], vec![0x55, 0x04], vec![]] {
        let issuer = vec![named(6, "CN"), (strange, "x".to_owned())];
        assert_eq!(cert::serial(&Certificate { issuer, ..read.clone() }), None);
    }
}

#[test]
fn what_alipay_hears() {
    let hears = |outcome| {
        let ack = KEYS.ack(outcome);
        (ack.status, ack.content_type, ack.body)
    };
    assert_eq!(hears(Outcome::Accepted), (200, "text/plain", "success"));
    assert_eq!(hears(Outcome::Rejected), (400, "text/plain", "fail"));
    assert_eq!(hears(Outcome::TryAgain), (503, "text/plain", "fail"));
}

#[test]
fn nothing_prints_a_key() {
    let head = &asset("app_private")[40..80];
    assert!(!format!("{:?}", *KEYS).contains(head) && !format!("{:?}", *CERTS).contains(head));
    let (sent, _) = drive(KEYS.query(&asked(&number()), &CALL), |_| None);
    let printed = format!("{:?}", sent[0]);
    assert!(printed.starts_with("POST https://openapi.alipay.com/gateway.do?*** "), "{printed}");
    assert!(!printed.contains(APP_ID));
}
