//! Stock: claims, releases, marks, seals, removals.

use super::Said::{Already, Applied, Refused};
use super::{said, shop};
use domain::stock::{Entry, Strip};
use domain::{Claim, OrderId, ProductId};
use store::{Outcome, Store, StripItem};

const A: Claim = Claim { order: OrderId([1; 15]), generation: 0 };
const B: Claim = Claim { order: OrderId([2; 15]), generation: 0 };

fn product(name: &str) -> ProductId {
    ProductId::parse(name).unwrap()
}

/// A strip with these entries, as it was put.
async fn put(store: &Store, product: &ProductId, no: u32, entries: Vec<Entry>) -> Strip {
    let strip = Strip { no, entries, width: 48, sealed: false, done: 0 };
    let item = StripItem { strip: strip.clone(), import: "i".into(), vault_hash: [0; 32] };
    assert_eq!(said(store.put_strip(product, &item).await), Applied);
    strip
}

async fn read(store: &Store, product: &ProductId, no: u32) -> Strip {
    store.strips(product, &[no]).await.unwrap().remove(0).strip
}

#[tokio::test]
async fn the_cursor_stops_at_the_end_of_what_is_on_sale() {
    let shop = shop(300).await;
    let (store, p) = (&shop.app.store, product("guard-a"));
    assert_eq!(said(store.open_head(&p).await), Applied);
    assert_eq!(said(store.move_cursor(&p).await), Refused);
    assert_eq!(said(store.put_on_sale(&p, 0, 1).await), Applied);
    assert_eq!(said(store.move_cursor(&p).await), Applied);
    assert_eq!(said(store.move_cursor(&p).await), Refused);
}

#[tokio::test]
async fn hints_are_kept_of_products_that_are_there_and_not_too_many() {
    let shop = shop(301).await;
    let (store, p, none) = (&shop.app.store, product("guard-a"), product("guard-none"));
    assert_eq!(said(store.open_head(&p).await), Applied);
    assert_eq!(said(store.add_hints(&none, &[1]).await), Refused);
    assert_eq!(said(store.drop_hints(&none, &[1]).await), Refused);
    assert_eq!(said(store.note_sold_out(&none, 0, 5).await), Refused);
    let on_sale = store.head(&p).await.unwrap().unwrap().on_sale;
    assert_eq!(said(store.note_sold_out(&p, on_sale + 1, 5).await), Refused, "more or less is on sale now");
    assert_eq!(said(store.note_sold_out(&p, on_sale, 5).await), Applied);
    assert_eq!(said(store.note_sold_out(&p, on_sale, 4).await), Refused, "somebody has looked later");
    assert_eq!(said(store.note_sold_out(&p, on_sale, 6).await), Applied, "later");
    assert_eq!(store.head(&p).await.unwrap().unwrap().sold_out_at, Some(6));
    assert_eq!(said(store.add_hints(&p, &[0]).await), Applied, "the first");
    assert_eq!(store.head(&p).await.unwrap().unwrap().sold_out_at, None, "something came back");
    assert_eq!(said(store.note_sold_out(&p, on_sale, 7).await), Refused, "a strip is said to have room");
    let many: Vec<u32> = (1..100).collect();
    assert_eq!(said(store.add_hints(&p, &many).await), Applied, "more");
    assert_eq!(said(store.add_hints(&p, &[500]).await), Refused, "a hundred are enough");
    assert_eq!(said(store.drop_hints(&p, &[0]).await), Applied);
    assert_eq!(store.head(&p).await.unwrap().unwrap().hints.len(), 99);
}

#[tokio::test]
async fn a_claim_takes_what_nobody_has_and_only_once() {
    let shop = shop(302).await;
    let (store, p) = (&shop.app.store, product("guard-a"));
    let nearly = vec![Entry::Claim(B); 47];
    put(store, &p, 0, nearly).await;
    assert_eq!(said(store.append_claim(&p, 0, A, 2).await), Refused, "one place is left");
    assert_eq!(said(store.append_claim(&p, 0, A, 1).await), Applied);
    put(store, &p, 1, vec![Entry::Free, Entry::Claim(B), Entry::Free]).await;
    assert_eq!(said(store.append_claim(&p, 1, A, 1).await), Applied);
    assert_eq!(said(store.append_claim(&p, 1, A, 1).await), Already, "appended once");
    assert_eq!(said(store.reuse_free(&p, 1, A, &[0]).await), Already, "it holds one here");
    put(store, &p, 2, vec![Entry::Free, Entry::Claim(B), Entry::Free]).await;
    assert_eq!(said(store.reuse_free(&p, 2, A, &[0, 1]).await), Refused, "the second is another's");
    assert_eq!(said(store.reuse_free(&p, 2, A, &[0]).await), Applied);
    assert_eq!(said(store.top_up_free(&p, 2, A, &[1]).await), Refused, "another's");
    assert_eq!(said(store.top_up_free(&p, 2, A, &[2]).await), Applied);
    assert_eq!(said(store.top_up_tail(&p, 2, A, 1, 2).await), Refused, "the list has grown");
    assert_eq!(said(store.top_up_tail(&p, 2, A, 1, 3).await), Applied);
    let entries = read(store, &p, 2).await.entries;
    assert_eq!(entries, [Entry::Claim(A), Entry::Claim(B), Entry::Claim(A), Entry::Claim(A)]);
}

