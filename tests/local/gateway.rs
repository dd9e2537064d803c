//! The sandbox gateway, with our own codec as its customer: what it signs must verify, and what it answers must be read.

mod notices;
mod orders;
mod pressing;
mod program;
mod seam;
mod whole;

use domain::{AccountId, Currency, Money, OutTradeNo, Txn};
use local::gateway::{Gateway, GatewayAnswer, GatewayRequest, Notification, acknowledges};
use payments::epay::{Account, Options};
use payments::{
    AttemptRef, AttemptView, Call, Channel, Created, Device, HttpReply, Notice, Paid, QueryState, RawRequest,
    RefundView, Reject, Secret, Started, Step, form,
};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

const PID: &str = "1000";
const KEY: &str = "a-key-that-opens-nothing-0123456";
const BASE: &str = "http://127.0.0.1:3000/sandbox";
const HOST: &str = "127.0.0.1:3000";
const NUMBER: &str = "0123456789ABCDEFGHJKMNPQAZ1";
const NOTIFY: &str = "http://127.0.0.1:3000/webhooks/sandbox";
const RETURN: &str = "http://127.0.0.1:3000/o/0123456789ABCDEFGHJKMNPQ";

/// 2026-11-22 13:06:07 in China.
const NOON: i64 = 1_795_323_967_000;
const MINUTE: i64 = 60_000;

/// A gateway on a clock that the test moves.
struct World {
    gateway: Gateway,
    now: Arc<AtomicI64>,
}

fn clock_and_ids() -> (Arc<AtomicI64>, local::gateway::Clock, local::gateway::Ids) {
    let now = Arc::new(AtomicI64::new(NOON));
    let read = Arc::clone(&now);
    let count = AtomicU64::new(7);
    let ids = move || u128::from(count.fetch_add(1, Ordering::Relaxed)).to_be_bytes();
    (now, Arc::new(move || read.load(Ordering::Relaxed)), Arc::new(ids))
}

fn world_on(file: Option<&Path>) -> World {
    let (now, clock, ids) = clock_and_ids();
    let gateway = Gateway::open(file, PID.to_owned(), KEY.to_owned(), clock, ids).unwrap();
    World { gateway, now }
}

fn world() -> World {
    world_on(None)
}

fn channel_with(pid: &str, key: &str) -> Channel {
    Channel::new(Account::new(BASE, pid, Secret::new(key.to_owned()), Options::default()).unwrap())
}

fn channel() -> Channel {
    channel_with(PID, KEY)
}

fn number() -> OutTradeNo {
    OutTradeNo::parse(NUMBER).unwrap()
}

/// When and by what chance everything here is called.
const CALL: Call = Call { now: 0, nonce: [7; 16] };

fn asked(number: &OutTradeNo) -> AttemptRef<'_> {
    AttemptRef::by_number(number, Money { minor: 990, currency: Currency::CNY })
}

fn back(trade: &str, amount: Money) -> RefundView<'_> {
    let paid = Money { minor: 990, currency: Currency::CNY };
    RefundView { out_trade_no: NUMBER, provider_number: trade, paid, amount, refund_no: "R0011223344556677" }
}

fn attempt(number: &OutTradeNo) -> AttemptView<'_> {
    AttemptView {
        out_trade_no: number,
        amount: Money { minor: 990, currency: Currency::CNY },
        product_name: "月卡 30 days",
        notify_url: NOTIFY,
        return_url: RETURN,
        method: Some("alipay"),
        device: Device::Desktop,
        client_ip: None,
        payer: None,
        expires_at: 900_000,
    }
}

fn pay_url(channel: &Channel, attempt: &AttemptView<'_>) -> String {
    match channel.create(attempt, &CALL) {
        Step::Done(Ok(Started { shown: Created::Redirect(url), .. })) => url,
        _ => panic!("create must be a redirect without any request"),
    }
}

/// The query of the pay page's address for the usual attempt.
fn order_query() -> String {
    query_of(&pay_url(&channel(), &attempt(&number())))
}

fn query_of(url: &str) -> String {
    url.split_once('?').unwrap().1.to_owned()
}

