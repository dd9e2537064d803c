//! How a request is refused: HTTP status, JSON shape name, and the older code that SDKs match on.
//!
//! SQS moved from XML to JSON without breaking its clients, so every error carries two names: the shape in `__type`
//! and the code of the old protocol in a header. The Rust SDK looks at the header first and finds only some shapes
//! without it. Status codes and names were taken from recordings of the real service; the sentences are our own.

use serde::Serialize;

/// A refusal, ready to become an HTTP answer or a failed entry of a batch.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) status: u16,
    /// The full shape name, for `__type`.
    shape: &'static str,
    /// The code of the old protocol, for the header and for batch entries.
    pub(super) code: &'static str,
    pub(super) message: String,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "__type")]
    shape: &'a str,
    message: &'a str,
}

impl Fault {
    fn new(status: u16, shape: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, shape, code, message: message.into() }
    }

    /// The JSON body. It cannot fail for two strings; an empty object stands in, as the status already refuses.
    pub(super) fn body(&self) -> Vec<u8> {
        serde_json::to_vec(&Body { shape: self.shape, message: &self.message }).unwrap_or_else(|_| b"{}".to_vec())
    }

    /// True where the caller is at fault, false where this engine is.
    pub(super) fn is_senders(&self) -> bool {
        self.status < 500
    }

    /// The value of the `x-amzn-query-error` header.
    pub(super) fn header(&self) -> String {
        format!("{};{}", self.code, if self.is_senders() { "Sender" } else { "Receiver" })
    }

    pub(super) fn no_such_queue() -> Self {
        Self::new(
            400,
            "com.amazonaws.sqs#QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue",
            "There is no queue of that name.",
        )
    }

    pub(super) fn queue_exists(attribute: &str) -> Self {
        Self::new(
            400,
            "com.amazonaws.sqs#QueueNameExists",
            "QueueAlreadyExists",
            format!("The queue exists, and its {attribute} has another value."),
        )
    }

    pub(super) fn purge_in_progress(queue: &str) -> Self {
        Self::new(
            403,
            "com.amazonaws.sqs#PurgeQueueInProgress",
            "AWS.SimpleQueueService.PurgeQueueInProgress",
            format!("Queue {queue} was purged less than 60 seconds ago."),
        )
    }

    pub(super) fn attribute_name(name: &str) -> Self {
        Self::new(
            400,
            "com.amazonaws.sqs#InvalidAttributeName",
            "InvalidAttributeName",
            format!("A standard queue has no settable or readable attribute {name}."),
        )
    }

    pub(super) fn attribute_value(name: &str, reason: &str) -> Self {
        Self::new(
            400,
            "com.amazonaws.sqs#InvalidAttributeValue",
            "InvalidAttributeValue",
            format!("The value of {name} is refused: {reason}."),
        )
    }

    pub(super) fn parameter(name: &str, reason: impl AsRef<str>) -> Self {
        Self::new(
            400,
            "com.amazon.coral.service#InvalidParameterValueException",
            "InvalidParameterValue",
            format!("The value of {name} is refused: {}.", reason.as_ref()),
        )
    }

    pub(super) fn missing(name: &str) -> Self {
        Self::new(
            400,
            "com.amazon.coral.service#MissingRequiredParameterException",
            "MissingParameter",
            format!("The request lacks {name}."),
        )
    }

    pub(super) fn contents() -> Self {
        Self::new(
            400,
            "com.amazonaws.sqs#InvalidMessageContents",
            "InvalidMessageContents",
            "The text holds a character that XML 1.0 does not allow.",
        )
    }

    pub(super) fn receipt_handle() -> Self {
        Self::new(
            404,
            "com.amazonaws.sqs#ReceiptHandleIsInvalid",
            "ReceiptHandleIsInvalid",
            "This queue never issued that receipt handle.",
        )
    }

    pub(super) fn over_limit() -> Self {
        Self::new(
            403,
            "com.amazonaws.sqs#OverLimit",
            "OverLimit",
            "Too many messages are in flight; delete some of them first.",
        )
    }

    pub(super) fn empty_batch() -> Self {
        Self::new(
            400,
            "com.amazonaws.sqs#EmptyBatchRequest",
            "AWS.SimpleQueueService.EmptyBatchRequest",
            "The batch holds no entry.",
        )
    }

    pub(super) fn too_many_entries(count: usize) -> Self {
        Self::new(
            400,
            "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            format!("The batch holds {count} entries; 10 is the most."),
        )
    }

    pub(super) fn entry_id() -> Self {
        Self::new(
            400,
            "com.amazonaws.sqs#InvalidBatchEntryId",
            "AWS.SimpleQueueService.InvalidBatchEntryId",
            "An entry id is 1 to 80 letters, digits, hyphens or underscores.",
        )
    }

    pub(super) fn entry_ids_not_distinct(id: &str) -> Self {
        Self::new(
            400,
            "com.amazonaws.sqs#BatchEntryIdsNotDistinct",
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            format!("Entry id {id} is used twice."),
        )
    }

    pub(super) fn batch_too_long(bytes: usize) -> Self {
        Self::new(
            400,
            "com.amazonaws.sqs#BatchRequestTooLong",
            "AWS.SimpleQueueService.BatchRequestTooLong",
            format!("The messages of the batch are {bytes} bytes together; 1048576 is the most."),
        )
    }

    pub(super) fn unsupported(what: &str) -> Self {
        Self::new(
            400,
            "com.amazonaws.sqs#UnsupportedOperation",
            "AWS.SimpleQueueService.UnsupportedOperation",
            format!("{what} is not supported here."),
        )
    }

    pub(super) fn unknown_operation() -> Self {
        Self::new(
            400,
            "com.amazon.coral.service#UnknownOperationException",
            "InvalidAction",
            "The target names no operation of this service.",
        )
    }

    pub(super) fn malformed(reason: impl Into<String>) -> Self {
        Self::new(400, "com.amazon.coral.service#SerializationException", "MalformedInput", reason)
    }

    /// Our own failure. The reason goes to the log and not to the caller, who can only try again.
    pub(super) fn internal(reason: &dyn std::fmt::Display) -> Self {
        tracing::error!(%reason, "the queue engine failed");
        Self::new(
            500,
            "com.amazon.coral.service#InternalFailure",
            "InternalFailure",
            "The queue engine failed; the request may be repeated.",
        )
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::internal(&error)
    }
}

impl From<serde_json::Error> for Fault {
    /// Only for what the engine itself writes and reads back; requests go through [`Fault::malformed`].
    fn from(error: serde_json::Error) -> Self {
        Self::internal(&error)
    }
}
