//! What 易支付 says when it does not do what it was asked, word for word. Source: 彩虹易支付 (its `Pay`, `Order` and `ApiHelper`
//! classes and `api.php`), and older forks of it.
//!
//! Whatever is not in these lists is no answer: words of a fork, of an upstream provider, or of a server in trouble. What is told on
//! is the text of the list and never the text that came.

use crate::CreateError;

/// Refusals to listen at all: the gateway does not know us, or we signed otherwise than it reads.
const NOT_LET_IN: [(i64, &str); 12] = [
    (-3, "PID不存在"),
    (-2, "KEY校验失败"),
    (-3, "商户ID不存在"),
    (-3, "商户密钥错误"),
    (-3, "该商户只能使用RSA签名类型"),
    (-1, "商户不存在"),
    (-1, "商户已被封禁"),
    (-3, "MD5签名校验失败"),
    (-3, "RSA签名校验失败"),
    (-3, "签名校验失败，商户公钥错误"),
    // More than five minutes between the gateway's clock and ours. Nothing is signed wrongly, and yet nothing works.
    (-3, "时间戳字段不正确，请检查服务器时间"),
    (-5, "接口方法不存在"),
];

/// Refusals to take money for this merchant, all of them before anything was made.
const NO_SALE: [&str; 8] = [
    "商户已被封禁，无法支付",
    "商户未通过审核，无法支付",
    "当前商户未完成实名认证，无法收款",
    "当前商户未填写联系QQ，无法收款",
    "该域名不可发起支付，原因：域名没过白，请前往支付平台授权支付域名",
    "商户保证金不足，请前往支付平台充值保证金后再发起支付",
    "PID不存在",
    "签名校验失败，请返回重试",
];

/// Refusals of one order, all of them before anything was made.
const NOT_MADE: [&str; 6] = [
    "金额不合法",
    "用户IP地址(clientip)不能为空",
    "该商品禁止出售",
    "你今天已无法再发起支付，请明天再试",
    "本次支付需要安全验证，请使用跳转支付接口发起支付",
    "创建订单失败，请返回重试",
];

/// The merchant may not send money back through the API, so that no such call does.
const NO_REFUNDS: [&str; 3] = ["未开启商户后台自助退款", "管理员未开启商户后台自助退款", "商户未开启订单退款API接口"];

/// Messages that mean, to the letter, that this call sent nothing back: no such trade, not paid, more than is left, no
/// amount. Any other refusal may have come from further up, after the money was on its way.
const NOTHING_SENT: [&str; 12] = [
    "订单号不存在",
    "订单不存在",
    "当前订单不存在",
    "该订单未支付，不能退款",
    "该订单状态不支持退款",
    "退款金额大于可退金额",
    "退款金额不能大于订单金额",
    "退款金额不能超过该订单剩余可退款金额",
    "退款金额不正确",
    "金额输入错误",
    "接口订单号不存在",
    "商户余额不足，请先充值",
];

/// Messages that mean, to the letter, that the gateway has no such trade: 彩虹易支付 writes the first, forks the second.
/// Every other refusal (a wrong key, an unknown merchant, "try later") is no answer about the trade.
const NO_SUCH_TRADE: [&str; 2] = ["订单号不存在", "订单不存在"];

/// A message without the marks that one gateway sets at its end and another does not.
fn bare(message: &str) -> &str {
    message.trim_end_matches(['!', '！', '.', '。'])
}

/// The list's own words for a message, if it is one of them.
fn among(list: &[&'static str], message: &str) -> Option<&'static str> {
    list.iter().copied().find(|known| *known == bare(message))
}

/// Why the gateway does not let the account in, if that is what it says.
pub(crate) fn not_let_in(code: i64, message: &str) -> Option<&'static str> {
    NOT_LET_IN.into_iter().find(|known| *known == (code, bare(message))).map(|(_, words)| words)
}

/// Whether the gateway says that it has no such trade.
pub(crate) fn is_no_such_trade(message: &str) -> bool {
    among(&NO_SUCH_TRADE, message).is_some()
}

/// Why nothing of this trade went back by this call, if that is what the gateway says.
pub(crate) fn nothing_sent(message: &str) -> Option<&'static str> {
    among(&NOTHING_SENT, message)
}

/// Why this account sends nothing back at all, if that is what the gateway says.
pub(crate) fn no_refunds(code: i64, message: &str) -> Option<&'static str> {
    not_let_in(code, message).or_else(|| among(&NO_REFUNDS, message))
}

/// What a refusal to make an attempt means. Gateways write refusals after they have made a trade as well (a limit of the way to pay,
/// an upstream provider that does not answer), so all but the known ones leave the question open.
pub(crate) fn not_made(code: i64, message: &str) -> CreateError {
    if code >= 0 {
        // Success somewhere: from a gateway that we are wrong about, it is no refusal.
        return CreateError::Unknown("the code means success in another fork");
    }
    if let Some(words) = not_let_in(code, message).or_else(|| among(&NO_SALE, message)) {
        return CreateError::Account(words);
    }
    if let Some(words) = among(&NOT_MADE, message) {
        return CreateError::Refused(words);
    }
    // The limits that a gateway sets for all its merchants or for one of them are asked about before anything is made.
    let is_limit = |before: &str| {
        let amount = message.strip_prefix(before).and_then(|rest| rest.strip_suffix("元"));
        amount.is_some_and(|amount| !amount.is_empty() && amount.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
    };
    if is_limit("最大支付金额是") {
        CreateError::Refused("the amount is above what this gateway takes")
    } else if is_limit("最小支付金额是") {
        CreateError::Refused("the amount is below what this gateway takes")
    } else {
        CreateError::Unknown("the gateway gave another answer")
    }
}
