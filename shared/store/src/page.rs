//! What a page shows, in one call: documents of the shop, the shelf of counts, notes, and orders, whatever table they lie in.

use crate::item::{Reader, ShopItem};
use crate::order_item::read_order;
use crate::write::Item;
use crate::{Store, StoreError, Table, keys};
use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity};
use domain::order::Order;
use domain::{OrderId, ProductId};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// The name of the shelf: how many cards of each product can be held, as last counted.
pub(crate) const SHELF: &str = "shelf";

/// What stands in front of a product's id in the shelf.
pub(crate) const ON_SHELF: &str = "p_";

/// How often keys that DynamoDB left unprocessed are asked for again.
const ROUNDS: u32 = 4;

/// The pause before the second round; each further one is longer by as much.
const PAUSE: Duration = Duration::from_millis(40);

/// What to read. At most 100 keys in all, which is DynamoDB's limit for one BatchGetItem.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PageKeys {
    /// Documents of the shop by kind and id.
    pub documents: Vec<(&'static str, String)>,
    /// Whether the shelf is wanted.
    pub shelf: bool,
    /// Notes by name.
    pub notes: Vec<String>,
    /// Orders.
    pub orders: Vec<OrderId>,
}

/// An order with what its own page shows beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PageOrder {
    /// The order.
    pub order: Order,
    /// The contact as typed; empty when it is too long to stand in the order.
    pub contact: String,
    /// The keyed hash of the contact, by which it is found.
    pub contact_hash: [u8; 16],
    /// The hash of its look-up password.
    pub password_hash: [u8; 16],
}

/// What was found; what does not exist is absent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PageItems {
    /// Documents by kind and id.
    pub documents: HashMap<(String, String), ShopItem>,
    /// Cards that can be held, by product; `None` when there is no shelf, or it was not asked for.
    pub shelf: Option<BTreeMap<ProductId, u64>>,
    /// Notes by name.
    pub notes: HashMap<String, String>,
    /// Orders by id.
    pub orders: HashMap<OrderId, PageOrder>,
}

impl PageKeys {
    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty() && !self.shelf && self.notes.is_empty() && self.orders.is_empty()
    }
}

fn read_shelf(item: &Item) -> BTreeMap<ProductId, u64> {
    let count = |(name, value): (&String, &aws_sdk_dynamodb::types::AttributeValue)| {
        let product = ProductId::parse(name.strip_prefix(ON_SHELF)?)?;
        Some((product, value.as_n().ok()?.parse().ok()?))
    };
    item.iter().filter_map(count).collect()
}

impl Store {
    /// Everything a page shows, in one BatchGetItem. Orders are read consistently: a buyer must see what was answered a moment
    /// ago. The rest may lag by a moment, which is harmless because prices and stock are asked again when an order is made.
    pub async fn page(&self, keys: &PageKeys) -> Result<PageItems, StoreError> {
        let mut found = PageItems::default();
        if keys.is_empty() {
            return Ok(found);
        }
        let mut asked: HashMap<String, KeysAndAttributes> = HashMap::new();
        let documents = keys.documents.iter().map(|(kind, id)| {
            let mut key = keys::text("kind", (*kind).to_owned());
            key.extend(keys::text("id", id.clone()));
            key
        });
        let shelf = keys.shelf.then(|| SHELF.to_owned());
        let courtesies = shelf.into_iter().chain(keys.notes.iter().cloned()).map(|k| keys::text("k", k));
        let orders = keys.orders.iter().map(|o| keys::binary("o", o.0.to_vec()));
        let tables: [(Table, Vec<Item>, bool); 3] = [
            (Table::Shop, documents.collect(), false),
            (Table::Limits, courtesies.collect(), false),
            (Table::Orders, orders.collect(), true),
        ];
        for (table, keys, consistent) in tables {
            if keys.is_empty() {
                continue;
            }
            let ask = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(consistent)
                .build()
                .map_err(|e| StoreError::corrupt("page", e.to_string()))?;
            asked.insert(self.tables.name(table), ask);
        }
        for round in 0..ROUNDS {
            if round > 0 {
                tokio::time::sleep(PAUSE * round).await;
            }
            let got = self
                .db
                .batch_get_item()
                .set_request_items(Some(std::mem::take(&mut asked)))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|e| StoreError::sdk("read page", e))?;
            for (table, items) in got.responses.unwrap_or_default() {
                self.sort_in(&mut found, &table, &items)?;
            }
            asked = got.unprocessed_keys.unwrap_or_default();
            if asked.is_empty() {
                return Ok(found);
            }
        }
        Err(StoreError::Unavailable { what: "read page", detail: "keys left unprocessed".into() })
    }

    fn sort_in(&self, found: &mut PageItems, table: &str, items: &[Item]) -> Result<(), StoreError> {
        for item in items {
            if table == self.tables.name(Table::Shop) {
                let item = ShopItem::read(item)?;
                found.documents.insert((item.kind.clone(), item.id.clone()), item);
            } else if table == self.tables.name(Table::Orders) {
                // A money row whose key happens to be as long as an order's id has no product, and is nobody's order.
                if item.contains_key("pid") {
                    let order = page_order(item)?;
                    found.orders.insert(order.order.id, order);
                }
            } else {
                let name = Reader::new("note", item).text("k")?.to_owned();
                if name == SHELF {
                    found.shelf = Some(read_shelf(item));
                } else if let Some(note) = item.get("note").and_then(|v| v.as_s().ok()) {
                    found.notes.insert(name, note.clone());
                }
            }
        }
        Ok(())
    }
}

fn page_order(item: &Item) -> Result<PageOrder, StoreError> {
    let r = Reader::new("order", item);
    Ok(PageOrder {
        order: read_order(item)?,
        contact: r.maybe("ct", |r, n| r.text(n).map(str::to_owned))?.unwrap_or_default(),
        contact_hash: r.maybe("ch", Reader::array)?.unwrap_or_default(),
        password_hash: r.maybe("qp", Reader::array)?.unwrap_or_default(),
    })
}
