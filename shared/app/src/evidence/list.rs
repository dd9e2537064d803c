//! The files of the evidence as data: lists of orders with what was known of each, and seals over lists. How they are encoded
//! and hashed stands in `infra/formats.md`, with a vector in `tests/vectors/evidence.json`.

use super::day::Day;
use crate::keys::{Keys, equal, hex, unhex};
use domain::{Millis, OrderId};
use ring::digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::Recorded;

/// The version of everything in this file.
pub(super) const VERSION: u32 = 1;

/// What every digest begins with, so that none of them is anything else.
const MARK: &[u8] = b"kamivend evidence 1";

/// Orders in one list.
pub(super) const RECORDS: usize = 250;

/// What stands where nothing is before: 64 zeros.
pub(super) fn nothing() -> String {
    hex(&[0; 32])
}

/// SHA-256 over parts, each with its length before it.
pub(super) fn digest_of(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in std::iter::once(&MARK).chain(parts) {
        context.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        context.update(part);
    }
    whole(context)
}

fn whole(context: digest::Context) -> [u8; 32] {
    let mut out = [0; 32];
    out.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    out
}

fn plain(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    whole(context)
}

/// The root over leaves, level by level: two neighbours become one, and one without a neighbour goes up as it is.
/// It is the hash of RFC 6962, section 2.1, over leaves that are hashed already.
fn root(mut level: Vec<[u8; 32]>) -> [u8; 32] {
    while level.len() > 1 {
        let pair = |pair: &[[u8; 32]]| match pair {
            [left, right] => plain(&[&[1], left, right]),
            [single] => *single,
            _ => [0; 32],
        };
        level = level.chunks(2).map(pair).collect();
    }
    level.pop().unwrap_or_else(|| plain(&[]))
}

/// What was known of an order when its list was made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// Its id, or the key of its item in hexadecimal digits after an `x`.
    pub(super) order: String,
    /// The word of its state.
    pub(super) state: String,
    /// A keyed hash of each fact, 32 hexadecimal digits, by name.
    pub(super) facts: BTreeMap<String, String>,
}

/// How a person reads the key of an order's item.
pub(super) fn name_of(key: &[u8]) -> String {
    <[u8; 15]>::try_from(key).map_or_else(|_| format!("x{}", hex(key)), |id| OrderId(id).to_string())
}

impl Record {
    /// What is known of an order now.
    pub(super) fn of(order: &Recorded, keys: &Keys) -> Record {
        let name = name_of(&order.key);
        let fact = |(fact, said): (&String, &Vec<u8>)| {
            let mac = keys.evidence(&digest_of(&[b"fact", name.as_bytes(), fact.as_bytes(), said]));
            (fact.clone(), hex(&mac))
        };
        let facts = order.facts.iter().map(fact).collect();
        Record { order: name, state: order.state.clone(), facts }
    }

    /// The key of its item; `None` when somebody wrote the name.
    pub(super) fn key(&self) -> Option<Vec<u8>> {
        match self.order.strip_prefix('x') {
            Some(digits) => unhex(digits),
            None => OrderId::parse(&self.order).map(|id| id.0.to_vec()),
        }
    }

    fn leaf(&self) -> [u8; 32] {
        let facts = self.facts.iter().flat_map(|(name, mac)| [name.as_bytes(), mac.as_bytes()]);
        let said: Vec<&[u8]> = [self.order.as_bytes(), self.state.as_bytes()].into_iter().chain(facts).collect();
        plain(&[&[0], &digest_of(&[&[b"order".as_slice()], said.as_slice()].concat())])
    }
}

/// A place in the list of a day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) struct Place {
    /// The shard.
    pub(super) shard: u8,
    /// After everything that was made up to then, Unix ms; the lowest number at the shard's beginning. Orders of one
    /// millisecond are never parted, because nothing says in which order they come.
    pub(super) at: Millis,
}

impl Place {
    /// Before the first order of a day.
    pub(super) fn start() -> Place {
        Place::of_shard(0)
    }

    /// Before the first order of a shard.
    pub(super) fn of_shard(shard: u8) -> Place {
        Place { shard, at: Millis::MIN }
    }
}

