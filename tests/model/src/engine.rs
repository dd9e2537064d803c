//! Breadth-first search over every order of events, with the shortest way to whatever is wrong.
//!
//! A world says what may happen next in a state and what must never be true of one. A process that dies is one whose next step is
//! never taken, so crashes need no steps of their own; a message, or a decision made on an old reading, is a bit of the state that
//! nothing takes away, so it may be used late, often, or never.

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// What happened between two states: a name from the protocol and what it was about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// The write's code, or a word for what somebody outside did.
    pub name: &'static str,
    /// Which order, trade, run or slot.
    pub who: u8,
    /// Which generation, attempt, strip or place.
    pub what: u8,
}

impl Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}({},{})", self.name, self.who, self.what)
    }
}

/// A small world: bytes that say everything about it, what may happen next, and what must hold.
pub trait World {
    /// Everything about the world. Bytes only, so that millions of states fit into memory.
    type State: Copy + Eq + Hash + Debug;
    /// Where it begins.
    fn start(&self) -> Self::State;
    /// Calls `next` with everything that may happen in a state. Steps that change nothing need not be left out.
    fn steps(&self, state: &Self::State, next: &mut dyn FnMut(Step, Self::State));
    /// What is wrong with a state, beginning with the name of what was promised. Safety is read off the state; liveness by letting
    /// every process die and driving the state on with the timer alone.
    fn check(&self, state: &Self::State) -> Result<(), String>;
}

/// A promise that was broken, and the shortest way there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// Which promise and how.
    pub what: String,
    /// What happened, from the start.
    pub trace: Vec<String>,
    /// The state in which it is seen.
    pub state: String,
}

/// What a search came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Searched {
    /// States that were looked at or are still to be looked at.
    pub states: usize,
    /// Steps from the start to the farthest of them.
    pub depth: usize,
    /// The search ended at its limit and not because nothing was left.
    pub cut: bool,
    /// The first broken promise, if there is one.
    pub broken: Option<Broken>,
}

/// Multiply and rotate: quick on short keys of bytes, and the same in every run.
#[derive(Clone, Copy, Default)]
pub struct Fast(u64);

/// The hasher of every table here.
pub type FastBuild = BuildHasherDefault<Fast>;

impl Hasher for Fast {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0u8; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(23) ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 31)
    }
}

/// The hash of a key, the same in every run.
pub fn hash_of(key: &impl Hash) -> u64 {
    let mut hasher = Fast::default();
    key.hash(&mut hasher);
    hasher.finish()
}

const EMPTY: u32 = u32::MAX;

/// States in the order they were found, and a table of their places: four bytes beside each state and about eight in the table.
struct Found<S> {
    states: Vec<S>,
    parents: Vec<u32>,
    table: Vec<u32>,
}

impl<S: Copy + Eq + Hash> Found<S> {
    fn new() -> Found<S> {
        Found { states: Vec::new(), parents: Vec::new(), table: vec![EMPTY; 1 << 12] }
    }

    fn place(&self, state: &S) -> usize {
        let mask = self.table.len() - 1;
        let mut at = hash_of(state) as usize & mask;
        while self.table[at] != EMPTY && self.states[self.table[at] as usize] != *state {
            at = (at + 1) & mask;
        }
        at
    }

    fn add(&mut self, state: S, parent: u32) {
        let place = self.place(&state);
        if self.table[place] != EMPTY {
            return;
        }
        self.table[place] = self.states.len() as u32;
        self.states.push(state);
        self.parents.push(parent);
        if self.states.len() * 2 > self.table.len() {
            self.table = vec![EMPTY; self.table.len() * 2];
            for index in 0..self.states.len() {
                let state = self.states[index];
                let place = self.place(&state);
                self.table[place] = index as u32;
            }
        }
    }
}

/// Searches a world until nothing is left, something is wrong, or `limit` states were found.
pub fn search<W: World>(world: &W, limit: usize) -> Searched {
    let mut found = Found::new();
    found.add(world.start(), EMPTY);
    let (mut at, mut depth, mut level_ends) = (0, 0, 1);
    let mut fresh = Vec::new();
    while at < found.states.len() {
        if at == level_ends {
            depth += 1;
            level_ends = found.states.len();
        }
        let state = found.states[at];
        if let Err(what) = world.check(&state) {
            let broken = Broken { what, trace: trace(world, &found, at), state: format!("{state:?}") };
            return Searched { states: found.states.len(), depth, cut: false, broken: Some(broken) };
        }
        if found.states.len() < limit {
            world.steps(&state, &mut |_, next| {
                if next != state {
                    fresh.push(next);
                }
            });
            for next in fresh.drain(..) {
                found.add(next, at as u32);
            }
        }
        at += 1;
    }
    Searched { states: found.states.len(), depth, cut: found.states.len() >= limit, broken: None }
}

/// The steps to a state. Only parents are kept while searching; which step it was is found by taking them all again.
fn trace<W: World>(world: &W, found: &Found<W::State>, to: usize) -> Vec<String> {
    let mut steps = Vec::new();
    let mut at = to;
    while found.parents[at] != EMPTY {
        let parent = found.parents[at] as usize;
        let mut taken = None;
        world.steps(&found.states[parent], &mut |step, next| {
            if taken.is_none() && next == found.states[at] {
                taken = Some(step);
            }
        });
        steps.push(taken.map_or_else(String::new, |step| step.to_string()));
        at = parent;
    }
    steps.reverse();
    steps
}

/// Pairs of an item and a write on it that a search met, in an order of their own, so that equal searches keep equal samples.
#[derive(Clone, Debug)]
pub struct Met<T>(std::cell::RefCell<Option<BTreeSet<T>>>);

impl<T: Ord> Met<T> {
    /// Notes nothing.
    pub fn nothing() -> Met<T> {
        Met(std::cell::RefCell::new(None))
    }

    /// Notes every pair.
    pub fn all() -> Met<T> {
        Met(std::cell::RefCell::new(Some(BTreeSet::new())))
    }

    /// Notes one pair, where pairs are noted.
    pub fn note(&self, pair: impl FnOnce() -> T) {
        if let Some(pairs) = self.0.borrow_mut().as_mut() {
            pairs.insert(pair());
        }
    }

    /// What was noted.
    pub fn take(&self) -> BTreeSet<T> {
        self.0.borrow_mut().take().unwrap_or_default()
    }
}
