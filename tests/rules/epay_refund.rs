//! 易支付: sending money back. Done and refused are said to the letter; everything else leaves the question open.

use crate::support::*;
use domain::{Currency, Money};
use payments::epay::{Account, Options};
use payments::{Channel, HttpReply, RefundState, Secret};
use serde_json::{Value, json};

const TRADE: &str = "2026112205060712345";

/// A gateway that calls a good refund by this code.
fn with_code(code: i64) -> Channel {
    let options = Options { refund: Some(code), ..Options::default() };
    Channel::new(Account::new(BASE, PID, Secret::new(KEY.to_owned()), options).unwrap())
}

fn send(channel: &Channel, reply: Option<HttpReply>) -> RefundState {
    drive(channel.refund(&back(TRADE, yuan(990)), &CALL).unwrap(), |_| reply.clone()).1
}

fn told(code: i64, body: &str) -> RefundState {
    send(&with_code(code), Some(HttpReply::bare(200, body.as_bytes().to_vec())))
}

fn done() -> Value {
    json!({"code": 0, "msg": "退款成功！退款金额¥9.90"})
}

/// The reply of a good refund with its code written so.
fn code(written: &str) -> String {
    done().to_string().replace("\"code\":0", &format!("\"code\":{written}"))
}

fn refused(code: impl Into<Value>, msg: &str) -> String {
    json!({"code": code.into(), "msg": msg}).to_string()
}

#[test]
fn the_order_to_send_back_byte_for_byte() {
    let (sent, state) = drive(with_code(0).refund(&back(TRADE, yuan(990)), &CALL).unwrap(), |_| None);
    let [request] = sent.as_slice() else { panic!("one request") };
    assert_eq!(request.method, "POST");
    assert_eq!(request.url, "https://gateway.example/api.php?act=refund");
    assert_eq!(
        request.headers,
        own([
            ("accept", "application/json"),
            ("accept-encoding", "identity"),
            ("content-type", "application/x-www-form-urlencoded"),
        ])
    );
    let body = format!("pid={PID}&key={KEY}&trade_no={TRADE}&money=9.90");
    assert_eq!(std::str::from_utf8(&request.body), Ok(body.as_str()));
    assert_eq!(state, RefundState::Unknown("no reply"));
}

#[test]
fn numbers_and_keys_stay_inside_their_fields() {
    let options = Options { refund: Some(0), ..Options::default() };
    let account = Account::new(BASE, PID, Secret::new("k&e=y +%月".to_owned()), options).unwrap();
    let step = Channel::new(account).refund(&back("1&money=100 月", yuan(1)), &CALL).unwrap();
    let (sent, _) = drive(step, |_| None);
    let body = "pid=1000&key=k%26e%3Dy%20%2B%25%E6%9C%88&trade_no=1%26money%3D100%20%E6%9C%88&money=0.01";
    assert_eq!(std::str::from_utf8(&sent[0].body), Ok(body));
    assert_eq!(sent[0].url, "https://gateway.example/api.php?act=refund", "the address holds nothing of it");
}

#[test]
fn money_has_two_digits() {
    for (minor, text) in [(1, "0.01"), (10, "0.10"), (100, "1.00"), (123_456_789, "1234567.89")] {
        let (sent, _) = drive(with_code(0).refund(&back(TRADE, yuan(minor)), &CALL).unwrap(), |_| None);
        assert!(sent[0].body.ends_with(format!("&money={text}").as_bytes()), "{minor}");
    }
}

#[test]
fn the_request_prints_neither_key_nor_number() {
    let (sent, _) = drive(with_code(0).refund(&back(TRADE, yuan(990)), &CALL).unwrap(), |_| None);
    let printed = format!("{:?}", sent[0]);
    assert!(printed.contains("POST https://gateway.example/api.php?***"), "{printed}");
    for secret in [KEY, TRADE, "9.90", "refund"] {
        assert!(!printed.contains(secret), "{secret}: {printed}");
    }
    assert!(!format!("{:?}", with_code(0)).contains(KEY));
}

#[test]
fn an_account_without_the_call_has_none() {
    assert!(channel().refund(&back(TRADE, yuan(990)), &CALL).is_none());
    assert!(channel().kind().refunds, "its kind has, all the same");
}

