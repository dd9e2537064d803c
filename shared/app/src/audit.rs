//! The audit: strips against orders and orders against strips, ciphertexts against their strips, money against its proof and
//! its provider. It names what differs and repairs nothing by guessing. Runs in pages, so that a full one fits any time limit.

use crate::asking::Patience;
use crate::import::vault_hash;
use crate::{App, AppError};
use domain::order::{Order, State};
use domain::stock::{Entry, Strip, evidence};
use domain::{Claim, Millis, OrderId, ProductId};
use payments::QueryState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use store::{Head, Outcome, ShopItem, StripItem, VaultItem};

/// Strips and orders of one page.
const PAGE: u32 = 50;
const ORDERS_PAGE: i32 = 100;

/// Findings that are named; all are counted.
const NAMED_MAX: usize = 100;

/// Milliseconds that an hourly audit looks back over new orders.
const RECENT_MS: i64 = 2 * 60 * 60_000;

/// Milliseconds that a full audit asks providers about paid orders.
const BILLS_MS: i64 = 48 * 60 * 60_000;

/// Milliseconds a page of the run is kept for the next function that goes on.
const RUN_KEPT_MS: i64 = 6 * 60 * 60_000;

const MILLION: u64 = 1_000_000;
const KIND: &str = "audit";

/// What an audit looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Unsealed strips, and orders of the last two hours.
    Recent,
    /// Everything, the provider's word about the money of two days included.
    Full,
    /// Everything, after claims of live orders that a restore lost were put back, and after every provider was asked.
    Restored,
}

/// Something that is not as it must be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// What, as a word from a closed list.
    pub what: String,
    /// Which product.
    pub product: Option<String>,
    /// Which strip.
    pub strip: Option<u32>,
    /// Which position in it.
    pub position: Option<u8>,
    /// Which order.
    pub order: Option<String>,
    /// More, for people.
    pub detail: String,
}

/// What an audit found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// What it looked at.
    pub scope: Scope,
    /// When it began, Unix ms.
    pub started_at: Millis,
    /// When it ended; 0 while it runs.
    pub finished_at: Millis,
    /// Strips looked at.
    pub strips: u64,
    /// Cards looked at.
    pub cards: u64,
    /// Orders looked at.
    pub orders: u64,
    /// Orders about whose money a provider gave an explicit answer.
    pub confirmed_by_provider: u64,
    /// Orders about whose money a provider gave none.
    pub unanswered: u64,
    /// Paid orders that the local shop's own gateway has never seen, because somebody else stood in for it.
    pub unknown_to_sandbox: u64,
    /// Claims that wait for their release, or may be a create under way. Not differences.
    pub in_motion: u64,
    /// Claims of live orders that were put back.
    pub put_back: u64,
    /// Things that are not as they must be.
    pub differences: u64,
    /// The first hundred of them.
    pub findings: Vec<Finding>,
}

impl Report {
    fn new(scope: Scope, now: Millis) -> Report {
        Report {
            scope,
            started_at: now,
            finished_at: 0,
            strips: 0,
            cards: 0,
            orders: 0,
            confirmed_by_provider: 0,
            unanswered: 0,
            unknown_to_sandbox: 0,
            in_motion: 0,
            put_back: 0,
            differences: 0,
            findings: Vec::new(),
        }
    }

    /// Differences in a million cards and orders, rounded up: one difference never reads as none.
    pub fn per_million(&self) -> u64 {
        let looked_at = self.cards.saturating_add(self.orders).max(1);
        self.differences.saturating_mul(MILLION).div_ceil(looked_at)
    }

    fn found(&mut self, finding: Finding) {
        tracing::error!(?finding, "a difference");
        self.differences += 1;
        if self.findings.len() < NAMED_MAX {
            self.findings.push(finding);
        }
    }
}

