//! Evidence: once a day what is known of each order, and never changes once it is known, is hashed into a seal that lies where
//! whoever can change the tables cannot change it unseen. Every seal made so far is held against the orders as they are, and
//! what was changed, is missing, or came in later with an old date is named (decision 027). This is not the evidence by which
//! claims are released (`domain::stock::evidence`).
//!
//! Nothing on a buyer's way knows of it: it reads, and puts files.

mod check;
mod day;
mod files;
mod list;
mod make;

use crate::audit::at_order;
use crate::audit::{Finding, LastSeal, Report, Scope};
use crate::meter::Metric;
use crate::{App, AppError};
use day::Day;
use domain::Millis;
use files::Files;
use list::{First, Seal, Sealed};
use serde::{Deserialize, Serialize};
use store::ShopItem;

/// So many days after an order's own its facts are listed: the day after, when delivery and most refunds are known; a week later;
/// and when nobody complains any more. Seven days and thirty, and the night in which a seal is made.
const AFTER: [u16; 3] = [1, 8, 31];

/// A day is listed an hour after its end at the earliest: a create that was under way at midnight is written by then.
const SETTLED_MS: i64 = 60 * 60_000;

/// Orders of one page of the sweep.
const PAGE: i32 = 250;

/// Milliseconds a run is kept for the next function that goes on: until the next night, and a little.
const RUN_KEPT_MS: i64 = 30 * 60 * 60_000;

/// The note of a run, and the document of what was sealed last.
const RUN: &str = "evidence#run";
pub(crate) const KIND: &str = "evidence";
pub(crate) const ID: &str = "known";

/// Where a run stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Step {
    /// Looking over all orders, after this key of their table, for those that no day's list shows.
    Sweep {
        after: Option<String>,
        oldest: Option<Day>,
    },
    /// Holding a part of a list of a seal against the orders.
    Check(Spot),
    /// Making a part of a list of the next seal.
    Make {
        seal: Day,
        before: String,
        done: Vec<Sealed>,
        at: Within,
    },
    Done,
}

/// A part of a list of a seal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Spot {
    seal: Day,
    /// The hash of the seal before; `None` when that one is not there, which was said.
    before: Option<String>,
    /// Which of its lists.
    list: usize,
    at: Within,
}

/// How far within the parts of one list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Within {
    part: u32,
    /// The hash of the part before.
    before: String,
    /// Where this part begins; `None` when the part before does not tell.
    from: Option<list::Place>,
    so_far: u64,
}

impl Within {
    /// At the beginning of a list.
    fn start() -> Within {
        Within { part: 0, before: list::nothing(), from: Some(list::Place::start()), so_far: 0 }
    }
}

/// What the shop itself remembers of its seals, so that the newest cannot be taken away unseen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Known {
    /// The first day of all.
    first: Day,
    /// The day of the newest seal, and its hash.
    last: Option<(Day, String)>,
}

#[derive(Serialize, Deserialize)]
struct Run {
    step: Step,
    report: Report,
    /// Since when there is evidence.
    first: Option<Day>,
    /// What the shop remembered when the run began.
    known: Option<Known>,
    /// Whether it ends before anything is put.
    reads_only: bool,
    /// The seal at hand, as its file was read last.
    #[serde(skip)]
    seal: Option<Seal>,
}

impl Run {
    /// Names an order, once: several lists say the same of it.
    fn found_order(&mut self, what: &str, order: &str, detail: &str) {
        let finding = at_order(what, order, detail);
        if !self.report.findings.contains(&finding) {
            self.report.found(finding);
        }
    }

    /// Names a file that is not what it was, or not there.
    fn found_file(&mut self, what: &str, file: &str, more: &str) {
        let mut finding =
            at_order(what, "", &if more.is_empty() { file.to_owned() } else { format!("{file}: {more}") });
        finding.order = None;
        self.report.found(finding);
    }

    /// The newest seal that is known, before the checks have met a newer one.
    fn remembered(&self) -> Option<&(Day, String)> {
        self.known.as_ref().and_then(|known| known.last.as_ref())
    }
}

