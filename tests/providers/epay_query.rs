//! 易支付: what the gateway says when it is asked. Only an explicit answer about our trade counts.

use crate::support::*;
use payments::{HttpReply, Paid, QueryState};
use serde_json::{Value, json};

fn ask(reply: Option<HttpReply>) -> QueryState {
    drive(channel().query(&number()), |_| reply.clone()).1
}

fn told(body: &str) -> QueryState {
    ask(Some(HttpReply { status: 200, body: body.as_bytes().to_vec() }))
}

fn order() -> Value {
    json!({
        "code": 1, "msg": "查询订单号成功！", "trade_no": "2026112205060712345", "out_trade_no": NUMBER,
        "type": "alipay", "pid": 1000, "addtime": "2026-11-22 05:06:07", "endtime": "2026-11-22 05:06:17",
        "name": "月卡", "money": "9.90", "status": 1
    })
}

fn with(name: &str, value: Value) -> String {
    let mut order = order();
    order[name] = value;
    order.to_string()
}

fn without_field(name: &str) -> String {
    let mut order = order();
    order.as_object_mut().unwrap().remove(name);
    order.to_string()
}

fn paid(minor: i64) -> QueryState {
    QueryState::Paid(Paid {
        out_trade_no: NUMBER.to_owned(),
        provider_number: "2026112205060712345".to_owned(),
        amount: yuan(minor),
        method: Some("alipay".to_owned()),
    })
}

#[test]
fn the_question_carries_the_key_and_never_prints_it() {
    let (sent, _) = drive(channel().query(&number()), |_| None);
    let [request] = sent.as_slice() else { panic!("one request") };
    assert_eq!(request.method, "GET");
    let url = format!("{BASE}/api.php?act=order&pid={PID}&key={KEY}&out_trade_no={NUMBER}");
    assert_eq!(request.url, url);
    assert!(request.body.is_empty());
    let printed = format!("{request:?}");
    assert!(printed.contains("GET https://gateway.example/api.php?***"), "{printed}");
    assert!(!printed.contains(KEY));
    assert!(!format!("{:?}", HttpReply { status: 200, body: KEY.as_bytes().to_vec() }).contains(KEY));
}

#[test]
fn paid_and_unpaid() {
    assert_eq!(told(&order().to_string()), paid(990));
    assert_eq!(told(&with("status", json!(0))), QueryState::Pending);
    assert_eq!(told(&with("status", json!("0"))), QueryState::Pending);
    // An amount that is not ours is reported as it is; whether it fits the attempt is for the order to decide.
    assert_eq!(told(&with("money", json!("9.89"))), paid(989));
}

#[test]
fn numbers_may_be_strings_and_strings_numbers() {
    let text = with("code", json!("1")).replace("\"status\":1", "\"status\":\"1\"").replace("1000", "\"1000\"");
    assert_eq!(told(&text), paid(990));
    for money in ["9.9", "9.90", "\"9.9\"", "\"9.90\""] {
        assert_eq!(told(&with("money", json!(0)).replace("\"money\":0", &format!("\"money\":{money}"))), paid(990));
    }
    for money in ["1", "1.0", "1.00", "\"1\""] {
        assert_eq!(told(&with("money", json!(0)).replace("\"money\":0", &format!("\"money\":{money}"))), paid(100));
    }
}

/// A float would round the first to 9.9 and call it 9.90.
#[test]
fn the_text_of_a_number_counts_not_its_value() {
    for money in
        ["9.8999999999999999999", "9.900", "99e-1", "0.99e1", "-9.9", "\"9.9 \"", "\"\"", "null", "true", "[9.9]"]
    {
        let state = told(&with("money", json!(0)).replace("\"money\":0", &format!("\"money\":{money}")));
        assert!(matches!(state, QueryState::Unknown(_)), "{money}: {state:?}");
    }
}

#[test]
fn a_reply_encoded_twice_is_read() {
    assert_eq!(told(&Value::String(order().to_string()).to_string()), paid(990));
    assert_eq!(told(&format!("\u{FEFF} {}\n", order())), paid(990));
    let thrice = Value::String(Value::String(order().to_string()).to_string()).to_string();
    assert!(matches!(told(&thrice), QueryState::Unknown(_)));
}

