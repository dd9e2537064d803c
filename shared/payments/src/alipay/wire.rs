//! What Alipay answers: one JSON object, in it the answer itself, and beside it the signature over the answer's exact text.

use super::{Account, CURRENCY, words};
use crate::json::{Fields, object_of};
use crate::{CloseState, CreateError, Created, HttpReply, Paid, Probe, QueryState, RefundState, Started};
use domain::limits::PROVIDER_NUMBER_MAX;
use domain::{Currency, Money, money};

/// The code of an answer that says yes.
const YES: &str = "10000";

/// Characters of a code, which a camera has to read; Alipay's own have some fifty.
const CODE_MAX: usize = 300;

/// The code of an answer that says no for a reason of the business, which its `sub_code` names.
const NO: &str = "40004";

/// There is no such trade, or none yet: a code that nobody has scanned is none.
const NO_TRADE: &str = "ACQ.TRADE_NOT_EXIST";

/// The trade can no longer be closed: it is paid, or closed already.
const WRONG_STATUS: [&str; 2] = ["ACQ.TRADE_STATUS_ERROR", "ACQ.REASON_TRADE_STATUS_INVALID"];

/// Statuses that mean paid. The second one cannot be sent back any more.
pub(super) const PAID: [&str; 2] = ["TRADE_SUCCESS", "TRADE_FINISHED"];

/// Whether an answer is Alipay's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Proof {
    /// Its signature fits, and its certificate is the one that we have.
    Good,
    /// It carries no signature, as some refusals do not.
    Missing,
    /// Its signature is not one of the key that we have.
    Foreign,
    /// It names no certificate or another one than we have, so that the signature cannot be judged.
    OtherCertificate,
}

/// An answer, as its exact text.
pub(super) struct Answer {
    content: String,
    proof: Proof,
}

impl Answer {
    /// Takes a reply to this method apart. The error says why it is no answer.
    pub(super) fn of(reply: Option<HttpReply>, method: &str, account: &Account) -> Result<Answer, &'static str> {
        let reply = reply.ok_or("no reply")?;
        let outer = Fields::read(object_of(&reply)?)?;
        let name = format!("{}_response", method.replace('.', "_"));
        // Of two answers a reader could choose, and the signature is over one.
        let ((Some(content), None) | (None, Some(content))) = (outer.raw(&name), outer.raw("error_response")) else {
            return Err("the reply holds no answer to this question, or two");
        };
        let proof = match (&account.certificates, outer.raw("sign")) {
            (_, None) => Proof::Missing,
            (Some(ours), _) if outer.string("alipay_cert_sn").as_deref() != Some(ours.platform_sn.as_str()) => {
                Proof::OtherCertificate
            }
            (_, Some(_)) => {
                let sign = outer.string("sign").unwrap_or_default();
                let is_good = account.platform.verifies(content.get().as_bytes(), &sign);
                if is_good { Proof::Good } else { Proof::Foreign }
            }
        };
        Ok(Answer { content: content.get().to_owned(), proof })
    }

    /// The answer's fields, whoever wrote them.
    fn said(&self) -> Result<Said<'_>, &'static str> {
        let fields = Fields::read(&self.content)?;
        let code = fields.string("code").ok_or("the answer has no code")?;
        let sub_code = fields.string("sub_code").unwrap_or_default();
        Ok(Said { fields, code, sub_code })
    }

    /// The answer's fields, if Alipay wrote them.
    fn proven(&self) -> Result<Said<'_>, &'static str> {
        match self.proof {
            Proof::Good => self.said(),
            Proof::Missing => Err("the reply is not signed"),
            Proof::Foreign => Err("the reply's signature does not fit"),
            Proof::OtherCertificate => {
                Err("the reply is signed with another certificate of Alipay's than the given one")
            }
        }
    }
}

/// An answer that was read.
struct Said<'a> {
    fields: Fields<'a>,
    code: String,
    sub_code: String,
}

impl Said<'_> {
    fn is_no(&self, sub_code: &str) -> bool {
        self.code == NO && self.sub_code == sub_code
    }

    /// A filled string of this name.
    fn filled(&self, name: &str) -> Option<String> {
        self.fields.string(name).filter(|text| !text.is_empty())
    }

    /// Why Alipay did not say yes, from our own lists.
    fn why_not(&self) -> &'static str {
        words::account(&self.sub_code).unwrap_or("Alipay gave another answer")
    }

    /// Passes for a yes, and says otherwise why it is none.
    fn yes(&self) -> Result<(), &'static str> {
        if self.code == YES { Ok(()) } else { Err(self.why_not()) }
    }

    /// An amount in fen.
    fn fen(&self, name: &str) -> Option<i64> {
        let text = self.fields.scalar(name)?;
        money::parse_minor(&text, CURRENCY.exponent()).ok()
    }
}

