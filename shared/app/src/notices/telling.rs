//! Telling: each receiver once, together where there is much of it, and later where it is night. One receiver's failure repeats
//! nothing for the others, because what each has heard is noted.

use super::receivers::Receiver;
use super::words::{self, Words};
use super::{Notice, NoticeKind};
use crate::{App, AppError};
use domain::limits::{NOTICE_HIDDEN_SECONDS, NOTICE_KEPT_SECONDS};
use domain::{Millis, OrderId};
use futures_util::StreamExt;
use push::{Message, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use store::Outcome;
use store::writes::{Begun, Digest};

/// How long whoever has begun a push may be at it, ms. Shorter than the time for which the queue hides a message, so that the next
/// try never finds the one before it at work.
const AT_WORK_MS: i64 = 20_000;

/// After so many ms a push that was begun and not ended may be begun again.
const GIVEN_UP_MS: i64 = AT_WORK_MS + 1_000;

/// Tries of a notice that may come sooner than by itself. The others are spread over hours.
const EARLY_TRIES: u32 = 10;

/// How long it is known that a push was made, ms: as long as a queue can keep a message.
const KNOWN_MS: i64 = 14 * 24 * 60 * 60_000;

/// How long collected messages and results are kept, ms.
const KEPT_MS: i64 = 30 * 24 * 60 * 60_000;

/// Receivers that are told side by side.
const AT_ONCE: usize = 8;

/// How long a pass may be at telling one receiver's collected messages, ms.
const FLUSH_MS: i64 = 50_000;

/// What became of telling everybody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pushed {
    /// Receivers whose providers took it now.
    pub told: usize,
    /// Receivers that are told later, together with other things.
    pub collected: usize,
    /// Receivers whose providers refused it for good.
    pub refused: usize,
    /// Receivers that must be tried again.
    pub again: usize,
    /// When to try them again, in ms from now, where each of their providers has said so.
    pub wait_ms: Option<Millis>,
}

/// A notice as its queue handed it over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received<'a> {
    /// The handle by which it was received.
    pub receipt: &'a str,
    /// How often it was received, this time included.
    pub receives: u32,
    /// When it was sent, Unix ms.
    pub sent_at: Millis,
}

/// What a receiver's provider said last.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LastResult {
    /// Since when it has said so, Unix ms.
    pub at: Millis,
    /// `accepted`, `refused`, `busy`, or `unknown`.
    pub result: String,
    /// Why it refused, as a word.
    pub reason: Option<String>,
}

/// What each receiver's provider said last, as far as this instance knows, and until when it wants to be left alone, Unix ms.
#[derive(Debug, Default)]
pub(crate) struct Results(Mutex<HashMap<String, (Verdict, Millis)>>);

enum One {
    Told,
    Known,
    Collected,
    Refused,
    /// To be tried again: in so many ms where the provider has said so.
    Again(Option<Millis>),
}

fn result_note(receiver: &Receiver) -> String {
    format!("pushed#{}", receiver.id)
}

fn digest_name(receiver: &Receiver) -> String {
    format!("digest#{}", receiver.id)
}

fn minute(at: Millis) -> i64 {
    at.div_euclid(60_000)
}

impl App {
    /// Tells everybody who wants to hear of it. Whoever was told before is not told again.
    pub async fn push_to_all(&self, notice: &Notice) -> Result<Pushed, AppError> {
        let receivers = self.receivers_to_tell().await?;
        let is_muted = |r: &Receiver| notice.product().is_some_and(|product| r.muted.contains(product));
        let wanted = receivers.iter().filter(|r| r.kinds.contains(&notice.kind()) && !is_muted(r));
        let mut work = Vec::new();
        for receiver in wanted {
            work.push(Box::pin(async move {
                self.push_once(receiver, notice).await.unwrap_or_else(|error| {
                    tracing::warn!(receiver = %receiver.id, notice = notice.id, %error, "a push is left to the next try");
                    One::Again(None)
                })
            }));
        }
        let mut done = futures_util::stream::iter(work).buffer_unordered(AT_ONCE);
        let mut pushed = Pushed::default();
        // The soonest that a provider has named, as long as all of them have named a time.
        let (mut soonest, mut all_named) = (Millis::MAX, true);
        while let Some(one) = done.next().await {
            match one {
                One::Told => pushed.told += 1,
                One::Known => {}
                One::Collected => pushed.collected += 1,
                One::Refused => pushed.refused += 1,
                One::Again(wait) => {
                    pushed.again += 1;
                    all_named &= wait.is_some();
                    soonest = soonest.min(wait.unwrap_or(Millis::MAX));
                }
            }
        }
        pushed.wait_ms = (pushed.again > 0 && all_named).then_some(soonest);
        Ok(pushed)
    }

