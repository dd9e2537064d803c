//! Cards coming in, and items that come back.

use super::Said::{Already, Applied, Refused};
use super::{item, said, shop};
use domain::ProductId;
use domain::stock::{Entry, Strip};
use serde_json::json;
use store::{Outcome, ShopItem, StoredItem, StripItem, Table, UniqueCard, VaultItem};

fn vault(import: &str, kid: &str) -> VaultItem {
    VaultItem {
        strip: 7,
        part: 0,
        first: 0,
        sealed: vec![vec![1, 2, 3]],
        hashes: vec![[9; 16]],
        kid: kid.into(),
        import: import.into(),
    }
}

fn strip(import: &str, entry: Entry) -> StripItem {
    let strip = Strip { no: 7, entries: vec![entry; 3], width: 48, sealed: false, done: 0 };
    StripItem { strip, import: import.into(), vault_hash: [0; 32] }
}

#[tokio::test]
async fn what_an_import_has_put_stands() {
    let shop = shop(310).await;
    let (store, p) = (&shop.app.store, ProductId::parse("guard-a").unwrap());
    assert_eq!(said(store.put_vault(&p, &vault("one", "k1")).await), Applied);
    let again = store.put_vault(&p, &vault("one", "k2")).await.unwrap();
    assert_eq!(again, Outcome::AlreadyApplied(vault("one", "k1")), "the first one's contents count");
    assert_eq!(said(store.put_vault(&p, &vault("two", "k3")).await), Refused);
    assert_eq!(said(store.put_strip(&p, &strip("one", Entry::Pad)).await), Applied);
    let again = store.put_strip(&p, &strip("one", Entry::Free)).await.unwrap();
    assert_eq!(again, Outcome::AlreadyApplied(strip("one", Entry::Pad)));
    assert_eq!(said(store.put_strip(&p, &strip("two", Entry::Free)).await), Refused);
}

#[tokio::test]
async fn a_range_is_given_once_and_ended_when_it_is_on_sale() {
    let shop = shop(311).await;
    let (store, p, none) =
        (&shop.app.store, ProductId::parse("guard-a").unwrap(), ProductId::parse("guard-none").unwrap());
    assert_eq!(said(store.reserve(&none, "i", 1).await), Refused);
    assert_eq!(said(store.open_head(&p).await), Applied);
    assert_eq!(store.reserve(&p, "i", 2).await.unwrap(), Outcome::Applied((0, 2)));
    assert_eq!(store.reserve(&p, "i", 2).await.unwrap(), Outcome::AlreadyApplied((0, 2)));
    assert_eq!(store.reserve(&p, "j", 1).await.unwrap(), Outcome::Applied((2, 1)));
    assert_eq!(said(store.open_head(&p).await), Already);
    assert_eq!(store.head(&p).await.unwrap().unwrap().reserved, 3, "an open head stays");
    assert_eq!(said(store.end_range(&p, "i", 0, 2).await), Refused, "nothing is on sale");
    assert_eq!(said(store.put_on_sale(&p, 1, 2).await), Refused, "the first is missing");
    assert_eq!(said(store.put_on_sale(&p, 0, 2).await), Applied);
    assert_eq!(said(store.put_on_sale(&p, 0, 2).await), Already);
    assert_eq!(store.put_on_sale(&p, 0, 3).await.unwrap(), Outcome::Refused(2), "another has put the first two");
    assert_eq!(said(store.end_range(&p, "i", 1, 2).await), Refused, "another range than was read");
    assert_eq!(said(store.end_range(&p, "i", 0, 2).await), Applied);
    assert!(!store.head(&p).await.unwrap().unwrap().ranges.contains_key("i"));
}

#[tokio::test]
async fn a_card_has_one_place_that_is_changed_by_who_read_it() {
    let shop = shop(312).await;
    let (store, p) = (&shop.app.store, ProductId::parse("guard-a").unwrap());
    let at = |strip, position, import: &str| UniqueCard { strip, position, import: import.into() };
    let there = at(1, 2, "i");
    assert_eq!(said(store.claim_unique(&p, &[1; 16], &there).await), Applied);
    assert_eq!(said(store.claim_unique(&p, &[1; 16], &there).await), Already);
    assert_eq!(said(store.claim_unique(&p, &[1; 16], &at(1, 3, "i")).await), Refused);
    for read in [at(2, 2, "i"), at(1, 3, "i"), at(1, 2, "j")] {
        assert_eq!(said(store.take_unique(&p, &[1; 16], &read, &at(5, 5, "x")).await), Refused, "{read:?}");
    }
    assert_eq!(said(store.take_unique(&p, &[1; 16], &there, &at(5, 5, "x")).await), Applied);
    assert_eq!(said(store.take_unique(&p, &[1; 16], &there, &at(5, 5, "x")).await), Already);
}

#[tokio::test]
async fn what_comes_back_writes_nothing_over() {
    let shop = shop(313).await;
    let store = &shop.app.store;
    let document = |doc: &str| ShopItem { kind: "k".into(), id: "guard-a".into(), doc: doc.into(), version: 1 };
    assert_eq!(said(store.create_shop_item(&document("one")).await), Applied);
    let key = json!({"kind": {"S": "k"}, "id": {"S": "guard-a"}});
    let stands = StoredItem::from_json(Table::Shop, &item(&shop, "shop", key)).unwrap();
    assert_eq!(said(store.bring_back(Table::Shop, &stands).await), Already, "the very same");
    let version_two = ShopItem { version: 2, ..document("two") };
    assert_eq!(said(store.change_shop_item(&version_two).await), Applied);
    assert_eq!(said(store.bring_back(Table::Shop, &stands).await), Refused, "another stands");
    assert_eq!(store.shop_item("k", "guard-a").await.unwrap(), Some(version_two));
}
