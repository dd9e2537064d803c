//! Somebody's hand in the tables or among the seals.

use super::{DAY, HOUR, a_days_work, delete, first_night, id_of, item_of, look, night, orders, put, short};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tests::TestShop;

/// What may change in an order's life without a trace, by name: counts and times of work under way, the mail and page of an
/// unpaid attempt. Everything else that stands in an item is one-way.
const MOVES: [&str; 7] = ["te", "exp", "due", "due_at", "rs", "ttl", "content"];

/// Pointers to every attribute of an item: `/q`, `/att/M/1/M/minor`.
fn attributes(item: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in item.as_object().unwrap() {
        match value.get("M").and_then(Value::as_object) {
            None => found.push(format!("/{name}")),
            Some(entries) => {
                for (number, entry) in entries {
                    let names = entry["M"].as_object().unwrap().keys();
                    found.extend(names.map(|inner| format!("/{name}/M/{number}/M/{inner}")));
                }
            }
        }
    }
    found
}

/// Another value of the same type.
fn other(value: &Value) -> Value {
    let (kind, said) = value.as_object().unwrap().iter().next().unwrap();
    let said = said.as_str().unwrap();
    match kind.as_str() {
        "S" => json!({"S": format!("{said}x")}),
        "N" => json!({"N": (said.parse::<i64>().unwrap() + 1).to_string()}),
        "B" => {
            let mut bytes = STANDARD.decode(said).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            json!({"B": STANDARD.encode(bytes)})
        }
        other => panic!("{other}"),
    }
}

fn taken_away(item: &Value, at: &str) -> Value {
    let mut item = item.clone();
    let (parent, name) = at.rsplit_once('/').unwrap();
    item.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
    item
}

/// Every attribute of every order that stands there, one by one: changed, and taken away. Whoever adds an attribute has to say
/// here that it moves, or finds it sealed.
#[tokio::test(start_paused = true)]
async fn whatever_never_changes_is_named_when_it_does() {
    let mut shop = TestShop::new(1_710).await;
    let work = a_days_work(&mut shop).await;
    assert_eq!(first_night(&shop).await.differences, 0);
    let mut tried = std::collections::BTreeSet::new();
    for buyer in [&work.delivered, &work.refunded, &work.review, &work.held] {
        let item = item_of(&shop, &buyer.order);
        let state = item["st"]["S"].as_str().unwrap();
        for at in attributes(&item) {
            let name = at.rsplit('/').next().unwrap();
            if name == "o" {
                continue;
            }
            let mut changed = item.clone();
            *changed.pointer_mut(&at).unwrap() = other(item.pointer(&at).unwrap());
            // The key of an index may be missing, and an order may stand in no state.
            for hand in [changed, taken_away(&item, &at)] {
                put(&shop, &hand);
                let found = short(&look(&shop).await);
                // What lapsed has a reason that a refund of late money replaces.
                let moves = MOVES.contains(&name) || (name == "why" && state == "EXPIRED");
                let named = found.contains(&("evidence_changed".to_owned(), buyer.order.clone()));
                assert_eq!(named, !moves, "{at} of an order that is {state}: {found:?}");
                assert!(found.iter().all(|(_, order)| *order == buyer.order), "{at}: another is named: {found:?}");
            }
            tried.insert(at);
        }
        put(&shop, &item);
        assert_eq!(short(&look(&shop).await), []);
    }
    for must in [
        "/q",
        "/pid",
        "/ch",
        "/ct",
        "/txn",
        "/pm",
        "/t_paid",
        "/t_dlv",
        "/t_view",
        "/sl",
        "/why",
        "/rv",
        "/att/M/1/M/minor",
    ] {
        assert!(tried.contains(must), "{must} was never tried: {tried:?}");
    }
    for must in ["/rf/M/1/M/minor", "/rf/M/1/M/ref", "/rf/M/1/M/st", "/rf/M/1/M/hand", "/st", "/g", "/t_new", "/day"] {
        assert!(tried.contains(must), "{must} was never tried: {tried:?}");
    }
}

