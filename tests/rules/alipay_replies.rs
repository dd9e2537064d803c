//! Alipay: what each answer to a question, a close, a refund and a probe comes to. Nothing that is not signed to the letter is a yes.

use crate::alipay_support::*;
use crate::support::{CALL, NUMBER, asked, back, drive, number, yuan};
use domain::{Currency, Money};
use payments::json::Fields;
use payments::rsa::VerifyingKey;
use payments::{Channel, CloseState, HttpReply, Paid, Probe, QueryState, RefundState, RefundView};
use serde_json::{Value, json};

const ANSWER: &str = "alipay_trade_query_response";

fn trade(status: &str) -> Value {
    json!({
        "code": "10000", "msg": "Success", "buyer_logon_id": "159****5620", "buyer_pay_amount": "0.00",
        "out_trade_no": NUMBER, "trade_no": TRADE, "receipt_amount": "0.00", "total_amount": "9.90",
        "trade_status": status,
    })
}

fn with(mut answer: Value, changes: &[(&str, Value)]) -> Value {
    for (name, value) in changes {
        answer[*name] = value.clone();
    }
    answer
}

fn query(reply: Option<HttpReply>) -> QueryState {
    drive(KEYS.query(&asked(&number()), &CALL), |_| reply.clone()).1
}

fn told(answer: &Value) -> QueryState {
    query(Some(reply(ANSWER, &answer.to_string())))
}

fn unknown(state: &QueryState, what: &str) {
    assert!(matches!(state, QueryState::Unknown(_)), "{what}: {state:?}");
}

fn paid(minor: i64, currency: &str) -> QueryState {
    QueryState::Paid(Paid {
        out_trade_no: NUMBER.to_owned(),
        provider_number: TRADE.to_owned(),
        amount: Money { minor, currency: Currency::parse(currency).unwrap() },
        method: None,
    })
}

#[test]
fn published_answers_are_taken_apart_to_the_letter() {
    let (mut counted, mut mutated) = (0, 0);
    for vector in vectors("alipay_response").into_iter().chain(vectors("alipay_response_substring")) {
        let (inputs, expected) = (&vector["inputs"], &vector["expected"]);
        let outer = Fields::read(inputs["response_body"].as_str().unwrap()).unwrap();
        let content = outer.raw(inputs["response_key"].as_str().unwrap()).unwrap().get();
        assert_eq!(content, expected["signed_substring"].as_str().unwrap(), "{}", vector["id"]);
        counted += 1;
        let Some(pem) = inputs["alipay_public_key_pem"].as_str() else { continue };
        mutated += bend(&VerifyingKey::read(pem).unwrap(), content, &outer.string("sign").unwrap());
    }
    for vector in vectors("alipay_response_content") {
        let inputs = &vector["inputs"];
        let key = VerifyingKey::read(inputs["alipay_public_cert_pem"].as_str().unwrap()).unwrap();
        mutated += bend(&key, inputs["content"].as_str().unwrap(), inputs["sign"].as_str().unwrap());
        counted += 1;
    }
    println!("alipay answers: {counted} published, {mutated} mutated");
    assert!(counted >= 3 && mutated >= 400, "{counted} {mutated}");
}

/// The answer verifies as it stands and in no other way.
fn bend(key: &VerifyingKey, content: &str, sign: &str) -> usize {
    assert!(key.verifies(content.as_bytes(), sign));
    let mut bent = 0;
    for at in 0..content.len() {
        let mut bytes = content.as_bytes().to_vec();
        bytes[at] ^= 1;
        assert!(!key.verifies(&bytes, sign));
        bent += 1;
    }
    for at in 0..sign.len() {
        let mut bytes = sign.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        assert!(!key.verifies(content.as_bytes(), std::str::from_utf8(&bytes).unwrap()));
        bent += 1;
    }
    let respaced = content.replacen(':', ": ", 1);
    assert!(!key.verifies(respaced.as_bytes(), sign) && !key.verifies(content.as_bytes(), ""));
    bent + 2
}

