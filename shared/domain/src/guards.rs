//! Guards by name, so that a test's program can take each of them out and show which test notices.
//!
//! Without the feature `planted`, which nothing that is deployed has, every function here is the identity and costs nothing.
//! With it, one planted bug is chosen for a whole process by the environment variable `KAMIVEND_PLANTED`: the name of a guard, or
//! two names with ` + ` between them where the one guard stands behind the other.

use crate::order::Event;
#[cfg(not(feature = "planted"))]
use crate::order::{Order, State};
#[cfg(not(feature = "planted"))]
use std::borrow::Cow;

#[cfg(all(feature = "planted", not(debug_assertions)))]
compile_error!("planted bugs are for tests; a program that is released never has them");

#[cfg(feature = "planted")]
mod chosen;
#[cfg(feature = "planted")]
pub use chosen::{holds, planted};
#[cfg(feature = "planted")]
pub(crate) use chosen::{met, seen_by};

/// A condition that must hold before something is done, by its name: `condition`, and `true` where the guard is taken out.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn holds(_name: &str, condition: bool) -> bool {
    condition
}

/// A wrong way to go on, by its name: `false`, and `true` where it is to be gone.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn planted(_name: &str) -> bool {
    false
}

/// The state that a rule sees: the order's, or another one where the rule is to take the one for the other.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub(crate) const fn seen_by(_rule: &str, state: State) -> State {
    state
}

/// The order that an event meets: as it is, or in another state, or none, where the table is to take the one for the other.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub(crate) fn met<'a>(order: Option<&'a Order>, _event: &Event) -> Option<Cow<'a, Order>> {
    order.map(Cow::Borrowed)
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
