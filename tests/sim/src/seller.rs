//! The seller: brings cards in, in parts and again, takes some out, changes prices and channels, decides what a person decides.

use crate::buyer::request;
use crate::plan::happens;
use crate::provider::MERCHANTS;
use crate::sim::Sim;
use fastrand::Rng;
use http::{Method, Request};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Tries of one request before the seller leaves it.
const TRIES: u32 = 10;

/// The price of a product, in fen.
const PRICE: i64 = 990;

/// A session of the seller, made without the slow password check.
pub fn session(sim: &Sim) -> String {
    let app = sim.world.app();
    app.open_session(sim.now()).0
}

async fn ask(sim: &Arc<Sim>, rng: &mut Rng, method: Method, path: &str, body: &Value) -> Option<(u16, Value)> {
    let request = request(method, path, &session(sim), Some(&format!("a-deed-at-{path}")), Some(body));
    sim.send(request, rng).await
}

/// Asks until there is an answer.
async fn insist(sim: &Arc<Sim>, rng: &mut Rng, method: Method, path: &str, body: &Value) -> Option<(u16, Value)> {
    for _ in 0..TRIES {
        match ask(sim, rng, method.clone(), path, body).await {
            Some((status, answer)) if status < 500 => return Some((status, answer)),
            _ => tokio::time::sleep(Duration::from_millis(rng.u64(500..5_000))).await,
        }
    }
    None
}

/// Cards with a name each.
fn cards(product: &str, from: u32, count: u32) -> Vec<String> {
    (from..from + count).map(|n| format!("{product}-CARD-{n:06}")).collect()
}

/// Opens the shop: channels, products, the first cards. Nothing goes wrong yet.
pub async fn open(sim: &Arc<Sim>) {
    let mut rng = sim.fork();
    for merchant in &MERCHANTS {
        let body = json!({"kind": "epay_v1", "base_url": merchant.base_url, "pid": merchant.pid, "key": merchant.key, "refund_code": 0});
        let path = format!("/api/admin/channels/{}", merchant.account);
        let (status, answer) = ask(sim, &mut rng, Method::PUT, &path, &body).await.unwrap();
        assert_eq!(status, 200, "{answer}");
    }
    for number in 0..sim.plan.products {
        let id = format!("p{number}");
        let body = json!({
            "id": id, "name": format!("Product {number}"), "kind": "single_use_key",
            "price": {"amount_minor": PRICE + i64::from(number) * 100, "currency": "CNY"},
            "channels": ["pay-a", "pay-b"], "review": sim.plan.reviews && number == 0,
        });
        let (status, answer) = ask(sim, &mut rng, Method::POST, "/api/admin/products", &body).await.unwrap();
        assert_eq!(status, 201, "{answer}");
        import(sim, &mut rng, &id, &cards(&id, 0, sim.plan.cards), "first").await;
    }
}

/// Brings cards in, in parts, again where no answer came, sometimes a part twice.
async fn import(sim: &Arc<Sim>, rng: &mut Rng, product: &str, cards: &[String], upload: &str) {
    sim.truth().bring(product, cards);
    let size = if sim.shared.is_calm() { 1_000 } else { rng.usize(1..=60) };
    for (part, lines) in (1u32..).zip(cards.chunks(size)) {
        let path = format!("/api/admin/products/{product}/cards?upload={upload}&part={part}");
        let again = !sim.shared.is_calm() && rng.u32(..6) == 0;
        for _ in 0..if again { 2 } else { 1 } {
            for _ in 0..TRIES {
                let request = Request::builder()
                    .method(Method::POST)
                    .uri(&path)
                    .header("authorization", format!("Bearer {}", session(sim)))
                    .header("content-type", "text/plain")
                    .body(lines.join("\n").into_bytes())
                    .unwrap();
                let answer = sim.send(request, rng).await;
                sim.note(format_args!("import of {product} {upload} {part}: {:?}", answer.as_ref().map(|(s, _)| *s)));
                match answer {
                    Some((200, report)) if report["remaining"].as_u64().unwrap_or_default() == 0 => {
                        let rejected = report["rejected"].as_array().cloned().unwrap_or_default();
                        if rejected.iter().any(|r| r["reason"] == "being_imported") {
                            // Another execution of this part has these lines in hand, or died with them: they are to be sent again.
                            tokio::time::sleep(Duration::from_millis(rng.u64(500..20_000))).await;
                            continue;
                        }
                        let (imported, duplicates) = (
                            report["imported"].as_u64().unwrap_or_default(),
                            report["duplicates"].as_u64().unwrap_or_default(),
                        );
                        if !rejected.is_empty() || imported + duplicates != lines.len() as u64 {
                            sim.truth().wrong(format!("{} lines were imported as {report}", lines.len()));
                        }
                        sim.truth().brought(lines);
                        break;
                    }
                    Some((status, report)) if (400..500).contains(&status) => {
                        sim.truth().wrong(format!("an import was answered {status} {report}"));
                        break;
                    }
                    _ => tokio::time::sleep(Duration::from_millis(rng.u64(500..20_000))).await,
                }
            }
        }
    }
}