impl App {
    /// Holds every seal against the orders and makes the seals that are due, for at most `budget_ms`, from where the last call
    /// stopped. `None`: there is more to do. A finished run is kept and told like an audit. Twice at once it puts nothing
    /// twice: a file is put where none stands, and whoever comes second goes on from what is there.
    pub(crate) async fn keep_evidence(&self, budget_ms: i64) -> Result<Option<Report>, AppError> {
        let started = self.clock.now();
        let deadline = started.saturating_add(budget_ms);
        let Some(files) = Files::of(self) else { return Err(AppError::Setting("KAMIVEND_EVIDENCE_BUCKET")) };
        // A shop that is being put back is not what it will be.
        if self.closed_since().await?.is_some() || self.import_is_unfinished().await? {
            return Ok(None);
        }
        let kept = self.store.note(RUN).await?.and_then(|text| serde_json::from_str::<Run>(&text).ok());
        let mut run = match kept.filter(|run| run.step != Step::Done && !run.reads_only) {
            Some(run) => run,
            None => self.new_run(&files, started, false).await?,
        };
        while run.step != Step::Done {
            // Kept step by step: a function that is ended in the middle of one loses that one only.
            self.keep_evidence_run(&run).await?;
            Box::pin(self.step(&files, &mut run)).await?;
            // After a step, so that however little time there is, it comes to its end some time.
            if run.step != Step::Done && self.clock.now() >= deadline {
                self.keep_evidence_run(&run).await?;
                return Ok(None);
            }
        }
        run.report.finished_at = self.clock.now();
        let before = self.keep_report(&run.report).await?;
        // What a seal no longer agrees with never agrees again, also when it is known why. It stays in the list of what needs a
        // person, and rings and is told when it is new.
        let fresh = fresh(&run.report, before.as_ref());
        self.tell_differences(&run.report, before.as_ref().filter(|_| fresh == 0)).await;
        self.keep_evidence_run(&run).await?;
        self.meter.add(Metric::AuditDifferences, i64::try_from(fresh).unwrap_or(i64::MAX));
        let seal = run.report.last_seal.as_ref().map(|seal| seal.day.as_str());
        tracing::info!(differences = run.report.differences, seal, "the evidence was looked through");
        Ok(Some(run.report))
    }

    /// Holds every seal against the orders, names all that differs, and puts, keeps and tells nothing.
    pub async fn check_evidence(&self) -> Result<Report, AppError> {
        let Some(files) = Files::of(self) else { return Err(AppError::Setting("KAMIVEND_EVIDENCE_BUCKET")) };
        let mut run = self.new_run(&files, self.clock.now(), true).await?;
        run.report.names_all = true;
        while run.step != Step::Done {
            Box::pin(self.step(&files, &mut run)).await?;
        }
        run.report.finished_at = self.clock.now();
        Ok(run.report)
    }

    async fn keep_evidence_run(&self, run: &Run) -> Result<(), AppError> {
        let text = serde_json::to_string(run).map_err(|_| AppError::Setting("evidence"))?;
        Ok(self.store.keep_note(RUN, &text, self.clock.now() + RUN_KEPT_MS).await?)
    }

    async fn new_run(&self, files: &Files<'_>, now: Millis, reads_only: bool) -> Result<Run, AppError> {
        let known = self.store.shop_item(KIND, ID).await?;
        let known: Option<Known> = known.and_then(|item| serde_json::from_str(&item.doc).ok());
        let mut run = Run {
            step: Step::Sweep { after: None, oldest: None },
            report: Report::new(Scope::Evidence, now, None),
            first: None,
            known,
            reads_only,
            seal: None,
        };
        let remembered = run.known.as_ref().map(|known| known.first);
        let read = files.get(First::FILE).await?.map(|text| First::read(&text));
        run.first = match read {
            Some(Some(first)) => {
                if remembered.is_some_and(|day| day != first.day) {
                    run.found_file("seal_changed", First::FILE, "another day is remembered");
                }
                // The earlier of two: a first day that moved would leave days without evidence.
                remembered.map_or(Some(first.day), |day| Some(day.min(first.day)))
            }
            Some(None) => {
                run.found_file("seal_changed", First::FILE, "it does not read");
                remembered
            }
            None if remembered.is_some() => {
                run.found_file("seal_missing", First::FILE, "");
                remembered
            }
            None => None,
        };
        run.report.last_seal =
            run.remembered().map(|(day, hash)| LastSeal { day: day.to_string(), hash: hash.clone() });
        Ok(run)
    }

