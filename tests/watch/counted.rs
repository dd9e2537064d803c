//! Every metric is moved by what it is about, and every line keeps the rules of its format.

use crate::emf;
use crate::watched::{Broken, HIDDEN, MINUTE, SECOND, Watched, check, names, resources};
use app::meter::{By, Metric};
use functions::reconcile::Job;
use local::alarms::{Alarms, Series, Source};
use serde_json::Value;
use std::collections::BTreeMap;
use tests::shop::cards;

/// The numbers of a metric of the shop as a whole, or of its channel.
fn numbers(watched: &Watched, metric: Metric, channel: bool) -> Vec<f64> {
    let mut dimensions: BTreeMap<String, String> = [("Shop".to_owned(), "kamivend".to_owned())].into();
    if channel {
        dimensions.insert("Channel".to_owned(), "sandbox".to_owned());
    }
    let series = Series { namespace: "Kamivend".to_owned(), name: metric.name().to_owned(), dimensions };
    watched.data.between(&series, 0, i64::MAX)
}

fn sum(watched: &Watched, metric: Metric) -> f64 {
    numbers(watched, metric, metric.by() == By::Channel).iter().sum()
}

/// A shop to which everything happens that is counted.
async fn eventful() -> Watched {
    let mut watched = Watched::new(920).await;
    watched.shop.leave_unfinished();
    watched.shop.product("p", 990, &cards("C", 2)).await;
    // Two that are delivered, 4 and 5 seconds after they were ordered; one of them waits 2 seconds for its key.
    for (n, seconds) in [(1, 4), (2, 5)] {
        let buyer = watched.shop.order(&format!("a-buyer-who-pays-{n}"), "p", 1).await;
        watched.shop.pass(seconds * SECOND);
        watched.shop.pay(&buyer, &format!("T{n}")).await;
        watched.shop.pass(2 * SECOND);
        watched.shop.deliver_all().await;
    }
    // One that lapses; its card is bought by another, and then its money comes.
    watched.shop.cards("p", &cards("D", 1), "").await;
    watched.shop.pass(SECOND);
    let late = watched.shop.order("a-buyer-who-is-late", "p", 1).await;
    watched.shop.pass(16 * MINUTE);
    watched.timer(Job::Reconcile).await;
    let other = watched.shop.order("a-buyer-in-between", "p", 1).await;
    watched.shop.pay(&late, "T3").await;
    // A provider that is silent, a forged notification, a message that nobody reads.
    let (front, _) = watched.shop.tapped(Broken::provider());
    check(&front, &other).await;
    watched.shop.notify("pid=1000&sign=0&sign_type=MD5").await;
    watched.poison().await;
    for _ in 0..5 {
        watched.deliver_once().await;
        watched.shop.pass(HIDDEN);
    }
    // One that cannot be delivered.
    let (_, broken) = watched.shop.tapped(Broken::vault());
    watched.shop.pay(&other, "T4").await;
    local::poller::poll(&watched.shop.world, &broken, 0).await;
    watched.shop.pass(2 * MINUTE);
    watched.timer(Job::Reconcile).await;
    watched.shop.pass(6 * MINUTE);
    watched.timer(Job::Reconcile).await;
    watched.timer(Job::AuditFull).await;
    watched.look();
    watched
}