/// Where a run stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Place {
    /// Putting back what a restore lost, after this key of the table of orders.
    Mending(Option<String>),
    /// In this product's strips.
    Strips { product: String, next: u32 },
    /// After this key of the table of orders.
    Orders(Option<String>),
    /// In this shard of this day's list.
    Days { day: i64, shard: u8, since: Millis },
    Done,
}

#[derive(Serialize, Deserialize)]
struct Run {
    place: Place,
    report: Report,
}

fn at_slot(what: &str, product: &ProductId, strip: u32, position: u8, order: Option<OrderId>, detail: &str) -> Finding {
    Finding {
        what: what.to_owned(),
        product: Some(product.to_string()),
        strip: Some(strip),
        position: Some(position),
        order: order.map(|o| o.to_string()),
        detail: detail.to_owned(),
    }
}

fn at_strip(what: &str, product: &ProductId, strip: u32, detail: &str) -> Finding {
    Finding {
        what: what.to_owned(),
        product: Some(product.to_string()),
        strip: Some(strip),
        position: None,
        order: None,
        detail: detail.to_owned(),
    }
}

fn at_order(what: &str, order: &str, detail: &str) -> Finding {
    Finding {
        what: what.to_owned(),
        product: None,
        strip: None,
        position: None,
        order: Some(order.to_owned()),
        detail: detail.to_owned(),
    }
}

impl App {
    /// Runs an audit for at most `budget_ms`, from where the last call of the same scope stopped. `None`: there is more to do.
    /// A finished one is kept as the scope's latest report, and a clean one after a restore opens the shop.
    pub async fn audit(&self, scope: Scope, budget_ms: i64) -> Result<Option<Report>, AppError> {
        let started = self.clock.now();
        let deadline = started.saturating_add(budget_ms);
        let name = format!("audit#{scope:?}");
        let kept = self.store.note(&name).await?.and_then(|text| serde_json::from_str::<Run>(&text).ok());
        let mut run = match kept.filter(|run| run.place != Place::Done) {
            Some(run) => run,
            None => Run { place: self.first_place(scope, started).await?, report: Report::new(scope, started) },
        };
        while run.place != Place::Done {
            if self.clock.now() >= deadline {
                self.keep_run(&name, &run).await?;
                return Ok(None);
            }
            run.place = Box::pin(self.audit_page(&run.place, &mut run.report)).await?;
        }
        run.report.finished_at = self.clock.now();
        self.keep_report(&run.report).await?;
        self.keep_run(&name, &run).await?;
        if scope == Scope::Restored && run.report.differences == 0 && run.report.unanswered == 0 {
            self.open_shop().await?;
        }
        tracing::info!(
            ?scope,
            differences = run.report.differences,
            per_million = run.report.per_million(),
            "audited"
        );
        Ok(Some(run.report))
    }

    async fn keep_run(&self, name: &str, run: &Run) -> Result<(), AppError> {
        let text = serde_json::to_string(run).map_err(|_| AppError::Setting("audit"))?;
        Ok(self.store.keep_note(name, &text, self.clock.now() + RUN_KEPT_MS).await?)
    }

    async fn keep_report(&self, report: &Report) -> Result<(), AppError> {
        let id = format!("{:?}", report.scope).to_lowercase();
        let doc = serde_json::to_string(report).map_err(|_| AppError::Setting("audit"))?;
        let found = self.store.shop_item(KIND, &id).await?;
        let version = found.as_ref().map_or(1, |f| f.version + 1);
        let item = ShopItem { kind: KIND.into(), id, doc, version };
        // Another audit of the same scope may end at the same moment: either is as good.
        match found {
            None => drop(self.store.create_shop_item(&item).await?),
            Some(_) => drop(self.store.change_shop_item(&item).await?),
        }
        Ok(())
    }

    /// The latest report of each scope.
    pub async fn audit_reports(&self) -> Result<Vec<Report>, AppError> {
        let items = self.store.shop_items(KIND).await?;
        items.iter().map(|i| serde_json::from_str(&i.doc).map_err(|_| AppError::Setting("audit"))).collect()
    }

