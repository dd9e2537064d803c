//! Holding cards for an order: which strip to try next, and when it may be said that there are none.
//!
//! What an instance remembers here is courtesy: it saves reads and never decides anything. The strips decide.

use crate::{App, AppError};
use domain::guards::holds;
use domain::limits::{SOLD_OUT_AGE_MS, STRIP_CARDS};
use domain::order::Order;
use domain::stock::{Entry, Move, SlotRun, Strip, evidence};
use domain::{Claim, Millis, ProductId};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use store::{Head, Outcome};

/// Strips before the newest that are looked at for claims of an earlier try: a create of fifty cards touches at most three.
const LOOK_BACK: u32 = 3;

/// Writes to one strip before a claimer goes on: each refusal means that somebody else moved on.
const TRIES_PER_STRIP: usize = 60;

/// Rounds over the strips before a create gives up undecided.
const ROUNDS: usize = 40;

/// What one instance remembers of each product's strips.
#[derive(Debug, Default)]
pub struct Stock(Mutex<HashMap<ProductId, Arc<Remembered>>>);

#[derive(Debug, Default)]
struct Remembered {
    view: Mutex<View>,
    /// One task of the instance moves the cursor; the others wait and use what it opened.
    moving: tokio::sync::Mutex<()>,
    /// One task of the instance reads every strip; the others wait and use its verdict.
    sweeping: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct View {
    head: Option<Head>,
    /// The strip to try first, and how long its list was when last seen.
    current: Option<(u32, u8)>,
    sold_out: Option<Verdict>,
}

/// Every strip was read full. The claims that were seen ride along, because an order whose own claim is among them is not
/// sold out: an earlier try of it holds the card.
#[derive(Clone, Debug)]
struct Verdict {
    at: Millis,
    claims: Arc<HashSet<Claim>>,
}

impl Verdict {
    fn holds_for(&self, claim: Claim, now: Millis) -> bool {
        holds("hold: the verdict is fresh", (0..SOLD_OUT_AGE_MS).contains(&(now - self.at)))
            && holds("hold: nothing is held by an earlier try", !self.claims.contains(&claim))
    }
}

impl Stock {
    fn of(&self, product: &ProductId) -> Arc<Remembered> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(product.clone()).or_default().clone()
    }

    /// What is remembered, without remembering that somebody asked: anybody may ask for a product that does not exist.
    fn known(&self, product: &ProductId) -> Option<Arc<Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(product).cloned()
    }

    /// Whether no strip is known to be untouched. Then a repeated create must be recognised before it claims anything:
    /// even for a moment it would take the last card from somebody who may have it.
    pub fn is_scarce(&self, product: &ProductId) -> bool {
        let head = self.known(product).and_then(|memory| memory.read().head);
        head.is_none_or(|h| h.cursor >= h.on_sale)
    }

    /// Forgets the verdict "sold out" and the way to it, because cards came in or back.
    pub fn refresh(&self, product: &ProductId) {
        self.of(product).change(|view| {
            view.sold_out = None;
            view.head = None;
        });
    }
}

