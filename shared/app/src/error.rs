//! What can go wrong in the shell. The outside hears a code from a closed list (see `functions::http`); these words are for
//! the log, and none of them ever holds a card, a secret or a contact.

use std::fmt;
use store::StoreError;

/// A use case that could not be carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AppError {
    /// The tables gave no answer, or an item does not read.
    Store(StoreError),
    /// The queue did not take the message.
    Queue(String),
    /// A service of AWS beside tables and queues refused, or did not answer: which, and its own code.
    Aws(&'static str, String),
    /// A card or key could not be sealed or opened.
    Sealing(&'static str),
    /// A stored setting does not read.
    Setting(&'static str),
    /// Too many others were writing the same strips; nothing was decided. The same request may be sent again.
    Contended,
    /// Something that nothing in this version writes: an order's state, a message's format, a provider's number.
    Unforeseen(&'static str),
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> AppError {
        AppError::Store(error)
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppError::Store(e) => write!(f, "store: {e}"),
            AppError::Queue(e) => write!(f, "queue: {e}"),
            AppError::Aws(service, e) => write!(f, "{service}: {e}"),
            AppError::Sealing(e) => write!(f, "sealing: {e}"),
            AppError::Setting(e) => write!(f, "setting: {e}"),
            AppError::Contended => f.write_str("contended"),
            AppError::Unforeseen(e) => write!(f, "unforeseen: {e}"),
        }
    }
}

impl std::error::Error for AppError {}
