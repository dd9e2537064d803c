//! Telling: each receiver once, together where there is much of it, and later where it is night. One receiver's failure repeats
//! nothing for the others, because what each has heard is noted.

use super::receivers::Receiver;
use super::words::{self, Words};
use super::{Fact, Notice, NoticeKind};
use crate::{App, AppError};
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

/// How long it is known that a push was made, ms: as long as a queue can keep a message.
const KNOWN_MS: i64 = 14 * 24 * 60 * 60_000;

/// Within so many ms an alarm that enters the state it was last told in is told once.
const SAME_FAULT_MS: i64 = 10 * 60_000;

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

/// What each receiver's provider said last, as far as this instance knows.
#[derive(Debug, Default)]
pub(crate) struct Results(Mutex<HashMap<String, Verdict>>);

enum One {
    Told,
    Known,
    Collected,
    Refused,
    Again,
}

/// The state in which an alarm was last told to a receiver.
#[derive(Serialize, Deserialize)]
struct ToldFault {
    over: bool,
    at: Millis,
    id: String,
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
                    One::Again
                })
            }));
        }
        let mut done = futures_util::stream::iter(work).buffer_unordered(AT_ONCE);
        let mut pushed = Pushed::default();
        while let Some(one) = done.next().await {
            match one {
                One::Told => pushed.told += 1,
                One::Known => {}
                One::Collected => pushed.collected += 1,
                One::Refused => pushed.refused += 1,
                One::Again => pushed.again += 1,
            }
        }
        Ok(pushed)
    }

    async fn push_once(&self, receiver: &Receiver, notice: &Notice) -> Result<One, AppError> {
        let now = self.clock.now();
        let (name, by) = (format!("push#{}#{}", receiver.id, notice.id), self.ids.bytes());
        match self.store.begin_push(&name, by, now, now + AT_WORK_MS).await? {
            Outcome::Applied(()) | Outcome::AlreadyApplied(()) => {}
            Outcome::Refused(Begun::Done) => return Ok(One::Known),
            // Whoever is at it may yet fail.
            Outcome::Refused(Begun::UnderWay) => return Ok(One::Again),
        }
        let one = if self.was_told_of(receiver, notice).await? {
            One::Known
        } else if self.is_to_collect(receiver, notice).await? {
            self.collect_notice(receiver, notice).await?;
            One::Collected
        } else {
            let verdict = self.push_now(receiver, notice).await?;
            self.note_result(receiver.id.as_str(), &result_note(receiver), verdict).await;
            match verdict {
                Verdict::Accepted => One::Told,
                Verdict::Refused(_) => One::Refused,
                // Begun and not ended: the next try may begin it anew.
                Verdict::Busy { .. } | Verdict::Unknown(_) => return Ok(One::Again),
            }
        };
        self.store.end_push(&name, by, now + KNOWN_MS).await?;
        Ok(one)
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
        self.note_result(receiver.id.as_str(), &result_note(receiver), verdict).await;
        Ok(verdict)
    }

    /// Tells a receiver again what an order has to tell as it stands now. `Ok(None)`: there is no such order, or it has nothing to tell.
    pub async fn push_again(&self, receiver: &Receiver, order: &OrderId) -> Result<Option<Verdict>, AppError> {
        let Some(order) = self.store.order(order).await? else { return Ok(None) };
        let Some(notice) = Notice::of_order(&order, self.clock.now()) else { return Ok(None) };
        let verdict = self.push_now(receiver, &notice).await?;
        self.note_result(receiver.id.as_str(), &result_note(receiver), verdict).await;
        Ok(Some(verdict))
    }

    /// Whether the same alarm went into the same state a moment ago and the receiver was told. In every other case it is noted that
    /// it is told now: an alarm that flaps is heard each time it changes.
    async fn was_told_of(&self, receiver: &Receiver, notice: &Notice) -> Result<bool, AppError> {
        let Fact::Fault { alarm, over, .. } = &notice.fact else { return Ok(false) };
        let (now, name) = (self.clock.now(), format!("fault#{}#{alarm}", receiver.id));
        let last = self.store.note(&name).await?.and_then(|text| serde_json::from_str::<ToldFault>(&text).ok());
        let is_same = |last: &ToldFault| last.over == *over && (0..SAME_FAULT_MS).contains(&(now - last.at));
        if let Some(last) = last.filter(is_same) {
            return Ok(last.id != notice.id);
        }
        let told = ToldFault { over: *over, at: now, id: notice.id.clone() };
        let text = serde_json::to_string(&told).map_err(|_| AppError::Setting("a fault that was told"))?;
        self.store.keep_note(&name, &text, now + KEPT_MS).await?;
        Ok(false)
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
        let now = self.clock.now();
        let mut told = 0;
        for receiver in receivers.iter() {
            let Some(digest) = digests.get(&digest_name(receiver)).filter(|d| minute(d.last) < minute(now)) else {
                continue;
            };
            if self.is_quiet(receiver, now).await? {
                continue;
            }
            let turn = format!("flush#{}", receiver.id);
            let turn = self.store.take_turn(&turn, self.ids.bytes(), now, now + FLUSH_MS).await?;
            if !matches!(turn, Outcome::Refused(_)) && self.push_digest(receiver, digest).await? {
                told += 1;
            }
        }
        Ok(told)
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
        self.note_result(receiver.id.as_str(), &result_note(receiver), verdict).await;
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

    /// Remembers what a receiver's provider said, for the seller to see. Written when it says something else than before.
    pub(super) async fn note_result(&self, receiver: &str, note: &str, verdict: Verdict) {
        match verdict {
            Verdict::Accepted => {}
            Verdict::Refused(why) => {
                tracing::error!(receiver, reason = why.as_str(), "the provider refuses what it is sent");
            }
            Verdict::Busy { retry_after_ms } => tracing::warn!(receiver, retry_after_ms, "the provider is busy"),
            Verdict::Unknown(why) => tracing::warn!(receiver, why, "the provider gave no clear answer"),
        }
        let known = self.results.0.lock().unwrap_or_else(PoisonError::into_inner).insert(note.to_owned(), verdict);
        if known == Some(verdict) {
            return;
        }
        let at = self.clock.now();
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
