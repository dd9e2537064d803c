//! Every read of the store, over the same shop on every engine.

use super::cases::goods::product;
use super::cases::lives::{NOW, details, held};
use super::cases::told;
use super::side::{PREFIXES, Side};
use super::{Line, Report};
use domain::limits::STRIP_CARDS;
use domain::order::{Due, DueKind, Order};
use domain::refund::MoneyState;
use domain::stock::{Entry, Strip};
use domain::{AccountId, Currency, OrderId, Txn};
use std::fmt::Debug;
use store::writes::NewOrder;
use store::{Alarm, Details, MoneyRow, PageKeys, ShopItem, Store, StoreError, StripItem, Table, UniqueCard, VaultItem};

/// Orders in the shop that is read.
const ORDERS: u8 = 40;

/// Uniqueness rows: more than two batches of a hundred.
const CARDS: u8 = 240;

/// Documents of one kind, which together are more than one answer may hold, and the bytes of each.
const DOCUMENTS: u8 = 9;
const DOCUMENT_BYTES: usize = 150_000;

fn id(n: u8) -> OrderId {
    let mut bytes = [n; 15];
    bytes[0] = n.wrapping_mul(37);
    OrderId(bytes)
}

fn hash(n: u8) -> [u8; 16] {
    [n; 16]
}

fn order(n: u8) -> Order {
    let mut order = Order { created_at: NOW + i64::from(n) * 1_000, ..held(id(n), n.is_multiple_of(5)) };
    order.attempts[0].no.order = id(n);
    order
}

/// Three contacts, one of which is too long to stand in the order.
fn contact(n: u8) -> Details {
    let contact = match n % 3 {
        0 => "a@example.com".to_owned(),
        1 => "b@example.com".to_owned(),
        _ => format!("{}@example.com", "long".repeat(30)),
    };
    Details { contact, contact_hash: [n % 3; 16], ..details() }
}

fn row(n: u8) -> MoneyRow {
    let account = AccountId::parse("sandbox").unwrap();
    MoneyRow {
        txn: Txn::new(&account, &format!("T{n}")).unwrap(),
        reason: "unknown".into(),
        account,
        out_trade_no: format!("no {n}"),
        order: n.is_multiple_of(2).then(|| id(n)),
        minor: 100,
        currency: Currency::CNY,
        state: MoneyState::Open,
        reference: String::new(),
        seen_at: NOW + i64::from(n),
        look_at: NOW + i64::from(n),
    }
}

fn alarm(n: u8) -> Alarm {
    let what = format!("alarm {n}");
    Alarm { product: product(), what, count: 1, confirmed: false, is_open: true, seen_at: NOW }
}

async fn fill(s: &Store) -> Result<(), StoreError> {
    for n in 0..ORDERS {
        let (order, details) = (order(n), contact(n));
        if details.is_bulky() {
            s.put_details(&order.id, &order.fingerprint, &details).await?;
        }
        s.place_order(&NewOrder { order: order.clone(), details }).await?;
        if n % 4 > 0 {
            let due = Due { kind: DueKind::Ask, at: NOW + i64::from(n % 7) * 100 };
            s.lapse(&order, 1, NOW, due).await?;
        }
    }
    for n in 0..5 {
        s.record_money(&row(n)).await?;
        s.raise_alarm(&alarm(n)).await?;
    }
    s.open_head(&product()).await?;
    s.reserve(&product(), "one", 4).await?;
    s.reserve(&product(), "two", 2).await?;
    s.put_on_sale(&product(), 0, 4).await?;
    for no in 0..4 {
        let entries = vec![Entry::Free; usize::try_from(no).unwrap() * 12];
        let strip = Strip { no, entries, width: STRIP_CARDS, sealed: false, done: 0 };
        s.put_strip(&product(), &StripItem { strip, import: "one".into(), vault_hash: [1; 32] }).await?;
        let sealed = vec![vec![7; 60]; 48];
        let hashes = vec![[8; 16]; 48];
        let vault = VaultItem { strip: no, part: 0, first: 0, sealed, hashes, kid: "k".into(), import: "one".into() };
        s.put_vault(&product(), &vault).await?;
    }
    for n in 0..CARDS {
        let at = UniqueCard { strip: u32::from(n / 48), position: n % 48, import: "one".into() };
        s.claim_unique(&product(), &hash(n), &at).await?;
    }
    for n in 0..DOCUMENTS {
        s.create_shop_item(&document("page", n, DOCUMENT_BYTES)).await?;
        s.create_shop_item(&document("product", n, 10)).await?;
        s.tell_stock(&product(), 40 + u64::from(n)).await?;
    }
    s.keep_note("note", "一", NOW).await?;
    s.note_open("open", &[id(1), id(2), id(3)], NOW).await?;
    for n in 0..12 {
        s.collect("digest", &format!("message {n}"), NOW + n, NOW + 5_000).await?;
    }
    s.count_more("digest", NOW).await
}

