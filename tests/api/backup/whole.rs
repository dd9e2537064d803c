//! What comes back.

use super::{a_months_work, a_small_shop, elsewhere, export, import, items, open, read};
use app::Scope;
use app::backup::Source;
use http::{Method, Request};
use serde_json::json;
use store::Table;
use tests::TestShop;
use tests::shop::{cards, send};

/// How many orders say each state, and what else stands in their table.
fn states(shop: &TestShop) -> std::collections::BTreeMap<String, usize> {
    let mut states = std::collections::BTreeMap::new();
    for item in shop.table(Table::Orders) {
        let item: serde_json::Value = serde_json::from_str(&item).unwrap();
        let state = if item.get("pid").is_some() { item["st"]["S"].as_str().unwrap() } else { "no order" };
        *states.entry(state.to_owned()).or_default() += 1;
    }
    states
}

#[tokio::test(start_paused = true)]
async fn a_stopped_shop_comes_back_as_it_was() {
    let (mut shop, secrets) = open(1_000).await;
    let work = a_months_work(&mut shop).await;
    assert_eq!(shop.audit().await.differences, 0);
    let seen = states(&shop);
    for state in ["HELD", "PAID", "DELIVERED", "EXPIRED", "LATE", "REVIEW", "REFUND_DUE", "no order"] {
        assert!(seen.get(state).is_some_and(|count| *count > 0), "no {state} in {seen:?}");
    }
    let refunded = shop.table(Table::Orders).iter().filter(|item| item.contains("\"rf\"")).count();
    assert!(refunded > 5, "{refunded} orders were refunded");
    let orders: usize = seen.iter().filter(|(state, _)| *state != "no order").map(|(_, count)| count).sum();
    assert!(orders > 180, "{orders} orders");

    let (file, counts) = export(&shop, &secrets, true).await;
    // Nothing that is secret, and nobody's name, stands in the file.
    let mut hidden = vec![
        "CARD-OF".to_owned(),
        "example.com".to_owned(),
        "very.long.name".to_owned(),
        secrets.shop.to_hex(),
        secrets.master.to_hex(),
        secrets.admin_password.clone(),
        super::PASSPHRASE.to_owned(),
        "T-late".to_owned(),
    ];
    hidden.extend(work.delivered.iter().flat_map(|(_, keys)| keys.clone()));
    for word in &hidden {
        assert!(!file.windows(word.len()).any(|bytes| bytes == word.as_bytes()), "{word} stands in the file");
    }
    for secret in [&secrets.shop.0, &secrets.master.0] {
        assert!(!file.windows(32).any(|bytes| bytes == secret), "a secret stands in the file");
    }

    let contents = read(&file);
    assert_eq!((contents.manifest.source, &contents.counts), (Source::Stopped, &counts));
    assert_eq!(contents.beside("admin_password"), Some(secrets.admin_password.as_str()));
    assert!(!format!("{contents:?}").contains(&secrets.admin_password));
    let other = elsewhere(1_001, &shop, &secrets);
    let done = import(&other, &file, &contents).await;
    assert_eq!((done.written, done.there_before, done.kept), (counts.values().sum(), 0, 0));
    assert!(!done.closed && !done.done_before);
    assert_eq!(items(&other), items(&shop), "every item of every table");

    // Opened as a shop, it changes nothing, and an audit finds nothing.
    other.world.set_up().await.unwrap();
    assert_eq!(items(&other), items(&shop));
    let report = other.audit().await;
    assert_eq!(report.differences, 0, "{report:#?}");
    assert_eq!(other.app.closed_since().await.unwrap(), None);
    for (buyer, keys) in &work.delivered {
        assert!(!keys.is_empty());
        assert_eq!(other.keys(buyer).await, *keys, "the old token opens the old keys under the new master key");
    }
    let (buyer, contact, password) = &work.found_by;
    let body = json!({"contact": contact, "query_password": password}).to_string();
    let request = Request::builder().method(Method::POST).uri("/api/lookup").body(body.into_bytes()).unwrap();
    let (status, found) = send(other.front(), request).await;
    assert_eq!((status, found["orders"][0]["id"].as_str()), (200, Some(buyer.order.as_str())), "{found}");

    // What was under way goes on without the queue's messages.
    other.minutes(4).await;
    for buyer in work.paid.iter().chain(&work.late) {
        assert!(!other.keys(buyer).await.is_empty(), "{} was not delivered", buyer.order);
    }
    assert_eq!(other.audit().await.differences, 0);
    // New cards come in under the old data key, and a card that is there stays a duplicate.
    let again = other.cards("p", &cards("CARD-OF-P", 261), "").await;
    assert_eq!((again["imported"].as_u64(), again["duplicates"].as_u64()), (Some(1), Some(260)), "{again}");

    // Once more, into a shop that lives again: nothing happens.
    let before = items(&other);
    let again = import(&other, &file, &contents).await;
    assert!(again.done_before && again.written == 0 && !again.closed);
    assert_eq!(items(&other), before);
    // What was brought here leaves from here like anything else.
    let (file, _) = export(&other, &secrets, true).await;
    let third = elsewhere(1_002, &other, &secrets);
    import(&third, &file, &read(&file)).await;
    assert_eq!(items(&third), items(&other));
}

#[tokio::test(start_paused = true)]
async fn an_open_shop_comes_back_closed_and_its_audit_opens_it() {
    let (shop, secrets) = a_small_shop(1_010).await;
    let (file, _) = export(&shop, &secrets, false).await;
    let other = elsewhere(1_011, &shop, &secrets);
    let done = import(&other, &file, &read(&file)).await;
    assert!(done.closed, "a file of several moments is looked at first");
    other.world.set_up().await.unwrap();
    other.pass(3_000);
    assert!(other.app.is_closed().await.unwrap());
    // A claim that the file missed, because its order was made while the tables were read, is put back.
    let report = other.app.audit(Scope::Restored, i64::MAX).await.unwrap().unwrap();
    assert_eq!(report.differences, 0, "{report:#?}");
    if report.unanswered == 0 {
        assert_eq!(other.app.closed_since().await.unwrap(), None, "a clean audit opens it");
    }
    assert_eq!(items(&other).len(), items(&shop).len() + 1, "the audit's own report");
}

#[tokio::test(start_paused = true)]
async fn a_closed_shop_stays_closed_and_a_door_that_was_moved_comes_back() {
    let (shop, secrets) = a_small_shop(1_020).await;
    shop.app.close_shop().await.unwrap();
    let door = shop.app.closed_since().await.unwrap();
    let (file, _) = export(&shop, &secrets, true).await;
    let contents = read(&file);
    assert_eq!(contents.manifest.source, Source::Closed);
    let other = elsewhere(1_021, &shop, &secrets);
    assert!(import(&other, &file, &contents).await.closed);
    assert_eq!(other.app.closed_since().await.unwrap(), door, "it is the same closing");

    // Closed and opened again, the door has a history; it ends open as it was.
    assert!(shop.app.open_shop(door.unwrap()).await.unwrap());
    let (file, _) = export(&shop, &secrets, true).await;
    let other = elsewhere(1_022, &shop, &secrets);
    assert!(!import(&other, &file, &read(&file)).await.closed);
    let doors: Vec<String> = [&shop, &other]
        .map(|shop| shop.table(Table::Shop).into_iter().find(|item| item.contains("\"door\"")).unwrap())
        .to_vec();
    assert_eq!(doors[0], doors[1]);
}
