//! One world from its opening to the verdict: trouble first, then calm, then the questions that have one right answer.

use crate::buyer::{self, look, request};
use crate::machines::{self, Tick, notify, poll, redrive};
use crate::plan::{Plan, happens};
use crate::provider::MERCHANTS;
use crate::seller;
use crate::sim::{LAMBDA_LIVES, Sim};
use fastrand::Rng;
use functions::reconcile::Job;
use http::Method;
use local::engine::EngineKind;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// The seed.
    pub seed: u64,
    /// Orders at the most.
    pub orders_max: u32,
    /// What holds its tables: the same story on either engine.
    pub engine: EngineKind,
    /// Whether the lines of the journal are kept.
    pub keeps_lines: bool,
}

/// What came of a world.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Orders that buyers set out to make.
    pub wanted: u64,
    /// Orders that were made.
    pub orders: u64,
    /// Orders whose keys were shown.
    pub delivered: u64,
    /// Payments that arrived.
    pub payments: u64,
    /// Payments that ended before a person: money rows, refunds.
    pub by_hand: u64,
    /// Lines of the journal.
    pub events: u64,
    /// Virtual milliseconds.
    pub virtual_ms: u64,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// What must not be and was.
    pub violations: Vec<String>,
    /// The journal's sum.
    pub sum: u64,
    /// The journal, if it was kept.
    pub lines: String,
}

/// Runs a world, in a runtime of its own whose time nobody waits for.
pub fn run(wish: Wish) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let sim = Sim::open(Plan::of(wish.seed, wish.orders_max), wish.engine, wish.keeps_lines).await;
        story(&sim).await;
        outcome(&sim)
    })
}

fn outcome(sim: &Arc<Sim>) -> Outcome {
    let truth = sim.truth();
    let journal = sim.shared.journal();
    let trades = sim.town.trades();
    Outcome {
        seed: sim.plan.seed,
        wanted: truth.wanted,
        orders: truth.orders.len() as u64,
        delivered: truth.orders.values().filter(|o| o.keys.is_some()).count() as u64,
        payments: trades.len() as u64,
        by_hand: trades.iter().filter(|t| t.refunded > 0 || truth.decided.contains(&t.trade_no)).count() as u64,
        events: journal.events,
        virtual_ms: sim.shared.elapsed_ms(),
        faults: journal.faults.clone(),
        violations: truth.violations.clone(),
        sum: journal.sum(),
        lines: journal.lines().to_owned(),
    }
}

async fn story(sim: &Arc<Sim>) {
    seller::open(sim).await;
    sim.set_calm(false);
    sim.note(format_args!("{:?}", sim.plan));
    let mut people = JoinSet::new();
    for no in 0..sim.plan.orders {
        people.spawn(buyer::live(sim.clone(), no, sim.fork()));
    }
    people.spawn(strangers(sim.clone(), sim.fork()));
    let machines = [
        tokio::spawn(machines::deliver(sim.clone(), sim.fork())),
        tokio::spawn(machines::deliver(sim.clone(), sim.fork())),
        tokio::spawn(machines::timer(sim.clone(), sim.fork())),
        tokio::spawn(seller::live(sim.clone(), sim.fork())),
    ];
    let trouble =
        Duration::from_millis(sim.plan.arrivals_ms + u64::try_from(sim.plan.hold_ms).unwrap() + sim.plan.troubled_ms);
    tokio::time::sleep(trouble).await;
    sim.set_calm(true);
    sim.note(format_args!("faults stop"));
    for machine in machines {
        joined(machine.await);
    }
    if sim.plan.rotates {
        seller::bring_keys(sim, &mut sim.fork()).await;
        // Instances that are at work remember settings for two seconds.
        tokio::time::sleep(Duration::from_secs(3)).await;
        sim.keys_are_known.store(true, Ordering::SeqCst);
    }
    settle(sim, &mut people).await;
    judge(sim).await;
}

