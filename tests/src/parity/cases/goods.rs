//! Cards, imports, documents, courtesies, messages to the seller.

use super::{Case, Step, case, step};
use domain::limits::STRIP_CARDS;
use domain::stock::{Entry, Strip};
use domain::{Claim, OrderId, ProductId};
use serde_json::json;
use store::{ShopItem, StoredItem, StripItem, Table, UniqueCard, VaultItem};

/// The product of every case.
pub(crate) fn product() -> ProductId {
    ProductId::parse("p").unwrap()
}

/// The claim that every case makes or ends.
fn claim() -> Claim {
    Claim { order: OrderId([1; 15]), generation: 0 }
}

/// The claim of somebody else.
fn others() -> Entry {
    Entry::Claim(Claim { order: OrderId([2; 15]), generation: 0 })
}

/// Strip 7 with these entries, as an import puts it.
pub(crate) fn strip(entries: Vec<Entry>) -> StripItem {
    let strip = Strip { no: 7, entries, width: STRIP_CARDS, sealed: false, done: 0 };
    StripItem { strip, import: "i".into(), vault_hash: [0; 32] }
}

/// Six entries of which the fourth and the sixth hold `here`.
fn with(here: Entry) -> StripItem {
    strip(vec![others(), others(), Entry::Removed, here, others(), here])
}

fn card() -> UniqueCard {
    UniqueCard { strip: 7, position: 3, import: "i".into() }
}

fn other_card() -> UniqueCard {
    UniqueCard { strip: 8, position: 4, import: "j".into() }
}

/// As large as vault items are: what a write costs goes by size.
fn vault() -> VaultItem {
    VaultItem {
        strip: 7,
        part: 0,
        first: 0,
        sealed: (0..STRIP_CARDS).map(|n| vec![n; 60]).collect(),
        hashes: (0..STRIP_CARDS).map(|n| [n; 16]).collect(),
        kid: "k".into(),
        import: "i".into(),
    }
}

