//! Products and channels: documents of the shop's table, kept in memory for at most two seconds, so that a warm create
//! reads nothing.

use crate::settings::Presentation;
use crate::{App, AppError};
use domain::limits::CATALOGUE_AGE_MS;
use domain::product::{Field, Kind, Product};
use domain::{AccountId, Currency, Millis, Money, ProductId, Txn};
use payments::Channel;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use store::{Outcome, ShopItem};

pub(crate) const PRODUCT: &str = "product";
pub(crate) const CHANNEL: &str = "channel";

/// Milliseconds for which a product's count of free cards may be shown again. Shown only; a create asks the strips.
const COUNT_AGE_MS: i64 = 2_000;

/// What was read lately.
#[derive(Default)]
pub struct Catalogue {
    products: Mutex<HashMap<ProductId, (Millis, Listed)>>,
    pub(crate) channels: Mutex<HashMap<AccountId, (Millis, ChannelSetting)>>,
    pub(crate) earlier: Mutex<HashMap<(AccountId, u32), Option<ChannelSetting>>>,
    listed: Mutex<Option<(Millis, Vec<Listed>)>>,
    counts: Mutex<HashMap<ProductId, (Millis, u64)>>,
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Catalogue")
    }
}

fn remembered<K: std::hash::Hash + Eq, V: Clone>(
    memory: &Mutex<HashMap<K, (Millis, V)>>,
    key: &K,
    now: Millis,
    age: i64,
) -> Option<V> {
    let memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    memory.get(key).filter(|(at, _)| (0..age).contains(&(now - at))).map(|(_, value)| value.clone())
}

fn remember<K: std::hash::Hash + Eq, V>(memory: &Mutex<HashMap<K, (Millis, V)>>, key: K, now: Millis, value: V) {
    memory.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (now, value));
}

/// A product with how it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// What the rules know of it.
    pub product: Product,
    /// How it is shown, and what its form asks.
    pub look: Presentation,
}

/// A configured channel account, ready to speak to its provider.
#[derive(Clone, Debug)]
pub struct ChannelSetting {
    /// Its id, which is also its webhook's path.
    pub account: AccountId,
    /// Counts the changes of its settings.
    pub version: u32,
    /// The last version that had other settings than whether it is switched on, if there is one.
    pub before: Option<u32>,
    /// Whether it is the local shop's own gateway, for which anybody with the key may stand in: then a trade that the gateway
    /// does not know proves nothing.
    pub is_sandbox: bool,
    /// Whether new attempts may use it. Old ones stay verifiable in any case.
    pub enabled: bool,
    /// What tells one merchant from another; no secret is in it.
    pub merchant: Arc<str>,
    /// The codec with its keys.
    pub channel: Channel,
}

impl ChannelSetting {
    /// Whether this money can go back through the account: never what somebody only vouched for.
    pub fn can_refund(&self, txn: &Txn) -> bool {
        !txn.is_attested() && self.channel.refunds()
    }
}

#[derive(Serialize, Deserialize)]
struct ProductDoc {
    name: String,
    kind: String,
    price_minor: i64,
    currency: String,
    channels: Vec<String>,
    min_quantity: u32,
    max_quantity: u32,
    fields: Vec<FieldDoc>,
    #[serde(default)]
    review: bool,
    on_sale: bool,
    archived: bool,
    #[serde(default)]
    look: Presentation,
}

#[derive(Serialize, Deserialize)]
struct FieldDoc {
    id: String,
    label: String,
    required: bool,
}

pub(crate) fn read_product(item: &ShopItem) -> Result<Listed, AppError> {
    let bad = || AppError::Setting("product document");
    let doc: ProductDoc = serde_json::from_str(&item.doc).map_err(|_| bad())?;
    let channels: Option<Vec<AccountId>> = doc.channels.iter().map(|c| AccountId::parse(c)).collect();
    let fields = doc.fields.into_iter().map(|f| Field { id: f.id, label: f.label, required: f.required }).collect();
    let product = Product {
        id: ProductId::parse(&item.id).ok_or_else(bad)?,
        name: doc.name,
        kind: Kind::parse(&doc.kind).ok_or_else(bad)?,
        price: Money { minor: doc.price_minor, currency: Currency::parse(&doc.currency).ok_or_else(bad)? },
        channels: channels.ok_or_else(bad)?,
        min_quantity: doc.min_quantity,
        max_quantity: doc.max_quantity,
        fields,
        review: doc.review,
        on_sale: doc.on_sale,
        archived: doc.archived,
        version: item.version,
    };
    Ok(Listed { product, look: doc.look })
}

pub(crate) fn write_product(Listed { product, look }: &Listed) -> Result<ShopItem, AppError> {
    let doc = ProductDoc {
        name: product.name.clone(),
        kind: product.kind.as_str().to_owned(),
        price_minor: product.price.minor,
        currency: product.price.currency.to_string(),
        channels: product.channels.iter().map(AccountId::to_string).collect(),
        min_quantity: product.min_quantity,
        max_quantity: product.max_quantity,
        fields: product
            .fields
            .iter()
            .map(|f| FieldDoc { id: f.id.clone(), label: f.label.clone(), required: f.required })
            .collect(),
        review: product.review,
        on_sale: product.on_sale,
        archived: product.archived,
        look: look.clone(),
    };
    let doc = serde_json::to_string(&doc).map_err(|_| AppError::Setting("product document"))?;
    Ok(ShopItem { kind: PRODUCT.into(), id: product.id.to_string(), doc, version: product.version })
}

