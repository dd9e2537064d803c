//! A merchant, an attempt, and what the gateway would send for it.

use domain::{Currency, Money, OutTradeNo};
use payments::canonical::{Case, Family, Tail};
use payments::epay::{Account, Options};
use payments::{
    AttemptRef, AttemptView, Call, Channel, Created, Device, HttpReply, HttpRequest, Notice, RawRequest, RefundView,
    Reject, Secret, Started, Step, form,
};

pub const PID: &str = "1000";
pub const KEY: &str = "a-key-that-opens-nothing-0123456";
pub const BASE: &str = "https://gateway.example";
pub const NUMBER: &str = "0123456789ABCDEFGHJKMNPQAZ1";

/// How the tests sign: 易支付's own family, written down a second time.
pub const FAMILY: Family = Family { drop: &["sign", "sign_type"], tail: Tail::Key, case: Case::Lower };

/// When and by what chance everything here is called.
pub const CALL: Call = Call { now: 1_795_305_600_000, nonce: [7; 16] };

pub type Fields = Vec<(String, String)>;

pub fn account() -> Account {
    Account::new(BASE, PID, Secret::new(KEY.to_owned()), Options::default()).unwrap()
}

pub fn channel() -> Channel {
    Channel::new(account())
}

pub fn number() -> OutTradeNo {
    OutTradeNo::parse(NUMBER).unwrap()
}

pub fn yuan(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

pub fn attempt(number: &OutTradeNo) -> AttemptView<'_> {
    AttemptView {
        out_trade_no: number,
        amount: yuan(990),
        product_name: "月卡 30 days",
        notify_url: "https://shop.example/webhooks/epay",
        return_url: "https://shop.example/o/0123456789ABCDEFGHJKMNPQ",
        method: Some("alipay"),
        device: Device::Desktop,
        client_ip: None,
        payer: None,
        expires_at: CALL.now + 900_000,
    }
}

/// The attempt, asked about.
pub fn asked(number: &OutTradeNo) -> AttemptRef<'_> {
    AttemptRef::by_number(number, yuan(990))
}

/// Money of a trade on its way back.
pub fn back(trade: &str, amount: Money) -> RefundView<'_> {
    RefundView { out_trade_no: NUMBER, provider_number: trade, paid: yuan(990), amount, refund_no: "R0011223344556677" }
}

pub fn own<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Fields {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub fn borrowed(fields: &Fields) -> impl Iterator<Item = (&str, &str)> + Clone {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

/// What the gateway reports of a payment, unsigned.
pub fn notice() -> Fields {
    own([
        ("pid", PID),
        ("trade_no", "2026112205060712345"),
        ("out_trade_no", NUMBER),
        ("type", "alipay"),
        ("name", "月卡 30 days"),
        ("money", "9.9"),
        ("trade_status", "TRADE_SUCCESS"),
    ])
}

/// The notice with some fields replaced or, when they are new, appended.
pub fn notice_with<'a>(changes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Fields {
    let mut fields = notice();
    for (name, value) in changes {
        match fields.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = value.to_owned(),
            None => fields.push((name.to_owned(), value.to_owned())),
        }
    }
    fields
}

pub fn without(fields: &Fields, name: &str) -> Fields {
    fields.iter().filter(|(n, _)| n != name).cloned().collect()
}

/// The fields with the signature they deserve.
pub fn signed(fields: &Fields) -> Fields {
    let sign = FAMILY.md5(borrowed(fields), KEY);
    let mut all = fields.clone();
    all.extend([("sign".to_owned(), sign), ("sign_type".to_owned(), "MD5".to_owned())]);
    all
}

pub fn query_of(fields: &Fields) -> String {
    form::write(borrowed(fields))
}

pub fn verify(method: &str, query: &str, content_type: Option<&str>, body: &[u8]) -> Result<Notice, Reject> {
    let headers: Vec<_> = content_type.map(|kind| ("Content-Type".to_owned(), kind.to_owned())).into_iter().collect();
    channel().verify(&RawRequest { method, query, headers: &headers, body }, CALL.now)
}

pub fn get(query: &str) -> Result<Notice, Reject> {
    verify("GET", query, None, b"")
}

/// Drives a step with one reply for each request, and returns the requests with the answer.
pub fn drive<T>(mut step: Step<T>, mut reply: impl FnMut(&HttpRequest) -> Option<HttpReply>) -> (Vec<HttpRequest>, T) {
    let mut sent = Vec::new();
    loop {
        match step {
            Step::Done(answer) => return (sent, answer),
            Step::Send(request, next) => {
                step = next(reply(&request));
                sent.push(request);
            }
        }
    }
}

/// The fields of the pay page's address.
pub fn pay_form(attempt: &AttemptView<'_>) -> Fields {
    let (_, created) = drive(channel().create(attempt, &CALL), |_| panic!("create sends nothing"));
    let Ok(Started { shown: Created::Redirect(url), .. }) = created else { panic!("not a redirect: {created:?}") };
    let query = url.strip_prefix(&format!("{BASE}/submit.php?")).unwrap();
    own(form::parse(query.as_bytes()).unwrap().iter())
}
