//! What Stripe sends: Checkout Sessions, PaymentIntents, refunds and errors, as its API writes them in the version we pin.

use super::units;
use crate::json::{Fields, object, object_of};
use crate::{HttpReply, Paid, QueryState, RefundState};
use domain::limits::PROVIDER_NUMBER_MAX;
use domain::{Currency, Money, money};
use serde_json::value::RawValue;

/// The name under which the attempt's number, and that of a refund, stand in Stripe's metadata.
pub(super) const ATTEMPT: &str = "attempt";
/// See [`ATTEMPT`].
pub(super) const REFUND_NO: &str = "refund_no";

/// The way it was paid: our sessions take nothing else.
const METHOD: &str = "card";

/// What Stripe says when it does not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// It does not let the key in, or not this far.
    Account(&'static str),
    /// It refused the request and did nothing; its code is inside, empty where it gave none.
    Refused(String),
    /// It has no such thing.
    NotFound,
    /// It takes no requests at the moment and did nothing.
    Busy,
    /// No explicit answer.
    Unknown(&'static str),
}

/// Reads a reply that is not a 200. Only an error that Stripe itself wrote counts: a page of something before it says nothing.
pub(super) fn fault(reply: &HttpReply) -> Fault {
    let Ok(fields) = object(&reply.body).and_then(Fields::read) else {
        return Fault::Unknown("the reply is not the JSON of an error");
    };
    let Some(error) = fields.object("error") else { return Fault::Unknown("the reply is not the JSON of an error") };
    let kind = error.string("type").unwrap_or_default();
    let code = error.string("code").unwrap_or_default();
    let is_refusal = kind == "invalid_request_error";
    match reply.status {
        401 if is_refusal => Fault::Account("Stripe does not know the secret key"),
        403 if is_refusal => Fault::Account("the secret key may not do this"),
        404 if is_refusal && code == "resource_missing" => Fault::NotFound,
        400 | 402 if is_refusal => Fault::Refused(code),
        429 if code == "rate_limit" => Fault::Busy,
        // The same number was sent before with other fields, and that one may have been carried out.
        400 if kind == "idempotency_error" => Fault::Unknown("the number was used before with other fields"),
        _ => Fault::Unknown("Stripe gave another answer"),
    }
}

/// A Checkout Session or a PaymentIntent, of our mode.
pub(super) struct Thing<'a> {
    fields: Fields<'a>,
}

impl<'a> Thing<'a> {
    /// Reads one of this `object` out of a text, and checks that it was made in the mode of our key: a payment in test mode moves no
    /// money and looks the same otherwise.
    pub(super) fn read(text: &'a str, kind: &str, live: bool) -> Result<Thing<'a>, &'static str> {
        let fields = Fields::read(text).map_err(|_| "not JSON, or a name sent twice")?;
        if fields.string("object").as_deref() != Some(kind) {
            return Err("the reply is about something else");
        }
        if flag(&fields, "livemode") != Some(live) {
            return Err("made in the other mode, test or live");
        }
        Ok(Thing { fields })
    }

    /// As [`Thing::read`], out of a good reply.
    pub(super) fn of(reply: &'a HttpReply, kind: &str, live: bool) -> Result<Thing<'a>, &'static str> {
        Thing::read(object_of(reply)?, kind, live)
    }

    /// The text of this name.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.fields.string(name)
    }

    /// Whether it is the one of this id.
    pub(super) fn is(&self, id: &str) -> bool {
        self.text("id").as_deref() == Some(id)
    }

    /// The attempt's number in the metadata, which nobody but the holder of a secret key writes.
    pub(super) fn attempt(&self) -> Option<String> {
        self.fields.object("metadata")?.string(ATTEMPT)
    }

    /// Whether both places where we write the attempt's number hold it. `client_reference_id` alone proves nothing: a payment link of the
    /// same account takes it from its address, where a buyer writes what he likes.
    pub(super) fn is_of(&self, number: &str) -> bool {
        self.attempt().as_deref() == Some(number) && self.text("client_reference_id").as_deref() == Some(number)
    }

    /// The amount of this name in our minor units.
    pub(super) fn amount(&self, name: &str) -> Option<Money> {
        let currency = Currency::parse(&self.text("currency")?.to_ascii_uppercase())?;
        let raw = self.fields.raw(name)?.get();
        units::from_stripe(money::parse_minor(raw, 0).ok()?, currency)
    }

    /// The text of the object inside under this name.
    fn inside(&self, name: &str) -> Option<&'a str> {
        self.fields.raw(name).map(RawValue::get)
    }
}

