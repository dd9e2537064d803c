//! Two merchants at 易支付 gateways: what they hold is what was paid. Written from the protocol's description, with other code than
//! the codec under test.

use crate::plan::{self, happens};
use crate::sim::Shared;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use fastrand::Rng;
use md5::{Digest, Md5};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

/// One payment that arrived.
#[derive(Clone, Debug)]
pub struct Trade {
    /// The provider's number.
    pub trade_no: String,
    /// The account it was paid into.
    pub account: &'static str,
    /// The shop's number.
    pub out_trade_no: String,
    /// Fen that arrived.
    pub minor: i64,
    /// Fen that went back.
    pub refunded: i64,
    /// The key that was the merchant's when it was paid.
    pub key: String,
    /// Whether the shop said "success" to its notification.
    pub acknowledged: bool,
    /// Whether only a notification can tell of it: v1 answers a question with the first of two payments of one attempt, and without
    /// an attempt there is nothing to ask by.
    pub must_be_told: bool,
}

/// A merchant's account.
#[derive(Debug)]
pub struct Merchant {
    /// The account's name in the shop.
    pub account: &'static str,
    /// The gateway's address.
    pub base_url: &'static str,
    /// The merchant's number.
    pub pid: &'static str,
    /// The merchant's first key.
    pub key: &'static str,
}

/// The accounts of every world.
pub const MERCHANTS: [Merchant; 2] = [
    Merchant { account: "pay-a", base_url: "https://pay-a.example.com", pid: "1001", key: "key-of-the-first-merchant" },
    Merchant {
        account: "pay-b",
        base_url: "https://pay-b.example.net",
        pid: "2002",
        key: "key-of-the-second-merchant",
    },
];

/// A merchant by its account.
pub fn merchant(account: &str) -> &'static Merchant {
    MERCHANTS.iter().find(|m| m.account == account).unwrap()
}

/// What a merchant's gateway knows.
#[derive(Default, Debug)]
struct Ledger {
    /// Attempts whose page was opened, with the amount asked.
    opened: BTreeMap<String, (&'static str, i64)>,
    trades: Vec<Trade>,
    /// The places of an attempt's payments.
    places: BTreeMap<String, Vec<usize>>,
    /// The places of payments that only a notification can tell of, and that nobody acknowledged.
    to_be_told: BTreeSet<usize>,
}

/// Every provider of a world.
pub struct Town {
    shared: Arc<Shared>,
    ledger: Mutex<Ledger>,
    /// Keys by account, the newest last.
    keys: Mutex<BTreeMap<&'static str, Vec<String>>>,
    rates: plan::Providers,
    rng: Mutex<Rng>,
}

impl fmt::Debug for Town {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Town")
    }
}