/// The seller's day, until faults stop.
pub async fn live(sim: Arc<Sim>, mut rng: Rng) {
    let rng = &mut rng;
    if sim.plan.cards_later > 0 {
        for number in 0..sim.plan.products {
            let (sim, mut rng) = (sim.clone(), rng.fork());
            tokio::spawn(async move {
                let id = format!("p{number}");
                tokio::time::sleep(Duration::from_millis(rng.u64(..=sim.plan.arrivals_ms))).await;
                // Some of the lines are old ones: they must not be sold twice.
                let from = sim.plan.cards - sim.plan.cards.min(3);
                let lines = cards(&id, from, sim.plan.cards_later + sim.plan.cards.min(3));
                import(&sim, &mut rng, &id, &lines, "second").await;
            });
        }
    }
    while !sim.shared.is_calm() {
        tokio::time::sleep(Duration::from_millis(rng.u64(20_000..200_000))).await;
        if sim.shared.is_calm() {
            return;
        }
        if sim.plan.removes {
            take_out(&sim, rng).await;
        }
        if sim.plan.switches {
            let merchant = &MERCHANTS[rng.usize(..MERCHANTS.len())];
            let path = format!("/api/admin/channels/{}", merchant.account);
            for enabled in [false, true] {
                insist(&sim, rng, Method::PUT, &path, &json!({ "enabled": enabled })).await;
                sim.fault("channel switched");
                tokio::time::sleep(Duration::from_millis(rng.u64(1_000..60_000))).await;
            }
        }
        if sim.plan.rotates {
            rotate(&sim, rng).await;
        }
        if sim.plan.reprices {
            let number = rng.u32(..sim.plan.products);
            let price = json!({"amount_minor": PRICE + rng.i64(0..500), "currency": "CNY"});
            let path = format!("/api/admin/products/p{number}");
            insist(&sim, rng, Method::PATCH, &path, &json!({ "price": price })).await;
            sim.fault("price changed");
        }
        if sim.plan.refunds > 0 {
            let ids: Vec<String> = sim.truth().orders.keys().cloned().collect();
            for id in ids {
                if happens(rng, sim.plan.refunds) {
                    let path = format!("/api/admin/orders/{id}/refund");
                    let answer = ask(&sim, rng, Method::POST, &path, &json!({})).await;
                    sim.fault("refund asked for");
                    sim.note(format_args!("refund of {id}: {:?}", answer.map(|(status, _)| status)));
                }
            }
        }
        decide(&sim, rng).await;
    }
}

/// Takes a new key at a provider, and brings it into the shop a while later.
async fn rotate(sim: &Arc<Sim>, rng: &mut Rng) {
    let account = MERCHANTS[rng.usize(..MERCHANTS.len())].account;
    sim.town.rotate(account);
    sim.fault("key changed");
    sim.note(format_args!("{account} has a new key"));
    tokio::time::sleep(Duration::from_millis(rng.u64(..30_000))).await;
    let path = format!("/api/admin/channels/{account}");
    insist(sim, rng, Method::PUT, &path, &json!({"key": sim.town.key(account)})).await;
}

