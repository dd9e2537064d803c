//! The worlds that are searched, by name.

use crate::engine::{Searched, search};
use crate::money::{Money, one_order, one_reference, paid_twice, twins};
use crate::mutants::Mutants;

/// A small shop and what may happen in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scene {
    /// One order, one attempt: a right payment and one of a wrong amount.
    WrongAmount,
    /// One order with two attempts.
    TwoAttempts,
    /// One order, one attempt that is paid twice.
    PaidTwice,
    /// One order with two attempts, at a provider that lets a closed one be paid.
    Forgiving,
    /// A paid order and refunds of it, in parts, on old readings.
    Refunds,
    /// The same of an order with a second attempt.
    RefundsOfTwo,
    /// The row of a second payment, decided on old readings.
    Row,
    /// Two orders that the owner vouches for by one reference.
    OneReference,
    /// Two orders paid through two providers that count alike.
    Twins,
    /// The table of orders is put back to an earlier state.
    MoneyRestored,
    /// One order with two attempts, and a payment of a wrong amount.
    Order,
    /// One order with two attempts, one of which is paid twice.
    OrderPaidTwice,
    /// [`Scene::Order`] at a provider that lets a closed attempt be paid.
    OrderForgiving,
    /// [`Scene::Order`] with a restore.
    OrderRestored,
}

impl Scene {
    /// Those that take seconds without optimisation: searched by `cargo test`.
    pub const SMALL: &[Scene] = &[
        Scene::WrongAmount,
        Scene::TwoAttempts,
        Scene::PaidTwice,
        Scene::Forgiving,
        Scene::Refunds,
        Scene::RefundsOfTwo,
        Scene::Row,
        Scene::OneReference,
        Scene::Twins,
        Scene::MoneyRestored,
    ];
    /// Searched beside the small ones by the program.
    pub const MIDDLE: &[Scene] = &[Scene::Order, Scene::OrderPaidTwice];
    /// Searched with `--large`.
    pub const LARGE: &[Scene] = &[Scene::OrderForgiving, Scene::OrderRestored];

    /// Its name for people.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// Searches it, with guards taken out or without, until `limit` states were found.
    pub fn run(self, mutants: Mutants, limit: usize) -> Searched {
        let money = |world: Money| search(&world, limit);
        match self {
            Scene::WrongAmount => money(Money::new(vec![one_order()[0], one_order()[2]], mutants)),
            Scene::TwoAttempts => money(Money::new(one_order()[..2].to_vec(), mutants)),
            Scene::PaidTwice => money(Money::new(paid_twice()[..2].to_vec(), mutants)),
            Scene::Forgiving => money(Money::new(one_order()[..2].to_vec(), mutants).forgiving()),
            Scene::Refunds => money(Money::refunds(1, mutants)),
            Scene::RefundsOfTwo => money(Money::refunds(2, mutants)),
            Scene::Row => money(Money::row(mutants)),
            Scene::OneReference => money(Money::new(one_reference(), mutants)),
            Scene::Twins => money(Money::new(twins(), mutants)),
            Scene::MoneyRestored => money(Money::new(paid_twice()[..2].to_vec(), mutants).restores()),
            Scene::Order => money(Money::new(one_order(), mutants)),
            Scene::OrderPaidTwice => money(Money::new(paid_twice(), mutants)),
            Scene::OrderForgiving => money(Money::new(one_order(), mutants).forgiving()),
            Scene::OrderRestored => money(Money::new(one_order(), mutants).restores()),
        }
    }
}
