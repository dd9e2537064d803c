//! What is known to differ, and why. A difference that is listed here and no longer shows is a fault of this list.

use super::Difference;

/// A difference that is known.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The engine.
    pub side: &'static str,
    /// What the case's name begins with.
    pub case: &'static str,
    /// What the state's words begin with: any of these. Each of them has to show.
    pub states: &'static [&'static str],
    /// What was looked at.
    pub aspect: &'static str,
    /// Why it is so, and which of the two AWS's documentation agrees with.
    pub reason: &'static str,
}

impl Known {
    /// Whether it is this difference, in this one of its states.
    fn is(&self, state: &str, difference: &Difference) -> bool {
        let line = &difference.line;
        self.side == difference.side
            && line.case.starts_with(self.case)
            && line.state.starts_with(state)
            && self.aspect == line.aspect
    }

    fn covers(&self, difference: &Difference) -> bool {
        self.states.iter().any(|state| self.is(state, difference))
    }
}

/// The second engine, and its queues.
pub const OTHER: &str = "ministack";
/// See [`OTHER`].
pub const OTHER_QUEUES: &str = "ministack's queues";

/// Every known difference. In each of them the documentation of AWS is on the side of ours; the sources are in
/// `infra/decisions/026-parity.md`.
pub const KNOWN: &[Known] = &[
    Known { side: OTHER, case: "C1 claim", states: &["h of another type, once"], aspect: "outcome", reason: SIZE },
    Known { side: OTHER, case: "C1 claim", states: &["h of another type, twice"], aspect: "outcome", reason: SIZE },
    Known { side: OTHER, case: "C1 claim", states: &["h of another type"], aspect: "answer", reason: SIZE },
    Known { side: OTHER, case: "C1 claim", states: &["h of another type, once"], aspect: "units", reason: SIZE },
    Known { side: OTHER, case: "C1 claim", states: &["h of another type"], aspect: "item", reason: SIZE },
    Known { side: OTHER, case: "R2 add hints", states: &["r of another type"], aspect: "outcome", reason: SIZE },
    Known { side: OTHER, case: "R2 add hints", states: &["r of another type"], aspect: "answer", reason: SIZE },
    Known { side: OTHER, case: "N3 collect", states: &["notes of another type"], aspect: "outcome", reason: SIZE },
    Known { side: OTHER, case: "N3 collect", states: &["notes of another type"], aspect: "answer", reason: SIZE },
    Known {
        side: OTHER_QUEUES,
        case: "queue: a message's limits",
        states: &["delayed for 901 s", "delayed for less than nothing", "came"],
        aspect: "seen",
        reason: "It takes any delay, and so two messages more. SQS: 0 to 900 s.",
    },
    Known {
        side: OTHER_QUEUES,
        case: "queue: hidden for another time",
        states: &["for too long"],
        aspect: "seen",
        reason: "It hides a message for any time. SQS: 0 to 43,200 s.",
    },
    Known {
        side: OTHER_QUEUES,
        case: "queue: hidden for another time",
        states: &["of what is deleted"],
        aspect: "seen",
        reason: "It forgets handles of deleted messages. SQS knows the handle and says that the message is not there.",
    },
    Known {
        side: OTHER_QUEUES,
        case: "queue: a receive's limits",
        states: &["a wait of 21 s", "a wait of less than nothing", "hidden for"],
        aspect: "seen",
        reason: "It waits and hides for any time; here it waits longer than the client. SQS: 0 to 20 s, 0 to 43,200 s.",
    },
    Known {
        side: OTHER_QUEUES,
        case: "queue: deleted",
        states: &["twice"],
        aspect: "seen",
        reason: "It forgets handles of deleted messages. SQS: a delete by an old handle succeeds.",
    },
    Known {
        side: OTHER_QUEUES,
        case: "queue: moved aside, and nothing else",
        states: &["a late delete"],
        aspect: "seen",
        reason: "It forgets handles of moved messages. SQS: a delete by an old handle succeeds.",
    },
    Known {
        side: OTHER_QUEUES,
        case: "queue: policies",
        states: &["no receives", "too many receives", "to a queue that is none"],
        aspect: "seen",
        reason: "It says InvalidAttributeValue. SQS says InvalidParameterValue of what a policy holds.",
    },
];

const SIZE: &str = "It gives values that have no size one, and then appends to what is no list. DynamoDB has size() for text, \
                    bytes, sets, lists and maps alone, so that the comparison does not hold.";

/// Those differences that nobody knew of, and those known ones of these engines that did not show, each as text.
pub fn judge(differences: &[Difference], known: &[Known], sides: &[&str]) -> Vec<String> {
    let unknown = differences.iter().filter(|d| !known.iter().any(|k| k.covers(d))).map(Difference::to_string);
    let listed = known.iter().filter(|k| sides.contains(&k.side)).flat_map(|k| k.states.iter().map(move |s| (k, *s)));
    let gone = listed.filter(|(k, state)| !differences.iter().any(|d| k.is(state, d)));
    let gone =
        gone.map(|(k, state)| format!("{}, {}, {state}, {}: is listed and no longer shows", k.side, k.case, k.aspect));
    unknown.chain(gone).collect()
}
