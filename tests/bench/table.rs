//! The table that is printed. Whole numbers all the way: of microseconds, bytes and KiB nothing is lost.

use crate::Program;
use crate::host::Sample;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::io::Write;
use std::path::Path;

/// The function that all others are compared with.
pub const MINIMAL: &str = "minimal";

/// What a start may be, as percent of the smallest function's.
const INIT_PERCENT: u64 = 150;
/// What a function's archive may have, bytes.
const ZIP_MAX: u64 = 3_000_000;
/// What a function may hold in memory after its first answer, KiB.
const RSS_MAX: u64 = 25 * 1024;

/// What an archive of one file named `bootstrap` adds to it, bytes: two headers with the name, and the end.
/// Source: APPNOTE.TXT, the ZIP file format specification, 4.3.
const ZIP_FRAME: u64 = 30 + 9 + 46 + 9 + 22;

/// The value below which `percent` of the samples lie.
fn percentile(samples: &[Sample], of: impl Fn(&Sample) -> u64, percent: usize) -> u64 {
    let mut sorted: Vec<u64> = samples.iter().map(of).collect();
    sorted.sort_unstable();
    sorted[(sorted.len() - 1) * percent / 100]
}

/// Thousandths as a number with two digits behind the point.
fn thousandths(value: u64) -> String {
    let hundredths = (value + 5) / 10;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// The size of the archive that is deployed, bytes.
fn zipped(path: &Path) -> std::io::Result<u64> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&std::fs::read(path)?)?;
    Ok(encoder.finish()?.len() as u64 + ZIP_FRAME)
}

/// The table, and how much of it is within its goals.
pub fn print(programs: &[Program], times: usize) -> std::io::Result<String> {
    let minimal = programs.iter().find(|program| program.name == MINIMAL);
    let base = minimal.map_or(1, |program| percentile(&program.samples, |s| s.init, 50)).max(1);
    let mut text = format!(
        "each started {times} times, in turns; times in ms\n\n{:16} {:>8} {:>6} {:>6} {:>6} {:>9} {:>12} {:>7} {:>8}\n",
        "function", "init p50", "p10", "p90", "times", "AWS calls", "first answer", "zip MB", "RSS MiB",
    );
    let mut over = Vec::new();
    for program in programs {
        let init = |percent| percentile(&program.samples, |s| s.init, percent);
        let (rss, zip) = (percentile(&program.samples, |s| s.rss, 50), zipped(&program.path)?);
        let ratio = init(50) * 1000 / base;
        text += &format!(
            "{:16} {:>8} {:>6} {:>6} {:>6} {:>9} {:>12} {:>7} {:>8}\n",
            program.name,
            thousandths(init(50)),
            thousandths(init(10)),
            thousandths(init(90)),
            thousandths(ratio),
            percentile(&program.samples, |s| s.calls, 50),
            thousandths(percentile(&program.samples, |s| s.first, 50)),
            thousandths(zip / 1000),
            thousandths(rss * 1000 / 1024),
        );
        let limits = [("init", ratio / 10, INIT_PERCENT), ("zip", zip, ZIP_MAX), ("RSS", rss, RSS_MAX)];
        over.extend(limits.iter().filter(|(_, is, max)| is > max).map(|(what, ..)| format!("{} {what}", program.name)));
    }
    text += "\ninit is until the first event is asked for, with so many calls of an AWS that answers at once and without TLS";
    text += "\ngoals: init at most 1.50 times the smallest function's, zip at most 3 MB, RSS at most 25 MiB: ";
    text += if over.is_empty() { "all met".to_owned() } else { format!("over them {}", over.join(", ")) }.as_str();
    Ok(text)
}
