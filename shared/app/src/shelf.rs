//! How much stock pages show. Nobody keeps a counter of cards, so somebody has to count: whoever brings cards in or takes them
//! out, whoever finds a product sold out, whoever delivers the last ones, and the timer for everything else. What is shown lags by
//! a pass of the timer and decides nothing; the strips decide.

use crate::showcase::Shelf;
use crate::{App, AppError};
use domain::stock::Entry;
use domain::{Claim, Millis, ProductId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use store::{Head, PageKeys};

/// Cards that are counted at the most: how many more there are is not worth a read a minute.
pub const COUNTED_MAX: u64 = 1_000;

/// Full strips that hold as many.
const COUNTED_STRIPS: u32 = 21;

/// Strips read at a time: one BatchGetItem.
const PAGE: usize = 100;

/// Fresh strips from which on a delivery does not trouble to count: the timer is soon enough.
const PLENTY: u32 = 2;

/// Milliseconds between two counts of one product by one instance.
const COUNT_EVERY_MS: i64 = 2_000;

/// When this instance last counted each product.
#[derive(Debug, Default)]
pub(crate) struct Counted(Mutex<HashMap<ProductId, Millis>>);

impl Counted {
    /// Whether it is time to count again; notes that it was.
    fn takes_turn(&self, product: &ProductId, now: Millis) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = all.get(product).is_none_or(|at| !(0..COUNT_EVERY_MS).contains(&(now - at)));
        if is_time {
            all.insert(product.clone(), now);
        }
        is_time
    }
}

impl App {
    /// Free cards among the strips `from..to` of a product, at most [`COUNTED_MAX`].
    pub(crate) async fn free_among(&self, product: &ProductId, from: u32, to: u32) -> Result<u64, AppError> {
        let strips: Vec<u32> = (from..to).collect();
        let mut free = 0;
        for page in strips.chunks(PAGE) {
            let (read, _) = self.store.strips_with_faults(product, page).await?;
            free += read.iter().map(|item| item.strip.tally(|_, _| false).free).sum::<u64>();
            if free >= COUNTED_MAX {
                return Ok(COUNTED_MAX);
            }
        }
        Ok(free)
    }

    /// Whether a claim could hold so many cards now: the free ones, and those it holds from an earlier try.
    pub(crate) async fn could_hold(&self, product: &ProductId, claim: Claim, quantity: u32) -> Result<bool, AppError> {
        let head = self.store.head(product).await?.unwrap_or_default();
        let strips: Vec<u32> = (head.low..head.on_sale).collect();
        let wanted = u64::from(quantity);
        let mut found = 0;
        // The newest first: that is where free cards lie.
        for page in strips.rchunks(PAGE) {
            for item in self.store.strips(product, page).await? {
                let own = item.strip.positions_of(Entry::Claim(claim)).len();
                found += item.strip.tally(|_, _| false).free + u64::try_from(own).unwrap_or_default();
            }
            if found >= wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Counts a product's cards and tells the pages. Best effort: whatever was done before is done.
    pub async fn count_shelf(&self, product: &ProductId) {
        let told = async {
            let Some(head) = self.store.head(product).await? else { return Ok(()) };
            // From the fresh end: when there is plenty, a few strips tell.
            let fresh = self
                .free_among(product, head.cursor, head.on_sale.min(head.cursor.saturating_add(COUNTED_STRIPS)))
                .await?;
            let free = if fresh >= COUNTED_MAX {
                fresh
            } else {
                (fresh + self.free_among(product, head.low, head.cursor).await?).min(COUNTED_MAX)
            };
            Ok::<(), AppError>(self.store.tell_stock(product, free).await?)
        };
        if let Err(error) = told.await {
            tracing::warn!(%product, %error, "the shelf was not counted");
        }
        self.forget_shelf();
    }

    /// What the pages show now; nothing when that cannot be read.
    pub(crate) async fn shelf_now(&self) -> Shelf {
        let keys = PageKeys { shelf: true, ..PageKeys::default() };
        match self.store.page(&keys).await {
            Ok(found) => found.shelf.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "the shelf does not read");
                Shelf::new()
            }
        }
    }

    /// Tells the pages what a pass counted: the free cards of a product's opened strips, to which those of its fresh strips are
    /// added; answers the sum. `fresh` remembers the latter from pass to pass: an import and a moving cursor change the numbers beside them, and
    /// whoever takes cards out of sale makes the shelf differ, so that they are counted again.
    pub(crate) async fn tell_counted(
        &self,
        product: &ProductId,
        head: &Head,
        opened: u64,
        fresh: &mut BTreeMap<String, (u32, u32, u64)>,
        shelf: &Shelf,
    ) -> Option<u64> {
        let told = async {
            let known = fresh.get(product.as_str()).copied();
            let sum = |free: u64| opened.saturating_add(free).min(COUNTED_MAX);
            let holds = |(from, to, free): &(u32, u32, u64)| {
                (*from, *to) == (head.cursor, head.on_sale) && shelf.get(product) == Some(&sum(*free))
            };
            let untouched = match known.filter(holds) {
                Some((_, _, free)) => free,
                None => {
                    let most = head.on_sale.min(head.cursor.saturating_add(COUNTED_STRIPS));
                    let free = self.free_among(product, head.cursor, most).await?;
                    fresh.insert(product.to_string(), (head.cursor, head.on_sale, free));
                    free
                }
            };
            let free = sum(untouched);
            if shelf.get(product) != Some(&free) {
                self.store.tell_stock(product, free).await?;
            }
            Ok::<u64, AppError>(free)
        };
        told.await.inspect_err(|error| tracing::warn!(%product, %error, "the shelf was not counted")).ok()
    }

    /// Tells the seller when a product's cards have become few: once for each fall, which begins where there were more. `stocked`
    /// remembers from pass to pass which products had more.
    pub(crate) async fn watch_stock(
        &self,
        product: &ProductId,
        free: u64,
        threshold: u32,
        stocked: &mut BTreeSet<String>,
    ) {
        if free > u64::from(threshold) {
            stocked.insert(product.to_string());
        } else if stocked.remove(product.as_str()) {
            self.tell_low_stock(product, free, threshold).await;
        }
    }

    /// Tells the pages that a product was found sold out.
    pub(crate) async fn tell_sold_out(&self, product: &ProductId, quantity: u32) {
        if !self.counted.takes_turn(product, self.clock.now()) {
            return;
        }
        // Too few for this order may be enough for the next.
        if quantity > 1 {
            return self.count_shelf(product).await;
        }
        if let Err(error) = self.store.tell_stock(product, 0).await {
            tracing::warn!(%product, %error, "the pages were not told that it is sold out");
        }
        self.forget_shelf();
    }

    /// Counts a product of which cards were delivered, when few may be left.
    pub async fn count_when_low(&self, product: &ProductId) {
        if !self.counted.takes_turn(product, self.clock.now()) {
            return;
        }
        match self.store.head(product).await {
            Ok(Some(head)) if head.on_sale.saturating_sub(head.cursor) < PLENTY => self.count_shelf(product).await,
            Ok(_) => {}
            Err(error) => tracing::warn!(%product, %error, "the shelf was not counted"),
        }
    }
}