    async fn step(&self, files: &Files<'_>, run: &mut Run) -> Result<(), AppError> {
        run.step = match run.step.clone() {
            Step::Sweep { after, oldest } => self.sweep_dates(files, run, after, oldest).await?,
            Step::Check(spot) => self.check_step(files, run, spot).await?,
            Step::Make { seal, before, done, at } => self.make_step(files, run, seal, before, done, at).await?,
            Step::Done => Step::Done,
        };
        Ok(())
    }

    /// A page of all orders: each stands in the list of its own day, and none is older than the first day.
    async fn sweep_dates(
        &self,
        files: &Files<'_>,
        run: &mut Run,
        after: Option<String>,
        mut oldest: Option<Day>,
    ) -> Result<Step, AppError> {
        let key = match after {
            Some(digits) => Some(crate::keys::unhex(&digits).ok_or(AppError::Setting("evidence"))?),
            None => None,
        };
        let page = self.store.scan_recorded(key.as_deref(), PAGE).await?;
        for order in &page.orders {
            let day = order.created_at.filter(|_| order.is_listed_rightly).map(Day::of);
            let wrong = match (day, run.first) {
                (None, _) => Some("it does not stand in the list of the day on which it says it was made"),
                (Some(day), Some(first)) if day < first => Some("it says it was made before there was any order"),
                _ => None,
            };
            if let Some(wrong) = wrong {
                run.found_order("evidence_misdated", &list::name_of(&order.key), wrong);
            }
            oldest = [oldest, day].into_iter().flatten().min();
        }
        if let Some(next) = page.next {
            return Ok(Step::Sweep { after: Some(crate::keys::hex(&next)), oldest });
        }
        if run.first.is_none() && !run.reads_only {
            run.first = self.begin_evidence(files, run, oldest).await?;
        }
        Ok(match run.first {
            // Nothing was ever sold, or nobody has sealed anything.
            None => Step::Done,
            Some(first) => {
                Step::Check(Spot { seal: first.next(), before: Some(list::nothing()), list: 0, at: Within::start() })
            }
        })
    }

    /// Writes down the first day of all, unless somebody did meanwhile.
    async fn begin_evidence(
        &self,
        files: &Files<'_>,
        run: &mut Run,
        oldest: Option<Day>,
    ) -> Result<Option<Day>, AppError> {
        let Some(day) = oldest else { return Ok(None) };
        let text = serde_json::to_vec(&First { v: list::VERSION, day }).map_err(|_| AppError::Setting("evidence"))?;
        let stands = files.put(First::FILE, &text).await?;
        let Some(first) = First::read(&stands) else {
            run.found_file("seal_changed", First::FILE, "it does not read");
            return Ok(None);
        };
        self.remember(&Known { first: first.day, last: None }).await?;
        Ok(Some(first.day))
    }

    /// Writes down in the shop itself what was sealed last. Another run may write at the same moment: either is as good, because
    /// whoever comes next looks for newer seals than the one that is remembered.
    async fn remember(&self, known: &Known) -> Result<(), AppError> {
        let doc = serde_json::to_string(known).map_err(|_| AppError::Setting("evidence"))?;
        let found = self.store.shop_item(KIND, ID).await?;
        let version = found.as_ref().map_or(1, |f| f.version + 1);
        let newer = |f: &ShopItem| {
            let stands = serde_json::from_str::<Known>(&f.doc).ok().and_then(|known| known.last);
            stands.map(|(day, _)| day) > known.last.as_ref().map(|(day, _)| *day)
        };
        let item = ShopItem { kind: KIND.into(), id: ID.into(), doc, version };
        match found {
            None => drop(self.store.create_shop_item(&item).await?),
            Some(stands) if newer(&stands) => {}
            Some(_) => drop(self.store.change_shop_item(&item).await?),
        }
        Ok(())
    }
}

/// How many differences the report before did not have. Of more than are named, those that are more than there were.
fn fresh(report: &Report, before: Option<&Report>) -> u64 {
    let Some(before) = before else { return report.differences };
    let known = |finding: &&Finding| !before.findings.contains(finding);
    let named = u64::try_from(report.findings.iter().filter(known).count()).unwrap_or(u64::MAX);
    named.max(report.differences.saturating_sub(before.differences))
}

/// The lists that the seal of a day names: of which day's orders, how many days after.
fn due(seal: Day, first: Day) -> Vec<(Day, u16)> {
    AFTER.into_iter().map(|after| (seal.before(after), after)).filter(|(day, _)| *day >= first).collect()
}
