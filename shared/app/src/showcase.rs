//! The showcase: everything public about the shop in one document, so that a page of it costs one read however many products
//! there are. It is derived. The documents it is arranged from are the truth; whoever changes one arranges it anew, and the timer
//! does so for whoever was cut off.

use crate::catalogue::{CHANNEL, ChannelSetting, Listed, PRODUCT, read_product, write_product};
use crate::settings::{BuyerMailOn, Settings, Texts};
use crate::{App, AppError};
use domain::limits::CATALOGUE_AGE_MS;
use domain::{AccountId, Millis, OrderId, ProductId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use store::{Outcome, PageKeys, PageOrder, ShopItem};

const SHOWCASE: (&str, &str) = ("showcase", "all");
const SETTINGS: (&str, &str) = ("settings", "shop");
const TEXTS: &str = "texts";

/// Bytes of the showcase, below DynamoDB's 400 KiB for an item: room for some 400 products.
const SHOWCASE_MAX: usize = 380 * 1_024;

/// Tries to arrange the showcase while others change what is in it.
const TRIES: usize = 5;

/// Products whose texts one instance remembers.
const TEXTS_REMEMBERED: usize = 200;

/// Everything public about the shop.
#[derive(Clone, Debug, Default)]
pub struct Showcase {
    /// The shop's words.
    pub settings: Settings,
    /// Every product that is not archived, in the order in which they are shown.
    pub products: Vec<Listed>,
    /// Every channel account.
    pub channels: Vec<ChannelSetting>,
}

impl Showcase {
    /// A product by its id.
    pub fn product(&self, id: &ProductId) -> Option<&Listed> {
        self.products.iter().find(|listed| listed.product.id == *id)
    }

    /// A channel account by its id.
    pub fn channel(&self, id: &AccountId) -> Option<&ChannelSetting> {
        self.channels.iter().find(|channel| channel.account == *id)
    }

    /// Whether a channel that moves no real money takes payments.
    pub fn is_sandbox(&self) -> bool {
        self.channels.iter().any(|channel| channel.is_sandbox && channel.enabled)
    }
}

/// The stored form: the documents as they are.
#[derive(Serialize, Deserialize, Default)]
struct ShowcaseDoc {
    items: Vec<Piece>,
}

#[derive(Serialize, Deserialize)]
struct Piece {
    kind: String,
    id: String,
    v: u32,
    doc: String,
}

/// What an instance remembers of what pages show, for two seconds.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    showcase: Mutex<Option<(Millis, Arc<Showcase>)>>,
    shelf: Mutex<Option<(Millis, Arc<Shelf>)>>,
    /// What the settings themselves decide about a new order.
    choices: Mutex<Option<(Millis, Choices)>>,
    texts: Mutex<HashMap<ProductId, (Millis, Texts)>>,
}

/// What the owner's settings decide about a new order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Choices {
    /// Whether no orders are taken now.
    pub(crate) closed: bool,
    /// Whether buyers are told by mail that their order is delivered.
    pub(crate) mails_delivered: bool,
}

/// Cards that can be held, by product.
pub type Shelf = BTreeMap<ProductId, u64>;

fn fresh<T: Clone>(memory: &Mutex<Option<(Millis, T)>>, now: Millis) -> Option<T> {
    let memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    memory.as_ref().filter(|(at, _)| (0..CATALOGUE_AGE_MS).contains(&(now - at))).map(|(_, value)| value.clone())
}

fn keep<T>(memory: &Mutex<Option<(Millis, T)>>, now: Millis, value: T) {
    *memory.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, value));
}

/// What a page wants to show beside the showcase.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PageWish {
    /// How many cards there are.
    pub shelf: bool,
    /// A product's long texts.
    pub texts: Option<ProductId>,
    /// The order the page is about.
    pub order: Option<OrderId>,
    /// Other orders, at most ten.
    pub orders: Vec<OrderId>,
}

/// What a page shows.
#[derive(Clone, Debug, Default)]
pub struct PageData {
    /// Everything public.
    pub showcase: Arc<Showcase>,
    /// How many cards there are, as last counted.
    pub shelf: Arc<Shelf>,
    /// The product's long texts.
    pub texts: Texts,
    /// The orders that were wanted and exist.
    pub orders: HashMap<OrderId, PageOrder>,
    /// Money beside the money of the order that the page is about.
    pub extras: Vec<ExtraMoney>,
}

/// Money that reached an order beside the money that settled it. A courtesy to its buyer; the truth is the row of money.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ExtraMoney {
    /// Why it settled nothing: a word of [`domain::order::MoneyReason`].
    pub reason: String,
    /// The account it arrived on.
    pub account: String,
    /// How much, in minor units.
    pub minor: i64,
    /// In which currency.
    pub currency: String,
    /// When it was first seen, Unix ms.
    pub at: Millis,
}