/// Brings the newest keys into the shop once nothing goes wrong any more: whoever changed one looks whether it works.
pub async fn bring_keys(sim: &Arc<Sim>, rng: &mut Rng) {
    for merchant in &MERCHANTS {
        let path = format!("/api/admin/channels/{}", merchant.account);
        let body = json!({"key": sim.town.key(merchant.account), "enabled": true});
        let (status, answer) = ask(sim, rng, Method::PUT, &path, &body).await.unwrap();
        assert_eq!(status, 200, "{answer}");
    }
}

/// Takes a few cards out of sale.
async fn take_out(sim: &Arc<Sim>, rng: &mut Rng) {
    let product = format!("p{}", rng.u32(..sim.plan.products));
    let mut left = sim.truth().unsold(&product);
    rng.shuffle(&mut left);
    left.truncate(rng.usize(1..=3));
    if left.is_empty() {
        return;
    }
    sim.truth().remove(&product, left.len() as u64);
    let request = Request::builder()
        .method(Method::DELETE)
        .uri(format!("/api/admin/products/{product}/cards"))
        .header("authorization", format!("Bearer {}", session(sim)))
        .body(left.join("\n").into_bytes())
        .unwrap();
    let answer = sim.send(request, rng).await;
    sim.fault("cards taken out of sale");
    sim.note(format_args!("{} cards of {product} go out: {answer:?}", left.len()));
    if let Some((200, report)) = answer
        && report["removed"].as_u64() == Some(left.len() as u64)
    {
        sim.truth().removed(&left);
    }
}

/// Looks at what needs a person and decides some of it.
async fn decide(sim: &Arc<Sim>, rng: &mut Rng) {
    let Some((200, answer)) = ask(sim, rng, Method::GET, "/api/admin/attention", &Value::Null).await else { return };
    for row in answer["rows"].as_array().into_iter().flatten() {
        if rng.bool() {
            continue;
        }
        let id = row["id"].as_str().unwrap_or_default();
        match row["kind"].as_str().unwrap_or_default() {
            "review" => {
                let body = match rng.u32(..4) {
                    0 => json!({"decision": "refuse", "reference": "looks wrong"}),
                    _ => json!({"decision": "pass"}),
                };
                ask(sim, rng, Method::POST, &format!("/api/admin/orders/{id}/review"), &body).await;
            }
            "refund_due" => {
                ask(sim, rng, Method::POST, &format!("/api/admin/orders/{id}/refund"), &json!({})).await;
            }
            "money" => {
                let action = ["refund", "keep"][rng.usize(..2)];
                let body = json!({"action": action, "reference": "by the seller"});
                let path = format!("/api/admin/attention/{id}");
                // Whoever keeps money has decided, whatever they hear of it; what goes back is seen at the provider.
                if let (Some(trade), "keep") = (trade_of(id), action) {
                    sim.truth().decided.insert(trade);
                }
                ask(sim, rng, Method::POST, &path, &body).await;
            }
            _ => {}
        }
    }
}

/// The provider's number that a money row's name holds: `R`, the account, a zero byte, the number, in hexadecimal.
pub fn trade_of(row: &str) -> Option<String> {
    let bytes: Vec<u8> =
        (0..row.len() / 2).filter_map(|i| u8::from_str_radix(row.get(2 * i..2 * i + 2)?, 16).ok()).collect();
    let (_, number) = std::str::from_utf8(bytes.strip_prefix(b"R")?).ok()?.split_once('\0')?;
    Some(number.to_owned())
}

/// What needs a person, read when nothing goes wrong, and whether there may be more of it than is listed.
pub async fn attention(sim: &Arc<Sim>, rng: &mut Rng) -> (Vec<Value>, bool) {
    let (status, answer) = ask(sim, rng, Method::GET, "/api/admin/attention", &Value::Null).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    (answer["rows"].as_array().cloned().unwrap_or_default(), answer["more"] == true)
}

/// Cards by state, as the seller reads them.
pub async fn counts(sim: &Arc<Sim>, rng: &mut Rng, product: &str) -> Value {
    let path = format!("/api/admin/products/{product}/cards");
    let (status, answer) = ask(sim, rng, Method::GET, &path, &Value::Null).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    answer
}
