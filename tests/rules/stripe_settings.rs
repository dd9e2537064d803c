//! Stripe: which settings make an account, and what the seller is told of those that do not.

use crate::stripe_support::*;
use payments::{BadSetting, kind};

fn why(name: &'static str, value: &str) -> Option<BadSetting> {
    let mut settings = settings();
    settings.set(name, value);
    (kind("stripe").unwrap().open)(&settings).err()
}

#[test]
fn the_kind_says_what_it_can_do() {
    let kind = kind("stripe").unwrap();
    assert_eq!((kind.name, kind.methods), ("stripe", ["card"].as_slice()));
    assert!(kind.asks_to_create && kind.closes && kind.refunds && kind.refund_repeats);
    // The shortest session with both allowances, and some minutes for a payment begun in its last second.
    assert_eq!(kind.payable_after_ms, 2_400_000);
    let names: Vec<_> = kind.fields.iter().map(|field| (field.name, field.secret, field.required)).collect();
    let expected = [("secret_key", true, true), ("webhook_secret", true, true), ("currency", false, true)];
    assert_eq!(names[..3], expected);
    assert_eq!(names[3..], [("base_url", false, false)]);
    assert!(kind.fields.iter().all(|field| field.label.iter().all(|label| !label.is_empty())));
    let channel = channel();
    assert_eq!((channel.kind().name, channel.currency().code(), channel.refunds()), ("stripe", "USD", true));
    let shown = format!("{channel:?}");
    assert!(!shown.contains(KEY) && !shown.contains(SECRET), "{shown}");
}

#[test]
fn a_wrong_setting_is_named() {
    for (name, value, words) in [
        ("secret_key", "pk_test_abc", "This is the publishable key (pk_); the secret key begins with sk_ or rk_."),
        ("secret_key", SECRET, "This is the webhook's secret; the secret key begins with sk_ or rk_."),
        ("secret_key", "test_abc", "The secret key begins with sk_ or rk_."),
        ("secret_key", "sk_abc", "The secret key begins with sk_live_, sk_test_, rk_live_ or rk_test_."),
        ("secret_key", "sk_test_a b", "The secret key is one word of letters, digits and _, without spaces."),
        ("secret_key", "sk_test_a\u{e9}", "The secret key is one word of letters, digits and _, without spaces."),
        ("secret_key", "sk_test_", "The secret key is one word of letters, digits and _, without spaces."),
        ("secret_key", "", "It is missing."),
        ("webhook_secret", KEY, "This is the API's secret key; the webhook's secret begins with whsec_."),
        ("webhook_secret", "rk_test_a", "This is the API's secret key; the webhook's secret begins with whsec_."),
        ("webhook_secret", "abc", "The webhook's secret begins with whsec_."),
        ("webhook_secret", "whsec_a,b", "The webhook's secret begins with whsec_."),
        ("webhook_secret", "whsec_", "Only the beginning of the webhook's secret was given."),
        ("webhook_secret", ",", "Give one to four secrets with a comma between."),
        ("webhook_secret", "whsec_1,whsec_2,whsec_3,whsec_4,whsec_5", "Give one to four secrets with a comma between."),
        ("webhook_secret", "", "It is missing."),
        ("currency", "dollars", "The currency is three letters, such as USD."),
        ("currency", "IQD", "Stripe is not paid in this currency."),
        ("currency", "lyd", "Stripe is not paid in this currency."),
        ("currency", "", "It is missing."),
        ("base_url", "http://stripe.example", "The address must be https://host, with nothing after the path."),
        ("base_url", "https://a.example?b", "The address must be https://host, with nothing after the path."),
        ("base_url", "stripe.example", "The address must be https://host, with nothing after the path."),
    ] {
        assert_eq!(why(name, value), Some(BadSetting { field: name, why: words }), "{name}: {value}");
    }
    for (name, value) in [
        ("secret_key", "sk_live_a"),
        ("secret_key", "rk_live_a"),
        ("secret_key", "rk_test_a"),
        ("webhook_secret", "whsec_1, whsec_2\nwhsec_3\twhsec_4"),
        ("currency", "eur"),
        ("base_url", "https://stripe.example/sandbox/"),
        ("base_url", "http://127.0.0.1:3000"),
        ("base_url", "http://localhost:3000"),
        ("base_url", "http://[::1]:3000"),
    ] {
        assert_eq!(why(name, value), None, "{name}: {value}");
    }
}
