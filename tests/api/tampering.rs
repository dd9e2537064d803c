//! What somebody changes in the tables by hand is named by the audit, nothing is repaired by guessing, and after a restore the
//! shop takes in money and nothing else until everything is in order.

use app::{Finding, Report, Scope};
use local::roles::acting_as;
use serde_json::{Value, json};
use store::Table;
use tests::shop::{cards, wish};
use tests::{Buyer, TestShop};

const MINUTE: i64 = 60_000;

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn order_key(buyer: &Buyer) -> Value {
    json!({"o": {"B": base64(&domain::OrderId::parse(&buyer.order).unwrap().0)}})
}

/// A change behind the shop's back.
#[track_caller]
fn change(shop: &TestShop, table: Table, key: Value, update: &str, values: Value) {
    let request = json!({
        "TableName": store::Tables::with_prefix("kamivend").name(table), "Key": key, "UpdateExpression": update,
        "ExpressionAttributeValues": values,
    });
    let (status, body) = shop.world.engine.call("UpdateItem", request.to_string().as_bytes());
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
}

fn delete(shop: &TestShop, table: Table, key: Value) {
    let request = json!({"TableName": store::Tables::with_prefix("kamivend").name(table), "Key": key});
    assert_eq!(shop.world.engine.call("DeleteItem", request.to_string().as_bytes()).0, 200);
}

/// A shop with two delivered orders, one paid and one that waits, eleven minutes after the first was delivered.
async fn a_days_work(seed: u64) -> (TestShop, Vec<Buyer>) {
    let mut shop = TestShop::new(seed).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("C", 100)).await;
    let mut buyers = Vec::new();
    for n in 0..2 {
        let buyer = shop.order(&format!("a-delivered-order-{n:06}"), "p", 2).await;
        shop.pay(&buyer, &format!("T{n}")).await;
        shop.deliver_all().await;
        buyers.push(buyer);
    }
    shop.minutes(11).await;
    for n in 2..4 {
        buyers.push(shop.order(&format!("an-open-order-{n:010}"), "p", 1).await);
    }
    shop.pay(&buyers[2], "T2").await;
    assert_eq!(shop.audit().await.differences, 0, "nothing is wrong yet");
    (shop, buyers)
}

#[track_caller]
fn named<'a>(report: &'a Report, what: &str) -> Vec<&'a Finding> {
    let found: Vec<&Finding> = report.findings.iter().filter(|f| f.what == what).collect();
    assert!(!found.is_empty(), "{what} is not named: {report:#?}");
    assert!(report.differences > 0 && report.per_million() > 0);
    found
}

/// The audits that must see it see it, it stays as it is, and the pass of the timer repairs nothing either.
async fn is_named_and_left_alone(shop: &TestShop, scopes: &[Scope], what: &str, order: Option<&Buyer>) {
    let before = (shop.table(Table::Orders), shop.table(Table::Strips), shop.table(Table::Vault));
    for scope in scopes {
        let report = acting_as("reconcile", shop.app.audit(*scope, i64::MAX)).await.unwrap().unwrap();
        let found = named(&report, what);
        if let Some(buyer) = order {
            assert!(found.iter().any(|f| f.order.as_deref() == Some(&buyer.order)), "{what}: {found:#?}");
        }
    }
    let after = (shop.table(Table::Orders), shop.table(Table::Strips), shop.table(Table::Vault));
    assert_eq!(before, after, "{what}: an audit changed something");
    assert!(shop.attention().await.iter().any(|(kind, _)| kind == "audit"), "{what}: nobody is told");
}

const BOTH: [Scope; 2] = [Scope::Recent, Scope::Full];

