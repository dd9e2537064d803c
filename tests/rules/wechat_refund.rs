//! WeChat Pay: money back. What is asked for, and every class of reply.

use crate::support::{CALL, drive, yuan};
use crate::wechat_support::*;
use domain::{Currency, Money};
use payments::{HttpReply, RefundState, RefundView};
use serde_json::{Value, json};

const CALLS: &str = "https://api.mch.weixin.qq.com/v3/refund/domestic/refunds";

fn told() -> Value {
    json!({
        "refund_id": "50000000382019052709732678859", "out_refund_no": REFUND_NO, "transaction_id": TRANSACTION,
        "status": "SUCCESS", "channel": "ORIGINAL", "user_received_account": "招商银行信用卡0403",
        "amount": { "total": 990, "refund": 330, "payer_total": 990, "payer_refund": 330, "currency": "CNY" },
    })
}

fn send_back(reply: HttpReply) -> RefundState {
    once(channel().refund(&refund(330), &CALL).unwrap(), Some(reply)).1
}

fn ask(reply: HttpReply) -> RefundState {
    once(channel().refund_query(&refund(330), &CALL).unwrap(), Some(reply)).1
}

/// Both calls answer with the same object.
fn both(reply: HttpReply) -> RefundState {
    let state = send_back(reply.clone());
    assert_eq!(ask(reply), state);
    state
}

#[test]
fn what_is_asked_for() {
    let (request, state) = once(channel().refund(&refund(330), &CALL).unwrap(), None);
    assert_eq!((request.method, request.url.as_str()), ("POST", CALLS));
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).unwrap(),
        json!({
            "transaction_id": TRANSACTION, "out_refund_no": REFUND_NO,
            "amount": { "refund": 330, "total": 990, "currency": "CNY" },
        })
    );
    assert_eq!(state, RefundState::Unknown("no reply"));
    let (request, state) = once(channel().refund_query(&refund(330), &CALL).unwrap(), None);
    assert_eq!((request.method, request.url), ("GET", format!("{CALLS}/{REFUND_NO}")));
    assert_eq!((request.body.len(), state), (0, RefundState::Unknown("no reply")));
}

#[test]
fn what_cannot_be_sent_back_is_not_sent() {
    let usd = Money { minor: 330, currency: Currency::parse("USD").unwrap() };
    let amount = RefundState::Refused("This amount cannot be sent back this way.");
    let number = RefundState::Refused("There is no number of a trade to send money back for.");
    for (refund, expected) in [
        (refund(0), amount),
        (refund(-1), amount),
        (refund(991), amount),
        (RefundView { amount: usd, ..refund(330) }, amount),
        (RefundView { paid: Money { minor: 990, ..usd }, ..refund(330) }, amount),
        (RefundView { provider_number: "", ..refund(330) }, number),
        (RefundView { provider_number: "4200-1", ..refund(330) }, number),
        (RefundView { refund_no: "", ..refund(330) }, number),
        (RefundView { refund_no: "a/b", ..refund(330) }, number),
        (RefundView { refund_no: "a?b", ..refund(330) }, number),
    ] {
        let (sent, state) = drive(channel().refund(&refund, &CALL).unwrap(), |_| None);
        assert!(sent.is_empty());
        assert_eq!(state, expected, "{refund:?}");
    }
    let whole = RefundView { refund_no: &"R".repeat(64), ..refund(990) };
    assert_eq!(once(channel().refund(&whole, &CALL).unwrap(), None).1, RefundState::Unknown("no reply"));
    let least = RefundView { paid: yuan(1), refund_no: "a-_9", ..refund(1) };
    assert_eq!(once(channel().refund(&least, &CALL).unwrap(), None).1, RefundState::Unknown("no reply"));
    for refund_no in ["", "a/b", "a b", "月", &"R".repeat(65)] {
        let refund = RefundView { refund_no, ..refund(330) };
        let (sent, state) = drive(channel().refund_query(&refund, &CALL).unwrap(), |_| None);
        assert!(sent.is_empty());
        assert_eq!(state, RefundState::Unknown("no number to ask by"));
    }
}

