//! A shop in one file and back: what comes back is what stood there, and what was changed on the way never comes in.

mod ahead;
mod cut;
mod damage;
mod folder;
mod whole;

use app::backup::{Contents, Counts, ExportWish, Imported, Passphrase, verify};
use app::keys::Secret32;
use http::Method;
use local::seam::{Call, Fate, Tap};
use local::secrets::LocalSecrets;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{StoredItem, Table};
use tests::shop::{START, cards, wish};
use tests::{Buyer, TestShop};

/// The sum of the iterations is what a test waits for, so each opens few files.
const PASSPHRASE: &str = "a passphrase of some length";

fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE).unwrap()
}

/// A shop whose secrets the test keeps.
async fn open(seed: u64) -> (TestShop, LocalSecrets) {
    let mut secrets = None;
    let shop = TestShop::open_with(seed, None, |own| secrets = Some(own.clone())).await;
    (shop, secrets.unwrap())
}

/// An empty shop elsewhere: the file's secret, another master key, the clock of the first.
fn elsewhere(seed: u64, from: &TestShop, secrets: &LocalSecrets) -> TestShop {
    let secrets = LocalSecrets { master: Secret32([u8::try_from(seed % 251).unwrap(); 32]), ..secrets.clone() };
    let mut shop = TestShop::empty(seed, &secrets);
    shop.leave_unfinished();
    shop.pass(from.app.clock.now() - START);
    shop
}

async fn export(shop: &TestShop, secrets: &LocalSecrets, is_stopped: bool) -> (Vec<u8>, Counts) {
    let passphrase = passphrase();
    let beside = BTreeMap::from([("admin_password".to_owned(), secrets.admin_password.clone())]);
    let wish = ExportWish { passphrase: &passphrase, secret: &secrets.shop, is_stopped, beside };
    shop.app.export(Vec::new(), &wish).await.unwrap()
}

fn read(file: &[u8]) -> Contents {
    verify(file, &passphrase()).unwrap()
}

async fn import(shop: &TestShop, file: &[u8], contents: &Contents) -> Imported {
    shop.app.import(file, contents, &contents.secret).await.unwrap()
}

/// Every item of the tables that an export holds, but for what is meant to differ: wrapped data keys, the door, the note of an
/// import.
fn items(shop: &TestShop) -> BTreeSet<String> {
    let tables = [Table::Shop, Table::Strips, Table::Vault, Table::Orders];
    let all = tables.into_iter().flat_map(|table| shop.table(table).into_iter().map(move |item| (table, item)));
    all.map(|(table, item)| StoredItem::from_json(table, &serde_json::from_str(&item).unwrap()).unwrap())
        .filter(|item| !["data_key", "shop", "import"].contains(&item.text("kind").unwrap_or_default()))
        .map(|item| item.to_json().to_string())
        .collect()
}

/// Loses what asks for stock, so that late money waits for it.
#[derive(Debug)]
pub(super) struct NoStrips;

impl Tap for NoStrips {
    fn fate(&self, call: &Call) -> Fate {
        if String::from_utf8_lossy(&call.body).contains("kamivend-strips") { Fate::LoseRequest } else { Fate::Pass }
    }
}

async fn sell(shop: &TestShop, method: Method, path: &str, body: &Value) -> Value {
    let (status, answer) = shop.sell(method, path, body).await;
    assert!((200..300).contains(&status), "{path}: {status} {answer}");
    answer
}

/// Whoever bought something.
struct Work {
    /// Orders with their keys.
    delivered: Vec<(Buyer, Vec<String>)>,
    /// Paid, and not delivered yet: the message in the queue is not part of a shop.
    paid: Vec<Buyer>,
    /// Late money that waits for stock.
    late: Vec<Buyer>,
    /// An order with a password, and its contact.
    found_by: (Buyer, String, String),
}

