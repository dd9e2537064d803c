//! What happened, line by line. The same seed gives the same lines, byte for byte.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// The lines of one world: all of them when somebody wants to read them, and always their sum.
#[derive(Debug, Default)]
pub struct Journal {
    keeps: bool,
    lines: String,
    sum: u64,
    /// Lines.
    pub events: u64,
    /// How often what was done to calls, queues, functions and people.
    pub faults: BTreeMap<&'static str, u64>,
    scratch: String,
}

impl Journal {
    /// A journal that keeps its lines, or only their sum.
    pub fn new(keeps: bool) -> Journal {
        Journal { keeps, sum: 0xcbf2_9ce4_8422_2325, ..Journal::default() }
    }

    /// Writes a line.
    pub fn line(&mut self, at: u64, text: fmt::Arguments<'_>) {
        self.scratch.clear();
        let _ = writeln!(self.scratch, "{at} {text}");
        for byte in self.scratch.bytes() {
            self.sum = (self.sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self.events += 1;
        if self.keeps {
            self.lines.push_str(&self.scratch);
        }
    }

    /// Counts a fault.
    pub fn fault(&mut self, what: &'static str) {
        *self.faults.entry(what).or_default() += 1;
    }

    /// A number that two journals share only when every byte of them is the same (FNV-1a).
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The lines, if they were kept.
    pub fn lines(&self) -> &str {
        &self.lines
    }
}
