//! Every planted bug by name, and the committed table of what notices each of them.
//!
//! The names are not written down anywhere: they are read from the catalogue of writes, from the table of states and events, from
//! the rules of evidence, and from the sources, where a guard that is none of these has its name beside it.

use crate::orders::{NOW, events, order};
use domain::guards::{ABSENT, as_if, event_name};
use domain::order::{Event, State, decide};
use domain::stock::evidence;
use domain::{OrderId, ProductId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Guards behind which another one stands: each alone changes nothing that anybody could see, so they are taken out together.
pub const PAIRS: &[(&str, &str)] = &[
    ("reconcile: an order that does not read is there", "X2 void: attribute_not_exists(#o)"),
    ("seal: no card beyond the end of the list", "Z seal: size(#h) = :all"),
    ("seal: no card is free", "Z seal: NOT contains(#h, :free)"),
];

/// What cannot be seen, and why.
pub const UNSEEN: &[(&str, &str)] = &[(
    "hold: every strip on sale was opened",
    "the head that is remembered here is the one by which the cursor's move was refused, and so always stands at the end",
)];

/// The table's place in the repository.
pub const TABLE: &str = "tests/mutants/table.md";

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every planted bug.
pub fn all() -> BTreeSet<String> {
    let mut all = of_tables();
    all.extend(in_sources(&root().join("shared")));
    all
}

/// Those that are computed from the catalogue of writes, the table of states and events, and the rules of evidence.
pub fn of_tables() -> BTreeSet<String> {
    let mut all: BTreeSet<String> = store::writes::catalogue().iter().flat_map(store::Write::guards).collect();
    all.extend(of_decide());
    all.extend(of_evidence());
    all
}

/// What one event does to an order: whether it moves it.
fn moves(state: Option<State>, event: &Event) -> bool {
    let order = state.map(|state| order(OrderId([1; 15]), state, false));
    decide(order.as_ref(), event, NOW).is_ok_and(|decision| decision.next.is_some())
}

/// Each state taken for each other one in which the event would move the order.
fn of_decide() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (_, event) in events(OrderId([1; 15])) {
        let rule = format!("decide: {}", event_name(&event));
        for state in State::ALL {
            let others = State::ALL.into_iter().filter(|other| *other != state && moves(Some(*other), &event));
            all.extend(others.map(|other| as_if(&rule, state.as_str(), other.as_str())));
            if moves(None, &event) {
                all.insert(as_if(&rule, state.as_str(), ABSENT));
            }
        }
    }
    all
}

/// Each state in which an order's own slot is no evidence, taken for one in which it is.
fn of_evidence() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for state in State::ALL {
        let order = order(OrderId([1; 15]), state, false);
        let product = ProductId::parse("p").unwrap();
        if !evidence::releasable(&order, order.generation, &product, 0, 47) {
            all.insert(as_if("evidence", state.as_str(), State::Expired.as_str()));
        }
        // A tombstone owns nothing, whatever it is taken for.
        let owns = evidence::owns(&order, &product, 0, 47);
        if owns && !evidence::is_final(&order, order.generation, &product, 0, 47) {
            all.insert(as_if("final", state.as_str(), State::Delivered.as_str()));
        }
    }
    all
}

/// The names that stand in the sources.
fn in_sources(folder: &Path) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            all.extend(in_sources(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            all.extend(names_in(&std::fs::read_to_string(&path).unwrap()));
        }
    }
    all
}

/// The names in the text of one file: what stands in quotes after `holds(` and `planted(`.
pub fn names_in(text: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for word in ["holds(", "planted("] {
        let places = text.match_indices(word).map(|(at, _)| text[at + word.len()..].trim_start());
        let quoted = places.filter_map(|rest| rest.strip_prefix('"')?.split_once('"'));
        all.extend(quoted.map(|(name, _)| name.to_owned()));
    }
    all
}

/// What notices a planted bug.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Check {
    /// A test: its binary and its path in there.
    Test {
        /// The binary, such as `steps`.
        binary: String,
        /// The path, such as `pay::twice`.
        path: String,
    },
    /// A world of the simulator.
    World {
        /// Its seed.
        seed: u64,
        /// Its orders at the most.
        size: u32,
        /// What it said.
        said: String,
    },
}

impl Check {
    /// As it stands in the table.
    pub fn to_text(&self) -> String {
        match self {
            Check::Test { binary, path } => {
                let (file, name) = path.rsplit_once("::").unwrap_or(("main", path));
                format!("`tests/{binary}/{}.rs::{name}`", file.replace("::", "/"))
            }
            Check::World { seed, size, said } => format!("sim seed {seed}, {size} orders: {said}"),
        }
    }

    /// Reads that.
    pub fn parse(text: &str) -> Option<Check> {
        if let Some(rest) = text.strip_prefix("sim seed ") {
            let (seed, rest) = rest.split_once(", ")?;
            let (size, said) = rest.split_once(" orders: ")?;
            return Some(Check::World { seed: seed.parse().ok()?, size: size.parse().ok()?, said: said.to_owned() });
        }
        let (file, name) = text.trim_matches('`').strip_prefix("tests/")?.split_once(".rs::")?;
        let (binary, file) = file.split_once('/')?;
        let path = if file == "main" { name.to_owned() } else { format!("{}::{name}", file.replace('/', "::")) };
        Some(Check::Test { binary: binary.to_owned(), path })
    }
}

/// One row of the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// What else is taken out with it.
    pub with: Option<String>,
    /// What notices it; nothing, where the table says why nothing can.
    pub check: Option<Check>,
    /// The second column as text.
    pub text: String,
}

/// What is chosen to plant this bug: itself, and what stands behind it.
pub fn choice(name: &str) -> String {
    match PAIRS.iter().find(|(one, _)| *one == name) {
        Some((_, behind)) => format!("{name} + {behind}"),
        None => name.to_owned(),
    }
}

/// A row's second column.
pub fn row_text(name: &str, check: &Check) -> String {
    match PAIRS.iter().find(|(one, _)| *one == name) {
        Some((_, behind)) => format!("with `{behind}`: {}", check.to_text()),
        None => check.to_text(),
    }
}

/// Reads the table.
pub fn read_table(text: &str) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for line in text.lines() {
        let Some((name, told)) = line.strip_prefix("| `").and_then(|rest| rest.split_once("` | ")) else { continue };
        let text = told.trim_end_matches('|').trim().to_owned();
        let (with, rest) = match text.strip_prefix("with `").and_then(|rest| rest.split_once("`: ")) {
            Some((with, rest)) => (Some(with.to_owned()), rest),
            None => (None, text.as_str()),
        };
        rows.insert(name.to_owned(), Row { with, check: Check::parse(rest), text: text.clone() });
    }
    rows
}