/// The name of the note that keeps them.
fn extras_of(order: &OrderId) -> String {
    format!("extra#{order}")
}

/// How long they are shown: as long as a buyer may come back, ms.
const EXTRAS_KEPT_MS: i64 = 180 * 24 * 60 * 60_000;

/// How many of them are shown.
const EXTRAS_MAX: usize = 5;

impl App {
    /// What a page shows, by at most one read; by none when everything wanted was read within the last two seconds.
    pub async fn page(&self, wish: &PageWish) -> Result<PageData, AppError> {
        let now = self.clock.now();
        let mut data = PageData::default();
        let mut keys = PageKeys::default();
        match fresh(&self.shown_lately.showcase, now) {
            Some(known) => data.showcase = known,
            None => keys.documents.push((SHOWCASE.0, SHOWCASE.1.to_owned())),
        }
        let wants_showcase = !keys.documents.is_empty();
        if wish.shelf {
            match fresh(&self.shown_lately.shelf, now) {
                Some(known) => data.shelf = known,
                None => keys.shelf = true,
            }
        }
        if let Some(product) = &wish.texts {
            match self.known_texts(product, now) {
                Some(known) => data.texts = known,
                None => keys.documents.push((TEXTS, product.to_string())),
            }
        }
        keys.notes.extend(wish.order.iter().map(extras_of));
        keys.orders.extend(wish.order);
        keys.orders.extend(wish.orders.iter().filter(|order| Some(**order) != wish.order));
        let mut found = self.store.page(&keys).await?;
        if wants_showcase {
            let item = found.documents.remove(&(SHOWCASE.0.to_owned(), SHOWCASE.1.to_owned()));
            data.showcase = match item {
                Some(item) => Arc::new(self.read_showcase(&item)?),
                // Only before anything was ever put up. Shown without being kept: who shows pages has no right to write the shop.
                None => self.derived().await?,
            };
            keep(&self.shown_lately.showcase, now, data.showcase.clone());
        }
        if keys.shelf {
            data.shelf = Arc::new(found.shelf.take().unwrap_or_default());
            keep(&self.shown_lately.shelf, now, data.shelf.clone());
        }
        if let Some(product) = wish.texts.as_ref().filter(|p| keys.documents.iter().any(|(_, id)| *id == p.as_str())) {
            data.texts = read_texts(found.documents.get(&(TEXTS.to_owned(), product.to_string())))?;
            self.keep_texts(product, now, &data.texts);
        }
        if let Some(note) = wish.order.as_ref().and_then(|order| found.notes.get(&extras_of(order))) {
            data.extras = serde_json::from_str(note).unwrap_or_default();
        }
        data.orders = found.orders;
        Ok(data)
    }

    /// Everything public, by at most one read.
    pub async fn showcase(&self) -> Result<Arc<Showcase>, AppError> {
        Ok(self.page(&PageWish::default()).await?.showcase)
    }

    async fn derived(&self) -> Result<Arc<Showcase>, AppError> {
        let doc = arranged(self.pieces().await?)?;
        let item = ShopItem { kind: SHOWCASE.0.to_owned(), id: SHOWCASE.1.to_owned(), doc, version: 0 };
        Ok(Arc::new(self.read_showcase(&item)?))
    }

    fn read_showcase(&self, item: &ShopItem) -> Result<Showcase, AppError> {
        let doc: ShowcaseDoc = serde_json::from_str(&item.doc).map_err(|_| AppError::Setting("showcase"))?;
        let mut showcase = Showcase::default();
        for piece in doc.items {
            let item = ShopItem { kind: piece.kind, id: piece.id, doc: piece.doc, version: piece.v };
            // What does not read is missing from the pages; it must not take the other products with it.
            if let Err(error) = self.put_up(&mut showcase, &item) {
                tracing::error!(kind = item.kind, id = item.id, %error, "a document of the showcase does not read");
            }
        }
        showcase.products.sort_by(|a, b| {
            let place = |l: &Listed| (!l.look.pinned, l.look.sort, l.product.id.to_string());
            place(a).cmp(&place(b))
        });
        Ok(showcase)
    }

    fn put_up(&self, showcase: &mut Showcase, item: &ShopItem) -> Result<(), AppError> {
        match item.kind.as_str() {
            PRODUCT => showcase.products.push(read_product(item)?),
            CHANNEL => {
                let account = AccountId::parse(&item.id).ok_or(AppError::Setting("channel document"))?;
                showcase.channels.extend(self.read_channel(&account, item)?);
            }
            _ => showcase.settings = read_settings(item)?,
        }
        Ok(())
    }