/// Nothing leaves, so nothing went back, and that is sure.
#[test]
fn what_cannot_be_sent_back_is_not_asked_for() {
    let usd = Money { minor: 990, currency: Currency::parse("USD").unwrap() };
    let long = "9".repeat(129);
    for (number, amount) in
        [(TRADE, usd), (TRADE, yuan(0)), (TRADE, yuan(-1)), ("", yuan(1)), ("1\u{0}", yuan(1)), (&long, yuan(1))]
    {
        let (sent, state) =
            drive(with_code(0).refund(&back(number, amount), &CALL).unwrap(), |_| panic!("nothing is sent"));
        assert!(sent.is_empty() && matches!(state, RefundState::Refused(_)), "{number:?} {amount}");
    }
}

#[test]
fn success_is_the_code_of_this_account_and_no_other() {
    assert_eq!(told(0, &code("0")), RefundState::Done);
    assert_eq!(told(0, &code("\"0\"")), RefundState::Done);
    assert_eq!(told(1, &code("1")), RefundState::Done);
    assert_eq!(told(1, &code("\"1\"")), RefundState::Done);
    assert_eq!(told(200, &code("200")), RefundState::Done);
    for (asked, written) in [(0, "1"), (1, "0"), (0, "\"1\""), (1, "\"0\""), (200, "0"), (200, "1")] {
        let state = told(asked, &code(written));
        assert!(matches!(state, RefundState::Unknown(_)), "{asked} {written}: {state:?}");
    }
    // The words do not matter, and neither do further fields, a byte order mark, or JSON inside a JSON string.
    assert_eq!(told(0, r#"{"code":0}"#), RefundState::Done);
    assert_eq!(told(0, r#"{"code":0,"msg":"退款金额不正确","money":"9.90","trade_no":["x"]}"#), RefundState::Done);
    assert_eq!(told(0, &format!("\u{FEFF} {}\n", done())), RefundState::Done);
    assert_eq!(told(0, &Value::String(done().to_string()).to_string()), RefundState::Done);
}

#[test]
fn every_refusal_is_said_to_the_letter() {
    let nothing_sent =
        ["订单号不存在", "订单不存在", "该订单未支付，不能退款", "退款金额大于可退金额", "退款金额不正确"];
    for msg in nothing_sent {
        for asked in [0, 1] {
            for code in [json!(-1), json!("-1"), json!(-4), json!(404)] {
                for mark in ["", "！", "!", "。", "."] {
                    let state = told(asked, &refused(code.clone(), &format!("{msg}{mark}")));
                    assert_eq!(state, RefundState::Refused(msg), "{code} {msg}{mark}");
                }
            }
            // Each of these codes is success somewhere, so words beside it settle nothing.
            for code in [json!(1 - asked), json!(format!("{}", 1 - asked)), json!("-0"), json!("00"), json!("+1")] {
                let state = told(asked, &refused(code.clone(), msg));
                assert!(matches!(state, RefundState::Unknown(_)), "{asked} {code} {msg}: {state:?}");
            }
        }
    }
    for (code, msg) in [(-3, "PID不存在"), (-2, "KEY校验失败")] {
        assert_eq!(told(0, &refused(code, msg)), RefundState::Refused(msg));
        assert_eq!(told(1, &refused(code.to_string(), msg)), RefundState::Refused(msg));
        for other in [-1, -5, -4, 404] {
            let state = told(0, &refused(other, msg));
            assert!(matches!(state, RefundState::Unknown(_)), "{other} {msg}: {state:?}");
        }
        let state = told(0, &refused(code, "系统繁忙"));
        assert!(matches!(state, RefundState::Unknown(_)), "{code} alone says nothing: {state:?}");
    }
    let crossed = [refused(-2, "PID不存在"), refused(-3, "KEY校验失败")];
    assert!(crossed.iter().all(|body| matches!(told(0, body), RefundState::Unknown(_))));
}

#[test]
fn everything_else_is_unknown() {
    let long = format!("{}{}", done(), " ".repeat(65_536));
    let long_refusal = format!("{}{}", refused(-1, "订单不存在"), " ".repeat(65_536));
    let thrice = Value::String(Value::String(done().to_string()).to_string()).to_string();
    let replies: Vec<(&str, String)> = vec![
        ("nothing", String::new()),
        ("white space", " \n".to_owned()),
        ("a page", "<html>502 Bad Gateway</html>".to_owned()),
        ("a page about it", "<html>退款成功</html>".to_owned()),
        ("a warning before it", format!("<br />\n<b>Warning</b>: x{}", done())),
        ("a word", "success".to_owned()),
        ("the code alone", "0".to_owned()),
        ("the code as a string", "\"0\"".to_owned()),
        ("cut off", done().to_string()[..20].to_owned()),
        ("null", "null".to_owned()),
        ("a list", r#"[0,"退款成功"]"#.to_owned()),
        ("a list in a string", Value::String(r#"[0,"退款成功"]"#.to_owned()).to_string()),
        ("an object in a list", format!("[{}]", done())),
        ("an empty object", "{}".to_owned()),
        ("two values", format!("{}{}", done(), done())),
        ("three times encoded", thrice),
        ("too long", long),
        ("too long a refusal", long_refusal),
        ("code: missing", json!({"msg": "退款成功"}).to_string()),
        ("code: missing, refused", json!({"msg": "订单不存在"}).to_string()),
        ("code: twice", code("0,\"code\":0")),
        ("code: null", code("null")),
        ("code: true", code("true")),
        ("code: false", code("false")),
        ("code: a list", code("[0]")),
        ("code: an object", code("{\"code\":0}")),
        ("code: 0.0", code("0.0")),
        ("code: -0", code("-0")),
        ("code: 0e0", code("0e0")),
        ("code: 0E1", code("0E1")),
        ("code: 1e-9", code("1e-9")),
        ("code: \"0.0\"", code("\"0.0\"")),
        ("code: a space before it", code("\" 0\"")),
        ("code: another digit", code("\"０\"")),
        ("code: empty", code("\"\"")),
        ("code: another, with the words of success", code("-1")),
        ("code: 1, where 0 is asked", code("1")),
        ("code: beyond any number", code("99999999999999999999")),
        ("Code", done().to_string().replace("code", "Code")),
        ("refused as a float", refused(-1.5, "订单不存在")),
        ("refused without words", json!({"code": -1}).to_string()),
        ("refused with empty words", refused(-1, "")),
        ("words that are a number", json!({"code": -1, "msg": 1}).to_string()),
        ("words that are a list", json!({"code": -1, "msg": ["订单不存在"]}).to_string()),
        ("words twice", r#"{"code":-1,"msg":"订单不存在","msg":"订单不存在"}"#.to_owned()),
        ("words that only mention it", refused(-1, "商户不存在或订单不存在")),
        ("words that go on", refused(-1, "订单不存在，请稍后再试")),
        ("words of further up", refused(-1, "退款失败：订单不存在")),
        ("no such call", refused(-5, "No Act!")),
        ("busy", refused(-1, "系统繁忙，请稍后再试")),
        ("being worked on", refused(-1, "退款处理中")),
        // It went back before: the opposite of a refusal.
        ("all of it went back", refused(-1, "该订单已全额退款！")),
        // What a paid trade and one whose money went back both answer.
        ("only what is paid", refused(-1, "只支持退款已支付状态的订单")),
    ];
    for (what, body) in replies {
        let state = told(0, &body);
        assert!(matches!(state, RefundState::Unknown(_)), "{what}: {state:?}");
    }
    assert_eq!(send(&with_code(0), None), RefundState::Unknown("no reply"), "a time-out is no answer");
    for body in [done().to_string(), refused(-1, "订单不存在"), refused(-2, "KEY校验失败")] {
        for status in [201, 202, 204, 301, 302, 400, 403, 404, 429, 500, 502, 503, 504] {
            let state = send(&with_code(0), Some(HttpReply::bare(status, body.clone().into_bytes())));
            assert!(matches!(state, RefundState::Unknown(_)), "HTTP {status}: {state:?}");
        }
    }
    let mut latin = done().to_string().into_bytes();
    latin.extend(b"\xff");
    assert!(matches!(send(&with_code(0), Some(HttpReply::bare(200, latin))), RefundState::Unknown(_)));
}