impl Remembered {
    fn read(&self) -> View {
        self.view.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change<T>(&self, change: impl FnOnce(&mut View) -> T) -> T {
        change(&mut self.view.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn sold_out(&self, claim: Claim, now: Millis) -> bool {
        self.change(|view| view.sold_out.as_ref().is_some_and(|verdict| verdict.holds_for(claim, now)))
    }

    fn saw_strip(&self, strip: &Strip) {
        self.change(|view| {
            let has_room = strip.room() > 0;
            match view.current {
                Some((no, len)) if no == strip.no && len <= strip.len() => {
                    view.current = has_room.then_some((no, strip.len()));
                }
                None if has_room => view.current = Some((strip.no, strip.len())),
                _ => {}
            }
        });
    }
}

/// How a strip to claim from is known.
enum Look {
    /// By the length its list had when it was last written to.
    Remembered { strip: u32, len: u8 },
    /// As read a moment ago.
    Read(Strip),
}

/// Cards claimed for one order, by strip.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Held {
    strips: BTreeMap<u32, (u8, Vec<u8>)>,
}

impl Held {
    /// How many cards.
    pub(crate) fn count(&self) -> usize {
        self.strips.values().map(|(_, positions)| positions.len()).sum()
    }

    /// The cards that an order's slots name.
    pub(crate) fn of(slots: &[SlotRun]) -> Held {
        let mut held = Held::default();
        for run in slots {
            let (_, positions) = held.strips.entry(run.strip).or_insert_with(|| (run.width, Vec::new()));
            positions.extend(run.positions());
        }
        held
    }

    /// Every card of it, by strip.
    #[cfg(feature = "planted")]
    pub(crate) fn places(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.strips.iter().map(|(strip, (_, positions))| (*strip, positions.as_slice()))
    }

    /// The lowest strip with a card of it.
    pub(crate) fn lowest_strip(&self) -> u32 {
        self.strips.first_key_value().map_or(0, |(strip, _)| *strip)
    }

    /// Notes one card.
    pub(crate) fn add(&mut self, strip: u32, position: u8) {
        self.strips.entry(strip).or_default().1.push(position);
    }

    /// Whether nothing was claimed.
    pub(crate) fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Notes what this claim holds in a strip, as just read.
    fn saw(&mut self, strip: &Strip, claim: Claim) {
        let ours = strip.positions_of(Entry::Claim(claim));
        if !ours.is_empty() {
            self.strips.insert(strip.no, (strip.width, ours));
        }
    }

    /// The first `quantity` cards as runs; whatever was claimed beyond them is surplus.
    pub(crate) fn runs(&self, quantity: u32) -> Vec<SlotRun> {
        let mut left = usize::try_from(quantity).unwrap_or(usize::MAX);
        let mut runs = Vec::new();
        for (&strip, (width, positions)) in &self.strips {
            let taken: Vec<u8> = positions.iter().copied().take(left).collect();
            left -= taken.len();
            runs.extend(SlotRun::pack(strip, *width, &taken));
        }
        runs
    }
}

/// How a hold ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HoldEnd {
    /// At least as many cards as asked for.
    Enough,
    /// Every strip was read full; what was claimed on the way must be given back.
    SoldOut,
}

impl App {
    /// Claims `quantity` cards of a product and notes in `held` what it claimed, also when it fails on the way. Only claims;
    /// nothing is given back here.
    pub(crate) async fn hold(
        &self,
        product: &ProductId,
        claim: Claim,
        quantity: u32,
        held: &mut Held,
    ) -> Result<HoldEnd, AppError> {
        let memory = self.stock.of(product);
        self.hold_with(product, &memory, claim, quantity, held).await
    }

    /// The same with nothing remembered: "sold out" is said only after every strip was read for this very order.
    pub(crate) async fn hold_fresh(
        &self,
        product: &ProductId,
        claim: Claim,
        quantity: u32,
        held: &mut Held,
    ) -> Result<HoldEnd, AppError> {
        self.hold_with(product, &Remembered::default(), claim, quantity, held).await
    }

    async fn hold_with(
        &self,
        product: &ProductId,
        memory: &Remembered,
        claim: Claim,
        quantity: u32,
        held: &mut Held,
    ) -> Result<HoldEnd, AppError> {
        let wanted = usize::try_from(quantity).unwrap_or(usize::MAX);
        if memory.sold_out(claim, self.clock.now()) {
            return Ok(HoldEnd::SoldOut);
        }
        let mut tried = BTreeSet::new();
        for _ in 0..ROUNDS {
            if held.count() >= wanted {
                return Ok(HoldEnd::Enough);
            }
            let view = memory.read();
            if let Some((strip, len)) = view.current
                && tried.insert((strip, len))
            {
                self.take_from(product, memory, Look::Remembered { strip, len }, claim, wanted, held).await?;
                continue;
            }
            if !self.next_strip(product, memory, view.current, claim, held).await?
                && held.count() < wanted
                && self.sweep(product, memory, claim, wanted, held).await?
            {
                return Ok(HoldEnd::SoldOut);
            }
        }
        if held.count() >= wanted { Ok(HoldEnd::Enough) } else { Err(AppError::Contended) }
    }