/// An order as any client may sign it, with some fields replaced, added, or left out when the value is empty.
fn signed_order(changes: &[(&str, &str)]) -> String {
    let mut fields: Vec<(&str, &str)> = vec![
        ("pid", PID),
        ("type", "alipay"),
        ("out_trade_no", NUMBER),
        ("notify_url", NOTIFY),
        ("return_url", RETURN),
        ("name", "card"),
        ("money", "9.90"),
    ];
    for (name, value) in changes {
        fields.retain(|(n, _)| n != name);
        fields.push((name, value));
    }
    fields.retain(|(_, value)| !value.is_empty());
    let family = payments::canonical::Family {
        drop: &["sign", "sign_type"],
        tail: payments::canonical::Tail::Key,
        case: payments::canonical::Case::Lower,
    };
    let sign = family.md5(fields.iter().copied(), KEY);
    fields.push(("sign", &sign));
    form::write(fields)
}

impl World {
    fn send(&self, method: &str, path: &str, query: &str, headers: &[(&str, &str)], body: &str) -> GatewayAnswer {
        self.gateway.handle(&GatewayRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: body.as_bytes().to_vec(),
        })
    }

    fn get(&self, path: &str, query: &str) -> GatewayAnswer {
        self.send("GET", path, query, &[], "")
    }

    fn submit(&self, query: &str) -> GatewayAnswer {
        self.get("/sandbox/submit.php", query)
    }

    /// Presses a button as a browser on the pay page does.
    fn press(&self, trade_no: &str, button: &str) -> GatewayAnswer {
        let headers = [("Host", HOST), ("Origin", "http://127.0.0.1:3000"), ("Sec-Fetch-Site", "same-origin")];
        self.send("POST", &format!("/sandbox/pay/{trade_no}"), "", &headers, &format!("do={button}"))
    }

    /// Opens the usual order and returns the gateway's number of it.
    fn open(&self) -> String {
        let page = self.submit(&order_query());
        assert_eq!(page.status, 200, "{}", text(&page));
        self.order()["trade_no"].as_str().unwrap().to_owned()
    }

    fn api(&self, query: &str) -> Value {
        let answer = self.get("/sandbox/api.php", query);
        assert_eq!(answer.status, 200);
        serde_json::from_slice(&answer.body).unwrap()
    }

    fn order(&self) -> Value {
        self.api(&format!("act=order&pid={PID}&key={KEY}&out_trade_no={NUMBER}"))
    }

    fn refund(&self, fields: &str) -> Value {
        let answer = self.send("POST", "/sandbox/api.php", "act=refund", &[], fields);
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Asks as the shop does.
    fn query(&self, channel: &Channel) -> QueryState {
        let Step::Send(request, next) = channel.query(&asked(&number()), &CALL) else { panic!("a query asks") };
        let query = query_of(&request.url);
        let answer = self.get("/sandbox/api.php", &query);
        let Step::Done(state) = next(Some(HttpReply::bare(answer.status, answer.body))) else {
            panic!("one question is enough")
        };
        state
    }

    fn wait(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::Relaxed);
    }
}

fn text(answer: &GatewayAnswer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

fn header<'a>(answer: &'a GatewayAnswer, name: &str) -> &'a str {
    answer.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
}

/// What the shop makes of an address of the gateway.
fn heard(url: &str, from: &str) -> Result<Notice, Reject> {
    let query = url.strip_prefix(from).and_then(|rest| rest.strip_prefix('?')).expect("its own address, and a query");
    channel().verify(&RawRequest { method: "GET", query, headers: &[], body: b"" }, CALL.now)
}

fn paid(notification: &Notification) -> Paid {
    match heard(&notification.url, NOTIFY) {
        Ok(Notice::Paid(paid)) => {
            assert_eq!(paid.provider_number, notification.trade_no);
            assert_eq!(paid.out_trade_no, NUMBER);
            assert!(Txn::new(&AccountId::parse("sandbox").unwrap(), &paid.provider_number).is_some());
            paid
        }
        other => panic!("{other:?}: {}", notification.url),
    }
}
