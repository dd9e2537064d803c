//! What the model says, as lines of a table and as demands that are met or not.

use super::wire::Sums;
use std::fmt::{self, Write};

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was run.
    pub name: &'static str,
    /// Orders that buyers wanted.
    pub offered: u64,
    /// Orders that were made.
    pub accepted: u64,
    /// Orders made in a second, while orders came in.
    pub per_second: u64,
    /// Half of the creates took no longer, ms.
    pub p50: u64,
    /// 99 in a hundred took no longer, ms.
    pub p99: u64,
    /// What went over the wire.
    pub sums: Sums,
    /// Answers 5xx to buyers.
    pub failed: u64,
    /// Answers that there are too few cards.
    pub sold_out: u64,
    /// Those that were wrong: at the instant of the answer, and during the whole request and the half second before it. `None` where nobody counted.
    pub falsely: Option<(u64, u64)>,
    /// Cards that were left.
    pub unsold: u64,
}

impl Row {
    /// Write units of creates for every order made, in hundredths.
    pub fn writes_per_order(&self) -> i64 {
        self.sums.creates / 10 / i64::try_from(self.accepted.max(1)).unwrap_or(i64::MAX)
    }
}

/// The head of the table.
pub const HEAD: &str = "                                 offered accepted     /s   p50    p99  WCU/order  item-thr table-thr conflicts    5xx  sold-out false(at once) unsold  hottest item";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = self.writes_per_order();
        let each = if self.accepted == 0 { "–".to_owned() } else { format!("{}.{:02}", each / 100, each % 100) };
        let falsely = self.falsely.map_or_else(|| "–".to_owned(), |(at_once, whole)| format!("{whole} ({at_once})"));
        write!(
            f,
            "{:<32} {:>7} {:>8} {:>6} {:>5} {:>6} {:>10} {:>9} {:>9} {:>9} {:>6} {:>9} {:>15} {:>6}  {}/s {}",
            self.name,
            self.offered,
            self.accepted,
            self.per_second,
            self.p50,
            self.p99,
            each,
            self.sums.hot_items,
            self.sums.hot_tables,
            self.sums.conflicts,
            self.failed,
            self.sold_out,
            falsely,
            self.unsold,
            self.sums.hottest.0 / 1_000,
            self.sums.hottest.1,
        )
    }
}

/// Everything that was said and asked in one run.
#[derive(Clone, Default, Debug)]
pub struct Report {
    text: String,
    /// What was demanded and is not so.
    pub unmet: Vec<String>,
}

impl Report {
    /// A line of text.
    pub fn line(&mut self, line: impl fmt::Display) {
        let _ = writeln!(self.text, "{line}");
    }

    /// A demand, and whether it is met.
    pub fn demand(&mut self, is_met: bool, what: impl fmt::Display) {
        self.line(format_args!("  {} {what}", if is_met { "met    " } else { "NOT MET" }));
        if !is_met {
            self.unmet.push(what.to_string());
        }
    }

    /// Everything so far.
    pub fn text(&self) -> &str {
        &self.text
    }
}
