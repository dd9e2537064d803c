//! The settings of an application at Alipay, each checked against the others: most accounts that do not work were given two right
//! keys in the wrong fields.

use super::{Account, Certificates, Product, cert};
use crate::der::{self, Certificate};
use crate::rsa::{SigningKey, VerifyingKey};
use crate::{BadSetting, Channel, Field, Settings};

/// Alipay's own address. The sandbox has another one, which goes into `base_url`.
const GATEWAY: &str = "https://openapi.alipay.com/gateway.do";

/// The fields, as a seller is asked for them.
pub(super) const FIELDS: &[Field] = &[
    field("app_id", true, ["The application's number (app_id)", "应用 APPID"]),
    Field {
        secret: true,
        ..field(
            "app_private_key",
            true,
            [
                "The application's private key (RSA2, 2048 bits), as the key tool saved it",
                "应用私钥（RSA2，2048 位），密钥工具生成",
            ],
        )
    },
    field(
        "alipay_public_key",
        false,
        [
            "Alipay's public key (not the application's); empty in certificate mode",
            "支付宝公钥（不是应用公钥）；证书模式留空",
        ],
    ),
    field(
        "app_cert",
        false,
        [
            "Certificate mode: the application's certificate, the text of appCertPublicKey_….crt",
            "证书模式：应用公钥证书 appCertPublicKey_….crt 的内容",
        ],
    ),
    field(
        "alipay_cert",
        false,
        [
            "Certificate mode: Alipay's certificate, the text of alipayCertPublicKey_RSA2.crt",
            "证书模式：支付宝公钥证书 alipayCertPublicKey_RSA2.crt 的内容",
        ],
    ),
    field(
        "alipay_root_cert",
        false,
        [
            "Certificate mode: Alipay's roots, the text of alipayRootCert.crt",
            "证书模式：支付宝根证书 alipayRootCert.crt 的内容",
        ],
    ),
    field(
        "products",
        true,
        [
            "What the account has signed for, of qr (code to scan), page (computers) and wap (phones), with commas between: qr,wap",
            "已签约产品，逗号分隔：qr（当面付）、page（电脑网站）、wap（手机网站），如 qr,wap",
        ],
    ),
    field(
        "seller_id",
        false,
        [
            "The seller's number (PID, 2088…); if given, payments to anybody else are refused",
            "商户 PID（2088 开头 16 位）；填写后拒收给其他商户的付款",
        ],
    ),
    field(
        "base_url",
        false,
        [
            "The gateway's address; empty for Alipay's own, filled for the sandbox",
            "网关地址；正式环境留空，沙箱填沙箱网关",
        ],
    ),
];

const fn field(name: &'static str, required: bool, label: [&'static str; 2]) -> Field {
    Field { name, secret: false, required, choices: &[], label }
}

const fn bad(field: &'static str, why: &'static str) -> BadSetting {
    BadSetting { field, why }
}

/// An account of settings.
pub(super) fn open(settings: &Settings) -> Result<Channel, BadSetting> {
    read(settings).map(Channel::new)
}

fn read(settings: &Settings) -> Result<Account, BadSetting> {
    let app_id = settings.required("app_id")?;
    if !is_number(app_id, 1..=32) {
        return Err(bad("app_id", "It is digits alone, at most 32 of them."));
    }
    let seller_id = settings.get("seller_id");
    if seller_id.is_some_and(|id| !id.starts_with("2088") || !is_number(id, 16..=16)) {
        return Err(bad("seller_id", "It is the 16 digits that begin with 2088, and no e-mail address."));
    }
    let gateway = settings.get("base_url").unwrap_or(GATEWAY);
    if !is_gateway(gateway) {
        return Err(bad("base_url", "It is https://host/path, with nothing after the path."));
    }
    let products = products(settings.required("products")?)?;
    let key =
        SigningKey::read(settings.required("app_private_key")?).map_err(|fault| bad("app_private_key", fault.why()))?;
    let certificate_fields = ["app_cert", "alipay_cert", "alipay_root_cert"];
    let (platform, certificates) = if certificate_fields.iter().any(|name| settings.get(name).is_some()) {
        if settings.get("alipay_public_key").is_some() {
            // Which of the two Alipay signs with is set at Alipay, and we would have to guess.
            return Err(bad("alipay_public_key", "Certificates are given too: leave it empty in certificate mode."));
        }
        let (platform, certificates) = certificates(settings, &key)?;
        (platform, Some(certificates))
    } else {
        (public_key(settings.required("alipay_public_key")?, &key)?, None)
    };
    Ok(Account {
        gateway: gateway.to_owned(),
        app_id: app_id.to_owned(),
        seller_id: seller_id.map(str::to_owned),
        products,
        key,
        platform,
        certificates,
    })
}

