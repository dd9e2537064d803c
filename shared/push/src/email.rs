//! Mail through Amazon SES: the body of the call `SendEmail`. Amazon's signature is made by whoever has the function's credentials.
//!
//! Source: Amazon SES API v2 Reference, "SendEmail" and its errors. How many messages a second and a day depends on the account; one
//! that is still in the sandbox sends 200 a day, to verified addresses only.

use crate::reply::{Refusal, Reply, Verdict};
use crate::text::{bytes, characters, cut};
use crate::{Channel, Message, Request, Signing};
use serde_json::{Value, json};

/// The address of the call below the service's own.
pub(crate) const PATH: &str = "/v2/email/outbound-emails";

/// Characters of the subject; longer ones are not shown.
pub(crate) const SUBJECT_MAX: usize = 150;

/// Bytes of the text.
const TEXT_MAX: usize = 64_000;

pub(crate) fn request(channel: &Channel, message: &Message) -> Request {
    let link = message.link.as_ref().map(|link| format!("\n\n{}\n{}\n", link.label, link.url));
    let (title, text) = (cut(&line(&message.title), SUBJECT_MAX, characters), message.lines.iter().map(|l| line(l)));
    let text = cut(&text.collect::<Vec<_>>().join("\n"), TEXT_MAX, bytes) + &link.unwrap_or_default();
    let content = json!({"Simple": {"Subject": part(title), "Body": {"Text": part(text)}}});
    let body = json!({
        "FromEmailAddress": channel.field("from"),
        "Destination": {"ToAddresses": [channel.field("to")]},
        "Content": content,
    });
    let mut request = Request::json(PATH.to_owned(), &body);
    request.headers = vec![("content-type", "application/json".to_owned())];
    request.signing = Signing::Aws("ses");
    request
}

/// A part of a mail, as the call has it.
pub(crate) fn part(text: String) -> Value {
    json!({"Data": text, "Charset": "UTF-8"})
}

/// In a mail a mention is nothing and an address is an address, so only what hides or breaks the line is taken out.
pub(crate) fn line(text: &str) -> String {
    crate::text::plain(text).replace('＠', "@").replace('＜', "<").replace('＞', ">")
}

pub(crate) fn judge(reply: &Reply) -> Verdict {
    let body = reply.json();
    if reply.status == 200 && body.get("MessageId").and_then(Value::as_str).is_some() {
        return Verdict::Accepted;
    }
    // The error's name stands in a header, now and then followed by an address.
    let named = reply.header("x-amzn-errortype").or_else(|| body.get("__type").and_then(Value::as_str));
    let name = named.and_then(|name| name.split(':').next()).unwrap_or_default();
    match name.rsplit('#').next().unwrap_or_default() {
        "TooManyRequestsException" | "ThrottlingException" => Verdict::busy(1),
        "LimitExceededException" => Verdict::Refused(Refusal::Quota),
        // The sender is not verified, or has no right to send, or the account is stopped.
        "MessageRejected"
        | "MailFromDomainNotVerifiedException"
        | "SendingPausedException"
        | "AccountSuspendedException" => Verdict::Refused(Refusal::NotAllowed),
        "BadRequestException" | "NotFoundException" => Verdict::Refused(Refusal::Request),
        "AccessDeniedException" | "UnrecognizedClientException" | "InvalidClientTokenId" => {
            Verdict::Refused(Refusal::Credentials)
        }
        "SignatureDoesNotMatch" | "InvalidSignatureException" => Verdict::Refused(Refusal::Signature),
        // Credentials of a function are renewed by themselves.
        _ => reply.by_status().unwrap_or(Verdict::Unknown("neither a message id nor an error that means no")),
    }
}
