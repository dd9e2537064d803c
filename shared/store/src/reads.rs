//! Reads. Each says whether it is consistent, because a stale answer is harmless only where the doc says why.

use crate::item::{Head, Reader, ShopItem, StripItem, UniqueCard, VaultItem};
use crate::order_item::read_order;
use crate::write::Item;
use crate::{Store, StoreError, Table, keys};
use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity};
use domain::order::Order;
use domain::{OrderId, OutTradeNo, ProductId};
use futures_util::StreamExt;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// DynamoDB's limit for one BatchGetItem. Source: API reference, BatchGetItem.
const BATCH: usize = 100;

/// Batches that are read side by side.
const BATCHES_AT_ONCE: usize = 8;

/// How often keys that DynamoDB left unprocessed are asked for again before the read counts as unanswered.
const BATCH_ROUNDS: u32 = 6;

/// The pause before the second round; each further one is longer by as much.
const BATCH_PAUSE: Duration = Duration::from_millis(40);

impl Store {
    pub(crate) async fn get(
        &self,
        what: &'static str,
        table: Table,
        key: Item,
        consistent: bool,
    ) -> Result<Option<Item>, StoreError> {
        let got = self
            .db
            .get_item()
            .table_name(self.tables.name(table))
            .set_key(Some(key))
            .consistent_read(consistent)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        got.map(|g| g.item).map_err(|e| StoreError::sdk(what, e))
    }

