//! WeChat Pay: which settings make an account, and what is said of those that do not.

use crate::support::{CALL, asked};
use crate::wechat_support::*;
use payments::wechat::{Account, KIND};
use payments::{BadSetting, KINDS, QueryState, Settings};

fn why(changes: &[(&str, &str)]) -> Result<(), BadSetting> {
    (KIND.open)(&settings_with(changes.iter().copied())).map(drop)
}

fn bad(field: &'static str, why: &'static str) -> Result<(), BadSetting> {
    Err(BadSetting { field, why })
}

/// PEM around bare base64. The words are put together here, because a private key in PEM is looked for in every file.
fn pem(label: &str, bare: &str) -> String {
    format!("-----BEGIN {label}-----\n{bare}\n-----END {label}-----\n")
}

#[test]
fn the_kind_is_offered_and_names_its_fields() {
    assert!(KINDS.iter().any(|kind| kind.name == "wechat"));
    for field in KIND.fields {
        assert!(field.choices.is_empty() && field.label.iter().all(|label| !label.is_empty()), "{}", field.name);
    }
    let named = |pick: fn(&payments::Field) -> bool| -> Vec<_> {
        KIND.fields.iter().filter(|field| pick(field)).map(|field| field.name).collect()
    };
    assert_eq!(named(|field| field.required), ["mchid", "appid", "private_key", "api_v3_key"]);
    assert_eq!(named(|field| field.secret), ["private_key", "api_v3_key"]);
    for field in named(|field| field.required) {
        assert_eq!(why(&[(field, "")]), bad(field, "It is missing."));
    }
}

#[test]
fn every_setting_that_is_wrong_is_named() {
    assert_eq!(why(&[]), Ok(()));
    let address = "The address must be https://host, with nothing after it.";
    for url in ["http://api.example", "https://api.example/v3", "https://api.example//", "api.example", "https://a?b"] {
        assert_eq!(why(&[("base_url", url)]), bad("base_url", address), "{url}");
    }
    for url in ["https://api2.example", "https://api2.example/", "http://127.0.0.1:3000", "http://[::1]:3000/"] {
        assert_eq!(why(&[("base_url", url)]), Ok(()), "{url}");
    }
    let digits = "The merchant number is 6 to 32 digits.";
    assert_eq!(why(&[("mchid", APPID)]), bad("mchid", "This is an AppID; the merchant number has digits alone."));
    for number in ["12345", "1900007291a", "19000 07291", &"1".repeat(33)] {
        assert_eq!(why(&[("mchid", number)]), bad("mchid", digits), "{number}");
    }
    for number in ["123456", &"1".repeat(32)] {
        assert_eq!(why(&[("mchid", number)]), Ok(()));
    }
    for id in ["1900007291", "wx", "wx-1", "wx 1", "WX1", &format!("wx{}", "1".repeat(31))] {
        let expected = bad("appid", "The AppID is wx followed by letters and digits.");
        assert_eq!(why(&[("appid", id)]), expected, "{id}");
    }
    for id in ["wx1", &format!("wx{}", "1".repeat(30))] {
        assert_eq!(why(&[("appid", id)]), Ok(()));
    }
    let length = "The APIv3 key is exactly 32 characters.";
    for key in [&API_KEY[1..], &format!("{API_KEY}x")] {
        assert_eq!(why(&[("api_v3_key", key)]), bad("api_v3_key", length), "{key}");
    }
    let characters = "The APIv3 key has no spaces and no other than ASCII characters.";
    for key in [API_KEY.replace('N', " "), API_KEY.replace("opens", "月月")] {
        assert_eq!(why(&[("api_v3_key", &key)]), bad("api_v3_key", characters), "{key}");
    }
    for list in ["", "native", "h5", " jsapi , native", "native，h5", "native,native"] {
        assert_eq!(why(&[("products", list)]), Ok(()), "{list}");
    }
    for list in ["app", "native,", ",", "Native", "native;h5"] {
        assert_eq!(why(&[("products", list)]), bad("products", "Only native, h5 and jsapi are known."), "{list}");
    }
}

