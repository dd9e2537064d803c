//! `decide` and the store's writes say the same on the same states: what the one permits the other applies, and what the one
//! refuses the other refuses, with the same next state.

use domain::OrderId;
use domain::order::{Event, Order, Refusal, State, decide};
use std::sync::Arc;
use store::Outcome;
use store::writes::NewOrder;
use tests::orders::{FINGERPRINT, NOW, events, order, payments};
use tests::standing::{Bench, no_details};
use tests::taps::Unguarded;

/// Every state, both with and without review, and no order at all.
pub fn lives(id: OrderId) -> Vec<Option<Order>> {
    let mut lives = vec![None];
    for state in State::ALL {
        lives.push(Some(order(id, state, false)));
    }
    for state in [State::Held, State::Review, State::Paid, State::Late] {
        lives.push(Some(order(id, state, true)));
    }
    lives
}

async fn pay_agrees(tap: Option<Arc<Unguarded>>) -> Vec<String> {
    let mut bench = Bench::new(200).await;
    let app = match tap {
        Some(tap) => bench.shop.tapped(tap).1,
        None => bench.shop.app.clone(),
    };
    let mut disagreements = Vec::new();
    for life in 0..lives(OrderId([0; 15])).len() {
        for case in 0..payments(OrderId([0; 15])).len() {
            let id = bench.id();
            let life = lives(id).remove(life);
            let (name, payment) = payments(id).remove(case);
            if let Some(order) = &life {
                bench.put(order).await;
            }
            let said = decide(life.as_ref(), &Event::MoneyProven(payment.clone()), NOW);
            let permitted = matches!(&said, Ok(d) if d.next == Some(State::Paid));
            let wrote = app.store.pay(&payment, NOW).await.unwrap();
            let now = app.store.order(&id).await.unwrap();
            let agrees = match &wrote {
                Outcome::Applied(order) => {
                    permitted
                        && now.as_ref() == Some(order)
                        && order.state == State::Paid
                        && order.settled.as_ref().is_some_and(|s| s.txn == payment.txn && s.attempt == 1)
                }
                // "Already" is what decide calls: send it again.
                Outcome::AlreadyApplied(order) => {
                    !permitted && order.state == State::Paid && now == life && now.as_ref() == Some(order)
                }
                Outcome::Refused(found) => !permitted && *found == life && now == life,
            };
            if !agrees {
                let state = life.map_or("absent", |o| o.state.as_str());
                disagreements.push(format!("{name} at {state}: decide {said:?}, write {wrote:?}"));
            }
        }
    }
    disagreements
}

#[tokio::test]
async fn the_write_pay_and_decide_agree_everywhere() {
    assert_eq!(pay_agrees(None).await, Vec::<String>::new());
}

/// Planted: each guard of W1 switched off in turn. Each is needed: without it the agreement breaks.
#[tokio::test]
async fn planted_each_guard_of_pay_is_needed() {
    for guard in [
        "#st = :held",
        "#att.#1.#no = :no",
        "#att.#1.#acct = :acct",
        "#att.#1.#minor = :minor",
        "#att.#1.#cur = :cur",
        "attribute_not_exists(#rv)",
    ] {
        let bug = Arc::new(Unguarded::new("UpdateItem", "#att_paid", guard));
        let disagreements = pay_agrees(Some(bug.clone())).await;
        assert!(bug.hits() > 0, "{guard} never met its write");
        assert!(!disagreements.is_empty(), "without {guard} nothing is noticed");
    }
}

#[tokio::test]
async fn the_write_deliver_and_decide_agree_everywhere() {
    let mut bench = Bench::new(201).await;
    for life in 0..lives(OrderId([0; 15])).len() {
        for generation in [0, 1, 2] {
            let id = bench.id();
            let life = lives(id).remove(life);
            if let Some(order) = &life {
                bench.put(order).await;
            }
            let store = &bench.shop.app.store;
            let said = decide(life.as_ref(), &Event::CardsOpened { generation }, NOW);
            let wrote = store.deliver(&id, generation, NOW).await.unwrap();
            let now = store.order(&id).await.unwrap();
            let what = format!("generation {generation} at {life:?}: {said:?}, {wrote:?}");
            match wrote {
                Outcome::Applied(order) => {
                    assert!(matches!(&said, Ok(d) if d.next == Some(State::Delivered)), "{what}");
                    assert_eq!((order.state, now.as_ref()), (State::Delivered, Some(&order)), "{what}");
                }
                Outcome::AlreadyApplied(_) => assert_eq!((said, &now), (Err(Refusal::AlreadyDone), &life), "{what}"),
                Outcome::Refused(found) => {
                    assert!(matches!(&said, Err(r) if *r != Refusal::AlreadyDone), "{what}");
                    assert_eq!((&found, &now), (&life, &life), "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_writes_place_and_void_and_decide_agree_everywhere() {
    let mut bench = Bench::new(202).await;
    for life in 0..lives(OrderId([0; 15])).len() {
        for (_, event) in events(OrderId([0; 15])).into_iter().take(3) {
            let id = bench.id();
            let life = lives(id).remove(life);
            if let Some(order) = &life {
                bench.put(order).await;
            }
            let store = &bench.shop.app.store;
            let said = decide(life.as_ref(), &event, NOW);
            let what = format!("{event:?} at {life:?}: {said:?}");
            let applied = match &event {
                Event::Placed { fingerprint } => {
                    let new = Order { fingerprint: *fingerprint, ..order(id, State::Held, false) };
                    match store.place_order(&NewOrder { order: new, details: no_details() }).await.unwrap() {
                        Outcome::Applied(_) => Ok(()),
                        Outcome::AlreadyApplied(found) => {
                            assert_eq!((Some(&found), *fingerprint), (life.as_ref(), FINGERPRINT), "{what}");
                            Err(Refusal::AlreadyDone)
                        }
                        Outcome::Refused(found) if found.state == State::Void => Err(Refusal::Voided),
                        Outcome::Refused(_) => Err(Refusal::OtherRequest),
                    }
                }
                _ => match store
                    .void(&id, &domain::ProductId::parse("p").unwrap(), domain::order::Why::SoldOut, NOW)
                    .await
                    .unwrap()
                {
                    Outcome::Applied(_) => Ok(()),
                    Outcome::AlreadyApplied(_) => Err(Refusal::AlreadyDone),
                    Outcome::Refused(_) => Err(Refusal::WrongState),
                },
            };
            assert_eq!(applied, said.map(drop), "{what}");
        }
    }
}
