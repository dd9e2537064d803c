//! Orders as they stand in their table.

use crate::StoreError;
use crate::item::{Reader, bytes, number, string};
use crate::write::Item;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::order::{Attempt, Due, DueKind, Lang, Order, Settled, State, Why};
use domain::refund::{Refund, RefundState};
use domain::stock::SlotRun;
use domain::{AccountId, Currency, Millis, OrderId, OutTradeNo, ProductId, Txn};
use std::collections::HashMap;

fn read_slots(r: &Reader<'_>) -> Result<Vec<SlotRun>, StoreError> {
    let packed = r.bytes("sl")?;
    if packed.len() % 7 != 0 {
        return Err(r.bad("sl"));
    }
    let run = |c: &[u8]| match c {
        [s0, s1, s2, s3, first, len, width] => {
            Some(SlotRun { strip: u32::from_be_bytes([*s0, *s1, *s2, *s3]), first: *first, len: *len, width: *width })
        }
        _ => None,
    };
    packed.chunks(7).map(|c| run(c).ok_or_else(|| r.bad("sl"))).collect()
}

/// Fifty scattered cards stay below 360 bytes.
pub(crate) fn write_slots(slots: &[SlotRun]) -> AttributeValue {
    bytes(SlotRun::to_bytes(slots))
}

fn read_attempt(map: &HashMap<String, AttributeValue>) -> Result<Attempt, StoreError> {
    let r = Reader::new("attempt", map);
    Ok(Attempt {
        no: OutTradeNo::parse(r.text("no")?).ok_or_else(|| r.bad("no"))?,
        account: AccountId::parse(r.text("acct")?).ok_or_else(|| r.bad("acct"))?,
        version: r.number("ver")?,
        minor: r.number("minor")?,
        currency: Currency::parse(r.text("cur")?).ok_or_else(|| r.bad("cur"))?,
        made_at: r.number("t")?,
        mac: r.array("mac")?,
    })
}

pub(crate) fn write_attempt(attempt: &Attempt) -> AttributeValue {
    let map = HashMap::from([
        ("no".to_owned(), string(attempt.no.to_string())),
        ("acct".to_owned(), string(attempt.account.as_str())),
        ("ver".to_owned(), number(attempt.version)),
        ("minor".to_owned(), number(attempt.minor)),
        ("cur".to_owned(), string(attempt.currency.code())),
        ("t".to_owned(), number(attempt.made_at)),
        ("mac".to_owned(), bytes(attempt.mac)),
    ]);
    AttributeValue::M(map)
}

/// What stands beside an order's own fields in its item: how it is found again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Details {
    /// The buyer's contact as typed; in the details item when it is longer than
    /// [`domain::limits::CONTACT_INLINE_MAX`].
    pub contact: String,
    /// A keyed hash of the contact, for the buyer's look-up and the open-order limit.
    pub contact_hash: [u8; 16],
    /// A peppered hash of the look-up password, bound to the order.
    pub password_hash: [u8; 16],
    /// The seller's own fields as JSON text; empty when there are none.
    pub fields: String,
}

impl Details {
    /// Whether a details item must be written before the order.
    pub fn is_bulky(&self) -> bool {
        !self.fields.is_empty() || self.contact.len() > domain::limits::CONTACT_INLINE_MAX
    }
}

fn read_refund(map: &HashMap<String, AttributeValue>) -> Result<Refund, StoreError> {
    let r = Reader::new("refund", map);
    Ok(Refund {
        minor: r.number("minor")?,
        state: RefundState::parse(r.text("st")?).ok_or_else(|| r.bad("st"))?,
        by_hand: r.has("hand"),
        reference: r.text("ref")?.to_owned(),
        request: r.array("req")?,
        at: r.number("at")?,
    })
}

pub(crate) fn write_refund(refund: &Refund) -> AttributeValue {
    let mut map = HashMap::from([
        ("minor".to_owned(), number(refund.minor)),
        ("st".to_owned(), string(refund.state.as_str())),
        ("ref".to_owned(), string(&refund.reference)),
        ("req".to_owned(), bytes(refund.request)),
        ("at".to_owned(), number(refund.at)),
    ]);
    if refund.by_hand {
        map.insert("hand".into(), number(1));
    }
    AttributeValue::M(map)
}

