//! A calendar day in UTC, written as people write it.

use crate::clock::civil;
use domain::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;

const DAY_MS: i64 = 86_400_000;

/// Days since 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct Day(pub(super) i64);

impl Day {
    /// The day of a time, Unix ms.
    pub(super) fn of(at: Millis) -> Day {
        Day(at.div_euclid(DAY_MS))
    }

    /// When it begins, Unix ms.
    pub(super) fn starts_at(self) -> Millis {
        self.0.saturating_mul(DAY_MS)
    }

    /// The day after.
    pub(super) fn next(self) -> Day {
        Day(self.0.saturating_add(1))
    }

    /// So many days before.
    pub(super) fn before(self, days: u16) -> Day {
        Day(self.0.saturating_sub(i64::from(days)))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl From<Day> for String {
    fn from(day: Day) -> String {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Day, &'static str> {
        let parts: Vec<i64> = text.split('-').filter_map(|part| part.parse().ok()).collect();
        let [year, month, day] = parts.as_slice() else { return Err("a day is written 2026-11-22") };
        if !(1970..=9999).contains(year) || !(1..=12).contains(month) || !(1..=31).contains(day) {
            return Err("there is no such day");
        }
        // The inverse of `civil`: a year begins on 1 March, so that the leap day is its last.
        let march_year = year - i64::from(*month <= 2);
        let (era, year_of_era) = (march_year.div_euclid(400), march_year.rem_euclid(400));
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let found = Day(era * 146_097 + day_of_era - 719_468);
        if found.to_string() == text { Ok(found) } else { Err("there is no such day") }
    }
}
