//! What can go wrong between us and the tables, other than being refused.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use std::fmt;

/// A call that gave no answer, or an item that nobody of ours wrote. Never a refusal: those are values.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreError {
    /// No answer after the SDK's own retries, or one that speaks of our request and not of the item (access denied, no such
    /// table). Whether a write took effect is unknown.
    Unavailable {
        /// What was attempted.
        what: &'static str,
        /// The SDK's words, for the log.
        detail: String,
    },
    /// A stored item does not read as what it should be.
    Corrupt {
        /// Which kind of item.
        what: &'static str,
        /// Which attribute.
        detail: String,
    },
    /// We were about to write something that breaks a limit of ours. A bug, caught before it is durable.
    Oversize {
        /// Which kind of item.
        what: &'static str,
        /// How many bytes it would have had.
        bytes: usize,
    },
}

impl StoreError {
    pub(crate) fn corrupt(what: &'static str, detail: impl Into<String>) -> StoreError {
        StoreError::Corrupt { what, detail: detail.into() }
    }

    pub(crate) fn sdk<E, R>(what: &'static str, error: SdkError<E, R>) -> StoreError
    where
        E: ProvideErrorMetadata,
    {
        // The debug form of an error may hold a whole reply with contacts and ciphertexts; its code and message never do.
        let detail = match (&error, error.code()) {
            (_, Some(code)) => format!("{code}: {}", error.message().unwrap_or_default()),
            (SdkError::TimeoutError(_), _) => "timed out".to_owned(),
            (SdkError::DispatchFailure(failure), _) if failure.is_timeout() => "timed out".to_owned(),
            (SdkError::DispatchFailure(_), _) => "not sent".to_owned(),
            (SdkError::ResponseError(_), _) => "an answer that does not read".to_owned(),
            _ => "an error without a code".to_owned(),
        };
        StoreError::Unavailable { what, detail }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Unavailable { what, detail } => write!(f, "{what}: no answer from the table ({detail})"),
            StoreError::Corrupt { what, detail } => write!(f, "{what}: stored item does not read: {detail}"),
            StoreError::Oversize { what, bytes } => write!(f, "{what}: {bytes} bytes are more than the limit"),
        }
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for StoreError {}