/// The entries of a map whose names are 1, 2, 3 and so on, in that order.
fn numbered<T>(
    r: &Reader<'_>,
    name: &str,
    read: impl Fn(&HashMap<String, AttributeValue>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let map = r.map(name)?;
    let entry = |n: usize| map.get(&n.to_string()).and_then(|v| v.as_m().ok()).ok_or_else(|| r.bad(name));
    (1..=map.len()).map(|n| read(entry(n)?)).collect()
}

fn read_due(r: &Reader<'_>) -> Result<Option<Due>, StoreError> {
    let Some(due) = r.maybe("due", Reader::text)? else { return Ok(None) };
    let kind = due.split('#').next().and_then(DueKind::parse).ok_or_else(|| r.bad("due"))?;
    Ok(Some(Due { kind, at: r.number("due_at")? }))
}

pub(crate) fn read_order(item: &Item) -> Result<Order, StoreError> {
    let r = Reader::new("order", item);
    let state = State::parse(r.text("st")?).ok_or_else(|| r.bad("st"))?;
    let id = OrderId(r.array("o")?);
    let why = r.maybe("why", |r, n| Why::parse(r.text(n)?).ok_or_else(|| r.bad(n)))?;
    if state == State::Void {
        let product = ProductId::parse(r.text("pid")?).ok_or_else(|| r.bad("pid"))?;
        return Ok(void_order(id, product, why, r.number("t_new")?));
    }
    let settled = match r.maybe("txn", Reader::bytes)? {
        None => None,
        Some(txn) => {
            Some(Settled { txn: Txn::from_stored(txn.to_vec()), attempt: r.number("att_paid")?, mac: r.array("pm")? })
        }
    };
    Ok(Order {
        id,
        state,
        generation: r.number("g")?,
        product: ProductId::parse(r.text("pid")?).ok_or_else(|| r.bad("pid"))?,
        quantity: r.number("q")?,
        slots: read_slots(&r)?,
        slots_mac: r.array("sm")?,
        expires_at: r.number("exp")?,
        attempts: numbered(&r, "att", read_attempt)?,
        settled,
        fingerprint: r.array("fp")?,
        to_review: r.has("rv"),
        why,
        token_epoch: r.number("te")?,
        created_at: r.number("t_new")?,
        paid_at: r.maybe("t_paid", Reader::number)?,
        delivered_at: r.maybe("t_dlv", Reader::number)?,
        viewed_at: r.maybe("t_view", Reader::number)?,
        refunds: if r.has("rf") { numbered(&r, "rf", read_refund)? } else { Vec::new() },
        due: read_due(&r)?,
        sent_again_at: r.maybe("rs", Reader::number)?,
        // A language that a later release knows is no reason to hold an order back: its buyer gets no mail from this one.
        mail_in: r.maybe("ml", Reader::text)?.and_then(Lang::parse),
    })
}

/// A tombstone carries nothing but its id, its product, its reason and its time.
pub(crate) fn void_order(id: OrderId, product: ProductId, why: Option<Why>, at: Millis) -> Order {
    Order {
        id,
        state: State::Void,
        generation: 0,
        product,
        quantity: 0,
        slots: Vec::new(),
        slots_mac: [0; 12],
        expires_at: at,
        attempts: Vec::new(),
        settled: None,
        fingerprint: [0; 16],
        to_review: false,
        why,
        token_epoch: 0,
        created_at: at,
        paid_at: None,
        delivered_at: None,
        viewed_at: None,
        refunds: Vec::new(),
        due: None,
        sent_again_at: None,
        mail_in: None,
    }
}

pub(crate) fn write_order(order: &Order, details: &Details) -> Item {
    let mut item = crate::keys::binary("o", order.id.0.to_vec());
    let attempts = (1..).zip(&order.attempts).map(|(n, a): (u8, _)| (n.to_string(), write_attempt(a))).collect();
    let fields = [
        ("st", string(order.state.as_str())),
        ("g", number(order.generation)),
        ("pid", string(order.product.as_str())),
        ("q", number(order.quantity)),
        ("sl", write_slots(&order.slots)),
        ("sm", bytes(order.slots_mac)),
        ("exp", number(order.expires_at)),
        ("att", AttributeValue::M(attempts)),
        ("fp", bytes(order.fingerprint)),
        ("ch", bytes(details.contact_hash)),
        ("qp", bytes(details.password_hash)),
        ("te", number(order.token_epoch)),
        ("t_new", number(order.created_at)),
        ("day", string(crate::keys::day(order.created_at, &order.id))),
    ];
    item.extend(fields.map(|(k, v)| (k.to_owned(), v)));
    if details.contact.len() <= domain::limits::CONTACT_INLINE_MAX {
        item.insert("ct".into(), string(&details.contact));
    }
    if order.to_review {
        item.insert("rv".into(), number(1));
    }
    if let Some(lang) = order.mail_in {
        item.insert("ml".into(), string(lang.as_str()));
    }
    item
}