/// A part of the orders of one day, with what was known of them so many days later.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct List {
    /// [`VERSION`].
    pub(super) v: u32,
    /// The day on which the orders were made.
    pub(super) day: Day,
    /// How many days after.
    pub(super) after: u16,
    /// Its number among the parts, from 0.
    pub(super) part: u32,
    /// The hash of the part before.
    pub(super) before: String,
    /// How many orders there are up to the end of this part.
    pub(super) so_far: u64,
    /// Where the next part begins; `None` at the end.
    pub(super) next: Option<Place>,
    /// The root over the orders of this part.
    pub(super) root: String,
    /// The orders, in the order of the day's list.
    pub(super) orders: Vec<Record>,
}

impl List {
    /// The root over the orders as they stand in it.
    pub(super) fn root_of(orders: &[Record]) -> String {
        hex(&root(orders.iter().map(Record::leaf).collect()))
    }

    /// The hash of this part, which the next part and the seal name. It does not ask whether the root is the right one.
    pub(super) fn hash(&self) -> String {
        let (after, part, so_far) = (self.after.to_string(), self.part.to_string(), self.so_far.to_string());
        let next = self.next.as_ref().map_or_else(String::new, |n| format!("{}/{}", n.shard, n.at));
        let day = self.day.to_string();
        let said = [&day, &after, &part, &self.before, &so_far, &next, &self.root];
        let said = said.map(|text| text.as_bytes());
        hex(&digest_of(&[&[b"list".as_slice()], said.as_slice()].concat()))
    }

    /// Whether it says what it was made to say, by its own root.
    pub(super) fn is_whole(&self) -> bool {
        self.v == VERSION && self.root == List::root_of(&self.orders)
    }

    /// The name of its file.
    pub(super) fn file(day: Day, after: u16, part: u32) -> String {
        format!("lists/{day}/{after:03}/{part:05}.json")
    }
}

/// The lists of one day as a seal names them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Sealed {
    /// The day on which the orders were made.
    pub(super) day: Day,
    /// How many days after it they were listed.
    pub(super) after: u16,
    /// In how many parts.
    pub(super) parts: u32,
    /// How many orders.
    pub(super) orders: u64,
    /// The hash of the last part, which stands on all parts before it: the root of the day.
    pub(super) root: String,
}

/// A day's seal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Seal {
    /// [`VERSION`].
    pub(super) v: u32,
    /// The day that it is for: it names lists of days before it.
    pub(super) day: Day,
    /// The hash of the seal of the day before.
    pub(super) before: String,
    /// What it seals.
    pub(super) lists: Vec<Sealed>,
    /// A keyed hash of its hash.
    pub(super) mac: String,
}

impl Seal {
    /// Makes one.
    pub(super) fn new(day: Day, before: String, lists: Vec<Sealed>, keys: &Keys) -> Seal {
        let mut seal = Seal { v: VERSION, day, before, lists, mac: String::new() };
        seal.mac = seal.vouched(keys);
        seal
    }

    fn vouched(&self, keys: &Keys) -> String {
        hex(&keys.evidence(&digest_of(&[b"vouched", self.hash().as_bytes()])))
    }

    /// Its hash, which the next seal names.
    pub(super) fn hash(&self) -> String {
        let mut said = vec!["seal".to_owned(), self.day.to_string(), self.before.clone()];
        for list in &self.lists {
            said.extend([list.day.to_string(), list.after.to_string(), list.parts.to_string()]);
            said.extend([list.orders.to_string(), list.root.clone()]);
        }
        let said: Vec<&[u8]> = said.iter().map(|text| text.as_bytes()).collect();
        hex(&digest_of(&said))
    }

    /// Whether somebody with the shop's secret made it as it stands.
    pub(super) fn is_vouched_for(&self, keys: &Keys) -> bool {
        self.v == VERSION && equal(self.mac.as_bytes(), self.vouched(keys).as_bytes())
    }

    /// The name of its file.
    pub(super) fn file(day: Day) -> String {
        format!("seals/{day}.json")
    }
}

/// The first day of all. Its file says since when there is evidence.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct First {
    /// [`VERSION`].
    pub(super) v: u32,
    /// The day of the oldest order there was.
    pub(super) day: Day,
}

impl First {
    /// The name of its file.
    pub(super) const FILE: &str = "first.json";

    /// Reads it; `None` when it does not read, or is of another version.
    pub(super) fn read(text: &[u8]) -> Option<First> {
        serde_json::from_slice(text).ok().filter(|first: &First| first.v == VERSION)
    }
}
