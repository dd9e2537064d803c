//! 易支付: the pay page's address, and the settings of an account.

use crate::support::*;
use domain::Currency;
use payments::epay::{Account, BadAccount, Options};
use payments::{AttemptView, Channel, CreateError, Created, Outcome, Secret, Started, form};

fn value<'a>(fields: &'a Fields, name: &str) -> &'a str {
    &fields.iter().find(|(n, _)| n == name).unwrap().1
}

fn error(attempt: &AttemptView<'_>) -> CreateError {
    drive(channel().create(attempt, &CALL), |_| None).1.unwrap_err()
}

fn name_sent(product_name: &str) -> String {
    let number = number();
    value(&pay_form(&AttemptView { product_name, ..attempt(&number) }), "name").to_owned()
}

#[test]
fn the_address_holds_what_was_signed() {
    let number = number();
    let fields = pay_form(&attempt(&number));
    let unsigned = without(&without(&fields, "sign"), "sign_type");
    assert_eq!(
        unsigned,
        own([
            ("money", "9.90"),
            ("name", "月卡 30 days"),
            ("notify_url", "https://shop.example/webhooks/epay"),
            ("out_trade_no", NUMBER),
            ("pid", PID),
            ("return_url", "https://shop.example/o/0123456789ABCDEFGHJKMNPQ"),
            ("type", "alipay"),
        ])
    );
    assert_eq!(fields, signed(&unsigned));
}

#[test]
fn the_same_attempt_has_the_same_address() {
    let number = number();
    let create = || drive(channel().create(&attempt(&number), &CALL), |_| None).1;
    assert_eq!(create(), create());
}

#[test]
fn what_this_kind_of_channel_can_do() {
    let channel = channel();
    let described = channel.kind();
    assert_eq!(described.name, "epay_v1");
    assert!(!described.asks_to_create && described.refunds && !described.closes);
    assert_eq!(described.payable_after_ms, 24 * 60 * 60 * 1_000);
}

#[test]
fn money_has_two_digits() {
    let number = number();
    for (minor, text) in [(1, "0.01"), (10, "0.10"), (100, "1.00"), (990, "9.90"), (123_456_789, "1234567.89")] {
        let fields = pay_form(&AttemptView { amount: yuan(minor), ..attempt(&number) });
        assert_eq!(value(&fields, "money"), text);
    }
}

#[test]
fn without_a_method_there_is_no_type() {
    let number = number();
    for method in [None, Some("")] {
        let fields = pay_form(&AttemptView { method, ..attempt(&number) });
        assert!(fields.iter().all(|(name, _)| name != "type"));
        let unsigned = without(&without(&fields, "sign"), "sign_type");
        assert_eq!(fields, signed(&unsigned));
    }
}

#[test]
fn the_name_is_cleaned() {
    assert_eq!(name_sent("月卡"), "月卡");
    assert_eq!(name_sent("a&trade_status=TRADE_SUCCESS&trade_no=1"), "a trade_status TRADE_SUCCESS trade_no 1");
    assert_eq!(name_sent("a+b%20c\td\u{0}e\r\nf"), "a b 20c d e f");
    assert_eq!(name_sent("it's \"5\\6\" <b>`"), "it s 5 6 b");
    assert_eq!(name_sent("gift 🎁 card"), "gift card");
    assert_eq!(name_sent("  a   b  "), "a b");
    for nothing in ["", "   ", "&=&=", "🎁🎁", "\u{0}"] {
        assert_eq!(name_sent(nothing), "product", "{nothing:?}");
    }
}

#[test]
fn the_name_is_cut_at_127_bytes_between_characters() {
    assert_eq!(name_sent(&"a".repeat(127)), "a".repeat(127));
    assert_eq!(name_sent(&"a".repeat(128)), "a".repeat(127));
    // 42 characters of three bytes are 126; the next would end at 129.
    assert_eq!(name_sent(&"月".repeat(60)), "月".repeat(42));
    // A cut right after a space leaves no space at the end.
    assert_eq!(name_sent(&format!("{} b", "a".repeat(126))), "a".repeat(126));
}

