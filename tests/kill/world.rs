//! What everybody in a run shares: the way to the shop, the patience, and what was seen.

use crate::http::{self, Answer, Lost, Request};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long after the last kill anything may still take. Far beyond every timer of the trial, so that running out of it means
/// that something was lost and not that the machine was busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where a purchase ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// There was not enough on sale.
    SoldOut,
    /// The key was given up while the shop was down.
    Void,
    /// The hold had lapsed before the buyer heard of the order.
    Lapsed,
    /// The buyer never paid.
    Abandoned,
    /// Paid, and the keys were shown.
    Keys(When, Vec<String>),
    /// Paid too late, and the money is owed back.
    Refund,
}

/// When an order was paid, seen from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// Acknowledged while the hold must still have stood.
    InTime,
    /// The shop was down for so long that the hold may have lapsed first.
    Unsure,
    /// After the hold.
    Late,
}

/// One purchase that ended as it may.
#[derive(Clone, Debug)]
pub struct Purchase {
    /// The order's id and token, when there was an order.
    pub order: Option<(String, String)>,
    /// Cards wanted.
    pub quantity: u32,
    /// How it ended.
    pub end: End,
}

/// Requests by what became of them.
#[derive(Debug, Default)]
pub struct Counts {
    /// Sent, however they ended.
    pub sent: AtomicU64,
    /// Repeated because nobody listened.
    pub refused: AtomicU64,
    /// Repeated because they left and no whole answer came back.
    pub cut: AtomicU64,
    /// Repeated because no answer came in time.
    pub silent: AtomicU64,
    /// Repeated because the shop said it could not finish.
    pub unfinished: AtomicU64,
    /// Cards that all sendings together may have made the shop hold.
    pub may_hold: AtomicU64,
}

/// The shared part of a run.
#[derive(Debug)]
pub struct World {
    /// The shop's port.
    pub port: u16,
    /// What became of requests.
    pub counts: Counts,
    stopped: AtomicBool,
    down: AtomicBool,
    kills: AtomicU64,
    disturbed: Mutex<Instant>,
    violations: Mutex<Vec<(String, u32)>>,
    purchases: Mutex<Vec<Purchase>>,
}

/// What an answer means to whoever asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step<T> {
    /// It is the end of this question.
    Done(T),
    /// Ask again a little later.
    Again,
    /// It must not be so.
    Wrong(&'static str),
}

impl World {
    /// Before anything has happened.
    pub fn new(port: u16) -> World {
        World {
            port,
            counts: Counts::default(),
            stopped: AtomicBool::new(false),
            down: AtomicBool::new(true),
            kills: AtomicU64::new(0),
            disturbed: Mutex::new(Instant::now()),
            violations: Mutex::default(),
            purchases: Mutex::default(),
        }
    }

    /// The shop is about to be killed. Said before it is done, so that whatever breaks afterwards has its reason.
    pub fn going_down(&self) {
        self.down.store(true, Ordering::SeqCst);
        self.kills.fetch_add(1, Ordering::SeqCst);
        *self.disturbed.lock().unwrap() = Instant::now();
    }

    /// The shop answers again.
    pub fn is_up(&self) {
        *self.disturbed.lock().unwrap() = Instant::now();
        self.down.store(false, Ordering::SeqCst);
    }

    /// How often the shop was killed.
    pub fn kills(&self) -> u64 {
        self.kills.load(Ordering::SeqCst)
    }

    /// No new purchases.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Whether purchases still begin.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Something is not as it must be.
    pub fn violation(&self, what: String) {
        let mut violations = self.violations.lock().unwrap();
        match violations.iter_mut().find(|(known, _)| *known == what) {
            Some((_, times)) => *times += 1,
            None => violations.push((what, 1)),
        }
    }

    /// Everything that is not as it must be; what was seen again and again stands there once, with how often.
    pub fn violations(&self) -> Vec<String> {
        let violations = self.violations.lock().unwrap();
        let words = |(what, times): &(String, u32)| match times {
            1 => what.clone(),
            _ => format!("{what} ({times} times)"),
        };
        violations.iter().map(words).collect()
    }

    /// Keeps a purchase that ended.
    pub fn remember(&self, purchase: Purchase) {
        self.purchases.lock().unwrap().push(purchase);
    }

    /// Every purchase that ended.
    pub fn purchases(&self) -> Vec<Purchase> {
        self.purchases.lock().unwrap().clone()
    }

    /// Sends a request once and counts what became of it. A connection that breaks while the shop is up is a fault by itself.
    async fn send(&self, request: &Request) -> Result<Answer, Lost> {
        let (was_down, kills) = (self.down.load(Ordering::SeqCst), self.kills());
        self.counts.sent.fetch_add(1, Ordering::SeqCst);
        self.counts.may_hold.fetch_add(request.may_hold, Ordering::SeqCst);
        let answer = http::send(self.port, request).await;
        let place = match &answer {
            Ok(answer) if answer.status < 500 => return Ok(answer.clone()),
            Ok(_) => &self.counts.unfinished,
            Err(Lost::Refused(_)) => &self.counts.refused,
            Err(Lost::Cut(_)) => &self.counts.cut,
            Err(Lost::Silent) => &self.counts.silent,
        };
        place.fetch_add(1, Ordering::SeqCst);
        if let Err(lost @ (Lost::Refused(_) | Lost::Cut(_))) = &answer
            && !was_down
            && kills == self.kills()
        {
            self.violation(format!("a request was lost while nobody killed the shop: {lost}"));
        }
        answer
    }

    /// Sends a request until it is answered and the answer is an end. `read` also hears how often it was sent by then.
    pub async fn ask<T>(
        &self,
        what: &str,
        patience: &Patience<'_>,
        request: &Request,
        read: impl Fn(&Answer, u32) -> Step<T>,
    ) -> Result<T, String> {
        let mut pause = Duration::from_millis(50);
        for sent in 1.. {
            let last = match self.send(request).await {
                Ok(answer) if answer.status < 500 => match read(&answer, sent) {
                    Step::Done(end) => return Ok(end),
                    Step::Again => answer.said(),
                    Step::Wrong(why) => return Err(format!("{what}: {why}; answered {}", answer.said())),
                },
                Ok(answer) => answer.said(),
                Err(lost) => lost.to_string(),
            };
            patience.check(|| format!("{what}, sent {sent} times, last answered {last}"))?;
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(Duration::from_millis(300));
        }
        Err(format!("{what}: sent too often"))
    }
}

/// How long somebody waits for everything they want: until long after the last kill.
#[derive(Debug)]
pub struct Patience<'a> {
    world: &'a World,
    begun: Instant,
}

impl<'a> Patience<'a> {
    /// Begins now.
    pub fn new(world: &'a World) -> Patience<'a> {
        Patience { world, begun: Instant::now() }
    }

    /// The error once nothing more is to be hoped for.
    pub fn check(&self, what: impl FnOnce() -> String) -> Result<(), String> {
        let from = self.begun.max(*self.world.disturbed.lock().unwrap());
        if from.elapsed() < PATIENCE {
            return Ok(());
        }
        Err(format!("no end {} s after the last kill: {}", PATIENCE.as_secs(), what()))
    }
}
