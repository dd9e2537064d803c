//! The tests' own programs, built with planted bugs, and what is run of them for which guard.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tests::mutants::{Check, root};

/// Orders of a world at the most.
const WORLD: u32 = 12;

/// Seconds of worlds for one guard.
const WORLDS_FOR: Duration = Duration::from_secs(10);

/// How a guard is looked at.
pub struct Search<'a> {
    /// What noticed it last time.
    pub known: Option<&'a Check>,
    /// Whether everything else that might is tried as well.
    pub further: bool,
}

/// The programs by name.
pub struct Programs(BTreeMap<String, PathBuf>);

/// What is tried for guards whose name begins so, in this order: whole behaviours first. `sim` are worlds; everything else is a
/// test's binary and a part of the paths of its tests.
const TRIED: &[(&str, &[&str])] = &[
    ("decide: ", &["transitions agreement::", "transitions moves::every", "transitions table::"]),
    ("evidence: ", &["sim", "transitions evidence::", "steps passes::one_pass"]),
    ("", &[]),
];

/// What is tried for every guard, after that.
const LAST: &[&str] =
    &["transitions guards::", "transitions agreement::", "transitions moves::", "transitions table::"];

impl Programs {
    /// Builds them, as `cargo test` does and with one feature more.
    pub fn build() -> Programs {
        let cargo = |kinds: &[&str]| {
            let output = Command::new("cargo")
                .args(kinds)
                .args(["--features", "tests/planted", "--message-format=json-render-diagnostics", "--quiet"])
                .current_dir(root())
                .stderr(Stdio::inherit())
                .output()
                .unwrap();
            assert!(output.status.success(), "the programs are not built");
            let lines = String::from_utf8(output.stdout).unwrap();
            let built = lines.lines().filter_map(|line| {
                let said: serde_json::Value = serde_json::from_str(line).ok()?;
                let name = said["target"]["name"].as_str()?.to_owned();
                let kind = said["target"]["kind"][0].as_str()?.to_owned();
                Some((name, kind, PathBuf::from(said["executable"].as_str()?)))
            });
            built.collect::<Vec<_>>()
        };
        let tests = ["--test", "transitions", "--test", "steps", "--test", "api", "--test", "watch", "--test", "pages"];
        let mut programs: BTreeMap<String, PathBuf> =
            cargo(&[&["test", "-p", "tests", "--no-run"], &tests[..]].concat())
                .into_iter()
                .filter(|(_, kind, _)| kind == "test")
                .map(|(name, _, path)| (name, path))
                .collect();
        // Kept apart: the next build without the feature puts another program at its place.
        for (name, _, path) in cargo(&["build", "-p", "sim", "--bin", "sim"]) {
            let apart = path.with_file_name(format!("{name}-planted"));
            std::fs::copy(&path, &apart).unwrap();
            programs.insert(name, apart);
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
        family.iter().chain(LAST).filter(|what| tried.insert(**what)).find_map(|what| match what.split_once(' ') {
            Some((binary, filter)) => self.first_failure(binary, &[filter], Some(chosen)),
            None => self.first_world(chosen),
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
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let failed = lines
            .filter_map(|line| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned()))
            .map(|line| line.trim_end_matches(" - should panic").to_owned())
            .next();
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().unwrap();
        failed.map(|path| Check::Test { binary: binary.to_owned(), path })
    }

    fn first_world(&self, chosen: &str) -> Option<Check> {
        let began = Instant::now();
        (0..).take_while(|_| began.elapsed() < WORLDS_FOR).find_map(|seed| self.world(seed, WORLD, Some(chosen)))
    }

    fn world(&self, seed: u64, size: u32, chosen: Option<&str>) -> Option<Check> {
        let mut command = self.command("sim", chosen);
        command.args(["--seeds", &format!("{seed}..{}", seed + 1), "--size", &size.to_string(), "--threads", "1"]);
        let output = command.output().unwrap();
        if output.status.success() {
            return None;
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = text.lines().find_map(|line| line.strip_prefix(&format!("seed {seed} "))?.split_once(": "));
        Some(Check::World { seed, size, said: said.map_or("it panics".to_owned(), |(_, said)| in_a_row(said)) })
    }

    /// The checks that fail although no bug is planted.
    pub fn sick(&self, checks: &BTreeSet<Check>) -> Vec<Check> {
        checks.iter().filter(|check| self.repeat(check, None).is_some()).cloned().collect()
    }
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