#[test]
fn keys_that_were_swapped_are_told_apart() {
    let swapped = "It is a key of the other kind: public and private are swapped.";
    let own = asset("merchant_certificate");
    assert_eq!(why(&[("private_key", asset("public_key"))]), bad("private_key", swapped));
    let certificate = "This is a certificate; the private key is in apiclient_key.pem.";
    assert_eq!(why(&[("private_key", own)]), bad("private_key", certificate));
    assert_eq!(why(&[("private_key", "?")]), bad("private_key", "It is neither PEM nor base64."));
    let weak = "It is not an RSA key of at least 2048 bits.";
    assert_eq!(why(&[("private_key", "AAAA")]), bad("private_key", weak));
    assert_eq!(why(&[("private_key", &pem("PRIVATE KEY", asset("merchant_key")))]), Ok(()));

    assert_eq!(why(&[("platform_key", asset("merchant_key"))]), bad("platform_key", swapped));
    let certificate = "This is a certificate; the public key is in pub_key.pem.";
    assert_eq!(why(&[("platform_key", asset("platform_certificate"))]), bad("platform_key", certificate));
    assert_eq!(why(&[("platform_key", "AAAA")]), bad("platform_key", weak));
    let none = "There is an id of a public key and no key.";
    assert_eq!(why(&[("platform_key", "")]), bad("platform_key", none));
    let none = "There is a public key and no id: PUB_KEY_ID_….";
    assert_eq!(why(&[("platform_key_id", "")]), bad("platform_key_id", none));
    let digits = "The id is PUB_KEY_ID_ followed by digits.";
    for id in ["PUB_KEY_ID_", "pub_key_id_1", "1", "PUB_KEY_ID_1 2", &format!("PUB_KEY_ID_{}", "1".repeat(65))] {
        assert_eq!(why(&[("platform_key_id", id)]), bad("platform_key_id", digits), "{id}");
    }
    assert_eq!(why(&[("platform_key_id", &format!("PUB_KEY_ID_{}", "1".repeat(64)))]), Ok(()));
    let needed = "WeChat Pay's public key or a platform certificate is needed.";
    let nothing = [("platform_key_id", ""), ("platform_key", ""), ("platform_certificates", "")];
    assert_eq!(why(&nothing), bad("platform_key", needed));

    // The merchant's own, in both places where WeChat Pay's belongs.
    let changes =
        [("private_key", asset("public_key_private")), ("certificate", ""), ("serial_no", "408B07E79B8269FE")];
    let own_key = "This is the merchant's own public key, not WeChat Pay's.";
    assert_eq!(why(&changes), bad("platform_key", own_key));
    let own_certificate = "One of them is the merchant's own, not WeChat Pay's.";
    assert_eq!(why(&[("platform_certificates", own)]), bad("platform_certificates", own_certificate));
}

