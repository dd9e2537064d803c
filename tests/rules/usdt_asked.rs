//! Gateways that take USDT: what they say when they are asked about a trade, when one is to end, and when the settings are tried.

use crate::support::{CALL, NUMBER, drive, number};
use crate::usdt_support::*;
use payments::{CloseState, HttpReply, HttpRequest, Paid, Probe, QueryState};
use serde_json::{Value, json};

fn ask(who: Who, reply: Option<HttpReply>) -> (Vec<HttpRequest>, QueryState) {
    drive(who.channel().query(&asked(&number(), Some(TRADE)), &CALL), |_| reply.clone())
}

fn said(who: Who, body: &Value) -> QueryState {
    ask(who, Some(reply(body))).1
}

fn by_number(who: Who, body: &Value) -> QueryState {
    drive(who.channel().query_number(TRADE, &CALL).unwrap(), |_| Some(reply(body))).1
}

fn paid(who: Who, minor: i64) -> QueryState {
    QueryState::Paid(Paid {
        out_trade_no: NUMBER.to_owned(),
        provider_number: TRADE.to_owned(),
        amount: money(minor, "CNY"),
        method: match who {
            Who::Bepusdt => Some("usdt.trc20".to_owned()),
            Who::Tokenpay => Some("USDT_TRC20".to_owned()),
            _ => None,
        },
    })
}

fn is_unknown(state: &QueryState) -> bool {
    matches!(state, QueryState::Unknown(_))
}

#[test]
fn the_question_to_the_letter() {
    for who in ALL {
        let (sent, state) = ask(who, None);
        let [request] = sent.as_slice() else { panic!("one request") };
        assert_eq!(state, QueryState::Unknown("no reply"));
        let (method, url, body) = match who {
            Who::Tokenpay => {
                let sign = who.sign_text(&format!("Id={TRADE}"));
                ("GET", format!("{BASE}/Query?Id={TRADE}&Signature={sign}"), String::new())
            }
            Who::Bepusdt => ("POST", format!("{BASE}/api/v1/pay/info"), format!("{{\"trade_id\":\"{TRADE}\"}}")),
            _ => ("GET", format!("{BASE}/pay/check-status/{TRADE}"), String::new()),
        };
        assert_eq!((request.method, &request.url), (method, &url), "{who:?}");
        assert_eq!(request.body, body.into_bytes());
        assert_eq!(request.headers.len(), if method == "POST" { 3 } else { 2 });
        assert!(!format!("{request:?}").contains(KEY));
    }
}

#[test]
fn without_a_number_nothing_is_asked() {
    let long = "9".repeat(65);
    for who in ALL {
        for lost in [None, Some(""), Some("a/b"), Some("a?b"), Some("月"), Some(long.as_str())] {
            let step = who.channel().query(&asked(&number(), lost), &CALL);
            assert_eq!(
                drive(step, |_| panic!("sent")).1,
                QueryState::Unknown("no number to ask by"),
                "{who:?} {lost:?}"
            );
            let Some(number) = lost else { continue };
            if let Some(step) = who.channel().query_number(number, &CALL) {
                assert_eq!(drive(step, |_| panic!("sent")).1, QueryState::Unknown("no number to ask by"));
            }
        }
        assert_eq!(who.channel().query_number(TRADE, &CALL).is_some(), who.kind() != "epusdt");
    }
}

