//! What bent expressions came to: the program that writes the table leaves nothing out. Table and reasons are held together by `tidy`.

use rules::bent::{Counts, Outcomes, Reason, missed_rows, rate_of_all, without_place};
use serde_json::{Value, json};

fn outcome(name: &str, summary: &str) -> Value {
    json!({"summary": summary, "scenario": {"Mutant": {"name": name}}})
}

fn read(outcomes: &[Value]) -> Result<Outcomes, String> {
    let mut all = Outcomes::default();
    all.add(&json!({"outcomes": outcomes}).to_string()).map(|()| all)
}

/// Forty that are caught, of two files, and one each of everything else.
fn run() -> Vec<Value> {
    let mut all: Vec<Value> =
        (0..40).map(|line| outcome(&format!("a.rs:{line}:1: replace f"), "CaughtMutant")).collect();
    all.extend([
        outcome("b.rs:1:1: replace a::b -> bool with true", "Timeout"),
        outcome("b.rs:2:1: replace + with - in f", "MissedMutant"),
        outcome("b.rs:9:7: replace + with - in f", "MissedMutant"),
        outcome("b.rs:4:1: replace | with ^ in g", "Unviable"),
    ]);
    all
}

const OF_RUN: Reason = Reason { bend: "b.rs: replace + with - in f", times: 2, why: "it is the same" };

#[test]
fn everything_is_counted_where_it_belongs() {
    let run = read(&run()).unwrap();
    let files = run.files();
    assert_eq!(files["a.rs"], Counts { caught: 40, ..Counts::default() });
    assert_eq!(files["b.rs"], Counts { caught: 0, timed_out: 1, missed: 2, unviable: 1 });
    assert_eq!((run.all().viable(), run.all().caught_of_thousand()), (43, 930));
    assert_eq!(run.missed().into_iter().collect::<Vec<_>>(), [(OF_RUN.bend.to_owned(), 2)]);
    assert_eq!(Counts::default().caught_of_thousand(), 0, "of nothing, nothing");
}

#[test]
fn a_run_that_tells_nothing_is_refused() {
    for nothing in ["", "{}"] {
        assert!(Outcomes::default().add(nothing).is_err());
        assert!(Outcomes::default().keep(nothing).is_err());
    }
    assert!(read(&[json!({"summary": "Success", "scenario": "Baseline"})]).is_err());
    assert!(read(&[outcome("a.rs:1:1: replace f", "Failure")]).unwrap_err().contains("came to Failure"));
}

/// What was missed is tried again once it has a test; what is not there any more is left out, and what is there was tried.
#[test]
fn the_last_run_is_right_about_what_it_tried() {
    let mut all = read(&run()).unwrap();
    let again = json!({"outcomes": [outcome("b.rs:9:7: replace + with - in f", "CaughtMutant")]});
    all.add(&again.to_string()).unwrap();
    assert_eq!((all.all().caught, all.missed().into_values().sum::<usize>()), (41, 1));
    let list = |names: &[&str]| json!(names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()).to_string();
    all.keep(&list(&["b.rs:9:7: replace + with - in f"])).unwrap();
    assert_eq!((all.all().caught, all.all().viable()), (1, 1));
    assert_eq!(all.keep(&list(&["c.rs:1:1: replace h"])), Err("not tried: c.rs:1:1: replace h".to_owned()));
}

#[test]
fn what_has_no_reason_and_a_reason_for_nothing_are_said() {
    let low = "of a thousand only 930 are caught";
    let run = read(&run()).unwrap();
    assert_eq!(run.wrong(&[OF_RUN], false), [low]);
    assert_eq!(run.wrong(&[OF_RUN], true), [""; 0]);
    let one = Reason { times: 1, ..OF_RUN };
    let said = |known| format!("nothing notices, 2 times and for {known} of them there is a reason: {}", OF_RUN.bend);
    for is_part in [false, true] {
        assert_eq!(run.wrong(&[], is_part)[0], said(0));
        assert_eq!(run.wrong(&[one], is_part)[0], said(1));
    }
    let many = Reason { times: 3, ..OF_RUN };
    let gone = Reason { bend: "c.rs: replace h", ..one };
    assert_eq!(run.wrong(&[many, gone], true), [""; 0], "another part may have them");
    let expected = [
        "a reason for 3, and missed are 2: b.rs: replace + with - in f",
        "a reason for 1, and missed are 0: c.rs: replace h",
        low,
    ];
    assert_eq!(run.wrong(&[many, gone], false), expected);
}

#[test]
fn the_table_says_all_of_it() {
    let table = read(&run()).unwrap().table(&[OF_RUN]);
    assert!(table.contains("| `a.rs` | 40 | 0 | 40 | 40 | 0 | 0 | 100.0 % |\n"), "{table}");
    assert!(
        table.contains("| `b.rs` | 4 | 1 | 3 | 0 | 1 | 2 | 0.0 % |\n| **all** | 44 | 1 | 43 | 40 | 1 | 2 | 93.0 % |\n")
    );
    assert_eq!(missed_rows(&table), [(OF_RUN.bend.to_owned(), 2, OF_RUN.why.to_owned())]);
    assert_eq!(rate_of_all(&table), Some(930));
}

#[test]
fn a_bend_is_named_without_its_place() {
    assert_eq!(without_place("a/b.rs:12:7: replace A::b -> C with D::e()"), "a/b.rs: replace A::b -> C with D::e()");
    assert_eq!(without_place("no place"), "no place");
}
