//! What the functions of this world counted: the lines that CloudWatch would have read out of their logs.

use app::meter::Sink;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Lines that are kept until somebody takes them; the oldest go first.
const KEPT: usize = 100_000;

/// Lines of the embedded metric format, in the order in which they were written. Clones are the same lines.
#[derive(Clone, Debug, Default)]
pub struct Numbers(Arc<Mutex<VecDeque<String>>>);

impl Numbers {
    /// Where a meter writes.
    pub fn sink(&self) -> Sink {
        let lines = self.0.clone();
        Sink::from_fn(move |line| {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() >= KEPT {
                lines.pop_front();
            }
            lines.push_back(line.to_owned());
        })
    }

    /// The lines since the last time.
    pub fn take(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}