#[test]
fn what_a_trade_says() {
    for who in ALL {
        let (pending, paid_status, closed): (&[i64], i64, &[i64]) = match who {
            Who::Tokenpay => (&[0], 1, &[2]),
            Who::Bepusdt => (&[1, 5], 2, &[3, 4]),
            _ => (&[1, 4], 2, &[3]),
        };
        for status in -1..8 {
            let state = said(who, &state(who, status));
            if pending.contains(&status) {
                assert_eq!(state, QueryState::Pending, "{who:?} {status}");
            } else if status == paid_status {
                assert_eq!(state, paid(who, 990), "{who:?} {status}");
            } else if closed.contains(&status) {
                assert_eq!(state, QueryState::Closed, "{who:?} {status}");
            } else {
                assert!(is_unknown(&state), "{who:?} {status}: {state:?}");
            }
        }
        let missing = match who {
            Who::Tokenpay => vec![json!({"success": false, "message": "订单不存在！"})],
            Who::Bepusdt => vec![
                json!({"status_code": 400, "message": "订单不存在"}),
                json!({"status_code": 400, "message": "order not found"}),
            ],
            _ => vec![json!({"status_code": 10_008, "message": "订单不存在"})],
        };
        for body in missing {
            assert_eq!(said(who, &body), QueryState::NotFound, "{who:?}");
        }
    }
}

#[test]
fn a_reply_about_another_trade_is_unknown() {
    for who in ALL {
        let (trade, order) =
            if who == Who::Tokenpay { ("/data/id", "/data/outOrderId") } else { ("/data/trade_id", "/data/order_id") };
        for status in 0..4 {
            let good = state(who, status);
            for bad in [json!("T9"), json!(""), json!(null)] {
                assert!(is_unknown(&said(who, &with(good.clone(), trade, bad))), "{who:?} {status}");
            }
            assert!(is_unknown(&said(who, &without(good.clone(), trade))), "{who:?} {status}");
            if who.kind() != "epusdt" {
                for bad in [json!("X"), json!(""), json!(null)] {
                    assert!(is_unknown(&said(who, &with(good.clone(), order, bad))), "{who:?} {status}");
                }
                assert!(is_unknown(&said(who, &without(good, order))), "{who:?} {status}");
            }
        }
        let good = state(who, if who == Who::Tokenpay { 1 } else { 2 });
        for body in [
            json!({}),
            json!([]),
            without(good.clone(), "/data"),
            without(good.clone(), "/data/status"),
            with(good.clone(), "/data/status", json!("paid")),
            with(good.clone(), "/data/status", json!(true)),
            json!({"status_code": 401, "data": good["data"]}),
            json!({"status_code": 400, "message": "系统错误", "data": good["data"]}),
            json!({"success": false, "message": "签名验证失败！", "data": good["data"]}),
            json!({"success": 1, "data": good["data"]}),
        ] {
            assert!(is_unknown(&said(who, &body)), "{who:?} {body}");
        }
        let twice = good.to_string().replace("\"status\":", "\"status\":0,\"status\":");
        assert!(is_unknown(&ask(who, Some(HttpReply::bare(200, twice.into_bytes()))).1), "{who:?}");
        for status in [201, 302, 400, 401, 404, 500, 503] {
            let reply = HttpReply::bare(status, good.to_string().into_bytes());
            assert!(is_unknown(&ask(who, Some(reply)).1), "{who:?} {status}");
        }
    }
}

