//! The guards of a process for which planted bugs were chosen. Only with the feature `planted`; nothing that is deployed has it.

use super::{ABSENT, as_if, event_name};
use crate::order::{Event, Order, State};
use std::borrow::Cow;
use std::sync::OnceLock;

/// A condition that must hold before something is done, by its name: `condition`, and `true` where the guard is taken out.
pub fn holds(name: &str, condition: bool) -> bool {
    condition || is(name)
}

/// A wrong way to go on, by its name: `false`, and `true` where it is to be gone.
pub fn planted(name: &str) -> bool {
    is(name)
}

/// The state that a rule sees: the order's, or another one where the rule is to take the one for the other.
pub(crate) fn seen_by(rule: &str, state: State) -> State {
    let taken_for = |other: &State| is(&as_if(rule, state.as_str(), other.as_str()));
    State::ALL.into_iter().find(taken_for).unwrap_or(state)
}

/// The order that an event meets: as it is, or in another state, or none, where the table is to take the one for the other.
pub(crate) fn met<'a>(order: Option<&'a Order>, event: &Event) -> Option<Cow<'a, Order>> {
    let order = order?;
    let rule = format!("decide: {}", event_name(event));
    if is(&as_if(&rule, order.state.as_str(), ABSENT)) {
        return None;
    }
    let state = seen_by(&rule, order.state);
    Some(if state == order.state { Cow::Borrowed(order) } else { Cow::Owned(Order { state, ..order.clone() }) })
}

/// Which planted bugs were chosen for this process.
static CHOSEN: OnceLock<Vec<String>> = OnceLock::new();

/// Whether this one was.
fn is(name: &str) -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "only a test's program has this, and it is one choice for the process"
    )]
    let read = || std::env::var("KAMIVEND_PLANTED").unwrap_or_default().split(" + ").map(str::to_owned).collect();
    CHOSEN.get_or_init(read).iter().any(|chosen| chosen == name)
}
