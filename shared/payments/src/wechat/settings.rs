//! The settings of an account, each checked for the mistakes that people make with it.

use super::address::Address;
use super::create::Product;
use super::platform::Platform;
use super::{Account, BASE_URL, Merchant, resource};
use crate::der::{self, Certificate};
use crate::rsa::{SigningKey, VerifyingKey};
use crate::{BadSetting, Channel, Secret, Settings};

fn bad(field: &'static str, why: &'static str) -> BadSetting {
    BadSetting { field, why }
}

/// An account of settings, for [`super::KIND`].
pub(super) fn open(settings: &Settings) -> Result<Channel, BadSetting> {
    account(settings).map(Channel::new)
}

/// An account of settings.
pub(super) fn account(settings: &Settings) -> Result<Account, BadSetting> {
    let merchant = merchant(settings)?;
    let own = merchant.key.public();
    let platform = platform(settings, &own)?;
    let products = products(settings.get("products").unwrap_or("native"))?;
    Ok(Account { merchant, platform, products })
}

/// The merchant's half of the settings.
pub(super) fn merchant(settings: &Settings) -> Result<Merchant, BadSetting> {
    let base_url = settings.get("base_url").unwrap_or(BASE_URL);
    let base_url = base_url.strip_suffix('/').unwrap_or(base_url);
    // The path is signed, so one in the setting would have to be signed as well, and WeChat Pay has none.
    let is_host = Address::read(base_url).is_some_and(|address| address.is_safe() && address.path.is_empty());
    if !is_host {
        return Err(bad("base_url", "The address must be https://host, with nothing after it."));
    }
    let mchid = settings.required("mchid")?;
    if mchid.starts_with("wx") {
        return Err(bad("mchid", "This is an AppID; the merchant number has digits alone."));
    }
    if !(6..=32).contains(&mchid.len()) || !mchid.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad("mchid", "The merchant number is 6 to 32 digits."));
    }
    let appid = settings.required("appid")?;
    if !(3..=32).contains(&appid.len()) || !appid.starts_with("wx") || !appid.bytes().all(|b| b.is_ascii_alphanumeric())
    {
        return Err(bad("appid", "The AppID is wx followed by letters and digits."));
    }
    let key = settings.required("private_key")?;
    if key.contains("-----BEGIN CERTIFICATE") {
        return Err(bad("private_key", "This is a certificate; the private key is in apiclient_key.pem."));
    }
    let key = SigningKey::read(key).map_err(|fault| bad("private_key", fault.why()))?;
    let serial = serial(settings, &key.public())?;
    let api_key = settings.required("api_v3_key")?;
    if !api_key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(bad("api_v3_key", "The APIv3 key has no spaces and no other than ASCII characters."));
    }
    if api_key.len() != resource::KEY_LEN {
        return Err(bad("api_v3_key", "The APIv3 key is exactly 32 characters."));
    }
    Ok(Merchant {
        base_url: base_url.to_owned(),
        appid: appid.to_owned(),
        mchid: mchid.to_owned(),
        key,
        serial,
        api_key: Secret::new(api_key.to_owned()),
    })
}

/// The number of the merchant's certificate, given or read from it.
fn serial(settings: &Settings, own: &VerifyingKey) -> Result<String, BadSetting> {
    let given = settings.get("serial_no").map(str::to_ascii_uppercase);
    if let Some(given) = &given {
        if given.starts_with("PUB_KEY_ID_") {
            return Err(bad(
                "serial_no",
                "This is the id of WeChat Pay's public key, not the number of a certificate.",
            ));
        }
        if !(8..=40).contains(&given.len()) || !given.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad("serial_no", "The serial number is 8 to 40 hexadecimal digits, without colons."));
        }
    }
    let Some(text) = settings.get("certificate") else {
        return given.ok_or(bad("certificate", "Either the certificate or its serial number is needed."));
    };
    let certificate = der::of_text(text)
        .and_then(|der| Certificate::read(&der))
        .ok_or(bad("certificate", "It is not a certificate: the text of apiclient_cert.pem belongs here."))?;
    let serial = certificate.serial_hex();
    // Every request would be refused with no other word than "wrong signature".
    if VerifyingKey::of_pkcs1(certificate.key).as_ref() != Some(own) {
        return Err(bad("certificate", "It belongs to another key than the private key above."));
    }
    if given.is_some_and(|given| given.trim_start_matches('0') != serial.trim_start_matches('0')) {
        return Err(bad("serial_no", "It is not the number of the certificate above."));
    }
    Ok(serial)
}

/// WeChat Pay's half of the settings. `own` is the merchant's public key, which people paste here by mistake.
fn platform(settings: &Settings, own: &VerifyingKey) -> Result<Platform, BadSetting> {
    let mut keys = Vec::new();
    let id = settings.get("platform_key_id");
    match (id, settings.get("platform_key")) {
        (None, None) => {}
        (Some(_), None) => return Err(bad("platform_key", "There is an id of a public key and no key.")),
        (None, Some(_)) => return Err(bad("platform_key_id", "There is a public key and no id: PUB_KEY_ID_….")),
        (Some(id), Some(key)) => {
            let digits = id.strip_prefix("PUB_KEY_ID_").unwrap_or_default();
            if !(1..=64).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
                return Err(bad("platform_key_id", "The id is PUB_KEY_ID_ followed by digits."));
            }
            if key.contains("-----BEGIN CERTIFICATE") {
                return Err(bad("platform_key", "This is a certificate; the public key is in pub_key.pem."));
            }
            let key = VerifyingKey::read(key).map_err(|fault| bad("platform_key", fault.why()))?;
            if key == *own {
                return Err(bad("platform_key", "This is the merchant's own public key, not WeChat Pay's."));
            }
            keys.push((id.to_owned(), key));
        }
    }
    if let Some(text) = settings.get("platform_certificates") {
        let blocks = der::all_of_text(text);
        let is_whole = !blocks.is_empty() && blocks.len() == text.matches("-----BEGIN ").count().max(1);
        for der in &blocks {
            let certificate = Certificate::read(der)
                .ok_or(bad("platform_certificates", "One of them is not a certificate with an RSA key."))?;
            let serial = certificate.serial_hex();
            let key = VerifyingKey::of_pkcs1(certificate.key)
                .ok_or(bad("platform_certificates", "One of them is not a certificate with an RSA key."))?;
            if key == *own {
                return Err(bad("platform_certificates", "One of them is the merchant's own, not WeChat Pay's."));
            }
            keys.push((serial, key));
        }
        if !is_whole {
            return Err(bad("platform_certificates", "Not all of it is PEM."));
        }
    }
    if keys.is_empty() {
        return Err(bad("platform_key", "WeChat Pay's public key or a platform certificate is needed."));
    }
    Ok(Platform::of(keys, id))
}

/// A list with commas between.
fn products(text: &str) -> Result<Vec<Product>, BadSetting> {
    let product =
        |name: &str| Product::named(name.trim()).ok_or(bad("products", "Only native, h5 and jsapi are known."));
    text.split([',', '，']).map(product).collect()
}