#[test]
fn what_two_of_them_say_of_the_money() {
    for (who, amount, fiat, status) in
        [(Who::Bepusdt, "/data/money", "/data/fiat", 2), (Who::Tokenpay, "/data/actualAmount", "/data/baseCurrency", 1)]
    {
        let good = state(who, status);
        assert_eq!(said(who, &with(good.clone(), amount, json!("9.91"))), paid(who, 991));
        assert_eq!(said(who, &with(good.clone(), amount, json!("9.9000"))), paid(who, 990));
        for bad in [json!("9.901"), json!("-1"), json!(null), json!("x"), json!([1])] {
            assert!(is_unknown(&said(who, &with(good.clone(), amount, bad.clone()))), "{who:?} {bad}");
        }
        assert!(is_unknown(&said(who, &without(good.clone(), amount))));
        assert!(is_unknown(&said(who, &with(good.clone(), fiat, json!("USD")))));
        assert_eq!(said(who, &with(good.clone(), fiat, json!("cny"))), paid(who, 990));
        // Asked by its own number, it says itself whose it is.
        assert_eq!(by_number(who, &good), paid(who, 990));
        let order = if who == Who::Tokenpay { "/data/outOrderId" } else { "/data/order_id" };
        let other = by_number(who, &with(good.clone(), order, json!("ANOTHER-1")));
        assert!(matches!(other, QueryState::Paid(paid) if paid.out_trade_no == "ANOTHER-1"));
        for bad in [json!(""), json!("9".repeat(129)), json!("a\u{0}b"), json!(null)] {
            assert!(is_unknown(&by_number(who, &with(good.clone(), order, bad))), "{who:?}");
        }
        assert!(matches!(by_number(who, &with(good.clone(), order, json!("9".repeat(128)))), QueryState::Paid(_)));
        let trade = if who == Who::Tokenpay { "/data/id" } else { "/data/trade_id" };
        assert!(is_unknown(&by_number(who, &with(good.clone(), trade, json!("T9")))));
        let step = who.channel().query_number(TRADE, &CALL).unwrap();
        assert_eq!(drive(step, |_| None).1, QueryState::Unknown("no reply"));
        let method = if who == Who::Tokenpay { "/data/currency" } else { "/data/trade_type" };
        for none in [with(good.clone(), method, json!("")), without(good, method)] {
            assert!(matches!(said(who, &none), QueryState::Paid(paid) if paid.method.is_none()));
        }
    }
    // TokenPay's newer versions write the names with a capital.
    let body = json!({
        "success": true,
        "data": {"Id": TRADE, "OutOrderId": NUMBER, "ActualAmount": "9.90", "Status": 1, "Currency": "USDT_TRC20"}
    });
    assert_eq!(said(Who::Tokenpay, &body), paid(Who::Tokenpay, 990));
    assert!(is_unknown(&said(Who::Tokenpay, &with(body, "/data/status", json!(0)))));
}

fn close(replies: &[Option<HttpReply>]) -> (Vec<HttpRequest>, CloseState) {
    let mut replies = replies.iter().cloned();
    let step = Who::Bepusdt.channel().close(&asked(&number(), Some(TRADE)), &CALL).unwrap();
    drive(step, |_| replies.next().unwrap())
}

#[test]
fn bepusdt_cancels_an_order() {
    let good = |body: &Value| Some(reply(body));
    let cancelled = json!({"status_code": 200, "data": {"trade_id": TRADE}});
    let over = json!({"status_code": 400, "message": "当前订单(x)状态不允许取消"});
    let (sent, found) = close(&[good(&cancelled)]);
    assert_eq!(found, CloseState::Closed);
    let sign = Who::Bepusdt.sign_text(&format!("trade_id={TRADE}"));
    assert_eq!(body_of(&sent[0]), json!({"trade_id": TRADE, "signature": sign}));
    assert_eq!(
        (sent[0].method, sent[0].url.as_str()),
        ("POST", "https://gateway.example/api/v1/order/cancel-transaction")
    );
    let (sent, found) = close(&[good(&over), good(&state(Who::Bepusdt, 2))]);
    assert_eq!((sent[1].url.as_str(), found), ("https://gateway.example/api/v1/pay/info", CloseState::Paid));
    assert_eq!(close(&[good(&over), good(&state(Who::Bepusdt, 3))]).1, CloseState::Closed);
    assert_eq!(close(&[good(&over), good(&state(Who::Bepusdt, 4))]).1, CloseState::Closed);
    for status in [1, 5] {
        let found = close(&[good(&over), good(&state(Who::Bepusdt, status))]).1;
        assert_eq!(found, CloseState::Unknown("the order is still open"));
    }
    assert_eq!(close(&[None]).1, CloseState::Unknown("no reply"));
    assert_eq!(close(&[good(&over), None]).1, CloseState::Unknown("no reply"));
    let other = with(state(Who::Bepusdt, 3), "/data/order_id", json!("X"));
    for replies in [
        vec![good(&json!({"status_code": 200, "data": {"trade_id": "T9"}}))],
        vec![good(&json!({"status_code": 200}))],
        vec![good(&json!({}))],
        vec![Some(HttpReply::bare(500, cancelled.to_string().into_bytes()))],
        vec![good(&over), good(&state(Who::Bepusdt, 6))],
        vec![good(&over), good(&other)],
    ] {
        let found = close(&replies).1;
        assert!(matches!(found, CloseState::Unknown(_)), "{replies:?}: {found:?}");
    }
    for lost in [None, Some("a/b")] {
        let step = Who::Bepusdt.channel().close(&asked(&number(), lost), &CALL).unwrap();
        assert_eq!(drive(step, |_| panic!("sent")).1, CloseState::Unknown("no order to close"));
    }
}

