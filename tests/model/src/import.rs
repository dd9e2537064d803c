//! Cards coming in: runs that reserve strips, rows that make a card unique, ciphertexts, strips, and their going on sale.
//!
//! Every execution is a run of its own. A strip holds the two cards of a range at most; what a strip holds is a set of cards. A run
//! that is cut off is one that takes no further step; another execution of the same part closes what it left open, and whoever puts
//! strips on sale closes what is missing on the way.

use crate::engine::{FastBuild, Met, Step, World};
use crate::mutants::{Mutant, Mutants};
use crate::order::Answer;
use std::cell::RefCell;
use std::collections::HashSet;

/// Strip numbers of a world.
const STRIPS: usize = 5;
/// Executions at the most.
const RUNS: usize = 4;
/// Cards.
const CARDS: usize = 2;
/// The run that closes a strip with PAD, as [`Held::run`] names it.
pub const CLOSED: u8 = 9;

/// A strip's or a vault item's bytes: whose it is (the run's number and one; 0 is nobody's, [`CLOSED`]), and the cards as bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Held {
    /// The run.
    pub run: u8,
    /// The cards.
    pub cards: u8,
}

/// A row of uniqueness: where a card is said to lie.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Unique {
    /// The run's number and one; 0: there is no row.
    pub run: u8,
    /// The strip.
    pub strip: u8,
}

/// The part of a product's head that imports use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Ranges {
    /// Strips on sale.
    pub n: u8,
    /// Strip numbers that were given away.
    pub nr: u8,
    /// The strip of each run, and one.
    pub of: [u8; RUNS],
}

/// A write of an import, with the items that it may meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Write {
    /// A0, of a run.
    Reserve(Ranges, u8),
    /// A1n: from, end.
    PutOnSale(Ranges, u8, u8),
    /// A0e, of a run with its first strip.
    EndRange(Ranges, u8, u8),
    /// A1u: the row found, the row wanted.
    ClaimUnique(Unique, Unique),
    /// A1u: the row found, the row read, the row wanted.
    TakeUnique(Unique, Unique, Unique),
    /// A1: the vault item found and wanted.
    PutVault(Held, Held),
    /// A1: the strip found and wanted.
    PutStrip(Held, Held),
}

/// An item after a write.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Item {
    /// Of a head.
    Ranges(Ranges),
    /// Of a row.
    Unique(Unique),
    /// Of a vault item or a strip.
    Held(Held),
}

/// A write as the store has it.
pub fn write(write: Write, mutants: Mutants) -> Answer<Item> {
    let on = |mutant| mutants.has(mutant);
    let (after, already) = match write {
        Write::Reserve(head, run) => {
            let at = usize::from(run);
            let mut after = head;
            (after.of[at], after.nr) = (head.nr + 1, head.nr + 1);
            let fits = head.of[at] == 0;
            (fits.then_some(Item::Ranges(after)), !fits)
        }
        Write::PutOnSale(head, from, end) => {
            let fits = head.n == from || on(Mutant::OnSaleBlindly);
            (fits.then_some(Item::Ranges(Ranges { n: end, ..head })), head.n >= end)
        }
        Write::EndRange(head, run, first) => {
            let at = usize::from(run);
            let mut after = head;
            after.of[at] = 0;
            ((head.n > first && head.of[at] == first + 1).then_some(Item::Ranges(after)), false)
        }
        Write::ClaimUnique(found, wanted) => {
            ((found.run == 0 || on(Mutant::UniqueBlindly)).then_some(Item::Unique(wanted)), found == wanted)
        }
        Write::TakeUnique(found, read, wanted) => {
            let fits = found == read || on(Mutant::TakenBlindly);
            (fits.then_some(Item::Unique(wanted)), found == wanted)
        }
        Write::PutVault(found, wanted) => {
            ((found.run == 0 || on(Mutant::VaultBlindly)).then_some(Item::Held(wanted)), found.run == wanted.run)
        }
        Write::PutStrip(found, wanted) => {
            ((found.run == 0 || on(Mutant::StripBlindly)).then_some(Item::Held(wanted)), found.run == wanted.run)
        }
    };
    match after {
        Some(after) => Answer::Applied(after),
        None if already => Answer::Already,
        None => Answer::Refused,
    }
}

