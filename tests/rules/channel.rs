//! What is said of faults, by code, to anybody and to the log; and that nothing that is printed shows what it must not.

use crate::support::*;
use domain::Currency;
use payments::epay::{Account, BadAccount, Options};
use payments::form::NotForm;
use payments::{AttemptView, CreateError, HttpReply, HttpRequest, Outcome, RawRequest, Reject, Secret};

#[test]
fn faults_of_an_attempt_in_words() {
    let usd = Currency::parse("USD").unwrap();
    for (error, code, public, log) in [
        (
            CreateError::Currency(usd),
            "channel_currency",
            "This way to pay does not take this currency.",
            "the account is not paid in USD",
        ),
        (CreateError::Amount, "channel_amount", "This amount cannot be paid this way.", "the amount is not above zero"),
        (
            CreateError::Address("return_url"),
            "channel_address",
            "This way to pay is not set up correctly.",
            "return_url is not a plain http(s) address without query and escapes",
        ),
        (
            CreateError::Method,
            "channel_method",
            "This way to pay is not set up correctly.",
            "the way to pay is not one that this channel has",
        ),
        (
            CreateError::Account("no such merchant"),
            "channel_account",
            "This way to pay is not set up correctly.",
            "the provider does not let the account do this: no such merchant",
        ),
        (
            CreateError::Refused("too small"),
            "channel_refused",
            "This way to pay gives no answer at the moment.",
            "the provider made nothing: too small",
        ),
        (
            CreateError::Unknown("no reply"),
            "channel_unknown",
            "This way to pay gives no answer at the moment.",
            "no explicit answer: no reply",
        ),
    ] {
        assert_eq!((error.code(), error.public_message(), error.log_message().as_str()), (code, public, log));
    }
}

/// A forger who hears the difference between a wrong key and another merchant knows that he has a key.
#[test]
fn faults_of_a_notification_in_words() {
    for (reject, code, public, log, outcome) in [
        (
            Reject::BadSignature,
            "notice_signature",
            "The notification could not be verified.",
            "the signature does not fit",
            Outcome::Rejected,
        ),
        (
            Reject::OtherMerchant,
            "notice_merchant",
            "The notification could not be verified.",
            "well signed for another merchant",
            Outcome::Rejected,
        ),
        (
            Reject::Ambiguous("two"),
            "notice_ambiguous",
            "This is not a notification.",
            "ambiguous: two",
            Outcome::Rejected,
        ),
        (
            Reject::NotANotice,
            "notice_incomplete",
            "This is not a notification.",
            "well signed, but a field of a notification is missing",
            Outcome::Rejected,
        ),
        (
            Reject::Malformed("it"),
            "notice_malformed",
            "This is not a notification.",
            "malformed: it",
            Outcome::Rejected,
        ),
        (
            Reject::Unusable("money"),
            "notice_unusable",
            "The notification could not be processed.",
            "well signed and paid, but unusable: money",
            Outcome::TryAgain,
        ),
    ] {
        assert_eq!((reject.code(), reject.public_message(), reject.log_message().as_str()), (code, public, log));
        assert_eq!(reject.outcome(), outcome, "{code}");
    }
}

#[test]
fn faults_of_settings_and_of_forms_in_words() {
    for (bad, words) in [
        (BadAccount::BaseUrl, "The gateway's address must be https://host, with nothing after the path."),
        (BadAccount::Pid, "The merchant number must be 1 to 32 letters, digits, - or _."),
        (BadAccount::Key, "The merchant key must not be empty."),
        (BadAccount::RefundCode, "The code of a good refund must not be below zero; it is 0 or 1."),
    ] {
        assert_eq!(bad.public_message(), words);
    }
    for (fault, words) in [
        (NotForm::Escape, "a percent sign without two hexadecimal digits"),
        (NotForm::Utf8, "not UTF-8 after decoding"),
        (NotForm::NoName, "a value without a name"),
        (NotForm::Duplicate, "a name sent twice"),
    ] {
        assert_eq!(fault.reason(), words);
    }
}

#[test]
fn what_is_printed_shows_the_shape_alone() {
    let request = |url: &str| HttpRequest {
        method: "GET",
        url: url.to_owned(),
        headers: vec![("x-key".to_owned(), KEY.to_owned())],
        body: b"key=1".to_vec(),
    };
    assert_eq!(
        format!("{:?}", request(&format!("{BASE}/api.php?key={KEY}"))),
        "GET https://gateway.example/api.php?*** [\"x-key\"] (5 bytes)"
    );
    assert_eq!(format!("{:?}", request(BASE)), "GET https://gateway.example [\"x-key\"] (5 bytes)");
    let reply = HttpReply::bare(503, KEY.as_bytes().to_vec());
    assert_eq!(format!("{reply:?}"), "HTTP 503 (32 bytes)");
    let secret = Secret::new(KEY.to_owned());
    assert_eq!((format!("{secret:?}").as_str(), secret.expose()), ("***", KEY));
}

#[test]
fn the_first_header_of_a_name_in_any_case() {
    let headers = [("X-A", "1"), ("x-b", "2"), ("X-B", "3")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let request = RawRequest { method: "GET", query: "", headers: &headers, body: b"" };
    assert_eq!((request.header("x-a"), request.header("X-B"), request.header("x-c")), (Some("1"), Some("2"), None));
}

#[test]
fn a_way_to_pay_has_twenty_letters_at_the_most() {
    let number = number();
    let account = Account::new(BASE, PID, Secret::new(KEY.to_owned()), Options::default()).unwrap();
    let channel = payments::Channel::new(account);
    for (method, is_good) in
        [("a", true), ("wx_pay2", true), ("abcdefghijklmnopqrst", true), ("abcdefghijklmnopqrstu", false)]
    {
        let created =
            drive(channel.create(&AttemptView { method: Some(method), ..attempt(&number) }, &CALL), |_| None).1;
        assert_eq!(created.is_ok(), is_good, "{method}");
    }
}

/// What a request and a reply may hold at the most, and one byte more.
#[test]
fn the_longest_body_is_read() {
    const MAX: usize = domain::limits::BODY_MAX;
    let form = Some("application/x-www-form-urlencoded");
    let sent = |length: usize| verify("POST", "", form, "a".repeat(length).as_bytes()).unwrap_err();
    assert_eq!(sent(MAX), Reject::BadSignature);
    assert_eq!(sent(MAX + 1), Reject::Malformed("too long"));
    let told = |length: usize| {
        let body = format!("{}{{\"code\":1}}", " ".repeat(length - 10)).into_bytes();
        let reply = HttpReply::bare(200, body);
        drive(channel().query(&asked(&number()), &CALL), |_| Some(reply.clone())).1
    };
    assert_eq!(told(MAX), payments::QueryState::Unknown("the reply is about another merchant"));
    assert_eq!(told(MAX + 1), payments::QueryState::Unknown("the reply is too long"));
}

/// The last character of the basic plane needs three bytes as all before it, and the next one four.
#[test]
fn a_name_keeps_what_three_bytes_can_hold() {
    let number = number();
    for (name, sent) in [("a\u{FFFF}b", "a\u{FFFF}b"), ("a\u{10000}b", "a b")] {
        let fields = pay_form(&AttemptView { product_name: name, ..attempt(&number) });
        assert!(fields.contains(&("name".to_owned(), sent.to_owned())), "{fields:?}");
    }
}
