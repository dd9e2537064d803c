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

/// Every known difference.
pub const KNOWN: &[Known] = &[];

/// Those differences that nobody knew of, and those known ones of these engines that did not show, each as text.
pub fn judge(differences: &[Difference], known: &[Known], sides: &[&str]) -> Vec<String> {
    let unknown = differences.iter().filter(|d| !known.iter().any(|k| k.covers(d))).map(Difference::to_string);
    let listed = known.iter().filter(|k| sides.contains(&k.side)).flat_map(|k| k.states.iter().map(move |s| (k, *s)));
    let gone = listed.filter(|(k, state)| !differences.iter().any(|d| k.is(state, d)));
    let gone =
        gone.map(|(k, state)| format!("{}, {}, {state}, {}: is listed and no longer shows", k.side, k.case, k.aspect));
    unknown.chain(gone).collect()
}
