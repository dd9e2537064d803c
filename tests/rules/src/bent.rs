//! What became of each bent expression of `domain` and `payments`, and why some of them are noticed by nothing.
//!
//! cargo-mutants writes `outcomes.json`; the program `bent` makes the committed table of it. A bend is named by its file and by what
//! was done, without line and column, so that its reason outlives changes above it.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The table's place in the repository.
pub const TABLE: &str = "tests/mutants/rules.md";

/// Of a thousand bends that can be compiled, so many at the least are noticed by a test that fails.
pub const CAUGHT_AT_LEAST: usize = 950;

/// A bend that nothing notices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reason {
    /// Its file and what was done.
    pub bend: &'static str,
    /// In how many places of that function.
    pub times: usize,
    /// Why no test fails.
    pub why: &'static str,
}

/// Every bend that nothing notices.
pub const REASONS: &[Reason] = &[
    Reason {
        bend: "shared/domain/src/base32.rs: replace | with ^ in decode",
        times: 1,
        why: "the five bits that come in were shifted in as zeros: or and exclusive or are the same",
    },
    Reason {
        bend: "shared/domain/src/base32.rs: replace | with ^ in encode",
        times: 1,
        why: "the eight bits that come in were shifted in as zeros: or and exclusive or are the same",
    },
    Reason {
        bend: "shared/payments/src/form.rs: replace | with ^ in decode",
        times: 1,
        why: "the low four bits of the first digit's half are zeros: or and exclusive or are the same",
    },
];

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// How many bends of one file became what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// A test failed.
    pub caught: usize,
    /// The tests did not come to an end.
    pub timed_out: usize,
    /// Every test passed.
    pub missed: usize,
    /// It cannot be compiled, and so cannot happen.
    pub unviable: usize,
}

impl Counts {
    /// Those that can be compiled.
    pub fn viable(&self) -> usize {
        self.caught + self.timed_out + self.missed
    }

    /// Of a thousand that can be compiled, how many made a test fail; rounded down.
    pub fn caught_of_thousand(&self) -> usize {
        (self.caught * 1_000).checked_div(self.viable()).unwrap_or_default()
    }

    fn add(&mut self, other: Counts) {
        self.caught += other.caught;
        self.timed_out += other.timed_out;
        self.missed += other.missed;
        self.unviable += other.unviable;
    }
}

/// What every bend came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcomes(BTreeMap<String, Outcome>);

/// What one bend came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    Caught,
    TimedOut,
    Missed,
    Unviable,
}

impl Outcomes {
    /// Adds what stands in an `outcomes.json`. A bend that was tried before came to what it came to last. The error says why the file
    /// tells nothing.
    pub fn add(&mut self, json: &str) -> Result<(), String> {
        let told: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        for outcome in told["outcomes"].as_array().ok_or("there are no outcomes")? {
            let name = outcome["scenario"]["Mutant"]["name"].as_str().ok_or("an outcome of no bend")?;
            let came_to = match outcome["summary"].as_str().unwrap_or_default() {
                "CaughtMutant" => Outcome::Caught,
                "Timeout" => Outcome::TimedOut,
                "MissedMutant" => Outcome::Missed,
                "Unviable" => Outcome::Unviable,
                other => return Err(format!("{name} came to {other}")),
            };
            self.0.insert(name.to_owned(), came_to);
        }
        Ok(())
    }

    /// Keeps the bends that there are, by what `cargo mutants --list --json` prints. The error names one that was not tried.
    pub fn keep(&mut self, list: &str) -> Result<(), String> {
        let told: Value = serde_json::from_str(list).map_err(|error| error.to_string())?;
        let list = told.as_array().ok_or("the list is none")?;
        let names: BTreeSet<&str> = list.iter().filter_map(|bend| bend["name"].as_str()).collect();
        self.0.retain(|name, _| names.contains(name.as_str()));
        match names.into_iter().find(|name| !self.0.contains_key(*name)) {
            Some(untried) => Err(format!("not tried: {untried}")),
            None => Ok(()),
        }
    }

    /// How many came to what, by file.
    pub fn files(&self) -> BTreeMap<String, Counts> {
        let mut files: BTreeMap<String, Counts> = BTreeMap::new();
        for (name, came_to) in &self.0 {
            let file = name.split(':').next().unwrap_or_default();
            let counts = files.entry(file.to_owned()).or_default();
            match came_to {
                Outcome::Caught => counts.caught += 1,
                Outcome::TimedOut => counts.timed_out += 1,
                Outcome::Missed => counts.missed += 1,
                Outcome::Unviable => counts.unviable += 1,
            }
        }
        files
    }

