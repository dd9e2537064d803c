//! The model's writes on strips and heads, and the store's, on the same items.

use crate::orders::{said, sample, word};
use domain::ProductId;
use domain::stock::Strip;
use model::engine::{Met, hash_of, search};
use model::mutants::Mutants;
use model::order::Answer;
use model::slots::{SMALLEST, Size, Slots};
use model::strip::{HeadItem, HeadWrite, StripItem, StripWrite, real_claim, write_head, write_strip};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store::{Store, StripItem as Stored};
use tests::standing::{Bench, base64};

/// Cases of one kind of write and one kind of answer.
const CASES: usize = 24;

/// Worlds whose writes are tried, all with strips of two cards.
fn worlds() -> Vec<Slots> {
    let two = Size { cards: 2, ..SMALLEST };
    [
        Size { review: true, ..two },
        Size { orders: 1, tries: 2, quantity: 2, removals: 1, ..two },
        Size { strips: 2, pad: 1, on_sale: 2, orders: 2, quantity: 2, marks: true, removals: 1, ..two },
        Size { restores: true, orders: 2, ..two },
    ]
    .into_iter()
    .map(|size| Slots::new(size, Mutants::default()).noting())
    .collect()
}

fn name(write: &impl std::fmt::Debug) -> String {
    let text = format!("{write:?}");
    text.split('(').next().unwrap_or_default().to_owned()
}

fn taken<T: Ord>(met: impl IntoIterator<Item = Met<T>>) -> BTreeSet<T> {
    met.into_iter().flat_map(|met| met.take()).collect()
}

const CARDS: usize = 2;

/// Positions of the real strip for bits of the model's.
fn positions(bits: u8) -> Vec<u8> {
    (0..CARDS as u8).filter(|i| bits >> i & 1 == 1).map(|i| 48 - CARDS as u8 + i).collect()
}

fn item_of(product: &ProductId, strip: &Strip) -> Value {
    let entries: Vec<Value> = strip.entries.iter().map(|entry| json!({"B": base64(&entry.to_bytes())})).collect();
    let mut item = json!({
        "k": {"S": format!("{product}#{}", strip.no)},
        "h": {"L": entries},
        "w": {"N": "48"},
        "imp": {"S": "i"},
        "vh": {"B": base64(&[0; 32])},
    });
    if strip.sealed {
        item["z"] = json!({"N": "1"});
    }
    if strip.done != 0 {
        item["d"] = json!({"N": strip.done.to_string()});
    }
    item
}

async fn send(store: &Store, product: &ProductId, no: u32, write: StripWrite) -> &'static str {
    let before = 48 - CARDS as u8;
    let marks = |bits: u8| u64::from(bits) << before;
    // A reading of so many entries; what they were does not matter to a write at the end of the list, or at a position in it.
    let read = |len: u8, done: u8| {
        let h = [model::strip::FREE, model::strip::FREE, 0].map(|byte| byte);
        let mut strip = StripItem { h, ..StripItem::default() }.strip(no, CARDS);
        strip.entries.truncate(usize::from(before + len));
        strip.done = marks(done);
        strip
    };
    match write {
        StripWrite::Append(byte, take) => said(store.append_claim(product, no, real_claim(byte), take).await),
        StripWrite::Reuse(byte, bits) => said(store.reuse_free(product, no, real_claim(byte), &positions(bits)).await),
        StripWrite::TopUpFree(byte, bits) => {
            said(store.top_up_free(product, no, real_claim(byte), &positions(bits)).await)
        }
        StripWrite::TopUpTail(byte, take, len) => {
            said(store.top_up_tail(product, no, real_claim(byte), take, before + len).await)
        }
        StripWrite::Release(byte, bits) => said(store.release(product, no, real_claim(byte), &positions(bits)).await),
        StripWrite::Remove(len, at) => said(store.remove_card(product, &read(len, 0), before + at).await),
        StripWrite::PutBack(len, at, byte) => {
            said(store.put_back(product, &read(len, 0), before + at, real_claim(byte)).await)
        }
        StripWrite::Mark(seen, bits) => said(store.mark_done(product, &read(2, seen), marks(bits)).await),
        StripWrite::Seal => said(store.seal(product, no).await),
    }
}

