//! Buyers: they order, again when nothing came back, pay or do not, look, and come from another device.

use crate::plan::happens;
use crate::provider::{MERCHANTS, merchant};
use crate::sim::Sim;
use crate::truth::Known;
use fastrand::Rng;
use http::{Method, Request};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Tries of one request before its buyer gives up.
const TRIES: u32 = 8;

/// An order from its buyer's side.
#[derive(Clone, Debug)]
struct Mine {
    id: String,
    token: String,
    attempts: Vec<Attempt>,
}

#[derive(Clone, Debug)]
struct Attempt {
    account: &'static str,
    number: String,
    minor: i64,
}

/// A request with a token.
pub fn request(method: Method, path: &str, token: &str, key: Option<&str>, body: Option<&Value>) -> Request<Vec<u8>> {
    let mut request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    request.body(body.map(|b| b.to_string().into_bytes()).unwrap_or_default()).unwrap()
}

async fn wait(rng: &mut Rng, from_ms: u64, to_ms: u64) {
    tokio::time::sleep(Duration::from_millis(rng.u64(from_ms..=to_ms))).await;
}

/// One buyer's whole story.
pub async fn live(sim: Arc<Sim>, no: u32, mut rng: Rng) {
    let rng = &mut rng;
    let wishes = sim.plan.buyers;
    let arrival = Duration::from_millis(rng.u64(..=sim.plan.arrivals_ms));
    tokio::time::sleep(arrival).await;
    let product = format!("p{}", rng.u32(..sim.plan.products));
    let quantity = if happens(rng, wishes.several) { [2, 3, 5, 20][rng.usize(..4)] } else { 1 };
    let account = MERCHANTS[rng.usize(..MERCHANTS.len())].account;
    let key = format!("buyer-{no:06}-{:016x}", rng.u64(..));
    let Some(mut mine) = order(&sim, rng, &key, &product, quantity, account).await else { return };
    sim.note(format_args!("b{no} has {}", mine.id));
    if happens(rng, wishes.polls) {
        let (sim, mine, rng) = (sim.clone(), mine.clone(), rng.fork());
        tokio::spawn(async move { watch(sim, mine, rng).await });
    }
    wait(rng, 100, 20_000).await;
    if happens(rng, wishes.leaves) {
        return;
    }
    if happens(rng, wishes.cancels) {
        act(&sim, rng, &mine, "cancel").await;
        // Some pay all the same: the page of the gateway is still open.
        if rng.bool() {
            return;
        }
    }
    let both = happens(rng, wishes.both);
    if both || happens(rng, wishes.switches) {
        let other = MERCHANTS.iter().find(|m| m.account != account).unwrap().account;
        another(&sim, rng, &mut mine, other).await;
    }
    if happens(rng, wishes.late) {
        let hold = u64::try_from(sim.plan.hold_ms).unwrap();
        wait(rng, hold, hold * 2 + 400_000).await;
    }
    let paid: Vec<Attempt> =
        if both { mine.attempts.clone() } else { mine.attempts.last().cloned().into_iter().collect() };
    for attempt in &paid {
        let minor =
            if happens(rng, wishes.wrong) { attempt.minor + [-1, 1, 100][rng.usize(..3)] } else { attempt.minor };
        pay(&sim, rng, attempt, minor);
        if happens(rng, wishes.twice) {
            wait(rng, 0, 5_000).await;
            pay(&sim, rng, attempt, attempt.minor);
        }
        wait(rng, 0, 10_000).await;
    }
    if happens(rng, wishes.checks) {
        act(&sim, rng, &mine, "check").await;
    }
    if rng.u32(..3) > 0 {
        look(&sim, rng, &mine.id, &mine.token).await;
    }
}

