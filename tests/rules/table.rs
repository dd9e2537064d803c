//! The whole table of states and events, as reviewed text.

use domain::OrderId;
use domain::order::{Event, Order, Refusal, State, Why, decide};
use rules::orders::{NOW, events, order};
use std::collections::BTreeSet;

fn cell(order: Option<&Order>, event: &Event) -> String {
    match decide(order, event, NOW) {
        Err(refusal) => format!("– {refusal:?}"),
        Ok(decision) => {
            let mut text = decision.next.map_or("stays".to_owned(), |s| s.as_str().to_owned());
            if decision.raise > 0 {
                text += &format!(" g+{}", decision.raise);
            }
            if let Some(why) = decision.why {
                text += &format!(" ({})", why.as_str());
            }
            if !decision.effects.is_empty() {
                text += &format!(" → {:?}", decision.effects).replace(['[', ']'], "");
            }
            text
        }
    }
}

#[test]
fn every_cell_of_the_table() {
    let id = OrderId([1; 15]);
    let mut text = String::new();
    for (name, event) in events(id) {
        text += &format!("{name}\n  absent       {}\n", cell(None, &event));
        for state in State::ALL {
            text += &format!("  {:<12} {}\n", state.as_str(), cell(Some(&order(id, state, false)), &event));
        }
        for state in [State::Held, State::Late, State::Review, State::Paid] {
            let risky = cell(Some(&order(id, state, true)), &event);
            if risky != cell(Some(&order(id, state, false)), &event) {
                text += &format!("  {:<12} {risky}\n", format!("{} risk", state.as_str()));
            }
        }
    }
    insta::assert_snapshot!("table", text);
}

/// Invariant 7: moves go forward only. Every move of the table is one of these, and no life can return to a state it left.
#[test]
fn moves_go_forward_only() {
    let id = OrderId([1; 15]);
    let rank = |s: State| match s {
        State::Void | State::Held => 0,
        State::Expired => 1,
        State::Late => 2,
        State::Review => 3,
        State::Paid => 4,
        State::Delivered | State::RefundDue => 5,
        State::Refunded => 6,
    };
    let mut moves = BTreeSet::new();
    for state in State::ALL {
        for to_review in [false, true] {
            for (_, event) in events(id) {
                if let Ok(decision) = decide(Some(&order(id, state, to_review)), &event, NOW)
                    && let Some(next) = decision.next
                {
                    assert!(rank(next) > rank(state), "{state:?} to {next:?}");
                    assert_ne!(state, State::Delivered, "from DELIVERED on nothing changes");
                    assert!(state.may_become(next) && !next.may_become(state), "{state:?} to {next:?}");
                    moves.insert(format!("{} to {}", state.as_str(), next.as_str()));
                }
            }
        }
    }
    let expected = [
        "EXPIRED to LATE",
        "HELD to EXPIRED",
        "HELD to PAID",
        "HELD to REVIEW",
        "LATE to PAID",
        "LATE to REFUND_DUE",
        "LATE to REVIEW",
        "PAID to DELIVERED",
        "PAID to REFUND_DUE",
        "REFUND_DUE to REFUNDED",
        "REVIEW to PAID",
        "REVIEW to REFUND_DUE",
    ];
    assert_eq!(moves.into_iter().collect::<Vec<_>>(), expected);
    for end in [State::Void, State::Delivered, State::Refunded] {
        assert!(State::ALL.into_iter().all(|later| end.may_become(later) == (later == end)), "{end:?} is an end");
    }
}

/// What may come of a state is what the moves lead to, one after the other, and nothing else.
#[test]
fn what_may_become_of_a_state_is_where_its_moves_lead() {
    let id = OrderId([1; 15]);
    let mut reached: BTreeSet<(usize, usize)> = (0..State::ALL.len()).map(|at| (at, at)).collect();
    let place = |state: State| State::ALL.iter().position(|s| *s == state).unwrap();
    for state in State::ALL {
        for (_, event) in events(id) {
            let next = |to_review| decide(Some(&order(id, state, to_review)), &event, NOW).ok()?.next;
            reached.extend([false, true].into_iter().filter_map(next).map(|next| (place(state), place(next))));
        }
    }
    for _ in State::ALL {
        let further: Vec<_> = reached
            .iter()
            .flat_map(|(from, over)| reached.iter().filter(move |(o, _)| o == over).map(move |(_, to)| (*from, *to)))
            .collect();
        reached.extend(further);
    }
    for from in State::ALL {
        for to in State::ALL {
            assert_eq!(from.may_become(to), reached.contains(&(place(from), place(to))), "{from:?} to {to:?}");
        }
    }
}

/// A second press of the same button is a success; the same button about money that is owed back for another reason is not.
#[test]
fn a_refused_review_is_refused_once() {
    let id = OrderId([1; 15]);
    for state in [State::RefundDue, State::Refunded] {
        let refused = Order { why: Some(Why::Review), ..order(id, state, true) };
        assert_eq!(decide(Some(&refused), &Event::ReviewRefused, NOW), Err(Refusal::AlreadyDone));
        let returned = Order { why: Some(Why::Seller), ..refused };
        assert_eq!(decide(Some(&returned), &Event::ReviewRefused, NOW), Err(Refusal::WrongState));
    }
}

/// A hold that has not lapsed yet is too early, never wrong; an attempt nobody asked about comes before that.
#[test]
fn the_clock_decides_nothing_but_too_early() {
    let id = OrderId([1; 15]);
    let mut held = order(id, State::Held, false);
    held.expires_at = NOW;
    assert_eq!(decide(Some(&held), &Event::HoldLapsed { asked: 1 }, NOW), Err(Refusal::NotLapsed));
    assert_eq!(decide(Some(&held), &Event::HoldLapsed { asked: 0 }, NOW), Err(Refusal::AttemptAdded));
    for (_, event) in events(id).into_iter().filter(|(_, e)| !matches!(e, Event::HoldLapsed { .. })) {
        for state in State::ALL {
            let order = order(id, state, false);
            assert_eq!(decide(Some(&order), &event, i64::MIN), decide(Some(&order), &event, i64::MAX), "{event:?}");
        }
    }
}

/// Proven money is never answered with an error: it moves the order, or is known, or becomes a row.
#[test]
fn money_always_ends_somewhere() {
    let id = OrderId([1; 15]);
    let lives = std::iter::once(None)
        .chain(State::ALL.into_iter().flat_map(|s| [Some(order(id, s, false)), Some(order(id, s, true))]));
    for life in lives {
        for (name, event) in events(id).into_iter().filter(|(_, e)| matches!(e, Event::MoneyProven(_))) {
            match decide(life.as_ref(), &event, NOW) {
                Err(refusal) => assert_eq!(refusal, Refusal::AlreadyDone, "{name} at {life:?}"),
                Ok(decision) => {
                    assert!(decision.next.is_some() || !decision.effects.is_empty(), "{name} at {life:?} vanishes");
                }
            }
        }
    }
}
