//! Notifications: a signed body with an encrypted transaction inside.

use super::platform::Unproven;
use super::wire::Transaction;
use super::{Account, resource};
use crate::json::{self, Fields};
use crate::{Notice, RawRequest, Reject};
use domain::Millis;
use domain::limits::BODY_MAX;

/// The one kind of event that reports a payment.
const PAID_EVENT: &str = "TRANSACTION.SUCCESS";

impl Account {
    /// Checks in this order: transport, signature, event, encryption, merchant and application, state, fields, time.
    pub(super) fn read(&self, request: &RawRequest<'_>, now: Millis) -> Result<Notice, Reject> {
        if request.method != "POST" {
            return Err(Reject::Malformed("not a POST"));
        }
        if request.body.len() > BODY_MAX {
            return Err(Reject::Malformed("too long"));
        }
        let is_old = match self.platform.check(request.headers, request.body, now) {
            Ok(()) => false,
            Err(Unproven::Time) => true,
            Err(Unproven::Twice) => return Err(Reject::Ambiguous("a header of the signature sent twice")),
            Err(Unproven::Kind) => return Err(Reject::Malformed("signed in another way")),
            Err(_) => return Err(Reject::BadSignature),
        };
        // Replies to our own questions are signed in the same way, and lack what is asked for here.
        let text = json::object(request.body).map_err(|_| Reject::NotANotice)?;
        let fields = Fields::read(text).map_err(|_| Reject::Ambiguous("not one JSON object with each name once"))?;
        if fields.string("event_type").ok_or(Reject::NotANotice)? != PAID_EVENT {
            return Ok(Notice::NotPaid);
        }
        let sealed = fields.object("resource").ok_or(Reject::Unusable("resource"))?;
        // WeChat Pay's key signed that money arrived. If our APIv3 key does not open what is said about it, the seller has changed it there
        // and not here, and somebody has to hear of it.
        let opened = resource::open(&sealed, &self.merchant.api_key).ok_or(Reject::Unusable("resource"))?;
        let opened = Fields::read(&opened).map_err(|_| Reject::Unusable("resource"))?;
        let transaction = Transaction(&opened);
        // The same key of WeChat Pay speaks to all merchant numbers of one owner, and about all their applications.
        if !transaction.is_for(&self.merchant.appid, &self.merchant.mchid) {
            return Err(Reject::OtherMerchant);
        }
        if transaction.state().ok_or(Reject::NotANotice)? != Transaction::PAID {
            return Ok(Notice::NotPaid);
        }
        let paid = transaction.paid().map_err(Reject::Unusable)?;
        // Whoever kept a notification can send it again for ever. What it says was true once, so WeChat Pay is asked whether it still is.
        Ok(if is_old { Notice::Ask(paid.out_trade_no) } else { Notice::Paid(paid) })
    }
}