/// A test's task that panicked ends the test.
fn joined<T>(result: Result<T, tokio::task::JoinError>) {
    if let Err(error) = result
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// People who pay numbers that are no order's.
async fn strangers(sim: Arc<Sim>, mut rng: Rng) {
    for n in 0..sim.plan.orders {
        if happens(&mut rng, sim.plan.providers.unknown) {
            tokio::time::sleep(Duration::from_millis(rng.u64(..20_000))).await;
            let account = MERCHANTS[rng.usize(..MERCHANTS.len())].account;
            let trade = sim.town.pay(account, &format!("NOORDER{n:020}"), rng.i64(1..100_000));
            sim.note(format_args!("{trade} pays a number that is no order's"));
            machines::tell(&sim, trade, rng.fork());
        }
    }
}

/// One round of everything that runs by itself, without faults.
async fn round(sim: &Arc<Sim>, rng: &mut Rng) {
    while poll(sim, rng, 0).await > 0 || redrive(sim).await > 0 {}
    sim.invoke("reconcile", rng, Tick(Job::Reconcile)).await;
    while poll(sim, rng, 0).await > 0 {}
}

/// Faults have stopped: everything that was begun comes to its end, within a bounded number of passes.
async fn settle(sim: &Arc<Sim>, people: &mut JoinSet<()>) {
    let mut rng = sim.fork();
    let rng = &mut rng;
    for pass in 0..240u64 {
        let all_are_home = people_are_home(people);
        // Providers that can be asked nothing repeat what nobody acknowledged; people at providers have a button for it.
        for trade in sim.town.to_be_told() {
            notify(sim, &trade, rng).await;
        }
        round(sim, rng).await;
        let (rows, more) = seller::attention(sim, rng).await;
        for row in rows {
            let id = row["id"].as_str().unwrap();
            let (path, body) = match row["kind"].as_str().unwrap() {
                // A long list shows its oldest rows, and the others once somebody has dealt with these.
                "money" if more => {
                    sim.truth().decided.extend(seller::trade_of(id));
                    let body = json!({"action": "keep", "reference": "by a person"});
                    (format!("/api/admin/attention/{id}"), body)
                }
                "review" => (format!("/api/admin/orders/{id}/review"), json!({"decision": "pass"})),
                "alarm" => (format!("/api/admin/attention/{id}"), json!({"action": "confirm"})),
                _ => continue,
            };
            sim.note(format_args!("a person decides {path} {body}"));
            sim.send(request(Method::POST, &path, &seller::session(sim), None, Some(&body)), rng).await;
        }
        if pass >= 1 && all_are_home && sim.idle() && is_over(sim, rng).await {
            sim.note(format_args!("over after {pass} passes"));
            return;
        }
        // Within the first pause every call arrives that was given up and is still on its way.
        let pause = match pass {
            0 => 150_000,
            1..40 => 60_000,
            _ => 600_000,
        };
        tokio::time::sleep(Duration::from_millis(pause)).await;
        // What stands still for hours is waited for, because passes meanwhile would only repeat one another.
        for _ in 0..2_000 {
            if sim.idle() && people_are_home(people) {
                break;
            }
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    }
    sim.truth().wrong("it does not come to an end");
}

/// Whether every buyer's story has ended.
fn people_are_home(people: &mut JoinSet<()>) -> bool {
    while let Some(done) = people.try_join_next() {
        joined(done);
    }
    people.is_empty()
}

/// Whether every order has come to its end, as its buyer reads it, and every payment is somewhere.
async fn is_over(sim: &Arc<Sim>, rng: &mut Rng) -> bool {
    // Creates whose buyers heard nothing hold cards, too.
    let products = sim.truth().products();
    for product in products {
        if seller::counts(sim, rng, &product).await["held"] != 0 {
            return false;
        }
    }
    let orders: Vec<(String, String, String)> =
        sim.truth().orders.iter().map(|(id, o)| (id.clone(), o.token.clone(), o.status.clone())).collect();
    for (id, token, status) in orders {
        let is_last = matches!(status.as_str(), "completed" | "refunded")
            || status == "delivered" && sim.truth().orders[&id].keys.is_some();
        if is_last {
            continue;
        }
        let status = look(sim, rng, &id, &token).await.unwrap_or_default();
        if !matches!(status.as_str(), "delivered" | "completed" | "closed" | "refund_due" | "refunded") {
            return false;
        }
    }
    unaccounted(sim, rng).await.is_empty()
}

/// Payments that are neither an order's nor before a person nor back with whoever paid.
async fn unaccounted(sim: &Arc<Sim>, rng: &mut Rng) -> Vec<String> {
    let (rows, _) = seller::attention(sim, rng).await;
    let listed: BTreeSet<String> = rows
        .iter()
        .filter(|row| row["kind"].as_str().is_some_and(|kind| kind.starts_with("money")))
        .filter_map(|row| seller::trade_of(row["id"].as_str()?))
        .collect();
    let due: BTreeSet<&str> = rows
        .iter()
        .filter(|row| {
            ["refund_due", "refund_unanswered", "undeliverable", "review"].contains(&row["kind"].as_str().unwrap())
        })
        .filter_map(|row| row["order"].as_str())
        .collect();
    let truth = sim.truth();
    let mut settled = BTreeSet::new();
    let mut left = Vec::new();
    for trade in sim.town.trades() {
        let (no, seen) = (&trade.trade_no, listed.contains(&trade.trade_no) || truth.decided.contains(&trade.trade_no));
        if seen || trade.refunded >= trade.minor {
            continue;
        }
        match truth.order_of(&trade) {
            None => left.push(format!("{no} of {} fen for a number of nobody's is nowhere", trade.minor)),
            Some((id, order)) => {
                let fits = order.minor == trade.minor;
                let ends = order.keys.is_some() || due.contains(id.as_str()) || order.status == "refunded";
                if !fits || !ends || !settled.insert(id.clone()) {
                    left.push(format!("{no} of {} fen for {id}, which is {}, is nowhere", trade.minor, order.status));
                }
            }
        }
    }
    left
}

/// The questions that have one right answer.
async fn judge(sim: &Arc<Sim>) {
    let mut rng = sim.fork();
    let rng = &mut rng;
    for left in unaccounted(sim, rng).await {
        sim.truth().wrong(left);
    }
    // Orders once more, from a device that never saw them; of very many, every fourth.
    let orders: Vec<(String, String)> =
        sim.truth().orders.iter().map(|(id, o)| (id.clone(), o.token.clone())).collect();
    let all = orders.len() <= 100;
    for (id, token) in &orders {
        if all || rng.u32(..4) == 0 {
            look(sim, rng, id, token).await;
        }
    }
    if sim.plan.buys_the_rest {
        buy_the_rest(sim, rng).await;
        settle(sim, &mut JoinSet::new()).await;
    }
    let products = sim.truth().products();
    for product in products {
        let counts = seller::counts(sim, rng, &product).await;
        let count = |name: &str| counts[name].as_u64().unwrap();
        let mut truth = sim.truth();
        let (sold, brought) = (truth.sold(&product), truth.taken_in(&product));
        if count("imported") != count("free") + count("held") + count("sold") + count("removed") {
            truth.wrong(format!("the cards of {product} do not add up: {counts}"));
        }
        // An import whose answers were all lost may have brought more than its seller knows.
        if count("imported") < brought || count("sold") != sold {
            truth.wrong(format!("{brought} cards of {product} came in and {sold} are with buyers: {counts}"));
        }
        if count("held") != 0 {
            truth.wrong(format!("cards of {product} are held by nobody: {counts}"));
        }
        if sim.plan.buys_the_rest && count("free") != 0 {
            truth.wrong(format!("cards of {product} cannot be bought: {counts}"));
        }
    }
    // Of a large world it takes longer than a pass of the timer has, and goes on where it stopped; here it may go on at once.
    let report = sim.invoke_for(LAMBDA_LIVES, "reconcile", rng, Audit).await.flatten();
    match report {
        Some(differences) if differences.is_empty() => {}
        other => sim.truth().wrong(format!("the audit says {other:?}")),
    }
}

/// An audit of everything.
struct Audit;

impl crate::sim::AsyncWork<Option<Vec<String>>> for Audit {
    async fn run(self, _: &Arc<Sim>, env: &crate::sim::Env) -> Option<Vec<String>> {
        let audit = Box::pin(env.app.audit(app::Scope::Full, i64::MAX));
        let report = local::roles::acting_as("reconcile", audit).await.ok()??;
        if report.differences == 0 { Some(Vec::new()) } else { Some(vec![format!("{report:?}")]) }
    }
}

/// Buys until there is nothing: whatever is not sold, held or removed can be had.
async fn buy_the_rest(sim: &Arc<Sim>, rng: &mut Rng) {
    let products = sim.truth().products();
    for product in products {
        for n in 0..20_000 {
            let free = seller::counts(sim, rng, &product).await["free"].as_u64().unwrap();
            if free == 0 {
                break;
            }
            let quantity = u32::try_from(free.min(20)).unwrap();
            if !buyer::buy_honestly(sim, rng, &product, quantity, n).await {
                sim.truth().wrong(format!("{free} cards of {product} are free, and {quantity} cannot be bought"));
                break;
            }
            if n % 10 == 9 {
                while poll(sim, rng, 0).await > 0 {}
            }
        }
    }
}