/// A state that goes back is named although every other attribute stands.
#[tokio::test(start_paused = true)]
async fn a_state_that_goes_back_is_named() {
    let mut shop = TestShop::new(1_711).await;
    let work = a_days_work(&mut shop).await;
    first_night(&shop).await;
    for (buyer, states) in [
        (&work.delivered, ["PAID", "REFUND_DUE", "HELD", "VOID"]),
        (&work.refunded, ["REFUND_DUE", "PAID", "LATE", "DELIVERED"]),
        (&work.review, ["HELD", "EXPIRED", "LATE", "NONSENSE"]),
    ] {
        let item = item_of(&shop, &buyer.order);
        for state in states {
            let mut hand = item.clone();
            hand["st"] = json!({"S": state});
            put(&shop, &hand);
            let what = if state == "VOID" { "evidence_missing" } else { "evidence_changed" };
            assert_eq!(short(&look(&shop).await), [(what.to_owned(), buyer.order.clone())], "{state}");
        }
        put(&shop, &item);
    }
    assert_eq!(short(&look(&shop).await), []);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_was_removed_is_named_by_its_id() {
    let mut shop = TestShop::new(1_712).await;
    a_days_work(&mut shop).await;
    first_night(&shop).await;
    for item in orders(&shop) {
        delete(&shop, &item);
        assert_eq!(short(&look(&shop).await), [("evidence_missing".to_owned(), id_of(&item))]);
        put(&shop, &item);
    }
}

/// With the date of a day that is sealed, in that day's list and outside of every list, and before there was any order.
#[tokio::test(start_paused = true)]
async fn an_order_that_came_in_later_with_an_old_date_is_named() {
    let mut shop = TestShop::new(1_713).await;
    let work = a_days_work(&mut shop).await;
    first_night(&shop).await;
    let copy = item_of(&shop, &work.delivered.order);
    let made = |id: [u8; 15], at: i64| {
        let mut item = copy.clone();
        item["o"] = json!({"B": STANDARD.encode(id)});
        item["t_new"] = json!({"N": at.to_string()});
        item["day"] = json!({"S": store::keys::day(at, &domain::OrderId(id))});
        item
    };
    let at = tests::shop::START;
    // In every shard, at the first, some and the last millisecond, and at that of another order.
    let same: i64 = copy["t_new"]["N"].as_str().unwrap().parse().unwrap();
    for (n, at) in [at, at + 12 * HOUR, at + DAY - 1, same, at + 1, at + 2, at + 3, at + 4].into_iter().enumerate() {
        let item = made([u8::try_from(n).unwrap(); 15], at);
        put(&shop, &item);
        assert_eq!(short(&look(&shop).await), [("evidence_added".to_owned(), id_of(&item))], "{at}");
        delete(&shop, &item);
    }
    let mut unlisted = made([9; 15], at);
    unlisted.as_object_mut().unwrap().remove("day");
    let mut elsewhere = made([9; 15], at);
    elsewhere["day"] = json!({"S": "1#1"});
    for item in [unlisted, elsewhere, made([9; 15], at - 1)] {
        put(&shop, &item);
        assert_eq!(short(&look(&shop).await), [("evidence_misdated".to_owned(), id_of(&item))]);
        delete(&shop, &item);
    }
    // One that says it is of today is another audit's: nobody has sealed today.
    put(&shop, &made([9; 15], at + DAY + HOUR));
    assert_eq!(short(&look(&shop).await), []);
}

/// Every value of every file, changed; every file, taken away; and the newest ones with whatever hangs on them.
#[tokio::test(start_paused = true)]
async fn a_file_that_was_changed_or_taken_away_is_named() {
    let mut shop = TestShop::new(1_714).await;
    a_days_work(&mut shop).await;
    assert_eq!(first_night(&shop).await.differences, 0);
    for _ in 0..9 {
        shop.pass(DAY);
        assert_eq!(night(&shop).await.differences, 0);
    }
    let evidence = shop.world.evidence.clone();
    let names = evidence.names().unwrap();
    assert!(names.len() > 20, "{names:?}");
    for name in &names {
        let text = evidence.read(name).unwrap().unwrap();
        evidence.tamper(name, None).unwrap();
        let found = look(&shop).await;
        assert!(found.iter().any(|f| f.what.ends_with("_missing") && f.detail.contains(name)), "{name}: {found:#?}");
        // The next night does not put another in its place, and names it again.
        let again = night(&shop).await;
        assert!(again.findings.iter().any(|f| f.detail.contains(name)), "{name}: {again:#?}");
        assert_eq!(evidence.read(name).unwrap(), None, "{name} was made anew");
        evidence.tamper(name, Some(text)).unwrap();
    }
    assert_eq!(short(&look(&shop).await), []);
    // One of each kind, each with the most in it; of the others every value is of the same kind.
    let kinds =
        ["first.json", "lists/2026-11-22/001/00000.json", "lists/2026-11-22/008/00000.json", "seals/2026-12-01.json"];
    for name in kinds {
        let text = evidence.read(name).unwrap().unwrap();
        let whole: Value = serde_json::from_slice(&text).unwrap();
        let mut places = Vec::new();
        leaves(&whole, String::new(), &mut places);
        for place in places {
            let mut hand = whole.clone();
            let value = hand.pointer_mut(&place).unwrap();
            *value = match &*value {
                Value::String(said) => changed_text(said),
                Value::Number(said) => json!(said.as_i64().unwrap() + 1),
                Value::Null => json!({"shard": 0, "at": 1}),
                other => panic!("{other}"),
            };
            evidence.tamper(name, Some(hand.to_string().into_bytes())).unwrap();
            let found = look(&shop).await;
            let is_named = found.iter().any(|f| f.detail.contains(name) && f.what.contains('_'));
            // A version is said to be another one only in words that this program has.
            assert!(is_named, "{name}{place}: {found:#?}");
        }
        evidence.tamper(name, Some(b"{".to_vec())).unwrap();
        assert!(look(&shop).await.iter().any(|f| f.detail.contains(name)), "{name} does not read");
        evidence.tamper(name, Some(text)).unwrap();
    }
    assert_eq!(short(&look(&shop).await), []);
}

/// Another text of the same kind: of digits, of a date, of letters.
fn changed_text(said: &str) -> Value {
    let last = said.chars().last().unwrap_or('0');
    let next = if last == '1' { '2' } else { '1' };
    json!(format!("{}{next}", &said[..said.len().saturating_sub(1)]))
}

fn leaves(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, one)| leaves(one, format!("{at}/{name}"), found)),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, one)| leaves(one, format!("{at}/{n}"), found)),
        _ => found.push(at),
    }
}
