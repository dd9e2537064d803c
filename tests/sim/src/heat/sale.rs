//! A sale: one product, buyers who arrive by the thousand, and what became of each of them.

use super::bank::{ACCOUNT, Bank};
use super::fleet::{Came, Fleet};
use super::latency::poisson;
use super::wire::{Heat, Sums};
use fastrand::Rng;
use http::{Method, Request};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// The product.
pub const PRODUCT: &str = "hot";

/// A verdict "sold out" may be this old (decision 002), ms.
const VERDICT_MS: u64 = 500;

/// Tries of one order before its buyer gives up.
const TRIES: u32 = 4;

/// Tries of one notification.
const TELLS: u32 = 8;

/// In a hundred: buyers who never pay, who pay late, and creates whose function dies.
const ABANDON: u32 = 30;
const LATE: u32 = 2;
const CRASH: u32 = 1;

/// The parts of a run that are judged by themselves.
pub const PARTS: [&str; 3] = ["sale: ramp and steady", "sale: sold out", "expiry: second wave"];

/// What was seen in one part.
#[derive(Default, Debug)]
pub struct Part {
    /// Buyers who came.
    pub offered: u64,
    /// Orders made.
    pub accepted: u64,
    /// Cards of them.
    pub cards: u64,
    /// Milliseconds of storage of each create.
    pub times: Vec<u64>,
    /// Answers 5xx, by what they say.
    pub failed: u64,
    /// What the last of them said.
    pub failure: String,
    /// Creates under which the function died.
    pub died: u64,
    /// Answers `sold_out`.
    pub sold_out: u64,
    /// Of them, while there were cards enough at that instant.
    pub false_at_once: u64,
    /// Of them, while there were cards enough all through the request and half a second before it.
    pub falsely: u64,
    /// Any other answer.
    pub other: u64,
    /// What the last of them said.
    pub other_said: String,
}

/// A payment that arrived.
#[derive(Clone, Debug)]
pub struct Paid {
    /// The order.
    pub order: String,
    /// Its buyer's token.
    pub token: String,
    /// Its cards.
    pub quantity: u32,
}

/// One run.
pub struct Sale {
    /// The functions.
    pub fleet: Arc<Fleet>,
    /// The tables' heat.
    pub heat: Arc<Heat>,
    /// The provider.
    pub bank: Bank,
    /// How long cards are held, ms.
    pub hold_ms: u64,
    parts: [Mutex<Part>; 3],
    paid: Mutex<Vec<Paid>>,
    told_in_vain: Mutex<u64>,
    unpaid: Mutex<usize>,
    /// What had gone over the wire when the first buyer heard "sold out".
    turn: Mutex<Option<Sums>>,
}

impl Sale {
    /// Nobody came yet.
    pub fn new(fleet: Arc<Fleet>, heat: Arc<Heat>, bank: Bank, hold_ms: u64) -> Arc<Sale> {
        let (parts, paid, told_in_vain, unpaid, turn) = Default::default();
        Arc::new(Sale { fleet, heat, bank, hold_ms, parts, paid, told_in_vain, unpaid, turn })
    }

