//! The timer's pass: what nobody came back for is brought to its end. What handlers do too it does by
//! their use cases; giving up, marking, sealing and alarms are its own. Every step may be done twice, so two passes at once only do some work twice.

mod driving;
mod notes;

use self::driving::{open_claims, wants_driving};
use self::notes::{FirstSights, NOTES, Notes, Sight, Stop, claim_name};
use crate::asking::{Asked, Patience};
use crate::closing::HoldEnding;
use crate::hold::Held;
use crate::hold::SWEPT_ALONE;
use crate::{App, AppError};
use domain::guards::holds;
#[cfg(feature = "planted")]
use domain::guards::planted;
use domain::limits::{HINTS_MAX, ORPHANS_MAX};
use domain::order::{DueKind, Order, State, Why};
use domain::stock::{Entry, Strip, evidence};
use domain::{Claim, Millis, OrderId, ProductId};
use futures_util::StreamExt;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::{Alarm, Head, Outcome};
use tracing::Instrument;

/// Strips read at a time: one BatchGetItem.
const PAGE: usize = 100;

/// Providers asked side by side.
const ASKED_AT_ONCE: usize = 8;

/// Unfinished business read of each kind and shard at a time.
const DUE_PAGE: i32 = 100;

/// The kinds whose items a pass looks at. Rows of money and alarms are only listed, for a person.
const DRIVEN: [DueKind; 5] = [DueKind::Late, DueKind::Ask, DueKind::Review, DueKind::Refund, DueKind::Person];

/// Final cards that are worth a write of marks by themselves.
const MARKS_WORTH: u32 = 8;

/// Milliseconds after which a single final card is marked all the same: from then on even a deleted order cannot be mistaken
/// for one that was never written.
const MARK_AFTER_MS: i64 = 10 * 60_000;

/// Milliseconds after which a paid order that is still not delivered is put before a person.
const UNDELIVERED_MS: i64 = 15 * 60_000;

/// Milliseconds between two sendings of an order that stands before a person.
const STUCK_EVERY_MS: i64 = 10 * 60_000;

/// Ownerless claims that are remembered; the first of them are enough to ask a person.
const SIGHTS_MAX: usize = 1_000;

/// Milliseconds a note of the pass is kept.
const NOTE_KEPT_MS: i64 = 30 * 24 * 60 * 60_000;

/// Strips behind the cursor with unclaimed cards at their end that are left to the instances which opened them.
const OPEN_STRIPS: u32 = 3;

/// What a pass did. Counted for the log and for tests.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pass {
    /// The shop is closed: nothing was done.
    pub closed: bool,
    /// Whether the pass saw everything before its time was over.
    pub complete: bool,
    /// Strips read.
    pub strips: usize,
    /// Orders read.
    pub orders: usize,
    /// Orders whose providers were asked.
    pub asked: usize,
    /// Orders that were found paid by asking.
    pub found_paid: usize,
    /// Holds that were ended.
    pub closed_orders: usize,
    /// Cards given back.
    pub released: usize,
    /// Creates given up.
    pub given_up: usize,
    /// Paid orders sent again.
    pub sent_again: usize,
    /// Pieces of unfinished business driven.
    pub driven: usize,
    /// Strips sealed.
    pub sealed: usize,
    /// Alarms raised.
    pub alarms: usize,
    /// Things that failed and are left to the next pass.
    pub failed: usize,
    /// Orders that were paid more than a minute ago and are not delivered.
    pub undelivered: usize,
}

/// One look at one product.
struct Look<'a> {
    product: &'a ProductId,
    head: Head,
    since: Millis,
    deadline: Millis,
    patience: &'a Patience,
    /// Claims without an order, with the strips they lie in.
    ownerless: BTreeMap<Claim, Held>,
    /// Claims of a later generation without an order: nothing that a cut-off create could leave.
    strange: u32,
    /// Orders that are there and do not read. Never taken for absent.
    unreadable: BTreeSet<OrderId>,
    /// Orders that were paid a while ago and are not delivered.
    undelivered: BTreeSet<OrderId>,
    hints: BTreeSet<u32>,
    looked_at: BTreeSet<u32>,
    sealed: BTreeSet<u32>,
    /// Free cards in the strips that were looked at.
    free: u64,
}

