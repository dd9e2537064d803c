//! Reads of many items that nobody knows by name (what is due, a contact's orders, a day's orders, all orders), and of what they
//! lead to: money rows, alarms, notes.

use crate::item::{Reader, number, string};
use crate::money_item::{Alarm, MoneyRow};
use crate::order_item::read_order;
use crate::tables::{BY_CONTACT, BY_DAY, DUE};
use crate::write::Item;
use crate::writes::Digest;
use crate::{Store, StoreError, Table, keys};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use domain::order::{DueKind, Order};
use domain::{Millis, OrderId, Txn};
use futures_util::StreamExt;
use std::collections::HashMap;

/// Partitions of the list of what is due that are read side by side.
const QUERIES_AT_ONCE: usize = 8;

/// A piece of unfinished business, by its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DueItem {
    /// Its kind when the index was read: a label.
    pub kind: DueKind,
    /// The item's key.
    pub key: Vec<u8>,
    /// When it is to be looked at, Unix ms.
    pub at: Millis,
}

/// An order with what only a look-up needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The order.
    pub order: Order,
    /// The hash of its look-up password.
    pub password_hash: [u8; 16],
    /// The keyed hash of its contact.
    pub contact_hash: [u8; 16],
}

/// A page of the table of orders.
#[derive(Clone, Debug, Default)]
pub struct OrderPage {
    /// The orders.
    pub orders: Vec<Order>,
    /// Keys of items that do not read, with what is wrong: changed by hand, most likely.
    pub unreadable: Vec<(Vec<u8>, String)>,
    /// The key to go on after; `None` at the end.
    pub next: Option<Vec<u8>>,
}

fn is_order(item: &Item) -> bool {
    // Details, money rows and alarms stand in the same table, under keys that begin with a letter and have no state of an
    // order. Whatever has a product is an order.
    item.contains_key("pid")
}

/// The text of a note, if the item is one.
pub(crate) fn note_of(item: &Item) -> Option<String> {
    item.get("note").and_then(|v| v.as_s().ok()).cloned()
}

impl Store {
    async fn query(
        &self,
        what: &'static str,
        index: &'static str,
        partition: (&'static str, AttributeValue),
        sort: (&'static str, &'static str, AttributeValue),
        newest_first: bool,
        limit: i32,
    ) -> Result<Vec<Item>, StoreError> {
        let (name, comparison, bound) = sort;
        let page = self
            .db
            .query()
            .table_name(self.tables.name(Table::Orders))
            .index_name(index)
            .key_condition_expression(format!("#p = :p AND #s {comparison} :s"))
            .expression_attribute_names("#p", partition.0)
            .expression_attribute_names("#s", name)
            .expression_attribute_values(":p", partition.1)
            .expression_attribute_values(":s", bound)
            .scan_index_forward(!newest_first)
            .limit(limit)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|e| StoreError::sdk(what, e))?;
        Ok(page.items.unwrap_or_default())
    }

