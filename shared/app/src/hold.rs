//! Holding cards for an order: which strip to try next, and when it may be said that there are none.
//!
//! What an instance remembers here is courtesy: it saves reads and never decides anything. The strips decide.

mod held;

pub(crate) use held::Held;

use crate::{App, AppError};
use domain::guards::holds;
use domain::limits::{SOLD_OUT_AGE_MS, STRIP_CARDS};
use domain::stock::{Entry, Move, Strip};
use domain::{Claim, Millis, ProductId};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{Head, Outcome};

/// Strips before the newest that are looked at for claims of an earlier try: a create of fifty cards touches at most three.
const LOOK_BACK: u32 = 3;

/// Writes to one strip before a claimer goes on: each refusal means that somebody else moved on.
pub(crate) const TRIES_PER_STRIP: usize = 60;

/// Rounds over the strips before a create gives up undecided.
const ROUNDS: usize = 40;

/// Times that a create goes after strips that are said to have room again, before it reads every strip.
const HINT_ROUNDS: usize = 3;

/// Hinted strips that one round looks at: one call.
const HINTS_AT_ONCE: usize = 100;

/// Strips up to which every instance reads them all by itself: one call. Of more than these, instances tell each other.
pub(crate) const SWEPT_ALONE: u32 = 100;

/// Milliseconds after which one of [`RENEW_ONE_IN`] who meet a verdict renews it, so that it seldom ends for all of them at once.
const RENEW_AFTER_MS: i64 = SOLD_OUT_AGE_MS / 2;
const RENEW_ONE_IN: u8 = 8;

/// Where many would read many strips at once, one of so many does, and the others look again this much later, so many times.
const SWEEP_ONE_IN: u8 = 4;
const LOOK_AGAIN: Duration = Duration::from_millis(40);
const LOOKS_AGAIN: usize = 3;

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
    /// The head as read a moment ago for a create that looks for the last cards, and when, Unix ms.
    fresh: Option<(Millis, Head)>,
}

/// Every strip was read full. The claims that were seen ride along, because an order whose own claim is among them is not
/// sold out: an earlier try of it holds the card.
///
/// One that another instance found has no claims with it: for half a second an order whose earlier try was cut off may be told so.
#[derive(Clone, Debug)]
struct Verdict {
    at: Millis,
    /// When this instance looks for a newer one, Unix ms; at most half a second after `at`.
    until: Millis,
    claims: Arc<HashSet<Claim>>,
}

