//! The tests' own programs, built with planted bugs, and what is run of them for which guard.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tests::mutants::{Check, root};

/// Orders of a world at the most.
const WORLD: u32 = 12;

/// Seconds of worlds for one guard.
const WORLDS_FOR: Duration = Duration::from_secs(10);

/// How long one program may take. A bug that stands still is not noticed by that alone.
const TIME: Duration = Duration::from_secs(120);

/// How a guard is looked at.
pub struct Search<'a> {
    /// What noticed it last time.
    pub known: Option<&'a Check>,
    /// Whether everything else that might is tried as well.
    pub further: bool,
    /// Whether of that only what is quick: the tests of tables and of single writes.
    pub is_quick: bool,
}

/// What `cargo run` tells its program, and some build scripts listen to.
const SAID_BY_CARGO: &[&str] = &[
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// The programs by name.
pub struct Programs(BTreeMap<String, PathBuf>);

/// How the names of some guards begin, and what is tried for them.
type Tried = (&'static str, &'static [&'static str]);

/// What is tried for guards whose name begins so, in this order: whole behaviours first. `sim` are worlds; everything else is a
/// test's binary and a part of the paths of its tests.
const TRIED: &[Tried] = &[
    ("decide: MoneyProven", &["transitions agreement::the_write_pay", "api money::every_cell", "rules table::"]),
    ("decide: Placed", &["transitions agreement::the_writes_place"]),
    ("decide: GivenUp", &["transitions agreement::the_writes_place"]),
    ("decide: CardsOpened", &["transitions agreement::the_write_deliver"]),
    ("decide: RefundDone", &["rules table::"]),
    ("decide: ", &["transitions moves::every", "rules table::"]),
    (
        "MoneyProven: ",
        &["api money::every_cell", "api expiry::late_money_of_a_risk", "transitions agreement::the_write_pay"],
    ),
    ("evidence", &["sim", "rules evidence::"]),
    ("final", &["rules evidence::"]),
    ("owns: ", &["rules evidence::", "api races::one_key"]),
    ("C0 move cursor: ", &["steps create::a_create_of_fifty"]),
    ("C1 claim: ", &["api races::the_last_card", "steps create::a_create_of_one_card"]),
    ("C1' reuse: ", &["api races::the_last_card"]),
    ("C1\" top up", &["steps create::a_create_of_eight"]),
    ("C2 place order: ", &["steps frozen::a_create_frozen", "steps create::a_create_of_one_card"]),
    ("C3 add attempt: ", &["api contract::attempts::"]),
    ("X1 lapse: #st", &["steps frozen::a_lapse_frozen"]),
    ("X1 ", &["api expiry::an_attempt_added", "api expiry::an_order_is_closed_only"]),
    ("X2 void: ", &["steps frozen::a_create_given_up"]),
    ("X3 release: ", &["steps frozen::a_release_frozen"]),
    ("W1 pay: ", &["api money::every_cell"]),
    ("W2 pay late: ", &["api money::every_cell", "api expiry::money_for_an_order_that_is_about"]),
    ("W2 V1: ", &["api money::every_cell"]),
    ("V1 pay for review: ", &["api money::every_cell", "api contract::reviews::an_order_that_passes"]),
    ("D1 deliver: ", &["steps frozen::a_delivery_frozen", "steps deliver::a_message_of_another"]),
    ("L2 adopt", &["steps frozen::an_adoption_frozen", "api expiry::late_money_of_a_risk"]),
    ("F1 start ", &["api contract::refunds::requests_that_come_at_once", "steps refund::two_part"]),
    ("F2 finish refund: ", &["api contract::refunds::"]),
    ("M0 record money: ", &["api money::every_cell"]),
    ("A2 remove", &["api contract::removal::"]),
    ("A2 X4", &["api contract::removal::"]),
    ("settle: ", &["steps sequence::no_success", "steps sequence::a_closed", "api forgery::a_notification_during"]),
    ("late: only", &["steps sequence::a_closed"]),
    ("late: sold out", &["steps reconcile::late_money_does_not"]),
    ("late: ", &["steps frozen::an_adoption", "steps late::", "api expiry::", "sim"]),
    ("deliver: only", &["steps sequence::a_closed"]),
    ("deliver: before", &["steps reconcile::what_does_not_open"]),
    ("closing: ", &["steps outage::a_gateway", "api expiry::"]),
    ("asking: ", &["steps outage::a_gateway", "api expiry::"]),
    ("due: ", &["steps reconcile::an_unpaid_order"]),
    ("hold: every strip was", &["steps sequence::sold_out"]),
    ("hold: nothing", &["steps sequence::sold_out"]),
    ("hold: the verdict", &["steps sequence::sold_out"]),
    ("hold: ", &["api strips::fifty", "api strips::a_shortfall", "api races::the_last_card", "steps create::", "sim"]),
    ("create: only", &["api contract::attention::a_restored", "api pages::forms::a_closed"]),
    ("create: ", &["steps sequence::no_card", "steps create::", "sim"]),
    ("reconcile: only", &["steps sequence::a_closed"]),
    ("reconcile: an order that", &["steps sequence::an_order_that"]),
    ("reconcile: an orphan of", &["steps sequence::an_orphan"]),
    (
        "reconcile: ",
        &[
            "steps sequence::no_card",
            "steps frozen::a_create",
            "steps reconcile::",
            "api contract::attention::an_alarm",
        ],
    ),
    ("seal: ", &["steps sequence::no_strip", "sim"]),
    ("low: ", &["steps sequence::no_strip", "sim"]),
    ("refund: no answer", &["api contract::refunds::a_refund_without"]),
    (
        "refund: ",
        &["steps sequence::", "steps refund::two_part", "api contract::refunds::", "steps refund::a_refund_before"],
    ),
];

/// What single writes say, by the codes with which the names of writes begin.
const BY_CODE: &[(&str, &[&str])] = &[
    ("transitions guards::strips", &["C0", "C1", "R1", "R2", "R3", "X3", "X4", "M1", "Z", "A2"]),
    ("transitions guards::imports", &["P0", "A0", "A1", "B1"]),
    ("transitions guards::money", &["F1", "F2", "F3", "M0", "M2", "M3", "O1", "O2", "O3"]),
    ("transitions guards::courtesies", &["P1", "P2", "T", "N"]),
    ("transitions agreement::the_w", &["W1", "D1", "X2", "C2 "]),
    ("transitions moves::", &["X1", "V", "L", "W2", "F0", "F2"]),
    ("transitions guards::orders", &["C2", "C3", "C4", "D", "Q", "S1", "W", "V", "L", "X1"]),
];

/// How the names of guards begin that stand in use cases.
const USE_CASES: &[&str] = &[
    "settle: ",
    "late: ",
    "deliver: ",
    "closing: ",
    "asking: ",
    "due: ",
    "hold: ",
    "create: ",
    "reconcile: ",
    "seal: ",
    "low: ",
    "refund: ",
];

/// What is tried for every other guard, after that.
const LAST: &[&str] = &["transitions agreement::the_w", "transitions moves::", "transitions guards::", "rules table::"];

impl Programs {
    /// Builds them, as `cargo test` does and with one feature more.
    pub fn build() -> Programs {
        // All packages at once, as `cargo test` does: of one alone, cargo would build other people's packages anew.
        let mut cargo = Command::new("cargo");
        // What cargo says of the package that runs this would make another one's build script believe that it has to run again.
        for name in SAID_BY_CARGO {
            cargo.env_remove(name);
        }
        let output = cargo
            .args(["test", "--no-run", "--quiet", "--package", "tests", "--package", "sim", "--package", "rules"])
            .args(["--test", "transitions", "--test", "rules", "--test", "steps", "--test", "api", "--test", "sim"])
            .args(["--features", "tests/planted", "--message-format=json-render-diagnostics"])
            .current_dir(root())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "the programs are not built");
        let lines = String::from_utf8(output.stdout).unwrap();
        let built = lines.lines().filter_map(|line| {
            let said: serde_json::Value = serde_json::from_str(line).ok()?;
            let name = said["target"]["name"].as_str()?.to_owned();
            let is_test = said["target"]["kind"][0] == "test";
            Some((name, is_test, PathBuf::from(said["executable"].as_str()?)))
        });
        let mut programs = BTreeMap::new();
        for (name, is_test, path) in built {
            match (name.as_str(), is_test) {
                // The simulator is a program beside its test, and kept apart: the next build without the feature puts another one there.
                ("sim", false) => {
                    let apart = path.with_file_name("sim-planted");
                    std::fs::copy(&path, &apart).unwrap();
                    programs.insert(name, apart);
                }
                ("sim", true) | (_, false) => {}
                _ => drop(programs.insert(name, path)),
            }
        }
        Programs(programs)
    }

    fn command(&self, program: &str, chosen: Option<&str>) -> Command {
        let mut command = Command::new(self.0.get(program).unwrap_or_else(|| panic!("{program} is not built")));
        command.current_dir(root().join("tests")).env("INSTA_UPDATE", "no").env_remove("KAMIVEND_PLANTED");
        if let Some(chosen) = chosen {
            command.env("KAMIVEND_PLANTED", chosen);
        }
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    /// The first check that fails with this choice of bugs.
    pub fn what_notices(&self, name: &str, chosen: &str, search: &Search<'_>) -> Option<Check> {
        if let Some(known) = search.known
            && let Some(found) = self.repeat(known, Some(chosen))
        {
            return Some(found);
        }
        if !search.further {
            return None;
        }
        let family = TRIED.iter().find(|(begins, _)| name.starts_with(begins)).map_or(&[][..], |(_, tried)| tried);
        let mut tried = BTreeSet::new();
        let wanted =
            |what: &&&str| !search.is_quick || ["transitions ", "rules "].iter().any(|begins| what.starts_with(begins));
        let of_code =
            |(tests, codes): &(&'static str, &[&str])| codes.iter().any(|c| name.starts_with(c)).then_some(*tests);
        let by_code: Vec<&str> = BY_CODE.iter().filter_map(of_code).collect();
        // What a use case does no test of a single write can see.
        let is_rule = USE_CASES.iter().all(|use_case| !name.starts_with(use_case));
        let last = if is_rule { LAST } else { &[] };
        family.iter().chain(&by_code).chain(last).filter(wanted).filter(|what| tried.insert(**what)).find_map(|what| {
            match what.split_once(' ') {
                Some((binary, filter)) => self.first_failure(binary, &[filter], Some(chosen)),
                None => self.first_world(chosen),
            }
        })
    }

    /// Runs a check again; what it says now, if it fails.
    fn repeat(&self, check: &Check, chosen: Option<&str>) -> Option<Check> {
        match check {
            Check::Test { binary, path } => self.first_failure(binary, &["--exact", path], chosen),
            Check::World { seed, size, .. } => self.world(*seed, *size, chosen),
        }
    }

    /// The first test that fails. The process is ended with it: what comes after it is not asked for.
    fn first_failure(&self, binary: &str, filters: &[&str], chosen: Option<&str>) -> Option<Check> {
        let mut command = self.command(binary, chosen);
        // The text of the writes is no behaviour, and would notice everything.
        command.args(filters).args(["--test-threads=1", "--skip", "every_write_is_reviewed_text"]);
        let failed =
            first_line(command, |line| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned()));
        failed.map(|path| Check::Test { binary: binary.to_owned(), path })
    }

    fn first_world(&self, chosen: &str) -> Option<Check> {
        let began = Instant::now();
        (0..).take_while(|_| began.elapsed() < WORLDS_FOR).find_map(|seed| self.world(seed, WORLD, Some(chosen)))
    }

    fn world(&self, seed: u64, size: u32, chosen: Option<&str>) -> Option<Check> {
        let mut command = self.command("sim", chosen);
        command.args(["--seeds", &format!("{seed}..{}", seed + 1), "--size", &size.to_string(), "--threads", "1"]);
        let begins = format!("seed {seed} ");
        let said = first_line(command, |line| {
            let told = line.strip_prefix(&begins).and_then(|rest| rest.split_once(": "));
            // Its last lines count the worlds that did not go well; one that panicked is in no other line.
            told.map(|(_, said)| in_a_row(said))
                .or_else(|| line.starts_with("a world panicked").then(|| "it panics".into()))
        });
        Some(Check::World { seed, size, said: said? })
    }

    /// The checks that fail although no bug is planted.
    pub fn sick(&self, checks: &BTreeSet<Check>) -> Vec<Check> {
        checks.iter().filter(|check| self.repeat(check, None).is_some()).cloned().collect()
    }
}

/// The first line of what a program writes that is looked for. The program is ended with it, and after its time.
fn first_line(mut command: Command, wanted: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut child = command.spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
    let ends = Instant::now() + TIME;
    let found = loop {
        match receive.recv_timeout(ends.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if let Some(found) = wanted(&line) {
                    break Some(found);
                }
            }
            Err(_) => break None,
        }
    };
    // It may have ended by itself.
    let _ = child.kill();
    child.wait().unwrap();
    found
}

/// A sentence that fits into a table, without what differs from run to run.
fn in_a_row(said: &str) -> String {
    let mut words = said.split_whitespace().map(|word| {
        let is_id = word.len() >= 20 && word.chars().all(|c| c.is_ascii_alphanumeric() || c == ',');
        if is_id { "…" } else { word }
    });
    let mut out: String = words.by_ref().take(16).collect::<Vec<_>>().join(" ").replace(['|', '`'], " ");
    if words.next().is_some() {
        out += " …";
    }
    out
}
