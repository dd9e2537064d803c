//! Parity: every write, every read and the queue, run by production code on several engines, whose answers are held against each
//! other case by case.
//!
//! Nothing here knows what is right. A case is a state and a call; what an engine answered, and what stands there afterwards, is
//! text, and two engines agree when their texts do.

mod cases;
pub mod known;
pub mod queue;
pub mod race;
mod reads;
mod side;
mod states;
mod writes;

pub use known::Known;
pub use side::Side;
pub use writes::Plan;

use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::fmt;

/// Something that was seen of one engine: engines that agree see the same, in the same order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The write or read or queue's case, such as `C1 claim`.
    pub case: String,
    /// The state it was tried on, and whether once or twice.
    pub state: String,
    /// What was looked at: `outcome`, `answer`, `units`, `item`.
    pub aspect: &'static str,
    /// What was seen.
    pub told: String,
}

/// One thing that an engine says otherwise than the first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The engine that all others are held against.
    pub first: &'static str,
    /// The engine that differs.
    pub side: &'static str,
    /// What the first says.
    pub line: Line,
    /// What the other says.
    pub told: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { case, state, aspect, told } = &self.line;
        writeln!(f, "{case}, {state}, {aspect}")?;
        writeln!(f, "  {}: {told}", self.first)?;
        write!(f, "  {}: {}", self.side, self.told)
    }
}

/// What one engine has shown.
#[derive(Clone, Debug)]
pub struct Report {
    /// The engine.
    pub side: &'static str,
    /// What was seen, in the order of the cases.
    pub lines: Vec<Line>,
}

impl Report {
    /// How often each kind of outcome was seen: the number of `Applied`, `AlreadyApplied`, `Refused`, of items that
    /// do not read, of errors, and of plain values.
    pub fn outcomes(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for line in self.lines.iter().filter(|line| line.aspect == "outcome") {
            let kind: String = line.told.chars().take_while(|c| c.is_ascii_alphabetic()).collect();
            let kind = match kind.as_str() {
                "Applied" | "AlreadyApplied" | "Refused" => kind,
                _ if line.told.contains("does not read") => "unreadable".to_owned(),
                "no" => "without an answer".to_owned(),
                _ => "value".to_owned(),
            };
            *counts.entry(kind).or_default() += 1;
        }
        counts
    }
}

/// Every difference of the other reports from the first one.
pub fn differences(reports: &[Report]) -> Vec<Difference> {
    let Some((first, others)) = reports.split_first() else { return Vec::new() };
    let mut found = Vec::new();
    for other in others {
        assert_eq!(first.lines.len(), other.lines.len(), "{} and {} ran other cases", first.side, other.side);
        for (line, theirs) in first.lines.iter().zip(&other.lines) {
            let same_case = (&line.case, &line.state, line.aspect) == (&theirs.case, &theirs.state, theirs.aspect);
            assert!(same_case, "{line:?} was held against {theirs:?}");
            if line.told != theirs.told {
                let (line, told) = (line.clone(), theirs.told.clone());
                found.push(Difference { first: first.side, side: other.side, line, told });
            }
        }
    }
    found
}

/// Runs every planned write on every engine, each in every state and twice.
pub async fn writes(plan: &[Plan], sides: &[Side]) -> Vec<Report> {
    join_all(sides.iter().map(|side| writes::play(side, plan))).await
}

/// The plan of every write of the catalogue: its states, worked out on an engine of its own.
pub async fn plan() -> Vec<Plan> {
    writes::plan().await
}

/// Fills every engine with the same shop and reads it in every way that the store knows.
pub async fn reads(sides: &[Side]) -> Vec<Report> {
    join_all(sides.iter().map(reads::play)).await
}
