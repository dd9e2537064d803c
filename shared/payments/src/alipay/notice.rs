//! Which requests are Alipay's notifications.

use super::{Account, wire};
use crate::canonical::{self, Case, Family, Tail};
use crate::form::{self, NotForm};
use crate::{Notice, Paid, RawRequest, Reject};
use domain::limits::BODY_MAX;
use domain::money;

/// What a notification's signature is over. Requests differ: theirs covers the kind of the signature too.
const FAMILY: Family = Family { drop: &["sign", "sign_type"], tail: Tail::None, case: Case::Lower };

/// The one type of notification that is about a trade. Others have the variant of the signature that covers `sign_type`, which is not
/// tried here: whoever accepts two readings of one text accepts more than was signed.
const TYPE: &str = "trade_status_sync";

/// Checks in this order: transport, form, one reading only, signature, application, seller, completeness, type, status, money.
/// Everything before the signature can be caused by anybody and tells nothing about keys.
///
/// The time in it is signed and not looked at: Alipay repeats a notification for 25 hours, so that an old one is no forgery, and
/// booking is idempotent.
pub(super) fn read(account: &Account, request: &RawRequest<'_>) -> Result<Notice, Reject> {
    let pairs = form::parse(body_of(request)?).map_err(|fault| match fault {
        NotForm::Duplicate => Reject::Ambiguous(fault.reason()),
        _ => Reject::Malformed(fault.reason()),
    })?;
    // The older kind is SHA-1, which can be forged by collision; its key may be the same.
    if pairs.get("sign_type") != Some("RSA2") {
        return Err(Reject::Malformed("sign_type is not RSA2"));
    }
    if let Some(why) = canonical::ambiguity(pairs.iter()) {
        return Err(Reject::Ambiguous(why));
    }
    let sign = pairs.get("sign").unwrap_or_default();
    if !account.platform.verifies(FAMILY.text(pairs.iter()).as_bytes(), sign) {
        return Err(Reject::BadSignature);
    }
    // One key of Alipay's may sign for several applications of a merchant, and one application may collect for several sellers.
    if pairs.get("app_id") != Some(account.app_id.as_str()) {
        return Err(Reject::OtherMerchant);
    }
    if account.seller_id.as_deref().is_some_and(|seller| pairs.get("seller_id") != Some(seller)) {
        return Err(Reject::OtherMerchant);
    }
    // What the buyer's browser brings back is signed with the same key over nearly the same fields. It names no status, and it is the
    // buyer who brings it.
    let field = |name| pairs.filled(name).ok_or(Reject::NotANotice);
    let (kind, status) = (field("notify_type")?, field("trade_status")?);
    let (out_trade_no, trade_no, total) = (field("out_trade_no")?, field("trade_no")?, field("total_amount")?);
    if kind != TYPE || !wire::PAID.contains(&status) || is_refund(&pairs) {
        return Ok(Notice::NotPaid);
    }
    // What was asked for. `receipt_amount` and `buyer_pay_amount` lack what a coupon paid.
    let amount = wire::amount(total, pairs.filled("trans_currency")).ok_or(Reject::Unusable("total_amount"))?;
    if !wire::is_usable(trade_no) {
        return Err(Reject::Unusable("trade_no"));
    }
    Ok(Notice::Paid(Paid {
        out_trade_no: out_trade_no.to_owned(),
        provider_number: trade_no.to_owned(),
        amount,
        method: None,
    }))
}

/// Whether it tells of money that went back: after a part Alipay reports "paid" once more.
fn is_refund(pairs: &form::Pairs) -> bool {
    let is_nothing = |fee: &str| money::parse_minor(fee, super::CURRENCY.exponent()) == Ok(0);
    pairs.filled("gmt_refund").is_some() || pairs.filled("refund_fee").is_some_and(|fee| !is_nothing(fee))
}

/// The bytes that hold the fields. The address that Alipay was given has no query, and what says its fields twice could be read in two
/// ways.
fn body_of<'a>(request: &RawRequest<'a>) -> Result<&'a [u8], Reject> {
    if request.method != "POST" {
        return Err(Reject::Malformed("not a POST"));
    }
    if !request.query.is_empty() {
        return Err(Reject::Ambiguous("both a query and a body"));
    }
    let kind = request.header("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if !kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Reject::Malformed("the body is not a form"));
    }
    if request.body.len() > BODY_MAX {
        return Err(Reject::Malformed("too long"));
    }
    Ok(request.body)
}