/// Alipay's key in key mode.
fn public_key(text: &str, key: &SigningKey) -> Result<VerifyingKey, BadSetting> {
    let bad = |why| bad("alipay_public_key", why);
    let platform = VerifyingKey::read(text).map_err(|fault| bad(fault.why()))?;
    if der::of_text(text).is_some_and(|der| Certificate::read(&der).is_some()) {
        return Err(bad("It is a certificate: fill the fields of certificate mode instead."));
    }
    // With our own key in its place, what we sign ourselves would pass as Alipay's word, and anybody can read a pay address.
    if platform == key.public() {
        return Err(bad("It is the application's own public key; Alipay shows its own one beside it."));
    }
    Ok(platform)
}

/// Alipay's key in certificate mode, and the numbers of the certificates.
fn certificates(settings: &Settings, key: &SigningKey) -> Result<(VerifyingKey, Certificates), BadSetting> {
    let (app, app_sn) = certificate(settings, "app_cert")?;
    let (alipay, platform_sn) = certificate(settings, "alipay_cert")?;
    if app != key.public() {
        let is_swapped = alipay == key.public();
        let why = if is_swapped {
            "It is another certificate than the application's: it and Alipay's are swapped."
        } else {
            "It is not the certificate of this private key."
        };
        return Err(bad("app_cert", why));
    }
    // For the same reason as in key mode.
    if alipay == key.public() {
        return Err(bad(
            "alipay_cert",
            "It is the application's certificate; Alipay's is alipayCertPublicKey_RSA2.crt.",
        ));
    }
    let root_sn = cert::root_serial(settings.required("alipay_root_cert")?)
        .ok_or(bad("alipay_root_cert", "It is not a bundle of certificates with at least one signed with RSA."))?;
    Ok((alipay, Certificates { app_sn, root_sn, platform_sn }))
}

/// The first certificate of a setting: its key and its number. Alipay's file holds its issuer's after it.
fn certificate(settings: &Settings, name: &'static str) -> Result<(VerifyingKey, String), BadSetting> {
    let text = settings.required(name)?;
    let unread = bad(name, "It is not the text of a certificate (-----BEGIN CERTIFICATE-----).");
    let read = der::of_text(text).and_then(|der| Certificate::read(&der)).ok_or(unread)?;
    let serial =
        cert::serial(&read).ok_or(bad(name, "Its issuer is named in a way that Alipay's certificates are not."))?;
    let key = VerifyingKey::of_pkcs1(read.key).ok_or(bad(name, "Its key is not an RSA key of at least 2048 bits."))?;
    Ok((key, serial))
}

fn products(text: &str) -> Result<Vec<Product>, BadSetting> {
    text.split(',')
        .map(|word| Product::of(word.trim()))
        .collect::<Option<Vec<_>>>()
        .ok_or(bad("products", "It is one or more of qr, page and wap, with commas between."))
}

fn is_number(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether requests may go there: TLS, or this machine itself. Keys never travel, but names and amounts do.
fn is_gateway(url: &str) -> bool {
    crate::base_url::host(url)
        .is_some_and(|host| url.starts_with("https://") || matches!(host, "127.0.0.1" | "localhost" | "[::1]"))
}