/// Where an execution stands.
const READS: u8 = 0;
const RESERVES: u8 = 1;
const ROWS: u8 = 2;
const VAULT: u8 = 3;
const STRIP: u8 = 4;
const SALE: u8 = 5;
const ENDED: u8 = 6;

/// One execution.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Run {
    at: u8,
    /// Its strip.
    strip: u8,
    /// Cards that wait for a place, with the row that was read for each.
    waits: u8,
    read: [Unique; CARDS],
    /// Cards whose rows are its own.
    placed: u8,
    /// The end up to which strips have to be on sale before anything is reported.
    end: u8,
    /// "On sale" as it was read, and one; strips that were seen to exist up to there.
    seen: u8,
}

/// Everything about a world of imports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct State {
    head: Ranges,
    rows: [Unique; CARDS],
    vault: [Held; STRIPS],
    strips: [Held; STRIPS],
    runs: [Run; RUNS],
    /// As many strips as ever were on sale.
    most: u8,
}

/// A world of imports: for each execution the import it belongs to and its cards.
#[derive(Debug)]
pub struct Import {
    runs: Vec<(u8, u8)>,
    mutants: Mutants,
    ends_well: RefCell<HashSet<State, FastBuild>>,
    /// Writes that were met.
    pub met: Met<Write>,
}

impl Import {
    /// A world of these executions: import and cards as bits.
    pub fn new(runs: &[(u8, u8)], mutants: Mutants) -> Import {
        Import { runs: runs.to_vec(), mutants, ends_well: RefCell::default(), met: Met::nothing() }
    }

    /// The same, noting what is written.
    pub fn noting(self) -> Import {
        Import { met: Met::all(), ..self }
    }

    /// The run that an execution writes as.
    fn name(&self, i: usize) -> usize {
        let of_import = || self.runs.iter().position(|run| run.0 == self.runs[i].0);
        if self.on(Mutant::OneNameForAll) { of_import().unwrap_or(i) } else { i }
    }

    fn on(&self, mutant: Mutant) -> bool {
        self.mutants.has(mutant)
    }

    fn go(&self, wanted: Write) -> Answer<Item> {
        self.met.note(|| wanted);
        write(wanted, self.mutants)
    }

    fn put_strip(&self, s: &mut State, b: usize, wanted: Held) -> Answer<Item> {
        let answer = self.go(Write::PutStrip(s.strips[b], wanted));
        if let Answer::Applied(Item::Held(after)) = answer {
            s.strips[b] = after;
        }
        answer
    }

    /// Whether a place holds the card that a row says lies there: the strip says that there is one, and the ciphertext was put
    /// together with the strip.
    fn holds(&self, s: &State, row: Unique, c: usize) -> bool {
        let (strip, vault) = (s.strips[usize::from(row.strip)], s.vault[usize::from(row.strip)]);
        let own = vault.run == strip.run || self.on(Mutant::VaultOfAnyRun);
        if self.on(Mutant::DuplicateByRun) {
            return strip.run == row.run;
        }
        let is_card = strip.run != CLOSED || self.on(Mutant::PadIsCard);
        strip.run != 0 && is_card && own && vault.cards >> c & 1 == 1
    }

    /// Reads the rows of an execution's cards, and closes what earlier executions of the same import left open.
    fn reads(&self, s: &State, i: usize, next: &mut dyn FnMut(Step, State)) {
        let (import, cards) = self.runs[i];
        let mut n = *s;
        let run = &mut n.runs[i];
        *run = Run { at: RESERVES, ..Run::default() };
        for c in (0..CARDS).filter(|c| cards >> c & 1 == 1) {
            let row = s.rows[c];
            let at = usize::from(row.strip);
            if row.run == 0 {
                run.waits |= 1 << c;
            } else if s.strips[at].run == 0
                && self.on(Mutant::OneNameForAll)
                && usize::from(row.run - 1) == self.name(i)
            {
                // The repetition goes on where the first execution stopped, which may still be at it.
                run.waits |= 1 << c;
                run.read[c] = row;
            } else if s.strips[at].run == 0 && !self.on(Mutant::OpenIsNobodys) {
                let is_own = self.runs[usize::from(row.run - 1)].0 == import;
                if is_own && !self.on(Mutant::OpenIsLeft) {
                    let mut closed = *s;
                    self.put_strip(&mut closed, at, Held { run: CLOSED, cards: 0 });
                    return next(step("close", i, at), closed);
                }
                // Somebody else's: it is refused for now, and decided when it is sent again.
                run.end = run.end.max(row.strip + 1);
            } else if self.holds(s, row, c) {
                run.end = run.end.max(row.strip + 1);
            } else {
                run.waits |= 1 << c;
                run.read[c] = row;
            }
        }
        if run.waits == 0 {
            run.at = SALE;
        }
        next(step("reads", i, usize::from(n.runs[i].waits)), n);
    }