/// Some two hundred orders in every state.
async fn a_months_work(shop: &mut TestShop) -> Work {
    shop.leave_unfinished();
    shop.product("p", 990, &cards("CARD-OF-P", 260)).await;
    shop.product("few", 500, &cards("CARD-OF-FEW", 1)).await;
    shop.product("looked-at", 1_500, &cards("CARD-OF-LOOKED-AT", 20)).await;
    sell(shop, Method::PATCH, "/api/admin/products/looked-at", &json!({"review": true})).await;
    sell(shop, Method::PATCH, "/api/admin/settings", &json!({"name": "A shop that moves", "notice": "**Open**"})).await;
    let removed = "CARD-OF-P-00250";
    let token = shop.sign_in().await;
    let path = "/api/admin/products/p/cards";
    assert_eq!(shop.admin(Method::DELETE, path, &token, removed.to_owned()).await.0, 200);

    // Holds that lapse; some are paid late, the last of which wait.
    let mut lapsed = Vec::new();
    for n in 0..40 {
        lapsed.push(shop.order(&format!("an-order-that-lapses-{n:03}"), "p", 1 + n % 2).await);
    }
    let mut taken = Vec::new();
    for n in 0..3 {
        taken.push(shop.order(&format!("an-order-of-few-{n:08}"), "few", 1).await);
        shop.minutes(25).await;
    }
    for (n, buyer) in lapsed.iter().enumerate().take(10) {
        shop.pay(buyer, &format!("T-late-{n}")).await;
    }
    // The only card goes to one; the others are owed their money.
    for (n, buyer) in taken.iter().enumerate() {
        shop.pay(buyer, &format!("T-few-{n}")).await;
    }
    shop.deliver_all().await;
    shop.minutes(2).await;

    let mut delivered = Vec::new();
    for n in 0..90 {
        let buyer = shop.order(&format!("an-order-delivered-{n:05}"), "p", 1 + n % 3 / 2).await;
        shop.pay(&buyer, &format!("T-{n}")).await;
        if n % 9 == 0 {
            shop.pay(&buyer, &format!("T-again-{n}")).await;
        }
        delivered.push(buyer);
    }
    shop.deliver_all().await;
    for n in 0..8 {
        let buyer = shop.order(&format!("an-order-paid-wrongly-{n:03}"), "p", 1).await;
        let short = shop.notification_of(&buyer.attempt, &format!("T-short-{n}"), "0.01", "TRADE_SUCCESS");
        assert_eq!(shop.notify(&short).await.0, 200);
        let unknown = shop.notification_of(&format!("nobody-{n}"), &format!("T-nobody-{n}"), "9.90", "TRADE_SUCCESS");
        assert_eq!(shop.notify(&unknown).await.0, 200);
    }
    for buyer in delivered.iter().take(4) {
        let by_hand = json!({"by_hand": true, "reference": "returned at the desk"});
        sell(shop, Method::POST, &format!("/api/admin/orders/{}/refund", buyer.order), &by_hand).await;
    }
    let mut through = delivered.split_off(86);
    for buyer in &through {
        sell(shop, Method::POST, &format!("/api/admin/orders/{}/refund", buyer.order), &json!({})).await;
    }
    delivered.append(&mut through);
    for n in 0..9 {
        let buyer = shop.order(&format!("an-order-to-look-at-{n:04}"), "looked-at", 1).await;
        shop.pay(&buyer, &format!("T-look-{n}")).await;
        let decision = match n % 3 {
            0 => continue,
            1 => json!({"decision": "pass", "reference": "known"}),
            _ => json!({"decision": "refuse", "reference": "odd"}),
        };
        sell(shop, Method::POST, &format!("/api/admin/orders/{}/review", buyer.order), &decision).await;
    }
    shop.deliver_all().await;
    let mut body = wish("p", 1);
    body["contact"] = format!("{}@example.com", "a.very.long.name.".repeat(12)).into();
    body["query_password"] = "a password of one's own".into();
    let (status, answer) = shop.create("an-order-with-a-long-contact", &body).await;
    assert_eq!(status, 201, "{answer}");
    let long = Buyer::from(&answer);
    shop.pay(&long, "T-long").await;
    shop.deliver_all().await;
    delivered.push(long.clone());
    // Old enough that their cards are marked as final.
    shop.minutes(12).await;

    for n in 0..25 {
        shop.order(&format!("an-order-that-waits-{n:04}"), "p", 1).await;
    }
    let (no_stock, _) = shop.tapped(Arc::new(NoStrips));
    let late: Vec<Buyer> = lapsed.split_off(36);
    for (n, buyer) in late.iter().enumerate() {
        let notice = shop.notification(buyer, &format!("T-waits-{n}"));
        assert_eq!(tests::shop::notify(&no_stock, &notice).await.0, 200);
    }
    let mut paid = Vec::new();
    for n in 0..8 {
        let buyer = shop.order(&format!("an-order-paid-a-moment-ago-{n}"), "p", 1).await;
        shop.pay(&buyer, &format!("T-just-{n}")).await;
        paid.push(buyer);
    }
    let mut with_keys = Vec::new();
    for buyer in delivered {
        let keys = shop.keys(&buyer).await;
        with_keys.push((buyer, keys));
    }
    let found_by = (long, text(&body, "contact"), text(&body, "query_password"));
    Work { delivered: with_keys, paid, late, found_by }
}

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap().to_owned()
}

/// A small shop: two cards, one sold, one held.
async fn a_small_shop(seed: u64) -> (TestShop, LocalSecrets) {
    let (mut shop, secrets) = open(seed).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("CARD", 2)).await;
    let buyer = shop.order("the-first-order-of-a-small-shop", "p", 1).await;
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    shop.order("the-second-order-of-a-small-shop", "p", 1).await;
    (shop, secrets)
}