    async fn push_once(&self, receiver: &Receiver, notice: &Notice) -> Result<One, AppError> {
        let now = self.clock.now();
        // A fault is tried all the same: it may be the last thing that is heard.
        if notice.kind() != NoticeKind::Fault
            && let Some(wait) = self.is_busy(receiver, now)
        {
            return Ok(One::Again(Some(wait)));
        }
        let (name, by) = (format!("push#{}#{}", receiver.id, notice.id), self.ids.bytes());
        match self.store.begin_push(&name, by, now, now + AT_WORK_MS).await? {
            Outcome::Applied(()) | Outcome::AlreadyApplied(()) => {}
            Outcome::Refused(Begun::Done) => return Ok(One::Known),
            // Whoever is at it may yet fail, or have died.
            Outcome::Refused(Begun::UnderWay) => return Ok(One::Again(Some(GIVEN_UP_MS))),
        }
        let one = if self.is_to_collect(receiver, notice).await? {
            self.collect_notice(receiver, notice).await?;
            One::Collected
        } else {
            let verdict = self.push_now(receiver, notice).await?;
            self.note_receiver(receiver, verdict).await;
            match verdict {
                Verdict::Accepted => One::Told,
                Verdict::Refused(_) => One::Refused,
                // Begun and not ended: the next try may begin it anew, once this one counts as given up.
                Verdict::Busy { retry_after_ms } => return Ok(One::Again(Some(retry_after_ms.max(GIVEN_UP_MS)))),
                Verdict::Unknown(_) => return Ok(One::Again(None)),
            }
        };
        self.store.end_push(&name, by, now + KNOWN_MS).await?;
        Ok(one)
    }

