//! The embedded engine in process, where the other tests meet it, against its author's own HTTP server, which judges a request as
//! a whole, and against the quick engine of the simulator: every write and every read agrees. `.ci/parity` holds the embedded one
//! against another implementation.

use local::seam::{Call, Fate, Tap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tests::parity::known::{KNOWN, judge};
use tests::parity::{Difference, Known, Line, Plan, Side, differences, plan, race, reads, writes};
use tests::taps::Unguarded;

/// Differences that nobody knew of, between two sides that run this plan.
async fn disagreements(plan: &[Plan], sides: &[Side]) -> Vec<String> {
    let names: Vec<&str> = sides.iter().map(|side| side.name).collect();
    judge(&differences(&writes(plan, sides).await), KNOWN, &names)
}

#[tokio::test]
async fn every_write_is_the_same_in_process_over_http_and_on_the_quick_engine() {
    let plan = plan().await;
    assert_eq!(plan.len(), crate::WRITES);
    let few: Vec<&str> = plan.iter().filter(|plan| plan.states() < 3).map(Plan::write).collect();
    assert_eq!(few, Vec::<&str>::new(), "tried on no more than what they want and what they leave");
    let sides = [Side::in_process(), Side::engines_server().await, Side::quick()];
    let names: Vec<&str> = sides.iter().map(|side| side.name).collect();
    // What is brought back may hold a fraction that somebody wrote by hand, which the quick engine refuses: it is tried on the others.
    let (fractions, plan): (Vec<Plan>, Vec<Plan>) = plan.into_iter().partition(|plan| plan.write() == "B1 bring back");
    let reports = writes(&plan, &sides).await;
    assert_eq!(judge(&differences(&reports), KNOWN, &names), Vec::<String>::new());
    let [.., quick] = &sides;
    let of_fractions = writes(&fractions, &sides[..2]).await;
    assert_eq!(judge(&differences(&of_fractions), KNOWN, &names[..2]), Vec::<String>::new());
    let refused = writes(&fractions, std::slice::from_ref(quick)).await;
    let answer = refused[0].lines.iter().find(|line| line.state == "absent, once" && line.aspect == "answer");
    assert_eq!(answer.map(|line| line.told.as_str()), Some("400 ValidationException"));
    // Each condition is met and missed: a write without one is never refused.
    let outcomes = |write: &str, kinds: &[&str]| {
        let lines = reports[0].lines.iter().chain(&of_fractions[0].lines);
        let mut lines = lines.filter(|line| line.case == write && line.aspect == "answer");
        lines.any(|line| kinds.iter().any(|kind| line.told.starts_with(kind)))
    };
    for write in store::writes::catalogue() {
        assert!(outcomes(write.name, &["200"]), "{} was never applied", write.name);
        let has_condition = !write.describe().contains("condition  –");
        assert_eq!(outcomes(write.name, &["400 ConditionalCheckFailed"]), has_condition, "{} refused", write.name);
    }
}

#[tokio::test]
async fn every_read_is_the_same_in_process_over_http_and_on_the_quick_engine() {
    let sides = [Side::in_process(), Side::own_front().await, Side::engines_server().await, Side::quick()];
    let names: Vec<&str> = sides.iter().map(|side| side.name).collect();
    assert_eq!(judge(&differences(&reads(&sides).await), KNOWN, &names), Vec::<String>::new());
}

#[tokio::test]
async fn two_hundred_claims_of_a_hundred_cards_over_http_are_a_hundred_owners() {
    for side in [Side::own_front().await, Side::engines_server().await, Side::quick()] {
        assert_eq!(race::run(&side).await, race::Race::FAIR, "{}", side.name);
    }
}

/// Planted: one engine that does not look at a part of a condition. Each is found, and no other write is blamed.
#[tokio::test]
async fn planted_an_engine_that_overlooks_a_condition_is_found() {
    let whole = plan().await;
    for (write, operation, mark, guard) in [
        ("C1 claim", "UpdateItem", "list_append(#h, :claims)", "NOT contains(#h, :claim)"),
        ("C1 claim", "UpdateItem", "list_append(#h, :claims)", "size(#h) <= :most"),
        ("W1 pay", "UpdateItem", "attribute_not_exists(#rv)", "#att.#1.#minor = :minor"),
        ("D1 deliver", "UpdateItem", "#t_dlv = :at", "#g = :g"),
        ("C2 place order", "PutItem", "\"sl\":", "attribute_not_exists(#o)"),
    ] {
        let bug = Arc::new(Unguarded::new(operation, mark, guard));
        let sides = [Side::in_process(), Side::tapped("planted", bug.clone())];
        let plan: Vec<Plan> =
            whole.iter().filter(|plan| [write, "C3 add attempt"].contains(&plan.write())).cloned().collect();
        let found = disagreements(&plan, &sides).await;
        assert!(bug.hits() > 0, "{guard} never met its write");
        assert!(!found.is_empty(), "{write} without {guard} is not noticed");
        assert!(found.iter().all(|text| text.starts_with(write) && text.contains("planted: ")), "{found:#?}");
    }
}

/// Planted: an engine that does not look whether a strip has room sells more cards than there are.
#[tokio::test]
async fn planted_an_engine_that_overlooks_the_end_of_a_strip_loses_the_race() {
    let bug = Arc::new(Unguarded::new("UpdateItem", "list_append(#h, :claims)", "size(#h) <= :most"));
    let race = race::run(&Side::tapped("planted", bug.clone())).await;
    assert!(bug.hits() > 0 && race != race::Race::FAIR, "{race:?}");
}

/// Loses the reply of every few calls of the store, as a busy machine does whose answers come too late.
#[derive(Debug, Default)]
struct Lossy(AtomicUsize);

impl Tap for Lossy {
    fn fate(&self, call: &Call) -> Fate {
        // The store's own calls ask what they cost; those that set and look at a case do not.
        let own = String::from_utf8_lossy(&call.body).contains("ReturnConsumedCapacity");
        if own && self.0.fetch_add(1, Ordering::SeqCst) % 11 == 10 { Fate::LoseReply } else { Fate::Pass }
    }
}

/// An answer that came late and a call that the SDK repeated are no difference between engines.
#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_no_difference() {
    let plan: Vec<Plan> = plan().await.into_iter().filter(|plan| plan.write().starts_with("C1")).collect();
    let lossy = Arc::new(Lossy::default());
    let sides = [Side::in_process(), Side::tapped("lossy", lossy.clone())];
    assert_eq!(disagreements(&plan, &sides).await, Vec::<String>::new());
    assert!(lossy.0.load(Ordering::SeqCst) > 66, "too few calls to lose any");
}

