//! Every verifier of notifications with its generator of requests, and what is counted of them.

use crate::usdt_support::Who;
use crate::{alipay_generated, epay_generated, epay_v2_generated, stripe_generated, usdt_generated, wechat_generated};
use payments::{Notice, Reject};

/// What became of generated requests; each is either accepted or refused.
#[derive(Clone, Copy, Default, Debug)]
pub struct Seen {
    /// Believed, because signed as it stands. What is paid, what is not, and what the provider is to be asked about.
    pub accepted: u64,
    /// Of these, what says that somebody paid.
    pub paid: u64,
    /// Not believed, or believed and of no use.
    pub refused: u64,
}

impl Seen {
    /// Counts one request.
    pub fn add(&mut self, found: &Result<Notice, Reject>) {
        match found {
            Ok(notice) => {
                self.accepted += 1;
                self.paid += u64::from(matches!(notice, Notice::Paid(_)));
            }
            Err(_) => self.refused += 1,
        }
    }

    /// Counts all that was counted elsewhere.
    pub fn join(&mut self, other: Seen) {
        self.accepted += other.accepted;
        self.paid += other.paid;
        self.refused += other.refused;
    }
}

/// Tries so many requests from a seed, the same ones each time, and panics at the first that is taken for what it is not.
pub type Generator = fn(u64, u64) -> Seen;

/// Every kind of channel with its generator, in the order in which a seller is offered them.
pub const GENERATORS: [(&str, Generator); 8] = [
    ("epay_v1", epay_generated::cases),
    ("epay_v2", epay_v2_generated::cases),
    ("alipay", alipay_generated::cases),
    ("wechat", wechat_generated::cases),
    ("stripe", stripe_generated::cases),
    ("epusdt", |count, seed| usdt_generated::cases(&[Who::Legacy, Who::Gmpay1, Who::Gmpay2], count, seed)),
    ("bepusdt", |count, seed| usdt_generated::cases(&[Who::Bepusdt], count, seed)),
    ("tokenpay", |count, seed| usdt_generated::cases(&[Who::Tokenpay], count, seed)),
];

#[test]
fn every_kind_has_a_generator_that_counts_each_request() {
    let kinds: Vec<&str> = payments::KINDS.iter().map(|kind| kind.name).collect();
    let generated: Vec<&str> = GENERATORS.iter().map(|(name, _)| *name).collect();
    assert_eq!(generated, kinds);
    for (name, generate) in GENERATORS {
        let mut seen = generate(150, 1);
        seen.join(generate(150, 2));
        assert_eq!(seen.accepted + seen.refused, 300, "{name}");
        assert!(seen.paid > 0 && seen.paid <= seen.accepted && seen.refused > 0, "{name}: {seen:?}");
    }
}
