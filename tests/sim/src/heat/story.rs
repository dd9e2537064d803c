//! One run from an empty shop to the verdict: a ramp, the full rate, the end of the stock, the wave of holds that end, and buyers
//! who take what came back.

use super::bank::{ACCOUNT, ADDRESS, Bank, KEY, PID};
use super::calibrate::READY;
use super::fleet::Fleet;
use super::latency::percentile;
use super::ledger::Ledger;
use super::report::{HEAD, Report, Row};
use super::sale::{PARTS, PRODUCT, Part, Sale};
use super::wire::{Heat, Setting};
use crate::sim::{SHOP, START};
use app::{Clock, Ids};
use aws_lambda_events::event::sqs::SqsEvent;
use fastrand::Rng;
use http::{Method, Request};
use local::engine::EngineKind;
use local::poller::record;
use local::seam::Outside;
use local::secrets::LocalSecrets;
use local::sqs::Sqs;
use local::world::Pushes;
use local::{Front, World, WorldOptions};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// How long cards are held, ms: the default of a deployment.
const HOLD_MS: u64 = 15 * 60_000;

/// Replies lost after their effect, in a million.
const LOST: u32 = 1_000;

/// Cards of one import part, whole strips.
const PART: usize = 4_800;

/// Batches of deliveries at once: the template's default, which grows from five by 300 a minute.
const POLLERS: u64 = 50;

/// Batches that are handed out twice, in a thousand.
const TWICE: u64 = 10;

/// The second wave comes at this part of the rate: what it buys comes back as fast as one timer ends holds.
const SECOND_WAVE: u32 = 20;

/// The longest second wave, ms.
const SECOND_WAVE_MS: u64 = 30 * 60_000;

/// How long buyers still come after the last hold of the sale was ended, ms.
const AFTER_LAST_MS: u64 = 30_000;

/// What a create may take of storage, ms, of 99 in a hundred.
const CREATE_MS: u64 = 50;

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Orders a second at full rate.
    pub rate: u32,
    /// Seconds of the sale, a quarter of it ramp.
    pub seconds: u64,
    /// Cards; rounded up to whole strips. `None`: two thirds of what the sale's buyers want.
    pub stock: Option<u32>,
    /// The seed.
    pub seed: u64,
    /// Whether partitions have burst capacity.
    pub burst: bool,
    /// Whether it is large enough for a verdict on time: a small one has cold functions and little else.
    pub times: bool,
}

/// Runs something in virtual time.
pub fn paused<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(work)
}

/// A world with nothing on sale, with a provider outside of it. Designs with transactions need the embedded engine.
pub async fn world(seed: u64, bank: &Bank, engine: EngineKind) -> World {
    // The SDK draws its pauses from here.
    fastrand::seed(seed);
    let rng = Mutex::new(Rng::with_seed(seed.wrapping_add(1)));
    let ids = Ids::from_fn(move |out| rng.lock().unwrap().fill(out));
    let began = Instant::now();
    World::open(WorldOptions {
        folder: None,
        public_url: SHOP.to_owned(),
        hold_ms: i64::try_from(HOLD_MS).unwrap(),
        orphan_ms: domain::limits::ORPHAN_AGE_MS,
        open_orders_per_contact: 3,
        open_orders_per_address: 30,
        sandbox_pid: "1000".to_owned(),
        clock: Clock::from_fn(move || START + i64::try_from(began.elapsed().as_millis()).unwrap_or_default()),
        secrets: LocalSecrets::in_memory(&ids),
        password_hash: Some(tests::shop::HASH.clone()),
        ids,
        pushes: Pushes { outside: Outside::Everything(bank.connector()), ..Pushes::default() },
        engine,
    })
    .await
    .unwrap()
}

async fn ask(front: &Front, token: &str, method: Method, path: &str, kind: &str, body: Vec<u8>) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", kind)
        .body(body)
        .unwrap();
    let answer = Box::pin(front.shop(request, "192.0.2.1")).await;
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
}

