//! The audit: strips against orders and orders against strips, ciphertexts against their strips, money against its proof and
//! its provider. It names what differs and repairs nothing by guessing. Runs in pages, so that a full one fits any time limit.

mod mend;
mod orders;
mod report;

pub(crate) use report::at_order;
pub use report::{Finding, LastSeal, Report, Scope};
use report::{at_slot, at_strip};

use crate::import::vault_hash;
use crate::meter::Metric;
use crate::{App, AppError};
use domain::order::{Order, State};
use domain::stock::{Entry, Strip, evidence};
use domain::{Claim, Millis, OrderId, ProductId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use store::{Head, ShopItem, StoreError, StripItem, VaultItem};

/// Strips and orders of one page.
const PAGE: u32 = 50;
const ORDERS_PAGE: i32 = 100;

/// Milliseconds that an hourly audit looks back over new orders.
const RECENT_MS: i64 = 2 * 60 * 60_000;

/// Milliseconds a page of the run is kept for the next function that goes on.
const RUN_KEPT_MS: i64 = 6 * 60 * 60_000;

const KIND: &str = "audit";

/// Where a run stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Place {
    /// Putting back what a restore lost, after this key of the table of orders.
    Mending(Option<String>),
    /// In this product's strips.
    Strips {
        product: String,
        next: u32,
    },
    /// After this key of the table of orders.
    Orders(Option<String>),
    /// In this shard of this day's list.
    Days {
        day: i64,
        shard: u8,
        since: Millis,
    },
    Done,
}

#[derive(Serialize, Deserialize)]
struct Run {
    place: Place,
    report: Report,
}

/// A run without a limit of time is asked for by a person, who means what stands there now.
const NO_LIMIT: i64 = i64::MAX;

impl App {
    /// Runs an audit for at most `budget_ms`, from where the last call of the same scope stopped. `None`: there is more to do.
    /// A finished one is kept as the scope's latest report, and a clean one after a restore opens the shop.
    pub async fn audit(&self, scope: Scope, budget_ms: i64) -> Result<Option<Report>, AppError> {
        if scope == Scope::Evidence {
            return Box::pin(self.keep_evidence(budget_ms)).await;
        }
        let started = self.clock.now();
        let deadline = started.saturating_add(budget_ms);
        let name = format!("audit#{scope:?}");
        let kept = self.store.note(&name).await?.and_then(|text| serde_json::from_str::<Run>(&text).ok());
        let closed_since = self.closed_since().await?;
        // Half a shop differs everywhere, and what is put back in it would stand in the import's way.
        if closed_since.is_some() && self.import_is_unfinished().await? {
            return Ok(None);
        }
        // What was looked at before the last restore is not what stands there now.
        let is_current = |run: &Run| budget_ms < NO_LIMIT && run.report.closed_since == closed_since;
        let mut run = match kept.filter(|run| run.place != Place::Done && is_current(run)) {
            Some(run) => run,
            None => Run {
                place: self.first_place(scope, started).await?,
                report: Report::new(scope, started, closed_since),
            },
        };
        while run.place != Place::Done {
            if self.clock.now() >= deadline {
                self.keep_run(&name, &run).await?;
                return Ok(None);
            }
            // Kept page by page: a function that is ended in the middle of one loses that one only.
            if budget_ms < NO_LIMIT {
                self.keep_run(&name, &run).await?;
            }
            run.place = Box::pin(self.audit_page(&run.place, &mut run.report)).await?;
        }
        run.report.finished_at = self.clock.now();
        let before = self.keep_report(&run.report).await?;
        self.tell_differences(&run.report, before.as_ref()).await;
        self.keep_run(&name, &run).await?;
        let clean = run.report.differences == 0 && run.report.unanswered == 0 && run.report.ownerless == 0;
        if let (Scope::Restored, true, Some(since)) = (scope, clean, closed_since) {
            self.open_shop(since).await?;
        }
        self.meter.add(Metric::AuditDifferences, i64::try_from(run.report.differences).unwrap_or(i64::MAX));
        tracing::info!(?scope, differences = run.report.differences, per_million = run.report.per_million(), "audited");
        Ok(Some(run.report))
    }

    /// Whether an audit of this scope has ended after `since`, Unix ms.
    pub async fn was_audited_since(&self, scope: Scope, since: Millis) -> Result<bool, AppError> {
        let id = format!("{scope:?}").to_lowercase();
        let kept = self.store.shop_item(KIND, &id).await?;
        let report: Option<Report> = kept.and_then(|item| serde_json::from_str(&item.doc).ok());
        Ok(report.is_some_and(|report| report.finished_at > since))
    }