    /// For how many ms more a receiver's provider wants to be left alone, as far as this instance knows.
    fn is_busy(&self, receiver: &Receiver, now: Millis) -> Option<Millis> {
        let known = self.results.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, until) = known.get(&result_note(receiver))?;
        (*until > now).then(|| (until - now).max(GIVEN_UP_MS))
    }

    /// Lets a notice of the queue come again when the providers that did not take it have said that they will. Sooner than by itself
    /// only as long as it has tries to spare, and never so late that the queue would have thrown it away.
    pub async fn wait_for(&self, pushed: &Pushed, received: &Received<'_>) {
        let Some(wait) = pushed.wait_ms else { return };
        let by_itself = i64::from(NOTICE_HIDDEN_SECONDS) * 1_000;
        let left = received.sent_at + i64::from(NOTICE_KEPT_SECONDS) * 1_000 - self.clock.now();
        if (wait < by_itself && received.receives > EARLY_TRIES) || wait >= left {
            return;
        }
        if let Err(error) = self.queue.hide_notice(received.receipt, wait).await {
            tracing::warn!(%error, "a notice comes again by itself, and not when its provider asked for it");
        }
    }

    /// Puts an alarm into the queue that not everybody took at once.
    pub async fn push_later(&self, notice: &Notice, pushed: Option<Pushed>) -> Result<(), AppError> {
        let wait = pushed.and_then(|pushed| pushed.wait_ms).unwrap_or(GIVEN_UP_MS);
        self.queue.send_notice_after(notice.to_body(), wait).await
    }

    /// Puts a notice into the queue that is to be told in so many ms, a quarter of an hour at the most.
    pub async fn tell_after(&self, notice: &Notice, delay: Millis) -> Result<(), AppError> {
        self.queue.send_notice_after(notice.to_body(), delay).await
    }

    /// Sends a notice to a receiver now, whatever was sent before, and answers what its provider says.
    pub async fn push_now(&self, receiver: &Receiver, notice: &Notice) -> Result<Verdict, AppError> {
        let words = self.words(receiver).await?;
        let names = self.names(std::slice::from_ref(notice)).await;
        Ok(self.push(&receiver.channel, &words::message(&words, notice, &names)).await)
    }

    /// Sends a test to a receiver through the very code that sends everything else.
    pub async fn push_test(&self, receiver: &Receiver) -> Result<Verdict, AppError> {
        let verdict = self.push_now(receiver, &Notice::test(self.clock.now())).await?;
        self.note_receiver(receiver, verdict).await;
        Ok(verdict)
    }

    /// Tells a receiver again what an order has to tell as it stands now. `Ok(None)`: there is no such order, or it has nothing to tell.
    pub async fn push_again(&self, receiver: &Receiver, order: &OrderId) -> Result<Option<Verdict>, AppError> {
        let Some(order) = self.store.order(order).await? else { return Ok(None) };
        let Some(notice) = Notice::of_order(&order, self.clock.now()) else { return Ok(None) };
        let verdict = self.push_now(receiver, &notice).await?;
        self.note_receiver(receiver, verdict).await;
        Ok(Some(verdict))
    }

    /// Whether a notice is to be told later: it is night, or there is more of it than the receiver wants in a minute. Faults are
    /// told at once, and programs read everything as it comes.
    async fn is_to_collect(&self, receiver: &Receiver, notice: &Notice) -> Result<bool, AppError> {
        if receiver.is_program() || matches!(notice.kind(), NoticeKind::Fault | NoticeKind::Test) {
            return Ok(false);
        }
        let now = self.clock.now();
        if self.is_quiet(receiver, now).await? {
            return Ok(true);
        }
        let Some(most) = receiver.digest_over else { return Ok(false) };
        let key = format!("pace#{}#{}", receiver.id, minute(now));
        Ok(self.store.count_try(&key, 1, (minute(now) + 2) * 60_000).await? > i64::from(most))
    }

    async fn is_quiet(&self, receiver: &Receiver, now: Millis) -> Result<bool, AppError> {
        let Some(quiet) = receiver.quiet else { return Ok(false) };
        Ok(quiet.holds(now, self.showcase().await?.settings.utc_offset_minutes))
    }

    async fn collect_notice(&self, receiver: &Receiver, notice: &Notice) -> Result<(), AppError> {
        let (name, now) = (digest_name(receiver), self.clock.now());
        match self.store.collect(&name, &notice.to_body(), now, now + KEPT_MS).await? {
            Outcome::Applied(()) | Outcome::AlreadyApplied(()) => {}
            Outcome::Refused(()) => self.store.count_more(&name, now).await?,
        }
        Ok(())
    }

    /// Tells together what was collected, where the night is over and the minute in which the last of it came. What is not taken is
    /// told by the next pass. Answers how many receivers were told.
    pub async fn push_collected(&self) -> usize {
        if !self.queue.takes_notices() {
            return 0;
        }
        self.push_digests().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what was collected is left to the next pass");
            0
        })
    }

    async fn push_digests(&self) -> Result<usize, AppError> {
        let receivers = self.receivers_to_tell().await?;
        let names: Vec<String> = receivers.iter().filter(|r| !r.is_program()).map(digest_name).collect();
        if names.is_empty() {
            return Ok(0);
        }
        let digests = self.store.digests(&names).await?;
        let mut work = Vec::new();
        for receiver in receivers.iter() {
            let Some(digest) = digests.get(&digest_name(receiver)) else { continue };
            work.push(Box::pin(async move {
                self.push_due_digest(receiver, digest).await.unwrap_or_else(|error| {
                    tracing::warn!(receiver = %receiver.id, %error, "what was collected is left to the next pass");
                    false
                })
            }));
        }
        let done: Vec<bool> = futures_util::stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
        Ok(done.into_iter().filter(|told| *told).count())
    }

    /// Whether what was collected for a receiver was due, and its provider took it now.
    async fn push_due_digest(&self, receiver: &Receiver, digest: &Digest) -> Result<bool, AppError> {
        let now = self.clock.now();
        let is_due = minute(digest.last) < minute(now) && self.is_busy(receiver, now).is_none();
        if !is_due || self.is_quiet(receiver, now).await? {
            return Ok(false);
        }
        let turn = format!("flush#{}", receiver.id);
        let turn = self.store.take_turn(&turn, self.ids.bytes(), now, now + FLUSH_MS).await?;
        if matches!(turn, Outcome::Refused(_)) {
            return Ok(false);
        }
        self.push_digest(receiver, digest).await
    }

    async fn push_digest(&self, receiver: &Receiver, digest: &Digest) -> Result<bool, AppError> {
        let mut notices: Vec<Notice> = digest.notes.iter().filter_map(|body| Notice::from_body(body)).collect();
        notices.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        let words = self.words(receiver).await?;
        let names = self.names(&notices).await;
        let message: Message = match notices.as_slice() {
            [one] if digest.more == 0 => words::message(&words, one, &names),
            _ => words::digest(&words, &notices, digest.more, digest.last, &names),
        };
        let verdict = self.push(&receiver.channel, &message).await;
        self.note_receiver(receiver, verdict).await;
        if verdict.is_final() {
            self.store.clear_digest(&digest_name(receiver), &digest.notes).await?;
        }
        Ok(verdict == Verdict::Accepted)
    }

    async fn words(&self, receiver: &Receiver) -> Result<Words, AppError> {
        let showcase = self.showcase().await?;
        Ok(Words {
            lang: receiver.lang,
            shop: showcase.settings.name.clone(),
            utc_offset_minutes: showcase.settings.utc_offset_minutes,
            public_url: self.config.public_url.clone(),
        })
    }

    /// The names of the products that notices are about; a product whose name cannot be read is called by its id.
    async fn names(&self, notices: &[Notice]) -> HashMap<String, String> {
        let mut names = HashMap::new();
        for id in notices.iter().filter_map(Notice::product) {
            if names.contains_key(id) {
                continue;
            }
            let found = match domain::ProductId::parse(id) {
                Some(product) => self.product(&product).await.ok().flatten(),
                None => None,
            };
            names.insert(id.to_owned(), found.map_or_else(|| id.to_owned(), |product| product.name));
        }
        names
    }

    /// Remembers what a receiver's provider said.
    async fn note_receiver(&self, receiver: &Receiver, verdict: Verdict) {
        self.note_result(receiver.id.as_str(), &result_note(receiver), verdict).await;
    }

    /// Remembers under a note of its own what the provider of a receiver, or of all mail to buyers, said, for the seller to see.
    /// Written when it says something else than before.
    pub(super) async fn note_result(&self, receiver: &str, note: &str, verdict: Verdict) {
        match verdict {
            Verdict::Accepted => {}
            Verdict::Refused(why) => {
                tracing::error!(receiver, reason = why.as_str(), "the provider refuses what it is sent");
            }
            Verdict::Busy { retry_after_ms } => tracing::warn!(receiver, retry_after_ms, "the provider is busy"),
            Verdict::Unknown(why) => tracing::warn!(receiver, why, "the provider gave no clear answer"),
        }
        let at = self.clock.now();
        let busy_until = match verdict {
            Verdict::Busy { retry_after_ms } => at + retry_after_ms,
            _ => at,
        };
        let known = self
            .results
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(note.to_owned(), (verdict, busy_until));
        if known.is_some_and(|(before, _)| before == verdict) {
            return;
        }
        let reason = verdict.reason().map(str::to_owned);
        let result = LastResult { at, result: verdict.as_str().to_owned(), reason };
        let kept = async {
            let text = serde_json::to_string(&result).map_err(|_| AppError::Setting("a push's result"))?;
            self.store.keep_note(note, &text, at + KEPT_MS).await.map_err(AppError::from)
        };
        if let Err(error) = kept.await {
            tracing::warn!(%error, "a push's result was not kept");
        }
    }

    /// What a receiver's provider said last; `None` when nothing was sent for a month.
    pub async fn last_result(&self, receiver: &Receiver) -> Result<Option<LastResult>, AppError> {
        let note = self.store.note(&result_note(receiver)).await?;
        Ok(note.and_then(|text| serde_json::from_str(&text).ok()))
    }
}