/// Opens the shop with one product and so many cards.
async fn open(fleet: &Fleet, cards: u32) {
    let (app, front) = fleet.aside();
    let token = app.open_session(app.clock.now()).0;
    let json = "application/json";
    let channel = json!({"kind": "epay_v1", "base_url": ADDRESS, "pid": PID, "key": KEY, "refund_code": 0}).to_string();
    let path = format!("/api/admin/channels/{ACCOUNT}");
    let (status, answer) = ask(&front, &token, Method::PUT, &path, json, channel.into_bytes()).await;
    assert_eq!(status, 200, "{answer}");
    let product = json!({"id": PRODUCT, "name": "Hot", "kind": "single_use_key", "channels": [ACCOUNT],
        "price": {"amount_minor": 990, "currency": "CNY"}});
    let path = "/api/admin/products";
    let (status, answer) = ask(&front, &token, Method::POST, path, json, product.to_string().into_bytes()).await;
    assert_eq!(status, 201, "{answer}");
    let lines: Vec<String> = (0..cards).map(|n| format!("CARD-{n:07}")).collect();
    for (part, lines) in (1_u32..).zip(lines.chunks(PART)) {
        let path = format!("/api/admin/products/{PRODUCT}/cards?upload=all&part={part}");
        loop {
            let (status, report) =
                ask(&front, &token, Method::POST, &path, "text/plain", lines.join("\n").into_bytes()).await;
            assert_eq!(status, 200, "{report}");
            if report["remaining"].as_u64().unwrap_or_default() == 0 {
                break;
            }
        }
    }
    let (_, counts) =
        ask(&front, &token, Method::GET, &format!("/api/admin/products/{PRODUCT}/cards"), json, Vec::new()).await;
    assert_eq!(counts["free"], cards, "{counts}");
}

async fn queue_call(world: &World, operation: &str, body: Value) -> Value {
    let answer = world.sqs.handle(&format!("AmazonSQS.{operation}"), body.to_string().as_bytes()).await;
    assert_eq!(answer.status, 200, "{operation}");
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// Receives batches and has them delivered, for ever.
async fn poller(sale: Arc<Sale>, no: u64) {
    sleep(Duration::from_secs(no.saturating_sub(5) / 5)).await;
    loop {
        if poll(&sale).await == 0 {
            sale.heat.message().await;
        }
    }
}

async fn poll(sale: &Arc<Sale>) -> usize {
    let world = sale.fleet.world();
    let url = Sqs::queue_url(world.queue_name());
    let receive = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0, "MessageSystemAttributeNames": ["All"]});
    let received = queue_call(world, "ReceiveMessage", receive).await;
    let messages = received["Messages"].as_array().cloned().unwrap_or_default();
    if messages.is_empty() {
        return 0;
    }
    let records: Vec<Value> = messages.iter().map(|m| record(world.queue_name(), m)).collect();
    let event: SqsEvent = serde_json::from_value(json!({ "Records": records })).unwrap();
    if sale.heat.chance(999) < TWICE {
        let (sale, event) = (sale.clone(), event.clone());
        tokio::spawn(async move { Box::pin(sale.fleet.deliver(event)).await });
    }
    let failed = Box::pin(sale.fleet.deliver(event)).await;
    let done: Vec<Value> = (0..)
        .zip(&messages)
        .filter(|(_, m)| failed.as_ref().is_some_and(|failed| !failed.iter().any(|id| m["MessageId"] == id.as_str())))
        .map(|(n, m): (u32, _)| json!({"Id": n.to_string(), "ReceiptHandle": m["ReceiptHandle"]}))
        .collect();
    if !done.is_empty() {
        queue_call(world, "DeleteMessageBatch", json!({"QueueUrl": url, "Entries": done})).await;
    }
    messages.len()
}

/// The timer: every minute a pass, in its own time. Says on standard error how far the run is, which at full rate takes long.
async fn timer(sale: Arc<Sale>) {
    for minute in 1_u64.. {
        sleep(Duration::from_secs(60)).await;
        let sum = |of: fn(&Part) -> u64| (0..PARTS.len()).map(|no| of(&sale.part(no))).sum::<u64>();
        let (offered, accepted, sold_out) = (sum(|p| p.offered), sum(|p| p.accepted), sum(|p| p.sold_out));
        eprintln!(
            "  minute {minute}: {offered} buyers, {accepted} orders, {sold_out} times sold out, {} calls",
            sale.heat.sums().calls
        );
        let sale = sale.clone();
        tokio::spawn(async move { Box::pin(sale.fleet.tick()).await });
    }
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// A line for each part.
    pub rows: Vec<Row>,
    /// Everything that was said.
    pub report: Report,
}

