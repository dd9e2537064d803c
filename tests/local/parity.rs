//! Our queue in process against the same over HTTP, in real time; `.ci/parity` holds both against another implementation.

use local::seam::{Call, Fate, Tap};
use serde_json::Value;
use std::sync::Arc;
use tests::parity::known::{KNOWN, judge};
use tests::parity::{Side, differences, queue};

#[tokio::test]
async fn the_queue_is_the_same_in_process_and_over_http() {
    let sides = [Side::in_process(), Side::own_front().await];
    let reports = queue::run(&sides).await;
    assert!(reports[0].lines.len() > 100, "{} things were looked at", reports[0].lines.len());
    assert_eq!(judge(&differences(&reports), KNOWN, &[sides[0].name, sides[1].name]), Vec::<String>::new());
}

/// A queue that hears nothing of one thing it is told: an operation and a member.
#[derive(Debug)]
struct Deaf(&'static str, &'static str);

impl Tap for Deaf {
    fn fate(&self, call: &Call) -> Fate {
        let mut request: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        match request.as_object_mut().filter(|_| call.operation() == self.0).and_then(|body| body.remove(self.1)) {
            Some(_) => Fate::Rewrite(request.to_string().into_bytes()),
            None => Fate::Pass,
        }
    }
}

/// Planted: a queue that loses attributes, and one that takes any number of messages for one. Each is found in the cases that are
/// about it.
#[tokio::test]
async fn planted_a_queue_that_does_not_listen_is_found() {
    for (operation, member, case) in [
        ("SendMessage", "MessageAttributes", "a message"),
        ("ReceiveMessage", "MaxNumberOfMessages", "a receive's limits"),
    ] {
        let sides = [Side::in_process(), Side::tapped("planted", Arc::new(Deaf(operation, member)))];
        let found = differences(&queue::run(&sides).await);
        assert!(found.iter().any(|d| d.line.case == case), "{operation} without {member}: {found:#?}");
    }
}
