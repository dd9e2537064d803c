//! From a planted fault to the seller's phone: handlers count, alarms ring by their own periods, SNS calls `notify`, and a strict
//! DingTalk robot takes the message over HTTP.

use crate::watched::{Broken, SECOND, Watched, check};
use domain::limits::RECEIVES_MAX;
use http::Method;
use local::alarms::{State, sns_event};
use local::poller;
use local::roles::acting_as;
use serde_json::json;
use tests::TestShop;
use tests::receivers::Receivers;
use tests::shop::cards;

/// How soon, in virtual time, from the moment of the fault.
const TOLD_MS: i64 = 15 * SECOND;

/// A watched shop whose seller has a robot in DingTalk that wants to hear of faults.
async fn watched(seed: u64) -> (Watched, Receivers) {
    let robot = Receivers::start().await;
    let shop = TestShop::pushing(seed, None).await;
    robot.follow(shop.world.clock());
    let token = shop.sign_in().await;
    let receiver = json!({"channel": robot.channel("dingtalk"), "kinds": ["fault"]});
    let (status, answer) = shop.admin(Method::PUT, "/api/admin/pushes/phone", &token, receiver.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    shop.product("p", 990, &cards("C", 5)).await;
    (Watched::over(shop), robot)
}

/// Lets time pass until `alarm` has rung, hands the change to `notify` as SNS does, and answers how long it took to reach the robot.
async fn told(watched: &mut Watched, robot: &Receivers, alarm: &str, fault: i64) -> i64 {
    for _ in 0..TOLD_MS / SECOND {
        watched.pass(SECOND);
        let rang = watched.changes.iter().find(|change| {
            change.new == State::Alarm && change.at > fault && change.definition.name == format!("kamivend-{alarm}")
        });
        let Some(change) = rang else { continue };
        let event = sns_event(change);
        acting_as("notify", functions::notify::handle(&watched.shop.app, event)).await.unwrap();
        assert_eq!(robot.refusals(), Vec::<String>::new(), "the robot is strict");
        let taken = robot.take();
        assert_eq!(taken.len(), 1, "{taken:?}");
        assert_eq!(taken[0].provider, "dingtalk");
        let said = format!("{} {}", taken[0].title, taken[0].text);
        assert!(said.contains(alarm), "{said}");
        return watched.now() - fault;
    }
    panic!("{alarm} told nobody within {TOLD_MS} ms; rang: {:?}", watched.rang());
}

#[tokio::test]
async fn paid_and_not_delivered_reaches_the_phone() {
    for moment in [0, 9_999] {
        let (mut watched, robot) = watched(931).await;
        let buyer = watched.shop.order("a-buyer-with-the-fault-0", "p", 1).await;
        watched.pass(moment);
        let vault = Broken::vault();
        let (_, app) = watched.shop.tapped(vault.clone());
        let fault = watched.now();
        watched.shop.pay(&buyer, "T1").await;
        assert_eq!(poller::poll(&watched.shop.world, &app, 0).await.failed, 1);
        let took = told(&mut watched, &robot, "DeliveryFailing", fault).await;
        assert!(took <= TOLD_MS, "{took} ms");
        vault.set(false);
        watched.shop.pass(60 * SECOND);
        watched.shop.deliver_all().await;
        assert_eq!(watched.shop.keys(&buyer).await.len(), 1, "and the buyer has the key");
    }
}

#[tokio::test]
async fn a_failing_channel_reaches_the_phone() {
    let (mut watched, robot) = watched(932).await;
    let mut buyers = Vec::new();
    for n in 0..3 {
        buyers.push(watched.shop.order(&format!("a-buyer-who-waits-000-{n}"), "p", 1).await);
    }
    watched.pass(3_700);
    let (front, _) = watched.shop.tapped(Broken::provider());
    let fault = watched.now();
    for buyer in &buyers {
        check(&front, buyer).await;
    }
    let took = told(&mut watched, &robot, "ChannelFailing", fault).await;
    assert!(took <= TOLD_MS, "{took} ms");
}

#[tokio::test]
async fn a_dead_letter_reaches_the_phone() {
    let (mut watched, robot) = watched(933).await;
    watched.shop.leave_unfinished();
    watched.poison().await;
    // It fails until it is set aside; the fault is its last failure.
    for n in 1..=RECEIVES_MAX {
        assert_eq!(watched.deliver_once().await.failed, 1);
        if n < RECEIVES_MAX {
            watched.pass(61 * SECOND);
        }
    }
    let fault = watched.now();
    let took = told(&mut watched, &robot, "DeadLetter", fault).await;
    assert!(took <= TOLD_MS, "{took} ms");
}