#[test]
fn trying_the_settings() {
    let unknown_key = Probe::Account("the gateway does not know the key");
    let probe = |who: Who, reply: Option<HttpReply>| drive(who.channel().probe(&CALL), |_| reply.clone());
    for who in ALL {
        let (sent, found) = probe(who, None);
        assert_eq!((sent.len(), found), (1, Probe::Unknown("no reply")), "{who:?}");
        assert!(matches!(probe(who, Some(HttpReply::bare(500, b"{}".to_vec()))).1, Probe::Unknown(_)));
        assert!(matches!(probe(who, Some(reply(&json!({})))).1, Probe::Unknown(_)), "{who:?}");
    }
    let nonce = "07".repeat(16);
    for who in [Who::Legacy, Who::Gmpay1, Who::Gmpay2] {
        let sent = probe(who, None).0;
        // Nothing is made of an order over nothing.
        let body = body_of(&sent[0]);
        assert_eq!((&body["amount"], &body["order_id"]), (&json!(0), &json!(nonce)));
        let fields: Vec<_> = body
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
            .collect();
        assert_eq!(body["signature"], json!(who.sign(&fields)));
        let said = |code: i64| probe(who, Some(reply(&json!({"status_code": code, "message": ""})))).1;
        assert_eq!(said(401), unknown_key);
        assert_eq!(said(10_004), Probe::Works { signed: false });
        assert_eq!(said(400), Probe::Works { signed: false });
        assert_eq!(said(200), Probe::Unknown("the gateway made an order over nothing"));
    }
    let sent = probe(Who::Bepusdt, None).0;
    assert_eq!(sent[0].url, format!("{BASE}/api/v1/order/cancel-transaction"));
    assert_eq!(body_of(&sent[0])["trade_id"], json!(nonce));
    let said = |code: i64, message: &str| {
        probe(Who::Bepusdt, Some(reply(&json!({"status_code": code, "message": message})))).1
    };
    assert_eq!(said(400, "签名错误"), unknown_key);
    assert_eq!(said(400, "签名丢失"), unknown_key);
    assert_eq!(said(400, "订单不存在"), Probe::Works { signed: false });
    assert_eq!(said(400, "order not found"), Probe::Works { signed: false });
    assert_eq!(said(200, "success"), Probe::Unknown("the gateway gave another answer"));
    let sent = probe(Who::Tokenpay, None).0;
    let id = "07070707-0707-0707-0707-070707070707";
    let sign = Who::Tokenpay.sign_text(&format!("Id={id}"));
    assert_eq!(sent[0].url, format!("{BASE}/Query?Id={id}&Signature={sign}"));
    let said = |success: bool, message: &str| {
        probe(Who::Tokenpay, Some(reply(&json!({"success": success, "message": message})))).1
    };
    assert_eq!(said(false, "签名验证失败！"), unknown_key);
    assert_eq!(said(false, "订单不存在！"), Probe::Works { signed: false });
    assert_eq!(said(false, "other"), Probe::Unknown("the gateway gave another answer"));
    assert_eq!(said(true, "订单不存在！"), Probe::Unknown("the gateway gave another answer"));
}
