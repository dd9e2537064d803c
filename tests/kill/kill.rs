//! `cargo build && cargo run -p tests --bin kill`: kill -9 of the local shop loses nothing.
//!
//! A real process on a real folder is killed again and again, at moments that nobody chose, while buyers order, pay, pay late
//! and leave. What the buyers and the seller were answered is then held against what they find. The steps tests cut every
//! single call, but inside one process whose memory and files live on; here the process is gone, and what is asked is
//! whether "answered" meant "on disk".
//!
//! It is no test of `cargo test`: it takes minutes and its moments cannot be repeated.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's program")]

mod buyer;
mod http;
mod options;
mod seller;
mod shop;
mod verdict;
mod world;

use fastrand::Rng;
use options::Options;
use seller::Seller;
use shop::Shop;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tests::Folder;
use tokio::task::JoinSet;
use tokio::time::sleep;
use world::World;

/// How many cards come in: more than the buyers of a run of the usual length can buy.
const CARDS: usize = 4_000;

/// What is printed goes to whoever watches; when nobody does, the verdict is the exit code.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[tokio::main]
async fn main() -> ExitCode {
    match options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => run(options).await,
        Ok(None) => {
            say(options::HELP);
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            say(&wrong);
            ExitCode::FAILURE
        }
    }
}

/// Runs a trial and tells how it went. The folder of one that failed, even by a panic, is kept to be looked at.
async fn run(options: Options) -> ExitCode {
    let folder = ManuallyDrop::new(Folder::new("kill"));
    let began = Instant::now();
    let mut shop = match Shop::new(options.binary.clone(), &folder.0) {
        Ok(shop) => shop,
        Err(why) => {
            say(&why);
            return ExitCode::FAILURE;
        }
    };
    let world = Arc::new(World::new(shop.port()));
    say(&format!("seed {}, port {}, folder {}", options.seed, shop.port(), folder.0.display()));
    if let Err(why) = trial(&options, &world, &mut shop).await {
        world.violation(why);
    }
    drop(shop);
    say(&verdict::summary(&world, began));
    let violations = world.violations();
    if violations.is_empty() {
        say("nothing was lost");
        drop(ManuallyDrop::into_inner(folder));
        return ExitCode::SUCCESS;
    }
    say(&format!("{} things are not as they must be:", violations.len()));
    for violation in &violations {
        say(&format!("  {violation}"));
    }
    say(&format!("seed {}; the data and the shop's log are kept in {}", options.seed, folder.0.display()));
    ExitCode::FAILURE
}

/// The error is something after which it makes no sense to go on; what else is wrong is kept in the world.
async fn trial(options: &Options, world: &Arc<World>, shop: &mut Shop) -> Result<(), String> {
    let mut chance = Rng::with_seed(options.seed);
    let cards: Vec<String> =
        (1..=CARDS).map(|n| format!("KILL-{n:05}-{:016X}-{:04X}", chance.u64(..), chance.u16(..))).collect();
    shop.open().await?;
    world.is_up();

    let mut seller = Seller::new(world.clone());
    seller.product().await?;
    // One kill while the cards come in: an import is the longest piece of work that can be cut in two.
    let pause = Duration::from_millis(chance.u64(50..500));
    let (brought, killed) = tokio::join!(seller.cards(&cards), kill_and_open(world, shop, pause));
    killed?;
    brought?;
    let stock = seller.stock().await?;
    if (stock.imported, stock.free) != (CARDS as u64, CARDS as u64) {
        world.violation(format!("{CARDS} cards were acknowledged, and {stock:?} is what is there"));
    }
    say("the cards are in, though the shop was killed meanwhile");

    let mut buyers = JoinSet::new();
    for number in 1..=options.buyers {
        buyers.spawn(buyer::buy(world.clone(), number, chance.fork(), CARDS as u64));
    }
    let between = u64::try_from(options.between.as_millis()).unwrap_or(1_000);
    let mut pause = || Duration::from_millis(chance.u64(between * 3 / 10..between * 3 / 2));
    for time in 1..=options.times {
        // Buyers whose shop does not come back would wait for nothing, so this ends them too.
        kill_and_open(world, shop, pause()).await?;
        say(&format!("kill {time} of {}: {} purchases have ended", options.times, world.purchases().len()));
    }
    sleep(pause()).await;
    world.stop();
    tokio::select! {
        () = judge(world, buyers, &mut seller, &cards) => {}
        // Whoever waits for a shop that is gone would only run out of patience.
        why = shop.died() => return Err(why),
    }
    shop.kill()?;
    let (code, report) = shop.audit().await?;
    say(&format!("the shop's own audit: {}", report.trim()));
    if code != Some(0) {
        world.violation(format!("the shop's own audit ended with {code:?}: {}", report.trim()));
    }
    Ok(())
}

/// Lets every purchase end and holds what was shown against what is there. One check that fails leaves the others their say.
async fn judge(world: &Arc<World>, mut buyers: JoinSet<()>, seller: &mut Seller, cards: &[String]) {
    while let Some(ended) = buyers.join_next().await {
        if let Err(error) = ended {
            world.violation(format!("the program itself failed: {error}"));
        }
    }
    say("no purchase is under way any more");
    verdict::keys_shown(world, cards);
    for checked in [verdict::stock(world, seller, CARDS as u64).await, verdict::attention(world, seller).await] {
        if let Err(why) = checked {
            world.violation(why);
        }
    }
    verdict::keys_again(world).await;
}

/// After a pause, one kill and the next life.
async fn kill_and_open(world: &World, shop: &mut Shop, pause: Duration) -> Result<(), String> {
    sleep(pause).await;
    world.going_down();
    shop.kill()?;
    shop.open().await?;
    world.is_up();
    Ok(())
}
