//! 易支付 v2: sending money back under a number of ours, and asking what became of it.

use crate::epay_v2_support::*;
use crate::support::{CALL, NUMBER, PID, own};
use domain::{Currency, Money};
use payments::{HttpReply, RefundState, Step};
use serde_json::{Value, json};

const REFUND: &str = "R0011223344556677";

fn answer(step: Option<Step<RefundState>>, body: &str) -> RefundState {
    let reply = HttpReply::bare(200, body.as_bytes().to_vec());
    drive(step.unwrap(), |_| Some(reply.clone())).1
}

fn told(body: &str) -> RefundState {
    answer(channel().refund(&back(TRADE, yuan(990)), &CALL), body)
}

fn found(body: &str) -> RefundState {
    answer(channel().refund_query(&back(TRADE, yuan(990)), &CALL), body)
}

fn done() -> Value {
    json!({
        "code": 0, "refund_no": "2026112205060799999", "out_refund_no": REFUND, "trade_no": TRADE,
        "out_trade_no": NUMBER, "uid": 1000, "money": "9.90", "reducemoney": "9.80", "msg": "退款成功！退款金额¥9.90"
    })
}

fn sent(step: Option<Step<RefundState>>, path: &str) -> Fields {
    let (sent, state) = drive(step.unwrap(), |_| None);
    assert_eq!(state, RefundState::Unknown("no reply"));
    let [request] = sent.as_slice() else { panic!("one request") };
    assert_eq!((request.method, request.url.as_str()), ("POST", format!("{BASE}{path}").as_str()));
    let fields = body_fields(&request.body);
    let unsigned = without(&without(&fields, "sign"), "sign_type");
    assert_eq!(fields, signed_by("merchant", &unsigned));
    unsigned
}

#[test]
fn what_is_sent() {
    let second = NOW.to_string();
    let refund = own([
        ("pid", PID),
        ("money", "0.05"),
        ("out_refund_no", REFUND),
        ("trade_no", TRADE),
        ("timestamp", second.as_str()),
    ]);
    assert_eq!(sent(channel().refund(&back(TRADE, yuan(5)), &CALL), "/api/pay/refund"), refund);
    let query = own([("pid", PID), ("out_refund_no", REFUND), ("timestamp", second.as_str())]);
    assert_eq!(sent(channel().refund_query(&back(TRADE, yuan(5)), &CALL), "/api/pay/refundquery"), query);
}

/// Nothing leaves, so nothing went back, and that is sure.
#[test]
fn what_cannot_be_sent_back_is_not_asked_for() {
    let usd = Money { minor: 990, currency: Currency::parse("USD").unwrap() };
    let long = "9".repeat(129);
    for (number, amount) in
        [(TRADE, usd), (TRADE, yuan(0)), (TRADE, yuan(-1)), ("", yuan(1)), ("1\u{0}", yuan(1)), (&long, yuan(1))]
    {
        let step = channel().refund(&back(number, amount), &CALL).unwrap();
        let (sent, state) = drive(step, |_| panic!("nothing is sent"));
        assert!(sent.is_empty() && matches!(state, RefundState::Refused(_)), "{number:?} {amount}");
    }
}

#[test]
fn done_is_said_of_this_refund() {
    assert_eq!(told(&reply(&done())), RefundState::Done);
    assert_eq!(told(&reply(&with(&done(), "money", Some(json!(9.9))))), RefundState::Done);
    assert_eq!(found(&reply(&with(&done(), "status", Some(json!(1))))), RefundState::Done);
    assert_eq!(found(&reply(&with(&done(), "status", Some(json!("1"))))), RefundState::Done);
    assert_eq!(found(&reply(&with(&done(), "status", Some(json!(0))))), RefundState::Refused("退款失败"));
    let other = RefundState::Unknown("the reply is about another refund");
    for (name, value) in [
        ("out_refund_no", Some(json!("R0011223344556678"))),
        ("out_refund_no", None),
        ("trade_no", Some(json!("2026112205060712346"))),
        ("trade_no", None),
        ("money", Some(json!("9.89"))),
        ("money", Some(json!("9.900"))),
        ("money", None),
    ] {
        let bent = with(&done(), name, value.clone());
        assert_eq!(told(&reply(&bent)), other, "{name} {value:?}");
        for status in [0, 1] {
            assert_eq!(found(&reply(&with(&bent, "status", Some(json!(status))))), other, "{name} {value:?}");
        }
    }
}

