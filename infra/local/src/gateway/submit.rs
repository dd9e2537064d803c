//! `submit.php`: the shop sends the buyer here with a signed order, and a trade comes into being.

use super::trades::{self, Asked};
use super::{Gateway, GatewayAnswer, GatewayRequest, begin, notice, page};
use domain::money;
use payments::form::{self, Pairs};

/// Bytes of a product name that a gateway keeps.
const NAME_MAX: usize = 127;

/// Why an order is refused, in both languages.
type Refused = (u16, &'static str, &'static str);

impl Gateway {
    pub(super) fn submit(&self, request: &GatewayRequest) -> rusqlite::Result<GatewayAnswer> {
        let asked = match self.asked(request) {
            Ok(asked) => asked,
            Err((status, zh, en)) => return Ok(page::refusal(status, zh, en)),
        };
        let mut db = self.db();
        let step = begin(&mut db)?;
        let mut trades = trades::by_order(&step, &asked.out_trade_no)?;
        if trades.is_empty() {
            trades::insert(&step, &self.new_number(), &asked, false, self.now())?;
            trades = trades::by_order(&step, &asked.out_trade_no)?;
        }
        step.commit()?;
        Ok(match trades.first() {
            // Real gateways refuse it for ten days; here it is for ever, because nobody waits ten days.
            Some(first) if !asked.repeats(&first.asked) => page::refusal(
                409,
                "订单号已存在，但金额、商品名或地址不同。请用新的订单号重新下单",
                "This order number exists with another amount, name or address. Use a new order number.",
            ),
            Some(_) => page::checkout(&trades),
            None => page::refusal(500, "沙箱出错了", "The sandbox failed."),
        })
    }

    /// Checks an order as a real gateway does: the merchant, the signature over everything sent, then each field.
    fn asked(&self, request: &GatewayRequest) -> Result<Asked, Refused> {
        let raw = if request.method == "POST" { request.body.as_slice() } else { request.query.as_bytes() };
        let pairs = form::parse(raw).map_err(|_| (400, "参数无法读取", "The parameters cannot be read."))?;
        let merchant = &self.inner.merchant;
        if pairs.get("pid") != Some(merchant.pid.as_str()) {
            return Err((400, "商户号(pid)不存在", "There is no such merchant (pid)."));
        }
        if pairs.filled("sign_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("MD5")) {
            return Err((400, "签名类型(sign_type)只支持 MD5", "The only sign_type here is MD5."));
        }
        let sign = pairs.get("sign").unwrap_or_default();
        if !notice::FAMILY.verifies_md5(pairs.iter(), merchant.key.expose(), sign) {
            return Err((400, "签名校验失败，请返回重试", "The signature does not fit."));
        }
        fields(&pairs)
    }
}

fn fields(pairs: &Pairs) -> Result<Asked, Refused> {
    let text = |name: &str| pairs.get(name).unwrap_or_default().to_owned();
    let out_trade_no = text("out_trade_no");
    let letter = |b: u8| b.is_ascii_alphanumeric() || b"._-|".contains(&b);
    if !(1..=64).contains(&out_trade_no.len()) || !out_trade_no.bytes().all(letter) {
        return Err((400, "订单号(out_trade_no)格式不正确", "The order number (out_trade_no) is not well formed."));
    }
    let notify_url = text("notify_url");
    if origin(&notify_url).is_none() {
        return Err((400, "通知地址(notify_url)不正确", "The notify_url is not an http(s) address."));
    }
    let return_url = text("return_url");
    if origin(&return_url).is_none() {
        return Err((400, "回调地址(return_url)不正确", "The return_url is not an http(s) address."));
    }
    let name = cut(pairs.get("name").unwrap_or_default());
    if name.is_empty() {
        return Err((400, "商品名称(name)不能为空", "The product name is missing."));
    }
    let fen = match money::parse_minor(pairs.get("money").unwrap_or_default(), 2) {
        Ok(fen) if fen > 0 => fen,
        _ => return Err((400, "金额(money)不合法", "The amount (money) is not valid.")),
    };
    let method = text("type");
    if method.len() > 20 || !method.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        return Err((400, "支付方式(type)不存在", "There is no such way to pay (type)."));
    }
    Ok(Asked { out_trade_no, method, name, param: text("param"), notify_url, return_url, fen })
}

/// The beginning of a name, as a gateway keeps it.
fn cut(name: &str) -> String {
    let mut kept = String::new();
    for c in name.trim().chars() {
        if kept.len() + c.len_utf8() > NAME_MAX {
            break;
        }
        kept.push(c);
    }
    kept
}

/// The origin (`http(s)://host[:port]`) of an address that can stand in a header as it is. `None` for anything else, such
/// as `javascript:`.
pub(super) fn origin(url: &str) -> Option<&str> {
    let scheme = if url.starts_with("https://") {
        "https://"
    } else if url.starts_with("http://") {
        "http://"
    } else {
        return None;
    };
    let rest = url.get(scheme.len()..)?;
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let host_byte = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    let url_byte = |b: u8| b.is_ascii_graphic() && !b"\"'<>\\^`{|}#".contains(&b);
    let good = !host.is_empty() && host.bytes().all(host_byte) && rest.bytes().all(url_byte);
    good.then(|| url.get(..scheme.len() + host.len())).flatten()
}
