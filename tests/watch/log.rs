//! Production's log lines, taken down by thread.

use app::Clock;
use functions::telemetry::{Lines, filter};
use serde_json::Value;
use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;
use tracing_subscriber::layer::{Layer, SubscriberExt};

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Here;

impl Write for Here {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.with(|lines| lines.borrow_mut().extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// From now on this thread's lines are kept, at the finest level that production allows. The subscriber is the process's, because one
/// that is set for a thread alone loses the lines of code that another thread reached first.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let lines = Lines::new(Clock::system(), || Here).with_filter(filter(Some("trace")));
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines)).unwrap();
    });
    take();
}

/// What was written since the last time, as text.
pub fn take() -> String {
    String::from_utf8(LINES.with(RefCell::take)).unwrap()
}

/// The lines of a text.
pub fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}
