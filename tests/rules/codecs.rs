//! `cargo run --profile proof -p rules --example codecs`: the CPU that each channel takes to be opened, to verify a notification and to
//! start an attempt.
//!
//! What is told and answered is signed before it is measured, so that only the shop's own work is. Linux alone tells the time of a
//! thread in a file: <https://docs.kernel.org/scheduler/sched-stats.html>, in `/proc/<pid>/schedstat`.

#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test's program; it uses a part of what the tests' modules hold"
)]

mod alipay_support;
mod epay_v2_support;
mod stripe_support;
mod support;
mod usdt_support;
mod wechat_support;

use domain::OutTradeNo;
use payments::{AttemptView, Channel, HttpReply, Notice, RawRequest, Settings};
use serde_json::json;
use std::hint::black_box;
use support::{CALL, Fields, drive};

/// Rounds of each measurement; the one in the middle is told.
const ROUNDS: usize = 7;

/// CPU of one round, ns: the system counts at its ticks of up to 10 ms, which are a small part of it.
const ROUND: u64 = 200_000_000;

/// A channel, a notification of a payment to it, and an attempt with the replies to what it asks.
struct Tried<'a> {
    name: &'static str,
    kind: &'static str,
    settings: Settings,
    method: &'static str,
    query: String,
    headers: Fields,
    body: Vec<u8>,
    attempts: Vec<(&'static str, AttemptView<'a>, Option<HttpReply>)>,
}

/// CPU of this thread, ns.
fn cpu() -> u64 {
    let text =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux, which counts what its threads take");
    text.split(' ').next().unwrap().parse().unwrap()
}

/// CPU of one call, ns, in the middle of the rounds, and how many calls one round made.
fn measured(mut call: impl FnMut()) -> (u64, u64) {
    let mut took = |times: u64| {
        let before = cpu();
        (0..times).for_each(|_| call());
        cpu() - before
    };
    let mut times = 1;
    loop {
        let ns = took(times);
        if ns >= ROUND / 4 {
            times = (times * ROUND).div_ceil(ns);
            break;
        }
        times *= 2;
    }
    let mut rounds = [0; ROUNDS].map(|_: u64| took(times));
    rounds.sort_unstable();
    (rounds[ROUNDS / 2] / times, times)
}

fn tell(name: &str, what: &str, (ns, times): (u64, u64)) {
    println!("{name:<18} {what:<12} {:>8}.{:02} {times:>12}", ns / 1_000, ns % 1_000 / 10);
}

fn own(name: &str, value: &str) -> Fields {
    vec![(name.to_owned(), value.to_owned())]
}

/// Every kind; the gateways of one kind that sign in different ways, each.
fn all(number: &OutTradeNo) -> Vec<Tried<'_>> {
    let form = || own("content-type", "application/x-www-form-urlencoded");
    let ours = support::attempt(number);
    let mut all = vec![
        Tried {
            name: "epay_v1",
            kind: "epay_v1",
            settings: [("base_url", support::BASE), ("pid", support::PID), ("key", support::KEY)].into_iter().collect(),
            method: "GET",
            query: support::query_of(&support::signed(&support::notice())),
            headers: Vec::new(),
            body: Vec::new(),
            attempts: vec![("create", ours, None)],
        },
        Tried {
            name: "epay_v2",
            kind: "epay_v2",
            settings: epay_v2_support::settings(),
            method: "GET",
            query: epay_v2_support::query(&epay_v2_support::notice()),
            headers: Vec::new(),
            body: Vec::new(),
            attempts: vec![("create", ours, None)],
        },
    ];
    let code = json!({
        "code": "10000", "msg": "Success", "out_trade_no": number.to_string(), "qr_code": "https://qr.alipay.com/bavh4wjlxf12tper3a"
    });
    let code = alipay_support::reply("alipay_trade_precreate_response", &code.to_string());
    let paid = alipay_support::body_of(&alipay_support::signed(&alipay_support::notice()));
    for (name, settings) in
        [("alipay keys", alipay_support::key_settings()), ("alipay certs", alipay_support::cert_settings())]
    {
        all.push(Tried {
            name,
            kind: "alipay",
            settings,
            method: "POST",
            query: String::new(),
            headers: form(),
            body: paid.clone(),
            attempts: vec![
                ("create page", alipay_support::attempt_by(number, Some("page")), None),
                ("create qr", alipay_support::attempt_by(number, Some("qr")), Some(code.clone())),
            ],
        });
    }
    let sent = wechat_support::Sent::about(&wechat_support::transaction());
    let code = json!({ "code_url": "weixin://wxpay/bizpayurl/up?pr=NwY5Mz9&groupid=00" });
    all.push(Tried {
        name: "wechat",
        kind: "wechat",
        settings: wechat_support::settings_with([("products", "native")]),
        method: sent.method,
        query: String::new(),
        headers: sent.headers,
        body: sent.body,
        attempts: vec![("create", wechat_support::order(number), Some(wechat_support::reply(200, &code.to_string())))],
    });
    let mut session = stripe_support::session();
    for (name, value) in [
        ("status", json!("open")),
        ("payment_status", json!("unpaid")),
        ("payment_intent", json!(null)),
        ("url", json!(stripe_support::PAGE)),
    ] {
        session[name] = value;
    }
    let body = stripe_support::event(stripe_support::session()).to_string().into_bytes();
    all.push(Tried {
        name: "stripe",
        kind: "stripe",
        settings: stripe_support::settings(),
        method: "POST",
        query: String::new(),
        headers: own("Stripe-Signature", &stripe_support::header(stripe_support::SECRET, stripe_support::NOW_S, &body)),
        body,
        attempts: vec![("create", stripe_support::attempt(number), Some(stripe_support::reply(200, &session)))],
    });
    let names = ["epusdt legacy", "epusdt gmpay1", "epusdt gmpay2", "bepusdt", "tokenpay"];
    for (name, who) in names.into_iter().zip(usdt_support::ALL) {
        all.push(Tried {
            name,
            kind: who.kind(),
            settings: who.settings(),
            method: "POST",
            query: String::new(),
            headers: own("content-type", "application/json"),
            body: who.body(&who.notice()).into_bytes(),
            attempts: vec![(
                "create",
                usdt_support::attempt(number),
                Some(usdt_support::reply(&usdt_support::made(who))),
            )],
        });
    }
    all
}

fn main() {
    let number = support::number();
    let all = all(&number);
    for kind in payments::KINDS {
        assert!(all.iter().any(|tried| tried.kind == kind.name), "{} is not measured", kind.name);
    }
    println!("{:<18} {:<12} {:>11} {:>12}", "channel", "what", "CPU, µs", "iterations");
    for Tried { name, kind, settings, method, query, headers, body, attempts } in all {
        let open = || -> Channel { (payments::kind(kind).unwrap().open)(&settings).unwrap() };
        tell(name, "open", measured(|| drop(black_box(open()))));
        let channel = open();
        let request = RawRequest { method, query: &query, headers: &headers, body: &body };
        let verified = || channel.verify(black_box(&request), CALL.now);
        assert!(matches!(verified(), Ok(Notice::Paid(_))), "{name}: {:?}", verified());
        tell(name, "verify", measured(|| drop(black_box(verified()))));
        for (what, attempt, reply) in attempts {
            let created = || drive(channel.create(black_box(&attempt), &CALL), |_| reply.clone()).1;
            assert!(created().is_ok(), "{name}: {:?}", created());
            tell(name, what, measured(|| drop(black_box(created()))));
        }
    }
}