fn document(kind: &str, n: u8, bytes: usize) -> ShopItem {
    // Ids whose order as text is not their order as numbers.
    ShopItem { kind: kind.to_owned(), id: format!("id {}", n * 3), doc: "d".repeat(bytes), version: 1 }
}

/// A collection as text, in an order of its own: none is promised.
fn sorted<T: Debug>(all: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut texts: Vec<String> = all.into_iter().map(|one| format!("{one:?}")).collect();
    texts.sort();
    texts
}

/// All items of a table page by page: how many pages of which length, and the items.
async fn whole(s: &Store, table: Table, limit: i32) -> Result<(Vec<usize>, Vec<String>), StoreError> {
    let (mut pages, mut items, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let page = s.scan_whole(table, after.as_ref(), limit).await?;
        pages.push(page.items.len());
        items.extend(page.items.iter().map(|item| item.to_json()));
        after = page.next;
        if after.is_none() {
            return Ok((pages, sorted(items)));
        }
    }
}

async fn all_orders(s: &Store, limit: i32) -> Result<(usize, Vec<String>), StoreError> {
    let (mut pages, mut orders, mut after) = (0, Vec::new(), None);
    loop {
        let page = s.scan_orders(after.as_deref(), limit).await?;
        assert!(page.unreadable.is_empty(), "{:?}", page.unreadable);
        pages += 1;
        orders.extend(page.orders);
        after = page.next;
        if after.is_none() {
            return Ok((pages, sorted(orders)));
        }
    }
}

fn page_keys() -> PageKeys {
    PageKeys {
        documents: vec![("product", "id 3".into()), ("product", "none".into()), ("page", "id 6".into())],
        shelf: true,
        notes: vec!["note".into(), "no note".into()],
        orders: (0..50).map(id).collect(),
    }
}

async fn page(s: &Store) -> Result<Vec<Vec<String>>, StoreError> {
    let page = s.page(&page_keys()).await?;
    Ok(vec![
        sorted(page.documents.values().map(|d| (&d.kind, &d.id, d.doc.len(), d.version))),
        sorted(page.shelf),
        sorted(page.notes),
        sorted(page.orders),
    ])
}

async fn digest(s: &Store) -> Result<Vec<String>, StoreError> {
    let digests = s.digests(&["digest".to_owned(), "none".to_owned()]).await?;
    let text = |(name, digest): (String, store::writes::Digest)| (name, sorted(digest.notes), digest.more, digest.last);
    Ok(sorted(digests.into_iter().map(text)))
}