/// Orders, with every habit that buyers have.
async fn order(
    sim: &Arc<Sim>,
    rng: &mut Rng,
    key: &str,
    product: &str,
    quantity: u32,
    account: &'static str,
) -> Option<Mine> {
    sim.truth().wanted += 1;
    let body = json!({"product": product, "quantity": quantity, "contact": "buyer@example.com", "channel": account});
    let mut found = None;
    for _ in 0..TRIES {
        if found.is_none() && happens(rng, sim.plan.buyers.double) {
            sim.fault("order sent twice at once");
            let (twin, again, body, key) = (sim.clone(), rng.fork(), body.clone(), key.to_owned());
            let product = product.to_owned();
            tokio::spawn(async move {
                let mut again = again;
                try_once(&twin, &mut again, &key, &body, &product, quantity, account).await;
            });
        }
        match try_once(sim, rng, key, &body, product, quantity, account).await {
            Tried::Made(mine) => {
                found = Some(mine);
                break;
            }
            Tried::Refused => return None,
            Tried::Unknown => wait(rng, 200, 3_000).await,
        }
        if rng.u32(..20) == 0 {
            break;
        }
    }
    let mine = found?;
    if happens(rng, sim.plan.buyers.other_body) {
        sim.fault("another order under the same key");
        let other =
            json!({"product": product, "quantity": quantity + 1, "contact": "other@example.org", "channel": account});
        let request = request(Method::POST, "/api/orders", "", Some(key), Some(&other));
        sim.truth().want(product, quantity + 1);
        if let Some((status, answer)) = sim.send(request, rng).await
            && status < 500
            && status != 422
        {
            sim.truth().wrong(format!("another order under the key of {} was answered {status} {answer}", mine.id));
        }
    }
    Some(mine)
}

enum Tried {
    Made(Mine),
    Refused,
    Unknown,
}