/// What a look at a product came to.
struct Looked {
    /// The strip at which time was over, if it was.
    stopped: Option<u32>,
    /// The head, and the free cards in its opened strips, when all of them were seen.
    opened: Option<(Head, u64)>,
}

impl Look<'_> {
    /// What is known of ownerless claims after this look: a claim in a strip that was looked at and not seen again is forgotten,
    /// one in any other strip is kept.
    fn sights(&self, known: &FirstSights, now: Millis) -> FirstSights {
        let elsewhere = known.iter().filter(|(_, sight)| !self.looked_at.contains(&sight.strip));
        let mut sights: FirstSights = elsewhere.map(|(name, sight)| (name.clone(), *sight)).collect();
        for (claim, held) in &self.ownerless {
            let name = claim_name(claim);
            let first = known.get(&name).map_or(now, |sight| sight.first);
            if sights.len() < SIGHTS_MAX {
                sights.insert(name, Sight { first, strip: held.lowest_strip() });
            }
        }
        sights
    }
}

impl App {
    /// One pass, which ends when everything was seen or `budget_ms` is over. The next one goes on where this one stopped.
    pub async fn reconcile(&self, budget_ms: i64) -> Result<Pass, AppError> {
        let mut pass = Pass::default();
        if !holds("reconcile: only while the shop is open", !self.is_closed().await?) {
            pass.closed = true;
            return Ok(pass);
        }
        let started = self.clock.now();
        let deadline = started.saturating_add(budget_ms);
        let mut notes: Notes =
            self.store.note(NOTES).await?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let patience = Patience::default();
        // Half of the time at most: a long list must not keep holds from ending.
        let list_deadline = started.saturating_add(budget_ms / 2);
        pass.complete = self.drive_list(&mut pass, &patience, list_deadline).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the list of what is due is left to the next pass");
            pass.failed += 1;
            false
        });
        let mut products = self.all_products().await?;
        let shelf = self.shelf_now().await;
        let low_stock_at = self.low_stock_at().await;
        // Whoever was cut off last time comes last, and goes on where it stopped: no product starves behind a large one.
        let first = notes.stopped_at.take();
        if let Some(stop) = &first {
            let place = products.iter().position(|p| p.as_str() >= stop.product.as_str()).unwrap_or(0);
            let next = (place + 1) % products.len().max(1);
            products.rotate_left(next);
        }
        for product in &products {
            let resumed = first.as_ref().filter(|stop| stop.product == product.as_str());
            let (from, began) = resumed.map_or((0, started), |stop| (stop.strip, stop.began));
            let since = notes.since.get(product.as_str()).copied().unwrap_or(Millis::MIN);
            match self.look_at(product, from, since, &patience, deadline, &mut pass).await {
                Ok(Looked { stopped: Some(strip), .. }) => {
                    notes.stopped_at = Some(Stop { product: product.to_string(), strip, began });
                    pass.complete = false;
                    break;
                }
                Ok(Looked { stopped: None, opened }) => {
                    notes.since.insert(product.to_string(), began);
                    if let Some((head, free)) = opened {
                        let free = self.tell_counted(product, &head, free, &mut notes.fresh, &shelf).await;
                        if let (Some(free), Some(threshold)) = (free, low_stock_at) {
                            self.watch_stock(product, free, threshold, &mut notes.stocked).await;
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%product, %error, "a product is left to the next pass");
                    pass.failed += 1;
                }
            }
        }
        self.arrange_or_leave().await;
        self.count_undelivered(pass.undelivered);
        match self.count_people(notes.people_counted_at).await {
            Ok(at) => notes.people_counted_at = at,
            Err(error) => tracing::warn!(%error, "what needs a person is counted by the next pass"),
        }
        let text = serde_json::to_string(&notes).map_err(|_| AppError::Setting("notes"))?;
        self.store.keep_note(NOTES, &text, started + NOTE_KEPT_MS).await?;
        tracing::info!(?pass, "reconciled");
        Ok(pass)
    }

    /// Drives what is due, page after page, until nothing new is due or time is over. Whatever was driven has moved to a later
    /// time or off the list; what failed is not tried twice in one pass.
    async fn drive_list(&self, pass: &mut Pass, patience: &Patience, deadline: Millis) -> Result<bool, AppError> {
        let mut seen = BTreeSet::new();
        loop {
            let now = self.clock.now();
            let (mut items, _) = self.store.due(&DRIVEN, now, DUE_PAGE).await?;
            items.retain(|item| seen.insert(item.key.clone()));
            if items.is_empty() {
                return Ok(true);
            }
            if now >= deadline {
                return Ok(false);
            }
            let mut work = Vec::with_capacity(items.len());
            for item in &items {
                work.push(Box::pin(async move {
                    if self.clock.now() >= deadline { None } else { Some(self.drive_due(item, patience).await) }
                }));
            }
            let mut done = futures_util::stream::iter(work).buffer_unordered(ASKED_AT_ONCE);
            while let Some(end) = done.next().await {
                match end {
                    None => {}
                    Some(Ok(())) => pass.driven += 1,
                    Some(Err(error)) => {
                        tracing::warn!(%error, "left to the next pass");
                        pass.failed += 1;
                    }
                }
            }
        }
    }

    /// Looks at the unsealed strips of a product from strip `from` on.
    async fn look_at(
        &self,
        product: &ProductId,
        from: u32,
        since: Millis,
        patience: &Patience,
        deadline: Millis,
        pass: &mut Pass,
    ) -> Result<Looked, AppError> {
        let Some(head) = self.store.head(product).await? else { return Ok(Looked { stopped: None, opened: None }) };
        self.put_waiting_on_sale(product, &head).await?;
        let unsealed: Vec<u32> = (head.low.max(from)..head.cursor).collect();
        let mut look = Look {
            product,
            head,
            since,
            deadline,
            patience,
            ownerless: BTreeMap::new(),
            strange: 0,
            unreadable: BTreeSet::new(),
            undelivered: BTreeSet::new(),
            hints: BTreeSet::new(),
            looked_at: BTreeSet::new(),
            sealed: BTreeSet::new(),
            free: 0,
        };
        let mut stopped = None;
        for page in unsealed.chunks(PAGE) {
            if self.clock.now() >= deadline {
                stopped = page.first().copied();
                break;
            }
            if !self.look_at_page(&mut look, page, pass).await? {
                stopped = page.first().copied();
                break;
            }
        }
        pass.undelivered += look.undelivered.len();
        self.give_up_ownerless(&mut look, pass).await?;
        self.raise_watermark(&look).await?;
        // A head holds so many hints and no more; the rest is found by the next pass.
        let room = HINTS_MAX.saturating_sub(look.head.hints.len());
        let hints: Vec<u32> = look.hints.into_iter().filter(|b| !look.head.hints.contains(b)).take(room).collect();
        self.hint(product, &hints).await;
        let is_whole = stopped.is_none() && from <= look.head.low;
        Ok(Looked { stopped, opened: is_whole.then_some((look.head, look.free)) })
    }

    /// An import that died after its strip and before putting it on sale keeps nobody's cards from selling.
    async fn put_waiting_on_sale(&self, product: &ProductId, head: &Head) -> Result<(), AppError> {
        let waiting: Vec<u32> = (head.on_sale..head.reserved).take(PAGE).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let (there, _) = self.store.strips_with_faults(product, &waiting).await?;
        let there: BTreeSet<u32> = there.iter().map(|s| s.strip.no).collect();
        if let Some(last) = waiting.into_iter().take_while(|b| there.contains(b)).last() {
            self.store.put_on_sale(product, head.on_sale, last.saturating_add(1)).await?;
        }
        Ok(())
    }

    /// `false` when time was over before every order of the page was driven.
    async fn look_at_page(&self, look: &mut Look<'_>, page: &[u32], pass: &mut Pass) -> Result<bool, AppError> {
        // What does not read is left alone and named by the audit; it must not keep the rest from being driven.
        let (strips, unreadable) = self.store.strips_with_faults(look.product, page).await?;
        for (strip, error) in unreadable {
            tracing::error!(product = %look.product, strip, %error, "a strip does not read");
        }
        let strips: Vec<Strip> = strips.into_iter().map(|s| s.strip).collect();
        pass.strips += strips.len();
        look.free += strips.iter().map(|strip| strip.tally(|_, _| false).free).sum::<u64>();
        look.looked_at.extend(page);
        let owners: BTreeSet<OrderId> =
            strips.iter().filter(|strip| !strip.sealed).flat_map(open_claims).map(|(_, claim)| claim.order).collect();
        let owners: Vec<OrderId> = owners.into_iter().collect();
        let (mut orders, unreadable) = self.store.orders_with_faults(&owners).await?;
        for (order, error) in &unreadable {
            tracing::error!(%order, %error, "an order does not read");
        }
        look.unreadable.extend(unreadable.into_keys());
        pass.orders += orders.len();
        look.undelivered.extend(orders.values().filter(|order| self.is_undelivered(order)).map(|order| order.id));
        let in_time = self.drive_orders(look, &mut orders, pass).await;
        for strip in &strips {
            if strip.sealed {
                look.sealed.insert(strip.no);
            } else {
                self.tidy_strip(look, strip, &orders, pass).await?;
            }
        }
        Ok(in_time)
    }

    /// Asks providers, ends holds whose time is over, sends again what is paid and waits. What fails is left to the next pass.
    async fn drive_orders(&self, look: &Look<'_>, orders: &mut HashMap<OrderId, Order>, pass: &mut Pass) -> bool {
        let now = self.clock.now();
        let since = look.since;
        let mut to_drive: Vec<Order> = orders.values().filter(|o| wants_driving(o, since, now)).cloned().collect();
        // Money first, then holds that keep cards from others; a question that is not asked in time is asked next time.
        to_drive.sort_by_key(|o| (o.state != State::Paid, o.expires_at));
        let mut work = Vec::with_capacity(to_drive.len());
        for order in to_drive {
            // Boxed: asking and settling nest deeply.
            work.push(Box::pin(async move {
                if self.clock.now() >= look.deadline {
                    let can_wait = order.state == State::Held && order.expires_at >= now;
                    return (order.id, Ok(if can_wait { Driven::Nothing } else { Driven::NoTime }));
                }
                let span = tracing::error_span!("order", order = %order.id);
                (order.id, self.drive_one(&order, look.patience).instrument(span).await)
            }));
        }
        let mut done = futures_util::stream::iter(work).buffer_unordered(ASKED_AT_ONCE);
        let mut in_time = true;
        while let Some((id, end)) = done.next().await {
            match end {
                Ok(Driven::NoTime) => in_time = false,
                Ok(Driven::Nothing) => {}
                Ok(Driven::Asked) => pass.asked += 1,
                Ok(Driven::FoundPaid) => {
                    pass.asked += 1;
                    pass.found_paid += 1;
                }
                Ok(Driven::Closed(order)) => {
                    pass.asked += 1;
                    pass.closed_orders += 1;
                    orders.insert(id, *order);
                }
                Ok(Driven::Sent) => pass.sent_again += 1,
                Err(error) => {
                    tracing::warn!(order = %id, %error, "an order is left to the next pass");
                    pass.failed += 1;
                }
            }
        }
        in_time
    }

    async fn drive_one(&self, order: &Order, patience: &Patience) -> Result<Driven, AppError> {
        if order.state == State::Paid {
            if !self.is_proven(order) {
                tracing::error!(order = %order.id, "paid without a proof; nothing is sent");
                return Ok(Driven::Nothing);
            }
            let is_listed = order.due.is_some_and(|due| due.kind == DueKind::Person);
            if !is_listed && self.clock.now() - order.paid_at.unwrap_or_default() >= UNDELIVERED_MS {
                // Whatever keeps it from being delivered, a person is to know; it is sent again all the same.
                self.store.needs_person(order, self.clock.now()).await?;
                self.tell_person(order).await;
            }
            self.send_again(order).await?;
            return Ok(Driven::Sent);
        }
        if order.expires_at >= self.clock.now() {
            let asked = self.ask_order(order, patience).await?;
            return Ok(if asked == Asked::Paid { Driven::FoundPaid } else { Driven::Asked });
        }
        Ok(match self.end_hold(order, Why::Expired, patience).await? {
            HoldEnding::Closed(closed) => Driven::Closed(closed),
            HoldEnding::Paid => Driven::FoundPaid,
            HoldEnding::Waits | HoldEnding::Changed => Driven::Asked,
        })
    }

    /// Releases what has evidence, remembers what has no owner, marks and seals what is final.
    async fn tidy_strip(
        &self,
        look: &mut Look<'_>,
        strip: &Strip,
        orders: &HashMap<OrderId, Order>,
        pass: &mut Pass,
    ) -> Result<(), AppError> {
        let now = self.clock.now();
        let mut releasable: BTreeMap<Claim, Vec<u8>> = BTreeMap::new();
        let (mut done, mut oldest) = (strip.done, Millis::MAX);
        for (position, claim) in open_claims(strip) {
            match orders.get(&claim.order) {
                None if !holds(
                    "reconcile: an order that does not read is there",
                    !look.unreadable.contains(&claim.order),
                ) => {}
                None if holds("reconcile: an orphan of generation 0", claim.generation == 0) => {
                    look.ownerless.entry(claim).or_default().add(strip.no, position)
                }
                None => look.strange += 1,
                // Slots that somebody wrote by hand make nothing final and nothing free.
                Some(order) if order.is_live() && !self.slots_are_whole(order) => {}
                Some(order) if evidence::is_final(order, claim.generation, look.product, strip.no, position) => {
                    done |= 1u64.checked_shl(u32::from(position)).unwrap_or_default();
                    oldest = oldest.min(order.delivered_at.unwrap_or_default());
                }
                Some(order) if evidence::releasable(order, claim.generation, look.product, strip.no, position) => {
                    releasable.entry(claim).or_default().push(position);
                }
                Some(_) => {}
            }
        }
        let mut has_free = strip.entries.contains(&Entry::Free);
        let mut is_released = false;
        for (claim, positions) in releasable {
            let Some(order) = orders.get(&claim.order) else { continue };
            let mut held = Held::default();
            positions.iter().for_each(|position| held.add(strip.no, *position));
            if !self.release_surplus(order, look.product, claim, &held).await.is_empty() {
                pass.released += positions.len();
                has_free = true;
                is_released = true;
            }
        }
        // Of a large stock nobody reads every strip to find it out, so whoever looks for cards is told at once.
        if is_released && look.head.cursor.saturating_sub(look.head.low) > SWEPT_ALONE {
            self.hint(look.product, &[strip.no]).await;
        }
        let tail_is_forgotten = strip.room() > 0 && strip.no.saturating_add(OPEN_STRIPS) < look.head.cursor;
        if has_free || tail_is_forgotten {
            look.hints.insert(strip.no);
        }
        let all_final = holds("seal: no card beyond the end of the list", strip.room() == 0)
            && (0u8..).zip(&strip.entries).all(|(position, entry)| match entry {
                Entry::Claim(_) => {
                    let is_done = done.checked_shr(u32::from(position)).is_some_and(|bits| bits & 1 == 1);
                    holds("seal: every claim is final", is_done)
                }
                Entry::Pad | Entry::Removed => true,
                Entry::Free => holds("seal: no card is free", false),
            });
        if all_final {
            if self.store.seal(look.product, strip.no).await? == Outcome::Applied(()) {
                look.sealed.insert(strip.no);
                pass.sealed += 1;
            }
        } else {
            let new = (done & !strip.done).count_ones();
            if new >= MARKS_WORTH || (new > 0 && now - oldest >= MARK_AFTER_MS) {
                self.store.mark_done(look.product, strip, done).await?;
            }
        }
        Ok(())
    }

    /// Claims that nobody owns: watched from their first sight, given up when they are old enough, and put before a person when
    /// there are so many of them, or of such a kind, that something else must be wrong.
    async fn give_up_ownerless(&self, look: &mut Look<'_>, pass: &mut Pass) -> Result<(), AppError> {
        let now = self.clock.now();
        if look.strange > 0 {
            self.raise(look.product, "ownerless_later_generation", look.strange, pass).await?;
        }
        let name = format!("ownerless#{}", look.product);
        let known: FirstSights = match self.store.note(&name).await? {
            Some(text) => serde_json::from_str(&text).unwrap_or_default(),
            None => BTreeMap::new(),
        };
        let sights = look.sights(&known, now);
        if sights != known {
            let text = serde_json::to_string(&sights).map_err(|_| AppError::Setting("notes"))?;
            self.store.keep_note(&name, &text, now + NOTE_KEPT_MS).await?;
        }
        let is_ripe =
            |first: Millis| holds("reconcile: an orphan seen long enough", now - first >= self.config.orphan_ms);
        // Counted over everything that is remembered, given up only where this look has just seen it.
        let count = sights.values().filter(|sight| is_ripe(sight.first)).count();
        let alarm = self.store.alarm_at(&store::keys::alarm(look.product, OWNERLESS)).await?.filter(|a| a.is_open);
        let (until, most) = match &alarm {
            // Nothing is given up while a person has not looked.
            Some(alarm) if !holds("reconcile: a person has confirmed", alarm.confirmed) => return Ok(()),
            // What was confirmed is what the person saw: no later claim, and no more of them.
            Some(alarm) => (alarm.seen_at, usize::try_from(alarm.count).unwrap_or(usize::MAX)),
            None if !holds("reconcile: no more orphans than may be", count <= ORPHANS_MAX) => {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                return self.raise(look.product, OWNERLESS, count, pass).await;
            }
            None => (now, ORPHANS_MAX),
        };
        let first_of = |claim: &Claim| sights.get(&claim_name(claim)).map(|sight| sight.first);
        let ripe: Vec<(Claim, Held)> = look
            .ownerless
            .iter()
            .filter(|(claim, _)| first_of(claim).is_some_and(|first| is_ripe(first) && first <= until))
            .take(most)
            .map(|(claim, held)| (*claim, held.clone()))
            .collect();
        let given_up = ripe.len();
        for (claim, held) in ripe {
            #[cfg(feature = "planted")]
            if planted("reconcile: an orphan's cards go back without a tombstone") {
                self.release_blindly(look.product, claim, &held).await;
                continue;
            }
            let order = match self.store.void(&claim.order, look.product, Why::Abandoned, now).await? {
                Outcome::Applied(tombstone) | Outcome::AlreadyApplied(tombstone) => {
                    pass.given_up += 1;
                    tombstone
                }
                Outcome::Refused(order) => order,
            };
            let hints = self.release_surplus(&order, look.product, claim, &held).await;
            if !hints.is_empty() {
                pass.released += held.count();
            }
            look.hints.extend(hints);
        }
        // Those in strips that this look did not reach are still covered by the same word.
        let covered = sights.values().filter(|sight| is_ripe(sight.first) && sight.first <= until).count();
        if let Some(alarm) = alarm.filter(|_| covered.min(most) <= given_up) {
            self.store.end_alarm(&alarm).await?;
        }
        Ok(())
    }

    async fn raise(&self, product: &ProductId, what: &str, count: u32, pass: &mut Pass) -> Result<(), AppError> {
        let alarm = Alarm {
            product: product.clone(),
            what: what.to_owned(),
            count,
            confirmed: false,
            is_open: true,
            seen_at: self.clock.now(),
        };
        if let Outcome::Applied(()) = self.store.raise_alarm(&alarm).await? {
            tracing::error!(%product, what, count, "a person has to look at this product's strips");
            pass.alarms += 1;
            self.tell_strips(&alarm).await;
        }
        Ok(())
    }

    /// Raises the watermark over the sealed strips at the bottom.
    async fn raise_watermark(&self, look: &Look<'_>) -> Result<(), AppError> {
        let mut low = look.head.low;
        while holds("low: the strip is sealed", look.sealed.contains(&low)) {
            match self.store.raise_low(look.product, low).await? {
                Outcome::Applied(()) | Outcome::AlreadyApplied(()) => low += 1,
                Outcome::Refused(()) => break,
            }
        }
        Ok(())
    }
}

/// The word of the alarm about many ownerless claims.
pub(crate) const OWNERLESS: &str = "ownerless_claims";

/// What driving one order came to.
enum Driven {
    Nothing,
    NoTime,
    Asked,
    FoundPaid,
    Closed(Box<Order>),
    Sent,
}
