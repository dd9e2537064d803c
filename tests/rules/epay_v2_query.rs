//! 易支付 v2: what the gateway says of a trade, of closing it, and of the account.

use crate::epay_v2_support::*;
use crate::support::{CALL, NUMBER, PID, own};
use payments::{CloseState, HttpReply, Paid, Probe, QueryState, Step};
use serde_json::{Value, json};

fn answer<T>(step: Step<T>, status: u16, body: &str) -> T {
    let reply = HttpReply::bare(status, body.as_bytes().to_vec());
    drive(step, |_| Some(reply.clone())).1
}

fn told(body: &str) -> QueryState {
    answer(channel().query(&asked(&number()), &CALL), 200, body)
}

fn told_by_number(body: &str) -> QueryState {
    answer(channel().query_number(TRADE, &CALL).unwrap(), 200, body)
}

fn order() -> Value {
    json!({
        "code": 0, "trade_no": TRADE, "out_trade_no": NUMBER, "type": "alipay", "pid": 1000, "name": "月卡",
        "addtime": "2026-11-22 05:06:07", "money": "9.90", "status": 1, "clientip": "203.0.113.7"
    })
}

fn order_with(name: &str, value: Value) -> String {
    reply(&with(&order(), name, Some(value)))
}

fn paid(minor: i64) -> QueryState {
    QueryState::Paid(Paid {
        out_trade_no: NUMBER.to_owned(),
        provider_number: TRADE.to_owned(),
        amount: yuan(minor),
        method: Some("alipay".to_owned()),
    })
}

fn fields_sent<T>(step: Step<T>, path: &str) -> Fields {
    let (sent, _) = drive(step, |_| None);
    let [request] = sent.as_slice() else { panic!("one request") };
    assert_eq!((request.method, request.url.as_str()), ("POST", format!("{BASE}{path}").as_str()));
    assert_eq!(
        request.headers,
        own([("accept", "application/json"), ("accept-encoding", "identity"), ("content-type", FORM)])
    );
    let fields = body_fields(&request.body);
    let unsigned = without(&without(&fields, "sign"), "sign_type");
    assert_eq!(fields, signed_by("merchant", &unsigned));
    unsigned
}

#[test]
fn what_is_asked() {
    let second = NOW.to_string();
    let about = |name: &str, number: &str| own([("pid", PID), (name, number), ("timestamp", second.as_str())]);
    assert_eq!(fields_sent(channel().query(&asked(&number()), &CALL), "/api/pay/query"), about("out_trade_no", NUMBER));
    let by_number = channel().query_number(TRADE, &CALL).unwrap();
    assert_eq!(fields_sent(by_number, "/api/pay/query"), about("trade_no", TRADE));
    let closing = channel_with(&[("closes", "true")]);
    let close = closing.close(&asked(&number()), &CALL).unwrap();
    assert_eq!(fields_sent(close, "/api/pay/close"), about("out_trade_no", NUMBER));
    let nothing_else = own([("pid", PID), ("timestamp", second.as_str())]);
    assert_eq!(fields_sent(channel().probe(&CALL), "/api/merchant/info"), nothing_else);
    for bad in ["", "1\n2", &"9".repeat(129)] {
        let step = channel().query_number(bad, &CALL).unwrap();
        let (sent, state) = drive(step, |_| panic!("nothing is sent"));
        assert!(sent.is_empty() && matches!(state, QueryState::Unknown(_)), "{bad:?}");
    }
}