fn document(version: u32) -> ShopItem {
    ShopItem { kind: "product".into(), id: "p".into(), doc: r#"{"name":"测试"}"#.into(), version }
}

/// An item with every type that DynamoDB has, empty and nested ones too.
fn of_every_type() -> StoredItem {
    let json = json!({
        "o": {"B": "AQEB"}, "n": {"N": "-12345678901234567890.125"}, "s": {"S": ""}, "b": {"B": ""}, "yes": {"BOOL": true},
        "nothing": {"NULL": true}, "texts": {"SS": ["b", "a"]}, "numbers": {"NS": ["10", "9"]}, "blobs": {"BS": ["Ag==", "AQ=="]},
        "list": {"L": [{"M": {"in": {"L": []}}}, {"N": "0"}]}, "map": {"M": {}},
    });
    StoredItem::from_json(Table::Orders, &json).unwrap()
}

const HEAD: Step = step!(s => s.open_head(&product()));
const RANGE: Step = step!(s => s.reserve(&product(), "i", 3));
const ON_SALE: Step = step!(s => s.put_on_sale(&product(), 0, 3));
const CURSOR: Step = step!(s => s.move_cursor(&product()));
const HINTS: Step = step!(s => s.add_hints(&product(), &[7, 9]));
const STRIP: Step = step!(s => s.put_strip(&product(), &strip(vec![others(); 3])));
const FREE: Step = step!(s => s.put_strip(&product(), &with(Entry::Free)));
const OURS: Step = step!(s => s.put_strip(&product(), &with(Entry::Claim(claim()))));
const FULL: Step = step!(s => s.put_strip(&product(), &strip(vec![others(); usize::from(STRIP_CARDS)])));
const UNIQUE: Step = step!(s => s.claim_unique(&product(), &[0; 16], &card()));

/// Claims and what becomes of them.
pub(crate) const STOCK: &[Case] = &[
    case!("C0 move cursor", [HEAD, RANGE, ON_SALE], s => s.move_cursor(&product())),
    case!("R1 drop hints", [HEAD, HINTS], s => s.drop_hints(&product(), &[7])),
    case!("R3 note sold out", [HEAD], s => s.note_sold_out(&product(), 0, 5)),
    case!("R2 add hints", [HEAD, HINTS], s => s.add_hints(&product(), &[7, 8])),
    case!("C1 claim", [STRIP], s => s.append_claim(&product(), 7, claim(), 2)),
    case!("C1' reuse", [FREE], s => s.reuse_free(&product(), 7, claim(), &[3, 5])),
    case!("C1\" top up from free", [FREE], s => s.top_up_free(&product(), 7, claim(), &[3, 5])),
    case!("C1\" top up at the tail", [STRIP], s => s.top_up_tail(&product(), 7, claim(), 2, 3)),
    case!("X3 release", [OURS], s => s.release(&product(), 7, claim(), &[3, 5])),
    case!("M1 mark done", [STRIP], s => s.mark_done(&product(), &strip(vec![others(); 3]).strip, 5)),
    case!("Z seal", [FULL], s => s.seal(&product(), 7)),
    case!("Z2 raise low", [HEAD, RANGE, ON_SALE, CURSOR], s => s.raise_low(&product(), 0)),
    case!("A2 remove", [FREE], s => s.remove_card(&product(), &with(Entry::Free).strip, 3)),
    case!("A2 remove at the tail", [STRIP], s => s.remove_card(&product(), &strip(vec![others(); 3]).strip, 5)),
    case!("X4 put back", [FREE], s => s.put_back(&product(), &with(Entry::Free).strip, 3, claim())),
    case!("X4 put back at the tail", [STRIP], s => s.put_back(&product(), &strip(vec![others(); 3]).strip, 5, claim())),
];

/// Cards coming in, and items of an export.
pub(crate) const IMPORT: &[Case] = &[
    case!("P0 open head", [], s => s.open_head(&product())),
    case!("A0 reserve", [HEAD], s => s.reserve(&product(), "i", 3)),
    case!("A1u claim uniqueness", [], s => s.claim_unique(&product(), &[0; 16], &card())),
    case!("A1u take uniqueness over", [UNIQUE], s => s.take_unique(&product(), &[0; 16], &card(), &other_card())),
    case!("A1 put vault item", [], s => s.put_vault(&product(), &vault())),
    case!("A1 put strip", [], s => s.put_strip(&product(), &strip(vec![Entry::Pad; 2]))),
    case!("A1n put on sale", [HEAD, RANGE], s => s.put_on_sale(&product(), 0, 3)),
    case!("A0e end range", [HEAD, RANGE, ON_SALE], s => s.end_range(&product(), "i", 0, 3)),
    case!("B1 bring back", [], s => s.bring_back(Table::Orders, &of_every_type())),
];

const CREATED: Step = step!(s => s.create_shop_item(&document(1)));
const TRIED: Step = step!(s => s.count_try("t", 1, 7_000));
const TURN: Step = step!(s => s.take_turn("t", [2; 8], 0, 5_000));
const OPEN: Step = step!(s => s.note_open("o", &[OrderId([1; 15]), OrderId([2; 15])], 5_000));
const NOTE: Step = step!(s => s.keep_note("n", "old", 5_000));

/// Documents and courtesies.
pub(crate) const SHOP: &[Case] = &[
    case!("P1 create", [], s => s.create_shop_item(&document(1))),
    case!("P2 change", [CREATED], s => s.change_shop_item(&document(2))),
    case!("T1 count try", [TRIED], s => s.count_try("t", 2, 9_000)),
    case!("T2 take turn", [TURN], s => s.take_turn("t", [1; 8], 5_000, 9_000)),
    case!("T3 note open", [OPEN], s => s.note_open("o", &[OrderId([2; 15]), OrderId([3; 15])], 9_000)),
    case!("T4 forget open", [OPEN], s => s.forget_open("o", &[OrderId([2; 15]), OrderId([3; 15])])),
    case!("T5 keep note", [NOTE], s => s.keep_note("n", "新", 9_000)),
    case!("T7 change note", [NOTE], s => s.change_note("n", Some("old"), "新", 9_000)),
    case!("T6 tell stock", [], s => s.tell_stock(&product(), 12_345)),
];

const PUSH_BEGUN: Step = step!(s => s.begin_push("push", [1; 8], 0, 5_000));
const PUSH_OF_OTHERS: Step = step!(s => s.begin_push("push", [2; 8], 0, 5_000));
const COLLECTED: Step = step!(s => s.collect("digest", r#"{"n":1}"#, 1_000, 5_000));
const MORE: Step = step!(s => s.count_more("digest", 2_000));

/// Messages to the seller.
pub(crate) const PUSH: &[Case] = &[
    case!("N1 begin push", [PUSH_OF_OTHERS], s => s.begin_push("push", [1; 8], 5_000, 9_000)),
    case!("N2 end push", [PUSH_BEGUN], s => s.end_push("push", [1; 8], 9_000)),
    case!("N3 collect", [COLLECTED], s => s.collect("digest", r#"{"n":2}"#, 2_000, 9_000)),
    case!("N4 count more", [COLLECTED, MORE], s => s.count_more("digest", 3_000)),
    case!("N5 clear digest", [COLLECTED, MORE], s => s.clear_digest("digest", &[r#"{"n":1}"#.to_owned()])),
];