    async fn keep_run(&self, name: &str, run: &Run) -> Result<(), AppError> {
        let text = serde_json::to_string(run).map_err(|_| AppError::Setting("audit"))?;
        Ok(self.store.keep_note(name, &text, self.clock.now() + RUN_KEPT_MS).await?)
    }

    /// Keeps a report as its scope's latest, and answers the one that was.
    pub(crate) async fn keep_report(&self, report: &Report) -> Result<Option<Report>, AppError> {
        let id = format!("{:?}", report.scope).to_lowercase();
        let doc = serde_json::to_string(report).map_err(|_| AppError::Setting("audit"))?;
        let found = self.store.shop_item(KIND, &id).await?;
        let version = found.as_ref().map_or(1, |f| f.version + 1);
        let before = found.as_ref().and_then(|f| serde_json::from_str(&f.doc).ok());
        let item = ShopItem { kind: KIND.into(), id, doc, version };
        // Another audit of the same scope may end at the same moment: either is as good.
        match found {
            None => drop(self.store.create_shop_item(&item).await?),
            Some(_) => drop(self.store.change_shop_item(&item).await?),
        }
        Ok(before)
    }

    /// Opens the shop although providers left questions open, or claims have no order: a person has looked at both. Only when
    /// the audit after the restore found no difference; `false` otherwise.
    pub async fn open_by_hand(&self, who: &str, reference: &str) -> Result<bool, AppError> {
        let Some(closed_since) = self.closed_since().await? else { return Ok(true) };
        let reports = self.audit_reports().await?;
        let clean =
            |r: &Report| r.scope == Scope::Restored && r.closed_since == Some(closed_since) && r.differences == 0;
        if !reports.iter().any(clean) {
            return Ok(false);
        }
        self.note_deed(who, "shop_opened_by_hand", "shop", None, reference).await?;
        self.open_shop(closed_since).await
    }

    /// The latest report of each scope.
    pub async fn audit_reports(&self) -> Result<Vec<Report>, AppError> {
        let items = self.store.shop_items(KIND).await?;
        // A report that an older version wrote and this one does not read is history; it must not hide the others.
        Ok(items.iter().filter_map(|i| serde_json::from_str(&i.doc).ok()).collect())
    }

    async fn first_place(&self, scope: Scope, now: Millis) -> Result<Place, AppError> {
        if scope == Scope::Restored {
            return Ok(Place::Mending(None));
        }
        self.first_strips(now, scope).await
    }

    async fn first_strips(&self, now: Millis, scope: Scope) -> Result<Place, AppError> {
        Ok(match self.all_products().await?.into_iter().next() {
            Some(product) => Place::Strips { product: product.to_string(), next: 0 },
            None => after_strips(scope, now),
        })
    }

    async fn audit_page(&self, place: &Place, report: &mut Report) -> Result<Place, AppError> {
        let (scope, began) = (report.scope, report.started_at);
        match place {
            Place::Mending(after) => match self.mend_page(after.as_deref(), report).await? {
                Some(next) => Ok(Place::Mending(Some(next))),
                None => self.first_strips(began, scope).await,
            },
            Place::Strips { product, next } => {
                let Some(id) = ProductId::parse(product) else { return Ok(after_strips(scope, began)) };
                if let Some(next) = self.audit_strips(&id, *next, report).await? {
                    return Ok(Place::Strips { product: product.clone(), next });
                }
                let products = self.all_products().await?;
                let following = products.iter().map(ProductId::to_string).find(|p| p > product);
                Ok(following.map_or(after_strips(scope, began), |product| Place::Strips { product, next: 0 }))
            }
            Place::Orders(after) => {
                let key = after.as_deref().map(unhex).transpose()?;
                let page = self.store.scan_orders(key.as_deref(), ORDERS_PAGE).await?;
                for (key, error) in &page.unreadable {
                    report.found(at_order("order_unreadable", &crate::keys::hex(key), error));
                }
                self.audit_orders(&page.orders, report).await?;
                Ok(page.next.map_or(Place::Done, |key| Place::Orders(Some(crate::keys::hex(&key)))))
            }
            Place::Days { day, shard, since } => {
                let page = self.store.orders_of_day(*day, *shard, *since, ORDERS_PAGE).await?;
                let ids: Vec<OrderId> = page.iter().map(|(id, _)| *id).collect();
                // What does not read was named with its strip, or is met by the full audit.
                let (orders, _) = self.store.orders_with_faults(&ids).await?;
                let orders: Vec<Order> = orders.into_values().collect();
                self.audit_orders(&orders, report).await?;
                let is_full = i32::try_from(page.len()).unwrap_or(i32::MAX) >= ORDERS_PAGE;
                Ok(match page.last() {
                    Some((_, at)) if is_full => Place::Days { day: *day, shard: *shard, since: at.saturating_add(1) },
                    _ => next_shard(*day, *shard, began),
                })
            }
            Place::Done => Ok(Place::Done),
        }
    }

