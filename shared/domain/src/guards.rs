//! Guards by name, so that a test's program can take each of them out and show which test notices.
//!
//! Without the feature `planted`, which nothing that is deployed has, every function here is the identity and costs nothing.
//! With it, one planted bug is chosen for a whole process by the environment variable `KAMIVEND_PLANTED`: the name of a guard, or
//! two names with ` + ` between them where the one guard stands behind the other.

use crate::order::{Event, Order, State};
use std::borrow::Cow;

#[cfg(all(feature = "planted", not(debug_assertions)))]
compile_error!("planted bugs are for tests; a program that is released never has them");

/// A condition that must hold before something is done, by its name: `condition`, and `true` where the guard is taken out.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn holds(_name: &str, condition: bool) -> bool {
    condition
}

/// A condition that must hold before something is done, by its name: `condition`, and `true` where the guard is taken out.
#[cfg(feature = "planted")]
pub fn holds(name: &str, condition: bool) -> bool {
    condition || chosen::is(name)
}

/// A wrong way to go on, by its name: `false`, and `true` where it is to be gone.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn planted(_name: &str) -> bool {
    false
}

/// A wrong way to go on, by its name: `false`, and `true` where it is to be gone.
#[cfg(feature = "planted")]
pub fn planted(name: &str) -> bool {
    chosen::is(name)
}

/// The state that a rule sees: the order's, or another one where the rule is to take the one for the other.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub(crate) const fn seen_by(_rule: &str, state: State) -> State {
    state
}

/// The state that a rule sees: the order's, or another one where the rule is to take the one for the other.
#[cfg(feature = "planted")]
pub(crate) fn seen_by(rule: &str, state: State) -> State {
    let taken_for = |other: &State| chosen::is(&as_if(rule, state.as_str(), other.as_str()));
    State::ALL.into_iter().find(taken_for).unwrap_or(state)
}

/// The order that an event meets: as it is, or in another state, or none, where the table is to take the one for the other.
pub(crate) fn met<'a>(order: Option<&'a Order>, event: &Event) -> Option<Cow<'a, Order>> {
    let order = order?;
    if !cfg!(feature = "planted") {
        return Some(Cow::Borrowed(order));
    }
    let rule = format!("decide: {}", event_name(event));
    if planted(&as_if(&rule, order.state.as_str(), ABSENT)) {
        return None;
    }
    let state = seen_by(&rule, order.state);
    Some(if state == order.state { Cow::Borrowed(order) } else { Cow::Owned(Order { state, ..order.clone() }) })
}

/// What stands for "no order" in the names of planted bugs.
pub const ABSENT: &str = "absent";

/// The name of the planted bug by which `rule` takes one state for another.
pub fn as_if(rule: &str, state: &str, taken_for: &str) -> String {
    format!("{rule} takes {state} for {taken_for}")
}

/// The name of an event without what it carries.
pub fn event_name(event: &Event) -> String {
    format!("{event:?}").chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// Which planted bugs were chosen for this process.
#[cfg(feature = "planted")]
mod chosen {
    use std::sync::OnceLock;

    static CHOSEN: OnceLock<Vec<String>> = OnceLock::new();

    /// Whether this one was.
    pub(super) fn is(name: &str) -> bool {
        #[expect(
            clippy::disallowed_methods,
            reason = "only a test's program has this, and it is one choice for the process"
        )]
        let read = || std::env::var("KAMIVEND_PLANTED").unwrap_or_default().split(" + ").map(str::to_owned).collect();
        CHOSEN.get_or_init(read).iter().any(|chosen| chosen == name)
    }
}
