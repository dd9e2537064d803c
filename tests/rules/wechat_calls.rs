//! WeChat Pay: asking about a trade, closing it, trying the settings, fetching certificates. Every class of reply to each.

use crate::support::{CALL, NUMBER, asked, drive, yuan};
use crate::wechat_support::*;
use payments::wechat::certificates;
use payments::{Call, CloseState, HttpReply, Paid, Probe, QueryState};
use serde_json::{Value, json};

const HOST: &str = "https://api.mch.weixin.qq.com";

fn query(reply: HttpReply) -> QueryState {
    once(channel().query(&asked(no()), &CALL), Some(reply)).1
}

fn by_number(reply: HttpReply) -> QueryState {
    once(channel().query_number(TRANSACTION, &CALL).unwrap(), Some(reply)).1
}

fn about(transaction: &Value) -> HttpReply {
    reply(200, &transaction.to_string())
}

fn paid() -> QueryState {
    QueryState::Paid(Paid {
        out_trade_no: NUMBER.to_owned(),
        provider_number: TRANSACTION.to_owned(),
        amount: yuan(990),
        method: Some("NATIVE".to_owned()),
    })
}

/// The signature of a request, over what was sent.
fn is_signed(request: &payments::HttpRequest) {
    let path = request.url.strip_prefix(HOST).unwrap();
    let body = std::str::from_utf8(&request.body).unwrap();
    let signed = format!("{}\n{path}\n{SECONDS}\n{}\n{body}\n", request.method, "07".repeat(16));
    let signature = MERCHANT.sign(signed.as_bytes()).unwrap();
    assert!(sent(request, "authorization").contains(&format!(",signature=\"{signature}\",")));
}

#[test]
fn questions_name_the_number_and_the_merchant() {
    let (request, told) = once(channel().query(&asked(no()), &CALL), None);
    assert_eq!(request.url, format!("{HOST}/v3/pay/transactions/out-trade-no/{NUMBER}?mchid={MCHID}"));
    assert_eq!((request.method, request.body.len()), ("GET", 0));
    assert_eq!(told, QueryState::Unknown("no reply"));
    is_signed(&request);
    let (request, told) = once(channel().query_number(TRANSACTION, &CALL).unwrap(), None);
    assert_eq!(request.url, format!("{HOST}/v3/pay/transactions/id/{TRANSACTION}?mchid={MCHID}"));
    assert_eq!((request.method, told), ("GET", QueryState::Unknown("no reply")));
    is_signed(&request);
    for number in ["", "4/../x", "4?a=1", "4 ", "月", &"4".repeat(33)] {
        let (requests, told) = drive(channel().query_number(number, &CALL).unwrap(), |_| None);
        assert!(requests.is_empty());
        assert_eq!(told, QueryState::Unknown("no number to ask by"), "{number}");
    }
    assert_eq!(drive(channel().query_number(&"4".repeat(32), &CALL).unwrap(), |_| None).0.len(), 1);
}

#[test]
fn each_state_of_a_trade() {
    assert_eq!(query(about(&transaction())), paid());
    assert_eq!(by_number(about(&transaction())), paid());
    assert_eq!(query(reply_by(By::Platform, 200, &transaction().to_string())), paid());
    for (state, expected) in [
        ("NOTPAY", QueryState::Pending),
        ("USERPAYING", QueryState::Pending),
        ("CLOSED", QueryState::Closed),
        ("REFUND", QueryState::Refunded),
        ("REVOKED", QueryState::Unknown("the state is none that this trade can have")),
        ("PAYERROR", QueryState::Unknown("the state is none that this trade can have")),
        ("success", QueryState::Unknown("the state is none that this trade can have")),
        ("", QueryState::Unknown("the state is none that this trade can have")),
    ] {
        // A trade that is not paid has neither a number of WeChat Pay's nor always an amount.
        let told = with(transaction_with(&["trade_state"], json!(state)), &["amount"], Value::Null);
        assert_eq!(query(about(&with(told, &["transaction_id"], Value::Null))), expected, "{state}");
    }
    let none = about(&transaction_with(&["trade_state"], Value::Null));
    assert_eq!(query(none), QueryState::Unknown("the state is none that this trade can have"));
}

