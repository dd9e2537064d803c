//! The provider of a run: a merchant's account at an 易支付 gateway, with nothing wrong about it.

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use md5::{Digest, Md5};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

/// The account's name in the shop, its address, number and key.
pub const ACCOUNT: &str = "pay-a";
/// Where the gateway is.
pub const ADDRESS: &str = "https://pay-a.example.com";
/// The merchant's number.
pub const PID: &str = "1001";
/// The merchant's key.
pub const KEY: &str = "key-of-the-only-merchant";

/// What was paid, by the shop's number: the provider's number and fen.
#[derive(Clone, Default, Debug)]
pub struct Bank(Arc<Mutex<HashMap<String, (String, i64)>>>);

fn yuan(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

impl Bank {
    /// As the seam wants it.
    pub fn connector(&self) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }

    /// Money arrives. Answers the query of its notification.
    pub fn pay(&self, out_trade_no: &str, minor: i64) -> String {
        let mut paid = self.0.lock().unwrap();
        let number = format!("T{:08}", paid.len());
        paid.insert(out_trade_no.to_owned(), (number.clone(), minor));
        let money = yuan(minor);
        let fields: BTreeMap<&str, &str> = [
            ("money", money.as_str()),
            ("name", "a product"),
            ("out_trade_no", out_trade_no),
            ("pid", PID),
            ("trade_no", &number),
            ("trade_status", "TRADE_SUCCESS"),
            ("type", "alipay"),
        ]
        .into();
        let signed: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let digest = Md5::digest(format!("{}{KEY}", signed.join("&")).as_bytes());
        let sign: String = digest.iter().map(|b| format!("{b:02x}")).collect();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&fields).append_pair("sign", &sign).append_pair("sign_type", "MD5");
        query.finish()
    }

    fn answer(&self, address: &str) -> String {
        let url = url::Url::parse(address).unwrap();
        let field = |name: &str| url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned());
        let number = field("out_trade_no").unwrap_or_default();
        let paid = self.0.lock().unwrap();
        let (trade_no, minor, status) = match paid.get(&number) {
            Some((trade_no, minor)) => (trade_no.clone(), *minor, 1),
            None => (format!("N{number}"), 0, 0),
        };
        json!({"code": 1, "msg": "succ", "trade_no": trade_no, "out_trade_no": number, "pid": PID, "type": "alipay",
            "money": yuan(minor), "status": status})
        .to_string()
    }
}

impl HttpConnector for Bank {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut response = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(self.answer(request.uri())));
        response.headers_mut().insert("content-type", "application/json");
        HttpConnectorFuture::ready(Ok(response))
    }
}