    async fn first_place(&self, scope: Scope, now: Millis) -> Result<Place, AppError> {
        if scope == Scope::Restored {
            return Ok(Place::Mending(None));
        }
        self.first_strips(now, scope).await
    }

    async fn first_strips(&self, now: Millis, scope: Scope) -> Result<Place, AppError> {
        Ok(match self.all_products().await?.into_iter().next() {
            Some(product) => Place::Strips { product: product.id.to_string(), next: 0 },
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
                let following = products.into_iter().map(|p| p.id.to_string()).find(|p| p > product);
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
        let Some(head) = self.store.head(product).await? else {
            report.found(at_strip("head_missing", product, 0, ""));
            return Ok(None);
        };
        let (first, end) = match report.scope {
            Scope::Recent => (head.low.max(from), head.cursor),
            Scope::Full | Scope::Restored => (from, head.on_sale),
        };
        let numbers: Vec<u32> = (first..end.min(first.saturating_add(PAGE))).collect();
        let (strips, unreadable) = self.store.strips_with_faults(product, &numbers).await?;
        for (no, error) in &unreadable {
            report.found(at_strip("strip_unreadable", product, *no, error));
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
                report.found(at_order("order_unreadable", &order.to_string(), error));
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
        unreadable: &HashMap<OrderId, String>,
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
                    } else if strip.no >= head.cursor {
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
        for item in self.store.vault(product, &parts).await? {
            by_strip.entry(item.strip).or_default().push(item);
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

    /// Orders in themselves, against the strips, and against their providers.
    async fn audit_orders(&self, orders: &[Order], report: &mut Report) -> Result<(), AppError> {
        let now = self.clock.now();
        let patience = Patience::default();
        for order in orders {
            report.orders += 1;
            let id = order.id.to_string();
            if let Some(fault) = self.fault_of(order) {
                report.found(at_order("order_changed", &id, fault));
            }
            if order.is_live() {
                self.audit_slots(order, report).await?;
            }
            let recently = order.paid_at.is_some_and(|at| now - at < BILLS_MS);
            if report.scope != Scope::Recent && recently {
                self.audit_money(order, &patience, report).await?;
            }
            if report.scope == Scope::Restored && matches!(order.state, State::Held | State::Expired) {
                // What came in and was forgotten by the restore is found by asking; settling is what a closed shop does.
                if self.ask_order(order, &patience).await? == crate::asking::Asked::Unknown {
                    report.unanswered += 1;
                }
            }
        }
        Ok(())
    }

    /// Whether every slot of a live order holds its claim.
    async fn audit_slots(&self, order: &Order, report: &mut Report) -> Result<(), AppError> {
        let numbers: BTreeSet<u32> = order.slots.iter().map(|run| run.strip).collect();
        let numbers: Vec<u32> = numbers.into_iter().collect();
        let (strips, _) = self.store.strips_with_faults(&order.product, &numbers).await?;
        let strips: HashMap<u32, &Strip> = strips.iter().map(|s| (s.strip.no, &s.strip)).collect();
        let claim = Entry::Claim(Claim { order: order.id, generation: order.generation });
        for run in &order.slots {
            for position in run.positions() {
                let entry = strips.get(&run.strip).and_then(|s| s.entries.get(usize::from(position)));
                if entry != Some(&claim) {
                    let holds = match entry {
                        None => "nobody".to_owned(),
                        Some(Entry::Claim(other)) => format!("{other:?}"),
                        Some(other) => format!("{other:?}"),
                    };
                    let finding = at_slot("slot_lost", &order.product, run.strip, position, Some(order.id), &holds);
                    // The order may have moved on since it was read: then its slots are another matter.
                    let again = self.store.order(&order.id).await?;
                    if again.is_some_and(|o| o.is_live() && o.generation == order.generation) {
                        report.found(finding);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the provider tells the same of an order's money.
    async fn audit_money(&self, order: &Order, patience: &Patience, report: &mut Report) -> Result<(), AppError> {
        let Some(settled) = order.settled.as_ref().filter(|s| !s.txn.is_attested()) else { return Ok(()) };
        let Some(attempt) = order.attempt(settled.attempt) else { return Ok(()) };
        let disagrees = match self.ask(attempt, patience).await? {
            QueryState::Unknown(_) => {
                report.unanswered += 1;
                return Ok(());
            }
            QueryState::Paid(paid) if paid.amount.minor != attempt.minor => Some("another amount"),
            QueryState::Paid(paid) if paid.provider_number != settled.txn.provider_number() => {
                // Paid twice: the provider names one of the two. Both are ours if the other one stands as a row.
                let other = domain::Txn::new(&attempt.account, &paid.provider_number);
                let row = match other {
                    Some(txn) => self.store.money_row(&txn).await?,
                    None => None,
                };
                if row.is_some() { None } else { Some("another movement, which is in no row") }
            }
            QueryState::Paid(_) => None,
            QueryState::Refunded if !order.refunds.is_empty() => None,
            QueryState::Refunded => Some("refunded there, not here"),
            QueryState::NotFound if self.channel(&attempt.account).await?.is_some_and(|c| c.is_sandbox) => {
                report.unknown_to_sandbox += 1;
                return Ok(());
            }
            QueryState::Pending | QueryState::NotFound | QueryState::Closed => Some("not paid there"),
        };
        report.confirmed_by_provider += 1;
        if let Some(what) = disagrees {
            report.found(at_order("provider_disagrees", &order.id.to_string(), what));
        }
        Ok(())
    }

    /// Puts claims of live orders back that a restore has lost, and opens strips up to the last one that is claimed.
    async fn mend_page(&self, after: Option<&str>, report: &mut Report) -> Result<Option<String>, AppError> {
        let key = after.map(unhex).transpose()?;
        let page = self.store.scan_orders(key.as_deref(), ORDERS_PAGE).await?;
        for order in page.orders.iter().filter(|o| o.is_live() && self.fault_of(o).is_none()) {
            let claim = Claim { order: order.id, generation: order.generation };
            for run in &order.slots {
                self.open_up_to(&order.product, run.strip).await?;
                for position in run.positions() {
                    let found = self.store.strips(&order.product, &[run.strip]).await?;
                    let Some(strip) = found.first().map(|s| &s.strip) else { continue };
                    let is_free = matches!(strip.entries.get(usize::from(position)), None | Some(Entry::Free));
                    if is_free
                        && let Outcome::Applied(_) =
                            self.store.put_back(&order.product, strip, position, claim).await?
                    {
                        report.put_back += 1;
                    }
                }
            }
        }
        Ok(page.next.map(|key| crate::keys::hex(&key)))
    }

    async fn open_up_to(&self, product: &ProductId, strip: u32) -> Result<(), AppError> {
        let Some(mut head) = self.store.head(product).await? else { return Ok(()) };
        while head.cursor <= strip {
            head = match self.store.move_cursor(product).await? {
                Outcome::Applied(head) | Outcome::AlreadyApplied(head) => head,
                Outcome::Refused(_) => return Ok(()),
            };
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
        Scope::Full | Scope::Restored => Place::Orders(None),
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

fn unhex(text: &str) -> Result<Vec<u8>, AppError> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.ok_or(AppError::Setting("audit"))?;
    let (pairs, _) = digits.as_chunks::<2>();
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Every claim of a strip with its position.
fn claims(strip: &Strip) -> impl Iterator<Item = (u8, Claim)> + '_ {
    (0u8..).zip(&strip.entries).filter_map(|(position, entry)| match entry {
        Entry::Claim(claim) => Some((position, *claim)),
        _ => None,
    })
}
