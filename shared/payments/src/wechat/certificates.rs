//! `GET /v3/certificates`: the platform certificates an account is answered with, encrypted with its APIv3 key.
//!
//! For accounts without a public key of WeChat Pay: they are told which certificates to paste as `platform_certificates`, and when there
//! are new ones.

use super::platform::{Platform, Unproven};
use super::{Merchant, resource, settings};
use crate::der::{self, Certificate};
use crate::json::{self, Fields};
use crate::rsa::VerifyingKey;
use crate::{BadSetting, Call, HttpReply, Settings, Step};
use domain::Millis;
use serde_json::value::RawValue;

/// A certificate of WeChat Pay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlatformCertificate {
    /// The name its key signs under: its number in capital hexadecimal digits.
    pub serial: String,
    /// The certificate as PEM.
    pub pem: String,
}

/// Asks for the certificates that WeChat Pay signs with for this account. Of the settings the merchant's half is enough. The error of the
/// answer says in words why there is none.
///
/// Who has no certificate yet cannot check the reply's signature beforehand. What is in it was encrypted with the APIv3 key, which only
/// the merchant and WeChat Pay know; and the reply must be signed with one of the certificates that it brings.
pub fn certificates(
    settings: &Settings,
    call: &Call,
) -> Result<Step<Result<Vec<PlatformCertificate>, &'static str>>, BadSetting> {
    let merchant = settings::merchant(settings)?;
    let Some(request) = merchant.request("GET", "/v3/certificates", String::new(), call) else {
        return Ok(Step::Done(Err(Unproven::NotSent.why())));
    };
    let now = call.now;
    let next = move |reply: Option<HttpReply>| {
        Step::Done(reply.ok_or(Unproven::NoReply.why()).and_then(|reply| read(&reply, &merchant, now)))
    };
    Ok(Step::Send(request, Box::new(next)))
}

fn read(reply: &HttpReply, merchant: &Merchant, now: Millis) -> Result<Vec<PlatformCertificate>, &'static str> {
    let text = json::object_of(reply)?;
    let list = Fields::read(text)?.raw("data").ok_or("the reply has no list")?;
    let list: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|_| "the reply has no list")?;
    let mut found = Vec::new();
    let mut keys = Vec::new();
    for item in list {
        let item = Fields::read(item.get())?;
        let sealed = item.object("encrypt_certificate").ok_or("an item has no certificate")?;
        let pem = resource::open(&sealed, &merchant.api_key).ok_or("the APIv3 key does not open a certificate")?;
        let certificate = der::of_text(&pem).and_then(|der| Certificate::read(&der)).ok_or("not a certificate")?;
        let serial = certificate.serial_hex();
        keys.push((serial.clone(), VerifyingKey::of_pkcs1(certificate.key).ok_or("a certificate has no RSA key")?));
        found.push(PlatformCertificate { serial, pem });
    }
    Platform::of(keys, None).check(&reply.headers, &reply.body, now).map_err(Unproven::why)?;
    Ok(found)
}