    fn run_steps(&self, s: &State, i: usize, next: &mut dyn FnMut(Step, State)) {
        let run = s.runs[i];
        let (name, b) = (self.name(i), usize::from(run.strip));
        let me = name as u8 + 1;
        match run.at {
            READS => self.reads(s, i, next),
            RESERVES => {
                if usize::from(s.head.nr) >= STRIPS {
                    return;
                }
                let mut n = *s;
                if let Answer::Applied(Item::Ranges(head)) = self.go(Write::Reserve(s.head, name as u8)) {
                    n.head = head;
                }
                // A repetition whose first reply was lost finds the range it was given.
                if let Some(strip) = n.head.of[name].checked_sub(1) {
                    (n.runs[i].strip, n.runs[i].at) = (strip, ROWS);
                    n.runs[i].end = run.end.max(strip + 1);
                }
                next(step("A0", i, usize::from(n.runs[i].strip)), n);
            }
            ROWS => {
                for c in (0..CARDS).filter(|c| run.waits >> c & 1 == 1) {
                    let wanted = Unique { run: me, strip: run.strip };
                    let write = match run.read[c].run {
                        0 => Write::ClaimUnique(s.rows[c], wanted),
                        _ => Write::TakeUnique(s.rows[c], run.read[c], wanted),
                    };
                    let (mut n, answer) = (*s, self.go(write));
                    n.runs[i].waits &= !(1 << c);
                    if let Answer::Applied(Item::Unique(row)) = answer {
                        n.rows[c] = row;
                    }
                    n.runs[i].placed |= u8::from(answer != Answer::Refused) << c;
                    next(step("A1u", i, c), n);
                }
                if run.waits == 0 {
                    let mut n = *s;
                    n.runs[i].at = VAULT;
                    next(step("rows", i, 0), n);
                }
            }
            VAULT => {
                let mut n = *s;
                if run.placed != 0 {
                    let wanted = Held { run: me, cards: run.placed };
                    if let Answer::Applied(Item::Held(item)) = self.go(Write::PutVault(s.vault[b], wanted)) {
                        n.vault[b] = item;
                    }
                }
                n.runs[i].at = STRIP;
                next(step("vault", i, b), n);
                // Nothing says that a strip comes after its ciphertexts but this order of writes.
                if self.on(Mutant::StripBeforeVault) {
                    let mut n = *s;
                    self.put_strip(&mut n, b, Held { run: me, cards: run.placed });
                    next(step("strip", i, b), n);
                }
            }
            STRIP => {
                let mut n = *s;
                // Closed meanwhile: what is left goes on in a further range, which is another run.
                self.put_strip(&mut n, b, Held { run: me, cards: run.placed });
                n.runs[i].at = SALE;
                next(step("strip", i, b), n);
            }
            SALE => self.sale_steps(s, i, next),
            _ => {}
        }
    }

    /// Strips go on sale in order; one that is missing on the way is closed.
    fn sale_steps(&self, s: &State, i: usize, next: &mut dyn FnMut(Step, State)) {
        let run = s.runs[i];
        let Some(from) = run.seen.checked_sub(1) else {
            let mut n = *s;
            n.runs[i].seen = s.head.n + 1;
            return next(step("head", i, usize::from(s.head.n)), n);
        };
        if let Some(b) = (from..run.end).find(|b| s.strips[usize::from(*b)].run == 0 && !self.on(Mutant::GapsStay)) {
            let mut n = *s;
            self.put_strip(&mut n, usize::from(b), Held { run: CLOSED, cards: 0 });
            return next(step("close", i, usize::from(b)), n);
        }
        let mut n = *s;
        if from < run.end {
            let answer = self.go(Write::PutOnSale(s.head, from, run.end));
            if let Answer::Applied(Item::Ranges(head)) = answer {
                n.head = head;
            }
            if answer == Answer::Refused {
                // Somebody put some of them on sale: the rest from there.
                n.runs[i].seen = n.head.n + 1;
                return next(step("A1n", i, usize::from(run.end)), n);
            }
        }
        n.runs[i].at = ENDED;
        if let Some(first) = n.head.of[self.name(i)].checked_sub(1)
            && let Answer::Applied(Item::Ranges(head)) = self.go(Write::EndRange(n.head, self.name(i) as u8, first))
        {
            n.head = head;
        }
        next(step("A1n", i, usize::from(run.end)), n);
    }

