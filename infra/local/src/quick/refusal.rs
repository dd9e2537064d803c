//! What DynamoDB answers when it does not do what it was asked.

use super::json::Out;
use super::value::Attributes;

/// A refusal: its code, its words, and the item that stood there.
#[derive(Debug)]
pub(super) struct Refusal {
    code: &'static str,
    message: String,
    /// JSON.
    item: Option<Vec<u8>>,
}

impl Refusal {
    /// A request that means nothing here, for this reason: wrong in itself, or not among what this engine knows.
    pub(super) fn invalid(message: impl Into<String>) -> Refusal {
        Refusal { code: "com.amazon.coral.validate#ValidationException", message: message.into(), item: None }
    }

    /// No table has this name.
    pub(super) fn no_table(name: &str) -> Refusal {
        let message = format!("Requested resource not found: Table: {name} not found");
        Refusal { code: "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", message, item: None }
    }

    /// The condition did not hold. The item that stood there goes along when it is asked for.
    pub(super) fn condition(found: Option<&Attributes>) -> Refusal {
        let item = found.map(|found| {
            let mut out = Out::default();
            out.attributes(found);
            out.into_bytes()
        });
        let code = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
        Refusal { code, message: "The conditional request failed".to_owned(), item }
    }

    /// An operation that this engine does not know.
    pub(super) fn unknown(operation: &str) -> Refusal {
        let message = format!("the quick engine knows no {operation}");
        Refusal { code: "com.amazon.coral.service#UnknownOperationException", message, item: None }
    }

    /// As JSON.
    pub(super) fn into_json(self) -> Vec<u8> {
        let mut out = Out::default();
        out.raw("{\"__type\":");
        out.text(self.code);
        out.raw(",\"message\":");
        out.text(&self.message);
        let mut json = out.into_bytes();
        if let Some(item) = self.item {
            json.extend_from_slice(b",\"Item\":");
            json.extend_from_slice(&item);
        }
        json.push(b'}');
        json
    }
}