    /// Reads many items of one table, in any order; those that do not exist are absent.
    pub(crate) async fn batch(
        &self,
        what: &'static str,
        table: Table,
        keys: Vec<Item>,
        consistent: bool,
    ) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        let mut chunks = Vec::with_capacity(keys.len().div_ceil(BATCH));
        for chunk in keys.chunks(BATCH) {
            chunks.push(self.batch_of_100(what, table, chunk.to_vec(), consistent));
        }
        // A hundred keys are one call; an import asks for thousands, side by side.
        let mut read = futures_util::stream::iter(chunks).buffer_unordered(BATCHES_AT_ONCE);
        while let Some(items) = read.next().await {
            found.extend(items?);
        }
        Ok(found)
    }

    async fn batch_of_100(
        &self,
        what: &'static str,
        table: Table,
        keys: Vec<Item>,
        consistent: bool,
    ) -> Result<Vec<Item>, StoreError> {
        let name = self.tables.name(table);
        let mut found = Vec::with_capacity(keys.len());
        let mut wanted = Some(keys);
        for round in 0..BATCH_ROUNDS {
            let Some(keys) = wanted.take() else { break };
            if round > 0 {
                // What is left unprocessed is throttled: asking again at once would be throttled too.
                tokio::time::sleep(BATCH_PAUSE * round).await;
            }
            let ask = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(consistent)
                .build()
                .map_err(|e| StoreError::corrupt(what, e.to_string()))?;
            let got = self
                .db
                .batch_get_item()
                .request_items(&name, ask)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|e| StoreError::sdk(what, e))?;
            found.extend(got.responses.and_then(|mut r| r.remove(&name)).unwrap_or_default());
            let left = got.unprocessed_keys.and_then(|mut u| u.remove(&name)).map(|k| k.keys);
            wanted = left.filter(|keys| !keys.is_empty());
        }
        if wanted.is_some() {
            return Err(StoreError::Unavailable { what, detail: "keys left unprocessed".into() });
        }
        Ok(found)
    }

    /// The order, consistently.
    pub async fn order(&self, order: &OrderId) -> Result<Option<Order>, StoreError> {
        let key = keys::binary("o", order.0.to_vec());
        let item = self.get("read order", Table::Orders, key, true).await?;
        // A money row whose key happens to be as long as an order's id has no product, and is nobody's order.
        item.filter(|item| item.contains_key("pid")).as_ref().map(read_order).transpose()
    }

    /// The bulky input of an order, consistently: a contact too long for the order's own item, and the seller's fields as
    /// JSON text. Each is empty when it was not bulky; `None` when nothing was.
    pub async fn bulky_input(&self, order: &Order) -> Result<Option<(String, String)>, StoreError> {
        let key = keys::binary("o", keys::details(&order.id, &order.fingerprint));
        let Some(item) = self.get("read details", Table::Orders, key, true).await? else { return Ok(None) };
        let text = |name: &str| item.get(name).and_then(|v| v.as_s().ok()).cloned().unwrap_or_default();
        Ok(Some((text("ct"), text("f"))))
    }

    /// What was kept to be shown of an attempt, consistently: whoever made it may have answered its buyer a moment ago.
    pub async fn shown(&self, no: &OutTradeNo) -> Result<Option<String>, StoreError> {
        let item = self.get("read shown", Table::Orders, keys::binary("o", keys::shown(no)), true).await?;
        item.map(|item| Reader::new("what is shown", &item).text("sh").map(str::to_owned)).transpose()
    }

    /// Many orders, consistently, by id.
    pub async fn orders(&self, ids: &[OrderId]) -> Result<HashMap<OrderId, Order>, StoreError> {
        let (orders, faults) = self.orders_with_faults(ids).await?;
        faults.into_values().next().map_or(Ok(orders), Err)
    }

    /// Many orders as far as they read, consistently, with the faults of those that do not. What does not read is there all the
    /// same: nobody may take it for absent.
    pub async fn orders_with_faults(
        &self,
        ids: &[OrderId],
    ) -> Result<(HashMap<OrderId, Order>, HashMap<OrderId, StoreError>), StoreError> {
        let keys = ids.iter().map(|o| keys::binary("o", o.0.to_vec())).collect();
        let (mut orders, mut faults) = (HashMap::new(), HashMap::new());
        for item in self.batch("read orders", Table::Orders, keys, true).await? {
            match read_order(&item) {
                Ok(order) => drop(orders.insert(order.id, order)),
                Err(error) => drop(faults.insert(OrderId(Reader::new("order", &item).array("o")?), error)),
            }
        }
        Ok((orders, faults))
    }

    /// A product's head, consistently.
    pub async fn head(&self, product: &ProductId) -> Result<Option<Head>, StoreError> {
        let key = keys::text("k", keys::head(product));
        self.get("read head", Table::Strips, key, true).await?.as_ref().map(Head::read).transpose()
    }

    /// Strips, consistently, sorted by number; those that do not exist are absent.
    pub async fn strips(&self, product: &ProductId, numbers: &[u32]) -> Result<Vec<StripItem>, StoreError> {
        let (strips, mut faults) = self.strips_with_faults(product, numbers).await?;
        faults.pop().map_or(Ok(strips), |(_, fault)| Err(fault))
    }

    /// Strips as far as they read, consistently, with the faults of those that do not: an audit names what others stop at.
    pub async fn strips_with_faults(
        &self,
        product: &ProductId,
        numbers: &[u32],
    ) -> Result<(Vec<StripItem>, Vec<(u32, StoreError)>), StoreError> {
        // In order, so that the same question is asked in the same words every time.
        let wanted: BTreeMap<String, u32> = numbers.iter().map(|&b| (keys::strip(product, b), b)).collect();
        let keys = wanted.keys().map(|k| keys::text("k", k.clone())).collect();
        let (mut strips, mut faults) = (Vec::with_capacity(wanted.len()), Vec::new());
        for item in self.batch("read strips", Table::Strips, keys, true).await? {
            let r = Reader::new("strip", &item);
            let no = wanted.get(r.text("k")?).copied().ok_or_else(|| r.bad("k"))?;
            match StripItem::read(no, &item) {
                Ok(strip) => strips.push(strip),
                Err(error) => faults.push((no, error)),
            }
        }
        strips.sort_by_key(|s| s.strip.no);
        Ok((strips, faults))
    }

    /// Vault items by (strip, part), consistently; those that do not exist are absent.
    pub async fn vault(&self, product: &ProductId, parts: &[(u32, u8)]) -> Result<Vec<VaultItem>, StoreError> {
        let (items, mut faults) = self.vault_with_faults(product, parts).await?;
        faults.pop().map_or(Ok(items), |(_, fault)| Err(fault))
    }

    /// Vault items as far as they read, consistently, with the places of those that do not.
    pub async fn vault_with_faults(
        &self,
        product: &ProductId,
        parts: &[(u32, u8)],
    ) -> Result<(Vec<VaultItem>, Vec<(u32, StoreError)>), StoreError> {
        let wanted: BTreeMap<String, (u32, u8)> =
            parts.iter().map(|&(b, j)| (keys::vault(product, b, j), (b, j))).collect();
        let keys = wanted.keys().map(|k| keys::text("k", k.clone())).collect();
        let (mut found, mut faults) = (Vec::with_capacity(wanted.len()), Vec::new());
        for item in self.batch("read vault", Table::Vault, keys, true).await? {
            let r = Reader::new("vault item", &item);
            let (strip, part) = wanted.get(r.text("k")?).copied().ok_or_else(|| r.bad("k"))?;
            match VaultItem::read(strip, part, &item) {
                Ok(item) => found.push(item),
                Err(error) => faults.push((strip, error)),
            }
        }
        Ok((found, faults))
    }

    /// Uniqueness rows by keyed hash, consistently; hashes without a row are absent.
    pub async fn unique_rows(
        &self,
        product: &ProductId,
        hashes: &[[u8; 16]],
    ) -> Result<HashMap<[u8; 16], UniqueCard>, StoreError> {
        let wanted: HashMap<String, [u8; 16]> = hashes.iter().map(|h| (keys::unique(product, h), *h)).collect();
        let keys = wanted.keys().map(|k| keys::text("k", k.clone())).collect();
        let mut rows = HashMap::with_capacity(wanted.len());
        for item in self.batch("read unique rows", Table::Vault, keys, true).await? {
            let r = Reader::new("unique row", &item);
            let hash = wanted.get(r.text("k")?).copied().ok_or_else(|| r.bad("k"))?;
            rows.insert(hash, UniqueCard::read(&item)?);
        }
        Ok(rows)
    }

    /// One document of the shop, consistently.
    pub async fn shop_item(&self, kind: &str, id: &str) -> Result<Option<ShopItem>, StoreError> {
        let mut key = keys::text("kind", kind.to_owned());
        key.extend(keys::text("id", id.to_owned()));
        self.get("read shop item", Table::Shop, key, true).await?.as_ref().map(ShopItem::read).transpose()
    }

    /// All documents of a kind, consistently, sorted by id.
    pub async fn shop_items(&self, kind: &str) -> Result<Vec<ShopItem>, StoreError> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let page = self
                .db
                .query()
                .table_name(self.tables.name(Table::Shop))
                .key_condition_expression("#kind = :kind")
                .expression_attribute_names("#kind", "kind")
                .expression_attribute_values(":kind", crate::item::string(kind))
                .consistent_read(true)
                .set_exclusive_start_key(start.take())
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|e| StoreError::sdk("list shop items", e))?;
            for item in page.items.unwrap_or_default() {
                items.push(ShopItem::read(&item)?);
            }
            start = page.last_evaluated_key.filter(|k| !k.is_empty());
            if start.is_none() {
                return Ok(items);
            }
        }
    }
}