#[test]
fn only_what_the_gateway_signed_is_done() {
    for (what, body) in unbelievable(&done()) {
        assert!(matches!(told(&body), RefundState::Unknown(_)), "{what}");
    }
    for (what, body) in unbelievable(&with(&done(), "status", Some(json!(1)))) {
        assert!(matches!(found(&body), RefundState::Unknown(_)), "{what}");
    }
    for status in [json!(2), json!(-1), json!(null), json!("done")] {
        let state = found(&reply(&with(&done(), "status", Some(status.clone()))));
        assert_eq!(state, RefundState::Unknown("the status is none of 0 and 1"), "{status}");
    }
    let (_, state) = drive(channel().refund(&back(TRADE, yuan(990)), &CALL).unwrap(), |_| {
        Some(HttpReply::bare(500, reply(&done()).into_bytes()))
    });
    assert_eq!(state, RefundState::Unknown("the HTTP status is not 200"));
}

#[test]
fn refusals_of_a_trade_are_signed_and_said_to_the_letter() {
    for msg in [
        "当前订单不存在",
        "该订单状态不支持退款",
        "退款金额不能大于订单金额",
        "接口订单号不存在",
        "退款金额不能超过该订单剩余可退款金额",
        "商户余额不足，请先充值",
    ] {
        for mark in ["", "！"] {
            let refused = json!({"code": -1, "msg": format!("{msg}{mark}")});
            assert_eq!(told(&reply(&refused)), RefundState::Refused(msg));
            for (what, body) in unbelievable(&refused).into_iter().filter(|(what, _)| *what != "a member twice") {
                assert!(matches!(told(&body), RefundState::Unknown(_)), "{msg}: {what}");
            }
            for code in [json!(1), json!(200), json!(null), json!("x")] {
                let state = told(&reply(&with(&refused, "code", Some(code.clone()))));
                assert!(matches!(state, RefundState::Unknown(_)), "{code} {msg}: {state:?}");
            }
        }
    }
    for msg in ["", "该订单已全额退款！", "该订单已退款！", "退款失败：余额不足", "退款失败：当前订单不存在！"]
    {
        assert!(matches!(told(&reply(&json!({"code": -1, "msg": msg}))), RefundState::Unknown(_)), "{msg}");
    }
    assert!(matches!(told(&reply(&json!({"code": -1}))), RefundState::Unknown(_)));
    // Success with the words of a refusal is not about this refund.
    assert!(matches!(told(&reply(&json!({"code": 0, "msg": "当前订单不存在"}))), RefundState::Unknown(_)));
}

#[test]
fn refusals_to_listen_are_believed_without_a_signature() {
    for (code, msg) in [
        (-3, "RSA签名校验失败"),
        (-1, "商户不存在"),
        (-1, "管理员未开启商户后台自助退款"),
        (-2, "商户未开启订单退款API接口"),
    ] {
        let body = json!({"code": code, "msg": msg}).to_string();
        assert_eq!(told(&body), RefundState::Refused(msg));
        // Of a refund that was asked for before they say nothing.
        assert!(matches!(found(&body), RefundState::Unknown(_)), "{msg}");
    }
    for (code, msg) in
        [(-1, "退款记录不存在"), (-1, "当前订单不存在"), (-1, "金额输入错误"), (0, "商户不存在"), (-2, "商户不存在")]
    {
        let body = json!({"code": code, "msg": msg}).to_string();
        assert!(matches!(told(&body), RefundState::Unknown(_)), "{msg}");
        assert!(matches!(found(&body), RefundState::Unknown(_)), "{msg}");
    }
}