/// Runs our design, and says in `report` what it came to.
pub fn run(wish: Wish, mut report: Report) -> Outcome {
    paused(async move {
        let rows = Box::pin(play(wish, &mut report)).await;
        Outcome { rows, report }
    })
}

#[allow(clippy::float_arithmetic, reason = "rates of arrivals")]
async fn play(wish: Wish, report: &mut Report) -> Vec<Row> {
    let bank = Bank::default();
    let setting = Setting { writes: READY, reads: READY, burst: wish.burst, lost: LOST, ..Setting::default() };
    let world = world(wish.seed, &bank, EngineKind::Quick).await;
    let heat = Heat::new(wish.seed, setting);
    let fleet = Fleet::new(world, heat.clone());
    let ramp = wish.seconds / 4;
    // A buyer wants 1.59 cards on average, and a ramp brings half as many buyers.
    let wanted = u64::from(wish.rate) * (wish.seconds - ramp / 2) * 159 / 100;
    let stock = wish.stock.unwrap_or(u32::try_from(wanted * 2 / 3).unwrap()).div_ceil(48) * 48;
    open(&fleet, stock).await;
    *heat.ledger() = Some(Ledger::new(PRODUCT, stock));
    let sale = Sale::new(fleet.clone(), heat.clone(), bank, HOLD_MS);
    let (mut rng, mut people) = (Rng::with_seed(wish.seed ^ 0x5a1e), JoinSet::new());
    let mut machines: Vec<_> = (0..POLLERS).map(|no| tokio::spawn(poller(sale.clone(), no))).collect();
    machines.push(tokio::spawn(timer(sale.clone())));

    let full = super::rivals::per_ms(wish.rate);
    let (ramp_ms, sale_ms) = (ramp * 1_000, wish.seconds * 1_000);
    let rate = |ms: u64| match ms {
        _ if ms >= sale_ms => None,
        _ if ms < ramp_ms => Some(full * ms as f64 / ramp_ms as f64),
        _ => Some(full),
    };
    let began = heat.now();
    sale.wave(false, &mut rng, &mut people, rate).await;
    let (turn, after_sale, unsold_then) = (sale.turn(), heat.sums(), left(&heat));
    heat.cool();

    // The first holds end a quarter of an hour after the first order; buyers come again when the timer ends them.
    sleep(Duration::from_millis((began + HOLD_MS).saturating_sub(heat.now()))).await;
    let opened_at = heat.now();
    let held = sale.part(0).accepted + sale.part(1).accepted;
    let low = super::rivals::per_ms((wish.rate / SECOND_WAVE).max(1));
    // Those who never pay. With late payers among them it is over a little early, for which buyers stay a while.
    let to_end = sale.unpaid();
    let all_ended_at = Cell::new(None);
    let rate = |ms: u64| {
        if all_ended_at.get().is_none() && ended(&heat) >= to_end {
            all_ended_at.set(Some(ms));
        }
        let is_over = all_ended_at.get().is_some_and(|at| ms > at.max(64_000) + AFTER_LAST_MS);
        // For three seconds of the second minute, everybody comes at once.
        (!is_over && ms < SECOND_WAVE_MS).then_some(if (61_000..64_000).contains(&ms) { full } else { low })
    };
    sale.wave(true, &mut rng, &mut people, rate).await;
    let (at_last, unsold) = (heat.sums(), left(&heat));
    let wave_ms = heat.now() - opened_at;

    while people.join_next().await.is_some() {}
    for _ in 0..20 {
        Box::pin(fleet.tick()).await;
        sleep(Duration::from_secs(10)).await;
    }
    for machine in machines {
        machine.abort();
    }
    // Two statements: in one, the first lock would be held while the second is waited for.
    let given_back = heat.ledger().as_ref().map_or(0, |ledger| ledger.given_back);
    let ended = ended(&heat);
    let (most, started) = fleet.sizes();
    report.line(format_args!(
        "One product, {stock} cards, {} orders a second, seed {}: the model says",
        wish.rate, wish.seed
    ));
    report.line(HEAD);
    let seconds = [wish.seconds, wish.seconds, wave_ms.div_ceil(1_000)];
    let sums = [turn.clone(), after_sale.since(&turn), at_last.since(&after_sale)];
    let mut rows = Vec::new();
    for (no, name) in PARTS.into_iter().enumerate() {
        let mut part = sale.part(no);
        let part = &mut *part;
        rows.push(Row {
            name,
            offered: part.offered,
            accepted: part.accepted,
            per_second: part.accepted / seconds[no].max(1),
            p50: percentile(&mut part.times, 50),
            p99: percentile(&mut part.times, 99),
            sums: sums[no].clone(),
            failed: part.failed,
            sold_out: part.sold_out,
            falsely: Some((part.false_at_once, part.falsely)),
            unsold: if no < 2 { unsold_then } else { unsold },
        });
        report.line(rows.last().unwrap());
    }
    for (no, name) in PARTS.into_iter().enumerate() {
        let part = sale.part(no);
        if !part.failure.is_empty() || !part.other_said.is_empty() {
            report.line(format_args!(
                "  {name}: {} died, last failure {:?}, {} others, last {:?}",
                part.died, part.failure, part.other, part.other_said
            ));
        }
    }
    report.line(format_args!(
        "  {held} held in the sale, {ended} holds ended, {given_back} cards came back, the second wave lasted {} s, {most} functions at once at the most, {started} started, most read {} units/s of {}, replies lost {}",
        wave_ms / 1_000, at_last.most_read.0.max(after_sale.most_read.0) / 1_000, after_sale.most_read.1, at_last.lost
    ));
    judge(wish, &sale, &rows, report).await;
    rows
}

