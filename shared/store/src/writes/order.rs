//! Orders and money: each move of an order is one conditional write on the state before it.

use crate::item::{Reader, bytes, number, size, string};
use crate::order_item::{Details, read_order, void_order, write_order};
use crate::write::{Body, Item, Outcome, Raw, Write};
use crate::{Store, StoreError, Table, keys};
use domain::guards::holds;
use domain::limits::{ORDER_BYTES_MAX, SHOWN_MAX};
use domain::order::{Order, Payment, State, Why};
use domain::{Generation, Millis, OrderId, OutTradeNo, ProductId};

/// An order about to be written, with how it is found again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewOrder {
    /// State HELD, generation 0, slots of exactly the quantity, attempt 1.
    pub order: Order,
    /// Contact, password and fields.
    pub details: Details,
}

/// What stands in an order's place: nothing, or an order.
pub type Found = Option<Order>;

pub(super) fn order_key(order: &OrderId) -> Item {
    keys::binary("o", order.0.to_vec())
}

fn put_details(order: &OrderId, fingerprint: &[u8; 16], details: &Details) -> Write {
    let mut item = keys::binary("o", keys::details(order, fingerprint));
    if details.contact.len() > domain::limits::CONTACT_INLINE_MAX {
        item.insert("ct".into(), string(&details.contact));
    }
    if !details.fields.is_empty() {
        item.insert("f".into(), string(&details.fields));
    }
    Write::put("C2d put details", Table::Orders, item, "attribute_not_exists(#o)")
}

fn place_order(new: &NewOrder) -> Write {
    Write::put("C2 place order", Table::Orders, write_order(&new.order, &new.details), "attribute_not_exists(#o)")
}

fn keep_shown(no: &OutTradeNo, shown: &str, forget_at: Millis) -> Write {
    let mut item = keys::binary("o", keys::shown(no));
    item.insert("sh".into(), string(shown));
    item.insert("ttl".into(), number(forget_at.div_euclid(1_000)));
    Write::put("C4 keep shown", Table::Orders, item, "attribute_not_exists(#o)")
}

fn pay(payment: &Payment, at: Millis) -> Write {
    let guard = proven_by(payment);
    let condition = format!("#st = :held AND {guard} AND attribute_not_exists(#rv)");
    let update = "SET #st = :paid, #txn = :txn, #att_paid = :n, #t_paid = :at, #pm = :pm";
    let write = Write::update("W1 pay", Table::Orders, order_key(&payment.no.order), update, condition);
    with_payment(write, payment, at)
        .value(":paid", string(State::Paid.as_str()))
        .value(":held", string(State::Held.as_str()))
}

/// The four things that make money this attempt's. The same text in every write that takes money.
pub(super) fn proven_by(payment: &Payment) -> String {
    let n = payment.no.attempt;
    format!("#att.#{n}.#no = :no AND #att.#{n}.#acct = :acct AND #att.#{n}.#minor = :minor AND #att.#{n}.#cur = :cur")
}

/// The values of a write that takes money.
pub(super) fn with_payment(write: Write, payment: &Payment, at: Millis) -> Write {
    write
        .value(":txn", bytes(payment.txn.as_bytes()))
        .value(":n", number(payment.no.attempt))
        .value(":at", number(at))
        .value(":pm", bytes(payment.mac))
        .value(":no", string(payment.no.to_string()))
        .value(":acct", string(payment.account.as_str()))
        .value(":minor", number(payment.minor))
        .value(":cur", string(payment.currency.code()))
}

fn deliver(order: &OrderId, generation: Generation, at: Millis) -> Write {
    Write::update(
        "D1 deliver",
        Table::Orders,
        order_key(order),
        "SET #st = :delivered, #t_dlv = :at",
        "#st = :paid AND #g = :g",
    )
    .value(":delivered", string(State::Delivered.as_str()))
    .value(":paid", string(State::Paid.as_str()))
    .value(":g", number(generation))
    .value(":at", number(at))
}

fn note_view(order: &OrderId, at: Millis) -> Write {
    let condition = "#st = :delivered AND attribute_not_exists(#t_view)";
    Write::update("D3 note view", Table::Orders, order_key(order), "SET #t_view = :at", condition)
        .value(":delivered", string(State::Delivered.as_str()))
        .value(":at", number(at))
}