fn md5_hex(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

/// The text that is signed: names in order, empty ones left out.
fn signature(fields: &BTreeMap<String, String>, key: &str) -> String {
    let kept = fields.iter().filter(|(n, v)| !v.is_empty() && *n != "sign" && *n != "sign_type");
    let text: Vec<String> = kept.map(|(n, v)| format!("{n}={v}")).collect();
    md5_hex(&format!("{}{key}", text.join("&")))
}

/// Fen as yuan.
pub fn yuan(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn fen(text: &str) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    whole.parse::<i64>().unwrap() * 100 + format!("{part:0<2}").parse::<i64>().unwrap()
}

/// The place of a payment by the provider's number.
fn place_of(trade_no: &str) -> Option<usize> {
    trade_no.strip_prefix('T')?.parse().ok()
}

impl Town {
    /// A town where nobody paid yet.
    pub fn new(shared: Arc<Shared>, rates: plan::Providers, seed: u64) -> Town {
        let keys = MERCHANTS.iter().map(|m| (m.account, vec![m.key.to_owned()])).collect();
        Town {
            shared,
            ledger: Mutex::default(),
            keys: Mutex::new(keys),
            rates,
            rng: Mutex::new(Rng::with_seed(seed ^ 0x70)),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// The keys of a merchant, the newest last.
    pub fn keys(&self, account: &str) -> Vec<String> {
        self.keys.lock().unwrap()[account].clone()
    }

    /// The key that is the merchant's now.
    pub fn key(&self, account: &str) -> String {
        self.keys(account).pop().unwrap()
    }

    /// The seller takes a new key at the provider. From now on money is reported with it, and the one before it still opens the API.
    pub fn rotate(&self, account: &str) -> String {
        let mut keys = self.keys.lock().unwrap();
        let keys = keys.get_mut(account).unwrap();
        keys.push(format!("key-number-{}-of-{account}", keys.len() + 1));
        keys.last().unwrap().clone()
    }

    /// A buyer opens the address that the shop showed. Answers the shop's number and the amount asked; `None` when the provider
    /// refuses it, which the shop must never cause.
    pub fn open(&self, address: &str) -> Option<(String, i64)> {
        let url = url::Url::parse(address).ok()?;
        let merchant = MERCHANTS.iter().find(|m| address.starts_with(m.base_url))?;
        let fields: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        // A page that was shown before the key was changed is still a page of this merchant's.
        let sign = fields.get("sign")?;
        let is_signed = self.keys(merchant.account).iter().any(|key| *sign == signature(&fields, key));
        if fields.get("pid")? != merchant.pid || !is_signed {
            return None;
        }
        let (number, minor) = (fields.get("out_trade_no")?.clone(), fen(fields.get("money")?));
        let mut ledger = self.ledger();
        let known = ledger.opened.entry(number.clone()).or_insert((merchant.account, minor));
        (*known == (merchant.account, minor)).then_some((number, minor))
    }

    /// Money arrives. Answers the trade's number.
    pub fn pay(&self, account: &'static str, out_trade_no: &str, minor: i64) -> String {
        let key = self.key(account);
        let mut ledger = self.ledger();
        let (place, trade_no) = (ledger.trades.len(), format!("T{:08}", ledger.trades.len()));
        let before = ledger.places.get(out_trade_no).cloned().unwrap_or_default();
        let twins: Vec<usize> = before.into_iter().filter(|at| ledger.trades[*at].account == account).collect();
        let must_be_told = !ledger.opened.contains_key(out_trade_no) || !twins.is_empty();
        for twin in twins {
            ledger.trades[twin].must_be_told = true;
            if !ledger.trades[twin].acknowledged {
                ledger.to_be_told.insert(twin);
            }
        }
        if must_be_told {
            ledger.to_be_told.insert(place);
        }
        ledger.trades.push(Trade {
            trade_no: trade_no.clone(),
            account,
            out_trade_no: out_trade_no.to_owned(),
            minor,
            refunded: 0,
            key,
            acknowledged: false,
            must_be_told,
        });
        ledger.places.entry(out_trade_no.to_owned()).or_default().push(place);
        trade_no
    }

    /// Payments that only a notification can tell of, and that nobody acknowledged.
    pub fn to_be_told(&self) -> Vec<String> {
        let ledger = self.ledger();
        ledger.to_be_told.iter().map(|at| ledger.trades[*at].trade_no.clone()).collect()
    }

    /// Every payment.
    pub fn trades(&self) -> Vec<Trade> {
        self.ledger().trades.clone()
    }

    /// One payment.
    pub fn trade(&self, trade_no: &str) -> Trade {
        self.ledger().trades[place_of(trade_no).unwrap()].clone()
    }

    /// The payments of an attempt.
    pub fn paid_for(&self, account: &str, out_trade_no: &str) -> Vec<Trade> {
        let ledger = self.ledger();
        let places = ledger.places.get(out_trade_no).map(Vec::as_slice).unwrap_or_default();
        places.iter().map(|at| ledger.trades[*at].clone()).filter(|t| t.account == account).collect()
    }

    /// The shop said "success".
    pub fn acknowledge(&self, trade_no: &str) {
        let (mut ledger, place) = (self.ledger(), place_of(trade_no).unwrap());
        ledger.trades[place].acknowledged = true;
        ledger.to_be_told.remove(&place);
    }

    /// The query of a notification.
    pub fn notification(&self, trade: &Trade, key: &str) -> String {
        let merchant = merchant(trade.account);
        let mut fields: BTreeMap<String, String> = [
            ("pid", merchant.pid),
            ("trade_no", &trade.trade_no),
            ("out_trade_no", &trade.out_trade_no),
            ("type", "alipay"),
            ("name", "a product"),
            ("money", &yuan(trade.minor)),
            ("trade_status", "TRADE_SUCCESS"),
        ]
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .into();
        let sign = signature(&fields, key);
        fields.extend([("sign".to_owned(), sign), ("sign_type".to_owned(), "MD5".to_owned())]);
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish()
    }

    /// Answers `api.php`.
    fn answer(&self, method: &str, address: &str, body: &[u8]) -> (u16, String) {
        let Some(merchant) = MERCHANTS.iter().find(|m| address.starts_with(m.base_url)) else {
            return (404, String::new());
        };
        if !self.shared.is_calm() && happens(&mut self.rng.lock().unwrap(), self.rates.garbage) {
            self.shared.journal().fault("garbage from a provider");
            let kind = self.rng.lock().unwrap().usize(..4);
            return [
                (502, "<html>Bad Gateway</html>".to_owned()),
                (200, String::new()),
                (200, r#"{"code":-9,"msg":"系统繁忙"}"#.to_owned()),
                (200, r#"{"code":1,"status":1}"#.to_owned()),
            ][kind]
                .clone();
        }
        let url = url::Url::parse(address).unwrap();
        let mut fields: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        fields.extend(url::form_urlencoded::parse(body).into_owned());
        let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        let opens = self.keys(merchant.account).iter().rev().take(2).any(|key| key == field("key"));
        if field("pid") != merchant.pid || !opens {
            return (200, r#"{"code":-2,"msg":"KEY校验失败"}"#.to_owned());
        }
        let mut ledger = self.ledger();
        let opened = ledger.opened.get(field("out_trade_no")).copied();
        let own = |place: &usize| ledger.trades.get(*place).is_some_and(|t| t.account == merchant.account);
        let place = match field("trade_no") {
            "" => ledger
                .places
                .get(field("out_trade_no"))
                .map(Vec::as_slice)
                .unwrap_or_default()
                .iter()
                .copied()
                .find(own),
            number => place_of(number).filter(own),
        };
        let answer = match (field("act"), method, place) {
            ("order", _, Some(place)) => {
                let trade = &ledger.trades[place];
                let status = if trade.refunded >= trade.minor { 2 } else { 1 };
                json!({"code": 1, "msg": "succ", "trade_no": trade.trade_no, "out_trade_no": trade.out_trade_no,
                    "pid": merchant.pid, "type": "alipay", "money": yuan(trade.minor), "status": status})
            }
            ("order", _, None) => match opened {
                Some((account, minor)) if account == merchant.account => {
                    json!({"code": 1, "msg": "succ", "trade_no": format!("N{}", field("out_trade_no")), "pid": merchant.pid,
                        "out_trade_no": field("out_trade_no"), "type": "alipay", "money": yuan(minor), "status": 0})
                }
                _ => json!({"code": -1, "msg": "订单号不存在"}),
            },
            ("refund", "POST", Some(place)) => {
                let minor = fen(field("money"));
                let trade = &mut ledger.trades[place];
                if trade.refunded + minor <= trade.minor {
                    trade.refunded += minor;
                    json!({"code": 0, "msg": "退款成功"})
                } else {
                    json!({"code": -1, "msg": "退款金额大于可退金额"})
                }
            }
            _ => json!({"code": -1, "msg": "订单号不存在"}),
        };
        (200, answer.to_string())
    }
}

/// The way from a function to every provider.
#[derive(Clone, Debug)]
pub struct Providers(Arc<Town>);

impl Providers {
    /// As the seam wants it.
    pub fn connector(town: &Arc<Town>) -> SharedHttpConnector {
        SharedHttpConnector::new(Providers(town.clone()))
    }
}

impl HttpConnector for Providers {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let (status, answer) = self.0.answer(request.method(), request.uri(), &body);
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(answer));
        response.headers_mut().insert("content-type", "application/json");
        HttpConnectorFuture::ready(Ok(response))
    }
}
