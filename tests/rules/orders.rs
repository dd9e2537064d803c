//! What an order says of itself: its attempts, its money, its refunds; and the names of its guards.

use domain::OrderId;
use domain::guards::{as_if, event_name};
use domain::order::{Attempt, Event, Order, Settled, State};
use domain::refund::{Refund, RefundState, done, returned};
use rules::orders::{FINGERPRINT, number, order, payment, txn};

const ID: OrderId = OrderId([1; 15]);

/// An order with three attempts of 990, 1,990 and 2,990 fen.
fn tried_thrice(state: State) -> Order {
    let order = order(ID, state, false);
    let first = order.attempts[0].clone();
    let attempt = |n: u8| Attempt { no: number(ID, n), minor: 1_000 * i64::from(n) - 10, ..first.clone() };
    Order { attempts: (1..=3).map(attempt).collect(), ..order }
}

#[test]
fn attempts_are_counted_from_one() {
    let order = tried_thrice(State::Held);
    for n in 1..=3 {
        assert_eq!(order.attempt(n).unwrap().no.attempt, n);
    }
    assert!(order.attempt(0).is_none() && order.attempt(4).is_none());
    assert_eq!(order.newest_attempt().unwrap().no.attempt, 3);
    assert!(self::order(ID, State::Void, false).newest_attempt().is_none());
}

#[test]
fn what_was_paid_is_the_attempt_that_was_settled() {
    let unpaid = |order: &Order| order.unpaid_attempts().map(|a| a.no.attempt).collect::<Vec<_>>();
    let held = tried_thrice(State::Held);
    assert_eq!((held.paid_minor(), unpaid(&held)), (0, vec![1, 2, 3]));
    let settled = Some(Settled { txn: txn("first"), attempt: 2, mac: [2; 12] });
    let paid = Order { settled, ..tried_thrice(State::Paid) };
    assert_eq!((paid.paid_minor(), unpaid(&paid)), (1_990, vec![1, 3]));
}

#[test]
fn an_order_lives_with_stock_of_its_own() {
    let live: Vec<State> = State::ALL.into_iter().filter(|state| order(ID, *state, false).is_live()).collect();
    assert_eq!(live, [State::Held, State::Review, State::Paid, State::Delivered]);
}

#[test]
fn refunds_are_summed_by_how_far_they_came() {
    let refund =
        |minor, state| Refund { minor, state, by_hand: false, reference: String::new(), request: [0; 8], at: 0 };
    let refunds = [
        refund(1, RefundState::Started),
        refund(10, RefundState::Done),
        refund(100, RefundState::Failed),
        refund(1_000, RefundState::Done),
    ];
    assert_eq!((returned(&refunds), done(&refunds)), (1_011, 1_010));
    assert_eq!((returned(&[]), done(&[])), (0, 0));
}

/// These names stand in the committed table of planted bugs.
#[test]
fn guards_are_named_after_rule_and_states() {
    assert_eq!(as_if("decide: Placed", "HELD", "absent"), "decide: Placed takes HELD for absent");
    assert_eq!(event_name(&Event::GivenUp), "GivenUp");
    assert_eq!(event_name(&Event::Placed { fingerprint: FINGERPRINT }), "Placed");
    assert_eq!(event_name(&Event::MoneyProven(payment(ID, "first"))), "MoneyProven");
}

/// Without the feature a guard is its condition and no wrong way is gone: what is deployed is what is tested.
#[test]
fn a_guard_is_its_condition() {
    use domain::guards::{holds, planted};
    assert!(holds("a guard", true) && !holds("a guard", false) && !planted("a wrong way"));
}
