//! Seals held against each other, against their lists, and against the orders.

use super::day::Day;
use super::files::Files;
use super::list::{List, Record, Seal, Sealed};
use super::{AFTER, Run, Spot, Step, Within, due};
use crate::audit::LastSeal;
use crate::{App, AppError};
use domain::limits::UNPAID_KEPT_MS;
use domain::order::State;
use std::collections::{HashMap, HashSet};
use store::Recorded;

/// How an order stands to what was known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Stands {
    /// All of it still stands, or it was never paid and is old enough to be forgotten.
    Well,
    /// These facts do not.
    Changed(Vec<String>),
    /// It is not there.
    Missing,
}

impl App {
    /// One part of one list of a seal; at its first also the seal itself.
    pub(super) async fn check_step(&self, files: &Files<'_>, run: &mut Run, spot: Spot) -> Result<Step, AppError> {
        let Some(first) = run.first else { return Ok(Step::Done) };
        if (spot.list, spot.at.part) == (0, 0) || run.seal.as_ref().is_none_or(|seal| seal.day != spot.seal) {
            run.seal = None;
            let file = Seal::file(spot.seal);
            let text = files.get(&file).await?;
            let newest = run.remembered().map(|(day, _)| *day);
            let Some(text) = text else {
                if newest.is_some_and(|newest| spot.seal <= newest) {
                    run.found_file("seal_missing", &file, "");
                    return Ok(after(run, &spot, None));
                }
                // The checks are at their end. What is remembered counts where the newest seal is not there.
                let before = spot.before.or_else(|| run.remembered().map(|(_, hash)| hash.clone()));
                return Ok(Step::making(spot.seal, before));
            };
            let seal: Option<Seal> = serde_json::from_slice(&text).ok();
            let Some(seal) = seal.filter(|seal| seal.day == spot.seal && seal.is_vouched_for(&self.keys)) else {
                run.found_file("seal_changed", &file, "");
                return Ok(after(run, &spot, None));
            };
            if (spot.list, spot.at.part) == (0, 0) {
                self.check_seal(run, &spot, &seal, first);
            }
            run.seal = Some(seal);
        }
        let Some(seal) = run.seal.clone() else { return Ok(Step::Done) };
        let Some(sealed) = seal.lists.get(spot.list) else { return Ok(after(run, &spot, Some(seal.hash()))) };
        let at = self.check_part(files, run, sealed, &spot.at).await?;
        Ok(Step::Check(match at {
            Some(at) => Spot { at, ..spot },
            None => Spot { list: spot.list + 1, at: Within::start(), ..spot },
        }))
    }

    /// A seal in itself, against the one before and against what is remembered.
    fn check_seal(&self, run: &mut Run, spot: &Spot, seal: &Seal, first: Day) {
        let file = Seal::file(seal.day);
        if spot.before.as_ref().is_some_and(|before| *before != seal.before) {
            run.found_file("chain_broken", &file, "it was made after another seal than the one that stands before it");
        }
        let named: Vec<(Day, u16)> = seal.lists.iter().map(|list| (list.day, list.after)).collect();
        if named != due(seal.day, first) {
            run.found_file("seal_changed", &file, "it names other lists than it must");
        }
        let hash = seal.hash();
        let other = run.remembered().is_some_and(|(day, known)| *day == seal.day && *known != hash);
        if other {
            run.found_file("seal_changed", &file, "another one is remembered");
        }
        run.report.last_seal = Some(LastSeal { day: seal.day.to_string(), hash });
    }

    /// A part of a list, and its orders; answers where the next part begins.
    async fn check_part(
        &self,
        files: &Files<'_>,
        run: &mut Run,
        sealed: &Sealed,
        at: &Within,
    ) -> Result<Option<Within>, AppError> {
        let file = List::file(sealed.day, sealed.after, at.part);
        let is_last = at.part.saturating_add(1) >= sealed.parts;
        let Some(text) = files.get(&file).await? else {
            run.found_file("list_missing", &file, "");
            // What follows can no longer be tied to what is before.
            return Ok(None);
        };
        let list: Option<List> = serde_json::from_slice(&text).ok();
        let fits = |list: &List| {
            let named = (list.day, list.after, list.part) == (sealed.day, sealed.after, at.part);
            let ends = if is_last {
                list.next.is_none() && list.hash() == sealed.root && list.so_far == sealed.orders
            } else {
                list.next.is_some()
            };
            named && list.is_whole() && list.before == at.before && ends
        };
        let Some(list) = list.filter(fits) else {
            run.found_file("list_changed", &file, "");
            return Ok(None);
        };
        self.check_orders(run, &list).await?;
        if let (true, Some(from)) = (Some(&list.after) == AFTER.first(), at.from) {
            self.check_added(run, &list, from).await?;
        }
        let next = Within { part: at.part + 1, before: list.hash(), from: list.next, so_far: list.so_far };
        Ok((!is_last).then_some(next))
    }

