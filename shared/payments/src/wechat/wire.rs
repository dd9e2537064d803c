//! What WeChat Pay answers: transactions, refunds and errors, as JSON. Everything that is read here was proven to be its own before.

use super::CURRENCY;
use super::platform::Unproven;
use crate::json::{self, Fields};
use crate::{CloseState, CreateError, Paid, Probe, QueryState, RefundState, RefundView};
use domain::limits::PROVIDER_NUMBER_MAX;
use domain::{Currency, Money, money};

/// A reply whose signature fits.
pub(super) struct Said<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
}

impl<'a> Said<'a> {
    /// The JSON of a success. The error says why there is none.
    fn fields(&self) -> Result<Fields<'a>, &'static str> {
        if self.status != 200 {
            return Err("the HTTP status is not 200");
        }
        Fields::read(json::object(self.body)?)
    }

    /// The code of an error.
    pub(super) fn code(&self) -> Option<String> {
        if (200..300).contains(&self.status) && self.status != 202 {
            return None;
        }
        Fields::read(json::object(self.body).ok()?).ok()?.string("code")
    }

    /// The sentence of the first list that has this error's code.
    fn known(&self, list: &[(&str, &'static str)]) -> Option<&'static str> {
        let code = self.code()?;
        list.iter().find(|(known, _)| *known == code).map(|(_, words)| *words)
    }

    /// Whether the error says that there is no such trade. The second spelling is that of older documents.
    fn knows_no_such(&self, codes: [&str; 2]) -> bool {
        self.status == 404 && self.code().is_some_and(|code| codes.contains(&code.as_str()))
    }
}

const NO_SUCH_TRADE: [&str; 2] = ["ORDER_NOT_EXIST", "ORDERNOTEXIST"];

/// Errors that say that the account is wrong, or may not do this. WeChat Pay has done nothing.
const NOT_ALLOWED: [(&str, &str); 6] = [
    ("SIGN_ERROR", "The merchant's key or the number of its certificate is not the one WeChat Pay knows."),
    ("NO_AUTH", "The merchant is not signed for this product."),
    ("NOAUTH", "The merchant is not signed for this product."),
    ("MCH_NOT_EXISTS", "There is no such merchant number."),
    ("APPID_MCHID_NOT_MATCH", "The AppID is not bound to the merchant number."),
    ("APPID_NOT_EXIST", "There is no such AppID."),
];

/// Errors that say, to the letter, that no trade was made. Not among them: `OUT_TRADE_NO_USED`, `ORDERPAID` and `INVALID_REQUEST`, which
/// is also said of a number that was used before with other fields. Then an earlier call has made one.
const NOT_MADE: [(&str, &str); 3] = [
    ("PARAM_ERROR", "WeChat Pay does not take a field of the request."),
    ("FREQUENCY_LIMITED", "WeChat Pay is asked too often."),
    ("OPENID_MISMATCH", "The buyer is not known to this AppID."),
];

/// Errors that say, to the letter, that this call sent nothing back. Not among them: too many calls and faults of WeChat Pay, after which
/// the same refund is simply asked for again.
const NOT_SENT_BACK: [(&str, &str); 6] = [
    ("NOT_ENOUGH", "The merchant's balance is too small. Fill it up, then try again."),
    ("NOTENOUGH", "The merchant's balance is too small. Fill it up, then try again."),
    ("RESOURCE_NOT_EXISTS", "WeChat Pay knows no such payment."),
    ("USER_ACCOUNT_ABNORMAL", "The buyer's account was closed. Return the money another way."),
    (
        "INVALID_REQUEST",
        "WeChat Pay does not refund this: more than is left, too old, or another amount under the same number.",
    ),
    ("PARAM_ERROR", "WeChat Pay does not take a field of the request."),
];

/// A number of WeChat Pay's own, as it may stand in an address.
pub(super) fn is_transaction_id(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// A number of a refund.
pub(super) fn is_refund_no(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Who a buyer is to one AppID.
pub(super) fn is_openid(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// A whole number of a JSON number's text. WeChat Pay counts in 分, so there is no decimal point.
fn whole(fields: &Fields<'_>, name: &str) -> Option<i64> {
    money::parse_minor(fields.raw(name)?.get(), 0).ok()
}

/// A transaction, from a notification or a reply.
pub(super) struct Transaction<'a, 'b>(pub(super) &'a Fields<'b>);

impl Transaction<'_, '_> {
    /// The one state that means paid.
    pub(super) const PAID: &'static str = "SUCCESS";

    /// Whether it is of this application and merchant.
    pub(super) fn is_for(&self, appid: &str, mchid: &str) -> bool {
        self.0.string("appid").as_deref() == Some(appid) && self.0.string("mchid").as_deref() == Some(mchid)
    }

    pub(super) fn state(&self) -> Option<String> {
        self.0.string("trade_state")
    }

    /// The payment. The error names the field that cannot be used.
    pub(super) fn paid(&self) -> Result<Paid, &'static str> {
        let usable =
            |text: &String| (1..=PROVIDER_NUMBER_MAX).contains(&text.len()) && !text.contains(char::is_control);
        let amount = self.0.object("amount").ok_or("amount")?;
        let minor = whole(&amount, "total").ok_or("amount.total")?;
        // Who pays with a coupon pays less than the total, and the merchant gets the total: `payer_total` is not looked at.
        let currency = match amount.raw("currency") {
            None => CURRENCY,
            Some(_) => amount.string("currency").and_then(|code| Currency::parse(&code)).ok_or("amount.currency")?,
        };
        Ok(Paid {
            out_trade_no: self.0.string("out_trade_no").filter(usable).ok_or("out_trade_no")?,
            provider_number: self.0.string("transaction_id").filter(usable).ok_or("transaction_id")?,
            amount: Money { minor, currency },
            method: self.0.string("trade_type").filter(usable),
        })
    }
}

/// The number by which a trade is asked about.
pub(super) enum Asked {
    /// Ours, of the attempt.
    OutTradeNo(String),
    /// WeChat Pay's own.
    TransactionId(String),
}

impl Asked {
    /// The end of the address.
    pub(super) fn path(&self) -> String {
        match self {
            Asked::OutTradeNo(number) => format!("out-trade-no/{number}"),
            Asked::TransactionId(number) => format!("id/{number}"),
        }
    }

    /// The field of the reply that repeats the number, and the number.
    fn field(&self) -> (&'static str, &str) {
        match self {
            Asked::OutTradeNo(number) => ("out_trade_no", number),
            Asked::TransactionId(number) => ("transaction_id", number),
        }
    }
}

/// What a reply says about the trade asked for. The error says why it says nothing.
pub(super) fn state(said: &Said<'_>, appid: &str, mchid: &str, asked: &Asked) -> Result<QueryState, &'static str> {
    if said.knows_no_such(NO_SUCH_TRADE) {
        return Ok(QueryState::NotFound);
    }
    let fields = said.fields()?;
    let transaction = Transaction(&fields);
    if !transaction.is_for(appid, mchid) {
        return Err("the reply is about another merchant or application");
    }
    let (name, number) = asked.field();
    if fields.string(name).as_deref() != Some(number) {
        return Err("the reply is about another trade");
    }
    match transaction.state().as_deref() {
        Some(Transaction::PAID) => {
            transaction.paid().map(QueryState::Paid).map_err(|_| "paid, with a field that cannot be used")
        }
        Some("NOTPAY" | "USERPAYING") => Ok(QueryState::Pending),
        Some("CLOSED") => Ok(QueryState::Closed),
        // Also after a part. A shop that sends whole amounts back may read it as all.
        Some("REFUND") => Ok(QueryState::Refunded),
        // REVOKED and PAYERROR come of codes that a buyer shows to a cashier, which no attempt of ours is.
        _ => Err("the state is none that this trade can have"),
    }
}

/// Why nothing is known of an attempt, or that none was made.
pub(super) fn not_made(fault: Unproven) -> CreateError {
    match fault {
        Unproven::NotLetIn => CreateError::Account(SIGN_ERROR),
        Unproven::NotSent => CreateError::Refused(fault.why()),
        _ => CreateError::Unknown(fault.why()),
    }
}

/// What is told of a merchant who was not recognised.
const SIGN_ERROR: &str = NOT_ALLOWED[0].1;

/// The fields of an attempt that was made.
pub(super) fn made<'a>(said: &Said<'a>) -> Result<Fields<'a>, CreateError> {
    if let Some(words) = said.known(&NOT_ALLOWED) {
        return Err(CreateError::Account(words));
    }
    if let Some(words) = said.known(&NOT_MADE) {
        return Err(CreateError::Refused(words));
    }
    said.fields().map_err(CreateError::Unknown)
}

/// What a reply says about closing. The error says why it says nothing.
///
/// A trade that does not exist is not closed: the request that makes it may still be on its way.
pub(super) fn closed(said: &Said<'_>) -> Result<CloseState, &'static str> {
    if said.status == 204 && said.body.is_empty() {
        return Ok(CloseState::Closed);
    }
    match said.code().as_deref() {
        Some("ORDER_CLOSED" | "ORDERCLOSED") => Ok(CloseState::Closed),
        Some("ORDER_PAID" | "ORDERPAID" | "USERPAYING" | "USER_PAYING") => Ok(CloseState::Paid),
        _ => Err("WeChat Pay gave another answer"),
    }
}

/// The refund that a reply has to be about.
pub(super) struct Refund {
    refund_no: String,
    transaction_id: String,
    minor: i64,
}

impl Refund {
    pub(super) fn of(refund: &RefundView<'_>) -> Refund {
        Refund {
            refund_no: refund.refund_no.to_owned(),
            transaction_id: refund.provider_number.to_owned(),
            minor: refund.amount.minor,
        }
    }
}

/// What the reply to a refund says. The error says why it says nothing.
pub(super) fn refunded(said: &Said<'_>, expected: &Refund) -> Result<RefundState, &'static str> {
    match said.known(&NOT_SENT_BACK).or_else(|| said.known(&NOT_ALLOWED)) {
        Some(words) => Ok(RefundState::Refused(words)),
        None => refund_state(said, expected),
    }
}

/// What a reply says about a refund that was asked for. The error says why it says nothing.
pub(super) fn refund_state(said: &Said<'_>, expected: &Refund) -> Result<RefundState, &'static str> {
    let fields = said.fields()?;
    let is = |name: &str, value: &str| fields.string(name).as_deref() == Some(value);
    if !is("out_refund_no", &expected.refund_no) || !is("transaction_id", &expected.transaction_id) {
        return Err("the reply is about another refund");
    }
    let amount = fields.object("amount").ok_or("the reply has no amount")?;
    if whole(&amount, "refund") != Some(expected.minor) || amount.string("currency").as_deref() != Some(CURRENCY.code())
    {
        return Err("the reply is about another amount");
    }
    match fields.string("status").as_deref() {
        Some("SUCCESS") => Ok(RefundState::Done),
        Some("PROCESSING") => Ok(RefundState::UnderWay),
        // This number sends nothing any more, and nothing has gone.
        Some("CLOSED") => Ok(RefundState::Refused("WeChat Pay closed this refund; nothing went back.")),
        // The buyer's bank sent the money back. Nothing moves any more until a person acts in the merchant platform, so a person has to
        // see it; the same number again sends nothing more.
        Some("ABNORMAL") => Ok(RefundState::Refused(
            "The buyer's bank did not take the money. Finish this refund by hand in the merchant platform.",
        )),
        _ => Err("the status of the refund is unknown"),
    }
}

/// What came of asking about a trade that nobody made.
pub(super) fn tried(heard: Result<Said<'_>, Unproven>) -> Probe {
    let said = match heard {
        Ok(said) => said,
        Err(Unproven::NotLetIn) => return Probe::Account(SIGN_ERROR),
        Err(Unproven::Key | Unproven::Signature | Unproven::Kind) => return Probe::ForeignKey,
        Err(fault) => return Probe::Unknown(fault.why()),
    };
    if said.knows_no_such(NO_SUCH_TRADE) {
        return Probe::Works { signed: true };
    }
    said.known(&NOT_ALLOWED).map_or(Probe::Unknown("WeChat Pay gave another answer"), Probe::Account)
}
