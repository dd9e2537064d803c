//! The words that stand in the tables and in the API: each is read as what it was written for, and nothing else is read.

use domain::order::{DueKind, Lang, MoneyReason, State, Why};
use domain::refund::{MoneyState, RefundState};
use std::fmt::Debug;

/// Holds that these are the words, and that everything else is none.
fn words<T: PartialEq + Debug>(all: &[(T, &str)], word: impl Fn(&T) -> &'static str, read: impl Fn(&str) -> Option<T>) {
    for (value, text) in all {
        assert_eq!(word(value), *text);
        assert_eq!(read(text).as_ref(), Some(value), "{text}");
        for wrong in [format!("{text} "), text.to_uppercase().to_lowercase() + "x", String::new()] {
            assert_eq!(read(&wrong), None, "{wrong:?}");
        }
    }
}

#[test]
fn states_of_an_order() {
    let all = [
        (State::Void, "VOID"),
        (State::Held, "HELD"),
        (State::Review, "REVIEW"),
        (State::Paid, "PAID"),
        (State::Delivered, "DELIVERED"),
        (State::Expired, "EXPIRED"),
        (State::Late, "LATE"),
        (State::RefundDue, "REFUND_DUE"),
        (State::Refunded, "REFUNDED"),
    ];
    assert_eq!(all.each_ref().map(|(state, _)| *state), State::ALL);
    words(&all, State::as_str, State::parse);
    assert_eq!(State::parse("held"), None);
}

#[test]
fn reasons_of_an_end() {
    let all = [
        (Why::Expired, "expired"),
        (Why::Cancelled, "cancelled"),
        (Why::Failed, "failed"),
        (Why::SoldOut, "sold_out"),
        (Why::Abandoned, "abandoned"),
        (Why::Seller, "seller"),
        (Why::Review, "review"),
        (Why::TooMany, "too_many_holds"),
    ];
    assert_eq!(all.each_ref().map(|(why, _)| *why), Why::ALL);
    words(&all, Why::as_str, Why::parse);
}

#[test]
fn unfinished_business() {
    let all = [
        (DueKind::Ask, "ask"),
        (DueKind::Late, "late"),
        (DueKind::Review, "review"),
        (DueKind::Refund, "refund"),
        (DueKind::Person, "person"),
        (DueKind::Money, "money"),
        (DueKind::Alarm, "alarm"),
    ];
    assert_eq!(all.each_ref().map(|(kind, _)| *kind), DueKind::ALL);
    words(&all, DueKind::as_str, DueKind::parse);
}

#[test]
fn refunds_and_rows_of_money() {
    let all = [(RefundState::Started, "started"), (RefundState::Done, "done"), (RefundState::Failed, "failed")];
    assert_eq!(all.each_ref().map(|(state, _)| *state), RefundState::ALL);
    words(&all, RefundState::as_str, RefundState::parse);
    let all = [
        (MoneyState::Open, "open"),
        (MoneyState::Refunding, "refunding"),
        (MoneyState::Refunded, "refunded"),
        (MoneyState::Kept, "kept"),
    ];
    assert_eq!(all.each_ref().map(|(state, _)| *state), MoneyState::ALL);
    words(&all, MoneyState::as_str, MoneyState::parse);
}

#[test]
fn languages_of_buyers() {
    words(&[(Lang::Zh, "zh"), (Lang::En, "en")], |lang| lang.as_str(), Lang::parse);
    assert_eq!(Lang::default(), Lang::Zh);
}

#[test]
fn why_money_settles_nothing() {
    let all = [
        (MoneyReason::UnknownOrder, "unknown_order"),
        (MoneyReason::UnknownAttempt, "unknown_attempt"),
        (MoneyReason::WrongAmount, "wrong_amount"),
        (MoneyReason::Double, "double"),
    ];
    for (reason, word) in all {
        assert_eq!(reason.as_str(), word);
    }
}