impl Verdict {
    fn holds_for(&self, claim: Claim, now: Millis) -> bool {
        holds("hold: the verdict is fresh", (self.at..self.until).contains(&now))
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

    /// The stock is at its end, as this head says: what it knows of strips with room is to be tried now, and once.
    fn at_the_end(&self, mut head: Head) -> Next {
        let hints = std::mem::take(&mut head.hints);
        self.change(|view| {
            view.current = None;
            view.head = Some(head);
        });
        if hints.is_empty() { Next::End } else { Next::Hinted(hints) }
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

/// What there is to try next.
enum Next {
    /// The strip that is remembered now.
    Strip,
    /// Strips that are said to have room again.
    Hinted(Vec<u32>),
    /// Nothing but reading every strip.
    End,
}

/// What reading every strip came to.
enum Swept {
    /// Nothing is left for anybody.
    End,
    /// Enough, or other strips to try.
    More,
    /// Every strip was read full, and meanwhile something came back.
    Contested,
}

/// How a strip to claim from is known.
enum Look {
    /// By the length its list had when it was last written to.
    Remembered { strip: u32, len: u8 },
    /// As read a moment ago.
    Read(Strip),
}

/// Whether a head says that somebody has just read every strip full, and nothing came back since.
fn is_heard(head: &Head, now: Millis) -> bool {
    let is_fresh = |at: Millis| (at..at + SOLD_OUT_AGE_MS).contains(&now);
    head.hints.is_empty() && head.sold_out_at.is_some_and(is_fresh)
}

/// Places of so many things, beginning elsewhere for each order, so that those who look for the last cards do not all meet at the first.
fn apart(count: usize, claim: Claim) -> Vec<usize> {
    let start = claim.order.0.iter().rev().take(4).fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    let start = start.checked_rem(count).unwrap_or_default();
    (start..count).chain(0..start).collect()
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
        let (mut tried, mut hinted) = (BTreeSet::new(), 0);
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
            match self.next_strip(product, memory, view.current, claim, held).await? {
                Next::Strip => {}
                Next::Hinted(hints) if hinted < HINT_ROUNDS => {
                    hinted += 1;
                    self.take_hinted(product, memory, &hints, claim, wanted, held).await?;
                }
                Next::Hinted(_) | Next::End => {
                    if held.count() >= wanted {
                        continue;
                    }
                    let listens = hinted < HINT_ROUNDS;
                    match self.sweep(product, memory, claim, wanted, held, listens).await? {
                        Swept::End => return Ok(HoldEnd::SoldOut),
                        Swept::More => {}
                        // Every strip was read full during this request, and as often as one can ask.
                        Swept::Contested if !listens => return Ok(HoldEnd::SoldOut),
                        Swept::Contested => {}
                    }
                }
            }
        }
        if held.count() >= wanted { Ok(HoldEnd::Enough) } else { Err(AppError::Contended) }
    }

    /// Claims what is missing from one strip, as far as it goes. `true` when nothing is left of it for anybody.
    async fn take_from(
        &self,
        product: &ProductId,
        memory: &Remembered,
        look: Look,
        claim: Claim,
        wanted: usize,
        held: &mut Held,
    ) -> Result<bool, AppError> {
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
                    Move::Enough => return Ok(false),
                    Move::Full => return Ok(true),
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
                Outcome::Refused(None) => return Ok(true),
            };
            memory.saw_strip(&now);
            held.saw(&now, claim);
            seen = Ok(now);
        }
        Ok(false)
    }

    /// Finds what to try next: strips known to have room again, else the next fresh one.
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
    ) -> Result<Next, AppError> {
        let _moving = memory.moving.lock().await;
        let view = memory.read();
        if view.current.is_some() && view.current != seen {
            return Ok(Next::Strip);
        }
        // Read for this create, and once: what is said there to be at its end needs no write to find it out.
        if let Some((at, head)) = memory.change(|v| v.fresh.take())
            && head.cursor >= head.on_sale
            && (at..at + SOLD_OUT_AGE_MS).contains(&self.clock.now())
        {
            return Ok(memory.at_the_end(head));
        }
        let Some(head) = view.head else {
            return self.first_look(product, memory, claim, held).await;
        };
        if !head.hints.is_empty() {
            return Ok(memory.at_the_end(head));
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
                Ok(Next::Strip)
            }
            Outcome::Refused(head) => Ok(memory.at_the_end(head.unwrap_or_default())),
        }
    }

    /// Claims from strips that are said to have room again, and forgets those that have none.
    async fn take_hinted(
        &self,
        product: &ProductId,
        memory: &Remembered,
        hints: &[u32],
        claim: Claim,
        wanted: usize,
        held: &mut Held,
    ) -> Result<(), AppError> {
        // While there is plenty the lowest come first, so that old strips fill up and are sealed.
        let is_end = memory.read().head.is_none_or(|head| head.cursor >= head.on_sale);
        let order = |n: usize| if is_end { apart(n, claim) } else { (0..n).collect() };
        let mut hints: Vec<u32> = order(hints.len()).into_iter().filter_map(|at| hints.get(at).copied()).collect();
        hints.truncate(HINTS_AT_ONCE);
        let mut full: BTreeSet<u32> = hints.iter().copied().collect();
        let strips = self.store.strips(product, &hints).await?;
        for item in &strips {
            held.saw(&item.strip, claim);
        }
        for strip in order(strips.len()).into_iter().filter_map(|at| Some(&strips.get(at)?.strip)) {
            let is_left = strip.has_room()
                && (held.count() >= wanted
                    || !self.take_from(product, memory, Look::Read(strip.clone()), claim, wanted, held).await?);
            if is_left {
                full.remove(&strip.no);
            }
        }
        if !is_end {
            let left: Vec<u32> = hints.into_iter().filter(|no| !full.contains(no)).collect();
            memory.change(|view| {
                // The one that is remembered is tried before the others anyway.
                let current = view.current.map(|(no, _)| no);
                if let Some(head) = &mut view.head {
                    head.hints = left.into_iter().filter(|no| Some(*no) != current).collect();
                }
            });
        }
        if !full.is_empty() {
            let full: Vec<u32> = full.into_iter().collect();
            self.store.drop_hints(product, &full).await?;
        }
        Ok(())
    }

    /// Reads the head for a create that is about to look for the last cards, beside whatever else it reads.
    pub(crate) async fn look_ahead(&self, product: &ProductId) -> Result<(), AppError> {
        let memory = self.stock.of(product);
        let now = self.clock.now();
        let view = memory.read();
        let knows = view.sold_out.is_some_and(|verdict| (verdict.at..verdict.until).contains(&now));
        if !knows && view.current.is_none() && view.head.is_some() {
            let head = self.store.head(product).await?;
            memory.change(|v| v.fresh = head.map(|head| (now, head)));
        }
        Ok(())
    }

    /// Whether this instance knows for sure, of everybody but this order, that nothing is left.
    pub(crate) fn knows_sold_out(&self, product: &ProductId, claim: Claim) -> bool {
        self.stock.known(product).is_some_and(|memory| memory.sold_out(claim, self.clock.now()))
    }

    /// A throw of dice: one in so many.
    fn one_in(&self, many: u8) -> bool {
        self.ids.bytes::<1>()[0].is_multiple_of(many)
    }

    /// A cold instance: reads the head and the newest strips, and goes on where others left off. Otherwise every cold start
    /// of a quiet shop would open a strip of its own.
    async fn first_look(
        &self,
        product: &ProductId,
        memory: &Remembered,
        claim: Claim,
        held: &mut Held,
    ) -> Result<Next, AppError> {
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
        Ok(Next::Strip)
    }

    /// Reads every strip that may have a card and claims what it finds. [`Swept::End`] when all were read full, or were found full by
    /// whoever claimed there: only then may the word "sold out" be said. Of a large stock the reading of another instance will do, for as
    /// long as an own one would; `listens` is false where that was tried before.
    async fn sweep(
        &self,
        product: &ProductId,
        memory: &Remembered,
        claim: Claim,
        wanted: usize,
        held: &mut Held,
        listens: bool,
    ) -> Result<Swept, AppError> {
        let _sweeping = memory.sweeping.lock().await;
        let view = memory.read();
        let now = self.clock.now();
        if view.sold_out.is_some_and(|verdict| verdict.holds_for(claim, now)) {
            return Ok(Swept::End);
        }
        // Only when the cursor has reached the end are the strips below it all the strips there are.
        let is_end = |h: &Head| holds("hold: every strip on sale was opened", h.cursor >= h.on_sale);
        let Some(head) = view.head.filter(is_end) else { return Ok(Swept::More) };
        let all: Vec<u32> = (head.low..head.cursor).collect();
        let is_large = head.cursor.saturating_sub(head.low) > SWEPT_ALONE;
        if is_large && listens && self.heard_of_end(product, memory, &head).await? {
            let is_over = memory.sold_out(claim, self.clock.now());
            return Ok(if is_over { Swept::End } else { Swept::More });
        }
        let now = self.clock.now();
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
        let mut left = Vec::new();
        if !holds("hold: every strip was read full", with_room.is_empty()) {
            for strip in apart(with_room.len(), claim).into_iter().filter_map(|at| with_room.get(at)) {
                let is_full = held.count() < wanted
                    && self.take_from(product, memory, Look::Read(strip.clone()), claim, wanted, held).await?;
                if !is_full {
                    left.push(strip.no);
                }
            }
        }
        if !left.is_empty() || held.count() >= wanted {
            // Whoever looks next need not read them all.
            left.truncate(HINTS_AT_ONCE / 2);
            if is_large && !left.is_empty() {
                self.store.add_hints(product, &left).await?;
            }
            return Ok(Swept::More);
        }
        // Many instances look for a newer one at different times.
        let spread = if is_large { i64::from(self.ids.bytes::<1>()[0]) * RENEW_AFTER_MS / 256 } else { 0 };
        let until = now + SOLD_OUT_AGE_MS - spread;
        if is_large
            && let Outcome::Refused(Some(found)) = self.store.note_sold_out(product, head.on_sale, now).await?
            && !is_heard(&found, self.clock.now())
        {
            memory.change(|v| v.fresh = Some((self.clock.now(), found)));
            return Ok(Swept::Contested);
        }
        memory.change(|v| v.sold_out = Some(Verdict { at: now, until, claims: Arc::new(claims) }));
        Ok(Swept::End)
    }

    /// Whether another instance has just read every strip full, or has said since where there is room. Where none has and many may want to
    /// know, most of them wait a moment for the few who look.
    async fn heard_of_end(&self, product: &ProductId, memory: &Remembered, head: &Head) -> Result<bool, AppError> {
        let mut head = head.clone();
        for look in 0..=LOOKS_AGAIN {
            if look > 0 {
                if self.one_in(SWEEP_ONE_IN) {
                    return Ok(false);
                }
                tokio::time::sleep(LOOK_AGAIN).await;
                head = self.store.head(product).await?.unwrap_or_default();
                if !head.hints.is_empty() {
                    memory.change(|v| v.fresh = Some((self.clock.now(), head)));
                    return Ok(true);
                }
            }
            let now = self.clock.now();
            let Some(at) = head.sold_out_at.filter(|_| is_heard(&head, now)) else { continue };
            if now - at >= RENEW_AFTER_MS && self.one_in(RENEW_ONE_IN) {
                return Ok(false);
            }
            let spread = i64::from(self.ids.bytes::<1>()[0]) * RENEW_AFTER_MS / 256;
            let until = (at + SOLD_OUT_AGE_MS).min(now + RENEW_AFTER_MS - spread / 2);
            memory.change(|v| v.sold_out = Some(Verdict { at, until, claims: Arc::default() }));
            return Ok(true);
        }
        Ok(false)
    }
}
