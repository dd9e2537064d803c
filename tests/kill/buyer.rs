//! Buyers, and the provider that reports their payments. Each repeats what was not answered and knows nothing of the kills.

use crate::http::{Answer, Request};
use crate::seller::{PRICE, PRODUCT};
use crate::shop::{HOLD, SANDBOX_KEY, SANDBOX_PID};
use crate::world::{End, Patience, Purchase, Step, When, World};
use fastrand::Rng;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tests::shop::yuan;
use tests::signed_notification;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How much earlier than its end a hold is taken to stand for certain.
const MARGIN: Duration = Duration::from_secs(1);

/// How long after the order a late buyer pays at the earliest.
const LATE_AFTER: Duration = Duration::from_millis(14_200);

/// What a buyer means to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Plan {
    Pay,
    PayLate,
    Abandon,
}

/// An order as its buyer knows it.
struct Order {
    id: String,
    token: String,
    /// The payment's number; none when the order was closed before its buyer heard of it.
    attempt: Option<String>,
    quantity: u32,
    /// Before the first sending, and so before the hold began.
    begun: Instant,
}

/// What a create came to.
enum Created {
    Order(Order),
    SoldOut,
    Void,
}

impl Order {
    fn may_have_lapsed(&self) -> bool {
        self.begun.elapsed() + MARGIN >= HOLD
    }

    fn read(&self, what: &str) -> Request {
        Request::get(format!("/api/orders/{}{what}", self.id)).bearer(&self.token)
    }
}

/// Buys until told to stop, and ends when every purchase has. `cards` is how many cards came in.
pub async fn buy(world: Arc<World>, number: u32, mut chance: Rng, cards: u64) {
    let mut waiting = JoinSet::new();
    for count in 1u32.. {
        // Without a breath between purchases the stock would be gone before the last kill.
        sleep(Duration::from_millis(chance.u64(50..650))).await;
        if world.is_stopped() {
            break;
        }
        let plan = match chance.u32(0..10) {
            0..=6 => Plan::Pay,
            7 => Plan::PayLate,
            _ => Plan::Abandon,
        };
        let purchase = purchase(world.clone(), format!("b{number}"), count, plan, chance.fork(), cards);
        if plan == Plan::PayLate {
            // Whoever waits for a hold to lapse would else do nothing for the length of many kills.
            waiting.spawn(purchase);
        } else {
            purchase.await;
        }
    }
    while let Some(ended) = waiting.join_next().await {
        if let Err(error) = ended {
            world.violation(format!("the program itself failed: {error}"));
        }
    }
}

async fn purchase(world: Arc<World>, buyer: String, count: u32, plan: Plan, mut chance: Rng, cards: u64) {
    let patience = Patience::new(&world);
    let quantity = if chance.u32(0..5) == 0 { chance.u32(2..=3) } else { 1 };
    let key: String = (0..16).map(|_| format!("{:02x}", chance.u8(..))).collect();
    let created = create(&world, &patience, &key, &buyer, quantity, cards).await;
    let ended = match created {
        Ok(Created::SoldOut) => Ok((None, End::SoldOut)),
        Ok(Created::Void) => Ok((None, End::Void)),
        Ok(Created::Order(order)) => {
            let end = finish(&world, &patience, &order, plan, &format!("T{buyer}n{count}"), &mut chance).await;
            let end = end.map_err(|why| format!("order {}, {quantity} cards, {plan:?}: {why}", order.id));
            end.map(|end| (Some((order.id, order.token)), end))
        }
        Err(why) => Err(why),
    };
    match ended {
        Ok((order, end)) => world.remember(Purchase { order, quantity, end }),
        Err(why) => world.violation(format!("buyer {buyer}, purchase {count}: {why}")),
    }
}

/// Orders with one key until it is answered.
async fn create(
    world: &World,
    patience: &Patience<'_>,
    key: &str,
    buyer: &str,
    quantity: u32,
    cards: u64,
) -> Result<Created, String> {
    let body = json!({
        "product": PRODUCT, "quantity": quantity, "contact": format!("{buyer}@example.com"), "channel": "sandbox",
    });
    let request = Request::post("/api/orders", &body).with("Idempotency-Key", key).holding(quantity);
    let begun = Instant::now();
    let read = |answer: &Answer, sent: u32| match (answer.status, answer.code().as_str()) {
        (201 | 200, _) => match order_of(&answer.json(), quantity, begun) {
            Some(order) if order.attempt.is_none() && !order.may_have_lapsed() => {
                Step::Wrong("an order that cannot be paid although its hold stands")
            }
            Some(order) => Step::Done(Created::Order(order)),
            None => Step::Wrong("an order that does not read, or of another amount"),
        },
        // Half of the stock is more than what restarts and abandoned orders can keep from being free.
        (409, "sold_out") if world.counts.may_hold.load(Ordering::SeqCst) <= cards / 2 => {
            Step::Wrong("sold out although most of the cards were never asked for")
        }
        (409, "sold_out") => Step::Done(Created::SoldOut),
        (409, "order_void") if sent == 1 => Step::Wrong("a key that was never used was given up"),
        (409, "order_void") => Step::Done(Created::Void),
        (429, _) => Step::Again,
        _ => Step::Wrong("no order"),
    };
    world.ask(&format!("ordering with key {key}"), patience, &request, read).await
}

