//! Starting an attempt: which of WeChat Pay's products the buyer gets, and what is asked for.

use super::address::Address;
use super::wire;
use super::{Account, CURRENCY, Merchant, nonce};
use crate::{AttemptView, Call, CreateError, Created, Device, Started, Step};
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// Characters of a description. WeChat Pay refuses more.
const DESCRIPTION_MAX: usize = 127;

/// What a product is called when nothing of its name survives cleaning.
const DESCRIPTION_FALLBACK: &str = "product";

/// The nearest end that a trade may have, ms from now: WeChat Pay refuses less than five minutes. One second more, because milliseconds
/// are cut off.
const NEAREST_END_MS: i64 = 301_000;

/// What an account may be signed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Product {
    /// A code to scan.
    Native,
    /// A page that opens WeChat from a phone's browser.
    H5,
    /// A payment within a page inside WeChat, which has to know the buyer.
    Jsapi,
}

impl Product {
    /// The product of this name, as it stands in the address of the API.
    pub(super) fn named(name: &str) -> Option<Product> {
        [Product::Native, Product::H5, Product::Jsapi].into_iter().find(|product| product.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Product::Native => "native",
            Product::H5 => "h5",
            Product::Jsapi => "jsapi",
        }
    }
}

/// A product with what it needs to know of the buyer.
enum Chosen<'a> {
    Native,
    H5(IpAddr),
    Jsapi(&'a str),
}

impl Account {
    pub(super) fn start(&self, attempt: &AttemptView<'_>, call: &Call) -> Step<Result<Started, CreateError>> {
        let asked =
            self.choose(attempt).and_then(|chosen| self.body(attempt, &chosen, call).map(|body| (chosen, body)));
        let (chosen, body) = match asked {
            Ok(asked) => asked,
            Err(error) => return Step::Done(Err(error)),
        };
        let product = match chosen {
            Chosen::Native => Product::Native,
            Chosen::H5(_) => Product::H5,
            Chosen::Jsapi(_) => Product::Jsapi,
        };
        let (merchant, call, return_url) = (self.merchant.clone(), *call, attempt.return_url.to_owned());
        let path = format!("/v3/pay/transactions/{}", product.name());
        self.ask(("POST", &path), body, &call, move |heard| {
            let said = heard.map_err(wire::not_made)?;
            let fields = wire::made(&said)?;
            let shown = match product {
                Product::Native => fields.string("code_url").and_then(code),
                Product::H5 => fields.string("h5_url").and_then(|url| page(&url, &return_url, &merchant)),
                Product::Jsapi => fields.string("prepay_id").and_then(|id| bridge(&id, &merchant, &call)),
            };
            shown.map(Started::shown).ok_or(CreateError::Unknown("the reply holds nothing to pay with"))
        })
    }

