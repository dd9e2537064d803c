//! Settings, turns, notes, messages: a guard here keeps somebody from doing a thing twice, or from writing over what they never saw.

use super::Said::{Already, Applied, Refused};
use super::{item, said, shop};
use domain::OrderId;
use serde_json::json;
use store::ShopItem;
use store::writes::COLLECTED_MAX;

#[tokio::test]
async fn a_document_is_created_once_and_changed_as_it_was_read() {
    let shop = shop(350).await;
    let store = &shop.app.store;
    let document = |doc: &str, version| ShopItem { kind: "k".into(), id: "guard-a".into(), doc: doc.into(), version };
    assert_eq!(said(store.create_shop_item(&document("one", 1)).await), Applied);
    assert_eq!(said(store.create_shop_item(&document("one", 1)).await), Already);
    assert_eq!(said(store.create_shop_item(&document("two", 1)).await), Refused);
    assert_eq!(said(store.change_shop_item(&document("three", 3)).await), Refused, "on a version that is not there");
    assert_eq!(said(store.change_shop_item(&document("two", 2)).await), Applied);
    assert_eq!(said(store.change_shop_item(&document("two", 2)).await), Already);
    assert_eq!(said(store.change_shop_item(&document("other", 2)).await), Refused);
    assert_eq!(store.shop_item("k", "guard-a").await.unwrap(), Some(document("two", 2)));
}

#[tokio::test]
async fn a_turn_is_one_ones_until_it_is_over() {
    let shop = shop(351).await;
    let store = &shop.app.store;
    assert_eq!(said(store.take_turn("guard-t", [1; 8], 100, 200).await), Applied, "the first");
    assert_eq!(said(store.take_turn("guard-t", [1; 8], 100, 200).await), Already);
    assert_eq!(said(store.take_turn("guard-t", [2; 8], 199, 300).await), Refused);
    assert_eq!(said(store.take_turn("guard-t", [2; 8], 200, 300).await), Applied, "it was over");
}

#[tokio::test]
async fn notes_are_changed_as_they_were_read_and_nothing_is_forgotten_of_nobody() {
    let shop = shop(352).await;
    let store = &shop.app.store;
    assert_eq!(said(store.change_note("guard-n", None, "one", 1_000).await), Applied, "the first");
    assert_eq!(said(store.change_note("guard-n", Some("other"), "two", 1_000).await), Refused);
    assert_eq!(said(store.change_note("guard-n", Some("one"), "two", 1_000).await), Applied);
    assert_eq!(said(store.change_note("guard-n", Some("one"), "two", 1_000).await), Already);
    store.forget_open("guard-o", &[OrderId([1; 15])]).await.unwrap();
    assert!(item(&shop, "limits", json!({"k": {"S": "guard-o"}})).is_null(), "nothing comes of forgetting");
}

#[tokio::test]
async fn a_push_is_one_ones_and_messages_are_collected_up_to_a_hundred() {
    let shop = shop(353).await;
    let store = &shop.app.store;
    assert_eq!(said(store.begin_push("guard-p", [1; 8], 100, 200).await), Applied, "the first");
    assert_eq!(said(store.begin_push("guard-p", [1; 8], 100, 200).await), Already);
    assert_eq!(said(store.begin_push("guard-p", [2; 8], 150, 300).await), Refused);
    assert_eq!(said(store.begin_push("guard-p", [2; 8], 200, 300).await), Applied, "whoever began must have died");
    assert_eq!(said(store.end_push("guard-p", [1; 8], 900).await), Refused, "another's now");
    assert_eq!(said(store.end_push("guard-p", [2; 8], 900).await), Applied);
    let names = ["guard-d".to_owned()];
    store.count_more("guard-d", 1).await.unwrap();
    store.clear_digest("guard-d", &["x".to_owned()]).await.unwrap();
    assert!(item(&shop, "limits", json!({"k": {"S": "guard-d"}})).is_null(), "nothing is counted beside nothing");
    for n in 0..COLLECTED_MAX {
        assert_eq!(said(store.collect("guard-d", &format!("m{n}"), 1, 1_000).await), Applied, "{n}");
    }
    assert_eq!(said(store.collect("guard-d", "more", 1, 1_000).await), Refused);
    assert_eq!(store.digests(&names).await.unwrap()["guard-d"].notes.len(), COLLECTED_MAX);
}
