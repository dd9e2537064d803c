//! New seals: lists of what is known by now, part by part, and the seal over them.

use super::day::Day;
use super::files::Files;
use super::list::{List, Place, RECORDS, Record, Seal, Sealed, VERSION, nothing};
use super::{Known, Run, SETTLED_MS, Step, Within, due};
use crate::audit::LastSeal;
use crate::{App, AppError};
use domain::Millis;
use std::collections::HashMap;
use store::keys::DAY_SHARDS;
use store::{DayKey, Recorded};

/// Entries of a day's list that are read at a time.
const PAGE: i32 = 250;

impl App {
    /// Puts one part of a list, or the seal when all lists are there.
    pub(super) async fn make_step(
        &self,
        files: &Files<'_>,
        run: &mut Run,
        seal: Day,
        before: String,
        mut done: Vec<Sealed>,
        at: Within,
    ) -> Result<Step, AppError> {
        let Some(first) = run.first else { return Ok(Step::Done) };
        if run.reads_only || self.clock.now() < seal.starts_at().saturating_add(SETTLED_MS) {
            return Ok(Step::Done);
        }
        let Some((day, after)) = due(seal, first).into_iter().nth(done.len()) else {
            return self.put_seal(files, run, seal, before, done).await;
        };
        let from = at.from.unwrap_or(Place::start());
        let (entries, next) = self.part_of_day(day, from).await?;
        let orders = self.records_of(&entries).await?;
        let so_far = at.so_far + u64::try_from(orders.len()).unwrap_or_default();
        let root = List::root_of(&orders);
        let list = List { v: VERSION, day, after, part: at.part, before: at.before, so_far, next, root, orders };
        let file = List::file(day, after, at.part);
        let text = serde_json::to_vec(&list).map_err(|_| AppError::Setting("evidence"))?;
        let stands = files.put(&file, &text).await?;
        // Of two runs the first one's list stands, and both go on from that.
        let stands: Option<List> = serde_json::from_slice(&stands).ok();
        let fits =
            |l: &List| (l.day, l.after, l.part, &l.before) == (day, after, list.part, &list.before) && l.is_whole();
        let Some(stands) = stands.filter(fits) else {
            run.found_file("list_changed", &file, "it stands where a new one belongs");
            return Ok(Step::Done);
        };
        let (hash, part) = (stands.hash(), list.part + 1);
        if let Some(next) = stands.next {
            let at = Within { part, before: hash, from: Some(next), so_far: stands.so_far };
            return Ok(Step::Make { seal, before, done, at });
        }
        done.push(Sealed { day, after, parts: part, orders: stands.so_far, root: hash });
        Ok(Step::Make { seal, before, done, at: Within::start() })
    }

    async fn put_seal(
        &self,
        files: &Files<'_>,
        run: &mut Run,
        day: Day,
        before: String,
        lists: Vec<Sealed>,
    ) -> Result<Step, AppError> {
        let Some(first) = run.first else { return Ok(Step::Done) };
        let seal = Seal::new(day, before, lists, &self.keys);
        let text = serde_json::to_vec(&seal).map_err(|_| AppError::Setting("evidence"))?;
        let file = Seal::file(day);
        let stands: Option<Seal> = serde_json::from_slice(&files.put(&file, &text).await?).ok();
        let Some(stands) = stands.filter(|s| s.day == day && s.is_vouched_for(&self.keys)) else {
            run.found_file("seal_changed", &file, "it stands where a new one belongs");
            return Ok(Step::Done);
        };
        if stands.before != seal.before {
            run.found_file("chain_broken", &file, "it was made after another seal than the one that stands before it");
        }
        let hash = stands.hash();
        run.report.last_seal = Some(LastSeal { day: day.to_string(), hash: hash.clone() });
        self.remember(&Known { first, last: Some((day, hash.clone())) }).await?;
        Ok(Step::Make { seal: day.next(), before: hash, done: Vec::new(), at: Within::start() })
    }

    /// What is known of the orders of some entries, in their order; entries whose order is gone are left out.
    async fn records_of(&self, entries: &[DayKey]) -> Result<Vec<Record>, AppError> {
        let keys: Vec<Vec<u8>> = entries.iter().map(|entry| entry.key.clone()).collect();
        let found = self.store.recorded(&keys, true).await?;
        let found: HashMap<&[u8], &Recorded> = found.iter().map(|order| (order.key.as_slice(), order)).collect();
        let orders = keys.iter().filter_map(|key| found.get(key.as_slice()));
        Ok(orders.map(|order| Record::of(order, &self.keys)).collect())
    }

    /// The entries of a day from a place on that make one part, and where the next one begins.
    async fn part_of_day(&self, day: Day, from: Place) -> Result<(Vec<DayKey>, Option<Place>), AppError> {
        let (mut entries, mut place) = (Vec::new(), from);
        while place.shard < DAY_SHARDS {
            let room = RECORDS.saturating_sub(entries.len());
            if room == 0 {
                return Ok((entries, Some(place)));
            }
            let (more, rest) = self.some_of_shard(day, place, room).await?;
            entries.extend(more);
            if let Some(at) = rest {
                return Ok((entries, Some(Place { shard: place.shard, at })));
            }
            place = Place::of_shard(place.shard + 1);
        }
        Ok((entries, None))
    }

    /// So many entries of a shard from a place on, and those of the same millisecond as the last of them; the millisecond after
    /// which there are others.
    async fn some_of_shard(
        &self,
        day: Day,
        from: Place,
        room: usize,
    ) -> Result<(Vec<DayKey>, Option<Millis>), AppError> {
        let mut entries: Vec<DayKey> = Vec::new();
        loop {
            let last = entries.last().cloned();
            let (page, more) = self.store.day_page(day.0, from.shard, from.at, last.as_ref(), PAGE).await?;
            entries.extend(page);
            let cut = room.checked_sub(1).and_then(|place| entries.get(place)).map(|entry| entry.at);
            if let Some(cut) = cut.filter(|cut| entries.last().is_some_and(|last| last.at > *cut)) {
                entries.retain(|entry| entry.at <= cut);
                return Ok((entries, Some(cut)));
            }
            if !more {
                return Ok((entries, None));
            }
        }
    }

    /// The entries of a day after a place and up to another one, its end if there is none.
    pub(super) async fn entries_between(
        &self,
        day: Day,
        from: Place,
        to: Option<Place>,
    ) -> Result<Vec<DayKey>, AppError> {
        let mut entries = Vec::new();
        let (mut place, mut last) = (from, None);
        while place.shard < DAY_SHARDS {
            if to.is_some_and(|to| place >= to) {
                break;
            }
            let (page, more) = self.store.day_page(day.0, place.shard, place.at, last.as_ref(), PAGE).await?;
            last = page.last().cloned();
            let within = |entry: &DayKey| to.is_none_or(|to| (Place { shard: place.shard, at: entry.at }) <= to);
            let is_over = page.iter().any(|entry| !within(entry));
            entries.extend(page.into_iter().filter(|entry| within(entry)));
            if is_over {
                break;
            }
            if !more {
                (place, last) = (Place::of_shard(place.shard + 1), None);
            }
        }
        Ok(entries)
    }
}

impl Step {
    /// The seal of a day from its beginning, after one with this hash.
    pub(super) fn making(seal: Day, before: Option<String>) -> Step {
        Step::Make { seal, before: before.unwrap_or_else(nothing), done: Vec::new(), at: Within::start() }
    }
}
