//! Alipay's gateway as its documents describe it: `gateway.do` for requests and for the pages, trades that begin when a buyer scans,
//! answers signed over their exact text, notifications as forms.
//!
//! It signs with keys made for it, which open nothing and stand in `assets/alipay.json`.

use super::{Fake, FakeAnswer, FakeNotice, Seal, Twist};
use crate::gateway::GatewayRequest;
use domain::{Currency, money};
use payments::form::{self, Pairs};
use payments::rsa::{SigningKey, VerifyingKey};
use payments::{Call, Settings};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

const ASSETS: &str = include_str!("../../assets/alipay.json");
const APP_ID: &str = "2021000122600001";
const OTHER_APP_ID: &str = "2021000122609999";
const SELLER: &str = "2088721003890000";

/// A gateway of Alipay's with one application.
#[derive(Debug)]
pub struct Alipay {
    assets: Map<String, Value>,
    certificates: bool,
    app: VerifyingKey,
    platform: SigningKey,
    stranger: SigningKey,
    trades: Mutex<Vec<Trade>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Status {
    /// A code was given out, and nobody has scanned it: there is no trade yet.
    Coded,
    /// A buyer looks at it.
    Waiting,
    Paid,
    Closed,
}

#[derive(Clone, Debug)]
struct Trade {
    out_trade_no: String,
    trade_no: String,
    subject: String,
    asked: i64,
    paid: i64,
    /// The last second in which it is paid, in the text of Alipay's times, which sort as they follow each other.
    until: String,
    paid_at: String,
    notify_url: String,
    /// The request that made it, as it was sent.
    request: Vec<u8>,
    status: Status,
    refunds: Vec<(String, i64)>,
}

impl Trade {
    fn returned(&self) -> i64 {
        self.refunds.iter().map(|(_, minor)| minor).sum()
    }

    fn status(&self) -> &'static str {
        match self.status {
            Status::Coded | Status::Waiting => "WAIT_BUYER_PAY",
            Status::Paid if self.returned() >= self.paid => "TRADE_CLOSED",
            Status::Paid => "TRADE_SUCCESS",
            Status::Closed => "TRADE_CLOSED",
        }
    }

    /// Nobody pays a trade whose time is over; Alipay closes it.
    fn age(&mut self, now: &str) {
        if self.status == Status::Waiting && now > self.until.as_str() {
            self.status = Status::Closed;
        }
    }
}

/// An answer: its fields, in the order of their names.
type Fields = BTreeMap<&'static str, String>;

/// Why there is no such answer: the code, and the code beside it.
type No = (&'static str, &'static str);

const NO_TRADE: No = ("40004", "ACQ.TRADE_NOT_EXIST");
const WRONG_STATUS: No = ("40004", "ACQ.TRADE_STATUS_ERROR");
const INVALID: No = ("40004", "ACQ.INVALID_PARAMETER");

impl Alipay {
    /// A gateway whose application signs with plain keys. `None` when its own file of keys cannot be read.
    pub fn with_keys() -> Option<Alipay> {
        let assets: Map<String, Value> = serde_json::from_str(ASSETS).ok()?;
        let text = |name: &str| assets.get(name).and_then(Value::as_str);
        let key = |name: &str| SigningKey::read(text(name)?).ok();
        let (platform, stranger) = (key("platform_private")?, key("stranger_private")?);
        let app = VerifyingKey::read(text("app_public")?).ok()?;
        Some(Alipay { assets, certificates: false, app, platform, stranger, trades: Mutex::default() })
    }

    /// A gateway whose application has certificates.
    pub fn with_certificates() -> Option<Alipay> {
        Alipay::with_keys().map(|fake| Alipay { certificates: true, ..fake })
    }

    /// A buyer scans a code and looks at the trade, which begins with that. `None` when there is no such code.
    pub fn scan(&self, out_trade_no: &str) -> Option<()> {
        let mut trades = self.lock();
        let trade = trades.iter_mut().find(|trade| trade.out_trade_no == out_trade_no)?;
        if trade.status == Status::Coded {
            trade.status = Status::Waiting;
        }
        Some(())
    }