    /// One page of a product's strips; answers the next strip, or `None` at their end.
    async fn audit_strips(&self, product: &ProductId, from: u32, report: &mut Report) -> Result<Option<u32>, AppError> {
        let head = match self.store.head(product).await {
            Ok(Some(head)) => head,
            Ok(None) => {
                report.found(at_strip("head_missing", product, 0, ""));
                return Ok(None);
            }
            Err(StoreError::Corrupt { detail, .. }) => {
                report.found(at_strip("head_unreadable", product, 0, &detail));
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let (first, end) = match report.scope {
            Scope::Recent => (head.low.max(from), head.cursor),
            Scope::Full | Scope::Restored | Scope::Evidence => (from, head.on_sale),
        };
        let numbers: Vec<u32> = (first..end.min(first.saturating_add(PAGE))).collect();
        let (strips, unreadable) = self.store.strips_with_faults(product, &numbers).await?;
        for (no, error) in &unreadable {
            report.found(at_strip("strip_unreadable", product, *no, &error.to_string()));
        }
        let there: BTreeSet<u32> =
            strips.iter().map(|s| s.strip.no).chain(unreadable.iter().map(|(no, _)| *no)).collect();
        for missing in numbers.iter().filter(|no| !there.contains(no)) {
            report.found(at_strip("strip_missing", product, *missing, ""));
        }
        self.audit_ciphertexts(product, &strips, report).await?;
        let owners: BTreeSet<OrderId> = strips.iter().flat_map(|s| claims(&s.strip)).map(|(_, c)| c.order).collect();
        let owners: Vec<OrderId> = owners.into_iter().collect();
        let (orders, unreadable) = self.store.orders_with_faults(&owners).await?;
        if report.scope == Scope::Recent {
            // A full audit meets them again in the pass over all orders.
            for (order, error) in &unreadable {
                report.found(at_order("order_unreadable", &order.to_string(), &error.to_string()));
            }
        }
        for item in &strips {
            report.strips += 1;
            self.audit_strip(product, &head, &item.strip, &orders, &unreadable, report);
        }
        // Orders are looked at once in the pass over all orders; an hourly audit sees those of open strips here.
        if report.scope == Scope::Recent {
            let orders: Vec<Order> = orders.into_values().collect();
            self.audit_orders(&orders, report).await?;
        }
        let next = first.saturating_add(PAGE);
        Ok((next < end).then_some(next))
    }

    fn audit_strip(
        &self,
        product: &ProductId,
        head: &Head,
        strip: &Strip,
        orders: &HashMap<OrderId, Order>,
        unreadable: &HashMap<OrderId, StoreError>,
        report: &mut Report,
    ) {
        report.cards += u64::from(domain::limits::STRIP_CARDS)
            - u64::try_from(strip.positions_of(Entry::Pad).len()).unwrap_or_default();
        if strip.sealed && (strip.room() > 0 || strip.entries.contains(&Entry::Free)) {
            report.found(at_strip("seal_over_free_cards", product, strip.no, ""));
        }
        if strip.no < head.low && !strip.sealed {
            report.found(at_strip("watermark_over_open_strip", product, strip.no, ""));
        }
        if strip.entries.len() > usize::from(domain::limits::STRIP_CARDS) {
            report.found(at_strip("strip_too_long", product, strip.no, ""));
        }
        for (position, claim) in claims(strip) {
            let slot = |what, detail| at_slot(what, product, strip.no, position, Some(claim.order), detail);
            let closed = strip.sealed || strip.is_done(position);
            match orders.get(&claim.order) {
                None if unreadable.contains_key(&claim.order) => {}
                None if closed || claim.generation > 0 => {
                    report.found(slot("claim_without_order", "its order is gone"));
                }
                // While the shop is closed nothing is under way: the order may be what the restore has lost.
                None if report.scope == Scope::Restored => {
                    report.ownerless += 1;
                    report.name(slot("claim_without_order", "lost by the restore, or a create that was cut off"));
                }
                // A create under way, or one that was cut off: watched by the reconciler, given up when it is old.
                None => report.in_motion += 1,
                Some(order) => {
                    let is_owned = order.is_live()
                        && order.generation == claim.generation
                        && evidence::owns(order, product, strip.no, position);
                    let is_late = order.state == State::Late && claim.generation == order.generation.saturating_add(1);
                    let may_go = evidence::releasable(order, claim.generation, product, strip.no, position);
                    let is_final = evidence::is_final(order, claim.generation, product, strip.no, position);
                    if closed && !is_final {
                        report.found(slot("mark_over_open_card", order.state.as_str()));
                    } else if is_late || may_go {
                        report.in_motion += 1;
                    } else if !is_owned {
                        report.found(slot("claim_of_no_hold", order.state.as_str()));
                    } else if strip.no >= head.cursor && report.scope == Scope::Restored {
                        // In an open shop the cursor may have moved since the head was read.
                        report.found(slot("claim_beyond_cursor", ""));
                    }
                }
            }
        }
        for position in (0..domain::limits::STRIP_CARDS).filter(|p| strip.is_done(*p) && !strip.sealed) {
            let entry = strip.entries.get(usize::from(position));
            if !matches!(entry, Some(Entry::Claim(_) | Entry::Pad | Entry::Removed)) {
                report.found(at_slot("mark_over_free_card", product, strip.no, position, None, ""));
            }
        }
    }

    /// Whether the ciphertexts are those the strip was made with. Needs no key.
    async fn audit_ciphertexts(
        &self,
        product: &ProductId,
        strips: &[StripItem],
        report: &mut Report,
    ) -> Result<(), AppError> {
        let parts: Vec<(u32, u8)> = strips
            .iter()
            .flat_map(|s| {
                let parts = domain::limits::STRIP_CARDS.checked_div(s.strip.width).unwrap_or_default();
                (0..parts).map(|part| (s.strip.no, part))
            })
            .collect();
        let mut by_strip: HashMap<u32, Vec<VaultItem>> = HashMap::new();
        let (items, unreadable) = self.store.vault_with_faults(product, &parts).await?;
        for item in items {
            by_strip.entry(item.strip).or_default().push(item);
        }
        for (strip, error) in unreadable {
            report.found(at_strip("ciphertext_unreadable", product, strip, &error.to_string()));
        }
        for item in strips {
            let mut vault = by_strip.remove(&item.strip.no).unwrap_or_default();
            // Ciphertexts of a run that found its strip closed belong to no strip.
            vault.retain(|v| v.import == item.import);
            if vault_hash(&vault) != item.vault_hash {
                report.found(at_strip("ciphertext_changed", product, item.strip.no, ""));
            }
        }
        Ok(())
    }
}

fn after_strips(scope: Scope, now: Millis) -> Place {
    match scope {
        Scope::Recent => {
            let since = now - RECENT_MS;
            Place::Days { day: since.div_euclid(DAY_MS), shard: 0, since }
        }
        Scope::Full | Scope::Restored | Scope::Evidence => Place::Orders(None),
    }
}

const DAY_MS: i64 = 86_400_000;

/// The list after this one, up to the day in which the audit began.
fn next_shard(day: i64, shard: u8, began: Millis) -> Place {
    let since = began - RECENT_MS;
    if shard + 1 < store::keys::DAY_SHARDS {
        Place::Days { day, shard: shard + 1, since }
    } else if day < began.div_euclid(DAY_MS) {
        Place::Days { day: day + 1, shard: 0, since }
    } else {
        Place::Done
    }
}

/// The key at which a run stopped, as its note holds it.
fn unhex(text: &str) -> Result<Vec<u8>, AppError> {
    crate::keys::unhex(text).ok_or(AppError::Setting("audit"))
}

/// Every claim of a strip with its position.
fn claims(strip: &Strip) -> impl Iterator<Item = (u8, Claim)> + '_ {
    (0u8..).zip(&strip.entries).filter_map(|(position, entry)| match entry {
        Entry::Claim(claim) => Some((position, *claim)),
        _ => None,
    })
}