#[tokio::test]
async fn the_writes_of_a_strip_are_the_stores() {
    let worlds = worlds();
    for world in &worlds {
        assert_eq!(search(world, 25_000).broken, None);
    }
    let met = taken(worlds.into_iter().map(|world| world.met));
    let answer = |case: &(StripItem, StripWrite)| write_strip(&case.0, CARDS, case.1, Mutants::default());
    let mut cases = sample(&met, |case| (name(&case.1), word(&answer(case))), CASES);
    // A sealed strip and a top-up meet in no world that holds; the store's conditions are asked about them all the same.
    let sealed =
        cases.iter().filter(|case| matches!(case.1, StripWrite::Release(..) | StripWrite::Mark(..) | StripWrite::Seal));
    let sealed: Vec<_> = sealed.map(|case| (StripItem { z: 1, ..case.0 }, case.1)).collect();
    let others: Vec<_> =
        met.iter().step_by(7).zip(met.iter().skip(3).step_by(5)).map(|(a, b)| (a.0, b.1)).take(200).collect();
    cases.extend(sealed);
    cases.extend(others);
    assert!(cases.len() > 300, "{} cases prove little", cases.len());
    println!("{} cases", cases.len());
    let bench = Bench::new(310).await;
    let store = &bench.shop.app.store;
    let product = ProductId::parse("p").unwrap();
    for (no, (strip, write)) in (1u32..).zip(&cases) {
        bench.put_item("strips", &item_of(&product, &strip.strip(no, CARDS)));
        let expected = answer(&(*strip, *write));
        let said = Box::pin(send(store, &product, no, *write)).await;
        let after = match expected {
            Answer::Applied(after) => after,
            _ => *strip,
        };
        let now: Vec<Stored> = store.strips(&product, &[no]).await.unwrap();
        let mut wanted = after.strip(no, CARDS);
        if after.z == 1 && strip.z == 0 {
            // The seal marks every position, those before the model's too.
            wanted.done = (1 << 48) - 1;
        }
        assert_eq!(
            (said, &now[0].strip),
            (word(&expected), &wanted),
            "{write:?} at {strip:?}: the model says {expected:?}; case {:x}",
            hash_of(&(*strip, *write))
        );
    }
}

#[tokio::test]
async fn the_writes_of_a_head_are_the_stores() {
    let worlds = worlds();
    for world in &worlds {
        assert_eq!(search(world, 25_000).broken, None);
    }
    let mut met = taken(worlds.into_iter().map(|world| world.met_heads));
    let heads: Vec<HeadItem> = met.iter().map(|(head, _)| *head).collect();
    for head in heads {
        met.extend(
            [HeadWrite::RaiseLow(0), HeadWrite::RaiseLow(1), HeadWrite::PutOnSale(0, 2)].map(|write| (head, write)),
        );
    }
    assert!(met.len() > 20, "{} cases prove little", met.len());
    let bench = Bench::new(311).await;
    let store = &bench.shop.app.store;
    for (number, (head, write)) in met.iter().enumerate() {
        let product = ProductId::parse(&format!("p{number}")).unwrap();
        let number = |value: u8| json!({"N": value.to_string()});
        bench.put_item(
            "strips",
            &json!({
                "k": {"S": format!("{product}#H")}, "c": number(head.c), "n": number(head.n), "low": number(head.low),
                "nr": number(9), "ri": {"M": {}}, "rk": {"M": {}},
            }),
        );
        let expected = write_head(head, *write);
        let said = match *write {
            HeadWrite::MoveCursor => said(store.move_cursor(&product).await),
            HeadWrite::RaiseLow(low) => said(store.raise_low(&product, u32::from(low)).await),
            HeadWrite::PutOnSale(from, end) => said(store.put_on_sale(&product, u32::from(from), u32::from(end)).await),
        };
        let after = match expected {
            Answer::Applied(after) => after,
            _ => *head,
        };
        let now = store.head(&product).await.unwrap().unwrap();
        let wanted = (u32::from(after.c), u32::from(after.n), u32::from(after.low));
        assert_eq!((said, (now.cursor, now.on_sale, now.low)), (word(&expected), wanted), "{write:?} at {head:?}");
    }
}