/// A yes or no of this name; anything else is neither.
fn flag(fields: &Fields<'_>, name: &str) -> Option<bool> {
    match fields.raw(name)?.get() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Whether a number of Stripe's can be kept, and stand in an address without escapes.
pub(super) fn is_usable(number: &str, prefix: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    number.len() <= PROVIDER_NUMBER_MAX
        && number.len() > prefix.len()
        && number.starts_with(prefix)
        && number.bytes().all(plain)
}

/// Whether the charge of a PaymentIntent, which we asked to see, went back as a whole.
fn is_refunded(intent: &Thing<'_>) -> Option<bool> {
    flag(&intent.fields.object("latest_charge")?, "refunded")
}

/// What a Checkout Session says about its attempt, whose number it must hold.
pub(super) fn session_state(reply: &HttpReply, id: &str, number: &str, live: bool) -> Result<QueryState, &'static str> {
    if fault_of(reply) == Some(Fault::NotFound) {
        return Ok(QueryState::NotFound);
    }
    let session = Thing::of(reply, "checkout.session", live)?;
    if !session.is(id) || !session.is_of(number) {
        return Err("the reply is about another attempt");
    }
    let (status, paid) = (session.text("status"), session.text("payment_status"));
    match (status.as_deref(), paid.as_deref()) {
        (Some("open" | "complete"), Some("unpaid")) => Ok(QueryState::Pending),
        (Some("expired"), Some("unpaid")) => Ok(QueryState::Closed),
        (Some("complete"), Some("paid")) => {
            let text = session.inside("payment_intent").ok_or("paid, without a payment")?;
            let intent = Thing::read(text, "payment_intent", live)?;
            let provider_number = intent.text("id").filter(|id| is_usable(id, "pi_"));
            let provider_number = provider_number.ok_or("paid, without a number that can be used")?;
            if is_refunded(&intent).ok_or("paid, and unclear whether it went back")? {
                return Ok(QueryState::Refunded);
            }
            Ok(QueryState::Paid(Paid {
                out_trade_no: number.to_owned(),
                provider_number,
                amount: session.amount("amount_total").ok_or("paid, with an unclear amount")?,
                method: Some(METHOD.to_owned()),
            }))
        }
        // `no_payment_required` is a session for nothing, and we sell nothing for nothing.
        _ => Err("the session's status is none that is known"),
    }
}

/// What a PaymentIntent says about itself.
pub(super) fn intent_state(reply: &HttpReply, id: &str, live: bool) -> Result<QueryState, &'static str> {
    if fault_of(reply) == Some(Fault::NotFound) {
        return Ok(QueryState::NotFound);
    }
    let intent = Thing::of(reply, "payment_intent", live)?;
    if !intent.is(id) {
        return Err("the reply is about another payment");
    }
    one_intent(&intent)
}

/// The state of one PaymentIntent, whose id was looked at.
fn one_intent(intent: &Thing<'_>) -> Result<QueryState, &'static str> {
    match intent.text("status").as_deref() {
        Some("succeeded") => {
            if is_refunded(intent).ok_or("paid, and unclear whether it went back")? {
                return Ok(QueryState::Refunded);
            }
            let usable = |number: &String| (1..=PROVIDER_NUMBER_MAX).contains(&number.len());
            let id = intent.text("id").filter(|id| is_usable(id, "pi_"));
            Ok(QueryState::Paid(Paid {
                out_trade_no: intent.attempt().filter(usable).ok_or("paid, without a number of ours")?,
                provider_number: id.ok_or("paid, without a number that can be used")?,
                amount: intent.amount("amount_received").ok_or("paid, with an unclear amount")?,
                method: Some(METHOD.to_owned()),
            }))
        }
        Some("canceled") => Ok(QueryState::Closed),
        Some(
            "requires_payment_method" | "requires_confirmation" | "requires_action" | "requires_capture" | "processing",
        ) => Ok(QueryState::Pending),
        _ => Err("the payment's status is none that is known"),
    }
}

/// What a search for PaymentIntents with this attempt's number found.
///
/// One that it does not find is only not found so far: the search lags behind, by up to an hour when Stripe is in trouble, and an open
/// session has no PaymentIntent before the buyer pays. Nor does a cancelled one say much: the session may make another. Both count as
/// not paid yet, which ends nothing.
pub(super) fn search_state(reply: &HttpReply, number: &str, live: bool) -> Result<QueryState, &'static str> {
    let fields = Fields::read(object_of(reply)?)?;
    if fields.string("object").as_deref() != Some("search_result") {
        return Err("the reply is not the result of a search");
    }
    for text in items(&fields)? {
        let intent = Thing::read(text, "payment_intent", live)?;
        if intent.attempt().as_deref() != Some(number) {
            return Err("the reply is about another attempt");
        }
        match one_intent(&intent)? {
            QueryState::Pending | QueryState::Closed => {}
            found => return Ok(found),
        }
    }
    Ok(QueryState::Pending)
}