    /// Claims what is missing from one strip, as far as it goes.
    async fn take_from(
        &self,
        product: &ProductId,
        memory: &Remembered,
        look: Look,
        claim: Claim,
        wanted: usize,
        held: &mut Held,
    ) -> Result<(), AppError> {
        let (strip, mut seen) = match look {
            Look::Remembered { strip, len } => (strip, Err(len)),
            Look::Read(seen) => (seen.no, Ok(seen)),
        };
        let elsewhere: usize = held.strips.iter().filter(|(no, _)| **no != strip).map(|(_, (_, p))| p.len()).sum();
        let need = u8::try_from(wanted.saturating_sub(elsewhere)).unwrap_or(STRIP_CARDS).min(STRIP_CARDS);
        for _ in 0..TRIES_PER_STRIP {
            let first_here = holds("hold: tops up where it holds some", !held.strips.contains_key(&strip));
            let answer = match &seen {
                // Without having read the strip: append as many as fit behind the length last seen.
                Err(len) => {
                    let room = STRIP_CARDS.saturating_sub(*len).max(1);
                    self.store.append_claim(product, strip, claim, need.min(room)).await?
                }
                Ok(seen) => match seen.next_move(claim, need) {
                    Move::Enough | Move::Full => return Ok(()),
                    Move::Append { take, .. } if first_here => {
                        self.store.append_claim(product, strip, claim, take).await?
                    }
                    Move::Append { take, len } => self.store.top_up_tail(product, strip, claim, take, len).await?,
                    Move::Reuse(free) if first_here => self.store.reuse_free(product, strip, claim, &free).await?,
                    Move::Reuse(free) => self.store.top_up_free(product, strip, claim, &free).await?,
                },
            };
            let now = match answer {
                Outcome::Applied(now) | Outcome::AlreadyApplied(now) | Outcome::Refused(Some(now)) => now,
                Outcome::Refused(None) => return Ok(()),
            };
            memory.saw_strip(&now);
            held.saw(&now, claim);
            seen = Ok(now);
        }
        Ok(())
    }

    /// Finds another strip to try: one known to have room again, else the next fresh one. `false` at the end of the stock.
    ///
    /// An earlier try of the same order may have claimed in the strips before; they are looked at beside the cursor's
    /// move, which happens once in 48 orders.
    async fn next_strip(
        &self,
        product: &ProductId,
        memory: &Remembered,
        seen: Option<(u32, u8)>,
        claim: Claim,
        held: &mut Held,
    ) -> Result<bool, AppError> {
        let _moving = memory.moving.lock().await;
        let view = memory.read();
        if view.current.is_some() && view.current != seen {
            return Ok(true);
        }
        let Some(head) = view.head else {
            return self.first_look(product, memory, claim, held).await;
        };
        if !head.hints.is_empty() {
            return self.follow_hints(product, memory, &head.hints).await;
        }
        let behind: Vec<u32> = (head.cursor.saturating_sub(LOOK_BACK)..head.cursor).collect();
        let (moved, behind) = tokio::join!(self.store.move_cursor(product), self.store.strips(product, &behind));
        for item in behind? {
            held.saw(&item.strip, claim);
        }
        match moved? {
            Outcome::Applied(head) | Outcome::AlreadyApplied(head) => {
                memory.change(|v| {
                    v.current = head.cursor.checked_sub(1).map(|strip| (strip, 0));
                    v.head = Some(head);
                    v.sold_out = None;
                });
                Ok(true)
            }
            Outcome::Refused(head) => {
                let more = head.as_ref().is_some_and(|h| !h.hints.is_empty());
                memory.change(|v| {
                    v.current = None;
                    v.head = Some(head.unwrap_or_default());
                });
                Ok(more)
            }
        }
    }

    /// Strips that were said to have room again: goes to the first that has, remembers the others, and forgets those that
    /// have none. Always worth another round, because the hints are used up.
    async fn follow_hints(&self, product: &ProductId, memory: &Remembered, hints: &[u32]) -> Result<bool, AppError> {
        let strips = self.store.strips(product, hints).await?;
        let mut with_room = strips.iter().map(|s| &s.strip).filter(|s| s.has_room());
        let next = with_room.next().map(|s| (s.no, s.len()));
        let others: Vec<u32> = with_room.map(|s| s.no).collect();
        let stale: Vec<u32> =
            hints.iter().copied().filter(|b| !others.contains(b) && next.is_none_or(|(no, _)| no != *b)).collect();
        memory.change(|view| {
            if let Some(head) = &mut view.head {
                head.hints = others;
            }
            if next.is_some() {
                view.current = next;
            }
        });
        if !stale.is_empty() {
            self.store.drop_hints(product, &stale).await?;
        }
        Ok(true)
    }