fn void(order: &OrderId, product: &ProductId, why: Why, at: Millis) -> Write {
    let mut item = order_key(order);
    let forget_at = (at + domain::limits::TOMBSTONE_MS) / 1_000;
    let fields = [
        ("st", string(State::Void.as_str())),
        ("pid", string(product.as_str())),
        ("why", string(why.as_str())),
        ("t_new", number(at)),
        ("ttl", number(forget_at)),
    ];
    item.extend(fields.map(|(k, v)| (k.to_owned(), v)));
    Write::put("X2 void", Table::Orders, item, "attribute_not_exists(#o)")
}

/// An order and a payment of its first attempt, for the examples of every file of writes.
pub(super) fn example() -> Option<(Order, Payment)> {
    let (product, account) = (ProductId::parse("p")?, domain::AccountId::parse("a")?);
    let txn = domain::Txn::new(&account, "1")?;
    let id = OrderId([1; 15]);
    let no = OutTradeNo { order: id, tail: [0, 0], attempt: 1 };
    let currency = domain::Currency::CNY;
    let attempt = domain::order::Attempt {
        no,
        account: account.clone(),
        version: 1,
        minor: 990,
        currency,
        made_at: 0,
        mac: [0; 12],
    };
    let order = Order { state: State::Held, quantity: 1, attempts: vec![attempt], ..void_order(id, product, None, 0) };
    Some((order, Payment { txn, account, no, minor: 990, currency, mac: [0; 12] }))
}

pub(super) fn examples() -> Vec<Write> {
    let Some((order, payment)) = example() else { return Vec::new() };
    let (id, product) = (order.id, order.product.clone());
    let details = Details { contact: "c".into(), contact_hash: [0; 16], password_hash: [0; 16], fields: "{}".into() };
    vec![
        put_details(&id, &[0; 16], &details),
        place_order(&NewOrder { order, details }),
        keep_shown(&payment.no, "{}", 0),
        pay(&payment, 0),
        deliver(&id, 0, 0),
        note_view(&id, 0),
        void(&id, &product, Why::SoldOut, 0),
    ]
}

impl Store {
    /// C2d. Writes the bulky input of a request before its order.
    ///
    /// * Invariant: none of its own; an order whose input is bulky finds it.
    /// * Condition: not there yet.
    /// * If refused: written by an earlier try of the same request (`AlreadyApplied`).
    /// * Twice: the same bytes, because the fingerprint is part of the key.
    pub async fn put_details(
        &self,
        order: &OrderId,
        fingerprint: &[u8; 16],
        details: &Details,
    ) -> Result<Outcome<(), ()>, StoreError> {
        Ok(match self.send(put_details(order, fingerprint, details)).await? {
            Raw::Applied(_) => Outcome::Applied(()),
            Raw::Refused(_) => Outcome::AlreadyApplied(()),
        })
    }

    /// C2. Writes the order: from here on it owns its slots.
    ///
    /// * Invariant: 1, 7. An order is born once, with exactly as many slots as it asks for.
    /// * Condition: nothing stands at its id, neither an order nor a tombstone.
    /// * If refused: the same request's order (`AlreadyApplied`), a tombstone, or another request's order.
    /// * Twice: the second finds the first by its fingerprint.
    pub async fn place_order(&self, new: &NewOrder) -> Result<Outcome<Order, Order>, StoreError> {
        let write = place_order(new);
        let fits = domain::stock::count(&new.order.slots) == new.order.quantity;
        if !holds("C2 place order: as many slots as asked for", fits) {
            return Err(StoreError::corrupt("new order", "slots and quantity differ"));
        }
        if let Body::Put(item) = &write.body {
            let bytes = size(item);
            if bytes > ORDER_BYTES_MAX {
                return Err(StoreError::Oversize { what: "order", bytes });
            }
        }
        match self.send(write).await? {
            Raw::Applied(_) => Ok(Outcome::Applied(new.order.clone())),
            Raw::Refused(None) => Err(StoreError::corrupt("order", "refused without an item")),
            Raw::Refused(Some(item)) => {
                let found = read_order(&item)?;
                let same = holds("C2 place order: found alive", found.state != State::Void)
                    && holds("C2 place order: found with this request", found.fingerprint == new.order.fingerprint);
                Ok(if same { Outcome::AlreadyApplied(found) } else { Outcome::Refused(found) })
            }
        }
    }

