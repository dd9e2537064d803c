//! Every other move of an order: what `decide` permits, the write applies, and what the one refuses the other refuses, with the
//! same next state and generation.

use crate::agreement::lives;
use domain::OrderId;
use domain::order::{Due, DueKind, Event, Order, Refusal, State, Why, decide};
use domain::refund::{Refund, RefundState};
use domain::stock::SlotRun;
use store::writes::{Adopted, Found};
use store::{Outcome, Store, StoreError};
use tests::orders::{NOW, events, order, payments};
use tests::standing::Bench;

/// The write of a move, as it is called for an order that was read before.
async fn write(store: &Store, read: &Order, event: &Event) -> Option<Result<Outcome<Order, Found>, StoreError>> {
    let due = Due { kind: DueKind::Ask, at: NOW };
    let slots = [SlotRun { strip: 3, first: 0, len: 1, width: 48 }];
    Some(match event {
        Event::HoldLapsed { asked } => store.lapse(read, *asked, NOW, due).await,
        Event::BuyerCancelled { asked } => store.cancel(read, *asked, Why::Cancelled, due).await,
        Event::ChannelFailed { asked } => store.cancel(read, *asked, Why::Failed, due).await,
        Event::ReviewPassed => store.pass_review(read, NOW).await,
        Event::ReviewRefused => store.refuse_review(read, NOW).await,
        // A tombstone has no quantity that any slots could fit.
        Event::StockFound if read.quantity == 0 => return None,
        Event::StockFound => store.adopt(read, &Adopted { runs: &slots, mac: [4; 12] }, NOW).await,
        Event::StockMissing => store.refund_late(read, NOW).await,
        Event::SellerRefunds => store.refund_undelivered(read, NOW).await,
        _ => return None,
    })
}

#[tokio::test]
async fn every_move_and_its_write_agree_everywhere() {
    let mut bench = Bench::new(203).await;
    let (mut applied, mut refused) = (0, 0);
    for life in 0..lives(OrderId([0; 15])).len() {
        for case in 0..events(OrderId([0; 15])).len() {
            let id = bench.id();
            let (name, event) = events(id).remove(case);
            let Some(life) = lives(id).remove(life) else { continue };
            bench.put(&life).await;
            let store = &bench.shop.app.store;
            let Some(wrote) = write(store, &life, &event).await else { continue };
            let now = store.order(&id).await.unwrap().unwrap();
            let said = decide(Some(&life), &event, NOW);
            let what = format!("{name} at {} (review {}): {said:?}", life.state.as_str(), life.to_review);
            match wrote.unwrap() {
                Outcome::Applied(after) => {
                    applied += 1;
                    let decision = said.unwrap_or_else(|refusal| panic!("{what}: applied, and {refusal:?}"));
                    assert_eq!(Some(after.state), decision.next, "{what}");
                    assert_eq!(after.generation, life.generation + decision.raise, "{what}");
                    assert!(decision.why.is_none_or(|why| after.why == Some(why)), "{what}: {:?}", after.why);
                    assert_eq!(now, after, "{what}");
                    // Whatever owns no slot and is not at an end stands in the list.
                    let unfinished = !after.is_live() || after.state == State::Review;
                    assert!(!unfinished || after.due.is_some(), "{what}: in no list");
                }
                Outcome::AlreadyApplied(found) => {
                    // A late order that was adopted before is refused by its state; its driver finds its own work.
                    let by_state = matches!(event, Event::StockFound | Event::StockMissing);
                    assert!(by_state || said == Err(Refusal::AlreadyDone), "{what}");
                    assert_eq!((&now, &found), (&life, &life), "{what}");
                }
                Outcome::Refused(found) => {
                    refused += 1;
                    assert!(said.is_err(), "{what}: refused");
                    assert_eq!((&now, found.as_ref()), (&life, Some(&life)), "{what}");
                }
            }
        }
    }
    assert!(applied >= 9 && refused > 60, "{applied} applied, {refused} refused");
}