    /// The notification after a part of a payment went back: it says "paid" once more. `None` when nothing did.
    pub fn refund_notice(&self, out_trade_no: &str, call: &Call) -> Option<FakeNotice> {
        let trades = self.lock();
        let trade = trades.iter().find(|trade| trade.out_trade_no == out_trade_no)?;
        let (number, _) = trade.refunds.last()?;
        let mut fields = report(trade);
        fields.insert("refund_fee", yuan(trade.returned()));
        fields.insert("gmt_refund", format!("{}.123", china(call.now)));
        fields.insert("out_biz_no", number.clone());
        Some(self.letter(trade, &self.platform, fields))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Trade>> {
        self.trades.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asset(&self, name: &str) -> &str {
        self.assets.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether the application signed this: over all but the signature, sorted by name, nothing empty.
    fn is_signed(&self, fields: &Pairs) -> bool {
        let sorted: BTreeMap<_, _> =
            fields.iter().filter(|(name, value)| *name != "sign" && !value.is_empty()).collect();
        self.app.verifies(joined(sorted).as_bytes(), fields.get("sign").unwrap_or_default())
    }

    /// Carries a request out. The error names why it was not.
    fn carry_out(&self, fields: &Pairs, raw: &[u8], call: &Call) -> Result<Fields, No> {
        let certificates = [("app_cert_sn", "app_cert_sn"), ("alipay_root_cert_sn", "root_cert_sn")];
        let has_certificates = certificates.iter().all(|(name, own)| fields.get(name) == Some(self.asset(own)));
        if !self.is_signed(fields) || fields.get("sign_type") != Some("RSA2") || self.certificates != has_certificates {
            return Err(("40002", "isv.invalid-signature"));
        }
        let text = fields.get("biz_content").unwrap_or_default();
        let content: Map<String, Value> = serde_json::from_str(text).map_err(|_| INVALID)?;
        let content = |name: &str| content.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let now = china(call.now);
        let mut trades = self.lock();
        trades.iter_mut().for_each(|trade| trade.age(&now));
        let method = fields.get("method").unwrap_or_default();
        if matches!(method, "alipay.trade.precreate" | "alipay.trade.page.pay" | "alipay.trade.wap.pay") {
            return self.make(&mut trades, fields, &content, raw, &now);
        }
        let (out_trade_no, trade_no) = (content("out_trade_no"), content("trade_no"));
        // Alipay's own number comes first where both are given.
        let is_it = |trade: &&mut Trade| match trade_no.is_empty() {
            true => trade.out_trade_no == out_trade_no,
            false => trade.trade_no == trade_no,
        };
        let trade = trades.iter_mut().find(is_it).filter(|trade| trade.status != Status::Coded).ok_or(NO_TRADE)?;
        let mut answer =
            Fields::from([("out_trade_no", trade.out_trade_no.clone()), ("trade_no", trade.trade_no.clone())]);
        match method {
            "alipay.trade.query" => tell(trade, &mut answer),
            "alipay.trade.close" if trade.status == Status::Waiting => trade.status = Status::Closed,
            "alipay.trade.close" => return Err(WRONG_STATUS),
            "alipay.trade.refund" => send_back(trade, &content, &mut answer)?,
            "alipay.trade.fastpay.refund.query" => {
                let number = content("out_request_no");
                if let Some((_, minor)) = trade.refunds.iter().find(|(no, _)| *no == number) {
                    answer.extend([("refund_amount", yuan(*minor)), ("total_amount", yuan(trade.paid))]);
                    answer.extend([("out_request_no", number), ("refund_status", "REFUND_SUCCESS".to_owned())]);
                }
            }
            _ => return Err(("40002", "isv.invalid-method")),
        }
        Ok(answer)
    }

    /// Makes a code or a trade.
    fn make(
        &self,
        trades: &mut Vec<Trade>,
        fields: &Pairs,
        content: &dyn Fn(&str) -> String,
        raw: &[u8],
        now: &str,
    ) -> Result<Fields, No> {
        let (number, until) = (content("out_trade_no"), content("time_expire"));
        let asked = fen(&content("total_amount")).filter(|minor| *minor > 0).ok_or(INVALID)?;
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let fits =
            !number.is_empty() && number.len() <= 64 && number.bytes().all(is_word) && !content("subject").is_empty();
        if !fits || until.len() != now.len() || until.as_str() <= now {
            return Err(INVALID);
        }
        let product = content("product_code");
        let status = match (fields.get("method").unwrap_or_default(), product.as_str()) {
            ("alipay.trade.precreate", _) => Status::Coded,
            ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY") => Status::Waiting,
            ("alipay.trade.wap.pay", "QUICK_WAP_WAY") => Status::Waiting,
            _ => return Err(INVALID),
        };
        let code = format!("https://qr.alipay.com/bax{:08}", trades.len());
        let answer = Fields::from([("out_trade_no", number.clone()), ("qr_code", code)]);
        if let Some(known) = trades.iter().find(|trade| trade.out_trade_no == number) {
            return match known.status {
                Status::Paid => Err(("40004", "ACQ.TRADE_HAS_SUCCESS")),
                Status::Closed => Err(("40004", "ACQ.TRADE_HAS_CLOSE")),
                _ if known.asked != asked => Err(("40004", "ACQ.CONTEXT_INCONSISTENT")),
                _ => Ok(answer),
            };
        }
        let digits: String = now.chars().filter(char::is_ascii_digit).collect();
        trades.push(Trade {
            trade_no: format!("{digits}2200149916{:04}", trades.len()),
            out_trade_no: number,
            subject: content("subject"),
            asked,
            paid: 0,
            until,
            paid_at: String::new(),
            notify_url: fields.get("notify_url").unwrap_or_default().to_owned(),
            request: raw.to_vec(),
            status,
            refunds: Vec::new(),
        });
        Ok(answer)
    }

    /// The answer's bytes: the answer under its name, and the signature over its exact text beside it.
    fn sealed(&self, name: &str, fields: &Fields, seal: Seal) -> FakeAnswer {
        // Alipay's gateway escapes slashes, and signs what it wrote.
        let content = serde_json::to_string(fields).unwrap_or_default().replace('/', "\\/");
        let key = if seal == Seal::Wrong { &self.stranger } else { &self.platform };
        let certificate = match self.certificates {
            true => format!(r#""alipay_cert_sn":"{}","#, self.asset("platform_cert_sn")),
            false => String::new(),
        };
        let sign = match seal {
            Seal::Missing => String::new(),
            _ => format!(r#",{certificate}"sign":"{}""#, key.sign(content.as_bytes()).unwrap_or_default()),
        };
        answer(200, "text/html;charset=utf-8", format!("{{\"{name}\":{content}{sign}}}"))
    }

    /// A notification of these fields, signed with this key.
    fn letter(&self, trade: &Trade, key: &SigningKey, mut fields: Fields) -> FakeNotice {
        fields.retain(|_, value| !value.is_empty());
        let sign = key.sign(joined(fields.iter().map(|(n, v)| (*n, v.as_str()))).as_bytes()).unwrap_or_default();
        fields.extend([("sign", sign), ("sign_type", "RSA2".to_owned())]);
        posted(trade, &fields)
    }
}

impl Fake for Alipay {
    fn kind(&self) -> &'static str {
        "alipay"
    }

    fn settings(&self, base_url: &str) -> Settings {
        let gateway = format!("{base_url}/gateway.do");
        let mut settings = Settings::from_iter([
            ("app_id", APP_ID),
            ("app_private_key", self.asset("app_private")),
            ("products", "qr,page,wap"),
            ("seller_id", SELLER),
            ("base_url", gateway.as_str()),
        ]);
        let keys: &[(&str, &str)] = match self.certificates {
            true => &[("app_cert", "app_cert"), ("alipay_cert", "platform_cert"), ("alipay_root_cert", "root_certs")],
            false => &[("alipay_public_key", "platform_public")],
        };
        for (name, own) in keys {
            settings.set(name, self.asset(own));
        }
        settings
    }

    fn handle(&self, request: &GatewayRequest, call: &Call, seal: Seal) -> FakeAnswer {
        if !request.path.ends_with("/gateway.do") {
            return answer(404, "text/plain", String::new());
        }
        let is_page = request.method == "GET";
        let raw = if is_page { request.query.as_bytes() } else { &request.body };
        let Ok(fields) = form::parse(raw) else { return answer(400, "text/plain", String::new()) };
        let no = |(code, sub_code): No| {
            let message = if code == "40004" { "Business Failed" } else { "Invalid Arguments" };
            Fields::from([("code", code.to_owned()), ("msg", message.to_owned()), ("sub_code", sub_code.to_owned())])
        };
        if fields.get("app_id") != Some(APP_ID) {
            // Of an application that it does not know, it has no key to sign with.
            return self.sealed("error_response", &no(("40002", "isv.invalid-app-id")), Seal::Missing);
        }
        let method = fields.get("method").unwrap_or_default();
        let done = self.carry_out(&fields, raw, call);
        if is_page {
            return match done {
                Ok(_) if method != "alipay.trade.precreate" => answer(200, "text/html;charset=utf-8", PAGE.to_owned()),
                _ => answer(400, "text/html;charset=utf-8", "<!doctype html><title>订单信息有误</title>".to_owned()),
            };
        }
        let said = match done {
            Ok(mut said) => {
                said.extend([("code", "10000".to_owned()), ("msg", "Success".to_owned())]);
                said
            }
            Err(why) => no(why),
        };
        self.sealed(&format!("{}_response", method.replace('.', "_")), &said, seal)
    }

    fn attempts(&self) -> Vec<String> {
        self.lock().iter().map(|trade| trade.out_trade_no.clone()).collect()
    }

    fn pay(&self, out_trade_no: &str, minor: Option<i64>, call: &Call) -> Option<()> {
        let now = china(call.now);
        let mut trades = self.lock();
        let trade = trades.iter_mut().find(|trade| trade.out_trade_no == out_trade_no)?;
        trade.age(&now);
        match trade.status {
            // One trade is paid once.
            Status::Paid => Some(()),
            Status::Coded | Status::Waiting if now <= trade.until => {
                trade.paid = minor.unwrap_or(trade.asked);
                trade.paid_at = now;
                trade.status = Status::Paid;
                Some(())
            }
            _ => None,
        }
    }

    /// There is no old one: Alipay repeats for a day what it signed at first, and nothing in it says how old is too old.
    fn notice(&self, out_trade_no: &str, twist: Twist, _: &Call) -> Option<FakeNotice> {
        let trades = self.lock();
        let trade = trades.iter().find(|trade| trade.out_trade_no == out_trade_no && trade.status == Status::Paid)?;
        let mut fields = report(trade);
        let right = |fields| Some(self.letter(trade, &self.platform, fields));
        match twist {
            Twist::None => right(fields),
            Twist::WrongKey => Some(self.letter(trade, &self.stranger, fields)),
            Twist::Unsigned => {
                fields.insert("sign_type", "RSA2".to_owned());
                Some(posted(trade, &fields))
            }
            Twist::OtherMerchant => {
                fields.extend([("app_id", OTHER_APP_ID.to_owned()), ("auth_app_id", OTHER_APP_ID.to_owned())]);
                right(fields)
            }
            Twist::Changed => {
                let genuine = right(fields)?;
                let body = String::from_utf8(genuine.body).ok()?;
                let changed = body.replacen("total_amount=", "total_amount=1", 1);
                Some(FakeNotice { body: changed.into_bytes(), ..genuine })
            }
            Twist::OwnRequest => Some(FakeNotice { body: trade.request.clone(), ..right(fields)? }),
            Twist::Old => None,
            Twist::OtherCurrency => {
                fields.insert("trans_currency", "USD".to_owned());
                right(fields)
            }
            Twist::NotPaid => {
                fields.insert("trade_status", "WAIT_BUYER_PAY".to_owned());
                right(fields)
            }
        }
    }

    fn is_acknowledged(&self, status: u16, body: &[u8]) -> bool {
        status == 200 && body == b"success"
    }

    fn returned(&self, out_trade_no: &str) -> i64 {
        self.lock().iter().find(|trade| trade.out_trade_no == out_trade_no).map_or(0, Trade::returned)
    }
}

const PAGE: &str = "<!doctype html><html lang=\"zh-CN\"><title>支付宝（测试，不会真的收款）</title>";

/// What a query tells of a trade.
fn tell(trade: &Trade, answer: &mut Fields) {
    let (total, received) = if trade.status == Status::Paid { (trade.paid, trade.paid) } else { (trade.asked, 0) };
    let left = received - trade.returned();
    answer.extend([
        ("trade_status", trade.status().to_owned()),
        ("total_amount", yuan(total)),
        ("receipt_amount", yuan(left)),
        ("buyer_pay_amount", yuan(left)),
        ("buyer_logon_id", "159****5620".to_owned()),
    ]);
    if trade.status == Status::Paid {
        answer.insert("send_pay_date", trade.paid_at.clone());
    }
}

/// Sends money back, once for each number.
fn send_back(trade: &mut Trade, content: &dyn Fn(&str) -> String, answer: &mut Fields) -> Result<(), No> {
    if trade.status != Status::Paid {
        return Err(WRONG_STATUS);
    }
    let number = content("out_request_no");
    let minor = fen(&content("refund_amount")).filter(|minor| *minor > 0).ok_or(INVALID)?;
    let change = match trade.refunds.iter().find(|(no, _)| *no == number) {
        Some((_, known)) if *known == minor => "N",
        Some(_) => return Err(("40004", "ACQ.DISCORDANT_REPEAT_REQUEST")),
        None if minor > trade.paid - trade.returned() => return Err(("40004", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")),
        None => {
            trade.refunds.push((number, minor));
            "Y"
        }
    };
    answer.extend([("fund_change", change.to_owned()), ("refund_fee", yuan(trade.returned()))]);
    Ok(())
}

/// What is reported of a payment.
fn report(trade: &Trade) -> Fields {
    let total = yuan(trade.paid);
    let bills = format!(r#"[{{"amount":"{total}","fundChannel":"ALIPAYACCOUNT"}}]"#);
    Fields::from([
        ("app_id", APP_ID.to_owned()),
        ("auth_app_id", APP_ID.to_owned()),
        ("buyer_id", "2088722003890001".to_owned()),
        ("buyer_pay_amount", total.clone()),
        ("charset", "utf-8".to_owned()),
        ("fund_bill_list", bills),
        ("gmt_create", trade.paid_at.clone()),
        ("gmt_payment", trade.paid_at.clone()),
        ("invoice_amount", total.clone()),
        ("notify_id", format!("{}0", trade.trade_no)),
        ("notify_time", trade.paid_at.clone()),
        ("notify_type", "trade_status_sync".to_owned()),
        ("out_trade_no", trade.out_trade_no.clone()),
        ("point_amount", "0.00".to_owned()),
        ("receipt_amount", total.clone()),
        ("seller_id", SELLER.to_owned()),
        ("subject", trade.subject.clone()),
        ("total_amount", total),
        ("trade_no", trade.trade_no.clone()),
        ("trade_status", "TRADE_SUCCESS".to_owned()),
        ("version", "1.0".to_owned()),
    ])
}

fn posted(trade: &Trade, fields: &Fields) -> FakeNotice {
    FakeNotice {
        method: "POST",
        url: trade.notify_url.clone(),
        headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded; charset=utf-8".to_owned())],
        body: form::write(fields.iter().map(|(name, value)| (*name, value.as_str()))).into_bytes(),
    }
}

fn answer(status: u16, kind: &str, body: String) -> FakeAnswer {
    FakeAnswer { status, headers: vec![("content-type".to_owned(), kind.to_owned())], body: body.into_bytes() }
}

/// `name=value` of sorted pairs, with `&` between.
fn joined<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn yuan(minor: i64) -> String {
    money::decimal(minor, Currency::CNY.exponent())
}

fn fen(text: &str) -> Option<i64> {
    money::parse_minor(text, Currency::CNY.exponent()).ok()
}

/// A moment in the text of Alipay's times, UTC+8.
fn china(at: i64) -> String {
    let seconds = at.div_euclid(1_000).saturating_add(8 * 3_600);
    let (year, month, day) = app::clock::civil(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}
