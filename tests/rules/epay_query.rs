//! 易支付: what the gateway says when it is asked. Only an explicit answer about our trade counts.

use crate::support::*;
use payments::{HttpReply, Paid, QueryState};
use serde_json::{Value, json};

fn ask(reply: Option<HttpReply>) -> QueryState {
    drive(channel().query(&asked(&number()), &CALL), |_| reply.clone()).1
}

fn told(body: &str) -> QueryState {
    ask(Some(HttpReply::bare(200, body.as_bytes().to_vec())))
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
    let (sent, _) = drive(channel().query(&asked(&number()), &CALL), |_| None);
    let [request] = sent.as_slice() else { panic!("one request") };
    assert_eq!(request.method, "GET");
    let url = format!("{BASE}/api.php?act=order&pid={PID}&key={KEY}&out_trade_no={NUMBER}");
    assert_eq!(request.url, url);
    assert!(request.body.is_empty());
    let printed = format!("{request:?}");
    assert!(printed.contains("GET https://gateway.example/api.php?***"), "{printed}");
    assert!(!printed.contains(KEY));
    assert!(!format!("{:?}", HttpReply::bare(200, KEY.as_bytes().to_vec())).contains(KEY));
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
        ("status: frozen or what a fork pleases", with("status", json!(3))),
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
        let state = ask(Some(HttpReply::bare(status, order().to_string().into_bytes())));
        assert!(matches!(state, QueryState::Unknown(_)), "HTTP {status}: {state:?}");
    }
    let mut latin = order().to_string().into_bytes();
    latin.extend(b"\xff");
    assert!(matches!(ask(Some(HttpReply::bare(200, latin))), QueryState::Unknown(_)));
}

/// As long as the shop sent nothing back, 2 was no answer. Now it has to be one: it alone tells that a refund took effect
/// whose reply was lost. 3 and above stay nobody's promise.
#[test]
fn two_means_that_it_went_back() {
    assert_eq!(told(&with("status", json!(2))), QueryState::Refunded);
    assert_eq!(told(&with("status", json!("2"))), QueryState::Refunded);
    for (name, value) in [("pid", json!(1001)), ("out_trade_no", json!("X")), ("code", json!(0))] {
        let mut other = order();
        other["status"] = json!(2);
        other[name] = value;
        assert!(matches!(told(&other.to_string()), QueryState::Unknown(_)), "{name}");
    }
    for status in ["2.0", "20e-1", "02", "-2", "3", "4", "12"] {
        let state = told(&with("status", json!(9)).replace("\"status\":9", &format!("\"status\":{status}")));
        assert!(matches!(state, QueryState::Unknown(_)), "{status}: {state:?}");
    }
}

/// A list of as many items as we read fields, in the order in which our code happens to name them.
#[test]
fn a_list_is_no_order() {
    let list = format!(r#"[1,"",{PID},"{NUMBER}","2026112205060712345","9.90",1,"alipay"]"#);
    assert!(matches!(told(&list), QueryState::Unknown(_)));
    assert!(matches!(told(&Value::String(list).to_string()), QueryState::Unknown(_)));
}

const TRADE: &str = "2026112205060712345";

fn told_by_number(body: &str) -> QueryState {
    let reply = HttpReply::bare(200, body.as_bytes().to_vec());
    drive(channel().query_number(TRADE, &CALL).unwrap(), |_| Some(reply.clone())).1
}

#[test]
fn the_question_by_the_gateways_number() {
    let (sent, state) = drive(channel().query_number(TRADE, &CALL).unwrap(), |_| None);
    let [request] = sent.as_slice() else { panic!("one request") };
    assert_eq!(request.method, "GET");
    assert_eq!(request.url, format!("{BASE}/api.php?act=order&pid={PID}&key={KEY}&trade_no={TRADE}"));
    assert_eq!(request.headers, own([("accept", "application/json"), ("accept-encoding", "identity")]));
    assert!(request.body.is_empty());
    assert_eq!(state, QueryState::Unknown("no reply"));
    let printed = format!("{request:?}");
    assert!(!printed.contains(KEY) && !printed.contains(TRADE), "{printed}");
    // A number can hold anything that a gateway signed; in the address it holds nothing of the address.
    let (sent, _) = drive(channel().query_number("1&act=refund#%", &CALL).unwrap(), |_| None);
    assert!(sent[0].url.ends_with("&trade_no=1%26act%3Drefund%23%25"), "{}", sent[0].url);
}

#[test]
fn an_answer_by_the_gateways_number_is_about_that_trade() {
    assert_eq!(told_by_number(&order().to_string()), paid(990));
    assert_eq!(told_by_number(&with("status", json!(0))), QueryState::Pending);
    assert_eq!(told_by_number(&with("status", json!(2))), QueryState::Refunded);
    assert_eq!(told_by_number(&json!({"code": -1, "msg": "订单号不存在"}).to_string()), QueryState::NotFound);
    // Whose number of ours it was paid under is the gateway's to say and the order's to judge.
    let other = told_by_number(&with("out_trade_no", json!("ANOTHER-1")));
    assert!(matches!(other, QueryState::Paid(paid) if paid.out_trade_no == "ANOTHER-1"));
    for status in [0, 1, 2] {
        let about = |name: &str, value: Option<Value>| {
            let mut order = order();
            order["status"] = json!(status);
            match value {
                Some(value) => order[name] = value,
                None => drop(order.as_object_mut().unwrap().remove(name)),
            }
            told_by_number(&order.to_string())
        };
        for (name, value) in [
            ("pid", Some(json!(1001))),
            ("pid", None),
            ("trade_no", Some(json!("2026112205060712346"))),
            ("trade_no", Some(json!("2026112205060712345 "))),
            ("trade_no", Some(json!(""))),
            ("trade_no", None),
            ("code", Some(json!(0))),
            ("code", None),
        ] {
            let state = about(name, value.clone());
            assert!(matches!(state, QueryState::Unknown(_)), "{status} {name} {value:?}: {state:?}");
        }
    }
    // Paid under no number of ours, it could be booked nowhere.
    for number in [json!(null), json!(""), json!("9".repeat(129)), json!("1\u{0}2")] {
        let state = told_by_number(&with("out_trade_no", number.clone()));
        assert!(matches!(state, QueryState::Unknown(_)), "{number}: {state:?}");
    }
    assert!(matches!(told_by_number(&without_field("out_trade_no")), QueryState::Unknown(_)));
}

/// Nothing is asked by no number: the answer "not found" would be about nothing.
#[test]
fn without_a_number_nothing_is_asked() {
    for bad in ["", "1\n2", &"9".repeat(129)] {
        let (sent, state) = drive(channel().query_number(bad, &CALL).unwrap(), |_| panic!("nothing is sent"));
        assert!(sent.is_empty() && matches!(state, QueryState::Unknown(_)), "{bad:?}");
    }
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
