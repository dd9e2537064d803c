//! Faults, and how soon somebody is told.

use crate::watched::{Broken, HIDDEN, MINUTE, SECOND, Watched, check, is_fault};
use functions::reconcile::Job;
use local::alarms::State;
use local::poller;
use serde_json::json;
use tests::shop::cards;
use tests::{Buyer, TestShop};

/// How soon, in virtual time, from the moment of the fault.
const TOLD_MS: i64 = 15 * SECOND;

/// Moments within the ten seconds of a period at which a fault may begin.
const MOMENTS: [i64; 4] = [0, 1, 3_700, 9_999];

#[tokio::test(start_paused = true)]
async fn a_vault_that_does_not_answer_is_told_within_fifteen_seconds() {
    for moment in MOMENTS {
        let mut watched = Watched::new(901).await;
        watched.shop.product("p", 990, &cards("C", 3)).await;
        let first = watched.shop.order("a-buyer-before-the-fault", "p", 1).await;
        watched.shop.pay(&first, "T1").await;
        watched.shop.deliver_all().await;
        watched.minutes(3).await;
        watched.pass(moment);
        let vault = Broken::vault();
        let (front, app) = watched.shop.tapped(vault.clone());
        let fault = watched.now();
        let buyer = watched.shop.order("a-buyer-with-the-fault", "p", 1).await;
        watched.shop.pay(&buyer, "T2").await;
        assert_eq!(poller::poll(&watched.shop.world, &app, 0).await.failed, 1);
        watched.pass(TOLD_MS);
        let told = watched.first("DeliveryFailing", State::Alarm, fault).expect("an alarm");
        assert!(told - fault <= TOLD_MS, "told after {} ms, at {moment}", told - fault);
        assert_eq!(watched.rang(), ["DeliveryFailing"]);

        // The fault goes on: the timer finds the order paid and not delivered.
        for _ in 0..3 {
            watched.pass(MINUTE);
            watched.timer(Job::Reconcile).await;
            poller::poll(&watched.shop.world, &app, 0).await;
        }
        watched.pass(MINUTE);
        assert!(watched.first("PaidNotDelivered", State::Alarm, fault).is_some(), "{:?}", watched.rang());

        // It ends, and both say so.
        vault.set(false);
        let mended = watched.now();
        drop(front);
        watched.pass(HIDDEN);
        watched.shop.deliver_all().await;
        assert_eq!(watched.shop.keys(&buyer).await.len(), 1);
        watched.minutes(6).await;
        for alarm in ["DeliveryFailing", "PaidNotDelivered"] {
            let over = watched.first(alarm, State::Ok, fault);
            assert!(over.is_some_and(|at| at > fault), "{alarm} is not over");
        }
        assert!(watched.first("PaidNotDelivered", State::Ok, mended).is_some());
    }
}

/// Cards that are there and do not open are no failed message; somebody is told all the same.
#[tokio::test(start_paused = true)]
async fn cards_that_do_not_open_are_told_within_fifteen_seconds() {
    let mut watched = Watched::new(902).await;
    watched.shop.leave_unfinished();
    watched.shop.product("p", 990, &cards("C", 2)).await;
    let vault = watched.shop.table(store::Table::Vault);
    let vault = vault.iter().map(|v| serde_json::from_str::<serde_json::Value>(v).unwrap());
    let vault = vault.into_iter().find(|v| v.get("e").is_some()).unwrap();
    let mut swapped = vault["e"]["L"].as_array().unwrap().clone();
    swapped.reverse();
    let update = json!({
        "TableName": "kamivend-vault", "Key": {"k": vault["k"]}, "UpdateExpression": "SET e = :e",
        "ExpressionAttributeValues": {":e": {"L": swapped}},
    });
    assert_eq!(watched.shop.world.engine.call("UpdateItem", update.to_string().as_bytes()).0, 200);
    let buyer = watched.shop.order("buyer-of-a-swapped-card", "p", 1).await;
    watched.pass(4_200);
    let fault = watched.now();
    watched.shop.pay(&buyer, "T1").await;
    watched.shop.deliver_all().await;
    watched.pass(TOLD_MS);
    let told = watched.first("DeliveryFailing", State::Alarm, fault).expect("an alarm");
    assert!(told - fault <= TOLD_MS, "told after {} ms", told - fault);
}