#[test]
fn a_reply_about_something_else_is_no_answer() {
    let other = QueryState::Unknown("the reply is about another merchant or application");
    let trade = QueryState::Unknown("the reply is about another trade");
    let unusable = QueryState::Unknown("paid, with a field that cannot be used");
    for (path, value, by_ours, by_theirs) in [
        (&["mchid"][..], json!("1900007292"), &other, &other),
        (&["mchid"], Value::Null, &other, &other),
        (&["appid"], json!("wx1"), &other, &other),
        (&["appid"], Value::Null, &other, &other),
        (
            &["out_trade_no"],
            json!("0123456789ABCDEFGHJKMNPQAZ2"),
            &trade,
            &by_number(about(&transaction_with(&["out_trade_no"], json!("0123456789ABCDEFGHJKMNPQAZ2")))),
        ),
        (&["out_trade_no"], Value::Null, &trade, &unusable),
        (&["transaction_id"], Value::Null, &unusable, &trade),
        (&["transaction_id"], json!(4_200), &unusable, &trade),
        (&["amount"], Value::Null, &unusable, &unusable),
        (&["amount", "total"], json!("990"), &unusable, &unusable),
        (&["amount", "total"], json!(-1), &unusable, &unusable),
        (&["amount", "currency"], json!("?"), &unusable, &unusable),
    ] {
        let changed = transaction_with(path, value.clone());
        assert_eq!(&query(about(&changed)), by_ours, "{path:?} {value}");
        assert_eq!(&by_number(about(&changed)), by_theirs, "{path:?} {value}");
    }
    // Asked by WeChat Pay's number, whichever attempt it was for is the answer.
    let another = transaction_with(&["out_trade_no"], json!("0123456789ABCDEFGHJKMNPQAZ2"));
    let QueryState::Paid(found) = by_number(about(&another)) else { panic!("paid for another attempt") };
    assert_eq!(found.out_trade_no, "0123456789ABCDEFGHJKMNPQAZ2");
}

#[test]
fn errors_and_forgeries_are_no_answer_about_a_trade() {
    assert_eq!(query(error(404, "ORDER_NOT_EXIST")), QueryState::NotFound);
    assert_eq!(query(error(404, "ORDERNOTEXIST")), QueryState::NotFound);
    assert_eq!(by_number(error(404, "ORDER_NOT_EXIST")), QueryState::NotFound);
    let unclear = QueryState::Unknown("the HTTP status is not 200");
    for (status, code) in [
        (404, "RESOURCE_NOT_EXISTS"),
        (400, "ORDER_NOT_EXIST"),
        (500, "ORDER_NOT_EXIST"),
        (401, "SIGN_ERROR"),
        (403, "NO_AUTH"),
        (400, "ORDER_CLOSED"),
        (429, "FREQUENCY_LIMITED"),
        (500, "SYSTEM_ERROR"),
        (202, "USERPAYING"),
    ] {
        assert_eq!(query(error(status, code)), unclear, "{status} {code}");
    }
    // Nobody but WeChat Pay says that there is no trade, least of all whoever does not know the merchant.
    let bare = |status, code: &str| HttpReply::bare(status, json!({ "code": code }).to_string().into_bytes());
    assert_eq!(query(bare(404, "ORDER_NOT_EXIST")), QueryState::Unknown("the reply is not signed"));
    assert_eq!(query(bare(401, "SIGN_ERROR")), QueryState::Unknown("WeChat Pay did not recognise the merchant"));
    for genuine in [about(&transaction()), error(404, "ORDER_NOT_EXIST")] {
        for (why, forged) in not_its_own(&genuine) {
            assert_eq!(query(forged.clone()), QueryState::Unknown(why));
            assert_eq!(by_number(forged), QueryState::Unknown(why));
        }
    }
    for body in ["", "null", "<html>", r#"{"a":1}{"b":2}"#] {
        assert!(matches!(query(reply(200, body)), QueryState::Unknown(_)), "{body}");
        assert_eq!(query(reply(404, body)), unclear, "{body}");
    }
}

