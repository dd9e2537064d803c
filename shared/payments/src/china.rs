//! Times as China's providers write them: eight hours ahead of UTC all the year round.

use domain::Millis;
use domain::calendar::civil;

const DAY_MS: i64 = 86_400_000;
const AHEAD_MS: i64 = 8 * 3_600_000;

/// The last millisecond whose year has four digits there; what is later is written as this.
const LAST: Millis = 253_402_300_799_999 - AHEAD_MS;

/// `2026-11-22 13:06:07`, as Alipay writes it. What is left of a second is dropped, so that an end is never told later than it is.
pub(crate) fn plain(at: Millis) -> String {
    let (day, time) = parts(at);
    format!("{day} {time}")
}

/// `2026-11-22T13:06:07+08:00`, as WeChat Pay writes it (RFC 3339). What is left of a second is dropped, and
/// what is before 1970 there is written as its beginning.
pub(crate) fn rfc3339(at: Millis) -> String {
    let (day, time) = parts(at.max(-AHEAD_MS));
    format!("{day}T{time}+08:00")
}

fn parts(at: Millis) -> (String, String) {
    let local = at.min(LAST).saturating_add(AHEAD_MS);
    let second = local.rem_euclid(DAY_MS) / 1_000;
    let (year, month, day) = civil(local.div_euclid(DAY_MS));
    let time = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
    (format!("{year:04}-{month:02}-{day:02}"), time)
}