    /// The timer moves "on sale" over what exists.
    fn timer(&self, s: &State, next: &mut dyn FnMut(Step, State)) {
        let b = usize::from(s.head.n);
        if s.head.n < s.head.nr && s.strips[b].run != 0 {
            let mut n = *s;
            if let Answer::Applied(Item::Ranges(head)) = self.go(Write::PutOnSale(s.head, s.head.n, s.head.n + 1)) {
                n.head = head;
            }
            next(step("timer", 0, b), n);
        }
    }

    /// Everybody dies. The seller sends both cards once more, in executions that nobody disturbs: one to close what is open of this
    /// import, one to bring in what is left. Afterwards each card lies in one strip, which is on sale.
    fn drain(&self, from: &State) -> Result<(), String> {
        let mut s = State { runs: [Run { at: ENDED, ..Run::default() }; RUNS], ..*from };
        if self.ends_well.borrow().contains(&s) {
            return Ok(());
        }
        let first = s;
        // What other imports left open is closed by whoever puts strips on sale after it: the first answer is "being imported".
        for b in 0..usize::from(s.head.nr) {
            if s.strips[b].run == 0 {
                self.put_strip(&mut s, b, Held { run: CLOSED, cards: 0 });
            }
        }
        let mut fresh = 0u8;
        for (c, row) in s.rows.iter().enumerate() {
            let waits = row.run == 0 || !self.holds(&s, *row, c);
            fresh |= u8::from(waits) << c;
        }
        for c in 0..CARDS {
            let lies = s.strips.iter().filter(|strip| strip.run != CLOSED && strip.cards >> c & 1 == 1).count();
            let copies = lies + usize::from(fresh >> c & 1);
            if copies == 0 {
                return Err(format!("2: card {c} is called a duplicate and lies nowhere"));
            }
            if copies > 1 {
                return Err(format!("1: card {c} comes into stock twice"));
            }
        }
        self.ends_well.borrow_mut().insert(first);
        Ok(())
    }
}

fn step(name: &'static str, who: usize, what: usize) -> Step {
    Step { name, who: who as u8, what: what as u8 }
}

impl World for Import {
    type State = State;

    fn start(&self) -> State {
        let idle = |i: usize| Run { at: if i < self.runs.len() { READS } else { ENDED }, ..Run::default() };
        State {
            head: Ranges::default(),
            rows: [Unique::default(); CARDS],
            vault: [Held::default(); STRIPS],
            strips: [Held::default(); STRIPS],
            runs: std::array::from_fn(idle),
            most: 0,
        }
    }

    fn steps(&self, s: &State, next: &mut dyn FnMut(Step, State)) {
        let next = &mut |step, n: State| next(step, State { most: n.most.max(n.head.n), ..n });
        for i in 0..self.runs.len() {
            self.run_steps(s, i, next);
        }
        self.timer(s, next);
    }

    fn check(&self, s: &State) -> Result<(), String> {
        for (b, strip) in s.strips.iter().enumerate() {
            let is_full = strip.run != 0 && strip.run != CLOSED && strip.cards != 0;
            if is_full && s.vault[b] != *strip {
                return Err(format!("9: strip {b} and its ciphertexts are not of one run"));
            }
            if b < usize::from(s.head.n) && strip.run == 0 {
                return Err(format!("2: strip {b} is on sale and does not exist"));
            }
        }
        if s.head.n < s.most {
            return Err("2: strips that were on sale are not any more".to_owned());
        }
        for c in 0..CARDS {
            let lies = |strip: &&Held| strip.run != CLOSED && strip.cards >> c & 1 == 1;
            if s.strips.iter().filter(lies).count() > 1 {
                return Err(format!("1: card {c} lies in two strips"));
            }
        }
        self.drain(s)
    }
}