#[test]
fn the_questions_name_the_trade() {
    let of = |step| content(&sent(&drive(step, |_| None).0[0]));
    assert_eq!(of(KEYS.query(&asked(&number()), &CALL)), json!({"out_trade_no": NUMBER}));
    assert_eq!(of(KEYS.query_number(TRADE, &CALL).unwrap()), json!({"trade_no": TRADE}));
    let (requests, state) = drive(CERTS.query(&asked(&number()), &CALL), |_| None);
    let fields = sent(&requests[0]);
    assert_eq!(value(&fields, "method"), "alipay.trade.query");
    assert_eq!(value(&fields, "app_cert_sn"), asset("app_cert_sn"));
    assert_eq!(value(&fields, "sign"), APP.sign(text(&fields, &["sign"]).as_bytes()).unwrap());
    assert!(fields.iter().all(|(name, _)| name != "notify_url" && name != "return_url"));
    assert_eq!(state, QueryState::Unknown("no reply"));
    for number in ["", "a\u{0}", &"9".repeat(129)] {
        let (sent, state) = drive(KEYS.query_number(number, &CALL).unwrap(), |_| panic!("nothing to ask by"));
        assert!(sent.is_empty() && state == QueryState::Unknown("no number to ask by"));
    }
    assert_eq!(of(KEYS.query_number(&"9".repeat(128), &CALL).unwrap()), json!({"trade_no": "9".repeat(128)}));
}

#[test]
fn each_status_of_a_trade() {
    assert_eq!(told(&trade("TRADE_SUCCESS")), paid(990, "CNY"));
    assert_eq!(told(&trade("TRADE_FINISHED")), paid(990, "CNY"));
    assert_eq!(told(&trade("WAIT_BUYER_PAY")), QueryState::Pending);
    assert_eq!(told(&no("ACQ.TRADE_NOT_EXIST")), QueryState::NotFound);
    assert_eq!(told(&with(no("ACQ.TRADE_NOT_EXIST"), &[("out_trade_no", json!(NUMBER))])), QueryState::NotFound);
    for status in [json!("trade_success"), json!("TRADE_PENDING"), json!(""), json!(null), json!(["TRADE_SUCCESS"])] {
        unknown(&told(&with(trade(""), &[("trade_status", status.clone())])), &status.to_string());
    }
    for sub_code in
        ["ACQ.SYSTEM_ERROR", "ACQ.INVALID_PARAMETER", "isv.invalid-app-id", "isv.invalid-signature", "", "x"]
    {
        unknown(&told(&no(sub_code)), sub_code);
    }
    assert_eq!(told(&no("isv.invalid-app-id")), QueryState::Unknown("Alipay knows no application of this app_id."));
    // The word alone is not enough, nor the code.
    unknown(&told(&with(no("ACQ.TRADE_NOT_EXIST"), &[("code", json!("20000"))])), "another code");
    unknown(&told(&with(trade("TRADE_SUCCESS"), &[("code", json!("10003"))])), "not a yes");
    unknown(&told(&with(trade("TRADE_SUCCESS"), &[("code", json!(10000))])), "a number");
}

/// Closed unpaid and closed after a refund have one name.
#[test]
fn what_a_closed_trade_was() {
    let closed = |changes: &[(&str, Value)]| told(&with(trade("TRADE_CLOSED"), changes));
    assert_eq!(closed(&[]), QueryState::Closed);
    assert_eq!(closed(&[("fund_bill_list", json!([]))]), QueryState::Closed);
    assert_eq!(closed(&[("send_pay_date", json!(""))]), QueryState::Closed);
    assert_eq!(closed(&[("send_pay_date", json!("2026-11-22 13:05:43"))]), QueryState::Refunded);
    let bill = json!([{"amount": "9.90", "fund_channel": "PCREDIT"}]);
    unknown(&closed(&[("fund_bill_list", bill.clone())]), "bills");
    unknown(&closed(&[("buyer_pay_amount", json!("9.90"))]), "paid by the buyer");
    unknown(&closed(&[("receipt_amount", json!("0.01"))]), "received");
    unknown(&closed(&[("receipt_amount", json!(null))]), "no amount");
    let refunded = [("send_pay_date", json!("2026-11-22 13:05:43")), ("fund_bill_list", bill)];
    assert_eq!(closed(&refunded), QueryState::Refunded);
    let mut bare = trade("TRADE_CLOSED");
    bare.as_object_mut().unwrap().retain(|name, _| !name.ends_with("_amount"));
    assert_eq!(told(&bare), QueryState::Closed);
}

