//! The calls of the API, after the merchant was recognised.

use super::super::FakeAnswer;
use super::seal::{self, Keys};
use super::trades::{Refund, State, Trade};
use super::{APPID, MCHID};
use crate::gateway::GatewayRequest;
use payments::Call;
use serde_json::{Value, json};

/// The nearest end that a trade may have, ms from now.
const NEAREST_END_MS: i64 = 300_000;

/// Where a phone's browser is sent.
const PAGE: &str = "/cgi-bin/mmpayweb-bin/checkmweb";

/// An answer before it is signed.
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Said {
    fn object(value: &Value) -> Said {
        Said { status: 200, body: value.to_string() }
    }

    pub(super) fn error(status: u16, code: &str, message: &str) -> Said {
        Said { status, body: json!({ "code": code, "message": message }).to_string() }
    }

    fn no_such_trade() -> Said {
        Said::error(404, "ORDER_NOT_EXIST", "订单不存在")
    }
}

/// The page of H5, which is for people and needs no signature. `None` when something else is asked for.
pub(super) fn page(request: &GatewayRequest) -> Option<FakeAnswer> {
    let is_page = request.method == "GET" && request.path == PAGE;
    let headers = vec![("Content-Type".to_owned(), "text/html; charset=utf-8".to_owned())];
    let body = "<!doctype html><meta charset=\"utf-8\"><title>微信支付</title><p>此处会打开微信。This is where WeChat would open.";
    is_page.then(|| FakeAnswer { status: 200, headers, body: body.as_bytes().to_vec() })
}

/// Carries a request out.
pub(super) fn carry_out(state: &mut State, keys: &Keys, request: &GatewayRequest, call: &Call) -> Said {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let path: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    let is_ours = request.query == format!("mchid={MCHID}");
    let other = || Said::error(400, "PARAM_ERROR", "商户号与请求不一致");
    let told = |trade: Option<&Trade>| {
        trade.map_or_else(Said::no_such_trade, |trade| Said::object(&trade.as_json(APPID, MCHID, call.now)))
    };
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["v3", "pay", "transactions", "out-trade-no" | "id", _]) if !is_ours => other(),
        ("GET", ["v3", "pay", "transactions", "out-trade-no", number]) => told(state.trade(number)),
        ("GET", ["v3", "pay", "transactions", "id", number]) => told(state.paid_as(number).map(|trade| &*trade)),
        ("POST", ["v3", "pay", "transactions", "out-trade-no", number, "close"]) => {
            if at(&body, "/mchid") == MCHID {
                close(state, number, call.now)
            } else {
                other()
            }
        }
        ("POST", ["v3", "pay", "transactions", product @ ("native" | "h5" | "jsapi")]) => {
            make(state, product, &body, request, call)
        }
        ("POST", ["v3", "refund", "domestic", "refunds"]) => send_back(state, &body, call.now),
        ("GET", ["v3", "refund", "domestic", "refunds", number]) => refund(state, number, call.now),
        ("GET", ["v3", "certificates"]) => Said::object(&json!({ "data": [{
            "serial_no": keys.asset("platform_serial"),
            "effective_time": seal::time(call.now),
            "expire_time": seal::time(call.now + 5 * 365 * 86_400_000),
            "encrypt_certificate": keys.encrypt(keys.asset("platform_certificate"), "certificate", call),
        }] })),
        _ => Said::error(404, "NOT_FOUND", "接口不存在"),
    }
}

/// The value at a JSON pointer, or null.
fn at<'a>(body: &'a Value, pointer: &str) -> &'a Value {
    body.pointer(pointer).unwrap_or(&Value::Null)
}