    /// What nothing noticed, without line and column, and in how many places.
    pub fn missed(&self) -> BTreeMap<String, usize> {
        let mut missed = BTreeMap::new();
        for (name, _) in self.0.iter().filter(|(_, came_to)| **came_to == Outcome::Missed) {
            *missed.entry(without_place(name)).or_default() += 1;
        }
        missed
    }

    /// All files together.
    pub fn all(&self) -> Counts {
        let mut all = Counts::default();
        self.files().values().for_each(|counts| all.add(*counts));
        all
    }

    /// What is wrong with it, one sentence each. Of a part of all bends (`is_part`) nothing can be said about reasons that were not
    /// needed, nor about the rate.
    pub fn wrong(&self, reasons: &[Reason], is_part: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        let missed = self.missed();
        for (bend, times) in &missed {
            let known = reasons.iter().find(|reason| reason.bend == bend).map_or(0, |reason| reason.times);
            if *times > known {
                wrong.push(format!("nothing notices, {times} times and for {known} of them there is a reason: {bend}"));
            }
        }
        if is_part {
            return wrong;
        }
        for reason in reasons {
            let times = missed.get(reason.bend).copied().unwrap_or_default();
            if times < reason.times {
                wrong.push(format!("a reason for {}, and missed are {times}: {}", reason.times, reason.bend));
            }
        }
        if self.all().caught_of_thousand() < CAUGHT_AT_LEAST {
            wrong.push(format!("of a thousand only {} are caught", self.all().caught_of_thousand()));
        }
        wrong
    }

    /// The table. What has no reason stands there without one.
    pub fn table(&self, reasons: &[Reason]) -> String {
        let row = |place: &str, counts: &Counts| {
            let Counts { caught, timed_out, missed, unviable } = counts;
            let (viable, rate) = (counts.viable(), counts.caught_of_thousand());
            let all = viable + unviable;
            let rate = format!("{}.{} %", rate / 10, rate % 10);
            format!("| {place} | {all} | {unviable} | {viable} | {caught} | {timed_out} | {missed} | {rate} |\n")
        };
        let mut text = HEAD.to_owned();
        for (file, counts) in &self.files() {
            text += &row(&format!("`{file}`"), counts);
        }
        text += &row("**all**", &self.all());
        text += MISSED;
        for (bend, times) in &self.missed() {
            let why = reasons.iter().find(|reason| reason.bend == bend).map_or("", |reason| reason.why);
            text += &format!("| `{bend}` | {times} | {why} |\n", bend = bend.replace('|', "\\|"));
        }
        text
    }
}

const HEAD: &str = "# Bent expressions and how many are noticed

Written by `.ci/mutants`, never by hand. cargo-mutants bends one expression of `shared/domain` or `shared/payments` at a time (an answer
replaced, a comparison turned, an arm or a negation taken out), and the tests of the package `rules` say whether they notice. What
cannot be compiled cannot happen. A bend is caught when a test fails, and timed out when the tests do not end; the rate is of those that
are caught.

| file | bends | not viable | viable | caught | timed out | missed | caught of viable |
|---|--:|--:|--:|--:|--:|--:|--:|
";

const MISSED: &str = "
What nothing notices, in how many places, and why:

| bend | places | why |
|---|--:|---|
";

/// A bend's name without line and column: `a.rs: replace + with -` of `a.rs:3:7: replace + with -`.
pub fn without_place(name: &str) -> String {
    let parts: Vec<&str> = name.splitn(4, ':').collect();
    match parts.as_slice() {
        [file, _, _, done] => format!("{file}:{done}"),
        _ => name.to_owned(),
    }
}

/// The rows of a table's second half: the bend, in how many places, and why nothing notices.
pub fn missed_rows(table: &str) -> Vec<(String, usize, String)> {
    let rows = table.lines().skip_while(|line| !line.starts_with("What nothing notices")).filter_map(|line| {
        let (bend, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        let (times, why) = rest.strip_suffix(" |")?.split_once(" | ")?;
        Some((bend.replace("\\|", "|"), times.parse().ok()?, why.to_owned()))
    });
    rows.collect()
}

/// Of a thousand bends in all files, how many a table says are caught.
pub fn rate_of_all(table: &str) -> Option<usize> {
    let row = table.lines().find(|line| line.starts_with("| **all** |"))?;
    let rate = row.strip_suffix(" % |")?.rsplit_once(' ')?.1;
    rate.replace('.', "").parse().ok()
}
