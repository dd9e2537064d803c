//! What the gateway tells the shop: the notification, and the same fields on the buyer's way back.

use super::Merchant;
use super::trades::Trade;
use domain::money;
use payments::canonical::{Case, Family, Tail};
use payments::form;

/// Milliseconds to wait before each repetition of an unacknowledged notification: 1, 3 and 20 minutes, 1 and 2 hours, then
/// never. The first counts from the payment, each further one from the one before it.
const RETRIES_MS: [i64; 5] = [60_000, 180_000, 1_200_000, 3_600_000, 7_200_000];

/// 易支付 v1: the sorted fields without these two, the key directly behind them, MD5 in small letters.
pub(super) const FAMILY: Family = Family { drop: &["sign", "sign_type"], tail: Tail::Key, case: Case::Lower };

/// When the repetition after `done` of them is due, if there is one more.
pub(super) fn retry_after(done: usize, now: i64) -> Option<i64> {
    RETRIES_MS.get(done).map(|wait| now.saturating_add(*wait))
}

/// Whether a shop's answer acknowledges: the gateway looks for the word and for nothing else, not even the status.
pub fn acknowledges(body: &[u8]) -> bool {
    body.windows(b"success".len()).any(|window| window.eq_ignore_ascii_case(b"success"))
}

/// The address to GET so that the shop hears of this payment.
pub(super) fn notify_url(merchant: &Merchant, trade: &Trade) -> String {
    join(&trade.asked.notify_url, &fields(merchant, trade))
}

/// Where the buyer goes back to. Only after a payment does it carry the signed fields: they are as good as a notification.
pub(super) fn return_url(merchant: &Merchant, trade: &Trade) -> String {
    match trade.paid {
        Some(_) => join(&trade.asked.return_url, &fields(merchant, trade)),
        None => trade.asked.return_url.clone(),
    }
}

/// The signed fields in the order in which 彩虹易支付 writes them. The shop must not depend on it.
fn fields(merchant: &Merchant, trade: &Trade) -> String {
    let asked = &trade.asked;
    let money = php_float(trade.fen());
    // The cashier lets the buyer choose; here everybody chooses the first.
    let method = if asked.method.is_empty() { "alipay" } else { &asked.method };
    let mut fields = vec![
        ("pid", merchant.pid.as_str()),
        ("trade_no", &trade.trade_no),
        ("out_trade_no", &asked.out_trade_no),
        ("type", method),
        ("name", &asked.name),
        ("money", &money),
        ("trade_status", "TRADE_SUCCESS"),
    ];
    if !asked.param.is_empty() {
        fields.push(("param", &asked.param));
    }
    let sign = FAMILY.md5(fields.iter().copied(), merchant.key.expose());
    fields.extend([("sign", sign.as_str()), ("sign_type", "MD5")]);
    // PHP's urlencode writes a space as `+`. An escaped percent sign is `%25`, so `%20` can only be a space.
    form::write(fields).replace("%20", "+")
}

/// As PHP does it: an address that has a query already gets the fields appended to it.
fn join(url: &str, fields: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{fields}")
}

/// An amount as PHP prints a float: 1.00 is `1`, 9.90 is `9.9`.
fn php_float(fen: i64) -> String {
    let text = money::decimal(fen, 2);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