#[test]
fn paid_unpaid_and_returned() {
    for told in [told, told_by_number] {
        assert_eq!(told(&reply(&order())), paid(990));
        assert_eq!(told(&order_with("status", json!("1"))), paid(990));
        assert_eq!(told(&order_with("status", json!(0))), QueryState::Pending);
        assert_eq!(told(&order_with("money", json!(9.89))), paid(989));
        for (returned, state) in [
            (json!("9.90"), QueryState::Refunded),
            (json!("9.91"), QueryState::Refunded),
            (json!("0.00"), QueryState::Refunded),
            (json!(null), QueryState::Refunded),
            (json!(""), QueryState::Refunded),
            (json!("9.89"), paid(990)),
            (json!("0.01"), paid(990)),
        ] {
            let order = with(&with(&order(), "status", Some(json!(2))), "refundmoney", Some(returned.clone()));
            assert_eq!(told(&reply(&order)), state, "{returned}");
        }
        for (name, value) in [("refundmoney", json!("-")), ("refundmoney", json!("1.001")), ("money", json!("-"))] {
            let order = with(&with(&order(), "status", Some(json!(2))), name, Some(value.clone()));
            assert!(matches!(told(&reply(&order)), QueryState::Unknown(_)), "{name} {value}");
        }
        let no_money = with(&with(&order(), "status", Some(json!(2))), "money", None);
        assert!(matches!(told(&reply(&no_money)), QueryState::Unknown(_)));
    }
    assert_eq!(told(&Value::String(reply(&order())).to_string()), paid(990), "encoded twice");
}

#[test]
fn an_answer_is_about_our_merchant_and_our_trade() {
    for status in [0, 1, 2] {
        let order = with(&order(), "status", Some(json!(status)));
        for value in [Some(json!(1001)), Some(json!("01000")), Some(json!(" ")), None] {
            let other = with(&order, "pid", value.clone());
            for told in [told, told_by_number] {
                assert_eq!(told(&reply(&other)), QueryState::Unknown("the reply is about another merchant"));
            }
        }
        let stranger = QueryState::Unknown("the reply is about another trade");
        for value in [Some(json!("X")), Some(json!("")), None] {
            assert_eq!(told(&reply(&with(&order, "out_trade_no", value.clone()))), stranger);
            assert_eq!(told_by_number(&reply(&with(&order, "trade_no", value))), stranger);
        }
    }
    // Whose number of ours it was paid under is the gateway's to say and the order's to judge.
    let other = told_by_number(&order_with("out_trade_no", json!("ANOTHER-1")));
    assert!(matches!(other, QueryState::Paid(paid) if paid.out_trade_no == "ANOTHER-1"));
    for value in [Some(json!("9".repeat(129))), Some(json!("")), None] {
        let state = told_by_number(&reply(&with(&order(), "out_trade_no", value.clone())));
        assert_eq!(state, QueryState::Unknown("paid, without a number of ours that can be used"), "{value:?}");
        let state = told(&reply(&with(&order(), "trade_no", value)));
        assert_eq!(state, QueryState::Unknown("paid, without a number that can be used"));
    }
}

#[test]
fn only_an_explicit_answer_counts() {
    for (what, body) in unbelievable(&order()) {
        assert!(matches!(told(&body), QueryState::Unknown(_)), "{what}");
    }
    for status in [3, 4, 5, -1] {
        let state = told(&order_with("status", json!(status)));
        assert_eq!(state, QueryState::Unknown("the status is none of 0, 1 and 2"), "{status}");
    }
    for (name, value) in [
        ("status", json!("TRADE_SUCCESS")),
        ("status", json!(true)),
        ("status", json!(null)),
        ("code", json!(1)),
        ("code", json!(-1)),
        ("code", json!(null)),
        ("money", json!("9.900")),
        ("money", json!("")),
        ("money", json!(["9.90"])),
    ] {
        let state = told(&order_with(name, value.clone()));
        let is_yes = name == "status" && value == json!(true);
        // PHP writes true as 1 into what is signed, and so it is read.
        assert_eq!(matches!(state, QueryState::Unknown(_)), !is_yes, "{name} {value}: {state:?}");
    }
    for status in [201, 204, 302, 404, 500, 502] {
        let step = channel().query(&asked(&number()), &CALL);
        assert_eq!(answer(step, status, &reply(&order())), QueryState::Unknown("the HTTP status is not 200"));
    }
    let (_, state) = drive(channel().query(&asked(&number()), &CALL), |_| None);
    assert_eq!(state, QueryState::Unknown("no reply"));
}