/// One read: its name, what it answered, and the half read units that the engine says it took.
type Read = (&'static str, String, u64);

fn read(side: &Side, name: &'static str, told: String) -> Read {
    (name, told, side.take_half_units())
}

/// The same of a scan. Which items share a page, and so what a page costs, is each engine's own affair.
fn scanned(side: &Side, name: &'static str, told: String) -> Read {
    side.take_half_units();
    (name, told, 0)
}

async fn queries(side: &Side, s: &Store) -> Vec<Read> {
    let all = [DueKind::Ask, DueKind::Money, DueKind::Alarm, DueKind::Late];
    let day = NOW.div_euclid(86_400_000);
    let kinds = |kinds: Vec<DueKind>| async move {
        told(s.due(&kinds, NOW + 300, 100).await.map(|(items, more)| (sorted(items), more)))
    };
    let mut reads = vec![
        read(side, "due: all kinds", kinds(all.to_vec()).await),
        read(side, "due: at a time, included", told(s.due(&[DueKind::Ask], NOW + 200, 100).await)),
        read(side, "due: a limit", told(s.due(&[DueKind::Ask], NOW + 600, 2).await)),
        read(side, "due: none", told(s.due(&[DueKind::Person], NOW, 10).await)),
        read(side, "contact: newest first", told(s.orders_of_contact(&[0; 16], NOW, 100).await)),
        read(side, "contact: since, included", told(s.orders_of_contact(&[1; 16], NOW + 13_000, 100).await)),
        read(side, "contact: a limit", told(s.orders_of_contact(&[2; 16], NOW, 3).await)),
        read(side, "contact: nobody", told(s.orders_of_contact(&[9; 16], 0, 3).await)),
        read(side, "day: since", told(s.orders_of_day(day, 1, NOW + 5_000, 100).await)),
        read(side, "day: a limit", told(s.orders_of_day(day, 2, 0, 2).await)),
        read(side, "day: another", told(s.orders_of_day(day + 1, 2, 0, 2).await)),
    ];
    for shard in 0..8 {
        reads.push(read(side, "day: a shard", told(s.orders_of_day(day, shard, 0, 100).await)));
    }
    reads
}

async fn lookups(side: &Side, s: &Store) -> Vec<Read> {
    let ids: Vec<OrderId> = (0..50).map(id).collect();
    let hashes: Vec<[u8; 16]> = (0..250).map(hash).collect();
    let parts = [(0, 0), (1, 0), (3, 0), (9, 0), (0, 1)];
    vec![
        read(side, "order", told(s.order(&id(7)).await)),
        read(side, "order: none", told(s.order(&id(200)).await)),
        read(side, "order: bulky input", told(s.bulky_input(&order(2)).await)),
        read(side, "order: no bulky input", told(s.bulky_input(&order(201)).await)),
        read(side, "shown: none", told(s.shown(&order(2).attempts[0].no).await)),
        read(side, "orders", told(s.orders(&ids).await.map(sorted))),
        read(side, "orders with passwords", told(s.orders_with_passwords(&ids).await.map(sorted))),
        read(side, "money row", told(s.money_row(&row(3).txn).await)),
        read(side, "money row: none", told(s.money_row(&row(99).txn).await)),
        read(side, "money row: at a key", told(s.row_at(&store::keys::money_row(&row(2).txn)).await)),
        read(side, "alarm", told(s.alarm_at(&store::keys::alarm(&product(), "alarm 1")).await)),
        read(side, "alarm: a money row's key", told(s.alarm_at(&store::keys::money_row(&row(2).txn)).await)),
        read(side, "head", told(s.head(&product()).await)),
        read(side, "strips", told(s.strips(&product(), &[3, 2, 1, 0, 17]).await)),
        read(side, "vault", told(s.vault(&product(), &parts).await.map(sorted))),
        read(side, "unique rows", told(s.unique_rows(&product(), &hashes).await.map(sorted))),
        read(side, "document", told(s.shop_item("product", "id 3").await)),
        read(side, "document: none", told(s.shop_item("product", "id 4").await)),
        read(side, "note", told(s.note("note").await)),
        read(side, "note: none", told(s.note("none").await)),
        read(side, "open orders", told(s.noted_open("open").await.map(sorted))),
        read(side, "digests", told(digest(s).await)),
        read(side, "page", told(page(s).await)),
    ]
}

async fn lists(side: &Side, s: &Store) -> Vec<Read> {
    let ids = |items: Vec<ShopItem>| items.into_iter().map(|item| (item.id, item.doc.len())).collect::<Vec<_>>();
    let mut reads = vec![
        read(side, "documents of a kind, in several answers", told(s.shop_items("page").await.map(ids))),
        read(side, "documents of a kind", told(s.shop_items("product").await.map(ids))),
        read(side, "documents of no kind", told(s.shop_items("none").await.map(ids))),
        scanned(side, "all orders, seven at a time", told(all_orders(s, 7).await)),
        scanned(side, "all orders at once", told(all_orders(s, 1_000).await)),
    ];
    for table in Table::ALL {
        reads.push(scanned(side, "a whole table", told(whole(s, table, 10).await)));
    }
    reads
}

/// Fills one engine and reads it.
pub(super) async fn play(side: &Side) -> Report {
    let store = side.store(PREFIXES[1]);
    let filled = fill(&store).await;
    assert!(filled.is_ok(), "{}: {filled:?}", side.name);
    side.take_half_units();
    let reads = [lookups(side, &store).await, queries(side, &store).await, lists(side, &store).await].concat();
    let lines = |(case, told, units): Read| {
        let line = |aspect, told| Line { case: case.to_owned(), state: "read".to_owned(), aspect, told };
        [line("outcome", told), line("units", units.to_string())]
    };
    Report { side: side.name, lines: reads.into_iter().flat_map(lines).collect() }
}
