//! Times as a gateway in China writes them: `2026-11-22 13:06:07`, UTC+8 all the year round.

const DAY_MS: i64 = 86_400_000;
const OFFSET_MS: i64 = 8 * 3_600_000;

/// The parts of a time: year, month, day, hour, minute, second.
fn parts(ms: i64) -> [i64; 6] {
    let local = ms.saturating_add(OFFSET_MS);
    let (days, second) = (local.div_euclid(DAY_MS), local.rem_euclid(DAY_MS) / 1_000);
    // Years are counted from 1 March, so that the leap day ends its year, in cycles of 400 years, which are 146,097 days.
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    let shifted = days + 719_468;
    let (cycle, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_cycle = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    // March to January have 31, 30, 31, 30, 31 days over and over: 153 days in five months.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, year_after) = if month_from_march < 10 { (month_from_march + 3, 0) } else { (month_from_march - 9, 1) };
    let year = 400 * cycle + year_of_cycle + year_after;
    [year, month, day_of_month, second / 3_600, second / 60 % 60, second % 60]
}

/// For people and for `addtime` and `endtime`.
pub(super) fn text(ms: i64) -> String {
    let [year, month, day, hour, minute, second] = parts(ms);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// The first fourteen digits of a trade's number.
pub(super) fn digits(ms: i64) -> String {
    let [year, month, day, hour, minute, second] = parts(ms);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// The moment at which this day began.
pub(super) fn midnight(ms: i64) -> i64 {
    ms - ms.saturating_add(OFFSET_MS).rem_euclid(DAY_MS)
}

/// Milliseconds of a day. China has had no summer time since 1991.
pub(super) const DAY: i64 = DAY_MS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(text(0), "1970-01-01 08:00:00");
        assert_eq!(text(951_753_600_000), "2000-02-29 00:00:00");
        assert_eq!(text(1_795_323_967_000), "2026-11-22 13:06:07");
        assert_eq!(text(1_798_732_799_999), "2026-12-31 23:59:59");
        assert_eq!(text(4_107_484_800_000), "2100-02-28 16:00:00");
        assert_eq!(text(4_107_571_200_000), "2100-03-01 16:00:00");
        assert_eq!(text(-1), "1970-01-01 07:59:59");
        assert_eq!(digits(1_795_323_967_000), "20261122130607");
        assert_eq!(text(midnight(1_795_323_967_000)), "2026-11-22 00:00:00");
    }
}