#[test]
fn closing_is_a_204_and_nothing_else() {
    let close = |reply| once(channel().close(&asked(no()), &CALL).unwrap(), reply).1;
    let (request, told) = once(channel().close(&asked(no()), &CALL).unwrap(), None);
    assert_eq!(request.url, format!("{HOST}/v3/pay/transactions/out-trade-no/{NUMBER}/close"));
    assert_eq!(request.method, "POST");
    assert_eq!(request.body, format!(r#"{{"mchid":"{MCHID}"}}"#).into_bytes());
    assert_eq!(told, CloseState::Unknown("no reply"));
    is_signed(&request);
    assert_eq!(close(Some(reply(204, ""))), CloseState::Closed);
    let unclear = CloseState::Unknown("WeChat Pay gave another answer");
    for (status, code, expected) in [
        (400, "ORDER_CLOSED", CloseState::Closed),
        (400, "ORDERCLOSED", CloseState::Closed),
        (400, "ORDER_PAID", CloseState::Paid),
        (400, "ORDERPAID", CloseState::Paid),
        (202, "USERPAYING", CloseState::Paid),
        (403, "USER_PAYING", CloseState::Paid),
        // The request that makes it may still be on its way.
        (404, "ORDER_NOT_EXIST", unclear.clone()),
        (401, "SIGN_ERROR", unclear.clone()),
        (500, "SYSTEM_ERROR", unclear.clone()),
        (429, "FREQUENCY_LIMITED", unclear.clone()),
        (200, "ORDER_CLOSED", unclear.clone()),
        (204, "ORDER_CLOSED", unclear.clone()),
        (299, "ORDER_CLOSED", unclear.clone()),
        (300, "ORDER_CLOSED", CloseState::Closed),
        (199, "ORDER_CLOSED", CloseState::Closed),
    ] {
        assert_eq!(close(Some(error(status, code))), expected, "{status} {code}");
    }
    assert_eq!(close(Some(reply(200, ""))), unclear);
    assert_eq!(close(Some(HttpReply::bare(204, Vec::new()))), CloseState::Unknown("the reply is not signed"));
    for genuine in [reply(204, ""), error(400, "ORDER_CLOSED")] {
        for (why, forged) in not_its_own(&genuine) {
            assert_eq!(close(Some(forged)), CloseState::Unknown(why));
        }
    }
}

#[test]
fn settings_are_tried_by_asking_about_nothing() {
    let probe = |reply| once(channel().probe(&CALL), reply).1;
    let (request, told) = once(channel().probe(&CALL), None);
    let nothing = "07".repeat(16);
    assert_eq!(request.url, format!("{HOST}/v3/pay/transactions/out-trade-no/{nothing}?mchid={MCHID}"));
    assert_eq!((request.method, told), ("GET", Probe::Unknown("no reply")));
    is_signed(&request);
    assert_eq!(probe(Some(error(404, "ORDER_NOT_EXIST"))), Probe::Works { signed: true });
    let another = Probe::Unknown("WeChat Pay gave another answer");
    let sign = "The merchant's key or the number of its certificate is not the one WeChat Pay knows.";
    for (reply, expected) in [
        (about(&transaction()), another.clone()),
        (error(500, "SYSTEM_ERROR"), another.clone()),
        (error(400, "ORDER_NOT_EXIST"), another.clone()),
        (error(401, "SIGN_ERROR"), Probe::Account(sign)),
        (HttpReply::bare(401, br#"{"code":"SIGN_ERROR"}"#.to_vec()), Probe::Account(sign)),
        (error(403, "NO_AUTH"), Probe::Account("The merchant is not signed for this product.")),
        (error(400, "MCH_NOT_EXISTS"), Probe::Account("There is no such merchant number.")),
        (error(400, "PARAM_ERROR"), another),
        (HttpReply::bare(502, b"<html>".to_vec()), Probe::Unknown("the reply is not signed")),
    ] {
        assert_eq!(probe(Some(reply.clone())), expected, "{reply:?}");
    }
    for (why, forged) in not_its_own(&error(404, "ORDER_NOT_EXIST")) {
        let is_foreign = why.contains("no key") || why.contains("not fit") || why.contains("another way");
        assert_eq!(probe(Some(forged)), if is_foreign { Probe::ForeignKey } else { Probe::Unknown(why) }, "{why}");
    }
}

/// The list of certificates as WeChat Pay sends it: each encrypted for the merchant.
fn list(certificate: &str, key: &str) -> String {
    json!({ "data": [{
        "serial_no": asset("platform_serial"), "effective_time": "2026-06-08T10:34:56+08:00",
        "encrypt_certificate": {
            "algorithm": "AEAD_AES_256_GCM", "nonce": "61f9c719728a", "associated_data": "certificate",
            "ciphertext": encrypted(certificate, key, "61f9c719728a", "certificate"),
        },
    }] })
    .to_string()
}

#[test]
fn certificates_are_fetched_before_any_is_known() {
    let first = settings_with([("platform_key_id", ""), ("platform_key", ""), ("platform_certificates", "")]);
    let pem = asset("platform_certificate");
    let fetch = |reply| once(certificates(&first, &CALL).unwrap(), reply);
    let (request, told) = fetch(None);
    assert_eq!((request.method, request.url), ("GET", format!("{HOST}/v3/certificates")));
    assert_eq!(told, Err("no reply"));
    let genuine = reply_by(By::Platform, 200, &list(pem, API_KEY));
    let found = fetch(Some(genuine.clone())).1.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].serial.as_str(), found[0].pem.as_str()), (asset("platform_serial"), pem));
    // What was fetched is what is pasted.
    let channel =
        channel_with([("platform_key_id", ""), ("platform_key", ""), ("platform_certificates", &found[0].pem)]);
    let signed = reply_by(By::Platform, 200, &transaction().to_string());
    assert_eq!(once(channel.query(&asked(no()), &CALL), Some(signed)).1, paid());

    let by = |body: &str| fetch(Some(reply_by(By::Platform, 200, body))).1;
    assert_eq!(by(&list(pem, "opensNothing0123456789abcdefghiJ")), Err("the APIv3 key does not open a certificate"));
    assert_eq!(by(&list("no certificate", API_KEY)), Err("not a certificate"));
    assert_eq!(by(r#"{"data":{}}"#), Err("the reply has no list"));
    assert_eq!(by("{}"), Err("the reply has no list"));
    assert_eq!(by(r#"{"data":[{}]}"#), Err("an item has no certificate"));
    assert_eq!(by(r#"{"data":[]}"#), Err("the reply is signed under a name that no key is held for"));
    assert_eq!(fetch(Some(error(404, "RESOURCE_NOT_EXISTS"))).1, Err("the HTTP status is not 200"));
    // A short key would verify nothing, so it is told.
    let weak = by(&list(include_str!("../vectors/wechat-weak.pem"), API_KEY));
    assert_eq!(weak, Err("a certificate has no RSA key"));
    // Encrypted for the merchant, but the reply around it is not what was signed.
    for (why, forged) in not_its_own(&genuine) {
        if why.contains("does not fit") && forged != genuine && forged.headers[0] == genuine.headers[0] {
            assert_eq!(fetch(Some(forged)).1, Err(why));
        }
    }
    let foreign = HttpReply { headers: headers(By::Foreign, SECONDS, "n", &genuine.body), ..genuine.clone() };
    let foreign =
        HttpReply { headers: replace(&foreign.headers, "Wechatpay-Serial", asset("platform_serial")), ..foreign };
    assert_eq!(fetch(Some(foreign)).1, Err("the reply's signature does not fit"));
    let old = HttpReply { headers: headers(By::Platform, SECONDS - 301, "n", &genuine.body), ..genuine };
    assert_eq!(fetch(Some(old)).1, Err("the time of the reply is not within five minutes of ours"));
    assert!(certificates(&settings_with([("mchid", "")]), &CALL).is_err());
    // The question is signed with the merchant's certificate alone.
    let call = Call { now: CALL.now, nonce: [7; 16] };
    let (request, _) = once(certificates(&first, &call).unwrap(), None);
    is_signed(&request);
    assert!(request.headers.iter().all(|(name, _)| name != "wechatpay-serial"));
}