    /// What was seen in a part.
    pub fn part(&self, no: usize) -> MutexGuard<'_, Part> {
        self.parts[no].lock().unwrap()
    }

    /// What had gone over the wire when the first buyer heard "sold out"; by now, if nobody did.
    pub fn turn(&self) -> Sums {
        self.turn.lock().unwrap().clone().unwrap_or_else(|| self.heat.sums())
    }

    /// Every payment.
    pub fn paid(&self) -> Vec<Paid> {
        self.paid.lock().unwrap().clone()
    }

    /// Orders of the sale whose holds are to end, because nobody pays them. Late payers are not among them: some pay before the
    /// timer has come by, and then nothing ends.
    pub fn unpaid(&self) -> usize {
        *self.unpaid.lock().unwrap()
    }

    /// Notifications that no try brought to a "success".
    pub fn told_in_vain(&self) -> u64 {
        *self.told_in_vain.lock().unwrap()
    }

    /// Lets buyers arrive until `rate` says that no more come: buyers a millisecond at a time since the beginning of this wave, ms.
    pub async fn wave(
        self: &Arc<Self>,
        second: bool,
        rng: &mut Rng,
        people: &mut JoinSet<()>,
        rate: impl Fn(u64) -> Option<f64>,
    ) {
        let began = tokio::time::Instant::now();
        for ms in 0.. {
            tokio::time::sleep_until(began + Duration::from_millis(ms)).await;
            let Some(mean) = rate(ms) else { return };
            for _ in 0..poisson(rng, mean) {
                let part = if second { 2 } else { usize::from(self.part(0).sold_out > 0) };
                self.part(part).offered += 1;
                let (sale, rng) = (self.clone(), rng.fork());
                people.spawn(async move { sale.buyer(part, rng).await });
            }
            while people.try_join_next().is_some() {}
        }
    }

    async fn buyer(self: Arc<Self>, part: usize, mut rng: Rng) {
        let quantity = match rng.u32(..100) {
            0..97 => 1,
            97..99 => rng.u32(2..=10),
            _ => 50,
        };
        // Boxed, so that a buyer who waits to pay is small.
        let Some((order, token, number, minor)) = Box::pin(self.order(part, quantity, &mut rng)).await else { return };
        let fate = rng.u32(..100);
        if part < 2 && fate < ABANDON {
            *self.unpaid.lock().unwrap() += 1;
        }
        let wait = match fate {
            _ if fate < ABANDON => return,
            _ if fate < ABANDON + LATE && part == 2 => return,
            _ if fate < ABANDON + LATE => self.hold_ms + rng.u64(10_000..180_000),
            _ => rng.u64(2_000..40_000),
        };
        sleep(Duration::from_millis(wait)).await;
        let notice = self.bank.pay(&number, minor);
        self.paid.lock().unwrap().push(Paid { order, token, quantity });
        for attempt in 0..TELLS {
            sleep(Duration::from_millis(if attempt == 0 { rng.u64(50..500) } else { 5_000 << attempt })).await;
            let uri = format!("/webhooks/{ACCOUNT}?{notice}");
            let request = Request::builder().method(Method::GET).uri(uri).body(Vec::new()).unwrap();
            if let Came::Answer((200, answer), _) = Box::pin(self.fleet.send(request, "198.51.100.1", None)).await
                && answer == "success"
            {
                return;
            }
        }
        *self.told_in_vain.lock().unwrap() += 1;
    }

    /// Orders, again where nothing came back: id, token, number to pay and fen.
    async fn order(&self, part: usize, quantity: u32, rng: &mut Rng) -> Option<(String, String, String, i64)> {
        let who = rng.u64(..);
        let peer = format!("2001:db8:{:x}:{:x}::1", who & 0xffff, who >> 16 & 0xffff);
        let contact = format!("b{:012x}@example.com", who & 0xffff_ffff_ffff);
        let body =
            json!({"product": PRODUCT, "quantity": quantity, "contact": contact, "channel": ACCOUNT}).to_string();
        let key = format!("buyer-{who:016x}-{:016x}", rng.u64(..));
        for attempt in 0..TRIES {
            if attempt > 0 {
                sleep(Duration::from_millis(rng.u64(200..1_500))).await;
            }
            let dies = (rng.u32(..100) < CRASH).then(|| rng.u64(..40));
            let request = Request::builder()
                .method(Method::POST)
                .uri("/api/orders")
                .header("idempotency-key", &key)
                .header("content-type", "application/json")
                .body(body.clone().into_bytes())
                .unwrap();
            let since = self.heat.now();
            let came = self.fleet.send(request, &peer, dies).await;
            let mut seen = self.part(part);
            match came {
                Came::Answer((200 | 201, answer), ms) => {
                    seen.accepted += 1;
                    seen.cards += u64::from(quantity);
                    seen.times.push(ms);
                    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
                    let minor = answer.pointer("/order/amount/amount_minor").and_then(Value::as_i64)?;
                    return Some((text("/order/id")?, text("/order_token")?, text("/payment/attempt")?, minor));
                }
                Came::Answer((409, answer), _) if answer["code"] == "sold_out" => {
                    seen.sold_out += 1;
                    self.turn.lock().unwrap().get_or_insert_with(|| {
                        let sums = self.heat.sums();
                        self.heat.cool();
                        sums
                    });
                    if let Some(ledger) = self.heat.ledger().as_ref() {
                        seen.false_at_once += u64::from(!ledger.is_short(quantity));
                        seen.falsely += u64::from(!ledger.was_short(quantity, since.saturating_sub(VERDICT_MS)));
                    }
                    return None;
                }
                Came::Answer((status @ 500.., answer), _) => {
                    seen.failed += 1;
                    seen.failure = format!("{status} {answer}");
                }
                Came::Answer((status, answer), _) => {
                    seen.other += 1;
                    seen.other_said = format!("{status} {answer}");
                    return None;
                }
                Came::Died => seen.died += 1,
                Came::None => {
                    seen.failed += 1;
                    seen.failure = "503 no environment".to_owned();
                }
            }
        }
        None
    }
}