    /// By name, if the shop names one of the products, and otherwise by what the buyer can use.
    fn choose<'a>(&self, attempt: &AttemptView<'a>) -> Result<Chosen<'a>, CreateError> {
        let ip = attempt.client_ip.and_then(|ip| ip.parse().ok());
        let payer = attempt.payer.filter(|payer| wire::is_openid(payer));
        let has = |product| self.products.contains(&product);
        let product = match attempt.method {
            None | Some("wxpay") => match attempt.device {
                Device::Phone if has(Product::H5) && ip.is_some() => Product::H5,
                Device::InWechat if has(Product::Jsapi) && payer.is_some() => Product::Jsapi,
                // A page of H5 opens neither inside WeChat nor inside Alipay; a code can be kept and scanned from the album.
                _ => Product::Native,
            },
            Some(name) => Product::named(name).ok_or(CreateError::Method)?,
        };
        if !has(product) {
            return Err(CreateError::Method);
        }
        match product {
            Product::Native => Ok(Chosen::Native),
            Product::H5 => ip.map(Chosen::H5).ok_or(CreateError::Method),
            Product::Jsapi => payer.map(Chosen::Jsapi).ok_or(CreateError::Method),
        }
    }

    /// What is asked for, as the JSON that is signed and sent.
    fn body(&self, attempt: &AttemptView<'_>, chosen: &Chosen<'_>, call: &Call) -> Result<String, CreateError> {
        if attempt.amount.currency != CURRENCY {
            return Err(CreateError::Currency(attempt.amount.currency));
        }
        if attempt.amount.minor <= 0 {
            return Err(CreateError::Amount);
        }
        // WeChat Pay refuses a query in the address it reports to.
        for (field, url) in [("notify_url", attempt.notify_url), ("return_url", attempt.return_url)] {
            let address = Address::read(url).filter(Address::is_safe);
            address.ok_or(CreateError::Address(field))?;
        }
        let end = attempt.expires_at.max(call.now.saturating_add(NEAREST_END_MS));
        let mut body = Map::new();
        let fields = [
            ("appid", json!(self.merchant.appid)),
            ("mchid", json!(self.merchant.mchid)),
            ("description", json!(describe(attempt.product_name))),
            ("out_trade_no", json!(attempt.out_trade_no.to_string())),
            ("time_expire", json!(crate::china::rfc3339(end))),
            ("notify_url", json!(attempt.notify_url)),
            ("amount", json!({ "total": attempt.amount.minor, "currency": CURRENCY.code() })),
        ];
        body.extend(fields.map(|(name, value)| (name.to_owned(), value)));
        match chosen {
            Chosen::Native => {}
            Chosen::H5(ip) => {
                let scene = json!({ "payer_client_ip": ip.to_string(), "h5_info": { "type": "Wap" } });
                body.insert("scene_info".to_owned(), scene);
            }
            Chosen::Jsapi(payer) => {
                body.insert("payer".to_owned(), json!({ "openid": payer }));
            }
        }
        Ok(Value::Object(body).to_string())
    }
}

/// The text of a code, which opens WeChat alone.
fn code(url: String) -> Option<Created> {
    let fits = url.starts_with("weixin://") && url.len() <= 512 && url.bytes().all(|b| b.is_ascii_graphic());
    fits.then_some(Created::Qr(url))
}

/// WeChat Pay's page for a phone's browser, with the address to come back to. It can be opened for five minutes.
fn page(url: &str, return_url: &str, merchant: &Merchant) -> Option<Created> {
    // Only a provider on this machine shows a page without TLS.
    let is_page = url.starts_with("https://") || url.starts_with(&format!("{}/", merchant.base_url));
    let fits = is_page && url.len() <= 512 && url.bytes().all(|b| b.is_ascii_graphic()) && !url.contains('#');
    let joined = if url.contains('?') { '&' } else { '?' };
    let back = crate::form::write([("redirect_url", return_url)]);
    fits.then(|| Created::Redirect(format!("{url}{joined}{back}")))
}

/// What a page inside WeChat hands over, signed by the merchant.
fn bridge(prepay_id: &str, merchant: &Merchant, call: &Call) -> Option<Created> {
    // A line end would let the signed text be cut in another way.
    if !(1..=128).contains(&prepay_id.len()) || !prepay_id.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    let (seconds, chance) = (call.now.div_euclid(1_000).to_string(), nonce(call));
    let package = format!("prepay_id={prepay_id}");
    let signed = format!("{}\n{seconds}\n{chance}\n{package}\n", merchant.appid);
    let handed = json!({
        "appId": merchant.appid,
        "timeStamp": seconds,
        "nonceStr": chance,
        "package": package,
        "signType": "RSA",
        "paySign": merchant.key.sign(signed.as_bytes())?,
    });
    Some(Created::Jsapi(handed.to_string()))
}

/// A name that WeChat Pay takes: no control characters, none beyond the basic plane, and no more than it reads.
fn describe(name: &str) -> String {
    let spoils = |c: char| c.is_control() || c > '\u{FFFF}';
    let spaced: String = name.chars().map(|c| if spoils(c) { ' ' } else { c }).collect();
    let words = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = words.chars().take(DESCRIPTION_MAX).collect();
    let clean = cut.trim_end();
    if clean.is_empty() { DESCRIPTION_FALLBACK.to_owned() } else { clean.to_owned() }
}