/// W2 and V1 take exactly the money that `decide` calls late, or to be reviewed.
#[tokio::test]
async fn late_money_and_money_for_review_agree_everywhere() {
    let mut bench = Bench::new(204).await;
    for life in 0..lives(OrderId([0; 15])).len() {
        for case in 0..payments(OrderId([0; 15])).len() {
            for wanted in [State::Late, State::Review] {
                let id = bench.id();
                let (name, payment) = payments(id).remove(case);
                let life = lives(id).remove(life);
                if let Some(order) = &life {
                    bench.put(order).await;
                }
                let store = &bench.shop.app.store;
                let wrote = match wanted {
                    State::Late => store.pay_late(&payment, NOW).await.unwrap(),
                    _ => store.pay_for_review(&payment, NOW).await.unwrap(),
                };
                let said = decide(life.as_ref(), &Event::MoneyProven(payment.clone()), NOW);
                let permitted = matches!(&said, Ok(d) if d.next == Some(wanted));
                let what = format!("{name} at {life:?}: {said:?}, {wrote:?}");
                match wrote {
                    Outcome::Applied(after) => {
                        assert!(permitted, "{what}");
                        assert_eq!(after.state, wanted, "{what}");
                        assert!(after.due.is_some(), "{what}: in no list");
                        assert!(after.settled.is_some_and(|s| s.txn == payment.txn && s.mac == payment.mac), "{what}");
                    }
                    Outcome::AlreadyApplied(found) => assert!(!permitted && found.state == wanted, "{what}"),
                    Outcome::Refused(found) => {
                        assert!(!permitted, "{what}");
                        assert_eq!(found, life, "{what}");
                    }
                }
            }
        }
    }
}

fn refund(minor: i64, request: u8) -> Refund {
    Refund {
        minor,
        state: RefundState::Started,
        by_hand: false,
        reference: String::new(),
        request: [request; 8],
        at: NOW,
    }
}

/// F1, F2, F3: numbered by what was read, never two of one number, and only the last of the money ends the order.
#[tokio::test]
async fn refunds_are_numbered_and_end_the_order_with_the_last_of_the_money() {
    let mut bench = Bench::new(205).await;
    let id = bench.id();
    let due = order(id, State::RefundDue, false);
    bench.put(&due).await;
    let store = &bench.shop.app.store;
    let Outcome::Applied(one) = store.start_refund(&due, &refund(990, 1)).await.unwrap() else { panic!() };
    // The same request is the same refund; another one on the old reading is refused.
    assert!(matches!(store.start_refund(&due, &refund(990, 1)).await.unwrap(), Outcome::AlreadyApplied(_)));
    assert!(matches!(store.start_refund(&due, &refund(990, 2)).await.unwrap(), Outcome::Refused(Some(_))));
    let Outcome::Applied(failed) = store.fail_refund(&one, 1, "no").await.unwrap() else { panic!() };
    assert_eq!((failed.state, failed.due.is_some()), (State::RefundDue, true), "what is owed stays owed");
    assert!(matches!(store.finish_refund(&failed, 1, "late").await.unwrap(), Outcome::Refused(_)));
    let Outcome::Applied(two) = store.start_refund(&failed, &refund(990, 3)).await.unwrap() else { panic!() };
    let Outcome::Applied(done) = store.finish_refund(&two, 2, "done").await.unwrap() else { panic!() };
    assert_eq!((done.state, done.due), (State::Refunded, None));
    assert!(matches!(store.finish_refund(&two, 2, "done").await.unwrap(), Outcome::AlreadyApplied(_)));
    assert!(store.start_refund(&done, &refund(1, 4)).await.is_err(), "nothing is left to return");

    // Of a delivered order in two parts: the list is left with the last of them, and the state never changes.
    let id = bench.id();
    let delivered = order(id, State::Delivered, false);
    bench.put(&delivered).await;
    let store = &bench.shop.app.store;
    let Outcome::Applied(one) = store.start_refund(&delivered, &refund(400, 1)).await.unwrap() else { panic!() };
    let Outcome::Applied(two) = store.start_refund(&one, &refund(590, 2)).await.unwrap() else { panic!() };
    // On the reading from before the second one the first must not empty the list.
    assert!(matches!(store.finish_refund(&one, 1, "done").await.unwrap(), Outcome::Refused(_)));
    let Outcome::Applied(first) = store.finish_refund(&two, 1, "done").await.unwrap() else { panic!() };
    assert_eq!((first.state, first.due.is_some()), (State::Delivered, true));
    let Outcome::Applied(last) = store.finish_refund(&first, 2, "done").await.unwrap() else { panic!() };
    assert_eq!((last.state, last.due, last.generation), (State::Delivered, None, delivered.generation));
}
