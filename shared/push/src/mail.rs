//! A mail with a text and an HTML part through Amazon SES, to one person: what buyers get. Amazon's signature is made by whoever has
//! the function's credentials.
//!
//! Source: Amazon SES API v2 Reference, "SendEmail": `FromEmailAddress` may carry a name, in seven-bit signs; RFC 2047, sections 2
//! and 5: how a name in other signs is written.

use crate::email::{self, PATH, SUBJECT_MAX, part};
use crate::reply::{Reply, Verdict};
use crate::text::{characters, cut};
use crate::{Request, Signing};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::fmt;

/// Bytes of a name in one encoded word: 75 signs less the frame, in base64.
const WORD_MAX: usize = 45;

/// Characters of a sender's name.
const NAME_MAX: usize = 60;

/// A mail. Its debug form hides everything: it may hold keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The address it comes from, and the name that stands before it; empty for none.
    pub from: (String, String),
    /// Whom it goes to.
    pub to: String,
    /// Where answers go; `None` goes back to the sender.
    pub reply_to: Option<String>,
    /// One line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mail(***)")
    }
}

/// Whether a text is one mail address and nothing that a mail program reads as more than one, or as a name, or as a comment.
pub fn is_address(text: &str) -> bool {
    text.is_ascii() && crate::channel::is_mail(text)
}

impl Mail {
    /// The request that sends it. The address is a path below the service's own.
    pub fn request(&self) -> Request {
        let (address, name) = &self.from;
        let subject = cut(&email::line(&self.subject), SUBJECT_MAX, characters);
        let mut body = json!({
            "FromEmailAddress": sender(address, name),
            "Destination": {"ToAddresses": [self.to]},
            "Content": {"Simple": {
                "Subject": part(subject),
                "Body": {"Text": part(self.text.clone()), "Html": part(self.html.clone())},
            }},
        });
        if let (Some(reply_to), Some(fields)) = (&self.reply_to, body.as_object_mut()) {
            fields.insert("ReplyToAddresses".to_owned(), json!([reply_to]));
        }
        let mut request = Request::json(PATH.to_owned(), &body);
        request.headers = vec![("content-type", "application/json".to_owned())];
        request.signing = Signing::Aws("ses");
        request
    }

    /// What an answer means; `None` is no answer at all.
    pub fn judge(reply: Option<&Reply>) -> Verdict {
        reply.map_or(Verdict::Unknown("no answer"), email::judge)
    }
}

/// An address with a name before it that no mail program can take for anything but a name.
fn sender(address: &str, name: &str) -> String {
    let name: String = email::line(name).chars().take(NAME_MAX).collect();
    let name = name.trim();
    if name.is_empty() {
        return address.to_owned();
    }
    if name.bytes().all(|b| b.is_ascii_alphanumeric() || b" -_'".contains(&b)) {
        return format!("\"{name}\" <{address}>");
    }
    let mut words = vec![String::new()];
    for c in name.chars() {
        match words.last_mut() {
            // A sign is never torn in two: each word is read by itself.
            Some(word) if word.len() + c.len_utf8() <= WORD_MAX => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    let words: Vec<String> = words.iter().map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word))).collect();
    format!("{} <{address}>", words.join(" "))
}