/// Drops a name out of what a batch of keys asks for, as an engine would that forgets one.
#[derive(Debug, Default)]
struct Forgetful(AtomicUsize);

impl Tap for Forgetful {
    fn fate(&self, call: &Call) -> Fate {
        let Ok(mut request) = serde_json::from_slice::<serde_json::Value>(&call.body) else { return Fate::Pass };
        let Some(keys) = request.pointer_mut("/RequestItems/parity-reads-orders/Keys") else { return Fate::Pass };
        let Some(keys) = keys.as_array_mut().filter(|keys| keys.len() > 1) else { return Fate::Pass };
        keys.remove(0);
        self.0.fetch_add(1, Ordering::SeqCst);
        Fate::Rewrite(request.to_string().into_bytes())
    }
}

/// Planted: an engine that leaves one item out of a batch.
#[tokio::test]
async fn planted_an_engine_that_forgets_an_item_is_found() {
    let bug = Arc::new(Forgetful::default());
    let sides = [Side::in_process(), Side::tapped("planted", bug.clone())];
    let found = differences(&reads(&sides).await);
    assert!(bug.0.load(Ordering::SeqCst) > 0, "no batch was met");
    let mut cases: Vec<&str> = found.iter().map(|d| d.line.case.as_str()).collect();
    cases.dedup();
    assert_eq!(cases, ["orders", "orders with passwords", "page"]);
}

/// A difference that is listed excuses itself alone, and one that no longer shows is a fault.
#[test]
fn planted_a_list_that_is_out_of_date_is_found() {
    let line = Line { case: "C1 claim".into(), state: "absent, once".into(), aspect: "outcome", told: "yes".into() };
    let seen = Difference { first: "in process", side: "other", line, told: "no".into() };
    let known =
        Known { side: "other", case: "C1 claim", states: &["absent, once"], aspects: &["outcome"], reason: "planted" };
    assert_eq!(judge(std::slice::from_ref(&seen), &[known], &["in process", "other"]), Vec::<String>::new());
    for wrong in [
        Known { side: "third", ..known },
        Known { case: "W1 pay", ..known },
        Known { states: &["absent, twice"], ..known },
        Known { aspects: &["item"], ..known },
    ] {
        // The difference is not excused, and of an engine that took part the listed one is missed.
        let faults = judge(std::slice::from_ref(&seen), &[wrong], &["in process", "other"]);
        assert_eq!(faults.len(), if wrong.side == "other" { 2 } else { 1 }, "{wrong:?}: {faults:?}");
    }
    // Of a list of places each has to show.
    let both = Known { aspects: &["outcome", "item"], ..known };
    assert_eq!(judge(std::slice::from_ref(&seen), &[both], &["in process", "other"]).len(), 1);
    assert_eq!(judge(&[], &[known], &["in process", "other"]).len(), 1);
    assert_eq!(judge(&[], &[known], &["in process"]).len(), 0, "an engine that took no part");
}