#[test]
fn only_yuan_above_zero() {
    let number = number();
    let usd = Currency::parse("USD").unwrap();
    let dollars = domain::Money { minor: 990, currency: usd };
    assert_eq!(error(&AttemptView { amount: dollars, ..attempt(&number) }), CreateError::Currency(usd));
    for minor in [0, -1] {
        assert_eq!(error(&AttemptView { amount: yuan(minor), ..attempt(&number) }), CreateError::Amount);
    }
    assert_eq!(channel().currency(), Currency::CNY);
}

#[test]
fn addresses_that_could_cut_the_signed_text_are_refused() {
    let number = number();
    for bad in [
        "",
        "/o/1",
        "shop.example/o/1",
        "ftp://shop.example/",
        "javascript:alert(1)",
        "https://",
        "https:///o/1",
        "https://:443/",
        "https://shop.example:x/",
        "https://shop.example:99999/",
        "https://[::1]shop.example/",
        "https://user@shop.example/",
        "https://shop.example/o?t=1",
        "https://shop.example/o#x",
        "https://shop.example/a&trade_no=1",
        "https://shop.example/a=b",
        "https://shop.example/a b",
        "https://shop.example/%26",
        "https://shop.example/a+b",
        "https://shop.example/a\nb",
        "https://shop.example/商店",
    ] {
        let attempt = attempt(&number);
        assert_eq!(error(&AttemptView { notify_url: bad, ..attempt }), CreateError::Address("notify_url"), "{bad}");
        assert_eq!(error(&AttemptView { return_url: bad, ..attempt }), CreateError::Address("return_url"), "{bad}");
    }
    for good in ["http://127.0.0.1:3000/webhooks/sandbox", "https://[::1]:8443/o/A_b-c.d~1"] {
        let fields = pay_form(&AttemptView { notify_url: good, ..attempt(&number) });
        assert_eq!(value(&fields, "notify_url"), good);
    }
}

#[test]
fn methods_are_words_of_the_gateway() {
    let number = number();
    for bad in ["Alipay", "ali pay", "a&b", "a=b", "支付宝", "a-b", "abcdefghijklmnopqrstu"] {
        assert_eq!(error(&AttemptView { method: Some(bad), ..attempt(&number) }), CreateError::Method, "{bad}");
    }
}

#[test]
fn errors_have_stable_codes_and_no_secret() {
    let all = [
        CreateError::Currency(Currency::CNY),
        CreateError::Amount,
        CreateError::Address("notify_url"),
        CreateError::Method,
    ];
    let codes: Vec<_> = all.iter().map(CreateError::code).collect();
    assert_eq!(codes, ["channel_currency", "channel_amount", "channel_address", "channel_method"]);
    for error in all {
        assert!(!error.public_message().is_empty() && !error.log_message().is_empty());
        assert!(!error.log_message().contains("shop.example"));
    }
}