/// The texts of the items of a list.
fn items<'a>(fields: &Fields<'a>) -> Result<Vec<&'a str>, &'static str> {
    let raw = fields.raw("data").ok_or("a list without items")?;
    let items: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| "a list without items")?;
    Ok(items.into_iter().map(RawValue::get).collect())
}

/// A refund as we asked for it.
#[derive(Clone)]
pub(super) struct Wanted {
    /// The PaymentIntent.
    pub(super) intent: String,
    /// As Stripe counts it.
    pub(super) units: i64,
    /// The currency as Stripe writes it.
    pub(super) currency: String,
    /// Our number of it.
    pub(super) refund_no: String,
}

/// What became of a refund among all those of its payment. `None` when it is not among them.
pub(super) fn listed(reply: &HttpReply, wanted: &Wanted) -> Result<Option<RefundState>, &'static str> {
    let fields = Fields::read(object_of(reply)?)?;
    if fields.string("object").as_deref() != Some("list") {
        return Err("the reply is not a list of refunds");
    }
    for text in items(&fields)? {
        let refund = Fields::read(text)?;
        // Another number is another refund; whether our own is as we asked for it, the reader of one says.
        if number_of(&refund).as_deref() == Some(wanted.refund_no.as_str()) {
            return one_refund(&refund, wanted).map(Some);
        }
    }
    // What stands on a further page is not known, and our refund may stand there.
    if flag(&fields, "has_more") != Some(false) {
        return Err("there are more refunds than one page holds");
    }
    Ok(None)
}

/// What the reply to a refund says about it.
pub(super) fn refunded(reply: &HttpReply, wanted: &Wanted) -> Result<RefundState, &'static str> {
    one_refund(&Fields::read(object_of(reply)?)?, wanted)
}

/// Our number of a refund.
fn number_of(refund: &Fields<'_>) -> Option<String> {
    refund.object("metadata")?.string(REFUND_NO)
}

fn one_refund(refund: &Fields<'_>, wanted: &Wanted) -> Result<RefundState, &'static str> {
    let is = |name: &str, value: &str| refund.string(name).as_deref() == Some(value);
    let amount = refund.raw("amount").map(RawValue::get);
    let same = is("object", "refund")
        && is("payment_intent", &wanted.intent)
        && is("currency", &wanted.currency)
        && amount == Some(wanted.units.to_string().as_str())
        && number_of(refund).as_deref() == Some(wanted.refund_no.as_str());
    if !same {
        return Err("the reply is about another refund");
    }
    match refund.string("status").as_deref() {
        Some("succeeded") => Ok(RefundState::Done),
        Some("pending" | "requires_action") => Ok(RefundState::UnderWay),
        // The money is back in the Stripe balance, and a new refund is needed to send it anywhere.
        Some("failed") => Ok(RefundState::Refused("The card's bank sent the refund back to Stripe.")),
        Some("canceled") => Ok(RefundState::Refused("The refund was cancelled at Stripe.")),
        _ => Err("the refund's status is none that is known"),
    }
}

/// The fault of a reply that is none with status 200.
pub(super) fn fault_of(reply: &HttpReply) -> Option<Fault> {
    (reply.status != 200).then(|| fault(reply))
}