/// What a trade is asked about by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// Our own number, of the attempt.
    OutTradeNo(String),
    /// Alipay's number.
    TradeNo(String),
}

impl Asked {
    /// The field that carries the number, and the number.
    pub(super) fn field(&self) -> (&'static str, &str) {
        match self {
            Asked::OutTradeNo(number) => ("out_trade_no", number),
            Asked::TradeNo(number) => ("trade_no", number),
        }
    }
}

/// What an answer to `alipay.trade.query` says. The error says why it says nothing.
pub(super) fn trade(answer: &Answer, asked: &Asked) -> Result<QueryState, &'static str> {
    let said = answer.proven()?;
    let (field, number) = asked.field();
    let told = said.filled(field);
    if said.is_no(NO_TRADE) {
        // A refusal need not repeat the number, but one that names another is about another.
        return match told.is_none_or(|told| told == number) {
            true => Ok(QueryState::NotFound),
            false => Err("the answer is about another trade"),
        };
    }
    said.yes()?;
    if told.as_deref() != Some(number) {
        return Err("the answer is about another trade");
    }
    match said.filled("trade_status").as_deref() {
        Some("WAIT_BUYER_PAY") => Ok(QueryState::Pending),
        Some("TRADE_CLOSED") => closed(&said),
        Some(status) if PAID.contains(&status) => paid(&said).map(QueryState::Paid),
        _ => Err("the trade's status is none that we know"),
    }
}