/// Orders whose holds were ended, by the own count.
fn ended(heat: &Heat) -> usize {
    heat.ledger().as_ref().map_or(0, Ledger::ended)
}

/// Free cards by the own count.
fn left(heat: &Heat) -> u64 {
    heat.ledger().as_ref().map_or(0, |ledger| u64::from(ledger.free()))
}

async fn judge(wish: Wish, sale: &Arc<Sale>, rows: &[Row], report: &mut Report) {
    for row in rows {
        if wish.times {
            report.demand(
                row.p99 <= CREATE_MS,
                format_args!("{}: 99 in 100 creates within {CREATE_MS} ms of storage: {}", row.name, row.p99),
            );
        }
        report.demand(row.failed == 0, format_args!("{}: no answer 5xx to a buyer: {}", row.name, row.failed));
        let (_, falsely) = row.falsely.unwrap_or_default();
        report.demand(
            falsely == 0,
            format_args!("{}: nobody heard \"sold out\" while there was enough: {falsely}", row.name),
        );
    }
    for row in &rows[1..] {
        report.demand(row.unsold == 0, format_args!("{}: nothing unsold while buyers came: {}", row.name, row.unsold));
    }
    let (app, front) = sale.fleet.aside();
    let token = app.open_session(app.clock.now()).0;
    let (mut keys, mut twice, mut delivered, mut by_hand, mut nowhere) = (HashSet::new(), 0, 0, 0, Vec::new());
    for paid in sale.paid() {
        let path = format!("/api/orders/{}/keys", paid.order);
        let (status, answer) = ask(&front, &paid.token, Method::GET, &path, "application/json", Vec::new()).await;
        let shown = answer["keys"].as_array().cloned().unwrap_or_default();
        if status == 200 && shown.len() == usize::try_from(paid.quantity).unwrap() {
            delivered += 1;
            twice += shown.iter().filter(|key| !keys.insert(key["content"].to_string())).count();
            continue;
        }
        let path = format!("/api/orders/{}", paid.order);
        let (_, order) = ask(&front, &paid.token, Method::GET, &path, "application/json", Vec::new()).await;
        match order["status"].as_str() {
            Some("refund_due" | "refunded" | "review") => by_hand += 1,
            other => nowhere.push(format!("{} is {other:?}", paid.order)),
        }
    }
    let path = format!("/api/admin/products/{PRODUCT}/cards");
    let (_, counts) = ask(&front, &token, Method::GET, &path, "application/json", Vec::new()).await;
    let free = left(&sale.heat);
    report.line(format_args!("  {delivered} paid orders with their keys, {by_hand} before a person, {} cards by the own count free, by the shop's {counts}", free));
    report.demand(twice == 0, format_args!("no card was sold twice: {twice}"));
    report.demand(nowhere.is_empty(), format_args!("every payment is with its keys or before a person: {nowhere:?}"));
    report
        .demand(counts["free"] == free, format_args!("both counts of free cards agree: {free} and {}", counts["free"]));
    let vain = sale.told_in_vain();
    report.demand(vain == 0, format_args!("every notification is heard: {vain} in vain"));
}