#[tokio::test(start_paused = true)]
async fn a_tampered_order_is_named() {
    // Whatever is changed: an amount, an account, a quantity, a state, the money, the review.
    for (n, (update, values)) in [
        ("SET att.#1.minor = :v", json!({":v": {"N": "1"}})),
        ("SET att.#1.acct = :v", json!({":v": {"S": "other"}})),
        ("SET st = :v", json!({":v": {"S": "PAID"}})),
        ("SET st = :v, t_dlv = :t", json!({":v": {"S": "DELIVERED"}, ":t": {"N": "1"}})),
        ("SET rv = :v", json!({":v": {"N": "1"}})),
        ("SET q = :v", json!({":v": {"N": "2"}})),
        (
            "SET txn = :v, att_paid = :n, pm = :pm",
            json!({":v": {"B": "AAAA"}, ":n": {"N": "1"}, ":pm": {"B": "AAAAAAAAAAAAAAAA"}}),
        ),
        ("SET st = :v", json!({":v": {"S": "NONSENSE"}})),
    ]
    .into_iter()
    .enumerate()
    {
        let (shop, buyers) = a_days_work(700 + n as u64).await;
        let request = json!({
            "TableName": "kamivend-orders", "Key": order_key(&buyers[3]), "UpdateExpression": update,
            "ExpressionAttributeValues": values,
        });
        let mut request = request;
        if update.contains("#1") {
            request["ExpressionAttributeNames"] = json!({"#1": "1"});
        }
        assert_eq!(shop.world.engine.call("UpdateItem", request.to_string().as_bytes()).0, 200, "{update}");
        let what = if values[":v"]["S"] == "NONSENSE" { "order_unreadable" } else { "order_changed" };
        is_named_and_left_alone(&shop, &BOTH, what, (what == "order_changed").then_some(&buyers[3])).await;
        // And nobody gets a card by it, however long the timer runs.
        shop.minutes(3).await;
        assert_eq!(shop.keys_or_none(&buyers[3]).await, 0, "{update}: a forged order showed a card");
    }
}

/// Whoever can write the table of orders and has bought one card gets no other: neither by pointing the order at it, nor by
/// making the sweep believe that the card it bought is free.
#[tokio::test(start_paused = true)]
async fn slots_written_by_hand_show_and_free_nothing() {
    let (shop, buyers) = a_days_work(719).await;
    // The paid order (not delivered yet) and a delivered one are pointed at a card that nobody bought.
    for buyer in [&buyers[0], &buyers[2]] {
        let sl = base64(&[0, 0, 0, 0, 40, 1, 48]);
        change(
            &shop,
            Table::Orders,
            order_key(buyer),
            "SET sl = :sl, q = :q",
            json!({":sl": {"B": sl}, ":q": {"N": "1"}}),
        );
    }
    is_named_and_left_alone(&shop, &BOTH, "order_changed", Some(&buyers[0])).await;
    let free = shop.counts("p").await["free"].as_u64().unwrap();
    shop.minutes(30).await;
    assert_eq!((shop.keys_or_none(&buyers[0]).await, shop.keys_or_none(&buyers[2]).await), (0, 0));
    // One open hold has lapsed; nothing else came back.
    assert_eq!(shop.counts("p").await["free"].as_u64().unwrap(), free + 1);
}

