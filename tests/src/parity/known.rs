//! What is known to differ, and why. A difference that is listed here and no longer shows is a fault of this list.

use super::Difference;

/// A difference that is known.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The engine.
    pub side: &'static str,
    /// The case.
    pub case: &'static str,
    /// The states, all of which have to show it.
    pub states: &'static [&'static str],
    /// What was looked at, all of which has to show it.
    pub aspects: &'static [&'static str],
    /// Why it is so, and which of the two AWS's documentation agrees with.
    pub reason: &'static str,
}

impl Known {
    /// Every place at which it has to show: a state and what is looked at.
    fn places(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let (states, aspects) = (self.states, self.aspects);
        states.iter().flat_map(move |state| aspects.iter().map(move |aspect| (*state, *aspect)))
    }

    fn shows(&self, place: (&str, &str), difference: &Difference) -> bool {
        let line = &difference.line;
        self.side == difference.side && self.case == line.case && place == (line.state.as_str(), line.aspect)
    }

    fn covers(&self, difference: &Difference) -> bool {
        self.places().any(|place| self.shows(place, difference))
    }
}

/// The second engine, and its queues.
pub const OTHER: &str = "ministack";
/// See [`OTHER`].
pub const OTHER_QUEUES: &str = "ministack's queues";

/// Every known difference. In each of them the documentation of AWS is on the side of ours; the sources are in
/// `infra/decisions/026-parity.md`.
pub const KNOWN: &[Known] = &[
    size("C1 claim", &["h of another type, once"], &["outcome", "answer", "units", "item"]),
    size("C1 claim", &["h of another type, twice"], &["outcome", "answer", "item"]),
    size("R2 add hints", &["r of another type, once", "r of another type, twice"], &["outcome", "answer"]),
    size("N3 collect", &["notes of another type, once", "notes of another type, twice"], &["outcome", "answer"]),
    units("orders", BATCH),
    units("orders with passwords", BATCH),
    units("strips", BATCH),
    units("vault", BATCH),
    units("unique rows", BATCH),
    units("digests", BATCH),
    units("page", BATCH),
    units(
        "documents of a kind, in several answers",
        "It counts one unit for an answer of a query. DynamoDB counts one for each 4 KiB that were read.",
    ),
    queue(
        "a message's limits",
        &["delayed for 901 s", "delayed for less than nothing", "came"],
        "It takes any delay, and so two messages more. SQS: 0 to 900 s.",
    ),
    queue("hidden for another time", &["for too long"], "It hides a message for any time. SQS: 0 to 43,200 s."),
    queue(
        "hidden for another time",
        &["of what is deleted"],
        "It forgets handles of deleted messages and says so. What SQS says is not settled; the shop never does it.",
    ),
    queue(
        "a receive's limits",
        &["a wait of 21 s", "a wait of less than nothing", "hidden for 43201 s", "hidden for less than nothing"],
        "It waits and hides for any time. SQS: 0 to 20 s, 0 to 43,200 s.",
    ),
    queue("deleted", &["twice"], "It forgets handles of deleted messages. SQS: a delete by an old handle succeeds."),
    queue(
        "moved aside, and nothing else",
        &["a late delete"],
        "It forgets handles of moved messages. SQS: a delete by an old handle succeeds.",
    ),
    queue(
        "policies",
        &["no receives", "too many receives", "to a queue that is none"],
        "It says InvalidAttributeValue. SQS says InvalidParameterValue of what a policy holds.",
    ),
];

const fn size(case: &'static str, states: &'static [&'static str], aspects: &'static [&'static str]) -> Known {
    let reason = "It gives values that have no size one, and then appends to what is no list. DynamoDB has size() for text, \
                  bytes, sets, lists and maps alone, so that the comparison does not hold.";
    Known { side: OTHER, case, states, aspects, reason }
}

const BATCH: &str =
    "It does not report what a BatchGetItem takes. DynamoDB reports it for each table when it is asked to.";

const fn units(case: &'static str, reason: &'static str) -> Known {
    Known { side: OTHER, case, states: &["read"], aspects: &["units"], reason }
}

const fn queue(case: &'static str, states: &'static [&'static str], reason: &'static str) -> Known {
    Known { side: OTHER_QUEUES, case, states, aspects: &["seen"], reason }
}

/// Those differences that nobody knew of, and those known ones of these engines that did not show, each as text.
pub fn judge(differences: &[Difference], known: &[Known], sides: &[&str]) -> Vec<String> {
    let unknown = differences.iter().filter(|d| !known.iter().any(|k| k.covers(d))).map(Difference::to_string);
    let listed = known.iter().filter(|k| sides.contains(&k.side)).flat_map(|k| k.places().map(move |place| (k, place)));
    let gone = listed.filter(|(k, place)| !differences.iter().any(|d| k.shows(*place, d)));
    let gone = gone.map(|(k, (state, aspect))| {
        format!("{}: {}, {state}, {aspect}: is listed and no longer shows", k.side, k.case)
    });
    unknown.chain(gone).collect()
}