    /// Every order of a part, read cheaply; what looks wrong is read once more, consistently.
    async fn check_orders(&self, run: &mut Run, list: &List) -> Result<(), AppError> {
        let mut left: Vec<&Record> = list.orders.iter().collect();
        run.report.orders += u64::try_from(left.len()).unwrap_or_default();
        for consistent in [false, true] {
            let keys: Vec<Vec<u8>> = left.iter().filter_map(|record| record.key()).collect();
            if keys.is_empty() {
                break;
            }
            let orders = self.store.recorded(&keys, consistent).await?;
            let orders: HashMap<&[u8], &Recorded> = orders.iter().map(|order| (order.key.as_slice(), order)).collect();
            let order = |record: &Record| record.key().and_then(|key| orders.get(key.as_slice()).copied());
            left.retain(|record| self.stands(record, order(record), list.day) != Stands::Well);
            if !consistent {
                continue;
            }
            for record in &left {
                match self.stands(record, order(record), list.day) {
                    Stands::Well => {}
                    Stands::Changed(facts) => {
                        run.found_order("evidence_changed", &record.order, &facts.join(", "));
                    }
                    Stands::Missing => {
                        run.found_order("evidence_missing", &record.order, &format!("it was made on {}", list.day));
                    }
                }
            }
        }
        Ok(())
    }

    /// Orders in this part of the day that were not there when it was listed.
    async fn check_added(&self, run: &mut Run, list: &List, from: super::list::Place) -> Result<(), AppError> {
        let listed: HashSet<Vec<u8>> = list.orders.iter().filter_map(Record::key).collect();
        let entries = self.entries_between(list.day, from, list.next).await?;
        let others: Vec<Vec<u8>> =
            entries.into_iter().map(|entry| entry.key).filter(|key| !listed.contains(key)).collect();
        if others.is_empty() {
            return Ok(());
        }
        for order in self.store.recorded(&others, true).await? {
            let detail = format!("it says it was made on {}, and was not there on {}", list.day, list_day(list));
            run.found_order("evidence_added", &super::list::name_of(&order.key), &detail);
        }
        Ok(())
    }

    fn stands(&self, record: &Record, order: Option<&Recorded>, day: Day) -> Stands {
        let Some(order) = order else {
            // Orders that were never paid are forgotten, and never sooner than this.
            let may_be_forgotten = self.clock.now() >= day.starts_at().saturating_add(UNPAID_KEPT_MS);
            let was_paid = record.facts.contains_key("paid");
            return if may_be_forgotten && !was_paid { Stands::Well } else { Stands::Missing };
        };
        let now = Record::of(order, &self.keys);
        let (was, is) = (State::parse(&record.state), State::parse(&order.state));
        let generation_moves = was.zip(is).is_some_and(|(was, is)| generation_moves(was, is));
        let mut changed: Vec<String> = Vec::new();
        for (fact, mac) in &record.facts {
            let generation = fact.strip_prefix("cards-").and_then(|g| g.parse::<u8>().ok());
            let moved_on = generation_moves && generation.zip(order.generation).is_some_and(|(then, now)| now > then);
            if now.facts.get(fact) != Some(mac) && !moved_on {
                changed.push(fact.clone());
            }
        }
        let may_be = was.zip(is).is_some_and(|(was, is)| was.may_become(is));
        if !may_be && record.state != order.state {
            changed.push("state".to_owned());
        }
        if changed.is_empty() { Stands::Well } else { Stands::Changed(changed) }
    }
}

/// Whether an order that went from one state to another may have got another generation on its way: late money finds other cards
/// under the next one, and money that is owed back ends all before it.
fn generation_moves(was: State, is: State) -> bool {
    let is_early = matches!(was, State::Held | State::Expired | State::Late);
    let is_owed = matches!(is, State::RefundDue | State::Refunded) && was != State::RefundDue;
    was != is && (is_early || is_owed)
}

/// The day on which a list was made.
fn list_day(list: &List) -> Day {
    Day(list.day.0.saturating_add(i64::from(list.after)))
}

/// The seal after this one, which must name `before`.
fn after(run: &mut Run, spot: &Spot, before: Option<String>) -> Step {
    run.seal = None;
    Step::Check(Spot { seal: spot.seal.next(), before, list: 0, at: Within::start() })
}