#[test]
fn settings_are_checked() {
    let key = || Secret::new(KEY.to_owned());
    let new = |base: &str, pid: &str, key, options| Account::new(base, pid, key, options).err();
    let off = Options::default();
    let http = Options { allow_http: true, ..off };
    for good in ["https://pay.example", "https://pay.example/epay/", "http://127.0.0.1:3000/sandbox", "http://[::1]:1/"]
    {
        assert_eq!(new(good, PID, key(), off), None, "{good}");
    }
    assert_eq!(new("http://localhost:3000", PID, key(), off), None);
    assert_eq!(new("http://192.168.1.7:3000", PID, key(), http), None);
    for bad in [
        "http://pay.example",
        "http://127.0.0.1.pay.example",
        "http://localhost:80pay.example",
        "https://pay.example/submit.php?x=1",
        "https://pay.example/#",
        "pay.example",
        "",
    ] {
        assert_eq!(new(bad, PID, key(), off), Some(BadAccount::BaseUrl), "{bad}");
    }
    for bad in ["", "1&a", "1=2", "商户", "1 ", "123456789012345678901234567890123"] {
        assert_eq!(new(BASE, bad, key(), off), Some(BadAccount::Pid), "{bad}");
    }
    assert_eq!(new(BASE, PID, Secret::new(String::new()), off), Some(BadAccount::Key));
    for code in [0, 1, 200] {
        assert_eq!(new(BASE, PID, key(), Options { refund: Some(code), ..off }), None, "{code}");
    }
    // A refusal that counted as success would say that money went back which did not.
    for code in [-1, -2, i64::MIN] {
        let refund = Options { refund: Some(code), ..off };
        assert_eq!(new(BASE, PID, key(), refund), Some(BadAccount::RefundCode), "{code}");
    }
    let bad = [BadAccount::BaseUrl, BadAccount::Pid, BadAccount::Key, BadAccount::RefundCode];
    assert_eq!(bad.map(|bad| bad.code()), ["epay_base_url", "epay_pid", "epay_key", "epay_refund_code"]);
}

#[test]
fn slashes_at_the_end_of_the_gateway_do_not_matter() {
    let number = number();
    let url = |base: &str| {
        let account = Account::new(base, PID, Secret::new(KEY.to_owned()), Options::default()).unwrap();
        drive(Channel::new(account).create(&attempt(&number), &CALL), |_| None).1.unwrap().shown
    };
    assert_eq!(url("https://gateway.example//"), url("https://gateway.example"));
    let Created::Redirect(deep) = url("https://gateway.example/epay/") else { panic!("not a redirect") };
    assert!(deep.starts_with("https://gateway.example/epay/submit.php?"));
}

/// A fork that joins the key as `&key=KEY` signs and verifies that way, and only that way.
#[test]
fn the_key_can_be_joined_with_a_separator() {
    let options = Options { key_separator: true, ..Options::default() };
    let fork = Channel::new(Account::new(BASE, PID, Secret::new(KEY.to_owned()), options).unwrap());
    let family = payments::canonical::Family { tail: payments::canonical::Tail::AndKey, ..FAMILY };
    let number = number();
    let Ok(Started { shown: Created::Redirect(url), .. }) = drive(fork.create(&attempt(&number), &CALL), |_| None).1
    else {
        panic!("no redirect")
    };
    let fields = own(form::parse(url.split_once('?').unwrap().1.as_bytes()).unwrap().iter());
    assert_eq!(value(&fields, "sign"), family.md5(borrowed(&fields), KEY));

    let verify = |channel: &Channel, sign: String| {
        let mut fields = notice();
        fields.push(("sign".to_owned(), sign));
        let query = query_of(&fields);
        channel.verify(&payments::RawRequest { method: "GET", query: &query, headers: &[], body: b"" }, CALL.now)
    };
    assert!(verify(&fork, family.md5(borrowed(&notice()), KEY)).is_ok());
    assert!(verify(&fork, FAMILY.md5(borrowed(&notice()), KEY)).is_err());
    assert!(verify(&channel(), family.md5(borrowed(&notice()), KEY)).is_err());
}

#[test]
fn what_the_gateway_hears() {
    let hears = |outcome| {
        let ack = channel().ack(outcome);
        (ack.status, ack.content_type, ack.body)
    };
    assert_eq!(hears(Outcome::Accepted), (200, "text/plain", "success"));
    assert_eq!(hears(Outcome::Rejected), (400, "text/plain", "fail"));
    assert_eq!(hears(Outcome::TryAgain), (503, "text/plain", "fail"));
}

#[test]
fn nothing_prints_the_key() {
    assert!(!format!("{:?}", channel()).contains(KEY));
    assert_eq!(format!("{:?}", Secret::new(KEY.to_owned())), "***");
}