/// What is wrong with the fields of a new trade.
fn fault(product: &str, body: &Value, now: i64) -> Option<Said> {
    let wrong = |field: &str| Some(Said::error(400, "PARAM_ERROR", &format!("输入源“/body/{field}”不符合要求")));
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    if at(body, "/appid") != APPID || at(body, "/mchid") != MCHID {
        return Some(Said::error(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配"));
    }
    let words = text("description");
    if !(1..=127).contains(&words.chars().count()) || words.chars().any(|c| c.len_utf8() > 3) {
        return wrong("description");
    }
    let number = text("out_trade_no");
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_-|*".contains(&b);
    if !(6..=32).contains(&number.len()) || !number.bytes().all(fits) {
        return wrong("out_trade_no");
    }
    let url = text("notify_url");
    // The real one takes https alone; this one is told of shops on its own machine, which have no certificate.
    let is_address = url.starts_with("https://") || url.starts_with("http://127.0.0.1");
    if !is_address || url.contains(['?', '#']) || url.len() > 256 {
        return wrong("notify_url");
    }
    if at(body, "/amount/total").as_i64().unwrap_or_default() <= 0 || at(body, "/amount/currency") != "CNY" {
        return wrong("amount");
    }
    if seal::milliseconds(text("time_expire")).unwrap_or_default() < now + NEAREST_END_MS {
        return wrong("time_expire");
    }
    let ip = at(body, "/scene_info/payer_client_ip").as_str().unwrap_or_default();
    if product == "h5" && (ip.parse::<std::net::IpAddr>().is_err() || at(body, "/scene_info/h5_info/type") != "Wap") {
        return wrong("scene_info");
    }
    if product == "jsapi" && at(body, "/payer/openid").as_str().unwrap_or_default().is_empty() {
        return wrong("payer/openid");
    }
    None
}

fn make(state: &mut State, product: &str, body: &Value, request: &GatewayRequest, call: &Call) -> Said {
    if let Some(fault) = fault(product, body, call.now) {
        return fault;
    }
    let number = at(body, "/out_trade_no").as_str().unwrap_or_default();
    match state.trade(number) {
        Some(trade) if trade.asked.body != request.body || trade.product != product => {
            return Said::error(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致");
        }
        Some(trade) if !trade.is_open(call.now) => {
            return Said::error(403, "OUT_TRADE_NO_USED", "商户订单号重复");
        }
        Some(_) => {}
        None => state.trades.push(Trade {
            number: number.to_owned(),
            product: product.to_owned(),
            total: at(body, "/amount/total").as_i64().unwrap_or_default(),
            notify_url: at(body, "/notify_url").as_str().unwrap_or_default().to_owned(),
            end: seal::milliseconds(at(body, "/time_expire").as_str().unwrap_or_default()).unwrap_or_default(),
            is_closed: false,
            payment: None,
            refunds: Vec::new(),
            asked: request.clone(),
        }),
    }
    // The same trade has the same code, however often it is asked for.
    Said::object(&match product {
        "native" => json!({ "code_url": format!("weixin://wxpay/bizpayurl?pr={number}") }),
        "h5" => {
            let host = seal::header(request, "host").unwrap_or("127.0.0.1");
            json!({ "h5_url": format!("http://{host}{PAGE}?prepay_id=wx{number}&package=1") })
        }
        _ => json!({ "prepay_id": format!("wx{number}") }),
    })
}

fn close(state: &mut State, number: &str, now: i64) -> Said {
    let Some(trade) = state.trade_mut(number) else { return Said::no_such_trade() };
    if trade.payment.is_some() {
        return Said::error(400, "ORDERPAID", "该订单已支付");
    }
    if !trade.is_open(now) {
        return Said::error(400, "ORDER_CLOSED", "订单已关闭");
    }
    trade.is_closed = true;
    Said { status: 204, body: String::new() }
}

fn send_back(state: &mut State, body: &Value, now: i64) -> Said {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = text("out_refund_no");
    let (minor, total) = (at(body, "/amount/refund").as_i64(), at(body, "/amount/total").as_i64());
    let (Some(minor @ 1..), Some(total), "CNY") =
        (minor, total, at(body, "/amount/currency").as_str().unwrap_or_default())
    else {
        return Said::error(400, "PARAM_ERROR", "退款金额不正确");
    };
    if number.is_empty() || number.len() > 64 {
        return Said::error(400, "PARAM_ERROR", "退款单号不正确");
    }
    let Some(trade) = state.paid_as(text("transaction_id")) else {
        return Said::error(404, "RESOURCE_NOT_EXISTS", "订单不存在");
    };
    let paid = trade.payment.as_ref().map_or(0, |payment| payment.total);
    let left = paid - trade.returned();
    match trade.refunds.iter().position(|refund| refund.number == number) {
        Some(at) if trade.refunds.get(at).is_some_and(|refund| refund.minor != minor) || total != paid => {
            return Said::error(400, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致");
        }
        Some(_) => {}
        None if total != paid || minor > left => {
            return Said::error(400, "INVALID_REQUEST", "订单已全额退款或退款金额大于可退金额");
        }
        None => {
            let under_way = Refund { number: number.to_owned(), minor, is_done: false };
            let told = trade.refund_json(&under_way, now);
            trade.refunds.push(under_way);
            return Said::object(&told);
        }
    }
    refund(state, number, now)
}

/// A refund that is asked about has arrived by then.
fn refund(state: &mut State, number: &str, now: i64) -> Said {
    for trade in &mut state.trades {
        if let Some(refund) = trade.refunds.iter_mut().find(|refund| refund.number == number) {
            refund.is_done = true;
        }
        if let Some(refund) = trade.refunds.iter().find(|refund| refund.number == number) {
            return Said::object(&trade.refund_json(refund, now));
        }
    }
    Said::error(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
}
