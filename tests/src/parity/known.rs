//! What is known to differ, and why. A difference that is listed here and no longer shows is a fault of this list.

use super::Difference;

/// A difference that is known.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The engine.
    pub side: &'static str,
    /// What the case's name begins with.
    pub case: &'static str,
    /// A piece of the state's words.
    pub state: &'static str,
    /// What was looked at.
    pub aspect: &'static str,
    /// Why it is so, and which of the two AWS's documentation agrees with.
    pub reason: &'static str,
}

impl Known {
    fn covers(&self, difference: &Difference) -> bool {
        let line = &difference.line;
        self.side == difference.side
            && line.case.starts_with(self.case)
            && line.state.contains(self.state)
            && self.aspect == line.aspect
    }
}

/// Every known difference.
pub const KNOWN: &[Known] = &[];

/// Those differences that nobody knew of, and those known ones of these engines that did not show, each as text.
pub fn judge(differences: &[Difference], known: &[Known], sides: &[&str]) -> Vec<String> {
    let unknown = differences.iter().filter(|d| !known.iter().any(|k| k.covers(d))).map(Difference::to_string);
    let gone = known.iter().filter(|k| sides.contains(&k.side) && !differences.iter().any(|d| k.covers(d)));
    let gone = gone.map(|k| format!("{}, {}, {}, {}: is listed and no longer shows", k.side, k.case, k.state, k.aspect));
    unknown.chain(gone).collect()
}