impl App {
    /// A product, from memory no older than two seconds. Archived ones are answered too.
    pub async fn product(&self, id: &ProductId) -> Result<Option<Product>, AppError> {
        Ok(self.listed(id).await?.map(|listed| listed.product))
    }

    /// A product and how it is shown, from memory no older than two seconds. Archived ones are answered too.
    pub async fn listed(&self, id: &ProductId) -> Result<Option<Listed>, AppError> {
        let now = self.clock.now();
        if let Some(known) = remembered(&self.catalogue.products, id, now, CATALOGUE_AGE_MS) {
            return Ok(Some(known));
        }
        let item = self.store.shop_item(PRODUCT, id.as_str()).await?;
        let product = item.as_ref().map(read_product).transpose()?;
        // What does not exist is not remembered: anybody may ask for anything, and memory has an end.
        if let Some(product) = &product {
            remember(&self.catalogue.products, id.clone(), now, product.clone());
        }
        Ok(product)
    }

    /// A product as it stands in the table, for whoever is about to change it.
    pub async fn listed_now(&self, id: &ProductId) -> Result<Option<Listed>, AppError> {
        self.forget_product(id);
        self.listed(id).await
    }

    /// Every product that is not archived, from memory no older than two seconds.
    pub async fn products(&self) -> Result<Vec<Listed>, AppError> {
        let now = self.clock.now();
        let known = self.catalogue.listed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, products)) = known
            && (0..CATALOGUE_AGE_MS).contains(&(now - at))
        {
            return Ok(products);
        }
        let items = self.store.shop_items(PRODUCT).await?;
        let mut products = items.iter().map(read_product).collect::<Result<Vec<_>, _>>()?;
        products.retain(|p| !p.product.archived);
        *self.catalogue.listed.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, products.clone()));
        Ok(products)
    }

    /// Every product there ever was, archived ones too and those whose document does not read: their orders may be open.
    pub async fn all_products(&self) -> Result<Vec<ProductId>, AppError> {
        let items = self.store.shop_items(PRODUCT).await?;
        Ok(items.iter().filter_map(|item| ProductId::parse(&item.id)).collect())
    }

    /// How many cards a buyer could claim, as counted within the last two seconds. For display only.
    pub async fn shown_stock(&self, product: &ProductId) -> Result<u64, AppError> {
        let now = self.clock.now();
        if let Some(count) = remembered(&self.catalogue.counts, product, now, COUNT_AGE_MS) {
            return Ok(count);
        }
        let count = self.free_cards(product).await?;
        remember(&self.catalogue.counts, product.clone(), now, count);
        Ok(count)
    }

    /// Creates a product, head first. `Refused` when the id is taken or was ever used.
    pub async fn create_product(&self, listed: &Listed) -> Result<Outcome<(), ()>, AppError> {
        self.store.open_head(&listed.product.id).await?;
        let created = self.store.create_shop_item(&write_product(listed)?).await?;
        self.forget_product(&listed.product.id);
        self.arrange_or_leave().await;
        Ok(match created {
            Outcome::Applied(()) => Outcome::Applied(()),
            Outcome::AlreadyApplied(()) => Outcome::AlreadyApplied(()),
            Outcome::Refused(_) => Outcome::Refused(()),
        })
    }

    /// Changes a product that was read in version `product.version − 1`; refused with what stands there now.
    pub async fn change_product(&self, listed: &Listed) -> Result<Outcome<(), Listed>, AppError> {
        let changed = self.change_document(&write_product(listed)?).await?;
        self.forget_product(&listed.product.id);
        self.arrange_or_leave().await;
        Ok(match changed {
            Outcome::Applied(()) => Outcome::Applied(()),
            Outcome::AlreadyApplied(()) => Outcome::AlreadyApplied(()),
            Outcome::Refused(found) => Outcome::Refused(read_product(&found)?),
        })
    }

    fn forget_product(&self, id: &ProductId) {
        self.catalogue.products.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        self.catalogue.counts.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        *self.catalogue.listed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Forgets the shown count, because cards came in.
    pub(crate) fn forget_count(&self, id: &ProductId) {
        self.catalogue.counts.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// A channel account, from memory no older than two seconds.
    pub async fn channel(&self, account: &AccountId) -> Result<Option<ChannelSetting>, AppError> {
        let now = self.clock.now();
        if let Some(known) = remembered(&self.catalogue.channels, account, now, CATALOGUE_AGE_MS) {
            return Ok(Some(known));
        }
        let item = self.store.shop_item(CHANNEL, account.as_str()).await?;
        let setting = item.map(|item| self.read_channel(account, &item)).transpose()?.flatten();
        if let Some(setting) = &setting {
            remember(&self.catalogue.channels, account.clone(), now, setting.clone());
        }
        Ok(setting)
    }
}