/// Alipay closes a trade that nobody paid in time, and one whose money all went back, and calls both the same. Only the second was
/// ever paid: it has the time at which. Without that time nothing may hint at money, or the answer is none.
fn closed(said: &Said<'_>) -> Result<QueryState, &'static str> {
    if said.filled("send_pay_date").is_some() {
        return Ok(QueryState::Refunded);
    }
    let has_bills = said.fields.raw("fund_bill_list").is_some_and(|bills| bills.get() != "[]");
    let moved = |name: &str| said.fields.raw(name).is_some() && said.fen(name) != Some(0);
    if has_bills || moved("buyer_pay_amount") || moved("receipt_amount") {
        return Err("closed, and unclear whether it was paid before");
    }
    Ok(QueryState::Closed)
}

fn paid(said: &Said<'_>) -> Result<Paid, &'static str> {
    let usable = |name: &str| said.filled(name).filter(|number| is_usable(number));
    let total = said.fields.scalar("total_amount").ok_or("paid, without an amount")?;
    Ok(Paid {
        out_trade_no: usable("out_trade_no").ok_or("paid, without a number of ours that can be used")?,
        provider_number: usable("trade_no").ok_or("paid, without a number that can be used")?,
        amount: amount(&total, said.filled("trans_currency").as_deref()).ok_or("paid, with an unclear amount")?,
        method: None,
    })
}

/// An amount in the currency that the trade names; without one in yuan. The order compares both.
pub(super) fn amount(total: &str, currency: Option<&str>) -> Option<Money> {
    let currency = currency.map_or(Some(CURRENCY), Currency::parse)?;
    let minor = money::parse_minor(total, currency.exponent()).ok()?;
    Some(Money { minor, currency })
}

/// What an answer to `alipay.trade.precreate` says.
///
/// Nobody can pay without the code. So a refusal of the account counts without a signature too: Alipay signs none for an application
/// that it does not know, and at the worst a code is lost that nobody has seen.
pub(super) fn code(answer: &Answer, number: &str) -> Result<Started, CreateError> {
    if answer.proof == Proof::Missing {
        let said = answer.said().map_err(CreateError::Unknown)?;
        let why = words::account(&said.sub_code).filter(|_| said.code != YES);
        return Err(why.map_or(CreateError::Unknown("the reply is not signed"), CreateError::Account));
    }
    let said = answer.proven().map_err(CreateError::Unknown)?;
    if said.code != YES {
        if let Some(why) = words::account(&said.sub_code) {
            return Err(CreateError::Account(why));
        }
        let why = words::not_made(&said.sub_code);
        return Err(why.map_or(CreateError::Unknown("Alipay gave another answer"), CreateError::Refused));
    }
    if said.filled("out_trade_no").as_deref() != Some(number) {
        return Err(CreateError::Unknown("the answer is about another trade"));
    }
    let code = said.filled("qr_code").ok_or(CreateError::Unknown("the answer holds no code"))?;
    // The page offers it as a link to open the app with, so it is an address and nothing that a browser would run.
    let is_address = code.starts_with("https://") && code.bytes().all(|b| b.is_ascii_graphic());
    if !is_address || code.len() > CODE_MAX {
        return Err(CreateError::Unknown("the code is not an address"));
    }
    Ok(Started::shown(Created::Qr(code)))
}

/// What an answer to `alipay.trade.close` says.
pub(super) enum Closing {
    /// It is closed, or there is none.
    Closed,
    /// It cannot be closed, because it is paid or closed already: the query tells which.
    Ask,
}

/// Reads an answer to `alipay.trade.close`. The error says why it says nothing.
///
/// No trade counts as closed. A code that nobody has scanned has none, and can be scanned until its `time_expire`; every trade is made
/// with one, the end of the shop's own wait, so that no code outlives it.
pub(super) fn closing(answer: &Answer, number: &str) -> Result<Closing, &'static str> {
    let said = answer.proven()?;
    let told = said.filled("out_trade_no");
    if told.as_deref().is_some_and(|told| told != number) {
        return Err("the answer is about another trade");
    }
    if said.is_no(NO_TRADE) {
        return Ok(Closing::Closed);
    }
    if WRONG_STATUS.into_iter().any(|status| said.is_no(status)) {
        return Ok(Closing::Ask);
    }
    said.yes()?;
    told.map(|_| Closing::Closed).ok_or("the answer names no trade")
}

/// What a trade that could not be closed turned out to be.
pub(super) fn not_closed(state: QueryState) -> CloseState {
    match state {
        QueryState::Paid(_) => CloseState::Paid,
        QueryState::Closed | QueryState::Refunded => CloseState::Closed,
        // Alipay has just said that it is past paying, so this contradicts it.
        QueryState::Pending | QueryState::NotFound => CloseState::Unknown("not closed, and not paid either"),
        QueryState::Unknown(why) => CloseState::Unknown(why),
    }
}

/// The refund that an answer must be about.
pub(super) struct Refund {
    pub(super) out_trade_no: String,
    pub(super) trade_no: String,
    pub(super) refund_no: String,
    pub(super) minor: i64,
}

/// What an answer to `alipay.trade.refund` says.
pub(super) enum Sending {
    /// The money has moved.
    Done,
    /// It is taken on, but this call moved nothing: it went back with an earlier one, or has yet to go. The query tells which.
    Ask,
    /// This call sent nothing.
    Refused(&'static str),
}

/// Reads an answer to `alipay.trade.refund`. The error says why it says nothing.
pub(super) fn sending(answer: &Answer, refund: &Refund) -> Result<Sending, &'static str> {
    let said = answer.proven()?;
    if said.code == NO
        && let Some(why) = words::not_sent(&said.sub_code)
    {
        return Ok(Sending::Refused(why));
    }
    if said.code != YES {
        let why = words::account(&said.sub_code);
        return why.map(Sending::Refused).ok_or("Alipay gave another answer");
    }
    is_about(&said, refund)?;
    match said.filled("fund_change").as_deref() {
        Some("Y") => Ok(Sending::Done),
        Some("N") => Ok(Sending::Ask),
        _ => Err("the answer does not say whether money moved"),
    }
}

/// What an answer to `alipay.trade.fastpay.refund.query` says. The error says why it says nothing.
///
/// Without a status the refund was never asked for, or failed. That is no explicit refusal, and the same number may be sent again.
pub(super) fn sent(answer: &Answer, refund: &Refund) -> Result<RefundState, &'static str> {
    let said = answer.proven()?;
    said.yes()?;
    if said.filled("refund_status").as_deref() != Some("REFUND_SUCCESS") {
        return Err("Alipay does not say that the refund succeeded");
    }
    is_about(&said, refund)?;
    if said.filled("out_request_no").as_deref() != Some(refund.refund_no.as_str()) {
        return Err("the answer is about another refund");
    }
    if said.fen("refund_amount") != Some(refund.minor) {
        return Err("another amount went back under this number");
    }
    Ok(RefundState::Done)
}

fn is_about(said: &Said<'_>, refund: &Refund) -> Result<(), &'static str> {
    let is = |name: &str, number: &str| said.filled(name).as_deref() == Some(number);
    if is("trade_no", &refund.trade_no) && is("out_trade_no", &refund.out_trade_no) {
        Ok(())
    } else {
        Err("the answer is about another trade")
    }
}

/// What the answer to a question about no trade says of the account. The error says why it says nothing.
pub(super) fn account(answer: &Answer) -> Result<Probe, &'static str> {
    if matches!(answer.proof, Proof::Foreign | Proof::OtherCertificate) {
        return Ok(Probe::ForeignKey);
    }
    let said = answer.said()?;
    if let Some(why) = words::account(&said.sub_code).filter(|_| said.code != YES) {
        return Ok(Probe::Account(why));
    }
    // Anybody could answer so, and the key that we were given would still be untried.
    if answer.proof == Proof::Missing {
        return Err("the reply is not signed");
    }
    if said.code == YES || said.is_no(NO_TRADE) {
        return Ok(Probe::Works { signed: true });
    }
    Err(said.why_not())
}

/// Whether a number of a trade can be kept and sent.
pub(super) fn is_usable(number: &str) -> bool {
    (1..=PROVIDER_NUMBER_MAX).contains(&number.len()) && !number.contains(char::is_control)
}
