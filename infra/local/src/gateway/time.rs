//! Times as a gateway in China writes them: `2026-11-22 13:06:07`, UTC+8 all the year round.

const DAY_MS: i64 = 86_400_000;
const OFFSET_MS: i64 = 8 * 3_600_000;

/// The parts of a time: year, month, day, hour, minute, second.
fn parts(ms: i64) -> [i64; 6] {
    let local = ms.saturating_add(OFFSET_MS);
    let (days, second) = (local.div_euclid(DAY_MS), local.rem_euclid(DAY_MS) / 1_000);
    let (year, month, day) = app::clock::civil(days);
    [year, month, day, second / 3_600, second / 60 % 60, second % 60]
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
