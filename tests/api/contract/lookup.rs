//! Orders found again by contact and password, and what strangers can learn from asking.

use super::{MINUTE, bought, get, granted, of, refused, shop_with, stands, with};
use crate::openapi::{Reply, ask, create, request};
use local::Front;
use serde_json::{Value, json};
use std::sync::Arc;
use tests::shop::wish;
use tests::taps::Counter;
use tests::{Buyer, TestShop, text};
use tokio::task::JoinSet;

const HERE: &str = "192.0.2.1";

async fn look_from(front: &Front, contact: &str, password: &str, peer: &str) -> Reply {
    let body = json!({"contact": contact, "query_password": password});
    ask(front, request("POST", "/api/lookup", "", body.to_string()), peer).await
}

async fn look(shop: &TestShop, contact: &str, password: &str) -> Reply {
    look_from(shop.front(), contact, password, HERE).await
}

/// The ids that were found.
#[track_caller]
fn found(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["orders"].as_array().unwrap().iter().map(|o| text(o, "/id").to_owned()).collect()
}

/// An order of this contact, with a password of its own or with a code; answers the buyer and the code.
async fn order(shop: &TestShop, key: &str, contact: &str, password: &str) -> (Buyer, String) {
    let mut body = with(&wish("p", 1), "contact", contact.into());
    if !password.is_empty() {
        body["query_password"] = password.into();
    }
    let reply = ask(shop.front(), create(key, &body), HERE).await;
    granted(&reply, 201);
    (Buyer::from(&reply.body), reply.body["collection_code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn the_collection_code_finds_its_order() {
    let shop = shop_with(640, 5).await;
    let (buyer, code) = order(&shop, "an-order-with-a-code", "Buyer@Example.com", "").await;
    let (_, other_code) = order(&shop, "another-order-with-a-code", "buyer@example.com", "").await;
    assert_ne!(code, other_code);
    for contact in ["Buyer@Example.com", "buyer@example.com", "  BUYER@EXAMPLE.COM ", "\tbuyer@example.com\n"] {
        let reply = look(&shop, contact, &code).await;
        assert_eq!(found(&reply), [buyer.order.as_str()], "{contact:?}");
        let listed = &reply.body["orders"][0];
        assert_eq!(
            (text(listed, "/status"), text(listed, "/product"), text(listed, "/created_at")),
            ("awaiting_payment", "p", "2026-11-22T00:00:00.000Z")
        );
    }
    for contact in ["buyer@example.org", "uyer@example.com", "buyer@example.com.", "other@example.com"] {
        assert_eq!(found(&look(&shop, contact, &code).await), [""; 0], "{contact}");
    }
}

#[tokio::test]
async fn a_password_of_ones_own_finds_all_its_orders() {
    let shop = shop_with(641, 9).await;
    let (first, _) = order(&shop, "the-first-with-a-password", "me@example.com", "one word for all").await;
    shop.pass(MINUTE);
    let (second, _) = order(&shop, "the-second-with-a-password", "me@example.com", "one word for all").await;
    let (third, _) = order(&shop, "the-third-has-another", "me@example.com", "quite another").await;
    let (_, code) = order(&shop, "the-fourth-has-a-code", "me@example.com", "").await;
    order(&shop, "somebody-else-has-it-too", "you@example.com", "one word for all").await;
    let newest_first = [second.order.as_str(), first.order.as_str()];
    assert_eq!(found(&look(&shop, "me@example.com", "one word for all").await), newest_first);
    assert_eq!(found(&look(&shop, "me@example.com", "quite another").await), [third.order.as_str()]);
    assert_eq!(found(&look(&shop, "me@example.com", &code).await).len(), 1);
    // A password is what it is, to the letter.
    for near in ["One word for all", "one word for al", "one word for all!", "oneword for all"] {
        assert_eq!(found(&look(&shop, "me@example.com", near).await), [""; 0], "{near}");
    }
}

#[tokio::test]
async fn the_address_that_is_found_opens_the_order() {
    let shop = shop_with(642, 3).await;
    let (paid, _) = order(&shop, "an-order-that-is-paid", "me@example.com", "my own password").await;
    let (closed, _) = order(&shop, "an-order-that-is-closed", "me@example.com", "my own password").await;
    shop.pay(&paid, "T1").await;
    shop.deliver_all().await;
    granted(&ask(shop.front(), request("POST", &of(&closed, "cancel"), &closed.token, ""), HERE).await, 200);
    let reply = look(&shop, "me@example.com", "my own password").await;
    let orders = reply.body["orders"].as_array().unwrap();
    let mut statuses: Vec<(&str, &str)> = orders.iter().map(|o| (text(o, "/id"), text(o, "/status"))).collect();
    statuses.sort_unstable();
    let mut expected = [(paid.order.as_str(), "delivered"), (closed.order.as_str(), "closed")];
    expected.sort_unstable();
    assert_eq!(statuses, expected);
    for listed in orders {
        let (path, token) = text(listed, "/order_url").split_once("?t=").unwrap();
        let order = path.strip_prefix("/o/").unwrap();
        assert_eq!(order, text(listed, "/id"));
        granted(&get(&shop, &format!("/api/orders/{order}"), token).await, 200);
    }
    let url = orders.iter().find(|o| o["status"] == "delivered").map(|o| text(o, "/order_url")).unwrap();
    let token = url.split_once("?t=").unwrap().1;
    assert_eq!(get(&shop, &of(&paid, "keys"), token).await.body["keys"][0]["content"], "CARD-00001");
}

/// What an answer tells beside its request's own id.
fn told(reply: &Reply) -> (u16, Vec<String>, Vec<u8>) {
    let names = reply.headers.iter().filter(|(name, _)| *name != "x-request-id");
    let mut headers: Vec<String> = names.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    headers.sort();
    (reply.status, headers, reply.bytes.clone())
}

/// The calls that one look-up made: each with its table, and with how many items it asked for by name.
fn calls(counter: &Counter) -> Vec<(String, String, usize)> {
    let asked = |body: &Value| -> usize {
        let tables = body["RequestItems"].as_object().into_iter().flat_map(|tables| tables.values());
        tables.map(|table| table["Keys"].as_array().unwrap().len()).sum()
    };
    counter.take().into_iter().map(|seen| (seen.target, seen.table, asked(&seen.body))).collect()
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_and_an_unknown_contact_look_the_same() {
    let shop = shop_with(643, 9).await;
    for n in 0..3 {
        order(&shop, &format!("one-order-of-three-{n}"), "known@example.com", "the right password").await;
    }
    let (one_order, _) = order(&shop, "the-only-order-of-its-buyer", "single@example.com", "").await;
    assert_eq!(stands(&shop, &one_order).await.0, "awaiting_payment");
    let counter = Arc::new(Counter::default());
    let (front, _) = shop.tapped(counter.clone());
    let mut answers = Vec::new();
    for contact in ["known@example.com", "single@example.com", "stranger@example.com"] {
        for password in ["a wrong password", "12345678"] {
            counter.take();
            let began = tokio::time::Instant::now();
            let reply = look_from(&front, contact, password, HERE).await;
            answers.push((told(&reply), calls(&counter), began.elapsed(), contact, password));
        }
    }
    let (answer, work, time, ..) = &answers[0];
    assert_eq!((answer.0, answer.2.as_slice()), (200, br#"{"orders":[]}"#.as_slice()));
    assert!(work.len() > 2 && work.iter().any(|(_, table, keys)| table == "orders" && *keys == 100), "{work:?}");
    for (other, calls, took, contact, password) in &answers {
        assert_eq!((other, calls, took), (answer, work, time), "{contact} with {password}");
    }
}

/// Somebody who orders often is looked up as a stranger is, and the oldest order is the one that is not found.
#[tokio::test(start_paused = true)]
async fn the_newest_hundred_orders_are_looked_through() {
    let shop = shop_with(649, 101).await;
    let mut newest_first = Vec::new();
    for n in 0..101 {
        let (buyer, _) = order(&shop, &format!("one-order-of-very-many-{n:03}"), "me@example.com", "one word").await;
        newest_first.insert(0, buyer.order);
        shop.pass(1);
    }
    assert_eq!(found(&look(&shop, "me@example.com", "one word").await), newest_first[..100]);
    let counter = Arc::new(Counter::default());
    let (front, _) = shop.tapped(counter.clone());
    let mut work = Vec::new();
    for contact in ["me@example.com", "stranger@example.com"] {
        let reply = look_from(&front, contact, "another word", HERE).await;
        work.push((told(&reply), calls(&counter)));
    }
    assert_eq!(work[0], work[1]);
}

/// Whatever was typed is the password; a contact has no space around it.
#[tokio::test]
async fn a_password_is_taken_as_it_is_typed() {
    let shop = shop_with(650, 3).await;
    let padded = "  pass word\t";
    let (first, _) = order(&shop, "an-order-with-a-padded-word", "me@example.com", padded).await;
    let (second, _) = order(&shop, "an-order-with-six-spaces", " me@example.com ", "      ").await;
    for contact in ["me@example.com", "  Me@Example.com\n"] {
        assert_eq!(found(&look(&shop, contact, padded).await), [first.order.as_str()]);
        assert_eq!(found(&look(&shop, contact, "      ").await), [second.order.as_str()]);
    }
    for near in ["pass word", "  pass word", " pass word\t", " ", "     ", "       "] {
        assert_eq!(found(&look(&shop, "me@example.com", near).await), [""; 0], "{near:?}");
    }
}

/// An order costs nothing until it is paid. One made under somebody's contact with the very password that is guessed at is found,
/// and takes no try back; and no idempotency key leads to the orders that fill up a stranger's look-up.
#[tokio::test]
async fn orders_made_for_guessing_buy_no_guesses() {
    let shop = shop_with(651, 40).await;
    for n in 0..10 {
        let guess = format!("guess number {n}");
        let (made, _) = order(&shop, &format!("an-order-for-guessing-{n}"), "victim@example.com", &guess).await;
        assert_eq!(found(&look(&shop, "victim@example.com", &guess).await), [made.order.as_str()]);
    }
    refused(&look(&shop, "victim@example.com", "guess number 0").await, 429, "rate_limited");
    let contact = "another@example.com";
    for n in 90..100 {
        order(&shop, &format!("nobody's order {n} of {contact}"), "me@example.com", "one word").await;
    }
    assert_eq!(found(&look(&shop, contact, "one word").await), [""; 0]);
}

#[tokio::test]
async fn ten_failures_shut_a_contact_for_everybody() {
    let shop = shop_with(644, 5).await;
    shop.pass(MINUTE);
    let (buyer, code) = order(&shop, "an-order-that-is-guessed-at", "me@example.com", "").await;
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    // Whoever finds something that was paid is no guesser, however often they come.
    for n in 0..9 {
        assert_eq!(found(&look(&shop, "me@example.com", &format!("guess {n}")).await), [""; 0]);
        assert_eq!(found(&look(&shop, "Me@Example.com ", &code).await), [buyer.order.as_str()]);
    }
    // The tenth failure is the last that is looked at.
    assert_eq!(found(&look(&shop, "ME@example.com", "guess 10").await), [""; 0]);
    let reply = look(&shop, "me@example.com", "guess 11").await;
    refused(&reply, 429, "rate_limited");
    let wait: i64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=15 * 60).contains(&wait), "{wait} s");
    for (contact, peer) in [("me@example.com", HERE), (" ME@EXAMPLE.COM", HERE), ("me@example.com", "198.51.100.1")] {
        refused(&look_from(shop.front(), contact, &code, peer).await, 429, "rate_limited");
    }
    // Somebody else is not kept from looking, also from the same address.
    let (other, other_code) = order(&shop, "an-order-nobody-guesses-at", "you@example.com", "").await;
    shop.pay(&other, "T2").await;
    shop.deliver_all().await;
    assert_eq!(found(&look(&shop, "you@example.com", &other_code).await), [other.order.as_str()]);
    shop.pass((wait - 2) * 1_000);
    refused(&look(&shop, "me@example.com", &code).await, 429, "rate_limited");
    shop.pass(2_000);
    assert_eq!(found(&look(&shop, "me@example.com", &code).await), [buyer.order.as_str()]);
}

/// A stranger's name is shut just so: the shutting does not tell who has bought here.
#[tokio::test]
async fn an_unknown_contact_is_shut_as_a_known_one_is() {
    let shop = shop_with(645, 1).await;
    order(&shop, "the-order-of-somebody-known", "known@example.com", "").await;
    let mut series = Vec::new();
    for contact in ["known@example.com", "stranger@example.com"] {
        let mut answers = Vec::new();
        for n in 0..12 {
            answers.push(told(&look(&shop, contact, &format!("guess {n}")).await));
        }
        series.push(answers);
    }
    assert_eq!(series[0], series[1]);
    assert_eq!((series[0][9].0, series[0][10].0), (200, 429));
}

#[tokio::test]
async fn thirty_failures_shut_an_address() {
    let shop = shop_with(646, 2).await;
    let (buyer, code) = order(&shop, "an-order-of-an-honest-buyer", "me@example.com", "").await;
    for n in 0..30 {
        assert_eq!(found(&look(&shop, &format!("name-{n}@example.com"), "12345678").await), [""; 0], "{n}");
    }
    refused(&look(&shop, "one-more@example.com", "12345678").await, 429, "rate_limited");
    // However often it asks about a contact then, that contact is not shut by it.
    for n in 0..20 {
        let word = if n % 2 == 0 { code.as_str() } else { "a guess" };
        refused(&look(&shop, "me@example.com", word).await, 429, "rate_limited");
    }
    let elsewhere = look_from(shop.front(), "me@example.com", &code, "198.51.100.1").await;
    assert_eq!(found(&elsewhere), [buyer.order.as_str()]);
}

/// Nobody who guesses waits for an answer before the next guess.
#[tokio::test]
async fn guesses_that_come_at_once_are_counted_too() {
    let shop = shop_with(647, 1).await;
    order(&shop, "an-order-and-a-storm", "me@example.com", "").await;
    let mut guesses = JoinSet::new();
    for n in 0..25 {
        let front = shop.instance();
        guesses.spawn(async move {
            look_from(&front, "me@example.com", &format!("guess {n}"), &format!("10.0.0.{n}")).await.status
        });
    }
    let statuses = guesses.join_all().await;
    let looked_at = statuses.iter().filter(|s| **s == 200).count();
    let refused = statuses.iter().filter(|s| **s == 429).count();
    assert_eq!((looked_at, refused), (10, 15));
}

#[tokio::test]
async fn a_look_up_needs_both_words() {
    let shop = shop_with(648, 1).await;
    bought(&shop, "an-order-behind-the-words", 1).await;
    let both = json!({"contact": "buyer@example.com", "query_password": "12345678"});
    for (member, value, code) in [
        ("contact", json!(null), "required"),
        ("contact", json!(""), "required"),
        ("contact", json!(1), "not_text"),
        ("query_password", json!(null), "required"),
        ("query_password", json!(""), "required"),
        ("query_password", json!(["x"]), "not_text"),
    ] {
        let body = with(&both, member, value.clone()).to_string();
        let reply = ask(shop.front(), request("POST", "/api/lookup", "", body), HERE).await;
        assert_eq!(reply.errors(), [(member, code)], "{member}: {value}");
    }
    // What no order can have finds nothing, and is not an error.
    for (contact, password) in [("x".repeat(255).as_str(), "12345678"), ("buyer@example.com", "x".repeat(65).as_str())]
    {
        assert_eq!(found(&look(&shop, contact, password).await), [""; 0]);
    }
}

/// As in a create: nothing is left of it once the space around it is gone.
#[tokio::test]
async fn a_contact_of_spaces_is_none() {
    let shop = shop_with(651, 1).await;
    for contact in [" ", "  \t\n"] {
        assert_eq!(look(&shop, contact, "12345678").await.errors(), [("contact", "required")], "{contact:?}");
    }
}
