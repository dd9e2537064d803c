//! What Alipay refuses with, by `sub_code`: closed lists, so that nothing else it writes gets through.
//! Source: the public and the business error codes of the documents of each call.

/// Refusals to let the application in, or to let it use this product. Nothing is done with any of them.
const ACCOUNT: [(&str, &str); 9] = [
    ("isv.invalid-app-id", "Alipay knows no application of this app_id."),
    ("isv.invalid-signature", "Alipay has another public key for this application than this private key's."),
    ("isv.missing-signature-key", "The application has no public key at Alipay yet."),
    ("isv.missing-signature-config", "The application has no public key at Alipay yet."),
    ("isv.insufficient-isv-permissions", "The application has not signed for this product, or is not online yet."),
    ("isv.insufficient-user-permissions", "The application has not signed for this product, or is not online yet."),
    ("ACQ.ACCESS_FORBIDDEN", "The account has not signed for this product."),
    ("ACQ.PARTNER_ERROR", "The app_id is not this merchant's."),
    ("ACQ.SELLER_BEEN_BLOCKED", "The seller's account at Alipay is blocked."),
];

/// Refusals to make a trade, after which none can be paid under its number. "Already paid" and "made with other words" are no such
/// refusals: there is a trade.
const NOT_MADE: [(&str, &str); 6] = [
    ("isv.invalid-timestamp", "the request's time is not Alipay's"),
    ("isv.invalid-parameter", "a parameter is not to Alipay's liking"),
    ("ACQ.INVALID_PARAMETER", "a parameter is not to Alipay's liking"),
    ("ACQ.TOTAL_FEE_EXCEED", "the amount is above what the account may take"),
    ("ACQ.EXIST_FORBIDDEN_WORD", "the product's name holds a word that Alipay forbids"),
    ("ACQ.TRADE_HAS_CLOSE", "the trade of this number is closed"),
];

/// Refusals to send money back, after which this call has sent nothing, in Alipay's own words and with the code to look up.
const NOT_SENT: [(&str, &str); 14] = [
    ("ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足 (ACQ.SELLER_BALANCE_NOT_ENOUGH)"),
    ("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限 (ACQ.REFUND_AMT_NOT_EQUAL_TOTAL)"),
    ("ACQ.REFUND_FEE_ERROR", "交易退款金额有误 (ACQ.REFUND_FEE_ERROR)"),
    ("ACQ.REASON_TRADE_REFUND_FEE_ERR", "退款金额无效 (ACQ.REASON_TRADE_REFUND_FEE_ERR)"),
    ("ACQ.REASON_TRADE_BEEN_FREEZEN", "请求退款的交易被冻结 (ACQ.REASON_TRADE_BEEN_FREEZEN)"),
    ("ACQ.TRADE_NOT_EXIST", "交易不存在 (ACQ.TRADE_NOT_EXIST)"),
    ("ACQ.TRADE_HAS_FINISHED", "交易已完结 (ACQ.TRADE_HAS_FINISHED)"),
    ("ACQ.TRADE_STATUS_ERROR", "交易状态非法 (ACQ.TRADE_STATUS_ERROR)"),
    ("ACQ.REASON_TRADE_STATUS_INVALID", "交易状态异常 (ACQ.REASON_TRADE_STATUS_INVALID)"),
    ("ACQ.DISCORDANT_REPEAT_REQUEST", "不一致的请求 (ACQ.DISCORDANT_REPEAT_REQUEST)"),
    ("ACQ.TRADE_NOT_ALLOW_REFUND", "当前交易不允许退款 (ACQ.TRADE_NOT_ALLOW_REFUND)"),
    ("ACQ.INVALID_PARAMETER", "参数无效 (ACQ.INVALID_PARAMETER)"),
    ("ACQ.USER_NOT_MATCH_ERR", "交易用户不匹配 (ACQ.USER_NOT_MATCH_ERR)"),
    ("ACQ.CUSTOMER_VALIDATE_ERROR", "账户已注销或者被冻结 (ACQ.CUSTOMER_VALIDATE_ERROR)"),
];

fn find(list: &[(&str, &'static str)], sub_code: &str) -> Option<&'static str> {
    list.iter().find(|(code, _)| *code == sub_code).map(|(_, words)| *words)
}

/// Why the application is not let in.
pub(super) fn account(sub_code: &str) -> Option<&'static str> {
    find(&ACCOUNT, sub_code)
}

/// Why no trade was made.
pub(super) fn not_made(sub_code: &str) -> Option<&'static str> {
    find(&NOT_MADE, sub_code)
}

/// Why no money was sent back.
pub(super) fn not_sent(sub_code: &str) -> Option<&'static str> {
    find(&NOT_SENT, sub_code)
}