    /// A cold instance: reads the head and the newest strips, and goes on where others left off. Otherwise every cold start
    /// of a quiet shop would open a strip of its own.
    async fn first_look(
        &self,
        product: &ProductId,
        memory: &Remembered,
        claim: Claim,
        held: &mut Held,
    ) -> Result<bool, AppError> {
        let head = self.store.head(product).await?.unwrap_or_default();
        let newest: Vec<u32> = (head.cursor.saturating_sub(LOOK_BACK)..head.cursor).collect();
        let mut current = None;
        if !newest.is_empty() {
            for item in self.store.strips(product, &newest).await? {
                held.saw(&item.strip, claim);
                if item.strip.has_room() {
                    current = Some((item.strip.no, item.strip.len()));
                }
            }
        }
        memory.change(|v| {
            v.head = Some(head);
            v.current = current;
        });
        Ok(true)
    }

    /// Reads every strip that may have a card and claims what it finds. `true` when all were read full: only then may the
    /// word "sold out" be said.
    async fn sweep(
        &self,
        product: &ProductId,
        memory: &Remembered,
        claim: Claim,
        wanted: usize,
        held: &mut Held,
    ) -> Result<bool, AppError> {
        let _sweeping = memory.sweeping.lock().await;
        let view = memory.read();
        let now = self.clock.now();
        if view.sold_out.is_some_and(|verdict| verdict.holds_for(claim, now)) {
            return Ok(true);
        }
        // Only when the cursor has reached the end are the strips below it all the strips there are.
        let is_end = |h: &Head| holds("hold: every strip on sale was opened", h.cursor >= h.on_sale);
        let Some(head) = view.head.filter(is_end) else { return Ok(false) };
        let all: Vec<u32> = (head.low..head.cursor).collect();
        let mut with_room = Vec::new();
        let mut claims = HashSet::new();
        for item in self.store.strips(product, &all).await? {
            held.saw(&item.strip, claim);
            claims.extend(item.strip.entries.iter().filter_map(|e| match e {
                Entry::Claim(claim) => Some(*claim),
                _ => None,
            }));
            if item.strip.has_room() {
                with_room.push(item.strip);
            }
        }
        if holds("hold: every strip was read full", with_room.is_empty()) {
            if held.count() < wanted {
                memory.change(|v| v.sold_out = Some(Verdict { at: now, claims: Arc::new(claims) }));
            }
            return Ok(held.count() < wanted);
        }
        for strip in with_room {
            if held.count() < wanted {
                self.take_from(product, memory, Look::Read(strip), claim, wanted, held).await?;
            }
        }
        Ok(false)
    }

    /// Gives back what was claimed for an order and is not the order's, on the evidence of the order as read. Best effort:
    /// what stays behind is found by its evidence later.
    pub(crate) async fn give_back(&self, order: &Order, product: &ProductId, claim: Claim, held: &Held) {
        let hints = self.release_surplus(order, product, claim, held).await;
        self.hint(product, &hints).await;
    }

    /// Releases what the order as read gives evidence for; answers the strips that have room now.
    pub(crate) async fn release_surplus(
        &self,
        order: &Order,
        product: &ProductId,
        claim: Claim,
        held: &Held,
    ) -> Vec<u32> {
        let mut hints = Vec::new();
        // Slots that somebody wrote by hand are evidence of nothing.
        if order.is_live() && !self.slots_are_whole(order) {
            tracing::error!(order = %order.id, "the slots of an order were changed; nothing is released");
            return hints;
        }
        for (&strip, (_, positions)) in &held.strips {
            let surplus: Vec<u8> = positions
                .iter()
                .copied()
                .filter(|&position| evidence::releasable(order, claim.generation, product, strip, position))
                .collect();
            if !surplus.is_empty() && self.release(product, strip, claim, surplus).await {
                hints.push(strip);
            }
        }
        hints
    }

    async fn release(&self, product: &ProductId, strip: u32, claim: Claim, mut positions: Vec<u8>) -> bool {
        for _ in 0..TRIES_PER_STRIP {
            match self.store.release(product, strip, claim, &positions).await {
                Ok(Outcome::Applied(_)) => return true,
                Ok(Outcome::Refused(Some(found))) if !found.sealed => {
                    let still = found.positions_of(Entry::Claim(claim));
                    positions.retain(|p| still.contains(p));
                    if positions.is_empty() {
                        return false;
                    }
                }
                Ok(_) => return false,
                Err(error) => {
                    tracing::warn!(%product, strip, order = %claim.order, %error, "a surplus hold stays behind");
                    return false;
                }
            }
        }
        false
    }
}