async fn buyers(watched: &Watched, count: usize) -> Vec<Buyer> {
    let mut buyers = Vec::new();
    for n in 0..count {
        buyers.push(watched.shop.order(&format!("a-buyer-who-waits-{n}"), "p", 1).await);
    }
    buyers
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_does_not_answer_is_told_within_fifteen_seconds() {
    for moment in MOMENTS {
        let mut watched = Watched::new(903).await;
        watched.shop.product("p", 990, &cards("C", 5)).await;
        let buyers = buyers(&watched, 3).await;
        watched.pass(moment);
        let (front, _) = watched.shop.tapped(Broken::provider());
        let fault = watched.now();
        for buyer in &buyers {
            check(&front, buyer).await;
        }
        watched.pass(TOLD_MS);
        let told = watched.first("ChannelFailing", State::Alarm, fault).expect("an alarm");
        assert!(told - fault <= TOLD_MS, "told after {} ms, at {moment}", told - fault);
        assert_eq!(watched.rang(), ["ChannelFailing"]);
        // Nobody calls any more.
        watched.pass(60 * SECOND);
        assert!(watched.first("ChannelFailing", State::Ok, told).is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn one_failure_and_a_few_among_many_are_nothing() {
    let mut watched = Watched::new(904).await;
    watched.shop.product("p", 990, &cards("C", 12)).await;
    let buyers = buyers(&watched, 10).await;
    let (front, _) = watched.shop.tapped(Broken::provider());
    watched.pass(MINUTE);
    check(&front, &buyers[0]).await;
    check(&front, &buyers[1]).await;
    watched.pass(MINUTE);
    assert_eq!(watched.rang(), Vec::<String>::new(), "two failures");
    for buyer in &buyers[..3] {
        check(&front, buyer).await;
    }
    for buyer in &buyers[3..] {
        assert_eq!(check(watched.shop.front(), buyer).await, 200);
    }
    watched.pass(MINUTE);
    assert_eq!(watched.rang(), Vec::<String>::new(), "three of ten");
    // In five minutes five failures and nothing else: a small shop is told too.
    watched.pass(10 * MINUTE);
    for buyer in &buyers[..5] {
        watched.pass(6 * SECOND);
        check(&front, buyer).await;
        watched.pass(30 * SECOND);
    }
    watched.pass(6 * MINUTE);
    assert_eq!(watched.rang(), ["ChannelFailingSlowly"]);
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_message_is_told_at_once_and_when_it_is_set_aside() {
    let mut watched = Watched::new(905).await;
    watched.shop.leave_unfinished();
    watched.shop.product("p", 990, &cards("C", 1)).await;
    watched.pass(2_300);
    let fault = watched.now();
    watched.poison().await;
    let mut last = fault;
    for n in 0..5 {
        last = watched.now();
        assert_eq!(watched.deliver_once().await.failed, 1);
        watched.look();
        if n < 4 {
            watched.pass(HIDDEN);
            assert_eq!(watched.first("DeadLetter", State::Alarm, fault), None, "after {} failures", n + 1);
        }
    }
    watched.pass(TOLD_MS);
    let told = watched.first("DeliveryFailing", State::Alarm, fault).expect("an alarm");
    assert!(told - fault <= TOLD_MS, "told after {} ms", told - fault);
    let aside = watched.first("DeadLetter", State::Alarm, fault).expect("an alarm");
    assert!(aside > last && aside - last <= TOLD_MS, "told after {} ms", aside - last);
    // It is what the queue did: the sixth receive finds it gone.
    watched.pass(HIDDEN);
    assert_eq!(watched.deliver_once().await.received, 0);
    assert_eq!(watched.shop.world.sqs.depth(watched.shop.world.dead_letter_name()).unwrap().visible, 1);
    watched.minutes(2).await;
    watched.pass(MINUTE);
    assert!(watched.first("DeadLettersWaiting", State::Alarm, fault).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_stops_is_told() {
    let mut watched = Watched::new(906).await;
    watched.minutes(5).await;
    let stopped = watched.now();
    assert_eq!(watched.rang(), Vec::<String>::new());
    watched.is_timer_on = false;
    watched.pass(6 * MINUTE);
    let told = watched.first("TimerSilent", State::InsufficientData, stopped).expect("an alarm");
    assert_eq!(watched.rang(), ["TimerSilent"]);
    // And whoever is told reads of a fault, not of a lack of data.
    let change = watched.changes.iter().find(|change| is_fault(change)).unwrap();
    let notice = app::notices::change_of(&change.message().to_string(), told).unwrap().notice;
    assert!(matches!(&notice.fact, app::notices::Fact::Fault { alarm, over: false, .. } if alarm == "TimerSilent"));
    assert!(told - stopped <= 6 * MINUTE, "told after {} ms", told - stopped);
    watched.is_timer_on = true;
    watched.minutes(3).await;
    assert!(watched.first("TimerSilent", State::Ok, told).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_new_stack_rings_nothing_until_its_timer_has_run_and_stopped() {
    let mut watched = Watched::newborn(TestShop::new(908).await);
    watched.is_timer_on = false;
    watched.pass(12 * MINUTE);
    assert_eq!(watched.rang(), Vec::<String>::new(), "the first run is not counted yet");
    watched.is_timer_on = true;
    watched.minutes(4).await;
    assert_eq!(watched.rang(), Vec::<String>::new());
    watched.is_timer_on = false;
    watched.pass(6 * MINUTE);
    assert_eq!(watched.rang(), ["TimerSilent"]);
}

#[tokio::test(start_paused = true)]
async fn a_difference_rings_until_an_audit_finds_none() {
    let mut watched = Watched::new(907).await;
    watched.shop.leave_unfinished();
    watched.shop.product("p", 990, &cards("C", 2)).await;
    let buyer = watched.shop.order("a-buyer-whose-order-is-bent", "p", 1).await;
    watched.shop.pay(&buyer, "T1").await;
    watched.shop.deliver_all().await;
    watched.timer(Job::AuditFull).await;
    watched.pass(6 * MINUTE);
    assert_eq!(watched.rang(), Vec::<String>::new());
    let key = domain::OrderId::parse(&buyer.order).unwrap().0;
    let key = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(key)
    };
    let set = |minor: &str| {
        json!({
            "TableName": "kamivend-orders", "Key": {"o": {"B": key}},
            "UpdateExpression": "SET att.#n.minor = :m", "ExpressionAttributeNames": {"#n": "1"},
            "ExpressionAttributeValues": {":m": {"N": minor}},
        })
        .to_string()
    };
    assert_eq!(watched.shop.world.engine.call("UpdateItem", set("1").as_bytes()).0, 200);
    watched.timer(Job::AuditFull).await;
    watched.pass(6 * MINUTE);
    assert_eq!(watched.rang(), ["AuditDifference"]);
    // Nothing is said between two audits, and the alarm stays.
    let rang = watched.now();
    watched.pass(55 * MINUTE);
    assert_eq!(watched.first("AuditDifference", State::Ok, rang), None);
    assert_eq!(watched.shop.world.engine.call("UpdateItem", set("990").as_bytes()).0, 200);
    watched.timer(Job::AuditFull).await;
    watched.pass(6 * MINUTE);
    assert!(watched.first("AuditDifference", State::Ok, rang).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_row_that_waits_for_an_hour_is_told() {
    let mut watched = Watched::new(908).await;
    let unknown = watched.shop.notification_of("not-a-number-of-ours", "T1", "9.90", "TRADE_SUCCESS");
    assert_eq!(watched.shop.notify(&unknown).await.1, "success");
    let began = watched.now();
    watched.minutes(55).await;
    assert_eq!(watched.rang(), Vec::<String>::new());
    watched.minutes(20).await;
    let told = watched.first("NeedsPersonLong", State::Alarm, began).expect("an alarm");
    assert!((60 * MINUTE..72 * MINUTE).contains(&(told - began)), "told after {} ms", told - began);
}

#[tokio::test(start_paused = true)]
async fn many_forged_notifications_are_told_and_a_few_are_not() {
    let mut watched = Watched::new(909).await;
    let forged = "pid=1000&trade_no=T1&out_trade_no=A&type=alipay&name=p&money=9.90&trade_status=TRADE_SUCCESS\
                  &sign=00000000000000000000000000000000&sign_type=MD5";
    for _ in 0..10 {
        watched.shop.notify(forged).await;
    }
    watched.pass(10 * MINUTE);
    assert_eq!(watched.rang(), Vec::<String>::new());
    for _ in 0..20 {
        watched.shop.notify(forged).await;
    }
    watched.pass(10 * MINUTE);
    assert_eq!(watched.rang(), ["WebhooksRefused"]);
    let reasons = watched.lines.iter().filter(|line| line.contains(r#""Reasons":{"notice_signature":1}"#)).count();
    assert_eq!(reasons, 30);
}