    /// What is due of some kinds at or before `until`, in the order of the kinds, the oldest of each partition first, at most `limit` of each. An index
    /// lags a moment behind; whoever drives an item reads it first. The second answer is whether a partition may have more than it was
    /// asked for.
    pub async fn due(&self, kinds: &[DueKind], until: Millis, limit: i32) -> Result<(Vec<DueItem>, bool), StoreError> {
        let mut partitions = Vec::new();
        for kind in kinds {
            for shard in 0..keys::DUE_SHARDS {
                partitions.push(self.due_shard(*kind, shard, until, limit));
            }
        }
        let mut read = futures_util::stream::iter(partitions).buffered(QUERIES_AT_ONCE);
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut items, mut more) = (Vec::new(), false);
        while let Some(page) = read.next().await {
            let page = page?;
            more |= page.len() >= most;
            items.extend(page);
        }
        Ok((items, more))
    }

    async fn due_shard(&self, kind: DueKind, shard: u8, until: Millis, limit: i32) -> Result<Vec<DueItem>, StoreError> {
        let partition = ("due", string(keys::due_shard(kind, shard)));
        let sort = ("due_at", "<=", number(until));
        let items = self.query("read due", DUE, partition, sort, false, limit).await?;
        let read = |item: &Item| -> Result<DueItem, StoreError> {
            let r = Reader::new("due", item);
            Ok(DueItem { kind, key: r.bytes("o")?.to_vec(), at: r.number("due_at")? })
        };
        items.iter().map(read).collect()
    }

    /// The ids of a contact's orders since a time, the newest first.
    pub async fn orders_of_contact(
        &self,
        contact_hash: &[u8; 16],
        since: Millis,
        limit: i32,
    ) -> Result<Vec<OrderId>, StoreError> {
        let partition = ("ch", crate::item::bytes(*contact_hash));
        let sort = ("t_new", ">=", number(since));
        let items = self.query("read a contact's orders", BY_CONTACT, partition, sort, true, limit).await?;
        items.iter().map(|item| Reader::new("contact's order", item).array("o").map(OrderId)).collect()
    }

    /// The ids of the orders of one shard of a day since a time, the oldest first, at most `limit`.
    pub async fn orders_of_day(
        &self,
        day: i64,
        shard: u8,
        since: Millis,
        limit: i32,
    ) -> Result<Vec<(OrderId, Millis)>, StoreError> {
        let partition = ("day", string(keys::day_shard(day, shard)));
        let sort = ("t_new", ">=", number(since));
        let items = self.query("read a day's orders", BY_DAY, partition, sort, false, limit).await?;
        let read = |item: &Item| -> Result<(OrderId, Millis), StoreError> {
            let r = Reader::new("day's order", item);
            Ok((OrderId(r.array("o")?), r.number("t_new")?))
        };
        items.iter().map(read).collect()
    }

    /// Orders with the hashes of their look-up passwords, consistently. Ids without an order are absent.
    pub async fn orders_with_passwords(&self, ids: &[OrderId]) -> Result<Vec<Found>, StoreError> {
        let keys = ids.iter().map(|o| keys::binary("o", o.0.to_vec())).collect();
        let items = self.batch("read orders to look up", Table::Orders, keys, true).await?;
        let whole = items.iter().filter(|item| item.contains_key("qp"));
        whole
            .map(|item| {
                let r = Reader::new("order", item);
                let (password_hash, contact_hash) = (r.array("qp")?, r.array("ch")?);
                Ok(Found { order: read_order(item)?, password_hash, contact_hash })
            })
            .collect()
    }

    /// A page of all orders, consistently, after the key of the page before.
    pub async fn scan_orders(&self, after: Option<&[u8]>, limit: i32) -> Result<OrderPage, StoreError> {
        let page = self
            .db
            .scan()
            .table_name(self.tables.name(Table::Orders))
            .set_exclusive_start_key(after.map(|key| keys::binary("o", key.to_vec())))
            .limit(limit)
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|e| StoreError::sdk("scan orders", e))?;
        let mut out = OrderPage::default();
        for item in page.items.unwrap_or_default().iter().filter(|item| is_order(item)) {
            match read_order(item) {
                Ok(order) => out.orders.push(order),
                Err(error) => {
                    out.unreadable.push((Reader::new("order", item).bytes("o")?.to_vec(), error.to_string()));
                }
            }
        }
        if let Some(key) = page.last_evaluated_key.filter(|key| !key.is_empty()) {
            out.next = Some(Reader::new("order", &key).bytes("o")?.to_vec());
        }
        Ok(out)
    }

    /// A money row, consistently.
    pub async fn money_row(&self, txn: &Txn) -> Result<Option<MoneyRow>, StoreError> {
        self.row_at(&keys::money_row(txn)).await
    }

    /// The money row at a key of the due index, consistently.
    pub async fn row_at(&self, key: &[u8]) -> Result<Option<MoneyRow>, StoreError> {
        let item = self.get("read money row", Table::Orders, keys::binary("o", key.to_vec()), true).await?;
        item.filter(|item| item.contains_key("acct")).as_ref().map(MoneyRow::read).transpose()
    }

    /// The alarm at a key of the due index, consistently.
    pub async fn alarm_at(&self, key: &[u8]) -> Result<Option<Alarm>, StoreError> {
        let item = self.get("read alarm", Table::Orders, keys::binary("o", key.to_vec()), true).await?;
        item.filter(|item| item.contains_key("ap")).as_ref().map(Alarm::read).transpose()
    }

    /// A note of an earlier pass; `None` when there is none.
    pub async fn note(&self, key: &str) -> Result<Option<String>, StoreError> {
        let item = self.get("read note", Table::Limits, keys::text("k", key.to_owned()), true).await?;
        Ok(item.as_ref().and_then(note_of))
    }

    /// The orders noted as open under a name. Not consistently: it is courtesy.
    pub async fn noted_open(&self, key: &str) -> Result<Vec<OrderId>, StoreError> {
        let item = self.get("read open orders", Table::Limits, keys::text("k", key.to_owned()), false).await?;
        let Some(item) = item else { return Ok(Vec::new()) };
        let ids = item.get("open").and_then(|v| v.as_bs().ok()).map(Vec::as_slice).unwrap_or_default();
        Ok(ids.iter().filter_map(|id| id.as_ref().try_into().ok().map(OrderId)).collect())
    }

    /// What is collected under each of these names, consistently; names under which nothing is kept are absent.
    pub async fn digests(&self, names: &[String]) -> Result<HashMap<String, Digest>, StoreError> {
        let keys = names.iter().map(|name| keys::text("k", name.clone())).collect();
        let items = self.batch("read digests", Table::Limits, keys, true).await?;
        let full = items.iter().filter(|item| item.contains_key("notes"));
        full.map(|item| Ok((Reader::new("digest", item).text("k")?.to_owned(), Digest::read(item)?))).collect()
    }
}