#[test]
fn certificates_are_read_whole_or_not_at_all() {
    let theirs = asset("platform_certificate");
    let other = "It belongs to another key than the private key above.";
    assert_eq!(why(&[("certificate", theirs)]), bad("certificate", other));
    let none = "It is not a certificate: the text of apiclient_cert.pem belongs here.";
    for text in ["?", "AAAA", asset("public_key")] {
        assert_eq!(why(&[("certificate", text)]), bad("certificate", none), "{text}");
    }
    let either = "Either the certificate or its serial number is needed.";
    assert_eq!(why(&[("certificate", "")]), bad("certificate", either));

    let serial = asset("merchant_serial");
    for number in [serial.to_owned(), serial.to_ascii_lowercase(), format!("00{}", &serial[..38])] {
        assert_eq!(why(&[("certificate", ""), ("serial_no", &number)]), Ok(()), "{number}");
    }
    for number in [serial, &serial.to_ascii_lowercase()] {
        assert_eq!(why(&[("serial_no", number)]), Ok(()));
    }
    let wrong = "It is not the number of the certificate above.";
    assert_eq!(why(&[("serial_no", asset("platform_serial"))]), bad("serial_no", wrong));
    let digits = "The serial number is 8 to 40 hexadecimal digits, without colons.";
    for number in ["408B07E", "40:8B:07:E7:9B", "408B07E79G", &"4".repeat(41)] {
        assert_eq!(why(&[("certificate", ""), ("serial_no", number)]), bad("serial_no", digits), "{number}");
    }
    for number in ["408B07E7", &"4".repeat(40)] {
        assert_eq!(why(&[("certificate", ""), ("serial_no", number)]), Ok(()));
    }
    let id = "This is the id of WeChat Pay's public key, not the number of a certificate.";
    assert_eq!(why(&[("serial_no", asset("public_key_id"))]), bad("serial_no", id));

    let rsa = "One of them is not a certificate with an RSA key.";
    assert_eq!(why(&[("platform_certificates", asset("public_key"))]), bad("platform_certificates", rsa));
    let weak = include_str!("../vectors/wechat-weak.pem");
    assert_eq!(why(&[("platform_certificates", weak)]), bad("platform_certificates", rsa));
    let part = "Not all of it is PEM.";
    for text in ["?".to_owned(), format!("{theirs}-----BEGIN CERTIFICATE-----\n?\n"), format!("-----BEGIN \n{theirs}")]
    {
        assert_eq!(why(&[("platform_certificates", &text)]), bad("platform_certificates", part), "{text}");
    }
    let bare: String = theirs.lines().filter(|line| !line.starts_with("-----")).collect();
    for text in [theirs, &format!("{theirs}{theirs}"), &format!("a comment\n{theirs}\nanother"), &bare] {
        assert_eq!(why(&[("platform_certificates", text)]), Ok(()), "{text}");
    }
    // Both of several count.
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../vectors/wechat.json")).unwrap();
    let another = vectors["vectors"][2]["inputs"]["certificate_pem"].as_str().unwrap();
    let both = channel_with([("platform_certificates", format!("{another}{theirs}").as_str())]);
    let signed = reply_by(By::Platform, 404, r#"{"code":"ORDER_NOT_EXIST"}"#);
    assert_eq!(once(both.query(&asked(no()), &CALL), Some(signed)).1, QueryState::NotFound);
    // Only what is held counts.
    let one = channel_with([("platform_certificates", "")]);
    let signed = reply_by(By::Platform, 404, r#"{"code":"ORDER_NOT_EXIST"}"#);
    let unknown = "the reply is signed under a name that no key is held for";
    assert_eq!(once(one.query(&asked(no()), &CALL), Some(signed)).1, QueryState::Unknown(unknown));
}

#[test]
fn another_address_is_asked_when_it_is_set() {
    let channel = channel_with([("base_url", "https://api2.example/")]);
    let (request, _) = once(channel.query(&asked(no()), &CALL), None);
    assert!(request.url.starts_with("https://api2.example/v3/pay/transactions/out-trade-no/"), "{}", request.url);
    // What is not set is WeChat Pay's own, and a code is all that everybody has.
    let plain = channel_with([("products", "")]);
    let (request, _) = once(plain.create(&order(no()), &CALL), None);
    assert_eq!(request.url, "https://api.mch.weixin.qq.com/v3/pay/transactions/native");
}

#[test]
fn nothing_secret_is_printed() {
    let account = Account::new(&settings()).unwrap();
    let (request, _) = once(channel().query(&asked(no()), &CALL), None);
    let printed = format!("{account:?} {:?} {request:?} {:?}", channel(), settings());
    assert!(!printed.contains(API_KEY) && !printed.contains(&asset("merchant_key")[40..80]));
    let signature = sent(&request, "authorization").split('"').nth(5).unwrap().to_owned();
    assert!(!printed.contains(&signature));
    assert!(Account::new(&Settings::new()).is_err());
}