    /// Arranges the showcase from the documents as they stand now, and answers it. Nothing is written when nothing changed.
    pub async fn arrange(&self) -> Result<Arc<Showcase>, AppError> {
        for _ in 0..TRIES {
            let stands = self.store.shop_item(SHOWCASE.0, SHOWCASE.1).await?;
            // The version is read first: whoever changes a document after this arranges after us, and one of both is refused.
            let doc = arranged(self.pieces().await?)?;
            if doc.len() > SHOWCASE_MAX {
                return Err(AppError::Setting("the showcase, which has grown too large; archive products"));
            }
            let version = stands.as_ref().map_or(1, |item| item.version + 1);
            let item = ShopItem { kind: SHOWCASE.0.to_owned(), id: SHOWCASE.1.to_owned(), doc, version };
            let written = match &stands {
                Some(stands) if stands.doc == item.doc => Outcome::AlreadyApplied(()),
                Some(_) => self.store.change_shop_item(&item).await?,
                None => self.store.create_shop_item(&item).await?,
            };
            if !matches!(written, Outcome::Refused(_)) {
                let showcase = Arc::new(self.read_showcase(&item)?);
                keep(&self.shown_lately.showcase, self.clock.now(), showcase.clone());
                return Ok(showcase);
            }
        }
        Err(AppError::Contended)
    }

    /// Arranges the showcase, or leaves it to the timer: the change it is about has been made in any case.
    pub(crate) async fn arrange_or_leave(&self) {
        *self.shown_lately.showcase.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Err(error) = Box::pin(self.arrange()).await {
            tracing::error!(%error, "the showcase is left to the timer");
        }
    }

    /// The shop's words as they stand in the table, and their version; 0 before anybody chose any.
    pub async fn settings_now(&self) -> Result<(Settings, u32), AppError> {
        match self.store.shop_item(SETTINGS.0, SETTINGS.1).await? {
            None => Ok((Settings::default(), 0)),
            Some(item) => Ok((read_settings(&item)?, item.version)),
        }
    }

    /// What the owner's settings decide about a new order, from memory no older than two seconds: from the settings themselves,
    /// because what pages are made from may lag.
    pub(crate) async fn choices(&self) -> Result<Choices, AppError> {
        let now = self.clock.now();
        if let Some(known) = fresh(&self.shown_lately.choices, now) {
            return Ok(known);
        }
        let settings = self.settings_now().await?.0;
        let choices = Choices {
            closed: settings.closed.is_some(),
            mails_delivered: settings.buyer_mail.wants(BuyerMailOn::Delivered),
        };
        keep(&self.shown_lately.choices, now, choices);
        Ok(choices)
    }

    /// Whether the showcase would still have room with this product in it, in place of the one that stands there. A change that
    /// no page could ever show is refused before it is made.
    pub async fn has_room_for(&self, listed: &Listed) -> Result<bool, AppError> {
        let item = write_product(listed)?;
        let id = item.id.clone();
        let rest = self.pieces().await?.into_iter().filter(move |i| i.kind != PRODUCT || i.id != id);
        let shown = (!listed.product.archived).then_some(item);
        Ok(arranged(rest.chain(shown))?.len() <= SHOWCASE_MAX)
    }

    /// The same for the shop's words.
    pub async fn has_room_for_settings(&self, settings: &Settings) -> Result<bool, AppError> {
        let doc = serde_json::to_string(settings).map_err(|_| AppError::Setting("settings"))?;
        let item = ShopItem { kind: SETTINGS.0.to_owned(), id: SETTINGS.1.to_owned(), doc, version: u32::MAX };
        let rest = self.pieces().await?.into_iter().filter(|i| i.kind != SETTINGS.0);
        Ok(arranged(rest.chain([item]))?.len() <= SHOWCASE_MAX)
    }

    /// The documents that the showcase is arranged from, as they stand now.
    async fn pieces(&self) -> Result<Vec<ShopItem>, AppError> {
        let mut items = self.store.shop_items(PRODUCT).await?;
        items.retain(|item| read_product(item).is_ok_and(|listed| !listed.product.archived));
        items.extend(self.store.shop_items(CHANNEL).await?);
        items.extend(self.store.shop_item(SETTINGS.0, SETTINGS.1).await?);
        Ok(items)
    }