#[test]
fn not_found_is_said_to_the_letter() {
    for msg in ["订单号不存在", "订单不存在", "订单号不存在！", "订单不存在!", "订单不存在。"]
    {
        for code in [json!(-1), json!("-1"), json!(0), json!(404)] {
            assert_eq!(told(&json!({"code": code, "msg": msg}).to_string()), QueryState::NotFound, "{msg} {code}");
        }
    }
}

#[test]
fn everything_else_is_unknown() {
    let long = format!("{}{}", order(), " ".repeat(65_536));
    let replies: [(&str, String); 32] = [
        ("nothing", String::new()),
        ("a page", "<html>502 Bad Gateway</html>".to_owned()),
        ("cut off", order().to_string()[..60].to_owned()),
        ("null", "null".to_owned()),
        ("a list", "[]".to_owned()),
        ("an empty object", "{}".to_owned()),
        ("two values", format!("{}{}", order(), order())),
        ("too long", long),
        ("code: another", with("code", json!(0))),
        ("code: failed, but a paid order", with("code", json!(-1))),
        ("code: missing", without_field("code")),
        ("code: true", with("code", json!(true))),
        ("code: 1.0", with("code", json!(1)).replace("\"code\":1", "\"code\":1.0")),
        ("code: missing, not found", json!({"msg": "订单号不存在"}).to_string()),
        ("a wrong key", json!({"code": -2, "msg": "KEY校验失败"}).to_string()),
        ("an unknown merchant", json!({"code": -3, "msg": "PID不存在"}).to_string()),
        ("a message that only mentions it", json!({"code": -1, "msg": "商户不存在或订单不存在"}).to_string()),
        ("a refusal without words", json!({"code": -1}).to_string()),
        ("pid: another", with("pid", json!(1001))),
        ("pid: missing", without_field("pid")),
        ("pid: a zero before it", with("pid", json!("01000"))),
        ("out_trade_no: another", with("out_trade_no", json!("0123456789ABCDEFGHJKMNPQAZ2"))),
        ("out_trade_no: missing", without_field("out_trade_no")),
        ("status: refunded or what a fork pleases", with("status", json!(2))),
        ("status: a word", with("status", json!("TRADE_SUCCESS"))),
        ("status: true", with("status", json!(true))),
        ("status: missing", without_field("status")),
        ("status: twice", order().to_string().replace("\"status\":1", "\"status\":1,\"status\":0")),
        ("trade_no: missing", without_field("trade_no")),
        ("trade_no: empty", with("trade_no", json!(""))),
        ("trade_no: too long", with("trade_no", json!("9".repeat(129)))),
        ("trade_no: a control character", with("trade_no", json!("1\u{0}2"))),
    ];
    for (what, body) in replies {
        let state = told(&body);
        assert!(matches!(state, QueryState::Unknown(_)), "{what}: {state:?}");
    }
    assert!(matches!(told(&without_field("money")), QueryState::Unknown(_)));
    assert!(matches!(ask(None), QueryState::Unknown("no reply")));
    for status in [201, 204, 301, 302, 403, 404, 429, 500, 502, 503] {
        let state = ask(Some(HttpReply { status, body: order().to_string().into_bytes() }));
        assert!(matches!(state, QueryState::Unknown(_)), "HTTP {status}: {state:?}");
    }
    let mut latin = order().to_string().into_bytes();
    latin.extend(b"\xff");
    assert!(matches!(ask(Some(HttpReply { status: 200, body: latin })), QueryState::Unknown(_)));
}

/// An unpaid answer frees the stock one day, so it must be about this merchant and this trade as well.
#[test]
fn unpaid_must_be_about_our_trade_too() {
    for (name, value) in [("pid", json!(1001)), ("out_trade_no", json!("X"))] {
        let mut other = order();
        other["status"] = json!(0);
        other[name] = value;
        assert!(matches!(told(&other.to_string()), QueryState::Unknown(_)), "{name}");
    }
}
