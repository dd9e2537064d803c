//! Two hundred buyers and a hundred cards, at once, over one engine.

use super::cases::goods::product;
use super::side::{PREFIXES, Side};
use domain::limits::STRIP_CARDS;
use domain::stock::{Entry, Strip};
use domain::{Claim, OrderId};
use futures_util::future::join_all;
use std::collections::BTreeSet;
use store::{Outcome, Store, StripItem};

/// How many claim, and how many cards there are.
pub const CLAIMERS: usize = 200;
/// Free cards.
pub const FREE: usize = 100;

/// Strips of 48 cards; the last one has only as many free as make a hundred.
const STRIPS: u32 = 3;

/// What became of the race.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Race {
    /// Claims that say they hold a card.
    pub winners: usize,
    /// Different owners that the strips name.
    pub owners: usize,
    /// Cards that the strips say are claimed.
    pub claimed: usize,
}

impl Race {
    /// What has to become of it: each card has one owner, and each owner one card.
    pub const FAIR: Race = Race { winners: FREE, owners: FREE, claimed: FREE };
}

fn claim(n: usize) -> Claim {
    let [high, low] = u16::try_from(n).unwrap().to_be_bytes();
    Claim { order: OrderId([high, low, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]), generation: 0 }
}

/// Whether this claimer gets a card: it tries every strip, and each begins with another one.
async fn seek(store: &Store, n: usize) -> bool {
    let first = u32::try_from(n).unwrap() % STRIPS;
    for strip in (first..STRIPS).chain(0..first) {
        // What the SDK had to repeat and finds done is won as well; it is what production counts.
        match store.append_claim(&product(), strip, claim(n), 1).await.expect("an answer") {
            Outcome::Applied(_) | Outcome::AlreadyApplied(_) => return true,
            Outcome::Refused(_) => {}
        }
    }
    false
}

/// Runs the race on one engine.
pub async fn run(side: &Side) -> Race {
    let store = side.store(PREFIXES[2]);
    let full = usize::from(STRIP_CARDS);
    for no in 0..STRIPS {
        let before = usize::try_from(no).unwrap() * full;
        let room = FREE.saturating_sub(before).min(full);
        let entries = vec![Entry::Pad; full - room];
        let strip = Strip { no, entries, width: STRIP_CARDS, sealed: false, done: 0 };
        let put = store.put_strip(&product(), &StripItem { strip, import: "i".into(), vault_hash: [0; 32] }).await;
        assert!(put.is_ok(), "{}: {put:?}", side.name);
    }
    let winners = join_all((0..CLAIMERS).map(|n| seek(&store, n))).await.into_iter().filter(|won| *won).count();
    let strips = store.strips(&product(), &(0..STRIPS).collect::<Vec<u32>>()).await.expect("the strips");
    let claims: Vec<Claim> = strips
        .iter()
        .flat_map(|item| &item.strip.entries)
        .filter_map(|entry| match entry {
            Entry::Claim(claim) => Some(*claim),
            _ => None,
        })
        .collect();
    let owners = claims.iter().map(Claim::to_bytes).collect::<BTreeSet<_>>().len();
    Race { winners, owners, claimed: claims.len() }
}
