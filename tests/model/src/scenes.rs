//! The worlds that are searched, by name.

use crate::engine::{Searched, search};
use crate::import::Import;
use crate::money::{Money, one_order, one_reference, paid_twice, twins};
use crate::mutants::Mutants;
use crate::slots::{SMALLEST, Size, Slots};

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
    /// Two orders for the two cards of one strip.
    Strip,
    /// The same, and the first order has to be reviewed.
    StripReviewed,
    /// One order of one card, created twice at once.
    Tries,
    /// One order of two cards, created twice at once, for three cards of one strip.
    TwoCards,
    /// The same for two strips of one card each.
    TwoStrips,
    /// One order, two strips of one card, marks, and a card that the seller removes.
    Marks,
    /// One order for a strip of three cards, one of which the seller removes.
    Removal,
    /// One order and a second strip that is short.
    Pad,
    /// One key that is sent for two products at once.
    Products,
    /// Two orders for one card, and strips that are put back to an earlier state.
    StripRestored,
    /// Two orders, two strips of one card.
    TwoStripsTwoOrders,
    /// Two orders for the two cards of a strip, one of which the seller removes; review.
    StripRemoval,
    /// Two orders, two strips of one card, marks and a removal.
    MarksTwoOrders,
    /// Two orders of two cards for three cards of a strip.
    TwoCardsTwoOrders,
    /// Two orders and both created twice at once.
    TriesTwoOrders,
    /// Two orders of two cards, two strips, the second of which is short.
    PadTwoOrders,
    /// Three orders for two cards.
    ThreeOrders,
    /// Two orders for two products, each key sent for both.
    ProductsTwoOrders,
    /// Two orders for two cards, and a restore.
    StripRestoredTwoCards,
    /// The same part brought in by two executions.
    RunsTwice,
    /// Two imports that share a card.
    TwoImports,
    /// Two imports that share a card, one of them executed twice.
    ThreeRuns,
    /// One part brought in by three executions.
    RunsThrice,
    /// Two imports of the same two cards, both executed twice, the second time in part.
    FourRuns,
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
        Scene::Strip,
        Scene::StripReviewed,
        Scene::Tries,
        Scene::TwoCards,
        Scene::TwoStrips,
        Scene::Marks,
        Scene::Removal,
        Scene::Pad,
        Scene::Products,
        Scene::StripRestored,
        Scene::RunsTwice,
        Scene::TwoImports,
    ];
    /// Searched beside the small ones by the program.
    pub const MIDDLE: &[Scene] =
        &[Scene::Order, Scene::OrderPaidTwice, Scene::TwoStripsTwoOrders, Scene::StripRemoval, Scene::ThreeRuns];
    /// Searched with `--large`.
    pub const LARGE: &[Scene] = &[
        Scene::OrderForgiving,
        Scene::OrderRestored,
        Scene::MarksTwoOrders,
        Scene::TwoCardsTwoOrders,
        Scene::TriesTwoOrders,
        Scene::PadTwoOrders,
        Scene::ThreeOrders,
        Scene::ProductsTwoOrders,
        Scene::StripRestoredTwoCards,
        Scene::RunsThrice,
        Scene::FourRuns,
    ];

    /// Its name for people.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// Searches it, with guards taken out or without, until `limit` states were found.
    pub fn run(self, mutants: Mutants, limit: usize) -> Searched {
        let money = |world: Money| search(&world, limit);
        let slots = |size: Size| search(&Slots::new(size, mutants), limit);
        let import = |runs: &[(u8, u8)]| search(&Import::new(runs, mutants), limit);
        let one = Size { orders: 1, ..SMALLEST };
        let ones = Size { strips: 2, cards: 1, ..SMALLEST };
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
            Scene::Strip => slots(SMALLEST),
            Scene::StripReviewed => slots(Size { review: true, ..SMALLEST }),
            Scene::Tries => slots(Size { tries: 2, ..one }),
            Scene::TwoCards => slots(Size { cards: 3, quantity: 2, tries: 2, ..one }),
            Scene::TwoStrips => slots(Size { on_sale: 2, quantity: 2, tries: 2, orders: 1, ..ones }),
            Scene::Marks => slots(Size { removals: 1, marks: true, orders: 1, ..ones }),
            Scene::Removal => slots(Size { cards: 3, removals: 1, ..one }),
            Scene::Pad => slots(Size { strips: 2, pad: 1, on_sale: 2, marks: true, ..one }),
            Scene::Products => slots(Size { tries: 2, orders: 1, two_products: true, ..ones }),
            Scene::StripRestored => slots(Size { cards: 1, restores: true, ..SMALLEST }),
            Scene::TwoStripsTwoOrders => slots(ones),
            Scene::StripRemoval => slots(Size { removals: 1, review: true, ..SMALLEST }),
            Scene::MarksTwoOrders => slots(Size { removals: 1, marks: true, ..ones }),
            Scene::TwoCardsTwoOrders => slots(Size { cards: 3, quantity: 2, ..SMALLEST }),
            Scene::TriesTwoOrders => slots(Size { tries: 2, ..SMALLEST }),
            Scene::PadTwoOrders => slots(Size { strips: 2, pad: 1, on_sale: 2, quantity: 2, ..SMALLEST }),
            Scene::ThreeOrders => slots(Size { orders: 3, ..SMALLEST }),
            Scene::ProductsTwoOrders => slots(Size { tries: 2, two_products: true, ..ones }),
            Scene::StripRestoredTwoCards => slots(Size { restores: true, ..SMALLEST }),
            Scene::RunsTwice => import(&[(0, 3), (0, 3)]),
            Scene::TwoImports => import(&[(0, 3), (1, 1)]),
            Scene::ThreeRuns => import(&[(0, 3), (1, 1), (0, 3)]),
            Scene::RunsThrice => import(&[(0, 3), (0, 3), (0, 3)]),
            Scene::FourRuns => import(&[(0, 3), (1, 3), (0, 3), (1, 1)]),
        }
    }
}
