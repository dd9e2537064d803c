//! The model's writes of an import, and the store's, on the same items.

use crate::orders::{said, sample, word};
use domain::ProductId;
use domain::stock::{Entry, Strip};
use model::engine::search;
use model::import::{CLOSED, Held, Import, Item, Ranges, Unique, Write, write};
use model::mutants::Mutants;
use model::order::Answer;
use serde_json::{Map, Value, json};
use store::{StripItem, UniqueCard, VaultItem};
use tests::standing::Bench;

fn run_name(run: u8) -> String {
    if run == CLOSED { "closed".to_owned() } else { format!("i.{run}") }
}

fn unique(row: Unique) -> UniqueCard {
    UniqueCard { strip: u32::from(row.strip), position: 47, import: run_name(row.run) }
}

/// The hash of the card whose row a case is about.
const CARD: [u8; 16] = [5; 16];

fn hashes(cards: u8) -> Vec<[u8; 16]> {
    (0..2u8).filter(|c| cards >> c & 1 == 1).map(|c| [c; 16]).collect()
}

fn vault(strip: u32, held: Held) -> VaultItem {
    let hashes = hashes(held.cards);
    let first = 48 - hashes.len() as u8;
    let sealed = vec![vec![0]; hashes.len()];
    VaultItem { strip, part: 0, first, sealed, hashes, kid: "k".into(), import: run_name(held.run) }
}

fn strip(no: u32, held: Held) -> StripItem {
    let entries = vec![Entry::Pad; 48 - hashes(held.cards).len()];
    let strip = Strip { no, entries, width: 48, sealed: false, done: 0 };
    StripItem { strip, import: run_name(held.run), vault_hash: [held.cards; 32] }
}

fn head_item(product: &ProductId, head: &Ranges) -> Value {
    let number = |value: u8| json!({"N": value.to_string()});
    let given = || (0u8..).zip(head.of).filter(|(_, first)| *first > 0);
    let first: Map<String, Value> = given().map(|(run, first)| (run_name(run + 1), number(first - 1))).collect();
    let length: Map<String, Value> = given().map(|(run, _)| (run_name(run + 1), number(1))).collect();
    json!({
        "k": {"S": format!("{product}#H")}, "c": number(0), "n": number(head.n), "nr": number(head.nr), "low": number(0),
        "ri": {"M": first}, "rk": {"M": length},
    })
}

fn kind(write: &Write) -> String {
    let text = format!("{write:?}");
    text.split('(').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_writes_of_an_import_are_the_stores() {
    let world = Import::new(&[(0, 3), (1, 1), (0, 3)], Mutants::default()).noting();
    assert_eq!(search(&world, 60_000).broken, None);
    let none = Mutants::default();
    let met = world.met.take();
    let mut cases = sample(&met, |case| (kind(case), word(&write(*case, none))), 30);
    // Rows that differ from what was read in one thing alone: every run has its own strip, so no search meets them.
    let others = cases.iter().filter_map(|case| match *case {
        Write::TakeUnique(found, read, wanted) if found == read => Some([
            Write::TakeUnique(Unique { run: found.run + 4, ..found }, read, wanted),
            Write::TakeUnique(Unique { strip: found.strip + 4, ..found }, read, wanted),
        ]),
        _ => None,
    });
    let others: Vec<_> = others.flatten().collect();
    assert!(!others.is_empty());
    cases.extend(others);
    assert!(cases.len() > 120, "{} cases prove little", cases.len());
    println!("{} cases", cases.len());
    let bench = Bench::new(320).await;
    let store = &bench.shop.app.store;
    for (number, case) in cases.into_iter().enumerate() {
        let product = ProductId::parse(&format!("p{number}")).unwrap();
        let expected = write(case, none);
        let applied = match expected {
            Answer::Applied(after) => Some(after),
            _ => None,
        };
        let said = match case {
            Write::Reserve(head, _) | Write::PutOnSale(head, ..) | Write::EndRange(head, ..) => {
                bench.put_item("strips", &head_item(&product, &head));
                let said = match case {
                    Write::Reserve(_, run) => said(store.reserve(&product, &run_name(run + 1), 1).await),
                    Write::PutOnSale(_, from, end) => {
                        said(store.put_on_sale(&product, u32::from(from), u32::from(end)).await)
                    }
                    Write::EndRange(_, run, first) => {
                        let (first, end) = (u32::from(first), u32::from(first) + 1);
                        said(store.end_range(&product, &run_name(run + 1), first, end).await)
                    }
                    _ => unreachable!(),
                };
                let after = match applied {
                    Some(Item::Ranges(after)) => after,
                    _ => head,
                };
                let now = store.head(&product).await.unwrap().unwrap();
                let ranges: Vec<(String, (u32, u32))> = now.ranges.into_iter().collect();
                let given = (0u8..).zip(after.of).filter(|(_, first)| *first > 0);
                let wanted: Vec<_> = given.map(|(run, first)| (run_name(run + 1), (u32::from(first - 1), 1))).collect();
                assert_eq!((now.on_sale, now.reserved), (u32::from(after.n), u32::from(after.nr)), "{case:?}");
                assert_eq!(ranges, wanted, "{case:?}");
                said
            }
            Write::ClaimUnique(found, wanted) | Write::TakeUnique(found, _, wanted) => {
                if found.run > 0 {
                    store.claim_unique(&product, &CARD, &unique(found)).await.unwrap();
                }
                let said = match case {
                    Write::TakeUnique(_, read, _) => {
                        said(store.take_unique(&product, &CARD, &unique(read), &unique(wanted)).await)
                    }
                    _ => said(store.claim_unique(&product, &CARD, &unique(wanted)).await),
                };
                let after = if applied.is_some() { wanted } else { found };
                let now = store.unique_rows(&product, &[CARD]).await.unwrap().remove(&CARD);
                assert_eq!(now, (after.run > 0).then(|| unique(after)), "{case:?}");
                said
            }
            Write::PutVault(found, wanted) => {
                if found.run > 0 {
                    store.put_vault(&product, &vault(3, found)).await.unwrap();
                }
                let said = said(store.put_vault(&product, &vault(3, wanted)).await);
                let after = if applied.is_some() { wanted } else { found };
                assert_eq!(store.vault(&product, &[(3, 0)]).await.unwrap(), [vault(3, after)], "{case:?}");
                said
            }
            Write::PutStrip(found, wanted) => {
                if found.run > 0 {
                    store.put_strip(&product, &strip(3, found)).await.unwrap();
                }
                let said = said(store.put_strip(&product, &strip(3, wanted)).await);
                let after = if applied.is_some() { wanted } else { found };
                assert_eq!(store.strips(&product, &[3]).await.unwrap(), [strip(3, after)], "{case:?}");
                said
            }
        };
        assert_eq!(said, word(&expected), "{case:?}");
    }
}
