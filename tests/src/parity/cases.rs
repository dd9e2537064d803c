//! The cases: every write of the store once, with what has to stand there before it and the call that makes it.

use std::fmt::Debug;
use std::pin::Pin;
use store::{Store, StoreError};

pub(crate) mod goods;
pub(crate) mod lives;

/// What a call answered, as text: an outcome with all it found, or an error without the words that are an engine's own.
type Told<'a> = Pin<Box<dyn Future<Output = String> + Send + 'a>>;

/// One call of the store with fixed arguments.
pub(crate) type Step = for<'a> fn(&'a Store) -> Told<'a>;

/// One write.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name in the catalogue.
    pub write: &'static str,
    /// What stands before it, made by other writes of the store; nothing when it writes what was not there.
    pub(crate) before: &'static [Step],
    /// The write.
    pub(crate) act: Step,
}

impl Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.write)
    }
}

/// Every case, in the order of the catalogue's modules.
pub fn all() -> Vec<Case> {
    [goods::STOCK, goods::IMPORT, goods::SHOP, goods::PUSH, lives::ORDERS, lives::MONEY].concat()
}

/// A call of the store with fixed arguments. What it answers is compared as text.
macro_rules! step {
    ($store:ident => $call:expr) => {
        |$store: &store::Store| Box::pin(async move { $crate::parity::cases::told($call.await) })
    };
}

/// `case!("name", [what stands before, …], store => call)`
macro_rules! case {
    ($write:literal, [$($before:expr),*], $store:ident => $call:expr) => {
        $crate::parity::cases::Case {
            write: $write,
            before: &[$($before),*],
            act: $crate::parity::cases::step!($store => $call),
        }
    };
}

pub(crate) use {case, step};

/// The answer of a call as text. Engines agree on an error's code and not on its words.
pub(crate) fn told<T: Debug>(answer: Result<T, StoreError>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(StoreError::Unavailable { what, detail }) => {
            format!("no answer to {what}: {}", detail.split(':').next().unwrap_or_default())
        }
        Err(error) => error.to_string(),
    }
}