async fn try_once(
    sim: &Arc<Sim>,
    rng: &mut Rng,
    key: &str,
    body: &Value,
    product: &str,
    quantity: u32,
    account: &'static str,
) -> Tried {
    sim.truth().want(product, quantity);
    let request = request(Method::POST, "/api/orders", "", Some(key), Some(body));
    let answer = sim.send(request, rng).await;
    let Some((status, answer)) = answer else {
        sim.note(format_args!("{key} hears nothing"));
        return Tried::Unknown;
    };
    sim.note(format_args!("{key} hears {status} {}", answer["code"].as_str().unwrap_or_default()));
    match status {
        200 | 201 => Tried::Made(made(sim, &answer, product, quantity, account)),
        409 if answer["code"] == "sold_out" => {
            // While cards come in, an answer may be older than they are.
            if sim.plan.cards_later == 0 {
                sim.truth().sold_out(product, quantity);
            }
            Tried::Refused
        }
        429 | 500.. => Tried::Unknown,
        400..=499 => {
            // What an order may meet: it was given up or cancelled by somebody else's hand, or the price is another one.
            let known = ["order_void", "price_changed", "channel_unavailable", "out_of_stock", "order_closed"];
            let code = answer["code"].as_str().unwrap_or_default();
            if !known.contains(&code) {
                sim.truth().wrong(format!("an order was answered {status} {answer}"));
            }
            Tried::Refused
        }
        _ => {
            sim.truth().wrong(format!("an order was answered {status} {answer}"));
            Tried::Refused
        }
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn made(sim: &Arc<Sim>, answer: &Value, product: &str, quantity: u32, account: &'static str) -> Mine {
    let (id, token) = (text(answer, "/order/id").to_owned(), text(answer, "/order_token").to_owned());
    let minor = answer["order"]["amount"]["amount_minor"].as_i64().unwrap_or_default();
    let attempts: Vec<Attempt> = attempt_in(sim, answer, &id, minor).into_iter().collect();
    // A twin that was on its way for long may be answered with the attempt that its buyer has turned to since.
    if attempts.iter().any(|a| a.account != account && a.number.ends_with('1')) {
        sim.truth().wrong(format!("order {id} is to be paid into another account"));
    }
    let known = Known {
        product: product.to_owned(),
        quantity,
        minor,
        token: token.clone(),
        attempts: attempts.iter().map(|a| (a.account, a.number.clone(), a.minor)).collect(),
        status: String::new(),
        keys: None,
        refunded: false,
    };
    sim.truth().made(&id, known);
    let attempts = if attempts.is_empty() { known_attempts(sim, &id) } else { attempts };
    Mine { id, token, attempts }
}

fn known_attempts(sim: &Arc<Sim>, id: &str) -> Vec<Attempt> {
    let truth = sim.truth();
    let known = truth.orders.get(id).map(|o| o.attempts.clone()).unwrap_or_default();
    known.into_iter().map(|(account, number, minor)| Attempt { account, number, minor }).collect()
}

/// What an answer shows to be paid. The buyer's browser goes there, and the provider says what it reads.
fn attempt_in(sim: &Arc<Sim>, answer: &Value, id: &str, minor: i64) -> Option<Attempt> {
    let payment = answer.get("payment").filter(|p| p.is_object())?;
    let account = merchant(text(payment, "/channel")).account;
    let number = text(payment, "/attempt").to_owned();
    match sim.town.open(text(payment, "/content")) {
        Some((shown, asked)) if shown == number && asked == minor => {}
        other => {
            sim.truth().wrong(format!("the provider reads the page of {id} as {other:?}, not as {number} {minor}"))
        }
    }
    Some(Attempt { account, number, minor })
}

async fn another(sim: &Arc<Sim>, rng: &mut Rng, mine: &mut Mine, account: &'static str) {
    for _ in 0..TRIES {
        let body = json!({ "channel": account });
        let path = format!("/api/orders/{}/payments", mine.id);
        let Some((status, answer)) = sim.send(request(Method::POST, &path, &mine.token, None, Some(&body)), rng).await
        else {
            wait(rng, 200, 3_000).await;
            continue;
        };
        if status >= 500 {
            wait(rng, 200, 3_000).await;
            continue;
        }
        let minor = sim.truth().orders.get(&mine.id).map_or(0, |o| o.minor);
        if status < 300
            && let Some(attempt) = attempt_in(sim, &answer, &mine.id, minor)
        {
            sim.truth().shown_attempt(&mine.id, attempt.account, &attempt.number, attempt.minor);
            mine.attempts.retain(|a| a.number != attempt.number);
            mine.attempts.push(attempt);
        }
        return;
    }
}

async fn act(sim: &Arc<Sim>, rng: &mut Rng, mine: &Mine, what: &str) {
    let path = format!("/api/orders/{}/{what}", mine.id);
    let answer = sim.send(request(Method::POST, &path, &mine.token, None, Some(&json!({}))), rng).await;
    sim.note(format_args!("{} {what}: {:?}", mine.id, answer.map(|(status, _)| status)));
}

/// Pays, and lets the provider tell the shop as it pleases.
fn pay(sim: &Arc<Sim>, rng: &mut Rng, attempt: &Attempt, minor: i64) {
    let trade = sim.town.pay(attempt.account, &attempt.number, minor);
    sim.note(format_args!("{trade} pays {minor} for {} into {}", attempt.number, attempt.account));
    crate::machines::tell(sim, trade, rng.fork());
}

/// Looks again and again, as a page does that waits.
async fn watch(sim: Arc<Sim>, mine: Mine, mut rng: Rng) {
    for _ in 0..rng.u32(3..25) {
        if look(&sim, &mut rng, &mine.id, &mine.token).await.is_some_and(|status| status == "delivered") {
            return;
        }
        wait(&mut rng, 500, 20_000).await;
    }
}

/// Reads an order, and its keys when it is delivered. Answers its status.
pub async fn look(sim: &Arc<Sim>, rng: &mut Rng, id: &str, token: &str) -> Option<String> {
    let before = sim.truth().status(id);
    let (status, order) = sim.send(request(Method::GET, &format!("/api/orders/{id}"), token, None, None), rng).await?;
    if status != 200 {
        if status < 500 && status != 429 {
            sim.truth().wrong(format!("order {id} reads as {status} {order}"));
        }
        return None;
    }
    let read = text(&order, "/status").to_owned();
    sim.note(format_args!("{id} reads {read}"));
    sim.truth().read(id, &before, &read);
    if matches!(read.as_str(), "delivered" | "completed") {
        let request = request(Method::GET, &format!("/api/orders/{id}/keys"), token, None, None);
        if let Some((200, answer)) = sim.send(request, rng).await {
            let keys: Vec<String> =
                answer["keys"].as_array().into_iter().flatten().map(|k| text(k, "/content").to_owned()).collect();
            sim.truth().shown(id, &keys);
        }
    }
    Some(read)
}

/// Buys when nothing goes wrong. Whether the order was made.
pub async fn buy_honestly(sim: &Arc<Sim>, rng: &mut Rng, product: &str, quantity: u32, no: u32) -> bool {
    let key = format!("buys-the-rest-{product}-{no:06}-{:016x}", rng.u64(..));
    let account = MERCHANTS[0].account;
    let body = json!({"product": product, "quantity": quantity, "contact": "buyer@example.com", "channel": account});
    sim.truth().wanted += 1;
    let Tried::Made(mine) = try_once(sim, rng, &key, &body, product, quantity, account).await else { return false };
    for attempt in &mine.attempts {
        let trade = sim.town.pay(attempt.account, &attempt.number, attempt.minor);
        crate::machines::notify(sim, &trade, rng).await;
    }
    true
}