#[tokio::test(start_paused = true)]
async fn every_metric_is_moved_by_what_it_is_about() {
    let watched = eventful().await;
    for (metric, expected) in [
        (Metric::OrdersCreated, 4.0),
        (Metric::AttemptsMade, 4.0),
        (Metric::OrdersPaid, 3.0),
        (Metric::OrdersDelivered, 2.0),
        (Metric::OrdersClosed, 1.0),
        (Metric::OrdersLate, 1.0),
        (Metric::OrdersOwedBack, 1.0),
        (Metric::WebhooksRefused, 1.0),
        (Metric::DeadLetters, 1.0),
        (Metric::DeliveriesFailed, 6.0),
    ] {
        assert_eq!(sum(&watched, metric), expected, "{}", metric.name());
    }
    assert_eq!(numbers(&watched, Metric::OrdersPaid, true).iter().sum::<f64>(), 3.0);
    let proofs = numbers(&watched, Metric::TimeToProof, true);
    assert_eq!((proofs[0], proofs[1], proofs.len()), (4_000.0, 5_000.0, 4), "{proofs:?}");
    assert_eq!(numbers(&watched, Metric::PaidToDelivered, false), [2_000.0, 2_000.0]);
    assert_eq!(numbers(&watched, Metric::PaidNotDelivered, false).last(), Some(&1.0));
    assert_eq!(numbers(&watched, Metric::AuditDifferences, false), [0.0]);
    // The late order's money, and the order that is not delivered.
    assert!(numbers(&watched, Metric::NeedsPerson, false).last().is_some_and(|n| *n >= 1.0));
    assert!(numbers(&watched, Metric::NeedsPersonOldest, false).last().is_some_and(|n| *n >= 360.0));
    // Three instances answered: the default one, the one without a provider, the one without a vault.
    assert_eq!(sum(&watched, Metric::ColdStarts), 3.0);
    assert_eq!(sum(&watched, Metric::ProviderFailures), 1.0);
    assert!(sum(&watched, Metric::ProviderCalls) >= 2.0);
    // At least three writes for each of the two orders that went well.
    assert!(sum(&watched, Metric::WriteUnits) >= 20.0);
    for metric in Metric::ALL {
        let (shop, channel) = (numbers(&watched, metric, false), numbers(&watched, metric, true));
        assert_eq!(!shop.is_empty(), metric.by() != By::Channel, "{} of the shop", metric.name());
        assert_eq!(!channel.is_empty(), metric.by() != By::Shop, "{} by channel", metric.name());
    }
    let silent = watched.lines.iter().any(|line| line.contains(r#""Reasons":{"query_unanswered":1}"#));
    assert!(silent, "the failure has its reason");
}

#[tokio::test(start_paused = true)]
async fn every_alarm_on_our_own_numbers_looks_at_numbers_that_come() {
    let watched = eventful().await;
    let alarms = Alarms::read(&resources(), &names()).unwrap();
    let known: Vec<&Series> = watched.data.series().collect();
    let mut looked_at = 0;
    for (definition, _) in alarms.all() {
        let series: Vec<&Series> = match &definition.source {
            Source::Metric(series, _) => vec![series],
            Source::Math(metrics, _) => metrics.values().map(|(series, _)| series).collect(),
        };
        for series in series.into_iter().filter(|series| series.namespace == "Kamivend") {
            assert!(known.contains(&series), "{}: {series:?} never comes", definition.name);
            looked_at += 1;
        }
    }
    assert!(looked_at >= 9, "{looked_at}");
}

#[tokio::test(start_paused = true)]
async fn every_line_keeps_the_rules_of_its_format() {
    let watched = eventful().await;
    assert!(watched.lines.len() > 20);
    for line in &watched.lines {
        assert_eq!(emf::faults(line), Vec::<String>::new(), "{line}");
        // One line for one set of dimensions.
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line.pointer("/_aws/CloudWatchMetrics").unwrap().as_array().unwrap().len(), 1);
        assert_eq!(line.pointer("/_aws/CloudWatchMetrics/0/Dimensions").unwrap().as_array().unwrap().len(), 1);
    }
}

/// Whoever is to be told of a failed delivery does not wait for the rest of its batch.
#[tokio::test(start_paused = true)]
async fn a_failed_delivery_is_written_before_the_next_is_tried() {
    let mut watched = Watched::new(922).await;
    watched.shop.leave_unfinished();
    watched.poison().await;
    watched.poison().await;
    assert_eq!(watched.deliver_once().await.failed, 2);
    watched.look();
    let failed = watched.lines.iter().filter(|line| line.contains(r#""DeliveriesFailed":1"#)).count();
    assert_eq!(failed, 2, "{:?}", watched.lines);
}

/// A reader that finds nothing counted finds nothing written.
#[tokio::test(start_paused = true)]
async fn nothing_counted_is_nothing_written() {
    let mut watched = Watched::new(921).await;
    assert_eq!(tests::shop::get(watched.shop.front(), "/healthz", "x").await.0, 200);
    watched.look();
    assert_eq!(watched.lines.len(), 1, "the cold start: {:?}", watched.lines);
    assert_eq!(tests::shop::get(watched.shop.front(), "/healthz", "x").await.0, 200);
    watched.look();
    assert_eq!(watched.lines.len(), 1, "{:?}", watched.lines);
}
