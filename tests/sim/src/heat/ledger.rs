//! An own count of one product's cards, kept from what its strips' writes answered at the instant they took effect. Nothing of the
//! shop's own counting has a part in it.

use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Cards of a strip.
const STRIP: u32 = 48;

/// The largest order.
const LARGEST: usize = 50;

/// A position nobody owns (0x00), as bytes are written in JSON.
const FREE: &str = "AA==";

/// The other marks that are no claim: taken out of sale (0x01), no card (0x02).
const MARKS: [&str; 2] = ["AQ==", "Ag=="];

/// Free cards now and a moment ago.
#[derive(Debug)]
pub struct Ledger {
    prefix: String,
    /// Positions of strips that were written to: an owner, or nobody.
    strips: HashMap<String, Vec<String>>,
    free: u32,
    /// For every quantity, when there were last too few cards for it.
    too_few: [Option<u64>; LARGEST + 1],
    /// Cards that went from an owner back to nobody.
    pub given_back: u64,
    /// Orders whose holds were ended.
    ended: HashSet<String>,
}

impl Ledger {
    /// So many cards of a product, all free, in whole strips.
    pub fn new(product: &str, free: u32) -> Ledger {
        Ledger {
            prefix: format!("{product}#"),
            strips: HashMap::new(),
            free,
            too_few: [None; LARGEST + 1],
            given_back: 0,
            ended: HashSet::new(),
        }
    }

    /// Free cards now.
    pub fn free(&self) -> u32 {
        self.free
    }

    /// Reads what a write answered that took effect at `now`, ms.
    pub fn saw(&mut self, now: u64, table: &str, item: &Value) {
        if table.ends_with("-orders") && item["st"]["S"] == "EXPIRED" {
            self.ended.insert(item["o"]["B"].as_str().unwrap_or_default().to_owned());
        }
        let Some(list) = item["h"]["L"].as_array().filter(|_| table.ends_with("-strips")) else { return };
        let Some(key) = item["k"]["S"].as_str().filter(|key| key.starts_with(&self.prefix)) else { return };
        let entries: Vec<String> = list.iter().map(|e| e["B"].as_str().unwrap_or_default().to_owned()).collect();
        let before = self.strips.get(key).map_or(STRIP, |entries| free_in(entries));
        let owned_before = self.strips.get(key).map_or(0, |entries| owned_in(entries));
        let (after, owned) = (free_in(&entries), owned_in(&entries));
        self.given_back += u64::from(owned_before.saturating_sub(owned));
        self.strips.insert(key.to_owned(), entries);
        if after == before {
            return;
        }
        let few = |free: u32, quantity: usize| usize::try_from(free).is_ok_and(|free| free < quantity);
        let was = self.free;
        self.free = (self.free + after).saturating_sub(before);
        for (quantity, at) in self.too_few.iter_mut().enumerate() {
            // A card more may end a shortage, and it lasted until now.
            if few(was, quantity) || few(self.free, quantity) {
                *at = Some(now);
            }
        }
    }

    /// Whether at some instant since `since`, ms, there were too few cards for an order of so many.
    pub fn was_short(&self, quantity: u32, since: u64) -> bool {
        self.is_short(quantity)
            || usize::try_from(quantity)
                .ok()
                .and_then(|q| self.too_few.get(q).copied().flatten())
                .is_some_and(|at| at >= since)
    }

    /// Whether there are too few for an order of so many at this instant.
    pub fn is_short(&self, quantity: u32) -> bool {
        self.free < quantity
    }

    /// Orders whose holds were ended.
    pub fn ended(&self) -> usize {
        self.ended.len()
    }

    /// Cards that somebody owns.
    pub fn owned(&self) -> u32 {
        self.strips.values().map(|entries| owned_in(entries)).sum()
    }
}

fn free_in(entries: &[String]) -> u32 {
    let nobodys = entries.iter().filter(|e| *e == FREE).count();
    STRIP.saturating_sub(u32::try_from(entries.len() - nobodys).unwrap_or(STRIP))
}

fn owned_in(entries: &[String]) -> u32 {
    u32::try_from(entries.iter().filter(|e| *e != FREE && !MARKS.contains(&e.as_str())).count()).unwrap_or_default()
}