    /// Writes the shop's words over the version that was read. `false` when somebody else changed them meanwhile.
    pub async fn change_settings(&self, settings: &Settings, seen: u32) -> Result<bool, AppError> {
        let doc = serde_json::to_string(settings).map_err(|_| AppError::Setting("settings"))?;
        let item = ShopItem { kind: SETTINGS.0.to_owned(), id: SETTINGS.1.to_owned(), doc, version: seen + 1 };
        let written = match seen {
            0 => self.store.create_shop_item(&item).await?,
            _ => self.change_document(&item).await?,
        };
        *self.shown_lately.choices.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.arrange_or_leave().await;
        Ok(!matches!(written, Outcome::Refused(_)))
    }

    /// Forgets the shelf, because it was counted anew.
    pub(crate) fn forget_shelf(&self) {
        *self.shown_lately.shelf.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn known_texts(&self, product: &ProductId, now: Millis) -> Option<Texts> {
        let memory = self.shown_lately.texts.lock().unwrap_or_else(PoisonError::into_inner);
        memory.get(product).filter(|(at, _)| (0..CATALOGUE_AGE_MS).contains(&(now - at))).map(|(_, t)| t.clone())
    }

    fn keep_texts(&self, product: &ProductId, now: Millis, texts: &Texts) {
        let mut memory = self.shown_lately.texts.lock().unwrap_or_else(PoisonError::into_inner);
        // Anybody may ask for anything, and memory has an end.
        if memory.len() >= TEXTS_REMEMBERED && !memory.contains_key(product) {
            memory.clear();
        }
        memory.insert(product.clone(), (now, texts.clone()));
    }

    /// A product's long texts, from memory no older than two seconds.
    pub async fn texts(&self, product: &ProductId) -> Result<Texts, AppError> {
        let now = self.clock.now();
        if let Some(known) = self.known_texts(product, now) {
            return Ok(known);
        }
        let texts = self.texts_now(product).await?.0;
        self.keep_texts(product, now, &texts);
        Ok(texts)
    }

    /// A product's long texts as they stand in the table, and their version; 0 when it has none.
    pub async fn texts_now(&self, product: &ProductId) -> Result<(Texts, u32), AppError> {
        let item = self.store.shop_item(TEXTS, product.as_str()).await?;
        Ok((read_texts(item.as_ref())?, item.map_or(0, |item| item.version)))
    }

    /// Writes a product's long texts over the version that was read. `false` when somebody else changed them meanwhile.
    pub async fn change_texts(&self, product: &ProductId, texts: &Texts, seen: u32) -> Result<bool, AppError> {
        let doc = serde_json::to_string(texts).map_err(|_| AppError::Setting("texts"))?;
        let item = ShopItem { kind: TEXTS.to_owned(), id: product.to_string(), doc, version: seen + 1 };
        let written = match seen {
            0 => self.store.create_shop_item(&item).await?,
            _ => self.change_document(&item).await?,
        };
        self.shown_lately.texts.lock().unwrap_or_else(PoisonError::into_inner).remove(product);
        Ok(!matches!(written, Outcome::Refused(_)))
    }

    /// Tells an order's buyer that more money came than settled it. Best effort: the row of money is written already.
    pub(crate) async fn note_extra(&self, order: &OrderId, extra: ExtraMoney) {
        let noted = async {
            let name = extras_of(order);
            let known = self.store.note(&name).await?.unwrap_or_default();
            let mut extras: Vec<ExtraMoney> = serde_json::from_str(&known).unwrap_or_default();
            let same =
                |e: &ExtraMoney| (&e.reason, &e.account, e.minor) == (&extra.reason, &extra.account, extra.minor);
            // A provider that repeats itself tells of the same money again, at another time.
            if extras.len() >= EXTRAS_MAX || extras.iter().any(same) {
                return Ok(());
            }
            extras.push(extra);
            let text = serde_json::to_string(&extras).map_err(|_| AppError::Setting("extras"))?;
            Ok::<(), AppError>(self.store.keep_note(&name, &text, self.clock.now() + EXTRAS_KEPT_MS).await?)
        };
        if let Err(error) = noted.await {
            tracing::warn!(%order, %error, "a buyer is not told of further money");
        }
    }
}

fn arranged(items: impl IntoIterator<Item = ShopItem>) -> Result<String, AppError> {
    let pieces = items.into_iter().map(|i| Piece { kind: i.kind, id: i.id, v: i.version, doc: i.doc });
    serde_json::to_string(&ShowcaseDoc { items: pieces.collect() }).map_err(|_| AppError::Setting("showcase"))
}

fn read_settings(item: &ShopItem) -> Result<Settings, AppError> {
    serde_json::from_str(&item.doc).map_err(|_| AppError::Setting("settings"))
}

fn read_texts(item: Option<&ShopItem>) -> Result<Texts, AppError> {
    item.map_or(Ok(Texts::default()), |item| serde_json::from_str(&item.doc).map_err(|_| AppError::Setting("texts")))
}