#[tokio::test(start_paused = true)]
async fn an_order_written_as_delivered_shows_nobody_a_card() {
    let (shop, buyers) = a_days_work(720).await;
    change(
        &shop,
        Table::Orders,
        order_key(&buyers[3]),
        "SET st = :st, t_dlv = :t, t_paid = :t, att_paid = :n, txn = :txn, pm = :pm",
        json!({":st": {"S": "DELIVERED"}, ":t": {"N": "1"}, ":n": {"N": "1"}, ":txn": {"B": "c2FuZGJveAA5"},
            ":pm": {"B": "AAAAAAAAAAAAAAAA"}}),
    );
    is_named_and_left_alone(&shop, &BOTH, "order_changed", Some(&buyers[3])).await;
    assert_eq!(shop.keys_or_none(&buyers[3]).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_order_is_named_and_its_cards_are_never_sold_again() {
    let (shop, buyers) = a_days_work(721).await;
    delete(&shop, Table::Orders, order_key(&buyers[0]));
    is_named_and_left_alone(&shop, &BOTH, "claim_without_order", Some(&buyers[0])).await;
    let free = shop.counts("p").await["free"].clone();
    shop.minutes(30).await;
    // The open order's card comes back when its hold lapses; the two cards of the deleted order never do.
    assert_eq!(shop.counts("p").await["free"].as_u64(), free.as_u64().map(|n| n + 1));
}

#[tokio::test(start_paused = true)]
async fn a_swapped_or_missing_ciphertext_is_named_without_the_key() {
    let (shop, _) = a_days_work(722).await;
    let item = |strip: u32| -> Value {
        let vault = shop.table(Table::Vault);
        let found = vault.iter().find(|i| i.contains(&format!("\"p#{strip}#0\""))).unwrap();
        serde_json::from_str(found).unwrap()
    };
    let (mut one, two) = (item(0), item(1));
    one["e"]["L"][5] = two["e"]["L"][5].clone();
    let put = json!({"TableName": "kamivend-vault", "Item": one});
    assert_eq!(shop.world.engine.call("PutItem", put.to_string().as_bytes()).0, 200);
    is_named_and_left_alone(&shop, &BOTH, "ciphertext_changed", None).await;

    let (shop, _) = a_days_work(723).await;
    delete(&shop, Table::Vault, json!({"k": {"S": "p#0#0"}}));
    is_named_and_left_alone(&shop, &BOTH, "ciphertext_changed", None).await;
}

#[tokio::test(start_paused = true)]
async fn a_slot_changed_by_hand_is_named() {
    for (n, (entry, what)) in [
        (json!({"B": "AA=="}), "slot_lost"),
        (json!({"B": "AQ=="}), "slot_lost"),
        (json!({"B": base64(&[9; 16])}), "slot_lost"),
        (json!({"B": base64(&[9; 3])}), "strip_unreadable"),
        (json!({"S": "text"}), "strip_unreadable"),
    ]
    .into_iter()
    .enumerate()
    {
        let (shop, buyers) = a_days_work(730 + n as u64).await;
        // The first card of the first delivered order.
        change(&shop, Table::Strips, json!({"k": {"S": "p#0"}}), "SET h[0] = :v", json!({":v": entry}));
        let order = (what == "slot_lost").then_some(&buyers[0]);
        is_named_and_left_alone(&shop, &[Scope::Full], what, order).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_removed_strip_a_false_seal_and_a_false_watermark_are_named() {
    let (shop, _) = a_days_work(740).await;
    delete(&shop, Table::Strips, json!({"k": {"S": "p#1"}}));
    is_named_and_left_alone(&shop, &[Scope::Full], "strip_missing", None).await;

    let (shop, _) = a_days_work(741).await;
    change(&shop, Table::Strips, json!({"k": {"S": "p#0"}}), "SET z = :one", json!({":one": {"N": "1"}}));
    is_named_and_left_alone(&shop, &[Scope::Full], "seal_over_free_cards", None).await;

    let (shop, _) = a_days_work(742).await;
    change(&shop, Table::Strips, json!({"k": {"S": "p#H"}}), "SET low = :one", json!({":one": {"N": "1"}}));
    is_named_and_left_alone(&shop, &[Scope::Full], "watermark_over_open_strip", None).await;
}

/// Copies of both tables, put back later: what a restore from a backup does, to one moment or to two.
fn copy(shop: &TestShop, table: Table) -> Vec<Value> {
    shop.table(table).iter().map(|i| serde_json::from_str(i).unwrap()).collect()
}

fn put_back(shop: &TestShop, table: Table, items: &[Value]) {
    let name = store::Tables::with_prefix("kamivend").name(table);
    let key_of = |item: &Value| match table {
        Table::Orders => json!({"o": item["o"]}),
        _ => json!({"k": item["k"]}),
    };
    for item in copy(shop, table) {
        let delete = json!({"TableName": name, "Key": key_of(&item)});
        assert_eq!(shop.world.engine.call("DeleteItem", delete.to_string().as_bytes()).0, 200);
    }
    for item in items {
        let put = json!({"TableName": name, "Item": item});
        assert_eq!(shop.world.engine.call("PutItem", put.to_string().as_bytes()).0, 200);
    }
}

/// The strips go back to a moment before the last orders; the orders stay. Their cards would be sold a second time.
#[tokio::test(start_paused = true)]
async fn after_a_restore_the_shop_takes_in_money_and_nothing_else() {
    let shop = TestShop::new(750).await;
    shop.product("p", 990, &cards("C", 100)).await;
    let old = shop.order("an-order-before-the-copy", "p", 1).await;
    shop.pay(&old, "T0").await;
    shop.deliver_all().await;
    let strips = copy(&shop, Table::Strips);
    let mut buyers = Vec::new();
    for n in 0..60 {
        let buyer = shop.order(&format!("an-order-after-the-copy-{n:04}"), "p", 1).await;
        if n < 50 {
            shop.pay(&buyer, &format!("T-after-{n}")).await;
        }
        buyers.push(buyer);
    }
    shop.deliver_all().await;
    let keys = shop.keys(&buyers[0]).await;

    put_back(&shop, Table::Strips, &strips);
    shop.app.close_shop().await.unwrap();
    // Closed for buyers.
    let (status, answer) = shop.create("a-buyer-at-a-closed-shop", &wish("p", 1)).await;
    assert_eq!((status, answer["code"].as_str()), (503, Some("shop_closed")), "{answer}");
    // Money comes in and waits.
    shop.pay(&buyers[55], "T-while-closed").await;
    let (_, order) = shop.read(&buyers[55]).await;
    assert_eq!(order["status"], "paid");
    shop.deliver_all().await;
    let pass = shop.tick().await;
    assert!(pass.closed, "{pass:?}");
    shop.pass(3_000);
    assert_eq!(shop.read(&buyers[55]).await.1["status"], "paid", "nothing is delivered while the shop is closed");
    assert!(shop.attention().await.iter().any(|(kind, _)| kind == "shop_closed"));

    // The timer's job is now the audit that may open the shop.
    let done = acting_as("reconcile", functions::reconcile::handle(&shop.app, functions::reconcile::Job::Reconcile))
        .await
        .unwrap();
    let report = done.report.expect("a report");
    assert_eq!((report.scope, report.differences), (Scope::Restored, 0), "{report:#?}");
    // Sixty cards were claimed after the copy.
    assert_eq!(report.put_back, 60);
    assert_eq!(shop.app.closed_since().await.unwrap(), None, "a clean audit opens the shop");
    shop.pass(2_000);
    assert_eq!(shop.keys(&buyers[0]).await, keys);
    shop.minutes(1).await;
    assert_eq!(shop.keys(&buyers[55]).await.len(), 1);
    // What is left sells, and nothing is sold twice.
    let mut all = std::collections::HashSet::new();
    let rest = shop.order("buys-what-is-left-of-it", "p", 30).await;
    shop.pay(&rest, "T-rest").await;
    shop.deliver_all().await;
    for buyer in buyers.iter().take(50).chain([&buyers[55], &old, &rest]) {
        for key in shop.keys(buyer).await {
            assert!(all.insert(key.clone()), "{key} was sold twice");
        }
    }
    assert_eq!(all.len(), 82);
}

/// Two orders own one card after a restore of the orders: nobody guesses which, and the shop stays closed.
#[tokio::test(start_paused = true)]
async fn a_restore_that_does_not_fit_keeps_the_shop_closed() {
    let mut shop = TestShop::new(751).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("C", 3)).await;
    let first = shop.order("the-first-owner-of-a-card", "p", 1).await;
    shop.pay(&first, "T1").await;
    shop.deliver_all().await;
    // The orders' copy is older than the strips': the first order is gone, its claim is there.
    shop.minutes(11).await;
    put_back(&shop, Table::Orders, &[]);
    shop.app.close_shop().await.unwrap();
    for _ in 0..3 {
        let done =
            acting_as("reconcile", functions::reconcile::handle(&shop.app, functions::reconcile::Job::Reconcile))
                .await
                .unwrap();
        named(&done.report.unwrap(), "claim_without_order");
        assert!(!shop.app.open_by_hand("admin", "never mind").await.unwrap(), "a difference is no question of will");
        assert!(shop.app.closed_since().await.unwrap().is_some());
        shop.pass(MINUTE);
    }
    // Its buyer's provider says it again: money for an order nobody knows is a row, not lost.
    shop.pay(&first, "T1").await;
    assert!(shop.attention().await.contains(&("money".into(), "unknown_order".into())));
}

/// The orders go back to a moment before the last sale, which was not marked yet. No create is under way in a closed shop: the
/// claim without an order keeps it closed until a person has looked, and it is not given up by the way.
#[tokio::test(start_paused = true)]
async fn a_claim_whose_order_a_restore_has_lost_waits_for_a_person() {
    let mut shop = TestShop::new(753).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("C", 3)).await;
    let orders = copy(&shop, Table::Orders);
    let buyer = shop.order("sold-after-the-copy-was-made", "p", 1).await;
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    put_back(&shop, Table::Orders, &orders);
    shop.app.close_shop().await.unwrap();
    for _ in 0..10 {
        let report = acting_as("reconcile", shop.app.audit(Scope::Restored, i64::MAX)).await.unwrap().unwrap();
        assert_eq!((report.differences, report.ownerless), (0, 1), "{report:#?}");
        assert!(shop.app.closed_since().await.unwrap().is_some(), "it opened by itself");
        shop.pass(MINUTE);
    }
    assert_eq!(shop.counts("p").await["free"], 2);
    assert!(shop.app.open_by_hand("admin", "the card was taken out").await.unwrap());
    assert_eq!(shop.app.closed_since().await.unwrap(), None);
}

/// An audit that is cut off goes on where it stopped, and an outage of the tables is no difference.
#[tokio::test(start_paused = true)]
async fn an_audit_runs_in_pages() {
    let shop = TestShop::new(752).await;
    shop.product("p", 990, &cards("C", 48 * 120)).await;
    shop.product("q", 990, &cards("C", 48)).await;
    let buyer = shop.order("an-order-in-a-large-shop", "q", 1).await;
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    // No time at all: nothing is done, and nothing is said.
    assert_eq!(acting_as("reconcile", shop.app.audit(Scope::Full, 0)).await.unwrap(), None);
    let report = shop.audit().await;
    assert_eq!((report.strips, report.cards, report.orders), (121, 48 * 121, 1), "{report:#?}");
    assert_eq!((report.differences, report.per_million()), (0, 0));
    let token = shop.sign_in().await;
    let (status, answer) = shop.admin(http::Method::GET, "/api/admin/reports/audit", &token, String::new()).await;
    assert_eq!((status, answer["reports"][0]["differences"].as_u64()), (200, Some(0)), "{answer}");
}

/// A schedule calls minute by minute: everything is audited once a night, then the evidence, and both again the next.
#[tokio::test]
async fn a_night_has_one_audit_of_everything() {
    use functions::reconcile::{Job, handle};
    let shop = TestShop::new(489).await;
    shop.product("p", 990, &cards("CARD", 2)).await;
    for night in 0..2 {
        let mut reports = Vec::new();
        for _ in 0..5 {
            let done = acting_as("reconcile", Box::pin(handle(&shop.app, Job::AuditNight))).await.unwrap();
            assert!(done.complete, "night {night}");
            reports.push(done.report.map(|report| (report.scope, report.differences)));
            shop.pass(60_000);
        }
        let expected = [Some((Scope::Full, 0)), Some((Scope::Evidence, 0)), None, None, None];
        assert_eq!(reports, expected, "night {night}");
        shop.pass(12 * 60 * 60_000);
    }
}