#[test]
fn each_status_of_a_refund() {
    let status = |value: Value| both(reply(200, &with(told(), &["status"], value).to_string()));
    assert_eq!(status(json!("SUCCESS")), RefundState::Done);
    assert_eq!(status(json!("PROCESSING")), RefundState::UnderWay);
    let closed = RefundState::Refused("WeChat Pay closed this refund; nothing went back.");
    assert_eq!(status(json!("CLOSED")), closed);
    let by_hand = "The buyer's bank did not take the money. Finish this refund by hand in the merchant platform.";
    assert_eq!(status(json!("ABNORMAL")), RefundState::Refused(by_hand));
    let unclear = RefundState::Unknown("the status of the refund is unknown");
    for value in [json!("success"), json!("REFUNDED"), json!(""), json!(1), Value::Null] {
        assert_eq!(status(value.clone()), unclear, "{value}");
    }
}

#[test]
fn a_reply_about_another_refund_is_no_answer() {
    let other = RefundState::Unknown("the reply is about another refund");
    let amount = RefundState::Unknown("the reply is about another amount");
    for (path, value, expected) in [
        (&["out_refund_no"][..], json!("R0011223344556678"), other),
        (&["out_refund_no"], Value::Null, other),
        (&["transaction_id"], json!("4200001234202611221234567891"), other),
        (&["transaction_id"], Value::Null, other),
        (&["amount", "refund"], json!(331), amount),
        (&["amount", "refund"], json!("330"), amount),
        (&["amount", "refund"], Value::Null, amount),
        (&["amount", "currency"], json!("USD"), amount),
        (&["amount", "currency"], Value::Null, amount),
        (&["amount"], Value::Null, RefundState::Unknown("the reply has no amount")),
        (&["amount"], json!(330), RefundState::Unknown("the reply has no amount")),
    ] {
        let told = with(told(), path, value.clone());
        assert_eq!(both(reply(200, &told.to_string())), expected, "{path:?} {value}");
    }
    for (body, why) in [
        ("", "the reply is not a JSON object"),
        (r#"{"status":"SUCCESS","status":"SUCCESS"}"#, "not a JSON object, or a name sent twice"),
    ] {
        assert_eq!(both(reply(200, body)), RefundState::Unknown(why));
    }
    for status in [201, 204, 500] {
        let unclear = RefundState::Unknown("the HTTP status is not 200");
        assert_eq!(both(reply(status, &told().to_string())), unclear, "{status}");
    }
}

#[test]
fn refusals_are_in_known_words_and_signed() {
    let unclear = RefundState::Unknown("the HTTP status is not 200");
    let balance = "The merchant's balance is too small. Fill it up, then try again.";
    let sign = "The merchant's key or the number of its certificate is not the one WeChat Pay knows.";
    for (status, code, words) in [
        (403, "NOT_ENOUGH", Some(balance)),
        (403, "NOTENOUGH", Some(balance)),
        (404, "RESOURCE_NOT_EXISTS", Some("WeChat Pay knows no such payment.")),
        (403, "USER_ACCOUNT_ABNORMAL", Some("The buyer's account was closed. Return the money another way.")),
        (
            400,
            "INVALID_REQUEST",
            Some(
                "WeChat Pay does not refund this: more than is left, too old, or another amount under the same number.",
            ),
        ),
        (400, "PARAM_ERROR", Some("WeChat Pay does not take a field of the request.")),
        (401, "SIGN_ERROR", Some(sign)),
        (403, "NO_AUTH", Some("The merchant is not signed for this product.")),
        (404, "MCH_NOT_EXISTS", Some("There is no such merchant number.")),
        (429, "FREQUENCY_LIMITED", None),
        (500, "SYSTEM_ERROR", None),
        (403, "SOMETHING_NEW", None),
        (200, "NOT_ENOUGH", None),
    ] {
        let state = send_back(error(status, code));
        match words {
            Some(words) => assert_eq!(state, RefundState::Refused(words), "{status} {code}"),
            None => assert!(matches!(state, RefundState::Unknown(_)), "{status} {code}"),
        }
        // Of a question no error says that nothing went back: the request for the refund may still be on its way.
        if status != 200 {
            assert_eq!(ask(error(status, code)), unclear, "{status} {code}");
        }
    }
    let bare = HttpReply::bare(401, br#"{"code":"SIGN_ERROR"}"#.to_vec());
    assert_eq!(both(bare), RefundState::Unknown("WeChat Pay did not recognise the merchant"));
    for genuine in [reply(200, &told().to_string()), error(403, "NOT_ENOUGH")] {
        for (why, forged) in not_its_own(&genuine) {
            assert_eq!(both(forged), RefundState::Unknown(why));
        }
    }
}