#[test]
fn only_the_trade_that_was_asked_about_counts() {
    let other = json!("0123456789ABCDEFGHJKMNPQAZ2");
    for status in ["TRADE_SUCCESS", "TRADE_CLOSED", "WAIT_BUYER_PAY"] {
        for number in [other.clone(), json!(""), json!(null), json!(NUMBER.to_lowercase())] {
            unknown(&told(&with(trade(status), &[("out_trade_no", number)])), status);
        }
        let asked = |changes: &[(&str, Value)]| {
            let step = KEYS.query_number(TRADE, &CALL).unwrap();
            answered(step, &[with(trade(status), changes)]).1
        };
        assert!(!matches!(asked(&[]), QueryState::Unknown(_)));
        for number in [json!("2026112222001499160501589437"), json!(null)] {
            unknown(&asked(&[("trade_no", number)]), status);
        }
    }
    unknown(&told(&with(no("ACQ.TRADE_NOT_EXIST"), &[("out_trade_no", other)])), "not found, and another");
}

#[test]
fn money_is_read_to_the_fen_and_in_its_currency() {
    let total = |text: Value| told(&with(trade("TRADE_SUCCESS"), &[("total_amount", text)]));
    for (text, minor) in [("9.90", 990), ("9.9", 990), ("9", 900), ("9.91", 991), ("0.01", 1)] {
        assert_eq!(total(json!(text)), paid(minor, "CNY"), "{text}");
    }
    for bad in [json!("9.900"), json!("-9.90"), json!("9,90"), json!("1e1"), json!(""), json!(null), json!([990])] {
        unknown(&total(bad.clone()), &bad.to_string());
    }
    let named = |currency: &str, total: &str| {
        told(&with(trade("TRADE_SUCCESS"), &[("trans_currency", json!(currency)), ("total_amount", json!(total))]))
    };
    assert_eq!(named("CNY", "9.90"), paid(990, "CNY"));
    assert_eq!(named("", "9.90"), paid(990, "CNY"));
    assert_eq!(named("USD", "9.90"), paid(990, "USD"));
    assert_eq!(named("JPY", "990"), paid(990, "JPY"));
    unknown(&named("ZZZ", "9.90"), "no currency");
    unknown(&named("usd", "9.90"), "no currency");
    for number in [json!("9".repeat(129)), json!("9\u{0}"), json!("")] {
        unknown(&told(&with(trade("TRADE_SUCCESS"), &[("trade_no", number)])), "trade_no");
    }
    assert_eq!(
        told(&with(trade("TRADE_SUCCESS"), &[("trade_no", json!("9".repeat(128)))])),
        QueryState::Paid(Paid { provider_number: "9".repeat(128), ..paid_of(paid(990, "CNY")) })
    );
}

fn paid_of(state: QueryState) -> Paid {
    let QueryState::Paid(paid) = state else { panic!("{state:?}") };
    paid
}