#[tokio::test]
async fn a_release_names_whose_card_it_gives_back() {
    let shop = shop(303).await;
    let (store, p) = (&shop.app.store, product("guard-a"));
    put(store, &p, 0, vec![Entry::Claim(A), Entry::Claim(B)]).await;
    assert_eq!(
        said(store.release(&p, 0, A, &[0, 1]).await),
        Refused,
        "the second is another's, and the first still its own"
    );
    assert_eq!(said(store.release(&p, 0, A, &[0]).await), Applied);
    assert_eq!(said(store.release(&p, 0, A, &[0]).await), Already);
    let whole: Vec<Entry> = (0..48).map(|_| Entry::Claim(A)).collect();
    put(store, &p, 1, whole).await;
    assert_eq!(said(store.seal(&p, 1).await), Applied);
    assert_eq!(said(store.release(&p, 1, A, &[0]).await), Refused, "sealed");
}

#[tokio::test]
async fn marks_are_set_on_what_was_read_and_never_in_a_sealed_strip() {
    let shop = shop(304).await;
    let (store, p) = (&shop.app.store, product("guard-a"));
    let fresh = put(store, &p, 0, vec![Entry::Claim(A); 48]).await;
    assert_eq!(said(store.mark_done(&p, &fresh, 1).await), Applied, "the first mark");
    assert_eq!(said(store.mark_done(&p, &fresh, 2).await), Refused, "somebody marked meanwhile");
    let marked = read(store, &p, 0).await;
    assert_eq!(said(store.mark_done(&p, &marked, 2).await), Applied, "as read");
    assert_eq!(read(store, &p, 0).await.done, 3);
    assert_eq!(said(store.seal(&p, 0).await), Applied);
    let sealed = read(store, &p, 0).await;
    assert_eq!(said(store.mark_done(&p, &sealed, 4).await), Refused, "sealed");
    assert_eq!(said(store.seal(&p, 0).await), Refused, "sealed before");
}

#[tokio::test]
async fn a_seal_needs_a_whole_strip_and_the_watermark_follows_the_cursor() {
    let shop = shop(305).await;
    let (store, p) = (&shop.app.store, product("guard-a"));
    put(store, &p, 0, vec![Entry::Claim(A); 47]).await;
    assert_eq!(said(store.seal(&p, 0).await), Refused, "a card was never claimed");
    let mut entries = vec![Entry::Claim(A); 48];
    entries[7] = Entry::Free;
    put(store, &p, 1, entries).await;
    assert_eq!(said(store.seal(&p, 1).await), Refused, "a card is free");
    assert_eq!(said(store.open_head(&p).await), Applied);
    assert_eq!(said(store.put_on_sale(&p, 0, 3).await), Applied);
    assert_eq!(said(store.raise_low(&p, 0).await), Refused, "the cursor has not passed it");
    for _ in 0..2 {
        assert_eq!(said(store.move_cursor(&p).await), Applied);
    }
    assert_eq!(said(store.raise_low(&p, 1).await), Refused, "not the lowest");
    assert_eq!(said(store.raise_low(&p, 0).await), Applied);
    assert_eq!(said(store.raise_low(&p, 0).await), Already);
    assert_eq!(store.head(&p).await.unwrap().unwrap().low, 1);
}

#[tokio::test]
async fn only_a_free_card_is_removed_or_put_back() {
    let shop = shop(306).await;
    let (store, p) = (&shop.app.store, product("guard-a"));
    let strip = put(store, &p, 0, vec![Entry::Free, Entry::Claim(B)]).await;
    assert_eq!(said(store.remove_card(&p, &strip, 1).await), Refused, "another's");
    assert_eq!(said(store.remove_card(&p, &strip, 0).await), Applied);
    assert_eq!(said(store.remove_card(&p, &strip, 0).await), Already);
    assert_eq!(said(store.put_back(&p, &strip, 0, A).await), Refused, "removed");
    let Outcome::Applied(after) = store.remove_card(&p, &strip, 4).await.unwrap() else { panic!() };
    assert_eq!(after.entries[2..], [Entry::Free, Entry::Free, Entry::Removed], "what lies between can be sold");
    assert_eq!(said(store.remove_card(&p, &strip, 5).await), Refused, "the list has grown");
    assert_eq!(said(store.put_back(&p, &strip, 5, A).await), Refused, "the list has grown");
    let now = read(store, &p, 0).await;
    assert_eq!(said(store.put_back(&p, &now, 2, A).await), Applied);
    assert_eq!(said(store.put_back(&p, &now, 2, A).await), Already);
    assert_eq!(said(store.put_back(&p, &now, 2, B).await), Refused, "another's now");
    assert_eq!(said(store.put_back(&p, &now, 6, A).await), Applied);
}