    /// C4. Keeps what an attempt's provider gave to be shown and what it calls the attempt, beside the order: the order stays small,
    /// and every write of its money as cheap.
    ///
    /// * Invariant: none; what is shown pays the attempt, whose number and amount stand in the order already.
    /// * Condition: nothing was kept for this attempt.
    /// * If refused: kept before, in the same words (`AlreadyApplied`) or in others, which are then what is shown.
    /// * Twice: the second finds the words of the first.
    pub async fn keep_shown(
        &self,
        no: &OutTradeNo,
        shown: &str,
        forget_at: Millis,
    ) -> Result<Outcome<(), String>, StoreError> {
        if shown.len() > SHOWN_MAX {
            return Err(StoreError::Oversize { what: "what is shown", bytes: shown.len() });
        }
        Ok(match self.send(keep_shown(no, shown, forget_at)).await? {
            Raw::Applied(_) => Outcome::Applied(()),
            Raw::Refused(None) => return Err(StoreError::corrupt("what is shown", "refused without an item")),
            Raw::Refused(Some(item)) => match Reader::new("what is shown", &item).text("sh")? {
                found if found == shown => Outcome::AlreadyApplied(()),
                found => Outcome::Refused(found.to_owned()),
            },
        })
    }

    /// W1. Settles the order with proven money.
    ///
    /// * Invariant: 3, 5, 7. Only money for this attempt, on this account, of this amount and currency.
    /// * Condition: the order waits for money, the attempt fits in all four, and no person is to look first.
    /// * If refused: the order as found; `decide` says whether it is late, double, wrong or done. The same movement found in
    ///   PAID is `AlreadyApplied`.
    /// * Twice: the second finds PAID with its own movement.
    pub async fn pay(&self, payment: &Payment, at: Millis) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(pay(payment, at)).await?, |found| {
            holds("W1 pay: found paid", found.state == State::Paid)
                && found
                    .settled
                    .as_ref()
                    .is_some_and(|s| holds("W1 pay: found with this movement", s.txn == payment.txn))
        })
    }

    /// D1. Delivers: only after the cards were read and opened.
    ///
    /// * Invariant: 3, 7. From here on state, generation and slots never change.
    /// * Condition: paid, and still in the generation whose cards were opened.
    /// * If refused: delivered before (`AlreadyApplied`), or superseded by a refund or a later generation.
    /// * Twice: the second finds DELIVERED.
    pub async fn deliver(
        &self,
        order: &OrderId,
        generation: Generation,
        at: Millis,
    ) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(deliver(order, generation, at)).await?, |found| {
            holds("D1 deliver: found delivered", found.state == State::Delivered)
        })
    }

    /// D3. Notes when a buyer first uncovered the keys: the seller's answer to "I never got it".
    ///
    /// * Invariant: none; nothing depends on it. State, generation and slots stay as they are.
    /// * Condition: delivered, and not seen before.
    /// * If refused: seen before (`AlreadyApplied`), or there is nothing to see.
    /// * Twice: the second finds the time of the first.
    pub async fn note_view(&self, order: &OrderId, at: Millis) -> Result<Outcome<Order, Found>, StoreError> {
        moved(self.send(note_view(order, at)).await?, |found| found.viewed_at.is_some())
    }

    /// X2. Gives an id up before its order exists, so that a create which thaws later fails. Answers the tombstone.
    ///
    /// * Invariant: 1, 7. Without the tombstone a released slot could still be adopted by a late C2.
    /// * Condition: nothing stands at the id.
    /// * If refused: voided before (`AlreadyApplied`), or an order is there and nothing may be released.
    /// * Twice: the second finds the tombstone.
    pub async fn void(
        &self,
        order: &OrderId,
        product: &ProductId,
        why: Why,
        at: Millis,
    ) -> Result<Outcome<Order, Order>, StoreError> {
        match self.send(void(order, product, why, at)).await? {
            Raw::Applied(_) => Ok(Outcome::Applied(void_order(*order, product.clone(), Some(why), at))),
            Raw::Refused(None) => Err(StoreError::corrupt("order", "refused without an item")),
            Raw::Refused(Some(item)) => {
                let found = read_order(&item)?;
                let given_up = holds("X2 void: found given up", found.state == State::Void);
                Ok(if given_up { Outcome::AlreadyApplied(found) } else { Outcome::Refused(found) })
            }
        }
    }
}

pub(super) fn moved(raw: Raw, mine: impl FnOnce(&Order) -> bool) -> Result<Outcome<Order, Found>, StoreError> {
    match raw {
        Raw::Applied(item) => Ok(Outcome::Applied(read_order(&item)?)),
        Raw::Refused(None) => Ok(Outcome::Refused(None)),
        Raw::Refused(Some(item)) => {
            let found = read_order(&item)?;
            Ok(if mine(&found) { Outcome::AlreadyApplied(found) } else { Outcome::Refused(Some(found)) })
        }
    }
}
