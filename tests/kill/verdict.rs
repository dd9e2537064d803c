//! What must be true at the end, judged by what buyers and the seller were shown and by nothing that the shop keeps.

use crate::buyer::keys;
use crate::say;
use crate::seller::{Row, Seller, Stock};
use crate::world::{End, Patience, Purchase, When, World};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long abandoned holds and ownerless claims may take to come back.
const DRAIN_WITHIN: Duration = Duration::from_secs(60);

/// How many read their keys again at the same time.
const READERS: usize = 8;

/// Waits until nothing is held any more, and compares the cards with what buyers were shown.
pub async fn stock(world: &World, seller: &mut Seller, cards: u64) -> Result<(), String> {
    let begun = Instant::now();
    let stock = loop {
        let stock = seller.stock().await?;
        if stock.held == 0 || begun.elapsed() > DRAIN_WITHIN {
            break stock;
        }
        sleep(Duration::from_millis(500)).await;
    };
    say(&format!("cards: {} imported, {} free, {} held, {} sold", stock.imported, stock.free, stock.held, stock.sold));
    let Stock { imported, free, held, sold, removed } = stock;
    let shown: usize = shown(&world.purchases()).map(|(_, keys)| keys.len()).sum();
    for (fine, what) in [
        (held == 0, format!("{held} cards are still held {} s after the last purchase", DRAIN_WITHIN.as_secs())),
        (imported == cards, format!("{imported} cards are counted of {cards} that came in")),
        (free + held + sold + removed == imported, format!("the cards do not add up: {stock:?}")),
        (removed == 0, format!("{removed} cards count as removed, and nobody removed any")),
        (sold == shown as u64, format!("{sold} cards are sold, and buyers were shown {shown}")),
    ] {
        if !fine {
            world.violation(what);
        }
    }
    Ok(())
}

/// No key twice, none but those that came in, and each order its number of them.
pub fn keys_shown(world: &World, cards: &[String]) {
    let known: BTreeSet<&str> = cards.iter().map(String::as_str).collect();
    let purchases = world.purchases();
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (order, keys) in shown(&purchases) {
        for key in keys {
            if !known.contains(key.as_str()) {
                world.violation(format!("order {order} was shown {key}, which never came in"));
            }
            if let Some(other) = owners.insert(key, order) {
                world.violation(format!("{key} was shown to order {other} and to order {order}"));
            }
        }
    }
    let short = purchases.iter().filter(|p| matches!(&p.end, End::Keys(_, keys) if keys.len() != p.quantity as usize));
    for purchase in short {
        world.violation(format!("an order of {} cards was shown others: {:?}", purchase.quantity, purchase.end));
    }
}

fn shown(purchases: &[Purchase]) -> impl Iterator<Item = (&str, &[String])> {
    purchases.iter().filter_map(|p| match (&p.order, &p.end) {
        (Some((id, _)), End::Keys(_, keys)) => Some((id.as_str(), keys.as_slice())),
        _ => None,
    })
}

/// Every buyer who saw keys sees the same ones after the last kill.
pub async fn keys_again(world: &Arc<World>) {
    let purchases = Arc::new(world.purchases());
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let (world, purchases) = (world.clone(), purchases.clone());
        readers.spawn(async move {
            let patience = Patience::new(&world);
            for purchase in purchases.iter().skip(reader).step_by(READERS) {
                let (Some((id, token)), End::Keys(_, before)) = (&purchase.order, &purchase.end) else { continue };
                match keys(&world, &patience, id, token).await {
                    Ok(Some(after)) if after == *before => {}
                    Ok(after) => world.violation(format!("order {id} was shown {before:?} and now {after:?}")),
                    Err(why) => world.violation(format!("order {id} was shown its keys once: {why}")),
                }
            }
        });
    }
    while let Some(ended) = readers.join_next().await {
        if let Err(error) = ended {
            world.violation(format!("the program itself failed: {error}"));
        }
    }
}

/// Nothing needs a person but money that came too late, and of that every piece is on the list.
pub async fn attention(world: &World, seller: &mut Seller) -> Result<(), String> {
    let purchases = world.purchases();
    let owed = purchases.iter().filter(|p| p.end == End::Refund).filter_map(|p| p.order.as_ref());
    let owed: BTreeSet<&str> = owed.map(|(id, _)| id.as_str()).collect();
    let is_fine = |row: &Row| row.kind == "refund_due" && owed.contains(row.order.as_str());
    let begun = Instant::now();
    // What is only on its way through the list is gone after a while.
    let rows = loop {
        let rows = seller.attention().await?;
        if rows.iter().all(is_fine) || begun.elapsed() > DRAIN_WITHIN {
            break rows;
        }
        sleep(Duration::from_millis(500)).await;
    };
    say(&format!("rows that need a person: {}", rows.len()));
    for row in &rows {
        say(&format!("  {}", row.text));
        if !is_fine(row) {
            world.violation(format!("a row that nothing in the trial explains: {}", row.text));
        }
    }
    // Nobody in this trial sends money back, so a debt that is not listed is one that nobody will see.
    for order in owed.iter().filter(|order| !rows.iter().any(|row| row.order == **order)) {
        world.violation(format!("order {order} is owed a refund, and no row says so"));
    }
    Ok(())
}

/// One line of what happened; a trial in which no request was cut off has shown nothing.
pub fn summary(world: &World, began: Instant) -> String {
    let purchases = world.purchases();
    let count = |of: &dyn Fn(&End) -> bool| purchases.iter().filter(|p| of(&p.end)).count();
    let paid = |when: When| count(&|end| matches!(end, End::Keys(w, _) if *w == when));
    let orders = purchases.iter().filter(|p| p.order.is_some()).count();
    let keys: usize = shown(&purchases).map(|(_, keys)| keys.len()).sum();
    let counts = &world.counts;
    let [sent, refused, cut, silent, unfinished] =
        [&counts.sent, &counts.refused, &counts.cut, &counts.silent, &counts.unfinished]
            .map(|n| n.load(Ordering::SeqCst));
    if cut == 0 {
        world.violation("no request was cut off by a kill, so nothing was shown: take more --times or --buyers".into());
    }
    if paid(When::InTime) == 0 {
        world.violation("no order was paid in time, so nothing was shown".into());
    }
    format!(
        "kills {}, orders {orders}, paid in time {}, perhaps in time {}, late {} (refunds owed {}), abandoned {}, \
         lapsed {}, given up {}, sold out {}, keys {keys}, requests {sent}, repeated because of a kill {} \
         ({cut} cut off, {refused} not taken), repeated otherwise {} ({unfinished} not finished, {silent} silent), {} s",
        world.kills(),
        paid(When::InTime),
        paid(When::Unsure),
        paid(When::Late),
        count(&|end| *end == End::Refund),
        count(&|end| *end == End::Abandoned),
        count(&|end| *end == End::Lapsed),
        count(&|end| *end == End::Void),
        count(&|end| *end == End::SoldOut),
        cut + refused,
        unfinished + silent,
        began.elapsed().as_secs(),
    )
}
