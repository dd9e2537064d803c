//! What kind of program asks, and which ways to pay work in it.

use super::view::Env;

/// Reads a `User-Agent`.
pub fn detect(_user_agent: &str) -> Env {
    Env::default()
}
