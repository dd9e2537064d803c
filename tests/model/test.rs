//! Small worlds to their end, every guard taken out, and the model's writes against the store's.
//!
//! More and larger worlds: `cargo run --profile proof -p model -- --large`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "tie/import.rs"]
mod import;
#[path = "tie/orders.rs"]
mod orders;
#[path = "tie/strips.rs"]
mod strips;

use model::mutants::{Fate, Mutants, TABLE};
use model::scenes::Scene;

/// States at which a world of a test is given up.
const STATES_MAX: usize = 300_000;

#[test]
fn small_worlds_hold_to_their_end() {
    for scene in Scene::SMALL {
        let searched = scene.run(Mutants::default(), STATES_MAX);
        assert_eq!((searched.broken, searched.cut), (None, false), "{}", scene.name());
        assert!(searched.states > 500, "{} has {} states", scene.name(), searched.states);
    }
}

#[test]
fn every_guard_taken_out_is_noticed() {
    for line in TABLE {
        let Fate::Caught(scene, promise) = line.fate else { continue };
        let broken = scene.run(Mutants::of(line.mutants), STATES_MAX).broken;
        let what = broken.unwrap_or_else(|| panic!("{}: nothing is noticed in {}", line.name, scene.name())).what;
        assert!(what.starts_with(&format!("{promise}: ")), "{}: {what}", line.name);
    }
}

/// What the table calls harmless is, as far as these worlds go; otherwise a reason there is wrong.
#[test]
fn what_is_called_harmless_is() {
    for line in TABLE {
        let Fate::Harmless(scenes, _) = line.fate else { continue };
        for scene in scenes {
            let searched = scene.run(Mutants::of(line.mutants), 10_000);
            assert_eq!(searched.broken, None, "{} in {}", line.name, scene.name());
        }
    }
}

/// The same search finds the same states, in the same order, with the same shortest way.
#[test]
fn a_search_is_the_same_twice() {
    let taken_out = Mutants::of(TABLE[0].mutants);
    assert_eq!(Scene::WrongAmount.run(taken_out, STATES_MAX), Scene::WrongAmount.run(taken_out, STATES_MAX));
    assert_eq!(Scene::Row.run(Mutants::default(), STATES_MAX), Scene::Row.run(Mutants::default(), STATES_MAX));
}

/// The model knows no order of amount 0, because the shop takes no product that costs nothing: neither a new one nor a changed one.
#[tokio::test]
async fn nothing_is_sold_for_nothing() {
    let mut shop = tests::TestShop::new(330).await;
    shop.leave_unfinished();
    let token = shop.sign_in().await;
    let sent = |price: i64| {
        serde_json::json!({
            "id": format!("costs-{price}"), "name": "A card", "kind": "single_use_key", "channels": ["sandbox"],
            "price": {"amount_minor": price, "currency": "CNY"},
        })
    };
    let (taken, _) = shop.admin(http::Method::POST, "/api/admin/products", &token, sent(1).to_string()).await;
    assert!((200..300).contains(&taken), "{taken}");
    for price in [0, -1] {
        let (status, answer) =
            shop.admin(http::Method::POST, "/api/admin/products", &token, sent(price).to_string()).await;
        assert!((400..500).contains(&status), "{status} {answer}");
        let change = serde_json::json!({"price": {"amount_minor": price, "currency": "CNY"}});
        let (status, answer) =
            shop.admin(http::Method::PATCH, "/api/admin/products/costs-1", &token, change.to_string()).await;
        assert!((400..500).contains(&status), "{status} {answer}");
    }
    let mut unpriced = sent(1);
    unpriced["id"] = "costs-what".into();
    unpriced.as_object_mut().unwrap().remove("price");
    let (status, answer) = shop.admin(http::Method::POST, "/api/admin/products", &token, unpriced.to_string()).await;
    assert!((400..500).contains(&status), "{status} {answer}");
}