fn order_of(answer: &Value, quantity: u32, begun: Instant) -> Option<Order> {
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let minor = answer.pointer("/order/amount/amount_minor").and_then(Value::as_i64);
    let order = Order {
        id: text("/order/id")?,
        token: text("/order_token")?,
        attempt: text("/payment/attempt"),
        quantity,
        begun,
    };
    (minor == Some(PRICE * i64::from(quantity))).then_some(order)
}

async fn finish(
    world: &World,
    patience: &Patience<'_>,
    order: &Order,
    plan: Plan,
    trade: &str,
    chance: &mut Rng,
) -> Result<End, String> {
    let Some(attempt) = &order.attempt else { return Ok(End::Lapsed) };
    if plan == Plan::Abandon {
        // Nothing is asked of the order but that it is still there, perhaps after a kill.
        sleep(Duration::from_millis(chance.u64(0..2_000))).await;
        return match status(world, patience, order).await?.as_str() {
            "awaiting_payment" | "closed" => Ok(End::Abandoned),
            other => Err(format!("nobody paid, and it reads {other}")),
        };
    }
    if plan == Plan::PayLate {
        sleep(LATE_AFTER + Duration::from_millis(chance.u64(0..2_000))).await;
    }
    notify(world, patience, order, attempt, trade).await?;
    let when = match plan {
        Plan::PayLate => When::Late,
        _ if order.may_have_lapsed() => When::Unsure,
        _ => When::InTime,
    };
    loop {
        if let Some(keys) = keys(world, patience, &order.id, &order.token).await? {
            return match keys.len() == order.quantity as usize {
                true => Ok(End::Keys(when, keys)),
                false => Err(format!("{} keys were shown", keys.len())),
            };
        }
        let status = status(world, patience, order).await?;
        match (status.as_str(), when) {
            ("refund_due" | "refunded", When::Late | When::Unsure) => return Ok(End::Refund),
            ("refund_due" | "refunded" | "closed", When::InTime) => {
                return Err(format!("it was paid in time, acknowledged, and reads {status}"));
            }
            _ => {}
        }
        patience.check(|| format!("paid ({when:?}) and acknowledged, keys refused, status {status}"))?;
        sleep(Duration::from_millis(chance.u64(100..300))).await;
    }
}

/// Reports the payment as the provider does, until it is acknowledged.
async fn notify(
    world: &World,
    patience: &Patience<'_>,
    order: &Order,
    attempt: &str,
    trade: &str,
) -> Result<(), String> {
    let money = yuan(PRICE * i64::from(order.quantity));
    let fields = [
        ("pid", SANDBOX_PID),
        ("trade_no", trade),
        ("out_trade_no", attempt),
        ("type", "alipay"),
        ("name", "product"),
        ("money", money.as_str()),
        ("trade_status", "TRADE_SUCCESS"),
    ];
    let query = signed_notification(&fields, SANDBOX_KEY);
    // Money that comes late makes the shop hold cards once more.
    let request = Request::get(format!("/webhooks/sandbox?{query}")).holding(order.quantity);
    let read = |answer: &Answer, _: u32| match (answer.status, answer.body.as_slice()) {
        (200, b"success") => Step::Done(()),
        _ => Step::Again,
    };
    world.ask(&format!("notifying of {trade} for {attempt}"), patience, &request, read).await
}

/// Where the order stands. One that was acknowledged has to be found.
async fn status(world: &World, patience: &Patience<'_>, order: &Order) -> Result<String, String> {
    let read = |answer: &Answer, _: u32| match (answer.status, answer.json()["status"].as_str()) {
        (200, Some(status)) => Step::Done(status.to_owned()),
        (429, _) => Step::Again,
        (404, _) => Step::Wrong("an acknowledged order is gone"),
        _ => Step::Wrong("an order that cannot be read"),
    };
    world.ask("reading the order", patience, &order.read(""), read).await
}

/// The keys, when they are to be had.
pub async fn keys(
    world: &World,
    patience: &Patience<'_>,
    id: &str,
    token: &str,
) -> Result<Option<Vec<String>>, String> {
    let request = Request::get(format!("/api/orders/{id}/keys")).bearer(token);
    let read = |answer: &Answer, _: u32| match (answer.status, answer.code().as_str()) {
        (200, _) => {
            let said = answer.json();
            let list = said["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
            let keys: Option<Vec<String>> = list.iter().map(|k| Some(k["content"].as_str()?.to_owned())).collect();
            keys.map_or(Step::Wrong("keys that do not read"), |keys| Step::Done(Some(keys)))
        }
        (409, "not_delivered") => Step::Done(None),
        (429, _) => Step::Again,
        (404, _) => Step::Wrong("an acknowledged order is gone"),
        _ => Step::Wrong("keys that cannot be read"),
    };
    world.ask("reading the keys", patience, &request, read).await
}
