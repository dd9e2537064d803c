//! What stands in the table of orders beside the orders, for a person to see: money that settled none, and alarms.

use crate::StoreError;
use crate::item::{Reader, bytes, number, string};
use crate::write::Item;
use domain::order::DueKind;
use domain::refund::MoneyState;
use domain::{AccountId, Currency, Millis, OrderId, ProductId, Txn};

/// Money that arrived and settled no order: a row a person sees. It never expires.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MoneyRow {
    /// The movement.
    pub txn: Txn,
    /// Why it settled nothing: a word of [`domain::order::MoneyReason`].
    pub reason: String,
    /// The account it arrived on.
    pub account: AccountId,
    /// The number it named, as the provider wrote it.
    pub out_trade_no: String,
    /// The order that number leads to, if it is one of ours.
    pub order: Option<OrderId>,
    /// How much, in minor units.
    pub minor: i64,
    /// In which currency.
    pub currency: Currency,
    /// How far it has come.
    pub state: MoneyState,
    /// What a person or the provider said about it last; empty at first.
    pub reference: String,
    /// When it was first seen, Unix ms.
    pub seen_at: Millis,
    /// When it is to be looked at again, Unix ms; 0 once nothing is left to do. It names the reading a decision was made on.
    pub look_at: Millis,
}

impl MoneyRow {
    pub(crate) fn read(item: &Item) -> Result<MoneyRow, StoreError> {
        let r = Reader::new("money row", item);
        Ok(MoneyRow {
            txn: Txn::from_stored(r.bytes("txn")?.to_vec()),
            reason: r.text("why")?.to_owned(),
            account: AccountId::parse(r.text("acct")?).ok_or_else(|| r.bad("acct"))?,
            out_trade_no: r.text("no")?.to_owned(),
            order: r.maybe("ord", Reader::array)?.map(OrderId),
            minor: r.number("minor")?,
            currency: Currency::parse(r.text("cur")?).ok_or_else(|| r.bad("cur"))?,
            state: MoneyState::parse(r.text("st")?).ok_or_else(|| r.bad("st"))?,
            reference: r.text("ref")?.to_owned(),
            seen_at: r.number("t_new")?,
            look_at: r.maybe("due_at", Reader::number)?.unwrap_or_default(),
        })
    }

    pub(crate) fn write(&self) -> Item {
        let mut item = crate::keys::binary("o", crate::keys::money_row(&self.txn));
        let fields = [
            ("txn", bytes(self.txn.as_bytes())),
            ("why", string(&self.reason)),
            ("acct", string(self.account.as_str())),
            ("no", string(&self.out_trade_no)),
            ("minor", number(self.minor)),
            ("cur", string(self.currency.code())),
            ("st", string(self.state.as_str())),
            ("ref", string(&self.reference)),
            ("t_new", number(self.seen_at)),
            ("due", string(crate::keys::due(DueKind::Money, self.txn.as_bytes()))),
            ("due_at", number(self.look_at)),
        ];
        item.extend(fields.map(|(k, v)| (k.to_owned(), v)));
        if let Some(order) = self.order {
            item.insert("ord".into(), bytes(order.0));
        }
        item
    }
}

/// Something that is wrong with a product's strips, and that a person has to confirm before anything is released.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alarm {
    /// The product.
    pub product: ProductId,
    /// What is wrong, as a word.
    pub what: String,
    /// How many claims it is about.
    pub count: u32,
    /// Whether a person has confirmed it.
    pub confirmed: bool,
    /// Whether it still stands in the list.
    pub is_open: bool,
    /// When it was first seen, Unix ms.
    pub seen_at: Millis,
}

impl Alarm {
    pub(crate) fn read(item: &Item) -> Result<Alarm, StoreError> {
        let r = Reader::new("alarm", item);
        Ok(Alarm {
            product: ProductId::parse(r.text("ap")?).ok_or_else(|| r.bad("ap"))?,
            what: r.text("why")?.to_owned(),
            count: r.number("n")?,
            confirmed: r.text("st")? == "confirmed",
            is_open: r.has("due"),
            seen_at: r.number("t_new")?,
        })
    }

    pub(crate) fn write(&self) -> Item {
        let key = crate::keys::alarm(&self.product, &self.what);
        let due = crate::keys::due(DueKind::Alarm, &key);
        let mut item = crate::keys::binary("o", key);
        let fields = [
            ("ap", string(self.product.as_str())),
            ("why", string(&self.what)),
            ("n", number(self.count)),
            ("st", string(if self.confirmed { "confirmed" } else { "open" })),
            ("t_new", number(self.seen_at)),
            ("due", string(due)),
            ("due_at", number(self.seen_at)),
        ];
        item.extend(fields.map(|(k, v)| (k.to_owned(), v)));
        item
    }
}