#[test]
fn an_answer_that_is_not_alipay_s_is_none() {
    for answer in [trade("TRADE_SUCCESS"), trade("TRADE_CLOSED"), trade("WAIT_BUYER_PAY"), no("ACQ.TRADE_NOT_EXIST")] {
        let content = answer.to_string();
        let good = reply(ANSWER, &content);
        assert!(!matches!(query(Some(good.clone())), QueryState::Unknown(_)));
        let body = String::from_utf8(good.body.clone()).unwrap();
        let sign = PLATFORM.sign(content.as_bytes()).unwrap();
        let mut wrong = vec![
            ("unsigned", unsigned(ANSWER, &content)),
            ("a stranger", reply_by(&STRANGER, ANSWER, &content)),
            ("ourselves", reply_by(&APP, ANSWER, &content)),
            ("another question", reply("alipay_trade_close_response", &content)),
            ("a status", HttpReply { status: 201, ..good.clone() }),
            (
                "white space in what is signed",
                HttpReply::bare(200, body.replace("\"code\":", "\"code\": ").into_bytes()),
            ),
            ("a list", HttpReply::bare(200, format!("[{body}]").into_bytes())),
            ("two objects", HttpReply::bare(200, format!("{body}{body}").into_bytes())),
        ];
        let raw = |text: String| HttpReply::bare(200, text.into_bytes());
        let twice = format!(r#"{{"{ANSWER}":{content},"{ANSWER}":{content},"sign":"{sign}"}}"#);
        let both = format!(r#"{{"{ANSWER}":{content},"error_response":{content},"sign":"{sign}"}}"#);
        let signs = format!(r#"{{"{ANSWER}":{content},"sign":"{sign}","sign":"{sign}"}}"#);
        let number = format!(r#"{{"{ANSWER}":{content},"sign":7}}"#);
        wrong.extend([
            ("twice", raw(twice)),
            ("both", raw(both)),
            ("two signatures", raw(signs)),
            ("a number", raw(number)),
        ]);
        let code_twice = content.replacen('{', r#"{"code":"10000","#, 1);
        wrong.push(("a name twice in what is signed", reply(ANSWER, &code_twice)));
        for (what, reply) in wrong {
            unknown(&query(Some(reply)), what);
        }
        // In its own wrapping, with spaces around what is signed, and with other fields beside it, it is still Alipay's.
        let spaced = raw(format!("\n{{ \"{ANSWER}\" : {content} , \"x\":1, \"sign\" : \"{sign}\" }}"));
        assert_eq!(query(Some(spaced)), query(Some(good)));
        assert_eq!(query(Some(reply("error_response", &content))), query(Some(reply(ANSWER, &content))));
    }
    for content in ["\"text\"", "[]", "7", "null", "{}", r#"{"msg":"Success"}"#] {
        unknown(&query(Some(reply(ANSWER, content))), content);
    }
    assert_eq!(
        query(Some(unsigned(ANSWER, &trade("TRADE_SUCCESS").to_string()))),
        QueryState::Unknown("the reply is not signed")
    );
    assert_eq!(
        query(Some(reply_by(&STRANGER, ANSWER, &trade("TRADE_SUCCESS").to_string()))),
        QueryState::Unknown("the reply's signature does not fit")
    );
}

fn close(answers: &[Value]) -> (usize, CloseState) {
    let (sent_requests, state) = answered(KEYS.close(&asked(&number()), &CALL).unwrap(), answers);
    let methods: Vec<_> = sent_requests.iter().map(|request| value(&sent(request), "method").to_owned()).collect();
    assert_eq!(methods[0], "alipay.trade.close");
    assert_eq!(content(&sent(&sent_requests[0])), json!({"out_trade_no": NUMBER}));
    assert!(methods.iter().skip(1).all(|method| method == "alipay.trade.query"));
    (methods.len(), state)
}

#[test]
fn what_comes_of_closing() {
    let yes = json!({"code": "10000", "msg": "Success", "out_trade_no": NUMBER, "trade_no": TRADE});
    assert_eq!(close(std::slice::from_ref(&yes)), (1, CloseState::Closed));
    assert_eq!(close(&[no("ACQ.TRADE_NOT_EXIST")]), (1, CloseState::Closed));
    for wrong in ["ACQ.TRADE_STATUS_ERROR", "ACQ.REASON_TRADE_STATUS_INVALID"] {
        assert_eq!(close(&[no(wrong), trade("TRADE_SUCCESS")]), (2, CloseState::Paid));
        assert_eq!(close(&[no(wrong), trade("TRADE_FINISHED")]), (2, CloseState::Paid));
        assert_eq!(close(&[no(wrong), trade("TRADE_CLOSED")]), (2, CloseState::Closed));
        let refunded = with(trade("TRADE_CLOSED"), &[("send_pay_date", json!("2026-11-22 13:05:43"))]);
        assert_eq!(close(&[no(wrong), refunded]), (2, CloseState::Closed));
        let contradicted = CloseState::Unknown("not closed, and not paid either");
        assert_eq!(close(&[no(wrong), trade("WAIT_BUYER_PAY")]), (2, contradicted.clone()));
        assert_eq!(close(&[no(wrong), no("ACQ.TRADE_NOT_EXIST")]), (2, contradicted));
        assert_eq!(close(&[no(wrong)]), (2, CloseState::Unknown("no reply")));
    }
    let unknown = |answers: &[Value], what: &str| {
        let (sent, state) = close(answers);
        assert!(sent == 1 && matches!(state, CloseState::Unknown(_)), "{what}: {state:?}");
    };
    unknown(&[], "no reply");
    for sub_code in ["ACQ.SYSTEM_ERROR", "aop.ACQ.SYSTEM_ERROR", "ACQ.INVALID_PARAMETER", "isv.invalid-app-id", ""] {
        unknown(&[no(sub_code)], sub_code);
    }
    let other = json!("0123456789ABCDEFGHJKMNPQAZ2");
    unknown(&[with(yes.clone(), &[("out_trade_no", other.clone())])], "another trade");
    unknown(&[with(yes.clone(), &[("out_trade_no", json!(null))])], "no trade");
    unknown(&[with(no("ACQ.TRADE_NOT_EXIST"), &[("out_trade_no", other)])], "not found, and another");
    unknown(&[with(no("ACQ.TRADE_NOT_EXIST"), &[("code", json!("20000"))])], "another code");
    for forged in [
        unsigned("alipay_trade_close_response", &yes.to_string()),
        reply_by(&STRANGER, "alipay_trade_close_response", &yes.to_string()),
    ] {
        let state = drive(KEYS.close(&asked(&number()), &CALL).unwrap(), |_| Some(forged.clone())).1;
        assert!(matches!(state, CloseState::Unknown(_)), "{state:?}");
    }
}

fn refund(answers: &[Value]) -> (usize, RefundState) {
    let (sent, state) = answered(KEYS.refund(&back(TRADE, yuan(500)), &CALL).unwrap(), answers);
    (sent.len(), state)
}

fn returned(fund_change: &str) -> Value {
    json!({
        "code": "10000", "msg": "Success", "out_trade_no": NUMBER, "trade_no": TRADE, "refund_fee": "5.00",
        "fund_change": fund_change,
    })
}

fn found() -> Value {
    json!({
        "code": "10000", "msg": "Success", "out_trade_no": NUMBER, "trade_no": TRADE, "out_request_no": REFUND,
        "refund_amount": "5.00", "total_amount": "9.90", "refund_status": "REFUND_SUCCESS",
    })
}

#[test]
fn the_orders_to_send_back_name_everything() {
    let (requests, _) = answered(KEYS.refund(&back(TRADE, yuan(500)), &CALL).unwrap(), &[returned("N")]);
    let told: Vec<_> =
        requests.iter().map(sent).map(|fields| (value(&fields, "method").to_owned(), content(&fields))).collect();
    let numbers = json!({"out_trade_no": NUMBER, "trade_no": TRADE, "out_request_no": REFUND});
    assert_eq!(
        told,
        [
            ("alipay.trade.refund".to_owned(), with(numbers.clone(), &[("refund_amount", json!("5.00"))])),
            ("alipay.trade.fastpay.refund.query".to_owned(), numbers.clone()),
        ]
    );
    let (requests, _) = drive(KEYS.refund_query(&back(TRADE, yuan(500)), &CALL).unwrap(), |_| None);
    assert_eq!(content(&sent(&requests[0])), numbers);
}

#[test]
fn what_comes_of_a_refund() {
    assert_eq!(refund(&[returned("Y")]), (1, RefundState::Done));
    // A repetition moves nothing; whether the first one did, Alipay says when asked.
    assert_eq!(refund(&[returned("N"), found()]), (2, RefundState::Done));
    assert_eq!(refund(&[returned("N")]), (2, RefundState::UnderWay));
    assert_eq!(refund(&[returned("N"), with(found(), &[("refund_status", json!(""))])]), (2, RefundState::UnderWay));
    let unknown = |answer: Value, what: &str| {
        let (sent, state) = refund(&[answer]);
        assert!(sent == 1 && matches!(state, RefundState::Unknown(_)), "{what}: {state:?}");
    };
    for change in [json!("y"), json!(""), json!(true), json!(null)] {
        unknown(with(returned("Y"), &[("fund_change", change.clone())]), &change.to_string());
    }
    unknown(with(returned("Y"), &[("out_trade_no", json!("x"))]), "another attempt");
    unknown(with(returned("Y"), &[("trade_no", json!("x"))]), "another trade");
    unknown(with(returned("N"), &[("trade_no", json!(null))]), "no trade");
    for sub_code in ["ACQ.SYSTEM_ERROR", "aop.ACQ.SYSTEM_ERROR", "x", ""] {
        unknown(no(sub_code), sub_code);
    }
    unknown(with(no("ACQ.SELLER_BALANCE_NOT_ENOUGH"), &[("code", json!("20000"))]), "another code");
    unknown(with(no("ACQ.SELLER_BALANCE_NOT_ENOUGH"), &[("code", json!("10000"))]), "a yes with a refusal's word");
    assert_eq!(refund(&[]), (1, RefundState::Unknown("no reply")));
}

#[test]
fn every_refusal_of_a_refund_is_signed_and_in_our_words() {
    let mut seen = std::collections::BTreeSet::new();
    for sub_code in [
        "ACQ.SELLER_BALANCE_NOT_ENOUGH",
        "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL",
        "ACQ.REFUND_FEE_ERROR",
        "ACQ.REASON_TRADE_REFUND_FEE_ERR",
        "ACQ.REASON_TRADE_BEEN_FREEZEN",
        "ACQ.TRADE_NOT_EXIST",
        "ACQ.TRADE_HAS_FINISHED",
        "ACQ.TRADE_STATUS_ERROR",
        "ACQ.REASON_TRADE_STATUS_INVALID",
        "ACQ.DISCORDANT_REPEAT_REQUEST",
        "ACQ.TRADE_NOT_ALLOW_REFUND",
        "ACQ.INVALID_PARAMETER",
        "ACQ.USER_NOT_MATCH_ERR",
        "ACQ.CUSTOMER_VALIDATE_ERROR",
        "isv.invalid-signature",
        "isv.insufficient-isv-permissions",
    ] {
        let (_, RefundState::Refused(why)) = refund(&[no(sub_code)]) else { panic!("{sub_code}") };
        assert!(sub_code.starts_with("isv.") || why.contains(sub_code), "{why}");
        assert!(seen.insert(why), "{why}");
        let content = no(sub_code).to_string();
        for forged in [
            unsigned("alipay_trade_refund_response", &content),
            reply_by(&STRANGER, "alipay_trade_refund_response", &content),
        ] {
            let state = drive(KEYS.refund(&back(TRADE, yuan(500)), &CALL).unwrap(), |_| Some(forged.clone())).1;
            assert!(matches!(state, RefundState::Unknown(_)), "{sub_code}: {state:?}");
        }
    }
}

#[test]
fn what_cannot_be_sent_back_is_not_asked_for() {
    let usd = |minor| Money { minor, currency: Currency::parse("USD").unwrap() };
    let plain = back(TRADE, yuan(500));
    let (no_text, long) = ("", "9".repeat(129));
    for view in [
        RefundView { amount: yuan(0), ..plain },
        RefundView { amount: yuan(-1), ..plain },
        RefundView { amount: yuan(991), ..plain },
        RefundView { amount: usd(500), ..plain },
        RefundView { paid: usd(990), ..plain },
        RefundView { provider_number: no_text, ..plain },
        RefundView { provider_number: &long, ..plain },
        RefundView { out_trade_no: no_text, ..plain },
        RefundView { refund_no: no_text, ..plain },
        RefundView { refund_no: "a-b", ..plain },
        RefundView { refund_no: &"9".repeat(65), ..plain },
    ] {
        let (sent, state) = drive(KEYS.refund(&view, &CALL).unwrap(), |_| panic!("nothing is sent"));
        assert!(sent.is_empty() && matches!(state, RefundState::Refused(_)), "{view:?}");
        let (_, state) = drive(KEYS.refund_query(&view, &CALL).unwrap(), |_| panic!("nothing is asked"));
        assert!(matches!(state, RefundState::Unknown(_)), "{view:?}");
    }
    for view in [
        RefundView { amount: yuan(1), ..plain },
        RefundView { amount: yuan(990), ..plain },
        RefundView { refund_no: &"9".repeat(64), ..plain },
    ] {
        assert_eq!(drive(KEYS.refund(&view, &CALL).unwrap(), |_| None).0.len(), 1);
    }
}

#[test]
fn what_became_of_a_refund() {
    let told = |answer: Value| answered(KEYS.refund_query(&back(TRADE, yuan(500)), &CALL).unwrap(), &[answer]).1;
    assert_eq!(told(found()), RefundState::Done);
    assert_eq!(told(with(found(), &[("refund_amount", json!("5"))])), RefundState::Done);
    for (name, value) in [
        ("refund_status", json!("REFUND_PROCESSING")),
        ("refund_status", json!(null)),
        ("trade_no", json!("x")),
        ("out_trade_no", json!("x")),
        ("out_request_no", json!("R0011223344556678")),
        ("out_request_no", json!(null)),
        ("refund_amount", json!("5.01")),
        ("refund_amount", json!(null)),
        ("code", json!("20000")),
    ] {
        let state = told(with(found(), &[(name, value.clone())]));
        assert!(matches!(state, RefundState::Unknown(_)), "{name} {value}: {state:?}");
    }
    let state = told(no("ACQ.TRADE_NOT_EXIST"));
    assert!(matches!(state, RefundState::Unknown(_)), "{state:?}");
    let forged = unsigned("alipay_trade_fastpay_refund_query_response", &found().to_string());
    let state = drive(KEYS.refund_query(&back(TRADE, yuan(500)), &CALL).unwrap(), |_| Some(forged.clone())).1;
    assert_eq!(state, RefundState::Unknown("the reply is not signed"));
}

fn probe(channel: &Channel, reply: Option<HttpReply>) -> Probe {
    drive(channel.probe(&CALL), |_| reply.clone()).1
}

#[test]
fn what_a_probe_shows() {
    let (requests, _) = drive(KEYS.probe(&CALL), |_| None);
    assert_eq!(value(&sent(&requests[0]), "method"), "alipay.trade.query");
    assert_eq!(content(&sent(&requests[0])), json!({"out_trade_no": "PROBE07070707070707070707070707070707"}));
    let (missing, there) = (no("ACQ.TRADE_NOT_EXIST").to_string(), trade("TRADE_SUCCESS").to_string());
    for channel in [&*KEYS, &*CERTS] {
        let probe = |reply| probe(channel, Some(reply));
        for content in [&missing, &there] {
            assert_eq!(probe(reply(ANSWER, content)), Probe::Works { signed: true });
            assert_eq!(probe(unsigned(ANSWER, content)), Probe::Unknown("the reply is not signed"));
            assert_eq!(probe(reply_by(&STRANGER, ANSWER, content)), Probe::ForeignKey);
        }
        for sub_code in ["isv.invalid-app-id", "isv.invalid-signature", "isv.insufficient-isv-permissions"] {
            let content = no(sub_code).to_string();
            for reply in
                [unsigned("error_response", &content), reply(ANSWER, &content), reply("error_response", &content)]
            {
                assert!(matches!(probe(reply), Probe::Account(_)), "{sub_code}");
            }
            assert_eq!(probe(reply_by(&STRANGER, ANSWER, &content)), Probe::ForeignKey);
        }
        let contradiction = with(trade("TRADE_SUCCESS"), &[("sub_code", json!("isv.invalid-app-id"))]).to_string();
        assert_eq!(probe(reply(ANSWER, &contradiction)), Probe::Works { signed: true });
        for sub_code in ["ACQ.SYSTEM_ERROR", "isp.unknow-error", ""] {
            assert!(matches!(probe(reply(ANSWER, &no(sub_code).to_string())), Probe::Unknown(_)), "{sub_code}");
        }
        assert!(matches!(probe(reply(ANSWER, "{}")), Probe::Unknown(_)));
        assert!(matches!(probe(HttpReply::bare(502, b"<html>".to_vec())), Probe::Unknown(_)));
    }
    // A certificate that Alipay has replaced is a key that we do not have.
    assert_eq!(probe(&CERTS, Some(reply_by(&PLATFORM, ANSWER, &missing))), Probe::ForeignKey);
    assert_eq!(probe(&KEYS, None), Probe::Unknown("no reply"));
}
