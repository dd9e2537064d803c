//! The one home of randomness.

use domain::Millis;
use ring::rand::SecureRandom;
use std::fmt;
use std::sync::Arc;

/// Where random bytes come from: the operating system in production, a seed in tests.
#[derive(Clone)]
pub struct Ids(Arc<Fill>);

/// Fills a buffer with random bytes.
type Fill = dyn Fn(&mut [u8]) + Send + Sync;

impl Ids {
    /// The operating system's generator.
    #[expect(clippy::disallowed_methods, reason = "the one home of randomness")]
    pub fn system() -> Ids {
        let random = ring::rand::SystemRandom::new();
        Ids(Arc::new(move |out| {
            // Without randomness nothing here is safe: nonces would repeat. There is no answer to give but to stop.
            if random.fill(out).is_err() {
                tracing::error!("the operating system gives no random bytes");
                std::process::abort();
            }
        }))
    }

    /// A source that fills buffers as the function says.
    pub fn from_fn(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Ids {
        Ids(Arc::new(fill))
    }

    /// Random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0u8; N];
        (self.0)(&mut out);
        out
    }

    /// A UUID of version 7, for requests and messages: sorts by time, says nothing else.
    pub fn uuid(&self, now: Millis) -> uuid::Uuid {
        let millis = u64::try_from(now).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids")
    }
}