#[test]
fn not_found_is_said_to_the_letter() {
    for told in [told, told_by_number] {
        for msg in ["订单号不存在", "订单不存在", "订单号不存在！"] {
            assert_eq!(told(&json!({"code": -1, "msg": msg}).to_string()), QueryState::NotFound, "{msg}");
        }
        for (code, msg) in [
            (-3, "RSA签名校验失败"),
            (-1, "订单不存在，请稍后再试"),
            (-1, ""),
            (0, "订单号不存在"),
            (1, "订单号不存在"),
        ] {
            let state = told(&json!({"code": code, "msg": msg}).to_string());
            assert!(matches!(state, QueryState::Unknown(_)), "{code} {msg}: {state:?}");
        }
        let state = told(&json!({"msg": "订单号不存在"}).to_string());
        assert!(matches!(state, QueryState::Unknown(_)), "{state:?}");
    }
    // Signed, it would have to be the gateway's word; it has none of the kind.
    let signed = json!({"code": -1, "msg": "订单号不存在"});
    assert!(matches!(told(&reply(&signed)), QueryState::Unknown(_)));
    assert!(matches!(told(&reply_of("other", &signed)), QueryState::Unknown(_)));
}

#[test]
fn closing_is_an_option() {
    assert!(channel().close(&asked(&number()), &CALL).is_none());
    assert!(channel_with(&[("closes", "false")]).close(&asked(&number()), &CALL).is_none());
    let closing = channel_with(&[("closes", "true")]);
    let close = |body: &str| answer(closing.close(&asked(&number()), &CALL).unwrap(), 200, body);
    let closed = json!({"code": 0, "msg": "succ"});
    assert_eq!(close(&reply(&closed)), CloseState::Closed);
    for (what, body) in unbelievable(&closed) {
        assert!(matches!(close(&body), CloseState::Unknown(_)), "{what}");
    }
    for body in [
        reply(&json!({"code": -1, "msg": "订单已支付"})),
        reply(&json!({"code": 1})),
        json!({"code": -1, "msg": "订单号不存在"}).to_string(),
        json!({"code": -5, "msg": "接口方法不存在"}).to_string(),
        json!({"code": 0, "msg": "succ"}).to_string(),
    ] {
        assert!(matches!(close(&body), CloseState::Unknown(_)), "{body}");
    }
    let (_, state) = drive(closing.close(&asked(&number()), &CALL).unwrap(), |_| None);
    assert_eq!(state, CloseState::Unknown("no reply"));
}

#[test]
fn the_account_is_tried() {
    let probe = |body: &str| answer(channel().probe(&CALL), 200, body);
    let info = json!({"code": 0, "pid": 1000, "status": 1, "money": "12.30"});
    assert_eq!(probe(&reply(&info)), Probe::Works { signed: true });
    assert_eq!(probe(&reply_of("other", &info)), Probe::ForeignKey);
    for value in [Some(json!(1001)), None] {
        let other = reply(&with(&info, "pid", value));
        assert_eq!(probe(&other), Probe::Unknown("the reply is about another merchant"));
    }
    assert_eq!(probe(&reply(&with(&info, "code", Some(json!(1))))), Probe::Unknown("the gateway gave another answer"));
    for (code, msg) in [(-1, "商户不存在"), (-3, "RSA签名校验失败"), (-3, "时间戳字段不正确，请检查服务器时间")]
    {
        assert_eq!(probe(&json!({"code": code, "msg": format!("{msg}！")}).to_string()), Probe::Account(msg));
    }
    let other = json!({"code": -1, "msg": "系统繁忙"}).to_string();
    assert_eq!(probe(&other), Probe::Unknown("the gateway gave another answer"));
    for (what, body) in unbelievable(&info) {
        let found = probe(&body);
        assert!(matches!(found, Probe::Unknown(_) | Probe::ForeignKey), "{what}: {found:?}");
    }
    assert_eq!(drive(channel().probe(&CALL), |_| None).1, Probe::Unknown("no reply"));
}
