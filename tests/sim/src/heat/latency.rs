//! How long calls last: distributions through published points.

#![allow(clippy::float_arithmetic, reason = "a model of time, nowhere near money")]

use fastrand::Rng;
use std::f64::consts::TAU;

/// The score of a normal distribution below which half, 90 and 99 in a hundred lie.
const P50: f64 = 0.0;
const P90: f64 = 1.281_551_6;
const P99: f64 = 2.326_347_9;

/// A distribution whose logarithm is a line, or a broken line, over the normal score.
#[derive(Clone, Debug)]
pub struct Spread(Vec<(f64, f64)>);

impl Spread {
    /// The lognormal distribution with this median and this 99th percentile, ms.
    pub fn fitted(p50: f64, p99: f64) -> Spread {
        Spread(vec![(P50, p50.ln()), (P99, p99.ln())])
    }

    /// The same through a third point.
    pub fn through(p50: f64, p90: f64, p99: f64) -> Spread {
        Spread(vec![(P50, p50.ln()), (P90, p90.ln()), (P99, p99.ln())])
    }

    /// A duration, ms.
    pub fn draw(&self, rng: &mut Rng) -> f64 {
        // Box and Muller's transformation; the first number is never zero.
        let score = (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (TAU * rng.f64()).cos();
        let last = self.0.len() - 1;
        let piece = (1..last).find(|at| score < self.0[*at].0).unwrap_or(last);
        let ((from, low), (to, high)) = (self.0[piece - 1], self.0[piece]);
        (low + (score - from) * (high - low) / (to - from)).exp()
    }
}

/// Whole milliseconds that come to `ms` on average. Virtual time ticks in milliseconds, and rounding every call up would make
/// each half a millisecond longer than it is.
pub fn whole(rng: &mut Rng, ms: f64) -> u64 {
    let floor = ms.max(0.0).floor();
    let up = rng.f64() < ms - floor;
    // A duration of this model is far below 2^53.
    floor as u64 + u64::from(up)
}

/// How many of something that happens `mean` times on average happen now (Poisson, by Knuth's product).
pub fn poisson(rng: &mut Rng, mean: f64) -> u32 {
    let limit = (-mean).exp();
    let (mut count, mut product) = (0, rng.f64());
    while product > limit {
        count += 1;
        product *= rng.f64();
    }
    count
}

/// The value below which `percent` in a hundred of a list lie; zero of an empty one. Sorts the list.
pub fn percentile(list: &mut [u64], percent: usize) -> u64 {
    list.sort_unstable();
    let at = (list.len() * percent / 100).min(list.len().saturating_sub(1));
    list.get(at).copied().unwrap_or_default()
}

/// The distributions of the model and where they come from.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// A write of one item: PutItem from Lambda, 7.55 and 16.2 ms (alexdebrie/dynamodb-performance-testing, 400 runs).
    pub write: Spread,
    /// A read: not in that list; a third below a write, as the reference model has it.
    pub read: Spread,
    /// A transaction: TransactWriteItems of five items, 25.3 and 92.5 ms (the same).
    pub transaction: Spread,
    /// A message from sending to its function: 16.2, 33.8 and 105 ms (bitesizedserverless.com, 1,024 runs).
    pub queue: Spread,
    /// A question to a provider. An assumption: nobody publishes it.
    pub provider: Spread,
}

impl Default for Latencies {
    fn default() -> Latencies {
        Latencies {
            write: Spread::fitted(7.55, 16.2),
            read: Spread::fitted(5.0, 11.3),
            transaction: Spread::fitted(25.3, 92.5),
            queue: Spread::through(16.2, 33.8, 105.0),
            provider: Spread::fitted(60.0, 400.0),
        }
    }
}
